#!/bin/sh
# run.sh - run test programs, one after the other, and say in one last line how it went.
#
#     sh tests/run.sh build/release/tests/test_pool .. tests/test_cli.sh
#
# A program is a cmocka group, whose own closing lines are counted, or anything that ends in a line
# "N passed, N failed[, N skipped]" (.sh is run by sh, .py by $PYTHON or python3). $RUNNER, if set,
# stands before each compiled program. What passes takes one line; what fails is printed in full.
# The exit status is 0 when nothing failed, crashed, or ran no test at all.

[ $# -gt 0 ] || { echo "usage: $0 PROGRAM.." >&2; exit 2; }

CMOCKA_MESSAGE_OUTPUT=STDOUT
export CMOCKA_MESSAGE_OUTPUT
log=$(mktemp "${TMPDIR:-/tmp}/gwt_run_XXXXXX") || exit 2
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# "passed failed skipped" from what a program printed.
count() {
    awk '
        function number(mark) { return substr($0, index($0, mark) + length(mark)) + 0 }
        / passed, .* failed/ && /^[0-9]/ { p += $1; f += $3; s += $5; next }
        /\[  PASSED  \] [0-9]+ test/ { p += number("[  PASSED  ] ") }
        /\[  FAILED  \] [0-9]+ test.*listed/ { f += number("[  FAILED  ] ") }
        /\[  ERROR   \] [0-9]+ test.*listed/ { f += number("[  ERROR   ] ") }
        /\[  SKIPPED \] [0-9]+ test.*listed/ { s += number("[  SKIPPED ] ") }
        END { print p + 0, f + 0, s + 0 }' "$1"
}

passed=0 failed=0 skipped=0
for program do
    start=$(date +%s)
    case $program in
    *.sh) sh "$program" ;;
    *.py) "${PYTHON:-python3}" "$program" ;;
    */*) $RUNNER "$program" ;;
    *) $RUNNER "./$program" ;;
    esac > "$log" 2>&1 < /dev/null
    status=$?
    seconds=$(($(date +%s) - start))
    # shellcheck disable=SC2046
    set -- $(count "$log")
    p=$1 f=$2 s=$3
    note=
    if [ "$status" -gt 128 ]; then note=" (ended by signal $((status - 128)))"
    elif [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then note=" (exit status $status)"
    elif [ $((p + f + s)) -eq 0 ]; then note=" (ran no test)"
    fi
    # What ended otherwise than by failing tests counts as one failure more.
    [ -z "$note" ] || f=$((f + 1))
    name=${program##*/}
    printf '%-16s %3d passed, %d failed, %d skipped, %d s%s\n' "$name" "$p" "$f" "$s" "$seconds" \
        "$note"
    if [ "$f" -gt 0 ]; then sed 's/^/    /' "$log"
    else grep '^SKIPPED' "$log" | sort -u | sed 's/^/    /'
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
