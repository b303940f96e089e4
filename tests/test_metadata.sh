#!/bin/sh
# test_metadata.sh - what gwt info and gwt stats say of a file's metadata, and what gwt calc copies.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_metadata.sh
#
# The files are written here, byte by byte.

. "$(dirname "$0")/checks.sh"

gwt=$(absolute "${GWT:?is the command to test}") || exit 2
cd "$box" || exit 2

bytes() { for b do printf "\\$(printf %03o "$((b & 255))")"; done; }
le16() { bytes "$1" $(($1 >> 8)); }
le32() { bytes "$1" $(($1 >> 8)) $(($1 >> 16)) $(($1 >> 24)); }
entry() { le16 "$1"; le16 "$2"; le32 "$3"; le32 "$4"; }    # TAG TYPE COUNT VALUE

# tiff BITS FORMAT BANDS NODATA METADATA - 2 x 2 pixels from stdin, pixel after pixel; GDAL's two
# texts are there unless they are empty.
tiff() {
    set -- "$1" "$2" "$3" "${4:+$(printf '%-4s' "$4")}" "$5"    # too long for its entry
    entries=$((11 + (${#4} > 0) + (${#5} > 0)))
    after=$((8 + 2 + 12 * entries + 4))
    size=$(($1 / 8 * $3 * 4)) lists=$((after + size)) nodata=$((after + size + 4 * $3))
    metadata=$((nodata + ${#4} + 1))
    printf 'II*\000'; le32 8
    le16 $entries
    entry 256 3 1 2; entry 257 3 1 2
    if [ "$3" -gt 2 ]; then entry 258 3 "$3" $lists; else entry 258 3 1 "$1"; fi
    entry 259 3 1 1; entry 262 3 1 1; entry 273 4 1 $after
    entry 277 3 1 "$3"; entry 278 3 1 2; entry 279 4 1 $size; entry 284 3 1 1
    if [ "$3" -gt 2 ]; then entry 339 3 "$3" $((lists + 2 * $3)); else entry 339 3 1 "$2"; fi
    [ -z "$5" ] || entry 42112 2 $((${#5} + 1)) $metadata
    [ -z "$4" ] || entry 42113 2 $((${#4} + 1)) $nodata
    le32 0
    cat
    i=0; while [ $i -lt "$3" ]; do le16 "$1"; i=$((i + 1)); done
    i=0; while [ $i -lt "$3" ]; do le16 "$2"; i=$((i + 1)); done
    printf '%s\000%s\000' "$4" "$5"
}

# said KEY - its value, of a line of its own in the JSON of the last run; empty without.
said() { sed -n "s/^  \"$1\": \(.*[^,]\),*\$/\1/p" "$out"; }

# ---- names, transforms, infinities ---------------------------------------------------------------

one='<Item name="DESCRIPTION" sample="0" role="description">3</Item>'
bytes 1 2 3 1 2 3 1 2 3 1 2 3 | tiff 8 1 3 '' "<GDALMetadata>$one</GDALMetadata>" >named.tif
works 'info of a file where one band of three is named' info --json named.tif
is 'a band without a description is null' "$(said descriptions)" '["3", null, null]'
is 'no transform where the file has none' "$(grep -c '"transform"' "$out")" 0
works 'the same as text' info named.tif
is 'a name for the first band only' "$(grep -c '^  band .* -$' "$out")" 2

# float32: 1, 2, -inf, +inf
floats() { bytes 0 0 128 63 0 0 0 64 0 0 128 255 0 0 128 127; }
for case in 'inf "inf"' '-inf "-inf"' '-1.#INF "-inf"' '1.#QNAN "nan"' '-1.#IND "nan"'; do
    text=${case% *}
    floats | tiff 32 3 1 "$text" '' >infinite.tif
    works "info where nodata is written $text" info --json infinite.tif
    is "nodata $text in JSON" "$(said nodata)" "${case#* }"
    works "stats where nodata is written $text" stats --json infinite.tif
    case ${case#* } in *nan*) infinite=2 ;; *) infinite=1 ;; esac
    is "infinite pixels where nodata is $text" \
        "$(sed -n 's/.*"infinite": \([0-9]*\).*/\1/p' "$out")" $infinite
done

# ---- nodata of 64 bits ---------------------------------------------------------------------------

for case in '1 18446744073709551615' '1 9007199254740993' '2 -9223372036854775807'; do
    text=${case#* }
    i=0
    while [ $i -lt 4 ]; do bytes $i 0 0 0 0 0 0 0; i=$((i + 1)); done |
        tiff 64 "${case% *}" 1 "$text" '' >wide.tif
    works "info --json where nodata is $text" info --json wide.tif
    is "nodata $text in JSON" "$(said nodata)" "$text"
    works "info where nodata is $text" info wide.tif
    is "nodata $text as text" "$(sed -n 's/^  nodata  *//p' "$out")" "$text"
    works "copy where nodata is $text" calc a wide.tif -o copy.tif --overwrite --quiet
    works "info --json of that copy" info --json copy.tif
    is "nodata $text of a copy" "$(said nodata)" "$text"
    works "another than $text" calc a wide.tif -o copy.tif --overwrite --quiet --dst-nodata 77
    works "--dst-nodata $text" calc a copy.tif -o again.tif --overwrite --quiet --dst-nodata "$text"
    works "info --json of --dst-nodata $text" info --json again.tif
    is "--dst-nodata $text" "$(said nodata)" "$text"
done

# ---- masks and alpha -----------------------------------------------------------------------------

# noted NAME STATUS TEXT - the last run ended so, with that one warning.
noted() {
    wrong=
    [ "$status" = "$2" ] || wrong="exit status $status; "
    [ "$(wc -l <"$err")" -eq 1 ] && grep -qF -e "gwt: warning: $3" "$err" ||
        wrong="${wrong}stderr: $(cat "$err")"
    check "$1" "$wrong"
}

flags='<GDALMetadata><Item name="INTERNAL_MASK_FLAGS_1">2</Item></GDALMetadata>'
bytes 1 2 3 4 | tiff 8 1 1 '' '' >masked.tif
bytes 255 0 7 0 | tiff 8 1 1 '' "$flags" >masked.tif.msk
works 'info of a file with a mask beside it' info masked.tif
is 'it is named' "$(sed -n 's/^  mask  *//p' "$out")" 'masked.tif.msk'
works 'info --json of it' info --json masked.tif
is 'it is named in JSON' "$(said mask)" '"masked.tif.msk"'
works 'stats of it' stats masked.tif
is 'pixels under it are not counted' "$(awk '$1 == 1 { print $2, $3, $4, $6 }' "$out")" '1 3 2 2'
is 'stats names it' "$(sed -n 's/^mask: //p' "$out")" 'masked.tif.msk'
works 'stats --json of it' stats --json masked.tif
is 'stats --json names it' "$(said mask)" '"masked.tif.msk"'
works 'stats --ignore-mask' stats --ignore-mask masked.tif
is 'pixels under it are counted' "$(awk '$1 == 1 { print $2, $3, $4, $6 }' "$out")" '1 4 2.5 4'
is 'it is not named' "$(grep -c mask "$out")" 0
works 'calc of it' calc 'a + a' masked.tif -o sum.tif --quiet
works 'stats of that' stats sum.tif
is 'it has two pixels' "$(awk '$1 == 1 { print $2, $3, $4, $6 }' "$out")" '2 6 4 2'
run calc a masked.tif -o whole.tif --quiet
holds 'integers need a nodata value' "$err" 'no nodata value of uint8'
works 'convert --ignore-mask' convert masked.tif -o whole.tif --quiet --ignore-mask
works 'convert keeps the mask' convert masked.tif -o whole.tif --quiet --overwrite
works 'stats of that' stats whole.tif
is 'it hides as much' "$(awk '$1 == 1 { print $2, $3, $4, $6 }' "$out")" '1 3 2 2'
works 'convert --dst-nodata' convert masked.tif -o whole.tif --quiet --dst-nodata 9 --overwrite
works 'stats of that' stats whole.tif --nodata 77
is 'what it hides is nodata' "$(awk '$1 == 1 { print $2, $3, $4, $6 }' "$out")" '1 9 5.5 4'
works 'zonal with it' zonal masked.tif --zones masked.tif --stat count,sum
is 'zones and values are hidden' "$(tail -n +2 "$out" | tr '\n' ' ')" '1,1,1,1 3,1,1,3 '
bytes 255 0 7 0 | tiff 8 1 1 '' "$flags" >sum.tif.msk
run calc 'a + a' masked.tif -o sum.tif --quiet --overwrite
noted 'one that lies beside an output is noted' 0 'sum.tif.msk: hides pixels of the output'
works 'an output with a mask of its own' calc a masked.tif -o sum.tif --quiet --overwrite --mask
works 'stats of that' stats sum.tif
is 'it is what hides' "$(awk '$1 == 1 { print $2, $3, $4, $6 }' "$out")" '1 3 2 2'
rm sum.tif.msk
bytes 0 6 0 8 | tiff 8 1 1 '' '' >other.tif
bytes 0 1 1 1 | tiff 8 1 1 '' "$flags" >other.tif.msk
works 'a mosaic of two' calc a masked.tif other.tif --mosaic max -o sum.tif --dst-nodata 77 \
    --quiet --overwrite
works 'stats of that' stats sum.tif
is 'each has its own mask' "$(awk '$1 == 1 { print $2, $3, $4, $6 }' "$out")" '1 8 4.5 4'
works 'why of a pixel under it' why a masked.tif --rowcol 0,1
holds 'it says so' "$out" 'row 0 column 1: 2, missing (under the mask)'
works 'a picture of it' quicklook masked.tif -o masked.png --quiet
works 'verify of it' verify masked.tif
is 'the mask is looked at, too' "$(cat "$out")" \
    'masked.tif: 1 strips good (no checksums), and its mask (masked.tif.msk)'
cp masked.tif.msk good.msk
head -c 150 good.msk >masked.tif.msk
run info masked.tif
holds 'a mask that cannot be read is an error' "$err" 'masked.tif.msk: '
works 'info --ignore-mask' info --ignore-mask masked.tif
bytes 255 0 7 0 | tiff 8 1 1 '' '' >masked.tif.msk
run calc 'a + a' masked.tif -o sum.tif --quiet --overwrite
noted 'one that is none is noted' 0 'masked.tif.msk: is not looked at'
cp good.msk masked.tif.msk

item='<Item name="COLORINTERP" sample="1" role="colorinterp">Alpha</Item>'
bytes 1 2 3 4 5 6 7 8 | tiff 8 1 2 '' "<GDALMetadata>$item</GDALMetadata>" >alpha.tif
works 'info of a file with an alpha band' info alpha.tif
is 'it is named' "$(sed -n 's/^  alpha  *//p' "$out")" 'band 2, not looked at'
works 'info --json of it' info --json alpha.tif
is 'it is named in JSON' "$(said alpha)" 2
run stats --json alpha.tif
noted 'stats warns' 0 'alpha.tif: its alpha (band 2) is not looked at'
is 'stats --json names it' "$(said alpha)" 2
works 'a copy that has it still' calc a alpha.tif -o copy.tif --overwrite --quiet
run calc b1 alpha.tif -o copy.tif --overwrite --quiet
noted 'a copy without it' 0 'alpha.tif: its alpha'
works "what alpha hides" stats alpha.tif --alpha-mask
is "it is said" "$(sed -n "s/^alpha: //p" "$out")" "band 2"
rm masked.tif.msk
works 'info without the mask' info --json masked.tif
is 'none is named' "$(grep -c -e '"mask"' -e '"alpha"' "$out")" 0
works 'stats without the mask' stats masked.tif

# ---- checksums that other programs copied ----------------------------------------------------------

# sums [TABLE] - of its one strip, that are those of another file: it says so, or does not say.
sums() {
    printf '<GDALMetadata><Item name="TILE_CRC32" domain="GWT">00000000</Item>%s</GDALMetadata>' \
        "${1:+<Item name=\"TILE_TABLE_CRC32\" domain=\"GWT\">$1</Item>}"
}
tiny "$(sums 00000000)" >foreign.tif
works 'verify of a file with the checksums of another' verify foreign.tif
holds 'it says that they are not compared' "$out" 'checksums of another file, not compared'
tiny "$(sums)" >old.tif
run verify old.tif
is 'checksums of a list that gwt 0.1 wrote are compared' "$status" 1
holds 'the strip is named' "$err" 'old.tif: strip 0'
works 'stats does not look at those' stats old.tif

finish
