"""oracle_random.py - expressions put together at random, whose values are worked out here while
they are (see oracle.py): what single operations do not show is how they act on one another, on
types, missing pixels, and on what is computed in float32 or in integers."""

import random

import numpy as np

from oracle import gwt, judge, read, write

SHAPE = (20, 20)
TYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]
NUMBERS = ["0", "1", "2", "3", "7", "0.5", "2.25", "100", "255"]
COMPARE = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
           "==": np.equal, "!=": np.not_equal, "&&": lambda x, y: (x != 0) & (y != 0),
           "||": lambda x, y: (x != 0) | (y != 0)}
ARITHMETIC = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}
DIVIDE = {"%": np.mod, "//": np.floor_divide}
BITS = {"&": np.bitwise_and, "|": np.bitwise_or, "^": np.bitwise_xor}
OF_ONE = {"abs": np.abs, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "round": np.rint,
          "sign": np.sign}
OF_TWO = {"min": np.minimum, "max": np.maximum}
SPECIAL = ["where", "lerp", "isin", "clip", "valid", "!", "-"]


def strict(value, *operands):
    """Missing where one of them is."""
    missing = np.isnan(operands).any(axis=0)
    return np.where(missing, np.nan, value)


def bitwise(of, x, y):
    """Missing where one is not whole, or beyond 64 bits."""
    good = np.all([(v == np.floor(v)) & (abs(v) < 2.0 ** 63) for v in (x, y)], axis=0)
    x, y = (np.where(good, v, 0).astype("int64") for v in (x, y))
    return np.where(good, of(x, y).astype("float64"), np.nan)


def special(rng, name, bands, depth):
    """(text, value) of what is no plain operator."""
    (t, x), (u, y), (v, z) = (expression(rng, bands, depth) for _ in range(3))
    if name == "where":
        return (f"where({t}, {u}, {v})", np.where(np.isnan(x), np.nan, np.where(x != 0, y, z)))
    if name == "lerp":
        return f"lerp({t}, {u}, {v})", strict(x + (y - x) * z, x, y, z)
    if name == "isin":
        return f"isin({t}, 1, 7, {u})", strict((x == 1) | (x == 7) | (x == y), x, y)
    if name == "clip":
        return f"clip({t}, -3, 90)", strict(np.clip(x, -3, 90), x)
    if name == "valid":
        return f"valid({t})", (~np.isnan(x)).astype("float64")
    if name == "!":
        return f"(!{t})", strict(x == 0, x)
    return f"(-{t})", -x


def expression(rng, bands, depth):
    """(text, value)"""
    if depth == 0 or rng.random() < 0.15:
        name = rng.choice(list(bands) * 3 + NUMBERS)
        return name, bands[name] if name in bands else np.full(SHAPE, float(name))
    name = rng.choice([*COMPARE, *ARITHMETIC, *DIVIDE, *BITS, *OF_ONE, *OF_TWO, *SPECIAL])
    if name in SPECIAL:
        return special(rng, name, bands, depth - 1)
    (t, x), (u, y) = (expression(rng, bands, depth - 1) for _ in range(2))
    if name in OF_ONE:
        return f"{name}({t})", OF_ONE[name](x)
    if name in OF_TWO:
        return f"{name}({t}, {u})", strict(OF_TWO[name](x, y), x, y)
    if name in BITS:
        return f"({t} {name} {u})", bitwise(BITS[name], x, y)
    if name in DIVIDE:
        return f"({t} {name} {u})", strict(np.where(y == 0, np.nan, DIVIDE[name](x, y)), x, y)
    return f"({t} {name} {u})", strict({**COMPARE, **ARITHMETIC}[name](x, y), x, y)


def inputs(rng, pixels, types):
    """Files of one band, where 5 is missing, and {"b1": their values in float64, ..}."""
    bands, files = {}, []
    for number, dtype in enumerate(types, 1):
        if dtype.startswith("float"):
            x = np.round(pixels.normal(0, 40, SHAPE), 2).astype(dtype)
        else:
            limits = np.iinfo(dtype)
            x = pixels.integers(max(limits.min, -120), min(limits.max, 250), SHAPE).astype(dtype)
        x[pixels.random(SHAPE) < 0.1] = 5
        files.append(write(f"b{number}.tif", x, 5))
        bands[f"b{number}"] = np.where(x == 5, np.nan, x.astype("float64"))
    return files, bands


def run(seed=1, number=250):
    rng, pixels = random.Random(seed), np.random.default_rng(seed)
    refused = 0
    for _ in range(number):
        types = [rng.choice(TYPES) for _ in range(3)]
        files, bands = inputs(rng, pixels, types)
        text = ""
        while not any(name in text for name in bands):
            with np.errstate(all="ignore"):
                text, value = expression(rng, bands, rng.randint(1, 4))
        status, _, said = gwt("calc", "-o", "out.tif", "--overwrite", "--quiet", "--allow-unused",
                              "--dtype", "float64", "--dst-nodata", "nan", "--", text, *files)
        if status:
            refused += 1
            wrong = [] if "no integer type holds" in said else [said]
        else:
            got = read("out.tif")[0][0]
            same = (got == value) | (np.isnan(got) & np.isnan(value))
            wrong = [f"{got[tuple(at)]}, not {value[tuple(at)]} where the bands are"
                     f" {[float(b[tuple(at)]) for b in bands.values()]}"
                     for at in np.argwhere(~same)[:1]]
        judge(f"{text} of {', '.join(types)}", wrong)
    judge("most are computed", [] if refused < number / 10 else [f"{refused} are refused"])
