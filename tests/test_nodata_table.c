// test_nodata_table.c - what comes of a missing operand, and what type and nodata value the result
// has: for each operation and call that the tables of the manual and of README speak of.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Two bands of uint16, nodata 9: both are there, one is missing, both are, both are there again.
enum { PIXELS = 4, LACKS_ONE = 1, LACKS_ALL = 2 };
static const double first[PIXELS] = { 5, 9, 9, 0 }, second[PIXELS] = { 3, 3, 9, 1 };

static gwt_array *bands(gwt *g)
{
    static const double transform[6] = { 1, 0, 10, 0, -1, 50 };
    static uint16_t pixels[2 * PIXELS];
    for (int i = 0; i < PIXELS; i++) {
        pixels[i] = (uint16_t)first[i];
        pixels[PIXELS + i] = (uint16_t)second[i];
    }
    return gwt_from_memory(g, pixels, sizeof pixels, GWT_UINT16,
                           ((const int64_t[4]){ 1, 2, 1, PIXELS }), .nodata = gwt_some(9),
                           .transform = transform, .epsg = 4326);
}

#define M ((double)NAN)
#define V SOME(9)
#define NONE { 0 }
#define T GWT_UINT16
enum { ANY = 77 };          // a number that the row says nothing of

static void check_row(gwt *g, gwt_array *r, double one, double all, gwt_dtype type,
                      gwt_optional nodata, const char *what)
{
    REQUIRE(r, "%s: %s", what, gwt_message(g));
    const gwt_info *info = gwt_describe(r);
    REQUIRE(info->dtype == type, "%s is %s, not %s", what, gwt_dtype_name(info->dtype),
            gwt_dtype_name(type));
    REQUIRE(info->nodata.set == nodata.set && (!nodata.set || info->nodata.value == nodata.value),
            "%s: nodata %d, %g, not %d, %g", what, info->nodata.set, info->nodata.value,
            nodata.set, nodata.value);
    double *got = VALUES_OF(gwt_mask_nodata(r));
    REQUIRE(one == ANY || same_double(got[LACKS_ONE], one), "%s: %g where b1 is missing, not %g",
            what, got[LACKS_ONE], one);
    REQUIRE(same_double(got[LACKS_ALL], all), "%s: %g where all is missing, not %g", what,
            got[LACKS_ALL], all);
    gwt_free(got);
}

static void expressions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double one, all;
        gwt_dtype type;
        gwt_optional nodata;
    } rows[] = {
        { "b1 + b2", M, M, GWT_FLOAT64, NONE }, { "b1 - 1", M, M, GWT_FLOAT64, NONE },
        { "2 * b1", M, M, GWT_FLOAT64, NONE }, { "b2 / b1", M, M, GWT_FLOAT64, NONE },
        { "b1 ** 0", M, M, GWT_FLOAT64, NONE }, { "1 ** b1", M, M, GWT_FLOAT64, NONE },
        { "sqrt(b1)", M, M, GWT_FLOAT64, NONE }, { "exp(b1)", M, M, GWT_FLOAT64, NONE },
        { "log(b1)", M, M, GWT_FLOAT64, NONE }, { "tanh(b1)", M, M, GWT_FLOAT64, NONE },
        { "mod(b2, b1)", M, M, T, V }, { "atan2(b1, 0)", M, M, GWT_FLOAT64, NONE },
        { "lerp(b2, 3, b1)", M, M, GWT_FLOAT64, NONE }, { "hypot(0, b1)", M, M, GWT_FLOAT64, NONE },
        { "floor(b1)", M, M, T, V }, { "round(b1)", M, M, T, V }, { "sign(b1)", M, M, T, V },
        { "b1 == b1", M, M, GWT_UINT8, SOME(255) }, { "b1 != 3", M, M, GWT_UINT8, SOME(255) },
        { "b1 < b2", M, M, GWT_UINT8, SOME(255) }, { "b1 <= b2", M, M, GWT_UINT8, SOME(255) },
        { "b1 > 3", M, M, GWT_UINT8, SOME(255) }, { "3 >= b1", M, M, GWT_UINT8, SOME(255) },
        { "b1 && 0", M, M, GWT_UINT8, SOME(255) }, { "1 || b1", M, M, GWT_UINT8, SOME(255) },
        { "!b1", M, M, GWT_UINT8, SOME(255) }, { "valid(b1)", 0, 0, GWT_UINT8, SOME(255) },
        { "where(b1 > 4, 1, 2)", M, M, GWT_FLOAT64, NONE },
        { "where(b1 > 4, b2, b1)", M, M, T, V }, { "where(b2 > 2, b2, b1)", 3, M, T, V },
        { "where(b2 > 2, b1, b2)", M, M, T, V }, { "where(b2 > 2, 7, b1)", 7, M, T, V },
        { "where(b2 > 2, 0.5, b1)", 0.5, M, GWT_FLOAT64, NONE },
        { "min(b1, b2)", M, M, T, V }, { "max(b1, 3)", M, M, T, V },
        { "max(b1, 0.5)", M, M, GWT_FLOAT64, NONE }, { "abs(b1)", M, M, T, V },
        { "-b1", M, M, GWT_FLOAT64, NONE }, { "clip(b1, 0, 100)", M, M, T, V },
        { "clip(b1, 0.5, 100)", M, M, GWT_FLOAT64, NONE },
        { "reclass(b1, \"0:4=1, else=2\")", M, M, GWT_UINT8, V },
        { "reclass(b1, \"0:4=9, else=2\")", M, M, GWT_UINT8, SOME(255) },
        { "reclass(b2, \"3=nan, else=2\")", M, M, GWT_UINT8, V },
        { "reclass(b1, \"0:4=1, else=keep\")", M, M, T, V },
        { "reclass(b1, \"0:4=-1, else=keep\")", M, M, GWT_INT32, V },
        { "replace(b1, 9, 6)", M, M, T, V }, { "mask(b2, 3)", M, M, T, V },
        { "norm_diff(b1, b2)", M, M, GWT_FLOAT64, NONE },
        { "row(b1)", 0, 0, GWT_INT32, SOME(-1) }, { "col(b1)", 1, 2, GWT_INT32, SOME(-1) },
        { "x(b1)", 11.5, 12.5, GWT_FLOAT64, NONE }, { "lat(b1)", 49.5, 49.5, GWT_FLOAT64, NONE },
        { "mean(a, band)", 3, M, GWT_FLOAT64, NONE }, { "sum(a, band)", 3, M, GWT_FLOAT64, NONE },
        { "std(a, band)", 0, M, GWT_FLOAT64, NONE }, { "var(a, band)", 0, M, GWT_FLOAT64, NONE },
        { "median(a, band)", 3, M, GWT_FLOAT64, NONE },
        { "percentile(a, band, 90)", 3, M, GWT_FLOAT64, NONE },
        { "skew(a, band)", ANY, M, GWT_FLOAT64, NONE },
        { "range(a, band)", 0, M, GWT_FLOAT64, NONE },
        { "min(a, band)", 3, M, T, V }, { "max(a, band)", 3, M, T, V },
        { "first(a, band)", 3, M, T, V }, { "last(a, band)", 3, M, T, V },
        { "mode(a, band)", 3, M, T, V }, { "count(a, band)", 1, 0, GWT_INT32, NONE },
        { "argmax(a, band)", 1, M, GWT_INT32, SOME(-1) },
        { "all(a, band)", 1, M, GWT_UINT8, SOME(255) },
        { "any(a, band)", 1, M, GWT_UINT8, SOME(255) },
        { "moving_mean(b1, 3)", 5, 0, GWT_FLOAT64, NONE },
        { "moving_mean(b1, 1)", M, M, GWT_FLOAT64, NONE },
        { "moving_std(b1, 3)", 0, 0, GWT_FLOAT64, NONE },
        { "moving_max(b1, 3)", 5, 0, T, V }, { "moving_min(b1, 1)", M, M, T, V },
        { "moving_mode(b1, 3)", 5, 0, T, V }, { "moving_count(b1, 1)", 0, 0, GWT_FLOAT64, NONE },
        { "moving_any(b1, 3)", 1, 0, GWT_UINT8, SOME(255) },
        { "moving_percentile(b1, 3, 10)", 5, 0, GWT_FLOAT64, NONE }
    };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = bands(g);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_row(g, gwt_calc(&a, 1, rows[i].text), rows[i].one, rows[i].all, rows[i].type,
                  rows[i].nodata, rows[i].text);
    assert_int_equal(gwt_end(g), 0);
}

static int doubles_it(const gwt_kernel *k, void *seen)
{
    for (int i = 0; i < PIXELS; i++) k->out[i] = 2 * k->in[i];
    *(bool *)seen = isnan(k->in[LACKS_ALL]);
    return 0;
}

static void calls(void **state)
{
    (void)state;
    static const char *const names[] = { "red", "nir", NULL };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = bands(g), *b1 = gwt_sel(a, "1"), *b2 = gwt_sel(a, "2"), *both[] = { b1, b2 };
    gwt_array *rgb = gwt_rename_bands(a, names);
    gwt_array *times = gwt_stack(both, 2, GWT_TIME);    // of which the second lacks one
    bool seen = false;
    const struct {
        const char *name;
        gwt_array *is;
        double one;
        gwt_dtype type;
        gwt_optional nodata;
    } rows[] = {
        { "norm_diff", gwt_norm_diff(rgb, "red", "nir"), M, GWT_FLOAT64, V },
        { "an index", gwt_spectral_index(rgb, "ndvi"), M, GWT_FLOAT64, V },
        { "a mosaic", gwt_mosaic(both, 2, GWT_REFERENCE, GWT_FIRST, GWT_NEAREST), 3, T, V },
        { "a mosaic of means", gwt_mosaic(both, 2, GWT_REFERENCE, GWT_MEAN, GWT_NEAREST), 3,
          GWT_FLOAT64, NONE },
        { "a stack", gwt_stack(both, 2, GWT_TIME), M, T, V },
        { "a cast", gwt_cast(b1, GWT_INT8), M, GWT_INT8, V },
        { "a cast that loses it",
          gwt_cast(gwt_set_nodata(b1, .dst_nodata = gwt_some(300)), GWT_UINT8), M, GWT_UINT8,
          NONE },
        { "set_nodata", gwt_set_nodata(b1, .dst_nodata = gwt_some(7)), M, T, SOME(7) },
        { "set_nodata to a type", gwt_set_nodata(b1, .dst_nodata = gwt_some(-7), .dtype = GWT_INT8),
          M, GWT_INT8, SOME(-7) },
        { "mask_nodata", gwt_mask_nodata(b1), M, GWT_FLOAT64, NONE },
        { "mask_nodata of float32", gwt_mask_nodata(gwt_cast(b1, GWT_FLOAT32)), M, GWT_FLOAT32,
          NONE },
        { "best", gwt_best(times, times, NULL), 3, T, V },
        { "best, missing where the score is", gwt_best(times, gwt_mul(times, b1), NULL), M, T, V },
        { "cumsum", gwt_calc(&times, 1, "cumsum(a)[2]"), 3, GWT_FLOAT64, NONE },
        { "diff", gwt_diff(times), M, GWT_FLOAT64, NONE },
        { "interpolate", gwt_calc(&times, 1, "interpolate(a)[2]"), 3, GWT_FLOAT64, NONE },
        { "interpolate at the ends", gwt_interpolate(times), M, GWT_FLOAT64, NONE },
        { "slope", gwt_calc(&times, 1, "slope(a)"), M, GWT_FLOAT64, NONE },
        { "intercept", gwt_calc(&a, 1, "intercept(a, band)"), M, GWT_FLOAT64, NONE },
        { "a kernel", gwt_apply(b1, doubles_it, &seen, .dtype = GWT_INT16,
                                .nodata = gwt_some(-1)), M, GWT_INT16, SOME(-1) },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_row(g, rows[i].is, rows[i].one, M, rows[i].type, rows[i].nodata, rows[i].name);
    assert_true(seen);
    assert_int_equal(gwt_end(g), 0);
}

// Cells half as wide, and twice as wide: what lies beside a missing cell, and under one.
static void resampled(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *b1 = gwt_sel(bands(g), "1");
    static const gwt_resampling methods[] = { GWT_NEAREST, GWT_BILINEAR, GWT_CUBIC };
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        gwt_array *r = gwt_regrid(b1, .res = 0.5, .res_y = 1, .resampling = methods[i]);
        assert_int_equal(gwt_describe(r)->dtype, T);
        assert_true(gwt_describe(r)->nodata.value == 9);
        double *got = VALUES_OF(gwt_mask_nodata(r));
        REQUIRE(got[1] == 5 && isnan(got[2]) && isnan(got[5]) && got[6] == 0, "method %d", (int)i);
        gwt_free(got);
    }
    double *got = VALUES_OF(gwt_mask_nodata(
        gwt_regrid(b1, .res = 2, .res_y = 1, .resampling = GWT_AVERAGE)));
    assert_true(got[0] == 5 && got[1] == 0);
    gwt_free(got);
    got = VALUES_OF(gwt_mask_nodata(gwt_regrid(gwt_window(b1, 0, 1, 1, 2), .res = 2, .res_y = 1,
                                               .resampling = GWT_AVERAGE)));
    assert_true(isnan(got[0]));
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

static void results(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *b1 = gwt_sel(bands(g), "1");
    uint16_t *raw = gwt_compute(b1), *other = gwt_compute(b1, .nodata = gwt_some(77));
    assert_true(raw[0] == 5 && raw[LACKS_ONE] == 9 && other[LACKS_ONE] == 77 && other[3] == 0);
    gwt_free(raw);
    gwt_free(other);
    assert_null(gwt_compute(gwt_add(b1, b1), .dtype = GWT_INT16));
    EXPECT_ERROR(g, GWT_E_NODATA, "int16");
    gwt_summary s;
    assert_true(gwt_summarize(b1, &s) && s.count == 2 && s.sum == 5);
    assert_int_equal(gwt_end(g), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions), cmocka_unit_test(calls), cmocka_unit_test(resampled),
        cmocka_unit_test(results),
    };
    return cmocka_run_group_tests_name("nodata_table", tests, temp_begin, temp_end);
}
