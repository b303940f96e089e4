// replay.c - see replay.h. The model:
//
// A trace gives, for each tile of the output, the time of reading and decoding what was loaded for
// it, of computing its pieces, of encoding and of writing it, and the overhead between. The waits
// are left out. These tasks go, tile after tile, to whichever worker is free first:
//
//   - a worker takes the next tile, at most 2 * workers + 8 tiles ahead of what is written; loads,
//     computes and encodes it. A tile in several pieces is open to workers without one of their
//     own: first its loads, then, when all are there, its pieces;
//   - tiles are written in their order, one at a time, by the worker whose tile came due; it goes
//     on as long as the next one is ready;
//   - what several tiles need is loaded once, by the tile that loaded it when it was recorded;
//   - n times as many pieces have n times the overhead, spread evenly. Computing them takes what it
//     took. A chunk larger than a tile of the output does nothing: pieces end there.
//
// Where the trace has samples of the processor (.resource_dt), all times are multiplied by the
// share of it that decoding, computing and encoding got: what other programs took away in the
// meantime is not the schedule's. So are measured seconds, before they are compared.
//
// What it does not know: memory bandwidth, caches, or cores that are fewer than the workers, or
// slower when all are busy. A task takes as long among 64 workers as among those it was recorded
// with; so what it says of many is a bound on what is possible, and a trace of one worker
// flatters two. Wider halos of smaller chunks are not in it, nor is a tile that the cache let go
// and decoded again, nor the sync at the end of a save.

#include "replay.h"

#include "cli.h"
#include "../report/trace.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- events of a trace --------------------------------------------------------------------------

static double seconds(int64_t nanoseconds) { return (double)nanoseconds * 1e-9; }

// What is computed, by gwt or by the user's functions.
static bool is_compute(const trace_event *e)
{
    return e->stage == TRACE_COMPUTE || e->stage == TRACE_USER;
}

static bool is_idle(const trace_event *e)
{
    return e->stage == TRACE_SCHEDULE || trace_is_wait(e->stage);
}

// "scene.tif tile 12": a name may have anything in it, the number is what comes last. -1: none.
static int64_t tile_of(const trace *t, const trace_event *e)
{
    const char *tile = NULL;
    for (const char *at = t->keys[e->key]; (at = strstr(at, " tile ")) != NULL; at++) tile = at;
    return tile ? atoll(tile + strlen(" tile ")) : -1;
}

// Of "rows 0..255, columns 256..511": false when the key is none of those.
static bool piece_of(const trace *t, const trace_event *e, double *rows, double *cols)
{
    long long row, last_row, col, last_col;
    if (sscanf(t->keys[e->key], "rows %lld..%lld, columns %lld..%lld", &row, &last_row, &col,
               &last_col) != 4 || row > last_row || col > last_col) return false;
    *rows = (double)last_row - (double)row + 1;
    *cols = (double)last_col - (double)col + 1;
    return true;
}

// Whether it is one that gwt wrote, of one session: times of other clocks make no schedule.
static bool check(const trace *t)
{
    for (size_t i = 0; i < t->lane_count; i++)
        if (t->lanes[i].pid != 1)
            return cli_error("%s: not a trace of a single session of gwt", t->path), false;
    for (size_t i = 0; i < t->event_count; i++)
        if (t->events[i].stage == TRACE_OTHER)
            return cli_error("%s: has a stage that gwt does not know", t->path), false;
    return true;
}

// ---- from events to tiles -----------------------------------------------------------------------

static bool has_encodes(const trace *t)
{
    for (size_t i = 0; i < t->event_count; i++)
        if (t->events[i].stage == TRACE_ENCODE) return true;
    return false;
}

static void add_to_tile(replay_tile *to, const trace_event *e)
{
    double length = seconds(e->length);
    switch (e->stage) {
    case TRACE_DECODE: to->loads += e->ends;  // fall through
    case TRACE_READ: to->load += length; break;
    case TRACE_COMPUTE:
    case TRACE_USER: to->compute += length; to->pieces += e->ends; break;
    case TRACE_ENCODE: to->encode += length; break;
    case TRACE_SCHEDULE: to->overhead += length; break;
    default: break;
    }
}

static void add_tiles(replay_tile *t, const replay_tile *more)
{
    t->load += more->load;
    t->loads += more->loads;
    t->compute += more->compute;
    t->pieces += more->pieces;
    t->overhead += more->overhead;
    t->encode += more->encode;
}

// What a worker does up to the end of an encode is of that tile; without encoding, each piece is a
// tile. What it did after its last one was a part of others' tiles, and goes to the last.
static void gather_lane(replay_trace *to, const trace *t, const trace_lane *lane,
                        replay_tile *open)
{
    bool begun = false;        // before that, a worker only looks for something to do
    for (size_t i = lane->first; i < lane->first + lane->count; i++) {
        const trace_event *e = &t->events[i];
        begun |= !is_idle(e);
        if (begun) add_to_tile(open, e);
        if (!e->ends || !(to->ordered ? e->stage == TRACE_ENCODE : is_compute(e))) continue;
        open->number = to->ordered ? tile_of(t, e) : e->start / 1000;
        to->tiles[to->count++] = *open;
        *open = (replay_tile){ .number = 0 };
    }
    if (to->count == 0) return;
    add_tiles(&to->tiles[to->count - 1], open);
    *open = (replay_tile){ .number = 0 };
}

static int by_number(const void *x, const void *y)
{
    const replay_tile *a = x, *b = y;
    return (a->number > b->number) - (a->number < b->number);
}

// The first tile with that number or a larger one; the last one when there is none.
static replay_tile *find_tile(const replay_trace *to, int64_t number)
{
    size_t from = 0, end = to->count - 1;
    while (from < end) {
        size_t middle = (from + end) / 2;
        if (to->tiles[middle].number < number) from = middle + 1;
        else end = middle;
    }
    return &to->tiles[from];
}

static void add_writes(replay_trace *to, const trace *t)
{
    for (size_t i = 0; i < t->event_count; i++) {
        const trace_event *e = &t->events[i];
        if (e->stage == TRACE_WRITE) find_tile(to, tile_of(t, e))->write += seconds(e->length);
    }
}

static void find_times(replay_trace *to, const trace *t)
{
    to->before = INFINITY;
    to->workers = (int)t->lane_count;
    for (size_t i = 0; i < t->event_count; i++) {
        const trace_event *e = &t->events[i];
        to->seconds = fmax(to->seconds, seconds(e->start + e->length));
        if (!is_idle(e)) to->before = fmin(to->before, seconds(e->start));
    }
}

// A tile's edge follows from its bytes and those of a pixel: encoding gets whole tiles.
static void find_edges(replay_trace *to, const trace *t)
{
    double bytes = 0, pixel = 0, rows, cols;
    to->chunk = 1;
    for (size_t i = 0; i < t->event_count; i++) {
        const trace_event *e = &t->events[i];
        if (e->stage == TRACE_ENCODE) bytes = fmax(bytes, (double)e->in);
        if (!is_compute(e) || !piece_of(t, e, &rows, &cols)) continue;
        to->chunk = (int)fmin(fmax(to->chunk, fmax(rows, cols)), INT_MAX);
        pixel = fmax(pixel, (double)e->out / rows / cols);
    }
    double edge = pixel > 0 ? sqrt(bytes / pixel) : 0;
    bool known = edge >= 16 && edge <= 16384 && fmod(edge, 16) == 0;
    to->tile = known ? (int)edge : to->ordered ? 256 : to->chunk;
}

// Processor time up to the last sample, whose time is *sampled; samples are percent of one
// processor, since the sample before.
static double processor_of(const trace *t, int64_t *sampled)
{
    double used = 0;
    *sampled = 0;
    for (size_t i = 0; i < t->point_count[TRACE_CPU]; i++) {
        const trace_point *p = &t->points[TRACE_CPU][i];
        used += p->value / 100 * seconds(p->at - *sampled);
        *sampled = p->at;
    }
    return used;
}

// What the processor did up to the last sample, against what workers took for what needs it.
static void scale_times(replay_trace *to, const trace *t)
{
    int64_t sampled;
    double wanted = 0, processor = processor_of(t, &sampled);
    for (size_t i = 0; i < t->event_count; i++) {
        const trace_event *e = &t->events[i];
        bool needs = e->stage == TRACE_DECODE || e->stage == TRACE_ENCODE || is_compute(e);
        if (needs && e->start < sampled)
            wanted += fmin(seconds(e->length), seconds(sampled - e->start));
    }
    to->share = processor > 0 && wanted > 0 ? fmin(1, processor / wanted) : 1;
    for (size_t i = 0; i < to->count; i++) {
        replay_tile *tile = &to->tiles[i];
        tile->load *= to->share;
        tile->compute *= to->share;
        tile->overhead *= to->share;
        tile->encode *= to->share;
        tile->write *= to->share;
    }
}

static bool make_tiles(replay_trace *to, const trace *t)
{
    replay_tile open = { .number = 0 };
    to->tiles = calloc(t->event_count + 1, sizeof *to->tiles);
    if (!to->tiles) return cli_error("out of memory"), false;
    to->ordered = has_encodes(t);
    for (size_t i = 0; i < t->lane_count; i++) gather_lane(to, t, &t->lanes[i], &open);
    if (to->count == 0) {
        cli_error("%s: nothing was computed in this trace", to->path);
        replay_free(to);
        return false;
    }
    qsort(to->tiles, to->count, sizeof *to->tiles, by_number);
    add_writes(to, t);
    find_times(to, t);
    find_edges(to, t);
    scale_times(to, t);
    return true;
}

bool replay_read(replay_trace *to, const char *path)
{
    trace t;
    *to = (replay_trace){ .path = path };
    if (!trace_read(&t, path)) return false;
    bool good = check(&t) && make_tiles(to, &t);
    trace_free(&t);
    return good;
}

void replay_free(replay_trace *t)
{
    free(t->tiles);
    t->tiles = NULL;
}

// ---- the schedule -------------------------------------------------------------------------------

typedef enum task { IDLE, LOADING, COMPUTING, ENCODING, WRITING } task;

typedef struct worker {
    task task;
    size_t tile;               // the task's
    bool owns;                 // a tile that it took and has not encoded yet:
    size_t own;
    double until;              // when the task is done
} worker;

typedef struct progress { int loads, loading, pieces, computing; bool shared, ready; } progress;

typedef struct schedule {
    const replay_trace *trace;
    worker workers[REPLAY_MAX_WORKERS];
    int num_workers, across, across_before;  // pieces along an edge of a tile, now and recorded
    progress *tiles;
    size_t next, written, window;
    bool writing;
    double now, busy;
} schedule;

static int pieces_of(const schedule *s, size_t tile)
{
    int before = s->trace->tiles[tile].pieces;
    double more = (double)s->across / s->across_before;
    return s->across == 1 ? before > 0 : (int)fmax(before > 0, round(before * more * more));
}

static double seconds_of(const schedule *s, task of, size_t tile)
{
    const replay_tile *t = &s->trace->tiles[tile];
    int pieces = pieces_of(s, tile);
    double overhead = t->overhead * (pieces + 1) / (t->pieces + 1);
    switch (of) {
    case LOADING: return t->load / (t->loads > 0 ? t->loads : 1);
    case COMPUTING: return t->compute / pieces;
    case ENCODING: return t->encode + overhead;
    case WRITING: return t->write;
    default: return 0;
    }
}

static void begin_task(schedule *s, worker *w, task of, size_t tile)
{
    double length = seconds_of(s, of, tile);
    w->task = of;
    w->tile = tile;
    w->until = s->now + length;
    s->busy += length;
}

static bool begin_part(schedule *s, worker *w, size_t tile)
{
    progress *p = &s->tiles[tile];
    if (p->loads > 0) {
        p->loads--, p->loading++;
        begin_task(s, w, LOADING, tile);
    } else if (p->loading == 0 && p->pieces > 0) {
        p->pieces--, p->computing++;
        begin_task(s, w, COMPUTING, tile);
    } else return false;
    return true;
}

static void take_tile(schedule *s, worker *w)
{
    const replay_tile *t = &s->trace->tiles[s->next];
    int pieces = pieces_of(s, s->next);
    s->tiles[s->next] = (progress){ .loads = t->loads > 0 ? t->loads : t->load > 0,
                                    .pieces = pieces, .shared = pieces > 1 };
    w->owns = true;
    w->own = s->next++;
}

// What an idle worker does next: its own tile, a new one, a part of another's, or nothing.
static void find_work(schedule *s, worker *w)
{
    if (!w->owns && s->next < s->trace->count && s->next < s->written + s->window) take_tile(s, w);
    if (w->owns) {
        const progress *p = &s->tiles[w->own];
        if (begin_part(s, w, w->own) || p->loading + p->computing > 0) return;
        begin_task(s, w, ENCODING, w->own);
        return;
    }
    for (int i = 0; i < s->num_workers; i++) {
        const worker *other = &s->workers[i];
        if (other->owns && s->tiles[other->own].shared && begin_part(s, w, other->own)) return;
    }
}

static void write_next(schedule *s, worker *w)
{
    if (s->writing || s->written >= s->trace->count || !s->tiles[s->written].ready) return;
    s->writing = true;
    begin_task(s, w, WRITING, s->written);
}

static void end_task(schedule *s, worker *w)
{
    progress *p = &s->tiles[w->tile];
    task done = w->task;
    w->task = IDLE;
    switch (done) {
    case LOADING: p->loading--; break;
    case COMPUTING: p->computing--; break;
    case ENCODING: p->ready = true; w->owns = false; write_next(s, w); break;
    case WRITING: s->writing = false; s->written++; write_next(s, w); break;
    case IDLE: break;
    }
}

// The busy worker that is done first; NULL when none is busy.
static worker *first_done(schedule *s)
{
    worker *first = NULL;
    for (int i = 0; i < s->num_workers; i++) {
        worker *w = &s->workers[i];
        if (w->task != IDLE && (!first || w->until < first->until)) first = w;
    }
    return first;
}

bool replay_run(const replay_trace *of, int workers, int chunk, replay_result *result)
{
    int before = of->chunk < of->tile ? of->chunk : of->tile;
    schedule s = { .trace = of, .num_workers = workers, .across = 1,
                   .across_before = (of->tile + before - 1) / before,
                   .window = of->ordered ? 2 * (size_t)workers + 8 : of->count };
    if (chunk < of->tile) s.across = (of->tile + chunk - 1) / chunk;
    s.tiles = calloc(of->count, sizeof *s.tiles);
    if (!s.tiles) return cli_error("out of memory"), false;
    for (worker *w;;) {
        for (int i = 0; i < workers; i++)
            if (s.workers[i].task == IDLE) find_work(&s, &s.workers[i]);
        if (!(w = first_done(&s))) break;
        s.now = w->until;
        end_task(&s, w);
    }
    free(s.tiles);
    *result = (replay_result){ .seconds = of->before + s.now };
    result->efficiency = s.busy / (workers * result->seconds);
    return true;
}
