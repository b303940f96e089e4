// watch.c - see watch.h.

#define _POSIX_C_SOURCE 200809L

#include "watch.h"

#include <stdio.h>
#include <unistd.h>

static const double TERMINAL_SECONDS = 0.25, LINE_SECONDS = 1;

// How far it is: "[###...]  35 %  12.3 Mpx/s  5.2 s left". The rate is that of the time since the
// last report, at the end that of all of it.
static void put_progress(const gwt_progress *p, const watch *w, double since)
{
    static const char marks[] = "##############################",
                      rest[] = "..............................";
    int done = (int)(p->fraction * 30);
    double pixels = p->last ? (double)p->pixels : (double)(p->pixels - w->pixels);
    double rate = pixels / 1e6 / (p->last ? p->seconds : since);
    fprintf(stderr, "[%.*s%.*s] %3.0f %%  %.*f Mpx/s  %.1f s%s", done, marks, 30 - done, rest,
            100 * p->fraction, rate > 0 ? cli_decimals(rate) : 1, rate,
            p->last ? p->seconds : p->left, p->last ? "" : " left");
}

// "other workers: 2 decode, 1 compute, 1 idle".
static void put_workers(const gwt_activity *a)
{
    const char *before = "other workers: ";
    for (int s = 0; s <= GWT_STAGE_SCHEDULE; s++) {
        if (a->stages[s] == 0) continue;
        fprintf(stderr, "%s%d %s", before, a->stages[s], gwt_stage_name((gwt_stage)s));
        before = ", ";
    }
    if (a->idle) fprintf(stderr, "%s%d idle", before, a->idle);
}

static void put_traffic(const gwt_progress *p, const watch *w, const gwt_activity *a, double since)
{
    char memory[32];
    double read = a->read - (p->last ? 0 : w->read);
    double written = a->written - (p->last ? 0 : w->written);
    double seconds = p->last ? p->seconds : since;
    fprintf(stderr, "in %.1f MB/s, out %.1f MB/s, %lld tile%s under way, memory %s",
            read / 1e6 / seconds, written / 1e6 / seconds, (long long)p->under_way,
            p->under_way == 1 ? "" : "s", cli_bytes((double)a->resident, memory));
}

int watch_progress(const gwt_progress *p, void *user)
{
    watch *w = user;
    gwt_activity a;
    bool terminal = isatty(STDERR_FILENO);
    double since = p->seconds - w->shown;
    if (!p->last && since < (terminal ? TERMINAL_SECONDS : LINE_SECONDS)) return 0;
    if (!gwt_watch(p->g, &a)) return 0;
    const char *next = terminal ? "\033[K\n" : "  ";
    if (since <= 0) since = 1e-9;
    if (terminal && w->begun) fputs("\033[3A", stderr);
    put_progress(p, w, since);
    fputs(next, stderr);
    put_workers(&a);
    fputs(next, stderr);
    put_traffic(p, w, &a, since);
    fputs(terminal ? "\033[K\n" : "\n", stderr);
    *w = (watch){ p->seconds, a.read, a.written, p->pixels, true };
    return 0;
}
