// test_levels.c - files of several images: overviews in the chain of directories, in SubIFDs, in
// FILE.ovr, and other pages. Which are found, what is in them, when they are read instead of the
// image, and that a damaged one keeps nobody from reading it.

#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

// ---- files ------------------------------------------------------------------------------------

typedef struct picture {
    int width, height;
    uint32_t kind;             // NewSubfileType
    int seed;                  // of its pixels
    int bands, bits;           // 0: 1 of 8
} picture;

static unsigned pixel(int seed, int band, int row, int col)
{
    return (unsigned)(seed * 41 + band * 101 + row * 7 + col * 3) & 255;
}

static unsigned mask(int seed, int row, int col) { return (row + 2 * col) % seed ? 255 : 0; }

static void put_picture(TIFF *tif, const picture *p, bool placed)
{
    unsigned char row[512];
    int bands = p->bands ? p->bands : 1, bits = p->bits ? p->bits : 8;
    TIFFSetField(tif, TIFFTAG_SUBFILETYPE, p->kind);
    TIFFSetField(tif, TIFFTAG_IMAGEWIDTH, p->width);
    TIFFSetField(tif, TIFFTAG_IMAGELENGTH, p->height);
    TIFFSetField(tif, TIFFTAG_BITSPERSAMPLE, bits);
    TIFFSetField(tif, TIFFTAG_SAMPLESPERPIXEL, bands);
    TIFFSetField(tif, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tif, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(tif, TIFFTAG_ROWSPERSTRIP, 16);
    TIFFSetField(tif, TIFFTAG_COMPRESSION, COMPRESSION_LZW);
    if (placed) {
        TIFFSetField(tif, 33550, 3, (double[]){ 10, 20, 0 });
        TIFFSetField(tif, 33922, 6, (double[]){ 0, 0, 0, 1000, 5000, 0 });
    }
    for (int y = 0; y < p->height; y++) {
        for (int x = 0; x < p->width; x++)
            for (int b = 0; b < bands; b++) {
                unsigned v = p->kind & FILETYPE_MASK ? mask(p->seed, y, x)
                                                     : pixel(p->seed, b, y, x);
                if (bits == 16) ((uint16_t *)(void *)row)[x * bands + b] = (uint16_t)v;
                else row[x * bands + b] = (unsigned char)v;
            }
        assert_int_equal(TIFFWriteScanline(tif, row, (uint32_t)y, 0), 1);
    }
}

static void define_tags(TIFF *tif)
{
    static const TIFFFieldInfo tags[] = {
        { 33550, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, true, true, (char *)"ModelPixelScale" },
        { 33922, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, true, true, (char *)"ModelTiepoint" }
    };
    TIFFMergeFieldInfo(tif, tags, 2);
}

// The first `subs` pictures after the first are its SubIFDs, the others follow in the chain.
static void put_pictures(const char *path, const char *mode, const picture *list, int n, int subs)
{
    TIFF *tif = TIFFOpen(path, mode);
    uint64_t places[8] = { 0 };
    REQUIRE(tif, "libtiff can't make %s", path);
    for (int i = 0; i < n; i++) {
        define_tags(tif);
        if (i == 0 && subs) TIFFSetField(tif, TIFFTAG_SUBIFD, subs, places);
        put_picture(tif, &list[i], i == 0);
        assert_int_equal(TIFFWriteDirectory(tif), 1);
    }
    TIFFClose(tif);
}

static void check_pixels(gwt *g, gwt_array *a, const picture *p, const char *what)
{
    uint8_t *got = gwt_compute(a, .dtype = GWT_UINT8);
    EXPECT_OK(g);
    const gwt_info *info = gwt_describe(a);
    REQUIRE(info->shape[3] == p->width && info->shape[2] == p->height, "%s has %d x %d", what,
            (int)info->shape[3], (int)info->shape[2]);
    const uint8_t *at = got;
    for (int b = 0; b < info->shape[1]; b++)
        for (int y = 0; y < p->height; y++)
            for (int x = 0; x < p->width; x++, at++)
                REQUIRE(*at == pixel(p->seed, b, y, x), "%s: band %d, row %d, column %d is %d",
                        what, b, y, x, *at);
    gwt_free(got);
}

static void check_list(const gwt_info *info, const picture *list, const int *which, int n)
{
    REQUIRE(info->overviews == n, "%d overviews, not %d", info->overviews, n);
    for (int i = 0; i < n; i++) {
        const gwt_image *o = &info->overview_list[i];
        const picture *p = &list[which[i]];
        REQUIRE(o->width == p->width && o->height == p->height, "overview %d is %d x %d", i + 1,
                (int)o->width, (int)o->height);
    }
}

static const char *const modes[] = { "wl", "wb", "wl8", "wb8" };

// ---- which there are --------------------------------------------------------------------------

enum { OVERVIEW = FILETYPE_REDUCEDIMAGE, MASK = FILETYPE_MASK };

// A label is reduced, too, but no picture of the image; what follows another page is not known to
// be the first one's.
static const picture chain[] = {
    { 61, 40, 0, 0, 0, 0 }, { 15, 10, OVERVIEW, 1, 0, 0 }, { 30, 20, OVERVIEW, 2, 0, 0 },
    { 61, 40, MASK, 3, 0, 0 }, { 30, 20, OVERVIEW | MASK, 4, 0, 0 },
    { 30, 7, OVERVIEW, 5, 0, 0 }, { 60, 40, FILETYPE_PAGE, 6, 0, 0 },
    { 30, 20, OVERVIEW, 7, 0, 0 }
};

static void overviews_and_pages(void **state)
{
    (void)state;
    static const int pages[] = { 1, 6, 7, 8 };
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        const char *path = temp_path("chain%d.tif", (int)m);
        put_pictures(path, modes[m], chain, COUNT_OF(chain), 0);
        gwt *g = gwt_begin(.num_workers = 1, .ignore_mask = true);
        gwt_array *a = gwt_open(g, path);
        const gwt_info *info = gwt_describe(a);
        check_list(info, chain, (const int[]){ 2, 1 }, 2);
        assert_string_equal(info->overview_list[0].where, "directory 3");
        assert_int_equal(info->overview_list[0].directory, 3);
        assert_int_equal(info->directory, 1);
        assert_int_equal(info->overview, 0);
        assert_int_equal(info->pages, COUNT_OF(pages));
        for (size_t i = 0; i < COUNT_OF(pages); i++) {
            assert_int_equal(info->page_list[i].directory, pages[i]);
            assert_int_equal(info->page_list[i].height, chain[pages[i] - 1].height);
        }
        check_pixels(g, a, &chain[0], "the image");
        check_pixels(g, gwt_open(g, path, .overview = 1), &chain[2], "overview 1");
        check_pixels(g, gwt_open(g, path, .overview = 2), &chain[1], "overview 2");
        for (int d = 1; d <= (int)COUNT_OF(chain); d++) {
            if (chain[d - 1].kind & MASK) continue;
            a = gwt_open(g, path, .directory = d);
            check_pixels(g, a, &chain[d - 1], "a directory");
            assert_int_equal(gwt_describe(a)->directory, d);
            assert_int_equal(gwt_describe(a)->overviews, d == 1 ? 2 : 0);
        }
        gwt_open(g, path, .directory = 9);
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "no directory 9: it has 8");
        gwt_open(g, path, .directory = -1);
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "no directory -1: it has 8");
        gwt_open(g, path, .overview = 3);
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "no overview 3: it has 2: 30 x 20, 15 x 10");
        gwt_open(g, path, .overview = -1);
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "no overview -1");
        gwt_open(g, path, .directory = 2, .overview = 1);
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "directory 2: no overview 1: it has none");
        assert_int_equal(gwt_end(g), 0);
    }
}

// Of the image, but for the size.
static void place_of_an_overview(void **state)
{
    (void)state;
    const char *path = temp_path("place.tif");
    put_pictures(path, "w", chain, COUNT_OF(chain), 0);
    gwt *g = gwt_begin(.num_workers = 1);
    static const char *const names[] = { "depth", NULL };
    const gwt_info *whole = gwt_describe(gwt_open(g, path));
    const gwt_info *info = gwt_describe(gwt_open(g, path, .overview = 1, .band_names = names,
                                                 .nodata = gwt_some(9)));
    EXPECT_OK(g);
    const double *t = info->transform;
    const double expected[] = { 10 * 61 / 30., 0, 1000, 0, -20 * 40 / 20., 5000 };
    for (int i = 0; i < 6; i++)
        REQUIRE(fabs(t[i] - expected[i]) < 1e-9, "transform %d is %.17g", i, t[i]);
    assert_true(info->bounds.right == whole->bounds.right);
    assert_true(info->bounds.bottom == whole->bounds.bottom);
    assert_string_equal(info->band_names[0], "depth");
    assert_true(info->nodata.set && info->nodata.value == 9);
    assert_int_equal(info->overview, 1);
    assert_int_equal(info->overviews, 2);
    assert_int_equal(gwt_end(g), 0);
}

// Each image is hidden by the mask of its size; an overview that has none is no copy of the image.
static void masks_of_overviews(void **state)
{
    (void)state;
    static const picture list[] = {
        { 32, 20, 0, 1, 2, 0 }, { 32, 20, MASK, 3, 0, 0 }, { 16, 10, OVERVIEW, 2, 2, 0 },
        { 16, 10, OVERVIEW | MASK, 5, 0, 0 }, { 8, 5, OVERVIEW, 4, 2, 0 }
    };
    const char *path = temp_path("masked.tif");
    put_pictures(path, "w", list, COUNT_OF(list), 0);
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    for (int k = 0; k < 2; k++) {
        const picture *p = &list[2 * k], *m = p + 1;
        gwt_array *a = gwt_open(g, path, .overview = k);
        double *got = VALUES_OF(gwt_cast(a, GWT_FLOAT64));
        for (int i = 0, b = 0; b < 2; b++)
            for (int y = 0; y < p->height; y++)
                for (int x = 0; x < p->width; x++, i++) {
                    double want = mask(m->seed, y, x) ? pixel(p->seed, b, y, x) : (double)NAN;
                    REQUIRE(same_double(got[i], want), "image %d, band %d, row %d, column %d: %g, "
                            "not %g", k, b, y, x, got[i], want);
                }
        gwt_free(got);
    }
    gwt_open(g, path, .overview = 2);
    EXPECT_ERROR(g, GWT_E_UNSUPPORTED, "its overview of 8 x 5 pixels has no mask");
    check_pixels(g, gwt_open(g, path, .overview = 2, .ignore_mask = true), &list[4], "overview 2");
    gwt_array *a = gwt_regrid(gwt_open(g, path), .res = 40, .res_y = 80);
    assert_int_equal(gwt_describe(a)->overview, 1);
    a = gwt_regrid(gwt_open(g, path, .ignore_mask = true), .res = 40, .res_y = 80);
    assert_int_equal(gwt_describe(a)->overview, 2);
    assert_int_equal(gwt_end(g), 0);
}

static void overviews_in_subifds(void **state)
{
    (void)state;
    static const picture list[] = {
        { 64, 48, 0, 0, 2, 16 }, { 16, 12, OVERVIEW, 1, 2, 16 }, { 32, 24, OVERVIEW, 2, 2, 16 },
        { 64, 48, OVERVIEW | MASK, 3, 0, 0 }, { 32, 24, 0, 4, 2, 16 }
    };
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        const char *path = temp_path("sub%d.tif", (int)m);
        put_pictures(path, modes[m], list, COUNT_OF(list), 4);
        gwt *g = gwt_begin(.num_workers = 2);
        gwt_array *a = gwt_open(g, path);
        check_list(gwt_describe(a), list, (const int[]){ 2, 1 }, 2);
        assert_string_equal(gwt_describe(a)->overview_list[0].where, "SubIFD 2");
        assert_int_equal(gwt_describe(a)->pages, 1);
        check_pixels(g, a, &list[0], "the image");
        check_pixels(g, gwt_open(g, path, .overview = 1), &list[2], "overview 1");
        check_pixels(g, gwt_open(g, path, .overview = 2), &list[1], "overview 2");
        assert_int_equal(gwt_end(g), 0);
    }
}

static void overviews_beside(void **state)
{
    (void)state;
    static const picture beside[] = {
        { 30, 20, OVERVIEW, 21, 0, 0 }, { 15, 10, OVERVIEW, 22, 0, 0 }, { 7, 5, 0, 23, 0, 0 }
    };
    const char *path = temp_path("bare.tif"), *ovr = temp_path("bare.tif.ovr");
    put_pictures(path, "w", chain, 1, 0);
    put_pictures(ovr, "wb8", beside, COUNT_OF(beside), 0);
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *a = gwt_open(g, path);
    check_list(gwt_describe(a), beside, (const int[]){ 0, 1 }, 2);
    assert_string_equal(gwt_describe(a)->overview_list[1].where, "bare.tif.ovr");
    check_pixels(g, gwt_open(g, path, .overview = 1), &beside[0], "overview 1");
    check_pixels(g, gwt_open(g, path, .overview = 2), &beside[1], "overview 2");
    assert_int_equal(gwt_end(g), 0);

    // Those in the file are taken first, and what is no TIFF is none.
    put_pictures(path, "w", chain, 3, 0);
    g = gwt_begin(.num_workers = 1);
    check_pixels(g, gwt_open(g, path, .overview = 1), &chain[2], "overview 1");
    assert_int_equal(gwt_describe(gwt_open(g, path))->overviews, 2);
    assert_int_equal(gwt_end(g), 0);
    put_pictures(path, "w", chain, 1, 0);
    static const char *const bad[] = { "", "I", "II*", "II*\0\xff\xff\xff\x7f", "no TIFF at all" };
    static const size_t sizes[] = { 0, 1, 4, 8, 14 };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        file_write(ovr, bad[i], sizes[i]);
        g = gwt_begin(.num_workers = 1);
        a = gwt_open(g, path);
        assert_int_equal(gwt_describe(a)->overviews, 0);
        check_pixels(g, a, &chain[0], "the image");
        assert_int_equal(gwt_end(g), 0);
    }
    remove(ovr);
}

// FILE:2 is a file of that name, else a directory of FILE.
static void names_with_a_number(void **state)
{
    (void)state;
    const char *path = temp_path("n.tif"), *second = temp_path("n.tif:2");
    put_pictures(path, "w", chain, COUNT_OF(chain), 0);
    gwt *g = gwt_begin(.num_workers = 1, .ignore_mask = true);
    check_pixels(g, gwt_open(g, second), &chain[1], "directory 2");
    check_pixels(g, gwt_open(g, temp_path("n.tif:1")), &chain[0], "directory 1");
    check_pixels(g, gwt_open(g, temp_path("n.tif:7")), &chain[6], "directory 7");
    gwt_open(g, temp_path("n.tif:12"));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "no directory 12: it has 8");
    static const char *const none[] = { "n.tif:", "n.tif:0", "n.tif:02", "n.tif:2x", "n.tif:-1",
                                        "n.tif:9999999", "m.tif:2" };
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        gwt_open(g, temp_path("%s", none[i]));
        EXPECT_ERROR(g, GWT_E_IO, none[i]);
    }
    put_pictures(second, "w", &chain[6], 1, 0);
    check_pixels(g, gwt_open(g, second), &chain[6], "the file of that name");
    assert_int_equal(gwt_end(g), 0);
}

// ---- instead of the image ---------------------------------------------------------------------

static const picture pyramid[] = {
    { 128, 96, 0, 0, 2, 0 }, { 64, 48, OVERVIEW, 11, 2, 0 }, { 32, 24, OVERVIEW, 12, 2, 0 },
    { 16, 12, OVERVIEW, 13, 2, 0 }
};

// The smallest whose cells are not larger than those asked for.
static void coarser_cells(void **state)
{
    (void)state;
    static const struct { double x, y; int overview; } cases[] = {
        { 10, 20, 0 }, { 15, 30, 0 }, { 19.9, 39.8, 0 }, { 20, 40, 1 }, { 25, 50, 1 },
        { 20, 30, 0 }, { 15, 80, 0 }, { 39, 78, 1 }, { 40, 80, 2 }, { 79, 158, 2 }, { 80, 160, 3 },
        { 400, 800, 3 }, { 5, 10, 0 }
    };
    const char *path = temp_path("pyramid.tif");
    put_pictures(path, "w", pyramid, COUNT_OF(pyramid), 0);
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        gwt_array *a = gwt_open(g, path);
        gwt_array *r = gwt_regrid(a, .res = cases[i].x, .res_y = cases[i].y,
                                  .resampling = GWT_AVERAGE);
        REQUIRE(gwt_describe(r)->overview == cases[i].overview, "cells of %g: overview %d",
                cases[i].x, gwt_describe(r)->overview);
        r = gwt_regrid(a, .res = cases[i].x, .res_y = cases[i].y, .no_overviews = true);
        assert_int_equal(gwt_describe(r)->overview, 0);
    }
    // Sizes that were rounded, down and up, are of halves and quarters, too.
    static const picture odd[] = {
        { 123, 97, 0, 0, 0, 0 }, { 61, 49, OVERVIEW, 1, 0, 0 }, { 30, 25, OVERVIEW, 2, 0, 0 }
    };
    path = temp_path("odd.tif");
    put_pictures(path, "w", odd, COUNT_OF(odd), 0);
    for (int k = 1; k < 9; k++) {
        gwt_array *r = gwt_regrid(gwt_open(g, path), .res = 10 * k, .res_y = 20 * k);
        REQUIRE(gwt_describe(r)->overview == (k < 2 ? 0 : k < 4 ? 1 : 2), "%d: %d", k,
                gwt_describe(r)->overview);
    }
    assert_int_equal(gwt_end(g), 0);
}

// Cells that are the overview's have its pixels; larger ones are means of those.
static void pixels_of_coarser_cells(void **state)
{
    (void)state;
    const char *path = temp_path("pixels.tif");
    put_pictures(path, "w", pyramid, 2, 0);
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = gwt_open(g, path), *both[] = { a, gwt_sel(a, "2", "1") };
    check_pixels(g, gwt_regrid(a, .res = 20, .res_y = 40), &pyramid[1], "regridded");
    assert_non_null(strstr(gwt_note(g, 0), "pixels.tif: its overview of 64 x 48 pixels is read"));
    assert_null(gwt_note(g, 1));
    // The same of bands that were selected and files that were stacked, and of scaled pixels.
    gwt_array *stack = gwt_regrid(gwt_stack(both, 2, GWT_TIME), .res = 40, .res_y = 80,
                                  .resampling = GWT_AVERAGE);
    gwt_array *scaled = gwt_regrid(gwt_set_nodata(a, .scale_factor = gwt_some(2),
                                                  .dtype = GWT_FLOAT64),
                                   .res = 40, .res_y = 80, .resampling = GWT_AVERAGE);
    double *mean = VALUES_OF(gwt_cast(stack, GWT_FLOAT64)), *twice = VALUES_OF(scaled);
    assert_int_equal(gwt_describe(scaled)->overview, 1);
    for (int y = 0; y < 24; y++)
        for (int x = 0; x < 32; x++)
            for (int p = 0; p < 4; p++) {
                int band = p == 0 || p == 3 ? 0 : 1;
                double sum = 0, got = mean[(p * 24 + y) * 32 + x];
                for (int k = 0; k < 4; k++)
                    sum += pixel(11, band, 2 * y + k / 2, 2 * x + k % 2);
                REQUIRE(got == sum / 4, "plane %d, row %d, column %d: %g, not %g", p, y, x, got,
                        sum / 4);
                if (p < 2) assert_true(twice[(p * 24 + y) * 32 + x] == sum / 2);
            }
    gwt_free(mean);
    gwt_free(twice);
    assert_int_equal(gwt_end(g), 0);
}

// What is no image any more, or not all of it, is made of pixels, and so are alignments.
static void only_of_images(void **state)
{
    (void)state;
    const char *path = temp_path("only.tif");
    put_pictures(path, "w", pyramid, COUNT_OF(pyramid), 0);
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = gwt_open(g, path), *coarse = gwt_regrid(a, .res = 40, .res_y = 80);
    gwt_array *others[] = {
        gwt_regrid(gwt_mul(a, a), .res = 40, .res_y = 80),
        gwt_regrid(gwt_window(a, 0, 0, 96, 64), .res = 40, .res_y = 80),
        gwt_regrid(gwt_div(gwt_number(g, 1), a), .res = 40, .res_y = 80),
        gwt_align(a, coarse, GWT_AVERAGE), gwt_open(g, path, .reference = coarse),
        gwt_open(g, path, .res = 80, .no_overviews = true)
    };
    for (size_t i = 0; i < COUNT_OF(others); i++)
        REQUIRE(others[i] && gwt_describe(others[i])->overview == 0, "case %d", (int)i);
    assert_int_equal(gwt_describe(gwt_open(g, path, .res = 80))->overview, 2);
    assert_int_equal(gwt_describe(gwt_open(g, path, .res = 80, .scale_data = true))->overview, 2);
    assert_int_equal(gwt_end(g), 0);
}

// Results know nothing of chunks and workers with overviews, either; a save of some resumes.
static void results_are_the_same(void **state)
{
    (void)state;
    const char *path = temp_path("same.tif"), *first = temp_path("same_1.tif");
    put_pictures(path, "w", pyramid, COUNT_OF(pyramid), 0);
    for (int i = 0; i < 4; i++) {
        const char *out = i ? temp_path("same_2.tif") : first;
        gwt *g = gwt_begin(.num_workers = i % 2 ? 3 : 1, .quiet = true);
        gwt_array *a = gwt_open(g, path, .res = 50, .resampling = GWT_BILINEAR,
                                .chunks = i < 2 ? 16 : 40);
        gwt_save(a, out, .overwrite = true, .tile_size = 16);
        assert_int_equal(gwt_end(g), 0);
        assert_true(files_equal(first, out));
    }
}

// ---- what can't be used -----------------------------------------------------------------------

static void overviews_of_other_pixels(void **state)
{
    (void)state;
    static const picture lists[][3] = {
        { { 64, 48, 0, 0, 2, 0 }, { 32, 24, OVERVIEW, 1, 2, 0 }, { 16, 12, OVERVIEW, 2, 1, 0 } },
        { { 64, 48, 0, 0, 2, 0 }, { 32, 24, OVERVIEW, 1, 2, 0 }, { 16, 12, OVERVIEW, 2, 2, 16 } }
    };
    static const char *const said[] = { "directory 3: an overview of 1 bands of uint8",
                                        "directory 3: an overview of 2 bands of uint16" };
    for (int i = 0; i < 2; i++) {
        const char *path = temp_path("other%d.tif", i);
        put_pictures(path, "w", lists[i], 3, 0);
        gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
        gwt_open(g, path, .overview = 2);
        EXPECT_ERROR(g, GWT_E_UNSUPPORTED, said[i]);
        gwt_array *a = gwt_open(g, path, .res = 80);
        EXPECT_OK(g);
        assert_int_equal(gwt_describe(a)->overview, 1);
        assert_non_null(strstr(gwt_note(g, 0), "an overview is passed over: "));
        assert_non_null(strstr(gwt_note(g, 0), said[i]));
        assert_int_equal(gwt_end(g), 0);
    }
}

// Whatever byte behind the first image is wrong, that is read; and nothing worse than an error
// comes of an overview or a page.
static void any_damage(void **state)
{
    (void)state;
    const char *good = temp_path("good.tif"), *bad = temp_path("damaged.tif");
    static const picture list[] = {
        { 32, 20, 0, 0, 0, 0 }, { 16, 10, OVERVIEW, 1, 0, 0 }, { 8, 5, OVERVIEW, 2, 0, 0 }
    };
    size_t alone, size;
    int passed_over = 0, used = 0;
    for (int subs = 0; subs < 2; subs++) {
        put_pictures(good, "wl", list, 1, 0);
        free(file_read(good, &alone));
        put_pictures(good, "wl", list, COUNT_OF(list), subs);
        unsigned char *file = file_read(good, &size);
        for (size_t at = alone + 20 * (size_t)subs; at < size; at++)
            for (int how = 0; how < 3; how++) {
                unsigned char old = file[at];
                file[at] = how == 0 ? 0xff : how == 1 ? 0 : (unsigned char)(old ^ 1);
                file_write(bad, file, how == 1 ? at : size);
                file[at] = old;
                gwt *g = gwt_begin(.num_workers = 1, .quiet = true, .memory_limit = 64 << 20);
                check_pixels(g, gwt_open(g, bad), &list[0], "the image of a damaged file");
                gwt_array *a = gwt_open(g, bad, .res = 40);
                EXPECT_OK(g);
                used += gwt_describe(a)->overview > 0, passed_over += !gwt_describe(a)->overview;
                gwt_free(gwt_compute(a));
                for (int n = 1; n <= 3; n++) {
                    gwt_clear(g);
                    gwt_free(gwt_compute(gwt_open(g, bad, .overview = n)));
                    gwt_clear(g);
                    gwt_free(gwt_compute(gwt_open(g, bad, .directory = n)));
                }
                gwt_end(g);
            }
        free(file);
    }
    REQUIRE(passed_over > 50 && used > 50, "%d passed over, %d used", passed_over, used);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overviews_and_pages), cmocka_unit_test(place_of_an_overview),
        cmocka_unit_test(masks_of_overviews), cmocka_unit_test(overviews_in_subifds), cmocka_unit_test(overviews_beside),
        cmocka_unit_test(names_with_a_number), cmocka_unit_test(coarser_cells),
        cmocka_unit_test(pixels_of_coarser_cells), cmocka_unit_test(only_of_images),
        cmocka_unit_test(results_are_the_same), cmocka_unit_test(overviews_of_other_pixels),
        cmocka_unit_test(any_damage)
    };
    return cmocka_run_group_tests_name("levels", tests, temp_begin, temp_end);
}
