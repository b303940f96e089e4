#!/bin/sh
# peers.sh - programs of others that do the job of `bench --only peers`.
#
#     peers.sh DIR NAME                     prints the version; fails when it is not there
#     peers.sh DIR NAME IN OUT WORKERS      does the job
#
# NAME is gdal_calc, rasterio, otb or vips. The job: (b3 - b2) / (b3 + b2) of a uint16 GeoTIFF with
# its bands scaled by 1e-4, clipped to [-1, 1], 0 where either band is 0, as float32 in deflated
# tiles of 256. Each does it as its manual tells a user who has WORKERS cores. DIR is for what has
# to be compiled. What a program says on stderr is in OUT.log.

set -eu

here=$(dirname "$0")
dir=$1 name=$2

python_with() {
    for p in python3 /usr/bin/python3; do
        if "$p" -c "import $1" >/dev/null 2>&1; then echo "$p"; return; fi
    done
    return 1
}

# libvips does one operation a command on the command line, so its job is a small program.
build_vips() {
    # shellcheck disable=SC2046  # flags are words
    cc -std=c11 -O3 -o "$dir/peer_vips" "$here/peer_vips.c" $(pkg-config --cflags --libs vips) -lm
}

if [ $# = 2 ]; then
    exec 2>/dev/null
    case $name in
    gdal_calc) command -v gdal_calc.py >/dev/null && python=$(python_with osgeo_utils) &&
        exec "$python" -c 'from osgeo import gdal; print("GDAL", gdal.__version__)' ;;
    rasterio) python=$(python_with rasterio) &&
        exec "$python" -c 'import rasterio as r; print("rasterio", r.__version__)' ;;
    otb) command -v otbcli_BandMath >/dev/null &&
        echo "OTB $(otbcli_BandMath -help 2>&1 | sed -n 's/.*version \([0-9.]*\).*/\1/p' |
            head -n 1)" && exit ;;
    vips) pkg-config --exists vips && build_vips && exec "$dir/peer_vips" ;;
    esac
    exit 1
fi

in=$3 out=$4 workers=$5
exec 2>"$out.log"
export GDAL_NUM_THREADS="$workers"

case $name in
gdal_calc)
    ndi='(B * 1e-4 - A * 1e-4) / (B * 1e-4 + A * 1e-4)'
    exec gdal_calc.py -A "$in" --A_band=2 -B "$in" --B_band=3 --outfile="$out" --overwrite \
        --calc="where((A == 0) | (B == 0), 0, clip($ndi, -1, 1))" \
        --type=Float32 --NoDataValue=0 --quiet --co TILED=YES --co BLOCKXSIZE=256 \
        --co BLOCKYSIZE=256 --co COMPRESS=DEFLATE --co NUM_THREADS="$workers" ;;
rasterio)
    exec "$(python_with rasterio)" "$here/peer_rasterio.py" "$in" "$out" "$workers" ;;
otb)
    export OTB_LOGGER_LEVEL=WARNING ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS="$workers"
    tiles='gdal:co:TILED=YES&gdal:co:BLOCKXSIZE=256&gdal:co:BLOCKYSIZE=256'
    ndi='(im1b3 * 1e-4 - im1b2 * 1e-4) / (im1b3 * 1e-4 + im1b2 * 1e-4)'
    exec otbcli_BandMath -il "$in" -out "$out?&nodata=0&$tiles&gdal:co:COMPRESS=DEFLATE" float \
        -exp "im1b2 == 0 || im1b3 == 0 ? 0 : min(1, max(-1, $ndi))" ;;
vips)
    exec "$dir/peer_vips" "$in" "$out" "$workers" ;;
*)
    echo "peers.sh: $name is unknown" >&2
    exit 2 ;;
esac
