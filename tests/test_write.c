// test_write.c - what gwt_save writes, tag by tag, read back with libtiff.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { W = 300, H = 200, N = W * H };

static gwt_array *scene(gwt *g, int bands, const geo_tags *geo, const char *nodata,
                        const char *metadata)
{
    double *values = malloc((size_t)bands * N * sizeof *values);
    for (int i = 0; i < bands * N; i++) values[i] = (i % W / 7 + i / W / 5) % 200;
    gwt_array *a = array_of(g, &(tiff_spec){ .width = W, .height = H, .bands = bands,
                            .dtype = GWT_UINT16, .rows_per_strip = 16, .geo = geo,
                            .nodata = nodata, .metadata = metadata }, values);
    free(values);
    return a;
}

// Save, and read everything back.
static image *saved(gwt *g, gwt_array *a, gwt_save_options options)
{
    const char *path = temp_path("saved.tif");
    options.overwrite = true;
    bool done = gwt_save_with(a, path, &options);
    EXPECT_OK(g);
    assert_true(done);
    assert_false(file_exists(temp_path("saved.tif.part")));
    return image_read(path);
}

// ---- the directory ----------------------------------------------------------------------------

static void plain_file(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    image *im = saved(g, scene(g, 1, NULL, NULL, NULL), (gwt_save_options){ 0 });
    assert_true(im->width == W && im->height == H && im->bands == 1);
    assert_int_equal(im->dtype, GWT_UINT16);
    assert_true(im->tiled && im->block_width == 256 && im->block_height == 256);
    assert_int_equal(im->compression, COMPRESSION_NONE);
    assert_int_equal(im->predictor, 1);
    assert_int_equal(im->photometric, PHOTOMETRIC_MINISBLACK);
    assert_int_equal(im->extra_samples, 0);
    assert_false(im->bigtiff);
    assert_null(im->nodata);
    assert_null(im->geo_keys);
    assert_null(im->scale);
    assert_null(im->matrix);
    assert_int_equal(im->absent, 0);
    image_free(im);
    assert_int_equal(gwt_end(g), 0);
}

static void bands_and_blocks(void **state)
{
    (void)state;
    static const int blocks[] = { 16, 32, 48, 112, 256, 304, 512 };
    gwt *g = gwt_begin(.num_workers = 3);
    gwt_array *a = scene(g, 4, NULL, NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(blocks); i++)
        for (int planar = 0; planar < 2; planar++) {
            image *im = saved(g, a, (gwt_save_options){ .tile_size = blocks[i], .compress = "lzw",
                                     .interleave = planar ? GWT_PLANAR : GWT_PIXEL });
            assert_true(im->tiled && im->block_width == blocks[i] && im->block_height == blocks[i]);
            assert_int_equal(im->planar, planar);
            assert_int_equal(im->bands, 4);
            assert_int_equal(im->extra_samples, 3);
            for (int k = 0; k < 4 * N; k++)
                assert_int_equal(image_get(im, k / N, k % N / W, k % W),
                                 (k % W / 7 + k / W / 5) % 200);
            image_free(im);
        }
    image *im = saved(g, a, (gwt_save_options){ 0 });
    assert_false(im->planar);
    image_free(im);
    assert_int_equal(gwt_end(g), 0);
}

static void tiny_images(void **state)
{
    (void)state;
    static const int sizes[][2] = { { 1, 1 }, { 1, 300 }, { 300, 1 }, { 15, 17 }, { 256, 256 },
                                    { 257, 255 } };
    gwt *g = gwt_begin(.num_workers = 2);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        int w = sizes[i][0], h = sizes[i][1];
        double *values = malloc((size_t)(w * h) * sizeof *values);
        for (int k = 0; k < w * h; k++) values[k] = k % 251;
        gwt_array *a = array_of(g, &(tiff_spec){ .width = w, .height = h, .dtype = GWT_UINT8 },
                                values);
        image *im = saved(g, a, (gwt_save_options){ .compress = "deflate" });
        assert_true(im->width == w && im->height == h && im->tiled);
        assert_true(im->block_width % 16 == 0 && im->block_width <= 256 &&
                    im->block_height % 16 == 0 && im->block_height <= 256);
        if (w < 16 && h < 16) assert_true(im->block_width < 256);  // less for tiny images
        for (int k = 0; k < w * h; k++) assert_int_equal(im->raw[k], values[k]);
        image_free(im);
        free(values);
    }
    assert_int_equal(gwt_end(g), 0);
}

static void big_or_classic(void **state)
{
    (void)state;
    static const struct { gwt_bigtiff option; bool big; } cases[] = {
        { GWT_BIGTIFF_AUTO, false }, { GWT_BIGTIFF_YES, true }, { GWT_BIGTIFF_NO, false }
    };
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = scene(g, 2, &geo_utm, "3", NULL);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (int planar = 0; planar < 2; planar++) {
            image *im = saved(g, a, (gwt_save_options){ .bigtiff = cases[i].option, .tile_size = 64,
                                     .interleave = planar ? GWT_PLANAR : GWT_PIXEL });
            assert_int_equal(im->bigtiff, cases[i].big);
            double t[6];
            assert_true(image_transform(im, t) && t[2] == 452475);
            assert_string_equal(im->nodata, "3");
            for (int k = 0; k < 2 * N; k++)
                assert_int_equal(image_get(im, k / N, k % N / W, k % W),
                                 (k % W / 7 + k / W / 5) % 200);
            image_free(im);
        }
    assert_int_equal(gwt_end(g), 0);
}

// ---- place ------------------------------------------------------------------------------------

static const double rotated[16] = { 10, 2, 0, 500, 3, -20, 0, 900, 0, 0, 0, 0, 0, 0, 0, 1 };
static const double scale[3] = { 2.5, 0.5, 0 }, away[6] = { 10, 20, 0, 1000, 7000, 0 };
static const double doubles[3] = { 6378137.0, 298.257223563, 0.25 };
static const uint16_t odd_keys[] = { 1, 1, 0, 6, 1024, 0, 1, 1, 1025, 0, 1, 1, 1026, 34737, 4, 0,
                                     2057, 34736, 1, 0, 2059, 34736, 1, 1, 3072, 0, 1, 32767 };

static const geo_tags geos[] = {
    { .scale = scale, .tiepoint = away, .keys = odd_keys, .num_keys = COUNT_OF(odd_keys),
      .doubles = doubles, .num_doubles = 3, .ascii = "odd|and more|" },
    { .matrix = rotated, .keys = odd_keys, .num_keys = COUNT_OF(odd_keys),
      .doubles = doubles, .num_doubles = 3, .ascii = "odd|and more|" },
    { .scale = scale, .tiepoint = away }
};

static void check_carried(const image *im, const geo_tags *geo)
{
    assert_int_equal(im->num_geo_keys, geo->num_keys);
    if (geo->keys)
        assert_memory_equal(im->geo_keys, geo->keys, (size_t)geo->num_keys * sizeof *geo->keys);
    assert_int_equal(im->num_geo_doubles, geo->num_doubles);
    if (geo->doubles)
        assert_memory_equal(im->geo_doubles, geo->doubles,
                            (size_t)geo->num_doubles * sizeof *geo->doubles);
    if (geo->ascii) assert_string_equal(im->geo_ascii, geo->ascii);
    else assert_null(im->geo_ascii);
}

static void geo_keys_are_carried(void **state)
{
    (void)state;
    const geo_tags *all[] = { &geo_utm, &geo_utm_point, &geos[0], &geos[1], &geos[2] };
    const double transforms[][6] = { { 30, 0, 452475, 0, -30, 3408645 },
        { 30, 0, 452475, 0, -30, 3408645 }, { 2.5, 0, 975, 0, -0.5, 7010 },
        { 10, 2, 500, 3, -20, 900 }, { 2.5, 0, 975, 0, -0.5, 7010 } };
    gwt *g = gwt_begin(.num_workers = 2);
    for (size_t i = 0; i < COUNT_OF(all); i++)
        for (int computed = 0; computed < 2; computed++) {
            gwt_array *a = scene(g, 1, all[i], NULL, NULL);
            if (computed) a = gwt_sqrt(a);
            image *im = saved(g, a, (gwt_save_options){ .bigtiff = computed ? GWT_BIGTIFF_YES
                                                                            : GWT_BIGTIFF_NO });
            check_carried(im, all[i]);
            double t[6];
            assert_true(image_transform(im, t));
            for (int k = 0; k < 6; k++)
                REQUIRE(fabs(t[k] - transforms[i][k]) <= 1e-12 * fabs(transforms[i][k]),
                        "place %d: transform[%d] is %.17g, not %.17g", (int)i, k, t[k],
                        transforms[i][k]);
            image_free(im);
        }
    assert_int_equal(gwt_end(g), 0);
}

// ---- GDAL's tags ------------------------------------------------------------------------------

static void nodata_is_written(void **state)
{
    (void)state;
    static const struct { gwt_dtype dtype; double value; } cases[] = {
        { GWT_UINT16, 0 }, { GWT_UINT8, 255 }, { GWT_INT16, -32768 }, { GWT_FLOAT32, NAN },
        { GWT_FLOAT32, -9999 }, { GWT_FLOAT64, 1e-300 }, { GWT_FLOAT64, 0.1 },
        { GWT_FLOAT64, INFINITY }, { GWT_FLOAT64, -INFINITY }, { GWT_INT64, -0x1p63 },
        { GWT_FLOAT32, -3.4028234663852886e38 }
    };
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = scene(g, 1, NULL, "7", NULL);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        image *im = saved(g, a, (gwt_save_options){ .dtype = cases[i].dtype,
                                 .nodata = gwt_some(cases[i].value) });
        REQUIRE(im->nodata && same_double(strtod(im->nodata, NULL), cases[i].value),
                "nodata %.17g was written as '%s'", cases[i].value, im->nodata ? im->nodata : "");
        for (int k = 0; k < N; k++) {
            double want = (k % W / 7 + k / W / 5) % 200;
            if (want == 7) want = cases[i].value;
            assert_true(same_double(image_get(im, 0, k / W, k % W), want));
        }
        image_free(im);
    }
    image *im = saved(g, a, (gwt_save_options){ 0 });
    assert_string_equal(im->nodata, "7");
    image_free(im);
    assert_int_equal(gwt_end(g), 0);
}

static void check_item(const image *im, const char *name, int sample, const char *role,
                       const char *want)
{
    char *text = im->metadata ? metadata_item(im->metadata, name, sample, role) : NULL;
    REQUIRE(text && strcmp(text, want) == 0, "item %s of sample %d is '%s', not '%s', in\n%s", name,
            sample, text ? text : "absent", want, im->metadata ? im->metadata : "nothing");
    free(text);
}

static void check_number(const image *im, const char *name, int sample, const char *role,
                         double want)
{
    char *text = im->metadata ? metadata_item(im->metadata, name, sample, role) : NULL;
    REQUIRE(text && strtod(text, NULL) == want, "item %s of sample %d is '%s', not %.17g", name,
            sample, text ? text : "absent", want);
    free(text);
}

static void metadata_is_written(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    const double scales[] = { 0.1, 1.0 / 3.0 }, offsets[] = { -7.25, 1e-17 };
    image *im = saved(g, scene(g, 2, NULL, NULL, NULL), (gwt_save_options){
        .band_names = (const char *const[]){ "near <infrared> & \"more\"", "b'2", NULL },
        .scales = scales, .offsets = offsets,
        .tags = (const char *const[]){ "AREA=south", "EQ=a=b", "XML=<&>\"'", "NONE=", NULL } });
    check_item(im, "DESCRIPTION", 0, "description", "near <infrared> & \"more\"");
    check_item(im, "DESCRIPTION", 1, "description", "b'2");
    for (int b = 0; b < 2; b++) {
        check_number(im, "SCALE", b, "scale", scales[b]);
        check_number(im, "OFFSET", b, "offset", offsets[b]);
    }
    check_item(im, "AREA", -1, NULL, "south");
    check_item(im, "EQ", -1, NULL, "a=b");
    check_item(im, "XML", -1, NULL, "<&>\"'");
    check_item(im, "NONE", -1, NULL, "");
    for (const char *c = im->metadata; *c; c++)  // well-formed as far as one can see
        if (*c == '&') assert_true(strchr(c, ';') && strchr(c, ';') - c < 8);
    image_free(im);
    assert_int_equal(gwt_end(g), 0);
}

// Names come from the input, through selections; a computed array has its own.
static void names_are_kept(void **state)
{
    (void)state;
    static const char metadata[] =
        "<GDALMetadata><Item name=\"DESCRIPTION\" sample=\"0\" role=\"description\">blue</Item>"
        "<Item name=\"DESCRIPTION\" sample=\"1\" role=\"description\">red</Item>"
        "<Item name=\"SCALE\" sample=\"1\" role=\"scale\">0.0001</Item>"
        "<Item name=\"OFFSET\" sample=\"1\" role=\"offset\">-0.5</Item></GDALMetadata>";
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = scene(g, 2, NULL, NULL, metadata);
    image *im = saved(g, gwt_sel(a, "red", "blue"), (gwt_save_options){ 0 });
    check_item(im, "DESCRIPTION", 0, "description", "red");
    check_item(im, "DESCRIPTION", 1, "description", "blue");
    check_number(im, "SCALE", 0, "scale", 0.0001);
    check_number(im, "OFFSET", 0, "offset", -0.5);
    image_free(im);
    im = saved(g, gwt_norm_diff(a, "blue", "red"), (gwt_save_options){ 0 });
    check_item(im, "DESCRIPTION", 0, "description", "norm-diff");
    char *scale_text = metadata_item(im->metadata, "SCALE", 0, "scale");
    assert_true(!scale_text || strtod(scale_text, NULL) == 1);  // an index has no scale
    free(scale_text);
    image_free(im);
    assert_int_equal(gwt_end(g), 0);
}

// ---- codecs -----------------------------------------------------------------------------------

static void compressions_there_are(void **state)
{
    (void)state;
    static const struct { const char *name; int codec; } known[] = {
        { "none", COMPRESSION_NONE }, { "lzw", COMPRESSION_LZW },
        { "deflate", COMPRESSION_ADOBE_DEFLATE }, { "zstd", COMPRESSION_ZSTD },
        { "packbits", COMPRESSION_PACKBITS }, { "lzma", COMPRESSION_LZMA }
    };
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = scene(g, 3, NULL, NULL, NULL);
    size_t listed = 0, configured = 0;
    while (gwt_compression_name(listed)) listed++;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        bool can = TIFFIsCODECConfigured((uint16_t)known[i].codec);
        REQUIRE(gwt_can_compress(known[i].name) == can, "%s", known[i].name);
        if (!can) continue;
        configured++;
        size_t at = 0;
        while (gwt_compression_name(at) && strcmp(gwt_compression_name(at), known[i].name)) at++;
        REQUIRE(gwt_compression_name(at), "%s is not listed", known[i].name);
        image *im = saved(g, a, (gwt_save_options){ .compress = known[i].name });
        assert_int_equal(im->compression, known[i].codec);
        for (int k = 0; k < 3 * N; k++)
            assert_int_equal(image_get(im, k / N, k % N / W, k % W), (k % W / 7 + k / W / 5) % 200);
        image_free(im);
    }
    assert_int_equal(listed, configured);
    assert_false(gwt_can_compress("jpeg2000"));
    assert_false(gwt_can_compress(""));
    assert_false(gwt_can_compress(NULL));
    assert_int_equal(gwt_end(g), 0);
}

static size_t size_with(gwt *g, gwt_array *a, gwt_save_options options)
{
    size_t size;
    image_free(saved(g, a, options));
    free(file_read(temp_path("saved.tif"), &size));
    return size;
}

static void levels(void **state)
{
    (void)state;
    static const struct { const char *name; int low, high; } cases[] = {
        { "deflate", 1, 9 }, { "zstd", 1, 19 }, { "lzma", 1, 9 }
    };
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = gwt_sqrt(scene(g, 1, NULL, NULL, NULL));  // something to work on
    size_t plain = size_with(g, a, (gwt_save_options){ .dtype = GWT_FLOAT32 });
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (!gwt_can_compress(cases[i].name)) continue;
        gwt_save_options o = { .compress = cases[i].name, .dtype = GWT_FLOAT32 };
        size_t usual = size_with(g, a, o);
        o.level = cases[i].low;
        size_t low = size_with(g, a, o);
        o.level = cases[i].high;
        size_t high = size_with(g, a, o);
        REQUIRE(high < plain && low < plain && usual < plain, "%s does not compress",
                cases[i].name);
        if (strcmp(cases[i].name, "lzma"))  // whose levels are dictionary sizes
            REQUIRE(high < low, "%s: level %d gives %d bytes, %d gives %d", cases[i].name,
                    cases[i].low, (int)low, cases[i].high, (int)high);
        static const int wrong[] = { -1, 23, 100 };
        for (size_t k = 0; k < COUNT_OF(wrong); k++) {
            o.level = wrong[k];
            assert_false(gwt_save_with(a, temp_path("level.tif"), &o));
            EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
        }
    }
    assert_int_equal(gwt_end(g), 0);
}

static void predictors(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = scene(g, 2, NULL, NULL, NULL);
    for (size_t d = 0; d < DTYPES; d++)
        for (int predictor = 1; predictor <= 3; predictor++) {
            gwt_dtype dtype = all_dtypes[d];
            gwt_save_options o = { .compress = "deflate", .predictor = predictor, .dtype = dtype };
            tiff_spec s = { .dtype = dtype, .compression = COMPRESSION_ADOBE_DEFLATE,
                            .predictor = predictor };
            if (predictor == 3 && !is_float(dtype)) {
                assert_false(gwt_save_with(a, temp_path("predictor.tif"), &o));
                assert_true(gwt_status(g) == GWT_E_ARGUMENT || gwt_status(g) == GWT_E_UNSUPPORTED);
                gwt_clear(g);
                continue;
            }
            if (!tiff_can_write(&s)) continue;
            image *im = saved(g, a, o);
            assert_int_equal(im->predictor, predictor);
            for (int k = 0; k < 2 * N; k++) {
                int want = (k % W / 7 + k / W / 5) % 200;
                if (dtype == GWT_INT8 && want > 127) want = 127;
                REQUIRE(image_get(im, k / N, k % N / W, k % W) == want,
                        "%s, predictor %d: other pixels", gwt_dtype_name(dtype), predictor);
            }
            image_free(im);
        }
    assert_int_equal(gwt_end(g), 0);
}

static void a_predictor_pays(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    double *ramp = malloc(N * sizeof *ramp);
    for (int i = 0; i < N; i++) ramp[i] = 13 * (i % W) + 7 * (i / W);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = W, .height = H, .dtype = GWT_UINT16 }, ramp);
    size_t without = size_with(g, a, (gwt_save_options){ .compress = "deflate" });
    size_t with = size_with(g, a, (gwt_save_options){ .compress = "deflate", .predictor = 2 });
    REQUIRE(with < without / 2, "%d bytes with, %d without", (int)with, (int)without);
    free(ramp);
    assert_int_equal(gwt_end(g), 0);
}

// ---- types ------------------------------------------------------------------------------------

static void types_are_converted(void **state)
{
    (void)state;
    static const double values[] = { 0.5, 1.5, 2.5, -0.5, -1.5, 254.5, 255.5, 300, -129, 127.5,
        32767.5, 65535.5, 70000, -40000, 4294967295.5, 5e9, 2147483647.5, -3e9, 0x1p63, -0x1p63,
        1e300, INFINITY, -INFINITY, NAN, 0.1, 16777217 };
    enum { COUNT = COUNT_OF(values) };
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = COUNT, .height = 1, .dtype = GWT_FLOAT64 },
                            values);
    for (size_t d = 0; d < DTYPES; d++) {
        image *im = saved(g, a, (gwt_save_options){ .dtype = all_dtypes[d],
                                 .nodata = gwt_some(99) });
        assert_int_equal(im->dtype, all_dtypes[d]);
        for (int i = 0; i < COUNT; i++) {
            unsigned char want[8] = { 0 };
            sample_set(all_dtypes[d], want, 0, isnan(values[i]) ? 99 : values[i]);
            size_t size = sample_size(all_dtypes[d]);
            REQUIRE(memcmp(im->raw + (size_t)i * size, want, size) == 0,
                    "%.17g as %s is %.17g, not %.17g", values[i], gwt_dtype_name(all_dtypes[d]),
                    image_get(im, 0, 0, i), sample_get(all_dtypes[d], want, 0));
        }
        image_free(im);
        if (is_float(all_dtypes[d])) continue;
        assert_false(gwt_save(a, temp_path("types.tif"), .dtype = all_dtypes[d]));
        EXPECT_ERROR(g, GWT_E_NODATA, NULL);
        assert_false(file_exists(temp_path("types.tif")));
        assert_false(file_exists(temp_path("types.tif.part")));
    }
    // A float without a nodata value keeps its NaN.
    image *im = saved(g, a, (gwt_save_options){ .dtype = GWT_FLOAT32 });
    assert_true(isnan(image_get(im, 0, 0, 23)));
    image_free(im);
    assert_int_equal(gwt_end(g), 0);
}

// ---- time -------------------------------------------------------------------------------------

static void times_become_bands(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    double values[2][2 * 12];
    gwt_array *arrays[2];
    for (int t = 0; t < 2; t++) {
        for (int i = 0; i < 24; i++) values[t][i] = 100 * t + 50 * (i / 12) + i % 12;
        arrays[t] = array_of(g, &(tiff_spec){ .width = 4, .height = 3, .bands = 2,
                             .dtype = GWT_UINT8 }, values[t]);
    }
    gwt_array *stack = gwt_stack(arrays, 2, GWT_TIME);
    for (int planar = 0; planar < 2; planar++) {
        image *im = saved(g, stack, (gwt_save_options){ .interleave = planar ? GWT_PLANAR
                                                                             : GWT_PIXEL });
        assert_int_equal(im->bands, 4);
        for (int b = 0; b < 4; b++)
            for (int i = 0; i < 12; i++)
                assert_int_equal(image_get(im, b, i / 4, i % 4), values[b / 2][b % 2 * 12 + i]);
        image_free(im);
    }
    assert_int_equal(gwt_end(g), 0);
}

// ---- replacing --------------------------------------------------------------------------------

static void replaced_as_a_whole(void **state)
{
    (void)state;
    const char *out = temp_path("replace.tif"), *link_path = temp_path("replace_old.tif");
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = scene(g, 1, NULL, NULL, NULL);
    assert_true(gwt_save(a, out));
    size_t old_size, size;
    unsigned char *old = file_read(out, &old_size);
    assert_int_equal(link(out, link_path), 0);  // keeps the old file in sight

    assert_false(gwt_save(a, out, .compress = "lzw"));
    EXPECT_ERROR(g, GWT_E_EXISTS, "replace.tif");
    assert_true(files_equal(out, link_path));

    assert_true(gwt_save(a, out, .compress = "lzw", .overwrite = true));
    EXPECT_OK(g);
    unsigned char *linked = file_read(link_path, &size);
    assert_int_equal(size, old_size);
    assert_memory_equal(linked, old, size);  // the old file was never written to
    assert_false(files_equal(out, link_path));
    image *im = image_read(out);
    assert_int_equal(im->compression, COMPRESSION_LZW);
    image_free(im);
    free(old);
    free(linked);
    assert_false(file_exists(temp_path("replace.tif.part")));
    assert_int_equal(gwt_end(g), 0);
}

// Fails at one pixel in the last block, when nearly all has been written.
static void failure_leaves_the_old(void **state)
{
    (void)state;
    const char *out = temp_path("survivor.tif"), *copy = temp_path("survivor_copy.tif");
    gwt *g = gwt_begin(.num_workers = 3, .quiet = true);
    gwt_array *a = scene(g, 1, NULL, NULL, NULL);
    assert_true(gwt_save(a, out));
    assert_true(gwt_save(a, copy));
    assert_true(files_equal(out, copy));
    double *values = calloc(N, sizeof *values);
    values[N - 1] = NAN;
    gwt_array *bad = array_of(g, &(tiff_spec){ .width = W, .height = H, .dtype = GWT_FLOAT32 },
                              values);
    free(values);
    assert_false(gwt_save(bad, out, .dtype = GWT_UINT8, .overwrite = true, .tile_size = 16));
    EXPECT_ERROR(g, GWT_E_NODATA, NULL);
    assert_true(files_equal(out, copy));
    assert_false(file_exists(temp_path("survivor.tif.part")));
    // And there where nothing was, nothing is.
    assert_false(gwt_save(bad, temp_path("none.tif"), .dtype = GWT_UINT8, .tile_size = 16));
    EXPECT_ERROR(g, GWT_E_NODATA, NULL);
    assert_false(file_exists(temp_path("none.tif")));
    assert_false(file_exists(temp_path("none.tif.part")));
    assert_int_equal(gwt_end(g), 0);
}

// A file may not grow beyond so many bytes: what a full disk looks like to the writer.
static bool save_within(gwt_array *a, const char *path, const gwt_save_options *options,
                        rlim_t bytes)
{
    struct rlimit before, now;
    getrlimit(RLIMIT_FSIZE, &before);
    now = before;
    now.rlim_cur = bytes;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &now);
    bool saved = gwt_save_with(a, path, options);
    setrlimit(RLIMIT_FSIZE, &before);
    return saved;
}

// Whenever the disk is full, be it at the last byte: an error, the old file, and a .part only with
// the journal that says how far it is good.
static void disk_full(void **state)
{
    (void)state;
    const char *out = temp_path("full.tif"), *copy = temp_path("full_copy.tif"),
               *part = temp_path("full.tif.part"), *journal = temp_path("full.tif.part.journal");
    const gwt_save_options options = { .tile_size = 16, .compress = "lzw", .overwrite = true };
    for (int workers = 1; workers <= 8; workers += 7) {
        gwt *g = gwt_begin(.num_workers = workers, .quiet = true);
        gwt_array *a = scene(g, 2, &geo_utm, "3", NULL), *old = gwt_sqrt(a);
        assert_true(gwt_save_with(a, copy, &options));
        size_t size;
        free(file_read(copy, &size));
        assert_true(gwt_save_with(old, out, &options));
        assert_true(gwt_save_with(old, copy, &options));
        const rlim_t limits[] = { 0, 1, 100, size / 4, size / 2, size - 1000, size - 10, size - 1 };
        for (size_t i = 0; i < COUNT_OF(limits); i++) {
            REQUIRE(!save_within(a, out, &options, limits[i]), "%d workers: saved in %d bytes",
                    workers, (int)limits[i]);
            EXPECT_ERROR(g, GWT_E_IO, "full.tif");
            assert_true(files_equal(out, copy));
            assert_true(file_exists(part) == file_exists(journal));
            assert_true(file_exists(part) == (limits[i] > 100));
        }
        assert_true(save_within(a, out, &options, size));  // and there it fits
        EXPECT_OK(g);
        assert_false(file_exists(part) || file_exists(journal));
        assert_false(files_equal(out, copy));
        assert_int_equal(gwt_end(g), 0);
    }
}

// What has the name of a part, and may be somebody's, goes when that is asked for.
static void a_stale_part(void **state)
{
    (void)state;
    const char *out = temp_path("stale.tif"), *part = temp_path("stale.tif.part");
    char junk[100000] = "left by somebody";
    file_write(part, junk, sizeof junk);
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = scene(g, 1, NULL, NULL, NULL);
    assert_false(gwt_save(a, out));
    EXPECT_ERROR(g, GWT_E_EXISTS, "stale.tif.part");
    assert_true(file_exists(part));
    assert_true(gwt_save(a, out, .overwrite = true));
    EXPECT_OK(g);
    assert_false(file_exists(part));
    assert_true(gwt_save(a, temp_path("fresh.tif")));
    assert_true(files_equal(out, temp_path("fresh.tif")));
    assert_int_equal(gwt_end(g), 0);
}

// ---- progress ---------------------------------------------------------------------------------

// A bar is for terminals.
static void no_bar_in_a_file(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = scene(g, 1, NULL, NULL, NULL);
    fflush(stderr);
    int kept = dup(2);
    FILE *f = fopen(temp_path("stderr.txt"), "w");
    assert_non_null(f);
    dup2(fileno(f), 2);
    bool done = gwt_save(a, temp_path("progress.tif"), .progress = true);
    void *got = gwt_compute(a, .progress = true);
    fflush(stderr);
    dup2(kept, 2);
    close(kept);
    fclose(f);
    gwt_free(got);
    size_t size;
    unsigned char *text = file_read(temp_path("stderr.txt"), &size);
    REQUIRE(done && size == 0, "%d bytes on stderr: %s", (int)size, (const char *)text);
    free(text);
    assert_int_equal(gwt_end(g), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_file),
        cmocka_unit_test(bands_and_blocks),
        cmocka_unit_test(tiny_images),
        cmocka_unit_test(big_or_classic),
        cmocka_unit_test(geo_keys_are_carried),
        cmocka_unit_test(nodata_is_written),
        cmocka_unit_test(metadata_is_written),
        cmocka_unit_test(names_are_kept),
        cmocka_unit_test(compressions_there_are),
        cmocka_unit_test(levels),
        cmocka_unit_test(predictors),
        cmocka_unit_test(a_predictor_pays),
        cmocka_unit_test(types_are_converted),
        cmocka_unit_test(times_become_bands),
        cmocka_unit_test(replaced_as_a_whole),
        cmocka_unit_test(failure_leaves_the_old),
        cmocka_unit_test(disk_full),
        cmocka_unit_test(a_stale_part),
        cmocka_unit_test(no_bar_in_a_file),
    };
    return cmocka_run_group_tests_name("write", tests, temp_begin, temp_end);
}
