// plan.c - gwt plan: what gwt calc would do, before it does it; and how long that may take, from a
// probe: a part of it, done.
//
// What is read and decoded is taken to grow with the tiles of the inputs that are needed, computing
// with what the plans of both say of their effort, all else with the area. Work is taken to be
// shared out evenly among as many workers as there are processors, and writing to be done by one at
// a time. The sync at the end of a save is not in it.

#define _XOPEN_SOURCE 700

#include "cli.h"
#include "inputs.h"
#include "outputs.h"
#include "sample.h"

#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

enum { STAGES = GWT_STAGE_SCHEDULE + 1 };

// Seconds of a probe to judge by, and those that all of them should take; those of CPU after which
// they are given up, when the smallest one took longer than anybody could know.
static const double LONG_ENOUGH = 0.1, TOO_LONG = 1;
enum { GIVE_UP = 2 };

typedef struct plan_args {
    input_options inputs;
    int workers;
    size_t memory;
    bool no_probe;
    int dtype, interleave;     // gwt_dtype, gwt_interleave
    gwt_save_options save;     // of the output
} plan_args;

// A part of the work, done by one worker.
typedef struct probe {
    double seconds[STAGES];    // waits left out
    double all;                // their sum
    double input_tiles;        // that it decoded
    double effort;             // as its plan says; 0: its computing grows with the area
    const gwt_save_options *save;
} probe;

#define HEADING(text) { .name = text, .kind = CLI_HEADING }
#define TO(field) offsetof(plan_args, field)

static const cli_option options[] = {
#include "input_options.h"

    HEADING("output, as in gwt calc"),
    { 0, "dtype", CLI_CHOICE, TO(dtype), "T", "type of the output", 0, 0, input_dtypes },
    { 0, "compress", CLI_TEXT, TO(save.compress), "C",
      "compression of the output, which takes time too", 0, 0, NULL },
    { 0, "level", CLI_INT, TO(save.level), "N", "of compression", 1, 22, NULL },
    { 0, "predictor", CLI_INT, TO(save.predictor), "N",
      "1 none, 2 differences, 3 floating point", 1, 3, NULL },
    { 0, "tile-size", CLI_INT, TO(save.tile_size), "N", "edge of a tile of the output", 16, 16384,
      NULL },
    { 0, "interleave", CLI_CHOICE, TO(interleave), "I", "of several bands: pixel or band", 0, 0,
      output_interleaves },
    { 0, "cog", CLI_FLAG, TO(save.cog), NULL, "a cloud-optimised GeoTIFF", 0, 0, NULL },
    { 0, "overviews", CLI_TEXT, TO(save.overviews), "LIST", "auto, none, or factors: 2,4,8", 0, 0,
      NULL },
    { 0, "mask", CLI_FLAG, TO(save.mask), NULL, "which pixels are missing as a mask", 0, 0, NULL },

    HEADING("prediction"),
    { 0, "no-probe", CLI_FLAG, TO(no_probe), NULL, "read no pixels, predict no times", 0, 0, NULL },

    HEADING("run"),
    CLI_WORKERS(TO(workers)),
    CLI_MEMORY(TO(memory)),
    CLI_CHUNKS(TO(inputs.chunks)),
    CLI_END
};

static const cli_command command = {
    .name = "gwt plan",
    .synopsis = "EXPR FILE... [options]",
    .summary = "Print what gwt calc would do: programs, pieces, tiles to decode or copy, memory;\n"
               "and how long that may take.",
    .details =
        "EXPR is as in gwt calc. The times are a prediction, from a probe: a window in the middle\n"
        "of the image, computed by one worker into a file that is thrown away, as large as takes\n"
        "about a second at most, in CPU time. Other parts of the image may have more, or less, to do, and\n"
        "files that are not in the system's cache take longer to read.\n"
        "With --no-probe nothing is read but the directories of the files.\n"
        "\n"
        "  gwt plan 'norm_diff(red, nir)' scene.tif --sensor l8 --chunks 512 --compress lzw\n",
    .options = options, .min_arguments = 2, .max_arguments = 1 << 20,
    .wanted = "an expression and at least one file"
};

// ---- the probe ----------------------------------------------------------------------------------

static bool is_wait(gwt_stage stage)
{
    return stage >= GWT_STAGE_WAIT_TILE && stage <= GWT_STAGE_WAIT_LOCK;
}

static void note_probe(void *to, gwt_array *a, const gwt_profile *profile)
{
    probe *p = to;
    gwt_plan plan;
    *p = (probe){ .save = p->save };
    if (gwt_plan_of_save(a, p->save, &plan)) {
        p->input_tiles = (double)plan.source_tiles * plan.decodes;
        p->effort = plan.effort;
    }
    for (size_t i = 0; i < profile->num_events; i++) {
        const gwt_event *e = &profile->events[i];
        if (is_wait(e->stage)) continue;
        p->seconds[e->stage] += e->end - e->start;
        p->all += e->end - e->start;
    }
}

static gwt *_Atomic probing;

static void on_alarm(int signal)
{
    (void)signal;
    gwt_cancel(atomic_load(&probing));
}

// Cancels what the session does after so many seconds of CPU; 0 never.
static void stop_after(gwt *g, int seconds)
{
    struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
    sigemptyset(&action.sa_mask);
    atomic_store(&probing, g);
    sigaction(SIGPROF, &action, NULL);
    setitimer(ITIMER_PROF, &(struct itimerval){ .it_value.tv_sec = seconds }, NULL);
}

enum { PROBE_SMALLEST = 16 };

// So many pixels; where tiles of files are larger than that, of a corner of one.
static sample probe_of(const sample_job *j, double pixels)
{
    sample s = sample_of(j, pixels);
    int64_t edge = pixels < SAMPLE_SMALLEST * SAMPLE_SMALLEST ? (int64_t)sqrt(pixels) : INT64_MAX;
    if (s.rows > edge) s.rows = edge;
    if (s.cols > edge) s.cols = edge;
    return s;
}

// With what it took by the clock, less where the processor did something else meanwhile: but for
// reading and writing that is what it took of CPU.
static bool run_once(const sample_job *j, const sample *s, probe *p)
{
    clock_t before = clock();
    if (!sample_run(j, s, 0, 1, note_probe, p)) return false;
    double cpu = (double)(clock() - before) / CLOCKS_PER_SEC;
    double all = p->all - p->seconds[GWT_STAGE_READ] - p->seconds[GWT_STAGE_WRITE];
    for (int i = 0; i < STAGES && cpu < all; i++)
        if (i != GWT_STAGE_READ && i != GWT_STAGE_WRITE) p->seconds[i] *= cpu / all;
    if (cpu < all) p->all += cpu - all;
    return true;
}

// What a window of four times as many pixels takes, if beside those only the margin counts, which
// stays the same; `before` is that of a quarter of them, 0 if there was none.
static double four_times(double before, double took)
{
    return before > 0 ? fmax(took + 4 * (took - before), took) : took;
}

// A window smaller than a piece takes more for a pixel, for its margins: the computing is taken on
// to the size of one.
static void grow(probe *p, sample *s, double before)
{
    double took = p->seconds[GWT_STAGE_COMPUTE];
    if (before <= 0) return;
    for (; s->rows < SAMPLE_ALIGN && s->cols < SAMPLE_ALIGN; s->rows *= 2, s->cols *= 2) {
        double next = four_times(before, took);
        before = took;
        took = next;
        p->effort = 0;
    }
    p->seconds[GWT_STAGE_COMPUTE] = took;
}

// One more run, where there is time for it: the faster of two counts, as the first may have waited
// for a disk.
static bool run_again(const sample_job *j, const sample *s, double spent, probe *p)
{
    probe again = { .save = p->save };
    if (spent + p->all > TOO_LONG) return true;
    if (!run_once(j, s, &again)) return false;
    if (again.all < p->all) *p = again;
    return true;
}

// Whether a run failed for no other reason than that it took too long.
static bool gave_up(const sample_job *j)
{
    if (cli_interrupted() || gwt_status(j->g) != GWT_E_CANCELLED) return false;
    gwt_clear(j->g);
    return true;
}

// Larger and larger windows, until one takes long enough and has all of a piece of the plan (what a
// pixel takes depends on how much of a piece stays in the processor's cache), or the next would
// take too long. A small one does not end it else, and only its computing counts: all else is that
// of a tile, however small. `before`: computing of the last but one; p->all stays 0 when the
// smallest one was given up.
static bool run_probe(const sample_job *j, const gwt_plan *plan, probe *p, sample *s,
                      double *before)
{
    double spent = 0, took = 0, piece = (double)plan->piece[0] * (double)plan->piece[1];
    bool small = true;
    for (double pixels = PROBE_SMALLEST * PROBE_SMALLEST;; pixels *= 4) {
        sample next = probe_of(j, pixels);
        probe now = { .save = &j->save };
        if (!run_once(j, &next, &now)) {
            if (!gave_up(j)) return false;
            break;
        }
        *p = now;
        *s = next;
        *before = took;
        small = pixels < SAMPLE_SMALLEST * SAMPLE_SMALLEST;
        took = small ? now.seconds[GWT_STAGE_COMPUTE] : now.all;
        spent += took;
        bool whole = s->rows == j->height && s->cols == j->width;
        if (whole || spent + four_times(*before, took) > TOO_LONG) break;
        if (!small && took >= LONG_ENOUGH && sample_pixels(s) >= piece) break;
    }
    return small || run_again(j, s, spent, p) || gave_up(j);
}

// ---- the prediction -----------------------------------------------------------------------------

// From the probe to all of it.
static void scale(probe *p, const gwt_plan *plan, double area)
{
    double all = (double)plan->source_tiles * plan->decodes;
    double tiles = p->input_tiles > 0 ? all / p->input_tiles : area;
    double effort = p->effort > 0 ? plan->effort / p->effort : area;
    p->all = 0;
    for (int s = 0; s < STAGES; s++) {
        p->seconds[s] *= s == GWT_STAGE_READ || s == GWT_STAGE_DECODE ? tiles
                       : s == GWT_STAGE_COMPUTE                       ? effort : area;
        p->all += p->seconds[s];
    }
}

static int64_t tiles_of(int64_t rows, int64_t cols)
{
    return ((rows + SAMPLE_ALIGN - 1) / SAMPLE_ALIGN) * ((cols + SAMPLE_ALIGN - 1) / SAMPLE_ALIGN);
}

static void print_probe(const sample_job *j, const sample *s, double took)
{
    printf("\nprediction, from a probe of %lld of %lld tiles, %.3f s by one worker:\n",
           (long long)tiles_of(s->rows, s->cols), (long long)tiles_of(j->height, j->width), took);
}

static void print_prediction(const probe *p, int workers)
{
    int processors = cli_processors();
    double busy = fmin(workers, processors);
    for (int s = 0; s < STAGES; s++)
        if (p->seconds[s] > 0)
            printf("  %-9s %9.3f s\n", gwt_stage_name((gwt_stage)s), p->seconds[s]);
    printf("  %-9s %9.3f s of CPU, reading and writing included\n", "all", p->all);
    printf("  %-9s %9.3f s with %d worker%s", "wall", fmax(p->all / busy,
           p->seconds[GWT_STAGE_WRITE]), workers, workers == 1 ? "" : "s");
    if (busy < workers) printf(" on %d processor%s", processors, processors == 1 ? "" : "s");
    putchar('\n');
}

static bool predict(const plan_args *args, file_list *files, const char *expression,
                    const gwt_plan *plan)
{
    probe p = { .all = 0 };
    double before = 0;
    sample s;
    sample_job j = { .inputs = &args->inputs, .files = files, .expression = expression,
                     .memory = args->memory, .save = args->save };
    if (!sample_begin(&j)) return false;
    stop_after(j.g, GIVE_UP);
    bool done = run_probe(&j, plan, &p, &s, &before);
    stop_after(NULL, 0);
    sample_end(&j);
    if (!done) return false;
    if (p.all <= 0) {
        printf("\nno prediction: %d x %d pixels take longer than %d s\n", PROBE_SMALLEST,
               PROBE_SMALLEST, GIVE_UP);
        return true;
    }
    print_probe(&j, &s, p.all);
    grow(&p, &s, before);
    scale(&p, plan, (double)j.height * (double)j.width / sample_pixels(&s));
    print_prediction(&p, plan->num_workers);
    return true;
}

static int run(const plan_args *args, file_list *files, const char *expression)
{
    size_t count;
    gwt_plan plan;
    bool planned = false;
    gwt *g = cli_begin(args->workers, args->inputs.sensor, args->memory);
    if (!g) return CLI_FAILED;
    gwt_array **arrays = inputs_open(g, files, &args->inputs, &count);
    if (arrays) {
        gwt_array *result;
        inputs_calc(g, files, &args->inputs, arrays, count, &expression, 1, &result);
        planned = gwt_status(g) == GWT_OK && gwt_print_plan_of_save(result, &args->save, stdout) &&
                  gwt_plan_of_save(result, &args->save, &plan);
    }
    free(arrays);
    bool alone = gwt_num_ranks(g) == 1;     // a probe has one worker, not one on each rank
    int status = cli_end(g);
    if (status != CLI_OK || !planned || args->no_probe || !alone) return status;
    return predict(args, files, expression, &plan) ? CLI_OK : CLI_FAILED;
}

int cmd_plan(int argc, char **argv)
{
    plan_args args = { .inputs.mosaic = NO_MOSAIC };
    int status = cli_parse(&command, &args, argc, argv, &argc);
    if (status == CLI_GO_ON) status = inputs_check(&command, &args.inputs);
    if (status != CLI_GO_ON) return status;
    args.save.dtype = (gwt_dtype)args.dtype;
    args.save.interleave = (gwt_interleave)args.interleave;

    file_list files;
    const char *expression = argv[0];
    if (!inputs_read_expressions(&expression, 1)) return CLI_FAILED;
    if (!file_list_find(&files, argv + 1, (size_t)argc - 1)) return CLI_FAILED;
    status = run(&args, &files, expression);
    file_list_free(&files);
    return status;
}
