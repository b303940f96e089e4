#!/bin/sh
# test_tasks.sh - each line of gwt help tasks, run on small scenes; and what it stands for, where
# GDAL and rasterio are installed, with the same result.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_tasks.sh
#
# Pixels are made of their columns and rows, so what comes of them is known: it stands below.

. "$(dirname "$0")/checks.sh"

gwt=$(absolute "${GWT:?is the command to test}") || exit 2
make_scene=$(absolute "${MAKE_SCENE:?is the program that makes scenes}") || exit 2
mkdir "$tmp/bin" "$box/ours" "$box/theirs"
cp "$gwt" "$tmp/bin/gwt" || exit 2
cd "$box" || exit 2

# ---- inputs: 120 x 80 cells of 30 m, from 583785, 7512315 ----------------------------------------

"$make_scene" base.tif 120 80 1 lzw 32 || { echo "make_scene does not work"; exit 1; }
make() { "$gwt" calc "$1" base.tif -o "ours/$2" --quiet --dtype uint16; }
make 'col() + 1' B2.tif && make 'row() + 1' B3.tif && make 'col() + row() + 1' B4.tif &&
    make 'where(col() < 60, 1, 2)' classes.tif && make 'col() % 32' QA_PIXEL.tif && make '100 + col()' 20200101.tif &&
    make '100 + row()' 20200201.tif && make '130 + 0 * col()' 20200301.tif &&
    make '100 + col()' 20210103.tif && make '100 + row()' 20210120.tif &&
    make '130 + 0 * col()' 20210205.tif &&
    make '132 + 0 * col()' 20210219.tif || exit 1
(
    cd ours || exit 1
    gwt() { "$tmp/bin/gwt" "$@" --quiet || exit 1; }
    gwt calc '201 - col()' B2.tif -o nir.tif --dtype uint16
    gwt convert B2.tif B3.tif B4.tif nir.tif -o in.tif --stack band --band-names blue,green,red,nir
    gwt calc 'where(col() < 10, nan, col())' B2.tif -o gaps.tif --dst-nodata 0 --dtype uint16
    gwt convert B2.tif -o ref.tif --window 5,10,40,50
    gwt convert in.tif -o west.tif --window 0,0,80,70
    gwt calc 'a + 1000' in.tif -o shifted.tif --dtype uint16
    gwt convert shifted.tif -o east.tif --window 0,50,80,70
    rm nir.tif shifted.tif
) || exit 1
rm base.tif
tiny '<GDALMetadata><Item name="SCALE" sample="0" role="scale">0.5</Item><Item name="OFFSET"
sample="0" role="offset">10</Item></GDALMetadata>' >ours/scaled.tif
cp ours/* theirs/

# ---- what comes of each line ---------------------------------------------------------------------

# Below each line what its output holds; or of out.tif SIZE TYPE | smallest, largest and mean value
# of each band | what gwt info says. The numbers are numpy's, of the arrays of columns and rows.
all='1 120 60.5, 1 80 40.5, 1 199 100, 82 201 141.5'
bounds='11 50 30.5, 21 50 35.5, 31 99 65, 152 191 171.5'
cat >"$tmp/expected" <<EXPECTED
gwt info in.tif
  120 x 80, 4 bands of uint16
gwt info in.tif --json
  "dtype": "uint16"
gwt stats in.tif
  141.5
gwt why b1 in.tif --rowcol 20,10
  in.tif band 1 (blue) row 20 column 10: 11
gwt zonal B4.tif --zones classes.tif --stat count,mean
  2,1,4800,130
gwt verify in.tif
  in.tif: 1 tiles good
gwt quicklook in.tif -o look.png --size 60 --bands 3,2,1
  look.png
gwt convert in.tif -o out.tif --co TILED=YES --co COMPRESS=DEFLATE --co PREDICTOR=2
  120 x 80 uint16 | $all | deflate, predictor 2
gwt convert in.tif -o out.tif --compress lzw --tile-size 64
  120 x 80 uint16 | $all | 64 x 64, lzw
gwt convert in.tif -o out.tif --dtype Float32
  120 x 80 float32 | $all
gwt convert in.tif -o out.tif -b 3,2,1
  120 x 80 uint16 | 1 199 100, 1 80 40.5, 1 120 60.5
gwt convert in.tif -o out.tif --window 20,10,30,40
  40 x 30 uint16 | $bounds
gwt convert in.tif -o out.tif --bounds 584085,7510815,585285,7511715
  40 x 30 uint16 | $bounds | origin       584085, 7511715
gwt convert in.tif -o out.tif --nodata 0
  120 x 80 uint16 | $all | nodata       0
gwt convert in.tif -o out.tif --tag SURVEY=2021
  120 x 80 uint16 | $all
gwt convert in.tif -o out.tif --stats
  120 x 80 uint16 | $all | stored:    min 1, max 120, mean 60.5
gwt convert in.tif -o out.tif --cog --compress deflate
  120 x 80 uint16 | $all
gwt convert scaled.tif -o out.tif --scale-data --dtype Float32
  4 x 3 float32 | 11 14.5 12.5
gwt calc 'clip(a / 1000 * 255, 0, 255)' in.tif -o out.tif --dtype Byte
  120 x 80 uint8 | 0 31 15.4417, 0 20 10.3375, 0 51 25.5042, 21 51 36.075
gwt convert in.tif -o out.tif --res 60 --resample average
  60 x 40 uint16 | 2 120 61, 2 80 41, 2 198 100, 83 201 142 | pixel size   60, -60
gwt convert in.tif -o out.tif --res 15 --resample bilinear
  240 x 160 uint16 | 1 120 60.5, 1 80 40.5, 1 199 100.245, 82 201 141.5 | pixel size   15, -15
gwt convert in.tif -o out.tif --reference ref.tif
  50 x 40 uint16 | 11 60 35.5, 6 45 25.5, 16 104 60, 142 191 166.5 | origin       584085, 7512165
gwt convert gaps.tif -o out.tif --dst-nodata 65535
  120 x 80 uint16 | 10 119 64.5 | nodata       65535
gwt convert west.tif east.tif -o out.tif --mosaic last --bounds-by union
  120 x 80 uint16 | 1 1120 643.833, 1 1080 623.833, 1 1199 683.333, 152 1151 724.833
gwt convert west.tif east.tif -o out.tif --mosaic first --bounds-by union
  120 x 80 uint16 | 1 1120 477.167, 1 1080 457.167, 1 1199 516.667, 132 1131 558.167
gwt convert B2.tif B3.tif B4.tif -o out.tif --stack band
  120 x 80 uint16 | 1 120 60.5, 1 80 40.5, 1 199 100
gwt convert 'B?.tif' -o out.tif --group-by '{band}.tif'
  120 x 80 uint16 | 1 120 60.5, 1 80 40.5, 1 199 100
gwt calc 'mean(a, time)' '2020*.tif' -o out.tif --stack time --dtype Float32
  120 x 80 float32 | 110 176 143
gwt calc 'mean(a, month)' '2021*.tif' -o out.tif --stack time --dtype Float32
  120 x 80 float32 | 100 199 149.5, 131 131 131
gwt calc 'percentile(a, 90)' '2020*.tif' -o out.tif --stack time --dtype Float32
  120 x 80 float32 | 124 211 163.164
gwt calc 'range(a, time)' '2020*.tif' -o out.tif --stack time --dtype UInt16
  120 x 80 uint16 | 0 119 48.075
gwt calc 'a - b' B4.tif B2.tif -o out.tif --dtype Float32
  120 x 80 float32 | 0 79 39.5
gwt calc '(nir - red) / (nir + red)' in.tif -o out.tif --dtype Float32
  120 x 80 float32 | -0.41637 0.990099 0.182737
gwt calc 'b1 > 100' in.tif -o out.tif
  120 x 80 uint8 | 0 1 0.166667
gwt calc 'where(b == 2, a, nan)' B4.tif classes.tif -o out.tif --dst-nodata 0 --dtype UInt16
  120 x 80 uint16 | 61 199 130 | nodata       0
gwt calc 'where(bits_match(b, "0_0xxx"), a, nan)' B4.tif QA_PIXEL.tif -o out.tif --dst-nodata 0 --dtype UInt16
  120 x 80 uint16 | 1 183 92 | nodata       0
gwt calc 'where(isin(b, 2, 3), a, nan)' B4.tif classes.tif -o out.tif --dst-nodata 0 --dtype UInt16
  120 x 80 uint16 | 61 199 130 | nodata       0
gwt convert B4.tif -o out.tif --collection landsat-c2-sr --dtype Float32
  120 x 80 float32 | -0.199972 -0.194527 -0.19725
gwt calc 'reclass(b1, "0:50=1, 50:100=2, else=3")' B4.tif -o out.tif --dtype Byte
  120 x 80 uint8 | 1 3 2.37656
gwt calc '(b1 + b2) / 2' in.tif -o out.tif --dtype Float32
  120 x 80 float32 | 1 100 50.5
EXPECTED

# The same by their own programs. `rio` is a part of rasterio that not all packages install.
for p in "$python" /usr/bin/python3; do
    [ -n "$p" ] && "$p" -c 'import rasterio.rio.main' 2>/dev/null && rasterio=$p && break
done
[ -z "${rasterio:=}" ] || cat >"$tmp/bin/rio" <<RIO
#!/bin/sh
exec $rasterio -c 'import sys; sys.argv[0] = "rio"
from rasterio.rio.main import main_group; main_group()' "\$@"
RIO
[ -z "$rasterio" ] || chmod +x "$tmp/bin/rio"
PATH=$tmp/bin:$PATH

cat >"$tmp/compare.py" <<'PYTHON'
"""compare.py OURS THEIRS - prints how two files differ: grid, type, missing pixels, pixels."""
import sys
import warnings

import numpy as np
import rasterio

warnings.simplefilter("ignore")
ours, theirs = rasterio.open(sys.argv[1]), rasterio.open(sys.argv[2])
for what in "shape count crs dtypes".split():
    if getattr(ours, what) != getattr(theirs, what):
        print(what, getattr(ours, what), "and", getattr(theirs, what))
        sys.exit()
if not ours.transform.almost_equals(theirs.transform):
    print("transform", ours.transform, "and", theirs.transform)
a, b = ours.read(masked=True), theirs.read(masked=True)
missing = np.ma.getmaskarray(a) | np.isnan(a.data.astype(float))
if (missing != (np.ma.getmaskarray(b) | np.isnan(b.data.astype(float)))).any():
    print("missing pixels", missing.sum(), "and", np.ma.getmaskarray(b).sum())
elif ours.dtypes[0].startswith("float"):
    if not np.allclose(a.data[~missing], b.data[~missing], rtol=1e-6, atol=1e-7):
        print("values differ by", np.abs(a - b).max())
elif (a.data[~missing] != b.data[~missing]).any():
    print("values differ by", np.abs(a.astype(float) - b.astype(float)).max())
PYTHON

# wrong_of_ours EXPECTED - what is wrong with the last run of ours, in its folder.
wrong_of_ours() {
    [ "$status" = 0 ] || printf 'exit status %s: %s' "$status" "$(cat "$err")"
    [ ! -s "$err" ] || cat "$err"
    case $1 in
    '') echo 'nothing is expected of it' ;;
    *' | '*)
        size=$(gwt info out.tif |
            sed -n 's/^  size  *\([0-9]* x [0-9]*\),.* of \([a-z0-9]*\),.*/\1 \2/p')
        values=$(gwt stats out.tif |
            awk 'NR > 1 { printf "%s%.6g %.6g %.6g", (NR > 2 ? ", " : ""), $2, $3, $4 }')
        text=${1#* | }
        case $text in *' | '*) text=${text#* | } ;; *) text= ;; esac
        values="$size | $values${text:+ | $text}"
        [ "$values" = "$1" ] || echo "got $values, not $1"
        gwt info out.tif | grep -qF -e "$text" || echo "no '$text' in what info says" ;;
    *) grep -qF -e "$1" "$out" || echo "no '$1' in the output" ;;
    esac
}

# ---- line by line --------------------------------------------------------------------------------

works 'help tasks' help tasks
awk '/^  [^ ]/ { theirs = substr($0, 3) } /^      gwt / { print substr($0, 7) "|" theirs }' "$out" \
    >"$tmp/tasks"
check 'there are 30 at least' "$([ "$(wc -l <"$tmp/tasks")" -ge 30 ] || wc -l <"$tmp/tasks")"
while IFS='|' read -r line typed; do
    cd "$box/ours" || exit 2
    rm -f out.tif look.png
    sh -c "$line" >"$out" 2>"$err" </dev/null
    status=$?
    expected=$(line=$line awk 'found { print substr($0, 3); exit }
        { found = $0 == ENVIRON["line"] }' "$tmp/expected")
    check "$line" "$(wrong_of_ours "$expected")"
    [ -f out.tif ] || continue
    cd "$box/theirs" || exit 2
    rm -f out.tif all.vrt
    if [ -z "$rasterio" ] || ! command -v "${typed%% *}" >/dev/null; then
        skip "$typed" "no rasterio with rio, or no ${typed%% *}"
        continue
    fi
    sh -c "$typed" >"$tmp/typed" 2>&1 </dev/null || cat "$tmp/typed"
    if "$rasterio" "$tmp/compare.py" "$box/ours/out.tif" out.tif >"$tmp/differ" 2>&1
    then check "$typed" "$(cat "$tmp/differ")"
    else check "$typed" "$(tail -n 2 "$tmp/differ" "$tmp/typed")"
    fi
done <"$tmp/tasks"

# A picture of 60 x 40: its header says so.
is 'the size of the picture' "$(cd "$box/ours" && gwt quicklook in.tif -o p.png --size 60 -q &&
    od -An -tu1 -j16 -N8 p.png | tr -s ' ')" ' 0 0 0 60 0 0 0 40'
is 'the tag' "$(cd "$box/ours" && gwt convert in.tif -o t.tif -q --tag SURVEY=2021 &&
    grep -ac 'name="SURVEY">2021<' t.tif)" 1

finish
