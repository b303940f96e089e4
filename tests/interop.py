#!/usr/bin/env python3
"""interop.py - what rasterio, numpy and gdalinfo make of gwt's files, and gwt of rasterio's.

    GWT=build/release/gwt MAKE_SCENE=build/release/make_scene python3 tests/interop.py

Every output has to be a file that gdalinfo decodes to its last block without a word on stderr, and
in which rasterio finds, without a warning, the CRS, transform, nodata, names and blocks asked for
and the very pixels that numpy computes. One check a file; those that fail are printed, and a last
line counts all: "N passed, N failed, N skipped". Without rasterio, numpy or gdalinfo there is
nothing to compare with: then one is skipped.
"""

import json
import logging
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import warnings
import zlib
from itertools import product
from pathlib import Path
from xml.etree import ElementTree


def give_up(reason):
    print(f"SKIPPED: all comparisons with rasterio and GDAL: {reason}")
    print("0 passed, 0 failed, 1 skipped")
    sys.exit(0)


try:
    import numpy as np
    import rasterio
    from rasterio.enums import ColorInterp
    from rasterio.errors import RasterioError
    from rasterio.transform import Affine
except ImportError as error:
    give_up(str(error))
if not shutil.which("gdalinfo"):
    give_up("there is no gdalinfo")

GWT = os.path.abspath(os.environ["GWT"])
MAKE_SCENE = os.path.abspath(os.environ["MAKE_SCENE"])
ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("GWT_SHARED") or ROOT / "../shared")

INTEGERS = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]
DTYPES = INTEGERS + ["float32", "float64"]
PREDICTABLE = ["lzw", "deflate", "zstd", "lzma"]

# ---- checks -------------------------------------------------------------------------------------


class Tally:
    passed = failed = skipped = 0

    def check(self, name, wrong):
        """One check: good when the list of what is wrong is empty."""
        if wrong:
            self.failed += 1
            print(f"not ok - {name}: " + "; ".join(wrong[:4]) + (" .." if wrong[4:] else ""))
        else:
            self.passed += 1

    def skip(self, name, reason):
        self.skipped += 1
        print(f"SKIPPED: {name}: {reason}")

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


tally = Tally()


class Complaints(logging.Handler):
    """What GDAL says through rasterio's loggers."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.heard = []
        logging.getLogger("rasterio").addHandler(self)

    def emit(self, record):
        self.heard.append(record.getMessage())

    def take(self):
        heard, self.heard = self.heard, []
        return [f"GDAL: {text}" for text in heard]


complaints = Complaints()


def differ(what, got, expected):
    """[] when both are equal (NaN equals NaN), else what is wrong."""
    both_nan = all(isinstance(v, float) and v != v for v in (got, expected))
    return [] if both_nan or got == expected else [f"{what} is {got}, not {expected}"]


def differ_pixels(got, expected):
    """Bits count: -0 is not 0; of NaN there is one only."""
    if got.shape != expected.shape or got.dtype != expected.dtype:
        return [f"pixels are {got.dtype}{got.shape}, not {expected.dtype}{expected.shape}"]
    raw = f"u{got.dtype.itemsize}"
    same = (got.view(raw) == expected.view(raw)) | ((got != got) & (expected != expected))
    if same.all():
        return []
    at = tuple(int(i) for i in np.argwhere(~same)[0])
    return [f"{np.count_nonzero(~same)} of {same.size} pixels differ, the first at {at}: "
            f"{got[at]}, not {expected[at]}"]


# ---- the programs -------------------------------------------------------------------------------


def gwt(*arguments):
    """Run it. Gives (stdout, what is wrong)."""
    done = subprocess.run([GWT, *map(str, arguments)], stdin=subprocess.DEVNULL,
                          capture_output=True, encoding="utf-8", errors="replace", check=False)
    # Of valid pixels that equal the nodata value asked for it warns, rightly.
    said = re.sub(r"gwt: \d+ valid pixels? of .* as missing: .*\n", "", done.stderr)
    good = done.returncode == 0 and not said
    wrong = [] if good else [f"gwt {arguments[0]} exits with {done.returncode}: {said}"]
    return done.stdout, wrong


def calc(expression, inputs, output, *options):
    """What is wrong with making it."""
    return gwt("calc", "-o", output, "--overwrite", "--quiet", *options, "--", expression,
               *inputs)[1]


def gdalinfo(path):
    """What is wrong with reading it all."""
    done = subprocess.run(["gdalinfo", "-checksum", str(path)], capture_output=True, text=True,
                          check=False)
    wrong = differ("gdalinfo's status", done.returncode, 0)
    return wrong + differ("gdalinfo's stderr", done.stderr.strip(), "")


def pixels_of(dataset, dtype):
    """In the type they have in the file: GDAL before 3.7 takes int8 for uint8, and rasterio before
    1.4 the 64-bit integers for one another."""
    values = dataset.read()
    if dtype in ("int8", "uint64", "int64") and values.dtype.itemsize == np.dtype(dtype).itemsize:
        values = values.view(dtype)
    return values


def told_by_gdalinfo(path):
    """Of the first band; rasterio before 1.4 has type and nodata of 64-bit integers wrong."""
    done = subprocess.run(["gdalinfo", "-json", str(path)], capture_output=True, check=True)
    return json.loads(done.stdout)["bands"][0]


def nodata_of(dataset, dtype):
    if dtype in ("uint64", "int64"):
        value = told_by_gdalinfo(dataset.name).get("noDataValue")   # a large one is text
        return None if value is None else float(value)
    return dataset.nodata


def compressions():
    """Those that this libtiff writes, as they are listed where one is unknown."""
    text = gwt("calc", "b1", "scene.tif", "-o", "no.tif", "--compress", "?")[1][0]
    return text.split(" offers ")[1].replace(",", " ").split()


def is_bigtiff(path):
    with open(path, "rb") as file:
        return file.read(4) == b"II+\0"


def inspect(path, expected, dtype, like, **also):
    """What is wrong with one output: against the pixels and the dataset it was made of, and `also`
    nodata, block, big, planar, compress, predictor, names."""
    wrong = gdalinfo(path)
    try:
        with rasterio.open(path) as dataset:
            structure = dataset.tags(ns="IMAGE_STRUCTURE")
            wrong += differ_pixels(pixels_of(dataset, dtype), expected)
            wrong += differ("crs", dataset.crs, like.crs)
            wrong += differ("transform", dataset.transform, like.transform)
            wrong += differ("nodata", nodata_of(dataset, dtype), also.get("nodata"))
            if "block" in also:
                block = also["block"]
                wrong += differ("block", set(dataset.block_shapes), {(block, block)})
            if "planar" in also and dataset.count > 1:
                interleave = "BAND" if also["planar"] else "PIXEL"
                wrong += differ("interleave", structure["INTERLEAVE"], interleave)
            if "compress" in also:
                compress = None if also["compress"] == "none" else also["compress"].upper()
                wrong += differ("compression", structure.get("COMPRESSION"), compress)
            if also.get("predictor", 1) > 1 and "PREDICTOR" in structure:
                wrong += differ("predictor", structure["PREDICTOR"], str(also["predictor"]))
            if "names" in also:
                wrong += differ("descriptions", dataset.descriptions, also["names"])
            if "big" in also:
                wrong += differ("bigtiff", is_bigtiff(path), also["big"])
    except (RasterioError, Warning) as error:
        wrong.append(f"rasterio: {error!r}")
    return wrong + complaints.take()


# ---- the matrix of outputs ----------------------------------------------------------------------

# For each type an expression that fills its range, and the same for numpy's doubles.
FORMULAS = {
    "uint8": ("a / 128", lambda a: a / 128),
    "int8": ("a / 128 - 128", lambda a: a / 128 - 128),
    "uint16": ("a", lambda a: a),
    "int16": ("a - 16000", lambda a: a - 16000),
    "uint32": ("a * 100003", lambda a: a * 100003),
    "int32": ("(a - 16000) * 100003", lambda a: (a - 16000) * 100003),
    "uint64": ("a * 1e14", lambda a: a * 1e14),
    "int64": ("(a - 16000) * 1e14", lambda a: (a - 16000) * 1e14),
    "float32": ("a / 3", lambda a: a / 3),
    "float64": ("(a - 9000) / 7", lambda a: (a - 9000) / 7),
}


def as_stored(values, missing, dtype, nodata):
    """Doubles as a type holds them: to nearest, ties to even; nodata (or NaN) where missing."""
    fill = np.nan if nodata is None else nodata
    if np.dtype(dtype).kind == "f":
        return np.where(missing, fill, values).astype(dtype)
    limits = np.iinfo(dtype)
    inside = np.where(missing, 0, np.clip(np.rint(values), limits.min, limits.max))
    return np.where(missing, np.array(fill).astype(dtype), inside.astype(dtype))


def predictors(compress, dtype):
    if compress not in PREDICTABLE:
        return [1]
    return [1, 2, 3] if dtype.startswith("float") else [1, 2]


def matrix(scene):
    """Compression x type x predictor x BigTIFF x interleave."""
    raw = scene.read()
    missing = raw == scene.nodata
    for dtype in DTYPES:
        expression, formula = FORMULAS[dtype]
        nodata = None if dtype == "float32" else 0.0
        option = [] if nodata is None else ["--nodata", "0"]
        expected = as_stored(formula(raw.astype("float64")), missing, dtype, nodata)
        for compress, big, planar in product(compressions(), (False, True), (False, True)):
            for predictor in predictors(compress, dtype):
                path = "-".join([dtype, compress, f"predictor{predictor}",
                                 "big" if big else "classic", "band" if planar else "pixel"])
                path += ".tif"
                wrong = calc(expression, ["scene.tif"], path, *option, "--dtype", dtype,
                             "--compress", compress, "--predictor", predictor, "--tile-size", 64,
                             "--bigtiff", "yes" if big else "no",
                             "--interleave", "band" if planar else "pixel")
                tally.check(path, wrong or inspect(
                    path, expected, dtype, scene, nodata=nodata, block=64, big=big, planar=planar,
                    compress=compress, predictor=predictor))
                Path(path).unlink(missing_ok=True)


def options(scene):
    """Blocks, levels, tags, and workers enough to go wrong."""
    raw = scene.read()
    plain = {"nodata": 0.0, "names": scene.descriptions}
    for block in (16, 48, 256, 1024):
        tally.check(f"block {block}", calc("a", ["scene.tif"], "o.tif", "--tile-size", block) or
                    inspect("o.tif", raw, "uint16", scene, block=block, **plain))
    for compress, level in (("deflate", 1), ("deflate", 12), ("zstd", 1), ("zstd", 22),
                            ("lzma", 1), ("lzma", 9)):
        if compress not in compressions():
            tally.skip(f"{compress} level {level}", "not in this libtiff")
            continue
        wrong = calc("a", ["scene.tif"], "o.tif", "--compress", compress, "--level", level)
        if wrong and "has levels" in wrong[0] and level == 12:
            tally.skip(f"{compress} level {level}", "libtiff without libdeflate")
            continue
        tally.check(f"{compress} level {level}", wrong or inspect(
            "o.tif", raw, "uint16", scene, compress=compress, **plain))
    wrong = calc("a", ["scene.tif"], "o.tif", "-j", 8, "--chunks", 37, "--tag", "PLACE=<&\">",
                 "--tag", "EMPTY=", "--tag", "SUM=1+1=2")
    wrong = wrong or inspect("o.tif", raw, "uint16", scene, **plain)
    if not wrong:
        with rasterio.open("o.tif") as dataset:
            tags = dataset.tags()
        for key, value in (("PLACE", "<&\">"), ("SUM", "1+1=2")):
            wrong += differ(key, tags.get(key), value)
    tally.check("tags", wrong)


def nodata_values(scene):
    """Values that are hard to write down: rasterio and gwt info read back the same number."""
    raw = scene.read(1)[np.newaxis].astype("float64")
    cases = [("uint8", 255), ("int8", -128), ("uint16", 65535), ("int16", -32768),
             ("uint32", 4294967295), ("int32", -2147483648), ("uint64", 2.0 ** 63),
             ("int64", -2.0 ** 63), ("float32", -3.4028234663852886e38), ("float32", "nan"),
             ("float32", 2.0 ** -126), ("float64", "nan"), ("float64", "inf"), ("float64", "-inf"),
             ("float64", -1.7976931348623157e308), ("float64", 0.1), ("float64", -9999)]
    for dtype, value in cases:
        # Nothing in the scene has this value, so nothing but 0 / 0 is missing.
        text = value if isinstance(value, str) else repr(value)
        wrong = calc("where(b1 == 0, 0 / b1, b1 / 256)", ["scene.tif"], "n.tif",
                     "--dtype", dtype, "--nodata", text)
        if not wrong:
            expected = as_stored(raw / 256, raw == 0, dtype, float(value))
            wrong = inspect("n.tif", expected, dtype, scene, nodata=float(value))
            answer, trouble = gwt("info", "--json", "n.tif")
            said = trouble or json.loads(answer)["nodata"]
            infinite = isinstance(value, str)
            wrong += differ("gwt info's nodata", said if infinite else float(said),
                            value if infinite else float(value))
        tally.check(f"nodata {value} of {dtype}", wrong)


def statistics(scene):
    """What --stats writes is what numpy makes of the file's pixels, and GDAL of a file without."""
    names = ["MINIMUM", "MAXIMUM", "MEAN", "STDDEV", "VALID_PERCENT"]
    for dtype, planar, compress in product(DTYPES, (False, True), ("none", "deflate")):
        option = [] if dtype.startswith("float") else ["--nodata", "0"]
        option += ["--dtype", dtype, "--compress", compress, "--tile-size", 32,
                   "--interleave", "band" if planar else "pixel"]
        name = f"statistics of {dtype}, {compress}, {'band' if planar else 'pixel'}"
        wrong = calc(FORMULAS[dtype][0], ["scene.tif"], "s.tif", *option, "--stats", "-j", 3)
        wrong = wrong or calc(FORMULAS[dtype][0], ["scene.tif"], "p.tif", *option)
        if wrong:
            tally.check(name, wrong)
            continue
        with rasterio.open("s.tif") as dataset:
            pixels = pixels_of(dataset, dtype)
            said = [dataset.tags(band) for band in dataset.indexes]
        subprocess.run(["gdalinfo", "-stats", "p.tif"], check=True, capture_output=True)
        by_gdal = ElementTree.parse("p.tif.aux.xml").findall("PAMRasterBand")
        Path("p.tif.aux.xml").unlink()
        for band, tags in enumerate(said):
            valid = pixels[band] == pixels[band] if option[0] == "--dtype" else pixels[band] != 0
            values = pixels[band][valid].astype("float64")
            got = [float(tags[f"STATISTICS_{item}"]) for item in names]
            expected = [values.min(), values.max(), values.mean(), values.std()]
            for item, is_, be in zip(names, got, expected):
                exact = item in ("MINIMUM", "MAXIMUM")
                if is_ != float(f"{be:.14g}") if exact else abs(is_ - be) > 1e-12 * abs(be):
                    wrong += differ(f"band {band + 1}: {item}", is_, be)
            wrong += differ("VALID_PERCENT", tags["STATISTICS_VALID_PERCENT"],
                            f"{100 * valid.mean():.4g}")
            theirs = {item.get("key"): item.text for item in by_gdal[band].iter("MDI")}
            if dtype == "int8":         # unsigned to GDAL before 3.7
                continue
            for item, is_ in zip(names, got):
                be = float(theirs[f"STATISTICS_{item}"])
                if abs(is_ - be) > 1e-12 * abs(be):
                    wrong += differ(f"band {band + 1}: {item}, to GDAL,", is_, be)
        tally.check(name, wrong + gdalinfo("s.tif"))


# ---- the index ----------------------------------------------------------------------------------


def index(scene):
    """norm_diff: float64 to the last bit, float32 the same rounded."""
    raw = scene.read([2, 3])
    for scale, dtype in product((None, 1e-4, 2e-5), ("float64", "float32")):
        x, y = raw.astype("float64") * (1 if scale is None else scale)
        with np.errstate(invalid="ignore"):
            expected = np.clip((y - x) / (y + x), -1, 1)
        for nodata in (None, 0.0):
            given = [] if scale is None else ["--scale", scale]
            given += [] if nodata is None else ["--nodata", nodata]
            wrong = calc("norm_diff(green, red)", ["scene.tif"], "index.tif", "--dtype", dtype,
                         "--compress", "deflate", "--tile-size", 64, *given)
            stored = as_stored(expected, (raw == 0).any(axis=0), dtype, nodata)[np.newaxis]
            tally.check(f"norm_diff as {dtype}, scale {scale}, nodata {nodata}", wrong or inspect(
                "index.tif", stored, dtype, scene, nodata=nodata, block=64, compress="deflate",
                names=("norm-diff",)))
    raw = raw.astype("float64")
    expected = as_stored(raw[1] * raw[0] / 7, (raw == 0).any(axis=0), "float64", None)[np.newaxis]
    wrong = calc("b.b3 * a.b2 / 7", ["scene.tif", "scene.tif"], "index.tif")
    tally.check("bands of two files", wrong or inspect("index.tif", expected, "float64", scene))


# ---- files that others made ---------------------------------------------------------------------


def area_or_point(dataset):
    return dataset.tags().get("AREA_OR_POINT", "Area")


def profile_of(dataset):
    """All that a copy is to keep."""
    return {"size": (dataset.width, dataset.height, dataset.count), "dtypes": dataset.dtypes,
            "crs": dataset.crs, "transform": dataset.transform, "nodata": dataset.nodata,
            "descriptions": dataset.descriptions, "scales": dataset.scales,
            "offsets": dataset.offsets, "area or point": area_or_point(dataset)}


def told_of(path):
    """What gdalinfo says of a file but for its layout: metadata of all domains, and of each band
    colours, names, units, scales and metadata. Files that lie beside it are not looked at."""
    alone = ["--config", "GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR"]
    done = subprocess.run(["gdalinfo", *alone, "-json", "-mdd", "all", str(path)],
                          capture_output=True, check=True)
    said = json.loads(done.stdout)
    about_files = ("IMAGE_STRUCTURE", "DERIVED_SUBDATASETS")
    told = {f"metadata {domain or 'by default'}": items
            for domain, items in said["metadata"].items() if domain not in about_files}
    for band in said["bands"]:
        for key in ("colorInterpretation", "colorTable", "description", "unit", "scale", "offset"):
            told[f"band {band['band']}: {key}"] = band.get(key)
        told[f"band {band['band']}: metadata"] = {
            domain: items for domain, items in band.get("metadata", {}).items()
            if domain not in about_files}
    return told


def differ_told(got, expected):
    wrong = []
    for key in sorted({*got, *expected}):
        wrong += differ(key, got.get(key), expected.get(key))
    return wrong


def epsg_of(crs):
    return crs.to_epsg() if crs else None


def differ_info(path, dataset, dtype):
    """gwt info --json against what rasterio says."""
    answer, wrong = gwt("info", "--json", path)
    if wrong:
        return wrong
    said = json.loads(answer)
    left, bottom, right, top = dataset.bounds
    structure = dataset.tags(ns="IMAGE_STRUCTURE")
    expected = {
        "width": dataset.width, "height": dataset.height, "bands": dataset.count, "dtype": dtype,
        "transform": list(dataset.transform)[:6], "epsg": epsg_of(dataset.crs),
        "nodata": dataset.nodata, "tile": list(dataset.block_shapes[0]),
        "bounds": [left, min(bottom, top), right, max(bottom, top)],
        "interleave": structure["INTERLEAVE"].lower(),
        "compression": structure.get("COMPRESSION", "none").lower(),
        "overviews": len(dataset.overviews(1)), "area_or_point": area_or_point(dataset),
        "scales": list(dataset.scales), "offsets": list(dataset.offsets),
        "descriptions": list(dataset.descriptions),
    }
    for key, value in expected.items():
        if key == "bounds" and np.allclose(said[key], value, rtol=1e-13, atol=1e-9):
            continue
        wrong += differ(f"gwt info's {key}", said[key], value)
    return wrong


def differ_stats(path, expected, nodata):
    """gwt stats --json against numpy."""
    answer, wrong = gwt("stats", "--json", path)
    if wrong:
        return wrong
    bands = json.loads(answer)["bands"]
    wrong = differ("gwt stats: bands", len(bands), len(expected))
    for said, plane in zip(bands, expected):
        little = plane.astype(plane.dtype.newbyteorder("<"))
        name = f"gwt stats: band {said['band']}"
        wrong += differ(f"{name}: crc32", said["crc32"],
                        f"{zlib.crc32(little.tobytes()):08x}")
        valid = np.isfinite(plane) if nodata is None else (plane != nodata) & np.isfinite(plane)
        values = plane[valid].astype("float64")
        wrong += differ(f"{name}: valid", said["valid"], values.size)
        if not values.size:
            continue
        wrong += differ(f"{name}: min", said["min"], plane[valid].min())
        wrong += differ(f"{name}: max", said["max"], plane[valid].max())
        for key, value in (("mean", values.mean()), ("std", values.std())):
            if not np.isclose(said[key], value, rtol=1e-11, atol=1e-11 * abs(values).max()):
                wrong += differ(f"{name}: {key}", said[key], value)
    return wrong


def differ_copy(path, dtype, expected, *given):
    """gwt calc 'a' of a file keeps all that there is to keep."""
    wrong = calc("a", [path], "copy.tif", *given) or gdalinfo("copy.tif")
    with rasterio.open(path) as source, rasterio.open("copy.tif") as copy:
        wrong += differ_pixels(pixels_of(copy, dtype), expected)
        kept = profile_of(copy)
        for key, value in profile_of(source).items():
            wrong += differ(key, kept[key], value)
    wrong += differ_told(told_of("copy.tif"), told_of(path))
    Path("copy.tif").unlink()
    return wrong


def examine(name, path, dtype, *given):
    """A file someone else made: what gwt says of it, and its copy."""
    try:
        with rasterio.open(path) as dataset:
            complaints.take()                   # of the source
            expected = pixels_of(dataset, dtype)
            wrong = differ_info(path, dataset, dtype)
            wrong += differ_stats(path, expected, dataset.nodata)
        wrong += differ_copy(path, dtype, expected, *given)
    except (RasterioError, Warning) as error:
        wrong = [f"rasterio: {error!r}"]
    tally.check(name, wrong + complaints.take())


def shared_data():
    """Real scenes, copied in their own compression and blocks."""
    files = sorted((SHARED / "data").rglob("*.tif"))
    if not files:
        tally.skip("copies of real scenes", "../shared/data is not here")
    for path in files:
        with rasterio.open(path) as dataset:
            structure = dataset.tags(ns="IMAGE_STRUCTURE")
            given = ["--compress", structure.get("COMPRESSION", "none").lower(),
                     "--interleave", structure["INTERLEAVE"].lower()]
            if dataset.profile["tiled"]:
                given += ["--tile-size", dataset.block_shapes[0][0]]
            dtype = dataset.dtypes[0]
        examine(str(path.relative_to(SHARED)), str(path), dtype, *given)


def make(path, pixels, **profile):
    """Write a file with rasterio; False where this GDAL can't."""
    count, height, width = pixels.shape
    named = {k: profile.pop(k) for k in ("descriptions", "scales", "offsets", "point")
             if k in profile}
    dtype = profile.pop("dtype", pixels.dtype.name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with rasterio.open(path, "w", driver="GTiff", width=width, height=height, count=count,
                               dtype=dtype, **profile) as dataset:
                dataset.write(pixels)
                if named.pop("point", False):
                    dataset.update_tags(AREA_OR_POINT="Point")
                for key, value in named.items():
                    setattr(dataset, key, value)
    except (RasterioError, TypeError, KeyError, ValueError) as error:
        complaints.take()
        return f"rasterio can't write it: {error}"
    complaints.take()
    return ""


def noise(dtype, shape, seed=1):
    """Smooth and rough, positive and negative, up to the ends of the type; in floats some NaN."""
    generator = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        values = generator.normal(size=shape) * 10.0 ** generator.integers(-9, 9, shape)
        values[:, 30:34, 10:] = np.nan
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    values = generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    values[:, :20] = np.arange(shape[2]) % 100
    return values


PLACE = {"crs": "EPSG:32616", "transform": Affine(30, 0, 452475, 0, -30, 3408645)}


def places():
    """CRS, transforms and metadata of many kinds."""
    cases = {
        "geographic": {"crs": "EPSG:4326", "transform": Affine(0.01, 0, -60, 0, -0.01, -15)},
        "point": {**PLACE, "point": True},
        "rotated": {"crs": "EPSG:32721", "transform": Affine(10, 3, 500000, 2, -12, 7500000)},
        "south up": {"crs": "EPSG:32721", "transform": Affine(10, 0, 500000, 0, 10, 7500000)},
        "point and rotated": {"crs": "EPSG:32721", "point": True,
                              "transform": Affine(10, 3, 500000, 2, -12, 7500000)},
        "odd numbers": {"crs": "EPSG:31985", "transform": Affine(
            28.49999999927454, 0, 288776.25000080315, 0, -28.49999999927454, 9120760.750028737)},
        "no EPSG code": {"crs": "+proj=laea +lat_0=10 +lon_0=-20 +datum=WGS84 +units=m",
                         "transform": Affine(100, 0, -5000, 0, -100, 5000)},
        "a transform and no CRS": {"transform": Affine(2, 0, 7, 0, -2, 9)},
        "nodata": {**PLACE, "nodata": 17},
        "names, scales and offsets": {**PLACE, "descriptions": ("near & far", "<b> \"2\" é"),
                                      "scales": (0.0001, 0.25), "offsets": (0.0, -1.5)},
    }
    pixels = noise("int16", (2, 75, 91))
    for name, profile in cases.items():
        trouble = make("made.tif", pixels, **profile)
        if trouble:
            tally.skip(name, trouble)
        else:
            examine(name, "made.tif", "int16")


XMP = "<?xpacket begin='' id=''?><x:xmpmeta xmlns:x='adobe:ns:meta/'/><?xpacket end='w'?>"


def describe(dataset):
    """All kinds of metadata that a GeoTIFF has room for."""
    dataset.update_tags(SOURCE="field & <survey>", EMPTY_NOT=" ", TIFFTAG_SOFTWARE="a program",
                        TIFFTAG_IMAGEDESCRIPTION="two\nlines", TIFFTAG_ARTIST="é",
                        TIFFTAG_DATETIME="2020:02:03 04:05:06", TIFFTAG_COPYRIGHT="(c)",
                        TIFFTAG_DOCUMENTNAME="name", TIFFTAG_HOSTCOMPUTER="host")
    dataset.update_tags(ns="MINE", KEY="1 = 1", OTHER="\"quoted\"")
    dataset.update_tags(ns="A_DOMAIN_OF_MORE_THAN_SIXTY_FOUR_CHARACTERS_" + 30 * "X", KEY="v")
    dataset.update_tags(ns="xml:XMP", **{"xml:XMP": XMP})
    for band in dataset.indexes:
        dataset.update_tags(band, WAVELENGTH=str(0.4 + band / 10), STATISTICS_MINIMUM="0")
        dataset.update_tags(band, ns="CALIBRATION", GAIN=str(band))
    dataset.units = tuple("m" if band % 2 else "" for band in dataset.indexes)
    dataset.descriptions = tuple(f"no. {band}" if band != 2 else None for band in dataset.indexes)


def metadata():
    """What gdalinfo says of a copy is what it says of the file."""
    table = {value: (value, 255 - value, value * 3 % 256, 255) for value in range(256)}
    cases = {
        "one band": ("uint16", 1, {}, None), "three bands": ("int16", 3, {}, None),
        "RGB": ("uint8", 3, {"photometric": "RGB"}, None),
        "RGB of 16 bits": ("uint16", 3, {"photometric": "RGB"}, None),
        "RGB and alpha": ("uint8", 4, {"photometric": "RGB", "ALPHA": "YES"}, None),
        "RGB and multiplied alpha": ("uint8", 4, {"photometric": "RGB", "ALPHA": "PREMULTIPLIED"},
                                     None),
        "RGB and two more": ("uint8", 5, {"photometric": "RGB"}, None),
        "gray and alpha": ("uint8", 2, {"ALPHA": "YES"}, None),
        "CMYK": ("uint8", 4, {"photometric": "CMYK"}, None),
        "white is zero": ("uint8", 1, {"photometric": "MINISWHITE"}, None),
        "a palette": ("uint8", 1, {"photometric": "PALETTE"}, table),
        "a palette of 16 bits": ("uint16", 1, {"photometric": "PALETTE"}, table),
        "blue first": ("uint8", 3, {"colorinterp": ("blue", "green", "red")}, None),
        "alpha first": ("uint8", 3, {"colorinterp": ("alpha", "gray", "undefined")}, None),
    }
    for name, (dtype, count, profile, colours) in cases.items():
        pixels = noise(dtype, (count, 75, 91))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                meanings = profile.pop("colorinterp", None)
                with rasterio.open("made.tif", "w", driver="GTiff", width=91, height=75,
                                   count=count, dtype=dtype, **PLACE, **profile) as dataset:
                    if meanings:
                        dataset.colorinterp = [ColorInterp[meaning] for meaning in meanings]
                    if colours:
                        dataset.write_colormap(1, colours)
                    describe(dataset)
                    dataset.write(pixels)
        except RasterioError as error:
            tally.skip(f"metadata of {name}", f"rasterio can't write it: {error}")
            continue
        complaints.take()
        before = told_of("made.tif")
        for options in ([], ["--compress", "deflate", "--tile-size", "32", "--interleave", "band"]):
            wrong = calc("a", ["made.tif"], "copy.tif", *options) or gdalinfo("copy.tif")
            tally.check(f"metadata of {name} {' '.join(options)}",
                        wrong or differ_told(told_of("copy.tif"), before))
        if name == "CMYK":              # which GDAL shows as RGBA
            continue
        wrong = calc(f"b{count}", ["made.tif"], "copy.tif")
        wrong = [text for text in wrong if "its alpha" not in text]     # a warning: it is left out
        if not wrong:
            after, last = told_of("copy.tif"), f"band {count}: "
            expected = {key: value for key, value in before.items() if not key.startswith("band")}
            expected |= {"band 1: " + key[len(last):]: value for key, value in before.items()
                         if key.startswith(last)}
            for told in (after, expected):      # the last of several, alone, may be gray
                if told["band 1: colorInterpretation"] in ("Gray", "Undefined"):
                    del told["band 1: colorInterpretation"]
            wrong = differ_told(after, expected)
        tally.check(f"metadata of the last band of {name}", wrong)
    Path("made.tif").unlink()
    Path("copy.tif").unlink()


def layouts():
    """Type x compression x predictor of inputs; tiles, strips, planes, byte orders take turns."""
    shapes = [{}, {"tiled": True, "blockxsize": 32, "blockysize": 16}, {"blockysize": 7},
              {"interleave": "band"}, {"ENDIANNESS": "BIG"}, {"BIGTIFF": "YES"},
              {"interleave": "band", "tiled": True, "blockxsize": 64, "blockysize": 64},
              {"ENDIANNESS": "BIG", "tiled": True, "blockxsize": 16, "blockysize": 48},
              {"SPARSE_OK": True, "tiled": True, "blockxsize": 16, "blockysize": 16}]
    codecs = ["none", "packbits", *PREDICTABLE]
    turn = 0
    for dtype, compress in product(DTYPES, codecs):
        for predictor in predictors(compress, dtype):
            shape = shapes[turn % len(shapes)]
            turn += 1
            pixels = noise(dtype, (2, 75, 91), turn)
            if "SPARSE_OK" in shape:
                pixels[:, :40, :40] = 0
            given = {} if compress == "none" else {"compress": compress}
            if predictor > 1:
                given["predictor"] = predictor
            name = f"input {dtype}, {compress}, predictor {predictor}, {shape}"
            trouble = make("made.tif", pixels, **PLACE, **shape, **given)
            if trouble:
                tally.skip(name, trouble)
            else:
                written = told_by_gdalinfo("made.tif")["type"].lower()
                examine(name, "made.tif", written if written.endswith("int64") else dtype)


SHAPES = [{}, {"ENDIANNESS": "BIG", "interleave": "band"},
          {"tiled": True, "blockxsize": 32, "blockysize": 16}, {"blockysize": 7, "ENDIANNESS": "BIG"},
          {"interleave": "band", "tiled": True, "blockxsize": 48, "blockysize": 64},
          {"ENDIANNESS": "BIG", "tiled": True, "blockxsize": 16, "blockysize": 48}]


def compare(name, pixels, dtype, *given, **profile):
    """Of a file that rasterio writes gwt reads what rasterio does."""
    trouble = make("made.tif", pixels, **PLACE, **profile)
    if trouble:
        tally.skip(name, trouble)
        return
    with rasterio.open("made.tif") as dataset:
        expected = dataset.read().astype(dtype)
    wrong = calc("a", ["made.tif"], "copy.tif", *given)
    if not wrong:
        with rasterio.open("copy.tif") as dataset:
            wrong = differ_pixels(dataset.read(), expected)
    tally.check(name, wrong + complaints.take())


def depths():
    """Samples of fewer bits than their type has, over codecs, planes, tiles, byte orders."""
    codecs = ["none", "packbits", "lzw", "deflate", "zstd"]
    for bits in range(1, 32):
        dtype = "uint8" if bits <= 8 else "uint16" if bits <= 16 else "uint32"
        generator = np.random.default_rng(bits)
        pixels = generator.integers(0, 2 ** bits, (3, 75, 91), "uint32").astype(dtype)
        for turn in (bits, bits + 1):
            shape, compress = SHAPES[turn % len(SHAPES)], codecs[turn % len(codecs)]
            compare(f"{bits} bits, {compress}, {shape}", pixels, dtype, nbits=bits,
                    compress=compress, **shape)
    bitmap = (noise("uint8", (1, 150, 91)) // 128).astype("uint8")
    for compress, shape in product(("ccittrle", "ccittfax3", "ccittfax4"), ({}, {"blockysize": 7})):
        for white in ("MINISWHITE", "MINISBLACK"):
            compare(f"{compress}, {white}, {shape}", bitmap, "uint8", nbits=1, compress=compress,
                    photometric=white, **shape)
    table = {value: (value, 255 - value, value * 3 % 256, 255) for value in range(16)}
    if not make("made.tif", bitmap, nbits=4, photometric="PALETTE", **PLACE):
        with rasterio.open("made.tif", "r+") as dataset:
            dataset.write_colormap(1, table)
        wrong = calc("a", ["made.tif"], "copy.tif")
        if not wrong:
            with rasterio.open("copy.tif") as dataset:
                colours = dataset.colormap(1)
            wrong = [f"colour {i} is {colours[i]}" for i in table if colours[i] != table[i]]
        tally.check("a palette of 4 bits", wrong)


def floats_of_16_bits():
    """All there are: rasterio reads them as float32."""
    every = np.arange(65536, dtype="uint16").view("float16").astype("float32").reshape(1, 256, 256)
    for turn, shape in enumerate(SHAPES):
        compress, predictor = (("none", 1), ("lzw", 3), ("deflate", 3), ("lzw", 1))[turn % 4]
        given = {"predictor": predictor} if predictor > 1 else {}
        compare(f"float16, {compress}, predictor {predictor}, {shape}", every, "float32", nbits=16,
                compress=compress, **given, **shape)


def complex_numbers():
    """Their parts, as numpy has them; the last bits of an angle are those of a C library."""
    kinds = {"complex_int16": "int16", "complex64": "float32", "complex128": "float64"}
    shape = (2, 75, 91)
    for (kind, dtype), (turn, layout) in product(kinds.items(), enumerate(SHAPES)):
        real, imaginary = noise(dtype, shape, 1), noise(dtype, shape, 2)
        if dtype != "int16":
            real, imaginary = np.nan_to_num(real), np.nan_to_num(imaginary)
        values = real.astype("float64") + 1j * imaginary.astype("float64")
        pixels = values.astype("complex128" if kind == "complex128" else "complex64")
        compress = ("none", "deflate", "lzw")[turn % 3]
        trouble = make("made.tif", pixels, **PLACE, **layout, dtype=kind, compress=compress)
        if trouble:
            tally.skip(f"{kind}, {layout}", trouble)
            continue
        wide = "float32" if dtype == "float32" else "float64"
        parts = {"real": real, "imag": imaginary,
                 "abs": np.hypot(values.real, values.imag).astype(wide)}
        for part, expected in {**parts, "phase": np.angle(values).astype(wide)}.items():
            wrong = calc("a", ["made.tif"], "copy.tif", "--complex", part)
            if not wrong:
                with rasterio.open("copy.tif") as dataset:
                    got = dataset.read()
                near = part == "phase" and np.allclose(got, expected, rtol=1e-6, atol=1e-300)
                wrong = [] if near else differ_pixels(got, expected)
            tally.check(f"{kind}, {part}, {layout}", wrong)


def lossy():
    """What only decoding can tell: the copy has the pixels that GDAL sees."""
    smooth = np.add.outer(np.arange(75), np.arange(91)).astype("uint8")
    cases = [("jpeg", {"compress": "jpeg"}, 1), ("jpeg, three bands", {"compress": "jpeg"}, 3),
             ("jpeg, YCbCr", {"compress": "jpeg", "photometric": "ycbcr"}, 3),
             ("jpeg, tiles", {"compress": "jpeg", "tiled": True, "blockxsize": 32,
                              "blockysize": 32}, 1),
             ("webp", {"compress": "webp", "WEBP_LOSSLESS": True}, 3),
             ("lerc", {"compress": "lerc"}, 1),
             ("lerc_deflate", {"compress": "lerc_deflate", "MAX_Z_ERROR": 1}, 1),
             ("lerc_zstd", {"compress": "lerc_zstd"}, 2)]
    for name, profile, count in cases:
        pixels = np.stack([smooth * (band + 1) for band in range(count)])
        trouble = make("made.tif", pixels, **PLACE, **profile)
        if trouble:
            tally.skip(f"input {name}", trouble)
            continue
        with rasterio.open("made.tif") as dataset:
            expected = dataset.read()
        tally.check(f"input {name}", differ_stats("made.tif", expected, None) +
                    differ_copy("made.tif", "uint8", expected) + complaints.take())


def append_subifds(path, levels):
    """Give a little-endian classic TIFF that has none SubIFDs: bands of uint16, uncompressed."""
    data = bytearray(Path(path).read_bytes())
    first = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, first)[0]
    entries = [bytes(data[first + 2 + 12 * i:][:12]) for i in range(count)]

    def append(block):
        data.extend(b"\0" * (len(data) % 2) + block)
        return len(data) - len(block)

    def directory(items):
        items.sort(key=lambda item: struct.unpack_from("<H", item)[0])
        return append(struct.pack("<H", len(items)) + b"".join(items) + b"\0" * 4)

    places = []
    for level in levels:
        bands, height, width = level.shape
        pixels = level.transpose(1, 2, 0).astype("<u2").tobytes()
        bits = 16 if bands == 1 else 16 | 16 << 16      # one or two
        items = [(254, 4, 1, 1), (256, 4, 1, width), (257, 4, 1, height), (258, 3, bands, bits),
                 (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, append(pixels)), (277, 3, 1, bands),
                 (278, 4, 1, height), (279, 4, 1, len(pixels))]
        if bands > 1:
            items.append((338, 3, 1, 0))
        places.append(directory([struct.pack("<HHII", *item) for item in items]))
    table = append(struct.pack(f"<{len(places)}I", *places))
    entries.append(struct.pack("<HHII", 330, 4, len(places), table))
    struct.pack_into("<I", data, 4, directory(entries))
    Path(path).write_bytes(data)


def differ_level(path, number, dataset):
    """What is wrong with overview `number` of a file: its pixels, place and nodata are GDAL's."""
    out = f"{path}.{number}.tif"
    wrong = gwt("convert", path, "-o", out, "--overview", number, "--overwrite", "--quiet",
                "--compress", "lzw")[1]
    if wrong:
        return wrong
    with rasterio.open(path, overview_level=number - 1) as level, rasterio.open(out) as got:
        wrong += differ_pixels(got.read(), level.read())
        wrong += differ("its CRS", got.crs, dataset.crs)
        wrong += differ("its nodata", got.nodata, dataset.nodata)
        wrong += differ("its names", got.descriptions, dataset.descriptions)
        if not np.allclose(tuple(got.transform), tuple(level.transform), rtol=1e-14, atol=0):
            wrong.append(f"its transform is {got.transform}, not {level.transform}")
        told = json.loads(gwt("stats", "--json", out)[0])["bands"][0]
        wrong += differ("its sum", round(told["mean"] * told["valid"]),
                        round(float(level.read(1, masked=True).astype("f8").sum())))
    return wrong


def examine_levels(name, path, at_least=1):
    """Every overview that GDAL finds, pixel by pixel."""
    with rasterio.open(path) as dataset:
        factors = dataset.overviews(1)
        sizes = []
        for k in range(len(factors)):
            with rasterio.open(path, overview_level=k) as level:
                sizes.append([level.width, level.height])
        wrong = [] if len(factors) >= at_least else [f"GDAL finds {len(factors)} overviews"]
        wrong += differ("overview_sizes", json.loads(gwt("info", "--json", path)[0])
                        ["overview_sizes"], sizes)
        for k in range(len(factors)):
            wrong += [f"overview {k + 1}: {text}" for text in differ_level(path, k + 1, dataset)]
    tally.check(name, wrong + complaints.take())


def gdaladdo(path, *options):
    subprocess.run(["gdaladdo", "-q", *options], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, cwd=os.path.dirname(os.path.abspath(path)))


def levels():
    """Overviews in the chain, in SubIFDs, beside the file, in cloud-optimised files."""
    cases = {
        "tiles": {"dtype": "uint16", "tiled": True, "blockxsize": 64, "blockysize": 64,
                  "compress": "deflate", "nodata": 7},
        "strips": {"dtype": "int16", "compress": "lzw", "predictor": 2, "nodata": -5},
        "bands": {"dtype": "uint8", "interleave": "band", "compress": "packbits"},
        "big-endian": {"dtype": "uint32", "ENDIANNESS": "BIG", "compress": "deflate"},
        "BigTIFF": {"dtype": "float32", "BIGTIFF": "YES", "compress": "zstd", "predictor": 3},
        "JPEG": {"dtype": "uint8", "compress": "jpeg", "photometric": "ycbcr", "tiled": True,
                 "blockxsize": 64, "blockysize": 64, "interleave": "pixel"},
    }
    for case, profile in cases.items():
        profile = dict(profile)
        pixels = noise(profile.pop("dtype"), (3, 203, 327))
        if case == "BigTIFF":
            pixels = np.nan_to_num(np.clip(pixels, -1e9, 1e9))
        for where, options in (("in it", []), ("beside it", ["-ro"])):
            path = f"levels_{case}_{where[:2]}.tif"
            reason = make(path, pixels, descriptions=("a", "b", "c"), **profile, **PLACE)
            if reason:
                tally.skip(f"overviews {where}, {case}", reason)
                continue
            gdaladdo(path, *options, "-r", "average", path, "2", "4", "8")
            examine_levels(f"overviews {where}, {case}", path, 3)
    for bands in 1, 3:
        path = f"levels_cog{bands}.tif"
        pixels = noise("int16", (bands, 1203, 927))
        make("plain.tif", pixels, nodata=11, **PLACE)
        subprocess.run(["gdal_translate", "-q", "-of", "COG", "-co", "BLOCKSIZE=128",
                        "-co", "COMPRESS=DEFLATE", "plain.tif", path], check=True)
        examine_levels(f"overviews of a cloud-optimised file of {bands}", path, 3)
    pixels = noise("uint16", (2, 90, 160))
    make("levels_sub.tif", pixels, **PLACE)
    smaller = [noise("uint16", (2, 45, 80), 2), noise("uint16", (2, 22, 40), 3)]
    append_subifds("levels_sub.tif", smaller)
    examine_levels("overviews in SubIFDs", "levels_sub.tif", 2)
    masked_levels()
    coarser()


def masked_levels():
    """Overviews of images with a mask, in the file or beside it: missing is what GDAL masks."""
    pixels = noise("uint8", (2, 203, 327)) // 2 + 1
    valid = np.add.outer(np.arange(203), 2 * np.arange(327)) % 37 > 11
    for where, internal in (("in it", "YES"), ("beside it", "NO")):
        path = f"levels_mask_{internal}.tif"
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=internal == "YES"):
            make(path, pixels, tiled=True, blockxsize=64, blockysize=64, **PLACE)
            with rasterio.open(path, "r+") as dataset:
                dataset.write_mask(valid)
        gdaladdo(path, "--config", "GDAL_TIFF_INTERNAL_MASK", internal, "-r", "nearest", path,
                 "2", "4")
        if internal == "NO":        # which gdaladdo leaves alone
            gdaladdo(path + ".msk", "-r", "nearest", "-ro", path + ".msk", "2", "4")
        for k in 1, 2:
            out = f"{path}.{k}.tif"
            wrong = gwt("convert", path, "-o", out, "--overview", k, "--dst-nodata", "0",
                        "--overwrite", "--quiet")[1]
            if not wrong:
                with rasterio.open(path, overview_level=k - 1) as level, rasterio.open(out) as got:
                    masks = level.read_masks()
                    if internal == "NO":
                        with warnings.catch_warnings():
                            warnings.simplefilter("ignore")     # it has no place
                            masks = rasterio.open(path + ".msk", overview_level=k - 1).read()
                    wrong = differ_pixels(got.read(), level.read() * (masks > 0))
                    wrong += [] if 0.2 < (masks > 0).mean() < 0.9 else ["the mask is all the same"]
            tally.check(f"overview {k} of a file with a mask {where}", wrong + complaints.take())
    pixels = np.concatenate([noise("uint8", (3, 203, 327)) // 2 + 1, [valid * np.uint8(200)]])
    make("levels_alpha.tif", pixels, photometric="rgb", alpha="yes", **PLACE)
    gdaladdo("levels_alpha.tif", "-r", "nearest", "levels_alpha.tif", "2")
    wrong = gwt("convert", "levels_alpha.tif", "-o", "alpha.tif", "--overview", 1, "--alpha-mask",
                "-b", "1,2,3", "--dst-nodata", "0", "--overwrite", "--quiet")[1]
    if not wrong:
        with rasterio.open("levels_alpha.tif", overview_level=0) as level:
            with rasterio.open("alpha.tif") as got:
                wrong = differ_pixels(got.read(), level.read((1, 2, 3)) * (level.read(4) > 0))
    tally.check("overview of a file with alpha", wrong + complaints.take())


def coarser():
    """What --res makes of an overview is what gdalwarp makes of it."""
    pixels = noise("int16", (2, 320, 480)) // 64
    make("fine.tif", pixels, **PLACE)
    gdaladdo("fine.tif", "-r", "nearest", "fine.tif", "2", "4")
    for res, level in ((60, 0), (90, 0), (120, 1), (200, 1), (480, 1), (45, None)):
        for how in "nearest", "average":
            ovr = ["-ovr", "NONE" if level is None else str(level)]
            kernel = {"nearest": "near"}.get(how, how)
            subprocess.run(["gdalwarp", "-q", "-overwrite", "-tr", str(res), str(res), "-r", kernel,
                            *ovr, "-te", "452475", "3399045", "466875", "3408645",
                            "-et", "0", "fine.tif", "warped.tif"], check=True)
            wrong = gwt("convert", "fine.tif", "-o", "coarse.tif", "--res", res, "--resample", how,
                        "--bounds", "452475,3399045,466875,3408645",
                        "--overwrite", "--quiet")[1]
            wrong = [text for text in wrong if level is None or "is read, as the cells" not in text]
            with rasterio.open("coarse.tif") as got, rasterio.open("warped.tif") as expected:
                wrong += differ_pixels(got.read(), expected.read())
            tally.check(f"cells of {res}, {how}", wrong + complaints.take())


HIDDEN = 113        # what gwt is told to store where pixels are missing


def differ_masked(path, valid, *given):
    """What is wrong with the pixels of a file, of which only these are valid."""
    wrong = gwt("convert", path, "-o", "unmasked.tif", "--dst-nodata", HIDDEN, "--overwrite",
                "--quiet", *given)[1]
    if wrong:
        return wrong
    with rasterio.open(path) as dataset, rasterio.open("unmasked.tif") as got:
        dtype = dataset.dtypes[0]
        expected = pixels_of(dataset, dtype)
        expected = np.where(valid, expected, np.array(HIDDEN, dtype))
        return differ_pixels(pixels_of(got, dtype), expected)


def masks_of(path, **level):
    """What GDAL has as valid, of each band."""
    with rasterio.open(path, **level) as dataset:
        return dataset.read_masks() != 0


def hide(path, hidden, beside, each=False):
    """Give a file a mask, in it or beside it, of all bands or of each."""
    flags = {f"INTERNAL_MASK_FLAGS_{b + 1}": "0" for b in range(len(hidden))}
    if each:
        make(path + ".msk", hidden.astype("uint8") * 255, tiled=True, blockxsize=16, blockysize=32,
             compress="deflate", **PLACE)
        with rasterio.open(path + ".msk", "r+") as dataset:
            dataset.update_tags(**flags)
        return
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=not beside), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(hidden[0])


def differ_written_mask(path, valid):
    """What is wrong with a mask that gwt writes of one that it has read."""
    with rasterio.open(path) as dataset:
        if dataset.count > 1:
            valid = valid[:1] if (valid == valid[:1]).all() else None
    wrong = [] if valid is None else gwt("convert", path, "-o", "remasked.tif", "--mask",
                                         "--overwrite", "--quiet")[1]
    if valid is None or wrong:
        return wrong
    return [] if (masks_of("remasked.tif") == valid).all() else ["the mask it writes is another"]


def examine_mask(name, path, hidden, *given):
    """GDAL finds what was written, and gwt what GDAL does."""
    valid = masks_of(path)
    wrong = [] if (valid == hidden).all() else ["GDAL finds another mask"]
    wrong += differ_masked(path, valid, *given) + differ_written_mask(path, valid)
    with rasterio.open(path) as dataset:
        pixels = dataset.read()
    wrong += gwt("convert", path, "-o", "whole.tif", "--ignore-mask", "--overwrite", "--quiet")[1]
    with rasterio.open("whole.tif") as got:
        wrong += differ_pixels(got.read(), pixels)
    tally.check(name, wrong + complaints.take())


def masked_levels():
    """Overviews have masks of their own, in the file or in FILE.msk and FILE.msk.ovr."""
    pixels = noise("uint8", (2, 203, 327))
    hidden = np.broadcast_to(np.random.default_rng(3).random((203, 327)) < 0.7, pixels.shape)
    for beside, options in product((False, True), ([], ["-ro"])):
        path = f"masked_levels{int(beside)}{len(options)}.tif"
        make(path, pixels, tiled=True, blockxsize=64, blockysize=64, compress="lzw", **PLACE)
        hide(path, hidden, beside)
        gdaladdo(path, *options, "-r", "nearest", path, "2", "4")
        for k in 0, 1:
            valid = masks_of(path, overview_level=k)
            with rasterio.open(path, overview_level=k) as level:
                expected = np.where(valid, level.read(), np.uint8(HIDDEN))
            wrong = gwt("convert", path, "-o", "level.tif", "--overview", k + 1, "--overwrite",
                        "--quiet", "--dst-nodata", HIDDEN)[1]
            if valid.all() and any("no mask" in text for text in wrong):
                wrong = []          # GDAL takes one without for valid, gwt refuses it
            elif not wrong:
                with rasterio.open("level.tif") as got:
                    wrong = differ_pixels(got.read(), expected)
            tally.check(f"the mask of overview {k + 1}, beside {beside}, {options}",
                        wrong + complaints.take())


def masks():
    """Masks and alpha: type x compression; shapes, sizes, kinds of masks take turns."""
    sizes = [(75, 91), (1, 1), (64, 128), (33, 8), (5, 300)]
    kinds = [(False, False), (True, False), (True, True)]
    turn = 0
    for dtype, compress in product(DTYPES, ["none", "packbits", *PREDICTABLE]):
        turn += 1
        size, shape = sizes[turn % len(sizes)], SHAPES[turn % len(SHAPES)]
        beside, each = kinds[turn % len(kinds)]
        pixels = np.nan_to_num(noise(dtype, (3, *size), turn), nan=1)
        name = f"mask of {dtype}, {compress}, {shape}, {size}, beside {beside}, each {each}"
        given = {} if compress == "none" else {"compress": compress}
        for old in Path(".").glob("masked.tif*"):
            old.unlink()
        trouble = make("masked.tif", pixels, **PLACE, **shape, **given)
        if trouble:
            tally.skip(name, trouble)
            continue
        hidden = np.random.default_rng(turn).random((3 if each else 1, *size)) < 0.6
        hide("masked.tif", hidden, beside, each)
        examine_mask(name, "masked.tif", np.broadcast_to(hidden, pixels.shape))
    pixels = noise("uint16", (1, 75, 91))
    for old in Path(".").glob("masked.tif*"):
        old.unlink()
    make("masked.tif", pixels, nodata=7, **PLACE)
    hidden = np.random.default_rng(1).random((1, 75, 91)) < 0.6
    hide("masked.tif", hidden, False)
    tally.check("a mask and nodata", differ_masked("masked.tif", hidden & (pixels != 7)))
    for dtype, alpha in product(("uint8", "uint16"), ("YES", "PREMULTIPLIED")):
        pixels = noise(dtype, (4, 75, 91))
        pixels[3] = np.where(noise("uint8", (1, 75, 91))[0] < 90, 0, 200)
        make("alpha.tif", pixels, photometric="RGB", alpha=alpha, **PLACE)
        with rasterio.open("alpha.tif") as dataset:
            valid = dataset.read_masks() != 0
        wrong = differ("GDAL's alpha", bool((valid[:3] == (pixels[3] != 0)).all()), True)
        valid[3] = True
        tally.check(f"alpha of {dtype}, {alpha}",
                    wrong + differ_masked("alpha.tif", valid, "--alpha-mask"))
    masked_levels()


def cloud_optimised():
    """gwt verify --cog finds GDAL's good, and what GDAL changed in one of gwt's broken."""
    for bands, compress, hides in product((1, 3), ("LZW", "DEFLATE", "NONE"), (False, True)):
        make("plain.tif", noise("uint16", (bands, 700, 1100)), **PLACE)
        if hides:
            hide("plain.tif", np.random.default_rng(bands).random((1, 700, 1100)) < 0.5, False)
        subprocess.run(["gdal_translate", "-q", "-of", "COG", "-co", f"COMPRESS={compress}",
                        "plain.tif", "cog.tif"], check=True, capture_output=True)
        tally.check(f"verify --cog of GDAL's: {bands} bands, {compress}, mask {hides}",
                    gwt("verify", "--cog", "--quiet", "cog.tif")[1] + complaints.take())
    wrong = gwt("convert", "plain.tif", "-o", "ours.tif", "--cog", "--compress",
                "deflate", "--overwrite", "--quiet")[1]
    with open("ours.tif", "rb") as file:
        before = file.read(400)
    with rasterio.open("ours.tif", "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
        dataset.write(noise("uint16", (1, 600, 600), 7), [1], window=((0, 600), (0, 600)))
    complaints.take()
    status = subprocess.run([GWT, "verify", "--cog", "--quiet", "ours.tif"], capture_output=True,
                            check=False).returncode
    tally.check("verify --cog of ours that GDAL has written to",
                wrong + differ("before", b"EDITION=NO" in before, True)
                + differ("exit status", status, 1))


def main():
    warnings.simplefilter("error")
    subprocess.run([MAKE_SCENE, "scene.tif", "150", "110", "3", "lzw", "64"], check=True)
    with rasterio.open("scene.tif") as scene:
        matrix(scene)
        options(scene)
        nodata_values(scene)
        statistics(scene)
        index(scene)
    shared_data()
    places()
    metadata()
    layouts()
    depths()
    floats_of_16_bits()
    complex_numbers()
    lossy()
    levels()
    masks()
    cloud_optimised()
    print(tally)
    return 1 if tally.failed else 0


if __name__ == "__main__":
    SHARED = SHARED.resolve()
    with tempfile.TemporaryDirectory(prefix="gwt_interop_") as directory:
        os.chdir(directory)
        try:
            status = main()
        finally:
            os.chdir("/")
    sys.exit(status)
