#!/bin/sh
# test_tasks_real.sh - whole jobs, from files as missions deliver them to a result: Landsat with its
# QA_PIXEL, Sentinel-2 with its classes, a map with a palette; with made-up scenes, and with real
# ones where they are (GWT_SHARED, else ../shared).
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_tasks_real.sh
#
# Single pixels and counts are known from how the scenes are made; all pixels are compared with
# numpy's where python3 has rasterio.

. "$(dirname "$0")/checks.sh"

gwt=$(absolute "${GWT:?is the command to test}") || exit 2
make_scene=$(absolute "${MAKE_SCENE:?is the program that makes scenes}") || exit 2
shared=$(cd "${GWT_SHARED:-$here/../../shared}" 2>/dev/null && pwd) || shared=
for p in "$python" /usr/bin/python3; do
    [ -n "$p" ] && "$p" -c 'import numpy, rasterio' 2>/dev/null && python=$p && break
    python=
done
cd "$box" || exit 2

cat >"$tmp/oracle.py" <<'PYTHON'
"""Prints how a file differs from what numpy makes of the inputs; nothing where it does not."""
import sys
import warnings

import numpy as np
import rasterio

warnings.simplefilter("ignore")


def read(path):
    return rasterio.open(path).read(1).astype(float)


def landsat(folder):
    """NDVI of the mean of two dates, without clouds and shadows."""
    dates = []
    for date in "20200117", "20200101":
        name = f"{folder}/LC08_L2SP_224077_{date}_20200823_02_T1_"
        red, nir = (read(f"{name}SR_B{b}.TIF") * 0.0000275 - 0.2 for b in (4, 5))
        qa = read(f"{name}QA_PIXEL.TIF").astype(int)
        ndvi = (nir - red) / (nir + red)
        ndvi[(qa & 0b11011) != 0] = np.nan
        dates.append(ndvi)
    return np.nanmean(dates, axis=0)


def sentinel(folder):
    red, nir = ((read(f"{folder}/T32_20210301T1_{b}_10m.tif") - 1000) * 0.0001
                for b in ("B04", "B08"))
    scl = np.kron(read(f"{folder}/T32_20210301T1_SCL_20m.tif"), np.ones((2, 2)))
    return np.where(np.isin(scl, (4, 5, 6, 7)), (nir - red) / (nir + red), np.nan)


def landsat_8(folder):
    red, nir, qa = (read(f"{folder}/l8_{b}.tif") for b in ("B4", "B5", "BQA"))
    ndvi = (nir - red) / (nir + red)
    ndvi[(qa.astype(int) >> 14) == 3] = np.nan
    return ndvi


def dates(folder):
    names = "20160101", "20160401", "20160517", "20170203"
    nir, red = (np.array([rasterio.open(f"{folder}/rgbn_{n}.tif").read(b).astype(float)
                          for n in names]) for b in (4, 1))
    return np.median((nir - red) / (nir + red), axis=0)


def unscaled(folder):
    return np.where(read(f"{folder}/l8_bgr_meta.tif") == 65535, np.nan,
                    read(f"{folder}/l8_bgr_meta.tif") * 2e-5 - 0.1)


got, wanted = rasterio.open(sys.argv[3]), globals()[sys.argv[1]](sys.argv[2])
pixels = got.read(1, masked=True).astype(float).filled(np.nan)
if pixels.shape != wanted.shape:
    print("size", pixels.shape, "and", wanted.shape)
elif (np.isnan(pixels) != np.isnan(wanted)).any():
    print("missing", np.isnan(pixels).sum(), "and", np.isnan(wanted).sum())
elif not np.allclose(pixels, wanted, rtol=1e-6, atol=1e-7, equal_nan=True):
    print("values differ by", np.nanmax(np.abs(pixels - wanted)))
PYTHON

by_numpy() {    # NAME FUNCTION FOLDER FILE
    if [ -n "$python" ]; then check_python "$@"; else skip "$1" 'no python3 with rasterio'; fi
}

# pixel FILE ROW COL - its value, -9999 where it is missing; to six digits.
pixel() {
    "$gwt" calc "where(valid(b1), b1, -9999)" "$1" --window "$2,$3,1,1" -o "$tmp/pixel.tif" \
        --quiet --overwrite 2>"$err"
    "$gwt" stats "$tmp/pixel.tif" --json | sed -n 's/.*"mean": \([^,]*\),.*/\1/p' |
        awk '{ printf "%.6g", $1 }'
}
valid() { "$gwt" stats "$1" | awk 'NR == 2 { print $6 }'; }

"$make_scene" base.tif 60 40 1 lzw 32 || { echo "make_scene does not work"; exit 1; }
make() { "$gwt" calc "$1" base.tif -o "$2" --quiet --dtype "${3:-uint16}" || exit 1; }

# ---- Landsat, Collection 2, Level 2 --------------------------------------------------------------

# QA_PIXEL: bit 0 fill, 1 dilated cloud, 3 cloud, 4 shadow, 6 clear (Landsat 8-9 Collection 2 Level
# 2 Science Product Guide, LSDS-1619). 21824 is clear land; 22280 cloud, 23888 shadow.
mkdir landsat
for date in 20200117 20200101; do
    name=landsat/LC08_L2SP_224077_${date}_20200823_02_T1_
    day=${date#??????}
    make "9000 + 20 * col() + $((${day#0} * 10))" "${name}SR_B4.TIF"
    make "17000 + 50 * row() + $((${day#0} * 10))" "${name}SR_B5.TIF"
done
make 'where(col() < 10, 22280, where(row() < 5, 23888, 21824))' \
    landsat/LC08_L2SP_224077_20200117_20200823_02_T1_QA_PIXEL.TIF
make 'where(col() < 5, 1, where(row() > 30, 22280, 21824))' \
    landsat/LC08_L2SP_224077_20200101_20200823_02_T1_QA_PIXEL.TIF

# One line: reflectances, clouds and shadows out, an index, its mean over the dates.
works 'Landsat: mean NDVI of clear pixels' calc 'red = SR_B4 * 0.0000275 - 0.2;
    nir = SR_B5 * 0.0000275 - 0.2;
    mean(where(bits_match(QA_PIXEL, "00x00"), (nir - red) / (nir + red), nan), time)' 'landsat/*.TIF' \
    --group-by '*_{time}_*_T1_{band}.TIF' -o ndvi.tif --dtype float32 --quiet
# Row 20, column 30: red 9610 and 9770, nir 18010 and 18170 of the 1st and the 17th.
index_of() { awk "function ndvi(r, n) { return (n - r) * 0.0000275 / ((n + r) * 0.0000275 - 0.4) }
    BEGIN { printf \"%.6g\", $1 }"; }
is 'a pixel of two dates' "$(pixel ndvi.tif 20 30)" \
    "$(index_of '(ndvi(9610, 18010) + ndvi(9770, 18170)) / 2')"
is 'a pixel of one' "$(pixel ndvi.tif 20 8)" "$(index_of 'ndvi(9170, 18010)')"
is 'a pixel without any' "$(pixel ndvi.tif 35 3)" -9999
# Missing on the 17th are columns 0..9 and rows 0..4, on the 1st columns 0..4 and rows 31..39: on
# both 5 x 40 of columns 0..4, and 5 columns of 9 rows.
is 'how many there are' "$(valid ndvi.tif)" $((60 * 40 - 5 * 40 - 5 * 9))
by_numpy 'all of them' landsat landsat ndvi.tif

# ---- Sentinel-2, Level 2A ------------------------------------------------------------------------

# Classes of SCL: 3 shadow, 4 vegetation, 5 bare, 6 water, 7 unclassified, 8..10 clouds, 11 snow; in
# cells of twice the edge. Reflectance is (stored - 1000) / 10000.
mkdir s2
make '2000 + 10 * col()' s2/T32_20210301T1_B04_10m.tif
make '4000 + 20 * row()' s2/T32_20210301T1_B08_10m.tif
"$gwt" convert base.tif -o coarse.tif --res 60 --quiet || exit 1
"$gwt" calc 'where(col() < 3, 9, where(row() < 2, 3, where(col() > 25, 6, 4)))' coarse.tif \
    -o s2/T32_20210301T1_SCL_20m.tif --dtype uint8 --quiet || exit 1
works 'Sentinel-2: NDVI of what is no cloud' calc 'red = (B04 - 1000) * 0.0001;
    nir = (B08 - 1000) * 0.0001;
    where(isin(SCL, 4, 5, 6, 7), (nir - red) / (nir + red), nan)' 's2/*.tif' \
    --group-by '*_{time}*_{band}_?0m.tif' --reference s2/T32_20210301T1_B04_10m.tif \
    -o s2.tif --dtype float32 --quiet
is 'a pixel' "$(pixel s2.tif 20 30)" 0.446809     # 0.21 / 0.47
is 'one under a cloud' "$(pixel s2.tif 20 5)" -9999
is 'one in a shadow' "$(pixel s2.tif 3 30)" -9999
is 'how many there are' "$(valid s2.tif)" $(((60 - 6) * (40 - 4)))
by_numpy 'all of them' sentinel s2 s2.tif

# ---- a map with a palette, copied ----------------------------------------------------------------

# What GDAL says of a file, but for its name and its compression.
told() { gdalinfo -json -checksum -mdd all "$1" | grep -v -e "$1" -e '"COMPRESSION"'; }
if command -v gdalinfo >/dev/null; then
    make 'where(col() < 20, 1, where(col() < 40, 2, 3))' classes.tif uint8
    cat >map.vrt <<'VRT'
<VRTDataset rasterXSize="60" rasterYSize="40">
  <SRS>EPSG:32721</SRS>
  <GeoTransform>583785, 30, 0, 7512315, 0, -30</GeoTransform>
  <Metadata><MDI key="TITLE">land &lt;cover&gt;</MDI><MDI key="AREA_OR_POINT">Area</MDI></Metadata>
  <VRTRasterBand dataType="Byte" band="1">
    <Description>cover</Description>
    <NoDataValue>255</NoDataValue>
    <ColorInterp>Palette</ColorInterp>
    <ColorTable><Entry c1="0" c2="0" c3="0"/><Entry c1="10" c2="120" c3="20"/>
      <Entry c1="200" c2="180" c3="90"/><Entry c1="0" c2="40" c3="250"/></ColorTable>
    <Metadata><MDI key="RULE">majority</MDI></Metadata>
    <SimpleSource><SourceFilename relativeToVRT="1">classes.tif</SourceFilename></SimpleSource>
  </VRTRasterBand>
</VRTDataset>
VRT
    gdal_translate -q -co TILED=YES -co BLOCKXSIZE=32 -co BLOCKYSIZE=32 -co COMPRESS=LZW map.vrt \
        map.tif
    works 'a map, compressed otherwise' convert map.tif -o copy.tif --compress deflate --quiet
    told map.tif >before
    told copy.tif >after
    holds 'GDAL sees its palette' after '"palette"'
    holds 'and its title' after 'land <cover>'
    same 'GDAL says the same of both' before after
else
    skip 'a map, compressed otherwise' 'no gdalinfo'
fi

# ---- real scenes ---------------------------------------------------------------------------------

if [ -n "$shared" ]; then
    data=$shared/data
    # Landsat 8 before the collections: bits 14 and 15 of BQA are how sure a cloud is, 3 very.
    works 'Landsat 8: NDVI without clouds' calc 'where(bits(BQA, 14, 15) < 3, (B5 - B4) / (B5 + B4), nan)' \
        "$data/l8/*.tif" --group-by 'l8_{band}.tif' -o l8.tif --dtype float32 --quiet --allow-unused
    by_numpy 'all of its pixels' landsat_8 "$data/l8" l8.tif
    works 'four dates: median NDVI' calc 'median((b4 - b1) / (b4 + b1), time)' \
        "$data/rgbn/rgbn_2*.tif" --group-by 'rgbn_{time}.tif' -o median.tif --dtype float32 --quiet
    by_numpy 'all of its pixels' dates "$data/rgbn" median.tif
    works 'a file with scales' calc b1 "$data/l8_bgr_meta.tif" --scale-data -o unscaled.tif --quiet
    by_numpy 'all of its pixels' unscaled "$data" unscaled.tif
else
    skip 'real scenes' '../shared absent'
fi

finish
