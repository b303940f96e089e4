#!/bin/sh
# test_same_bytes.sh - the command with and without loops for newer processors writes the same
# bytes, whatever the operation, the types, the workers and the chunks. GWT, GWT_PLAIN, MAKE_SCENE:
# programs.

. "$(dirname "$0")/checks.sh"
gwt=$(absolute "${GWT:?}") plain=$(absolute "${GWT_PLAIN:?}")
make_scene=$(absolute "${MAKE_SCENE:?}") && cd "$box" || exit 2

# EXPR OPTION.. - by both; many workers and small chunks against one worker and one chunk.
compare() {
    expression=$1
    shift
    rm -f fast.tif plain.tif
    if "$gwt" calc "$expression" scene.tif -o fast.tif -q -j 3 --chunks 37 "$@" 2>"$err" &&
        "$plain" calc "$expression" scene.tif -o plain.tif -q -j 1 --chunks 4096 "$@" 2>"$err"
    then same "$expression $*" fast.tif plain.tif
    else check "$expression $*" "failed: $(cat "$err")"
    fi
}

"$make_scene" scene.tif 517 389 4 lzw 64 || exit 1
for type in uint8 int16 uint32 float32 float64; do
    for expression in 'norm_diff(b2, b3)' 'b1 * b2 - b3 / (b4 + 0.1)' 'sqrt(b1) * 0.3 + b2 ** 1.5' \
        'where(b1 > b2 && b3 != b4, clip(b1, 100, 9000), nan)' 'exp(b1 / 30000) - log(b2 + 1)' \
        'tanh(b1 / 1e4) + abs(b2 - b3)' 'median(a)' 'std(a)' 'moving_std(b1, 9)' \
        'moving_mean(b2 / 7, 15)' 'moving_max(b3, 21)' 'moving_percentile(b4, 3, 30)' 'argmax(a)' \
        'b1 * b2' 'b1 * 255 - b2' '(b1 - b2) * (b3 + 7)' 'b1 * 300 + b2 * 300' 'mean(a)' 'sum(a)' \
        'where(b1 > b2, b3 / b4, -b1)' 'clip((b1 - b2) / (b1 + b2), -0.25, 0.1)' 'var(a)' \
        'min(b1 / b2, b3 / b4)' 'abs(b1 - b2) / 3' 'b1 / (b2 - b2)' 'max(b1, b2) > b3' \
        'floor(b1 / 7) + ceil(b2 / 7) - round(b3 / 8) * trunc(b4 / 7)' 'sign(b1 - b2) + mod(b1, 7)' \
        'hypot(b1, b2) + atan2(b1, b2)'; do
        compare "$expression" --dtype $type --nodata 0
    done
done
compare 'a' --every 3
compare 'a' --res 70 --resample cubic --dtype float32 --nodata 0
compare 'a' --res 100 --resample average --dtype float64 --nodata 0
compare 'a' --compress deflate --predictor 2
compare 'a' --stats --interleave band
compare 'norm_diff(b2, b3) / 3' --stats --dtype float32
finish
