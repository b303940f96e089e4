// stats.c - gwt stats: the figures of each band, and a checksum of its raw values.
//
// The image is cut into blocks whose shape follows from its size and type alone. Each block, on
// whatever worker, leaves its figures in its own place; they are then put together in the order of
// the blocks. So every bit printed is the same for any number of workers, and for any tiles,
// strips or compression the same pixels are stored in. Rows of blocks are gone through so many at a
// time that what is kept of them is small, whatever the image.

#define _FILE_OFFSET_BITS 64    // of the lengths zlib takes

#include "cli.h"
#include "inputs.h"
#include "../json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

// ---- moments ----------------------------------------------------------------------------------

// Count, extremes, mean and sum of squared differences from the mean (m2) of some valid pixels:
// what is neither missing nor infinite.
typedef struct moments {
    int64_t valid, infinite;
    double min, max, mean, m2;
    uint64_t low, high;        // keys of the extremes of 64-bit integers, which double would round
} moments;

// Two passes over values that are in the L1 cache: the sum of squares never meets the mean's own
// square, so nothing cancels. Infinite values pass as valid ones, and `infinite` is not counted.
static moments moments_of_valid(const double *values, int64_t count)
{
    moments m = { .min = INFINITY, .max = -INFINITY };
    double sum = 0, m2 = 0;
    for (int64_t i = 0; i < count; i++) {
        double v = values[i];
        if (isnan(v)) continue;
        m.valid++;
        sum += v;
        if (v < m.min) m.min = v;
        if (v > m.max) m.max = v;
    }
    if (m.valid == 0) return m;
    m.mean = sum / (double)m.valid;
    for (int64_t i = 0; i < count; i++) {
        double d = values[i] - m.mean;
        if (!isnan(d)) m2 += d * d;
    }
    // Where the sum was beyond all doubles.
    m.m2 = isfinite(m.mean) ? m2 : NAN;
    return m;
}

// Infinite values, which are rare, are taken out when there are some.
static moments moments_of_row(double *values, int64_t count)
{
    moments m = moments_of_valid(values, count);
    if (m.valid == 0 || (isfinite(m.min) && isfinite(m.max))) return m;
    int64_t infinite = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!isinf(values[i])) continue;
        infinite++;
        values[i] = NAN;
    }
    m = moments_of_valid(values, count);
    m.infinite = infinite;
    return m;
}

static bool is_64_bits(gwt_dtype type) { return type == GWT_INT64 || type == GWT_UINT64; }

// In the order of the integers; its own inverse.
static uint64_t key_of(gwt_dtype type, uint64_t raw)
{
    return type == GWT_INT64 ? raw ^ (uint64_t)1 << 63 : raw;
}

static void exact_extremes(moments *m, gwt_dtype type, const unsigned char *samples,
                           const double *values, int64_t count)
{
    m->low = UINT64_MAX;
    for (int64_t i = 0; i < count; i++) {
        uint64_t raw;
        if (isnan(values[i])) continue;
        memcpy(&raw, samples + 8 * i, sizeof raw);
        uint64_t key = key_of(type, raw);
        if (key < m->low) m->low = key;
        if (key > m->high) m->high = key;
    }
}

// Both of some pixels. Chan, Golub, LeVeque (1979), "Updating formulae and a pairwise algorithm for
// computing sample variances", Stanford STAN-CS-79-773, formulae 2.1.
static void join_moments(moments *to, const moments *from)
{
    double n = (double)(to->valid + from->valid), delta = from->mean - to->mean;
    to->m2 += from->m2 + delta * delta * ((double)to->valid * (double)from->valid / n);
    // There may be a mean that is beyond all doubles.
    to->mean += isfinite(delta) ? delta * ((double)from->valid / n) : from->mean;
    to->valid += from->valid;
    if (from->min < to->min) to->min = from->min;
    if (from->max > to->max) to->max = from->max;
    if (from->low < to->low) to->low = from->low;
    if (from->high > to->high) to->high = from->high;
}

static void merge_moments(moments *to, const moments *from)
{
    int64_t infinite = to->infinite + from->infinite;
    if (to->valid == 0) *to = *from;
    else if (from->valid > 0) join_moments(to, from);
    to->infinite = infinite;
}

// ---- checksums --------------------------------------------------------------------------------

// crc32 of `count` samples as they lie in a little-endian file.
static uint32_t crc_of_row(const unsigned char *samples, int64_t count, size_t size)
{
    const union { uint16_t word; unsigned char low; } probe = { 1 };
    uLong crc = crc32(0, NULL, 0);
    if (probe.low) return (uint32_t)crc32_z(crc, samples, (size_t)count * size);
    for (int64_t i = 0; i < count; i++, samples += size) {
        unsigned char reversed[8];
        for (size_t k = 0; k < size; k++) reversed[k] = samples[size - 1 - k];
        crc = crc32(crc, reversed, (uInt)size);
    }
    return (uint32_t)crc;
}

// The checksum of A and B, one after the other, is that of A, carried past the length of B, XOR
// that of B (zlib's crc32_combine). So the checksum of many pieces is the XOR of all of theirs,
// each carried past what follows it; in any order, and with nothing to be kept of a piece.
typedef struct crc_carrier { uint64_t length; uLong operator; } crc_carrier;

// zlib 1.2.12 splits the part that depends on the length from the rest, which makes the rest about
// twenty times cheaper.
static crc_carrier crc_past(uint64_t length)
{
    crc_carrier c = { length, 0 };
#if ZLIB_VERNUM >= 0x12c0
    c.operator = crc32_combine_gen((z_off_t)length);
#endif
    return c;
}

static uint32_t crc_carried(uint32_t crc, const crc_carrier *past)
{
#if ZLIB_VERNUM >= 0x12c0
    return (uint32_t)crc32_combine_op(crc, 0, past->operator);
#else
    return (uint32_t)crc32_combine(crc, 0, (z_off_t)past->length);
#endif
}

// ---- the run ----------------------------------------------------------------------------------

// Of a band: in one block, with `crc` carried past all that follows in the band; or so far.
typedef struct figures { moments moments; uint32_t crc; } figures;

typedef struct stats_job {
    const gwt_info *info;
    int64_t width, height, bands;
    bool flags;                // as many bands follow: whether the pixels of each are valid
    bool alpha_hides;
    int64_t rows, cols;        // shape of a block
    int64_t across;            // blocks in a row of them
    int64_t first_row;         // of the blocks that are gone through now
    // One result for each of these, as gwt_map_blocks collects them: figures of each band.
    figures *results;
} stats_job;

static int64_t round_up(int64_t value, int64_t step)
{
    return (value + step - 1) / step * step;
}

static int64_t at_most(int64_t value, int64_t limit)
{
    return value < limit ? value : limit;
}

// Blocks of 512 x 512 pixels, so that tiles of the usual sizes are decoded for one block only;
// wider where the image is, so that there are at most 16 across; and smaller where many bands would
// make them larger than 4 MiB.
static void choose_blocks(stats_job *job)
{
    const int64_t max_bytes = 4 << 20, max_across = 16, min_edge = 64, max_edge = 1 << 20;
    int64_t pixel = job->bands * (int64_t)gwt_dtype_size(job->info->dtype), edge = 512;
    while (edge > min_edge && edge * edge * pixel > max_bytes) edge /= 2;
    int64_t cols = round_up((job->width + max_across - 1) / max_across, edge), rows = edge;
    job->cols = at_most(cols, max_edge);
    while (rows > min_edge && rows * job->cols * pixel > max_bytes) rows /= 2;
    job->rows = rows;
    job->across = (job->width + job->cols - 1) / job->cols;
}

// One row of a band as doubles, NaN where missing.
static void row_of_band(const gwt_block *block, const stats_job *job, int64_t band, int64_t row,
                        double *values, double *flags)
{
    gwt_block_row(block, band, row, values);
    if (!job->flags) return;
    gwt_block_row(block, job->bands + band, row, flags);
    for (int64_t i = 0; i < block->cols; i++)
        if (flags[i] == 0) values[i] = NAN;
}

// A gwt_block_fn.
static int stats_of_block(const gwt_block *block, void *user)
{
    stats_job *job = user;
    figures *result = block->result;
    size_t size = gwt_dtype_size(block->dtype), row_bytes = (size_t)block->cols * size;
    int64_t rows_after = job->height - (job->first_row + block->row + block->rows);
    int64_t cols_after = job->width - (block->col + block->cols);
    crc_carrier next_row = crc_past((uint64_t)job->width * size);
    crc_carrier end = crc_past((uint64_t)(rows_after * job->width + cols_after) * size);
    double *values = malloc(2 * (size_t)block->cols * sizeof *values);
    gwt_block whole = *block;
    if (job->flags) whole.nodata.set = false;
    if (!values) {
        gwt_fail(block->g, GWT_E_MEMORY, "out of memory");
        return 1;
    }
    const unsigned char *samples = block->data;
    for (int64_t band = 0; band < job->bands; band++) {
        figures *f = &result[band];
        for (int64_t row = 0; row < block->rows; row++) {
            row_of_band(&whole, job, band, row, values, values + block->cols);
            moments of_row = moments_of_row(values, block->cols);
            if (is_64_bits(block->dtype))
                exact_extremes(&of_row, block->dtype, samples, values, block->cols);
            merge_moments(&f->moments, &of_row);
            f->crc = crc_carried(f->crc, &next_row) ^ crc_of_row(samples, block->cols, size);
            samples += row_bytes;
        }
        f->crc = crc_carried(f->crc, &end);
    }
    free(values);
    return 0;
}

static void add_results(const stats_job *job, int64_t blocks, figures *all)
{
    const figures *from = job->results;
    for (int64_t block = 0; block < blocks; block++)
        for (int64_t band = 0; band < job->bands; band++, from++) {
            merge_moments(&all[band].moments, &from->moments);
            all[band].crc ^= from->crc;
        }
}

// ---- printing ---------------------------------------------------------------------------------

static double deviation(const moments *m)
{
    return sqrt(m->m2 / (double)m->valid);
}

// An extreme into a buffer of at least 32 bytes: of integers all digits, of floats so many that it
// reads back as the same (JSON), or seven.
static const char *extreme(const moments *m, gwt_dtype type, bool largest, bool json, char *buffer)
{
    double v = largest ? m->max : m->min;
    uint64_t exact = key_of(type, largest ? m->high : m->low);
    if (type == GWT_UINT64) snprintf(buffer, 32, "%" PRIu64, exact);
    else if (type == GWT_INT64) snprintf(buffer, 32, "%" PRId64, (int64_t)exact);
    else if (type == GWT_FLOAT32 || type == GWT_FLOAT64)
        return json ? json_digits(v, buffer) : (snprintf(buffer, 32, "%.7g", v), buffer);
    else snprintf(buffer, 32, "%.0f", v);
    return buffer;
}

// `name` of the band, where it is to be printed; else NULL.
static void print_json_band(int64_t band, const char *name, const moments *m, gwt_dtype type,
                            uint32_t crc)
{
    char min[32], max[32];
    printf("%s\n  {\"band\": %" PRId64, band ? "," : "", band + 1);
    if (name) {
        fputs(", \"name\": ", stdout);
        json_string(stdout, name);
    }
    if (m->valid) {
        printf(", \"min\": %s, \"max\": %s, \"mean\": ", extreme(m, type, false, true, min),
               extreme(m, type, true, true, max));
        json_number(stdout, m->mean);
        fputs(", \"std\": ", stdout);
        json_number(stdout, deviation(m));
    } else {
        fputs(", \"min\": null, \"max\": null, \"mean\": null, \"std\": null", stdout);
    }
    printf(", \"valid\": %" PRId64 ", \"infinite\": %" PRId64 ", \"crc32\": \"%08" PRIx32 "\"}",
           m->valid, m->infinite, crc);
}

static void print_text_band(int64_t band, const char *name, const moments *m, gwt_dtype type,
                            uint32_t crc)
{
    char min[32], max[32];
    int length = name ? (int)strlen(name) : 0;
    if (name) {
        printf("%*s", length < 4 ? 4 - length : 0, "");
        cli_text(stdout, name);
    } else {
        printf("%4" PRId64, band + 1);
    }
    if (m->valid)
        printf(" %13s %13s %13.7g %13.7g", extreme(m, type, false, false, min),
               extreme(m, type, true, false, max), m->mean, deviation(m));
    else
        printf(" %13s %13s %13s %13s", "-", "-", "-", "-");
    printf(" %13" PRId64 "  %08" PRIx32 "\n", m->valid, crc);
}

// By what besides nodata pixels are missing, and an alpha band by which none are.
static void print_masks(const gwt_info *info, bool alpha_hides, bool json)
{
    if (info->mask && json) {
        fputs(",\n  \"mask\": ", stdout);
        json_string(stdout, info->mask);
    } else if (info->mask) {
        fputs("mask: ", stdout);
        cli_text(stdout, info->mask);
        putchar('\n');
    }
    if (info->alpha_band && json) printf(",\n  \"alpha\": %d", info->alpha_band);
    else if (info->alpha_band)
        printf("alpha%s: band %d\n", alpha_hides ? "" : " not looked at", info->alpha_band);
    if (json && (info->mask || info->alpha_band)) putchar('\n');
}

// What stands before the figures of a file or a time, which `key` says in JSON; NULL: there is but
// one, and it needs no name.
static void print_heading(const char *key, const char *name, bool first, bool json)
{
    if (name && !first) fputs(json ? ",\n" : "\n", stdout);
    if (json) putchar('{');
    if (name && json) {
        printf("\"%s\": ", key);
        json_string(stdout, name);
        fputs(", ", stdout);
    } else if (name) {
        cli_text(stdout, name);
        putchar('\n');
    }
}

// Which overview the figures are of, where they are not of all pixels.
static void print_approximate(const gwt_info *info, bool json)
{
    if (!info->overview) return;
    printf(json ? "\"approximate\": {\"overview\": %d, \"width\": %" PRId64
                  ", \"height\": %" PRId64 "}, "
                : "approximate, from overview %d: %" PRId64 " x %" PRId64 " pixels\n",
           info->overview, info->shape[3], info->shape[2]);
}

// `named`: bands are called by their names.
static void print_stats(const stats_job *job, const figures *all, bool named, bool json)
{
    print_approximate(job->info, json);
    if (json) fputs("\"bands\": [", stdout);
    else printf("%4s %13s %13s %13s %13s %13s  %s\n",
                "band", "min", "max", "mean", "std", "valid", "crc32");
    for (int64_t band = 0; band < job->bands; band++) {
        const figures *f = &all[band];
        const char *name = named ? job->info->band_names[band] : NULL;
        if (json) print_json_band(band, name, &f->moments, job->info->dtype, f->crc);
        else print_text_band(band, name, &f->moments, job->info->dtype, f->crc);
    }
    for (int64_t band = 0; band < job->bands && !json; band++)
        if (all[band].moments.infinite > 0)
            printf("band %" PRId64 ": infinite: %" PRId64 ", not counted above\n", band + 1,
                   all[band].moments.infinite);
    if (json) fputs("\n]", stdout);
    print_masks(job->info, job->alpha_hides, json);
    if (json) putchar('}');
}

// Rows of blocks whose results take 4 MiB, or one; all there are, if those are fewer.
static int64_t rows_at_once(const stats_job *job)
{
    int64_t row_bytes = job->across * job->bands * (int64_t)sizeof(figures);
    int64_t rows = (4 << 20) / row_bytes, down = (job->height + job->rows - 1) / job->rows;
    return at_most(rows > 0 ? rows : 1, down);
}

static bool go_through(stats_job *job, gwt_array *image, int64_t down, figures *all, bool progress)
{
    for (; job->first_row < job->height; job->first_row += down * job->rows) {
        int64_t height = at_most(down * job->rows, job->height - job->first_row);
        int64_t blocks = (height + job->rows - 1) / job->rows * job->across;
        gwt_array *part = height == job->height ? image
                        : gwt_window(image, job->first_row, 0, height, job->width);
        if (gwt_map_blocks(part, stats_of_block, job, .block_rows = (int)job->rows,
                           .nodata = job->flags ? gwt_some(0) : job->info->nodata,
                           .block_cols = (int)job->cols, .results = job->results,
                           .result_size = (size_t)job->bands * sizeof *job->results,
                           .num_results = blocks, .progress = progress) < 0)
            return false;
        add_results(job, blocks, all);
    }
    return true;
}

enum { ENOUGH = 250000 };      // pixels of an overview that approximate figures are of

// What is to be done with each file.
typedef struct stats_args {
    const char *group_by;      // NULL: each by itself
    gwt_optional nodata;
    int part;                  // gwt_complex
    int workers;
    size_t memory;
    bool json, quiet, approximate, ignore_mask, alpha_mask;
} stats_args;

// Integers without a nodata value have none for what a mask hides. Then it comes as 0, and bands of
// the same type behind say what is there.
static gwt_array *with_flags(gwt_array *image)
{
    gwt_array *flags = gwt_cast(gwt_valid(image), gwt_describe(image)->dtype);
    return gwt_stack((gwt_array *[]){ image, flags }, 2, GWT_BAND);
}

// False, and nothing printed, when it failed.
static bool run_stats(gwt *g, gwt_array *image, const stats_args *args, const char *name,
                      bool first)
{
    const gwt_info *info = gwt_describe(image);
    bool is_float = info->dtype == GWT_FLOAT32 || info->dtype == GWT_FLOAT64;
    bool flags = !info->nodata.set && !is_float && (info->mask || args->alpha_mask);
    stats_job job = { .info = info, .flags = flags, .alpha_hides = args->alpha_mask,
                      .width = info->shape[3], .height = info->shape[2],
                      .bands = info->shape[1] };
    choose_blocks(&job);
    int64_t down = rows_at_once(&job);
    figures *all = calloc((size_t)job.bands, sizeof *all);
    job.results = calloc((size_t)(down * job.across * job.bands), sizeof *job.results);
    bool good = all && job.results;
    if (!good) gwt_fail(g, GWT_E_MEMORY, "out of memory");
    if (flags) image = with_flags(image);
    good = good && go_through(&job, image, down, all, !args->quiet);
    if (good) {
        print_heading(args->group_by ? "time" : "file", name, first, args->json);
        print_stats(&job, all, args->group_by != NULL, args->json);
    }
    free(job.results);
    free(all);
    return good;
}

// The file, or, for approximate figures, the smallest of its overviews that has enough pixels. One
// that can't be used is as good as none.
static gwt_array *open_enough(gwt *g, const char *path, const stats_args *args)
{
    gwt_open_options how = { .nodata = args->nodata, .ignore_mask = args->ignore_mask,
                             .alpha_mask = args->alpha_mask,
                             .complex_part = (gwt_complex)args->part };
    gwt_array *image = gwt_open_with(g, path, &how), *small = NULL;
    const gwt_info *info = gwt_describe(image);
    for (int i = args->approximate ? info->overviews : 0; i > 0 && !small; i--) {
        const gwt_image *o = &info->overview_list[i - 1];
        if ((double)o->width * (double)o->height < ENOUGH) continue;
        how.overview = i;
        small = gwt_open_with(g, path, &how);
        if (!small && gwt_status(g) != GWT_E_CANCELLED) gwt_clear(g);
    }
    return small || gwt_status(g) != GWT_OK ? small : image;
}

// Those of one file in a session of its own: what is wrong with one does not stop the others.
static int stats_of_file(const char *path, const stats_args *args, const char *name, bool *first)
{
    gwt *g = cli_begin(args->workers, NULL, args->memory);
    if (!g) return CLI_FAILED;
    gwt_array *image = open_enough(g, path, args);
    if (image && run_stats(g, image, args, name, *first)) *first = false;
    return cli_end(g);
}

static input_options inputs_of(const stats_args *args)
{
    return (input_options){ .mosaic = NO_MOSAIC, .group_by = args->group_by,
                            .src_nodata = args->nodata, .ignore_mask = args->ignore_mask,
                            .alpha_mask = args->alpha_mask, .part = args->part };
}

// Those of the files of many scenes: of each time that --group-by makes of them.
static int stats_of_groups(file_list *files, const stats_args *args)
{
    size_t count;
    input_options inputs = inputs_of(args);
    gwt *g = cli_begin(args->workers, NULL, args->memory);
    if (!g) return CLI_FAILED;
    gwt_array **arrays = inputs_open(g, files, &inputs, &count), *all = arrays ? arrays[0] : NULL;
    free(arrays);
    int64_t times = all ? gwt_describe(all)->shape[0] : 0, t = 0;
    if (args->json && times > 1) putchar('[');
    for (bool good = true; t < times && good; t++) {
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)t + 1);
        gwt_array *one = gwt_sel_times(all, (const char *const[]){ number, NULL });
        const char *name = times > 1 ? gwt_describe(all)->time_names[t] : NULL;
        good = one && run_stats(g, one, args, name, t == 0);
    }
    if (args->json && times > 1) putchar(']');
    if (args->json && t > 0) putchar('\n');
    return cli_end(g);
}

// ---- the command ------------------------------------------------------------------------------

static const cli_option options[] = {
    { .name = "group-by", .kind = CLI_TEXT, .to = offsetof(stats_args, group_by),
      .value = "PATTERN", .help = "of each time: '*_{time}_{band}.tif', see gwt calc --help" },
    CLI_WORKERS(offsetof(stats_args, workers)),
    CLI_MEMORY(offsetof(stats_args, memory)),
    CLI_NODATA(offsetof(stats_args, nodata), "value that is missing, whatever FILE says"),
    CLI_COMPLEX(offsetof(stats_args, part)),
    CLI_IGNORE_MASK(offsetof(stats_args, ignore_mask)),
    CLI_ALPHA_MASK(offsetof(stats_args, alpha_mask)),
    { .name = "json", .kind = CLI_FLAG, .to = offsetof(stats_args, json),
      .help = "one JSON object; of several files an array of them" },
    { .name = "approx", .kind = CLI_FLAG, .to = offsetof(stats_args, approximate),
      .help = "of the smallest overview with 250,000 pixels or more, if any" },
    CLI_QUIET(offsetof(stats_args, quiet), "no progress bar"),
    CLI_END
};

static const cli_command command = {
    .name = "gwt stats", .synopsis = "FILE... [options]",
    .summary = "Print minimum, maximum, mean and standard deviation of each band over its valid\n"
               "pixels, how many those are, and the CRC-32 of the band's raw values.",
    .details = "Valid is what is neither nodata nor NaN nor infinite (infinite pixels are counted\n"
               "apart); std is of the population. Extremes of integers are exact. The checksum,\n"
               "8 hexadecimal digits, is of all values row by row, little-endian, in the file's\n"
               "own type: it does not change with compression or layout.\n"
               "\n"
               "A FILE in quotes may be a pattern, 'scenes/*.tif'. Each of several files, or of a\n"
               "pattern, has its name above it, in JSON the field file. With --group-by each time\n"
               "of the scenes has, and bands have their names; the checksum is of values in the\n"
               "type that the bands have in common.\n"
               "\n"
               "With --approx the figures are of an overview, where the file has one that is large\n"
               "enough: much quicker, and not exact, least of all the extremes. The answer says\n"
               "so; the checksum and the counts are of the overview's pixels, too.\n",
    .options = options, .min_arguments = 1, .max_arguments = 1 << 20, .wanted = "a file"
};

int cmd_stats(int argc, char **argv)
{
    stats_args args = { .workers = 0 };
    int status = cli_parse(&command, &args, argc, argv, &argc);
    if (status != CLI_GO_ON) return status;
    input_options inputs = inputs_of(&args);
    status = inputs_check(&command, &inputs);
    if (status != CLI_GO_ON) return status;
    if (args.approximate && args.group_by)
        return cli_usage_error(&command, "--approx is of files, not of the times of --group-by");

    file_list files;
    if (!file_list_find(&files, argv, (size_t)argc)) return CLI_FAILED;
    if (args.group_by) {
        status = stats_of_groups(&files, &args);
        file_list_free(&files);
        return status;
    }
    bool several = argc > 1 || strcmp(files.paths[0], argv[0]) != 0, first = true;
    status = CLI_OK;
    if (several && args.json) putchar('[');
    for (size_t i = 0; i < files.count && !cli_interrupted(); i++) {
        const char *path = files.paths[i];
        int done = stats_of_file(path, &args, several ? path : NULL, &first);
        if (done != CLI_OK) status = done;
    }
    if (several && args.json) putchar(']');
    if (args.json && (several || !first)) putchar('\n');
    file_list_free(&files);
    return status;
}
