// test_refuse.c - what must not work: one line that names the thing, nothing left behind, and no
// input, however broken, that crashes or hangs.

#define _XOPEN_SOURCE 700
#define _DARWIN_C_SOURCE

#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { W = 60, H = 40, N = W * H };

// A directory of its own for each test, to see what is left in it.
static const char *room(const char *name)
{
    const char *path = temp_path("%s", name);
    assert_int_equal(mkdir(path, 0777), 0);
    return path;
}

static void expect_only(const char *dir, const char *names)
{
    char *list = dir_list(dir);
    REQUIRE(strcmp(list, names) == 0, "'%s' are there, not '%s'", list, names);
    free(list);
}

static void write_scene(const char *path, const tiff_spec *more)
{
    static double values[3 * N];
    tiff_spec s = more ? *more : (tiff_spec){ .tile_width = 16, .tile_height = 16,
                                              .compression = COMPRESSION_LZW };
    for (int i = 0; i < 3 * N; i++) values[i] = i % 251;
    s.width = W, s.height = H;
    if (!s.bands) s.bands = 3;
    if (!s.dtype) s.dtype = GWT_UINT16;
    tiff_write_values(path, &s, values);
}

static gwt *quiet_session(void) { return gwt_begin(.num_workers = 2, .quiet = true); }

// ---- files that can't be opened ---------------------------------------------------------------

static void missing_file(void **state)
{
    (void)state;
    const char *dir = room("missing");
    gwt *g = quiet_session();
    assert_null(gwt_open(g, temp_path("missing/nowhere.tif")));
    EXPECT_ERROR(g, GWT_E_IO, "nowhere.tif");
    assert_null(gwt_open(g, ""));
    assert_true(gwt_status(g) == GWT_E_IO || gwt_status(g) == GWT_E_ARGUMENT);
    gwt_clear(g);
    assert_null(gwt_open(g, NULL));
    assert_true(gwt_status(g) != GWT_OK);
    gwt_clear(g);
    assert_null(gwt_open(g, dir));  // a directory
    assert_true(gwt_status(g) == GWT_E_IO || gwt_status(g) == GWT_E_FORMAT);
    assert_non_null(strstr(gwt_message(g), "missing"));
    gwt_clear(g);
    const char *there = temp_path("missing/there.tif");
    write_scene(there, NULL);
    const char *paths[] = { there, temp_path("missing/second.tif"), there };
    assert_null(gwt_open_many(g, paths, 3));
    EXPECT_ERROR(g, GWT_E_IO, "second.tif");
    assert_null(gwt_open_many(g, paths, 0));
    assert_true(gwt_status(g) != GWT_OK);
    expect_only(dir, "there.tif/");
    gwt_end(g);
}

static void not_a_tiff(void **state)
{
    (void)state;
    static const struct { const char *name, *bytes; size_t size; } files[] = {
        { "empty.tif", "", 0 }, { "one.tif", "I", 1 }, { "text.tif", "hello, I am no TIFF", 19 },
        { "png.tif", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16 }, { "head.tif", "II*\0", 4 },
        { "nodir.tif", "II*\0\0\0\0\0", 8 }, { "far.tif", "II*\0\xFF\xFF\xFF\x7F", 8 },
        { "self.tif", "II*\0\x08\0\0\0\0\0\x08\0\0\0", 14 }, { "mixed.tif", "IM*\0\x08\0\0\0", 8 },
        { "bighead.tif", "II+\0\x08\0\0\0", 8 },
        { "bigfar.tif", "II+\0\x08\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", 16 },
        { "version.tif", "II\x2C\0\x08\0\0\0\0\0\0\0\0\0", 14 },
        { "many.tif", "II*\0\x08\0\0\0\xFF\xFF\0\0\0\0", 14 }
    };
    room("not_tiff");
    gwt *g = quiet_session();
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        const char *path = temp_path("not_tiff/%s", files[i].name);
        file_write(path, files[i].bytes, files[i].size);
        REQUIRE(!gwt_open(g, path), "%s was opened", files[i].name);
        EXPECT_ERROR(g, GWT_E_FORMAT, files[i].name);
    }
    gwt_end(g);
}

static const tiff_spec kinds[] = {
    { .tile_width = 16, .tile_height = 16, .compression = COMPRESSION_LZW },
    { .rows_per_strip = 5, .compression = COMPRESSION_ADOBE_DEFLATE, .predictor = 2,
      .planar = true, .mode = "wb" },
    { .tile_width = 32, .tile_height = 16, .dtype = GWT_FLOAT32, .predictor = 3, .mode = "wl8",
      .compression = COMPRESSION_ADOBE_DEFLATE, .nodata = "nan", .bands = 2 },
    { .compression = COMPRESSION_NONE, .geo = &geo_utm, .nodata = "7", .bands = 1 },
    { .rows_per_strip = 8, .compression = COMPRESSION_PACKBITS, .mode = "wb8", .bands = 2,
      .metadata = "<GDALMetadata><Item name=\"A\">b</Item></GDALMetadata>" },
    { .tile_width = 16, .tile_height = 32, .planar = true, .dtype = GWT_INT32, .bands = 2,
      .compression = COMPRESSION_NONE },
    { .rows_per_strip = 3, .compression = COMPRESSION_LZW, .predictor = 2, .dtype = GWT_UINT8,
      .reduced = 2 }
};

static bool same_place(const gwt_info *a, const gwt_info *b)
{
    for (int i = 0; i < 6; i++)
        if (a->transform[i] != b->transform[i]) return false;
    return a->has_transform == b->has_transform && a->epsg == b->epsg &&
           a->has_crs == b->has_crs && a->nodata.set == b->nodata.set;
}

// Cut anywhere, an error; or, when only something after the last pixel and tag that matter is
// gone, the right pixels in the right place. Never others.
static int check_cut(const char *path, const char *whole, const unsigned char *data, size_t cut,
                     const void *want, size_t bytes)
{
    file_write(path, data, cut);
    gwt *g = quiet_session();
    const gwt_info *info = gwt_describe(gwt_open(g, whole));
    gwt_array *a = gwt_open(g, path);
    void *got = gwt_compute(a);
    int refused = got == NULL;
    if (refused) {
        assert_true(gwt_status(g) == GWT_E_FORMAT || gwt_status(g) == GWT_E_IO);
        assert_non_null(strstr(gwt_message(g), "cut.tif"));
        assert_null(strchr(gwt_message(g), '\n'));
    } else {
        EXPECT_OK(g);
        REQUIRE(memcmp(got, want, bytes) == 0, "cut to %d bytes: other pixels", (int)cut);
        REQUIRE(same_place(gwt_describe(a), info), "cut to %d bytes: no or another place, CRS or "
                "nodata, and no error", (int)cut);
    }
    gwt_free(got);
    gwt_end(g);
    return refused;
}

static void truncated_files(void **state)
{
    (void)state;
    room("truncated");
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        const char *whole = temp_path("truncated/whole.tif"), *cut = temp_path("truncated/cut.tif");
        write_scene(whole, &kinds[k]);
        image *im = image_read(whole);
        size_t size, bytes = image_count(im) * sample_size(im->dtype);
        unsigned char *data = file_read(whole, &size);
        int cuts = 0, refused = 0;
        for (int i = 0; i < 60; i++, cuts++)
            refused += check_cut(cut, whole, data, size * (size_t)i / 60, im->raw, bytes);
        for (size_t i = 1; i <= 12 && i < size; i++, cuts++)
            refused += check_cut(cut, whole, data, size - i, im->raw, bytes);
        // Overviews lie behind the image, which is whole without them.
        REQUIRE(refused >= (kinds[k].reduced ? 25 : 58), "kind %d: %d of %d cuts refused",
                (int)k, refused, cuts);
        assert_int_equal(check_cut(cut, whole, data, size, im->raw, bytes), 0);
        free(data);
        image_free(im);
    }
}

// ---- TIFFs made by hand -----------------------------------------------------------------------

typedef struct entry { uint16_t tag, type; uint32_t count, value; } entry;

static void put16(unsigned char *to, unsigned v) { to[0] = v & 0xFF, to[1] = (v >> 8) & 0xFF; }
static void put32(unsigned char *to, uint32_t v) { put16(to, v & 0xFFFF), put16(to + 2, v >> 16); }

enum { DATA_AT = 8 + 2 + 20 * 12 + 4, DATA_SIZE = 4096 };

// Header, one directory, and DATA_SIZE bytes: little-endian, classic.
static void write_by_hand(const char *path, const entry *entries, int count)
{
    unsigned char file[DATA_AT + DATA_SIZE] = { 'I', 'I', 42, 0, 8, 0, 0, 0 };
    put16(file + 8, (unsigned)count);
    for (int i = 0; i < count; i++) {
        unsigned char *e = file + 10 + 12 * i;
        put16(e, entries[i].tag), put16(e + 2, entries[i].type);
        put32(e + 4, entries[i].count), put32(e + 8, entries[i].value);
    }
    for (int i = 0; i < DATA_SIZE; i++) file[DATA_AT + i] = (unsigned char)(i % 199);
    file_write(path, file, sizeof file);
}

enum { SHORT = 3, LONG = 4, ENTRIES = 10 };

// 64 x 64 bytes in one strip.
static const entry sound[ENTRIES] = {
    { 256, LONG, 1, 64 }, { 257, LONG, 1, 64 }, { 258, SHORT, 1, 8 }, { 259, SHORT, 1, 1 },
    { 262, SHORT, 1, 1 }, { 273, LONG, 1, DATA_AT }, { 277, SHORT, 1, 1 }, { 278, LONG, 1, 64 },
    { 279, LONG, 1, DATA_SIZE }, { 339, SHORT, 1, 1 }
};

typedef struct hand_case {
    const char *name;
    int at[2];                 // entries that are changed, -1: none
    entry change[2];
} hand_case;

static const hand_case hand_cases[] = {
    { "width 0", { 0, -1 }, { { 256, LONG, 1, 0 } } },
    { "height 0", { 1, -1 }, { { 257, LONG, 1, 0 } } },
    { "width 2^32 - 1", { 0, -1 }, { { 256, LONG, 1, 0xFFFFFFFF } } },
    { "height 2^32 - 1, one strip", { 1, 7 }, { { 257, LONG, 1, 0xFFFFFFFF },
                                                { 278, LONG, 1, 0xFFFFFFFF } } },
    { "2^31 x 2^31", { 0, 1 }, { { 256, LONG, 1, 0x80000000 }, { 257, LONG, 1, 0x80000000 } } },
    { "a larger image than strips", { 1, -1 }, { { 257, LONG, 1, 6400 } } },
    { "strip beyond the end", { 5, -1 }, { { 273, LONG, 1, 100000 } } },
    { "strip far beyond the end", { 5, -1 }, { { 273, LONG, 1, 0xFFFFFFF0 } } },
    { "bytes beyond the end", { 8, -1 }, { { 279, LONG, 1, 0x7FFFFFFF } } },
    { "too few bytes", { 8, -1 }, { { 279, LONG, 1, 100 } } },
    { "12 bits", { 2, -1 }, { { 258, SHORT, 1, 12 } } },
    { "33 bits", { 2, -1 }, { { 258, SHORT, 1, 33 } } },
    { "0 bits", { 2, -1 }, { { 258, SHORT, 1, 0 } } },
    { "65535 bits", { 2, -1 }, { { 258, SHORT, 1, 65535 } } },
    { "float of 8 bits", { 9, -1 }, { { 339, SHORT, 1, 3 } } },
    { "complex", { 9, 2 }, { { 339, SHORT, 1, 6 }, { 258, SHORT, 1, 64 } } },
    { "no samples", { 6, -1 }, { { 277, SHORT, 1, 0 } } },
    { "65535 samples", { 6, -1 }, { { 277, SHORT, 1, 65535 } } },
    { "compression 31337", { 3, -1 }, { { 259, SHORT, 1, 31337 } } },
    { "lzw of what is none", { 3, -1 }, { { 259, SHORT, 1, 5 } } },
    { "deflate of what is none", { 3, -1 }, { { 259, SHORT, 1, 8 } } },
    { "many strips declared", { 5, 8 }, { { 273, LONG, 0x40000000, DATA_AT },
                                          { 279, LONG, 0x40000000, DATA_AT } } },
    { "strips of one row, arrays of one", { 7, -1 }, { { 278, LONG, 1, 1 } } },
    { "strips of no rows", { 7, -1 }, { { 278, LONG, 1, 0 } } },
    { "no strips", { 5, -1 }, { { 274, SHORT, 1, 1 } } },
};

// A wrong count of bytes that lie there uncompressed: the right pixels are as good as an error.
static bool is_harmless(const hand_case *c) { return strstr(c->name, "bytes") != NULL; }

static void files_by_hand(void **state)
{
    (void)state;
    room("by_hand");
    gwt *g = quiet_session();
    const char *path = temp_path("by_hand/hand.tif");
    write_by_hand(path, sound, ENTRIES);
    uint8_t *got = gwt_compute(gwt_open(g, path));
    EXPECT_OK(g);
    for (int i = 0; i < 64 * 64; i++) assert_int_equal(got[i], i % 199);
    gwt_free(got);
    for (size_t k = 0; k < COUNT_OF(hand_cases); k++) {
        entry entries[ENTRIES];
        memcpy(entries, sound, sizeof entries);
        for (int i = 0; i < 2; i++)
            if (hand_cases[k].at[i] >= 0 && hand_cases[k].change[i].tag)
                entries[hand_cases[k].at[i]] = hand_cases[k].change[i];
        path = temp_path("by_hand/hand%d.tif", (int)k);
        write_by_hand(path, entries, ENTRIES);
        clock_t before = clock();
        uint8_t *pixels = gwt_compute(gwt_open(g, path));
        if (pixels && is_harmless(&hand_cases[k])) {
            EXPECT_OK(g);
            for (int i = 0; i < 64 * 64; i++) assert_int_equal(pixels[i], i % 199);
            gwt_free(pixels);
            continue;
        }
        REQUIRE(!pixels, "%s: there is a result", hand_cases[k].name);
        REQUIRE(gwt_status(g) != GWT_OK, "%s: no error", hand_cases[k].name);
        REQUIRE(*gwt_message(g) && !strchr(gwt_message(g), '\n') &&
                strstr(gwt_message(g), path), "%s: the message is '%s'", hand_cases[k].name,
                gwt_message(g));
        REQUIRE(clock() - before < 10 * CLOCKS_PER_SEC, "%s: takes long", hand_cases[k].name);
        gwt_clear(g);
    }
    gwt_end(g);
}

static long peak_memory(void)       // of this process so far, kB
{
    struct rusage use;
    assert_int_equal(getrusage(RUSAGE_SELF, &use), 0);
#ifdef __APPLE__
    use.ru_maxrss /= 1024;
#endif
    return use.ru_maxrss;
}

// Little files that speak of large things: what is not there takes no memory.
static void large_words(void **state)
{
    (void)state;
    const uint32_t side = 1u << 30, tall = 0x7FFFFFFF;
    const entry absent[ENTRIES] = {     // one tile of 2^60 bytes, not there
        { 256, LONG, 1, side }, { 257, LONG, 1, side }, { 258, SHORT, 1, 8 }, { 259, SHORT, 1, 1 },
        { 262, SHORT, 1, 1 }, { 277, SHORT, 1, 1 }, { 322, LONG, 1, side }, { 323, LONG, 1, side },
        { 324, LONG, 1, 0 }, { 325, LONG, 1, 0 }
    };
    const entry strip[ENTRIES] = {      // one strip of 2^47 bytes, beyond the end
        { 256, LONG, 1, 65536 }, { 257, LONG, 1, tall }, { 258, SHORT, 1, 8 }, { 259, SHORT, 1, 1 },
        { 262, SHORT, 1, 1 }, { 273, LONG, 1, 8 }, { 277, SHORT, 1, 1 }, { 278, LONG, 1, tall },
        { 279, LONG, 1, 0xFFFFFFFF }, { 339, SHORT, 1, 1 }
    };
    const entry packed[ENTRIES] = {     // PackBits of 64 x 64 bytes, in 1 GB
        { 256, LONG, 1, 64 }, { 257, LONG, 1, 64 }, { 258, SHORT, 1, 8 }, { 259, SHORT, 1, 32773 },
        { 262, SHORT, 1, 1 }, { 273, LONG, 1, DATA_AT }, { 277, SHORT, 1, 1 }, { 278, LONG, 1, 64 },
        { 279, LONG, 1, 1 << 30 }, { 339, SHORT, 1, 1 }
    };
    const entry listed[ENTRIES] = {     // 2^27 strips of a row, which lie in a hole
        { 256, LONG, 1, 64 }, { 257, LONG, 1, 1 << 27 }, { 258, SHORT, 1, 8 },
        { 259, SHORT, 1, 1 }, { 262, SHORT, 1, 1 }, { 273, LONG, 1 << 27, DATA_AT },
        { 277, SHORT, 1, 1 }, { 278, LONG, 1, 1 }, { 279, LONG, 1 << 27, DATA_AT },
        { 339, SHORT, 1, 1 }
    };
    const entry told[ENTRIES + 1] = {   // 1 GB of GDAL_METADATA, likewise
        { 256, LONG, 1, 64 }, { 257, LONG, 1, 64 }, { 258, SHORT, 1, 8 }, { 259, SHORT, 1, 1 },
        { 262, SHORT, 1, 1 }, { 273, LONG, 1, DATA_AT }, { 277, SHORT, 1, 1 }, { 278, LONG, 1, 64 },
        { 279, LONG, 1, DATA_SIZE }, { 339, SHORT, 1, 1 }, { 42112, 2, 1 << 30, DATA_AT }
    };
    const struct { const char *name; const entry *entries; int n; bool good, hole; } files[] = {
        { "absent.tif", absent, ENTRIES, false, false },
        { "strip.tif", strip, ENTRIES, false, false },
        { "packed.tif", packed, ENTRIES, true, true },
        { "listed.tif", listed, ENTRIES, false, true },
        { "told.tif", told, ENTRIES + 1, false, true }
    };
    room("large_words");
    long before = peak_memory();
    for (size_t i = 0; i < COUNT_OF(files); i++)
        for (int fills = 0; fills < 2; fills++) {
            gwt *g = gwt_begin(.num_workers = 2, .quiet = true, .memory_limit = 20 << 20);
            const char *path = temp_path("large_words/%s", files[i].name);
            write_by_hand(path, files[i].entries, files[i].n);
            if (files[i].hole) assert_int_equal(truncate(path, DATA_AT + (off_t)(1 << 30)), 0);
            void *got = gwt_compute(gwt_open(g, path, .fill_bad_tiles = fills,
                                             .nodata = gwt_some(0)));
            REQUIRE(!got == !files[i].good, "%s: %s", files[i].name, gwt_message(g));
            // The strip that lies beyond the end is found out first, unless it may be filled.
            gwt_code code = files[i].entries == strip && !fills            ? GWT_E_FORMAT
                          : files[i].entries == listed || files[i].n > ENTRIES ? GWT_E_MEMORY
                                                                            : GWT_E_UNSUPPORTED;
            if (!files[i].good) EXPECT_ERROR(g, code, files[i].name);
            gwt_free(got);
            assert_int_equal(gwt_end(g), 0);
        }
    REQUIRE(peak_memory() - before < 200000, "%ld kB, %ld before", peak_memory(), before);
}

// ---- names and numbers ------------------------------------------------------------------------

static void unknown_names(void **state)
{
    (void)state;
    const char *dir = room("names"), *in = temp_path("names/in.tif");
    write_scene(in, NULL);
    gwt *g = quiet_session();
    gwt_array *a = gwt_open(g, in, .sensor = "bgr");
    EXPECT_OK(g);
    assert_null(gwt_sel(a, "nir"));
    assert_true(strstr(gwt_message(g), "blue") && strstr(gwt_message(g), "green") &&
                strstr(gwt_message(g), "red"));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "nir");
    assert_null(gwt_norm_diff(a, "green", "infrared"));
    assert_non_null(strstr(gwt_message(g), "blue"));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "infrared");
    assert_null(gwt_open(g, in, .sensor = "landsat88"));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "landsat88");
    assert_null(gwt_open(g, in, .sensor = "l8"));  // has 8 bands, not 3
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "l8");
    assert_null(gwt_norm_diff(a, "green", "red", .sensor = "nosuch"));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "nosuch");
    assert_null(gwt_cast(a, (gwt_dtype)99));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
    assert_null(gwt_cast(a, GWT_DTYPE_NONE));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
    expect_only(dir, "in.tif/");
    gwt_end(g);
}

static void absurd_chunks(void **state)
{
    (void)state;
    static const int absurd[] = { -1, INT_MIN, 1048577, INT_MAX };
    const char *dir = room("chunks"), *in = temp_path("chunks/in.tif");
    write_scene(in, NULL);
    for (size_t i = 0; i < COUNT_OF(absurd); i++) {
        gwt *g = gwt_begin(.num_workers = 1, .chunks = absurd[i], .quiet = true);
        assert_non_null(g);
        EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
        gwt_end(g);
        g = quiet_session();
        assert_null(gwt_open(g, in, .chunks = absurd[i]));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "chunk");
        assert_null(gwt_open(g, in, .chunk_rows = absurd[i]));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "chunk");
        assert_null(gwt_open(g, in, .chunks = 10, .chunk_cols = absurd[i]));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "chunk");
        gwt_array *a = gwt_open(g, in);
        assert_null(gwt_rechunk(a, absurd[i], 10));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "chunk");
        assert_null(gwt_rechunk(a, 10, absurd[i]));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "chunk");
        gwt_end(g);
    }
    expect_only(dir, "in.tif/");
}

static int never(const gwt_block *b, void *user)
{
    (void)b;
    *(int *)user = 1;
    return 0;
}

static void absurd_blocks(void **state)
{
    (void)state;
    int called = 0;
    write_scene(temp_path("blocks.tif"), NULL);
    gwt *g = quiet_session();
    gwt_array *a = gwt_open(g, temp_path("blocks.tif"));
    assert_int_equal(gwt_map_blocks(a, never, &called, .block_rows = -1), -1);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
    assert_int_equal(gwt_map_blocks(a, never, &called, .block_cols = 1048577), -1);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
    assert_int_equal(called, 0);
    gwt_end(g);
}

// ---- outputs ----------------------------------------------------------------------------------

static void output_exists(void **state)
{
    (void)state;
    const char *dir = room("exists"), *in = temp_path("exists/in.tif");
    const char *out = temp_path("exists/out.tif");
    write_scene(in, NULL);
    file_write(out, "precious", 8);
    gwt *g = quiet_session();
    assert_false(gwt_save(gwt_open(g, in), out));
    EXPECT_ERROR(g, GWT_E_EXISTS, "out.tif");
    size_t size;
    unsigned char *data = file_read(out, &size);
    assert_true(size == 8 && memcmp(data, "precious", 8) == 0);
    free(data);
    assert_int_equal(mkdir(temp_path("exists/sub"), 0777), 0);
    for (int overwrite = 0; overwrite < 2; overwrite++) {
        assert_false(gwt_save(gwt_open(g, in), temp_path("exists/sub"), .overwrite = overwrite));
        assert_true(gwt_status(g) == GWT_E_EXISTS || gwt_status(g) == GWT_E_IO);
        EXPECT_ERROR(g, gwt_status(g), "sub");
    }
    expect_only(dir, "in.tif/out.tif/sub/");
    expect_only(temp_path("exists/sub"), "");
    gwt_end(g);
}

static void output_is_an_input(void **state)
{
    (void)state;
    const char *dir = room("same"), *in = temp_path("same/in.tif"), *copy = temp_path("copy.tif");
    write_scene(in, NULL);
    write_scene(copy, NULL);
    assert_true(files_equal(in, copy));
    assert_int_equal(symlink("in.tif", temp_path("same/symbolic.tif")), 0);
    assert_int_equal(link(in, temp_path("same/hard.tif")), 0);
    const char *spellings[] = {
        in, temp_path("same/./in.tif"), temp_path("same/../same//in.tif"),
        temp_path("same/symbolic.tif"), temp_path("same/hard.tif")
    };
    gwt *g = quiet_session();
    for (size_t i = 0; i < COUNT_OF(spellings); i++)
        for (size_t k = 0; k < COUNT_OF(spellings); k++)
            for (int overwrite = 0; overwrite < 2; overwrite++) {
                gwt_array *a = gwt_open(g, spellings[k]);
                gwt_array *deep = gwt_add(gwt_sel(a, "1"), gwt_sqrt(gwt_sel(a, "2")));
                assert_false(gwt_save(deep, spellings[i], .overwrite = overwrite));
                EXPECT_ERROR(g, GWT_E_EXISTS, NULL);
                REQUIRE(files_equal(in, copy), "%s: the input was changed", spellings[i]);
            }
    expect_only(dir, "hard.tif/in.tif/symbolic.tif/");
    // One of several inputs.
    const char *both[] = { copy, in };
    assert_false(gwt_save(gwt_open_many(g, both, 2), in, .overwrite = true));
    EXPECT_ERROR(g, GWT_E_EXISTS, "in.tif");
    assert_true(files_equal(in, copy));
    gwt_end(g);
}

// OUT.part is where the output grows: it may not be an input either.
static void part_is_an_input(void **state)
{
    (void)state;
    room("part");
    const char *in = temp_path("part/out.tif.part"), *copy = temp_path("part_copy.tif");
    write_scene(in, NULL);
    write_scene(copy, NULL);
    gwt *g = quiet_session();
    for (int overwrite = 0; overwrite < 2; overwrite++) {
        assert_false(gwt_save(gwt_open(g, in), temp_path("part/out.tif"), .overwrite = overwrite));
        assert_true(gwt_status(g) != GWT_OK);
        gwt_clear(g);
        assert_true(file_exists(in));
        assert_true(files_equal(in, copy));
    }
    expect_only(temp_path("part"), "out.tif.part/");
    gwt_end(g);
}

static void unwritable_places(void **state)
{
    (void)state;
    const char *dir = room("unwritable"), *in = temp_path("unwritable/in.tif");
    write_scene(in, NULL);
    gwt *g = quiet_session();
    gwt_array *a = gwt_open(g, in);
    assert_false(gwt_save(a, temp_path("unwritable/in.tif/out.tif")));  // a file is no directory
    EXPECT_ERROR(g, GWT_E_IO, "in.tif/out.tif");
    assert_false(gwt_save(a, temp_path("unwritable/no/such/dir/out.tif")));
    EXPECT_ERROR(g, GWT_E_IO, "no/such/dir/out.tif");
    assert_false(gwt_save(a, ""));
    assert_true(gwt_status(g) == GWT_E_IO || gwt_status(g) == GWT_E_ARGUMENT);
    gwt_clear(g);
    assert_false(gwt_save(a, NULL));
    assert_true(gwt_status(g) != GWT_OK);
    gwt_clear(g);
    char name[400];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    assert_false(gwt_save(a, temp_path("unwritable/%s", name)));  // longer than names may be
    assert_int_equal(gwt_status(g), GWT_E_IO);
    gwt_clear(g);
    expect_only(dir, "in.tif/");
    // Permissions mean nothing to root.
    if (geteuid() != 0) {
        assert_int_equal(chmod(dir, 0555), 0);
        assert_false(gwt_save(a, temp_path("unwritable/out.tif")));
        chmod(dir, 0777);
        EXPECT_ERROR(g, GWT_E_IO, "out.tif");
        expect_only(dir, "in.tif/");
    }
    gwt_end(g);
}

static void bad_save_options(void **state)
{
    (void)state;
    const char *dir = room("options"), *in = temp_path("options/in.tif");
    write_scene(in, NULL);
    static const double three[3] = { 1, 1, 1 };
    const gwt_save_options wrong[] = {
        { .compress = "zip" }, { .compress = "" }, { .compress = "LZ7" }, { .tile_size = 17 },
        { .tile_size = -16 }, { .tile_size = 16400 }, { .tile_size = 8 }, { .tile_size = INT_MAX },
        { .predictor = 4 }, { .predictor = -1 }, { .compress = "deflate", .level = 13 },
        { .compress = "deflate", .level = -1 }, { .dtype = (gwt_dtype)77 },
        { .dtype = (gwt_dtype)-1 }, { .interleave = (gwt_interleave)9 },
        { .bigtiff = (gwt_bigtiff)9 }, { .num_workers = -1 },
        { .band_names = (const char *const[]){ "only one", NULL }, .scales = three },
        { .tags = (const char *const[]){ "NO EQUALS SIGN", NULL } },
        { .dtype = GWT_UINT8, .nodata = SOME(300) },
        { .dtype = GWT_UINT8, .nodata = SOME(NAN) }
    };
    gwt *g = quiet_session();
    gwt_array *a = gwt_open(g, in);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        bool saved = gwt_save_with(a, temp_path("options/out.tif"), &wrong[i]);
        REQUIRE(!saved, "wrong option %d was taken", (int)i);
        gwt_code code = gwt_status(g);
        REQUIRE(code == GWT_E_ARGUMENT || code == GWT_E_UNSUPPORTED || code == GWT_E_NODATA,
                "wrong option %d: code %d, '%s'", (int)i, (int)code, gwt_message(g));
        EXPECT_ERROR(g, code, NULL);
        expect_only(dir, "in.tif/");
    }
    // An unknown compression: what there is.
    gwt_save(a, temp_path("options/out.tif"), .compress = "zip");
    for (size_t i = 0; gwt_compression_name(i); i++)
        REQUIRE(strstr(gwt_message(g), gwt_compression_name(i)), "%s is not in '%s'",
                gwt_compression_name(i), gwt_message(g));
    EXPECT_ERROR(g, gwt_status(g), "zip");
    gwt_end(g);
}

// ---- grids ------------------------------------------------------------------------------------

static gwt_array *placed(gwt *g, int width, int height, double x, double y, double cell)
{
    double values[200 * 4] = { 0 }, scale[3] = { cell, cell, 0 }, tie[6] = { 0, 0, 0, x, y, 0 };
    geo_tags geo = geo_utm;
    geo.scale = scale, geo.tiepoint = tie;
    return array_of(g, &(tiff_spec){ .width = width, .height = height, .dtype = GWT_UINT8,
                                     .geo = &geo }, values);
}

// `parts`: what the message must show of both grids.
static void expect_mismatch(gwt *g, gwt_array *a, gwt_array *b, const char *part1,
                            const char *part2)
{
    gwt_array *const both[] = { a, b };
    gwt_array *results[] = { gwt_add(a, b), NULL, NULL, NULL, NULL };
    REQUIRE(!results[0] && strstr(gwt_message(g), part1) && strstr(gwt_message(g), part2),
            "'%s' and '%s' are not both in '%s'", part1, part2, gwt_message(g));
    EXPECT_ERROR(g, GWT_E_GRID, NULL);
    results[1] = gwt_stack(both, 2, GWT_BAND);
    EXPECT_ERROR(g, GWT_E_GRID, NULL);
    results[2] = gwt_stack(both, 2, GWT_TIME);
    EXPECT_ERROR(g, GWT_E_GRID, NULL);
    results[3] = gwt_calc(both, 2, "b1 * b2");
    assert_int_equal(gwt_status(g), GWT_E_GRID);
    gwt_clear(g);
    results[4] = gwt_where(a, a, b);
    EXPECT_ERROR(g, GWT_E_GRID, NULL);
    for (size_t i = 0; i < COUNT_OF(results); i++) assert_null(results[i]);
}

static void mismatched_grids(void **state)
{
    (void)state;
    gwt *g = quiet_session();
    gwt_array *a = placed(g, 100, 4, 600000, 4000000, 30);
    expect_mismatch(g, a, placed(g, 101, 4, 600000, 4000000, 30), "100", "101");
    expect_mismatch(g, a, placed(g, 100, 3, 600000, 4000000, 30), "100", "3");
    expect_mismatch(g, a, placed(g, 100, 4, 600030, 4000000, 30), "600000", "600030");
    expect_mismatch(g, a, placed(g, 100, 4, 600000, 3999970, 30), "4000000", "3999970");
    expect_mismatch(g, a, placed(g, 100, 4, 600000.3, 4000000, 30), "600000", "600000.3");
    expect_mismatch(g, a, placed(g, 100, 4, 600000, 4000000, 15), "30", "15");
    // At the far corner the difference has grown to a hundredth of a pixel.
    expect_mismatch(g, a, placed(g, 100, 4, 600000, 4000000, 30.003), "30", "30.003");
    // Within a thousandth of a pixel everywhere: the same grid.
    assert_non_null(gwt_add(a, placed(g, 100, 4, 600000.003, 4000000, 30)));
    assert_non_null(gwt_add(a, placed(g, 100, 4, 600000, 4000000, 30.00001)));
    EXPECT_OK(g);
    gwt_end(g);
}

// A number has no grid that an image could be computed on in the same pass, nor the reverse.
static void numbers_beside_images(void **state)
{
    (void)state;
    gwt *g = quiet_session();
    write_scene(temp_path("beside.tif"), NULL);
    gwt_array *a = gwt_open(g, temp_path("beside.tif")), *n = gwt_number(g, 3);
    gwt_array *lists[2][2] = { { a, n }, { n, a } };
    const char *paths[] = { temp_path("beside1.tif"), temp_path("beside2.tif") };
    for (int i = 0; i < 2; i++) {
        void *buffers[2] = { NULL, NULL };
        assert_false(gwt_compute_many(lists[i], 2, buffers));
        EXPECT_ERROR(g, GWT_E_GRID, "a number");
        assert_true(!buffers[0] && !buffers[1]);
        assert_false(gwt_save_many(lists[i], paths, 2));
        EXPECT_ERROR(g, GWT_E_GRID, "a number");
        assert_false(file_exists(paths[0]) || file_exists(paths[1]));
    }
    gwt_array *numbers[] = { n, gwt_mul(n, n) };
    void *buffers[2] = { NULL, NULL };
    assert_true(gwt_compute_many(numbers, 2, buffers));
    assert_true(*(double *)buffers[0] == 3 && *(double *)buffers[1] == 9);
    gwt_free(buffers[0]);
    gwt_free(buffers[1]);
    assert_int_equal(gwt_end(g), 0);
}

static void mismatched_files(void **state)
{
    (void)state;
    double values[200] = { 0 }, scale[3] = { 30, 30, 0 }, tie[6] = { 0, 0, 0, 1000, 2000, 0 };
    const char *paths[] = { temp_path("grid1.tif"), temp_path("grid2.tif") };
    for (int i = 0; i < 2; i++) {
        tie[3] += 15 * i;
        tiff_write_values(paths[i], &(tiff_spec){ .width = 20, .height = 10, .dtype = GWT_UINT8,
                          .geo = &(geo_tags){ .scale = scale, .tiepoint = tie } }, values);
    }
    gwt *g = quiet_session();
    assert_null(gwt_open_many(g, paths, 2));
    assert_true(strstr(gwt_message(g), "1000") && strstr(gwt_message(g), "1015"));
    EXPECT_ERROR(g, GWT_E_GRID, "grid2.tif");
    gwt_end(g);
}

// ---- files that change --------------------------------------------------------------------------

// Opened, then cut, then computed.
static void a_file_that_shrinks(void **state)
{
    (void)state;
    const char *dir = room("shrinks"), *in = temp_path("shrinks/in.tif");
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        write_scene(in, &kinds[k]);
        gwt *g = quiet_session();
        gwt_array *a = gwt_open(g, in);
        EXPECT_OK(g);
        assert_int_equal(truncate(in, 200), 0);
        assert_null(gwt_compute(a));
        EXPECT_ERROR(g, gwt_status(g) == GWT_E_IO ? GWT_E_IO : GWT_E_FORMAT, "in.tif");
        assert_false(gwt_save(a, temp_path("shrinks/out.tif")));
        EXPECT_ERROR(g, gwt_status(g) == GWT_E_IO ? GWT_E_IO : GWT_E_FORMAT, "in.tif");
        expect_only(dir, "in.tif/");
        gwt_end(g);
    }
}

// Changed where it is, by others: what was read of it when it was opened does not hold any more.
static void a_file_that_changes(void **state)
{
    (void)state;
    room("changes");
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        const char *in = temp_path("changes/in.tif");
        if (kinds[k].compression == COMPRESSION_NONE) continue;     // no handle of libtiff's
        write_scene(in, &kinds[k]);
        gwt *g = quiet_session();
        gwt_array *a = gwt_open(g, in);
        EXPECT_OK(g);
        size_t size;
        unsigned char *data = file_read(in, &size);
        struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
        file_write(in, data, size);
        free(data);
        assert_int_equal(utimensat(AT_FDCWD, in, times, 0), 0);
        assert_null(gwt_compute(a));
        EXPECT_ERROR(g, GWT_E_IO, "in.tif: can't be opened again: it has changed");
        gwt_end(g);
    }
}

// Removed, or another one in its place: the one that was opened is there as long as it is used.
static void a_file_that_is_replaced(void **state)
{
    (void)state;
    room("replaced");
    for (int other = 0; other < 2; other++) {
        const char *in = temp_path("replaced/in.tif"), *next = temp_path("replaced/next.tif");
        write_scene(in, &kinds[1]);
        image *im = image_read(in);
        gwt *g = quiet_session();
        gwt_array *a = gwt_open(g, in);
        file_write(next, "nothing", 7);
        assert_int_equal(other ? rename(next, in) : unlink(in), 0);
        void *got = gwt_compute(a);
        EXPECT_OK(g);
        assert_memory_equal(got, im->raw, image_count(im) * sample_size(im->dtype));
        assert_null(gwt_open(g, in));
        EXPECT_ERROR(g, other ? GWT_E_FORMAT : GWT_E_IO, other ? "in.tif" : strerror(ENOENT));
        gwt_free(got);
        gwt_end(g);
        image_free(im);
    }
}

// In a process of its own, as nobody when that is possible: why a file can't be opened. Exit status
// 0: as it should be; 1: not; 2: this can't be tried here.
static int refusal_in_child(const char *path, int error)
{
    struct rlimit files = { 3, 3 };
    pid_t child = fork();
    int status = -1;
    if (child != 0) return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status)
                        ? WEXITSTATUS(status) : -1;
    if (error == EACCES && geteuid() == 0 && (setgid(65534) || setuid(65534))) _exit(2);
    if (error == EMFILE && setrlimit(RLIMIT_NOFILE, &files)) _exit(2);
    gwt *g = quiet_session();
    bool refused = g && !gwt_open(g, path) && gwt_status(g) == GWT_E_IO &&
                   strstr(gwt_message(g), path) && strstr(gwt_message(g), strerror(error));
    if (!refused) fprintf(stderr, "%s: %s\n", strerror(error), gwt_message(g));
    _exit(!refused);
}

static void why_it_is_not_opened(void **state)
{
    (void)state;
    const char *dir = room("why"), *path = temp_path("why/in.tif");
    write_scene(path, NULL);
    assert_int_equal(chmod(temp_path("."), 0755), 0);
    assert_int_equal(chmod(dir, 0755), 0);
    assert_int_equal(refusal_in_child(temp_path("why/no.tif"), ENOENT), 0);
    assert_int_equal(refusal_in_child(temp_path("why/in.tif/no.tif"), ENOTDIR), 0);
    int status = refusal_in_child(path, EMFILE);
    if (status == 2) print_message("SKIPPED: no limit of open files here\n");
    else assert_int_equal(status, 0);
    assert_int_equal(chmod(path, 0), 0);
    status = refusal_in_child(path, EACCES);
    if (status == 2) print_message("SKIPPED: nobody else to be here\n");
    else assert_int_equal(status, 0);
}

// libtiff opens Microsoft's MDI files, too; none of the checks knows them.
static void another_magic(void **state)
{
    (void)state;
    const char *path = temp_path("mdi.tif");
    write_scene(path, NULL);
    FILE *f = fopen(path, "r+b");
    assert_true(f && fwrite("EP", 1, 2, f) == 2 && fclose(f) == 0);
    gwt *g = quiet_session();
    assert_null(gwt_open(g, path));
    EXPECT_ERROR(g, GWT_E_FORMAT, "it begins with neither II nor MM");
    gwt_end(g);
}

// ---- little files that would keep one busy ----------------------------------------------------

enum { MANY = 65535, SUBIFDS_AT = 8192, DIRECTORY_AT = SUBIFDS_AT + 4 * MANY };

// `sound` with MANY SubIFDs, which are all one directory of MANY entries: tag 0 again and again, or
// rising up to the one that is looked for.
static void write_subifds(const char *path, bool rising)
{
    size_t size = DIRECTORY_AT + 2 + 12 * MANY + 4;
    unsigned char *file = calloc(size, 1);
    assert_non_null(file);
    memcpy(file, "II*\0\x08\0\0\0", 8);
    put16(file + 8, ENTRIES);
    for (int i = 0; i < ENTRIES; i++) {
        entry e = i < ENTRIES - 1 ? sound[i] : (entry){ 330, LONG, MANY, SUBIFDS_AT };
        unsigned char *to = file + 10 + 12 * i;
        put16(to, e.tag), put16(to + 2, e.type), put32(to + 4, e.count), put32(to + 8, e.value);
    }
    for (size_t i = 0; i < MANY; i++) put32(file + SUBIFDS_AT + 4 * i, DIRECTORY_AT);
    put16(file + DIRECTORY_AT, MANY);
    for (unsigned i = 0; i < MANY && rising; i++)
        put16(file + DIRECTORY_AT + 2 + 12 * (size_t)i, i);
    file_write(path, file, size);
    free(file);
}

// A BigTIFF whose first directory is said to fill the rest of 64 GiB, which are a hole.
static bool write_hole(const char *path)
{
    unsigned char head[24] = { 'I', 'I', 43, 0, 8, 0, 0, 0, 16 };
    put32(head + 16, 3000000000u);
    file_write(path, head, sizeof head);
    return truncate(path, (off_t)64 << 30) == 0;
}

// Opened by a child that may use so many seconds of a processor. 0: it is opened; 1: refused.
static int open_within(const char *path, rlim_t seconds)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit = { seconds, seconds };
        if (setrlimit(RLIMIT_CPU, &limit)) _exit(2);
        gwt *g = quiet_session();
        gwt_open(g, path);
        _exit(gwt_end(g));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    REQUIRE(WIFEXITED(status), "%s: signal %d", path, WTERMSIG(status));
    return WEXITSTATUS(status);
}

static void many_directories(void **state)
{
    (void)state;
    room("busy");
    const char *path = temp_path("busy/same.tif");
    write_subifds(path, false);
    assert_int_equal(open_within(path, 3), 0);
    path = temp_path("busy/rising.tif");
    write_subifds(path, true);
    assert_int_equal(open_within(path, 3), 0);
    path = temp_path("busy/hole.tif");
    if (sizeof(off_t) < 8 || !write_hole(path)) print_message("SKIPPED: no file of 64 GiB here\n");
    else assert_int_equal(open_within(path, 3), 1);
    assert_int_equal(remove(path), 0);
}

// ---- flipped bytes ----------------------------------------------------------------------------

// Opened and computed whatever it is; a result or an error, and soon.
static bool survives(const char *path)
{
    gwt *g = quiet_session();
    gwt_array *a = gwt_open(g, path, .chunks = 32);
    void *got = NULL;
    bool well = true;
    // A flipped size can make a valid file of terabytes of absent pixels: no need to compute it.
    bool computed = a && gwt_describe(a)->nbytes <= (uint64_t)64 << 20;
    if (computed) got = gwt_compute(a);
    if (a == NULL || (computed && !got))
        well = gwt_status(g) != GWT_OK && *gwt_message(g) && !strchr(gwt_message(g), '\n');
    else well = gwt_status(g) == GWT_OK;
    gwt_free(got);
    gwt_end(g);
    return well;
}

static void flip(unsigned char *data, size_t size, size_t directory, uint64_t seed)
{
    int flips = 1 + (int)(noise(seed) % 3);
    for (int i = 0; i < flips; i++) {
        uint64_t r = noise(seed * 31 + (uint64_t)i + 7);
        // Half of them where the directory is: pixels are the larger and duller part.
        size_t at = r % 2 ? directory + (size_t)(r >> 8) % (size - directory)
                          : (size_t)(r >> 8) % size;
        unsigned how = (unsigned)(r >> 1) % 4;
        if (how == 0) data[at] ^= (unsigned char)(1u << (r >> 40) % 8);
        else if (how == 1) data[at] = (unsigned char)(r >> 48);
        else data[at] = how == 2 ? 0xFF : 0;
    }
}

static size_t directory_offset(const unsigned char *d, size_t size)
{
    bool big = d[0] == 'M', bigtiff = (big ? d[3] : d[2]) == 43;
    size_t at = 0;
    for (int i = 0; i < (bigtiff ? 8 : 4); i++) {
        int byte = (bigtiff ? 8 : 4) + (big ? i : (bigtiff ? 7 : 3) - i);
        at = at << 8 | d[byte];
    }
    return at < size ? at : size - 1;
}

static void flipped_bytes(void **state)
{
    (void)state;
    enum { VARIANTS = 90 };
    room("flipped");
    int refused = 0, total = 0;
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        const char *whole = temp_path("flipped/whole.tif"), *path = temp_path("flipped/flip.tif");
        write_scene(whole, &kinds[k]);
        size_t size;
        unsigned char *data = file_read(whole, &size), *changed = malloc(size);
        size_t directory = directory_offset(data, size);
        for (int v = 0; v < VARIANTS; v++, total++) {
            memcpy(changed, data, size);
            flip(changed, size, directory, (uint64_t)k * 1000 + (uint64_t)v);
            file_write(path, changed, size);
            time_t before = time(NULL);
            REQUIRE(survives(path), "kind %d, variant %d: neither a result nor one line of error",
                    (int)k, v);
            REQUIRE(time(NULL) - before <= 20, "kind %d, variant %d: takes long", (int)k, v);
            gwt *g = quiet_session();
            refused += gwt_open(g, path) == NULL;
            gwt_end(g);
        }
        free(data);
        free(changed);
    }
    print_message("%d of %d variants do not open\n", refused, total);
    assert_true(refused > total / 20 && refused < total);
}

// A program that was compiled with the header of another minor version.
static void another_version(void **state)
{
    (void)state;
    static const int others[] = { GWT_VERSION_NUMBER + 1000, 1000000, 1 };
    assert_int_equal(gwt_version(), GWT_VERSION_NUMBER);
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        gwt_begin_options o = { ._ = others[i], .num_workers = 100000, .quiet = true };
        gwt *g = gwt_begin_with(&o);
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "compiled with gwt.h of version ");
        gwt_clear(g);
        assert_int_equal(gwt_end(g), 0);
    }
    gwt *g = gwt_begin_with(&(gwt_begin_options){ ._ = GWT_VERSION_NUMBER / 1000 * 1000 + 999 });
    EXPECT_OK(g);
    gwt_end(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_version),
        cmocka_unit_test(missing_file),
        cmocka_unit_test(not_a_tiff),
        cmocka_unit_test(truncated_files),
        cmocka_unit_test(files_by_hand),
        cmocka_unit_test(large_words),
        cmocka_unit_test(unknown_names),
        cmocka_unit_test(absurd_chunks),
        cmocka_unit_test(absurd_blocks),
        cmocka_unit_test(output_exists),
        cmocka_unit_test(output_is_an_input),
        cmocka_unit_test(part_is_an_input),
        cmocka_unit_test(unwritable_places),
        cmocka_unit_test(bad_save_options),
        cmocka_unit_test(mismatched_grids),
        cmocka_unit_test(mismatched_files),
        cmocka_unit_test(numbers_beside_images),
        cmocka_unit_test(a_file_that_shrinks),
        cmocka_unit_test(a_file_that_changes),
        cmocka_unit_test(a_file_that_is_replaced),
        cmocka_unit_test(why_it_is_not_opened),
        cmocka_unit_test(another_magic),
        cmocka_unit_test(many_directories),
        cmocka_unit_test(flipped_bytes),
    };
    return cmocka_run_group_tests_name("refuse", tests, temp_begin, temp_end);
}
