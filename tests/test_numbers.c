// test_numbers.c - numbers of whole arrays: gwt_summarize, gwt_histogram, gwt_percentiles, against
// plain loops over all pixels; and the same bits by any workers, in any chunks, from inside loops.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- pixels -----------------------------------------------------------------------------------

// [time][band][row][column], NaN where missing.
typedef struct pixels { gwt_dtype dtype; int times, bands, rows, cols; double *v; } pixels;

typedef enum fill { FEW, WIDE, AWKWARD, CONSTANT, BEYOND, FILLS } fill;
typedef enum holes { NONE, SOME, MOST, ALL, HOLES } holes;

#define MISSING 77.0           // the nodata value of files that have one

static int size_of(const pixels *p) { return p->rows * p->cols; }
static int planes_of(const pixels *p) { return p->times * p->bands; }

static bool is_signed(gwt_dtype t)
{
    return t == GWT_INT8 || t == GWT_INT16 || t == GWT_INT32 || t == GWT_INT64 || is_float(t);
}

static double awkward_value(gwt_dtype dtype, uint64_t bits)
{
    static const double floats[] = { -INFINITY, INFINITY, -0.0, 0, 1e-40, -1e-40, 1, -1, 1e30,
                                     -1e30, 0x1p-149 };
    static const double integers[] = { -1e300, 1e300, 0, 1, -1, 2, 127, 128, 255, 65535 };
    if (dtype == GWT_FLOAT64 && bits % 13 == 0) return bits % 2 ? 1e150 : -4e-310;
    return is_float(dtype) ? floats[bits / 64 % COUNT_OF(floats)]
                           : integers[bits / 64 % COUNT_OF(integers)];   // held to the type
}

static double wide_value(gwt_dtype dtype, uint64_t bits)
{
    if (is_float(dtype)) return ldexp((double)(bits >> 40) - 0x1p23, (int)(bits % 60) - 50);
    return sample_get(dtype, &bits, 0);
}

static double value_of(gwt_dtype dtype, fill kind, uint64_t bits)
{
    double few = (double)(bits % 9) - (is_signed(dtype) ? 4 : 0);
    switch (kind) {
    case WIDE: return wide_value(dtype, bits);
    case AWKWARD: return awkward_value(dtype, bits);
    case CONSTANT: return is_float(dtype) ? 0.1 : 3;
    // Of 64 bits beyond 2^32, such that the sum of an image is exact.
    case BEYOND: return (is_signed(dtype) && bits % 2 ? -0x1p33 : 0x1p33) + (double)(bits % 1000);
    default: return is_float(dtype) ? few * 0.1 : few;
    }
}

static bool is_hole(holes kind, int i, uint64_t bits)
{
    return kind == ALL || (kind == SOME && bits / 1024 % 5 == 0) || (kind == MOST && i % 997 != 5);
}

static pixels pixels_of(gwt_dtype dtype, const int shape[4], fill kind, holes missing,
                        uint64_t seed)
{
    pixels p = { dtype, shape[0], shape[1], shape[2], shape[3], NULL };
    int n = planes_of(&p) * size_of(&p);
    p.v = malloc((size_t)n * sizeof *p.v);
    REQUIRE(p.v, "out of memory");
    for (int i = 0; i < n; i++) {
        uint64_t bits = noise(seed * 7919 + (uint64_t)i), raw = 0;
        sample_set(dtype, &raw, 0, value_of(dtype, kind, bits));
        double v = sample_get(dtype, &raw, 0);
        p.v[i] = is_hole(missing, i, bits) ? NAN : v == MISSING ? MISSING - 1 : v;
    }
    return p;
}

// A file a date; missing is the nodata value, in floats NaN too.
static gwt_array *array_of_pixels(gwt *g, const pixels *p, int tile, const char *nodata)
{
    gwt_array *dates[8];
    int date = p->bands * size_of(p);
    double *raw = malloc((size_t)date * sizeof *raw);
    REQUIRE(raw && p->times <= (int)COUNT_OF(dates), "out of memory");
    for (int t = 0; t < p->times; t++) {
        for (int i = 0; i < date; i++) {
            double v = p->v[t * date + i];
            raw[i] = isnan(v) && !(is_float(p->dtype) && (i % 2 || !nodata)) ? MISSING : v;
        }
        tiff_spec s = { .width = p->cols, .height = p->rows, .bands = p->bands, .dtype = p->dtype,
                        .tile_width = tile, .tile_height = tile, .rows_per_strip = 5,
                        .planar = t % 2, .nodata = nodata, .geo = &geo_utm };
        dates[t] = array_of(g, &s, raw);
    }
    free(raw);
    return p->times > 1 ? gwt_stack(dates, (size_t)p->times, GWT_TIME) : dates[0];
}

// ---- by definition ----------------------------------------------------------------------------

typedef struct valid { double *v; int n, infinite; } valid;    // of one plane: what is finite

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static valid valid_of(const pixels *p, int plane)
{
    valid r = { malloc((size_t)size_of(p) * sizeof *r.v), 0, 0 };
    REQUIRE(r.v, "out of memory");
    for (int i = 0; i < size_of(p); i++) {
        double v = p->v[plane * size_of(p) + i];
        if (isfinite(v)) r.v[r.n++] = v;
        else r.infinite += !isnan(v);
    }
    return r;
}

static bool near(double is, double want, double allowed)
{
    return same_double(is, want) || fabs(is - want) <= allowed;
}

static void check_summary(const gwt_summary *s, const valid *p, gwt_dtype dtype, const char *what)
{
    long double sum = 0, all = 0, squares = 0;
    double lo = NAN, hi = NAN;
    for (int i = 0; i < p->n; i++) {
        sum += p->v[i], all += fabs(p->v[i]);
        if (!(p->v[i] >= lo)) lo = p->v[i];
        if (!(p->v[i] <= hi)) hi = p->v[i];
    }
    long double mean = p->n ? sum / p->n : (long double)NAN;
    for (int i = 0; i < p->n; i++) squares += (p->v[i] - mean) * (p->v[i] - mean);
    double var = p->n ? (double)(squares / p->n) : NAN, most = fmax(fabs(lo), fabs(hi));
    // The means of the parts are off by rounding.
    double off = 1e-11 * var + 1e-15 * most * sqrt(var) + 1e-28 * most * most;
    REQUIRE(s->count == p->n, "%s: count %lld, not %d", what, (long long)s->count, p->n);
    REQUIRE(s->infinite == p->infinite, "%s: %lld infinite, not %d", what, (long long)s->infinite,
            p->infinite);
    REQUIRE(same_double(s->min, lo) && same_double(s->max, hi), "%s: %g..%g, not %g..%g", what,
            s->min, s->max, lo, hi);
    bool exact = !is_float(dtype) && all < 0x1p53L;
    REQUIRE(near(s->sum, (double)sum, exact ? 0 : (double)(1e-12L * all)),
            "%s: sum %.17g, not %.17Lg", what, s->sum, sum);
    REQUIRE(near(s->mean, (double)mean, p->n ? (double)(1e-12L * all / p->n) : 0),
            "%s: mean %.17g, not %.17Lg", what, s->mean, mean);
    REQUIRE(near(s->var, var, off), "%s: var %.17g, not %.17g", what, s->var, var);
    REQUIRE(same_double(s->std, sqrt(s->var)), "%s: std %.17g of var %.17g", what, s->std, s->var);
}

// Sorts the values.
static void check_percentiles(const double *values, const double *percentiles, int n,
                              const valid *p, const char *what)
{
    qsort(p->v, (size_t)p->n, sizeof *p->v, ascending);
    for (int i = 0; i < n; i++) {
        double want = NAN;
        if (p->n) {
            double at = (double)(p->n - 1) * (percentiles[i] / 100), part = at - floor(at);
            double a = p->v[(int)at], b = p->v[(int)at + 1 < p->n ? (int)at + 1 : (int)at];
            want = part < 0.5 ? a + (b - a) * part : b - (b - a) * (1 - part);
            if (part == 0 || a == b) want = a;
        }
        REQUIRE(same_double(values[i], want), "%s: percentile %.17g of %d is %.17g, not %.17g",
                what, percentiles[i], p->n, values[i], want);
    }
}

// numpy.histogram: edges as numpy.linspace has them.
static void check_histogram(const int64_t *counts, double lo, double hi, int bins, const valid *p,
                            const char *what)
{
    double *edges = malloc(((size_t)bins + 1) * sizeof *edges), step = (hi - lo) / bins;
    int64_t *want = calloc((size_t)bins, sizeof *want);
    REQUIRE(edges && want, "out of memory");
    for (int k = 0; k < bins; k++) edges[k] = k * step + lo;
    edges[bins] = hi;
    for (int i = 0; i < p->n; i++) {
        if (!(p->v[i] >= lo && p->v[i] <= hi)) continue;
        int k = 0;
        while (k + 1 < bins && p->v[i] >= edges[k + 1]) k++;
        want[k]++;
    }
    for (int k = 0; k < bins; k++)
        REQUIRE(counts[k] == want[k], "%s: %g..%g: bin %d of %d has %lld, not %lld", what, lo, hi,
                k, bins, (long long)counts[k], (long long)want[k]);
    free(edges);
    free(want);
}

static const double some_percentiles[] = { 50, 0, 100, 25, 75, 2, 98, 33.3, 66.6, 99.9, 1e-9,
                                           99.9999999, 50, 12.5 };
enum { PERCENTILES = COUNT_OF(some_percentiles), BINS = 12 };

static const double ranges[][2] = { { 0, 12 }, { -4, 4 }, { -0.4, 0.4 }, { -1e9, 3e9 },
                                    { 0, 1.0 / 3 }, { 1000, 1001 }, { -0x1p40, 0x1p40 } };

static void check_numbers(gwt *g, gwt_array *a, const pixels *p, const char *what)
{
    size_t planes = (size_t)planes_of(p);
    gwt_summary *s = malloc(planes * sizeof *s);
    double *values = malloc(planes * PERCENTILES * sizeof *values);
    int64_t *counts = malloc(planes * BINS * sizeof *counts);
    bool good = gwt_summarize(a, s)
             && gwt_percentiles(a, some_percentiles, PERCENTILES, values);
    REQUIRE(good, "%s: %s", what, gwt_message(g));
    for (int k = 0; k < (int)planes; k++) {
        valid v = valid_of(p, k);
        check_summary(&s[k], &v, p->dtype, what);
        check_percentiles(values + k * PERCENTILES, some_percentiles, PERCENTILES, &v, what);
        free(v.v);
    }
    for (size_t r = 0; r < COUNT_OF(ranges); r++) {
        int bins = r % 2 ? BINS - 5 : BINS;
        memset(counts, 0xA5, planes * BINS * sizeof *counts);
        REQUIRE(gwt_histogram(a, ranges[r][0], ranges[r][1], (size_t)bins, counts), "%s: %s", what,
                gwt_message(g));
        for (int k = 0; k < (int)planes; k++) {
            valid v = valid_of(p, k);
            check_histogram(counts + k * bins, ranges[r][0], ranges[r][1], bins, &v, what);
            free(v.v);
        }
    }
    free(s);
    free(values);
    free(counts);
}

// ---- of files ---------------------------------------------------------------------------------

static const char *const fill_names[FILLS] = { "few", "wide", "awkward", "constant", "beyond" };

// Times, bands, rows, columns.
static const int shapes[][4] = { { 1, 1, 1, 1 }, { 1, 1, 1, 7 }, { 2, 3, 19, 23 },
                                 { 1, 2, 257, 255 }, { 1, 1, 300, 270 } };

static void numbers_by_definition(void **state)
{
    (void)state;
    for (int d = 0; d < DTYPES; d++)
        for (int f = 0; f < FILLS; f++)
            for (int h = 0; h < HOLES; h++)
                for (int s = 0; s < (int)COUNT_OF(shapes); s++) {
                    gwt_dtype t = all_dtypes[d];
                    char what[128];
                    if (f == BEYOND && sample_size(t) < 8) continue;
                    if (LOOKS_FOR_RACES && (d + f + h) % 4) continue;
                    // One small shape of each, in turn, and now and then a large one.
                    if ((d + f + h) % (s < 3 ? 3 : 11) != s) continue;
                    snprintf(what, sizeof what, "%s, %s, holes %d, shape %d", gwt_dtype_name(t),
                             fill_names[f], h, s);
                    gwt *g = gwt_begin(.num_workers = 1 + (d + s) % 3);
                    pixels p = pixels_of(t, shapes[s], (fill)f, (holes)h, (uint64_t)(d + 10 * f));
                    // Integers without a nodata value have no missing pixel.
                    const char *nodata = h == NONE && f % 2 ? NULL : "77";
                    check_numbers(g, array_of_pixels(g, &p, s % 2 ? 32 : 0, nodata), &p, what);
                    free(p.v);
                    assert_int_equal(gwt_end(g), 0);
                }
}

static void larger_than_a_block(void **state)
{
    (void)state;
    static const gwt_dtype dtypes[] = { GWT_UINT8, GWT_INT64, GWT_FLOAT32 };
    for (size_t d = 0; d < COUNT_OF(dtypes); d++) {
        gwt *g = gwt_begin(.num_workers = 2);
        pixels p = pixels_of(dtypes[d], (int[]){ 1, 1, 700, 530 }, d == 1 ? BEYOND : WIDE, SOME,
                             d);
        check_numbers(g, array_of_pixels(g, &p, 64, "77"), &p, gwt_dtype_name(dtypes[d]));
        free(p.v);
        assert_int_equal(gwt_end(g), 0);
    }
}

// On the edges, and next to them: here a bin by division alone goes wrong.
static void values_on_edges(void **state)
{
    (void)state;
    static const struct { double lo, hi; int bins; } cases[] = {
        { 0, 1, 10 }, { 0, 1, 3 }, { 0.1, 0.7, 6 }, { -1, 1, 7 }, { -0.3, 2.3, 49 },
        { 1, 1.7, 100 },
        { 1e-300, 3e-300, 11 }, { -1e15, 1e15, 77 }, { 1e9, 1e9 + 1, 300 }, { 0, 4.4, 1 },
        { 1, 1 + 0x1p-50, 2 }, { 0, 1, 4096 }
    };
    gwt *g = gwt_begin(.num_workers = 2);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        double lo = cases[i].lo, hi = cases[i].hi;
        int bins = cases[i].bins, n = 3 * (bins + 1);
        char what[64];
        pixels p = pixels_of(GWT_FLOAT64, (int[]){ 1, 1, 1, n }, CONSTANT, NONE, 0);
        for (int k = 0; k < n; k++) {
            double edge = k / 3 == bins ? hi : lo + k / 3 * ((hi - lo) / bins);
            p.v[k] = k % 3 == 0 ? edge : nextafter(edge, k % 3 == 1 ? -INFINITY : INFINITY);
        }
        int64_t *counts = malloc((size_t)bins * sizeof *counts);
        snprintf(what, sizeof what, "edges, case %d", (int)i);
        valid v = valid_of(&p, 0);
        REQUIRE(gwt_histogram(array_of_pixels(g, &p, 0, NULL), lo, hi, (size_t)bins, counts),
                "%s: %s", what, gwt_message(g));
        check_histogram(counts, lo, hi, bins, &v, what);
        free(counts);
        free(v.v);
        free(p.v);
    }
    assert_int_equal(gwt_end(g), 0);
}

// From one to a hundred at once, in any order: every rank of a small image.
static void many_percentiles(void **state)
{
    (void)state;
    double percentiles[100], values[3 * 100];
    gwt *g = gwt_begin(.num_workers = 3);
    for (int d = 0; d < DTYPES; d += LOOKS_FOR_RACES ? 5 : 1) {
        pixels p = pixels_of(all_dtypes[d], (int[]){ 1, 3, 6, 7 }, d % 2 ? WIDE : FEW, SOME,
                             (uint64_t)d);
        gwt_array *a = array_of_pixels(g, &p, 0, "77");
        for (int n = 1; n <= 100; n += 33) {
            for (int i = 0; i < n; i++)
                percentiles[i] = (double)(noise((uint64_t)(100 * d + i)) % 100001) / 1000;
            REQUIRE(gwt_percentiles(a, percentiles, (size_t)n, values), "%s", gwt_message(g));
            for (int k = 0; k < 3; k++) {
                valid v = valid_of(&p, k);
                check_percentiles(values + k * n, percentiles, n, &v, gwt_dtype_name(p.dtype));
                free(v.v);
            }
        }
        free(p.v);
    }
    assert_int_equal(gwt_end(g), 0);
}

// A ratio with zeros in it: its infinities are counted, and take nothing from the other figures.
static void infinities_apart(void **state)
{
    (void)state;
    static const double values[] = { 3, INFINITY, 1, -INFINITY, 2, INFINITY, NAN };
    static const gwt_dtype dtypes[] = { GWT_FLOAT32, GWT_FLOAT64 };
    for (size_t d = 0; d < COUNT_OF(dtypes); d++) {
        gwt *g = gwt_begin(.num_workers = 2);
        gwt_array *a = array_of(g, &(tiff_spec){ .width = 7, .height = 1, .dtype = dtypes[d] },
                                values);
        gwt_summary s;
        double percentiles[2];
        int64_t counts[2];
        assert_true(gwt_summarize(a, &s));
        REQUIRE(s.count == 3 && s.infinite == 3, "%lld valid, %lld infinite", (long long)s.count,
                (long long)s.infinite);
        REQUIRE(s.min == 1 && s.max == 3 && s.mean == 2 && s.sum == 6, "%g..%g, mean %g, sum %g",
                s.min, s.max, s.mean, s.sum);
        assert_true(gwt_percentiles(a, (double[]){ 0, 100 }, 2, percentiles));
        REQUIRE(percentiles[0] == 1 && percentiles[1] == 3, "%g..%g", percentiles[0],
                percentiles[1]);
        assert_true(gwt_histogram(a, 0, 4, 2, counts));
        assert_true(counts[0] == 1 && counts[1] == 2);
        assert_int_equal(gwt_end(g), 0);
    }
}

// ---- of what is computed ----------------------------------------------------------------------

static int thirds(const gwt_kernel *k, void *user)
{
    (void)user;
    for (int64_t i = 0; i < k->planes_out * k->rows * k->cols; i++) k->out[i] = k->in[i] / 3;
    return 0;
}

// Numbers of the values an array has by gwt_compute: integers rounded, floats of 32 bits.
static void numbers_of_results(void **state)
{
    (void)state;
    for (int d = 0; d < DTYPES; d += SLOW ? 4 : 1) {
        gwt *g = gwt_begin(.num_workers = 3);
        pixels p = pixels_of(all_dtypes[d], (int[]){ 2, 2, 61, 47 }, d % 2 ? FEW : WIDE, SOME,
                             (uint64_t)d + 50);
        gwt_array *a = array_of_pixels(g, &p, 16, "77");
        gwt_array *results[] = {
            gwt_mul(a, gwt_number(g, 0.1)), gwt_cast(a, GWT_INT16), gwt_cast(a, GWT_FLOAT32),
            gwt_moving(a, .statistic = GWT_MEAN, .window = 5), gwt_moving(a, .statistic = GWT_MAX),
            gwt_gt(a, gwt_number(g, 1)), gwt_valid(a), gwt_clip(a, 0.1, 2.7), gwt_every(a, 3),
            gwt_window(a, 5, 6, 50, 33), gwt_reduce(a, GWT_TIME, GWT_MAX),
            gwt_reduce(a, GWT_BAND, GWT_ARGMAX), gwt_apply(a, thirds, NULL, .dtype = GWT_FLOAT32),
            gwt_set_nodata(a, .scale_factor = gwt_some(0.3), .dtype = GWT_UINT8,
                           .dst_nodata = gwt_some(255)),
            gwt_where(gwt_gt(a, gwt_number(g, 0)), a, gwt_number(g, (double)NAN)),
            gwt_regrid(a, .res = 51, .resampling = GWT_AVERAGE),
            gwt_regrid(a, .res = 20, .resampling = GWT_CUBIC)
        };
        for (size_t i = 0; i < COUNT_OF(results); i++) {
            char what[64];
            const gwt_info *info = gwt_describe(results[i]);
            pixels want = { info->dtype, (int)info->shape[0], (int)info->shape[1],
                            (int)info->shape[2], (int)info->shape[3], VALUES_OF(results[i]) };
            snprintf(what, sizeof what, "%s, result %d", gwt_dtype_name(p.dtype), (int)i);
            check_numbers(g, results[i], &want, what);
            gwt_free(want.v);
        }
        free(p.v);
        assert_int_equal(gwt_end(g), 0);
    }
}

// ---- the same bits ----------------------------------------------------------------------------

enum { PLANES = 2 };

typedef struct numbers {
    gwt_summary summaries[PLANES];
    double values[PLANES][PERCENTILES];
    int64_t counts[PLANES][BINS];
} numbers;

static bool numbers_of(gwt_array *a, numbers *to)
{
    memset(to, 0xA5, sizeof *to);
    return gwt_summarize(a, to->summaries)
        && gwt_percentiles(a, some_percentiles, PERCENTILES, to->values[0])
        && gwt_histogram(a, -300, 700, BINS, to->counts[0]);
}

// Sums here depend on the order they are added in.
static gwt_array *of_floats(gwt *g, const char *path, int chunks, bool computed)
{
    gwt_array *a = gwt_open(g, path, .chunks = chunks);
    if (!computed) return a;
    return gwt_add(gwt_moving(a, .statistic = GWT_MEAN, .window = 5),
                   gwt_mul(a, gwt_number(g, 0.1)));
}

typedef struct nested { gwt_array *a; const numbers *want; atomic_int failed, other; } nested;

static void numbers_inside(size_t index, void *user)
{
    nested *n = user;
    numbers *is = malloc(sizeof *is);
    (void)index;
    if (!is || !numbers_of(n->a, is)) atomic_fetch_add(&n->failed, 1);
    else if (memcmp(is, n->want, sizeof *is)) atomic_fetch_add(&n->other, 1);
    free(is);
}

static void same_bits_everywhere(void **state)
{
    (void)state;
    static const int workers[] = { 1, 2, 3, 8 }, chunks[] = { 16, 100, 256, 1000 };
    static numbers want, is;
    pixels p = pixels_of(GWT_FLOAT32, (int[]){ 1, PLANES, 700, 530 }, WIDE, SOME, 3);
    const char *path = temp_path("floats.tif");
    tiff_write_values(path, &(tiff_spec){ .width = p.cols, .height = p.rows, .bands = PLANES,
                      .dtype = GWT_FLOAT32, .tile_width = 48, .tile_height = 80 }, p.v);
    free(p.v);
    for (int computed = 0; computed < 2; computed++)
        for (size_t w = 0; w < COUNT_OF(workers); w++) {
            gwt *g = gwt_begin(.num_workers = workers[w], .cache_bytes = 1 + 100000 * w);
            for (size_t c = 0; c < COUNT_OF(chunks); c++) {
                if ((c || w) && (c + w) % (SLOW ? 5 : computed ? 4 : 2)) continue;
                gwt_array *a = of_floats(g, path, chunks[c], computed);
                REQUIRE(numbers_of(a, &is), "%s", gwt_message(g));
                if (w == 0 && c == 0) want = is;
                REQUIRE(!memcmp(&is, &want, sizeof is), "%s on %d workers in chunks of %d: other "
                        "bits; sums %.17g, %.17g", computed ? "computed" : "a file", workers[w],
                        chunks[c], is.summaries[0].sum, want.summaries[0].sum);
            }
            if (LOOKS_FOR_RACES && workers[w] != 3) { assert_int_equal(gwt_end(g), 0); continue; }
            nested n = { .a = of_floats(g, path, 64, computed), .want = &want };
            gwt_parallel_for(g, 2, numbers_inside, &n);
            EXPECT_OK(g);
            REQUIRE(!n.failed && !n.other, "%d workers: nested, %d failed, %d have other bits",
                    workers[w], n.failed, n.other);
            assert_int_equal(gwt_end(g), 0);
        }
}

// ---- refused ----------------------------------------------------------------------------------

static int no_today(const gwt_kernel *k, void *user)
{
    (void)k, (void)user;
    return 3;
}

static void numbers_refused(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    pixels p = pixels_of(GWT_UINT8, (int[]){ 1, 1, 5, 5 }, FEW, NONE, 1);
    gwt_array *a = array_of_pixels(g, &p, 0, NULL);
    int64_t counts[4];
    double values[101], many[101] = { 0 }, fifty = 50;
    gwt_summary s;
    static const double bad_ranges[][2] = { { 1, 1 }, { 2, 1 }, { NAN, 1 }, { 0, NAN },
                                            { -INFINITY, 1 }, { 0, INFINITY }, { -1.7e308, 1.7e308 }
    };
    for (size_t i = 0; i < COUNT_OF(bad_ranges); i++) {
        assert_false(gwt_histogram(a, bad_ranges[i][0], bad_ranges[i][1], 4, counts));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "below");
    }
    assert_false(gwt_histogram(a, 0, 1, 0, counts));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "0 bins");
    assert_false(gwt_histogram(a, 0, 1, SIZE_MAX / 2, counts));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "bins");
    static const double bad[] = { -1e-9, 101, 100.0000001, NAN, INFINITY };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(gwt_percentiles(a, (double[]){ 50, bad[i] }, 2, values));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "0 to 100");
    }
    assert_false(gwt_percentiles(a, &fifty, 0, values));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "0 percentiles");
    assert_false(gwt_percentiles(a, many, 101, values));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "100");
    // Nothing in, nothing out.
    assert_false(gwt_summarize(NULL, &s) || gwt_summarize(a, NULL));
    assert_false(gwt_histogram(NULL, 0, 1, 4, counts) || gwt_histogram(a, 0, 1, 4, NULL));
    assert_false(gwt_percentiles(NULL, &fifty, 1, values) || gwt_percentiles(a, NULL, 1, values)
                 || gwt_percentiles(a, &fifty, 1, NULL));
    gwt_clear(g);
    // What can't be computed has no numbers; nor has anything after an error.
    gwt_array *broken = gwt_apply(a, no_today, NULL);
    assert_false(gwt_summarize(broken, &s));
    EXPECT_ERROR(g, GWT_E_USER, NULL);
    assert_false(gwt_histogram(broken, 0, 1, 4, counts));
    EXPECT_ERROR(g, GWT_E_USER, NULL);
    assert_false(gwt_percentiles(broken, &fifty, 1, values));
    assert_false(gwt_summarize(a, &s) || gwt_histogram(a, 0, 1, 4, counts)
                 || gwt_percentiles(a, &fifty, 1, values));
    EXPECT_ERROR(g, GWT_E_USER, NULL);
    assert_true(gwt_summarize(a, &s) && s.count == 25);
    free(p.v);
    assert_int_equal(gwt_end(g), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_by_definition),
        cmocka_unit_test(larger_than_a_block),
        cmocka_unit_test(values_on_edges),
        cmocka_unit_test(many_percentiles),
        cmocka_unit_test(infinities_apart),
        cmocka_unit_test(numbers_of_results),
        cmocka_unit_test(same_bits_everywhere),
        cmocka_unit_test(numbers_refused),
    };
    return cmocka_run_group_tests_name("numbers", tests, temp_begin, temp_end);
}
