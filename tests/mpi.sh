#!/bin/sh
# mpi.sh - the command and a program for the ranks of an MPI job: one file, whose bytes are those of
# one process, whatever the ranks, workers and chunks; kills, errors and numbers. GWT, GWT_MPI,
# MAKE_SCENE, DISTRIBUTED, MPI_API, MPI_BATCHES, MPI_SCARCE: programs. Run by make mpi-test.

. "$(dirname "$0")/checks.sh"
gwt=$(absolute "${GWT:?}") gwt_mpi=$(absolute "${GWT_MPI:?}")
distributed=$(absolute "${DISTRIBUTED:?}") api=$(absolute "${MPI_API:?}")
scarce=$(absolute "${MPI_SCARCE:?}") batches=$(absolute "${MPI_BATCHES:?}")
make_scene=$(absolute "${MAKE_SCENE:?}") && cd "$box" || exit 2

# More ranks than processors, as any user, without looking for other machines.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_MCA_plm_rsh_agent=false OMPI_MCA_mpi_yield_when_idle=1

# good NAME STATUS - of what has just run; with what it said when that is not 0.
good() { check "$1" "$([ "$2" -eq 0 ] || { echo "status $2: "; cat "$err"; })"; }

# ARGUMENT.. - of mpirun. A hang is a failure.
job() { timeout -k 5 60 mpirun "$@" >"$out" 2>"$err"; }

# RANKS ARGUMENT.. - the command in so many ranks.
ranks() {
    n=$1
    shift
    job -n "$n" "$gwt_mpi" "$@"
}

# NAME RANKS WORKERS CHUNKS ARGUMENT.. - OUT in the arguments is the output; same as one process.
equal() {
    title="$1, $2 ranks of $3, chunks $4" n=$2 workers=$3 chunks=$4
    shift 4
    rm -f out.tif
    ranks "$n" calc "$@" -o out.tif -j "$workers" --chunks "$chunks" &&
        cmp out.tif want.tif >>"$err" 2>&1
    good "$title" $?
}

# NAME ARGUMENT.. - over ranks x workers x chunks.
matrix() {
    name=$1
    shift
    rm -f want.tif
    "$gwt" calc "$@" -o want.tif -q || check "$name: one process" failed
    for n in 1 2 3 4; do
        for workers in 1 2 3; do
            for chunks in 50 128 1000; do equal "$name" $n $workers $chunks "$@"; done
        done
    done
}

# ---- the same bytes -----------------------------------------------------------------------------

"$make_scene" scene.tif 700 500 3 lzw 128 || exit 1
for i in 1 2 3 4; do "$make_scene" "date_2016010$i.tif" 400 300 2 deflate 64 "$i" || exit 1; done

matrix ndi 'norm_diff(b1, b2)' scene.tif --compress deflate --nodata 0
matrix product 'b1 * b2 * b3' scene.tif --compress lzw --tile-size 64 --dtype float32
matrix 'time mean' a 'date_*.tif' --stack time --reduce mean --compress deflate --tile-size 32
matrix window 'moving_mean(b1, 15)' scene.tif --tile-size 48

# NAME ARGUMENT.. - some more, three ranks of two workers.
once() {
    name=$1
    shift
    rm -f want.tif
    "$gwt" calc "$@" -o want.tif -q 2>"$err" || check "$name: one process" failed
    equal "$name" 3 2 100 "$@"
}
once planar a scene.tif --interleave band --compress deflate --tile-size 64
once pixel a scene.tif --compress deflate --predictor 2 --tile-size 64
once copied a scene.tif --compress lzw --tile-size 128
once 'copied, and computed' 'a' scene.tif --compress lzw --tile-size 128 --window 128,0,350,572
once sparse 'where(b1 > 9000, b1, nan)' scene.tif --sparse --nodata 0 --tile-size 16
once checksums 'b1' scene.tif --checksums --tile-size 64 --compress lzw
once statistics a scene.tif --stats --sparse --compress lzw --tile-size 64
once 'statistics of planes' 'a / 7' scene.tif --stats --interleave band --tile-size 32
once bigtiff b1 scene.tif --bigtiff yes --tile-size 64
once 'one tile' b1 scene.tif --window 0,0,20,20 --tile-size 32
rm -f a.tif b.tif
"$gwt" calc scene.tif -o a1.tif='b1 + b2' -o b1.tif='moving_max(a, 9)' --tile-size 64 -q --stats
ranks 3 calc scene.tif -o a.tif='b1 + b2' -o b.tif='moving_max(a, 9)' --tile-size 64 -q --stats &&
    cmp a.tif a1.tif >>"$err" 2>&1 && cmp b.tif b1.tif >>"$err" 2>&1
good "two outputs" $?

# Several images: phases that are runs of all ranks, and one that assembles.
cog="moving_mean(a,3) scene.tif --cog --mask --nodata 0 --tile-size 32 --compress deflate --stats"
rm -f want.tif
# shellcheck disable=SC2086  # arguments are words
"$gwt" calc $cog -o want.tif -q
for n in 1 2 3 4; do
    # shellcheck disable=SC2086
    equal cloud-optimised $n $((n % 3 + 1)) 100 $cog
done
left=$(echo out.tif.part*)
[ "$left" = 'out.tif.part*' ]
good "nothing is left of several images: $left" $?
once 'overviews, read back' a scene.tif --overviews auto --overview-resampling cubic \
    --interleave band --tile-size 32
once 'overviews of copied tiles' a scene.tif --cog --compress lzw --tile-size 128
rm -f a.tif b.tif a1.tif b1.tif
"$gwt" calc scene.tif -o a1.tif='b1 + b2' -o b1.tif='moving_max(a, 9)' --tile-size 64 -q --cog
ranks 3 calc scene.tif -o a.tif='b1 + b2' -o b.tif='moving_max(a, 9)' --tile-size 64 -q --cog &&
    cmp a.tif a1.tif >>"$err" 2>&1 && cmp b.tif b1.tif >>"$err" 2>&1
good "two cloud-optimised outputs" $?

# Tiles of an input that are larger than those of the output, at the edges of both: whole bands, and
# parts of them, go to a rank.
"$make_scene" tiles.tif 700 500 2 deflate 160 || exit 1
matrix blocks 'b1 + b2' tiles.tif --compress lzw --tile-size 16
once 'blocks of planes, statistics' a tiles.tif --interleave band --tile-size 16 --stats --sparse
once 'blocks, cloud-optimised' 'a / 3' tiles.tif --cog --mask --nodata -1 --tile-size 16
once 'blocks, little memory' 'b1 - b2' tiles.tif --memory 3M --tile-size 16

# Each tile of the input is decoded once, by one rank, where there are as many tiles as ranks.
rm -f x.tif run_*
ranks 8 calc b1+b2 tiles.tif -o x.tif --tile-size 16 -j 1 --profile run
good "eight ranks, and what they did" $?
decoded=$(cat run_events.csv run_rank*_events.csv | grep -c ',decode,')
[ "$decoded" -eq 20 ]
good "20 tiles of an input are decoded $decoded times by eight ranks" $?

# And where there are fewer, unless decoding them is little beside what is computed.
"$make_scene" few.tif 320 160 2 deflate 160 || exit 1
# EXPRESSION - on eight ranks; how many tiles they decode, and how many ranks do.
decodes() {
    rm -f x.tif run_*
    ranks 8 calc "$1" few.tif -o x.tif --tile-size 16 -j 1 --profile run
    good "eight ranks and two tiles, $1" $?
    decoded=$(cat run_events.csv run_rank*_events.csv | grep -c ',decode,')
    decoders=$(grep -l ',decode,' run_events.csv run_rank*_events.csv | wc -l)
}
decodes b1+b2
[ "$decoded" -eq 2 ]
good "two tiles are decoded $decoded times" $?
decodes 'moving_median(b1, 51)'
[ "$decoders" -gt 4 ]
good "two tiles that take long are shared by $decoders ranks" $?
rm -f x.tif run_*

# Ranks with unlike memory, workers and chunks: they cut alike.
rm -f x.tif want.tif
wide='moving_mean(moving_mean(b1, 31), 31)'
"$gwt" calc "$wide" tiles.tif -o want.tif -q
job -n 1 "$gwt_mpi" calc "$wide" tiles.tif -o x.tif --memory 5M -j 1 --chunks 512 : \
    -n 1 "$gwt_mpi" calc "$wide" tiles.tif -o x.tif --memory 60M -j 3 --chunks 64 : \
    -n 1 "$gwt_mpi" calc "$wide" tiles.tif -o x.tif --memory 4M -j 2 &&
    cmp x.tif want.tif >>"$err" 2>&1
good "ranks with unlike memory" $?
rm -f x.tif want.tif
"$gwt" calc b1+1 tiles.tif -o want.tif -q
job -n 1 "$gwt_mpi" calc b1+1 tiles.tif -o x.tif --memory 3M -j 1 --chunks 512 : \
    -n 1 "$gwt_mpi" calc b1+1 tiles.tif -o x.tif --memory 3M -j 1 --chunks 64 &&
    cmp x.tif want.tif >>"$err" 2>&1
good "ranks with unlike chunks" $?
# Only one of them walks over pieces that are too large.
for i in 01 02 03 04 05 06 07 08 09 10 11 12; do
    "$make_scene" "corner_201701$i.tif" 128 128 1 deflate 128 || exit 1
done
"$make_scene" corner_20170201.tif 700 500 1 deflate 128 || exit 1
corner='moving_mean(b1,5) corner_*.tif --stack time --reduce mean --bounds-by union'
rm -f x.tif want.tif
# shellcheck disable=SC2086  # arguments are words
"$gwt" calc $corner -o want.tif -q --tile-size 128
# shellcheck disable=SC2086
ranks 3 calc $corner -o x.tif -j 1 --tile-size 128 --memory 2M && cmp x.tif want.tif >>"$err" 2>&1
good "large pieces in one corner" $?

# Where there is no memory for a tile of each date, they have parts of them; all, if one must.
for i in 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29; do
    "$make_scene" "part_201801$i.tif" 600 500 1 deflate 256 "$i" || exit 1
done
parts='part_*.tif --stack time --reduce median --tile-size 64 --compress lzw -q'
rm -f x.tif want.tif
# shellcheck disable=SC2086
"$gwt" calc a $parts -o want.tif
# shellcheck disable=SC2086
ranks 3 calc a $parts -o x.tif -j 1 --memory 3M && cmp x.tif want.tif >>"$err" 2>&1
good "parts of tiles" $?
rm -f x.tif
# shellcheck disable=SC2086
job -n 1 "$gwt_mpi" calc a $parts -o x.tif -j 2 : \
    -n 1 "$gwt_mpi" calc a $parts -o x.tif -j 1 --memory 4M &&
    cmp x.tif want.tif >>"$err" 2>&1 && grep -q 'another rank has no memory' "$err"
good "parts of tiles, as one of two ranks has no memory for whole ones" $?
rm -f x.tif
# shellcheck disable=SC2086
job -n 1 "$gwt_mpi" calc a $parts -o x.tif -j 2 : \
    -n 1 "$gwt_mpi" calc a $parts -o x.tif -j 1 --memory 1M
[ $? -eq 1 ] && [ ! -f x.tif ] && grep -q 'this takes .* MB of memory with one worker' "$err"
good "one of two ranks has no memory for them, either" $?

# A rank that is late keeps the others waiting, but what they ask for is not less: a third of the
# window, (16 + 32) / 3 tiles.
job -n 4 "$batches" 1024 16 1 2
good "a late rank" $?
grep -q 'of 16 tiles the largest, of 16 the smallest' "$out"
good "batches do not shrink for a late rank: $(cat "$out")" $?

rm -f out.tif want.tif
"$gwt" calc 'norm_diff(b1, b2)' scene.tif -o want.tif -q --compress deflate --tile-size 32
job --mca pml ob1 --mca btl tcp,self -n 3 "$gwt_mpi" calc 'norm_diff(b1, b2)' scene.tif \
    -o out.tif -q --compress deflate --tile-size 32 && cmp out.tif want.tif >>"$err" 2>&1
good "over TCP only" $?

rm -f out.tif want.tif
said='valid pixels of out.tif equal its nodata value 9000 and read as missing'
"$gwt" calc b1 scene.tif -o out.tif -q --dst-nodata 9000 --tile-size 32 2>want.txt
grep -q "^gwt: [1-9][0-9]* $said" want.txt && rm -f out.tif &&
    ranks 3 calc b1 scene.tif -o out.tif -q --dst-nodata 9000 --tile-size 32 &&
    cmp "$err" want.txt >>"$err" 2>&1
good "valid pixels that equal nodata, of all ranks together" $?

"$gwt" stats scene.tif >want.txt
ranks 3 stats scene.tif && cmp "$out" want.txt >>"$err" 2>&1
good "stats" $?

"$distributed" scene.tif one.tif 2 >one.txt 2>"$err" &&
    timeout -k 5 60 mpirun -n 3 "$distributed" scene.tif three.tif 1 >three.txt 2>"$err" &&
    cmp one.tif three.tif && [ "$(sed 's/.*: //' one.txt)" = "$(sed 's/.*: //' three.txt)" ]
good "the example, and its numbers" $?

# ---- killed, and resumed ------------------------------------------------------------------------

"$make_scene" large.tif 2500 2000 3 deflate 256 || exit 1
save="norm_diff(b1,b2) large.tif --compress deflate --level 9 --nodata 0 --tile-size 64 --stats"
save="$save --resume"
rm -f want.tif
# shellcheck disable=SC2086  # arguments are words
"$gwt" calc $save -o want.tif -q -j 1
parts=0 rounds=0
for delay in 0.45 0.55 0.65 0.75 0.85 0.95 1.05 1.15; do
    rounds=$((rounds + 1))
    rm -f k.tif*
    # shellcheck disable=SC2086
    mpirun -n 3 "$gwt_mpi" calc $save -o k.tif -j 1 >"$out" 2>"$err" &
    job_id=$!
    sleep "$delay"
    victim=$(pgrep -P $job_id | sed -n "$((rounds % 3 + 1))p")
    [ -n "$victim" ] && kill -9 "$victim" 2>/dev/null
    began=$(date +%s)
    wait $job_id 2>/dev/null
    [ $(($(date +%s) - began)) -le 10 ]
    good "after a kill the job ends within 10 s" $?
    if [ -f k.tif.part.journal ]; then parts=$((parts + 1)); fi
    [ ! -f k.tif ] || cmp -s k.tif want.tif
    good "killed after $delay s: no half output" $?
    if [ ! -f k.tif ]; then
        # shellcheck disable=SC2086
        if [ $((rounds % 4)) -eq 3 ]; then "$gwt" calc $save -o k.tif -q >"$out" 2>"$err"
        else ranks $((rounds % 4 + 1)) calc $save -o k.tif -j 2; fi
    fi
    cmp k.tif want.tif >>"$err" 2>&1 && [ ! -f k.tif.part ] && [ ! -f k.tif.part.journal ]
    good "killed after $delay s, resumed" $?
done
[ $parts -ge 2 ]
good "kills leave something to resume: $parts of $rounds" $?

# Tiles of the input that are as high as the image: what is in the journal are rows of the output's,
# not only all of it.
"$make_scene" high.tif 4096 2048 2 deflate 2048 || exit 1
high='norm_diff(b1,b2) high.tif --compress deflate --level 9 --nodata 0 --tile-size 32 --resume'
rm -f k.tif* want_high.tif
# shellcheck disable=SC2086
"$gwt" calc $high -o want_high.tif -q
# shellcheck disable=SC2086
mpirun -n 2 "$gwt_mpi" calc $high -o k.tif -j 1 >"$out" 2>"$err" &
job_id=$! waited=0
while [ $waited -lt 1500 ] && [ ! -f k.tif ] &&
    { [ ! -f k.tif.part.journal ] || [ "$(wc -c <k.tif.part.journal)" -lt 20000 ]; }; do
    sleep 0.02
    waited=$((waited + 1))
done
pkill -9 -P $job_id
wait $job_id 2>/dev/null
[ ! -f k.tif ] && [ "$(wc -c <k.tif.part.journal)" -ge 20000 ]
good "rows of the first tiles are in the journal" $?
# shellcheck disable=SC2086
ranks 3 calc $high -o k.tif -j 2 && cmp k.tif want_high.tif >>"$err" 2>&1
good "and the rest, resumed" $?

# In any phase of a file of several images.
cog="norm_diff(b1,b2) large.tif --cog --mask --compress deflate --level 9 --nodata -9 --tile-size 64"
cog="$cog --resume"
rm -f want_cog.tif
# shellcheck disable=SC2086
"$gwt" calc $cog -o want_cog.tif -q -j 1
parts=0
for delay in 0 0.1 0.2 0.3 0.5 0.7; do
    rm -f k.tif*
    # shellcheck disable=SC2086
    mpirun -n 3 "$gwt_mpi" calc $cog -o k.tif -j 1 >"$out" 2>"$err" &
    job_id=$! waited=0
    while [ ! -f k.tif.part.journal ] && [ $waited -lt 500 ]; do
        sleep 0.02
        waited=$((waited + 1))
    done
    sleep "$delay"
    victim=$(pgrep -P $job_id | sed -n "$((parts % 3 + 1))p")
    [ -n "$victim" ] && kill -9 "$victim" 2>/dev/null
    wait $job_id 2>/dev/null
    [ ! -f k.tif.part.journal ] || parts=$((parts + 1))
    [ ! -f k.tif ] || cmp -s k.tif want_cog.tif
    good "cloud-optimised, killed after $delay s: no half output" $?
    # shellcheck disable=SC2086
    [ -f k.tif ] && [ ! -f k.tif.part.journal ] || ranks $((parts % 4 + 1)) calc $cog -o k.tif -j 2
    cmp k.tif want_cog.tif >>"$err" 2>&1 && [ "$(echo k.tif.part*)" = 'k.tif.part*' ]
    good "cloud-optimised, killed after $delay s, resumed" $?
done
[ $parts -ge 2 ]
good "kills leave something to resume of several images: $parts of 6" $?

rm -f k.tif*
# shellcheck disable=SC2086
timeout -s KILL 0.25 "$gwt" calc $save -o k.tif -q -j 1 2>/dev/null
# shellcheck disable=SC2086
[ -f k.tif ] || ranks 3 calc $save -o k.tif -j 1
cmp k.tif want.tif >>"$err" 2>&1
good "begun by one process, resumed by three" $?

# ---- errors: one message, all ranks end, nothing half done --------------------------------------

# NAME TEXT [LINES] - the run before failed, and all ranks together said so in so many lines, 1 by
# default.
fails() {
    status=$?
    lines=$(grep -o "gwt: " "$err" | wc -l)      # two ranks' may have become one
    [ $status -ne 0 ] && [ $status -ne 124 ] && [ "$lines" -ge 1 ] && grep -q "$2" "$err"
    good "$1: status $status, $lines messages" $?
    [ "$lines" -eq "${3:-1}" ]
    good "$1: $lines messages" $?
}
rm -f x.tif
job -n 2 "$gwt_mpi" calc b1 scene.tif -o x.tif : -n 1 "$gwt_mpi" calc b1 no.tif -o x.tif
fails "a file that one rank has not" "no.tif"
job -n 1 "$gwt_mpi" calc b1 no.tif -o x.tif : -n 2 "$gwt_mpi" calc b1 scene.tif -o x.tif
fails "a file that rank 0 has not" "no.tif"
job -n 2 "$gwt_mpi" calc b1 scene.tif -o x.tif : -n 1 "$gwt_mpi" calc b2 scene.tif -o x.tif
fails "another expression" "rank 2"
ranks 3 calc b1 scene.tif -o x.tif --bloc 64
fails "an unknown option" "unknown option '--bloc'"
ranks 3 cal b1
fails "an unknown command" "unknown command 'cal'"
ranks 3 info scene.tif
good "info" $?
[ "$(grep -c 'pixel size' "$out")" -eq 1 ]
good "info, once" $?
# A rank that works elsewhere, where a file of that name is.
mkdir elsewhere
: >elsewhere/x.tif.part
rm -f x.tif*
job -n 1 "$gwt_mpi" calc b1 "$box/scene.tif" -o x.tif : \
    -n 1 --wdir "$box/elsewhere" "$gwt_mpi" calc b1 "$box/scene.tif" -o x.tif
# Rank 0 may have written tiles before it hears of that; then it says, too, how to go on.
(status=$?; sed -i '/^gwt: x.tif: not finished; /d' "$err"; exit $status)
fails "another file of that name" "another file here than on rank 0"
rm -f x.tif*
ranks 2 verify scene.tif
fails "what one process does" "gwt verify runs in one process"
rm -f run_*
: >run_rank1_cache.csv
ranks 2 calc b1 scene.tif -o x.tif --profile run
fails "tables of another rank that are there" "run_rank1_cache.csv"
rm -f run_*
ranks 2 calc b1 scene.tif -o x.tif --profile run && [ -s run_rank1_cache.csv ]
good "tables of each rank" $?
ranks 3 calc b1 scene.tif -o x.tif --overwrite --profile run.html &&
    grep -q '3: worker 0' run.html
good "a page of all ranks" $?
rm -f x.tif
ranks 3 calc b9 scene.tif -o x.tif
fails "an unknown band" "b9"
ranks 3 calc b1 scene.tif -o nowhere/x.tif
fails "a folder that is not there" "nowhere"
# 40 kB of the middle, which no codec takes for anything.
"$make_scene" broken.tif 2500 2000 1 lzw 256 || exit 1
size=$(wc -c <broken.tif)
head -c 40000 /dev/zero | tr '\0' '\377' |
    dd of=broken.tif bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
rm -f x.tif*
ranks 3 calc b1 broken.tif -o x.tif --tile-size 64
fails "a broken tile" "broken.tif" 2              # and how to go on
rm -f x.tif*
ranks 3 calc b1 broken.tif -o x.tif --tile-size 64 --bad-tiles fill --nodata 0
good "a broken tile, filled" $?
rm -f x.tif* full.tif*
mkdir disk
if mount -t tmpfs -o size=8m tmpfs disk 2>/dev/null; then
    at_end() { umount -l "$box/disk" 2>/dev/null; }
    # shellcheck disable=SC2086
    ranks 3 calc $save -o disk/full.tif -j 1
    fails "a full disk" "full.tif.part" 2          # and how to go on
    [ ! -f disk/full.tif ] && [ -f disk/full.tif.part.journal ]
    good "a full disk leaves what can be resumed" $?
    mount -o remount,size=100m disk
    # shellcheck disable=SC2086
    ranks 2 calc $save -o disk/full.tif -j 1
    cmp disk/full.tif want.tif >>"$err" 2>&1
    good "a full disk, resumed" $?
    umount -l disk
else
    skip "a full disk" "a small one can't be mounted here"
fi

# ---- the interface ------------------------------------------------------------------------------

for n in 1 2 3 4; do
    job -n $n "$api" scene.tif
    good "the interface on $n ranks" $?
done
for n in 2 3; do
    job -n $n "$scarce" scene.tif
    good "an allocation fails on one of $n ranks" $?
done
job -n 2 "$api" scene.tif single
good "MPI begun for one thread" $?

# ---- installed ----------------------------------------------------------------------------------

B=$(dirname "$gwt") PREFIX=/usr DESTDIR=$box/installed
export B PREFIX DESTDIR
(cd "$here/.." && sh tools/install/install.sh install) >"$out" 2>"$err"
good "installed" $?
rm -f out.tif want.tif
job -n 2 installed/usr/bin/gwt-mpi calc 'norm_diff(b1, b2)' scene.tif -o out.tif -j 1
good "the ranks of what is installed" $?
"$gwt" calc 'norm_diff(b1, b2)' scene.tif -o want.tif -q && cmp out.tif want.tif >>"$err" 2>&1
good "their bytes" $?
(cd "$here/.." && sh tools/install/install.sh uninstall) >"$out" 2>"$err"
is "uninstalled" "$(find installed -name 'gwt*')" ''

finish
