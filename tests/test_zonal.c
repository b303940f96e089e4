// test_zonal.c - gwt_zonal against plain loops over all pixels: every type of zones and of values,
// zones of any shape, ids that no double is equal to; and the same bits by any workers, in any
// chunks.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- pixels -----------------------------------------------------------------------------------

// Zones as they are stored, 64 bits each; one value of them is nodata.
typedef struct zones { gwt_dtype dtype; int rows, cols; uint64_t *id, nodata; bool missing; }
    zones;

// Values of [plane][row][column], NaN where missing.
typedef struct values { gwt_dtype dtype; int planes, rows, cols; double *v; } values;

enum { ONE, SQUARES, STRIPES, EACH, SHAPES };

static bool is_signed(gwt_dtype t)
{
    return t == GWT_INT8 || t == GWT_INT16 || t == GWT_INT32 || t == GWT_INT64;
}

// Far apart in a type of 64 bits, so that doubles would make one zone of several.
static uint64_t id_of(gwt_dtype t, int64_t n)
{
    if (t == GWT_INT64) return (uint64_t)((n % 2 ? -1 : 1) * (INT64_C(9007199254740992) + n));
    if (t == GWT_UINT64) return UINT64_MAX - (uint64_t)(n % 3) * 4 - (uint64_t)n / 3 * 64;
    if (is_signed(t)) n = n % 2 ? -n : n;
    return t == GWT_INT8 || t == GWT_UINT8 ? (uint64_t)(n % 100) : (uint64_t)n;
}

static int64_t number_of(int shape, int cols, int row, int col)
{
    switch (shape) {
    case SQUARES: return row / 7 * (cols / 7 + 1) + col / 7;
    case STRIPES: return (row + 2 * col) / 40;
    case EACH: return (int64_t)(noise((uint64_t)(row * cols + col)) % 5000);
    default: return 3;
    }
}

static zones zones_of(gwt_dtype t, int rows, int cols, int shape, bool missing)
{
    zones z = { t, rows, cols, malloc((size_t)(rows * cols) * sizeof *z.id), 0, missing };
    REQUIRE(z.id, "out of memory");
    z.nodata = id_of(t, 5);
    for (int i = 0; i < rows * cols; i++) {
        int64_t n = number_of(shape, cols, i / cols, i % cols);
        z.id[i] = id_of(t, n);
        if (missing && noise((uint64_t)i / 3) % 6 == 0) z.id[i] = z.nodata;
    }
    return z;
}

static gwt_array *array_of_zones(gwt *g, const zones *z)
{
    size_t n = (size_t)(z->rows * z->cols), size = sample_size(z->dtype);
    unsigned char *raw = malloc(n * size);
    char nodata[32];
    for (size_t i = 0; i < n; i++) {
        if (size == 8) memcpy(raw + 8 * i, &z->id[i], 8);
        else sample_set(z->dtype, raw, i, (double)(int64_t)z->id[i]);
    }
    snprintf(nodata, sizeof nodata, z->dtype == GWT_UINT64 ? "%" PRIu64 : "%" PRId64, z->nodata);
    static int number;
    const char *path = temp_path("zones%d.tif", number++);
    tiff_write(path, &(tiff_spec){ .width = z->cols, .height = z->rows, .dtype = z->dtype,
                                   .tile_width = 32, .tile_height = 48, .geo = &geo_utm,
                                   .nodata = z->missing ? nodata : NULL }, raw);
    free(raw);
    return gwt_open(g, path);
}

static values values_of(gwt_dtype t, int planes, int rows, int cols, uint64_t seed)
{
    values v = { t, planes, rows, cols, malloc((size_t)(planes * rows * cols) * sizeof *v.v) };
    REQUIRE(v.v, "out of memory");
    for (int i = 0; i < planes * rows * cols; i++) {
        uint64_t bits = noise(seed * 1000003 + (uint64_t)i), raw = 0;
        double x = is_float(t) ? (double)(bits % 4001) / 7 - 100 : (double)(bits % 120);
        if (is_float(t) && bits / 4096 % 50 == 0) x = bits % 2 ? INFINITY : -0.0;
        sample_set(t, &raw, 0, x);
        v.v[i] = bits / 8192 % 9 == 0 ? NAN : sample_get(t, &raw, 0);
        if (v.v[i] == 77) v.v[i] = 76;
    }
    return v;
}

static gwt_array *array_of_values(gwt *g, const values *v, int chunks)
{
    int n = v->planes * v->rows * v->cols;
    double *raw = malloc((size_t)n * sizeof *raw);
    for (int i = 0; i < n; i++) raw[i] = isnan(v->v[i]) ? 77 : v->v[i];
    static int number;
    const char *path = temp_path("values%d.tif", number++);
    tiff_write_values(path, &(tiff_spec){ .width = v->cols, .height = v->rows, .bands = v->planes,
                      .dtype = v->dtype, .rows_per_strip = 5, .nodata = "77", .geo = &geo_utm },
                      raw);
    free(raw);
    return gwt_open(g, path, .chunks = chunks);
}

// ---- by definition ----------------------------------------------------------------------------

static bool ids_are_signed;

static int by_id(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    if (ids_are_signed) return ((int64_t)x > (int64_t)y) - ((int64_t)x < (int64_t)y);
    return (x > y) - (x < y);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Each once, in order; the caller's.
static uint64_t *list_zones(const zones *z, size_t *n)
{
    size_t all = 0, size = (size_t)(z->rows * z->cols);
    uint64_t *list = malloc(size * sizeof *list);
    for (size_t i = 0; i < size; i++)
        if (!z->missing || z->id[i] != z->nodata) list[all++] = z->id[i];
    ids_are_signed = z->dtype != GWT_UINT64;
    qsort(list, all, sizeof *list, by_id);
    *n = 0;
    for (size_t i = 0; i < all; i++)
        if (i == 0 || list[i] != list[i - 1]) list[(*n)++] = list[i];
    return list;
}

static void check_zone(const gwt_zonal_result *r, size_t zone, int plane, double *v, int n,
                       int infinite, const char *what)
{
    size_t at = zone * r->num_planes + (size_t)plane;
    const gwt_summary *s = &r->summaries[at];
    long double sum = 0, squares = 0;
    double most = NAN, median = NAN, all = 0;
    int most_n = 0;
    qsort(v, (size_t)n, sizeof *v, ascending);
    for (int i = 0, k; i < n; i = k) {
        for (k = i; k < n && v[k] == v[i]; k++) sum += v[k], all += fabs(v[k]);
        if (k - i > most_n) most_n = k - i, most = v[i];
    }
    for (int i = 0; i < n; i++) squares += (v[i] - sum / n) * (v[i] - sum / n);
    if (n) median = n % 2 ? v[n / 2] : v[n / 2] - (v[n / 2] - v[n / 2 - 1]) * 0.5;
    REQUIRE(s->count == n && s->infinite == infinite, "%s: zone %zu: %lld and %lld, not %d and %d",
            what, zone, (long long)s->count, (long long)s->infinite, n, infinite);
    REQUIRE(same_double(s->min, n ? v[0] : NAN) && same_double(s->max, n ? v[n - 1] : NAN),
            "%s: zone %zu: %g..%g", what, zone, s->min, s->max);
    REQUIRE(fabs(s->sum - (double)sum) <= 1e-13 * all, "%s: zone %zu: sum %.17g, not %.17Lg", what,
            zone, s->sum, sum);
    REQUIRE(n ? fabs(s->mean - (double)(sum / n)) <= 1e-13 * all / n : isnan(s->mean),
            "%s: zone %zu: mean %.17g", what, zone, s->mean);
    REQUIRE(n ? fabs(s->std - (double)sqrtl(squares / n)) <= 1e-9 : isnan(s->std),
            "%s: zone %zu: std %.17g, not %.17Lg", what, zone, s->std, sqrtl(squares / n));
    if (!r->medians) return;
    REQUIRE(same_double(r->medians[at], median), "%s: zone %zu: median %.17g of %d, not %.17g",
            what, zone, r->medians[at], n, median);
    REQUIRE(same_double(r->majorities[at], most), "%s: zone %zu: majority %.17g, not %.17g", what,
            zone, r->majorities[at], most);
}

static void check_all(const gwt_zonal_result *r, const zones *z, const values *v, const char *what)
{
    size_t n, size = (size_t)(z->rows * z->cols);
    uint64_t *list = list_zones(z, &n);
    double *some = malloc(size * sizeof *some);
    REQUIRE(r->dtype == z->dtype && r->num_planes == (size_t)v->planes, "%s: type or planes", what);
    REQUIRE(r->num_zones == n, "%s: %zu zones, not %zu", what, r->num_zones, n);
    for (size_t k = 0; k < n; k++) {
        if ((uint64_t)r->ids[k] != list[k])
            FAIL("%s: zone %zu is %lld, not %lld", what, k, (long long)r->ids[k],
                 (long long)list[k]);
        if (n > 400 && k % 97) continue;
        for (int p = 0; p < v->planes; p++) {
            int count = 0, infinite = 0;
            for (size_t i = 0; i < size; i++) {
                double x = v->v[(size_t)p * size + i];
                if (z->id[i] != list[k]) continue;
                if (isfinite(x)) some[count++] = x;
                else infinite += !isnan(x);
            }
            check_zone(r, k, p, some, count, infinite, what);
        }
    }
    free(some);
    free(list);
}

static void by_definition(void **state)
{
    (void)state;
    static const struct { int planes, rows, cols; } sizes[] = {
        { 1, 1, 1 }, { 2, 61, 83 }, { 1, 300, 530 }
    };
    for (int d = 0; d < DTYPES; d++)
        for (int shape = 0; shape < SHAPES; shape++)
            for (size_t s = 0; s < COUNT_OF(sizes); s++) {
                gwt_dtype of_zones = all_dtypes[(d + shape) % DTYPES];
                if (is_float(of_zones) || (s == 2 && (d + shape) % 3)) continue;
                char what[128];
                snprintf(what, sizeof what, "%s in %s, shape %d, size %zu",
                         gwt_dtype_name(all_dtypes[d]), gwt_dtype_name(of_zones), shape, s);
                gwt *g = gwt_begin(.num_workers = 1 + d % 3);
                zones z = zones_of(of_zones, sizes[s].rows, sizes[s].cols, shape, d % 2);
                values v = values_of(all_dtypes[d], sizes[s].planes, z.rows, z.cols, (uint64_t)d);
                bool both = shape % 2 || d % 2;
                gwt_zonal_result *r = gwt_zonal(array_of_values(g, &v, 0), array_of_zones(g, &z),
                                                .median = both, .majority = both);
                REQUIRE(r, "%s: %s", what, gwt_message(g));
                REQUIRE(!r->medians == !both && !r->majorities == !both, "%s: what comes", what);
                check_all(r, &z, &v, what);
                gwt_free(r);
                free(z.id);
                free(v.v);
                assert_int_equal(gwt_end(g), 0);
            }
}

// Where all is one zone the numbers are those of gwt_summarize and gwt_percentiles, bit by bit.
static void one_zone(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 3);
    values v = values_of(GWT_FLOAT64, 2, 700, 530, 9);
    zones z = zones_of(GWT_UINT8, 700, 530, ONE, false);
    gwt_array *a = array_of_values(g, &v, 0);
    gwt_summary s[2];
    double median[2];
    assert_true(gwt_summarize(a, s) && gwt_percentiles(a, (double[]){ 50 }, 1, median));
    gwt_zonal_result *r = gwt_zonal(a, array_of_zones(g, &z), .median = true);
    REQUIRE(r, "%s", gwt_message(g));
    assert_true(r->num_zones == 1 && r->ids[0] == 3 && !r->majorities);
    assert_memory_equal(r->summaries, s, sizeof s);
    assert_memory_equal(r->medians, median, sizeof median);
    gwt_free(r);
    free(v.v);
    free(z.id);
    assert_int_equal(gwt_end(g), 0);
}

// ---- the same bits ----------------------------------------------------------------------------

static void same_bits(void **state)
{
    (void)state;
    static const int workers[] = { 1, 2, 3, 8 }, chunks[] = { 16, 100, 1000 };
    values v = values_of(GWT_FLOAT32, 2, 900, 530, 4);
    for (int shape = SQUARES; shape < SHAPES; shape++) {
        zones z = zones_of(GWT_INT32, 900, 530, shape, true);
        gwt_summary *want = NULL;
        for (size_t w = 0; w < COUNT_OF(workers); w++)
            for (size_t c = 0; c < COUNT_OF(chunks); c++) {
                if ((c || w) && (c + w) % 2) continue;
                gwt *g = gwt_begin(.num_workers = workers[w], .cache_bytes = 1 + 100000 * w);
                gwt_zonal_result *r =
                    gwt_zonal(array_of_values(g, &v, chunks[c]), array_of_zones(g, &z));
                REQUIRE(r, "%s", gwt_message(g));
                size_t bytes = r->num_zones * r->num_planes * sizeof *want;
                if (!want) want = memcpy(malloc(bytes), r->summaries, bytes);
                REQUIRE(!memcmp(want, r->summaries, bytes), "shape %d: %d workers, chunks of %d: "
                        "other bits", shape, workers[w], chunks[c]);
                gwt_free(r);
                assert_int_equal(gwt_end(g), 0);
            }
        free(want);
        free(z.id);
    }
    free(v.v);
}

// Little memory: zones are counted some at a time, and give the same.
static int count_passes(const gwt_progress *p, void *user)
{
    if (p->last) ++*(int *)user;
    return 0;
}

static void values_in_passes(void **state)
{
    (void)state;
    int passes = 0;
    values v = values_of(GWT_FLOAT32, 2, 300, 530, 4);
    zones z = zones_of(GWT_UINT16, 300, 530, SQUARES, true);
    gwt *g = gwt_begin(.num_workers = 2, .memory_limit = 12 << 20, .cache_bytes = 1 << 20,
                       .on_progress = count_passes, .user = &passes);
    gwt_zonal_result *r = gwt_zonal(array_of_values(g, &v, 64), array_of_zones(g, &z),
                                    .median = true, .majority = true);
    REQUIRE(r, "%s", gwt_message(g));
    assert_true(passes > 2);    // one is that of the sums
    check_all(r, &z, &v, "in passes");
    gwt_free(r);
    free(v.v);
    free(z.id);
    assert_int_equal(gwt_end(g), 0);
}

// ---- zones that are computed, missing, refused --------------------------------------------------

static void zones_of_results(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    static const double height[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 77 };
    static const double zone[12] = { 1, 1, 1, 2, 2, 2, 0, 0, 0, 9, 9, 9 };
    const tiff_spec spec = { .width = 4, .height = 3, .dtype = GWT_FLOAT64, .geo = &geo_utm,
                             .nodata = "77" };
    tiff_spec of_zones = spec;
    of_zones.dtype = GWT_UINT8, of_zones.nodata = NULL;
    gwt_array *a = array_of(g, &spec, height), *b = array_of(g, &of_zones, zone);
    gwt_zonal_result *r = gwt_zonal(a, b, .median = true);
    REQUIRE(r, "%s", gwt_message(g));
    assert_true(r->num_zones == 4 && r->ids[0] == 0 && r->ids[3] == 9);
    assert_true(r->summaries[0].sum == 24 && r->summaries[1].sum == 6 && r->summaries[2].max == 6);
    assert_true(r->summaries[3].count == 2 && r->medians[3] == 10.5 && r->medians[1] == 2);
    gwt_free(r);
    // A zone without a valid pixel is one; a pixel without a zone is in none. Beyond an aligned
    // array zones are missing, whether they have a nodata value or not.
    gwt_array *corner = gwt_align(gwt_window(b, 1, 1, 2, 3), b, GWT_NEAREST);
    r = gwt_zonal(gwt_where(gwt_lt(a, gwt_number(g, 7)), a, gwt_number(g, (double)NAN)), corner);
    REQUIRE(r, "%s", gwt_message(g));
    assert_true(r->num_zones == 3 && r->ids[1] == 2 && r->summaries[1].sum == 6);
    assert_true(r->summaries[0].count == 0 && isnan(r->summaries[0].mean)
                && isnan(r->summaries[2].min) && r->summaries[2].sum == 0);
    gwt_free(r);
    // Zones by an expression.
    r = gwt_zonal(a, gwt_gt(a, gwt_number(g, 6)));
    REQUIRE(r, "%s", gwt_message(g));
    assert_true(r->num_zones == 2 && r->summaries[0].sum == 21 && r->summaries[1].sum == 45);
    gwt_free(r);
    assert_int_equal(gwt_end(g), 0);
}

static void refused(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    static const double some[24] = { 1, 2, 3 };
    gwt_array *floats = array_of(g, &(tiff_spec){ .width = 4, .height = 3, .dtype = GWT_FLOAT32,
                                                  .geo = &geo_utm }, some);
    gwt_array *two = array_of(g, &(tiff_spec){ .width = 4, .height = 3, .bands = 2,
                                               .dtype = GWT_UINT8, .geo = &geo_utm }, some);
    gwt_array *wide = array_of(g, &(tiff_spec){ .width = 5, .height = 3, .dtype = GWT_UINT8,
                                                .geo = &geo_utm }, some);
    assert_null(gwt_zonal(floats, floats));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "float32");
    assert_null(gwt_zonal(floats, two));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "2 bands");
    assert_null(gwt_zonal(floats, wide));
    EXPECT_ERROR(g, GWT_E_GRID, "the grids differ");
    assert_null(gwt_zonal(gwt_number(g, 3), wide));
    EXPECT_ERROR(g, GWT_E_GRID, "number");
    assert_null(gwt_zonal(floats, NULL));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "NULL");
    assert_null(gwt_zonal(NULL, wide));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "NULL");
    assert_null(gwt_zonal(NULL, NULL));
    gwt_fail(g, GWT_E_USER, "no");
    assert_null(gwt_zonal(floats, gwt_sel(two, "1")));
    EXPECT_ERROR(g, GWT_E_USER, "no");
    assert_int_equal(gwt_end(g), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_definition),
        cmocka_unit_test(one_zone),
        cmocka_unit_test(same_bits),
        cmocka_unit_test(values_in_passes),
        cmocka_unit_test(zones_of_results),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests_name("zonal", tests, temp_begin, temp_end);
}
