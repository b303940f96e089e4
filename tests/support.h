// support.h - what the test programs share: temporary files, TIFFs written and read back with
// plain libtiff (no line of gwt in between), pixels made from a seed, and failures that say more
// than a line number.
//
// A test program is one cmocka group: its main ends in
//     return cmocka_run_group_tests_name("pool", tests, temp_begin, temp_end);
// cmocka's asserts (and REQUIRE) jump: use them on the main thread only, never in a function that
// gwt calls on a worker.

#ifndef GWT_TESTS_SUPPORT_H
#define GWT_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tiffio.h>

#include "../gwt.h"

// Expected values are computed operation by operation, as the definitions are written: no fused
// multiply-add. gcc does so under -std=c11, and does not know the pragma.
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

// ThreadSanitizer makes all this ten times slower and looks for races only: of many tests that
// differ in their numbers and not in what threads do, it has a few. SLOW: so does any sanitizer;
// other builds have them all.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LOOKS_FOR_RACES 1
#elif __has_feature(address_sanitizer)
#define SLOW 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define LOOKS_FOR_RACES 1
#elif defined(__SANITIZE_ADDRESS__)
#define SLOW 1
#endif
#ifndef LOOKS_FOR_RACES
#define LOOKS_FOR_RACES 0
#endif
#ifndef SLOW
#define SLOW LOOKS_FOR_RACES
#endif

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define SOME(number) { .set = true, .value = (number) }     // gwt_some where a constant is wanted

// ---- failing ----------------------------------------------------------------------------------

// Fail the running test with a message as of printf.
#define FAIL(...) fail_at(__FILE__, __LINE__, __VA_ARGS__)
#define REQUIRE(condition, ...) \
    do { if (!(condition)) FAIL(__VA_ARGS__); } while (0)
void fail_at(const char *file, int line, const char *format, ...);

// The session holds no error; it holds one of that code, whose message is one line and has `part`
// in it (NULL: anything). expect_error also forgets it.
#define EXPECT_OK(g) expect_ok_at(__FILE__, __LINE__, (g))
#define EXPECT_ERROR(g, code, part) expect_error_at(__FILE__, __LINE__, (g), (code), (part))
void expect_ok_at(const char *file, int line, const gwt *g);
void expect_error_at(const char *file, int line, gwt *g, gwt_code code, const char *part);

// Prints a line that can't be overlooked (and that run.sh repeats), then skips the running test.
void skip_loudly(const char *reason);

// From here on numbers are printed with a comma; skips the test where no locale does that. The
// second is the teardown of such a test.
void decimal_comma_begin(void);
int decimal_comma_end(void **state);

// ---- files ------------------------------------------------------------------------------------

// Group setup and teardown: an empty directory of this program, removed with all that is in it.
int temp_begin(void **state);
int temp_end(void **state);
const char *temp_dir(void);

// A path in that directory, valid until temp_end. On the main thread only.
const char *temp_path(const char *format, ...);

unsigned char *file_read(const char *path, size_t *size);  // malloc'd; fails the test
void file_write(const char *path, const void *data, size_t size);
bool file_exists(const char *path);
bool files_equal(const char *a, const char *b);
// Names in a directory, sorted, each followed by '/': "a.tif/b.tif/"; malloc'd.
char *dir_list(const char *path);

// Where the shared data lie, NULL when they are not here: $GWT_SHARED, else ../shared.
const char *shared_dir(void);
// A path below it, under the same terms.
const char *shared_path(const char *format, ...);

// ---- samples ----------------------------------------------------------------------------------

enum { DTYPES = 10 };
extern const gwt_dtype all_dtypes[DTYPES];

size_t sample_size(gwt_dtype dtype);
bool is_float(gwt_dtype dtype);
double sample_get(gwt_dtype dtype, const void *raw, size_t index);
// The library's rule, written a second time: integers to nearest, ties to even, held to the range
// of the type; floats by C's conversion. The value of an integer type is not NaN.
void sample_set(gwt_dtype dtype, void *raw, size_t index, double value);

// The n-th of a fixed sequence of 64 random bits (splitmix64).
uint64_t noise(uint64_t n);
// Any bits at all: integers of the whole range, floats with NaNs, infinities and denormals.
void fill_noise(gwt_dtype dtype, void *raw, size_t count, uint64_t seed);

// Equal, where NaN equals NaN and 0 equals -0.
bool same_double(double a, double b);

// ---- TIFFs, written ---------------------------------------------------------------------------

typedef struct geo_tags {
    const double *scale;       // 3 numbers, or NULL
    const double *tiepoint;    // 6
    const double *matrix;      // 16
    const uint16_t *keys;      // num_keys numbers
    int num_keys;
    const double *doubles;
    int num_doubles;
    const char *ascii;
} geo_tags;

// 30 m, UTM 16 north, pixel is area; the same, pixel is point.
extern const geo_tags geo_utm, geo_utm_point;

// Tags of cells t[0] x -t[4] from the corner (t[2], t[5]) on, in a projected CRS (0: in none).
typedef struct geo_place {
    double scale[3], tiepoint[6];
    uint16_t keys[16];
    geo_tags tags;
} geo_place;
const geo_tags *geo_at(geo_place *place, int epsg, const double t[6]);

typedef struct tiff_spec {
    int width, height;
    int bands;                 // 0: 1
    gwt_dtype dtype;
    int tile_width, tile_height;  // 0: strips
    int rows_per_strip;        // 0: one strip for all rows
    bool planar;
    int compression;           // COMPRESSION_..; 0: none
    int predictor;             // 0: no tag
    int level;                 // of deflate; 0: libtiff's
    int padding;               // the bytes of tiles beyond the edges of the image
    const char *mode;          // of TIFFOpen: "w", "wl", "wb", "wl8", "wb8"; NULL: "w"
    const geo_tags *geo;       // NULL: none
    const char *nodata, *metadata;       // texts of the two GDAL tags, or NULL
    bool (*absent)(uint32_t strile);     // this tile or strip is not written; NULL: all are
    int reduced, pages;        // directories after the first: overviews, other images
} tiff_spec;

// Write [band][row][column] samples of spec->dtype as a TIFF. Fails the test when libtiff does.
void tiff_write(const char *path, const tiff_spec *spec, const void *samples);
// The same from doubles, stored as sample_set does.
void tiff_write_values(const char *path, const tiff_spec *spec, const double *values);
// Whether this libtiff does the compression of that spec (and the predictor on that type).
bool tiff_can_write(const tiff_spec *spec);

// Samples of 1 to 32 bits one after another, without gaps but at the end of a row.
typedef struct packed {
    int bits, format, width, height, tile, bands, compression, fill_order;
    bool planar, big_endian;
    uint32_t (*value)(const struct packed *m, int band, int row, int col);
} packed;

// As the current directory of t. Fails the test.
void packed_write(TIFF *t, const packed *m);

// ---- TIFFs, read ------------------------------------------------------------------------------

typedef struct image {
    int width, height, bands;
    gwt_dtype dtype;
    unsigned char *raw;        // [band][row][column], native byte order
    bool tiled, planar, bigtiff, big_endian;
    int block_width, block_height;
    int compression, predictor, photometric, extra_samples;
    char *nodata, *metadata;   // NULL when there is none
    double *scale, *tiepoint, *matrix, *geo_doubles;
    uint16_t *geo_keys;
    char *geo_ascii;
    int num_scale, num_tiepoint, num_matrix, num_geo_doubles, num_geo_keys;
    int absent;                // tiles or strips that are not in the file; their samples are 0
} image;

// Everything of the first directory, by a plain loop over its tiles or strips.
image *image_read(const char *path);
void image_free(image *im);
size_t image_count(const image *im);  // samples
double image_get(const image *im, int band, int row, int col);
// Affine a b c d e f from the tags, by the rules of GeoTIFF 1.1, annex C; false without.
bool image_transform(const image *im, double t[6]);
// Text of a GDAL_METADATA item, as GDAL reads it: escaped as XML twice. sample < 0: one without a
// sample; role NULL: any. malloc'd, NULL when there is no such item.
char *metadata_item(const char *xml, const char *name, int sample, const char *role);

// ---- arrays -----------------------------------------------------------------------------------

// An array with these values: a TIFF without compression in the temporary directory, opened.
gwt_array *array_of(gwt *g, const tiff_spec *spec, const double *values);
// The result as double, NaN where missing; the caller frees it with gwt_free. Fails the test.
#define VALUES_OF(a) values_of_at(__FILE__, __LINE__, g, (a))
double *values_of_at(const char *file, int line, const gwt *g, gwt_array *a);
size_t array_count(const gwt_array *a);  // samples

// ---- golden rows ------------------------------------------------------------------------------

// A row of ../shared/golden/cases.csv; the README there says what the columns mean. Whoever runs it
// may cut up its texts.
typedef struct golden_row {
    char *name, *output, *band, *inputs, *operation, *dims, *dtype, *nodata, *window,
         *result_bands, *full_dims, *full_nan, *full_sum, *full_min, *full_max, *transform,
         *tolerance, *quirks, *notes;
} golden_row;

// Calls run for every row whose name begins with the prefix; gives their number, which is not 0.
int golden_rows(const char *prefix, void (*run)(golden_row *row));
// Column, row, width and height of what was kept of a result of that size.
void golden_window(const golden_row *row, int width, int height, int window[4]);
// Transform, and number of planes, rows and columns of the whole result, are these.
void golden_check_grid(const golden_row *row, const gwt_info *info);
// NaN count and extremes of the whole result are these, and the sum to 1e-12.
void golden_check_whole(const golden_row *row, gwt_dtype dtype, const void *got, size_t count);

// Cut a text in place; gives the number of pieces, at most `most`.
int split_text(char *text, char separator, char **pieces, int most);

#endif
