// quicklook.c - gwt quicklook: a small picture of a large raster.
//
//   file, or its smallest overview that is large enough
//        --boxes of k x k pixels--> planes, 1 to 2 times too large --area average--> planes
//        --2nd..98th percentile--> colours --> PNG
//
// The first step is the one that touches every pixel, and runs on all workers. A box never
// straddles two blocks, so no sum depends on how the work was shared out.

#include "cli.h"
#include "inputs.h"
#include "png.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CHANNELS = 3, MAX_SIZE = 8192, MAX_BOX = 1024 };

static int64_t at_least(int64_t value, int64_t limit) { return value > limit ? value : limit; }
static int64_t at_most(int64_t value, int64_t limit) { return value < limit ? value : limit; }

// ---- which bands ------------------------------------------------------------------------------

// Numbers of the bands shown, from 1: one (pseudo-colour) or three (red, green, blue).
typedef struct selection { int count; int64_t band[MAX_CHANNELS]; } selection;

static bool equal_ignoring_case(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char lower = a[i] >= 'A' && a[i] <= 'Z' ? (char)(a[i] - 'A' + 'a') : a[i];
        if (lower != b[i]) return false;
    }
    return true;
}

// The band of that name (lower case), from 1; 0 when there is none.
static int64_t band_named(const gwt_info *info, const char *name)
{
    size_t length = strlen(name);
    for (int64_t b = 0; b < info->shape[1]; b++)
        if (strlen(info->band_names[b]) == length &&
            equal_ignoring_case(info->band_names[b], name, length)) return b + 1;
    return 0;
}

static selection usual_selection(const gwt_info *info)
{
    static const char *const names[MAX_CHANNELS] = { "red", "green", "blue" };
    selection c = { .count = MAX_CHANNELS };
    bool named = info->bands_named;
    for (int i = 0; i < MAX_CHANNELS; i++) {
        c.band[i] = band_named(info, names[i]);
        named = named && c.band[i] != 0;
    }
    if (named) return c;
    if (info->shape[1] < MAX_CHANNELS) return (selection){ .count = 1, .band = { 1 } };
    return (selection){ .count = MAX_CHANNELS, .band = { 1, 2, 3 } };
}

// "3,2,1" or "4". False when it isn't one or three whole numbers from 1 up.
static bool read_selection(const char *text, selection *c)
{
    char word[CLI_WORD];
    long long number;
    *c = (selection){ .count = 0 };
    while (text) {
        if (c->count == MAX_CHANNELS || !cli_next_word(&text, word) ||
            !cli_read_int(word, 1, 1 << 20, &number)) return false;
        c->band[c->count++] = number;
    }
    return c->count != 2;
}

// The chosen bands alone, one for each channel. They are renamed to their numbers first, since
// names in a file need not be unique.
static gwt_array *select_bands(gwt_array *image, const selection *c)
{
    int64_t bands = gwt_describe(image)->shape[1];
    char (*numbers)[24] = calloc((size_t)bands, sizeof *numbers);
    const char **names = calloc((size_t)bands + 1, sizeof *names);
    gwt_array *chosen = NULL;
    if (numbers && names) {
        for (int64_t b = 0; b < bands; b++) {
            snprintf(numbers[b], sizeof *numbers, "%" PRId64, b + 1);
            names[b] = numbers[b];
        }
        const char *wanted[MAX_CHANNELS + 1] = { NULL };
        for (int i = 0; i < c->count; i++) wanted[i] = numbers[c->band[i] - 1];
        chosen = gwt_sel_bands(gwt_rename_bands(image, names), wanted);
    }
    free(names);
    free(numbers);
    return chosen;
}

// ---- planes -----------------------------------------------------------------------------------

// A picture in the making: [channel][row][column], NaN where missing.
typedef struct planes { int channels; int64_t width, height; float *values; } planes;

static bool make_planes(planes *p, int channels, int64_t width, int64_t height)
{
    *p = (planes){ channels, width, height, NULL };
    if (width <= (INT64_C(1) << 40) / height)  // else nothing that memory could hold
        p->values = malloc((size_t)(channels * width * height) * sizeof *p->values);
    return p->values != NULL;
}

static float *plane_row(const planes *p, int channel, int64_t row)
{
    return p->values + (channel * p->height + row) * p->width;
}

// ---- step 1: means of boxes, in parallel ------------------------------------------------------

typedef struct box_job { planes to; int64_t box; } box_job;

// Add a row of pixels to the sums and counts of the boxes it crosses.
static void add_row(const double *values, int64_t count, int64_t box, double *sums, int *counts)
{
    for (int64_t begin = 0; begin < count; begin += box, sums++, counts++) {
        int64_t end = at_most(begin + box, count);
        for (int64_t i = begin; i < end; i++) {
            if (!isfinite(values[i])) continue;
            *sums += values[i];
            ++*counts;
        }
    }
}

// A mean of doubles may be more than a float can hold; what is to be seen is only that it is large.
static float to_float(double value)
{
    const double limit = 3.4e38;
    return (float)(value > limit ? limit : value < -limit ? -limit : value);
}

static void box_row(const gwt_block *block, const box_job *job, int channel, int64_t first,
                    double *values, double *sums, int *counts)
{
    int64_t boxes = (block->cols + job->box - 1) / job->box;
    int64_t end = at_most(first + job->box, block->rows);
    memset(sums, 0, (size_t)boxes * sizeof *sums);
    memset(counts, 0, (size_t)boxes * sizeof *counts);
    for (int64_t row = first; row < end; row++) {
        gwt_block_row(block, channel, row, values);
        add_row(values, block->cols, job->box, sums, counts);
    }
    float *to = plane_row(&job->to, channel, (block->row + first) / job->box) +
                block->col / job->box;
    for (int64_t i = 0; i < boxes; i++) to[i] = counts[i] ? to_float(sums[i] / counts[i]) : NAN;
}

// A gwt_block_fn. Blocks begin at multiples of the box, and each fills its own part of the planes.
static int box_block(const gwt_block *block, void *user)
{
    const box_job *job = user;
    size_t cols = (size_t)block->cols;
    double *values = malloc(cols * (2 * sizeof *values + sizeof(int)));
    if (!values) {
        gwt_fail(block->g, GWT_E_MEMORY, "out of memory");
        return 1;
    }
    double *sums = values + cols;
    int *counts = (int *)(sums + cols);
    for (int channel = 0; channel < job->to.channels; channel++)
        for (int64_t row = 0; row < block->rows; row += job->box)
            box_row(block, job, channel, row, values, sums, counts);
    free(values);
    return 0;
}

// A block edge of whole boxes, near that of the file's tiles within reason.
static int block_edge(int64_t tile, int64_t lo, int64_t hi, int64_t box)
{
    return (int)(at_least(at_most(at_least(tile, lo), hi) / box, 1) * box);
}

static bool reduce_by_boxes(gwt_array *image, int64_t box, planes *to, bool progress)
{
    const gwt_info *info = gwt_describe(image);
    int64_t width = (info->shape[3] + box - 1) / box, height = (info->shape[2] + box - 1) / box;
    if (!make_planes(to, (int)info->shape[1], width, height)) return false;
    box_job job = { *to, box };
    // What a mask hides has no value among integers.
    gwt_dtype dtype = info->nodata.set ? info->dtype : GWT_FLOAT64;
    return gwt_map_blocks(image, box_block, &job, .progress = progress, .dtype = dtype,
                          .block_rows = block_edge(info->tile[0], 64, 256, box),
                          .block_cols = block_edge(info->tile[1], 256, 4096, box)) >= 0;
}

// ---- step 2: area average to the size wanted --------------------------------------------------

// Pixels [first, last) of a row or column that an output pixel overlaps, and how much of the
// first and the last of them: the rest count whole.
typedef struct span { int64_t first, last; double head, tail; } span;

static span span_of(int64_t index, int64_t from, int64_t to)
{
    double begin = (double)index * (double)from / (double)to;
    double end = (double)(index + 1) * (double)from / (double)to;
    span s = { (int64_t)begin, at_most((int64_t)ceil(end), from), 1, 1 };
    s.head = (double)s.first + 1 - begin;
    s.tail = end - (double)(s.last - 1);
    return s;
}

static double weight(const span *s, int64_t i)
{
    if (s->last - s->first == 1) return 1;
    return i == s->first ? s->head : i == s->last - 1 ? s->tail : 1;
}

static float area_mean(const planes *from, int channel, const span *rows, const span *cols)
{
    double sum = 0, weights = 0;
    for (int64_t y = rows->first; y < rows->last; y++) {
        const float *row = plane_row(from, channel, y);
        double wy = weight(rows, y);
        for (int64_t x = cols->first; x < cols->last; x++) {
            if (isnan(row[x])) continue;
            double w = wy * weight(cols, x);
            sum += w * (double)row[x];
            weights += w;
        }
    }
    return weights > 0 ? to_float(sum / weights) : NAN;
}

static bool shrink(const planes *from, int64_t width, int64_t height, planes *to)
{
    if (!make_planes(to, from->channels, width, height)) return false;
    for (int channel = 0; channel < to->channels; channel++)
        for (int64_t y = 0; y < height; y++) {
            span rows = span_of(y, from->height, height);
            float *row = plane_row(to, channel, y);
            for (int64_t x = 0; x < width; x++) {
                span cols = span_of(x, from->width, width);
                row[x] = area_mean(from, channel, &rows, &cols);
            }
        }
    return true;
}

// ---- step 3: colours --------------------------------------------------------------------------

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

// By linear interpolation between the two nearest of the sorted values.
static double percentile(const float *sorted, size_t count, double fraction)
{
    double place = fraction * (double)(count - 1);
    size_t below = (size_t)place, above = below + 1 < count ? below + 1 : below;
    double part = place - (double)below;
    return (double)sorted[below] * (1 - part) + (double)sorted[above] * part;
}

// From black to white: the 2nd to the 98th percentile of the valid pixels, all of them or an even
// sample. A picture that is nearly one value (a mask) is stretched over all values it has.
static bool stretch_range(const planes *p, int channel, double *lo, double *hi)
{
    const size_t enough = 1 << 17;
    size_t pixels = (size_t)(p->width * p->height), step = pixels / enough + 1, count = 0;
    const float *values = plane_row(p, channel, 0);
    float *sample = malloc((pixels / step + 1) * sizeof *sample);
    if (!sample) return false;
    for (size_t i = 0; i < pixels; i += step)
        if (!isnan(values[i])) sample[count++] = values[i];
    *lo = *hi = 0;
    if (count) {
        qsort(sample, count, sizeof *sample, compare_floats);
        *lo = percentile(sample, count, 0.02);
        *hi = percentile(sample, count, 0.98);
        if (*lo == *hi) {
            *lo = (double)sample[0];
            *hi = (double)sample[count - 1];
        }
    }
    free(sample);
    return true;
}

// 0..1 within the range, the middle where the range is one value.
static double stretched(double value, double lo, double hi)
{
    if (hi <= lo) return 0.5;
    double part = (value - lo) / (hi - lo);
    return part < 0 ? 0 : part > 1 ? 1 : part;
}

// Nine evenly spaced colours of viridis (Smith and van der Walt 2015, matplotlib, CC0), whose
// steps look equally large, with straight lines between them.
static void pseudo_colour(double part, uint8_t *rgb)
{
    static const uint8_t anchors[9][3] = {
        { 68, 1, 84 }, { 71, 44, 122 }, { 59, 81, 139 }, { 44, 113, 142 }, { 33, 144, 141 },
        { 39, 173, 129 }, { 92, 200, 99 }, { 170, 220, 50 }, { 253, 231, 37 }
    };
    double place = part * 8;
    int below = place < 7 ? (int)place : 7;
    double t = place - below;
    for (int i = 0; i < 3; i++)
        rgb[i] = (uint8_t)(anchors[below][i] * (1 - t) + anchors[below + 1][i] * t + 0.5);
}

// A pixel is transparent where any channel shown is missing there.
static void colour_pixel(const planes *p, int64_t pixel, const double *lo, const double *hi,
                         uint8_t *rgba)
{
    double parts[MAX_CHANNELS];
    for (int c = 0; c < p->channels; c++) {
        double value = (double)p->values[c * p->width * p->height + pixel];
        if (isnan(value)) return;
        parts[c] = stretched(value, lo[c], hi[c]);
    }
    if (p->channels == 1) pseudo_colour(parts[0], rgba);
    else for (int c = 0; c < 3; c++) rgba[c] = (uint8_t)(parts[c] * 255 + 0.5);
    rgba[3] = 255;
}

// Red, green, blue, alpha; yours to free. NULL when there is no memory.
static uint8_t *colour(const planes *p)
{
    double lo[MAX_CHANNELS], hi[MAX_CHANNELS];
    for (int c = 0; c < p->channels; c++)
        if (!stretch_range(p, c, &lo[c], &hi[c])) return NULL;
    int64_t pixels = p->width * p->height;
    uint8_t *rgba = calloc((size_t)pixels, 4);
    if (rgba)
        for (int64_t i = 0; i < pixels; i++) colour_pixel(p, i, lo, hi, rgba + 4 * i);
    return rgba;
}

// ---- the command ------------------------------------------------------------------------------

typedef struct quicklook_args {
    const char *file, *output, *sensor, *shown;
    gwt_optional nodata;
    int part;                  // gwt_complex
    selection bands;           // read from `shown`; count 0: the usual ones
    int size, workers;
    int64_t width, height;     // of the picture: the image's, smaller
    bool overwrite, quiet, no_overviews, ignore_mask, alpha_mask;
} quicklook_args;

#define TO(field) offsetof(quicklook_args, field)

static const cli_option options[] = {
    { 'o', "output", CLI_TEXT, TO(output), "OUT", "the PNG to write: NAME.png", 0, 0,
      NULL },
    { 0, "size", CLI_INT, TO(size), "N", "longest side, pixels; 1024 when not given", 1, MAX_SIZE,
      NULL },
    { 0, "bands", CLI_TEXT, TO(shown), "R,G,B", "bands to show, by number, or one band", 0, 0,
      NULL },
    { 0, "no-overviews", CLI_FLAG, TO(no_overviews), NULL, "of all pixels, not of an overview", 0,
      0, NULL },
    CLI_SENSOR(TO(sensor)),
    CLI_NODATA(TO(nodata), "value that is missing, whatever FILE says"),
    CLI_COMPLEX(TO(part)),
    CLI_IGNORE_MASK(TO(ignore_mask)),
    CLI_ALPHA_MASK(TO(alpha_mask)),
    CLI_WORKERS(TO(workers)),
    CLI_OVERWRITE(TO(overwrite)),
    CLI_QUIET(TO(quiet), "no progress bar, no summary"),
    CLI_END
};

#undef TO

static const cli_command command = {
    .name = "gwt quicklook", .synopsis = "FILE -o OUT.png [options]",
    .summary = "Write a small picture: each band shown is stretched from its 2nd to its 98th\n"
               "percentile, missing pixels are transparent.",
    .details = "Bands named red, green, blue are shown as such, else the first three; one band is\n"
               "shown in pseudo-colour. Where the file has overviews, the picture is made of the\n"
               "smallest that is not smaller than the picture.\n",
    .options = options, .min_arguments = 1, .max_arguments = 1, .wanted = "one file"
};

static bool is_png(const char *path)
{
    size_t n = strlen(path);
    return n > 4 && equal_ignoring_case(path + n - 4, ".png", 4);
}

static int read_command_line(quicklook_args *args, int argc, char **argv)
{
    int status = cli_parse(&command, args, argc, argv, &argc);
    if (status != CLI_GO_ON) return status;
    if (!args->output) return cli_usage_error(&command, "no output: -o OUT says where it goes");
    if (cli_is_stdout(args->output))
        return cli_usage_error(&command, "-o -: a picture can't be written to stdout: name a file");
    if (!is_png(args->output))
        return cli_usage_error(&command, "%s: the picture is a PNG: its name must end in .png",
                               args->output);
    if (args->shown && !read_selection(args->shown, &args->bands))
        return cli_usage_error(&command, "--bands wants one or three band numbers, as in 3,2,1, "
                               "not '%s'", args->shown);
    return CLI_GO_ON;
}

// The picture of an array of one or three bands; NULL when memory gave out or the session failed.
static uint8_t *render(gwt_array *image, const quicklook_args *args)
{
    const gwt_info *info = gwt_describe(image);
    int64_t longest = at_least(info->shape[3], info->shape[2]);
    int64_t box = at_least(at_most(longest / args->size, MAX_BOX), 1);
    planes large = { 0 }, small = { 0 };
    uint8_t *rgba = NULL;
    if (reduce_by_boxes(image, box, &large, !args->quiet) &&
        shrink(&large, args->width, args->height, &small))
        rgba = colour(&small);
    free(large.values);
    free(small.values);
    return rgba;
}

// By the image that an overview is of, where that is known.
static void choose_size(quicklook_args *args, const gwt_info *info)
{
    int64_t width = info->shape[3], height = info->shape[2];
    if (info->overview && info->pages) {
        width = info->page_list[0].width;
        height = info->page_list[0].height;
    }
    int64_t longest = at_least(width, height);
    double scale = (double)at_most(args->size, longest) / (double)longest;
    args->width = at_least((int64_t)((double)width * scale + 0.5), 1);
    args->height = at_least((int64_t)((double)height * scale + 0.5), 1);
}

// The image, or what is enough of it for the picture. An overview that can't be used is as good as
// none.
static gwt_array *open_image(gwt *g, quicklook_args *args)
{
    gwt_open_options how = { .nodata = args->nodata, .ignore_mask = args->ignore_mask,
                             .alpha_mask = args->alpha_mask,
                             .complex_part = (gwt_complex)args->part,
                             .overview = !args->no_overviews };
    if (gwt_status(g) != GWT_OK) return NULL;       // of the session's options
    // Of an overview, which lists the others, for the list of an image's tiles may be long.
    gwt_array *image = gwt_open_with(g, args->file, &how), *small = NULL;
    if (!image && how.overview && gwt_status(g) != GWT_E_CANCELLED) {
        gwt_clear(g);
        how.overview = 0;
        image = gwt_open_with(g, args->file, &how);
    }
    const gwt_info *info = gwt_describe(image);
    if (image) choose_size(args, info);
    if (!image || args->no_overviews) return image;
    for (int i = info->overviews; i > 0 && !small; i--) {
        const gwt_image *o = &info->overview_list[i - 1];
        if (o->width < args->width || o->height < args->height) continue;
        how.overview = i;
        small = gwt_open_with(g, args->file, &how);
        if (!small && gwt_status(g) != GWT_E_CANCELLED) gwt_clear(g);
    }
    if (small || gwt_status(g) != GWT_OK) return small;
    if (!info->overview) return image;
    how.overview = 0;
    return gwt_open_with(g, args->file, &how);
}

static gwt_array *open_bands(gwt *g, quicklook_args *args)
{
    gwt_array *image = open_image(g, args);
    if (!image) return NULL;
    const gwt_info *info = gwt_describe(image);
    cli_check_sensor(args->sensor, image, args->file, "");
    if (!args->bands.count) args->bands = usual_selection(info);
    for (int i = 0; i < args->bands.count; i++)
        if (args->bands.band[i] > info->shape[1]) {
            gwt_fail(g, GWT_E_ARGUMENT, "%s: no band %d: it has %d", args->file,
                     (int)args->bands.band[i], (int)info->shape[1]);
            return NULL;
        }
    return select_bands(image, &args->bands);
}

// False when something failed; the session holds the error then.
static bool draw(gwt *g, quicklook_args *args, FILE *to)
{
    gwt_array *image = open_bands(g, args);
    uint8_t *rgba = image ? render(image, args) : NULL;
    if (!rgba) {
        gwt_fail(g, GWT_E_MEMORY, "%s: out of memory", args->file);  // kept if nothing was before
        return false;
    }
    bool written = png_write(to, (uint32_t)args->width, (uint32_t)args->height, rgba);
    if (!written) gwt_fail(g, GWT_E_IO, "%s: can't be written: %s", args->output, strerror(errno));
    free(rgba);
    return written;
}

static int run(quicklook_args *args)
{
    cli_output out;
    if (!cli_output_open(&out, args->output, args->file, args->overwrite)) return CLI_FAILED;
    gwt *g = cli_begin(args->workers, args->sensor, 0);
    bool drawn = g && draw(g, args, out.stream);
    bool kept = cli_output_close(&out, drawn);
    if (kept && !args->quiet) {
        cli_text(stdout, args->output);
        putchar('\n');
    }
    int status = cli_end(g);
    return kept ? status : CLI_FAILED;
}

int cmd_quicklook(int argc, char **argv)
{
    quicklook_args args = { .size = 1024 };
    int status = read_command_line(&args, argc, argv);
    if (status != CLI_GO_ON) return status;

    file_list files;
    if (!file_list_find_one(&files, argv[0])) return CLI_FAILED;
    args.file = files.paths[0];
    status = run(&args);
    file_list_free(&files);
    return status;
}
