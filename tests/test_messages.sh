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

# ---- options, not fields -------------------------------------------------------------------------

# The library's messages name fields of its options; the command's, its options.
"$make_scene" grid.tif 301 200 3 none 0
refused "other grids" 1 '; --bounds-by brings files to one grid' \
    calc 'a.b1 + b.b1' scene.tif grid.tif -o no.tif
refused "other grids, stacked" 1 '; --bounds-by brings files to one grid' \
    calc a scene.tif grid.tif -o no.tif --stack time
"$make_scene" one.tif 300 200 1 none 0
refused "other numbers of bands, along time" 1 \
    "scene.tif has 3 bands, one.tif has 1; --stack band puts one's bands after the other's" \
    calc a scene.tif one.tif -o no.tif --stack time
refused "an output that exists" 1 'exists (--overwrite replaces it)' calc b1 scene.tif -o six.tif
refused "too little memory" 1 'and --memory is' calc a scene.tif -o no.tif --memory 10K
refused "missing pixels in integers" 1 \
    '--nodata gives one, --mask a mask; a --dtype of floating point needs none' \
    \
    calc 'where(count(a) > 3, count(a), nan)' scene.tif -o no.tif --dtype uint8
rm -f no.tif.part no.tif.part.journal
refused "a tile edge" 1 '--tile-size = 100: must be a multiple of 16' calc b1 scene.tif -o no.tif --tile-size 100

refused_in "a percentile over 100" 1 'percentile = 190: must be 0 to 100' \
    calc 'percentile(a, 190)' scene.tif -o no.tif
refused "too little memory for what a file says" 1 'and --memory is 1e-05 MB' \
    calc b1 scene.tif -o no.tif --memory 10

# What stands in a name is no field.
cp scene.tif '.overwrite.tif'
printf 'no TIFF' >'a .resume .memory_limit'
refused "a name that looks like a field" 1 'a .resume .memory_limit: is not a TIFF' \
    info 'a .resume .memory_limit'

# ---- sensors that do not fit ---------------------------------------------------------------------

# told NAME STATUS LINES TEXT ARGUMENT.. - so many lines on stderr, the first with TEXT.
told() {
    name=$1 expected=$2 lines=$3 text=$4
    shift 4
    run "$@"
    wrong=
    [ "$status" = "$expected" ] || wrong="exit status $status; "
    [ "$(wc -l <"$err")" -eq "$lines" ] || wrong="$wrong$(wc -l <"$err") lines; "
    head -n 1 "$err" | grep -qF -e "$text" || wrong="$wrong no '$text'; "
    check "$name" "$wrong${wrong:+$(cat "$err")}"
    lines=1
}
dropped='--sensor l7 is ignored: it has 6 bands, scene.tif has 3'
told "calc: a sensor that does not fit" 0 1 "$dropped (sensors with 3 bands: bgr, " \
    calc b1 scene.tif -o d.tif -q --sensor l7
told "calc: and names that are wanted" 1 4 "$dropped" \
    calc 'ndvi()' scene.tif -o no.tif -q --sensor l7
told "calc: several files, once" 0 1 "$dropped" calc 'a.b1' scene.tif scene.tif -o d.tif -q \
    --overwrite --sensor l7 --allow-unused
told "calc: bands in files of their own" 1 4 \
    'has 1 (sensors with 1 band: l7pan, l8pan, l9pan); --stack band makes the bands of all' \
    calc 'ndvi()' one.tif one.tif -o no.tif -q --sensor l7
told "calc: stacked, what counts is the stack" 0 1 'it has 6 bands, the stack has 2' \
    calc b1 one.tif one.tif -o d.tif -q --overwrite --stack band --sensor l7
told "plan" 0 1 "$dropped" plan b1 scene.tif --sensor l7
told "tune" 0 1 "$dropped" tune b1 scene.tif --sensor l7 --seconds 0.2 --chunks 64,128 -j 1
told "quicklook" 0 1 "$dropped" quicklook scene.tif -o d.png --sensor l7 -q
works "a sensor that fits" calc 'ndvi()' six.tif -o d.tif -q --overwrite --sensor l7
works "a stack that fits" calc 'ndvi()' one.tif one.tif one.tif one.tif one.tif one.tif -o d.tif \
    -q \
    \
    --overwrite --sensor l7 --stack band
works "names that are given" calc 'x' scene.tif -o d.tif -q --overwrite --sensor l7 \
    --band-names x,y,z

# ---- where outputs go ----------------------------------------------------------------------------

refused "calc -o -" 2 "a GeoTIFF can't be written to stdout: name a file (./- for one called -)" \
    calc b1 scene.tif -o -
refused "calc -o -=EXPR" 2 "a GeoTIFF can't be written to stdout" \
    calc scene.tif -o x.tif=b2 --output=-=b1
refused "calc --profile -" 2 '--profile wants a FILE' calc b1 scene.tif -o no.tif --profile -
refused "quicklook -o -" 2 "a picture can't be written to stdout" quicklook scene.tif -o -
refused "quicklook: what is no PNG" 2 'x.jpg: the picture is a PNG: its name must end in .png' \
    quicklook scene.tif -o x.jpg
refused "quicklook: a name without an end" 2 'must end in .png' quicklook scene.tif -o picture
works "quicklook: .PNG" quicklook scene.tif -o upper.PNG -q
refused "tune -o -" 2 "the table goes to stdout: name a file for the picture" tune b1 scene.tif -o -
works "calc -o ./-" calc b1 scene.tif -o ./- -q
check "is a file of that name" "$([ -s ./- ] || echo there is none)"
rm -f ./-
works "a profile" calc b1 scene.tif -o p.tif -q --profile p.json
works "visualize -o FILE" visualize p.json -o p.html -q
works "visualize -o -" visualize p.json -o -
same "the same page on stdout" "$out" p.html
check "no file of that name" "$([ ! -e ./- ] || echo there is one)"
refused "visualize -o - --text" 2 'both the page and the text to stdout' visualize p.json -o - \
    --text

# One output, one name; of calc each has an expression.
refused "convert -o twice" 2 '--output (-o) is given twice: there is one output' \
    convert scene.tif -o one_of.tif -o two_of.tif
refused "quicklook -o twice" 2 'is given twice' quicklook scene.tif -o a.png --output=b.png

# Files of other kinds, which a name may ask for in vain.
refused "calc -o FILE.png" 2 'x.png: a GeoTIFF is written, and its name must not say otherwise' \
    calc b1 scene.tif -o x.png
refused "convert -o FILE.JP2" 2 'gwt quicklook makes pictures' convert scene.tif -o x.JP2
works "a name that says nothing" convert scene.tif -o plain -q
works "nor does a date" convert scene.tif -o to.2020 -q

# Options of GDAL, of which -ot would be the output t.
refused "-ot" 2 '-ot is an option of GDAL, here it is --dtype T; see' \
    convert scene.tif -o no.tif -ot Byte
refused "-of" 2 '-of is an option of GDAL; see' convert scene.tif no.tif -of COG
refused "-a_nodata" 2 'here it is --nodata V' convert -a_nodata 0 scene.tif -o no.tif
refused "-srcwin" 2 'here it is --window ROW,COL,ROWS,COLS' \
    convert -srcwin 0 0 5 5 scene.tif -o no.tif
refused "info -json" 2 'here it is --json; see gwt info --help' info -json scene.tif
refused "-r where there is no resampling" 2 '-r is an option of GDAL; see' stats scene.tif -r near

# Others that are near.
refused "--dtyp" 2 "unknown option '--dtyp'; there is --dtype T; see" \
    convert scene.tif -o no.tif --dtyp uint8
refused "--resampling=near" 2 "'--resampling=near'; there is --resample HOW; see" \
    convert scene.tif -o no.tif --resampling=near
refused "--like" 2 'there is --reference FILE; see' convert scene.tif -o no.tif --like six.tif
refused "--like where there is no grid" 2 "unknown option '--like'; see gwt info --help" \
    info scene.tif --like six.tif
refused "what is near nothing" 2 "unknown option '--frobnicate'; see" info scene.tif --frobnicate
refused "what is near by little" 2 "unknown option '--outside'; see" \
    convert scene.tif -o no.tif --outside

# ---- what an interruption left -------------------------------------------------------------------

# OUT.part and its journal, as a signal leaves them, or else a disk that is full.
(trap '' XFSZ; ulimit -f 100; exec "$gwt" calc a scene.tif -o cut.tif -q --tile-size 64) >"$out" \
    2>"$err"
if [ -e cut.tif.part ] && [ -e cut.tif.part.journal ]; then
    cut='cut.tif.part: is what an interrupted save of cut.tif left'
    refused "info of a part" 1 "$cut" info cut.tif.part
    holds "and how to go on" "$err" "the same save with --resume goes on"
    refused "stats of a part" 1 "$cut" stats cut.tif.part
    refused "calc of a part" 1 "$cut" calc b1 cut.tif.part -o no.tif
    refused "quicklook of a part" 1 "$cut" quicklook cut.tif.part -o no.png
    refused "verify of a part" 1 'cut.tif.part: not finished:' verify cut.tif.part
    refused "info of a journal" 1 \
        'cut.tif.part.journal: is the journal of an interrupted save, no TIFF' \
        info cut.tif.part.journal
    mv cut.tif.part.journal kept
    refused "info of a part without a journal" 1 \
        'an interrupted save of cut.tif left, no TIFF yet; without its journal it cannot be resumed' \
        info cut.tif.part
    mv kept cut.tif.part.journal
    cp cut.tif.part other
    refused "info of a part by another name" 1 \
        'other: is not a TIFF: it begins with 16 empty bytes, as the .part' info other
    rm other
    works "it can go on" calc a scene.tif -o cut.tif -q --tile-size 64 --resume
else
    skip "what an interruption left" "no disk can be full here"
fi

# ---- what is no trace ----------------------------------------------------------------------------

works "tables" calc b1 scene.tif -o t.tif -q --profile run
refused "visualize of a table" 1 \
    'run_events.csv: is a table, not a trace: give the FILE.json of gwt calc --profile FILE.json' \
    visualize run_events.csv --text
refused "visualize of another table" 1 'run_cache.csv: is a table, not a trace' \
    visualize run_cache.csv --text
refused "tune --what-if of a table" 1 'run_events.csv: is a table, not a trace' \
    tune --what-if run_events.csv
refused "visualize of a page" 1 'p.html: is not a trace: give the FILE.json' visualize p.html --text
refused "visualize of a raster" 1 'scene.tif: is not a trace: give the FILE.json' \
    visualize scene.tif --text
echo '{"a":1}' >other.json
refused "visualize of other JSON" 1 'not a dump of a gwt profile' visualize other.json --text

# ---- numbers with digits that say something ------------------------------------------------------

# A job as slow as it gets here: 64 pixels.
"$make_scene" dot.tif 8 8 1 none 0
run calc 'moving_median(b1, 3)' dot.tif -o dot_out.tif
check "Mpx/s and seconds are not 0" \
    "$(grep -cE '^dot_out.tif: .*, 0*[.]?0*[1-9][0-9.]* s, 0*[.]?0*[1-9][0-9.]* Mpx/s$' "$out" |
        grep -vx 1; sed -n 's/.*/&/p' "$out" | grep -E ' 0[.]0+ ')"
works "a profile of little" calc b1 dot.tif -o dot_p.tif -q --profile dot.json
works "as text" visualize dot.json --text
check "MB/s are not 0 where bytes were read" \
    "$(grep -E '^  (read|written) +0[.]0+ MB/s [(][1-9]' "$out")"

# ---- advice --------------------------------------------------------------------------------------

# spent STAGE MICROSECONDS CPU [MORE] - a dump of 1 s of 2 workers: that stage, the rest computing;
# how many percent of one processor the process got; what more stands in its head.
spent() {
    printf '{"otherData":{"gwt":"0","label":"x","workers":2,"seconds":1%s},"traceEvents":[\n' \
        "${4:+,$4}"
    for worker in 0 1; do
        printf '{"ph":"X","name":"%s","pid":1,"tid":%s,"ts":0,"dur":%s},\n' "$1" $worker "$2"
        for piece in 0 1 2 3; do
            printf '{"ph":"X","name":"compute","pid":1,"tid":%s,"ts":%s,"dur":%s},\n' $worker \
                $(($2 + piece * (1000000 - $2) / 4)) $(((1000000 - $2) / 4))
        done
    done
    printf '{"ph":"C","name":"cpu","pid":1,"ts":1000000,"args":{"percent":%s}}]}\n' "$3"
}
advice() { spent "$@" >advice.json; run visualize advice.json --text; }

advice encode 600000 199 '"output":"deflate"'
holds "encoding deflate: zstd" "$out" \
    'compresses the output; try --compress zstd, or a lower --level'
advice encode 600000 199 '"output":"zstd"'
holds "encoding zstd: a lower level" "$out" 'compresses the output, with zstd already; try a lower'
absent "and not zstd" "$out" '--compress zstd'
advice encode 600000 199
holds "a dump that does not say" "$out" 'try --compress zstd'
advice decode 600000 199 '"input":"lzw"'
holds "decoding lzw: zstd" "$out" 'decompresses the input: store it with zstd'
advice decode 600000 199 '"input":"zstd"'
holds "decoding zstd: one pass" "$out" \
    'decompresses the input, which is zstd already: compute several'
absent "and not zstd" "$out" 'store it with zstd'
advice write 600000 80 '"output":"lzw"'
holds "writing what is compressed: a faster disk" "$out" \
    'the disk limits it; a faster disk may help'
absent "and not --compress" "$out" '--compress'
advice write 600000 80 '"output":"none"'
holds "writing what is not: --compress" "$out" 'try --compress, which leaves less to write'
advice read 800000 40 '"input":"deflate"'
absent "reading what is compressed: no compressed input" "$out" 'a compressed input'

if "$gwt" calc b1 scene.tif -o z.tif -q --compress zstd --profile z.json >"$out" 2>"$err"; then
    holds "a trace says what the output is" z.json '"output": "zstd"'
    holds "and the input" z.json '"input": "deflate"'
else
    skip "a trace says what the output is" "no zstd in this libtiff"
    skip "and the input" "no zstd in this libtiff"
fi

# Waits and planning that take long because other programs have the processors are no fault of the
# pieces.
for stage in schedule wait:lock wait:tile wait:writer; do
    advice $stage 300000 195
    check "$stage, all processors: of the pieces" "$(grep -cE '(--chunks|locks)' "$out" |
        grep -vx '[1-9]')"
    advice $stage 300000 60
    holds "$stage, busy: other programs" "$out" 'other programs have the cores'
    absent "$stage, busy: nothing of --chunks" "$out" '--chunks'
done

# Two outputs in one pass are both in the title.
works "two outputs" calc scene.tif -o one_of.tif=b1+b2 -o two_of.tif='sqrt(b3)' -q --profile \
    two.json
run visualize two.json --text
is "both are in the title" "$(head -n 1 "$out")" 'b1+b2; sqrt(b3)  (scene.tif)'
long=$(printf '%070d' 0)
works "long ones" calc scene.tif -o one_of.tif="b1+$long" -o two_of.tif="b2+$long" -q --overwrite \
    --profile two.json
run visualize two.json --text
check "are cut" "$(head -n 1 "$out" | grep -vE '^b1[+]0+[.][.]; b2[+]0+[.][.]  [(]scene.tif[)]$')"

finish
