#!/bin/sh
# test_groups.sh - --group-by: files of one band a scene as one array, by what a pattern finds in
# their names.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_groups.sh
#
# Each file holds one number in all pixels, which says its band and its scene: so does what comes of
# an expression.

. "$(dirname "$0")/checks.sh"

gwt=$(absolute "${GWT:?is the command to test}") || exit 2
make_scene=$(absolute "${MAKE_SCENE:?is the program that makes scenes}") || exit 2
cd "$box" || exit 2
"$make_scene" s.tif 40 30 1 lzw 16 || { echo "make_scene does not work"; exit 1; }

number() { "$gwt" calc "valid(b1) * 0 + $1" s.tif -o "$2" --quiet --dtype "${3:-uint16}"; }
mkdir landsat folders s2 && mkdir folders/b folders/a || exit 1
for date in 1:20200117 2:20200101 3:20191216; do
    for band in 10 4 5; do
        number "$((100 * band + ${date%%:*}))" "landsat/LC08_199026_${date#*:}_T1_SR_B$band.TIF"
    done
done
for scene in 1:a 2:b; do
    for band in 2 10; do
        number "$((100 * band + ${scene%%:*}))" "folders/${scene#*:}/$band.tif"
    done
done
number 7 s2/20210301_SCL.tif uint8
number 1000 s2/20210301_B04.tif uint16

# gives NAME VALUE ARGUMENT.. - calc into a file whose pixels are all VALUE, of all bands.
gives() {
    name=$1 wanted=$2
    shift 2
    works "$name" calc "$@" -o out.tif --overwrite --quiet
    is "$name: values" "$("$gwt" stats out.tif | awk 'NR > 1 { print $2 ".." $3 }' | tr '\n' ' ')" \
        "$wanted "
}
landsat="landsat/*.TIF"
by='*_{time}_T1_SR_{band}.TIF'

# ---- what belongs together -----------------------------------------------------------------------

gives 'bands by their names' 600..600 'mean(B10 - B4, time)' "$landsat" --group-by "$by"
gives 'a time by its date' 501..501 'B5["2020-01-17"]' "$landsat" --group-by "$by"
gives 'times in order of their dates' '1003..1003 1002..1002 1001..1001' 'B10' "$landsat" \
    --group-by "$by"
gives 'bands in order, numbers by value' '402..402 502..502 1002..1002' 'a["2020-01-01"]' \
    "$landsat" --group-by "$by"
gives 'whatever order the files have' '402..402 502..502 1002..1002' 'a[2]' \
    landsat/*B5.TIF landsat/*B10.TIF landsat/*B4.TIF --group-by "$by"
gives 'a scene with a date' 401..401 'B4["2020-01-17"]' "$landsat" --group-by \
    'LC08_{scene}_SR_{band}.TIF'
gives 'other names for the bands' 502..502 'nir["2020-01-01"] + red[1] * 0' "$landsat" \
    --group-by "$by" --band-names red,nir,thermal
gives 'a sensor names as many' 502..502 'green["2020-01-01"]' "$landsat" --group-by "$by" \
    --sensor rgb
gives 'selected bands' '502..502 402..402' 'a[2]' "$landsat" --group-by "$by" --select B5,B4
gives 'little before a date, much behind' 401..401 'B4["2020-01-17"]' "$landsat" \
    --group-by '*_{time}_*_{band}.TIF'
gives 'little before a scene, which is much' 401..401 'B4["2020-01-17"]' "$landsat" \
    --group-by '*_{scene}_{band}.TIF'
gives 'much without both' '401..401 501..501 1001..1001' a landsat/*20200117* \
    --group-by '*_{band}.TIF'
gives 'folders' '202..202 1002..1002' 'a["b"]' 'folders/*/*.tif' --group-by '{scene}/{band}.tif'
gives 'without a scene' '201..201 1001..1001' 'a' 'folders/a/*' --group-by '{band}.*'
gives 'a set and a ?' 402..402 'B4["2020-01-01"]' "$landsat" \
    --group-by 'LC0[89]_[!_]*_{time}_T?_SR_{band}.TIF'
"$gwt" convert landsat/*20200117*B[45].TIF -o pair_20200117.tif --stack band --quiet
"$gwt" convert landsat/*20200101*B[45].TIF -o pair_20200101.tif --stack band --quiet
gives 'without a band: files of several' '401..401 501..501' 'a["2020-01-17"]' 'pair_*.tif' \
    --group-by 'pair_{time}.tif'
gives 'which have names' '501..501' 'y["2020-01-17"]' 'pair_*.tif' \
    --group-by 'pair_{time}.tif' --band-names x,y
works 'why of files of several' why 'y["2020-01-17"]' 'pair_*.tif' \
    --group-by 'pair_{time}.tif' --band-names x,y --rowcol 3,4
holds 'its file and band' "$out" 'pair_20200117.tif band 2'
holds 'and value' "$out" 'column 4: 501'
gives 'types that differ: one that holds both' '1000..1000 7..7' a 's2/*' \
    --group-by '{time}_{band}.tif'
is 'and no wider one' "$("$gwt" info out.tif | grep -c uint16)" 1
gives 'classes of a scene' 1000..1000 'where(SCL == 7, B04, 0)' 's2/*' \
    --group-by '{time}_{band}.tif'

# Scenes of one date are called by their names.
cp landsat/LC08_199026_20200101_T1_SR_B4.TIF one_20200101_B4.tif
cp landsat/LC08_199026_20200117_T1_SR_B4.TIF two_20200101_B4.tif
gives 'scenes of one date' 401..401 'B4["two_20200101"]' 'one_*' 'two_*' \
    --group-by '{scene}_{band}.tif'


# Of two dates the first one; a band with a _ in it by what is before it.
mkdir two
cp landsat/LC08_199026_20200117_T1_SR_B4.TIF two/LC08_L2SP_20200117_20210823_02_T1_SR_B4.TIF
cp landsat/LC08_199026_20200117_T1_SR_B5.TIF two/LC08_L2SP_20200117_20210824_02_T1_QA_PIXEL.TIF
gives 'the first of two dates' 401..401 'B4["2020-01-17"] + 0 * PIXEL' 'two/*' \
    --group-by '*_{time}_*_{band}.TIF'
gives 'bands with a _ in them' '501..501 401..401' 'a["2020-01-17"]' 'two/*' \
    --group-by '*_{time}_*_T1_{band}.TIF'
gives 'which have such names' 501..501 'QA_PIXEL + SR_B4 * 0' 'two/*' \
    --group-by '*_{time}_*_T1_{band}.TIF'

# ---- grids that differ ---------------------------------------------------------------------------

mkdir grids
"$gwt" convert s2/20210301_B04.tif -o grids/20210301_B04.tif --window 0,0,20,30 --quiet
"$gwt" convert s2/20210301_SCL.tif -o grids/20210301_SCL.tif --window 10,10,20,30 --quiet
refused 'grids that differ' 1 'grid' calc 'B04 + SCL' 'grids/*' --group-by '{time}_{band}.tif' \
    -o no.tif
gives 'their intersection' 1007..1007 'B04 + SCL' 'grids/*' --group-by '{time}_{band}.tif' \
    --bounds-by intersection
is 'its size' "$("$gwt" info out.tif | awk '/^  size/ { print $2, $4 }')" '20 10,'
gives 'their union' '1000..1000 7..7' 'a' 'grids/*' --group-by '{time}_{band}.tif' \
    --bounds-by union --nodata 65535
is 'its size' "$("$gwt" info out.tif | awk '/^  size/ { print $2, $4 }')" '40 30,'
gives 'the grid of another' '1000..1000 7..7' 'a' 'grids/*' --group-by '{time}_{band}.tif' \
    --reference s.tif --nodata 65535
is 'its size' "$("$gwt" info out.tif | awk '/^  size/ { print $2, $4 }')" '40 30,'

# ---- all commands that read so -------------------------------------------------------------------

works 'convert' convert "$landsat" -o all.tif --group-by "$by" --quiet
is 'all bands of all times' "$("$gwt" stats all.tif | awk 'NR > 1 { printf "%s ", $2 }')" \
    '403 503 1003 402 502 1002 401 501 1001 '
works 'plan' plan 'B5 - B4' "$landsat" --group-by "$by" --no-probe
works 'plan with a probe' plan 'B5 - B4' "$landsat" --group-by "$by"
works 'tune' tune 'B5 - B4' "$landsat" --group-by "$by" --seconds 0.1 --chunks 64 --workers 1
works 'why' why 'B5["2020-01-17"] - B4["2020-01-01"]' landsat/*B5.TIF landsat/*B10.TIF \
    landsat/*B4.TIF --group-by "$by" --rowcol 3,4
is 'each value by its file' \
    "$(sed -n 's/.*_\([0-9]*\)_T1_SR_\(B[0-9]*\).* \([0-9]*\)$/\1 \2 \3/p' "$out" | sort | xargs)" \
    '20200101 B4 402 20200117 B5 501'
works 'two outputs' calc "$landsat" --group-by "$by" -o d.tif='B5 - B4' -o m.tif='mean(B5, time)' \
    --quiet
is 'the second one' "$("$gwt" stats m.tif | awk 'NR > 1 { print $2 ".." $3 }')" 502..502

# ---- statistics ----------------------------------------------------------------------------------

works 'statistics of each time' stats "$landsat" --group-by "$by" --quiet
is 'bands by their names' "$(awk '{ print $1, $2 }' "$out" | tr '\n' ' ')" \
    "2019-12-16  band min B4 403 B5 503 B10 1003   2020-01-01  band min B4 402 B5 502 B10 1002   \
2020-01-17  band min B4 401 B5 501 B10 1001 "
works 'of one scene' stats 's2/*.tif' --group-by '*_{band}.tif' --quiet
is 'no time' "$(awk '{ print $1, $2 }' "$out" | tr '\n' ' ')" 'band min B04 1000 SCL 7 '
works 'as JSON' stats "$landsat" --group-by "$by" --quiet --json
is 'times, names' \
    "$(tr ',{' '\n\n' <"$out" | grep -E 'time|name|min' | tr -d ' "[\n' | head -c 64)" \
    'time:2019-12-16name:B4min:403name:B5min:503name:B10min:1003time:'
refused 'statistics of what does not match' 1 's.tif does not match' stats s.tif --group-by "$by"
refused 'statistics by no pattern' 2 'see gwt stats --help' stats s.tif --group-by x

# ---- what is refused -----------------------------------------------------------------------------

no="-o no.tif --group-by"
# shellcheck disable=SC2086  # words
{
    refused 'a file that does not match' 1 's.tif does not match --group-by *_{time}' \
        calc B4 "$landsat" s.tif $no "$by"
    refused 'two files of one band' 1 \
        'are both band B4 of scene 2020' calc B4 "$landsat" landsat/*20200101*B4.TIF $no "$by"
    refused 'several bands in a file' 1 'pair_20200101.tif has 2 bands, where {band}' \
        calc a pair_20200101.tif $no 'pair_{band}.tif'
    refused 'names for other bands' 1 '2 band names for 3 bands' calc a "$landsat" $no "$by" \
        --band-names x,y
    rm landsat/*20200101*B10.TIF
    refused 'a scene without a band' 1 'no band B10 of scene 2020-01-01: the bands of all' \
        calc B4 "$landsat" $no "$by"
    rm landsat/*20200117*B4.TIF
    refused 'two of them' 1 'no band B4 of scene 2020-01-17: the bands of all are B4, B5, B10; 2' \
        calc B4 "$landsat" $no "$by"
    refused 'a name twice' 2 'has one placeholder twice' calc a s.tif $no '{band}_{band}.tif'
    refused 'scene and time' 2 'has {scene} and {time}: one of them' calc a s.tif $no \
        '{scene}_{time}.tif'
    refused 'no name' 2 'has none of {scene}, {time}, {band}' calc a s.tif $no '*.tif'
    refused 'another name' 2 'has a { that begins none of' calc a s.tif $no '{bands}.tif'
    refused 'an empty pattern' 2 'has none of {scene}' calc a s.tif $no ''
    refused 'beside --stack' 2 '--group-by stacks by itself' calc a s.tif $no '{band}.tif' \
        --stack time
    refused 'beside --mosaic' 2 '--group-by stacks by itself' calc a s.tif $no '{band}.tif' \
        --mosaic mean
}

finish
