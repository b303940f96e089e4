// test_windows.c - moving percentiles, modes and weighted windows to the last bit, against windows
// that are sorted or summed up one by one: few values and many, ties, both zeros, holes, images
// smaller than their windows and larger than what is done at a time, in chunks of several sizes.

#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct picture { int rows, cols; double *v; } picture;

// ---- what pixels are like

enum { CONSTANT, FEW, BYTES, WORDS, SLOPE, FLOATS, ZEROS, KINDS };

static double pixel(int kind, uint64_t i, int row, int col)
{
    uint64_t bits = noise(i);
    switch (kind) {
    case CONSTANT: return 7;
    case FEW: return (double)(bits % 3);
    case BYTES: return (double)(bits % 256);
    case WORDS: return (double)(bits % 65536);
    case SLOPE: return row * 0.25 + col * 3 + (double)(bits % 8) / 16;
    case FLOATS: return (float)ldexp((double)(int64_t)bits, (int)(bits % 40) - 80);
    default: return (const double[]){ -1, -0.0, 0.0, -0.0, 0.0, 1, 2 }[bits % 7];
    }
}

// holes: of how many pixels one is missing; 0 none, 1 all.
static picture picture_of(int kind, int rows, int cols, uint64_t holes)
{
    picture p = { rows, cols, malloc((size_t)rows * (size_t)cols * sizeof(double)) };
    for (int i = 0; i < rows * cols; i++)
        p.v[i] = holes && noise((uint64_t)i + 1000000) % holes == 0
               ? NAN : pixel(kind, (uint64_t)i, i / cols, i % cols);
    return p;
}

// ---- by definition

static int mirrored(int i, int n)
{
    while (i < 0 || i >= n) i = i < 0 ? -1 - i : 2 * n - 1 - i;
    return i;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    if (x == y) return (signbit(x) ? 0 : 1) - (signbit(y) ? 0 : 1);
    return x < y ? -1 : 1;
}

static int sorted_window(const picture *p, int row, int col, int w, double *to)
{
    int n = 0;
    for (int y = row - w / 2; y <= row + w / 2; y++)
        for (int x = col - w / 2; x <= col + w / 2; x++) {
            double v = p->v[mirrored(y, p->rows) * p->cols + mirrored(x, p->cols)];
            if (!isnan(v)) to[n++] = v;
        }
    qsort(to, (size_t)n, sizeof *to, by_value);
    return n;
}

// The first of the most frequent; 0 and -0 are one value.
static double mode_of(const double *v, int n)
{
    int best = -1, most = 0;
    for (int i = 0; i < n; i++) {
        int same = 0;
        while (i + same < n && v[i + same] == v[i]) same++;
        if (same > most && (i == 0 || v[i] != v[i - 1])) best = i, most = same;
    }
    return best < 0 ? NAN : v[best];
}

// numpy.percentile, method "linear" (its _lerp).
static double percentile_of(const double *v, int n, double percent)
{
    if (n == 0) return NAN;
    double at = (n - 1) * (percent / 100), t = at - floor(at);
    double a = v[(int)at], b = v[(int)at + 1 < n ? (int)at + 1 : n - 1];
    if (a == b || t == 0) return a;
    return t < 0.5 ? a + (b - a) * t : b - (b - a) * (1 - t);
}

// ---- both

static bool same_bits(double a, double b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

// Through a file of one tile, so that pieces are as large as chunks.
static double *saved(gwt *g, const gwt_array *a, size_t n)
{
    const char *path = temp_path("windows.tif");
    double *v = malloc(n * sizeof *v);
    gwt_save(a, path, .tile_size = 2048, .compress = "none", .overwrite = true);
    EXPECT_OK(g);
    image *im = image_read(path);
    for (size_t i = 0; i < n; i++) v[i] = image_get(im, 0, (int)i / im->width, (int)i % im->width);
    image_free(im);
    return v;
}

// percent < 0: the mode.
static void check(const picture *p, gwt_dtype dtype, int w, double percent, int chunk,
                  const char *what)
{
    size_t n = (size_t)p->rows * (size_t)p->cols, size = sample_size(dtype);
    double *sorted = malloc((size_t)(w * w) * sizeof *sorted);
    void *raw = malloc(n * size);
    for (size_t i = 0; i < n; i++) sample_set(dtype, raw, i, isnan(p->v[i]) ? 200 : p->v[i]);
    for (size_t i = 0; i < n && is_float(dtype); i++) sample_set(dtype, raw, i, p->v[i]);
    int64_t shape[4] = { 1, 1, p->rows, p->cols };
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = is_float(dtype)
        ? gwt_from_memory(g, raw, n * size, dtype, shape, .chunks = chunk)
        : gwt_from_memory(g, raw, n * size, dtype, shape, .chunks = chunk, .nodata = gwt_some(200));
    gwt_array *r = gwt_moving(a, .window = w, .percentile = percent < 0 ? 0 : percent,
                              .statistic = percent < 0 ? GWT_MODE : GWT_PERCENTILE);
    double *file = chunk == 2048 ? saved(g, r, n) : NULL, *got = file ? file : VALUES_OF(r);
    EXPECT_OK(g);
    for (int i = 0; i < (int)n; i++) {
        int count = sorted_window(p, i / p->cols, i % p->cols, w, sorted);
        double want = percent < 0 ? mode_of(sorted, count) : percentile_of(sorted, count, percent);
        REQUIRE(same_bits(got[i], want), "%s, %s %d x %d, window %d, chunks %d, %g %%: pixel %d is "
                "%a, not %a", what, gwt_dtype_name(dtype), p->rows, p->cols, w, chunk, percent, i,
                got[i], want);
    }
    if (file) free(file);
    else gwt_free(got);
    gwt_end(g);
    free(raw);
    free(sorted);
}

// ---- weights

// k = 1 - d / D, summed up row by row.
static double weighted_of(const picture *p, int row, int col, int w, gwt_stat stat)
{
    int h = w / 2;
    double sum = 0, weights = 0, squares = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int y = -h; y <= h; y++)
            for (int x = -h; x <= h; x++) {
                double v = p->v[mirrored(row + y, p->rows) * p->cols + mirrored(col + x, p->cols)];
                double k = 1 - hypot(y, x) / (h ? hypot(h, h) : 1);
                if (isnan(v) || k == 0) continue;
                if (pass) squares += k * (v - sum / weights) * (v - sum / weights);
                else sum += v * k, weights += k;
            }
    if (!(weights > 0)) return NAN;
    return stat == GWT_SUM ? sum : stat == GWT_MEAN ? sum / weights
         : stat == GWT_VAR ? squares / weights : sqrt(squares / weights);
}

static void check_weights(const picture *p, int w, gwt_stat stat, int chunk)
{
    size_t n = (size_t)p->rows * (size_t)p->cols;
    int64_t shape[4] = { 1, 1, p->rows, p->cols };
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = gwt_from_memory(g, p->v, n * sizeof(double), GWT_FLOAT64, shape,
                                   .chunks = chunk);
    double *got = VALUES_OF(gwt_moving(a, .window = w, .statistic = stat, .weights = true));
    EXPECT_OK(g);
    for (int i = 0; i < (int)n; i++) {
        double want = weighted_of(p, i / p->cols, i % p->cols, w, stat);
        REQUIRE(same_bits(got[i], want), "statistic %d, window %d, chunks %d: pixel %d is %a, "
                "not %a", (int)stat, w, chunk, i, got[i], want);
    }
    gwt_free(got);
    gwt_end(g);
}

static void weights_in_order(void **state)
{
    (void)state;
    static const gwt_stat stats[] = { GWT_SUM, GWT_MEAN, GWT_VAR, GWT_STD };
    static const int chunks[] = { 1024, 16, 5 };
    for (uint64_t holes = 0; holes < 4; holes++) {
        picture p = picture_of(FLOATS, 6, 270, holes);
        p.v[270 + 40] = INFINITY;       // counts nothing at a corner
        for (size_t s = 0; s < COUNT_OF(stats); s++)
            for (size_t c = 0; c < COUNT_OF(chunks); c++)
                for (int w = 1; w <= 9; w += 4) check_weights(&p, w, stats[s], chunks[c]);
        free(p.v);
    }
}

// ---- percentiles and modes

static gwt_dtype dtype_of(int kind, uint64_t holes)
{
    if (kind == WORDS) return holes ? GWT_FLOAT32 : GWT_UINT16;
    if (kind == BYTES) return holes ? GWT_INT32 : GWT_UINT8;
    return kind < BYTES ? GWT_UINT8 : kind == SLOPE ? GWT_FLOAT64 : GWT_FLOAT32;
}

static void check_kinds(int rows, int cols, int w, int chunk)
{
    static const double percents[] = { -1, 50, 0, 100, 71.5, 12 };
    for (int kind = 0; kind < KINDS; kind++)
        for (uint64_t holes = 0; holes < 4; holes++) {
            picture p = picture_of(kind, rows, cols, holes);
            if (kind == BYTES && holes)     // 200 says missing
                for (int i = 0; i < rows * cols; i++) if (p.v[i] == 200) p.v[i] = 201;
            for (size_t k = 0; k < COUNT_OF(percents); k++)
                check(&p, dtype_of(kind, holes), w, percents[k], chunk, "kind");
            free(p.v);
        }
}

static void small_images(void **state)
{
    (void)state;
    static const int sizes[][2] = { { 1, 1 }, { 1, 9 }, { 7, 1 }, { 5, 4 } };
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        for (int w = 1; w <= 31; w += i < 3 ? 10 : 6)
            check_kinds(sizes[i][0], sizes[i][1], w, 0);
}

static void chunks_do_not_matter(void **state)
{
    (void)state;
    static const int chunks[] = { 0, 16, 5 };
    for (size_t c = 0; c < COUNT_OF(chunks); c++) {
        check_kinds(19, 26, 3, chunks[c]);
        if (!SLOW) check_kinds(19, 26, 9, chunks[c]);
    }
}

// So many values that each bin has several groups of them; wider than what is sorted at a time.
static void many_values(void **state)
{
    (void)state;
    static const int kinds[] = { FLOATS, WORDS, SLOPE };
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        picture p = picture_of(kinds[k], 12, 1100, 50);
        check(&p, GWT_FLOAT32, 11, 50, 2048, "many");
        check(&p, GWT_FLOAT32, 5, 33, 2048, "many");
        check(&p, GWT_FLOAT32, 7, -1, 2048, "many");
        free(p.v);
    }
}

// A window goes from values that are all in one bin to others and comes back.
static void steps(void **state)
{
    (void)state;
    picture p = picture_of(FLOATS, 24, 300, 0);
    for (int i = 0; i < 24 * 300; i++)
        p.v[i] = i % 300 / 20 % 2 * 1000 + (int)(noise((uint64_t)i) % 999);
    check(&p, GWT_FLOAT32, 9, 50, 1024, "steps");
    check(&p, GWT_FLOAT32, 9, 90, 1024, "steps");
    check(&p, GWT_FLOAT32, 9, -1, 1024, "steps");
    free(p.v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_in_order),
        cmocka_unit_test(small_images),
        cmocka_unit_test(chunks_do_not_matter),
        cmocka_unit_test(many_values),
        cmocka_unit_test(steps),
    };
    return cmocka_run_group_tests_name("windows", tests, temp_begin, temp_end);
}
