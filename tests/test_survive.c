// test_survive.c - files with tiles that can't be read, and work that is told to stop: what is
// missing is missing where it should be and named once, and what was stopped can go on.

#define _XOPEN_SOURCE 700
#define _DARWIN_C_SOURCE

#include "oracle.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { W = 100, H = 70, BANDS = 2, TILE = 32, ACROSS = 4, DOWN = 3, TILES = ACROSS * DOWN };

static double pixels[BANDS * W * H];

static int begin(void **state)
{
    for (size_t i = 0; i < COUNT_OF(pixels); i++) pixels[i] = (double)(1 + noise(i) % 200);
    return temp_begin(state);
}

// ---- bytes of a TIFF -------------------------------------------------------------------------

// A small classic little-endian TIFF as libtiff writes it: tiles first, then the directory.
typedef struct bytes { unsigned char *data; size_t size; } bytes;

static uint32_t get(const bytes *b, size_t at, int n)
{
    uint32_t value = 0;
    while (n-- > 0) value = value << 8 | b->data[at + (size_t)n];
    return value;
}

static void put(bytes *b, size_t at, uint32_t value)
{
    for (int i = 0; i < 4; i++) b->data[at + (size_t)i] = (unsigned char)(value >> (8 * i));
}

// Where the directory has its entry of that tag, and where the values of it are; LONGs they are.
static size_t entry_of(const bytes *b, uint32_t tag)
{
    size_t at = get(b, 4, 4), n = get(b, at, 2);
    for (size_t i = 0; i < n; i++)
        if (get(b, at + 2 + 12 * i, 2) == tag) return at + 2 + 12 * i;
    FAIL("no tag %u", tag);
    return 0;
}

static size_t value_at(const bytes *b, uint32_t tag, int index)
{
    size_t entry = entry_of(b, tag), n = get(b, entry + 4, 4);
    assert_int_equal(get(b, entry + 2, 2), TIFF_LONG);
    return (n == 1 ? entry + 8 : get(b, entry + 8, 4)) + 4 * (size_t)index;
}

static uint32_t tile_offset(const bytes *b, int tile)
{
    return get(b, value_at(b, TIFFTAG_TILEOFFSETS, tile), 4);
}

static uint32_t tile_size(const bytes *b, int tile)
{
    return get(b, value_at(b, TIFFTAG_TILEBYTECOUNTS, tile), 4);
}

// Short numbers become LONGs, at the end of the file, so that they can be any.
static void make_long(bytes *b, uint32_t tag)
{
    size_t entry = entry_of(b, tag), n = get(b, entry + 4, 4), at = (b->size + 1) & ~(size_t)1;
    if (get(b, entry + 2, 2) == TIFF_LONG) return;
    assert_int_equal(get(b, entry + 2, 2), TIFF_SHORT);
    size_t from = n <= 2 ? entry + 8 : get(b, entry + 8, 4);
    b->data = realloc(b->data, at + 4 * n);
    assert_non_null(b->data);
    b->data[at - 1] = 0;
    for (size_t i = 0; i < n; i++) put(b, at + 4 * i, get(b, from + 2 * i, 2));
    b->data[entry + 2] = TIFF_LONG;
    put(b, entry + 8, (uint32_t)at);
    b->size = at + 4 * n;
}

static bytes load(const char *path)
{
    bytes b;
    b.data = file_read(path, &b.size);
    make_long(&b, TIFFTAG_TILEOFFSETS);
    make_long(&b, TIFFTAG_TILEBYTECOUNTS);
    return b;
}

static void store(const char *path, bytes *b)
{
    file_write(path, b->data, b->size);
    free(b->data);
}

// The same file with its directory before its tiles, so that it can lose its end.
static void directory_first(const char *path, int tiles)
{
    static const unsigned char sizes[] = { 0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8 };
    bytes b = load(path);
    size_t end = 0;            // of the tiles
    for (int i = 0; i < tiles; i++) {
        size_t to = tile_offset(&b, i) + tile_size(&b, i);
        if (to > end) end = to;
    }
    end = (end + 1) & ~(size_t)1;
    size_t moved = b.size - end, at = get(&b, 4, 4), n = get(&b, at, 2);
    for (int i = 0; i < tiles; i++)
        put(&b, value_at(&b, TIFFTAG_TILEOFFSETS, i), tile_offset(&b, i) + (uint32_t)moved);
    for (size_t i = 0; i < n; i++) {
        size_t entry = at + 2 + 12 * i, values = get(&b, entry + 8, 4);
        if (get(&b, entry + 4, 4) * sizes[get(&b, entry + 2, 2)] <= 4) continue;
        assert_true(values >= end);
        put(&b, entry + 8, (uint32_t)(values - end + 8));
    }
    put(&b, 4, (uint32_t)(at - end + 8));
    unsigned char *data = malloc(b.size);
    assert_non_null(data);
    memcpy(data, b.data, 8);
    memcpy(data + 8, b.data + end, moved);
    memcpy(data + 8 + moved, b.data + 8, end - 8);
    free(b.data);
    b.data = data;
    store(path, &b);
}

// ---- bad tiles -------------------------------------------------------------------------------

typedef struct layout { const char *name; int compression, predictor; bool planar; } layout;

static const layout layouts[] = {
    { "lzw", COMPRESSION_LZW, 0, false },
    { "lzw_planar", COMPRESSION_LZW, 2, true },
    { "deflate", COMPRESSION_ADOBE_DEFLATE, 2, false },
    { "deflate_planar", COMPRESSION_ADOBE_DEFLATE, 0, true },
    { "packbits", COMPRESSION_PACKBITS, 0, false },
    { "plain", 0, 0, false },
    { "plain_planar", 0, 0, true }
};

static const char *write_layout(const layout *l, gwt_dtype dtype, const char *nodata)
{
    const char *path = temp_path("%s_%s.tif", l->name, gwt_dtype_name(dtype));
    tiff_write_values(path,
                      &(tiff_spec){ .width = W, .height = H, .bands = BANDS, .dtype = dtype,
                                    .tile_width = TILE, .tile_height = TILE, .planar = l->planar,
                                    .compression = l->compression, .predictor = l->predictor,
                                    .nodata = nodata },
                      pixels);
    return path;
}

static int tiles_of(const layout *l) { return l->planar ? BANDS * TILES : TILES; }

// Which tile a pixel is in.
static int tile_of(const layout *l, int band, int row, int col)
{
    return (l->planar ? band * TILES : 0) + row / TILE * ACROSS + col / TILE;
}

// "tile 7 (rows 32..63, columns 96..99", into a text of at least 96 bytes.
static char *tile_text(char *text, int i)
{
    int row = i % TILES / ACROSS * TILE, col = i % TILES % ACROSS * TILE;
    snprintf(text, 96, "tile %d (rows %d..%d, columns %d..%d", i, row,
             row + TILE < H ? row + TILE - 1 : H - 1, col, col + TILE < W ? col + TILE - 1 : W - 1);
    return text;
}

// The pixels of bad tiles are missing, all others right; each bad tile is named once.
static void check_filled(const layout *l, const char *path, const bool *bad, gwt_optional nodata)
{
    static const int chunks[] = { 0, 9, 64 };
    for (size_t c = 0; c < COUNT_OF(chunks); c++)
        for (int workers = 1; workers <= 4; workers += 3) {
            gwt *g = gwt_begin(.num_workers = workers, .cache_bytes = c == 1 ? 1 : 0,
                               .quiet = true);
            gwt_array *a = gwt_open(g, path, .fill_bad_tiles = true, .nodata = nodata,
                                    .chunks = chunks[c]);
            double *got = VALUES_OF(a);
            EXPECT_OK(g);
            for (int i = 0; i < BANDS * W * H; i++) {
                int band = i / (W * H), row = i / W % H, col = i % W;
                double want = bad[tile_of(l, band, row, col)] ? NAN : pixels[i];
                REQUIRE(same_double(got[i], want), "%s: band %d, row %d, column %d: %g, not %g",
                        path, band, row, col, got[i], want);
            }
            gwt_free(got);
            size_t named = 0, expected = 0;
            for (int i = 0; i < tiles_of(l); i++) {
                char text[96];
                int times = 0;
                tile_text(text, i);
                for (named = 0; gwt_bad_tile(g, named); named++) {
                    const char *there = strstr(gwt_bad_tile(g, named), text);
                    bool of_band = there && (!l->planar || strstr(there, i < TILES ? "band 1"
                                                                                   : "band 2"));
                    times += of_band || (there && !l->planar);
                }
                expected += bad[i];
                REQUIRE(times == bad[i], "%s: tile %d is named %d times", path, i, times);
            }
            REQUIRE(named == expected, "%s: %d tiles are named, %d are bad", path, (int)named,
                    (int)expected);
            assert_int_equal(gwt_end(g), 0);
        }
}

// Otherwise it is an error that names file, tile and band.
static void check_fails(const layout *l, const char *path, gwt_code code, int tile)
{
    char text[96];
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    void *got = gwt_compute(gwt_open(g, path, .nodata = gwt_some(0)));
    assert_null(got);
    snprintf(text, sizeof text, "%s_", l->name);
    REQUIRE(strstr(gwt_message(g), text), "%s: %s", path, gwt_message(g));
    strcat(tile_text(text, tile), !l->planar ? ")" : tile < TILES ? ", band 1)" : ", band 2)");
    EXPECT_ERROR(g, code, text);
    assert_null(gwt_bad_tile(g, 0));
    gwt_end(g);
}

static void damaged_tiles(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT_OF(layouts) - 2; k++) {
        const layout *l = &layouts[k];
        const char *path = write_layout(l, GWT_UINT8, NULL);
        bool bad[BANDS * TILES] = { false };
        check_filled(l, path, bad, gwt_some(0));
        bytes b = load(path);
        const int chosen[] = { 1, 6, tiles_of(l) - 1 };
        for (size_t i = 0; i < COUNT_OF(chosen); i++) {
            bad[chosen[i]] = true;
            // Packbits: a byte that says too much, at the very end. Else codes that there are not.
            uint32_t at = tile_offset(&b, chosen[i]), n = tile_size(&b, chosen[i]);
            if (l->compression == COMPRESSION_PACKBITS) memset(b.data + at, 0x80, n);
            else memset(b.data + at, 0xFF, n);
        }
        store(path, &b);
        check_filled(l, path, bad, gwt_some(0));
        check_fails(l, path, GWT_E_FORMAT, 1);
    }
}

// JPEG's decoder makes something of everything, and only warns.
static void half_a_jpeg(void **state)
{
    (void)state;
    tiff_spec spec = { .width = W, .height = H, .bands = 1, .dtype = GWT_UINT8, .tile_width = TILE,
                       .tile_height = TILE, .compression = COMPRESSION_JPEG };
    if (TIFFLIB_VERSION < 20221213 || !tiff_can_write(&spec))
        skip_loudly("no JPEG here, or a libtiff before 4.5, which warns nobody in particular");
    const char *path = temp_path("half_jpeg.tif");
    tiff_write_values(path, &spec, pixels);
    image *whole = image_read(path);
    bytes b = load(path);
    const int bad = 6;
    uint32_t at = tile_offset(&b, bad), n = tile_size(&b, bad);
    memset(b.data + at + n / 2, 0, n - n / 2);      // as what was never fetched
    store(path, &b);
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    assert_null(gwt_compute(gwt_open(g, path)));
    EXPECT_ERROR(g, GWT_E_FORMAT,
                 "half_jpeg.tif: tile 6 (rows 32..63, columns 64..95) can't be decoded");
    double *got = VALUES_OF(gwt_open(g, path, .fill_bad_tiles = true, .nodata = gwt_some(0)));
    EXPECT_OK(g);
    layout l = { .planar = false };
    for (int i = 0; i < W * H; i++) {
        double want = image_get(whole, 0, i / W, i % W);
        bool missing = tile_of(&l, 0, i / W, i % W) == bad || want == 0;
        REQUIRE(same_double(got[i], missing ? NAN : want), "row %d, column %d: %g", i / W, i % W,
                got[i]);
    }
    gwt_free(got);
    image_free(whole);
    assert_non_null(strstr(gwt_bad_tile(g, 0), "tile 6"));
    assert_null(gwt_bad_tile(g, 1));
    assert_int_equal(gwt_end(g), 0);
}

// Tiles so small that nothing can be in them, and tiles that are said to lie nowhere.
static void impossible_tiles(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT_OF(layouts); k++) {
        const layout *l = &layouts[k];
        const char *path = write_layout(l, GWT_INT16, "0");
        bool bad[BANDS * TILES] = { false };
        bytes b = load(path);
        put(&b, value_at(&b, TIFFTAG_TILEBYTECOUNTS, 2), 1);
        put(&b, value_at(&b, TIFFTAG_TILEOFFSETS, 5), 0xFFFFFF00u);
        put(&b, value_at(&b, TIFFTAG_TILEBYTECOUNTS, 7), 0xFFFFFFFFu);
        bad[2] = bad[5] = bad[7] = true;
        store(path, &b);
        check_filled(l, path, bad, (gwt_optional){ 0 });
        check_fails(l, path, GWT_E_FORMAT, 5);
    }
}

// A file that was cut at any place behind its directory.
static void truncated_files(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT_OF(layouts); k++) {
        const layout *l = &layouts[k];
        const char *path = write_layout(l, GWT_UINT16, "0");
        bool none[BANDS * TILES] = { false };
        directory_first(path, tiles_of(l));
        check_filled(l, path, none, (gwt_optional){ 0 });
        bytes whole = load(path);
        for (int cut = 1; cut < 8; cut += 3) {
            bool bad[BANDS * TILES];
            bytes b = { whole.data, whole.size * (size_t)cut / 8 };
            size_t first = tile_offset(&whole, 0);
            if (b.size < first) b.size = first;
            for (int i = 0; i < tiles_of(l); i++)
                bad[i] = tile_offset(&whole, i) + tile_size(&whole, i) > b.size;
            file_write(path, b.data, b.size);
            check_filled(l, path, bad, (gwt_optional){ 0 });
        }
        free(whole.data);
    }
}

// Cut while it is open: the tiles that are asked for later are not there any more.
// A nodata value that no double is fills exactly.
static void filled_with_64_bits(void **state)
{
    (void)state;
    const layout *l = &layouts[0];
    const char *path = write_layout(l, GWT_INT64, NULL);
    directory_first(path, TILES);
    bytes file = load(path);
    uint32_t end = tile_offset(&file, TILES - 1) + 3;
    free(file.data);
    assert_int_equal(truncate(path, (off_t)end), 0);
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    uint8_t *valid = gwt_compute(gwt_valid(
        gwt_open(g, path, .fill_bad_tiles = true, .nodata = gwt_some_int64(((int64_t)1 << 53) + 1))));
    EXPECT_OK(g);
    for (int i = 0; i < BANDS * W * H; i++) {
        bool last = tile_of(l, 0, i / W % H, i % W) == TILES - 1;
        REQUIRE(valid[i] == !last, "pixel %d is %s", i, valid[i] ? "valid" : "missing");
    }
    gwt_free(valid);
    gwt_end(g);
}

static void cut_while_open(void **state)
{
    (void)state;
    const layout *l = &layouts[0];
    const char *path = write_layout(l, GWT_UINT8, "0");
    directory_first(path, TILES);
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = gwt_open(g, path, .fill_bad_tiles = true), *b = gwt_open(g, path);
    bytes file = load(path);
    uint32_t end = tile_offset(&file, TILES - 1) + 3;
    free(file.data);
    assert_int_equal(truncate(path, (off_t)end), 0);
    double *got = VALUES_OF(a);
    EXPECT_OK(g);
    for (int i = 0; i < BANDS * W * H; i++) {
        bool last = tile_of(l, 0, i / W % H, i % W) == TILES - 1;
        assert_true(same_double(got[i], last ? NAN : pixels[i]));
    }
    gwt_free(got);
    assert_non_null(gwt_bad_tile(g, 0));
    assert_null(gwt_bad_tile(g, 1));
    assert_null(gwt_compute(b));
    EXPECT_ERROR(g, GWT_E_IO, "the file has become shorter");
    assert_int_equal(gwt_end(g), 0);
}

// What can't be said can't be filled; floats can always say it.
static void what_it_is_filled_with(void **state)
{
    (void)state;
    bool bad[BANDS * TILES] = { [3] = true };
    const layout *l = &layouts[0];
    for (int is_float = 0; is_float < 2; is_float++) {
        const char *path = write_layout(l, is_float ? GWT_FLOAT32 : GWT_UINT8, NULL);
        bytes b = load(path);
        memset(b.data + tile_offset(&b, 3), 0xFF, tile_size(&b, 3));
        store(path, &b);
        if (is_float) {
            check_filled(l, path, bad, (gwt_optional){ 0 });
            continue;
        }
        gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
        assert_null(gwt_open(g, path, .fill_bad_tiles = true));
        EXPECT_ERROR(g, GWT_E_NODATA, "lzw_uint8.tif");
        assert_null(gwt_open(g, path, .fill_bad_tiles = true, .nodata = gwt_some(-5)));
        REQUIRE(strstr(gwt_message(g), "uint8"), "%s", gwt_message(g));
        EXPECT_ERROR(g, gwt_status(g), NULL);
        // Of two arrays of one file the one may fill and the other not.
        gwt_array *fills = gwt_open(g, path, .fill_bad_tiles = true, .nodata = gwt_some(0)),
                  *other = gwt_open(g, path, .fill_bad_tiles = true, .nodata = gwt_some(7)),
                  *fails = gwt_open(g, path);
        unsigned char *zero = gwt_compute(fills), *seven = gwt_compute(other);
        EXPECT_OK(g);
        assert_int_equal(zero[3 * TILE], 0);
        assert_int_equal(seven[3 * TILE], 7);
        assert_int_equal(zero[0], (int)pixels[0]);
        gwt_free(zero);
        gwt_free(seven);
        assert_non_null(gwt_bad_tile(g, 0));
        assert_null(gwt_bad_tile(g, 1));
        assert_null(gwt_compute(fails));
        EXPECT_ERROR(g, GWT_E_FORMAT, "tile 3 (rows 0..31, columns 96..99)");
        assert_int_equal(gwt_end(g), 0);
    }
    assert_null(gwt_bad_tile(NULL, 0));
}

// ---- cancelling ------------------------------------------------------------------------------

enum { EDGE = 512 };

static gwt_array *open_large(gwt *g)
{
    static bool written;
    const char *path = temp_path("large.tif");
    if (!written) {
        uint16_t *raw = malloc((size_t)EDGE * EDGE * sizeof *raw);
        assert_non_null(raw);
        for (int i = 0; i < EDGE * EDGE; i++) raw[i] = (uint16_t)(1 + noise((uint64_t)i) % 1000);
        tiff_write(path, &(tiff_spec){ .width = EDGE, .height = EDGE, .dtype = GWT_UINT16,
                                       .tile_width = 64, .tile_height = 64,
                                       .compression = COMPRESSION_LZW }, raw);
        free(raw);
        written = true;
    }
    return gwt_open(g, path, .chunks = 16);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void pause_for(long milliseconds)
{
    nanosleep(&(struct timespec){ .tv_nsec = milliseconds * 1000000 }, NULL);
}

// A function that takes its time, and cancels at its n-th call; 0: never. With a journal: at the
// first call from then on that finds a tile in it. Pieces of the first tile may be computed after
// the n-th call, as other workers go on until the window is full; then all wait for that tile.
typedef struct slow {
    gwt *g;
    atomic_long calls;
    long cancel_at, milliseconds;
    const char *journal;
} slow;

enum { JOURNAL_HEAD = 48 };     // bytes before the record of the first tile

static bool holds_tiles(const char *journal)
{
    struct stat facts;
    return stat(journal, &facts) == 0 && facts.st_size > JOURNAL_HEAD;
}

static void count_call(slow *s)
{
    long call = atomic_fetch_add(&s->calls, 1) + 1;
    if (s->milliseconds) pause_for(s->milliseconds);
    if (s->cancel_at == 0 || call < s->cancel_at) return;
    if (s->journal ? holds_tiles(s->journal) : call == s->cancel_at) gwt_cancel(s->g);
}

static int slow_kernel(const gwt_kernel *k, void *user)
{
    slow *s = user;
    for (int64_t i = 0; i < k->rows * k->cols; i++) k->out[i] = k->in[i] * 3;
    count_call(s);
    return 0;
}

static int slow_block(const gwt_block *block, void *user)
{
    (void)block;
    count_call(user);
    return 0;
}

static void slow_index(size_t i, void *user)
{
    (void)i;
    count_call(user);
}

// Set by the thread: when it cancelled.
typedef struct canceller { gwt *g; atomic_long *calls; double at; } canceller;

static void *cancel_later(void *user)
{
    canceller *c = user;
    while (atomic_load(c->calls) < 20) pause_for(1);
    c->at = seconds();
    gwt_cancel(c->g);
    return NULL;
}

static void from_another_thread(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 4; workers += 3)
        for (int saves = 0; saves < 2; saves++) {
            pthread_t thread;
            gwt *g = gwt_begin(.num_workers = workers, .quiet = true);
            slow s = { .g = g, .milliseconds = 5 };
            gwt_array *a = open_large(g), *b = gwt_apply(a, slow_kernel, &s);
            canceller c = { .g = g, .calls = &s.calls };
            assert_int_equal(pthread_create(&thread, NULL, cancel_later, &c), 0);
            if (saves) assert_false(gwt_save(b, temp_path("never.tif"), .tile_size = 16));
            else assert_int_equal(gwt_map_blocks(a, slow_block, &s), -1);
            double end = seconds();
            pthread_join(thread, NULL);
            REQUIRE(end - c.at < 0.5, "%d workers: stopped after %g s", workers, end - c.at);
            assert_true(atomic_load(&s.calls) < 200);       // of 1024
            EXPECT_ERROR(g, GWT_E_CANCELLED, "cancelled");
            assert_false(file_exists(temp_path("never.tif")));
            assert_int_equal(gwt_end(g), 0);
            unlink(temp_path("never.tif.part"));
            unlink(temp_path("never.tif.part.journal"));
        }
}

// All actions there are, each cancelled by the function that it runs.
static void from_inside(void **state)
{
    (void)state;
    static const double half = 50;
    for (int workers = 1; workers <= 3; workers++)
        for (int action = 0; action < 7; action++) {
            gwt *g = gwt_begin(.num_workers = workers, .quiet = true);
            slow s = { .g = g, .cancel_at = 30 };
            gwt_array *a = open_large(g), *b = gwt_apply(a, slow_kernel, &s);
            gwt_array *both[] = { b, a };
            void *buffers[2] = { NULL, NULL };
            gwt_summary summary;
            double value;
            int64_t count;
            bool done = false;
            switch (action) {
            case 0: done = gwt_compute(b) != NULL; break;
            case 1: done = gwt_compute_many(both, 2, buffers); break;
            case 2: done = gwt_map_blocks(a, slow_block, &s) >= 0; break;
            case 3: done = gwt_summarize(b, &summary); break;
            case 4: done = gwt_percentiles(b, &half, 1, &value); break;
            case 5: done = gwt_histogram(b, 0, 3000, 1, &count); break;
            default: done = gwt_save(b, temp_path("no.tif"), .compress = "lzw", .tile_size = 16,
                                     .overwrite = true);
            }
            REQUIRE(!done, "%d workers, action %d: done, though cancelled", workers, action);
            assert_null(buffers[0]);
            assert_null(buffers[1]);
            EXPECT_ERROR(g, GWT_E_CANCELLED, "cancelled");
            assert_int_equal(gwt_end(g), 0);
        }
}

// The loops of a program of its own: what is left of them may run or not, but it is known.
static void a_loop(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    slow s = { .g = g, .cancel_at = 10 };
    gwt_parallel_for(g, 100, slow_index, &s);
    EXPECT_ERROR(g, GWT_E_CANCELLED, "cancelled");
    long calls = atomic_load(&s.calls);
    assert_true(calls >= 10 && calls <= 100);
    gwt_parallel_for(g, 5, slow_index, &s);
    EXPECT_OK(g);
    assert_int_equal(atomic_load(&s.calls), calls + 5);
    assert_int_equal(gwt_end(g), 0);
}

// Before anything runs; and until it is cleared, for whatever is asked for.
static void beforehand(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    slow s = { .g = g };
    gwt_array *a = open_large(g);
    gwt_cancel(NULL);
    gwt_cancel(g);
    gwt_cancel(g);
    assert_int_equal(gwt_map_blocks(a, slow_block, &s), -1);
    assert_int_equal(gwt_status(g), GWT_E_CANCELLED);
    assert_null(gwt_compute(a));
    assert_false(gwt_save(a, temp_path("not.tif")));
    assert_false(file_exists(temp_path("not.tif.part")));
    assert_int_equal(atomic_load(&s.calls), 0);
    EXPECT_ERROR(g, GWT_E_CANCELLED, "cancelled");
    assert_true(gwt_map_blocks(a, slow_block, &s) > 0);
    EXPECT_OK(g);
    assert_true(gwt_save(a, temp_path("not.tif")));
    assert_int_equal(gwt_end(g), 0);
}

// An error that was there first stays.
static void after_an_error(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    assert_null(gwt_open(g, temp_path("nowhere.tif")));
    gwt_cancel(g);
    assert_null(gwt_compute(open_large(g)));
    EXPECT_ERROR(g, GWT_E_IO, "nowhere.tif");
    void *got = gwt_compute(open_large(g));
    assert_non_null(got);
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

// Whether a save has left its part, and its journal, which is there if the part is.
static bool is_kept(const char *name)
{
    bool part = file_exists(temp_path("%s.part", name));
    REQUIRE(part == file_exists(temp_path("%s.part.journal", name)), "%s: half is kept", name);
    return part;
}

// A save goes on where it was cancelled, in the same session and in another, with other workers.
static void a_save_goes_on(void **state)
{
    (void)state;
    const char *whole = temp_path("whole.tif"), *out = temp_path("goes_on.tif");
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    slow s = { .g = g, .journal = temp_path("goes_on.tif.part.journal") };
    assert_true(gwt_save(gwt_apply(open_large(g), slow_kernel, &s), whole, .compress = "lzw",
                         .tile_size = 32));
    long all = atomic_load(&s.calls);
    int stops = 0;
    for (int n = 0; n < 100; n++) {
        if (n % 3 == 2) {
            assert_int_equal(gwt_end(g), 0);
            g = gwt_begin(.num_workers = 1 + n % 4, .quiet = true);
        }
        s.g = g;
        s.cancel_at = 60;
        atomic_store(&s.calls, 0);
        bool saved = gwt_save(gwt_apply(open_large(g), slow_kernel, &s), out, .compress = "lzw",
                              .tile_size = 32, .resume = true);
        if (saved) break;
        EXPECT_ERROR(g, GWT_E_CANCELLED, "cancelled");
        assert_true(is_kept("goes_on.tif"));
        stops++;
    }
    assert_true(atomic_load(&s.calls) < all);
    REQUIRE(stops > 2 && stops < 99, "stopped %d times", stops);
    assert_true(files_equal(whole, out));
    assert_false(file_exists(temp_path("goes_on.tif.part")));
    assert_false(file_exists(temp_path("goes_on.tif.part.journal")));
    gwt_clear(g);              // cancelled at its last moment, perhaps
    assert_int_equal(gwt_end(g), 0);
}

// Another thread's mistake ends a save, as any error does; what it has done is not to blame.
typedef struct mistaken { slow *s; gwt_array *a; } mistaken;

static void *fail_later(void *user)
{
    mistaken *m = user;
    while (!holds_tiles(m->s->journal)) pause_for(1);
    return gwt_sel(m->a, "nothing");
}

static void an_error_of_another_thread(void **state)
{
    (void)state;
    const char *whole = temp_path("unmistaken.tif"), *out = temp_path("mistaken.tif");
    for (int workers = 1; workers <= 3; workers += 2) {
        pthread_t thread;
        gwt *g = gwt_begin(.num_workers = workers, .quiet = true);
        slow s = { .g = g, .journal = temp_path("mistaken.tif.part.journal"), .milliseconds = 5 };
        gwt_array *a = open_large(g), *b = gwt_apply(a, slow_kernel, &s);
        mistaken m = { &s, a };
        assert_int_equal(pthread_create(&thread, NULL, fail_later, &m), 0);
        assert_false(gwt_save(b, out, .tile_size = 16, .overwrite = true));
        pthread_join(thread, NULL);
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "nothing");
        assert_true(is_kept("mistaken.tif"));
        s.milliseconds = 0;
        assert_true(gwt_save(b, out, .tile_size = 16, .overwrite = true, .resume = true));
        assert_true(gwt_save(b, whole, .tile_size = 16, .overwrite = true));
        assert_true(files_equal(whole, out));
        assert_int_equal(gwt_end(g), 0);
    }
}

// Its own, of the same code, by a function that it runs, here in an action inside.
static int wrong_kernel(const gwt_kernel *k, void *user)
{
    slow *s = user;
    count_call(s);
    for (int64_t i = 0; i < k->rows * k->cols; i++) k->out[i] = 0;
    if (holds_tiles(s->journal)) gwt_parallel_for(s->g, 1, NULL, NULL);
    return 0;
}

static void an_error_of_its_own(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 3; workers += 2) {
        gwt *g = gwt_begin(.num_workers = workers, .quiet = true);
        slow s = { .g = g, .journal = temp_path("own.tif.part.journal"), .milliseconds = 1 };
        assert_false(gwt_save(gwt_apply(open_large(g), wrong_kernel, &s), temp_path("own.tif"),
                              .tile_size = 16));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "no function given");
        assert_false(is_kept("own.tif"));
        assert_int_equal(gwt_end(g), 0);
    }
}

// Stopped before the first tile is written there is nothing to go on with, and nothing is left.
static void a_save_that_wrote_no_tile(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 3; workers++) {
        gwt *g = gwt_begin(.num_workers = workers, .quiet = true);
        slow s = { .g = g, .cancel_at = 1 };
        gwt_array *a = gwt_apply(open_large(g), slow_kernel, &s);
        assert_false(gwt_save(a, temp_path("none.tif"), .tile_size = EDGE));
        EXPECT_ERROR(g, GWT_E_CANCELLED, "cancelled");
        assert_false(is_kept("none.tif"));
        assert_int_equal(gwt_end(g), 0);
    }
}

// A kernel that has changed since is another job, if it says so.
static void another_kernel(void **state)
{
    (void)state;
    static const char *const others[] = { "slow 2", "", NULL };
    const char *out = temp_path("kernel.tif");
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    slow s = { .g = g, .cancel_at = 60, .journal = temp_path("kernel.tif.part.journal") };
    gwt_array *a = open_large(g);
    assert_false(gwt_save(gwt_apply(a, slow_kernel, &s, .identity = "slow 1"), out, .tile_size = 32));
    EXPECT_ERROR(g, GWT_E_CANCELLED, "cancelled");
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        gwt_array *b = gwt_apply(a, slow_kernel, &s, .identity = others[i]);
        assert_false(gwt_save(b, out, .tile_size = 32, .resume = true));
        EXPECT_ERROR(g, GWT_E_EXISTS, "kernel.tif.part is of another job");
        assert_true(file_exists(temp_path("kernel.tif.part.journal")));
    }
    char same[] = "slow 1";
    s.cancel_at = 0;
    assert_true(gwt_save(gwt_apply(a, slow_kernel, &s, .identity = same), out, .tile_size = 32,
                         .resume = true));
    assert_int_equal(gwt_end(g), 0);
}

// And so are other classes, be it one value, one end, or what becomes of the rest.
static void other_classes(void **state)
{
    (void)state;
    static const gwt_class_range is[] = { { 0, 900, 1 }, { 900, 2000, 2 } },
        others[][2] = { { { 0, 900, 1 }, { 900, 2000, 3 } }, { { 0, 901, 1 }, { 901, 2000, 2 } } };
    const char *out = temp_path("classes.tif");
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    slow s = { .g = g, .cancel_at = 60, .journal = temp_path("classes.tif.part.journal") };
    gwt_array *a = gwt_apply(open_large(g), slow_kernel, &s, .identity = "slow");
    assert_false(gwt_save(gwt_reclassify(a, is, 2), out, .tile_size = 32));
    EXPECT_ERROR(g, GWT_E_CANCELLED, "cancelled");
    for (size_t i = 0; i <= COUNT_OF(others); i++) {
        gwt_array *b = i < COUNT_OF(others) ? gwt_reclassify(a, others[i], 2)
                                            : gwt_reclassify(a, is, 2, .otherwise = gwt_some(0));
        assert_false(gwt_save(b, out, .tile_size = 32, .resume = true));
        EXPECT_ERROR(g, GWT_E_EXISTS, "classes.tif.part is of another job");
    }
    s.cancel_at = 0;
    assert_true(gwt_save(gwt_reclassify(a, is, 2), out, .tile_size = 32, .resume = true));
    assert_int_equal(gwt_end(g), 0);
}

// ---- which files the inputs are --------------------------------------------------------------

static const struct timespec noon[2] = { { 1700000000, 5 }, { 1700000000, 5 } };

static void write_dated(const char *path, uint64_t seed)
{
    uint16_t raw[64 * 64];
    for (size_t i = 0; i < COUNT_OF(raw); i++) raw[i] = (uint16_t)(seed + noise(i) % 1000);
    tiff_write(path, &(tiff_spec){ .width = 64, .height = 64, .dtype = GWT_UINT16,
                                   .tile_width = 16, .tile_height = 16 }, raw);
    assert_int_equal(utimensat(AT_FDCWD, path, noon, 0), 0);
}

// A save of it, stopped or to its end; gives the code, with the message.
static gwt_code save_dated(const char *in, bool stop, char message[1024])
{
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    slow s = { .g = g, .cancel_at = stop ? 7 : 0 };
    gwt_array *a = gwt_open(g, in, .chunks = 16);
    gwt_save(gwt_apply(a, slow_kernel, &s), temp_path("dated.tif"), .tile_size = 16, .resume = true);
    gwt_code code = gwt_status(g);
    snprintf(message, 1024, "%.1023s", gwt_message(g));
    gwt_end(g);
    return code;
}

static void remove_dated(void)
{
    unlink(temp_path("dated.tif"));
    unlink(temp_path("dated.tif.part"));
    unlink(temp_path("dated.tif.part.journal"));
}

// Another folder's file of the same name, size and time is another input.
static void another_folders_input(void **state)
{
    (void)state;
    char message[1024];
    assert_int_equal(mkdir(temp_path("one"), 0777) | mkdir(temp_path("two"), 0777), 0);
    const char *one = temp_path("one/in.tif"), *two = temp_path("two/in.tif");
    write_dated(one, 1);
    write_dated(two, 2);
    assert_int_equal(save_dated(one, true, message), GWT_E_CANCELLED);
    gwt_code code = save_dated(two, false, message);
    REQUIRE(code == GWT_E_EXISTS && strstr(message, "its inputs were other files")
            && strstr(message, "two/in.tif"), "code %d: %s", (int)code, message);
    code = save_dated(one, false, message);
    REQUIRE(code == GWT_OK, "code %d: %s", (int)code, message);
    remove_dated();
}

// The same file, by whatever way there: from another folder, by a link, with dots.
static void the_same_input_by_another_way(void **state)
{
    (void)state;
    char message[1024], here[4096];
    remove_dated();
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(mkdir(temp_path("way"), 0777), 0);
    write_dated(temp_path("way/in.tif"), 3);
    assert_int_equal(symlink("way", temp_path("by_link")), 0);
    const char *ways[] = { "in.tif", "./in.tif", "../way//in.tif", temp_path("by_link/in.tif"),
                           temp_path("way/in.tif") };
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        assert_int_equal(chdir(temp_path("way")), 0);
        assert_int_equal(save_dated(ways[0], true, message), GWT_E_CANCELLED);
        gwt_code code = save_dated(ways[i], false, message);
        REQUIRE(code == GWT_OK, "%s: code %d: %s", ways[i], (int)code, message);
        remove_dated();
    }
    // A link that has come to lead elsewhere.
    assert_int_equal(mkdir(temp_path("elsewhere"), 0777), 0);
    write_dated(temp_path("elsewhere/in.tif"), 4);
    assert_int_equal(save_dated(ways[3], true, message), GWT_E_CANCELLED);
    assert_int_equal(unlink(temp_path("by_link")), 0);
    assert_int_equal(symlink("elsewhere", temp_path("by_link")), 0);
    gwt_code code = save_dated(ways[3], false, message);
    REQUIRE(code == GWT_E_EXISTS, "code %d: %s", (int)code, message);
    remove_dated();
    assert_int_equal(chdir(here), 0);
}

// The same path, size and time, but tiles that lie elsewhere.
static void other_tile_tables(void **state)
{
    (void)state;
    char message[1024];
    const char *in = temp_path("tables.tif");
    remove_dated();
    write_dated(in, 5);
    bytes b = load(in);        // whose tables are LONGs from here on
    store(in, &b);
    assert_int_equal(utimensat(AT_FDCWD, in, noon, 0), 0);
    assert_int_equal(save_dated(in, true, message), GWT_E_CANCELLED);
    b = load(in);
    uint32_t first = tile_offset(&b, 14), last = tile_offset(&b, 15);
    put(&b, value_at(&b, TIFFTAG_TILEOFFSETS, 14), last);
    put(&b, value_at(&b, TIFFTAG_TILEOFFSETS, 15), first);
    struct stat before, after;
    assert_int_equal(stat(in, &before), 0);
    store(in, &b);
    assert_int_equal(utimensat(AT_FDCWD, in, noon, 0), 0);
    assert_int_equal(stat(in, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    gwt_code code = save_dated(in, false, message);
    REQUIRE(code == GWT_E_EXISTS && strstr(message, "their tiles lie elsewhere"), "code %d: %s",
            (int)code, message);
    remove_dated();
}

// ---- damaged inputs --------------------------------------------------------------------------

enum { DAMAGED = 9 };

// A file of which one tile can't be decoded.
static const char *write_damaged(const char *nodata)
{
    const char *path = write_layout(&layouts[0], GWT_UINT8, nodata);
    bytes b = load(path);
    memset(b.data + tile_offset(&b, DAMAGED), 0xFF, tile_size(&b, DAMAGED));
    store(path, &b);
    return path;
}

static gwt_code save_damaged(const char *in, const char *out, bool fill, bool resume, long stop)
{
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    slow s = { .g = g, .cancel_at = stop };
    gwt_array *a = gwt_sel(gwt_open(g, in, .chunks = 16, .fill_bad_tiles = fill), "1");
    gwt_save(gwt_apply(a, slow_kernel, &s), out, .tile_size = 16, .resume = resume);
    gwt_code code = gwt_status(g);
    gwt_end(g);
    return code;
}

// What a damaged input stopped will never be done: repaired it is another input. Where its bad
// tiles can be filled it can go on with that, and not back again.
static void a_save_of_a_damaged_input(void **state)
{
    (void)state;
    const char *in = write_damaged("0"), *out = temp_path("d.tif"), *want = temp_path("want.tif");
    assert_int_equal(save_damaged(in, want, true, false, 0), GWT_OK);
    for (int stops = 0; stops < 2; stops++) {
        if (stops) assert_int_equal(save_damaged(in, out, false, false, 9), GWT_E_CANCELLED);
        assert_int_equal(save_damaged(in, out, false, true, 0), GWT_E_FORMAT);
        assert_true(is_kept("d.tif"));
        assert_int_equal(save_damaged(in, out, false, true, 0), GWT_E_FORMAT);
        assert_true(is_kept("d.tif"));
        assert_int_equal(save_damaged(in, out, true, true, 2), GWT_E_CANCELLED);
        assert_int_equal(save_damaged(in, out, false, true, 0), GWT_E_EXISTS);
        assert_int_equal(save_damaged(in, out, true, true, 0), GWT_OK);
        assert_true(files_equal(out, want));
        assert_false(is_kept("d.tif"));
        unlink(out);
    }
    in = write_damaged(NULL);
    for (int stops = 0; stops < 2; stops++) {
        if (stops) {
            assert_int_equal(save_damaged(in, out, false, false, 9), GWT_E_CANCELLED);
            assert_true(is_kept("d.tif"));
        }
        assert_int_equal(save_damaged(in, out, false, stops, 0), GWT_E_FORMAT);
        assert_false(is_kept("d.tif"));
        assert_false(file_exists(out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_tiles),       cmocka_unit_test(half_a_jpeg),
        cmocka_unit_test(impossible_tiles),
        cmocka_unit_test(truncated_files),     cmocka_unit_test(filled_with_64_bits),
        cmocka_unit_test(cut_while_open),
        cmocka_unit_test(what_it_is_filled_with), cmocka_unit_test(from_another_thread),
        cmocka_unit_test(from_inside),         cmocka_unit_test(a_loop),
        cmocka_unit_test(beforehand),          cmocka_unit_test(after_an_error),
        cmocka_unit_test(a_save_goes_on),      cmocka_unit_test(a_save_that_wrote_no_tile),
        cmocka_unit_test(an_error_of_another_thread), cmocka_unit_test(an_error_of_its_own),
        cmocka_unit_test(another_kernel), cmocka_unit_test(other_classes),
        cmocka_unit_test(another_folders_input), cmocka_unit_test(the_same_input_by_another_way),
        cmocka_unit_test(other_tile_tables),    cmocka_unit_test(a_save_of_a_damaged_input),
    };
    return cmocka_run_group_tests_name("survive", tests, begin, temp_end);
}
