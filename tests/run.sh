#!/bin/sh
# run.sh - run test programs, as many at a time as there are processors, and say in one last line
# how it went.
#
#     JOBS=N sh tests/run.sh build/release/tests/test_pool .. tests/test_cli.sh
#
# Those that compare times run last, one after the other. What is printed is in the order in which
# programs were given, those last: each as soon as it and all before it are done.
#
# A program is made of cmocka groups, whose own closing lines are counted; or its last line is
# "N passed, N failed, N skipped" (FILE.sh is run by sh). One line for each, with what was skipped
# and why below it; of tests that failed, all they printed. A crash, a program that is not done
# after 1500 seconds (where there is GNU timeout) and one that runs no test at all are failures too.
#
# Exit status: 0 when nothing failed, 1 when something did, 2 when there is nothing to run.

[ $# -gt 0 ] || { echo "usage: $0 PROGRAM.." >&2; exit 2; }

seconds=1500
limit=
timeout --foreground 9 true 2>/dev/null && limit="timeout --foreground -k 10 $seconds"

# The answers below are read: nobody's environment may change what they look like.
unset CMOCKA_MESSAGE_OUTPUT CMOCKA_XML_FILE CMOCKA_TEST_ABORT

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

# one PROGRAM LOG - run it. What there is to say goes to LOG.said, then its three numbers to
# LOG.count.
one() {
    program=$1 log=$2
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

    {
        printf '%-16s %4d passed, %d failed, %d skipped, %d s%s\n' \
            "${program##*/}" "$1" "$2" "$3" $took "$note"
        # "SKIPPED: why", from a script "SKIPPED: 12 - what (why)"; many for one reason are one line.
        sed -n 's/^SKIPPED: [0-9]* - .*(\(.*\))$/SKIPPED: \1/; /^SKIPPED: /p' "$log" | sort |
            uniq -c | sed 's/^ */    /; s/^    1 /    /'
        [ "$2" -eq 0 ] || failures "$log" | sed 's/^/    /'
    } >"$log.said"
    echo "$1 $2 $3" >"$log.count"
}

# show DIR - print what is said of the programs that are done, up to the first that is not. Many
# call it at a time; one at a time does it, and whoever was killed meanwhile leaves it to the last.
show() {
    tries=0
    until mkdir "$1/lock" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || return 0
        sleep 0.1
    done
    next=$(cat "$1/next")
    while [ -e "$1/$next.count" ]; do
        cat "$1/$next.said"
        next=$((next + 1))
    done
    echo "$next" >"$1/next"
    rmdir "$1/lock"
}

# As started below: program number INDEX of DIR.
if [ "$1" = --number ]; then
    one "$(sed -n "$3p" "$2/programs")" "$2/$3"
    show "$2"
    exit 0
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/gwt_run_XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

compares_times() {
    case ${1##*/} in
    test_profile | test_survive | test_resume.sh) true ;;
    *) false ;;
    esac
}

: >"$dir/last"
for program do
    if compares_times "$program"; then echo "$program" >>"$dir/last"; else echo "$program"; fi
done >"$dir/programs"
together=$(grep -c '' "$dir/programs")
cat "$dir/last" >>"$dir/programs"
echo 1 >"$dir/next"

# xargs starts them in the foreground: what sh starts in the background ignores SIGINT, and tests
# send that.
from_to() { awk "BEGIN { for (i = $1; i <= $2; i++) print i }"; }
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)}
if [ "$together" -gt 0 ]; then
    from_to 1 "$together" | xargs -n 1 -P "$jobs" sh "$0" --number "$dir"
fi
for number in $(from_to $((together + 1)) $#); do sh "$0" --number "$dir" "$number"; done

# One without a count: what ran it was killed.
rmdir "$dir/lock" 2>/dev/null
for number in $(from_to 1 $#); do
    [ ! -e "$dir/$number.count" ] || continue
    echo "$(sed -n "${number}p" "$dir/programs"): nobody saw it end" >"$dir/$number.said"
    echo "0 1 0" >"$dir/$number.count"
done
show "$dir"
cat "$dir"/*.count | awk '
    { p += $1; f += $2; s += $3 }
    END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 }'
