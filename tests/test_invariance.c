// test_invariance.c - how a result is computed does not show in it: random graphs over every kind
// of node, on files stored in every way, give the same bits (gwt_compute, gwt_compute_many,
// gwt_map_blocks), the same numbers (gwt_summarize, gwt_percentiles, gwt_histogram) and the same
// file (gwt_save, gwt_save_many) in any chunks, on any number of workers, with any cache, as in one
// chunk on one worker.
//
// Graphs come from a seed that a failure names, with the steps of the graph. GWT_GRAPHS=from-to
// runs others than the usual ones: `GWT_GRAPHS=17-17` only that one.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- dice -------------------------------------------------------------------------------------

typedef struct dice { uint64_t seed, count; } dice;

static int roll(dice *d, int n)
{
    return (int)(noise(d->seed * 100003 + d->count++) % (uint64_t)n);
}

#define PICK(d, list) ((list)[roll((d), COUNT_OF(list))])

// ---- files ------------------------------------------------------------------------------------

// Cells of the first kind of grid; the second kind is coarser and between its cells, the third is
// of the same cells elsewhere.
static const double grids[3][6] = { { 30, 0, 452475, 0, -30, 3408645 },
                                    { 47, 0, 452400, 0, -47, 3408700 },
                                    { 30, 0, 452475 + 30 * 11, 0, -30, 3408645 + 30 * 6 } };
static const int sizes[3][2] = { { 53, 67 }, { 41, 44 }, { 40, 71 } };

enum { FILES = 14 };
static struct { const char *path; int grid, bands; } files[FILES];

static double sample_of(gwt_dtype dtype, uint64_t bits)
{
    switch (dtype) {
    case GWT_UINT8: return (double)(bits % 256);
    case GWT_INT8: return (double)(bits % 256) - 128;
    case GWT_FLOAT32: case GWT_FLOAT64: return (double)(bits % 1000003) / 997 - 300;
    case GWT_INT16: case GWT_INT32: case GWT_INT64: return (double)(bits % 20000) - 10000;
    default: return (double)(bits % 10000);
    }
}

static void write_file(int i)
{
    dice d = { .seed = 900 + (uint64_t)i };
    static const int edges[] = { 16, 32, 48 }, codecs[] = { 0, COMPRESSION_LZW,
                                                            COMPRESSION_ADOBE_DEFLATE };
    gwt_dtype dtype = all_dtypes[i % DTYPES];
    int grid = i < 8 ? 0 : i < 11 ? 1 : 2, *size = (int[]){ sizes[grid][0], sizes[grid][1] };
    geo_place place;
    tiff_spec s = { .width = size[1], .height = size[0], .bands = 1 + roll(&d, 4), .dtype = dtype,
                    .planar = roll(&d, 2), .compression = PICK(&d, codecs),
                    .geo = geo_at(&place, 32616, grids[grid]),
                    .nodata = roll(&d, 3) ? "7" : NULL };
    if (i % 3) s.tile_width = PICK(&d, edges), s.tile_height = PICK(&d, edges);
    else s.rows_per_strip = 1 + roll(&d, 9);
    if (!tiff_can_write(&s)) s.compression = 0;
    size_t count = (size_t)(s.bands * size[0] * size[1]);
    double *values = malloc(count * sizeof *values);
    for (size_t k = 0; k < count; k++) {
        uint64_t bits = noise((uint64_t)i * 1000003 + k);
        values[k] = bits >> 60 ? sample_of(dtype, bits % (1u << 30)) : 7;
    }
    files[i].path = temp_path("file%d.tif", i);
    files[i].grid = grid, files[i].bands = s.bands;
    tiff_write_values(files[i].path, &s, values);
    free(values);
}

static int write_files(void **state)
{
    if (temp_begin(state)) return -1;
    for (int i = 0; i < FILES; i++) write_file(i);
    return 0;
}

// ---- graphs -----------------------------------------------------------------------------------

// How to run: not to be seen in the result.
typedef struct layout { int rows, cols, workers; size_t cache; } layout;

enum { POOL = 20, MAX_PLANES = 12 };

typedef struct graph {
    gwt *g;
    dice d;
    const layout *how;
    gwt_array *pool[POOL];
    int n;
    char said[2048];
} graph;

enum { OPEN, OPEN_MANY, BINARY, UNARY, COMPARE, WHERE, CLIP, CAST, SEL, SEL_TIMES, STACK, RECHUNK,
       SET_NODATA, MASK_NODATA, REPLACE, NORM_DIFF, INDEX, CAP, CALC, REDUCE, MOVING, APPLY,
       WINDOW, SUBSET, EVERY, ALIGN, REGRID, VALID, MOSAIC, PLACE, RECLASS, SERIES, NUMBER,
       KINDS };

static const char *const kind_names[KINDS] = {
    "open", "open_many", "binary", "unary", "compare", "where", "clip", "cast", "sel", "sel_times",
    "stack", "rechunk", "set_nodata", "mask_nodata", "replace", "norm_diff", "index",
    "tasseled_cap", "calc", "reduce", "moving", "apply", "window", "subset", "every", "align",
    "regrid", "valid", "mosaic", "place", "reclass", "series", "number"
};
static int kinds_used[KINDS];

static int64_t size_of(const gwt_array *a, int dim) { return gwt_describe(a)->shape[dim]; }

static int planes_of(const gwt_array *a) { return (int)(size_of(a, 0) * size_of(a, 1)); }

static gwt_open_options open_options(graph *q)
{
    return (gwt_open_options){ .chunk_rows = q->how->rows, .chunk_cols = q->how->cols };
}

static gwt_array *open_one(graph *q)
{
    gwt_open_options o = open_options(q);
    o.scale_data = roll(&q->d, 5) == 0;
    if (roll(&q->d, 4) == 0) o.nodata = gwt_some(7);
    if (o.scale_data) o.scale_factor = gwt_some(0.01), o.offset = gwt_some(-3);
    return gwt_open_with(q->g, files[roll(&q->d, FILES)].path, &o);
}

// Files of one number of bands, from any grid, brought to one.
static gwt_array *open_several(graph *q)
{
    static const gwt_stat overlaps[] = { GWT_MEAN, GWT_MIN, GWT_MAX, GWT_FIRST, GWT_LAST };
    static const gwt_bounds_by areas[] = { GWT_REFERENCE, GWT_UNION, GWT_INTERSECTION };
    gwt_array *arrays[3];
    int first = roll(&q->d, FILES), n = 0;
    for (int i = 0; i < FILES && n < 3; i++) {
        int k = (first + i) % FILES;
        gwt_open_options o = open_options(q);
        if (files[k].bands != files[first].bands) continue;
        arrays[n++] = gwt_cast(gwt_open_with(q->g, files[k].path, &o), GWT_FLOAT32);
    }
    return gwt_mosaic(arrays, (size_t)n, PICK(&q->d, areas), PICK(&q->d, overlaps),
                      (gwt_resampling)roll(&q->d, 4));
}

static gwt_array *open_many(graph *q)
{
    static const gwt_bounds_by areas[] = { GWT_REFERENCE, GWT_UNION, GWT_INTERSECTION };
    static const char *const dates[] = { "2020-03-01", "2020-02-28", NULL };
    gwt_open_options o = open_options(q);
    int i = roll(&q->d, FILES), mosaic = roll(&q->d, 2);
    // The same file twice, and through a link of another name: one type, one number of bands.
    const char *paths[2] = { files[i].path, files[i].path };
    o.stack = roll(&q->d, 2) ? GWT_TIME : GWT_BAND;
    o.bounds_by = PICK(&q->d, areas);
    o.resampling = (gwt_resampling)roll(&q->d, 4);
    o.mosaic = mosaic;
    if (o.stack == GWT_TIME && !mosaic) o.time_names = dates;
    if (roll(&q->d, 2)) o.reference = q->pool[roll(&q->d, q->n)];
    if (o.reference && size_of(o.reference, 2) * size_of(o.reference, 3) < 4) o.reference = NULL;
    return gwt_open_many_with(q->g, paths, 2, &o);
}

// b as something that goes with a: on its grid, of its shape or one plane.
static gwt_array *fitting(graph *q, gwt_array *a, gwt_array *b)
{
    b = gwt_align(b, a, (gwt_resampling)roll(&q->d, 4));
    if (size_of(b, 0) != size_of(a, 0) && size_of(b, 0) > 1) b = gwt_reduce(b, GWT_TIME, GWT_LAST);
    if (size_of(b, 1) != size_of(a, 1) && size_of(b, 1) > 1) b = gwt_reduce(b, GWT_BAND, GWT_MAX);
    return b;
}

static gwt_array *one_band(gwt_array *a, int64_t band)
{
    return gwt_sel(a, gwt_describe(a)->band_names[band]);
}

// Bands of an index' names: the array's own, over and over.
static gwt_array *six_bands(graph *q, gwt_array *a)
{
    gwt_array *bands[6];
    for (int i = 0; i < 6; i++) bands[i] = one_band(a, i % size_of(a, 1));
    (void)q;
    return gwt_rename_bands(gwt_stack(bands, 6, GWT_BAND), gwt_sensor_bands("l8l7"));
}

static int smooths(const gwt_kernel *k, void *user)
{
    (void)user;
    int64_t h = k->halo, across = k->cols + 2 * h, down = k->rows + 2 * h;
    for (int q = 0; q < k->planes_out; q++)
        for (int64_t r = 0; r < k->rows; r++)
            for (int64_t c = 0; c < k->cols; c++) {
                const double *in = k->in + (q % k->planes_in) * down * across;
                double sum = 0, weights = 0;
                for (int64_t y = -h; y <= h; y++)
                    for (int64_t x = -h; x <= h; x++) {
                        double v = in[(r + h + y) * across + c + h + x];
                        double w = 1.0 / (double)(1 + x * x + 2 * y * y + q);
                        if (!isnan(v)) sum += w * v, weights += w;
                    }
                k->out[(q * k->rows + r) * k->cols + c] = weights > 0 ? sum / weights : NAN;
            }
    return 0;
}

typedef gwt_array *of_two(const gwt_array *, const gwt_array *);
typedef gwt_array *of_one(const gwt_array *);

static of_two *const binaries[] = { gwt_add, gwt_sub, gwt_mul, gwt_div, gwt_min, gwt_max, gwt_pow,
                                  gwt_atan2, gwt_hypot, gwt_mod, gwt_floor_div };
static of_two *const compares[] = { gwt_lt, gwt_le, gwt_gt, gwt_ge, gwt_eq, gwt_ne, gwt_and,
                                    gwt_or };
static of_one *const unaries[] = { gwt_neg, gwt_abs, gwt_sqrt, gwt_exp, gwt_log, gwt_tanh,
                                   gwt_not, gwt_floor, gwt_ceil, gwt_round, gwt_trunc, gwt_sign,
                                   gwt_cbrt, gwt_exp2, gwt_log2, gwt_log10, gwt_sin, gwt_cos,
                                   gwt_tan, gwt_asin, gwt_acos, gwt_atan, gwt_sinh, gwt_cosh,
                                   gwt_degrees, gwt_radians };
static const char *const indices[] = { "ndvi", "nbr", "kndvi", "avi", "evi", "evi2", "gcvi", "wi" };
static const char *const expressions[] = {
    "where(b1 > 100, b1 - 3, -b1)", "clip(b1 ** 2 / 7, 0, 1e4)", "min(b1, 12) + max(b1, 8) * 0.5",
    "norm_diff(b1, abs(b1) + 1)", "b1 != 4 && !(b1 > 90) || b1 < -5",
    "lerp(b1, 3, floor(b1 / 7) - sign(b1))", "where(bit(b1, 3), (b1 & 0x7f) << 2, ~b1 >> 1)",
    "bits(b1, 1, 4) ^ b1 | b1 % 5", "isin(b1, 3, 7, 20) || bits_match(b1, \"1x0\")"
};

static gwt_array *reduced(graph *q, gwt_array *a)
{
    gwt_dim dim = roll(&q->d, 2) ? GWT_TIME : GWT_BAND;
    gwt_stat stat = (gwt_stat)roll(&q->d, GWT_INTERCEPT + 1);
    return gwt_reduce(a, dim, stat, .percentile = roll(&q->d, 101));
}

static gwt_array *moving(graph *q, gwt_array *a)
{
    static const int windows[] = { 1, 3, 3, 5, 9, 21, 51 };
    gwt_stat stat = (gwt_stat)roll(&q->d, GWT_COUNT + 1);
    if (roll(&q->d, 4) == 0) stat = (gwt_stat)(GWT_RANGE + roll(&q->d, 4));
    int window = PICK(&q->d, windows);
    bool ranks = stat == GWT_MEDIAN || stat == GWT_PERCENTILE || stat == GWT_MODE;
    if (ranks && window > 5) window = 5;
    bool weighs = stat == GWT_MEAN || stat == GWT_SUM || stat == GWT_STD || stat == GWT_VAR;
    return gwt_moving(a, .statistic = stat, .window = window, .percentile = roll(&q->d, 101),
                      .weights = weighs && window > 1 && window < 10 && roll(&q->d, 2));
}

static gwt_array *windowed(graph *q, gwt_array *a, bool by_place)
{
    int rows = (int)size_of(a, 2), cols = (int)size_of(a, 3);
    int r = roll(&q->d, rows), c = roll(&q->d, cols);
    if (rows > 8) r = roll(&q->d, rows / 3);
    if (cols > 8) c = roll(&q->d, cols / 3);
    int h = rows - r - roll(&q->d, (rows - r) / 3 + 1);
    int w = cols - c - roll(&q->d, (cols - c) / 3 + 1);
    if (!by_place) return gwt_window(a, r, c, h, w);
    const double *t = gwt_describe(a)->transform;
    return gwt_subset(a, gwt_bounds_of(t[2] + t[0] * (c + 0.1), t[5] + t[4] * (r + h - 0.1),
                                       t[2] + t[0] * (c + w - 0.1), t[5] + t[4] * (r + 0.1)));
}

// Bounds on cells, or between them, or beyond the edges; cells as they are, or of another size.
static gwt_array *regridded(graph *q, gwt_array *a)
{
    static const double factors[] = { 1, 1, 1, 0.7, 1.6, 3 };
    const gwt_info *info = gwt_describe(a);
    double cell = info->res[0], part = roll(&q->d, 2) * 0.3;
    gwt_bounds b = info->bounds;
    b.left += cell * (roll(&q->d, 9) - 4 + part);
    b.top -= cell * (roll(&q->d, 9) - 4 + part);
    b.right = b.left + cell * (1 + roll(&q->d, (int)info->shape[3] + 5) + part);
    b.bottom = b.top - cell * (1 + roll(&q->d, (int)info->shape[2] + 5));
    double res = cell * PICK(&q->d, factors);
    b.set = roll(&q->d, 4) != 0;
    return gwt_regrid(a, .bounds = b, .res = res,
                      .res_y = roll(&q->d, 3) ? 0 : 2 * res,
                      .resampling = (gwt_resampling)roll(&q->d, 4));
}

static gwt_array *stacked(graph *q, gwt_array *a, gwt_array *b)
{
    gwt_array *both[2] = { a, gwt_align(b, a, (gwt_resampling)roll(&q->d, 4)) };
    gwt_dtype dtype = gwt_describe(a)->dtype;
    both[1] = gwt_cast(both[1], dtype);
    if (2 * planes_of(a) > MAX_PLANES || size_of(a, 0) != size_of(b, 0) ||
        size_of(a, 1) != size_of(b, 1)) both[1] = a;
    if (2 * planes_of(a) > MAX_PLANES) return gwt_stack(both, 1, GWT_BAND);
    return gwt_stack(both, 2, roll(&q->d, 2) ? GWT_TIME : GWT_BAND);
}

// By periods, where times have dates; and what is made of all times at once.
static gwt_array *series(graph *q, gwt_array *a, gwt_array *b)
{
    static const char *const periods[] = { "month", "season", "year", "1d" };
    static of_one *const along[] = { gwt_cumsum, gwt_diff, gwt_interpolate };
    const char *by = roll(&q->d, 2) ? PICK(&q->d, periods) : NULL;
    int what = roll(&q->d, 6);
    if (what < 3) return along[what](a);
    if (what == 3)
        return gwt_best(a, gwt_mul(one_band(a, roll(&q->d, (int)size_of(a, 1))),
                                   fitting(q, a, b)), by);
    return gwt_reduce(a, GWT_TIME, (gwt_stat)roll(&q->d, GWT_INTERCEPT + 1), .by = by);
}

// What is to be done, chosen and done; NULL when it can't be with what there is.
static gwt_array *step(graph *q, int kind)
{
    // Every other time the newest, so that graphs become deep.
    gwt_array *a = q->pool[roll(&q->d, 2) ? q->n - 1 : roll(&q->d, q->n)];
    gwt_array *b = q->pool[roll(&q->d, q->n)], *c = q->pool[roll(&q->d, q->n)];
    bool is_int = !is_float(gwt_describe(a)->dtype);
    static const double from[] = { 0, 1, 2, 13 }, to[] = { 1, 0, 13, 5 };
    static const gwt_class_range classes[] = { { -INFINITY, -3, 2 }, { 0, 10, 1 }, { 10, 47.5, 90 },
                                               { 100, 100, 7 }, { 1000, INFINITY, 30 } };
    switch (kind) {
    case OPEN: return open_one(q);
    case OPEN_MANY: return open_many(q);
    case BINARY: return PICK(&q->d, binaries)(a, fitting(q, a, b));
    case UNARY: return PICK(&q->d, unaries)(a);
    case COMPARE: return PICK(&q->d, compares)(a, fitting(q, a, b));
    case WHERE: return gwt_where(gwt_gt(a, gwt_number(q->g, 50)), fitting(q, a, b),
                                 fitting(q, a, c));
    case CLIP: return gwt_clip(a, roll(&q->d, 20), 30 + roll(&q->d, 500));
    case CAST: return gwt_cast(a, PICK(&q->d, all_dtypes));
    case SEL: return one_band(a, roll(&q->d, (int)size_of(a, 1)));
    case SEL_TIMES: {
        const char *last = gwt_describe(a)->time_names[size_of(a, 0) - 1];
        return gwt_sel_times(a, (const char *const[]){ last, NULL });
    }
    case STACK: return stacked(q, a, b);
    case RECHUNK: return gwt_rechunk(a, q->how->cols, q->how->rows);
    case SET_NODATA:
        return gwt_set_nodata(a, .src_nodata = gwt_some(7), .dst_nodata = gwt_some(99),
                              .out_range = gwt_range(-50, 100), .dtype = GWT_INT8,
                              .scale_factor = gwt_some(0.3), .offset = gwt_some(1));
    case MASK_NODATA: return gwt_mask_nodata(a);
    case REPLACE: return gwt_replace(a, from, to, 4);
    case NORM_DIFF: {
        gwt_array *six = six_bands(q, a);
        return gwt_norm_diff(six, "red", "nir", .scale_factor = gwt_some(0.5));
    }
    case INDEX: return gwt_spectral_index(six_bands(q, a), PICK(&q->d, indices),
                                 .scale_factor = gwt_some(1e-3));
    case CAP: return gwt_tasseled_cap(six_bands(q, a), .sensor = "l8l7",
                                      .scale_factor = gwt_some(is_int ? 1e-3 : 1));
    case CALC: return gwt_calc(&a, 1, PICK(&q->d, expressions));
    case REDUCE: return reduced(q, a);
    case MOVING: return moving(q, a);
    case APPLY: {
        int halo = roll(&q->d, 6), bands = 1 + roll(&q->d, 3);
        gwt_dtype dtype = roll(&q->d, 3) ? GWT_FLOAT64 : GWT_INT16;
        return gwt_apply(a, smooths, NULL, .halo = halo, .bands = bands, .dtype = dtype);
    }
    case WINDOW: return windowed(q, a, false);
    case SUBSET: return windowed(q, a, true);
    case EVERY: return gwt_every(a, 1 + roll(&q->d, 3));
    case ALIGN: return gwt_align(a, b, (gwt_resampling)roll(&q->d, 4));
    case REGRID: return regridded(q, a);
    case VALID: return gwt_valid(a);
    case MOSAIC: return open_several(q);
    case PLACE: return gwt_place(a, (gwt_place_kind)roll(&q->d, GWT_PLACE_COL + 1));
    case RECLASS:
        return gwt_reclassify(a, classes, 5, .keep = roll(&q->d, 2));
    case SERIES: return series(q, a, b);
    default: return gwt_mul(a, gwt_number(q->g, roll(&q->d, 9) - 4));
    }
}

// An image of some pixels, of not too many planes.
static bool fits(const gwt_array *a)
{
    return planes_of(a) <= MAX_PLANES && size_of(a, 2) >= 1 && size_of(a, 3) >= 1 &&
           size_of(a, 2) * size_of(a, 3) <= 40000;
}

static gwt_array *build(graph *q, gwt *g, uint64_t seed, const layout *how)
{
    *q = (graph){ .g = g, .d = { .seed = seed }, .how = how };
    q->pool[q->n++] = open_one(q);
    q->pool[q->n++] = open_one(q);
    int steps = 2 + roll(&q->d, 8);
    for (int i = 0; i < steps; i++) {
        int kind = roll(&q->d, KINDS);
        size_t used = strlen(q->said);
        gwt_array *r = step(q, kind);
        snprintf(q->said + used, sizeof q->said - used, " %s", kind_names[kind]);
        // An intersection may be empty, files of a mosaic unlike: another graph then.
        if (!r) {
            gwt_code code = gwt_status(g);
            REQUIRE(code == GWT_E_GRID || code == GWT_E_ARGUMENT, "seed %d:%s: %s", (int)seed,
                    q->said, gwt_message(g));
            gwt_clear(g);
            continue;
        }
        if (!fits(r)) continue;
        q->pool[q->n++] = r;
        kinds_used[kind]++;
    }
    return q->pool[q->n - 1];
}

// ---- running them -----------------------------------------------------------------------------

// A value that every type holds, where missing is to be stored as an integer.
static gwt_optional fill_of(const gwt_array *a)
{
    const gwt_info *info = gwt_describe(a);
    return info->nodata.set || is_float(info->dtype) ? (gwt_optional){ 0 } : gwt_some(99);
}

typedef struct gathered { unsigned char *to; size_t size; int64_t rows, cols; } gathered;

static int gather(const gwt_block *b, void *user)
{
    const gathered *to = user;
    for (int64_t p = 0; p < b->times * b->bands; p++)
        for (int64_t r = 0; r < b->rows; r++) {
            size_t at = (size_t)((p * to->rows + b->row + r) * to->cols + b->col);
            size_t from = (size_t)((p * b->rows + r) * b->cols);
            memcpy(to->to + at * to->size, (const char *)b->data + from * to->size,
                   (size_t)b->cols * to->size);
        }
    return 0;
}

typedef enum action { COMPUTE, MANY, BLOCKS, ACTIONS } action;

// The result as it lies in memory, fresh, by one of the ways there are.
static unsigned char *run(gwt *g, gwt_array *a, action by, const layout *how)
{
    const gwt_info *info = gwt_describe(a);
    if (by == MANY) {
        gwt_array *both[2] = { a, gwt_moving(a, .statistic = GWT_SUM, .window = 5) };
        void *buffers[2] = { NULL, NULL };
        if (fill_of(a).set || !gwt_compute_many(both, 2, buffers)) by = COMPUTE;
        gwt_free(buffers[1]);
        if (by == MANY) return buffers[0];
        gwt_clear(g);
    }
    if (by == BLOCKS) {
        gathered to = { gwt_compute(a, .nodata = fill_of(a)), gwt_dtype_size(info->dtype),
                        info->shape[2], info->shape[3] };
        if (to.to) memset(to.to, 0xA5, (size_t)info->nbytes);
        gwt_map_blocks(a, gather, &to, .block_rows = how->cols % 29 + 1,
                       .block_cols = how->rows % 37 + 1, .nodata = fill_of(a));
        return to.to;
    }
    return gwt_compute(a, .nodata = fill_of(a));
}

// Alone, or in one pass with another array.
static bool save(gwt_array *a, const char *path, dice d, bool many)
{
    static const char *const codecs[] = { "none", "lzw", "deflate" };
    static const int blocks[] = { 16, 32, 48, 256 };
    gwt_save_options o = { .compress = PICK(&d, codecs), .tile_size = PICK(&d, blocks),
                           .interleave = roll(&d, 2) ? GWT_PIXEL : GWT_PLANAR,
                           .nodata = fill_of(a), .overwrite = true };
    if (strcmp(o.compress, "none")) o.predictor = 1 + roll(&d, 2);
    if (!many) return gwt_save_with(a, path, &o);
    gwt_array *both[2] = { gwt_moving(a, .statistic = GWT_SUM, .window = 5), a };
    return gwt_save_many_with(both, (const char *const[]){ temp_path("other.tif"), path }, 2, &o);
}

static const layout one_chunk = { 100000, 100000, 1, 0 };

static layout random_layout(dice *d)
{
    static const int edges[] = { 3, 5, 8, 13, 16, 17, 32, 50, 64, 200 };
    static const int workers[] = { LOOKS_FOR_RACES ? 3 : 1, 2, 3, 8 };
    static const size_t caches[] = { 0, 1, 5000 };
    int rows = PICK(d, edges), cols = PICK(d, edges);
    // One in ten as small as can be, where that is not for ever.
    if (roll(d, 10) == 0) rows = 1;
    return (layout){ rows, cols, PICK(d, workers), PICK(d, caches) };
}

// First pixel that differs, for the message.
static void complain(const char *what, const graph *q, const layout *how, gwt_array *a,
                     const unsigned char *is, const unsigned char *want)
{
    const gwt_info *info = gwt_describe(a);
    size_t size = gwt_dtype_size(info->dtype), i = 0;
    while (!memcmp(is + i * size, want + i * size, size)) i++;
    int64_t pixels = info->shape[2] * info->shape[3];
    FAIL("seed %d,%s: %s in chunks of %d x %d on %d workers, cache %d: plane %d, row %d, column %d "
         "is %.17g, not %.17g", (int)q->d.seed, q->said, what, how->rows, how->cols, how->workers,
         (int)how->cache, (int)((int64_t)i / pixels), (int)((int64_t)i % pixels / info->shape[3]),
         (int)((int64_t)i % info->shape[3]), sample_get(info->dtype, is, i),
         sample_get(info->dtype, want, i));
}

enum { RANKS = 5, BINS = 9 };

typedef struct numbers {
    gwt_summary summaries[MAX_PLANES];
    double values[MAX_PLANES * RANKS];
    int64_t counts[MAX_PLANES * BINS];
} numbers;

static const double ranks[RANKS] = { 50, 0, 100, 7, 99.5 };

static bool numbers_of(gwt_array *a, numbers *to)
{
    memset(to, 0, sizeof *to);
    return gwt_summarize(a, to->summaries) && gwt_percentiles(a, ranks, RANKS, to->values) &&
           gwt_histogram(a, -50, 130, BINS, to->counts);
}

// They are those of the pixels that gwt_compute gives.
static void check_numbers(const graph *q, gwt_array *a, const numbers *is)
{
    size_t pixels = (size_t)(size_of(a, 2) * size_of(a, 3));
    double *all = gwt_compute(a, .dtype = GWT_FLOAT64, .nodata = gwt_some(NAN));
    REQUIRE(all, "seed %d,%s: %s", (int)q->d.seed, q->said, gwt_message(q->g));
    for (int p = 0; p < planes_of(a); p++) {
        const gwt_summary *s = &is->summaries[p];
        int64_t count = 0, infinite = 0, within = 0, below = 0, counted = 0;
        double lo = NAN, hi = NAN, median = is->values[p * RANKS];
        for (size_t i = 0; i < pixels; i++) {
            double v = all[(size_t)p * pixels + i];
            infinite += isinf(v) != 0;
            if (!isfinite(v)) continue;
            count++, within += v >= -50 && v <= 130, below += v < median;
            if (!(v >= lo)) lo = v;
            if (!(v <= hi)) hi = v;
        }
        for (int k = 0; k < BINS; k++) counted += is->counts[p * BINS + k];
        bool ends = same_double(is->values[p * RANKS + 1], lo) &&
                    same_double(is->values[p * RANKS + 2], hi);
        REQUIRE(s->count == count && s->infinite == infinite && same_double(s->min, lo) &&
                same_double(s->max, hi) && ends && counted == within && below <= count / 2,
                "seed %d,%s: numbers of plane %d are of other pixels: %lld, %.17g..%.17g",
                (int)q->d.seed, q->said, p, (long long)s->count, s->min, s->max);
    }
    gwt_free(all);
}

static int valid_graphs, all_graphs;

static void count_valid(gwt_array *a, const unsigned char *raw)
{
    const gwt_info *info = gwt_describe(a);
    size_t count = array_count(a), valid = 0;
    double nodata = info->nodata.set ? info->nodata.value : fill_of(a).set ? 99 : NAN;
    for (size_t i = 0; i < count; i++) {
        double v = sample_get(info->dtype, raw, i);
        valid += !isnan(v) && v != nodata;
    }
    all_graphs++;
    valid_graphs += valid * 5 > count;
}

static void check_graph(uint64_t seed)
{
    static const char *const actions[ACTIONS] = { "gwt_compute", "gwt_compute_many",
                                                  "gwt_map_blocks" };
    static numbers want_numbers, is_numbers;
    graph q;
    dice d = { .seed = seed + 5000000 };
    const char *want_path = temp_path("want.tif"), *is_path = temp_path("is.tif");
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *a = build(&q, g, seed, &one_chunk);
    unsigned char *want = run(g, a, COMPUTE, &one_chunk);
    REQUIRE(want && save(a, want_path, d, false), "seed %d,%s: %s", (int)seed, q.said,
            gwt_message(g));
    count_valid(a, want);
    REQUIRE(numbers_of(a, &want_numbers), "seed %d,%s: %s", (int)seed, q.said, gwt_message(g));
    check_numbers(&q, a, &want_numbers);
    for (int i = 0; i < 3; i++) {
        layout how = random_layout(&d);
        action by = (action)roll(&d, ACTIONS);
        gwt *h = gwt_begin(.num_workers = how.workers, .cache_bytes = how.cache);
        gwt_array *b = gwt_rechunk(build(&q, h, seed, &how), how.rows, how.cols);
        unsigned char *is = run(h, b, by, &how);
        REQUIRE(is, "seed %d,%s: %s", (int)seed, q.said, gwt_message(h));
        assert_int_equal(gwt_describe(b)->nbytes, gwt_describe(a)->nbytes);
        if (memcmp(is, want, (size_t)gwt_describe(a)->nbytes))
            complain(actions[by], &q, &how, a, is, want);
        REQUIRE(i || numbers_of(b, &is_numbers), "seed %d,%s: %s", (int)seed, q.said,
                gwt_message(h));
        REQUIRE(i || !memcmp(&is_numbers, &want_numbers, sizeof is_numbers),
                "seed %d,%s: other numbers in chunks of %d x %d on %d workers", (int)seed, q.said,
                how.rows, how.cols, how.workers);
        bool many = roll(&d, 2);
        REQUIRE(save(b, is_path, (dice){ .seed = seed + 5000000 }, many), "seed %d,%s: %s",
                (int)seed, q.said, gwt_message(h));
        REQUIRE(files_equal(is_path, want_path), "seed %d,%s: gwt_save%s in chunks of %d x %d on "
                "%d workers has other bytes", (int)seed, q.said, many ? "_many" : "", how.rows,
                how.cols, how.workers);
        gwt_free(is);
        assert_int_equal(gwt_end(h), 0);
    }
    gwt_free(want);
    assert_int_equal(gwt_end(g), 0);
}

static void random_graphs(void **state)
{
    (void)state;
    int from = 0, to = LOOKS_FOR_RACES ? 99 : SLOW ? 199 : 499;
    const char *asked = getenv("GWT_GRAPHS");
    if (asked) assert_int_equal(sscanf(asked, "%d-%d", &from, &to), 2);
    for (int seed = from; seed <= to; seed++) check_graph((uint64_t)seed);
    if (asked) return;
    for (int i = 0; i < KINDS; i++)
        REQUIRE(kinds_used[i] >= (to + 1) / 25, "%s is in few graphs: %d steps", kind_names[i], kinds_used[i]);
    REQUIRE(valid_graphs * 2 > all_graphs, "%d of %d graphs have pixels that are not missing",
            valid_graphs, all_graphs);
}

// 0 and -0 are equal, and yet not the same bits: which of them comes out follows from the image.
static void signs_of_zeros(void **state)
{
    (void)state;
    enum { SIDE = 40 };
    static const gwt_stat stats[] = { GWT_MEDIAN, GWT_MIN, GWT_MAX, GWT_MEAN, GWT_SUM };
    static double zeros[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++) zeros[i] = noise((uint64_t)i) % 2 ? 0.0 : -0.0;
    gwt *g = gwt_begin(.num_workers = 3);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = SIDE, .height = SIDE, .dtype = GWT_FLOAT64 },
                            zeros);
    for (size_t s = 0; s < COUNT_OF(stats); s++) {
        gwt_array *m = gwt_moving(a, .statistic = stats[s], .window = 5);
        double *want = gwt_compute(m), *got = gwt_compute(gwt_rechunk(m, 7, 9));
        EXPECT_OK(g);
        REQUIRE(!memcmp(want, got, sizeof zeros), "statistic %d in chunks of 7 x 9", (int)s);
        gwt_free(want);
        gwt_free(got);
    }
    assert_int_equal(gwt_end(g), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs),
        cmocka_unit_test(signs_of_zeros),
    };
    return cmocka_run_group_tests_name("invariance", tests, write_files, temp_end);
}
