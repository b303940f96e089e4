// page.c - see report.h: the page of `gwt visualize`.
//
// The page is whole without scripts: text, tables, and pictures in SVG, whose texts are HTML so
// that they keep their size when the picture is stretched to the window. The script (report.js)
// draws the plots anew from the events, which follow as JSON. Everything from a dump goes through
// put_text() or put_script_text().
//
// A picture is 1000 units wide, whatever the time, and of the lanes one unit a pixel high.

#include "report.h"

#include "../../gwt.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report_page.h"

#define TIMES "\xC3\x97"   // UTF-8: the sign of multiplication
#define MICRO "\xC2\xB5"
#define THIN "\xC2\xA0"    // a blank that does not break

enum { WIDTH = 1000 };

typedef struct page {
    FILE *to;
    const trace *traces;
    const digest *digests;
    size_t count;
    int64_t wall;              // of the longest: the time axis
    double tops[TRACE_SERIES]; // where the scales end
    bool stages[TRACE_STAGES]; // which there are in any
} page;

// ---- texts ------------------------------------------------------------------------------------

static void put(page *p, const char *html) { fputs(html, p->to); }

static void put_text(page *p, const char *text)
{
    char shown[8];
    for (size_t n; (n = gwt_escape(text, shown)) > 0; text += n)
        switch (*text) {
        case '&': put(p, "&amp;"); break;
        case '<': put(p, "&lt;"); break;
        case '>': put(p, "&gt;"); break;
        case '"': put(p, "&quot;"); break;
        case '\'': put(p, "&#39;"); break;
        default: put(p, shown);
        }
}

// A string of JSON within a script element: nothing in it can end the element or begin a comment.
static void put_script_text(page *p, const char *text)
{
    char shown[8];
    putc('"', p->to);
    for (size_t n; (n = gwt_escape(text, shown)) > 0; text += n)
        for (const char *c = shown; *c; c++) {
            if (strchr("\"\\<>&'", *c)) fprintf(p->to, "\\u%04x", (unsigned)*c);
            else putc(*c, p->to);
        }
    putc('"', p->to);
}

// As digest_time(), with its sign of micro and a blank that does not break.
static void put_time(page *p, double ns)
{
    char text[32];
    for (const char *c = digest_time(ns, text); *c; c++) {
        if (*c == ' ') put(p, THIN);
        else if (*c == 'u') put(p, MICRO);
        else putc(*c, p->to);
    }
}

static void put_chunks(page *p, const trace *t)
{
    char chunks[256];
    if (*digest_chunks(t, THIN TIMES " ", chunks, sizeof chunks)) put(p, chunks);
    else put(p, "&ndash;");
}

// "chunks 1 x 3 x 256 x 256, 2 workers": what tells runs apart.
static void put_circumstances(page *p, size_t i)
{
    const digest *d = &p->digests[i];
    if (p->traces[i].chunk_count) {
        put(p, "chunks ");
        put_chunks(p, &p->traces[i]);
        put(p, ", ");
    }
    fprintf(p->to, "%zu%sworker%s", d->workers, THIN, d->workers == 1 ? "" : "s");
}

static double share_of(const digest *d, int64_t time)
{
    return (double)time / ((double)d->workers * (double)d->wall);
}

// ---- pictures: lanes --------------------------------------------------------------------------

static int lane_height(const page *p)
{
    size_t most = 0;
    for (size_t i = 0; i < p->count; i++)
        if (p->traces[i].lane_count > most) most = p->traces[i].lane_count;
    return most <= 4 ? 28 : most <= 16 ? 20 : most <= 48 ? 12 : most <= 128 ? 6 : 3;
}

static double place(const page *p, int64_t ns)
{
    return (double)ns / (double)p->wall * WIDTH;
}

// A number with as many decimals as a picture needs.
static void put_number(page *p, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.2f", value);
    char *end = text + strlen(text);
    while (end[-1] == '0') *--end = '\0';
    if (end[-1] == '.') *--end = '\0';
    put(p, strcmp(text, "-0") == 0 ? "0" : text);
}

static void put_box(page *p, double x, double y, double width, double height)
{
    putc('M', p->to);
    put_number(p, x);
    putc(' ', p->to);
    put_number(p, y);
    putc('h', p->to);
    put_number(p, width);
    putc('v', p->to);
    put_number(p, height);
    putc('H', p->to);
    put_number(p, x);
    putc('z', p->to);
}

static void begin_stage(page *p, int stage)
{
    fprintf(p->to, "<path class=\"%s s%d\" d=\"", trace_is_wait(stage) ? "wait" : "work", stage);
}

// Few events: each is a box, with a seam to the next of its kind where there is room for one.
static void put_exact_lanes(page *p, const trace *t, int height)
{
    for (int s = 0; s < TRACE_STAGES; s++) {
        bool begun = false;
        for (size_t i = 0; i < t->event_count; i++) {
            const trace_event *e = &t->events[i];
            if ((int)e->stage != s || e->length == 0) continue;
            if (!begun) begin_stage(p, s);
            begun = true;
            double width = place(p, e->length);
            if (width > 3) width -= 0.6;
            put_box(p, place(p, e->start), (double)e->lane * height, width, height - 2);
        }
        if (begun) put(p, "\"/>");
    }
}

// Many events: how each of `bins` parts of the time was spent, as stages on one another.
typedef struct bins { size_t count; double *parts; } bins;

static void spread_event(const page *p, const trace_event *e, bins *b)
{
    double from = place(p, e->start) / WIDTH * (double)b->count;
    double to = place(p, e->start + e->length) / WIDTH * (double)b->count;
    for (size_t i = (size_t)from; i < b->count && (double)i < to; i++) {
        double left = fmax(from, (double)i), right = fmin(to, (double)i + 1);
        b->parts[i * TRACE_STAGES + e->stage] += right - left;
    }
}

// Parts as sums from the first stage on, at most 1.
static void pile_up(bins *b)
{
    for (size_t i = 0; i < b->count; i++)
        for (int s = 0; s < TRACE_STAGES; s++) {
            double *part = &b->parts[i * TRACE_STAGES + s];
            *part = fmin(1, *part + (s ? part[-1] : 0));
        }
}

// The boxes of a stage, neighbours of one height as one.
static void put_binned_stage(page *p, const bins *b, int stage, double top, double height)
{
    double unit = (double)WIDTH / (double)b->count;
    bool begun = false;
    for (size_t i = 0, next; i < b->count; i = next) {
        const double *at = &b->parts[i * TRACE_STAGES + stage];
        double low = stage ? at[-1] : 0, high = at[0];
        for (next = i + 1; next < b->count; next++) {
            const double *other = &b->parts[next * TRACE_STAGES + stage];
            if (fabs(other[0] - high) > 0.01 || fabs((stage ? other[-1] : 0) - low) > 0.01) break;
        }
        if (high - low < 0.02) continue;
        if (!begun) begin_stage(p, stage);
        begun = true;
        put_box(p, (double)i * unit, top + (1 - high) * height, (double)(next - i) * unit,
                (high - low) * height);
    }
    if (begun) put(p, "\"/>");
}

static void put_binned_lanes(page *p, const trace *t, int height)
{
    size_t count = 60000 / t->lane_count;
    bins b = { .count = count > 720 ? 720 : count < 100 ? 100 : count };
    size_t size = b.count * TRACE_STAGES * sizeof *b.parts;
    b.parts = malloc(size);
    for (size_t i = 0; b.parts && i < t->lane_count; i++) {
        memset(b.parts, 0, size);
        const trace_event *first = t->events + t->lanes[i].first;
        for (size_t k = 0; k < t->lanes[i].count; k++) spread_event(p, first + k, &b);
        pile_up(&b);
        for (int s = 0; s < TRACE_STAGES; s++)
            put_binned_stage(p, &b, s, (double)i * height, height > 6 ? height - 2 : height);
    }
    free(b.parts);
}

static void put_end(page *p, const trace *t)
{
    if (t->wall < p->wall)
        fprintf(p->to, "<div class=\"end\" style=\"left:%.3f%%\"></div>",
                (double)t->wall / (double)p->wall * 100);
}

// Names beside the lanes, as many as there is room for.
static void put_lane_names(page *p, const trace *t, int height)
{
    char name[TRACE_NAME];
    size_t every = (size_t)((15 + height - 1) / height);
    put(p, "<div class=\"gutter\">");
    for (size_t i = 0; i < t->lane_count; i += every) {
        fprintf(p->to, "<span class=\"lane\" style=\"top:%.1fpx\">",
                (double)i * height + (height - 2) / 2.0 - 8);
        put_text(p, trace_lane_name(t, &t->lanes[i], name));
        put(p, "</span>");
    }
    put(p, "</div>\n");
}

static void put_lanes(page *p, const trace *t)
{
    enum { FEW = 2500 };
    int height = lane_height(p), all = height * (int)t->lane_count;
    put(p, "<div class=\"panel lanes\">\n");
    put_lane_names(p, t, height);
    fprintf(p->to, "<div class=\"plot\" style=\"height:%dpx\"><svg%s viewBox=\"0 0 %d %d\" "
            "preserveAspectRatio=\"none\" role=\"img\" aria-label=\"What each worker did when\">",
            all, height < 8 ? " class=\"thin\"" : "", WIDTH, all);
    if (t->event_count <= FEW) put_exact_lanes(p, t, height);
    else put_binned_lanes(p, t, height);
    put(p, "</svg>");
    put_end(p, t);
    put(p, "</div></div>\n");
}

// ---- pictures: counters -----------------------------------------------------------------------

// The next of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten.
static double round_up(double value)
{
    static const double steps[] = { 1, 1.5, 2, 3, 4, 5, 6, 8, 10 };
    if (!(value > 0)) return 1;
    double power = pow(10, floor(log10(value)));
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (value <= steps[i] * power * (1 + 1e-9)) return steps[i] * power;
    return 10 * power;
}

static void put_point(page *p, char command, double x, double y)
{
    putc(command, p->to);
    put_number(p, x);
    putc(' ', p->to);
    put_number(p, y);
}

// How a series is drawn between two points: a rate holds for the time before, a level until the
// next; memory is joined by straight lines.
static bool holds_before(trace_series s) { return s != TRACE_MEMORY && s != TRACE_CACHE; }

// The curve of one rank, `count` points; where there are many, the highest of each unit. Gives
// where it begins and ends.
static void put_curve(page *p, trace_series series, const trace_point *points, size_t count,
                      double *first, double *last)
{
    double before_y = 0;
    bool many = count > 2 * WIDTH;
    for (size_t i = 0, next; i < count; i = next) {
        double x = place(p, points[i].at), value = points[i].value;
        for (next = i + 1; many && next < count; next++) {
            if (floor(place(p, points[next].at)) != floor(x)) break;
            value = fmax(value, points[next].value);
        }
        double y = 100 - value / p->tops[series] * 98;
        if (i == 0) put_point(p, 'M', *first = holds_before(series) ? 0 : x, y);
        else if (holds_before(series)) put_point(p, 'L', *last, y);
        else if (series == TRACE_CACHE) put_point(p, 'L', x, before_y);
        put_point(p, 'L', x, y);
        *last = x;
        before_y = y;
    }
}

static void put_curves(page *p, const trace *t, trace_series series, const char *class, bool area)
{
    const trace_point *points = t->points[series];
    size_t count = t->point_count[series];
    for (size_t i = 0, next; i < count; i = next) {
        double first = 0, last = 0;
        for (next = i; next < count && points[next].pid == points[i].pid;) next++;
        if (area) {
            put(p, "<path class=\"area\" d=\"");
            put_curve(p, series, points + i, next - i, &first, &last);
            put_point(p, 'L', last, 100);
            put_point(p, 'L', first, 100);
            put(p, "z\"/>");
        }
        fprintf(p->to, "<path class=\"curve %s\" d=\"", class);
        put_curve(p, series, points + i, next - i, &first, &last);
        put(p, "\"/>");
    }
}

// One series, or two on one scale.
typedef struct panel {
    const char *name, *series;
    trace_series first, second; // the same when there is one
} panel;

static const panel panels[] = {
    { "CPU, %", "cpu", TRACE_CPU, TRACE_CPU },
    { "Memory, MB", "memory", TRACE_MEMORY, TRACE_MEMORY },
    { "Cache, MB", "cache", TRACE_CACHE, TRACE_CACHE },
    { "I/O, MB/s", "read written", TRACE_BYTES_READ, TRACE_BYTES_WRITTEN },
};

enum { PANELS = sizeof panels / sizeof *panels };

// The peak, in whose place the script puts the value under the pointer.
static void put_peak(page *p, const char *class, const char *name, double peak)
{
    fprintf(p->to, "<span class=\"now%s\"><span class=\"%s\">%s</span> <span class=\"value\">",
            class, name, name);
    if (isnan(peak)) put(p, "&ndash;");
    else fprintf(p->to, peak < 99.95 ? "%.1f" : "%.0f", peak);
    put(p, "</span></span>");
}

// All processors at work, in percent of one; 0 where that is no limit of this panel, or not known.
static double limit_of(const trace *t, const panel *a)
{
    return a->first == TRACE_CPU ? 100.0 * t->processors : 0;
}

static void put_counter_gutter(page *p, const trace *t, const digest *d, const panel *a)
{
    fprintf(p->to, "<div class=\"gutter\">%s", a->name);
    if (limit_of(t, a) > 0) fprintf(p->to, " of %.0f", limit_of(t, a));
    if (a->first == a->second) put_peak(p, "", "peak", d->series[a->first].peak);
    else {
        put_peak(p, " line-read", "read", d->series[a->first].peak);
        put_peak(p, " line-written", "written", d->series[a->second].peak);
    }
    fprintf(p->to, "<span class=\"top\">%.4g</span><span class=\"zero\">0</span></div>\n",
            p->tops[a->first]);
}

static void put_counter(page *p, size_t i, const panel *a)
{
    const trace *t = &p->traces[i];
    bool two = a->first != a->second;
    if (t->point_count[a->first] + t->point_count[a->second] == 0) return;
    put(p, "<div class=\"panel\">\n");
    double limit = limit_of(t, a);
    put_counter_gutter(p, t, &p->digests[i], a);
    fprintf(p->to, "<div class=\"plot counter\" data-series=\"%s\" data-limit=\"%.17g\" "
            "data-top=\"%.17g\"><svg viewBox=\"0 0 %d 100\" preserveAspectRatio=\"none\" "
            "role=\"img\" aria-label=\"%s\">", a->series, limit, p->tops[a->first], WIDTH,
            a->name);
    if (limit > 0)
        fprintf(p->to, "<path class=\"limit\" d=\"M0 %.2fH%d\"/>",
                100 - limit / p->tops[a->first] * 98, WIDTH);
    put_curves(p, t, a->first, two ? "read" : "", !two);
    if (two) put_curves(p, t, a->second, "written", false);
    put(p, "</svg>");
    put_end(p, t);
    put(p, "</div></div>\n");
}

// ---- pictures: operations ---------------------------------------------------------------------

// Colours there are: what takes longest has one of its own, the rest together has the last.
enum { COLOURS = 8, SLICES = 240 };

static size_t colours_of(const digest *d)
{
    return d->operation_count < COLOURS ? d->operation_count : COLOURS;
}

// The colour of each of the trace's names.
static void find_colours(const digest *d, size_t colours[TRACE_MAX_OPERATIONS])
{
    for (size_t i = 0; i < d->operation_count; i++)
        colours[d->operations[i].name] = i < COLOURS ? i : COLOURS - 1;
}

// When the sample before began: of the processor there is one at each, 0 before the first.
static int64_t sample_before(const trace *t, const trace_operation *o)
{
    int64_t before = 0;
    for (size_t i = 0; i < t->point_count[TRACE_CPU]; i++) {
        const trace_point *p = &t->points[TRACE_CPU][i];
        if (p->pid == o->pid && p->at < o->at && p->at > before) before = p->at;
    }
    return before;
}

// Time in each colour in each slice of the axis: [slice][colour], as a share of worker time.
static void spread_operations(const page *p, size_t i, double *shares)
{
    const trace *t = &p->traces[i];
    double slice = (double)p->wall / SLICES;
    size_t colours[TRACE_MAX_OPERATIONS];
    find_colours(&p->digests[i], colours);
    for (size_t k = 0; k < t->operation_count; k++) {
        const trace_operation *o = &t->operations[k];
        double from = (double)sample_before(t, o), to = (double)o->at;
        double part = to > from ? o->spent / (to - from) / (double)t->lane_count : 0;
        for (size_t s = (size_t)(from / slice); s < SLICES && (double)s * slice < to; s++) {
            double left = fmax(from, (double)s * slice), right = fmin(to, (double)(s + 1) * slice);
            shares[s * COLOURS + colours[o->name]] += part * (right - left) / slice;
        }
    }
}

// The boxes of a colour on those before it; neighbours of one height as one.
static void put_colour(page *p, const double *sums, size_t colour)
{
    double unit = (double)WIDTH / SLICES;
    fprintf(p->to, "<path class=\"o%zu\" d=\"", colour);
    for (size_t s = 0, next; s < SLICES; s = next) {
        const double *at = &sums[s * COLOURS + colour];
        double low = colour ? at[-1] : 0;
        for (next = s + 1; next < SLICES; next++) {
            const double *other = &sums[next * COLOURS + colour];
            if (fabs(other[0] - at[0]) + fabs((colour ? other[-1] : 0) - low) > 0.005) break;
        }
        if (at[0] - low < 0.002) continue;
        put_box(p, (double)s * unit, 100 - 98 * at[0], (double)(next - s) * unit,
                98 * (at[0] - low));
    }
    put(p, "\"/>");
}

static void put_operations_legend(page *p, size_t i)
{
    const digest *d = &p->digests[i];
    put(p, "<ul class=\"legend\">");
    for (size_t k = 0; k < colours_of(d); k++) {
        fprintf(p->to, "<li><span class=\"key o%zu\"></span>", k);
        if (k < COLOURS - 1 || d->operation_count == COLOURS)
            put_text(p, p->traces[i].operation_names[d->operations[k].name]);
        else put(p, "others");
        put(p, "</li>");
    }
    put(p, "</ul>");
}

static void put_operations(page *p, size_t i)
{
    double *shares = calloc(SLICES * COLOURS, sizeof *shares);
    if (shares && p->digests[i].operated > 0) {
        spread_operations(p, i, shares);
        for (size_t s = 0; s < SLICES * COLOURS; s++)
            shares[s] = fmin(1, shares[s] + (s % COLOURS ? shares[s - 1] : 0));
        put(p, "<div class=\"panel\"><div class=\"gutter\"></div>");
        put_operations_legend(p, i);
        put(p, "</div>\n<div class=\"panel\">\n<div class=\"gutter\">Operations, %"
            "<span class=\"top\">100</span><span class=\"zero\">0</span></div>\n"
            "<div class=\"plot counter stack\"><svg viewBox=\"0 0 1000 100\" "
            "preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Operations\">");
        for (size_t k = 0; k < colours_of(&p->digests[i]); k++) put_colour(p, shares, k);
        put(p, "</svg>");
        put_end(p, &p->traces[i]);
        put(p, "</div></div>\n");
    }
    free(shares);
}

// ---- pictures: the time axis ------------------------------------------------------------------

static void put_axis(page *p)
{
    static const struct { const char *name; double ns; } units[] = {
        { "s", 1e9 }, { "ms", 1e6 }, { MICRO "s", 1e3 }
    };
    int unit = p->wall >= 1000000000 ? 0 : p->wall >= 1000000 ? 1 : 2;
    double wall = (double)p->wall / units[unit].ns, rough = wall / 8;
    double power = pow(10, floor(log10(rough))), step = 10 * power;
    if (rough <= 5 * power * (1 + 1e-9)) step = 5 * power;
    if (rough <= 2 * power * (1 + 1e-9)) step = 2 * power;
    if (rough <= power * (1 + 1e-9)) step = power;
    int decimals = (int)fmax(0, -floor(log10(step) + 1e-9));
    fprintf(p->to, "<div class=\"panel axis\"><div class=\"gutter\">time, %s</div>"
            "<div class=\"ticks\">", units[unit].name);
    for (int i = 0; i * step <= wall * (1 + 1e-12); i++)
        fprintf(p->to, "<span style=\"left:%.3f%%\">%.*f</span>", i * step / wall * 100, decimals,
                i * step);
    put(p, "</div></div>\n");
}

static void put_legend(page *p)
{
    put(p, "<ul class=\"legend\">");
    for (int s = 0; s < TRACE_STAGES; s++)
        if (p->stages[s])
            fprintf(p->to, "<li><span class=\"key s%d%s\"></span>%s</li>", s,
                    trace_is_wait(s) ? " wait" : "", trace_stage_names[s]);
    put(p, "<li><span class=\"key idle\"></span>idle</li></ul>\n");
}

// The hatches of the waits, in the colour of what is waited for.
static void put_patterns(page *p)
{
    put(p, "<svg class=\"patterns\" aria-hidden=\"true\"><defs>");
    for (int s = TRACE_WAIT_TILE; s < TRACE_STAGES; s++)
        fprintf(p->to, "<pattern id=\"hatch%d\" class=\"s%d\" width=\"5\" height=\"5\" "
                "patternUnits=\"userSpaceOnUse\"><path class=\"tile\" d=\"M0 0h5v5h-5z\"/>"
                "<path class=\"stripe\" d=\"M-1 1L1 -1M0 5L5 0M4 6L6 4\"/></pattern>", s, s);
    put(p, "</defs></svg>\n");
}

static void put_timeline(page *p)
{
    put(p, "<h2>Who did what when</h2>\n");
    put_patterns(p);
    put(p, "<div class=\"bar\">");
    put_legend(p);
    put(p, "<div class=\"control\"><span id=\"span\"></span>"
        "<button type=\"button\" id=\"reset\" disabled>show all</button></div></div>\n"
        "<p class=\"hint\">Turn the wheel to zoom, drag to move, double click to show all; with "
        "the keyboard + \xE2\x88\x92 \xE2\x86\x90 \xE2\x86\x92 0. A column that covers "
        "several events shows their parts of its time.</p>\n"
        "<section id=\"time\" role=\"group\" aria-label=\"Timeline: plus and minus zoom, arrows "
        "move, 0 shows all\">\n");
    for (size_t i = 0; i < p->count; i++) {
        fprintf(p->to, "<div class=\"run\" data-run=\"%zu\">\n", i);
        if (p->count > 1) {
            put(p, "<h3>");
            put_text(p, p->traces[i].label);
            put(p, " <small>");
            put_circumstances(p, i);
            put(p, "</small></h3>\n");
        }
        put_lanes(p, &p->traces[i]);
        put_operations(p, i);
        for (size_t k = 0; k < PANELS; k++) put_counter(p, i, &panels[k]);
        put_axis(p);
        put(p, "</div>\n");
    }
    put(p, "</section>\n");
}

// ---- tables -----------------------------------------------------------------------------------

static void put_bytes_cell(page *p, double bytes)
{
    if (bytes > 0) fprintf(p->to, "<td>%.1f</td>", bytes / 1e6);
    else put(p, "<td></td>");
}

static void put_stage_row(page *p, const digest *d, int s)
{
    const digest_stage *a = &d->stages[s];
    const char *wait = trace_is_wait(s) ? " wait" : "";
    fprintf(p->to, "<tr><th scope=\"row\"><span class=\"key s%d%s\"></span>%s</th><td>%zu</td>"
            "<td>%.3f</td><td>%.3f</td><td>%.3f</td>", s, wait, trace_stage_names[s], a->count,
            (double)a->total / 1e9, a->mean / 1e6, a->p95 / 1e6);
    put_bytes_cell(p, a->in);
    put_bytes_cell(p, a->out);
    fprintf(p->to, "<td class=\"share\">%.1f</td><td class=\"part\"><div class=\"s%d%s\" "
            "style=\"width:%.2f%%\"></div></td></tr>\n", 100 * a->share, s, wait,
            100 * fmin(1, a->share));
}

static void put_stage_table(page *p, const digest *d)
{
    put(p, "<div class=\"scroll\"><table class=\"stages\">\n<thead><tr><th scope=\"col\">Stage</th>"
        "<th scope=\"col\">count</th><th scope=\"col\">total, s</th>"
        "<th scope=\"col\">mean, ms</th><th scope=\"col\">p95, ms</th>"
        "<th scope=\"col\">MB in</th><th scope=\"col\">MB out</th>"
        "<th scope=\"col\" colspan=\"2\">% of worker time</th></tr></thead>\n<tbody>\n");
    for (int s = 0; s < TRACE_STAGES; s++)
        if (d->stages[s].count) put_stage_row(p, d, s);
    fprintf(p->to, "</tbody>\n<tfoot><tr><th scope=\"row\"><span class=\"key idle\"></span>idle"
            "</th><td></td><td>%.3f</td><td></td><td></td><td></td><td></td>"
            "<td class=\"share\">%.1f</td><td></td></tr></tfoot>\n</table></div>\n",
            (double)d->total.idle / 1e9, 100 * share_of(d, d->total.idle));
}

static void put_lane_row(page *p, const char *name, const digest_lane *a, double part)
{
    put(p, "<tr><th scope=\"row\">");
    put_text(p, name);
    fprintf(p->to, "</th><td>%.1f</td><td>%.1f</td><td>%.1f</td><td>%.1f</td></tr>\n",
            (double)a->work * part, (double)a->schedule * part, (double)a->wait * part,
            (double)a->idle * part);
}

static void put_lane_table(page *p, const trace *t, const digest *d)
{
    enum { OPEN = 16 };
    char name[TRACE_NAME];
    bool fold = t->lane_count > OPEN;
    if (fold) fprintf(p->to, "<details><summary>%zu workers</summary>\n", t->lane_count);
    put(p, "<div class=\"scroll\"><table class=\"workers\">\n<thead><tr><th scope=\"col\">"
        "% of the time</th><th scope=\"col\">work</th><th scope=\"col\">planning</th>"
        "<th scope=\"col\">waiting</th><th scope=\"col\">idle</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < t->lane_count; i++)
        put_lane_row(p, trace_lane_name(t, &t->lanes[i], name), &d->lanes[i],
                     100 / (double)d->wall);
    put(p, "</tbody>\n<tfoot>");
    if (t->lane_count > 1)
        put_lane_row(p, "all", &d->total, 100 / ((double)d->workers * (double)d->wall));
    put(p, "</tfoot>\n</table></div>\n");
    if (fold) put(p, "</details>\n");
}

static void put_operation_table(page *p, size_t i)
{
    const digest *d = &p->digests[i];
    size_t colours[TRACE_MAX_OPERATIONS];
    if (!(d->operated > 0)) return;
    find_colours(d, colours);
    put(p, "<div class=\"scroll\"><table class=\"operations\">\n<thead><tr><th scope=\"col\">"
        "Operation</th><th scope=\"col\">total, s</th>"
        "<th scope=\"col\" colspan=\"2\">% of operations</th></tr></thead>\n<tbody>\n");
    for (size_t k = 0; k < d->operation_count; k++) {
        const digest_operation *o = &d->operations[k];
        double share = 100 * o->spent / d->operated;
        fprintf(p->to, "<tr><th scope=\"row\"><span class=\"key o%zu\"></span>",
                colours[o->name]);
        put_text(p, p->traces[i].operation_names[o->name]);
        fprintf(p->to, "</th><td>%.3f</td><td class=\"share\">%.1f</td><td class=\"part\">"
                "<div class=\"o%zu\" style=\"width:%.2f%%\"></div></td></tr>\n", o->spent / 1e9,
                share, colours[o->name], share);
    }
    put(p, "</tbody>\n</table></div>\n");
}

// ---- figures and advice -----------------------------------------------------------------------

// Options of the command are set apart, and don't break.
static void put_advice_text(page *p, const char *text)
{
    const char *option = strstr(text, "--");
    for (; option; option = strstr(text, "--")) {
        char before[DIGEST_ADVICE];
        snprintf(before, sizeof before, "%.*s", (int)(option - text), text);
        put_text(p, before);
        int length = (int)strspn(option, "-abcdefghijklmnopqrstuvwxyz");
        fprintf(p->to, "<code>%.*s</code>", length, option);
        text = option + length;
    }
    put_text(p, text);
}

static void put_advice(page *p, const digest *d)
{
    char advice[DIGEST_ADVICE];
    put(p, "<ul class=\"advice\">\n");
    for (size_t i = 0; digest_advice(d, i, advice); i++) {
        put(p, "<li>");
        if (*advice >= 'a' && *advice <= 'z') *advice = (char)(*advice - 'a' + 'A');
        put_advice_text(p, advice);
        put(p, ".</li>\n");
    }
    put(p, "</ul>\n");
}

// A figure and what it is; nothing when it is not known.
static void put_fact(page *p, const char *what, int decimals, double value, const char *unit)
{
    if (!isfinite(value)) return;
    fprintf(p->to, "<div><dt>%s</dt><dd>%.*f<small>%s%s</small></dd></div>\n", what, decimals,
            value, *unit ? THIN : "", unit);
}

static void put_facts(page *p, size_t i)
{
    const digest *d = &p->digests[i];
    double seconds = (double)d->wall / 1e9;
    put(p, "<dl class=\"facts\">\n");
    put_fact(p, "parallel efficiency", 1, 100 * d->efficiency, "%");
    put_fact(p, "tasks", 0, (double)d->tasks, "");
    put_fact(p, "tasks per second", 1, d->tasks_per_second, "");
    put_fact(p, "read", 1, d->bytes_read / 1e6 / seconds, "MB/s");
    put_fact(p, "written", 1, d->bytes_written / 1e6 / seconds, "MB/s");
    put_fact(p, "decodes per tile", 2, d->amplification, "");
    put_fact(p, "CPU, mean", 0, d->series[TRACE_CPU].mean, "%");
    put_fact(p, "memory, peak", 1, d->series[TRACE_MEMORY].peak, "MB");
    put_fact(p, "cache, peak", 1, d->series[TRACE_CACHE].peak, "MB");
    put_fact(p, "cache hits", 1, 100 * d->hit_rate, "%");
    put(p, "</dl>\n");
}

// ---- what the dump says of the run ------------------------------------------------------------

static void put_run(page *p, const trace *t)
{
    put(p, "<dl class=\"run-facts\">\n");
    for (size_t i = 0; i < t->fact_count; i++) {
        put(p, "<dt>");
        put_text(p, t->facts[i].name);
        put(p, "</dt><dd>");
        put_text(p, t->facts[i].value);
        put(p, "</dd>\n");
    }
    if (t->processors) fprintf(p->to, "<dt>processors</dt><dd>%d</dd>\n", t->processors);
    put(p, "</dl>\n");
}

static void put_outputs(page *p, const digest *d)
{
    if (d->output_count == 0) return;
    put(p, "<div class=\"scroll\"><table class=\"outputs\">\n<thead><tr>"
        "<th scope=\"col\">Output</th><th scope=\"col\">tiles</th><th scope=\"col\">MB</th>"
        "<th scope=\"col\">MB stored</th><th scope=\"col\">ratio</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < d->output_count; i++) {
        const digest_output *o = &d->outputs[i];
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)o->length, o->name);
        put(p, "<tr><th scope=\"row\" class=\"name\">");
        put_text(p, name);
        fprintf(p->to, "</th><td>%zu</td><td>%.1f</td><td>%.1f</td><td>", o->tiles, o->raw / 1e6,
                o->stored / 1e6);
        if (o->stored > 0) fprintf(p->to, "%.2f", o->raw / o->stored);
        put(p, "</td></tr>\n");
    }
    put(p, "</tbody>\n</table></div>\n");
}

// ---- comparison -------------------------------------------------------------------------------

// How worker time was spent, in a bar as long as the run; idle is a thin line.
static void put_share_bar(page *p, const digest *d)
{
    double length = (double)d->wall / (double)p->wall * WIDTH, x = 0;
    fprintf(p->to, "<td class=\"bar-of\"><svg viewBox=\"0 0 %d 12\" preserveAspectRatio=\"none\" "
            "role=\"img\" aria-label=\"Worker time by stage\">", WIDTH);
    for (int s = 0; s < TRACE_STAGES; s++) {
        if (d->stages[s].total == 0) continue;
        double width = fmin(d->stages[s].share * length, WIDTH - x);
        begin_stage(p, s);
        put_box(p, x, 0, width, 12);
        put(p, "\"/>");
        x += width;
    }
    put(p, "<path class=\"area\" d=\"");
    put_box(p, x, 5, fmax(0, length - x), 2);
    put(p, "\"/></svg></td>");
}

static void put_comparison_head(page *p)
{
    static const char *const columns[] = {
        "workers", "seconds", TIMES " best", "tasks", "tasks<br>per s", "work,<br>%", "waits,<br>%",
        "idle,<br>%", "decodes<br>per tile", "read,<br>MB/s", "written,<br>MB/s", "CPU,<br>%",
        "memory,<br>MB",
        "cache,<br>MB"
    };
    put(p, "<thead><tr><th scope=\"col\">Run</th><th scope=\"col\">chunks</th>");
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        fprintf(p->to, "<th scope=\"col\">%s</th>", columns[i]);
    put(p, "</tr></thead>\n");
}

static void put_known_cell(page *p, const char *format, double value)
{
    put(p, "<td>");
    if (isfinite(value)) fprintf(p->to, format, value);
    put(p, "</td>");
}

// A row as far as what run it is.
static void begin_row(page *p, size_t i, int64_t best)
{
    fprintf(p->to, "<tr%s><th scope=\"row\" class=\"name\">",
            p->digests[i].wall == best ? " class=\"best\"" : "");
    put_text(p, p->traces[i].label);
    put(p, "</th><td>");
    put_chunks(p, &p->traces[i]);
    put(p, "</td>");
}

static void put_comparison_row(page *p, size_t i, int64_t best)
{
    const digest *d = &p->digests[i];
    double seconds = (double)d->wall / 1e9;
    begin_row(p, i, best);
    fprintf(p->to, "<td>%zu</td><td>%.3f</td><td>%.2f</td><td>%zu</td>", d->workers, seconds,
            (double)d->wall / (double)best, d->tasks);
    put_known_cell(p, "%.1f", d->tasks_per_second);
    put_known_cell(p, "%.1f", 100 * d->efficiency);
    put_known_cell(p, "%.1f", 100 * share_of(d, d->total.wait));
    put_known_cell(p, "%.1f", 100 * share_of(d, d->total.idle));
    put_known_cell(p, "%.2f", d->amplification);
    put_known_cell(p, "%.1f", d->bytes_read / 1e6 / seconds);
    put_known_cell(p, "%.1f", d->bytes_written / 1e6 / seconds);
    put_known_cell(p, "%.0f", d->series[TRACE_CPU].mean);
    put_known_cell(p, "%.1f", d->series[TRACE_MEMORY].peak);
    put_known_cell(p, "%.1f", d->series[TRACE_CACHE].peak);
    put(p, "</tr>\n");
}

static void put_comparison(page *p)
{
    int64_t best = p->digests[0].wall;
    for (size_t i = 1; i < p->count; i++)
        if (p->digests[i].wall < best) best = p->digests[i].wall;
    put_legend(p);
    put(p, "<div class=\"scroll\"><table class=\"bars\"><tbody>\n");
    for (size_t i = 0; i < p->count; i++) {
        begin_row(p, i, best);
        put(p, "<td>");
        put_time(p, (double)p->digests[i].wall);
        put(p, "</td>");
        put_share_bar(p, &p->digests[i]);
        put(p, "</tr>\n");
    }
    put(p, "</tbody></table></div>\n<div class=\"scroll\"><table class=\"comparison\">\n");
    put_comparison_head(p);
    put(p, "<tbody>\n");
    for (size_t i = 0; i < p->count; i++) put_comparison_row(p, i, best);
    put(p, "</tbody>\n</table></div>\n");
}

// ---- what the script reads --------------------------------------------------------------------

enum { GOES_ON = 32 };         // is added to the stage of an event that does not end it

static void put_events(page *p, const trace *t, const trace_lane *lane)
{
    int64_t end = 0;
    for (size_t i = lane->first; i < lane->first + lane->count; i++) {
        const trace_event *e = &t->events[i];
        fprintf(p->to, "%s%" PRId64 ",%" PRId64 ",%d,%" PRIu32 ",%" PRId64 ",%" PRId64,
                i > lane->first ? "," : "", e->start - end, e->length,
                (int)e->stage + (e->ends ? 0 : GOES_ON), e->key, e->in, e->out);
        end = e->start + e->length;
    }
}

static void put_points(page *p, const trace_point *points, size_t count)
{
    for (size_t i = 0, next; i < count; i = next) {
        for (next = i; next < count && points[next].pid == points[i].pid;) next++;
        put(p, i ? ",[[" : "[[");
        for (size_t k = i; k < next; k++)
            fprintf(p->to, "%s%" PRId64, k > i ? "," : "", points[k].at);
        put(p, "],[");
        for (size_t k = i; k < next; k++)
            fprintf(p->to, "%s%.6g", k > i ? "," : "", points[k].value);
        put(p, "]]");
    }
}

static void put_run_data(page *p, const trace *t)
{
    static const char *const names[TRACE_SERIES] = {
        "cpu", "memory", "cache", "read", "written", "faults"
    };
    char name[TRACE_NAME];
    fprintf(p->to, "{\"wall\":%" PRId64 ",\n\"keys\":[", t->wall);
    for (size_t i = 0; i < t->key_count; i++) {
        if (i) put(p, ",");
        put_script_text(p, t->keys[i]);
    }
    put(p, "],\n\"series\":{");
    for (int s = 0; s < TRACE_SERIES; s++) {
        fprintf(p->to, "%s\"%s\":[", s ? "],\n" : "", names[s]);
        put_points(p, t->points[s], t->point_count[s]);
    }
    put(p, "]},\n\"lanes\":[");
    for (size_t i = 0; i < t->lane_count; i++) {
        put(p, i ? "]},\n{\"name\":" : "\n{\"name\":");
        put_script_text(p, trace_lane_name(t, &t->lanes[i], name));
        put(p, ",\"events\":[");
        put_events(p, t, &t->lanes[i]);
    }
    put(p, "]}]}");
}

static void put_data(page *p)
{
    put(p, "<script type=\"application/json\" id=\"data\">\n{\"stages\":[");
    for (int s = 0; s < TRACE_STAGES; s++) {
        if (s) put(p, ",");
        put_script_text(p, trace_stage_names[s]);
    }
    fprintf(p->to, "],\"waits\":%d,\"runs\":[\n", TRACE_WAIT_TILE);
    for (size_t i = 0; i < p->count; i++) {
        if (i) put(p, ",\n");
        put_run_data(p, &p->traces[i]);
    }
    put(p, "]}\n</script>\n");
}

// ---- the page ---------------------------------------------------------------------------------

static void put_lines(page *p, const char *const *lines)
{
    for (; *lines; lines++) put(p, *lines);
}

static void put_title(page *p)
{
    if (p->count == 1) put_text(p, p->traces[0].label);
    else fprintf(p->to, "%zu runs compared", p->count);
}

// Nothing is fetched: the policy has the browser refuse it, and the icon is there, and empty.
static void put_head(page *p)
{
    put(p, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
        "<link rel=\"icon\" href=\"data:,\">\n<title>");
    put_title(p);
    put(p, " - gwt profile</title>\n<style>\n");
    put_lines(p, report_css);
    put(p, "</style>\n</head>\n<body>\n<main>\n<h1>");
    put_title(p);
    put(p, "</h1>\n");
}

static void put_one(page *p)
{
    put(p, "<p class=\"lead\">");
    put_time(p, (double)p->wall);
    put(p, ", ");
    put_circumstances(p, 0);
    put(p, "</p>\n");
    put_advice(p, &p->digests[0]);
    put_facts(p, 0);
    put_timeline(p);
    put(p, "<h2>Where the time went</h2>\n<div class=\"pair\">\n");
    put_stage_table(p, &p->digests[0]);
    put_operation_table(p, 0);
    put_lane_table(p, &p->traces[0], &p->digests[0]);
    put(p, "</div>\n");
    if (p->traces[0].fact_count + p->digests[0].output_count == 0) return;
    put(p, "<h2>What was run</h2>\n");
    put_run(p, &p->traces[0]);
    put_outputs(p, &p->digests[0]);
}

static void put_several(page *p)
{
    put(p, "<p class=\"lead\">On one time scale, in the order given.</p>\n"
        "<h2>Side by side</h2>\n");
    put_comparison(p);
    put_timeline(p);
    put(p, "<h2>Where the time went</h2>\n");
    for (size_t i = 0; i < p->count; i++) {
        put(p, "<h3>");
        put_text(p, p->traces[i].label);
        put(p, " <small>");
        put_time(p, (double)p->digests[i].wall);
        put(p, ", ");
        put_circumstances(p, i);
        put(p, "</small></h3>\n");
        put_advice(p, &p->digests[i]);
        put(p, "<div class=\"pair\" style=\"margin-top:1.25rem\">\n");
        put_stage_table(p, &p->digests[i]);
        put_operation_table(p, i);
        put_lane_table(p, &p->traces[i], &p->digests[i]);
        put(p, "</div>\n");
        if (p->traces[i].fact_count + p->digests[i].output_count == 0) continue;
        put(p, "<details><summary>what was run</summary>\n");
        put_run(p, &p->traces[i]);
        put_outputs(p, &p->digests[i]);
        put(p, "</details>\n");
    }
}

// What all dumps have in common: the longest time, the scales, the stages in the legend.
static void look_around(page *p)
{
    double tops[TRACE_SERIES] = { 0 };
    for (size_t i = 0; i < p->count; i++) {
        const digest *d = &p->digests[i];
        if (d->wall > p->wall) p->wall = d->wall;
        for (int s = 0; s < TRACE_STAGES; s++)
            p->stages[s] = p->stages[s] || d->stages[s].count;
        for (int s = 0; s < TRACE_SERIES; s++) tops[s] = fmax(tops[s], d->series[s].highest);
    }
    for (size_t i = 0; i < p->count; i++)
        tops[TRACE_CPU] = fmax(tops[TRACE_CPU], 100.0 * p->traces[i].processors);
    tops[TRACE_BYTES_READ] = fmax(tops[TRACE_BYTES_READ], tops[TRACE_BYTES_WRITTEN]);
    tops[TRACE_BYTES_WRITTEN] = tops[TRACE_BYTES_READ];
    for (int s = 0; s < TRACE_SERIES; s++) p->tops[s] = round_up(tops[s]);
}

void report_page(FILE *to, const trace *traces, const digest *digests, size_t count)
{
    page p = { .to = to, .traces = traces, .digests = digests, .count = count };
    look_around(&p);
    put_head(&p);
    if (count == 1) put_one(&p);
    else put_several(&p);
    put(&p, "<p class=\"notes\">Worker time is workers " TIMES " time. Work is all stages but "
        "planning (schedule) and waits; parallel efficiency is its share of worker time; idle is "
        "what no event covers. A task is a piece computed. p95: 95 % take no longer. A stage "
        "that others interrupt counts as one. The dashed line is all processors at work. Times of "
        "operations are estimated: some strips of pixels are timed; how they follow one another "
        "within a piece is not recorded. kB, MB and "
        "GB are powers of 1000.</p>\n</main>\n");
    put_data(&p);
    put(&p, "<script>\n");
    put_lines(&p, report_js);
    put(&p, "</script>\n</body>\n</html>\n");
}
