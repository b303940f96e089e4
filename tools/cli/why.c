// why.c - gwt why: what a pixel of gwt calc's output is made of.
//
//   source values, as stored --scales--> values of the inputs --expression--> values on the way
//         --> the result --type, nodata--> what gwt calc stores
//
// All of it is computed by gwt, of one pixel of the result: so windows, resampling and mosaics see
// what they see in gwt calc. Which values there are on the way, gwt_calc tells.

#define _POSIX_C_SOURCE 200809L

#include "cli.h"
#include "inputs.h"
#include "../json.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct why_args {
    input_options inputs;
    cli_list at, rowcol;       // as given, "X,Y" and "ROW,COL"
    const char *points;
    int dtype;
    bool json;
} why_args;

// ---- the command line -------------------------------------------------------------------------

#define HEADING(text) { .name = text, .kind = CLI_HEADING }
#define TO(field) offsetof(why_args, field)

static const cli_option options[] = {
    HEADING("pixels"),
    { 0, "at", CLI_LIST, TO(at), "X,Y",
      "the pixel at X, Y in units of the CRS; may be given several times", 0, 0, NULL },
    { 0, "rowcol", CLI_LIST, TO(rowcol), "ROW,COL",
      "the pixel of the result at ROW, COL (from 0); likewise", 0, 0, NULL },
    { 0, "points", CLI_TEXT, TO(points), "FILE", "those at X,Y of each line of FILE", 0, 0, NULL },
#include "input_options.h"

    HEADING("output"),
    { 0, "dtype", CLI_CHOICE, TO(dtype), "T", "as of gwt calc: the type that is stored", 0, 0,
      input_dtypes },
    CLI_CHUNKS(TO(inputs.chunks)),
    { 0, "json", CLI_FLAG, TO(json), NULL, "a JSON array, of one object for each pixel", 0, 0,
      NULL },
    CLI_END
};

static const cli_command command = {
    .name = "gwt why", .synopsis = "EXPR FILE... --at X,Y | --rowcol ROW,COL [options]",
    .summary = "Explain pixels of what gwt calc would make of the same EXPR, FILEs and options:\n"
               "what the files hold there, what each part of EXPR comes to, what is stored.",
    .details =
        "Of a source pixel: its value as stored; why it is missing, if it is; and its value in\n"
        "EXPR where that is another one, by scales or resampling. Windows and resampling use\n"
        "pixels around it as well, which are not listed.\n"
        "\n"
        "  gwt why 'ndvi()' scene.tif --sensor l8 --rowcol 1200,340\n"
        "  gwt why 't = b1 / b2; clip(t, 0, 1)' scene.tif --at 583785,7512315 --json\n",
    .options = options, .min_arguments = 2, .max_arguments = 1 << 20,
    .wanted = "an expression and at least one file"
};

// A pixel as asked for.
typedef struct wish { bool by_place; double x, y; } wish;       // else row y, column x

typedef struct wishes { wish *list; size_t count; } wishes;

static bool add_wish(wishes *w, wish one)
{
    if ((w->count & (w->count - 1)) == 0) {  // full: 0, 1, 2, 4, ..
        wish *more = realloc(w->list, (w->count ? 2 * w->count : 1) * sizeof *more);
        if (!more) return cli_error("out of memory"), false;
        w->list = more;
    }
    w->list[w->count++] = one;
    return true;
}

// Two numbers with a comma, or else blanks, between them, and nothing more.
static bool read_two(const char *text, double two[2])
{
    char word[2][CLI_WORD], rest;
    if (sscanf(text, " %63[^, \t\r\n] , %63[^, \t\r\n] %c", word[0], word[1], &rest) != 2
        && sscanf(text, " %63[^, \t\r\n] %63[^, \t\r\n] %c", word[0], word[1], &rest) != 2)
        return false;
    return cli_read_number(word[0], &two[0]) && cli_read_number(word[1], &two[1])
        && isfinite(two[0]) && isfinite(two[1]);
}

static int read_list(const cli_list *list, bool by_place, wishes *w)
{
    double two[2];
    for (size_t i = 0; i < list->count; i++) {
        bool good = read_two(list->items[i], two);
        if (!by_place)
            for (int k = 0; k < 2; k++)
                good = good && two[k] >= 0 && two[k] <= INT_MAX && two[k] == floor(two[k]);
        if (!good)
            return cli_usage_error(&command, "%s, not '%s'", by_place ? "--at wants X,Y"
                                   : "--rowcol wants ROW,COL", list->items[i]);
        if (!add_wish(w, by_place ? (wish){ true, two[0], two[1] }
                                  : (wish){ false, two[1], two[0] })) return CLI_FAILED;
    }
    return CLI_GO_ON;
}

static int read_points(const char *path, wishes *w)
{
    char line[256];
    double two[2];
    FILE *file = fopen(path, "r");
    if (!file) return cli_error("%s: %s", path, strerror(errno));
    int status = CLI_GO_ON;
    for (long number = 1; status == CLI_GO_ON && fgets(line, sizeof line, file); number++) {
        if (line[strspn(line, " \t\r\n")] == '\0' || line[0] == '#') continue;
        line[strcspn(line, "\r\n")] = '\0';
        if (!read_two(line, two))
            status = cli_error("%s: line %ld is not X,Y: '%s'", path, number, line);
        else if (!add_wish(w, (wish){ true, two[0], two[1] })) status = CLI_FAILED;
    }
    if (ferror(file) && status == CLI_GO_ON) status = cli_error("%s: %s", path, strerror(errno));
    fclose(file);
    return status;
}

static int read_wishes(const why_args *args, wishes *w)
{
    int status = read_list(&args->at, true, w);
    if (status == CLI_GO_ON) status = read_list(&args->rowcol, false, w);
    if (status == CLI_GO_ON && args->points) status = read_points(args->points, w);
    if (status != CLI_GO_ON || w->count) return status;
    return cli_usage_error(&command, "no pixel: --at, --rowcol or --points says which");
}

// ---- what the expression is made of -----------------------------------------------------------

typedef struct value {
    const char *text;
    char *name;                // of a statement; to be freed
    size_t length;
    const gwt_array *array;
} value;

// A band of a file that is a plane of an input of the expression.
typedef struct source {
    size_t file;
    int64_t band;              // from 0
    size_t input;
    int64_t plane;
} source;

typedef struct explanation {
    gwt *g;
    const why_args *args;
    const file_list *files;
    gwt_array **inputs;        // of the expression
    gwt_array **whole;         // the same without a selection of bands and pixels
    gwt_array **raw;           // each file, as it is
    gwt_array **bare;          // the same without what a mask or alpha hides
    size_t num_inputs;
    gwt_array *result;
    bool *used;                // of the inputs: since the last value
    value *values;
    size_t num_values;
    source *sources;
    size_t num_sources;
} explanation;

static int64_t num_planes(const gwt_array *a)
{
    return gwt_describe(a)->shape[0] * gwt_describe(a)->shape[1];
}

// Room for one more in a list of n; false, and an error, when there is none.
static bool grow(gwt *g, void *list, size_t n, size_t size)
{
    void **to = list;
    if (n & (n - 1)) return true;
    void *more = realloc(*to, (n ? 2 * n : 1) * size);
    if (more) *to = more;
    else gwt_fail(g, GWT_E_MEMORY, "out of memory");
    return more != NULL;
}

static void add_source(explanation *e, source s)
{
    for (size_t i = 0; i < e->num_sources; i++)
        if (e->sources[i].input == s.input && e->sources[i].plane == s.plane
            && e->sources[i].file == s.file) return;
    if (grow(e->g, &e->sources, e->num_sources, sizeof *e->sources))
        e->sources[e->num_sources++] = s;
}

// The bands of files behind a plane of an input: several, where files overlap in a mosaic.
static void add_plane(explanation *e, size_t input, int64_t plane)
{
    const input_options *o = &e->args->inputs;
    bool mosaic = o->mosaic != NO_MOSAIC;
    int64_t of_whole = plane, bands = gwt_describe(e->whole[input])->shape[1];
    if (o->select.count) {
        gwt_array *chosen =
            gwt_sel_bands(e->whole[input], (const char *const *)o->select.items);
        of_whole = gwt_find_plane(chosen, plane, e->whole[input]);
    }
    source s = { input, of_whole, input, plane };
    for (size_t f = 0; mosaic && f < e->files->count; f++) {
        s.file = f;
        add_source(e, s);
    }
    if (mosaic) return;
    if (o->group_by) {          // a file for each band of each scene, or for each scene
        int64_t times = gwt_describe(e->whole[input])->shape[0], band = of_whole % bands;
        bool of_one_band = (int64_t)e->files->count > times;
        s.file = (size_t)((of_one_band ? band * times : 0) + of_whole / bands);
        s.band = of_one_band ? 0 : band;
    } else if (o->stack) {      // all of a file, then all of the next one
        s.file = 0;
        while (s.band >= gwt_describe(e->raw[s.file])->shape[1])
            s.band -= gwt_describe(e->raw[s.file++])->shape[1];
    }
    add_source(e, s);
}

// x(), row() and so on: of an array, but not of its pixels.
static bool is_place(const gwt_calc_value *v)
{
    static const char *const names[] = { "x", "y", "row", "col", "lon", "lat" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i]);
        if (v->length > n && strncmp(v->text, names[i], n) == 0 && strchr(" (", v->text[n]))
            return true;
    }
    return false;
}

// What a value uses of inputs that no value before it does: it is a part of one, or an index,
// which finds its bands itself and may use any.
static void note_sources(explanation *e, const gwt_calc_value *v)
{
    for (size_t i = 0; i < e->num_inputs; i++) {
        if (!e->used[i]) continue;
        e->used[i] = false;
        for (int64_t p = 0; p < num_planes(v->array); p++) {
            int64_t plane = gwt_find_plane(v->array, p, e->inputs[i]);
            if (plane >= 0) add_plane(e, i, plane);
        }
        bool chosen = gwt_find_plane(v->array, 0, e->inputs[i]) >= 0;
        for (int64_t p = 0; !chosen && !is_place(v) && p < num_planes(e->inputs[i]); p++)
            add_plane(e, i, p);
    }
}

// A gwt_calc_fn. What is there twice, in parentheses or by its name, is noted once.
static void note_value(const gwt_calc_value *v, void *user)
{
    explanation *e = user;
    note_sources(e, v);
    for (size_t i = 0; i < e->num_values; i++) {
        value *old = &e->values[i];
        bool same_text = old->length == v->length && memcmp(old->text, v->text, v->length) == 0;
        if (old->array != v->array && !(same_text && gwt_find_plane(v->array, 0, old->array) == 0))
            continue;
        if (v->name && !old->name) old->name = strdup(v->name);
        return;
    }
    if (grow(e->g, &e->values, e->num_values, sizeof *e->values))
        e->values[e->num_values++] = (value){ v->text, NULL, v->length, v->array };
}

// The files as such, with what the command line says is missing in them.
static bool open_raw(explanation *e)
{
    const input_options *o = &e->args->inputs;
    e->raw = calloc(e->files->count, sizeof *e->raw);
    e->bare = calloc(e->files->count, sizeof *e->bare);
    if (!e->raw || !e->bare) return gwt_fail(e->g, GWT_E_MEMORY, "out of memory"), false;
    for (size_t i = 0; i < e->files->count; i++) {
        gwt_open_options how = { .fill_bad_tiles = o->bad_tiles, .alpha_mask = o->alpha_mask,
                                 .ignore_mask = o->ignore_mask,
                                 .overview = e->num_inputs != e->files->count ? o->overview
                                           : gwt_describe(e->inputs[i])->overview,
                                 .complex_part = (gwt_complex)o->part,
                                 .nodata = o->src_nodata.set ? o->src_nodata : o->nodata };
        e->raw[i] = gwt_open_with(e->g, e->files->paths[i], &how);
        how.ignore_mask = true;
        how.alpha_mask = false;
        e->bare[i] = gwt_open_with(e->g, e->files->paths[i], &how);
    }
    return gwt_status(e->g) == GWT_OK;
}

static bool take_apart(explanation *e, file_list *files, const char *expression)
{
    input_options whole = e->args->inputs;
    whole.window.set = whole.bounds.set = false;
    whole.every = 0;
    whole.select.count = 0;
    e->inputs = inputs_open(e->g, files, &e->args->inputs, &e->num_inputs);
    e->whole = e->inputs ? inputs_open(e->g, files, &whole, &e->num_inputs) : NULL;
    e->used = calloc(e->num_inputs, sizeof *e->used);
    if (!e->used) gwt_fail(e->g, GWT_E_MEMORY, "out of memory");
    if (e->whole && e->used && open_raw(e))
        e->result = gwt_calc(e->inputs, e->num_inputs, expression, .used = e->used,
                             .on_value = note_value, .user = e);
    return gwt_status(e->g) == GWT_OK;
}

// ---- one pixel --------------------------------------------------------------------------------

typedef struct pixel { int64_t row, col; double x, y; } pixel;  // x, y: of its centre

// Where a place lies in the cells of an array.
static void cell_at(const gwt_info *info, double x, double y, double *row, double *col)
{
    const double *t = info->transform, det = t[0] * t[4] - t[1] * t[3];
    *col = floor(((x - t[2]) * t[4] - (y - t[5]) * t[1]) / det);
    *row = floor(((y - t[5]) * t[0] - (x - t[2]) * t[3]) / det);
}

static bool is_within(const gwt_info *info, double row, double col)
{
    return row >= 0 && col >= 0 && row < (double)info->shape[2] && col < (double)info->shape[3];
}

static bool find_pixel(const explanation *e, const wish *w, pixel *p)
{
    char x[32], y[32];
    const gwt_info *info = gwt_describe(e->result);
    const double *t = info->transform;
    double row = w->y, col = w->x;
    if (w->by_place) cell_at(info, w->x, w->y, &row, &col);
    if (!is_within(info, row, col)) {
        json_digits(w->by_place ? w->x : row, x);
        json_digits(w->by_place ? w->y : col, y);
        gwt_fail(e->g, GWT_E_ARGUMENT, "%s %s,%s lies outside of the result, which has %" PRId64
                 " rows and %" PRId64 " columns", w->by_place ? "--at" : "--rowcol", x, y,
                 info->shape[2], info->shape[3]);
        return false;
    }
    *p = (pixel){ .row = (int64_t)row, .col = (int64_t)col };
    p->x = t[2] + t[0] * (col + 0.5) + t[1] * (row + 0.5);
    p->y = t[5] + t[3] * (col + 0.5) + t[4] * (row + 0.5);
    return true;
}

// All planes of a pixel as doubles, NaN where missing; to be freed by gwt_free.
static double *numbers_at(const gwt_array *a, int64_t row, int64_t col)
{
    return gwt_compute(gwt_window(a, row, col, 1, 1), .dtype = GWT_FLOAT64,
                       .nodata = gwt_some((double)NAN));
}

// A sample in all its digits, as it reads back, into a buffer of 32 bytes, which it gives.
static const char *sample_text(gwt_dtype dtype, const void *samples, int64_t i, char *text)
{
    union { uint8_t u8; int8_t i8; uint16_t u16; int16_t i16; uint32_t u32; int32_t i32;
            uint64_t u64; int64_t i64; float f32; double f64; } v;
    size_t size = gwt_dtype_size(dtype);
    memcpy(&v, (const char *)samples + (size_t)i * size, size);
    switch (dtype) {
    case GWT_UINT8: snprintf(text, 32, "%u", v.u8); break;
    case GWT_INT8: snprintf(text, 32, "%d", v.i8); break;
    case GWT_UINT16: snprintf(text, 32, "%u", v.u16); break;
    case GWT_INT16: snprintf(text, 32, "%d", v.i16); break;
    case GWT_UINT32: snprintf(text, 32, "%" PRIu32, v.u32); break;
    case GWT_INT32: snprintf(text, 32, "%" PRId32, v.i32); break;
    case GWT_UINT64: snprintf(text, 32, "%" PRIu64, v.u64); break;
    case GWT_INT64: snprintf(text, 32, "%" PRId64, v.i64); break;
    case GWT_FLOAT32:
        if (!isfinite(v.f32)) return json_digits((double)v.f32, text);
        for (int digits = 6; digits <= 9; digits++) {
            snprintf(text, 32, "%.*g", digits, (double)v.f32);
            if (strtof(text, NULL) == v.f32) break;
        }
        break;
    default: return json_digits(v.f64, text);
    }
    return text;
}

// ---- what is found at a pixel -----------------------------------------------------------------

// Of a source.
typedef struct found {
    int64_t row, col;          // in the file
    char raw[32];              // as stored; "" where there is none
    char why[64];              // it is missing; "" where it is not
    double value;              // in the expression
} found;

static const char *hidden_by(const gwt_info *info, const why_args *args)
{
    bool alpha = args->inputs.alpha_mask && info->alpha_band;
    return !alpha ? "under the mask" : info->mask ? "under the mask, or alpha is 0" : "alpha is 0";
}

static bool look_at_source(const explanation *e, const source *s, const pixel *p, found *f)
{
    double row, col;
    gwt_array *raw = e->raw[s->file];
    const gwt_info *info = gwt_describe(raw);
    double *in_expression = numbers_at(e->inputs[s->input], p->row, p->col);
    if (!in_expression) return false;
    *f = (found){ .value = in_expression[s->plane] };
    gwt_free(in_expression);
    cell_at(info, p->x, p->y, &row, &col);
    f->row = (int64_t)row;
    f->col = (int64_t)col;
    if (!is_within(info, row, col)) {
        snprintf(f->why, sizeof f->why, "outside of the file");
        return true;
    }
    gwt_array *bare = e->bare[s->file];
    double *numbers = numbers_at(raw, f->row, f->col), *under = numbers_at(bare, f->row, f->col);
    void *samples = gwt_compute(gwt_window(bare, f->row, f->col, 1, 1));
    if (numbers && under && samples) {
        sample_text(info->dtype, samples, s->band, f->raw);
        bool missing = isnan(under[s->band]), hidden = isnan(numbers[s->band]);
        if (missing && strcmp(f->raw, "nan") == 0) snprintf(f->why, sizeof f->why, "not a number");
        else if (missing) snprintf(f->why, sizeof f->why, "nodata %s", info->nodata_text);
        else if (hidden) snprintf(f->why, sizeof f->why, "%s", hidden_by(info, e->args));
    }
    gwt_free(numbers);
    gwt_free(under);
    gwt_free(samples);
    return numbers && under && samples;
}

// What is stored of a result.
typedef struct stored {
    gwt_dtype dtype;
    gwt_optional nodata;
    char nodata_text[40];      // where it is set
    double *numbers;           // the result
    void *samples;             // in that type; NULL: there are missing ones, and no nodata value
} stored;

// What gwt calc would have as nodata, and what it makes of the pixel with it.
static bool look_at_stored(const explanation *e, const pixel *p, stored *s)
{
    const why_args *args = e->args;
    gwt_array *one = gwt_window(e->result, p->row, p->col, 1, 1);
    *s = (stored){ .dtype = (gwt_dtype)args->dtype };
    if (!s->dtype) s->dtype = gwt_describe(one)->dtype;
    s->nodata = inputs_dst_nodata(&args->inputs, e->result, s->dtype);
    if (!s->nodata.set) s->nodata = gwt_describe(gwt_cast(one, s->dtype))->nodata;
    cli_optional(s->nodata, s->nodata_text);
    s->numbers = numbers_at(e->result, p->row, p->col);
    if (!s->numbers) return false;
    bool has_missing = false, is_float = s->dtype == GWT_FLOAT32 || s->dtype == GWT_FLOAT64;
    for (int64_t i = 0; i < num_planes(one); i++) has_missing |= isnan(s->numbers[i]);
    if (has_missing && !is_float && !s->nodata.set) return true;
    s->samples = gwt_compute(one, .dtype = s->dtype, .nodata = s->nodata);
    return s->samples != NULL;
}

// How a number came to what is stored of it; "" where it is just that.
static const char *how_stored(const stored *s, int64_t i, char *text)
{
    char one[32], other[32];
    double v = s->numbers[i], as = strtod(sample_text(s->dtype, s->samples, i, one), NULL);
    text[0] = '\0';
    if (isnan(v) && s->nodata.set) snprintf(text, 64, "missing, nodata %s", s->nodata_text);
    else if (isnan(v)) snprintf(text, 64, "missing");
    else if (s->nodata.set && as == s->nodata.value)
        snprintf(text, 64, "equals nodata: reads as missing");
    else if (strcmp(one, json_digits(v, other)) == 0 || as == v) return text;
    else if (s->dtype == GWT_FLOAT32 && isfinite(as)) snprintf(text, 64, "rounded");
    else snprintf(text, 64, fabs(as - v) <= 0.5 ? "rounded" : "saturated");
    return text;
}

// ---- saying it --------------------------------------------------------------------------------

// A part of an expression in one line, without its comments; to be freed.
static char *one_line(const char *text, size_t length)
{
    char *line = malloc(length + 1), *to = line;
    bool quoted = false, blank = false;
    for (const char *c = text, *end = text + length; line && c < end; c++) {
        if (*c == '"') quoted = !quoted;
        if (*c == '#' && !quoted) {
            c = memchr(c, '\n', (size_t)(end - c));
            if (!c) break;
        }
        if (!quoted && strchr(" \t\r\n", *c)) {
            blank = to > line;
            continue;
        }
        if (blank) *to++ = ' ';
        blank = false;
        *to++ = *c;
    }
    if (line) *to = '\0';
    return line;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// The time of a source, where the files are stacked along it; else NULL.
static const char *time_of(const explanation *e, const source *s)
{
    const gwt_info *info = gwt_describe(e->inputs[s->input]);
    return info->shape[0] > 1 ? info->time_names[s->plane / info->shape[1]] : NULL;
}

static void print_source(const explanation *e, const source *s, const found *f)
{
    char value[32];
    const gwt_info *info = gwt_describe(e->raw[s->file]);
    const char *time = time_of(e, s);
    fputs("    ", stdout);
    cli_text(stdout, base_name(e->files->paths[s->file]));
    printf(" band %" PRId64, s->band + 1);
    if (info->named[s->band]) {
        fputs(" (", stdout);
        cli_text(stdout, info->band_names[s->band]);
        putchar(')');
    }
    if (time) {
        fputs(" time ", stdout);
        cli_text(stdout, time);
    }
    printf(" row %" PRId64 " column %" PRId64 ": %s", f->row, f->col, f->raw);
    if (f->why[0]) printf("%smissing (%s)", f->raw[0] ? ", " : "", f->why);
    json_digits(f->value, value);
    if (isnan(f->value) && !f->why[0]) fputs(", but missing on the grid of the result", stdout);
    else if (!isnan(f->value) && (f->why[0] || strtod(f->raw, NULL) != f->value))
        printf(", which is %s in the expression", value);
    putchar('\n');
}

static void print_numbers(const double *numbers, int64_t count)
{
    char digits[32];
    for (int64_t i = 0; i < count; i++)
        printf("%s%s", i ? ", " : "", isnan(numbers[i]) ? "missing"
                                                        : json_digits(numbers[i], digits));
}

static void print_stored(const stored *s, int64_t count)
{
    char text[32], how[64];
    printf("  stored as %s\n", gwt_dtype_name(s->dtype));
    if (!s->samples) {
        puts("    nothing: it is missing, and there is no nodata value: gwt calc fails");
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        printf("    %s", sample_text(s->dtype, s->samples, i, text));
        if (how_stored(s, i, how)[0]) printf(": %s", how);
        putchar('\n');
    }
}

static void json_source(const explanation *e, const source *s, const found *f)
{
    const gwt_info *info = gwt_describe(e->raw[s->file]);
    fputs("{\"file\": ", stdout);
    json_string(stdout, e->files->paths[s->file]);
    printf(", \"band\": %" PRId64 ", \"description\": ", s->band + 1);
    json_string(stdout, info->named[s->band] ? info->band_names[s->band] : NULL);
    fputs(", \"time\": ", stdout);
    json_string(stdout, time_of(e, s));
    printf(", \"row\": %" PRId64 ", \"col\": %" PRId64 ", \"raw\": ", f->row, f->col);
    bool digits = f->raw[0] && !strpbrk(f->raw, "in");      // neither nan nor inf
    if (digits) fputs(f->raw, stdout);
    else json_string(stdout, f->raw[0] ? f->raw : NULL);
    fputs(", \"missing\": ", stdout);
    json_string(stdout, f->why[0] ? f->why : NULL);
    fputs(", \"value\": ", stdout);
    if (isnan(f->value)) fputs("null", stdout);
    else json_number(stdout, f->value);
    putchar('}');
}

// null where missing.
static void json_values(const double *numbers, int64_t count)
{
    putchar('[');
    for (int64_t i = 0; i < count; i++) {
        if (i) fputs(", ", stdout);
        if (isnan(numbers[i])) fputs("null", stdout);
        else json_number(stdout, numbers[i]);
    }
    putchar(']');
}

static void json_stored(const stored *s, int64_t count)
{
    char text[32], how[64];
    printf("{\"dtype\": \"%s\", \"nodata\": ", gwt_dtype_name(s->dtype));
    if (!s->nodata.set) fputs("null", stdout);
    else printf(isfinite(s->nodata.value) ? "%s" : "\"%s\"", s->nodata_text);
    fputs(", \"values\": ", stdout);
    if (!s->samples) fputs("null, \"how\": null", stdout);
    for (int64_t i = 0; s->samples && i < count; i++) {
        sample_text(s->dtype, s->samples, i, text);
        printf(strpbrk(text, "in") ? "%s\"%s\"" : "%s%s", i ? ", " : "[", text);
    }
    if (s->samples) fputs("], \"how\": [", stdout);
    for (int64_t i = 0; s->samples && i < count; i++) {
        if (i) fputs(", ", stdout);
        json_string(stdout, how_stored(s, i, how)[0] ? how : NULL);
    }
    if (s->samples) putchar(']');
    putchar('}');
}

// ---- pixel by pixel ---------------------------------------------------------------------------

static bool explain_sources(const explanation *e, const pixel *p)
{
    bool json = e->args->json;
    found f;
    fputs(json ? ",\n \"sources\": [" : "  sources\n", stdout);
    for (size_t i = 0; i < e->num_sources; i++) {
        if (!look_at_source(e, &e->sources[i], p, &f)) return false;
        if (json) fputs(i ? ",\n  " : "\n  ", stdout);
        if (json) json_source(e, &e->sources[i], &f);
        else print_source(e, &e->sources[i], &f);
    }
    if (json) putchar(']');
    return true;
}

static bool explain_value(const explanation *e, const value *v, const pixel *p, const char *before)
{
    double *numbers = numbers_at(v->array, p->row, p->col);
    char *text = one_line(v->text, v->length);
    int64_t count = num_planes(v->array);
    if (!text) gwt_fail(e->g, GWT_E_MEMORY, "out of memory");
    if (numbers && text && e->args->json) {
        printf("%s{\"text\": ", before);
        json_string(stdout, text);
        fputs(", \"name\": ", stdout);
        json_string(stdout, v->name);
        fputs(", \"values\": ", stdout);
        json_values(numbers, count);
        putchar('}');
    } else if (numbers && text) {
        fputs("    ", stdout);
        if (v->name) {
            cli_text(stdout, v->name);
            fputs(" = ", stdout);
        }
        cli_text(stdout, text);
        fputs(": ", stdout);
        print_numbers(numbers, count);
        putchar('\n');
    }
    gwt_free(numbers);
    free(text);
    return numbers && text;
}

static bool explain_values(const explanation *e, const pixel *p)
{
    const gwt_info *info = gwt_describe(e->result);
    const char *before = "\n  ";
    fputs(e->args->json ? ",\n \"values\": [" : "  values\n", stdout);
    for (size_t i = 0; i < e->num_values; i++) {
        const gwt_info *of = gwt_describe(e->values[i].array);
        // What a statement names and nothing uses may lie elsewhere.
        if (of->shape[2] != info->shape[2] || of->shape[3] != info->shape[3]) continue;
        if (!explain_value(e, &e->values[i], p, before)) return false;
        before = ",\n  ";
    }
    if (e->args->json) putchar(']');
    return true;
}

static bool explain_stored(const explanation *e, const pixel *p)
{
    stored s;
    int64_t count = num_planes(e->result);
    bool good = look_at_stored(e, p, &s);
    if (good && e->args->json) {
        fputs(",\n \"stored\": ", stdout);
        json_stored(&s, count);
    } else if (good) {
        print_stored(&s, count);
    }
    gwt_free(s.numbers);
    gwt_free(s.samples);
    return good;
}

static bool explain_pixel(const explanation *e, const wish *w)
{
    pixel p;
    char x[32], y[32];
    if (!find_pixel(e, w, &p)) return false;
    json_digits(p.x, x);
    json_digits(p.y, y);
    printf(e->args->json ? "{\"row\": %" PRId64 ", \"col\": %" PRId64 ", \"x\": %s, \"y\": %s"
                         : "row %" PRId64 ", column %" PRId64 " (x %s, y %s)\n",
           p.row, p.col, x, y);
    if (!explain_sources(e, &p) || !explain_values(e, &p) || !explain_stored(e, &p)) return false;
    if (e->args->json) putchar('}');
    return true;
}

static void explain_all(const explanation *e, const wishes *w)
{
    bool good = true;
    if (e->args->json) putchar('[');
    for (size_t i = 0; good && i < w->count; i++) {
        gwt_scope *scope = gwt_scope_begin(e->g);
        if (i) fputs(e->args->json ? ",\n" : "\n", stdout);
        good = explain_pixel(e, &w->list[i]);
        gwt_scope_end(scope);
    }
    if (e->args->json) puts("]");
}

static int run(const why_args *args, file_list *files, const char *expression, const wishes *w)
{
    explanation e = { .args = args, .files = files, .g = cli_begin(1, args->inputs.sensor, 0) };
    if (!e.g) return CLI_FAILED;
    if (take_apart(&e, files, expression)) explain_all(&e, w);
    free(e.inputs);
    free(e.whole);
    free(e.raw);
    free(e.bare);
    free(e.used);
    for (size_t i = 0; i < e.num_values; i++) free(e.values[i].name);
    free(e.values);
    free(e.sources);
    return cli_end(e.g);
}

int cmd_why(int argc, char **argv)
{
    why_args args = { .inputs.mosaic = NO_MOSAIC };
    wishes w = { .count = 0 };
    file_list files;
    int status = cli_parse(&command, &args, argc, argv, &argc);
    const char *expression = argv[0];
    if (status == CLI_GO_ON) status = inputs_check(&command, &args.inputs);
    if (status == CLI_GO_ON) status = read_wishes(&args, &w);
    if (status == CLI_GO_ON && !inputs_read_expressions(&expression, 1)) status = CLI_FAILED;
    if (status == CLI_GO_ON && !file_list_find(&files, argv + 1, (size_t)argc - 1))
        status = CLI_FAILED;
    if (status == CLI_GO_ON) {
        status = run(&args, &files, expression, &w);
        file_list_free(&files);
    }
    free(w.list);
    return status;
}
