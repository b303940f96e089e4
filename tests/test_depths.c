// test_depths.c - samples that an array has otherwise than the file: of other depths than 8, 16, 32
// and 64 bits, short floating point, complex numbers, YCbCr, old-style JPEG. Pixels are known from
// the bytes put there, or from libtiff's RGBA interface.

#include "../gwt.h"

#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

// ---- integers of 2 to 31 bits -----------------------------------------------------------------

static uint32_t value_at(const packed *m, int band, int y, int x)
{
    return (uint32_t)(noise((uint64_t)(band * 1000003 + y * 1009 + x)) >> (64 - m->bits));
}

static void check_packed(const packed *m)
{
    const char *path = temp_path("packed.tif");
    TIFF *t = TIFFOpen(path, m->big_endian ? "wb" : "wl");
    packed_write(t, m);
    TIFFClose(t);
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = gwt_open(g, path, .chunks = 13);
    void *got = gwt_compute(a);
    EXPECT_OK(g);
    gwt_dtype dtype = gwt_describe(a)->dtype;
    assert_int_equal(dtype, m->bits <= 8 ? GWT_UINT8 : m->bits <= 16 ? GWT_UINT16 : GWT_UINT32);
    assert_int_equal(gwt_describe(a)->bits, m->bits);
    size_t k = 0;
    for (int b = 0; b < m->bands; b++)
        for (int y = 0; y < m->height; y++)
            for (int x = 0; x < m->width; x++, k++) {
                double value = sample_get(dtype, got, k);
                REQUIRE(value == value_at(m, b, y, x), "%d bits, width %d, tiles of %d, "
                        "compression %d, fill order %d: band %d, row %d, column %d is %g",
                        m->bits, m->width, m->tile, m->compression, m->fill_order, b, y, x, value);
            }
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

// 24 bits have an order of bytes: see integers_of_24_bits. Signed ones are as GDAL reads them.
static void integers(void **state)
{
    (void)state;
    static const int codecs[] = { COMPRESSION_NONE, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_LZW,
                                  COMPRESSION_PACKBITS };
    static const int widths[] = { 1, 5, 8, 19, 40 };
    for (int bits = 2; bits < 32; bits++)
        for (int way = 0; way < (bits % 8 ? SLOW ? 4 : 16 : 0); way++)
            check_packed(&(packed){
                .bits = bits, .width = widths[(bits + way) % 5], .height = 35,
                .tile = way & 1 ? 32 : 0, .big_endian = way & 2, .planar = way & 4,
                .fill_order = way & 8 ? FILLORDER_LSB2MSB : FILLORDER_MSB2LSB,
                .format = way % 3 ? SAMPLEFORMAT_UINT : SAMPLEFORMAT_INT,
                .bands = 1 + (way + bits) % 3, .value = value_at,
                .compression = codecs[(way / 2 + bits) % 4] });
}

// ---- TIFFs made by hand -----------------------------------------------------------------------

typedef struct entry { uint16_t tag, type; uint32_t count, value; } entry;

enum { SHORT = 3, LONG = 4, DATA_AT = 512 };

static void put(unsigned char *to, uint64_t v, int n, bool big_endian)
{
    for (int i = 0; i < n; i++) to[big_endian ? n - 1 - i : i] = (unsigned char)(v >> 8 * i);
}

// One strip of these bytes, uncompressed but for what `more` says, whose tags come in order.
static void write_by_hand(const char *path, const entry *entries, int count, bool big_endian,
                          const void *data, size_t size)
{
    unsigned char *file = calloc(DATA_AT + size, 1);
    memcpy(file, big_endian ? "MM" : "II", 2);
    put(file + 2, 42, 2, big_endian);
    put(file + 4, 8, 4, big_endian);
    put(file + 8, (unsigned)count, 2, big_endian);
    for (int i = 0; i < count; i++) {
        unsigned char *e = file + 10 + 12 * i;
        put(e, entries[i].tag, 2, big_endian);
        put(e + 2, entries[i].type, 2, big_endian);
        put(e + 4, entries[i].count, 4, big_endian);
        put(e + 8, entries[i].value, entries[i].type == SHORT && entries[i].count == 1 ? 2 : 4,
            big_endian);
    }
    memcpy(file + DATA_AT, data, size);
    file_write(path, file, DATA_AT + size);
    free(file);
}

static void write_row(const char *path, int width, int bits, int format, bool big_endian,
                      const void *data, size_t size)
{
    const entry entries[] = {
        { 256, LONG, 1, (uint32_t)width }, { 257, LONG, 1, 1 }, { 258, SHORT, 1, (uint32_t)bits },
        { 259, SHORT, 1, 1 }, { 262, SHORT, 1, 1 }, { 273, LONG, 1, DATA_AT }, { 277, SHORT, 1, 1 },
        { 278, LONG, 1, 1 }, { 279, LONG, 1, (uint32_t)size }, { 339, SHORT, 1, (uint32_t)format }
    };
    write_by_hand(path, entries, COUNT_OF(entries), big_endian, data, size);
}

// GDAL has the highest byte first in little-endian files, the lowest in others.
static void integers_of_24_bits(void **state)
{
    (void)state;
    static const unsigned char bytes[] = { 1, 2, 3, 0xFE, 0xDC, 0xBA };
    static const uint32_t wanted[2][2] = { { 0x010203, 0xFEDCBA }, { 0x030201, 0xBADCFE } };
    for (int big = 0; big < 2; big++) {
        const char *path = temp_path("three_%d.tif", big);
        write_row(path, 2, 24, 1, big, bytes, sizeof bytes);
        gwt *g = gwt_begin(.num_workers = 1);
        uint32_t *got = gwt_compute(gwt_open(g, path));
        EXPECT_OK(g);
        assert_memory_equal(got, wanted[big], sizeof wanted[big]);
        gwt_free(got);
        gwt_end(g);
    }
}

// ---- floating point of 16 and 24 bits ---------------------------------------------------------

typedef struct shortened { uint32_t raw; float value; } shortened;

static void check_floats(int bits, const shortened *list, int n)
{
    unsigned char data[64];
    for (int big = 0; big < 2; big++) {
        const char *path = temp_path("float%d_%d.tif", bits, big);
        for (int i = 0; i < n; i++) put(data + i * bits / 8, list[i].raw, bits / 8, big);
        write_row(path, n, bits, 3, big, data, (size_t)(n * bits / 8));
        gwt *g = gwt_begin(.num_workers = 1);
        gwt_array *a = gwt_open(g, path);
        float *got = gwt_compute(a);
        EXPECT_OK(g);
        assert_int_equal(gwt_describe(a)->dtype, GWT_FLOAT32);
        for (int i = 0; i < n; i++)
            REQUIRE(same_double((double)got[i], (double)list[i].value)
                    && !signbit(got[i]) == !signbit(list[i].value), "%d bits, %x is %a, not %a",
                    bits, list[i].raw, (double)got[i], (double)list[i].value);
        gwt_free(got);
        gwt_end(g);
    }
}

// From the definitions: 5 bits of exponent, bias 15, 10 of fraction; 7, bias 63, 16.
static void floats(void **state)
{
    (void)state;
    static const shortened halves[] = {
        { 0x3C00, 1 }, { 0xC000, -2 }, { 0x0000, 0 }, { 0x8000, -0.0f }, { 0x7BFF, 65504 },
        { 0x0400, 0x1p-14f }, { 0x0001, 0x1p-24f }, { 0x83FF, -0x1.ff8p-15f },
        { 0x7C00, (float)INFINITY }, { 0xFC00, -(float)INFINITY }, { 0x7E00, (float)NAN },
        { 0x7C01, (float)NAN }, { 0x3555, 0x1.554p-2f }
    };
    static const shortened longer[] = {
        { 0x3F0000, 1 }, { 0xC00000, -2 }, { 0x000000, 0 }, { 0x800000, -0.0f },
        { 0x7EFFFF, 0x1.ffffp+63f }, { 0x010000, 0x1p-62f }, { 0x000001, 0x1p-78f },
        { 0x00FFFF, 0x1.fffep-63f }, { 0x7F0000, (float)INFINITY }, { 0xFF0000, -(float)INFINITY },
        { 0x7F0001, (float)NAN }, { 0x3D5555, 0x1.5555p-2f }
    };
    check_floats(16, halves, COUNT_OF(halves));
    check_floats(24, longer, COUNT_OF(longer));
}

// ---- complex numbers --------------------------------------------------------------------------

static const double numbers[][2] = {
    { 3, 4 }, { -3, -4 }, { 0, 0 }, { -1, 0 }, { 0, 1000 }, { 7, 2 }, { 0, 7 }, { 32000, -32000 }
};
enum { NUMBERS = COUNT_OF(numbers) };

static void write_complex(const char *path, gwt_dtype component, const char *nodata)
{
    static const struct { gwt_dtype dtype; int format; } kinds[] = {
        { GWT_INT16, SAMPLEFORMAT_COMPLEXINT }, { GWT_INT32, SAMPLEFORMAT_COMPLEXINT },
        { GWT_FLOAT32, SAMPLEFORMAT_COMPLEXIEEEFP }, { GWT_FLOAT64, SAMPLEFORMAT_COMPLEXIEEEFP }
    };
    unsigned char row[16 * NUMBERS];
    size_t size = sample_size(component), kind = 0;
    while (kinds[kind].dtype != component) kind++;
    for (int i = 0; i < 2 * NUMBERS; i++)
        sample_set(component, row, (size_t)i, numbers[i / 2][i % 2]);
    TIFF *t = TIFFOpen(path, "w");
    TIFFSetField(t, TIFFTAG_IMAGEWIDTH, (int)NUMBERS);
    TIFFSetField(t, TIFFTAG_IMAGELENGTH, 1);
    TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, (int)(16 * size));
    TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, kinds[kind].format);
    TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, 1);
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(t, TIFFTAG_COMPRESSION, COMPRESSION_LZW);
    if (nodata) {
        static const TIFFFieldInfo info[] = {
            { 42113, -1, -1, TIFF_ASCII, FIELD_CUSTOM, 1, 0, (char *)"GDAL_NODATA" }
        };
        TIFFMergeFieldInfo(t, info, 1);
        TIFFSetField(t, 42113, nodata);
    }
    REQUIRE(TIFFWriteEncodedStrip(t, 0, row, (tmsize_t)(2 * size * NUMBERS)) >= 0, "not written");
    TIFFClose(t);
}

static double part_of(const double *z, gwt_complex part)
{
    return part == GWT_REAL ? z[0] : part == GWT_IMAGINARY ? z[1]
         : part == GWT_MAGNITUDE ? hypot(z[0], z[1]) : atan2(z[1], z[0]);
}

static void check_part(const char *path, gwt_dtype component, gwt_complex part, bool has_nodata)
{
    bool whole = part <= GWT_IMAGINARY;
    gwt_dtype dtype = whole ? component : component == GWT_FLOAT32 ? GWT_FLOAT32 : GWT_FLOAT64;
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *a = gwt_open(g, path, .complex_part = part);
    void *raw = gwt_compute(a);
    double *got = gwt_compute(gwt_cast(a, GWT_FLOAT64), .nodata = gwt_some((double)NAN));
    EXPECT_OK(g);
    assert_int_equal(gwt_describe(a)->dtype, dtype);
    assert_int_equal(gwt_describe(a)->complex_part, part);
    for (int i = 0; i < NUMBERS; i++) {
        unsigned char holds[8];
        double wanted = part_of(numbers[i], part);
        sample_set(dtype, holds, 0, wanted);
        if (has_nodata && numbers[i][0] == 7) wanted = (double)NAN;
        else if (has_nodata && whole && !is_float(component) && wanted == 7) wanted = (double)NAN;
        else wanted = sample_get(dtype, holds, 0);
        REQUIRE(same_double(got[i], wanted), "%s, part %d: number %d is %.17g, not %.17g",
                gwt_dtype_name(component), (int)part, i, got[i], wanted);
    }
    gwt_free(raw);
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

static void complex_numbers(void **state)
{
    (void)state;
    static const gwt_dtype components[] = { GWT_INT16, GWT_INT32, GWT_FLOAT32, GWT_FLOAT64 };
    const char *path = temp_path("complex.tif");
    for (size_t k = 0; k < COUNT_OF(components); k++)
        for (int nodata = 0; nodata < 2; nodata++) {
            write_complex(path, components[k], nodata ? "7" : NULL);
            for (gwt_complex part = GWT_REAL; part <= GWT_PHASE; part++)
                check_part(path, components[k], part, nodata);
        }
}

// Two parts of one file are two arrays; what is not asked for is not guessed.
static void parts(void **state)
{
    (void)state;
    const char *path = temp_path("parts.tif"), *real = temp_path("real.tif");
    write_complex(path, GWT_INT16, NULL);
    tiff_write_values(real, &(tiff_spec){ .width = 2, .height = 1, .dtype = GWT_INT16 },
                      (double[]){ 1, 2 });
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = gwt_open(g, path, .complex_part = GWT_REAL);
    gwt_array *b = gwt_open(g, path, .complex_part = GWT_IMAGINARY);
    double *sum = gwt_compute(gwt_add(a, b));
    EXPECT_OK(g);
    for (int i = 0; i < NUMBERS; i++) assert_true(sum[i] == numbers[i][0] + numbers[i][1]);
    gwt_free(sum);
    assert_null(gwt_open(g, path));
    EXPECT_ERROR(g, GWT_E_UNSUPPORTED, ".complex_part");
    assert_null(gwt_open(g, path, .complex_part = (gwt_complex)5));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, ".complex_part");
    assert_null(gwt_open(g, real, .complex_part = GWT_PHASE));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "real.tif");
    assert_non_null(gwt_open(g, real, .complex_part = GWT_REAL));
    EXPECT_OK(g);
    gwt_end(g);
}

// A save that ended in the middle is gone on with by the same part only.
static void resumed(void **state)
{
    (void)state;
    static float pixels[64][16][2];
    const char *path = temp_path("torn.tif"), *out = temp_path("torn_out.tif");
    fill_noise(GWT_INT32, pixels, 64 * 16 * 2, 1);
    TIFF *t = TIFFOpen(path, "w");
    TIFFSetField(t, TIFFTAG_IMAGEWIDTH, 16);
    TIFFSetField(t, TIFFTAG_IMAGELENGTH, 64);
    TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, 64);
    TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_COMPLEXIEEEFP);
    TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, 1);
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(t, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE);
    TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, 16);
    for (uint32_t i = 0; i < 3; i++)
        REQUIRE(TIFFWriteEncodedStrip(t, i, pixels[16 * i], 16 * 16 * 8) > 0, "not written");
    REQUIRE(TIFFWriteRawStrip(t, 3, (char[100]){ 1 }, 100) == 100, "not written");
    TIFFClose(t);
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_save(gwt_open(g, path, .complex_part = GWT_REAL), out, .tile_size = 16);
    EXPECT_ERROR(g, GWT_E_FORMAT, "strip 3");
    assert_true(file_exists(temp_path("torn_out.tif.part")));
    gwt_save(gwt_open(g, path, .complex_part = GWT_IMAGINARY, .fill_bad_tiles = true), out,
             .tile_size = 16, .resume = true);
    EXPECT_ERROR(g, GWT_E_EXISTS, "torn_out.tif");
    gwt_save(gwt_open(g, path, .complex_part = GWT_REAL, .fill_bad_tiles = true), out,
             .tile_size = 16, .resume = true);
    EXPECT_OK(g);
    gwt_end(g);
}

// ---- YCbCr ------------------------------------------------------------------------------------

// As libtiff's RGBA interface has it: red, green, blue, or gray as red.
static void check_colours(const char *path, int width, int height, int bands, const char *what)
{
    uint32_t *rgba = malloc(sizeof *rgba * (size_t)width * (size_t)height);
    TIFF *t = TIFFOpen(path, "r");
    REQUIRE(TIFFReadRGBAImageOriented(t, (uint32_t)width, (uint32_t)height, rgba,
                                      ORIENTATION_TOPLEFT, 1), "libtiff can't read %s", what);
    TIFFClose(t);
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = gwt_open(g, path, .chunks = 17);
    uint8_t *got = gwt_compute(a);
    EXPECT_OK(g);
    assert_int_equal(gwt_describe(a)->shape[1], bands);
    size_t n = (size_t)width * (size_t)height;
    for (size_t i = 0; i < n; i++)
        for (int b = 0; b < bands; b++) {
            int wanted = (int)(rgba[i] >> 8 * b & 0xFF);
            REQUIRE(got[(size_t)b * n + i] == wanted, "%s: pixel %d of band %d is %d, not %d", what,
                    (int)i, b, got[(size_t)b * n + i], wanted);
        }
    gwt_free(got);
    free(rgba);
    assert_int_equal(gwt_end(g), 0);
}

static void check_ycbcr(int width, int height, int cols, int rows, int tile, int compression,
                        bool odd_numbers)
{
    char what[100];
    snprintf(what, sizeof what, "%d x %d, %d x %d shared, tiles of %d, compression %d", width,
             height, cols, rows, tile, compression);
    const char *path = temp_path("ycbcr.tif");
    TIFF *t = TIFFOpen(path, "w");
    TIFFSetField(t, TIFFTAG_IMAGEWIDTH, width);
    TIFFSetField(t, TIFFTAG_IMAGELENGTH, height);
    TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, 8);
    TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, 3);
    TIFFSetField(t, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_YCBCR);
    TIFFSetField(t, TIFFTAG_COMPRESSION, compression);
    TIFFSetField(t, TIFFTAG_YCBCRSUBSAMPLING, cols, rows);
    if (odd_numbers) {
        TIFFSetField(t, TIFFTAG_YCBCRCOEFFICIENTS, (float[]){ 0.2125f, 0.7154f, 0.0721f });
        TIFFSetField(t, TIFFTAG_REFERENCEBLACKWHITE, (float[]){ 16, 235, 128, 240, 128, 240 });
    }
    if (tile) TIFFSetField(t, TIFFTAG_TILEWIDTH, tile);
    if (tile) TIFFSetField(t, TIFFTAG_TILELENGTH, tile);
    if (!tile) TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, 8);
    uint32_t n = tile ? TIFFNumberOfTiles(t) : TIFFNumberOfStrips(t);
    static unsigned char bytes[1 << 16];
    for (uint32_t i = 0; i < n; i++) {
        tmsize_t size = tile ? TIFFTileSize(t) : TIFFStripSize(t);
        int left = height - 8 * (int)i;
        if (!tile && left < 8) size = TIFFVStripSize(t, (uint32_t)left);
        fill_noise(GWT_UINT8, bytes, (size_t)size, i);
        tmsize_t put = tile ? TIFFWriteEncodedTile(t, i, bytes, size)
                            : TIFFWriteEncodedStrip(t, i, bytes, size);
        REQUIRE(put == size, "%s: not written", what);
    }
    TIFFClose(t);
    check_colours(path, width, height, 3, what);
}

static void ycbcr(void **state)
{
    (void)state;
    static const int shared[][2] = { { 1, 1 }, { 2, 1 }, { 2, 2 }, { 1, 2 }, { 4, 1 }, { 4, 2 },
                                     { 4, 4 } };
    static const int sizes[][2] = { { 32, 16 }, { 37, 21 }, { 5, 3 }, { 1, 1 } };
    for (size_t k = 0; k < COUNT_OF(shared); k++)
        for (size_t i = 0; i < COUNT_OF(sizes); i++)
            for (int way = 0; way < 4; way++) {
                // libtiff 4.5 loses its place there, in tiles cut by the edge and rows of a pixel.
                if (shared[k][1] == 4 && (way & 1 ? i == 1 : i == 3)) continue;
                check_ycbcr(sizes[i][0], sizes[i][1], shared[k][0], shared[k][1],
                            way & 1 ? 16 : 0, way & 2 ? COMPRESSION_LZW : COMPRESSION_NONE,
                            (i + k) & 1);
            }
}

// A whole JPEG stream, as old-style JPEG has it, made by libtiff's codec for the other one.
static size_t make_stream(int width, int height, int bands, void *stream, size_t most)
{
    unsigned char *pixels = malloc((size_t)(width * height * bands));
    const char *path = temp_path("new.tif");
    for (int i = 0; i < width * height; i++)
        for (int b = 0; b < bands; b++)
            pixels[bands * i + b] = (unsigned char)(i % width * (b + 2) + i / width * 5);
    TIFF *t = TIFFOpen(path, "w");
    TIFFSetField(t, TIFFTAG_IMAGEWIDTH, width);
    TIFFSetField(t, TIFFTAG_IMAGELENGTH, height);
    TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, 8);
    TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, bands);
    TIFFSetField(t, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(t, TIFFTAG_COMPRESSION, COMPRESSION_JPEG);
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC, bands == 3 ? PHOTOMETRIC_YCBCR : PHOTOMETRIC_MINISBLACK);
    if (bands == 3) TIFFSetField(t, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    TIFFSetField(t, TIFFTAG_JPEGTABLESMODE, 0);
    TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, height);
    tmsize_t all = (tmsize_t)width * height * bands;
    REQUIRE(TIFFWriteEncodedStrip(t, 0, pixels, all) == all, "not written");
    TIFFClose(t);
    free(pixels);
    t = TIFFOpen(path, "r");
    tmsize_t size = TIFFReadRawStrip(t, 0, stream, (tmsize_t)most);
    REQUIRE(size > 0, "no stream");
    TIFFClose(t);
    return (size_t)size;
}

// `longer`: than it is the strip is said to be, as libtiff finds the end of the stream by itself.
static void check_old_style(int bands, uint32_t longer)
{
    enum { W = 40, H = 24 };
    static unsigned char stream[1 << 16];
    const char *path = temp_path("old%d.tif", bands);
    uint32_t size = (uint32_t)make_stream(W, H, bands, stream + 6, sizeof stream - 6);
    for (int i = 0; i < 3; i++) put(stream + 2 * i, 8, 2, false);
    uint32_t at = DATA_AT + 6;
    const entry entries[] = {
        { 256, LONG, 1, W }, { 257, LONG, 1, H },
        { 258, SHORT, (uint32_t)bands, bands == 3 ? DATA_AT : 8 }, { 259, SHORT, 1, 6 },
        { 262, SHORT, 1, bands == 3 ? 6 : 1 }, { 273, LONG, 1, at },
        { 277, SHORT, 1, (uint32_t)bands }, { 278, LONG, 1, H }, { 279, LONG, 1, size + longer },
        { 512, SHORT, 1, 1 }, { 513, LONG, 1, at }, { 514, LONG, 1, size },
        { 530, SHORT, 2, 2 | 2 << 16 }
    };
    int count = (int)COUNT_OF(entries) - (bands == 1);
    write_by_hand(path, entries, count, false, stream, size + 6);
    check_colours(path, W, H, bands, bands == 3 ? "old-style JPEG" : "old-style JPEG, gray");
}

static void old_style_jpeg(void **state)
{
    (void)state;
    if (!TIFFIsCODECConfigured(COMPRESSION_OJPEG) || !TIFFIsCODECConfigured(COMPRESSION_JPEG))
        skip_loudly("old-style JPEG: this libtiff does not read it");
    check_old_style(3, 0);
    check_old_style(3, 1000);
    check_old_style(1, 0);
}

// ---- CCITT ------------------------------------------------------------------------------------

static void write_bitmap(const char *path, int compression, const void *raw, tmsize_t size)
{
    static unsigned char rows[64 * 8];
    fill_noise(GWT_UINT8, rows, sizeof rows, 3);
    TIFF *t = TIFFOpen(path, "w");
    TIFFSetField(t, TIFFTAG_IMAGEWIDTH, 64);
    TIFFSetField(t, TIFFTAG_IMAGELENGTH, 64);
    TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, 1);
    TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, 1);
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
    TIFFSetField(t, TIFFTAG_COMPRESSION, compression);
    TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, 64);
    if (raw) TIFFWriteRawStrip(t, 0, (void *)(uintptr_t)raw, size);
    else TIFFWriteEncodedStrip(t, 0, rows, sizeof rows);
    TIFFClose(t);
}

// Where a stream ends before its rows do libtiff makes up white ones.
static void short_streams(void **state)
{
    (void)state;
    static const int codecs[] = { COMPRESSION_CCITTRLE, COMPRESSION_CCITTFAX3,
                                  COMPRESSION_CCITTFAX4 };
    static unsigned char raw[1 << 14];
    const char *path = temp_path("fax.tif"), *cut = temp_path("fax_cut.tif");
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    for (size_t c = 0; c < COUNT_OF(codecs); c++) {
        write_bitmap(path, codecs[c], NULL, 0);
        TIFF *t = TIFFOpen(path, "r");
        tmsize_t size = TIFFReadRawStrip(t, 0, raw, sizeof raw);
        TIFFClose(t);
        gwt_free(gwt_compute(gwt_open(g, path)));
        EXPECT_OK(g);
        for (tmsize_t left = 1; left < size * 3 / 4; left += size / 9) {
            write_bitmap(cut, codecs[c], raw, left);
            REQUIRE(!gwt_compute(gwt_open(g, cut)), "codec %d, %d of %d bytes", codecs[c],
                    (int)left, (int)size);
            EXPECT_ERROR(g, GWT_E_FORMAT, "strip 0");
        }
    }
    gwt_end(g);
}

// ---- tags that say nothing --------------------------------------------------------------------

// Private tags without values, or of no type, are passed over; not so one of those that matter.
static void empty_tags(void **state)
{
    (void)state;
    static const unsigned char bytes[4] = { 1, 2, 3, 4 };
    entry entries[] = {
        { 256, LONG, 1, 2 }, { 257, LONG, 1, 2 }, { 258, SHORT, 1, 8 }, { 259, SHORT, 1, 1 },
        { 262, SHORT, 1, 1 }, { 273, LONG, 1, DATA_AT }, { 277, SHORT, 1, 1 }, { 278, LONG, 1, 2 },
        { 279, LONG, 1, 4 }, { 339, SHORT, 1, 1 }, { 32000, 1, 0, 0 }
    };
    const char *path = temp_path("empty_tag.tif");
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    for (int type = 1; type >= 0; type--) {
        entries[10].type = (uint16_t)type;
        write_by_hand(path, entries, COUNT_OF(entries), false, bytes, sizeof bytes);
        uint8_t *got = gwt_compute(gwt_open(g, path));
        EXPECT_OK(g);
        assert_memory_equal(got, bytes, sizeof bytes);
        gwt_free(got);
    }
    entries[10] = (entry){ 42113, 99, 2, '7' };
    write_by_hand(path, entries, COUNT_OF(entries), false, bytes, sizeof bytes);
    assert_null(gwt_open(g, path));
    EXPECT_ERROR(g, GWT_E_FORMAT, "42113");
    gwt_end(g);
}

// ---- damage -----------------------------------------------------------------------------------

// Every byte of a directory changed, some bits at a time: an error or pixels, nothing worse.
static void damaged(void **state)
{
    (void)state;
    const char *paths[] = { temp_path("packed.tif"), temp_path("ycbcr.tif"), temp_path("old3.tif"),
                            temp_path("complex.tif"), temp_path("float16_0.tif") };
    const char *path = temp_path("damaged.tif");
    for (size_t k = 0; k < COUNT_OF(paths); k++) {
        if (!file_exists(paths[k])) continue;
        size_t size;
        unsigned char *data = file_read(paths[k], &size);
        for (uint64_t i = 0; i < (SLOW ? 150 : 400); i++) {
            size_t at = noise(i) % (size < 512 ? size : 512);
            if (i % 2) at = size - 1 - at;
            unsigned char was = data[at];
            data[at] ^= (unsigned char)(1 << noise(i + 9999) % 8);
            file_write(path, data, size);
            gwt *g = gwt_begin(.num_workers = 1, .quiet = true, .memory_limit = 256 << 20);
            gwt_array *a = gwt_open(g, path, .complex_part = GWT_REAL);
            gwt_free(gwt_compute(a));
            assert_null(strchr(gwt_message(g), '\n'));
            gwt_end(g);
            data[at] = was;
        }
        free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(integers_of_24_bits),
        cmocka_unit_test(floats),
        cmocka_unit_test(complex_numbers),
        cmocka_unit_test(parts),
        cmocka_unit_test(resumed),
        cmocka_unit_test(ycbcr),
        cmocka_unit_test(old_style_jpeg),
        cmocka_unit_test(short_streams),
        cmocka_unit_test(empty_tags),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests_name("depths", tests, temp_begin, temp_end);
}
