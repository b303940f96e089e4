// test_masks.c - what a mask says is missing: of one bit or eight, in the file or beside it, of all
// bands or of each. Files are written by libtiff; what is missing is known from the bits put there.

#include "../gwt.h"

#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

// ---- samples of a bit -------------------------------------------------------------------------

static uint32_t bit_at(const packed *m, int band, int y, int x)
{
    (void)m;
    return (noise((uint64_t)(band * 1000003 + y * 1009 + x)) & 3) != 0;
}

// One bit a sample, unless it is changed.
#define BITMAP(...) (packed){ .bits = 1, .value = bit_at, __VA_ARGS__ }

static void check_bits(const packed *m)
{
    const char *path = temp_path("bits.tif");
    TIFF *t = TIFFOpen(path, m->big_endian ? "wb" : "wl");
    packed_write(t, m);
    TIFFClose(t);
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = gwt_open(g, path);
    uint8_t *got = gwt_compute(a);
    EXPECT_OK(g);
    assert_int_equal(gwt_describe(a)->dtype, GWT_UINT8);
    for (int b = 0, k = 0; b < m->bands; b++)
        for (int y = 0; y < m->height; y++)
            for (int x = 0; x < m->width; x++, k++)
                REQUIRE(got[k] == bit_at(m, b, y, x), "%d x %d, tiles of %d, compression %d, fill "
                        "order %d: band %d, row %d, column %d is %d", m->width, m->height, m->tile,
                        m->compression, m->fill_order, b, y, x, got[k]);
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

static void samples_of_a_bit(void **state)
{
    (void)state;
    static const int codecs[] = { COMPRESSION_NONE, COMPRESSION_PACKBITS, COMPRESSION_LZW,
                                  COMPRESSION_ADOBE_DEFLATE, COMPRESSION_ZSTD, COMPRESSION_CCITTRLE,
                                  COMPRESSION_CCITTFAX3, COMPRESSION_CCITTFAX4 };
    static const int widths[] = { 1, 7, 8, 9, 16, 37, 100 };
    for (size_t c = 0; c < COUNT_OF(codecs); c++) {
        if (!TIFFIsCODECConfigured((uint16_t)codecs[c])) continue;
        for (int way = 0; way < 8; way++)
            for (size_t w = 0; w < COUNT_OF(widths); w++)
                check_bits(&BITMAP(.width = widths[w], .height = 35, .bands = 1,
                                   .tile = way & 1 ? 32 : 0, .big_endian = way & 4,
                                   .fill_order = way & 2 ? FILLORDER_LSB2MSB
                                                         : FILLORDER_MSB2LSB,
                                   .compression = codecs[c]));
    }
    for (int way = 0; way < 4; way++)
        check_bits(&BITMAP(.width = 21, .height = 20, .bands = 3, .planar = way & 1,
                           .tile = way & 2 ? 16 : 0,
                           .compression = COMPRESSION_ADOBE_DEFLATE));
}

// ---- masks ------------------------------------------------------------------------------------

enum { W = 61, H = 43 };

static void append_mask(const char *path, const packed *m, uint32_t kind)
{
    TIFF *t = TIFFOpen(path, "a");
    packed_write(t, m);
    TIFFSetField(t, TIFFTAG_SUBFILETYPE, kind);
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MASK);
    TIFFClose(t);
}

// An image, and a mask of it in its file.
static const char *write_inside(const char *name, const tiff_spec *spec, const void *samples,
                                const packed *m)
{
    const char *path = temp_path("%s", name);
    tiff_write(path, spec, samples);
    append_mask(path, m, FILETYPE_MASK);
    return path;
}

#define FLAG(band, flags) "<Item name=\"INTERNAL_MASK_FLAGS_" #band "\">" #flags "</Item>\n"
#define FLAGS(items) "<GDALMetadata>\n" items "</GDALMetadata>"

// A mask of a byte a sample beside a file, with those items.
static void write_beside(const char *path, int width, int height, int bands, const char *metadata)
{
    char msk[1024];
    packed m = BITMAP(.width = width, .height = height, .bands = bands);
    double *values = calloc((size_t)(bands * width * height), sizeof *values);
    for (int b = 0, k = 0; b < bands; b++)
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++, k++) values[k] = bit_at(&m, b, y, x) ? 1 + k % 255 : 0;
    snprintf(msk, sizeof msk, "%s.msk", path);
    tiff_write_values(msk, &(tiff_spec){ .width = width, .height = height, .bands = bands,
                                         .dtype = GWT_UINT8, .tile_width = 16, .tile_height = 16,
                                         .compression = COMPRESSION_LZW, .metadata = metadata },
                      values);
    free(values);
}

// Which band of the mask hides each band of an image; -1: none does.
static void check_hidden(gwt *g, gwt_array *a, const packed *m, const int *by,
                         const double *values, const char *what)
{
    double *got = VALUES_OF(a);
    for (int b = 0, k = 0; b < (int)gwt_describe(a)->shape[1]; b++)
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++, k++) {
                bool missing = by[b] >= 0 && !bit_at(m, by[b], y, x);
                REQUIRE(same_double(got[k], missing ? NAN : values[k]), "%s: band %d, row %d, "
                        "column %d is %g, not %g", what, b, y, x, got[k],
                        missing ? NAN : values[k]);
            }
    gwt_free(got);
}

static void fill_values(double *values, int bands)
{
    for (int k = 0; k < bands * W * H; k++) values[k] = k % 200 + 7;
}

// One band of the mask hides all bands of the image, or each its own; planar or not, tiled or not.
static void masks_inside(void **state)
{
    (void)state;
    static double values[3 * W * H];
    static const int all[] = { 0, 0, 0 }, each[] = { 0, 1, 2 };
    static uint8_t samples[3 * W * H];
    fill_values(values, 3);
    for (int k = 0; k < 3 * W * H; k++) samples[k] = (uint8_t)values[k];
    for (int way = 0; way < 32; way++) {
        gwt *g = gwt_begin(.num_workers = 3);
        packed m = BITMAP(.width = W, .height = H, .bands = way & 1 ? 3 : 1,
                          .tile = way & 2 ? 16 : 0, .planar = way & 4,
                          .compression = COMPRESSION_ADOBE_DEFLATE,
                          .fill_order = way & 8 ? FILLORDER_LSB2MSB : FILLORDER_MSB2LSB);
        if (way & 16) m.bits = 8;
        tiff_spec spec = { .width = W, .height = H, .bands = 3, .dtype = GWT_UINT8,
                           .tile_width = way & 4 ? 32 : 0, .tile_height = way & 4 ? 48 : 0,
                           .planar = way & 8, .compression = COMPRESSION_LZW };
        gwt_array *a = gwt_open(g, write_inside("inside.tif", &spec, samples, &m));
        EXPECT_OK(g);
        assert_string_equal(gwt_describe(a)->mask, "directory 2");
        check_hidden(g, a, &m, way & 1 ? each : all, values, "inside");
        check_hidden(g, gwt_open(g, temp_path("inside.tif"), .ignore_mask = true), &m,
                     (const int[]){ -1, -1, -1 }, values, "ignored");
        assert_null(gwt_note(g, 0));
        assert_int_equal(gwt_end(g), 0);
        remove(temp_path("inside.tif"));
    }
}

// The mask of an overview is not the image's, nor is one of another size where one of its own is.
static void masks_of_others(void **state)
{
    (void)state;
    static double values[W * H];
    static const int all[] = { 0 };
    const char *path = temp_path("others.tif");
    packed small = BITMAP(.width = W / 2, .height = H / 2, .bands = 1);
    packed m = BITMAP(.width = W, .height = H, .bands = 1, .compression = COMPRESSION_PACKBITS);
    fill_values(values, 1);
    for (int way = 0; way < 4; way++) {
        gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
        tiff_write_values(path, &(tiff_spec){ .width = W, .height = H, .dtype = GWT_UINT8 },
                          values);
        append_mask(path, &small, way < 2 ? FILETYPE_MASK | FILETYPE_REDUCEDIMAGE : FILETYPE_MASK);
        if (way & 1) append_mask(path, &m, FILETYPE_MASK);
        gwt_array *a = gwt_open(g, path);
        if (way == 2) EXPECT_ERROR(g, GWT_E_FORMAT, "others.tif: directory 2: a mask of 30 x 21 ");
        else if (way == 0) assert_null(gwt_describe(a)->mask);
        else check_hidden(g, a, &m, all, values, "of others");
        if (way & 1) assert_string_equal(gwt_describe(a)->mask, "directory 3");
        EXPECT_OK(g);
        gwt_end(g);
    }
}

static void masks_beside(void **state)
{
    (void)state;
    static double values[3 * W * H];
    static const struct { int bands; const char *metadata; int by[3]; } cases[] = {
        { 1, FLAGS(FLAG(1, 2) FLAG(2, 2) FLAG(3, 2)), { 0, 0, 0 } },
        { 3, FLAGS(FLAG(1, 0) FLAG(2, 0) FLAG(3, 0)), { 0, 1, 2 } },
        { 3, FLAGS(FLAG(1, 2) FLAG(2, 0) FLAG(3, 0)), { 0, 1, 2 } },
        { 3, FLAGS(FLAG(1, 0) FLAG(3, 2)), { 0, -1, 0 } },
        { 3, FLAGS(FLAG(3, 0)), { -1, -1, 2 } },
        { 1, NULL, { -1, -1, -1 } },
    };
    const char *path = temp_path("beside.tif");
    fill_values(values, 3);
    tiff_write_values(path, &(tiff_spec){ .width = W, .height = H, .bands = 3, .planar = true,
                                          .dtype = GWT_INT16 }, values);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        packed m = BITMAP(.width = W, .height = H, .bands = cases[i].bands);
        bool none = !cases[i].metadata;
        write_beside(path, W, H, cases[i].bands, cases[i].metadata);
        gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
        gwt_array *a = gwt_open(g, path);
        EXPECT_OK(g);
        char what[16];
        snprintf(what, sizeof what, "case %zu", i);
        check_hidden(g, a, &m, cases[i].by, values, what);
        if (none) assert_null(gwt_describe(a)->mask);
        else assert_string_equal(gwt_describe(a)->mask, "beside.tif.msk");
        assert_true(none == (gwt_note(g, 0) && strstr(gwt_note(g, 0), "it is no mask")));
        assert_int_equal(gwt_end(g), 0);
    }
}

// Bands of a mask that are said to be there are; its size is the image's; it can be read.
static void refused_masks(void **state)
{
    (void)state;
    static double values[2 * W * H];
    static const char two[] = FLAGS(FLAG(1, 0) FLAG(2, 0));
    const char *path = temp_path("refused.tif");
    tiff_write_values(path, &(tiff_spec){ .width = W, .height = H, .bands = 2,
                                          .dtype = GWT_UINT8 }, values);
    for (int way = 0; way < 3; way++) {
        gwt *g = gwt_begin(.quiet = true);
        if (way == 0) write_beside(path, W, H, 1, two);
        if (way == 1) write_beside(path, W, H - 1, 2, two);
        if (way == 2) file_write(temp_path("refused.tif.msk"), "no mask", 7);
        assert_null(gwt_open(g, path));
        static const char *const why[] = { "a mask of 1 bands, and its image refused.tif has 2",
                                           "a mask of 61 x 42 pixels, and its image ",
                                           "is not a TIFF" };
        EXPECT_ERROR(g, GWT_E_FORMAT, why[way]);
        gwt_free(gwt_compute(gwt_open(g, path, .ignore_mask = true)));
        EXPECT_OK(g);
        gwt_end(g);
    }
}

// Where the first tile of the mask in a file lies.
static uint64_t mask_data(const char *path)
{
    TIFF *t = TIFFOpen(path, "r");
    uint64_t *offsets = NULL, at = 0;
    if (TIFFSetDirectory(t, 1) && TIFFGetField(t, TIFFTAG_TILEOFFSETS, &offsets)) at = offsets[0];
    TIFFClose(t);
    return at;
}

// Any byte of a file with a mask may be another: there are pixels, or an error, of one line; with
// .fill_bad_tiles what can't be read of a mask hides.
static void damaged_masks(void **state)
{
    (void)state;
    static uint8_t samples[W * H];
    packed m = BITMAP(.width = W, .height = H, .bands = 1, .tile = 16,
                      .compression = COMPRESSION_ADOBE_DEFLATE);
    tiff_spec spec = { .width = W, .height = H, .dtype = GWT_UINT8 };
    const char *path = temp_path("damaged.tif"), *bad = temp_path("bad.tif");
    size_t size;
    remove(path);
    write_inside("damaged.tif", &spec, samples, &m);
    unsigned char *file = file_read(path, &size);
    int errors = 0;
    for (size_t at = 4; at < size; at += at < W * H ? 97 : SLOW ? 7 : 1) {
        file[at] ^= (unsigned char)(1 + noise(at) % 255);
        file_write(bad, file, size);
        gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
        gwt_free(gwt_compute(gwt_open(g, bad, .nodata = gwt_some(7))));
        if (gwt_status(g)) {
            assert_null(strchr(gwt_message(g), '\n'));
            assert_non_null(strstr(gwt_message(g), "bad.tif"));
            errors++;
        }
        gwt_end(g);
        free(file);
        file = file_read(path, &size);
    }
    assert_true(errors > 20);
    memset(file + mask_data(path), 0xff, 100);
    file_write(bad, file, size);
    free(file);
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    double *got = VALUES_OF(gwt_open(g, bad, .nodata = gwt_some(7), .fill_bad_tiles = true));
    assert_non_null(gwt_bad_tile(g, 0));
    assert_non_null(strstr(gwt_bad_tile(g, 0), "bad.tif: directory 2: tile "));
    bool hides = false, shows = false;
    for (int k = 0; k < W * H; k++) {
        bool put = bit_at(&m, 0, k / W, k % W);
        assert_true(isnan(got[k]) || put);
        hides |= isnan(got[k]) && put;
        shows |= !isnan(got[k]);
    }
    assert_true(hides && shows);
    gwt_free(got);
    gwt_end(g);
}

// Of a mask as of any image tiles may be absent: nothing is valid there, as GDAL has it.
static bool second_absent(uint32_t strile) { return strile == 1; }

static void absent_tiles(void **state)
{
    (void)state;
    static double values[W * H], mask[W * H];
    const char *path = temp_path("absent.tif");
    for (int k = 0; k < W * H; k++) values[k] = mask[k] = 5;
    tiff_write_values(path, &(tiff_spec){ .width = W, .height = H, .dtype = GWT_FLOAT32 }, values);
    tiff_write_values(temp_path("absent.tif.msk"),
                      &(tiff_spec){ .width = W, .height = H, .dtype = GWT_UINT8, .tile_width = 32,
                                    .tile_height = 32, .absent = second_absent,
                                    .metadata = FLAGS(FLAG(1, 2)) }, mask);
    gwt *g = gwt_begin(.num_workers = 1);
    double *got = VALUES_OF(gwt_open(g, path));
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            assert_true(same_double(got[y * W + x], y < 32 && x >= 32 ? NAN : 5));
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

// What is only opened and saved keeps its type and its bits, 64 of them; what is hidden becomes
// nodata, and without one there is an error.
static void exact_bits(void **state)
{
    (void)state;
    static uint64_t samples[W * H];
    packed m = BITMAP(.width = W, .height = H, .bands = 1, .compression = COMPRESSION_CCITTFAX4);
    for (int d = 0; d < DTYPES; d++) {
        gwt_dtype dtype = all_dtypes[d];
        size_t size = sample_size(dtype);
        const char *out = temp_path("exact_out.tif");
        fill_noise(dtype, samples, W * H, (uint64_t)d);
        gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
        gwt_array *a = gwt_open(g, write_inside("exact.tif", &(tiff_spec){ .width = W, .height = H,
                                                .dtype = dtype }, samples, &m));
        gwt_save(a, out, .nodata = gwt_some(3), .overwrite = true);
        EXPECT_OK(g);
        image *im = image_read(out);
        assert_int_equal(im->dtype, dtype);
        for (int k = 0; k < W * H; k++) {
            unsigned char want[8];
            memcpy(want, (char *)samples + (size_t)k * size, size);
            bool missing = !bit_at(&m, 0, k / W, k % W);
            if (missing || (is_float(dtype) && isnan(sample_get(dtype, samples, (size_t)k))))
                sample_set(dtype, want, 0, 3);
            REQUIRE(!memcmp(im->raw + (size_t)k * size, want, size), "%s: pixel %d",
                    gwt_dtype_name(dtype), k);
        }
        image_free(im);
        if (!is_float(dtype)) {
            assert_false(gwt_save(a, out, .overwrite = true));
            EXPECT_ERROR(g, GWT_E_NODATA, "no nodata value");
        }
        gwt_end(g);
    }
}

// Missing where the mask or nodata says so; another nodata value takes the place of the file's and
// leaves the mask.
static void with_nodata(void **state)
{
    (void)state;
    static double values[W * H];
    const char *path = temp_path("both.tif");
    packed m = BITMAP(.width = W, .height = H, .bands = 1);
    fill_values(values, 1);
    tiff_write_values(path, &(tiff_spec){ .width = W, .height = H, .dtype = GWT_UINT16,
                                          .nodata = "20" }, values);
    write_beside(path, W, H, 1, FLAGS(FLAG(1, 2)));
    for (int way = 0; way < 5; way++) {
        gwt *g = gwt_begin(.num_workers = 2, .nodata = { .set = way == 1, .value = 30 });
        gwt_array *a = way == 2 ? gwt_open(g, path, .nodata = gwt_some(30))
                     : way == 4 ? gwt_open(g, path, .ignore_mask = true) : gwt_open(g, path);
        if (way == 3) a = gwt_set_nodata(a, .src_nodata = gwt_some(30));
        double nodata = way == 0 || way == 4 ? 20 : 30, *got = VALUES_OF(a);
        for (int k = 0; k < W * H; k++) {
            bool hidden = way != 4 && !bit_at(&m, 0, k / W, k % W);
            REQUIRE(same_double(got[k], hidden || values[k] == nodata ? NAN : values[k]),
                    "way %d: pixel %d of %g is %g", way, k, values[k], got[k]);
        }
        gwt_free(got);
        assert_int_equal(gwt_end(g), 0);
    }
}

// ---- alpha ------------------------------------------------------------------------------------

static void write_alpha(const char *path, const uint8_t *samples, int extra)
{
    uint16_t extras[] = { (uint16_t)extra };
    TIFF *t = TIFFOpen(path, "w");
    TIFFSetField(t, TIFFTAG_IMAGEWIDTH, W);
    TIFFSetField(t, TIFFTAG_IMAGELENGTH, H);
    TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, 8);
    TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, 4);
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_RGB);
    TIFFSetField(t, TIFFTAG_EXTRASAMPLES, 1, extras);
    REQUIRE(TIFFWriteEncodedStrip(t, 0, (void *)(uintptr_t)samples, 4 * W * H) > 0, "%s", path);
    TIFFClose(t);
}

static void alpha_hides(void **state)
{
    (void)state;
    static uint8_t samples[4 * W * H];
    const char *path = temp_path("alpha.tif");
    for (int k = 0; k < 4 * W * H; k++)
        samples[k] = (uint8_t)(k % 4 < 3 ? k % 251 : (int)(noise((uint64_t)k) & 3) * 85);
    for (int way = 0; way < 8; way++) {
        bool asked = way & 1, by_session = way & 2, associated = way & 4;
        write_alpha(path, samples, associated ? EXTRASAMPLE_ASSOCALPHA : EXTRASAMPLE_UNASSALPHA);
        gwt *g = gwt_begin(.num_workers = 2, .alpha_mask = asked && by_session, .quiet = true);
        gwt_array *a = gwt_open(g, path, .alpha_mask = asked && !by_session);
        double *got = VALUES_OF(a);
        for (int b = 0; b < 4; b++)
            for (int k = 0; k < W * H; k++) {
                bool missing = asked && b < 3 && samples[4 * k + 3] == 0;
                REQUIRE(same_double(got[b * W * H + k], missing ? NAN : samples[4 * k + b]),
                        "way %d, band %d: pixel %d is %g", way, b, k, got[b * W * H + k]);
            }
        gwt_free(got);
        gwt_free(VALUES_OF(gwt_sel(a, "1")));
        assert_true(asked == !gwt_note(g, 0));
        assert_int_equal(gwt_end(g), 0);
    }
}

// ---- in operations ----------------------------------------------------------------------------

// What may be done with an array: of a masked one as of the same with a nodata value.
static gwt_array *operation(int op, gwt_array *a, gwt_array *b)
{
    switch (op) {
    case 0: return gwt_add(a, b);
    case 1: return gwt_window(a, 5, 3, 30, 29);
    case 2: return gwt_every(a, 3);
    case 3: return gwt_moving(a, .window = 5);
    case 4: return gwt_stack((gwt_array *[]){ a, b }, 2, GWT_TIME);
    case 5: return gwt_reduce(gwt_stack((gwt_array *[]){ a, b }, 2, GWT_BAND), GWT_BAND,
                              GWT_MEDIAN);
    case 6: return gwt_regrid(a, .res = 2.5, .resampling = GWT_BILINEAR);
    case 7: return gwt_regrid(a, .res = 3, .resampling = GWT_AVERAGE);
    case 8: return gwt_valid(a);
    case 9: return gwt_mosaic((gwt_array *[]){ gwt_window(a, 0, 0, 30, 40), b }, 2, GWT_UNION,
                              GWT_MEAN, GWT_NEAREST);
    default: return gwt_window(gwt_regrid(a, .res = 0.5), 7, 9, 40, 50);
    }
}

static void in_operations(void **state)
{
    (void)state;
    enum { OPERATIONS = 11 };
    static double values[W * H];
    const geo_tags geo = { .scale = (const double[]){ 1, 1, 0 },
                           .tiepoint = (const double[]){ 0, 0, 0, 100, 200, 0 } };
    const char *names[] = { temp_path("first.tif"), temp_path("second.tif") };
    for (int i = 0; i < 2; i++) {
        packed m = BITMAP(.width = W, .height = H, .bands = 1);
        tiff_spec spec = { .width = W, .height = H, .dtype = GWT_UINT8, .tile_width = 16,
                           .tile_height = 16, .geo = &geo };
        for (int k = 0; k < W * H; k++) values[k] = (double)(noise((uint64_t)(k * 2 + i)) % 200);
        tiff_write_values(names[i], &spec, values);
        write_beside(names[i], W, H, 1, FLAGS(FLAG(1, 2)));
        for (int k = 0; k < W * H; k++)
            if (!bit_at(&m, 0, k / W, k % W)) values[k] = 255;
        spec.nodata = "255";
        tiff_write_values(temp_path("plain%d.tif", i), &spec, values);
    }
    for (int op = 0; op < OPERATIONS; op++) {
        gwt *g = gwt_begin(.num_workers = 2, .chunks = 24);
        gwt_array *a = operation(op, gwt_open(g, names[0]), gwt_open(g, names[1]));
        gwt_array *b = operation(op, gwt_open(g, temp_path("plain0.tif")),
                                 gwt_open(g, temp_path("plain1.tif")));
        double *got = VALUES_OF(a), *want = VALUES_OF(b);
        assert_int_equal(array_count(a), array_count(b));
        for (size_t k = 0; k < array_count(a); k++)
            REQUIRE(same_double(got[k], want[k]), "operation %d: pixel %zu is %g, not %g", op, k,
                    got[k], want[k]);
        gwt_free(got);
        gwt_free(want);
        assert_int_equal(gwt_end(g), 0);
    }
}

// ---- as an input ------------------------------------------------------------------------------

typedef struct stopper { gwt *g; int left; } stopper;

static int stop_after(const gwt_kernel *k, void *user)
{
    stopper *s = user;
    for (int64_t i = 0; i < k->rows * k->cols; i++) k->out[i] = k->in[i];
    if (s->left > 0 && --s->left == 0) gwt_cancel(s->g);
    return 0;
}

// A save that was stopped goes on with the mask that it had, and with no other.
static void a_mask_is_an_input(void **state)
{
    (void)state;
    static double values[W * H];
    static const char *const out = "masked_out.tif";
    const char *path = temp_path("input.tif"), *msk = temp_path("input.tif.msk");
    char *flags = FLAGS(FLAG(1, 2));
    tiff_write_values(path, &(tiff_spec){ .width = W, .height = H, .dtype = GWT_UINT8,
                                          .tile_width = 16, .tile_height = 16 }, values);
    for (int way = 0; way < 4; way++) {
        write_beside(path, W, H, 1, flags);
        for (int again = 0; again < 2; again++) {
            gwt *g = gwt_begin(.num_workers = 1, .quiet = true, .chunks = 16);
            stopper s = { .g = g, .left = again ? 0 : 5 };
            gwt_array *a = gwt_open(g, path, .ignore_mask = way == 1 && again);
            gwt_array *b = gwt_apply(a, stop_after, &s, .identity = "same");
            bool good = gwt_save(b, temp_path("%s", out), .tile_size = 16, .resume = true);
            if (!again) EXPECT_ERROR(g, GWT_E_CANCELLED, "cancelled");
            else if (way == 0) assert_true(good);
            else EXPECT_ERROR(g, GWT_E_EXISTS, "masked_out.tif.part is of another job");
            gwt_end(g);
            if (way == 2) write_beside(path, W, H, 2, flags);
            if (way == 3) remove(msk);
        }
        remove(temp_path("%s", out));
        remove(temp_path("%s.part", out));
        remove(temp_path("%s.part.journal", out));
    }
    gwt *g = gwt_begin(.quiet = true);
    write_beside(path, W, H, 1, flags);
    assert_false(gwt_save(gwt_open(g, path), msk, .overwrite = true, .nodata = gwt_some(9)));
    EXPECT_ERROR(g, GWT_E_EXISTS, "the output is an input");
    gwt_end(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_of_a_bit), cmocka_unit_test(masks_inside),
        cmocka_unit_test(masks_of_others), cmocka_unit_test(masks_beside),
        cmocka_unit_test(refused_masks), cmocka_unit_test(damaged_masks),
        cmocka_unit_test(absent_tiles), cmocka_unit_test(exact_bits),
        cmocka_unit_test(with_nodata), cmocka_unit_test(alpha_hides),
        cmocka_unit_test(in_operations), cmocka_unit_test(a_mask_is_an_input),
    };
    return cmocka_run_group_tests_name("masks", tests, temp_begin, temp_end);
}
