// test_metadata.c - what a file says besides its pixels and their place: how it is read, and what
// of it a copy has. Files are written, and outputs read, by plain libtiff.

#include "support.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { W = 20, H = 12, N = W * H };

static gwt *session(void) { return gwt_begin(.num_workers = 2, .quiet = true); }

// `bands` bands of W x H pixels of 1, 2, .. as a TIFF with that GDAL_METADATA.
static const char *made(const char *name, gwt_dtype dtype, int bands, const char *nodata,
                        const char *metadata)
{
    double values[8 * N];
    const char *path = temp_path("%s", name);
    tiff_spec s = { .width = W, .height = H, .bands = bands, .dtype = dtype, .nodata = nodata,
                    .metadata = metadata };
    for (int i = 0; i < bands * N; i++) values[i] = i % 100 + 1;
    tiff_write_values(path, &s, values);
    return path;
}

static bool has_tag(const gwt_array *a, const char *tag)
{
    for (const char *const *t = gwt_describe(a)->tags; *t; t++)
        if (!strcmp(*t, tag)) return true;
    return false;
}

// ---- items ------------------------------------------------------------------------------------

// An item belongs to its domain however long the domain's name is, and is not lost for the length
// of its own.
static void long_names(void **state)
{
    (void)state;
    static const int lengths[] = { 1, 63, 64, 65, 255, 256, 4000 };
    gwt *g = session();
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        char name[4001] = { 0 }, xml[9000], tag[4100];
        memset(name, 'D', (size_t)lengths[i]);
        snprintf(xml, sizeof xml, "<GDALMetadata><Item name=\"LEAK\" domain=\"%s\">x</Item>"
                 "<Item name=\"%s\">own</Item></GDALMetadata>", name, name);
        snprintf(tag, sizeof tag, "%s=own", name);
        gwt_array *a = gwt_open(g, made("long.tif", GWT_UINT8, 1, NULL, xml));
        EXPECT_OK(g);
        REQUIRE(!has_tag(a, "LEAK=x"), "an item of a domain of %d characters is in the default one",
                lengths[i]);
        REQUIRE(has_tag(a, tag), "an item with a name of %d characters is lost", lengths[i]);
    }
    gwt_end(g);
}

// Attributes are told apart where one's value looks like another.
static void attributes_in_values(void **state)
{
    (void)state;
    gwt *g = session();
    gwt_array *a = gwt_open(g, made("quoted.tif", GWT_UINT8, 1, NULL,
        "<GDALMetadata><Item name='A domain=\"no\"'>1</Item>"
        "<Item\n\tdomain = 'D'  name = \"B\">2</Item><Item sample='0' name='C'>3</Item>"
        "<ItemX name=\"E\">5</ItemX><Item name=\"F\" domain=\"\">6</Item></GDALMetadata>"));
    EXPECT_OK(g);
    assert_true(has_tag(a, "A domain=\"no\"=1"));
    assert_true(has_tag(a, "F=6"));
    for (const char *const *t = gwt_describe(a)->tags; *t; t++)
        REQUIRE(!strchr("BCE", (*t)[0]), "%s is among the tags", *t);
    gwt_end(g);
}

// ---- names ------------------------------------------------------------------------------------

// Of three bands two have a description, one of them a number's.
static const char described[] =
    "<GDALMetadata><Item name=\"DESCRIPTION\" sample=\"0\" role=\"description\">3</Item>"
    "<Item name=\"DESCRIPTION\" sample=\"2\" role=\"description\">nir</Item></GDALMetadata>";

static void check_named(const gwt_array *a, const char *flags)
{
    const gwt_info *info = gwt_describe(a);
    for (int64_t b = 0; b < info->shape[1]; b++)
        REQUIRE(info->named[b] == (flags[b] == 'y'), "band %d is %snamed", (int)b + 1,
                info->named[b] ? "" : "not ");
    assert_int_equal(info->bands_named, strchr(flags, 'y') != NULL);
}

// Which bands have a name of their own: it goes with them.
static void bands_without_names(void **state)
{
    (void)state;
    gwt *g = session();
    gwt_array *a = gwt_open(g, made("three.tif", GWT_UINT8, 3, NULL, described));
    EXPECT_OK(g);
    check_named(a, "yny");
    assert_string_equal(gwt_describe(a)->band_names[1], "2");
    check_named(gwt_sel(a, "nir", "2"), "yn");
    check_named(gwt_sel(a, "2"), "n");
    check_named(gwt_window(a, 1, 1, 4, 4), "yny");
    check_named(gwt_cast(a, GWT_INT16), "yny");
    check_named(gwt_add(a, gwt_number(g, 1)), "yny");
    gwt_array *four = gwt_stack((gwt_array *[]){ gwt_sel(a, "2"), a }, 2, GWT_BAND);
    check_named(four, "nyny");
    assert_string_equal(gwt_describe(four)->band_names[0], "1");
    assert_string_equal(gwt_describe(four)->band_names[3], "nir");
    check_named(gwt_stack((gwt_array *[]){ a, a }, 2, GWT_TIME), "yny");
    check_named(gwt_set_nodata(a, .src_nodata = gwt_some(1), .dst_nodata = gwt_some(0)), "yny");
    check_named(gwt_rename(a, (const char *const[]){ "x", "2", "y", NULL }), "yyy");
    check_named(gwt_reduce(a, GWT_BAND, GWT_MEAN), "n");
    check_named(gwt_number(g, 1), "n");
    EXPECT_OK(g);
    gwt_end(g);
}

// A copy describes the bands that were, and no other.
static void copied_names(void **state)
{
    (void)state;
    gwt *g = session();
    const char *out = temp_path("named.tif");
    gwt_array *a = gwt_open(g, made("three.tif", GWT_UINT8, 3, NULL, described));
    assert_true(gwt_save(a, out));
    image *im = image_read(out);
    const char *const wanted[] = { "3", NULL, "nir" };
    for (int b = 0; b < 3; b++) {
        char *text = metadata_item(im->metadata, "DESCRIPTION", b, "description");
        REQUIRE(wanted[b] ? text && !strcmp(text, wanted[b]) : !text, "band %d is described as %s",
                b + 1, text ? text : "nothing");
        free(text);
    }
    image_free(im);
    EXPECT_OK(g);
    gwt_end(g);
}

// ---- nodata -----------------------------------------------------------------------------------

// Texts of GDAL_NODATA as other programs and systems write them.
static void nodata_texts(void **state)
{
    (void)state;
    static const struct { const char *text; double value; const char *said; } cases[] = {
        { "1.#INF", INFINITY, "inf" }, { "-1.#INF", -INFINITY, "-inf" },
        { "1.#INF00", INFINITY, "inf" }, { "-1.#INF000e+000", -INFINITY, "-inf" },
        { "-1.#IND", NAN, "nan" }, { "1.#QNAN", NAN, "nan" }, { "-1.#QNAN", NAN, "nan" },
        { "1.#QNAN0", NAN, "nan" }, { "1.#SNAN", NAN, "nan" }, { "1.#IND", NAN, "nan" },
        { "nan", NAN, "nan" }, { "-nan", NAN, "nan" }, { "NaN", NAN, "nan" },
        { "-nan(ind)", NAN, "nan" }, { "inf", INFINITY, "inf" }, { "-inf", -INFINITY, "-inf" },
        { "-Infinity", -INFINITY, "-inf" }, { " -9999 ", -9999, "-9999" }, { "0", 0, "0" },
        { "-1.5e-3", -0.0015, "-0.0015" }
    };
    static const char *const none[] = { "", "none", "1.#", "1.#INFX", "2.#INF", "1.#QNANX", "12x" };
    gwt *g = session();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        gwt_array *a = gwt_open(g, made("nodata.tif", GWT_FLOAT32, 1, cases[i].text, NULL));
        EXPECT_OK(g);
        const gwt_info *info = gwt_describe(a);
        REQUIRE(info->nodata.set && same_double(info->nodata.value, cases[i].value),
                "\"%s\" is read as %s%g", cases[i].text, info->nodata.set ? "" : "none, ",
                info->nodata.value);
        REQUIRE(!strcmp(info->nodata_text, cases[i].said), "\"%s\" is said to be \"%s\"",
                cases[i].text, info->nodata_text);
    }
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        const gwt_info *info =
            gwt_describe(gwt_open(g, made("nodata.tif", GWT_FLOAT32, 1, none[i], NULL)));
        REQUIRE(!info->nodata.set && !info->nodata_text[0], "\"%s\" is read as %g", none[i],
                info->nodata.value);
    }
    EXPECT_OK(g);
    gwt_end(g);
}

// ---- nodata of 64 bits ------------------------------------------------------------------------

typedef struct wide { gwt_dtype dtype; const char *text; uint64_t bits; } wide;

// Nodata values that no double is, and the samples around them that are the same double.
static const wide wides[] = {
    { GWT_UINT64, "18446744073709551615", UINT64_MAX },
    { GWT_UINT64, "18446744073709551614", UINT64_MAX - 1 },
    { GWT_UINT64, "9223372036854775807", INT64_MAX },
    { GWT_UINT64, "9007199254740993", ((uint64_t)1 << 53) + 1 },
    { GWT_INT64, "9223372036854775807", INT64_MAX },
    { GWT_INT64, "-9223372036854775807", (uint64_t)-INT64_MAX },
    { GWT_INT64, "-9223372036854775808", (uint64_t)1 << 63 },
    { GWT_INT64, "-9007199254740993", (uint64_t)0 - (((uint64_t)1 << 53) + 1) },
    { GWT_UINT64, "0", 0 }, { GWT_INT64, "-1", UINT64_MAX }
};

static const char *wide_file(const wide *w, uint64_t *samples)
{
    static int number;
    const char *path = temp_path("wide%d.tif", number++);
    tiff_spec s = { .width = W, .height = H, .dtype = w->dtype, .nodata = w->text,
                    .tile_width = 16, .tile_height = 16 };
    for (int i = 0; i < N; i++) samples[i] = w->bits + (uint64_t)(i % 5) - 2;
    tiff_write(path, &s, samples);
    return path;
}

static bool is_missing(int i) { return i % 5 == 2; }

// Exactly the pixels of that value are missing: 4 of 5 around it are not.
static void wide_nodata(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT_OF(wides); k++) {
        const wide *w = &wides[k];
        uint64_t samples[N];
        gwt *g = session();
        gwt_array *a = gwt_open(g, wide_file(w, samples));
        EXPECT_OK(g);
        REQUIRE(!strcmp(gwt_describe(a)->nodata_text, w->text), "%s is said to be %s", w->text,
                gwt_describe(a)->nodata_text);
        uint8_t *valid = gwt_compute(gwt_valid(a));
        for (int i = 0; i < N; i++)
            REQUIRE(valid[i] == !is_missing(i), "nodata %s: pixel %d is %s", w->text, i,
                    valid[i] ? "valid" : "missing");
        gwt_free(valid);
        valid = gwt_compute(gwt_valid(gwt_window(gwt_stack((gwt_array *[]){ a, a }, 2, GWT_TIME),
                                                 0, 0, H, W)));
        for (int i = 0; i < 2 * N; i++) assert_int_equal(valid[i], !is_missing(i % N));
        gwt_free(valid);
        // The array's own value, handed in by the caller.
        valid = gwt_compute(gwt_valid(gwt_open(g, wide_file(w, samples),
                                               .nodata = gwt_describe(a)->nodata)));
        for (int i = 0; i < N; i++) assert_int_equal(valid[i], !is_missing(i));
        gwt_free(valid);
        gwt_summary summary;
        assert_true(gwt_summarize(a, &summary));
        assert_int_equal(summary.count, N - (N + 2) / 5);
        EXPECT_OK(g);
        gwt_end(g);
    }
}

// A copy has the same samples and the same text; a result that is missing there has that value.
static void wide_copies(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT_OF(wides); k++) {
        const wide *w = &wides[k];
        uint64_t samples[N];
        gwt *g = session();
        gwt_array *a = gwt_open(g, wide_file(w, samples));
        const char *copy = temp_path("copy.tif"), *least = temp_path("least.tif");
        assert_true(gwt_save(a, copy, .overwrite = true));
        assert_true(gwt_save(gwt_min(a, a), least, .overwrite = true));
        image *im = image_read(copy), *min = image_read(least);
        REQUIRE(im->nodata && !strcmp(im->nodata, w->text), "nodata %s is copied as %s", w->text,
                im->nodata);
        assert_memory_equal(im->raw, samples, sizeof samples);
        assert_string_equal(min->nodata, w->text);
        for (int i = 0; i < N; i++)
            if (is_missing(i)) assert_int_equal(((uint64_t *)(void *)min->raw)[i], w->bits);
        image_free(im);
        image_free(min);
        EXPECT_OK(g);
        gwt_end(g);
    }
}

// Of the same type and bits: blocks, tiles that are absent, and tiles that could not be read.
static bool first_is_absent(uint32_t tile) { return tile == 0; }

static int count_missing(const gwt_block *block, void *user)
{
    double row[W];
    int *missing = user;
    for (int64_t r = 0; r < block->rows; r++) {
        gwt_block_row(block, 0, r, row);
        for (int64_t c = 0; c < block->cols; c++) *missing += isnan(row[c]);
    }
    return 0;
}

static void wide_elsewhere(void **state)
{
    (void)state;
    const wide *w = &wides[1];
    uint64_t samples[N];
    for (int i = 0; i < N; i++) samples[i] = UINT64_MAX - (uint64_t)(i % 2);
    const char *path = temp_path("absent.tif");
    tiff_spec s = { .width = W, .height = H, .dtype = w->dtype, .nodata = w->text, .tile_width = 16,
                    .tile_height = 16, .absent = first_is_absent };
    tiff_write(path, &s, samples);
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = gwt_open(g, path);
    uint64_t *got = gwt_compute(a);
    assert_true(got[0] == w->bits && got[15] == w->bits && got[16] == UINT64_MAX);
    gwt_free(got);
    int missing = 0;
    assert_int_equal(gwt_map_blocks(a, count_missing, &missing, .row_chunks = H, .col_chunks = W),
                     1);
    assert_int_equal(missing, 16 * H + (W - 16) * H / 2);
    // Another type can't hold it, or holds what it is rounded to.
    assert_false(gwt_describe(gwt_cast(a, GWT_INT32))->nodata.set);
    assert_string_equal(gwt_describe(gwt_cast(a, GWT_FLOAT64))->nodata_text,
                        "1.8446744073709552e+19");
    EXPECT_OK(g);
    gwt_end(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_names),
        cmocka_unit_test(attributes_in_values),
        cmocka_unit_test(bands_without_names),
        cmocka_unit_test(copied_names),
        cmocka_unit_test(nodata_texts),
        cmocka_unit_test(wide_nodata),
        cmocka_unit_test(wide_copies),
        cmocka_unit_test(wide_elsewhere),
    };
    return cmocka_run_group_tests_name("metadata", tests, temp_begin, temp_end);
}
