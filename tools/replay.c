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

#define _POSIX_C_SOURCE 200809L

#include "replay.h"

#include "cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- events of a trace --------------------------------------------------------------------------

typedef enum stage { LOAD_PART, LOAD, COMPUTE, ENCODE, WRITE, WAIT, SCHEDULE, NO_STAGE } stage;

typedef struct event {
    stage stage;
    bool ends;                 // the stage ends with it
    int worker;
    double start, seconds;
    int64_t number;            // of a tile; -1: none
    int64_t rows, cols;        // of a piece
    double in, out;            // bytes
} event;

typedef struct events {
    event *items;
    size_t count;
    double sampled, processor; // time of the last sample; processor time up to it
} events;

static stage stage_of(const char *name)
{
    static const struct { const char *name; stage stage; } names[] = {
        { "read\"", LOAD_PART }, { "decode\"", LOAD }, { "compute\"", COMPUTE },
        { "user\"", COMPUTE }, { "encode\"", ENCODE }, { "write\"", WRITE }, { "wait:", WAIT },
        { "schedule\"", SCHEDULE }
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(name, names[i].name, strlen(names[i].name)) == 0) return names[i].stage;
    return NO_STAGE;
}

// What follows "NAME": in a line; NULL when it is not there.
static const char *value_of(const char *line, const char *name)
{
    char key[32];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(line, key);
    if (!at) return NULL;
    at += strlen(key);
    return at + strspn(at, " ");
}

static bool number_of(const char *line, const char *name, double *number)
{
    const char *at = value_of(line, name);
    char *end = NULL;
    if (!at) return false;
    *number = strtod(at, &end);
    return end != at && isfinite(*number);
}

// "scene.tif tile 12" (a name may have anything in it, the number is what comes last), or
// "rows 0..255, columns 256..511".
static void read_key(event *e, const char *line)
{
    long long row, last_row, col, last_col;
    const char *key = value_of(line, "key"), *tile = NULL;
    if (!key || *key != '"') return;
    if (sscanf(key, "\"rows %lld..%lld, columns %lld..%lld", &row, &last_row, &col, &last_col) == 4
        && row <= last_row && col <= last_col) {
        e->rows = last_row - row + 1;
        e->cols = last_col - col + 1;
        return;
    }
    for (const char *at = key; (at = strstr(at, " tile ")) != NULL; at++) tile = at;
    if (tile) e->number = atoll(tile + strlen(" tile "));
}

static bool read_event(event *e, const char *line)
{
    double worker, start, length, ends = 1, session;
    const char *name = value_of(line, "name");
    *e = (event){ .number = -1, .ends = true };
    if (!name || *name != '"' || (e->stage = stage_of(name + 1)) == NO_STAGE) return false;
    if (!number_of(line, "tid", &worker) || !number_of(line, "ts", &start) ||
        !number_of(line, "dur", &length)) return false;
    if (!(worker >= 0 && worker < 256 && start >= 0 && length >= 0)) return false;
    if (number_of(line, "pid", &session) && session != 1) return false;
    if (number_of(line, "ends", &ends)) e->ends = ends != 0;
    number_of(line, "in", &e->in);
    number_of(line, "out", &e->out);
    e->worker = (int)worker;
    e->start = start * 1e-6;
    e->seconds = length * 1e-6;
    read_key(e, line);
    return true;
}

static bool add_event(events *all, const event *e)
{
    size_t n = all->count;
    if ((n & (n - 1)) == 0) {  // full: 0, 1, 2, 4, ..
        event *more = realloc(all->items, (n ? 2 * n : 1) * sizeof *more);
        if (!more) return cli_error("out of memory"), false;
        all->items = more;
    }
    all->items[all->count++] = *e;
    return true;
}

// A sample of the processor: percent of one, since the sample before.
static void add_sample(events *all, const char *line)
{
    double at, percent;
    const char *name = value_of(line, "name");
    if (!name || strncmp(name, "\"cpu\"", 5) != 0 || !number_of(line, "ts", &at) ||
        !number_of(line, "percent", &percent) || !(at * 1e-6 >= all->sampled)) return;
    all->processor += percent / 100 * (at * 1e-6 - all->sampled);
    all->sampled = at * 1e-6;
}

static int by_worker_and_time(const void *x, const void *y)
{
    const event *a = x, *b = y;
    if (a->worker != b->worker) return a->worker < b->worker ? -1 : 1;
    return (a->start > b->start) - (a->start < b->start);
}

// All of a file, with a 0 behind it; NULL when it can't be read, which has been printed.
static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t size = 0, room = 0, got = 1;
    while (file && got > 0) {
        if (size + 1 >= room) {
            char *more = realloc(text, room = room ? 2 * room : 1 << 16);
            if (!more) break;
            text = more;
        }
        size += got = fread(text + size, 1, room - size - 1, file);
    }
    bool good = file && got == 0 && !ferror(file);
    if (file) fclose(file);
    if (good) return text[size] = '\0', text;
    cli_error(file && got > 0 ? "%s: out of memory" : "%s: can't be read", path);
    free(text);
    return NULL;
}

// It begins as an object and ends as one whose last value is a list: a trace cut short does not.
static bool looks_whole(const char *text)
{
    size_t n = strlen(text);
    while (n > 0 && strchr(" \r\n\t", text[n - 1])) n--;
    if (n == 0 || text[--n] != '}') return false;
    while (n > 0 && strchr(" \r\n\t", text[n - 1])) n--;
    return n > 0 && text[n - 1] == ']' && text[strspn(text, " \r\n\t")] == '{' &&
           strstr(text, "\"traceEvents\"");
}

static bool read_events(events *all, char *text, const char *path)
{
    int number = 0;
    if (!looks_whole(text))
        return cli_error("%s: not a whole trace of gwt_profile_save_trace", path), false;
    for (char *line = text, *next; line; line = next) {
        event e;
        if ((next = strchr(line, '\n')) != NULL) *next++ = '\0';
        number++;
        const char *kind = value_of(line, "ph");
        if (kind && strncmp(kind, "\"C\"", 3) == 0) add_sample(all, line);
        if (!kind || strncmp(kind, "\"X\"", 3) != 0) continue;
        if (!read_event(&e, line))
            return cli_error("%s: line %d is no event of one session of gwt", path, number), false;
        if (!add_event(all, &e)) return false;
    }
    if (all->count > 0) qsort(all->items, all->count, sizeof *all->items, by_worker_and_time);
    return true;
}

// ---- from events to tiles -----------------------------------------------------------------------

static bool has_stage(const events *all, stage s)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].stage == s) return true;
    return false;
}

static void add_to_tile(replay_tile *t, const event *e)
{
    switch (e->stage) {
    case LOAD: t->loads += e->ends;  // fall through
    case LOAD_PART: t->load += e->seconds; break;
    case COMPUTE: t->compute += e->seconds; t->pieces += e->ends; break;
    case ENCODE: t->encode += e->seconds; break;
    case SCHEDULE: t->overhead += e->seconds; break;
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
static void gather_tiles(replay_trace *trace, const events *all)
{
    stage last = has_stage(all, ENCODE) ? ENCODE : COMPUTE;
    replay_tile open = { .number = 0 };
    bool begun = false;        // before that, a worker only looks for something to do
    for (size_t i = 0; i < all->count; i++) {
        const event *e = &all->items[i];
        bool first = i == 0 || e->worker != e[-1].worker;
        if (first) {
            if (trace->count > 0) {
                add_tiles(&trace->tiles[trace->count - 1], &open);
                open = (replay_tile){ .number = 0 };
            }
            begun = false;
        }
        begun |= e->stage != SCHEDULE && e->stage != WAIT;
        if (begun) add_to_tile(&open, e);
        if (e->stage != last || !e->ends) continue;
        open.number = last == ENCODE ? e->number : (int64_t)(e->start * 1e6);
        trace->tiles[trace->count++] = open;
        open = (replay_tile){ .number = 0 };
    }
    if (trace->count > 0) add_tiles(&trace->tiles[trace->count - 1], &open);
}

static int by_number(const void *x, const void *y)
{
    const replay_tile *a = x, *b = y;
    return (a->number > b->number) - (a->number < b->number);
}

// The first tile with that number or a larger one; the last one when there is none.
static replay_tile *find_tile(const replay_trace *trace, int64_t number)
{
    size_t from = 0, to = trace->count - 1;
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (trace->tiles[middle].number < number) from = middle + 1;
        else to = middle;
    }
    return &trace->tiles[from];
}

static void add_writes(replay_trace *trace, const events *all)
{
    for (size_t i = 0; i < all->count; i++) {
        const event *e = &all->items[i];
        if (e->stage == WRITE) find_tile(trace, e->number)->write += e->seconds;
    }
}

static void find_times(replay_trace *trace, const events *all)
{
    trace->before = INFINITY;
    for (size_t i = 0; i < all->count; i++) {
        const event *e = &all->items[i];
        trace->seconds = fmax(trace->seconds, e->start + e->seconds);
        if (e->stage != SCHEDULE && e->stage != WAIT)
            trace->before = fmin(trace->before, e->start);
        if (e->worker >= trace->workers) trace->workers = e->worker + 1;
    }
}

// A tile's edge follows from its bytes and those of a pixel: encoding gets whole tiles.
static void find_edges(replay_trace *trace, const events *all)
{
    double bytes = 0, pixel = 0;
    trace->chunk = 1;
    for (size_t i = 0; i < all->count; i++) {
        const event *e = &all->items[i];
        if (e->stage == ENCODE) bytes = fmax(bytes, e->in);
        if (e->stage != COMPUTE || e->rows == 0) continue;
        trace->chunk = (int)fmax(trace->chunk, (double)(e->rows > e->cols ? e->rows : e->cols));
        pixel = fmax(pixel, e->out / (double)e->rows / (double)e->cols);
    }
    double edge = pixel > 0 ? sqrt(bytes / pixel) : 0;
    bool known = edge >= 16 && edge <= 16384 && fmod(edge, 16) == 0;
    trace->tile = known ? (int)edge : trace->ordered ? 256 : trace->chunk;
}

// What the processor did up to the last sample, against what workers took for what needs it.
static void scale_times(replay_trace *trace, const events *all)
{
    double wanted = 0;
    for (size_t i = 0; i < all->count; i++) {
        const event *e = &all->items[i];
        bool needs = e->stage == LOAD || e->stage == COMPUTE || e->stage == ENCODE;
        if (needs && e->start < all->sampled)
            wanted += fmin(e->seconds, all->sampled - e->start);
    }
    trace->share = all->processor > 0 && wanted > 0 ? fmin(1, all->processor / wanted) : 1;
    for (size_t i = 0; i < trace->count; i++) {
        replay_tile *t = &trace->tiles[i];
        t->load *= trace->share;
        t->compute *= trace->share;
        t->overhead *= trace->share;
        t->encode *= trace->share;
        t->write *= trace->share;
    }
}

static bool make_trace(replay_trace *trace, const events *all)
{
    trace->tiles = calloc(all->count + 1, sizeof *trace->tiles);
    if (!trace->tiles) return cli_error("out of memory"), false;
    trace->ordered = has_stage(all, ENCODE);
    gather_tiles(trace, all);
    if (trace->count == 0) {
        cli_error("%s: nothing was computed in this trace", trace->path);
        replay_free(trace);
        return false;
    }
    qsort(trace->tiles, trace->count, sizeof *trace->tiles, by_number);
    add_writes(trace, all);
    find_times(trace, all);
    find_edges(trace, all);
    scale_times(trace, all);
    return true;
}

bool replay_read(replay_trace *trace, const char *path)
{
    double workers;
    events all = { .count = 0 };
    *trace = (replay_trace){ .path = path };
    char *text = read_text(path);
    const char *other = text ? strstr(text, "\"otherData\"") : NULL;
    if (other && number_of(other, "workers", &workers) && workers >= 1 && workers <= 256)
        trace->workers = (int)workers;
    bool good = text && read_events(&all, text, path) && make_trace(trace, &all);
    free(text);
    free(all.items);
    return good;
}

void replay_free(replay_trace *trace)
{
    free(trace->tiles);
    trace->tiles = NULL;
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

static double seconds_of(const schedule *s, task task, size_t tile)
{
    const replay_tile *t = &s->trace->tiles[tile];
    int pieces = pieces_of(s, tile);
    double overhead = t->overhead * (pieces + 1) / (t->pieces + 1);
    switch (task) {
    case LOADING: return t->load / (t->loads > 0 ? t->loads : 1);
    case COMPUTING: return t->compute / pieces;
    case ENCODING: return t->encode + overhead;
    case WRITING: return t->write;
    default: return 0;
    }
}

static void begin_task(schedule *s, worker *w, task task, size_t tile)
{
    double seconds = seconds_of(s, task, tile);
    w->task = task;
    w->tile = tile;
    w->until = s->now + seconds;
    s->busy += seconds;
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

bool replay_run(const replay_trace *trace, int workers, int chunk, replay_result *result)
{
    int before = trace->chunk < trace->tile ? trace->chunk : trace->tile;
    schedule s = { .trace = trace, .num_workers = workers, .across = 1,
                   .across_before = (trace->tile + before - 1) / before,
                   .window = trace->ordered ? 2 * (size_t)workers + 8 : trace->count };
    if (chunk < trace->tile) s.across = (trace->tile + chunk - 1) / chunk;
    s.tiles = calloc(trace->count, sizeof *s.tiles);
    if (!s.tiles) return cli_error("out of memory"), false;
    for (worker *w;;) {
        for (int i = 0; i < workers; i++)
            if (s.workers[i].task == IDLE) find_work(&s, &s.workers[i]);
        if (!(w = first_done(&s))) break;
        s.now = w->until;
        end_task(&s, w);
    }
    free(s.tiles);
    *result = (replay_result){ .seconds = trace->before + s.now };
    result->efficiency = s.busy / (workers * result->seconds);
    return true;
}
