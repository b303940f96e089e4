#!/bin/sh
# weigh.sh COMPILER FLAG.. - CPU seconds that the implementation takes to compile, and bytes of its
# text. Fails above 373,000 bytes, and above 32 seconds: four times the 8 that are aimed at.

object=build/weigh-$1.o
rm -f "$object"
printf '#define GWT_IMPLEMENTATION\n#include "gwt.h"\n' > build/weigh.c
"$@" -I. -c -o "$object" build/weigh.c || exit 1
times > build/weigh.times       # the second line: minutes and seconds of children, user and system
seconds=$(awk 'NR == 2 { split($1, u, "m"); split($2, s, "m"); print 60 * (u[1] + s[1]) + u[2] + s[2] }' \
    build/weigh.times)
text=$(size "$object" | awk 'NR == 2 { print $1 }')
echo "$1: $seconds CPU seconds (aim: 8), $text bytes of text (at most 373000)"
awk -v s="$seconds" -v t="$text" 'BEGIN { exit !(s <= 32 && t > 0 && t <= 373000) }'
