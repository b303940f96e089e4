// test_golden_attributes.c - what arrays say of themselves against what geowombat's say: groups c10
// (the text of print) and c11 (attributes and properties as JSON) of ../shared/golden.
//
// Both sides of a row are read into facts, a key and words: of c10 the golden text and that of
// gwt_print, of c11 the JSON and gwt_info. All golden facts must be ours and all of ours golden,
// but for those in the table `differences`, which says what ours are instead, and why. A row that
// no recipe makes is a failure, and so is a difference that is not there any more.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <float.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- facts ------------------------------------------------------------------------------------

enum { MAX_FACTS = 1000, KEY = 96, WORD = 320 };

// Values are words with one space between; a key that was met without values has "".
typedef struct fact { char key[KEY], *values; } fact;
typedef struct facts { fact list[MAX_FACTS]; int count; } facts;

static const char *value_of(const facts *f, const char *key)
{
    for (int i = 0; i < f->count; i++)
        if (!strcmp(f->list[i].key, key)) return f->list[i].values;
    return NULL;
}

static void free_facts(facts *f)
{
    for (int i = 0; i < f->count; i++) free(f->list[i].values);
    f->count = 0;
}

static fact *fact_named(facts *f, const char *key)
{
    for (int i = 0; i < f->count; i++)
        if (!strcmp(f->list[i].key, key)) return &f->list[i];
    REQUIRE(f->count < MAX_FACTS && strlen(key) < KEY, "no room for the fact %s", key);
    fact *new = &f->list[f->count++];
    strcpy(new->key, key);
    new->values = calloc(1, 1);
    return new;
}

// One word more: of a path its base name, of a CRS its number.
static void add_word(facts *f, const char *key, const char *word, size_t n)
{
    fact *to = fact_named(f, key);
    size_t before = strlen(to->values), skip = 0;
    for (size_t i = 0; strstr(key, "filename") && i < n; i++) if (word[i] == '/') skip = i + 1;
    if (n > 5 && !strncmp(word, "EPSG:", 5)) skip = 5;
    to->values = realloc(to->values, before + n + 2);
    if (before) to->values[before++] = ' ';
    memcpy(to->values + before, word + skip, n - skip);
    to->values[before + n - skip] = 0;
}

// The words of a text, without what Python puts around and between them.
static void add_words(facts *f, const char *key, const char *text)
{
    static const char between[] = " ,()[]'\n";
    fact_named(f, key);
    for (text += strspn(text, between); *text; text += strspn(text, between)) {
        size_t n = strcspn(text, between);
        add_word(f, key, text, n);
        text += n;
    }
}

static void add_number(facts *f, const char *key, double value)
{
    char word[40];
    add_word(f, key, word, (size_t)snprintf(word, sizeof word, "%.17g", value));
}

static void add_numbers(facts *f, const char *key, const double *values, int64_t n)
{
    for (int64_t i = 0; i < n; i++) add_number(f, key, values[i]);
}

static void add_texts(facts *f, const char *key, const char *const *texts, int64_t n)
{
    for (int64_t i = 0; i < n; i++) add_word(f, key, texts[i], strlen(texts[i]));
}

static void add_optional(facts *f, const char *key, gwt_optional value, int64_t n)
{
    for (int64_t i = 0; i < n; i++) add_number(f, key, value.set ? value.value : NAN);
}

// ---- facts of JSON: of files that are known to be well-formed ---------------------------------

typedef struct json { const char *at; facts *to; } json;

static void json_skip(json *j) { j->at += strspn(j->at, " \n\r\t,:"); }

static void json_string(json *j, char *to, size_t size)
{
    size_t n = 0;
    for (j->at++; *j->at && *j->at != '"'; j->at++) {
        if (*j->at == '\\') j->at++;
        REQUIRE(n + 1 < size, "a string of JSON is too long");
        to[n++] = *j->at;
    }
    to[n] = 0;
    j->at += *j->at == '"';
}

// Keys are paths, "gw.meta.left". Of an array all numbers and strings have its path, arrays in it
// that with their number.
static void json_value(json *j, const char *path)
{
    char text[WORD], below[KEY + 32];
    json_skip(j);
    if (*j->at == '{') {
        for (j->at++, json_skip(j); *j->at && *j->at != '}'; json_skip(j)) {
            json_string(j, text, sizeof text);
            snprintf(below, sizeof below, "%s%s%.80s", path, *path ? "." : "", text);
            json_value(j, below);
        }
        j->at++;
    } else if (*j->at == '[') {
        int i = 0;
        for (j->at++, json_skip(j); *j->at && *j->at != ']'; json_skip(j), i++) {
            bool nested = *j->at == '[' || *j->at == '{';
            snprintf(below, sizeof below, nested ? "%s.%d" : "%s", path, i);
            json_value(j, below);
        }
        if (i == 0) fact_named(j->to, path);
        j->at++;
    } else if (*j->at == '"') {
        json_string(j, text, sizeof text);
        add_words(j->to, path, text);
    } else {
        size_t n = strcspn(j->at, " \n\r\t,]}");
        REQUIRE(n > 0, "JSON: no value of %s", path);
        add_word(j->to, path, j->at, n);
        j->at += n;
    }
}

// ---- facts of a printed array -----------------------------------------------------------------

// "time: 4, band: 3" of the first line.
static void read_shape(facts *f, char *text)
{
    char *pieces[8], *colon;
    int n = split_text(strtok(text, ")"), ',', pieces, 8);
    for (int i = 0; i < n; i++) {
        assert_non_null(colon = strchr(pieces[i], ':'));
        *colon = 0;
        add_words(f, "dims", pieces[i]);
        add_words(f, "shape", colon + 1);
    }
}

// The second line: "dask.array<.., dtype=float64, chunksize=(1, 64, 64), ..>", and ours is
// "float64, 3.0 MB, 90 chunks of (1, 64, 64)".
static void read_type(facts *f, char *line)
{
    char *dtype = strstr(line, "dtype="), *chunks = strstr(line, "chunksize=");
    dtype = dtype ? dtype + strlen("dtype=") : line;
    if (!chunks) chunks = strstr(line, "chunks of ");
    REQUIRE(chunks && strchr(chunks, '('), "no chunks in '%s'", line);
    chunks = strchr(chunks, '(');
    add_word(f, "dtype", dtype, strcspn(dtype, ","));
    add_words(f, "chunks", strtok(chunks, ")"));
}

// "  * x        (x) float64 4.525e+05 4.525e+05 ... 4.713e+05"; without a type ours.
static void read_coordinate(facts *f, char *line, bool typed)
{
    char name[32], key[KEY], *words[40];
    char *at = line + strspn(line, " *");
    assert_int_equal(sscanf(at, "%31s", name), 1);
    at += strlen(name);
    at += strspn(at, " ");
    if (*at == '(') at += strcspn(at, ")") + 2;
    if (typed) at += strcspn(at, " ") + 1;
    snprintf(key, sizeof key, "coords.%s.values", name);
    if (strcmp(name, "x") && strcmp(name, "y")) {
        add_words(f, key, at);
        return;
    }
    int n = split_text(at, ' ', words, 40);
    snprintf(key, sizeof key, "coords.%s.first", name);
    for (int i = 0; i < 2 && i < n; i++) add_words(f, key, words[i]);
    snprintf(key, sizeof key, "coords.%s.last", name);
    add_words(f, key, words[n - 1]);
}

// "    res:                 (30.0, 30.0)". Ours has one nodata for all bands, or none: NaN there.
static void read_attribute(facts *f, char *line)
{
    char key[KEY], *name = line + strspn(line, " "), *colon = strchr(name, ':');
    if (!colon) return;        // "..."
    *colon = 0;
    snprintf(key, sizeof key, "attrs.%.80s", name);
    if (strcmp(name, "nodata")) {
        add_words(f, key, colon + 1);
        return;
    }
    const char *value = strstr(colon + 1, "none") ? "nan" : colon + 1;
    const char *shape = strchr(value_of(f, "shape"), ' ');
    int bands = atoi(strstr(value_of(f, "dims"), "time") ? shape : value_of(f, "shape"));
    add_words(f, "attrs._FillValue", value);
    for (int b = 0; b < bands; b++) add_words(f, "attrs.nodatavals", value);
}

static void read_print(facts *f, char *text)
{
    char *lines[80], *dims = strchr(text, '(');
    bool attributes = false, ours = !strncmp(text, "<gwt_array", 10);
    int n = split_text(text, '\n', lines, 80);
    read_shape(f, dims + 1);
    read_type(f, lines[1]);
    for (int i = 2; i < n; i++) {
        if (!strncmp(lines[i], "Coordinates:", 12) || !*lines[i]) continue;
        if (!strncmp(lines[i], "Attributes:", 11)) attributes = true;
        else if (attributes) read_attribute(f, lines[i]);
        else read_coordinate(f, lines[i], !ours);
    }
}

static void read_our_print(facts *f, const gwt_array *a)
{
    char text[8192];
    FILE *file = tmpfile();
    assert_non_null(file);
    gwt_print(a, file);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    read_print(f, text);
}

// ---- facts of gwt_info, by the names geowombat has for them -----------------------------------

static const char *const dim_names[] = { "time", "band", "y", "x" };

static void read_sizes(facts *f, const gwt_info *i)
{
    static const char *const counts[] = { "gw.ntime", "gw.nbands", "gw.nrows", "gw.ncols" };
    static const char *const chunks[] = { "gw.time_chunks", "gw.band_chunks", "gw.row_chunks",
                                          "gw.col_chunks" };
    char key[32];
    for (int d = 0, n = 0; d < 4; d++) {
        add_number(f, counts[d], (double)i->shape[d]);
        add_number(f, chunks[d], (double)i->chunks[d]);
        if (d == 0 && i->shape[0] == 1) continue;
        add_words(f, "dims", dim_names[d]);
        add_number(f, "shape", (double)i->shape[d]);
        snprintf(key, sizeof key, "chunks.%d", n++);
        for (int64_t at = 0; at < i->shape[d]; at += i->chunks[d])
            add_number(f, key, fmin((double)i->chunks[d], (double)(i->shape[d] - at)));
    }
    add_number(f, "gw.ndims", i->shape[0] == 1 ? 3 : 4);
    add_words(f, "dtype", gwt_dtype_name(i->dtype));
    add_words(f, "gw.dtype", gwt_dtype_name(i->dtype));
}

static void read_names(facts *f, const gwt_info *i)
{
    add_texts(f, "coords.band.values", i->band_names, i->shape[1]);
    if (i->shape[0] > 1) add_texts(f, "coords.time.values", i->time_names, i->shape[0]);
    add_texts(f, "attrs.filename", i->filenames, (int64_t)i->num_files);
    add_texts(f, "gw.filenames", i->filenames, (int64_t)i->num_files);
    add_words(f, "gw.sensor", i->sensor ? i->sensor : "null");
    if (i->sensor) add_words(f, "attrs.sensor", i->sensor);
}

// Centres of cells: the first two, the last two, and how many.
static void read_axis(facts *f, const char *name, double origin, double step, int64_t n)
{
    char key[3][32];
    double last = (double)n - 0.5;
    snprintf(key[0], sizeof key[0], "coords.%s.n", name);
    snprintf(key[1], sizeof key[1], "coords.%s.first", name);
    snprintf(key[2], sizeof key[2], "coords.%s.last", name);
    add_number(f, key[0], (double)n);
    add_numbers(f, key[1], (double[]){ origin + 0.5 * step, origin + 1.5 * step }, 2);
    add_numbers(f, key[2], (double[]){ origin + (last - 1) * step, origin + last * step }, 2);
}

static void read_chunk_bounds(facts *f, const gwt_info *i)
{
    char key[40];
    int n = 0;
    const double *t = i->transform;
    for (int64_t r = 0; r < i->shape[2]; r += i->chunks[2])
        for (int64_t c = 0; c < i->shape[3]; c += i->chunks[3]) {
            double right = fmin((double)(c + i->chunks[3]), (double)i->shape[3]);
            double bottom = fmin((double)(r + i->chunks[2]), (double)i->shape[2]);
            snprintf(key, sizeof key, "gw.chunk_grid_bounds.%d", n++);
            add_numbers(f, key, (double[]){ t[2] + (double)c * t[0], t[5] + bottom * t[4],
                                            t[2] + right * t[0], t[5] + (double)r * t[4] }, 4);
        }
    add_number(f, "gw.n_windows", n);
}

static void read_grid(facts *f, const gwt_info *i)
{
    static const char *const sides[] = { "gw.left", "gw.bottom", "gw.right", "gw.top" };
    const double *t = i->transform;
    const double bounds[] = { i->bounds.left, i->bounds.bottom, i->bounds.right, i->bounds.top };
    for (int k = 0; k < 4; k++) add_number(f, sides[k], bounds[k]);
    add_numbers(f, "gw.bounds", bounds, 4);
    add_numbers(f, "gw.transform", t, 6);
    add_numbers(f, "attrs.transform", t, 6);
    add_numbers(f, "gw.affine", t, 6);
    add_numbers(f, "gw.affine", (double[]){ 0, 0, 1 }, 3);
    add_numbers(f, "attrs.res", i->res, 2);
    add_number(f, "gw.cellx", i->res[0]);
    add_number(f, "gw.celly", i->res[1]);
    add_number(f, "gw.cellxh", i->res[0] / 2);
    add_number(f, "gw.cellyh", i->res[1] / 2);
    add_number(f, "attrs.crs", i->epsg);
    add_number(f, "gw.crs_to_pyproj", i->epsg);
    read_axis(f, "x", t[2], t[0], i->shape[3]);
    read_axis(f, "y", t[5], t[4], i->shape[2]);
    read_chunk_bounds(f, i);
}

static void read_info(facts *f, const gwt_array *a)
{
    static const char *const methods[] = { "nearest", "bilinear", "cubic", "average" };
    const gwt_info *i = gwt_describe(a);
    char key[KEY];
    read_sizes(f, i);
    read_names(f, i);
    read_grid(f, i);
    add_optional(f, "attrs.nodatavals", i->nodata, i->shape[1]);
    add_optional(f, "attrs._FillValue", i->nodata, 1);
    add_optional(f, "gw.nodataval", i->nodata, 1);
    add_numbers(f, "attrs.scales", i->scales, i->shape[1]);
    add_numbers(f, "attrs.offsets", i->offsets, i->shape[1]);
    add_number(f, "gw.scaleval", i->scales[0]);
    add_number(f, "gw.offsetval", i->offsets[0]);
    add_number(f, "attrs.is_tiled", i->is_tiled);
    add_words(f, "attrs.resampling", methods[i->resampling]);
    add_words(f, "attrs.AREA_OR_POINT", i->area_or_point);
    const char *const *lists[] = { i->attrs, i->tags };
    for (int l = 0; l < 2; l++)
        for (const char *const *item = lists[l]; *item; item++) {
            snprintf(key, sizeof key, "attrs.%.*s", (int)strcspn(*item, "="), *item);
            add_words(f, key, gwt_attr(a, key + strlen("attrs.")));
        }
}

// The coordinate that geowombat adds to what is opened with a nodata value: where band 1 has it.
static void read_mask(facts *f, gwt *g, gwt_array *a)
{
    const int64_t *shape = gwt_describe(a)->shape;
    double *valid = VALUES_OF(gwt_valid(gwt_sel(a, "1")));
    double missing = 0;
    for (int64_t i = 0; i < shape[2] * shape[3]; i++) missing += valid[i] == 0;
    gwt_free(valid);
    add_number(f, "coords._nodata_mask.sum", missing);
    add_numbers(f, "coords._nodata_mask.shape", (double[]){ (double)shape[2], (double)shape[3] },
                2);
}

// ---- what differs -----------------------------------------------------------------------------

// Patterns of rows and keys, and our values: NULL when we have no such fact, FOLLOWS when they
// follow from others that are listed or equal; "=key" are those that the golden row has there.
#define FOLLOWS "?"

#define POLYGON "bounds, as a polygon"
#define WARP "is_tiled: geowombat's is that of the warp GDAL sets up, ours of the file"
#define LONG "the long name of the sensor after an open"
#define BLOCK "without chunks geowombat takes the file's block, gwt tiles of a good size or 256"
#define STACKED "geowombat's chunks are those of each file, gwt's have all bands unless told"
#define MASK "mask_nodata, nodata is still the file's; gwt: NaN, so none"
#define SNAPPED "grid-snapped: ours are whole cells of the first file"
#define NAN_INSIDE "mosaic-nan: NaN, though the attribute says 0"
#define WHOLE "attr-transform-whole: attributes of the whole image, or none"

// The first that fits counts.
static const struct { const char *row, *key, *ours, *reason; } differences[] = {
    { "c1?_*stack*", "attrs.is_tiled", "0", WARP },
    { "c10_print_task_separate", "attrs.is_tiled", "0", WARP },
    { "c11_product*", "attrs.is_tiled", "0", WARP },
    { "c11_open_l8_B2*", "attrs.is_tiled", "0", WARP },
    { "c11_*_suba*", "attrs.is_tiled", "1", WARP },
    { "c11_res10", "attrs.is_tiled", "1", WARP },
    { "c10_print_task_separate", "attrs.sensor", NULL, "one band: no sensor has that" },
    { "c10_*", "attrs.sensor", "bgr", LONG },
    { "c11_*", "attrs.sensor", "=gw.sensor", LONG },
    // chunks
    { "c10_print_rgbn_nochunks", "chunks", "4 256 256", BLOCK },
    { "c11_open_rgbn_nochunks", "chunks.1", "256 147", BLOCK },
    { "c11_open_rgbn_nochunks", "chunks.2", "256 256 3", BLOCK },
    { "c11_open_l8_B2_nochunks", "chunks.1", "256 256 91", BLOCK },
    { "c11_open_l8_B2_nochunks", "chunks.2", "256 256 115", BLOCK },
    { "c11_*_nochunks", "gw.row_chunks", "256", BLOCK },
    { "c11_*_nochunks", "gw.col_chunks", "256", BLOCK },
    { "c11_open_rgbn_nochunks", "gw.n_windows", "6", BLOCK },
    { "c11_open_l8_B2_nochunks", "gw.n_windows", "9", BLOCK },
    { "c11_*_nochunks", "gw.chunk_grid_bounds.*", FOLLOWS, BLOCK },
    { "c10_print_*_stack", "chunks", "3 256 256", STACKED },
    { "c11_stack_band_rgbn", "chunks.0", "16", STACKED },
    { "c11_stack_band_rgbn", "gw.band_chunks", "16", STACKED },
    { "c11_stack_band*", "chunks.0", "3", STACKED },
    { "c11_stack_band*", "gw.band_chunks", "3", STACKED },
    // one row or the other
    { "c10_print_time_mean", "dims", "band y x", "a band is still a dim" },
    { "c10_print_time_mean", "shape", "1 403 515", "a band is still a dim" },
    { "c10_print_time_mean", "chunks", "1 256 256", "a band is still a dim" },
    { "c10_print_time_mean", "attrs.nodatavals", "nan", "of one band, not of those before" },
    { "c11_moving_rgbn", "attrs.moving_stat", "percentile", "gwt's name of perc" },
    { "c11_masknodata_suba", "attrs.nodatavals", "nan nan nan nan", MASK },
    { "c11_masknodata_suba", "attrs._FillValue", "nan", MASK },
    { "c11_masknodata_suba", "gw.nodataval", "nan", MASK },
    { "c11_product_noattrs", "gw.meta", NULL, "raises an exception there" },
    { "c11_product_noattrs", "gw.chunk_grid_bounds", NULL, "raises an exception there" },
    { "c11_config", "*", NULL, "options of gwt_begin and gwt_save can't be asked for" },
    { "c11_open_bounds", "attrs.transform", "=gw.transform", WHOLE },
    { "c11_open_bounds", "attrs.crs", "=gw.crs_to_pyproj", WHOLE },
    { "c11_open_bounds", "attrs._FillValue", "nan", WHOLE },
    { "c11_open_bounds", "attrs.scales", "1 1 1 1", WHOLE },
    { "c11_open_bounds", "*.filename*", "rgbn.tif", WHOLE },
    { "c11_open_bounds", "attrs.resampling", "nearest", WHOLE },
    { "c11_open_bounds", "attrs.AREA_OR_POINT", "Area", WHOLE },
    { "c11_open_bounds", "attrs.DataType", "Generic", WHOLE },
    // 2242 x 1411 m from (792928, 2050112) on are 449 x 283 cells
    { "c11_mosaic_union", "coords.x.first", "792930.5 792935.5", SNAPPED },
    { "c11_mosaic_union", "coords.x.last", "795165.5 795170.5", SNAPPED },
    { "c11_mosaic_union", "coords.y.first", "2050109.5 2050104.5", SNAPPED },
    { "c11_mosaic_union", "coords.y.last", "2048704.5 2048699.5", SNAPPED },
    { "c11_mosaic_union", "gw.left", "792928", SNAPPED },
    { "c11_mosaic_union", "gw.bottom", "2048697", SNAPPED },
    { "c11_mosaic_union", "gw.right", "795173", SNAPPED },
    { "c11_mosaic_union", "gw.top", "2050112", SNAPPED },
    { "c11_mosaic_union", "gw.bounds", "792928 2048697 795173 2050112", SNAPPED },
    { "c11_mosaic_union", "gw.transform", "5 0 792928 0 -5 2050112", SNAPPED },
    { "c11_mosaic_union", "gw.affine", "5 0 792928 0 -5 2050112 0 0 1", SNAPPED },
    { "c11_mosaic_union", "gw.chunk_grid_bounds.*", FOLLOWS, SNAPPED },
    { "c11_mosaic_union", "attrs.nodatavals", "nan nan nan nan", NAN_INSIDE },
    { "c11_mosaic_union", "attrs._FillValue", "nan", NAN_INSIDE },
    { "c11_mosaic_union", "gw.nodataval", "nan", NAN_INSIDE },
    { "c11_mosaic_union", "*.filename*", "rgbn_suba.tif rgbn_subb.tif", "dropped there" },
    // what gwt does not say, or says by other names
    { "c11_sensors", "names.*", NULL, "not in gwt: names in full" },
    { "c11_sensors", "central_um.*", NULL, "not in gwt: wavelengths" },
    { "c11_sensors", "altitude.*", NULL, "not in gwt: altitudes" },
    { "c10_*", "attrs.DataType", NULL, "a tag: not printed, gwt_attr has it (c11)" },
    { "c1?_*", "attrs._data_are_*", NULL, "num_files and shape say it" },
    { "c11_*", "gw.data_are_*", NULL, "num_files and shape say it" },
    { "c11_*", "gw.has_*", NULL, "every array has all four dims" },
    { "c11_*", "gw.array_is_dask", NULL, "dask's" },
    { "c11_*", "gw.filenames", "=attrs.filename", "only with persist_filenames there" },
    { "c11_*", "attrs._filenames", NULL, "info.filenames are always there" },
    { "c11_*", "attr_types.*", NULL, "types of Python" },
    { "c11_*", "coords.*.dtype", NULL, "types of numpy" },
    { "c11_*", "gw.geometry", NULL, POLYGON },
    { "c11_*", "gw.unary_union", NULL, POLYGON },
    { "c11_mosaic_union", "attrs.geometries", NULL, POLYGON }
};

static bool met[COUNT_OF(differences)];

// Index in the table, -1 when it is not listed.
static int find_difference(const char *row, const char *key)
{
    for (size_t i = 0; i < COUNT_OF(differences); i++)
        if (!fnmatch(differences[i].row, row, 0) && !fnmatch(differences[i].key, key, 0))
            return (int)i;
    return -1;
}

// geowombat drops all attributes in arithmetic, and some of its properties fail without them. Ours
// are those of the row where they were put back, or of the array that went in.
static const struct { const char *row, *like; } dropped[] = {
    { "c10_print_task_stack_noattrs", "c10_print_task_stack.txt" },
    { "c10_print_task_separate", "c10_print_task_stack.txt" },
    { "c10_print_time_mean", "c10_print_time.txt" },
    { "c11_product_noattrs", "c11_product.json" }
};

// ---- comparing --------------------------------------------------------------------------------

static bool same_word(const char *golden, size_t n, const char *ours, size_t m, double relative)
{
    char a[WORD], b[WORD], *end_a, *end_b;
    snprintf(a, sizeof a, "%.*s", (int)n, golden);
    snprintf(b, sizeof b, "%.*s", (int)m, ours);
    if (!strcmp(a, b)) return true;
    if (n > 3 && !strcmp(a + n - 3, "...")) return !strncmp(a, b, n - 3);  // xarray cuts lines
    double x = strtod(a, &end_a), y = strtod(b, &end_b);
    if (!*a || !*b || *end_a || *end_b) return false;
    return same_double(x, y) || fabs(x - y) <= relative * fabs(x);
}

// Lists of a value for each band have the length of the first file's bands there.
static bool same_values(const char *key, const char *golden, const char *ours, double relative)
{
    bool by_band = strstr(key, "nodatavals") || strstr(key, "scales") || strstr(key, "offsets");
    while (*golden && *ours) {
        size_t n = strcspn(golden, " "), m = strcspn(ours, " ");
        if (!same_word(golden, n, ours, m, relative)) return false;
        if (n > 3 && !strncmp(golden + n - 3, "...", 3)) return true;
        golden += n + (golden[n] == ' '), ours += m + (ours[m] == ' ');
    }
    return !*golden && (!*ours || by_band);
}

// Names of the same thing.
static const char *our_key(const char *key)
{
    static char text[KEY];
    if (!strcmp(key, "gw.bounds_as_namedtuple")) return "gw.bounds";
    if (strncmp(key, "gw.meta.", 8)) return key;
    snprintf(text, sizeof text, "gw.%s", key + 8);
    return text;
}

static int equal, listed, wrong;  // facts of a group

static bool as_listed(const char *row, const char *key, const facts *golden, const char *ours)
{
    int d = find_difference(row, our_key(key));
    if (d < 0) return false;
    const char *want = differences[d].ours;
    if (want && *want == '=') want = value_of(golden, want + 1);
    bool fine = want && ours ? same_values(key, want, ours, 0) : !want && !ours;
    fine |= want && !strcmp(want, FOLLOWS);
    listed += fine, met[d] = true;
    return fine;
}

static void report(const char *row, const char *key, const char *golden, const char *ours)
{
    bool other = find_difference(row, our_key(key)) >= 0;
    print_error("%s: %s is '%s', geowombat has '%s'%s\n", row, key, ours ? ours : "(none)",
                golden ? golden : "(none)", other ? ", and listed is another value" : "");
    wrong++;
}

// xarray prints the numbers of coordinates with four digits, and not all attributes.
static void compare(const char *row, const facts *golden, const facts *ours)
{
    bool text = !strncmp(row, "c10_", 4);
    for (int i = 0; i < golden->count; i++) {
        const char *key = golden->list[i].key, *values = golden->list[i].values;
        const char *mine = value_of(ours, our_key(key));
        double relative = text && strstr(key, "coords.") ? 5e-4 : DBL_EPSILON;
        if (mine && same_values(key, values, mine, relative)) equal++;
        else if (!as_listed(row, key, golden, mine)) report(row, key, values, mine);
    }
    for (int i = 0; i < ours->count && !text; i++) {
        const char *key = ours->list[i].key, *values = ours->list[i].values;
        if (value_of(golden, key) || as_listed(row, key, golden, values)) continue;
        report(row, key, NULL, values);
    }
}

// ---- making the arrays ------------------------------------------------------------------------

enum { MAX_INPUTS = 8, MAX_WORDS = 32 };

typedef struct job {
    golden_row *row;
    char *words[MAX_WORDS];
    int num_words;
    const char *paths[MAX_INPUTS];
    int num_inputs;
    gwt *g;
} job;

static const char *word_of(const job *j, const char *key)
{
    size_t n = strlen(key);
    for (int i = 0; i < j->num_words; i++)
        if (!strncmp(j->words[i], key, n) && j->words[i][n] == '=') return j->words[i] + n + 1;
    return NULL;
}

static double number_of(const job *j, const char *key)
{
    const char *text = word_of(j, key);
    REQUIRE(text, "%s: no %s in its operation", j->row->name, key);
    return strtod(text, NULL);
}

static gwt_optional optional_of(const job *j, const char *key)
{
    return word_of(j, key) ? gwt_some(number_of(j, key)) : (gwt_optional){ 0 };
}

// sensor, chunks, stack_dim and time_names: of all rows.
static gwt_open_options options_of(const job *j)
{
    static const char *const dates[] = { "2016-01-01", "2016-04-01", "2016-05-17", "2017-02-03",
                                         NULL };
    const char *chunks = word_of(j, "chunks"), *stack = word_of(j, "stack_dim");
    gwt_open_options o = { .sensor = word_of(j, "sensor") };
    if (chunks && *chunks == '(') sscanf(chunks, "(%d:%d)", &o.chunk_rows, &o.chunk_cols);
    else if (chunks) o.chunks = atoi(chunks);
    if (stack && j->num_inputs > 1) o.stack = !strcmp(stack, "time") ? GWT_TIME : GWT_BAND;
    if (word_of(j, "time_names")) o.time_names = dates;
    return o;
}

static gwt_array *open_with(const job *j, const gwt_open_options *o)
{
    return j->num_inputs == 1 ? gwt_open_with(j->g, j->paths[0], o)
                              : gwt_open_many_with(j->g, j->paths, (size_t)j->num_inputs, o);
}

// An open that is all of the row.
static gwt_array *make_open(const job *j)
{
    gwt_open_options o = options_of(j);
    o.nodata = optional_of(j, "nodata");
    o.scale_factor = optional_of(j, "scale_factor"), o.offset = optional_of(j, "offset");
    return open_with(j, &o);
}

static gwt_array *make_mosaic(const job *j)
{
    gwt_open_options o = options_of(j);
    assert_string_equal(word_of(j, "bounds_by"), "union");
    assert_string_equal(word_of(j, "overlap"), "mean");
    o.mosaic = true, o.bounds_by = GWT_UNION;
    return open_with(j, &o);
}

static gwt_array *make_bounds(const job *j)
{
    double b[4];
    gwt_open_options o = options_of(j);
    assert_int_equal(sscanf(word_of(j, "bounds"), "%lf:%lf:%lf:%lf", b, b + 1, b + 2, b + 3), 4);
    o.bounds = gwt_bounds_of(b[0], b[1], b[2], b[3]);
    return open_with(j, &o);
}

// size-truncated: whole cells only. Ours are those whose centres lie within: as many here.
static gwt_array *make_resampled(const job *j)
{
    gwt_open_options o = options_of(j);
    assert_string_equal(word_of(j, "resampling"), "bilinear");
    o.resampling = GWT_BILINEAR, o.res = number_of(j, "config.ref_res");
    return open_with(j, &o);
}

static gwt_array *open_inputs(const job *j)
{
    gwt_open_options o = options_of(j);
    return open_with(j, &o);
}

static gwt_array *make_masked(const job *j) { return gwt_mask_nodata(open_inputs(j)); }

static gwt_array *make_moving(const job *j)
{
    assert_string_equal(word_of(j, "stat"), "perc");
    return gwt_moving(open_inputs(j), .statistic = GWT_PERCENTILE, .window = (int)number_of(j, "w"),
                      .percentile = number_of(j, "perc"));
}

static gwt_array *make_subset(const job *j)
{
    double left = number_of(j, "left"), top = number_of(j, "top");
    return gwt_subset(open_inputs(j), gwt_bounds_of(left, top - 5 * number_of(j, "rows"),
                                                    left + 5 * number_of(j, "cols"), top));
}

static gwt_array *make_norm_diff(const job *j)
{
    return gwt_norm_diff(open_inputs(j), "green", "red", .nodata = gwt_some(0),
                         .scale_factor = gwt_some(1e-4));
}

static gwt_array *make_ndvi(const job *j)
{
    return gwt_spectral_index(open_inputs(j), "ndvi", .nodata = gwt_some(0));
}

static gwt_array *make_set_nodata(const job *j)
{
    return gwt_set_nodata(open_inputs(j), .src_nodata = gwt_some(0), .dst_nodata = gwt_some(65535),
                          .out_range = gwt_range(0, 1), .dtype = GWT_FLOAT64,
                          .scale_factor = gwt_some(1e-4));
}

static gwt_array *product(gwt_array *blue, gwt_array *green, gwt_array *red)
{
    return gwt_rename_bands(gwt_mul(gwt_mul(blue, green), red), (const char *const[]){ "results", NULL });
}

static gwt_array *make_product(const job *j)
{
    gwt_array *a = open_inputs(j);
    return product(gwt_sel(a, "blue"), gwt_sel(a, "green"), gwt_sel(a, "red"));
}

static gwt_array *make_separate_product(const job *j)
{
    gwt_array *a[3];
    for (int i = 0; i < 3; i++) a[i] = gwt_open(j->g, j->paths[i], .chunks = 256);
    return product(a[0], a[1], a[2]);
}

static gwt_array *make_time_mean(const job *j)
{
    return gwt_reduce(gwt_sel(open_inputs(j), "red"), GWT_TIME, GWT_MEAN);
}

// How a row is made, and words that its operation leaves out. Others are opens.
static const struct recipe {
    const char *name;
    gwt_array *(*make)(const job *j);
    const char *words;
} recipes[] = {
    { "c10_print_setnodata_stack", make_set_nodata, "stack_dim=band sensor=bgr chunks=256" },
    { "c10_print_task_stack_noattrs", make_product, "stack_dim=band sensor=bgr chunks=256" },
    { "c10_print_task_stack", make_product, "stack_dim=band sensor=bgr chunks=256" },
    { "c10_print_task_separate", make_separate_product, "" },
    { "c10_print_time_mean", make_time_mean, "stack_dim=time sensor=rgbn chunks=256" },
    { "c10_print_normdiff", make_norm_diff, "sensor=bgr" },
    { "c11_open_rgbn_chunks64x128", make_open, "chunks=(64:128)" },
    { "c11_moving_rgbn", make_moving, "" },
    { "c11_subset_rgbn", make_subset, "" },
    { "c11_masknodata_suba", make_masked, "" },
    { "c11_normdiff", make_norm_diff, "" },
    { "c11_setnodata", make_set_nodata, "sensor=bgr chunks=256" },
    { "c11_stack_band_setnodata", make_set_nodata, "stack_dim=band sensor=bgr chunks=256" },
    { "c11_config", make_open, "stack_dim=band" },
    { "c11_product_noattrs", make_product, "stack_dim=band sensor=bgr chunks=256" },
    { "c11_product", make_product, "stack_dim=band sensor=bgr chunks=256" },
    { "c11_stack_time_ndvi", make_ndvi, "stack_dim=time sensor=rgbn chunks=256" },
    { "c11_mosaic_union", make_mosaic, "" },
    { "c11_res10", make_resampled, "" },
    { "c11_open_bounds", make_bounds, "bounds=793488:2048882:794488:2049882" }
};

// Every word of an open that says something is one that make_open knows.
static void check_open(const job *j)
{
    static const char *const known[] = { "sensor", "chunks", "stack_dim", "time_names", "nodata",
                                         "scale_factor", "offset", "persist_filenames" };
    const char *operation = j->words[0];
    REQUIRE(!strcmp(operation, "open") || !strcmp(operation, "print(src)"),
            "%s: there is no recipe for '%s'", j->row->name, operation);
    for (int i = 1; i < j->num_words; i++) {
        size_t k = 0, n = strcspn(j->words[i], "=");
        if (!j->words[i][n]) continue;  // "not given"
        while (k < COUNT_OF(known) && (strlen(known[k]) != n || strncmp(known[k], j->words[i], n)))
            k++;
        REQUIRE(k < COUNT_OF(known), "%s: '%s' in its operation is unknown", j->row->name,
                j->words[i]);
    }
}

static gwt_array *make_row(job *j)
{
    char *files[MAX_INPUTS];
    static char words[400];
    const struct recipe *r = NULL;
    for (size_t i = 0; i < COUNT_OF(recipes); i++)
        if (!strcmp(recipes[i].name, j->row->name)) r = &recipes[i];
    // What the recipe says is found before what the operation does.
    snprintf(words, sizeof words, "%s %s", r ? r->words : "", j->row->operation);
    char *from = words + strspn(words, " ");
    j->num_words = split_text(from, ' ', j->words, MAX_WORDS);
    j->num_inputs = split_text(j->row->inputs, ';', files, MAX_INPUTS);
    for (int i = 0; i < j->num_inputs; i++) j->paths[i] = shared_path("data/%s", files[i]);
    if (!r) check_open(j);
    gwt_array *a = r ? r->make(j) : make_open(j);
    REQUIRE(a && gwt_status(j->g) == GWT_OK, "%s: %s", j->row->name, gwt_message(j->g));
    return a;
}

// ---- running a row ----------------------------------------------------------------------------

static void read_golden(facts *f, const char *name)
{
    size_t size;
    char *text = (char *)file_read(shared_path("golden/%s", name), &size);
    if (*text == '{') json_value(&(json){ text, f }, "");
    else read_print(f, text);
    free(text);
}

// Put in what geowombat has dropped.
static void restore_dropped(facts *f, const char *row)
{
    static facts full;
    const char *like = NULL;
    for (size_t i = 0; i < COUNT_OF(dropped); i++)
        if (!strcmp(dropped[i].row, row)) like = dropped[i].like;
    if (!like) return;
    read_golden(&full, like);
    for (int i = 0; i < full.count; i++) {
        const char *key = full.list[i].key, *here = value_of(f, key);
        bool lost = here ? !strncmp(here, "raises", 6) || !strcmp(here, "null")
                         : !strncmp(key, "attrs.", 6) || !strncmp(key, "gw.", 3);
        if (!lost) continue;
        fact *to = fact_named(f, key);
        *to->values = 0;
        add_words(f, key, full.list[i].values);
    }
    free_facts(&full);
}

// The session's options can be asked only by what they do.
static void read_session(facts *f, job *j)
{
    gwt_array *a = make_row(j);
    add_words(f, "sensor", gwt_describe(a)->sensor);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void read_sensors(facts *f)
{
    const char *names[100];
    char key[KEY];
    int n = 0;
    while (n < 100 && (names[n] = gwt_sensor_name((size_t)n))) n++;
    qsort(names, (size_t)n, sizeof *names, by_text);
    add_texts(f, "avail_sensors", names, n);
    for (int i = 0; i < n; i++) {
        const char *const *bands = gwt_sensor_bands(names[i]);
        for (int b = 0; bands[b]; b++) {
            snprintf(key, sizeof key, "wavelengths.%s.%s", names[i], bands[b]);
            add_number(f, key, b + 1);
        }
    }
}

static void run_row(golden_row *row)
{
    static facts golden, ours;
    bool config = !strcmp(row->name, "c11_config");
    job j = { .row = row, .g = gwt_begin(.num_workers = 2, .sensor = config ? "bgr" : NULL) };
    read_golden(&golden, row->output);
    restore_dropped(&golden, row->name);
    if (config) read_session(&ours, &j);
    else if (!strcmp(row->name, "c11_sensors")) read_sensors(&ours);
    else {
        gwt_array *a = make_row(&j);
        if (strstr(row->output, ".txt")) read_our_print(&ours, a);
        else read_info(&ours, a);
        if (value_of(&golden, "coords._nodata_mask.sum")) read_mask(&ours, j.g, a);
    }
    compare(row->name, &golden, &ours);
    free_facts(&golden);
    free_facts(&ours);
    assert_int_equal(gwt_end(j.g), 0);
}

static void run_group(const char *prefix)
{
    if (!shared_dir()) skip_loudly("../shared absent");
    equal = listed = wrong = 0;
    int rows = golden_rows(prefix, run_row);
    print_message("%s: %d rows, %d facts equal geowombat's, %d differ as listed\n", prefix, rows,
                  equal, listed);
    REQUIRE(wrong == 0, "%d facts of %s are neither geowombat's nor listed", wrong, prefix);
}

static void printed(void **state)
{
    (void)state;
    run_group("c10_");
}

static void described(void **state)
{
    (void)state;
    run_group("c11_");
}

// Runs last: a difference that is not there is out of date.
static void all_differences_met(void **state)
{
    (void)state;
    if (!shared_dir()) skip_loudly("../shared absent");
    for (size_t i = 0; i < COUNT_OF(differences); i++)
        REQUIRE(met[i], "%s, %s (%s) is in the table and was not met",
                differences[i].row, differences[i].key, differences[i].reason);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printed),
        cmocka_unit_test(described),
        cmocka_unit_test(all_differences_met),
    };
    return cmocka_run_group_tests_name("golden attributes", tests, temp_begin, temp_end);
}
