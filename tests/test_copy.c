// test_copy.c - tiles that gwt_save copies as they are: the stored bytes are those of the input,
// and the pixels are right, read by libtiff; what comes near to that is encoded anew.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

enum { EDGE = 64, COLS = 200, ROWS = 150, ACROSS = 4, DOWN = 3, TILES = ACROSS * DOWN, NODATA = 7 };

// ---- one world, and files of parts of it --------------------------------------------------------

// Its pixels: 10..102, here and there 7.
static double world(int band, int row, int col)
{
    uint64_t n = noise((uint64_t)(band * 1000000 + row * 1000 + col));
    return n % 97 == 0 ? NODATA : 10 + (row / 5 + col / 7 + 31 * band) % 90 + (double)(n / 97 % 3);
}

// A file of it, encoded as gwt does not: deflate of level 1, and bytes beyond the edges that are
// not 0. `base` says what is not so.
static const char *part_of_world(const char *name, tiff_spec base, int row, int col)
{
    geo_place place;
    const double t[6] = { 30, 0, 600000 + 30.0 * col, 0, -30, 4000000 - 30.0 * row };
    if (!base.width) base.width = COLS;
    if (!base.height) base.height = ROWS;
    if (!base.bands) base.bands = 1;
    if (!base.dtype) base.dtype = GWT_UINT16;
    if (!base.tile_width && !base.rows_per_strip) base.tile_width = base.tile_height = EDGE;
    if (!base.compression) base.compression = COMPRESSION_ADOBE_DEFLATE;
    if (base.compression == COMPRESSION_ADOBE_DEFLATE) base.level = 1;
    base.padding = 0x5a;
    base.geo = geo_at(&place, 32616, t);
    double *values = malloc((size_t)base.bands * (size_t)base.height * (size_t)base.width
                            * sizeof *values), *at = values;
    REQUIRE(values, "out of memory");
    for (int b = 0; b < base.bands; b++)
        for (int y = 0; y < base.height; y++)
            for (int x = 0; x < base.width; x++) *at++ = world(b, row + y, col + x);
    const char *path = temp_path("%s.tif", name);
    tiff_write_values(path, &base, values);
    free(values);
    return path;
}

// ---- what was saved -----------------------------------------------------------------------------

typedef struct stored { unsigned char *file; int n; uint64_t at[1024], bytes[1024]; } stored;

static stored *stored_read(const char *path)
{
    stored *s = calloc(1, sizeof *s);
    size_t size;
    TIFF *tif = TIFFOpen(path, "r");
    REQUIRE(s && tif, "%s", path);
    s->n = (int)(TIFFIsTiled(tif) ? TIFFNumberOfTiles(tif) : TIFFNumberOfStrips(tif));
    REQUIRE(s->n <= 1024, "%d tiles", s->n);
    for (int i = 0; i < s->n; i++) {
        s->at[i] = TIFFGetStrileOffset(tif, (uint32_t)i);
        s->bytes[i] = TIFFGetStrileByteCount(tif, (uint32_t)i);
    }
    TIFFClose(tif);
    s->file = file_read(path, &size);
    return s;
}

static void stored_free(stored *s)
{
    free(s->file);
    free(s);
}

static bool same_tile(const stored *a, int i, const stored *b, int k)
{
    return a->bytes[i] == b->bytes[k] && a->bytes[i] > 0
        && !memcmp(a->file + a->at[i], b->file + b->at[k], (size_t)a->bytes[i]);
}

// How many tiles of a file are, byte for byte, some tile of another.
static int num_copied(const char *path, const char *from)
{
    stored *a = stored_read(path), *b = stored_read(from);
    int n = 0;
    for (int i = 0; i < a->n; i++)
        for (int k = 0; k < b->n; k++)
            if (same_tile(a, i, b, k)) {
                n++;
                break;
            }
    stored_free(a);
    stored_free(b);
    return n;
}

// Tile i of one is tile k of the other.
static void expect_tile(const char *path, int i, const char *from, int k)
{
    stored *a = stored_read(path), *b = stored_read(from);
    REQUIRE(same_tile(a, i, b, k), "tile %d of %s is not tile %d of %s", i, path, k, from);
    stored_free(a);
    stored_free(b);
}

// The pixels are those of the world from there on.
static void expect_world(const char *path, const int *bands, int row, int col)
{
    image *im = image_read(path);
    for (int b = 0; b < im->bands; b++)
        for (int y = 0; y < im->height; y++)
            for (int x = 0; x < im->width; x++) {
                double want = world(bands ? bands[b] : b, row + y, col + x);
                double got = image_get(im, b, y, x);
                REQUIRE(got == want, "%s: band %d, row %d, column %d: %g, not %g", path, b, y, x,
                        got, want);
            }
    image_free(im);
}

static const gwt_save_options deflated = { .compress = "deflate", .tile_size = EDGE };

// What the plan of the last save said.
static gwt_plan planned;

static const char *saved(const char *name, const gwt_array *a, gwt_save_options options)
{
    const char *path = temp_path("%s.out.tif", name);
    options.overwrite = true;
    REQUIRE(gwt_plan_of_save(a, &options, &planned), "%s is not planned", name);
    REQUIRE(gwt_save_with(a, path, &options), "%s is not saved", name);
    return path;
}

// ---- what is copied -----------------------------------------------------------------------------

static const struct { const char *name; int tag; bool predicts; } codecs[] = {
    { "none", COMPRESSION_NONE, false }, { "lzw", COMPRESSION_LZW, true },
    { "deflate", COMPRESSION_ADOBE_DEFLATE, true }, { "zstd", COMPRESSION_ZSTD, true },
    { "packbits", COMPRESSION_PACKBITS, false }, { "lzma", COMPRESSION_LZMA, true }
};

static void check_whole(tiff_spec base, size_t c, const char *mode)
{
    base.compression = codecs[c].tag;
    base.mode = mode;
    if (base.dtype == GWT_INT8) base.nodata = "7";
    if (!tiff_can_write(&base)) return;
    const char *from = part_of_world("whole", base, 0, 0);
    gwt *g = gwt_begin(.num_workers = 3);
    gwt_save_options o = { .compress = codecs[c].name, .tile_size = EDGE,
                           .predictor = base.predictor,
                           .interleave = base.planar ? GWT_PLANAR : GWT_PIXEL };
    const char *path = saved("whole", gwt_open(g, from, .chunks = 50), o);
    EXPECT_OK(g);
    int n = TILES * (base.planar ? base.bands : 1);
    for (int i = 0; i < n; i++) expect_tile(path, i, from, i);
    expect_world(path, NULL, 0, 0);
    assert_int_equal(planned.copied, n);
    assert_int_equal(planned.encoded, 0);
    assert_int_equal(planned.source_tiles, 0);
    assert_int_equal(gwt_end(g), 0);
}

static void whole_files(void **state)
{
    (void)state;
    for (size_t c = 0; c < COUNT_OF(codecs); c++)
        for (int d = 0; d < DTYPES; d++)
            for (int layout = 0; layout < 3; layout++)
                for (int p = 1; p <= (codecs[c].predicts ? 3 : 1); p++) {
                    if (SLOW && (d + layout + p) % 5) continue;
                    if (p == 3 && !is_float(all_dtypes[d])) continue;
                    check_whole((tiff_spec){ .dtype = all_dtypes[d], .bands = layout ? 3 : 1,
                                             .planar = layout == 2, .predictor = p > 1 ? p : 0 },
                                c, d % 2 ? "wl" : "wl8");
                }
    check_whole((tiff_spec){ .dtype = GWT_UINT8 }, 2, "wb");    // bytes have no order
}

// A crop on borders of tiles has its tiles; those that it cuts are encoded.
static void windows(void **state)
{
    (void)state;
    static const struct { int row, col, rows, cols, copied; } crops[] = {
        { 64, 64, 86, 136, 6 },         // to the edges
        { 0, 64, 128, 64, 2 },
        { 64, 0, 64, 200, 4 },
        { 64, 64, 80, 136, 3 },         // the last row is cut
        { 64, 64, 86, 130, 4 },         // the last column is cut
        { 64, 128, 64, 70, 1 },
        { 0, 1, 150, 199, 0 },
        { 1, 0, 149, 200, 0 },
        { 32, 32, 64, 64, 0 }
    };
    const char *from = part_of_world("crop", (tiff_spec){ .bands = 2, .nodata = "7" }, 0, 0);
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = gwt_open(g, from);
    for (size_t i = 0; i < COUNT_OF(crops); i++) {
        gwt_array *part = gwt_window(a, crops[i].row, crops[i].col, crops[i].rows, crops[i].cols);
        const char *path = saved("crop", part, deflated);
        EXPECT_OK(g);
        expect_world(path, NULL, crops[i].row, crops[i].col);
        assert_int_equal(num_copied(path, from), crops[i].copied);
        int64_t all = (crops[i].rows + EDGE - 1) / EDGE * ((crops[i].cols + EDGE - 1) / EDGE);
        assert_int_equal(planned.copied, crops[i].copied);
        assert_int_equal(planned.encoded, all - crops[i].copied);
    }
    const char *path = saved("crop", gwt_window(a, 64, 64, 80, 136), deflated);
    expect_tile(path, 0, from, ACROSS + 1);
    expect_tile(path, 2, from, ACROSS + 3);
    path = saved("crop", gwt_every(a, 2), deflated);
    assert_int_equal(num_copied(path, from), 0);
    assert_int_equal(gwt_end(g), 0);
}

static void bands_of_planes(void **state)
{
    (void)state;
    const int turned[] = { 2, 0 };
    const char *planar = part_of_world("planar", (tiff_spec){ .bands = 3, .planar = true }, 0, 0);
    const char *pixel = part_of_world("pixel", (tiff_spec){ .bands = 3 }, 0, 0);
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_save_options o = deflated;
    const char *path = saved("one", gwt_sel_bands(gwt_open(g, planar), NAMES("2")), o);
    for (int i = 0; i < TILES; i++) expect_tile(path, i, planar, TILES + i);
    expect_world(path, (const int[]){ 1 }, 0, 0);
    path = saved("to pixel", gwt_open(g, planar), o);
    assert_int_equal(num_copied(path, planar), 0);
    expect_world(path, NULL, 0, 0);
    o.interleave = GWT_PLANAR;
    path = saved("turned", gwt_sel_bands(gwt_open(g, planar), NAMES("3", "1")), o);
    for (int i = 0; i < TILES; i++) {
        expect_tile(path, i, planar, 2 * TILES + i);
        expect_tile(path, TILES + i, planar, i);
    }
    expect_world(path, turned, 0, 0);
    path = saved("to planes", gwt_open(g, pixel), o);
    assert_int_equal(num_copied(path, pixel), 0);
    expect_world(path, NULL, 0, 0);
    o.interleave = GWT_PIXEL;
    path = saved("other order", gwt_sel_bands(gwt_open(g, pixel), NAMES("1", "3", "2")), o);
    assert_int_equal(num_copied(path, pixel), 0);
    expect_world(path, (const int[]){ 0, 2, 1 }, 0, 0);
    path = saved("fewer", gwt_sel_bands(gwt_open(g, pixel), NAMES("1", "2")), o);
    assert_int_equal(num_copied(path, pixel), 0);
    expect_world(path, NULL, 0, 0);
    assert_int_equal(gwt_end(g), 0);
}

// Of a planar stack each plane by itself: a computed one between two that are copied.
static void stacks(void **state)
{
    (void)state;
    const char *one = part_of_world("stack1", (tiff_spec){ .bands = 1 }, 0, 0);
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = gwt_open(g, one);
    gwt_array *c = gwt_cast(gwt_add(a, gwt_number(g, 1)), GWT_UINT16);
    gwt_save_options o = deflated;
    o.interleave = GWT_PLANAR;
    const char *path = saved("stack", gwt_stack((gwt_array *[]){ a, c, a }, 3, GWT_BAND), o);
    EXPECT_OK(g);
    for (int i = 0; i < TILES; i++) {
        expect_tile(path, i, one, i);
        expect_tile(path, 2 * TILES + i, one, i);
    }
    assert_int_equal(num_copied(path, one), 2 * TILES);
    assert_int_equal(planned.copied, 2 * TILES);
    assert_int_equal(planned.encoded, TILES);
    assert_int_equal(planned.source_tiles, TILES);      // for the one that is computed
    assert_true(gwt_plan_of(a, &planned));
    assert_int_equal(planned.copied + planned.encoded, 0);
    assert_int_equal(planned.source_tiles, TILES);
    image *im = image_read(path);
    for (int i = 0; i < ROWS * COLS; i++)
        assert_int_equal(image_get(im, 1, i / COLS, i % COLS), world(0, i / COLS, i % COLS) + 1);
    image_free(im);
    o.interleave = GWT_PIXEL;
    path = saved("stack", gwt_stack((gwt_array *[]){ a, a }, 2, GWT_BAND), o);
    assert_int_equal(num_copied(path, one), 0);
    expect_world(path, (const int[]){ 0, 0 }, 0, 0);
    assert_int_equal(gwt_end(g), 0);
}

// ---- mosaics ------------------------------------------------------------------------------------

static gwt_array *mosaic_of(gwt *g, const char *const *paths, size_t n, gwt_stat overlap)
{
    return gwt_open_many(g, paths, n, .mosaic = true, .bounds_by = GWT_UNION, .overlap = overlap);
}

static void mosaics(void **state)
{
    (void)state;
    static const gwt_stat overlaps[] = { GWT_FIRST, GWT_LAST, GWT_MIN, GWT_MAX };
    static const char *const nodatas[] = { "7", NULL };
    for (size_t i = 0; i < COUNT_OF(overlaps); i++)
        for (size_t k = 0; k < COUNT_OF(nodatas); k++) {
            tiff_spec left = { .width = 128, .height = 128, .bands = 2, .nodata = nodatas[k] };
            tiff_spec right = { .width = 72, .height = 150, .bands = 2, .nodata = nodatas[k] };
            const char *a = part_of_world("left", left, 0, 0);
            const char *b = part_of_world("right", right, 0, 128);
            gwt *g = gwt_begin(.num_workers = 2);
            gwt_save_options o = deflated;
            if (!nodatas[k]) o.nodata = gwt_some(7);    // below the left one nothing is there
            const char *path = saved("mosaic", mosaic_of(g, (const char *[]){ a, b }, 2,
                                                         overlaps[i]), o);
            EXPECT_OK(g);
            // The left one's 2 x 2 tiles, the right one's 3 x 2; where there was no nodata value
            // and now is one, none.
            assert_int_equal(num_copied(path, a), nodatas[k] ? 4 : 0);
            assert_int_equal(num_copied(path, b), nodatas[k] ? 6 : 0);
            assert_int_equal(planned.copied, nodatas[k] ? 10 : 0);
            if (nodatas[k]) {
                expect_tile(path, 5, a, 3);
                expect_tile(path, 2, b, 0);
                expect_tile(path, 11, b, 5);
            }
            image *im = image_read(path);
            for (int y = 0; y < ROWS; y++)
                for (int x = 0; x < COLS; x++)
                    assert_int_equal(image_get(im, 1, y, x),
                                     y < 128 || x >= 128 ? world(1, y, x) : 7);
            image_free(im);
            assert_int_equal(gwt_end(g), 0);
        }
}

// Where two overlap, also by a pixel only, tiles are computed; what the second has alone is copied.
static void overlapping_mosaics(void **state)
{
    (void)state;
    const char *a = part_of_world("under", (tiff_spec){ .width = 129, .height = 64, .nodata = "7" },
                                  0, 0);
    const char *b = part_of_world("over", (tiff_spec){ .width = 136, .height = 64, .nodata = "7" },
                                  0, 64);
    gwt *g = gwt_begin(.num_workers = 2);
    const char *path = saved("overlap", mosaic_of(g, (const char *[]){ a, b }, 2, GWT_FIRST),
                             deflated);
    expect_tile(path, 0, a, 0);
    expect_tile(path, 3, b, 2);
    assert_int_equal(num_copied(path, a) + num_copied(path, b), 2);
    expect_world(path, NULL, 0, 0);
    path = saved("overlap", mosaic_of(g, (const char *[]){ a, b }, 2, GWT_MEAN), deflated);
    assert_int_equal(num_copied(path, a) + num_copied(path, b), 0);
    assert_int_equal(gwt_end(g), 0);
}

// By way of doubles NaN becomes -9999 where that is nodata, and large integers others.
static void values_that_change(void **state)
{
    (void)state;
    static const struct { gwt_dtype dtype; const char *nodata; int copied; } types[] = {
        { GWT_FLOAT32, "-9999", 0 }, { GWT_FLOAT32, "nan", 2 }, { GWT_FLOAT64, "-9999", 0 },
        { GWT_INT64, "7", 0 }, { GWT_UINT32, "7", 2 }
    };
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        tiff_spec spec = { .width = EDGE, .height = EDGE, .dtype = types[i].dtype,
                           .nodata = types[i].nodata };
        const char *a = part_of_world("value a", spec, 0, 0);
        const char *b = part_of_world("value b", spec, 0, EDGE);
        gwt *g = gwt_begin(.num_workers = 2);
        const char *path = saved("values", mosaic_of(g, (const char *[]){ a, b }, 2, GWT_FIRST),
                                 deflated);
        assert_int_equal(num_copied(path, a) + num_copied(path, b), types[i].copied);
        expect_world(path, NULL, 0, 0);
        path = saved("values", gwt_open(g, a), deflated);       // nothing is loaded
        assert_int_equal(num_copied(path, a), 1);
        assert_int_equal(gwt_end(g), 0);
    }
}

// ---- what is not --------------------------------------------------------------------------------

// What is said of the pixels may be anything.
static void other_words(void **state)
{
    (void)state;
    const char *from = part_of_world("words", (tiff_spec){ .nodata = "3" }, 0, 0);
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_save_options o = deflated;
    o.tags = NAMES("A=b");
    o.band_names = NAMES("first");
    o.scales = (const double[]){ 0.5 };
    o.checksums = true;
    o.bigtiff = GWT_BIGTIFF_YES;
    gwt_array *a = gwt_open(g, from, .nodata = gwt_some(NODATA));   // another one, here and there
    const char *path = saved("words", a, o);
    for (int i = 0; i < TILES; i++) expect_tile(path, i, from, i);
    image *im = image_read(path);
    assert_string_equal(im->nodata, "7");
    char *tag = metadata_item(im->metadata, "A", -1, NULL);
    assert_string_equal(tag, "b");
    free(tag);
    image_free(im);
    assert_int_equal(gwt_end(g), 0);
}

static void near_misses(void **state)
{
    (void)state;
    const tiff_spec usual = { .bands = 2, .nodata = "7" };
    struct { const char *name; tiff_spec from; gwt_save_options to; } cases[] = {
        { "the same", usual, deflated },
        { "another nodata value", usual, deflated },
        { "a nodata value where there was none", usual, deflated },
        { "a predictor", usual, deflated },
        { "no predictor", usual, deflated },
        { "another codec", usual, deflated },
        { "another type", usual, deflated },
        { "other tiles", usual, deflated },
        { "tiles that are no squares", usual, deflated },
        { "strips", usual, deflated },
        { "big-endian", usual, deflated },
        { "a level", usual, deflated },
        { "encoded anew", usual, deflated },
        { "planes", usual, deflated }
    };
    cases[1].to.nodata = gwt_some(6);
    cases[2].from.nodata = NULL, cases[2].to.nodata = gwt_some(5);
    cases[3].to.predictor = 2;
    cases[4].from.predictor = 2;
    cases[5].from.compression = COMPRESSION_LZW;
    cases[6].to.dtype = GWT_INT16;
    cases[7].to.tile_size = 2 * EDGE;
    cases[8].from.tile_width = EDGE, cases[8].from.tile_height = EDGE / 2;
    cases[9].from.rows_per_strip = EDGE;
    cases[10].from.mode = "wb";
    cases[11].to.level = 2;
    cases[12].to.reencode = true;
    cases[13].to.interleave = GWT_PLANAR;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        gwt *g = gwt_begin(.num_workers = 2);
        const char *from = part_of_world("near", cases[i].from, 0, 0);
        const char *path = saved("near", gwt_open(g, from), cases[i].to);
        EXPECT_OK(g);
        int n = num_copied(path, from);
        REQUIRE(n == (i ? 0 : TILES), "%s: %d tiles are copied", cases[i].name, n);
        image *im = image_read(path);
        for (int k = 0; k < 2 * ROWS * COLS; k++) {
            int band = k / (ROWS * COLS), y = k / COLS % ROWS, x = k % COLS;
            double want = world(band, y, x);
            if (i == 1 && want == NODATA) want = 6;
            REQUIRE(image_get(im, band, y, x) == want, "%s: a pixel is wrong", cases[i].name);
        }
        image_free(im);
        assert_int_equal(gwt_end(g), 0);
    }
}

// ---- with figures, sparse, of several outputs ---------------------------------------------------

static void statistics(void **state)
{
    (void)state;
    const char *from = part_of_world("figures", (tiff_spec){ .bands = 2, .nodata = "7" }, 0, 0);
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_save_options o = deflated;
    int64_t collisions = -1;
    o.statistics = true;
    o.collisions = &collisions;
    const char *path = saved("figures", gwt_open(g, from), o);
    EXPECT_OK(g);
    assert_int_equal(collisions, 0);
    for (int i = 0; i < TILES; i++) expect_tile(path, i, from, i);
    image *im = image_read(path);
    for (int b = 0; b < 2; b++) {
        double sum = 0, n = 0;
        for (int i = 0; i < ROWS * COLS; i++) {
            double v = world(b, i / COLS, i % COLS);
            if (v == NODATA) continue;
            sum += v;
            n++;
        }
        char *mean = metadata_item(im->metadata, "STATISTICS_MEAN", b, NULL);
        assert_non_null(mean);
        REQUIRE(fabs(strtod(mean, NULL) - sum / n) < 1e-9, "%s, not %.17g", mean, sum / n);
        free(mean);
    }
    image_free(im);
    assert_int_equal(gwt_end(g), 0);
}

static bool every_third(uint32_t tile) { return tile % 3 == 1; }

// Absent tiles are absent in what is sparse, where they are read as the same; else they are made.
// Those that are all nodata are left out there, whatever the source does.
static void sparse_files(void **state)
{
    (void)state;
    static const struct { double nodata; bool sparse; int absent, copied; } cases[] = {
        { NAN, true, 4, 8 }, { NAN, false, 0, 8 }, { 3, true, 0, 8 }, { 7, true, 4, 8 }
    };
    const char *from = part_of_world("sparse", (tiff_spec){ .absent = every_third, .nodata = "7" },
                                     0, 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        gwt *g = gwt_begin(.num_workers = 2);
        gwt_save_options o = deflated;
        o.sparse = cases[i].sparse;
        bool own = isnan(cases[i].nodata);
        gwt_array *a = own ? gwt_open(g, from)
                           : gwt_open(g, from, .nodata = gwt_some(cases[i].nodata));
        const char *path = saved("sparse", a, o);
        EXPECT_OK(g);
        assert_int_equal(num_copied(path, from), cases[i].copied);
        assert_int_equal(planned.copied, cases[i].copied + cases[i].absent);
        image *im = image_read(path);
        assert_int_equal(im->absent, cases[i].absent);
        for (int y = 0; y < ROWS; y++)
            for (int x = 0; x < COLS; x++) {
                bool there = !every_third((uint32_t)(y / EDGE * ACROSS + x / EDGE));
                double none = cases[i].absent ? 0 : NODATA;         // as libtiff reads them
                assert_int_equal(image_get(im, 0, y, x), there ? world(0, y, x) : none);
            }
        image_free(im);
        assert_int_equal(gwt_end(g), 0);
    }
    uint16_t *pixels = calloc(ROWS * COLS, sizeof *pixels);
    assert_non_null(pixels);
    for (int i = 0; i < ROWS * COLS; i++) pixels[i] = i / COLS < EDGE ? 7 : (uint16_t)(8 + i % 91);
    const char *full = temp_path("all nodata.tif");
    tiff_write(full, &(tiff_spec){ .width = COLS, .height = ROWS, .dtype = GWT_UINT16,
               .tile_width = EDGE, .tile_height = EDGE, .nodata = "7", .level = 1,
               .compression = COMPRESSION_ADOBE_DEFLATE }, pixels);
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_save_options o = deflated;
    o.sparse = true;
    const char *path = saved("all nodata", gwt_open(g, full), o);
    image *im = image_read(path);
    assert_int_equal(im->absent, ACROSS);
    assert_int_equal(num_copied(path, full), TILES - ACROSS);
    image_free(im);
    free(pixels);
    assert_int_equal(gwt_end(g), 0);
}

static void several_outputs(void **state)
{
    (void)state;
    const char *from = part_of_world("several", (tiff_spec){ .nodata = "7" }, 0, 0);
    const char *paths[3] = { temp_path("out1.tif"), temp_path("out2.tif"), temp_path("out3.tif") };
    gwt *g = gwt_begin(.num_workers = 3);
    gwt_array *a = gwt_open(g, from);
    gwt_array *more = gwt_cast(gwt_add(a, gwt_number(g, 1)), GWT_UINT16);
    assert_true(gwt_save_many((gwt_array *[]){ a, more, a }, paths, 3, .compress = "deflate",
                              .tile_size = EDGE, .nodata = gwt_some(7)));
    EXPECT_OK(g);
    assert_int_equal(num_copied(paths[0], from), TILES);
    assert_int_equal(num_copied(paths[1], from), 0);
    assert_true(files_equal(paths[0], paths[2]));
    image *im = image_read(paths[1]);
    for (int y = 0; y < ROWS; y++)
        for (int x = 0; x < COLS; x++) {
            double v = world(0, y, x);
            assert_int_equal(image_get(im, 0, y, x), v == NODATA ? NODATA : v + 1);
        }
    image_free(im);
    assert_int_equal(gwt_end(g), 0);
}

// The k-th overview of a file has every 2^k-th pixel of the world.
static void expect_level(const char *path, int k)
{
    static uint16_t tile[EDGE * EDGE];
    int width = COLS >> k, height = ROWS >> k, across = (width + EDGE - 1) / EDGE;
    TIFF *tif = TIFFOpen(path, "r");
    uint32_t w, h;
    REQUIRE(tif && TIFFSetDirectory(tif, (tdir_t)k), "%s has no level %d", path, k);
    assert_true(TIFFGetField(tif, TIFFTAG_IMAGEWIDTH, &w) && (int)w == width);
    assert_true(TIFFGetField(tif, TIFFTAG_IMAGELENGTH, &h) && (int)h == height);
    for (int i = 0; i < (int)TIFFNumberOfTiles(tif); i++) {
        REQUIRE(TIFFReadEncodedTile(tif, (uint32_t)i, tile, sizeof tile) == sizeof tile, "tile %d",
                i);
        for (int at = 0; at < EDGE * EDGE; at++) {
            int y = i / across * EDGE + at / EDGE, x = i % across * EDGE + at % EDGE;
            if (y >= height || x >= width) continue;
            REQUIRE(tile[at] == world(0, y << k, x << k), "%s: level %d, pixel %d, %d", path, k, y,
                    x);
        }
    }
    TIFFClose(tif);
}

// Overviews are made of what was copied, in every layout of the file.
static void with_overviews(void **state)
{
    (void)state;
    const char *from = part_of_world("levels", (tiff_spec){ .bands = 1 }, 0, 0);
    for (int cog = 0; cog < 2; cog++) {
        gwt *g = gwt_begin(.num_workers = 3);
        gwt_save_options o = deflated;
        o.overviews = "2,4";
        o.cog = cog;
        o.overview_resampling = "nearest";
        const char *path = saved("levels", gwt_open(g, from), o);
        EXPECT_OK(g);
        assert_int_equal(planned.copied, TILES);
        for (int i = 0; i < TILES; i++) expect_tile(path, i, from, i);
        expect_world(path, NULL, 0, 0);
        expect_level(path, 1);
        expect_level(path, 2);
        o.mask = true;          // of pixels, which are decoded for it
        path = saved("levels", gwt_open(g, from, .nodata = gwt_some(7)), o);
        EXPECT_OK(g);
        for (int i = 0; i < TILES; i++) expect_tile(path, i, from, i);
        assert_int_equal(gwt_end(g), 0);
    }
}

// Large uncompressed tiles are read in parts, and copied whole.
static void large_tiles(void **state)
{
    (void)state;
    enum { LARGE = 1024 };
    tiff_spec spec = { .width = LARGE + 100, .height = LARGE + 600, .tile_width = LARGE,
                       .tile_height = LARGE, .dtype = GWT_UINT8, .compression = COMPRESSION_NONE };
    const char *from = part_of_world("large", spec, 0, 0);
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_save_options o = { .tile_size = LARGE };
    for (int fills = 0; fills < 2; fills++) {
        gwt_array *a = gwt_open(g, from, .fill_bad_tiles = fills, .nodata = fills ? gwt_some(7)
                                                                    : (gwt_optional){ 0 });
        const char *path = saved("large", a, o);
        EXPECT_OK(g);
        for (int i = 0; i < 4; i++) expect_tile(path, i, from, i);
        expect_world(path, NULL, 0, 0);
    }
    assert_int_equal(gwt_end(g), 0);
}

// ---- the same bytes, whoever does it, and after an interruption ---------------------------------

typedef struct stop { int after; atomic_int calls; } stop;

static int stop_soon(const gwt_progress *p, void *user)
{
    stop *s = user;
    return !p->last && atomic_fetch_add(&s->calls, 1) >= s->after;
}

// A window whose last row of tiles is encoded, with a band that is computed.
static gwt_array *some_of_each(gwt *g, const char *from, int chunks)
{
    gwt_array *a = gwt_window(gwt_open(g, from, .chunks = chunks), 64, 0, 1000, 900);
    gwt_array *b = gwt_cast(gwt_add(a, gwt_number(g, 1)), GWT_UINT16);
    return gwt_stack((gwt_array *[]){ a, b }, 2, GWT_BAND);
}

static void same_bytes(void **state)
{
    (void)state;
    const char *from = part_of_world("large scene", (tiff_spec){ .width = 900, .height = 1100,
                                     .nodata = "7" }, 0, 0);
    gwt_save_options o = deflated;
    o.interleave = GWT_PLANAR;
    o.nodata = gwt_some(7);
    gwt *g = gwt_begin(.num_workers = 1);
    const char *want = saved("want", some_of_each(g, from, 64), o);
    int copied = num_copied(want, from);
    assert_int_equal(gwt_end(g), 0);
    assert_int_equal(copied, 15 * 15);
    for (int workers = 1; workers <= 4; workers++)
        for (int chunks = 40; chunks <= 1000; chunks *= 5) {
            g = gwt_begin(.num_workers = workers);
            const char *path = saved("same", some_of_each(g, from, chunks), o);
            REQUIRE(files_equal(path, want), "%d workers, chunks %d", workers, chunks);
            assert_int_equal(gwt_end(g), 0);
        }
}

static void interrupted(void **state)
{
    (void)state;
    const char *from = part_of_world("long", (tiff_spec){ .width = 64, .height = 30000,
                                     .nodata = "7" }, 0, 0);
    gwt_save_options o = deflated;
    gwt *g = gwt_begin(.num_workers = 2);
    const char *want = saved("whole", gwt_open(g, from), o);
    assert_int_equal(gwt_end(g), 0);
    const char *path = temp_path("again.tif"), *part = temp_path("again.tif.part");
    stop s = { .after = 0 };
    g = gwt_begin(.num_workers = 2, .quiet = true, .on_progress = stop_soon, .user = &s);
    assert_false(gwt_save_with(gwt_open(g, from), path, &o));
    EXPECT_ERROR(g, GWT_E_CANCELLED, NULL);
    gwt_end(g);
    assert_true(file_exists(part));
    o.resume = true;
    o.reencode = true;          // another job
    g = gwt_begin(.num_workers = 2, .quiet = true);
    assert_false(gwt_save_with(gwt_open(g, from), path, &o));
    EXPECT_ERROR(g, GWT_E_EXISTS, "its options were others");
    o.reencode = false;
    assert_true(gwt_save_with(gwt_open(g, from), path, &o));
    EXPECT_OK(g);
    gwt_end(g);
    assert_true(files_equal(path, want));
}

// ---- damage -------------------------------------------------------------------------------------

static void flip(const char *path, int tile, int byte)
{
    stored *s = stored_read(path);
    size_t size;
    unsigned char *file = file_read(path, &size);
    file[s->at[tile] + (uint64_t)byte] ^= 0x10;
    file_write(path, file, size);
    free(file);
    stored_free(s);
}

// A tile that is not what its checksum says is an error, as it is when it is decoded. Without one
// it is handed on; where bad tiles are filled it is decoded first, and the others are copied.
static void damaged_tiles(void **state)
{
    (void)state;
    const char *from = part_of_world("good", (tiff_spec){ .nodata = "7" }, 0, 0);
    gwt_save_options o = deflated;
    o.checksums = true;
    gwt *g = gwt_begin(.num_workers = 2);
    const char *listed = saved("listed", gwt_open(g, from), o);
    assert_int_equal(gwt_end(g), 0);
    flip(listed, 5, 40);
    flip(from, 5, 40);
    for (int sums = 0; sums < 2; sums++) {
        const char *bad = sums ? listed : from;
        g = gwt_begin(.num_workers = 2, .quiet = true);
        gwt_save_options plain = deflated;
        const char *path = temp_path("damaged.tif");
        plain.overwrite = true;
        assert_true(gwt_save_with(gwt_open(g, bad), path, &plain) == !sums);
        if (sums)
            EXPECT_ERROR(g, GWT_E_FORMAT, "tile 5 (rows 64..127, columns 64..127) is not what was "
                                          "written");
        EXPECT_OK(g);
        if (!sums) assert_int_equal(num_copied(path, bad), TILES);
        gwt_array *a = gwt_open(g, bad, .fill_bad_tiles = true);
        path = saved("filled", a, plain);
        EXPECT_OK(g);
        assert_int_equal(num_copied(path, bad), TILES - 1);
        REQUIRE(gwt_bad_tile(g, 0) && !gwt_bad_tile(g, 1), "not one bad tile");
        image *im = image_read(path);
        for (int y = 0; y < ROWS; y++)
            for (int x = 0; x < COLS; x++) {
                bool there = y / EDGE != 1 || x / EDGE != 1;
                assert_int_equal(image_get(im, 0, y, x), there ? world(0, y, x) : NODATA);
            }
        image_free(im);
        gwt_end(g);
    }
}

// A directory that says of a tile what can't be is believed by neither.
static void impossible_tiles(void **state)
{
    (void)state;
    static const uint64_t sizes[] = { 1, 6 };    // 8192 bytes were deflated
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        const char *from = part_of_world("impossible", (tiff_spec){ .bands = 1 }, 0, 0);
        stored *s = stored_read(from);
        size_t size, found = 0;
        unsigned char *file = file_read(from, &size);
        for (size_t at = 0; at + 4 <= size && !found; at++) {     // the list of sizes
            uint32_t n[2];
            memcpy(n, file + at, sizeof n);
            if (n[0] == s->bytes[0] && n[1] == s->bytes[1]) found = at;
        }
        REQUIRE(found, "no list of sizes");
        memcpy(file + found, &(uint32_t){ (uint32_t)sizes[i] }, 4);
        file_write(from, file, size);
        free(file);
        stored_free(s);
        gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
        assert_false(gwt_save_with(gwt_open(g, from), temp_path("no.tif"), &deflated));
        EXPECT_ERROR(g, GWT_E_FORMAT, "tile 0 ");
        gwt_end(g);
        assert_false(file_exists(temp_path("no.tif")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_files),
        cmocka_unit_test(windows),
        cmocka_unit_test(bands_of_planes),
        cmocka_unit_test(stacks),
        cmocka_unit_test(mosaics),
        cmocka_unit_test(overlapping_mosaics),
        cmocka_unit_test(values_that_change),
        cmocka_unit_test(other_words),
        cmocka_unit_test(near_misses),
        cmocka_unit_test(statistics),
        cmocka_unit_test(sparse_files),
        cmocka_unit_test(several_outputs),
        cmocka_unit_test(with_overviews),
        cmocka_unit_test(large_tiles),
        cmocka_unit_test(same_bytes),
        cmocka_unit_test(interrupted),
        cmocka_unit_test(damaged_tiles),
        cmocka_unit_test(impossible_tiles),
    };
    return cmocka_run_group_tests_name("copy", tests, temp_begin, temp_end);
}
