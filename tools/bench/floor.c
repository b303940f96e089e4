// floor.c - the least time a job can take: what `make bench` measures gwt against.
//
//     floor norm_diff|mean|moving|language|cog none|lzw|deflate|zstd THREADS sync|nosync OUT IN..
//     floor decode THREADS IN..
//
// Five jobs, each as one would write it who needs nothing else. Inputs are uint16 GeoTIFFs in
// tiles of 256, pixel-interleaved; the output is a float32 GeoTIFF of one band in the same tiles.
//
//   norm_diff   (b3 - b2) / (b3 + b2) with the bands scaled by 1e-4, clipped to [-1, 1], 0 where
//               either band is 0. An input tile is an output tile, so there are no chunks, no cache
//               and no order to keep: a thread takes the next tile, decodes it, runs one loop over
//               it, encodes it, and appends it to the output at whatever place comes next.
//   mean        of several single-band images (dates), 0 left out, NaN where all are 0. Again tile
//               by tile: sums and counts are integers, so a tile is decoded and added in turn.
//   moving      mean of the 15 x 15 window around each pixel of one band, 0 left out, NaN where all
//               are 0, the image mirrored at its edges. First all threads decode into one image in
//               memory, then they run sums down the columns and along the rows of each tile.
//   language    an expression of twenty functions and operators of three bands (twenty() below), NaN
//               where any of them is 0; tile by tile, by the functions of <math.h>.
//
//   cog         norm_diff, and its overviews down to one tile: means of what is not 0 in 2 x 2 pixels.
//               A thread halves a tile while it has it, into an image in memory, from which the next
//               level is encoded and halved in its turn. Tiles go to OUT.tiles, at whatever place
//               comes next, and in the end once more to OUT, in the order of the file.
//   decode      nothing: the tiles of all inputs are decoded, and that is all.
//
// The pixels are gwt's, bit by bit: arithmetic is in double or exact, and rounded to float once;
// but for language, where sin, log2, atan2 and hypot of one C library have other last bits of a
// double than those of another.
//
// What it leaves out, which a program for users can't: other types, layouts and sizes; missing
// values in general; the same bytes whatever the timing; rename when complete; broken input; of
// moving, images larger than memory. With `sync` the output is on the disk when the program ends,
// as gwt's is; without, only in memory.
//
//     cc -std=c11 -O3 -o floor floor.c -ltiff -lm -pthread

#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>
#include <unistd.h>

enum {
    EDGE = 256, PIXELS = EDGE * EDGE, MAX_THREADS = 256, MAX_INPUTS = 255,
    WINDOW = 15, HALO = WINDOW / 2, MAX_LEVELS = 20
};

typedef struct worker worker;

// Fixed before the threads start, but for what is said.
typedef struct job {
    char **inputs;
    int count, threads;
    uint32_t width, height, across, tiles;
    uint16_t bands, compression;
    uint16_t *image;             // of `moving`: the input with HALO pixels more on each side
    size_t pitch;                // of a row of it
    bool (*do_tile)(worker *w, uint32_t tile);
    int level;                   // of `cog`: that is encoded
    float *levels[MAX_LEVELS];   // its images from the first overview on
    struct place { atomic_ullong at, bytes; } *places[MAX_LEVELS];      // of tiles in `heap`
    int heap;
    atomic_ullong heap_end;
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

static void *need_memory(size_t bytes)
{
    void *p = malloc(bytes);
    if (!p) die("no memory");
    return p;
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
    toff_t from = whence == SEEK_END ? s->end : whence == SEEK_CUR ? s->place : 0;
    return s->place = from + offset;
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

// ---- a thread ---------------------------------------------------------------------------------

struct worker {
    job *j;
    TIFF *from[MAX_INPUTS];
    TIFF *encoder;               // NULL: tiles are written as they are
    sink s;
    uint16_t *in;                // a decoded tile
    float *out;                  // a tile to encode
    uint32_t *sum;               // of `mean`
    uint8_t *valid;              // likewise, counts
};

static bool read_tile(worker *w, int input, uint32_t tile)
{
    tmsize_t size = (tmsize_t)(PIXELS * sizeof *w->in) * w->j->bands;
    return TIFFReadEncodedTile(w->from[input], tile, w->in, size) == size;
}

static bool append(job *j, uint32_t tile, void *bytes, size_t size)
{
    pthread_mutex_lock(&j->writing);
    bool ok = TIFFWriteRawTile(j->output, tile, bytes, (tmsize_t)size) == (tmsize_t)size;
    pthread_mutex_unlock(&j->writing);
    return ok;
}

static bool write_tile(worker *w, uint32_t tile)
{
    size_t size = PIXELS * sizeof *w->out;
    if (!w->encoder) return append(w->j, tile, w->out, size);
    w->s.used = 0;
    if (TIFFWriteEncodedTile(w->encoder, tile, w->out, (tmsize_t)size) < 0) return false;
    return append(w->j, tile, w->s.bytes, w->s.used);
}

static void open_worker(worker *w, job *j)
{
    w->j = j;
    if (j->compression != COMPRESSION_NONE) {
        w->encoder = TIFFClientOpen("tile", "w", &w->s, sink_read, sink_write, sink_seek,
                                    sink_close, sink_size, NULL, NULL);
        if (!w->encoder) die("no encoder");
        describe_output(w->encoder, j);
    }
    for (int i = 0; i < j->count; i++) {
        // m: read, do not map, so that memory can be compared
        w->from[i] = TIFFOpen(j->inputs[i], "rm");
        if (!w->from[i]) die("an input is gone");
    }
    w->in = need_memory(PIXELS * sizeof *w->in * j->bands);
    w->out = need_memory(PIXELS * sizeof *w->out);
    w->sum = need_memory(PIXELS * sizeof *w->sum);
    w->valid = need_memory(PIXELS * sizeof *w->valid);
}

static void close_worker(worker *w)
{
    for (int i = 0; i < w->j->count; i++) TIFFClose(w->from[i]);
    if (w->encoder) TIFFClose(w->encoder);
    free(w->s.bytes);
    free(w->in);
    free(w->out);
    free(w->sum);
    free(w->valid);
}

static void *work(void *user)
{
    job *j = user;
    worker w = { .j = NULL };
    open_worker(&w, j);
    for (;;) {
        uint32_t tile = atomic_fetch_add(&j->next, 1);
        if (tile >= j->tiles || atomic_load(&j->failed)) break;
        if (!j->do_tile(&w, tile)) atomic_store(&j->failed, true);
    }
    close_worker(&w);
    return NULL;
}

// All tiles, on all threads.
static void do_tiles(job *j, bool (*do_tile)(worker *, uint32_t))
{
    pthread_t others[MAX_THREADS];
    j->do_tile = do_tile;
    atomic_store(&j->next, 0);
    for (int i = 1; i < j->threads; i++)
        if (pthread_create(&others[i], NULL, work, j) != 0) die("a thread can't be started");
    work(j);
    for (int i = 1; i < j->threads; i++) pthread_join(others[i], NULL);
}

// ---- norm_diff --------------------------------------------------------------------------------

static inline float norm_diff(uint16_t green, uint16_t red)
{
    double g = green * 1e-4, r = red * 1e-4;
    double v = (r - g) / (r + g);
    v = v < -1.0 ? -1.0 : v;
    v = v > 1.0 ? 1.0 : v;
    return green == 0 || red == 0 ? 0.0f : (float)v;
}

static bool norm_diff_tile(worker *w, uint32_t tile)
{
    size_t bands = w->j->bands;
    const uint16_t *restrict in = w->in;
    float *restrict out = w->out;
    if (!read_tile(w, 0, tile)) return false;
    if (bands == 3)
        for (size_t i = 0; i < PIXELS; i++) out[i] = norm_diff(in[3 * i + 1], in[3 * i + 2]);
    else
        for (size_t i = 0; i < PIXELS; i++)
            out[i] = norm_diff(in[bands * i + 1], in[bands * i + 2]);
    return write_tile(w, tile);
}

// ---- cog --------------------------------------------------------------------------------------

static uint32_t level_size(uint32_t size, int level)
{
    return size >> level ? size >> level : 1;
}

// Of two rows to one: means of what is not 0.
static void halve_rows(const float *restrict a, const float *restrict b, float *restrict to,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double sum = (double)a[2 * i] + b[2 * i] + a[2 * i + 1] + b[2 * i + 1];
        int count = (a[2 * i] != 0) + (b[2 * i] != 0) + (a[2 * i + 1] != 0) + (b[2 * i + 1] != 0);
        to[i] = count ? (float)(sum / count) : 0;
    }
}

// The tile in w->out, of rows x cols pixels, into the image of the next level.
static void halve_tile(worker *w, uint32_t row, uint32_t col, uint32_t rows, uint32_t cols)
{
    job *j = w->j;
    size_t pitch = level_size(j->width, j->level + 1);
    if (!j->levels[j->level + 1]) return;
    float *to = j->levels[j->level + 1] + row / 2 * pitch + col / 2;
    for (uint32_t y = 0; y + 1 < rows; y += 2, to += pitch)
        halve_rows(w->out + y * EDGE, w->out + (y + 1) * EDGE, to, cols / 2);
}

static bool encode_to_heap(worker *w, uint32_t tile)
{
    job *j = w->j;
    size_t size = PIXELS * sizeof *w->out;
    const void *from = w->out;
    w->s.used = 0;
    if (w->encoder) {
        if (TIFFWriteEncodedTile(w->encoder, 0, w->out, (tmsize_t)size) < 0) return false;
        from = w->s.bytes;
        size = w->s.used;
    }
    unsigned long long at = atomic_fetch_add(&j->heap_end, size);
    atomic_store(&j->places[j->level][tile].at, at);
    atomic_store(&j->places[j->level][tile].bytes, size);
    return pwrite(j->heap, from, size, (off_t)at) == (ssize_t)size;
}

static bool cog_tile(worker *w, uint32_t tile)
{
    job *j = w->j;
    uint32_t width = level_size(j->width, j->level), height = level_size(j->height, j->level);
    uint32_t across = (width + EDGE - 1) / EDGE;
    uint32_t row = tile / across * EDGE, col = tile % across * EDGE;
    uint32_t rows = height - row < EDGE ? height - row : EDGE;
    uint32_t cols = width - col < EDGE ? width - col : EDGE;
    if (j->level == 0) {
        if (!read_tile(w, 0, tile)) return false;
        for (size_t i = 0; i < PIXELS; i++)
            w->out[i] = norm_diff(w->in[3 * i + 1], w->in[3 * i + 2]);
    } else {
        memset(w->out, 0, PIXELS * sizeof *w->out);
        for (uint32_t y = 0; y < rows; y++)
            memcpy(w->out + y * EDGE, j->levels[j->level] + (size_t)(row + y) * width + col,
                   cols * sizeof *w->out);
    }
    halve_tile(w, row, col, rows, cols);
    return encode_to_heap(w, tile);
}

static uint32_t level_tiles(const job *j, int level)
{
    return ((level_size(j->width, level) + EDGE - 1) / EDGE)
         * ((level_size(j->height, level) + EDGE - 1) / EDGE);
}

// From the heap to the output, one level.
static bool copy_level(const job *j, int level, void **buffer, size_t *room)
{
    TIFFSetField(j->output, TIFFTAG_IMAGEWIDTH, level_size(j->width, level));
    TIFFSetField(j->output, TIFFTAG_IMAGELENGTH, level_size(j->height, level));
    for (uint32_t t = 0; t < level_tiles(j, level); t++) {
        size_t n = (size_t)atomic_load(&j->places[level][t].bytes);
        if (n > *room) {
            free(*buffer);
            *buffer = need_memory(*room = 2 * n);
        }
        if (pread(j->heap, *buffer, n, (off_t)atomic_load(&j->places[level][t].at)) != (ssize_t)n
            || TIFFWriteRawTile(j->output, t, *buffer, (tmsize_t)n) != (tmsize_t)n)
            return false;
    }
    return true;
}

static void cog(job *j, const char *out)
{
    char heap[4096];
    void *buffer = NULL;
    size_t room = 0;
    int levels = 0;
    snprintf(heap, sizeof heap, "%s.tiles", out);
    j->heap = open(heap, O_RDWR | O_CREAT | O_TRUNC, 0666);
    if (j->heap < 0) die("no place for tiles");
    while (level_tiles(j, levels) > 1) levels++;
    for (int i = 0; i <= levels; i++) {
        size_t pixels = (size_t)level_size(j->width, i) * level_size(j->height, i);
        j->places[i] = calloc(level_tiles(j, i), sizeof *j->places[i]);
        if (i > 0) j->levels[i] = need_memory(pixels * sizeof(float));
        if (!j->places[i]) die("no memory");
    }
    for (j->level = 0; j->level <= levels; j->level++) {
        j->tiles = level_tiles(j, j->level);
        do_tiles(j, cog_tile);
    }
    for (int i = 0; i <= levels && !atomic_load(&j->failed); i++) {
        if (i > 0) describe_output(j->output, j);
        if (i > 0) TIFFSetField(j->output, TIFFTAG_SUBFILETYPE, FILETYPE_REDUCEDIMAGE);
        if (!copy_level(j, i, &buffer, &room) || !TIFFWriteDirectory(j->output))
            atomic_store(&j->failed, true);
    }
    for (int i = 0; i <= levels; i++) {
        free(j->levels[i]);
        free(j->places[i]);
    }
    free(buffer);
    close(j->heap);
    unlink(heap);
}

// ---- language ---------------------------------------------------------------------------------

// Twenty of them: & | ^ << >> % // bit bits isin, floor ceil round trunc sign, sin log2 atan2 hypot
// lerp. In gwt's language it is that of the job "language" in bench.c.
static inline double twenty(int a, int b, int c)
{
    int whole = ((a & 4095) | (b ^ c)) + (a << 1) + (b >> 3) + a % 7 + b / 5;
    int bits = (a >> 3 & 1) + (b >> 2 & 15) + (c % 4 == 1 || c % 4 == 2);
    double steps = floor(a / 7.0) + ceil(b / 9.0) + rint(c / 11.0) + trunc(a / 13.0) +
                   ((b > c) - (b < c));
    double curves = sin(a / 1000.0) + log2(b) + atan2(b, c) + hypot(a, c);
    return whole + bits + steps + curves + (a + (b - a) * 0.3);
}

static bool language_tile(worker *w, uint32_t tile)
{
    const uint16_t *restrict in = w->in;
    float *restrict out = w->out;
    if (!read_tile(w, 0, tile)) return false;
    for (size_t i = 0; i < PIXELS; i++, in += 3)
        out[i] = in[0] && in[1] && in[2] ? (float)twenty(in[0], in[1], in[2]) : NAN;
    return write_tile(w, tile);
}

// ---- decode -----------------------------------------------------------------------------------

static bool only_decode(worker *w, uint32_t tile)
{
    bool good = true;
    for (int i = 0; i < w->j->count && good; i++) good = read_tile(w, i, tile);
    return good;
}

// ---- mean -------------------------------------------------------------------------------------

static inline float quotient(uint32_t sum, uint32_t count)
{
    return count ? (float)((double)sum / (double)count) : NAN;
}

// 255 inputs of 16 bits: no sum and no count overflows.
static bool mean_tile(worker *w, uint32_t tile)
{
    uint32_t *restrict sum = w->sum;
    uint8_t *restrict count = w->valid;
    const uint16_t *restrict in = w->in;
    memset(sum, 0, PIXELS * sizeof *sum);
    memset(count, 0, PIXELS * sizeof *count);
    for (int i = 0; i < w->j->count; i++) {
        if (!read_tile(w, i, tile)) return false;
        for (size_t k = 0; k < PIXELS; k++) {
            sum[k] += in[k];
            count[k] = (uint8_t)(count[k] + (in[k] != 0));
        }
    }
    for (size_t k = 0; k < PIXELS; k++) w->out[k] = quotient(sum[k], count[k]);
    return write_tile(w, tile);
}

// ---- moving -----------------------------------------------------------------------------------

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static bool decode_tile(worker *w, uint32_t tile)
{
    const job *j = w->j;
    uint32_t top = tile / j->across * EDGE, left = tile % j->across * EDGE;
    uint32_t rows = least(EDGE, j->height - top), cols = least(EDGE, j->width - left);
    if (!read_tile(w, 0, tile)) return false;
    for (uint32_t y = 0; y < rows; y++)
        memcpy(j->image + (top + y + HALO) * j->pitch + left + HALO, w->in + y * EDGE,
               cols * sizeof *w->in);
    return true;
}

// Fill the halo: .. 1 0 | 0 1 .. at each side.
static void mirror(job *j)
{
    for (size_t y = HALO; y < j->height + HALO; y++) {
        uint16_t *first = j->image + y * j->pitch + HALO, *end = first + j->width;
        for (int i = 0; i < HALO; i++) {
            first[-1 - i] = first[i];
            end[i] = end[-1 - i];
        }
    }
    uint16_t *first = j->image + HALO * j->pitch, *end = first + j->height * j->pitch;
    for (size_t i = 0; i < HALO; i++) {
        memcpy(first - (i + 1) * j->pitch, first + i * j->pitch, j->pitch * sizeof *first);
        memcpy(end + i * j->pitch, end - (i + 1) * j->pitch, j->pitch * sizeof *first);
    }
}

// Sums and counts of WINDOW pixels of one column each, side by side.
typedef struct columns { uint32_t sum[EDGE + 2 * HALO], count[EDGE + 2 * HALO]; } columns;

static void add_row(columns *c, const uint16_t *row, size_t n)
{
    for (size_t x = 0; x < n; x++) {
        c->sum[x] += row[x];
        c->count[x] += row[x] != 0;
    }
}

// The columns one row further down: `in` comes, `out` goes.
static void step_down(columns *c, const uint16_t *restrict in, const uint16_t *restrict out,
                      size_t n)
{
    for (size_t x = 0; x < n; x++) {
        c->sum[x] += (uint32_t)in[x] - out[x];
        c->count[x] += (uint32_t)(in[x] != 0) - (out[x] != 0);
    }
}

// One row of means: of WINDOW columns from each x on.
static void step_along(const columns *c, size_t n, float *restrict out)
{
    uint32_t sum[EDGE], count[EDGE], s = 0, k = 0;
    for (size_t x = 0; x < WINDOW - 1; x++) {
        s += c->sum[x];
        k += c->count[x];
    }
    for (size_t x = 0; x < n; x++) {
        s += c->sum[x + WINDOW - 1];
        k += c->count[x + WINDOW - 1];
        sum[x] = s;
        count[x] = k;
        s -= c->sum[x];
        k -= c->count[x];
    }
    for (size_t x = 0; x < n; x++) out[x] = quotient(sum[x], count[x]);
}

static bool moving_tile(worker *w, uint32_t tile)
{
    const job *j = w->j;
    uint32_t top = tile / j->across * EDGE, left = tile % j->across * EDGE;
    uint32_t rows = least(EDGE, j->height - top), cols = least(EDGE, j->width - left);
    const uint16_t *first = j->image + top * j->pitch + left;  // of the halo
    columns c = { .sum = { 0 } };
    for (size_t y = 0; y < WINDOW; y++) add_row(&c, first + y * j->pitch, cols + 2 * HALO);
    for (size_t y = 0;; y++) {
        step_along(&c, cols, w->out + y * EDGE);
        if (y + 1 == rows) break;
        step_down(&c, first + (y + WINDOW) * j->pitch, first + y * j->pitch, cols + 2 * HALO);
    }
    return write_tile(w, tile);
}

static void moving(job *j)
{
    j->pitch = (size_t)j->width + 2 * HALO;
    j->image = need_memory((j->height + 2 * HALO) * j->pitch * sizeof *j->image);
    do_tiles(j, decode_tile);
    mirror(j);
    do_tiles(j, moving_tile);
    free(j->image);
}

// ---- the job ----------------------------------------------------------------------------------

static void read_shape(job *j, const char *input)
{
    TIFF *tif = TIFFOpen(input, "rm");
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
    if (tile_width != EDGE || tile_height != EDGE || bits != 16 ||
        planar != PLANARCONFIG_CONTIG || format != SAMPLEFORMAT_UINT)
        die("an input must be pixel-interleaved uint16 in tiles of 256");
    j->tiles = TIFFNumberOfTiles(tif);
    j->across = (j->width + EDGE - 1) / EDGE;
    TIFFClose(tif);
}

// All inputs have one shape.
static void read_shapes(job *j)
{
    read_shape(j, j->inputs[0]);
    for (int i = 1; i < j->count; i++) {
        job other = { .inputs = NULL };
        read_shape(&other, j->inputs[i]);
        if (other.width != j->width || other.height != j->height || other.bands != j->bands)
            die("the inputs must be of one size");
    }
}

static void do_job(job *j, const char *name, const char *out)
{
    if (strcmp(name, "norm_diff") == 0 && j->count == 1 && j->bands >= 3)
        do_tiles(j, norm_diff_tile);
    else if (strcmp(name, "mean") == 0 && j->bands == 1)
        do_tiles(j, mean_tile);
    else if (strcmp(name, "language") == 0 && j->count == 1 && j->bands == 3)
        do_tiles(j, language_tile);
    else if (strcmp(name, "cog") == 0 && j->count == 1 && j->bands == 3)
        cog(j, out);
    else if (strcmp(name, "moving") == 0 && j->count == 1 && j->bands == 1 && j->width >= HALO &&
             j->height >= HALO)
        moving(j);
    else
        die("norm_diff wants an image of 3 bands or more, language and cog one of 3, mean images of "
            "one, moving one of one");
}

static uint16_t compression(const char *name)
{
    static const struct { const char *name; uint16_t code; } known[] = {
        { "none", COMPRESSION_NONE }, { "lzw", COMPRESSION_LZW },
        { "deflate", COMPRESSION_ADOBE_DEFLATE }, { "zstd", COMPRESSION_ZSTD }
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0 && TIFFIsCODECConfigured(known[i].code))
            return known[i].code;
    die("the compression is none, lzw, deflate or, where libtiff has it, zstd");
    return 0;
}

// libtiff warns of the GeoTIFF tags, which this program has no use for.
static void be_silent(const char *module, const char *format, va_list args)
{
    (void)module, (void)format, (void)args;
}

static int decode_all(char **inputs, int count, int threads)
{
    job j = { .inputs = inputs, .count = count, .threads = threads,
              .compression = COMPRESSION_NONE };
    read_shapes(&j);
    do_tiles(&j, only_decode);
    if (atomic_load(&j.failed)) die("a tile could not be read");
    return 0;
}

int main(int argc, char **argv)
{
    int few = argc > 3 && strcmp(argv[1], "decode") == 0 ? atoi(argv[2]) : 0;
    TIFFSetWarningHandler(be_silent);
    if (few >= 1 && few <= MAX_THREADS && argc <= 3 + MAX_INPUTS)
        return decode_all(argv + 3, argc - 3, few);
    int threads = argc > 3 ? atoi(argv[3]) : 0;
    bool sync = argc > 4 && strcmp(argv[4], "sync") == 0;
    if (argc < 7 || argc > 6 + MAX_INPUTS || threads < 1 || threads > MAX_THREADS ||
        (!sync && strcmp(argv[4], "nosync") != 0)) {
        fputs("usage: floor norm_diff|mean|moving|language|cog none|lzw|deflate|zstd THREADS "
              "sync|nosync OUT IN..\n       floor decode THREADS IN..\n", stderr);
        return 2;
    }
    job j = { .inputs = argv + 6, .count = argc - 6, .threads = threads,
              .compression = compression(argv[2]) };
    read_shapes(&j);
    pthread_mutex_init(&j.writing, NULL);
    j.output = TIFFOpen(argv[5], "w");
    if (!j.output) return 1;
    describe_output(j.output, &j);

    do_job(&j, argv[1], argv[5]);
    bool ok = TIFFFlush(j.output) && !atomic_load(&j.failed);
    if (sync && fsync(TIFFFileno(j.output)) != 0) ok = false;
    TIFFClose(j.output);
    pthread_mutex_destroy(&j.writing);
    if (!ok) die("a tile could not be read or written");
    return 0;
}
