#!/bin/sh
# test_time.sh - time series by the command: NDVI medians of each month out of 24 dates in one line,
# and what comes of times without dates.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_time.sh
#
# The large results are compared with numpy where there is one that has rasterio beside it.

. "$(dirname "$0")/checks.sh"
gwt=$(absolute "${GWT:?}") && make_scene=$(absolute "${MAKE_SCENE:?}") && cd "$box" || exit 2

cat >"$tmp/oracle.py" <<'END'
import glob
import sys

import numpy as np
import rasterio

FILES = sorted(glob.glob("dates/*.tif"))
DATES = [f[-12:-4] for f in FILES]


def pixels(f):
    with rasterio.open(f) as dataset:
        a = dataset.read().astype("float64")
        return np.where(a == 0, np.nan, a)


ALL = np.stack([pixels(f) for f in FILES])
RED, NIR = ALL[:, 2], ALL[:, 3]
NDVI = np.clip((NIR - RED) / (NIR + RED), -1, 1)


def groups(names):
    return [[k for k, name in enumerate(names) if name == one] for one in dict.fromkeys(names)]


def want(what):
    if what == "months":
        return np.stack([np.nanmedian(NDVI[g], 0) for g in groups([d[:6] for d in DATES])])
    if what == "greenest":      # all bands of the date of the largest NDVI, the first of several
        at = np.argmax(np.where(np.isnan(NDVI), -2, NDVI), 0)
        chosen = np.take_along_axis(ALL, at[np.newaxis, np.newaxis], 0)[0]
        return np.where(np.isnan(NDVI).all(0), np.nan, chosen)
    if what == "trend":
        days = np.array([f"{d[:4]}-{d[4:6]}-{d[6:]}" for d in DATES], "datetime64[D]")
        t = (days - days[0]).astype(float)[:, np.newaxis, np.newaxis]
        t = np.where(np.isnan(NDVI), np.nan, t)
        t, v = t - np.nanmean(t, 0), NDVI - np.nanmean(NDVI, 0)
        return (np.nansum(t * v, 0) / np.nansum(t * t, 0) * 365.25)[np.newaxis]
    seasons = [f"{int(d[:4]) + int(d[4:6]) // 12} {int(d[4:6]) % 12 // 3}" for d in DATES]
    return np.stack([np.nanmax(NDVI[g], 0) for g in groups(seasons)])


with rasterio.open(sys.argv[2]) as dataset:
    got, nodata = dataset.read().astype("float64"), dataset.nodata
got[got == nodata] = np.nan
expected = want(sys.argv[1])
if got.shape != expected.shape:
    sys.exit(f"{got.shape}, not {expected.shape}")
wrong = ~((np.isnan(got) & np.isnan(expected)) | (np.abs(got - expected) < 1e-12))
if wrong.any():
    print(int(wrong.sum()), "of", wrong.size, "pixels differ")
if np.isnan(expected).all() or not np.isnan(ALL).any():
    print("this tests nothing")
END
rasters=
for one in "$python" /usr/bin/python3; do
    [ -z "$rasters" ] || break
    "$one" -W ignore -c 'import numpy, rasterio' 2>/dev/null && rasters=$one
done

compare() {     # WHAT FILE
    if [ -z "$rasters" ]; then skip "$1 as numpy has it" "no numpy with rasterio"; return; fi
    if "$rasters" -W ignore "$tmp/oracle.py" "$1" "$2" >"$out.py" 2>&1
    then check "$1 as numpy has it" "$(cat "$out.py")"
    else check "$1 as numpy has it" "oracle.py: $(tail -n 3 "$out.py")"
    fi
}

# ---- a year of dates: other values each, and clouds elsewhere ------------------------------------

"$make_scene" scene.tif 90 70 6 none 32 || exit 1
mkdir dates
k=0
for date in 20221204 20221219 20230103 20230118 20230202 20230217 20230304 20230319 20230403 \
        20230418 20230503 20230518 20230602 20230617 20230702 20230717 20230801 20230816 \
        20230831 20230915 20230930 20231015 20231030 20231130; do
    k=$((k + 1))
    "$gwt" calc "shade = a * (0.5 + 0.0$((k * 37 % 100))) + 1;
        where(abs(col() + row() - $((k * 29 % 160))) < $((k % 3 * 20)), nan, shade)" scene.tif \
        -o dates/l8_$date.tif -q --nodata 0 --dtype uint16 || exit 1
done

works "NDVI medians of each month" calc 'median(ndvi(), month)' 'dates/*.tif' -o months.tif \
    --stack time --sort date --sensor l8l7
compare months months.tif
works "the largest NDVI of each season" calc 'max(ndvi(), season)' 'dates/*.tif' -o seasons.tif \
    --stack time --sort date --sensor l8l7
compare seasons seasons.tif
works "months out of order" calc 'median(ndvi(), month)' dates/l8_2023*.tif dates/l8_2022*.tif \
    -o again.tif --stack time --sensor l8l7
compare months again.tif

works "all bands of the greenest date" calc 'best(a, ndvi())' 'dates/*.tif' -o greenest.tif \
    --stack time --sort date --sensor l8l7
compare greenest greenest.tif
works "the trend of NDVI" calc 'slope(ndvi())' 'dates/*.tif' -o trend.tif --stack time \
    --sort date --sensor l8l7
compare trend trend.tif

# ---- what is refused -----------------------------------------------------------------------------

cp scene.tif undated.tif
refused_in "a time without a date" 1 'by year: time 1, "1", has no date in its name' \
    calc 'mean(a, year)' scene.tif undated.tif -o no.tif --stack time
refused_in "bands have no dates" 1 "unknown name week" \
    calc 'mean(a, week)' 'dates/*.tif' -o no.tif --stack time
refused_in "a quoted word is a band" 1 "unknown name month" \
    calc 'mean(a, "month")' 'dates/*.tif' -o no.tif --stack time
finish
