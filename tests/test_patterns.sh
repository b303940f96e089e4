#!/bin/sh
# test_patterns.sh - patterns in quotes where a command takes files, outputs called -, and names in
# capitals or not.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_patterns.sh

. "$(dirname "$0")/checks.sh"

gwt=$(absolute "${GWT:?is the command to test}") || exit 2
make_scene=$(absolute "${MAKE_SCENE:?is the program that makes scenes}") || exit 2
cd "$box" || exit 2
for n in 1 2 3; do
    "$make_scene" "s$n.tif" 60 40 3 lzw 32 || { echo "make_scene does not work"; exit 1; }
done
cp s1.tif 'odd[1].tif'
"$gwt" calc b1 s1.tif -o one.tif --quiet --profile p1.json &&
    "$gwt" calc b2 s1.tif -o two.tif --quiet --profile p2.json || exit 1

# ---- which files ---------------------------------------------------------------------------------

works 'verify: a pattern' verify 's?.tif' --quiet
works 'verify: several patterns' verify 's[12].tif' 's3*'
is 'each of its files in turn' "$(sed 's/:.*//' "$out" | tr '\n' ' ')" 's1.tif s2.tif s3.tif '
works 'verify: a file whose name looks like a pattern' verify 'odd[1].tif'
is 'is that file' "$(sed 's/:.*//' "$out")" 'odd[1].tif'
works 'quicklook: a pattern of one file' quicklook 's1*' -o one.png
refused 'quicklook: of several' 1 's?.tif: matches 3 files, where one is wanted: s1.tif, s2.tif,' \
    quicklook 's?.tif' -o no.png
works 'visualize: a pattern' visualize 'p?.json' --text
is 'is all of its profiles' "$(grep -c '^b[12]  (s1.tif)' "$out")" 2
works 'tune --what-if: a pattern' tune --what-if 'p?.json' --workers 1 --chunks 64
holds 'compares both' "$out" 'p2.json'
works 'calc: a pattern' calc 'b1' 's*.tif' -o all.tif --stack time --quiet
for command in 'verify' 'quicklook -o no.png' 'visualize -o no.html' 'tune --what-if' \
    'calc b1 -o no.tif' 'convert -o no.tif' 'plan b1' 'tune b1'; do
    # shellcheck disable=SC2086  # words
    refused "$command: a pattern of none" 1 'no?*.xyz: matches no file' $command 'no?*.xyz'
done

# a bad file among good ones
head -c 3000 s2.tif >bad.tif
run verify 's1.tif' 'b*.tif' 's3.tif'
is 'verify goes on behind a bad file' "$status $(sed 's/:.*//' "$out" | tr '\n' ' ')" \
    '1 s1.tif s3.tif '
rm bad.tif

# ---- stdout --------------------------------------------------------------------------------------

works 'a page to stdout' visualize p1.json -o -
holds 'is the page' "$out" '<html'
for command in 'calc b1 s1.tif' 'convert s1.tif'; do
    # shellcheck disable=SC2086  # words
    refused "${command%% *}: a raster to stdout" 2 "-o -: a GeoTIFF can't be written to stdout" \
        $command -o -
done
refused 'a picture to stdout' 2 "-o -: a picture can't be written to stdout" quicklook s1.tif -o -
refused 'a picture that is a JPEG' 2 'no.jpg: the picture is a PNG' quicklook s1.tif -o no.jpg
works 'a PNG in capitals' quicklook s1.tif -o LOOK.PNG
works 'a page in capitals' calc b1 s1.tif -o page.tif --quiet --profile PAGE.HTML
holds 'is a page' PAGE.HTML '<html'

# ---- capitals ------------------------------------------------------------------------------------

crc() { "$gwt" stats "$1" | awk 'NR > 1 { print $NF }'; }
stored() { "$gwt" info "$1" | sed -n 's/^  tiles *//p'; }

works 'options in small letters' calc 'clip(mean(a, time), 0, 200)' 's?.tif' -o small.tif --quiet \
    --stack time --sort date --bounds-by union --resample nearest --bad-tiles fill --dtype uint16 \
    --compress deflate --interleave band --bigtiff yes --sensor rgb --nodata 65535 --memory 64m
works 'in capitals' calc 'clip(mean(a, time), 0, 200)' 's?.tif' -o LARGE.tif --quiet \
    --stack TIME --sort Date --bounds-by UNION --resample Nearest --bad-tiles FILL --dtype UInt16 \
    --compress Deflate --interleave BAND --bigtiff YES --sensor RGB --nodata 65535 --memory 64M
same 'are the same' small.tif LARGE.tif
works 'a mosaic' calc a 's?.tif' -o mosaic.tif --quiet --mosaic MEAN --reduce MEAN,BAND
works 'plan' plan b1 s1.tif --no-probe --dtype FLOAT32 --compress LZW
works 'tune' tune b1 s1.tif --seconds 0.1 --chunks 64 --workers 1 --compress LZW
works 'a collection' calc b1 s1.tif -o c.tif --quiet --collection LANDSAT-C2-SR

finish
