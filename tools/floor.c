// floor.c - the least time one job can take: what `make bench` measures gwt against.
//
//     floor IN OUT none|lzw|deflate [THREADS [sync]]
//
// The job, and nothing else: bands 2 and 3 of a pixel-interleaved uint16 GeoTIFF in tiles of 256,
// their normalised difference (b3 - b2) / (b3 + b2) with the bands scaled by 1e-4, clipped to
// [-1, 1], 0 where either band is 0, as a tiled float32 GeoTIFF. An input tile is an output tile,
// so there are no chunks, no cache and no order to keep: a thread takes the next tile, decodes it,
// runs one loop over it, encodes it, and appends it to the output at whatever place comes next.
// Arithmetic is in double, rounded to float once, as gwt's is: the pixels are the same, bit by bit.
//
// What it leaves out, which a program for users can't: other types, layouts and sizes; missing
// values in general; the same bytes whatever the timing; rename when complete; broken input. With
// `sync` the output is on the disk when the program ends, as gwt's is; without, only in memory.
//
//     cc -std=c11 -O3 -o floor floor.c -ltiff -lm -pthread

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>
#include <unistd.h>

enum { EDGE = 256, PIXELS = EDGE * EDGE, MAX_THREADS = 256 };

// Fixed before the threads start.
typedef struct job {
    const char *input;
    uint32_t width, height;
    uint16_t bands, compression;
    uint32_t tiles;
    // Touched by all threads.
    atomic_uint next;            // tile to take
    atomic_bool failed;
    pthread_mutex_t writing;     // guards `output`
    TIFF *output;
} job;

static void die(const char *what)
{
    fprintf(stderr, "floor: %s\n", what);
    exit(1);
}

// ---- a TIFF in memory: where a thread's encoder writes -----------------------------------------

// libtiff encodes while it writes to a file. This "file" keeps only what was written since `used`
// was last 0, which is one tile; every tile of the image is written at most once, so libtiff
// appends each and never reads back.
typedef struct sink {
    uint8_t *bytes;
    size_t used, room;
    toff_t place, end;
} sink;

static tmsize_t sink_read(thandle_t h, void *to, tmsize_t n)
{
    (void)h, (void)to, (void)n;
    return 0;
}

static tmsize_t sink_write(thandle_t h, void *from, tmsize_t n)
{
    sink *s = h;
    if (s->used + (size_t)n > s->room) {
        size_t room = 2 * (s->used + (size_t)n);
        uint8_t *bytes = realloc(s->bytes, room);
        if (!bytes) return 0;
        s->bytes = bytes;
        s->room = room;
    }
    memcpy(s->bytes + s->used, from, (size_t)n);
    s->used += (size_t)n;
    s->place += (toff_t)n;
    if (s->place > s->end) s->end = s->place;
    return n;
}

static toff_t sink_seek(thandle_t h, toff_t offset, int whence)
{
    sink *s = h;
    s->place = whence == SEEK_END ? s->end + offset : whence == SEEK_CUR ? s->place + offset : offset;
    return s->place;
}

static int sink_close(thandle_t h)
{
    (void)h;
    return 0;
}

static toff_t sink_size(thandle_t h)
{
    return ((sink *)h)->end;
}

static void describe_output(TIFF *tif, const job *j)
{
    TIFFSetField(tif, TIFFTAG_IMAGEWIDTH, j->width);
    TIFFSetField(tif, TIFFTAG_IMAGELENGTH, j->height);
    TIFFSetField(tif, TIFFTAG_TILEWIDTH, EDGE);
    TIFFSetField(tif, TIFFTAG_TILELENGTH, EDGE);
    TIFFSetField(tif, TIFFTAG_SAMPLESPERPIXEL, 1);
    TIFFSetField(tif, TIFFTAG_BITSPERSAMPLE, 32);
    TIFFSetField(tif, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP);
    TIFFSetField(tif, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(tif, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tif, TIFFTAG_COMPRESSION, j->compression);
}

// ---- one thread -------------------------------------------------------------------------------

static inline float norm_diff(uint16_t green, uint16_t red)
{
    double g = green * 1e-4, r = red * 1e-4;
    double v = (r - g) / (r + g);
    v = v < -1.0 ? -1.0 : v;
    v = v > 1.0 ? 1.0 : v;
    return green == 0 || red == 0 ? 0.0f : (float)v;
}

static void compute(const uint16_t *restrict in, size_t bands, float *restrict out)
{
    if (bands == 3)
        for (size_t i = 0; i < PIXELS; i++) out[i] = norm_diff(in[3 * i + 1], in[3 * i + 2]);
    else
        for (size_t i = 0; i < PIXELS; i++)
            out[i] = norm_diff(in[bands * i + 1], in[bands * i + 2]);
}

static bool append(job *j, uint32_t tile, void *bytes, size_t size)
{
    pthread_mutex_lock(&j->writing);
    bool ok = TIFFWriteRawTile(j->output, tile, bytes, (tmsize_t)size) == (tmsize_t)size;
    pthread_mutex_unlock(&j->writing);
    return ok;
}

static bool do_tile(job *j, uint32_t tile, TIFF *from, TIFF *encoder, sink *s, uint16_t *in,
                    float *out)
{
    tmsize_t size = (tmsize_t)(PIXELS * sizeof *in) * j->bands;
    if (TIFFReadEncodedTile(from, tile, in, size) != size) return false;
    compute(in, j->bands, out);
    if (!encoder) return append(j, tile, out, PIXELS * sizeof *out);
    s->used = 0;
    if (TIFFWriteEncodedTile(encoder, tile, out, PIXELS * sizeof *out) < 0) return false;
    return append(j, tile, s->bytes, s->used);
}

static void *work(void *user)
{
    job *j = user;
    sink s = { 0 };
    TIFF *encoder = NULL;
    if (j->compression != COMPRESSION_NONE) {
        encoder = TIFFClientOpen("tile", "w", &s, sink_read, sink_write, sink_seek, sink_close,
                                 sink_size, NULL, NULL);
        if (!encoder) die("no encoder");
        describe_output(encoder, j);
    }
    TIFF *from = TIFFOpen(j->input, "rm");  // m: read, do not map, so that memory can be compared
    uint16_t *in = malloc(PIXELS * sizeof *in * j->bands);
    float *out = malloc(PIXELS * sizeof *out);
    if (!from || !in || !out) die("no memory, or the input is gone");

    for (;;) {
        uint32_t tile = atomic_fetch_add(&j->next, 1);
        if (tile >= j->tiles || atomic_load(&j->failed)) break;
        if (!do_tile(j, tile, from, encoder, &s, in, out)) atomic_store(&j->failed, true);
    }
    free(in);
    free(out);
    TIFFClose(from);
    if (encoder) TIFFClose(encoder);
    free(s.bytes);
    return NULL;
}

// ---- the job ----------------------------------------------------------------------------------

static void read_shape(job *j)
{
    TIFF *tif = TIFFOpen(j->input, "rm");
    uint32_t tile_width = 0, tile_height = 0;
    uint16_t bits = 0, planar = 0, format = SAMPLEFORMAT_UINT;
    if (!tif) exit(1);
    TIFFGetField(tif, TIFFTAG_IMAGEWIDTH, &j->width);
    TIFFGetField(tif, TIFFTAG_IMAGELENGTH, &j->height);
    TIFFGetField(tif, TIFFTAG_TILEWIDTH, &tile_width);
    TIFFGetField(tif, TIFFTAG_TILELENGTH, &tile_height);
    TIFFGetFieldDefaulted(tif, TIFFTAG_SAMPLESPERPIXEL, &j->bands);
    TIFFGetFieldDefaulted(tif, TIFFTAG_BITSPERSAMPLE, &bits);
    TIFFGetFieldDefaulted(tif, TIFFTAG_PLANARCONFIG, &planar);
    TIFFGetFieldDefaulted(tif, TIFFTAG_SAMPLEFORMAT, &format);
    if (tile_width != EDGE || tile_height != EDGE || j->bands < 3 || bits != 16 ||
        planar != PLANARCONFIG_CONTIG || format != SAMPLEFORMAT_UINT)
        die("the input must be pixel-interleaved uint16 of 3 bands or more, in tiles of 256");
    j->tiles = TIFFNumberOfTiles(tif);
    TIFFClose(tif);
}

static uint16_t compression(const char *name)
{
    if (strcmp(name, "none") == 0) return COMPRESSION_NONE;
    if (strcmp(name, "lzw") == 0) return COMPRESSION_LZW;
    if (strcmp(name, "deflate") == 0) return COMPRESSION_ADOBE_DEFLATE;
    die("the compression is none, lzw or deflate");
    return 0;
}

// libtiff warns of the GeoTIFF tags, which this program has no use for.
static void be_silent(const char *module, const char *format, va_list args)
{
    (void)module, (void)format, (void)args;
}

int main(int argc, char **argv)
{
    int threads = argc > 4 ? atoi(argv[4]) : 1;
    bool sync = argc == 6 && strcmp(argv[5], "sync") == 0;
    if (argc < 4 || argc > 6 || (argc == 6 && !sync) || threads < 1 || threads > MAX_THREADS) {
        fputs("usage: floor IN OUT none|lzw|deflate [THREADS [sync]]\n", stderr);
        return 2;
    }
    TIFFSetWarningHandler(be_silent);
    job j = { .input = argv[1], .compression = compression(argv[3]) };
    read_shape(&j);
    pthread_mutex_init(&j.writing, NULL);
    j.output = TIFFOpen(argv[2], "w");
    if (!j.output) return 1;
    describe_output(j.output, &j);

    pthread_t others[MAX_THREADS];
    for (int i = 1; i < threads; i++)
        if (pthread_create(&others[i], NULL, work, &j) != 0) die("a thread can't be started");
    work(&j);
    for (int i = 1; i < threads; i++) pthread_join(others[i], NULL);

    bool ok = TIFFFlush(j.output) && !atomic_load(&j.failed);
    if (sync && fsync(TIFFFileno(j.output)) != 0) ok = false;
    TIFFClose(j.output);
    pthread_mutex_destroy(&j.writing);
    if (!ok) die("a tile could not be read or written");
    return 0;
}
