// test_golden.c - real Landsat pixels against what geowombat returns for them.
//
// Every row of ../shared/golden/cases.csv in the groups c01 and c02, and the band stacks of c05, is
// built from its operation column and run. A row without a quirk must be equal: the stored window
// bit for bit, the whole result in its NaN count, extremes and sum. A row with a quirk that gwt
// leaves out on purpose stands in the table `quirks` below, and may differ from the stored window
// only where the quirk applies. All rows must equal a plain loop over libtiff of gwt's own rule,
// written in this file. A row that is neither runnable nor listed is a failure.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- quirks of geowombat that gwt does not have -----------------------------------------------

// Where the stored window may differ from ours.
typedef enum where { MISSING, TRUNCATED, ANYWHERE } where;

static const struct { const char *name, *quirks; where where; } quirks[] = {
    // Nodata was filled in before the clip, looked for in one band, or after scaling.
    { "c01_normdiff_bgr_nodata6989_scale1.0", "clip-after-fill", MISSING },
    { "c01_normdiff_bgr_nodata6989_scale0.0001", "nodata-scaled", MISSING },
    { "c01_normdiff_nd", "nodata-one-band", MISSING },
    { "c01_normdiff_nd_swapped", "nodata-one-band", MISSING },
    { "c01_normdiff_nd_m9999", "clip-after-fill", MISSING },
    { "c01_normdiff_nd_confignodata", "nodata-one-band", MISSING },
    { "c02_setnodata_nd", "clip-after-fill", MISSING },
    { "c02_product_nd", "clip-after-fill", MISSING },
    { "c02_setnodata_range_uint16", "clip-after-fill", MISSING },
    // A band whose name is the nodata value was dropped whole.
    { "c01_normdiff_bandnames_nodata1", "nodata-bandname clip-after-fill", ANYWHERE },
    { "c01_normdiff_bandnames_nodata2", "nodata-bandname clip-after-fill", ANYWHERE },
    // The session's factor was applied a second time, to the result.
    { "c01_normdiff_bgr_configscale", "config-scale-twice", ANYWHERE },
    // Stores to integers cut, ours round.
    { "c02_setnodata_trunc_uint8", "cast-truncates", TRUNCATED },
    { "c02_setnodata_int16_m32768", "cast-truncates", TRUNCATED },
    // The session's values beat the arguments; an integer factor wraps at 256.
    { "c02_setnodata_config", "config-wins", ANYWHERE },
    { "c02_setnodata_intscale", "int-scale-wraps", ANYWHERE }
};

static bool quirk_seen[COUNT_OF(quirks)];

// Index in the table, -1 when the row is not listed.
static int find_quirk(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(quirks); i++)
        if (strcmp(quirks[i].name, name) == 0) return (int)i;
    return -1;
}

// ---- rows -------------------------------------------------------------------------------------

enum { MAX_INPUTS = 8, MAX_NAMES = 8 };

typedef struct operation {
    bool norm_diff, set_nodata, each, product, stack;
    const char *b1, *b2, *sensor;
    char *names[MAX_NAMES + 1];
    int num_names, chunks;
    gwt_optional config_nodata, config_scale, config_offset;
    gwt_open_options open;     // nodata, scale_data, scale_factor, offset of a bare open
    gwt_norm_diff_options diff;
    gwt_set_nodata_options set;
} operation;

static gwt_optional number(const char *text)
{
    return strcmp(text, "file") ? gwt_some(strtod(text, NULL)) : (gwt_optional){ 0 };
}

static bool parse_key(operation *op, const char *key, char *value)
{
    gwt_optional *scale = op->norm_diff ? &op->diff.scale_factor
                        : op->set_nodata ? &op->set.scale_factor : &op->open.scale_factor;
    gwt_optional *nodata = op->norm_diff ? &op->diff.nodata : &op->open.nodata;
    gwt_optional *offset = op->set_nodata ? &op->set.offset : &op->open.offset;
    if (!strcmp(key, "b1")) op->b1 = value;
    else if (!strcmp(key, "b2")) op->b2 = value;
    else if (!strcmp(key, "sensor")) op->sensor = strcmp(value, "none") ? value : NULL;
    else if (!strcmp(key, "chunks")) op->chunks = atoi(value);
    else if (!strcmp(key, "stack_dim")) op->stack = !strcmp(value, "band");
    else if (!strcmp(key, "band_names"))
        op->num_names = split_text(value, ':', op->names, MAX_NAMES);
    else if (!strcmp(key, "scale_data")) op->open.scale_data = !strcmp(value, "True");
    else if (!strcmp(key, "nodata")) *nodata = number(value);
    else if (!strcmp(key, "scale_factor")) *scale = number(value);
    else if (!strcmp(key, "offset")) *offset = number(value);
    else if (!strcmp(key, "src")) op->set.src_nodata = number(value);
    else if (!strcmp(key, "dst")) op->set.dst_nodata = number(value);
    else if (!strcmp(key, "dtype")) op->set.dtype = gwt_dtype_from_name(value);
    else if (!strcmp(key, "out_range"))
        op->set.out_range = gwt_range(strtod(value, NULL), strtod(strchr(value, ':') + 1, NULL));
    else if (!strcmp(key, "config.nodata")) op->config_nodata = number(value);
    else if (!strcmp(key, "config.scale_factor")) op->config_scale = number(value);
    else if (!strcmp(key, "config.offset")) op->config_offset = number(value);
    else return false;
    return true;
}

// False when there is a word that this test does not know.
static bool parse_operation(operation *op, char *text)
{
    char *words[32];
    int count = split_text(text, ' ', words, 32);
    bool known = true;
    for (int i = 0; i < count && known; i++) {
        char *equals = strchr(words[i], '=');
        if (equals) {
            *equals = 0;
            known = parse_key(op, words[i], equals + 1);
        } else if (!strcmp(words[i], "norm_diff")) op->norm_diff = true;
        else if (!strcmp(words[i], "set_nodata")) op->set_nodata = true;
        else if (!strcmp(words[i], "each")) op->each = true;
        else if (!strcmp(words[i], "blue*green*red")) op->product = true;
        else known = !strcmp(words[i], "open") || !strcmp(words[i], "then");
    }
    return known;
}

// ---- ours -------------------------------------------------------------------------------------

static gwt_array *multiply(gwt_array *blue, gwt_array *green, gwt_array *red)
{
    return gwt_mul(gwt_mul(blue, green), red);
}

static gwt_array *build(gwt *g, const operation *op, const char *const *paths, int count)
{
    gwt_open_options open = op->open;
    open.chunks = op->chunks, open.sensor = op->sensor;
    open.band_names = op->num_names ? (const char *const *)op->names : NULL;
    if (op->each) {
        gwt_array *bands[MAX_INPUTS];
        for (int i = 0; i < count; i++)
            bands[i] = gwt_set_nodata_with(gwt_open_with(g, paths[i], &open), &op->set);
        return multiply(bands[0], bands[1], bands[2]);
    }
    gwt_array *a = op->stack ? gwt_open_many_with(g, paths, (size_t)count, &open)
                             : gwt_open_with(g, paths[0], &open);
    if (op->norm_diff) a = gwt_norm_diff_with(a, op->b1, op->b2, &op->diff);
    if (op->set_nodata) a = gwt_set_nodata_with(a, &op->set);
    if (op->product) a = multiply(gwt_sel(a, "blue"), gwt_sel(a, "green"), gwt_sel(a, "red"));
    return a;
}

// ---- gwt's rule, as a plain loop --------------------------------------------------------------

// Bands of all inputs, one after the other.
typedef struct source { const image *im; int band; } source;

typedef struct plain {
    source bands[64];
    int num_bands, width, height, out_bands;
    double *values;            // [out_bands][height][width], NaN where missing
    double fill;               // what missing is stored as
} plain;

static double raw_value(const plain *p, int band, int i)
{
    return image_get(p->bands[band].im, p->bands[band].band, i / p->width, i % p->width);
}

// Argument, else session's, else the file's, else a default.
static double first_of(gwt_optional argument, gwt_optional session, double file)
{
    return argument.set ? argument.value : session.set ? session.value : file;
}

static double file_number(const image *im, const char *name, const char *role, int band,
                          double otherwise)
{
    char *text = im->metadata ? metadata_item(im->metadata, name, band, role) : NULL;
    double value = text ? strtod(text, NULL) : otherwise;
    free(text);
    return value;
}

static int band_index(const operation *op, const char *name)
{
    static const char *const bgr[] = { "blue", "green", "red" };
    for (int i = 0; op->sensor && !strcmp(op->sensor, "bgr") && i < 3; i++)
        if (!strcmp(bgr[i], name)) return i;
    return atoi(name) - 1;
}

static double file_nodata(const image *im) { return im->nodata ? strtod(im->nodata, NULL) : NAN; }

static void plain_norm_diff(plain *p, const operation *op)
{
    int b1 = band_index(op, op->b1), b2 = band_index(op, op->b2);
    REQUIRE(b1 >= 0 && b2 >= 0, "bands %s and %s", op->b1, op->b2);
    const image *im = p->bands[b1].im;
    double nodata = first_of(op->diff.nodata, op->config_nodata, file_nodata(im));
    double scale = first_of(op->diff.scale_factor, op->config_scale,
                            file_number(im, "SCALE", "scale", b1, 1));
    p->fill = nodata;
    for (int i = 0; i < p->width * p->height; i++) {
        double r1 = raw_value(p, b1, i), r2 = raw_value(p, b2, i), x = r1 * scale, y = r2 * scale;
        double v = (y - x) / (y + x);
        p->values[i] = r1 == nodata || r2 == nodata ? NAN : v < -1 ? -1 : v > 1 ? 1 : v;
    }
}

static double plain_scaled(const gwt_interval *range, double raw, double nodata, double scale,
                           double offset)
{
    if (isnan(raw) || raw == nodata) return NAN;
    double v = raw * scale;
    v = v + offset;
    if (range && range->set) v = v < range->lo ? range->lo : v > range->hi ? range->hi : v;
    return v;
}

// set_nodata, or an open with scale_data, of every band.
static void plain_scale(plain *p, const operation *op)
{
    bool set = op->set_nodata;
    int count = p->width * p->height;
    for (int b = 0; b < p->num_bands; b++) {
        const image *im = p->bands[b].im;
        double nodata = first_of(set ? op->set.src_nodata : op->open.nodata, op->config_nodata,
                                 file_nodata(im));
        double scale = first_of(set ? op->set.scale_factor : op->open.scale_factor,
                                op->config_scale,
                                file_number(im, "SCALE", "scale", p->bands[b].band, 1));
        double offset = first_of(set ? op->set.offset : op->open.offset, op->config_offset,
                                 file_number(im, "OFFSET", "offset", p->bands[b].band, 0));
        for (int i = 0; i < count; i++)
            p->values[b * count + i] = plain_scaled(set ? &op->set.out_range : NULL,
                                                    raw_value(p, b, i), nodata, scale, offset);
    }
    p->fill = set && op->set.dst_nodata.set ? op->set.dst_nodata.value : NAN;
}

static void plain_product(plain *p)
{
    int count = p->width * p->height;
    for (int i = 0; i < count; i++)
        p->values[i] = p->values[i] * p->values[count + i] * p->values[2 * count + i];
    p->fill = NAN;
}

static void plain_run(plain *p, const operation *op)
{
    int count = p->width * p->height;
    p->values = malloc((size_t)p->num_bands * (size_t)count * sizeof *p->values);
    p->out_bands = op->norm_diff || op->product ? 1 : p->num_bands;
    p->fill = NAN;
    if (op->norm_diff) plain_norm_diff(p, op);
    else if (op->set_nodata || op->open.scale_data) plain_scale(p, op);
    else
        for (int i = 0; i < p->num_bands * count; i++)
            p->values[i] = raw_value(p, i / count, i % count);
    if (op->product) plain_product(p);
}

// As it is stored in a type.
static double stored(gwt_dtype dtype, double value, double fill)
{
    unsigned char raw[8];
    sample_set(dtype, raw, 0, isnan(value) ? fill : value);
    return sample_get(dtype, raw, 0);
}

// ---- comparing --------------------------------------------------------------------------------

static void check_plain(const char *name, const plain *p, gwt_dtype dtype, const void *got)
{
    size_t count = (size_t)(p->out_bands * p->width * p->height);
    for (size_t i = 0; i < count; i++) {
        double is = sample_get(dtype, got, i), want = stored(dtype, p->values[i], p->fill);
        REQUIRE(same_double(is, want), "%s: sample %d is %.17g, a plain loop gives %.17g", name,
                (int)i, is, want);
    }
}

static bool may_differ(where w, double golden, double ours, double plain_value)
{
    if (same_double(golden, ours) || w == ANYWHERE) return true;
    if (isnan(plain_value)) return true;
    return w == TRUNCATED && fabs(golden - ours) <= 1 && golden == trunc(golden);
}

// The part of the result that was kept. `quirk` is the index in the table, or -1.
static void check_window(golden_row *row, const plain *p, gwt_dtype dtype, const void *got,
                         int quirk)
{
    int window[4];
    golden_window(row, p->width, p->height, window);
    assert_string_equal(row->result_bands, "all");
    image *im = image_read(shared_path("golden/%s", row->output));
    assert_true(im->width == window[2] && im->height == window[3] && im->bands == p->out_bands);
    assert_int_equal(im->dtype, dtype);
    int differing = 0;
    for (int b = 0; b < im->bands; b++)
        for (int r = 0; r < im->height; r++)
            for (int c = 0; c < im->width; c++) {
                size_t at = ((size_t)b * (size_t)p->height + (size_t)(window[1] + r)) *
                            (size_t)p->width + (size_t)(window[0] + c);
                double golden = image_get(im, b, r, c), ours = sample_get(dtype, got, at);
                bool fine = quirk < 0 ? same_double(golden, ours)
                          : may_differ(quirks[quirk].where, golden, ours, p->values[at]);
                differing += !same_double(golden, ours);
                REQUIRE(fine, "%s: band %d, row %d, column %d of the window is %.17g, geowombat "
                        "has %.17g", row->name, b, r, c, ours, golden);
            }
    image_free(im);
    if (quirk >= 0) assert_true(differing > 0 || quirks[quirk].where == MISSING);
}

static void check_info(golden_row *row, const operation *op, const gwt_info *info)
{
    golden_check_grid(row, info);
    REQUIRE(strcmp(gwt_dtype_name(info->dtype), row->dtype) == 0, "%s: %s, not %s", row->name,
            gwt_dtype_name(info->dtype), row->dtype);
    double nodata = info->nodata.set ? info->nodata.value : NAN;
    REQUIRE(same_double(nodata, strtod(row->nodata, NULL)), "%s: nodata %g, not %s", row->name,
            nodata, row->nodata);
    for (int i = 0; i < op->num_names; i++)
        assert_string_equal(info->band_names[i], op->names[i]);
    if (op->stack && !op->num_names && !op->sensor)
        for (int i = 0; i < info->shape[1]; i++) assert_int_equal(atoi(info->band_names[i]), i + 1);
    if (op->norm_diff) assert_string_equal(info->band_names[0], "norm-diff");
}

// ---- running a row ----------------------------------------------------------------------------

static void run_row(golden_row *row, int quirk)
{
    operation op = { .chunks = 0 };
    REQUIRE(parse_operation(&op, row->operation), "%s: a word of its operation is unknown, and it "
            "is not in the table of quirks", row->name);
    REQUIRE(!strcmp(row->tolerance, "exact"), "%s: tolerance '%s'", row->name, row->tolerance);
    assert_string_equal(row->band, "all");

    char *files[MAX_INPUTS];
    const char *paths[MAX_INPUTS];
    image *images[MAX_INPUTS];
    plain p = { .num_bands = 0 };
    int count = split_text(row->inputs, ';', files, MAX_INPUTS);
    for (int i = 0; i < count; i++) {
        paths[i] = shared_path("data/%s", files[i]);
        images[i] = image_read(paths[i]);
        for (int b = 0; b < images[i]->bands; b++)
            p.bands[p.num_bands++] = (source){ images[i], b };
    }
    p.width = images[0]->width, p.height = images[0]->height;
    plain_run(&p, &op);

    gwt *g = gwt_begin(.num_workers = 3, .nodata = op.config_nodata,
                       .scale_factor = op.config_scale, .offset = op.config_offset);
    gwt_array *a = build(g, &op, paths, count);
    REQUIRE(gwt_status(g) == GWT_OK, "%s: %s", row->name, gwt_message(g));
    const gwt_info *info = gwt_describe(a);
    check_info(row, &op, info);
    void *got = gwt_compute(a);
    REQUIRE(gwt_status(g) == GWT_OK, "%s: %s", row->name, gwt_message(g));
    check_plain(row->name, &p, info->dtype, got);
    check_window(row, &p, info->dtype, got, quirk);
    if (quirk < 0) golden_check_whole(row, info->dtype, got, array_count(a));
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
    free(p.values);
    for (int i = 0; i < count; i++) image_free(images[i]);
}

static const char *wanted;     // the word in the operations of this group's rows
static int ran, by_rule;

static void run_wanted(golden_row *row)
{
    if (!strstr(row->operation, wanted)) return;
    int quirk = find_quirk(row->name);
    REQUIRE(quirk >= 0 || !*row->quirks, "%s has the quirk '%s' and is not in the table",
            row->name, row->quirks);
    if (quirk >= 0) {
        assert_string_equal(quirks[quirk].quirks, row->quirks);
        quirk_seen[quirk] = true;
    }
    run_row(row, quirk);
    ran++, by_rule += quirk >= 0;
}

// All rows of a group whose operation holds a word.
static void run_group(const char *prefix, const char *word)
{
    if (!shared_dir()) skip_loudly("../shared absent");
    wanted = word, ran = by_rule = 0;
    golden_rows(prefix, run_wanted);
    REQUIRE(ran > 0, "no row of %s with '%s' in cases.csv", prefix, word);
    print_message("%s: %d rows equal geowombat's, %d our rule instead of a quirk\n", prefix,
                  ran - by_rule, by_rule);
}

static void norm_diff_rows(void **state)
{
    (void)state;
    run_group("c01_", "");
}

static void set_nodata_rows(void **state)
{
    (void)state;
    run_group("c02_", "");
}

static void band_stack_rows(void **state)
{
    (void)state;
    run_group("c05_", "stack_dim=band");
}

// Runs last: a listed case that is no longer in cases.csv is out of date.
static void all_quirks_seen(void **state)
{
    (void)state;
    if (!shared_dir()) skip_loudly("../shared absent");
    for (size_t i = 0; i < COUNT_OF(quirks); i++)
        REQUIRE(quirk_seen[i], "%s is in the table and was not met", quirks[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norm_diff_rows),
        cmocka_unit_test(set_nodata_rows),
        cmocka_unit_test(band_stack_rows),
        cmocka_unit_test(all_quirks_seen),
    };
    return cmocka_run_group_tests_name("golden", tests, temp_begin, temp_end);
}
