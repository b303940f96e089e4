// calc.c - gwt calc: an expression over files, into a file.

#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct calc_args {
    const char *expression;
    const char *const *files;
    size_t count;              // of files
    const char *output;
    const char *sensor;
    gwt_optional nodata, scale;
    int workers, chunks;
    bool quiet;
    int dtype, interleave, bigtiff;  // gwt_dtype, gwt_interleave, gwt_bigtiff
    cli_list tags;
    gwt_save_options save;     // what goes to gwt_save as it is
} calc_args;

static const cli_choice dtypes[] = {
    { "uint8", GWT_UINT8 }, { "int8", GWT_INT8 }, { "uint16", GWT_UINT16 },
    { "int16", GWT_INT16 }, { "uint32", GWT_UINT32 }, { "int32", GWT_INT32 },
    { "uint64", GWT_UINT64 }, { "int64", GWT_INT64 }, { "float32", GWT_FLOAT32 },
    { "float64", GWT_FLOAT64 }, { NULL, 0 }
};
static const cli_choice interleaves[] = {
    { "pixel", GWT_PIXEL }, { "band", GWT_PLANAR }, { NULL, 0 }
};
static const cli_choice bigtiffs[] = {
    { "auto", GWT_BIGTIFF_AUTO }, { "yes", GWT_BIGTIFF_YES }, { "no", GWT_BIGTIFF_NO }, { NULL, 0 }
};

static const char details[] =
    "In EXPR b1, b2, .. are the bands of all files in order; a, b, .. the files themselves;\n"
    "a.b1, a.red a band of one; red, nir, .. a band by name (see --sensor). Operators, loosest\n"
    "first: || && (== != < <= > >=) (+ -) (* /) (unary - !) **, and parentheses. Functions:\n"
    "abs sqrt exp log tanh min max pow where(c, a, b) clip(a, lo, hi) norm_diff(b1, b2).\n"
    "A pixel is missing where any pixel it is made of is.\n"
    "\n"
    "  gwt calc 'norm_diff(red, nir)' scene.tif -o ndvi.tif --sensor l8 --compress deflate\n"
    "  gwt calc 'where(b1 > 0.5, b1, b2)' a.tif b.tif -o c.tif --dtype float32 --nodata nan\n"
    "  gwt calc -o d.tif -- '-b1' a.tif    (after --, what begins with - is no option)\n";

static int read_command_line(calc_args *args, int argc, char **argv)
{
    gwt_save_options *save = &args->save;
    const cli_option options[] = {
        { 'o', "output", CLI_TEXT, &args->output, "OUT", "the GeoTIFF to write", 0, 0, NULL },
        { 0, "dtype", CLI_CHOICE, &args->dtype, "T",
          "type of the output: uint8 .. float64 (default the result's)", 0, 0, dtypes },
        { 0, "compress", CLI_TEXT, &save->compress, "C",
          "none, lzw, deflate, zstd, packbits, lzma", 0, 0, NULL },
        { 0, "level", CLI_INT, &save->level, "N", "how hard to compress", 1, 22, NULL },
        { 0, "predictor", CLI_INT, &save->predictor, "N",
          "1 none, 2 differences, 3 floating point", 1, 3, NULL },
        { 0, "block", CLI_INT, &save->block, "N", "tile edge, a multiple of 16", 16, 16384, NULL },
        { 0, "interleave", CLI_CHOICE, &args->interleave, "I", "pixel or band", 0, 0,
          interleaves },
        { 0, "bigtiff", CLI_CHOICE, &args->bigtiff, "B", "auto, yes or no", 0, 0, bigtiffs },
        { 0, "tag", CLI_LIST, &args->tags, "KEY=VALUE", "metadata to write, many times", 0, 0,
          NULL },
        { 0, "sensor", CLI_TEXT, &args->sensor, "S", "name the bands: rgb, bgr, l8, s2, ..", 0, 0,
          NULL },
        { 0, "nodata", CLI_NUMBER, &args->nodata, "V",
          "value that is missing, in the inputs and the output", 0, 0, NULL },
        { 0, "scale", CLI_NUMBER, &args->scale, "V", "multiply the inputs by V first", 0, 0,
          NULL },
        { 0, "chunks", CLI_INT, &args->chunks, "N", "edge of the pieces worked on, pixels", 1,
          1048576, NULL },
        { 'j', "workers", CLI_INT, &args->workers, "N", "threads, all cores when not given", 1,
          256, NULL },
        { 0, "overwrite", CLI_FLAG, &save->overwrite, NULL, "replace OUT if it exists", 0, 0,
          NULL },
        { 'q', "quiet", CLI_FLAG, &args->quiet, NULL, "no progress bar, no summary", 0, 0, NULL },
        { .name = NULL }
    };
    const cli_command command = {
        .name = "gwt calc", .synopsis = "EXPR FILE... -o OUT [options]",
        .summary = "Compute an expression over the bands of files of one grid.",
        .details = details, .options = options, .min_arguments = 2, .max_arguments = 1 << 20,
        .wanted = "an expression and at least one file"
    };
    int status = cli_parse(&command, argc, argv, &argc);
    if (status != CLI_GO_ON) return status;
    if (!args->output) return cli_usage_error(&command, "no output: -o OUT says where it goes");
    for (size_t i = 0; i < args->tags.count; i++)
        if (!strchr(args->tags.items[i], '=') || args->tags.items[i][0] == '=')
            return cli_usage_error(&command, "--tag wants KEY=VALUE, not '%s'",
                                   args->tags.items[i]);
    args->expression = argv[0];
    args->files = (const char *const *)argv + 1;
    args->count = (size_t)argc - 1;
    return CLI_GO_ON;
}

static gwt_array *build(gwt *g, const calc_args *args)
{
    gwt_array **inputs = calloc(args->count, sizeof *inputs);
    if (!inputs) {
        gwt_fail(g, GWT_E_MEMORY, "out of memory");
        return NULL;
    }
    bool opened = true;
    for (size_t i = 0; i < args->count && opened; i++) {
        inputs[i] = gwt_open(g, args->files[i], .chunks = args->chunks, .nodata = args->nodata,
                             .scale_data = args->scale.set, .scale_factor = args->scale);
        opened = inputs[i] != NULL;
    }
    gwt_array *result = opened ? gwt_calc(inputs, args->count, args->expression) : NULL;
    free(inputs);
    return result;
}

static void print_summary(const calc_args *args, const gwt_info *info, double seconds)
{
    char size[32];
    struct stat written;
    double pixels = (double)info->shape[2] * (double)info->shape[3];
    if (stat(args->output, &written) != 0) return;
    printf("%s: %s, %.2f s, %.1f Mpx/s\n", args->output,
           cli_bytes((double)written.st_size, size), seconds, pixels / 1e6 / seconds);
}

int cmd_calc(int argc, char **argv)
{
    calc_args args = { .quiet = false };
    int status = read_command_line(&args, argc, argv);
    if (status != CLI_GO_ON) return status;

    args.save.dtype = (gwt_dtype)args.dtype;
    args.save.interleave = (gwt_interleave)args.interleave;
    args.save.bigtiff = (gwt_bigtiff)args.bigtiff;
    args.save.nodata = args.nodata;
    args.save.tags = args.tags.count ? args.tags.items : NULL;
    args.save.progress = !args.quiet;

    double start = cli_seconds();
    gwt *g = cli_begin(args.workers, args.sensor);
    if (!g) return CLI_FAILED;
    gwt_array *result = build(g, &args);
    if (gwt_save_with(result, args.output, &args.save) && !args.quiet)
        print_summary(&args, gwt_describe(result), cli_seconds() - start);
    return gwt_end(g);
}
