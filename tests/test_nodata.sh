#!/bin/sh
# test_nodata.sh - the table of README: what each operation makes of a missing pixel, in which type,
# with which nodata value.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_nodata.sh
#
# The table is what is expected; a line of it that is wrong fails, and so does a table without lines.

. "$(dirname "$0")/checks.sh"
readme=$here/../README.md
gwt=$(absolute "${GWT:?}") make_scene=$(absolute "${MAKE_SCENE:?}") && cd "$box" || exit 2

field() { tr -d ' \n' <"$2" | grep -o "\"$1\":[^,}]*" | head -n 1 | cut -d : -f 2- | tr -d '"'; }

# gives EXPRESSION VALUE TYPE NODATA - all pixels of the result are VALUE, or missing.
gives() {
    "$gwt" calc "$1" m.tif s.tif --stack band --band-names m,s -o out.tif -q --overwrite 2>err &&
        "$gwt" info --json out.tif >info && "$gwt" stats --json out.tif >stats ||
        { head -n 1 err; return; }
    least=$(field min stats) most=$(field max stats) nodata=$(field nodata info)
    [ "$least" = "$most" ] || printf 'from %s to %s; ' "$least" "$most"
    [ "$least" != null ] || least=missing
    [ "$least" = "$2" ] || printf '%s, not %s; ' "$least" "$2"
    [ "$(field dtype info)" = "$3" ] || printf '%s, not %s; ' "$(field dtype info)" "$3"
    case $4,$nodata in NaN,null | none,null) ;;
    *) [ "$nodata" = "$4" ] || printf 'nodata %s, not %s; ' "$nodata" "$4" ;;
    esac
}

"$make_scene" scene.tif 40 30 1 none 16 &&
    "$gwt" calc 'valid(b1) * 0 + 7' scene.tif -o s.tif -q --dtype uint8 --dst-nodata 0 &&
    "$gwt" calc 'mask(b1, 7)' s.tif -o m.tif -q --dtype uint8 --dst-nodata 0 || exit 2

sed -n 's/^|[^|]*| `\([^`]*\)` | \([^ |]*\) | \([^ |]*\) | \([^ |]*\) |$/\1|\2|\3|\4/p' "$readme" >table
[ "$(wc -l <table)" -ge 40 ] || check 'the table of README' "it has $(($(wc -l <table))) lines"
while IFS='|' read -r what value type nodata; do
    check "$what" "$(gives "$what" "$value" "$type" "$nodata")"
done <table
finish
