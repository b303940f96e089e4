// sample.h - an expression run over a part of its image, to see what that takes.

#ifndef GWT_TOOLS_SAMPLE_H
#define GWT_TOOLS_SAMPLE_H

#include "cli.h"
#include "inputs.h"

enum { SAMPLE_ALIGN = 256, SAMPLE_SMALLEST = 512 };

// All that runs have in common.
typedef struct sample_job {
    const input_options *inputs;
    file_list *files;
    const char *expression;
    size_t memory;
    gwt_save_options save;     // as of gwt calc; its nodata is the inputs'
    // Of sample_begin:
    gwt *g;                    // with one worker, for all runs of one and no chunk size
    gwt_array *result;         // in it
    int64_t height, width;     // of the whole result
    char folder[CLI_PATH], output[CLI_PATH + 16];
} sample_job;

typedef struct sample { int64_t row, col, rows, cols; } sample;

// The size of the result, and a folder for the runs' output. False when the expression or a file
// is no good, which has been printed; there is nothing to end then.
bool sample_begin(sample_job *j);
void sample_end(sample_job *j);

// About so many pixels from the middle of the image, at whole tiles of most files.
sample sample_of(const sample_job *j, double pixels);
double sample_pixels(const sample *s);

// One run into a file, as gwt calc does it; `note` is shown the array that was saved and the profile.
// With a chunk size or several workers it has a session of its own; chunk 0: chosen for you. False
// when it failed, which has been printed, or is by sample_end.
typedef void sample_note(void *user, gwt_array *a, const gwt_profile *profile);
bool sample_run(const sample_job *j, const sample *part, int chunk, int workers,
                sample_note *note, void *user);

// "norm_diff(b1, b2); b3 + 1  (scene.tif, ..)" into the buffer, which it gives: what a run of these
// expressions is called, as UTF-8.
enum { SAMPLE_TITLE = 256 };
char *sample_title(const char *const *expressions, size_t count, const file_list *files,
                   char title[SAMPLE_TITLE]);

#endif
