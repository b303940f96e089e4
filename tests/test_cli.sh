#!/bin/sh
# test_cli.sh - the command `gwt` from outside: what it prints and where, its exit status, and what
# it leaves in the directory.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_cli.sh
#
# Figures and pixels are compared with files written here byte by byte, and with what python3 makes
# of the pixels it reads by itself, with nothing but its standard library.

. "$(dirname "$0")/checks.sh"

# As a person sees it: tabs expanded, and of each UTF-8 sequence one byte.
columns() { expand | sed "s/[$(printf '\200')-$(printf '\277')]//g"; }

# caret EXPR REST FILE - a bad expression: message, expression, and a caret under where REST begins.
caret() {
    before=$(snapshot)
    run calc -o no.tif -- "$1" "$3"
    after=$(snapshot)
    wrong=$(not_refused 1 3 '')
    [ "$before" = "$after" ] || wrong="$wrong left behind: $(ls -A "$box")"
    shown=$(sed -n 2p "$err" | columns) pointer=$(sed -n 3p "$err" | columns)
    blank=${pointer%^}
    if [ "$blank^" != "$pointer" ] || [ -n "$(printf %s "$blank" | tr -d ' ')" ]; then
        wrong="$wrong no caret: $(cat "$err")"
    else
        rest=$(printf %s "$shown" | cut -c "$((${#blank} + 1))-")
        [ "$rest" = "$2" ] || wrong="$wrong caret at '$rest': $(cat "$err")"
    fi
    check "caret: $(printf %s "$1" | tr '\n' ' ')" "$wrong"
}

# ---- files to work on ----------------------------------------------------------------------------

gwt=$(absolute "${GWT:?is the command to test}") || exit 2
make_scene=$(absolute "${MAKE_SCENE:?is the program that makes scenes}") || exit 2
mkdir "$tmp/bin"
chmod 755 "$tmp" "$tmp/bin" "$box"
# A copy, which a user who may not look into the build can run too.
cp "$gwt" "$tmp/bin/gwt" && "$tmp/bin/gwt" --version >"$out" 2>&1 && gwt=$tmp/bin/gwt
cd "$box" || exit 2

"$make_scene" strips.tif 120 80 3 none 0 && "$make_scene" tiles.tif 120 80 3 lzw 32 &&
"$make_scene" deflate.tif 120 80 3 deflate 32 && "$make_scene" wide.tif 121 80 3 lzw 32 &&
"$make_scene" six.tif 120 80 6 none 0 &&
"$make_scene" large.tif 300 200 3 lzw 64 && "$make_scene" large_strips.tif 300 200 3 none 0 ||
    { echo "make_scene does not work"; exit 1; }
tiny >tiny.tif
tiny "$(description 'a &quot;b&quot; \ &lt;c&gt; é')" >named.tif
tiny "$(description 'é')" >accent.tif

# ---- what python3 makes of it --------------------------------------------------------------------

cat >"$tmp/oracle.py" <<'PYTHON'
"""Reads uncompressed little-endian TIFFs and PNGs by itself; prints what is wrong, or nothing."""
import array, json, math, struct, sys, zlib

TYPES = {(8, 1): "B", (8, 2): "b", (16, 1): "H", (16, 2): "h", (32, 1): "I", (32, 2): "i",
         (64, 1): "Q", (64, 2): "q", (32, 3): "f", (64, 3): "d"}
NAMES = {"B": "uint8", "b": "int8", "H": "uint16", "h": "int16", "I": "uint32", "i": "int32",
         "Q": "uint64", "q": "int64", "f": "float32", "d": "float64"}


class Tiff:
    """width, height, bands, type (as of array), nodata (or None), planes (one array a band)."""

    def __init__(self, path):
        self.data = open(path, "rb").read()
        assert self.data[:4] == b"II*\0", path
        tags = self.directory()
        assert tags.get(259, [1])[0] == 1, "compressed: " + path
        self.width, self.height, self.bands = tags[256][0], tags[257][0], tags.get(277, [1])[0]
        self.type = TYPES[tags[258][0], tags.get(339, [1])[0]]
        text = bytes(tags[42113]).split(b"\0")[0].decode() if 42113 in tags else None
        self.nodata = None if text is None else float(text)
        chunky = tags.get(284, [1])[0] == 1 or self.bands == 1
        assert chunky, "planar: " + path
        cols, rows = (tags[322][0], tags[323][0]) if 322 in tags else (self.width, tags[278][0])
        self.planes = [array.array(self.type, bytes(self.size() * self.width * self.height))
                       for _ in range(self.bands)]
        across = -(-self.width // cols)
        offsets, counts = tags.get(324) or tags[273], tags.get(325) or tags[279]
        for i, (at, count) in enumerate(zip(offsets, counts)):
            block = array.array(self.type, self.data[at:at + count])
            if sys.byteorder == "big":
                block.byteswap()
            self.place(block, i // across * rows, i % across * cols, cols)

    def size(self):
        return array.array(self.type).itemsize

    def directory(self):
        codes = {1: "B", 2: "B", 3: "H", 4: "I", 12: "d", 16: "Q"}
        at = struct.unpack_from("<I", self.data, 4)[0]
        tags = {}
        for i in range(struct.unpack_from("<H", self.data, at)[0]):
            tag, kind, count = struct.unpack_from("<HHI", self.data, at + 2 + 12 * i)
            form = "<%d%s" % (count, codes[kind])
            where = at + 10 + 12 * i
            if struct.calcsize(form) > 4:
                where = struct.unpack_from("<I", self.data, where)[0]
            tags[tag] = struct.unpack_from(form, self.data, where)
        return tags

    def place(self, block, top, left, cols):
        across = min(cols, self.width - left)
        for r in range(min(len(block) // (cols * self.bands), self.height - top)):
            row = block[r * cols * self.bands:(r * cols + across) * self.bands]
            to = (top + r) * self.width + left
            for b in range(self.bands):
                self.planes[b][to:to + across] = row[b::self.bands]


def close(a, b, relative):
    return a == b or abs(a - b) <= relative * max(abs(a), abs(b))


def figures(tiff):
    """What `gwt stats` is to say of each band."""
    bands = []
    for number, plane in enumerate(tiff.planes, 1):
        valid = [v for v in plane if v != tiff.nodata and v == v]
        mean = math.fsum(valid) / len(valid)
        std = math.sqrt(math.fsum((v - mean) ** 2 for v in valid) / len(valid))
        raw = array.array(plane.typecode, plane)
        if sys.byteorder == "big":
            raw.byteswap()
        bands.append({"band": number, "min": min(valid), "max": max(valid), "mean": mean,
                      "std": std, "valid": len(valid), "infinite": 0,
                      "crc32": "%08x" % zlib.crc32(raw.tobytes())})
    return bands


def stats_json(path, answer):
    said = json.load(open(answer))
    if list(said) != ["bands"]:
        print("keys", list(said))
    expected = figures(Tiff(path))
    if len(said["bands"]) != len(expected):
        print(len(said["bands"]), "bands")
    for want, got in zip(expected, said["bands"]):
        if sorted(want) != sorted(got):
            print("keys", sorted(got))
        for key in want:
            if want[key] != got[key] and not (key in ("mean", "std") and
                                              close(want[key], got[key], 1e-12)):
                print("band", want["band"], key, "is", got[key], "expected", want[key])


def stats_text(path, answer):
    lines = open(answer).read().split("\n")
    for want, line in zip(figures(Tiff(path)), lines[1:]):
        numbers = ["%.7g" % want[k] for k in ("min", "max", "mean", "std")]
        expected = ["%d" % want["band"]] + numbers + ["%d" % want["valid"], want["crc32"]]
        if line.split() != expected:
            print("got", line.split(), "expected", expected)


def info_keys(answer):
    expected = ("file width height bands dtype transform bounds epsg nodata tile compression "
                "interleave overviews bigtiff area_or_point scales offsets descriptions colors "
                "overview_sizes crs metadata texts").split()
    got = list(json.load(open(answer)))
    if sorted(got) != sorted(expected):
        print("keys", got)


def info_descriptions(answer, *expected):
    got = json.load(open(answer, encoding="utf-8"))["descriptions"]
    if got != list(expected):
        print("got", got, "expected", list(expected))


def as_stored(value, code):
    """Rounded to nearest, ties to even, and saturated."""
    if code == "d":
        return value
    if code == "f":
        return struct.unpack("f", struct.pack("f", value))[0]
    bits, signed = 8 * array.array(code).itemsize, code.islower()
    lo, hi = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return min(max(round(value), lo), hi)


FUNCTIONS = {"where": lambda c, a, b: a if c else b, "clip": lambda x, lo, hi: min(max(x, lo), hi),
             "norm_diff": lambda x, y: (y - x) / (y + x), "exp": math.exp, "log": math.log,
             "tanh": math.tanh, "sqrt": math.sqrt, "abs": abs, "min": min, "max": max, "pow": pow,
             "nan": math.nan}


def values(scene, result, expression, dtype, nodata, missing, relative):
    """RESULT is EXPRESSION of SCENE's bands, but MISSING where one is NODATA ("none": no value)."""
    scene, result, code = Tiff(scene), Tiff(result), compile(expression, "expression", "eval")
    nodata = None if nodata == "none" else float(nodata)
    stored = None if missing == "none" else float(missing)
    if NAMES[result.type] != dtype:
        print("type", NAMES[result.type])
    if (result.width, result.height) != (scene.width, scene.height):
        print("size", result.width, result.height)
    if not (result.nodata == stored or (stored != stored and result.nodata != result.nodata)):
        print("nodata", result.nodata, "expected", stored)
    different = seen = 0
    for i, got in enumerate(result.planes[0]):
        bands = {"b%d" % (b + 1): float(plane[i]) for b, plane in enumerate(scene.planes)}
        if any(bands[name] == nodata for name in bands if name in code.co_names):
            want = math.nan if stored is None else stored
            seen += 1
        else:
            want = as_stored(float(eval(code, FUNCTIONS, bands)), result.type)
        if not (close(got, want, float(relative)) or (got != got and want != want)):
            different += 1
            if different == 1:
                print("at pixel", i, "got", got, "expected", want)
    if different:
        print(different, "pixels differ")
    if not 0 < seen < len(result.planes[0]) and nodata is not None:
        print("this tests nothing:", seen, "missing pixels")


def differences(result, want, half=False):
    """RESULT's planes are WANT, numbers or None where missing; HALF: rounded, up or down."""
    if len(result.planes) != len(want):
        print(len(result.planes), "bands, expected", len(want))
    different = 0
    for b, (plane, numbers) in enumerate(zip(result.planes, want)):
        if len(plane) != len(numbers):
            print("band", b + 1, "has", len(plane), "pixels, expected", len(numbers))
        for i, (got, number) in enumerate(zip(plane, numbers)):
            if number is None:
                good = got != got or got == result.nodata
            else:
                good = abs(got - number) <= 0.5 + 1e-9 if half else close(got, number, 1e-13)
            if not good:
                different += 1
                if different == 1:
                    print("band", b + 1, "pixel", i, "got", got, "expected", number)
    if different:
        print(different, "values differ")
    if not any(v is not None for plane in want for v in plane):
        print("this tests nothing")


def valid(tiff, band):
    """A plane with None for what is missing."""
    return [None if v == tiff.nodata or v != v else v for v in tiff.planes[band]]


def part(scene, result, row, col, rows, cols, step, *bands):
    """RESULT is every STEP-th pixel of a window of these bands of SCENE, in its type."""
    scene, result = Tiff(scene), Tiff(result)
    row, col, rows, cols, step = (int(v) for v in (row, col, rows, cols, step))
    if (result.type, result.nodata) != (scene.type, scene.nodata):
        print("type", result.type, "nodata", result.nodata)
    if (result.width, result.height) != (-(-cols // step), -(-rows // step)):
        print("size", result.width, result.height)
    differences(result, [[scene.planes[int(b) - 1][y * scene.width + x]
                          for y in range(row, row + rows, step)
                          for x in range(col, col + cols, step)] for b in bands])


def planes(result, *files):
    """RESULT is the bands of FILES, one after the other, in their type."""
    result, files = Tiff(result), [Tiff(f) for f in files]
    if (result.type, result.nodata) != (files[0].type, files[0].nodata):
        print("type", result.type, "nodata", result.nodata)
    differences(result, [plane for f in files for plane in f.planes])


def statistic(name, numbers):
    """Of numbers of which None are missing."""
    there = [v for v in numbers if v is not None]
    if name == "count":
        return len(there)
    if not there:
        return None
    mean = math.fsum(there) / len(there)
    variance = math.fsum((v - mean) ** 2 for v in there) / len(there)
    if name.startswith("percentile:"):
        return percentile(sorted(there), float(name[11:]) / 100)
    return {"mean": mean, "sum": sum(there), "min": min(there), "max": max(there),
            "var": variance, "std": math.sqrt(variance), "median": percentile(sorted(there), 0.5),
            "first": there[0], "last": there[-1], "argmax": numbers.index(max(there)),
            "range": max(there) - min(there), "mode": min(there, key=lambda v: (-there.count(v), v)),
            "all": int(all(there)), "any": int(any(there)),
            "skew": None if len(set(there)) == 1 else
                    math.fsum((v - mean) ** 3 for v in there) / len(there) / variance ** 1.5}[name]


def reduced(result, name, dim, *files):
    """RESULT is a statistic over the files ("time") or over the bands of each ("band")."""
    result, files = Tiff(result), [Tiff(f) for f in files]
    planes = [[valid(f, b) for b in range(f.bands)] for f in files]
    if dim == "time":
        planes = list(zip(*planes))
    kept = {"min": "H", "max": "H", "first": "H", "last": "H", "count": "i", "argmax": "i",
            "mode": "H", "all": "B", "any": "B"}
    if result.type != kept.get(name, "d"):
        print("type", NAMES[result.type])
    differences(result, [[statistic(name, pixel) for pixel in zip(*group)] for group in planes])
    gaps = [pixel.count(None) for group in planes for pixel in zip(*group)]
    if dim == "time" and len(files) > 1 and not any(0 < n < len(files) for n in gaps):
        print("this tests nothing: no pixel is missing in one only")


def mosaic(result, name, top, left, height, width, *pieces):
    """RESULT has, of what lies there of FILE ROW COL.., the mean, min, max, first or last."""
    result, top, left, height, width = Tiff(result), int(top), int(left), int(height), int(width)
    if (result.width, result.height) != (width, height):
        print("size", result.width, result.height)
    files = [(Tiff(f), int(row), int(col))
             for f, row, col in zip(pieces[::3], pieces[1::3], pieces[2::3])]
    want = []
    for band in range(files[0][0].bands):
        planes, pixels = [valid(f, band) for f, _, _ in files], []
        for y in range(top, top + height):
            for x in range(left, left + width):
                there = [plane[(y - row) * f.width + x - col]
                         for (f, row, col), plane in zip(files, planes)
                         if 0 <= y - row < f.height and 0 <= x - col < f.width]
                pixels.append(statistic(name, there))
        want.append(pixels)
    differences(result, want)


def resampled(source, result, how):
    """Three pixels in a row of RESULT (of SOURCE) are one of SOURCE (of RESULT), which is in the
    middle: by AVERAGE of nine pixels, by BILINEAR or CUBIC interpolation of four or sixteen."""
    source, result = Tiff(source), Tiff(result)
    plane, wide, high = valid(source, 0), source.width, source.height
    want = []
    for y in range(result.height):
        for x in range(result.width):
            if how == "average":
                near = [plane[v * wide + u] for v in range(3 * y - 1, 3 * y + 2)
                        for u in range(3 * x - 1, 3 * x + 2) if 0 <= u < wide and 0 <= v < high]
                want.append(statistic("mean", near))
                continue
            number = reach(plane, wide, high, x, y, how)
            want.append(result.planes[0][len(want)] if number == "any" else number)
    if sum(v is not None for v in want) < len(want) / 2:
        print("this tests little")
    differences(result, [want], half=True)


def reach(plane, wide, high, x, y, how):
    """Interpolated at a third of the pixels; "any" where what is around is not all there."""
    weights = {"bilinear": lambda t: [(0, 1 - t), (1, t)],
               "cubic": lambda t: [(-1, -t * (1 - t) ** 2 / 2), (0, (3 * t - 5) * t * t / 2 + 1),
                                   (1, ((4 - 3 * t) * t + 1) * t / 2),
                                   (2, (t - 1) * t * t / 2)]}[how]
    total = 0
    for j, down in weights(y % 3 / 3):
        for i, right in weights(x % 3 / 3):
            v, u = y // 3 + j, x // 3 + i
            if not (0 <= u < wide and 0 <= v < high) or plane[v * wide + u] is None:
                return "any"
            total += down * right * plane[v * wide + u]
    return total


def moved(scene, result, name, window):
    """RESULT is a statistic of the window around every pixel; the image is mirrored at its edges,
    the edge pixel repeated."""
    scene, result, half = Tiff(scene), Tiff(result), int(window) // 2
    plane, wide, high = valid(scene, 0), scene.width, scene.height

    def inside(i, size):
        return -1 - i if i < 0 else 2 * size - 1 - i if i >= size else i

    differences(result, [[statistic(name, [plane[inside(y + j, high) * wide + inside(x + i, wide)]
                                           for j in range(-half, half + 1)
                                           for i in range(-half, half + 1)])
                          for y in range(high) for x in range(wide)]])


def read_png(path):
    """width, height, rows of R G B A."""
    data, at, parts = open(path, "rb").read(), 8, {}
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8:at + 8 + length]
        if zlib.crc32(kind + body) != struct.unpack_from(">I", data, at + 8 + length)[0]:
            print("bad CRC in", kind)
        parts[kind] = parts.get(kind, b"") + body
        at += 12 + length
    if kind != b"IEND" or at != len(data):
        print("does not end in IEND")
    width, height, depth, colour, packed, filtering, interlaced = struct.unpack(
        ">IIBBBBB", parts[b"IHDR"])
    assert (depth, colour, packed, filtering, interlaced) == (8, 6, 0, 0, 0)
    raw, rows, above = zlib.decompress(parts[b"IDAT"]), [], bytes(4 * width)
    if len(raw) != height * (4 * width + 1):
        print("holds", len(raw), "bytes of pixels")
    for y in range(height):
        line = raw[y * (4 * width + 1):(y + 1) * (4 * width + 1)]
        above = unfilter(line[0], line[1:], above)
        rows.append(above)
    return width, height, rows


def unfilter(kind, line, above):
    row = bytearray()
    for i, byte in enumerate(line):
        left, corner = (row[i - 4], above[i - 4]) if i >= 4 else (0, 0)
        up = above[i]
        guess = left + up - corner
        paeth = min((abs(guess - left), 0, left), (abs(guess - up), 1, up),
                    (abs(guess - corner), 2, corner))[2]
        row.append((byte + (0, left, up, (left + up) // 2, paeth)[kind]) & 255)
    return bytes(row)


def picture(scene, png, *bands):
    """Channels stretched from the 2nd to the 98th percentile; transparent where one is missing."""
    scene = Tiff(scene)
    width, height, rows = read_png(png)
    if (width, height) != (scene.width, scene.height):
        print("size", width, height)
        return
    pixels = b"".join(rows)
    planes = [scene.planes[int(b) - 1] for b in bands]
    clear = [any(p[i] == scene.nodata for p in planes) for i in range(width * height)]
    if not 0 < sum(clear) < len(clear):
        print("this tests nothing:", sum(clear), "missing pixels")
    wrong = sum(pixels[4 * i + 3] != (0 if clear[i] else 255) for i in range(len(clear)))
    if wrong:
        print(wrong, "pixels of the wrong transparency")
    if len(planes) == 1:
        greys = sum(not clear[i] and len(set(pixels[4 * i:4 * i + 3])) == 1
                    for i in range(len(clear)))
        if greys:
            print(greys, "grey pixels where pseudo-colour was to be")
        return
    for c, plane in enumerate(planes):
        valid = sorted(v for v in plane if v != scene.nodata)
        lo, hi = (percentile(valid, f) for f in (0.02, 0.98))
        wrong = sum(abs(pixels[4 * i + c] - 255 * min(max((v - lo) / (hi - lo), 0), 1)) > 1.01
                    for i, v in enumerate(plane) if not clear[i])
        if wrong:
            print("channel", c, "is wrong at", wrong, "pixels")


def percentile(ordered, fraction):
    place = fraction * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def on_terminal(bar, *command):
    """Run on a terminal of its own; BAR: whether it is to draw one."""
    import os, pty, re
    child, terminal = pty.fork()
    if child == 0:
        os.execv(command[0], command)
    shown = b""
    while True:
        try:
            more = os.read(terminal, 4096)
        except OSError:
            break
        if not more:
            break
        shown += more
    status = os.waitpid(child, 0)[1]
    if status:
        print("status", status)
    drawn = re.findall(rb"\r\[[^\]]*\] +(\d+) %[^\r\n]*/s[^\r\n]* s left", shown)
    done = re.search(rb"100 %[^\r\n]*\r?\n", shown)
    if bar == "bar" and not (drawn and done):
        print("no bar with rate and time left, or no end of it:", shown)
    if bar == "none" and shown:
        print("shown:", shown)


def trace(path, workers):
    """A trace of so many workers, who read, decoded, computed and wrote; with its samples."""
    with open(path) as file:
        dump = json.load(file)
    events = dump["traceEvents"]
    if dump["otherData"]["workers"] != int(workers):
        print("workers:", dump["otherData"]["workers"])
    for stage in ("read", "decode", "compute", "write"):
        if not any(e["ph"] == "X" and e["name"] == stage for e in events):
            print("no", stage)
    for counter in ("memory", "cpu", "cache"):
        if not any(e["ph"] == "C" and e["name"] == counter for e in events):
            print("no", counter)


arguments = sys.argv[1:]
globals()[arguments[0]](*arguments[1:])
PYTHON

# ---- help, version, usage ------------------------------------------------------------------------

# helps TEXT.. -- ARGUMENT.. - status 0, all on stdout, which holds every TEXT.
helps() {
    texts=
    while [ "$1" != -- ]; do texts="$texts $1"; shift; done
    shift
    run "$@"
    wrong=$(not_done)
    case $(cat "$out") in "usage: gwt "*) ;; *) wrong="$wrong begins '$(head -n 1 "$out")'" ;; esac
    for text in $texts; do
        grep -qwF -e "$text" "$out" || wrong="$wrong no $text"
    done
    check "gwt $*" "$wrong"
}

before=$(snapshot)
common='--help'
calc="--output -o --dtype --compress --level --predictor --tile-size --chunks --sensor --nodata --scale
      --stack --mosaic --sort --bounds-by --reference --res --resample --scale-data --band-names --window
      --bounds --every --select --reduce -j --overwrite --quiet --watch --profile --summary $common"
for words in --help -h help; do helps info stats calc quicklook visualize --version -- $words; done
for words in --help -h; do
    helps --json $common -- info $words
    helps --json -j $common -- stats $words
    # shellcheck disable=SC2086  # several texts
    helps $calc -- calc $words
    helps --output -o -j --overwrite --quiet $common -- quicklook $words
done
for command in info stats calc quicklook; do helps "$common" -- help $command; done
# shellcheck disable=SC2086  # several texts
helps $calc -- calc b1 strips.tif -o no.tif --help
helps --json -- info no.tif --json --help
is "help does nothing else" "$(snapshot)" "$before"

works "gwt --version" --version
version=$(sed -n 's/^#define GWT_VERSION_[MP][A-Z]* \([0-9]*\)$/\1/p' "$here/../gwt.h" | paste -s -d . -)
is "the version is the header's" "$(head -n 1 "$out")" "gwt $version"
check "and what it was built of" "$(for word in compiler libtiff zlib codecs MPI 'loops for'; do
    grep -q "^$word  *[^ ]" "$out" || echo "no $word in: $(cat "$out")"
done)"

refused "no command" 2 "--help"
refused "an empty command" 2 "--help" ''
refused "an unknown command" 2 "'inf'" inf tiny.tif
refused "an unknown option first" 2 "'--nosuch'" --nosuch
refused "help for an unknown command" 2 "'inf'" help inf
refused "info without a file" 2 "gwt info --help" info
works "info of two files" info strips.tif tiny.tif
refused "info: an unknown option" 2 "'--nosuch'" info --nosuch tiny.tif
refused "info: an unknown letter" 2 "'-z'" info -z tiny.tif
refused "info: half an option" 2 "'--js'" info --js tiny.tif
refused "stats without a file" 2 "gwt stats --help" stats --json
refused "a flag with a value" 2 "--json" stats tiny.tif --json=yes
refused "calc without anything" 2 "gwt calc --help" calc
refused "calc without a file" 2 "gwt calc --help" calc b1 -o no.tif
refused "calc without -o" 2 "-o" calc b1 strips.tif
refused "-o without a name" 2 "--output" calc b1 strips.tif -o
refused "-o with an option for a name" 2 "--output" calc b1 strips.tif -o --quiet
refused "an expression that begins with -" 2 "--" calc -b1 strips.tif -o no.tif
refused "quicklook without a file" 2 "gwt quicklook --help" quicklook -o no.png
refused "quicklook without -o" 2 "-o" quicklook strips.tif

for value in 0 257 x -1 '' ' 1' 1.5 2x 99999999999999999999; do
    refused "calc -j '$value'" 2 "256" calc b1 strips.tif -o no.tif -j "$value"
done
for value in 0 257 x; do
    refused "stats -j $value" 2 "256" stats strips.tif -j "$value"
    refused "quicklook -j $value" 2 "256" quicklook strips.tif -o no.png -j "$value"
done
for value in 0 -1 99999999999 x '' 0x20 1e3; do
    refused "calc --chunks '$value'" 2 "--chunks" calc b1 strips.tif -o no.tif --chunks "$value"
done
usage_of_calc() {  # OPTION VALUE..
    option=$1
    shift
    for value do
        refused "calc $option '$value'" 2 "$option" calc b1 strips.tif -o no.tif "$option" "$value"
    done
}
usage_of_calc --dtype uint12 float '' 8
usage_of_calc --level 0 -3 x
usage_of_calc --predictor 0 4 two
usage_of_calc --tile-size 0 -16 x 99999
usage_of_calc --nodata '' no 1x 1e999 "- 1"
usage_of_calc --scale x ''
usage_of_calc --interleave line
usage_of_calc --bigtiff perhaps
usage_of_calc --tag KEY =VALUE ''
usage_of_calc --stack x '' times
usage_of_calc --mosaic median ''
usage_of_calc --sort name
usage_of_calc --bounds-by all
usage_of_calc --resample linear
usage_of_calc --res 0 -3 x ''
usage_of_calc --every 0 -2 x 1.5
usage_of_calc --window '' 1,2 1,2,3 1,2,3,4,5 1,2,3, ,1,2,3 1,,2,3 1,2,x,4 1.5,2,3,4 -1,2,3,4 \
    '1, 2,3,4' 1,2,3,99999999999
usage_of_calc --bounds '' 1,2 1,2,3,4,5 a,b,c,d 1,2,3,nan 1,2,inf,3 1,2,3,1e999 1,2,3, '1, 2,3,4'
usage_of_calc --band-names '' , a, ,a a,,b
usage_of_calc --select '' , 1, 1,,2
usage_of_calc --reduce '' avg meen mean, mean,x mean,time,band ,time mean:3 mean: percentile \
    percentile: percentile:101 percentile:-1 percentile:x percentile:nan percentile:5:6 \
    'percentile: 5' percentile,90
refused "--window: what is wanted" 2 "--window wants ROW,COL,ROWS,COLS, not '1,2'" \
    calc b1 strips.tif -o no.tif --window 1,2
refused "--bounds=: what is wanted" 2 "--bounds wants LEFT,BOTTOM,RIGHT,TOP, not '-1,2'" \
    calc b1 strips.tif -o no.tif --bounds=-1,2
refused "a flag with a value: --scale-data" 2 "--scale-data" \
    calc b1 strips.tif -o no.tif --scale-data=2
refused "a heading of the help is no option" 2 "'--run'" calc b1 strips.tif -o no.tif --run 1
refused "--stack and --mosaic" 2 "--mosaic" \
    calc a strips.tif tiles.tif -o no.tif --stack time --mosaic mean
refused "two outputs without expressions" 2 "'no.tif'" calc b1 strips.tif -o no.tif -o no.tif
refused "an output with and one without" 2 "'no.tif'" calc strips.tif -o n.tif=b1 -o no.tif
refused "the same, the other way round" 2 "'no.tif'" calc strips.tif -o no.tif -o n.tif=b1
refused "an output without a name" 2 "'=b1'" calc strips.tif -o n.tif=b2 -o =b1
refused "an output with an empty expression" 2 "'n.tif='" calc strips.tif -o no.tif=b2 -o n.tif=
refused "two outputs of one name" 2 "no.tif" calc strips.tif -o no.tif=b1 -o n.tif=b2 -o no.tif=b2
refused "several outputs and no file" 2 "gwt calc --help" calc -o no.tif=b1 -o n.tif=b2
refused "one output, its expression, and no file" 2 "gwt calc --help" calc b1 -o no.tif=b1
refused "one output, its expression, and a file that is not there" 2 "typo.tif: no such file" \
    calc typo.tif -o no.tif=b1
many=
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do many="$many -o n$i.tif=b1*$i"; done
# shellcheck disable=SC2086  # several words
refused "seventeen outputs" 2 "16" calc strips.tif $many -o n17.tif=b1
for value in 0 -5 8193 x; do
    refused "quicklook --size $value" 2 "--size" quicklook strips.tif -o no.png --size "$value"
done
for value in 1,2 1,2,3,4 0 x '' 1,,3 -1 red; do
    refused "quicklook --bands '$value'" 2 "--bands" quicklook strips.tif -o no.png --bands "$value"
done

# ---- refused: inputs -----------------------------------------------------------------------------

# refused_by_all NAME STATUS TEXT FILE [COMMAND..] - by each COMMAND, else by all of them.
refused_by_all() {
    what=$1 with=$2 why=$3 file=$4
    shift 4
    [ $# -gt 0 ] || set -- info stats calc quicklook
    for command do
        case $command in
        info) refused "info: $what" "$with" "$why" info "$file" ;;
        stats) refused "stats: $what" "$with" "$why" stats --json "$file" ;;
        calc) refused "calc: $what" "$with" "$why" calc b1 "$file" -o no.tif ;;
        quicklook) refused "quicklook: $what" "$with" "$why" quicklook "$file" -o no.png ;;
        esac
    done
}

echo "this is not a TIFF, but long enough to be looked at as if it were one" >text.tif
: >empty.tif
mkdir folder.tif
refused_by_all "missing file" 1 nosuch.tif nosuch.tif
refused_by_all "not a TIFF" 1 text.tif text.tif
refused_by_all "an empty file" 1 empty.tif empty.tif
refused_by_all "a directory" 1 folder.tif folder.tif
refused "info: a missing file, as JSON" 1 nosuch.tif info nosuch.tif --json
refused "calc: the second of two is missing" 1 nosuch.tif calc b1 strips.tif nosuch.tif -o no.tif
refused "a name in two lines makes one line" 1 "such.tif" info "$(printf 'no\nsuch.tif')"
refused "a value in two lines makes one line" 2 "--dtype" \
    calc b1 strips.tif -o no.tif --dtype "$(printf 'a\nb')"
if [ -z "$limit" ]; then skip "a FIFO is no file" "no timeout, without which it may hang"
else
    mkfifo fifo.tif
    usual_limit=$limit limit='timeout --foreground 5'
    refused_by_all "a FIFO" 1 fifo.tif fifo.tif
    limit=$usual_limit
    rm -f fifo.tif no.*
fi

size_of() { wc -c <"$1" | tr -d ' '; }

whole=$(size_of tiny.tif) at=1 wrong=
while [ $at -lt "$whole" ]; do
    head -c $at tiny.tif >cut.tif
    run stats cut.tif
    [ -z "$(not_refused 1 1 cut.tif)" ] || wrong="$wrong $at: $(not_refused 1 1 cut.tif)"
    at=$((at + 5))
done
check "stats: truncated after 1, 6, 11, .. of $whole bytes" "$wrong"
for at in 3 8 9 60 $((whole - 12)) $((whole - 1)); do
    head -c "$at" tiny.tif >cut.tif
    refused_by_all "truncated after $at of $whole bytes" 1 cut.tif cut.tif
done
for scene in strips tiles deflate; do
    whole=$(size_of $scene.tif)
    for at in 8 1000 $((whole / 2)) $((whole - 600)) $((whole - 1)); do
        head -c "$at" $scene.tif >cut.tif
        refused_by_all "$scene.tif truncated after $at of $whole bytes" 1 cut.tif cut.tif info calc
    done
done
rm cut.tif

# A tile that can't be decoded: no zlib stream begins with 0xFF. Only the directory is good.
cp deflate.tif broken.tif
bytes 255 255 255 255 255 255 255 255 255 255 255 255 255 255 255 255 |
    dd of=broken.tif bs=1 seek=8 conv=notrunc 2>/dev/null
works "info of a file with a broken tile" info broken.tif
refused_by_all "a broken tile" 1 broken.tif broken.tif stats quicklook
run calc b1 broken.tif -o no.tif
is "calc: a broken tile: exit status" "$status" 1
is "calc: a broken tile: what, and what would help" \
    "$(sed "s/ can't be decoded: .*/ can't be decoded/" "$err")" \
    "gwt: broken.tif: tile 0 (rows 0..31, columns 0..31) can't be decoded
gwt: with --bad-tiles fill, and --nodata where a file has none, tiles that can't be read are missing"
is "calc: a broken tile: nothing is left" "$(ls no.tif* 2>/dev/null)" ''
rm broken.tif

refused "mismatched grids" 1 "121 x 80" calc a.b1+b.b1 strips.tif wide.tif -o no.tif
is "the message has the other grid too" "$(grep -c '120 x 80' "$err")" 1
refused "a grid and none" 1 "grids" calc a.b1+b.b1 strips.tif tiny.tif -o no.tif
refused "unknown sensor" 1 "nosuch" calc b1 strips.tif -o no.tif --sensor nosuch
refused "quicklook: unknown sensor" 1 "nosuch" quicklook strips.tif -o no.png --sensor nosuch
refused "quicklook: a band that is not there" 1 "7" quicklook strips.tif -o no.png --bands 7

# ---- refused: expressions ------------------------------------------------------------------------

caret 'b1 +' '' strips.tif
caret '' '' strips.tif
caret 'b1 + foo' 'foo' strips.tif
caret 'b1 + b4 * 2' 'b4 * 2' strips.tif
caret 'purple' 'purple' strips.tif
caret 'b2 - a.purple' 'purple' strips.tif
caret 'b.b1' 'b.b1' strips.tif
caret 'b1 + (b2' '' strips.tif
caret '(b1 + b2)) * 2' ') * 2' strips.tif
caret 'b1 b2' 'b2' strips.tif
caret 'b1 $ b2' '$ b2' strips.tif
caret 'b1 * / b2' '/ b2' strips.tif
caret 'b1 + foo(b2)' 'foo(b2)' strips.tif
caret '1 + pow(b1)' 'pow(b1)' strips.tif
caret 'min(b1, b2, b3)' 'min(b1, b2, b3)' strips.tif
caret 'clip(b1, b2, 3)' 'clip(b1, b2, 3)' strips.tif
caret '1 + 2' '1 + 2' strips.tif
caret 'b1 + 2x' 'x' strips.tif
caret 'b1 = 2' '= 2' strips.tif
caret 't = b1 b2; t' 'b2; t' strips.tif
caret 't = b1;' '' strips.tif
caret '-b1 +' '' strips.tif
caret "$(printf 'b1 +\tfoo')" 'foo' strips.tif
caret "$(printf 'b1 +\nfoo')" 'foo' strips.tif
caret '"é" + foo' 'foo' accent.tif
long='b1 + b1 + b1 + b1 + b1 + b1 + b1 + b1 + b1 + b1 + b1 + b1 + b1 + b1 + b1 + b1 + b1'
caret "$long + foo" 'foo' strips.tif
caret "foo + $long" "$(printf %.120s "foo + $long")" strips.tif

run calc purple strips.tif -o no.tif
is "an unknown name: the others are named" "$(grep -c 'blue, green, red' "$err")" 1

# ---- refused: outputs ----------------------------------------------------------------------------

cp large.tif precious.tif
refused "output exists" 1 "precious.tif" calc b1 strips.tif -o precious.tif
cp large.tif precious.png
refused "quicklook: output exists" 1 "precious.png" quicklook strips.tif -o precious.png
cp strips.tif strips.png    # a raster by the name of a picture
ln -s strips.png symlink.png
ln strips.png hard.png
ln -s strips.tif symlink.tif
ln strips.tif hard.tif
for way in strips.tif ./strips.tif folder.tif/../strips.tif symlink.tif hard.tif \
        "$box/strips.tif"; do
    shown=${way#"$box"}
    refused "output is the input: $shown" 1 "input" calc b1 strips.tif -o "$way" --overwrite
    refused "quicklook: output is the input: ${shown%.tif}.png" 1 "input" \
        quicklook strips.png -o "${way%.tif}.png" --overwrite
done
refused "output is what a symlink given as input points at" 1 "input" \
    calc b1 symlink.tif -o strips.tif --overwrite
refused "output is the second input" 1 "input" \
    calc b1+b4 tiles.tif strips.tif -o strips.tif --overwrite
refused "output is an input that the expression does not use" 1 "input" \
    calc b1 tiles.tif strips.tif -o strips.tif --overwrite
refused "output is the reference" 1 "input" \
    calc b1 tiles.tif --reference strips.tif -o strips.tif --overwrite
refused "one of two outputs is an input" 1 "input" \
    calc tiles.tif strips.tif -o no.tif=b1 -o strips.tif=b1 --overwrite
refused "one of two outputs exists" 1 "precious.tif" calc strips.tif -o no.tif=b1 -o precious.tif=b1
refused "two names of one output" 1 "no.tif" calc strips.tif -o no.tif=b1 -o ./no.tif=b2
refused "outputs of two grids" 1 "grids" calc strips.tif wide.tif -o no.tif=a.b1 -o n.tif=b.b1
refused "a pattern that matches nothing" 1 "nosuch*.tif" calc b1 'nosuch*.tif' -o no.tif
refused "the second pattern matches nothing" 1 "[xyz].tif" calc b1 strips.tif '[xyz].tif' -o no.tif
refused "a reference that is not there" 1 "nosuch.tif" \
    calc b1 strips.tif -o no.tif --reference nosuch.tif
refused "a window that leaves the image" 1 "80 rows" \
    calc b1 strips.tif -o no.tif --window 70,0,11,10
refused "bounds beside the image" 1 "583785" calc b1 strips.tif -o no.tif --bounds -10,40,-9,41
refused "a band that is not there" 1 "blue, green, red" calc b1 strips.tif -o no.tif --select 2,nir
refused "too few names" 1 "strips.tif" calc b1 strips.tif -o no.tif --band-names x,y
refused "stack of two sizes" 1 "grids" calc a strips.tif wide.tif -o no.tif --stack time
refused "mosaic of two sizes" 1 "grids" calc a strips.tif wide.tif -o no.tif --mosaic mean
refused "output is the input, without --overwrite" 1 "strips.tif" calc b1 strips.tif -o strips.tif
cp strips.tif other.tif.part
cp strips.tif other.png.part
refused "the .part of the output is the input" 1 "input" calc b1 other.tif.part -o other.tif
refused "quicklook: the .part of the output is the input" 1 "input" \
    quicklook other.png.part -o other.png
rm -f other.tif.part other.png.part

# COMMAND OPTION.. - with $linked as its output.
linked_of() { if [ "$1" = calc ]; then echo linked.tif; else echo linked.png; fi; }
onto_linked() {
    command=$1
    shift
    case $command in
    calc) run calc b1 strips.tif -o $linked "$@" ;;
    quicklook) run quicklook strips.tif -o $linked "$@" ;;
    esac
}

# What was wrong with the last run as a refusal that says TEXT; as one that wrote $linked, and
# left nothing at FILE. Either way precious.tif, where links lead, has to be as it was.
not_kept() {        # TEXT
    [ "$status" = 1 ] || printf 'exit status %s; ' "$status"
    grep -qF -e "$1" "$err" || printf 'no "%s" in: %s; ' "$1" "$(cat "$err")"
    cmp -s precious.tif large.tif || printf 'the file it pointed at was written to; '
}

not_replaced() {    # FILE
    printf '%s' "$(not_done)"
    cmp -s precious.tif large.tif || printf 'the file it pointed at was written to; '
    if [ -h $linked ] || [ ! -f $linked ]; then printf 'the output is a link; '; fi
    [ ! -e "$1" ] || printf '%s is there; ' "$1"
}

# A .part that someone put there, as a link or a file: refused, never followed. With --overwrite it
# goes, and what it leads to stays.
for kind in symbolic hard no; do
    for command in calc quicklook; do
        linked=$(linked_of $command)
        case $kind in
        symbolic) ln -s precious.tif $linked.part ;;
        hard) ln precious.tif $linked.part ;;
        no) cp precious.tif $linked.part ;;
        esac
        onto_linked $command
        check "$command: $kind link at the place of the .part" "$(not_kept $linked.part
            [ ! -e $linked ] || echo there is an output
            cmp $linked.part large.tif 2>&1)"
        onto_linked $command --overwrite
        check "$command: $kind link at the place of the .part, --overwrite" \
            "$(not_replaced $linked.part)"
        rm -f $linked $linked.part
        cp large.tif precious.tif
    done
done

# An output that is a link, also one that leads nowhere: the link is replaced, when that is asked for.
for target in precious.tif nowhere.tif; do
    for command in calc quicklook; do
        linked=$(linked_of $command)
        ln -s $target $linked
        onto_linked $command
        check "$command: the output is a link to $target" "$(not_kept "$linked: exists"
            [ -h $linked ] || echo the link is gone)"
        onto_linked $command --overwrite
        check "$command: the output is a link to $target, --overwrite" "$(not_replaced nowhere.tif)"
        rm -f $linked
        cp large.tif precious.tif
    done
done

# A picture and a page are as private as what they replace, and other dumps are not followed away.
umask 022
: >private.png && chmod 600 private.png
works "quicklook over a private picture" quicklook strips.tif -o private.png --overwrite
is "it is still private" "$(ls -l private.png | cut -c 1-10)" '-rw-------'
for file in run.html run.json; do
    ln -s precious.tif $file.part
    refused "a link at $file.part" 1 "$file.part" calc b1 strips.tif -o no.tif --profile $file
    check "it is not followed, and nothing was done" "$(cmp precious.tif large.tif 2>&1
        [ -h $file.part ] || echo the link is gone)"
    rm -f $file.part
done
ln -s precious.tif run_cache.csv.part
refused "a link at run_cache.csv.part" 1 "run_cache.csv.part" \
    calc b1 strips.tif -o no.tif --profile run
check "it is not followed" "$(cmp precious.tif large.tif 2>&1)"
rm -f run_cache.csv.part private.png

refused "output in a directory that is missing" 1 "nosuch/no.tif" \
    calc b1 strips.tif -o nosuch/no.tif
refused "output under a file" 1 "tiny.tif/no.tif" calc b1 strips.tif -o tiny.tif/no.tif
refused "output is a directory" 1 "folder.tif" calc b1 strips.tif -o folder.tif --overwrite
refused "quicklook: output in a directory that is missing" 1 "nosuch/no.png" \
    quicklook strips.tif -o nosuch/no.png
mkdir folder.png
refused "quicklook: output is a directory" 1 "folder.png" \
    quicklook strips.tif -o folder.png --overwrite

# Root may write anywhere: then try as nobody.
mkdir closed
chmod 555 closed
plain_gwt=$gwt
if touch closed/probe 2>/dev/null; then
    rm closed/probe
    printf '#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups "%s" "$@"\n' "$gwt" \
        >"$tmp/bin/as_nobody"
    chmod 755 "$tmp/bin/as_nobody"
    gwt=$tmp/bin/as_nobody
fi
if "$gwt" --version >"$out" 2>&1; then
    refused "unwritable directory" 1 "closed/no.tif" calc b1 strips.tif -o closed/no.tif
    refused "quicklook: unwritable directory" 1 "closed/no.png" \
        quicklook strips.tif -o closed/no.png
    chmod 000 wide.tif
    refused "unreadable file" 1 "wide.tif" stats wide.tif
    chmod 644 wide.tif
else
    skip "unwritable directory" "root may write anywhere, and setpriv can't make it nobody"
fi
gwt=$plain_gwt
rmdir closed

for codec in none lzw deflate; do
    refused "unknown compression: there is $codec" 1 "$codec" \
        calc b1 strips.tif -o no.tif --compress zip
done
offered=$(sed -n 's/.* offers //p' "$err" | tr -d ',')
refused "a block that is no multiple of 16" 1 "16" calc b1 strips.tif -o no.tif --tile-size 100
refused "a level for what has none" 1 "lzw" calc b1 strips.tif -o no.tif --compress lzw --level 5
refused "a level too high" 1 "deflate" calc b1 strips.tif -o no.tif --compress deflate --level 22
refused "a predictor without compression" 1 "predictor" calc b1 strips.tif -o no.tif --predictor 2
refused "floating-point predictor of integers" 1 "uint16" \
    calc b1 strips.tif -o no.tif --compress lzw --predictor 3
refused "nodata that the type can't hold" 1 "300" \
    calc b1 strips.tif -o no.tif --dtype uint8 --nodata 300
refused "missing pixels, an integer output and no nodata" 1 "nodata" \
    calc b1/128 strips.tif -o no.tif --dtype uint8
refused "the same over a file that is there" 1 "nodata" \
    calc b1/128 strips.tif -o precious.tif --overwrite --dtype uint8 -j 3 --chunks 32

# The disk is full after some kilobytes.
small() { (trap '' XFSZ; ulimit -f 40; run "$@"; exit $status); status=$?; }
before=$(snapshot)
small calc b1*1.5 large.tif -o no.tif
check "calc: no room for the output" "$(not_refused 1 1 no.tif)"
small calc b1*1.5 large.tif -o precious.tif --overwrite
check "calc: no room to overwrite" "$(not_refused 1 1 precious.tif)"
small quicklook large.tif -o no.png
check "quicklook: no room for the output" "$(not_refused 1 1 no.png)"
is "no room: nothing is left behind" "$(snapshot)" "$before"

# Killed in the middle of the work.
(
    # shellcheck disable=SC3045  # no core file, where that can be said
    ulimit -c 0 2>/dev/null
    ulimit -f 40
    run calc b1*1.5 large.tif -o precious.tif --overwrite
    exit $status
) 2>"$err"
is "a signal ends it" "$(($? > 128))" 1
same "killed: the old output is what it was" precious.tif large.tif
works "what a killed run left is no hindrance" calc b1*1.5 large.tif -o precious.tif --overwrite
is "and does not stay" "$(ls precious.tif.part 2>/dev/null)" ''
rm -f precious.tif

if [ -c /dev/full ]; then
    for words in --help --version "info tiny.tif" "stats tiny.tif --json"; do
        # shellcheck disable=SC2086  # several words
        "$gwt" $words >/dev/full 2>"$err"
        status=$?
        : >"$out"
        check "gwt $words: stdout can't be written" "$(not_refused 1 1 stdout)"
    done
else
    skip "stdout can't be written" "no /dev/full"
fi

# ---- info ----------------------------------------------------------------------------------------

compact() { tr -d ' \n' <"$out"; }

works "info" info strips.tif
works "info --json" info strips.tif --json
is "info --json of strips" "$(compact)" '{"file":"strips.tif","width":120,"height":80,"bands":3,"dtype":"uint16",'\
'"transform":[30,0,583785,0,-30,7512315],"bounds":[583785,7509915,587385,7512315],"epsg":32721,'\
'"nodata":0,"tile":[16,120],"compression":"none","interleave":"pixel","overviews":0,'\
'"bigtiff":false,"area_or_point":"Area","scales":[1,1,1],"offsets":[0,0,0],'\
'"descriptions":["blue","green","red"],"colors":["gray","undefined","undefined"],'\
'"overview_sizes":[],"crs":{"name":"WGS84/UTMzone21S","kind":"projected","geokeys":'\
'{"GTModelTypeGeoKey":1,"GTRasterTypeGeoKey":1,"GTCitationGeoKey":"WGS84/UTMzone21S",'\
'"ProjectedCSTypeGeoKey":32721,"ProjLinearUnitsGeoKey":9001}},"metadata":{},"texts":{}}'
check_python "info --json has the keys" info_keys "$out"
cp "$out" "$tmp/info.json"

works "info --json before the file" info --json tiny.tif
is "info --json of a TIFF without a place" "$(compact)" '{"file":"tiny.tif","width":4,"height":3,"bands":1,'\
'"dtype":"uint8","bounds":[0,0,4,3],"epsg":null,"nodata":255,'\
'"tile":[3,4],"compression":"none","interleave":"band","overviews":0,"bigtiff":false,'\
'"area_or_point":"Area","scales":[1],"offsets":[0],"descriptions":[null],'\
'"colors":["gray"],"overview_sizes":[],"crs":null,"metadata":{},"texts":{}}'

works "info --json of tiles" info --json tiles.tif
case $(compact) in
*'"tile":[32,32],"compression":"lzw"'*) check "tiles, lzw" '' ;;
*) check "tiles, lzw" "$(compact)" ;;
esac
works "info --json of odd names" info --json named.tif
check_python "odd names are escaped" info_descriptions "$out" 'a "b" \ <c> é'

# ---- stats ---------------------------------------------------------------------------------------

works "stats of twelve pixels" stats --json tiny.tif
is "their figures" "$(compact)" '{"bands":[{"band":1,"min":2,"max":9,"mean":5,'\
'"std":2,"valid":8,"infinite":0,"crc32":"a74689ed"}]}'

works "stats --nodata" stats --nodata 4 --json tiny.tif
is "the value given is what is missing" "$(compact | sed 's/.*"valid":\([0-9]*\).*/\1/')" 9

cp "$out" "$tmp/nodata.json"
works "stats of two files in JSON" stats --json --nodata 4 tiny.tif tiny.tif
{
    printf '['
    sed '1s/{/{"file": "tiny.tif", /; $s/$/,/' "$tmp/nodata.json"
    sed '1s/{/{"file": "tiny.tif", /; $s/$/]/' "$tmp/nodata.json"
} >"$tmp/two.json"
same "is an array of both" "$out" "$tmp/two.json"
run stats strips.tif
cp "$out" "$tmp/strips.txt"
run stats tiny.tif
{ echo strips.tif; cat "$tmp/strips.txt"; echo; echo tiny.tif; cat "$out"; } >"$tmp/two.txt"
works "stats of two files" stats strips.tif tiny.tif
same "has their names" "$out" "$tmp/two.txt"
works "stats of a pattern" stats 'tin?.tif'
is "has the name, too" "$(head -n 1 "$out")" tiny.tif
refused "a pattern of nothing" 1 "no*.tif: matches no file" stats 'no*.tif'
run stats nothing.tif tiny.tif
is "one of two files is missing" "$status $(head -n 1 "$out") $(cut -c 1-17 "$err")" \
    "1 tiny.tif gwt: nothing.tif:"
run stats --json nothing.tif tiny.tif
is "in JSON" "$status $(head -n 1 "$out")" '1 [{"file": "tiny.tif", "bands": ['
works "stats --json" stats --json large_strips.tif
cp "$out" "$tmp/stats.json"
check_python "stats --json is what python3 finds" stats_json large_strips.tif "$tmp/stats.json"
works "stats" stats large_strips.tif
cp "$out" "$tmp/stats.txt"
check_python "stats is what python3 finds" stats_text large_strips.tif "$tmp/stats.txt"
if [ -z "$python" ]; then skip "info --json and stats --json are JSON" "no python3"
else
    wrong=
    for file in info stats; do
        "$python" -m json.tool "$tmp/$file.json" >"$out" 2>&1 || wrong="$wrong $file: $(cat "$out")"
    done
    check "info --json and stats --json are JSON" "$wrong"
fi
for j in 1 2 3 8; do
    run stats --json large_strips.tif -j $j
    same "stats --json -j $j prints the same" "$out" "$tmp/stats.json"
    run stats large.tif -j $j
    cp "$out" "$tmp/stats.$j"
    same "stats -j $j of tiles is like -j 1" "$tmp/stats.$j" "$tmp/stats.1"
done
same "stats of tiles are those of strips" "$tmp/stats.1" "$tmp/stats.txt"
works "stats of six bands" stats six.tif
is "a line for each" "$(sed 1d "$out" | awk '{ printf "%s ", $1 }')" '1 2 3 4 5 6 '
works "a file of missing pixels alone" calc 'b1 / 0 * 0' strips.tif -o no.tif --dtype float32
works "its stats" stats --json no.tif
is "there are none" "$(compact | sed 's/,"crc32.*//')" \
    '{"bands":[{"band":1,"min":null,"max":null,"mean":null,"std":null,"valid":0,"infinite":0'
rm no.tif

# wide BITS FORMAT VALUE.. - eight bytes each VALUE, one below the other; in one strip.
wide() {
    bits=$1 format=$2
    shift 2
    printf 'II*\000'; le32 8
    le16 10
    entry 256 3 1 1; entry 257 3 1 $#
    entry 258 3 1 "$bits"; entry 259 3 1 1; entry 262 3 1 1
    entry 273 4 1 $((8 + 2 + 12 * 10 + 4)); entry 277 3 1 1; entry 278 3 1 $#
    entry 279 4 1 $((8 * $#)); entry 339 3 1 "$format"
    le32 0
    for v do le32 $((v & 0xffffffff)); le32 $(((v >> 32) & 0xffffffff)); done
}
extremes() {    # NAME MIN MAX, of wide.tif
    works "$1" stats --json wide.tif
    is "extremes of $1" "$(compact | sed 's/,"mean.*//')" "{\"bands\":[{\"band\":1,\"min\":$2,\"max\":$3"
    works "$1, as text" stats wide.tif
    is "extremes of $1, as text" "$(awk 'NR == 2 { print $2, $3 }' "$out")" "$2 $3"
}
wide 64 1 -1 9007199254740993 -2 >wide.tif
extremes "stats of uint64" 9007199254740993 18446744073709551615
wide 64 2 9007199254740993 -9223372036854775807 0 -9007199254740993 >wide.tif
extremes "stats of int64" -9223372036854775807 9007199254740993
for value in 9007199254740993 -9223372036854775807; do
    run calc a wide.tif -o w.tif --overwrite -q --dst-nodata $value
    holds "a valid pixel of $value, which is nodata" "$err" "equals its nodata value $value and reads as missing"
done
wide 64 3 0x3ff0000000000000 0x7ff0000000000000 0x4008000000000000 -4503599627370496 \
    0x7ff0000000000000 >wide.tif            # 1 inf 3 -inf inf
extremes "stats of a band with infinities" 1 3
holds "they are counted, as text" "$out" "band 1: infinite: 3"
run stats --json wide.tif
is "they are counted" "$(compact | sed 's/.*"mean/"mean/; s/,"crc32.*//')" \
    '"mean":2,"std":1,"valid":2,"infinite":3'
printf '\377\377\377\377\006\000\000\000' >four
wide 32 1 0 >wide.tif
head -c 134 wide.tif >more.tif && cat four >>more.tif && mv more.tif wide.tif
rm four
extremes "stats of uint32" 4294967295 4294967295
rm wide.tif

# ---- calc ----------------------------------------------------------------------------------------

expression='norm_diff(b2, b3)'
works "calc" calc "$expression" large.tif -o first.tif --compress deflate --tile-size 64 -j 1
is "calc says what it wrote" "$(cut -d : -f 1 "$out")" first.tif
is "no .part is left" "$(ls ./*.part 2>/dev/null)" ''
for j in 1 2 3 8; do
    for chunks in 32 100 256 1000; do
        run calc "$expression" large.tif -o again.tif --overwrite --compress deflate --tile-size 64 \
            -j $j --chunks $chunks
        same "the same bytes with -j $j --chunks $chunks" again.tif first.tif
    done
done

# spelled NAME ARGUMENT.. - gives the bytes of first.tif, in again.tif.
spelled() {
    name=$1
    shift
    rm -f again.tif
    run "$@"
    wrong=$(not_done)
    cmp -s again.tif first.tif || wrong="$wrong the output is another"
    check "$name" "$wrong"
}
spelled "options before the arguments" \
    calc -o again.tif --compress deflate --tile-size 64 -j 2 "$expression" large.tif
spelled "options between the arguments" \
    calc "$expression" -o again.tif --compress deflate large.tif --tile-size 64
spelled "--option=value" \
    calc --output=again.tif --compress=deflate --tile-size=64 --workers=2 "$expression" large.tif
spelled "-oVALUE -jN" calc "$expression" -oagain.tif large.tif -j2 --compress deflate --tile-size 64
spelled "letters in one word" \
    calc "$expression" large.tif -qj 2 -o again.tif --compress deflate --tile-size 64
spelled "arguments after --" \
    calc -o again.tif --compress deflate --tile-size 64 -- "$expression" large.tif
spelled "an option given twice: the last counts" \
    calc -o again.tif --compress lzw "$expression" large.tif --compress deflate --tile-size 64
spelled "bands by the names in the file" \
    calc 'norm_diff(green, red)' large.tif -o again.tif --compress deflate --tile-size 64
spelled "bands by the names of a sensor" \
    calc 'norm_diff(green, blue)' large.tif -o again.tif --compress deflate --tile-size 64 --sensor rgb
spelled "bands of a file" \
    calc 'norm_diff(a.b2, a.red)' large.tif -o again.tif --compress deflate --tile-size 64
spelled "bands of two files" \
    calc 'norm_diff(a.green, b.red)' large.tif large_strips.tif -o again.tif --compress deflate \
    --tile-size 64
spelled "bands of two files by number" \
    calc 'norm_diff(b5, b3)' large.tif large_strips.tif -o again.tif --compress deflate --tile-size 64
spelled "--quiet" calc "$expression" large.tif -o again.tif --compress deflate --tile-size 64 --quiet
is "--quiet prints nothing" "$(cat "$out")" ''

cp tiny.tif again.tif
works "--overwrite" \
    calc "$expression" large.tif -o again.tif --compress deflate --tile-size 64 --overwrite
same "--overwrite replaces" again.tif first.tif
echo "left by a run that was killed" >stale.tif.part
refused "a file that has the name of the .part" 1 "stale.tif.part has no journal beside it" \
    calc b1 large.tif -o stale.tif
works "a file that has the name of the .part, --overwrite" \
    calc b1 large.tif -o stale.tif --overwrite
is "and does not stay" "$(ls stale.tif.part 2>/dev/null)" ''
rm -f stale.tif again.tif

# pixels DTYPE NODATA MISSING RELATIVE EXPR PYTHON [OPTION..] - of strips.tif, EXPR gives what
# PYTHON says to within RELATIVE; NODATA is the input's, MISSING what is stored where that is.
pixels() {
    dtype=$1 nodata=$2 missing=$3 relative=$4 expr=$5 wanted=$6
    shift 6
    run calc -o pixels.tif --overwrite "$@" -- "$expr" strips.tif
    if [ -n "$(not_done)" ]; then check "calc $expr $*" "$(not_done)"; return; fi
    check_python "calc $expr $*" \
        values strips.tif pixels.tif "$wanted" "$dtype" "$nodata" "$missing" "$relative"
}
both() { pixels float64 0 none 0 "$1" "${2:-$1}"; }    # exact to the last bit
near() { pixels float64 0 none 1e-15 "$1" "${2:-$1}"; }  # as the C library has it
both 'b1 + b2 * 2 - b3 / 4'
both 'b1 - b2 - b3'
both 'b1 / b2 / 3'
both '(b1 - b2) * (b3 - b1)'
both '-b1 ** 2'
both '-1 * -b1'
both '2 ** 3 ** 2 + b1'
both '1.5e-3 * b1 + .5'
both 'sqrt(b1)'
both 'norm_diff(b2, b3)'
both 'where(b1 > b2, b1 / 2, b3)'
# An expression of several lines, and from a file.
printf 'ratio = b1 / b2;   # of two bands\nratio * ratio + b3   # and the third\n' >lines.txt
run calc "$(cat lines.txt)" strips.tif -o lines.tif --compress none
check "statements in lines" "$(not_done)"
run calc @lines.txt strips.tif -o from_file.tif --compress none
check "an expression from a file" "$(not_done)"
same "statements are the same from a file" lines.tif from_file.tif
run calc 'b1 / b2 * (b1 / b2) + b3' strips.tif -o one.tif --compress none
same "statements are the expression that they stand for" lines.tif one.tif
works "plan of an expression from a file" plan @lines.txt strips.tif
rm -f lines.tif from_file.tif one.tif
refused "no file with an expression" 1 "nosuch.txt" calc @nosuch.txt strips.tif -o no.tif
near 'exp(b1 / 10000)'
near 'log(b1)'
near 'tanh(b1 / 20000)'
near 'pow(b1, 0.5) + b2 ** 1.5'
pixels uint16 0 0 0 'b1' b1
pixels uint16 0 0 0 'min(b1, b2)' 'min(b1, b2)'
pixels uint16 0 0 0 'max(b2, b3)' 'max(b2, b3)'
pixels uint16 0 0 0 'abs(b3)' 'b3'
pixels uint16 0 0 0 'clip(b1, 9000, 10000)' 'clip(b1, 9000, 10000)'
pixels uint16 0 0 0 'where(b1 >= 10000, b1, b2)' 'where(b1 >= 10000, b1, b2)'
pixels uint8 0 255 0 'b1 < b2' 'b1 < b2'
pixels uint8 0 255 0 'b1 > 10000 && b2 <= 12000 || !(b3 != b1)' \
    'b1 > 10000 and b2 <= 12000 or not b3 != b1'
pixels uint8 0 255 0 'b1 > 9000 == (b2 >= 9000)' '(b1 > 9000) == (b2 >= 9000)'
pixels float64 0 none 0 'b1 + b2' 'b1 * 1e-4 + b2 * 1e-4' --scale 1e-4
pixels float32 0 none 0 'b1 / 3' 'b1 / 3' --dtype float32
pixels float32 0 0 0 'b1 / 3' 'b1 / 3' --dtype float32 --nodata 0
pixels float64 none -9999 0 'b1 / 3' 'b1 / 3' --nodata -9999
pixels float64 none -9999 0 'b1 / 3' 'b1 / 3' --nodata=-9999
pixels float64 none -.5 0 'b1 / 3' 'b1 / 3' --nodata -.5
pixels float64 none nan 0 'b1 / 3' 'b1 / 3' --nodata nan
pixels float64 none -inf 0 'b1 / 3' 'b1 / 3' --nodata -inf
pixels uint8 0 0 0 'b1 / 128' 'b1 / 128' --dtype uint8 --nodata 0
pixels uint8 0 0 0 'b1 / 2' 'b1 / 2' --dtype uint8 --nodata 0
pixels int16 none -32768 0 'b1 / 2 - 5000' 'b1 / 2 - 5000' --dtype int16 --nodata -32768
pixels int8 0 77 0 '(b1 - 9000) * 2' '(b1 - 9000) * 2' --dtype int8 --src-nodata 0 --dst-nodata 77
pixels uint32 0 0 0 'b1 * 100003' 'b1 * 100003' --dtype uint32 --nodata 0
rm -f pixels.tif

told() {  # NODATA JSON
    run calc b1/3 strips.tif -o told.tif --overwrite --nodata "$1"
    run info --json told.tif
    case $(compact) in
    *"\"nodata\":$2,"*) check "info --json: nodata $2" '' ;;
    *) check "info --json: nodata $2" "$(compact)" ;;
    esac
}
told nan '"nan"'
told inf '"inf"'
told -inf '"-inf"'
told -9999 -9999
told -3.4028234663852886e38 -3.4028234663852886e+38
rm -f told.tif

# Whatever the layout, the pixels are those of the first band.
run stats strips.tif
band=$(sed -n 2p "$out")
layout() {  # JSON OPTION..
    json=$1
    shift
    run calc b1 strips.tif -o layout.tif --overwrite "$@"
    wrong=$(not_done)
    run info --json layout.tif
    case $(compact) in *"$json"*) ;; *) wrong="$wrong info says $(compact)" ;; esac
    run stats layout.tif
    [ "$(sed -n 2p "$out")" = "$band" ] || wrong="$wrong stats are $(sed -n 2p "$out")"
    check "calc $*" "$wrong"
}
[ -n "$offered" ] || check "the compressions there are" "none is offered"
for codec in $offered; do layout "\"compression\":\"$codec\"" --compress "$codec"; done
layout '"compression":"deflate"' --compress deflate --level 1
layout '"compression":"deflate"' --compress deflate --level 9 --predictor 2
layout '"compression":"lzw"' --compress lzw --predictor 2
layout '"tile":[16,16]' --tile-size 16
layout '"tile":[48,48]' --tile-size 48
layout '"tile":[512,512]' --tile-size 512
layout '"bigtiff":true' --bigtiff yes
layout '"bigtiff":false' --bigtiff no
layout '"descriptions":["blue"]' --tag A=1 --tag 'B=two words'
works "calc a: all bands" calc a strips.tif -o layout.tif --overwrite --interleave band
run info --json layout.tif
case $(compact) in
*'"interleave":"band"'*'"descriptions":["blue","green","red"]'*) check "--interleave band" '' ;;
*) check "--interleave band" "$(compact)" ;;
esac
run stats layout.tif
cp "$out" "$tmp/layout.txt"
run stats strips.tif
same "and their pixels" "$out" "$tmp/layout.txt"
rm -f layout.tif

# ---- calc: parts of files ------------------------------------------------------------------------

# part NAME ROW COL ROWS COLS STEP BANDS [OPTION..] - what `calc a` makes of strips.tif: part.tif.
part() {
    name=$1 row=$2 col=$3 rows=$4 cols=$5 step=$6 bands=$7
    shift 7
    run calc a strips.tif -o part.tif --overwrite "$@"
    if [ -n "$(not_done)" ]; then check "$name" "$(not_done)"; return; fi
    # shellcheck disable=SC2086  # several bands
    check_python "$name" part strips.tif part.tif "$row" "$col" "$rows" "$cols" "$step" $bands
}
part "--window" 10 20 30 40 1 '1 2 3' --window 10,20,30,40
works "info of a window" info --json part.tif
case $(compact) in
*'"bounds":[584385,7511115,585585,7512015],'*) check "where the window lies" '' ;;
*) check "where the window lies" "$(compact)" ;;
esac
cp part.tif window.tif
part "--bounds" 10 20 30 40 1 '1 2 3' --bounds 584385,7511115,585585,7512015
same "they are those of the window" part.tif window.tif
part "--bounds around pixels' centres" 10 20 30 40 1 '1 2 3' --bounds 584371,7511101,585599,7512029
part "--bounds larger than the image" 0 0 80 120 1 '1 2 3' --bounds 0,0,1e6,1e7
part "--every" 0 0 80 120 7 '1 2 3' --every 7
part "--select by number" 0 0 80 120 1 '3 1' --select 3,1
part "--select by name" 0 0 80 120 1 '3 1' --select=red,blue
part "--window, then --bounds, then --every, then --select" 12 20 28 40 3 '2' --select green \
    --every 3 --bounds 584385,7511115,585585,7512015 --window 12,2,60,90
works "after --select b1 is the first that is kept" calc b1 strips.tif -o one.tif --select 3,1
check_python "it is" part strips.tif one.tif 0 0 80 120 1 3
rm -f part.tif window.tif one.tif

# Bounds below zero: tiny.tif has no place, its pixels lie from 0, 0 on.
for bounds in '--bounds -10,-9,2,2' '--bounds=-10,-9,2,2' '--bounds -.5,-.5,2,2'; do
    # shellcheck disable=SC2086  # two words
    works "calc $bounds" calc a tiny.tif -o corner.tif --overwrite $bounds
    run stats --json corner.tif
    case $(compact) in
    *'"min":2,"max":5,"mean":4,'*'"valid":4,'*) check "the pixels 2 4 / 4 5" '' ;;
    *) check "the pixels 2 4 / 5 5" "$(compact)" ;;
    esac
done
rm -f corner.tif

tiny '<GDALMetadata><Item name="SCALE" sample="0" role="scale">0.5</Item><Item name="OFFSET" '\
'sample="0" role="offset">-1</Item></GDALMetadata>' >scaled.tif
works "--scale-data" calc b1 scaled.tif -o plain.tif --scale-data --dtype float64
works "its stats" stats --json plain.tif
is "each is half of what is stored, less 1" "$(compact | sed 's/,"crc32.*//')" \
    '{"bands":[{"band":1,"min":0,"max":3.5,"mean":1.5,"std":1,"valid":8,"infinite":0'
rm -f scaled.tif plain.tif

# ---- calc: several files -------------------------------------------------------------------------

# Three dates, each with other pixels missing; the order of their names is not that of the dates.
mkdir dated
keep() { works "make $2" calc "where($1, nan)" strips.tif -o "$2" --dtype uint16 --nodata 0; }
keep 'b1 > 9500, b1' dated/a_20160517.tif
keep 'b2 < 11000, b2' dated/b_20160101.tif
keep 'b3 > 9000, b3' dated/c_2017-02-03.tif
first=dated/a_20160517.tif second=dated/b_20160101.tif third=dated/c_2017-02-03.tif

works "stack of a pattern" calc a 'dated/*.tif' -o stack.tif --stack time
works "stack of three files" calc a $first $second $third -o three.tif --stack time
same "a pattern is its files, by name" stack.tif three.tif
check_python "stack: one after the other" planes stack.tif $first $second $third
works "--sort date" calc a 'dated/*.tif' -o three.tif --overwrite --stack time --sort date
check_python "--sort date: the order of the dates" planes three.tif $second $first $third
works "--sort date of arrays" calc a 'dated/*.tif' -o three.tif --overwrite --sort date --allow-unused
check_python "--sort date: a is the oldest" planes three.tif $second
works "--sort given" calc a $third 'dated/[ab]*' -o three.tif --overwrite --stack time --sort given
check_python "--sort given, and a pattern among files" planes three.tif $third $first $second
works "a date of a stack" calc 'a["2017-02-03"]' 'dated/*' -o three.tif --overwrite --stack time
check_python "it is that date's" planes three.tif $third
works "a time by number" calc 'a[2]' 'dated/*' -o three.tif --overwrite --stack time
check_python "it is the second" planes three.tif $second
refused_in "a date that is not there" 1 "2016-05-17, 2016-01-01, 2017-02-03" \
    calc 'a["2016-05-18"]' 'dated/*.tif' -o no.tif --stack time
refused_in "the dates in order" 1 "2016-01-01, 2016-05-17, 2017-02-03" \
    calc 'a["2016-05-18"]' 'dated/*.tif' -o no.tif --stack time --sort date
cp $first plain.tif
refused_in "a file without a date: times are numbers" 1 "1, 2, 3, 4" \
    calc 'a["2016-05-17"]' 'dated/*.tif' plain.tif -o no.tif --stack time
rm plain.tif
works "stack of bands, and their names" \
    calc a 'dated/*.tif' -o three.tif --overwrite --stack band --band-names x,y,z
check_python "stack of bands: one after the other" planes three.tif $first $second $third
works "info of a stack of bands" info --json three.tif
check_python "the names are those given" info_descriptions "$out" x y z
works "bands by the names given" \
    calc 'z - x' 'dated/*.tif' -o three.tif --overwrite --stack band --band-names x,y,z
works "the same by number" calc 'b3 - b1' 'dated/*.tif' -o again.tif --overwrite --allow-unused
same "the names given mean those bands" three.tif again.tif
refused "too few names for a stack" 1 "3 bands" \
    calc a 'dated/*.tif' -o no.tif --stack band --band-names x,y

mkdir literal
cp six.tif 'literal/a[1].tif'
cp strips.tif literal/a1.tif
works "a file of exactly that name wins over the pattern" calc b6 'literal/a[1].tif' -o three.tif \
    --overwrite
rm 'literal/a[1].tif'
caret 'b1 + b6' 'b6' 'literal/a[1].tif'    # else it is a pattern, of a1.tif
works "which matches" calc b1 'literal/a[1].tif' -o three.tif --overwrite
rm -rf literal three.tif again.tif

reduces() {  # STAT DIM OPTION FILE..
    stat=$1 dim=$2 option=$3
    shift 3
    run calc a "$@" -o reduced.tif --overwrite --stack time --reduce "$option"
    if [ -n "$(not_done)" ]; then check "--reduce $option" "$(not_done)"; return; fi
    check_python "--reduce $option of $# files" reduced reduced.tif "$stat" "$dim" "$@"
}
for stat in mean sum min max std var median count first last argmax skew range mode all any \
        percentile:90; do
    reduces "$stat" time "$stat" $first $second $third
    reduces "$stat" band "$stat" strips.tif
done
reduces percentile:12.5 time percentile:12.5,time $first $second $third
reduces max band max,band strips.tif strips.tif
reduces max time max,time $third
works "--reduce of bands of one file" calc a strips.tif -o reduced.tif --overwrite --reduce max
check_python "it is over bands" reduced reduced.tif max band strips.tif
works "statistics in an expression" \
    calc 'max(a, band)' strips.tif -o again.tif --overwrite
same "max(a, band) is --reduce max" again.tif reduced.tif
for pair in 'mean(a):mean' 'median(a, time):median' 'percentile(a, 90):percentile:90' \
        'percentile(a, time, 90):percentile:90' 'count(a):count' 'argmax(a):argmax'; do
    works "calc ${pair%%:*}" calc "${pair%%:*}" 'dated/*' -o reduced.tif --overwrite --stack time
    check_python "${pair%%:*} is the ${pair#*:}" \
        reduced reduced.tif "${pair#*:}" time $first $second $third
done
works "--reduce of an expression" \
    calc 'a * 2' 'dated/*' -o reduced.tif --overwrite --stack time --reduce mean
works "a statistic of it" calc 'mean(a * 2)' 'dated/*' -o again.tif --overwrite --stack time
same "are the same" reduced.tif again.tif
rm -f reduced.tif again.tif stack.tif

# ---- calc: one grid ------------------------------------------------------------------------------

# Columns 0..69, and 50..119 with other values: 20 in common.
works "the left part" calc a strips.tif -o left.tif --window 0,0,80,70
works "the right part" calc a strips.tif -o right.tif --window 0,50,80,70
works "the right part, larger by 5" calc 'a + 5' right.tif -o more.tif --dtype uint16 --nodata 0
works "the whole" calc a strips.tif -o whole.tif
works "a mosaic of parts" calc a left.tif right.tif -o all.tif --mosaic first --bounds-by union
same "is the whole" all.tif whole.tif
for how in mean min max first last; do
    works "--mosaic $how" \
        calc a left.tif more.tif -o all.tif --overwrite --mosaic $how --bounds-by union
    check_python "is the $how where they overlap" \
        mosaic all.tif $how 0 0 80 120 left.tif 0 0 more.tif 0 50
done
works "--mosaic, the intersection" \
    calc a left.tif more.tif -o all.tif --overwrite --mosaic mean --bounds-by intersection
check_python "is what both have" mosaic all.tif mean 0 50 80 20 left.tif 0 0 more.tif 0 50
works "--mosaic, the first file's grid" \
    calc a more.tif left.tif -o all.tif --overwrite --mosaic last --bounds-by reference
check_python "is where the first lies" mosaic all.tif last 0 50 80 70 more.tif 0 50 left.tif 0 0
works "a reference" calc a strips.tif -o window.tif --window 5,40,60,75
works "--mosaic, the grid of a reference" \
    calc a more.tif left.tif -o all.tif --overwrite --mosaic max --reference window.tif
check_python "is where the reference lies" \
    mosaic all.tif max 5 40 60 75 more.tif 0 50 left.tif 0 0
works "--stack, the intersection" \
    calc 'a[2]' left.tif right.tif -o all.tif --overwrite --stack time --bounds-by intersection
works "the columns in common" calc a strips.tif -o same.tif --window 0,50,80,20
same "are those of the second file" all.tif same.tif
works "arrays on the union of their grids" \
    calc 'where(valid(a.b1), a.b1, b.b1)' left.tif right.tif -o all.tif --overwrite \
    --bounds-by union
check_python "fill each other's gaps" part strips.tif all.tif 0 0 80 120 1 1
works "arrays on the intersection" \
    calc 'b - a' left.tif more.tif -o all.tif --overwrite --bounds-by intersection
works "its stats" stats --json all.tif
run stats --json same.tif
valid=$(compact | sed 's/.*"valid":\([0-9]*\).*/\1/')
run stats --json all.tif
is "differ by 5 wherever there is a value" \
    "$(compact | sed 's/,"crc32[^}]*}]}//; s/.*"band":3/3/')" \
    "3,\"min\":5,\"max\":5,\"mean\":5,\"std\":0,\"valid\":$valid,\"infinite\":0"
works "arrays on the first one's grid" \
    calc b left.tif right.tif -o all.tif --overwrite --bounds-by reference
check_python "are cut and filled" mosaic all.tif first 0 0 80 70 right.tif 0 50
works "arrays on a reference's grid" \
    calc b left.tif right.tif -o all.tif --overwrite --reference window.tif --allow-unused
check_python "are cut and filled so" mosaic all.tif first 5 40 60 75 right.tif 0 50
works "the window of an array brought to a grid" \
    calc a left.tif -o all.tif --overwrite --reference strips.tif --window 0,60,80,20
check_python "counts from that grid" mosaic all.tif first 0 60 80 20 left.tif 0 0
works "a part that meets no other" calc a strips.tif -o right.tif --overwrite --window 0,80,80,9
refused "an intersection that is empty" 1 "intersection" \
    calc a left.tif right.tif -o no.tif --mosaic mean --bounds-by intersection
refused "an intersection of arrays that is empty" 1 "intersection" \
    calc a.b1 left.tif right.tif -o no.tif --bounds-by intersection

works "a third of the rows and columns" calc b1 strips.tif -o coarse.tif --every 3
works "--resample average" calc b1 strips.tif -o all.tif --overwrite --reference coarse.tif \
    --resample average
check_python "is the mean of nine" resampled strips.tif all.tif average
works "--resample nearest" calc b1 strips.tif -o all.tif --overwrite --reference coarse.tif \
    --resample nearest
same "is the middle one" all.tif coarse.tif
works "nearest when nothing is said" calc b1 strips.tif -o all.tif --overwrite \
    --reference coarse.tif
same "is so too" all.tif coarse.tif
for how in bilinear cubic; do
    works "--resample $how" calc b1 coarse.tif -o all.tif --overwrite --reference strips.tif \
        --resample $how
    check_python "interpolates" resampled coarse.tif all.tif $how
    works "--resample $how of a stack" calc b1 coarse.tif -o all.tif --overwrite --stack time \
        --reference strips.tif --resample $how
    check_python "interpolates too" resampled coarse.tif all.tif $how
done
works "--res of three cells" calc b1 strips.tif -o all.tif --overwrite --res 90
run info --json all.tif
is "counts from the left and top" "$(compact | sed 's/,"bands".*"bounds":/ /; s/,"epsg.*//')" \
    '{"file":"all.tif","width":40,"height":27 [583785,7509885,587385,7512315]'
works "its middle cells" calc b1 strips.tif -o coarse.tif --overwrite --window 1,1,79,119 --every 3
run stats --json all.tif
nearest=$(compact)
run stats --json coarse.tif
is "are what nearest takes" "$nearest" "$(compact)"
rm -f all.tif whole.tif left.tif right.tif more.tif same.tif window.tif coarse.tif

# ---- calc: indices, windows, replaced values -----------------------------------------------------

works "ndvi()" calc 'ndvi()' six.tif -o index.tif --overwrite
check_python "is norm_diff(red, nir)" \
    values six.tif index.tif 'clip((b4 - b3) / (b4 + b3), -1, 1)' float64 0 none 0
works "ndvi() by the names of a sensor" calc 'ndvi()' strips.tif -o index.tif --overwrite \
    --band-names nir,other,red
check_python "is of those bands" \
    values strips.tif index.tif 'clip((b1 - b3) / (b1 + b3), -1, 1)' float64 0 none 0
works "evi2(b)" calc 'evi2(b)' strips.tif six.tif -o index.tif --overwrite --scale 1e-4 \
    --allow-unused
check_python "is of the second file" values six.tif index.tif \
    'clip(2.5 * (b4 - b3) / (b4 + 1e4 + 2.4 * b3), 0, 1)' float64 0 none 1e-12
works "a window at the edge" calc b1 strips.tif -o window.tif --window 0,0,40,50
for pair in 'moving_mean(b1, 5):mean 5' 'moving_max(b1, 3):max 3' 'moving_count(b1, 7):count 7' \
        'moving_percentile(b1, 3, 90):percentile:90 3'; do
    works "calc ${pair%%:*}" calc "${pair%%:*}" window.tif -o moved.tif --overwrite
    # shellcheck disable=SC2086  # two words
    check_python "is the ${pair#*:}" moved window.tif moved.tif ${pair#*:}
done
run stats --json strips.tif
top=$(compact | sed 's/.*"band":1,"min":[0-9]*,"max":\([0-9]*\).*/\1/')
pixels uint16 0 0 0 "replace(b1, $top, 1)" "1 if b1 == $top else b1"
pixels float64 0 none 0 "mask(b1, $top) + 0" "nan if b1 == $top else b1"
pixels uint8 none 255 0 'valid(b1)' 'b1 != 0'
pixels uint16 0 0 0 'min(b1, b2)' 'min(b1, b2)'
rm -f index.tif moved.tif pixels.tif window.tif

# ---- calc: several outputs in one pass -----------------------------------------------------------

works "two outputs" calc large.tif -o ndi.tif='norm_diff(b2, b3)' -o sum.tif='b1 + b2' \
    --compress deflate --tile-size 64
is "each is named, in order" "$(cut -d : -f 1 "$out" | tr '\n' ' ')" "ndi.tif sum.tif "
same "the first is that of one output" ndi.tif first.tif
works "the second alone" calc 'b1 + b2' large.tif -o alone.tif --compress deflate --tile-size 64
same "the second is that of one output" sum.tif alone.tif
for j in 1 3; do
    run calc large.tif -o ndi.tif='norm_diff(b2, b3)' -o sum.tif='b1 + b2' --overwrite \
        --compress deflate --tile-size 64 -j $j --chunks 100
    same "the same bytes with -j $j, the first" ndi.tif first.tif
    same "the same bytes with -j $j, the second" sum.tif alone.tif
done
works "outputs of other types" \
    calc strips.tif -o ndi.tif='b1 == b2' -o sum.tif=b1 --overwrite --quiet
is "--quiet prints nothing of two" "$(cat "$out")" ''
works "the comparison alone" calc 'b1 == b2' strips.tif -o alone.tif --overwrite
same "only the first = ends the name" ndi.tif alone.tif
works "one output with its expression, and a file" calc strips.tif -o sum.tif='b1 == b2' --overwrite
same "needs no other expression" sum.tif alone.tif
works "the same of a pattern" calc 'strips.ti?' -o sum.tif='b1 == b2' --overwrite
same "is the same" sum.tif alone.tif
works "one output whose name has a =" calc 'b1 == b2' strips.tif -o k=v.tif
same "is of the first argument" k=v.tif alone.tif
works "two outputs of a stack, each reduced" \
    calc 'dated/*.tif' -o ndi.tif=a -o sum.tif='a * 2' --stack time --reduce median --overwrite
check_python "the first" reduced ndi.tif median time $first $second $third
works "the second alone, reduced" \
    calc 'median(a * 2)' 'dated/*.tif' -o alone.tif --stack time --overwrite
same "the second" sum.tif alone.tif
rm -f ndi.tif sum.tif alone.tif k=v.tif
# shellcheck disable=SC2086  # several words
works "sixteen outputs" calc strips.tif $many
is "they are there" "$(ls n?.tif n??.tif | wc -l | tr -d ' ')" 16
check_python "the last" values strips.tif n16.tif 'b1 * 16' float64 0 none 0
rm -f n?.tif n??.tif
before=$(snapshot)
run calc strips.tif -o no.tif=b1 -o n.tif='b1 + foo'
check "a bad expression among two" "$(not_refused 1 3 'b1 + foo')"
small calc large.tif -o no.tif='b1 * 1.5' -o n.tif='b1 * 2.5'
check "no room for two outputs" "$(not_refused 1 1 .tif)"
is "neither is written" "$(snapshot)" "$before"
rm -rf dated

# ---- calc: profiles ------------------------------------------------------------------------------

mkdir profiles "$tmp/profiled"
profiled() { TMPDIR=$tmp/profiled works "$@"; }
profiled "a page" calc large.tif -o ndi.tif='norm_diff(b2, b3)' --profile profiles/p.html --quiet
is "--quiet prints nothing of it" "$(cat "$out")" ''
check "it is a page" "$(grep -q '^<!doctype html>' profiles/p.html || echo no)"
is "named after what was run" "$(sed -n 's/^<title>\(.*\)<\/title>$/\1/p' profiles/p.html)" \
    "norm_diff(b2, b3)  (large.tif) - gwt profile"
check "with what was decoded" "$(grep -q 'large.tif tile 0"' profiles/p.html || echo no)"
is "nothing else is left" "$(ls -A profiles "$tmp/profiled" | grep -v -e : -e '^$')" "p.html"
profiled "a trace" calc b1 large.tif -o n.tif --profile profiles/t.json -j 2
check_python "is of two workers, and has all their stages" trace profiles/t.json 2
profiled "which visualize reads" visualize profiles/t.json --text
holds "it says what was run" "$out" \
    "  command        $gwt calc b1 large.tif -o n.tif --profile profiles/t.json -j 2"
check "when" "$(grep -q '^  date           2[0-9-]* [0-9:]* UTC$' "$out" || cat "$out")"
holds "where" "$out" "  host           $(uname -n), $(uname -s) $(uname -r), $(uname -m)"
check "by which libtiff" "$(grep -q '^  libtiff        [0-9]' "$out" || cat "$out")"
check "into what" "$(grep -q '^  output         n.tif: .* tiles of 256 x 256, ' "$out" || cat "$out")"
profiled "odd words" calc 'b1 - 1' large.tif -o "it's.tif" --profile profiles/odd.json
profiled "and their trace" visualize profiles/odd.json --text
holds "are quoted" "$out" "calc 'b1 - 1' large.tif -o 'it'\\''s.tif' --profile"
rm -f profiles/odd.json "it's.tif"
profiled "tables" calc b1 large.tif -o n.tif --overwrite --profile profiles/t
is "there are three" "$(cd profiles && echo t_*)" "t_cache.csv t_events.csv t_resources.csv"
check "with the tiles" "$(grep -q '^"large.tif",0,' profiles/t_cache.csv || echo none)"
check "and the stages" "$(grep -q '^[0-9]*,decode,' profiles/t_events.csv || echo none)"
profiled "tables in a folder" calc b1 large.tif -o n.tif --overwrite --profile profiles
is "have a name" "$(cd profiles && echo p*_*)" \
    "profile_cache.csv profile_events.csv profile_resources.csv"
run calc 'moving_median(b1, 9)' large.tif -o n.tif --overwrite --watch
is "watched: exit status" "$status" 0
check "it ends at 100 %, as lines" "$(tail -n 1 "$err" | grep -q '^\[#\{30\}\] 100 %.* Mpx/s  .* MB/s, 0 tiles under way, memory .*MB$' || cat "$err")"
check "with no sequences of terminals" "$(grep -c "$(printf '\033')" "$err" | grep -v '^0$')"
works "a summary" calc b1 large.tif -o n.tif --overwrite --summary
check "has stages and workers" "$(for word in n.tif: stage decode worker efficiency cache; do
    grep -qw "$word" "$out" || echo "no $word"; done)"
run calc b1 large.tif -o n.tif --overwrite
check "which are not there unasked" "$(grep -w stage "$out")"
works "a profile is the run's, not the file's" calc b1 large.tif -o alone.tif
same "it writes the same bytes" n.tif alone.tif
rm -f alone.tif n.tif
for file in p.html t.json t; do
    refused "--profile $file: exists" 1 "exists" calc b1 large.tif -o n.tif --profile profiles/$file
done
profiled "--overwrite is for it too" \
    calc b1 large.tif -o n.tif --profile profiles/p.html --overwrite
is "it is another page" "$(sed -n 's/^<title>\(.*\)<\/title>$/\1/p' profiles/p.html)" \
    "b1  (large.tif) - gwt profile"
rm -f n.tif
refused "--profile: an output" 2 "--profile n.tif" calc b1 large.tif -o n.tif --profile n.tif
refused "--profile: no folder" 1 "nosuch" calc b1 large.tif -o n.tif --profile nosuch/p.html
refused "--profile: no folder for tables" 1 "nosuch" calc b1 large.tif -o n.tif --profile nosuch/
refused "--profile without a name" 1 "FILE" calc b1 large.tif -o n.tif --profile ''
cp large.tif large.json
refused "--profile: an input" 1 "input" \
    calc b1 large.json -o n.tif --profile ./large.json --overwrite
refused "--profile: the reference" 1 "input" \
    calc b1 large.tif --reference large.json -o n.tif --profile large.json --overwrite
run calc b1 large.tif -o n.json --profile ./n.json
is "--profile: an output by another name: status" "$status" 1
works "which is whole" info n.json
head -c $(($(wc -c <large.tif) * 3 / 4)) large.tif >cut.tif
run calc b1 cut.tif -o n.tif --profile profiles/no.html
is "what failed: status" "$status" 1
is "has no profile" "$(ls profiles | grep no)" ""
rm -rf profiles large.json n.json ndi.tif cut.tif n.tif.part*

# ---- calc: real scenes ---------------------------------------------------------------------------

shared=${GWT_SHARED:-$here/../../shared}
rgbn=$shared/data/rgbn
# sum_of FILE VALUES - of all bands of a file together: how many are missing, and their sum.
sum_of() {
    run stats --json "$1"
    tr -d '",{}[]' <"$out" | awk -v pixels="$2" '
        /band:/ { for (i = 1; i < NF; i++) {
            if ($i == "mean:") mean = $(i + 1)
            if ($i == "valid:") { valid += $(i + 1); sum += mean * $(i + 1) }
        } }
        END { printf "%d %.3f", pixels - valid, sum }'
}
if [ ! -r "$rgbn/rgbn.tif" ]; then
    for name in "an index of four dates" "dates of real files" "mosaics of real files"; do
        skip "$name" "../shared absent"
    done
else
    # The four files hold the same pixels, and their mean is exactly those.
    works "an index of four dates" calc 'ndvi()' "$rgbn/rgbn_2*.tif" -o four.tif --stack time \
        --reduce mean --sensor rgbn
    works "the index of one" calc 'norm_diff(b1, b4)' "$rgbn/rgbn.tif" -o one.tif
    run stats one.tif
    cp "$out" "$tmp/one.txt"
    run stats four.tif
    same "the mean of four equal dates is one of them" "$out" "$tmp/one.txt"
    refused_in "dates of real files" 1 "2017-02-03, 2016-05-17, 2016-04-01, 2016-01-01" \
        calc 'a["2016"]' "$rgbn/rgbn_2017*" "$rgbn/rgbn_201605*" "$rgbn/rgbn_201604*" \
        "$rgbn/rgbn_201601*" -o no.tif --stack time
    refused_in "dates of real files in order" 1 "2016-01-01, 2016-04-01, 2016-05-17, 2017-02-03" \
        calc 'a["2016"]' "$rgbn/rgbn_2017*" "$rgbn/rgbn_201605*" "$rgbn/rgbn_201604*" \
        "$rgbn/rgbn_201601*" -o no.tif --stack time --sort date
    # geowombat's figures, from golden/cases.csv: c06_mosaic_reference_mean, _max, _refimage_rgbn.
    works "a mosaic of real files" calc a "$rgbn/rgbn_sub?.tif" -o one.tif --overwrite \
        --mosaic mean --bounds-by reference --nodata 0
    is "what geowombat has: mean" "$(sum_of one.tif $((4 * 212 * 276)))" "9328 28505388.500"
    works "its maximum" calc a "$rgbn/rgbn_sub?.tif" -o one.tif --overwrite \
        --mosaic max --bounds-by reference --nodata 0
    is "what geowombat has: max" "$(sum_of one.tif $((4 * 212 * 276)))" "9328 28938958.000"
    works "on the grid of a third" calc a "$rgbn/rgbn_sub?.tif" -o one.tif --overwrite \
        --mosaic max --reference "$rgbn/rgbn.tif" --nodata 0
    is "what geowombat has: max on a grid" "$(sum_of one.tif $((4 * 403 * 515)))" \
        "421476 52660127.000"
    rm -f four.tif one.tif
fi

# ---- progress ------------------------------------------------------------------------------------

check_python "calc draws a bar on a terminal" \
    on_terminal bar "$gwt" calc b1*2 large.tif -o bar.tif --overwrite -j 1
check_python "stats draws a bar on a terminal" on_terminal bar "$gwt" stats large.tif -j 1
check_python "--quiet: none" \
    on_terminal none "$gwt" calc b1*2 large.tif -o bar.tif --overwrite --quiet
rm -f bar.tif
# In a pipe there is none: `works` allows nothing on stderr.

# ---- quicklook -----------------------------------------------------------------------------------

works "quicklook" quicklook strips.tif -o look.png
is "quicklook says what it wrote" "$(cat "$out")" look.png
png_head() { od -An -v -tu1 -N 24 "$1" | tr -s ' \n' ' '; }
signature=' 137 80 78 71 13 10 26 10 0 0 0 13 73 72 68 82'
is "a PNG of 120 x 80" "$(png_head look.png)" "$signature 0 0 0 120 0 0 0 80 "
check_python "red, green, blue, and transparent where missing" picture strips.tif look.png 3 2 1
refused "quicklook: exists" 1 "look.png" quicklook strips.tif -o look.png
works "quicklook --overwrite" quicklook strips.tif -o look.png --overwrite --size 50 --quiet
is "quicklook --quiet prints nothing" "$(cat "$out")" ''
is "a PNG of 50 x 33" "$(png_head look.png)" "$signature 0 0 0 50 0 0 0 33 "
works "quicklook --bands 1,2,3" quicklook --bands 1,2,3 strips.tif -o look.png --overwrite
check_python "the bands asked for" picture strips.tif look.png 1 2 3
works "quicklook --bands 2" quicklook --bands=2 strips.tif -o look.png --overwrite
check_python "pseudo-colour of one band" picture strips.tif look.png 2
works "quicklook --sensor rgb" quicklook strips.tif -o look.png --overwrite --sensor rgb
check_python "the sensor's red, green, blue" picture strips.tif look.png 1 2 3
works "quicklook --bands 4,3,6" quicklook --bands 4,3,6 six.tif -o look.png --overwrite
check_python "three of six bands" picture six.tif look.png 4 3 6
works "quicklook of twelve pixels" quicklook tiny.tif -o look.png --overwrite
is "a PNG of 4 x 3" "$(png_head look.png)" "$signature 0 0 0 4 0 0 0 3 "
works "quicklook -j 1" quicklook large.tif -o one.png -j 1 --size 100
for j in 2 3 8; do
    run quicklook large.tif -o more.png --overwrite -j $j --size 100
    same "quicklook -j $j: the same bytes" more.png one.png
done

is "no .part is left anywhere" "$(find . -name '*.part')" ''

finish
