"""oracle_cog.py - cloud-optimised files, overviews and masks that gwt convert writes: their bytes
by a reader of its own, GDAL's validator, and every level and mask as GDAL reads it, against numpy (see
oracle.py), and as rasterio and libtiff read it."""

import ctypes
import ctypes.util
import itertools
import os
import struct

import numpy as np

from oracle import DTYPES, gwt, judge, sample, skip, write

try:
    from osgeo import gdal
    from osgeo_utils.samples.validate_cloud_optimized_geotiff import validate
except ImportError:
    gdal = None

try:
    import rasterio
except ImportError:
    rasterio = None

RESAMPLINGS = ["average", "nearest", "mode", "rms", "bilinear", "cubic"]
GEO_TAGS = {33550, 33922, 34264, 34735, 34736, 34737, 42112}


# ---- the bytes ----------------------------------------------------------------------------------


class Tiff:
    """Directories of a little-endian TIFF, each {tag: values}; `at` and `end`: where each lies."""

    def __init__(self, path):
        self.bytes = whole = open(path, "rb").read()
        self.big = whole[2] == 43
        assert whole[:2] == b"II" and whole[2] in (42, 43)
        self.head = 16 if self.big else 8
        self.word = "<Q" if self.big else "<I"
        at, = struct.unpack_from(self.word, whole, 8 if self.big else 4)
        self.directories, self.at, self.end = [], [], []
        while at:
            at = self.read(at)

    def read(self, at):
        count, step, word = ("<Q", 20, 8) if self.big else ("<H", 12, 4)
        n, = struct.unpack_from(count, self.bytes, at)
        start = at + struct.calcsize(count)
        tags, end = {}, start + n * step + word
        for where in range(start, start + n * step, step):
            tag, kind = struct.unpack_from("<HH", self.bytes, where)
            values, = struct.unpack_from(self.word, self.bytes, where + 4)
            code, size = {2: ("s", 1), 3: ("H", 2), 4: ("I", 4), 12: ("d", 8), 16: ("Q", 8)}[kind]
            place = where + 4 + word
            if values * size > word:
                place, = struct.unpack_from(self.word, self.bytes, place)
                end = max(end, place + values * size)
            tags[tag] = struct.unpack_from(f"<{values}{code}", self.bytes, place)
        assert list(tags) == sorted(tags)
        self.directories.append(tags)
        self.at.append(at)
        self.end.append(end)
        return struct.unpack_from(self.word, self.bytes, start + n * step)[0]


def halved(size, levels):
    return [(max(1, size[0] >> k), max(1, size[1] >> k)) for k in range(levels + 1)]


def levels_of(size, tile):
    """Halving until both sides fit one tile."""
    n = 0
    while max(size[0] >> n, size[1] >> n) > tile:
        n += 1
    return n


def wrong_directories(tiff, size, levels, mask, block):
    """Kinds, sizes and order of the images; mask directories of 1 bit."""
    own, wrong = 2 if mask else 1, []
    if len(tiff.directories) != (levels + 1) * own:
        return [f"there are {len(tiff.directories)} directories for {levels} overviews"]
    for i, d in enumerate(tiff.directories):
        level, is_mask = i // own, i % own == 1
        kind = (1 if level else 0) | (4 if is_mask else 0)
        if d.get(254, (0,))[0] != kind:
            wrong.append(f"image {i} is of kind {d.get(254)}, not {kind}")
        if (d[257][0], d[256][0]) != halved(size, levels)[level]:
            wrong.append(f"image {i} has {d[257][0]} x {d[256][0]} pixels")
        if (d[322][0], d[323][0]) != (block, block):
            wrong.append(f"image {i} has tiles of {d[322][0]} x {d[323][0]}")
        if is_mask and (d[258], d[277], d[262], d[259]) != ((1,), (1,), (4,), (8,)):
            wrong.append(f"mask {i}: bits, samples, photometric, compression are "
                         f"{d[258]}, {d[277]}, {d[262]}, {d[259]}")
        if i and GEO_TAGS & set(d):
            wrong.append(f"image {i} has tags {GEO_TAGS & set(d)}")
    return wrong


def wrong_cog(path, size, levels, mask, block, planar, bigtiff=False, sparse=False):
    """Section 8 of the design: every byte of the file has its place."""
    tiff = Tiff(path)
    wrong = wrong_directories(tiff, size, levels, mask, block)
    text = (b"LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
            b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\n" + (b"INTERLEAVE=BAND\n" if planar else b"")
            + b"KNOWN_INCOMPATIBLE_EDITION=NO\n "
            + (b"MASK_INTERLEAVED_WITH_IMAGERY=YES\n" if mask else b""))
    text = b"GDAL_STRUCTURAL_METADATA_SIZE=%06d bytes\n" % len(text) + text
    if tiff.big != bigtiff:
        wrong.append(f"BigTIFF: {tiff.big}")
    if tiff.bytes[tiff.head:tiff.head + len(text)] != text:
        wrong.append(f"the text is {tiff.bytes[tiff.head:tiff.head + len(text)]}")
    expected = tiff.head + len(text)
    if tiff.at[0] != expected + expected % 2:
        wrong.append(f"the first directory is at {tiff.at[0]}, not {expected}")
    if any(end > at or at % 2 for end, at in zip(tiff.end, tiff.at[1:])):
        wrong.append(f"directories are at {tiff.at} and end at {tiff.end}")
    return wrong or wrong_tiles(tiff, mask, sparse)


def wrong_tiles(tiff, mask, sparse):
    """From the smallest image on, each tile with its frame and that of its mask behind it, without
    a gap to the end of the file."""
    own, at, whole = 2 if mask else 1, tiff.at[-1], tiff.bytes
    at += (tiff.end[-1] - at + 7) // 8 * 8
    for level in reversed(range(len(tiff.directories) // own)):
        images = tiff.directories[level * own:level * own + own]
        for i in range(len(images[0][324])):
            for image in images:
                if i >= len(image[324]):
                    continue        # a mask has no second band
                offset, n = image[324][i], image[325][i]
                if n == 0 or offset == 0:
                    if (offset, n) != (0, 0) or not sparse:
                        return [f"tile {i} of level {level} is {n} bytes at {offset}"]
                    continue
                if offset != at + 4:
                    return [f"tile {i} of level {level} is at {offset}, not {at + 4}"]
                if struct.unpack_from("<I", whole, at) != (n,):
                    return [f"tile {i} of level {level} has a wrong leader"]
                last = whole[max(offset, offset + n - 4):offset + n]
                if whole[offset + n:offset + n + 4] != last.ljust(4, b"\0"):
                    return [f"tile {i} of level {level} has a wrong trailer"]
                at = offset + n + 4
    return [] if at == len(whole) else [f"the file has {len(whole)} bytes, its tiles end at {at}"]


def wrong_for_gdal(path):
    """GDAL's validator, and what rio-cogeo asks beyond it."""
    warnings, errors, details = validate(path, full_check=True)
    wrong = [f"GDAL: {text}" for text in warnings + errors]
    ifds = list(details["ifd_offsets"].values())
    data = list(details["data_offsets"].values())
    if ifds[0] > 300:
        wrong.append(f"rio-cogeo: the main IFD is at {ifds[0]}, beyond 300")
    if ifds != sorted(ifds):
        wrong.append("rio-cogeo: IFDs are not in order")
    there = [offset for offset in data if offset]
    if there != sorted(there, reverse=True) or (there and there[-1] < ifds[-1]):
        wrong.append("rio-cogeo: the data of the levels are not in order")
    file = gdal.Open(path)
    band = file.GetRasterBand(1)
    sizes = [(band.XSize, band.YSize)] + [(o.XSize, o.YSize) for o in map(band.GetOverview,
                                                                range(band.GetOverviewCount()))]
    for (w, h), (x, y) in zip(sizes, sizes[1:]):
        if w < 2 * x and w > 1 or h < 2 * y and h > 1:
            wrong.append(f"rio-cogeo: {x} x {y} is no reduction of {w} x {h} by 2")
    layout = file.GetMetadataItem("LAYOUT", "IMAGE_STRUCTURE")
    return wrong if layout == "COG" else wrong + [f"GDAL: the layout is {layout}"]


# ---- the pixels ---------------------------------------------------------------------------------


def gdal_levels(path, dtype):
    """[(pixels [band, y, x], valid [y, x] by the mask of the first band)] of each level."""
    file = gdal.Open(path)
    bands = [file.GetRasterBand(b + 1) for b in range(file.RasterCount)]
    levels = []
    for k in range(-1, bands[0].GetOverviewCount()):
        of = [band if k < 0 else band.GetOverview(k) for band in bands]
        pixels = np.stack([b.ReadAsArray() for b in of])
        if pixels.dtype != dtype:       # GDAL before 3.7 and int8
            pixels = pixels.view(dtype)
        levels.append((pixels, of[0].GetMaskBand().ReadAsArray() != 0, of[0].GetMaskFlags()))
    return levels


def wrong_for_rasterio(path, levels):
    """Levels and masks that differ from GDAL's."""
    wrong = []
    for k, (pixels, valid, flags) in enumerate(levels):
        with rasterio.open(path, **({"overview_level": k - 1} if k else {})) as file:
            got = file.read()
            said = file.read_masks(1) != 0
        if got.dtype != pixels.dtype:       # GDAL before 3.7 and int8
            got = got.view(pixels.dtype)
        if got.shape != pixels.shape or got.tobytes() != pixels.tobytes():
            wrong.append(f"rasterio: level {k} has other pixels")
        if (said != valid).any():
            wrong.append(f"rasterio: level {k} has another mask")
    return wrong


def libtiff():
    lib = ctypes.CDLL(ctypes.util.find_library("tiff") or "libtiff.so.6")
    lib.TIFFOpen.restype = lib.TIFFSetWarningHandler.restype = ctypes.c_void_p
    lib.TIFFTileSize64.restype = ctypes.c_uint64
    lib.TIFFReadEncodedTile.restype = ctypes.c_ssize_t
    lib.TIFFTileSize64.argtypes = lib.TIFFReadDirectory.argtypes = lib.TIFFClose.argtypes = [
        ctypes.c_void_p]
    lib.TIFFReadEncodedTile.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p,
                                        ctypes.c_ssize_t]
    lib.TIFFSetWarningHandler(None)
    return lib


def libtiff_image(lib, tif, tags, dtype):
    """(pixels [band, y, x], where there are tiles) of the current directory, whose tags are those."""
    width, height, tw, th = (tags[tag][0] for tag in (256, 257, 322, 323))
    bands, planar = tags[277][0], tags.get(284, (1,))[0] == 2
    across, down = -(-width // tw), -(-height // th)
    whole = np.zeros((bands, down * th, across * tw), dtype)
    there = np.zeros(whole.shape, bool)
    size = lib.TIFFTileSize64(tif)
    buffer = ctypes.create_string_buffer(size)
    for i, offset in enumerate(tags[324]):
        if not offset:
            continue
        if lib.TIFFReadEncodedTile(tif, i, buffer, size) != size:
            raise ValueError(f"libtiff can't read tile {i}")
        plane, place = divmod(i, across * down) if planar else (0, i)
        y, x = place // across * th, place % across * tw
        if tags[258][0] == 1:
            bits = np.unpackbits(np.frombuffer(buffer.raw, "u1").reshape(th, -1), axis=1)
            tile = bits[None, :, :tw]
        else:
            tile = np.frombuffer(buffer.raw, dtype).reshape(th, tw, -1).transpose(2, 0, 1)
        to = np.s_[plane:plane + 1 if planar else bands, y:y + th, x:x + tw]
        whole[to], there[to] = tile, True
    return whole[:, :height, :width], there[:, :height, :width]


def wrong_for_libtiff(path, levels, mask):
    """Directories whose tiles, where there are some, differ from what GDAL reads."""
    lib, tiff, wrong, own = libtiff(), Tiff(path), [], 2 if mask else 1
    tif = lib.TIFFOpen(path.encode(), b"r")
    for i, tags in enumerate(tiff.directories):
        pixels, valid, _ = levels[i // own]
        expected = valid[None] if i % own else pixels
        got, there = libtiff_image(lib, tif, tags, "u1" if i % own else pixels.dtype)
        if i % own:
            got = got.astype(bool)
        if got[there].tobytes() != expected[there].tobytes():
            wrong.append(f"libtiff: directory {i + 1} has other pixels")
        if bool(lib.TIFFReadDirectory(tif)) != (i + 1 < len(tiff.directories)):
            wrong.append(f"libtiff: after directory {i + 1} there should be another, or none")
    lib.TIFFClose(tif)
    return wrong


def ends(n):
    """(first, end) of the pixels that each one of the next level is made of: 2, or 3 at the end."""
    half = max(1, n // 2)
    return [(2 * i, 2 * i + 2 if i + 1 < half else n) for i in range(half)]


def nine(values, fill):
    """[9, y, x]: what a pixel of the next level is made of, `fill` where that is less than nine."""
    rows, cols = ends(values.shape[0]), ends(values.shape[1])
    of = np.full((9, len(rows), len(cols)), fill, values.dtype)
    for dy, dx in itertools.product(range(3), range(3)):
        y = [first + dy for first, end in rows if first + dy < end]
        x = [first + dx for first, end in cols if first + dx < end]
        of[3 * dy + dx, len(rows) - len(y):, len(cols) - len(x):] = values[np.ix_(y, x)]
    return of


def rounded(sums, counts):
    """Sums of integers by counts, exactly, ties to even."""
    counts = np.maximum(counts, 1)
    whole, rest = sums // counts, sums % counts
    up = (2 * rest > counts) | ((2 * rest == counts) & (whole % 2 == 1))
    return whole + up


def reduced_mean(values, valid, dtype):
    of, there = nine(values, 0), nine(valid, False)
    if dtype.kind == "f":
        with np.errstate(all="ignore"):
            return np.where(there, of.astype("float64"), 0).sum(0) / there.sum(0)
    exact = object if dtype.itemsize == 8 else "int64"
    return rounded(np.where(there, of.astype(exact), 0).sum(0), there.sum(0).astype(exact))


def reduced_rms(values, valid, dtype):
    of, there = nine(values, 0).astype("float64"), nine(valid, False)
    with np.errstate(all="ignore"):
        return np.sqrt((np.where(there, of, 0) ** 2).sum(0) / there.sum(0))


def reduced_mode(values, valid, dtype):
    of, there = nine(values, 0), nine(valid, False)
    counts = np.stack([((of == one) & there).sum(0) for one in of])
    counts[~there] = 0
    best, most = of[0].copy(), counts[0].copy()
    for value, count in zip(of[1:], counts[1:]):
        better = (count > most) | ((count == most) & (count > 0) & (value < best))
        best[better], most[better] = value[better], count[better]
    return best


def reduced_nearest(values, valid, dtype):
    return values[::2, ::2][:max(1, values.shape[0] // 2), :max(1, values.shape[1] // 2)]


def triangle(x):
    return np.maximum(1 - np.abs(x), 0)


def keys(x):
    """R. Keys, Cubic convolution interpolation for digital image processing, a = -1/2."""
    x = np.abs(x)
    near, far = 1.5 * x ** 3 - 2.5 * x ** 2 + 1, -0.5 * x ** 3 + 2.5 * x ** 2 - 4 * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def reduced_filter(values, valid, kernel):
    """A kernel of twice the width around the middle of two by two pixels, over valid ones; their
    mean where that has no weight."""
    weights = kernel(np.arange(-3.5, 4) / 2) / 2
    height, width = max(1, values.shape[0] // 2), max(1, values.shape[1] // 2)
    around = ((3, 2 * height + 5 - values.shape[0]), (3, 2 * width + 5 - values.shape[1]))
    v = np.pad(np.where(valid, values, 0).astype("float64"), [(a, max(0, b)) for a, b in around])
    there = np.pad(valid, [(a, max(0, b)) for a, b in around])
    sums, weight = np.zeros((height, width)), np.zeros((height, width))
    for y, x in itertools.product(range(8), range(8)):
        at = np.s_[y:y + 2 * height:2, x:x + 2 * width:2]
        w = weights[y] * weights[x] * there[at]
        sums, weight = sums + w * v[at], weight + w
    mean = reduced_mean(values.astype("float64"), valid, np.dtype("float64"))
    with np.errstate(all="ignore"):
        return np.where(weight > 0, sums / weight, mean), weight


def stored(values, dtype, nodata):
    """To the type: integers to nearest, saturated; not nodata where there is a value: the next."""
    if dtype.kind == "f":
        with np.errstate(all="ignore"):
            return values.astype(dtype)
    if values.dtype.kind == "f":
        limits = np.iinfo(dtype)
        values = np.clip(np.rint(np.nan_to_num(values)), float(limits.min), float(limits.max))
        values = values.astype("int64" if dtype.itemsize < 8 else object)
        if dtype.itemsize == 8:
            values = np.vectorize(lambda v: min(max(int(v), limits.min), limits.max),
                                  otypes=[object])(values)
    if nodata is not None:
        values = np.where(values == nodata, nodata ^ 1, values)
    return values.astype(dtype)


def reduced(values, valid, dtype, how, nodata):
    """(pixels, valid, the slack there is) of the next level of one band."""
    there = nine(valid, False).any(0)
    slack = 0.0
    if how == "nearest":
        return reduced_nearest(values, valid, dtype), reduced_nearest(valid, valid, dtype), slack
    if how == "average":
        result = reduced_mean(values, valid, dtype)
    elif how == "mode":
        return reduced_mode(values, valid, dtype), there, slack
    elif how == "rms":
        result = reduced_rms(values, valid, dtype)
    else:
        result, weight = reduced_filter(values, valid, triangle if how == "bilinear" else keys)
        large = np.abs(np.where(valid, values, 0).astype("float64")).max(initial=0)
        with np.errstate(all="ignore"):
            slack = np.where(weight > 0, 1e-14 * large / weight, 0)
    return stored(result, dtype, nodata), there, slack


def wrong_pixels(got, expected, there, how, slack, name):
    """What is wrong with a band where it is there."""
    if got.shape != expected.shape:
        return [f"{name} has the shape {got.shape}, not {expected.shape}"]
    with np.errstate(all="ignore"):
        same = (got == expected) | ((got != got) & (expected != expected))
        if got.dtype.kind == "f":
            away = np.abs(got.astype("float64") - expected)
            most = 1e-12 if got.dtype.itemsize == 8 else 2.0 ** -23
            same |= away <= most * np.abs(expected.astype("float64")) + slack
        elif how not in ("average", "nearest", "mode"):     # a tie of doubles may go either way
            away = np.abs(got.astype("float64") - expected.astype("float64"))
            same |= away <= (1 if how != "rms" else 0) + 2.0 ** -50 * np.abs(
                expected.astype("float64")) * (got.dtype.itemsize == 8) + slack
    wrong = np.argwhere(~same & there)
    if not len(wrong):
        return []
    at = tuple(int(i) for i in wrong[0])
    return [f"{name}: {len(wrong)} of {got.size} pixels differ, the first at {at}: {got[at]},"
            f" not {expected[at]}"]


def missing_of(band, nodata):
    if nodata is None:
        return np.isnan(band) if band.dtype.kind == "f" else np.zeros(band.shape, bool)
    return np.isnan(band) if nodata != nodata else band == band.dtype.type(nodata)


def wrong_levels(path, pixels, valid, mask, how, levels, nodata):
    """Every level as GDAL reads it: the first is `pixels`, each other is made of the one before."""
    dtype = pixels.dtype
    found, wrong = gdal_levels(path, dtype), []
    if len(found) != levels + 1:
        return [f"GDAL finds {len(found) - 1} overviews, not {levels}"]
    for k, (got, said, flags) in enumerate(found):
        if mask and flags != 2:
            wrong.append(f"level {k} has mask flags {flags}")
        every, now = np.zeros(said.shape, bool), []
        for b in range(len(pixels)):
            if k == 0:
                is_, there, slack = pixels[b], valid[b], 0
            else:
                is_, there, slack = reduced(before[b], before_valid[b], dtype, how, nodata)
            wrong += wrong_pixels(got[b], is_, there, how, slack, f"level {k}, band {b + 1}")
            absent = missing_of(got[b], nodata)
            if (nodata is not None or dtype.kind == "f") and (absent & there).any():
                wrong.append(f"level {k}, band {b + 1}: {(absent & there).sum()} valid pixels "
                             "read as missing")
            if nodata is not None and (~absent & ~there).any():
                wrong.append(f"level {k}, band {b + 1}: missing pixels that are not stored so")
            now.append(there)
            every |= there
        if mask and (said != every).any():
            wrong.append(f"level {k}: the mask differs in {(said != every).sum()} pixels")
        if wrong:
            return wrong
        before, before_valid = got, now
    return wrong


# ---- cases --------------------------------------------------------------------------------------


def image(dtype, bands, size, nodata, seed):
    """Smooth in places, of one value or missing in whole tiles, of any values elsewhere; (pixels,
    valid)."""
    rng = np.random.default_rng(seed)
    pixels = np.stack([sample(dtype, (max(70, size[0]), max(90, size[1])), seed + b)
                       [:size[0], :size[1]] for b in range(bands)])
    if pixels.dtype.kind == "f":
        pixels[~np.isfinite(pixels) | (np.abs(pixels) > 1e12)] = 3
    classes = rng.integers(0, 3, size) + 1
    pixels[:, :size[0] // 3] = classes[:size[0] // 3]
    valid = np.ones(size, bool)
    if nodata is not None:
        valid = rng.random(size) < 0.7
        valid[size[0] // 2:, :size[1] // 2] = False
        valid[-1, :] = rng.random(size[1]) < 0.5
    every = np.broadcast_to(valid, pixels.shape).copy()
    if nodata is not None and bands > 1 and seed % 2:
        every[1] &= rng.random(size) < 0.9
    if nodata is not None:
        gap = pixels == pixels.dtype.type(nodata)
        pixels[gap] = 5 if nodata != 5 else 6
        pixels[~every] = nodata
    return pixels, every


def nodata_of(dtype, seed):
    if dtype in ("float32", "float64"):
        return [float("nan"), -9999.0][seed % 2]
    limits = np.iinfo(dtype)
    return [0, limits.max, limits.min, 2][seed % 4]


def case(name, dtype, size, bands, how, *, cog=True, mask=False, missing=False, compress="none",
         bigtiff=False, sparse=False, planar=False, block=16, overviews=None, seed=1):
    """One file in, as it is one out, and what belongs to it."""
    nodata = nodata_of(dtype, seed) if missing else None
    pixels, valid = image(dtype, bands, size, nodata, seed)
    write("in.tif", pixels, nodata=nodata, epsg=32633, transform=(30, 0, 500000, 0, -30, 5200000))
    options = ["--compress", compress, "--interleave", "band" if planar else "pixel",
               "--overview-resampling", how, "--tile-size", block]
    options += ["--cog"] if cog else []
    options += ["--mask"] if mask else []
    options += ["--sparse"] if sparse else []
    options += ["--bigtiff", "yes"] if bigtiff else []
    options += ["--overviews", overviews] if overviews else []
    status, _, said = gwt("convert", "in.tif", "-o", "out.tif", "--overwrite", "--quiet", *options)
    name = (f"{name}: {dtype} {size[0]} x {size[1]} x {bands} {how} {' '.join(map(str, options))}"
            f"{' missing ' + str(nodata) if missing else ''}")
    if status or said:
        judge(name, [f"gwt exits with {status}: {said.strip()}"])
        return
    tiff = Tiff("out.tif")
    is_planar = planar and bands > 1
    tile = tiff.directories[0][322][0]
    listed = overviews or ("auto" if cog else "none")
    levels = {"auto": levels_of(size, tile), "none": 0}.get(listed, len(listed.split(",")))
    if cog:
        wrong = wrong_cog("out.tif", size, levels, mask, block, is_planar, bigtiff, sparse)
        wrong += wrong_for_gdal("out.tif")
    else:
        wrong = wrong_directories(tiff, size, levels, mask, block)
    wrong += wrong_levels("out.tif", pixels, valid, mask, how, levels, nodata)
    found = gdal_levels("out.tif", pixels.dtype)
    wrong += wrong_for_libtiff("out.tif", found, mask)
    wrong += wrong_for_rasterio("out.tif", found) if rasterio else []
    left = [f for f in os.listdir(".") if ".part" in f]
    judge(name, wrong + ([f"left behind: {left}"] if left else []))


SIZES = [(1, 1), (1, 5), (5, 1), (17, 33), (33, 17), (65, 64), (64, 65), (129, 100), (97, 161),
         (50, 50), (1, 200), (200, 3)]


def grid():
    """All layouts over small odd sizes, types and resamplings."""
    dtypes = ["uint8", "int16", "float32", "uint16", "int64", "float64", "int8", "uint64", "uint32",
              "int32"]
    layouts = itertools.product(("none", "lzw", "deflate", "zstd"), (False, True), (False, True),
                                (False, True), (False, True))
    for i, (compress, bigtiff, sparse, mask, planar) in enumerate(layouts):
        for k in range(3):
            n = 3 * i + k
            case("layout", dtypes[n % 10], SIZES[(n * 7 + i) % len(SIZES)], (1, 3, 2)[n % 3],
                 RESAMPLINGS[n * 5 // 3 % 6], mask=mask, missing=(n % 4 > 0), compress=compress,
                 bigtiff=bigtiff, sparse=sparse, planar=planar, block=(16, 16, 32)[k], seed=n + 1)


def large():
    """Sizes around the default tile."""
    sizes = [(511, 511), (512, 512), (513, 512), (512, 513), (513, 513), (1024, 1024), (1025, 1025),
             (1, 1025), (1025, 1), (700, 1025), (1023, 1025)]
    for i, size in enumerate(sizes):
        how = RESAMPLINGS[i % 4]
        case("large", ["uint8", "int16", "float32", "uint16"][i % 4], size, 1 + i % 2, how,
             mask=i % 3 == 0, missing=i % 4 != 2, compress="deflate", sparse=i % 2 == 0, block=512,
             seed=i + 1)


def types():
    """Every type by every resampling, with and without missing pixels."""
    for (i, dtype), how in itertools.product(enumerate(DTYPES), RESAMPLINGS):
        case("type", dtype, (77, 103), 1, how, missing=i % 2 == 0 or how == "average", block=16,
             mask=how == "mode", seed=i + len(how))


def ordinary():
    """Files that are not cloud-optimised."""
    case("ordinary", "uint8", (100, 131), 3, "average", cog=False, overviews="2,4", block=32)
    case("ordinary", "int16", (100, 131), 3, "average", cog=False, overviews="2,4", block=32,
         planar=True, mask=True, missing=True)
    case("ordinary", "float32", (100, 131), 2, "average", cog=False, overviews="auto", block=16,
         mask=True, missing=True, compress="lzw", planar=True, seed=2)
    case("ordinary", "uint16", (100, 131), 1, "cubic", cog=False, overviews="2,4,8,16", block=64,
         missing=True, bigtiff=True, compress="zstd", seed=3)
    case("ordinary", "uint16", (100, 131), 2, "average", cog=False, mask=True, missing=True,
         block=32, sparse=True, seed=5)
    case("beyond one pixel", "uint8", (3, 5), 1, "average", cog=False, overviews="2,4,8", block=16)
    case("beyond one pixel", "uint8", (3, 5), 1, "average", overviews="2,4,8", block=16)
    case("one level", "int32", (100, 131), 1, "average", overviews="2", block=16)
    case("no level", "int32", (100, 131), 1, "average", overviews="none", block=16)


def converted(name, *options):
    """What is wrong with making out.tif of in.tif."""
    status, _, said = gwt("convert", "in.tif", "-o", "out.tif", "--overwrite", "--quiet", *options)
    return [] if status == 0 and not said else [f"gwt exits with {status}: {said.strip()}"]


def beside_nodata():
    """A mean of valid pixels that is the nodata value is not stored as that."""
    for dtype in ("int8", "int16", "int64", "float32", "float64"):
        for mask in ([], ["--mask"]):
            pixels = np.array([[-1, 1, 0, 0], [1, -1, 0, 0], [0, 0, 7, 9], [0, -3, 0, 0]], dtype)
            write("in.tif", pixels, nodata=0, tile=16)
            wrong = converted("", "--overviews", "2", *mask)
            if not wrong:
                level, valid, _ = gdal_levels("out.tif", np.dtype(dtype))[1]
                level = level[0]
                if level[0, 0] == 0 or abs(float(level[0, 0])) > 1 or not valid[0, 0]:
                    wrong.append(f"the mean of -1 and 1 is {level[0, 0]}")
                if level[0, 1] != 0 or level[1].tolist() != [-3, 8] or valid[0, 1]:
                    wrong.append(f"the others are {level}")
            judge(f"beside the nodata value, {dtype} {mask}", wrong)


def by_mask_alone():
    """An integer type without a nodata value: the mask alone says what is missing, of all bands."""
    rng = np.random.default_rng(9)
    pixels = rng.random((2, 61, 75)) * 200 + 1
    gaps = rng.random((61, 75)) < 0.3
    gaps[20:40] = True
    pixels[:, gaps] = np.nan
    write("in.tif", pixels)
    for how, sparse in itertools.product(RESAMPLINGS, ([], ["--sparse"])):
        name = f"by a mask alone, {how} {sparse}"
        wrong = converted(name, "--cog", "--mask", "--dtype", "uint8", "--tile-size", "16",
                          "--overview-resampling", how, *sparse)
        if wrong:
            judge(name, wrong)
            continue
        whole = np.where(gaps, 0, np.rint(np.nan_to_num(pixels))).astype("uint8")
        valid = np.broadcast_to(~gaps, whole.shape)
        wrong = wrong_cog("out.tif", gaps.shape, 3, True, 16, False, sparse=bool(sparse))
        wrong += wrong_for_gdal("out.tif")
        judge(name, wrong + wrong_levels("out.tif", whole, valid, True, how, 3, None))
    pixels[1, 7, 3] = np.nan
    pixels[0, 7, 3] = 4
    write("in.tif", pixels)
    wrong = converted("", "--mask", "--dtype", "uint8")
    said = wrong[0] if wrong else "nothing"
    judge("missing in one band only", [f"no {text} in: {said}" for text in (
        "exits with 1", "pixel 7, 3", "1 of 2 bands", "--nodata") if text not in said])
    judge("the same as float32", converted("", "--mask", "--dtype", "float32"))


def as_gdal():
    """Of even sizes, where GDAL's grid is the same, its own overviews."""
    pixels = sample("uint8", (1, 96, 160), 3).astype("float64")
    write("in.tif", pixels, tile=32)
    for how in ("average", "nearest", "rms", "bilinear", "cubic"):
        wrong = converted("", "--overviews", "2", "--overview-resampling", how)
        file = gdal.Open(write(f"gdal_{how}.tif", pixels, tile=32), gdal.GA_Update)
        file.BuildOverviews(how.upper(), [2])
        theirs = file.GetRasterBand(1).GetOverview(0).ReadAsArray()
        if not wrong:
            ours = gdal_levels("out.tif", pixels.dtype)[1][0][0]
            most = np.abs(ours - theirs).max()
            wrong = [f"off by {most}"] if most > 1e-4 else []
        judge(f"GDAL's {how}", wrong)


def by_default():
    """Tiles of 512, as many levels as it takes; an expression's result, as one image is."""
    pixels = sample("uint16", (700, 1100))
    file = write("in.tif", pixels)
    status, _, said = gwt("calc", "-o", "out.tif", "--overwrite", "--quiet", "--cog", "--dtype",
                          "uint16", "--", "a", file)
    wrong = [said] if status or said else []
    wrong = wrong or wrong_cog("out.tif", (700, 1100), 2, False, 512, False)
    wrong = wrong or wrong_for_gdal("out.tif")
    valid = np.ones((1, 700, 1100), bool)
    judge("by default", wrong or wrong_levels("out.tif", pixels[None], valid, False, "average", 2,
                                              None))


def run():
    if not gdal:
        skip("cloud-optimised files", "there is no osgeo with osgeo_utils")
        return
    if not rasterio:
        skip("cloud-optimised files by rasterio", "there is none")
    gdal.UseExceptions()
    gdal.SetConfigOption("GDAL_PAM_ENABLED", "NO")
    grid()
    large()
    types()
    ordinary()
    beside_nodata()
    by_mask_alone()
    as_gdal()
    by_default()
