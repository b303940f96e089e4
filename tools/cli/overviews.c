// overviews.c - gwt overviews: the overviews of files, beside them.

#define _POSIX_C_SOURCE 200809L

#include "cli.h"
#include "inputs.h"

#include <string.h>

typedef struct overviews_args {
    gwt_save_options save;
    int workers;
    size_t memory;
    bool quiet;
} overviews_args;

#define TO(field) offsetof(overviews_args, field)

static const cli_option options[] = {
    { 0, "overviews", CLI_TEXT, TO(save.overviews), "LIST",
      "auto (default), until one fits a tile; or factors: 2,4,8", 0, 0, NULL },
    { 0, "overview-resampling", CLI_TEXT, TO(save.overview_resampling), "HOW",
      "average (default), nearest, mode, rms, bilinear, cubic", 0, 0, NULL },
    { 0, "compress", CLI_TEXT, TO(save.compress), "C",
      "none, lzw, deflate, zstd, packbits, lzma; default the file's", 0, 0, NULL },
    { 0, "level", CLI_INT, TO(save.level), "N",
      "of compression: deflate up to 12, zstd 22, lzma 9", 1, 22, NULL },
    { 0, "predictor", CLI_INT, TO(save.predictor), "N",
      "1 none, 2 differences, 3 floating point; default the file's", 1, 3, NULL },
    { 0, "tile-size", CLI_INT, TO(save.tile_size), "N",
      "edge of a tile, a multiple of 16; default 256", 16, 16384, NULL },
    { 0, "sparse", CLI_FLAG, TO(save.sparse), NULL, "leave out tiles that are all nodata", 0, 0,
      NULL },
    { 0, "overwrite", CLI_FLAG, TO(save.overwrite), NULL,
      "replace FILE.ovr and FILE.ovr.part if they exist", 0, 0, NULL },
    { 0, "resume", CLI_FLAG, TO(save.resume), NULL,
      "continue the same command after an interruption", 0, 0, NULL },
    { 0, "no-sync", CLI_FLAG, TO(save.no_sync), NULL,
      "do not wait for the disk: a power cut can cost FILE.ovr", 0, 0, NULL },
    CLI_WORKERS(TO(workers)),
    CLI_MEMORY(TO(memory)),
    CLI_QUIET(TO(quiet), "no progress bar, no line about each file"),
    CLI_END
};

static const cli_command command = {
    .name = "gwt overviews", .synopsis = "FILE... [options]",
    .summary = "Write the overviews of a file to FILE.ovr, where GDAL and gwt find them.",
    .details = "The file itself is not touched. calc and convert write overviews into the file:\n"
               "--overviews, --cog. Missing pixels do not count in a mean.\n"
               "\n"
               "  gwt overviews scene.tif\n"
               "  gwt overviews 'classes/*.tif' --overview-resampling mode --overviews 2,4,8\n",
    .options = options, .min_arguments = 1, .max_arguments = 1 << 20, .wanted = "at least one file"
};

// What is not asked for is the file's, where gwt can write it; else deflate.
static void keep_layout(gwt_save_options *save, const gwt_info *file)
{
    bool own = !save->compress;
    if (own) save->compress = gwt_can_compress(file->compression) ? file->compression : "deflate";
    if (!own || save->predictor || strcmp(save->compress, file->compression) != 0) return;
    bool whole = file->dtype < GWT_FLOAT32;
    save->predictor = file->predictor == 3 && whole ? 2 : file->predictor;
}

static bool write_overviews(gwt *g, const char *path, const overviews_args *args)
{
    gwt_save_options save = args->save;
    gwt_array *a = gwt_open(g, path);
    const gwt_info *file = gwt_describe(a);
    double start = cli_seconds();
    if (!file) return false;
    keep_layout(&save, file);
    save.interleave = file->interleave;
    save.sidecar = ".ovr";
    save.mask = file->mask && !file->nodata.set;
    save.progress = !args->quiet;
    if (!gwt_save_with(a, path, &save)) return false;
    if (!args->quiet)
        printf("%s.ovr: %.3g s\n", path, cli_seconds() - start);
    return true;
}

int cmd_overviews(int argc, char **argv)
{
    overviews_args args = { .workers = 0 };
    int status = cli_parse(&command, &args, argc, argv, &argc);
    if (status != CLI_GO_ON) return status;

    file_list files;
    if (!file_list_find(&files, argv, (size_t)argc)) return CLI_FAILED;
    gwt *g = cli_begin(args.workers, NULL, args.memory);
    bool good = g != NULL;
    for (size_t i = 0; good && i < files.count && !cli_interrupted(); i++) {
        gwt_scope *scope = gwt_scope_begin(g);
        good = write_overviews(g, files.paths[i], &args);
        gwt_scope_end(scope);
    }
    file_list_free(&files);
    int code = cli_end(g);
    return code ? code : good ? CLI_OK : CLI_FAILED;
}
