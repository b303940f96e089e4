// test_memory.c - memory_limit: what an action takes, what it does with less, and when it refuses;
// and tiles that need not be encoded or written.

#define _DEFAULT_SOURCE         // wait4
#define _DARWIN_C_SOURCE

#include "oracle.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define INFLATED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define INFLATED 1
#endif
#ifndef INFLATED
#define INFLATED 0             // memory is what the program takes, not a sanitizer's
#endif

enum { EDGE = 3000, MEGABYTE = 1 << 20 };

static const struct { const char *name; tiff_spec spec; } scenes[] = {
    { "tiles", { .width = EDGE, .height = EDGE, .dtype = GWT_UINT16, .tile_width = 256,
                 .tile_height = 256, .compression = COMPRESSION_LZW } },
    { "wide", { .width = EDGE, .height = EDGE, .dtype = GWT_UINT16, .rows_per_strip = 100,
                .compression = COMPRESSION_LZW } },
    { "plain", { .width = EDGE, .height = EDGE, .dtype = GWT_UINT16 } }
};

static int write_scenes(void **state)
{
    if (temp_begin(state)) return -1;
    uint16_t *pixels = malloc((size_t)EDGE * EDGE * sizeof *pixels);
    for (int i = 0; pixels && i < EDGE * EDGE; i++)
        pixels[i] = (uint16_t)(1 + i % 1000 + i / EDGE % 7);
    for (size_t i = 0; pixels && i < COUNT_OF(scenes); i++)
        tiff_write(temp_path("%s.tif", scenes[i].name), &scenes[i].spec, pixels);
    free(pixels);
    return pixels ? 0 : -1;
}

// Something with a halo, in chunks that are large.
static gwt_array *graph(gwt *g, const char *scene)
{
    gwt_array *a = gwt_open(g, temp_path("%s.tif", scene), .chunks = 1024);
    return gwt_sub(gwt_moving(gwt_mul(a, a), .window = 31), a);
}

// Save it within a limit in a process of its own. Gives the peak of its memory, bytes.
static long peak_of(const char *scene, const char *out, size_t limit, int workers)
{
    struct rusage use;
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        gwt *g = gwt_begin(.num_workers = workers, .memory_limit = limit);
        gwt_save(graph(g, scene), out, .compress = "lzw", .tile_size = 512, .overwrite = true);
        _exit(gwt_end(g));
    }
    REQUIRE(child > 0 && wait4(child, &status, 0, &use) == child, "no child");
    REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: %d workers, limit %zu: failed",
            scene, workers, limit);
#ifdef __APPLE__
    return use.ru_maxrss;
#else
    return 1024 * use.ru_maxrss;
#endif
}

static void stays_within_its_limit(void **state)
{
    static const size_t limits[] = { 0, 256u << 20, 64u << 20, 24u << 20 };
    (void)state;
    for (size_t s = 0; s < COUNT_OF(scenes); s++)
        for (size_t i = 0; i < COUNT_OF(limits); i++)
            for (int workers = 1; workers <= 4; workers += 3) {
                if (INFLATED && (i % 2 || s == 2)) continue;    // a sanitizer takes its time
                if (LOOKS_FOR_RACES && workers == 1 && (i || s)) continue;
                const char *out = temp_path("%s_%zu_%d.tif", scenes[s].name, i, workers);
                long peak = peak_of(scenes[s].name, out, limits[i], workers);
                REQUIRE(INFLATED || limits[i] == 0 || peak <= (long)limits[i] + 32 * MEGABYTE,
                        "%s: %ld bytes with a limit of %zu, %d workers", scenes[s].name, peak,
                        limits[i], workers);
                REQUIRE(files_equal(out, temp_path("tiles_0_1.tif")), "%s: other bytes", out);
                if (s || i || workers > 1) unlink(out);
            }
}

// 150 dates of two bands, of three images by turns, in a process that may at first have 128 files
// open: a statistic of each pixel against the plain loop. Exit status 0 when all are right.
enum { FILES = 150, SIDE = 256, PIXELS = SIDE * SIDE, BANDS = 2 };
static uint16_t images[3][BANDS][PIXELS];
static const char *dates[FILES];

// Besides statistics.
enum { BEST = 100, FILLED };

static double over_time(int stat, const uint16_t v[3])
{
    double sum = 0, mean, squares = 0, trend = 0, times = 0, least = fmin(v[0], fmin(v[1], v[2])),
           most = fmax(v[0], fmax(v[1], v[2]));
    for (int k = 0; k < FILES; k++) sum += v[k % 3];
    mean = sum / FILES;
    for (int k = 0; k < FILES; k++) squares += (v[k % 3] - mean) * (v[k % 3] - mean);
    for (int k = 0; k < FILES; k++) {       // a date each day
        trend += v[k % 3] * (k - (FILES - 1) / 2.0);
        times += (k - (FILES - 1) / 2.0) * (k - (FILES - 1) / 2.0);
    }
    switch (stat) {
    case GWT_SLOPE: return trend / times * 365.25;
    case BEST: return least;
    case GWT_SUM: return sum;
    case GWT_MIN: return least;
    case GWT_MAX: return most;
    case GWT_VAR: return squares / FILES;
    case GWT_STD: return sqrt(squares / FILES);
    case GWT_MEDIAN: return v[0] + v[1] + v[2] - least - most;
    case GWT_COUNT: return FILES;
    case GWT_FIRST: return v[0];
    case GWT_LAST: return v[2];
    case GWT_ARGMAX: return v[0] == most ? 0 : v[1] == most ? 1 : 2;
    case GWT_RANGE: return most - least;
    default: return mean;
    }
}

static int statistic_of_many(int stat, size_t limit, const char *by)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files)) return 2;
    files.rlim_cur = 128;
    if (setrlimit(RLIMIT_NOFILE, &files)) return 2;
    gwt *g = gwt_begin(.num_workers = 2, .memory_limit = limit);
    static char days[FILES][16];        // by 30 of them: five times the same
    static const char *names[FILES + 1];
    for (int k = 0; k < FILES; k++) {
        snprintf(days[k], sizeof days[k], "%d", 2020001 + k);
        names[k] = days[k];
    }
    gwt_array *stack = gwt_open_many(g, dates, FILES, .stack = GWT_TIME, .time_names = names,
                                     .chunks = limit ? 256 : 100);
    gwt_array *r = stat == BEST ? gwt_best(stack, gwt_neg(stack), by)
                 : stat == FILLED ? gwt_reduce(gwt_interpolate(stack), GWT_TIME, GWT_MEAN, .by = by)
                                  : gwt_reduce(stack, GWT_TIME, (gwt_stat)stat, .by = by);
    int wrong = !r || gwt_describe(r)->shape[0] != (by ? 5 : 1);
    double *got = gwt_compute(r, .dtype = GWT_FLOAT64);
    if (!got) wrong++;
    for (int i = 0; got && i < (by ? 5 : 1) * BANDS * PIXELS; i++) {
        uint16_t v[3];
        for (int k = 0; k < 3; k++) v[k] = images[k][i / PIXELS % BANDS][i % PIXELS];
        double want = over_time(stat, v), off = stat == GWT_SLOPE ? 1e-9 : 0;
        wrong += !(fabs(got[i] - want) <= off * fmax(1, fabs(want)));
    }
    gwt_free(got);
    return gwt_end(g) || wrong;
}

static void deep_stacks(void **state)
{
    (void)state;
    // All but the median, which needs every date at once, go through the stack in parts.
    static const struct { int stat; size_t limit; const char *by; } cases[] = {
        { GWT_MEAN, 40 * MEGABYTE, NULL }, { GWT_STD, 40 * MEGABYTE, NULL },
        { GWT_ARGMAX, 40 * MEGABYTE, NULL }, { GWT_RANGE, 40 * MEGABYTE, NULL },
        { GWT_MEAN, 0, NULL }, { GWT_SUM, 0, NULL }, { GWT_MIN, 0, NULL }, { GWT_MAX, 0, NULL },
        { GWT_VAR, 0, NULL }, { GWT_COUNT, 0, NULL }, { GWT_FIRST, 0, NULL }, { GWT_LAST, 0, NULL },
        { GWT_MEDIAN, 120 * MEGABYTE, NULL }, { GWT_MEDIAN, 60 * MEGABYTE, "30d" },
        { GWT_MAX, 40 * MEGABYTE, "30d" }, { GWT_MAX, 0, "30d" },
        { GWT_SLOPE, 40 * MEGABYTE, NULL }, { GWT_SLOPE, 0, NULL }, { BEST, 40 * MEGABYTE, NULL },
        { BEST, 40 * MEGABYTE, "30d" }, { BEST, 0, NULL }, { FILLED, 120 * MEGABYTE, NULL }
    };
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_max < FILES + 100)
        skip_loudly("no process may have 250 files open here");
    tiff_spec spec = { .width = SIDE, .height = SIDE, .bands = BANDS, .dtype = GWT_UINT16,
                       .tile_width = SIDE, .tile_height = SIDE, .compression = COMPRESSION_LZW };
    for (int i = 0; i < 3; i++) {       // noise: as large packed as not
        fill_noise(GWT_UINT16, images[i], BANDS * PIXELS, (uint64_t)i);
        tiff_write(temp_path("image%d.tif", i), &spec, images[i]);
    }
    for (int i = 0; i < FILES; i++) {
        dates[i] = temp_path("date%d.tif", i);
        assert_int_equal(link(temp_path("image%d.tif", i % 3), dates[i]), 0);
    }
    for (size_t i = 0; i < COUNT_OF(cases); i += SLOW ? 3 : 1) {
        struct rusage use;
        int status = 0;
        pid_t child = fork();
        if (child == 0) _exit(statistic_of_many(cases[i].stat, cases[i].limit, cases[i].by));
        REQUIRE(child > 0 && wait4(child, &status, 0, &use) == child, "no child");
        REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0, "case %d: status %d", (int)i,
                status);
#ifndef __APPLE__
        use.ru_maxrss *= 1024;
#endif
        REQUIRE(INFLATED || !cases[i].limit
                    || use.ru_maxrss < (long)cases[i].limit + 32 * MEGABYTE,
                "case %d: %ld bytes of memory", (int)i, (long)use.ru_maxrss);
    }
}

// What 64-bit integers leave of their doubles is not lost from part to part: the pixels of the 31st
// of 40 dates, and of the last of each month.
static void deep_stacks_of_wide_integers(void **state)
{
    (void)state;
    enum { TILE = 512, DATES = 40, AT = 30 };
    static uint64_t pixels[TILE * TILE];
    static char days[DATES][16];
    static const char *names[DATES + 1];
    gwt_array *list[DATES], *scores[DATES];
    for (int i = 0; i < TILE * TILE; i++) pixels[i] = UINT64_MAX - 64 * (uint64_t)i;
    tiff_write(temp_path("wide.tif"), &(tiff_spec){ .width = TILE, .height = TILE,
               .dtype = GWT_UINT64, .tile_width = TILE, .tile_height = TILE,
               .compression = COMPRESSION_LZW }, pixels);
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *a = gwt_open(g, temp_path("wide.tif"));
    for (int k = 0; k < DATES; k++) {
        snprintf(days[k], sizeof days[k], "%d", 2020001 + k);
        names[k] = days[k];
        list[k] = gwt_bit_xor(a, gwt_number(g, k));
        scores[k] = gwt_add(gwt_mul(a, gwt_number(g, 0)), gwt_number(g, k == AT ? 99 : k));
    }
    gwt_array *x = gwt_rename_times(gwt_stack(list, DATES, GWT_TIME), names);
    gwt_array *score = gwt_stack(scores, DATES, GWT_TIME);
    uint64_t *best = gwt_compute(gwt_best(x, score, NULL));
    uint64_t *months = gwt_compute(gwt_best(x, score, "month"));
    REQUIRE(best && months, "%s", gwt_message(g));
    for (int i = 0; i < TILE * TILE; i++) {
        REQUIRE(best[i] == (pixels[i] ^ AT), "pixel %d", i);
        REQUIRE(months[i] == (pixels[i] ^ AT) && months[TILE * TILE + i]
                    == (pixels[i] ^ (DATES - 1)), "pixel %d of months", i);
    }
    gwt_free(best);
    gwt_free(months);
    assert_int_equal(gwt_end(g), 0);
}

// So deep that its parts are many: of n values x, x + 1, .. the variance is (n n - 1) / 12, and so
// it is of their differences to a number, be it a deep stack's mean.
static void very_deep_stacks(void **state)
{
    (void)state;
    enum { TILE = 1024, MOST = 2003 };
    static const int depths[] = { 99, 401, MOST };
    static uint16_t pixels[TILE * TILE];
    static gwt_array *list[MOST];
    for (int i = 0; i < TILE * TILE; i++) pixels[i] = (uint16_t)(i % 1000);
    tiff_spec spec = { .width = TILE, .height = TILE, .dtype = GWT_UINT16, .tile_width = TILE,
                       .tile_height = TILE, .compression = COMPRESSION_LZW };
    tiff_write(temp_path("deep.tif"), &spec, pixels);
    for (size_t d = 0; d < COUNT_OF(depths); d++) {
        gwt *g = gwt_begin(.num_workers = 2, .memory_limit = 64 * MEGABYTE);
        gwt_array *a = gwt_open(g, temp_path("deep.tif"));
        int n = depths[d];
        for (int k = 0; k < n; k++) list[k] = gwt_add(a, gwt_number(g, k));
        gwt_array *stack = gwt_stack(list, (size_t)n, GWT_TIME);
        gwt_array *mean = gwt_reduce(stack, GWT_TIME, GWT_MEAN);
        for (int k = 0; k < n; k++) list[k] = gwt_sub(list[k], mean);
        gwt_array *both[] = { gwt_reduce(stack, GWT_TIME, GWT_VAR),
                              gwt_reduce(gwt_stack(list, (size_t)n, GWT_TIME), GWT_TIME, GWT_VAR) };
        for (int i = 0; i < 2; i++) {
            double *got = VALUES_OF(gwt_window(both[i], 500, 500, 10, 10));
            double want = ((double)n * n - 1) / 12;
            for (int k = 0; k < 100; k++)
                REQUIRE(fabs(got[k] - want) < 1e-9 * want, "%d dates: %.9g, not %.9g", n, got[k],
                        want);
            gwt_free(got);
        }
        EXPECT_OK(g);
        assert_int_equal(gwt_end(g), 0);
    }
}

// Plans and actions inside of an action are added up for themselves, and change nothing of its own.
typedef struct within { gwt_array *a; gwt_plan plan; double *values; atomic_int wrong; } within;

static int plan_and_compute(const gwt_block *block, void *user)
{
    within *w = user;
    gwt_plan plan;
    w->wrong += !gwt_plan_of(w->a, &plan) || plan.bytes_cache != w->plan.bytes_cache
             || plan.bytes_pinned != w->plan.bytes_pinned || plan.pieces != w->plan.pieces;
    double *got = gwt_compute(gwt_window(w->a, block->row, block->col, block->rows, block->cols),
                              .dtype = GWT_FLOAT64);
    for (int64_t i = 0; got && i < block->rows * block->cols; i++) {
        int64_t row = block->row + i / block->cols, col = block->col + i % block->cols;
        w->wrong += got[i] != w->values[row * EDGE + col];
    }
    w->wrong += !got;
    gwt_free(got);
    return 0;
}

static void plans_within_actions(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 4, .memory_limit = 24 * MEGABYTE);
    within w = { .a = gwt_open(g, temp_path("tiles.tif")) };
    w.values = gwt_compute(w.a, .dtype = GWT_FLOAT64);
    assert_true(gwt_plan_of(w.a, &w.plan));
    assert_true(w.plan.bytes_cache > 0 && w.plan.bytes_cache < 24 * MEGABYTE);
    assert_true(gwt_map_blocks(w.a, plan_and_compute, &w) > 0);
    EXPECT_OK(g);
    assert_int_equal(w.wrong, 0);
    gwt_free(w.values);
    assert_int_equal(gwt_end(g), 0);
}

// There and back to another grid: k times 1 / k is not always 1, but the memory is about the same.
static void there_and_back(void **state)
{
    (void)state;
    double cell[] = { 16, 49 };
    gwt_plan plans[2];
    gwt *g = gwt_begin(.num_workers = 1);
    REQUIRE(49 * (1 / 49.0) != 1, "another number, then");
    for (int i = 0; i < 2; i++) {
        gwt_array *m = gwt_moving(gwt_open(g, temp_path("tiles.tif")), .window = 3);
        gwt_array *there = gwt_regrid(m, .res = cell[i], .resampling = GWT_AVERAGE);
        gwt_array *back = gwt_align(there, m, GWT_BILINEAR);
        assert_true(gwt_plan_of(gwt_sub(m, back), &plans[i]));
    }
    EXPECT_OK(g);
    REQUIRE(plans[1].bytes_pinned < 4 * plans[0].bytes_pinned
                && plans[1].bytes_passes < 4 * plans[0].bytes_passes
                && plans[1].bytes_passes > plans[0].bytes_passes / 4,
            "%llu and %llu bytes of tiles, %llu and %llu of buffers",
            (unsigned long long)plans[0].bytes_pinned, (unsigned long long)plans[1].bytes_pinned,
            (unsigned long long)plans[0].bytes_passes, (unsigned long long)plans[1].bytes_passes);
    assert_int_equal(gwt_end(g), 0);
}

static int fill_nothing(const gwt_kernel *k, void *user)
{
    (void)user;
    memset(k->out, 0, (size_t)(k->rows * k->cols * k->planes_out) * sizeof *k->out);
    return 0;
}

static gwt_array *pixels_of(gwt *g, int side, int bands)
{
    static unsigned char pixels[8 * 768 * 768];
    return gwt_from_memory(g, pixels, sizeof pixels, GWT_UINT8,
                           ((const int64_t[4]){ 1, bands, side, side }));
}

// Cutting pieces does not help where nearly all that is read is the halo.
static void large_halos(void **state)
{
    (void)state;
    gwt_plan plan;
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *a = gwt_apply(pixels_of(g, 768, 8), fill_nothing, NULL, .halo = 256);
    assert_true(gwt_plan_of(a, &plan));
    REQUIRE(plan.piece[0] * plan.piece[1] >= 64 * 64, "pieces of %d x %d", (int)plan.piece[0],
            (int)plan.piece[1]);
    assert_int_equal(gwt_end(g), 0);
}

// What a kernel or a window needs has the size of its halo, however small the image is.
static void halos_larger_than_the_image(void **state)
{
    (void)state;
    enum { HALO = 1000, WINDOW = 1001, IMAGE = 40 };
    const double kernel = 8.0 * (IMAGE + 2 * HALO) * (IMAGE + 2 * HALO),
                 window = 8.0 * WINDOW * WINDOW;
    gwt_plan plan;
    for (int i = 0; i < 3; i++) {
        gwt *g = gwt_begin(.num_workers = 1, .memory_limit = i == 2 ? 8 * MEGABYTE : 0,
                           .quiet = true);
        gwt_array *a = pixels_of(g, IMAGE, 1);
        a = i != 1 ? gwt_apply(a, fill_nothing, NULL, .halo = HALO)
                   : gwt_moving(a, .window = WINDOW, .statistic = GWT_MEDIAN);
        if (i < 2) {
            assert_true(gwt_plan_of(a, &plan));
            REQUIRE((double)plan.bytes_passes >= (i ? window : kernel), "%d: %llu bytes", i,
                    (unsigned long long)plan.bytes_passes);
        } else {
            assert_null(gwt_compute(a));
            EXPECT_ERROR(g, GWT_E_MEMORY, "memory_limit is 8");
        }
        gwt_end(g);
    }
}

// A thousand dates, three percentiles of each: planned about as fast as they are asked for.
static void plans_of_many_dates(void **state)
{
    (void)state;
    enum { DATES = 1000 };
    static gwt_array *dates_of[DATES];
    gwt_plan plan;
    gwt *g = gwt_begin(.num_workers = 1);
    for (int i = 0; i < DATES; i++) dates_of[i] = pixels_of(g, 16, 1);
    gwt_array *stack_of = gwt_stack(dates_of, DATES, GWT_TIME), *sum = NULL;
    for (int p = 10; p <= 90; p += 40) {
        gwt_array *r = gwt_reduce(stack_of, GWT_TIME, GWT_PERCENTILE, .percentile = p);
        sum = sum ? gwt_add(sum, r) : r;
    }
    clock_t from = clock();
    assert_true(gwt_plan_of(sum, &plan));
    double seconds = (double)(clock() - from) / CLOCKS_PER_SEC;
    REQUIRE(INFLATED || seconds < 1, "%.2f s", seconds);
    assert_int_equal(gwt_end(g), 0);
}

// The number in the refusal is one that does.
static void refuses_with_the_number_that_would_do(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 3, .memory_limit = 300000, .quiet = true);
    double needed = 0;
    REQUIRE(!gwt_save(graph(g, "wide"), temp_path("no.tif"), .tile_size = 256), "it fits into 300 kB");
    const char *number = strstr(gwt_message(g), "takes ");
    REQUIRE(number && sscanf(number, "takes %lf MB", &needed) == 1 && needed > 0.3, "%s",
            gwt_message(g));
    REQUIRE(!file_exists(temp_path("no.tif")) && !file_exists(temp_path("no.tif.part")), "left");
    EXPECT_ERROR(g, GWT_E_MEMORY, "memory_limit is 0.3 MB");
    REQUIRE(gwt_map_blocks(graph(g, "wide"), NULL, NULL) < 0, "no function");
    gwt_clear(g);
    assert_int_equal(gwt_end(g), 0);

    size_t enough = (size_t)((needed + 0.1) * 1e6);
    g = gwt_begin(.num_workers = 3, .memory_limit = enough);
    REQUIRE(gwt_save(graph(g, "wide"), temp_path("yes.tif"), .tile_size = 256), "%s", gwt_message(g));
    assert_int_equal(gwt_end(g), 0);
}

// ---- what there is to have --------------------------------------------------------------------

extern const char *gwt_test_root;      // where the implementation under test finds /proc and /sys

static void put_line(const char *folders, const char *name, const char *text)
{
    char path[512], *at;
    snprintf(path, sizeof path, "%s/%s/", gwt_test_root, folders);
    for (at = path + strlen(gwt_test_root) - 1; (at = strchr(at + 1, '/')) != NULL;) {
        *at = 0;
        REQUIRE(mkdir(path, 0777) == 0 || errno == EEXIST, "%s", path);
        *at = '/';
    }
    snprintf(path, sizeof path, "%s/%s/%s", gwt_test_root, folders, name);
    file_write(path, text, strlen(text));
}

// The default is half of the least limit of the process's own cgroup and of those above it.
static void follows_cgroups(void **state)
{
    static const struct { const char *name, *cgroups, *folder[3], *file, *limit[3]; } cases[] = {
        { "2", "0::/a/b\n", { "sys/fs/cgroup/a/b" }, "memory.max", { "600000\n" } },
        { "2, above", "0::/a/b\n", { "sys/fs/cgroup/a/b", "sys/fs/cgroup/a" }, "memory.max",
          { "max\n", "600000\n" } },
        { "2, the least", "0::/a/b\n", { "sys/fs/cgroup/a/b", "sys/fs/cgroup/a", "sys/fs/cgroup" },
          "memory.max", { "1000000000\n", "600000\n", "700000\n" } },
        { "2, in a container", "0::/docker/1f\n", { "sys/fs/cgroup" }, "memory.max",
          { "600000\n" } },
        { "2, beside 1", "3:cpu:/x\n0::/a\n", { "sys/fs/cgroup/unified/a" }, "memory.max",
          { "600000\n" } },
        { "1", "5:cpu:/z\n4:memory:/a/b\n0::/\n", { "sys/fs/cgroup/memory/a/b" },
          "memory.limit_in_bytes", { "600000\n" } },
        { "1, above", "4:cpuset,memory:/a/b\n", { "sys/fs/cgroup/memory/a/b",
          "sys/fs/cgroup/memory/a" }, "memory.limit_in_bytes",
          { "9223372036854771712\n", "600000\n" } },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        gwt_test_root = temp_path("root%d", (int)i);
        put_line("proc/self", "cgroup", cases[i].cgroups);
        for (int k = 0; k < 3 && cases[i].folder[k]; k++)
            put_line(cases[i].folder[k], cases[i].file, cases[i].limit[k]);
        gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
        REQUIRE(!gwt_save(graph(g, "wide"), temp_path("no.tif"), .tile_size = 256),
                "cgroups of version %s: the limit is not seen", cases[i].name);
        EXPECT_ERROR(g, GWT_E_MEMORY, "memory_limit is 0.3 MB");
        gwt_end(g);
    }
    // No limit, nonsense, or no cgroups at all.
    static const char *const none[] = { "0::/a\n", "0:\n::\n\n4:memory\n", "0::/../../..\n", "" };
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        gwt_test_root = temp_path("none%d", (int)i);
        put_line("proc/self", "cgroup", none[i]);
        put_line("sys/fs/cgroup/a", "memory.max", i ? "" : "max\n");
        gwt *g = gwt_begin(.num_workers = 1);
        REQUIRE(gwt_save(graph(g, "wide"), temp_path("yes%d.tif", (int)i), .tile_size = 256), "%s",
                gwt_message(g));
        gwt_end(g);
    }
    gwt_test_root = "";
}

// ---- tiles of one value -----------------------------------------------------------------------

// 200 x 300, blocks of 64: missing in whole tiles, in parts of tiles, and a plain of 7.
static void draw(double *values, int rows, int cols, double missing)
{
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++)
            values[r * cols + c] = r < 130 && c < 100 ? missing : c > 190 ? 7 : (r * 31 + c) % 200;
}

static int count_absent(gwt_array *a, const char *name, bool sparse, const char *compress,
                        gwt_interleave interleave)
{
    const char *path = temp_path("%s", name);
    REQUIRE(gwt_save(a, path, .tile_size = 64, .sparse = sparse, .compress = compress,
                     .interleave = interleave, .overwrite = true), "not saved");
    image *im = image_read(path);
    int absent = im->absent;
    image_free(im);
    return absent;
}

static void sparse_files(void **state)
{
    enum { ROWS = 200, COLS = 300 };
    static const char *const codecs[] = { "none", "lzw", "deflate" };
    static double values[2 * ROWS * COLS];
    (void)state;
    gwt *g = gwt_begin(.num_workers = 3);
    draw(values, ROWS, COLS, 250);
    draw(values + ROWS * COLS, ROWS, COLS, 250);
    values[ROWS * COLS + 3] = 9;       // a pixel of the second band in the first tile
    tiff_spec spec = { .width = COLS, .height = ROWS, .bands = 2, .dtype = GWT_UINT8,
                       .nodata = "250" };
    gwt_array *a = array_of(g, &spec, values);
    for (size_t i = 0; i < COUNT_OF(codecs); i++) {
        // Rows 0..127 of columns 0..63 are whole tiles of nodata: two places. Of the first one the
        // second band has a pixel.
        assert_int_equal(count_absent(a, "dense.tif", false, codecs[i], GWT_PLANAR), 0);
        assert_int_equal(count_absent(a, "planar.tif", true, codecs[i], GWT_PLANAR), 3);
        assert_int_equal(count_absent(a, "pixel.tif", true, codecs[i], GWT_PIXEL), 1);
        double *dense = VALUES_OF(gwt_open(g, temp_path("dense.tif")));
        double *planar = VALUES_OF(gwt_open(g, temp_path("planar.tif")));
        double *pixel = VALUES_OF(gwt_open(g, temp_path("pixel.tif")));
        for (int k = 0; k < 2 * ROWS * COLS; k++) {
            double want = values[k] == 250 ? (double)NAN : values[k];
            REQUIRE(same_double(dense[k], want) && same_double(planar[k], want)
                        && same_double(pixel[k], want), "%s: pixel %d", codecs[i], k);
        }
        gwt_free(dense), gwt_free(planar), gwt_free(pixel);
    }
    EXPECT_OK(g);
    assert_int_equal(gwt_end(g), 0);
}

// Without nodata an absent tile is 0; the edge's tiles count by their pixels of the image.
static void sparse_without_nodata(void **state)
{
    enum { ROWS = 100, COLS = 100 };
    static double values[ROWS * COLS];
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    for (int i = 0; i < ROWS * COLS; i++)
        values[i] = i / COLS < 64 && i % COLS < 64 ? 1 + i % 9 : 0;
    tiff_spec spec = { .width = COLS, .height = ROWS, .dtype = GWT_INT16 };
    gwt_array *a = array_of(g, &spec, values);
    assert_int_equal(count_absent(a, "zero.tif", true, "deflate", GWT_PIXEL), 3);
    double *got = VALUES_OF(gwt_open(g, temp_path("zero.tif")));
    for (int i = 0; i < ROWS * COLS; i++) REQUIRE(got[i] == values[i], "pixel %d", i);
    gwt_free(got);
    a = gwt_cast(a, GWT_FLOAT64);
    assert_int_equal(count_absent(a, "double.tif", true, "none", GWT_PIXEL), 3);
    assert_int_equal(gwt_end(g), 0);
}

// A tile of one value, encoded once and used again, has the bytes it would have had.
static void constant_tiles_are_the_same(void **state)
{
    enum { ROWS = 500, COLS = 500 };
    static double values[ROWS * COLS];
    (void)state;
    for (int i = 0; i < ROWS * COLS; i++)
        values[i] = i / COLS / 16 % 5 == 0 ? 3 : i % COLS / 16 % 7 == 0 ? i % 100 : 200;
    for (int workers = 1; workers <= 3; workers++) {
        gwt *g = gwt_begin(.num_workers = workers);
        tiff_spec spec = { .width = COLS, .height = ROWS, .dtype = GWT_UINT8 };
        gwt_array *a = array_of(g, &spec, values);
        gwt_save(a, temp_path("constant_%d.tif", workers), .tile_size = 16, .compress = "deflate");
        double *got = VALUES_OF(gwt_open(g, temp_path("constant_%d.tif", workers)));
        for (int i = 0; i < ROWS * COLS; i++) REQUIRE(got[i] == values[i], "pixel %d", i);
        gwt_free(got);
        assert_int_equal(gwt_end(g), 0);
        REQUIRE(files_equal(temp_path("constant_1.tif"), temp_path("constant_%d.tif", workers)),
                "%d workers: other bytes", workers);
    }
    // Each tile as libtiff decodes it, and as many bytes for the one value wherever it is.
    image *im = image_read(temp_path("constant_1.tif"));
    for (int i = 0; i < ROWS * COLS; i++)
        REQUIRE(image_get(im, 0, i / COLS, i % COLS) == values[i], "pixel %d", i);
    image_free(im);
}

// ---- processors and open files ----------------------------------------------------------------

// One worker for each processor that the process is allowed on, or less time of them: rounded up,
// the least of its cgroups and those above.
static void follows_processors(void **state)
{
    static const struct {
        const char *name, *cgroups, *status, *folder[2], *file[2], *text[2];
        int workers;
    } cases[] = {
        { "affinity", "", "Cpus_allowed:\t1\n", { 0 }, { 0 }, { 0 }, 1 },
        { "affinity, many", "0::/\n", "Name:\tx\nCpus_allowed:\t00000001,00000000\n", { 0 }, { 0 },
          { 0 }, 1 },
        { "2", "0::/a/b\n", "", { "sys/fs/cgroup/a/b" }, { "cpu.max" }, { "100000 100000\n" }, 1 },
        { "2, a part of one", "0::/a\n", "", { "sys/fs/cgroup/a" }, { "cpu.max" },
          { "1000 100000\n" }, 1 },
        { "2, above", "0::/a/b\n", "", { "sys/fs/cgroup/a/b", "sys/fs/cgroup/a" },
          { "cpu.max", "cpu.max" }, { "max 100000\n", "50000 100000\n" }, 1 },
        { "2, in a container", "0::/docker/1f\n", "", { "sys/fs/cgroup" }, { "cpu.max" },
          { "90000 100000\n" }, 1 },
        { "1", "3:cpu,cpuacct:/a\n", "", { "sys/fs/cgroup/cpu/a", "sys/fs/cgroup/cpu/a" },
          { "cpu.cfs_quota_us", "cpu.cfs_period_us" }, { "20000\n", "100000\n" }, 1 },
        { "1, its folder called as the list", "3:cpu,cpuacct:/a\n", "",
          { "sys/fs/cgroup/cpu,cpuacct", "sys/fs/cgroup/cpu,cpuacct" },
          { "cpu.cfs_quota_us", "cpu.cfs_period_us" }, { "20000\n", "100000\n" }, 1 },
        { "1, no limit", "3:cpu:/a\n", "", { "sys/fs/cgroup/cpu/a", "sys/fs/cgroup/cpu/a" },
          { "cpu.cfs_quota_us", "cpu.cfs_period_us" }, { "-1\n", "100000\n" }, 0 },
        { "1, of other processors", "3:cpuset:/a\n", "", { "sys/fs/cgroup/cpuset/a",
          "sys/fs/cgroup/cpuset/a" }, { "cpu.cfs_quota_us", "cpu.cfs_period_us" },
          { "20000\n", "100000\n" }, 0 },
        { "2, one and a bit", "0::/a\n", "", { "sys/fs/cgroup/a" }, { "cpu.max" },
          { "100001 100000\n" }, 2 },
        { "nonsense", "0::/a\n", "Cpus_allowed:\tno\n", { "sys/fs/cgroup/a" }, { "cpu.max" },
          { "0 0\n" }, 0 },
    };
    (void)state;
    int all = (int)sysconf(_SC_NPROCESSORS_ONLN);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        gwt_test_root = temp_path("processors%d", (int)i);
        put_line("proc/self", "cgroup", cases[i].cgroups);
        put_line("proc/self", "status", cases[i].status);
        for (int k = 0; k < 2 && cases[i].folder[k]; k++)
            put_line(cases[i].folder[k], cases[i].file[k], cases[i].text[k]);
        gwt *g = gwt_begin(.quiet = true);
        int wanted = cases[i].workers && cases[i].workers < all ? cases[i].workers : all;
        REQUIRE(gwt_num_workers(g) == (wanted < 256 ? wanted : 256), "%s: %d workers, not %d",
                cases[i].name, gwt_num_workers(g), wanted);
        gwt_end(g);
    }
    gwt_test_root = "";
}

// The limit of open files is the whole process's: it is raised only where that is asked for.
static void leaves_open_files_alone(void **state)
{
    (void)state;
    struct rlimit before, now;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit low = { .rlim_cur = 64, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
    assert_int_equal(now.rlim_cur, 64);
    gwt_end(g);
    g = gwt_begin(.num_workers = 1, .raise_open_files = true);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
    assert_true(now.rlim_cur > 64 || now.rlim_max == 64);
    assert_int_equal(gwt_end(g), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stays_within_its_limit),
        cmocka_unit_test(deep_stacks),
        cmocka_unit_test(deep_stacks_of_wide_integers),
        cmocka_unit_test(very_deep_stacks),
        cmocka_unit_test(plans_within_actions),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(large_halos),
        cmocka_unit_test(halos_larger_than_the_image),
        cmocka_unit_test(plans_of_many_dates),
        cmocka_unit_test(refuses_with_the_number_that_would_do),
        cmocka_unit_test(follows_cgroups),
        cmocka_unit_test(follows_processors),
        cmocka_unit_test(leaves_open_files_alone),
        cmocka_unit_test(sparse_files),
        cmocka_unit_test(sparse_without_nodata),
        cmocka_unit_test(constant_tiles_are_the_same),
    };
    return cmocka_run_group_tests_name("memory", tests, write_scenes, temp_end);
}
