// measure.c - for bench: running programs and taking their time, medians, comparing images.
//
// A child's peak memory counts from the fork, so bench keeps small: images are decoded in a process
// of their own.

#define _DEFAULT_SOURCE
#if defined(__APPLE__)
#define _DARWIN_C_SOURCE
#endif

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <tiffio.h>
#include <time.h>
#include <unistd.h>

static const double SHORT_SECONDS = 12;  // a workload shorter than this takes up to LONGER x turns

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

void join(char *to, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (vsnprintf(to, PATH, format, args) >= PATH) die("a path is too long");
    va_end(args);
}

// ---- running a program --------------------------------------------------------------------------

double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double timeval_seconds(struct timeval t)
{
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

// Linux counts kilobytes, macOS bytes.
static double megabytes(long maxrss)
{
#if defined(__APPLE__)
    return (double)maxrss / 1e6;
#else
    return (double)maxrss * 1024 / 1e6;
#endif
}

// A child whose standard output comes from the returned descriptor.
static int start(const char *const *argv, pid_t *child)
{
    int ends[2];
    fflush(NULL);
    if (pipe(ends) != 0) die("pipe: %s", strerror(errno));
    *child = fork();
    if (*child < 0) die("fork: %s", strerror(errno));
    if (*child == 0) {
        dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execv(argv[0], (char *const *)argv);
        fprintf(stderr, "bench: %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    close(ends[1]);
    return ends[0];
}

// The first line of what comes until the end.
static void read_line(int from, char *to, size_t room)
{
    char piece[4096];
    size_t used = 0;
    for (ssize_t n; (n = read(from, piece, sizeof piece)) > 0;)
        for (ssize_t i = 0; i < n && used + 1 < room; i++) to[used++] = piece[i];
    if (room) to[used] = '\0', to[strcspn(to, "\r\n")] = '\0';
}

int run_program(const char *const *argv, char *said, size_t room, sample *used)
{
    pid_t child;
    int status;
    struct rusage usage;
    double begin = now();
    int from = start(argv, &child);
    read_line(from, said, said ? room : 0);
    close(from);
    if (wait4(child, &status, 0, &usage) != child) die("wait4: %s", strerror(errno));
    *used = (sample){ now() - begin,
                      timeval_seconds(usage.ru_utime) + timeval_seconds(usage.ru_stime),
                      megabytes(usage.ru_maxrss) };
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

sample run(const char *const *argv)
{
    sample used;
    if (run_program(argv, NULL, 0, &used) != 0) die("%s failed", argv[0]);
    return used;
}

// ---- medians ----------------------------------------------------------------------------------

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median(const double *values, int n)
{
    double sorted[MAX_TURNS];
    memcpy(sorted, values, (size_t)n * sizeof *values);
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

sample median_sample(const sample *samples, int n)
{
    double v[3][MAX_TURNS];
    for (int i = 0; i < n; i++) {
        v[0][i] = samples[i].wall;
        v[1][i] = samples[i].cpu;
        v[2][i] = samples[i].megabytes;
    }
    return (sample){ median(v[0], n), median(v[1], n), median(v[2], n) };
}

double median_ratio(const sample *of, const sample *to, int n)
{
    double ratios[MAX_TURNS];
    for (int i = 0; i < n; i++) ratios[i] = of[i].wall / to[i].wall;
    return median(ratios, n);
}

double median_cpu_ratio(const sample *of, const sample *to, int n)
{
    double ratios[MAX_TURNS];
    for (int i = 0; i < n; i++) ratios[i] = of[i].cpu / to[i].cpu;
    return median(ratios, n);
}

// By ranks, whatever the ratios are like: how many of n lie below the true median is binomial.
range range_of_ratio(const sample *of, const sample *to, int n)
{
    double ratios[MAX_TURNS];
    int low = (int)floor((n - 1.96 * sqrt(n)) / 2);
    if (low < 0) low = 0;
    for (int i = 0; i < n; i++) ratios[i] = of[i].wall / to[i].wall;
    qsort(ratios, (size_t)n, sizeof *ratios, by_value);
    return (range){ ratios[low], median(ratios, n), ratios[n - 1 - low] };
}

bool go_on(const settings *s, int turn, double start)
{
    if (turn >= MAX_TURNS || turn >= s->pairs * LONGER) return false;
    return turn < s->pairs || now() - start < SHORT_SECONDS;
}

// ---- bars ---------------------------------------------------------------------------------------

typedef struct bar { char what[80]; double value, limit; bool least; } bar;

static bar bars[64];
static int num_bars, num_printed;

static bool is_kept(const bar *b)
{
    return b->least ? b->value >= b->limit : b->value <= b->limit;
}

static void add_bar(double limit, double value, bool least, const char *format, va_list args)
{
    if (num_bars == (int)(sizeof bars / sizeof *bars)) die("too many bars");
    bar *b = &bars[num_bars++];
    *b = (bar){ .value = value, .limit = limit, .least = least };
    vsnprintf(b->what, sizeof b->what, format, args);
}

void bar_at_most(double limit, double value, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_bar(limit, value, false, format, args);
    va_end(args);
}

void bar_at_least(double limit, double value, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_bar(limit, value, true, format, args);
    va_end(args);
}

void bars_print(void)
{
    if (num_printed < num_bars) printf("\n");
    for (; num_printed < num_bars; num_printed++) {
        const bar *b = &bars[num_printed];
        printf("bar: %-52s %9.4g, at %s %6g: %s\n", b->what, b->value,
               b->least ? "least" : "most ", b->limit, is_kept(b) ? "ok" : "MISSED");
    }
}

void bars_count(const settings *s)
{
    int kept = 0;
    for (int i = 0; i < num_bars; i++) kept += is_kept(&bars[i]);
    if (num_bars) printf("\n%d of %d bars kept\n", kept, num_bars);
    if (!s->json) return;
    fprintf(s->json, ",\n \"bars\": [");
    for (int i = 0; i < num_bars; i++) {
        fprintf(s->json, "%s\n  {", i ? "," : "");
        json_text(s->json, "what", bars[i].what);
        fprintf(s->json, ", \"value\": %.5f, \"bar\": %g, \"at_least\": %s, \"kept\": %s}",
                bars[i].value, bars[i].limit, bars[i].least ? "true" : "false",
                is_kept(&bars[i]) ? "true" : "false");
    }
    fprintf(s->json, "]");
}

// ---- images -----------------------------------------------------------------------------------

// A float32 image of one band, block by block: tiles, or strips as wide as it.
typedef struct image {
    TIFF *tif;
    uint32_t width, height, block_width, block_height;
    bool tiled;
    float *block;
} image;

static bool open_image(image *m, const char *path)
{
    uint16_t bands = 1, bits = 0, format = 0;
    *m = (image){ .tif = TIFFOpen(path, "r") };
    if (!m->tif) return false;
    TIFFGetField(m->tif, TIFFTAG_IMAGEWIDTH, &m->width);
    TIFFGetField(m->tif, TIFFTAG_IMAGELENGTH, &m->height);
    TIFFGetFieldDefaulted(m->tif, TIFFTAG_SAMPLESPERPIXEL, &bands);
    TIFFGetFieldDefaulted(m->tif, TIFFTAG_BITSPERSAMPLE, &bits);
    TIFFGetFieldDefaulted(m->tif, TIFFTAG_SAMPLEFORMAT, &format);
    m->tiled = TIFFIsTiled(m->tif);
    m->block_width = m->width;
    if (m->tiled) {
        TIFFGetField(m->tif, TIFFTAG_TILEWIDTH, &m->block_width);
        TIFFGetField(m->tif, TIFFTAG_TILELENGTH, &m->block_height);
    } else {
        TIFFGetFieldDefaulted(m->tif, TIFFTAG_ROWSPERSTRIP, &m->block_height);
        if (m->block_height > m->height) m->block_height = m->height;
    }
    m->block = malloc((size_t)m->block_width * m->block_height * sizeof *m->block);
    return m->block && bands == 1 && bits == 32 && format == SAMPLEFORMAT_IEEEFP;
}

// The block that begins at (top, left), as far as it lies in the image.
static bool read_block(image *m, uint32_t top, uint32_t left, uint32_t *rows, uint32_t *cols)
{
    *rows = m->height - top < m->block_height ? m->height - top : m->block_height;
    *cols = m->width - left < m->block_width ? m->width - left : m->block_width;
    if (m->tiled)
        return TIFFReadEncodedTile(m->tif, TIFFComputeTile(m->tif, left, top, 0, 0), m->block,
                                   -1) >= 0;
    return TIFFReadEncodedStrip(m->tif, TIFFComputeStrip(m->tif, top, 0), m->block, -1) >= 0;
}

static void compare_rows(const float *a, const float *b, uint32_t n, double tolerance,
                         difference *d)
{
    for (uint32_t i = 0; i < n; i++) {
        if (memcmp(&a[i], &b[i], sizeof *a) == 0 || (isnan(a[i]) && isnan(b[i]))) continue;
        d->bits++;
        d->values += !(fabs((double)a[i] - b[i]) <= tolerance * fabs((double)b[i]));
    }
}

static difference compare_here(const char *a, const char *b, double tolerance)
{
    image ma, mb;
    difference d = { 0, 0 }, unlike = { -1, -1 };
    if (!open_image(&ma, a) || !open_image(&mb, b) || ma.width != mb.width ||
        ma.height != mb.height || ma.block_width != mb.block_width ||
        ma.block_height != mb.block_height)
        return unlike;
    for (uint32_t top = 0; top < ma.height; top += ma.block_height)
        for (uint32_t left = 0; left < ma.width; left += ma.block_width) {
            uint32_t rows, cols;
            if (!read_block(&ma, top, left, &rows, &cols) ||
                !read_block(&mb, top, left, &rows, &cols))
                return unlike;
            for (size_t y = 0; y < rows; y++)
                compare_rows(ma.block + y * ma.block_width, mb.block + y * ma.block_width, cols,
                             tolerance, &d);
        }
    return d;
}

static summary summarise_here(const char *path)
{
    image m;
    double sum = 0, count = 0;
    if (!open_image(&m, path)) return (summary){ 0, 0, 0 };
    for (uint32_t top = 0; top < m.height; top += m.block_height)
        for (uint32_t left = 0; left < m.width; left += m.block_width) {
            uint32_t rows, cols;
            if (!read_block(&m, top, left, &rows, &cols)) return (summary){ 0, 0, 0 };
            for (size_t y = 0; y < rows; y++)
                for (size_t x = 0; x < cols; x++) {
                    float v = m.block[y * m.block_width + x];
                    if (isnan(v)) continue;
                    sum += v;
                    count++;
                }
        }
    return (summary){ m.width, m.height, count > 0 ? sum / count : 0 };
}

// What is asked of a child, and its answer, which comes through a pipe.
typedef struct look { const char *a, *b; double tolerance; difference d; summary s; } look;

static void in_a_child(look *l)
{
    int ends[2];
    fflush(NULL);
    if (pipe(ends) != 0) die("pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0) die("fork: %s", strerror(errno));
    if (child == 0) {
        TIFFSetWarningHandler(NULL);
        if (l->b) l->d = compare_here(l->a, l->b, l->tolerance);
        else l->s = summarise_here(l->a);
        _exit(write(ends[1], l, sizeof *l) != sizeof *l);
    }
    close(ends[1]);
    look back;
    if (read(ends[0], &back, sizeof back) == sizeof back) *l = back;
    close(ends[0]);
    waitpid(child, NULL, 0);
}

difference compare(const char *a, const char *b, double tolerance)
{
    look l = { .a = a, .b = b, .tolerance = tolerance, .d = { -1, -1 } };
    in_a_child(&l);
    return l.d;
}

summary summarise(const char *path)
{
    look l = { .a = path };
    in_a_child(&l);
    return l.s;
}
