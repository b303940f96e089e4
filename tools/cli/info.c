// info.c - gwt info: what a file says about itself, for people and for programs.

#include "about.h"
#include "cli.h"
#include "inputs.h"
#include "../json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *interleave_name(const gwt_info *info)
{
    return info->interleave == GWT_PLANAR ? "band" : "pixel";
}

static bool has_fewer_bits(const gwt_info *info)
{
    return info->bits < 8 * (int)gwt_dtype_size(info->dtype);
}

// ---- JSON -------------------------------------------------------------------------------------

static void json_descriptions(const gwt_info *info)
{
    putchar('[');
    for (int64_t b = 0; b < info->shape[1]; b++) {
        if (b) fputs(", ", stdout);
        json_string(stdout, info->named[b] ? info->band_names[b] : NULL);
    }
    putchar(']');
}

static void json_nodata(const gwt_info *info)
{
    if (!info->nodata.set) fputs("null", stdout);
    else printf(isfinite(info->nodata.value) ? "%s" : "\"%s\"", info->nodata_text);
}

static void json_crs(const about *a)
{
    fputs("{\"name\": ", stdout);
    json_string(stdout, a->crs_name);
    fputs(", \"kind\": ", stdout);
    json_string(stdout, a->crs_kind);
    fputs(", \"geokeys\": {", stdout);
    for (size_t i = 0; i < a->num_keys; i++) {
        const about_key *k = &a->keys[i];
        if (k->name) printf("%s\"%sGeoKey\": ", i ? ", " : "", k->name);
        else printf("%s\"%d\": ", i ? ", " : "", k->id);
        if (k->text) json_string(stdout, k->text);
        else if (k->count == 1) json_number(stdout, k->numbers[0]);
        else json_numbers(stdout, k->numbers, k->count);
    }
    fputs("}}", stdout);
}

// Whether an item is shown as it is: those with a role have a place of their own.
static bool is_shown(const about_item *item, int64_t band)
{
    return item->band == band && (!item->role[0] || strcmp(item->domain, "") != 0);
}

// The items of a band, or of the file (-1), by domain; of one name the first.
static void json_items(const about *a, int64_t band)
{
    const char *before = "";
    putchar('{');
    for (size_t i = 0; i < a->num_items; i++) {
        const about_item *first = &a->items[i];
        bool begun = false;
        for (size_t k = 0; k < i && !begun; k++)
            begun = is_shown(&a->items[k], band) && !strcmp(a->items[k].domain, first->domain);
        if (!is_shown(first, band) || begun) continue;
        fputs(before, stdout);
        json_string(stdout, first->domain);
        fputs(": {", stdout);
        before = "";
        for (size_t k = i; k < a->num_items; k++) {
            const about_item *item = &a->items[k];
            bool again = !is_shown(item, band) || strcmp(item->domain, first->domain);
            for (size_t m = i; m < k && !again; m++)
                again = is_shown(&a->items[m], band) && !strcmp(a->items[m].name, item->name)
                     && !strcmp(a->items[m].domain, item->domain);
            if (again) continue;
            fputs(before, stdout);
            json_string(stdout, item->name);
            fputs(": ", stdout);
            json_string(stdout, item->text);
            before = ", ";
        }
        putchar('}');
        before = ", ";
    }
    putchar('}');
}

static const struct { const char *name, *key; } statistics[] = {
    { "STATISTICS_MINIMUM", "min" }, { "STATISTICS_MAXIMUM", "max" },
    { "STATISTICS_MEAN", "mean" }, { "STATISTICS_STDDEV", "std" },
    { "STATISTICS_VALID_PERCENT", "valid_percent" }
};
enum { NUM_STATISTICS = sizeof statistics / sizeof *statistics };

// One of a band's stored statistics; false when it is not there, or no number.
static bool find_statistic(const about *a, int64_t band, int which, double *value)
{
    const about_item *item = about_find(a, band, statistics[which].name);
    return item && cli_read_number(item->text, value);
}

static bool has_statistics(const about *a, int64_t band)
{
    double value;
    bool has = false;
    for (int i = 0; i < NUM_STATISTICS; i++) has |= find_statistic(a, band, i, &value);
    return has;
}

static void json_statistics(const about *a, int64_t band)
{
    double value;
    const char *before = "{";
    if (!has_statistics(a, band)) {
        fputs("null", stdout);
        return;
    }
    for (int i = 0; i < NUM_STATISTICS; i++) {
        if (!find_statistic(a, band, i, &value)) continue;
        printf("%s\"%s\": ", before, statistics[i].key);
        json_number(stdout, value);
        before = ", ";
    }
    putchar('}');
}

// NULL: the file says none.
static const char *unit_of(const about *a, int64_t band)
{
    for (size_t i = 0; i < a->num_items; i++)
        if (a->items[i].band == band && strcmp(a->items[i].role, "unittype") == 0)
            return a->items[i].text;
    return NULL;
}

static void json_unit(const about *a, int64_t band) { json_string(stdout, unit_of(a, band)); }

static void json_color(const about *a, int64_t band) { json_string(stdout, a->colors[band]); }

// A list of what each band has.
static void json_bands(const char *key, const about *a, void (*one)(const about *, int64_t))
{
    printf(",\n  \"%s\": [", key);
    for (size_t b = 0; b < a->num_bands; b++) {
        if (b) fputs(", ", stdout);
        one(a, (int64_t)b);
    }
    putchar(']');
}

// Where it has overviews, and which images it has besides.
static void json_images(const gwt_info *info)
{
    fputs(",\n  \"overview_sizes\": [", stdout);
    for (int i = 0; i < info->overviews; i++)
        printf("%s[%" PRId64 ", %" PRId64 "]", i ? ", " : "", info->overview_list[i].width,
               info->overview_list[i].height);
    putchar(']');
    for (int i = 0; i < info->overviews; i++) {
        fputs(i ? ", " : ",\n  \"overview_places\": [", stdout);
        json_string(stdout, info->overview_list[i].where);
    }
    if (info->overviews) putchar(']');
    if (info->directory > 1) printf(",\n  \"directory\": %d", info->directory);
    for (int i = 0; i < info->pages && info->pages > 1; i++)
        printf("%s{\"directory\": %d, \"width\": %" PRId64 ", \"height\": %" PRId64 "}",
               i ? ", " : ",\n  \"pages\": [", info->page_list[i].directory,
               info->page_list[i].width, info->page_list[i].height);
    if (info->pages > 1) putchar(']');
}

static void json_about(const gwt_info *info, const about *a)
{
    bool of_bands = false, stored = false, units = false;
    for (size_t i = 0; i < a->num_items; i++)
        of_bands |= a->items[i].band >= 0 && is_shown(&a->items[i], a->items[i].band);
    for (size_t b = 0; b < a->num_bands; b++) {
        stored |= has_statistics(a, (int64_t)b);
        units |= unit_of(a, (int64_t)b) != NULL;
    }
    json_bands("colors", a, json_color);
    if (units) json_bands("units", a, json_unit);
    if (a->shades) printf(",\n  \"palette\": %zu", a->shades);
    json_images(info);
    fputs(",\n  \"crs\": ", stdout);
    if (a->num_keys) json_crs(a);
    else fputs("null", stdout);
    if (stored) json_bands("statistics", a, json_statistics);
    fputs(",\n  \"metadata\": ", stdout);
    json_items(a, -1);
    if (of_bands) json_bands("band_metadata", a, json_items);
    fputs(",\n  \"texts\": {", stdout);
    for (size_t i = 0; i < a->num_texts; i++) {
        printf("%s\"%s\": ", i ? ", " : "", a->texts[i].name);
        json_string(stdout, a->texts[i].text);
    }
    putchar('}');
    for (size_t i = 0; i < a->num_others; i++)
        printf("%s\"%s\": %zu", i ? ", " : ",\n  \"others\": {", a->others[i].key,
               a->others[i].count);
    if (a->num_others) putchar('}');
}

static void print_json(const char *path, const gwt_info *info, const about *about)
{
    size_t bands = (size_t)info->shape[1];
    fputs("{\n  \"file\": ", stdout);
    json_string(stdout, path);
    printf(",\n  \"width\": %" PRId64 ",\n  \"height\": %" PRId64 ",\n  \"bands\": %" PRId64,
           info->shape[3], info->shape[2], info->shape[1]);
    printf(",\n  \"dtype\": \"%s\"", gwt_dtype_name(info->dtype));
    if (info->complex_part) fputs(",\n  \"complex\": true", stdout);
    else if (has_fewer_bits(info)) printf(",\n  \"nbits\": %d", info->bits);
    if (info->has_transform) {
        fputs(",\n  \"transform\": ", stdout);
        json_numbers(stdout, info->transform, 6);
    }
    fputs(",\n  \"bounds\": ", stdout);
    const gwt_bounds b = info->bounds;
    json_numbers(stdout, (double[]){ b.left, b.bottom, b.right, b.top }, 4);
    if (info->epsg) printf(",\n  \"epsg\": %d,\n  \"nodata\": ", info->epsg);
    else fputs(",\n  \"epsg\": null,\n  \"nodata\": ", stdout);
    json_nodata(info);
    printf(",\n  \"tile\": [%" PRId64 ", %" PRId64 "],\n  \"compression\": ",
           info->tile[0], info->tile[1]);
    json_string(stdout, info->compression);
    printf(",\n  \"interleave\": \"%s\",\n  \"overviews\": %d,\n  \"bigtiff\": %s",
           interleave_name(info), info->overviews, info->bigtiff ? "true" : "false");
    fputs(",\n  \"area_or_point\": ", stdout);
    json_string(stdout, info->area_or_point);
    fputs(",\n  \"scales\": ", stdout);
    json_numbers(stdout, info->scales, bands);
    fputs(",\n  \"offsets\": ", stdout);
    json_numbers(stdout, info->offsets, bands);
    fputs(",\n  \"descriptions\": ", stdout);
    json_descriptions(info);
    if (info->mask) {
        fputs(",\n  \"mask\": ", stdout);
        json_string(stdout, info->mask);
    }
    if (info->alpha_band) printf(",\n  \"alpha\": %d", info->alpha_band);
    json_about(info, about);
    fputs("\n}", stdout);
}

// ---- text -------------------------------------------------------------------------------------

static void print_numbers(const double *values, size_t count, const char *between)
{
    char digits[32];
    for (size_t i = 0; i < count; i++)
        printf("%s%s", i ? between : "", json_digits(values[i], digits));
}

// Of a CRS without a code what defines it: its keys but for its names.
static void print_keys(const about *a)
{
    for (size_t i = 0; i < a->num_keys; i++) {
        const about_key *k = &a->keys[i];
        if (!k->numbers || !k->name || k->id == 1024 || k->id == 1025) continue;
        const char *method = k->id == 3075 ? about_method((int)k->numbers[0]) : NULL;
        printf("    %s ", k->name);
        print_numbers(k->numbers, k->count, ", ");
        printf(method ? " (%s)\n" : "\n", method);
    }
}

static void print_crs(const gwt_info *info, const about *a)
{
    fputs("  crs          ", stdout);
    if (info->epsg) printf("EPSG:%d", info->epsg);
    else fputs(info->has_crs ? "without an EPSG code" : "none", stdout);
    if (a->crs_name) {
        fputs(", ", stdout);
        cli_text(stdout, a->crs_name);
    }
    if (!info->epsg && a->crs_kind) printf(", %s", a->crs_kind);
    printf(", pixel is %s\n", strcmp(info->area_or_point, "Point") == 0 ? "point" : "area");
    if (!info->epsg) print_keys(a);
}

static void print_place(const gwt_info *info, const about *a)
{
    const double *t = info->transform;
    print_crs(info, a);
    if (!info->has_transform) {
        puts("  transform    none");
        return;
    }
    fputs("  origin       ", stdout);
    print_numbers((double[]){ t[2], t[5] }, 2, ", ");
    fputs("\n  pixel size   ", stdout);
    print_numbers((double[]){ t[0], t[4] }, 2, ", ");
    if (t[1] != 0 || t[3] != 0) {
        fputs("   rotated: ", stdout);
        print_numbers(t, 6, ", ");
    }
    fputs("\n  bounds       ", stdout);
    const gwt_bounds b = info->bounds;
    print_numbers((double[]){ b.left, b.bottom, b.right, b.top }, 4, ", ");
    putchar('\n');
}

// Overviews, and where they are if not in the chain of directories; and the file's other images.
static void print_images(const gwt_info *info)
{
    printf("  overviews    ");
    if (info->overviews) printf("%d", info->overviews);
    else fputs("none", stdout);
    for (int i = 0; i < info->overviews; i++) {
        const gwt_image *o = &info->overview_list[i];
        printf("%s%" PRId64 " x %" PRId64, i ? ", " : ": ", o->width, o->height);
        if (strncmp(o->where, "directory ", 10) == 0) continue;
        fputs(" (", stdout);
        cli_text(stdout, o->where);
        putchar(')');
    }
    putchar('\n');
    if (info->directory > 1) printf("  page         directory %d\n", info->directory);
    for (int i = 0; i < info->pages && info->pages > 1; i++)
        printf("  page %-7d %" PRId64 " x %" PRId64 ", directory %d\n", i + 1,
               info->page_list[i].width, info->page_list[i].height, info->page_list[i].directory);
}

static void print_storage(const gwt_info *info, const about *a)
{
    printf("  %s %" PRId64 " x %" PRId64 ", %s", info->is_tiled ? "tiles       " : "strips      ",
           info->tile[1], info->tile[0], info->compression);
    if (info->predictor > 1) printf(", predictor %d", info->predictor);
    if (info->shape[1] > 1) printf(", %s-interleaved", interleave_name(info));
    printf(", %sTIFF\n", info->bigtiff ? "Big" : "classic ");
    print_images(info);
    if (a->shades) printf("  palette      %zu colours\n", a->shades);
    if (info->mask) {
        fputs("  mask         ", stdout);
        cli_text(stdout, info->mask);
        putchar('\n');
    }
    if (info->alpha_band) printf("  alpha        band %d, not looked at\n", info->alpha_band);
}

static void print_statistics(const about *a, int64_t band)
{
    double value;
    char digits[32];
    const char *before = "    stored:    ";
    for (int i = 0; i < NUM_STATISTICS; i++) {
        if (!find_statistic(a, band, i, &value)) continue;
        printf("%s%s %s", before, statistics[i].key, json_digits(value, digits));
        before = ", ";
    }
    if (has_statistics(a, band)) putchar('\n');
}

static void print_item(const char *domain, const char *name, const char *text)
{
    fputs("    ", stdout);
    if (domain[0]) {
        cli_text(stdout, domain);
        putchar(' ');
    }
    cli_text(stdout, name);
    fputs("=", stdout);
    cli_text(stdout, text);
    putchar('\n');
}

// But for statistics, which have been printed.
static void print_items(const about *a, int64_t band)
{
    for (size_t i = 0; i < a->num_items; i++) {
        const about_item *item = &a->items[i];
        bool statistic = band >= 0 && strncmp(item->name, "STATISTICS_", 11) == 0;
        if (is_shown(item, band) && !statistic) print_item(item->domain, item->name, item->text);
    }
}

static void print_tags(const about *a)
{
    bool any = a->num_texts > 0 || a->num_others > 0;
    for (size_t i = 0; i < a->num_items; i++) any |= is_shown(&a->items[i], -1);
    if (any) puts("  tags");
    for (size_t i = 0; i < a->num_texts; i++)
        print_item("", a->texts[i].name, a->texts[i].text);
    print_items(a, -1);
    for (size_t i = 0; i < a->num_others; i++)
        printf("    %s: %zu%s\n", a->others[i].name, a->others[i].count, a->others[i].unit);
}

static void print_bands(const gwt_info *info, const about *a)
{
    for (int64_t b = 0; b < info->shape[1]; b++) {
        printf("  band %-7" PRId64 " ", b + 1);
        if (info->named[b]) cli_text(stdout, info->band_names[b]);
        else putchar('-');
        bool usual = strcmp(a->colors[b], "gray") == 0 || strcmp(a->colors[b], "undefined") == 0;
        if (!usual) {
            fputs("   ", stdout);
            cli_text(stdout, a->colors[b]);
        }
        if (info->scales[b] != 1 || info->offsets[b] != 0) {
            fputs("   value = raw * ", stdout);
            print_numbers((double[]){ info->scales[b], info->offsets[b] }, 2, " + ");
        }
        if (unit_of(a, b)) {
            fputs("   unit ", stdout);
            cli_text(stdout, unit_of(a, b));
        }
        putchar('\n');
        print_statistics(a, b);
        print_items(a, b);
    }
}

static void print_human(const char *path, const gwt_info *info, const about *a)
{
    char size[32];
    cli_text(stdout, path);
    printf("\n  size         %" PRId64 " x %" PRId64 ", %" PRId64 " band%s of %s", info->shape[3],
           info->shape[2], info->shape[1], info->shape[1] == 1 ? "" : "s",
           gwt_dtype_name(info->dtype));
    if (info->complex_part) fputs(" (as real part: its numbers are complex)", stdout);
    else if (has_fewer_bits(info)) printf(" (of %d bits in the file)", info->bits);
    printf(", %s in memory\n", cli_bytes((double)info->nbytes, size));
    printf("  nodata       %s\n", info->nodata.set ? info->nodata_text : "none");
    print_place(info, a);
    print_storage(info, a);
    print_bands(info, a);
    print_tags(a);
}

// ---- the command ------------------------------------------------------------------------------

typedef struct info_args { bool json, ignore_mask; } info_args;

static const cli_option options[] = {
    { .name = "json", .kind = CLI_FLAG, .to = offsetof(info_args, json),
      .help = "one JSON object; of several files an array of them" },
    CLI_IGNORE_MASK(offsetof(info_args, ignore_mask)),
    CLI_END
};

static const cli_command command = {
    .name = "gwt info", .synopsis = "FILE... [options]",
    .summary = "Print what GeoTIFFs say about themselves: size, type, place, layout, bands, tags.",
    .details = "A FILE in quotes may be a pattern, 'scenes/*.tif'. Nothing is looked at but\n"
               "directories: statistics are those that some program has stored.\n"
               "\n"
               "Of a file with several images (pages) the first is told of, and which others\n"
               "there are: scene.tif:3 is the one in directory 3, here and for all commands.\n",
    .options = options, .min_arguments = 1, .max_arguments = 1 << 20, .wanted = "at least one file"
};

// `before` stands between what is printed of two files.
static bool info_of(const char *path, const info_args *args, const char *before)
{
    about about = { .num_keys = 0 };
    gwt *g = cli_begin(1, NULL, 0);
    if (!g) return false;
    gwt_array *image = gwt_open(g, path, .ignore_mask = args->ignore_mask,
                                .complex_part = GWT_REAL);
    bool good = image && about_read(&about, path, gwt_describe(image)->directory);
    if (good) fputs(before, stdout);
    if (good && args->json) print_json(path, gwt_describe(image), &about);
    else if (good) print_human(path, gwt_describe(image), &about);
    about_free(&about);
    return cli_end(g) == 0 && good;
}

int cmd_info(int argc, char **argv)
{
    info_args args = { .json = false };
    file_list files;
    int status = cli_parse(&command, &args, argc, argv, &argc);
    if (status != CLI_GO_ON) return status;
    if (!file_list_find(&files, argv, (size_t)argc)) return CLI_FAILED;

    bool good = true, several = files.count > 1, any = false;
    if (args.json && several) fputs("[\n", stdout);
    for (size_t i = 0; i < files.count && !cli_interrupted(); i++) {
        const char *before = !any ? "" : args.json ? ",\n" : "\n";
        bool done = info_of(files.paths[i], &args, before);
        any |= done;
        good &= done;
    }
    if (args.json && several) fputs("\n]", stdout);
    if (args.json && (several || any)) putchar('\n');
    file_list_free(&files);
    return good ? CLI_OK : CLI_FAILED;
}
