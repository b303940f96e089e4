// peers.c - for bench: the deflate job by programs of others, as peers.sh knows to start them.
//
// gwt and all that are there take turns. Their pixels need not be gwt's bit by bit, but the size
// has to be the same and the mean within 1e-3.

#define _DEFAULT_SOURCE

#include "bench.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

enum { PEERS = 4, FOUND = 1, FAILED, WRONG, RIGHT };

static const char *const names[PEERS] = { "gdal_calc", "rasterio", "otb", "vips" };

typedef struct peer {
    const char *name;
    char version[64];
    int state;                 // 0: not found
    summary made;
    sample turns[MAX_TURNS], used;  // used: medians
    double ratio;
} peer;

static int run_peer(const settings *s, const peer *p, const char *in, const char *out, sample *used)
{
    char workers[16];
    snprintf(workers, sizeof workers, "%d", s->workers);
    const char *argv[] = { "/bin/sh", s->peers, s->dir, p->name, in, out, workers, NULL };
    unlink(out);
    return run_program(argv, NULL, 0, used);
}

static void find_peer(const settings *s, peer *p, const char *name)
{
    sample used;
    const char *argv[] = { "/bin/sh", s->peers, s->dir, name, NULL };
    p->name = name;
    p->state = run_program(argv, p->version, sizeof p->version, &used) == 0 ? FOUND : 0;
    if (!p->state) printf("%s is not found\n", name);
}

// Once before the turns: does it do the job?
static void try_peer(const settings *s, peer *p, const char *in, const char *out, summary gwt)
{
    sample used;
    char log[PATH];
    join(log, "%s.log", out);
    if (run_peer(s, p, in, out, &used) != 0) {
        p->state = FAILED;
        printf("%s failed; what it said is in %s\n", p->name, log);
        return;
    }
    p->made = summarise(out);
    bool right = p->made.width == gwt.width && p->made.height == gwt.height &&
                 fabs(p->made.mean - gwt.mean) <= 1e-3;
    p->state = right ? RIGHT : WRONG;
    unlink(log);
}

static void print_peer(const peer *p, const sample *gwt)
{
    static const char *const verdicts[] = { "not found", "", "failed", "NOT THE SAME", "agrees" };
    printf("%-18.18s |", p->state ? p->version : p->name);
    if (p->used.wall > 0)
        printf(" %6.2f %6.2f %6.0f | %7.2f  %7.2f | %9.6f  ", p->used.wall, p->used.cpu,
               p->used.megabytes, p->ratio, p->used.megabytes / gwt->megabytes, p->made.mean);
    else
        printf(" %20s | %16s | %9s  ", "", "", "");
    printf("%s\n", verdicts[p->state]);
}

static void write_peer(FILE *to, const peer *p, bool first)
{
    fprintf(to, "%s\n  {\"name\": \"%s\", ", first ? "" : ",", p->name);
    json_text(to, "version", p->version);
    fprintf(to, ", \"found\": %s, \"agrees\": %s", p->state ? "true" : "false",
            p->state == RIGHT ? "true" : "false");
    if (p->used.wall > 0) {
        fprintf(to, ", ");
        json_sample(to, "peer", &p->used);
        fprintf(to, ", \"ratio\": %.4f, \"mean\": %.9g", p->ratio, p->made.mean);
    }
    fprintf(to, "}");
}

static void report(const settings *s, const peer *peers, const sample *gwt, summary made, int turns)
{
    printf("\nnorm_diff of %d x %d x 3, deflate, %d workers; medians of %d turns\n\n"
           "                   |                      | of gwt's         |\n"
           "                   | wall s  CPU s     MB |    wall   memory | mean of the pixels\n"
           "%-18s | %6.2f %6.2f %6.0f | %7.2f  %7.2f | %9.6f\n", s->size, s->size, s->workers,
           turns, "gwt", gwt->wall, gwt->cpu, gwt->megabytes, 1.0, 1.0, made.mean);
    for (int i = 0; i < PEERS; i++) print_peer(&peers[i], gwt);
    if (!s->json) return;
    fprintf(s->json, ",\n \"peers\": {\"turns\": %d, ", turns);
    json_sample(s->json, "gwt", gwt);
    fprintf(s->json, ", \"mean\": %.9g, \"programs\": [", made.mean);
    for (int i = 0; i < PEERS; i++) write_peer(s->json, &peers[i], i == 0);
    fprintf(s->json, "]}");
}

bool measure_peers(const settings *s)
{
    static peer peers[PEERS];
    static sample gwts[MAX_TURNS];
    char out[PATH], log[PATH];
    join(out, "%s/peer.tif", s->dir);
    join(log, "%s.log", out);
    job j = norm_diff_job(s, s->size, s->size, "deflate");
    run_gwt(s, &j, out, s->workers, 0);
    summary made = summarise(out);
    bool same = made.width != 0;
    for (int i = 0; i < PEERS; i++) {
        find_peer(s, &peers[i], names[i]);
        if (peers[i].state) try_peer(s, &peers[i], j.inputs[0], out, made);
        same = same && peers[i].state != WRONG;
    }

    double start = now();
    int n = 0;
    for (; go_on(s, n, start); n++) {
        gwts[n] = run_gwt(s, &j, out, s->workers, 0);
        for (int i = 0; i < PEERS; i++)
            if (peers[i].state >= WRONG &&
                run_peer(s, &peers[i], j.inputs[0], out, &peers[i].turns[n]) != 0)
                die("%s failed; what it said is in %s", peers[i].name, log);
    }
    unlink(out);
    unlink(log);
    for (int i = 0; i < PEERS; i++) {
        if (peers[i].state < WRONG) continue;
        peers[i].used = median_sample(peers[i].turns, n);
        peers[i].ratio = median_ratio(peers[i].turns, gwts, n);
    }
    sample gwt = median_sample(gwts, n);
    report(s, peers, &gwt, made, n);
    return same;
}
