// test_crops.c - more dates than there is memory for a tile of each: pieces have crops of tiles,
// which are decoded again and again. Whatever the layout of the files, the result is that of a
// plain loop over their pixels, in memory that is counted, and how often a tile is decoded is what
// the plan says.

#define _DEFAULT_SOURCE         // wait4
#define _DARWIN_C_SOURCE
#define _XOPEN_SOURCE 700

#include "oracle.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { W = 200, H = 170, N = W * H, BANDS = 2, DATES = 40, MISSING = 7, PERCENT = 30,
       MEGABYTE = 1 << 20 };

static uint16_t pixels[DATES][BANDS * N];

static const struct { const char *name; tiff_spec spec; } layouts[] = {
    { "lzw", { .tile_width = 128, .tile_height = 128, .compression = COMPRESSION_LZW,
               .predictor = 2 } },
    { "planar", { .tile_width = 112, .tile_height = 80, .planar = true,
                  .compression = COMPRESSION_ADOBE_DEFLATE } },
    { "strip", { .compression = COMPRESSION_ADOBE_DEFLATE } },
    { "strips", { .rows_per_strip = 71, .planar = true, .compression = COMPRESSION_LZW } },
    { "plain", { .tile_width = 256, .tile_height = 256 } },
    { "big_endian", { .mode = "wb", .rows_per_strip = H } }
};

static uint16_t pixel_of(int date, int band, int i)
{
    return (uint16_t)(noise((uint64_t)((date * BANDS + band) * N + i)) % 97);
}

static int write_dates(void **state)
{
    if (temp_begin(state)) return -1;
    for (int k = 0; k < DATES; k++)
        for (int i = 0; i < BANDS * N; i++) pixels[k][i] = pixel_of(k, i / N, i % N);
    for (size_t l = 0; l < COUNT_OF(layouts); l++)
        for (int k = 0; k < DATES; k++) {
            tiff_spec spec = layouts[l].spec;
            spec.width = W, spec.height = H, spec.bands = BANDS, spec.dtype = GWT_UINT16;
            spec.nodata = "7";
            tiff_write(temp_path("%s%d.tif", layouts[l].name, k), &spec, pixels[k]);
        }
    return 0;
}

// In a process of its own: 120 dates, a tile of each takes 31 MB.
static void stays_within_its_limit(void **state)
{
    enum { SIDE = 360, MANY = 120, LIMIT = 8 };
    (void)state;
    if (SLOW) skip();           // memory is a sanitizer's
    static uint16_t image[SIDE * SIDE];
    const char *names[MANY];
    for (int k = 0; k < MANY; k++) {
        names[k] = temp_path("many%d.tif", k);
        for (int i = 0; i < SIDE * SIDE && k < 3; i++)
            image[i] = (uint16_t)(noise((uint64_t)(k * SIDE * SIDE + i)) % 50);
        if (k < 3)
            tiff_write(names[k], &(tiff_spec){ .width = SIDE, .height = SIDE, .dtype = GWT_UINT16,
                                               .compression = COMPRESSION_LZW }, image);
        else assert_int_equal(link(names[k % 3], names[k]), 0);
    }
    for (int workers = 1; workers <= 4; workers += 3) {
        struct rusage use;
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            gwt *g = gwt_begin(.num_workers = workers, .memory_limit = LIMIT * MEGABYTE,
                               .quiet = true);
            gwt_array *a = gwt_open_many(g, names, MANY, .stack = GWT_TIME);
            gwt_save(gwt_reduce(a, GWT_TIME, GWT_MEDIAN), temp_path("out.tif"), .overwrite = true);
            _exit(gwt_end(g));
        }
        REQUIRE(child > 0 && wait4(child, &status, 0, &use) == child, "no child");
        REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d workers: failed", workers);
#ifndef __APPLE__
        use.ru_maxrss *= 1024;
#endif
        REQUIRE(use.ru_maxrss < (LIMIT + 28) * MEGABYTE, "%d workers: %ld bytes of memory", workers,
                (long)use.ru_maxrss);
    }
}

// `mixed`: each date of another layout.
static gwt_array *stack(gwt *g, size_t layout, bool mixed)
{
    const char *names[DATES];
    for (int k = 0; k < DATES; k++)
        names[k] = temp_path("%s%d.tif",
                             layouts[mixed ? (size_t)k % COUNT_OF(layouts) : layout].name, k);
    return gwt_open_many(g, names, DATES, .stack = GWT_TIME);
}

static double over_dates(gwt_stat stat, int band, int i)
{
    double x[DATES];
    int n = 0;
    for (int k = 0; k < DATES; k++)
        if (pixels[k][band * N + i] != MISSING) x[n++] = pixels[k][band * N + i];
    return stat_of(x, n, stat, PERCENT);
}

static void expect(const double *got, gwt_stat stat, const char *what)
{
    static double wanted[32][BANDS * N];
    static bool known[COUNT_OF(wanted)];
    REQUIRE((size_t)stat < COUNT_OF(known), "more statistics than that");
    for (int i = 0; i < BANDS * N && !known[stat]; i++)
        wanted[stat][i] = over_dates(stat, i / N, i % N);
    known[stat] = true;
    for (int i = 0; i < BANDS * N; i++) {
        double want = wanted[stat][i];
        REQUIRE(same_double(got[i], want) || fabs(got[i] - want) < 1e-9,
                "%s: band %d, row %d, column %d: %.17g, not %.17g", what, i / N, i % N / W, i % W,
                got[i], want);
    }
}

// A tile of each date takes 0.7 to 10 MB, and a piece has parts of up to four.
static const size_t limits[] = { 0, 1500000, 1000000 };

static void every_layout(void **state)
{
    static const gwt_stat stats[] = { GWT_MEDIAN, GWT_PERCENTILE, GWT_MODE };
    (void)state;
    for (size_t l = 0; l <= COUNT_OF(layouts); l++)
        for (size_t m = 0; m < COUNT_OF(limits); m++)
            for (int workers = 1; workers <= 4; workers += 3) {
                const char *what = l < COUNT_OF(layouts) ? layouts[l].name : "mixed";
                gwt_plan plan;
                if (SLOW && (m == 1 || workers == 1)) continue;
                gwt *g = gwt_begin(.num_workers = workers, .memory_limit = limits[m],
                                   .quiet = true);
                gwt_array *a = stack(g, l, l == COUNT_OF(layouts));
                gwt_stat stat = stats[(l + m) % COUNT_OF(stats)];
                gwt_array *r = gwt_reduce(a, GWT_TIME, stat, .percentile = PERCENT);
                REQUIRE(gwt_plan_of(r, &plan), "%s: limit %zu: %s", what, limits[m],
                        gwt_message(g));
                REQUIRE(limits[m] ? plan.decodes > 1 : plan.decodes == 1,
                        "%s: limit %zu: decoded %g times", what, limits[m], plan.decodes);
                double *got = gwt_compute(r, .dtype = GWT_FLOAT64);
                EXPECT_OK(g);
                expect(got, stat, what);
                gwt_free(got);
                assert_int_equal(gwt_end(g), 0);
            }
}

// What pieces need begins anywhere in a tile; a row and column of three; halos around it.
static void elsewhere_in_tiles(void **state)
{
    enum { TOP = 37, LEFT = 53, ROWS = 121, COLS = 140 };
    (void)state;
    for (size_t l = 0; l < COUNT_OF(layouts); l++)
        for (int halo = 0; halo <= 1; halo++) {
            gwt *g = gwt_begin(.num_workers = 3, .memory_limit = limits[1 + halo], .quiet = true);
            gwt_array *a = gwt_sel(stack(g, l, true), "2");
            gwt_array *r = gwt_window(gwt_reduce(a, GWT_TIME, GWT_MEDIAN), TOP, LEFT, ROWS, COLS);
            if (halo) r = gwt_moving(r, .statistic = GWT_MAX, .window = 3);
            double *got = gwt_compute(r, .dtype = GWT_FLOAT64);
            EXPECT_OK(g);
            for (int i = 0; i < ROWS * COLS; i++) {
                int row = i / COLS, col = i % COLS;
                double want = (double)NAN;
                for (int y = row - halo; y <= row + halo; y++)
                    for (int x = col - halo; x <= col + halo; x++)
                        if (y >= 0 && y < ROWS && x >= 0 && x < COLS)
                            want = fmax(want, over_dates(GWT_MEDIAN, 1,
                                                         (y + TOP) * W + x + LEFT));
                REQUIRE(same_double(got[i], want), "row %d, column %d: %g, not %g", row, col,
                        got[i], want);
            }
            gwt_free(got);
            assert_int_equal(gwt_end(g), 0);
        }
}

// A tile that can't be decoded is filled all over, though of most crops there is nothing wrong.
static void bad_tiles(void **state)
{
    (void)state;
    size_t size;
    const char *path = temp_path("lzw3.tif");
    unsigned char *file = file_read(path, &size), *bad = malloc(size);
    TIFF *tif = TIFFOpen(path, "r");
    uint64_t at = TIFFGetStrileOffset(tif, 0), n = TIFFGetStrileByteCount(tif, 0);
    TIFFClose(tif);
    memcpy(bad, file, size);
    memset(bad + at + n - n / 8, 255, n / 8);       // codes that there are not, or an early end
    file_write(path, bad, size);
    for (int limited = 0; limited < 2; limited++) {
        const char *names[DATES];
        for (int k = 0; k < DATES; k++) names[k] = temp_path("lzw%d.tif", k);
        gwt *g = gwt_begin(.num_workers = 2, .memory_limit = limited ? limits[1] : 0,
                           .quiet = true);
        gwt_array *a = gwt_open_many(g, names, DATES, .stack = GWT_TIME, .fill_bad_tiles = true);
        double *got = gwt_compute(gwt_reduce(a, GWT_TIME, GWT_MEDIAN), .dtype = GWT_FLOAT64);
        EXPECT_OK(g);
        for (int i = 0; i < BANDS * N; i++) {
            uint16_t kept = pixels[3][i];
            if (i % N / W < 128 && i % W < 128) pixels[3][i] = MISSING;
            double want = over_dates(GWT_MEDIAN, i / N, i % N);
            pixels[3][i] = kept;
            REQUIRE(same_double(got[i], want), "limit %zu: row %d, column %d: %g, not %g",
                    limited ? limits[1] : 0, i % N / W, i % W, got[i], want);
        }
        gwt_free(got);
        gwt_array *strict = gwt_reduce(stack(g, 0, false), GWT_TIME, GWT_MEDIAN);
        assert_null(gwt_compute(strict));
        EXPECT_ERROR(g, GWT_E_FORMAT, "lzw3.tif: tile 0 (rows 0..127, columns 0..127) can't be");
        gwt_end(g);
    }
    file_write(path, file, size);
    free(file);
    free(bad);
}

// Once for each piece: what is decoded is what the plan says.
static void plans_say_so(void **state)
{
    static const size_t of[] = { 0, 2, 4 };
    (void)state;
    for (size_t l = 0; l < COUNT_OF(of); l++)
        for (size_t m = 0; m < COUNT_OF(limits); m++) {
            gwt_plan plan;
            const gwt_profile *profile;
            double reads = 0;
            char text[4096] = "", line[64];
            gwt *g = gwt_begin(.num_workers = 2, .memory_limit = limits[m], .quiet = true);
            gwt_array *r = gwt_reduce(stack(g, of[l], false), GWT_TIME, GWT_MEDIAN);
            FILE *to = tmpfile();
            assert_true(to && gwt_print_plan(r, to) && gwt_plan_of(r, &plan));
            rewind(to);
            assert_true(fread(text, 1, sizeof text - 1, to) > 0);
            fclose(to);
            gwt_profile_begin(g);
            gwt_free(gwt_compute(r));
            profile = gwt_profile_end(g);
            EXPECT_OK(g);
            for (size_t i = 0; i < profile->num_events; i++)
                reads += profile->events[i].stage == GWT_STAGE_READ && profile->events[i].ends;
            REQUIRE(fabs(reads - plan.decodes * (double)plan.source_tiles) < 1e-6,
                    "%s, limit %zu: %g reads, "
                    "not %g of %lld tiles", layouts[of[l]].name, limits[m], reads, plan.decodes,
                    (long long)plan.source_tiles);
            snprintf(line, sizeof line, "each decoded %.1f times, as memory is short",
                     plan.decodes);
            REQUIRE(strstr(text, limits[m] ? line : "each decoded once"), "%s: %s", line, text);
            gwt_end(g);
        }
}

// The number that a refusal names is enough; no more than that is a whole tile decoded too often.
static void refuses_what_takes_too_long(void **state)
{
    (void)state;
    for (size_t l = 0; l < COUNT_OF(layouts); l += 2) {
        size_t limit = 50000;
        double *got = NULL;
        for (int tries = 0; !got; tries++) {
            double megabytes = 0;
            gwt_plan plan;
            gwt *g = gwt_begin(.num_workers = 2, .memory_limit = limit, .quiet = true);
            gwt_array *r = gwt_reduce(stack(g, l, false), GWT_TIME, GWT_MEDIAN);
            got = gwt_compute(r, .dtype = GWT_FLOAT64);
            if (got) {
                assert_int_equal(tries, 1);
                assert_true(gwt_plan_of(r, &plan) && plan.decodes > 1 && plan.decodes < 130);
            } else {
                assert_int_equal(tries, 0);
                assert_int_equal(sscanf(gwt_message(g), "this takes %lf MB", &megabytes), 1);
                EXPECT_ERROR(g, GWT_E_MEMORY, ".memory_limit is 0.1 MB");
                limit = (size_t)(megabytes * 1e6);
            }
            gwt_end(g);
        }
        expect(got, GWT_MEDIAN, layouts[l].name);
        gwt_free(got);
    }
}

// A few large strips: pieces are groups of tiles. Their bytes do not know of it.
static void large_strips(void **state)
{
    enum { SIDE = 1100, FEW = 5, ALL = SIDE * SIDE };
    (void)state;
    uint16_t *image = malloc(FEW * (size_t)ALL * sizeof *image);
    const char *names[FEW];
    assert_non_null(image);
    for (int k = 0; k < FEW; k++) {
        for (int i = 0; i < ALL; i++)
            image[k * ALL + i] = (uint16_t)(noise((uint64_t)(k * ALL + i)) % 500);
        names[k] = temp_path("large%d.tif", k);
        tiff_write(names[k], &(tiff_spec){ .width = SIDE, .height = SIDE, .dtype = GWT_UINT16,
                                           .compression = COMPRESSION_LZW }, image + k * ALL);
    }
    for (int workers = 1; workers <= 4; workers += 3) {
        gwt_plan plan;
        gwt *g = gwt_begin(.num_workers = workers, .memory_limit = 12 * MEGABYTE, .quiet = true);
        gwt_array *r = gwt_reduce(gwt_open_many(g, names, FEW, .stack = GWT_TIME), GWT_TIME,
                                  GWT_MEDIAN);
        assert_true(gwt_plan_of(r, &plan));
        REQUIRE(plan.decodes > 1 && plan.decodes <= 25, "decoded %g times", plan.decodes);
        if (workers == 1) assert_true(plan.pieces < plan.tiles);
        double *got = gwt_compute(r, .dtype = GWT_FLOAT64);
        EXPECT_OK(g);
        for (int i = 0; i < ALL; i++) {
            double x[FEW];
            for (int k = 0; k < FEW; k++) x[k] = image[k * ALL + i];
            double want = stat_of(x, FEW, GWT_MEDIAN, 50);
            REQUIRE(got[i] == want, "row %d, column %d: %g, not %g", i / SIDE, i % SIDE, got[i],
                    want);
        }
        gwt_free(got);
        gwt_end(g);
    }
    free(image);
}

// Strips of one row, of which a piece has but a few pixels: none is decoded more often than is said,
// and the number of a refusal will do.
static void flat_strips(void **state)
{
    enum { WIDE = 8000, HIGH = 16, DATES_OF = 40 };
    static uint16_t row[WIDE * HIGH];
    const char *names[DATES_OF];
    int refused = 0, cropped = 0;
    (void)state;
    for (int i = 0; i < WIDE * HIGH; i++) row[i] = (uint16_t)(noise((uint64_t)i) % 500);
    for (int k = 0; k < DATES_OF; k++) {
        names[k] = temp_path("flat%d.tif", k);
        tiff_write(names[k], &(tiff_spec){ .width = WIDE, .height = HIGH, .dtype = GWT_UINT16,
                                           .rows_per_strip = 1, .compression = COMPRESSION_LZW },
                   row);
    }
    for (double limit = 1e5; limit < 64e6; limit *= 1.4) {
        gwt_plan plan;
        double megabytes = 0;
        gwt *g = gwt_begin(.num_workers = 1, .memory_limit = (size_t)limit, .quiet = true);
        gwt_array *r = gwt_reduce(gwt_open_many(g, names, DATES_OF, .stack = GWT_TIME), GWT_TIME,
                                  GWT_MEDIAN);
        if (gwt_plan_of(r, &plan)) {
            REQUIRE(plan.decodes <= 128, "%g bytes: decoded %g times", limit, plan.decodes);
            cropped += plan.decodes > 1;
        } else {
            assert_int_equal(sscanf(gwt_message(g), "this takes %lf MB", &megabytes), 1);
            REQUIRE(megabytes * 1e6 > limit, "%g bytes: %s", limit, gwt_message(g));
            refused++;
        }
        gwt_end(g);
        if (megabytes == 0) continue;
        g = gwt_begin(.num_workers = 1, .memory_limit = (size_t)(megabytes * 1e6), .quiet = true);
        r = gwt_reduce(gwt_open_many(g, names, DATES_OF, .stack = GWT_TIME), GWT_TIME, GWT_MEDIAN);
        REQUIRE(gwt_plan_of(r, &plan) && plan.decodes <= 128, "%g bytes, then %g MB: %s", limit,
                megabytes, gwt_message(g));
        gwt_end(g);
    }
    REQUIRE(refused > 0 && cropped > 0, "%d refused, %d with crops", refused, cropped);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stays_within_its_limit),
        cmocka_unit_test(every_layout),
        cmocka_unit_test(elsewhere_in_tiles),
        cmocka_unit_test(bad_tiles),
        cmocka_unit_test(plans_say_so),
        cmocka_unit_test(refuses_what_takes_too_long),
        cmocka_unit_test(large_strips),
        cmocka_unit_test(flat_strips),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("crops", tests, write_dates, temp_end);
}
