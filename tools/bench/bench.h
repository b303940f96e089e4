// bench.h - what the files of bench share: bench.c, parts.c and scale.c what is measured, measure.c how,
// peers.c the programs of others.

#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { MAX_TURNS = 200, LONGER = 4, PATH = 1024, MAX_IMAGES = 12, JOB_OPTIONS = 6 };

typedef struct settings {
    const char *programs, *dir, *only, *json_path, *peers;
    int workers, pairs, warmup, size;
    FILE *json;                // NULL: not asked for
} settings;

// What one program does with files: floor by a name, gwt by an expression.
typedef struct job {
    const char *floor, *expression, *options[JOB_OPTIONS];  // further words of `gwt calc`
    const char *compress;      // in and out
    int count;
    char inputs[MAX_IMAGES][PATH];
} job;

// ---- measure.c --------------------------------------------------------------------------------

typedef struct sample { double wall, cpu, megabytes; } sample;

// Say why on stderr and exit.
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2), noreturn))
#endif
void die(const char *format, ...);

// printf into PATH characters, or die.
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void join(char *to, const char *format, ...);

double now(void);              // seconds, since whenever

// Run a program to its end; argv[0] is its path, argv ends with NULL. `said` gets the first line of
// its standard output, unless NULL. Returns its exit status, 128 and more for a signal.
int run_program(const char *const *argv, char *said, size_t room, sample *used);

// The same; any failure ends the bench.
sample run(const char *const *argv);

// Medians of n <= MAX_TURNS.
double median(const double *values, int n);
sample median_sample(const sample *samples, int n);
double median_ratio(const sample *of, const sample *to, int n);      // of neighbours' wall times
double median_cpu_ratio(const sample *of, const sample *to, int n);  // and of their CPU times

// A median of ratios of wall times, and within what the true one is, with 95 % or more.
typedef struct range { double low, middle, high; } range;
range range_of_ratio(const sample *of, const sample *to, int n);

// Whether there is another turn to take: `turn` are done, since `start`.
bool go_on(const settings *s, int turn, double start);

// Two float32 images of one band: how many pixels have other bits, and how many of these differ
// by more than `tolerance` of their value. -1 each: other sizes or tiles, or unreadable.
typedef struct difference { int64_t bits, values; } difference;
difference compare(const char *a, const char *b, double tolerance);

// Width 0: unreadable, or not one band of float32. Missing pixels (NaN) are left out of the mean.
typedef struct summary { uint32_t width, height; double mean; } summary;
summary summarise(const char *path);

// A figure, what it is, and what it should be. bars_print prints those that are new, bars_count in
// the end how many are kept, and all of them as JSON.
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void bar_at_most(double bar, double value, const char *format, ...);
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void bar_at_least(double bar, double value, const char *format, ...);
void bars_print(void);
void bars_count(const settings *s);

// ---- bench.c ----------------------------------------------------------------------------------

// The deflate workload, its scene made if it is not there yet: a normalised difference.
job norm_diff_job(const settings *s, int width, int height, const char *compress);

sample run_floor(const settings *s, const job *j, const char *out, int workers, bool sync);

// `gwt calc` of the job; chunks 0: gwt's own choice.
sample run_gwt(const settings *s, const job *j, const char *out, int workers, int chunks);

// The same by gwt-mpi; of mpirun and all it starts, but memory of the largest process.
sample run_ranks(const settings *s, const job *j, const char *out, int ranks, int workers);

void json_text(FILE *to, const char *name, const char *text);
void json_sample(FILE *to, const char *name, const sample *s);

// ---- parts.c ----------------------------------------------------------------------------------

bool measure_workers(const settings *s);
bool measure_tasks(const settings *s);
bool measure_chunks(const settings *s);
bool measure_compute(const settings *s);
bool measure_profile(const settings *s);
bool measure_zonal(const settings *s);
bool measure_copied(const settings *s);
bool measure_reclass(const settings *s);
bool measure_ranks(const settings *s);
bool measure_memory(const settings *s);

// ---- scale.c ----------------------------------------------------------------------------------

// What a job costs as it grows. False when a bar is missed.
bool measure_scale(const settings *s);

// ---- peers.c ----------------------------------------------------------------------------------

// The deflate workload by programs of others. False when an output was not the same.
bool measure_peers(const settings *s);

#endif
