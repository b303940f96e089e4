// calc.c - gwt calc: expressions over files, into files.

#define _POSIX_C_SOURCE 200809L

#include "cli.h"
#include "inputs.h"
#include "profile.h"
#include "sample.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_OUTPUTS = 16 };     // as many as gwt_save_many takes
static const double SAMPLE_SECONDS = 0.1;   // between samples of a profile

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
    cli_list tags;
    int workers;
    size_t memory;
    bool quiet, summary;
    const char *profile;
    int dtype, interleave, bigtiff;  // gwt_dtype, gwt_interleave, gwt_bigtiff
    gwt_save_options save;     // what goes to gwt_save_many as it is
} calc_args;

// ---- the command line -------------------------------------------------------------------------

static const cli_choice stats[] = {
    { "mean", GWT_MEAN }, { "sum", GWT_SUM }, { "min", GWT_MIN }, { "max", GWT_MAX },
    { "std", GWT_STD }, { "var", GWT_VAR }, { "median", GWT_MEDIAN },
    { "percentile", GWT_PERCENTILE }, { "count", GWT_COUNT }, { "first", GWT_FIRST },
    { "last", GWT_LAST }, { "argmax", GWT_ARGMAX }, { NULL, 0 }
};
static const cli_choice interleaves[] = {
    { "pixel", GWT_PIXEL }, { "band", GWT_PLANAR }, { NULL, 0 }
};
static const cli_choice bigtiffs[] = {
    { "auto", GWT_BIGTIFF_AUTO }, { "yes", GWT_BIGTIFF_YES }, { "no", GWT_BIGTIFF_NO }, { NULL, 0 }
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
    { 0, "dtype", CLI_CHOICE, TO(dtype), "T",
      "type of the output: uint8 .. float64 (default the result's)", 0, 0, input_dtypes },
    { 0, "compress", CLI_TEXT, TO(save.compress), "C", "none, lzw, deflate, zstd, packbits, lzma",
      0, 0, NULL },
    { 0, "level", CLI_INT, TO(save.level), "N",
      "of compression: deflate up to 12, zstd 22, lzma 9", 1, 22, NULL },
    { 0, "predictor", CLI_INT, TO(save.predictor), "N", "1 none, 2 differences, 3 floating point",
      1, 3, NULL },
    { 0, "tile-size", CLI_INT, TO(save.tile_size), "N",
      "edge of a tile of the output, a multiple of 16", 16, 16384, NULL },
    { 0, "interleave", CLI_CHOICE, TO(interleave), "I",
      "of several bands: pixel (default) or band", 0, 0, interleaves },
    { 0, "bigtiff", CLI_CHOICE, TO(bigtiff), "B",
      "auto (where 4 GB are not enough), yes or no", 0, 0, bigtiffs },
    { 0, "tag", CLI_LIST, TO(tags), "KEY=VALUE",
      "metadata to write; may be given several times", 0, 0, NULL },
    { 0, "sparse", CLI_FLAG, TO(save.sparse), NULL, "leave out tiles that are all nodata", 0, 0,
      NULL },
    { 0, "checksums", CLI_FLAG, TO(save.checksums), NULL,
      "write the CRC-32 of each tile too, for gwt verify", 0, 0, NULL },
    CLI_OVERWRITE(TO(save.overwrite)),
    { 0, "resume", CLI_FLAG, TO(save.resume), NULL,
      "continue the same command after an interruption", 0, 0, NULL },

    HEADING("run"),
    CLI_WORKERS(TO(workers)),
    CLI_MEMORY(TO(memory)),
    CLI_CHUNKS(TO(inputs.chunks)),
    CLI_QUIET(TO(quiet), "no progress bar, no line about each output"),
    { 0, "profile", CLI_TEXT, TO(profile), "FILE",
      "where the time went: a page FILE.html, a trace FILE.json", 0, 0, NULL },
    { 0, "summary", CLI_FLAG, TO(summary), NULL, "print where the time went, as tables", 0, 0,
      NULL },
    CLI_END
};

static const cli_command command = {
    .name = "gwt calc",
    .synopsis = "EXPR FILE... -o OUT [options]\n"
                "       gwt calc FILE... -o OUT=EXPR [-o OUT=EXPR]... [options]",
    .summary = "Compute expressions over the bands of files, each into a file.",
    .details =
        "A FILE in quotes may be a pattern, 'scenes/*.tif'. Files that are stacked along time are\n"
        "named by the dates in their names, 2016-05-17, when all have one, else 1, 2, ..\n"
        "Every FILE has to be used by an EXPR, unless --allow-unused.\n"
        "\n"
        "EXPR is made of these, x being any EXPR; @FILE reads it from a file:\n"
        "  b1 b2 ..     bands of all files in order; red nir .. \"any name\" a band by name,\n"
        "               which b2 is, too, where a band is called that\n"
        "  a b ..       the files, a.b1 a.red a band of one; a stack or mosaic is one array, a\n"
        "  x[\"2016-05-17\"] x[2]    one time of a stack, by name, or by number from 1\n"
        "  operators    loosest first: || && (== != < <= > >=) (+ -) (* /) (unary - !) **\n"
        "  functions    abs sqrt exp log tanh min(x, y) max(x, y) pow(x, y) where(c, x, y)\n"
        "               clip(x, lo, hi) replace(x, from, to) mask(x, v) valid(x); nan is missing\n"
        "  statistics   mean(x) sum min max std var median count first last argmax, and\n"
        "               percentile(x, 90), over time or else bands; mean(x, band) says which\n"
        "  windows      moving_mean(x, 15), likewise sum min max std var median count; and\n"
        "               moving_percentile(x, 15, 90)\n"
        "  indices      ndvi() evi() evi2() avi() gcvi() nbr() kndvi() wi() tasseled_cap(), of\n"
        "               the first file; ndvi(x) of any; norm_diff(b1, b2)\n"
        "  statements   t = b1 / 2; t * t + t    names for values; # begins a comment\n"
        "A pixel is missing where any pixel it is computed from is; statistics and windows leave\n"
        "those out. STAT is a statistic, as in --reduce median, percentile:90 or max,band.\n"
        "\n"
        "--nodata V is V in the inputs and the outputs, but of comparisons, logic and argmax,\n"
        "which store 255 or -1 where missing, which is none of their values.\n"
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
    for (size_t i = 0; i < args->outputs.count; i++)
        if (cli_is_stdout(args->paths[i]))
            return cli_usage_error(&command, "-o -: a GeoTIFF can't be written to stdout: name a "
                                   "file (./- for one called -)");
    if (args->profile && cli_is_stdout(args->profile))
        return cli_usage_error(&command, "--profile wants a FILE, not -");
    for (size_t i = 0; i < args->outputs.count && args->profile; i++)
        if (strcmp(args->paths[i], args->profile) == 0)
            return cli_usage_error(&command, "--profile %s: that is an output", args->profile);
    for (size_t i = 0; i < args->tags.count; i++)
        if (!strchr(args->tags.items[i], '=') || args->tags.items[i][0] == '=')
            return cli_usage_error(&command, "--tag wants KEY=VALUE, not '%s'",
                                   args->tags.items[i]);
    gwt_save_options *save = &args->save;
    save->dtype = (gwt_dtype)args->dtype;
    save->interleave = (gwt_interleave)args->interleave;
    save->bigtiff = (gwt_bigtiff)args->bigtiff;
    save->tags = args->tags.count ? (const char *const *)args->tags.items : NULL;
    save->progress = !args->quiet;
    return CLI_GO_ON;
}

// ---- the work ---------------------------------------------------------------------------------

// Before anything is opened: gwt_save_many knows only the files that the results are made of.
static bool may_write_all(const calc_args *args, const file_list *files, int ranks)
{
    const char *const *reference = &args->inputs.reference;
    bool overwrite = args->save.overwrite || args->save.resume, good = true;
    for (size_t i = 0; i < args->outputs.count && good; i++)
        good = cli_may_write(args->paths[i], files->paths, files->count, overwrite) &&
               cli_may_write(args->paths[i], reference, *reference != NULL, overwrite);
    if (!good || !args->profile) return good;
    overwrite = args->save.overwrite;       // what is resumed has not come to a profile
    return profile_may_write(args->profile, ranks, files->paths, files->count, overwrite) &&
           profile_may_write(args->profile, ranks, reference, *reference != NULL, overwrite);
}

static gwt_array *reduced(gwt_array *a, const reduction *r)
{
    if (!r->set) return a;
    gwt_dim usual = gwt_describe(a)->shape[0] > 1 ? GWT_TIME : GWT_BAND;
    return gwt_reduce(a, r->dim ? r->dim : usual, r->stat, .percentile = r->percentile);
}

static void print_summary(const char *path, const gwt_info *info, double seconds)
{
    char size[32];
    struct stat written;
    double pixels = (double)info->shape[2] * (double)info->shape[3];
    if (stat(path, &written) != 0) return;
    cli_text(stdout, path);
    double rate = pixels / 1e6 / seconds;
    printf(": %s, %.*f s, %.*f Mpx/s\n", cli_bytes((double)written.st_size, size),
           seconds < 1 ? cli_decimals(seconds) : 2, seconds, cli_decimals(rate), rate);
}

// Valid pixels that nobody will find again.
static void print_collisions(const char *path, int64_t count, gwt_optional nodata)
{
    if (count == 0) return;
    char text[40];
    cli_error("%lld valid pixel%s of %s equal%s its nodata value %s and read%s as missing: "
              "--dst-nodata chooses another", (long long)count, count == 1 ? "" : "s", path,
              count == 1 ? "s" : "", cli_optional(nodata, text), count == 1 ? "s" : "");
}

static bool can_go_on(const char *path, const char *end)
{
    char name[4096];
    return snprintf(name, sizeof name, "%s%s", path, end) < (int)sizeof name &&
           access(name, R_OK | W_OK) == 0;
}

// What an interruption left, and how to go on. A damaged input would stop it again.
static void print_kept(const char *path, bool damaged)
{
    if (!can_go_on(path, ".part") || !can_go_on(path, ".part.journal")) return;
    if (!damaged) cli_error("%s: not finished; the same command with --resume goes on", path);
    else cli_error("%s: not finished; with --bad-tiles fill --resume it goes on, and what can't be "
                   "read is missing", path);
}

// How to get on after a failure. Of a damaged input nothing is kept where its tiles can't be filled
// without another nodata value: that is another job.
static void advise(const calc_args *args, gwt_code code, bool tried)
{
    bool damaged = tried && code == GWT_E_FORMAT && !args->inputs.bad_tiles, kept = false;
    for (size_t i = 0; i < args->outputs.count && code != GWT_E_EXISTS; i++) {
        print_kept(args->paths[i], damaged);
        kept = kept || can_go_on(args->paths[i], ".part.journal");
    }
    if (damaged && !kept)
        cli_error("with --bad-tiles fill, and --nodata where a file has none, tiles that can't be "
                  "read are missing");
}

// What was asked for of the profile: the tables, the file. It is refused when it has the name of
// an output, which is there by now.
static bool show_profile(const calc_args *args, gwt *g)
{
    const gwt_profile *p = gwt_profile_end(g);
    if (args->summary) gwt_profile_summary(p, stdout);
    if (!args->profile) return true;
    return profile_may_write(args->profile, gwt_num_ranks(g), args->paths, args->outputs.count,
                             true) &&
           profile_save(g, p, args->profile);
}

static int run(const calc_args *args, file_list *files)
{
    double start = cli_seconds();
    size_t count, num_outputs = args->outputs.count;
    gwt_array *results[MAX_OUTPUTS];
    gwt_optional nodatas[MAX_OUTPUTS];
    int64_t collisions[MAX_OUTPUTS];
    gwt_save_options save = args->save;
    char title[SAMPLE_TITLE];
    gwt *g = cli_begin(args->workers, args->inputs.sensor, args->memory);
    if (!g) return CLI_FAILED;
    if (gwt_rank(g) == 0 && !may_write_all(args, files, gwt_num_ranks(g)))
        return cli_end(g), CLI_FAILED;
    gwt_array **arrays = inputs_open(g, files, &args->inputs, &count);
    inputs_calc(g, files, &args->inputs, arrays, count, args->expressions, num_outputs, results);
    for (size_t i = 0; i < num_outputs; i++) {
        results[i] = reduced(results[i], &args->reduction);
        nodatas[i] = inputs_dst_nodata(&args->inputs, results[i], save.dtype);
        if (save.dtype >= GWT_FLOAT32)      // before what was resampled is rounded to integers
            results[i] = gwt_cast(results[i], save.dtype);
    }
    save.nodatas = nodatas, save.collisions = collisions;
    free(arrays);
    bool profiled = args->profile || args->summary, shown = true;
    sample_title(args->expressions, num_outputs, files, title);
    if (profiled)
        gwt_profile_begin(g, .resource_dt = SAMPLE_SECONDS, .cache = true, .label = title);
    bool tried = gwt_status(g) == GWT_OK;
    bool saved = gwt_save_many_with(results, args->paths, num_outputs, &save);
    for (size_t i = 0; i < num_outputs && saved && gwt_rank(g) == 0; i++)
        print_collisions(args->paths[i], collisions[i],
                         nodatas[i].set ? nodatas[i] : gwt_describe(results[i])->nodata);
    for (size_t i = 0; i < num_outputs && saved && !args->quiet; i++)
        print_summary(args->paths[i], gwt_describe(results[i]), cli_seconds() - start);
    if (profiled && saved) shown = show_profile(args, g);
    gwt_code code = gwt_status(g);
    int rank = gwt_rank(g);
    int status = cli_end(g);
    if (!saved && rank == 0) advise(args, code, tried);
    return shown ? status : CLI_FAILED;
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
