#!/bin/sh
# test_limits.sh - memory that a process may take, by the command's own option or by the system's
# limits, and files of some hundred bytes that speak of large images.
#
#     GWT=build/debug/gwt sh tests/test_limits.sh
# shellcheck source=tests/checks.sh
. "$(dirname "$0")/checks.sh"

gwt=$(absolute "${GWT:?is the command to test}") || exit 2
cd "$box" || exit 2

# absent WIDTH HEIGHT BANDS STRIPS - uint8, pixel-interleaved, of so many strips that are not there.
absent() {
    strips=$4 at=$((8 + 2 + 12 * 9 + 4))
    printf 'II*\000'; le32 8
    le16 9
    entry 256 4 1 "$1"; entry 257 4 1 "$2"
    entry 258 3 1 8; entry 259 3 1 1; entry 262 3 1 1
    entry 273 4 "$strips" $((strips > 1 ? at : 0)); entry 277 3 1 "$3"
    entry 278 4 1 $((($2 + strips - 1) / strips)); entry 279 4 "$strips" $((strips > 1 ? at : 0))
    le32 0
    i=0
    while [ $i -lt "$strips" ]; do le32 0; i=$((i + 1)); done
}

# within KILOBYTES ARGUMENT.. - a run that may map so much memory and no more. One worker: each
# further one maps, but does not use, a stack and an arena.
within() {
    kilobytes=$1
    shift
    (ulimit -v "$kilobytes" && exec $limit "$gwt" "$@") >"$out" 2>"$err" </dev/null
    status=$?
}

# A sanitizer maps terabytes.
within 400000 --version
can_limit=$([ "$status" = 0 ] && echo yes)

# ---- gwt stats -----------------------------------------------------------------------------------

# Four bytes kept of each row of each band would be 134 MB.
absent 1 524288 64 64 >tall.tif
name="stats of 2^19 rows of 64 bands, in little memory"
if [ -z "$can_limit" ]; then skip "$name" "this program can't run in 400 MB of addresses"
else
    within 120000 stats tall.tif -j 1 --memory 32M
    check "$name" "$(not_done)"
    is "their checksums are those of 2^19 zeros" \
        "$(awk 'NR > 1 { print $6, $7 }' "$out" | sort | uniq -c | awk '{ print $1, $2, $3 }')" \
        '64 524288 75660aac'
fi

# ---- the default of --memory ----------------------------------------------------------------------

# limited LIMIT KILOBYTES ARGUMENT.. - as `within`, by another limit of the shell's.
limited() {
    which=$1 kilobytes=$2
    shift 2
    (ulimit "$which" "$kilobytes" && exec $limit "$gwt" "$@") >"$out" 2>"$err" </dev/null
    status=$?
}

# 65535 bands: a block of 64 x 64 pixels are 268 MB.
absent 64 265 65535 265 >bands.tif
for which in -v -d; do
    name="a small file of 65535 bands, ulimit $which"
    if [ -z "$can_limit" ]; then
        skip "$name" "this program can't run in 400 MB of addresses"
        continue
    fi
    if ! (ulimit "$which" 200000) 2>"$err"; then skip "$name" "$(cat "$err")"; continue; fi
    limited "$which" 200000 stats bands.tif -j 1
    check "$name" "$(not_refused 1 1 "--memory is 102.4 MB")"
done

# Finding each band among all of them took 5.4 s of a processor, unoptimized; 0.2 s are enough.
name="65535 bands, in 3 s of a processor"
absent 1 1 65535 1 >many.tif
if [ -z "$can_limit" ]; then skip "$name" "sanitizers take several times as long"
else
    limited -t 3 stats many.tif -j 1
    check "$name" "$(not_done)"
fi

finish
