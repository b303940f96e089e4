// test_matrix.c - the promise of the writer: the bytes of a file do not depend on the number of
// workers, on the chunk size, or on how the input was laid out; and its pixels are those of a
// plain loop over libtiff.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { W = 519, H = 403, N = W * H, NODATA = 0 };

static const int workers[] = { 1, 2, 3, 8 };
static const int chunks[] = { 32, 64, 100, 256, 1000 };

typedef struct input { const char *name; tiff_spec spec; } input;

static const char metadata[] =
    "<GDALMetadata><Item name=\"DESCRIPTION\" sample=\"0\" role=\"description\">blue</Item>"
    "<Item name=\"DESCRIPTION\" sample=\"1\" role=\"description\">green</Item>"
    "<Item name=\"DESCRIPTION\" sample=\"2\" role=\"description\">red</Item></GDALMetadata>";

#define OF_ALL .width = W, .height = H, .bands = 3, .dtype = GWT_UINT16, .nodata = "0", \
               .metadata = metadata, .geo = &geo_utm

static const input inputs[] = {
    { "tiled", { OF_ALL, .tile_width = 128, .tile_height = 64, .compression = COMPRESSION_LZW,
                 .predictor = 2 } },
    { "striped", { OF_ALL, .rows_per_strip = 7, .compression = COMPRESSION_ADOBE_DEFLATE,
                   .mode = "wb" } },
    { "planar", { OF_ALL, .tile_width = 48, .tile_height = 160, .planar = true } }
};

static const char *input_path(size_t i) { return temp_path("input_%s.tif", inputs[i].name); }

// Land, and wedges of nodata at the edges of each band.
static uint16_t scene_value(int band, int row, int col)
{
    if ((band + 1) * row + col < 90 || row + (3 - band) * (W - col) < 120) return NODATA;
    if (row % 97 == 13 && col % 5 == band) return NODATA;
    uint64_t n = noise((uint64_t)((band * H + row) * W + col));
    return (uint16_t)(6000 + 37 * ((row * (band + 2) + col) % 150) + (int)(n % 64));
}

static int make_inputs(void **state)
{
    if (temp_begin(state)) return -1;
    uint16_t *raw = malloc(3 * N * sizeof *raw);
    for (int b = 0; b < 3; b++)
        for (int i = 0; i < N; i++) raw[b * N + i] = scene_value(b, i / W, i % W);
    for (size_t i = 0; i < COUNT_OF(inputs); i++) tiff_write(input_path(i), &inputs[i].spec, raw);
    free(raw);
    return 0;
}

// ---- plain loops ------------------------------------------------------------------------------

// (red - green) / (red + green), each times 0.0001; missing where either is nodata; clipped.
static double *plain_norm_diff(void)
{
    image *im = image_read(input_path(0));
    double *out = malloc(N * sizeof *out);
    for (int i = 0; i < N; i++) {
        double b1 = image_get(im, 1, i / W, i % W), b2 = image_get(im, 2, i / W, i % W);
        double x = b1 * 0.0001, y = b2 * 0.0001, v = (y - x) / (y + x);
        out[i] = b1 == NODATA || b2 == NODATA ? NAN : v < -1 ? -1 : v > 1 ? 1 : v;
    }
    image_free(im);
    return out;
}

// blue * green * red, each times 0.0001 and clipped to [0, 1].
static double *plain_product(void)
{
    image *im = image_read(input_path(1));
    double *out = malloc(N * sizeof *out);
    for (int i = 0; i < N; i++) {
        double v[3];
        bool missing = false;
        for (int b = 0; b < 3; b++) {
            double raw = image_get(im, b, i / W, i % W);
            missing |= raw == NODATA;
            v[b] = raw * 0.0001;
            v[b] = v[b] < 0 ? 0 : v[b] > 1 ? 1 : v[b];
        }
        out[i] = missing ? NAN : v[0] * v[1] * v[2];
    }
    image_free(im);
    return out;
}

// The file holds these doubles as its type has them, and `fill` where they are missing.
static void check_pixels(const char *path, const double *want, int bands, double fill)
{
    image *im = image_read(path);
    assert_true(im->width == W && im->height == H && im->bands == bands);
    for (int i = 0; i < bands * N; i++) {
        unsigned char stored[8];
        sample_set(im->dtype, stored, 0, isnan(want[i]) ? fill : want[i]);
        double is = image_get(im, i / N, i % N / W, i % W), be = sample_get(im->dtype, stored, 0);
        REQUIRE(same_double(is, be), "%s: band %d, row %d, column %d is %.17g, not %.17g", path,
                i / N, i % N / W, i % W, is, be);
    }
    image_free(im);
}

// ---- the matrix -------------------------------------------------------------------------------

// One job: an array from an opened input, saved with these options.
typedef struct job {
    const char *name;
    gwt_array *(*build)(gwt_array *opened);
    gwt_save_options save;
} job;

static gwt_array *build_norm_diff(gwt_array *a)
{
    return gwt_norm_diff(a, "green", "red", .nodata = gwt_some(NODATA),
                         .scale_factor = gwt_some(0.0001));
}

static gwt_array *build_same(gwt_array *a) { return a; }

static gwt_array *build_mix(gwt_array *a)
{
    return gwt_calc(&a, 1, "where(a > 9000, sqrt(a) * 2, a - blue / 3)");
}

static const job matrix_jobs[] = {
    { "none", build_norm_diff, { .compress = "none", .dtype = GWT_FLOAT32,
                                 .nodata = SOME(-2) } },
    { "lzw", build_norm_diff, { .compress = "lzw", .dtype = GWT_FLOAT32, .nodata = SOME(-2) } },
    { "deflate", build_norm_diff, { .compress = "deflate", .dtype = GWT_FLOAT32,
                                    .nodata = SOME(-2) } },
    { "statistics", build_norm_diff, { .compress = "lzw", .tile_size = 64, .statistics = true } }
};

// Save under one setting; the first setting's file is the reference, all others must equal it.
static void run_setting(const job *j, size_t in, int num_workers, int chunk, const char *reference)
{
    bool first = !file_exists(reference);
    const char *path = first ? reference : temp_path("out.tif");
    gwt *g = gwt_begin(.num_workers = num_workers);
    gwt_save_options options = j->save;
    options.overwrite = true;
    gwt_array *a = gwt_open(g, input_path(in), .chunks = chunk);
    bool saved = gwt_save_with(j->build(a), path, &options);
    EXPECT_OK(g);
    REQUIRE(saved && (first || files_equal(path, reference)),
            "%s, input %s, %d workers, chunks %d: other bytes than the first", j->name,
            inputs[in].name, num_workers, chunk);
    assert_int_equal(gwt_end(g), 0);
}

static const char *run_job(const job *j)
{
    const char *reference = temp_path("reference_%s.tif", j->name);
    for (size_t in = 0; in < COUNT_OF(inputs); in++)
        for (size_t w = 0; w < COUNT_OF(workers); w++)
            for (size_t c = 0; c < COUNT_OF(chunks); c++)
                run_setting(j, in, workers[w], chunks[c], reference);
    return reference;
}

static void same_bytes_whatever(void **state)
{
    (void)state;
    double *want = plain_norm_diff();
    for (size_t k = 0; k < COUNT_OF(matrix_jobs); k++)
        check_pixels(run_job(&matrix_jobs[k]), want, 1, matrix_jobs[k].save.nodata.value);
    free(want);
}

// A shorter walk through other outputs: a corner of the matrix each.
static void run_corners(const job *j, const char *reference)
{
    static const struct { size_t in; int workers, chunk; } corners[] = {
        { 0, 1, 256 }, { 0, 8, 32 }, { 1, 3, 100 }, { 1, 2, 1000 }, { 2, 8, 64 }, { 2, 1, 1000 }
    };
    for (size_t i = 0; i < COUNT_OF(corners); i++)
        run_setting(j, corners[i].in, corners[i].workers, corners[i].chunk, reference);
}

static const job other_jobs[] = {
    { "float64_pred3", build_norm_diff, { .compress = "deflate", .predictor = 3 } },
    { "mix_int16", build_mix, { .compress = "lzw", .predictor = 2, .dtype = GWT_INT16,
                                .nodata = SOME(-32768) } },
    { "mix_planar", build_mix, { .compress = "lzw", .interleave = GWT_PLANAR, .tile_size = 112,
                                 .dtype = GWT_FLOAT32, .nodata = SOME(-1) } },
    { "mix_planar_stats", build_mix, { .compress = "deflate", .interleave = GWT_PLANAR,
                                       .tile_size = 32, .dtype = GWT_FLOAT32, .nodata = SOME(-1),
                                       .statistics = true } },
    { "same_stats", build_same, { .tile_size = 48, .statistics = true } },
    { "same", build_same, { .compress = "deflate" } },
    { "same_planar", build_same, { .compress = "deflate", .interleave = GWT_PLANAR, .tile_size = 48 } },
    { "block16", build_same, { .compress = "none", .tile_size = 16 } },
    { "block512", build_same, { .compress = "packbits", .tile_size = 512 } },
    { "block1024", build_same, { .compress = "lzw", .tile_size = 1024, .interleave = GWT_PLANAR } },
    { "bigtiff", build_same, { .compress = "lzw", .bigtiff = GWT_BIGTIFF_YES, .tile_size = 400 } }
};

static void other_outputs(void **state)
{
    (void)state;
    double *same = malloc(3 * N * sizeof *same), *mix = malloc(3 * N * sizeof *mix);
    double *norm_diff = plain_norm_diff();
    for (int i = 0; i < 3 * N; i++) {
        double v = scene_value(i / N, i % N / W, i % W), blue = scene_value(0, i % N / W, i % W);
        same[i] = v;
        mix[i] = v == NODATA ? NAN : v > 9000 ? sqrt(v) * 2 : blue == NODATA ? NAN : v - blue / 3;
    }
    for (size_t k = 0; k < COUNT_OF(other_jobs); k++) {
        const job *j = &other_jobs[k];
        const char *reference = temp_path("other_%s.tif", j->name);
        run_corners(j, reference);
        if (j->build == build_norm_diff) check_pixels(reference, norm_diff, 1, NODATA);
        else if (j->build == build_mix) check_pixels(reference, mix, 3, j->save.nodata.value);
        else check_pixels(reference, same, 3, NODATA);
    }
    free(norm_diff);
    free(same);
    free(mix);
}

// Any compression there is; the same bytes from 1 and 8 workers.
static void every_compression(void **state)
{
    (void)state;
    double *want = plain_norm_diff();
    for (size_t i = 0; gwt_compression_name(i); i++) {
        job j = { gwt_compression_name(i), build_norm_diff,
                  { .compress = gwt_compression_name(i), .dtype = GWT_FLOAT32,
                    .nodata = SOME(5) } };
        const char *reference = temp_path("any_%s.tif", j.name);
        run_setting(&j, 0, 1, 256, reference);
        run_setting(&j, 2, 8, 100, reference);
        check_pixels(reference, want, 1, 5);
    }
    free(want);
}

// The pages' example: three bands multiplied, from one stack and from files opened one by one.
static void product_of_three(void **state)
{
    (void)state;
    const char *paths[3];
    double *want = plain_product(), *plane = malloc(N * sizeof *plane);
    for (int b = 0; b < 3; b++) {
        for (int i = 0; i < N; i++) plane[i] = scene_value(b, i / W, i % W);
        paths[b] = temp_path("band%d.tif", b);
        tiff_write_values(paths[b], &(tiff_spec){ .width = W, .height = H, .dtype = GWT_UINT16,
                          .geo = &geo_utm, .rows_per_strip = 6, .compression = COMPRESSION_LZW },
                          plane);
    }
    free(plane);
    for (size_t w = 0; w < COUNT_OF(workers); w++) {
        const char *separate = temp_path("separate.tif"), *stacked = temp_path("stacked.tif");
        gwt *g = gwt_begin(.num_workers = workers[w]);
        gwt_set_nodata_options options = { .src_nodata = SOME(NODATA), .dtype = GWT_FLOAT64,
                                           .out_range = { true, 0, 1 },
                                           .scale_factor = SOME(0.0001) };
        gwt_array *band[3];
        for (int b = 0; b < 3; b++)
            band[b] = gwt_set_nodata_with(gwt_open(g, paths[b], .chunks = 100), &options);
        gwt_save(gwt_mul(gwt_mul(band[0], band[1]), band[2]), separate, .compress = "lzw",
                 .overwrite = true, .nodata = gwt_some(-1));
        gwt_array *stack = gwt_open_many(g, paths, 3, .sensor = "bgr", .chunks = 64);
        stack = gwt_set_nodata_with(stack, &options);
        gwt_array *product = gwt_mul(gwt_mul(gwt_sel(stack, "blue"), gwt_sel(stack, "green")),
                                     gwt_sel(stack, "red"));
        gwt_save(product, stacked, .compress = "lzw", .overwrite = true, .nodata = gwt_some(-1));
        EXPECT_OK(g);
        check_pixels(separate, want, 1, -1);
        check_pixels(stacked, want, 1, -1);
        assert_int_equal(gwt_end(g), 0);
    }
    free(want);
}

// ---- identity ---------------------------------------------------------------------------------

static const char identity_metadata[] =
    "<GDALMetadata><Item name=\"DESCRIPTION\" sample=\"0\" role=\"description\">near &lt;1&gt;"
    "</Item><Item name=\"DESCRIPTION\" sample=\"1\" role=\"description\">far</Item>"
    "<Item name=\"SCALE\" sample=\"0\" role=\"scale\">0.00012207</Item>"
    "<Item name=\"OFFSET\" sample=\"1\" role=\"offset\">-0.2</Item>"
    "<Item name=\"PLACE\">here &amp; there</Item></GDALMetadata>";

static void check_identity_tags(const image *im, const char *nodata)
{
    char *name = metadata_item(im->metadata, "DESCRIPTION", 0, "description");
    char *other = metadata_item(im->metadata, "DESCRIPTION", 1, "description");
    char *scale = metadata_item(im->metadata, "SCALE", 0, "scale");
    char *offset = metadata_item(im->metadata, "OFFSET", 1, "offset");
    assert_string_equal(name, "near <1>");
    assert_string_equal(other, "far");
    assert_true(strtod(scale, NULL) == 0.00012207);
    assert_true(strtod(offset, NULL) == -0.2);
    if (!nodata) assert_null(im->nodata);
    else assert_true(im->nodata && same_double(strtod(im->nodata, NULL), strtod(nodata, NULL)));
    free(name);
    free(other);
    free(scale);
    free(offset);
}

static void check_identity(gwt_dtype dtype, const char *nodata, size_t in)
{
    enum { IW = 77, IH = 59, COUNT = 2 * IW * IH };
    unsigned char raw[COUNT * 8];
    fill_noise(dtype, raw, COUNT, 31);
    const char *path = temp_path("identity_in.tif"), *out = temp_path("identity_out.tif");
    tiff_spec s = inputs[in].spec;
    s.width = IW, s.height = IH, s.bands = 2, s.dtype = dtype, s.nodata = nodata;
    s.metadata = identity_metadata;
    tiff_write(path, &s, raw);
    gwt *g = gwt_begin(.num_workers = 3);
    gwt_save(gwt_open(g, path, .chunks = 50), out, .compress = "lzw", .overwrite = true);
    EXPECT_OK(g);
    image *im = image_read(out);
    assert_int_equal(im->dtype, dtype);
    assert_int_equal(image_count(im), COUNT);
    REQUIRE(memcmp(im->raw, raw, COUNT * sample_size(dtype)) == 0, "%s, nodata %s, %s: other bits",
            gwt_dtype_name(dtype), nodata ? nodata : "none", inputs[in].name);
    check_identity_tags(im, nodata);
    image_free(im);
    assert_int_equal(gwt_end(g), 0);
}

static void exact_bits_are_kept(void **state)
{
    (void)state;
    for (size_t d = 0; d < DTYPES; d++)
        for (size_t in = 0; in < COUNT_OF(inputs); in++) {
            check_identity(all_dtypes[d], NULL, in);
            check_identity(all_dtypes[d], "17", in);
            if (is_float(all_dtypes[d])) check_identity(all_dtypes[d], "nan", in);
        }
}

// Selecting, stacking, renaming and rechunking move samples, and do not touch them.
static void exact_bits_of_a_selection(void **state)
{
    (void)state;
    enum { IW = 77, IH = 59, COUNT = IW * IH };
    double samples[2 * COUNT];
    fill_noise(GWT_FLOAT64, samples, 2 * COUNT, 8);
    const char *path = temp_path("selection.tif");
    tiff_write(path, &(tiff_spec){ .width = IW, .height = IH, .bands = 2, .dtype = GWT_FLOAT64,
               .nodata = "nan" }, samples);
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = gwt_open(g, path), *second = gwt_sel(a, "2"), *first = gwt_sel(a, "1");
    second = gwt_rechunk(gwt_rename_bands(second, (const char *const[]){ "x", NULL }), 10, 20);
    double *got = gwt_compute(gwt_stack((gwt_array *[]){ second, first, second }, 3, GWT_TIME));
    EXPECT_OK(g);
    assert_memory_equal(got, samples + COUNT, COUNT * sizeof *got);
    assert_memory_equal(got + COUNT, samples, COUNT * sizeof *got);
    assert_memory_equal(got + 2 * COUNT, samples + COUNT, COUNT * sizeof *got);
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

// ---- compute and map_blocks agree with the file -----------------------------------------------

typedef struct gathered { double *to; } gathered;

static int gather(const gwt_block *b, void *user)
{
    gathered *out = user;
    for (int64_t r = 0; r < b->rows; r++)
        gwt_block_row(b, 0, r, out->to + (b->row + r) * W + b->col);
    return 0;
}

static void memory_and_blocks(void **state)
{
    (void)state;
    double *want = plain_norm_diff(), *blocks = malloc(N * sizeof *blocks);
    for (size_t w = 0; w < COUNT_OF(workers); w++)
        for (size_t c = 0; c < COUNT_OF(chunks); c++) {
            gwt *g = gwt_begin(.num_workers = workers[w]);
            gwt_array *a = build_norm_diff(gwt_open(g, input_path(c % 3), .chunks = chunks[c]));
            double *got = VALUES_OF(a);
            assert_true(gwt_map_blocks(a, gather, &(gathered){ blocks },
                                       .nodata = gwt_some(NAN)) > 0);
            EXPECT_OK(g);
            for (int i = 0; i < N; i++)
                REQUIRE(same_double(got[i], want[i]) && same_double(blocks[i], want[i]),
                        "%d workers, chunks %d, pixel %d: %g in memory, %g in blocks, not %g",
                        workers[w], chunks[c], i, got[i], blocks[i], want[i]);
            gwt_free(got);
            assert_int_equal(gwt_end(g), 0);
        }
    free(want);
    free(blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bytes_whatever),
        cmocka_unit_test(other_outputs),
        cmocka_unit_test(every_compression),
        cmocka_unit_test(product_of_three),
        cmocka_unit_test(exact_bits_are_kept),
        cmocka_unit_test(exact_bits_of_a_selection),
        cmocka_unit_test(memory_and_blocks),
    };
    return cmocka_run_group_tests_name("matrix", tests, make_inputs, temp_end);
}
