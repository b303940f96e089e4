// inputs.c - see inputs.h.
//
//   names --wildcards--> files --dates--> files in order
//         --stack, group, mosaic, or each by itself, on one grid--> arrays
//         --crop, thin, select--> arrays

#define _POSIX_C_SOURCE 200809L

#include "inputs.h"
#include "groups.h"
#include "times.h"

#include <errno.h>
#include <glob.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ---- options ----------------------------------------------------------------------------------

const cli_choice input_dims[] = { { "time", GWT_TIME }, { "band", GWT_BAND }, { NULL, 0 } };
const cli_choice input_orders[] = { { "date", true }, { "given", false }, { NULL, 0 } };
const cli_choice input_overlaps[] = {
    { "mean", GWT_MEAN }, { "min", GWT_MIN }, { "max", GWT_MAX }, { "first", GWT_FIRST },
    { "last", GWT_LAST }, { NULL, 0 }
};
const cli_choice input_bounds_bys[] = {
    { "same", GWT_SAME_GRID }, { "reference", GWT_REFERENCE }, { "union", GWT_UNION },
    { "intersection", GWT_INTERSECTION }, { NULL, 0 }
};
const cli_choice input_dtypes[] = {
    { "uint8", GWT_UINT8 }, { "int8", GWT_INT8 }, { "uint16", GWT_UINT16 },
    { "int16", GWT_INT16 }, { "uint32", GWT_UINT32 }, { "int32", GWT_INT32 },
    { "uint64", GWT_UINT64 }, { "int64", GWT_INT64 }, { "float32", GWT_FLOAT32 },
    { "float64", GWT_FLOAT64 }, { "byte", GWT_UINT8 }, { NULL, 0 }
};
const cli_choice input_bad_tiles[] = { { "fail", 0 }, { "fill", 1 }, { NULL, 0 } };
const cli_choice input_parts[] = {
    { "real", GWT_REAL }, { "imag", GWT_IMAGINARY }, { "imaginary", GWT_IMAGINARY },
    { "abs", GWT_MAGNITUDE }, { "magnitude", GWT_MAGNITUDE }, { "phase", GWT_PHASE }, { NULL, 0 }
};
const cli_choice input_resamplings[] = {
    { "nearest", GWT_NEAREST }, { "bilinear", GWT_BILINEAR }, { "cubic", GWT_CUBIC },
    { "average", GWT_AVERAGE }, { NULL, 0 }
};

// What missions publish of their integers, value = stored * scale + offset.
typedef struct collection { double scale, offset; } collection;

enum { LANDSAT_C2_SR = 1, LANDSAT_C2_ST, SENTINEL_2_L2A };
static const collection collections[] = {
    // https://www.usgs.gov/faqs/how-do-i-use-a-scale-factor-landsat-level-2-science-products
    [LANDSAT_C2_SR] = { 0.0000275, -0.2 },      // surface reflectance
    [LANDSAT_C2_ST] = { 0.00341802, 149 },      // surface temperature, kelvin
    // (stored + BOA_ADD_OFFSET) / BOA_QUANTIFICATION_VALUE, of products since baseline 04.00 (25
    // January 2022): Sentinel-2 Products Specification Document, ESA
    [SENTINEL_2_L2A] = { 0.0001, -0.1 }
};
const cli_choice input_collections[] = {
    { "landsat-c2-sr", LANDSAT_C2_SR }, { "landsat-c2-st", LANDSAT_C2_ST },
    { "sentinel-2-l2a", SENTINEL_2_L2A }, { NULL, 0 }
};

int inputs_check(const cli_command *command, const input_options *o)
{
    if (o->res.set && !(o->res.value > 0))
        return cli_usage_error(command, "--res wants a cell larger than 0, not %g", o->res.value);
    if (o->stack && o->mosaic != NO_MOSAIC)
        return cli_usage_error(command, "--stack or --mosaic, not both");
    if (o->group_by && (o->stack || o->mosaic != NO_MOSAIC))
        return cli_usage_error(command, "--group-by stacks by itself: no --stack, no --mosaic");
    if (o->collection && (o->scale.set || o->offset.set))
        return cli_usage_error(command, "--collection says the scale and the offset: none may be "
                               "given beside it");
    return o->group_by ? groups_check(command, o->group_by) : CLI_GO_ON;
}

// ---- files ------------------------------------------------------------------------------------

static bool is_there(const char *path) { return access(path, F_OK) == 0; }

static bool is_pattern(const char *name) { return strpbrk(name, "*?[") && !is_there(name); }

static bool add_path(file_list *files, const char *path)
{
    size_t n = files->count;
    if ((n & (n - 1)) == 0) {  // full: 0, 1, 2, 4, ..
        const char **more = realloc(files->paths, (n ? 2 * n : 1) * sizeof *more);
        if (!more) return false;
        files->paths = more;
    }
    files->paths[n] = strdup(path);
    files->count += files->paths[n] != NULL;
    return files->paths[n] != NULL;
}

// False when memory gave out. A pattern that stands for nothing adds nothing.
static bool add_matches(file_list *files, const char *pattern)
{
    glob_t found;
    int status = glob(pattern, 0, NULL, &found);
    if (status != 0) return status == GLOB_NOMATCH;
    bool added = true;
    for (size_t i = 0; i < found.gl_pathc && added; i++)
        added = add_path(files, found.gl_pathv[i]);
    globfree(&found);
    return added;
}

bool file_list_find(file_list *files, char *const *names, size_t count)
{
    *files = (file_list){ .count = 0 };
    for (size_t i = 0; i < count; i++) {
        size_t before = files->count;
        bool added = is_pattern(names[i]) ? add_matches(files, names[i])
                                          : add_path(files, names[i]);
        if (added && files->count > before) continue;
        if (added) cli_error("%s: matches no file", names[i]);
        else cli_error("out of memory");
        file_list_free(files);
        return false;
    }
    return true;
}

void file_list_free(file_list *files)
{
    for (size_t i = 0; i < files->count; i++) free((char *)files->paths[i]);
    free(files->paths);
    *files = (file_list){ .count = 0 };
}

bool file_list_find_one(file_list *files, char *name)
{
    if (!file_list_find(files, &name, 1)) return false;
    if (files->count == 1) return true;
    cli_error("%s: matches %zu files, where one is wanted: %s, %s%s", name, files->count,
              files->paths[0], files->paths[1], files->count > 2 ? ", .." : "");
    file_list_free(files);
    return false;
}

bool file_list_has(const char *name)
{
    file_list files = { .count = 0 };
    bool has = is_pattern(name) ? add_matches(&files, name) && files.count : is_there(name);
    file_list_free(&files);
    return has;
}

// ---- all files as one array -------------------------------------------------------------------

// The dates of the files, "2016-05-17", for gwt_open_many; NULL when one has none (or there is no
// memory: then times are called 1, 2, ..). Yours to free.
static const char **date_names(const file_list *files)
{
    enum { SIZE = 16 };
    const char **names = calloc(files->count + 1, sizeof *names + SIZE);
    char *text = names ? (char *)(names + files->count + 1) : NULL;
    for (size_t i = 0; names && i < files->count; i++, text += SIZE) {
        int date = gwt_date_of(files->paths[i]);
        if (!date) {
            free(names);
            return NULL;
        }
        snprintf(text, SIZE, "%04d-%02d-%02d", date / 10000, date / 100 % 100, date % 100);
        names[i] = text;
    }
    return names;
}

static gwt_array *open_joined(gwt *g, const file_list *files, const input_options *o,
                              gwt_open_options how, const gwt_array *reference)
{
    const char **dates = o->stack == GWT_TIME ? date_names(files) : NULL;
    how.stack = (gwt_dim)o->stack;
    how.mosaic = o->mosaic != NO_MOSAIC;
    how.overlap = how.mosaic ? (gwt_stat)o->mosaic : GWT_MEAN;
    how.bounds_by = (gwt_bounds_by)o->bounds_by;
    how.reference = reference;
    how.time_names = dates;
    gwt_array *all = gwt_open_many_with(g, files->paths, files->count, &how);
    free(dates);
    return all;
}

// ---- each file as an array --------------------------------------------------------------------

// An array that lies on the grid that bounds_by makes of all; it is never computed. One band of
// each is enough, whatever their types.
static gwt_array *common_grid(gwt *g, gwt_array *const *arrays, size_t n, const input_options *o)
{
    gwt_array **bands = calloc(n, sizeof *bands), *grid = NULL;
    if (!bands) gwt_fail(g, GWT_E_MEMORY, "out of memory");
    for (size_t i = 0; bands && i < n; i++)
        bands[i] = gwt_cast(gwt_sel(arrays[i], "1"), GWT_FLOAT64);
    if (bands)
        grid = gwt_mosaic(bands, n, (gwt_bounds_by)o->bounds_by, GWT_FIRST, GWT_NEAREST);
    free(bands);
    return grid;
}

static void open_each(gwt *g, gwt_array **arrays, const file_list *files, const input_options *o,
                      gwt_open_options how, const gwt_array *reference)
{
    for (size_t i = 0; i < files->count; i++)
        arrays[i] = gwt_open_with(g, files->paths[i], &how);
    if (!o->reference && !o->bounds_by) return;
    if (!o->reference) reference = common_grid(g, arrays, files->count, o);
    for (size_t i = 0; i < files->count; i++)
        arrays[i] = gwt_align(arrays[i], reference, (gwt_resampling)o->resampling);
}

// ---- files by groups --------------------------------------------------------------------------

static bool is_float(gwt_dtype t) { return t >= GWT_FLOAT32; }

static bool is_signed(gwt_dtype t)
{
    return t == GWT_INT8 || t == GWT_INT16 || t == GWT_INT32 || t == GWT_INT64;
}

// Whether each value of one type is one of another.
static bool contains(gwt_dtype outer, gwt_dtype inner)
{
    size_t size = gwt_dtype_size(outer), needed = gwt_dtype_size(inner);
    if (is_float(inner)) return is_float(outer) && size >= needed;
    if (is_float(outer)) return size > needed;
    if (is_signed(inner)) return is_signed(outer) && size >= needed;
    return is_signed(outer) ? size > needed : size >= needed;
}

// The smallest type that holds the values of all; none when there is none.
static gwt_dtype common_dtype(gwt_array *const *arrays, size_t n)
{
    for (int t = GWT_UINT8; t <= GWT_FLOAT64; t++) {
        size_t i = 0;
        while (i < n && contains((gwt_dtype)t, gwt_describe(arrays[i])->dtype)) i++;
        if (i == n) return (gwt_dtype)t;
    }
    return GWT_DTYPE_NONE;
}

// Bands of a type that is not the others' get one that holds all. (gwt_stack refuses those that no
// type holds.)
static gwt_array *stack_bands(gwt_array **bands, size_t n)
{
    gwt_dtype dtype = common_dtype(bands, n);
    for (size_t b = 0; b < n && dtype; b++)
        if (gwt_describe(bands[b])->dtype != dtype) bands[b] = gwt_cast(bands[b], dtype);
    return n == 1 ? bands[0] : gwt_stack(bands, n, GWT_BAND);
}

// A band of all scenes, called as it is in the names of the files.
static gwt_array *open_band(gwt *g, const groups *all, size_t band, const gwt_open_options *how)
{
    const char *names[] = { all->bands[band], NULL };
    const char *const *paths = all->paths + band * all->num_scenes;
    gwt_array *a = gwt_open_many_with(g, paths, all->num_scenes, how);
    if (!a || !all->has_bands) return a;
    if (gwt_describe(a)->shape[1] == 1) return gwt_rename_bands(a, names);
    gwt_fail(g, GWT_E_ARGUMENT, "%s has %lld bands, where {band} of --group-by stands for one",
             paths[0], (long long)gwt_describe(a)->shape[1]);
    return NULL;
}

// The names that are asked for: given, or the sensor's where it has as many.
static gwt_array *name_bands(gwt_array *a, const input_options *o)
{
    const char *const *names = o->sensor ? gwt_sensor_bands(o->sensor) : NULL;
    int64_t n = 0;
    while (names && names[n]) n++;
    if (o->band_names.count) return gwt_rename_bands(a, (const char *const *)o->band_names.items);
    return names && a && n == gwt_describe(a)->shape[1] ? gwt_rename_bands(a, names) : a;
}

// The files come into the order of the groups, as --sort date puts them into that of their dates.
static gwt_array *open_groups(gwt *g, file_list *files, const input_options *o,
                              gwt_open_options how, const gwt_array *reference)
{
    groups all;
    gwt_array **arrays = calloc(files->count, sizeof *arrays), *a = NULL;
    if (!arrays) gwt_fail(g, GWT_E_MEMORY, "out of memory");
    bool good = arrays && groups_find(g, &all, o->group_by, files);
    if (good) memcpy(files->paths, all.paths, files->count * sizeof *files->paths);
    if (good && o->bounds_by && !o->reference) {    // of all bands, not of one
        for (size_t i = 0; i < files->count; i++)
            arrays[i] = gwt_open_with(g, files->paths[i], &how);
        reference = common_grid(g, arrays, files->count, o);
    }
    how.stack = GWT_TIME;
    how.reference = reference;
    how.time_names = good ? all.time_names : NULL;
    if (good && all.has_bands) how.band_names = NULL;
    for (size_t b = 0; good && b < all.num_bands; b++) arrays[b] = open_band(g, &all, b, &how);
    if (good) a = stack_bands(arrays, all.num_bands);
    if (good && all.has_bands) a = name_bands(a, o);
    if (arrays) groups_free(&all);
    free(arrays);
    return a;
}

// ---- files of several times --------------------------------------------------------------------

// How many times the files are together, where some are several; 0 where none is.
static size_t count_times(gwt *g, const file_list *files, gwt_complex part)
{
    size_t times = 0;
    for (size_t i = 0; i < files->count; i++)
        times += (size_t)times_of_bands(gwt_open(g, files->paths[i], .ignore_mask = true,
                                                 .complex_part = part));
    return times > files->count ? times : 0;
}

// All times of all files, called as the bands are, else by the date of the file or their number.
static gwt_array *open_times(gwt *g, const file_list *files, const input_options *o, size_t count,
                             gwt_open_options how, const gwt_array *reference)
{
    gwt_array **list = calloc(count, sizeof *list), *all = NULL;
    const char **names = calloc(count + 1, sizeof *names);
    char *texts = calloc(count, CLI_WORD);
    bool good = list && names && texts;
    if (!good) gwt_fail(g, GWT_E_MEMORY, "out of memory");
    how.band_names = NULL;
    for (size_t f = 0, i = 0; good && f < files->count; f++) {
        gwt_array *a = gwt_open_with(g, files->paths[f], &how);
        int64_t times = times_of_bands(a), date = gwt_date_of(files->paths[f]);
        for (int64_t t = 0; t < times && i < count; t++, i++) {
            char *text = texts + i * CLI_WORD;
            names[i] = text;
            list[i] = times > 1 ? times_pick(g, a, times, t, text) : a;
            if (times == 1 && date) snprintf(text, CLI_WORD, "%04d-%02d-%02d", (int)date / 10000,
                                             (int)date / 100 % 100, (int)date % 100);
            else if (times == 1) snprintf(text, CLI_WORD, "%zu", i + 1);
        }
    }
    if (good && o->bounds_by && !o->reference) reference = common_grid(g, list, count, o);
    for (size_t i = 0; good && reference && i < count; i++)
        list[i] = gwt_align(list[i], reference, (gwt_resampling)o->resampling);
    if (good) all = name_bands(gwt_rename_times(gwt_stack(list, count, GWT_TIME), names), o);
    free(list);
    free(names);
    free(texts);
    return all;
}

// ---- all of them -------------------------------------------------------------------------------

static const char *const *names_of(const cli_list *list)
{
    return list->count ? (const char *const *)list->items : NULL;
}

static gwt_optional src_nodata(const input_options *o)
{
    return o->src_nodata.set ? o->src_nodata : o->nodata;
}

// Whether outputs of a type can store a whole number; of none, which is the result's own, they can.
static bool holds(gwt_dtype dtype, double value)
{
    double all = ldexp(1, 8 * (int)gwt_dtype_size(dtype));
    double least = gwt_dtype_name(dtype)[0] == 'u' ? 0 : -all / 2;
    if (dtype == GWT_DTYPE_NONE || dtype == GWT_FLOAT32 || dtype == GWT_FLOAT64) return true;
    return value >= least && value < least + all;
}

// A result may have a nodata value of its own, which none of its pixels is, as any other might be:
// 255 of comparisons and logic, -1 of argmax, what classes leave free. --nodata speaks of the
// inputs first, and all that come of those have it.
gwt_optional inputs_dst_nodata(const input_options *o, gwt_array *result, gwt_dtype dtype)
{
    gwt_optional own = gwt_describe(result)->nodata, src = src_nodata(o), none = { .set = false };
    if (o->dst_nodata.set) return o->dst_nodata;
    if (own.set && src.set && own.value != src.value && holds(dtype, own.value)) return none;
    return o->nodata;
}

gwt_array *inputs_cut(gwt_array *a, const input_options *o)
{
    const double *w = o->window.values, *b = o->bounds.values;  // left, bottom, right, top
    if (o->window.set)
        a = gwt_window(a, (int64_t)w[0], (int64_t)w[1], (int64_t)w[2], (int64_t)w[3]);
    if (o->bounds.set) a = gwt_subset(a, gwt_bounds_of(b[0], b[1], b[2], b[3]));
    return o->every ? gwt_every(a, o->every) : a;
}

// What is to be kept of an array.
static gwt_array *part_of(gwt_array *a, const input_options *o)
{
    a = inputs_cut(a, o);
    return o->select.count ? gwt_sel_bands(a, names_of(&o->select)) : a;
}

// Whether the sensor names the bands: of each file, or of what they are joined to.
static void check_sensor(gwt_array *const *arrays, size_t count, const file_list *files,
                         const input_options *o)
{
    bool joined = count < files->count;
    for (size_t i = 0; i < count && !o->band_names.count; i++) {
        const char *what = !joined                   ? files->paths[i]
                         : o->stack || o->group_by ? "the stack" : "the mosaic";
        cli_check_sensor(o->sensor, arrays[i], what, count > 1 ?
                         "; --stack band makes the bands of all files those of one" : "");
    }
}

gwt_array **inputs_open(gwt *g, file_list *files, const input_options *o, size_t *count)
{
    bool joined = o->stack || o->group_by || o->mosaic != NO_MOSAIC;
    *count = joined ? 1 : files->count;
    gwt_array **arrays = calloc(*count, sizeof *arrays);
    if (!arrays) {
        gwt_fail(g, GWT_E_MEMORY, "out of memory");
        return NULL;
    }
    if (o->by_date) gwt_sort_by_date(files->paths, files->count);
    const collection *preset = o->collection ? &collections[o->collection] : NULL;
    gwt_optional scale = preset ? gwt_some(preset->scale) : o->scale;
    gwt_optional offset = preset ? gwt_some(preset->offset) : o->offset;
    gwt_open_options how = { .chunks = o->chunks, .band_names = names_of(&o->band_names),
                             .nodata = src_nodata(o), .fill_bad_tiles = o->bad_tiles,
                             .ignore_mask = o->ignore_mask, .alpha_mask = o->alpha_mask,
                             .complex_part = (gwt_complex)o->part,
                             .scale_data = o->scale_data || scale.set || offset.set,
                             .scale_factor = scale, .offset = offset, .res = o->res.value,
                             .no_overviews = o->no_overviews, .overview = o->overview,
                             .resampling = (gwt_resampling)o->resampling };
    gwt_array *reference = NULL;
    if (o->reference) reference = gwt_open(g, o->reference, .ignore_mask = true);
    size_t times = o->stack == GWT_TIME ? count_times(g, files, how.complex_part) : 0;
    if (times) arrays[0] = open_times(g, files, o, times, how, reference);
    else if (o->group_by) arrays[0] = open_groups(g, files, o, how, reference);
    else if (joined) arrays[0] = open_joined(g, files, o, how, reference);
    else open_each(g, arrays, files, o, how, reference);
    check_sensor(arrays, *count, files, o);
    for (size_t i = 0; i < *count; i++) arrays[i] = part_of(arrays[i], o);
    return arrays;
}

// ---- expressions over them --------------------------------------------------------------------

enum { EXPRESSION_MAX = 1 << 24 };    // 65,536 classes are some megabytes

// The text of a file; NULL when it can't be read, which has been printed.
static const char *read_text(const char *path)
{
    static struct text { struct text *next; char text[]; } *all;    // until the process ends
    FILE *file = fopen(path, "rb");
    struct text *t = file ? malloc(sizeof *t + EXPRESSION_MAX + 1) : NULL;
    size_t n = t ? fread(t->text, 1, EXPRESSION_MAX + 1, file) : 0;
    bool good = t && !ferror(file) && n <= EXPRESSION_MAX && !memchr(t->text, 0, n);
    if (!file || ferror(file)) cli_error("%s: %s", path, strerror(errno));
    else if (!good) cli_error("%s: %s", path, !t ? "out of memory" : n > EXPRESSION_MAX
                              ? "longer than any expression" : "not a text");
    if (file) fclose(file);
    if (!good) {
        free(t);
        return NULL;
    }
    t->text[n] = 0;
    t->next = all;
    all = t;
    return t->text;
}

bool inputs_read_expressions(const char **expressions, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (expressions[i][0] == '@' && !(expressions[i] = read_text(expressions[i] + 1)))
            return false;
    return true;
}

// Whether file i says where the pixels of all lie.
static bool gives_grid(const input_options *o, size_t i)
{
    if (o->reference || !o->bounds_by) return false;
    return o->bounds_by != GWT_REFERENCE || i == 0;
}

// The first few that are not used, and how many more; false when all are.
static bool list_unused(const file_list *files, const input_options *o, const bool *used,
                        char *text, size_t size)
{
    enum { SHOWN = 3 };
    size_t unused = 0, length = 0;
    for (size_t i = 0; i < files->count; i++) {
        if (used[i] || gives_grid(o, i) || unused++ >= SHOWN) continue;
        int n = snprintf(text + length, size - length, "%s%s", length ? ", " : "",
                         files->paths[i]);
        if (n > 0) length = length + (size_t)n < size ? length + (size_t)n : size - 1;
    }
    if (unused > SHOWN)
        snprintf(text + length, size - length, " and %zu more", unused - SHOWN);
    return unused > 0;
}

void inputs_calc(gwt *g, const file_list *files, const input_options *o, gwt_array *const *arrays,
                 size_t count, const char *const *expressions, size_t n, gwt_array **results)
{
    char names[1024];
    bool *used = calloc(count ? count : 1, sizeof *used);
    if (!used) gwt_fail(g, GWT_E_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++)
        results[i] = gwt_calc(arrays, count, expressions[i], .used = used);
    if (used && count == files->count && count > 1 && gwt_status(g) == GWT_OK && !o->allow_unused
        && list_unused(files, o, used, names, sizeof names))
        gwt_fail(g, GWT_E_ARGUMENT, "no expression uses %s: --mosaic and --stack make one array of "
                 "all files, --allow-unused leaves out what is not used", names);
    free(used);
}
