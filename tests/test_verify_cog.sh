#!/bin/sh
# test_verify_cog.sh - gwt verify --cog says of a file which rule it breaks, each broken by hand.
#
#     GWT=.. MAKE_SCENE=.. sh tests/test_verify_cog.sh

. "$(dirname "$0")/checks.sh"
gwt=$(absolute "${GWT:?}") make_scene=$(absolute "${MAKE_SCENE:?}")
cd "$box" || exit 2

"$make_scene" scene.tif 1300 1100 1 deflate 256 || exit 1
"$gwt" calc 'where(b1 > 12000, nan, b1)' scene.tif -o good.tif --cog --mask --compress deflate \
    --dtype uint16 -q >"$out" 2>&1
check "a file to look at" "$(cat "$out")"

# verdict NAME FILE STATUS TEXT - its exit status, and a line with that text.
verdict() {
    "$gwt" verify --cog "$2" -q >"$out" 2>&1 && status=0 || status=$?
    wrong=
    [ $status = "$3" ] || wrong="exit $status"
    [ -z "$4" ] || grep -q "BROKEN $4" "$out" || wrong="$wrong; $(cat "$out")"
    [ -n "$4" ] || ! grep -q BROKEN "$out" || wrong="$wrong; $(cat "$out")"
    check "$1" "$wrong"
}

verdict "a good one" good.tif 0 ''
verdict "an ordinary file" scene.tif 1 'the first directory follows the header'
verdict "its tiles come first" scene.tif 1 'all directories lie before all tiles'
"$gwt" verify --cog good.tif >"$out"
check "it says so" "$(grep -q 'good.tif: cloud-optimised' "$out" || cat "$out")"

# at OFFSET BYTES FILE - a copy of the good one, changed there.
changed() {
    cp good.tif "$3"
    # shellcheck disable=SC2059  # the bytes are a format
    printf "$2" | dd of="$3" bs=1 seek="$1" conv=notrunc 2>/dev/null
}
offset_of() { LC_ALL=C grep -abo "$1" good.tif | head -n 1 | cut -d: -f1; }

edition=$(offset_of 'EDITION=NO')
changed $((edition + 8)) 'YES\n' edited.tif
verdict "changed by another program" edited.tif 1 'no program has changed'
layout=$(offset_of 'IFDS_BEFORE')
changed "$layout" 'XFDS' layout.tif
verdict "another layout" layout.tif 1 'the text says LAYOUT'

if [ -n "$python" ]; then
    # The offset and size of the first tile of the k-th directory, written by hand.
    cat >tiles.py <<'END'
import struct, sys
data, at = open(sys.argv[1], "rb").read(), 4
for k in range(int(sys.argv[2]) + 1):
    at, = struct.unpack_from("<I", data, at)
    n, = struct.unpack_from("<H", data, at)
    tags = {}
    for i in range(n):
        tag, kind, count, value = struct.unpack_from("<HHII", data, at + 2 + 12 * i)
        tags[tag] = value if count == 1 else struct.unpack_from("<I", data, value)[0]
    first = at
    at += 2 + 12 * n
where = [first + 2 + 12 * i + 8 for i in range(n)
         if struct.unpack_from("<H", data, first + 2 + 12 * i)[0] == 324]
print(tags[324], tags[325], where[0])
END
    for k in 0 1 2 3; do
        # shellcheck disable=SC2046  # three numbers
        set -- $("$python" tiles.py good.tif $k)
        [ $((k % 2)) = 0 ] && what=image || what=mask
        changed $(($1 - 4)) '\001\002\003\004' leader.tif
        verdict "directory $k: a size before a tile" leader.tif 1 "tiles of $what .*tile 0 has another"
        changed $(($1 + $2)) '\377\001\376\002' trailer.tif
        verdict "directory $k: bytes behind a tile" trailer.tif 1 "tiles of $what .*tile 0 has other"
    done
else
    skip "frames of tiles" "no python3"
fi
: >empty.tif
verdict "an empty file" empty.tif 1 'it is a TIFF'
head -c 700 good.tif >short.tif
verdict "one that ends in its directories" short.tif 1 'its directories can be read'
cp good.tif beside.tif
cp good.tif beside.tif.ovr
verdict "overviews beside it" beside.tif 1 'there are no overviews in another file'
finish
