#!/bin/sh
# test_tune.sh - gwt tune and gwt plan from outside: the arithmetic of a replay on traces made up
# here, whose best schedules can be told by hand; the table and the picture of a sweep; refusals.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_tune.sh

. "$(dirname "$0")/checks.sh"
gwt=$(absolute "${GWT:?is the command to test}") || exit 2
make_scene=$(absolute "${MAKE_SCENE:?is the program that makes scenes}") || exit 2
mkdir "$tmp/runs" && cd "$box" || exit 2
TMPDIR=$tmp/runs
export TMPDIR

# ---- traces made up ------------------------------------------------------------------------------

# trace TILES WRITE - one worker makes one tile of 256 x 256 after the other: read 1 ms, decode 2,
# compute 2 + 2 (something came between), encode 3, write WRITE ms. It waits 5 ms before each.
trace() {
    awk -v tiles="$1" -v write="$2" '
        function event(name, ms, key, more) {
            printf "{\"ph\":\"X\",\"cat\":\"stage\",\"name\":\"%s\",\"pid\":1,\"tid\":0,", name
            printf "\"ts\":%.3f,\"dur\":%.3f,\"args\":{", at, ms * 1000
            if (key != "") printf "\"key\":\"%s\",", key
            printf "\"in\":524288,\"out\":524288%s}},\n", more
            at += ms * 1000
        }
        BEGIN {
            print "{\"displayTimeUnit\": \"ms\","
            print "\"otherData\": {\"gwt\": \"0.1.0\", \"workers\": 1, \"seconds\": 1},"
            print "\"traceEvents\": ["
            for (t = 0; t < tiles; t++) {
                if (t > 0) event("wait:writer", 5)
                event("read", 1, "a.tif tile " t)
                event("decode", 2, "a.tif tile " t, ",\"ends\":1")
                piece = "rows 0..255, columns " 256 * t ".." 256 * t + 255
                event("compute", 2, piece, ",\"ends\":0")
                event("wait:lock", 1)
                event("compute", 2, piece, ",\"ends\":1")
                event("encode", 3, "o tile 7.tif tile " t, ",\"ends\":1")
                if (write > 0) event("write", write, "o tile 7.tif tile " t, ",\"ends\":1")
            }
            print "{\"ph\":\"C\",\"name\":\"memory\",\"pid\":1,\"ts\":1.0,\"args\":{\"MB\":12.3}}"
            print "]}"
        }'
}

# of FILE CHUNK WORKERS - "seconds efficiency" that are predicted.
of() {
    run tune --what-if "$1" --chunks "$2" --workers "$3"
    awk -v c="$2" -v w="$3" '!seen && $1 == c && $2 == w { print $3, $4; seen = 1 }' "$out"
}

trace 8 0 >eight.json
trace 8 1 >written.json
trace 1 1 >one.json
trace 100 2 >writer.json

is "one worker: the sum" "$(of eight.json 256 1)" "0.0800 100"
is "two workers: half" "$(of eight.json 256 2)" "0.0400 100"
is "three workers: three turns" "$(of eight.json 256 3)" "0.0300 89"
is "a worker for each tile: the time of one" "$(of eight.json 256 8)" "0.0100 100"
is "more workers than tiles: no faster" "$(of eight.json 256 64)" "0.0100 13"
is "writes: one worker" "$(of written.json 256 1)" "0.0880 100"
is "writes: in order, one at a time" "$(of written.json 256 8)" "0.0180 61"
is "writes: who writes takes no tile" "$(of written.json 256 4)" "0.0250 88"
is "one tile is computed in pieces by all" "$(of one.json 128 4)" "0.0080 34"
is "in one piece by one" "$(of one.json 256 4)" "0.0110 25"
is "a larger chunk does nothing" "$(of one.json 4096 4)" "0.0110 25"
is "many workers wait for the file" "$(of writer.json 256 64)" "0.2100 9"

run tune --what-if eight.json written.json --workers 1
is "each trace is compared" "$(grep -c '%.*json$' "$out")" 2
is "with the sum of its times and waits" \
    "$(awk '/%.*eight.json$/ { print $1, $2, $3, $4 }' "$out")" "256 1 0.0800 0.1230"
# In 123 ms the processor gave half of the 72 ms that decoding, computing and encoding took.
awk '/"memory"/ { sub(/"memory"/, "\"cpu\""); sub(/"ts":1.0/, "\"ts\":123000.0")
    sub(/"MB":12.3/, "\"percent\":29.268293") } { print }' eight.json >half.json
is "half a processor: half the time on a whole one" "$(of half.json 256 1)" "0.0400 100"
is "and so is what was measured" \
    "$(awk '/half.json$/ && NF > 8 { print $4, $5, $7 }' "$out" | tail -n 1)" "0.1230 50 0.0615"
run tune --what-if eight.json
is "up to 64 workers" "$(awk '$1 == 64 { print $2 }' "$out" | tr '\n' ' ')" \
    "1 2 4 8 16 32 64 "

# ---- a sweep -------------------------------------------------------------------------------------

"$make_scene" scene.tif 600 520 3 lzw 128 || exit 2
works "a sweep" tune 'b1 / b2' scene.tif --chunks 256,64,64 --workers 2,1 --seconds 1 -o t.svg \
    --compress lzw
is "of each pair once, in order" \
    "$(awk '$NF ~ /^([0-9.]*x|same)$/ { print $(NF - 8), $(NF - 7) }' "$out" | tr '\n' ' ')" \
    "64 1 256 1 64 2 256 2 "
check "with tasks and decodes" "$(awk '$NF ~ /^([0-9.]*x|same)$/ && !($(NF - 2) > 0 && $(NF - 1) > 0 &&
    $(NF - 6) > 0)' "$out")"
check "and the spread of the runs around the median" "$(awk '$NF ~ /^([0-9.]*x|same)$/ &&
    !($(NF - 5) > 0 && $(NF - 5) <= $(NF - 6) && $(NF - 6) <= $(NF - 4))' "$out")"
is "the best is marked" "$(grep -c '^\*.* 1\.00x$' "$out")" 1
# A factor and flags come of differences that are larger than the spread of any pair's runs, and of
# no others. Times have three digits.
announces() {
    awk '$NF ~ /^([0-9.]*x|same)$/ {
            median[++n] = $(NF - 6); said[n] = $NF
            ratio = $(NF - 4) / $(NF - 5)
            if (ratio > spread) spread = ratio
        }
        $1 == "*" { best = n }
        / Use --chunks (64|256|512) --workers [12]$/ { use = 1 }
        /^no pair is slower than another by more/ { none = 1 }
        END {
            for (i = 1; i <= n; i++) {
                if (i == best) continue
                slower = median[i] / median[best]
                if (said[i] == "same" ? slower > spread * 1.05 : slower < spread / 1.05)
                    print "row " i " says " said[i] ": " slower ", " spread
                factors += said[i] != "same"
            }
            if (!best || (factors > 0) != use || use == none) print best, factors, use, none
        }' "$out"
}
check "flags are given for what differs" "$(announces)"
check "and the sample" "$(grep -q '^sample: rows .*image$' "$out" || echo none)"
is "nothing is left behind" "$(ls -A "$tmp/runs")" ""
is "a line for each number of workers" "$(grep -c '<polyline' t.svg)" 2
is "with its name" "$(grep -c '</tspan> [12] worker' t.svg)" 2
is "and the spread of each pair" "$(grep -c 'class="spread"' t.svg)" 4
check "the picture needs nothing else" "$(grep -E 'href|url\(|<script|@import' t.svg)"
if [ -n "$python" ]; then
    check "and is XML" "$("$python" -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' \
        t.svg 2>&1 | tail -n 1)"
else skip "and is XML" "no python3"
fi
# 100 x 100 pixels are one piece, whatever the chunks: all that differs is chance.
"$make_scene" small.tif 100 100 1 none 0
works "pairs that do the same" tune b1 small.tif --chunks 256,512 -j 1 --seconds 0.3
check "what differs by chance is not announced" "$(announces)"
rm -f small.tif
refused "a picture is not replaced" 1 "exists" tune b1 scene.tif -o t.svg
works "unless asked to; one point; text that XML knows" tune 'where(b1 < 5 && b2 > 3, 1, 2)' \
    scene.tif --chunks 64 -j1 --seconds .2 -o t.svg --overwrite
is "it is text there" "$(grep -c '(b1 &lt; 5 &amp;&amp; b2 &gt; 3, 1, 2)' t.svg)" 1
works "of a window of a stack" tune 'mean(b1)' scene.tif scene.tif --stack time \
    --window 0,0,200,300 --chunks 64 -j 1 --seconds .2
is "it is the sample" "$(sed -n 's/^sample: //p' "$out")" \
    "rows 0..199, columns 0..299: all of the image"
works "a plan" plan 'b1 / b2' scene.tif --chunks 64 -j 2
check "says something" "$(grep -q '^work: .*, 2 workers$' "$out" || echo nothing)"
is "and predicts" "$(sed -n 's/^prediction, from a probe of \([49]\) of 9 tiles,.*/\1/p' \
    "$out" | tr 49 xx)" x
stages() { sed -n '/^prediction/,$p' "$out" | awk 'NR > 1 && $3 == "s"'; }
is "time by stages" "$(stages | awk '$2 >= 0 { print $1 }' | grep -v -e all -e wall | sort |
    tr '\n' ' ')" "compute decode encode read schedule write "
check "which add up" "$(stages | awk '$1 == "all" { all = $2 } $1 != "all" && $1 != "wall" {
    sum += $2 } END { if (all <= 0 || (all - sum) ^ 2 > 0.004 ^ 2) print all, sum }')"
check "to at least half on two workers" "$(stages | awk '$1 == "all" { all = $2 }
    $1 == "wall" { wall = $2 } END { if (wall < all / 2 - .001 || wall > all) print all, wall }')"
is "nothing is left behind of it" "$(ls -A "$tmp/runs")" ""
works "a plan for one worker, compressed" plan 'b1 / b2' scene.tif -j 1 --compress deflate \
    --dtype float32
is "takes all the time" "$(stages | awk '$1 == "all" { print $2 }')" \
    "$(stages | awk '$1 == "wall" { print $2 }')"
is "and encodes" "$(stages | awk '$1 == "encode" { print ($2 > 0) }')" 1
if cpu=$(taskset -cp $$ 2>/dev/null | sed 's/.*: //; s/[-,].*//') && [ -n "$cpu" ]; then
    said=$(taskset -c "$cpu" "$gwt" plan 'b1 / b2' scene.tif -j 2 | grep 'with 2 workers')
    check "a plan on the one processor there may be" \
        "$(case $said in *' on 1 processor') ;; *) echo "said '$said'" ;; esac)"
else skip "a plan on the one processor there may be" "no taskset"; fi
works "a plan of a part" plan b1 scene.tif --window 0,0,200,300
is "has the tiles of that" "$(sed -n 's/^prediction, from a probe of \(.*\) tiles,.*/\1/p' \
    "$out")" "2 of 2"
works "a plan of what takes long" plan 'moving_mode(b1 * 1.1, 7)' scene.tif -j 1
check "is of a part, and as much longer as the whole is larger" "$(sed 's/,//g' "$out" | awk '
    /^prediction/ { of = $6 "/" $8; probed = $10 } $1 == "all" { ratio = $2 / probed }
    END { if (!(of == "4/9" && ratio > 1.13 && ratio < 1.25) && !(of == "1/9" && ratio > 4))
        print of, ratio }')"
works "a plan of what takes very long" plan 'moving_mode(b1 * 1.1, 101)' scene.tif -j 1
check "is of less than a tile" "$(sed 's/,//g' "$out" | awk '
    /^prediction/ { of = $6 "/" $8; probed = $10 } $1 == "all" { ratio = $2 / probed }
    END { if (!(of == "1/9" && ratio > 4)) print of, ratio }')"
works "a plan in little memory" plan 'moving_mean(b1, 301)' scene.tif --memory 36M -j 2 \
    --tile-size 512
is "is of the workers that the save has" \
    "$(sed -n 's/^  wall.* with \(.*\) worker.*/\1/p' "$out")" \
    "$(sed -n 's/^work: .* \(.*\) workers$/\1/p' "$out")"
if [ -n "$cpu" ] && command -v timeout >/dev/null; then
    seconds() { taskset -c "$cpu" "$gwt" plan 'moving_mode(b1 * 1.1, 7)' scene.tif -j 1 |
        awk '$1 == "all" { print $2 }'; }
    alone=$(seconds)
    others=
    for k in 1 2 3; do
        taskset -c "$cpu" timeout 20 sh -c 'while :; do :; done' >/dev/null 2>&1 &
        others="$others $!"
    done
    beside=$(seconds)
    kill $others
    wait $others 2>/dev/null
    check "what others do with the processor does not count" "$(echo "$alone $beside" | awk '
        !($2 < 2 * $1) { print $2 " s, alone " $1 }')"
else skip "what others do with the processor does not count" "no taskset or timeout"; fi
nested=b1
for k in 1 2 3 4 5 6 7 8 9; do nested="moving_mode($nested * 1.1, 501)"; done
works "a plan of windows in windows" plan "$nested" scene.tif
is "gives up" "$(sed -n 's/^no prediction: //p' "$out")" "16 x 16 pixels take longer than 2 s"
works "without a probe" plan 'b1 / b2' scene.tif --no-probe
is "no prediction" "$(grep -c -e prediction -e wall "$out")" 0
cp scene.tif bad.tif
head -c 800000 /dev/zero | dd of=bad.tif bs=1000 seek=50 conv=notrunc 2>/dev/null
works "which reads no pixels" plan b1 bad.tif --no-probe
run plan b1 bad.tif
is "a probe that fails: status" "$status" 1
is "and a line" "$(grep -c '^gwt: .*bad.tif' "$err")" 1
is "and leaves nothing behind" "$(ls -A "$tmp/runs")" ""
rm bad.tif

# ---- refusals ------------------------------------------------------------------------------------

refused "no argument" 2 "wants an expression" tune
refused "no file" 2 "wants an expression" tune b1
refused "no such file" 1 "nowhere.tif" tune b1 nowhere.tif
refused "no such file, for a plan" 1 "nowhere.tif" plan b1 nowhere.tif
refused "an output that is an input" 1 "is an input" tune b1 scene.tif -o scene.tif --overwrite
for list in 0 64,0 64,x -5 64.5 1048577; do
    refused "--chunks=$list" 2 "--chunks wants" tune b1 scene.tif "--chunks=$list"
done
for list in '' , 64, ,64 64,,128; do
    refused "--chunks='$list'" 2 "--chunks wants" tune b1 scene.tif "--chunks=$list"
done
refused "too many" 2 "--chunks wants 16 numbers at most" tune b1 scene.tif --chunks \
    1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17
refused "257 workers" 2 "1 to 256" tune b1 scene.tif --workers 257
refused "65 workers on paper" 2 "1 to 64" tune --what-if eight.json --workers 65
refused "no time" 2 "--seconds wants" tune b1 scene.tif --seconds 0
refused "no number" 2 "--seconds" tune b1 scene.tif --seconds soon
refused "contradicting inputs" 2 "not both" tune b1 scene.tif --stack time --mosaic mean
refused "a picture of no run" 2 "--what-if" tune --what-if eight.json -o w.svg

refused "no trace" 1 "nowhere.json: " tune --what-if nowhere.json
: >empty.json
head -n 20 eight.json >cut.json
sed 's/"dur":3000.000/"dur":soon/' eight.json >broken.json
sed 's/"name":"encode"/"name":"crochet"/' eight.json >strange.json
sed 's/"pid":1,"tid":0/"pid":2,"tid":0/' eight.json >ranks.json
echo '{"otherData": {"gwt": "0.1.0"}, "traceEvents": []}' >idle.json
grep -v -e '"compute"' -e '"encode"' eight.json >read.json
refused "an empty trace" 1 "empty.json: line 1: the file ends" tune --what-if empty.json
refused "a trace cut short" 1 "cut.json: line 21: the file ends" tune --what-if cut.json
refused "a TIFF" 1 "scene.tif: is not a trace" tune --what-if scene.tif
refused "a time that is none" 1 "broken.json: line 9: " tune --what-if broken.json
refused "a stage that is none" 1 "a stage that gwt does not know" tune --what-if strange.json
refused "another session" 1 "not a trace of a single session" tune --what-if ranks.json
refused "nothing in it" 1 "nothing was recorded" tune --what-if idle.json
refused "nothing computed in it" 1 "nothing was computed" tune --what-if read.json
run tune --what-if eight.json cut.json
is "a second trace is broken: status" "$status" 1
check "a second trace is broken: message" "$(grep -q '^gwt: cut.json: line 21: ' "$err" ||
    cat "$err")"

finish
