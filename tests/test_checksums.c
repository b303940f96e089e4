// test_checksums.c - stored bytes that are not what was written: an error that names the tile, or
// the same pixels; never others.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

enum { EDGE = 64, COLS = 150, ROWS = 100, BANDS = 2, TILES_ACROSS = 3 };

static gwt *quiet_session(void) { return gwt_begin(.num_workers = 2, .quiet = true); }

// Where the tiles or strips of a file lie; gives their number.
static int tiles_of(const char *path, uint64_t *at, uint64_t *bytes, int most)
{
    TIFF *tif = TIFFOpen(path, "r");
    REQUIRE(tif, "%s", path);
    int n = (int)(TIFFIsTiled(tif) ? TIFFNumberOfTiles(tif) : TIFFNumberOfStrips(tif));
    REQUIRE(n <= most, "%d tiles", n);
    for (int i = 0; i < n; i++)
        at[i] = TIFFGetStrileOffset(tif, (uint32_t)i),
        bytes[i] = TIFFGetStrileByteCount(tif, (uint32_t)i);
    TIFFClose(tif);
    return n;
}

static void fill_pixels(double *values, int n)
{
    for (int i = 0; i < n; i++) values[i] = i % COLS / 7 + (double)(noise((uint64_t)i) % 3);
}

// ---- the list of checksums in GDAL_METADATA ---------------------------------------------------

static const char *const codecs[] = { "none", "lzw", "deflate", "zstd", "packbits" };

static void save_with_checksums(const char *path, const char *codec, gwt_interleave interleave)
{
    static double values[BANDS * ROWS * COLS];
    fill_pixels(values, BANDS * ROWS * COLS);
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = COLS, .height = ROWS, .bands = BANDS,
                            .dtype = GWT_UINT16 }, values);
    assert_true(gwt_save(a, path, .compress = codec, .tile_size = EDGE, .checksums = true,
                         .interleave = interleave, .overwrite = true));
    assert_int_equal(gwt_end(g), 0);
}

// One bit of tile k is another: an error of that tile; filled where that is asked for, and nowhere
// else.
static void check_flip(const char *path, int k, int of_plane, bool planar,
                       const uint16_t *want)
{
    char tile[64];
    int row = k % of_plane / TILES_ACROSS, col = k % of_plane % TILES_ACROSS;
    snprintf(tile, sizeof tile, "tile %d (rows %d..%d, columns %d..", k, row * EDGE,
             row * EDGE + EDGE < ROWS ? row * EDGE + EDGE - 1 : ROWS - 1, col * EDGE);
    gwt *g = quiet_session();
    assert_null(gwt_compute(gwt_open(g, path)));
    REQUIRE(strstr(gwt_message(g), "not what was written"), "%s", gwt_message(g));
    EXPECT_ERROR(g, GWT_E_FORMAT, tile);
    gwt_array *filled = gwt_open(g, path, .fill_bad_tiles = true, .nodata = gwt_some(9999));
    uint16_t *got = gwt_compute(filled);
    EXPECT_OK(g);
    for (int i = 0; i < BANDS * ROWS * COLS; i++) {
        int y = i % (ROWS * COLS) / COLS / EDGE, x = i % COLS / EDGE, band = i / (ROWS * COLS);
        bool bad = y == row && x == col && (!planar || k / of_plane == band);
        assert_int_equal(got[i], bad ? 9999 : want[i]);
    }
    REQUIRE(gwt_bad_tile(g, 0) && !gwt_bad_tile(g, 1), "not one bad tile");
    gwt_free(got);
    gwt_end(g);
}

static void listed_checksums(void **state)
{
    (void)state;
    enum { MOST = 32 };
    for (size_t c = 0; c < COUNT_OF(codecs); c++)
        for (int planar = 0; planar < 2; planar++) {
            if (!gwt_can_compress(codecs[c])) {
                print_message("SKIPPED: %s: not in this libtiff\n", codecs[c]);
                continue;
            }
            const char *path = temp_path("listed_%s_%d.tif", codecs[c], planar);
            uint64_t at[MOST], bytes[MOST];
            save_with_checksums(path, codecs[c], planar ? GWT_PLANAR : GWT_PIXEL);
            int n = tiles_of(path, at, bytes, MOST), of_plane = planar ? n / BANDS : n;
            gwt *g = gwt_begin(.num_workers = 2);
            uint16_t *want = gwt_compute(gwt_open(g, path));
            EXPECT_OK(g);
            size_t size;
            unsigned char *data = file_read(path, &size);
            for (int i = 0; i < 24; i++) {
                int k = (int)(noise((uint64_t)i) % (uint64_t)n);
                uint64_t place = at[k] + noise((uint64_t)i + 100) % bytes[k];
                data[place] ^= (unsigned char)(1 << i % 8);
                file_write(path, data, size);
                check_flip(path, k, of_plane, planar, want);
                data[place] ^= (unsigned char)(1 << i % 8);
            }
            free(data);
            gwt_free(want);
            assert_int_equal(gwt_end(g), 0);
        }
}

// Whoever copies metadata along with pixels that he encodes anew knows nothing of a list: it is not
// of that file, whatever it says. Nor is one that is no list.
static void lists_of_other_files(void **state)
{
    (void)state;
    static const struct { const char *crcs, *table; } lists[] = {
        { "", "00000000" }, { "0", "00000000" }, { "0123456g", "00000000" }, { "01234567", "" },
        { "0123456701234567", "00000000" }, { "01234567", "00000000" }, { "01234567", NULL }
    };
    double values[4] = { 1, 2, 3, 4 };
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        char xml[300], table[100] = "";
        if (lists[i].table)
            snprintf(table, sizeof table,
                     "<Item name=\"TILE_TABLE_CRC32\" domain=\"GWT\">%s</Item>", lists[i].table);
        snprintf(xml, sizeof xml, "<GDALMetadata><Item name=\"TILE_CRC32\" domain=\"GWT\">%s</Item>"
                 "%s</GDALMetadata>", lists[i].crcs, table);
        const char *path = temp_path("list%d.tif", (int)i);
        tiff_write_values(path, &(tiff_spec){ .width = 2, .height = 2, .dtype = GWT_UINT8,
                          .metadata = xml }, values);
        gwt *g = gwt_begin();
        uint8_t *got = gwt_compute(gwt_open(g, path));
        EXPECT_OK(g);
        for (int k = 0; k < 4; k++) assert_int_equal(got[k], values[k]);
        gwt_free(got);
        assert_int_equal(gwt_end(g), 0);
    }
}

// ---- deflate's own ----------------------------------------------------------------------------

// Bits of the tiles of a file, one after the other: an error, or the same pixels.
static void check_deflate_flips(const tiff_spec *spec, int flips)
{
    enum { MOST = 64 };
    static double values[BANDS * ROWS * COLS];
    char what[100];
    snprintf(what, sizeof what, "%s, predictor %d, %s%s", gwt_dtype_name(spec->dtype),
             spec->predictor, spec->tile_width ? "tiles" : "strips", spec->planar ? ", planar" : "");
    fill_pixels(values, BANDS * ROWS * COLS);
    const char *path = temp_path("deflate.tif");
    tiff_write_values(path, spec, values);
    image *im = image_read(path);
    uint64_t at[MOST], bytes[MOST];
    int n = tiles_of(path, at, bytes, MOST), others = 0, refused = 0;
    size_t size;
    unsigned char *data = file_read(path, &size);
    for (int i = 0; i < flips; i++) {
        int t = (int)(noise((uint64_t)i) % (uint64_t)n);
        uint64_t bit = noise((uint64_t)i + 1000) % (8 * bytes[t]);
        data[at[t] + bit / 8] ^= (unsigned char)(1 << bit % 8);
        file_write(path, data, size);
        gwt *g = quiet_session();
        void *got = gwt_compute(gwt_open(g, path));
        if (!got) assert_int_equal(gwt_status(g), GWT_E_FORMAT);
        refused += !got;
        others += got && memcmp(got, im->raw, image_count(im) * sample_size(im->dtype));
        gwt_free(got);
        gwt_end(g);
        data[at[t] + bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    REQUIRE(others == 0, "%s: %d of %d flips are other pixels, in silence", what, others, flips);
    REQUIRE(refused > flips / 2, "%s: %d of %d flips refused", what, refused, flips);
    free(data);
    image_free(im);
}

static void flipped_deflate(void **state)
{
    (void)state;
    static const tiff_spec specs[] = {
        { .tile_width = EDGE, .tile_height = EDGE, .compression = COMPRESSION_ADOBE_DEFLATE,
          .dtype = GWT_UINT16 },
        { .rows_per_strip = 9, .compression = COMPRESSION_ADOBE_DEFLATE, .dtype = GWT_UINT8,
          .planar = true },
        { .rows_per_strip = 33, .compression = COMPRESSION_DEFLATE, .dtype = GWT_FLOAT32 }
    };
    for (size_t k = 0; k < COUNT_OF(specs); k++) {
        tiff_spec spec = specs[k];
        spec.width = COLS, spec.height = ROWS, spec.bands = BANDS;
        check_deflate_flips(&spec, 400);
    }
}

static void flipped_predicted(void **state)
{
    static const gwt_dtype dtypes[] = {
        GWT_UINT8, GWT_UINT16, GWT_INT32, GWT_FLOAT32, GWT_FLOAT64
    };
    (void)state;
    for (size_t k = 0; k < COUNT_OF(dtypes); k++)
        for (int i = 0; i < 4; i++) {
            tiff_spec spec = {
                .width = COLS, .height = ROWS, .bands = BANDS, .dtype = dtypes[k],
                .compression = COMPRESSION_ADOBE_DEFLATE, .predictor = 2,
                .planar = i & 1, .rows_per_strip = 33
            };
            if (i & 2) spec.tile_width = spec.tile_height = EDGE;
            if (tiff_can_write(&spec)) check_deflate_flips(&spec, 40);
            else print_message("SKIPPED: predictor 2 of %s: not in this libtiff\n",
                               gwt_dtype_name(dtypes[k]));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listed_checksums),
        cmocka_unit_test(lists_of_other_files),
        cmocka_unit_test(flipped_deflate),
        cmocka_unit_test(flipped_predicted),
    };
    return cmocka_run_group_tests_name("checksums", tests, temp_begin, temp_end);
}
