// zonal.c - gwt zonal: statistics of the pixels of each zone, as a table.
//
// A table is in long form, a row for each zone and band (and time, where there are several): what
// pandas, R and SQL group and pivot.

#define _POSIX_C_SOURCE 200809L

#include "cli.h"
#include "inputs.h"
#include "../json.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum column { COUNT, SUM, MEAN, MIN, MAX, STD, MEDIAN, MAJORITY, COLUMNS } column;

static const cli_choice columns[] = {
    { "count", COUNT }, { "sum", SUM }, { "mean", MEAN }, { "min", MIN }, { "max", MAX },
    { "std", STD }, { "median", MEDIAN }, { "majority", MAJORITY }, { NULL, 0 }
};

enum { CSV, JSON };
static const cli_choice formats[] = { { "csv", CSV }, { "json", JSON }, { NULL, 0 } };

typedef struct zonal_args {
    input_options inputs;
    const char *zones, *expression, *output;
    gwt_optional zones_nodata;
    bool align, overwrite, quiet;
    cli_list asked;            // --stat as given, and read:
    column stats[COLUMNS];
    size_t num_stats;
    int format, workers;
    size_t memory;
} zonal_args;

// ---- the command line -------------------------------------------------------------------------

#define HEADING(text) { .name = text, .kind = CLI_HEADING }
#define TO(field) offsetof(zonal_args, field)

static const cli_option options[] = {
    HEADING("zones"),
    { 'z', "zones", CLI_TEXT, TO(zones), "ZONES",
      "file of one band of integers: the zone of each pixel", 0, 0, NULL },
    { 0, "zones-nodata", CLI_NUMBER, TO(zones_nodata), "V",
      "value of ZONES that is no zone, whatever it says", 0, 0, NULL },
    { 0, "align", CLI_FLAG, TO(align), NULL,
      "bring ZONES to the grid of the values, by nearest", 0, 0, NULL },

#include "input_options.h"

    HEADING("output"),
    { 'e', "expression", CLI_TEXT, TO(expression), "EXPR",
      "of this, as in gwt calc; else of all bands", 0, 0, NULL },
    { 's', "stat", CLI_WORDS, TO(asked), "STAT,..",
      "of count sum mean min max std median majority", 0, 0, NULL },
    { 0, "format", CLI_CHOICE, TO(format), "F", "csv or json (default csv)", 0, 0, formats },
    { 'o', "output", CLI_TEXT, TO(output), "OUT", "file to write; - is stdout (default)", 0, 0,
      NULL },
    CLI_OVERWRITE(TO(overwrite)),

    HEADING("run"),
    CLI_WORKERS(TO(workers)),
    CLI_MEMORY(TO(memory)),
    CLI_CHUNKS(TO(inputs.chunks)),
    CLI_QUIET(TO(quiet), "no progress bar"),
    CLI_END
};

#undef TO

static const cli_command command = {
    .name = "gwt zonal",
    .synopsis = "FILE... --zones ZONES [options]",
    .summary = "Print statistics of the pixels of each zone, a row for each zone and band.",
    .details =
        "Zones are the values of ZONES, ascending; a pixel that is missing there is in none.\n"
        "ZONES has the grid of FILE; --window, --bounds and --every cut it, too. --align brings\n"
        "any other to the grid of the values, as they are after all options.\n"
        "\n"
        "Columns are zone, time where there are several, band, and the statistics asked for, in\n"
        "that order; usually count,sum,mean,min,max,std. They are of valid pixels: neither\n"
        "missing nor infinite. std is of the population; majority is the most frequent value, of\n"
        "several the least. Median and majority take further passes over the pixels. What is of\n"
        "no valid pixel is an empty field, in JSON null. JSON is an array of objects, as\n"
        "pandas.read_json takes it.\n"
        "\n"
        "  gwt zonal scene.tif --zones fields.tif\n"
        "  gwt zonal scene.tif --zones fields.tif -e 'ndvi()' --sensor l8 -s mean,median\n"
        "  gwt zonal 'scenes/*.tif' --zones fields.tif --stack time --sort date -o fields.csv\n"
        "  gwt zonal dem.tif --zones basins.tif --align --zones-nodata 0 --format json\n",
    .options = options, .min_arguments = 1, .max_arguments = 1 << 20, .wanted = "a file"
};

// --stat into numbers of columns.
static int read_stats(zonal_args *args)
{
    static const column usual[] = { COUNT, SUM, MEAN, MIN, MAX, STD };
    if (args->asked.count == 0) {
        memcpy(args->stats, usual, sizeof usual);
        args->num_stats = sizeof usual / sizeof *usual;
    }
    for (size_t i = 0; i < args->asked.count; i++) {
        const cli_choice *chosen = cli_find_choice(columns, args->asked.items[i]);
        if (!chosen)
            return cli_usage_error(&command, "--stat (-s) is of count, sum, mean, min, max, std, "
                                   "median, majority, not '%s'", args->asked.items[i]);
        for (size_t k = 0; k < args->num_stats; k++)
            if ((int)args->stats[k] == chosen->value)
                return cli_usage_error(&command, "--stat (-s): %s twice", chosen->name);
        args->stats[args->num_stats++] = (column)chosen->value;
    }
    return CLI_GO_ON;
}

static int read_command_line(zonal_args *args, int argc, char **argv, int *count)
{
    int status = cli_parse(&command, args, argc, argv, count);
    if (status != CLI_GO_ON) return status;
    if (!args->zones) return cli_usage_error(&command, "no zones: --zones ZONES says which");
    status = inputs_check(&command, &args->inputs);
    return status == CLI_GO_ON ? read_stats(args) : status;
}

// ---- the table --------------------------------------------------------------------------------

// Of one zone in one plane.
static double figure(const gwt_zonal_result *r, size_t at, column c)
{
    const gwt_summary *s = &r->summaries[at];
    switch (c) {
    case SUM: return s->count ? s->sum : (double)NAN;
    case MEAN: return s->mean;
    case MIN: return s->min;
    case MAX: return s->max;
    case STD: return s->std;
    case MEDIAN: return r->medians[at];
    case MAJORITY: return r->majorities[at];
    default: return (double)s->count;
    }
}

// A field of CSV (RFC 4180): quoted where it has to be.
static void csv_text(FILE *to, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, to);
        return;
    }
    fputc('"', to);
    for (; *text; text++) {
        if (*text == '"') fputc('"', to);
        fputc(*text, to);
    }
    fputc('"', to);
}

// The key of a field of a row, or the comma before it.
static void begin_field(FILE *to, bool json, const char *key)
{
    if (json) fprintf(to, ", \"%s\": ", key);
    else fputc(',', to);
}

// A band or a time: its name, or its number.
static void write_label(FILE *to, bool json, const char *key, const char *name, bool named)
{
    begin_field(to, json, key);
    if (json && named) json_string(to, name);
    else if (json) fputs(name, to);
    else csv_text(to, name);
}

static void write_figure(FILE *to, bool json, double value)
{
    char digits[32];
    if (isnan(value)) fputs(json ? "null" : "", to);
    else if (json) json_number(to, value);
    else fputs(json_digits(value, digits), to);
}

static void write_row(FILE *to, const zonal_args *args, const gwt_info *info,
                      const gwt_zonal_result *r, size_t zone, size_t plane)
{
    bool json = args->format == JSON, times = info->shape[0] > 1;
    size_t bands = (size_t)info->shape[1], band = plane % bands;
    if (json) fputs(zone || plane ? ",\n  {\"zone\": " : "\n  {\"zone\": ", to);
    if (r->dtype == GWT_UINT64) fprintf(to, "%" PRIu64, (uint64_t)r->ids[zone]);
    else fprintf(to, "%" PRId64, r->ids[zone]);
    if (times) write_label(to, json, "time", info->time_names[plane / bands], true);
    write_label(to, json, "band", info->band_names[band], info->named[band]);
    for (size_t i = 0; i < args->num_stats; i++) {
        begin_field(to, json, columns[args->stats[i]].name);
        write_figure(to, json, figure(r, zone * r->num_planes + plane, args->stats[i]));
    }
    fputs(json ? "}" : "\n", to);
}

static void write_table(FILE *to, const zonal_args *args, const gwt_info *info,
                        const gwt_zonal_result *r)
{
    bool json = args->format == JSON;
    fputs(json ? "[" : info->shape[0] > 1 ? "zone,time,band" : "zone,band", to);
    for (size_t i = 0; i < args->num_stats && !json; i++)
        fprintf(to, ",%s", columns[args->stats[i]].name);
    if (!json) fputc('\n', to);
    for (size_t zone = 0; zone < r->num_zones; zone++)
        for (size_t plane = 0; plane < r->num_planes; plane++)
            write_row(to, args, info, r, zone, plane);
    if (json) fputs(r->num_zones ? "\n]\n" : "]\n", to);
}

// ---- the work ---------------------------------------------------------------------------------

// What the statistics are of; NULL, and an error, where that is not clear.
static gwt_array *open_values(gwt *g, const zonal_args *args, file_list *files)
{
    size_t count;
    gwt_array **arrays = inputs_open(g, files, &args->inputs, &count), *values = NULL;
    if (arrays && args->expression)
        inputs_calc(g, files, &args->inputs, arrays, count, &args->expression, 1, &values);
    else if (arrays && count == 1) values = arrays[0];
    else if (arrays)
        gwt_fail(g, GWT_E_ARGUMENT, "%zu files: --group-by, --stack, --mosaic or --expression "
                 "says what to make of them", count);
    free(arrays);
    return values;
}

static gwt_zonal_result *compute(gwt *g, const zonal_args *args, gwt_array *values)
{
    gwt_array *zones = values ? gwt_open(g, args->zones, .nodata = args->zones_nodata,
                                         .ignore_mask = args->inputs.ignore_mask,
                                         .alpha_mask = args->inputs.alpha_mask) : NULL;
    bool median = false, majority = false;
    for (size_t i = 0; i < args->num_stats; i++) {
        median = median || args->stats[i] == MEDIAN;
        majority = majority || args->stats[i] == MAJORITY;
    }
    if (zones && args->align) zones = gwt_align(zones, values, GWT_NEAREST);
    else if (zones) zones = inputs_cut(zones, &args->inputs);
    return zones ? gwt_zonal(values, zones, .median = median, .majority = majority,
                             .progress = !args->quiet) : NULL;
}

static void print_infinite(const gwt_zonal_result *r)
{
    int64_t infinite = 0;
    for (size_t i = 0; i < r->num_zones * r->num_planes; i++) infinite += r->summaries[i].infinite;
    if (infinite) cli_error("infinite pixels: %lld, not counted", (long long)infinite);
}

static bool may_write(const zonal_args *args, const file_list *files)
{
    const char *const *reference = &args->inputs.reference;
    return cli_may_create(args->output, files->paths, files->count, args->overwrite) &&
           cli_may_create(args->output, reference, *reference != NULL, args->overwrite);
}

static int run(const zonal_args *args, file_list *files)
{
    if (!args->align) cli_grids_say("--bounds-by brings files, --align ZONES");
    gwt *g = cli_begin(args->workers, args->inputs.sensor, args->memory);
    if (!g) return CLI_FAILED;
    cli_output out = { .stream = stdout };
    bool first = gwt_rank(g) == 0, kept = true;
    if (first && !(may_write(args, files) &&
                   cli_output_open(&out, args->output, args->zones, args->overwrite))) {
        cli_end(g);
        return CLI_FAILED;
    }
    gwt_array *values = open_values(g, args, files);
    gwt_zonal_result *r = compute(g, args, values);
    if (r && first) {
        write_table(out.stream, args, gwt_describe(values), r);
        print_infinite(r);
    }
    if (first) kept = cli_output_close(&out, r != NULL);
    gwt_free(r);
    int status = cli_end(g);
    return kept ? status : CLI_FAILED;
}

int cmd_zonal(int argc, char **argv)
{
    zonal_args args = { .inputs.mosaic = NO_MOSAIC, .output = "-" };
    int count, status = read_command_line(&args, argc, argv, &count);
    if (status != CLI_GO_ON) return status;

    file_list files;
    if (args.expression && !inputs_read_expressions(&args.expression, 1)) return CLI_FAILED;
    if (!file_list_find(&files, argv, (size_t)count)) return CLI_FAILED;
    status = run(&args, &files);
    file_list_free(&files);
    return status;
}
