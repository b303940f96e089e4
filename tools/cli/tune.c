// tune.c - gwt tune: which chunk size and number of workers to use; measured on a sample of the
// image, or worked out from a recorded profile (--what-if, see replay.c).
//
// Every pair is run once before any is run again, each time in another order, and the median of its
// runs counts: what else goes on in the machine falls on all alike. A run is what gwt calc does,
// from the first tile to the last byte written, without the final sync, which no flag changes; each
// has a session, and so a cache, of its own. The files themselves are in the system's cache then.

#define _XOPEN_SOURCE 700

#include "cli.h"
#include "inputs.h"
#include "replay.h"
#include "sample.h"
#include "tune_picture.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_ROUNDS = 3 };
static const double GOOD_ENOUGH = 1.05;

typedef struct tune_args {
    input_options inputs;
    size_t memory;
    bool what_if;
    cli_list chunks, workers;
    gwt_optional seconds;
    const char *picture, *compress;
    bool overwrite;
} tune_args;

#define HEADING(text) { .name = text, .kind = CLI_HEADING }
#define TO(field) offsetof(tune_args, field)

static const cli_option options[] = {
    HEADING("what to try"),
    { 0, "chunks", CLI_WORDS, TO(chunks), "64,128,..",
      "chunk edges, pixels (default 64,128,256,512,1024)", 0, 0, NULL },
    { 'j', "workers", CLI_WORDS, TO(workers), "1,2,..",
      "threads (default 1, 2, 4 .. all processors; 64 for --what-if)", 0, 0, NULL },
    { 0, "seconds", CLI_NUMBER, TO(seconds), "S", "seconds to spend, about (default 10)", 0, 0,
      NULL },
    { 0, "what-if", CLI_FLAG, TO(what_if), NULL, "from a recorded profile, without a run", 0, 0,
      NULL },

    HEADING("output"),
    { 'o', "output", CLI_TEXT, TO(picture), "PICTURE", "an SVG: chunk size against time", 0, 0,
      NULL },
    { 0, "compress", CLI_TEXT, TO(compress), "C",
      "compression, as in gwt calc: it takes time", 0, 0, NULL },
    { 0, "overwrite", CLI_FLAG, TO(overwrite), NULL, "replace PICTURE if it exists", 0, 0, NULL },

#include "input_options.h"

    HEADING("run"),
    CLI_MEMORY(TO(memory)),
    CLI_END
};

static const cli_command command = {
    .name = "gwt tune",
    .synopsis = "EXPR FILE... [options]\n"
                "       gwt tune --what-if TRACE.json [MEASURED.json]... [options]",
    .summary = "Find the chunk size and the number of workers to use.",
    .details =
        "Runs EXPR (see gwt calc) over a part of the image for each chunk size and number of\n"
        "workers, in turns. * is the best, > the fewest workers with the smallest chunks within\n"
        "5 % of it: those are the flags to use. What is slower by less than the runs of one pair\n"
        "differ among themselves is called the same.\n"
        "\n"
        "--what-if replays the schedule of a profile (gwt_profile_save_trace) with other workers\n"
        "and chunks, and compares the prediction with the runs that the traces were recorded\n"
        "from: what they took, their share of the processor, and what all of it would make.\n"
        "\n"
        "  gwt tune 'norm_diff(red, nir)' scene.tif --sensor l8 --compress lzw -o tune.svg\n"
        "  gwt tune --what-if run.json --workers 1,2,4,8,16\n",
    .options = options, .min_arguments = 1, .max_arguments = 1 << 20,
    .wanted = "an expression and at least one file, or --what-if and a trace"
};

// ---- the command line ---------------------------------------------------------------------------

// Whole numbers in ascending order, each once.
static int read_numbers(const cli_list *list, const char *name, int most, int *to, int *count)
{
    for (size_t i = 0; i < list->count; i++) {
        long long value;
        int at = *count;
        if (!cli_read_int(list->items[i], 1, most, &value))
            return cli_usage_error(&command, "--%s wants whole numbers from 1 to %d, with commas, "
                                   "not '%s'", name, most, list->items[i]);
        while (at > 0 && to[at - 1] > (int)value) at--;
        if (at > 0 && to[at - 1] == (int)value) continue;
        if (*count == TUNE_MAX)
            return cli_usage_error(&command, "--%s wants %d numbers at most", name, TUNE_MAX);
        memmove(to + at + 1, to + at, (size_t)(*count - at) * sizeof *to);
        to[at] = (int)value;
        ++*count;
    }
    return CLI_GO_ON;
}

static int read_lists(const tune_args *args, tune_sweep *sweep)
{
    int most = args->what_if ? REPLAY_MAX_WORKERS : 256;
    int status = read_numbers(&args->chunks, "chunks", 1048576, sweep->chunks, &sweep->num_chunks);
    if (status == CLI_GO_ON)
        status = read_numbers(&args->workers, "workers", most, sweep->workers,
                              &sweep->num_workers);
    if (status != CLI_GO_ON) return status;
    if (sweep->num_chunks == 0)
        for (int edge = 64; edge <= 1024; edge *= 2) sweep->chunks[sweep->num_chunks++] = edge;
    if (sweep->num_workers == 0) {
        int all = args->what_if ? REPLAY_MAX_WORKERS : cli_processors();
        for (int n = 1; n < all; n *= 2) sweep->workers[sweep->num_workers++] = n;
        sweep->workers[sweep->num_workers++] = all;
    }
    return CLI_GO_ON;
}

static int check(const tune_args *args, int argc)
{
    int status = inputs_check(&command, &args->inputs);
    if (status != CLI_GO_ON) return status;
    double s = args->seconds.set ? args->seconds.value : 10;
    if (!(s > 0 && s <= 86400))
        return cli_usage_error(&command, "--seconds wants more than 0, at most 86400, not %g", s);
    if (args->picture && cli_is_stdout(args->picture))
        return cli_usage_error(&command, "-o -: the table goes to stdout: name a file for the "
                               "picture");
    if (args->what_if && args->picture)
        return cli_usage_error(&command, "-o is for what was measured, not for --what-if");
    if (!args->what_if && argc < 2)
        return cli_usage_error(&command, "%s wants %s", command.name, command.wanted);
    return CLI_GO_ON;
}

// ---- one run ------------------------------------------------------------------------------------

// Time until the last worker is done, and what was done.
static void note_run(void *point, gwt_array *a, const gwt_profile *profile)
{
    tune_point *p = point;
    double end = 0;
    (void)a;
    p->tasks = p->decodes = 0;
    for (size_t i = 0; i < profile->num_events; i++) {
        const gwt_event *e = &profile->events[i];
        end = fmax(end, e->end);
        p->tasks += e->ends && e->stage == GWT_STAGE_COMPUTE;
        p->decodes += e->ends && e->stage == GWT_STAGE_DECODE;
    }
    p->times[p->runs++] = end > 0 ? end : profile->seconds;
}

static bool run_once(const sample_job *j, const sample *part, tune_point *p)
{
    return sample_run(j, part, p->chunk, p->workers, note_run, p);
}

// ---- the sample ---------------------------------------------------------------------------------

// A sample such that all pairs can be run MIN_ROUNDS times: larger ones are tried until a run with
// the fewest workers takes long enough to judge by. More workers are taken to be as much faster as
// there are processors.
static bool find_sample(const sample_job *j, const tune_sweep *sweep, double seconds, sample *s)
{
    double pixels = SAMPLE_SMALLEST * SAMPLE_SMALLEST, took = 0, turns = 0;
    double processors = cli_processors();
    for (int i = 0; i < sweep->num_workers; i++)
        turns += (double)sweep->workers[0] / fmin(sweep->workers[i], processors);
    turns = fmax(turns, 1) * sweep->num_chunks * MIN_ROUNDS;
    for (;; pixels *= 4) {
        tune_point p = { .chunk = 256, .workers = sweep->workers[0] };
        *s = sample_of(j, pixels);
        if (!run_once(j, s, &p) || !run_once(j, s, &p)) return false;
        took = fmin(p.times[0], p.times[1]);
        if (took >= 0.05 || took > 0.2 * seconds || s->rows * s->cols >= j->height * j->width)
            break;
    }
    *s = sample_of(j, sample_pixels(s) / took * 0.8 * seconds / turns);
    return true;
}

// ---- the sweep ----------------------------------------------------------------------------------

static int by_time(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static double median(double *times, int n)
{
    qsort(times, (size_t)n, sizeof *times, by_time);
    return n % 2 ? times[n / 2] : (times[n / 2 - 1] + times[n / 2]) / 2;
}

// Whether a pair is slower than the best by more than the runs of any one pair differ among
// themselves: else it may be chance, with so many pairs to choose the best from.
static bool is_worse(const tune_sweep *sweep, const tune_point *p)
{
    return p->seconds > sweep->spread * sweep->best->seconds;
}

// Points are in order of workers, then chunks: the first that is good enough is the choice.
static void judge(tune_sweep *sweep)
{
    int n = sweep->num_chunks * sweep->num_workers;
    sweep->best = sweep->points;
    sweep->spread = 1;
    for (int i = 0; i < n; i++) {
        tune_point *p = &sweep->points[i];
        p->seconds = median(p->times, p->runs);
        sweep->spread = fmax(sweep->spread, p->times[p->runs - 1] / p->times[0]);
        if (p->seconds < sweep->best->seconds) sweep->best = p;
    }
    for (int i = n; i-- > 0;)
        if (sweep->points[i].seconds <= GOOD_ENOUGH * sweep->best->seconds)
            sweep->choice = &sweep->points[i];
    sweep->differ = false;
    for (int i = 0; i < n; i++) sweep->differ = sweep->differ || is_worse(sweep, &sweep->points[i]);
}

// Round after round, forwards and backwards, until the time is up.
static bool run_sweep(const sample_job *j, tune_sweep *sweep, const sample *s, double seconds)
{
    int n = sweep->num_chunks * sweep->num_workers;
    double start = cli_seconds();
    for (int i = 0; i < n; i++)
        sweep->points[i] = (tune_point){ .chunk = sweep->chunks[i % sweep->num_chunks],
                                         .workers = sweep->workers[i / sweep->num_chunks] };
    for (int round = 0; round < TUNE_ROUNDS; round++) {
        double spent = cli_seconds() - start;
        if (round >= MIN_ROUNDS && spent * (round + 1) / round > seconds) break;
        for (int k = 0; k < n; k++)
            if (!run_once(j, s, &sweep->points[round % 2 ? n - 1 - k : k])) return false;
    }
    judge(sweep);
    return true;
}

// ---- what came out ------------------------------------------------------------------------------

static void describe(const sample_job *j, tune_sweep *sweep, const sample *s)
{
    double part = sample_pixels(s) / (double)j->height / (double)j->width;
    sweep->pixels = sample_pixels(s);
    sample_title(&j->expression, 1, j->files, sweep->title);
    snprintf(sweep->sample, sizeof sweep->sample,
             part < 1 ? "rows %lld..%lld, columns %lld..%lld: %.2g %% of the image"
                      : "rows %lld..%lld, columns %lld..%lld: all of the image",
             (long long)s->row, (long long)(s->row + s->rows - 1), (long long)s->col,
             (long long)(s->col + s->cols - 1), 100 * part);
}

static void print_sweep(const tune_sweep *sweep)
{
    printf("sample: %s\n\n", sweep->sample);
    printf("  chunks  workers   seconds     least      most     Mpx/s     tasks   decodes   "
           "to best\n");
    for (int i = 0; i < sweep->num_chunks * sweep->num_workers; i++) {
        const tune_point *p = &sweep->points[i];
        double rate = sweep->pixels / 1e6 / p->seconds;
        int digits = cli_decimals(p->seconds);
        printf("%c %6d %8d %9.*f %9.*f %9.*f %9.*f %9lld %9lld ",
               p == sweep->best ? '*' : p == sweep->choice && sweep->differ ? '>' : ' ', p->chunk,
               p->workers, digits, p->seconds, digits, p->times[0], digits, p->times[p->runs - 1],
               cli_decimals(rate), rate, p->tasks, p->decodes);
        if (p == sweep->best || is_worse(sweep, p))
            printf("%8.2fx\n", p->seconds / sweep->best->seconds);
        else printf("%9s\n", "same");
    }
    printf("\nmedians of %d runs each, with the least and the most. Runs of one pair differ by up "
           "to %.2fx:\n", sweep->points[0].runs, sweep->spread);
    if (sweep->differ)
        printf("what is slower by less is called the same. Use --chunks %d --workers %d\n",
               sweep->choice->chunk, sweep->choice->workers);
    else if (sweep->num_chunks * sweep->num_workers > 1)
        printf("no pair is slower than another by more, so chunks and workers make no difference "
               "that\ncan be measured here\n");
    else printf("--chunks %d --workers %d is all that was tried\n", sweep->choice->chunk,
                sweep->choice->workers);
}

static bool save_picture(const tune_args *args, const tune_sweep *sweep)
{
    cli_output out;
    if (!args->picture) return true;
    if (!cli_output_open(&out, args->picture, NULL, args->overwrite)) return false;
    tune_draw(sweep, out.stream);
    return cli_output_close(&out, true);
}

// ---- measuring ----------------------------------------------------------------------------------

static int measure(const tune_args *args, tune_sweep *sweep, file_list *files, const char *what)
{
    double seconds = args->seconds.set ? args->seconds.value : 10, start = cli_seconds();
    sample_job j = { .inputs = &args->inputs, .files = files, .expression = what,
                     .memory = args->memory, .save.compress = args->compress };
    sample s;
    if (args->picture &&
        !cli_may_create(args->picture, files->paths, files->count, args->overwrite))
        return CLI_FAILED;
    if (!sample_begin(&j)) return CLI_FAILED;
    bool done = find_sample(&j, sweep, seconds, &s) &&
                run_sweep(&j, sweep, &s, seconds - (cli_seconds() - start));
    sample_end(&j);
    if (!done) return CLI_FAILED;
    describe(&j, sweep, &s);
    print_sweep(sweep);
    return save_picture(args, sweep) ? CLI_OK : CLI_FAILED;
}

// ---- what if ------------------------------------------------------------------------------------

static bool print_predictions(const tune_sweep *sweep, const replay_trace *trace)
{
    replay_result r;
    cli_text(stdout, trace->path);
    printf(": %zu tiles of %d x %d, in pieces of up to %d, %d worker%s, %.4f s\n\n", trace->count,
           trace->tile, trace->tile, trace->chunk, trace->workers, trace->workers == 1 ? "" : "s",
           trace->seconds);
    printf("  chunks  workers   seconds  efficiency\n");
    for (int c = 0; c < sweep->num_chunks; c++)
        for (int w = 0; w < sweep->num_workers; w++) {
            if (!replay_run(trace, sweep->workers[w], sweep->chunks[c], &r)) return false;
            printf("  %6d %8d %9.4f %9.0f %%\n", sweep->chunks[c], sweep->workers[w], r.seconds,
                   100 * r.efficiency);
        }
    return true;
}

static bool print_comparison(const replay_trace *trace, const replay_trace *measured)
{
    replay_result r;
    if (measured->workers > REPLAY_MAX_WORKERS)
        return cli_error("%s: more than %d workers", measured->path, REPLAY_MAX_WORKERS), false;
    if (!replay_run(trace, measured->workers, measured->chunk, &r)) return false;
    double alone = measured->seconds * measured->share;
    printf("  %6d %8d %9.4f %9.4f %8.0f %% %9.4f %+7.1f %%  ", measured->chunk,
           measured->workers, r.seconds, measured->seconds, 100 * measured->share, alone,
           100 * (r.seconds / alone - 1));
    cli_text(stdout, measured->path);
    putchar('\n');
    return true;
}

static int what_if(const tune_sweep *sweep, const file_list *files)
{
    replay_trace trace, other;
    const char *const *paths = files->paths;
    if (!replay_read(&trace, paths[0])) return CLI_FAILED;
    bool good = print_predictions(sweep, &trace);
    if (good) printf("\n  chunks  workers predicted  measured  processor     alone     error\n");
    good = good && print_comparison(&trace, &trace);
    for (size_t i = 1; i < files->count && good; i++) {
        if (!(good = replay_read(&other, paths[i]))) break;
        good = print_comparison(&trace, &other);
        replay_free(&other);
    }
    replay_free(&trace);
    return good ? CLI_OK : CLI_FAILED;
}

int cmd_tune(int argc, char **argv)
{
    static tune_sweep sweep;   // too large for some stacks
    tune_args args = { .inputs.mosaic = NO_MOSAIC };
    int status = cli_parse(&command, &args, argc, argv, &argc);
    if (status == CLI_GO_ON) status = check(&args, argc);
    if (status == CLI_GO_ON) status = read_lists(&args, &sweep);
    if (status != CLI_GO_ON) return status;

    file_list files;
    const char *expression = argv[0];
    bool with = !args.what_if;          // an expression
    if (with && !inputs_read_expressions(&expression, 1)) return CLI_FAILED;
    if (!file_list_find(&files, argv + with, (size_t)argc - with)) return CLI_FAILED;
    status = with ? measure(&args, &sweep, &files, expression) : what_if(&sweep, &files);
    file_list_free(&files);
    return status;
}
