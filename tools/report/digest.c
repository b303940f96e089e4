// digest.c - see digest.h.

#include "digest.h"

#include "../cli/cli.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- sums -------------------------------------------------------------------------------------

static int compare_lengths(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static double percentile(const int64_t *sorted, size_t count, double fraction)
{
    double place = fraction * (double)(count - 1);
    size_t below = (size_t)place, above = below + 1 < count ? below + 1 : below;
    double part = place - (double)below;
    return (double)sorted[below] * (1 - part) + (double)sorted[above] * part;
}

// The parts of stages of one lane that no event has ended yet: one for each depth, -1 where none.
typedef struct open_parts { int64_t length[TRACE_MAX_DEPTH]; } open_parts;

// Those that still go on when the dump ends are counted as they are.
static void end_parts(open_parts *parts, digest_stage *to, int64_t *lengths)
{
    for (int i = 0; i < TRACE_MAX_DEPTH; i++) {
        if (parts->length[i] >= 0) lengths[to->count++] = parts->length[i];
        parts->length[i] = -1;
    }
}

static void sum_stage(digest_stage *to, const trace *t, int stage, int64_t *lengths)
{
    open_parts parts;
    uint32_t lane = 0;
    memset(&parts, 0xff, sizeof parts);
    for (size_t i = 0; i < t->event_count; i++) {
        const trace_event *e = &t->events[i];
        if ((int)e->stage != stage) continue;
        if (e->lane != lane) end_parts(&parts, to, lengths);
        int64_t *part = &parts.length[e->depth];
        *part = e->length + (*part < 0 ? 0 : *part);
        lane = e->lane;
        to->total += e->length;
        to->in += (double)e->in;
        to->out += (double)e->out;
        if (!e->ends) continue;
        lengths[to->count++] = *part;
        *part = -1;
    }
    end_parts(&parts, to, lengths);
    if (to->count == 0) return;
    qsort(lengths, to->count, sizeof *lengths, compare_lengths);
    to->p95 = percentile(lengths, to->count, 0.95);
    to->mean = (double)to->total / (double)to->count;
}

static void sum_lane(digest *d, const trace *t, size_t index)
{
    const trace_lane *lane = &t->lanes[index];
    digest_lane *to = &d->lanes[index];
    int64_t end = 0;
    for (const trace_event *e = t->events + lane->first; e < t->events + lane->first + lane->count;
         e++) {
        if (trace_is_wait(e->stage)) to->wait += e->length;
        else if (trace_is_work(e->stage)) to->work += e->length;
        else to->schedule += e->length;
        if (e->start + e->length > end) end = e->start + e->length;
    }
    int64_t used = to->work + to->schedule + to->wait;
    to->idle = used < d->wall ? d->wall - used : 0;
    d->total.work += to->work;
    d->total.schedule += to->schedule;
    d->total.wait += to->wait;
    d->total.idle += to->idle;
    d->tail += (double)(d->wall - end);
    if ((double)to->work > d->imbalance) d->imbalance = (double)to->work;
}

// How often tiles were decoded, and how many there are; `seen` has a byte for each key.
static void count_tiles(digest *d, const trace *t, unsigned char *seen)
{
    bool known = true;
    for (size_t i = 0; i < t->event_count; i++) {
        const trace_event *e = &t->events[i];
        if (e->stage != TRACE_DECODE || !e->ends) continue;
        known = known && *t->keys[e->key];
        d->decodes++;
        d->tiles += !seen[e->key];
        seen[e->key] = 1;
    }
    d->amplification = known && d->tiles ? (double)d->decodes / (double)d->tiles : NAN;
}

// The output of an encoded tile, "ndvi.tif tile 12"; new ones are added. NULL: it has no name, or
// there are too many.
static digest_output *find_output(digest *d, const char *key)
{
    size_t length = 0;
    for (const char *at = key; (at = strstr(at, " tile ")) != NULL; at++)
        length = (size_t)(at - key);
    for (size_t i = 0; i < d->output_count; i++)
        if (d->outputs[i].length == length && memcmp(d->outputs[i].name, key, length) == 0)
            return &d->outputs[i];
    if (length == 0 || d->output_count == DIGEST_OUTPUTS) return NULL;
    d->outputs[d->output_count] = (digest_output){ .name = key, .length = length };
    return &d->outputs[d->output_count++];
}

static void sum_outputs(digest *d, const trace *t)
{
    for (size_t i = 0; i < t->event_count; i++) {
        const trace_event *e = &t->events[i];
        if (e->stage != TRACE_ENCODE || !e->ends) continue;
        digest_output *to = find_output(d, t->keys[e->key]);
        if (!to) continue;
        to->tiles++;
        to->raw += (double)e->in;
        to->stored += (double)e->out;
    }
}

static int compare_operations(const void *left, const void *right)
{
    const digest_operation *a = left, *b = right;
    if (a->spent != b->spent) return a->spent < b->spent ? 1 : -1;
    return (a->name > b->name) - (a->name < b->name);
}

static void sum_operations(digest *d, const trace *t)
{
    d->operation_count = t->operation_name_count;
    for (size_t i = 0; i < d->operation_count; i++) d->operations[i].name = (uint32_t)i;
    for (size_t i = 0; i < t->operation_count; i++) {
        d->operations[t->operations[i].name].spent += t->operations[i].spent;
        d->operated += t->operations[i].spent;
    }
    qsort(d->operations, d->operation_count, sizeof *d->operations, compare_operations);
}

static digest_series sum_series(const trace_point *p, size_t count)
{
    digest_series s = { 0 };
    for (size_t i = 0; i < count;) {
        size_t first = i;
        double sum = 0, peak = 0;
        for (; i < count && p[i].pid == p[first].pid; i++) {
            sum += p[i].value;
            if (p[i].value > peak) peak = p[i].value;
        }
        s.mean += sum / (double)(i - first);
        s.peak += peak;
        if (peak > s.highest) s.highest = peak;
    }
    if (count == 0) s.mean = s.peak = NAN;
    return s;
}

// Bytes of a file: what `stage` moved, else the other side of the (de)compression.
static double file_bytes(const digest_stage *stage, double otherwise)
{
    return stage->count ? fmax(stage->in, stage->out) : otherwise;
}

static void derive(digest *d, const trace *t)
{
    double time = (double)d->workers * (double)d->wall;
    for (int s = 0; s < TRACE_STAGES; s++)
        d->stages[s].share = (double)d->stages[s].total / time;
    const digest_stage *user = &d->stages[TRACE_USER];
    d->tasks = d->stages[TRACE_COMPUTE].count ? d->stages[TRACE_COMPUTE].count : user->count;
    d->tasks_per_second = (double)d->tasks / (double)d->wall * 1e9;
    d->bytes_read = file_bytes(&d->stages[TRACE_READ], d->stages[TRACE_DECODE].in);
    d->bytes_written = file_bytes(&d->stages[TRACE_WRITE], d->stages[TRACE_ENCODE].out);
    d->hit_rate = t->tiles_in > 0 ? t->hits / (t->tiles_in + t->hits) : NAN;
    d->efficiency = (double)d->total.work / time;
    d->tail /= time;
    d->overlap = (double)t->overlap / time;
    if (d->total.work) d->imbalance *= (double)d->workers / (double)d->total.work;
    for (int s = 0; s < TRACE_SERIES; s++)
        d->series[s] = sum_series(t->points[s], t->point_count[s]);
}

bool digest_make(digest *d, const trace *t)
{
    *d = (digest){ .wall = t->wall, .workers = t->lane_count, .input = t->input,
                   .output = t->output };
    d->lanes = calloc(t->lane_count, sizeof *d->lanes);
    int64_t *lengths = malloc(t->event_count * sizeof *lengths);
    unsigned char *seen = calloc(t->key_count, 1);
    bool good = d->lanes && lengths && seen;
    if (good) {
        for (int s = 0; s < TRACE_STAGES; s++) sum_stage(&d->stages[s], t, s, lengths);
        for (size_t i = 0; i < t->lane_count; i++) sum_lane(d, t, i);
        count_tiles(d, t, seen);
        sum_outputs(d, t);
        sum_operations(d, t);
        derive(d, t);
    } else cli_error("%s: out of memory", t->path);
    free(lengths);
    free(seen);
    if (!good) digest_free(d);
    return good;
}

void digest_free(digest *d)
{
    free(d->lanes);
    d->lanes = NULL;
}

// ---- advice -----------------------------------------------------------------------------------

// Cores that were not there while workers meant to work: 1 - CPU used / time of work. Reading and
// writing wait for the disk, not for a core.
static double starved(const digest *d)
{
    double busy = d->efficiency - d->stages[TRACE_READ].share - d->stages[TRACE_WRITE].share +
                  d->stages[TRACE_SCHEDULE].share;
    return busy > 0.3 ? 1 - d->series[TRACE_CPU].mean / (100 * (double)d->workers * busy) : NAN;
}

// Where that many of the cores were not there, workers wait, plan and idle for that reason.
#define BUSY 0.20

static double unless_starved(const digest *d, double value)
{
    return starved(d) > BUSY ? NAN : value;
}

static double share_writer(const digest *d)
{
    return unless_starved(d, d->stages[TRACE_WAIT_WRITER].share);
}

static double share_tile(const digest *d)
{
    return unless_starved(d, d->stages[TRACE_WAIT_TILE].share);
}

static double share_lock(const digest *d)
{
    return unless_starved(d, d->stages[TRACE_WAIT_LOCK].share);
}

static double share_schedule(const digest *d)
{
    return unless_starved(d, d->stages[TRACE_SCHEDULE].share);
}

static double share_read(const digest *d) { return d->stages[TRACE_READ].share; }
static double share_decode(const digest *d) { return d->stages[TRACE_DECODE].share; }
static double share_user(const digest *d) { return d->stages[TRACE_USER].share; }
static double share_encode(const digest *d) { return d->stages[TRACE_ENCODE].share; }
static double share_write(const digest *d) { return d->stages[TRACE_WRITE].share; }
static bool is_packed(const char *compression)
{
    return *compression && strcmp(compression, "none") != 0;
}

static bool is_zstd(const char *compression) { return strcmp(compression, "zstd") == 0; }

// What can be advised depends on how files are compressed; NaN where it is not this.
static double read_plain(const digest *d) { return is_packed(d->input) ? NAN : share_read(d); }
static double read_packed(const digest *d) { return is_packed(d->input) ? share_read(d) : NAN; }
static double decode_other(const digest *d) { return is_zstd(d->input) ? NAN : share_decode(d); }
static double decode_zstd(const digest *d) { return is_zstd(d->input) ? share_decode(d) : NAN; }
static double encode_other(const digest *d) { return is_zstd(d->output) ? NAN : share_encode(d); }
static double encode_zstd(const digest *d) { return is_zstd(d->output) ? share_encode(d) : NAN; }
static double write_plain(const digest *d) { return is_packed(d->output) ? NAN : share_write(d); }
static double write_packed(const digest *d) { return is_packed(d->output) ? share_write(d) : NAN; }

static double amplification(const digest *d) { return d->amplification; }

static double share_decoded_again(const digest *d)
{
    return share_decode(d) * (1 - 1 / d->amplification);
}

static double tail(const digest *d) { return d->tail; }
static double overlap(const digest *d) { return d->overlap; }

static double share_idle(const digest *d)
{
    return (double)d->total.idle / ((double)d->workers * (double)d->wall);
}

// Idle before the last event: the tail has a rule of its own.
static double idle_between(const digest *d) { return share_idle(d) - d->tail; }

static bool few_tasks(const digest *d) { return d->tasks < 4 * d->workers; }

static double idle_of_few(const digest *d) { return few_tasks(d) ? share_idle(d) : NAN; }

static double tail_of_many(const digest *d)
{
    return few_tasks(d) ? NAN : unless_starved(d, tail(d));
}

static double idle_of_many(const digest *d)
{
    return few_tasks(d) ? NAN : unless_starved(d, idle_between(d));
}

// Pieces a second and worker: above the threshold what each costs beside its pixels is felt.
static double task_rate(const digest *d)
{
    return d->tasks ? d->tasks_per_second / (double)d->workers : NAN;
}

// The busiest worker against the mean, where there is enough to share out.
static double imbalance(const digest *d)
{
    return d->workers > 1 && !few_tasks(d) ? unless_starved(d, d->imbalance) : NAN;
}

// What all but the busiest have less to do.
static double share_uneven(const digest *d) { return (d->imbalance - 1) * d->efficiency; }

static double nothing(const digest *d) { return (void)d, 0; }

static double well_used(const digest *d)
{
    double of_pixels = d->stages[TRACE_COMPUTE].share + share_user(d);
    return of_pixels >= 0.5 * d->efficiency ? d->efficiency : NAN;
}

typedef enum unit { PERCENT, FACTOR, NUMBER } unit;

// `text` is said when the measure is known and above the threshold; # is where it stands. `weight`
// is the share of worker time that might be saved at the most: most measures are that.
typedef struct rule {
    double (*measure)(const digest *d);
    double (*weight)(const digest *d);
    double threshold;
    unit unit;
    const char *text;
} rule;

static const rule rules[] = {
    { share_writer, share_writer, 0.10, PERCENT,
      "# of worker time waits for the writer: the disk or the order of the output limits it; try "
      "smaller --chunks, aligned with the output's tiles, so that its next tile is done sooner, "
      "or a faster disk" },
    { share_tile, share_tile, 0.10, PERCENT,
      "# of worker time waits for tiles that another worker loads: neighbouring pieces want the "
      "same tiles; try --chunks that are a multiple of the input's tiles" },
    { share_lock, share_lock, 0.05, PERCENT,
      "# of worker time waits for locks: too many small pieces, or too many workers; try larger "
      "--chunks, or fewer --workers" },
    { share_schedule, share_schedule, 0.05, PERCENT,
      "# of worker time goes into planning the pieces: they are too small; try larger --chunks" },
    { task_rate, share_schedule, 2000, NUMBER,
      "each worker does # pieces a second, and what each costs besides its pixels counts; try "
      "larger --chunks" },
    { idle_of_few, idle_of_few, 0.15, PERCENT,
      "# of worker time is idle, with fewer than four pieces for each worker; try smaller "
      "--chunks" },
    { tail_of_many, tail_of_many, 0.10, PERCENT,
      "# of worker time is idle at the end, while the last pieces are being done; try smaller "
      "--chunks" },
    { idle_of_many, idle_of_many, 0.10, PERCENT,
      "# of worker time is idle though there are pieces to do: something serial limits the run, or "
      "memory bounds how many pieces are under way; try more --memory, or smaller --chunks" },
    { imbalance, share_uneven, 1.25, FACTOR,
      "the busiest worker does # times the mean: the pieces differ; try smaller --chunks, which "
      "are shared out more evenly" },
    { amplification, share_decoded_again, 1.10, FACTOR,
      "each tile is decoded # times: try --chunks that are a multiple of the input's tiles, or "
      "more --memory, so that tiles are kept until all have used them" },
    { read_plain, read_plain, 0.30, PERCENT,
      "# of worker time reads the input: the disk limits it; more workers will not help, a "
      "compressed input or a faster disk may" },
    { read_packed, read_packed, 0.30, PERCENT,
      "# of worker time reads the input: the disk limits it; more workers will not help, a faster "
      "disk may" },
    { decode_other, decode_other, 0.50, PERCENT,
      "# of worker time decompresses the input: store it with zstd, which is faster to read, or "
      "compute several outputs in one pass (-o A=EXPR -o B=EXPR)" },
    { decode_zstd, decode_zstd, 0.50, PERCENT,
      "# of worker time decompresses the input, which is zstd already: compute several outputs in "
      "one pass (-o A=EXPR -o B=EXPR)" },
    { encode_other, encode_other, 0.40, PERCENT,
      "# of worker time compresses the output; try --compress zstd, or a lower --level" },
    { encode_zstd, encode_zstd, 0.40, PERCENT,
      "# of worker time compresses the output, with zstd already; try a lower --level" },
    { write_plain, write_plain, 0.25, PERCENT,
      "# of worker time writes the output: the disk limits it; try --compress, which leaves less "
      "to write, or a faster disk" },
    { write_packed, write_packed, 0.25, PERCENT,
      "# of worker time writes the output: the disk limits it; a faster disk may help" },
    { share_user, share_user, 0.50, PERCENT,
      "# of worker time is in your own functions: they are what is worth making faster" },
    { starved, starved, BUSY, PERCENT,
      "# of the time that workers work, no core works for them: other programs have the cores, "
      "or there are more workers than cores; try fewer --workers" },
    { well_used, nothing, 0.85, PERCENT,
      "# of worker time is work, most of it on pixels: other chunks will gain little; more cores "
      "would" },
    { overlap, nothing, 0.001, PERCENT,
      "# of worker time is in two events at once: the shares count it twice" },
};

enum { RULES = sizeof rules / sizeof *rules };

static void put_measure(char *to, size_t size, double value, unit of)
{
    if (of == PERCENT) snprintf(to, size, value < 0.01 ? "%.1f %%" : "%.0f %%", 100 * value);
    else snprintf(to, size, of == FACTOR ? "%.2f" : "%.0f", value);
}

typedef struct finding { const rule *rule; double value, weight; } finding;

// The heaviest first; of equal ones that which stands first in the table.
static int compare_findings(const void *left, const void *right)
{
    const finding *a = left, *b = right;
    if (a->weight != b->weight) return a->weight < b->weight ? 1 : -1;
    return (a->rule > b->rule) - (a->rule < b->rule);
}

static size_t find_advice(const digest *d, finding found[RULES])
{
    size_t count = 0;
    for (const rule *r = rules; r < rules + RULES; r++) {
        double value = r->measure(d), weight = r->weight(d);
        if (!(value > r->threshold)) continue;
        found[count++] = (finding){ r, value, weight > 0 ? weight : 0 };
    }
    qsort(found, count, sizeof *found, compare_findings);
    return count;
}

bool digest_advice(const digest *d, size_t index, char *buffer)
{
    finding found[RULES];
    char number[32];
    size_t count = find_advice(d, found);
    if (count == 0 && index == 0) {
        snprintf(buffer, DIGEST_ADVICE, "nothing stands out: no stage, wait or worker takes more "
                 "than it should");
        return true;
    }
    if (index >= count) return false;
    const rule *r = found[index].rule;
    const char *hole = strchr(r->text, '#');
    put_measure(number, sizeof number, found[index].value, r->unit);
    snprintf(buffer, DIGEST_ADVICE, "%.*s%s%s", (int)(hole - r->text), r->text, number, hole + 1);
    return true;
}

// ---- words ------------------------------------------------------------------------------------

char *digest_time(double ns, char *buffer)
{
    static const char *const units[] = { "ns", "us", "ms", "s" };
    int i = 0;
    for (; i < 3 && ns >= 999.5; i++) ns /= 1000;
    int decimals = ns >= 99.95 || i == 0 ? 0 : ns >= 9.995 ? 1 : 2;
    snprintf(buffer, 32, "%.*f %s", decimals, ns, units[i]);
    return buffer;
}

char *digest_chunks(const trace *t, const char *times, char *buffer, size_t size)
{
    size_t used = 0;
    buffer[0] = '\0';
    for (size_t i = 0; i < t->chunk_count && used < size; i++)
        used += (size_t)snprintf(buffer + used, size - used, "%s%" PRId64, i ? times : "",
                                 t->chunks[i]);
    return buffer;
}

// ---- text -------------------------------------------------------------------------------------

static void print_rate(FILE *to, const char *what, double bytes, int64_t wall)
{
    char size[32];
    double rate = bytes / (double)wall * 1e3;
    fprintf(to, "  %-14s %.*f MB/s (%s)\n", what, cli_decimals(rate), rate, cli_bytes(bytes, size));
}

static void print_known(FILE *to, const char *what, const char *format, double value)
{
    if (isnan(value)) return;
    fprintf(to, "  %-14s ", what);
    fprintf(to, format, value);
    putc('\n', to);
}

static void print_stages(FILE *to, const digest *d)
{
    fprintf(to, "\n  %-12s %8s %10s %10s %10s %7s\n", "stage", "count", "total s", "mean ms",
            "p95 ms", "share");
    for (int s = 0; s < TRACE_STAGES; s++) {
        const digest_stage *a = &d->stages[s];
        if (a->count)
            fprintf(to, "  %-12s %8zu %10.3f %10.3f %10.3f %5.1f %%\n", trace_stage_names[s],
                    a->count, (double)a->total / 1e9, a->mean / 1e6, a->p95 / 1e6,
                    100 * a->share);
    }
    double time = (double)d->workers * (double)d->wall;
    fprintf(to, "  %-12s %8s %10.3f %10s %10s %5.1f %%\n", "idle", "", (double)d->total.idle / 1e9,
            "", "", 100 * (double)d->total.idle / time);
}

static void print_operations(FILE *to, const trace *t, const digest *d)
{
    if (!(d->operated > 0)) return;
    fprintf(to, "\n  %-22s %10s %8s\n", "operation (estimated)", "total s", "share");
    for (size_t i = 0; i < d->operation_count; i++) {
        const digest_operation *o = &d->operations[i];
        const char *name = t->operation_names[o->name];
        int blank = 22 - (int)strlen(name);
        fputs("  ", to);
        cli_text(to, name);
        fprintf(to, "%*s %10.3f %6.1f %%\n", blank > 0 ? blank : 0, "", o->spent / 1e9,
                100 * o->spent / d->operated);
    }
}

static void print_lanes(FILE *to, const trace *t, const digest *d)
{
    char name[TRACE_NAME];
    fprintf(to, "\n  %-12s %8s %10s %10s %8s   %% of the time\n", "worker", "work", "planning",
            "waiting", "idle");
    for (size_t i = 0; i < t->lane_count; i++) {
        const digest_lane *a = &d->lanes[i];
        double part = 100 / (double)d->wall;
        fputs("  ", to);
        cli_text(to, trace_lane_name(t, &t->lanes[i], name));
        int blank = 12 - (int)strlen(name);
        fprintf(to, "%*s %8.1f %10.1f %10.1f %8.1f\n", blank > 0 ? blank : 0, "",
                (double)a->work * part, (double)a->schedule * part, (double)a->wait * part,
                (double)a->idle * part);
    }
}

// What the dump says of the run, and what became of its outputs.
static void print_facts(FILE *to, const trace *t, const digest *d)
{
    char raw[32], stored[32];
    for (size_t i = 0; i < t->fact_count; i++) {
        int blank = 14 - (int)strlen(t->facts[i].name);
        fputs("  ", to);
        cli_text(to, t->facts[i].name);
        fprintf(to, "%*s ", blank > 0 ? blank : 0, "");
        cli_text(to, t->facts[i].value);
        putc('\n', to);
    }
    if (t->processors) fprintf(to, "  processors     %d\n", t->processors);
    for (size_t i = 0; i < d->output_count; i++) {
        const digest_output *o = &d->outputs[i];
        fputs("  compressed     ", to);
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)o->length, o->name);
        cli_text(to, name);
        fprintf(to, ": %s to %s", cli_bytes(o->raw, raw), cli_bytes(o->stored, stored));
        if (o->stored > 0) fprintf(to, ", %.2f to 1", o->raw / o->stored);
        putc('\n', to);
    }
}

void digest_print(FILE *to, const trace *t, const digest *d)
{
    char time[32], chunks[128], advice[DIGEST_ADVICE];
    cli_text(to, t->label);
    fprintf(to, "\n  time           %s on %zu worker%s\n", digest_time((double)d->wall, time),
            d->workers, d->workers == 1 ? "" : "s");
    if (*digest_chunks(t, " x ", chunks, sizeof chunks))
        fprintf(to, "  chunks         %s\n", chunks);
    fprintf(to, "  efficiency     %.1f %% of worker time is work\n", 100 * d->efficiency);
    fprintf(to, "  tasks          %zu, %.1f per second\n", d->tasks, d->tasks_per_second);
    print_rate(to, "read", d->bytes_read, d->wall);
    print_rate(to, "written", d->bytes_written, d->wall);
    print_known(to, "amplification", "each tile is decoded %.2f times", d->amplification);
    print_known(to, "cpu", "%.0f %%, mean", d->series[TRACE_CPU].mean);
    print_known(to, "memory", "%.1f MB, peak", d->series[TRACE_MEMORY].peak);
    print_known(to, "cache", "%.1f MB, peak", d->series[TRACE_CACHE].peak);
    print_known(to, "cache hits", "%.1f %% of the requests for tiles", 100 * d->hit_rate);
    print_facts(to, t, d);
    print_stages(to, d);
    print_operations(to, t, d);
    print_lanes(to, t, d);
    putc('\n', to);
    for (size_t i = 0; digest_advice(d, i, advice); i++) fprintf(to, "  * %s\n", advice);
}

void digest_print_comparison(FILE *to, const trace *t, const digest *d, size_t count)
{
    char chunks[128];
    int64_t best = d[0].wall;
    for (size_t i = 1; i < count; i++) best = d[i].wall < best ? d[i].wall : best;
    fprintf(to, "\n  %10s %7s %7s %8s %7s %7s %7s  %-18s %s\n", "seconds", "x best", "workers",
            "tasks", "work %", "wait %", "idle %", "chunks", "dump");
    for (size_t i = 0; i < count; i++) {
        double part = 100 / ((double)d[i].workers * (double)d[i].wall);
        fprintf(to, "  %10.3f %7.2f %7zu %8zu %7.1f %7.1f %7.1f  %-18s ",
                (double)d[i].wall / 1e9, (double)d[i].wall / (double)best, d[i].workers,
                d[i].tasks, (double)d[i].total.work * part, (double)d[i].total.wait * part,
                (double)d[i].total.idle * part, digest_chunks(&t[i], "x", chunks, sizeof chunks));
        cli_text(to, t[i].label);
        putc('\n', to);
    }
}
