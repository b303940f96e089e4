#!/bin/sh
# test_cli.sh - the command gwt as a shell sees it: what it prints, where, and how it exits.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_cli.sh
#
# Prints a line "ok" or "not ok" a check, and in the end "N passed, N failed, N skipped". What JSON
# says is checked with python3 where there is one. $RUNNER, if set, stands before each program.

: "${GWT:?is not set: the path of gwt}" "${MAKE_SCENE:?is not set: the path of make_scene}"

absolute() { case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }
GWT=$(absolute "$GWT")
MAKE_SCENE=$(absolute "$MAKE_SCENE")
for program in "$GWT" "$MAKE_SCENE"; do
    [ -x "$program" ] || { echo "$program is no program"; exit 1; }
done

dir=$(mktemp -d "${TMPDIR:-/tmp}/gwt_cli_XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$dir/work" && cd "$dir/work" || exit 1
out=$dir/stdout err=$dir/stderr

passed=0 failed=0 skipped=0

# check NAME STATUS: the last step of each check.
check() {
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok $((passed + failed + skipped)) - $1"
    else
        failed=$((failed + 1))
        echo "not ok $((passed + failed + skipped)) - $1"
        sed 's/^/#   stdout: /' "$out" | head -5
        sed 's/^/#   stderr: /' "$err" | head -5
    fi
}

skip() {
    skipped=$((skipped + 1))
    echo "ok $((passed + failed + skipped)) - $1 # SKIP $2"
    echo "SKIPPED: $1: $2"
}

# run EXIT ARGUMENTS..: gwt, its output kept; fails when it exits otherwise.
run() {
    wanted=$1
    shift
    $RUNNER "$GWT" "$@" > "$out" 2> "$err" < /dev/null
    status=$?
    [ "$status" -eq "$wanted" ] && return 0
    echo "# exit status $status, not $wanted: gwt $*"
    return 1
}

lines() { wc -l < "$1" | tr -d ' '; }
quiet_err() { [ ! -s "$err" ]; }
one_line() { [ "$(lines "$err")" -eq 1 ] && [ ! -s "$out" ]; }
# refused EXIT WORD ARGUMENTS..: one line on stderr with WORD in it, nothing on stdout, and the
# directory as it was.
refused() {
    wanted=$1 word=$2
    shift 2
    ls -la . > "$dir/before"
    run "$wanted" "$@" && one_line && grep -q -e "$word" "$err" || return 1
    ls -la . > "$dir/after"
    cmp -s "$dir/before" "$dir/after"
}

scene() { $RUNNER "$MAKE_SCENE" "$@"; }
scene scene.tif 301 203 3 lzw 64 && scene striped.tif 301 203 3 none 0 &&
    scene deflated.tif 301 203 3 deflate 128 && scene other.tif 300 203 1 none 64 &&
    scene six.tif 97 61 6 lzw 32 || { echo "make_scene failed"; exit 1; }
echo "no picture" > text.tif
head -c 5000 scene.tif > cut.tif
cp scene.tif kept.tif
ls > "$dir/made"

# ---- the command line ----------------------------------------------------------------------------

run 0 --version && [ "$(lines "$out")" -eq 1 ] && grep -q '^gwt [0-9]' "$out" && quiet_err
check "--version" $?
run 0 --help && grep -q info "$out" && grep -q stats "$out" && grep -q calc "$out" &&
    grep -q quicklook "$out" && quiet_err
check "--help names the commands" $?
for command in info stats calc quicklook; do
    run 0 $command --help && grep -q "gwt $command" "$out" && grep -q -e --help "$out" && quiet_err
    check "$command --help" $?
    refused 2 "$command" $command
    check "$command without arguments is a usage error" $?
    refused 2 nonsense $command --nonsense scene.tif
    check "$command with an unknown option is a usage error" $?
done
refused 2 gwt
check "no command" $?
refused 2 frobnicate frobnicate scene.tif
check "an unknown command" $?
for j in 0 -1 257 x 1e3 ''; do
    refused 2 workers stats scene.tif -j "$j"
    check "-j '$j' is a usage error" $?
done
refused 2 output calc b1 scene.tif
check "calc without -o is a usage error" $?
for chunks in 0 -1 -300 1048577 99999999999999999999 ten; do
    refused 2 chunks calc b1 scene.tif -o new.tif --chunks "$chunks"
    check "--chunks $chunks is a usage error" $?
done
refused 2 dtype calc b1 scene.tif -o new.tif --dtype uint7
check "--dtype uint7 is a usage error" $?
refused 2 nodata calc b1 scene.tif -o new.tif --nodata much
check "--nodata much is a usage error" $?
refused 2 one info scene.tif six.tif
check "info of two files is a usage error" $?

# ---- info ----------------------------------------------------------------------------------------

run 0 info scene.tif && grep -q 301 "$out" && grep -q 203 "$out" && grep -q uint16 "$out" &&
    grep -q lzw "$out" && quiet_err
check "info" $?

if command -v python3 > /dev/null; then have_python=yes; else have_python=; fi
# json NAME EXPRESSION: stdout is JSON, and the Python expression of it, d, holds.
json() {
    if [ -z "$have_python" ]; then
        skip "$1" "python3 is not here"
        return
    fi
    python3 -m json.tool "$out" > /dev/null 2>> "$err" &&
        python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
sys.exit(0 if eval("(" + sys.argv[2] + ")") else "%s is false of %s" % (sys.argv[2], d))' "$out" "$2" 2>> "$err"
    check "$1" $?
}

run 0 info scene.tif --json && quiet_err
check "info --json exits 0" $?
json "info --json: size and type" \
    "[d['width'], d['height'], d['bands'], d['dtype']] == [301, 203, 3, 'uint16']"
json "info --json: place" "len(d['transform']) == 6 and d['transform'][0] == 30 and
    d['transform'][4] == -30 and d['epsg'] == 32721 and d['area_or_point'] == 'Area' and
    d['bounds'] == [d['transform'][2], d['transform'][5] - 203 * 30,
                    d['transform'][2] + 301 * 30, d['transform'][5]]"
json "info --json: storage" "d['block'] == [64, 64] and d['compression'] == 'lzw' and
    d['interleave'] == 'pixel' and d['overviews'] == 0 and d['bigtiff'] is False"
json "info --json: values" "d['nodata'] == 0 and len(d['scales']) == len(d['offsets']) == 3 and
    len(d['descriptions']) == 3"
run 0 info --json striped.tif
json "info --json of strips" "d['block'][1] == 301 and d['compression'] == 'none'"

refused 1 nowhere.tif info nowhere.tif
check "info of a missing file" $?
refused 1 text.tif info text.tif
check "info of what is no TIFF" $?
refused 1 cut.tif info cut.tif --json
check "info of a truncated file" $?
if [ -w /dev/full ]; then
    $RUNNER "$GWT" info scene.tif > /dev/full 2> "$err"
    status=$?
    : > "$out"
    [ $status -eq 1 ] && one_line
    check "a full disk behind stdout is an error" $?
else
    skip "a full disk behind stdout is an error" "/dev/full is not here"
fi

# ---- stats ---------------------------------------------------------------------------------------

run 0 stats scene.tif && quiet_err && [ "$(lines "$out")" -eq 4 ]
check "stats: a line a band" $?
run 0 stats scene.tif --json -j 1 && quiet_err && cp "$out" "$dir/stats1"
check "stats --json -j 1" $?
json "stats --json: fields" "len(d['bands']) == 3 and all(set(b) == {'band', 'min', 'max', 'mean',
    'std', 'valid', 'crc32'} and b['min'] <= b['mean'] <= b['max'] and
    0 < b['std'] < b['max'] - b['min'] and 0 < b['valid'] < 301 * 203 for b in d['bands'])"
for j in 2 3 8 64; do
    run 0 stats scene.tif --json -j $j && cmp -s "$out" "$dir/stats1"
    check "stats -j $j: the same figures" $?
done
run 0 stats striped.tif --json && cmp -s "$out" "$dir/stats1"
check "stats of the same pixels in strips" $?
run 0 stats deflated.tif --json && cmp -s "$out" "$dir/stats1"
check "stats of the same pixels in other tiles" $?
run 0 stats six.tif --json
check "stats of six bands" $?
json "stats --json of six bands" "[b['band'] for b in d['bands']] == [1, 2, 3, 4, 5, 6]"

# 301 * 203 bytes of 7: min, max and mean are known, and gzip says the checksum.
crc=$(dd if=/dev/zero bs=301 count=203 2> /dev/null | tr '\000' '\007' | gzip -c | tail -c 8 |
    od -A n -t u4 -N 4 | tr -d ' ')
run 0 calc 'b1 * 0 + 7' scene.tif -o seven.tif --dtype uint8 --nodata 1 -q &&
    run 0 stats seven.tif --json &&
    grep -q '"min": 7, "max": 7, "mean": 7, "std": 0, "valid": 61103,' "$out" &&
    grep -q "\"crc32\": ${crc}[ }]" "$out"
check "stats of a constant, crc32 as gzip has it" $?
# 0 is missing in the scene; with a nodata value that nothing has, all is valid.
run 0 calc 'where(b1 > 0, 1, 1)' scene.tif -o valid.tif --dtype uint8 --nodata 255 -q &&
    run 0 stats valid.tif --json
check "stats where nothing is missing" $?
json "stats: valid counts every pixel" "d['bands'][0]['valid'] == 61103"
run 0 calc 'b1 / 0 * 0' scene.tif -o none.tif --nodata nan --dtype float32 -q &&
    run 0 stats none.tif --json && quiet_err
check "stats where everything is missing" $?
json "stats: no figures of nothing" "d['bands'][0]['valid'] == 0 and d['bands'][0]['min'] is None"
rm -f seven.tif valid.tif none.tif
refused 1 nowhere.tif stats nowhere.tif
check "stats of a missing file" $?
refused 1 cut.tif stats cut.tif --json
check "stats of a truncated file prints nothing else" $?

# ---- calc ----------------------------------------------------------------------------------------

run 0 calc 'norm_diff(b2, b3)' scene.tif -o ndi.tif --dtype float32 --compress deflate -j 1 &&
    quiet_err && [ -s ndi.tif ]
check "calc" $?
[ ! -e ndi.tif.part ]
check "calc leaves no .part" $?
for how in "-j 8" "--chunks 32" "-j 3 --chunks 100" "-j 64 --chunks 1000"; do
    # shellcheck disable=SC2086
    run 0 calc 'norm_diff(b2, b3)' scene.tif -o again.tif --dtype float32 --compress deflate \
        --quiet --overwrite $how && quiet_err && [ ! -s "$out" ] && cmp -s again.tif ndi.tif
    check "calc $how: the same bytes, quietly" $?
done
run 0 calc 'norm_diff(b2, b3)' deflated.tif -o again.tif --dtype float32 --compress deflate -q \
    --overwrite && cmp -s again.tif ndi.tif
check "calc of the same pixels in other tiles: the same bytes" $?
run 0 calc 'norm_diff(green, red)' --sensor bgr scene.tif -o again.tif --dtype float32 \
    --compress deflate -q --overwrite && cmp -s again.tif ndi.tif
check "calc by the names of a sensor" $?
run 0 calc '(a.b3 - b.b2) / (b6 + b2)' striped.tif scene.tif -o again.tif --dtype float32 \
    --compress deflate -q --overwrite &&
    run 0 stats again.tif --json && cp "$out" "$dir/two" && run 0 stats ndi.tif --json &&
    cmp -s "$out" "$dir/two"
check "calc over two files" $?
run 0 info ndi.tif --json && cp "$out" "$dir/ndi.json"
check "info of the result" $?
json "the result has type, place and compression" "[d['width'], d['height'], d['bands'],
    d['dtype'], d['compression'], d['epsg'], d['block']] ==
    [301, 203, 1, 'float32', 'deflate', 32721, [256, 256]] and d['transform'][0] == 30"
run 0 calc b1 scene.tif -o options.tif --dtype int16 --compress lzw --predictor 2 --block 48 \
    --nodata -1 -q && run 0 info options.tif --json
check "calc with options" $?
json "they are in the file" "[d['dtype'], d['compression'], d['block'], d['nodata']] ==
    ['int16', 'lzw', [48, 48], -1]"
run 0 calc 'b1 * 2' scene.tif -o scaled.tif --scale 0.5 --dtype uint16 --nodata 0 -q &&
    run 0 stats scaled.tif --json && cp "$out" "$dir/scaled" &&
    run 0 calc b1 scene.tif -o plain.tif -q && run 0 stats plain.tif --json &&
    cmp -s "$out" "$dir/scaled"
check "calc --scale" $?
rm -f again.tif options.tif scaled.tif plain.tif

# A bad expression: three lines, the caret under the column.
caret() {
    ls -la . > "$dir/before"
    run 1 calc "$1" scene.tif -o new.tif && [ "$(lines "$err")" -eq 3 ] && [ ! -s "$out" ] ||
        return 1
    ls -la . > "$dir/after"
    cmp -s "$dir/before" "$dir/after" || return 1
    shown=$(sed -n 2p "$err") mark=$(sed -n 3p "$err")
    before=${shown%%"$1"*} spaces=${mark%%^*}
    [ "$shown" = "$before$1" ] && [ "$mark" = "$spaces^" ] &&
        [ ${#spaces} -eq $((${#before} + $2)) ]
}
caret 'b1 + * b2' 5
check "a caret under an operator" $?
caret 'b1 + nosuch' 5
check "a caret under an unknown name" $?
caret '(b1 + b2' 8
check "a caret at the end" $?
caret 'b1 + b4' 5
check "a caret under a band that is not there" $?

refused 1 ndi.tif calc b1 scene.tif -o ndi.tif
check "an output that exists" $?
run 0 calc b1 scene.tif -o ndi.tif --overwrite && [ ! -e ndi.tif.part ]
check "--overwrite" $?
refused 1 scene.tif calc b1 scene.tif -o scene.tif --overwrite && cmp -s scene.tif kept.tif
check "an output that is an input" $?
ln -s scene.tif link.tif
refused 1 link.tif calc b1 scene.tif -o link.tif --overwrite && cmp -s scene.tif kept.tif
check "an output that is an input by another name" $?
rm -f link.tif ndi.tif
refused 1 nowhere.tif calc b1 nowhere.tif -o new.tif
check "a missing input" $?
refused 1 text.tif calc b1 text.tif -o new.tif
check "an input that is no TIFF" $?
refused 1 cut.tif calc b1 cut.tif -o new.tif
check "a truncated input" $?
refused 1 zip calc b1 scene.tif -o new.tif --compress zip && grep -q deflate "$err" &&
    grep -q lzw "$err"
check "an unknown compression: the message lists what there is" $?
refused 1 l99 calc b1 scene.tif -o new.tif --sensor l99
check "an unknown sensor" $?
refused 1 301 calc 'a.b1 + b.b1' scene.tif other.tif -o new.tif && grep -q 300 "$err"
check "grids that differ: the message has both" $?
refused 1 nodir calc b1 scene.tif -o nodir/new.tif
check "a directory that is not there" $?
refused 1 new.tif calc b1 scene.tif -o text.tif/new.tif
check "a directory that is a file" $?
! run 0 calc b1 scene.tif -o new.tif --block 17 > /dev/null && [ ! -e new.tif ] && one_line
check "a block that is no multiple of 16" $?
refused 1 nodata calc 'b1 / b1' scene.tif -o new.tif --dtype uint8
check "missing pixels in an integer without nodata" $?

# ---- quicklook -----------------------------------------------------------------------------------

# png FILE: width and height of a PNG, by its first bytes.
png() {
    [ "$(od -A n -t x1 -N 16 "$1" | tr -d ' \n')" = 89504e470d0a1a0a0000000d49484452 ] &&
        od -A n -t u1 -j 16 -N 8 "$1" | tr -s ' \n' ' ' | (
            read -r _ _ a b _ _ c d
            echo "$((a * 256 + b)) $((c * 256 + d))")
}

run 0 quicklook scene.tif -o look.png && quiet_err && [ "$(png look.png)" = "301 203" ]
check "quicklook" $?
run 0 quicklook scene.tif -o small.png --size 100 -j 2 -q && [ ! -s "$out" ] &&
    [ "$(png small.png)" = "100 67" ]
check "quicklook --size" $?
run 0 quicklook scene.tif -o small2.png --size 100 -j 8 -q && cmp -s small.png small2.png
check "quicklook: the same picture from other workers" $?
run 0 quicklook other.tif -o one.png && [ "$(png one.png)" = "300 203" ]
check "quicklook of one band" $?
refused 1 look.png quicklook scene.tif -o look.png
check "a picture that exists" $?
run 0 quicklook six.tif -o look.png --overwrite --bands 4,3,2 && [ "$(png look.png)" = "97 61" ]
check "quicklook --overwrite --bands" $?
rm -f look.png small.png small2.png one.png
refused 2 bands quicklook scene.tif -o new.png --bands 1,x
check "--bands 1,x is a usage error" $?
refused 1 7 quicklook six.tif -o new.png --bands 7
check "a band that is not there" $?
refused 1 nowhere.tif quicklook nowhere.tif -o new.png
check "a picture of a missing file" $?
refused 1 cut.tif quicklook cut.tif -o new.png
check "a picture of a truncated file" $?
refused 1 nodir quicklook scene.tif -o nodir/new.png
check "a picture into a directory that is not there" $?
refused 1 scene.tif quicklook scene.tif -o scene.tif --overwrite && cmp -s scene.tif kept.tif
check "a picture over its input" $?

# ---- in the end ----------------------------------------------------------------------------------

ls > "$dir/left"
: > "$out"
diff "$dir/made" "$dir/left" > "$err"
check "nothing is left behind" $?
cmp -s scene.tif kept.tif
check "the input is as it was" $?

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
