// bench.c - how long gwt takes for some jobs, next to programs that can do nothing else (floor.c).
//
//     bench [--programs DIR] [--dir DIR] [--workers N] [--pairs N] [--warmup N] [--size N]
//           [--only WHAT] [--json FILE] [--peers SCRIPT]
//
//   deflate lzw none zstd   normalised difference of two bands of an 8192 x 8192 x 3 uint16 scene,
//                           to float32; input and output in this compression
//   dates      mean of 12 images of 2048 x 2048, uint16 with missing pixels, deflate
//   moving     mean of the 15 x 15 pixels around each of 4096 x 4096, likewise
//   language   an expression of twenty functions and operators of the three bands of 4096 x 4096,
//              uncompressed: their CPU times are compared too, as little else is done there
//   cog        the deflate job as a cloud-optimised file
//   workers    the deflate job: how much faster are two workers than one?
//   tasks      what an empty task costs
//   chunks     the LZW job on a Landsat-sized scene, in chunks of 32 to 2048 pixels, by 1 to 8
//              workers
//   compute    that job into memory, next to a program that only decodes its tiles
//   profile    the deflate job in chunks of 256 while a profile is taken, while none is, and built
//              without the profiler
//   copied     the deflate job's scene to the same tiles, next to cp and sync
//   reclass    65,536 classes of one band, uint16 and float32, next to four
//   zonal      statistics of 10,000 zones of the deflate job's scene, next to those of all pixels
//   ranks      the deflate job by two MPI ranks of one worker, next to one rank of two (only when
//              asked for: it needs `make mpi`)
//   memory     peak memory of the deflate job with a limit of 256 MB, and of one of 16 times as
//              many pixels (only when asked for: the scene takes 5 GB for a while, and minutes)
//   scale      what jobs cost as they grow: files, windows, halos, expressions (only when asked for;
//              --size below 4096 makes all of them smaller)
//   peers      the deflate job by programs of others (only when asked for; see peers.sh)
//
// The programs take turns, so that what else the machine does falls on all of them: floor, floor
// with fsync, gwt; and again. gwt always syncs its output before it renames it, so the second ratio
// compares like with like. A ratio is the median of the ratios of neighbours, not the ratio of
// medians; that of CPU times is the steadier one where other things run. Short jobs take more
// turns.
//
// Wall time is that of the whole process; CPU is user + system; memory is the peak resident size.
// Inputs lie in the page cache. Outputs are compared pixel by pixel, once, before the turns.
// --size is the edge of the largest scene; dates and moving have a quarter and half of it.
//
// A line "bar" says whether a figure keeps to what gwt sets itself, on an idle machine, with the
// sizes and workers that are the default. Those against the floor are for the one with fsync.
//
//     make build/release/bench, or
//     cc -std=c11 -O2 -o bench bench.c parts.c scale.c measure.c peers.c -ltiff -lm

#define _DEFAULT_SOURCE
#if defined(__APPLE__)
#define _DARWIN_C_SOURCE
#endif

#include "bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <tiffio.h>
#include <time.h>
#include <unistd.h>

// ---- scenes ---------------------------------------------------------------------------------

// Kept from run to run; made again when the program that makes them is newer.
static void need_scene(const settings *s, const char *path, int width, int height, int bands,
                       const char *compress, int date)
{
    struct stat scene, maker;
    char program[PATH], part[PATH], number[4][16];
    const int numbers[4] = { width, height, bands, date };
    join(program, "%s/make_scene", s->programs);
    join(part, "%s.new", path);
    if (stat(program, &maker) != 0) die("%s: %s", program, strerror(errno));
    if (stat(path, &scene) == 0 && scene.st_mtime >= maker.st_mtime) return;
    printf("making %s\n", path);
    for (int i = 0; i < 4; i++) snprintf(number[i], sizeof number[i], "%d", numbers[i]);
    unlink(part);
    const char *argv[] = { program, part, number[0], number[1], number[2], compress, "256",
                           number[3], NULL };
    run(argv);
    if (rename(part, path) != 0) die("%s: %s", path, strerror(errno));
}

job norm_diff_job(const settings *s, int width, int height, const char *compress)
{
    job j = { .floor = "norm_diff", .expression = "norm_diff(b2, b3)", .compress = compress,
              .options = { "--scale", "1e-4", "--nodata", "0" }, .count = 1 };
    join(j.inputs[0], "%s/scene-%dx%d-%s.tif", s->dir, width, height, compress);
    need_scene(s, j.inputs[0], width, height, 3, compress, 0);
    return j;
}

static job dates_job(const settings *s, int edge, const char *compress)
{
    job j = { .floor = "mean", .expression = "mean(a)", .compress = compress,
              .options = { "--stack", "time" }, .count = MAX_IMAGES };
    for (int i = 0; i < j.count; i++) {
        join(j.inputs[i], "%s/date-%d-%d.tif", s->dir, edge, i + 1);
        need_scene(s, j.inputs[i], edge, edge, 1, compress, i + 1);
    }
    return j;
}

static job moving_job(const settings *s, int edge, const char *compress)
{
    job j = { .floor = "moving", .expression = "moving_mean(b1, 15)", .compress = compress,
              .count = 1 };
    join(j.inputs[0], "%s/band-%d.tif", s->dir, edge);
    need_scene(s, j.inputs[0], edge, edge, 1, compress, 1);
    return j;
}

// ---- the programs -----------------------------------------------------------------------------

typedef struct words { const char *list[64]; int n; } words;

static void add_inputs(words *w, const job *j)
{
    for (int i = 0; i < j->count; i++) w->list[w->n++] = j->inputs[i];
}

sample run_floor(const settings *s, const job *j, const char *out, int workers, bool sync)
{
    char program[PATH], threads[16];
    join(program, "%s/floor", s->programs);
    snprintf(threads, sizeof threads, "%d", workers);
    words w = { .list = { program, j->floor, j->compress, threads, sync ? "sync" : "nosync", out },
                .n = 6 };
    add_inputs(&w, j);
    unlink(out);
    return run(w.list);
}

static void add_calc(words *w, const job *j, const char *out, const char *threads)
{
    const char *const calc[] = { "calc", j->expression, "-o", out, "--dtype", "float32",
                                 "--compress", j->compress, "--tile-size", "256", "-j", threads,
                                 "--quiet" };
    for (size_t i = 0; i < sizeof calc / sizeof *calc; i++) w->list[w->n++] = calc[i];
    for (int i = 0; i < JOB_OPTIONS && j->options[i]; i++) w->list[w->n++] = j->options[i];
    add_inputs(w, j);
}

sample run_gwt(const settings *s, const job *j, const char *out, int workers, int chunks)
{
    char program[PATH], threads[16], edge[16];
    join(program, "%s/gwt", s->programs);
    snprintf(threads, sizeof threads, "%d", workers);
    snprintf(edge, sizeof edge, "%d", chunks);
    words w = { .list = { program }, .n = 1 };
    add_calc(&w, j, out, threads);
    if (chunks) w.list[w.n++] = "--chunks", w.list[w.n++] = edge;
    unlink(out);
    return run(w.list);
}

sample run_ranks(const settings *s, const job *j, const char *out, int ranks, int workers)
{
    char program[PATH], count[16], threads[16];
    join(program, "%s/gwt-mpi", s->programs);
    snprintf(count, sizeof count, "%d", ranks);
    snprintf(threads, sizeof threads, "%d", workers);
    words w = { .list = { "/usr/bin/env", "mpirun", "--bind-to", "none", "-n", count, program },
                .n = 7 };
    add_calc(&w, j, out, threads);
    unlink(out);
    return run(w.list);
}

// ---- JSON -------------------------------------------------------------------------------------

// Text that came from the system: keep what needs no escape.
void json_text(FILE *to, const char *name, const char *text)
{
    fprintf(to, "\"%s\": \"", name);
    for (; *text; text++)
        if (*text >= ' ' && *text < 127 && *text != '"' && *text != '\\') fputc(*text, to);
    fputc('"', to);
}

void json_sample(FILE *to, const char *name, const sample *s)
{
    fprintf(to, "\"%s\": {\"wall\": %.4f, \"cpu\": %.4f, \"megabytes\": %.1f}", name, s->wall,
            s->cpu, s->megabytes);
}

// ---- jobs against the floor ---------------------------------------------------------------------

typedef struct workload {
    const char *name, *compress;
    job (*make)(const settings *s, int edge, const char *compress);
    int part;                  // of settings.size is the edge of its images
    double tolerance;          // of a pixel's value
    double bar;                // of ratio_synced; 0: none
    int turns;
    sample floor, synced, gwt; // medians
    double ratio, ratio_synced, ratio_cpu;  // CPU to that of the synced floor
    difference different;
} workload;

// What floor.c has as twenty().
static job language_job(const settings *s, int edge, const char *compress)
{
    job j = norm_diff_job(s, edge, edge, compress);
    j.floor = "language";
    j.expression = "((b1 & 4095) | (b2 ^ b3)) + (b1 << 1) + (b2 >> 3) + b1 % 7 + b2 // 5 + "
        "bit(b1, 3) + bits(b2, 2, 5) + isin(b3 % 4, 1, 2) + floor(b1 / 7) + ceil(b2 / 9) + "
        "round(b3 / 11) + trunc(b1 / 13) + sign(b2 - b3) + sin(b1 / 1000) + log2(b2) + "
        "atan2(b2, b3) + hypot(b1, b3) + lerp(b1, b2, 0.3)";
    j.options[0] = "--nodata", j.options[1] = "0", j.options[2] = "--dst-nodata";
    j.options[3] = "nan";
    return j;
}

static job square_job(const settings *s, int edge, const char *compress)
{
    return norm_diff_job(s, edge, edge, compress);
}

// As norm_diff, with its overviews.
static job cog_job(const settings *s, int edge, const char *compress)
{
    job j = norm_diff_job(s, edge, edge, compress);
    int n = 0;
    while (j.options[n]) n++;
    j.floor = "cog";
    j.options[n] = "--cog";
    return j;
}

// One rounding of float32 may be another; sums of windows may be in another order.
static const workload workloads[] = {
    { .name = "deflate", .compress = "deflate", .make = square_job, .part = 1,
      .bar = 1.05 },
    { .name = "lzw", .compress = "lzw", .make = square_job, .part = 1, .bar = 1.05 },
    { .name = "none", .compress = "none", .make = square_job, .part = 1, .bar = 1.15 },
    { .name = "zstd", .compress = "zstd", .make = square_job, .part = 1 },
    { .name = "dates", .compress = "deflate", .make = dates_job, .part = 4, .tolerance = 1.2e-7,
      .bar = 1.3 },
    { .name = "moving", .compress = "deflate", .make = moving_job, .part = 2, .tolerance = 1e-6,
      .bar = 1.3 },
    { .name = "language", .compress = "none", .make = language_job, .part = 2,
      .tolerance = 1.2e-7, .bar = 1.3 },
    { .name = "cog", .compress = "deflate", .make = cog_job, .part = 1, .bar = 1.10 }
};

enum { WORKLOADS = sizeof workloads / sizeof *workloads };

static void measure(const settings *s, workload *w)
{
    char out[PATH], other[PATH];
    job j = w->make(s, s->size / w->part, w->compress);
    join(out, "%s/out.tif", s->dir);
    join(other, "%s/other.tif", s->dir);

    run_floor(s, &j, other, s->workers, false);
    run_gwt(s, &j, out, s->workers, 0);
    w->different = compare(out, other, w->tolerance);
    unlink(other);
    for (int i = 1; i < s->warmup; i++) {
        run_floor(s, &j, out, s->workers, false);
        run_gwt(s, &j, out, s->workers, 0);
    }

    static sample floors[MAX_TURNS], synced[MAX_TURNS], gwts[MAX_TURNS];
    double start = now();
    int n = 0;
    for (; go_on(s, n, start); n++) {
        floors[n] = run_floor(s, &j, out, s->workers, false);
        synced[n] = run_floor(s, &j, out, s->workers, true);
        gwts[n] = run_gwt(s, &j, out, s->workers, 0);
    }
    unlink(out);
    w->turns = n;
    w->floor = median_sample(floors, n);
    w->synced = median_sample(synced, n);
    w->gwt = median_sample(gwts, n);
    w->ratio = median_ratio(gwts, floors, n);
    w->ratio_synced = median_ratio(gwts, synced, n);
    w->ratio_cpu = median_cpu_ratio(gwts, synced, n);
}

static void print_heading(const settings *s)
{
    printf("\nnorm_diff of %d x %d x 3 uint16 to float32 (deflate, lzw, none, zstd); mean of %d\n"
           "dates of %d x %d; moving mean of 15 x 15, language of %d x %d; %d workers; medians\n\n",
           s->size, s->size, MAX_IMAGES, s->size / 4, s->size / 4, s->size / 2, s->size / 2,
           s->workers);
    printf("          | floor               | with fsync | gwt                 | "
           "gwt / floor         |\n"
           "job       | wall s  CPU s    MB |     wall s | wall s  CPU s    MB | "
           "plain  fsync    CPU | turns  pixels\n");
}

static void print_workload(const workload *w)
{
    printf("%-9s | %6.2f %6.2f %5.0f | %10.2f | %6.2f %6.2f %5.0f | %5.3f  %5.3f  %5.3f | %5d  ",
           w->name, w->floor.wall, w->floor.cpu, w->floor.megabytes, w->synced.wall, w->gwt.wall,
           w->gwt.cpu, w->gwt.megabytes, w->ratio, w->ratio_synced, w->ratio_cpu,
           w->turns);
    if (w->different.bits == 0) printf("identical\n");
    else if (w->different.bits < 0) printf("NOT COMPARABLE\n");
    else if (w->different.values == 0) printf("within %g\n", w->tolerance);
    else printf("%lld DIFFER\n", (long long)w->different.values);
}

static void write_workload(FILE *to, const workload *w, bool first)
{
    fprintf(to, "%s\n  {\"name\": \"%s\", \"turns\": %d, ", first ? "" : ",", w->name, w->turns);
    json_sample(to, "floor", &w->floor);
    fprintf(to, ", ");
    json_sample(to, "floor_synced", &w->synced);
    fprintf(to, ", ");
    json_sample(to, "gwt", &w->gwt);
    fprintf(to, ", \"ratio\": %.4f, \"ratio_synced\": %.4f, \"ratio_cpu\": %.4f, "
            "\"bits_different\": %lld, \"pixels_different\": %lld}", w->ratio, w->ratio_synced,
            w->ratio_cpu, (long long)w->different.bits, (long long)w->different.values);
}

static bool wanted(const settings *s, const char *name)
{
    return !*s->only || strcmp(s->only, name) == 0;
}

static bool measure_workloads(const settings *s)
{
    bool same = true;
    int count = 0;
    if (s->json) fprintf(s->json, ",\n \"workloads\": [");
    for (int i = 0; i < WORKLOADS; i++) {
        workload w = workloads[i];
        if (!wanted(s, w.name)) continue;
        if (strcmp(w.name, "zstd") == 0 && !TIFFIsCODECConfigured(COMPRESSION_ZSTD)) {
            printf("zstd      | this libtiff has none\n");
            continue;
        }
        measure(s, &w);
        if (!count) print_heading(s);
        print_workload(&w);
        if (w.bar > 0) bar_at_most(w.bar, w.ratio_synced, "%s: gwt / floor with fsync", w.name);
        if (w.make == language_job) bar_at_most(w.bar, w.ratio_cpu, "%s: their CPU", w.name);
        if (s->json) write_workload(s->json, &w, !count);
        same = same && w.different.values == 0;
        count++;
    }
    if (s->json) fprintf(s->json, "]");
    bars_print();
    return same;
}

// ---- the machine ------------------------------------------------------------------------------

typedef struct machine {
    char cpu[128], libtiff[64], date[32];
    long cores;
    double load;               // processes that ran in the last minute, or -1
} machine;

static void cut_line(char *text)
{
    text[strcspn(text, "\r\n")] = '\0';
}

static machine describe_machine(void)
{
    machine m = { .cpu = "unknown processor", .cores = sysconf(_SC_NPROCESSORS_ONLN) };
    if (getloadavg(&m.load, 1) != 1) m.load = -1;
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (f && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        cut_line(line);
        snprintf(m.cpu, sizeof m.cpu, "%.100s", colon + 2);
        break;
    }
    if (f) fclose(f);
    snprintf(m.libtiff, sizeof m.libtiff, "%.60s", TIFFGetVersion());
    cut_line(m.libtiff);
    time_t seconds = time(NULL);
    strftime(m.date, sizeof m.date, "%Y-%m-%dT%H:%M:%SZ", gmtime(&seconds));
    return m;
}

static void print_machine(const settings *s)
{
    machine m = describe_machine();
    printf("%s, %ld cores; %s; %s\n", m.cpu, m.cores, m.libtiff, m.date);
    if (m.load > 1.0)
        printf("bench: the load is %.1f before it begins: wall times will not mean much\n", m.load);
    if (!s->json) return;
    fprintf(s->json, "{");
    json_text(s->json, "date", m.date);
    fprintf(s->json, ", ");
    json_text(s->json, "cpu", m.cpu);
    fprintf(s->json, ", \"cores\": %ld, \"load\": %.2f, ", m.cores, m.load);
    json_text(s->json, "libtiff", m.libtiff);
    fprintf(s->json, ", \"workers\": %d, \"size\": %d", s->workers, s->size);
}

// ---- command line -----------------------------------------------------------------------------

static void usage(void)
{
    fputs("usage: bench [--programs DIR] [--dir DIR] [--workers N] [--pairs N] [--warmup N]\n"
          "             [--size N] [--only WHAT] [--json FILE] [--peers SCRIPT]\n"
          "WHAT: deflate lzw none zstd dates moving language cog workers tasks chunks compute\n"
          "      profile zonal copied reclass; ranks memory scale peers\n", stderr);
    exit(2);
}

static int number(const char *text, int lo, int hi)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*end || end == text || value < lo || value > hi) usage();
    return (int)value;
}

// Those that are `asked` for run only then. Each says whether the outputs were the same.
static const struct { const char *name; bool (*measure)(const settings *); bool asked; } parts[] = {
    { "workers", measure_workers, false }, { "tasks", measure_tasks, false },
    { "chunks", measure_chunks, false }, { "compute", measure_compute, false },
    { "profile", measure_profile, false }, { "zonal", measure_zonal, false },
    { "copied", measure_copied, false }, { "reclass", measure_reclass, false },
    { "ranks", measure_ranks, true }, { "memory", measure_memory, true },
    { "scale", measure_scale, true }, { "peers", measure_peers, true }
};

enum { PARTS = sizeof parts / sizeof *parts };

static bool known(const char *name)
{
    bool found = !*name;
    for (int i = 0; i < WORKLOADS; i++) found = found || strcmp(name, workloads[i].name) == 0;
    for (int i = 0; i < PARTS; i++) found = found || strcmp(name, parts[i].name) == 0;
    return found;
}

static settings read_command_line(int argc, char **argv)
{
    settings s = { .programs = "build/release", .dir = "build/bench", .only = "",
                   .peers = "tools/bench/peers.sh", .workers = 2, .pairs = 5, .warmup = 1,
                   .size = 8192 };
    for (int i = 1; i < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (!value) usage();
        if (strcmp(name, "--programs") == 0) s.programs = value;
        else if (strcmp(name, "--dir") == 0) s.dir = value;
        else if (strcmp(name, "--only") == 0) s.only = value;
        else if (strcmp(name, "--json") == 0) s.json_path = value;
        else if (strcmp(name, "--peers") == 0) s.peers = value;
        else if (strcmp(name, "--workers") == 0) s.workers = number(value, 1, 256);
        else if (strcmp(name, "--pairs") == 0) s.pairs = number(value, 1, MAX_TURNS / LONGER);
        else if (strcmp(name, "--warmup") == 0) s.warmup = number(value, 1, 100);
        else if (strcmp(name, "--size") == 0) s.size = number(value, 256, 65536);
        else usage();
    }
    if (!known(s.only)) usage();
    return s;
}

int main(int argc, char **argv)
{
    settings s = read_command_line(argc, argv);
    char part[PATH];
    if (mkdir(s.dir, 0777) != 0 && errno != EEXIST) die("%s: %s", s.dir, strerror(errno));
    if (s.json_path) {
        join(part, "%s.part", s.json_path);
        unlink(part);          // a link at that name is not followed
        s.json = fopen(part, "wx");
        if (!s.json) die("%s: %s", part, strerror(errno));
    }
    print_machine(&s);
    bool same = measure_workloads(&s);
    for (int i = 0; i < PARTS; i++)
        if (parts[i].asked ? strcmp(s.only, parts[i].name) == 0 : wanted(&s, parts[i].name))
            same = parts[i].measure(&s) && same;
    bars_count(&s);
    if (s.json) {
        fprintf(s.json, "}\n");
        if (fclose(s.json) != 0 || rename(part, s.json_path) != 0)
            die("%s: %s", s.json_path, strerror(errno));
        printf("\n%s\n", s.json_path);
    }
    return same ? 0 : 1;
}
