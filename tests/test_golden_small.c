// test_golden_small.c - each operation once over small images, against plain loops (oracle.h) and
// numbers worked out by hand: what test_golden*.c compare with geowombat where ../shared is there,
// and what is compared everywhere. Files go through libtiff in and out.

#define _XOPEN_SOURCE 700
#define _DARWIN_C_SOURCE

#include "oracle.h"

#include <stdio.h>

enum { ROWS = 19, COLS = 23, N = ROWS * COLS, BANDS = 6 };

// ---- a scene ----------------------------------------------------------------------------------

// Six bands of uint16, blue .. swir2, between 400 and 6399; a tenth of each band is nodata, 0, in
// other pixels for each, and one corner is 0 in all.
static double raw[BANDS][N];
static plane bands[BANDS];

static const char *write_scene(const char *name, int count, uint64_t seed, const double t[6])
{
    geo_place place;
    const char *path = temp_path("%s", name);
    tiff_spec spec = { .width = COLS, .height = ROWS, .bands = count, .dtype = GWT_UINT16,
                       .nodata = "0", .tile_width = 16, .tile_height = 16,
                       .compression = COMPRESSION_LZW, .geo = geo_at(&place, 32616, t) };
    for (int b = 0; b < count; b++) {
        bands[b] = (plane){ ROWS, COLS, raw[b] };
        for (int i = 0; i < N; i++) {
            uint64_t bits = noise(seed + (uint64_t)(b * N + i));
            bool corner = i / COLS < 7 && i % COLS < 8;
            raw[b][i] = corner || bits % 10 == 0 ? 0 : (double)(400 + (bits >> 8) % 6000);
        }
    }
    tiff_write_values(path, &spec, raw[0]);
    for (int b = 0; b < count; b++)
        for (int i = 0; i < N; i++) raw[b][i] = raw[b][i] == 0 ? NAN : raw[b][i];
    return path;
}

// A pixel of band b that is there.
static double valid_of(int b)
{
    int i = N - 1;
    while (isnan(raw[b][i])) i--;
    return raw[b][i];
}

static const double here[6] = { 30, 0, 600000, 0, -30, 4000000 };

// Pixel by pixel; `relative` is for the C library's functions and sums in another order. At least
// one pixel has to be there, and with `some_missing` one that is not.
static void expect_values(gwt *g, gwt_array *a, const double *want, int count, double relative,
                          bool some_missing, const char *what)
{
    int missing = 0;
    double *got = VALUES_OF(a);
    assert_int_equal(array_count(a), count);
    for (int i = 0; i < count; i++) {
        missing += isnan(want[i]);
        REQUIRE(same_double(got[i], want[i]) ||
                fabs(got[i] - want[i]) <= relative * fmax(fabs(want[i]), 1e-3),
                "%s: pixel %d is %.17g, not %.17g", what, i, got[i], want[i]);
    }
    REQUIRE(missing < count && (missing > 0) == some_missing, "%s: %d of %d are missing", what,
            missing, count);
    gwt_free(got);
}

// ---- indices ----------------------------------------------------------------------------------

static reflectance reflectance_at(int i, double scale)
{
    return (reflectance){ raw[0][i] * scale, raw[1][i] * scale, raw[2][i] * scale,
                          raw[3][i] * scale, raw[4][i] * scale, raw[5][i] * scale };
}

static bool missing_in(const char *letters, int i)
{
    for (; *letters; letters++)
        if (isnan(raw[strchr("bgrnst", *letters) - "bgrnst"][i])) return true;
    return false;
}

static void indices(void **state)
{
    (void)state;
    static const char *const names[] = { "ndvi", "nbr", "kndvi", "avi", "evi", "evi2", "gcvi",
                                         "wi" };
    static double want[N];
    const char *path = write_scene("indices.tif", BANDS, 1, here);
    for (size_t k = 0; k <= COUNT_OF(names); k++) {
        gwt *g = gwt_begin(.num_workers = 2, .sensor = "l7", .chunks = 7);
        gwt_array *a = gwt_open(g, path), *r;
        if (k < COUNT_OF(names)) r = gwt_spectral_index(a, names[k], .scale_factor = gwt_some(1e-4));
        else r = gwt_norm_diff(a, "green", "red", .scale_factor = gwt_some(1e-4));
        for (int i = 0; i < N; i++) {
            reflectance v = reflectance_at(i, 1e-4);
            if (k == COUNT_OF(names))
                want[i] = missing_in("gr", i) ? NAN : difference(v.green, v.red);
            else want[i] = missing_in(index_bands(names[k]), i) ? NAN : index_value(names[k], &v);
        }
        const char *name = k < COUNT_OF(names) ? names[k] : "norm_diff";
        expect_values(g, r, want, N, 1e-12, true, name);
        // And as it is stored: -1 is an index as well, -9999 is none.
        int64_t lost = -1;
        const char *to = temp_path("%s.tif", name);
        assert_true(gwt_save(r, to, .dtype = GWT_FLOAT32, .nodata = gwt_some(-9999),
                             .compress = "lzw", .collisions = &lost));
        image *im = image_read(to);
        assert_string_equal(im->nodata, "-9999");
        for (int i = 0; i < N; i++) {
            double is = image_get(im, 0, i / COLS, i % COLS);
            REQUIRE(isnan(want[i]) ? is == -9999 : fabs(is - want[i]) <= 1e-6, "%s: pixel %d is "
                    "stored as %g, not %g", name, i, is, want[i]);
        }
        assert_int_equal(lost, 0);
        image_free(im);
        assert_int_equal(gwt_end(g), 0);
    }
}

// By hand: raw 2000 and 6000, scaled 0.2 and 0.6.
static void indices_by_hand(void **state)
{
    (void)state;
    static const double v[2] = { 2000, 6000 };
    static const struct { const char *name; double value; } cases[] = {
        { "ndvi", 0.5 }, { "kndvi", 0.24491866240370913 }, { "evi2", 2.5 * 0.4 / 2.08 },
        { "avi", 0.576836362637067 } // (0.6 * 0.8 * 0.4) ^ 0.3334
    };
    gwt *g = gwt_begin(.num_workers = 1);
    tiff_spec spec = { .width = 1, .height = 1, .bands = 2, .dtype = GWT_UINT16 };
    gwt_array *a = gwt_rename_bands(array_of(g, &spec, v), (const char *const[]){ "red", "nir", NULL });
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        double *got = VALUES_OF(gwt_spectral_index(a, cases[i].name, .scale_factor = gwt_some(1e-4)));
        REQUIRE(fabs(got[0] - cases[i].value) < 1e-9, "%s is %.17g", cases[i].name, got[0]);
        gwt_free(got);
    }
    assert_int_equal(gwt_end(g), 0);
}

static void tasseled_caps(void **state)
{
    (void)state;
    static double want[3 * N];
    for (size_t k = 0; k < COUNT_OF(cap_weights); k++) {
        int count = k < 2 ? 6 : 4;
        const char *path = write_scene("caps.tif", count, 3, here);
        for (int out = 0; out < 3; out++)
            for (int i = 0; i < N; i++) {
                double sum = 0;
                for (int b = 0; b < count; b++) sum += raw[b][i] * 1e-4 * cap_weights[k].c[out][b];
                want[out * N + i] = sum;
            }
        gwt *g = gwt_begin(.num_workers = 2);
        gwt_array *r = gwt_tasseled_cap(gwt_open(g, path, .sensor = cap_weights[k].sensor),
                                        .scale_factor = gwt_some(1e-4));
        expect_values(g, r, want, 3 * N, 1e-12, true, cap_weights[k].sensor);
        assert_string_equal(gwt_describe(r)->band_names[2], "wetness");
        assert_int_equal(gwt_end(g), 0);
    }
}

// ---- nodata, masks, comparisons ---------------------------------------------------------------

static void set_nodata(void **state)
{
    (void)state;
    static double want[2 * N];
    const char *path = write_scene("set.tif", 2, 5, here), *to = temp_path("set_out.tif");
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = gwt_open(g, path);
    gwt_array *r = gwt_set_nodata(a, .dst_nodata = gwt_some(255), .out_range = gwt_range(10, 200),
                                  .scale_factor = gwt_some(0.05), .offset = gwt_some(-20.125),
                                  .dtype = GWT_UINT8);
    for (int i = 0; i < 2 * N; i++)     // to the nearest; NaN stays
        want[i] = rint(held(raw[i / N][i % N] * 0.05 + -20.125, 10, 200));
    expect_values(g, r, want, 2 * N, 0, true, "range, scale, offset, uint8");
    assert_true(gwt_save(r, to));
    image *im = image_read(to);
    assert_int_equal(im->dtype, GWT_UINT8);
    assert_string_equal(im->nodata, "255");
    for (int i = 0; i < 2 * N; i++)
        assert_true(image_get(im, i / N, i % N / COLS, i % COLS)
                    == (isnan(want[i]) ? 255 : want[i]));
    image_free(im);
    // Another value is missing; 0 is a number then.
    const double other = valid_of(1);
    r = gwt_set_nodata(a, .src_nodata = gwt_some(other), .dtype = GWT_FLOAT64);
    for (int i = 0; i < 2 * N; i++) {
        double v = isnan(raw[i / N][i % N]) ? 0 : raw[i / N][i % N];
        want[i] = v == other ? NAN : v;
    }
    expect_values(g, r, want, 2 * N, 0, true, "another nodata");
    assert_int_equal(gwt_end(g), 0);
}

static void masks_and_comparisons(void **state)
{
    (void)state;
    static double want[8][N];
    char masked[32];
    const char *texts[] = {
        masked, "replace(b1, 0, 1)", "b1 > b2", "b1 <= 3000 && !(b2 != b2)",
        "where(b1 > 3000, b1, b2)", "valid(b1)", "clip(b1, 1000, 2000)", "b1 + b2 * 2 - b1 / b2"
    };
    const char *path = write_scene("masks.tif", 2, 7, here);
    for (int i = 0; i < N; i++) {
        double x = raw[0][i], y = raw[1][i];
        bool both = !isnan(x) && !isnan(y);
        want[0][i] = x == valid_of(0) ? NAN : x;
        want[1][i] = x;                 // there is no valid 0
        want[2][i] = both ? x > y : NAN;
        want[3][i] = both ? x <= 3000 : NAN;
        want[4][i] = isnan(x) ? NAN : x > 3000 ? x : y;
        want[5][i] = !isnan(x);
        want[6][i] = isnan(x) ? NAN : held(x, 1000, 2000);
        want[7][i] = x + y * 2 - x / y;
    }
    snprintf(masked, sizeof masked, "mask(b1, %g)", valid_of(0));
    gwt *g = gwt_begin(.num_workers = 2, .chunks = 5);
    gwt_array *a = gwt_open(g, path);
    for (int k = 0; k < 8; k++)
        expect_values(g, gwt_calc(&a, 1, texts[k]), want[k], N, 0, k != 5, texts[k]);
    const double from[] = { valid_of(0), valid_of(1) }, to[] = { valid_of(1), 65535 };
    for (int i = 0; i < N; i++)         // nothing chains
        want[0][i] = raw[0][i] == from[0] ? to[0] : raw[0][i] == from[1] ? to[1] : raw[0][i];
    expect_values(g, gwt_replace(gwt_sel(a, "1"), from, to, 2), want[0], N, 0, true, "replace");
    expect_values(g, gwt_mask_nodata(gwt_sel(a, "2")), raw[1], N, 0, true, "mask_nodata");
    assert_int_equal(gwt_end(g), 0);
}

// ---- stacks and mosaics -----------------------------------------------------------------------

static const struct { gwt_stat stat; double percentile; } folds[] = {
    { GWT_MEAN, 0 }, { GWT_MEDIAN, 0 }, { GWT_PERCENTILE, 37.5 }, { GWT_STD, 0 }, { GWT_COUNT, 0 },
    { GWT_MIN, 0 }, { GWT_MAX, 0 }, { GWT_SUM, 0 }, { GWT_VAR, 0 }, { GWT_FIRST, 0 },
    { GWT_LAST, 0 }
};

static void stacks(void **state)
{
    (void)state;
    enum { DATES = 5 };
    static double dates[DATES][2][N], want[DATES * N];
    const char *paths[DATES];
    for (int t = 0; t < DATES; t++) {
        char name[32];
        snprintf(name, sizeof name, "stack%d.tif", t);
        paths[t] = write_scene(name, 2, 100 + 1000 * (uint64_t)t, here);
        memcpy(dates[t], raw[0], sizeof dates[t]);
    }
    gwt *g = gwt_begin(.num_workers = 2, .chunks = 9);
    gwt_array *time = gwt_open_many(g, paths, DATES, .stack = GWT_TIME);
    gwt_array *band = gwt_open_many(g, paths, DATES, .stack = GWT_BAND);
    for (size_t k = 0; k < COUNT_OF(folds); k++)
        for (int over_time = 0; over_time < 2; over_time++) {
            int planes = over_time ? 2 : 1, depth = over_time ? DATES : 2 * DATES;
            for (int i = 0; i < planes * N; i++) {
                double v[2 * DATES];
                int n = 0;
                for (int d = 0; d < depth; d++) {
                    double x = over_time ? dates[d][i / N][i % N] : dates[d / 2][d % 2][i];
                    if (!isnan(x)) v[n++] = x;
                }
                want[i] = stat_of(v, n, folds[k].stat, folds[k].percentile);
            }
            gwt_array *r = gwt_reduce(over_time ? time : band, over_time ? GWT_TIME : GWT_BAND,
                                      folds[k].stat, .percentile = folds[k].percentile);
            expect_values(g, r, want, planes * N, 1e-12, folds[k].stat != GWT_COUNT,
                          over_time ? "over time" : "over bands");
        }
    assert_int_equal(gwt_end(g), 0);
}

// The second file begins 5 columns to the right and 4 rows below the first.
static void mosaics(void **state)
{
    (void)state;
    static const gwt_stat overlaps[] = { GWT_MEAN, GWT_MIN, GWT_MAX, GWT_FIRST, GWT_LAST };
    static double one[N], two[N], want[(ROWS + 4) * (COLS + 5)];
    const double there[6] = { 30, 0, here[2] + 150, 0, -30, here[5] - 120 };
    const char *paths[2];
    paths[0] = write_scene("left.tif", 1, 31, here);
    memcpy(one, raw[0], sizeof one);
    paths[1] = write_scene("right.tif", 1, 77, there);
    memcpy(two, raw[0], sizeof two);
    plane a = { ROWS, COLS, one }, b = { ROWS, COLS, two };
    for (size_t k = 0; k < 2 * COUNT_OF(overlaps); k++) {
        bool all = k % 2;
        gwt_stat stat = overlaps[k / 2];
        int top = all ? 0 : 4, left = all ? 0 : 5, rows = all ? ROWS + 4 : ROWS - 4,
            cols = all ? COLS + 5 : COLS - 5;
        for (int i = 0; i < rows * cols; i++) {
            int y = i / cols + top, x = i % cols + left, n = 0;
            double v[2], p = plane_at(&a, y, x), q = plane_at(&b, y - 4, x - 5);
            if (!isnan(p)) v[n++] = p;
            if (!isnan(q)) v[n++] = q;
            want[i] = stat_of(v, n, stat, 0);
        }
        gwt *g = gwt_begin(.num_workers = 2);
        gwt_array *r = gwt_open_many(g, paths, 2, .mosaic = true, .overlap = stat,
                                     .bounds_by = all ? GWT_UNION : GWT_INTERSECTION);
        const gwt_info *info = gwt_describe(r);
        assert_true(info->transform[2] == here[2] + 30 * left);
        assert_true(info->transform[5] == here[5] - 30 * top);
        assert_int_equal(info->shape[2], rows);
        assert_int_equal(info->dtype, stat == GWT_MEAN ? GWT_FLOAT64 : GWT_UINT16);
        expect_values(g, r, want, rows * cols, 0, true, all ? "union" : "intersection");
        assert_int_equal(gwt_end(g), 0);
    }
}

// ---- other pixels -----------------------------------------------------------------------------

static void resamplings(void **state)
{
    (void)state;
    static const double cells[] = { 60, 45, 100, 20, 12.5 };
    const char *path = write_scene("warp.tif", 1, 11, here);
    for (size_t k = 0; k < 4 * COUNT_OF(cells); k++) {
        gwt_resampling method = (gwt_resampling)(k % 4);
        double res = cells[k / 4], ratio = res / 30;
        gwt *g = gwt_begin(.num_workers = 2, .chunks = 6);
        gwt_array *r = gwt_regrid(gwt_open(g, path), .res = res, .resampling = method);
        const gwt_info *info = gwt_describe(r);
        int rows = (int)info->shape[2], cols = (int)info->shape[3];
        assert_true(fabs(rows * ratio - ROWS) <= ratio && fabs(cols * ratio - COLS) <= ratio);
        relation q = { { ratio, ratio }, { 0, 0 } };
        double *want = malloc((size_t)(rows * cols) * sizeof *want), *got = VALUES_OF(r);
        assert_non_null(want);
        for (int i = 0; i < rows * cols; i++) {
            want[i] = resampled(&bands[0], &q, method, i / cols, i % cols);
            double v = want[i], up = held(floor(v + 0.5), 0, 65535);
            bool half = res != 60 && fabs(v - floor(v) - 0.5) < 1e-9;   // or nearly
            REQUIRE(isnan(v) ? isnan(got[i]) : got[i] == up || (half && fabs(got[i] - up) == 1),
                    "method %d, %g m: cell %d is %g, not %.17g", (int)method, res, i, got[i], v);
        }
        expect_values(g, gwt_cast(r, GWT_FLOAT64), want, rows * cols, 1e-12, true, "unrounded");
        free(want), gwt_free(got);
        assert_int_equal(gwt_end(g), 0);
    }
}

static void windows(void **state)
{
    (void)state;
    static const gwt_moving_options all[] = {
        { .statistic = GWT_MEAN }, { .statistic = GWT_SUM, .window = 5 },
        { .statistic = GWT_MIN, .window = 7 },
        { .statistic = GWT_MAX, .window = 5 }, { .statistic = GWT_STD, .window = 5 },
        { .statistic = GWT_VAR, .window = 3 }, { .statistic = GWT_MEDIAN, .window = 5 },
        { .statistic = GWT_PERCENTILE, .window = 5, .percentile = 90 },
        { .statistic = GWT_COUNT, .window = 9 },
        { .statistic = GWT_MEAN, .window = 5, .weights = true },
        { .statistic = GWT_STD, .window = 5, .weights = true }
    };
    static double want[N];
    const char *path = write_scene("windows.tif", 1, 13, here);
    for (size_t k = 0; k < COUNT_OF(all); k++) {
        int w = all[k].window ? all[k].window : 3, missing = 0;
        for (int i = 0; i < N; i++) {
            double v[81], weights[81];
            int n;
            if (all[k].weights) {
                n = window_weighted(&bands[0], i / COLS, i % COLS, w, v, weights);
                want[i] = weighted_stat(v, weights, n, all[k].statistic);
            } else {
                n = window_values(&bands[0], i / COLS, i % COLS, w, v);
                want[i] = stat_of(v, n, all[k].statistic, all[k].percentile);
            }
            missing += isnan(want[i]);
        }
        gwt *g = gwt_begin(.num_workers = 2, .chunks = 8);
        expect_values(g, gwt_moving_with(gwt_open(g, path), &all[k]), want, N, 1e-9, missing > 0,
                      "a window");
        assert_int_equal(gwt_end(g), 0);
    }
}

// ---- numbers ----------------------------------------------------------------------------------

static void numbers(void **state)
{
    (void)state;
    enum { BINS = 7 };
    static const double percentiles[] = { 0, 2, 25, 50, 97.5, 100 };
    const char *path = write_scene("numbers.tif", 2, 17, here);
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = gwt_open(g, path);
    gwt_summary summaries[2];
    int64_t counts[2 * BINS];
    double values[2 * COUNT_OF(percentiles)];
    assert_true(gwt_summarize(a, summaries));
    assert_true(gwt_histogram(a, 400, 6300, BINS, counts));
    assert_true(gwt_percentiles(a, percentiles, COUNT_OF(percentiles), values));
    for (int b = 0; b < 2; b++) {
        static double v[N];
        int n = 0;
        int64_t bins[BINS] = { 0 };
        for (int i = 0; i < N; i++) {
            double x = raw[b][i];
            if (isnan(x)) continue;
            v[n++] = x;
            if (x < 400 || x > 6300) continue;
            int bin = 0;                // its lower end, the last one both
            while (bin < BINS - 1 && x >= 400 + (bin + 1) * (5900.0 / BINS)) bin++;
            bins[bin]++;
        }
        const gwt_summary *s = &summaries[b];
        assert_true(n > 0 && s->count == n);
        assert_true(s->sum == stat_of(v, n, GWT_SUM, 0) && s->min == stat_of(v, n, GWT_MIN, 0));
        assert_true(s->max == stat_of(v, n, GWT_MAX, 0));
        assert_true(fabs(s->mean - stat_of(v, n, GWT_MEAN, 0)) < 1e-9);
        assert_true(fabs(s->std - stat_of(v, n, GWT_STD, 0)) < 1e-9 * s->std);
        assert_true(fabs(s->var - stat_of(v, n, GWT_VAR, 0)) < 1e-9 * s->var);
        for (int k = 0; k < BINS; k++) assert_int_equal(counts[b * BINS + k], bins[k]);
        for (size_t k = 0; k < COUNT_OF(percentiles); k++) {
            double want = stat_of(v, n, GWT_PERCENTILE, percentiles[k]),
                   got = values[(size_t)b * COUNT_OF(percentiles) + k];
            REQUIRE(fabs(got - want) < 1e-9, "percentile %g is %.17g, not %.17g", percentiles[k],
                    got, want);
        }
    }
    assert_int_equal(gwt_end(g), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(indices),         cmocka_unit_test(indices_by_hand),
        cmocka_unit_test(tasseled_caps),   cmocka_unit_test(set_nodata),
        cmocka_unit_test(masks_and_comparisons), cmocka_unit_test(stacks),
        cmocka_unit_test(mosaics),         cmocka_unit_test(resamplings),
        cmocka_unit_test(windows),         cmocka_unit_test(numbers)
    };
    return cmocka_run_group_tests_name("golden_small", tests, temp_begin, temp_end);
}
