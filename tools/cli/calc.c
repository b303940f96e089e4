// calc.c - gwt calc: expressions over files, into files.

#define _POSIX_C_SOURCE 200809L

#include "cli.h"
#include "inputs.h"
#include "outputs.h"
#include "sample.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

// What --reduce asks for.
typedef struct reduction { bool set; gwt_stat stat; gwt_dim dim; double percentile; } reduction;

typedef struct calc_args {
    input_options inputs;
    char **names;              // of files, as given
    size_t num_names;
    cli_list outputs;          // each -o as given, until they are taken apart into
    const char *paths[MAX_OUTPUTS], *expressions[MAX_OUTPUTS];
    const char *reduce;        // as given, and read:
    reduction reduction;
    output_options output;
} calc_args;

// ---- the command line -------------------------------------------------------------------------

static const cli_choice stats[] = {
    { "mean", GWT_MEAN }, { "sum", GWT_SUM }, { "min", GWT_MIN }, { "max", GWT_MAX },
    { "std", GWT_STD }, { "var", GWT_VAR }, { "median", GWT_MEDIAN },
    { "percentile", GWT_PERCENTILE }, { "count", GWT_COUNT }, { "first", GWT_FIRST },
    { "last", GWT_LAST }, { "argmax", GWT_ARGMAX }, { "skew", GWT_SKEW },
    { "range", GWT_RANGE }, { "mode", GWT_MODE }, { "all", GWT_ALL }, { "any", GWT_ANY },
    { "slope", GWT_SLOPE }, { "intercept", GWT_INTERCEPT },
    { NULL, 0 }
};

#define HEADING(text) { .name = text, .kind = CLI_HEADING }
#define TO(field) offsetof(calc_args, field)

static const cli_option options[] = {
#include "input_options.h"

    HEADING("output"),
    { 'o', "output", CLI_LIST, TO(outputs), "OUT[=EXPR]",
      "the GeoTIFF to write; several, each OUT=EXPR, in one pass", 0, 0, NULL },
    { 0, "reduce", CLI_TEXT, TO(reduce), "STAT[:P][,DIM]",
      "a statistic of the result over time, else band (or DIM)", 0, 0, NULL },
#include "output_options.h"
    CLI_END
};

static const cli_command command = {
    .name = "gwt calc",
    .synopsis = "EXPR FILE... -o OUT [options]\n"
                "       gwt calc FILE... -o OUT=EXPR [-o OUT=EXPR]... [options]",
    .summary = "Compute expressions over the bands of files, each into a file.",
    .details =
        "A FILE in quotes may be a pattern, 'scenes/*.tif'. The times of a stack are called by the\n"
        "dates in the names of files, 2016-05-17, when all have one, else 1, 2, .. They are saved\n"
        "as bands called \"2016-05-17 red\", which --stack time makes times again.\n"
        "Every FILE has to be used by an EXPR, unless --allow-unused.\n"
        "\n"
        "EXPR is made of these, x being any EXPR; @FILE reads it from a file:\n"
        "  b1 b2 ..     bands of all files in order; red nir .. \"any name\" a band by name,\n"
        "               which b2 is, too, where a band is called that\n"
        "  a b ..       the files, a.b1 a.red a band of one; a stack or mosaic is one array, a\n"
        "  x[\"2016-05-17\"] x[2]    one time of a stack, by name, or by number from 1\n"
        "  operators    loosest first: || && (== != < <= > >=) | ^ & (<< >>) (+ -) (* / // %)\n"
        "               (unary - ! ~) **; 0x1f 0b1010 are numbers\n"
        "  bits         bit(x, 3) bits(x, 4, 7) bits_match(x, \"xx01_1xxx\") isin(x, 1, 2, 3)\n"
        "  functions    abs sign floor ceil round trunc sqrt cbrt exp exp2 log log2 log10 sin cos\n"
        "               tan asin acos atan atan2(y, x) sinh cosh tanh degrees radians hypot(x, y)\n"
        "               mod(x, y) pow(x, y) min(x, y) max(x, y) lerp(x, y, t) where(c, x, y)\n"
        "               clip(x, lo, hi) mask(x, v) valid(x); nan is missing\n"
        "  classes      reclass(x, \"0:10=1, 10:20=2, 25=7, else=0\"): 0 <= x < 10 becomes 1;\n"
        "               :0=1 20:=3 open ends, =nan missing, else=keep; replace(x, from, to, ..)\n"
        "  statistics   mean(x) sum min max std var median count first last argmax skew range\n"
        "               mode all any slope intercept (the line of a trend, per year where times\n"
        "               have dates), percentile(x, 90), over time or else bands; mean(x, band)\n"
        "               says which; mean(x, month), a time for each: quarter, season, year, 10d, too\n"
        "  time         best(x, score), x of the time where the score is largest (-score: least),\n"
        "               best(x, score, month) of each; cumsum(x) diff(x); interpolate(x) fills gaps\n"
        "  windows      moving_mean(x, 15), likewise sum min max std var median count range mode\n"
        "               all any; and moving_percentile(x, 15, 90)\n"
        "  indices      ndvi() evi() evi2() avi() gcvi() nbr() kndvi() wi() tasseled_cap(), of\n"
        "               the first file; ndvi(x) of any; norm_diff(b1, b2)\n"
        "  places       x() y() of the centre of a cell, by the transform; lon() lat() where\n"
        "               the CRS is geographic; row() col() from 0; of the first file as it is\n"
        "               computed (cut, every Nth), x(b) of another\n"
        "  statements   t = b1 / 2; t * t + t    names for values; # begins a comment\n"
        "A pixel is missing where any pixel it is computed from is; statistics and windows leave\n"
        "those out. STAT is a statistic, as in --reduce median, percentile:90 or max,band.\n",
    .more =
        "--group-by PATTERN: * ? [abc] as in a shell, {band}, and {time} (a date) or {scene} (any\n"
        "text): one array of all files, the bands of a scene side by side, the scenes in time,\n"
        "called by their dates. What stands before {time} or {scene} takes as little of a name\n"
        "as it can, these and the rest as much. Of folders, too: '{scene}/{band}.tif'.\n"
        "\n"
        "--nodata V is V in the inputs and the outputs, but for results that have a nodata value\n"
        "which is none of theirs: 255 of comparisons, logic, valid, bit, bits_match, isin, all and\n"
        "any; -1 of argmax, row and col.\n"
        "\n"
        "--profile FILE.html is the page of gwt visualize; FILE.json is for it, for gwt tune\n"
        "--what-if and for Perfetto. Any other FILE makes tables, FILE_events.csv,\n"
        "FILE_resources.csv and FILE_cache.csv; a folder, FOLDER/profile_events.csv, and so on.\n"
        "Ranks of an MPI job have tables of their own, FILE_rank1_events.csv ..\n"
        "\n"
        "OUT is made as OUT.part, with OUT.part.journal, and renamed when it is whole. An\n"
        "interrupted run leaves both, and --resume goes on with them: they must be yours, and\n"
        "the inputs the same files at the same paths, unchanged. Anything else at OUT.part is\n"
        "an error. --overwrite removes it and starts afresh; of an OUT that is a link it\n"
        "replaces the link, not the file it leads to.\n"
        "\n"
        "  gwt calc 'norm_diff(red, nir)' scene.tif -o ndvi.tif --sensor l8 --compress deflate\n"
        "  gwt calc 'max(b1, b2)' a.tif b.tif -o c.tif --dtype float32 --dst-nodata nan\n"
        "  gwt calc 'ndvi()' 'scenes/*.tif' -o mean.tif --stack time --reduce mean --sensor l8\n"
        "  gwt calc 'median(ndvi(), month)' 'scenes/*.tif' -o months.tif --stack time --sensor l8\n"
        "  gwt calc 'best(a, ndvi())' 'scenes/*.tif' -o greenest.tif --stack time --sensor l8\n"
        "  gwt calc 'B5 - B4' '*_SR_B?.TIF' -o d.tif --group-by '*_{time}_*_{band}.TIF'\n"
        "  gwt calc s.tif -o ndvi.tif='ndvi()' -o water.tif='green > nir' --sensor l8  # one pass\n"
        "  gwt calc a 'tiles/*.tif' -o all.tif --mosaic mean --bounds-by union --nodata 0\n"
        "  gwt calc -o d.tif -- '-b1' a.tif    # after --, what begins with - is no option\n",
    .options = options, .min_arguments = 1, .max_arguments = 1 << 20,
    .wanted = "an expression and at least one file"
};

// "mean", "percentile:90", "max,band". False when it is none of these.
static bool read_reduction(const char *text, reduction *r)
{
    char word[CLI_WORD];
    if (!cli_next_word(&text, word)) return false;
    char *percentile = strchr(word, ':');
    if (percentile) *percentile++ = '\0';
    const cli_choice *stat = cli_find_choice(stats, word);
    const cli_choice *dim = text ? cli_find_choice(input_dims, text) : NULL;
    if (!stat || (text && !dim)) return false;
    *r = (reduction){ .set = true, .stat = (gwt_stat)stat->value,
                      .dim = dim ? (gwt_dim)dim->value : GWT_DIM_DEFAULT };
    if (r->stat != GWT_PERCENTILE) return !percentile;
    return percentile && cli_read_number(percentile, &r->percentile) && r->percentile >= 0 &&
           r->percentile <= 100;
}

// OUT=EXPR, each -o.
static int read_named_outputs(calc_args *args)
{
    if (args->outputs.count > MAX_OUTPUTS)
        return cli_usage_error(&command, "%zu outputs: there may be %d in one pass",
                               args->outputs.count, MAX_OUTPUTS);
    for (size_t i = 0; i < args->outputs.count; i++) {
        char *path = args->outputs.items[i], *equals = strchr(path, '=');
        if (!equals || equals == path || !equals[1])
            return cli_usage_error(&command, "each of several -o wants OUT=EXPR, not '%s'", path);
        *equals = '\0';
        args->paths[i] = path;
        args->expressions[i] = equals + 1;
        for (size_t k = 0; k < i; k++)
            if (strcmp(args->paths[k], path) == 0)
                return cli_usage_error(&command, "-o %s: two outputs of one name", path);
    }
    return CLI_GO_ON;
}

// One -o is a path, whatever is in it, and the first argument its expression. Where there are
// several, or the first argument is a file, each -o has an expression of its own.
static int read_outputs(calc_args *args, int argc, char **argv)
{
    size_t count = args->outputs.count;
    if (count == 0) return cli_usage_error(&command, "no output: -o OUT says where it goes");
    bool named = count > 1 || (strchr(args->outputs.items[0], '=') && file_list_has(argv[0]));
    args->names = argv + !named;
    args->num_names = (size_t)argc - !named;
    if (named) return read_named_outputs(args);
    args->paths[0] = args->outputs.items[0];
    args->expressions[0] = argv[0];
    if (argc > 1) return CLI_GO_ON;
    if (strchr(args->outputs.items[0], '='))
        return cli_usage_error(&command, "%s: no such file, and an expression wants one",
                               argv[0]);
    return cli_usage_error(&command, "%s wants %s", command.name, command.wanted);
}

static int read_command_line(calc_args *args, int argc, char **argv)
{
    int status = cli_parse(&command, args, argc, argv, &argc);
    if (status == CLI_GO_ON) status = read_outputs(args, argc, argv);
    if (status == CLI_GO_ON) status = inputs_check(&command, &args->inputs);
    if (status != CLI_GO_ON) return status;
    if (args->reduce && !read_reduction(args->reduce, &args->reduction))
        return cli_usage_error(&command, "--reduce wants STAT or STAT,DIM, as in mean, "
                               "percentile:90 or max,band, not '%s'", args->reduce);
    return outputs_check(&command, &args->output, args->paths, args->outputs.count);
}

// ---- the work ---------------------------------------------------------------------------------

static gwt_array *reduced(gwt_array *a, const reduction *r)
{
    if (!r->set) return a;
    gwt_dim usual = gwt_describe(a)->shape[0] > 1 ? GWT_TIME : GWT_BAND;
    return gwt_reduce(a, r->dim ? r->dim : usual, r->stat, .percentile = r->percentile);
}

static int run(const calc_args *args, file_list *files)
{
    size_t count, n = args->outputs.count;
    gwt_array *results[MAX_OUTPUTS];
    char title[SAMPLE_TITLE];
    outputs out = { .inputs = &args->inputs, .options = &args->output, .files = files,
                    .paths = args->paths, .count = n, .start = cli_seconds(),
                    .title = sample_title(args->expressions, n, files, title) };
    gwt *g = outputs_begin(&out);
    if (!g) return CLI_FAILED;
    gwt_array **arrays = inputs_open(g, files, &args->inputs, &count);
    inputs_calc(g, files, &args->inputs, arrays, count, args->expressions, n, results);
    for (size_t i = 0; i < n; i++) results[i] = reduced(results[i], &args->reduction);
    free(arrays);
    return outputs_save(g, &out, results);
}

int cmd_calc(int argc, char **argv)
{
    calc_args args = { .inputs.mosaic = NO_MOSAIC };
    int status = read_command_line(&args, argc, argv);
    if (status != CLI_GO_ON) return status;

    file_list files;
    if (!inputs_read_expressions(args.expressions, args.outputs.count)) return CLI_FAILED;
    if (!file_list_find(&files, args.names, args.num_names)) return CLI_FAILED;
    status = run(&args, &files);
    file_list_free(&files);
    return status;
}
