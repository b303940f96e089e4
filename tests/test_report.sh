#!/bin/sh
# test_report.sh - gwt visualize from outside: the page, its numbers, and dumps it refuses.
#
#     GWT=build/release/gwt sh tests/test_report.sh
#
# The dumps are made up (make_trace.py, and by hand below); numbers and data of a page are compared
# with what python3 computes from the dump by itself. How a page looks and works in a browser is
# report_browser.js's.

. "$(dirname "$0")/checks.sh"
gwt=$(absolute "${GWT:?is the command to test}") || exit 2
cd "$box" || exit 2

cat >"$tmp/oracle.py" <<'EOF_ORACLE'
"""What a page says against what the dump says, with nothing but python's standard library."""
import html
import html.parser
import json
import math
import random
import re
import subprocess
import sys

STAGES = ("read decode compute user encode write other schedule "
          "wait:tile wait:writer wait:lock").split()


class Page(html.parser.HTMLParser):
    """Tables as lists of rows of texts, texts by class, and the script data."""

    def __init__(self, path):
        super().__init__()
        self.text = open(path, encoding="utf-8").read()
        self.tables, self.tags, self.words, self.data = {}, [], [], ""
        self.row = self.cell = self.open = None
        self.feed(self.text)
        self.close()
        self.data = json.loads(self.data)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if tag == "table":
            self.rows = self.tables.setdefault(attrs["class"], [])
        elif tag == "tr":
            self.row = []
            self.rows.append(self.row)
        elif tag in ("td", "th"):
            self.cell = ""
        self.open = attrs.get("id", tag)

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.row.append(self.cell.strip())
            self.cell = None
        self.open = None

    def handle_data(self, data):
        if self.open == "data":
            self.data += data
        elif self.open not in ("script", "style"):
            self.words.append(data)
        if self.cell is not None:
            self.cell += data


def events_of(dump):
    return [e for e in dump["traceEvents"] if e["ph"] == "X"]


def args(e, name):
    return e.get("args", {}).get(name, 0)


class Sums:
    def __init__(self, path):
        dump = json.load(open(path, encoding="utf-8"))
        head, self.events = dump["otherData"], events_of(dump)
        lanes = {(e.get("pid", 0), e.get("tid", 0)) for e in dump["traceEvents"]
                 if e["ph"] == "X" or (e["ph"], e["name"]) == ("M", "thread_name")}
        if len({p for p, _ in lanes}) == 1:
            pid = min(lanes)[0]
            tid = 0
            while len(lanes) < head.get("workers", 0):
                lanes.add((pid, tid))
                tid += 1
        self.lanes = sorted(lanes)
        self.wall = max([head.get("seconds", 0)] + [(e["ts"] + e["dur"]) / 1e6
                                                     for e in self.events])
        self.time = self.wall * len(self.lanes)
        self.by_stage = {}
        for e in self.events:
            name = e["name"] if e["name"] in STAGES else "other"
            self.by_stage.setdefault(name, []).append(e)

    def seconds(self, events):
        return math.fsum(e["dur"] for e in events) / 1e6

    def lane(self, lane):
        """work, planning, waiting, idle of a lane in seconds."""
        own = [e for e in self.events if (e.get("pid", 0), e.get("tid", 0)) == lane]
        wait = self.seconds(e for e in own if e["name"].startswith("wait:"))
        plan = self.seconds(e for e in own if e["name"] == "schedule")
        work = self.seconds(own) - wait - plan
        return work, plan, wait, max(0, self.wall - work - plan - wait)

    def total(self):
        return [math.fsum(x) for x in zip(*(self.lane(lane) for lane in self.lanes))]


def near(what, shown, value, decimals):
    step = 10.0 ** -decimals
    if abs(float(shown) - value) > 0.51 * step + 1e-9 * abs(value):
        print(f"{what}: shown {shown}, is {value:.6f}")


def whole(events):
    """How long each took, sorted: the parts of one that is interrupted are one."""
    parts, lengths = {}, []
    for e in sorted(events, key=lambda e: e["ts"]):
        lane = (e.get("pid", 0), e.get("tid", 0), e.get("args", {}).get("depth", 0))
        parts[lane] = parts.get(lane, 0) + e["dur"]
        if e.get("args", {}).get("ends", 1):
            lengths.append(parts.pop(lane))
    return sorted(lengths + list(parts.values()))


def stage_rows(sums, rows):
    expected = [s for s in STAGES if s in sums.by_stage]
    if [r[0] for r in rows] != ["Stage"] + expected + ["idle"]:
        print("stages:", [r[0] for r in rows])
        return
    for row in rows[1:-1]:
        name, own = row[0], sums.by_stage[row[0]]
        lengths = whole(own)
        place = 0.95 * (len(lengths) - 1)
        low, high = lengths[math.floor(place)], lengths[math.ceil(place)]
        p95 = low + (high - low) * (place - math.floor(place))
        if int(row[1]) != len(lengths):
            print(f"{name}: count {row[1]}, is {len(lengths)}")
        near(name + " total", row[2], sums.seconds(own), 3)
        near(name + " mean", row[3], sums.seconds(own) / len(lengths) * 1e3, 3)
        near(name + " p95", row[4], p95 / 1e3, 3)
        for cell, side in ((row[5], "in"), (row[6], "out")):
            moved = sum(args(e, side) for e in own)
            near(f"{name} {side}", cell or "0", moved / 1e6, 1)
        near(name + " share", row[7], sums.seconds(own) / sums.time * 100, 1)
    near("idle", rows[-1][2], sums.total()[3], 3)
    near("idle share", rows[-1][7], sums.total()[3] / sums.time * 100, 1)


def lane_rows(sums, rows):
    expected = [sums.lane(lane) for lane in sums.lanes]
    shares = [[100 * v / sums.wall for v in lane] for lane in expected]
    if len(sums.lanes) > 1:
        shares.append([100 * v / sums.time for v in sums.total()])
    if len(rows) != len(shares) + 1:
        print("workers:", len(rows))
        return
    for row, lane in zip(rows[1:], shares):
        for cell, value in zip(row[1:], lane):
            near(row[0], cell, value, 1)


def moved(sums, stage, instead, side):
    own = sums.by_stage.get(stage, [])
    if own:
        return max(sum(args(e, "in") for e in own), sum(args(e, "out") for e in own))
    return sum(args(e, side) for e in sums.by_stage.get(instead, []))


def derived(sums):
    tasks = len(whole(sums.by_stage.get("compute") or sums.by_stage.get("user", [])))
    decodes = sums.by_stage.get("decode", [])
    keys = [args(e, "key") for e in decodes if e["args"].get("ends", 1)]
    again = len(keys) / len(set(keys)) if keys and all(keys) else None
    return {"parallel efficiency": (100 * sums.total()[0] / sums.time, 1), "tasks": (tasks, 0),
            "tasks per second": (tasks / sums.wall, 1),
            "read": (moved(sums, "read", "decode", "in") / 1e6 / sums.wall, 1),
            "written": (moved(sums, "write", "encode", "out") / 1e6 / sums.wall, 1),
            "decodes per tile": None if again is None else (again, 2)}


def facts(sums, page):
    found = dict(re.findall(r"<dt>([^<]*)</dt><dd>([0-9.]+)<", page.text))
    for name, value in derived(sums).items():
        if value is None:
            if name in found:
                print(name, "is not known")
        elif name not in found:
            print("no", name)
        else:
            near(name, found[name], *value)


def output_rows(sums, rows):
    """Of each file with encoded tiles: how many, MB before and after, and the ratio."""
    files = {}
    for e in sums.by_stage.get("encode", []):
        name, tile, _ = args(e, "key").rpartition(" tile ")
        if tile and e["args"].get("ends", 1):
            files.setdefault(name, []).append(e)
    if [r[0] for r in rows[1:]] != list(files):
        print("outputs:", rows)
        return
    for row, own in zip(rows[1:], files.values()):
        raw, stored = sum(args(e, "in") for e in own), sum(args(e, "out") for e in own)
        near("tiles", row[1], len(own), 0)
        near("MB", row[2], raw / 1e6, 1)
        near("MB stored", row[3], stored / 1e6, 1)
        near("ratio", row[4], raw / stored, 2)


def operations_of(dump):
    """Milliseconds of each, the longest first."""
    sums = {}
    for e in json.load(open(dump, encoding="utf-8"))["traceEvents"]:
        if e["ph"] == "C" and e["name"].startswith("op:"):
            sums[e["name"][3:]] = sums.get(e["name"][3:], 0) + e["args"]["ms"]
    return sorted(sums.items(), key=lambda item: -item[1])


def operation_rows(dump, rows):
    expected = operations_of(dump)
    if [r[0] for r in rows[1:]] != [name for name, _ in expected]:
        print("operations:", rows)
        return
    for row, (name, ms) in zip(rows[1:], expected):
        near(name, row[1], ms / 1e3, 3)
        near(name + " share", row[2], 100 * ms / sum(ms for _, ms in expected), 1)


def stack_of(dump, page):
    """The area of all boxes is the time in all operations, of worker time."""
    picture = re.search(r'class="plot counter stack"><svg.*?</svg>', page.text, re.S)
    if bool(picture) != bool(operations_of(dump)):
        print("a stack, or none")
    if not picture:
        return
    boxes = re.findall(r"h([0-9.]+)v([0-9.]+)", picture.group())
    area = sum(float(w) * float(h) for w, h in boxes) / 1000 / 98
    sums = Sums(dump)
    expected = sum(ms for _, ms in operations_of(dump)) / 1e3 / sums.time
    if abs(area - expected) > 0.03 * expected:
        print("stack:", area, "is", expected)


def told(dump, page):
    """What the dump says of the run is on the page, in its order."""
    head = json.load(open(dump, encoding="utf-8"))["otherData"]
    expected = [tuple(f.split("=", 1)) for f in head.get("facts", [])]
    found = [(html.unescape(a), html.unescape(b))
             for a, b in re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", page.text)]
    if expected and head.get("processors"):
        expected.append(("processors", str(head["processors"])))
    if found != expected:
        print("facts:", found)


def check_summary(dump, path):
    sums, page = Sums(dump), Page(path)
    output_rows(sums, page.tables.get("outputs", [[]]))
    told(dump, page)
    operation_rows(dump, page.tables.get("operations", [[]]))
    stack_of(dump, page)
    stage_rows(sums, page.tables["stages"])
    lane_rows(sums, page.tables["workers"])
    facts(sums, page)


def check_comparison(path, *dumps):
    rows = Page(path).tables["comparison"][1:]
    sums = [Sums(d) for d in dumps]
    best = min(s.wall for s in sums)
    if len(rows) != len(sums):
        print("rows:", len(rows))
    for row, s in zip(rows, sums):
        d, total = derived(s), s.total()
        for cell, value, decimals in zip(row[2:], (
                len(s.lanes), s.wall, s.wall / best, d["tasks"][0], d["tasks per second"][0],
                d["parallel efficiency"][0], 100 * total[2] / s.time, 100 * total[3] / s.time,
                d["decodes per tile"][0], d["read"][0], d["written"][0]),
                (0, 3, 2, 0, 1, 1, 1, 1, 2, 1, 1)):
            near("comparison", cell, value, decimals)


def check_text(dump, text):
    sums = Sums(dump)
    for line in open(text, encoding="utf-8"):
        words = line.split()
        if words and words[0] in sums.by_stage and len(words) == 7:
            own = sums.by_stage[words[0]]
            near(words[0], words[2], sums.seconds(own), 3)
            near(words[0], words[5], 100 * sums.seconds(own) / sums.time, 1)
        elif words[:1] == ["efficiency"]:
            near("efficiency", words[1], 100 * sums.total()[0] / sums.time, 1)


def check_data(dump, path):
    """The events the script reads are the dump's, to the nanosecond."""
    sums, data = Sums(dump), Page(path).data
    run, got, expected = data["runs"][0], [], []
    for lane, place in zip(run["lanes"], sums.lanes):
        at, packed = 0, lane["events"]
        for i in range(0, len(packed), 6):
            gap, length, stage, key, taken, given = packed[i:i + 6]
            at += gap
            got.append((place, at, at + length, data["stages"][stage & 31], run["keys"][key], taken,
                        given, stage < 32))
            at += length
    for e in sums.events:
        expected.append(((e.get("pid", 0), e.get("tid", 0)), round(e["ts"] * 1000),
                         round((e["ts"] + e["dur"]) * 1000),
                         e["name"] if e["name"] in STAGES else "other", args(e, "key") or "",
                         args(e, "in"), args(e, "out"),
                         bool(e.get("args", {}).get("ends", 1))))
    if sorted(got) != sorted(expected):
        print("events differ:", [x for x in got if x not in expected][:2], len(got),
              len(expected))
    if [tuple(k for k in e[:2]) for e in got] != sorted(tuple(e[:2]) for e in got):
        print("events are not in order")


def check_safe(path, *texts):
    """Texts come out as they went in; nothing in them is markup, and nothing is fetched."""
    page = Page(path)
    words, keys = "".join(page.words), page.data["runs"][0]["keys"]
    for text in texts:
        if text not in words and text not in keys:
            print("lost:", repr(text))
    for tag, attrs in page.tags:
        if tag in ("img", "iframe", "object", "embed", "base", "form", "b", "i"):
            print("made an element:", tag)
        for name in attrs:
            if name in ("src", "onerror", "onload", "srcset", "data") or \
                    name == "href" and attrs[name] != "data:,":
                print("made an attribute:", name)
    if [t for t, _ in page.tags].count("script") != 2:
        print("scripts:", [t for t, _ in page.tags].count("script"))
    if re.search(r"https?://|@import|url\((?!#)", page.text):
        print("something from outside")


def check_layout(path):
    """Pictures stay in their boxes, and are small."""
    page = Page(path)
    size = len(page.text) - page.text.index("</style>") - \
        (len(page.text) - page.text.index('<script type="application/json"'))
    if size > 3e6:
        print("the page without its data has", size, "bytes")
    for x, w in re.findall(r"M([0-9.]+) [0-9.]+h([0-9.]+)v", page.text):
        if float(x) + float(w) > 1000.02:
            print("beyond the right edge:", x, w)
            return


def check_fuzz(gwt, dump, seed):
    """Any bytes: exit status 0, or 1 with one line on stderr."""
    whole, dice = open(dump, "rb").read(), random.Random(int(seed))
    bits = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"-", b"1e999", b"null", b"\0",
            b"\xff", b"\\ud800", b"-1", b"99999999999999999999", b'"ts"', b'"ph":"X"', b"\n"]
    for _ in range(120):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(data))
            kind = dice.random()
            if kind < 0.2:
                del data[at:]
            elif kind < 0.4:
                del data[at:at + dice.randint(1, 30)]
            elif kind < 0.8:
                data[at:at + dice.randint(0, 2)] = dice.choice(bits)
            else:
                data[at] = dice.randrange(256)
            if not data:
                break
        open("fuzz.json", "wb").write(data)
        ran = subprocess.run([gwt, "visualize", "fuzz.json", "-o", "fuzz.html", "--overwrite"],
                             capture_output=True, timeout=60)
        lines = ran.stderr.count(b"\n")
        if ran.returncode not in (0, 1) or lines != ran.returncode:
            print("status", ran.returncode, ran.stderr[-300:], bytes(data[-80:]))
            open("/tmp/gwt_fuzz_failed.json", "wb").write(data)
            return
        if ran.returncode == 0:
            Page("fuzz.html")


globals()["check_" + sys.argv[1]](*sys.argv[2:])
EOF_ORACLE

# dump HEAD EVENT.. - a dump by hand: what is in otherData, and events.
dump() {
    printf '{"displayTimeUnit": "ms",\n"otherData": {%s},\n"traceEvents": [\n' "$1"
    shift
    sep=
    for event do printf '%s%s' "$sep" "$event"; sep=',
'; done
    printf '\n]}\n'
}

# event STAGE TID TS DUR [KEY IN OUT]
event() {
    printf '{"ph":"X","cat":"stage","name":"%s","pid":1,"tid":%s,' "$1" "$2"
    printf '"ts":%s,"dur":%s,' "$3" "$4"
    printf '"args":{"key":"%s","in":%s,"out":%s}}' "${5-}" "${6-0}" "${7-0}"
}

head='"gwt":"0.1.0","label":"a.tif","workers":2,"seconds":0.001,"chunks":[1,3,64,64]'
dump "$head" "$(event decode 0 0 400 "tile 1" 10 20)" "$(event compute 0 400 200 "rows 0")" \
    "$(event wait:writer 1 0 380)" "$(event decode 1 380 120 "tile 1" 10 20)" >small.json
made=1
if [ -n "$python" ]; then
    "$python" "$here/make_trace.py" >a.json
    "$python" "$here/make_trace.py" --seed 5 --chunk 64 --pieces 900 --workers 7 --user >b.json
    "$python" "$here/make_trace.py" --seed 6 --pieces 1 --workers 20 >c.json
    "$python" "$here/make_trace.py" --seed 7 --pieces 9000 --workers 3 --disk 3000 >d.json
    "$python" "$here/make_trace.py" --seed 8 --workers 3 --operations >e.json
else made=; fi

# ---- the command ---------------------------------------------------------------------------------

run visualize --help
is "--help" "$status $(head -c 20 "$out")" "0 usage: gwt visualize"
for option in --output --text --overwrite --quiet; do
    holds "--help names $option" "$out" "$option"
done
refused "no dump" 2 "visualize --help" visualize -o no.html
refused "no output" 2 "-o" visualize small.json
refused "an unknown option" 2 "--frobnicate" visualize small.json --frobnicate
# shellcheck disable=SC2046  # many words
refused "more than 16 dumps" 2 "too many" visualize -o no.html $(yes small.json | head -n 17)

works "a page" visualize small.json -o small.html
is "says what it wrote" "$(cat "$out")" small.html
refused "the page exists" 1 "small.html" visualize small.json -o small.html
works "--overwrite --quiet" visualize small.json -o small.html --overwrite --quiet
is "--quiet prints nothing" "$(cat "$out")" ''
refused "the output is an input" 1 "input" visualize small.json -o small.json --overwrite
refused "the output is the second input" 1 "input" \
    visualize small.json small.html -o small.html --overwrite
refused "no such directory" 1 "nosuch/no.html" visualize small.json -o nosuch/no.html
works "the same again" visualize small.json -o again.html
same "the same bytes" small.html again.html
mkdir "$tmp/other"
(cd "$tmp/other" && run visualize "$box/small.json" -o "$tmp/other/x.html")
same "the same bytes from elsewhere" small.html "$tmp/other/x.html"
works "--text" visualize small.json --text
holds "--text: the efficiency" "$out" "36.0 % of worker time is work"
holds "--text: the advice" "$out" "* 19 % of worker time waits for the writer"
holds "--text: decoded twice" "$out" "each tile is decoded 2.00 times"
holds "the page has the advice too" small.html "19 % of worker time waits for the writer"
works "--text and a page" visualize small.json --text -o both.html
same "the page is the same" small.html both.html
works "two dumps as text" visualize small.json small.json --text
holds "they are compared" "$out" "x best"

# ---- numbers -------------------------------------------------------------------------------------

check_python "small: the numbers" summary small.json small.html
for run in ${made:+a b c d e}; do
    works "$run: a page" visualize "$run.json" -o "$run.html"
    check_python "$run: the numbers" summary "$run.json" "$run.html"
    check_python "$run: the events" data "$run.json" "$run.html"
    check_python "$run: the pictures" layout "$run.html"
    works "$run: text" visualize "$run.json" --text
    check_python "$run: the text" text "$run.json" "$out"
done
if [ -n "$made" ]; then
    works "four compared" visualize a.json b.json c.json d.json -o four.html
    check_python "the comparison" comparison four.html a.json b.json c.json d.json
    check_python "four: the pictures" layout four.html
    check_python "four: nothing from outside" safe four.html
else skip "made-up dumps" "no python3"
fi

# Each rule of the advice, and none: 1 s of 2 workers, "STAGE MICROSECONDS" and what is said of it.
while read -r stage length words; do
    dump '"gwt":"0","workers":2,"seconds":1' "$(event "$stage" 0 0 "$length" k)" >rule.json
    run visualize rule.json --text
    holds "advice: $stage $length" "$out" "$words"
done <<'EOF_RULES'
wait:writer 760000 38 % of worker time waits for the writer
wait:tile 500000 25 % of worker time waits for tiles
wait:lock 500000 25 % of worker time waits for locks
schedule 120000 6 % of worker time goes into planning
read 1000000 50 % of worker time reads the input
encode 1000000 50 % of worker time compresses the output
write 1000000 50 % of worker time writes the output
compute 1000000 50 % of worker time is idle, with fewer than four pieces
EOF_RULES
dump '"gwt":"0","workers":1,"seconds":1' "$(event decode 0 0 300000 k)" \
    "$(event compute 0 300000 100000 a)" "$(event compute 0 400000 100000 b)" \
    "$(event compute 0 500000 100000 c)" "$(event compute 0 600000 100000 d)" \
    "$(event encode 0 700000 250000 d)" >even.json
works "an even run" visualize even.json --text
holds "gets no advice" "$out" "* nothing stands out"

# What may save most comes first, whatever the order of the rules.
dump '"gwt":"0","workers":1,"seconds":1' "$(event wait:lock 0 0 150000 k)" \
    "$(event read 0 150000 350000 k)" "$(event compute 0 500000 100000 a)" \
    "$(event compute 0 600000 100000 b)" "$(event compute 0 700000 100000 c)" \
    "$(event compute 0 800000 100000 d)" >order.json
works "advice of different weight" visualize order.json --text
is "comes by weight" "$(sed -n 's/^  \* \([0-9]* %\) of worker time \([a-z]*\).*/\1 \2/p' "$out")" \
    "35 % reads
15 % waits"

# Operations, with samples that are apart, and of two ranks.
op() { printf '{"ph":"C","name":"op:%s","pid":%s,"ts":%s,"args":{"ms":%s}}' "$@"; }
dump '"gwt":"0","workers":2,"seconds":1' "$(event compute 0 0 900000 k)" \
    '{"ph":"C","name":"cpu","pid":1,"ts":250000,"args":{"percent":50}}' \
    '{"ph":"C","name":"cpu","pid":1,"ts":500000,"args":{"percent":50}}' \
    "$(op sqrt 1 500000 100)" "$(op '<b>' 1 500000 200)" "$(op sqrt 1 1000000 300)" >ops.json
works "operations" visualize ops.json -o ops.html --text
check_python "their numbers" summary ops.json ops.html
holds "as text" "$out" "  sqrt                        0.400   66.7 %"
holds "a box from sample to sample" ops.html 'class="o0" d="M250 80.4h250v19.6H250zM500 70.6h500'
holds "names are no markup" ops.html '&lt;b&gt;</th><td>0.200'

# What was run, and all processors as a line of the CPU's panel.
dump '"gwt":"0","workers":1,"seconds":1,"processors":3,"facts":["command=gwt calc b1 <&>","","host",
    "output=a=b"]' "$(event encode 0 0 9000 "out tile 1.tif tile 7" 3000000 1000000)" \
    "$(event encode 0 9000 9000 "out tile 1.tif tile 8" 1000000 1000000)" \
    '{"ph":"C","name":"cpu","pid":1,"ts":1,"args":{"percent":50}}' >facts.json
works "facts" visualize facts.json -o facts.html --text
holds "the command, as text" "$out" "  command        gwt calc b1 <&>"
holds "a value with a sign in it" "$out" "  output         a=b"
holds "processors" "$out" "  processors     3"
holds "compression" "$out" "  compressed     out tile 1.tif: 4.0 MB to 2.0 MB, 2.00 to 1"
holds "on the page" facts.html "<dt>command</dt><dd>gwt calc b1 &lt;&amp;&gt;</dd>"
holds "the output" facts.html "out tile 1.tif</th><td>2</td><td>4.0</td><td>2.0</td><td>2.00<"
holds "the line" facts.html 'data-limit="300" data-top="300"'
holds "as a picture" facts.html '<path class="limit" d="M0 2.00H1000"/>'
check "no line where processors are not known" "$(grep -o 'class="limit"' small.html)"
run visualize facts.json small.json -o facts_two.html
holds "of several runs" facts_two.html "<summary>what was run</summary>"

# A stage that another interrupts is one; so is one that never ends.
part() { event "$@" | sed 's/"in"/"ends":0,"in"/'; }
dump "$head" "$(part compute 0 0 100 k)" "$(event decode 0 100 50 t)" \
    "$(event compute 0 150 60 k)" "$(event compute 0 210 40 l)" \
    "$(part compute 1 0 30 m)" >parts.json
works "interrupted stages" visualize parts.json -o parts.html
check_python "parts: the numbers" summary parts.json parts.html
check_python "parts: the events" data parts.json parts.html
holds "parts: three stages" parts.html "compute</th><td>3</td>"

# A stage within the same stage has its own time: 45 ms around 5 ms, and one that never ends.
deep() { event "$@" | sed 's/"in"/"depth":1,"in"/'; }
dump "$head" "$(part user 0 0 10000 k)" "$(deep user 0 10000 2000 l | sed 's/"in"/"ends":0,"in"/')" \
    "$(deep read 0 12000 1000 t)" "$(deep user 0 13000 3000 l)" "$(event user 0 16000 35000 k)" \
    "$(part user 1 0 30000 m)" "$(deep user 1 30000 4000 n | sed 's/"in"/"ends":0,"in"/')" \
    "$(event user 2 0 1000 o)" >depths.json
works "stages within stages" visualize depths.json -o depths.html
check_python "depths: the numbers" summary depths.json depths.html
holds "depths: five stages, 17 ms on average" depths.html \
    "user</th><td>5</td><td>0.085</td><td>17.000</td>"

# What need not be there, and what may be there besides.
dump '"gwt":"9","more":{"a":[1,{"b":null}]}' "$(event compute 5 0.5 1.25)" \
    '{"ph":"i","name":"x","s":"g"}' "$(event frobnicate 3 0 2 k 1 2)" \
    '{"ph":"X","name":"read","ts":1,"dur":0}' \
    '{"ph":"C","name":"cpu","pid":1,"ts":1,"args":{"percent":50,"x":true}}' >bare.json
works "a bare dump" visualize bare.json -o bare.html
check_python "bare: the numbers" summary bare.json bare.html
check_python "bare: the events" data bare.json bare.html
holds "its name is the file's" bare.html "<h1>bare.json</h1>"
dump "$head" "$(event compute 0 0 800 k)" "$(event compute 0 100 500 l)" >nested.json
works "events in one another" visualize nested.json --text
holds "they are told" "$out" "in two events at once"
dump "$head" '{"ph":"M","name":"thread_name","pid":2,"tid":0,"args":{"name":"w"}}' \
    "$(event compute 0 0 800 k)" \
    '{"ph":"X","name":"compute","pid":2,"tid":0,"ts":0,"dur":500,"args":{}}' >ranks.json
works "two ranks" visualize ranks.json -o ranks.html
check_python "ranks: the numbers" summary ranks.json ranks.html
holds "ranks: their names" ranks.html "2: w"
check "nothing of hits where none are told" "$(grep -o 'cache hits' ranks.html)"
tiles() { printf '{"ph":"C","name":"tiles","pid":%s,"ts":9,"args":{"in":%s,"hits":%s}}' "$@"; }
dump "$head" "$(event compute 0 0 800 k)" "$(tiles 1 30 60)" "$(tiles 2 10 100)" >hits.json
works "two ranks' caches" visualize hits.json -o hits.html --text
holds "their hits together, as text" "$out" "cache hits     80.0 % of the requests for tiles"
holds "and on the page" hits.html "<dt>cache hits</dt><dd>80.0<"
dump "$head" "$(event compute 0 0 800 k)" "$(tiles 1 30 0)" >misses.json
works "a cache without hits" visualize misses.json --text
holds "is known" "$out" "cache hits     0.0 %"
dump "$head" "$(event compute 0 0 0)" >instant.json
works "an event without length" visualize instant.json -o instant.html --text
{ printf '\357\273\277'; cat small.json; } >mark.json
works "a byte order mark" visualize mark.json -o mark.html
same "is no difference" mark.html small.html

# ---- texts ---------------------------------------------------------------------------------------

dump '"gwt":"0","label":"</title><script>alert(1)</script>&amp;\"'"'"' \u00e9\ud83d\ude00"' \
    '{"ph":"M","name":"thread_name","pid":1,"tid":0,"args":{"name":"<b>w & 0"}}' \
    "$(event compute 0 0 5 '</script><img src=x onerror=alert(1)>')" \
    "$(event compute 0 5 5 '<!-- <script> \u2028 \\ \" ]]>')" \
    "$(event compute 0 10 5 "$(printf 'caf\303\251 \346\227\245\346\234\254')")" >texts.json
works "texts" visualize texts.json -o texts.html
check_python "come out as they are" safe texts.html '</script><img src=x onerror=alert(1)>' \
    '<!-- <script> \u2028 \ " ]]>' \
    "$(printf 'caf\303\251 \346\227\245\346\234\254')" \
    "</title><script>alert(1)</script>&amp;\"' $(printf '\303\251\360\237\230\200')" '<b>w & 0'
dump "$head" "$(event compute 0 0 5 "$(printf 'a\377\300\200\355\240\200z')")" \
    "$(event compute 0 5 5 'b\ud800c\udc00d\u0000e')" \
    "$(event compute 0 10 5 '\u001b[31m\n\r')" >bytes.json
works "bytes that are no text" visualize bytes.json -o bytes.html
if [ -n "$python" ]; then
    check_python "become question marks and U+FFFD" safe bytes.html 'a??????z' \
        "$(printf 'b\357\277\275c\357\277\275d\357\277\275e')"
fi
dump '"gwt":"0","label":"a\u001b[31m\nb"' "$(event compute 0 0 5)" >control.json
works "control characters" visualize control.json --text
holds "do not reach the terminal" "$out" 'a\x1b[31m\x0ab'

# ---- dumps that are none -------------------------------------------------------------------------

# broken NAME WHY [TEXT] - broken.json, which is TEXT when there is one, is refused by name.
broken() {
    if [ $# -gt 2 ]; then printf '%s' "$3" >broken.json; fi
    refused "$1" 1 "$2" visualize broken.json -o no.html
    case $(cat "$err") in
    "gwt: broken.json: "*) ;;
    *) check "$1: its file is named" "$(cat "$err")" ;;
    esac
}

refused "no such file" 1 "nosuch.json" visualize nosuch.json -o no.html
mkdir folder.json
refused "a directory" 1 "folder.json" visualize folder.json -o no.html
rmdir folder.json
printf 'x' >broken.json
refused "the second of two" 1 "broken.json: is not a trace" visualize small.json broken.json -o no.html
broken "an empty file" "line 1: the file ends" ''
broken "no JSON" "is not a trace: give the FILE.json" 'II*'
broken "another JSON" 'no "gwt" in "otherData"' '{"traceEvents":[]}'
broken "an array" "is not a trace" '[]'
broken "no events" "nothing was recorded" '{"otherData":{"gwt":"1"},"traceEvents":[]}'
broken "bytes after the end" "line 2: '{' where the end" '{"a":1}
{}'
printf '{"a":1\0}' >broken.json
broken "a NUL" "line 1: byte 0x00"
for cut in 1 20 60 100 170 260 300; do
    head -c $cut small.json >broken.json
    broken "cut after $cut bytes" "line"
done
broken "no comma" "line 1: '\"' where ',' or '}'" '{"a":1 "b":2}'
broken "a comma too many" "line 1: '}' where a string" '{"a":1,}'
broken "a colon is missing" "line 1: '1' where ':'" '{"a" 1}'
broken "a word" "line 1: 'n' where a value" '{"a":nan}'
broken "a number that is none" "line 1: '0' where" '{"a":01}'
broken "a number too large" "too large" '{"a":1e999}'
broken "an escape that is none" "line 1: 'x' where an escape" '{"a":"\x41"}'
broken "a short escape" "four hexadecimal digits" '{"a":"\u12"}'
broken "a line end in a string" "control character" '{"a":"
"}'
deep=$(printf '%0200d' 0 | tr 0 '[')
broken "too deep" "more than 64" "{\"a\":$deep"
one() { dump "$head" "$1"; }
one '{"ph":"X","name":"read","ts":"1","dur":1}' >broken.json
broken "a time that is no number" "line 4: '\"'"
one '{"ph":"X","name":"read","ts":-1,"dur":1}' >broken.json
broken "a time before the beginning" 'line 4: "ts"'
one '{"ph":"X","name":"read","ts":1e15,"dur":1}' >broken.json
broken "a time too late" 'line 4: "ts"'
one '{"ph":"X","name":"read","ts":1,"dur":-1}' >broken.json
broken "a length below 0" 'line 4: "dur"'
one '{"ph":"X","name":"read","ts":1}' >broken.json
broken "no length" 'line 4: an event without "dur"'
one '{"ph":"X","name":"read","dur":1}' >broken.json
broken "no time" 'line 4: an event without "ts"'
one '{"ph":"X","ts":1,"dur":1}' >broken.json
broken "no stage" 'line 4: an event without "name"'
one '{"name":"read","ts":1,"dur":1}' >broken.json
broken "no phase" 'line 4: an event without "ph"'
one '{"ph":"X","name":"read","ts":1,"dur":1,"args":{"in":-1}}' >broken.json
broken "bytes below 0" '"in"'
one '{"ph":"X","name":"read","ts":1,"dur":1,"args":{"in":1e99}}' >broken.json
broken "too many bytes" '"in"'
one '{"ph":"X","name":"read","ts":1,"dur":1,"tid":-1}' >broken.json
broken "a worker below 0" '"tid"'
one '7' >broken.json
broken "an event that is none" "line 4: '7' where '{'"
one '{"ph":"C","name":"cpu","ts":1,"args":{"percent":-4}}' >broken.json
broken "a counter below 0" '"value"'
one "$(tiles 1 3 -4)" >broken.json
broken "hits below 0" '"hits"'
one "$(op add 1 3 -4)" >broken.json
broken "an operation below 0" '"ms"'
one '{"ph":"C","name":"op:add","ts":1,"args":{}}' >broken.json
broken "an operation without its time" '"ms"'
dump '"gwt":"1","workers":1e9' "$(event read 0 0 1)" >broken.json
broken "too many workers" '"workers"'
dump '"gwt":"1","seconds":-1' "$(event read 0 0 1)" >broken.json
broken "less than no time" '"seconds"'
dump '"gwt":"1","chunks":[1,2,3,4,5,6,7,8,9]' "$(event read 0 0 1)" >broken.json
broken "chunks" "chunk sizes"
dump '"gwt":"1","processors":-1' "$(event read 0 0 1)" >broken.json
broken "processors" '"processors"'
dump '"gwt":"1","facts":["a",7]' "$(event read 0 0 1)" >broken.json
broken "a fact that is no text" "line 2: '7' where a string"
dump "\"gwt\":\"1\",\"facts\":[$(printf '"",%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13)$(
    printf '"",%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26)$(
    printf '"",%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25)\"\"]" \
    "$(event read 0 0 1)" >broken.json
broken "65 facts" "more than 64 facts"
if [ -n "$python" ]; then
    "$python" -c '
print("{\"otherData\":{\"gwt\":\"1\"},\"traceEvents\":[")
print(",".join("{\"ph\":\"X\",\"name\":\"read\",\"ts\":0,\"dur\":1,\"tid\":%d}" % i
               for i in range(1025)), "]}")' >broken.json
    broken "1025 workers" "more than 1024"
fi
rm -f broken.json
check_python "any bytes (1)" fuzz "$gwt" small.json 1
check_python "any bytes (2)" fuzz "$gwt" texts.json 2

is "no .part is left anywhere" "$(find . -name '*.part')" ''

finish
