"""oracle_convert.py - what gwt convert keeps of a file, item by item as gdalinfo -json has it, and
which pixels it writes (see oracle.py)."""

import base64
import json
import shutil
import subprocess
import warnings

import numpy as np
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.transform import Affine

from oracle import DTYPES, differ, gwt, judge, read, sample, skip, tags_of, write

PLACE = {"crs": "EPSG:32633", "transform": Affine(30, 0, 500000, 0, -30, 5200000)}


def convert(source, *options, output="out.tif"):
    """What is wrong with doing it."""
    status, _, said = gwt("convert", source, "-o", output, "--overwrite", "--quiet", *options)
    return [] if status == 0 and not said else [f"gwt exits with {status}: {said.strip()}"]


# ---- metadata -----------------------------------------------------------------------------------


def told(path):
    """All that gdalinfo says of a file, but what has its name in it: {"bands/0/noDataValue": 7, ..}."""
    done = subprocess.run(["gdalinfo", "-json", "-mdd", "all", path], capture_output=True,
                          text=True, check=True)
    items = {}

    def flatten(value, at):
        if isinstance(value, dict):
            for key, inner in value.items():
                flatten(inner, f"{at}/{key}" if at else key)
        elif isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value):
            for number, inner in enumerate(value):
                flatten(inner, f"{at}/{number}")
        else:
            items[at] = value

    flatten(json.loads(done.stdout), "")
    return {key: value for key, value in items.items()
            if not key.startswith(("description", "files", "metadata/DERIVED_SUBDATASETS"))}


def changed(before, after, but=()):
    """What differs between two of them; `but` are beginnings of names that may."""
    return [f"{key} is {after.get(key)}, not {before.get(key)}"
            for key in sorted(before.keys() | after.keys())
            if before.get(key) != after.get(key) and not key.startswith(tuple(but))]


def make(path, pixels, **profile):
    """A file as GDAL writes it."""
    profile = {"driver": "GTiff", "dtype": pixels.dtype, "count": len(pixels),
               "height": pixels.shape[1], "width": pixels.shape[2], "tiled": True,
               "blockxsize": 64, "blockysize": 64, **PLACE, **profile}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = rasterio.open(path, "w", **profile)
    file.write(pixels)
    return file


def palette_file():
    """Classes with a palette, names and items in three domains, and the texts of a TIFF."""
    file = make("palette.tif", sample("uint8", (1, 200, 150)), nodata=255, compress="lzw")
    file.write_colormap(1, {i: (i, 255 - i, i * 7 % 256, 255) for i in range(256)})
    file.update_tags(LAYER="land cover", NOTE="a <b> & \"c\"")
    file.update_tags(ns="SURVEY", YEAR="2021")
    file.update_tags(1, MEANING="class")
    file.update_tags(1, ns="SURVEY", RULE="majority")
    file.update_tags(TIFFTAG_DOCUMENTNAME="doc", TIFFTAG_IMAGEDESCRIPTION="what it is",
                     TIFFTAG_SOFTWARE="maker", TIFFTAG_DATETIME="2021:05:04 03:02:01",
                     TIFFTAG_ARTIST="who", TIFFTAG_COPYRIGHT="(c)", TIFFTAG_XRESOLUTION="300",
                     TIFFTAG_YRESOLUTION="118.11", TIFFTAG_RESOLUTIONUNIT="3 (pixels/cm)")
    file.set_band_description(1, "cover")
    file.close()
    return "palette.tif"


def scaled_file():
    """Integers with scales, offsets and units, and the places of a camera (RPC)."""
    file = make("scaled.tif", sample("int16", (2, 200, 150)), nodata=-9999, compress="deflate",
                predictor=2, interleave="band")
    file.scales, file.offsets, file.units = (0.5, 1e-4), (-100, 0.25), ("m", "K")
    for band, name in ((1, "height"), (2, "temperature")):
        file.set_band_description(band, name)
    rpc = {"LINE_OFF": "100", "SAMP_OFF": "75", "LAT_OFF": "46", "LONG_OFF": "15",
           "HEIGHT_OFF": "300", "LINE_SCALE": "100", "SAMP_SCALE": "75", "LAT_SCALE": "1",
           "LONG_SCALE": "1", "HEIGHT_SCALE": "500", "ERR_BIAS": "-1", "ERR_RAND": "-1"}
    rpc |= {f"{name}_COEFF": " ".join(["1"] * 20) for name in
            ("LINE_NUM", "LINE_DEN", "SAMP_NUM", "SAMP_DEN")}
    file.update_tags(ns="RPC", **rpc)
    file.close()
    return "scaled.tif"


def picture_file():
    """RGB and alpha with an ICC profile."""
    file = make("picture.tif", sample("uint8", (4, 200, 150)), photometric="rgb", alpha="yes",
                compress="zstd", source_icc_profile=base64.b64encode(bytes(range(200))).decode())
    file.colorinterp = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
    file.close()
    return "picture.tif"


def scan_file():
    """A scan with points on the ground in place of a transform."""
    file = make("scan.tif", sample("uint8", (1, 200, 150)), transform=None, crs=None)
    file.gcps = ([GroundControlPoint(row, col, col / 7, 50 - row / 9, 3)
                  for row, col in ((0, 0), (0, 150), (200, 0), (200.5, 149.25))], "EPSG:4326")
    file.close()
    return "scan.tif"


def kept():
    """Nothing that gdalinfo says changes in a copy; nor what the copy's options are not about."""
    if not shutil.which("gdalinfo"):
        skip("what is kept", "there is no gdalinfo")
        return
    layout = ("metadata/IMAGE_STRUCTURE", "bands/0/block", "bands/1/block", "bands/2/block",
              "bands/3/block")
    for source in (palette_file(), scaled_file(), picture_file(), scan_file()):
        before = told(source)
        judge(f"{source} as it is", convert(source) or changed(before, told("out.tif")))
        options = ("--compress", "lzma", "--tile-size", "32", "--interleave", "pixel")
        judge(f"{source} stored otherwise",
              convert(source, *options) or changed(before, told("out.tif"), layout))
        options = ("--co", "COMPRESS=DEFLATE", "--co", "BIGTIFF=YES", "--co", "blocksize=128")
        judge(f"{source} by --co",
              convert(source, *options) or changed(before, told("out.tif"), layout))
        window = ("size", "geoTransform", "cornerCoordinates", "wgs84Extent", "metadata/RPC",
                  "stac/proj", "gcps", "coordinateSystem", "bands/0/block", "bands/1/block", "bands/2/block", "bands/3/block")
        judge(f"{source}, a part",
              convert(source, "--window", "64,0,100,128") or
              changed(before, told("out.tif"), window))
    texts = (269, 270, 305, 306, 315, 33432)
    convert("palette.tif")
    judge("texts of the TIFF", [] if tags_of("out.tif", texts) == tags_of("palette.tif", texts) and
          len(tags_of("out.tif", texts)) == 6 else [f"{tags_of('out.tif', texts)}"])


def codecs_of_others():
    """JPEG becomes deflate, with its pixels as they are decoded, and a line that says so."""
    make("jpeg.tif", np.full((3, 64, 64), 70, "uint8"), compress="jpeg", photometric="rgb").close()
    status, _, said = gwt("convert", "jpeg.tif", "-o", "out.tif", "--overwrite", "--quiet")
    wrong = [] if status == 0 and "jpeg, which is not written: deflate" in said else [said]
    wrong += [] if tags_of("out.tif", (259,)) == {259: 8} else ["it is not deflated"]
    judge("jpeg", wrong + ([] if (read("out.tif")[0] == read("jpeg.tif")[0]).all() else ["pixels"]))


# ---- pixels -------------------------------------------------------------------------------------


def is_pixels(name, expected, *arguments):
    """The pixels that this leaves, in their type, of which none is missing."""
    wrong = convert(*arguments)
    none = np.zeros(expected.shape, bool)
    judge(name, wrong or differ((read("out.tif")[0], None), expected, none, 0))


def saturated(pixels, dtype):
    """Rounded to nearest, ties to even, and saturated."""
    limits = np.iinfo(dtype)
    return np.clip(np.rint(pixels.astype("float64")), limits.min, limits.max).astype(dtype)


def pixels():
    for dtype in DTYPES:
        values = sample(dtype, (3, 70, 90))
        if np.dtype(dtype).kind == "f":
            values[~np.isfinite(values)] = 1
        file = write("in.tif", values, names=("one", "two", "three"))
        is_pixels(f"{dtype} as it is", values, file)
        is_pixels(f"{dtype}, bands 3 and 1", values[[2, 0]], file, "-b", "3,1")
        is_pixels(f"{dtype}, bands twice", values[[1, 0]], file, "-b", "two", "-b", "one")
        is_pixels(f"{dtype}, a window", values[:, 10:40, 5:85], file, "--window", "10,5,30,80")
        is_pixels(f"{dtype} by its own name as GDAL's", values, file, "--dtype",
                  {"uint8": "Byte"}.get(dtype, dtype.capitalize().replace("Ui", "UI")))
        if values.dtype.itemsize <= 4 and values.dtype.kind != "f":
            is_pixels(f"{dtype} to Int16", saturated(values, "int16"), file, "--dtype", "Int16")


def scales():
    """stored * scale + offset, of the caller or of a collection."""
    values = sample("uint16", (1, 70, 90))
    file = write("in.tif", values)
    for name, scale, offset in (("landsat-c2-sr", 0.0000275, -0.2), ("landsat-c2-st", 0.00341802,
                                149.0), ("Sentinel-2-L2A", 0.0001, -0.1)):
        expected = values.astype("float64") * scale + offset
        is_pixels(name, expected, file, "--collection", name)
        is_pixels(f"--scale {scale} --offset {offset}", expected, file, "--scale", scale,
                  "--offset", offset)
    is_pixels("--offset alone", values - 0.5, file, "--offset", "-0.5")


def run():
    kept()
    codecs_of_others()
    pixels()
    scales()
