// chunk_sizes.c - what chunk sizes and numbers of workers do to one job: seconds, tasks, reads.
//
//     cc -std=c11 -O2 -o chunk_sizes chunk_sizes.c -ltiff -lz -lm -pthread
//     ./chunk_sizes scene.tif ndi.tif [TRACE]
//
// The job is that of norm_diff.c: a normalised difference of a scene's bands green and red, to a
// compressed file. A row of the table is one run of it, from the figures of its profile: pieces
// computed, tiles decoded, how often a tile was there already when a piece asked for it, and the
// share of the workers' time that was spent working. TRACE gets the profile of the best run, for
// Perfetto and `gwt tune --what-if`; its table is printed in the end.
//
// A chunk bounds a piece of work, it is no promise: tiles of the output, 256 here, bound it too.

#define GWT_IMPLEMENTATION
#include "../gwt.h"

#include <math.h>

enum { ROUNDS = 3, NUM_CHUNKS = 5, NUM_WORKERS = 3 };
static const int chunks[NUM_CHUNKS] = { 64, 128, 256, 512, 1024 };
static const int workers[NUM_WORKERS] = { 1, 2, 4 };

typedef struct figures { double seconds; long long tasks, reads, hits; double efficiency; } figures;

static figures figures_of(const gwt_profile *p)
{
    figures f = { .seconds = p->seconds };
    double working = 0;
    for (size_t i = 0; i < p->num_events; i++) {
        const gwt_event *e = &p->events[i];
        bool waits = e->stage >= GWT_STAGE_WAIT_TILE && e->stage <= GWT_STAGE_WAIT_LOCK;
        if (!waits) working += e->end - e->start;
        f.tasks += e->ends && e->stage == GWT_STAGE_COMPUTE;
        f.reads += e->ends && e->stage == GWT_STAGE_DECODE;
    }
    for (size_t i = 0; i < p->num_residences; i++) f.hits += p->residences[i].hits;
    f.efficiency = working / (p->seconds * p->num_workers);
    return f;
}

// One run, in a session of its own: with nothing in the cache. When it is faster than *f, *f is it,
// and its profile goes to `trace` and its table to `to`, unless they are NULL.
static bool run(char **argv, int chunk, int num, figures *f, const char *trace, FILE *to)
{
    gwt *g = gwt_begin(.sensor = "bgr", .num_workers = num);
    gwt_array *ndi = gwt_norm_diff(gwt_open(g, argv[1], .chunks = chunk), "green", "red",
                                   .nodata = gwt_some(0), .scale_factor = gwt_some(1e-4));
    gwt_profile_begin(g, .cache = true);
    bool saved = gwt_save(ndi, argv[2], .compress = "lzw", .nodata = gwt_some(NAN),
                          .overwrite = true);
    const gwt_profile *p = gwt_profile_end(g);
    if (saved && p) {
        figures now = figures_of(p);
        if (f->seconds == 0 || now.seconds < f->seconds) *f = now;
        if (to) gwt_profile_summary(p, to);
        if (trace) saved = gwt_profile_save_trace(g, p, trace);
    }
    return gwt_end(g) == 0 && saved;  // gwt_end has printed what went wrong
}

int main(int argc, char **argv)
{
    figures table[NUM_CHUNKS][NUM_WORKERS] = { 0 };
    int best_chunk = 0, best_workers = 0;
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: %s SCENE OUT [TRACE]\n", argv[0]);
        return 2;
    }
    // All pairs once, then all again: what else goes on in the machine falls on all alike.
    for (int round = 0; round < ROUNDS; round++)
        for (int c = 0; c < NUM_CHUNKS; c++)
            for (int w = 0; w < NUM_WORKERS; w++)
                if (!run(argv, chunks[c], workers[w], &table[c][w], NULL, NULL)) return 1;

    printf("chunks  workers  seconds   tasks   reads    hits  efficiency\n");
    for (int c = 0; c < NUM_CHUNKS; c++)
        for (int w = 0; w < NUM_WORKERS; w++) {
            const figures *f = &table[c][w];
            printf("%6d %8d %8.3f %7lld %7lld %7lld %9.0f %%\n", chunks[c], workers[w],
                   f->seconds, f->tasks, f->reads, f->hits, 100 * f->efficiency);
            if (f->seconds >= table[best_chunk][best_workers].seconds) continue;
            best_chunk = c;
            best_workers = w;
        }
    printf("\nThe best again, chunks %d with %d workers:\n\n", chunks[best_chunk],
           workers[best_workers]);
    figures again = { 0 };
    return !run(argv, chunks[best_chunk], workers[best_workers], &again, argc > 3 ? argv[3] : NULL,
                stdout);
}
