// options_c11.c - every macro that takes options, with none, one and all kinds of them, as C11
// without a warning. Compiled with -Wall -Wextra -pedantic -Werror, not run.

#include "../gwt.h"

int options_c11(void);

static int on_block(const gwt_block *block, void *user)
{
    (void)user;
    return block->id < 0;
}

static void on_message(gwt_message_kind kind, const char *text, void *user)
{
    (void)kind, (void)text, (void)user;
}

static int on_progress(const gwt_progress *p, void *user)
{
    (void)user;
    return p->fraction > 2;
}

static void beginning(void)
{
    gwt_end(gwt_begin());
    gwt_end(gwt_begin(.num_workers = 4));
    gwt_end(gwt_begin(.on_message = on_message, .on_progress = on_progress, .user = NULL));
    gwt_end(gwt_begin(.num_workers = 4, .sensor = "bgr", .nodata = gwt_some(0),
                      .scale_factor = gwt_some(1e-4), .offset = { 0 }, .chunks = 256,
                      .cache_bytes = (size_t)1 << 20, .quiet = true,
                      .field_names = (const char *const[]){ ".tile_size", "--tile-size", NULL }));
}

static gwt_array *opening(gwt *g)
{
    const char *const paths[] = { "a.tif", "b.tif" };
    gwt_array *a = gwt_open(g, "a.tif");
    a = gwt_open(g, "a.tif", .chunks = 256);
    a = gwt_open(g, "a.tif", .chunk_rows = 64, .chunk_cols = 128, .sensor = "l8",
                 .band_names = (const char *const[]){ "x", "y", NULL }, .scale_data = true,
                 .nodata = gwt_some(-9999), .scale_factor = gwt_some(2), .offset = gwt_some(0));
    a = gwt_open(g, "a.tif", .bounds = gwt_bounds_of(0, 0, 60, 90), .res = 30,
                 .resampling = GWT_AVERAGE, .fill_bad_tiles = true);
    a = gwt_open_many(g, paths, 2);
    a = gwt_open_many(g, (const char *[]){ "a.tif", "b.tif" }, 2);
    a = gwt_open_many(g, (const char *[]){ "a.tif", "b.tif" }, 2, .chunks = 64);
    a = gwt_open_many(g, paths, 2, .reference = a, .bounds_by = GWT_UNION, .mosaic = true,
                      .overlap = GWT_MAX);
    a = gwt_open_many(g, paths, 2, .stack = GWT_TIME,
                      .time_names = (const char *const[]){ "d1", "d2", NULL });
    return a;
}

static int kernel(const gwt_kernel *k, void *user)
{
    (void)user;
    return k->planes_in < k->planes_out;
}

static void on_value(const gwt_calc_value *value, void *user)
{
    (void)value, (void)user;
}

static gwt_array *of_several_pixels(gwt_array *a)
{
    bool used[2] = { false };
    gwt_array *b = gwt_reduce(a, GWT_TIME, GWT_MEAN);
    b = gwt_calc(&b, 1, "b1 + 1");
    b = gwt_calc((gwt_array *[]){ a, b }, 2, "a.b1 + b.b1", .used = used);
    b = gwt_calc(&b, 1, "b1", .on_value = on_value, .user = NULL);
    b = gwt_reduce(a, GWT_TIME, GWT_PERCENTILE, .percentile = 5);
    b = gwt_moving(b);
    b = gwt_moving(b, .statistic = GWT_PERCENTILE, .window = 5, .percentile = 5);
    b = gwt_moving(b, .statistic = GWT_STD, .window = 5, .weights = true);
    b = gwt_apply(b, kernel, NULL);
    b = gwt_apply(b, kernel, NULL, .halo = 3, .bands = 2, .dtype = GWT_INT16,
                  .nodata = gwt_some(0), .identity = "kernel 1");
    b = gwt_regrid(b);
    b = gwt_regrid(b, .bounds = gwt_bounds_of(0, 0, 60, 90), .res = 30, .res_y = 10,
                   .resampling = GWT_CUBIC);
    return gwt_subset(b, gwt_bounds_of(0, 0, 60, 90));
}

static gwt_array *computing(gwt_array *a)
{
    gwt_array *b = gwt_sel(a, "red");
    b = gwt_sel(a, "red", "nir");
    b = gwt_set_nodata(b);
    b = gwt_set_nodata(b, .dst_nodata = gwt_some(65535));
    b = gwt_set_nodata(b, .src_nodata = gwt_some(0), .dst_nodata = gwt_some(0), .offset = { 0 },
                       .out_range = gwt_range(0, 1), .dtype = GWT_UINT16,
                       .scale_factor = gwt_some(1));
    b = gwt_norm_diff(b, "red", "nir");
    b = gwt_norm_diff(b, "red", "nir", .nodata = gwt_some(0));
    b = gwt_norm_diff(b, "red", "nir", .nodata = gwt_some(0), .scale_factor = gwt_some(1e-4),
                      .sensor = "l8");
    b = gwt_spectral_index(b, "evi2");
    b = gwt_spectral_index(b, "evi2", .nodata = gwt_some(0), .scale_factor = gwt_some(1e-4), .sensor = "l8");
    b = gwt_tasseled_cap(b);
    b = gwt_tasseled_cap(b, .sensor = "l7");
    return of_several_pixels(b);
}

static int64_t acting(gwt_array *a)
{
    static double buffer[16];
    int64_t lost = 0;
    static const double ones[] = { 1 };
    gwt_free(gwt_compute(a));
    gwt_free(gwt_compute(a, .dtype = GWT_FLOAT32));
    void *mine = gwt_compute(a, .buffer = buffer, .size = sizeof buffer, .nodata = gwt_some(0),
                             .num_workers = 1, .progress = false);
    bool saved = gwt_save(a, "out.tif");
    saved |= gwt_save(a, "out.tif", .compress = "lzw");
    saved |= gwt_save(a, "out.tif", .compress = "deflate", .level = 9, .predictor = 2,
                      .tile_size = 512, .dtype = GWT_INT16, .nodata = gwt_some(-1),
                      .interleave = GWT_PIXEL, .bigtiff = GWT_BIGTIFF_YES, .overwrite = true,
                      .band_names = (const char *const[]){ "ndvi", NULL }, .scales = ones,
                      .offsets = ones, .tags = (const char *const[]){ "A=b", NULL },
                      .num_workers = 2, .progress = true,
                      .nodatas = (const gwt_optional[]){ gwt_some(0) }, .collisions = &lost,
                      .no_sync = true);
    saved |= gwt_save_many(&a, (const char *const[]){ "out.tif" }, 1);
    saved |= gwt_save_many(&a, (const char *const[]){ "out.tif" }, 1, .sparse = true,
                           .checksums = true, .statistics = true, .resume = true);
    saved |= gwt_save_many((gwt_array *[]){ a, a }, (const char *[]){ "a.tif", "b.tif" }, 2);
    void *buffers[2] = { NULL, NULL };
    saved |= gwt_compute_many(&a, 1, buffers);
    saved |= gwt_compute_many((gwt_array *[]){ a, a }, 2, (void *[]){ NULL, NULL },
                              .dtype = GWT_UINT8, .nodata = gwt_some(0), .num_workers = 2,
                              .nodatas = (const gwt_optional[]){ gwt_some(0), { 0 } });
    gwt_summary summary;
    int64_t counts[4];
    double values[2];
    saved |= gwt_summarize(a, &summary);
    saved |= gwt_summarize(a, &summary, .num_workers = 1, .progress = true);
    saved |= gwt_histogram(a, 0, 1, 4, counts);
    saved |= gwt_histogram(a, 0, 1, 4, counts, .num_workers = 1, .progress = true);
    saved |= gwt_percentiles(a, (const double[]){ 5, 95 }, 2, values);
    saved |= gwt_percentiles(a, (const double[]){ 5, 95 }, 2, values, .num_workers = 1);
    int64_t blocks = gwt_map_blocks(a, on_block, NULL);
    blocks += gwt_map_blocks(a, on_block, mine, .block_rows = 64);
    blocks += gwt_map_blocks(a, on_block, mine, .block_rows = 64, .block_cols = 64,
                             .dtype = GWT_FLOAT64, .nodata = gwt_some(0), .num_workers = 3,
                             .progress = true);
    return blocks + saved + lost;
}

int options_c11(void)
{
    gwt *g = gwt_begin(.quiet = true);
    beginning();
    return (int)acting(computing(opening(g))) + gwt_end(g);
}
