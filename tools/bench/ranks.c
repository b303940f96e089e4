// ranks.c - how well the ranks of an MPI job would be used: the protocol of room mpi in gwt.h,
// played through event by event for 1 to 1,024 ranks. Prints a line for each number of ranks.
//
//     ranks-sim [--edge N] [--tile N] [--workers N] [--ranks N] [--tasks EVENTS.csv] [--task MS]
//               [--write MS] [--batch US] [--per-tile US] [--latency US] [--each US] [--once US]
//
//   --edge, --tile   the job: an image of so many pixels each way (default 1,000,000), in tiles
//                    (256). With few ranks it is lower, 4,000 tiles for each worker: they would
//                    take hours, and only its end is not in proportion
//   --workers        of a rank (8)
//   --ranks          only this number of them
//   --tasks          how long tiles take: the events that `gwt calc JOB -j 1 --profile NAME`
//                    writes. A tile's time is that of all stages since the last one was encoded,
//                    but for writing; they are drawn in turn, from a place that is another for
//                    each rank. Default: --task, each the same (5)
//   --write          for each tile, to the file (default as recorded, else 0.05 ms)
//   --batch          of rank 0, for a batch: its three mails and two answers (15)
//   --per-tile       and for each tile of it: its place, and its record in the journal (0.15); both
//                    are what tests/mpi_batches.c measures: see room mpi
//   --latency        of a mail: until the thread that is to get it looks for it, at most once a
//                    millisecond (1000: always as long as that)
//   --each           what is done for every tile of the image before the first is begun, by all
//                    workers of all ranks: the job is run dry (0.2)
//   --once           and by one worker of each rank: the table of tiles of the input is read, and
//                    what ranks have counted is added up (0.045)
//
// Those two were measured on 30 November 2026, on 2 cores of a Xeon of 2.8 GHz, as CPU time from
// gwt_open to the first block of a norm_diff of 1,000,000 x 1,000,000 pixels in tiles of 256, a
// BigTIFF: one rank of one worker runs dry for 0.12 to 0.2 us a tile. Of each of 16 ranks opening
// takes 0.028 to 0.035 us where the machine has nothing else to do, and all the rest, that rank's
// part of the job included, 0.014.
//
// Efficiency is the time of all tiles, computed and written, over that of all workers from the
// first batch that is asked for to the last in the journal; in brackets, from the beginning on.
// Rank 0's share is the time that its thread has something to do. Batches are those that are asked
// for in a second, and how many tiles they have in the median.
//
// What is not in it: a network and a file system that are too slow for what is written, memory
// that keeps the window smaller than the ranks want, and machines that are not alike.

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct job {
    int64_t tiles, window;
    int ranks, workers;
    const double *tasks;        // seconds
    size_t num_tasks;
    double write, batch, per_tile, latency, each, once;
} job;

static void *need(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (p) return p;
    fputs("ranks-sim: out of memory\n", stderr);
    exit(2);
}

// ---- events, the next first: a heap ------------------------------------------------------------

typedef enum what { A_TASK, A_WRITE, TO_ROOT_NEXT, TO_ROOT_SIZES, TO_ROOT_WRITTEN, BATCH,
                    PLACE } what;

typedef struct event {
    double at;
    int64_t batch, count;       // a batch's number, and its tiles
    int rank;
    what what;
} event;

typedef struct heap { event *events; size_t n, room; } heap;

static void push(heap *h, event e)
{
    if (h->n == h->room) {
        h->room = h->room ? 2 * h->room : 1024;
        h->events = realloc(h->events, h->room * sizeof *h->events);
        if (!h->events) exit(2);
    }
    size_t i = h->n++;
    for (; i > 0 && h->events[(i - 1) / 2].at > e.at; i = (i - 1) / 2)
        h->events[i] = h->events[(i - 1) / 2];
    h->events[i] = e;
}

static event pop(heap *h)
{
    event first = h->events[0], last = h->events[--h->n];
    size_t i = 0, k;
    while ((k = 2 * i + 1) < h->n) {
        if (k + 1 < h->n && h->events[k + 1].at < h->events[k].at) k++;
        if (h->events[k].at >= last.at) break;
        h->events[i] = h->events[k];
        i = k;
    }
    h->events[i] = last;
    return first;
}

// ---- the ranks ---------------------------------------------------------------------------------

enum { SLOTS = 64 };

typedef struct slot { int64_t batch, tiles, begun, left; bool placed; } slot;

typedef struct rank {
    slot slots[SLOTS];          // under way, in order
    int num_slots, idle;
    int64_t held;               // tiles of these, and of those being written
    size_t next_task;
    bool asked, none_left;
} rank;

typedef struct book { int64_t tiles; int rank; bool sized, written; } book;

typedef struct sim {
    const job *j;
    heap events;
    rank *ranks;
    book *books;                // of all batches
    int64_t handed, placed, room, given;    // batches; `given`: tiles
    double root_free, root_busy, end, work;
} sim;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

// A mail gets to rank 0's thread, which takes so long for it.
static double serve(sim *s, double at, double takes)
{
    s->root_free = fmax(s->root_free, at) + takes;
    s->root_busy += takes;
    return s->root_free;
}

// Rank 0's own mails need no way.
static double way(const sim *s, int r) { return r == 0 ? 0 : s->j->latency; }

static void ask(sim *s, int r, double now)
{
    rank *k = &s->ranks[r];
    int64_t ahead = 0, batch = most(1, s->j->window / 3);
    for (int i = 0; i < k->num_slots; i++) ahead += k->slots[i].tiles - k->slots[i].begun;
    if (k->asked || k->none_left || ahead >= 2 * s->j->workers) return;
    if (s->j->window - k->held < batch && k->held > 0) return;
    k->asked = true;
    push(&s->events, (event){ now + way(s, r), 0, batch, r, TO_ROOT_NEXT });
}

// What an idle worker does next; false: nothing.
static bool begin(sim *s, int r, double now)
{
    rank *k = &s->ranks[r];
    const job *j = s->j;
    for (int i = 0; i < k->num_slots; i++) {
        slot b = k->slots[i];
        if (!b.placed) continue;
        memmove(&k->slots[i], &k->slots[i + 1], (size_t)(k->num_slots - i - 1) * sizeof b);
        k->num_slots--;
        s->work += j->write * (double)b.tiles;
        push(&s->events, (event){ now + j->write * (double)b.tiles, b.batch, b.tiles, r, A_WRITE });
        return true;
    }
    for (int i = 0; i < k->num_slots; i++) {
        slot *b = &k->slots[i];
        if (b->begun == b->tiles) continue;
        double takes = j->tasks[k->next_task++ % j->num_tasks];
        b->begun++;
        s->work += takes;
        push(&s->events, (event){ now + takes, b->batch, 1, r, A_TASK });
        return true;
    }
    return false;
}

static void wake(sim *s, int r, double now)
{
    rank *k = &s->ranks[r];
    while (k->idle > 0 && begin(s, r, now)) k->idle--;
    ask(s, r, now);
}

// ---- rank 0 ------------------------------------------------------------------------------------

static void hand_out(sim *s, const event *e)
{
    const job *j = s->j;
    int64_t left = j->tiles - s->given, all = least(j->workers, left / j->ranks);
    int64_t n = most(left / (4 * j->ranks), all);
    n = least(most(1, least(n, e->count)), left);
    double at = serve(s, e->at, j->batch / 3);
    if (n > 0) {
        if (s->handed == s->room) {
            s->room = s->room ? 2 * s->room : 1024;
            s->books = realloc(s->books, (size_t)s->room * sizeof *s->books);
            if (!s->books) exit(2);
        }
        s->books[s->handed] = (book){ n, e->rank, false, false };
    }
    push(&s->events, (event){ at + way(s, e->rank), s->handed, n, e->rank, BATCH });
    s->handed += n > 0;
    s->given += n;
}

static void place(sim *s, const event *e)
{
    double at = serve(s, e->at, s->j->batch / 3 + s->j->per_tile / 2 * (double)e->count);
    s->books[e->batch].sized = true;
    for (; s->placed < s->handed && s->books[s->placed].sized; s->placed++) {
        int to = s->books[s->placed].rank;
        push(&s->events, (event){ at + way(s, to), s->placed, 0, to, PLACE });
    }
}

// ---- what happens ------------------------------------------------------------------------------

static slot *slot_of(rank *k, int64_t batch)
{
    for (int i = 0; i < k->num_slots; i++)
        if (k->slots[i].batch == batch) return &k->slots[i];
    return NULL;
}

static void happen(sim *s, const event *e)
{
    rank *k = &s->ranks[e->rank];
    slot *b = slot_of(k, e->batch);
    switch (e->what) {
    case A_TASK:
        if (--b->left == 0)
            push(&s->events, (event){ e->at + way(s, e->rank), e->batch, b->tiles, e->rank,
                                      TO_ROOT_SIZES });
        k->idle++;
        break;
    case A_WRITE:
        k->held -= e->count;
        k->idle++;
        push(&s->events, (event){ e->at + way(s, e->rank), e->batch, e->count, e->rank,
                                  TO_ROOT_WRITTEN });
        break;
    case TO_ROOT_NEXT: hand_out(s, e); return;
    case TO_ROOT_SIZES: place(s, e); return;
    case TO_ROOT_WRITTEN:
        s->end = serve(s, e->at, s->j->batch / 3 + s->j->per_tile / 2 * (double)e->count);
        return;
    case BATCH:
        k->asked = false;
        k->none_left = e->count == 0;
        if (e->count == 0) break;
        if (k->num_slots == SLOTS) exit(3);
        k->slots[k->num_slots++] = (slot){ e->batch, e->count, 0, e->count, false };
        k->held += e->count;
        break;
    case PLACE: b->placed = true; break;
    }
    wake(s, e->rank, e->at);
}

static int by_tiles(const void *a, const void *b)
{
    int64_t x = ((const book *)a)->tiles, y = ((const book *)b)->tiles;
    return (x > y) - (x < y);
}

static void play(const job *j)
{
    sim s = { .j = j, .ranks = need((size_t)j->ranks, sizeof(rank)) };
    double begun = (j->each / j->workers / j->ranks + j->once) * (double)j->tiles;
    for (int r = 0; r < j->ranks; r++) {
        s.ranks[r].idle = j->workers;
        s.ranks[r].next_task = (size_t)r * 7919 % j->num_tasks;
        ask(&s, r, 0);
    }
    while (s.events.n > 0) {
        event e = pop(&s.events);
        happen(&s, &e);
    }
    double took = s.end + begun, work = 100 * s.work / j->ranks / j->workers;
    qsort(s.books, (size_t)s.handed, sizeof *s.books, by_tiles);
    printf("%5d ranks x %d: efficiency %5.1f %% (%.1f), %.2f s for %lld tiles, rank 0 busy "
           "%.1f %%, %.0f batches/s of %lld tiles\n", j->ranks, j->workers, work / s.end, work / took, took,
           (long long)j->tiles, 100 * s.root_busy / s.end, (double)s.handed / s.end,
           (long long)s.books[s.handed / 2].tiles);
    free(s.events.events);
    free(s.ranks);
    free(s.books);
}

// ---- recorded times ----------------------------------------------------------------------------

// Seconds of each tile, and of writing one in the mean.
static double *read_tasks(const char *path, size_t *n, double *write)
{
    char line[1024], stage[32];
    double *list = NULL, begin, end, sum = 0, writing = 0;
    size_t room = 0;
    FILE *f = fopen(path, "r");
    *n = 0;
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "%*d,%31[a-z_ ],%*d,%lf,%lf", stage, &begin, &end) != 3) continue;
        bool writes = strcmp(stage, "write") == 0;
        if (writes) writing += end - begin;
        else if (strncmp(stage, "wait", 4) != 0) sum += end - begin;
        if (strcmp(stage, "encode") != 0) continue;
        if (*n == room) list = realloc(list, (room = room ? 2 * room : 256) * sizeof *list);
        if (!list) exit(2);
        list[(*n)++] = sum;
        sum = 0;
    }
    if (f) fclose(f);
    if (*n == 0) {
        fprintf(stderr, "ranks-sim: %s: no events of a profile\n", path);
        exit(2);
    }
    *write = writing / (double)*n;
    return list;
}

// ---- the command -------------------------------------------------------------------------------

static double number(const char *text)
{
    char *end;
    double x = strtod(text, &end);
    if (*text && !*end && x >= 0) return x;
    fprintf(stderr, "ranks-sim: %s: a number is wanted\n", text);
    exit(2);
}

int main(int argc, char **argv)
{
    double edge = 1e6, tile = 256, workers = 8, only = 0, task = 5, write = -1, recorded = 5e-5;
    double batch = 15, per_tile = 0.15, latency = 1000, each = 0.2, once = 0.045;
    const char *path = NULL;
    const struct { const char *name; double *to; } options[] = {
        { "--edge", &edge }, { "--tile", &tile }, { "--workers", &workers }, { "--ranks", &only },
        { "--task", &task }, { "--write", &write }, { "--batch", &batch },
        { "--per-tile", &per_tile }, { "--latency", &latency }, { "--each", &each },
        { "--once", &once }
    };
    for (int i = 1; i < argc; i += 2) {
        double *to = NULL;
        for (size_t k = 0; k < sizeof options / sizeof *options; k++)
            if (strcmp(argv[i], options[k].name) == 0) to = options[k].to;
        if (i + 1 < argc && strcmp(argv[i], "--tasks") == 0) path = argv[i + 1];
        else if (i + 1 < argc && to) *to = number(argv[i + 1]);
        else return fprintf(stderr, "ranks-sim: unknown option %s: see ranks.c\n", argv[i]), 2;
    }
    double same = task / 1e3, *tasks = NULL;
    size_t n = 1;
    if (path) tasks = read_tasks(path, &n, &recorded);
    double all = ceil(edge / tile) * ceil(edge / tile);
    for (int ranks = only > 0 ? (int)only : 1; ranks <= 1024; ranks *= 2) {
        double some = fmin(all, 4000 * workers * ranks);
        job j = { .tiles = (int64_t)some, .ranks = ranks, .workers = (int)workers,
                  .tasks = tasks ? tasks : &same, .num_tasks = n,
                  .write = write < 0 ? recorded : write / 1e3, .batch = batch / 1e6,
                  .per_tile = per_tile / 1e6, .latency = latency / 1e6, .each = each / 1e6,
                  .once = once / 1e6 };
        // As _gwt_run_shrink has it, of tiles that are taken one by one.
        j.window = most(16 * j.workers + 32, (int64_t)j.workers * ranks * 3 / 4);
        play(&j);
        if (only > 0) break;
    }
    free(tasks);
    return 0;
}
