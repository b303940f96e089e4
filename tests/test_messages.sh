#!/bin/sh
# test_messages.sh - what the command says: which options it speaks of, what it advises, and that
# names and outputs are taken as they are meant, or refused.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_messages.sh

. "$(dirname "$0")/checks.sh"

gwt=$(absolute "${GWT:?is the command to test}") || exit 2
make_scene=$(absolute "${MAKE_SCENE:?is the program that makes scenes}") || exit 2
cd "$box" || exit 2

"$make_scene" scene.tif 300 200 3 deflate 64 && "$make_scene" six.tif 120 80 6 none 0 ||
    { echo "make_scene does not work"; exit 1; }

# What a program that can't be had here has not said.
absent() {      # NAME FILE TEXT
    if grep -qF -e "$3" "$2"; then check "$1" "says '$3'"; else check "$1" ''; fi
}

# ---- names in capitals ---------------------------------------------------------------------------

works "--dtype UInt16" calc a scene.tif -o upper.tif -q --dtype UInt16 --compress Deflate
works "--dtype uint16" calc a scene.tif -o lower.tif -q --dtype uint16 --compress deflate
same "the same file" upper.tif lower.tif
works "--compress LZW" calc a scene.tif -o lzw.tif -q --compress LZW --interleave Band
run info lzw.tif --json
holds "it is lzw" "$out" '"compression": "lzw"'
works "--resample, --bounds-by, --mosaic, --stack" calc a scene.tif scene.tif -o m.tif -q \
    --mosaic Mean --bounds-by Union --resample Bilinear
works "--stack, --reduce" calc a scene.tif scene.tif -o s.tif -q --stack TIME --reduce Median,Time
works "--sensor" calc 'ndvi()' six.tif -o n.tif -q --sensor L7
refused "no such type" 2 "--dtype is one of uint8, int8" calc a scene.tif -o no.tif --dtype uint24

finish
