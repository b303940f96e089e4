#!/bin/sh
# test_zonal.sh - gwt zonal: the table, its options, what it refuses.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_zonal.sh
#
# Values of all types, and many zones, oracle_zonal.py compares with numpy.

. "$(dirname "$0")/checks.sh"

gwt=$(absolute "${GWT:?is the command to test}") || exit 2
cd "$box" || exit 2

# 2 4 4 4
# 5 5 7 9
# and a row that is missing
tiny >values.tif
tiny "$(description 'red, "near"')" >named.tif
pixels='1 1 1 1 1 1 1 1 7 7 7 7' && tiny >half.tif
pixels='1 1 1 2 2 2 3 3 7 7 255 255' && tiny >zones.tif
pixels=
cp values.tif scene_20160517.tif
cp values.tif scene_20150401.tif

lf='
'
# table NAME LINES ARGUMENT.. - what is printed; | begins a line, too.
table() {
    name=$1 wanted=$(printf %s "$2" | tr '|' '\n')
    shift 2
    run zonal "$@" --quiet
    check "$name: it works" "$(not_done)"
    is "$name" "$(cat "$out")" "$wanted"
}

# ---- the table -----------------------------------------------------------------------------------

table 'what there is without being asked' \
    'zone,band,count,sum,mean,min,max,std|1,1,8,40,5,2,9,2|7,1,0,,,,,' values.tif --zones half.tif
table 'every statistic, in the order asked for' \
    'zone,band,majority,median,max,min,sum,count
1,1,4,4,4,2,10,3
2,1,5,5,5,4,14,3
3,1,7,8,9,7,16,2|7,1,,,,,,0' \
    values.tif -z zones.tif -s majority,median --stat max,MIN,sum,count
table 'an expression' 'zone,band,mean,std|1,1,-10,4|7,1,,' \
    values.tif -z half.tif -e '-2 * b1' -s mean,std
echo 'x = b1 * b1; x - b1 * b1 + b1' >expression.txt
table 'an expression of a file' 'zone,band,mean|1,1,5|7,1,' \
    values.tif -z half.tif -e @expression.txt -s mean
table 'bands' 'zone,band,sum|1,1,40|1,2,40|7,1,|7,2,' \
    values.tif scene_20150401.tif -z half.tif -s sum --stack band
table 'a name with commas' 'zone,band,sum|1,"red, ""near""",40|7,"red, ""near""",' \
    named.tif -z half.tif -s sum
table 'times' 'zone,time,band,sum
1,2015-04-01,1,40
1,2016-05-17,1,40|7,2015-04-01,1,|7,2016-05-17,1,' \
    'scene_*.tif' -z half.tif -s sum --stack time --sort date
table 'a mosaic' 'zone,band,sum|1,1,40|7,1,' values.tif named.tif -z half.tif -s sum --mosaic mean
table 'bands by number' 'zone,band,sum|1,1,40|7,1,' \
    values.tif -z half.tif -s sum -b 1
table 'JSON' \
    '[|  {"zone": 1, "band": 1, "count": 8, "mean": 5},
  {"zone": 7, "band": 1, "count": 0, "mean": null}|]' \
    values.tif -z half.tif -s count,mean --format json
table 'JSON of names' '[
  {"zone": 1, "time": "1", "band": "a", "sum": 40},
  {"zone": 1, "time": "2", "band": "a", "sum": 40},
  {"zone": 7, "time": "1", "band": "a", "sum": null},
  {"zone": 7, "time": "2", "band": "a", "sum": null}|]' \
    values.tif named.tif --stack time --band-names a -z half.tif -s sum --format json

# ---- zones ---------------------------------------------------------------------------------------

table 'a window of both' 'zone,band,sum|1,1,8|2,1,5|3,1,7' \
    values.tif -z zones.tif -s sum --window 0,1,2,2
table 'a value that is no zone' 'zone,band,count|7,1,0|255,1,0' \
    values.tif -z zones.tif -s count --zones-nodata 1 --window 2,0,1,4
table 'every other pixel' 'zone,band,sum|1,1,6|7,1,' values.tif -z zones.tif -s sum --every 2
run convert zones.tif -o corner.tif --window 0,0,2,2 --quiet
table 'zones of a part' 'zone,band,sum|1,1,6|2,1,10' values.tif -z corner.tif -s sum --align
run calc 'where(b1 < 200, -b1, nan)' zones.tif -o signed.tif --dtype int16 --dst-nodata -32768 -q
table 'zones below 0' 'zone,band,max|-7,1,|-3,1,9|-2,1,5|-1,1,4' values.tif -z signed.tif -s max
run calc 'where(b1 < 0, b1, nan)' zones.tif -o none.tif --dtype uint8 --dst-nodata 255 -q
table 'no zone' 'zone,band,max' values.tif -z none.tif -s max
table 'no zone in JSON' '[]' values.tif -z none.tif -s max --format json

# ---- infinite pixels -----------------------------------------------------------------------------

run zonal values.tif -z half.tif -e '1 / (b1 - 4)' -s count --quiet
is 'infinite pixels are not counted' "$status $(cat "$out" "$err")" \
    "0 zone,band,count${lf}1,1,5${lf}7,1,0${lf}gwt: infinite pixels: 3, not counted"

# ---- files ---------------------------------------------------------------------------------------

run zonal values.tif -z half.tif --quiet
cp "$out" want.csv
works 'into a file' zonal values.tif -z half.tif -o got.csv
same 'the same' got.csv want.csv
is 'nothing but it' "$(cat "$out")" ''
works 'into stdout by name' zonal values.tif -z half.tif -o -
same 'the same' "$out" want.csv
refused 'a file that is there' 1 'got.csv: exists (--overwrite' \
    zonal values.tif -z half.tif -o got.csv
works 'unless asked for' zonal values.tif -z half.tif -o got.csv --overwrite -s sum
is 'then it is new' "$(head -n 1 got.csv)" 'zone,band,sum'
refused 'the output is ZONES' 1 'half.tif: the output is an input' \
    zonal values.tif -z half.tif -o half.tif --overwrite
refused 'the output is a FILE' 1 'values.tif: the output is an input' \
    zonal values.tif -z half.tif -o values.tif --overwrite

# ---- what is refused -----------------------------------------------------------------------------

refused 'no zones' 2 '--zones ZONES' zonal values.tif
refused 'no file' 2 'gwt zonal wants a file' zonal --zones half.tif
refused 'a statistic that is none' 2 "std, median, majority, not 'range'" \
    zonal values.tif -z half.tif -s mean,range
refused 'one twice' 2 'mean twice' zonal values.tif -z half.tif -s mean -s sum,mean
refused 'a format that is none' 2 "csv, json, not 'xml'" zonal values.tif -z half.tif --format xml
refused 'several files' 1 '2 files: --group-by, --stack' zonal values.tif named.tif -z half.tif
refused 'zones that are not there' 1 'no.tif' zonal values.tif -z no.tif -o new.csv
run calc b1 zones.tif -o floats.tif --dtype float32 -q
refused 'zones of floats' 1 'zones of float32 in floats.tif' zonal values.tif -z floats.tif
run convert zones.tif zones.tif -o two.tif --stack band -q
refused 'zones of two bands' 1 '2 bands and 1 times in two.tif' zonal values.tif -z two.tif
refused 'zones on another grid' 1 '--bounds-by brings files, --align ZONES to one grid' \
    zonal values.tif -z corner.tif

works 'help' zonal --help
holds 'it has examples' "$out" "gwt zonal scene.tif --zones"

finish
