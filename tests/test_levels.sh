#!/bin/sh
# test_levels.sh - overviews and pages on the command line: what info tells of them, which of them
# pictures, approximate statistics and coarser cells are made of, and how little is read then.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_levels.sh

. "$(dirname "$0")/checks.sh"

gwt=$(absolute "${GWT:?is the command to test}") || exit 2
cd "$box" || exit 2
[ -n "$python" ] || { skip 'all of it' 'no python3'; finish; exit; }

cat >"$tmp/oracle.py" <<'EOT'
import json
import struct
import sys
import zlib

def value(level, x, y):
    return (x // 5 + y // 3 + level * 17 + (x * y) % 7) % 251 + 1


def tiles_of(level, size, tile, full):
    """A level's tiles, deflated; b"" for those that are absent."""
    for row in range(0, size, tile):
        for col in range(0, size, tile):
            yield zlib.compress(bytes(value(level, x, y) for y in range(row, row + tile)
                                      for x in range(col, col + tile))) if full else b""


def directory(data, link, tags):
    packed = []
    for tag, kind, values in sorted(tags):
        raw = struct.pack("<%d%s" % (len(values), {3: "H", 4: "I", 12: "d"}[kind]), *values)
        if len(raw) > 4:
            data += b"\0" * (len(data) % 2)
            packed.append(struct.pack("<HHII", tag, kind, len(values), len(data)))
            data += raw
        else:
            packed.append(struct.pack("<HHI", tag, kind, len(values)) + raw.ljust(4, b"\0"))
    data += b"\0" * (len(data) % 2)
    struct.pack_into("<I", data, link, len(data))
    data += struct.pack("<H", len(packed)) + b"".join(packed) + b"\0" * 4
    return len(data) - 4


def write(path, size, edge, full, place=False):
    """A pyramid of squares, of which only those in `full` have pixels."""
    data, link, level = bytearray(b"II*\0\0\0\0\0"), 4, 0
    while True:
        offsets, counts = [], []
        for tile in tiles_of(level, size, edge, level in full):
            offsets.append(len(data) if tile else 0)
            counts.append(len(tile))
            data += tile
        tags = [(254, 4, [int(level > 0)]), (256, 4, [size]), (257, 4, [size]), (258, 3, [8]),
                (259, 3, [8]), (262, 3, [1]), (277, 3, [1]), (322, 3, [edge]), (323, 3, [edge]),
                (324, 4, offsets), (325, 4, counts)]
        if place and level == 0:
            tags += [(33550, 12, [1., 1., 0.]), (33922, 12, [0., 0., 0., 0., 0., 0.])]
        link = directory(data, link, tags)
        if size <= edge:
            break
        size //= 2
        level += 1
    open(path, "wb").write(data)


def make():
    write("large.tif", 100000, 256, [6, 7])
    write("small.tif", 1100, 512, [0, 1, 2], True)


def stats(answer, level, size):
    """Figures of an overview, by its number, as gwt stats gave them."""
    got = json.load(open(answer))
    values = [value(level, x, y) for y in range(size) for x in range(size)]
    mean = sum(values) / len(values)
    if got.get("approximate") != {"overview": level, "width": size, "height": size}:
        print("approximate:", got.get("approximate"))
    band = got["bands"][0]
    if abs(band["mean"] - mean) > 1e-9 or band["max"] != max(values) or \
            band["valid"] != len(values):
        print("got", band, "mean", mean)


def says(answer, sizes, pages):
    got = json.load(open(answer))
    if got["overview_sizes"] != [[s, s] for s in sizes]:
        print("sizes", got["overview_sizes"])
    if got["overview_places"] != ["directory %d" % (i + 2) for i in range(len(sizes))]:
        print("places", got["overview_places"])
    if [p["directory"] for p in got.get("pages", [])] != pages:
        print("pages", got.get("pages"))


def pixels(path, level, size):
    """A file's only strip or tiles, uncompressed, are a level's pixels."""
    data = open(path, "rb").read()
    at, = struct.unpack_from("<I", data, 4)
    n, = struct.unpack_from("<H", data, at)
    tags = {}
    for i in range(n):
        tag, kind, count, v = struct.unpack_from("<HHII", data, at + 2 + 12 * i)
        tags[tag] = v & 0xffff if kind == 3 and count == 1 else v
    if (tags[256], tags[257]) != (size, size) or tags[322] < size:
        print("size", tags)
        return
    for y in range(size):
        row = data[tags[324] + y * tags[322]:][:size]
        if row != bytes(value(level, x, y) for x in range(size)):
            print("row", y)
            return


{"make": make, "stats": lambda a, l, s: stats(a, int(l), int(s)),
 "says": lambda a, s, p: says(a, json.loads(s), json.loads(p)),
 "pixels": lambda a, l, s: pixels(a, int(l), int(s))}[sys.argv[1]](*sys.argv[2:])
EOT
"$python" "$tmp/oracle.py" make || exit 1

# ---- info ----------------------------------------------------------------------------------------

works 'info of a pyramid' info large.tif
holds 'has its overviews' "$out" '  overviews    9: 50000 x 50000, 25000 x 25000, 12500 x 12500'
works 'info --json' info --json small.tif
check_python 'is as the file' says "$out" '[550, 275]' '[]'
works 'info of a page' info small.tif:2
holds 'which page' "$out" '  page         directory 2'
holds 'its size' "$out" '  size         550 x 550'
refused 'a page that is not there' 1 'small.tif: no directory 4: it has 3' info small.tif:4
refused 'an overview that is not there' 1 \
    'small.tif: no overview 3: it has 2: 550 x 550, 275 x 275' \
    convert small.tif -o no.tif --overview 3
refused 'an overview of none' 2 '--overview' convert small.tif -o no.tif --overview 0

# ---- overviews and pages as inputs ---------------------------------------------------------------

works 'an overview by number' convert small.tif -o two.tif --overview 2 --compress none --quiet
check_python 'has its pixels' pixels two.tif 2 275
works 'an overview as a page' convert small.tif:3 -o page.tif --compress none --quiet
check_python 'has the same' pixels page.tif 2 275
works 'its cells' info two.tif
holds 'are those of the image, wider' "$out" '  pixel size   4, -4'
cp two.tif 'small.tif:3'
works 'a file that is called FILE:3' info small.tif:3
holds 'is that file' "$out" '  pixel size   4, -4'
rm small.tif:3

works 'coarser cells of all pixels' convert small.tif -o all.tif --res 4 --no-overviews --quiet
run convert small.tif -o part.tif --res 4 --compress none --quiet
is 'coarser cells of an overview' "$status" 0
holds 'which is said' "$err" \
    'small.tif: its overview of 275 x 275 pixels is read, as the cells asked for are coarser:'
check_python 'has its pixels' pixels part.tif 2 275
run plan 'b1' small.tif --res 4 --no-probe
holds 'plan: which image is read' "$out" 'small.tif: directory 3, 275 x 275 pixels'
holds 'plan: of how many tiles' "$out" '1 tiles'
works 'plan of all pixels' plan 'b1' small.tif --res 4 --no-probe --no-overviews
holds 'plan: all tiles' "$out" '9 tiles'

# ---- pictures and statistics ---------------------------------------------------------------------

# Bytes that a command and all it starts read, by what Linux counts for the shell around it.
bytes_read() {
    sh -c '"$@" >/dev/null 2>&1 </dev/null; while read -r key n; do
           [ "$key" != rchar: ] || echo "$n"; done </proc/$$/io' sh "$@" 2>/dev/null
}

works 'a picture of 100,000 x 100,000 pixels' quicklook large.tif -o large.png --quiet
works 'of the overview it is made of' quicklook large.tif:7 -o seven.png --quiet
same 'is that picture' large.png seven.png
nothing=$(bytes_read "$gwt" --version)
read=$(bytes_read "$gwt" quicklook large.tif -o large.png --overwrite --quiet)
if [ "${nothing:-0}" -gt 0 ] && [ "${read:-0}" -gt 0 ]; then
    read=$((read - nothing))
    check 'reads less than 2 MB' "$([ $read -lt 2000000 ] && [ $read -gt 100000 ] || echo "$read")"
else skip 'reads less than 2 MB' 'this system does not count'
fi
works 'a small picture' quicklook small.tif -o few.png --size 100 --quiet
works 'of its smallest overview' quicklook small.tif:3 -o three.png --size 100 --quiet
same 'is that picture, too' few.png three.png
works 'a picture of all pixels' quicklook small.tif -o all.png --size 100 --no-overviews --quiet
check 'is another one' "$(cmp -s all.png few.png && echo 'the same')"

works 'approximate statistics' stats small.tif --approx --json --quiet
check_python 'are an overview'"'"'s' stats "$out" 1 550
works 'as text' stats small.tif --approx --quiet
is 'say so' "$(head -1 "$out")" 'approximate, from overview 1: 550 x 550 pixels'
works 'exact statistics' stats small.tif --quiet
is 'do not' "$(grep -c approximate "$out")" 0
works 'approximate ones without an overview' stats two.tif --approx --quiet
is 'are exact' "$(grep -c approximate "$out")" 0
refused 'approximate ones of groups' 2 '--approx is of files' stats small.tif --approx \
    --group-by '{time}.tif'

# ---- damage --------------------------------------------------------------------------------------

# The directory of the smallest overview ends with the file.
works 'before the damage' quicklook small.tif -o good.png --size 100 --quiet
size=$(wc -c <small.tif)
head -c $((size - 20)) small.tif >cut.tif
works 'a picture of a file that ends in an overview' quicklook cut.tif -o cut.png --size 100 --quiet
works 'approximate statistics of it' stats cut.tif --approx --quiet
works 'info of it' info cut.tif
works 'all its pixels' convert cut.tif -o cut_all.tif --quiet
works 'are those of the whole' convert small.tif -o small_all.tif --quiet
same 'indeed' cut_all.tif small_all.tif

finish
