// big_endian.c - a TIFF once more, in the other byte order: for tests of what reads it.
//
//     big_endian IN OUT [big]
//
// OUT is big-endian, and with `big` a BigTIFF; all else is as in IN: tiles or strips, their
// compression and predictor, samples, place, nodata and metadata. The first directory only.

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

static const TIFFFieldInfo fields[] = {
    { 33550, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, (char *)"PixelScale" },
    { 33922, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, (char *)"TiePoint" },
    { 34735, -1, -1, TIFF_SHORT, FIELD_CUSTOM, 1, 1, (char *)"GeoKeys" },
    { 34737, -1, -1, TIFF_ASCII, FIELD_CUSTOM, 1, 0, (char *)"GeoText" },
    { 42112, -1, -1, TIFF_ASCII, FIELD_CUSTOM, 1, 0, (char *)"Metadata" },
    { 42113, -1, -1, TIFF_ASCII, FIELD_CUSTOM, 1, 0, (char *)"Nodata" }
};
enum { NUM_FIELDS = sizeof fields / sizeof *fields };

static void know_fields(TIFF *tif) { TIFFMergeFieldInfo(tif, fields, NUM_FIELDS); }

static void copy_fields(TIFF *in, TIFF *out)
{
    static const uint32_t shorts[] = {
        TIFFTAG_BITSPERSAMPLE, TIFFTAG_SAMPLEFORMAT, TIFFTAG_SAMPLESPERPIXEL, TIFFTAG_PLANARCONFIG,
        TIFFTAG_PHOTOMETRIC, TIFFTAG_COMPRESSION, TIFFTAG_PREDICTOR
    };
    static const uint32_t longs[] = {
        TIFFTAG_IMAGEWIDTH, TIFFTAG_IMAGELENGTH, TIFFTAG_TILEWIDTH, TIFFTAG_TILELENGTH,
        TIFFTAG_ROWSPERSTRIP
    };
    for (size_t i = 0; i < sizeof longs / sizeof *longs; i++) {
        uint32_t value;
        if (longs[i] == TIFFTAG_ROWSPERSTRIP && TIFFIsTiled(in)) continue;
        if (TIFFGetField(in, longs[i], &value)) TIFFSetField(out, longs[i], value);
    }
    for (size_t i = 0; i < sizeof shorts / sizeof *shorts; i++) {
        uint16_t value;
        if (TIFFGetField(in, shorts[i], &value)) TIFFSetField(out, shorts[i], value);
    }
    uint16_t count, *extra;
    if (TIFFGetField(in, TIFFTAG_EXTRASAMPLES, &count, &extra))
        TIFFSetField(out, TIFFTAG_EXTRASAMPLES, count, extra);
    for (int i = 0; i < NUM_FIELDS; i++) {
        void *data;
        uint32_t tag = fields[i].field_tag;
        if (!fields[i].field_passcount && TIFFGetField(in, tag, &data))
            TIFFSetField(out, tag, data);
        if (fields[i].field_passcount && TIFFGetField(in, tag, &count, &data))
            TIFFSetField(out, tag, count, data);
    }
}

static bool copy_pixels(TIFF *in, TIFF *out)
{
    bool tiled = TIFFIsTiled(in), good = true;
    uint32_t n = tiled ? TIFFNumberOfTiles(in) : TIFFNumberOfStrips(in);
    tmsize_t size = tiled ? TIFFTileSize(in) : TIFFStripSize(in);
    void *data = malloc((size_t)size);
    for (uint32_t i = 0; i < n && good; i++) {
        tmsize_t got = tiled ? TIFFReadEncodedTile(in, i, data, size)
                             : TIFFReadEncodedStrip(in, i, data, size);
        good = data && got > 0
            && (tiled ? TIFFWriteEncodedTile(out, i, data, got)
                      : TIFFWriteEncodedStrip(out, i, data, got)) == got;
    }
    free(data);
    return good;
}

int main(int argc, char **argv)
{
    bool big = argc == 4 && strcmp(argv[3], "big") == 0;
    if (argc != 3 && !big) return fputs("usage: big_endian IN OUT [big]\n", stderr), 2;
    TIFFSetWarningHandler(NULL);
    TIFFSetTagExtender(know_fields);
    TIFF *in = TIFFOpen(argv[1], "r"), *out = in ? TIFFOpen(argv[2], big ? "wb8" : "wb") : NULL;
    if (out) copy_fields(in, out);
    bool good = out && copy_pixels(in, out) && TIFFWriteDirectory(out);
    if (out) TIFFClose(out);
    if (in) TIFFClose(in);
    if (!good) fprintf(stderr, "big_endian: %s: can't be written\n", argv[2]);
    return good ? 0 : 1;
}
