#!/bin/sh
# test_values.sh - what the command does to values without being asked, or says when it does: nodata
# of inputs and outputs, valid pixels that equal it, files that no expression uses, resampling.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_values.sh
#
# Expected pixels are written out by hand; they are read from the bytes of an uncompressed file.

. "$(dirname "$0")/checks.sh"
gwt=$(absolute "${GWT:?}") && cd "$box" || exit 2

# ---- files ---------------------------------------------------------------------------------------

bytes() { for b do printf "\\$(printf %03o "$((b & 255))")"; done; }
le16() { bytes "$1" $(($1 >> 8)); }
le32() { bytes "$1" $(($1 >> 8)) $(($1 >> 16)) $(($1 >> 24)); }
entry() { le16 "$1"; le16 "$2"; le32 "$3"; le32 "$4"; }    # TAG TYPE COUNT VALUE

# grey WIDTH NODATA PIXEL.. - uint8, one strip; NODATA is a number below 1000, or none.
grey() {
    width=$1 nodata=$2
    shift 2
    entries=10
    [ "$nodata" = none ] || entries=11
    printf 'II*\000'; le32 8
    le16 $entries
    entry 256 3 1 "$width"; entry 257 3 1 $(($# / width))
    entry 258 3 1 8; entry 259 3 1 1; entry 262 3 1 1
    entry 273 4 1 $((8 + 2 + 12 * entries + 4))
    entry 277 3 1 1; entry 278 3 1 $(($# / width)); entry 279 4 1 $#; entry 339 3 1 1
    if [ "$nodata" != none ]; then
        le16 42113; le16 2; le32 4
        printf '%-3s\000' "$nodata"
    fi
    le32 0
    bytes "$@"
}

# pixels FILE SIZE ROWS COLUMNS [FORMAT] - of an output without compression, one tile of 16 x 16.
pixels() {
    row=0
    while [ $row -lt "$3" ]; do
        od -An -v -t "${5:-u1}" -j $((16 + row * 16 * $2)) -N $(($4 * $2)) "$1"
        row=$((row + 1))
    done | tr -s ' \n' ' ' | sed 's/^ //; s/ $//'
}

# nodata_of FILE - as info has it.
nodata_of() { "$gwt" info --json "$1" | sed -n 's/.*"nodata": *\([^,]*\).*/\1/p' | head -n 1; }

# stored NAME NODATA PIXELS FILE - of uint8.
stored() { is "$1" "$(nodata_of "$4"): $(pixels "$4" 1 3 4)" "$2: $3"; }

grey 4 255 2 4 4 4 5 5 7 9 255 255 255 255 >a.tif
grey 4 none 0 1 2 3 4 5 6 7 8 9 10 0 >none.tif

# said NAME LINE ARGUMENT.. - succeeds, and says that one line.
said() {
    name=$1 line=$2
    shift 2
    run "$@"
    wrong=$([ "$status" = 0 ] || echo "exit status $status: ")
    [ "$(cat "$err")" = "$line" ] || wrong="$wrong said '$(cat "$err")', not '$line'"
    check "$name" "$wrong"
}

# ---- nodata of inputs and of outputs -------------------------------------------------------------

works 'a comparison under --nodata' calc 'a > 4' a.tif -o gt.tif -q --nodata 0
stored 'keeps 255 as its nodata' 255 '0 0 0 0 1 1 1 1 1 1 1 1' gt.tif
works 'logic under --nodata' calc '!(a > 4) || a == 9' a.tif -o logic.tif -q --nodata 1
stored 'keeps 255, too' 255 '1 1 1 1 0 0 0 1 0 0 0 0' logic.tif
works 'valid under --nodata' calc 'valid(a)' a.tif -o valid.tif -q --nodata 4
stored 'valid keeps 255' 255 '1 0 0 0 1 1 1 1 1 1 1 1' valid.tif
works 'a comparison beside a copy' calc a.tif -o gt1.tif='a > 4' -o copy1.tif='a' -q --nodata 5
stored 'in one pass, comparison' 255 '0 0 0 0 255 255 1 1 1 1 1 1' gt1.tif
stored 'in one pass, copy' 5 '2 4 4 4 5 5 7 9 255 255 255 255' copy1.tif

works 'classes under --nodata' calc 'reclass(a, "0:5=4, 5:=7")' a.tif -o class.tif -q --nodata 4
stored 'have one that is no class' 255 '4 255 255 255 7 7 7 7 7 7 7 7' class.tif
works 'classes that leave it free' calc 'reclass(a, "0:5=1, 5:=7")' a.tif -o free.tif -q --nodata 4
stored 'have that of the inputs' 4 '1 4 4 4 7 7 7 7 7 7 7 7' free.tif
works 'classes below 0' calc 'reclass(a, "0:5=-1, 5:=7")' a.tif -o signed.tif -q --nodata 200
is 'have the lowest' "$(nodata_of signed.tif): $(pixels signed.tif 1 3 4 d1)" \
    '-128: -1 -1 -1 -1 7 7 7 7 7 7 7 7'
works 'a comparison in a type without 255' calc 'a > 4' a.tif -o int8.tif -q --nodata 4 --dtype int8
is 'have that of --nodata' "$(nodata_of int8.tif)" 4

works '--nodata is both' calc 'a + 0' a.tif -o both.tif -q --nodata 4 --dtype uint8
stored 'of input and output' 4 '2 4 4 4 5 5 7 9 255 255 255 255' both.tif
works '--src-nodata' calc a a.tif -o src.tif -q --src-nodata 4
stored 'is the input, and what it is stored as' 4 '2 4 4 4 5 5 7 9 255 255 255 255' src.tif
works '--dst-nodata' calc a a.tif -o dst.tif -q --dst-nodata 0
stored 'is the output alone' 0 '2 4 4 4 5 5 7 9 0 0 0 0' dst.tif
works 'both of them' calc a a.tif -o two.tif -q --src-nodata 4 --dst-nodata 1
stored 'in, and out' 1 '2 1 1 1 5 5 7 9 255 255 255 255' two.tif
works '--src-nodata beats --nodata' calc a a.tif -o sn.tif -q --src-nodata 4 --nodata 3
stored 'for inputs' 3 '2 3 3 3 5 5 7 9 255 255 255 255' sn.tif
works '--dst-nodata beats --nodata' calc a a.tif -o dn.tif -q --dst-nodata 3 --nodata 4
stored 'for outputs' 3 '2 3 3 3 5 5 7 9 255 255 255 255' dn.tif
works '--dst-nodata nan' calc 'a + 0' a.tif -o nan.tif -q --dst-nodata nan --dtype float32
is 'of floats' "$(pixels nan.tif 4 3 4 f4)" '2 4 4 4 5 5 7 9 nan nan nan nan'
said '--dst-nodata of a comparison' \
    'gwt: 4 valid pixels of gt0.tif equal its nodata value 0 and read as missing: --dst-nodata chooses another' \
    calc 'a > 4' a.tif -o gt0.tif -q --dst-nodata 0
stored 'is what was asked for' 0 '0 0 0 0 1 1 1 1 0 0 0 0' gt0.tif

# ---- valid pixels that equal the nodata value ----------------------------------------------------

said 'one' \
    'gwt: 1 valid pixel of one.tif equals its nodata value 9 and reads as missing: --dst-nodata chooses another' \
    calc a a.tif -o one.tif -q --src-nodata 255 --dst-nodata 9
said 'rounded to it' \
    'gwt: 3 valid pixels of rounded.tif equal its nodata value 4 and read as missing: --dst-nodata chooses another' \
    calc 'a / 1.001' a.tif -o rounded.tif -q --dst-nodata 4 --dtype uint8
said 'saturated to it' \
    'gwt: 2 valid pixels of saturated.tif equal its nodata value 255 and read as missing: --dst-nodata chooses another' \
    calc 'a * 40' a.tif -o saturated.tif -q --dst-nodata 255 --dtype uint8
said 'of a copy of what had none' \
    'gwt: 2 valid pixels of copied.tif equal its nodata value 0 and read as missing: --dst-nodata chooses another' \
    calc a none.tif -o copied.tif -q --dst-nodata 0
stored 'which is a copy' 0 '0 1 2 3 4 5 6 7 8 9 10 0' copied.tif
run calc a.tif -o x.tif='a * 2' -o y.tif='a - 1' -q --dst-nodata 8 --dtype uint8
is 'each of several outputs' "$(cat "$err")" "$(printf '%s\n%s' \
    'gwt: 3 valid pixels of x.tif equal its nodata value 8 and read as missing: --dst-nodata chooses another' \
    'gwt: 1 valid pixel of y.tif equals its nodata value 8 and reads as missing: --dst-nodata chooses another')"
works 'NaN equals nothing' calc 'a / 2' a.tif -o half.tif -q
works 'nor does what was missing' calc a a.tif -o same.tif -q

# ---- resampling ----------------------------------------------------------------------------------

# Means of four: 0.5 2.5 / 1.5 4.25.
grey 4 none 0 1 2 3  1 0 2 3  1 2 5 4  1 2 4 4 >ties.tif
works 'means of integers' calc a ties.tif -o mean.tif -q --res 2 --resample average
is 'are rounded as GDAL does it' "$(pixels mean.tif 1 2 2)" '1 3 2 4'
for type in float64:8:f8 float32:4:f4; do
    size=${type#*:} format=${type##*:}
    works 'means of integers as floats' calc a ties.tif -o mean.tif -q --res 2 --resample average \
        --dtype "${type%%:*}" --overwrite
    is "are not rounded, ${type%%:*}" "$(pixels mean.tif "${size%:*}" 2 2 "$format")" '0.5 2.5 1.5 4.25'
done
works 'other integers' calc 'a + 0.5' ties.tif -o even.tif -q --dtype uint8
is 'are rounded to even' "$(pixels even.tif 1 4 4)" '0 2 2 4 2 0 2 4 2 2 6 4 2 2 4 4'

# ---- files that no expression uses ---------------------------------------------------------------

grey 5 none 1 2 3 4 5 6 7 8 9 10 >wide.tif
mkdir there && cp a.tif there/a.tif
how='--mosaic and --stack make one array of all files, --allow-unused leaves out what is not used'
refused 'a file that is not used' 1 "no expression uses none.tif: $how" calc a a.tif none.tif -o u.tif
refused 'whatever its grid' 1 "no expression uses wide.tif" calc a a.tif wide.tif -o u.tif
refused 'the first' 1 "no expression uses a.tif: " calc b a.tif none.tif -o u.tif
refused 'several' 1 "no expression uses a.tif, wide.tif: " calc b1+b2-b1 none.tif none.tif a.tif wide.tif \
    -o u.tif
refused 'one of two of a name' 1 "no expression uses there/a.tif: " calc a a.tif there/a.tif -o u.tif
refused 'of several outputs' 1 "no expression uses none.tif: " calc a.tif there/a.tif none.tif -o u.tif=a \
    -o v.tif='b1 * 2 + b.b1'
refused 'of a plan' 1 "no expression uses none.tif: " plan a a.tif none.tif
refused 'of tune' 1 "no expression uses none.tif: " tune a a.tif none.tif
cp a.tif many1.tif && cp a.tif many2.tif && cp a.tif many3.tif && cp a.tif many4.tif
refused 'many' 1 "no expression uses many1.tif, many2.tif, many3.tif and 4 more: " calc a a.tif many?.tif \
    none.tif wide.tif there/a.tif -o u.tif
refused_in 'a bad expression is told first' 1 "unknown name q" calc q a.tif none.tif -o u.tif
works 'by band number' calc 'b1 + b2' a.tif none.tif -o u.tif -q
works 'in two outputs' calc a.tif none.tif -o u.tif=a -o v.tif=b -q --overwrite
works '--allow-unused' calc a a.tif none.tif wide.tif -o allowed.tif -q --allow-unused
stored 'as without them' 255 '2 4 4 4 5 5 7 9 255 255 255 255' allowed.tif
works 'a file that gives the grid' calc b a.tif wide.tif -o u.tif -q --overwrite \
    --bounds-by reference --dst-nodata 99
works 'files that give it' calc b a.tif wide.tif -o u.tif -q --overwrite --bounds-by union \
    --dst-nodata 99
refused 'a file that does not' 1 'no expression uses wide.tif: ' calc a a.tif wide.tif -o no.tif \
    --bounds-by reference
works 'a stack uses all' calc 'a[1]' a.tif there/a.tif -o u.tif -q --overwrite --stack time

"$gwt" calc --help >help 2>&1
holds "help: --allow-unused" help --allow-unused
for option in --src-nodata --dst-nodata; do holds "help: $option" help "$option"; done
holds 'help: --nodata is both' help 'both --src-nodata and --dst-nodata'

finish
