// scale.c - bench --only scale: what a job costs as it grows, on every axis on which version 0.1
// had a cliff: from there on the cost grew faster than the work.
//
// A row says by how much: mostly as CPU time for each unit of work of the large job, next to that
// of the small one, so 1 is a cost that grows with the work. What version 0.1 took stands beside
// it. Every job runs under a limit of memory, or under the default of 1 GB, that its peak may not
// exceed by more than what a process has anyway.
//
// With --size below 4096 all is smaller, for checks that have no time: the growth is the same.

#define _DEFAULT_SOURCE
#if defined(__APPLE__)
#define _DARWIN_C_SOURCE
#endif

#include "bench.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <tiffio.h>
#include <unistd.h>

// OWN: megabytes of a process that does nothing.
enum { WORDS = 40, LIMIT = 1024, REFUSED = 1000000, OWN = 24 };

typedef struct scale {
    const settings *s;
    bool small;
    double peak;               // of its limit: the most memory that a job of the row took
    bool over;                 // some job took more
    double refused_as;         // CPU time of a job that fails; 0: the bench ends
} scale;

// ---- jobs ---------------------------------------------------------------------------------------

// gwt with these words, the last NULL. Its limit of memory is `limit` megabytes, which are
// asserted; 0: the default.
static sample gwt_run(scale *x, int limit, const char *first, ...)
{
    char program[PATH], megabytes[16];
    const char *argv[WORDS] = { program, first };
    int n = 2;
    va_list args;
    join(program, "%s/gwt", x->s->programs);
    va_start(args, first);
    while (n < WORDS - 4 && (argv[n] = va_arg(args, const char *)) != NULL) n++;
    va_end(args);
    snprintf(megabytes, sizeof megabytes, "%dM", limit);
    if (limit) argv[n++] = "--memory", argv[n++] = megabytes;
    sample used = { 0 };
    int status = x->refused_as > 0 ? run_program(argv, NULL, 0, &used) : (used = run(argv), 0);
    if (status) used.cpu = x->refused_as;
    int most = (limit ? limit : LIMIT) + OWN;
    x->peak = used.megabytes > x->peak ? used.megabytes : x->peak;
    x->over |= used.megabytes > most;
    return used;
}

// `gwt calc EXPRESSION INPUT` by one worker: its CPU time.
static double calc(scale *x, int limit, const char *expression, const char *input)
{
    char out[PATH];
    join(out, "%s/scale-out.tif", x->s->dir);
    unlink(out);
    sample used = gwt_run(x, limit, "calc", expression, input, "-o", out, "-q", "-j", "1",
                          "--compress", "none", "--dtype", "float32", "--dst-nodata", "nan", NULL);
    unlink(out);
    return used.cpu;
}

// A scene of one band, made once, in `type`, which is uint16 as made.
static void need(scale *x, char path[PATH], int edge, const char *type, const char *expression)
{
    char scene[PATH], program[PATH], number[16];
    join(scene, "%s/scale-%d.tif", x->s->dir, edge);
    join(program, "%s/make_scene", x->s->programs);
    snprintf(number, sizeof number, "%d", edge);
    if (access(scene, R_OK)) {
        const char *argv[] = { program, scene, number, number, "1", "deflate", "256", "1", NULL };
        run(argv);
    }
    join(path, "%s", scene);
    if (!type) return;
    join(path, "%s/scale-%d-%s.tif", x->s->dir, edge, type);
    if (access(path, R_OK))
        gwt_run(x, 0, "calc", expression, scene, "-o", path, "-q", "--dtype", type,
                "--dst-nodata", strcmp(type, "float32") ? "0" : "nan", NULL);
}

// ---- many files ---------------------------------------------------------------------------------

enum { PIXEL_SCALE = 33550, TIE_POINT = 33922 };

static void know_tags(TIFF *tif)
{
    static const TIFFFieldInfo tags[] = {
        { PIXEL_SCALE, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, (char *)"ModelPixelScaleTag" },
        { TIE_POINT, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, (char *)"ModelTiepointTag" }
    };
    TIFFMergeFieldInfo(tif, tags, 2);
}

// A tile of a mosaic that is `across` tiles wide; 0: all lie at its origin. edge x edge of uint8,
// deflate, one strip.
static void write_tile(const char *path, int i, int across, int edge)
{
    static unsigned char pixels[512 * 512];
    double cell[3] = { 10, 10, 0 };
    int row = across ? i / across : 0, col = across ? i % across : 0;
    double tie[6] = { 0, 0, 0, col * edge * 10.0, -row * edge * 10.0, 0 };
    for (int k = 0; k < edge * edge; k++) pixels[k] = (unsigned char)(1 + (i + k / 64) % 250);
    TIFF *tif = TIFFOpen(path, "w");
    if (!tif) die("%s: can't be written", path);
    TIFFSetField(tif, TIFFTAG_IMAGEWIDTH, edge);
    TIFFSetField(tif, TIFFTAG_IMAGELENGTH, edge);
    TIFFSetField(tif, TIFFTAG_BITSPERSAMPLE, 8);
    TIFFSetField(tif, TIFFTAG_SAMPLESPERPIXEL, 1);
    TIFFSetField(tif, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(tif, TIFFTAG_ROWSPERSTRIP, edge);
    TIFFSetField(tif, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE);
    TIFFSetField(tif, PIXEL_SCALE, 3, cell);
    TIFFSetField(tif, TIE_POINT, 6, tie);
    if (TIFFWriteEncodedStrip(tif, 0, pixels, edge * edge) < 0) die("%s: can't be written", path);
    TIFFClose(tif);
}

// n of them in a folder, as a pattern; `apart` side by side, else one above the other: dates.
static void need_tiles(scale *x, char pattern[PATH], int n, int edge, bool apart)
{
    char folder[PATH], path[PATH];
    int across = 1;
    while (across * across < n) across++;
    join(folder, "%s/scale-tiles-%d-%d", x->s->dir, n, edge);
    join(pattern, "%s/*.tif", folder);
    join(path, "%s/%05d.tif", folder, n - 1);
    if (access(path, R_OK) == 0) return;
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) die("%s: %s", folder, strerror(errno));
    TIFFSetTagExtender(know_tags);
    for (int i = 0; i < n; i++) {
        join(path, "%s/%05d.tif", folder, i);
        write_tile(path, i, apart ? across : 0, edge);
    }
}

// At another resolution: `res`, or NULL.
static double mosaic(scale *x, const char *pattern, const char *res)
{
    char out[PATH];
    join(out, "%s/scale-out.tif", x->s->dir);
    unlink(out);
    sample used = gwt_run(x, 0, "calc", "a", pattern, "-o", out, "-q", "-j", "1", "--mosaic",
                          "first", "--bounds-by", "union", "--nodata", "0",
                          res ? "--res" : NULL, res, NULL);
    unlink(out);
    return used.cpu;
}

// CPU time for each file.
static double files_grow(scale *x, int edge, int few, int many, const char *res)
{
    char pattern[2][PATH];
    need_tiles(x, pattern[0], few, edge, true);
    need_tiles(x, pattern[1], many, edge, true);
    return mosaic(x, pattern[1], res) / many / (mosaic(x, pattern[0], res) / few);
}

static double row_files(scale *x)
{
    return x->small ? files_grow(x, 64, 250, 2000, NULL) : files_grow(x, 256, 1000, 20000, NULL);
}

static double row_small_files(scale *x)
{
    return x->small ? files_grow(x, 16, 250, 2000, NULL) : files_grow(x, 64, 1000, 16000, NULL);
}

static double row_resampled(scale *x)
{
    return x->small ? files_grow(x, 64, 250, 1000, "17") : files_grow(x, 64, 1000, 16000, "17");
}

static double row_plan_files(scale *x)
{
    char pattern[PATH];
    int n = x->small ? 2000 : 20000;
    need_tiles(x, pattern, n, x->small ? 64 : 256, true);
    return gwt_run(x, 0, "plan", "a", pattern, "--mosaic", "first", "--bounds-by", "union",
                   "--nodata", "0", "--no-probe", NULL).cpu * 20000 / n;
}

// The same with fewer descriptors than files.
static double row_open_files(scale *x)
{
    char pattern[PATH];
    struct rlimit before, few;
    int n = x->small ? 400 : 20000;
    need_tiles(x, pattern, n, x->small ? 64 : 256, true);
    double free = mosaic(x, pattern, NULL);
    if (getrlimit(RLIMIT_NOFILE, &before)) die("getrlimit: %s", strerror(errno));
    few = before;
    few.rlim_cur = few.rlim_max = 256;
    if (before.rlim_max != RLIM_INFINITY && before.rlim_max < 256) few = before;
    few.rlim_max = before.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &few)) die("setrlimit: %s", strerror(errno));
    double bound = mosaic(x, pattern, NULL);
    if (setrlimit(RLIMIT_NOFILE, &before)) die("setrlimit: %s", strerror(errno));
    return bound / free;
}

// ---- windows ------------------------------------------------------------------------------------

// Cost of a window of twice the edge, for each pixel.
static double windows_grow(scale *x, const char *type, const char *scaled)
{
    char path[PATH], narrow[64], wide[64];
    int w = x->small ? 31 : 51, edge = x->small ? 500 : 2000;
    need(x, path, edge, type, scaled);
    snprintf(narrow, sizeof narrow, "moving_median(b1, %d)", w);
    snprintf(wide, sizeof wide, "moving_median(b1, %d)", 2 * w - 1);
    double before = calc(x, 0, narrow, path);
    return calc(x, 0, wide, path) / before;
}

static double row_median_8(scale *x) { return windows_grow(x, "uint8", "b1 / 256"); }
static double row_median_16(scale *x) { return windows_grow(x, NULL, NULL); }
static double row_median_float(scale *x) { return windows_grow(x, "float32", "b1 * 0.37"); }

// Of 2000 x 2000 pixels; those that are small by their number.
static double median_seconds(scale *x, const char *type, const char *scaled)
{
    char path[PATH];
    int edge = x->small ? 500 : 2000;
    need(x, path, edge, type, scaled);
    return calc(x, 0, "moving_median(b1, 51)", path) * (2000 / edge) * (2000 / edge);
}

static double row_seconds_16(scale *x) { return median_seconds(x, NULL, NULL); }
static double row_seconds_float(scale *x) { return median_seconds(x, "float32", "b1 * 0.37"); }

// A window as large as the image under a limit.
static double row_halo(scale *x)
{
    char path[PATH];
    int edge = x->small ? 1000 : 2000;
    const char *wide = x->small ? "moving_mean(b1, 511)" : "moving_mean(b1, 1023)";
    need(x, path, edge, NULL, NULL);
    return calc(x, x->small ? 32 : 96, wide, path) / calc(x, 0, wide, path);
}

// Seconds of CPU that gwt plan predicts for what calc does.
static double predicted(scale *x, const char *megabytes, const char *expression, const char *input)
{
    char said[64] = "";
    sample used;
    const char *plan = "\"$1/gwt\" plan \"$3\" \"$4\" -j 1 --memory \"$2\" --compress none "
                       "--dtype float32 | awk '$1 == \"all\" { print $2 }'";
    const char *argv[] = { "/bin/sh", "-c", plan, "sh", x->s->programs, megabytes, expression,
                           input, NULL };
    if (run_program(argv, said, sizeof said, &used) != 0 || !(atof(said) > 0))
        die("gwt plan predicts nothing of %s in %s", expression, megabytes);
    return atof(said);
}

// The same window under one limit after the other, 1 GB the first: by how much a prediction is off
// where it is off most. Of each the fastest of three turns counts. A smaller image would take no
// longer than a process takes to start and to plan, which is not predicted.
static double row_halo_plan(scale *x)
{
    static const int limits[] = { LIMIT, 128, 96, 64 };
    char path[PATH], megabytes[16];
    const char *wide = "moving_mean(b1, 1023)";
    double off = 1;
    need(x, path, 2000, NULL, NULL);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        double said = HUGE_VAL, took = HUGE_VAL;
        snprintf(megabytes, sizeof megabytes, "%dM", limits[i]);
        for (int turn = 0; turn < 3; turn++) {
            said = fmin(said, predicted(x, megabytes, wide, path));
            took = fmin(took, calc(x, limits[i], wide, path));
        }
        off = fmax(off, fmax(said / took, took / said));
    }
    return off;
}

// A mean whose weights fall off from the centre of a window of 13 x 13, next to one without. Wider
// ones cost more and more: such weights are no product of rows and columns, so each cell of each
// window is looked at, 169 here, where sums without weights take a few steps whatever the width.
static double row_weighted(scale *x)
{
    char path[PATH], out[PATH], program[PATH];
    double cpu[2];
    join(out, "%s/scale-out.tif", x->s->dir);
    join(program, "%s/ndi", x->s->programs);
    need(x, path, x->small ? 1000 : 2000, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        const char *argv[] = { program, path, "none", out, "0", "1", i ? "moving" : "weighted",
                               "13", NULL };
        sample used = run(argv);
        x->peak = fmax(x->peak, used.megabytes);
        cpu[i] = used.cpu;
        unlink(out);
    }
    return cpu[0] / cpu[1];
}

// k windows within one another.
static double nested(scale *x, int k, const char *path)
{
    char expression[4096];
    int n = 0;
    for (int i = 0; i < k; i++)
        n += snprintf(expression + n, sizeof expression - (size_t)n, "moving_mean(");
    n += snprintf(expression + n, sizeof expression - (size_t)n, "b1");
    for (int i = 0; i < k; i++)
        n += snprintf(expression + n, sizeof expression - (size_t)n, ", 51)");
    return calc(x, 0, expression, path);
}

static double row_nested(scale *x)
{
    char path[PATH];
    int many = x->small ? 12 : 30;
    need(x, path, x->small ? 500 : 1000, NULL, NULL);
    return nested(x, many, path) / many / (nested(x, 4, path) / 4);
}

// ---- tiles --------------------------------------------------------------------------------------

// A sparse file of which nothing is there, next to one that is stored uncompressed.
static double row_absent(scale *x)
{
    char path[PATH], none[PATH], full[PATH];
    int edge = x->small ? 4000 : 8000;
    need(x, path, edge, NULL, NULL);
    join(none, "%s/scale-absent-%d.tif", x->s->dir, edge);
    join(full, "%s/scale-plain-%d.tif", x->s->dir, edge);
    if (access(none, R_OK))
        gwt_run(x, 0, "calc", "b1 + nan", path, "-o", none, "-q", "--dtype", "uint16", "--nodata",
                "0", "--sparse", NULL);
    if (access(full, R_OK))
        gwt_run(x, 0, "calc", "b1", path, "-o", full, "-q", "--compress", "none", NULL);
    return gwt_run(x, 0, "stats", none, "-q", "-j", "1", NULL).cpu
         / gwt_run(x, 0, "stats", full, "-q", "-j", "1", NULL).cpu;
}

// One strip of the whole image, uncompressed, under a limit that it exceeds.
static double row_one_strip(scale *x)
{
    char path[PATH];
    int edge = x->small ? 4000 : 8000;
    static unsigned short line[8000];
    join(path, "%s/scale-strip-%d.tif", x->s->dir, edge);
    if (access(path, R_OK)) {
        TIFF *tif = TIFFOpen(path, "w");
        if (!tif) die("%s: can't be written", path);
        TIFFSetField(tif, TIFFTAG_IMAGEWIDTH, edge);
        TIFFSetField(tif, TIFFTAG_IMAGELENGTH, edge);
        TIFFSetField(tif, TIFFTAG_BITSPERSAMPLE, 16);
        TIFFSetField(tif, TIFFTAG_SAMPLESPERPIXEL, 1);
        TIFFSetField(tif, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
        TIFFSetField(tif, TIFFTAG_ROWSPERSTRIP, edge);
        for (int row = 0; row < edge; row++) {
            for (int col = 0; col < edge; col++) line[col] = (unsigned short)(row + col);
            if (TIFFWriteScanline(tif, line, (uint32_t)row, 0) < 0) die("%s: is not written", path);
        }
        TIFFClose(tif);
    }
    return calc(x, x->small ? 24 : 64, "b1 * 2", path) / calc(x, 0, "b1 * 2", path);
}

// The median of more dates than there is memory for: a tile of each.
static double row_dates(scale *x)
{
    char pattern[PATH], out[PATH];
    double cpu[2];
    need_tiles(x, pattern, x->small ? 200 : 1000, 512, false);
    join(out, "%s/scale-out.tif", x->s->dir);
    x->refused_as = REFUSED;
    for (int i = 0; i < 2; i++) {
        unlink(out);
        cpu[i] = gwt_run(x, i ? 0 : x->small ? 24 : 64, "calc", "median(a)", pattern, "-o", out,
                         "-q", "-j", "1", "--stack", "time", "--sort", "given", NULL).cpu;
    }
    x->refused_as = 0;
    unlink(out);
    return cpu[0] >= REFUSED ? REFUSED : cpu[0] / cpu[1];
}

// Reads of a file of the usual kind, before its pixels; -1: there is no strace here.
static double row_reads(scale *x)
{
    char path[PATH], said[64] = "";
    sample used;
    need(x, path, 64, NULL, NULL);
    const char *count = "command -v strace >/dev/null || { echo -1; exit; }; "
              "strace -f -e trace=pread64 "
              "-P \"$2\" \"$1/gwt\" info \"$2\" 2>&1 >/dev/null | grep -c 'pread64('";
    const char *argv[] = { "/bin/sh", "-c", count, "sh", x->s->programs, path, NULL };
    if (run_program(argv, said, sizeof said, &used) != 0) die("reads can't be counted");
    return atof(said);
}

// Seconds of gwt plan with calls that take 20 ms each, by eight workers; -1: nothing delays them.
static double slow_plan(scale *x, const char *files)
{
    char program[PATH];
    sample used;
    join(program, "%s/gwt", x->s->programs);
    if (system("command -v strace >/dev/null") != 0) return -1;
    const char *run_slow = "exec strace -f -o /dev/null "
                           "-e trace=openat,pread64 -e inject=openat,pread64:delay_enter=20000 "
                           "\"$1\" plan a \"$2\" --mosaic first --bounds-by union --no-probe -j 8";
    const char *argv[] = { "/bin/sh", "-c", run_slow, "sh", program, files, NULL };
    if (run_program(argv, NULL, 0, &used) != 0) die("gwt plan fails under strace");
    return used.wall;
}

// Opening files on a slow file system, next to 20 ms for each, which has several calls.
static double row_slow_files(scale *x)
{
    enum { FILES = 65 };
    char pattern[PATH], one[PATH];
    need_tiles(x, pattern, FILES, 64, true);
    join(one, "%s/scale-tiles-%d-64/00000.tif", x->s->dir, FILES);
    double first = slow_plan(x, one), all = slow_plan(x, pattern);
    return first < 0 || all < 0 ? -1 : (all - first) / ((FILES - 1) * 0.02);
}

// ---- ranks --------------------------------------------------------------------------------------

// Four tiles of an image, which are larger than those of the outputs made of it.
static void need_four(scale *x, char path[PATH])
{
    char program[PATH], edge[16], tile[16];
    int n = x->small ? 2048 : 8192;
    join(path, "%s/scale-four-%d.tif", x->s->dir, n);
    join(program, "%s/make_scene", x->s->programs);
    snprintf(edge, sizeof edge, "%d", n);
    snprintf(tile, sizeof tile, "%d", n / 2);
    const char *argv[] = { program, path, edge, edge, "1", "deflate", tile, "1", NULL };
    if (access(path, R_OK)) run(argv);
}

// gwt-mpi calc of an input in so many ranks of one worker each, with these options; then the shell
// runs `then`, whose first line comes back. False: there is no gwt-mpi here.
static bool ranks_run(scale *x, int ranks, const char *input, const char *options,
                      const char *then, char *said, size_t room, sample *used)
{
    static const char *const job =
        "command -v mpirun >/dev/null && test -x '%s/gwt-mpi' || exit 99; "
        "cd '%s' && rm -f scale-out.tif* scale-ranks*; export OMPI_ALLOW_RUN_AS_ROOT=1 "
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 "
        "OMPI_MCA_mpi_yield_when_idle=1; mpirun --bind-to none -n %d '%s/gwt-mpi' calc 'b1 * 2' "
        "'%s' -o scale-out.tif -q -j 1 %s >&2 || exit; %s; rm -f scale-out.tif scale-ranks*";
    char all[5 * PATH], programs[PATH], path[PATH];
    if (!realpath(x->s->programs, programs) || !realpath(input, path)) die("%s: no file", input);
    if (snprintf(all, sizeof all, job, programs, x->s->dir, ranks, programs, path, options, then)
        >= (int)sizeof all)
        die("%s: too long a path", path);
    const char *argv[] = { "/bin/sh", "-c", all, NULL };
    int status = run_program(argv, said, room, used);
    if (status != 0 && status != 99) die("gwt-mpi fails");
    x->peak = used->megabytes > x->peak ? used->megabytes : x->peak;
    x->over |= used->megabytes > LIMIT + OWN;
    return status == 0;
}

// How often eight ranks decode each of the four tiles.
static double row_ranks(scale *x)
{
    char path[PATH], options[80], said[64] = "";
    sample used;
    need_four(x, path);
    snprintf(options, sizeof options, "--tile-size %d --profile scale-ranks", x->small ? 64 : 256);
    if (!ranks_run(x, 8, path, options, "cat scale-ranks*_events.csv | grep -c ',decode,'", said,
                   sizeof said, &used))
        return -1;
    if (atof(said) < 4) die("gwt-mpi has decoded '%s' of 4 tiles", said);
    return atof(said) / 4;
}

// And what they take for it, beside one; without what a job takes that has next to no pixels.
static double row_ranks_cpu(scale *x)
{
    char files[2][PATH];
    double ratios[MAX_TURNS];
    int n = 0;
    need(x, files[0], 64, NULL, NULL);
    need_four(x, files[1]);
    for (double start = now(); go_on(x->s, n, start); n++) {
        double cpu[2][2];
        for (int ranks = 0; ranks < 2; ranks++)
            for (int file = 0; file < 2; file++) {
                sample used;
                if (!ranks_run(x, ranks ? 8 : 1, files[file], "--compress lzw", ":", NULL, 0, &used))
                    return -1;
                cpu[ranks][file] = used.cpu;
            }
        ratios[n] = (cpu[1][1] - cpu[1][0]) / (cpu[0][1] - cpu[0][0]);
    }
    return median(ratios, n);
}

// What is lost of 1,024 ranks of 8 workers, from what rank 0 and the beginning of a job were
// measured to take; see ranks.c.
static double row_simulation(scale *x)
{
    char program[PATH], said[160] = "";
    sample used;
    join(program, "%s/ranks-sim", x->s->programs);
    const char *argv[] = { program, "--ranks", "1024", NULL };
    if (run_program(argv, said, sizeof said, &used) != 0) die("%s fails", program);
    const char *all = strchr(said, '(');
    if (!all) die("%s says %s", program, said);
    return 100 - atof(all + 1);
}

// ---- expressions --------------------------------------------------------------------------------

typedef void opening_fn(FILE *to, int i);

// What an expression costs to read and to plan, for each of n calls within one another around b1, on
// few pixels.
static double calls(scale *x, opening_fn *opening, int n)
{
    char path[PATH], file[PATH], at[PATH];
    need(x, path, 64, NULL, NULL);
    join(file, "%s/scale-calls.txt", x->s->dir);
    join(at, "@%s", file);
    FILE *f = fopen(file, "w");
    if (!f) die("%s: can't be written", file);
    for (int i = 0; i < n; i++) opening(f, i);
    fputs("b1", f);
    for (int i = 0; i < n; i++) fputc(')', f);
    if (fclose(f)) die("%s: can't be written", file);
    double cpu = calc(x, 0, at, path);
    unlink(file);
    return cpu / n;
}

static void condition(FILE *to, int i) { fprintf(to, "where(b1 == %d, %d, ", i, (i * 7) % 1000); }
static void function(FILE *to, int i) { fputs(i % 2 ? "sqrt(" : "exp(", to); }

static double row_chain(scale *x) { return calls(x, condition, 1000) / calls(x, condition, 250); }
static double row_deep(scale *x) { return calls(x, function, 10000) / calls(x, function, 1000); }

// ---- syncing ------------------------------------------------------------------------------------

static double row_no_sync(scale *x)
{
    char out[PATH], program[PATH];
    settings s = *x->s;
    static sample floors[MAX_TURNS], gwts[MAX_TURNS];
    int edge = x->small ? 2048 : 8192, n = 0;
    job j = norm_diff_job(&s, edge, edge, "none");
    join(out, "%s/scale-out.tif", s.dir);
    join(program, "%s/gwt", s.programs);
    for (double start = now(); go_on(&s, n, start); n++) {
        floors[n] = run_floor(&s, &j, out, s.workers, false);
        job k = j;
        int o = 0;
        while (k.options[o]) o++;
        k.options[o] = "--no-sync";
        gwts[n] = run_gwt(&s, &k, out, s.workers, 0);
    }
    unlink(out);
    return median_ratio(gwts, floors, n);
}

// ---- the table ----------------------------------------------------------------------------------

typedef enum kind {
    CPU,
    WALL,                      // by the clock: not where a bar is a test
    LARGE,                     // CPU that in small is lost in what starting takes
    OPEN                       // known to be missed: no failure
} kind;

typedef struct row {
    const char *name, *what;
    double before;             // what version 0.1 took, as far as the same was measured of it (w = 51:
                               // 227 s for a quarter of the pixels); 0: refused; -1: not measured
    double bar;
    double (*measure)(scale *x);
    kind kind;
} row;

static const row rows[] = {
    { "files", "CPU a file, mosaic of 20,000 of 256 x 256 / 1,000", 5.5, 1.2, row_files, CPU },
    { "small files", "CPU a file, mosaic of 16,000 of 64 x 64 / 1,000", 3.0, 1.2,
      row_small_files, CPU },
    { "resampled", "CPU a file, the same at another resolution", -1, 1.5, row_resampled, CPU },
    { "plan", "CPU s, gwt plan of 20,000 files", 84, 3, row_plan_files, CPU },
    { "open files", "CPU, 256 descriptors for 20,000 files / no limit", 0, 1.5,
      row_open_files, CPU },
    // A block of 256 x 256 and its margin have (356 / 306) squared as many pixels.
    { "median 8", "CPU, moving median, uint8, w = 101 / 51", -1, 1.35, row_median_8, CPU },
    { "median 16", "CPU, moving median, uint16, w = 101 / 51", -1, 1.35, row_median_16, CPU },
    { "median 32", "CPU, moving median, float32, w = 101 / 51", -1, 2.2, row_median_float, CPU },
    { "w = 51, 16", "CPU s, moving median 51, 2000 x 2000 uint16", 908, 3, row_seconds_16, CPU },
    { "w = 51, 32", "CPU s, moving median 51, 2000 x 2000 float32", -1, 15,
      row_seconds_float, CPU },
    { "halo", "CPU, moving mean 1023 of 2000 x 2000, 96 MB / no limit", 118, 4, row_halo, CPU },
    { "halo plan", "CPU, of that as gwt plan predicts it, the worst of four limits", -1, 1.3,
      row_halo_plan, CPU },
    { "weighted", "CPU, weighted mean of 13 x 13 / the mean", -1, 4, row_weighted, CPU },
    { "nested", "CPU a window, 30 in one another / 4", -1, 1.5, row_nested, CPU },
    { "absent", "CPU, statistics of absent tiles / of uncompressed ones", -1, 1, row_absent, CPU },
    { "one strip", "CPU, an image in one strip, 64 MB / no limit", 0, 1.5, row_one_strip, CPU },
    { "dates", "CPU, median of 1,000 dates, 64 MB / no limit", 0, 4, row_dates, CPU },
    { "reads", "reads to open a file", 28, 3, row_reads, CPU },
    { "slow files", "opening 64 files where a call takes 20 ms, 8 workers / 20 ms each", -1, 1,
      row_slow_files, WALL },
    { "ranks", "how often 8 ranks decode each of 4 tiles of 4096 x 4096", -1, 1.15, row_ranks, CPU },
    { "ranks' CPU", "8 ranks, of 4 tiles of 4096 x 4096 to LZW, without starting them / 1", 7.5, 1.15,
      row_ranks_cpu, LARGE },
    { "1,024 ranks", "% of 8,192 workers' time that is lost, simulated", -1, 10,
      row_simulation, CPU },
    { "chain", "CPU a condition, chain of 1,000 / 250", 0, 1.3, row_chain, CPU },
    { "deep", "CPU a call, 10,000 within one another / 1,000", -1, 1.5, row_deep, CPU },
    { "no sync", "uncompressed, --no-sync / floor without fsync", 2.4, 1.1, row_no_sync, WALL }
};

bool measure_scale(const settings *s)
{
    bool kept = true;
    scale x = { .s = s, .small = s->size < 4096 };
    printf("\nwhat a job costs as it grows%s; 0.1: what it was in version 0.1 (-: refused,\n"
           "?: not measured)\n\n",
           x.small ? ", in small" : "");
    printf("row         |    0.1 |    now |  bar |   MB | what\n");
    if (s->json) fprintf(s->json, ",\n \"scale\": [");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const row *r = &rows[i];
        char before[16] = "-", shown[16];
        if (r->before < 0) strcpy(before, "?");
        x.peak = 0, x.over = false;
        if (x.small && (r->kind == WALL || r->kind == LARGE)) continue;
        double value = r->measure(&x);
        // A busy machine?
        for (int again = 0; again < 2 && value > r->bar && r->kind != OPEN; again++) {
            double other = r->measure(&x);
            value = other < value ? other : value;
        }
        if (value < 0) {
            printf("%-11s | %6s | can't be measured here\n", r->name, "");
            continue;
        }
        if (r->before > 0) snprintf(before, sizeof before, "%.3g", r->before);
        snprintf(shown, sizeof shown, value >= REFUSED ? "-" : "%.3g", value);
        printf("%-11s | %6s | %6s | %4g | %4.0f | %s\n", r->name, before, shown, r->bar, x.peak,
               r->what);
        fflush(stdout);
        bar_at_most(r->bar, value, "scale: %s", r->name);
        bar_at_most(0, x.over, "scale: %s: jobs over their limit of memory", r->name);
        kept &= (value <= r->bar || r->kind == OPEN) && !x.over;
        if (!s->json) continue;
        fprintf(s->json, "%s\n  {", i ? "," : "");
        json_text(s->json, "row", r->name);
        fprintf(s->json, ", ");
        json_text(s->json, "what", r->what);
        fprintf(s->json, ", \"before\": %g, \"now\": %.4f, \"bar\": %g, \"megabytes\": %.1f}",
                r->before, value, r->bar, x.peak);
    }
    if (s->json) fprintf(s->json, "]");
    bars_print();
    return kept;
}
