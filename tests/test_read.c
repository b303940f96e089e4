// test_read.c - opening and decoding: every layout, type and compression, and every tag.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// ---- pixels -----------------------------------------------------------------------------------

typedef struct layout {
    const char *name;
    int tile_width, tile_height, rows_per_strip;
    bool planar;
} layout;

static const layout layouts[] = {
    { "tiles", 16, 32, 0, false }, { "planar tiles", 32, 16, 0, true },
    { "strips", 0, 0, 5, false }, { "planar strips", 0, 0, 7, true }
};

typedef struct codec { const char *name; int compression, predictor; } codec;

static const codec codecs[] = {
    { "none", COMPRESSION_NONE, 0 },
    { "lzw", COMPRESSION_LZW, 0 }, { "lzw", COMPRESSION_LZW, 2 }, { "lzw", COMPRESSION_LZW, 3 },
    { "deflate", COMPRESSION_ADOBE_DEFLATE, 1 }, { "deflate", COMPRESSION_ADOBE_DEFLATE, 2 },
    { "deflate", COMPRESSION_ADOBE_DEFLATE, 3 }, { "deflate", COMPRESSION_DEFLATE, 0 },
    { "zstd", COMPRESSION_ZSTD, 0 }, { "zstd", COMPRESSION_ZSTD, 2 },
    { "zstd", COMPRESSION_ZSTD, 3 }, { "packbits", COMPRESSION_PACKBITS, 0 },
    { "lzma", COMPRESSION_LZMA, 0 }
};

static const char *const modes[] = { "wl", "wb", "wl8", "wb8" };

static void check_layout_info(const gwt_info *info, const tiff_spec *s, const codec *c)
{
    assert_int_equal(info->dtype, s->dtype);
    assert_int_equal(info->shape[0], 1);
    assert_int_equal(info->shape[1], s->bands ? s->bands : 1);
    assert_int_equal(info->shape[2], s->height);
    assert_int_equal(info->shape[3], s->width);
    assert_int_equal(info->nbytes, sample_size(s->dtype) * (uint64_t)info->shape[1] *
                                   (uint64_t)s->height * (uint64_t)s->width);
    assert_int_equal(info->is_tiled, s->tile_width != 0);
    assert_int_equal(info->tile[0], s->tile_width ? s->tile_height : s->rows_per_strip);
    assert_int_equal(info->tile[1], s->tile_width ? s->tile_width : s->width);
    assert_int_equal(info->interleave, s->planar ? GWT_PLANAR : GWT_PIXEL);
    assert_int_equal(info->bigtiff, strlen(s->mode) == 3);
    assert_int_equal(info->predictor, s->predictor ? s->predictor : 1);
    assert_string_equal(info->compression, c->name);
}

// libtiff 4.5 writes floating point differences of the swapped bytes when the file's byte order is
// not the machine's, which is not what it reads.
static bool libtiff_garbles(const tiff_spec *s)
{
    const union { uint16_t word; char low; } probe = { 1 };
    return s->predictor == 3 && (s->mode[1] == 'b') == (probe.low == 1);
}

// One file: what gwt_compute gives is, bit for bit, what a plain loop over libtiff gives, and that
// is what was written.
static void check_file(gwt *g, const tiff_spec *s, const codec *c, const char *layout_name,
                       const void *raw, size_t bytes)
{
    const char *path = temp_path("pixels.tif");
    tiff_write(path, s, raw);
    gwt_array *a = gwt_open(g, path, .chunks = 24);
    EXPECT_OK(g);
    check_layout_info(gwt_describe(a), s, c);
    void *got = gwt_compute(a);
    EXPECT_OK(g);
    image *want = image_read(path);
    assert_int_equal(image_count(want) * sample_size(want->dtype), bytes);
    REQUIRE(got && memcmp(got, want->raw, bytes) == 0, "%s, %s, %s, predictor %d, %s: other pixels",
            gwt_dtype_name(s->dtype), layout_name, c->name, s->predictor, s->mode);
    if (!libtiff_garbles(s)) assert_memory_equal(want->raw, raw, bytes);
    image_free(want);
    gwt_free(got);
    remove(path);
}

static int check_codecs(gwt *g, gwt_dtype dtype, const layout *l, const void *raw, size_t bytes)
{
    int files = 0;
    for (size_t k = 0; k < COUNT_OF(codecs); k++) {
        tiff_spec s = { .width = 37, .height = 29, .bands = 3, .dtype = dtype,
                        .tile_width = l->tile_width, .tile_height = l->tile_height,
                        .rows_per_strip = l->rows_per_strip, .planar = l->planar,
                        .compression = codecs[k].compression, .predictor = codecs[k].predictor };
        if (s.predictor == 3 && !is_float(dtype)) continue;  // no such files
        if (!tiff_can_write(&s)) continue;
        for (size_t m = 0; m < COUNT_OF(modes); m++, files++) {
            s.mode = modes[m];
            check_file(g, &s, &codecs[k], l->name, raw, bytes);
        }
    }
    return files;
}

static void every_kind_of_file(void **state)
{
    (void)state;
    enum { COUNT = 3 * 29 * 37 };
    int files = 0;
    for (size_t d = 0; d < DTYPES; d += LOOKS_FOR_RACES ? 5 : 1) {
        size_t bytes = COUNT * sample_size(all_dtypes[d]);
        void *raw = malloc(bytes);
        fill_noise(all_dtypes[d], raw, COUNT, d);
        gwt *g = gwt_begin(.num_workers = 2);
        for (size_t l = 0; l < COUNT_OF(layouts); l++)
            files += check_codecs(g, all_dtypes[d], &layouts[l], raw, bytes);
        assert_int_equal(gwt_end(g), 0);
        free(raw);
    }
    // none, lzw, packbits and both deflates with and without predictors are in every libtiff.
    assert_true(files >= (LOOKS_FOR_RACES ? 2 : 10) * 4 * 4 * 7);
    print_message("%d files\n", files);
}

static void check_size(gwt *g, int width, int height, const layout *l, gwt_dtype dtype, int chunks)
{
    size_t count = 2 * (size_t)width * (size_t)height, bytes = count * sample_size(dtype);
    void *raw = malloc(bytes);
    fill_noise(dtype, raw, count, (uint64_t)width * 1000 + (uint64_t)height);
    const char *path = temp_path("size.tif");
    tiff_spec s = { .width = width, .height = height, .bands = 2, .dtype = dtype,
                    .tile_width = l->tile_width, .tile_height = l->tile_height,
                    .rows_per_strip = l->rows_per_strip, .planar = l->planar,
                    .compression = COMPRESSION_LZW };
    tiff_write(path, &s, raw);
    void *got = gwt_compute(gwt_open(g, path, .chunks = chunks));
    EXPECT_OK(g);
    REQUIRE(got && memcmp(got, raw, bytes) == 0, "%d x %d in %s, chunks %d: other pixels", width,
            height, l->name, chunks);
    gwt_free(got);
    free(raw);
    remove(path);
}

static void odd_sizes(void **state)
{
    (void)state;
    static const layout more[] = {
        { "large tiles", 256, 256, 0, false }, { "large planar tiles", 512, 128, 0, true },
        { "one strip", 0, 0, 0, false }, { "planar, a strip a band", 0, 0, 0, true },
        { "strips of one row", 0, 0, 1, false }, { "tiles", 16, 16, 0, false }
    };
    static const int sizes[][2] = { { 1, 1 }, { 1, 97 }, { 97, 1 }, { 16, 16 }, { 17, 15 },
                                    { 15, 17 }, { 33, 64 }, { 130, 70 } };
    static const int chunks[] = { 0, 1, 7, 16, 1000, 1048576 };
    gwt *g = gwt_begin(.num_workers = 3);
    for (size_t l = 0; l < COUNT_OF(more); l++)
        for (size_t i = 0; i < COUNT_OF(sizes); i++)
            for (size_t c = 0; c < COUNT_OF(chunks); c++) {
                if (chunks[c] == 1 && sizes[i][0] * sizes[i][1] > 300) continue;  // only slow
                check_size(g, sizes[i][0], sizes[i][1], &more[l], GWT_INT16, chunks[c]);
            }
    assert_int_equal(gwt_end(g), 0);
}

// A strip of 1.2 MB for the whole image, wanted by many chunks at once.
static void huge_strip(void **state)
{
    (void)state;
    static const int compressions[] = { COMPRESSION_NONE, COMPRESSION_LZW,
                                        COMPRESSION_ADOBE_DEFLATE };
    enum { W = 611, H = 503 };
    size_t bytes = 2 * 2 * W * H;
    void *raw = malloc(bytes);
    fill_noise(GWT_UINT16, raw, 2 * W * H, 5);
    for (size_t c = 0; c < COUNT_OF(compressions); c++)
        for (int planar = 0; planar < 2; planar++) {
            const char *path = temp_path("strip%d%d.tif", (int)c, planar);
            tiff_write(path, &(tiff_spec){ .width = W, .height = H, .bands = 2, .planar = planar,
                       .dtype = GWT_UINT16, .compression = compressions[c] }, raw);
            gwt *g = gwt_begin(.num_workers = 8, .cache_bytes = 1);
            void *got = gwt_compute(gwt_open(g, path, .chunks = 64));
            EXPECT_OK(g);
            REQUIRE(got && memcmp(got, raw, bytes) == 0, "compression %d: other pixels",
                    compressions[c]);
            gwt_free(got);
            assert_int_equal(gwt_end(g), 0);
        }
    free(raw);
}

static void sixty_bands(void **state)
{
    (void)state;
    enum { W = 40, H = 21, BANDS = 60 };
    unsigned char *raw = malloc(W * H * BANDS);
    fill_noise(GWT_UINT8, raw, W * H * BANDS, 77);
    gwt *g = gwt_begin(.num_workers = 2);
    for (int planar = 0; planar < 2; planar++) {
        const char *path = temp_path("sixty.tif");
        tiff_write(path, &(tiff_spec){ .width = W, .height = H, .bands = BANDS, .planar = planar,
                   .dtype = GWT_UINT8, .tile_width = 16, .tile_height = 16 }, raw);
        gwt_array *a = gwt_open(g, path);
        unsigned char *all = gwt_compute(a), *one = gwt_compute(gwt_sel(a, "60"));
        EXPECT_OK(g);
        assert_memory_equal(all, raw, W * H * BANDS);
        assert_memory_equal(one, raw + W * H * (BANDS - 1), W * H);
        gwt_free(all);
        gwt_free(one);
    }
    assert_int_equal(gwt_end(g), 0);
    free(raw);
}

static void into_a_buffer(void **state)
{
    (void)state;
    enum { W = 30, H = 20 };
    uint16_t raw[W * H], buffer[W * H + 2];
    fill_noise(GWT_UINT16, raw, W * H, 3);
    memset(buffer, 0xAB, sizeof buffer);
    const char *path = temp_path("buffer.tif");
    tiff_write(path, &(tiff_spec){ .width = W, .height = H, .dtype = GWT_UINT16 }, raw);
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = gwt_open(g, path);
    void *got = gwt_compute(a, .buffer = buffer + 1, .size = sizeof raw);
    EXPECT_OK(g);
    assert_ptr_equal(got, buffer + 1);
    assert_memory_equal(buffer + 1, raw, sizeof raw);
    assert_int_equal(buffer[0], 0xABAB);
    assert_int_equal(buffer[W * H + 1], 0xABAB);
    assert_null(gwt_compute(a, .buffer = buffer, .size = sizeof raw - 1));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
    assert_int_equal(gwt_end(g), 0);
}

// ---- sparse -----------------------------------------------------------------------------------

static bool odd_strile(uint32_t i) { return i % 2 == 1; }
static bool every_strile(uint32_t i) { (void)i; return true; }

// Value of pixel (row, col) of band 0 of a 60 x 40 file in tiles of 16 x 16: 4 across.
static double sparse_expected(const double *values, int row, int col, double fill)
{
    return (row / 16 * 4 + col / 16) % 2 ? fill : values[row * 60 + col];
}

static void check_sparse(gwt *g, gwt_dtype dtype, const char *nodata, double fill)
{
    double values[60 * 40];
    for (int i = 0; i < 60 * 40; i++) values[i] = 1 + i % 100;
    const char *path = temp_path("sparse.tif");
    tiff_spec s = { .width = 60, .height = 40, .dtype = dtype, .tile_width = 16, .tile_height = 16,
                    .compression = COMPRESSION_LZW, .nodata = nodata, .absent = odd_strile };
    tiff_write_values(path, &s, values);
    void *got = gwt_compute(gwt_open(g, path));
    EXPECT_OK(g);
    for (int i = 0; i < 60 * 40; i++) {
        double want = sparse_expected(values, i / 60, i % 60, fill);
        double is = sample_get(dtype, got, (size_t)i);
        REQUIRE(same_double(is, want), "%s, nodata %s: pixel %d is %g, not %g",
                gwt_dtype_name(dtype), nodata ? nodata : "none", i, is, want);
    }
    gwt_free(got);
    // To the arithmetic the absent pixels are missing if there is a nodata value, else 0.
    gwt_array *a = gwt_open(g, path);
    double *sum = VALUES_OF(gwt_add(a, gwt_number(g, 0)));
    for (int i = 0; i < 60 * 40; i++)
        assert_true(same_double(sum[i], sparse_expected(values, i / 60, i % 60,
                                                        nodata ? NAN : 0)));
    gwt_free(sum);
}

static void sparse_tiles(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    check_sparse(g, GWT_UINT16, NULL, 0);
    check_sparse(g, GWT_UINT16, "65535", 65535);
    check_sparse(g, GWT_INT32, "-9999", -9999);
    check_sparse(g, GWT_FLOAT32, NULL, 0);
    check_sparse(g, GWT_FLOAT32, "nan", NAN);
    check_sparse(g, GWT_FLOAT64, "-1e+30", -1e30);
    assert_int_equal(gwt_end(g), 0);
}

static void nothing_but_absent(void **state)
{
    (void)state;
    enum { W = 100, H = 80 };
    uint8_t raw[2 * W * H] = { 0 };
    gwt *g = gwt_begin(.num_workers = 2);
    for (size_t l = 0; l < COUNT_OF(layouts); l++) {
        const char *path = temp_path("absent.tif");
        tiff_write(path, &(tiff_spec){ .width = W, .height = H, .bands = 2, .dtype = GWT_UINT8,
                   .tile_width = layouts[l].tile_width, .tile_height = layouts[l].tile_height,
                   .rows_per_strip = layouts[l].rows_per_strip, .planar = layouts[l].planar,
                   .compression = COMPRESSION_ADOBE_DEFLATE, .absent = every_strile,
                   .nodata = "7" }, raw);
        uint8_t *got = gwt_compute(gwt_open(g, path));
        EXPECT_OK(g);
        for (int i = 0; i < 2 * W * H; i++) assert_int_equal(got[i], 7);
        gwt_free(got);
    }
    assert_int_equal(gwt_end(g), 0);
}

// ---- where it lies ----------------------------------------------------------------------------

static gwt_array *open_spec(gwt *g, const tiff_spec *s)
{
    double values[64 * 4] = { 0 };
    return array_of(g, s, values);
}

static void check_transform(const gwt_info *info, double a, double b, double c, double d, double e,
                            double f)
{
    const double want[] = { a, b, c, d, e, f };
    for (int i = 0; i < 6; i++)
        REQUIRE(fabs(info->transform[i] - want[i]) <= 1e-12 * fabs(want[i]),
                "transform[%d] is %.17g, not %.17g", i, info->transform[i], want[i]);
    assert_true(info->has_transform);
}

static void check_bounds(const gwt_info *info, double left, double bottom, double right, double top)
{
    const double want[] = { left, bottom, right, top };
    const gwt_bounds b = info->bounds;
    const double got[] = { b.left, b.bottom, b.right, b.top };
    assert_true(b.set);
    for (int i = 0; i < 4; i++)
        REQUIRE(fabs(got[i] - want[i]) <= 1e-12 * fabs(want[i]), "bounds[%d] is %.17g, not %.17g",
                i, got[i], want[i]);
}

static const tiff_spec small = { .width = 8, .height = 5, .dtype = GWT_UINT8 };

static gwt_array *open_geo(gwt *g, const geo_tags *geo)
{
    tiff_spec s = small;
    s.geo = geo;
    return open_spec(g, &s);
}

static void scale_and_tiepoint(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1);
    const gwt_info *info = gwt_describe(open_geo(g, &geo_utm));
    check_transform(info, 30, 0, 452475, 0, -30, 3408645);
    check_bounds(info, 452475, 3408495, 452715, 3408645);
    assert_int_equal(info->epsg, 32616);
    assert_true(info->has_crs);
    assert_string_equal(info->area_or_point, "Area");

    // The tie point is pixel (10, 20), outside of the image even; pixels are not square.
    const double scale[] = { 2.5, 0.5, 0 }, tie[] = { 10, 20, 0, 1000, 7000, 0 };
    info = gwt_describe(open_geo(g, &(geo_tags){ .scale = scale, .tiepoint = tie }));
    check_transform(info, 2.5, 0, 975, 0, -0.5, 7010);
    check_bounds(info, 975, 7007.5, 995, 7010);
    assert_int_equal(info->epsg, 0);
    assert_false(info->has_crs);

    // A fraction of a pixel.
    const double tie2[] = { 0.5, 0.5, 0, 100, 200, 0 };
    info = gwt_describe(open_geo(g, &(geo_tags){ .scale = scale, .tiepoint = tie2 }));
    check_transform(info, 2.5, 0, 98.75, 0, -0.5, 200.25);
    assert_int_equal(gwt_end(g), 0);
}

static void pixel_is_point(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1);
    const gwt_info *info = gwt_describe(open_geo(g, &geo_utm_point));
    check_transform(info, 30, 0, 452475, 0, -30, 3408645);
    check_bounds(info, 452475, 3408495, 452715, 3408645);
    assert_string_equal(info->area_or_point, "Point");
    assert_int_equal(info->epsg, 32616);
    assert_int_equal(gwt_end(g), 0);
}

// x = 10 col + 2 row + 500, y = 3 col - 20 row + 900, a rotation with shear.
static const double rotated[16] = { 10, 2, 0, 500, 3, -20, 0, 900, 0, 0, 0, 0, 0, 0, 0, 1 };

static void model_transformation(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1);
    const gwt_info *info = gwt_describe(open_geo(g, &(geo_tags){ .matrix = rotated }));
    check_transform(info, 10, 2, 500, 3, -20, 900);
    // Corners of 8 x 5 pixels: (500, 900) (580, 924) (510, 800) (590, 824).
    check_bounds(info, 500, 800, 590, 924);

    const uint16_t point[] = { 1, 1, 0, 1, 1025, 0, 1, 2 };
    info = gwt_describe(open_geo(g, &(geo_tags){ .matrix = rotated, .keys = point,
                                                 .num_keys = COUNT_OF(point) }));
    check_transform(info, 10, 2, 500 - 5 - 1, 3, -20, 900 - 1.5 + 10);
    assert_string_equal(info->area_or_point, "Point");
    assert_int_equal(gwt_end(g), 0);
}

static void coordinate_systems(void **state)
{
    (void)state;
    static const uint16_t geographic[] = { 1, 1, 0, 3, 1024, 0, 1, 2, 1025, 0, 1, 1,
                                           2048, 0, 1, 4326 };
    static const uint16_t both[] = { 1, 1, 0, 3, 1024, 0, 1, 1, 2048, 0, 1, 4674,
                                     3072, 0, 1, 31985 };
    static const uint16_t user_defined[] = { 1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32767 };
    static const struct { const uint16_t *keys; int num, epsg; bool crs; } cases[] = {
        { geographic, COUNT_OF(geographic), 4326, true }, { both, COUNT_OF(both), 31985, true },
        { user_defined, COUNT_OF(user_defined), 0, true }, { NULL, 0, 0, false }
    };
    const double scale[] = { 0.01, 0.01, 0 }, tie[] = { 0, 0, 0, -60, -15, 0 };
    gwt *g = gwt_begin(.num_workers = 1);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const gwt_info *info = gwt_describe(open_geo(g, &(geo_tags){ .scale = scale,
            .tiepoint = tie, .keys = cases[i].keys, .num_keys = cases[i].num }));
        REQUIRE(info->epsg == cases[i].epsg, "case %d: EPSG %d", (int)i, info->epsg);
        assert_int_equal(info->has_crs, cases[i].crs);
        check_transform(info, 0.01, 0, -60, 0, -0.01, -15);
    }
    assert_int_equal(gwt_end(g), 0);
}

static void no_place_at_all(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1);
    const gwt_info *info = gwt_describe(open_spec(g, &small));
    assert_false(info->has_transform);
    assert_false(info->has_crs);
    assert_int_equal(info->epsg, 0);
    const double identity[] = { 1, 0, 0, 0, 1, 0 };
    for (int i = 0; i < 6; i++) assert_true(info->transform[i] == identity[i]);
    assert_string_equal(info->area_or_point, "Area");
    assert_int_equal(info->overviews, 0);
    assert_false(info->nodata.set);
    assert_false(info->has_scales);
    assert_false(info->bands_named);
    assert_string_equal(info->band_names[0], "1");
    assert_int_equal(gwt_end(g), 0);
}

static void either_byte_order(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1);
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        tiff_spec s = small;
        s.geo = &geo_utm, s.mode = modes[m], s.nodata = "42";
        s.metadata = "<GDALMetadata><Item name=\"A\">b</Item></GDALMetadata>";
        const gwt_info *info = gwt_describe(open_spec(g, &s));
        check_transform(info, 30, 0, 452475, 0, -30, 3408645);
        assert_int_equal(info->epsg, 32616);
        assert_true(info->nodata.set && info->nodata.value == 42);
        assert_string_equal(info->tags[0], "A=b");
        assert_int_equal(info->bigtiff, m >= 2);
    }
    assert_int_equal(gwt_end(g), 0);
}

static void directories(void **state)
{
    (void)state;
    static const struct { int reduced, pages; } cases[] = { { 0, 0 }, { 1, 0 }, { 3, 0 },
                                                              { 2, 2 } };
    gwt *g = gwt_begin(.num_workers = 1);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        double values[100 * 70];
        for (int k = 0; k < 100 * 70; k++) values[k] = k % 251;
        gwt_array *a = array_of(g, &(tiff_spec){ .width = 100, .height = 70, .dtype = GWT_UINT8,
            .tile_width = 32, .tile_height = 32, .compression = COMPRESSION_LZW,
            .reduced = cases[i].reduced, .pages = cases[i].pages }, values);
        assert_int_equal(gwt_describe(a)->overviews, cases[i].reduced);
        assert_int_equal(gwt_describe(a)->shape[3], 100);
        uint8_t *got = gwt_compute(a);
        for (int k = 0; k < 100 * 70; k++) assert_int_equal(got[k], k % 251);
        gwt_free(got);
    }
    assert_int_equal(gwt_end(g), 0);
}

// ---- nodata -----------------------------------------------------------------------------------

typedef struct nodata_case {
    gwt_dtype dtype;
    const char *text;
    double values[4];          // pixels
    bool missing[4];
} nodata_case;

static const nodata_case nodata_cases[] = {
    { GWT_UINT8, "0", { 0, 1, 255, 128 }, { true, false, false, false } },
    { GWT_UINT8, "255", { 0, 1, 255, 128 }, { false, false, true, false } },
    { GWT_UINT8, "255.0", { 0, 1, 255, 128 }, { false, false, true, false } },
    { GWT_INT8, "-128", { -128, 127, 0, -1 }, { true, false, false, false } },
    { GWT_UINT16, " 65535 ", { 65535, 0, 1, 2 }, { true, false, false, false } },
    { GWT_INT16, "-32768", { -32768, 32767, 0, -1 }, { true, false, false, false } },
    { GWT_INT16, "-9.999e3", { -9999, 9999, 0, -1 }, { true, false, false, false } },
    { GWT_UINT32, "4294967295", { 4294967295.0, 0, 1, 2 }, { true, false, false, false } },
    { GWT_INT32, "-2147483648", { -2147483648.0, 0, 1, 2 }, { true, false, false, false } },
    { GWT_UINT64, "12345678901", { 12345678901.0, 0, 1, 2 }, { true, false, false, false } },
    { GWT_INT64, "-9223372036854775808", { -0x1p63, 0, 1, 2 }, { true, false, false, false } },
    { GWT_FLOAT32, "-9999", { -9999, 0, NAN, 2 }, { true, false, true, false } },
    { GWT_FLOAT32, "nan", { NAN, 0, -9999, 2 }, { true, false, false, false } },
    { GWT_FLOAT32, "NaN", { NAN, 0, -9999, 2 }, { true, false, false, false } },
    { GWT_FLOAT32, "inf", { INFINITY, -INFINITY, 1, 2 }, { true, false, false, false } },
    { GWT_FLOAT32, "-inf", { INFINITY, -INFINITY, 1, 2 }, { false, true, false, false } },
    { GWT_FLOAT32, "-3.4028234663852886e+38", { -3.4028234663852886e38, 1, 2, 3 },
      { true, false, false, false } },
    { GWT_FLOAT64, "-1.7976931348623157e+308", { -1.7976931348623157e308, 1, 2, 3 },
      { true, false, false, false } },
    { GWT_FLOAT64, "0", { 0, -0.0, 1, NAN }, { true, true, false, true } },
    // No pixel of the type can have these values, wrapped and rounded ones least of all.
    { GWT_UINT8, "-9999", { 241, 0, 255, 1 }, { false, false, false, false } },
    { GWT_UINT8, "256", { 0, 255, 1, 2 }, { false, false, false, false } },
    { GWT_UINT8, "1.5", { 1, 2, 0, 255 }, { false, false, false, false } },
    { GWT_UINT8, "nan", { 0, 255, 1, 2 }, { false, false, false, false } },
    { GWT_INT16, "65535", { -1, 32767, 0, 1 }, { false, false, false, false } },
    { GWT_UINT16, "-1", { 65535, 0, 1, 2 }, { false, false, false, false } },
    { GWT_INT32, "1e+20", { 2147483647, -2147483648.0, 0, 1 }, { false, false, false, false } },
    { GWT_UINT16, "inf", { 65535, 0, 1, 2 }, { false, false, false, false } },
    // No number at all.
    { GWT_UINT8, "none", { 0, 1, 2, 255 }, { false, false, false, false } },
    { GWT_UINT8, "", { 0, 1, 2, 255 }, { false, false, false, false } },
};

// Where the first entry of a tag lies in the directory at `at` of a little-endian classic TIFF, and
// where the next directory is named.
static size_t find_entry(const unsigned char *file, size_t at, unsigned tag, size_t *next)
{
    size_t n = file[at] | (size_t)file[at + 1] << 8, found = 0;
    for (size_t i = 0; i < n; i++) {
        const unsigned char *e = file + at + 2 + 12 * i;
        if ((e[0] | (unsigned)e[1] << 8) == tag && !found) found = at + 2 + 12 * i;
    }
    *next = at + 2 + 12 * n;
    return found;
}

static size_t get32(const unsigned char *p)
{
    return p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
}

static void put32(unsigned char *p, size_t v)
{
    for (int i = 0; i < 4; i++) p[i] = (unsigned char)(v >> 8 * i);
}

// No pixel depends on a directory after the first: a damaged one is passed over, and those behind
// it are not counted. One that leads back ends the count, too.
static void damaged_later_directories(void **state)
{
    (void)state;
    enum { NOWHERE, VALUES, COUNT, CIRCLE, SELF, CASES };
    static const int overviews[CASES] = { 1, 3, 2, 2, 2 };
    const char *good = temp_path("levels.tif"), *bad = temp_path("levels_bad.tif");
    double values[100 * 70];
    for (int k = 0; k < 100 * 70; k++) values[k] = k % 251;
    tiff_write_values(good, &(tiff_spec){ .width = 100, .height = 70, .dtype = GWT_UINT8,
        .tile_width = 32, .tile_height = 32, .compression = COMPRESSION_LZW, .reduced = 3,
        .mode = "wl" }, values);
    for (int c = 0; c < CASES; c++) {
        size_t size, next[3], dirs[4];
        unsigned char *file = file_read(good, &size);
        dirs[0] = get32(file + 4);
        for (int d = 0; d < 3; d++) {
            find_entry(file, dirs[d], 256, &next[d]);
            dirs[d + 1] = get32(file + next[d]);
        }
        size_t unused, offsets = find_entry(file, dirs[2], 324, &unused);
        if (c == NOWHERE) put32(file + next[1], size + 1000);
        if (c == VALUES) put32(file + offsets + 8, size + 1000);
        if (c == COUNT) file[dirs[3]] = file[dirs[3] + 1] = 0xff;
        if (c == CIRCLE) put32(file + next[2], dirs[1]);
        if (c == SELF) put32(file + next[2], dirs[2]);
        if (c == CIRCLE || c == SELF) put32(file + next[1], dirs[2]);
        file_write(bad, file, size);
        free(file);
        gwt *g = gwt_begin(.num_workers = 1);
        gwt_array *a = gwt_open(g, bad);
        EXPECT_OK(g);
        if (c < CIRCLE) assert_int_equal(gwt_describe(a)->overviews, overviews[c]);
        uint8_t *got = gwt_compute(a);
        EXPECT_OK(g);
        for (int k = 0; k < 100 * 70; k++) assert_int_equal(got[k], k % 251);
        gwt_free(got);
        assert_int_equal(gwt_end(g), 0);
    }
}

static void put_subdirectory(TIFF *tif, uint32_t kind)
{
    unsigned char row[10] = { 1 };
    TIFFSetField(tif, TIFFTAG_SUBFILETYPE, kind);
    TIFFSetField(tif, TIFFTAG_IMAGEWIDTH, 10);
    TIFFSetField(tif, TIFFTAG_IMAGELENGTH, 1);
    TIFFSetField(tif, TIFFTAG_BITSPERSAMPLE, 8);
    TIFFSetField(tif, TIFFTAG_SAMPLESPERPIXEL, 1);
    TIFFSetField(tif, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(tif, TIFFTAG_ROWSPERSTRIP, 1);
    assert_int_equal(TIFFWriteScanline(tif, row, 0, 0), 1);
    assert_int_equal(TIFFWriteDirectory(tif), 1);
}

// Of SubIFDs those are overviews that say so: neither masks, nor images of another kind.
static void subdirectories(void **state)
{
    (void)state;
    static const char *const versions[] = { "wl", "wb", "wl8", "wb8" };
    static const uint32_t kinds[] = { FILETYPE_REDUCEDIMAGE, FILETYPE_REDUCEDIMAGE | FILETYPE_MASK,
                                      0, FILETYPE_PAGE, FILETYPE_REDUCEDIMAGE };
    for (size_t v = 0; v < COUNT_OF(versions); v++) {
        const char *path = temp_path("sub.tif");
        TIFF *tif = TIFFOpen(path, versions[v]);
        uint64_t places[COUNT_OF(kinds)] = { 0 };
        TIFFSetField(tif, TIFFTAG_SUBIFD, (int)COUNT_OF(kinds), places);
        put_subdirectory(tif, 0);
        for (size_t i = 0; i < COUNT_OF(kinds); i++) put_subdirectory(tif, kinds[i]);
        TIFFClose(tif);
        gwt *g = gwt_begin(.num_workers = 1);
        assert_int_equal(gwt_describe(gwt_open(g, path))->overviews, 2);
        assert_int_equal(gwt_end(g), 0);
    }
}

static void nodata_of_the_file(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1);
    for (size_t i = 0; i < COUNT_OF(nodata_cases); i++) {
        const nodata_case *c = &nodata_cases[i];
        gwt_array *a = array_of(g, &(tiff_spec){ .width = 4, .height = 1, .dtype = c->dtype,
                                                 .nodata = c->text }, c->values);
        double *got = VALUES_OF(gwt_mul(a, gwt_number(g, 1)));
        for (int k = 0; k < 4; k++) {
            double want = c->missing[k] ? NAN : c->dtype == GWT_FLOAT32 ? (float)c->values[k]
                                                                      : c->values[k];
            REQUIRE(same_double(got[k], want), "%s, nodata '%s': pixel %g is %g, not %g",
                    gwt_dtype_name(c->dtype), c->text, c->values[k], got[k], want);
        }
        gwt_free(got);
    }
    assert_int_equal(gwt_end(g), 0);
}

// Samples that are the same as double are not the same: one of them is nodata, the next is not.
static void nodata_of_64_bits(void **state)
{
    (void)state;
    static const struct { gwt_dtype dtype; const char *text; uint64_t samples[4]; } cases[] = {
        { GWT_INT64, "9007199254740992",
          { 1ull << 53, (1ull << 53) + 1, (1ull << 53) - 1, 0 } },
        { GWT_INT64, "-9007199254740992",
          { 0 - (1ull << 53), 0 - (1ull << 53) - 1, 0 - (1ull << 53) + 1, 0 } },
        { GWT_INT64, "9223372036854775807", { INT64_MAX, INT64_MAX - 1, INT64_MAX - 300, 1 } },
        { GWT_INT64, "-9223372036854775808",
          { 1ull << 63, (1ull << 63) + 1, (1ull << 63) + 300, 1 } },
        { GWT_UINT64, "18446744073709551615", { UINT64_MAX, UINT64_MAX - 1, 1ull << 63, 0 } },
    };
    gwt *g = gwt_begin(.num_workers = 1);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *path = temp_path("wide%zu.tif", i);
        tiff_write(path, &(tiff_spec){ .width = 4, .height = 1, .dtype = cases[i].dtype,
                                       .nodata = cases[i].text }, cases[i].samples);
        double *got = VALUES_OF(gwt_mul(gwt_open(g, path), gwt_number(g, 1)));
        for (int k = 0; k < 4; k++) {
            double want = k == 0 ? NAN : sample_get(cases[i].dtype, cases[i].samples, (size_t)k);
            REQUIRE(same_double(got[k], want), "%s, nodata %s: sample %d is %.17g, not %.17g",
                    gwt_dtype_name(cases[i].dtype), cases[i].text, k, got[k], want);
        }
        gwt_free(got);
    }
    assert_int_equal(gwt_end(g), 0);
}

static void nodata_is_told(void **state)
{
    (void)state;
    static const struct { gwt_dtype dtype; const char *text; double value; } cases[] = {
        { GWT_UINT16, "0", 0 }, { GWT_INT16, "-9999", -9999 }, { GWT_FLOAT32, "nan", NAN },
        { GWT_FLOAT64, "1e-300", 1e-300 }, { GWT_FLOAT32, "-inf", -INFINITY }
    };
    gwt *g = gwt_begin(.num_workers = 1);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        tiff_spec s = small;
        s.dtype = cases[i].dtype, s.nodata = cases[i].text;
        const gwt_info *info = gwt_describe(open_spec(g, &s));
        REQUIRE(info->nodata.set && same_double(info->nodata.value, cases[i].value),
                "nodata '%s' became %g", cases[i].text, info->nodata.value);
    }
    assert_int_equal(gwt_end(g), 0);
}

// The argument beats the session's, which beats the file's.
static void whose_nodata(void **state)
{
    (void)state;
    const double values[] = { 1, 2, 3, 4 };
    tiff_spec s = { .width = 4, .height = 1, .dtype = GWT_UINT8, .nodata = "1" };
    const char *path = temp_path("whose.tif");
    tiff_write_values(path, &s, values);
    for (int session = 0; session < 2; session++)
        for (int argument = 0; argument < 2; argument++) {
            gwt *g = gwt_begin(.num_workers = 1,
                               .nodata = session ? gwt_some(2) : (gwt_optional){ 0 });
            gwt_array *a = gwt_open(g, path,
                                    .nodata = argument ? gwt_some(3) : (gwt_optional){ 0 });
            double *got = VALUES_OF(gwt_neg(gwt_cast(a, GWT_FLOAT64)));
            int missing = argument ? 3 : session ? 2 : 1;
            for (int k = 0; k < 4; k++)
                REQUIRE(same_double(got[k], k + 1 == missing ? NAN : -values[k]),
                        "session %d, argument %d: pixel %d is %g", session, argument, k, got[k]);
            gwt_free(got);
            assert_true(gwt_describe(a)->nodata.set && gwt_describe(a)->nodata.value == missing);
            assert_int_equal(gwt_end(g), 0);
        }
}

// ---- GDAL_METADATA ----------------------------------------------------------------------------

static const char metadata[] =
    "<GDALMetadata>\n"
    "  <Item name=\"TIFFTAG_ARTIST\">Ren&#233;e &amp; &quot;sons&quot; &lt;x@y&gt; &apos;q&apos;"
    "</Item>\n"
    "  <Item name=\"EMPTY\"></Item>\n"
    // As GDAL writes it, escaped twice; by others, once.
    "  <Item name=\"GDAL\">here &amp;amp; &amp;lt;there&amp;gt; &amp;quot;q&amp;quot;</Item>\n"
    "  <Item name=\"DESCRIPTION\" sample=\"0\" role=\"description\">blue &amp;amp; low"
    "</Item>\n"
    "  <Item role=\"description\" sample=\"2\" name=\"DESCRIPTION\">red &lt;3&gt;</Item>\n"
    "  <Item name=\"SCALE\" sample=\"0\" role=\"scale\">0.0001</Item>\n"
    "  <Item name=\"OFFSET\" sample=\"0\" role=\"offset\">-0.1</Item>\n"
    "  <Item name=\"SCALE\" sample=\"1\" role=\"scale\">2.5e-05</Item>\n"
    "  <Item name=\"STATISTICS_MEAN\" sample=\"1\">17</Item>\n"
    "  <Item name=\"SECRET\" domain=\"OTHER\">hidden</Item>\n"
    "</GDALMetadata>\n";

static bool has_tag(const gwt_info *info, const char *tag)
{
    for (const char *const *t = info->tags; t && *t; t++)
        if (strcmp(*t, tag) == 0) return true;
    return false;
}

static void gdal_metadata(void **state)
{
    (void)state;
    const double values[3 * 4] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = 4, .height = 1, .bands = 3,
                            .dtype = GWT_UINT16, .metadata = metadata, .nodata = "4" }, values);
    const gwt_info *info = gwt_describe(a);
    assert_true(info->bands_named);
    assert_string_equal(info->band_names[0], "blue & low");
    assert_string_equal(info->band_names[2], "red <3>");
    assert_true(info->has_scales);
    assert_true(info->scales[0] == 0.0001 && info->scales[1] == 2.5e-05 && info->scales[2] == 1);
    assert_true(info->offsets[0] == -0.1 && info->offsets[1] == 0 && info->offsets[2] == 0);
    assert_true(has_tag(info, "TIFFTAG_ARTIST=Ren\xC3\xA9""e & \"sons\" <x@y> 'q'"));
    assert_true(has_tag(info, "EMPTY="));
    assert_true(has_tag(info, "GDAL=here & <there> \"q\""));
    assert_false(has_tag(info, "STATISTICS_MEAN=17"));  // of a band, not of the file
    assert_false(has_tag(info, "SECRET=hidden"));
    assert_false(has_tag(info, "SCALE=0.0001"));

    // Scales are words until they are asked for.
    uint16_t *raw = gwt_compute(a);
    for (int i = 0; i < 12; i++) assert_int_equal(raw[i], values[i]);
    gwt_free(raw);
    assert_int_equal(gwt_end(g), 0);
}

static void scaled_data(void **state)
{
    (void)state;
    const double values[3 * 4] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    const double scales[] = { 0.0001, 2.5e-05, 1 }, offsets[] = { -0.1, 0, 0 };
    const char *path = temp_path("scaled.tif");
    tiff_write_values(path, &(tiff_spec){ .width = 4, .height = 1, .bands = 3, .nodata = "4",
                      .dtype = GWT_UINT16, .metadata = metadata }, values);
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *a = gwt_open(g, path, .scale_data = true);
    assert_int_equal(gwt_describe(a)->dtype, GWT_FLOAT64);
    double *got = VALUES_OF(a);
    for (int i = 0; i < 12; i++) {
        double want = values[i] == 4 ? NAN : values[i] * scales[i / 4] + offsets[i / 4];
        REQUIRE(same_double(got[i], want), "pixel %d is %.17g, not %.17g", i, got[i], want);
    }
    gwt_free(got);
    got = VALUES_OF(gwt_open(g, path, .scale_data = true, .scale_factor = gwt_some(2),
                             .offset = gwt_some(0.5), .nodata = gwt_some(1)));
    for (int i = 0; i < 12; i++)
        assert_true(same_double(got[i], values[i] == 1 ? NAN : values[i] * 2 + 0.5));
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);

    // The session's beat the file's, and the argument beats them.
    g = gwt_begin(.num_workers = 1, .scale_factor = gwt_some(10), .offset = gwt_some(7));
    got = VALUES_OF(gwt_open(g, path, .scale_data = true));
    for (int i = 0; i < 12; i++)
        assert_true(same_double(got[i], values[i] == 4 ? NAN : values[i] * 10 + 7));
    gwt_free(got);
    got = VALUES_OF(gwt_open(g, path, .scale_data = true, .offset = gwt_some(0)));
    for (int i = 0; i < 12; i++)
        assert_true(same_double(got[i], values[i] == 4 ? NAN : values[i] * 10));
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

// Whatever is in the tag, the pixels are there.
static void broken_metadata(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "<", "<GDALMetadata", "<GDALMetadata><Item", "<GDALMetadata><Item name=\"A\">",
        "<Item name=\"DESCRIPTION\" sample=\"99999999999\" role=\"description\">x</Item>",
        "<Item name=\"DESCRIPTION\" sample=\"-1\" role=\"description\">x</Item>",
        "<Item name=\"SCALE\" sample=\"0\" role=\"scale\">much</Item>", "&&&;;<<>>",
        "<GDALMetadata><Item name=\"A\">&#x110000;&#0;&#99999999999;&amp</Item></GDALMetadata>",
        "<GDALMetadata><Item name=>x</Item><Item>y</Item></GDALMetadata>"
    };
    const double values[] = { 1, 2, 3, 4 };
    gwt *g = gwt_begin(.num_workers = 1);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        gwt_array *a = array_of(g, &(tiff_spec){ .width = 4, .height = 1, .dtype = GWT_UINT8,
                                                 .metadata = texts[i] }, values);
        uint8_t *got = gwt_compute(a);
        EXPECT_OK(g);
        assert_memory_equal(got, ((uint8_t[]){ 1, 2, 3, 4 }), 4);
        gwt_free(got);
    }
    assert_int_equal(gwt_end(g), 0);
}

// ---- names, chunks, several files -------------------------------------------------------------

static void names_of_bands(void **state)
{
    (void)state;
    const double values[3 * 4] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    const char *path = temp_path("named.tif");
    tiff_write_values(path, &(tiff_spec){ .width = 4, .height = 1, .bands = 3,
                      .dtype = GWT_UINT8 }, values);
    gwt *g = gwt_begin(.num_workers = 1, .sensor = "rgb");
    const gwt_info *info = gwt_describe(gwt_open(g, path));
    assert_string_equal(info->band_names[0], "red");
    assert_string_equal(info->band_names[2], "blue");
    assert_string_equal(info->sensor, "rgb");
    info = gwt_describe(gwt_open(g, path, .sensor = "bgr"));
    assert_string_equal(info->band_names[0], "blue");
    assert_string_equal(info->band_names[1], "green");
    assert_string_equal(info->band_names[2], "red");
    assert_true(info->bands_named);
    info = gwt_describe(gwt_open(g, path, .band_names = (const char *const[]){ "x", "y", "z",
                                                                               NULL }));
    assert_string_equal(info->band_names[0], "x");
    assert_string_equal(info->band_names[2], "z");
    assert_int_equal(info->num_files, 1);
    assert_string_equal(info->filenames[0], "named.tif");
    EXPECT_OK(g);
    assert_int_equal(gwt_end(g), 0);

    // A session's sensor with another number of bands names nothing.
    g = gwt_begin(.num_workers = 1, .sensor = "l8", .quiet = true);
    info = gwt_describe(gwt_open(g, path));
    EXPECT_OK(g);
    assert_string_equal(info->band_names[0], "1");
    assert_string_equal(info->band_names[2], "3");
    assert_false(info->bands_named);
    assert_null(gwt_open(g, path, .band_names = (const char *const[]){ "x", "y", NULL }));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
    assert_int_equal(gwt_end(g), 0);
}

static void chunk_shapes(void **state)
{
    (void)state;
    uint8_t raw[70 * 50] = { 0 };
    const char *path = temp_path("chunks.tif");
    tiff_write(path, &(tiff_spec){ .width = 70, .height = 50, .dtype = GWT_UINT8 }, raw);
    gwt *g = gwt_begin(.num_workers = 1, .chunks = 33);
    const gwt_info *info = gwt_describe(gwt_open(g, path));
    assert_int_equal(info->chunks[2], 33);
    assert_int_equal(info->chunks[3], 33);
    info = gwt_describe(gwt_open(g, path, .chunks = 20));
    assert_int_equal(info->chunks[2], 20);
    info = gwt_describe(gwt_open(g, path, .chunks = 20, .chunk_cols = 40));
    assert_int_equal(info->chunks[2], 20);
    assert_int_equal(info->chunks[3], 40);
    info = gwt_describe(gwt_open(g, path, .chunk_rows = 10));
    assert_int_equal(info->chunks[2], 10);
    assert_int_equal(info->chunks[3], 33);
    info = gwt_describe(gwt_rechunk(gwt_open(g, path), 11, 13));
    assert_int_equal(info->chunks[2], 11);
    assert_int_equal(info->chunks[3], 13);
    EXPECT_OK(g);
    assert_int_equal(gwt_end(g), 0);
}

enum { FILES = 3, STACK_W = 45, STACK_H = 37, STACK_N = STACK_W * STACK_H };

static void many_files(void **state)
{
    (void)state;
    static double values[FILES][2 * STACK_N];
    const char *paths[FILES];
    for (int f = 0; f < FILES; f++) {
        for (int i = 0; i < 2 * STACK_N; i++)
            values[f][i] = (double)(noise((uint64_t)(f * 99991 + i)) % 60000);
        paths[f] = temp_path("many%d.tif", f);
        tiff_write_values(paths[f], &(tiff_spec){ .width = STACK_W, .height = STACK_H, .bands = 2,
            .dtype = GWT_UINT16, .geo = &geo_utm, .tile_width = f ? 16 : 0, .tile_height = 16,
            .rows_per_strip = 4, .planar = f == 2, .compression = f ? COMPRESSION_LZW : 0,
            .mode = f == 1 ? "wb" : "wl" }, values[f]);
    }
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *bands = gwt_open_many(g, paths, FILES);
    gwt_array *times = gwt_open_many(g, paths, FILES, .stack = GWT_TIME,
                                     .time_names = (const char *const[]){ "d1", "d2", "d3", NULL });
    EXPECT_OK(g);
    const gwt_info *b = gwt_describe(bands), *t = gwt_describe(times);
    assert_true(b->shape[0] == 1 && b->shape[1] == 6 && b->shape[2] == STACK_H);
    assert_true(t->shape[0] == 3 && t->shape[1] == 2 && t->shape[3] == STACK_W);
    assert_string_equal(b->band_names[5], "6");
    assert_string_equal(t->time_names[2], "d3");
    assert_int_equal(b->num_files, 3);
    assert_string_equal(b->filenames[1], "many1.tif");
    uint16_t *from_bands = gwt_compute(bands), *from_times = gwt_compute(times);
    EXPECT_OK(g);
    for (int i = 0; i < FILES * 2 * STACK_N; i++) {
        assert_int_equal(from_bands[i], values[i / (2 * STACK_N)][i % (2 * STACK_N)]);
        assert_int_equal(from_times[i], from_bands[i]);
    }
    gwt_free(from_bands);
    gwt_free(from_times);
    uint16_t *one = gwt_compute(gwt_sel(bands, "4"));  // the second of the second file
    for (int i = 0; i < STACK_N; i++) assert_int_equal(one[i], values[1][STACK_N + i]);
    gwt_free(one);
    assert_int_equal(gwt_end(g), 0);
}

// The same name, bytes and inode, another image: opened again, the new one is seen.
static void rewritten_in_place(void **state)
{
    (void)state;
    const char *path = temp_path("rewritten.tif");
    gwt *g = gwt_begin(.num_workers = 2);
    for (int round = 0; round < 3; round++) {
        double values[20 * 10];
        for (int i = 0; i < 200; i++) values[i] = round * 50 + i % 50;
        int width = round % 2 ? 10 : 20, height = 200 / width;
        tiff_write_values(path, &(tiff_spec){ .width = width, .height = height,
                          .dtype = GWT_UINT8 }, values);
        gwt_array *a = gwt_open(g, path);
        uint8_t *got = gwt_compute(a);
        EXPECT_OK(g);
        assert_int_equal(gwt_describe(a)->shape[3], width);
        for (int i = 0; i < 200; i++) assert_int_equal(got[i], values[i]);
        gwt_free(got);
        nanosleep(&(struct timespec){ 0, 50000000 }, NULL);  // file times have their own grain
    }
    assert_int_equal(gwt_end(g), 0);
}

// ---- dates in names ---------------------------------------------------------------------------

static const struct { const char *path; int date; } dated_names[] = {
    // Landsat, Collections 1 and 2; before them the day is not set off from path and row.
    { "LC08_L1TP_224078_20200518_20200527_01_T1_B4.TIF", 20200518 },
    { "LC08_L2SP_224078_20200518_20200820_02_T1_SR_B4.TIF", 20200518 },
    { "LE07_L1TP_030032_20000131_20161214_01_T1.tif", 20000131 },
    { "LT05_L1TP_188024_19860815_20170215_01_T1_B1.TIF", 19860815 },
    { "LC80300322016138LGN00_B5.TIF", 0 },
    // Sentinel-1 and -2.
    { "S2A_MSIL2A_20160517T181922_N0204_R127_T11SMT_20160518T000102.SAFE", 20160517 },
    { "T11SMT_20160517T181922_B04_10m.jp2", 20160517 },
    { "S1A_IW_GRDH_1SDV_20170301T050935_20170301T051000_015494_019736_0F9E.tif", 20170301 },
    // MODIS and VIIRS: a day of the year, and when the file was made.
    { "MOD09A1.A2016045.h10v05.006.2016056133117.tif", 20160214 },
    { "MCD43A4.A2016366.h10v05.tif", 20161231 }, { "VNP13A1.A2016001.h10v05.tif", 20160101 },
    { "MCD43A4.A2015366.h10v05.006.2016056133117.tif", 0 },
    { "MCD43A4.A2016000.h10v05.tif", 0 }, { "MCD43A4.A2016367.h10v05.tif", 0 },
    // Planet, RapidEye.
    { "20160517_181024_0c60_3B_AnalyticMS.tif", 20160517 },
    { "/planet/20160517_181024_1_0c60/20160518_181024_1_0c60_BGRN.tif", 20160518 },
    { "1155202_2016-05-17_RE3_3A_Analytic.tif", 20160517 },
    // People.
    { "2016-05-17.tif", 20160517 }, { "2016_05_17.tif", 20160517 }, { "2016.05.17.tif", 20160517 },
    { "ndvi2016-05-17b.tif", 20160517 }, { "20160517", 20160517 }, { "20160517.tif", 20160517 },
    { "20160517181024.tif", 20160517 }, { "2016-05-17_2017-06-18.tif", 20160517 },
    { "20160230_20160517.tif", 20160517 }, { "tile_12_2016_05_17.tif", 20160517 },
    { "2016-05_17.tif", 0 }, { "2016-5-17.tif", 0 }, { "2016-05.tif", 0 }, { "2016.tif", 0 },
    { "2016-05-171.tif", 0 }, { "12016-05-17.tif", 0 }, { "16-05-17.tif", 0 },
    { "17.05.2016.tif", 0 }, { "2016 05 17.tif", 0 }, { "2016--05-17.tif", 0 },
    // Days there are, and are not.
    { "20000229", 20000229 }, { "20160229", 20160229 }, { "19000229", 0 }, { "21000229", 0 },
    { "20150229", 0 }, { "2016060", 20160229 }, { "2015060", 20150301 }, { "20161301", 0 },
    { "20160001", 0 }, { "20160100", 0 }, { "20160431", 0 }, { "2016-13-01", 0 },
    { "2016-00-10", 0 }, { "2016-02-30", 0 },
    // Digits that are no date, or more than one.
    { "99999999", 0 }, { "00000000", 0 }, { "12345678", 0 }, { "1234567", 0 }, { "201605171", 0 },
    { "2016051718", 0 }, { "2016051718102", 0 }, { "201605171810245", 0 },
    { "20160517201605172016051720160517", 0 }, { "00305172016181024_20160518.tif", 20160518 },
    // Only in a folder, or nowhere.
    { "/data/20160517/scene.tif", 0 }, { "2016-05-17/a.tif", 0 }, { "20160517/", 0 },
    { "", 0 }, { "/", 0 }, { "scene.tif", 0 }, { "-_.", 0 }, { NULL, 0 }
};

static void dates_in_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(dated_names); i++) {
        int is = gwt_date_of(dated_names[i].path);
        REQUIRE(is == dated_names[i].date, "%s: %d, not %d",
                dated_names[i].path ? dated_names[i].path : "NULL", is, dated_names[i].date);
    }
}

static int days_in(int year, int month)
{
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 ? 28 + leap : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// Every day of two centuries, and those after each month's last, in every notation.
static void every_day(void **state)
{
    (void)state;
    for (int year = 1901; year < 2101; year++)
        for (int month = 1, of_year = 1; month <= 12; month++)
            for (int day = 1; day <= 32; day++) {
                bool is = day <= days_in(year, month);
                int want = is ? year * 10000 + month * 100 + day : 0;
                char names[5][64];
                snprintf(names[0], sizeof names[0], "a%04d%02d%02d.tif", year, month, day);
                snprintf(names[1], sizeof names[1], "a_%04d-%02d-%02d.tif", year, month, day);
                snprintf(names[2], sizeof names[2], "%04d_%02d_%02d_b", year, month, day);
                snprintf(names[3], sizeof names[3], "x/a.%04d.%02d.%02d", year, month, day);
                snprintf(names[4], sizeof names[4], "A%04d%03d.h1", year, of_year);
                for (int k = 0; k < 4 + is; k++)
                    REQUIRE(gwt_date_of(names[k]) == want, "%s: %d, not %d", names[k],
                            gwt_date_of(names[k]), want);
                of_year += is;
            }
}

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)*(const char *const *)a, y = (uintptr_t)*(const char *const *)b;
    return (x > y) - (x < y);
}

// By date, then by name; those without a date last; none lost.
static void sorted_by_date(void **state)
{
    (void)state;
    enum { MOST = 1000 };
    static char names[MOST][48];
    static const char *paths[MOST], *before[MOST], *after[MOST];
    static const size_t counts[] = { 0, 1, 2, 7, MOST };
    for (size_t c = 0; c < COUNT_OF(counts); c++) {
        size_t n = counts[c], dated = 0;
        for (size_t i = 0; i < n; i++) {
            uint64_t bits = noise(1000 * c + i);
            int year = 1980 + (int)(bits % 40), month = 1 + (int)(bits / 64 % 12);
            int day = 1 + (int)(bits / 1024 % 28), kind = (int)(bits / 65536 % 4);
            const char *format = kind == 0 ? "z/%c%04d%02d%02d.tif" : kind == 1
                ? "%c_%04d-%02d-%02d" : kind == 2 ? "no/%c%04d/%02d/%02d.tif"
                                                  : "y_%c_%04d.%02d.%02d";
            snprintf(names[i], sizeof names[i], format, 'a' + (int)(bits >> 40) % 26, year, month,
                     day);
            paths[i] = before[i] = names[i];
            dated += kind != 2;
        }
        assert_int_equal(gwt_sort_by_date(paths, n), dated);
        for (size_t i = 0; i + 1 < n; i++) {
            int a = gwt_date_of(paths[i]), b = gwt_date_of(paths[i + 1]);
            bool right = i + 1 == dated ? a && !b
                                        : a && b && a != b ? a < b
                                                           : strcmp(paths[i], paths[i + 1]) <= 0;
            REQUIRE(right && !a == (i >= dated), "%d of %d: %s before %s", (int)i, (int)n,
                    paths[i], paths[i + 1]);
        }
        memcpy(after, paths, n * sizeof *paths);
        qsort(after, n, sizeof *after, by_address);
        qsort(before, n, sizeof *before, by_address);
        assert_memory_equal(after, before, n * sizeof *after);
    }
    assert_int_equal(gwt_sort_by_date(NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_file),
        cmocka_unit_test(odd_sizes),
        cmocka_unit_test(huge_strip),
        cmocka_unit_test(sixty_bands),
        cmocka_unit_test(into_a_buffer),
        cmocka_unit_test(sparse_tiles),
        cmocka_unit_test(nothing_but_absent),
        cmocka_unit_test(scale_and_tiepoint),
        cmocka_unit_test(pixel_is_point),
        cmocka_unit_test(model_transformation),
        cmocka_unit_test(coordinate_systems),
        cmocka_unit_test(no_place_at_all),
        cmocka_unit_test(either_byte_order),
        cmocka_unit_test(directories),
        cmocka_unit_test(damaged_later_directories),
        cmocka_unit_test(subdirectories),
        cmocka_unit_test(nodata_of_the_file),
        cmocka_unit_test(nodata_of_64_bits),
        cmocka_unit_test(nodata_is_told),
        cmocka_unit_test(whose_nodata),
        cmocka_unit_test(gdal_metadata),
        cmocka_unit_test(scaled_data),
        cmocka_unit_test(broken_metadata),
        cmocka_unit_test(names_of_bands),
        cmocka_unit_test(chunk_shapes),
        cmocka_unit_test(many_files),
        cmocka_unit_test(rewritten_in_place),
        cmocka_unit_test(dates_in_names),
        cmocka_unit_test(every_day),
        cmocka_unit_test(sorted_by_date),
    };
    return cmocka_run_group_tests_name("read", tests, temp_begin, temp_end);
}
