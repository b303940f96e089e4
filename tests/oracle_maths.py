"""oracle_maths.py - functions of numbers, pixel by pixel, in double (see oracle.py)."""

import numpy as np

from oracle import DTYPES, check, edges, refused, sample, write

LIBM = {"sqrt": np.sqrt, "cbrt": np.cbrt, "exp": np.exp, "exp2": np.exp2, "log": np.log,
        "log2": np.log2, "log10": np.log10, "sin": np.sin, "cos": np.cos, "tan": np.tan,
        "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh,
        "tanh": np.tanh}
WHOLE = {"floor": np.floor, "ceil": np.ceil, "round": np.round, "trunc": np.trunc}


def nodata_of(dtype):
    return edges(dtype)[-2 if np.dtype(dtype).kind != "f" else 11]


def by_the_library():
    """float64; to the last digits, which are those of the C library."""
    for dtype in DTYPES:
        x = sample(dtype)
        nodata = nodata_of(dtype)
        file = write("one.tif", x, nodata)
        wide, missing = x.astype("float64"), x == nodata
        with np.errstate(all="ignore"):
            for name, of in LIBM.items():
                # Of huge angles numpy's loops and the C library may not reduce alike.
                far = np.abs(wide) > 1e5 if name in ("sin", "cos", "tan") else False
                tame = np.where(far, 1.0, wide)
                operand = "b1" if far is False else "where(abs(b1) > 1e5, 1, b1)"
                check(dtype, f"{name}({operand})", file, of(tame), missing, tolerance=1e-13)
            check(dtype, "degrees(b1)", file, np.degrees(wide), missing)
            check(dtype, "radians(b1)", file, np.radians(wide), missing)


def whole():
    """The type stays, and of integers every bit; ties go to even, -0 and infinities stay."""
    for dtype in DTYPES:
        x = sample(dtype)
        nodata = nodata_of(dtype)
        file = write("one.tif", x, nodata)
        for name, of in WHOLE.items():
            expected = of(x) if x.dtype.kind == "f" else x
            assert expected.dtype == x.dtype
            check(dtype, f"{name}(b1)", file, expected, x == nodata, nodata=nodata)
        wide = x.astype("float64")
        with np.errstate(all="ignore"):
            for name, of in WHOLE.items():
                check(dtype, f"{name}(b1 / 2)", file, of(wide / 2), x == nodata)
                check(dtype, f"1 / {name}(b1 / 1e30)", file, 1 / of(wide / 1e30), x == nodata)
        check(dtype, "sign(b1)", file, np.sign(x), x == nodata, nodata=nodata)


def of_two():
    for dtype in DTYPES:
        x, y = sample(dtype, seed=1), sample(dtype, seed=2)
        nodata = nodata_of(dtype)
        file = write("two.tif", np.stack([x, y]), nodata)
        missing = (x == nodata) | (y == nodata)
        u, v = x.astype("float64"), y.astype("float64")
        with np.errstate(all="ignore"):
            check(dtype, "mod(b1 * 1, b2)", file, np.mod(u, v), missing)
            check(dtype, "mod(b1 * 1, -7)", file, np.mod(u, -7.0), x == nodata)
            check(dtype, "atan2(b1, b2)", file, np.arctan2(u, v), missing, tolerance=1e-13)
            check(dtype, "hypot(b1, b2)", file, np.hypot(u, v), missing, tolerance=1e-13)
            check(dtype, "lerp(b1, b2, 0.3)", file, u + (v - u) * 0.3, missing)
            check(dtype, "lerp(7, b1, b2 / 3)", file, 7 + (u - 7) * (v / 3), missing)
    # A missing operand makes these missing, whatever the other is.
    x = np.array([[np.nan, np.inf, 1, np.inf, 0]])
    y = np.array([[np.inf, np.nan, np.inf, 2, 0]])
    file = write("nan.tif", np.stack([x, y]))
    check("", "hypot(b1, b2)", file, [[np.nan, np.nan, np.inf, np.inf, 0]])
    check("", "mod(b1, b2)", file, [[np.nan, np.nan, 1, np.nan, np.nan]])
    check("", "atan2(b1, b2)", file, np.arctan2(x, y))


def constants():
    """What is made of numbers alone is a number: where one is wanted, and in its type."""
    x = np.clip(sample("uint16"), 1, 60000).astype("uint16")
    file = write("numbers.tif", x)
    wide = x.astype("float64")
    for text in ("2 * 3", "0.1 + 0.2", "1 / 3 - 7", "2 ** 0.5", "-2 ** 2", "(1 + 2) * -3 / 7",
                 "2 ** 53 + 1", "5 - 1e-17"):
        number = float(eval(text))      # noqa: S307
        if text == "2 ** 53 + 1":
            number = 2.0 ** 53 + 1.0    # in double
        check("constants", f"b1 * ({text})", file, wide * number)
    for text in ("1 << 4", "1 << 4 | 1 << 3", "0xff & 0x3c", "5 ^ 6", "2 ** 4 - 1", "1000 >> 3",
                 "100 % 7 + 100 // 7"):
        check("constants", f"b1 & ({text})", file, x & np.uint16(eval(text)))   # noqa: S307
        check("constants", f"min(b1, {text})", file,
              np.minimum(x, np.uint16(eval(text))))     # noqa: S307
    check("constants", "clip(b1, 2 * 3, 10 * (1 + 1))", file, np.clip(x, 6, 20))
    check("constants", "bit(b1, 2 + 1)", file, (x >> 3 & 1).astype("uint8"))
    check("constants", "isin(b1, 1 << 4, 60000 / 1)", file, np.isin(x, (16, 60000)).astype("uint8"))
    check("constants", "b1 * (0 / 0)", file, np.full(x.shape, np.nan))
    check("constants", "b1 * nan ** 0", file, np.full(x.shape, np.nan))
    check("constants", "b1 * 0 + (1 // 0)", file, np.full(x.shape, np.nan))
    refused("clip(b1, 2, b1 * 0 + 3)", file, "clip wants a number as value 3", "^")


def errors():
    file = write("byte.tif", sample("uint8"))
    refused("floor(b1, b1)", file, "floor takes 1 value, not 2", "^")
    refused("lerp(b1, 2)", file, "lerp takes 3 values, not 2", "^")
    refused("cot(b1)", file, "unknown function cot: there are", " atan2 ", " tasseled_cap", "^")


def run():
    by_the_library()
    whole()
    of_two()
    constants()
    errors()
