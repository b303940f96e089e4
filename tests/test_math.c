// test_math.c - operators, functions, expressions, nodata, sensors: against definitions written out
// here a second time, as plain loops and literal numbers.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- two operands, every pair of awkward values -----------------------------------------------

#define MISSING (-9999.0)      // the nodata value of the files here

static const double awkward[] = {
    -INFINITY, -1e300, -2.5, -1, -0.5, -0.0, 0, 1e-310, 0.3, 0.5, 1, 1.5, 2, 3, 1e10, INFINITY,
    NAN, MISSING
};
enum { AWKWARD = COUNT_OF(awkward), PAIRS = AWKWARD * AWKWARD };

static double left_of(int i) { return awkward[i / AWKWARD]; }
static double right_of(int i) { return awkward[i % AWKWARD]; }
static bool is_missing(double v) { return isnan(v) || v == MISSING; }

// Two bands of float64: all pairs.
static gwt_array *pairs(gwt *g)
{
    double values[2 * PAIRS];
    for (int i = 0; i < PAIRS; i++) values[i] = left_of(i), values[PAIRS + i] = right_of(i);
    return array_of(g, &(tiff_spec){ .width = AWKWARD, .height = AWKWARD, .bands = 2,
                                     .dtype = GWT_FLOAT64, .nodata = "-9999" }, values);
}

static double def_add(double a, double b) { return a + b; }
static double def_sub(double a, double b) { return a - b; }
static double def_mul(double a, double b) { return a * b; }
static double def_div(double a, double b) { return a / b; }
static double def_min(double a, double b) { return a < b ? a : b; }
static double def_max(double a, double b) { return a > b ? a : b; }

// Of the sign of b.
static double def_mod(double a, double b)
{
    double r = fmod(fabs(a), fabs(b));
    if (r == 0) return copysign(0, b);
    return (a < 0) == (b < 0) ? copysign(r, b) : b - copysign(r, b);
}

typedef gwt_array *binary(const gwt_array *, const gwt_array *);
typedef double binary_definition(double, double);

typedef struct arithmetic {
    const char *expression;
    binary *call;
    binary_definition *definition;
    double tolerance;          // relative; 0: the same double
} arithmetic;

static const arithmetic arithmetics[] = {
    { "b1 + b2", gwt_add, def_add, 0 }, { "b1 - b2", gwt_sub, def_sub, 0 },
    { "b1 * b2", gwt_mul, def_mul, 0 }, { "b1 / b2", gwt_div, def_div, 0 },
    { "min(b1, b2)", gwt_min, def_min, 0 }, { "max(b1, b2)", gwt_max, def_max, 0 },
    { "b1 ** b2", gwt_pow, pow, 1e-13 }, { "pow(b1, b2)", gwt_pow, pow, 1e-13 },
    { "atan2(b1, b2)", gwt_atan2, atan2, 1e-13 }, { "hypot(b1, b2)", gwt_hypot, hypot, 1e-13 },
    { "mod(b1, b2)", gwt_mod, def_mod, 0 }, { "b1 % b2", gwt_mod, def_mod, 0 }
};

static bool close_to(double is, double want, double tolerance)
{
    return same_double(is, want) || fabs(is - want) <= tolerance * fabs(want);
}

static void check_arithmetic(const arithmetic *op, const double *got, const char *how)
{
    for (int i = 0; i < PAIRS; i++) {
        double a = left_of(i), b = right_of(i);
        double want = is_missing(a) || is_missing(b) ? NAN : op->definition(a, b);
        REQUIRE(close_to(got[i], want, op->tolerance), "%s by %s of %g and %g is %.17g, not %.17g",
                op->expression, how, a, b, got[i], want);
    }
}

static void arithmetic_of_two(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *p = pairs(g), *a = gwt_sel(p, "1"), *b = gwt_sel(p, "2");
    for (size_t i = 0; i < COUNT_OF(arithmetics); i++) {
        const arithmetic *op = &arithmetics[i];
        gwt_array *called = op->call(a, b), *written = gwt_calc(&p, 1, op->expression);
        assert_int_equal(gwt_describe(called)->dtype, GWT_FLOAT64);
        double *x = VALUES_OF(called), *y = VALUES_OF(written);
        check_arithmetic(op, x, "call");
        check_arithmetic(op, y, "expression");
        gwt_free(x);
        gwt_free(y);
    }
    assert_int_equal(gwt_end(g), 0);
}

// The second operand a number, then the first.
static void arithmetic_with_numbers(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *p = pairs(g), *a = gwt_sel(p, "1");
    static const double numbers[] = { -2.5, 0, 0.1, 2, INFINITY };
    for (size_t i = 0; i < COUNT_OF(arithmetics); i++)
        for (size_t n = 0; n < COUNT_OF(numbers); n++) {
            const arithmetic *op = &arithmetics[i];
            double k = numbers[n];
            double *right = VALUES_OF(op->call(a, gwt_number(g, k)));
            double *left = VALUES_OF(op->call(gwt_number(g, k), a));
            for (int j = 0; j < PAIRS; j++) {
                double v = left_of(j);
                double r = is_missing(v) ? NAN : op->definition(v, k);
                double l = is_missing(v) ? NAN : op->definition(k, v);
                REQUIRE(close_to(right[j], r, op->tolerance), "%s, %g and the number %g: %.17g, "
                        "not %.17g", op->expression, v, k, right[j], r);
                REQUIRE(close_to(left[j], l, op->tolerance), "%s, the number %g and %g: %.17g, "
                        "not %.17g", op->expression, k, v, left[j], l);
            }
            gwt_free(right);
            gwt_free(left);
        }
    assert_int_equal(gwt_end(g), 0);
}

static bool def_lt(double a, double b) { return a < b; }
static bool def_le(double a, double b) { return a <= b; }
static bool def_gt(double a, double b) { return a > b; }
static bool def_ge(double a, double b) { return a >= b; }
static bool def_eq(double a, double b) { return a == b; }
static bool def_ne(double a, double b) { return a != b; }
static bool def_and(double a, double b) { return a != 0 && b != 0; }
static bool def_or(double a, double b) { return a != 0 || b != 0; }

static const struct {
    const char *expression;
    binary *call;
    bool (*definition)(double, double);
} truths[] = {
    { "b1 < b2", gwt_lt, def_lt }, { "b1 <= b2", gwt_le, def_le }, { "b1 > b2", gwt_gt, def_gt },
    { "b1 >= b2", gwt_ge, def_ge }, { "b1 == b2", gwt_eq, def_eq }, { "b1 != b2", gwt_ne, def_ne },
    { "b1 && b2", gwt_and, def_and }, { "b1 || b2", gwt_or, def_or }
};

static void comparisons_and_logic(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *p = pairs(g), *a = gwt_sel(p, "1"), *b = gwt_sel(p, "2");
    for (size_t i = 0; i < COUNT_OF(truths); i++) {
        gwt_array *ways[] = { truths[i].call(a, b), gwt_calc(&p, 1, truths[i].expression) };
        for (int way = 0; way < 2; way++) {
            const gwt_info *info = gwt_describe(ways[way]);
            assert_int_equal(info->dtype, GWT_UINT8);
            assert_true(info->nodata.set && info->nodata.value == 255);
            uint8_t *got = gwt_compute(ways[way]);
            EXPECT_OK(g);
            for (int k = 0; k < PAIRS; k++) {
                double x = left_of(k), y = right_of(k);
                int want = is_missing(x) || is_missing(y) ? 255 : truths[i].definition(x, y);
                REQUIRE(got[k] == want, "%s of %g and %g is %d, not %d", truths[i].expression, x,
                        y, got[k], want);
            }
            gwt_free(got);
        }
    }
    assert_int_equal(gwt_end(g), 0);
}

// ---- one operand ------------------------------------------------------------------------------

static double def_neg(double a) { return -a; }
static double def_not(double a) { return a == 0; }
static double def_sign(double a) { return a > 0 ? 1 : a < 0 ? -1 : 0; }
static double def_degrees(double a) { return a * 57.29577951308232; }
static double def_radians(double a) { return a * 0.017453292519943295; }
static double def_clip(double a) { return a < -0.75 ? -0.75 : a > 2.25 ? 2.25 : a; }
static gwt_array *call_clip(const gwt_array *a) { return gwt_clip(a, -0.75, 2.25); }

static const struct {
    const char *expression;
    gwt_array *(*call)(const gwt_array *);
    double (*definition)(double);
    double tolerance;
} functions[] = {
    { "-b1", gwt_neg, def_neg, 0 }, { "abs(b1)", gwt_abs, fabs, 0 },
    { "sqrt(b1)", gwt_sqrt, sqrt, 0 }, { "exp(b1)", gwt_exp, exp, 1e-13 },
    { "log(b1)", gwt_log, log, 1e-13 }, { "tanh(b1)", gwt_tanh, tanh, 1e-13 },
    { "exp2(b1)", gwt_exp2, exp2, 1e-13 }, { "log2(b1)", gwt_log2, log2, 1e-13 },
    { "log10(b1)", gwt_log10, log10, 1e-13 }, { "cbrt(b1)", gwt_cbrt, cbrt, 1e-13 },
    { "sin(b1)", gwt_sin, sin, 1e-13 }, { "cos(b1)", gwt_cos, cos, 1e-13 },
    { "tan(b1)", gwt_tan, tan, 1e-13 }, { "asin(b1)", gwt_asin, asin, 1e-13 },
    { "acos(b1)", gwt_acos, acos, 1e-13 }, { "atan(b1)", gwt_atan, atan, 1e-13 },
    { "sinh(b1)", gwt_sinh, sinh, 1e-13 }, { "cosh(b1)", gwt_cosh, cosh, 1e-13 },
    { "floor(b1)", gwt_floor, floor, 0 }, { "ceil(b1)", gwt_ceil, ceil, 0 },
    { "round(b1)", gwt_round, rint, 0 }, { "trunc(b1)", gwt_trunc, trunc, 0 },
    { "sign(b1)", gwt_sign, def_sign, 0 }, { "degrees(b1)", gwt_degrees, def_degrees, 0 },
    { "radians(b1)", gwt_radians, def_radians, 0 },
    { "!b1", gwt_not, def_not, 0 }, { "clip(b1, -0.75, 2.25)", call_clip, def_clip, 0 }
};

static void functions_of_one(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *p = pairs(g), *a = gwt_sel(p, "1");
    for (size_t i = 0; i < COUNT_OF(functions); i++) {
        double *called = VALUES_OF(functions[i].call(a));
        double *written = VALUES_OF(gwt_calc(&p, 1, functions[i].expression));
        for (int k = 0; k < PAIRS; k++) {
            double v = left_of(k), want = is_missing(v) ? NAN : functions[i].definition(v);
            REQUIRE(close_to(called[k], want, functions[i].tolerance) &&
                    close_to(written[k], want, functions[i].tolerance),
                    "%s of %g is %.17g by call, %.17g by expression, not %.17g",
                    functions[i].expression, v, called[k], written[k], want);
        }
        gwt_free(called);
        gwt_free(written);
    }
    assert_int_equal(gwt_describe(gwt_not(a))->dtype, GWT_UINT8);
    assert_int_equal(gwt_end(g), 0);
}

// ---- where, clip ------------------------------------------------------------------------------

static void where_chooses(void **state)
{
    (void)state;
    // Missing where the condition is, or what it picks: pixels 4, 5, 6. Any number but 0 is true.
    const double values[3 * 8] = { 1,       0,       1,  0,  MISSING, 1,       0,       2,
                                   10,      MISSING, 12, 13, 14,      MISSING, 16,      17,
                                   MISSING, 21,      22, 23, 24,      25,      MISSING, 27 };
    const double want[8] = { 10, 21, 12, 23, NAN, NAN, NAN, 17 };
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *p = array_of(g, &(tiff_spec){ .width = 8, .height = 1, .bands = 3,
                            .dtype = GWT_INT16, .nodata = "-9999" }, values);
    gwt_array *ways[] = { gwt_where(gwt_sel(p, "1"), gwt_sel(p, "2"), gwt_sel(p, "3")),
                          gwt_calc(&p, 1, "where(b1, b2, b3)"),
                          gwt_calc(&p, 1, "where(b1 > 0, b2, b3)") };
    for (int way = 0; way < 3; way++) {
        assert_int_equal(gwt_describe(ways[way])->dtype, GWT_INT16);
        double *got = VALUES_OF(ways[way]);
        for (int i = 0; i < 8; i++)
            REQUIRE(same_double(got[i], want[i]), "way %d: pixel %d is %g, not %g", way, i, got[i],
                    want[i]);
        gwt_free(got);
    }
    // Numbers as operands.
    double *got = VALUES_OF(gwt_calc(&p, 1, "where(b2 > 12, 1.5, -b2)"));
    const double from_numbers[8] = { -10, NAN, -12, 1.5, 1.5, NAN, 1.5, 1.5 };
    for (int i = 0; i < 8; i++) assert_true(same_double(got[i], from_numbers[i]));
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

static void clip_leaves_missing(void **state)
{
    (void)state;
    const double values[6] = { -5, 0, 50, 100, 255, 7 };
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = 6, .height = 1, .dtype = GWT_INT16,
                                             .nodata = "255" }, values);
    gwt_array *clipped = gwt_clip(a, 0, 60);
    assert_int_equal(gwt_describe(clipped)->dtype, GWT_INT16);
    int16_t *got = gwt_compute(clipped);
    EXPECT_OK(g);
    assert_memory_equal(got, ((int16_t[]){ 0, 0, 50, 60, 255, 7 }), sizeof(int16_t[6]));
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

// ---- types ------------------------------------------------------------------------------------

static gwt_array *one_pixel(gwt *g, gwt_dtype dtype, double value)
{
    return array_of(g, &(tiff_spec){ .width = 1, .height = 1, .dtype = dtype }, &value);
}

static bool is_unsigned(gwt_dtype t)
{
    return t == GWT_UINT8 || t == GWT_UINT16 || t == GWT_UINT32 || t == GWT_UINT64;
}

// An unsigned type has no -3: neg widens it, and keeps the others.
static void types_of_results(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1);
    for (size_t d = 0; d < DTYPES; d++) {
        gwt_dtype t = all_dtypes[d];
        gwt_array *a = one_pixel(g, t, 3), *b = one_pixel(g, t, 2);
        gwt_array *other = one_pixel(g, t == GWT_INT16 ? GWT_UINT32 : GWT_INT16, 1);
        gwt_array *keep[] = { gwt_min(a, b), gwt_max(a, b), gwt_abs(a),
                              gwt_where(gwt_lt(a, b), a, b), gwt_clip(a, 0, 1), gwt_floor(a),
                              gwt_ceil(a), gwt_round(a), gwt_trunc(a), gwt_sign(a),
                              is_unsigned(t) ? a : gwt_neg(a) };
        gwt_array *wide[] = { gwt_add(a, b), gwt_sub(a, b), gwt_mul(a, b), gwt_div(a, b),
                              gwt_pow(a, b), gwt_sqrt(a), gwt_exp(a), gwt_log(a), gwt_tanh(a),
                              gwt_sin(a), gwt_degrees(a), gwt_hypot(a, b), gwt_lerp(a, b, a),
                              gwt_min(a, other), gwt_max(a, other),
                              gwt_where(gwt_lt(a, b), a, other),
                              is_unsigned(t) ? gwt_neg(a) : gwt_sqrt(b) };
        EXPECT_OK(g);
        for (size_t i = 0; i < COUNT_OF(keep); i++)
            REQUIRE(gwt_describe(keep[i])->dtype == t, "%s, case %d: not kept", gwt_dtype_name(t),
                    (int)i);
        for (size_t i = 0; i < COUNT_OF(wide); i++)
            REQUIRE(gwt_describe(wide[i])->dtype == GWT_FLOAT64, "%s, case %d: not float64",
                    gwt_dtype_name(t), (int)i);
    }
    assert_int_equal(gwt_end(g), 0);
}

// 128 is no int8.
static void kept_types_saturate(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1);
    double *u = gwt_compute(gwt_neg(one_pixel(g, GWT_UINT8, 5)));
    int8_t *n = gwt_compute(gwt_neg(one_pixel(g, GWT_INT8, -128)));
    int8_t *a = gwt_compute(gwt_abs(one_pixel(g, GWT_INT8, -128)));
    EXPECT_OK(g);
    assert_true(*u == -5);
    assert_int_equal(*n, 127);
    assert_int_equal(*a, 127);
    gwt_free(u);
    gwt_free(n);
    gwt_free(a);
    assert_int_equal(gwt_end(g), 0);
}

static const double roundings[] = {
    0.5, 1.5, 2.5, -0.5, -1.5, 0.49999999999999994, 254.5, 255.5, 255.49, 256, -1, -0.51, 300,
    126.5, 127.5, -128.5, -129, 32767.5, 32768, -32768.5, -40000, 65534.5, 65535.5, 70000,
    2147483647.5, 2147483648.0, -2147483648.5, -3e9, 4294967295.5, 5e9, 4503599627370497.5,
    9007199254740993.0, 0x1p63, -0x1p63, 0x1.8p63, 0x1p64, -1e300, 1e300, INFINITY, -INFINITY
};

static void check_stored(gwt_dtype dtype, const void *got, const char *how)
{
    for (size_t i = 0; i < COUNT_OF(roundings); i++) {
        unsigned char want[8] = { 0 };
        sample_set(dtype, want, 0, roundings[i]);
        size_t size = sample_size(dtype);
        REQUIRE(memcmp((const char *)got + i * size, want, size) == 0,
                "%s to %s: %.17g became %.17g, not %.17g", how, gwt_dtype_name(dtype),
                roundings[i], sample_get(dtype, got, i), sample_get(dtype, want, 0));
    }
}

static void casts_round_and_saturate(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = COUNT_OF(roundings), .height = 1,
                                             .dtype = GWT_FLOAT64 }, roundings);
    for (size_t d = 0; d < DTYPES; d++) {
        gwt_array *cast = gwt_cast(a, all_dtypes[d]);
        assert_int_equal(gwt_describe(cast)->dtype, all_dtypes[d]);
        void *by_cast = gwt_compute(cast), *by_compute = gwt_compute(a, .dtype = all_dtypes[d]);
        void *of_result = gwt_compute(gwt_mul(a, gwt_number(g, 1)), .dtype = all_dtypes[d]);
        EXPECT_OK(g);
        check_stored(all_dtypes[d], by_cast, "gwt_cast");
        check_stored(all_dtypes[d], by_compute, "gwt_compute");
        check_stored(all_dtypes[d], of_result, "a product");
        gwt_free(by_cast);
        gwt_free(by_compute);
        gwt_free(of_result);
    }
    assert_int_equal(gwt_end(g), 0);
}

// A cast in the middle of a computation rounds there.
static void casts_round_inside(void **state)
{
    (void)state;
    const double values[4] = { 1.4, 1.6, 2.5, 300 };
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = 4, .height = 1, .dtype = GWT_FLOAT64 },
                            values);
    double *got = VALUES_OF(gwt_mul(gwt_cast(a, GWT_UINT8), gwt_number(g, 0.5)));
    const double want[4] = { 0.5, 1, 1, 127.5 };
    for (int i = 0; i < 4; i++) assert_true(got[i] == want[i]);
    gwt_free(got);
    got = VALUES_OF(gwt_mul(gwt_cast(a, GWT_FLOAT32), gwt_number(g, 1)));
    for (int i = 0; i < 4; i++) assert_true(got[i] == (double)(float)values[i]);
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

static void casts_keep_nodata_that_fits(void **state)
{
    (void)state;
    const double values[3] = { -9999, 5, 255 };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    tiff_spec s = { .width = 3, .height = 1, .dtype = GWT_INT16, .nodata = "-9999" };
    gwt_array *a = array_of(g, &s, values);
    const gwt_info *wide = gwt_describe(gwt_cast(a, GWT_FLOAT32));
    assert_true(wide->nodata.set && wide->nodata.value == -9999);
    gwt_array *narrow = gwt_cast(a, GWT_UINT8);
    assert_false(gwt_describe(narrow)->nodata.set);
    assert_null(gwt_compute(narrow));
    EXPECT_ERROR(g, GWT_E_NODATA, NULL);
    uint8_t *got = gwt_compute(narrow, .nodata = gwt_some(0));
    EXPECT_OK(g);
    assert_memory_equal(got, ((uint8_t[]){ 0, 5, 255 }), 3);
    gwt_free(got);
    s.nodata = "255";
    a = gwt_cast(array_of(g, &s, values), GWT_UINT8);
    assert_true(gwt_describe(a)->nodata.set && gwt_describe(a)->nodata.value == 255);
    got = gwt_compute(a);
    assert_memory_equal(got, ((uint8_t[]){ 0, 5, 255 }), 3);
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

static void integers_need_a_nodata_value(void **state)
{
    (void)state;
    const double values[3] = { 1, NAN, 3 };
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = 3, .height = 1, .dtype = GWT_FLOAT32 },
                            values);
    for (size_t d = 0; d < DTYPES; d++) {
        void *got = gwt_compute(a, .dtype = all_dtypes[d]);
        if (is_float(all_dtypes[d])) {
            EXPECT_OK(g);
            assert_true(isnan(sample_get(all_dtypes[d], got, 1)));
            gwt_free(got);
            continue;
        }
        assert_null(got);
        EXPECT_ERROR(g, GWT_E_NODATA, NULL);
        got = gwt_compute(a, .dtype = all_dtypes[d], .nodata = gwt_some(9));
        EXPECT_OK(g);
        assert_true(sample_get(all_dtypes[d], got, 0) == 1 &&
                    sample_get(all_dtypes[d], got, 1) == 9 &&
                    sample_get(all_dtypes[d], got, 2) == 3);
        gwt_free(got);
    }
    assert_int_equal(gwt_end(g), 0);
}

// Reading an array in another type keeps what is missing missing.
static void other_types_of_missing(void **state)
{
    (void)state;
    const double values[3] = { 7, 8, 9 };
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = 3, .height = 1, .dtype = GWT_UINT8,
                                             .nodata = "8" }, values);
    float *f = gwt_compute(a, .dtype = GWT_FLOAT32);  // the array's nodata value, as it is
    assert_true(f[0] == 7 && f[1] == 8 && f[2] == 9);
    gwt_free(f);
    f = gwt_compute(a, .dtype = GWT_FLOAT32, .nodata = gwt_some(-1));
    assert_true(f[0] == 7 && f[1] == -1 && f[2] == 9);
    gwt_free(f);
    uint8_t *u = gwt_compute(a, .nodata = gwt_some(200));
    assert_memory_equal(u, ((uint8_t[]){ 7, 200, 9 }), 3);
    gwt_free(u);
    EXPECT_OK(g);
    assert_int_equal(gwt_end(g), 0);
}

// ---- types of what is picked ------------------------------------------------------------------

static const double picked[] = { -3, -0.25, 0, 0.05, 0.1, 0.5, 1, 7, 40, 1e3, 1e30, -1e30 };
enum { PICKED = COUNT_OF(picked) };

// Values of a type, one of them missing.
static gwt_array *few_of(gwt *g, gwt_dtype dtype, const char *nodata)
{
    double values[PICKED + 1] = { 99 };
    memcpy(values + 1, picked, sizeof picked);
    return array_of(g, &(tiff_spec){ .width = PICKED + 1, .height = 1, .dtype = dtype,
                                     .nodata = nodata, .geo = &geo_utm }, values);
}

// What is computed as double is what is saved and read again; and what it is once multiplied.
static void check_round_trip(gwt *g, gwt_array *a, const char *what)
{
    const char *path = temp_path("round_trip.tif");
    REQUIRE(a, "%s: %s", what, gwt_message(g));
    double *is = VALUES_OF(a), *times_one = VALUES_OF(gwt_mul(a, gwt_number(g, 1)));
    REQUIRE(gwt_save(a, path, .overwrite = true), "%s: %s", what, gwt_message(g));
    image *im = image_read(path);
    assert_int_equal(im->dtype, gwt_describe(a)->dtype);
    for (int i = 0; i < im->width; i++) {
        double saved = image_get(im, 0, 0, i);
        if (gwt_describe(a)->nodata.set && saved == gwt_describe(a)->nodata.value) saved = NAN;
        REQUIRE(same_double(is[i], saved) && same_double(times_one[i], saved), "%s: pixel %d is "
                "%.17g, times one %.17g, saved %.17g", what, i, is[i], times_one[i], saved);
    }
    image_free(im);
    gwt_free(is);
    gwt_free(times_one);
}

static void floats_of_32_bits(void **state)
{
    (void)state;
    static const double numbers[] = { 0.1, 1e-4, 1e300, -1e300, 1.0 / 3, 16777217, 2, 1e-320 };
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = few_of(g, GWT_FLOAT32, "99"), *b = gwt_neg(a);
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        char what[64];
        gwt_array *k = gwt_number(g, numbers[i]), *c = gwt_lt(a, gwt_number(g, 0.5));
        gwt_array *results[] = {
            gwt_clip(a, -fabs(numbers[i]), fabs(numbers[i])), gwt_clip(a, numbers[i], INFINITY),
            gwt_clip(a, -INFINITY, numbers[i]), gwt_min(a, k), gwt_max(a, k), gwt_min(k, a),
            gwt_where(c, k, a), gwt_where(c, a, k), gwt_where(c, gwt_number(g, (double)NAN), a),
            gwt_max(gwt_min(a, b), k), gwt_replace(a, (double[]){ 7 }, &numbers[i], 1)
        };
        for (size_t r = 0; r < COUNT_OF(results); r++) {
            snprintf(what, sizeof what, "%g, result %d", numbers[i], (int)r);
            assert_int_equal(gwt_describe(results[r])->dtype, GWT_FLOAT32);
            check_round_trip(g, results[r], what);
        }
        // By definition: the number as float32, then what is picked.
        double *is = VALUES_OF(results[4]);
        for (int p = 0; p < PICKED; p++) {
            double v = (float)picked[p], n = (float)numbers[i];
            assert_true(is[p + 1] == (v > n ? v : n));
        }
        gwt_free(is);
    }
    assert_int_equal(gwt_end(g), 0);
}

// Missing is a value of every type that has one for it.
static void where_with_missing(void **state)
{
    (void)state;
    for (size_t d = 0; d < DTYPES; d++)
        for (int has_nodata = 0; has_nodata < 2; has_nodata++) {
            gwt *g = gwt_begin(.num_workers = 1);
            gwt_dtype t = all_dtypes[d];
            gwt_array *a = few_of(g, t, has_nodata ? "99" : NULL);
            gwt_array *none = gwt_number(g, (double)NAN), *c = gwt_gt(a, gwt_number(g, 5));
            gwt_array *ways[] = { gwt_where(c, a, none), gwt_where(gwt_not(c), none, a),
                                  gwt_calc(&a, 1, "where(b1 > 5, b1, nan)") };
            for (int w = 0; w < 3; w++) {
                const gwt_info *info = gwt_describe(ways[w]);
                bool keeps = has_nodata || is_float(t);
                REQUIRE(info->dtype == (keeps ? t : GWT_FLOAT64), "%s, way %d: %s",
                        gwt_dtype_name(t), w, gwt_dtype_name(info->dtype));
                assert_true(info->nodata.set == (has_nodata == 1));
                double *got = VALUES_OF(ways[w]), *from = VALUES_OF(a);
                for (int i = 0; i <= PICKED; i++)
                    assert_true(same_double(got[i], from[i] > 5 ? from[i] : NAN));
                gwt_free(got);
                gwt_free(from);
                if (has_nodata) check_round_trip(g, ways[w], gwt_dtype_name(t));
            }
            assert_int_equal(gwt_end(g), 0);
        }
}

// 1 or 0, never missing: the nodata value, NaN, and what is no number.
static void valid_or_not(void **state)
{
    (void)state;
    for (size_t d = 0; d < DTYPES; d++) {
        gwt *g = gwt_begin(.num_workers = 2);
        gwt_array *a = few_of(g, all_dtypes[d], "99");
        gwt_array *root = gwt_sqrt(a), *beyond = gwt_mask_nodata(a);
        gwt_array *of[] = { a, gwt_valid(a), root, beyond, gwt_calc(&a, 1, "b1 / (b1 != 0)") };
        for (size_t k = 0; k < COUNT_OF(of); k++) {
            gwt_array *ways[] = { gwt_valid(of[k]), gwt_calc(&of[k], 1, "valid(a)") };
            double *from = VALUES_OF(of[k]);
            for (int w = 0; w < 2; w++) {
                assert_int_equal(gwt_describe(ways[w])->dtype, GWT_UINT8);
                assert_true(gwt_describe(ways[w])->nodata.set);     // as of all truth values
                assert_true(gwt_describe(ways[w])->nodata.value == 255);
                uint8_t *got = gwt_compute(ways[w]);
                EXPECT_OK(g);
                for (int i = 0; i <= PICKED; i++)
                    REQUIRE(got[i] == !isnan(from[i]), "%s, case %d: %g is %d",
                            gwt_dtype_name(all_dtypes[d]), (int)k, from[i], got[i]);
                gwt_free(got);
            }
            gwt_free(from);
        }
        assert_int_equal(gwt_end(g), 0);
    }
    assert_null(gwt_valid(NULL));
}

// ---- shapes -----------------------------------------------------------------------------------

enum { W = 33, H = 21, N = W * H };

static void fill(double *values, int bands, uint64_t seed)
{
    for (int i = 0; i < bands * N; i++) values[i] = (double)(noise(seed + (uint64_t)i) % 5000);
}

static void bands_repeat(void **state)
{
    (void)state;
    static double three[3 * N], one[N];
    fill(three, 3, 1), fill(one, 1, 900000);
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    tiff_spec s = { .width = W, .height = H, .bands = 3, .dtype = GWT_UINT16, .tile_width = 16,
                    .tile_height = 16 };
    gwt_array *a = array_of(g, &s, three);
    s.bands = 1;
    gwt_array *b = array_of(g, &s, one);
    gwt_array *r = gwt_sub(b, a);
    assert_int_equal(gwt_describe(r)->shape[1], 3);
    double *got = VALUES_OF(r);
    for (int i = 0; i < 3 * N; i++) assert_true(got[i] == one[i % N] - three[i]);
    gwt_free(got);
    got = VALUES_OF(gwt_sub(a, b));
    for (int i = 0; i < 3 * N; i++) assert_true(got[i] == three[i] - one[i % N]);
    gwt_free(got);
    assert_null(gwt_add(a, gwt_sel(a, "1", "2")));  // 3 bands and 2
    EXPECT_ERROR(g, GWT_E_GRID, NULL);
    assert_int_equal(gwt_end(g), 0);
}

static void times_repeat(void **state)
{
    (void)state;
    static double first[2 * N], second[2 * N], one[N];
    fill(first, 2, 1), fill(second, 2, 5000), fill(one, 1, 900000);
    gwt *g = gwt_begin(.num_workers = 2);
    tiff_spec s = { .width = W, .height = H, .bands = 2, .dtype = GWT_UINT16 };
    gwt_array *arrays[] = { array_of(g, &s, first), array_of(g, &s, second) };
    gwt_array *times = gwt_stack(arrays, 2, GWT_TIME);
    assert_int_equal(gwt_describe(times)->shape[0], 2);
    assert_int_equal(gwt_describe(times)->shape[1], 2);
    s.bands = 1;
    double *got = VALUES_OF(gwt_mul(times, array_of(g, &s, one)));
    for (int i = 0; i < 4 * N; i++)
        assert_true(got[i] == (i < 2 * N ? first : second)[i % (2 * N)] * one[i % N]);
    gwt_free(got);
    got = VALUES_OF(gwt_add(times, arrays[1]));
    for (int i = 0; i < 4 * N; i++)
        assert_true(got[i] == (i < 2 * N ? first : second)[i % (2 * N)] + second[i % (2 * N)]);
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

static void stacks(void **state)
{
    (void)state;
    static double a[N], b[N];
    fill(a, 1, 1), fill(b, 1, 5000);
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    tiff_spec s = { .width = W, .height = H, .dtype = GWT_UINT16 };
    gwt_array *arrays[2] = { array_of(g, &s, a), array_of(g, &s, b) };
    gwt_array *bands = gwt_stack(arrays, 2, GWT_BAND);
    uint16_t *got = gwt_compute(bands);
    for (int i = 0; i < 2 * N; i++) assert_int_equal(got[i], (i < N ? a : b)[i % N]);
    gwt_free(got);
    // Computed arrays stack as well as opened ones.
    gwt_array *computed[2] = { gwt_add(arrays[0], arrays[1]), gwt_sub(arrays[0], arrays[1]) };
    double *sums = VALUES_OF(gwt_stack(computed, 2, GWT_BAND));
    for (int i = 0; i < N; i++)
        assert_true(sums[i] == a[i] + b[i] && sums[N + i] == a[i] - b[i]);
    gwt_free(sums);
    arrays[1] = computed[0];
    assert_null(gwt_stack(arrays, 2, GWT_BAND));  // uint16 and float64
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
    assert_null(gwt_stack(arrays, 0, GWT_BAND));
    gwt_clear(g);
    assert_int_equal(gwt_end(g), 0);
}

static void selecting_and_renaming(void **state)
{
    (void)state;
    static double values[3 * N];
    fill(values, 3, 1);
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = W, .height = H, .bands = 3,
                            .dtype = GWT_UINT16 }, values);
    gwt_array *named = gwt_rename_bands(a, (const char *const[]){ "red", "nir", "swir", NULL });
    assert_string_equal(gwt_describe(a)->band_names[0], "1");  // the old one is as it was
    gwt_array *two = gwt_sel(named, "swir", "red");
    assert_int_equal(gwt_describe(two)->shape[1], 2);
    assert_string_equal(gwt_describe(two)->band_names[0], "swir");
    assert_string_equal(gwt_describe(two)->band_names[1], "red");
    assert_int_equal(gwt_describe(two)->dtype, GWT_UINT16);
    uint16_t *got = gwt_compute(two);
    for (int i = 0; i < N; i++)
        assert_true(got[i] == values[2 * N + i] && got[N + i] == values[i]);
    gwt_free(got);
    assert_null(gwt_sel(named, "red", "blue"));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "blue");
    assert_null(gwt_sel(named, "Red"));
    assert_true(strstr(gwt_message(g), "red") && strstr(gwt_message(g), "nir") &&
                strstr(gwt_message(g), "swir"));  // the names there are
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "Red");
    assert_null(gwt_rename_bands(a, (const char *const[]){ "red", NULL }));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
    assert_int_equal(gwt_end(g), 0);
}

// ---- set_nodata -------------------------------------------------------------------------------

typedef struct set_nodata_case {
    gwt_dtype dtype;           // of the input
    const char *file_nodata;
    gwt_set_nodata_options options;
    double src, dst, scale, offset;  // what holds in the end; src NaN: none
    gwt_dtype out;
} set_nodata_case;

static const set_nodata_case set_nodata_cases[] = {
    { GWT_UINT16, NULL, { .src_nodata = SOME(0), .dst_nodata = SOME(65535),
      .out_range = { true, 0, 1 }, .dtype = GWT_FLOAT64, .scale_factor = SOME(0.0001) },
      0, 65535, 0.0001, 0, GWT_FLOAT64 },
    { GWT_UINT16, NULL, { .src_nodata = SOME(0), .dst_nodata = SOME(65535),
      .out_range = { true, 0, 1000 } }, 0, 65535, 1, 0, GWT_UINT16 },
    { GWT_UINT16, "7", { .dst_nodata = SOME(1) }, 7, 1, 1, 0, GWT_UINT16 },
    { GWT_UINT16, "7", { .src_nodata = SOME(9), .dst_nodata = SOME(2) },
      9, 2, 1, 0, GWT_UINT16 },
    { GWT_INT16, "-3", { .dst_nodata = SOME(-1), .scale_factor = SOME(2e-5),
      .offset = SOME(-0.1), .out_range = { true, -0.05, 0.01 }, .dtype = GWT_FLOAT32 },
      -3, -1, 2e-5, -0.1, GWT_FLOAT32 },
    { GWT_INT16, "-3", { .dst_nodata = SOME(255), .scale_factor = SOME(0.37),
      .out_range = { true, 0, 200 }, .dtype = GWT_UINT8 }, -3, 255, 0.37, 0, GWT_UINT8 },
    { GWT_UINT8, NULL, { .src_nodata = SOME(255), .dst_nodata = SOME(-1),
      .scale_factor = SOME(3), .dtype = GWT_FLOAT64 }, 255, -1, 3, 0, GWT_FLOAT64 },
    { GWT_UINT8, NULL, { .src_nodata = SOME(5), .dtype = GWT_FLOAT64 },
      5, NAN, 1, 0, GWT_FLOAT64 },
    { GWT_FLOAT32, "-9999", { .dst_nodata = SOME(0), .scale_factor = SOME(0.5),
      .offset = SOME(1), .dtype = GWT_FLOAT64 }, -9999, 0, 0.5, 1, GWT_FLOAT64 },
    // Nothing matches a source value that the type does not have.
    { GWT_UINT8, NULL, { .src_nodata = SOME(-1), .dst_nodata = SOME(0) },
      NAN, 0, 1, 0, GWT_UINT8 },
};

static double set_nodata_definition(const set_nodata_case *c, double raw)
{
    if (isnan(raw) || raw == c->src) return c->dst;
    double v = raw * c->scale + c->offset;
    const gwt_interval *r = &c->options.out_range;
    if (r->set && v < r->lo) v = r->lo;
    if (r->set && v > r->hi) v = r->hi;
    return v;
}

static void set_nodata_by_definition(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    for (size_t i = 0; i < COUNT_OF(set_nodata_cases); i++) {
        const set_nodata_case *c = &set_nodata_cases[i];
        double values[2 * N];
        for (int k = 0; k < 2 * N; k++)
            values[k] = k % 97 == 0 && c->dtype == GWT_FLOAT32 ? NAN : (double)(k % 3000) - 4;
        tiff_spec s = { .width = W, .height = H, .bands = 2, .dtype = c->dtype,
                        .nodata = c->file_nodata };
        gwt_array *a = gwt_set_nodata_with(array_of(g, &s, values), &c->options);
        const gwt_info *info = gwt_describe(a);
        assert_int_equal(info->dtype, c->out);
        assert_true(!info->nodata.set ? isnan(c->dst) : same_double(info->nodata.value, c->dst));
        assert_true(info->scales[0] == 1 && info->offsets[0] == 0);  // they have been applied
        void *got = gwt_compute(a);
        EXPECT_OK(g);
        for (int k = 0; k < 2 * N; k++) {
            unsigned char raw[8], want[8];
            sample_set(c->dtype, raw, 0, values[k]);
            sample_set(c->out, want, 0, set_nodata_definition(c, sample_get(c->dtype, raw, 0)));
            double is = sample_get(c->out, got, (size_t)k), be = sample_get(c->out, want, 0);
            REQUIRE(same_double(is, be), "case %d: %g became %.17g, not %.17g", (int)i,
                    sample_get(c->dtype, raw, 0), is, be);
        }
        gwt_free(got);
    }
    assert_int_equal(gwt_end(g), 0);
}

// Argument, then session, then file.
static void whose_scale(void **state)
{
    (void)state;
    static const char metadata[] = "<GDALMetadata><Item name=\"SCALE\" sample=\"0\" role=\"scale\">"
        "0.5</Item><Item name=\"OFFSET\" sample=\"0\" role=\"offset\">100</Item></GDALMetadata>";
    const double values[3] = { 4, 6, 8 };
    tiff_spec s = { .width = 3, .height = 1, .dtype = GWT_UINT8, .metadata = metadata,
                    .nodata = "4" };
    const char *path = temp_path("whose_scale.tif");
    tiff_write_values(path, &s, values);
    gwt *g = gwt_begin(.num_workers = 1);
    double *got = VALUES_OF(gwt_set_nodata(gwt_open(g, path), .dtype = GWT_FLOAT64));
    assert_true(isnan(got[0]) && got[1] == 103 && got[2] == 104);
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);

    g = gwt_begin(.num_workers = 1, .nodata = gwt_some(6), .scale_factor = gwt_some(2),
                  .offset = gwt_some(1));
    gwt_array *a = gwt_open(g, path);
    got = VALUES_OF(gwt_set_nodata(a, .dtype = GWT_FLOAT64));
    assert_true(got[0] == 9 && isnan(got[1]) && got[2] == 17);
    gwt_free(got);
    got = VALUES_OF(gwt_set_nodata(a, .dtype = GWT_FLOAT64, .src_nodata = gwt_some(8),
                                   .scale_factor = gwt_some(10), .offset = gwt_some(0)));
    assert_true(got[0] == 40 && got[1] == 60 && isnan(got[2]));
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

static void expect_attr(gwt_array *a, const char *key, const char *want)
{
    const char *is = gwt_attr(a, key);
    assert_non_null(a);
    REQUIRE((is && want && !strcmp(is, want)) || (!is && !want), "%s is '%s', not '%s'", key,
            is ? is : "(none)", want ? want : "(none)");
}

// Factors: an explicit argument, also of gwt_open, beats the session's; they act once.
static void factors_act_once(void **state)
{
    (void)state;
    const double values[2] = { 1, 3 };
    tiff_spec s = { .width = 1, .height = 1, .bands = 2, .dtype = GWT_FLOAT64 };
    const char *path = temp_path("factors.tif"), *paths[] = { path, path };
    tiff_write_values(path, &s, values);
    gwt *g = gwt_begin(.num_workers = 1, .scale_factor = gwt_some(2), .offset = gwt_some(1));
    gwt_array *raw = gwt_open(g, path),
              *own = gwt_open(g, path, .scale_factor = gwt_some(10)),
              *both = gwt_open_many(g, paths, 2, .offset = gwt_some(5)),
              *scaled = gwt_open(g, path, .scale_data = true);
    const struct { const char *what; gwt_array *a; double want; } cases[] = {
        { "the session's", raw, 3 * 2 + 1 }, { "gwt_open's scale", own, 3 * 10 + 1 },
        { "gwt_open_many's offset", gwt_sel(both, "4"), 3 * 2 + 5 },
        { "scaled when opened", scaled, 3 * 2 + 1 },
        { "after arithmetic", gwt_max(scaled, gwt_number(g, 0)), 3 * 2 + 1 },
        { "with a mask that is not", gwt_where(gwt_valid(raw), scaled, scaled), 3 * 2 + 1 },
        { "set_nodata twice", gwt_set_nodata(raw), 3 * 2 + 1 },
        { "of raw numbers", gwt_max(raw, gwt_number(g, 0)), 3 * 2 + 1 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        double *got = VALUES_OF(gwt_set_nodata(cases[i].a));
        size_t last = array_count(cases[i].a) - 1;
        REQUIRE(got[last] == cases[i].want, "%s: %g, not %g", cases[i].what, got[last],
                cases[i].want);
        gwt_free(got);
    }
    static const char *const names[] = { "green", "nir", NULL };
    expect_attr(gwt_spectral_index(gwt_rename_bands(own, names), "gcvi"), "pre-scaling", "10");
    expect_attr(gwt_spectral_index(gwt_rename_bands(scaled, names), "gcvi"), "pre-scaling", "1");
    expect_attr(gwt_spectral_index(gwt_rename_bands(raw, names), "gcvi"), "pre-scaling", "2");
    expect_attr(gwt_spectral_index(gwt_rename_bands(own, names), "gcvi", .scale_factor = gwt_some(3)),
                "pre-scaling", "3");
    assert_int_equal(gwt_end(g), 0);
}

// Compared as the type has them: 0.1 of float32 is not 0.1 of float64.
static void replace_in_float32(void **state)
{
    (void)state;
    const double values[3] = { 0.1, 0.5, 7 };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = 3, .height = 1, .dtype = GWT_FLOAT32 },
                            values);
    double *got = VALUES_OF(gwt_calc(&a, 1, "replace(b1, 0.1, 4)"));
    assert_true(got[0] == 4 && got[1] == 0.5 && got[2] == 7);
    gwt_free(got);
    const double from[] = { 0.1, 7 }, to[] = { 7, 0.1 };
    got = VALUES_OF(gwt_replace(a, from, to, 2));
    assert_true(got[0] == 7 && got[1] == 0.5 && got[2] == (double)0.1f);
    gwt_free(got);
    const struct { const double *from, *to; } none[] = { { NULL, to }, { from, NULL } };
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        assert_null(gwt_replace(a, none[i].from, none[i].to, 2));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "replace");
    }
    assert_ptr_equal(gwt_replace(a, NULL, NULL, 0), a);
    assert_int_equal(gwt_end(g), 0);
}

static void clip_to_one_value(void **state)
{
    (void)state;
    const double values[3] = { 1, 3, 7 };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = 3, .height = 1, .dtype = GWT_UINT8 }, values);
    double *got = VALUES_OF(gwt_clip(a, 3, 3));
    assert_true(got[0] == 3 && got[1] == 3 && got[2] == 3);
    gwt_free(got);
    assert_null(gwt_clip(a, 4, 3));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "4..3: the lower end is above the upper");
    assert_null(gwt_clip(a, NAN, 3));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "nan..3: an end is not a number");
    assert_int_equal(gwt_end(g), 0);
}

// Other names make no array a sensor's.
static void renamed_is_of_its_sensor(void **state)
{
    (void)state;
    static const double values[6] = { 1, 2, 3, 4, 5, 6 };
    gwt *g = gwt_begin(.num_workers = 1, .sensor = "bgr");
    const char *path = temp_path("six.tif");
    tiff_write_values(path, &(tiff_spec){ .width = 1, .height = 1, .bands = 6,
                                          .dtype = GWT_FLOAT64 }, values);
    gwt_array *a = gwt_open(g, path, .sensor = "l7"),
              *three = gwt_sel(gwt_open(g, path), "1", "2", "3");
    assert_string_equal(gwt_describe(gwt_tasseled_cap(a))->sensor, "l7");
    three = gwt_rename_bands(three, (const char *const[]){ "x", "y", "z", NULL });
    assert_null(gwt_describe(three)->sensor);
    assert_int_equal(gwt_end(g), 0);
}

// A band that is called b2 is meant by b2, before the second one; with and without an array.
static void names_before_numbers(void **state)
{
    (void)state;
    const double values[3] = { 10, 20, 30 };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *plain = array_of(g, &(tiff_spec){ .width = 1, .height = 1, .bands = 3,
                                                 .dtype = GWT_UINT8 }, values);
    gwt_array *a = gwt_rename_bands(plain, (const char *const[]){ "b2", "x", "b1", NULL });
    const struct { gwt_array *a; const char *expression; double want; } cases[] = {
        { a, "b1", 30 }, { a, "b2", 10 }, { a, "b3", 30 }, { a, "a.b1", 30 }, { a, "a.b2", 10 },
        { a, "a.b3", 30 }, { plain, "b1", 10 }, { plain, "a.b2", 20 },
        { a, "a[1].b2", 10 }, { plain, "a[1].b2", 20 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        gwt_array *of = cases[i].a;
        double *got = VALUES_OF(gwt_calc(&of, 1, cases[i].expression));
        REQUIRE(got[0] == cases[i].want, "%s is %g, not %g", cases[i].expression, got[0],
                cases[i].want);
        gwt_free(got);
    }
    gwt_array *two[] = { plain, a };
    double *got = VALUES_OF(gwt_calc(two, 2, "b2 + 100 * b5"));     // b.b2 and the second of b
    assert_true(got[0] == 10 + 100 * 20);
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

static void set_nodata_needs_a_value(void **state)
{
    (void)state;
    const double values[2] = { 1, 2 };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = 2, .height = 1, .dtype = GWT_UINT8 }, values);
    uint8_t *got = gwt_compute(gwt_set_nodata(a, .src_nodata = gwt_some(77)));  // no such pixel
    EXPECT_OK(g);
    assert_memory_equal(got, ((uint8_t[]){ 1, 2 }), 2);
    gwt_free(got);
    assert_null(gwt_compute(gwt_set_nodata(a, .src_nodata = gwt_some(2))));
    EXPECT_ERROR(g, GWT_E_NODATA, NULL);
    assert_int_equal(gwt_end(g), 0);
}

// ---- norm_diff --------------------------------------------------------------------------------

static double norm_diff_definition(double b1, double b2, double nodata, double scale)
{
    if (isnan(b1) || isnan(b2) || b1 == nodata || b2 == nodata) return NAN;
    double x = b1 * scale, y = b2 * scale, v = (y - x) / (y + x);
    return v < -1 ? -1 : v > 1 ? 1 : v;
}

enum { EDGE = 101 };           // all pairs of -50 .. 50

static gwt_array *all_pairs(gwt *g, const char *nodata)
{
    static double values[2 * EDGE * EDGE];
    for (int i = 0; i < EDGE * EDGE; i++)
        values[i] = i / EDGE - 50, values[EDGE * EDGE + i] = i % EDGE - 50;
    gwt_array *a = array_of(g, &(tiff_spec){ .width = EDGE, .height = EDGE, .bands = 2,
                            .dtype = GWT_INT16, .nodata = nodata }, values);
    return gwt_rename_bands(a, (const char *const[]){ "green", "red", NULL });
}

static void check_norm_diff(const double *got, double nodata, double scale, bool swapped)
{
    for (int i = 0; i < EDGE * EDGE; i++) {
        double a = i / EDGE - 50, b = i % EDGE - 50;
        double want = swapped ? norm_diff_definition(b, a, nodata, scale)
                              : norm_diff_definition(a, b, nodata, scale);
        REQUIRE(same_double(got[i], want), "nodata %g, scale %g: (%g, %g) gave %.17g, not %.17g",
                nodata, scale, a, b, got[i], want);
    }
}

static void norm_diff_by_definition(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = all_pairs(g, NULL), *with_nodata = all_pairs(g, "7");
    gwt_array *r = gwt_norm_diff(a, "green", "red");
    const gwt_info *info = gwt_describe(r);
    assert_int_equal(info->dtype, GWT_FLOAT64);
    assert_int_equal(info->shape[1], 1);
    assert_string_equal(info->band_names[0], "norm-diff");

    const struct { gwt_array *array; double nodata, scale; bool swapped; } cases[] = {
        { r, NAN, 1, false },
        { gwt_norm_diff(a, "red", "green"), NAN, 1, true },
        { gwt_norm_diff(a, "green", "red", .scale_factor = gwt_some(1e-4)), NAN, 1e-4, false },
        { gwt_norm_diff(a, "green", "red", .nodata = gwt_some(0)), 0, 1, false },
        { gwt_norm_diff(a, "green", "red", .nodata = gwt_some(-20), .scale_factor = gwt_some(0.1)),
          -20, 0.1, false },
        { gwt_norm_diff(with_nodata, "green", "red"), 7, 1, false },
        { gwt_norm_diff(with_nodata, "green", "red", .nodata = gwt_some(3)), 3, 1, false },
        { gwt_norm_diff(a, "green", "red", .nodata = gwt_some(1)), 1, 1, false },
        { gwt_norm_diff(a, "red", "green", .sensor = "bgr"), NAN, 1, true },
    };
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);  // two bands are no bgr
    for (size_t i = 0; i + 1 < COUNT_OF(cases); i++) {
        double *got = VALUES_OF(cases[i].array);
        check_norm_diff(got, cases[i].nodata, cases[i].scale, cases[i].swapped);
        gwt_free(got);
    }
    double *by_expression = VALUES_OF(gwt_calc(&a, 1, "norm_diff(green, red)"));
    check_norm_diff(by_expression, NAN, 1, false);
    gwt_free(by_expression);
    by_expression = VALUES_OF(gwt_calc(&with_nodata, 1, "norm_diff(b1, b2)"));
    check_norm_diff(by_expression, 7, 1, false);
    gwt_free(by_expression);
    assert_int_equal(gwt_end(g), 0);
}

// Programs that compute in float32 (the plan says so) store what double, rounded once, would be.
static void exact_in_float32(void **state)
{
    (void)state;
    enum { SIDE = 256 };       // all pairs of 256 values from all over uint16
    static double values[2 * SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++) {
        values[i] = i / SIDE * 257;
        values[SIDE * SIDE + i] = (i % SIDE * 40503 + 7) % 65536;
    }
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = SIDE, .height = SIDE, .bands = 2,
                            .dtype = GWT_UINT16, .nodata = "0" }, values);
    static const char *const narrow[] = { "(b1 - b2) / (b1 + b2)", "b1 * b2", "b1 / b2",
                                          "where(b1 > b2, b1 / 7, b2)" };
    static const char *const wide[] = {
        "b1 / b2 * 3", "b1 * 0.1", "b1 * b2 + 1", "sqrt(b1)",
        "clip(b1, 100000, 110000) * 200 + b2 - clip(b1, 100000, 110000) * 200"
    };
    for (size_t k = 0; k < COUNT_OF(narrow) + COUNT_OF(wide); k++) {
        bool is_narrow = k < COUNT_OF(narrow);
        const char *text = is_narrow ? narrow[k] : wide[k - COUNT_OF(narrow)];
        gwt_array *r = gwt_cast(gwt_calc(&a, 1, text), GWT_FLOAT32);
        FILE *f = tmpfile();
        char plan[2048] = "";
        assert_true(f && gwt_print_plan(r, f));
        rewind(f);
        plan[fread(plan, 1, sizeof plan - 1, f)] = '\0';
        fclose(f);
        bool says_so = strstr(plan, "float32:") != NULL;
        REQUIRE(FLT_EVAL_METHOD != 0 || says_so == is_narrow, "%s: %s", text, plan);
        float *got = gwt_compute(r);
        EXPECT_OK(g);
        for (int i = 0; i < SIDE * SIDE; i++) {
            double x = values[i], y = values[SIDE * SIDE + i];
            double want[] = { (x - y) / (x + y), x * y, x / y, x > y ? x / 7 : y,
                              x / y * 3, x * 0.1, x * y + 1, sqrt(x), y };
            float v = x == 0 || (y == 0 && k != 5 && k != 7) ? NAN : (float)want[k];
            REQUIRE(isnan(v) ? isnan(got[i]) : got[i] == v, "%s of %g, %g: %.9g, not %.9g", text,
                    x, y, got[i], v);
        }
        gwt_free(got);
    }
    assert_int_equal(gwt_end(g), 0);
}

static void norm_diff_at_zero(void **state)
{
    (void)state;
    const double values[2 * 5] = { 0, -5, 5, 0, 10,
                                   0, 5, -5, 8, 0 };
    const double want[5] = { NAN, 1, -1, 1, -1 };  // 0/0, 10/0, -10/0, 8/8, -10/10
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = 5, .height = 1, .bands = 2,
                            .dtype = GWT_INT16 }, values);
    double *got = VALUES_OF(gwt_norm_diff(a, "1", "2"));
    for (int i = 0; i < 5; i++)
        REQUIRE(same_double(got[i], want[i]), "pixel %d is %g, not %g", i, got[i], want[i]);
    gwt_free(got);
    // The nodata value given is also that of the result: not clipped, not scaled.
    gwt_array *filled = gwt_norm_diff(a, "1", "2", .nodata = gwt_some(-9999));
    assert_true(gwt_describe(filled)->nodata.set && gwt_describe(filled)->nodata.value == -9999);
    got = gwt_compute(filled);
    EXPECT_OK(g);
    for (int i = 0; i < 5; i++) assert_true(got[i] == (isnan(want[i]) ? -9999 : want[i]));
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

static void norm_diff_with_a_session(void **state)
{
    (void)state;
    const double values[3 * 3] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };  // blue green red
    const char *path = temp_path("session.tif");
    tiff_write_values(path, &(tiff_spec){ .width = 3, .height = 1, .bands = 3,
                      .dtype = GWT_UINT16 }, values);
    gwt *g = gwt_begin(.num_workers = 1, .sensor = "bgr", .nodata = gwt_some(5),
                       .scale_factor = gwt_some(1e-4));
    gwt_array *r = gwt_norm_diff(gwt_open(g, path), "green", "red");
    double *got = VALUES_OF(r);
    for (int i = 0; i < 3; i++)  // scaled once, and the result is not
        assert_true(same_double(got[i], norm_diff_definition(values[3 + i], values[6 + i], 5,
                                                             1e-4)));
    gwt_free(got);
    // The argument beats the session, in what is missing and in how it is stored.
    r = gwt_norm_diff(gwt_open(g, path), "green", "red", .nodata = gwt_some(4));
    assert_true(gwt_describe(r)->nodata.set && gwt_describe(r)->nodata.value == 4);
    got = gwt_compute(r);
    EXPECT_OK(g);
    for (int i = 0; i < 3; i++) {
        double want = norm_diff_definition(values[3 + i], values[6 + i], 4, 1e-4);
        assert_true(got[i] == (isnan(want) ? 4 : want));
    }
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

// ---- expressions ------------------------------------------------------------------------------

// b1 = 2, b2 = 3, b3 = 5.
static const struct { const char *text; double value; } expressions[] = {
    { "b1", 2 }, { "b1 + b2 * b3", 17 }, { "(b1 + b2) * b3", 25 }, { "b1 * b2 + b3", 11 },
    { "b1 - b2 - b3", -6 }, { "b1 - (b2 - b3)", 4 }, { "b3 / b1 / b1", 1.25 },
    { "b1 * b2 / b3", 1.2 }, { "b3 / b1 * b2", 7.5 }, { "b1 + b2 - b3 + 1", 1 },
    { "b1 ** b2", 8 }, { "2 * b1 ** 2", 8 }, { "-b1 ** 2", -4 }, { "(-b1) ** 2", 4 },
    { "2 ** b2 ** b1", 512 }, { "b1 ** -1", 0.5 }, { "-b1 * b2", -6 }, { "b1 * -b2", -6 },
    { "b1 - -b2", 5 }, { "--b1", 2 }, { "- - - b1", -2 }, { "!b1", 0 }, { "!!b1", 1 },
    { "!(b1 - 2)", 1 }, { "!b1 + 1", 1 }, { "!b1 == b2", 0 }, { "-b1 < b2", 1 },
    { "b1 + b2 == b3", 1 }, { "b3 == b1 + b2", 1 }, { "b1 != b2", 1 }, { "b1 >= 2", 1 },
    { "b1 <= 1", 0 }, { "b1 > b2", 0 }, { "b1 < b2", 1 }, { "b1 < b2 == 1", 1 },
    { "b3 > b2 > b1", 0 }, { "b1 == 2 && b2 == 3", 1 }, { "b1 == 2 && b2 == 4", 0 },
    { "b1 == 9 || b2 == 3", 1 }, { "b1 || b2 && 0", 1 }, { "0 && b1 || b2", 1 },
    { "b1 < b2 + 1 && b2 <= b3 - 1", 1 }, { "1e-4 * b1", 0.0002 }, { ".5 * b1", 1 },
    { "2. * b1", 4 }, { "1E2 + b1", 102 }, { "1.5e+1 - b1", 13 }, { "(((b1)))", 2 },
    { " b1\t+ \n b2 ", 5 }, { "b1+b2*b3-1", 16 }, { "min(b1, b2) + max(b2, b3)", 7 },
    { "min(b1 + b2, b3 * 2)", 5 }, { "pow(b1, b2)", 8 }, { "abs(b1 - b3)", 3 },
    { "sqrt(b1 + b1)", 2 }, { "exp(b1 - 2)", 1 }, { "log(b1 - 1)", 0 }, { "tanh(b1 - 2)", 0 },
    { "b1 | b3 ^ b2 & 2", 7 }, { "b3 << b1 + 1 >> 3", 5 },
    { "~b1 & 0xff", 253 }, { "-b3 // b1 + -b3 % b2", -2 }, { "bit(b3, 2) + bits(b3, 1, 2)", 3 },
    { "bits_match(b3, \"1x_1\")", 1 }, { "isin(b2, b1, 3)", 1 }, { "b1 & 3 == 2", 1 },
    { "0b101 == b3 && 0x10 != b1", 1 }, { "lerp(b1, b3, b1 - 1.5)", 3.5 },
    { "mod(-b1, b3) + mod(b2, -b1)", 2 },
    { "round(b3 / 2) + round(b2 / 2)", 4 }, { "degrees(atan2(b1, b1))", 45 },
    { "where(b1 < b2, b3, b1)", 5 }, { "where(b1 > b2, b3, b1)", 2 },
    { "where(b1 > b2, 1, where(b2 > b3, 2, 3))", 3 }, { "clip(b3, 0, 4)", 4 },
    { "clip(-b3, -1, 4)", -1 }, { "clip(b1, 0, 4)", 2 }, { "norm_diff(b1, b2)", 0.2 },
    { "norm_diff(b3, b1)", -3.0 / 7.0 }, { "a.b3 - b2", 2 }, { "a.b1 * a.b2", 6 },
    { "2.5 * (b3 - b2) / (b3 + 6 * b2 - 7.5 * b1 + 1)", 2.5 * 2 / 9 },
    { "b1 * (2 + 3) - 2 * 3", 4 },
    { "t = b1 + b2; t * t", 25 }, { "t = b1; t = t + 1; t * 2", 6 }, { "b1 = b2; b1 * b1;", 9 },
    { "x = b1 ; y = x*b3 ; min(x, y) - y ;", -8 }, { "same = b1 == b2; !same", 1 },
    { "b1 # + b2\n + b3 # the end", 7 }, { "# first\nt = b2 # three\n;\nt # t\n * t", 9 },
    { "b1 -1", 1 }, { "b1<b2", 1 }, { "b1 < -b2", 0 }, { "b1>=b2==0", 1 }
};

static void expressions_by_value(void **state)
{
    (void)state;
    const double values[3] = { 2, 3, 5 };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = 1, .height = 1, .bands = 3,
                            .dtype = GWT_UINT8 }, values);
    for (size_t i = 0; i < COUNT_OF(expressions); i++) {
        gwt_array *r = gwt_calc(&a, 1, expressions[i].text);
        REQUIRE(gwt_status(g) == GWT_OK, "%s: %s", expressions[i].text, gwt_message(g));
        assert_int_equal(gwt_describe(r)->shape[1], 1);
        double *got = VALUES_OF(r);
        REQUIRE(close_to(*got, expressions[i].value, 1e-15), "%s is %.17g, not %.17g",
                expressions[i].text, *got, expressions[i].value);
        gwt_free(got);
    }
    assert_int_equal(gwt_end(g), 0);
}

static void names_in_expressions(void **state)
{
    (void)state;
    const double first[3] = { 2, 3, 5 }, second[2] = { 7, 11 };
    const char *a_path = temp_path("names_a.tif"), *b_path = temp_path("names_b.tif");
    tiff_spec s = { .width = 1, .height = 1, .bands = 3, .dtype = GWT_UINT8 };
    tiff_write_values(a_path, &s, first);
    s.bands = 2;
    tiff_write_values(b_path, &s, second);
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *arrays[] = {
        gwt_open(g, a_path, .sensor = "bgr"),
        gwt_open(g, b_path, .band_names = (const char *const[]){ "nir", "red", NULL })
    };
    static const struct { const char *text; double value; } cases[] = {
        { "b1", 2 }, { "b3", 5 }, { "b4", 7 }, { "b5", 11 }, { "a.b1", 2 }, { "b.b1", 7 },
        { "b.b2", 11 }, { "blue", 2 }, { "red", 5 }, { "a.red", 5 }, { "b.red", 11 },
        { "nir - red", 2 }, { "norm_diff(red, nir)", 2.0 / 12.0 }, { "b.nir * a.green", 21 }
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        gwt_array *r = gwt_calc(arrays, 2, cases[i].text);
        REQUIRE(gwt_status(g) == GWT_OK, "%s: %s", cases[i].text, gwt_message(g));
        double *got = VALUES_OF(r);
        REQUIRE(close_to(*got, cases[i].value, 1e-15), "%s is %g, not %g", cases[i].text, *got,
                cases[i].value);
        gwt_free(got);
    }
    double *whole = VALUES_OF(gwt_calc(arrays, 2, "a * b.red"));  // three bands by one
    for (int i = 0; i < 3; i++) assert_true(whole[i] == first[i] * 11);
    gwt_free(whole);
    whole = VALUES_OF(gwt_calc(arrays, 2, "b + 1"));
    assert_true(whole[0] == 8 && whole[1] == 12);
    gwt_free(whole);
    assert_int_equal(gwt_end(g), 0);
}

// Three lines: the message, the expression, the caret. Gives the caret's column, -1 when the
// message is not of that form.
static int caret_column(const char *message, const char *expression)
{
    const char *second = strchr(message, '\n');
    const char *third = second ? strchr(second + 1, '\n') : NULL;
    if (!second || !third || second == message || strchr(third + 1, '\n')) return -1;
    const char *shown = strstr(second + 1, expression);
    size_t carets = 0;
    for (const char *c = third + 1; *c; c++) {
        carets += *c == '^';
        if (*c != ' ' && *c != '^') return -1;
    }
    if (!shown || shown > third || carets != 1) return -1;
    return (int)(strchr(third, '^') - (third + 1)) - (int)(shown - (second + 1));
}

static void carets(void **state)
{
    (void)state;
    static const struct { const char *text; int column; } cases[] = {
        { "b1 + * b2", 5 }, { "b1 + nope", 5 }, { "(b1 + b2", 8 }, { "b1 b2", 3 },
        { "b1 + $", 5 }, { "foo(b1)", 0 }, { "b1 +", 4 }, { ")", 0 }, { "b1)", 2 }, { "b9", 0 },
        { "b1 + b4", 5 }, { "b0", 0 }, { "b1 * (b2 + )", 11 }, { "b1 ** / 2", 6 },
        { "a.b7", 2 }, { "b1 + c.b1", 5 }, { "b1 = b2", 3 },
        { "t = b1, t", 6 }, { "t = ; t", 4 }, { "t = b1; t + u", 12 }, { "b1; b2", 4 },
        { "t = b1; u", 8 }, { "2 = b1", 2 }, { "sqrt(b1) = b2", 9 }, { "t = b1;", 7 }, { "b1 $ b2", 3 }, { "b1 @ b2", 3 },
        { "b1 @ b2", 3 }, { "min(b1", 6 }, { "b1 + (b2 * (b3 - 1)", 19 }
    };
    const double values[3] = { 2, 3, 5 };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = 1, .height = 1, .bands = 3,
                            .dtype = GWT_UINT8 }, values);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_null(gwt_calc(&a, 1, cases[i].text));
        assert_int_equal(gwt_status(g), GWT_E_ARGUMENT);
        int column = caret_column(gwt_message(g), cases[i].text);
        REQUIRE(column == cases[i].column ||
                (strcmp(cases[i].text, "a.b7") == 0 && column == 0),  // the name as a whole
                "'%s': caret in column %d, not %d, of\n%s", cases[i].text, column,
                cases[i].column, gwt_message(g));
        gwt_clear(g);
    }
    // Of several lines the one that is wrong is shown.
    assert_null(gwt_calc(&a, 1, "t = b1; # two\n  t * (b2 + nope) # no\n - 1"));
    assert_int_equal(caret_column(gwt_message(g), "  t * (b2 + nope) # no"), 12);
    assert_non_null(strstr(gwt_message(g), "unknown name nope"));
    gwt_clear(g);
    // An error all the same; where it points is a matter of taste.
    static const char *const wrong[] = { "", " ", "sqrt()", "sqrt(b1, b2)", "pow(b1)",
                                         "where(b1, b2)", "clip(b1)", "norm_diff(b1)", "1..2 + b1",
                                         "b1 + 1e",
                                         "sqrt b1", "b1,b2", "()", "b1.b1", "b1 2", "0x + b1" };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        REQUIRE(!gwt_calc(&a, 1, wrong[i]), "'%s' was taken", wrong[i]);
        assert_int_equal(gwt_status(g), GWT_E_ARGUMENT);
        REQUIRE(caret_column(gwt_message(g), wrong[i]) >= 0, "'%s': not three lines:\n%s",
                wrong[i], gwt_message(g));
        gwt_clear(g);
    }
    assert_int_equal(gwt_end(g), 0);
}

// ---- calls in expressions ---------------------------------------------------------------------

enum { CALC_W = 19, CALC_H = 14, CALC_N = CALC_W * CALC_H, DATES = 3 };

static const char *const dates[] = { "2016-05-17", "2016-06-02", "last one", NULL };
static const char *const stat_words[] = { "mean", "sum", "min", "max", "std", "var", "median",
                                          "percentile", "count", "first", "last", "argmax", "skew",
                                          "range", "mode", "all", "any" };
static const char *const index_words[] = { "ndvi", "evi", "evi2", "avi", "gcvi", "nbr", "kndvi",
                                           "wi", NULL };

// Three dates of six bands with holes, and one date alone.
static void calc_arrays(gwt *g, gwt_array **arrays)
{
    static double values[6 * CALC_N];
    const char *paths[DATES];
    for (int t = 0; t < DATES; t++) {
        paths[t] = temp_path("calc%d.tif", t);
        for (int i = 0; i < 6 * CALC_N; i++) {
            uint64_t bits = noise((uint64_t)(t * 100000 + i));
            values[i] = bits % 7 == 0 ? 7 : (double)(bits / 64 % 300);
        }
        tiff_write_values(paths[t], &(tiff_spec){ .width = CALC_W, .height = CALC_H, .bands = 6,
                          .dtype = GWT_UINT16, .nodata = "7", .geo = &geo_utm }, values);
    }
    arrays[0] = gwt_open_many(g, paths, DATES, .stack = GWT_TIME, .time_names = dates,
                              .sensor = "l8l7", .chunk_rows = 5, .chunk_cols = 8);
    arrays[1] = gwt_open(g, paths[1], .sensor = "l8l7", .chunks = 7);
}

static void check_same(gwt *g, const char *text, gwt_array *is, gwt_array *want)
{
    REQUIRE(is && want, "%s: %s", text, gwt_message(g));
    const gwt_info *x = gwt_describe(is), *y = gwt_describe(want);
    REQUIRE(!memcmp(x->shape, y->shape, sizeof x->shape) && x->dtype == y->dtype,
            "%s: %d times, %d bands of %s, not %d, %d of %s", text, (int)x->shape[0],
            (int)x->shape[1], gwt_dtype_name(x->dtype), (int)y->shape[0], (int)y->shape[1],
            gwt_dtype_name(y->dtype));
    double *got = VALUES_OF(is), *wanted = VALUES_OF(want);
    for (size_t i = 0; i < array_count(is); i++)
        REQUIRE(same_double(got[i], wanted[i]), "%s: value %d is %.17g, not %.17g", text, (int)i,
                got[i], wanted[i]);
    gwt_free(got);
    gwt_free(wanted);
}

static void check_calc(gwt *g, gwt_array **arrays, const char *text, gwt_array *want)
{
    check_same(g, text, gwt_calc(arrays, 2, text), want);
}

// Each statistic: over times where there are several, else over bands; or as it says.
static void statistics_in_expressions(void **state)
{
    (void)state;
    static const struct { const char *format; int array; gwt_dim dim; } forms[] = {
        { "%s(a%s)", 0, GWT_TIME }, { "%s(b%s)", 1, GWT_BAND }, { "%s(a, time%s)", 0, GWT_TIME },
        { "%s(a, band%s)", 0, GWT_BAND }, { "%s( a ,band %s)", 0, GWT_BAND },
        { "%s(b,time%s)", 1, GWT_TIME }, { "%s(a,\n\tband\n%s\t)", 0, GWT_BAND },
        { "%s(a, time\t%s)", 0, GWT_TIME }
    };
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *arrays[2];
    calc_arrays(g, arrays);
    for (int stat = GWT_MEAN; stat <= GWT_ANY; stat++) {
        double percentile = stat == GWT_PERCENTILE ? 37.5 : 0;
        const char *end = stat == GWT_PERCENTILE ? ", 37.5" : "";
        char text[64];
        for (size_t f = 0; f < COUNT_OF(forms); f++) {
            snprintf(text, sizeof text, forms[f].format, stat_words[stat], end);
            check_calc(g, arrays, text, gwt_reduce(arrays[forms[f].array], forms[f].dim,
                                                   (gwt_stat)stat, .percentile = percentile));
        }
        if (stat > GWT_COUNT && stat < GWT_RANGE) continue;
        for (int window = 1; window < 8; window += 2) {
            snprintf(text, sizeof text, "moving_%s(a, %d%s)", stat_words[stat], window, end);
            check_calc(g, arrays, text, gwt_moving(arrays[0], .statistic = (gwt_stat)stat,
                                                   .window = window, .percentile = percentile));
        }
    }
    assert_int_equal(gwt_end(g), 0);
}

static gwt_array *one_time(gwt_array *a, const char *name)
{
    return gwt_sel_times(a, (const char *const[]){ name, NULL });
}

static gwt_array *a_two(gwt_array *a)
{
    return gwt_sel_times(a, (const char *const[]){ "1", "2", NULL });
}

static void calls_in_expressions(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *arrays[2];
    calc_arrays(g, arrays);
    gwt_array *a = arrays[0], *b = arrays[1], *none = gwt_number(g, (double)NAN);
    gwt_array *small = gwt_mul(b, gwt_number(g, 1e-4)), *five = gwt_number(g, 5);
    for (int i = 0; index_words[i]; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s()", index_words[i]);
        check_calc(g, arrays, text, gwt_spectral_index(a, index_words[i]));
        snprintf(text, sizeof text, "%s( b )", index_words[i]);
        check_calc(g, arrays, text, gwt_spectral_index(b, index_words[i]));
        snprintf(text, sizeof text, "%s(b * 1e-4) + 0", index_words[i]);
        check_calc(g, arrays, text, gwt_spectral_index(small, index_words[i]));
    }
    double three = 3, four = 4;
    const struct { const char *text; gwt_array *want; } cases[] = {
        { "tasseled_cap()", gwt_tasseled_cap(a) }, { "tasseled_cap(b)", gwt_tasseled_cap(b) },
        { "valid(a)", gwt_valid(a) }, { "valid(nan + b)", gwt_valid(gwt_add(none, b)) },
        { "replace(a, 3, 4)", gwt_replace(a, &three, &four, 1) },
        { "mask(a, 4) + 0", gwt_add(gwt_where(gwt_ne(a, gwt_number(g, 4)), a, none),
                                    gwt_number(g, 0)) },
        { "a[2]", one_time(a, "2016-06-02") }, { "a[ 1 ]", one_time(a, "2016-05-17") },
        { "a[\"2016-05-17\"]", one_time(a, "1") }, { "a[2016-06-02]", one_time(a, "2") },
        { "a[\"last one\"]", one_time(a, "3") }, { "a [3]", one_time(a, "3") },
        { "a.red[2]", gwt_sel(one_time(a, "2"), "red") },
        { "red[2]", gwt_sel(one_time(a, "2"), "red") }, { "b3[2]", gwt_sel(b, "red") },
        { "(a + 5)[3]", gwt_add(one_time(a, "3"), five) }, { "b[1]", b }, { "a[2][1]", b },
        { "a[1] - a[3]", gwt_sub(one_time(a, "1"), one_time(a, "3")) },
        { "-a[2] ** 2", gwt_neg(gwt_pow(one_time(a, "2"), gwt_number(g, 2))) },
        { "mean(a[2], band)", gwt_reduce(b, GWT_BAND, GWT_MEAN) },
        { "mean(a)[1]", gwt_reduce(a, GWT_TIME, GWT_MEAN) },
        { "min(a, b)", gwt_min(a, b) }, { "max(a, 5)", gwt_max(a, five) },
        { "min(5, b)", gwt_min(five, b) }, { "max(a[1], a[2])", gwt_max(one_time(a, "1"), b) },
        { "min(max(a), max(b, 5))",
          gwt_min(gwt_reduce(a, GWT_TIME, GWT_MAX), gwt_max(b, five)) },
        { "moving_max(median(a), 5)",
          gwt_moving(gwt_reduce(a, GWT_TIME, GWT_MEDIAN), .statistic = GWT_MAX, .window = 5) },
        { "a - mean(a, band)", gwt_sub(a, gwt_reduce(a, GWT_BAND, GWT_MEAN)) },
        { "slope(a, band)", gwt_reduce(a, GWT_BAND, GWT_SLOPE) },
        { "intercept(b)", gwt_reduce(b, GWT_BAND, GWT_INTERCEPT) },
        { "best(a, red)", gwt_best(a, gwt_sel(a, "red"), NULL) },
        { "best(a, -a, time)", gwt_best(a, gwt_neg(a), NULL) },
        { "cumsum(a)", gwt_cumsum(a) }, { "diff(a, time)[1]", gwt_diff(a_two(a)) },
        { "interpolate(a[\"2016-05-17\"])", gwt_interpolate(one_time(a, "1")) },
        { "norm_diff(red, nir)", gwt_norm_diff(a, "red", "nir") },
        { "norm_diff(a.red, b.nir)",
          gwt_div(gwt_sub(gwt_sel(b, "nir"), gwt_sel(a, "red")),
                  gwt_add(gwt_sel(b, "nir"), gwt_sel(a, "red"))) },
        { "where(valid(a), a, 5)", gwt_where(gwt_valid(a), a, five) },
        { "nan * a", gwt_mul(none, a) }, { "+ a + + 5", gwt_add(a, five) }
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_calc(g, arrays, cases[i].text, cases[i].want);
    assert_int_equal(gwt_end(g), 0);
}

// A band may have any name, a word of the language too: it is one where a band can be meant.
static void words_as_names(void **state)
{
    (void)state;
    static const char *const names[] = { "time", "band", "mean", "nan", "b2", "my band", NULL };
    const double values[6] = { 2, 3, 5, 7, 11, 13 };
    static const struct { const char *text; double value; } cases[] = {
        { "time", 2 }, { "time + band", 5 }, { "mean * 2", 10 }, { "mean(mean)", 5 },
        { "time * mean(time)", 4 }, { "nan + 1", 8 }, { "a.nan", 7 }, { "b2", 11 }, { "a.b2", 11 },
        { "\"b2\" + \"my band\"", 24 }, { "a.\"my band\" - 3", 10 }, { "max(time, \"band\")", 3 },
        { "time[1]", 2 }, { "mean(a, band)", 41.0 / 6 }, { "sum(a, band) - time", 39 },
        { "where(time < band, time, band)", 2 }, { "max(a, band)", 13 }, { "(time)", 2 },
        { "min(band, (time))", 2 }, { "argmax(a, band)", 5 }
    };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = gwt_rename_bands(array_of(g, &(tiff_spec){ .width = 1, .height = 1, .bands = 6,
                                                        .dtype = GWT_UINT8 }, values), names);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        gwt_array *r = gwt_calc(&a, 1, cases[i].text);
        REQUIRE(r && gwt_describe(r)->shape[1] == 1, "%s: %s", cases[i].text, gwt_message(g));
        double *got = VALUES_OF(r);
        REQUIRE(close_to(*got, cases[i].value, 1e-15), "%s is %.17g, not %.17g", cases[i].text,
                *got, cases[i].value);
        gwt_free(got);
    }
    assert_int_equal(gwt_end(g), 0);
}

enum { ANYWHERE = -2 };

static void errors_of_calls(void **state)
{
    (void)state;
    static const struct { const char *text; int column; const char *part; } cases[] = {
        { "b1 + moving_mean(a, 4)", 5, "odd" }, { "moving_mean(a, 1025)", 0, "1023" },
        { "moving_sum(a, 0)", 0, "1 to 1023" }, { "moving_min(a, -3)", 0, "-3" },
        { "moving_max(a, 2.5)", 0, "2.5" }, { "moving_std(a, nan)", 0, "odd" },
        { "moving_mean(a, b1)", 0, "a number" }, { "moving_mean(a)", 0, "2 values, not 1" },
        { "moving_mean(a, 3, 5)", 0, "2 values, not 3" }, { "moving_count()", 0, "not 0" },
        { "moving_percentile(a, 3)", 0, "3 values, not 2" },
        { "moving_percentile(a, 3, 101)", 0, "0 to 100" },
        { "moving_percentile(a, 3, -1)", 0, "0 to 100" },
        { "moving_first(a, 3)", 0, "median" }, { "moving_sun(a, 3)", 0, "moving_sun" },
        { "percentile(a)", 0, "2 values, not 1" }, { "1 + percentile(a, 101)", 4, "0 to 100" },
        { "percentile(a, time, -0.5)", 0, "0 to 100" }, { "percentile(a, b1)", 0, "a number" },
        { "mean()", 0, "not 0" }, { "mean(a, 3)", 0, "not 2" }, { "median(a, b)", 0, "not 2" },
        { "min()", 0, "not 0" }, { "max(a, b, a)", 0, "not 3" }, { "mean(a, sime)", 8, "sime" },
        { "mean(a, time, band)", 14, "band" }, { "mean(time, a)", 5, "time" },
        { "b1 * sqrt(a, time)", ANYWHERE, "time" }, { "clip(a, time, 3)", ANYWHERE, "time" },
        { "mask(a)", 0, "not 1" }, { "mask(a, b1)", 0, "a number" }, { "valid(a, 1)", 0, "not 2" },
        { "replace(a, 1)", 0, "not 2" }, { "replace(a, 1, b1)", 0, "a number" },
        { "replace(a, nan, 1)", 0, "NaN" }, { "replace(a, 1, 0.5)", 0, "0.5" },
        { "clip(a, 5, 1)", 0, "5..1" }, { "clip(a, b1, 1)", 0, "a number" },
        { "mena(a)", 0, "median" }, { "b1 + ndwi()", 5, "kndvi" }, { "ndvi(a, b)", 0, "not 2" },
        { "tasseled_cap(a, b)", 0, "not 2" }, { "time", 0, "b1" }, { "time(a)", 0, "time" },
        { "a[7]", 2, "2016-05-17, 2016-06-02" }, { "1 + a[\"x y\"]", 6, "x y" },
        { "a[]", 2, "time" }, { "a[", 2, "time" }, { "a[2", 2, "]" }, { "a[2 3]", 2, "]" },
        { "a[\"2016", 2, "]" }, { "b1]", 2, "operator" }, { "a[1][2]", 5, "2016-05-17" },
        { "nan", 0, "no band" }, { "nan + 2", 0, "no band" }, { "mean(2)", 0, "no band" },
        { "moving_mean(nan, 3)", 0, "number" }
    };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *arrays[2];
    calc_arrays(g, arrays);
    int wrong = 0;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *text = cases[i].text;
        REQUIRE(!gwt_calc(arrays, 2, text), "'%s' was taken", text);
        REQUIRE(gwt_status(g) == GWT_E_ARGUMENT, "'%s': %s", text, gwt_message(g));
        int column = caret_column(gwt_message(g), text);
        bool there = column == cases[i].column || (cases[i].column == ANYWHERE && column >= 0);
        if (!there || !strstr(gwt_message(g), cases[i].part)) {
            print_error("'%s': wanted '%s', and a caret in column %d of three lines:\n%s\n", text,
                        cases[i].part, cases[i].column, gwt_message(g));
            wrong++;
        }
        gwt_clear(g);
    }
    REQUIRE(!wrong, "%d of %d messages", wrong, (int)COUNT_OF(cases));
    // An index of bands that are not there names those that are.
    gwt_array *two = gwt_rename_bands(gwt_sel(arrays[1], "red", "blue"),
                                (const char *const[]){ "rouge", "bleu", NULL });
    assert_null(gwt_calc(&two, 1, "2 * ndvi()"));
    REQUIRE(strstr(gwt_message(g), "rouge, bleu") && strstr(gwt_message(g), "red"), "%s",
            gwt_message(g));
    assert_int_equal(caret_column(gwt_message(g), "2 * ndvi()"), 4);
    gwt_clear(g);
    assert_int_equal(gwt_end(g), 0);
}

// ---- a decimal comma --------------------------------------------------------------------------

// Numbers in files and expressions have a point, wherever the program runs.
static void numbers_have_a_point(void **state)
{
    (void)state;
    static const char metadata[] = "<GDALMetadata><Item name=\"SCALE\" sample=\"0\" role=\"scale\">"
        "0.125</Item><Item name=\"OFFSET\" sample=\"0\" role=\"offset\">-1.5e-1</Item>"
        "</GDALMetadata>";
    const double values[4] = { -0.5, 0.75, 2, 3.25 };
    decimal_comma_begin();
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    const char *path = temp_path("comma.tif"), *saved = temp_path("comma_saved.tif");
    tiff_write_values(path, &(tiff_spec){ .width = 4, .height = 1, .dtype = GWT_FLOAT32,
                      .metadata = metadata, .nodata = "-0.5", .geo = &geo_utm }, values);
    gwt_array *a = gwt_open(g, path);
    EXPECT_OK(g);
    const gwt_info *info = gwt_describe(a);
    assert_true(info->nodata.set && info->nodata.value == -0.5);
    assert_true(info->scales[0] == 0.125 && info->offsets[0] == -0.15);
    double *got = VALUES_OF(gwt_calc(&a, 1, "b1 * 0.5 + 1.25e-1"));
    for (int i = 0; i < 4; i++)
        assert_true(same_double(got[i], i ? values[i] * 0.5 + 0.125 : NAN));
    gwt_free(got);
    assert_null(gwt_calc(&a, 1, "b1 * 0,5"));
    assert_int_equal(caret_column(gwt_message(g), "b1 * 0,5"), 6);
    gwt_clear(g);
    assert_string_equal(gwt_attr(gwt_moving(a, .statistic = GWT_PERCENTILE, .percentile = 2.5),
                                 "moving_perc"), "2.5");
    assert_true(gwt_save(a, saved, .nodata = gwt_some(-0.25)));
    image *im = image_read(saved);
    assert_string_equal(im->nodata, "-0.25");
    char *scale = metadata_item(im->metadata, "SCALE", 0, "scale");
    assert_string_equal(scale, "0.125");
    free(scale);
    image_free(im);
    info = gwt_describe(gwt_open(g, saved));
    assert_true(info->nodata.value == -0.25 && info->scales[0] == 0.125);
    FILE *f = fopen(temp_path("comma.txt"), "w");
    gwt_print(a, f);
    fclose(f);
    size_t size;
    char *text = (char *)file_read(temp_path("comma.txt"), &size);
    REQUIRE(strstr(text, "-0.5") && strstr(text, "0.125"), "%s", text);
    for (char *comma = text; (comma = strchr(comma, ',')) != NULL; comma++)
        REQUIRE(comma[1] < '0' || comma[1] > '9', "a decimal comma in\n%s", text);
    free(text);
    assert_int_equal(gwt_end(g), 0);
}

// ---- what is said of an array -----------------------------------------------------------------

static void attributes(void **state)
{
    (void)state;
    static const char metadata[] = "<GDALMetadata><Item name=\"vintage\">1987</Item>"
                                   "</GDALMetadata>";
    static double values[6 * CALC_N];
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = CALC_W, .height = CALC_H, .bands = 6,
                            .dtype = GWT_UINT16, .metadata = metadata, .geo = &geo_utm }, values);
    a = gwt_rename_bands(a, gwt_sensor_bands("l8l7"));
    expect_attr(a, "vintage", "1987");
    static const char *const unknown[] = { "vi", "v", "", "vintag", "vintage=", "vintage=1987" };
    for (size_t i = 0; i < COUNT_OF(unknown); i++) expect_attr(a, unknown[i], NULL);
    assert_null(gwt_attr(a, NULL));
    assert_null(gwt_attr(NULL, "vi"));
    assert_true(gwt_describe(a)->attrs && !*gwt_describe(a)->attrs);
    gwt_array *ndvi = gwt_spectral_index(a, "ndvi", .scale_factor = gwt_some(1e-4));
    gwt_array *gcvi = gwt_spectral_index(a, "gcvi"), *diff = gwt_norm_diff(a, "red", "nir");
    gwt_array *smooth = gwt_moving(ndvi, .statistic = GWT_PERCENTILE, .percentile = 97.5,
                                   .window = 15);
    expect_attr(gcvi, "vi", "gcvi");
    expect_attr(gcvi, "drange", "0,1");
    expect_attr(diff, "vi", "norm-diff");
    gwt_array *const both[] = { smooth, gwt_moving(gcvi) };
    gwt_array *kept[] = {
        smooth, gwt_sel(smooth, "ndvi"), gwt_window(smooth, 2, 3, 5, 6), gwt_rechunk(smooth, 3, 4),
        gwt_stack(both, 2, GWT_BAND), gwt_stack(both, 2, GWT_TIME), one_time(smooth, "1"),
        gwt_rename_bands(smooth, (const char *const[]){ "x", NULL }), gwt_every(smooth, 2),
        one_time(gwt_window(gwt_stack(both, 2, GWT_TIME), 0, 0, 3, 3), "2")
    };
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        expect_attr(kept[i], "vi", "ndvi");
        expect_attr(kept[i], "drange", "-1,1");
        expect_attr(kept[i], "pre-scaling", "0.0001");
        expect_attr(kept[i], "moving_stat", "percentile");
        expect_attr(kept[i], "moving_window_size", "15");
        expect_attr(kept[i], "moving_perc", "97.5");
        expect_attr(kept[i], "vintage", "1987");
    }
    expect_attr(both[1], "moving_stat", "mean");
    expect_attr(both[1], "moving_window_size", "3");
    expect_attr(both[1], "moving_perc", NULL);
    // What is computed from it is no index of that name any more.
    gwt_array *gone[] = {
        gwt_add(smooth, gwt_number(g, 1)), gwt_mul(ndvi, smooth), gwt_neg(smooth),
        gwt_gt(smooth, gwt_number(g, 0)), gwt_where(gwt_valid(ndvi), smooth, ndvi),
        gwt_clip(smooth, 0, 1), gwt_valid(smooth), gwt_calc(&smooth, 1, "1 - a")
    };
    for (size_t i = 0; i < COUNT_OF(gone); i++) {
        expect_attr(gone[i], "vi", NULL);
        expect_attr(gone[i], "pre-scaling", NULL);
        expect_attr(gone[i], "moving_stat", NULL);
        assert_true(gwt_describe(gone[i])->attrs && !*gwt_describe(gone[i])->attrs);
    }
    expect_attr(ndvi, "moving_stat", NULL);        // the old one is as it was
    FILE *f = fopen(temp_path("attrs.txt"), "w");
    gwt_print(smooth, f);
    fclose(f);
    size_t size;
    char *text = (char *)file_read(temp_path("attrs.txt"), &size);
    REQUIRE(strstr(text, "vi:") && strstr(text, " ndvi\n") && strstr(text, " 97.5\n"), "%s", text);
    free(text);
    assert_int_equal(gwt_end(g), 0);
}

// ---- long ones --------------------------------------------------------------------------------

static char *repeated(const char *head, const char *part, int times, const char *tail)
{
    char *text = malloc(strlen(head) + strlen(part) * (size_t)times + strlen(tail) + 1), *to = text;
    to += sprintf(to, "%s", head);
    for (int i = 0; i < times; i++) to += sprintf(to, "%s", part);
    sprintf(to, "%s", tail);
    return text;
}

static void long_expressions(void **state)
{
    (void)state;
    const double values[3] = { 2, 3, 5 };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = 1, .height = 1, .bands = 3,
                            .dtype = GWT_UINT8 }, values);
    static const struct { const char *head, *part, *tail; int times; double value; } cases[] = {
        { "b1", " + b2", "", 200, 602 }, { "", "(b1 + ", "b2))))))))))))))))))))", 20, 43 },
        { "b3", " - b1 * b2 + b1 * b2", "", 60, 5 }, { "", "-", "b1", 40, 2 }
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *text = repeated(cases[i].head, cases[i].part, cases[i].times, cases[i].tail);
        double *got = VALUES_OF(gwt_calc(&a, 1, text));
        REQUIRE(*got == cases[i].value, "case %d is %g, not %g", (int)i, *got, cases[i].value);
        gwt_free(got);
        free(text);
    }
    char *ends = repeated("", ")", 990, ""), *nested = repeated("b1 + ", "(b2 - ", 990, "1");
    char *both = repeated(nested, ends, 1, "");
    double *got = VALUES_OF(gwt_calc(&a, 1, both));     // 3 - (3 - ( .. - 1)) = 1
    assert_true(*got == 3);
    gwt_free(got);
    free(ends), free(nested), free(both);
    // Far too deep: an error, not a fallen stack.
    static const char *const deep[] = { "(", "-", "sqrt(", "2 ** ", "b1 + (", "!" };
    for (size_t i = 0; i < COUNT_OF(deep); i++) {
        char *text = repeated("", deep[i], 200000, "b1");
        gwt_array *r = gwt_calc(&a, 1, text);
        if (r) {
            double *got = gwt_compute(r, .dtype = GWT_FLOAT64, .nodata = gwt_some(NAN));
            REQUIRE(got || gwt_status(g) != GWT_OK, "no result and no error");
            gwt_free(got);
        } else {
            assert_true(gwt_status(g) != GWT_OK);
        }
        gwt_clear(g);
        free(text);
    }
    assert_int_equal(gwt_end(g), 0);
}

// A whole session with one expression of a pixel that is 2.
typedef struct deep { char *text; double got; gwt_code code; } deep;

static void *deep_session(void *arg)
{
    static const uint8_t two = 2;
    deep *d = arg;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = gwt_from_memory(g, &two, 1, GWT_UINT8, ((int64_t[]){ 1, 1, 1, 1 }));
    double *got = gwt_compute(gwt_calc(&a, 1, d->text), .dtype = GWT_FLOAT64,
                              .nodata = gwt_some(NAN));
    d->got = got ? *got : NAN;
    d->code = gwt_status(g);
    gwt_free(got);
    gwt_clear(g);
    gwt_end(g);
    return NULL;
}

// Nothing that grows with the depth is on the stack of the thread, which is a small one: neither
// where it is parsed, nor where windows within windows are planned.
static void deep_on_a_small_stack(void **state)
{
    (void)state;
    static const struct { const char *head, *tail; double each; } cases[] = {
        { "(", ")", 0 }, { "(1 + ", ")", 1 }, { "max(b1, ", ")", 0 }, { "-", "", 0 },
        { "where(b1 == 9, 7, ", ")", 0 }, { "1 ** ", "", 0 }, { "moving_max(", ", 3)", 0 }
    };
    enum { LEVELS = 1000, TOO_MANY = 1000000 };
    pthread_attr_t small;
    assert_int_equal(pthread_attr_init(&small), 0);
    assert_int_equal(pthread_attr_setstacksize(&small, (SLOW ? 8 : 1) << 18), 0);
    for (size_t i = 0; i < 2 * COUNT_OF(cases); i++) {
        size_t k = i / 2;
        int n = i % 2 ? TOO_MANY : LEVELS;
        char *ends = repeated("", cases[k].tail, n, ""), *heads = repeated("", cases[k].head, n, "b1");
        deep d = { .text = repeated(heads, ends, 1, "") };
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, &small, deep_session, &d), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        double value = !strcmp(cases[k].head, "1 ** ") ? 1 : 2 + n * cases[k].each;
        if (n == LEVELS)
            REQUIRE(d.got == value, "%s: %g, not %g", cases[k].head, d.got, value);
        else REQUIRE(d.code == GWT_E_ARGUMENT, "%s, too many: code %d", cases[k].head, (int)d.code);
        free(ends), free(heads), free(d.text);
    }
    pthread_attr_destroy(&small);
}

// A deep graph made by calls: every level on the level below, and on the first.
static void deep_graphs(void **state)
{
    (void)state;
    const double value = 1;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *first = one_pixel(g, GWT_UINT8, value), *a = first;
    for (int i = 0; i < 300; i++) a = gwt_add(a, first);
    double *got = VALUES_OF(a);
    assert_true(*got == 301);
    gwt_free(got);
    a = first;
    for (int i = 0; i < 40; i++) a = gwt_add(a, a);  // 2^40 paths, 41 nodes
    got = VALUES_OF(a);
    assert_true(*got == 0x1p40);
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

// ---- sensors ----------------------------------------------------------------------------------

// As geowombat 2.3.1 lists them.
static const struct { const char *name, *bands; } sensors[] = {
    { "rgb", "red green blue" },
    { "rgbn", "red green blue nir" },
    { "bgr", "blue green red" },
    { "bgrn", "blue green red nir" },
    { "l5", "blue green red nir swir1 swir2" },
    { "l7", "blue green red nir swir1 swir2" },
    { "l7th", "blue green red nir swir1 thermal swir2" },
    { "l7mspan", "blue green red nir swir1 swir2 pan" },
    { "l7pan", "pan" },
    { "l8", "coastal blue green red nir swir1 swir2 cirrus" },
    { "l9", "coastal blue green red nir swir1 swir2 cirrus" },
    { "l8th", "coastal blue green red nir swir1 swir2 cirrus tirs1 tirs2" },
    { "l9th", "coastal blue green red nir swir1 swir2 cirrus tirs1 tirs2" },
    { "l8l7", "blue green red nir swir1 swir2" },
    { "l9l7", "blue green red nir swir1 swir2" },
    { "l8l7mspan", "blue green red nir swir1 swir2 pan" },
    { "l9l7mspan", "blue green red nir swir1 swir2 pan" },
    { "l8pan", "pan" },
    { "l9pan", "pan" },
    { "l5bgrn", "blue green red nir" },
    { "l7bgrn", "blue green red nir" },
    { "l8bgrn", "blue green red nir" },
    { "s2", "blue green red nir1 nir2 nir3 nir rededge swir1 swir2" },
    { "s2a", "blue green red nir1 nir2 nir3 nir rededge swir1 swir2" },
    { "s2b", "blue green red nir1 nir2 nir3 nir rededge swir1 swir2" },
    { "s2f", "coastal blue green red nir1 nir2 nir3 nir rededge water cirrus swir1 swir2" },
    { "s2af", "coastal blue green red nir1 nir2 nir3 nir rededge water cirrus swir1 swir2" },
    { "s2bf", "coastal blue green red nir1 nir2 nir3 nir rededge water cirrus swir1 swir2" },
    { "s2l7", "blue green red nir swir1 swir2" },
    { "s2al7", "blue green red nir swir1 swir2" },
    { "s2bl7", "blue green red nir swir1 swir2" },
    { "s210", "blue green red nir" },
    { "s2a10", "blue green red nir" },
    { "s2b10", "blue green red nir" },
    { "s220", "nir1 nir2 nir3 rededge swir1 swir2" },
    { "s2a20", "nir1 nir2 nir3 rededge swir1 swir2" },
    { "s2b20", "nir1 nir2 nir3 rededge swir1 swir2" },
    { "s2cloudless", "coastal blue red nir1 nir rededge water cirrus swir1 swir2" },
    { "s2acloudless", "coastal blue red nir1 nir rededge water cirrus swir1 swir2" },
    { "s2bcloudless", "coastal blue red nir1 nir rededge water cirrus swir1 swir2" },
    { "ps", "blue green red nir" },
    { "qb", "blue green red nir" },
    { "ik", "blue green red nir" },
    { "mcd43a4", "red nir blue green nir2 swir1 swir2" },
    { "mod09a1", "red nir blue green nir2 swir1 swir2" },
    { "myd09a1", "red nir blue green nir2 swir1 swir2" },
};

static void sensors_as_listed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sensors); i++) {
        const char *const *names = gwt_sensor_bands(sensors[i].name);
        REQUIRE(names, "%s is unknown", sensors[i].name);
        char joined[256] = "";
        for (; *names; names++) {
            if (*joined) strcat(joined, " ");
            strcat(joined, *names);
        }
        REQUIRE(strcmp(joined, sensors[i].bands) == 0, "%s is '%s', not '%s'", sensors[i].name,
                joined, sensors[i].bands);
    }
    size_t known = 0;
    for (; gwt_sensor_name(known); known++) {
        size_t i = 0;
        while (i < COUNT_OF(sensors) && strcmp(sensors[i].name, gwt_sensor_name(known))) i++;
        REQUIRE(i < COUNT_OF(sensors), "%s is not in geowombat's list", gwt_sensor_name(known));
    }
    assert_int_equal(known, COUNT_OF(sensors));
    assert_null(gwt_sensor_bands("l6"));
    assert_null(gwt_sensor_bands(""));
    assert_null(gwt_sensor_bands(NULL));
    assert_null(gwt_sensor_name(1000000));
}

// ---- names of types ---------------------------------------------------------------------------

static void names_of_types(void **state)
{
    (void)state;
    static const char *const names[DTYPES] = { "uint8", "int8", "uint16", "int16", "uint32",
        "int32", "uint64", "int64", "float32", "float64" };
    static const size_t sizes[DTYPES] = { 1, 1, 2, 2, 4, 4, 8, 8, 4, 8 };
    for (size_t i = 0; i < DTYPES; i++) {
        assert_string_equal(gwt_dtype_name(all_dtypes[i]), names[i]);
        assert_int_equal(gwt_dtype_size(all_dtypes[i]), sizes[i]);
        assert_int_equal(gwt_dtype_from_name(names[i]), all_dtypes[i]);
    }
    assert_string_equal(gwt_dtype_name(GWT_DTYPE_NONE), "none");
    assert_int_equal(gwt_dtype_size(GWT_DTYPE_NONE), 0);
    assert_int_equal(gwt_dtype_from_name("float16"), GWT_DTYPE_NONE);
    assert_int_equal(gwt_dtype_from_name(NULL), GWT_DTYPE_NONE);
}

// ---- errors -----------------------------------------------------------------------------------

static void null_goes_through(void **state)
{
    (void)state;
    static const char *const names[] = { "red", NULL };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = one_pixel(g, GWT_UINT8, 1), *none = NULL;
    binary *const binaries[] = { gwt_add, gwt_sub, gwt_mul, gwt_div, gwt_pow, gwt_min, gwt_max,
                                 gwt_lt, gwt_le, gwt_gt, gwt_ge, gwt_eq, gwt_ne, gwt_and, gwt_or };
    gwt_array *(*const unaries[])(const gwt_array *) = { gwt_neg, gwt_abs, gwt_sqrt, gwt_exp, gwt_log,
                                                   gwt_tanh, gwt_not, gwt_floor, gwt_sign,
                                                   gwt_sin, gwt_degrees };
    for (size_t i = 0; i < COUNT_OF(binaries); i++) {
        assert_null(binaries[i](a, NULL));
        assert_null(binaries[i](NULL, a));
        assert_null(binaries[i](NULL, NULL));
    }
    for (size_t i = 0; i < COUNT_OF(unaries); i++) assert_null(unaries[i](NULL));
    assert_null(gwt_where(a, a, NULL));
    assert_null(gwt_where(NULL, a, a));
    assert_null(gwt_lerp(NULL, a, a));
    assert_null(gwt_lerp(a, a, NULL));
    assert_null(gwt_clip(NULL, 0, 1));
    assert_null(gwt_cast(NULL, GWT_UINT8));
    assert_null(gwt_sel(NULL, "red"));
    assert_null(gwt_rename_bands(NULL, names));
    assert_null(gwt_rechunk(NULL, 10, 10));
    assert_null(gwt_stack((gwt_array *[]){ a, NULL }, 2, GWT_BAND));
    assert_null(gwt_set_nodata(NULL));
    assert_null(gwt_norm_diff(NULL, "a", "b"));
    assert_null(gwt_calc(&none, 1, "b1"));
    assert_null(gwt_compute(NULL));
    assert_false(gwt_save(NULL, temp_path("null.tif")));
    assert_false(file_exists(temp_path("null.tif")));
    assert_int_equal(gwt_map_blocks(NULL, NULL, NULL), -1);
    assert_null(gwt_open(NULL, "a.tif"));
    assert_null(gwt_number(NULL, 1));
    assert_true(gwt_status(NULL) != GWT_OK);  // a session that could not begin is no success
    assert_true(*gwt_message(NULL));
    gwt_clear(NULL);
    gwt_fail(NULL, GWT_E_USER, "nothing");
    gwt_free(NULL);
    const gwt_info *info = gwt_describe(NULL);
    assert_non_null(info);
    assert_int_equal(info->shape[3], 0);
    assert_int_equal(info->dtype, GWT_DTYPE_NONE);
    assert_string_equal(info->compression, "");
    assert_string_equal(info->area_or_point, "");
    gwt_clear(g);
    assert_int_equal(gwt_end(g), 0);
    assert_int_equal(gwt_end(NULL), 1);
}

static void the_first_error_stays(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    EXPECT_OK(g);
    assert_string_equal(gwt_message(g), "");
    gwt_array *a = gwt_open(g, temp_path("first_missing.tif"));
    assert_null(a);
    gwt_array *b = gwt_open(g, temp_path("second_missing.tif"));
    assert_null(gwt_add(a, b));
    assert_null(gwt_calc(&a, 1, "$"));
    gwt_fail(g, GWT_E_USER, "and another");
    assert_false(gwt_save(gwt_add(a, b), temp_path("never.tif")));
    assert_true(strstr(gwt_message(g), "first_missing.tif") != NULL);
    assert_null(strstr(gwt_message(g), "another"));
    assert_int_equal(gwt_status(g), GWT_E_IO);
    assert_false(file_exists(temp_path("never.tif")));
    gwt_clear(g);
    EXPECT_OK(g);
    gwt_array *c = one_pixel(g, GWT_UINT8, 5);
    double *got = VALUES_OF(c);
    assert_true(*got == 5);
    gwt_free(got);
    gwt_fail(g, GWT_E_USER, "%s %d", "number", 3);
    assert_string_equal(gwt_message(g), "number 3");
    assert_int_equal(gwt_end(g), 1);
}

static void sensors_in_errors(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1, .sensor = "landsat", .quiet = true);
    assert_non_null(g);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "landsat");
    assert_int_equal(gwt_end(g), 0);
}

// ---- show -------------------------------------------------------------------------------------

static void printed(void **state)
{
    (void)state;
    static double values[3 * N];
    gwt *g = gwt_begin(.num_workers = 1, .sensor = "bgr");
    const char *path = temp_path("printed.tif");
    tiff_write_values(path, &(tiff_spec){ .width = W, .height = H, .bands = 3,
                      .dtype = GWT_UINT16, .geo = &geo_utm, .nodata = "4321" }, values);
    FILE *f = fopen(temp_path("printed.txt"), "w");
    assert_non_null(f);
    gwt_print(gwt_open(g, path, .chunks = 17), f);
    gwt_print(NULL, f);
    fclose(f);
    size_t size;
    char *text = (char *)file_read(temp_path("printed.txt"), &size);
    static const char *const parts[] = { "uint16", "band", "33", "21", "17", "blue", "green",
                                         "red", "32616", "4321" };
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        REQUIRE(strstr(text, parts[i]), "'%s' is not in\n%s", parts[i], text);
    free(text);
    assert_int_equal(gwt_end(g), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_of_two),
        cmocka_unit_test(arithmetic_with_numbers),
        cmocka_unit_test(comparisons_and_logic),
        cmocka_unit_test(functions_of_one),
        cmocka_unit_test(where_chooses),
        cmocka_unit_test(clip_leaves_missing),
        cmocka_unit_test(types_of_results),
        cmocka_unit_test(kept_types_saturate),
        cmocka_unit_test(casts_round_and_saturate),
        cmocka_unit_test(casts_round_inside),
        cmocka_unit_test(casts_keep_nodata_that_fits),
        cmocka_unit_test(integers_need_a_nodata_value),
        cmocka_unit_test(other_types_of_missing),
        cmocka_unit_test(floats_of_32_bits),
        cmocka_unit_test(where_with_missing),
        cmocka_unit_test(valid_or_not),
        cmocka_unit_test(bands_repeat),
        cmocka_unit_test(times_repeat),
        cmocka_unit_test(stacks),
        cmocka_unit_test(selecting_and_renaming),
        cmocka_unit_test(set_nodata_by_definition),
        cmocka_unit_test(whose_scale),
        cmocka_unit_test(set_nodata_needs_a_value),
        cmocka_unit_test(factors_act_once),
        cmocka_unit_test(replace_in_float32),
        cmocka_unit_test(clip_to_one_value),
        cmocka_unit_test(renamed_is_of_its_sensor),
        cmocka_unit_test(names_before_numbers),
        cmocka_unit_test(norm_diff_by_definition),
        cmocka_unit_test(exact_in_float32),
        cmocka_unit_test(norm_diff_at_zero),
        cmocka_unit_test(norm_diff_with_a_session),
        cmocka_unit_test(expressions_by_value),
        cmocka_unit_test(names_in_expressions),
        cmocka_unit_test(carets),
        cmocka_unit_test(statistics_in_expressions),
        cmocka_unit_test(calls_in_expressions),
        cmocka_unit_test(words_as_names),
        cmocka_unit_test(errors_of_calls),
        cmocka_unit_test_teardown(numbers_have_a_point, decimal_comma_end),
        cmocka_unit_test(attributes),
        cmocka_unit_test(long_expressions),
        cmocka_unit_test(deep_on_a_small_stack),
        cmocka_unit_test(deep_graphs),
        cmocka_unit_test(sensors_as_listed),
        cmocka_unit_test(names_of_types),
        cmocka_unit_test(null_goes_through),
        cmocka_unit_test(the_first_error_stays),
        cmocka_unit_test(sensors_in_errors),
        cmocka_unit_test(printed),
    };
    return cmocka_run_group_tests_name("math", tests, temp_begin, temp_end);
}
