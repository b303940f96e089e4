// png.c - see png.h. After the PNG specification, https://www.w3.org/TR/png-3/.

#include "png.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { CHANNELS = 4, CHUNK = 1 << 16 };

static void put32(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)(value >> 24);
    to[1] = (uint8_t)(value >> 16);
    to[2] = (uint8_t)(value >> 8);
    to[3] = (uint8_t)value;
}

// A chunk is its length, its type, the data, and the CRC of type and data.
static bool write_chunk(FILE *to, const char *type, const uint8_t *data, size_t length)
{
    uint8_t head[8], tail[4];
    put32(head, (uint32_t)length);
    memcpy(head + 4, type, 4);
    uLong crc = crc32(crc32(0, NULL, 0), head + 4, 4);
    if (length) crc = crc32(crc, data, (uInt)length);
    put32(tail, (uint32_t)crc);
    return fwrite(head, 1, sizeof head, to) == sizeof head &&
           fwrite(data, 1, length, to) == length &&
           fwrite(tail, 1, sizeof tail, to) == sizeof tail;
}

static bool write_header(FILE *to, uint32_t width, uint32_t height)
{
    static const uint8_t signature[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n' };
    uint8_t header[13] = { 0 };
    put32(header, width);
    put32(header + 4, height);
    header[8] = 8;  // bits a sample
    header[9] = 6;  // RGB and alpha; deflate, the five filters, not interlaced are 0
    return fwrite(signature, 1, sizeof signature, to) == sizeof signature &&
           write_chunk(to, "IHDR", header, sizeof header);
}

// The neighbour (left, above, above left) nearest to left + above - above_left.
static uint8_t paeth(int left, int above, int above_left)
{
    int by_left = abs(above - above_left), by_above = abs(left - above_left);
    int by_corner = abs(left + above - 2 * above_left);
    if (by_left <= by_above && by_left <= by_corner) return (uint8_t)left;
    return (uint8_t)(by_above <= by_corner ? above : above_left);
}

// One row as what Paeth's filter (type 4) leaves of it: the best single one for natural pictures.
static void filter_row(uint8_t *to, const uint8_t *row, const uint8_t *above, size_t size)
{
    *to++ = 4;
    for (size_t i = 0; i < CHANNELS; i++) to[i] = (uint8_t)(row[i] - above[i]);
    for (size_t i = CHANNELS; i < size; i++)
        to[i] = (uint8_t)(row[i] - paeth(row[i - CHANNELS], above[i], above[i - CHANNELS]));
}

// Feed the compressor and write an IDAT chunk each time its output is full, or at the end.
static bool deflate_bytes(z_stream *z, FILE *to, uint8_t *out, uint8_t *bytes, size_t size,
                          int flush)
{
    z->next_in = bytes;
    z->avail_in = (uInt)size;
    for (;;) {
        int status = deflate(z, flush);
        if (status == Z_STREAM_ERROR) return false;
        bool done = status == Z_STREAM_END;
        if (z->avail_out == 0 || done) {
            if (!write_chunk(to, "IDAT", out, CHUNK - z->avail_out)) return false;
            z->next_out = out;
            z->avail_out = CHUNK;
        } else if (z->avail_in == 0 && flush == Z_NO_FLUSH) {
            return true;
        }
        if (done) return true;
    }
}

// `work` holds a filtered row, a row of zeros (which stands above the first), and a chunk.
static bool write_pixels(FILE *to, size_t size, uint32_t height, const uint8_t *rgba,
                         uint8_t *work)
{
    uint8_t *filtered = work, *out = work + size + 1 + size;
    const uint8_t *above = work + size + 1;
    z_stream z = { .next_out = out, .avail_out = CHUNK };
    if (deflateInit(&z, Z_DEFAULT_COMPRESSION) != Z_OK) return false;
    bool good = true;
    for (uint32_t y = 0; y < height && good; y++, above = rgba, rgba += size) {
        filter_row(filtered, rgba, above, size);
        good = deflate_bytes(&z, to, out, filtered, size + 1, Z_NO_FLUSH);
    }
    good = good && deflate_bytes(&z, to, out, filtered, 0, Z_FINISH);
    deflateEnd(&z);
    return good;
}

bool png_write(FILE *to, uint32_t width, uint32_t height, const uint8_t *rgba)
{
    size_t size = (size_t)width * CHANNELS;
    uint8_t *work = calloc(size + 1 + size + CHUNK, 1);
    bool good = work && write_header(to, width, height) &&
                write_pixels(to, size, height, rgba, work) && write_chunk(to, "IEND", work, 0);
    free(work);
    return good;
}
