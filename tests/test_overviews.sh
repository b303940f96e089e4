#!/bin/sh
# test_overviews.sh - gwt overviews writes beside a file what --overviews writes into one, and keeps
# to the rules of every save.
#
#     GWT=.. MAKE_SCENE=.. sh tests/test_overviews.sh

. "$(dirname "$0")/checks.sh"
gwt=$(absolute "${GWT:?}") make_scene=$(absolute "${MAKE_SCENE:?}")
cd "$box" || exit 2

"$make_scene" scene.tif 701 530 3 deflate 64 || exit 1
cp scene.tif before.tif

# same_levels NAME BESIDE INSIDE LEVELS - each level of the one has the pixels of the other's.
same_levels() {
    wrong=
    for level in $(seq "$4"); do
        for file in "$2" "$3"; do
            "$gwt" calc a "$file" --overview "$level" -o "level_$file" -q --overwrite >"$out" 2>&1 ||
                wrong="$wrong $(cat "$out")"
        done
        cmp -s "level_$2" "level_$3" || wrong="$wrong level $level differs"
    done
    check "$1" "$wrong"
}

for how in average nearest mode rms bilinear cubic; do
    rm -f scene.tif.ovr
    "$gwt" overviews scene.tif --overview-resampling $how --tile-size 64 -q >"$out" 2>&1
    check "$how: written" "$(cat "$out")"
    "$gwt" convert scene.tif -o inside.tif --overviews auto --overview-resampling $how -q \
        --overwrite >"$out" 2>&1
    check "$how: into a file" "$(cat "$out")"
    same_levels "$how: the same levels" scene.tif inside.tif 4
done
check "the file itself is as it was" "$(cmp scene.tif before.tif 2>&1)"
# shellcheck disable=SC2012  # the names are plain
check "nothing else is left" "$(ls | grep part)"

"$gwt" overviews scene.tif -q >"$out" 2>&1 && status=0 || status=$?
check "one that is there is not replaced" \
    "$([ $status = 1 ] && grep -q 'scene.tif.ovr: exists' "$out" || cat "$out")"
"$gwt" overviews scene.tif --overviews 2,4 --overwrite -q >"$out" 2>&1
check "but if that is asked for" "$(cat "$out")"
"$gwt" overviews scene.tif --resume -q >"$out" 2>&1 && status=0 || status=$?
check "nothing is left to resume" "$([ $status = 1 ] || echo "exit $status")"
for list in 3 4 2,8 2,4,4 2, x 0 -2; do
    "$gwt" overviews scene.tif --overviews $list --overwrite -q >"$out" 2>&1 && status=0 || status=$?
    check "no factors: $list" "$([ $status = 1 ] && grep -q 'each twice' "$out" || cat "$out")"
done
"$gwt" overviews scene.tif --tile-size 1024 --overwrite -q >"$out" 2>&1 && status=0 || status=$?
check "an image that fits one tile" \
    "$([ $status = 1 ] && grep -q 'no overviews to write' "$out" || cat "$out")"

# 2 x 2 tiles of 512 x 512 x 3 of 2 bytes, and one overview of a tile.
"$gwt" plan a before.tif --cog --no-probe >"$out" 2>&1
check "gwt plan says what disk it takes" "$(grep -q 'up to 7.9 MB; 1 overviews' "$out" || cat "$out")"

# A mask where there is no nodata value.
"$gwt" calc 'where(b1 > 9000, nan, b1)' scene.tif -o masked.tif --dtype uint16 --mask -q \
    --dst-nodata none >"$out" 2>&1 ||
    "$gwt" calc 'where(b1 > 9000, nan, b1)' before.tif -o masked.tif --dtype uint16 --mask -q \
        >"$out" 2>&1
check "a file with a mask" "$([ -e masked.tif ] || cat "$out")"
"$gwt" convert masked.tif -o again.tif --overviews 2,4 -q >"$out" 2>&1
check "its copy has one, too" "$("$gwt" info again.tif | grep -q 'mask' || cat "$out")"
finish
