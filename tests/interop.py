#!/usr/bin/env python3
"""interop.py - other readers' view of what gwt writes.

    GWT=build/release/gwt MAKE_SCENE=build/release/make_scene python3 tests/interop.py

Runs the command gwt over a made-up scene and files made by rasterio, in every compression, sample
type, TIFF flavour and interleave; then gdalinfo must read each output to its last pixel without a
word on stderr, and rasterio must find CRS, transform, nodata, descriptions, and the pixels that
numpy computes. Prints "not ok" lines and a closing "N passed, N failed, N skipped".
"""

import os
import shutil
import subprocess
import sys
import tempfile
import warnings

try:
    import numpy as np
    import rasterio
    from rasterio.transform import Affine
except ImportError as error:
    print(f"SKIPPED: interop: {error}")
    print("0 passed, 0 failed, 1 skipped")
    sys.exit(0)
if not shutil.which("gdalinfo"):
    print("SKIPPED: interop: gdalinfo is not here")
    print("0 passed, 0 failed, 1 skipped")
    sys.exit(0)

GWT = os.path.abspath(os.environ["GWT"])
MAKE_SCENE = os.path.abspath(os.environ["MAKE_SCENE"])
RUNNER = os.environ.get("RUNNER", "").split()
passed = failed = skipped = 0


def check(name, good, detail=""):
    """Count one check; say so when it failed."""
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"not ok - {name}" + (f": {detail}" if detail else ""))


def skip(name, reason):
    global skipped
    skipped += 1
    print(f"SKIPPED: {name}: {reason}")


def calc(expression, inputs, output, *options):
    """gwt calc; gives whether it worked, quietly."""
    done = subprocess.run([*RUNNER, GWT, "calc", expression, *inputs, "-o", output, "--quiet",
                           "--overwrite", *options], capture_output=True, text=True, check=False)
    check(f"calc {output} {' '.join(options)}", done.returncode == 0 and not done.stderr,
          done.stderr)
    return done.returncode == 0


def gdalinfo_is_silent(name, path):
    """gdalinfo opens the file, decodes every block, and has nothing to complain about."""
    done = subprocess.run(["gdalinfo", "-checksum", path], capture_output=True, text=True,
                          check=False)
    words = (done.stdout + done.stderr).lower()
    good = done.returncode == 0 and not done.stderr and "warning" not in words and \
        "error" not in words
    check(f"{name}: gdalinfo", good, done.stderr or f"exit status {done.returncode}")
    return done.stdout


def same(a, b):
    """Equal, where NaN equals NaN."""
    return a.shape == b.shape and bool(np.all((a == b) | ((a != a) & (b != b))))


def same_number(a, b):
    if a is None or b is None:
        return a is b
    return a == b or (np.isnan(a) and np.isnan(b))


def norm_diff(b1, b2, nodata):
    """The definition, in double: NaN where either band is nodata or both are 0."""
    x, y = b1.astype("float64"), b2.astype("float64")
    with np.errstate(all="ignore"):
        value = np.clip((y - x) / (y + x), -1, 1)
    value[(b1 == nodata) | (b2 == nodata)] = np.nan
    return value


def stored(values, dtype, nodata):
    """As a type has them: to nearest, ties to even, saturated; nodata where NaN."""
    if np.dtype(dtype).kind == "f":
        out = values.astype(dtype)
        out[np.isnan(values)] = nodata
        return out
    limits = np.iinfo(dtype)
    filled = np.where(np.isnan(values), 0, values)
    out = np.clip(np.rint(filled), limits.min, limits.max).astype(dtype)
    out[np.isnan(values)] = nodata
    return out


def read(name, path):
    """All that is compared; None when rasterio can't read it."""
    try:
        with rasterio.open(path) as f:
            return f.profile, f.read(), f.descriptions, f.crs, f.transform, f.nodata, f.scales
    except Exception as error:  # pylint: disable=broad-except
        check(f"{name}: rasterio", False, str(error))
        return None


def compare(name, path, want, nodata, like, dtype):
    """One output against the expected pixels and the input it came from."""
    gdalinfo_is_silent(name, path)
    found = read(name, path)
    if not found:
        return None
    profile, pixels, descriptions, crs, transform, has_nodata, _ = found
    check(f"{name}: CRS", crs == like.crs, f"{crs}")
    check(f"{name}: transform", transform.almost_equals(like.transform, 1e-9), f"{transform}")
    check(f"{name}: nodata", same_number(has_nodata, nodata), f"{has_nodata}")
    # GDAL before 3.7 has no int8, and rasterio 1.3 takes the 64-bit types for one another: the
    # bits are right.
    if dtype in ("int8", "int64", "uint64") and pixels.dtype.itemsize == np.dtype(dtype).itemsize:
        pixels = pixels.view(dtype)
    check(f"{name}: type", pixels.dtype == dtype, f"{pixels.dtype}")
    check(f"{name}: pixels", same(pixels, want),
          f"{int(np.sum(pixels != want))} of {want.size} differ")
    return profile, descriptions


def compressions():
    """Those this libtiff writes, as the error message for an unknown one lists them."""
    listed = subprocess.run([*RUNNER, GWT, "calc", "b1", "scene.tif", "-o", "x.tif", "--compress",
                             "?"], capture_output=True, text=True, check=False).stderr
    names = ["none", "lzw", "deflate", "zstd", "packbits", "lzma"]
    return [n for n in names if n in listed]


def variants():
    """(name, options, dtype, nodata)"""
    for compress in compressions():
        yield compress, ["--compress", compress], "float32", -2.0
        yield f"{compress} bigtiff", ["--compress", compress, "--bigtiff", "yes"], "float64", \
            float("nan")
        yield f"{compress} planar", ["--compress", compress, "--interleave", "band", "--block",
                                     "112"], "int16", -32768.0
    for predictor, dtype in [("2", "uint16"), ("2", "int32"), ("3", "float32"), ("3", "float64"),
                             ("2", "uint8")]:
        yield f"predictor {predictor} {dtype}", ["--compress", "deflate", "--predictor",
                                                 predictor], dtype, 77.0
    for dtype in ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64",
                  "float32", "float64"]:
        yield f"type {dtype}", ["--compress", "lzw"], dtype, 77.0
    yield "level 9", ["--compress", "deflate", "--level", "9"], "float32", -1.0
    yield "block 16", ["--block", "16"], "int16", -1.0
    yield "block 1024", ["--block", "1024", "--compress", "lzw"], "int16", -1.0


def check_indices(scene):
    """One band, and three at once: norm_diff times 1000, as every type."""
    bands = scene.read()
    one = norm_diff(bands[1], bands[2], scene.nodata)[np.newaxis] * 1000
    many = np.stack([norm_diff(bands[1], b, scene.nodata) * 1000 for b in bands])
    for name, options, dtype, nodata in variants():
        if dtype in ("int64", "uint64") and dtype not in rasterio.dtypes.dtype_rev:
            skip(name, f"this rasterio has no {dtype}")
            continue
        arguments = [*options, "--dtype", dtype, "--nodata", repr(nodata)]
        for shape, expression, want in [("one band", "norm_diff(b2, b3) * 1000", one),
                                        ("three bands", "norm_diff(b2, a) * 1000", many)]:
            path = f"{name} {shape}.tif".replace(" ", "_")
            # --nodata is for the inputs too, so the scene's 0 is a number here: 0 / 0 makes it
            # missing.
            masked = f"where(b2 == 0 || {'b3' if shape == 'one band' else 'a'} == 0, 0 / 0 + b2, " \
                     f"{expression})"
            if calc(masked, ["scene.tif"], path, *arguments):
                compare(path, path, stored(want, dtype, nodata), nodata, scene, dtype)
                os.remove(path)


def check_carried(scene):
    """Opened and saved: same type, pixels, nodata, names."""
    for interleave in ["pixel", "band"]:
        for big in ["yes", "no", "auto"]:
            path = f"carried_{interleave}_{big}.tif"
            if not calc("a", ["scene.tif"], path, "--interleave", interleave, "--bigtiff", big,
                        "--compress", "deflate", "--tag", "PLACE=here & <there>"):
                continue
            found = compare(path, path, scene.read(), scene.nodata, scene, "uint16")
            if found:
                profile, descriptions = found
                check(f"{path}: descriptions", descriptions == scene.descriptions,
                      f"{descriptions}")
                check(f"{path}: interleave", profile["interleave"] == interleave, f"{profile}")
            with rasterio.open(path) as f:
                check(f"{path}: tag", f.tags().get("PLACE") == "here & <there>", f"{f.tags()}")
            with open(path, "rb") as f:
                head = f.read(4)
            check(f"{path}: flavour", head[2] == (43 if big == "yes" else 42), f"{head!r}")


def check_other_inputs():
    """Files that rasterio makes: other places, big-endian, points, scales, no CRS."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 4000, (2, 75, 91)).astype("int16")
    base = {"driver": "GTiff", "width": 91, "height": 75, "count": 2, "dtype": "int16"}
    cases = {
        "geographic": {"crs": "EPSG:4326", "transform": Affine(0.01, 0, -60, 0, -0.01, -15)},
        "rotated": {"crs": "EPSG:32721", "transform": Affine(10, 3, 500000, 2, -12, 7500000)},
        "big_endian": {"crs": "EPSG:32616", "transform": Affine(30, 0, 452475, 0, -30, 3408645),
                       "ENDIANNESS": "BIG", "compress": "lzw", "predictor": 2},
        "tiled": {"crs": "EPSG:3857", "transform": Affine(2, 0, 7, 0, -2, 9), "tiled": True,
                  "blockxsize": 32, "blockysize": 16, "interleave": "band", "compress": "deflate"},
        "custom": {"crs": "+proj=laea +lat_0=10 +lon_0=-20 +datum=WGS84 +units=m",
                   "transform": Affine(100, 0, -5000, 0, -100, 5000)},
        "bigtiff": {"crs": "EPSG:32616", "transform": Affine(30, 0, 452475, 0, -30, 3408645),
                    "BIGTIFF": "YES", "sparse_ok": True},
    }
    for name, options in cases.items():
        path = f"made_{name}.tif"
        with rasterio.open(path, "w", **base, **options, nodata=17) as f:
            f.write(pixels)
            f.descriptions = ("near & far", "b<2>")
            f.scales = (0.0001, 0.25)
            f.offsets = (0.0, -1.5)
            if name == "geographic":
                f.update_tags(AREA_OR_POINT="Point")
        output = f"from_{name}.tif"
        if not calc("a", [path], output, "--compress", "lzw"):
            continue
        with rasterio.open(path) as like, rasterio.open(output) as ours:
            compare(output, output, pixels, 17, like, "int16")
            check(f"{output}: descriptions", ours.descriptions == like.descriptions)
            check(f"{output}: scales", ours.scales == like.scales and ours.offsets == like.offsets,
                  f"{ours.scales} {ours.offsets}")
            check(f"{output}: point or area", ours.tags().get("AREA_OR_POINT") ==
                  like.tags().get("AREA_OR_POINT"), f"{ours.tags()}")


def check_planar_stack(scene):
    """Several files at once."""
    if calc("a.b1 - b.b2", ["scene.tif", "scene.tif"], "difference.tif", "--dtype", "int32",
            "--nodata", "0"):
        bands = scene.read().astype("int64")
        with np.errstate(all="ignore"):
            want = (bands[0] - bands[1])[np.newaxis]
        want[0][(bands[0] == 0) | (bands[1] == 0)] = 0
        compare("difference.tif", "difference.tif", want.astype("int32"), 0, scene, "int32")


def main():
    warnings.simplefilter("error", rasterio.errors.NotGeoreferencedWarning)
    subprocess.run([*RUNNER, MAKE_SCENE, "scene.tif", "331", "207", "3", "lzw", "64"], check=True)
    with rasterio.open("scene.tif") as scene:
        check_indices(scene)
        check_carried(scene)
        check_planar_stack(scene)
    check_other_inputs()
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="gwt_interop_") as directory:
        os.chdir(directory)
        status = main()
        os.chdir("/")
    sys.exit(status)
