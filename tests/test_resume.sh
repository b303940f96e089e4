#!/bin/sh
# test_resume.sh - gwt calc, interrupted: killed 200 times at random moments, stopped by
# signals, out of space, with what it left torn or swapped; what it ends in has to be byte for byte
# what it ends in undisturbed. And gwt verify, and gwt calc --bad-tiles, on files that are damaged.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_resume.sh
#
# SEED=n: other moments.

. "$(dirname "$0")/checks.sh"

running=
at_end() {
    [ -z "$running" ] || kill -9 "$running" 2>/dev/null
    [ ! -d "$tmp/full" ] || umount "$tmp/full" 2>/dev/null
}
gwt=$(absolute "${GWT:?is the command to test}") || exit 2
make_scene=$(absolute "${MAKE_SCENE:?is the program that makes scenes}") || exit 2
cd "$box" || exit 2

# fails NAME STATUS TEXT ARGUMENT.. - with TEXT on stderr.
fails() {
    name=$1 expected=$2 text=$3 wrong=
    shift 3
    run "$@"
    [ "$status" = "$expected" ] || wrong="exit status $status, expected $expected; "
    grep -qF -e "$text" "$err" || wrong="$wrong no '$text' in: $(cat "$err")"
    check "$name" "$wrong"
}

# done_as NAME OUT.. - each is as good.OUT, and nothing is left beside it.
done_as() {
    name=$1 wrong=
    shift
    for o do
        cmp "$o" "good.$o" >"$tmp/cmp" 2>&1 || wrong="$wrong $(cat "$tmp/cmp")"
        for part in "$o".part*; do [ ! -e "$part" ] || wrong="$wrong $part is left"; done
    done
    check "$name" "$wrong"
}

# A sanitizer's programs take their time, also to stop.
patience=0.5
case $gwt in *sanitize*|*tsan*) patience=5 ;; esac

size_of() { if [ -e "$1" ]; then wc -c <"$1" | tr -d ' '; else echo 0; fi; }
larger() { awk "BEGIN { exit !($1 > $2) }"; }
seconds() { sed -n 's/.*, \([0-9.]*\) s, .*/\1/p' "$out" | tail -n 1; }

# Seconds with their fractions; nothing where date does not tell.
now() { date +%s.%N | grep -x '[0-9]*\.[0-9]*'; }

# flip FILE BYTE - turn its bits round.
flip() {
    byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    # shellcheck disable=SC2059  # the format is the byte
    printf "\\$(printf %03o $((255 - byte)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

# ---- a scene that takes about a quarter of a second -------------------------------------------

work='moving_median(a, 5) * 1.5'
"$make_scene" scene.tif 256 256 3 lzw 64 || exit 2
run calc "$work" scene.tif -o good.tif -j 2 --tile-size 32
took=$(seconds)
edge=$(awk "BEGIN { e = 256 * sqrt(0.25 / ($took + 0.001)); e = e > 1100 ? 1100 : e < 200 ? 200 : e
                    print int(e) }")
rm -f good.tif scene.tif
"$make_scene" scene.tif "$edge" "$edge" 3 lzw 64 || exit 2

# ---- killed -----------------------------------------------------------------------------------

# Moments, as a share of the time a job takes undisturbed; edges of chunks; workers.
awk -v seed="${SEED:-5}" 'BEGIN {
    srand(seed)
    for (i = 0; i < 1000; i++)
        printf "%.3f %d %d\n", 0.1 + 0.4 * rand(), 16 + 300 * rand(), 1 + 4 * rand()
}' >moments
exec 3<moments
killed=0 inside=0 early=0 takes_chunks=1

# until_killed N OUT.. -- ARGUMENT.. - the job, killed N times in all, and run again each time.
until_killed() {
    wanted=$1 outs='' wrong=''
    shift
    while [ "$1" != -- ]; do outs="$outs $1"; shift; done
    shift
    while [ "$wanted" -gt 0 ] && read -r share chunks workers <&3; do
        "$gwt" "$@" --resume -q ${takes_chunks:+--chunks "$chunks"} -j "$workers" >"$out" 2>"$err" \
            </dev/null &
        running=$!
        sleep "$(awk "BEGIN { print $share * $took }")"
        kill -9 "$running" 2>/dev/null
        { wait "$running"; } 2>/dev/null
        status=$?
        running=
        left=
        for o in $outs; do [ -e "$o" ] && [ ! -e "$o.part.journal" ] || left=1; done
        if [ $status -eq 0 ] || { [ $status -eq 137 ] && [ -z "$left" ]; }; then    # it was faster
            for o in $outs; do
                cmp "$o" "good.$o" >"$tmp/cmp" 2>&1 || wrong="$wrong $(cat "$tmp/cmp")"
                rm -f "$o"
            done
            early=$((early + 1))
        elif [ $status -ne 137 ]; then wrong="$wrong exit status $status: $(cat "$err");"
        else
            killed=$((killed + 1)) wanted=$((wanted - 1))
            for o in $outs; do [ "$(size_of "$o.part.journal")" -gt 48 ] && break; done
            [ "$(size_of "$o.part.journal")" -gt 48 ] && inside=$((inside + 1))
        fi
    done
    run "$@" --resume -q
    [ "$status" = 0 ] || wrong="$wrong in the end exit status $status: $(cat "$err")"
}

# job NAME N OPTION.. - one output of `work`.
job() {
    name=$1 times=$2
    shift 2
    rm -f out.tif good.out.tif
    run calc "$work" scene.tif -o good.out.tif -j 2 --tile-size 32 "$@"
    took=$(seconds)
    until_killed "$times" out.tif -- calc "$work" scene.tif -o out.tif --tile-size 32 "$@"
    check "killed: $name" "$wrong"
    done_as "killed: $name: the same bytes, and nothing left" out.tif
}

job "pixel-interleaved, deflate, statistics" 22 --compress deflate --predictor 3 --stats
job "planar, lzw" 20 --interleave band --compress lzw --checksums
job "uncompressed, not synced" 20 --dtype float32 --nodata 0 --no-sync
job "sparse" 18 --sparse --compress deflate --dtype uint16 --nodata 0 --interleave band \
    --stats

job "cloud-optimised, masked" 40 --cog --mask --compress deflate --nodata 0 --dtype uint16
job "overviews, read back" 24 --overviews auto --overview-resampling cubic --interleave band

before=$(now)
run overviews scene.tif --overview-resampling cubic --tile-size 32 --compress deflate -j 2
took=$(awk "BEGIN { print $(now) - ${before:-0} }")
mv scene.tif.ovr good.scene.tif.ovr
takes_chunks=
until_killed 12 scene.tif.ovr -- overviews scene.tif --overview-resampling cubic --tile-size 32 \
    --compress deflate
takes_chunks=1
check "killed: overviews beside a file" "$wrong"
done_as "killed: overviews beside a file: the same bytes, and nothing left" scene.tif.ovr
rm -f scene.tif.ovr good.scene.tif.ovr

one='moving_median(a.b1, 5)' two='moving_mean(b2 / b3, 7)' three='where(b1 > b2, b1, nan)'
several='--tile-size 32 --compress lzw --sparse --dtype float32 --nodata 0 --stats'
# shellcheck disable=SC2086  # they are several
run calc scene.tif -o good.x.tif="$one" -o good.y.tif="$two" -o good.z.tif="$three" -j 2 $several
took=$(seconds)
# shellcheck disable=SC2086
until_killed 20 x.tif y.tif z.tif -- calc scene.tif -o x.tif="$one" -o y.tif="$two" \
    -o z.tif="$three" $several
check "killed: three outputs" "$wrong"
done_as "killed: three outputs: the same bytes, and nothing left" x.tif y.tif z.tif
rm -f ./x.tif ./y.tif ./z.tif ./good.?.tif

# shellcheck disable=SC2086
run calc scene.tif -o good.x.tif="$one" -o good.y.tif="$two" --cog -j 2 $several
took=$(seconds)
# shellcheck disable=SC2086
until_killed 24 x.tif y.tif -- calc scene.tif -o x.tif="$one" -o y.tif="$two" --cog $several
check "killed: two cloud-optimised outputs" "$wrong"
done_as "killed: two cloud-optimised outputs: the same bytes, and nothing left" x.tif y.tif
rm -f ./x.tif ./y.tif ./good.?.tif

echo "$killed killed, $inside of them with tiles written; $early times the job was faster"
is "killed so many times" "$killed" 200
check "most kills fell into the work" \
    "$([ $inside -ge 110 ] || echo "$inside of $killed left tiles")"

# ---- something to go on with ------------------------------------------------------------------

# Two jobs: one too long to end by itself while it is looked at, and one that is short.
long='moving_percentile(a, 9, 40) * 1.5' short='moving_mean(a, 3) * 1.5'
options='--tile-size 32 --compress deflate -q'
rm -f out.tif good.out.tif
# shellcheck disable=SC2086  # they are several
"$gwt" calc "$long" scene.tif -o good.long.tif $options -j 2
# shellcheck disable=SC2086
"$gwt" calc "$short" scene.tif -o good.out.tif $options -j 2

# started - in the background, until some tiles are there. Its number is in $running.
started() {
    # shellcheck disable=SC2086
    "$gwt" calc "$long" scene.tif -o long.tif $options -j 2 --chunks 32 >"$out" 2>"$err" \
        </dev/null &
    running=$!
    waited=0
    while [ "$(size_of long.tif.part.journal)" -lt 400 ] && [ $waited -lt 600 ]; do
        sleep 0.05
        waited=$((waited + 1))
    done
}

ended() { { wait "$running"; } 2>/dev/null; status=$?; running=; }

# stopped NAME STATUS SIGNAL..
stopped() {
    name=$1 expected=$2
    shift 2
    started
    before=$(now)
    for s do kill -"$s" "$running"; done
    ended
    after=$(now)
    is "$name: exit status" "$status" "$expected"
    if [ -z "$before" ]; then skip "$name: soon" "date tells no fractions of seconds"; return; fi
    needed=$(awk "BEGIN { print $after - $before }")
    check "$name: within $patience s" "$(larger "$needed" "$patience" && echo "took $needed s")"
}

resume() {  # NAME - by the same command; to the end.
    # shellcheck disable=SC2086
    works "$1" calc "$long" scene.tif -o long.tif $options -j 3 --resume
    done_as "$1: the same bytes, and nothing left" long.tif
    rm -f long.tif
}

stopped "SIGINT" 130 INT
is "SIGINT: what it prints" "$(cat "$err")" "gwt: cancelled
gwt: long.tif: not finished; the same command with --resume goes on"
check "SIGINT: no output yet" "$([ ! -e long.tif ] || echo it is there)"
resume "SIGINT, then --resume"

stopped "SIGTERM" 143 TERM
resume "SIGTERM, then --resume"
stopped "SIGINT twice" 130 INT INT
check "SIGINT twice: the part is kept" "$([ -e long.tif.part.journal ] || echo it is gone)"
resume "SIGINT twice, then --resume"

# ---- a writer that lives ----------------------------------------------------------------------

started
kill -STOP "$running"
# shellcheck disable=SC2086
fails "a part that is being written: --resume" 1 "another save is writing it" \
    calc "$long" scene.tif -o long.tif $options --resume
# shellcheck disable=SC2086
fails "a part that is being written: --overwrite" 1 "another save is writing it" \
    calc "$long" scene.tif -o long.tif $options --overwrite
check "a part that is being written is left alone" \
    "$([ -e long.tif.part ] && [ -e long.tif.part.journal ] || echo it is gone)"
kill -CONT "$running"
kill -KILL "$running"
ended
resume "its writer was killed, then --resume"

# ---- other jobs -------------------------------------------------------------------------------

# The short job in a file that may not grow beyond a half, and what that leaves.
whole=$(size_of good.out.tif)
# shellcheck disable=SC2086
(
    trap '' XFSZ
    ulimit -f $((whole / 1024))    # blocks of 512 bytes
    exec "$gwt" calc "$short" scene.tif -o out.tif $options
) 2>"$err"
check "a file that may not grow" "$(grep -v -e "out.tif.part: can't be written: File too large" \
    -e 'out.tif: not finished; the same command with --resume goes on' "$err")"
cp out.tif.part kept.part && cp out.tif.part.journal kept.journal && cp -p scene.tif kept.scene
kept=$(size_of kept.journal)

resume_short() {
    # shellcheck disable=SC2086
    works "$1" calc "$short" scene.tif -o out.tif $options -j 3 --resume
    done_as "$1: the same bytes, and nothing left" out.tif
    rm -f out.tif
}

put_back() {
    rm -f out.tif out.tif.part out.tif.part.journal
    cp kept.part out.tif.part && cp kept.journal out.tif.part.journal && cp -p kept.scene scene.tif
}

untouched() {   # NAME
    check "$1: nothing is lost" "$(cmp out.tif.part kept.part 2>&1;
                                   cmp out.tif.part.journal kept.journal 2>&1)"
}

# another NAME TEXT ARGUMENT.. - is refused, and loses nothing.
another() {
    name=$1 text=$2
    shift 2
    fails "$name" 1 "$text" "$@"
    untouched "$name"
}

put_back
# shellcheck disable=SC2086
{
    another "neither --resume nor --overwrite" "--resume goes on" \
        calc "$short" scene.tif -o out.tif $options
    another "another expression" "it computes something else" \
        calc 'moving_max(a, 3) * 1.5' scene.tif -o out.tif $options --resume
    another "another number" "it computes something else" \
        calc 'moving_mean(a, 3) * 1.25' scene.tif -o out.tif $options --resume
    another "another window" "it computes something else" \
        calc 'moving_mean(a, 5) * 1.5' scene.tif -o out.tif $options --resume
    another "another compression" "its options were others" \
        calc "$short" scene.tif -o out.tif $options --compress lzw --resume
    another "another level" "its options were others" \
        calc "$short" scene.tif -o out.tif $options --level 9 --resume
    another "another predictor" "its options were others" \
        calc "$short" scene.tif -o out.tif $options --predictor 3 --resume
    another "another tag" "its options were others" \
        calc "$short" scene.tif -o out.tif $options --tag A=B --resume
    another "another job, --resume --overwrite" "is of another job" \
        calc "$short" scene.tif -o out.tif $options --tag A=B --resume --overwrite
    another "another job, and no --resume" "with that other job" \
        calc "$short" scene.tif -o out.tif $options --tag A=B
    touch scene.tif
    another "an input that was touched" "have changed since" \
        calc "$short" scene.tif -o out.tif $options --resume
    cp -p kept.scene scene.tif
    cp -p scene.tif other.tif
    another "another input" "its inputs were other files, now $(pwd -P)/other.tif" \
        calc "$short" other.tif -o out.tif $options --resume
}
resume_short "refused to others, then --resume"

put_back
# shellcheck disable=SC2086
works "--overwrite" calc "$short" scene.tif -o out.tif $options --overwrite
done_as "--overwrite starts afresh" out.tif
# shellcheck disable=SC2086
fails "--resume of what is complete" 1 "exists" calc "$short" scene.tif -o out.tif $options --resume
done_as "--resume of what is complete leaves it" out.tif
# shellcheck disable=SC2086
works "--resume --overwrite of what is complete" \
    calc "$short" scene.tif -o out.tif $options --resume --overwrite
done_as "--resume --overwrite of what is complete makes it again" out.tif

# An older output stays until the new one is whole.
put_back
echo old >out.tif
cp out.tif old
# shellcheck disable=SC2086
fails "an older output, --resume" 1 "exists" calc "$short" scene.tif -o out.tif $options --resume
untouched "an older output, --resume"
check "an older output stays" "$(cmp out.tif old 2>&1)"
# shellcheck disable=SC2086
works "an older output, --resume --overwrite" \
    calc "$short" scene.tif -o out.tif $options --resume --overwrite
done_as "an older output is replaced" out.tif

# ---- torn -------------------------------------------------------------------------------------

# The part may end in a torn tile already, of which there is no record.
part_size=$(size_of kept.part)
records=$(((kept - 48) / 16))

# good_in_part - as gwt verify has it.
good_in_part() {
    "$gwt" verify out.tif.part 2>&1 | sed -n 's/.* \([0-9]*\) of [0-9]* tiles good.*/\1/p'
}

put_back
fails "gwt verify of a part" 1 "the same gwt calc with --resume goes on" verify out.tif.part
all=$(good_in_part)
check "gwt verify of a part: so many tiles" \
    "$([ "${all:-0}" -gt 10 ] && [ "$all" -le "$records" ] || echo "'$all' of $records records")"

torn() {    # NAME MOST - at most so many tiles are good still; resumed to the same bytes.
    n=$(good_in_part)
    # shellcheck disable=SC2086
    run calc "$short" scene.tif -o out.tif $options -j 2 --resume
    wrong=$(cat "$err")
    [ "$status" = 0 ] || wrong="exit status $status: $wrong"
    cmp out.tif good.out.tif >"$tmp/cmp" 2>&1 || wrong="$wrong $(cat "$tmp/cmp")"
    [ ! -e out.tif.part ] && [ ! -e out.tif.part.journal ] || wrong="$wrong something is left"
    [ "${n:-0}" -le "$2" ] || wrong="$wrong $n tiles good, expected $2 at most"
    check "torn: $1" "$wrong"
}

awk -v seed="${SEED:-5}" -v journal="$kept" -v part="$part_size" 'BEGIN {
    srand(seed + 1)
    for (i = 0; i < 5; i++) print int(rand() * journal), 48 + int(rand() * (journal - 48)), \
                                  int(rand() * part), 16 + int(rand() * (part - 16))
}' >places
while read -r journal_cut journal_flip part_cut part_flip; do
    put_back
    head -c "$journal_cut" kept.journal >out.tif.part.journal
    torn "journal cut at byte $journal_cut" $((journal_cut < 48 ? 0 : (journal_cut - 48) / 16))
    put_back
    flip out.tif.part.journal "$journal_flip"
    torn "journal's byte $journal_flip flipped" $(((journal_flip - 48) / 16))
    put_back
    head -c 100 kept.part >>out.tif.part.journal
    torn "journal with something behind it" "$records"
    put_back
    head -c "$part_cut" kept.part >out.tif.part
    torn "part cut at byte $part_cut" "$records"
    put_back
    flip out.tif.part "$part_flip"
    torn "part's byte $part_flip flipped" "$records"
done <places

put_back
flip out.tif.part $((part_size / 2))
some=$(good_in_part)
check "a flipped byte: what comes before it is good, what follows is not" \
    "$([ "$some" -gt 0 ] && [ "$some" -lt "$all" ] || echo "$some of $all")"
for n in 0 47; do
    put_back
    head -c $n kept.journal >out.tif.part.journal
    fails "gwt verify: a journal of $n bytes" 1 "starts afresh" verify out.tif.part
    torn "journal of $n bytes" 0
done
put_back
rm out.tif.part.journal
fails "gwt verify: no journal" 1 "there is no journal beside it" verify out.tif.part
# shellcheck disable=SC2086
{
    fails "no journal, --resume" 1 "out.tif.part has no journal beside it" \
        calc "$short" scene.tif -o out.tif $options --resume
    same "no journal, --resume: it is left" out.tif.part kept.part
    works "no journal, --overwrite" calc "$short" scene.tif -o out.tif $options --overwrite
}
done_as "no journal, --overwrite: the same bytes, and nothing left" out.tif
rm -f out.tif
put_back
rm out.tif.part
torn "no part" 0
rm -f out.tif

# An older output is not taken for the one whose part somebody has removed.
put_back
rm out.tif.part
cp kept.part out.tif
# shellcheck disable=SC2086
{
    fails "no part, an older output, --resume" 1 "out.tif: exists" \
        calc "$short" scene.tif -o out.tif $options --resume
    same "it is untouched" out.tif kept.part
    works "no part, an older output, --resume --overwrite" \
        calc "$short" scene.tif -o out.tif $options --resume --overwrite
}
done_as "it is the new one" out.tif
rm -f out.tif

# ---- a disk that is full ----------------------------------------------------------------------

if mkdir "$tmp/full" && mount -t tmpfs -o size=$((whole / 2048))k none "$tmp/full" 2>/dev/null; then
    cd "$tmp/full" || exit 2
    cp "$box/old" out.tif
    # shellcheck disable=SC2086
    run calc "$short" "$box/scene.tif" -o out.tif $options -j 2 --overwrite
    is "full disk: exit status" "$status" 1
    is "full disk: one error, and how to go on" "$(cat "$err")" \
"gwt: out.tif.part: can't be written: No space left on device
gwt: out.tif: not finished; the same command with --resume goes on"
    check "full disk: the old output is untouched" "$(cmp out.tif "$box/old" 2>&1)"
    # shellcheck disable=SC2086
    fails "full disk: still full" 1 "No space left on device" \
        calc "$short" "$box/scene.tif" -o out.tif $options -j 2 --overwrite --resume
    some=$(good_in_part)
    check "full disk: tiles are kept" "$([ "${some:-0}" -gt 0 ] || echo none)"
    mount -o remount,size=64m "$tmp/full"
    # shellcheck disable=SC2086
    works "full disk: room is made, --resume" \
        calc "$short" "$box/scene.tif" -o out.tif $options -j 3 --overwrite --resume
    cp "$box/good.out.tif" .
    done_as "full disk: the same bytes" out.tif
    cd "$box" || exit 2
    umount "$tmp/full"
else
    skip "a disk that is full" "no tmpfs can be mounted here"
fi

# ---- gwt verify -------------------------------------------------------------------------------

"$make_scene" small.tif 300 200 2 deflate 64 || exit 2
"$make_scene" strips.tif 300 200 2 lzw 0 || exit 2
for c in none lzw deflate; do
    works "a file to verify, $c" calc a small.tif -o "$c.tif" -q --checksums --compress $c \
        --tile-size 64 --interleave band --sparse
    works "verify, $c" verify $c.tif
    is "verify, $c: what it says" "$(cat "$out")" "$c.tif: 40 tiles good (checksums compared)"
done
works "verify, several, without checksums" verify small.tif strips.tif -j 3 --memory 64M
is "verify, several: what it says" "$(cat "$out")" "small.tif: 20 tiles good (no checksums)
strips.tif: 13 strips good (no checksums)"
works "verify --quiet" verify -q none.tif
is "verify --quiet says nothing" "$(cat "$out")" ''
fails "verify: no file" 1 "nowhere.tif" verify nowhere.tif
fails "verify: no file given" 2 "at least one file" verify
fails "verify: a folder" 1 "is not a file" verify .
echo 'II no TIFF at all' >none.txt
fails "verify: no TIFF" 1 "none.txt" verify none.txt

# A byte of tile 13 (its place from the directory by od), and one far behind it.
for c in none lzw deflate; do
    cp $c.tif bad.tif
    flip bad.tif 3000
    flip bad.tif $(($(size_of $c.tif) * 2 / 3))
    fails "verify: damaged, $c" 1 "bad.tif: 2 of 40 tiles bad" verify bad.tif
    is "verify: damaged, $c: each tile is named once" "$(grep -c 'tile [0-9]* (row' "$err")" 2
    fails "verify: good and bad" 1 "2 of 40 tiles bad" verify bad.tif $c.tif
    is "verify: good and bad: the good one" "$(cat "$out")" \
        "$c.tif: 40 tiles good (checksums compared)"
done
cp small.tif bad.tif
flip bad.tif 3000
fails "verify: damaged, deflate without checksums" 1 "bad.tif: 1 of 20 tiles bad" verify bad.tif
head -c 20000 none.tif >bad.tif
fails "verify: truncated" 1 "bad.tif" verify bad.tif

# A tile that is said to lie on another: their places are LONGs one after another.
python=$(command -v python3) && "$python" -c '' 2>/dev/null || python=
if [ -n "$python" ]; then
    cat >"$tmp/move.py" <<'EOF'
import struct, sys
path, tile, by = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
data = bytearray(open(path, "rb").read())
at, = struct.unpack_from("<I", data, 4)
for i in range(struct.unpack_from("<H", data, at)[0]):
    tag, kind, count, value = struct.unpack_from("<HHII", data, at + 2 + 12 * i)
    if tag == 324:
        assert kind == 4
        old, = struct.unpack_from("<I", data, value + 4 * tile)
        struct.pack_into("<I", data, value + 4 * tile, (old + by) % 2**32)
open(path, "wb").write(data)
EOF
    cp none.tif bad.tif && "$python" "$tmp/move.py" bad.tif 7 -100
    fails "verify: tiles on one another" 1 "overlaps tile" verify bad.tif
    cp lzw.tif bad.tif && "$python" "$tmp/move.py" bad.tif 9 100000000
    fails "verify: a tile beyond the end" 1 "lies outside of the file" verify bad.tif
    is "verify: a tile beyond the end is named once" "$(wc -l <"$err" | tr -d ' ')" 2
else
    skip "verify: tiles on one another" "no python3"
    skip "verify: a tile beyond the end" "no python3"
fi

# ---- bad tiles --------------------------------------------------------------------------------

run calc a strips.tif -o input.tif -q --compress lzw --tile-size 64
cp input.tif bad.tif
head -c 40 /dev/zero | tr '\0' '\377' | dd of=bad.tif bs=1 seek=16 conv=notrunc 2>/dev/null
fails "a bad tile" 1 "bad.tif: tile 0 (rows 0..63, columns 0..63) can't be decoded" \
    calc a bad.tif -o filled.tif -q
check "a bad tile: no advice to resume" "$(grep -e --resume "$err")"
holds "a bad tile: what would help" "$err" "with --bad-tiles fill"
fails "a bad tile, --bad-tiles fail" 1 "tile 0 (rows 0..63, columns 0..63)" \
    calc a bad.tif -o filled.tif -q --bad-tiles fail
check "a bad tile: no output" "$([ ! -e filled.tif ] || echo there is one)"
rm -f filled.tif.part filled.tif.part.journal

# A late one. Without a nodata value it can't be filled, and so nothing can come of what was done;
# with one that can go on, and ends as if it had been so from the start.
run calc 'where(valid(b1), b1, 1) + 0' strips.tif -o late.tif -q --compress lzw --tile-size 64 \
    --dtype uint16
at=$(($(size_of late.tif) * 3 / 4))
head -c 400 /dev/zero | tr '\0' '\377' | dd of=late.tif bs=1 seek=$at conv=notrunc 2>/dev/null
fails "a late bad tile" 1 "late.tif: tile" calc a late.tif -o late.out.tif -q -j 1 --tile-size 64
check "a late bad tile: no advice to resume" "$(grep -e --resume "$err")"
check "a late bad tile: nothing useless is left" "$(ls late.out.tif.part* 2>/dev/null)"
fails "a late bad tile, --nodata" 1 "with --bad-tiles fill --resume it goes on" \
    calc a late.tif -o late.out.tif -q -j 1 --tile-size 64 --nodata 0
check "a late bad tile, --nodata: what was done is kept" \
    "$([ -s late.out.tif.part.journal ] || echo it is gone)"
run calc a late.tif -o late.out.tif -q -j 1 --tile-size 64 --nodata 0 --bad-tiles fill --resume
is "a late bad tile, --bad-tiles fill --resume: exit status" "$status" 0
run calc a late.tif -o good.late.out.tif -q -j 1 --tile-size 64 --nodata 0 --bad-tiles fill
done_as "a late bad tile: the same bytes" late.out.tif

# Statistics of the tiles that are there come from the journal, 56 bytes of each after its 16: one
# that has changed is found, and is made again.
late="late.tif --select 1 -q -j 1 --tile-size 64 --nodata 0"
rm -f late.out.tif good.late.out.tif
# shellcheck disable=SC2086  # several words
{
    fails "a late bad tile, --stats" 1 "with --bad-tiles fill --resume it goes on" \
        calc a $late -o late.out.tif --stats
    fails "gwt verify of a part with statistics" 1 " of 20 tiles good" verify late.out.tif.part
    check "gwt verify of a part with statistics: so many" \
        "$(sed -n 's/.*: \([0-9]*\) of 20 tiles good.*/\1/p' "$err" | grep -vx '1[0-9]')"
    flip late.out.tif.part.journal $((48 + 72 + 50))
    fails "gwt verify: statistics have changed" 1 ": 1 of 20 tiles good" verify late.out.tif.part
    fails "without --stats it is another job" 1 "its options were others" \
        calc a $late -o late.out.tif --bad-tiles fill --resume
    run calc a $late -o late.out.tif --stats --bad-tiles fill --resume
    is "statistics have changed, --resume: exit status" "$status" 0
    run calc a $late -o good.late.out.tif --stats --bad-tiles fill
}
done_as "statistics have changed, --resume: the same bytes" late.out.tif
run calc a bad.tif -o filled.tif -q --bad-tiles fill
is "--bad-tiles fill: exit status" "$status" 0
check "--bad-tiles fill: what was filled, once" \
    "$(grep -c 'gwt: filled: bad.tif: tile 0 (rows 0..63, columns 0..63)' "$err" | grep -vx 1;
       wc -l <"$err" | grep -vx ' *1')"
run calc 'where(valid(a) == valid(b) && (a == b || !valid(a)), 0, 1)' filled.tif input.tif \
    -o same.tif -q --dtype uint8
run stats same.tif -q
run calc 'a.b1 + 0 * b.b1' input.tif filled.tif -o both.tif -q
fails "--bad-tiles: no such way" 2 "bad-tiles" calc a bad.tif -o no.tif --bad-tiles maybe
run calc 'valid(a)' input.tif -o valid.tif -q --tile-size 64
run calc 'valid(a)' filled.tif -o left.tif -q --tile-size 64
valid() { "$gwt" stats --json -q "$1" | sed -n 's/.*"band": 1,.*"mean": \([0-9.e+-]*\),.*/\1/p'; }
lost=$(awk "BEGIN { printf \"%.0f\", ($(valid valid.tif) - $(valid left.tif)) * 300 * 200 }")
check "--bad-tiles fill: no more than that tile is missing" \
    "$([ "${lost:-0}" -gt 0 ] && [ "$lost" -le 4096 ] || echo "$lost pixels of band 1")"

finish
