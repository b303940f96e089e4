// test_masks.c - what a mask says is missing: of one bit or eight, in the file or beside it, of all
// bands or of each. Files are written by libtiff; what is missing is known from the bits put there.

#include "../gwt.h"

#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

// ---- samples of a bit -------------------------------------------------------------------------

typedef struct bitmap {
    int width, height, tile, bands, compression, fill_order;
    bool planar, big_endian;
} bitmap;

static int bit_at(const bitmap *m, int band, int y, int x)
{
    bool inside = x < m->width && y < m->height;
    return inside && (noise((uint64_t)(band * 1000003 + y * 1009 + x)) & 3) != 0;
}

// Rows of a tile or strip from (y0, x0) on, each of whole bytes, the first sample in the high bit.
static size_t pack_bits(const bitmap *m, int plane, int y0, int x0, int rows, int cols,
                        unsigned char *to)
{
    int samples = m->planar ? 1 : m->bands;
    size_t row = ((size_t)(cols * samples) + 7) / 8;
    memset(to, 0, row * (size_t)rows);
    for (int y = 0; y < rows; y++)
        for (int i = 0; i < cols * samples; i++)
            if (bit_at(m, m->planar ? plane : i % samples, y0 + y, x0 + i / samples))
                to[row * (size_t)y + (size_t)i / 8] |= (unsigned char)(0x80 >> i % 8);
    return row * (size_t)rows;
}

static void write_bits(TIFF *t, const bitmap *m)
{
    static unsigned char packed[1 << 16];
    int h = m->tile ? m->tile : 16, w = m->tile ? m->tile : m->width;
    TIFFSetField(t, TIFFTAG_IMAGEWIDTH, m->width);
    TIFFSetField(t, TIFFTAG_IMAGELENGTH, m->height);
    TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, 1);
    TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, m->bands);
    TIFFSetField(t, TIFFTAG_PLANARCONFIG, m->planar ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(t, TIFFTAG_COMPRESSION, m->compression);
    TIFFSetField(t, TIFFTAG_FILLORDER, m->fill_order);
    if (m->tile) {
        TIFFSetField(t, TIFFTAG_TILEWIDTH, w);
        TIFFSetField(t, TIFFTAG_TILELENGTH, h);
    } else {
        TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, h);
    }
    uint32_t n = 0;
    for (int plane = 0; plane < (m->planar ? m->bands : 1); plane++)
        for (int y = 0; y < m->height; y += h)
            for (int x = 0; x < m->width; x += w, n++) {
                int rows = !m->tile && m->height - y < h ? m->height - y : h;
                tmsize_t bytes = (tmsize_t)pack_bits(m, plane, y, x, rows, w, packed);
                tmsize_t put = m->tile ? TIFFWriteEncodedTile(t, n, packed, bytes)
                                       : TIFFWriteEncodedStrip(t, n, packed, bytes);
                REQUIRE(put == bytes, "tile %u is not written", n);
            }
}

static void check_bits(const bitmap *m)
{
    const char *path = temp_path("bits.tif");
    TIFF *t = TIFFOpen(path, m->big_endian ? "wb" : "wl");
    write_bits(t, m);
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
                check_bits(&(bitmap){ .width = widths[w], .height = 35, .bands = 1,
                                      .tile = way & 1 ? 32 : 0, .big_endian = way & 4,
                                      .fill_order = way & 2 ? FILLORDER_LSB2MSB
                                                            : FILLORDER_MSB2LSB,
                                      .compression = codecs[c] });
    }
    for (int way = 0; way < 4; way++)
        check_bits(&(bitmap){ .width = 21, .height = 20, .bands = 3, .planar = way & 1,
                              .tile = way & 2 ? 16 : 0, .fill_order = FILLORDER_MSB2LSB,
                              .compression = COMPRESSION_ADOBE_DEFLATE });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_of_a_bit),
    };
    return cmocka_run_group_tests_name("masks", tests, temp_begin, temp_end);
}
