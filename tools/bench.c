// bench.c - how long gwt takes for one job, next to a program that can do nothing else (floor.c).
//
//     bench [--programs DIR] [--dir DIR] [--workers N] [--pairs N] [--warmup N] [--size N]
//           [--only deflate|lzw|none|chunks] [--json FILE]
//
// The job: a normalised difference of two bands of an 8192 x 8192 x 3 uint16 scene, to float32;
// input and output both deflate, LZW, or not compressed. The programs take turns, so that what
// else the machine does falls on all of them: floor, floor with fsync, gwt; and again. gwt always
// syncs its output before it renames it, so the second ratio compares like with like. A ratio is
// the median of the ratios of neighbours, not the ratio of medians. Short jobs take more turns.
// Then the same job on a Landsat-sized scene, in chunks of 64 to 2048 pixels.
//
// Wall time is that of the whole process; CPU is user + system; memory is the peak resident size.
// Inputs lie in the page cache. Outputs are compared pixel by pixel, once, before the turns.
//
//     cc -std=c11 -O2 -o bench bench.c -ltiff

#define _DEFAULT_SOURCE
#if defined(__APPLE__)
#define _DARWIN_C_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <tiffio.h>
#include <time.h>
#include <unistd.h>

enum { MAX_TURNS = 200, LONGER = 4, PATH = 1024 };

static const double SHORT_SECONDS = 12;  // a workload shorter than this takes up to LONGER x turns

typedef struct settings {
    const char *programs, *dir, *only, *json;
    int workers, pairs, warmup, size;
} settings;

static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void join(char *to, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (vsnprintf(to, PATH, format, args) >= PATH) die("a path is too long");
    va_end(args);
}

// ---- running a program --------------------------------------------------------------------------

typedef struct sample { double wall, cpu, megabytes; } sample;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double timeval_seconds(struct timeval t)
{
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

// Linux counts kilobytes, macOS bytes.
static double megabytes(long maxrss)
{
#if defined(__APPLE__)
    return (double)maxrss / 1e6;
#else
    return (double)maxrss * 1024 / 1e6;
#endif
}

// Run it to its end; any failure ends the bench. A child's peak memory counts from the fork, so
// this process keeps small: it decodes no images itself.
static sample run(const char *const *argv)
{
    fflush(stdout);
    double start = now();
    pid_t child = fork();
    if (child < 0) die("fork: %s", strerror(errno));
    if (child == 0) {
        int nowhere = open("/dev/null", O_RDWR);
        dup2(nowhere, STDIN_FILENO);
        dup2(nowhere, STDOUT_FILENO);
        execv(argv[0], (char *const *)argv);
        fprintf(stderr, "bench: %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    int status;
    struct rusage used;
    if (wait4(child, &status, 0, &used) != child) die("wait4: %s", strerror(errno));
    double wall = now() - start;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) die("%s failed", argv[0]);
    return (sample){ wall, timeval_seconds(used.ru_utime) + timeval_seconds(used.ru_stime),
                     megabytes(used.ru_maxrss) };
}

static sample run_floor(const settings *s, const char *in, const char *out, const char *compress,
                        bool sync)
{
    char program[PATH], workers[16];
    join(program, "%s/floor", s->programs);
    snprintf(workers, sizeof workers, "%d", s->workers);
    const char *argv[] = { program, in, out, compress, workers, sync ? "sync" : NULL, NULL };
    unlink(out);
    return run(argv);
}

// chunks 0: gwt's own choice.
static sample run_gwt(const settings *s, const char *in, const char *out, const char *compress,
                      int chunks)
{
    char program[PATH], workers[16], edge[16];
    join(program, "%s/gwt", s->programs);
    snprintf(workers, sizeof workers, "%d", s->workers);
    snprintf(edge, sizeof edge, "%d", chunks);
    const char *argv[] = { program, "calc", "norm_diff(b2, b3)", in, "-o", out, "--scale", "1e-4",
                           "--nodata", "0", "--dtype", "float32", "--compress", compress,
                           "--block", "256", "-j", workers, "--quiet",
                           chunks ? "--chunks" : NULL, edge, NULL };
    unlink(out);
    return run(argv);
}

// ---- scenes ---------------------------------------------------------------------------------

// Kept from run to run; made again when the program that makes them is newer.
static void need_scene(const settings *s, const char *path, int width, int height,
                       const char *compress)
{
    struct stat scene, maker;
    char program[PATH], part[PATH], w[16], h[16];
    join(program, "%s/make_scene", s->programs);
    join(part, "%s.new", path);
    if (stat(program, &maker) != 0) die("%s: %s", program, strerror(errno));
    if (stat(path, &scene) == 0 && scene.st_mtime >= maker.st_mtime) return;
    printf("making %s\n", path);
    snprintf(w, sizeof w, "%d", width);
    snprintf(h, sizeof h, "%d", height);
    unlink(part);
    const char *argv[] = { program, part, w, h, "3", compress, "256", NULL };
    run(argv);
    if (rename(part, path) != 0) die("%s: %s", path, strerror(errno));
}

// ---- are the outputs the same? ------------------------------------------------------------------

// Number of pixels whose bits differ, or -1: other sizes, or unreadable.
static long long count_different(const char *a, const char *b)
{
    TIFF *ta = TIFFOpen(a, "r"), *tb = TIFFOpen(b, "r");
    uint32_t size[2][4] = { { 0 } };
    if (!ta || !tb) return -1;
    for (int i = 0; i < 2; i++) {
        TIFF *t = i ? tb : ta;
        TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &size[i][0]);
        TIFFGetField(t, TIFFTAG_IMAGELENGTH, &size[i][1]);
        TIFFGetField(t, TIFFTAG_TILEWIDTH, &size[i][2]);
        TIFFGetField(t, TIFFTAG_TILELENGTH, &size[i][3]);
    }
    tmsize_t bytes = TIFFTileSize(ta);
    uint32_t width = size[0][0], height = size[0][1], tw = size[0][2], th = size[0][3];
    if (memcmp(size[0], size[1], sizeof size[0]) != 0 || TIFFTileSize(tb) != bytes ||
        bytes != (tmsize_t)((uint64_t)tw * th * sizeof(float)))
        return -1;
    uint32_t *pa = malloc((size_t)bytes), *pb = malloc((size_t)bytes);
    if (!pa || !pb) return -1;
    long long different = 0;
    for (uint32_t top = 0; top < height; top += th)
        for (uint32_t left = 0; left < width; left += tw) {
            uint32_t tile = TIFFComputeTile(ta, left, top, 0, 0);
            if (TIFFReadEncodedTile(ta, tile, pa, bytes) != bytes ||
                TIFFReadEncodedTile(tb, tile, pb, bytes) != bytes)
                return -1;
            for (uint32_t y = 0; y < th && top + y < height; y++)
                for (uint32_t x = 0; x < tw && left + x < width; x++)
                    different += pa[(size_t)y * tw + x] != pb[(size_t)y * tw + x];
        }
    return different;
}

// In a process of its own, so that this one stays small.
static long long compare(const char *a, const char *b)
{
    int ends[2];
    long long different = -1;
    fflush(stdout);
    if (pipe(ends) != 0) die("pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0) die("fork: %s", strerror(errno));
    if (child == 0) {
        TIFFSetWarningHandler(NULL);
        different = count_different(a, b);
        _exit(write(ends[1], &different, sizeof different) != sizeof different);
    }
    close(ends[1]);
    if (read(ends[0], &different, sizeof different) != sizeof different) different = -1;
    close(ends[0]);
    waitpid(child, NULL, 0);
    return different;
}

// ---- medians ----------------------------------------------------------------------------------

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, int n)
{
    double sorted[MAX_TURNS];
    memcpy(sorted, values, (size_t)n * sizeof *values);
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static sample median_sample(const sample *samples, int n)
{
    double v[3][MAX_TURNS];
    for (int i = 0; i < n; i++) {
        v[0][i] = samples[i].wall;
        v[1][i] = samples[i].cpu;
        v[2][i] = samples[i].megabytes;
    }
    return (sample){ median(v[0], n), median(v[1], n), median(v[2], n) };
}

static double median_ratio(const sample *of, const sample *to, int n)
{
    double ratios[MAX_TURNS];
    for (int i = 0; i < n; i++) ratios[i] = of[i].wall / to[i].wall;
    return median(ratios, n);
}

// Whether there is another turn to take: `turn` are done, since `start`.
static bool go_on(const settings *s, int turn, double start)
{
    if (turn >= MAX_TURNS || turn >= s->pairs * LONGER) return false;
    return turn < s->pairs || now() - start < SHORT_SECONDS;
}

// ---- the job against the floor ------------------------------------------------------------------

typedef struct workload {
    const char *name;          // of the compression, in and out
    int turns;
    sample floor, synced, gwt; // medians
    double ratio, ratio_synced;
    long long different;       // pixels
} workload;

static void measure(const settings *s, workload *w)
{
    char in[PATH], out[PATH], other[PATH];
    join(in, "%s/scene-%d-%s.tif", s->dir, s->size, w->name);
    join(out, "%s/out.tif", s->dir);
    join(other, "%s/other.tif", s->dir);
    need_scene(s, in, s->size, s->size, w->name);

    run_floor(s, in, other, w->name, false);
    run_gwt(s, in, out, w->name, 0);
    w->different = compare(out, other);
    unlink(other);
    for (int i = 1; i < s->warmup; i++) {
        run_floor(s, in, out, w->name, false);
        run_gwt(s, in, out, w->name, 0);
    }

    static sample floors[MAX_TURNS], synced[MAX_TURNS], gwts[MAX_TURNS];
    double start = now();
    int n = 0;
    for (; go_on(s, n, start); n++) {
        floors[n] = run_floor(s, in, out, w->name, false);
        synced[n] = run_floor(s, in, out, w->name, true);
        gwts[n] = run_gwt(s, in, out, w->name, 0);
    }
    unlink(out);
    w->turns = n;
    w->floor = median_sample(floors, n);
    w->synced = median_sample(synced, n);
    w->gwt = median_sample(gwts, n);
    w->ratio = median_ratio(gwts, floors, n);
    w->ratio_synced = median_ratio(gwts, synced, n);
}

static void print_heading(const settings *s)
{
    printf("\nnorm_diff of two bands, %d x %d x 3 uint16 to float32, %d workers; medians\n\n",
           s->size, s->size, s->workers);
    printf("          | floor               | with fsync | gwt                 | gwt / floor     |\n"
           "in, out   | wall s  CPU s    MB |     wall s | wall s  CPU s    MB |  plain   fsync  | "
           "turns  pixels\n");
}

static void print_workload(const workload *w)
{
    printf("%-9s | %6.2f %6.2f %5.0f | %10.2f | %6.2f %6.2f %5.0f | %6.3f  %6.3f  | %5d  ",
           w->name, w->floor.wall, w->floor.cpu, w->floor.megabytes, w->synced.wall, w->gwt.wall,
           w->gwt.cpu, w->gwt.megabytes, w->ratio, w->ratio_synced, w->turns);
    if (w->different == 0) printf("identical\n");
    else if (w->different < 0) printf("NOT COMPARABLE\n");
    else printf("%lld DIFFER\n", w->different);
}

// ---- the job in chunks ------------------------------------------------------------------------

enum { CHUNK_SIZES = 5, PAGE_WIDTH = 2041, PAGE_HEIGHT = 1860 };

typedef struct chunk_sweep {
    int turns;
    int edge[CHUNK_SIZES];
    sample gwt[CHUNK_SIZES];   // medians
    double best;               // the least median wall time
    sample floor;              // synced
} chunk_sweep;

static void measure_chunks(const settings *s, chunk_sweep *c)
{
    char in[PATH], out[PATH];
    join(in, "%s/scene-page-lzw.tif", s->dir);
    join(out, "%s/out.tif", s->dir);
    need_scene(s, in, PAGE_WIDTH, PAGE_HEIGHT, "lzw");
    for (int i = 0; i < s->warmup; i++) run_gwt(s, in, out, "lzw", 0);

    static sample gwts[CHUNK_SIZES][MAX_TURNS], floors[MAX_TURNS];
    double start = now();
    int n = 0;
    for (; go_on(s, n, start); n++) {
        floors[n] = run_floor(s, in, out, "lzw", true);
        for (int i = 0; i < CHUNK_SIZES; i++)
            gwts[i][n] = run_gwt(s, in, out, "lzw", c->edge[i]);
    }
    unlink(out);
    c->turns = n;
    c->floor = median_sample(floors, n);
    for (int i = 0; i < CHUNK_SIZES; i++) {
        c->gwt[i] = median_sample(gwts[i], n);
        if (i == 0 || c->gwt[i].wall < c->best) c->best = c->gwt[i].wall;
    }
}

static void print_chunks(const settings *s, const chunk_sweep *c)
{
    printf("\nthe same, %d x %d, LZW, in chunks; %d workers; medians of %d turns\n\n", PAGE_WIDTH,
           PAGE_HEIGHT, s->workers, c->turns);
    printf("chunks    | wall s  CPU s    MB | of the best\n");
    for (int i = 0; i < CHUNK_SIZES; i++)
        printf("%-9d | %6.3f %6.3f %5.0f | %6.3f\n", c->edge[i], c->gwt[i].wall, c->gwt[i].cpu,
               c->gwt[i].megabytes, c->gwt[i].wall / c->best);
    printf("floor     | %6.3f %6.3f %5.0f | %6.3f\n", c->floor.wall, c->floor.cpu,
           c->floor.megabytes, c->floor.wall / c->best);
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

// ---- JSON -------------------------------------------------------------------------------------

// Text that came from the system: keep what needs no escape.
static void json_text(FILE *to, const char *name, const char *text)
{
    fprintf(to, "\"%s\": \"", name);
    for (; *text; text++)
        if (*text >= ' ' && *text < 127 && *text != '"' && *text != '\\') fputc(*text, to);
    fputc('"', to);
}

static void json_sample(FILE *to, const char *name, const sample *s)
{
    fprintf(to, "\"%s\": {\"wall\": %.4f, \"cpu\": %.4f, \"megabytes\": %.1f}", name, s->wall,
            s->cpu, s->megabytes);
}

static void write_json(const settings *s, const machine *m, const workload *w, int count,
                       const chunk_sweep *c)
{
    FILE *to = fopen(s->json, "w");
    if (!to) die("%s: %s", s->json, strerror(errno));
    fprintf(to, "{");
    json_text(to, "date", m->date);
    fprintf(to, ", ");
    json_text(to, "cpu", m->cpu);
    fprintf(to, ", \"cores\": %ld, \"load\": %.2f, ", m->cores, m->load);
    json_text(to, "libtiff", m->libtiff);
    fprintf(to, ", \"workers\": %d, \"size\": %d,\n \"workloads\": [", s->workers, s->size);
    for (int i = 0; i < count; i++) {
        fprintf(to, "%s\n  {\"name\": \"%s\", \"turns\": %d, ", i ? "," : "", w[i].name, w[i].turns);
        json_sample(to, "floor", &w[i].floor);
        fprintf(to, ", ");
        json_sample(to, "floor_synced", &w[i].synced);
        fprintf(to, ", ");
        json_sample(to, "gwt", &w[i].gwt);
        fprintf(to, ", \"ratio\": %.4f, \"ratio_synced\": %.4f, \"pixels_different\": %lld}",
                w[i].ratio, w[i].ratio_synced, w[i].different);
    }
    fprintf(to, "],\n \"chunks\": [");
    for (int i = 0; i < CHUNK_SIZES && c->turns; i++) {
        fprintf(to, "%s\n  {\"chunks\": %d, \"turns\": %d, ", i ? "," : "", c->edge[i], c->turns);
        json_sample(to, "gwt", &c->gwt[i]);
        fprintf(to, ", \"of_best\": %.4f}", c->gwt[i].wall / c->best);
    }
    fprintf(to, "]}\n");
    if (fclose(to) != 0) die("%s: %s", s->json, strerror(errno));
    printf("\n%s\n", s->json);
}

// ---- command line -----------------------------------------------------------------------------

static void usage(void)
{
    fputs("usage: bench [--programs DIR] [--dir DIR] [--workers N] [--pairs N] [--warmup N]\n"
          "             [--size N] [--only deflate|lzw|none|chunks] [--json FILE]\n", stderr);
    exit(2);
}

static int number(const char *text, int lo, int hi)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*end || end == text || value < lo || value > hi) usage();
    return (int)value;
}

static settings read_command_line(int argc, char **argv)
{
    settings s = { .programs = "build/release", .dir = "build/bench", .only = "", .workers = 2,
                   .pairs = 5, .warmup = 1, .size = 8192 };
    for (int i = 1; i < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (!value) usage();
        if (strcmp(name, "--programs") == 0) s.programs = value;
        else if (strcmp(name, "--dir") == 0) s.dir = value;
        else if (strcmp(name, "--only") == 0) s.only = value;
        else if (strcmp(name, "--json") == 0) s.json = value;
        else if (strcmp(name, "--workers") == 0) s.workers = number(value, 1, 256);
        else if (strcmp(name, "--pairs") == 0) s.pairs = number(value, 1, MAX_TURNS / LONGER);
        else if (strcmp(name, "--warmup") == 0) s.warmup = number(value, 1, 100);
        else if (strcmp(name, "--size") == 0) s.size = number(value, 256, 65536);
        else usage();
    }
    return s;
}

static bool wanted(const settings *s, const char *name)
{
    return !*s->only || strcmp(s->only, name) == 0;
}

int main(int argc, char **argv)
{
    settings s = read_command_line(argc, argv);
    workload workloads[] = { { .name = "deflate" }, { .name = "lzw" }, { .name = "none" } };
    chunk_sweep chunks = { .edge = { 64, 128, 256, 512, 2048 } };
    int count = 0;
    bool same = true;

    machine m = describe_machine();
    if (mkdir(s.dir, 0777) != 0 && errno != EEXIST) die("%s: %s", s.dir, strerror(errno));
    printf("%s, %ld cores; %s; %s\n", m.cpu, m.cores, m.libtiff, m.date);
    if (m.load > 1.0)
        printf("bench: the load is %.1f before it begins: wall times will not mean much\n", m.load);

    for (int i = 0; i < 3; i++) {
        if (!wanted(&s, workloads[i].name)) continue;
        workload *w = &workloads[count];
        *w = workloads[i];
        measure(&s, w);
        if (count++ == 0) print_heading(&s);
        print_workload(w);
        same = same && w->different == 0;
    }
    if (wanted(&s, "chunks")) {
        measure_chunks(&s, &chunks);
        print_chunks(&s, &chunks);
    }
    if (!count && !chunks.turns) usage();
    if (s.json) write_json(&s, &m, workloads, count, &chunks);
    return same ? 0 : 1;
}
