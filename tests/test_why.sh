#!/bin/sh
# test_why.sh - gwt why: that what it says of a pixel is in the files, and is what gwt calc stores.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_why.sh

. "$(dirname "$0")/checks.sh"

gwt=$(absolute "${GWT:?is the command to test}") || exit 2
make_scene=$(absolute "${MAKE_SCENE:?is the program that makes inputs}") || exit 2
cd "$box" || exit 2

cat >"$tmp/oracle.py" <<'EOT'
import json
import math
import random
import struct
import sys


class Tiff:
    """An uncompressed, pixel-interleaved, little-endian TIFF, classic."""
    TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 12: "d", 16: "Q"}
    SAMPLES = {(1, 8): "B", (1, 16): "H", (1, 32): "I", (1, 64): "Q", (2, 8): "b", (2, 16): "h",
               (2, 32): "i", (2, 64): "q", (3, 32): "f", (3, 64): "d"}

    def __init__(self, path):
        self.data = open(path, "rb").read()
        at, = struct.unpack_from("<I", self.data, 4)
        count, = struct.unpack_from("<H", self.data, at)
        self.tags = {}
        for i in range(count):
            tag, kind, n = struct.unpack_from("<HHI", self.data, at + 2 + 12 * i)
            size = n * struct.calcsize(self.TYPES.get(kind, "B"))
            where = at + 10 + 12 * i
            if size > 4:
                where, = struct.unpack_from("<I", self.data, where)
            if kind in self.TYPES:
                values = struct.unpack_from("<%d%s" % (n, self.TYPES[kind]), self.data, where)
                self.tags[tag] = values[0].rstrip(b"\0").decode() if kind == 2 else values
        one = lambda tag, default=None: self.tags.get(tag, (default,))[0]
        assert one(259, 1) == 1 and one(284, 1) == 1
        self.width, self.height, self.bands = one(256), one(257), one(277, 1)
        self.code = self.SAMPLES[one(339, 1), one(258)]
        self.tile = (one(323), one(322)) if 322 in self.tags else (one(278), self.width)
        self.offsets = self.tags[324 if 322 in self.tags else 273]
        self.nodata = float(self.tags[42113].strip()) if 42113 in self.tags else None

    def pixel(self, row, col):
        high, wide = self.tile
        tile = row // high * -(-self.width // wide) + col // wide
        at = self.offsets[tile] + ((row % high * wide + col % wide) * self.bands
                                   * struct.calcsize(self.code))
        return struct.unpack_from("<%d%s" % (self.bands, self.code), self.data, at)

    def is_missing(self, v):
        return v != v or v == self.nodata


def points(result, seed, count, to):
    """COUNT pixels, as X,Y in their cells; half of them missing, where there are so many."""
    tiff, rng = Tiff(result), random.Random(int(seed))
    kinds = {True: [], False: []}
    for row in range(tiff.height):
        for col in range(tiff.width):
            kinds[any(map(tiff.is_missing, tiff.pixel(row, col)))].append((row, col))
    rng.shuffle(kinds[True]), rng.shuffle(kinds[False])
    chosen = kinds[True][:int(count) // 2]
    chosen += kinds[False][:int(count) - len(chosen)]
    assert len(chosen) == int(count) and len(kinds[False]) > 0
    scale, tie = tiff.tags[33550], tiff.tags[33922]
    with open(to, "w") as file:
        for row, col in chosen:
            file.write("%r,%r\n" % (tie[3] + (col + rng.uniform(.1, .9)) * scale[0],
                                    tie[4] - (row + rng.uniform(.1, .9)) * scale[1]))


def number(v):
    return float(v) if v is not None else math.nan


def alike(x, y):
    return x == y or (x != x and y != y)


def agrees(answer, result, count, *sources):
    """What is stored is in RESULT, what it is made of in the files."""
    said, result, wrong, missing = json.load(open(answer)), Tiff(result), 0, 0
    files = {path: Tiff(path) for path in sources}
    if len(said) != int(count):
        print(len(said), "pixels")
    for pixel in said:
        stored = result.pixel(pixel["row"], pixel["col"])
        told = [number(v) for v in pixel["stored"]["values"]]
        if result.code == "f":      # told in the digits that a float needs
            told = struct.unpack("%df" % len(told), struct.pack("%df" % len(told), *told))
        last = [number(v) for v in pixel["values"][-1]["values"]]
        good = len(told) == len(stored) and all(map(alike, told, stored))
        for v, s, how in zip(last, stored, pixel["stored"]["how"]):
            if v != v:
                good = good and result.is_missing(s) and how.startswith("missing")
                missing += 1
            elif how == "rounded":
                good = good and abs(v - s) <= .5 and v != s
            elif how == "saturated":
                good = good and abs(v - s) > .5
            else:
                good = good and how is None and v == s
        for source in pixel["sources"]:
            tiff = files[source["file"]]
            row, col = source["row"], source["col"]
            within = 0 <= row < tiff.height and 0 <= col < tiff.width
            raw = tiff.pixel(row, col)[source["band"] - 1] if within else None
            good = good and alike(number(source["raw"]), number(raw))
            gone = not within or tiff.is_missing(raw)
            good = good and (source["missing"] is not None) == gone
            seen.add((source["missing"] or "").split(" ")[0])
        if not good:
            wrong += 1
            if wrong == 1:
                print("row", pixel["row"], "column", pixel["col"], "of the file:", stored, "told:",
                      json.dumps(pixel))
    if wrong:
        print(wrong, "pixels differ")
    print(len(said), missing, file=open("counts", "a"))


seen = set()
NAMES = {"where": lambda c, a, b: a if c else b, "clip": lambda x, lo, hi: min(max(x, lo), hi),
         "min": min, "max": max, "abs": abs}


def on_the_way(answer):
    """Each part is what python makes of the source values, and of what was named before."""
    for pixel in json.load(open(answer)):
        names = dict(NAMES)
        for source in pixel["sources"]:
            names["b%d" % source["band"]] = number(source["value"])
        for value in pixel["values"]:
            want = eval(value["text"], {}, names)
            got = number(value["values"][0])
            if not (alike(got, want) or abs(got - want) <= 1e-12 * abs(want)):
                print(value["text"], "is", got, "expected", want)
            if value["name"]:
                names[value["name"]] = got


{"points": points, "agrees": agrees, "on_the_way": on_the_way}[sys.argv[1]](*sys.argv[2:])
EOT

"$make_scene" s.tif 120 80 6 none 32 >"$out" 2>&1
"$make_scene" t.tif 120 80 6 none 0 2 >>"$out" 2>&1
check "scenes" "$(grep -v '^$' "$out" | grep -i 'usage\|error')"

# ---- 1,000 pixels of 20 expressions --------------------------------------------------------------

# why EXPR OPTION.. - of s.tif; and t.tif, where there is a word "both" first.
seed=0
why() {
    expression=$1 inputs=s.tif
    shift
    if [ "${1:-}" = both ]; then inputs='s.tif t.tif'; shift; fi
    seed=$((seed + 1))
    # shellcheck disable=SC2086  # two files
    works "calc $expression $*" calc "$expression" $inputs -o r.tif --overwrite --quiet "$@"
    check_python "50 pixels of it" points r.tif $seed 50 points.txt
    # shellcheck disable=SC2086
    works "why" why "$expression" $inputs --points points.txt --json "$@"
    cp "$out" why.json
    # shellcheck disable=SC2086
    check_python "why agrees with the file" agrees why.json r.tif 50 $inputs
}
why b1
why 'b1 + b2 * 2'
why 't = b1 / b2; t * t - 1'
why '(b1 - b2) / (b1 + b2)' --dtype float32 --dst-nodata -9
why 'b1 / 40' --dtype uint8 --nodata 0
why 'ndvi()'
why 'where(b1 > b2, b3, b4)'
why 'b1 > b2 && !(b3 == b4)'
why 'clip(b1, 5000, 9000) ** 0.5'
why 'moving_mean(b1, 5)'
why 'moving_percentile(b2, 7, 90) - b2'
why 'max(b1, b2)' --window 10,20,40,50
why 'mean(a, band)' -b 4,2,1
why 'a' -b 6,1
why 'a - 7000' --dtype int16 --dst-nodata -1
why 'red + nir' --every 3
why 'a.b1 - b.b1' both
why 'mean(a)' both --stack time
why 'a[2].b3 - a[1].b3' both --stack time
why 'b9 - b1' both --stack band
why 'b1' both --mosaic max --res 45 --resample bilinear
is "pixels in all" "$(awk '{ n += $1 } END { print n }' counts 2>/dev/null)" "${python:+1050}"
[ -z "$python" ] || check "many of them missing" \
    "$(awk '{ n += $2 } END { if (n < 300) print n }' counts)"

why 't = (b1 + b2) / 2; u = t * t # squared
    ; max(u - b3, abs(-b2)) ' -b 1,2,3
check_python "each part is what python makes of it" on_the_way why.json
is "as many parts" "$(grep -c '"text"' why.json)" 500
holds "one with its name" why.json '{"text": "(b1 + b2) / 2", "name": "t", '
holds "comments are left out" why.json '{"text": "t * t", "name": "u", '

# ---- as text -------------------------------------------------------------------------------------

tiny "$(description green)" >tiny.tif
works "as text" why 'half = b1 / 2; half + 1' tiny.tif --rowcol 1,2 --rowcol 2,0 --dtype uint8
cat >"$tmp/text" <<'EOT'
row 1, column 2 (x 2.5, y 1.5)
  sources
    tiny.tif band 1 (green) row 1 column 2: 7
  values
    b1: 7
    half = b1 / 2: 3.5
    half + 1: 4.5
  stored as uint8
    4: rounded

row 2, column 0 (x 0.5, y 2.5)
  sources
    tiny.tif band 1 (green) row 2 column 0: 255, missing (nodata 255)
  values
    b1: missing
    half = b1 / 2: missing
    half + 1: missing
  stored as uint8
    nothing: it is missing, and there is no nodata value: gwt calc fails
EOT
same "all of it" "$out" "$tmp/text"
works "scaled, on another grid" why 'b1' tiny.tif --at 3.9,0.2 --scale 2 --offset 1
holds "the value in the expression" "$out" 'row 0 column 3: 4, which is 9 in the expression'
works "a value that is nodata" why 'b1 * 0 + 255' tiny.tif --rowcol 0,0 \
    --dtype uint8 --dst-nodata 255
holds "it is said" "$out" '255: equals nodata: reads as missing'
works "saturated" why 'b1 * -1' tiny.tif --rowcol 0,0 --dtype uint8
holds "it is said, too" "$out" '0: saturated'
works "all bands of an index" why 'ndvi()' s.tif --rowcol 40,60
is "each is listed" "$(grep -c '^    s.tif band' "$out")" 6
works "places read no pixels" why 'x() + 0' s.tif --rowcol 40,60
is "none is listed" "$(grep -c '^    s.tif band' "$out")" 0

for n in 1 2; do
    run calc b$n s.tif -o g_one_B$n.tif -q
    run calc b$n t.tif -o g_two_B$n.tif -q
done
works "grouped files" why 'a[2].B2 - a[1].B1' g_*.tif --group-by 'g_{scene}_{band}.tif' \
    --rowcol 40,60 --json
is "of each value its file" "$(sed -n 's/^  {"file": "\(.*\)", "band": \([0-9]\),.*/\1 \2/p' "$out" |
    paste -s -d ' ' -)" 'g_two_B2.tif 1 g_one_B1.tif 1'

# ---- what is refused -----------------------------------------------------------------------------

refused "no pixel" 2 "--rowcol" why b1 tiny.tif
refused "no file" 2 "an expression and at least one file" why b1
refused "half a place" 2 "'5'" why b1 tiny.tif --at 5
refused "three numbers" 2 "'5,6,7'" why b1 tiny.tif --at 5,6,7
refused "no number" 2 "'x,y'" why b1 tiny.tif --at x,y
refused "half a row" 2 "'0.5,1'" why b1 tiny.tif --rowcol 0.5,1
refused "a negative row" 2 "'-1,1'" why b1 tiny.tif --rowcol -1,1
refused "no such points" 1 "no.txt" why b1 tiny.tif --points no.txt
echo '1 2 3' >bad.txt
refused "bad points" 1 "bad.txt: line 1" why b1 tiny.tif --points bad.txt
refused_in "a bad expression" 1 "b7" why b7 tiny.tif --rowcol 0,0
refused "outside" 1 "--rowcol 3,0 lies outside" why b1 tiny.tif --rowcol 3,0
refused "outside, by place" 1 "--at -0.5,0 lies outside" why b1 tiny.tif --at -0.5,0

finish
