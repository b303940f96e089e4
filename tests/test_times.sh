#!/bin/sh
# test_times.sh - times of a stack in a file: what its bands are called, and that they come back.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_times.sh

. "$(dirname "$0")/checks.sh"

gwt=$(absolute "${GWT:?is the command to test}") || exit 2
make_scene=$(absolute "${MAKE_SCENE:?is the program that makes inputs}") || exit 2
cd "$box" || exit 2

i=0
for date in 20160517 20160602 20170301; do
    i=$((i + 1))
    "$make_scene" a_$date.tif 60 50 3 none 32 $i >"$out" 2>&1 ||
        check "a scene" "$(cat "$out")"
done

descriptions() { "$gwt" info --json "$1" | sed -n 's/^  "descriptions": \[\(.*\)\],*$/\1/p'; }
# alike NAME A B - two files have the same pixels in the same type.
alike() {
    "$gwt" stats "$2" >"$tmp/one" 2>&1
    "$gwt" stats "$3" >"$tmp/other" 2>&1
    same "$1" "$tmp/one" "$tmp/other"
}

works "a stack" calc a a_*.tif --stack time -o stack.tif -q
is "its bands are times and bands" "$(descriptions stack.tif)" \
    "$(for d in 2016-05-17 2016-06-02 2017-03-01; do
           for b in blue green red; do printf '"%s %s", ' $d $b; done
       done | sed 's/, $//')"

# As times again: all that can be asked of the files can be asked of their stack.
for expression in 'mean(a)' 'a[2].b3 - a["2016-05-17"].red' 'a["2017-03-01"]' 'max(green)' a \
    'median(a.b1 / a.b2)'; do
    works "$expression of the files" calc "$expression" a_*.tif --stack time -o x.tif -q --overwrite
    works "$expression of the stack" calc "$expression" stack.tif --stack time -o y.tif -q \
        --overwrite
    alike "are the same" x.tif y.tif
    is "and called the same" "$(descriptions y.tif)" "$(descriptions x.tif)"
done
works "the sensor names the bands of a time" calc 'mean(red)' stack.tif --stack time --sensor rgb \
    -o x.tif -q --overwrite
works "which is the first" calc 'mean(b1)' stack.tif --stack time -o y.tif -q --overwrite
alike "the same" x.tif y.tif

# Without asking, and along bands, it is a file of nine bands.
works "bands as such" calc b7 stack.tif -o x.tif -q --overwrite
is "keep their names" "$(descriptions x.tif)" '"2017-03-01 blue"'
works "stacked along bands" calc b10 stack.tif stack.tif --stack band -o x.tif -q --overwrite
is "as they are" "$(descriptions x.tif)" '"2016-05-17 blue"'

# One after the other.
works "two times" calc a a_2016*.tif --stack time -o y2016.tif -q
works "one time" calc a a_2017*.tif -o y_20170301.tif -q
is "which is no stack" "$(descriptions y_20170301.tif)" '"blue", "green", "red"'
works "a stack of stacks" calc a y2016.tif stack.tif --stack time -o x.tif -q --overwrite
is "has all times" "$(descriptions x.tif | tr ',' '\n' | grep -c red)" 5
works "and one of them by its name" calc 'a["2016-06-02"]' y2016.tif --stack time -o x.tif -q \
    --overwrite
works "as in the files" calc 'a' a_20160602.tif -o y.tif -q --overwrite
alike "the same pixels" x.tif y.tif

# A band without a name is called by its time alone.
works "indices" calc 'a.b1 / a.b2' a_*.tif --stack time -o x.tif -q --overwrite
is "their times" "$(descriptions x.tif)" '"2016-05-17", "2016-06-02", "2017-03-01"'
works "are times again" calc 'a["2016-06-02"]' x.tif --stack time -o y.tif -q --overwrite
works "explained" why 'a[3].b2' stack.tif --stack time --rowcol 20,30
holds "the time of a source" "$out" 'stack.tif band 8 (2017-03-01 green) time 2017-03-01'

# Times that are numbers have no place in names; nor are these times where they come in disorder.
for n in 1 2; do cp a_20160517.tif n$n.tif; done
works "without dates" calc a n1.tif n2.tif --stack time -o x.tif -q --overwrite
is "no times in the names" "$(descriptions x.tif)" \
    '"blue", "green", "red", "blue", "green", "red"'
for names in '2016 x,2017 y,2018 x' '2016 x,2016 x,2017 x' '2016 x,y,2017 x' \
    '12345 x,2016 x,2017 x'; do
    works "bands called $names" calc a a_20160517.tif --band-names "$names" -o y.tif -q --overwrite
    works "are no times" calc 'b3' y.tif --stack time -o x.tif -q --overwrite
    is "but bands" "$(descriptions x.tif)" "\"${names##*,}\""
done

if command -v gdalinfo >/dev/null; then
    is "GDAL sees them" "$(gdalinfo stack.tif | sed -n 's/^  Description = //p' | sed -n 2p)" \
        '2016-05-17 green'
else
    skip "GDAL sees them" "no gdalinfo"
fi

finish
