// tune_picture.h - what gwt tune measured, and its picture.

#ifndef GWT_TOOLS_TUNE_PICTURE_H
#define GWT_TOOLS_TUNE_PICTURE_H

#include <stdbool.h>
#include <stdio.h>

enum { TUNE_MAX = 16, TUNE_ROUNDS = 9 };    // chunk sizes and worker counts; runs of each pair

typedef struct tune_point {
    int chunk, workers;
    double times[TUNE_ROUNDS]; // seconds, in ascending order when all runs are done
    int runs;
    double seconds;            // their median
    long long tasks, decodes;  // of one run
} tune_point;

typedef struct tune_sweep {
    int chunks[TUNE_MAX], workers[TUNE_MAX];     // in ascending order
    int num_chunks, num_workers;
    tune_point points[TUNE_MAX * TUNE_MAX];      // [workers][chunks]
    const tune_point *best;    // the fastest
    const tune_point *choice;  // the fewest workers, then the smallest chunk, within 5 % of it
    double spread;             // the largest of: the slowest run of a pair / its fastest
    bool differ;               // some are slower than the best by more than that
    double pixels;
    char title[256], sample[160];
} tune_sweep;

// An SVG that needs nothing else, for light and dark: chunk size on a log axis against seconds, a
// line for each worker count with its name at its end, the best and the choice marked.
void tune_draw(const tune_sweep *sweep, FILE *to);

#endif
