// test_text.c - texts for people: what others wrote is shown so that it steers nothing, and what a
// caller gives is written as XML or refused.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ---- one character ------------------------------------------------------------------------------

typedef struct escaped { const char *text, *shown; size_t bytes; } escaped;

static void characters(void **state)
{
    (void)state;
    static const escaped cases[] = {
        { "ab", "a", 1 }, { " ", " ", 1 }, { "~", "~", 1 }, { "\\x1b", "\\", 1 },
        { "\303\251", "\303\251", 2 }, { "\342\202\254", "\342\202\254", 3 },
        { "\360\237\214\215", "\360\237\214\215", 4 }, { "\302\240", "\302\240", 2 },
        { "\001", "\\x01", 1 }, { "\033[0m", "\\x1b", 1 }, { "\n", "\\x0a", 1 },
        { "\t", "\\x09", 1 }, { "\037", "\\x1f", 1 }, { "\177", "\\x7f", 1 },
        { "\302\200", "\\u0080", 2 }, { "\302\233", "\\u009b", 2 }, { "\302\237", "\\u009f", 2 },
        { "\330\234", "\\u061c", 2 }, { "\342\200\216", "\\u200e", 3 },
        { "\342\200\217", "\\u200f", 3 }, { "\342\200\247", "\342\200\247", 3 },
        { "\342\200\250", "\\u2028", 3 }, { "\342\200\252", "\\u202a", 3 },
        { "\342\200\256", "\\u202e", 3 }, { "\342\200\257", "\342\200\257", 3 },
        { "\342\201\245", "\342\201\245", 3 }, { "\342\201\246", "\\u2066", 3 },
        { "\342\201\251", "\\u2069", 3 }, { "\342\201\252", "\342\201\252", 3 },
        // No UTF-8: bytes that go on or begin nothing, overlong forms, a surrogate, too large a
        // code point, an end that comes too early.
        { "\200", "\\x80", 1 }, { "\233", "\\x9b", 1 }, { "\300\233", "\\xc0", 1 },
        { "\340\202\233", "\\xe0", 1 }, { "\355\240\200", "\\xed", 1 },
        { "\364\220\200\200", "\\xf4", 1 }, { "\377", "\\xff", 1 }, { "\342\200", "\\xe2", 1 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char shown[8];
        size_t n = gwt_escape(cases[i].text, shown);
        REQUIRE(n == cases[i].bytes && !strcmp(shown, cases[i].shown),
                "case %zu: %zu bytes, shown as '%s', not %zu as '%s'", i, n, shown,
                cases[i].bytes, cases[i].shown);
    }
    char shown[8] = "x";
    assert_int_equal(gwt_escape("", shown), 0);
    assert_string_equal(shown, "");
    assert_int_equal(gwt_escape(NULL, shown), 0);
}

// ---- arrays and messages ------------------------------------------------------------------------

#define EVIL "A\033]0;x\007\302\233\342\200\256\377Z"
#define SHOWN "A\\x1b]0;x\\x07\\u009b\\u202e\\xffZ"

// Bytes of an 8 x 8 file of one band that is called EVIL, and what stands in its metadata.
static const char *evil_file(const char *name)
{
    static const char metadata[] = "<GDALMetadata><Item name=\"DESCRIPTION\" sample=\"0\" "
                                   "role=\"description\">" EVIL "</Item></GDALMetadata>";
    static const double values[64] = { 0 };
    const char *path = temp_path("%s", name);
    tiff_write_values(path, &(tiff_spec){ .width = 8, .height = 8, .dtype = GWT_UINT8,
                                          .metadata = metadata }, values);
    return path;
}

static void printed(void **state)
{
    (void)state;
    const char *path = evil_file("e\033vil.tif");
    char text[4096];
    gwt *g = gwt_begin(.quiet = true);
    gwt_array *a = gwt_open(g, path);
    EXPECT_OK(g);
    FILE *f = tmpfile();
    assert_non_null(f);
    gwt_print(a, f);
    rewind(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    REQUIRE(strstr(text, "'" SHOWN "'"), "no band as it is shown in: %s", text);
    REQUIRE(strstr(text, " e\\x1bvil.tif\n"), "no file as it is shown in: %s", text);
    for (const char *c = text; *c; c++)
        REQUIRE(*c == '\n' || (*c >= 0x20 && *c < 0x7F), "a raw byte in: %s", text);
    gwt_sel(a, "none");
    REQUIRE(strstr(gwt_message(g), SHOWN), "the message is: %s", gwt_message(g));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "no band \"none\"");
    gwt_fail(g, GWT_E_USER, "%s", EVIL);
    EXPECT_ERROR(g, GWT_E_USER, SHOWN);
    gwt_end(g);
}

// ---- what is written as XML ---------------------------------------------------------------------

static void given_texts(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "a\001", "a\033b", "\013", "\357\277\276", "\357\277\277", "\377", "\355\240\200"
    };
    static const char *const good[] = { "tab\t", "line\nend\r", "\177", "\302\200", "\342\200\256",
                                        "\360\237\214\215", "\357\277\275" };
    const char *path = evil_file("given.tif"), *out = temp_path("given_out.tif");
    for (size_t i = 0; i < COUNT_OF(bad) + COUNT_OF(good); i++) {
        bool refused = i < COUNT_OF(bad);
        const char *text = refused ? bad[i] : good[i - COUNT_OF(bad)];
        char value[32], key[32];
        snprintf(value, sizeof value, "K=%s", text);
        snprintf(key, sizeof key, "%s=V", text);
        const char *const names[] = { text, NULL };
        const char *const tags[][2] = { { value, NULL }, { key, NULL } };
        gwt *g = gwt_begin(.quiet = true);
        gwt_array *a = gwt_open(g, path);
        gwt_save(a, out, .band_names = names, .overwrite = true);
        if (refused) EXPECT_ERROR(g, GWT_E_ARGUMENT, "the band name \"");
        EXPECT_OK(g);
        for (int k = 0; k < 2; k++) {
            gwt_save(a, out, .tags = tags[k], .overwrite = true);
            if (refused) EXPECT_ERROR(g, GWT_E_ARGUMENT, "the tag \"");
            EXPECT_OK(g);
        }
        gwt_open(g, path, .band_names = names);
        if (refused) EXPECT_ERROR(g, GWT_E_ARGUMENT, "the band name \"");
        EXPECT_OK(g);
        gwt_end(g);
    }
    // What comes out of a file is no fault of the caller's.
    gwt *g = gwt_begin(.quiet = true);
    gwt_save(gwt_open(g, path), out, .overwrite = true);
    EXPECT_OK(g);
    gwt_end(g);
    image *im = image_read(out);
    REQUIRE(strstr(im->metadata,
                   ">A\357\277\275]0;x\357\277\275\302\233\342\200\256\357\277\275Z<"),
            "metadata: %s", im->metadata);
    image_free(im);
}

// ---- tiles that can't be read -------------------------------------------------------------------

// 100 x 70 pixels in tiles of 32, deflated, those from tile `first` on broken by `bytes` of 0xFF.
static const char *broken_file(const char *name, int first, int bands)
{
    enum { W = 100, H = 70 };
    static double values[2 * W * H];
    const char *path = temp_path("%s", name);
    for (int i = 0; i < 2 * W * H; i++) values[i] = i % 251;
    tiff_write_values(path, &(tiff_spec){ .width = W, .height = H, .dtype = GWT_UINT8,
        .bands = bands, .planar = bands > 1, .tile_width = 32, .tile_height = 32,
        .compression = COMPRESSION_ADOBE_DEFLATE }, values);
    TIFF *tif = TIFFOpen(path, "r");
    assert_non_null(tif);
    size_t size;
    unsigned char *file = file_read(path, &size);
    uint64_t *offsets = NULL;
    TIFFGetField(tif, TIFFTAG_TILEOFFSETS, &offsets);
    for (uint32_t i = (uint32_t)first; i < TIFFNumberOfTiles(tif); i++)
        memset(file + offsets[i], 0xFF, 8);
    TIFFClose(tif);
    file_write(path, file, size);
    free(file);
    return path;
}

// What the session prints at its end.
static char *end_of(gwt *g, char text[8192])
{
    const char *path = temp_path("stderr");
    fflush(stderr);
    int kept = dup(STDERR_FILENO);
    assert_true(kept >= 0 && freopen(path, "w", stderr));
    gwt_end(g);
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    size_t size;
    unsigned char *read = file_read(path, &size);
    snprintf(text, 8192, "%.*s", (int)size, (const char *)read);
    free(read);
    return text;
}

static void tiles_named(void **state)
{
    (void)state;
    static const struct { int first, bands; const char *text; } cases[] = {
        { 0, 1, "named.tif: tile 0 (rows 0..31, columns 0..31) can't be decoded" },
        { 5, 1, "named.tif: tile 5 (rows 32..63, columns 32..63) can't be decoded" },
        { 11, 1, "named.tif: tile 11 (rows 64..69, columns 96..99) can't be decoded" },
        { 16, 2, "named.tif: tile 16 (rows 32..63, columns 0..31, band 2) can't be decoded" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *path = broken_file("named.tif", cases[i].first, cases[i].bands);
        gwt *g = gwt_begin(.quiet = true, .num_workers = 1);
        gwt_free(gwt_compute(gwt_open(g, path)));
        EXPECT_ERROR(g, GWT_E_FORMAT, cases[i].text);
        gwt_end(g);
    }
}

// Many tiles with one fault are one line in the end; the program can still have each.
static void tiles_counted(void **state)
{
    (void)state;
    char text[8192];
    const char *path = broken_file("many.tif", 4, 1), *other = broken_file("one.tif", 11, 1);
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_free(gwt_compute(gwt_open(g, path, .fill_bad_tiles = true, .nodata = gwt_some(0))));
    gwt_free(gwt_compute(gwt_open(g, other, .fill_bad_tiles = true, .nodata = gwt_some(0))));
    EXPECT_OK(g);
    for (size_t i = 0; i < 9; i++) REQUIRE(gwt_bad_tile(g, i), "%zu bad tiles", i);
    assert_null(gwt_bad_tile(g, 9));
    end_of(g, text);
    int lines = 0;
    for (const char *c = text; *c; c++) lines += *c == '\n';
    REQUIRE(lines == 2, "%d lines: %s", lines, text);
    REQUIRE(strstr(text, "many.tif: tile 4 (rows 32..63, columns 0..31) can't be decoded")
            && strstr(text, "; 7 more such tiles are filled: all lie within rows 32..69\n")
            && strstr(text, "one.tif: tile 11 (rows 64..69, columns 96..99) can't be decoded"),
            "it is: %s", text);
}

// ---- names of what there is to choose from ------------------------------------------------------

static void capitals(void **state)
{
    (void)state;
    assert_int_equal(gwt_dtype_from_name("UInt16"), GWT_UINT16);
    assert_int_equal(gwt_dtype_from_name("FLOAT64"), GWT_FLOAT64);
    assert_int_equal(gwt_dtype_from_name("UInt16 "), GWT_DTYPE_NONE);
    assert_int_equal(gwt_dtype_from_name("[INT8"), GWT_DTYPE_NONE);
    assert_int_equal(gwt_dtype_from_name("UINT"), GWT_DTYPE_NONE);
    assert_int_equal(gwt_can_compress("LZW"), gwt_can_compress("lzw"));
    assert_int_equal(gwt_can_compress("Deflate"), gwt_can_compress("deflate"));
    assert_false(gwt_can_compress("Deflate "));
    assert_true(gwt_sensor_bands("L8") && gwt_sensor_bands("L8") == gwt_sensor_bands("l8"));
    const char *path = broken_file("capitals.tif", 12, 1), *out = temp_path("capitals_out.tif"),
               *same = temp_path("same_out.tif");
    gwt *g = gwt_begin(.quiet = true);
    gwt_array *a = gwt_open(g, path);
    gwt_save(a, out, .compress = "Deflate");
    gwt_save(a, same, .compress = "deflate");
    EXPECT_OK(g);
    assert_true(files_equal(out, same));
    assert_string_equal(gwt_describe(gwt_open(g, out))->compression, "deflate");
    gwt_end(g);
    g = gwt_begin(.quiet = true, .sensor = "RGB");
    static const double values[3 * 64] = { 0 };
    const char *rgb = temp_path("rgb.tif");
    tiff_write_values(rgb, &(tiff_spec){ .width = 8, .height = 8, .bands = 3,
                                         .dtype = GWT_UINT8 }, values);
    assert_string_equal(gwt_describe(gwt_open(g, rgb))->sensor, "rgb");
    const char *two = broken_file("two.tif", 99, 2);
    gwt_array *b = gwt_open(g, two), *six = gwt_sel(b, "1", "2", "1", "2", "1", "2");
    static const char *const l7[] = { "blue", "green", "red", "nir", "swir1", "swir2", NULL };
    six = gwt_rename_bands(six, l7);
    gwt_tasseled_cap(six, .sensor = "L7");
    EXPECT_OK(g);
    gwt_end(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters), cmocka_unit_test(printed), cmocka_unit_test(given_texts),
        cmocka_unit_test(tiles_named), cmocka_unit_test(tiles_counted),
        cmocka_unit_test(capitals)
    };
    return cmocka_run_group_tests_name("text", tests, temp_begin, temp_end);
}
