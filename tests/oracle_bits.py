"""oracle_bits.py - bits and whole numbers, to the last of 64 bits (see oracle.py)."""

import numpy as np

from oracle import FLOATS, INTEGERS, check, edges, gwt, judge, read, refused, sample, write

ORDER = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]
BITWISE = {"&": np.bitwise_and, "|": np.bitwise_or, "^": np.bitwise_xor}


def holding(*limits):
    """The first type that holds all of these numbers."""
    for dtype in ORDER:
        info = np.iinfo(dtype)
        if all(info.min <= v <= info.max for v in limits):
            return dtype
    return None


def common(*dtypes):
    return holding(*(v for d in dtypes for v in (np.iinfo(d).min, np.iinfo(d).max)))


def nodata_of(dtype):
    return edges(dtype)[-2]


def exact(values):
    """Python's integers: of any size."""
    return np.array([int(v) for v in values.reshape(-1)], object).reshape(values.shape)


def wrapped(values, dtype):
    """Modulo 2^n, into the type's range."""
    bits, signed = np.iinfo(dtype).bits, np.iinfo(dtype).min < 0
    flat = [int(v) % 2 ** bits for v in values.reshape(-1)]
    flat = [v - 2 ** bits if signed and v >= 2 ** (bits - 1) else v for v in flat]
    return np.array(flat, dtype).reshape(values.shape)


def over(of, x, y, good):
    """of(x, y) of Python's integers where `good`, else 0."""
    flat = [of(a, b) if g else 0 for a, b, g in
            zip(exact(x).reshape(-1), exact(y).reshape(-1), good.reshape(-1))]
    return np.array(flat, object).reshape(x.shape)


def stored(name, expression, files, expected, missing, options=()):
    """As check(), but by what is stored, which may equal the nodata value without being missing."""
    files = [files] if isinstance(files, str) else files
    status, _, said = gwt("calc", "-o", "out.tif", "--overwrite", "--quiet", *options, "--",
                          expression, *files)
    wrong = [f"gwt exits with {status}: {said.strip()}"] if status else []
    if not wrong:
        pixels, nodata = read("out.tif")
        pixels, missing = pixels[0], np.broadcast_to(missing, expected.shape)
        if pixels.dtype != expected.dtype:
            wrong.append(f"the type is {pixels.dtype}, not {expected.dtype}")
        elif missing.any() and nodata is None:
            wrong.append("there is no nodata value")
        else:
            should = np.where(missing, expected.dtype.type(nodata or 0), expected)
            for at in np.argwhere(pixels != should)[:1]:
                wrong.append(f"{(pixels != should).sum()} pixels differ, the first at {at}:"
                             f" {pixels[tuple(at)]}, not {should[tuple(at)]}"
                             f" ({'missing' if missing[tuple(at)] else 'valid'})")
    judge(f"{name}: {expression}", wrong)


def pairs():
    """Two bands of one type: Python's integers say what the bits are."""
    for dtype in INTEGERS:
        x, y = sample(dtype, seed=1), sample(dtype, seed=2)
        nodata = nodata_of(dtype)
        file = write("pair.tif", np.stack([x, y]), nodata)
        missing = (x == nodata) | (y == nodata)
        for token, of in BITWISE.items():
            stored(dtype, f"b1 {token} b2", file, of(x, y), missing)
        stored(dtype, "~b1", file, ~x, x == nodata)
        zero = y == 0
        for token, of in (("%", lambda a, b: a % b), ("//", lambda a, b: a // b)):
            expected = wrapped(over(of, x, y, ~zero), dtype)
            stored(dtype, f"b1 {token} b2", file, expected, missing | zero)
        shift = (exact(y) >= 0) & (exact(y) <= 63)
        wide = "uint64" if dtype == "uint64" else "int64"
        stored(dtype, "b1 << b2", file, wrapped(over(lambda a, b: a << b, x, y, shift), wide),
              missing | ~shift)
        stored(dtype, "b1 >> b2", file, wrapped(over(lambda a, b: a >> b, x, y, shift), dtype),
              missing | ~shift)
        same = (x == y).astype("uint8")
        check(dtype, "b1 == b2", file, same, missing, nodata=255)
        check(dtype, "b1 != b2", file, 1 - same, missing, nodata=255)


def mixed():
    """Types of two that differ, as numpy promotes them."""
    for one in INTEGERS:
        for other in INTEGERS:
            x, y = sample(one, (40, 50), seed=1), sample(other, (40, 50), seed=2)
            files = [write("one.tif", x, 100), write("other.tif", y)]
            missing = x == 100
            to = common(one, other)
            if to is None:
                for token in ("&", "%", "//"):
                    refused(f"a {token} b", files, f"no integer type holds both {one} and {other}")
                continue
            assert to == np.promote_types(one, other)
            for token, of in BITWISE.items():
                stored(f"{one}, {other}", f"a {token} b", files, of(x.astype(to), y.astype(to)),
                      missing)
            zero = y == 0
            expected = wrapped(over(lambda a, b: a % b, x, y, ~zero), to)
            stored(f"{one}, {other}", "a % b", files, expected, missing | zero)


def numbers():
    """A number takes the array's type where it fits, else the first that holds both."""
    for dtype in INTEGERS:
        x = sample(dtype)
        nodata = nodata_of(dtype)
        file = write("one.tif", x, nodata)
        limits = np.iinfo(dtype)
        for text in ("0x7f", "0b1010", "255", "-1", "1023", "0x7fffffff", "0x7fffffffffffffff",
                     "9007199254740993", "0x8000000000000000", "0x8000000000000001"):
            number = int(text, 0)
            to = holding(limits.min, limits.max, number)
            if to is None:
                refused(f"b1 & {text}", file, "no integer type holds both")
                continue
            for token, of in BITWISE.items():
                expected = wrapped(of(exact(x), number), to)
                stored(dtype, f"b1 {token} {text}", file, expected, x == nodata)
            expected = wrapped(exact(x) % number, to)
            stored(dtype, f"b1 % ({text})", file, expected, x == nodata)
            check(dtype, f"{text} == b1", file, (exact(x) == number).astype("uint8"), x == nodata)
        for by in (0, 1, 7, 31, 63):
            wide = "uint64" if dtype == "uint64" else "int64"
            stored(dtype, f"b1 << {by}", file, wrapped(exact(x) << by, wide), x == nodata)
            stored(dtype, f"b1 >> {by}", file, wrapped(exact(x) >> by, dtype), x == nodata)


def fields():
    for dtype in INTEGERS:
        x = sample(dtype)
        nodata, bits = nodata_of(dtype), np.iinfo(dtype).bits
        file, whole, missing = write("qa.tif", x, nodata), exact(x), x == nodata
        for n in (0, 3, bits - 1):
            check(dtype, f"bit(b1, {n})", file, (whole >> n & 1).astype("uint8"), missing,
                  nodata=255)
        for first, last in ((0, 0), (1, 4), (2, bits - 1), (0, bits - 2), (0, bits - 1)):
            expected = wrapped(whole >> first & 2 ** (last - first + 1) - 1, dtype)
            stored(dtype, f"bits(b1, {first}, {last})", file, expected, missing)
        for pattern in ("1", "x01x", "xx01_1xxx", "1" + "x" * (bits - 1),
                        "01" + "x" * (bits - 3) + "1"):
            plain = pattern.replace("_", "")
            mask, value = (int("".join(c), 2) for c in
                           ([("0" if c == "x" else "1") for c in plain],
                            [("1" if c == "1" else "0") for c in plain]))
            check(dtype, f'bits_match(b1, "{pattern}")', file,
                  ((whole & mask) == value).astype("uint8"), missing, nodata=255)
        some = [int(v) for v in np.random.default_rng(3).choice(x.reshape(-1), 5)]
        some += [7, 2 ** 60 + 1]
        check(dtype, f"isin(b1, {', '.join(map(str, some))})", file,
              np.isin(whole, some).astype("uint8"), missing, nodata=255)


def of_floats():
    """What is not whole is missing; % and // are numpy's."""
    for dtype in FLOATS:
        x, y = sample(dtype, seed=1), sample(dtype, seed=2)
        nodata = edges(dtype)[11]
        file = write("pair.tif", np.stack([x, y]), nodata)
        missing = (x == nodata) | (y == nodata)
        u, v = x.astype("float64"), y.astype("float64")
        with np.errstate(all="ignore"):
            odd = [~((w == np.floor(w)) & (w >= -2.0 ** 63) & (w < 2.0 ** 63)) for w in (u, v)]
            a, b = (np.where(o, 0, w).astype("int64") for o, w in zip(odd, (u, v)))
            check(dtype, "b1 % b2", file, np.where(v == 0, np.nan, np.mod(u, v)), missing)
            check(dtype, "b1 // b2", file, np.where(v == 0, np.nan, np.floor_divide(u, v)), missing)
            check(dtype, "b1 // 0.7", file, np.floor_divide(u, 0.7), x == nodata)
        none = ["--dst-nodata", str(-2 ** 63)]
        stored(dtype, "b1 & b2", file, a & b, missing | odd[0] | odd[1], options=none)
        stored(dtype, "b1 ^ 255", file, a ^ 255, (x == nodata) | odd[0], options=none)
        stored(dtype, "~b1", file, ~a, (x == nodata) | odd[0], options=none)
        stored(dtype, "b1 >> 3", file, a >> 3, (x == nodata) | odd[0], options=none)
        check(dtype, "bit(b1, 2)", file, (a >> 2 & 1).astype("uint8"), (x == nodata) | odd[0])


def picked():
    """64 bits through where, mask and windows, and one operation after the other."""
    for dtype in ("int64", "uint64"):
        x, y = sample(dtype, seed=1), sample(dtype, seed=2)
        file = write("pair.tif", np.stack([x, y]), 100)
        missing = (x == 100) | (y == 100)
        check(dtype, "where(row() > 20, b1, b2)", file,
              np.where(np.indices(x.shape)[0] > 20, x, y),
              np.where(np.indices(x.shape)[0] > 20, x == 100, y == 100))
        check(dtype, "mask(b1, 1)", file, x, (x == 100) | (x == 1))
        stored(dtype, "(b1 ^ b2) ^ b2", file, x, missing)
        check(dtype, "b1 // 3 * 0 + b1 % 3", file, (exact(x) % 3).astype("float64"), x == 100)
        stored(dtype, "(b1 & ~b2) | (b1 & b2)", file, x, missing)


NEAR = [0, 1, 5, 2 ** 53 - 1, 2 ** 53, 2 ** 53 + 1, 2 ** 53 + 2, 2 ** 53 + 3, 2 ** 54 + 2,
        2 ** 54 + 3, 2 ** 62 + 1, 2 ** 63 - 2, 2 ** 63 - 1]
BELOW = [-1, -5, -2 ** 53 - 1, -2 ** 53, -2 ** 62 - 1, -2 ** 63 + 1, -2 ** 63]
ABOVE = [2 ** 63, 2 ** 63 + 1, 2 ** 64 - 2048, 2 ** 64 - 2, 2 ** 64 - 1]
COMPARE = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
           "==": np.equal, "!=": np.not_equal}


def pairs_of(one, other):
    """All pairs of two lists, as two bands."""
    return [np.array([f(a, b) for a in one for b in other], object).reshape(len(one), len(other))
            for f in (lambda a, b: a, lambda a, b: b)]


def compared():
    """Comparisons, and what picks, of 64-bit integers that doubles can't tell from one another."""
    some = {"int64": NEAR + BELOW, "uint64": NEAR + ABOVE}
    for one in some:
        for other in some:
            x, y = pairs_of(some[one], some[other])
            files = [write("one.tif", x.astype(one), 5), write("other.tif", y.astype(other))]
            for token, of in COMPARE.items():
                check(f"{one}, {other}", f"a {token} b", files, of(x, y).astype("uint8"), x == 5,
                      nodata=255)
    for dtype, values in some.items():
        x, y = pairs_of(values, values)
        limits = np.iinfo(dtype)
        file = write("pair.tif", np.stack([x, y]).astype(dtype), 5)
        missing, first = (x == 5) | (y == 5), x == 5
        for name, of in (("min", np.minimum), ("max", np.maximum)):
            stored(dtype, f"{name}(b1, b2)", file, of(x, y).astype(dtype), missing)
            stored(dtype, f"{name}(b1, {2 ** 53 + 1})", file, of(x, 2 ** 53 + 1).astype(dtype),
                   first)
        stored(dtype, "where(b1 > b2, b1, b2)", file, np.maximum(x, y).astype(dtype), missing)
        stored(dtype, "clip(b1, 1, 4e18)", file, np.clip(x, 1, 4 * 10 ** 18).astype(dtype), first)
        stored(dtype, f"clip(b1, 0, {2 ** 53})", file, np.clip(x, 0, 2 ** 53).astype(dtype), first)
        stored(dtype, "replace(b1, 1, 7)", file, np.where(x == 1, 7, x).astype(dtype), first)
        stored(dtype, 'reclass(b1, "0:2=9, else=keep")', file,
               np.where((x == 0) | (x == 1), 9, x).astype(dtype), first)
        if dtype == "int64":
            stored(dtype, "abs(b1)", file, np.minimum(abs(x), limits.max).astype(dtype), first)
            stored(dtype, "-b1", file, np.minimum(-x, limits.max).astype(dtype), first)
        else:
            stored(dtype, "abs(b1)", file, x.astype(dtype), first)


def precedence():
    """As in Python, whose operators these are; comparisons bind less tightly than all of them."""
    rng = np.random.default_rng(5)
    x, y, z = (rng.integers(1, 60, (20, 30)).astype("int32") for _ in range(3))
    file = write("three.tif", np.stack([x, y, z]))
    for text in ("x | y & z", "x ^ y & z", "x | y ^ z", "x & y << 2", "x << 1 + 2", "x + y << 1",
                 "x & y + z", "x - y // z", "x * y % z", "x % y * z", "x // y // 2", "-x // y",
                 "~x & y", "~x + y", "x & -y", "x >> 1 & 1", "x | y == z", "x & y != 0",
                 "x < y | z", "x ** 2 % y", "-x ** 2 // y", "x - ~y"):
        expected = eval(text, {"x": x.astype("int64"), "y": y.astype("int64"),      # noqa: S307
                               "z": z.astype("int64")})
        operation = text.replace("x", "b1").replace("y", "b2").replace("z", "b3")
        check("", f"({operation}) * 1.0", file, np.asarray(expected, "float64"))


def errors():
    file = write("byte.tif", sample("uint8"))
    refused("b1 & 2.5", file, "no integer type holds both uint8 and float64", "^")
    refused("bit(b1, 8)", file, "no bits 8 to 8: uint8 has bits 0 to 7", "^")
    refused("bits(b1, 4, 3)", file, "no bits 4 to 3", "^")
    refused("bit(b1, b1)", file, "bit wants a number as value 2", "^")
    refused("bit(b1, 1.5)", file, "bit wants a bit, 0 to 63, as value 2", "^")
    refused('bits_match(b1, "1_0000_0000")', file, '"1_0000_0000" has 9 bits: uint8 has 8', "^")
    refused('bits_match(b1, "12")', file, "bits are 0, 1, x (any), and _", "^")
    refused('bits_match(b1, "")', file, '"" has 0 bits', "^")
    refused("bits_match(b1, 3)", file, "bits_match wants a text in double quotes as value 2", "^")
    refused("b1 & 0x", file, "expected up to 64 bits, as 0x1f or 0b1010", "^")
    refused("b1 & 0b12", file, "expected up to 64 bits", "^")
    refused("b1 & 0x1ffffffffffffffff", file, "expected up to 64 bits", "^")
    refused("b1 & 0x1g", file, "expected up to 64 bits", "^")
    refused("b1 << b1", file, "nodata", "int64")      # more than 63 there


def run():
    pairs()
    mixed()
    numbers()
    fields()
    of_floats()
    picked()
    compared()
    precedence()
    errors()
