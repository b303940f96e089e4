#!/bin/sh
# demo.sh PROGRAMS DIR - make a scene, compute an index of it, and show what came out.

set -eu

programs=$1
dir=$2
scene=$dir/scene.tif
ndi=$dir/ndi.tif
picture=$dir/ndi.png

mkdir -p "$dir"
rm -f "$scene" "$ndi" "$picture"

echo "A made-up Landsat scene of 2041 x 1860 pixels, 3 bands of uint16 (blue, green, red), UTM, LZW:"
"$programs/make_scene" "$scene"
echo "  $scene, $(($(wc -c <"$scene") / 1000000)) MB"

echo
echo "(red - green) / (red + green), by examples/norm_diff.c:"
"$programs/examples/norm_diff" "$scene" "$ndi" | sed 's/^/  /'

echo
"$programs/gwt" stats --quiet "$ndi" | sed 's/^/  /'

echo
echo "A picture to look at:"
"$programs/gwt" quicklook --quiet --overwrite -o "$picture" "$ndi"
echo "  $picture"
