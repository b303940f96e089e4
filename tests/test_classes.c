// test_classes.c - values by classes: against a loop over all the ranges, for ranges that are few
// or many, evenly spaced or not; the type and nodata value that follow from them; what is refused.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 211, HEIGHT = 97, PIXELS = WIDTH * HEIGHT };

// What becomes of a pixel, by the words of gwt_reclassify: ends are numbers of the type.
static double class_of(gwt_dtype type, double v, const gwt_class_range *ranges, size_t n,
                       double other)
{
    for (size_t i = 0; i < n && !isnan(v); i++) {
        double lo = ranges[i].lo, hi = ranges[i].hi;
        bool one = lo == hi;
        if (type == GWT_FLOAT32) lo = (float)lo, hi = (float)hi;
        if (one ? v == lo : v >= lo && (v < hi || ranges[i].hi == INFINITY)) return ranges[i].value;
    }
    return isnan(v) ? v : other;
}

static gwt_array *picture(gwt *g, gwt_dtype type, const double *values)
{
    static double raw[PIXELS];
    for (size_t i = 0; i < PIXELS; i++) sample_set(type, raw, i, values[i]);
    return gwt_from_memory(g, raw, PIXELS * sample_size(type), type,
                           ((const int64_t[4]){ 1, 1, HEIGHT, WIDTH }));
}

static void check_classes(gwt_dtype type, const double *values, const gwt_class_range *ranges,
                          size_t n, double other, const char *what)
{
    gwt *g = gwt_begin(.num_workers = 2, .chunks = 64, .quiet = true);
    gwt_array *a = picture(g, type, values);
    gwt_array *r = gwt_reclassify(a, ranges, n, .otherwise = gwt_some(other), .dtype = GWT_FLOAT64);
    EXPECT_OK(g);
    double *was = VALUES_OF(a), *is = VALUES_OF(r);
    for (int i = 0; i < PIXELS; i++) {
        double want = class_of(type, was[i], ranges, n, other);
        REQUIRE(same_double(is[i], want), "%s, %s: %.17g becomes %g, not %g", what,
                gwt_dtype_name(type), was[i], is[i], want);
    }
    gwt_free(was);
    gwt_free(is);
    assert_int_equal(gwt_end(g), 0);
}

// Half of them ends of ranges and what is beside them, half anything from below all to above all.
static void near_ends(double *values, const gwt_class_range *ranges, size_t n)
{
    double lo = ranges[0].lo, hi = ranges[n - 1].hi;
    for (size_t i = 0; i < PIXELS; i++) {
        const gwt_class_range *r = &ranges[noise(i) % n];
        double end = noise(i + PIXELS) % 2 ? r->lo : r->hi, by = (double)(noise(3 * i) % 5) - 2;
        values[i] = end + by;
        if (fabs(by) > 1) values[i] = nextafter(end, by * INFINITY);
        if (i % 2) values[i] = lo + (hi - lo) * ((double)(noise(5 * i) % 1100) / 1000 - 0.05);
        if (i % 101 == 0) values[i] = NAN;
    }
    values[1] = INFINITY, values[2] = -INFINITY, values[3] = -0.0, values[5] = DBL_MAX;
}

typedef double end_fn(size_t i);
static double even(size_t i) { return (double)i * 0.75 - 20; }
static double whole(size_t i) { return (double)i * 3 - 100; }
static double squares(size_t i) { return (double)i * (double)i * 1e-3; }
static double powers(size_t i) { return ldexp(1, (int)i - 60) - 3; }
static double clustered(size_t i) { return i % 2 ? 1e12 + (double)i : (double)i; }

static int by_lo(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Ranges between ends that follow one another, every fifth left out, every seventh a single value.
static size_t ranges_of(gwt_class_range *to, end_fn *end, size_t n)
{
    double ends[513];
    size_t used = 0;
    for (size_t i = 0; i <= n; i++) ends[i] = end(i);
    qsort(ends, n + 1, sizeof *ends, by_lo);
    for (size_t i = 0; i < n; i++) {
        if (i % 5 == 4 || !(ends[i] < ends[i + 1])) continue;
        to[used] = (gwt_class_range){ ends[i], ends[i + 1], (double)(i * 3) };
        if (i % 7 == 3) to[used].hi = ends[i];
        if (i % 11 == 10) to[used].value = NAN;
        used++;
    }
    return used;
}

static void against_a_loop(void **state)
{
    (void)state;
    static const struct { const char *name; end_fn *end; size_t n; } kinds[] = {
        { "one", even, 1 }, { "few", even, 4 }, { "even", even, 500 }, { "whole", whole, 300 },
        { "squares", squares, 512 }, { "powers", powers, 100 }, { "clustered", clustered, 64 }
    };
    static double values[PIXELS];
    gwt_class_range ranges[512];
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        for (size_t d = 0; d < DTYPES; d++) {
            size_t n = ranges_of(ranges, kinds[k].end, kinds[k].n);
            near_ends(values, ranges, n);
            if (!is_float(all_dtypes[d]))
                for (int i = 0; i < PIXELS; i++) if (isnan(values[i])) values[i] = 0;
            // Of which float32 has several as one, and says that they overlap.
            bool one = kinds[k].end == clustered || kinds[k].end == powers;
            if (all_dtypes[d] == GWT_FLOAT32 && one) continue;
            check_classes(all_dtypes[d], values, ranges, n, -7, kinds[k].name);
        }
}

// In any order; open below and above; infinities; -0 is 0.
static void ends_of_ranges(void **state)
{
    (void)state;
    static double values[PIXELS];
    static const gwt_class_range ranges[] = {
        { 20, INFINITY, 5 }, { -INFINITY, -1e300, 1 }, { 0, 0, 2 }, { 3, 20, 4 }, { -5, -4, NAN }
    }, ends[] = { { INFINITY, INFINITY, 1 }, { -INFINITY, -INFINITY, 2 } };
    static const double some[] = { -INFINITY, INFINITY, -DBL_MAX, DBL_MAX, -1e300, 0, -0.0, 1e-320,
                                   2.9999999, 3, 19.999999, 20, -5, -4.5, -4, NAN, FLT_MAX };
    for (int i = 0; i < PIXELS; i++) values[i] = some[(size_t)i % COUNT_OF(some)];
    check_classes(GWT_FLOAT64, values, ranges, COUNT_OF(ranges), -7, "open");
    check_classes(GWT_FLOAT32, values, ranges, COUNT_OF(ranges), -7, "open");
    check_classes(GWT_FLOAT64, values, ends, 2, 0, "infinities");
    check_classes(GWT_FLOAT32, values, ends, 2, 0, "infinities");
    check_classes(GWT_FLOAT64, values, &(gwt_class_range){ -DBL_MAX, DBL_MAX, 3 }, 1, 0, "all");
    check_classes(GWT_FLOAT64, values, &(gwt_class_range){ 0, 5e-324, 3 }, 1, 0, "denormal");
}

static void expect_type(gwt *g, gwt_array *r, gwt_dtype type, gwt_optional nodata, const char *what)
{
    EXPECT_OK(g);
    const gwt_info *info = gwt_describe(r);
    REQUIRE(info->dtype == type && info->nodata.set == nodata.set
            && (!nodata.set || info->nodata.value == nodata.value),
            "%s: %s, nodata %d %.17g, not %s, nodata %d %.17g", what, gwt_dtype_name(info->dtype),
            info->nodata.set, info->nodata.value, gwt_dtype_name(type), nodata.set, nodata.value);
}

static void types_and_nodata(void **state)
{
    (void)state;
    static const struct {
        gwt_dtype of;
        gwt_optional had;
        const char *classes;
        gwt_dtype type;
        gwt_optional nodata;
    } cases[] = {
        { GWT_UINT16, { 0 }, "0:10=1, 10:=2", GWT_UINT8, SOME(255) },
        { GWT_UINT16, SOME(0), "1:10=1, 10:=2", GWT_UINT8, SOME(0) },
        { GWT_UINT16, SOME(0), "1:10=0, 10:=2", GWT_UINT8, SOME(255) },
        { GWT_UINT16, SOME(65535), "1:10=0, 10:=2", GWT_UINT8, SOME(255) },
        { GWT_UINT16, SOME(65535), "1:10=0, 10:=300", GWT_UINT16, SOME(65535) },
        { GWT_UINT8, { 0 }, "0:10=0, 10:=255", GWT_UINT8, SOME(254) },
        { GWT_INT16, SOME(-9999), "0:10=1, else=nan", GWT_UINT8, SOME(255) },
        { GWT_INT16, SOME(-9999), "0:10=-1, 10:=300", GWT_INT16, SOME(-9999) },
        { GWT_INT16, { 0 }, "0:10=-1", GWT_INT8, SOME(-128) },
        { GWT_UINT8, { 0 }, "0:10=1e5", GWT_UINT32, SOME(4294967295.0) },
        { GWT_UINT8, { 0 }, "0:10=-1e5", GWT_INT32, SOME(-2147483648.0) },
        { GWT_UINT8, { 0 }, "0:10=0.5", GWT_FLOAT32, { 0 } },
        { GWT_UINT8, { 0 }, "0:10=0.1", GWT_FLOAT64, { 0 } },
        { GWT_UINT8, SOME(7), "0:10=0.1", GWT_FLOAT64, SOME(7) },
        { GWT_FLOAT32, SOME(-9999), "0:0.1=1", GWT_UINT8, SOME(255) },
        { GWT_UINT8, SOME(9), "0:10=1, else=keep", GWT_UINT8, SOME(9) },
        { GWT_UINT8, { 0 }, "0:10=1, else=keep", GWT_UINT8, { 0 } },
        { GWT_UINT8, SOME(9), "0:10=-1, else=keep", GWT_INT16, SOME(9) },
        { GWT_UINT8, SOME(9), "0:10=0.5, else=keep", GWT_FLOAT32, SOME(9) },
        { GWT_FLOAT32, { 0 }, "0:10=1, else=keep", GWT_FLOAT32, { 0 } },
        { GWT_INT64, SOME(9), "0:10=1, else=keep", GWT_INT64, SOME(9) },
        { GWT_UINT8, { 0 }, "0:10=18446744073709549568", GWT_FLOAT64, { 0 } },
        { GWT_UINT8, { 0 }, "0:10=18446744073709551616", GWT_FLOAT32, { 0 } },
        { GWT_UINT8, { 0 }, "0:10=9223372036854775808, 10:=-1", GWT_FLOAT32, { 0 } },
    };
    static double values[PIXELS];
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[100];
        gwt_array *a = gwt_set_nodata(picture(g, cases[i].of, values), .dst_nodata = cases[i].had);
        snprintf(text, sizeof text, "reclass(a, \"%s\")", cases[i].classes);
        if (!cases[i].had.set) a = picture(g, cases[i].of, values);
        expect_type(g, gwt_calc(&a, 1, text), cases[i].type, cases[i].nodata, text);
    }
    gwt_array *a = picture(g, GWT_UINT8, values);
    gwt_class_range all[256];
    for (int i = 0; i < 256; i++) all[i] = (gwt_class_range){ i, i, i };
    expect_type(g, gwt_reclassify(a, all, 256), GWT_UINT16, gwt_some(65535), "256 values");
    expect_type(g, gwt_reclassify(a, all, 256, .dtype = GWT_UINT8), GWT_UINT8, (gwt_optional){ 0 },
                "256 values in a byte");
    expect_type(g, gwt_reclassify(a, all, 9, .dtype = GWT_INT32), GWT_INT32,
                gwt_some(-2147483648.0), "a type that was asked for");
    assert_int_equal(gwt_end(g), 0);
}

// What is kept is rounded into a type that was asked for; classes in float32 are of that type.
static void kept_and_cast(void **state)
{
    (void)state;
    static double values[PIXELS];
    static const gwt_class_range one[] = { { 7, 7, 0.1 } }, high[] = { { 7, 7, 1 } };
    for (int i = 0; i < PIXELS; i++) values[i] = i % 9 + 0.75;
    values[0] = 7, values[1] = 1e9, values[2] = NAN;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = picture(g, GWT_FLOAT32, values);
    double *got = VALUES_OF(gwt_reclassify(a, one, 1, .keep = true, .dtype = GWT_FLOAT32));
    assert_true(got[0] == (double)0.1f && got[1] == 1e9 && isnan(got[2]) && got[3] == 3.75);
    gwt_free(got);
    gwt_array *r = gwt_reclassify(a, high, 1, .keep = true, .dtype = GWT_UINT8);
    got = VALUES_OF(gwt_where(gwt_valid(r), r, gwt_number(g, 200)));
    assert_true(got[0] == 1 && got[1] == 255 && got[2] == 200 && got[3] == 4);
    gwt_free(got);
    got = VALUES_OF(gwt_calc(&a, 1, "replace(a, 7, 1e9, 1e9, 7, 3.75, nan)"));
    assert_true(got[0] == 1e9 && got[1] == 7 && isnan(got[2]) && isnan(got[3]) && got[4] == 4.75);
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

// Tables are memory that an action says it needs; a scope gives them back.
static void tables_are_memory(void **state)
{
    (void)state;
    enum { MANY = 200000 };
    static double values[PIXELS];
    gwt_class_range *ranges = calloc(MANY, sizeof *ranges);
    for (int i = 0; i < MANY; i++) ranges[i] = (gwt_class_range){ i, i, i % 200 };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true, .memory_limit = 8 << 20);
    gwt_array *a = picture(g, GWT_FLOAT64, values);
    gwt_free(gwt_compute(gwt_reclassify(a, ranges, 1000)));
    EXPECT_OK(g);
    assert_null(gwt_compute(gwt_reclassify(a, ranges, MANY)));
    EXPECT_ERROR(g, GWT_E_MEMORY, "memory_limit");
    gwt_end(g);
    free(ranges);
}

static void refused(void **state)
{
    (void)state;
    static double values[PIXELS];
    static const gwt_class_range wrong[] = { { 3, 2, 1 } }, nan_end[] = { { NAN, 2, 1 } },
        over[] = { { 0, 10, 1 }, { 20, 30, 2 }, { 5, 6, 3 } },
        near[] = { { 0, 10, 1 }, { 10, 20, 2 } },
        same[] = { { 0.1, 0.1, 1 }, { (double)0.1f, (double)0.1f, 2 } };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = picture(g, GWT_FLOAT64, values), *narrow = picture(g, GWT_FLOAT32, values);
    assert_null(gwt_reclassify(a, wrong, 1));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "3:2");
    assert_null(gwt_reclassify(a, nan_end, 1));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "nan:2");
    assert_null(gwt_reclassify(a, over, 3));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "0:10 and 5:6 overlap");
    assert_non_null(gwt_reclassify(a, near, 2));
    assert_non_null(gwt_reclassify(a, same, 2));
    assert_null(gwt_reclassify(narrow, same, 2));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "overlap");
    assert_null(gwt_reclassify(a, near, 0));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "no classes");
    assert_null(gwt_reclassify(a, NULL, 3));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "no classes");
    assert_null(gwt_reclassify(a, near, 2, .keep = true, .otherwise = gwt_some(3)));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "two ways");
    assert_null(gwt_reclassify(a, near, 2, .otherwise = gwt_some(-3), .dtype = GWT_UINT8));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "-3 is not a value of uint8");
    assert_null(gwt_reclassify(a, near, 2, .dtype = (gwt_dtype)99));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "99");
    assert_null(gwt_reclassify(NULL, near, 2));
    assert_int_equal(gwt_end(g), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_a_loop), cmocka_unit_test(ends_of_ranges),
        cmocka_unit_test(types_and_nodata), cmocka_unit_test(kept_and_cast),
        cmocka_unit_test(tables_are_memory), cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests_name("classes", tests, temp_begin, temp_end);
}
