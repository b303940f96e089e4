// convert.c - gwt convert: a file into another one, with what it says besides its pixels.

#define _POSIX_C_SOURCE 200809L

#include "cli.h"
#include "inputs.h"
#include "outputs.h"
#include "sample.h"

#include <limits.h>
#include <stdlib.h>
#include <strings.h>

typedef struct convert_args {
    input_options inputs;
    output_options output;
    const char *path;
} convert_args;

// ---- the command line -------------------------------------------------------------------------

#define HEADING(text) { .name = text, .kind = CLI_HEADING }
#define TO(field) offsetof(convert_args, field)

static const cli_option options[] = {
#include "input_options.h"

    HEADING("output"),
    { 'o', "output", CLI_TEXT, TO(path), "OUT", "the GeoTIFF to write", 0, 0, NULL },
#include "output_options.h"
    CLI_END
};

#undef TO

static const cli_command command = {
    .name = "gwt convert",
    .synopsis = "FILE -o OUT [options]\n"
                "       gwt convert FILE... -o OUT --stack DIM | --mosaic OVERLAP |\n"
                "                                     --group-by PATTERN [options]",
    .summary = "Write a file anew: another type, tiles or compression, a part, some bands.",
    .details =
        "What is not asked for stays: type and pixels, nodata, scales and offsets, band names,\n"
        "CRS, palette, colours, metadata of all domains, texts of the TIFF, XMP and ICC profile.\n"
        "Dropped is what is no longer true, such as statistics of other pixels.\n"
        "\n"
        "So do compression, predictor, interleaving and square tiles of the (first) FILE, where\n"
        "gdal_translate takes its defaults: --compress none, --tile-size 256 are these. Strips\n"
        "and other tiles become tiles of 256; jpeg and other codecs that gwt does not write\n"
        "become deflate, which a line says. Where there is a mask and no nodata value, a mask is\n"
        "written; overviews are made anew if --overviews or --cog asks for them. Tiles of the\n"
        "file that are good for --cog are kept: they are copied, not encoded.\n"
        "\n"
        "--co takes COMPRESS PREDICTOR ZLEVEL ZSTD_LEVEL LZMA_PRESET LEVEL BLOCKXSIZE BLOCKYSIZE\n"
        "BLOCKSIZE TILED INTERLEAVE BIGTIFF SPARSE_OK NUM_THREADS, with GDAL's values.\n"
        "\n"
        "  gwt convert in.tif -o out.tif --compress zstd --predictor 2 --tile-size 512\n"
        "  gwt convert in.tif -o out.tif --co COMPRESS=DEFLATE --co ZLEVEL=9\n"
        "  gwt convert in.tif -o rgb.tif -b 4,3,2 --dtype Byte\n"
        "  gwt convert in.tif -o part.tif --window 512,512,1024,1024\n"
        "  gwt convert b2.tif b3.tif b4.tif -o all.tif --stack band\n",
    .options = options, .min_arguments = 1, .max_arguments = 1 << 20, .wanted = "a file"
};

static int read_command_line(convert_args *args, int argc, char **argv, int *count)
{
    int status = cli_parse(&command, args, argc, argv, count);
    if (status != CLI_GO_ON) return status;
    if (!args->path) return cli_usage_error(&command, "no output: -o OUT says where it goes");
    status = inputs_check(&command, &args->inputs);
    return status == CLI_GO_ON ? outputs_check(&command, &args->output, &args->path, 1) : status;
}

// ---- the work ---------------------------------------------------------------------------------

static bool is_one_of(const char *const *names, const char *name)
{
    while (*names && strcasecmp(*names, name) != 0) names++;
    return *names != NULL;
}

// What is not asked for of the output's layout is the first file's, where gwt can write that.
static void keep_layout(gwt_save_options *save, const gwt *g, gwt_array *a, bool one_file)
{
    const gwt_info *file = gwt_describe(a);
    gwt_dtype dtype = save->dtype ? save->dtype : file->dtype;
    static const char *const codecs[] = { "none", "packbits", "lzw", "deflate", "zstd", "lzma",
                                          NULL };
    const char *const *predicted = codecs + 2;
    if (!save->compress && !is_one_of(codecs, file->compression)) {
        if (gwt_rank(g) == 0)
            cli_error("%s is compressed by %s, which is not written: deflate (--compress "
                      "says otherwise)", file->filenames[0], file->compression);
        save->compress = "deflate";
    }
    if (!save->compress) save->compress = file->compression;
    if (!save->predictor && is_one_of(predicted, save->compress))
        save->predictor = file->predictor == 3 && dtype < GWT_FLOAT32 ? 2 : file->predictor;
    bool square = file->is_tiled && file->tile[0] == file->tile[1] && file->tile[0] % 16 == 0;
    if (!save->tile_size && square && file->tile[0] <= 16384) save->tile_size = (int)file->tile[0];
    if (!save->interleave && one_file) save->interleave = file->interleave;
}

static int run(convert_args *args, file_list *files)
{
    size_t count;
    const char *const title = "convert";
    char buffer[SAMPLE_TITLE];
    outputs out = { .inputs = &args->inputs, .options = &args->output, .files = files,
                    .paths = &args->path, .count = 1, .start = cli_seconds(),
                    .title = sample_title(&title, 1, files, buffer) };
    gwt *g = outputs_begin(&out);
    if (!g) return CLI_FAILED;
    gwt_array **arrays = inputs_open(g, files, &args->inputs, &count), *result = NULL;
    if (arrays && count == 1) result = arrays[0];
    else if (arrays)
        gwt_fail(g, GWT_E_ARGUMENT, "%zu files into one: --stack, --group-by or --mosaic "
                 "says how", count);
    free(arrays);
    gwt_save_options *save = &args->output.save;
    if (result) keep_layout(save, g, result, files->count == 1);
    const gwt_info *info = gwt_describe(result);
    bool nodata = info->nodata.set || inputs_dst_nodata(&args->inputs, result, save->dtype).set;
    if (info->mask && !nodata) save->mask = true;
    return outputs_save(g, &out, &result);
}

int cmd_convert(int argc, char **argv)
{
    convert_args args = { .inputs.mosaic = NO_MOSAIC };
    int count, status = read_command_line(&args, argc, argv, &count);
    if (status != CLI_GO_ON) return status;

    file_list files;
    if (!file_list_find(&files, argv, (size_t)count)) return CLI_FAILED;
    status = run(&args, &files);
    file_list_free(&files);
    return status;
}
