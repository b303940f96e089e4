#!/bin/sh
# test_copy.sh - tiles that are copied as they are, by the command: that it says so, that GDAL reads
# them, --reencode, and jobs that are killed and resumed.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_copy.sh

. "$(dirname "$0")/checks.sh"
gwt=$(absolute "${GWT:?is the command to test}") || exit 2
make_scene=$(absolute "${MAKE_SCENE:?is the program that makes scenes}") || exit 2
cd "$box" || exit 2

# Tiles of two files that are byte for byte the same, and how many there are in the second.
cat >"$tmp/oracle.py" <<'END'
import struct, sys

def tiles(path):
    data = open(path, 'rb').read()
    at, tags = struct.unpack('<I', data[4:8])[0], {}
    assert data[:4] == b'II*\0', path
    for i in range(struct.unpack('<H', data[at:at + 2])[0]):
        tag, kind, count, value = struct.unpack('<HHII', data[at + 2 + 12 * i:at + 14 + 12 * i])
        if tag in (324, 325):
            size = {3: 2, 4: 4}[kind]
            where = value if count * size > 4 else at + 10 + 12 * i
            tags[tag] = struct.unpack('<%d%s' % (count, {3: 'H', 4: 'I'}[kind]),
                                      data[where:where + count * size])
    return [data[o:o + n] for o, n in zip(tags[324], tags[325])]

source, out, want = tiles(sys.argv[1]), tiles(sys.argv[2]), int(sys.argv[3])
same = sum(tile in set(source) for tile in out)
if same != want: print('%d of %d tiles are copied, not %d' % (same, len(out), want))
END

# copies NAME FILE OUT TILES
copies() { check_python "$1: tiles are copied" "$2" "$3" "$4"; }

# What GDAL reads of the one is what it reads of the other.
alike() {       # NAME FILE FILE
    if ! command -v gdalinfo >/dev/null; then skip "$1: GDAL reads the same" 'no gdalinfo'; return; fi
    for f in "$2" "$3"; do gdalinfo -checksum "$f" 2>&1 | grep 'Checksum=' >"$tmp/sum.$f"; done
    if [ -s "$tmp/sum.$2" ]; then same "$1: GDAL reads the same" "$tmp/sum.$2" "$tmp/sum.$3"
    else check "$1: GDAL reads the same" 'it reads none'; fi
}

# ---- what is copied, and what is said of it ------------------------------------------------------

"$make_scene" plain.tif 700 500 3 none 0 || exit 2
works 'a scene, encoded as by default nobody does' calc a plain.tif -o scene.tif -q \
    --compress deflate --level 1 --predictor 2 --tile-size 128
works 'the same tiles' convert scene.tif -o out.tif -q --tag A=b
copies 'the same tiles' scene.tif out.tif 24
alike 'the same tiles' plain.tif out.tif
works 'what was copied is decoded' verify out.tif
works 'nothing is to be copied' convert scene.tif -o anew.tif -q --tag A=b --reencode
copies 'nothing is to be copied' scene.tif anew.tif 0
alike 'nothing is to be copied' plain.tif anew.tif
works 'a level' convert scene.tif -o level.tif -q --level 9
copies 'a level' scene.tif level.tif 0
works 'by calc' calc a scene.tif -o calc.tif -q --compress deflate --predictor 2 --tile-size 128
copies 'by calc' scene.tif calc.tif 24
works 'a part' convert scene.tif -o part.tif -q --window 128,128,300,572
copies 'a part' scene.tif part.tif 10
works 'checksums' convert scene.tif -o sums.tif -q --checksums
works 'checksums are those of what was copied' verify sums.tif
works 'planes' convert plain.tif -o planes.tif -q --interleave band --compress lzw --tile-size 64
works 'one of them' convert planes.tif -o red.tif -q -b 3
copies 'one of them' planes.tif red.tif 88

if command -v gdal_translate >/dev/null; then
    for codec in DEFLATE LZW ZSTD; do
        gdal_translate -q plain.tif gdal.tif -co TILED=YES -co COMPRESS=$codec -co PREDICTOR=2 \
            -co BLOCKXSIZE=128 -co BLOCKYSIZE=128 2>/dev/null || continue
        works "tiles of GDAL, $codec" convert gdal.tif -o from_gdal.tif -q --overwrite
        copies "tiles of GDAL, $codec" gdal.tif from_gdal.tif 24
        alike "tiles of GDAL, $codec" plain.tif from_gdal.tif
    done
    gdal_translate -q plain.tif big.tif -co TILED=YES -co ENDIANNESS=BIG
    works 'big-endian tiles' convert big.tif -o little.tif -q
    alike 'big-endian tiles' plain.tif little.tif
    gdal_translate -q scene.tif masked.tif -co TILED=YES -co COMPRESS=DEFLATE -co ZLEVEL=1 \
        -mask 1 -a_nodata none --config GDAL_TIFF_INTERNAL_MASK YES
    works 'tiles under a mask' convert masked.tif -o unmasked.tif -q --dst-nodata 0
    copies 'tiles under a mask' masked.tif unmasked.tif 0
    works 'tiles whose mask is ignored' convert masked.tif -o ignored.tif -q --ignore-mask
    copies 'tiles whose mask is ignored' masked.tif ignored.tif 6
else skip 'tiles of GDAL' 'no gdal_translate'
fi

layout='--compress deflate --predictor 2 --tile-size 128'
# shellcheck disable=SC2086  # words
works 'plan' plan a scene.tif --no-probe $layout
holds 'the plan says what is copied' "$out" 'copies: 24 of 24 tiles'
holds 'the plan reads nothing else' "$out" 'reads:  0 tiles'
# shellcheck disable=SC2086
works 'plan of a sum' plan 'a + 1' scene.tif --no-probe $layout
check 'nothing of a sum is copied' "$(grep copies: "$out")"
# shellcheck disable=SC2086
works 'plan with a level' plan a scene.tif --no-probe $layout --level 3
check 'nothing is copied at a level' "$(grep copies: "$out")"

# ---- workers, chunks, kills ----------------------------------------------------------------------

for workers in 1 2 3 4; do
    works "$workers workers" convert scene.tif -o w.tif -q --tag A=b -j $workers \
        --chunks $((workers * 77)) --overwrite
    same "$workers workers: the same bytes" out.tif w.tif
done

"$make_scene" tall.tif 256 40000 1 deflate 16 || exit 2
works 'many tiles' convert tall.tif -o whole.tif -q
killed=0
for i in 1 2 3 4 5 6 7 8; do
    "$gwt" convert tall.tif -o again.tif -q --resume -j $((i % 3 + 1)) >"$out" 2>"$err" &
    pid=$!
    sleep "0.0$i"
    if kill -9 $pid 2>/dev/null; then killed=$((killed + 1)); fi
    { wait $pid; } 2>/dev/null
    [ ! -e again.tif ] || { cmp -s again.tif whole.tif || break; rm again.tif; }
done
check 'jobs were killed' "$([ $killed -gt 0 ] || echo none)"
"$gwt" convert tall.tif -o again.tif -q --resume >"$out" 2>"$err"
same 'killed and resumed: the same bytes' whole.tif again.tif
check 'nothing is left' "$(ls again.tif.part* 2>/dev/null)"

finish
