#!/bin/sh
# test_terminal.sh - what reaches a terminal: no byte of a file's name or of its metadata that would
# steer it, break a line or turn the text around, whatever the command and the stream.
#
#     GWT=build/release/gwt MAKE_SCENE=build/release/make_scene sh tests/test_terminal.sh

. "$(dirname "$0")/checks.sh"

gwt=$(absolute "${GWT:?is the command to test}") || exit 2
make_scene=$(absolute "${MAKE_SCENE:?is the program that makes scenes}") || exit 2
cd "$box" || exit 2

# Everything that is not to be seen as it is, and how it is to be seen: C0 with escape and bell,
# DEL, C1 (U+009B begins a sequence as ESC [ does), marks and overrides of direction, a separator of
# lines, bytes that are no UTF-8. What stands at both ends stays, accents included.
evil=$(printf 'A\033[31m\007\177\302\233\342\200\256\342\201\246\342\200\217\330\234\342\200\250')
evil=$evil$(printf '\377\340\200\200\355\240\200Z\303\251')
shown='A\x1b[31m\x07\x7f\u009b\u202e\u2066\u200f\u061c\u2028'
shown=$shown'\xff\xe0\x80\x80\xed\xa0\x80Z'$(printf '\303\251')

# What of a file is neither printable ASCII, a line end, that accent, nor U+FFFD, as which a trace
# has bytes that are no UTF-8; nothing when all is well.
raw() {
    sed "s/$(printf '\303\251')//g; s/$(printf '\357\277\275')//g" "$1" |
        tr -d '\n\040-\176' | od -An -tx1
}

# The last run let nothing raw out, on either stream.
quiet_terminal() { printf '%s' "$(raw "$out")$(raw "$err")" | sed 's/^/raw bytes:/'; }

# shows NAME STATUS STREAM ARGUMENT.. - $shown stands on STREAM, and nothing raw on any.
shows() {
    name=$1 expected=$2 stream=$3
    shift 3
    run "$@"
    wrong=$(quiet_terminal)
    [ "$status" = "$expected" ] || wrong="exit status $status: $(cat "$err") $wrong"
    grep -qF -e "$shown" "$stream" || wrong="not shown as text: $(head -c 300 "$stream") $wrong"
    check "$name" "$wrong"
}

# clean NAME ARGUMENT.. - nothing raw, whatever comes of it.
clean() {
    name=$1
    shift
    run "$@"
    check "$name" "$(quiet_terminal)"
}

# A file with such a name, one with such a description of its band, and one that is no TIFF. Some
# file systems want names to be UTF-8: the bytes that are not are left out there.
name_evil=$evil name_shown=$shown
: 2>/dev/null >"$evil" || {
    name_evil=$(printf 'A\033[31m\007\177\302\233\342\200\256')
    name_shown='A\x1b[31m\x07\x7f\u009b\u202e'
    skip "bytes that are no UTF-8 in the name of a file" "the file system refuses them"
}
rm -f "$evil"
tif=$name_evil.tif
"$make_scene" scene.tif 64 48 3 deflate 32 || { echo "make_scene does not work"; exit 1; }
cp scene.tif "$tif"
tiny "$(description "$evil")" >named.tif
echo 'no TIFF' >"$name_evil.txt"

# ---- names of files ------------------------------------------------------------------------------

all=$shown shown=$name_shown
shows "info: the name of a file" 0 "$out" info "$tif"
shows "info: a file that is not there" 1 "$err" info "$name_evil.no"
shows "info: a file that is no TIFF" 1 "$err" info "$name_evil.txt"
shows "stats: a file that is no TIFF" 1 "$err" stats "$name_evil.txt"
clean "stats" stats "$tif"
shows "verify: a good file" 0 "$out" verify "$tif"
shows "verify: a file that is no TIFF" 1 "$err" verify "$name_evil.txt"
shows "calc: a file that is no TIFF" 1 "$err" calc b1 "$name_evil.txt" -o no.tif
shows "calc: the line about an output" 0 "$out" calc b1 scene.tif -o "out_$tif"
shows "calc: an output that exists" 1 "$err" calc b1 scene.tif -o "out_$tif"
shows "quicklook: the line about the output" 0 "$out" quicklook scene.tif -o "$name_evil.png"
shows "plan: a file that is no TIFF" 1 "$err" plan b1 "$name_evil.txt"
clean "plan" plan b1 "$tif" --no-probe
shows "tune: a file that is no TIFF" 1 "$err" tune b1 "$name_evil.txt" --seconds 0.1
shows "visualize: a file that is no trace" 1 "$err" visualize "$name_evil.txt" --text
shows "tune --what-if: a file that is no trace" 1 "$err" tune --what-if "$name_evil.txt"

works "a profile of such a file" calc b1 "$tif" -o p.tif -q --profile p.json
shown='A\x1b[31m\x07'
shows "visualize --text: the title" 0 "$out" visualize p.json --text
works "visualize: its page" visualize p.json -o p.html -q
check "the page has nothing raw" "$(sed 's/[^ -~]//g' p.html >"$out"
    LC_ALL=C grep -c "$(printf '[\001-\010\013-\037\177]')" p.html | grep -vx 0
    LC_ALL=C grep -c "$(printf '\342\200\256')" p.html | grep -vx 0)"
shown=$name_shown
cp p.json "$name_evil.json"
shows "tune --what-if: the name of a trace" 0 "$out" tune --what-if "$name_evil.json" --workers 1 \
    --chunks 64
shows "visualize: the line about the page" 0 "$out" visualize p.json -o "$name_evil.html"
works "tables of a profile" calc b1 "$tif" -o t.tif -q --profile tables
check "the CSV has nothing raw" "$(raw tables_events.csv; raw tables_cache.csv)"
check "the trace has nothing raw" "$(raw p.json)"

# One line, though the name has two.
two=$(printf 'one\ntwo.tif')
printf x >"$two"
refused "a line end in a name" 1 'one\x0atwo.tif' info "$two"
refused "a line end in an option" 2 'wor\x0akers' info --"$(printf 'wor\nkers')" scene.tif
rm -f "$two"

# ---- metadata ------------------------------------------------------------------------------------

shown=$all
shows "info: the name of a band" 0 "$out" info named.tif
shows "calc: bands that there are" 1 "$err" calc '"no such"' named.tif -o no.tif
shows "calc --select" 1 "$err" calc b1 named.tif --select nothing -o no.tif
clean "quicklook of such bands" quicklook named.tif -o n.png
clean "info --json" info named.tif --json

cat >"$tmp/oracle.py" <<'PYTHON'
"""Prints what is wrong with outputs of the command, or nothing."""
import csv, io, json, sys, xml.dom.minidom

STEERS = set(range(32)) | set(range(0x7F, 0xA0)) | {0x61C, 0x200E, 0x200F, 0x2028, 0x2029} \
    | set(range(0x202A, 0x202F)) | set(range(0x2066, 0x206A))
EVIL = "A\033[31m\007\177\u009b\u202e\u2066\u200f\u061c\u2028"


def band_name(path, *_):
    name = json.load(open(path, encoding="utf-8"))["descriptions"][0]
    wanted = EVIL + "\ufffd" * 7 + "Z\u00e9"
    if name != wanted:
        print("the name is %r, not %r" % (name, wanted))


def table(path, column, wanted):
    rows = list(csv.DictReader(io.StringIO(open(path, encoding="utf-8").read())))
    if not rows or wanted not in {r[column] for r in rows}:
        print("no %r in column %s: %r" % (wanted, column, {r[column] for r in rows}))


def metadata(path, wanted):
    """GDAL_METADATA is XML, and names the first band so."""
    data = open(path, "rb").read()
    text = data[data.index(b"<GDALMetadata>"):data.index(b"</GDALMetadata>") + 15]
    items = xml.dom.minidom.parseString(text).getElementsByTagName("Item")
    names = [i.firstChild.data for i in items if i.getAttribute("name") == "DESCRIPTION"]
    if names[:1] != [wanted.encode().decode("unicode_escape")]:
        print("the names are %r" % names)


globals()[sys.argv[1]](*sys.argv[2:])
PYTHON
check_python "info --json is JSON and has the name" band_name "$out"
check_python "the CSV has the file's name" table tables_events.csv file "$name_shown.tif"

# What comes out of a file is written as XML can hold it: U+FFFD for what that can't.
works "a copy of bands with such names" calc named.tif -o copy=a -q
check_python "its metadata are XML" metadata copy \
    'A\ufffd[31m\ufffd\x7f\x9b\u202e\u2066\u200f\u061c\u2028'\
'\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffdZ\xe9'

# What the caller says is refused instead.
esc=$(printf 'a\033b')
refused "a tag that XML can't hold" 1 'the tag "K=a\x1bb" has a character that XML' \
    calc b1 scene.tif -o no.tif --tag "K=$esc"
refused "a tag's key that XML can't hold" 1 'the tag "a\x1bb=V" has a character that XML' \
    calc b1 scene.tif -o no.tif --tag "$esc=V"
refused "a tag that is no UTF-8" 1 'the tag "K=\xff" has a character that XML' \
    calc b1 scene.tif -o no.tif --tag "$(printf 'K=\377')"
refused "a band name that XML can't hold" 1 'the band name "a\x1bb" has a character that XML' \
    calc b1 scene.tif -o no.tif --band-names "$esc,y,z"

# ---- expressions ---------------------------------------------------------------------------------

# The caret stands under the right column of what is shown.
refused_in "an expression with control characters" 1 '"a\x1bb" + nix' \
    calc "\"$esc\" + nix" scene.tif -o no.tif
is "its caret" "$(sed -n 3p "$err")" '  ^'

# ---- a page that does not run what a name says ---------------------------------------------------

script='</script><script>alert(1)</script><img src=x onerror=alert(2)>.tif'
script=$(printf %s "$script" | tr / _)
cp scene.tif "$script"
works "a profile of a file that is a script" calc b1 "$script" -o s.tif -q --profile s.html
is "one script of data, one of the page" "$(grep -o '<script' s.html | wc -l | tr -d ' ')" 2
is "no image" "$(grep -c '<img' s.html)" 0
printf '{"otherData":{"gwt":"0","label":"%s"},"traceEvents":[%s,\n%s]}' \
    '</script><script>alert(1)</script>' \
    '{"ph":"X","name":"compute","pid":1,"tid":0,"ts":0,"dur":5,"args":{"key":"</script><b>"}}' \
    '{"ph":"M","name":"thread_name","pid":1,"tid":0,"args":{"name":"</script><i>"}}' >l.json
works "a trace of scripts" visualize l.json -o l.html -q
is "no script ends early" "$(grep -o '</script' l.html | wc -l | tr -d ' ')" 2
is "and none begins" "$(grep -o '<script' l.html | wc -l | tr -d ' ')" 2

finish
