// test_images.c - a file of several images: full resolution, its mask, an overview. White box, as no
// action writes more than one yet: the implementation is in here, and tiles are put where they go by
// hand. What comes out is read by libtiff, and by the function that opens any image of a file.

#define GWT_IMPLEMENTATION
#include "../gwt.h"

#include "support.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 16, NUM_IMAGES = 3, MOST_TILES = 6 };

// What each image is, as TIFF says it, and how its tiles lie.
static const struct { uint32_t kind; int width, height, across, down; gwt_dtype dtype; } layout[] = {
    { 0, 40, 25, 3, 2, GWT_UINT16 },
    { FILETYPE_MASK, 40, 25, 3, 2, GWT_UINT8 },
    { FILETYPE_REDUCEDIMAGE, 20, 12, 2, 1, GWT_UINT16 }
};

static unsigned sample(int image, int x, int y)
{
    return (unsigned)(image == 1 ? (x * y) % 2 * 255 : 1000 * image + 50 * y + x);
}

static void make_tile(int image, int tile, unsigned char *to)
{
    size_t size = layout[image].dtype == GWT_UINT16 ? 2 : 1;
    int row = tile / layout[image].across * BLOCK, col = tile % layout[image].across * BLOCK;
    for (int y = 0; y < BLOCK; y++)
        for (int x = 0; x < BLOCK; x++, to += size) {
            unsigned v = sample(image, col + x, row + y);
            to[0] = (unsigned char)v;
            if (size == 2) to[1] = (unsigned char)(v >> 8);
        }
}

typedef struct tables { uint64_t offsets[MOST_TILES], counts[MOST_TILES]; } tables;

// The tiles of the smallest image first, as in a cloud-optimised file.
static uint64_t write_tiles(int fd, tables *of)
{
    uint64_t at = 16;
    for (int i = NUM_IMAGES - 1; i >= 0; i--)
        for (int k = 0; k < layout[i].across * layout[i].down; k++) {
            unsigned char tile[BLOCK * BLOCK * 2];
            size_t bytes = BLOCK * BLOCK * gwt_dtype_size(layout[i].dtype);
            make_tile(i, k, tile);
            REQUIRE(pwrite(fd, tile, bytes, (off_t)at) == (ssize_t)bytes, "tile %d of %d", k, i);
            of[i].offsets[k] = at;
            of[i].counts[k] = bytes;
            at += bytes;
        }
    return at;
}

// The three images in one file, directories from `end` on, or behind the tiles (0).
static bool write_images(gwt *g, const char *path, gwt_bigtiff bigtiff, uint64_t end)
{
    static uint16_t pixels[40 * 25];
    static tables of[NUM_IMAGES];
    gwt_array *a = gwt_from_memory(g, pixels, sizeof pixels, GWT_UINT16,
                                   ((const int64_t[4]){ 1, 1, 25, 40 }), .epsg = 32633,
                                   .transform = (const double[6]){ 10, 0, 5e5, 0, -10, 5.2e6 });
    gwt_save_options o = { .bigtiff = bigtiff };
    _gwt_file file = { .g = g, .path = path, .bigtiff = bigtiff };
    _gwt_image images[NUM_IMAGES];
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
    REQUIRE(a && fd >= 0, "%s", gwt_message(g));
    uint64_t behind = write_tiles(fd, of);
    for (int i = 0; i < NUM_IMAGES; i++)
        images[i] = (_gwt_image){
            .a = a, .kind = layout[i].kind, .width = layout[i].width, .height = layout[i].height,
            .format = { .dtype = layout[i].dtype, .compression = COMPRESSION_NONE, .predictor = 1,
                        .bits = layout[i].dtype == GWT_UINT16 ? 16 : 8, .block = BLOCK,
                        .planes = 1 },
            .stream = { .g = g, .file = &file, .num_tiles = layout[i].across * layout[i].down,
                        .across = layout[i].across, .down = layout[i].down, .side = 1, .planes = 1,
                        .per_place = 1, .offsets = of[i].offsets, .counts = of[i].counts }
        };
    bool good = _gwt_file_describe(&file, fd, path, end ? end : behind, images, NUM_IMAGES, &o);
    close(fd);
    return good;
}

static void check_image(TIFF *t, int i)
{
    uint32_t kind = 0, width, height;
    uint16_t bits, photometric, count = 0;
    double *scale = NULL;
    unsigned char want[BLOCK * BLOCK * 2], got[BLOCK * BLOCK * 2];
    TIFFGetField(t, TIFFTAG_SUBFILETYPE, &kind);
    TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(t, TIFFTAG_IMAGELENGTH, &height);
    TIFFGetField(t, TIFFTAG_BITSPERSAMPLE, &bits);
    TIFFGetField(t, TIFFTAG_PHOTOMETRIC, &photometric);
    assert_int_equal(kind, layout[i].kind);
    assert_int_equal(width, layout[i].width);
    assert_int_equal(height, layout[i].height);
    assert_int_equal(bits, layout[i].dtype == GWT_UINT16 ? 16 : 8);
    assert_int_equal(photometric, i == 1 ? PHOTOMETRIC_MASK : PHOTOMETRIC_MINISBLACK);
    // Where the image lies is said of the full resolution only.
    assert_int_equal(TIFFGetField(t, 33550, &count, &scale), i == 0);
    if (i == 0) assert_true(count == 3 && scale[0] == 10 && scale[1] == 10);
    assert_int_equal(TIFFNumberOfTiles(t), layout[i].across * layout[i].down);
    for (int k = 0; k < layout[i].across * layout[i].down; k++) {
        tmsize_t bytes = (tmsize_t)(BLOCK * BLOCK * gwt_dtype_size(layout[i].dtype));
        make_tile(i, k, want);
        assert_int_equal(TIFFReadRawTile(t, (uint32_t)k, got, sizeof got), bytes);
        assert_memory_equal(got, want, (size_t)bytes);
    }
}

// The tags of each directory rise, as TIFF wants it; TIFFOpen puts up with it if they don't.
static void check_tags(const char *path, bool big)
{
    unsigned char word[8];
    size_t entry = big ? 20 : 12, size = big ? 8 : 4;
    int fd = open(path, O_RDONLY), chained = 0;
    uint64_t at = big ? 8 : 4;
    for (;; chained++) {
        uint64_t n = 0, next = 0;
        memset(word, 0, sizeof word);
        assert_int_equal(pread(fd, word, size, (off_t)at), size);
        for (size_t i = size; i-- > 0;) next = next << 8 | word[i];
        if (!next) break;
        assert_int_equal(next % 8, 0);
        assert_int_equal(pread(fd, word, 8, (off_t)next), 8);
        n = big ? word[0] + 256u * word[1] : word[0] + 256u * word[1];
        unsigned last = 0;
        for (uint64_t i = 0; i < n; i++) {
            assert_int_equal(pread(fd, word, 2, (off_t)(next + (big ? 8 : 2) + i * entry)), 2);
            unsigned tag = word[0] + 256u * word[1];
            assert_true(tag > last);
            last = tag;
        }
        at = next + (big ? 8 : 2) + n * entry;
    }
    assert_int_equal(chained, NUM_IMAGES);
    close(fd);
}

static void check_file(const char *path, bool big)
{
    TIFF *t = TIFFOpen(path, "r");
    REQUIRE(t != NULL, "%s", path);
    assert_int_equal(TIFFIsBigTIFF(t), big);
    for (int i = 0; i < NUM_IMAGES; i++) {
        check_image(t, i);
        assert_int_equal(TIFFReadDirectory(t), i + 1 < NUM_IMAGES);
    }
    TIFFClose(t);
    check_tags(path, big);
}

static void several_images(void **state)
{
    (void)state;
    static const gwt_bigtiff ways[] = { GWT_BIGTIFF_AUTO, GWT_BIGTIFF_NO, GWT_BIGTIFF_YES };
    gwt *g = gwt_begin(.quiet = true);
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        const char *path = temp_path("images%zu.tif", i);
        REQUIRE(write_images(g, path, ways[i], 0), "%s", gwt_message(g));
        check_file(path, ways[i] == GWT_BIGTIFF_YES);
    }
    assert_int_equal(gwt_end(g), 0);
}

static void check_pixels(gwt *g, _gwt_source *s, int i)
{
    REQUIRE(s != NULL, "%s", gwt_message(g));
    gwt_array *a = _gwt_array_of_source(g, s, (gwt_optional){ 0 });
    unsigned char *got = gwt_compute(a);
    REQUIRE(got != NULL, "%s", gwt_message(g));
    assert_int_equal(gwt_describe(a)->dtype, layout[i].dtype);
    for (int y = 0, k = 0; y < layout[i].height; y++)
        for (int x = 0; x < layout[i].width; x++, k++) {
            unsigned v = got[k];
            if (layout[i].dtype == GWT_UINT16) v = got[2 * k] + 256u * got[2 * k + 1];
            REQUIRE(v == sample(i, x, y), "image %d, row %d, column %d: %u", i, y, x, v);
        }
    gwt_free(got);
}

// Any of them is opened by where its directory is, which the first one's source lists, once.
static void by_directory(void **state)
{
    (void)state;
    static const gwt_bigtiff ways[] = { GWT_BIGTIFF_NO, GWT_BIGTIFF_YES };
    const gwt_optional none = { 0 };
    for (size_t w = 0; w < COUNT_OF(ways); w++) {
        gwt *g = gwt_begin(.quiet = true);
        const char *path = temp_path("listed%zu.tif", w);
        REQUIRE(write_images(g, path, ways[w], 0), "%s", gwt_message(g));
        _gwt_source *first = _gwt_source_open(g, path, false, none, GWT_COMPLEX_DEFAULT);
        check_pixels(g, first, 0);
        assert_int_equal(first->num_listed_images, NUM_IMAGES - 1);
        for (int i = 1; i < NUM_IMAGES; i++) {
            const _gwt_listed *d = &first->listed[i - 1];
            assert_true(!d->sub && d->number == i + 1 && d->kind == layout[i].kind);
            assert_true(d->width == (uint64_t)layout[i].width
                        && d->height == (uint64_t)layout[i].height);
            _gwt_source *s = _gwt_source_open_at(g, path, d->at, "directory n", false, none,
                                                   GWT_COMPLEX_DEFAULT);
            check_pixels(g, s, i);
            assert_ptr_equal(_gwt_source_open_at(g, path, d->at, "directory n", false, none,
                                                   GWT_COMPLEX_DEFAULT), s);
            assert_ptr_not_equal(s, first);
        }
        assert_null(_gwt_source_open_at(g, path, 17, "directory 7", false, none,
                                                   GWT_COMPLEX_DEFAULT));
        REQUIRE(strstr(gwt_message(g), ".tif: directory 7: can't be read"), "%s", gwt_message(g));
        gwt_end(g);
    }
}

// Which TIFF it is follows from where the last directory ends.
static void large_files(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.quiet = true);
    const char *path = temp_path("large.tif");
    uint64_t most = UINT32_MAX;
    REQUIRE(write_images(g, path, GWT_BIGTIFF_AUTO, most - 100), "%s", gwt_message(g));
    check_file(path, true);
    REQUIRE(write_images(g, path, GWT_BIGTIFF_AUTO, most - 100000), "%s", gwt_message(g));
    check_file(path, false);
    assert_false(write_images(g, path, GWT_BIGTIFF_NO, most - 100));
    assert_int_equal(gwt_status(g), GWT_E_UNSUPPORTED);
    assert_non_null(strstr(gwt_message(g), "4 GiB"));
    gwt_end(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(several_images),
                                        cmocka_unit_test(by_directory),
                                        cmocka_unit_test(large_files) };
    return cmocka_run_group_tests_name("images", tests, temp_begin, temp_end);
}
