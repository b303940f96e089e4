// test_arrays.c - operations that look at many pixels, dates or bands: reductions, moving windows,
// users' kernels, cuts, resampling, mosaics, indices. Against plain loops over small arrays
// (oracle.h, and the functions of cubes here), with and without missing pixels, in chunks that cut
// through everything.

#define _XOPEN_SOURCE 700

#include "oracle.h"

#include <stdatomic.h>
#include <stdio.h>

// ---- cubes ------------------------------------------------------------------------------------

// [time][band][row][column], NaN where missing.
typedef struct cube { int times, bands, rows, cols; double *v; } cube;

// What a test allocates; freed by `forget` when it ends, however it does.
static void *kept[100000];
static int num_kept;

static void *keep(size_t size)
{
    REQUIRE(num_kept < (int)COUNT_OF(kept), "too many cubes");
    void *p = kept[num_kept++] = calloc(size ? size : 1, 1);
    REQUIRE(p, "out of memory");
    return p;
}

static int forget(void **state)
{
    (void)state;
    while (num_kept) free(kept[--num_kept]);
    return 0;
}

static cube cube_new(int times, int bands, int rows, int cols)
{
    size_t count = (size_t)times * (size_t)bands * (size_t)rows * (size_t)cols;
    return (cube){ times, bands, rows, cols, keep(count * sizeof(double)) };
}

static int planes_of(const cube *c) { return c->times * c->bands; }
static int count_of(const cube *c) { return planes_of(c) * c->rows * c->cols; }

static plane plane_of(const cube *c, int p)
{
    return (plane){ c->rows, c->cols, c->v + (size_t)p * (size_t)(c->rows * c->cols) };
}

static double *cell(const cube *c, int p, int row, int col)
{
    return &c->v[(p * c->rows + row) * c->cols + col];
}

// A value of the result at a pixel, from a cube and what else is needed.
typedef double at_pixel(const cube *c, int p, int row, int col, const void *with);

// A cube of another size, pixel by pixel.
static cube mapped(const cube *c, int rows, int cols, at_pixel *fn, const void *with)
{
    cube r = cube_new(c->times, c->bands, rows, cols);
    for (int p = 0; p < planes_of(c); p++)
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < cols; x++) *cell(&r, p, y, x) = fn(c, p, y, x, with);
    return r;
}

// ---- the same by definition -------------------------------------------------------------------

typedef struct statistic { gwt_stat stat; double percentile; int window; } statistic;

static cube reduced(const cube *c, gwt_dim dim, const statistic *s)
{
    cube r = cube_new(dim == GWT_TIME ? 1 : c->times, dim == GWT_TIME ? c->bands : 1, c->rows,
                      c->cols);
    int n = dim == GWT_TIME ? c->times : c->bands;
    double *values = keep((size_t)n * sizeof *values);
    for (int p = 0; p < planes_of(&r); p++)
        for (int i = 0; i < c->rows * c->cols; i++) {
            int found = 0, best = -1;
            double most = NAN;
            for (int k = 0; k < n; k++) {
                int from = dim == GWT_TIME ? k * c->bands + p : p * c->bands + k;
                double v = c->v[from * c->rows * c->cols + i];
                if (isnan(v)) continue;
                if (best < 0 || v > most) best = k, most = v;
                values[found++] = v;
            }
            r.v[p * c->rows * c->cols + i] = s->stat != GWT_ARGMAX
                ? stat_of(values, found, s->stat, s->percentile) : found ? best : NAN;
        }
    return r;
}

static double moving_at(const cube *c, int p, int row, int col, const void *with)
{
    static double values[101 * 101];
    const statistic *s = with;
    plane of = plane_of(c, p);
    int n = window_values(&of, row, col, s->window, values);
    return stat_of(values, n, s->stat, s->percentile);
}

static cube moved(const cube *c, const statistic *s)
{
    return mapped(c, c->rows, c->cols, moving_at, s);
}

static double shifted_at(const cube *c, int p, int row, int col, const void *with)
{
    const int *by = with;
    plane of = plane_of(c, p);
    return plane_at(&of, row + by[0], col + by[1]);
}

// Its part from (row, col) on, missing where it has none.
static cube cut(const cube *c, int row, int col, int rows, int cols)
{
    return mapped(c, rows, cols, shifted_at, (int[]){ row, col });
}

typedef struct resampling { relation relation; gwt_resampling method; } resampling;

static double resampled_at(const cube *c, int p, int row, int col, const void *with)
{
    const resampling *s = with;
    plane of = plane_of(c, p);
    return resampled(&of, &s->relation, s->method, row, col);
}

typedef double of_two(double a, double b);

static double sum_of(double a, double b) { return a + b; }
static double less(double a, double b) { return a - b; }
static double larger(double a, double b) { return isnan(a) || isnan(b) ? NAN : a > b ? a : b; }

// Shapes in time and band are equal, or 1.
static cube joined(const cube *a, const cube *b, of_two *fn)
{
    cube r = cube_new(a->times > b->times ? a->times : b->times,
                      a->bands > b->bands ? a->bands : b->bands, a->rows, a->cols);
    assert_true(a->rows == b->rows && a->cols == b->cols);
    for (int t = 0; t < r.times; t++)
        for (int k = 0; k < r.bands; k++)
            for (int i = 0; i < r.rows * r.cols; i++) {
                int pa = (a->times > 1 ? t : 0) * a->bands + (a->bands > 1 ? k : 0);
                int pb = (b->times > 1 ? t : 0) * b->bands + (b->bands > 1 ? k : 0);
                r.v[(t * r.bands + k) * r.rows * r.cols + i] =
                    fn(a->v[pa * r.rows * r.cols + i], b->v[pb * r.rows * r.cols + i]);
            }
    return r;
}

// ---- arrays of cubes --------------------------------------------------------------------------

static double nodata_of(gwt_dtype dtype)
{
    switch (dtype) {
    case GWT_UINT8: return 255;
    case GWT_INT8: return -128;
    case GWT_UINT16: return 65535;
    case GWT_UINT32: return 4294967295.0;
    case GWT_UINT64: return 1e15;
    default: return -9999;
    }
}

// Numbers of a type, in one of `holes` pixels (0: in none) missing; never its nodata value.
static cube noisy(gwt_dtype dtype, int times, int bands, int rows, int cols, uint64_t seed,
                  int holes)
{
    cube c = cube_new(times, bands, rows, cols);
    for (int i = 0; i < count_of(&c); i++) {
        uint64_t bits = noise(seed * 7919 + (uint64_t)i);
        double v = (double)(bits % 4001);
        if (dtype == GWT_UINT8) v = (double)(bits % 250);
        if (dtype == GWT_INT8) v = (double)(bits % 240) - 120;
        if (dtype == GWT_INT16 || dtype == GWT_INT32 || dtype == GWT_INT64) v -= 2000;
        if (is_float(dtype)) v = (double)(float)((v - 2000) / 7);
        c.v[i] = holes && bits / 4096 % (uint64_t)holes == 0 ? NAN : v;
    }
    return c;
}

static const double utm[6] = { 30, 0, 452475, 0, -30, 3408645 };

typedef struct storage { gwt_dtype dtype; const double *t; int epsg; bool no_nodata; } storage;

// A file a date, stored in one way or another, stacked and in small chunks.
static gwt_array *stored(gwt *g, const cube *c, const storage *s)
{
    static int number;
    gwt_array *dates[16];
    char nodata[32];
    double none = nodata_of(s->dtype), *raw = keep((size_t)count_of(c) * sizeof *raw);
    geo_place place;
    snprintf(nodata, sizeof nodata, "%.17g", none);
    for (int i = 0; i < count_of(c); i++) raw[i] = isnan(c->v[i]) ? none : c->v[i];
    for (int t = 0; t < c->times; t++) {
        int way = number++ % 4;
        tiff_spec spec = { .width = c->cols, .height = c->rows, .bands = c->bands,
                           .dtype = s->dtype, .planar = way == 1,
                           .tile_width = way < 2 ? 16 : 0, .tile_height = way < 2 ? 16 : 0,
                           .rows_per_strip = way == 2 ? 3 : 0,
                           .geo = geo_at(&place, s->epsg ? s->epsg : 32616, s->t ? s->t : utm),
                           .nodata = s->no_nodata ? NULL : nodata };
        dates[t] = array_of(g, &spec, raw + (size_t)t * (size_t)(c->bands * c->rows * c->cols));
    }
    gwt_array *a = c->times > 1 ? gwt_stack(dates, (size_t)c->times, GWT_TIME) : dates[0];
    return gwt_rechunk(a, 7, 11);
}

static gwt_array *of_type(gwt *g, const cube *c, gwt_dtype dtype)
{
    return stored(g, c, &(storage){ .dtype = dtype });
}

// What an array holds is a cube, up to a relative error (of numbers below 1: an absolute one).
static void expect(gwt *g, gwt_array *a, const cube *want, double tolerance, const char *format,
                   ...)
{
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    REQUIRE(a && gwt_status(g) == GWT_OK, "%s: %s", what, gwt_message(g));
    const int64_t *n = gwt_describe(a)->shape;
    REQUIRE(n[0] == want->times && n[1] == want->bands && n[2] == want->rows && n[3] == want->cols,
            "%s: shape %d x %d x %d x %d", what, (int)n[0], (int)n[1], (int)n[2], (int)n[3]);
    double *got = VALUES_OF(a);
    for (int i = 0; i < count_of(want); i++) {
        double v = want->v[i], off = fabs(got[i] - v);
        REQUIRE(same_double(got[i], v) || off <= tolerance * fmax(1, fabs(v)),
                "%s: plane %d, row %d, column %d is %.17g, not %.17g", what,
                i / (want->rows * want->cols), i / want->cols % want->rows, i % want->cols, got[i],
                v);
    }
    gwt_free(got);
}

static void expect_names(const char *const *names, int n, ...)
{
    va_list args;
    va_start(args, n);
    for (int i = 0; i < n; i++) assert_string_equal(names[i], va_arg(args, const char *));
    va_end(args);
}

static void expect_place(const gwt_info *info, const double *t)
{
    for (int i = 0; i < 6; i++)
        REQUIRE(fabs(info->transform[i] - t[i]) <= 1e-9 * fabs(t[i]), "transform[%d] is %.17g, not "
                "%.17g", i, info->transform[i], t[i]);
    double right = t[2] + t[0] * (double)info->shape[3];
    double bottom = t[5] + t[4] * (double)info->shape[2];
    gwt_bounds b = info->bounds;
    assert_true(b.set && fabs(b.left - t[2]) < 1e-6 && fabs(b.bottom - bottom) < 1e-6);
    assert_true(fabs(b.right - right) < 1e-6 && fabs(b.top - t[5]) < 1e-6);
    assert_true(info->has_transform && info->has_crs && info->epsg == 32616);
}

static bool keeps_type(gwt_stat s)
{
    return s == GWT_MIN || s == GWT_MAX || s == GWT_FIRST || s == GWT_LAST || s == GWT_MODE;
}

static bool is_truth(gwt_stat s) { return s == GWT_ALL || s == GWT_ANY; }

// ---- reductions -------------------------------------------------------------------------------

static const statistic statistics[] = {
    { GWT_MEAN, 0, 3 }, { GWT_SUM, 0, 3 }, { GWT_MIN, 0, 3 }, { GWT_MAX, 0, 3 }, { GWT_STD, 0, 3 },
    { GWT_VAR, 0, 3 }, { GWT_MEDIAN, 0, 3 }, { GWT_PERCENTILE, 0, 3 }, { GWT_PERCENTILE, 100, 3 },
    { GWT_PERCENTILE, 33.3, 3 }, { GWT_PERCENTILE, 90, 3 }, { GWT_COUNT, 0, 3 },
    { GWT_FIRST, 0, 3 }, { GWT_LAST, 0, 3 }, { GWT_ARGMAX, 0, 3 }, { GWT_SKEW, 0, 3 },
    { GWT_RANGE, 0, 3 }, { GWT_MODE, 0, 3 }, { GWT_ALL, 0, 3 }, { GWT_ANY, 0, 3 }
};

static void check_reduction(gwt *g, gwt_array *a, const cube *c, gwt_dtype dtype, gwt_dim dim)
{
    for (size_t i = 0; i < COUNT_OF(statistics); i++) {
        const statistic *s = &statistics[i];
        gwt_array *r = gwt_reduce(a, dim, s->stat, .percentile = s->percentile);
        cube want = reduced(c, dim, s);
        expect(g, r, &want, 1e-12, "%s, statistic %d of %d bands, dim %d", gwt_dtype_name(dtype),
               (int)i, c->bands, (int)dim);
        const gwt_info *info = gwt_describe(r);
        bool counts = s->stat == GWT_COUNT || s->stat == GWT_ARGMAX;
        assert_int_equal(info->dtype, keeps_type(s->stat) ? dtype : counts ? GWT_INT32
                                      : is_truth(s->stat) ? GWT_UINT8 : GWT_FLOAT64);
        assert_true(info->nodata.set
                    == (keeps_type(s->stat) || is_truth(s->stat) || s->stat == GWT_ARGMAX));
        if (s->stat == GWT_ARGMAX) assert_true(info->nodata.value == -1);
        else if (is_truth(s->stat)) assert_true(info->nodata.value == 255);
        else if (info->nodata.set) assert_true(info->nodata.value == nodata_of(dtype));
    }
}

static void reductions_by_definition(void **state)
{
    (void)state;
    for (size_t d = 0; d < DTYPES; d++)
        for (int holes = 0; holes < 3; holes++) {
            gwt *g = gwt_begin(.num_workers = 3);
            // 0: none; 1: some; 2: most, so that whole pixels are.
            cube c = noisy(all_dtypes[d], 5, 4, 13, 17, 10 * d + (uint64_t)holes,
                           holes == 2 ? 2 : holes ? 6 : 0);
            gwt_array *a = of_type(g, &c, all_dtypes[d]);
            check_reduction(g, a, &c, all_dtypes[d], GWT_TIME);
            check_reduction(g, a, &c, all_dtypes[d], GWT_BAND);
            assert_int_equal(gwt_end(g), 0);
            forget(NULL);
        }
}

// One, two, and more than there are registers for.
static void reductions_of_few_and_many(void **state)
{
    (void)state;
    static const int numbers[] = { 1, 2, 3, 16, 41 };
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        gwt *g = gwt_begin(.num_workers = 2);
        cube c = noisy(GWT_INT16, 1, numbers[i], 9, 10, i, 5);
        check_reduction(g, of_type(g, &c, GWT_INT16), &c, GWT_INT16, GWT_BAND);
        assert_int_equal(gwt_end(g), 0);
    }
}

// All dates one and the same; and the largest twice.
static void reductions_of_ties(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1);
    cube c = cube_new(4, 1, 3, 5);
    for (int i = 0; i < count_of(&c); i++) c.v[i] = i % 5 == 0 ? 7 : (double)(i * i % 3) - 1;
    check_reduction(g, of_type(g, &c, GWT_INT16), &c, GWT_INT16, GWT_TIME);
    assert_int_equal(gwt_end(g), 0);
}

// Skewness by hand, of 0 0 0 1 and of what rounding makes of equal values, and the smallest of the
// most frequent ones.
static void skew_and_mode_by_hand(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1);
    static const double pixels[6][4] = { { 0, 0, 0, 1 }, { 0.1, 0.1, 0.1, NAN }, { 3, 1, 3, 1 },
                                         { 7, NAN, NAN, NAN }, { 1, 2, 2, 5 }, { 9, 4, 8, 4 } };
    // 1 2 2 5: deviations -1.5 -0.5 -0.5 2.5, squares 9, cubes 12; 9 4 8 4: 2.75 -2.25 1.75 -2.25.
    const double skews[6] = { 2 / sqrt(3), NAN, 0, NAN, 12.0 / 4 / pow(9.0 / 4, 1.5),
                              (20.796875 - 2 * 11.390625 + 5.359375) / 4 / pow(20.75 / 4, 1.5) };
    static const double modes[6] = { 0, 0.1, 1, 7, 2, 4 };
    cube c = cube_new(4, 1, 1, 6), skew = cube_new(1, 1, 1, 6), mode = cube_new(1, 1, 1, 6);
    for (int i = 0; i < 6; i++) {
        for (int t = 0; t < 4; t++) c.v[t * 6 + i] = pixels[i][t];
        skew.v[i] = skews[i];
        mode.v[i] = modes[i];
    }
    gwt_array *a = of_type(g, &c, GWT_FLOAT64);
    expect(g, gwt_reduce(a, GWT_TIME, GWT_SKEW), &skew, 1e-14, "skewness");
    expect(g, gwt_reduce(a, GWT_TIME, GWT_MODE), &mode, 0, "mode");
    assert_int_equal(gwt_end(g), 0);
}

// In order of time, whatever that of the dates; December with the January after it; days from the
// earliest date on.
static void periods_are_named(void **state)
{
    (void)state;
    static const char *const dates[] = { "2021-03-01", "2020-12-31", "2020-01-31", "2021-01-01",
                                         "2020-11-30", NULL };
    static const double values[5] = { 1, 2, 4, 8, 16 };
    static const struct { const char *by, *names[5]; double sums[5]; } cases[] = {
        { "month", { "2020-01", "2020-11", "2020-12", "2021-01", "2021-03" }, { 4, 16, 2, 8, 1 } },
        { "quarter", { "2020Q1", "2020Q4", "2021Q1" }, { 4, 18, 9 } },
        { "season", { "2020DJF", "2020SON", "2021DJF", "2021MAM" }, { 4, 16, 10, 1 } },
        { "year", { "2020", "2021" }, { 22, 9 } },
        { "366d", { "2020-01-31", "2021-01-31" }, { 30, 1 } },
        { "1d", { "2020-01-31", "2020-11-30", "2020-12-31", "2021-01-01", "2021-03-01" },
          { 4, 16, 2, 8, 1 } }
    };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = gwt_from_memory(g, values, sizeof values, GWT_FLOAT64,
                                   ((const int64_t[4]){ 5, 1, 1, 1 }), .time_names = dates);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        gwt_array *r = gwt_reduce(a, GWT_TIME, GWT_SUM, .by = cases[i].by);
        double *got = gwt_compute(r);
        REQUIRE(got, "%s: %s", cases[i].by, gwt_message(g));
        const gwt_info *info = gwt_describe(r);
        for (int64_t t = 0; t < info->shape[0]; t++) {
            assert_string_equal(info->time_names[t], cases[i].names[t]);
            assert_true(got[t] == cases[i].sums[t]);
        }
        assert_true(info->shape[0] == 5 || !cases[i].names[info->shape[0]]);
        gwt_free(got);
    }
    static const char *const wrong[] = { "week", "0d", "-3d", "d", "10", "" };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_null(gwt_reduce(a, GWT_TIME, GWT_SUM, .by = wrong[i]));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "month, quarter, season, year");
    }
    assert_null(gwt_reduce(a, GWT_BAND, GWT_SUM, .by = "month"));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "GWT_TIME");
    assert_int_equal(gwt_end(g), 0);
}

// ---- along time -------------------------------------------------------------------------------

enum { SERIES_TIMES = 4, SERIES_PIXELS = 6 };

// Of those days: some are missing, all but one, none, all, none, all between two.
static const char *const series_dates[] = { "2021-01-01", "2021-01-03", "2021-01-11",
                                            "2022-01-01", NULL };
static const double series_values[SERIES_TIMES][SERIES_PIXELS] = {
    { 1, NAN, 2, NAN, 0, 7 }, { NAN, 4, 2, NAN, 8, NAN }, { 6, NAN, 2, NAN, 40, NAN },
    { NAN, NAN, 2, NAN, 1460, 372 }
};

static gwt_array *series_of(gwt *g, const char *const *names)
{
    return gwt_from_memory(g, series_values, sizeof series_values, GWT_FLOAT64,
                           ((const int64_t[4]){ SERIES_TIMES, 1, 1, SERIES_PIXELS }),
                           .time_names = names);
}

static void expect_series(gwt *g, gwt_array *a, int times, const double *want, const char *what)
{
    cube c = cube_new(times, 1, 1, SERIES_PIXELS);
    memcpy(c.v, want, (size_t)count_of(&c) * sizeof *c.v);
    expect(g, a, &c, 1e-13, "%s", what);
    assert_int_equal(gwt_describe(a)->dtype, GWT_FLOAT64);
    assert_false(gwt_describe(a)->nodata.set);
}

static void series_by_hand(void **state)
{
    (void)state;
    static const double sums[] = { 1, NAN, 2, NAN, 0, 7, 1, 4, 4, NAN, 8, 7,
                                   7, 4, 6, NAN, 48, 7, 7, 4, 8, NAN, 1508, 379 };
    static const double differences[] = { NAN, NAN, 0, NAN, 8, NAN, NAN, NAN, 0, NAN, 32, NAN,
                                          NAN, NAN, 0, NAN, 1420, NAN };
    static const double filled[] = { 1, NAN, 2, NAN, 0, 7, 2, 4, 2, NAN, 8, 9,
                                     6, NAN, 2, NAN, 40, 17, NAN, NAN, 2, NAN, 1460, 372 };
    static const double by_number[] = { 1, NAN, 2, NAN, 0, 7, 3.5, 4, 2, NAN, 8, 7 + 365.0 / 3,
                                        6, NAN, 2, NAN, 40, 7 + 730.0 / 3,
                                        NAN, NAN, 2, NAN, 1460, 372 };
    // 0.5, 4 and 1 a day; and of 0, 8, 40, 1460 at 0 to 3: means 377 and 1.5, so that
    // 1.5 * (377 + 1083) + 0.5 * (369 - 337) over 5, and 377 - 1.5 times that.
    static const double slopes[] = { 0.5 * 365.25, NAN, 0, NAN, 1461, 365.25 };
    static const double starts[] = { 1, NAN, 2, NAN, 0, 7 };
    static const double plain_slopes[] = { 2.5, NAN, 0, NAN, 441.2, 365.0 / 3 };
    static const double plain_starts[] = { 1, NAN, 2, NAN, -284.8, 7 };
    static const char *const letters[] = { "a", "b", "c", "d", NULL };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = series_of(g, series_dates), *b = series_of(g, letters), *c = series_of(g, NULL);
    expect_series(g, gwt_cumsum(a), 4, sums, "cumsum");
    expect_series(g, gwt_diff(a), 3, differences, "diff");
    expect_series(g, gwt_interpolate(a), 4, filled, "interpolate");
    expect_series(g, gwt_interpolate(b), 4, by_number, "interpolate, called by letters");
    expect_series(g, gwt_interpolate(c), 4, by_number, "interpolate, numbered");
    expect_series(g, gwt_reduce(a, GWT_TIME, GWT_SLOPE), 1, slopes, "slope");
    expect_series(g, gwt_reduce(a, GWT_TIME, GWT_INTERCEPT), 1, starts, "intercept");
    expect_series(g, gwt_reduce(b, GWT_TIME, GWT_SLOPE), 1, plain_slopes, "slope, by letters");
    expect_series(g, gwt_reduce(c, GWT_TIME, GWT_INTERCEPT), 1, plain_starts, "intercept");
    const gwt_info *later = gwt_describe(gwt_diff(a)), *all = gwt_describe(gwt_cumsum(a));
    expect_names(later->time_names, 3, "2021-01-03", "2021-01-11", "2022-01-01");
    expect_names(all->time_names, 4, "2021-01-01", "2021-01-03", "2021-01-11", "2022-01-01");
    assert_int_equal(gwt_end(g), 0);
}

// Numbers are no years: of 0, 1, 4, 9, .. the differences, of times 2 to 2000, rise by 2.
static void numbers_are_no_years(void **state)
{
    (void)state;
    enum { TIMES = 2000 };
    static double squares[TIMES];
    static const int64_t shape[4] = { TIMES, 1, 1, 1 };
    for (int i = 0; i < TIMES; i++) squares[i] = (double)i * i;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = gwt_from_memory(g, squares, sizeof squares, GWT_FLOAT64, shape);
    double *slope = VALUES_OF(gwt_reduce(gwt_diff(a), GWT_TIME, GWT_SLOPE));
    EXPECT_OK(g);
    REQUIRE(*slope == 2, "the slope is %.17g, not 2", *slope);
    gwt_free(slope);
    assert_int_equal(gwt_end(g), 0);
}

// What times are called: periods lie at their first days.
static void trends_of_periods(void **state)
{
    (void)state;
    static const double two[2] = { 3, 5 };
    static const struct { const char *names[3]; int days; } cases[] = {
        { { "2019", "2021" }, 731 }, { { "2020-02", "2020-03" }, 29 },
        { { "2021Q1", "2021Q4" }, 273 }, { { "2021DJF", "2021MAM" }, 90 },
        { { "x_20210103.tif", "20210101" }, -2 }
    };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        gwt_array *a = gwt_from_memory(g, two, sizeof two, GWT_FLOAT64,
                                       ((const int64_t[4]){ 2, 1, 1, 1 }),
                                       .time_names = cases[i].names);
        double *got = VALUES_OF(gwt_reduce(a, GWT_TIME, GWT_SLOPE));
        double want = 2 / (double)cases[i].days * 365.25;
        REQUIRE(fabs(got[0] - want) < 1e-10, "%s: %g, not %g", cases[i].names[0], got[0], want);
        gwt_free(got);
    }
    assert_int_equal(gwt_end(g), 0);
}

// Times that are only numbered, of which some could be years.
static void trend_of_numbered_times(void **state)
{
    (void)state;
    static double values[2000];
    for (int k = 0; k < 2000; k++) values[k] = 3 * k;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = gwt_from_memory(g, values, sizeof values, GWT_FLOAT64,
                                   ((const int64_t[4]){ 2000, 1, 1, 1 }));
    double *got = VALUES_OF(gwt_reduce(a, GWT_TIME, GWT_SLOPE));
    REQUIRE(got[0] == 3, "%.17g", got[0]);
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

// Two bands by one score and by one each; missing scores, missing pixels, equal scores.
static void best_by_hand(void **state)
{
    (void)state;
    static const uint8_t pixels[3][2][4] = { { { 1, 2, 9, 4 }, { 5, 6, 7, 8 } },
                                             { { 11, 12, 13, 14 }, { 15, 16, 17, 9 } },
                                             { { 21, 22, 23, 24 }, { 25, 26, 27, 28 } } };
    static const double scores[3][4] = { { 1, NAN, 5, NAN }, { 3, -2, 5, NAN }, { 3, -1, NAN, NAN } };
    static const uint8_t want[2][4] = { { 11, 22, 9, 9 }, { 15, 26, 7, 9 } };
    static const uint8_t least[2][4] = { { 1, 12, 9, 9 }, { 5, 16, 7, 9 } };
    static const uint8_t of_own[2][4] = { { 21, 22, 23, 24 }, { 25, 26, 27, 28 } };
    static const uint8_t months[2][2][4] = { { { 11, 12, 9, 9 }, { 15, 16, 7, 9 } },
                                             { { 21, 22, 9, 9 }, { 25, 26, 9, 9 } } };
    static const char *const dates[] = { "2021-03-01", "2021-03-31", "2021-04-01", NULL };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = gwt_from_memory(g, pixels, sizeof pixels, GWT_UINT8,
                                   ((const int64_t[4]){ 3, 2, 1, 4 }), .nodata = gwt_some(9),
                                   .time_names = dates);
    gwt_array *s = gwt_from_memory(g, scores, sizeof scores, GWT_FLOAT64,
                                   ((const int64_t[4]){ 3, 1, 1, 4 }));
    const struct { gwt_array *is; const void *want; size_t size; } cases[] = {
        { gwt_best(a, s, NULL), want, sizeof want },
        { gwt_best(a, gwt_neg(s), NULL), least, sizeof least },
        { gwt_best(a, a, NULL), of_own, sizeof of_own },
        { gwt_best(a, s, "month"), months, sizeof months }
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const gwt_info *info = gwt_describe(cases[i].is);
        assert_true(info->dtype == GWT_UINT8 && info->nodata.value == 9);
        uint8_t *got = gwt_compute(cases[i].is);
        REQUIRE(got && !memcmp(got, cases[i].want, cases[i].size), "case %d: %s", (int)i,
                gwt_message(g));
        gwt_free(got);
    }
    expect_names(gwt_describe(cases[3].is)->time_names, 2, "2021-03", "2021-04");
    assert_int_equal(gwt_end(g), 0);
}

static void series_refused(void **state)
{
    (void)state;
    static const char *const mixed[] = { "2021-01-01", "2021-01-03", "x", "2022-01-01", NULL };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = series_of(g, mixed), *one = gwt_sel_times(a, (const char *[]){ "x", NULL });
    gwt_array *both[] = { a, a }, *two = gwt_stack(both, 2, GWT_BAND);
    assert_null(gwt_diff(one));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "there is one");
    assert_null(gwt_reduce(one, GWT_TIME, GWT_SLOPE));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "slope takes two times or more");
    assert_null(gwt_reduce(a, GWT_BAND, GWT_INTERCEPT));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "intercept takes two bands or more");
    assert_null(gwt_reduce(a, GWT_TIME, GWT_SLOPE));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "slope: time 3, \"x\", has no date, others have");
    assert_null(gwt_interpolate(a));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "interpolate: time 3, \"x\", has no date");
    assert_null(gwt_best(a, one, NULL));
    EXPECT_ERROR(g, GWT_E_GRID, "4 times, 1 bands with a score of 1 times, 1 bands");
    assert_null(gwt_best(a, two, NULL));
    EXPECT_ERROR(g, GWT_E_GRID, "with a score of 4 times, 2 bands");
    assert_null(gwt_best(a, gwt_number(g, 1), NULL));
    EXPECT_ERROR(g, GWT_E_GRID, "with a score of 1 times");
    assert_null(gwt_best(a, NULL, NULL));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "gwt_best: array 2 of 2 is NULL");
    assert_null(gwt_best(a, a, "week"));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "month, quarter, season, year");
    assert_null(gwt_cumsum(NULL));
    assert_int_equal(gwt_end(g), 0);
}

// More dates than are sorted at once, in any order, some missing.
static void ranks_of_many(void **state)
{
    static const int dates[] = { 31, 32, 33, 64, 65, 97, 200, 1025 };
    enum { PIXELS = 12, MOST = 1025 };
    static double values[MOST * PIXELS];
    (void)state;
    for (size_t k = 0; k < COUNT_OF(dates); k++)
        for (int order = 0; order < 5; order++) {
            int n = dates[k];
            gwt *g = gwt_begin(.num_workers = 1);
            for (int t = 0; t < n; t++)
                for (int i = 0; i < PIXELS; i++) {
                    uint64_t any = noise((uint64_t)(t * PIXELS + i));
                    double v = order == 0 ? (double)(any % 1000) : order == 1 ? (double)(any % 7)
                             : order == 2 ? t : order == 3 ? -t : t % 40;
                    bool missing = i > 3 && any % 8 < (uint64_t)(i - 3);
                    values[t * PIXELS + i] = missing ? NAN : v;
                }
            gwt_array *a = gwt_from_memory(g, values, sizeof values, GWT_FLOAT64,
                                           ((const int64_t[4]){ n, 1, 3, 4 }));
            static const gwt_stat stats[] = { GWT_MEDIAN, GWT_PERCENTILE, GWT_MODE };
            for (size_t s = 0; s < COUNT_OF(stats); s++) {
                double *got = VALUES_OF(gwt_reduce(a, GWT_TIME, stats[s], .percentile = 12.5));
                EXPECT_OK(g);
                for (int i = 0; i < PIXELS; i++) {
                    static double there[MOST];
                    int count = 0;
                    for (int t = 0; t < n; t++)
                        if (values[t * PIXELS + i] == values[t * PIXELS + i])
                            there[count++] = values[t * PIXELS + i];
                    double want = stat_of(there, count, stats[s], 12.5);
                    bool none = count == 0 && got[i] != got[i];
                    REQUIRE(none || fabs(got[i] - want) < 1e-9, "%d dates, order %d, statistic %zu, pixel "
                            "%d: %g, not %g", n, order, s, i, got[i], want);
                }
                free(got);
            }
            gwt_end(g);
        }
}

// Infinities are numbers; what two of them leave open is none.
static void infinities(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    cube c = noisy(GWT_FLOAT64, 5, 1, 16, 19, 8, 6);
    for (int i = 0; i < count_of(&c); i++) {
        uint64_t bits = noise((uint64_t)i);
        if (bits % 9 == 0) c.v[i] = bits % 2 ? INFINITY : -INFINITY;
    }
    gwt_array *a = of_type(g, &c, GWT_FLOAT64);
    static const gwt_stat stats[] = { GWT_MEAN, GWT_SUM, GWT_MIN, GWT_MAX, GWT_STD, GWT_VAR,
                                      GWT_COUNT, GWT_FIRST, GWT_LAST, GWT_ARGMAX };
    for (size_t i = 0; i < COUNT_OF(stats); i++) {
        statistic s = { stats[i], 0, 3 };
        cube want = reduced(&c, GWT_TIME, &s);
        expect(g, gwt_reduce(a, GWT_TIME, s.stat), &want, 1e-12, "statistic %d", (int)s.stat);
        if (s.stat > GWT_COUNT) continue;
        want = moved(&c, &s);
        expect(g, gwt_moving(a, .statistic = s.stat), &want, 1e-6, "moving statistic %d",
               (int)s.stat);
    }
    assert_int_equal(gwt_end(g), 0);
}

static void reductions_described(void **state)
{
    (void)state;
    static const char *const two[] = { "red", "nir", NULL };
    gwt *g = gwt_begin(.num_workers = 1);
    cube c = noisy(GWT_UINT8, 3, 2, 5, 6, 1, 4);
    gwt_array *a = gwt_rename_bands(of_type(g, &c, GWT_UINT8), two);
    const gwt_info *time = gwt_describe(gwt_reduce(a, GWT_TIME, GWT_MEAN));
    expect_names(time->band_names, 2, "red", "nir");
    expect_names(time->time_names, 1, "1");
    assert_true(time->bands_named);
    expect_place(time, utm);
    const gwt_info *band = gwt_describe(gwt_reduce(a, GWT_BAND, GWT_MAX));
    expect_names(band->band_names, 1, "1");
    expect_names(band->time_names, 3, "1", "2", "3");
    assert_false(band->bands_named);
    expect_place(band, utm);
    assert_int_equal(band->nbytes, 3 * 30);
    assert_int_equal(gwt_end(g), 0);
}

static void reductions_refused(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    cube c = noisy(GWT_UINT8, 1, 2, 5, 6, 1, 0);
    gwt_array *a = of_type(g, &c, GWT_UINT8);
    static const double percentiles[] = { -0.001, 100.001, 1e300, NAN };
    for (size_t i = 0; i < COUNT_OF(percentiles); i++) {
        assert_null(gwt_reduce(a, GWT_BAND, GWT_PERCENTILE, .percentile = percentiles[i]));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "0 to 100");
    }
    assert_null(gwt_reduce(a, GWT_BAND, (gwt_stat)99));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "99");
    assert_null(gwt_reduce(a, (gwt_dim)7, GWT_MEAN));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "GWT_TIME");
    // An integer result that has missing pixels has a value for them, or is refused.
    cube holes = noisy(GWT_UINT8, 1, 2, 5, 6, 1, 2);
    gwt_array *b = gwt_mask_nodata(of_type(g, &holes, GWT_UINT8));
    assert_null(gwt_compute(gwt_reduce(b, GWT_BAND, GWT_MEAN), .dtype = GWT_UINT8));
    EXPECT_ERROR(g, GWT_E_NODATA, NULL);
    assert_int_equal(gwt_end(g), 0);
}

// ---- moving windows ---------------------------------------------------------------------------

static const gwt_stat moving_stats[] = { GWT_MEAN, GWT_SUM, GWT_MIN, GWT_MAX, GWT_STD, GWT_VAR,
                                         GWT_MEDIAN, GWT_PERCENTILE, GWT_COUNT, GWT_RANGE,
                                         GWT_MODE, GWT_ALL, GWT_ANY };

static void check_moving(gwt *g, gwt_array *a, const cube *c, gwt_dtype dtype, int window)
{
    for (size_t i = 0; i < COUNT_OF(moving_stats); i++) {
        statistic s = { moving_stats[i], 71.5, window };
        gwt_array *r = gwt_moving(a, .statistic = s.stat, .window = window,
                                  .percentile = s.percentile);
        cube want = moved(c, &s);
        // n S2 - S1 S1 of values up to 4000; its root when it is 0 but for that.
        bool squares = s.stat == GWT_VAR || s.stat == GWT_STD;
        double tolerance = !squares ? 1e-12 : is_float(dtype) ? 1e-6 : 1e-9;
        expect(g, r, &want, tolerance, "%s, statistic %d, window %d", gwt_dtype_name(dtype),
               (int)s.stat, window);
        const gwt_info *info = gwt_describe(r);
        assert_int_equal(info->dtype, keeps_type(s.stat) ? dtype : is_truth(s.stat) ? GWT_UINT8
                                                                                  : GWT_FLOAT64);
        assert_true(info->nodata.set == (keeps_type(s.stat) || is_truth(s.stat)));
    }
}

static void windows_by_definition(void **state)
{
    (void)state;
    for (size_t d = 0; d < DTYPES; d++)
        for (int holes = 0; holes < 3; holes++) {
            gwt *g = gwt_begin(.num_workers = 3);
            cube c = noisy(all_dtypes[d], 1, 2, 14, 19, 100 + d, holes == 2 ? 1 : holes ? 3 : 0);
            // With holes = 2 all are missing but a few, far apart.
            for (int i = 0; holes == 2 && i < count_of(&c); i += 97) c.v[i] = i % 100;
            gwt_array *a = of_type(g, &c, all_dtypes[d]);
            check_moving(g, a, &c, all_dtypes[d], 1);
            check_moving(g, a, &c, all_dtypes[d], 3);
            check_moving(g, a, &c, all_dtypes[d], 7);
            assert_int_equal(gwt_end(g), 0);
            forget(NULL);
        }
}

// Wider than the image: mirrored again and again.
static void wide_windows(void **state)
{
    (void)state;
    static const int sizes[][2] = { { 1, 1 }, { 1, 9 }, { 8, 1 }, { 5, 6 }, { 23, 31 } };
    static const int windows[] = { 3, 15, 51, 101 };
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        for (size_t w = 0; w < COUNT_OF(windows); w++) {
            if (windows[w] > (i < 4 ? 101 : SLOW ? 15 : 51)) continue;
            gwt *g = gwt_begin(.num_workers = 2);
            cube c = noisy(GWT_INT16, 1, 1, sizes[i][0], sizes[i][1], 50 + i, i % 2 ? 3 : 0);
            check_moving(g, of_type(g, &c, GWT_INT16), &c, GWT_INT16, windows[w]);
            assert_int_equal(gwt_end(g), 0);
        }
}

// The largest there is, of a constant.
static void widest_window(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    cube c = cube_new(1, 1, 3, 4);
    for (int i = 0; i < 12; i++) c.v[i] = 5;
    gwt_array *a = of_type(g, &c, GWT_UINT8);
    expect(g, gwt_moving(a, .window = 1023), &c, 0, "mean of 1023 x 1023");
    cube count = cube_new(1, 1, 3, 4);
    for (int i = 0; i < 12; i++) count.v[i] = 1023 * 1023;
    expect(g, gwt_moving(a, .statistic = GWT_COUNT, .window = 1023), &count, 0, "count");
    assert_int_equal(gwt_end(g), 0);
}

static void windows_described_and_refused(void **state)
{
    (void)state;
    static const char *const two[] = { "red", "nir", NULL };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    cube c = noisy(GWT_UINT8, 2, 2, 8, 9, 1, 4);
    gwt_array *a = gwt_rename_bands(of_type(g, &c, GWT_UINT8), two);
    statistic three = { GWT_MEAN, 0, 3 };
    cube want = moved(&c, &three);
    expect(g, gwt_moving(a), &want, 1e-12, "no options: mean of 3 x 3, of every date and band");
    const gwt_info *info = gwt_describe(gwt_moving(a, .statistic = GWT_MIN, .window = 5));
    expect_names(info->band_names, 2, "red", "nir");
    expect_names(info->time_names, 2, "1", "2");
    expect_place(info, utm);
    static const int windows[] = { 2, 4, 50, -3, -2, 1025, 1024 };
    for (size_t i = 0; i < COUNT_OF(windows); i++) {
        char number[32];
        assert_null(gwt_moving(a, .window = windows[i]));
        snprintf(number, sizeof number, "%d", windows[i]);
        assert_non_null(strstr(gwt_message(g), number));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "odd");
    }
    static const double percentiles[] = { -1, 100.5, NAN };
    for (size_t i = 0; i < COUNT_OF(percentiles); i++) {
        assert_null(gwt_moving(a, .statistic = GWT_PERCENTILE, .percentile = percentiles[i]));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "0 to 100");
    }
    static const gwt_stat stats[] = { GWT_FIRST, GWT_LAST, GWT_ARGMAX, GWT_SKEW, (gwt_stat)-1,
                                      (gwt_stat)77 };
    for (size_t i = 0; i < COUNT_OF(stats); i++) {
        assert_null(gwt_moving(a, .statistic = stats[i]));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "mean, sum, min");
    }
    assert_int_equal(gwt_end(g), 0);
}

// A pixel at distance d from the centre counts 1 - d / D, D being that of the corners.
static double weighted_at(const cube *c, int p, int row, int col, const void *with)
{
    const statistic *s = with;
    plane of = plane_of(c, p);
    int h = s->window / 2;
    double sum = 0, weights = 0, squares = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int y = -h; y <= h; y++)
            for (int x = -h; x <= h; x++) {
                double v = plane_at(&of, mirrored(row + y, c->rows), mirrored(col + x, c->cols));
                double k = h ? 1 - hypot(y, x) / hypot(h, h) : 1;
                if (isnan(v)) continue;
                if (pass) squares += k * (v - sum / weights) * (v - sum / weights);
                else sum += k * v, weights += k;
            }
    if (!(weights > 1e-12)) return NAN;     // none, or corners only
    if (s->stat == GWT_SUM) return sum;
    if (s->stat == GWT_MEAN) return sum / weights;
    return s->stat == GWT_VAR ? squares / weights : sqrt(squares / weights);
}

static void weights_by_definition(void **state)
{
    (void)state;
    static const gwt_stat stats[] = { GWT_MEAN, GWT_SUM, GWT_STD, GWT_VAR };
    static const int windows[] = { 1, 3, 5, 9, 31 };
    static const gwt_dtype dtypes[] = { GWT_UINT8, GWT_INT16, GWT_FLOAT32 };
    for (size_t d = 0; d < COUNT_OF(dtypes); d++)
        for (size_t w = 0; w < COUNT_OF(windows); w++)
            for (int holes = 0; holes < 3; holes++) {
                gwt *g = gwt_begin(.num_workers = 3);
                cube c = noisy(dtypes[d], 1, 2, 13, 18, 7 * d + w, holes == 2 ? 1 : 4 * holes);
                // With holes = 2 all are missing but a few, far apart.
                for (int i = 0; holes == 2 && i < count_of(&c); i += 41) c.v[i] = i % 100;
                gwt_array *a = of_type(g, &c, dtypes[d]);
                for (size_t k = 0; k < COUNT_OF(stats); k++) {
                    statistic s = { stats[k], 0, windows[w] };
                    cube want = mapped(&c, c.rows, c.cols, weighted_at, &s);
                    gwt_array *r = gwt_moving(a, .statistic = s.stat, .window = s.window,
                                              .weights = true);
                    expect(g, r, &want, 1e-9, "%s, statistic %d, window %d, holes %d",
                           gwt_dtype_name(dtypes[d]), (int)s.stat, s.window, holes);
                    assert_int_equal(gwt_describe(r)->dtype, GWT_FLOAT64);
                }
                assert_int_equal(gwt_end(g), 0);
                forget(NULL);
            }
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    cube c = noisy(GWT_UINT8, 1, 1, 5, 5, 1, 0);
    gwt_array *a = of_type(g, &c, GWT_UINT8);
    static const gwt_stat others[] = { GWT_MIN, GWT_MAX, GWT_MEDIAN, GWT_PERCENTILE, GWT_COUNT };
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_null(gwt_moving(a, .statistic = others[i], .weights = true));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "mean, sum, std and var");
    }
    assert_int_equal(gwt_end(g), 0);
}

// ---- users' kernels ---------------------------------------------------------------------------

typedef struct watch {
    const cube *c;
    atomic_int wrong, calls;
    atomic_int *seen;          // times each pixel was made
} watch;

// Compares all it is given with where it should be from, and hands the centre on.
static int looks_around(const gwt_kernel *k, void *user)
{
    watch *w = user;
    int64_t h = k->halo, across = k->cols + 2 * h, down = k->rows + 2 * h;
    atomic_fetch_add(&w->calls, 1);
    for (int p = 0; p < k->planes_in; p++) {
        plane of = plane_of(w->c, p);
        for (int64_t r = 0; r < down; r++)
            for (int64_t c = 0; c < across; c++) {
                double is = k->in[(p * down + r) * across + c];
                double want = plane_at(&of, (int)(k->row - h + r), (int)(k->col - h + c));
                if (!same_double(is, want)) atomic_fetch_add(&w->wrong, 1);
            }
        for (int64_t r = 0; r < k->rows; r++)
            memcpy(k->out + (p * k->rows + r) * k->cols,
                   k->in + (p * down + r + h) * across + h, (size_t)k->cols * sizeof *k->out);
    }
    for (int64_t r = 0; r < k->rows; r++)
        for (int64_t c = 0; c < k->cols; c++)
            atomic_fetch_add(&w->seen[(k->row + r) * w->c->cols + k->col + c], 1);
    return 0;
}

static void kernels_see_their_halo(void **state)
{
    (void)state;
    static const int halos[] = { 0, 1, 3, 20, 60 }, edges[] = { 1, 5, 8, 16, 100 };
    cube c = noisy(GWT_INT16, 1, 3, 23, 37, 5, 6);
    for (size_t h = 0; h < COUNT_OF(halos); h++)
        for (size_t e = 0; e < COUNT_OF(edges); e++) {
            gwt *g = gwt_begin(.num_workers = 3);
            watch w = { .c = &c, .seen = keep((size_t)(c.rows * c.cols) * sizeof *w.seen) };
            gwt_array *a = gwt_rechunk(of_type(g, &c, GWT_INT16), edges[e], 2 * edges[e]);
            gwt_array *r = gwt_apply(a, looks_around, &w, .halo = halos[h]);
            assert_int_equal(gwt_describe(r)->dtype, GWT_FLOAT64);
            assert_int_equal(w.calls, 0);
            expect(g, r, &c, 0, "halo %d, chunks of %d", halos[h], edges[e]);
            REQUIRE(w.wrong == 0, "halo %d, chunks of %d: %d pixels from elsewhere", halos[h],
                    edges[e], w.wrong);
            assert_true(w.calls > 0);
            for (int i = 0; i < c.rows * c.cols; i++) assert_true(w.seen[i] > 0);
            assert_int_equal(gwt_end(g), 0);
        }
}

// The sum of all valid values within the halo, of all planes together.
static int sums_around(const gwt_kernel *k, void *user)
{
    (void)user;
    int64_t h = k->halo, across = k->cols + 2 * h, down = k->rows + 2 * h;
    for (int64_t r = 0; r < k->rows; r++)
        for (int64_t c = 0; c < k->cols; c++)
            for (int q = 0; q < k->planes_out; q++) {
                double sum = 0;
                for (int p = 0; p < k->planes_in; p++)
                    for (int64_t y = r; y <= r + 2 * h; y++)
                        for (int64_t x = c; x <= c + 2 * h; x++) {
                            double v = k->in[(p * down + y) * across + x];
                            if (!isnan(v)) sum += v;
                        }
                k->out[(q * k->rows + r) * k->cols + c] = sum * (q + 1);
            }
    return 0;
}

static cube summed_around(const cube *c, int halo, int bands)
{
    cube r = cube_new(c->times, bands, c->rows, c->cols);
    for (int t = 0; t < c->times; t++)
        for (int y = 0; y < c->rows; y++)
            for (int x = 0; x < c->cols; x++) {
                double sum = 0;
                for (int b = 0; b < c->bands; b++)
                    for (int k = 0; k < (2 * halo + 1) * (2 * halo + 1); k++) {
                        plane of = plane_of(c, t * c->bands + b);
                        double v = plane_at(&of, y - halo + k / (2 * halo + 1),
                                            x - halo + k % (2 * halo + 1));
                        if (!isnan(v)) sum += v;
                    }
                for (int q = 0; q < bands; q++) *cell(&r, t * bands + q, y, x) = sum * (q + 1);
            }
    return r;
}

static void kernels_make_bands(void **state)
{
    (void)state;
    static const int out[] = { 0, 1, 2, 3, 7 };
    cube c = noisy(GWT_UINT8, 2, 3, 15, 22, 5, 6);
    for (size_t i = 0; i < COUNT_OF(out); i++) {
        gwt *g = gwt_begin(.num_workers = 3);
        int bands = out[i] ? out[i] : 3;
        gwt_array *a = of_type(g, &c, GWT_UINT8);
        gwt_array *r = gwt_apply(a, sums_around, NULL, .halo = 2, .bands = out[i],
                                 .dtype = GWT_INT32, .nodata = gwt_some(-1));
        cube want = summed_around(&c, 2, bands);
        expect(g, r, &want, 0, "%d bands from 3", bands);
        const gwt_info *info = gwt_describe(r);
        assert_int_equal(info->dtype, GWT_INT32);
        assert_true(info->nodata.set && info->nodata.value == -1);
        assert_int_equal(info->nbytes, (uint64_t)(2 * bands * 15 * 22 * 4));
        char last[8];
        snprintf(last, sizeof last, "%d", bands);
        assert_string_equal(info->band_names[bands - 1], last);
        expect_place(info, utm);
        // A single one of them.
        cube one = cube_new(2, 1, 15, 22);
        for (int t = 0; t < 2; t++)
            memcpy(one.v + t * 330, want.v + (t * bands + bands - 1) * 330, 330 * sizeof(double));
        expect(g, gwt_sel(r, last), &one, 0, "band %d of %d", bands, bands);
        // A kernel around a kernel.
        cube twice = summed_around(&want, 1, 1);
        expect(g, gwt_apply(r, sums_around, NULL, .halo = 1, .bands = 1), &twice, 0, "twice");
        assert_int_equal(gwt_end(g), 0);
    }
}

static int tenths(const gwt_kernel *k, void *user)
{
    double step = *(const double *)user;
    for (int64_t i = 0; i < k->planes_out * k->rows * k->cols; i++) k->out[i] = k->in[i] * step;
    return 0;
}

// What a kernel makes is rounded to its type, wherever it goes from there.
static void kernels_have_a_type(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    cube c = noisy(GWT_INT16, 1, 1, 9, 9, 5, 0), want = cube_new(1, 1, 9, 9);
    double step = 0.1;
    for (int i = 0; i < 81; i++) {
        uint8_t byte;
        sample_set(GWT_UINT8, &byte, 0, c.v[i] * step);
        want.v[i] = byte;
    }
    gwt_array *a = of_type(g, &c, GWT_INT16);
    gwt_array *r = gwt_apply(a, tenths, &step, .dtype = GWT_UINT8);
    expect(g, r, &want, 0, "as it is");
    expect(g, gwt_mul(r, gwt_number(g, 1)), &want, 0, "times one");
    c.v[40] = NAN;
    r = gwt_apply(of_type(g, &c, GWT_INT16), tenths, &step, .dtype = GWT_UINT8);
    assert_null(gwt_compute(r));
    EXPECT_ERROR(g, GWT_E_NODATA, NULL);
    assert_int_equal(gwt_end(g), 0);
}

static int refuses_one_pixel(const gwt_kernel *k, void *user)
{
    const int *at = user;
    bool here = at[0] >= k->row && at[0] < k->row + k->rows && at[1] >= k->col &&
                at[1] < k->col + k->cols;
    memset(k->out, 0, (size_t)(k->planes_out * k->rows * k->cols) * sizeof *k->out);
    return here ? -7 : 0;
}

static int says_why(const gwt_kernel *k, void *user)
{
    (void)user;
    gwt_fail(k->g, GWT_E_FORMAT, "no %s today", "tea");
    return 1;
}

static void kernels_that_fail(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 3, .quiet = true);
    cube c = noisy(GWT_INT16, 1, 1, 30, 40, 5, 6);
    int at[2] = { 17, 23 };
    gwt_array *a = of_type(g, &c, GWT_INT16);
    gwt_array *bad = gwt_apply(a, refuses_one_pixel, at, .halo = 2);
    EXPECT_OK(g);
    assert_null(gwt_compute(bad));
    long long row[2] = { -1, -1 }, col[2] = { -1, -1 };
    const char *piece = strstr(gwt_message(g), "rows ");
    assert_non_null(piece);
    assert_int_equal(sscanf(piece, "rows %lld..%lld, columns %lld..%lld", row, row + 1, col,
                            col + 1), 4);
    REQUIRE(row[0] <= 17 && 17 <= row[1] && col[0] <= 23 && 23 <= col[1], "%s", gwt_message(g));
    EXPECT_ERROR(g, GWT_E_USER, "-7");
    // Nothing is written, and the session goes on.
    const char *path = temp_path("bad.tif");
    assert_false(gwt_save(bad, path));
    EXPECT_ERROR(g, GWT_E_USER, "kernel");
    assert_false(file_exists(path) || file_exists(temp_path("bad.tif.part")));
    assert_null(gwt_compute(gwt_apply(a, says_why, NULL)));
    EXPECT_ERROR(g, GWT_E_FORMAT, "no tea today");
    // Where nobody asks for that pixel, nobody fails.
    cube part = cube_new(1, 1, 5, 40);
    expect(g, gwt_window(bad, 0, 0, 5, 40), &part, 0, "above it");
    assert_int_equal(gwt_end(g), 0);
}

typedef struct nested { gwt_array *other; atomic_int calls; } nested;

static void counts_up(size_t index, void *user)
{
    (void)index;
    atomic_fetch_add((atomic_int *)user, 1);
}

// Adds the sum of another array, which it computes anew, and the number of turns of a loop.
static int acts_itself(const gwt_kernel *k, void *user)
{
    nested *n = user;
    atomic_int turns = 0;
    gwt_parallel_for(k->g, 50, counts_up, &turns);
    double sum = turns, *other = gwt_compute(n->other, .dtype = GWT_FLOAT64);
    if (!other) return 1;
    for (int i = 0; i < 12; i++) sum += other[i];
    gwt_free(other);
    atomic_fetch_add(&n->calls, 1);
    for (int64_t i = 0; i < k->planes_out * k->rows * k->cols; i++) k->out[i] = k->in[i] + sum;
    return 0;
}

static void kernels_that_act(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 4; workers++) {
        gwt *g = gwt_begin(.num_workers = workers);
        cube c = noisy(GWT_INT16, 1, 2, 30, 40, 5, 0), d = cube_new(1, 1, 3, 4);
        for (int i = 0; i < 12; i++) d.v[i] = i;
        gwt_array *small = of_type(g, &d, GWT_UINT8);
        // The inner array is made by a kernel that acts, too.
        nested inner = { .other = small }, outer = { .other = NULL };
        outer.other = gwt_apply(small, acts_itself, &inner);
        gwt_array *r = gwt_apply(of_type(g, &c, GWT_INT16), acts_itself, &outer);
        for (int i = 0; i < count_of(&c); i++) c.v[i] += 50 + 66 + 12 * (50 + 66);
        expect(g, r, &c, 0, "%d workers", workers);
        assert_true(inner.calls >= outer.calls && outer.calls > 0);
        assert_int_equal(gwt_end(g), 0);
    }
}

static void kernels_refused(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    cube c = noisy(GWT_UINT8, 1, 1, 5, 5, 1, 0);
    gwt_array *a = of_type(g, &c, GWT_UINT8);
    assert_null(gwt_apply(a, NULL, NULL));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "function");
    assert_null(gwt_apply(a, sums_around, NULL, .halo = -1));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "halo");
    assert_null(gwt_apply(a, sums_around, NULL, .halo = 1025));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "1024");
    assert_null(gwt_apply(a, sums_around, NULL, .bands = -1));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "bands");
    assert_null(gwt_apply(a, sums_around, NULL, .dtype = (gwt_dtype)99));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "type");
    assert_null(gwt_apply(a, sums_around, NULL, .dtype = GWT_UINT8, .nodata = gwt_some(256)));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "nodata");
    assert_null(gwt_apply(a, sums_around, NULL, .dtype = GWT_INT16, .nodata = gwt_some(NAN)));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "nodata");
    assert_int_equal(gwt_end(g), 0);
}

// ---- cuts -------------------------------------------------------------------------------------

static void cuts_by_definition(void **state)
{
    (void)state;
    static const int cuts[][4] = { { 0, 0, 20, 33 }, { 0, 0, 1, 1 }, { 19, 32, 1, 1 },
                                   { 3, 5, 9, 20 }, { 0, 17, 20, 16 }, { 15, 15, 2, 3 } };
    for (int holes = 0; holes < 2; holes++)
        for (size_t d = 0; d < DTYPES; d++) {
            gwt *g = gwt_begin(.num_workers = 3);
            cube c = noisy(all_dtypes[d], 2, 2, 20, 33, 7, holes ? 5 : 0);
            gwt_array *a = of_type(g, &c, all_dtypes[d]);
            for (size_t i = 0; i < COUNT_OF(cuts); i++) {
                const int *k = cuts[i];
                gwt_array *r = gwt_window(a, k[0], k[1], k[2], k[3]);
                cube want = cut(&c, k[0], k[1], k[2], k[3]);
                expect(g, r, &want, 0, "%s, cut %d", gwt_dtype_name(all_dtypes[d]), (int)i);
                const gwt_info *info = gwt_describe(r);
                assert_int_equal(info->dtype, all_dtypes[d]);
                assert_true(info->nodata.set && info->nodata.value == nodata_of(all_dtypes[d]));
                expect_place(info, (double[]){ 30, 0, utm[2] + 30 * k[1], 0, -30,
                                               utm[5] - 30 * k[0] });
                // A cut of the cut.
                if (k[2] < 3 || k[3] < 3) continue;
                want = cut(&want, 1, 2, k[2] - 2, k[3] - 2);
                r = gwt_window(r, 1, 2, k[2] - 2, k[3] - 2);
                expect(g, r, &want, 0, "a cut of cut %d", (int)i);
                expect_place(gwt_describe(r), (double[]){ 30, 0, utm[2] + 30 * (k[1] + 2), 0, -30,
                                                          utm[5] - 30 * (k[0] + 1) });
            }
            assert_int_equal(gwt_end(g), 0);
            forget(NULL);
        }
}

static void cuts_refused(void **state)
{
    (void)state;
    static const int64_t cuts[][4] = {
        { -1, 0, 5, 5 }, { 0, -1, 5, 5 }, { 0, 0, 0, 5 }, { 0, 0, 5, 0 }, { 0, 0, 21, 5 },
        { 0, 0, 5, 34 }, { 16, 0, 5, 5 }, { 0, 29, 5, 5 }, { 20, 0, 1, 1 }, { 0, 33, 1, 1 },
        { INT64_MAX, 0, 1, 1 }, { 1, 1, INT64_MAX, 1 }, { 1, 1, 1, INT64_MAX },
        { INT64_MIN, 0, 1, 1 }, { 0, 0, INT64_MIN, 1 }, { 0, 0, 5, -5 }
    };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    cube c = noisy(GWT_UINT8, 1, 1, 20, 33, 7, 0);
    gwt_array *a = of_type(g, &c, GWT_UINT8);
    for (size_t i = 0; i < COUNT_OF(cuts); i++) {
        assert_null(gwt_window(a, cuts[i][0], cuts[i][1], cuts[i][2], cuts[i][3]));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "20 rows, 33 columns");
    }
    assert_int_equal(gwt_end(g), 0);
}

// Any bits, where nothing is computed: no trip through double.
static void cuts_keep_exact_bits(void **state)
{
    (void)state;
    enum { ROWS = 21, COLS = 34 };
    for (size_t d = 0; d < DTYPES; d++) {
        gwt *g = gwt_begin(.num_workers = 2);
        gwt_dtype t = all_dtypes[d];
        size_t size = sample_size(t);
        unsigned char *raw = keep(ROWS * COLS * size);
        fill_noise(t, raw, ROWS * COLS, d + 77);
        const char *path = temp_path("bits%d.tif", (int)d);
        geo_place place;
        tiff_write(path, &(tiff_spec){ .width = COLS, .height = ROWS, .dtype = t, .tile_width = 16,
                                       .tile_height = 16, .geo = geo_at(&place, 32616, utm) }, raw);
        gwt_array *a = gwt_open(g, path, .chunk_rows = 5, .chunk_cols = 9);
        gwt_array *part = gwt_window(a, 2, 3, 15, 30);
        gwt_array *ways[] = { part, gwt_align(a, part, GWT_CUBIC),
                              gwt_subset(a, gwt_bounds_of(utm[2] + 90, utm[5] - 17 * 30,
                                                          utm[2] + 33 * 30, utm[5] - 60)),
                              gwt_stack(&part, 1, GWT_BAND),
                              gwt_regrid(a, .bounds = gwt_describe(part)->bounds) };
        for (size_t w = 0; w < COUNT_OF(ways); w++) {
            unsigned char *got = gwt_compute(ways[w]);
            EXPECT_OK(g);
            assert_int_equal(gwt_describe(ways[w])->nbytes, 15 * 30 * size);
            for (size_t r = 0; r < 15; r++)
                REQUIRE(!memcmp(got + r * 30 * size, raw + ((r + 2) * COLS + 3) * size, 30 * size),
                        "%s, way %d: row %d has other bits", gwt_dtype_name(t), (int)w, (int)r);
            gwt_free(got);
        }
        assert_int_equal(gwt_end(g), 0);
    }
}

// A cut is an image of its own: windows mirror at its edge, kernels see nothing beyond it.
static void windows_of_cuts(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 3);
    cube c = noisy(GWT_UINT16, 2, 2, 25, 31, 3, 7);
    gwt_array *a = of_type(g, &c, GWT_UINT16);
    statistic s = { GWT_SUM, 0, 5 }, t = { GWT_MAX, 0, 3 };
    cube part = cut(&c, 4, 6, 12, 15), want = moved(&part, &s);
    gwt_array *cropped = gwt_window(a, 4, 6, 12, 15);
    gwt_array *of_cut = gwt_moving(cropped, .statistic = GWT_SUM, .window = 5);
    expect(g, of_cut, &want, 0, "windows of a cut");
    cube whole = moved(&c, &s), cut_of = cut(&whole, 4, 6, 12, 15);
    expect(g, gwt_window(gwt_moving(a, .statistic = GWT_SUM, .window = 5), 4, 6, 12, 15), &cut_of,
           0, "a cut of windows");
    cube again = moved(&want, &t);
    expect(g, gwt_moving(of_cut, .statistic = GWT_MAX, .window = 3), &again, 0,
           "windows of windows");
    cube narrow = cut(&want, 2, 3, 7, 8), last = moved(&narrow, &t);
    expect(g, gwt_moving(gwt_window(of_cut, 2, 3, 7, 8), .statistic = GWT_MAX), &last, 0,
           "windows of a cut of windows of a cut");
    cube seen = summed_around(&part, 2, 1);
    expect(g, gwt_apply(cropped, sums_around, NULL, .halo = 2, .bands = 1), &seen, 0,
           "a kernel on a cut");
    // Both at once, of the same pixels: their halos differ.
    cube both = joined(&want, &cut_of, sum_of);
    gwt_array *same = gwt_window(gwt_moving(a, .statistic = GWT_SUM, .window = 5), 4, 6, 12, 15);
    expect(g, gwt_add(of_cut, same), &both, 0, "windows of a cut and a cut of windows");
    assert_int_equal(gwt_end(g), 0);
}

// The array beside itself, moved: a file that says it lies elsewhere, and one that does not.
static void mixed_with_itself(void **state)
{
    (void)state;
    static const int moves[][2] = { { 0, 1 }, { 1, 0 }, { -1, -1 }, { 3, -5 }, { 0, 40 },
                                    { -19, 30 } };
    gwt *g = gwt_begin(.num_workers = 3, .quiet = true);
    cube c = noisy(GWT_INT16, 1, 2, 20, 31, 3, 9);
    gwt_array *a = of_type(g, &c, GWT_INT16);
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        const int *m = moves[i];
        double t[6] = { 30, 0, utm[2] - 30 * m[1], 0, -30, utm[5] + 30 * m[0] };
        gwt_array *moved_file = stored(g, &c, &(storage){ .dtype = GWT_INT16, .t = t });
        cube there = cut(&c, m[0], m[1], 20, 31), want = joined(&c, &there, less);
        expect(g, gwt_sub(a, gwt_align(moved_file, a, GWT_NEAREST)), &want, 0,
               "gradient by %d, %d", m[0], m[1]);
    }
    // Cuts of one array that lie elsewhere are not on one grid.
    assert_null(gwt_sub(gwt_window(a, 0, 0, 19, 31), gwt_window(a, 1, 0, 19, 31)));
    EXPECT_ERROR(g, GWT_E_GRID, NULL);
    // Brought to the other's grid they are, missing where they do not meet.
    gwt_array *upper = gwt_window(a, 0, 2, 12, 20), *lower = gwt_window(a, 7, 0, 13, 15);
    cube one = cut(&c, 0, 2, 12, 20), two = cut(&c, 7, 0, 13, 15);
    cube on_one = cut(&two, -7, 2, 12, 20), want = joined(&one, &on_one, less);
    expect(g, gwt_sub(upper, gwt_align(lower, upper, GWT_NEAREST)), &want, 0, "overlap");
    for (int i = 0; i < count_of(&want); i++) assert_true(isnan(want.v[i]) || want.v[i] == 0);
    assert_int_equal(gwt_end(g), 0);
}

// ---- on another grid --------------------------------------------------------------------------

static gwt_array *grid(gwt *g, const double *t, int epsg, int rows, int cols)
{
    cube zeros = cube_new(1, 1, rows, cols);
    return stored(g, &zeros, &(storage){ .dtype = GWT_UINT8, .t = t, .epsg = epsg,
                                         .no_nodata = true });
}

static void aligned_by_whole_cells(void **state)
{
    (void)state;
    static const int places[][4] = { { 0, 0, 20, 31 }, { 2, 3, 10, 12 }, { -4, -7, 30, 50 },
                                     { -6, 20, 10, 20 }, { 15, -3, 9, 9 }, { 100, 0, 5, 5 },
                                     { 0, -50, 4, 4 }, { 19, 30, 3, 3 } };
    for (int holes = 0; holes < 2; holes++) {
        gwt *g = gwt_begin(.num_workers = 3);
        cube c = noisy(GWT_UINT8, 2, 2, 20, 31, 3, holes ? 6 : 0);
        gwt_array *a = of_type(g, &c, GWT_UINT8);
        for (size_t i = 0; i < COUNT_OF(places); i++)
            for (int method = 0; method < 4; method++) {
                const int *k = places[i];
                // A hair off, as grids of other software are.
                double t[6] = { 30, 0, utm[2] + 30 * (k[1] + 0.0004), 0, -30,
                                utm[5] - 30 * (k[0] - 0.0004) };
                gwt_array *like = grid(g, t, 32616, k[2], k[3]);
                gwt_array *r = gwt_align(a, like, (gwt_resampling)method);
                cube want = cut(&c, k[0], k[1], k[2], k[3]);
                expect(g, r, &want, 0, "place %d, method %d", (int)i, method);
                assert_int_equal(gwt_describe(r)->dtype, GWT_UINT8);
                assert_true(gwt_describe(r)->nodata.value == 255);
                expect_place(gwt_describe(r), t);
                // What is computed beyond the edge is missing too: a count would be 0 there.
                statistic count = { GWT_COUNT, 0, 3 };
                cube n = reduced(&c, GWT_BAND, &count);
                want = cut(&n, k[0], k[1], k[2], k[3]);
                r = gwt_align(gwt_reduce(a, GWT_BAND, GWT_COUNT), like, (gwt_resampling)method);
                expect(g, r, &want, 0, "place %d, method %d, counts", (int)i, method);
            }
        assert_int_equal(gwt_end(g), 0);
    }
}

static const struct { double scale[2], origin[2]; int rows, cols; } relations[] = {
    { { 2, 2 }, { 0, 0 }, 10, 15 },             // larger cells, that hold whole ones
    { { 1.5, 1.5 }, { 0, 0 }, 14, 21 },
    { { 2.3, 3.7 }, { 0.4, -0.7 }, 9, 9 },
    { { 0.5, 0.5 }, { 0, 0 }, 40, 62 },         // smaller
    { { 0.3, 0.7 }, { 2.1, 3.3 }, 30, 30 },
    { { 1, 1 }, { 0.5, 0.5 }, 20, 31 },         // between cells
    { { 1, 1 }, { -0.3, 0.25 }, 22, 33 },
    { { 0.9, 0.9 }, { -3, -4 }, 30, 45 },       // and beyond the edges
    { { 5, 5 }, { -7, -7 }, 8, 9 },
    { { 31, 31 }, { -5, -5 }, 1, 2 },           // all in one
    { { 2, 2 }, { 60, 0 }, 4, 4 }               // nothing of it
};

static void resampled_by_definition(void **state)
{
    (void)state;
    for (int holes = 0; holes < 2; holes++)
        for (size_t i = 0; i < COUNT_OF(relations); i++)
            for (int method = 0; method < 4; method++) {
                gwt *g = gwt_begin(.num_workers = 3);
                cube c = noisy(GWT_FLOAT64, 2, 1, 20, 31, 3 + i, holes ? 5 : 0);
                gwt_array *a = of_type(g, &c, GWT_FLOAT64);
                const double *scale = relations[i].scale, *origin = relations[i].origin;
                double t[6] = { 30 * scale[1], 0, utm[2] + 30 * origin[1], 0, -30 * scale[0],
                                utm[5] - 30 * origin[0] };
                gwt_array *like = grid(g, t, 32616, relations[i].rows, relations[i].cols);
                resampling q = { { { scale[0], scale[1] }, { origin[0], origin[1] } },
                                 (gwt_resampling)method };
                cube want = mapped(&c, relations[i].rows, relations[i].cols, resampled_at, &q);
                gwt_array *r = gwt_align(a, like, (gwt_resampling)method);
                // Weights of a cubic may nearly cancel where cells are missing.
                expect(g, r, &want, holes && method == GWT_CUBIC ? 1e-6 : 1e-9,
                       "relation %d, method %d, %s", (int)i, method, holes ? "holes" : "whole");
                expect_place(gwt_describe(r), t);
                assert_int_equal(gwt_describe(r)->dtype, GWT_FLOAT64);
                assert_int_equal(gwt_end(g), 0);
            }
}

// Interpolated integers are integers, whoever asks.
static void resampled_keep_type(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    cube c = noisy(GWT_UINT8, 1, 1, 20, 31, 3, 0);
    for (int i = 0; i < count_of(&c); i++) c.v[i] = i * 7 % 13 > 6 ? 250 : 0;
    gwt_array *a = stored(g, &c, &(storage){ .dtype = GWT_UINT8, .no_nodata = true });
    double t[6] = { 12, 0, utm[2] + 60, 0, -12, utm[5] - 60 };
    gwt_array *like = grid(g, t, 32616, 30, 40);
    for (int method = 0; method < 4; method++) {
        gwt_array *r = gwt_align(a, like, (gwt_resampling)method);
        resampling q = { { { 0.4, 0.4 }, { 2, 2 } }, (gwt_resampling)method };
        cube want = mapped(&c, 30, 40, resampled_at, &q);
        assert_int_equal(gwt_describe(r)->dtype, GWT_UINT8);
        uint8_t *got = gwt_compute(r);
        double *as_double = VALUES_OF(r), *times_one = VALUES_OF(gwt_mul(r, gwt_number(g, 1)));
        for (int i = 0; i < count_of(&want); i++) {
            double held_value = held(want.v[i], 0, 255);
            REQUIRE(fabs(got[i] - held_value) <= 0.5 + 1e-9, "method %d: %d, not %.17g", method,
                    got[i], want.v[i]);
            REQUIRE(got[i] == as_double[i], "method %d: %d as uint8, %.17g as float64", method,
                    got[i], as_double[i]);
            REQUIRE(got[i] == times_one[i], "method %d: %d, times one %.17g", method, got[i],
                    times_one[i]);
        }
        gwt_free(got);
        gwt_free(as_double);
        gwt_free(times_one);
    }
    // Beyond the edge there is nothing to store as uint8.
    t[2] -= 600;
    assert_null(gwt_compute(gwt_align(a, grid(g, t, 32616, 30, 40), GWT_NEAREST)));
    EXPECT_ERROR(g, GWT_E_NODATA, NULL);
    assert_int_equal(gwt_end(g), 0);
}

static void aligned_again(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 3);
    cube c = noisy(GWT_FLOAT64, 1, 2, 24, 30, 3, 8);
    gwt_array *a = of_type(g, &c, GWT_FLOAT64);
    double coarse[6] = { 60, 0, utm[2] - 60, 0, -60, utm[5] + 30 };
    gwt_array *b = gwt_align(a, grid(g, coarse, 32616, 14, 17), GWT_AVERAGE);
    resampling down = { { { 2, 2 }, { -1, -2 } }, GWT_AVERAGE };
    cube small = mapped(&c, 14, 17, resampled_at, &down);
    expect(g, b, &small, 1e-9, "down");
    // Back to where it came from.
    resampling up = { { { 0.5, 0.5 }, { 0.5, 1 } }, GWT_BILINEAR };
    cube back = mapped(&small, 24, 30, resampled_at, &up);
    expect(g, gwt_align(b, a, GWT_BILINEAR), &back, 1e-9, "and up");
    cube diff = joined(&c, &back, less);
    expect(g, gwt_sub(a, gwt_align(b, a, GWT_BILINEAR)), &diff, 1e-9, "and compared");
    // Windows before and after, and a cut of it all.
    statistic s = { GWT_MAX, 0, 5 };
    cube w = moved(&c, &s), wd = mapped(&w, 14, 17, resampled_at, &down), wdw = moved(&wd, &s),
         end = cut(&wdw, 1, 2, 10, 9);
    gwt_array *r = gwt_moving(a, .statistic = GWT_MAX, .window = 5);
    r = gwt_moving(gwt_align(r, b, GWT_AVERAGE), .statistic = GWT_MAX, .window = 5);
    expect(g, gwt_window(r, 1, 2, 10, 9), &end, 1e-9, "windows before and after");
    assert_int_equal(gwt_end(g), 0);
}

static void aligned_refused(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    cube c = noisy(GWT_UINT8, 1, 1, 8, 9, 1, 0);
    gwt_array *a = of_type(g, &c, GWT_UINT8), *other = grid(g, utm, 32617, 8, 9);
    assert_null(gwt_align(a, other, GWT_NEAREST));
    assert_non_null(strstr(gwt_message(g), "32616"));
    assert_non_null(strstr(gwt_message(g), gwt_describe(a)->filenames[0]));
    assert_non_null(strstr(gwt_message(g), gwt_describe(other)->filenames[0]));
    EXPECT_ERROR(g, GWT_E_GRID, "32617");
    static const double rotated[16] = { 30, 1, 0, 452475, 1, -30, 0, 3408645, 0, 0, 0, 0, 0, 0, 0,
                                        1 };
    geo_place place;
    geo_tags tags = *geo_at(&place, 32616, utm);
    tags.scale = tags.tiepoint = NULL, tags.matrix = rotated;
    gwt_array *turned = array_of(g, &(tiff_spec){ .width = 9, .height = 8, .dtype = GWT_UINT8,
                                                  .geo = &tags }, c.v);
    assert_null(gwt_align(turned, a, GWT_NEAREST));
    EXPECT_ERROR(g, GWT_E_GRID, "rotation");
    assert_null(gwt_align(a, turned, GWT_NEAREST));
    EXPECT_ERROR(g, GWT_E_GRID, "rotation");
    assert_null(gwt_subset(turned, gwt_bounds_of(452475, 3408600, 452500, 3408645)));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
    assert_null(gwt_align(a, gwt_number(g, 1), GWT_NEAREST));
    EXPECT_ERROR(g, GWT_E_GRID, NULL);
    assert_null(gwt_align(gwt_number(g, 1), a, GWT_NEAREST));
    EXPECT_ERROR(g, GWT_E_GRID, NULL);
    assert_null(gwt_align(a, a, (gwt_resampling)4));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "nearest, bilinear, cubic, average");
    assert_int_equal(gwt_end(g), 0);
}

// ---- by place, by step ------------------------------------------------------------------------

static void subsets_by_definition(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    cube c = noisy(GWT_UINT16, 1, 2, 20, 31, 3, 5);
    gwt_array *a = of_type(g, &c, GWT_UINT16);
    for (uint64_t i = 0; i < 60; i++) {
        // Bounds in cells, some beyond the edges, most between cells.
        double b[4];
        for (uint64_t k = 0; k < 4; k++)
            b[k] = (double)(noise(40 * i + k) % 400) / 10 - (k % 2 ? 10 : 5);
        double x0 = fmin(b[0], b[1]), x1 = fmax(b[0], b[1]);
        double y0 = fmin(b[2], b[3]), y1 = fmax(b[2], b[3]);
        int col = 0, row = 0, cols = 0, rows = 0;
        for (int k = 30; k >= 0; k--) if (k + 0.5 >= x0 && k + 0.5 <= x1) col = k, cols++;
        for (int k = 19; k >= 0; k--) if (k + 0.5 >= y0 && k + 0.5 <= y1) row = k, rows++;
        gwt_array *r = gwt_subset(a, gwt_bounds_of(utm[2] + 30 * x0, utm[5] - 30 * y1,
                                                   utm[2] + 30 * x1, utm[5] - 30 * y0));
        if (!rows || !cols) {
            assert_null(r);
            EXPECT_ERROR(g, GWT_E_ARGUMENT, "lies within");
            continue;
        }
        cube want = cut(&c, row, col, rows, cols);
        expect(g, r, &want, 0, "x %g..%g, y %g..%g", x0, x1, y0, y1);
        expect_place(gwt_describe(r), (double[]){ 30, 0, utm[2] + 30 * col, 0, -30,
                                                  utm[5] - 30 * row });
    }
    // Right of left; no number; none at all.
    assert_null(gwt_subset(a, gwt_bounds_of(utm[2] + 100, utm[5] - 100, utm[2], utm[5])));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "left, bottom, right, top");
    assert_null(gwt_subset(a, gwt_bounds_of(NAN, utm[5] - 100, utm[2], utm[5])));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
    assert_null(gwt_subset(a, (gwt_bounds){ 0 }));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "no bounds");
    expect(g, gwt_subset(a, gwt_bounds_of(-1e18, -1e18, 1e18, 1e18)), &c, 0, "all of it");
    assert_int_equal(gwt_end(g), 0);
}

static double every_at(const cube *c, int p, int row, int col, const void *with)
{
    int step = *(const int *)with;
    return *cell(c, p, row * step, col * step);
}

static void every_by_definition(void **state)
{
    (void)state;
    static const int steps[] = { 1, 2, 3, 7, 19, 100 };
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    cube c = noisy(GWT_INT16, 2, 2, 20, 31, 3, 5);
    gwt_array *a = of_type(g, &c, GWT_INT16);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        int k = steps[i], rows = (20 + k - 1) / k, cols = (31 + k - 1) / k;
        cube want = mapped(&c, rows, cols, every_at, &k);
        gwt_array *r = gwt_every(a, k);
        expect(g, r, &want, 0, "every %d", k);
        assert_int_equal(gwt_describe(r)->dtype, GWT_INT16);
        // The centre of the first cell stays where it was.
        expect_place(gwt_describe(r), (double[]){ 30 * k, 0, utm[2] + 15 - 15 * k, 0, -30 * k,
                                                  utm[5] - 15 + 15 * k });
        cube part = cut(&want, 0, 0, 1, 1);
        expect(g, gwt_window(r, 0, 0, 1, 1), &part, 0, "its first pixel");
    }
    assert_null(gwt_every(a, 0));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "step");
    assert_null(gwt_every(a, -2));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "-2");
    assert_int_equal(gwt_end(g), 0);
}

static void times_by_name(void **state)
{
    (void)state;
    static const char *const names[] = { "2016-01-01", "2016-04-01", "2017-02-03", NULL };
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    cube c = noisy(GWT_UINT8, 3, 2, 9, 8, 2, 6), want = cube_new(3, 2, 9, 8);
    const char *paths[3];
    size_t date = 2 * 9 * 8;
    for (int t = 0; t < 3; t++) {
        cube one = { 1, 2, 9, 8, c.v + (size_t)t * date };
        paths[t] = temp_path("date%d.tif", t);
        assert_true(gwt_save(of_type(g, &one, GWT_UINT8), paths[t], .overwrite = true));
    }
    gwt_array *a = gwt_open_many(g, paths, 3, .stack = GWT_TIME, .time_names = names);
    expect(g, a, &c, 0, "all");
    // In any order, by name or by number, more than once.
    gwt_array *r = gwt_sel_times(a, (const char *const[]){ "2017-02-03", "1", "2017-02-03", NULL });
    for (size_t t = 0; t < 3; t++)
        memcpy(want.v + t * date, c.v + (t == 1 ? 0 : 2) * date, date * sizeof *c.v);
    expect(g, r, &want, 0, "three of them");
    expect_names(gwt_describe(r)->time_names, 3, "2017-02-03", "2016-01-01", "2017-02-03");
    cube one = { 1, 2, 9, 8, c.v + date };
    r = gwt_sel_times(a, (const char *const[]){ "2016-04-01", NULL });
    expect(g, r, &one, 0, "one");
    assert_null(gwt_sel_times(a, (const char *const[]){ "2018-01-01", NULL }));
    assert_non_null(strstr(gwt_message(g), "2018-01-01"));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "2016-01-01, 2016-04-01, 2017-02-03");
    assert_null(gwt_sel_times(a, (const char *const[]){ "4", NULL }));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "2017-02-03");
    assert_null(gwt_sel_times(a, (const char *const[]){ NULL }));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
    assert_int_equal(gwt_end(g), 0);
}

// Rows that run north, and files without a place: cut, thinned, and brought together all the same.
static void upside_down_and_nowhere(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    cube c = noisy(GWT_INT16, 1, 1, 20, 31, 3, 5);
    static const double north[16] = { 30, 0, 0, 452475, 0, 30, 0, 3408645, 0, 0, 0, 0, 0, 0, 0, 1 };
    geo_place place;
    geo_tags tags = *geo_at(&place, 32616, utm);
    tags.scale = tags.tiepoint = NULL, tags.matrix = north;
    gwt_array *up = array_of(g, &(tiff_spec){ .width = 31, .height = 20, .dtype = GWT_FLOAT64,
                                              .geo = &tags }, c.v);
    cube want = cut(&c, 4, 2, 10, 7);
    gwt_array *r = gwt_subset(up, gwt_bounds_of(utm[2] + 60, utm[5] + 120, utm[2] + 270,
                                                utm[5] + 420));
    expect(g, r, &want, 0, "rows run north");
    gwt_bounds bounds = gwt_describe(r)->bounds;
    assert_true(bounds.bottom == utm[5] + 120 && bounds.top == utm[5] + 420);
    expect(g, gwt_align(up, r, GWT_BILINEAR), &want, 0, "aligned");
    assert_null(gwt_align(up, of_type(g, &c, GWT_INT16), GWT_NEAREST));
    EXPECT_ERROR(g, GWT_E_GRID, NULL);
    // No tags at all.
    const char *path = temp_path("nowhere.tif");
    tiff_write_values(path, &(tiff_spec){ .width = 31, .height = 20, .dtype = GWT_FLOAT64 }, c.v);
    gwt_array *nowhere = gwt_open(g, path, .chunks = 7), *part = gwt_window(nowhere, 4, 2, 10, 7);
    expect(g, part, &want, 0, "a cut");
    assert_false(gwt_describe(part)->has_transform);
    expect(g, gwt_align(nowhere, part, GWT_NEAREST), &want, 0, "aligned to its cut");
    int three = 3;
    cube thin = mapped(&c, 7, 11, every_at, &three);
    expect(g, gwt_every(nowhere, 3), &thin, 0, "thinned");
    assert_null(gwt_align(nowhere, up, GWT_NEAREST));
    EXPECT_ERROR(g, GWT_E_GRID, "no CRS");
    assert_int_equal(gwt_end(g), 0);
}

// ---- mosaics ----------------------------------------------------------------------------------

static const gwt_stat overlaps[] = { GWT_MEAN, GWT_MIN, GWT_MAX, GWT_FIRST, GWT_LAST };

// Three images on one grid of cells; rows and columns are those of the first.
static const int tile_places[3][4] = { { 0, 0, 18, 20 }, { 5, -6, 20, 15 }, { -4, 8, 12, 30 } };

static cube mosaic_of(const cube *tiles, int row, int col, int rows, int cols, gwt_stat overlap)
{
    cube r = cube_new(tiles[0].times, tiles[0].bands, rows, cols);
    for (int p = 0; p < planes_of(&r); p++)
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < cols; x++) {
                double values[3];
                int n = 0;
                for (int i = 0; i < 3; i++) {
                    plane of = plane_of(&tiles[i], p);
                    double v = plane_at(&of, row + y - tile_places[i][0],
                                        col + x - tile_places[i][1]);
                    if (!isnan(v)) values[n++] = v;
                }
                *cell(&r, p, y, x) = stat_of(values, n, overlap, 0);
            }
    return r;
}

static gwt_array *tile_at(gwt *g, const cube *c, const int *place, gwt_dtype dtype)
{
    double t[6] = { 30, 0, utm[2] + 30 * place[1], 0, -30, utm[5] - 30 * place[0] };
    return stored(g, c, &(storage){ .dtype = dtype, .t = t });
}

static void mosaics_by_definition(void **state)
{
    (void)state;
    // Row, column, rows, columns of the result in cells of the first.
    static const struct { gwt_bounds_by by; int at[4]; } areas[] = {
        { GWT_SAME_GRID, { 0, 0, 18, 20 } }, { GWT_REFERENCE, { 0, 0, 18, 20 } },
        { GWT_UNION, { -4, -6, 29, 44 } }, { GWT_INTERSECTION, { 5, 8, 3, 1 } }
    };
    for (int times = 1; times < 3; times++) {
        gwt *g = gwt_begin(.num_workers = 3);
        cube tiles[3];
        gwt_array *arrays[3];
        for (int i = 0; i < 3; i++) {
            tiles[i] = noisy(GWT_INT16, times, 2, tile_places[i][2], tile_places[i][3],
                             (uint64_t)i + 1, 3);
            arrays[i] = tile_at(g, &tiles[i], tile_places[i], GWT_INT16);
        }
        for (size_t k = 0; k < COUNT_OF(areas); k++)
            for (size_t o = 0; o < COUNT_OF(overlaps); o++) {
                const int *at = areas[k].at;
                gwt_array *r = gwt_mosaic(arrays, 3, areas[k].by, overlaps[o], GWT_NEAREST);
                cube want = mosaic_of(tiles, at[0], at[1], at[2], at[3], overlaps[o]);
                expect(g, r, &want, 1e-12, "area %d, overlap %d", (int)k, (int)overlaps[o]);
                const gwt_info *info = gwt_describe(r);
                assert_int_equal(info->dtype, overlaps[o] == GWT_MEAN ? GWT_FLOAT64 : GWT_INT16);
                expect_place(info, (double[]){ 30, 0, utm[2] + 30 * at[1], 0, -30,
                                               utm[5] - 30 * at[0] });
                if (overlaps[o] != GWT_MEAN)
                    assert_true(info->nodata.set && info->nodata.value == -9999);
            }
        expect(g, gwt_mosaic(arrays, 1, GWT_UNION, GWT_MEAN, GWT_NEAREST), &tiles[0], 0, "one");
        assert_int_equal(gwt_end(g), 0);
    }
}

// Files of other grids, opened together: in time, in bands, as a mosaic, on a reference.
static void files_of_several_grids(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 3, .quiet = true);
    cube tiles[3];
    const char *paths[3];
    gwt_array *reference = NULL;
    for (int i = 0; i < 3; i++) {
        tiles[i] = noisy(GWT_INT16, 1, 2, tile_places[i][2], tile_places[i][3], (uint64_t)i + 1, 3);
        paths[i] = temp_path("grid%d.tif", i);
        gwt_array *a = tile_at(g, &tiles[i], tile_places[i], GWT_INT16);
        assert_true(gwt_save(a, paths[i], .overwrite = true));
        if (i == 2) reference = a;
    }
    assert_null(gwt_open_many(g, paths, 3));
    EXPECT_ERROR(g, GWT_E_GRID, NULL);
    gwt_array *r = gwt_open_many(g, paths, 3, .stack = GWT_TIME, .bounds_by = GWT_UNION,
                                 .chunk_rows = 5, .chunk_cols = 13);
    cube want = cube_new(3, 2, 29, 44), bands = cube_new(1, 6, 18, 20), on = cube_new(3, 2, 12, 30);
    for (int i = 0; i < 3; i++) {
        const int *at = tile_places[i];
        cube a = cut(&tiles[i], -4 - at[0], -6 - at[1], 29, 44);
        cube b = cut(&tiles[i], -at[0], -at[1], 18, 20);
        cube c = cut(&tiles[i], -4 - at[0], 8 - at[1], 12, 30);
        memcpy(want.v + i * count_of(&a), a.v, (size_t)count_of(&a) * sizeof *a.v);
        memcpy(bands.v + i * count_of(&b), b.v, (size_t)count_of(&b) * sizeof *b.v);
        memcpy(on.v + i * count_of(&c), c.v, (size_t)count_of(&c) * sizeof *c.v);
    }
    expect(g, r, &want, 0, "union in time");
    assert_int_equal(gwt_describe(r)->dtype, GWT_INT16);
    assert_int_equal(gwt_describe(r)->num_files, 3);
    r = gwt_open_many(g, paths, 3, .stack = GWT_BAND, .bounds_by = GWT_REFERENCE);
    expect(g, r, &bands, 0, "the first's area, in bands");
    // A reference beats bounds_by.
    r = gwt_open_many(g, paths, 3, .stack = GWT_TIME, .bounds_by = GWT_UNION,
                      .reference = reference);
    expect(g, r, &on, 0, "on the third's grid");
    cube mosaic = mosaic_of(tiles, -4, 8, 12, 30, GWT_LAST);
    r = gwt_open_many(g, paths, 3, .mosaic = true, .overlap = GWT_LAST, .reference = reference);
    expect(g, r, &mosaic, 0, "a mosaic on it");
    static const char *const names[] = { "x", "y", NULL };
    r = gwt_open_many(g, paths, 3, .mosaic = true, .bounds_by = GWT_UNION, .band_names = names);
    mosaic = mosaic_of(tiles, -4, -6, 29, 44, GWT_MEAN);
    expect(g, r, &mosaic, 1e-12, "a mosaic of all, by default of means");
    expect_names(gwt_describe(r)->band_names, 2, "x", "y");
    assert_int_equal(gwt_end(g), 0);
}

// Half a cell off: the first's cells all the same, whole ones.
// The same bits from one piece, under which all files lie, and from pieces under which few do.
static void expect_any_pieces(gwt *g, gwt_array *a, const char *what, int which)
{
    static const gwt_dtype dtypes[] = { GWT_FLOAT64, GWT_FLOAT32 };
    for (size_t i = 0; i < COUNT_OF(dtypes); i++) {
        void *whole = gwt_compute(gwt_rechunk(a, 4096, 4096), .dtype = dtypes[i]);
        void *pieces = gwt_compute(gwt_rechunk(a, 5, 6), .dtype = dtypes[i]);
        EXPECT_OK(g);
        size_t bytes = array_count(a) * gwt_dtype_size(dtypes[i]);
        REQUIRE(!memcmp(whole, pieces, bytes), "%s %d as %s: pieces show", what, which,
                gwt_dtype_name(dtypes[i]));
        gwt_free(whole);
        gwt_free(pieces);
    }
}

// 5 x 5 images that overlap their neighbours, alone in all of the area; with zeros of both signs,
// infinities and holes.
static void few_files_under_a_piece(void **state)
{
    (void)state;
    static const double odd[] = { -0.0, 0.0, INFINITY, -INFINITY, NAN, -0.0, 3, -3 };
    static const gwt_dtype dtypes[] = { GWT_FLOAT64, GWT_UINT8, GWT_INT16 };
    enum { SIDE = 5, ALL = SIDE * SIDE };
    for (size_t d = 0; d < COUNT_OF(dtypes); d++) {
        gwt *g = gwt_begin(.num_workers = 2);
        gwt_array *images[ALL], *dates[ALL], *half = gwt_number(g, 0.5);
        for (int i = 0; i < ALL; i++) {
            cube c = noisy(dtypes[d], 1, 1, 9, 11, (uint64_t)i + 1, 4);
            for (int k = 0; k < count_of(&c) && dtypes[d] == GWT_FLOAT64; k += 2)
                c.v[k] = odd[noise((uint64_t)(1000 * i + k)) % COUNT_OF(odd)];
            images[i] = tile_at(g, &c, (int[]){ i / SIDE * 7, i % SIDE * 9 }, dtypes[d]);
        }
        gwt_array *all = gwt_mosaic(images, ALL, GWT_UNION, GWT_FIRST, GWT_NEAREST);
        for (size_t o = 0; o < COUNT_OF(overlaps); o++)
            expect_any_pieces(g, gwt_mosaic(images, ALL, GWT_UNION, overlaps[o], GWT_NEAREST),
                              "overlap", (int)overlaps[o]);
        for (int i = 0; i < ALL; i++) dates[i] = gwt_align(images[i], all, GWT_NEAREST);
        gwt_array *stack = gwt_stack(dates, ALL, GWT_TIME), *a = dates[6], *b = dates[18];
        for (int stat = GWT_MEAN; stat <= GWT_INTERCEPT; stat++)
            expect_any_pieces(g, gwt_reduce(stack, GWT_TIME, (gwt_stat)stat, .percentile = 30),
                              "statistic", stat);
        gwt_array *series[] = { gwt_best(stack, gwt_neg(stack), NULL), gwt_cumsum(stack),
                                gwt_diff(stack), gwt_interpolate(stack) };
        for (size_t i = 0; i < COUNT_OF(series); i++)
            expect_any_pieces(g, series[i], "series", (int)i);
        gwt_array *mixed[] = {
            gwt_add(a, b), gwt_sub(a, all), gwt_mul(gwt_neg(a), half), gwt_min(all, b),
            gwt_valid(a), gwt_not(gwt_valid(b)), gwt_where(gwt_valid(a), a, all),
            gwt_where(gwt_gt(a, half), all, b), gwt_add(gwt_valid(a), gwt_valid(b)),
            gwt_add(gwt_valid(a), all), gwt_clip(gwt_add(b, half), -1, 2), stack,
            gwt_add(gwt_where(gwt_valid(a), a, gwt_number(g, 0)), gwt_valid(b)),
            gwt_where(gwt_lt(all, half), gwt_number(g, 0), gwt_where(gwt_valid(b), b, half)),
            gwt_moving(gwt_mosaic(images, ALL, GWT_UNION, GWT_MEAN, GWT_NEAREST), .window = 3)
        };
        for (size_t i = 0; i < COUNT_OF(mixed); i++)
            expect_any_pieces(g, mixed[i], "expression", (int)i);
        assert_int_equal(gwt_end(g), 0);
    }
}

static void mosaics_between_cells(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    cube a = noisy(GWT_FLOAT64, 1, 1, 10, 12, 1, 0), b = noisy(GWT_FLOAT64, 1, 1, 9, 9, 2, 0);
    double t[6] = { 30, 0, utm[2] + 30 * 6.4, 0, -30, utm[5] - 30 * 3.2 };
    gwt_array *arrays[2] = { of_type(g, &a, GWT_FLOAT64),
                             stored(g, &b, &(storage){ .dtype = GWT_FLOAT64, .t = t }) };
    static const struct { gwt_bounds_by by; int row, col, rows, cols; } areas[] = {
        { GWT_UNION, 0, 0, 13, 16 }, { GWT_INTERSECTION, 4, 7, 6, 5 }
    };
    for (int k = 0; k < 2; k++)
        for (int method = 0; method < 4; method++) {
            int row = areas[k].row, col = areas[k].col, rows = areas[k].rows, cols = areas[k].cols;
            resampling q = { { { 1, 1 }, { row - 3.2, col - 6.4 } }, (gwt_resampling)method };
            cube one = cut(&a, row, col, rows, cols);
            cube two = mapped(&b, rows, cols, resampled_at, &q), want = cube_new(1, 1, rows, cols);
            for (int i = 0; i < rows * cols; i++)
                want.v[i] = isnan(one.v[i]) ? two.v[i] : one.v[i];
            gwt_array *r = gwt_mosaic(arrays, 2, areas[k].by, GWT_FIRST, (gwt_resampling)method);
            expect(g, r, &want, 1e-9, "area %d, method %d", k, method);
        }
    assert_int_equal(gwt_end(g), 0);
}

// The times of a mosaic are told apart by their place, whatever they are called.
static void mosaics_of_times_of_one_name(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    cube parts[2], want = cube_new(2, 1, 8, 9);
    const char *paths[2];
    for (int i = 0; i < 2; i++) {
        parts[i] = noisy(GWT_INT16, 1, 1, 8, 9, (uint64_t)i + 1, 0);
        paths[i] = temp_path("same_name%d.tif", i);
        assert_true(gwt_save(of_type(g, &parts[i], GWT_INT16), paths[i]));
        memcpy(want.v + i * 72, parts[i].v, 72 * sizeof *want.v);
    }
    gwt_array *a = gwt_open_many(g, paths, 2, .stack = GWT_TIME,
                                 .time_names = (const char *const[]){ "d", "d", NULL });
    gwt_array *r = gwt_mosaic(&a, 1, GWT_REFERENCE, GWT_MAX, GWT_NEAREST);
    expect(g, r, &want, 0, "two times of one name");
    assert_string_equal(gwt_describe(r)->time_names[1], "d");
    gwt_array *other[] = { gwt_sel_times(a, (const char *const[]){ "d", NULL }), a };
    assert_null(gwt_mosaic(other, 2, GWT_REFERENCE, GWT_MAX, GWT_NEAREST));
    EXPECT_ERROR(g, GWT_E_GRID, "has 2");
    assert_int_equal(gwt_end(g), 0);
}

static void mosaics_refused(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    cube c = noisy(GWT_UINT8, 1, 1, 8, 9, 1, 0), two = noisy(GWT_UINT8, 1, 2, 8, 9, 1, 0);
    double far[6] = { 30, 0, utm[2] + 3000, 0, -30, utm[5] };
    gwt_array *a = of_type(g, &c, GWT_UINT8);
    gwt_array *other_crs[] = { a, grid(g, utm, 32617, 8, 9) };
    gwt_array *apart[] = { a, grid(g, far, 32616, 8, 9) };
    gwt_array *bands[] = { a, of_type(g, &two, GWT_UINT8) };
    assert_null(gwt_mosaic(other_crs, 2, GWT_UNION, GWT_MAX, GWT_NEAREST));
    assert_non_null(strstr(gwt_message(g), "32617"));
    EXPECT_ERROR(g, GWT_E_GRID, "32616");
    assert_null(gwt_mosaic(apart, 2, GWT_INTERSECTION, GWT_MAX, GWT_NEAREST));
    EXPECT_ERROR(g, GWT_E_GRID, "intersection");
    assert_null(gwt_mosaic(bands, 2, GWT_UNION, GWT_MAX, GWT_NEAREST));
    EXPECT_ERROR(g, GWT_E_GRID, NULL);
    assert_null(gwt_mosaic(apart, 2, GWT_UNION, GWT_STD, GWT_NEAREST));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "mean, min, max, first, last");
    assert_null(gwt_mosaic(apart, 2, (gwt_bounds_by)9, GWT_MAX, GWT_NEAREST));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
    assert_null(gwt_mosaic(apart, 2, GWT_UNION, GWT_MAX, (gwt_resampling)9));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
    assert_null(gwt_mosaic(NULL, 2, GWT_UNION, GWT_MAX, GWT_NEAREST));
    assert_null(gwt_mosaic(apart, 0, GWT_UNION, GWT_MAX, GWT_NEAREST));
    EXPECT_OK(g);
    assert_int_equal(gwt_end(g), 0);
}

// ---- on a grid in so many numbers -------------------------------------------------------------

// Left and top edge, width and height, cell width and height; all in cells of the array.
static const struct { double left, top, width, height, x, y; } areas[] = {
    { 0, 0, 31, 20, 1, 1 }, { 2, 3, 10, 7, 1, 1 }, { -4, -5, 40, 30, 1, 1 },    // whole cells
    { 2, 3, 10.5, 7.2, 1, 1 }, { 30, 19, 0.3, 0.3, 1, 1 },  // the last are hardly within
    { 50, -40, 5, 5, 1, 1 },                                // nothing of it
    { 0.3, 0.6, 10, 7, 1, 1 },                              // between cells
    { 0, 0, 31, 20, 2, 2 }, { 0, 0, 31, 20, 3, 7 }, { 0, 0, 31, 20, 0.5, 0.5 },
    { -3, -2, 40, 30, 2.5, 1.5 }, { 1.7, 2.2, 7.3, 9.1, 0.7, 0.7 }, { 0, 0, 31, 20, 40, 40 },
    { 5, 5, 12, 8, 4, 0.25 }
};

static int cells_within(double size, double cell)
{
    int n = 0;
    while ((n + 0.5) * cell < size - 1e-3 * cell) n++;
    return n ? n : 1;
}

// The cube on area k; and where that lies.
static cube regridded(const cube *c, int k, gwt_resampling method, double t[6])
{
    int rows = cells_within(areas[k].height, areas[k].y);
    int cols = cells_within(areas[k].width, areas[k].x);
    double row = areas[k].top, col = areas[k].left;
    double place[6] = { 30 * areas[k].x, 0, utm[2] + 30 * col, 0, -30 * areas[k].y,
                        utm[5] - 30 * row };
    memcpy(t, place, sizeof place);
    if (areas[k].x == 1 && areas[k].y == 1 && row == floor(row) && col == floor(col))
        return cut(c, (int)row, (int)col, rows, cols);
    resampling q = { { { areas[k].y, areas[k].x }, { row, col } }, method };
    return mapped(c, rows, cols, resampled_at, &q);
}

static gwt_bounds bounds_of(int k)
{
    double left = utm[2] + 30 * areas[k].left, top = utm[5] - 30 * areas[k].top;
    return gwt_bounds_of(left, top - 30 * areas[k].height, left + 30 * areas[k].width, top);
}

static void expect_on_area(gwt *g, gwt_array *r, const cube *c, int k, gwt_resampling method,
                           const char *how)
{
    double t[6];
    cube want = regridded(c, k, method, t);
    bool whole = areas[k].x == 1 && areas[k].y == 1 && areas[k].left == floor(areas[k].left);
    expect(g, r, &want, whole ? 0 : 1e-6, "area %d, method %d, by %s", k, (int)method, how);
    const gwt_info *info = gwt_describe(r);
    expect_place(info, t);
    assert_true(fabs(info->res[0] - t[0]) < 1e-9 && fabs(info->res[1] + t[4]) < 1e-9);
    assert_int_equal(info->resampling, whole ? GWT_NEAREST : method);
}

static void regridded_by_definition(void **state)
{
    (void)state;
    for (int holes = 0; holes < 2; holes++) {
        gwt *g = gwt_begin(.num_workers = 3);
        cube c = noisy(GWT_FLOAT64, 2, 1, 20, 31, 3, holes ? 6 : 0), first = c;
        first.times = 1;
        gwt_array *a = of_type(g, &c, GWT_FLOAT64);
        const char *path = temp_path("regrid%d.tif", holes);
        assert_true(gwt_save(gwt_sel_times(a, (const char *const[]){ "1", NULL }), path));
        for (int k = 0; k < (int)COUNT_OF(areas); k++)
            for (int m = 0; m < 4; m++) {
                gwt_resampling method = (gwt_resampling)m;
                double x = 30 * areas[k].x, y = 30 * areas[k].y;
                gwt_bounds b = bounds_of(k);
                expect_on_area(g, gwt_regrid(a, .bounds = b, .res = x, .res_y = y,
                                             .resampling = method), &c, k, method, "gwt_regrid");
                bool all = areas[k].left == 0 && areas[k].top == 0 && areas[k].width == 31;
                if (all)
                    expect_on_area(g, gwt_regrid(a, .res = x, .res_y = y, .resampling = method),
                                   &c, k, method, "cells alone");
                if (x == 30 && y == 30)
                    expect_on_area(g, gwt_regrid(a, .bounds = b, .resampling = method), &c, k,
                                   method, "bounds alone");
                if (x != y) continue;
                expect_on_area(g, gwt_open(g, path, .bounds = b, .res = x, .resampling = method,
                                           .chunks = 5), &first, k, method, "gwt_open");
                if (all)
                    expect_on_area(g, gwt_open(g, path, .res = x, .resampling = method), &first, k,
                                   method, "gwt_open, cells alone");
            }
        expect(g, gwt_regrid(a), &c, 0, "nothing asked for");
        assert_int_equal(gwt_end(g), 0);
    }
}

// What is valid beyond the edge: nothing; and what is there of valid or not: nothing.
static void valid_beyond(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    cube c = noisy(GWT_UINT8, 1, 2, 20, 31, 3, 4), valid = cube_new(1, 2, 20, 31);
    gwt_array *a = of_type(g, &c, GWT_UINT8);
    for (int i = 0; i < count_of(&c); i++) valid.v[i] = !isnan(c.v[i]);
    for (int k = 0; k < 6; k++) {
        double t[6];
        gwt_bounds b = bounds_of(k);
        cube inside = regridded(&c, k, GWT_NEAREST, t), of = regridded(&valid, k, GWT_NEAREST, t);
        for (int i = 0; i < count_of(&inside); i++) inside.v[i] = !isnan(inside.v[i]);
        expect(g, gwt_valid(gwt_regrid(a, .bounds = b)), &inside, 0, "valid in area %d", k);
        expect(g, gwt_regrid(gwt_valid(a), .bounds = b), &of, 0, "valid, then area %d", k);
    }
    assert_int_equal(gwt_end(g), 0);
}

static void files_on_a_given_grid(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 3, .quiet = true);
    cube tiles[3];
    const char *paths[3];
    for (int i = 0; i < 3; i++) {
        tiles[i] = noisy(GWT_INT16, 1, 2, tile_places[i][2], tile_places[i][3], (uint64_t)i + 1, 3);
        paths[i] = temp_path("given%d.tif", i);
        assert_true(gwt_save(tile_at(g, &tiles[i], tile_places[i], GWT_INT16), paths[i]));
    }
    // Somewhat over seven and a half rows, eleven columns, from row -2, column 3 of the first on.
    gwt_bounds b = gwt_bounds_of(utm[2] + 90, utm[5] + 60 - 228, utm[2] + 90 + 330, utm[5] + 60);
    cube want = cube_new(3, 2, 8, 11), bands = cube_new(1, 6, 8, 11);
    for (int i = 0; i < 3; i++) {
        cube part = cut(&tiles[i], -2 - tile_places[i][0], 3 - tile_places[i][1], 8, 11);
        memcpy(want.v + i * count_of(&part), part.v, (size_t)count_of(&part) * sizeof *part.v);
    }
    memcpy(bands.v, want.v, (size_t)count_of(&want) * sizeof *want.v);
    expect(g, gwt_open_many(g, paths, 3, .stack = GWT_TIME, .bounds = b), &want, 0, "in time");
    expect(g, gwt_open_many(g, paths, 3, .bounds = b, .res = 30), &bands, 0, "in bands");
    expect(g, gwt_open_many(g, paths, 3, .bounds = b, .bounds_by = GWT_INTERSECTION), &bands, 0,
           "given bounds before all");
    cube mosaic = mosaic_of(tiles, -2, 3, 8, 11, GWT_MAX);
    gwt_array *r = gwt_open_many(g, paths, 3, .bounds = b, .mosaic = true, .overlap = GWT_MAX);
    expect(g, r, &mosaic, 0, "a mosaic");
    assert_int_equal(gwt_describe(r)->dtype, GWT_INT16);
    // The union, in cells of its own: 29 rows, 44 columns of the first, from (-4, -6) on.
    for (int m = 0; m < 4; m++) {
        cube all = cube_new(3, 2, 14, 22);
        for (int i = 0; i < 3; i++) {
            resampling q = { { { 2, 2 }, { -4 - tile_places[i][0], -6 - tile_places[i][1] } },
                             (gwt_resampling)m };
            cube part = mapped(&tiles[i], 14, 22, resampled_at, &q);
            for (int k = 0; k < count_of(&part); k++) {
                int16_t v = 0;
                if (!isnan(part.v[k])) sample_set(GWT_INT16, &v, 0, floor(part.v[k] + 0.5));
                all.v[i * count_of(&part) + k] = isnan(part.v[k]) ? NAN : v;
            }
        }
        r = gwt_open_many(g, paths, 3, .stack = GWT_TIME, .bounds_by = GWT_UNION, .res = 60,
                          .resampling = (gwt_resampling)m);
        // Interpolated integers are rounded, halves upwards.
        double *got = VALUES_OF(r);
        assert_int_equal(array_count(r), count_of(&all));
        for (int i = 0; i < count_of(&all); i++)
            REQUIRE(same_double(got[i], all.v[i]),
                    "method %d: value %d is %g, not %g", m, i, got[i], all.v[i]);
        gwt_free(got);
        expect_place(gwt_describe(r), (double[]){ 60, 0, utm[2] - 180, 0, -60, utm[5] + 120 });
    }
    assert_int_equal(gwt_end(g), 0);
}

static void no_such_grid(void **state)
{
    (void)state;
    const double l = utm[2], t = utm[5], r = l + 300, b = t - 300;
    const struct { double left, bottom, right, top, res; } wrong[] = {
        { r, b, l, t, 30 }, { l, t, r, b, 30 }, { l, b, l, t, 30 }, { l, b, r, b, 30 },
        { NAN, b, r, t, 30 }, { l, b, r, NAN, 30 }, { l, b, INFINITY, t, 30 },
        { l, -INFINITY, r, t, 30 }, { l, b, r, t, -30 }, { l, b, r, t, NAN },
        { l, b, r, t, 1e-12 }, { -1e18, b, r, t, 30 }
    };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    cube c = noisy(GWT_UINT8, 1, 1, 20, 31, 3, 0);
    gwt_array *a = of_type(g, &c, GWT_UINT8);
    const char *path = temp_path("no_such_grid.tif"), *paths[] = { path, path };
    assert_true(gwt_save(a, path));
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        double res = wrong[i].res;
        gwt_bounds bounds = gwt_bounds_of(wrong[i].left, wrong[i].bottom, wrong[i].right,
                                          wrong[i].top);
        assert_null(gwt_regrid(a, .bounds = bounds, .res = res));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "left, bottom, right, top");
        assert_null(gwt_open(g, path, .bounds = bounds, .res = res));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "left, bottom, right, top");
        assert_null(gwt_open_many(g, paths, 2, .bounds = bounds, .res = res));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "left, bottom, right, top");
    }
    assert_null(gwt_regrid(a, .res_y = -1));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
    assert_null(gwt_regrid(a, .res = 60, .resampling = (gwt_resampling)7));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "nearest, bilinear, cubic, average");
    static const double rotated[16] = { 30, 1, 0, 452475, 1, -30, 0, 3408645, 0, 0, 0, 0, 0, 0, 0,
                                        1 };
    geo_place place;
    geo_tags tags = *geo_at(&place, 32616, utm);
    tags.scale = tags.tiepoint = NULL, tags.matrix = rotated;
    gwt_array *turned = array_of(g, &(tiff_spec){ .width = 31, .height = 20, .dtype = GWT_UINT8,
                                                  .geo = &tags }, c.v);
    assert_null(gwt_regrid(turned, .res = 60));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
    const char *turned_path = temp_path("turned.tif"), *two[] = { turned_path, turned_path };
    assert_true(gwt_save(turned, turned_path));
    assert_null(gwt_open_many(g, two, 2, .res = 60));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "rotated");
    assert_null(gwt_open_many(g, two, 2, .bounds = gwt_bounds_of(l, b, r, t)));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "rotated");
    assert_non_null(gwt_open_many(g, two, 2));
    EXPECT_OK(g);
    assert_null(gwt_regrid(NULL, .res = 60));
    EXPECT_OK(g);
    assert_int_equal(gwt_end(g), 0);
}

// An array of one session is no grid for another.
static void grids_of_other_sessions(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true), *h = gwt_begin(.num_workers = 1);
    cube c = noisy(GWT_UINT8, 1, 1, 20, 31, 3, 0);
    gwt_array *a = of_type(g, &c, GWT_UINT8), *b = of_type(h, &c, GWT_UINT8);
    const char *path = temp_path("session.tif"), *paths[] = { path, path };
    assert_true(gwt_save(a, path));
    assert_null(gwt_align(a, b, GWT_NEAREST));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "two sessions");
    assert_null(gwt_open(g, path, .reference = b));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "two sessions");
    assert_null(gwt_open_many(g, paths, 2, .reference = b));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "two sessions");
    assert_null(gwt_mosaic((gwt_array *[]){ a, b }, 2, GWT_UNION, GWT_MAX, GWT_NEAREST));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "two sessions");
    assert_null(gwt_add(a, b));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "two sessions");
    EXPECT_OK(h);
    assert_int_equal(gwt_end(g), 0);
    assert_int_equal(gwt_end(h), 0);
}

// ---- chunks of four dims ----------------------------------------------------------------------

static void expect_chunks(const gwt_array *a, int times, int bands, int rows, int cols)
{
    const int64_t *c = gwt_describe(a)->chunks;
    REQUIRE(c[0] == times && c[1] == bands && c[2] == rows && c[3] == cols,
            "chunks of %d x %d x %d x %d, not %d x %d x %d x %d", (int)c[0], (int)c[1], (int)c[2],
            (int)c[3], times, bands, rows, cols);
}

static void expect_printed(gwt_array *a, const char *part)
{
    const char *path = temp_path("chunks.txt");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    gwt_print(a, f);
    fclose(f);
    size_t size;
    char *text = (char *)file_read(path, &size);
    REQUIRE(strstr(text, part), "'%s' is not in\n%s", part, text);
    free(text);
}

static void chunks_of_four_dims(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 3, .quiet = true);
    cube c = noisy(GWT_INT16, 3, 2, 20, 31, 3, 6), one = { 1, 2, 20, 31, c.v };
    gwt_array *all = of_type(g, &c, GWT_INT16);
    const char *paths[3], *numbers[] = { "1", "2", "3" };
    for (int t = 0; t < 3; t++) {
        paths[t] = temp_path("chunks%d.tif", t);
        gwt_array *date = gwt_sel_times(all, (const char *const[]){ numbers[t], NULL });
        assert_true(gwt_save(date, paths[t], .tile_size = 16));
    }
    statistic median = { GWT_MEDIAN, 0, 3 };
    cube middle = reduced(&c, GWT_TIME, &median);
    gwt_array *dates = gwt_open_many(g, paths, 3, .stack = GWT_TIME, .chunk_rows = 5,
                                     .chunk_cols = 9);
    expect_chunks(dates, 1, 2, 5, 9);
    expect_printed(dates, "48 chunks of (1, 2, 5, 9)");
    expect(g, dates, &c, 0, "in chunks");
    expect(g, gwt_reduce(dates, GWT_TIME, GWT_MEDIAN), &middle, 1e-12, "medians");
    gwt_array *other = gwt_rechunk(dates, 7, 40);
    expect_chunks(other, 1, 2, 7, 31);
    expect(g, other, &c, 0, "in other chunks");
    expect_chunks(dates, 1, 2, 5, 9);       // is as it was
    // What has fewer bands has no larger chunks.
    expect_chunks(gwt_sel(dates, "1"), 1, 1, 5, 9);
    expect_chunks(gwt_sel_times(dates, (const char *const[]){ "2", NULL }), 1, 2, 5, 9);
    gwt_array *a = gwt_open(g, paths[0], .chunks = 6);
    expect_chunks(a, 1, 2, 6, 6);
    expect(g, a, &one, 0, "one file");
    static const int wrong[] = { -1, 1048577, INT32_MIN };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_null(gwt_open(g, paths[0], .chunk_rows = wrong[i]));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "chunk_rows");
        assert_null(gwt_open_many(g, paths, 3, .stack = GWT_TIME, .chunk_cols = wrong[i]));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "chunk_cols");
        assert_null(gwt_rechunk(a, wrong[i], 5));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "chunk");
    }
    assert_int_equal(gwt_end(g), 0);
}

// ---- every n-th -------------------------------------------------------------------------------

enum { BITS_ROWS = 37, BITS_COLS = 50, BITS_BANDS = 2 };

// From an array of raw samples to every step-th of its part.
typedef struct thinning { int row, col, rows, cols, step; } thinning;

static void expect_bits(gwt *g, gwt_array *a, const unsigned char *raw, size_t size, thinning k,
                        const char *what)
{
    const gwt_info *info = gwt_describe(a);
    int rows = (k.rows + k.step - 1) / k.step, cols = (k.cols + k.step - 1) / k.step;
    REQUIRE(a, "%s: %s", what, gwt_message(g));
    REQUIRE(info->shape[2] == rows && info->shape[3] == cols, "%s: %d x %d, not %d x %d", what,
            (int)info->shape[2], (int)info->shape[3], rows, cols);
    const char *path = temp_path("thin.tif");
    unsigned char *got = gwt_compute(a);
    REQUIRE(got && gwt_save(a, path, .overwrite = true, .tile_size = 16), "%s: %s", what,
            gwt_message(g));
    image *im = image_read(path);
    for (int i = 0; i < BITS_BANDS * rows * cols; i++) {
        int band = i / (rows * cols), row = k.row + i / cols % rows * k.step,
            col = k.col + i % cols * k.step;
        const unsigned char *want = raw + (size_t)((band * BITS_ROWS + row) * BITS_COLS + col)
                                        * size;
        size_t at = (size_t)i * size;
        REQUIRE(!memcmp(got + at, want, size) && !memcmp(im->raw + at, want, size),
                "%s: band %d, row %d, column %d has other bits", what, band, row, col);
    }
    image_free(im);
    gwt_free(got);
}

static void every_keeps_exact_bits(void **state)
{
    (void)state;
    static const int steps[] = { 1, 2, 3, 7, 16, 17, 49, 1000 };
    for (size_t d = 0; d < DTYPES; d++)
        for (int way = 0; way < 4; way++) {
            gwt *g = gwt_begin(.num_workers = 2);
            gwt_dtype t = all_dtypes[d];
            size_t size = sample_size(t), count = BITS_BANDS * BITS_ROWS * BITS_COLS;
            unsigned char *raw = keep(count * size);
            fill_noise(t, raw, count, 10 * d + (uint64_t)way);
            const char *path = temp_path("every%d_%d.tif", (int)d, way);
            geo_place place;
            tiff_write(path, &(tiff_spec){ .width = BITS_COLS, .height = BITS_ROWS,
                       .bands = BITS_BANDS, .dtype = t, .tile_width = way / 2 ? 16 : 0,
                       .tile_height = way / 2 ? 32 : 0, .rows_per_strip = 5, .planar = way % 2,
                       .geo = geo_at(&place, 32616, utm) }, raw);
            gwt_array *a = gwt_open(g, path, .chunk_rows = 3 + way, .chunk_cols = 11);
            thinning all = { 0, 0, BITS_ROWS, BITS_COLS, 1 }, part = { 5, 7, 23, 40, 1 };
            for (size_t i = 0; i < COUNT_OF(steps); i++) {
                char what[64];
                int k = steps[i];
                snprintf(what, sizeof what, "%s, way %d, every %d", gwt_dtype_name(t), way, k);
                all.step = part.step = k;
                gwt_array *thin = gwt_every(a, k), *cropped = gwt_window(a, 5, 7, 23, 40);
                expect_bits(g, thin, raw, size, all, what);
                expect_bits(g, gwt_every(cropped, k), raw, size, part, what);
                const int64_t *shape = gwt_describe(thin)->shape;
                if (shape[2] < 3 || shape[3] < 4) continue;
                thinning inner = { k, 2 * k, (int)(shape[2] - 2) * k, (int)(shape[3] - 3) * k, k };
                gwt_array *middle = gwt_window(thin, 1, 2, shape[2] - 2, shape[3] - 3);
                expect_bits(g, middle, raw, size, inner, what);
                inner.step *= 3;
                expect_bits(g, gwt_every(middle, 3), raw, size, inner, what);
            }
            assert_int_equal(gwt_end(g), 0);
            forget(NULL);
        }
}

// Of what is computed, of windows around each pixel, of cubes; then aligned, wider than it is.
static void every_of_what_is_computed(void **state)
{
    (void)state;
    static const int steps[] = { 2, 3, 8, 50 };
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        gwt *g = gwt_begin(.num_workers = 3);
        int k = steps[i], two = 2, rows = (20 + k - 1) / k, cols = (31 + k - 1) / k;
        cube c = noisy(GWT_INT16, 2, 2, 20, 31, 3, 5);
        statistic mean = { GWT_MEAN, 0, 5 }, count = { GWT_COUNT, 0, 3 };
        cube smooth = moved(&c, &mean), thin = mapped(&smooth, rows, cols, every_at, &k);
        gwt_array *a = of_type(g, &c, GWT_INT16), *r = gwt_every(gwt_moving(a, .window = 5), k);
        expect(g, r, &thin, 1e-12, "every %d of windows", k);
        cube wide = cut(&thin, -2, -1, rows + 3, cols + 5);
        const double *t = gwt_describe(r)->transform;
        gwt_bounds b = gwt_bounds_of(t[2] - t[0], t[5] + t[4] * (rows + 1),
                                     t[2] + t[0] * (cols + 4), t[5] - 2 * t[4]);
        expect(g, gwt_regrid(r, .bounds = b), &wide, 1e-12, "every %d, wider", k);
        cube summed = joined(&c, &smooth, sum_of);
        summed = mapped(&summed, rows, cols, every_at, &k);
        expect(g, gwt_every(gwt_add(a, gwt_moving(a, .window = 5)), k), &summed, 1e-12,
               "every %d of a sum", k);
        cube pixels = mapped(&c, rows, cols, every_at, &k), around = moved(&pixels, &mean);
        expect(g, gwt_moving(gwt_every(a, k), .window = 5), &around, 1e-12, "windows of every %d",
               k);
        cube n = reduced(&c, GWT_TIME, &count), few = mapped(&n, rows, cols, every_at, &k);
        gwt_array *counts = gwt_every(gwt_reduce(a, GWT_TIME, GWT_COUNT), k);
        expect(g, counts, &few, 0, "every %d of counts", k);
        // Beyond the edge a count is missing, not 0.
        cube beyond = cut(&few, -2, -1, rows + 3, cols + 5);
        expect(g, gwt_regrid(counts, .bounds = b), &beyond, 0, "every %d of counts, wider", k);
        cube again = mapped(&few, (rows + 1) / 2, (cols + 1) / 2, every_at, &two);
        expect(g, gwt_every(counts, 2), &again, 0, "every 2 of every %d", k);
        again = mapped(&beyond, (rows + 4) / 2, (cols + 6) / 2, every_at, &two);
        expect(g, gwt_every(gwt_regrid(counts, .bounds = b), 2), &again, 0,
               "every 2 of what is wider than every %d", k);
        assert_int_equal(gwt_end(g), 0);
        forget(NULL);
    }
}

// ---- nodata, replacing ------------------------------------------------------------------------

static void masked_and_replaced(void **state)
{
    (void)state;
    for (size_t d = 0; d < DTYPES; d++) {
        gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
        gwt_dtype t = all_dtypes[d];
        cube c = noisy(t, 2, 2, 12, 15, d, 5);
        for (int i = 0; i < count_of(&c); i += 3) if (!isnan(c.v[i])) c.v[i] = i % 5;
        gwt_array *a = of_type(g, &c, t), *masked = gwt_mask_nodata(a);
        const gwt_info *info = gwt_describe(masked);
        assert_int_equal(info->dtype, t == GWT_FLOAT32 ? GWT_FLOAT32 : GWT_FLOAT64);
        assert_false(info->nodata.set);
        expect_place(info, utm);
        expect(g, masked, &c, 0, "%s masked", gwt_dtype_name(t));
        void *raw = gwt_compute(masked);
        for (int i = 0; i < count_of(&c); i++)
            assert_true(same_double(sample_get(info->dtype, raw, (size_t)i), c.v[i]));
        gwt_free(raw);
        // 1 and 2 change places, 3 becomes 100, 4 itself; nothing chains.
        static const double from[] = { 1, 2, 3, 4, 77777 }, to[] = { 2, 1, 100, 4, 5 };
        cube want = cube_new(2, 2, 12, 15);
        for (int i = 0; i < count_of(&c); i++) {
            double v = c.v[i];
            want.v[i] = v == 1 ? 2 : v == 2 ? 1 : v == 3 ? 100 : v;
        }
        gwt_array *r = gwt_replace(a, from, to, 5);
        expect(g, r, &want, 0, "%s replaced", gwt_dtype_name(t));
        assert_int_equal(gwt_describe(r)->dtype, t);
        assert_true(gwt_describe(r)->nodata.value == nodata_of(t));
        expect(g, gwt_replace(a, from, to, 0), &c, 0, "nothing to replace");
        static const double one[] = { 1 }, wide[] = { 1e40 }, half[] = { 0.5 };
        if (!is_float(t)) {
            assert_null(gwt_replace(a, one, wide, 1));
            EXPECT_ERROR(g, GWT_E_ARGUMENT, gwt_dtype_name(t));
            assert_null(gwt_replace(a, one, half, 1));
            EXPECT_ERROR(g, GWT_E_ARGUMENT, "0.5");
        }
        assert_int_equal(gwt_end(g), 0);
    }
}

// ---- indices ----------------------------------------------------------------------------------

static const char *const index_names[] = { "ndvi", "nbr", "kndvi", "avi", "evi", "evi2", "gcvi",
                                           "wi" };

static cube index_cube(const cube *c, const char *name, double scale)
{
    cube r = cube_new(c->times, 1, c->rows, c->cols);
    int count = c->rows * c->cols;
    for (int i = 0; i < c->times * count; i++) {
        const double *v = c->v + (i / count * 6) * count + i % count;
        double s[6];
        bool missing = false;
        for (int b = 0; b < 6; b++) {
            s[b] = v[b * count] * scale;
            missing |= strchr(index_bands(name), "bgrnst"[b]) != NULL && isnan(v[b * count]);
        }
        reflectance x = { s[0], s[1], s[2], s[3], s[4], s[5] };
        r.v[i] = missing ? NAN : index_value(name, &x);
    }
    return r;
}

static void indices_by_definition(void **state)
{
    (void)state;
    cube c = noisy(GWT_UINT16, 2, 6, 15, 21, 9, 12);
    for (int i = 0; i < count_of(&c); i += 41) c.v[i] = 0;   // 0 / 0 and x / 0
    static const double scales[] = { 1, 1e-4, 2e-3 };
    for (size_t s = 0; s < COUNT_OF(scales); s++)
        for (size_t i = 0; i < COUNT_OF(index_names); i++) {
            const char *name = index_names[i];
            cube want = index_cube(&c, name, scales[s]);
            // The scale factor of the call; and of the session.
            for (int by = 0; by < 2; by++) {
                gwt *g = gwt_begin(.num_workers = 2,
                                   .scale_factor = gwt_some(by ? scales[s] : 17));
                gwt_array *a = gwt_rename_bands(of_type(g, &c, GWT_UINT16), gwt_sensor_bands("l8l7"));
                gwt_array *r = by ? gwt_spectral_index(a, name)
                                  : gwt_spectral_index(a, name, .scale_factor = gwt_some(scales[s]));
                expect(g, r, &want, 1e-13, "%s, scale %g", name, scales[s]);
                const gwt_info *info = gwt_describe(r);
                expect_names(info->band_names, 1, name);
                assert_int_equal(info->dtype, GWT_FLOAT64);
                assert_true(info->nodata.set && info->nodata.value == 65535);
                expect_place(info, utm);
                assert_int_equal(gwt_end(g), 0);
            }
        }
}

static void indices_by_sensor_and_nodata(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    cube c = noisy(GWT_UINT16, 1, 6, 9, 11, 9, 0);
    for (int i = 0; i < count_of(&c); i += 7) c.v[i] = 1000;
    gwt_array *a = stored(g, &c, &(storage){ .dtype = GWT_UINT16, .no_nodata = true });
    for (int i = 0; i < count_of(&c); i++) if (c.v[i] == 1000) c.v[i] = NAN;
    for (size_t i = 0; i < COUNT_OF(index_names); i++) {
        // Bands in the order of the sensor; nodata compared before any scaling.
        gwt_array *r = gwt_spectral_index(a, index_names[i], .sensor = "l8l7", .nodata = gwt_some(1000),
                                 .scale_factor = gwt_some(1e-4));
        cube want = index_cube(&c, index_names[i], 1e-4);
        expect(g, r, &want, 1e-13, "%s", index_names[i]);
        assert_true(gwt_describe(r)->nodata.value == 1000);
        double *raw = gwt_compute(r);
        for (int k = 0; k < count_of(&want); k++) if (isnan(want.v[k])) assert_true(raw[k] == 1000);
        gwt_free(raw);
    }
    assert_null(gwt_spectral_index(a, "ndwi"));
    for (size_t i = 0; i < COUNT_OF(index_names); i++)
        REQUIRE(strstr(gwt_message(g), index_names[i]), "%s is not in '%s'", index_names[i],
                gwt_message(g));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "ndwi");
    assert_null(gwt_spectral_index(a, NULL));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "ndvi");
    assert_null(gwt_spectral_index(a, "ndvi"));                        // no band names
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "red");
    assert_null(gwt_spectral_index(a, "ndvi", .sensor = "l99"));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "l8l7");
    assert_null(gwt_spectral_index(a, "ndvi", .sensor = "bgr"));       // three names for six bands
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
    assert_int_equal(gwt_end(g), 0);
}

// Weights of blue .. swir2: brightness, greenness, wetness. l5, l7, qb, ik as geowombat has them;
// l8l7 as Baig et al. (2014), Remote Sensing Letters 5, 423-431, table 2.
static const struct { const char *sensor; int bands; double c[3][6]; } caps[] = {
    { "l5", 6, { { 0.3037, 0.2793, 0.4343, 0.5585, 0.5082, 0.1863 },
                 { -0.2848, -0.2435, -0.5436, 0.7243, 0.0840, -0.1800 },
                 { 0.1509, 0.1793, 0.3299, 0.3406, -0.7112, -0.4572 } } },
    { "l7", 6, { { 0.3561, 0.3972, 0.3904, 0.6966, 0.2286, 0.1596 },
                 { -0.3344, -0.3544, -0.4556, 0.6966, -0.0242, -0.2630 },
                 { 0.2626, 0.2141, 0.0926, 0.0656, -0.7629, -0.5388 } } },
    { "l8l7", 6, { { 0.3029, 0.2786, 0.4733, 0.5599, 0.5080, 0.1872 },
                   { -0.2941, -0.2430, -0.5424, 0.7276, 0.0713, -0.1608 },
                   { 0.1511, 0.1973, 0.3283, 0.3407, -0.7117, -0.4559 } } },
    { "qb", 4, { { 0.319, 0.542, 0.490, 0.604 }, { -0.121, -0.331, -0.517, 0.780 },
                 { 0.652, 0.375, -0.639, -0.163 } } },
    { "ik", 4, { { 0.326, 0.509, 0.560, 0.567 }, { -0.311, -0.256, -0.325, 0.819 },
                 { -0.612, -0.312, 0.722, -0.081 } } }
};

static void tasseled_caps(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT_OF(caps); k++) {
        gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
        cube c = noisy(GWT_UINT16, 2, caps[k].bands, 9, 11, 9, 15), want = cube_new(2, 3, 9, 11);
        for (int i = 0; i < count_of(&want); i++) {
            double sum = 0;
            for (int b = 0; b < caps[k].bands; b++)
                sum += c.v[(i / 297 * caps[k].bands + b) * 99 + i % 99] * 1e-4 *
                       caps[k].c[i / 99 % 3][b];
            want.v[i] = sum;
        }
        gwt_array *a = of_type(g, &c, GWT_UINT16);
        gwt_array *r = gwt_tasseled_cap(a, .sensor = caps[k].sensor,
                                        .scale_factor = gwt_some(1e-4));
        expect(g, r, &want, 1e-14, "%s", caps[k].sensor);
        expect_names(gwt_describe(r)->band_names, 3, "brightness", "greenness", "wetness");
        assert_int_equal(gwt_describe(r)->dtype, GWT_FLOAT64);
        assert_true(gwt_describe(r)->nodata.value == 65535);
        assert_null(gwt_tasseled_cap(a));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "l5, l7, l8l7, qb, ik");
        assert_null(gwt_tasseled_cap(a, .sensor = "bgr"));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "bgr");
        assert_null(gwt_tasseled_cap(a, .sensor = caps[k].bands == 6 ? "qb" : "l7"));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
        assert_int_equal(gwt_end(g), 0);
    }
    // The sensor of the file.
    gwt *g = gwt_begin(.num_workers = 1, .sensor = "l7");
    cube c = noisy(GWT_UINT16, 1, 6, 5, 5, 9, 0);
    gwt_array *r = gwt_tasseled_cap(of_type(g, &c, GWT_UINT16));
    EXPECT_OK(g);
    assert_int_equal(gwt_describe(r)->shape[1], 3);
    assert_int_equal(gwt_end(g), 0);
}

// ---- all together -----------------------------------------------------------------------------

// A composite as people make it: masked dates, an index, the median in time, smoothed.
static void composites(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 3);
    cube c = noisy(GWT_UINT16, 5, 6, 22, 25, 4, 5);
    gwt_array *a = gwt_rename_bands(of_type(g, &c, GWT_UINT16), gwt_sensor_bands("l8l7"));
    cube ndvi = index_cube(&c, "ndvi", 1e-4);
    statistic median = { GWT_MEDIAN, 0, 0 }, mean = { GWT_MEAN, 0, 5 }, most = { GWT_MAX, 0, 3 };
    cube composite = reduced(&ndvi, GWT_TIME, &median), smooth = moved(&composite, &mean);
    gwt_array *index = gwt_spectral_index(a, "ndvi", .scale_factor = gwt_some(1e-4));
    gwt_array *r = gwt_reduce(index, GWT_TIME, GWT_MEDIAN);
    expect(g, r, &composite, 1e-12, "median in time");
    expect(g, gwt_moving(r, .window = 5), &smooth, 1e-12, "smoothed");
    // The other way round: every date smoothed, then the largest.
    cube dates = moved(&ndvi, &mean), largest = reduced(&dates, GWT_TIME, &most);
    r = gwt_reduce(gwt_moving(index, .window = 5), GWT_TIME, GWT_MAX);
    expect(g, r, &largest, 1e-12, "the largest of smoothed dates");
    cube diff = joined(&ndvi, &smooth, less);
    gwt_array *anomaly =
        gwt_sub(index, gwt_moving(gwt_reduce(index, GWT_TIME, GWT_MEDIAN), .window = 5));
    expect(g, anomaly, &diff, 1e-12, "anomalies");
    assert_int_equal(gwt_end(g), 0);
}

typedef struct entry { cube c; int row, col; gwt_array *a; } entry;

enum { POOL = 16 };

static uint64_t dice_seed, dice_count;
static int dice(int n) { return (int)(noise(dice_seed * 1009 + dice_count++) % (uint64_t)n); }

// One more step from what there is; all lies on one grid of cells, `row` and `col` say where.
static entry next_entry(const entry *pool, int n, char *said, size_t room)
{
    static const gwt_stat windows[] = { GWT_MIN, GWT_MAX, GWT_COUNT, GWT_SUM, GWT_MEDIAN };
    static const gwt_stat folds[] = { GWT_MIN, GWT_MAX, GWT_COUNT, GWT_SUM, GWT_FIRST, GWT_LAST };
    int at = dice(n), with = dice(n), kind = dice(7);
    const entry *e = &pool[at], *o = &pool[with];
    entry r = *e;
    size_t used = strlen(said);
    if (kind == 0) {
        statistic s = { windows[dice(COUNT_OF(windows))], 0, 1 + 2 * dice(5) };
        r.c = moved(&e->c, &s);
        r.a = gwt_moving(e->a, .statistic = s.stat, .window = s.window);
        snprintf(said + used, room - used, " %d=window(%d, stat %d, %d)", n, at, s.stat, s.window);
    } else if (kind == 1 && e->c.rows > 6 && e->c.cols > 6) {
        int row = dice(4), col = dice(4), rows = e->c.rows - row - dice(3),
            cols = e->c.cols - col - dice(3);
        r.c = cut(&e->c, row, col, rows, cols);
        r.row += row, r.col += col;
        r.a = gwt_window(e->a, row, col, rows, cols);
        snprintf(said + used, room - used, " %d=cut(%d, %d %d %d %d)", n, at, row, col, rows, cols);
    } else if (kind == 2) {
        r.c = cut(&e->c, o->row - e->row, o->col - e->col, o->c.rows, o->c.cols);
        r.row = o->row, r.col = o->col;
        r.a = gwt_align(e->a, o->a, GWT_NEAREST);
        snprintf(said + used, room - used, " %d=align(%d, %d)", n, at, with);
    } else if (kind == 3) {
        gwt_dim dim = dice(2) ? GWT_TIME : GWT_BAND;
        statistic s = { folds[dice(COUNT_OF(folds))], 0, 0 };
        r.c = reduced(&e->c, dim, &s);
        r.a = gwt_reduce(e->a, dim, s.stat);
        snprintf(said + used, room - used, " %d=reduce(%d, dim %d, stat %d)", n, at, dim, s.stat);
    } else if (kind == 4) {
        int halo = dice(4), bands = 1 + dice(3);
        r.c = summed_around(&e->c, halo, bands);
        r.a = gwt_apply(e->a, sums_around, NULL, .halo = halo, .bands = bands);
        snprintf(said + used, room - used, " %d=kernel(%d, halo %d, bands %d)", n, at, halo, bands);
    } else {
        cube there = cut(&o->c, e->row - o->row, e->col - o->col, e->c.rows, e->c.cols);
        bool fit = (e->c.times == there.times || e->c.times == 1 || there.times == 1) &&
                   (e->c.bands == there.bands || e->c.bands == 1 || there.bands == 1);
        gwt_array *b = gwt_align(o->a, e->a, GWT_NEAREST);
        if (!fit) return r;
        of_two *fn = kind == 5 ? less : larger;
        r.c = joined(&e->c, &there, fn);
        r.a = kind == 5 ? gwt_sub(e->a, b) : gwt_max(e->a, b);
        snprintf(said + used, room - used, " %d=%s(%d, %d)", n, kind == 5 ? "sub" : "max", at,
                 with);
    }
    return r;
}

// Whole graphs, evaluated step by step by the definitions.
static void random_graphs(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 120; seed++) {
        char said[1024] = "";
        entry pool[POOL];
        dice_seed = seed, dice_count = 0;
        gwt *g = gwt_begin(.num_workers = 1 + dice(3));
        for (int i = 0; i < 2; i++) {
            entry *e = &pool[i];
            *e = (entry){ .row = i * dice(5), .col = i * dice(5) };
            e->c = noisy(GWT_INT16, 1 + dice(2), 1 + dice(2), 12 + dice(10), 12 + dice(14),
                         2 * seed + (uint64_t)i, dice(2) * 6);
            e->a = tile_at(g, &e->c, (int[]){ e->row, e->col }, GWT_INT16);
        }
        int n = 2, steps = 3 + dice(6);
        for (int i = 0; i < steps; i++, n++) pool[n] = next_entry(pool, n, said, sizeof said);
        expect(g, pool[n - 1].a, &pool[n - 1].c, 1e-9, "seed %d:%s", (int)seed, said);
        assert_int_equal(gwt_end(g), 0);
        forget(NULL);
    }
}

// ---- nothing ----------------------------------------------------------------------------------

static void null_goes_through(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    cube c = noisy(GWT_UINT8, 1, 1, 5, 5, 1, 0);
    gwt_array *a = of_type(g, &c, GWT_UINT8);
    // Of nothing comes nothing; and nothing comes of anything once there is an error.
    for (int failed = 0; failed < 2; failed++) {
        gwt_array *x = failed ? a : NULL;
        if (failed) gwt_fail(g, GWT_E_USER, "enough");
        assert_null(gwt_reduce(x, GWT_TIME, GWT_MEAN));
        assert_null(gwt_moving(x));
        assert_null(gwt_moving_with(x, NULL));
        assert_null(gwt_apply(x, sums_around, NULL));
        assert_null(gwt_apply_with(x, sums_around, NULL, NULL));
        assert_null(gwt_window(x, 0, 0, 1, 1));
        assert_null(gwt_subset(x, gwt_bounds_of(0, 0, 1, 1)));
        assert_null(gwt_every(x, 2));
        assert_null(gwt_align(x, x, GWT_NEAREST));
        if (failed) assert_null(gwt_align(a, NULL, GWT_NEAREST));
        assert_null(gwt_mosaic(&x, 1, GWT_UNION, GWT_MAX, GWT_NEAREST));
        assert_null(gwt_mask_nodata(x));
        assert_null(gwt_replace(x, (double[]){ 1 }, (double[]){ 2 }, 1));
        assert_null(gwt_spectral_index(x, "ndvi"));
        assert_null(gwt_spectral_index_with(x, "ndvi", NULL));
        assert_null(gwt_tasseled_cap(x));
        assert_null(gwt_sel_times(x, (const char *const[]){ "1", NULL }));
        if (!failed) EXPECT_OK(g);
    }
    EXPECT_ERROR(g, GWT_E_USER, "enough");
    gwt_array *fine = gwt_moving_with(a, NULL);
    EXPECT_OK(g);
    assert_non_null(fine);
    assert_int_equal(gwt_end(g), 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, forget)

// A plan that can't be made is an error and nothing else: no heading of a table that does not come.
static void no_plan_no_heading(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true, .memory_limit = 2000);
    cube c = noisy(GWT_UINT8, 1, 1, 20, 31, 3, 5);
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_false(gwt_print_plan(gwt_moving(of_type(g, &c, GWT_UINT8), .window = 5), f));
    EXPECT_ERROR(g, GWT_E_MEMORY, NULL);
    assert_int_equal(ftell(f), 0);
    fclose(f);
    assert_int_equal(gwt_end(g), 0);
}

// A NULL beside an array is an error that names the call; the first error of a session stays, and a
// call that has no session at hand says nothing.
#define EXPECT_NULL_NAMED(made, part) \
    do { \
        assert_true(!(made)); \
        EXPECT_ERROR(g, GWT_E_ARGUMENT, part); \
    } while (0)

static void null_is_an_error(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    cube c = noisy(GWT_UINT8, 2, 2, 20, 31, 3, 5);
    gwt_array *a = of_type(g, &c, GWT_UINT8), *no = NULL;
    void *buffers[2] = { NULL, NULL };
    const char *path = temp_path("null.tif"), *const paths[2] = { path, path };
    static const struct {
        gwt_array *(*call)(const gwt_array *, const gwt_array *);
        const char *name;
    } pairs[] = {
        { gwt_add, "gwt_add: " }, { gwt_sub, "gwt_sub: " }, { gwt_mul, "gwt_mul: " },
        { gwt_div, "gwt_div: " }, { gwt_pow, "gwt_pow: " }, { gwt_min, "gwt_min: " },
        { gwt_max, "gwt_max: " }, { gwt_lt, "gwt_lt: " }, { gwt_le, "gwt_le: " },
        { gwt_gt, "gwt_gt: " }, { gwt_ge, "gwt_ge: " }, { gwt_eq, "gwt_eq: " },
        { gwt_ne, "gwt_ne: " }, { gwt_and, "gwt_and: " }, { gwt_or, "gwt_or: " },
        { gwt_atan2, "gwt_atan2: " }, { gwt_hypot, "gwt_hypot: " }, { gwt_mod, "gwt_mod: " }
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        EXPECT_NULL_NAMED(pairs[i].call(a, NULL), pairs[i].name);
        EXPECT_NULL_NAMED(pairs[i].call(NULL, a), pairs[i].name);
        assert_null(pairs[i].call(NULL, NULL));
        EXPECT_OK(g);
    }
    EXPECT_NULL_NAMED(gwt_add(a, NULL), "gwt_add: array 2 of 2 is NULL");
    EXPECT_NULL_NAMED(gwt_where(NULL, a, a), "gwt_where: array 1 of 3 is NULL");
    EXPECT_NULL_NAMED(gwt_where(a, a, NULL), "gwt_where: array 3 of 3 is NULL");
    EXPECT_NULL_NAMED(gwt_lerp(a, NULL, a), "gwt_lerp: array 2 of 3 is NULL");
    EXPECT_NULL_NAMED(gwt_align(a, NULL, GWT_NEAREST), "gwt_align: array 2 of 2 is NULL");
    EXPECT_NULL_NAMED(gwt_stack((gwt_array *[]){ NULL, a }, 2, GWT_BAND), "gwt_stack: array 1");
    EXPECT_NULL_NAMED(gwt_mosaic((gwt_array *[]){ a, no }, 2, GWT_UNION, GWT_MAX, GWT_NEAREST),
                      "gwt_mosaic: array 2");
    EXPECT_NULL_NAMED(gwt_calc((gwt_array *[]){ no, a }, 2, "a + b"), "gwt_calc: array 1");
    EXPECT_NULL_NAMED(gwt_calc(&a, 1, NULL), "gwt_calc: the expression is NULL");
    EXPECT_NULL_NAMED(gwt_compute_many((gwt_array *[]){ a, no }, 2, buffers),
                      "gwt_compute_many: array 2");
    EXPECT_NULL_NAMED(gwt_compute_many(&a, 1, NULL), "gwt_compute_many: the list of outputs is");
    EXPECT_NULL_NAMED(gwt_save_many((gwt_array *[]){ a, no }, paths, 2), "gwt_save_many: array 2");
    EXPECT_NULL_NAMED(gwt_save_many(&a, NULL, 1), "gwt_save_many: the list of outputs is NULL");
    EXPECT_NULL_NAMED(gwt_save(a, NULL), "no file name");
    EXPECT_NULL_NAMED(gwt_open(g, NULL), "no file name");
    EXPECT_NULL_NAMED(gwt_open(g, path, .stack = GWT_TIME), ".stack is of several files");
    EXPECT_NULL_NAMED(gwt_open_many(g, (const char *[]){ NULL, path }, 2), "no file name");
    EXPECT_NULL_NAMED(gwt_open_many(g, NULL, 2), "no files");
    EXPECT_NULL_NAMED(gwt_sel_bands(a, NULL), "no band names");
    EXPECT_NULL_NAMED(gwt_sel_times(a, NULL), "no time names");
    EXPECT_NULL_NAMED(gwt_rename_bands(a, NULL), "0 band names");
    EXPECT_NULL_NAMED(gwt_replace(a, NULL, (double[]){ 1 }, 1), "can't replace: no values");
    EXPECT_NULL_NAMED(gwt_replace(a, (double[]){ 1 }, NULL, 1), "can't replace: no values");
    EXPECT_NULL_NAMED(gwt_norm_diff(a, "1", NULL), "norm_diff");
    EXPECT_NULL_NAMED(gwt_spectral_index(a, NULL), "no index");
    EXPECT_NULL_NAMED(gwt_apply(a, NULL, NULL), "kernel");
    EXPECT_NULL_NAMED(gwt_map_blocks(a, NULL, NULL) >= 0, "no function");
    EXPECT_NULL_NAMED(gwt_summarize(a, NULL), "summaries");
    EXPECT_NULL_NAMED(gwt_histogram(a, 0, 1, 2, NULL), "counts");
    EXPECT_NULL_NAMED(gwt_percentiles(a, NULL, 2, NULL), "percentiles");
    EXPECT_NULL_NAMED(gwt_plan_of(a, NULL), "gwt_plan_of: the plan is NULL");
    EXPECT_NULL_NAMED(gwt_print_plan(a, NULL), "gwt_print_plan: the file is NULL");
    assert_null(gwt_stack((gwt_array *[]){ no, no }, 2, GWT_BAND));
    assert_null(gwt_calc(NULL, 1, "a"));
    assert_null(gwt_stack(NULL, 1, GWT_BAND));
    EXPECT_OK(g);
    // The first error stays: what follows from it, and what has nothing to do with it.
    gwt_array *red = gwt_sel(a, "red");
    assert_null(gwt_add(a, gwt_mul(red, a)));
    assert_null(gwt_where(NULL, a, a));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "no band \"red\"");
    gwt_add(a, NULL);
    assert_int_equal(gwt_end(g), 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(reductions_by_definition),
        TEST(reductions_of_few_and_many),
        TEST(reductions_of_ties),
        TEST(skew_and_mode_by_hand),
        TEST(periods_are_named),
        TEST(series_by_hand),
        TEST(numbers_are_no_years),
        TEST(trends_of_periods),
        TEST(trend_of_numbered_times),
        TEST(best_by_hand),
        TEST(series_refused),
        TEST(ranks_of_many),
        TEST(infinities),
        TEST(reductions_described),
        TEST(reductions_refused),
        TEST(windows_by_definition),
        TEST(wide_windows),
        TEST(widest_window),
        TEST(windows_described_and_refused),
        TEST(weights_by_definition),
        TEST(kernels_see_their_halo),
        TEST(kernels_make_bands),
        TEST(kernels_have_a_type),
        TEST(kernels_that_fail),
        TEST(kernels_that_act),
        TEST(kernels_refused),
        TEST(cuts_by_definition),
        TEST(cuts_refused),
        TEST(cuts_keep_exact_bits),
        TEST(windows_of_cuts),
        TEST(mixed_with_itself),
        TEST(aligned_by_whole_cells),
        TEST(resampled_by_definition),
        TEST(resampled_keep_type),
        TEST(aligned_again),
        TEST(aligned_refused),
        TEST(subsets_by_definition),
        TEST(every_by_definition),
        TEST(times_by_name),
        TEST(upside_down_and_nowhere),
        TEST(mosaics_by_definition),
        TEST(files_of_several_grids),
        TEST(few_files_under_a_piece),
        TEST(mosaics_between_cells),
        TEST(mosaics_of_times_of_one_name),
        TEST(mosaics_refused),
        TEST(regridded_by_definition),
        TEST(valid_beyond),
        TEST(files_on_a_given_grid),
        TEST(no_such_grid),
        TEST(grids_of_other_sessions),
        TEST(chunks_of_four_dims),
        TEST(every_keeps_exact_bits),
        TEST(every_of_what_is_computed),
        TEST(masked_and_replaced),
        TEST(indices_by_definition),
        TEST(indices_by_sensor_and_nodata),
        TEST(tasseled_caps),
        TEST(composites),
        TEST(random_graphs),
        TEST(null_goes_through),
        TEST(null_is_an_error),
        TEST(no_plan_no_heading),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("arrays", tests, temp_begin, temp_end);
}
