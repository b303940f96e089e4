// sample.c - see sample.h.

#define _POSIX_C_SOURCE 200809L

#include "sample.h"

#include "../json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static gwt_array *make_result(const sample_job *j, gwt *g, int chunk)
{
    size_t count;
    input_options inputs = *j->inputs;
    if (chunk) inputs.chunks = chunk;
    gwt_array **arrays = inputs_open(g, j->files, &inputs, &count);
    gwt_array *result = NULL;
    if (arrays) inputs_calc(g, j->files, &inputs, arrays, count, &j->expression, 1, &result);
    free(arrays);
    return result;
}

bool sample_begin(sample_job *j)
{
    j->g = cli_begin(1, j->inputs->sensor, j->memory);
    if (!j->g) return false;
    j->result = make_result(j, j->g, 0);
    const gwt_info *info = gwt_describe(j->result);
    j->height = info->shape[2];
    j->width = info->shape[3];
    j->save.nodata = inputs_dst_nodata(j->inputs, j->result, j->save.dtype);
    j->save.overwrite = true;
    if (gwt_status(j->g) != GWT_OK || !cli_make_folder(j->folder)) {
        cli_end(j->g);
        return false;
    }
    snprintf(j->output, sizeof j->output, "%s/out.tif", j->folder);
    return true;
}

void sample_end(sample_job *j)
{
    static const char *const left[] = { "", ".part", ".part.journal" };  // by a save that failed
    char path[sizeof j->output + 16];
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        snprintf(path, sizeof path, "%s%s", j->output, left[i]);
        remove(path);
    }
    rmdir(j->folder);
    cli_end(j->g);
}

sample sample_of(const sample_job *j, double pixels)
{
    double edge = fmax(floor(sqrt(pixels) / SAMPLE_ALIGN) * SAMPLE_ALIGN, SAMPLE_SMALLEST);
    sample s = { .rows = j->height, .cols = j->width };
    if (edge < (double)s.rows) s.rows = (int64_t)edge;
    if (pixels / (double)s.rows < (double)s.cols)
        s.cols = (int64_t)fmax(floor(pixels / (double)s.rows / SAMPLE_ALIGN) * SAMPLE_ALIGN,
                               SAMPLE_SMALLEST);
    if (s.cols > j->width) s.cols = j->width;
    s.row = (j->height - s.rows) / 2 / SAMPLE_ALIGN * SAMPLE_ALIGN;
    s.col = (j->width - s.cols) / 2 / SAMPLE_ALIGN * SAMPLE_ALIGN;
    return s;
}

double sample_pixels(const sample *s) { return (double)s->rows * (double)s->cols; }

bool sample_run(const sample_job *j, const sample *part, int chunk, int workers,
                sample_note *note, void *user)
{
    bool own = chunk || workers != 1;
    gwt *g = own ? cli_begin(workers, j->inputs->sensor, j->memory) : j->g;
    if (!g) return false;
    gwt_array *a = gwt_window(own ? make_result(j, g, chunk) : j->result, part->row, part->col,
                              part->rows, part->cols);
    gwt_profile_begin(g);
    bool saved = gwt_save_with(a, j->output, &j->save);
    const gwt_profile *profile = gwt_profile_end(g);
    if (saved && profile) note(user, a, profile);
    return (!own || cli_end(g) == 0) && saved;
}

char *sample_title(const char *const *expressions, size_t count, const file_list *files,
                   char title[SAMPLE_TITLE])
{
    enum { MOST = 3 };
    const char *name = strrchr(files->paths[0], '/');
    int longest = count > 1 ? 40 : 80, used = 0;
    for (size_t i = 0; i < count && i < MOST; i++)
        used += snprintf(title + used, SAMPLE_TITLE - (size_t)used, "%s%.*s%s", i ? "; " : "",
                         longest, expressions[i],
                         strlen(expressions[i]) > (size_t)longest ? ".." : "");
    snprintf(title + used, SAMPLE_TITLE - (size_t)used, "%s  (%.60s%s)", count > MOST ? "; .." : "",
             name ? name + 1 : files->paths[0], files->count > 1 ? ", .." : "");
    for (char *c = title; *c;) {  // it may be cut within a character
        size_t length = json_utf8_length(c);
        if (length == 0) *c = '?';
        c += length ? length : 1;
    }
    return title;
}
