#!/usr/bin/env python3
"""oracle.py - what gwt calc makes of an expression, against numpy: every case of tests/oracle_*.py.

    GWT=build/release/gwt python3 tests/oracle.py            all modules
    GWT=build/debug/gwt python3 tests/oracle.py place pixels   oracle_place.py and oracle_pixels.py

A module has a function run(), which writes inputs by write(), states by check() what numpy makes of
them, and by refused() what is an error. Inputs are written here byte by byte, so that every type
and every nodata value is exact, and rasterio reads the outputs. Cases that fail are printed, and a
last line counts all: "N passed, N failed, N skipped". Without rasterio there is nothing to read with:
then one is skipped.
"""

import importlib
import os
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path


def give_up(reason):
    print(f"SKIPPED: all comparisons with numpy: {reason}")
    print("0 passed, 0 failed, 1 skipped")
    sys.exit(0)


try:
    import numpy as np
    import rasterio
except ImportError as error:
    give_up(str(error))

GWT = os.path.abspath(os.environ["GWT"])
HERE = Path(__file__).resolve().parent

SIGNED = ["int8", "int16", "int32", "int64"]
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]
INTEGERS = SIGNED + UNSIGNED
FLOATS = ["float32", "float64"]
DTYPES = INTEGERS + FLOATS


class Tally:
    passed = failed = skipped = 0

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


tally = Tally()


def judge(name, wrong):
    """One check: good when the list of what is wrong is empty."""
    if wrong:
        tally.failed += 1
        print(f"not ok - {name}: " + "; ".join(wrong[:4]) + (" .." if wrong[4:] else ""))
    else:
        tally.passed += 1


def skip(name, reason):
    tally.skipped += 1
    print(f"SKIPPED: {name}: {reason}")


# ---- inputs -------------------------------------------------------------------------------------


def metadata_xml(names):
    """Band names as GDAL has them."""
    items = "".join(f'<Item name="DESCRIPTION" sample="{band}" role="description">{name}</Item>'
                    for band, name in enumerate(names))
    return f"<GDALMetadata>{items}</GDALMetadata>"


def geo_keys(epsg):
    """Pixels are areas, in a geographic CRS (its code is 4000 to 4999) or a projected one."""
    geographic = 4000 <= epsg < 5000
    keys = [(1024, 2 if geographic else 1), (1025, 1), (2048 if geographic else 3072, epsg)]
    return [1, 1, 0, len(keys)] + [word for key, value in keys for word in (key, 0, 1, value)]


def write(path, pixels, nodata=None, tile=32, names=(), epsg=0, transform=None):
    """A tiled TIFF of pixels [y, x] or [band, y, x] in their own type, pixel-interleaved, not
    compressed; `nodata` as text or number; `transform` as rasterio's Affine (a, b, c, d, e, f).
    Gives the path."""
    pixels = np.asarray(pixels)
    if pixels.ndim == 2:
        pixels = pixels[np.newaxis]
    bands, height, width = pixels.shape
    size = pixels.dtype.itemsize
    little = pixels.dtype.newbyteorder("<")
    down, across = -(-height // tile), -(-width // tile)
    padded = np.zeros((down * tile, across * tile, bands), little)
    padded[:height, :width] = np.moveaxis(pixels, 0, 2)
    blocks = padded.reshape(down, tile, across, tile, bands).swapaxes(1, 2)
    data, one = blocks.tobytes(), tile * tile * bands * size
    kind = {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    tags = {256: ("H", [width]), 257: ("H", [height]), 258: ("H", [8 * size] * bands),
            259: ("H", [1]), 262: ("H", [1]), 277: ("H", [bands]), 284: ("H", [1]),
            322: ("H", [tile]), 323: ("H", [tile]),
            324: ("I", [8 + i * one for i in range(down * across)]),
            325: ("I", [one] * (down * across)), 339: ("H", [kind] * bands)}
    if bands > 1:
        tags[338] = ("H", [0] * (bands - 1))
    if nodata is not None:
        tags[42113] = ("s", str(nodata).encode() + b"\0")
    if names:
        tags[42112] = ("s", metadata_xml(names).encode() + b"\0")
    if epsg:
        tags[34735] = ("H", geo_keys(epsg))
    if transform is not None:
        a, b, c, d, e, f = list(transform)[:6]
        tags[34264] = ("d", [a, b, 0, c, d, e, 0, f, 0, 0, 0, 0, 0, 0, 0, 1])
    codes = {"s": 2, "H": 3, "I": 4, "d": 12}
    entries, extra, start = b"", b"", 8 + len(data)
    beyond = start + 2 + 12 * len(tags) + 4
    for tag, (code, values) in sorted(tags.items()):
        raw = values if code == "s" else struct.pack(f"<{len(values)}{code}", *values)
        where = raw.ljust(4, b"\0")
        if len(raw) > 4:
            where = struct.pack("<I", beyond + len(extra))
            extra += raw + b"\0" * (len(raw) % 2)
        entries += struct.pack("<HHI", tag, codes[code], len(values)) + where
    Path(path).write_bytes(b"II*\0" + struct.pack("<I", start) + data
                           + struct.pack("<H", len(tags)) + entries + b"\0" * 4 + extra)
    return path


def edges(dtype):
    """Values of a type where mistakes lie: its ends, 0, +-1, powers of two and what is beside them
    (2^53 + 1 and 2^63 - 1 among them); in floats halves, infinities and -0."""
    if np.dtype(dtype).kind == "f":
        most = float(np.finfo(dtype).max)
        values = [0.0, -0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.5, 7.0, 0.1, 1e-30, 1e10, 2.0 ** 52,
                  2.0 ** 53, 2.0 ** 63, most, np.inf]
        return np.array(values + [-v for v in values], dtype)
    limits = np.iinfo(dtype)
    values = {v for k in (0, 1, 2, 3, 7, 8, 15, 16, 23, 24, 31, 32, 52, 53, 62, 63, 64)
              for d in (-1, 0, 1) for v in (2 ** k + d, -(2 ** k) + d)}
    values |= {0, 10, 100, limits.min, limits.min + 1, limits.max, limits.max - 1}
    return np.array(sorted(v for v in values if limits.min <= v <= limits.max), dtype)


def sample(dtype, shape=(70, 90), seed=1):
    """Pixels of any bits the type has (in floats of any size), and every pair of edges() when two
    samples of different seeds lie one above the other."""
    rng = np.random.default_rng([seed, *dtype.encode()])
    if np.dtype(dtype).kind == "f":
        values = (rng.normal(size=shape) * 10.0 ** rng.integers(-5, 12, shape)).astype(dtype)
        rounded = rng.random(shape) < 0.3
        values[rounded] = np.round(values[rounded])
    else:
        limits = np.iinfo(dtype)
        values = rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
        small = rng.random(shape) < 0.3
        values[small] = rng.integers(max(limits.min, -20), 20, shape).astype(dtype)[small]
    flat, edge = values.reshape(-1), edges(dtype)
    pairs = np.tile(edge, len(edge)) if seed % 2 else np.repeat(edge, len(edge))
    n = min(len(pairs), flat.size * 3 // 4)
    flat[:n] = pairs[:n]
    return values


# ---- running ------------------------------------------------------------------------------------


def gwt(*arguments):
    """Run it. Gives (exit status, stdout, stderr)."""
    done = subprocess.run([GWT, *map(str, arguments)], stdin=subprocess.DEVNULL,
                          capture_output=True, encoding="utf-8", errors="replace", check=False)
    return done.returncode, done.stdout, done.stderr


def calc(expression, files, *options, output="out.tif"):
    """What is wrong with making it."""
    files = [files] if isinstance(files, str) else files
    status, _, said = gwt("calc", "-o", output, "--overwrite", "--quiet", *options,
                          "--", expression, *files)
    return [] if status == 0 and not said else [f"gwt exits with {status}: {said.strip()}"]


def tags_of(path, wanted):
    """Values of the first directory's tags, numbers or text, by number; of a little-endian file."""
    whole = Path(path).read_bytes()
    big = whole[2] == 43
    word, count, step = ("<Q", "<Q", 20) if big else ("<I", "<H", 12)
    room, sizes = struct.calcsize(word), {2: ("s", 1), 3: ("H", 2)}
    at, = struct.unpack_from(word, whole, 8 if big else 4)
    entries, = struct.unpack_from(count, whole, at)
    found = {}
    for where in range(at + struct.calcsize(count), at + entries * step, step):
        tag, kind = struct.unpack_from("<HH", whole, where)
        if tag in wanted:
            n, = struct.unpack_from(word, whole, where + 4)
            code, size = sizes[kind]
            from_ = where + 4 + room
            if n * size > room:
                from_, = struct.unpack_from(word, whole, from_)
            found[tag] = struct.unpack_from(f"<{n}{code}", whole, from_)[0]
    return found


def type_of(path):
    """(type, nodata value or None) as the tags say them, integers exactly: GDAL before 3.7 takes
    int8 for uint8, and rasterio before 1.4 the 64-bit integers for one another."""
    tags = tags_of(path, (258, 339, 42113))
    kind = {1: "uint", 2: "int", 3: "float"}[tags.get(339, 1)]
    text = tags[42113].rstrip(b"\0").decode() if 42113 in tags else None
    exact = text is not None and text.lstrip("-").isdigit() and kind != "float"
    nodata = None if text is None else int(text) if exact else float(text)
    return f"{kind}{tags[258]}", nodata


def read(path):
    """(pixels [band, y, x] in the file's own type, its nodata value or None)."""
    dtype, nodata = type_of(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(path) as dataset:
            pixels = dataset.read()
    return (pixels if pixels.dtype == dtype else pixels.view(dtype)), nodata


def missing_of(pixels, nodata):
    """Where an array is missing."""
    if pixels.dtype.kind == "f" and (nodata is None or nodata != nodata):
        return np.isnan(pixels)
    return np.zeros(pixels.shape, bool) if nodata is None else pixels == pixels.dtype.type(nodata)


def differ(got, expected, missing, tolerance):
    """What is wrong with pixels that should be `expected`, of which `missing` are missing."""
    pixels, nodata = got
    if pixels.shape != expected.shape:
        return [f"the shape is {pixels.shape}, not {expected.shape}"]
    if pixels.dtype != expected.dtype:
        return [f"the type is {pixels.dtype}, not {expected.dtype}"]
    absent = missing_of(pixels, nodata)
    with np.errstate(all="ignore"):
        same = pixels == expected
        if tolerance:
            same |= np.abs(pixels - expected) <= tolerance * np.maximum(np.abs(expected), 1)
    wrong = np.argwhere((absent != missing) | (~same & ~missing))
    if not len(wrong):
        return []
    at = tuple(int(i) for i in wrong[0])
    is_, should = ("missing" if m[at] else v[at] for v, m in ((pixels, absent),
                                                              (expected, missing)))
    return [f"{len(wrong)} of {pixels.size} pixels differ, the first at {at}: {is_}, not {should}"]


ANY = object()


def check(name, expression, files, expected, missing=False, tolerance=0, nodata=ANY, options=()):
    """gwt calc's result has the type and shape of `expected` (an array [y, x] or [band, y, x]), is
    missing just where `missing` is true, and holds its values elsewhere: bit for bit (-0 is 0), or
    off by `tolerance` relative to them (absolute below 1). NaN in `expected` is missing, too.
    `nodata`: what the file has to say; any is taken for granted where it is not given."""
    wrong = calc(expression, files, *options)
    if not wrong:
        expected = np.asarray(expected)
        expected = expected[np.newaxis] if expected.ndim == 2 else expected
        missing = np.broadcast_to(missing, expected.shape)
        if expected.dtype.kind == "f":
            missing = missing | np.isnan(expected)
        got = read("out.tif")
        wrong = differ(got, expected, missing, tolerance)
        if nodata is not ANY and not (got[1] == nodata or (nodata != nodata and got[1] != got[1])):
            wrong.append(f"nodata is {got[1]}, not {nodata}")
    judge(f"{name}: {expression}" if name else expression, wrong)


def refused(expression, files, *texts, options=()):
    """gwt calc refuses it with a message that has all of these texts."""
    files = [files] if isinstance(files, str) else files
    status, _, said = gwt("calc", "-o", "refused.tif", "--overwrite", "--quiet", *options, "--",
                          expression, *files)
    wrong = [] if status == 1 else [f"gwt exits with {status}"]
    wrong += [f"no \"{text}\" in: {said.strip()}" for text in texts if text not in said]
    if os.path.exists("refused.tif"):
        wrong.append("there is an output")
    judge(f"refused: {expression}", wrong)


# ---- all of it ----------------------------------------------------------------------------------


def main(names):
    modules = [f"oracle_{name}" for name in names]
    modules = modules or sorted(path.stem for path in HERE.glob("oracle_*.py"))
    for name in modules:
        start = time.monotonic()
        before = tally.passed + tally.failed
        try:
            importlib.import_module(name).run()
        except Exception:       # counted, and the other modules still run
            traceback.print_exc()
            judge(name, ["it stopped"])
        print(f"{name}: {tally.passed + tally.failed - before} cases,"
              f" {time.monotonic() - start:.1f} s")
    print(tally)
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.modules["oracle"] = sys.modules["__main__"]     # what the modules import
    sys.path.insert(0, str(HERE))
    sys.dont_write_bytecode = True
    with tempfile.TemporaryDirectory(prefix="gwt_oracle_") as directory:
        os.chdir(directory)
        try:
            STATUS = main(sys.argv[1:])
        finally:
            os.chdir("/")
    sys.exit(STATUS)
