// outputs.c - see outputs.h.

#define _POSIX_C_SOURCE 200809L

#include "outputs.h"
#include "profile.h"
#include "watch.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const double SAMPLE_SECONDS = 0.1;   // between samples of a profile

// ---- options ----------------------------------------------------------------------------------

const cli_choice output_interleaves[] = {
    { "pixel", GWT_PIXEL }, { "band", GWT_PLANAR }, { NULL, 0 }
};
const cli_choice output_bigtiffs[] = {
    { "auto", GWT_BIGTIFF_AUTO }, { "yes", GWT_BIGTIFF_YES }, { "no", GWT_BIGTIFF_NO }, { NULL, 0 }
};

// GDAL's creation options, https://gdal.org/en/stable/drivers/raster/gtiff.html; BLOCKSIZE and
// LEVEL are of its driver COG.
static const cli_choice gdal_predictors[] = {
    { "1", 1 }, { "2", 2 }, { "3", 3 }, { "NO", 1 }, { "STANDARD", 2 }, { "FLOATING_POINT", 3 },
    { NULL, 0 }
};
static const cli_choice gdal_bigtiffs[] = {
    { "YES", GWT_BIGTIFF_YES }, { "NO", GWT_BIGTIFF_NO }, { "IF_NEEDED", GWT_BIGTIFF_AUTO },
    { "IF_SAFER", GWT_BIGTIFF_AUTO }, { NULL, 0 }
};
static const cli_choice gdal_yes[] = { { "YES", 1 }, { "TRUE", 1 }, { "ON", 1 }, { NULL, 0 } };
static const cli_choice gdal_yes_or_no[] = {
    { "YES", 1 }, { "TRUE", 1 }, { "ON", 1 }, { "NO", 0 }, { "FALSE", 0 }, { "OFF", 0 }, { NULL, 0 }
};
static const cli_choice gdal_threads[] = { { "ALL_CPUS", 0 }, { NULL, 0 } };

#define TO(field) offsetof(output_options, field)
#define SETTING(name, kind, to, lo, hi, choices) { 0, name, kind, TO(to), "", "", lo, hi, choices }

static const cli_option creation_options[] = {
    SETTING("COMPRESS", CLI_TEXT, save.compress, 0, 0, NULL),
    SETTING("PREDICTOR", CLI_CHOICE, save.predictor, 0, 0, gdal_predictors),
    SETTING("ZLEVEL", CLI_INT, deflate_level, 1, 12, NULL),
    SETTING("ZSTD_LEVEL", CLI_INT, zstd_level, 1, 22, NULL),
    SETTING("LZMA_PRESET", CLI_INT, lzma_level, 1, 9, NULL),
    SETTING("LEVEL", CLI_INT, save.level, 1, 22, NULL),
    SETTING("BLOCKXSIZE", CLI_INT, tile_width, 16, 16384, NULL),
    SETTING("BLOCKYSIZE", CLI_INT, tile_height, 16, 16384, NULL),
    SETTING("BLOCKSIZE", CLI_INT, save.tile_size, 16, 16384, NULL),
    SETTING("TILED", CLI_CHOICE, tiled, 0, 0, gdal_yes),
    SETTING("INTERLEAVE", CLI_CHOICE, interleave, 0, 0, output_interleaves),
    SETTING("BIGTIFF", CLI_CHOICE, bigtiff, 0, 0, gdal_bigtiffs),
    SETTING("SPARSE_OK", CLI_CHOICE, sparse, 0, 0, gdal_yes_or_no),
    SETTING("NUM_THREADS", CLI_INT, workers, 1, 256, gdal_threads),
    CLI_END
};

#undef TO

// GDAL has one option of level for each codec, here there is one of all.
static int take_level(const cli_command *command, output_options *o, const char *key,
                      const char *codec, int level)
{
    if (!level) return CLI_GO_ON;
    if (!o->save.compress || strcasecmp(o->save.compress, codec) != 0)
        return cli_usage_error(command, "--co %s wants --co COMPRESS=%s", key, codec);
    if (o->save.level) return cli_usage_error(command, "--co %s: a level is given, too", key);
    o->save.level = level;
    return CLI_GO_ON;
}

static int take_creation_options(const cli_command *command, output_options *o)
{
    int status = CLI_GO_ON;
    for (size_t i = 0; i < o->creation.count && status == CLI_GO_ON; i++)
        status = cli_set(command, creation_options, o, "--co ", o->creation.items[i]);
    if (status == CLI_GO_ON)
        status = take_level(command, o, "ZLEVEL", "DEFLATE", o->deflate_level);
    if (status == CLI_GO_ON)
        status = take_level(command, o, "ZSTD_LEVEL", "ZSTD", o->zstd_level);
    if (status == CLI_GO_ON)
        status = take_level(command, o, "LZMA_PRESET", "LZMA", o->lzma_level);
    if (status != CLI_GO_ON) return status;
    if (!o->tile_width) o->tile_width = o->tile_height;     // one of them says it for both
    if (!o->tile_height) o->tile_height = o->tile_width;
    if (o->tile_width != o->tile_height)
        return cli_usage_error(command, "--co BLOCKXSIZE and BLOCKYSIZE want the same value: tiles "
                               "are square");
    if (o->tile_width && o->save.tile_size)
        return cli_usage_error(command, "--co BLOCKXSIZE: a size of tiles is given, too");
    if (o->tile_width) o->save.tile_size = o->tile_width;
    if (o->sparse) o->save.sparse = true;
    return CLI_GO_ON;
}

// Whether a name ends as those of files of another kind: what is written is a GeoTIFF.
static bool is_other_kind(const char *path)
{
    static const char *const ends[] = { ".png", ".jpg", ".jpeg", ".jp2", ".webp", ".gif", ".bmp",
                                        ".vrt", ".nc", ".hdf", ".h5", ".zarr", ".img" };
    const char *end = strrchr(path, '.');
    for (size_t i = 0; end && i < sizeof ends / sizeof *ends; i++)
        if (strcasecmp(end, ends[i]) == 0) return true;
    return false;
}

int outputs_check(const cli_command *command, output_options *o, const char *const *paths,
                  size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (cli_is_stdout(paths[i]))
            return cli_usage_error(command, "-o -: a GeoTIFF can't be written to stdout: name a "
                                   "file (./- for one called -)");
    for (size_t i = 0; i < count; i++)
        if (is_other_kind(paths[i]))
            return cli_usage_error(command, "-o %s: a GeoTIFF is written, and its name must not "
                                   "say otherwise; gwt quicklook makes pictures", paths[i]);
    if (o->profile && cli_is_stdout(o->profile))
        return cli_usage_error(command, "--profile wants a FILE, not -");
    for (size_t i = 0; i < count && o->profile; i++)
        if (strcmp(paths[i], o->profile) == 0)
            return cli_usage_error(command, "--profile %s: that is an output", o->profile);
    for (size_t i = 0; i < o->tags.count; i++)
        if (!strchr(o->tags.items[i], '=') || o->tags.items[i][0] == '=')
            return cli_usage_error(command, "--tag wants KEY=VALUE, not '%s'", o->tags.items[i]);
    int status = take_creation_options(command, o);
    if (status != CLI_GO_ON) return status;
    o->save.dtype = (gwt_dtype)o->dtype;
    o->save.interleave = (gwt_interleave)o->interleave;
    o->save.bigtiff = (gwt_bigtiff)o->bigtiff;
    o->save.tags = o->tags.count ? (const char *const *)o->tags.items : NULL;
    o->save.progress = !o->quiet;
    return CLI_GO_ON;
}

// ---- saving -----------------------------------------------------------------------------------

// Before anything is opened: gwt_save_many knows only the files that the results are made of.
static bool may_write_all(const outputs *out, int ranks)
{
    const char *const *reference = &out->inputs->reference;
    const file_list *files = out->files;
    const output_options *o = out->options;
    bool overwrite = o->save.overwrite || o->save.resume, good = true;
    for (size_t i = 0; i < out->count && good; i++)
        good = cli_may_write(out->paths[i], files->paths, files->count, overwrite) &&
               cli_may_write(out->paths[i], reference, *reference != NULL, overwrite);
    if (!good || !o->profile) return good;
    overwrite = o->save.overwrite;          // what is resumed has not come to a profile
    return profile_may_write(o->profile, ranks, files->paths, files->count, overwrite) &&
           profile_may_write(o->profile, ranks, reference, *reference != NULL, overwrite);
}

gwt *outputs_begin(const outputs *out)
{
    static watch w;
    gwt *g = cli_begin_watched(out->options->workers, out->inputs->sensor, out->options->memory,
                               out->options->watch ? watch_progress : NULL, &w);
    if (!g || gwt_rank(g) > 0 || may_write_all(out, gwt_num_ranks(g))) return g;
    cli_end(g);
    return NULL;
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
static void advise(const outputs *out, gwt_code code, bool tried)
{
    bool damaged = tried && code == GWT_E_FORMAT && !out->inputs->bad_tiles, kept = false;
    for (size_t i = 0; i < out->count && code != GWT_E_EXISTS; i++) {
        print_kept(out->paths[i], damaged);
        kept = kept || can_go_on(out->paths[i], ".part.journal");
    }
    if (damaged && !kept)
        cli_error("with --bad-tiles fill, and --nodata where a file has none, tiles that can't be "
                  "read are missing");
}

// What was asked for of the profile: the tables, the file. It is refused when it has the name of
// an output, which is there by now.
static bool show_profile(const outputs *out, gwt *g, profile_facts *facts)
{
    const gwt_profile *p = gwt_profile_end(g);
    const char *path = out->options->profile;
    if (out->options->summary) gwt_profile_summary(p, stdout);
    if (!path) return true;
    for (size_t i = 0; i < out->count && gwt_rank(g) == 0; i++)
        profile_facts_output(facts, g, out->paths[i]);
    return profile_may_write(path, gwt_num_ranks(g), out->paths, out->count, true) &&
           profile_save(g, p, path);
}

static void print_saved(const outputs *out, const gwt *g, gwt_array *const *results,
                        const gwt_save_options *save)
{
    for (size_t i = 0; i < out->count && gwt_rank(g) == 0; i++)
        print_collisions(out->paths[i], save->collisions[i], save->nodatas[i].set
                         ? save->nodatas[i] : gwt_describe(results[i])->nodata);
    for (size_t i = 0; i < out->count && !out->options->quiet; i++)
        print_summary(out->paths[i], gwt_describe(results[i]), cli_seconds() - out->start);
}

int outputs_save(gwt *g, const outputs *out, gwt_array **results)
{
    gwt_optional nodatas[MAX_OUTPUTS];
    int64_t collisions[MAX_OUTPUTS];
    gwt_save_options save = out->options->save;
    for (size_t i = 0; i < out->count; i++) {
        nodatas[i] = inputs_dst_nodata(out->inputs, results[i], save.dtype);
        if (save.dtype >= GWT_FLOAT32)      // before what was resampled is rounded to integers
            results[i] = gwt_cast(results[i], save.dtype);
    }
    save.nodatas = nodatas;
    save.collisions = collisions;
    bool profiled = out->options->profile || out->options->summary, shown = true;
    profile_facts facts;
    profile_facts_begin(&facts);
    if (profiled)
        gwt_profile_begin(g, .resource_dt = SAMPLE_SECONDS, .cache = true, .label = out->title,
                          .facts = facts.list);
    else if (out->options->watch) gwt_profile_begin(g, .no_events = true);
    bool tried = gwt_status(g) == GWT_OK;
    bool saved = gwt_save_many_with(results, out->paths, out->count, &save);
    if (saved) print_saved(out, g, results, &save);
    if (profiled && saved) shown = show_profile(out, g, &facts);
    gwt_code code = gwt_status(g);
    int rank = gwt_rank(g);
    int status = cli_end(g);
    if (!saved && rank == 0) advise(out, code, tried);
    return shown ? status : CLI_FAILED;
}
