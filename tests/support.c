// support.c - see support.h.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TAG_SCALE = 33550, TAG_TIEPOINT = 33922, TAG_MATRIX = 34264, TAG_GEO_KEYS = 34735,
       TAG_GEO_DOUBLES = 34736, TAG_GEO_ASCII = 34737, TAG_METADATA = 42112, TAG_NODATA = 42113 };

// ---- failing ----------------------------------------------------------------------------------

static void print_failure(const char *format, va_list args)
{
    char text[2048];
    vsnprintf(text, sizeof text, format, args);
    print_error("%s\n", text);
}

void fail_at(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_failure(format, args);
    va_end(args);
    _fail(file, line);
}

void expect_ok_at(const char *file, int line, const gwt *g)
{
    if (gwt_status(g) != GWT_OK)
        fail_at(file, line, "no error expected, there is %d: %s", (int)gwt_status(g),
                gwt_message(g));
}

void expect_error_at(const char *file, int line, gwt *g, gwt_code code, const char *part)
{
    const char *message = gwt_message(g);
    if (gwt_status(g) != code)
        fail_at(file, line, "error %d expected, there is %d: '%s'", (int)code,
                (int)gwt_status(g), message);
    if (!*message || strchr(message, '\n'))
        fail_at(file, line, "the message is not one line: '%s'", message);
    if (part && !strstr(message, part))
        fail_at(file, line, "'%s' is not in the message '%s'", part, message);
    gwt_clear(g);
    expect_ok_at(file, line, g);
}

void skip_loudly(const char *reason)
{
    print_message("SKIPPED: %s\n", reason);
    skip();
}

void decimal_comma_begin(void)
{
    static const char *const names[] = {
        "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8", "fr_FR.utf8", "nl_NL.UTF-8", "es_ES.UTF-8",
        "it_IT.UTF-8", "pt_BR.UTF-8", "ru_RU.UTF-8", "sv_SE.UTF-8", "de_DE", "fr_FR"
    };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (setlocale(LC_ALL, names[i]) && !strcmp(localeconv()->decimal_point, ",")) return;
    skip_loudly("no locale with a decimal comma is installed");
}

int decimal_comma_end(void **state)
{
    (void)state;
    return setlocale(LC_ALL, "C") ? 0 : -1;
}

// ---- files ------------------------------------------------------------------------------------

static char temp[1024];

int temp_begin(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    snprintf(temp, sizeof temp, "%s/gwt_test_XXXXXX", parent && *parent ? parent : "/tmp");
    TIFFSetWarningHandler(NULL);
    TIFFSetErrorHandler(NULL);
    if (mkdtemp(temp)) return 0;
    print_error("%s: %s\n", temp, strerror(errno));
    return -1;
}

static int remove_entry(const char *path, const struct stat *s, int type, struct FTW *where)
{
    (void)s, (void)type, (void)where;
    return remove(path);
}

// Every path asked for, once; freed with the directory.
static char **kept_paths;
static size_t num_kept_paths;

static const char *path_below(const char *parent, const char *format, va_list args)
{
    char name[1024], path[4096];
    vsnprintf(name, sizeof name, format, args);
    snprintf(path, sizeof path, "%s/%s", parent, name);
    for (size_t i = 0; i < num_kept_paths; i++)
        if (strcmp(kept_paths[i], path) == 0) return kept_paths[i];
    kept_paths = realloc(kept_paths, (num_kept_paths + 1) * sizeof *kept_paths);
    kept_paths[num_kept_paths] = strdup(path);
    return kept_paths[num_kept_paths++];
}

const char *temp_dir(void) { return temp; }

static char *golden_text;      // cases.csv, cut up

int temp_end(void **state)
{
    (void)state;
    free(golden_text);
    golden_text = NULL;
    for (size_t i = 0; i < num_kept_paths; i++) free(kept_paths[i]);
    free(kept_paths);
    kept_paths = NULL;
    num_kept_paths = 0;
    return nftw(temp, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *temp_path(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *path = path_below(temp, format, args);
    va_end(args);
    return path;
}

unsigned char *file_read(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    REQUIRE(f, "%s: %s", path, strerror(errno));
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    unsigned char *data = malloc(*size + 1);
    size_t got = data ? fread(data, 1, *size, f) : 0;
    fclose(f);
    REQUIRE(data && got == *size, "%s: can't be read", path);
    data[*size] = 0;
    return data;
}

void file_write(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    REQUIRE(f, "%s: %s", path, strerror(errno));
    size_t put = fwrite(data, 1, size, f);
    REQUIRE(fclose(f) == 0 && put == size, "%s: can't be written", path);
}

bool file_exists(const char *path)
{
    struct stat s;
    return lstat(path, &s) == 0;
}

bool files_equal(const char *a, const char *b)
{
    size_t size_a, size_b;
    unsigned char *data_a = file_read(a, &size_a), *data_b = file_read(b, &size_b);
    bool equal = size_a == size_b && memcmp(data_a, data_b, size_a) == 0;
    free(data_a);
    free(data_b);
    return equal;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *dir_list(const char *path)
{
    char *names[256], *list = malloc(1);
    size_t count = 0, length = 0;
    DIR *dir = opendir(path);
    REQUIRE(dir && list, "%s: %s", path, strerror(errno));
    for (struct dirent *e; (e = readdir(dir)) && count < COUNT_OF(names);)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) names[count++] = strdup(e->d_name);
    closedir(dir);
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(names[i]);
        list = realloc(list, length + n + 2);
        memcpy(list + length, names[i], n);
        length += n;
        list[length++] = '/';
        free(names[i]);
    }
    list[length] = 0;
    return list;
}

const char *shared_dir(void)
{
    struct stat s;
    const char *dir = getenv("GWT_SHARED");
    if (!dir || !*dir) dir = "../shared";
    return stat(dir, &s) == 0 && S_ISDIR(s.st_mode) ? dir : NULL;
}

const char *shared_path(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *path = path_below(shared_dir(), format, args);
    va_end(args);
    return path;
}

// ---- samples ----------------------------------------------------------------------------------

const gwt_dtype all_dtypes[DTYPES] = {
    GWT_UINT8, GWT_INT8, GWT_UINT16, GWT_INT16, GWT_UINT32, GWT_INT32, GWT_UINT64, GWT_INT64,
    GWT_FLOAT32, GWT_FLOAT64
};

size_t sample_size(gwt_dtype dtype)
{
    switch (dtype) {
    case GWT_UINT8: case GWT_INT8: return 1;
    case GWT_UINT16: case GWT_INT16: return 2;
    case GWT_UINT32: case GWT_INT32: case GWT_FLOAT32: return 4;
    case GWT_UINT64: case GWT_INT64: case GWT_FLOAT64: return 8;
    case GWT_DTYPE_NONE: break;
    }
    FAIL("no such sample type: %d", (int)dtype);
    return 0;
}

bool is_float(gwt_dtype dtype) { return dtype == GWT_FLOAT32 || dtype == GWT_FLOAT64; }

double sample_get(gwt_dtype dtype, const void *raw, size_t i)
{
    switch (dtype) {
    case GWT_UINT8: return ((const uint8_t *)raw)[i];
    case GWT_INT8: return ((const int8_t *)raw)[i];
    case GWT_UINT16: return ((const uint16_t *)raw)[i];
    case GWT_INT16: return ((const int16_t *)raw)[i];
    case GWT_UINT32: return ((const uint32_t *)raw)[i];
    case GWT_INT32: return ((const int32_t *)raw)[i];
    case GWT_UINT64: return (double)((const uint64_t *)raw)[i];
    case GWT_INT64: return (double)((const int64_t *)raw)[i];
    case GWT_FLOAT32: return (double)((const float *)raw)[i];
    case GWT_FLOAT64: return ((const double *)raw)[i];
    case GWT_DTYPE_NONE: break;
    }
    return 0;
}

// The integer nearest to a value, held to [lo, hi]; hi + 1 is a power of two.
static int64_t nearest_integer(double value, int64_t lo, int64_t hi)
{
    double r = rint(value);
    if (r >= (double)hi + (hi < INT64_MAX ? 1.0 : 0.0)) return hi;
    return r <= (double)lo ? lo : (int64_t)r;
}

void sample_set(gwt_dtype dtype, void *raw, size_t i, double v)
{
    REQUIRE(is_float(dtype) || !isnan(v), "NaN is no integer");
    switch (dtype) {
    case GWT_UINT8: ((uint8_t *)raw)[i] = (uint8_t)nearest_integer(v, 0, UINT8_MAX); break;
    case GWT_INT8: ((int8_t *)raw)[i] = (int8_t)nearest_integer(v, INT8_MIN, INT8_MAX); break;
    case GWT_UINT16: ((uint16_t *)raw)[i] = (uint16_t)nearest_integer(v, 0, UINT16_MAX); break;
    case GWT_INT16:
        ((int16_t *)raw)[i] = (int16_t)nearest_integer(v, INT16_MIN, INT16_MAX);
        break;
    case GWT_UINT32: ((uint32_t *)raw)[i] = (uint32_t)nearest_integer(v, 0, UINT32_MAX); break;
    case GWT_INT32:
        ((int32_t *)raw)[i] = (int32_t)nearest_integer(v, INT32_MIN, INT32_MAX);
        break;
    case GWT_INT64: ((int64_t *)raw)[i] = nearest_integer(v, INT64_MIN, INT64_MAX); break;
    case GWT_UINT64: {
        double r = rint(v);
        ((uint64_t *)raw)[i] = r <= 0 ? 0 : r >= 0x1p64 ? UINT64_MAX : (uint64_t)r;
        break;
    }
    case GWT_FLOAT32: ((float *)raw)[i] = (float)v; break;
    case GWT_FLOAT64: ((double *)raw)[i] = v; break;
    case GWT_DTYPE_NONE: break;
    }
}

uint64_t noise(uint64_t n)
{
    uint64_t z = (n + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

void fill_noise(gwt_dtype dtype, void *raw, size_t count, uint64_t seed)
{
    size_t size = sample_size(dtype);
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = noise(seed * 1000003u + i);
        if (i % 11 == 3 && dtype == GWT_FLOAT32) bits = 0x7FC01234u + (bits & 0xFFF);
        if (i % 11 == 3 && dtype == GWT_FLOAT64) bits = 0xFFF8000012345678u + (bits & 0xFFF);
        if (i % 13 == 5) bits &= 0x3F;  // small numbers and denormals: something to compress
        if (size == 1) ((uint8_t *)raw)[i] = (uint8_t)bits;
        else if (size == 2) ((uint16_t *)raw)[i] = (uint16_t)bits;
        else if (size == 4) memcpy((char *)raw + 4 * i, &(uint32_t){ (uint32_t)bits }, 4);
        else memcpy((char *)raw + 8 * i, &bits, 8);
    }
}

bool same_double(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

// ---- TIFFs, written ---------------------------------------------------------------------------

static const double utm_scale[3] = { 30, 30, 0 };
static const double utm_tiepoint[6] = { 0, 0, 0, 452475, 3408645, 0 };
static const double utm_tiepoint_point[6] = { 0, 0, 0, 452490, 3408630, 0 };
// Version 1.1.0; model projected, raster area (or point), a citation, EPSG 32616, metre.
static const uint16_t utm_keys[] = { 1, 1, 0, 5, 1024, 0, 1, 1, 1025, 0, 1, 1,
                                     1026, 34737, 22, 0, 3072, 0, 1, 32616, 3076, 0, 1, 9001 };
static const uint16_t utm_keys_point[] = { 1, 1, 0, 5, 1024, 0, 1, 1, 1025, 0, 1, 2,
                                           1026, 34737, 22, 0, 3072, 0, 1, 32616,
                                           3076, 0, 1, 9001 };

const geo_tags geo_utm = {
    .scale = utm_scale, .tiepoint = utm_tiepoint, .keys = utm_keys,
    .num_keys = COUNT_OF(utm_keys), .ascii = "WGS 84 / UTM zone 16N|"
};
const geo_tags geo_utm_point = {
    .scale = utm_scale, .tiepoint = utm_tiepoint_point, .keys = utm_keys_point,
    .num_keys = COUNT_OF(utm_keys_point), .ascii = "WGS 84 / UTM zone 16N|"
};

const geo_tags *geo_at(geo_place *p, int epsg, const double t[6])
{
    *p = (geo_place){ .scale = { t[0], -t[4], 0 }, .tiepoint = { 0, 0, 0, t[2], t[5], 0 },
                      .keys = { 1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1,
                                (uint16_t)epsg } };
    p->tags = (geo_tags){ .scale = p->scale, .tiepoint = p->tiepoint, .keys = p->keys,
                          .num_keys = COUNT_OF(p->keys) };
    if (!epsg) p->tags.keys = NULL, p->tags.num_keys = 0;
    return &p->tags;
}

// Taught to one handle at a time: TIFFSetTagExtender is for the whole process, and would teach
// gwt's own handles too.
static void register_tags(TIFF *t)
{
    static char names[8][16] = { "scale", "tiepoint", "matrix", "keys", "doubles", "ascii",
                                 "metadata", "nodata" };
    const TIFFFieldInfo fields[] = {
        { TAG_SCALE, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, names[0] },
        { TAG_TIEPOINT, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, names[1] },
        { TAG_MATRIX, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, names[2] },
        { TAG_GEO_KEYS, -1, -1, TIFF_SHORT, FIELD_CUSTOM, 1, 1, names[3] },
        { TAG_GEO_DOUBLES, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, names[4] },
        { TAG_GEO_ASCII, -1, -1, TIFF_ASCII, FIELD_CUSTOM, 1, 0, names[5] },
        { TAG_METADATA, -1, -1, TIFF_ASCII, FIELD_CUSTOM, 1, 0, names[6] },
        { TAG_NODATA, -1, -1, TIFF_ASCII, FIELD_CUSTOM, 1, 0, names[7] },
    };
    TIFFMergeFieldInfo(t, fields, COUNT_OF(fields));
}

static int bands_of(const tiff_spec *spec) { return spec->bands ? spec->bands : 1; }

static int sample_format(gwt_dtype dtype)
{
    if (is_float(dtype)) return SAMPLEFORMAT_IEEEFP;
    bool negative = dtype == GWT_INT8 || dtype == GWT_INT16 || dtype == GWT_INT32 ||
                    dtype == GWT_INT64;
    return negative ? SAMPLEFORMAT_INT : SAMPLEFORMAT_UINT;
}

static void set_geo_tags(TIFF *t, const geo_tags *geo)
{
    if (geo->scale) TIFFSetField(t, TAG_SCALE, 3, geo->scale);
    if (geo->tiepoint) TIFFSetField(t, TAG_TIEPOINT, 6, geo->tiepoint);
    if (geo->matrix) TIFFSetField(t, TAG_MATRIX, 16, geo->matrix);
    if (geo->keys) TIFFSetField(t, TAG_GEO_KEYS, geo->num_keys, geo->keys);
    if (geo->doubles) TIFFSetField(t, TAG_GEO_DOUBLES, geo->num_doubles, geo->doubles);
    if (geo->ascii) TIFFSetField(t, TAG_GEO_ASCII, geo->ascii);
}

static void set_tags(TIFF *t, const tiff_spec *spec, int width, int height)
{
    int bands = bands_of(spec);
    TIFFSetField(t, TIFFTAG_IMAGEWIDTH, width);
    TIFFSetField(t, TIFFTAG_IMAGELENGTH, height);
    TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, bands);
    TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, (int)(8 * sample_size(spec->dtype)));
    TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, sample_format(spec->dtype));
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(t, TIFFTAG_PLANARCONFIG,
                 spec->planar ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
    TIFFSetField(t, TIFFTAG_COMPRESSION,
                 spec->compression ? spec->compression : COMPRESSION_NONE);
    if (bands > 1) TIFFSetField(t, TIFFTAG_EXTRASAMPLES, bands - 1, (uint16_t[256]){ 0 });
    if (spec->predictor) TIFFSetField(t, TIFFTAG_PREDICTOR, spec->predictor);
    if (spec->compression == COMPRESSION_LZMA) TIFFSetField(t, TIFFTAG_LZMAPRESET, 0);
    if (spec->level) TIFFSetField(t, TIFFTAG_ZIPQUALITY, spec->level);
    if (spec->tile_width) {
        TIFFSetField(t, TIFFTAG_TILEWIDTH, spec->tile_width);
        TIFFSetField(t, TIFFTAG_TILELENGTH, spec->tile_height);
    } else {
        TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, spec->rows_per_strip ? spec->rows_per_strip : height);
    }
}

static int at_most(int value, int limit) { return value < limit ? value : limit; }

// The rectangle of a tile or strip, and which plane (-1: all, interleaved).
typedef struct block { int row, col, rows, cols, plane; } block;

static block block_at(int width, int height, int bands, bool planar, int block_width,
                      int block_height, uint32_t strile)
{
    int across = (width + block_width - 1) / block_width;
    int down = (height + block_height - 1) / block_height;
    int in_plane = (int)(strile % (uint32_t)(across * down));
    block b = { .row = in_plane / across * block_height, .col = in_plane % across * block_width };
    b.rows = at_most(block_height, height - b.row);
    b.cols = at_most(block_width, width - b.col);
    b.plane = planar && bands > 1 ? (int)(strile / (uint32_t)(across * down)) : -1;
    return b;
}

// Samples of a block between an image [band][row][column] and a tile or strip buffer whose rows
// are `stride` pixels long.
static void copy_block(const block *b, size_t size, int width, int height, int bands, int stride,
                       unsigned char *image_raw, unsigned char *buffer, bool to_buffer)
{
    int in_pixel = b->plane < 0 ? bands : 1;
    for (int s = 0; s < in_pixel; s++) {
        int band = b->plane < 0 ? s : b->plane;
        for (int r = 0; r < b->rows; r++)
            for (int c = 0; c < b->cols; c++) {
                size_t at = ((size_t)band * (size_t)height + (size_t)(b->row + r)) *
                            (size_t)width + (size_t)(b->col + c);
                size_t in = ((size_t)r * (size_t)stride + (size_t)c) * (size_t)in_pixel + (size_t)s;
                if (to_buffer) memcpy(buffer + in * size, image_raw + at * size, size);
                else memcpy(image_raw + at * size, buffer + in * size, size);
            }
    }
}

static bool write_samples(TIFF *t, const tiff_spec *spec, int width, int height,
                          const void *samples)
{
    bool tiled = spec->tile_width != 0, ok = true;
    int block_width = tiled ? spec->tile_width : width;
    int rows = spec->rows_per_strip ? at_most(spec->rows_per_strip, height) : height;
    int block_height = tiled ? spec->tile_height : rows;
    uint32_t striles = tiled ? TIFFNumberOfTiles(t) : TIFFNumberOfStrips(t);
    tmsize_t bytes = tiled ? TIFFTileSize(t) : TIFFStripSize(t);
    size_t size = sample_size(spec->dtype);
    unsigned char *buffer = malloc((size_t)bytes);
    if (!buffer || !TIFFWriteCheck(t, tiled, "tiff_write")) ok = false;
    for (uint32_t i = 0; ok && i < striles; i++) {
        if (spec->absent && spec->absent(i)) continue;
        block b = block_at(width, height, bands_of(spec), spec->planar, block_width, block_height,
                           i);
        memset(buffer, spec->padding, (size_t)bytes);
        copy_block(&b, size, width, height, bands_of(spec), block_width,
                   (unsigned char *)(uintptr_t)samples, buffer, true);
        tmsize_t used = tiled ? bytes : TIFFVStripSize(t, (uint32_t)b.rows);
        ok = (tiled ? TIFFWriteEncodedTile(t, i, buffer, used)
                    : TIFFWriteEncodedStrip(t, i, buffer, used)) == used;
    }
    free(buffer);
    return ok;
}

// A directory after the first: a reduced image, or another page, of zeros.
static bool write_extra_directory(TIFF *t, const tiff_spec *spec, int number, bool reduced)
{
    int width = (spec->width >> number) + 1, height = (spec->height >> number) + 1;
    void *zeros = calloc((size_t)width * (size_t)height * (size_t)bands_of(spec), 8);
    register_tags(t);
    set_tags(t, spec, width, height);
    if (reduced) TIFFSetField(t, TIFFTAG_SUBFILETYPE, FILETYPE_REDUCEDIMAGE);
    bool ok = zeros && write_samples(t, spec, width, height, zeros) && TIFFWriteDirectory(t);
    free(zeros);
    return ok;
}

static bool write_file(const char *path, const tiff_spec *spec, const void *samples)
{
    TIFF *t = TIFFOpen(path, spec->mode ? spec->mode : "w");
    if (!t) return false;
    register_tags(t);
    set_tags(t, spec, spec->width, spec->height);
    if (spec->geo) set_geo_tags(t, spec->geo);
    if (spec->nodata) TIFFSetField(t, TAG_NODATA, spec->nodata);
    if (spec->metadata) TIFFSetField(t, TAG_METADATA, spec->metadata);
    bool ok = write_samples(t, spec, spec->width, spec->height, samples) && TIFFWriteDirectory(t);
    for (int i = 0; ok && i < spec->reduced; i++) ok = write_extra_directory(t, spec, i + 1, true);
    for (int i = 0; ok && i < spec->pages; i++) ok = write_extra_directory(t, spec, i + 1, false);
    TIFFClose(t);
    return ok;
}

void tiff_write(const char *path, const tiff_spec *spec, const void *samples)
{
    REQUIRE(write_file(path, spec, samples), "%s: libtiff can't write it", path);
}

void tiff_write_values(const char *path, const tiff_spec *spec, const double *values)
{
    size_t count = (size_t)spec->width * (size_t)spec->height * (size_t)bands_of(spec);
    void *raw = malloc(count * sample_size(spec->dtype));
    REQUIRE(raw, "out of memory");
    for (size_t i = 0; i < count; i++) sample_set(spec->dtype, raw, i, values[i]);
    tiff_write(path, spec, raw);
    free(raw);
}

bool tiff_can_write(const tiff_spec *spec)
{
    int compression = spec->compression ? spec->compression : COMPRESSION_NONE;
    if (!TIFFIsCODECConfigured((uint16_t)compression)) return false;
    const char *path = temp_path("can_write.tif");
    unsigned char pixel[8 * 256] = { 0 };
    tiff_spec tiny = { .width = 1, .height = 1, .bands = spec->bands, .dtype = spec->dtype,
                       .compression = spec->compression, .predictor = spec->predictor };
    bool ok = write_file(path, &tiny, pixel);
    remove(path);
    return ok;
}

// ---- packed samples ---------------------------------------------------------------------------

// Rows of whole bytes, of each sample the highest bit first.
static size_t pack(const packed *m, int plane, int y0, int x0, int rows, int cols,
                   unsigned char *to)
{
    int samples = m->planar ? 1 : m->bands;
    size_t line = ((size_t)(cols * samples * m->bits) + 7) / 8;
    memset(to, 0, line * (size_t)rows);
    for (int y = 0; y < rows; y++)
        for (int i = 0; i < cols * samples; i++) {
            int band = m->planar ? plane : i % samples;
            int row = y0 + y, col = x0 + i / samples;
            bool inside = row < m->height && col < m->width;
            uint32_t value = inside ? m->value(m, band, row, col) : 0;
            for (int k = 0; k < m->bits; k++) {
                size_t at = (size_t)(i * m->bits + k);
                if (value >> (m->bits - 1 - k) & 1)
                    to[line * (size_t)y + at / 8] |= (unsigned char)(0x80 >> at % 8);
            }
        }
    return line * (size_t)rows;
}

void packed_write(TIFF *t, const packed *m)
{
    static unsigned char bytes[1 << 18];
    int h = m->tile ? m->tile : 16, w = m->tile ? m->tile : m->width;
    TIFFSetField(t, TIFFTAG_IMAGEWIDTH, m->width);
    TIFFSetField(t, TIFFTAG_IMAGELENGTH, m->height);
    TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, m->bits);
    if (m->format) TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, m->format);
    TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, m->bands);
    TIFFSetField(t, TIFFTAG_PLANARCONFIG, m->planar ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(t, TIFFTAG_COMPRESSION, m->compression ? m->compression : COMPRESSION_NONE);
    TIFFSetField(t, TIFFTAG_FILLORDER, m->fill_order ? m->fill_order : FILLORDER_MSB2LSB);
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
                tmsize_t size = (tmsize_t)pack(m, plane, y, x, rows, w, bytes);
                tmsize_t put = m->tile ? TIFFWriteEncodedTile(t, n, bytes, size)
                                       : TIFFWriteEncodedStrip(t, n, bytes, size);
                REQUIRE(put == size, "tile %u is not written", n);
            }
}

// ---- TIFFs, read ------------------------------------------------------------------------------

// The values of a tag that libtiff itself does not know, however it has come to be registered.
static const void *unknown_tag(TIFF *t, uint32_t tag, int *count)
{
    const void *data = NULL;
    const TIFFField *field = TIFFFindField(t, tag, TIFF_ANY);
    *count = 0;
    if (!field) return NULL;
    if (!TIFFFieldPassCount(field)) {
        if (!TIFFGetField(t, tag, &data)) return NULL;
        *count = (int)strlen(data);
    } else if (TIFFFieldReadCount(field) == TIFF_VARIABLE2) {
        uint32_t n = 0;
        if (!TIFFGetField(t, tag, &n, &data)) return NULL;
        *count = (int)n;
    } else {
        uint16_t n = 0;
        if (!TIFFGetField(t, tag, &n, &data)) return NULL;
        *count = n;
    }
    return data;
}

static double *copy_doubles(TIFF *t, uint32_t tag, int *count)
{
    const void *data = unknown_tag(t, tag, count);
    double *copy = data ? malloc((size_t)*count * sizeof *copy) : NULL;
    if (copy) memcpy(copy, data, (size_t)*count * sizeof *copy);
    return copy;
}

static char *copy_text(TIFF *t, uint32_t tag)
{
    int count;
    const char *data = unknown_tag(t, tag, &count);
    char *copy = data ? calloc((size_t)count + 1, 1) : NULL;
    if (copy) memcpy(copy, data, (size_t)count);
    return copy;
}

static void read_unknown_tags(TIFF *t, image *im)
{
    im->nodata = copy_text(t, TAG_NODATA);
    im->metadata = copy_text(t, TAG_METADATA);
    im->geo_ascii = copy_text(t, TAG_GEO_ASCII);
    im->scale = copy_doubles(t, TAG_SCALE, &im->num_scale);
    im->tiepoint = copy_doubles(t, TAG_TIEPOINT, &im->num_tiepoint);
    im->matrix = copy_doubles(t, TAG_MATRIX, &im->num_matrix);
    im->geo_doubles = copy_doubles(t, TAG_GEO_DOUBLES, &im->num_geo_doubles);
    const void *keys = unknown_tag(t, TAG_GEO_KEYS, &im->num_geo_keys);
    size_t bytes = (size_t)im->num_geo_keys * sizeof *im->geo_keys;
    im->geo_keys = keys ? malloc(bytes) : NULL;
    if (im->geo_keys) memcpy(im->geo_keys, keys, bytes);
}

static gwt_dtype dtype_from_tags(int format, int bits)
{
    for (size_t i = 0; i < DTYPES; i++)
        if (sample_format(all_dtypes[i]) == format && (int)(8 * sample_size(all_dtypes[i])) == bits)
            return all_dtypes[i];
    return GWT_DTYPE_NONE;
}

static void read_known_tags(TIFF *t, image *im)
{
    uint32_t width = 0, height = 0, block_width = 0, block_height = 0;
    uint16_t bands = 1, bits = 1, format = 1, planar = 1, compression = 0, photometric = 0;
    uint16_t predictor = 1, extra = 0, *kinds = NULL;
    TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(t, TIFFTAG_IMAGELENGTH, &height);
    TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLESPERPIXEL, &bands);
    TIFFGetFieldDefaulted(t, TIFFTAG_BITSPERSAMPLE, &bits);
    TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLEFORMAT, &format);
    TIFFGetFieldDefaulted(t, TIFFTAG_PLANARCONFIG, &planar);
    TIFFGetFieldDefaulted(t, TIFFTAG_COMPRESSION, &compression);
    TIFFGetField(t, TIFFTAG_PHOTOMETRIC, &photometric);
    TIFFGetField(t, TIFFTAG_PREDICTOR, &predictor);
    TIFFGetField(t, TIFFTAG_EXTRASAMPLES, &extra, &kinds);
    im->tiled = TIFFIsTiled(t);
    if (im->tiled) {
        TIFFGetField(t, TIFFTAG_TILEWIDTH, &block_width);
        TIFFGetField(t, TIFFTAG_TILELENGTH, &block_height);
    } else {
        TIFFGetFieldDefaulted(t, TIFFTAG_ROWSPERSTRIP, &block_height);
        block_width = width;
        if (block_height > height) block_height = height;
    }
    im->width = (int)width, im->height = (int)height, im->bands = bands;
    im->block_width = (int)block_width, im->block_height = (int)block_height;
    im->planar = planar == PLANARCONFIG_SEPARATE;
    im->compression = compression, im->photometric = photometric, im->predictor = predictor;
    im->extra_samples = extra;
    im->dtype = dtype_from_tags(format, bits);
}

static void read_samples(TIFF *t, image *im, const char *path)
{
    uint32_t striles = im->tiled ? TIFFNumberOfTiles(t) : TIFFNumberOfStrips(t);
    tmsize_t bytes = im->tiled ? TIFFTileSize(t) : TIFFStripSize(t);
    unsigned char *buffer = calloc((size_t)bytes, 1);
    REQUIRE(buffer, "out of memory");
    for (uint32_t i = 0; i < striles; i++) {
        if (TIFFGetStrileByteCount(t, i) == 0) {
            im->absent++;
            continue;
        }
        block b = block_at(im->width, im->height, im->bands, im->planar, im->block_width,
                           im->block_height, i);
        tmsize_t want = im->tiled ? bytes : TIFFVStripSize(t, (uint32_t)b.rows);
        tmsize_t got = im->tiled ? TIFFReadEncodedTile(t, i, buffer, want)
                                 : TIFFReadEncodedStrip(t, i, buffer, want);
        REQUIRE(got == want, "%s: tile or strip %u can't be decoded", path, (unsigned)i);
        copy_block(&b, sample_size(im->dtype), im->width, im->height, im->bands, im->block_width,
                   im->raw, buffer, false);
    }
    free(buffer);
}

image *image_read(const char *path)
{
    size_t size;
    unsigned char *head = file_read(path, &size);
    REQUIRE(size > 4, "%s: %d bytes", path, (int)size);
    TIFF *t = TIFFOpen(path, "r");
    REQUIRE(t, "%s: libtiff can't open it", path);
    image *im = calloc(1, sizeof *im);
    REQUIRE(im, "out of memory");
    im->big_endian = head[0] == 'M';
    im->bigtiff = (im->big_endian ? head[3] : head[2]) == 43;
    free(head);
    read_known_tags(t, im);
    read_unknown_tags(t, im);
    REQUIRE(im->dtype, "%s: a sample type that gwt does not have", path);
    im->raw = calloc(image_count(im), sample_size(im->dtype));
    REQUIRE(im->raw, "out of memory");
    read_samples(t, im, path);
    TIFFClose(t);
    return im;
}

void image_free(image *im)
{
    if (!im) return;
    void *const parts[] = { im->raw, im->nodata, im->metadata, im->scale, im->tiepoint, im->matrix,
                            im->geo_doubles, im->geo_keys, im->geo_ascii, im };
    for (size_t i = 0; i < COUNT_OF(parts); i++) free(parts[i]);
}

size_t image_count(const image *im)
{
    return (size_t)im->width * (size_t)im->height * (size_t)im->bands;
}

double image_get(const image *im, int band, int row, int col)
{
    return sample_get(im->dtype, im->raw,
                      ((size_t)band * (size_t)im->height + (size_t)row) * (size_t)im->width +
                      (size_t)col);
}

static int geo_key(const image *im, int key, int otherwise)
{
    for (int i = 4; i + 3 < im->num_geo_keys; i += 4)
        if (im->geo_keys[i] == key && im->geo_keys[i + 1] == 0) return im->geo_keys[i + 3];
    return otherwise;
}

bool image_transform(const image *im, double t[6])
{
    if (im->num_matrix == 16) {
        const double *m = im->matrix;
        memcpy(t, (double[]){ m[0], m[1], m[3], m[4], m[5], m[7] }, 6 * sizeof *t);
    } else if (im->num_scale >= 2 && im->num_tiepoint >= 6) {
        const double *s = im->scale, *p = im->tiepoint;
        memcpy(t, (double[]){ s[0], 0, p[3] - p[0] * s[0], 0, -s[1], p[4] + p[1] * s[1] },
               6 * sizeof *t);
    } else {
        return false;
    }
    if (geo_key(im, 1025, 1) == 2) {  // pixel is point: the numbers are of its centre
        t[2] -= 0.5 * t[0] + 0.5 * t[1];
        t[5] -= 0.5 * t[3] + 0.5 * t[4];
    }
    return true;
}

// The value of an attribute in the text of one start tag; false without.
static bool attribute(const char *tag, const char *end, const char *name, char *value, size_t size)
{
    char wanted[64];
    int n = snprintf(wanted, sizeof wanted, " %s=\"", name);
    const char *at = strstr(tag, wanted);
    if (!at || at > end) return false;
    at += n;
    size_t length = strcspn(at, "\"");
    snprintf(value, size, "%.*s", (int)length, at);
    return true;
}

// As GDAL does it: an & that begins no entity ends the text.
static char *undo_xml(const char *text, size_t length)
{
    static const struct { const char *entity; char c; } entities[] = {
        { "&lt;", '<' }, { "&gt;", '>' }, { "&amp;", '&' }, { "&quot;", '"' }, { "&apos;", '\'' },
        { "&#39;", '\'' }, { "&#34;", '"' }
    };
    char *plain = calloc(length + 1, 1), *to = plain;
    for (size_t i = 0; i < length;) {
        size_t e = 0;
        while (e < COUNT_OF(entities) &&
               strncmp(text + i, entities[e].entity, strlen(entities[e].entity))) e++;
        if (text[i] == '&' && e == COUNT_OF(entities)) break;
        *to++ = e < COUNT_OF(entities) ? entities[e].c : text[i];
        i += e < COUNT_OF(entities) ? strlen(entities[e].entity) : 1;
    }
    return plain;
}

char *metadata_item(const char *xml, const char *name, int sample, const char *role)
{
    for (const char *at = xml; at && (at = strstr(at, "<Item")); at++) {
        const char *end = strchr(at, '>'), *close = end ? strstr(end, "</Item>") : NULL;
        char value[256];
        if (!close) return NULL;
        if (!attribute(at, end, "name", value, sizeof value) || strcmp(value, name)) continue;
        bool has_sample = attribute(at, end, "sample", value, sizeof value);
        if (has_sample != (sample >= 0) || (has_sample && atoi(value) != sample)) continue;
        if (role && (!attribute(at, end, "role", value, sizeof value) || strcmp(value, role)))
            continue;
        char *once = undo_xml(end + 1, (size_t)(close - end - 1));
        char *twice = undo_xml(once, strlen(once));
        free(once);
        return twice;
    }
    return NULL;
}

// ---- arrays -----------------------------------------------------------------------------------

gwt_array *array_of(gwt *g, const tiff_spec *spec, const double *values)
{
    static int number;
    const char *path = temp_path("array%d.tif", number++);
    tiff_write_values(path, spec, values);
    gwt_array *a = gwt_open(g, path);
    EXPECT_OK(g);
    REQUIRE(a, "%s: no array and no error", path);
    return a;
}

size_t array_count(const gwt_array *a)
{
    const gwt_info *info = gwt_describe(a);
    return (size_t)(info->shape[0] * info->shape[1] * info->shape[2] * info->shape[3]);
}

double *values_of_at(const char *file, int line, const gwt *g, gwt_array *a)
{
    double *values = gwt_compute(a, .dtype = GWT_FLOAT64, .nodata = gwt_some(NAN));
    expect_ok_at(file, line, g);
    if (!values) fail_at(file, line, "no result and no error");
    return values;
}

// ---- golden rows ------------------------------------------------------------------------------

int split_text(char *text, char separator, char **pieces, int most)
{
    int count = 0;
    while (text && count < most) {
        pieces[count++] = text;
        text = strchr(text, separator);
        if (text) *text++ = 0;
    }
    return count;
}

int golden_rows(const char *prefix, void (*run)(golden_row *row))
{
    enum { FIELDS = sizeof(golden_row) / sizeof(char *) };
    char *lines[1000], *f[FIELDS];
    size_t size;
    int ran = 0;
    free(golden_text);
    golden_text = (char *)file_read(shared_path("golden/cases.csv"), &size);
    int count = split_text(golden_text, '\n', lines, COUNT_OF(lines));
    for (int i = 1; i < count; i++) {
        if (!*lines[i] || strncmp(lines[i], prefix, strlen(prefix))) continue;
        REQUIRE(split_text(lines[i], ',', f, FIELDS) == FIELDS, "line %d of cases.csv", i + 1);
        golden_row row = { f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[9], f[10], f[11],
                           f[12], f[13], f[14], f[15], f[16], f[17], f[18] };
        run(&row);
        ran++;
    }
    REQUIRE(ran > 0, "no row of %s in cases.csv", prefix);
    return ran;
}

void golden_window(const golden_row *row, int width, int height, int window[4])
{
    memcpy(window, (int[]){ 0, 0, width, height }, 4 * sizeof *window);
    if (!strcmp(row->window, "full")) return;
    REQUIRE(sscanf(row->window, "%d %d %d %d", &window[0], &window[1], &window[2],
                   &window[3]) == 4, "%s: window '%s'", row->name, row->window);
}

void golden_check_grid(const golden_row *row, const gwt_info *info)
{
    double t[6];
    long sizes[4], planes = 1;
    int n = 0;
    assert_int_equal(sscanf(row->transform, "%lf %lf %lf %lf %lf %lf", t, t + 1, t + 2, t + 3,
                            t + 4, t + 5), 6);
    for (int i = 0; i < 6; i++)
        REQUIRE(info->transform[i] == t[i], "%s: transform[%d] is %.17g, not %.17g", row->name, i,
                info->transform[i], t[i]);
    for (char *at = row->full_dims; n < 4; at++) {
        sizes[n++] = strtol(at, &at, 10);
        if (*at != 'x') break;
    }
    for (int i = 0; i < n - 2; i++) planes *= sizes[i];
    REQUIRE(n >= 2 && info->shape[0] * info->shape[1] == planes &&
            info->shape[2] == sizes[n - 2] && info->shape[3] == sizes[n - 1],
            "%s: %dx%dx%dx%d, not %s", row->name, (int)info->shape[0], (int)info->shape[1],
            (int)info->shape[2], (int)info->shape[3], row->full_dims);
}

void golden_check_whole(const golden_row *row, gwt_dtype dtype, const void *got, size_t count)
{
    long double sum = 0, carry = 0;
    double lo = INFINITY, hi = -INFINITY;
    long nans = 0;
    for (size_t i = 0; i < count; i++) {
        double v = sample_get(dtype, got, i);
        if (isnan(v)) {
            nans++;
            continue;
        }
        if (v < lo) lo = v;
        if (v > hi) hi = v;
        long double y = (long double)v - carry, t = sum + y;  // Kahan
        carry = (t - sum) - y;
        sum = t;
    }
    double want = strtod(row->full_sum, NULL);
    REQUIRE(nans == atol(row->full_nan), "%s: %ld NaN, not %s", row->name, nans, row->full_nan);
    REQUIRE(lo == strtod(row->full_min, NULL) && hi == strtod(row->full_max, NULL),
            "%s: from %.17g to %.17g, not %s to %s", row->name, lo, hi, row->full_min,
            row->full_max);
    REQUIRE(fabs((double)sum - want) <= 1e-12 * fabs(want), "%s: sum %.17g, not %s", row->name,
            (double)sum, row->full_sum);
}
