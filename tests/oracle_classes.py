"""oracle_classes.py - values by classes, and single ones replaced (see oracle.py)."""

import numpy as np

from oracle import DTYPES, check, edges, refused, sample, write

INF, NAN = np.inf, np.nan


def number(value):
    return repr(float(value)) if value != int(value) else str(int(value))


def text(ranges, other=None):
    """Of (lo, hi, value), where lo == hi is one value."""
    words = []
    for lo, hi, value in ranges:
        low = "" if lo == -INF else number(lo)
        high = "" if hi == INF else number(hi)
        what = "nan" if value != value else number(value)
        words.append(f"{low if lo == hi else low + ':' + high}={what}")
    if other is not None:
        words.append(f"else={other if isinstance(other, str) else number(other)}")
    return ", ".join(words)


def classes(pixels, ranges, other=NAN):
    """What becomes of them, in float64: ends are numbers of the array's type."""
    x = pixels.astype("float64")
    rounded = np.float32 if pixels.dtype == "float32" else np.float64
    result = x.copy() if other == "keep" else np.full(x.shape, other)
    for lo, hi, value in ranges:
        low, high = float(rounded(lo)), float(rounded(hi))
        inside = (x == low) if lo == hi else (x >= low) & ((x < high) | (hi == INF))
        result[inside] = value
    return result


def compare(name, pixels, nodata, ranges, other, dtype, result_nodata):
    file = write("classes.tif", pixels, nodata)
    absent = np.isnan(pixels.astype("float64"))
    if nodata is not None:
        absent |= pixels == nodata
    want = classes(pixels, ranges, NAN if other is None else other)
    missing = absent | np.isnan(want)
    filled = np.where(missing, 0, want).astype(dtype)
    check(name, f'reclass(b1, "{text(ranges, other)}")', file, filled, missing,
          nodata=result_nodata)


def every_type():
    """Few ranges with edges of the type for ends, single values, and open ends."""
    for dtype in DTYPES:
        pixels, nodata = sample(dtype), edges(dtype)[3]
        few = [(-INF, -20, 1), (-20, -3, 2), (0, 10, 3), (10, 20, 4), (25, 25, 7), (100, INF, 9)]
        free = 0 <= nodata <= 255 and nodata % 1 == 0 and nodata not in (0, 1, 2, 3, 4, 7, 9)
        compare(dtype, pixels, nodata, few, 0, "uint8", nodata if free else 255)
        compare(dtype, pixels, None, few, None, "uint8", 255)
        ends = np.unique(edges(dtype).astype("float64"))
        ends = ends[np.isfinite(ends)]
        many = [(lo, hi, i - 50) for i, (lo, hi) in enumerate(zip(ends[:-1], ends[1:]))]
        compare(f"{dtype}, edges", pixels, None, many, 7, "int8", -128)
        one = [(v, v, 70000 * i) for i, v in enumerate(ends) if i % 3]
        compare(f"{dtype}, single", pixels, None, one, -1, "int32", -2 ** 31)
        halves = [(0.25, 2.5, 0.5), (2.5, 2.75, 3), (2.75, 7.1, 0.1), (7.1, 7.1, NAN)]
        compare(f"{dtype}, halves", pixels, None, halves, 1e-3, "float64", None)


def kept():
    """What is in no class stays; the type holds it."""
    types = {"uint8": "int16", "int8": "int8", "uint16": "int32", "int16": "int16",
             "uint32": "int64", "int32": "int32", "float32": "float32", "float64": "float64"}
    for dtype, result in types.items():
        pixels, nodata = sample(dtype), 100
        compare(f"{dtype}, kept", pixels, nodata, [(0, 10, -1), (20, 20, 3)], "keep", result, 100)
    for dtype in DTYPES:
        if dtype in ("int64", "uint64"):
            continue
        pixels = sample(dtype)
        want = pixels.copy()
        want[pixels == 1], want[pixels == 2], want[pixels == 3] = 2, 1, 100
        check(dtype, "replace(b1, 1, 2, 2, 1, 3, 100)", write("kept.tif", pixels), want,
              np.isnan(want.astype("float64")))


def many():
    """65,536 classes: of all 16-bit integers; of floats, evenly and unevenly spaced."""
    rng = np.random.default_rng(7)
    to = rng.integers(0, 60000, 65536)
    for dtype, lowest in (("uint16", 0), ("int16", -32768)):
        pixels = rng.integers(lowest, lowest + 65536, (70, 90)).astype(dtype)
        ranges = [(v, v, int(to[v])) for v in range(lowest, lowest + 65536)]
        large(dtype, pixels, ranges, to[pixels.astype(int)], "uint16")
    even = np.arange(65537) / 64 - 300
    uneven = np.unique(np.concatenate([rng.random(40000) * 1e-6, rng.random(30000) * 1e9]))[:65537]
    for name, ends in (("evenly", even), ("unevenly", uneven)):
        for dtype in ("float32", "float64"):
            pixels = rng.choice(ends, (70, 90)).astype(dtype)
            pixels[::2] = rng.uniform(ends[0] - 1, ends[-1] + 1, (35, 90))
            pixels[::3, ::5] = rng.uniform(ends[0], ends[100], (24, 18))
            seen = np.unique(ends.astype(dtype))
            at = np.searchsorted(seen, pixels.astype(dtype), "right") - 1
            inside = (at >= 0) & (at < len(seen) - 1)
            # Of ends that float32 has as one no value lies between them: the last range counts.
            last = np.searchsorted(ends.astype(dtype), seen, "right") - 1
            want = np.where(inside, to[np.minimum(last, 65535)][np.maximum(at, 0)], 7)
            ranges = [(lo, hi, int(v)) for lo, hi, v in zip(ends[:-1], ends[1:], to)]
            large(f"{name} {dtype}", pixels, ranges, want, "uint16", 7)


def large(name, pixels, ranges, want, dtype, other=None):
    """By an expression in a file: the command line is too short."""
    with open("large.txt", "w", encoding="ascii") as file:
        file.write(f'reclass(b1, "{text(ranges, other)}")')
    check(f"65,536 {name}", "@large.txt", write("large.tif", pixels), want.astype(dtype),
          nodata=65535)


def types():
    """The smallest type with room for what is missing."""
    byte = sample("uint8", (20, 30))
    for values, dtype, nodata in (((0, 255), "uint8", 254), ((0, 256), "uint16", 65535),
                                  ((-1, 1), "int8", -128), ((-128, 127), "int8", -127),
                                  ((-1, 200), "int16", -32768), ((0, 70000), "uint32", 2 ** 32 - 1),
                                  ((0.5, 1), "float32", None), ((0.1, 1), "float64", None),
                                  ((1e10, 0), "uint64", 2 ** 64 - 2048),
                                  ((-1e10, 0), "int64", -2 ** 63),
                                  ((1e30, 0), "float64", None)):
        ranges = [(0, 100, values[0]), (100, 200, values[1])]
        compare(f"{values}", byte, None, ranges, None, dtype, nodata)
    all_of_them = [(v, v, 255 - v) for v in range(256)]
    compare("a table of 256", byte, None, all_of_them, None, "uint16", 65535)


def errors():
    file = write("byte.tif", sample("uint8"))
    for classes_, message in (("0:10=1, 5:20=2", "0:10 and 5:20 overlap"), ("7=1, 7=2", "overlap"),
                              ("0:=1, 20=2", "0:inf and 20:20 overlap"), ("", "no classes"),
                              ("5:5=1", "lower end first"), ("10:0=1", "lower end first"),
                              ("nan=1", "NaN"), ("0:10", "0:10=1"), ("0:10=x", "0:10=1"),
                              ("else=1, else=2", "one else"), ("0:10=keep", "0:10=1")):
        refused(f'reclass(b1, "{classes_}")', file, message, "^")
    refused("reclass(b1, 3)", file, "text in double quotes", "^")
    refused("reclass(b1)", file, "reclass takes 2 values, not 1")
    refused('reclass("0=1", b1)', file, "^")
    refused('reclass(b1, "0=1)', file, "text in double quotes")
    refused("replace(b1, 1, 2, 3)", file, "pairs")
    refused("replace(b1, 1, 2, 1, 3)", file, "1:1 and 1:1 overlap")


def run():
    every_type()
    kept()
    many()
    types()
    errors()
