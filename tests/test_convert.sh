#!/bin/sh
# test_convert.sh - gwt convert: how its output is stored, GDAL's creation options, what it refuses.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_convert.sh
#
# What is kept of a file's metadata oracle_convert.py compares as GDAL reads it.

. "$(dirname "$0")/checks.sh"

gwt=$(absolute "${GWT:?is the command to test}") || exit 2
make_scene=$(absolute "${MAKE_SCENE:?is the program that makes scenes}") || exit 2
cd "$box" || exit 2
"$make_scene" tiles.tif 120 80 3 lzw 32 && "$make_scene" strips.tif 120 80 3 deflate 0 &&
    "$make_scene" other.tif 120 80 3 lzw 32 || { echo "make_scene does not work"; exit 1; }

# stored FILE - codec, predictor, tile, interleaving and kind of TIFF, as gwt info has them.
stored() { "$gwt" info "$1" | sed -n 's/^  \(tiles\|strips\) *//p'; }
checksums() { "$gwt" stats "$1" | awk 'NR > 1 { print $NF }'; }

# converts NAME STORED ARGUMENT.. - into out.tif, with the pixels of the input.
converts() {
    name=$1 wanted=$2
    shift 2
    works "$name" convert "$@" -o out.tif --overwrite --quiet
    is "$name: how it is stored" "$(stored out.tif)" "$wanted"
}

# ---- what stays ----------------------------------------------------------------------------------

converts 'a file of tiles' '32 x 32, lzw, pixel-interleaved, classic TIFF' tiles.tif
is 'its pixels' "$(checksums out.tif)" "$(checksums tiles.tif)"
converts 'strips' '128 x 128, deflate, pixel-interleaved, classic TIFF' strips.tif
is 'their pixels' "$(checksums out.tif)" "$(checksums strips.tif)"
converts 'predictor and bands in turn' '32 x 32, lzw, predictor 2, band-interleaved, classic TIFF' \
    tiles.tif --predictor 2 --interleave band
cp out.tif again.tif
converts 'the same kept' '32 x 32, lzw, predictor 2, band-interleaved, classic TIFF' again.tif
converts 'a predictor of floats' '32 x 32, lzw, predictor 3, band-interleaved, classic TIFF' \
    again.tif --dtype Float32 --predictor 3
cp out.tif floats.tif
converts 'in integers is another' '32 x 32, lzw, predictor 2, band-interleaved, classic TIFF' \
    floats.tif --dtype UINT16
converts 'other compression' '32 x 32, none, pixel-interleaved, classic TIFF' \
    tiles.tif --compress none
works 'two files as bands' convert tiles.tif other.tif -o six.tif --stack band --quiet
is 'there are six' "$(checksums six.tif)" "$(checksums tiles.tif; checksums other.tif)"
works 'a pattern' convert 'tile?.tif' -o one.tif --quiet
is 'stands for one file' "$(checksums one.tif)" "$(checksums tiles.tif)"
works 'the lines of a run' convert tiles.tif -o said.tif
is 'one about the output' "$(sed 's/:.*//' "$out")" said.tif

# ---- GDAL's creation options ---------------------------------------------------------------------

converts 'all of --co' '64 x 64, deflate, predictor 2, band-interleaved, BigTIFF' tiles.tif \
    --co COMPRESS=DEFLATE --co ZLEVEL=9 --co PREDICTOR=2 --co BLOCKXSIZE=64 --co BLOCKYSIZE=64 \
    --co INTERLEAVE=BAND --co BIGTIFF=YES --co SPARSE_OK=TRUE --co TILED=YES --co NUM_THREADS=2
cp out.tif by_co.tif
works 'the same by its own options' convert tiles.tif -o by_options.tif --quiet --compress deflate \
    --level 9 --predictor 2 --tile-size 64 --interleave band --bigtiff yes --sparse
same 'is the same' by_co.tif by_options.tif
works 'calc takes them too' calc a tiles.tif -o by_calc.tif --quiet --co compress=Deflate \
    --co zlevel=9 --co predictor=standard --co blocksize=64 --co interleave=band --co bigtiff=yes \
    --co sparse_ok=yes --co num_threads=all_cpus
same 'and gives the same' by_calc.tif by_options.tif

for case in 'TILED=NO|--co TILED is one of YES, TRUE, ON, not' \
    'COPY_SRC_OVERVIEWS=YES|--co COPY_SRC_OVERVIEWS: there are COMPRESS, PREDICTOR, ZLEVEL' \
    'PREDICTOR=4|--co PREDICTOR is one of 1, 2, 3, NO, STANDARD, FLOATING_POINT' \
    'ZLEVEL=9|--co ZLEVEL wants --co COMPRESS=DEFLATE' 'COMPRESS=|--co wants KEY=VALUE' \
    'COMPRESS|--co wants KEY=VALUE' '=x|--co wants KEY=VALUE' \
    'BLOCKXSIZE=8|--co BLOCKXSIZE wants a whole number from 16' \
    'NUM_THREADS=many|--co NUM_THREADS wants a whole number from 1 to 256'; do
    refused "--co ${case%%|*}" 2 "${case#*|}" convert tiles.tif -o no.tif --co "${case%%|*}"
done
refused 'tiles that are not square' 2 '--co BLOCKXSIZE and BLOCKYSIZE want the same value' \
    convert tiles.tif -o no.tif --co BLOCKXSIZE=64 --co BLOCKYSIZE=32
for side in BLOCKXSIZE BLOCKYSIZE; do
    converts "$side alone" '64 x 64, lzw, pixel-interleaved, classic TIFF' tiles.tif --co $side=64
done
refused 'two compressions' 2 '--co COMPRESS: it is given twice' convert tiles.tif -o no.tif \
    --compress zstd --co COMPRESS=LZW
refused 'two levels' 2 '--co ZLEVEL: a level is given, too' convert tiles.tif -o no.tif \
    --compress deflate --level 3 --co ZLEVEL=9
refused 'a codec that there is not' 1 'offers none, lzw' convert tiles.tif -o no.tif \
    --co COMPRESS=JPEG

# ---- what is refused -----------------------------------------------------------------------------

refused 'no output' 2 'no output: -o OUT' convert tiles.tif
refused 'no file' 2 'gwt convert wants a file' convert -o no.tif
refused 'two files and nothing that joins them' 1 '2 files into one: --stack, --group-by or --mosaic' \
    convert tiles.tif other.tif -o no.tif
refused 'stdout' 2 "can't be written to stdout" convert tiles.tif -o -
refused 'the input itself' 1 'the output is an input' convert tiles.tif -o tiles.tif --overwrite
refused 'what is there' 1 'exists (--overwrite replaces it)' convert tiles.tif -o other.tif
refused 'a band that is not there' 1 'cyan' convert tiles.tif -o no.tif -b cyan
refused 'a type that is none' 2 '--dtype is one of uint8' convert tiles.tif -o no.tif --dtype CInt16
refused 'a scale beside a collection' 2 '--collection says the scale' convert tiles.tif -o no.tif \
    --collection landsat-c2-sr --scale 2
works 'help' help convert
holds 'it has examples' "$out" 'gwt convert in.tif -o'

finish
