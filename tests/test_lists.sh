#!/bin/sh
# test_lists.sh - gwt sensors and gwt codecs: that what they list is what there is.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_lists.sh

. "$(dirname "$0")/checks.sh"

gwt=$(absolute "${GWT:?is the command to test}") || exit 2
make_scene=$(absolute "${MAKE_SCENE:?is the program that makes inputs}") || exit 2
cd "$box" || exit 2

cat >"$tmp/oracle.py" <<'EOT'
import json
import sys

# As USGS, ESA and geowombat order and call them.
SENSORS = {
    "rgb": "red green blue", "bgr": "blue green red", "bgrn": "blue green red nir",
    "l7": "blue green red nir swir1 swir2",
    "l8": "coastal blue green red nir swir1 swir2 cirrus",
    "s2": "blue green red nir1 nir2 nir3 nir rededge swir1 swir2",
}


def sensors(text, answer):
    said = json.load(open(answer))
    for name, bands in SENSORS.items():
        if said.get(name) != bands.split():
            print(name, "is", said.get(name))
    lines = dict((line.split()[0], line.split()[1:]) for line in open(text))
    if lines != said:
        print("text and JSON differ")


def codecs(text, answer):
    said = json.load(open(answer))
    lines = dict((line[:15].strip(), line[15:].split()) for line in open(text))
    del lines["codec"]
    if lines != {name: ["yes" if c["read"] else "-", "yes" if c["write"] else "-"]
                 for name, c in said.items()}:
        print("text and JSON differ")
    if any(c["write"] and not c["read"] for c in said.values()):
        print("written, but not read")


{"sensors": sensors, "codecs": codecs}[sys.argv[1]](*sys.argv[2:])
EOT

# ---- sensors -------------------------------------------------------------------------------------

works "sensors" sensors
cp "$out" "$tmp/sensors.txt"
works "sensors --json" sensors --json
cp "$out" "$tmp/sensors.json"
check_python "sensors and their bands" sensors "$tmp/sensors.txt" "$tmp/sensors.json"

# A sensor that is listed is one that --sensor takes, with as many bands as are listed: the last one
# by its name is the last one by its number.
"$make_scene" one.tif 20 16 1 >"$out" 2>&1
while read -r sensor bands; do
    # shellcheck disable=SC2086  # several bands
    set -- $bands
    n=$# last=$bands
    while [ $# -gt 0 ]; do last=$1; shift; done
    set --
    while [ $# -lt "$n" ]; do set -- "$@" one.tif; done
    works "--sensor $sensor has $last" calc "\"$last\" == b$n" "$@" --stack band \
        --sensor "$sensor" -o same.tif --overwrite --quiet
done <"$tmp/sensors.txt"
refused "an argument" 2 "no argument" sensors l8

# ---- codecs --------------------------------------------------------------------------------------

works "codecs" codecs
cp "$out" "$tmp/codecs.txt"
works "codecs --json" codecs --json
cp "$out" "$tmp/codecs.json"
check_python "codecs" codecs "$tmp/codecs.txt" "$tmp/codecs.json"
is "no compression is always there" "$(sed -n 's/^none *//p' "$tmp/codecs.txt")" "yes   yes"

# Those that are written are the ones of --compress, and are read.
"$make_scene" scene.tif 40 30 2 >"$out" 2>&1
sed -n 's/^\([a-z]*\) *yes *yes$/\1/p' "$tmp/codecs.txt" >"$tmp/written"
while read -r codec; do
    works "--compress $codec" convert scene.tif -o "$codec.tif" --compress "$codec" --quiet
    works "and is read" stats "$codec.tif"
    works "and called so" info "$codec.tif"
    holds "by that name" "$out" ", $codec"
done <"$tmp/written"
run convert scene.tif -o no.tif --compress nosuch
is "what --compress offers is what is listed" \
    "$(sed -n 's/.*offers //p' "$err" | tr -d ',')" "$(paste -s -d ' ' "$tmp/written")"
refused "codecs: an argument" 2 "no argument" codecs lzw

finish
