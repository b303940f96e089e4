// test_metadata.c - what a file says besides its pixels and their place: how it is read, and what
// of it a copy has. Files are written, and outputs read, by plain libtiff.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    check_named(gwt_rename_bands(a, (const char *const[]){ "x", "2", "y", NULL }), "yyy");
    check_named(gwt_reduce(a, GWT_BAND, GWT_MEAN), "n");
    check_named(gwt_number(g, 1), "n");
    EXPECT_OK(g);
    gwt_end(g);
}

// A copy describes the bands that were, and no other.
// A time that has a date names its bands by it; numbers of times are no names.
static void names_of_times(void **state)
{
    (void)state;
    static const char *const dates[] = { "2016-05-17", "2024Q2", NULL };
    static const char *const some[] = { "red", NULL };
    static const char *const want[][4] = {
        { "2016-05-17 red", "2016-05-17", "2024Q2 red", "2024Q2" }, { "red", "2", "red", "4" }
    };
    gwt *g = session();
    gwt_array *a = gwt_open(g, made("dated.tif", GWT_UINT8, 2, NULL, NULL));
    gwt_array *red = gwt_rename_bands(gwt_sel_bands(a, (const char *const[]){ "1", NULL }), some);
    gwt_array *other = gwt_sel_bands(a, (const char *const[]){ "2", NULL });
    gwt_array *one = gwt_stack((gwt_array *[]){ red, other }, 2, GWT_BAND);
    for (int k = 0; k < 2; k++) {
        gwt_array *all = gwt_stack((gwt_array *[]){ one, one }, 2, GWT_TIME);
        if (k == 0) all = gwt_rename_times(all, dates);
        gwt_save(all, temp_path("times.tif"), .overwrite = true);
        gwt_array *back = gwt_open(g, temp_path("times.tif"));
        EXPECT_OK(g);
        for (int b = 0; b < 4; b++)
            assert_string_equal(gwt_describe(back)->band_names[b], want[k][b]);
    }
    assert_int_equal(gwt_end(g), 0);
}

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
        // The integer as the caller writes it.
        gwt_optional given = w->dtype == GWT_INT64 ? gwt_some_int64((int64_t)w->bits)
                                                   : gwt_some_uint64(w->bits);
        const char *path = wide_file(w, samples);
        valid = gwt_compute(gwt_valid(gwt_open(g, path, .nodata = given)));
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
    assert_int_equal(gwt_map_blocks(a, count_missing, &missing, .block_rows = H, .block_cols = W),
                     1);
    assert_int_equal(missing, 16 * H + (W - 16) * H / 2);
    // Another type can't hold it, or holds what it is rounded to.
    assert_false(gwt_describe(gwt_cast(a, GWT_INT32))->nodata.set);
    assert_string_equal(gwt_describe(gwt_cast(a, GWT_FLOAT64))->nodata_text,
                        "1.8446744073709552e+19");
    EXPECT_OK(g);
    gwt_end(g);
}

// ---- pictures: TIFFs as others write them -----------------------------------------------------

enum { TAG_METADATA = 42112, TAG_NODATA = 42113, TAG_RPC = 50844 };

typedef struct picture {
    gwt_dtype dtype;           // 0: uint8
    int bands;                 // 0: 1
    int photometric;           // 0: black is zero
    bool white;                // white is zero
    int inks;                  // InkSet; 0: no tag
    int extras;
    uint16_t extra[4];
    uint16_t brightest;        // 0: no palette; its last shade
    const char *texts;         // of all of TIFF's tags for text, XMP and ICC; NULL: none
    float per_cm;              // pixels from left to right; 0: not said
    double rpc;                // first of 92 numbers; 0: none
    const char *metadata, *nodata;
    int width, height;         // 0: W x H
    const geo_tags *geo;
    uint32_t second;           // NewSubfileType of a second directory; 0: there is none
} picture;

static const uint32_t text_tags[] = {
    TIFFTAG_DOCUMENTNAME, TIFFTAG_IMAGEDESCRIPTION, TIFFTAG_SOFTWARE, TIFFTAG_DATETIME,
    TIFFTAG_ARTIST, TIFFTAG_HOSTCOMPUTER, TIFFTAG_COPYRIGHT
};

static void teach(TIFF *t)
{
    static char names[6][12] = { "metadata", "nodata", "rpc", "scale", "tiepoint", "keys" };
    const TIFFFieldInfo fields[] = {
        { TAG_METADATA, -1, -1, TIFF_ASCII, FIELD_CUSTOM, 1, 0, names[0] },
        { TAG_NODATA, -1, -1, TIFF_ASCII, FIELD_CUSTOM, 1, 0, names[1] },
        { TAG_RPC, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, names[2] },
        { 33550, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, names[3] },
        { 33922, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, names[4] },
        { 34735, -1, -1, TIFF_SHORT, FIELD_CUSTOM, 1, 1, names[5] },
    };
    TIFFMergeFieldInfo(t, fields, COUNT_OF(fields));
}

// Red, green and blue of shade i of n.
static void shade(int i, int n, uint16_t brightest, uint16_t *rgb)
{
    for (int c = 0; c < 3; c++) rgb[c] = (uint16_t)(i * (c + 1) * 7 % 65000);
    if (i == n - 1) rgb[0] = brightest;
}

static void set_picture(TIFF *t, const picture *p)
{
    int bands = p->bands ? p->bands : 1;
    gwt_dtype dtype = p->dtype ? p->dtype : GWT_UINT8;
    TIFFSetField(t, TIFFTAG_IMAGEWIDTH, p->width ? p->width : W);
    TIFFSetField(t, TIFFTAG_IMAGELENGTH, p->height ? p->height : H);
    TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, p->height ? p->height : H);
    TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, bands);
    TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, (int)(8 * sample_size(dtype)));
    TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, is_float(dtype) ? SAMPLEFORMAT_IEEEFP
                                                          : SAMPLEFORMAT_UINT);
    TIFFSetField(t, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC, p->white         ? PHOTOMETRIC_MINISWHITE
                                         : p->photometric ? p->photometric
                                                          : PHOTOMETRIC_MINISBLACK);
    if (p->inks) TIFFSetField(t, TIFFTAG_INKSET, p->inks);
    if (p->extras) TIFFSetField(t, TIFFTAG_EXTRASAMPLES, p->extras, p->extra);
    int shades = 1 << (8 * sample_size(dtype));
    uint16_t *map = p->brightest ? malloc(3 * (size_t)shades * sizeof *map) : NULL, rgb[3];
    for (int i = 0; map && i < shades; i++) {
        shade(i, shades, p->brightest, rgb);
        for (int c = 0; c < 3; c++) map[c * shades + i] = rgb[c];
    }
    if (map) TIFFSetField(t, TIFFTAG_COLORMAP, map, map + shades, map + 2 * shades);
    free(map);
    for (size_t i = 0; p->texts && i < COUNT_OF(text_tags); i++)
        TIFFSetField(t, text_tags[i], text_tags[i] == TIFFTAG_DATETIME ? "2020:02:03 04:05:06"
                                                                       : p->texts);
    if (p->texts) TIFFSetField(t, TIFFTAG_XMLPACKET, strlen(p->texts), p->texts);
    if (p->texts) TIFFSetField(t, TIFFTAG_ICCPROFILE, strlen(p->texts), p->texts);
    if (p->per_cm > 0) TIFFSetField(t, TIFFTAG_XRESOLUTION, (double)p->per_cm);
    if (p->per_cm > 0) TIFFSetField(t, TIFFTAG_RESOLUTIONUNIT, RESUNIT_CENTIMETER);
    double rpc[92] = { p->rpc, 2, 3 };
    if (p->rpc != 0) TIFFSetField(t, TAG_RPC, 92, rpc);
    if (p->metadata) TIFFSetField(t, TAG_METADATA, p->metadata);
    if (p->nodata) TIFFSetField(t, TAG_NODATA, p->nodata);
    if (p->geo) {
        TIFFSetField(t, 33550, 3, p->geo->scale);
        TIFFSetField(t, 33922, 6, p->geo->tiepoint);
        TIFFSetField(t, 34735, p->geo->num_keys, p->geo->keys);
    }
}

// Pixels of it are 0, 1, 2, ..
static const char *drawn(const char *name, const picture *p)
{
    const char *path = temp_path("%s", name);
    TIFF *t = TIFFOpen(path, "w");
    gwt_dtype dtype = p->dtype ? p->dtype : GWT_UINT8;
    size_t n = (size_t)((p->width ? p->width : W) * (p->height ? p->height : H)
                        * (p->bands ? p->bands : 1)), bytes = n * sample_size(dtype);
    unsigned char *samples = malloc(bytes);
    for (size_t i = 0; i < n; i++) sample_set(dtype, samples, i, (double)(i % 200));
    teach(t);
    set_picture(t, p);
    REQUIRE(TIFFWriteEncodedStrip(t, 0, samples, (tmsize_t)bytes) > 0, "%s: not written", path);
    if (p->second) {
        picture two = { .width = p->width, .height = p->height };
        unsigned char mask[N] = { 1 };
        REQUIRE(TIFFWriteDirectory(t), "%s: no directory", path);
        set_picture(t, &two);
        TIFFSetField(t, TIFFTAG_SUBFILETYPE, p->second);
        REQUIRE(TIFFWriteEncodedStrip(t, 0, mask, N) > 0, "%s: no mask", path);
    }
    TIFFClose(t);
    free(samples);
    return path;
}

// What of these a file has. `metadata` is NULL without; the rest is of the open file.
typedef struct told {
    TIFF *t;
    uint16_t photometric, extras, *extra, *map[3];
    int bands;
    const char *metadata;
} told;

static told tell(const char *path)
{
    told r = { .t = TIFFOpen(path, "r") };
    uint16_t bands = 1;
    uint32_t n = 0;
    char *text = NULL;
    REQUIRE(r.t, "%s: libtiff can't read it", path);
    TIFFGetField(r.t, TIFFTAG_PHOTOMETRIC, &r.photometric);
    TIFFGetField(r.t, TIFFTAG_SAMPLESPERPIXEL, &bands);
    r.bands = bands;
    if (!TIFFGetField(r.t, TIFFTAG_EXTRASAMPLES, &r.extras, &r.extra)) r.extras = 0;
    if (!TIFFGetField(r.t, TIFFTAG_COLORMAP, &r.map[0], &r.map[1], &r.map[2])) r.map[0] = NULL;
    if (TIFFGetField(r.t, TAG_METADATA, &n, &text)) r.metadata = text;  // not taught: with a count
    return r;
}

// Save it (over the last one) and look.
static told saved(gwt_array *a, const gwt_save_options *more)
{
    gwt_save_options o = more ? *more : (gwt_save_options){ 0 };
    const char *path = temp_path("saved.tif");
    o.overwrite = true;
    REQUIRE(a, "there is no array");
    if (!gwt_save_with(a, path, &o)) FAIL("the array was not saved");
    return tell(path);
}

// Each line of `has` is in the metadata, none of `lacks` is.
static void check_items(told r, const char *what, const char *const *has, const char *const *lacks)
{
    const char *xml = r.metadata ? r.metadata : "";
    for (int i = 0; has && has[i]; i++)
        REQUIRE(strstr(xml, has[i]), "%s: no %s in %s", what, has[i], xml);
    for (int i = 0; lacks && lacks[i]; i++)
        REQUIRE(!strstr(xml, lacks[i]), "%s: %s in %s", what, lacks[i], xml);
    TIFFClose(r.t);
}

#define LIST(...) (const char *const[]){ __VA_ARGS__, NULL }

// ---- items of copies --------------------------------------------------------------------------

#define PLAIN "<Item name=\"SOURCE\">field &amp;amp; &amp;lt;survey&amp;gt;</Item>"
#define OTHER "<Item name=\"KEY\" domain=\"MINE\">a value</Item>"
#define XML "<Item name=\"doc\" domain=\"xml:A&amp;B\">&amp;lt;a&amp;gt;1&amp;lt;/a&amp;gt;</Item>"
#define QUOTED "<Item name=\"a&lt;b&quot;c\">x</Item>"
#define CHECKSUMS "<Item name=\"TILE_CRC32\" domain=\"GWT\">00000000</Item>"
#define STORED "<Item name=\"COMPRESSION\" domain=\"IMAGE_STRUCTURE\">LZW</Item>"
#define PLACED "<Item name=\"LINE_OFF\" domain=\"RPC\">7</Item>"
#define FIGURE "<Item name=\"STATISTICS_MINIMUM\" sample=\"0\">0</Item>"
#define UNIT0 "<Item name=\"UNITTYPE\" sample=\"0\" role=\"unittype\">m</Item>"
#define UNIT2 "<Item name=\"UNITTYPE\" sample=\"2\" role=\"unittype\">K</Item>"
#define BAND1 "<Item name=\"WAVELENGTH\" sample=\"1\">0.55</Item>"
#define BAND2 "<Item name=\"GAIN\" sample=\"2\" domain=\"CALIB\">2</Item>"

static const char *const kept[] = { PLAIN, OTHER, XML, QUOTED, PLACED, FIGURE, UNIT0, UNIT2, BAND1,
                                    BAND2, NULL };
static const char *const always[] = { PLAIN, OTHER, XML, QUOTED, UNIT0, UNIT2, BAND1, BAND2, NULL };
static const char *const of_pixels[] = { "STATISTICS", NULL };
static const char *const of_place[] = { "STATISTICS", "RPC", NULL };
static const char *const everything[] = {
    "SOURCE", "MINE", "xml:", "a&lt;b", "UNITTYPE", "WAVELENGTH", "CALIB", "STATISTICS", "RPC",
    "COLORINTERP", "name=\"B\"", NULL
};

static picture three(void)
{
    return (picture){ .bands = 3, .extras = 2, .nodata = "7", .geo = &geo_utm, .metadata =
        "<GDALMetadata>" PLAIN OTHER XML QUOTED CHECKSUMS STORED PLACED FIGURE UNIT0 UNIT2 BAND1
        BAND2 "</GDALMetadata>" };
}

// All that is true of the pixels is in a copy of them, and nothing that is the other file's.
static void copied_items(void **state)
{
    (void)state;
    static const char *const other_files[] = { "TILE_CRC32", "IMAGE_STRUCTURE", NULL };
    picture p = three();
    gwt *g = session();
    gwt_array *a = gwt_open(g, drawn("items.tif", &p));
    check_items(saved(a, NULL), "a copy", kept, other_files);
    check_items(saved(a, &(gwt_save_options){ .compress = "deflate", .tile_size = 16,
                                              .interleave = GWT_PLANAR }),
                "another layout", kept, other_files);
    check_items(saved(gwt_rechunk(a, 5, 5), NULL), "other chunks", kept, other_files);
    check_items(saved(gwt_calc(&a, 1, "a"), NULL), "a as an expression", kept, other_files);
    check_items(saved(gwt_sel(a, "1", "2", "3"), NULL), "all bands", kept, other_files);
    check_items(saved(gwt_cast(a, GWT_UINT8), NULL), "a cast to the same", kept, other_files);
    check_items(saved(gwt_window(a, 0, 0, H, W), NULL), "all of it", kept, other_files);
    check_items(saved(gwt_stack(&a, 1, GWT_TIME), NULL), "a stack of one", kept, other_files);
    // A tag that is given beats that of the file.
    check_items(saved(a, &(gwt_save_options){ .tags = LIST("SOURCE=lab") }), "a tag",
                LIST("<Item name=\"SOURCE\">lab</Item>", OTHER), LIST("survey"));
    EXPECT_OK(g);
    gwt_end(g);
}

static void other_pixels(void **state)
{
    (void)state;
    picture p = three();
    gwt *g = session();
    const char *path = drawn("items.tif", &p);
    gwt_array *a = gwt_open(g, path);
    check_items(saved(gwt_cast(a, GWT_INT16), NULL), "a cast", always, of_pixels);
    check_items(saved(a, &(gwt_save_options){ .dtype = GWT_FLOAT32 }), "another type", always,
                of_pixels);
    check_items(saved(gwt_open(g, path, .nodata = gwt_some(3)), NULL), "another nodata", always,
                of_pixels);
    check_items(saved(gwt_open(g, path, .nodata = gwt_some(7)), NULL), "the same nodata", kept,
                NULL);
    check_items(saved(gwt_set_nodata(a, .src_nodata = gwt_some(3), .dst_nodata = gwt_some(0)),
                      NULL), "set_nodata", always, of_pixels);
    check_items(saved(gwt_calc(&a, 1, "mask(a, 3)"), NULL), "mask", always, of_pixels);
    check_items(saved(gwt_window(a, 1, 0, 4, 4), NULL), "a window", always, of_place);
    check_items(saved(gwt_every(a, 2), NULL), "every second pixel", always, of_place);
    check_items(saved(gwt_regrid(a, .res = 45, .resampling = GWT_BILINEAR), NULL), "resampled",
                always, of_place);
    EXPECT_OK(g);
    gwt_end(g);
}

static int kernel(const gwt_kernel *k, void *user)
{
    (void)user;
    for (int64_t i = 0; i < k->planes_out * k->rows * k->cols; i++) k->out[i] = 1;
    return 0;
}

// Results of arithmetic are of another kind than what they were computed of.
static void results(void **state)
{
    (void)state;
    picture p = three();
    p.texts = "text";
    gwt *g = session();
    const char *path = drawn("items.tif", &p);
    gwt_array *a = gwt_open(g, path), *one = gwt_number(g, 1);
    gwt_array *const of[] = {
        gwt_add(a, one), gwt_max(a, one), gwt_abs(a), gwt_where(gwt_gt(a, one), a, one),
        gwt_valid(a), gwt_clip(a, 1, 5), gwt_reduce(a, GWT_BAND, GWT_MEAN),
        gwt_reduce(gwt_stack((gwt_array *[]){ a, a }, 2, GWT_TIME), GWT_TIME, GWT_MAX),
        gwt_moving(a, .statistic = GWT_MAX), gwt_apply(a, kernel, NULL, .nodata = gwt_some(0)),
        gwt_replace(a, (double[]){ 1 }, (double[]){ 2 }, 1), gwt_norm_diff(a, "1", "2"),
        gwt_set_nodata(a, .scale_factor = gwt_some(2), .dst_nodata = gwt_some(0)),
        gwt_open(g, path, .scale_data = true, .scale_factor = gwt_some(2))
    };
    for (size_t i = 0; i < COUNT_OF(of); i++) {
        char what[32], *text;
        snprintf(what, sizeof what, "result %zu", i);
        told r = saved(of[i], NULL);
        REQUIRE(!TIFFGetField(r.t, TIFFTAG_IMAGEDESCRIPTION, &text), "%s has a description", what);
        check_items(r, what, NULL, everything);
    }
    EXPECT_OK(g);
    gwt_end(g);
}

// What is said of a band goes where the band goes.
static void items_follow_bands(void **state)
{
    (void)state;
    picture p = three();
    gwt *g = session();
    gwt_array *a = gwt_open(g, drawn("items.tif", &p)), *picked = gwt_sel(a, "3", "1");
    const char *const swapped[] = {
        "<Item name=\"UNITTYPE\" sample=\"0\" role=\"unittype\">K</Item>",
        "<Item name=\"UNITTYPE\" sample=\"1\" role=\"unittype\">m</Item>",
        "<Item name=\"GAIN\" sample=\"0\" domain=\"CALIB\">2</Item>",
        "<Item name=\"STATISTICS_MINIMUM\" sample=\"1\">0</Item>", PLAIN, NULL
    };
    check_items(saved(picked, NULL), "bands 3 and 1", swapped, LIST("WAVELENGTH", "sample=\"2\""));
    gwt_array *computed = gwt_cast(gwt_add(gwt_sel(a, "1"), gwt_number(g, 1)), GWT_UINT8);
    check_items(saved(gwt_stack((gwt_array *[]){ computed, picked, gwt_sel(a, "2") }, 3, GWT_BAND),
                      NULL), "a stack of bands",
                LIST("<Item name=\"UNITTYPE\" sample=\"1\" role=\"unittype\">K</Item>",
                     "<Item name=\"UNITTYPE\" sample=\"2\" role=\"unittype\">m</Item>",
                     "<Item name=\"WAVELENGTH\" sample=\"3\">0.55</Item>"),
                LIST("sample=\"0\"", "SOURCE"));
    // Each time has the bands.
    check_items(saved(gwt_stack((gwt_array *[]){ picked, picked }, 2, GWT_TIME), NULL), "two times",
                LIST("<Item name=\"UNITTYPE\" sample=\"2\" role=\"unittype\">K</Item>", PLAIN),
                LIST("sample=\"4\""));
    EXPECT_OK(g);
    gwt_end(g);
}

#define SAME "<Item name=\"B\">same</Item><Item name=\"B\" sample=\"0\">here</Item>" \
    "<Item name=\"B\" domain=\"D\">too</Item>" UNIT0

// Of several files stays what all of them say.
static void items_of_several_files(void **state)
{
    (void)state;
    picture p = { .geo = &geo_utm, .texts = "both", .metadata =
        "<GDALMetadata><Item name=\"A\">1</Item>" SAME FIGURE "<Item name=\"C\">3</Item>"
        "<Item name=\"G\" sample=\"0\">1</Item></GDALMetadata>" };
    picture q = { .geo = &geo_utm, .texts = "both", .metadata =
        "<GDALMetadata><Item name=\"C\">4</Item>" SAME FIGURE "<Item name=\"D\">3</Item>"
        "<Item name=\"A\" domain=\"D\">1</Item><Item name=\"G\" sample=\"0\">2</Item>"
        "</GDALMetadata>" };
    const char *const common[] = {
        "<Item name=\"B\">same</Item>", "<Item name=\"B\" domain=\"D\">too</Item>",
        "<Item name=\"B\" sample=\"0\">here</Item>", UNIT0, NULL
    };
    gwt *g = session();
    const char *paths[] = { drawn("one.tif", &p), drawn("two.tif", &q), drawn("three.tif", &p) };
    const char *const own[] = { "\"A\"", "\"C\"", "name=\"D\"", "\"G\"", NULL };
    gwt_array *times = gwt_open_many(g, paths, 3, .stack = GWT_TIME);
    check_items(saved(times, NULL), "times", common, own);
    check_items(saved(gwt_open_many(g, paths, 3), NULL), "bands",
                LIST(common[0], common[1], common[2], "<Item name=\"G\" sample=\"1\">2</Item>",
                     "<Item name=\"G\" sample=\"2\">1</Item>"), LIST("\"A\"", "\"C\""));
    told mosaic = saved(gwt_open_many(g, paths, 3, .mosaic = true), NULL);
    char *text = NULL;
    REQUIRE(TIFFGetField(mosaic.t, TIFFTAG_COPYRIGHT, &text) && !strcmp(text, "both"),
            "the mosaic's copyright is %s", text);
    check_items(mosaic, "a mosaic", common,
                LIST(own[0], own[1], own[2], own[3], "STATISTICS_MINIMUM"));
    picture r = p;
    r.texts = "another", r.metadata = NULL;
    paths[2] = drawn("last.tif", &r);
    mosaic = saved(gwt_open_many(g, paths, 3, .mosaic = true, .overlap = GWT_FIRST), NULL);
    REQUIRE(!TIFFGetField(mosaic.t, TIFFTAG_COPYRIGHT, &text), "a copyright of some: %s", text);
    check_items(mosaic, "a mosaic of differing files", NULL, everything);
    EXPECT_OK(g);
    gwt_end(g);
}

// ---- texts, places ----------------------------------------------------------------------------

static bool has_text(TIFF *t, uint32_t tag, const char *wanted)
{
    char *text = NULL;
    uint32_t n = 0;
    if (tag == TIFFTAG_XMLPACKET || tag == TIFFTAG_ICCPROFILE)
        return TIFFGetField(t, tag, &n, &text) && n == strlen(wanted) && !memcmp(text, wanted, n);
    return TIFFGetField(t, tag, &text) && !strcmp(text, wanted);
}

// Numbers that a float has exactly come back as they were, from 2^-7 on.
static void resolutions(void **state)
{
    (void)state;
    static const float values[] = { 72, 300, 28.346457f, 118.110237f, 0.1f, 0.0078125f, 16777215,
                                    4294967040.0f };
    gwt *g = session();
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        picture p = { .per_cm = values[i] };
        told r = saved(gwt_open(g, drawn("scanned.tif", &p)), NULL);
        float got = 0, before = 0;
        uint16_t unit = 0;
        TIFF *t = TIFFOpen(temp_path("scanned.tif"), "r");  // what libtiff wrote
        TIFFGetField(t, TIFFTAG_XRESOLUTION, &before);
        TIFFClose(t);
        REQUIRE(TIFFGetField(r.t, TIFFTAG_XRESOLUTION, &got) == 1 && memcmp(&got, &before, 4) == 0,
                "%.9g is %.9g", (double)before, (double)got);
        REQUIRE(TIFFGetField(r.t, TIFFTAG_RESOLUTIONUNIT, &unit) == 1 && unit == RESUNIT_CENTIMETER,
                "the unit is %d", unit);
        got = 0;                // which libtiff makes up for the axis that is not there
        TIFFGetField(r.t, TIFFTAG_YRESOLUTION, &got);
        REQUIRE(!(got > 0), "the other axis has %g", (double)got);
        TIFFClose(r.t);
    }
    EXPECT_OK(g);
    gwt_end(g);
}

static void texts_of_tiff(void **state)
{
    (void)state;
    picture p = { .texts = "as was \xC3\xA9 written", .rpc = 1.5 };
    gwt *g = session();
    gwt_array *a = gwt_open(g, drawn("texts.tif", &p));
    gwt_array *of[] = { a, gwt_window(a, 0, 0, 4, 4), gwt_cast(a, GWT_FLOAT32) };
    for (size_t k = 0; k < COUNT_OF(of); k++) {
        told r = saved(of[k], &(gwt_save_options){ .bigtiff = k == 2 ? GWT_BIGTIFF_YES : 0 });
        for (size_t i = 0; i < COUNT_OF(text_tags); i++)
            REQUIRE(has_text(r.t, text_tags[i], text_tags[i] == TIFFTAG_DATETIME
                                                    ? "2020:02:03 04:05:06" : p.texts),
                    "copy %zu has not the tag %u", k, text_tags[i]);
        REQUIRE(has_text(r.t, TIFFTAG_XMLPACKET, p.texts), "copy %zu has not the XMP", k);
        REQUIRE(has_text(r.t, TIFFTAG_ICCPROFILE, p.texts), "copy %zu has not the ICC", k);
        uint32_t n = 0;
        double *rpc = NULL;
        bool there = TIFFGetField(r.t, TAG_RPC, &n, &rpc) == 1;
        REQUIRE(there == (k != 1), "copy %zu has %srational polynomials", k, there ? "" : "no ");
        if (there) assert_true(n == 92 && rpc[0] == 1.5 && rpc[2] == 3 && rpc[91] == 0);
        TIFFClose(r.t);
    }
    EXPECT_OK(g);
    gwt_end(g);
}

// ---- colours ----------------------------------------------------------------------------------

static void check_colours(told r, const char *what, int photometric, const char *extras)
{
    REQUIRE(r.photometric == photometric, "%s: photometric %d, not %d", what, r.photometric,
            photometric);
    REQUIRE(r.extras == strlen(extras), "%s: %d extra samples, not %zu", what, r.extras,
            strlen(extras));
    for (int i = 0; i < r.extras; i++)
        REQUIRE(r.extra[i] == extras[i] - '0', "%s: extra sample %d is %d, not %c", what, i,
                r.extra[i], extras[i]);
}

static void close_told(told r) { TIFFClose(r.t); }

#define INTERPRETED(sample, as) \
    "<Item name=\"COLORINTERP\" sample=\"" sample "\" role=\"colorinterp\">" as "</Item>"

static void colours_and_alpha(void **state)
{
    (void)state;
    picture p = { .bands = 4, .photometric = PHOTOMETRIC_RGB, .extras = 1,
                  .extra = { EXTRASAMPLE_UNASSALPHA } };
    gwt *g = session();
    gwt_array *a = gwt_open(g, drawn("rgba.tif", &p));
    struct { const char *what; gwt_array *a; int photometric; const char *extras, *has, *lacks; }
    cases[] = {
        { "a copy", a, PHOTOMETRIC_RGB, "2", "", "COLORINTERP" },
        { "a window", gwt_window(a, 1, 1, 5, 5), PHOTOMETRIC_RGB, "2", "", "COLORINTERP" },
        { "a cast", gwt_cast(a, GWT_UINT16), PHOTOMETRIC_RGB, "2", "", "COLORINTERP" },
        { "three bands", gwt_sel(a, "1", "2", "3"), PHOTOMETRIC_RGB, "", "", "COLORINTERP" },
        { "blue first", gwt_sel(a, "3", "2", "1"), PHOTOMETRIC_MINISBLACK, "00",
          INTERPRETED("0", "Blue") "\n  " INTERPRETED("1", "Green"), "Alpha" },
        { "red and alpha", gwt_sel(a, "1", "4"), PHOTOMETRIC_MINISBLACK, "2",
          INTERPRETED("0", "Red"), "Alpha" },
        { "alpha alone", gwt_sel(a, "4"), PHOTOMETRIC_MINISBLACK, "", INTERPRETED("0", "Alpha"),
          "Red" },
        { "alpha between", gwt_stack((gwt_array *[]){ a, a }, 2, GWT_BAND), PHOTOMETRIC_RGB,
          "20002", INTERPRETED("4", "Red"), "Alpha" },
        { "two times", gwt_stack((gwt_array *[]){ a, a }, 2, GWT_TIME), PHOTOMETRIC_RGB, "20002",
          INTERPRETED("6", "Blue"), "Alpha" },
        { "a sum", gwt_add(a, a), PHOTOMETRIC_MINISBLACK, "000", "", "COLORINTERP" },
        { "a mosaic", gwt_mosaic(&a, 1, GWT_REFERENCE, GWT_MEAN, GWT_NEAREST), PHOTOMETRIC_RGB, "2",
          "", "COLORINTERP" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        told r = saved(cases[i].a, NULL);
        check_colours(r, cases[i].what, cases[i].photometric, cases[i].extras);
        check_items(r, cases[i].what, LIST(cases[i].has), LIST(cases[i].lacks));
    }
    EXPECT_OK(g);
    gwt_end(g);
}

// Alpha that is multiplied in, white that is 0, four inks, and what only an item says.
static void other_colours(void **state)
{
    (void)state;
    gwt *g = session();
    picture p = { .bands = 4, .photometric = PHOTOMETRIC_RGB, .extras = 1,
                  .extra = { EXTRASAMPLE_ASSOCALPHA } };
    told r = saved(gwt_open(g, drawn("p.tif", &p)), NULL);
    check_colours(r, "associated alpha", PHOTOMETRIC_RGB, "1");
    close_told(r);
    p = (picture){ .white = true };
    r = saved(gwt_open(g, drawn("p.tif", &p)), NULL);
    check_colours(r, "white is 0", PHOTOMETRIC_MINISWHITE, "");
    close_told(r);
    p = (picture){ .bands = 4, .photometric = PHOTOMETRIC_SEPARATED };
    r = saved(gwt_open(g, drawn("p.tif", &p)), NULL);
    check_colours(r, "inks", PHOTOMETRIC_SEPARATED, "");
    close_told(r);
    p.inks = INKSET_MULTIINK;       // whose names are not copied: else it would be said to be CMYK
    r = saved(gwt_open(g, drawn("p.tif", &p)), NULL);
    check_colours(r, "other inks", PHOTOMETRIC_MINISBLACK, "000");
    close_told(r);
    p = (picture){ .bands = 2, .extras = 1, .extra = { EXTRASAMPLE_UNSPECIFIED }, .metadata =
        "<GDALMetadata>" INTERPRETED("0", "Pan") INTERPRETED("1", "Alpha") "</GDALMetadata>" };
    gwt_array *a = gwt_open(g, drawn("p.tif", &p));
    r = saved(a, NULL);
    check_colours(r, "said by items", PHOTOMETRIC_MINISBLACK, "2");
    check_items(r, "said by items", LIST(INTERPRETED("0", "Pan")), NULL);
    r = saved(gwt_sel(a, "2", "1"), NULL);
    check_colours(r, "swapped", PHOTOMETRIC_MINISBLACK, "0");
    check_items(r, "swapped", LIST(INTERPRETED("0", "Alpha"), INTERPRETED("1", "Pan")), NULL);
    // Tags that can't be: three colours in one band, a palette that is not there.
    p = (picture){ .photometric = PHOTOMETRIC_RGB };
    r = saved(gwt_open(g, drawn("p.tif", &p)), NULL);
    check_colours(r, "one band of three colours", PHOTOMETRIC_MINISBLACK, "");
    close_told(r);
    EXPECT_OK(g);
    gwt_end(g);
}

static void check_palette(told r, const char *what, int shades, int of, uint16_t brightest)
{
    uint16_t rgb[3];
    check_colours(r, what, shades ? PHOTOMETRIC_PALETTE : PHOTOMETRIC_MINISBLACK, "");
    REQUIRE((r.map[0] != NULL) == (shades > 0), "%s: there is %s palette", what,
            r.map[0] ? "a" : "no");
    for (int i = 0; i < shades; i++) {
        shade(i, of, brightest, rgb);
        for (int c = 0; c < 3; c++)
            REQUIRE(r.map[c][i] == (i < of ? rgb[c] : 0), "%s: shade %d has %d", what, i,
                    r.map[c][i]);
    }
    TIFFClose(r.t);
}

static void palettes(void **state)
{
    (void)state;
    gwt *g = session();
    picture p = { .photometric = PHOTOMETRIC_PALETTE, .brightest = 999, .geo = &geo_utm };
    const char *path = drawn("classes.tif", &p);
    gwt_array *a = gwt_open(g, path);
    check_palette(saved(a, NULL), "a copy", 256, 256, 999);
    check_palette(saved(gwt_window(a, 0, 0, 5, 5), NULL), "a window", 256, 256, 999);
    check_palette(saved(gwt_every(a, 3), NULL), "every third pixel", 256, 256, 999);
    check_palette(saved(gwt_regrid(a, .res = 45), NULL), "nearest", 256, 256, 999);
    check_palette(saved(gwt_cast(a, GWT_UINT16), NULL), "16 bits", 65536, 256, 999);
    check_palette(saved(a, &(gwt_save_options){ .dtype = GWT_UINT16 }), "saved as 16 bits", 65536,
                  256, 999);
    const char *twice[] = { path, path };
    gwt_array *files = gwt_open_many(g, twice, 2, .mosaic = true, .overlap = GWT_LAST);
    check_palette(saved(files, NULL), "a mosaic of the last", 256, 256, 999);
    check_palette(saved(gwt_regrid(a, .res = 45, .resampling = GWT_BILINEAR), NULL), "bilinear", 0,
                  0, 0);
    check_palette(saved(gwt_cast(a, GWT_FLOAT32), NULL), "floats", 0, 0, 0);
    check_palette(saved(gwt_cast(a, GWT_INT8), NULL), "int8", 0, 0, 0);
    check_palette(saved(gwt_add(a, a), NULL), "a sum", 0, 0, 0);
    told r = saved(gwt_stack((gwt_array *[]){ a, a }, 2, GWT_BAND), NULL);
    check_colours(r, "two bands", PHOTOMETRIC_MINISBLACK, "0");
    check_items(r, "two bands", NULL, LIST("Palette"));
    p.brightest = 998;
    const char *both[] = { path, drawn("others.tif", &p) };
    files = gwt_open_many(g, both, 2, .mosaic = true, .overlap = GWT_LAST);
    check_palette(saved(files, NULL), "a mosaic of other palettes", 0, 0, 0);
    p.dtype = GWT_UINT16;
    check_palette(saved(gwt_open(g, drawn("wide.tif", &p)), NULL), "a copy of 16 bits", 65536,
                  65536, 998);
    EXPECT_OK(g);
    gwt_end(g);
}

// ---- the same bytes, another job --------------------------------------------------------------

static const picture whole = {
    .width = 200, .height = 160, .photometric = PHOTOMETRIC_PALETTE, .brightest = 999,
    .texts = "one", .rpc = 2.5,
    .metadata = "<GDALMetadata>" PLAIN OTHER UNIT0 FIGURE "</GDALMetadata>"
};

static void same_bytes(void **state)
{
    (void)state;
    const char *path = drawn("whole.tif", &whole), *first = NULL;
    for (int i = 0; i < 6; i++) {
        gwt *g = gwt_begin(.num_workers = i % 3 + 1, .quiet = true);
        const char *out = temp_path("bytes%d.tif", i);
        assert_true(gwt_save(gwt_open(g, path, .chunks = 17 + 40 * i), out, .tile_size = 32,
                             .compress = "lzw"));
        if (!first) first = out;
        REQUIRE(files_equal(first, out), "%s differs", out);
        gwt_end(g);
    }
}

static int stop_late(const gwt_kernel *k, void *user)
{
    (void)user;
    for (int64_t i = 0; i < k->rows * k->cols; i++) k->out[i] = 1;
    return k->row >= 128;
}

// A picture, with the time of change it had when it was first drawn.
static const char *drawn_again(const picture *p, const struct timespec *changed)
{
    const char *path = drawn("job.tif", p);
    assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[2]){ *changed, *changed }, 0), 0);
    return path;
}

// Save a copy and a result; the kernel stops both, or not.
static bool save_both(gwt *g, const char *path, bool stops, bool resume)
{
    gwt_array *a = gwt_open(g, path);
    gwt_array *both[] = { a, gwt_apply(a, stops ? stop_late : kernel, NULL, .identity = "ones") };
    const char *const outs[] = { temp_path("job_a.tif"), temp_path("job_b.tif") };
    return gwt_save_many(both, outs, 2, .tile_size = 32, .resume = resume, .overwrite = !resume);
}

// What the input says is of the job: a save is not resumed when that has changed, were it the only
// thing that has.
static void metadata_is_of_the_job(void **state)
{
    (void)state;
    struct timespec then = { .tv_sec = 1600000000 };
    picture others[] = { whole, whole, whole, whole, whole };
    others[0].metadata = "<GDALMetadata>" PLAIN OTHER FIGURE UNIT0 "</GDALMetadata>";   // the same
    others[1].metadata = "<GDALMetadata>" PLAIN OTHER "<Item name=\"UNITTYPE\" sample=\"0\" "
                         "role=\"unittype\">K</Item>" FIGURE "</GDALMetadata>";
    others[2].brightest = 998;
    others[3].texts = "two";
    others[4].rpc = 3.5;
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
        const char *a = temp_path("job_a.tif"), *whole_a = temp_path("job_whole.tif");
        assert_true(gwt_save(gwt_open(g, drawn_again(&whole, &then)), whole_a, .tile_size = 32,
                             .overwrite = true));
        gwt_end(g);
        g = gwt_begin(.num_workers = 1, .quiet = true);
        remove(a);
        remove(temp_path("job_b.tif"));
        assert_false(save_both(g, drawn_again(&whole, &then), true, false));
        EXPECT_ERROR(g, GWT_E_USER, NULL);
        assert_true(file_exists(temp_path("job_a.tif.part")));
        gwt_end(g);
        g = gwt_begin(.num_workers = 1, .quiet = true);
        bool resumed = save_both(g, drawn_again(&others[i], &then), false, true);
        REQUIRE(resumed == (i == 0), "change %zu: %s", i, resumed ? "resumed" : gwt_message(g));
        if (resumed) assert_true(files_equal(a, whole_a));
        else EXPECT_ERROR(g, GWT_E_EXISTS, "another job");
        gwt_end(g);
    }
}

// ---- masks and alpha --------------------------------------------------------------------------

static void check_notes(const gwt *g, const char *what, const char *const *wanted)
{
    size_t n = 0;
    for (; wanted[n]; n++) {
        const char *note = gwt_note(g, n);
        REQUIRE(note && strstr(note, wanted[n]), "%s: note %zu is %s, has no %s", what, n, note,
                wanted[n]);
        REQUIRE(!strchr(note, '\n'), "%s: %s: more than one line", what, note);
    }
    REQUIRE(!gwt_note(g, n), "%s: a note more: %s", what, gwt_note(g, n));
}

// Where a mask lies that says what is missing, of what is made of its file, too; what it says is in
// test_masks.
static void masks(void **state)
{
    (void)state;
    picture p = { .second = FILETYPE_MASK }, none = { .second = FILETYPE_REDUCEDIMAGE },
            plain = { .nodata = "0" }, mask = { .metadata = "<GDALMetadata><Item name=\"INTERNAL_"
                                               "MASK_FLAGS_1\">2</Item></GDALMetadata>" };
    gwt *g = session();
    gwt_array *a = gwt_open(g, drawn("inside.tif", &p)), *c = gwt_open(g, drawn("no.tif", &none));
    drawn("beside.tif.msk", &mask);
    gwt_array *b = gwt_open(g, drawn("beside.tif", &plain));
    EXPECT_OK(g);
    assert_string_equal(gwt_describe(a)->mask, "directory 2");
    assert_string_equal(gwt_describe(b)->mask, "beside.tif.msk");
    assert_null(gwt_describe(c)->mask);
    assert_null(gwt_describe(NULL)->mask);
    assert_null(gwt_describe(gwt_open(g, temp_path("inside.tif"), .ignore_mask = true))->mask);
    assert_string_equal(gwt_describe(gwt_add(c, b))->mask, "beside.tif.msk");
    gwt_free(gwt_compute(gwt_add(a, b)));
    check_notes(g, "masks", LIST(NULL));
    EXPECT_OK(g);
    gwt_end(g);
    assert_null(gwt_note(NULL, 0));
}

// An alpha band is a band; that the others are not missing where it is 0 is said, but not of what
// has it still.
static void alpha_bands(void **state)
{
    (void)state;
    picture p = { .bands = 4, .photometric = PHOTOMETRIC_RGB, .extras = 1,
                  .extra = { EXTRASAMPLE_UNASSALPHA } };
    picture q = { .bands = 2, .metadata = "<GDALMetadata>" INTERPRETED("0", "Alpha")
                  "</GDALMetadata>" };
    const char *path = drawn("alpha.tif", &p), *other = drawn("first.tif", &q);
    gwt *g = session();
    gwt_array *a = gwt_open(g, path), *b = gwt_open(g, other);
    assert_int_equal(gwt_describe(a)->alpha_band, 4);
    assert_int_equal(gwt_describe(b)->alpha_band, 1);
    assert_int_equal(gwt_describe(gwt_sel(a, "4", "1"))->alpha_band, 1);
    assert_int_equal(gwt_describe(gwt_sel(a, "2", "1"))->alpha_band, 0);
    assert_int_equal(gwt_describe(gwt_add(a, a))->alpha_band, 0);
    assert_int_equal(gwt_describe(gwt_window(a, 0, 0, 3, 3))->alpha_band, 4);
    assert_int_equal(gwt_describe(NULL)->alpha_band, 0);
    assert_true(gwt_save(a, temp_path("m.tif"), .overwrite = true));
    assert_true(gwt_save(gwt_cast(gwt_sel(a, "1", "4"), GWT_INT16), temp_path("m.tif"),
                         .overwrite = true));
    gwt_free(gwt_compute(gwt_sel(a, "4")));
    check_notes(g, "copies", LIST(NULL));
    assert_true(gwt_save(gwt_sel(a, "1"), temp_path("m.tif"), .overwrite = true));
    check_notes(g, "one band", LIST("alpha.tif: its alpha (band 4) is not looked at"));
    gwt_summary summary[2];
    assert_true(gwt_summarize(b, summary));
    gwt_free(gwt_compute(gwt_add(a, a)));
    check_notes(g, "numbers", LIST("alpha.tif: ", "first.tif: its alpha (band 1)"));
    EXPECT_OK(g);
    gwt_end(g);
}

// ---- statistics -------------------------------------------------------------------------------

#define ITEM(name, value) "<Item name=\"STATISTICS_" name "\" sample=\"0\">" value "</Item>"
#define ITEMS(min, max, mean, std, percent) \
    ITEM("MINIMUM", min), ITEM("MAXIMUM", max), ITEM("MEAN", mean), ITEM("STDDEV", std), \
        ITEM("VALID_PERCENT", percent)

// Some pixels in a row, and what is to be said of them, worked out by hand.
typedef struct figures_case {
    const char *what;
    gwt_dtype dtype;
    gwt_optional nodata;
    int n;
    double pixels[8];
    const char *has[6];         // and of these names no others
} figures_case;

static const char *const but_percent[] = { "MINIMUM", "MAXIMUM", "MEAN", "STDDEV", NULL };

static void band_statistics(void **state)
{
    (void)state;
    const figures_case cases[] = {
        // var = 14 / 3 - (2 / 3)^2 = 38 / 9
        { "float32", GWT_FLOAT32, { 0 }, 4, { 1, 3, NAN, -2 },
          { ITEMS("-2", "3", "0.66666666666667", "2.0548046676563", "75") } },
        // 2, 2, 127: var = 16137 / 3 - (131 / 3)^2 = 31250 / 9
        { "rounded and held to the type", GWT_INT8, SOME(-128), 4, { 1.5, 2.5, 300, NAN },
          { ITEMS("2", "127", "43.666666666667", "58.925565098879", "75") } },
        { "stored as nodata", GWT_UINT8, SOME(0), 3, { 0.2, 5, 7 },
          { ITEMS("5", "7", "6", "1", "66.67") } },
        { "all valid", GWT_UINT16, { 0 }, 5, { 0, 0, 0, 0, 5 },
          { ITEMS("0", "5", "1", "2", "100") } },
        { "one value", GWT_FLOAT64, SOME(-1), 1, { 0.1 },
          { ITEMS("0.1", "0.1", "0.1", "0", "100") } },
        { "infinite ones", GWT_FLOAT32, { 0 }, 6, { 4, INFINITY, -INFINITY, 2, NAN, 3 },
          { ITEMS("2", "4", "3", "0.81649658092773", "83.33") } },
        { "all infinite", GWT_FLOAT64, { 0 }, 2, { INFINITY, INFINITY },
          { ITEM("VALID_PERCENT", "100") } },
        { "none valid", GWT_INT32, SOME(9), 3, { NAN, 9, NAN },
          { ITEM("VALID_PERCENT", "0") } },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (int sparse = 0; sparse < 2; sparse++) {
            const figures_case *c = &cases[i];
            gwt *g = session();
            gwt_array *a = gwt_from_memory(g, c->pixels, (size_t)c->n * sizeof *c->pixels,
                                           GWT_FLOAT64, ((const int64_t[4]){ 1, 1, 1, c->n }));
            check_items(saved(a, &(gwt_save_options){ .dtype = c->dtype, .nodata = c->nodata,
                                                      .sparse = sparse, .statistics = true }),
                        c->what, c->has, c->has[1] ? NULL : but_percent);
            EXPECT_OK(g);
            gwt_end(g);
        }
}

// Two bands of 81 tiles, 0 .. n - 1 each, but that one of a million is missing in the second one:
// which are not all of them.
static void statistics_of_many(void **state)
{
    (void)state;
    enum { EDGE = 1000, COUNT = EDGE * EDGE };
    static double pixels[2 * COUNT];
    for (int i = 0; i < 2 * COUNT; i++) pixels[i] = i % COUNT;
    pixels[2 * COUNT - 1] = -1;
    gwt *g = session();
    gwt_array *a = gwt_from_memory(g, pixels, sizeof pixels, GWT_FLOAT64,
                                   ((const int64_t[4]){ 1, 2, EDGE, EDGE }), .nodata = SOME(-1));
    for (int planar = 0; planar < 2; planar++) {
        gwt_save_options o = { .statistics = true, .tile_size = 112, .compress = "lzw",
                               .interleave = planar ? GWT_PLANAR : GWT_PIXEL };
        told r = saved(a, &o);
        for (int band = 0; band < 2; band++) {
            double n = COUNT - band, mean = (n - 1) / 2, std = sqrt((n * n - 1) / 12);
            char *is[] = { metadata_item(r.metadata, "STATISTICS_MEAN", band, NULL),
                           metadata_item(r.metadata, "STATISTICS_STDDEV", band, NULL),
                           metadata_item(r.metadata, "STATISTICS_VALID_PERCENT", band, NULL) };
            REQUIRE(fabs(strtod(is[0], NULL) - mean) <= 1e-12 * mean, "mean %s", is[0]);
            REQUIRE(fabs(strtod(is[1], NULL) - std) <= 1e-12 * std, "std %s", is[1]);
            assert_string_equal(is[2], band ? "99.999" : "100");
            for (int i = 0; i < 3; i++) free(is[i]);
        }
        TIFFClose(r.t);
    }
    EXPECT_OK(g);
    gwt_end(g);
}

// Statistics that were copied are not there a second time, nor others with them.
static void statistics_replace(void **state)
{
    (void)state;
    picture p = { .geo = &geo_utm, .metadata = "<GDALMetadata>" PLAIN FIGURE
                  "<Item name=\"STATISTICS_APPROXIMATE\" sample=\"0\">YES</Item>"
                  "<Item name=\"STATISTICS_MAXIMUM\" sample=\"0\">12345</Item></GDALMetadata>" };
    gwt *g = session();
    gwt_array *a = gwt_open(g, drawn("stale.tif", &p));
    check_items(saved(a, NULL), "a copy", LIST("APPROXIMATE", "12345"), NULL);
    check_items(saved(a, &(gwt_save_options){ .statistics = true }), "a copy with statistics",
                LIST(PLAIN, "STATISTICS_MAXIMUM"), LIST("APPROXIMATE", "12345"));
    EXPECT_OK(g);
    gwt_end(g);
}

// ---- hostile ----------------------------------------------------------------------------------

// Very many items, of bands that are not there, of one name, without an end: opened and copied, and
// the meeting of two such files is not quadratic.
static void many_items(void **state)
{
    (void)state;
    enum { COUNT = 12000, EACH = 80 };
    char *xml = malloc((size_t)COUNT * EACH + 64), *to = xml;
    const char *paths[2];
    gwt *g = session();
    for (int k = 0; k < 2; k++) {
        picture p = { .geo = &geo_utm, .metadata = xml };
        to = xml + sprintf(xml, "<GDALMetadata>");
        for (int i = 0; i < COUNT; i++)
            to += sprintf(to,
                          i % 3 == 0   ? "<Item name=\"N%d\">%d</Item>"
                          : i % 3 == 1 ? "<Item name=\"N\" sample=\"%d\">%d</Item>"
                                       : "<Item name=\"same\" domain=\"%d\">%d</Other>",
                          i, i + k);
        paths[k] = drawn(k ? "many1.tif" : "many0.tif", &p);
    }
    free(xml);
    check_items(saved(gwt_open(g, paths[0]), NULL), "very many items",
                LIST("<Item name=\"N11997\">11997</Item>"), LIST("sample=\"1\""));
    check_items(saved(gwt_open_many(g, paths, 2, .mosaic = true), NULL), "of two files", NULL,
                LIST("N11997"));
    EXPECT_OK(g);
    gwt_end(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_names),
        cmocka_unit_test(attributes_in_values),
        cmocka_unit_test(bands_without_names),
        cmocka_unit_test(names_of_times),
        cmocka_unit_test(copied_names),
        cmocka_unit_test(nodata_texts),
        cmocka_unit_test(wide_nodata),
        cmocka_unit_test(wide_copies),
        cmocka_unit_test(wide_elsewhere),
        cmocka_unit_test(copied_items),
        cmocka_unit_test(other_pixels),
        cmocka_unit_test(results),
        cmocka_unit_test(items_follow_bands),
        cmocka_unit_test(items_of_several_files),
        cmocka_unit_test(texts_of_tiff),
        cmocka_unit_test(resolutions),
        cmocka_unit_test(colours_and_alpha),
        cmocka_unit_test(other_colours),
        cmocka_unit_test(palettes),
        cmocka_unit_test(same_bytes),
        cmocka_unit_test(metadata_is_of_the_job),
        cmocka_unit_test(masks),
        cmocka_unit_test(alpha_bands),
        cmocka_unit_test(band_statistics),
        cmocka_unit_test(statistics_of_many),
        cmocka_unit_test(statistics_replace),
        cmocka_unit_test(many_items),
    };
    return cmocka_run_group_tests_name("metadata", tests, temp_begin, temp_end);
}
