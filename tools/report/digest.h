// digest.h - the numbers of a profile, and what they advise in words.

#ifndef GWT_TOOLS_DIGEST_H
#define GWT_TOOLS_DIGEST_H

#include "trace.h"

#include <stdio.h>

// A stage that others interrupt is several events, and counts as one. All times are nanoseconds; a
// share is one of worker time, workers x wall, from 0 to 1. What is not known is NaN.
typedef struct digest_stage {
    size_t count;
    int64_t total;
    double mean, p95, share;   // p95: between the two nearest lengths, by linear interpolation
    double in, out;            // bytes
} digest_stage;

typedef struct digest_lane { int64_t work, schedule, wait, idle; } digest_lane;

// A file that was written: what its tiles were before they were encoded, and after; as the keys of
// those events have it, up to the length.
typedef struct digest_output {
    const char *name;
    size_t length, tiles;
    double raw, stored;        // bytes
} digest_output;

typedef struct digest_operation { uint32_t name; double spent; } digest_operation; // nanoseconds

enum { DIGEST_OUTPUTS = 16 };  // as many as one action writes; those of further ones are left out

typedef struct digest_series {
    double mean, peak;         // of all ranks together: their means and peaks, added
    double highest;            // of any
} digest_series;

typedef struct digest {
    int64_t wall;
    size_t workers;
    digest_stage stages[TRACE_STAGES];
    digest_lane *lanes;        // as the trace's
    digest_lane total;
    size_t tasks;              // stages of compute; of user where there are none
    size_t decodes, tiles;     // tiles decoded, and how many of them are different
    double tasks_per_second, bytes_read, bytes_written;
    double amplification;      // decodes / tiles, when all have keys
    double hit_rate;           // share of the requests for tiles that found one in the cache
    double efficiency;         // time of work / (workers x wall)
    double tail;               // share of time after each worker's last event
    double imbalance;          // the busiest worker's work / the mean
    double overlap;            // share of time that is counted twice
    const char *input, *output; // the trace's: how they are compressed
    digest_output outputs[DIGEST_OUTPUTS];
    size_t output_count;
    digest_operation operations[TRACE_MAX_OPERATIONS]; // the longest first
    size_t operation_count;
    double operated;           // nanoseconds in all of them
    digest_series series[TRACE_SERIES];
} digest;

bool digest_make(digest *d, const trace *t);  // false without memory, which has been printed
void digest_free(digest *d);

// A rule that applies: its text with the number in it, in a buffer of at least DIGEST_ADVICE
// bytes. `index` counts from 0, in order of the worker time that each might save at the most; false
// when there are no more. A profile that no rule applies to has one that says so.
enum { DIGEST_ADVICE = 400 };
bool digest_advice(const digest *d, size_t index, char *buffer);

// "3.61 s", "12.3 ms", "45 us": nanoseconds for people, in a buffer of at least 32 bytes.
char *digest_time(double ns, char *buffer);

// "1 x 3 x 256 x 256", or "" when the dump does not say.
char *digest_chunks(const trace *t, const char *times, char *buffer, size_t size);

// What `gwt visualize --text` prints.
void digest_print(FILE *to, const trace *t, const digest *d);
void digest_print_comparison(FILE *to, const trace *t, const digest *d, size_t count);

#endif
