# checks.sh - what the tests in shell have in common; sourced by them, first of all:
#
#     . "$(dirname "$0")/checks.sh"
#
# One line a check ("ok 12 - ..", "not ok 12 - .. (what is wrong)" or "SKIPPED: 12 - .. (why)"), and
# by `finish` a last line that counts them. The test works in $box, an empty folder; $tmp is around
# it, for all that the command should not see. Both are gone at the end, after `at_end`.
# shellcheck shell=sh disable=SC2034  # who sources this uses them

set -u
LC_ALL=C
export LC_ALL

here=$(cd "$(dirname "$0")" && pwd) || exit 2
name=$(basename "$0" .sh)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/gwt_${name#test_}_XXXXXX") || exit 2
at_end() { :; }
trap 'at_end; chmod -R u+w "$tmp"; rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

box=$tmp/box out=$tmp/out err=$tmp/err
python=$(command -v python3) && "$python" -c '' 2>/dev/null || python=
limit=
timeout --foreground 9 true 2>/dev/null && limit='timeout --foreground 60'

absolute() {    # a program, from wherever it is called
    case $1 in
    /*) echo "$1" ;;
    */*) echo "$PWD/$1" ;;
    *) command -v "$1" ;;
    esac
}

number=0 passed=0 failed=0 skipped=0

# check NAME WRONG - good when nothing is WRONG.
check() {
    number=$((number + 1))
    if [ -z "$2" ]; then passed=$((passed + 1)); echo "ok $number - $1"
    else failed=$((failed + 1)); echo "not ok $number - $1 ($(printf %.400s "$2" | tr '\n' '|'))"
    fi
}

skip() {        # NAME WHY
    number=$((number + 1)) skipped=$((skipped + 1))
    echo "SKIPPED: $number - $1 ($2)"
}

is() {          # NAME GOT EXPECTED
    if [ "$2" = "$3" ]; then check "$1" ''; else check "$1" "got '$2', expected '$3'"; fi
}

same() {        # NAME FILE FILE
    if cmp "$2" "$3" >"$tmp/cmp" 2>&1; then check "$1" ''; else check "$1" "$(cat "$tmp/cmp")"; fi
}

holds() {       # NAME FILE TEXT
    if grep -qF -e "$3" "$2"; then check "$1" ''; else check "$1" "no '$3'"; fi
}

# check_python NAME COMMAND.. - by $tmp/oracle.py, which prints what is wrong.
check_python() {
    name=$1
    shift
    if [ -z "$python" ]; then skip "$name" "no python3"; return; fi
    if "$python" "$tmp/oracle.py" "$@" >"$out.py" 2>&1; then check "$name" "$(cat "$out.py")"
    else check "$name" "oracle.py: $(tail -n 3 "$out.py")"
    fi
}

# ---- files written byte by byte: little-endian TIFFs -----------------------------------------------

bytes() { for b do printf "\\$(printf %03o "$((b & 255))")"; done; }
le16() { bytes "$1" $(($1 >> 8)); }
le32() { bytes "$1" $(($1 >> 8)) $(($1 >> 16)) $(($1 >> 24)); }
entry() { le16 "$1"; le16 "$2"; le32 "$3"; le32 "$4"; }    # TAG TYPE COUNT VALUE

# tiny [GDAL_METADATA] - 4 x 3 pixels of uint8, the last row nodata (255); pixels come last, so that
# every piece of the file is too short. Mean 5 and deviation 2 are exact. $pixels: others.
tiny() {
    metadata=${1:-} entries=11
    [ -z "$metadata" ] || entries=12
    after=$((8 + 2 + 12 * entries + 4))
    printf 'II*\000'; le32 8
    le16 $entries
    entry 256 3 1 4; entry 257 3 1 3       # width, height
    entry 258 3 1 8; entry 259 3 1 1; entry 262 3 1 1
    entry 273 4 1 $((after + ${#metadata} + (${#metadata} > 0)))
    entry 277 3 1 1; entry 278 3 1 3; entry 279 4 1 12; entry 339 3 1 1
    [ -z "$metadata" ] || entry 42112 2 $((${#metadata} + 1)) $after
    entry 42113 2 4 $((0x353532))          # "255"
    le32 0
    [ -z "$metadata" ] || printf '%s\000' "$metadata"
    # shellcheck disable=SC2086  # one each
    bytes ${pixels:-2 4 4 4 5 5 7 9 255 255 255 255}
}

description() {
    printf '<GDALMetadata><Item name="DESCRIPTION" sample="0" role="description">%s</Item>%s' \
        "$1" '</GDALMetadata>'
}

# ---- the command ---------------------------------------------------------------------------------

run() { $limit "$gwt" "$@" >"$out" 2>"$err" </dev/null; status=$?; }

# What was wrong with the last run as a success: status 0, nothing on stderr (a pipe gets no bar).
not_done() {
    [ "$status" = 0 ] || printf 'exit status %s: ' "$status"
    cat "$err"
}

works() {       # NAME ARGUMENT..
    name=$1
    shift
    run "$@"
    check "$name" "$(not_done)"
}

# Everything in the box: names, kinds, and what is in the files.
snapshot() { (cd "$box" && ls -AlR | awk '{ print $1, $NF }' && find . -type f -exec cksum {} +); }

# What was wrong with the last run as a refusal with STATUS and so many LINES that hold TEXT.
not_refused() {
    [ "$status" = "$1" ] || printf 'exit status %s, expected %s; ' "$status" "$1"
    [ "$(wc -l <"$err")" -eq "$2" ] || printf '%s lines on stderr: ' "$(($(wc -l <"$err")))"
    [ "$(wc -l <"$err")" -eq "$2" ] || cat "$err"
    case $(cat "$err") in "gwt: "*) ;; *) printf 'stderr begins "%.40s"; ' "$(cat "$err")" ;; esac
    grep -qF -e "$3" "$err" || printf 'no "%s" in: %s; ' "$3" "$(cat "$err")"
    [ ! -s "$out" ] || printf 'on stdout: %s; ' "$(head -n 1 "$out")"
}

# refused NAME STATUS TEXT ARGUMENT.. - one line on stderr, and the box as it was before.
# refused_in: of an expression, with that and a caret in two lines more.
refused_in() { lines=3; refused "$@"; lines=1; }
refused() {
    name=$1 expected=$2 text=$3
    shift 3
    before=$(snapshot)
    run "$@"
    after=$(snapshot)
    wrong=$(not_refused "$expected" "${lines:-1}" "$text")
    [ "$before" = "$after" ] || wrong="$wrong the directory is not as it was: $(ls -A "$box")"
    check "$name" "$wrong"
}

finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
}

mkdir "$box"
