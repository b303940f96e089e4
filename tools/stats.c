// stats.c - gwt stats: the figures of each band, and a checksum of its raw values.
//
// The image is cut into blocks whose shape follows from its size and type alone. Each block, on
// whatever worker, leaves its figures in its own place; they are then put together in the order of
// the blocks. So every bit printed is the same for any number of workers, and for any tiles,
// strips or compression the same pixels are stored in.

#include "cli.h"
#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

// ---- moments ----------------------------------------------------------------------------------

// Count, extremes, mean and sum of squared differences from the mean (m2) of some valid pixels.
// 64-bit integers pass through double: beyond 2^53 their extremes are rounded.
typedef struct moments {
    int64_t valid;
    double min, max, mean, m2;
} moments;

// Two passes over values that are in the L1 cache: the sum of squares never meets the mean's own
// square, so nothing cancels.
static moments moments_of_row(const double *values, int64_t count)
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
    // Infinite pixels: inf - inf above was skipped as if it were missing.
    m.m2 = isfinite(m.mean) ? m2 : NAN;
    return m;
}

// Chan, Golub, LeVeque (1979), "Updating formulae and a pairwise algorithm for computing sample
// variances", Stanford STAN-CS-79-773, formulae 2.1.
static void merge_moments(moments *to, const moments *from)
{
    if (from->valid == 0) return;
    if (to->valid == 0) {
        *to = *from;
        return;
    }
    double n = (double)(to->valid + from->valid), delta = from->mean - to->mean;
    to->m2 += from->m2 + delta * delta * ((double)to->valid * (double)from->valid / n);
    // With infinite pixels there is no delta to speak of: their mean is inf, -inf or, of both, nan.
    to->mean += isfinite(delta) ? delta * ((double)from->valid / n) : from->mean;
    to->valid += from->valid;
    if (from->min < to->min) to->min = from->min;
    if (from->max > to->max) to->max = from->max;
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

// Appending checksums of pieces of one length, over and over. zlib 1.2.12 splits the part that
// depends on the length from the rest, which makes an append about twenty times cheaper.
typedef struct crc_joiner { size_t length; uLong operator; } crc_joiner;

static crc_joiner crc_join_pieces_of(size_t length)
{
    crc_joiner j = { length, 0 };
#if ZLIB_VERNUM >= 0x12c0
    j.operator = crc32_combine_gen((z_off_t)length);
#endif
    return j;
}

static uLong crc_append(uLong crc, uint32_t piece, const crc_joiner *j)
{
#if ZLIB_VERNUM >= 0x12c0
    return crc32_combine_op(crc, piece, j->operator);
#else
    return crc32_combine(crc, piece, (z_off_t)j->length);
#endif
}

// ---- the run ----------------------------------------------------------------------------------

typedef struct stats_job {
    const gwt_info *info;
    int64_t width, height, bands;
    int64_t rows, cols;        // shape of a block
    int64_t down, across;      // blocks
    // One result for each block, as gwt_map_blocks collects them: for each band its moments and the
    // checksums of its rows.
    size_t band_bytes, block_bytes;
    char *results;
} stats_job;

static moments *moments_in(const stats_job *job, char *result, int64_t band)
{
    return (moments *)(void *)(result + (size_t)band * job->band_bytes);
}

static uint32_t *crcs_in(const stats_job *job, char *result, int64_t band)
{
    return (uint32_t *)(void *)(moments_in(job, result, band) + 1);
}

static int64_t round_up(int64_t value, int64_t step)
{
    return (value + step - 1) / step * step;
}

static int64_t at_most(int64_t value, int64_t limit)
{
    return value < limit ? value : limit;
}

// Blocks of 512 x 512 pixels, so that tiles of the usual sizes are decoded for one block only;
// wider where the image is, for at most 16 across bound the checksums kept; and smaller where many
// bands would make them larger than 4 MiB.
static void choose_blocks(stats_job *job)
{
    const int64_t max_bytes = 4 << 20, max_across = 16, min_edge = 64, max_edge = 1 << 20;
    int64_t pixel = job->bands * (int64_t)gwt_dtype_size(job->info->dtype), edge = 512;
    while (edge > min_edge && edge * edge * pixel > max_bytes) edge /= 2;
    int64_t cols = round_up((job->width + max_across - 1) / max_across, edge), rows = edge;
    job->cols = at_most(cols, max_edge);
    while (rows > min_edge && rows * job->cols * pixel > max_bytes) rows /= 2;
    job->rows = rows;
    job->down = (job->height + job->rows - 1) / job->rows;
    job->across = (job->width + job->cols - 1) / job->cols;
    job->band_bytes = sizeof(moments) + (size_t)round_up(job->rows, 2) * sizeof(uint32_t);
    job->block_bytes = (size_t)job->bands * job->band_bytes;
}

// A gwt_block_fn.
static int stats_of_block(const gwt_block *block, void *user)
{
    stats_job *job = user;
    size_t size = gwt_dtype_size(block->dtype);
    double *values = malloc((size_t)block->cols * sizeof *values);
    if (!values) {
        gwt_fail(block->g, GWT_E_MEMORY, "out of memory");
        return 1;
    }
    const unsigned char *samples = block->data;
    for (int64_t band = 0; band < block->bands; band++) {
        moments *m = moments_in(job, block->result, band);
        uint32_t *crc = crcs_in(job, block->result, band);
        for (int64_t row = 0; row < block->rows; row++) {
            gwt_block_row(block, band, row, values);
            moments of_row = moments_of_row(values, block->cols);
            merge_moments(m, &of_row);
            *crc++ = crc_of_row(samples, block->cols, size);
            samples += (size_t)block->cols * size;
        }
    }
    free(values);
    return 0;
}

static moments band_moments(const stats_job *job, int64_t band)
{
    moments all = { 0 };
    for (int64_t block = 0; block < job->down * job->across; block++)
        merge_moments(&all, moments_in(job, job->results + (size_t)block * job->block_bytes,
                                       band));
    return all;
}

static uint32_t band_crc(const stats_job *job, int64_t band)
{
    size_t size = gwt_dtype_size(job->info->dtype);
    int64_t last_cols = job->width - (job->across - 1) * job->cols;
    crc_joiner whole = crc_join_pieces_of((size_t)job->cols * size);
    crc_joiner last = crc_join_pieces_of((size_t)last_cols * size);
    uLong crc = crc32(0, NULL, 0);
    for (int64_t row = 0; row < job->height; row++)
        for (int64_t i = 0; i < job->across; i++) {
            size_t block = (size_t)(row / job->rows * job->across + i);
            uint32_t piece =
                crcs_in(job, job->results + block * job->block_bytes, band)[row % job->rows];
            crc = crc_append(crc, piece, i + 1 < job->across ? &whole : &last);
        }
    return (uint32_t)crc;
}

// ---- printing ---------------------------------------------------------------------------------

static double deviation(const moments *m)
{
    return sqrt(m->m2 / (double)m->valid);
}

static void print_json_band(int64_t band, const moments *m, uint32_t crc)
{
    printf("%s\n  {\"band\": %" PRId64, band ? "," : "", band + 1);
    const char *const names[] = { "min", "max", "mean", "std" };
    const double values[] = { m->min, m->max, m->mean, m->valid ? deviation(m) : 0 };
    for (int i = 0; i < 4; i++) {
        printf(", \"%s\": ", names[i]);
        if (m->valid) json_number(stdout, values[i]);
        else fputs("null", stdout);
    }
    printf(", \"valid\": %" PRId64 ", \"crc32\": %" PRIu32 "}", m->valid, crc);
}

static void print_text_band(int64_t band, const moments *m, uint32_t crc)
{
    printf("%4" PRId64, band + 1);
    if (m->valid)
        printf(" %13.7g %13.7g %13.7g %13.7g", m->min, m->max, m->mean, deviation(m));
    else
        printf(" %13s %13s %13s %13s", "-", "-", "-", "-");
    printf(" %13" PRId64 "  %08" PRIx32 "\n", m->valid, crc);
}

static void print_stats(const stats_job *job, bool json)
{
    if (json) fputs("{\"bands\": [", stdout);
    else printf("%4s %13s %13s %13s %13s %13s  %s\n",
                "band", "min", "max", "mean", "std", "valid", "crc32");
    for (int64_t band = 0; band < job->bands; band++) {
        moments m = band_moments(job, band);
        uint32_t crc = band_crc(job, band);
        if (json) print_json_band(band, &m, crc);
        else print_text_band(band, &m, crc);
    }
    if (json) fputs("\n]}\n", stdout);
}

static void run_stats(gwt *g, gwt_array *image, bool json, bool progress)
{
    const gwt_info *info = gwt_describe(image);
    stats_job job = { .info = info, .width = info->shape[3], .height = info->shape[2],
                      .bands = info->shape[1] };
    choose_blocks(&job);
    job.results = calloc((size_t)(job.down * job.across), job.block_bytes);
    if (!job.results) gwt_fail(g, GWT_E_MEMORY, "out of memory");
    else if (gwt_map_blocks(image, stats_of_block, &job, .row_chunks = (int)job.rows,
                            .col_chunks = (int)job.cols, .results = job.results,
                            .result_size = job.block_bytes,
                            .num_results = job.down * job.across, .progress = progress) >= 0)
        print_stats(&job, json);
    free(job.results);
}

// ---- the command ------------------------------------------------------------------------------

typedef struct stats_args {
    gwt_optional nodata;
    int workers;
    size_t memory;
    bool json, quiet;
} stats_args;

static const cli_option options[] = {
    CLI_WORKERS(offsetof(stats_args, workers)),
    CLI_MEMORY(offsetof(stats_args, memory)),
    CLI_NODATA(offsetof(stats_args, nodata), "value that is missing, whatever FILE says"),
    { .name = "json", .kind = CLI_FLAG, .to = offsetof(stats_args, json),
      .help = "one JSON object" },
    CLI_QUIET(offsetof(stats_args, quiet), "no progress bar"),
    CLI_END
};

static const cli_command command = {
    .name = "gwt stats", .synopsis = "FILE [options]",
    .summary = "Print minimum, maximum, mean and standard deviation of each band over its valid\n"
               "pixels, how many those are, and the CRC-32 of the band's raw values.",
    .details = "Valid is what is neither nodata nor NaN; std is of the population. The checksum\n"
               "is of the values row by row, little-endian, in the file's own type: it does not\n"
               "change with compression or layout.\n",
    .options = options, .min_arguments = 1, .max_arguments = 1, .wanted = "one file"
};

int cmd_stats(int argc, char **argv)
{
    stats_args args = { .workers = 0 };
    int status = cli_parse(&command, &args, argc, argv, &argc);
    if (status != CLI_GO_ON) return status;

    gwt *g = cli_begin(args.workers, NULL, args.memory);
    if (!g) return CLI_FAILED;
    gwt_array *image = gwt_open(g, argv[0], .nodata = args.nodata);
    if (image) run_stats(g, image, args.json, !args.quiet);
    return cli_end(g);
}
