// mpi_api.c - the interface among the ranks of an MPI job: results are the same on all of them, and
// what plain loops over the pixels give. Run by mpi.sh: mpi_api SCENE [single]

#define _GNU_SOURCE             // syscall
#ifdef __APPLE__
#define _DARWIN_C_SOURCE
#endif

#include "../gwt.h"

#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

static int rank, size;

#if defined(__linux__) && defined(SYS_clock_gettime)
// The clock on the wall is an hour ahead whenever it is asked, and right again when somebody waits
// for a time on it: that is an hour, if it was taken from here.
int clock_gettime(clockid_t id, struct timespec *t)
{
    long failed = syscall(SYS_clock_gettime, id, t);
    if (!failed && id == CLOCK_REALTIME) t->tv_sec += 3600;
    return (int)failed;
}
#endif

#define REQUIRE(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "rank %d, line %d: %s; %s\n", rank, __LINE__, #condition, \
                    gwt_message(session)); \
            MPI_Abort(MPI_COMM_WORLD, 1); \
        } \
    } while (0)

static gwt *session;

static int by_value(const void *a, const void *b)
{
    return *(const uint16_t *)a - *(const uint16_t *)b;
}

static void computes(gwt_array *a)
{
    const gwt_info *info = gwt_describe(a);
    int64_t n = info->shape[2] * info->shape[3];
    uint16_t *raw = gwt_compute(a);
    REQUIRE(raw);
    double *sum = gwt_compute(gwt_add(gwt_sel(a, "1"), gwt_sel(a, "2")));
    REQUIRE(sum);
    for (int64_t i = 0; i < n; i++) {
        bool missing = info->nodata.set && (raw[i] == info->nodata.value
                                            || raw[n + i] == info->nodata.value);
        REQUIRE(missing ? isnan(sum[i]) : sum[i] == (double)raw[i] + raw[n + i]);
    }
    double *root = gwt_compute(gwt_add(gwt_sel(a, "1"), gwt_sel(a, "2")), .root_only = true);
    REQUIRE(root && (rank > 0 || !memcmp(root, sum, (size_t)n * sizeof *sum)));
    gwt_free(root);
    void *both[2] = { NULL, NULL };
    gwt_array *bands[2] = { gwt_sel(a, "1"), gwt_sel(a, "3") };
    REQUIRE(gwt_compute_many(bands, 2, both));
    REQUIRE(!memcmp(both[0], raw, (size_t)n * 2) && !memcmp(both[1], raw + 2 * n, (size_t)n * 2));
    gwt_free(both[0]), gwt_free(both[1]);

    // Numbers of the first band, by loops.
    gwt_array *one = gwt_sel(a, "1");
    gwt_summary s;
    double least = INFINITY, most = -INFINITY, total = 0, q[2], want;
    int64_t valid = 0, bins[8], counted[8] = { 0 };
    uint16_t *sorted = malloc((size_t)n * sizeof *sorted);
    for (int64_t i = 0; i < n; i++) {
        double v = raw[i];
        if (info->nodata.set && v == info->nodata.value) continue;
        sorted[valid++] = raw[i];
        total += v, least = fmin(least, v), most = fmax(most, v);
        if (v <= 64000) counted[v == 64000 ? 7 : (int)(v / 8000)]++;
    }
    REQUIRE(gwt_summarize(one, &s));
    REQUIRE(s.count == valid && s.min == least && s.max == most && s.sum == total);
    REQUIRE(gwt_histogram(one, 0, 64000, 8, bins) && !memcmp(bins, counted, sizeof bins));
    REQUIRE(gwt_percentiles(one, (double[]){ 0, 100 }, 2, q) && q[0] == least && q[1] == most);
    qsort(sorted, (size_t)valid, sizeof *sorted, by_value);
    want = (sorted[(valid - 1) / 2] + (double)sorted[valid / 2]) / 2;
    REQUIRE(gwt_percentiles(one, (double[]){ 50 }, 1, q) && q[0] == want);

    // The same of two zones, of pixels of the second band below and above a value.
    gwt_array *side = gwt_gt(gwt_sel(a, "2"), gwt_number(session, 9000));
    gwt_zonal_result *z = gwt_zonal(one, side, .median = true, .majority = true);
    REQUIRE(z && z->num_zones == 2 && z->ids[0] == 0 && z->ids[1] == 1);
    for (int k = 0; k < 2; k++) {
        int64_t in = 0, most = 0, equal = 0;
        uint16_t often = 0;
        double all = 0;
        for (int64_t i = 0; i < n; i++) {
            if (info->nodata.set && (raw[i] == info->nodata.value
                                     || raw[n + i] == info->nodata.value)) continue;
            if ((raw[n + i] > 9000) != k) continue;
            all += raw[i];
            sorted[in++] = raw[i];
        }
        qsort(sorted, (size_t)in, sizeof *sorted, by_value);
        for (int64_t i = 0; i < in; i++) {
            equal = i && sorted[i] == sorted[i - 1] ? equal + 1 : 1;
            if (equal > most) most = equal, often = sorted[i];
        }
        REQUIRE(in > 0 && z->summaries[k].count == in && z->summaries[k].sum == all);
        REQUIRE(z->summaries[k].min == sorted[0] && z->summaries[k].max == sorted[in - 1]);
        REQUIRE(z->medians[k] == (sorted[(in - 1) / 2] + (double)sorted[in / 2]) / 2);
        REQUIRE(z->majorities[k] == often);
    }
    gwt_free(z);
    free(sorted);
    gwt_free(raw), gwt_free(sum);
}

typedef struct of_block { double sum, nested; int64_t id, by; } of_block;

static gwt_array *whole;

// Sums a block twice: from the pixels handed over, and by an action inside the action.
static int sum_block(const gwt_block *b, void *user)
{
    of_block *r = b->result;
    const uint16_t *v = b->data;
    for (int64_t i = 0; i < b->rows * b->cols; i++) r->sum += v[i];
    gwt_array *part = gwt_window(whole, b->row, b->col, b->rows, b->cols);
    uint16_t *again = gwt_compute(part);
    for (int64_t i = 0; again && i < b->rows * b->cols; i++) r->nested += again[i];
    gwt_free(again);
    r->id = b->id, r->by = rank + 1;
    if (user && rank == size - 1) nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
    return again ? 0 : 1;
}

static void blocks(gwt *g, gwt_array *a, bool slow)
{
    enum { EDGE = 60 };
    whole = gwt_sel(a, "1");
    const gwt_info *info = gwt_describe(whole);
    int64_t down = (info->shape[2] + EDGE - 1) / EDGE, across = (info->shape[3] + EDGE - 1) / EDGE;
    int64_t n = down * across, mine[2] = { 0, 0 };
    of_block *results = malloc((size_t)n * sizeof *results);
    uint16_t *raw = gwt_compute(whole);
    REQUIRE(gwt_map_blocks(whole, sum_block, slow ? &slow : NULL, .block_rows = EDGE,
                           .block_cols = EDGE, .results = results, .result_size = sizeof *results,
                           .num_results = n) == n);
    for (int64_t i = 0; i < n; i++) {
        double want = 0;
        for (int64_t y = i / across * EDGE; y < info->shape[2] && y < (i / across + 1) * EDGE; y++)
            for (int64_t x = i % across * EDGE; x < info->shape[3] && x < (i % across + 1) * EDGE;
                 x++)
                want += raw[y * info->shape[3] + x];
        REQUIRE(results[i].sum == want && results[i].nested == want && results[i].id == i);
        REQUIRE(results[i].by >= 1 && results[i].by <= size);
        mine[results[i].by == size]++;
    }
    // The last rank slept: the others did more.
    if (slow && size > 1) REQUIRE(mine[1] * size < n);
    gwt_free(raw);
    free(results);
    REQUIRE(gwt_map_blocks(whole, sum_block, NULL, .block_rows = EDGE, .block_cols = EDGE,
                           .results = &down, .result_size = 8, .num_results = 1) == -1);
    REQUIRE(gwt_status(g) == GWT_E_ARGUMENT);
    gwt_clear(g);
}

static int fails_once(const gwt_kernel *k, void *user)
{
    (void)user;
    return k->row <= 100 && k->row + k->rows > 100 ? 7 : 0;
}

static int nothing(const gwt_block *b, void *user) { return (void)b, (void)user, 0; }

// What ranks bring together at the end has to be the same thing on all of them. One that is alone
// agrees with itself.
static void disagree(gwt *g, gwt_array *a)
{
    static char results[4096];
    bool last = rank == size - 1, alone = size == 1;
    gwt_array *one = gwt_sel(a, "1");
    for (int i = 0; i < 4; i++) {
        bool good;
        void *got = NULL;
        if (i == 0) got = gwt_compute(one, .root_only = last);
        if (i == 1) got = gwt_compute(one, .dtype = last ? GWT_FLOAT64 : GWT_FLOAT32);
        if (i == 2) good = gwt_map_blocks(one, nothing, NULL, .block_rows = 100, .block_cols = 100,
                                          .results = last ? results : NULL, .result_size = 1,
                                          .num_results = sizeof results) > 0;
        if (i == 3) good = gwt_map_blocks(one, nothing, NULL, .block_rows = 100, .block_cols = 100,
                                          .results = results, .result_size = 1,
                                          .num_results = sizeof results - last) > 0;
        if (i < 2) good = got != NULL;
        gwt_free(got);
        REQUIRE(good == alone && gwt_status(g) == (alone ? GWT_OK : GWT_E_ARGUMENT));
        REQUIRE(alone || strstr(gwt_message(g), "all ranks must run the same actions"));
        gwt_clear(g);
    }
}

static void errors(gwt *g, gwt_array *a)
{
    gwt_array *bad = gwt_apply(gwt_sel(a, "1"), fails_once, NULL);
    REQUIRE(!gwt_save(bad, "mpi_bad.tif", .overwrite = true));
    REQUIRE(gwt_status(g) == GWT_E_USER && strstr(gwt_message(g), "7"));
    gwt_clear(g);
    remove("mpi_bad.tif.part"), remove("mpi_bad.tif.part.journal");
    // Refused by rank 0 alone: nobody waits for it.
    REQUIRE(gwt_save(a, "mpi_there.tif", .overwrite = true));
    REQUIRE(!gwt_save(a, "mpi_there.tif") && gwt_status(g) == GWT_E_EXISTS);
    MPI_Barrier(MPI_COMM_WORLD);
    gwt_clear(g);
    double *again = gwt_compute(gwt_neg(gwt_sel(a, "1")));
    REQUIRE(again);
    gwt_free(again);
    // One rank cancels: all stop.
    if (rank == size - 1) gwt_cancel(g);
    REQUIRE(!gwt_compute(a) && gwt_status(g) == GWT_E_CANCELLED);
    gwt_clear(g);
    gwt_free(gwt_compute(a));
    REQUIRE(gwt_status(g) == GWT_OK);
}

static void profiles(gwt *g, gwt_array *a)
{
    REQUIRE(gwt_profile_begin(g, .resource_dt = 0.01, .cache = true));
    gwt_free(gwt_compute(gwt_neg(gwt_sel(a, "1"))));
    const gwt_profile *p = gwt_profile_end(g);
    REQUIRE(p && gwt_profile_save_trace(g, p, "mpi_trace.json"));
    if (rank > 0) return;
    FILE *f = fopen("mpi_trace.json", "r");
    REQUIRE(f);
    char line[4096], want[64];
    int named = 0;
    while (fgets(line, sizeof line, f))
        for (int r = 0; r < size; r++) {
            snprintf(want, sizeof want, "\"name\":\"gwt rank %d\"", r);
            named += strstr(line, want) != NULL;
        }
    fclose(f);
    REQUIRE(named == (size > 1 ? size : 0));
}

// How far rank 0 says the work is, pixels of the image.
typedef struct reports { int64_t most, last; bool stops; } reports;

static int see_progress(const gwt_progress *p, void *user)
{
    reports *r = user;
    if (p->pixels > r->most) r->most = p->pixels;
    r->last = p->pixels;
    return r->stops && p->fraction > 0.2;
}

static int dawdle(const gwt_kernel *k, void *user)
{
    (void)user;
    nanosleep(&(struct timespec){ 0, 30000000 }, NULL);
    memcpy(k->out, k->in, (size_t)(k->rows * k->cols) * sizeof *k->out);
    return 0;
}

// What was there already counts once.
static void resumes(const char *path)
{
    reports r = { .stops = true };
    gwt *g = session = gwt_begin(.num_workers = 2, .quiet = true, .on_progress = see_progress,
                                 .user = &r);
    gwt_array *a = gwt_sel(gwt_open(g, path), "1");
    gwt_array *slow = gwt_apply(a, dawdle, NULL, .identity = "as it is");
    const gwt_info *info = gwt_describe(a);
    int64_t pixels = info->shape[2] * info->shape[3];
    REQUIRE(!gwt_save(slow, "mpi_stopped.tif", .tile_size = 64));
    REQUIRE(gwt_status(g) == GWT_E_CANCELLED);
    gwt_clear(g);
    r = (reports){ .stops = false };
    REQUIRE(gwt_save(slow, "mpi_stopped.tif", .tile_size = 64, .resume = true));
    REQUIRE(rank > 0 || (r.most == pixels && r.last == pixels));
    REQUIRE(gwt_end(g) == 0);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0) remove("mpi_stopped.tif");
}

int main(int argc, char **argv)
{
    bool single = argc > 2;
    int level;
    MPI_Init_thread(&argc, &argv, single ? MPI_THREAD_SINGLE : MPI_THREAD_SERIALIZED, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (single) {
        gwt *g = gwt_begin(.quiet = true);
        int said = gwt_status(g) == GWT_E_UNSUPPORTED && strstr(gwt_message(g), "SERIALIZED");
        gwt_end(g);
        MPI_Finalize();
        return !(said || level >= MPI_THREAD_SERIALIZED);
    }
    for (int times = 0; times < 2; times++) {
        gwt *g = session = gwt_begin(.num_workers = 2, .chunks = 64, .quiet = true);
        REQUIRE(gwt_rank(g) == rank && gwt_num_ranks(g) == size);
        gwt_array *a = gwt_open(g, argv[1]);
        REQUIRE(a);
        computes(a);
        blocks(g, a, times == 1);
        disagree(g, a);
        errors(g, a);
        profiles(g, a);
        REQUIRE(gwt_end(g) == 0);
        resumes(argv[1]);
    }
    MPI_Finalize();
    return 0;
}
