// tune_picture.c - see tune_picture.h.

#include "tune_picture.h"

#include "../../gwt.h"

#include <math.h>
#include <stdbool.h>

enum { WIDTH = 860, HEIGHT = 500, LEFT = 76, RIGHT = 720, TOP = 92, BOTTOM = 430, COLOURS = 8 };
static const double LABEL_GAP = 17;

// The palette of each theme has one hue from pale to strong: worker counts have an order.
static const char style[] =
    "<style>\n"
    "svg { --page: #fcfcfb; --ink: #1c1c1a; --soft: #66655f; --grid: #e4e3dd; --mark: #b8420f;\n"
    "  --c0: #7fb0d9; --c1: #4b93cc; --c2: #2374b5; --c3: #10588f;\n"
    "  --c4: #0a416d; --c5: #062f52; --c6: #04213b; --c7: #021628; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "svg { --page: #181817; --ink: #f1f0ea; --soft: #a9a89f; --grid: #353431; --mark: #ff9d62;\n"
    "  --c0: #3f78a8; --c1: #5593c6; --c2: #71aede; --c3: #92c6ee;\n"
    "  --c4: #b0d7f5; --c5: #c8e4f9; --c6: #ddeffc; --c7: #eef7fe; } }\n"
    "text { font: 13px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; fill: var(--ink); }\n"
    ".title { font-size: 18px; font-weight: 600; }\n"
    ".soft { fill: var(--soft); }\n"
    ".grid { stroke: var(--grid); }\n"
    ".spread { stroke-width: 1.2; opacity: .55; }\n"
    ".line { fill: none; stroke-width: 2.2; stroke-linejoin: round; }\n"
    ".ring { fill: none; stroke: var(--mark); stroke-width: 2.4; }\n"
    ".mark { fill: var(--mark); font-weight: 600; stroke: var(--page); stroke-width: 4px;\n"
    "  stroke-linejoin: round; paint-order: stroke; }\n"
    "</style>\n";

typedef struct scale { double x_from, x_to, top, step; } scale;

static double x_of(const scale *s, int chunk)
{
    double span = s->x_to - s->x_from;
    double part = span > 0 ? (log2(chunk) - s->x_from) / span : 0.5;
    return LEFT + 24 + part * (RIGHT - LEFT - 48);
}

static double y_of(const scale *s, double seconds)
{
    return BOTTOM - seconds / s->top * (BOTTOM - TOP);
}

// Time begins at 0, so that heights compare; 4 to 8 lines of 1, 2 or 5 times a power of ten.
static scale scale_of(const tune_sweep *sweep)
{
    double most = 1e-9;
    for (int i = 0; i < sweep->num_chunks * sweep->num_workers; i++)
        most = fmax(most, sweep->points[i].times[sweep->points[i].runs - 1]);
    double unit = pow(10, floor(log10(most / 4))), step = unit;
    if (most / step > 8) step = 2 * unit;
    if (most / step > 8) step = 5 * unit;
    if (most / step > 8) step = 10 * unit;
    return (scale){ .x_from = log2(sweep->chunks[0]),
                    .x_to = log2(sweep->chunks[sweep->num_chunks - 1]),
                    .top = step * ceil(most * 1.05 / step), .step = step };
}

static void put_text(FILE *to, const char *text)
{
    char shown[8];
    for (size_t n; (n = gwt_escape(text, shown)) > 0; text += n) {
        if (*text == '<') fputs("&lt;", to);
        else if (*text == '>') fputs("&gt;", to);
        else if (*text == '&') fputs("&amp;", to);
        else if (*text == '"') fputs("&quot;", to);
        else fputs(shown, to);
    }
}

static void draw_axes(const tune_sweep *sweep, const scale *s, FILE *to)
{
    int digits = s->step < 1 ? (int)fmin(6, ceil(-log10(s->step) - 1e-9)) : 0;
    for (double t = 0; t <= s->top * (1 + 1e-9); t += s->step) {
        fprintf(to, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n", LEFT,
                RIGHT, y_of(s, t), y_of(s, t));
        fprintf(to, "<text class=\"soft\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.*f</text>\n",
                LEFT - 10, y_of(s, t) + 4.5, digits, t);
    }
    double last = -INFINITY;
    for (int i = 0; i < sweep->num_chunks; i++) {
        double x = x_of(s, sweep->chunks[i]);
        if (x - last < 44) continue;  // no room
        fprintf(to, "<text class=\"soft\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>\n",
                x, BOTTOM + 22, sweep->chunks[i]);
        last = x;
    }
    fprintf(to, "<text class=\"soft\" x=\"%d\" y=\"%d\" text-anchor=\"end\">seconds</text>\n",
            LEFT - 10, TOP - 14);
    fprintf(to, "<text class=\"soft\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">chunk edge, "
            "pixels</text>\n", (LEFT + RIGHT) / 2, BOTTOM + 48);
}

// The hue of a line: spread over the palette when there are fewer than it has.
static int colour_of(const tune_sweep *sweep, int line)
{
    int last = sweep->num_workers - 1;
    int top = last < COLOURS / 2 ? COLOURS / 2 - 1 : COLOURS - 1;
    return last > 0 ? (line * top + last / 2) / last : 2;
}

static void draw_line(const tune_sweep *sweep, const scale *s, int line, FILE *to)
{
    const tune_point *points = &sweep->points[line * sweep->num_chunks];
    int colour = colour_of(sweep, line);
    fprintf(to, "<polyline class=\"line\" style=\"stroke: var(--c%d)\" points=\"", colour);
    for (int i = 0; i < sweep->num_chunks; i++)
        fprintf(to, "%s%.1f,%.1f", i ? " " : "", x_of(s, points[i].chunk),
                y_of(s, points[i].seconds));
    fputs("\"/>\n", to);
    for (int i = 0; i < sweep->num_chunks; i++) {
        const tune_point *p = &points[i];
        fprintf(to, "<line class=\"spread\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" "
                "style=\"stroke: var(--c%d)\"/>\n", x_of(s, p->chunk), x_of(s, p->chunk),
                y_of(s, p->times[p->runs - 1]), y_of(s, p->times[0]), colour);
        fprintf(to, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" style=\"fill: var(--c%d)\"><title>"
                "chunks %d, %d workers: %.4g s (%.4g to %.4g in %d runs)</title></circle>\n",
                x_of(s, p->chunk), y_of(s, p->seconds), colour, p->chunk, p->workers, p->seconds,
                p->times[0], p->times[p->runs - 1], p->runs);
    }
}

// Labels stand where the lines end, apart from each other: pushed up from the lowest, and as a
// whole never below the axis.
static void draw_labels(const tune_sweep *sweep, const scale *s, FILE *to)
{
    int n = sweep->num_workers, order[TUNE_MAX];
    double y[TUNE_MAX];
    for (int i = 0; i < n; i++) {
        int k = i;
        y[i] = y_of(s, sweep->points[(i + 1) * sweep->num_chunks - 1].seconds);
        for (; k > 0 && y[order[k - 1]] < y[i]; k--) order[k] = order[k - 1];
        order[k] = i;
    }
    for (int i = 1; i < n; i++)
        y[order[i]] = fmin(y[order[i]], y[order[i - 1]] - LABEL_GAP);
    for (int i = 0; i < n; i++) {
        int w = sweep->workers[i], c = colour_of(sweep, i);
        double end = y_of(s, sweep->points[(i + 1) * sweep->num_chunks - 1].seconds);
        double x = x_of(s, sweep->chunks[sweep->num_chunks - 1]);
        if (fabs(end - y[i]) > 2)
            fprintf(to, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" style=\"stroke: "
                    "var(--c%d)\"/>\n", x + 6, end, x + 24, y[i], c);
        fprintf(to, "<text x=\"%.1f\" y=\"%.1f\"><tspan style=\"fill: var(--c%d)\">&#9679;</tspan>"
                " %d worker%s</text>\n", x + 26, y[i] + 4.5, c, w, w == 1 ? "" : "s");
    }
}

static void draw_mark(const scale *s, const tune_point *p, const char *what, bool above, FILE *to)
{
    double x = x_of(s, p->chunk), y = y_of(s, p->seconds);
    const char *anchor = x < LEFT + 130 ? "start" : x > RIGHT - 150 ? "end" : "middle";
    fprintf(to, "<circle class=\"ring\" cx=\"%.1f\" cy=\"%.1f\" r=\"9\"/>\n", x, y);
    fprintf(to, "<text class=\"mark\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s: chunks %d, "
            "%d worker%s, %.3g s</text>\n", x, above ? y - 18 : y + 28, anchor, what, p->chunk,
            p->workers, p->workers == 1 ? "" : "s", p->seconds);
}

void tune_draw(const tune_sweep *sweep, FILE *to)
{
    scale s = scale_of(sweep);
    fprintf(to, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" "
            "aria-label=\"seconds by chunk size and workers\">\n%s", WIDTH, HEIGHT, style);
    fprintf(to, "<rect width=\"%d\" height=\"%d\" style=\"fill: var(--page)\"/>\n"
            "<text class=\"title\" x=\"24\" y=\"32\">", WIDTH, HEIGHT);
    put_text(to, sweep->title);
    fputs("</text>\n<text class=\"soft\" x=\"24\" y=\"53\">", to);
    put_text(to, sweep->sample);
    fputs("</text>\n", to);
    draw_axes(sweep, &s, to);
    for (int i = 0; i < sweep->num_workers; i++) draw_line(sweep, &s, i, to);
    draw_labels(sweep, &s, to);
    bool same = sweep->choice == sweep->best;
    bool higher = sweep->choice->seconds > sweep->best->seconds || same;
    if (sweep->differ) draw_mark(&s, sweep->best, "best", false, to);
    if (!same && sweep->differ) draw_mark(&s, sweep->choice, "use", higher, to);
    fputs("</svg>\n", to);
}
