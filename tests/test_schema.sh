#!/bin/sh
# test_schema.sh - gwt info: all of what a file says of itself, in words and as JSON, which has to be
# as info.schema.json says for all files that there are here.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_schema.sh

. "$(dirname "$0")/checks.sh"

gwt=$(absolute "${GWT:?is the command to test}") || exit 2
make_scene=$(absolute "${MAKE_SCENE:?is the program that makes inputs}") || exit 2
cd "$box" || exit 2

cat >"$tmp/oracle.py" <<'EOT'
import json
import struct
import sys


def write(path, *directories):
    """A little-endian TIFF; of each directory {tag: (type, values)}, texts as bytes."""
    letters = {1: "B", 2: "s", 3: "H", 4: "I", 5: "Q", 12: "d"}
    data = bytearray(b"II*\0\0\0\0\0")
    link = 4
    for tags in directories:
        tags = dict(tags)
        tags[273] = (4, [len(data)])
        data += bytes(tags[279][1][0])
        packed = {}
        for tag, (kind, values) in tags.items():
            if kind == 2:
                packed[tag] = (kind, len(values) + 1, values + b"\0")
            else:
                packed[tag] = (kind, len(values), struct.pack("<%d%s" % (len(values),
                                                                         letters[kind]), *values))
        for tag, (kind, count, value) in packed.items():
            if len(value) > 4:
                data += b"\0" * (len(data) % 2)
                at = len(data)
                data += value
                packed[tag] = (kind, count, struct.pack("<I", at))
        data += b"\0" * (len(data) % 2)
        struct.pack_into("<I", data, link, len(data))
        data += struct.pack("<H", len(packed))
        for tag in sorted(packed):
            kind, count, value = packed[tag]
            data += struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")
        link = len(data)
        data += b"\0" * 4
    open(path, "wb").write(data)


def image(width, height, bands=1, photometric=1, **more):
    return {256: (3, [width]), 257: (3, [height]), 258: (3, [8] * bands), 259: (3, [1]),
            262: (3, [photometric]), 277: (3, [bands]), 278: (3, [height]),
            279: (4, [width * height * bands]), 339: (3, [1] * bands)}


def make():
    # A CRS without a code: transverse Mercator of its own.
    keys = [1, 1, 0, 8, 1024, 0, 1, 1, 1025, 0, 1, 1, 1026, 34737, 16, 0, 2049, 34737, 7, 16,
            3072, 0, 1, 32767, 3075, 0, 1, 1, 3080, 34736, 1, 0, 3092, 34736, 1, 1]
    own = image(20, 10)
    own.update({33550: (12, [30., 30., 0.]), 33922: (12, [0., 0., 0., 500000., 4e6, 0.]),
                34735: (3, keys), 34736: (12, [-57.5, .9996]),
                34737: (2, b"Site grid, mine|WGS 84|")})
    write("own.tif", own)
    geographic = image(20, 10)
    geographic.update({34735: (3, [1, 1, 0, 3, 1024, 0, 1, 2, 2048, 0, 1, 4326, 2049, 34737, 7, 0]),
                       34737: (2, b"WGS 84|")})
    write("geographic.tif", geographic)
    for code in 32621, 32599:      # one that is, one that is not; neither is named
        coded = image(20, 10)
        coded[34735] = (3, [1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, code])
        write(f"coded{code}.tif", coded)
    palette = image(8, 4, 1, 3)
    palette[320] = (3, list(range(768)))
    write("palette.tif", palette)
    for name, bits, kind in (("four", 4, 1), ("complex", 32, 5)):
        other = image(8, 4)
        other.update({258: (3, [bits]), 279: (4, [4 * bits]), 339: (3, [kind])})
        write(name + ".tif", other)
    rgba = image(8, 4, 4, 2)
    rgba[338] = (3, [2])
    write("rgba.tif", rgba)
    small, mask = image(10, 5), image(20, 10)
    small[254], mask[254] = (4, [1]), (4, [4])
    smaller = image(5, 2)
    smaller[254] = (4, [1])
    write("overviews.tif", image(20, 10), small, smaller, mask)
    told = image(8, 4, 2)
    told.update({270: (2, b"a \"scene\""), 305: (2, b"maker 1.0"), 306: (2, b"2026:11:29 12:00:00"),
                 42112: (2, b"""<GDALMetadata>
  <Item name="SATELLITE">S &amp;amp; T</Item>
  <Item name="LINE_OFF" domain="RPC">12</Item>
  <Item name="SATELLITE">another</Item>
  <Item name="TILE_CRC32" domain="GWT">00</Item>
  <Item name="STATISTICS_MINIMUM" sample="1">1</Item>
  <Item name="STATISTICS_MAXIMUM" sample="1">7.5</Item>
  <Item name="STATISTICS_MEAN" sample="1">nan</Item>
  <Item name="UNITTYPE" sample="0" role="unittype">m</Item>
  <Item name="DESCRIPTION" sample="0" role="description">height</Item>
  <Item name="WAVELENGTH" sample="0">0.48</Item>
</GDALMetadata>""")})
    write("told.tif", told)
    # A scan with points on the ground: 300 / 1 and 236 / 2 pixels a centimetre.
    scan = image(8, 4)
    scan.update({282: (5, [300 | 1 << 32]), 283: (5, [236 | 2 << 32]), 296: (3, [3]),
                 700: (1, list(b"<xmp/>")), 34675: (1, [0] * 5), 50844: (12, [1.] * 92),
                 33922: (12, [0., 0., 0., 10., 50., 0., 8., 0., 0., 11., 50., 0.])})
    write("scan.tif", scan)
    # Keys that lie outside of their lists, and a list shorter than it says.
    bad = image(8, 4)
    bad.update({34735: (3, [1, 1, 0, 900, 1024, 0, 1, 1, 1026, 34737, 99, 0, 3080, 34736, 1, 7,
                            3081, 34735, 2, 0, 60000, 0, 1, 5]), 34737: (2, b"x|")})
    write("bad.tif", bad)


def has(answer, key, expected):
    got = json.load(open(answer, encoding="utf-8"))
    for part in key.split("."):
        got = got.get(part)
    if got != json.loads(expected):
        print("got", json.dumps(got), "expected", expected)


{"make": make, "has": has}[sys.argv[1]](*sys.argv[2:])
EOT

# has FILE KEY JSON - in what gwt info --json says of it.
has() {
    run info --json "$1"
    cp "$out" "$tmp/has.json"
    check_python "$2 of $1" has "$tmp/has.json" "$2" "$3"
}
# says FILE LINE - as text.
says() {
    run info "$1"
    holds "$1: $2" "$out" "$2"
}

check_python "files" make
if [ -z "$python" ]; then finish; exit; fi

# ---- what is said --------------------------------------------------------------------------------

if command -v ldd >/dev/null && ldd "$gwt" 2>/dev/null | grep -q libproj; then
    has coded32621.tif crs.name '"WGS 84 / UTM zone 21N"'
    says coded32621.tif '  crs          EPSG:32621, WGS 84 / UTM zone 21N, pixel is area'
else
    skip "the name that PROJ has for a code" "gwt is built without PROJ"
fi
has coded32599.tif crs.name null
has own.tif crs '{"name": "Site grid, mine", "kind": "projected", "geokeys": {"GTModelTypeGeoKey": 1,
    "GTRasterTypeGeoKey": 1, "GTCitationGeoKey": "Site grid, mine", "GeogCitationGeoKey": "WGS 84",
    "ProjectedCSTypeGeoKey": 32767, "ProjCoordTransGeoKey": 1, "ProjNatOriginLongGeoKey": -57.5,
    "ProjScaleAtNatOriginGeoKey": 0.9996}}'
has own.tif epsg null
says own.tif '  crs          without an EPSG code, Site grid, mine, projected, pixel is area'
says own.tif '    ProjCoordTrans 1 (Transverse Mercator)'
says own.tif '    ProjNatOriginLong -57.5'
has geographic.tif crs.name '"WGS 84"'
has geographic.tif crs.kind '"geographic"'
has geographic.tif transform null
says geographic.tif '  crs          EPSG:4326, WGS 84, pixel is area'
says geographic.tif '  transform    none'
has palette.tif palette 256
has palette.tif colors '["palette"]'
has palette.tif crs null
says palette.tif '  palette      256 colours'
has four.tif nbits 4
has four.tif dtype '"uint8"'
says four.tif '1 band of uint8 (of 4 bits in the file), 32'
has complex.tif complex true
has complex.tif dtype '"int16"'
says complex.tif '1 band of int16 (as real part: its numbers are complex), 64'
for part in real imag abs phase; do
    works "stats of complex numbers, $part" stats complex.tif --complex $part
    works "a picture, $part" quicklook complex.tif -o $part.png --complex $part -q
    works "a copy, $part" convert complex.tif -o copy.tif --complex $part -q --overwrite
    works "verify, $part" verify complex.tif
done
run stats complex.tif
is "complex numbers, and no part: the status" "$status" 1
holds "it is told what to say" "$err" 'of which --complex says what is wanted: real, imag'
run stats own.tif --complex abs
is "a part of what is not complex: the status" "$status" 1
holds "it is told why" "$err" '--complex asks for a part of complex numbers'
has rgba.tif colors '["red", "green", "blue", "alpha"]'
has rgba.tif alpha 4
says rgba.tif '  band 4       -   alpha'
has overviews.tif overview_sizes '[[10, 5], [5, 2]]'
has overviews.tif mask '"directory 4"'
says overviews.tif '  overviews    2: 10 x 5, 5 x 2'
has told.tif metadata '{"": {"SATELLITE": "S & T"}, "RPC": {"LINE_OFF": "12"}}'
has told.tif band_metadata '[{"": {"WAVELENGTH": "0.48"}}, {"": {"STATISTICS_MINIMUM": "1",
    "STATISTICS_MAXIMUM": "7.5", "STATISTICS_MEAN": "nan"}}]'
has told.tif statistics '[null, {"min": 1, "max": 7.5, "mean": "nan"}]'
has told.tif units '["m", null]'
has told.tif texts '{"ImageDescription": "a \"scene\"", "Software": "maker 1.0",
    "DateTime": "2026:11:29 12:00:00"}'
says told.tif '  band 1       height   unit m'
says told.tif '    stored:    min 1, max 7.5, mean nan'
says told.tif '    WAVELENGTH=0.48'
says told.tif '    SATELLITE=S & T'
says told.tif '    RPC LINE_OFF=12'
says told.tif '    Software=maker 1.0'
has scan.tif texts '{"XResolution": "300", "YResolution": "118", "ResolutionUnit": "cm"}'
has scan.tif others '{"xmp_bytes": 6, "icc_profile_bytes": 5, "rpc_coefficients": 92, "gcps": 2}'
has own.tif others null
says scan.tif '    XMP: 6 bytes'
says scan.tif '    ground control points: 2'
# Pixels 0 .. 3 in two rows of two: the mean is 1.5, the variance 1.25; nodata 0 leaves 1, 2, 3.
works "a file with statistics" calc 'col() + 2 * row()' own.tif --window 0,0,2,2 --dtype uint8 \
    -o fig.tif -q --stats
has fig.tif statistics '[{"min": 0, "max": 3, "mean": 1.5, "std": 1.1180339887499,
    "valid_percent": 100}]'
says fig.tif '    stored:    min 0, max 3, mean 1.5, std 1.1180339887499, valid_percent 100'
works "one with nodata" convert fig.tif -o fig0.tif -q --stats --nodata 0
says fig0.tif '    stored:    min 1, max 3, mean 2, std 0.81649658092773, valid_percent 75'
has bad.tif crs.geokeys '{"GTModelTypeGeoKey": 1, "ProjNatOriginLatGeoKey": [1, 1], "60000": 5}'

# ---- several files -------------------------------------------------------------------------------

works "several files" info own.tif palette.tif
is "each by its name" "$(grep -c '^own.tif$\|^palette.tif$' "$out")" 2
works "a pattern" info '*a*.tif' --json
is "an array" "$("$python" -c 'import json, sys; print(*(i["file"] for i in json.load(sys.stdin)))' \
    <"$out")" 'bad.tif geographic.tif palette.tif rgba.tif scan.tif'
run info --json own.tif no.tif palette.tif
is "one that is not there: the status" "$status" 1
holds "it is named" "$err" no.tif
is "the others are told" "$("$python" -c 'import json, sys; print(len(json.load(sys.stdin)))' \
    <"$out")" 2
run info --json own.tif
is "of one file an object" "$(head -c 1 "$out")" '{'

# ---- all files that there are here ---------------------------------------------------------------

for words in '30 20 1 none 0' '70 50 3 deflate 32' '300 200 6 lzw 64'; do
    # shellcheck disable=SC2086  # several words
    "$make_scene" "scene ${words##* }.tif" $words >"$out" 2>&1
done
for type in uint8 int8 uint16 int16 uint32 int32 uint64 int64 float32 float64; do
    run calc b1 'scene 32.tif' -o $type.tif --dtype $type --dst-nodata 1 --bigtiff yes --checksums \
        --tag 'A=<b> & "c"' -q
done
run calc 'ndvi()' 'scene 64.tif' -o ndvi.tif --dst-nodata nan --compress zstd -q
tiny "$(description 'a "b" \ <c>')" >tiny.tif
ls ./*.tif "$here"/../shared/golden/*.tif "$here"/../shared/data/*.tif "$here"/../../shared/*/*.tif \
    2>/dev/null >"$tmp/all"
checked=0
mkdir "$tmp/json"
while read -r file; do
    run info --json "$file"
    wrong=$(not_done)
    [ -z "$wrong" ] || check "info --json of $file" "$wrong"
    checked=$((checked + 1))
    cp "$out" "$tmp/json/$checked.json"
done <"$tmp/all"
wrong=$("$python" "$here/schema.py" "$here/info.schema.json" "$tmp"/json/*.json 2>&1)
check "info --json is as the schema says" "$wrong"
check "$checked files were asked" "$([ "$checked" -ge 20 ] || echo "only $checked")"

# The checker can find fault.
printf '{"file": "x", "width": "1"}' >"$tmp/one.json"
"$python" "$here/schema.py" "$here/info.schema.json" "$tmp/one.json" >"$out" 2>&1
holds "the checker finds a wrong type" "$out" 'answer.width: "1" is not type integer'
holds "the checker finds what is not there" "$out" 'is not required'

finish
