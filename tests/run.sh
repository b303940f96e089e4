#!/bin/sh
# run.sh - run test programs, one after the other, and say in one last line how it went.
#
#     sh tests/run.sh build/release/tests/test_pool .. tests/test_cli.sh
#
# A program is made of cmocka groups, whose own closing lines are counted; or its last line is
# "N passed, N failed, N skipped" (FILE.sh is run by sh). One line for each, with what was skipped
# and why below it; of tests that failed, all they printed. A crash, a program that is not done
# after 600 seconds (where there is GNU timeout) and one that runs no test at all are failures too.
#
# Exit status: 0 when nothing failed, 1 when something did, 2 when there is nothing to run.

[ $# -gt 0 ] || { echo "usage: $0 PROGRAM.." >&2; exit 2; }

seconds=600
limit=
timeout --foreground 9 true 2>/dev/null && limit="timeout --foreground -k 10 $seconds"

# The answers below are read: nobody's environment may change what they look like.
unset CMOCKA_MESSAGE_OUTPUT CMOCKA_XML_FILE CMOCKA_TEST_ABORT

log=$(mktemp "${TMPDIR:-/tmp}/gwt_run_XXXXXX") || exit 2
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# "passed failed skipped" of a log. cmocka counts a test whose setup failed as run, and nothing
# else; a group that was not finished has no closing lines, then its tests are counted one by one.
count() {
    awk '
        function number() { return substr($0, 13) + 0 }
        function unfinished() { p += ok; s += quiet; ok = quiet = 0 }
        /^\[==========\] Running [0-9]+ test/     { unfinished(); next }
        /^\[==========\] [0-9]+ test.* run/       { ok = quiet = 0; f += number(); next }
        /^\[  PASSED  \] [0-9]+ test/             { p += number(); f -= number(); next }
        /^\[  SKIPPED \] [0-9]+ test.*listed/ {
            s += number()
            f -= number()
            listing = 1
            next
        }
        /^\[  FAILED  \] [0-9]+ test.*listed/     { next }
        /^\[       OK \] /                        { ok++; next }
        /^\[ RUN      \] /                        { listing = 0; next }
        /^\[  SKIPPED \] / && !listing            { quiet++; next }
        /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { last = $0 }
        END {
            unfinished()
            if (split(last, n, " ")) { p += n[1]; f += n[3]; s += n[5] }
            print p + 0, f + 0, s + 0
        }' "$1"
}

# What the tests printed that failed or were not finished, and what stands between tests.
failures() {
    awk '
        function show() { printf "%s", held; held = ""; open = 0 }
        /^\[ RUN      \] /             { show(); held = $0 "\n"; open = 1; next }
        /^\[       OK \] / && open     { held = ""; open = 0; next }
        /^\[  SKIPPED \] / && open     { held = ""; open = 0; next }
        /^\[  (FAILED |ERROR  ) \] / && open {
            held = held $0 "\n"
            if (!/^\[  ERROR   \] --- /) show()    # those are why, not the end
            next
        }
        open                           { held = held $0 "\n"; next }
        /^\[(==========|  PASSED  |  SKIPPED )\] / || /^ [0-9]+ (FAILED|SKIPPED) TEST/ { next }
        (/^\[  FAILED  \] / && !/GROUP/) || /^$/ { next }
        /^ok [0-9]+ - / || /^SKIPPED: / { next }
        /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { next }
        { print }
        END { show() }' "$1"
}

passed=0 failed=0 skipped=0
for program do
    start=$(date +%s)
    case $program in
    *.sh) set -- sh "$program" ;;
    */*) set -- "$program" ;;
    *) set -- "./$program" ;;
    esac
    $limit "$@" >"$log" 2>&1 </dev/null
    status=$?
    took=$(($(date +%s) - start))
    # shellcheck disable=SC2046  # three numbers
    set -- $(count "$log")

    # What ended otherwise than by failing tests is one failure more.
    note=
    if [ -n "$limit" ] && { [ $status -eq 124 ] || [ $status -eq 137 ] && [ $took -ge $seconds ]; }
    then note=" (not done after $seconds s)"
    elif [ $status -gt 128 ]; then note=" (ended by signal $((status - 128)))"
    elif [ $status -ne 0 ] && [ "$2" -eq 0 ]; then note=" (exit status $status)"
    elif [ $status -eq 0 ] && [ "$2" -ne 0 ]; then note=" (exit status 0, though tests failed)"
    elif [ $(($1 + $2 + $3)) -eq 0 ]; then note=" (ran no test)"
    fi
    [ -z "$note" ] || set -- "$1" $(($2 + 1)) "$3"

    printf '%-16s %4d passed, %d failed, %d skipped, %d s%s\n' \
        "${program##*/}" "$1" "$2" "$3" $took "$note"
    # "SKIPPED: why", from a script "SKIPPED: 12 - what (why)"; many for one reason are one line.
    sed -n 's/^SKIPPED: [0-9]* - .*(\(.*\))$/SKIPPED: \1/; /^SKIPPED: /p' "$log" | sort | uniq -c |
        sed 's/^ */    /; s/^    1 /    /'
    [ "$2" -eq 0 ] || failures "$log" | sed 's/^/    /'
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
