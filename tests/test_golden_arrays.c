// test_golden_arrays.c - indices, stacks in time, mosaics, moving windows, resampling, selections
// and blocks against what geowombat returns: groups c03 to c09 of ../shared/golden. Groups c01 and
// c02 are in test_golden.c, c10 and c11 in test_golden_attributes.c.
//
// Every row is built from its operation column and computed where the golden file has kept it. All
// pixels must equal a plain loop of our rule (oracle.h, and the functions want_.. here); and those
// of the golden file within the row's tolerance, but where a quirk says that it has something else.
// The table `quirks` says where that may be; the table `skipped` which rows are not run, and why.
// A row that is in no table and does not run is a failure.

#define _XOPEN_SOURCE 700

#include "oracle.h"

#include <stdatomic.h>
#include <stdio.h>

// ---- what is not run --------------------------------------------------------------------------

typedef struct skipped_rows {
    const char *prefix, *word;  // of the name; in operation and quirks together, or NULL
    const char *reason;
    int rows;                   // how many there are
} skipped_rows;

static skipped_rows skipped[] = {
    { "c08_", "polygon=", "polygons are out of scope", 6 },
    { "c12_", NULL, "JSON of saved files: tests/interop.py asks GDAL itself", 14 }
};

static skipped_rows *find_skipped(const golden_row *row)
{
    for (size_t i = 0; i < COUNT_OF(skipped); i++) {
        const skipped_rows *s = &skipped[i];
        if (strncmp(row->name, s->prefix, strlen(s->prefix))) continue;
        if (!s->word || strstr(row->operation, s->word)) return &skipped[i];
    }
    return NULL;
}

// ---- quirks of geowombat that gwt does not have -----------------------------------------------

enum {
    AT_MISSING = 1,            // the golden pixel may differ where ours is missing
    NEAR_MISSING = 2,          // .. where a missing pixel is within the kernel
    AT_RAW_LINES = 4,          // .. in the last row and column of geowombat's chunks
    ANYWHERE = 8,
    OTHER_TYPE = 16,           // the array's dtype is another
    OTHER_ORIGIN = 32,         // its transform is
    OTHER_GRID = 64,           // it has other pixels: nothing to compare with
    RANK = 128,                // a percentile by rank
    WEIGHTED = 256             // std, var, min and max with weights: quirk_weighted
};

static const struct { const char *name; unsigned rules; } quirks[] = {
    { "nodata-one-band", AT_MISSING },
    { "nodata-scaled", AT_MISSING },
    { "clip-after-fill", AT_MISSING },
    { "tc-partial-sum", AT_MISSING },
    { "config-scale-twice", ANYWHERE },
    { "nodata-1e9", 0 },       // means none: so we do
    { "chunk-edge-raw", AT_RAW_LINES },
    { "perc-rank", RANK },
    { "weights", WEIGHTED },
    { "mosaic-float", OTHER_TYPE },
    { "mosaic-nan", 0 },       // as NaN we ask for missing pixels too
    { "nan-to-int", 0 },       // and as 0
    { "outside-zero", 0 },
    { "size-truncated", 0 },   // the grid to align to is given
    { "nodata-bump", 0 },      // by one: within the tolerance of the row
    { "nodata-unified", NEAR_MISSING },
    { "attr-transform-whole", 0 },
    { "bounds-fraction", OTHER_ORIGIN },
    { "cast-wraps", ANYWHERE },
    { "grid-snapped", OTHER_GRID },
    { "stack-outer-join", OTHER_GRID },
    { "mosaic-scales", OTHER_GRID }
};

static unsigned rules_of(const golden_row *row)
{
    char text[256], *words[8];
    unsigned rules = 0;
    snprintf(text, sizeof text, "%s", row->quirks);
    int count = *text ? split_text(text, ' ', words, 8) : 0;
    for (int i = 0; i < count; i++) {
        size_t k = 0;
        while (k < COUNT_OF(quirks) && strcmp(quirks[k].name, words[i])) k++;
        REQUIRE(k < COUNT_OF(quirks), "%s: the quirk %s is not in the table", row->name, words[i]);
        rules |= quirks[k].rules;
    }
    return rules;
}

// ---- a row being run --------------------------------------------------------------------------

enum { MAX_INPUTS = 8, MAX_PLANES = 32, MAX_WORDS = 32 };

typedef struct job job;
// Our rule at a pixel of the whole result; NaN where missing.
typedef double oracle(const job *j, int out, int row, int col);

struct job {
    golden_row *row;
    char *words[MAX_WORDS];
    int num_words;
    const char *paths[MAX_INPUTS];
    int num_inputs;
    image *images[MAX_INPUTS];
    plane planes[MAX_PLANES];  // all bands of all inputs, NaN where missing
    int num_planes;
    gwt *g;
    gwt_array *array;          // ours, whole
    oracle *want;
    unsigned rules;
    double fill;               // what the golden file holds where we have a missing pixel
    double relative, absolute; // how far ours may be from the plain loop
    // for the oracles:
    gwt_stat stat;
    int window;
    bool weights;
    double percentile, scale;
    const char *index, *names;
    gwt_resampling resampling;
    relation relations[MAX_INPUTS];
    int row0, col0;            // of the result in the input
    double at_missing;         // a coordinate: 1 where the input is missing
};

static const char *value_of(const job *j, const char *key)
{
    size_t n = strlen(key);
    for (int i = 0; i < j->num_words; i++)
        if (!strncmp(j->words[i], key, n) && j->words[i][n] == '=') return j->words[i] + n + 1;
    return NULL;
}

static bool has(const job *j, const char *word)
{
    for (int i = 0; i < j->num_words; i++)
        if (!strcmp(j->words[i], word)) return true;
    return false;
}

static double number_of(const job *j, const char *key)
{
    const char *text = value_of(j, key);
    REQUIRE(text, "%s: no %s in its operation", j->row->name, key);
    return strtod(text, NULL);
}

static gwt_optional optional_of(const job *j, const char *key)
{
    const char *text = value_of(j, key);
    return text && strcmp(text, "file") ? gwt_some(strtod(text, NULL)) : (gwt_optional){ 0 };
}

// Every word of the operation is one that this test knows.
static void check_words(const job *j)
{
    static const char *const known[] = {
        "stack_dim", "sensor", "nodata", "scale_factor", "config.scale_factor", "chunks", "b1",
        "b2", "sel", "band", "mean", "min", "max", "std", "var", "median", "count", "dim", "open",
        "mask_nodata", "bands", "taken", "as", "dates", "time_names", "overlap", "moving", "stat",
        "w", "weights", "perc", "mosaic", "bounds_by", "config.ref_bounds", "config.ref_image",
        "config.ref_res", "resampling", "dtype", "replace", "compare", "op", "b", "return_binary",
        "subset", "left", "top", "right", "bottom", "rows", "cols", "bounds", "window",
        "coordinate", "_nodata_mask", "norm_diff", "tasseled_cap", "avi", "evi", "evi2", "gcvi",
        "nbr", "ndvi", "kndvi", "wi"
    };
    for (int i = 0; i < j->num_words; i++) {
        size_t k = 0, n = strcspn(j->words[i], "=");
        if (strchr("0123456789", j->words[i][0]) || !strncmp(j->words[i], "row_off:", 8) ||
            !strncmp(j->words[i], "width:", 6) || !strncmp(j->words[i], "height:", 7)) continue;
        while (k < COUNT_OF(known) && (strlen(known[k]) != n || strncmp(known[k], j->words[i], n)))
            k++;
        REQUIRE(k < COUNT_OF(known), "%s: '%s' in its operation is unknown, and it is not in the "
                "table of rows not run", j->row->name, j->words[i]);
    }
}

static double file_nodata(const image *im)
{
    return im->nodata ? strtod(im->nodata, NULL) : NAN;
}

static void read_planes(job *j)
{
    gwt_optional given = optional_of(j, "nodata");
    for (int i = 0; i < j->num_inputs; i++) {
        const image *im = j->images[i] = image_read(j->paths[i]);
        double nodata = given.set ? given.value : file_nodata(im);
        size_t count = (size_t)im->width * (size_t)im->height;
        for (int b = 0; b < im->bands; b++) {
            REQUIRE(j->num_planes < MAX_PLANES, "%s: too many bands", j->row->name);
            plane *p = &j->planes[j->num_planes++];
            *p = (plane){ im->height, im->width, malloc(count * sizeof *p->v) };
            for (size_t k = 0; k < count; k++) {
                double v = sample_get(im->dtype, im->raw, (size_t)b * count + k);
                p->v[k] = v == nodata ? NAN : v;
            }
        }
    }
}

static void job_begin(job *j, golden_row *row)
{
    char *files[MAX_INPUTS];
    *j = (job){ .row = row, .relative = 1e-13 };
    j->num_words = split_text(row->operation, ' ', j->words, MAX_WORDS);
    check_words(j);
    j->num_inputs = split_text(row->inputs, ';', files, MAX_INPUTS);
    for (int i = 0; i < j->num_inputs; i++) j->paths[i] = shared_path("data/%s", files[i]);
    // The second "input" of these is the grid.
    if (value_of(j, "config.ref_image") && j->num_inputs == 2 && !value_of(j, "mosaic") &&
        !value_of(j, "stack_dim")) j->num_inputs = 1;
    read_planes(j);
    j->rules = rules_of(row);
    j->fill = strtod(row->nodata, NULL);
    j->g = gwt_begin(.num_workers = 3, .scale_factor = optional_of(j, "config.scale_factor"));
}

static void job_end(job *j)
{
    assert_int_equal(gwt_end(j->g), 0);
    for (int i = 0; i < j->num_planes; i++) free(j->planes[i].v);
    for (int i = 0; i < j->num_inputs; i++) image_free(j->images[i]);
}

static gwt_array *open_one(const job *j)
{
    const char *sensor = value_of(j, "sensor");
    int chunks = (int)number_of(j, "chunks");
    return gwt_open(j->g, j->paths[0], .sensor = sensor, .chunks = chunks < 512 ? chunks : 0,
                    .nodata = optional_of(j, "nodata"));
}

// ---- comparing --------------------------------------------------------------------------------

static bool near_to(double a, double b, double relative, double absolute)
{
    return same_double(a, b) || fabs(a - b) <= absolute + relative * fabs(b);
}

// Rounded to the nearest, where both are right half way between two.
static bool rounds_to(double stored, double exact)
{
    return fabs(stored - exact) <= 0.5 + 1e-9;
}

// A cubic kernel overshoots; the types of the files saturate.
static double saturated(double v, gwt_dtype dtype)
{
    double hi = dtype == GWT_UINT8 ? 255 : dtype == GWT_UINT16 ? 65535 : INFINITY;
    return isnan(v) || is_float(dtype) ? v : fmin(fmax(v, isinf(hi) ? -INFINITY : 0), hi);
}

static void check_oracle(const job *j, gwt_dtype dtype, double ours, int p, int row, int col)
{
    double want = saturated(j->want(j, p, row, col), dtype);
    bool fine = is_float(dtype) || isnan(want) ? near_to(ours, want, j->relative, j->absolute)
                                               : rounds_to(ours, want);
    REQUIRE(fine, "%s: plane %d, row %d, column %d is %.17g, a plain loop gives %.17g",
            j->row->name, p, row, col, ours, want);
}

// Whether a row or column of the result is the last one of a chunk: "64+64+19 cols 64+.." of notes.
static bool is_raw_line(const job *j, const char *axis, int i)
{
    const char *at = strstr(j->row->notes, axis);
    char *end;
    if (!at) return i == 255;  // c07_moving_rgbn_all: chunks of 256
    long sum = strtol(at + strlen(axis), &end, 10);
    while (sum - 1 < i && *end == '+') sum += strtol(end + 1, &end, 10);
    return sum - 1 == i;
}

// Missing pixels of any band in the cells that a resampling of this pixel may look at.
static bool missing_around(const job *j, int row, int col)
{
    const relation *q = &j->relations[0];
    int y = (int)floor((row + 0.5) * q->scale[0] + q->origin[0]);
    int x = (int)floor((col + 0.5) * q->scale[1] + q->origin[1]);
    int far = (int)ceil(2 * fmax(q->scale[0], 1)) + 1;
    for (int p = 0; p < j->num_planes; p++)
        for (int r = y - far; r <= y + far; r++)
            for (int c = x - far; c <= x + far; c++)
                if (isnan(plane_at(&j->planes[p], r, c))) return true;
    return false;
}

// That of the row, but for one: std and var of windows say `exact` there, of sums of squared
// distances. Ours are (n S2 - S1 S1) / (n n), and may be as far off as from the plain loop.
static void tolerance_of(const job *j, double *relative, double *absolute)
{
    *relative = *absolute = 0;
    if (sscanf(j->row->tolerance, "rel %lf", relative) != 1 &&
        sscanf(j->row->tolerance, "abs %lf", absolute) != 1)
        assert_string_equal(j->row->tolerance, "exact");
    if (j->stat == GWT_STD || j->stat == GWT_VAR) *relative = fmax(*relative, j->relative);
}

static double rank_of(const job *j, int p, int row, int col)
{
    double values[15 * 15];
    int n = window_values(&j->planes[p], row, col, j->window, values);
    if (n == 0) return NAN;
    qsort(values, (size_t)n, sizeof *values, ascending);
    int rank = (int)(n * (j->percentile / 100)) - 1;
    return values[rank > 0 ? rank : 0];
}

// What geowombat gives with weights: of v k, where k should count v; NaN for a window of nothing.
static double quirk_weighted(const job *j, int p, int row, int col)
{
    double sum = 0, total = 0, squares = 0, lo = INFINITY, hi = -INFINITY, v[15 * 15], k[15 * 15];
    int n = window_weighted(&j->planes[p], row, col, j->window, v, k);
    for (int i = 0; i < n; i++) {
        sum += v[i] * k[i], total += k[i];
        if (v[i] < lo && k[i] >= 0.33) lo = v[i];
        hi = fmax(hi, v[i] * k[i]);
    }
    for (int i = 0; i < n; i++) {
        double d = v[i] * k[i] - sum / total;
        squares += d * d;
    }
    if (j->stat == GWT_MIN || j->stat == GWT_MAX)
        return !n ? NAN : j->stat == GWT_MIN ? lo : hi;
    return j->stat == GWT_STD ? sqrt(squares / total) : squares / total;
}

static bool is_quirk_weighted(const job *j, double golden, int p, int row, int col)
{
    double quirk = quirk_weighted(j, p, row, col);
    // No cell, or none that counts.
    if (!isfinite(quirk)) return golden == j->fill;
    return near_to(golden, quirk, 1e-12, 0);
}

static bool may_differ(const job *j, double golden, bool missing, int p, int row, int col)
{
    if (j->rules & ANYWHERE) return true;
    if ((j->rules & AT_MISSING) && missing) return true;
    if ((j->rules & NEAR_MISSING) && missing_around(j, row, col)) return true;
    bool raw_line = is_raw_line(j, "rows ", row) || is_raw_line(j, "cols ", col);
    if ((j->rules & AT_RAW_LINES) && raw_line) {
        double raw = plane_at(&j->planes[p], row, col);
        return golden == (isnan(raw) ? j->fill : raw);
    }
    if (j->rules & RANK) {
        double rank = rank_of(j, p, row, col);
        return golden == (isnan(rank) ? j->fill : rank);
    }
    if ((j->rules & WEIGHTED) && j->stat != GWT_MEAN)
        return is_quirk_weighted(j, golden, p, row, col);
    return false;
}

static void check_golden(const job *j, const int *window, const double *stored, const double *ours)
{
    char text[64], *pieces[MAX_PLANES];
    double relative, absolute;
    tolerance_of(j, &relative, &absolute);
    image *im = image_read(shared_path("golden/%s", j->row->output));
    assert_true(im->width == window[2] && im->height <= window[3]);
    bool all = !strcmp(j->row->result_bands, "all"), one = strcmp(j->row->band, "all");
    snprintf(text, sizeof text, "%s", j->row->result_bands);
    int kept = all ? im->bands : split_text(text, ' ', pieces, MAX_PLANES);
    assert_true(one ? kept == 1 || all : kept == im->bands);
    for (int b = 0; b < (one ? 1 : kept); b++) {
        int p = all ? b : atoi(pieces[b]) - 1, from = one ? atoi(j->row->band) - 1 : b;
        for (int r = 0; r < im->height; r++)
            for (int c = 0; c < im->width; c++) {
                int at = (p * window[3] + r) * window[2] + c;
                double golden = image_get(im, from, r, c);
                // Interpolated integers differ only where they are halves, but for the last bits of
                // a sum that GDAL adds up in another order.
                double v = absolute < 1 ? 0 : j->want(j, p, window[1] + r, window[0] + c);
                bool half = absolute < 1 || (j->rules & NEAR_MISSING) ||
                            fabs(v - floor(v) - 0.5) < 1e-9 || stored[at] == golden;
                REQUIRE((near_to(stored[at], golden, relative, absolute) && half) ||
                        may_differ(j, golden, isnan(ours[at]), p, window[1] + r, window[0] + c),
                        "%s: plane %d, row %d, column %d of the window is %.17g, geowombat has "
                        "%.17g", j->row->name, p, r, c, stored[at], golden);
            }
    }
    image_free(im);
}

static void job_check(job *j)
{
    gwt *g = j->g;
    REQUIRE(gwt_status(j->g) == GWT_OK && j->array, "%s: %s", j->row->name, gwt_message(j->g));
    const gwt_info *info = gwt_describe(j->array);
    gwt_dtype golden = gwt_dtype_from_name(j->row->dtype);
    int height = (int)info->shape[2], width = (int)info->shape[3], window[4];
    if (!(j->rules & (OTHER_GRID | OTHER_ORIGIN))) golden_check_grid(j->row, info);
    if (!(j->rules & OTHER_TYPE))
        REQUIRE(info->dtype == golden, "%s: %s, not %s", j->row->name, gwt_dtype_name(info->dtype),
                j->row->dtype);
    golden_window(j->row, width, height, window);
    if (j->rules & OTHER_GRID) memcpy(window, (int[]){ 0, 0, width, height }, sizeof window);
    gwt_array *part = gwt_window(j->array, window[1], window[0], window[3], window[2]);
    double *ours = VALUES_OF(part);
    double *stored = gwt_compute(gwt_cast(part, golden), .dtype = GWT_FLOAT64,
                                 .nodata = gwt_some(j->fill));
    REQUIRE(stored, "%s: %s", j->row->name, gwt_message(j->g));
    int planes = (int)(info->shape[0] * info->shape[1]);
    for (int i = 0; i < planes * window[2] * window[3]; i++) {
        int p = i / (window[2] * window[3]), r = i / window[2] % window[3], c = i % window[2];
        check_oracle(j, info->dtype, ours[i], p, window[1] + r, window[0] + c);
    }
    if (!(j->rules & OTHER_GRID)) check_golden(j, window, stored, ours);
    gwt_free(ours);
    gwt_free(stored);
}

// ---- c03, c04: indices ------------------------------------------------------------------------

// Band of a sensor by a letter: b g r n s t.
static int band_of(const char *sensor, char letter)
{
    const char *order = !strcmp(sensor, "rgbn") ? "rgbn" : !strcmp(sensor, "bgr") ? "bgr"
                      : "bgrnst";
    const char *at = strchr(order, letter);
    REQUIRE(at, "sensor %s has no band '%c'", sensor, letter);
    return (int)(at - order);
}

static double want_index(const job *j, int out, int row, int col)
{
    (void)out;
    reflectance r = { 0 };
    double *const to[] = { &r.blue, &r.green, &r.red, &r.nir, &r.swir1, &r.swir2 };
    for (const char *letter = j->names; *letter; letter++) {
        double raw = plane_at(&j->planes[band_of(value_of(j, "sensor"), *letter)], row, col);
        if (isnan(raw)) return NAN;
        *to[strchr("bgrnst", *letter) - "bgrnst"] = raw * j->scale;
    }
    if (strcmp(j->index, "norm_diff")) return index_value(j->index, &r);
    bool green = j->names[0] == 'g';
    return green ? difference(r.green, r.red) : difference(r.red, r.nir);
}

static gwt_array *open_bands(const job *j)
{
    if (!value_of(j, "stack_dim")) return open_one(j);
    return gwt_open_many(j->g, j->paths, (size_t)j->num_inputs, .sensor = value_of(j, "sensor"),
                         .chunks = (int)number_of(j, "chunks"), .nodata = optional_of(j, "nodata"));
}

static double want_cap(const job *j, int out, int row, int col)
{
    size_t k = 0;
    double sum = 0;
    while (strcmp(cap_weights[k].sensor, value_of(j, "sensor"))) k++;
    for (int b = 0; b < j->num_planes; b++)
        sum += plane_at(&j->planes[b], row, col) * j->scale * cap_weights[k].c[out][b];
    return sum;
}

static void run_index(golden_row *row)
{
    static const char *const names[] = { "norm_diff", "avi", "evi", "evi2", "gcvi", "nbr", "ndvi",
                                         "kndvi", "wi", "tasseled_cap" };
    job j;
    job_begin(&j, row);
    for (size_t i = 0; i < COUNT_OF(names); i++) if (has(&j, names[i])) j.index = names[i];
    bool cap = !strcmp(j.index, "tasseled_cap"), diff = !strcmp(j.index, "norm_diff");
    gwt_optional nodata = optional_of(&j, "nodata"), scale = optional_of(&j, "scale_factor");
    gwt_optional config = optional_of(&j, "config.scale_factor");
    const char *b1 = value_of(&j, "b1"), *b2 = value_of(&j, "b2");
    j.scale = scale.set ? scale.value : config.set ? config.value
            : strstr(row->name, "normdiff_meta") ? 2e-5 : 1;
    j.names = diff ? (!strcmp(b1, "green") ? "gr" : "rn") : index_bands(j.index);
    j.want = cap ? want_cap : want_index;
    j.absolute = 1e-15;
    gwt_array *a = open_bands(&j);
    j.array = cap ? gwt_tasseled_cap(a, .scale_factor = scale)
            : diff ? gwt_norm_diff(a, b1, b2, .nodata = nodata, .scale_factor = scale)
            : gwt_spectral_index(a, j.index, .nodata = nodata, .scale_factor = scale);
    const gwt_info *info = gwt_describe(j.array);
    if (cap) assert_string_equal(info->band_names[2], "wetness");
    else assert_string_equal(info->band_names[0], diff ? "norm-diff" : j.index);
    if (!cap)
        assert_true(same_double(info->nodata.set ? info->nodata.value : NAN,
                                strtod(row->nodata, NULL)));
    job_check(&j);
    job_end(&j);
}

// ---- c05: stacks in time ----------------------------------------------------------------------

static gwt_stat stat_named(const job *j, const char *name)
{
    static const char *const names[] = { "mean", "sum", "min", "max", "std", "var", "median",
                                         "perc", "count" };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (!strcmp(names[i], name)) return (gwt_stat)i;
    FAIL("%s: no statistic %s", j->row->name, name);
    return GWT_MEAN;
}

static double want_reduced(const job *j, int out, int row, int col)
{
    double values[MAX_PLANES];
    int n = 0, step = j->num_planes / j->num_inputs;
    if (j->num_inputs == 1) step = 1;  // bands taken as dates
    for (int p = out; p < j->num_planes; p += step) {
        double v = plane_at(&j->planes[p], row, col);
        if (!isnan(v)) values[n++] = v;
    }
    return stat_of(values, n, j->stat, 0);
}

static double want_same(const job *j, int out, int row, int col)
{
    return plane_at(&j->planes[out], row + j->row0, col + j->col0);
}

// Dates d1 d1 d2: the first two become one.
static double want_same_date(const job *j, int out, int row, int col)
{
    double two[2] = { plane_at(&j->planes[0], row, col), plane_at(&j->planes[1], row, col) };
    return out ? plane_at(&j->planes[2], row, col) : stat_of(two, 2, j->stat, 0);
}

static gwt_array *same_date(const job *j)
{
    gwt_array *dates[3];
    for (int i = 0; i < 3; i++) dates[i] = gwt_open(j->g, j->paths[i], .chunks = 256);
    dates[0] = gwt_mosaic(dates, 2, GWT_REFERENCE, j->stat, GWT_NEAREST);
    dates[1] = j->stat == GWT_MEAN ? gwt_cast(dates[2], GWT_FLOAT64) : dates[2];
    return gwt_stack(dates, 2, GWT_TIME);
}

static void run_time(golden_row *row)
{
    static const char *const stats[] = { "mean", "min", "max", "std", "var", "median", "count" };
    const char *stat = NULL;
    job j;
    if (strstr(row->operation, "stack_dim=band")) return;  // in test_golden.c
    job_begin(&j, row);
    for (size_t i = 0; i < COUNT_OF(stats); i++) if (has(&j, stats[i])) stat = stats[i];
    if (value_of(&j, "overlap")) stat = value_of(&j, "overlap");
    if (stat) j.stat = stat_named(&j, stat);
    if (value_of(&j, "time_names")) {
        j.array = same_date(&j);
        j.want = want_same_date;
    } else if (has(&j, "dates")) {
        j.array = gwt_reduce(open_one(&j), GWT_BAND, j.stat);
        j.want = want_reduced;
    } else {
        j.array = gwt_open_many(j.g, j.paths, (size_t)j.num_inputs, .stack = GWT_TIME,
                                .chunks = 256);
        if (value_of(&j, "band")) j.array = gwt_sel(j.array, value_of(&j, "band"));
        if (stat) j.array = gwt_reduce(j.array, GWT_TIME, j.stat);
        j.want = stat ? want_reduced : want_same;
    }
    if (j.stat == GWT_STD || j.stat == GWT_VAR) j.absolute = 1e-9;
    // geowombat counts in the file's type, and keeps it where the bands of a file are dates.
    if (has(&j, "dates")) j.rules |= OTHER_TYPE, j.fill = NAN;
    job_check(&j);
    job_end(&j);
}

// ---- c06: files of several grids --------------------------------------------------------------

// New cells on old ones: both grids without rotation.
static relation relation_of(const double *to, const double *from)
{
    return (relation){ { to[4] / from[4], to[0] / from[0] },
                       { (to[5] - from[5]) / from[4], (to[2] - from[2]) / from[0] } };
}

static double want_stacked(const job *j, int out, int row, int col)
{
    int bands = j->num_planes / j->num_inputs;
    return resampled(&j->planes[out], &j->relations[out / bands], j->resampling, row, col);
}

static double want_mosaic(const job *j, int out, int row, int col)
{
    double values[MAX_INPUTS];
    int n = 0, bands = j->num_planes / j->num_inputs;
    for (int i = 0; i < j->num_inputs; i++) {
        double v = want_stacked(j, i * bands + out, row, col);
        if (!isnan(v)) values[n++] = v;
    }
    return stat_of(values, n, j->stat, 0);
}

// An array on a grid, of zeros: something to align to.
static gwt_array *grid_at(gwt *g, int epsg, const double *t, int rows, int cols)
{
    geo_place place;
    double *zeros = calloc((size_t)rows * (size_t)cols, sizeof *zeros);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = cols, .height = rows, .dtype = GWT_UINT8,
                                             .geo = geo_at(&place, epsg, t) },
                            zeros);
    free(zeros);
    return a;
}

static void expect_transform(const job *j, const double *want)
{
    const double *t = gwt_describe(j->array)->transform;
    for (int i = 0; i < 6; i++)
        REQUIRE(t[i] == want[i], "%s: transform[%d] is %.17g, not %.17g", j->row->name, i, t[i],
                want[i]);
}

// Our grid of a union or intersection: whole cells of the first file's.
static void expect_common_grid(const job *j, bool is_union)
{
    double first[6], other[6], from[2] = { 0, 0 }, to[2];
    assert_true(image_transform(j->images[0], first));
    to[0] = j->images[0]->height, to[1] = j->images[0]->width;
    for (int i = 1; i < j->num_inputs; i++) {
        assert_true(image_transform(j->images[i], other));
        relation q = relation_of(other, first);
        double size[2] = { j->images[i]->height, j->images[i]->width };
        for (int k = 0; k < 2; k++) {
            double end = q.origin[k] + q.scale[k] * size[k];
            from[k] = is_union ? fmin(from[k], floor(q.origin[k]))
                               : fmax(from[k], ceil(q.origin[k]));
            to[k] = is_union ? fmax(to[k], ceil(end)) : fmin(to[k], floor(end));
        }
    }
    const gwt_info *info = gwt_describe(j->array);
    REQUIRE(info->shape[2] == to[0] - from[0] && info->shape[3] == to[1] - from[1],
            "%s: %d x %d", j->row->name, (int)info->shape[2], (int)info->shape[3]);
    first[2] += first[0] * from[1], first[5] += first[4] * from[0];
    expect_transform(j, first);
}

static gwt_array *reference_of(const job *j)
{
    const char *bounds = value_of(j, "config.ref_bounds"), *file = value_of(j, "config.ref_image");
    double b[4];
    if (file) return gwt_open(j->g, shared_path("data/%s", file));
    if (!bounds) return NULL;
    assert_int_equal(sscanf(bounds, "%lf:%lf:%lf:%lf", b, b + 1, b + 2, b + 3), 4);
    // Columns int(extent / cell), the cell that of the file.
    double cell = j->images[0]->scale[0];
    return grid_at(j->g, 32618, (double[]){ cell, 0, b[0], 0, -cell, b[3] },
                   (int)((b[3] - b[1]) / cell), (int)((b[2] - b[0]) / cell));
}

static void set_relations(job *j)
{
    double t[6];
    for (int i = 0; i < j->num_inputs; i++) {
        assert_true(image_transform(j->images[i], t));
        j->relations[i] = relation_of(gwt_describe(j->array)->transform, t);
    }
}

static gwt_resampling resampling_of(const job *j)
{
    static const char *const names[] = { "nearest", "bilinear", "cubic", "average" };
    const char *name = value_of(j, "resampling");
    for (size_t i = 0; name && i < COUNT_OF(names); i++)
        if (!strcmp(name, names[i])) return (gwt_resampling)i;
    return GWT_NEAREST;
}

static void run_mosaic(golden_row *row)
{
    job j;
    job_begin(&j, row);
    const char *overlap = value_of(&j, "overlap"), *by = value_of(&j, "bounds_by");
    gwt_bounds_by bounds_by = !by ? GWT_SAME_GRID : !strcmp(by, "union") ? GWT_UNION
                            : !strcmp(by, "intersection") ? GWT_INTERSECTION : GWT_REFERENCE;
    bool mosaic = value_of(&j, "mosaic") != NULL;
    if (overlap) j.stat = stat_named(&j, overlap);
    j.resampling = resampling_of(&j);
    j.want = mosaic ? want_mosaic : want_stacked;
    if (strstr(row->quirks, "mosaic-nan") && !strcmp(row->dtype, "float64")) j.fill = NAN;
    if (isnan(j.fill) && !strcmp(row->dtype, "uint8")) j.fill = 0;
    gwt_array *reference = reference_of(&j);
    j.array = gwt_open_many(j.g, j.paths, (size_t)j.num_inputs, .stack = GWT_TIME, .chunks = 128,
                            .bounds_by = bounds_by, .reference = reference, .mosaic = mosaic,
                            .overlap = j.stat, .resampling = j.resampling,
                            .nodata = optional_of(&j, "nodata"));
    EXPECT_OK(j.g);
    bool whole = reference == NULL && (bounds_by == GWT_UNION || bounds_by == GWT_INTERSECTION);
    if (whole) expect_common_grid(&j, bounds_by == GWT_UNION);
    // A mosaic keeps the type of the files, but of means.
    // Interpolated integers are rounded before they are merged: half a unit at the most.
    if (j.resampling != GWT_NEAREST) j.absolute = 0.5 + 1e-9;
    gwt_dtype type = mosaic && j.stat == GWT_MEAN ? GWT_FLOAT64 : j.images[0]->dtype;
    assert_int_equal(gwt_describe(j.array)->dtype, type);
    j.rules |= OTHER_TYPE;
    set_relations(&j);
    job_check(&j);
    job_end(&j);
}

// ---- c07: moving windows ----------------------------------------------------------------------

static double want_moving(const job *j, int out, int row, int col)
{
    double values[15 * 15], weights[15 * 15];
    if (j->weights) {
        int cells = window_weighted(&j->planes[out], row, col, j->window, values, weights);
        return weighted_stat(values, weights, cells, j->stat);
    }
    int n = window_values(&j->planes[out], row, col, j->window, values);
    return stat_of(values, n, j->stat, j->percentile);
}

// Weights are for mean, sum, std and var. Of other statistics they are refused; then the row is run
// without them, as geowombat's perc does by itself.
static bool takes_weights(const job *j, gwt_array *a)
{
    const char *name = j->stat == GWT_MIN ? "min" : j->stat == GWT_MAX ? "max" : "percentile";
    char part[80];
    if (j->stat == GWT_MEAN || j->stat == GWT_STD || j->stat == GWT_VAR) return true;
    assert_null(gwt_moving(a, .statistic = j->stat, .window = j->window,
                           .percentile = j->percentile, .weights = true));
    snprintf(part, sizeof part, "weights are for mean, sum, std and var, not for %s", name);
    EXPECT_ERROR(j->g, GWT_E_ARGUMENT, part);
    return false;
}

static void run_moving(golden_row *row)
{
    job j;
    job_begin(&j, row);
    bool none = number_of(&j, "nodata") == 1e9;
    const char *band = value_of(&j, "band");
    j.stat = stat_named(&j, value_of(&j, "stat"));
    j.window = (int)number_of(&j, "w");
    j.percentile = j.stat == GWT_PERCENTILE ? number_of(&j, "perc") : 0;
    j.fill = none ? NAN : number_of(&j, "nodata");
    j.want = want_moving;
    if (j.stat == GWT_STD || j.stat == GWT_VAR) j.relative = 1e-12;
    // Ours keep the type of the file, geowombat's are float64.
    if (j.stat == GWT_MIN || j.stat == GWT_MAX) j.rules |= OTHER_TYPE;
    // Also in the rows of c07_moving_l8_b4_nd6989_mid.tif, whose column of quirks does not say so.
    j.rules |= AT_RAW_LINES;
    gwt_array *a = gwt_open(j.g, j.paths[0], .chunks = (int)number_of(&j, "chunks"),
                            .nodata = none ? (gwt_optional){ 0 } : optional_of(&j, "nodata"));
    if (band) {
        int b = atoi(band) - 1;
        plane chosen = j.planes[b];
        j.planes[b] = j.planes[0], j.planes[0] = chosen;
        a = gwt_sel(a, band);
    }
    j.weights = has(&j, "weights=True") && takes_weights(&j, a);
    j.array = gwt_moving(a, .statistic = j.stat, .window = j.window, .percentile = j.percentile,
                         .weights = j.weights);
    job_check(&j);
    job_end(&j);
}

// ---- c08: nodata, comparisons, selections, resampling -----------------------------------------

static double want_compared(const job *j, int out, int row, int col)
{
    double v = want_same(j, out, row, col), b = number_of(j, "b");
    const char *op = value_of(j, "op");
    bool yes = !strcmp(op, "lt") ? v < b : !strcmp(op, "ge") ? v >= b : !strcmp(op, "eq") ? v == b
             : v > b;
    if (!strcmp(value_of(j, "return_binary"), "True")) return yes;
    return yes ? v : NAN;
}

static void run_compare(job *j)
{
    const char *op = value_of(j, "op");
    gwt_array *a = open_one(j), *b = gwt_number(j->g, number_of(j, "b"));
    gwt_array *yes = !strcmp(op, "lt") ? gwt_lt(a, b) : !strcmp(op, "ge") ? gwt_ge(a, b)
                   : !strcmp(op, "eq") ? gwt_eq(a, b) : gwt_gt(a, b);
    bool binary = !strcmp(value_of(j, "return_binary"), "True");
    j->array = binary ? yes : gwt_cast(gwt_where(yes, a, gwt_number(j->g, NAN)), GWT_UINT8);
    j->want = want_compared;
    j->fill = 0;
}

static double want_replaced(const job *j, int out, int row, int col)
{
    double v = want_same(j, out, row, col);
    return v == 100 ? 101 : v == 101 ? 100 : v == 82 ? 0 : v;
}

// 300 is no uint8: an error; without it, all that does not come of 200 is geowombat's.
static void run_replace(job *j)
{
    static const double from[] = { 100, 101, 82, 200 }, to[] = { 101, 100, 0, 300 };
    assert_true(has(j, "100:101") && has(j, "101:100") && has(j, "82:0") && has(j, "200:300"));
    gwt_array *a = open_one(j);
    assert_null(gwt_replace(a, from, to, 4));
    EXPECT_ERROR(j->g, GWT_E_ARGUMENT, "300");
    j->array = gwt_replace(a, from, to, 3);
    j->want = want_replaced;
    image *golden = image_read(shared_path("golden/%s", j->row->output));
    for (int b = 0; b < golden->bands; b++)
        for (int r = 0; r < golden->height; r++)
            for (int c = 0; c < golden->width; c++) {
                double want = want_replaced(j, b, r, c);
                assert_true(image_get(golden, b, r, c) == (want == 200 ? 300 - 256 : want));
            }
    image_free(golden);
}

static void run_subset(job *j)
{
    gwt_array *a = open_one(j);
    double b[4], t[6];
    assert_true(image_transform(j->images[0], t));
    if (has(j, "open")) {
        assert_int_equal(sscanf(value_of(j, "bounds"), "%lf:%lf:%lf:%lf", b, b + 1, b + 2, b + 3),
                         4);
    } else {
        b[0] = number_of(j, "left"), b[3] = number_of(j, "top");
        b[2] = value_of(j, "right") ? number_of(j, "right") : b[0] + 5 * number_of(j, "cols");
        b[1] = value_of(j, "bottom") ? number_of(j, "bottom") : b[3] - 5 * number_of(j, "rows");
    }
    j->array = gwt_subset(a, gwt_bounds_of(b[0], b[1], b[2], b[3]));
    j->want = want_same;
    // The first pixel whose centre lies within.
    j->col0 = (int)ceil((b[0] - t[2]) / t[0] - 0.5);
    j->row0 = (int)ceil((b[3] - t[5]) / t[4] - 0.5);
    expect_transform(j, (double[]){ 5, 0, t[2] + 5 * j->col0, 0, -5, t[5] - 5 * j->row0 });
    if (strstr(j->row->name, "subset_misaligned")) {
        // geowombat has int(998 / 5) = 199 rows; 200 have their centre within.
        assert_int_equal(gwt_describe(j->array)->shape[2], 200);
        j->array = gwt_window(j->array, 0, 0, 199, 200);
    }
}

static void run_open_window(job *j)
{
    assert_true(has(j, "window=col_off:20") && has(j, "row_off:10") && has(j, "width:40") &&
                has(j, "height:30"));
    j->array = gwt_window(open_one(j), 10, 20, 30, 40);
    j->row0 = 10, j->col0 = 20;
    j->want = want_same;
}

static double want_aligned(const job *j, int out, int row, int col)
{
    return resampled(&j->planes[out], &j->relations[0], j->resampling, row, col);
}

// The grid of ref_res: the upper left corner of the file, columns int(extent / cell).
static gwt_array *grid_of_cells(const job *j)
{
    double t[6], x, y;
    const char *res = value_of(j, "config.ref_res");
    assert_true(image_transform(j->images[0], t));
    int n = sscanf(res, "%lf:%lf", &x, &y);
    if (n == 1) y = x;
    int epsg = gwt_describe(open_one(j))->epsg;
    return grid_at(j->g, epsg, (double[]){ x, 0, t[2], 0, -y, t[5] },
                   (int)(j->images[0]->height * -t[4] / y), (int)(j->images[0]->width * t[0] / x));
}

static void run_resampled(job *j)
{
    gwt_array *like = value_of(j, "config.ref_res") ? grid_of_cells(j) : reference_of(j);
    j->resampling = resampling_of(j);
    j->array = gwt_align(open_one(j), like, j->resampling);
    j->want = want_aligned;
    if (isnan(j->fill)) j->fill = 0;  // outside-zero, and these types have no NaN
    set_relations(j);
    // The file has no nodata value; the zeros took part all the same.
    if (strstr(j->row->name, "lc08_res120_bilinear")) j->rules |= NEAR_MISSING;
}

static double want_mask(const job *j, int out, int row, int col)
{
    (void)out;
    const relation *q = &j->relations[0];
    return isnan(resampled(&j->planes[0], q, GWT_NEAREST, row, col));
}

// The coordinate that geowombat adds: where the raw file is nodata, by the nearest cell.
static void run_mask_coordinate(job *j)
{
    gwt_array *raw = gwt_open(j->g, j->paths[0]);
    gwt_array *zero = gwt_eq(raw, gwt_number(j->g, number_of(j, "nodata")));
    j->array = gwt_align(zero, grid_of_cells(j), GWT_NEAREST);
    j->want = want_mask;
    set_relations(j);
}

static void run_selection(golden_row *row)
{
    job j;
    if (find_skipped(row)) return;
    job_begin(&j, row);
    if (has(&j, "compare")) run_compare(&j);
    else if (has(&j, "replace")) run_replace(&j);
    else if (has(&j, "subset") || value_of(&j, "bounds")) run_subset(&j);
    else if (value_of(&j, "window")) run_open_window(&j);
    else if (has(&j, "_nodata_mask")) run_mask_coordinate(&j);
    else if (has(&j, "mask_nodata")) {
        j.array = gwt_mask_nodata(open_one(&j));
        assert_false(gwt_describe(j.array)->nodata.set);
        j.want = want_same, j.fill = NAN;
    } else run_resampled(&j);
    job_check(&j);
    job_end(&j);
}

// ---- c09: blocks ------------------------------------------------------------------------------

enum { MAX_BLOCKS = 512 };

typedef struct block_sums {
    int64_t col[MAX_BLOCKS], row[MAX_BLOCKS], width[MAX_BLOCKS], height[MAX_BLOCKS];
    uint64_t sum[MAX_BLOCKS];
    atomic_int calls;
} block_sums;

static int sum_block(const gwt_block *b, void *user)
{
    block_sums *s = user;
    uint64_t sum = 0;
    size_t count = (size_t)(b->times * b->bands * b->rows * b->cols);
    for (size_t i = 0; i < count; i++) sum += (uint64_t)sample_get(b->dtype, b->data, i);
    if (b->id < 0 || b->id >= MAX_BLOCKS) return 1;
    s->col[b->id] = b->col, s->row[b->id] = b->row;
    s->width[b->id] = b->cols, s->height[b->id] = b->rows, s->sum[b->id] = sum;
    atomic_fetch_add(&s->calls, 1);
    return 0;
}

// Rows of a table that are of one call: their first fields are the same.
static int same_call(char *const *lines, int first, int count, int fields)
{
    int i = first;
    size_t n = 0;
    for (int k = 0; k < fields; k++) n += strcspn(lines[first] + n, ",") + 1;
    while (i < count && !strncmp(lines[i], lines[first], n)) i++;
    return i - first;
}

static void check_blocks(char *const *lines, int n, bool sums)
{
    static block_sums s;
    char *f[12];
    int at = 5;                // where window_id is
    char *first = strdup(lines[0]);
    split_text(first, ',', f, 12);
    int workers = sums ? atoi(f[4]) : 3;
    gwt *g = gwt_begin(.num_workers = workers);
    gwt_array *a = gwt_open(g, shared_path("data/%s", f[0]), .chunks = atoi(f[1]));
    s.calls = 0;
    int64_t got = gwt_map_blocks(a, sum_block, &s, .block_rows = atoi(f[2]),
                                 .block_cols = atoi(f[3]));
    EXPECT_OK(g);
    REQUIRE(got == n && s.calls == n, "%s: %d blocks, not %d", lines[0], (int)got, n);
    for (int i = 0; i < n; i++) {
        char *line = strdup(lines[i]);
        split_text(line, ',', f, 12);
        REQUIRE(atoi(f[at]) == i && s.col[i] == atoi(f[at + 1]) && s.row[i] == atoi(f[at + 2]) &&
                s.width[i] == atoi(f[at + 3]) && s.height[i] == atoi(f[at + 4]),
                "%s: block %d is %d x %d at row %d, column %d", lines[i], i, (int)s.width[i],
                (int)s.height[i], (int)s.row[i], (int)s.col[i]);
        if (sums) REQUIRE(s.sum[i] == strtoull(f[at + 5], NULL, 10), "%s: sum %llu", lines[i],
                          (unsigned long long)s.sum[i]);
        free(line);
    }
    assert_int_equal(gwt_end(g), 0);
    free(first);
}

// Blocks with padding, as they came: [id]. `values` is the image read at once.
typedef struct padded_blocks {
    int64_t inner[MAX_BLOCKS][4], outer[MAX_BLOCKS][4];  // column, row, width, height
    int64_t width;
    const uint16_t *values;
    atomic_int calls, wrong;
} padded_blocks;

static int look_at_padded(const gwt_block *b, void *user)
{
    padded_blocks *s = user;
    const uint16_t *data = b->data;
    if (b->id < 0 || b->id >= MAX_BLOCKS) return 1;
    int64_t inner[4] = { b->inner_col, b->inner_row, b->inner_cols, b->inner_rows };
    int64_t outer[4] = { b->col, b->row, b->cols, b->rows };
    memcpy(s->inner[b->id], inner, sizeof inner);
    memcpy(s->outer[b->id], outer, sizeof outer);
    for (int64_t r = 0; r < b->rows; r++)
        if (memcmp(data + r * b->cols, s->values + (b->row + r) * s->width + b->col,
                   (size_t)b->cols * sizeof *data)) atomic_fetch_add(&s->wrong, 1);
    atomic_fetch_add(&s->calls, 1);
    return 0;
}

static gwt_array *array_of_size(gwt *g, int width, int height)
{
    size_t count = (size_t)width * (size_t)height;
    double *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++) values[i] = (double)(noise(i) & 0xffff);
    gwt_array *a = array_of(g, &(tiff_spec){ .width = width, .height = height,
                                             .dtype = GWT_UINT16, .tile_width = 48,
                                             .tile_height = 80, .geo = &geo_utm }, values);
    free(values);
    return a;
}

// Fields of a line: image, blocks, padding, number of the block, its window, its padded window.
static void check_padded(char *const *lines, int n)
{
    static padded_blocks s;
    int f[17];
    sscanf(lines[0], "%d,%d,%d,%d,%d,%d,%d,%d", f, f + 1, f + 2, f + 3, f + 4, f + 5, f + 6, f + 7);
    gwt *g = gwt_begin(.num_workers = 3);
    gwt_array *a = array_of_size(g, f[1], f[0]);
    uint16_t *values = gwt_compute(a);
    s.width = f[1], s.values = values;
    s.calls = 0;
    s.wrong = 0;
    int64_t got = gwt_map_blocks(a, look_at_padded, &s, .block_rows = f[2], .block_cols = f[3],
                                 .padding = { f[4], f[5], f[6], f[7] });
    EXPECT_OK(g);
    REQUIRE(got == n && s.calls == n, "%s: %d blocks, not %d", lines[0], (int)got, n);
    REQUIRE(s.wrong == 0, "%s: %d rows of blocks are not those of the image", lines[0], s.wrong);
    for (int i = 0; i < n; i++) {
        char *at = lines[i];
        for (int k = 0; k < 17; k++, at += *at == ',') f[k] = (int)strtol(at, &at, 10);
        assert_int_equal(f[8], i);
        for (int k = 0; k < 4; k++)
            REQUIRE(s.inner[i][k] == f[9 + k] && s.outer[i][k] == f[13 + k], "%s: number %d of the "
                    "window is %d, with padding %d", lines[i], k, (int)s.inner[i][k],
                    (int)s.outer[i][k]);
    }
    gwt_free(values);
    assert_int_equal(gwt_end(g), 0);
}

static void run_blocks(golden_row *row)
{
    char *lines[4000];
    size_t size;
    char *text = (char *)file_read(shared_path("golden/%s", row->output), &size);
    int count = split_text(text, '\n', lines, COUNT_OF(lines));
    if (count && !*lines[count - 1]) count--;
    for (int i = 1, n; i < count; i += n) {
        bool padded = strstr(row->name, "padding") != NULL;
        n = same_call(lines, i, count, padded ? 8 : 5);
        if (padded) check_padded(lines + i, n);
        else check_blocks(lines + i, n, strstr(row->name, "sums") != NULL);
    }
    free(text);
}

// ---- groups -----------------------------------------------------------------------------------

typedef struct group { const char *prefix; void (*run)(golden_row *row); } group;

static group groups[] = {
    { "c03_", run_index }, { "c04_", run_index }, { "c05_", run_time }, { "c06_", run_mosaic },
    { "c07_", run_moving }, { "c08_", run_selection }, { "c09_", run_blocks }
};

static void run_group(void **state)
{
    const group *which = *state;
    if (!shared_dir()) skip_loudly("../shared absent");
    golden_rows(which->prefix, which->run);
}

static const char *const elsewhere[] = { "c01_", "c02_", "c10_", "c11_" };
static int counted;

static void count_row(golden_row *row)
{
    skipped_rows *s = find_skipped(row);
    if (s) counted++, s->rows--;
    for (size_t i = 0; !s && i < COUNT_OF(groups); i++)
        counted += !strncmp(row->name, groups[i].prefix, 4);
    for (size_t i = 0; !s && i < COUNT_OF(elsewhere); i++)
        counted += !strncmp(row->name, elsewhere[i], 4);
}

// No row of any group is left out, and no more are than the table says.
static void all_rows_accounted_for(void **state)
{
    (void)state;
    if (!shared_dir()) skip_loudly("../shared absent");
    int rows = golden_rows("", count_row);
    REQUIRE(counted == rows, "%d rows of %d are run or in a table", counted, rows);
    for (size_t i = 0; i < COUNT_OF(skipped); i++)
        REQUIRE(skipped[i].rows == 0, "%s rows, '%s': %d more or less than the table says",
                skipped[i].prefix, skipped[i].reason, skipped[i].rows);
}

static void not_run(void **state)
{
    const skipped_rows *s = *state;
    char text[160];
    snprintf(text, sizeof text, "%d golden rows %s%s%s: %s", s->rows, s->prefix,
             s->word ? ".. " : "", s->word ? s->word : "", s->reason);
    skip_loudly(text);
}

int main(void)
{
    struct CMUnitTest tests[COUNT_OF(groups) + COUNT_OF(skipped) + 1];
    size_t n = 0;
    for (size_t i = 0; i < COUNT_OF(skipped); i++)
        tests[n++] = (struct CMUnitTest){ skipped[i].prefix, not_run, NULL, NULL, &skipped[i] };
    for (size_t i = 0; i < COUNT_OF(groups); i++)
        tests[n++] = (struct CMUnitTest){ groups[i].prefix, run_group, NULL, NULL, &groups[i] };
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(all_rows_accounted_for);
    return cmocka_run_group_tests_name("golden arrays", tests, temp_begin, temp_end);
}
