#!/bin/sh
# same_everywhere.sh - the same command gives the same file, byte for byte, however gwt.h was
# compiled and whatever processor runs it: gcc -std=c11 (the reference) against gcc -std=gnu11 and
# clang -std=gnu11 for a processor with a fused multiply-add, and against gcc -std=c11 and -std=gnu11
# for s390x, which is big-endian, has one too, and under -std=c11 computes float in double.
#
#     MAKE=make GWT=.. MAKE_SCENE=.. BIG_ENDIAN=.. sh tests/same_everywhere.sh
#
# Builds the others with MAKE, as far as this machine can (make deps-ci; s390x runs under qemu).
# What predictor 3 wrote there is read back, here and there. KEEP=DIR keeps all files there.

. "$(dirname "$0")/checks.sh"
gwt=$(absolute "${GWT:?}") make_scene=$(absolute "${MAKE_SCENE:?}")
big_endian=$(absolute "${BIG_ENDIAN:?}") root=$PWD make=${MAKE:-make}
sysroot=$root/build/s390x-root
types='uint8 int8 uint16 int16 uint32 int32 uint64 int64 float32 float64'
mkdir "$box/in"
at_end() { [ -z "${KEEP:-}" ] || cp -r "$box/." "$KEEP"; }

# ---- jobs: expression | inputs | options, all of gwt calc ----------------------------------------

codec_jobs() {
    for type in $types; do
        for codec in none lzw deflate zstd packbits lzma; do
            echo "a|$type.tif|--compress $codec"
        done
        echo "a|$type.tif|--compress lzw --predictor 2 --interleave band"
        echo "a|$type.tif|--compress deflate --predictor 2 --level 9 --tile-size 32"
        echo "a|$type.tif|--compress zstd --predictor 2 --bigtiff yes --checksums"
    done
    for type in float32 float64; do
        for codec in lzw deflate zstd lzma; do
            echo "a|$type.tif|--compress $codec --predictor 3"
            echo "a * 1.5|$type.tif|--compress $codec --predictor 3 --interleave band --tile-size 48"
        done
        echo "a|be_$type.tif|--compress deflate --predictor 3 --bigtiff yes"
        echo "b1 - b2|bigbe_$type.tif|--compress zstd --predictor 3 --sparse"
    done
}

big_endian_jobs() {
    for type in $types; do
        echo "a|be_$type.tif|--compress lzw"
        echo "a|bigbe_$type.tif|--compress deflate --predictor 2 --interleave band"
        echo "b1 * 0.3 + b2 / 7|be_$type.tif|--dtype float32 --nodata 0 --compress none"
    done
}

pixel_jobs() {
    for type in uint16 float32 float64; do
        for expression in 'norm_diff(b2, b3)' 'b1 * b2 - b3 / (b4 + 0.1)' 'sqrt(b1) * 0.3 + b2' \
            'where(b1 > b2 && b3 != b4, clip(b1, 1, 9000), nan)' 'b1 * 0.7 + b2 * 0.2 + b3 * 0.1' \
            '(b1 - b2) * (b3 + 7) - b4' 'abs(b1 - b2) / 3' 'mean(a)' 'sum(a)' 'std(a)' 'var(a)' \
            'median(a)' 'percentile(a, 35)' 'argmax(a)' 'count(a)' 'min(b1 / b2, b3 / b4)'; do
            echo "$expression|$type.tif|--dtype float64 --nodata -1"
        done
        echo "b1 * 0.01 + b2 * 0.03|$type.tif|--dtype int16 --nodata 0"
        echo "norm_diff(b2, b3) * 0.5 + b1 * 1e-5|be_$type.tif|--dtype float32"
    done
}

resampling_jobs() {
    for how in nearest bilinear cubic average; do
        for type in uint8 int16 float32 float64; do
            echo "a|$type.tif|--res 70 --resample $how"
            echo "a|$type.tif|--res 12.5 --resample $how --compress deflate"
        done
        echo "a * 0.5 + 3|be_int32.tif|--res 47 --resample $how --dtype float32 --nodata 0"
    done
    echo "a|float32.tif|--every 3"
    echo "a|uint16.tif|--window 11,17,70,93 --interleave band"
    echo "a|be_uint16.tif|--window 60,5,40,140 --select 3,1"
}

window_jobs() {
    for stat in mean sum std var min max median count; do
        echo "moving_$stat(b1, 3)|float32.tif|--dtype float32"
        echo "moving_$stat(b2 / 7, 9)|float64.tif|--dtype float64"
        echo "moving_$stat(b3, 5)|be_uint16.tif|--dtype float64 --nodata -1"
    done
    for p in 10 33.3 90; do
        echo "moving_percentile(b1, 5, $p)|float32.tif|--dtype float32"
        echo "moving_percentile(b4, 7, $p)|uint16.tif|--dtype float64 --nodata -1"
    done
}

time_jobs() {
    for stat in mean sum min max std var median count first last argmax skew range mode all any; do
        echo "$stat(a)|t1.tif t2.tif t3.tif t4.tif|--stack time --dtype float64 --nodata -1"
        echo "$stat(a * 0.1)|t1.tif be_t2.tif t3.tif|--stack time --dtype float32 --nodata -1"
    done
    for p in 5 50 72.5; do
        echo "percentile(a, $p)|t1.tif t2.tif t3.tif t4.tif|--stack time --dtype float32 --nodata -1"
    done
    for how in mean min max first last; do
        echo "a|t1.tif t2.tif|--mosaic $how --dtype float32 --nodata 0"
    done
    for expression in 'slope(x)' 'intercept(x)' 'cumsum(x)' 'diff(x)' 'interpolate(x)' \
            'slope(interpolate(x))' 'best(a, x)' 'best(x, -a.b2)'; do
        expression="x = where(a.b1 % 3 == 0, nan, a * 0.1); $expression"
        echo "$expression|t1.tif t2.tif t3.tif t4.tif|--stack time --dtype float64 --nodata -1"
        echo "$expression|t1.tif be_t2.tif t3.tif|--stack time --dtype float32 --nodata -1"
    done
}

statistics_jobs() {
    for type in $types; do echo "a|$type.tif|--stats --tile-size 32"; done
    echo "norm_diff(b2, b3)|be_uint16.tif|--stats --dtype float32 --interleave band --sparse"
}

# ---- inputs, made by the reference ---------------------------------------------------------------

make_inputs() {
    for t in 1 2 3 4; do "$make_scene" in/t$t.tif 150 130 4 lzw 64 $t || return 1; done
    for type in $types; do
        case $type in
        uint8) expression='a / 128' ;;
        int8) expression='a / 256 - 40' ;;
        uint16) expression='a' ;;
        int16) expression='a - 12000' ;;
        uint32) expression='a * 100000' ;;
        int32) expression='(a - 12000) * 90000' ;;
        uint64) expression='a * 1e12' ;;
        int64) expression='(a - 12000) * 1e13' ;;
        float32) expression='a / 7000' ;;
        *) expression='a / 7 - 1000' ;;
        esac
        "$gwt" calc "$expression" in/t1.tif -o in/$type.tif -q --dtype $type --nodata 0 \
            --tile-size 64 || return 1
        "$big_endian" in/$type.tif in/be_$type.tif || return 1
        "$big_endian" in/$type.tif in/bigbe_$type.tif big || return 1
    done
    "$big_endian" in/t2.tif in/be_t2.tif
}

# ---- one build: all jobs, in a folder of its own -------------------------------------------------

# run_jobs NAME COMMAND.. - job 7 writes NAME/7.tif, or NAME/7.failed says why not.
run_jobs() {
    to=$1 n=0
    shift
    mkdir "$to"
    while IFS='|' read -r expression inputs options; do
        n=$((n + 1)) files=
        for input in $inputs; do files="$files in/$input"; done
        # shellcheck disable=SC2086  # files and options are words
        "$@" calc "$expression" $files -o "$to/$n.tif" -q -j 1 $options \
            >"$to/$n.failed" 2>&1 </dev/null && rm "$to/$n.failed"
    done <jobs.txt
}

# What is wrong with job N of a build: nothing, or a few words.
wrong_with() {  # BUILD N
    if [ -e "$1/$2.failed" ]; then echo "failed: $(tail -n 1 "$1/$2.failed")"
    elif ! cmp -s "reference/$2.tif" "$1/$2.tif"; then
        echo "$(cksum <"$1/$2.tif") is not $(cksum <"reference/$2.tif")"
    fi
}

# compare BUILD - each job is a test; those that differ make a table.
compare() {
    n=0 differ=0
    while IFS='|' read -r expression inputs options; do
        n=$((n + 1))
        wrong=$(wrong_with "$1" $n)
        if [ -z "$wrong" ]; then passed=$((passed + 1)); continue; fi
        failed=$((failed + 1)) differ=$((differ + 1))
        printf '    %4d  %s %s %s: %s\n' $n "$expression" "$inputs" "$options" "$wrong"
    done <jobs.txt
    echo "$1: $((n - differ)) of $n files have the same bytes"
}

# read_back BUILD COMMAND.. - what it wrote with predictor 3 has the values that went in, by the
# reference and by itself: checksums of the values without and with the predictor.
read_back() {
    build=$1 n=0 bad=0
    shift
    for type in float32 float64; do
        "$gwt" calc 'a * 1.5' in/$type.tif -o plain_$build.tif -q --compress none --overwrite
        "$gwt" stats plain_$build.tif >expected 2>&1
        for codec in lzw deflate zstd lzma; do
            for layout in pixel band; do
                n=$((n + 1)) file=p3_$build.tif
                "$@" calc 'a * 1.5' in/$type.tif -o $file -q -j 1 --overwrite --predictor 3 \
                    --compress $codec --interleave $layout 2>error &&
                    "$gwt" stats $file >here 2>&1 && "$@" stats $file >there 2>&1 &&
                    cmp -s expected here && cmp -s expected there && continue
                bad=$((bad + 1))
                echo "    $type $codec $layout: predictor 3 reads back other values" && cat error
            done
        done
    done
    passed=$((passed + n - bad)) failed=$((failed + bad))
    echo "$build: $((n - bad)) of $n files with predictor 3 read back as they were"
}

# ---- the other builds ----------------------------------------------------------------------------

absent() {      # BUILD WHY - its jobs are skipped
    skipped=$((skipped + $(wc -l <jobs.txt)))
    echo "SKIPPED: $(($(wc -l <jobs.txt))) - $1 ($2)"
}

has_fma() {
    case $(uname -m) in
    x86_64) grep -qw fma /proc/cpuinfo && grep -qw avx2 /proc/cpuinfo ;;
    aarch64 | arm64) true ;;
    *) false ;;
    esac
}

build() {       # PROGRAM VARIABLE.. - by make, from the root; else a failure
    (cd "$root" && "$make" config=release WERROR=1 "$@") >"$tmp/build" 2>&1 && return
    check "$*" "$(tail -n 5 "$tmp/build")"
    return 1
}

fused() {       # NAME COMPILER
    folder=$("$make" -s --no-print-directory -C "$root" config=release CC="$2" folder)
    if ! command -v "$2" >/dev/null; then absent "$1" "no $2"
    elif ! has_fma; then absent "$1" "no processor with a fused multiply-add"
    elif build "$folder/gwt-gnu" CC="$2"; then
        run_jobs "$1" "$root/$folder/gwt-gnu" &
        builds="$builds $1"
    fi
}

s390x() {       # NAME PROGRAM
    cross='s390x-linux-gnu-gcc' folder=build/release-s390x-linux-gnu-gcc
    if ! command -v $cross >/dev/null; then absent "$1" "no $cross: make deps-ci"
    elif ! command -v qemu-s390x-static >/dev/null; then absent "$1" "no qemu-s390x-static"
    elif ! [ -d "$sysroot" ]; then absent "$1" "no libtiff for s390x: make deps-ci"
    elif build "$folder/$2" CC="$cross --sysroot=$sysroot" march= PROJ= tiff_cflags= \
        tiff_libs='-ltiff -lz'; then
        run_jobs "$1" qemu-s390x-static -L "$sysroot" "$root/$folder/$2" &
        builds="$builds $1" there="qemu-s390x-static -L $sysroot $root/$folder/$2"
    fi
}

cd "$box" || exit 2
{
    codec_jobs; big_endian_jobs; pixel_jobs; resampling_jobs; window_jobs; time_jobs
    statistics_jobs
} >jobs.txt
make_inputs || { echo "the inputs can't be made"; exit 1; }
builds='' there=''
run_jobs reference "$gwt"
s390x s390x-c11 gwt
s390x s390x-gnu11 gwt-gnu
fused gcc-gnu11-fma gcc
fused clang-gnu11-fma clang
wait
n=$(find reference -name '*.failed' | wc -l)
[ "$n" -eq 0 ] || head -n 1 reference/*.failed
check "the reference runs $(($(wc -l <jobs.txt))) jobs" "$([ "$n" -eq 0 ] || echo "$n failed")"
for build in $builds; do compare "$build"; done
read_back reference "$gwt"
# shellcheck disable=SC2086  # words
[ -z "$there" ] || read_back s390x $there
finish
