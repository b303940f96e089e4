// test_pool.c - the workers: every index once, nested, many tiny loops, several sessions.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const int worker_counts[] = { 1, 2, 3, 8, 64 };

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// ---- plain loops ------------------------------------------------------------------------------

static void count_index(size_t i, void *user)
{
    atomic_fetch_add(&((atomic_uint *)user)[i], 1);
}

static void every_index_once(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 2, 3, 7, 64, 1000, 100003 };
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        gwt *g = gwt_begin(.num_workers = worker_counts[w]);
        assert_int_equal(gwt_num_workers(g), worker_counts[w]);
        for (size_t s = 0; s < COUNT_OF(sizes); s++) {
            size_t n = sizes[s];
            atomic_uint *seen = calloc(n + 1, sizeof *seen);  // one more than there are indices
            gwt_parallel_for(g, n, count_index, seen);
            EXPECT_OK(g);
            for (size_t i = 0; i <= n; i++)
                REQUIRE(seen[i] == (i < n), "%d workers, loop of %d: index %d ran %u times",
                        worker_counts[w], (int)n, (int)i, (unsigned)seen[i]);
            free(seen);
        }
        assert_int_equal(gwt_end(g), 0);
    }
}

static void must_not_run(size_t i, void *user)
{
    (void)i;
    atomic_fetch_add((atomic_int *)user, 1);
}

static void nothing_to_do(void **state)
{
    (void)state;
    atomic_int runs = 0;
    gwt *g = gwt_begin(.num_workers = 3);
    gwt_parallel_for(g, 0, must_not_run, &runs);
    EXPECT_OK(g);
    gwt_parallel_for(NULL, 5, must_not_run, &runs);
    assert_int_equal(runs, 0);
    assert_int_equal(gwt_end(g), 0);
    assert_int_equal(gwt_num_workers(NULL), 0);
}

typedef struct summation { const uint64_t *values; uint64_t *partial; size_t per_part; } summation;

static void sum_part(size_t part, void *user)
{
    summation *s = user;
    uint64_t sum = 0;
    for (size_t i = 0; i < s->per_part; i++) sum += s->values[part * s->per_part + i];
    s->partial[part] = sum;
}

// Plain writes before and in the loop must be seen after it, on whatever thread they were made.
static void sums_are_right(void **state)
{
    (void)state;
    enum { PARTS = 400, PER_PART = 250 };
    uint64_t *values = malloc(PARTS * PER_PART * sizeof *values), partial[PARTS];
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        gwt *g = gwt_begin(.num_workers = worker_counts[w]);
        for (unsigned round = 0; round < 20; round++) {
            uint64_t want = 0, got = 0;
            for (size_t i = 0; i < PARTS * PER_PART; i++) {
                values[i] = noise(i + 7919u * round) >> 20;
                want += values[i];
            }
            gwt_parallel_for(g, PARTS, sum_part, &(summation){ values, partial, PER_PART });
            for (size_t i = 0; i < PARTS; i++) got += partial[i];
            REQUIRE(got == want, "%d workers, round %u: wrong sum", worker_counts[w], round);
        }
        assert_int_equal(gwt_end(g), 0);
    }
    free(values);
}

static void many_tiny_loops(void **state)
{
    (void)state;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        atomic_uint seen[5] = { 0 };
        gwt *g = gwt_begin(.num_workers = worker_counts[w]);
        for (unsigned round = 1; round <= 10000; round++) {
            size_t n = 1 + round % 5;
            gwt_parallel_for(g, n, count_index, seen);
            if (round % 5) continue;  // after 5 rounds index i has run in those of n > i
            for (unsigned i = 0; i < 5; i++)
                REQUIRE(seen[i] == round / 5 * (5 - i), "%d workers, round %u: index %u ran %u",
                        worker_counts[w], round, i, (unsigned)seen[i]);
        }
        assert_int_equal(gwt_end(g), 0);
    }
}

// ---- who runs it ------------------------------------------------------------------------------

typedef struct roll_call {
    pthread_t who[400];
    atomic_int inside, most_inside;
} roll_call;

static void sign_in(size_t i, void *user)
{
    roll_call *r = user;
    int now = atomic_fetch_add(&r->inside, 1) + 1, most = r->most_inside;
    while (now > most && !atomic_compare_exchange_weak(&r->most_inside, &most, now)) { }
    r->who[i] = pthread_self();
    sleep_ms(1);
    atomic_fetch_sub(&r->inside, 1);
}

static int count_threads(const roll_call *r, size_t n)
{
    int distinct = 0;
    for (size_t i = 0; i < n; i++) {
        size_t j = 0;
        while (j < i && !pthread_equal(r->who[i], r->who[j])) j++;
        distinct += j == i;
    }
    return distinct;
}

static void work_is_shared(void **state)
{
    (void)state;
    static const int counts[] = { 1, 2, 3, 8 };
    for (size_t w = 0; w < COUNT_OF(counts); w++) {
        roll_call r = { .inside = 0 };
        gwt *g = gwt_begin(.num_workers = counts[w]);
        gwt_parallel_for(g, COUNT_OF(r.who), sign_in, &r);
        int threads = count_threads(&r, COUNT_OF(r.who));
        REQUIRE(threads <= counts[w], "%d workers: %d threads", counts[w], threads);
        REQUIRE(r.most_inside <= counts[w], "%d workers: %d at once", counts[w], r.most_inside);
        if (counts[w] > 1)
            REQUIRE(r.most_inside > 1, "%d workers: never two at once in 400 ms", counts[w]);
        else REQUIRE(pthread_equal(r.who[0], pthread_self()), "1 worker is not the caller");
        assert_int_equal(gwt_end(g), 0);
    }
}

static void idle_workers_sleep(void **state)
{
    (void)state;
    atomic_uint seen[100] = { 0 };
    gwt *g = gwt_begin(.num_workers = 8);
    gwt_parallel_for(g, 100, count_index, seen);
    sleep_ms(100);
    double before = cpu_seconds();
    sleep_ms(400);
    double used = cpu_seconds() - before;
    REQUIRE(used < 0.1, "8 idle workers used %.3f s of processor in 0.4 s", used);
    assert_int_equal(gwt_end(g), 0);
}

static void worker_limits(void **state)
{
    (void)state;
    static const int wrong[] = { -1, -1000000, 257, 1000000 };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        gwt *g = gwt_begin(.num_workers = wrong[i], .quiet = true);
        assert_non_null(g);
        EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
        assert_int_equal(gwt_end(g), 0);  // it was forgotten
    }
    gwt *g = gwt_begin();
    assert_true(gwt_num_workers(g) >= 1);
    assert_int_equal(gwt_end(g), 0);
    g = gwt_begin(.num_workers = 256);
    atomic_uint *seen = calloc(5000, sizeof *seen);
    gwt_parallel_for(g, 5000, count_index, seen);
    for (size_t i = 0; i < 5000; i++) assert_int_equal(seen[i], 1);
    free(seen);
    assert_int_equal(gwt_end(g), 0);
}

// ---- loops in loops ---------------------------------------------------------------------------

enum { OUTER = 11, MIDDLE = 13, INNER = 17 };

typedef struct nest {
    gwt *g;
    atomic_uint *seen;         // [OUTER][MIDDLE][INNER]
    size_t base;
} nest;

static void inner_body(size_t i, void *user)
{
    nest *n = user;
    atomic_fetch_add(&n->seen[n->base * INNER + i], 1);
}

static void middle_body(size_t i, void *user)
{
    nest *n = user, below = { n->g, n->seen, n->base * MIDDLE + i };
    gwt_parallel_for(n->g, INNER, inner_body, &below);
    // The inner loop is over when the call returns: all of it has been counted.
    for (size_t k = 0; k < INNER; k++)
        if (n->seen[below.base * INNER + k] != 1) gwt_fail(n->g, GWT_E_USER, "returned early");
}

static void outer_body(size_t i, void *user)
{
    nest *n = user, below = { n->g, n->seen, i };
    gwt_parallel_for(n->g, MIDDLE, middle_body, &below);
}

static void three_deep(void **state)
{
    (void)state;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        atomic_uint *seen = calloc(OUTER * MIDDLE * INNER, sizeof *seen);
        gwt *g = gwt_begin(.num_workers = worker_counts[w]);
        gwt_parallel_for(g, OUTER, outer_body, &(nest){ g, seen, 0 });
        EXPECT_OK(g);
        for (size_t i = 0; i < OUTER * MIDDLE * INNER; i++)
            REQUIRE(seen[i] == 1, "%d workers: index %d ran %u times", worker_counts[w], (int)i,
                    (unsigned)seen[i]);
        free(seen);
        assert_int_equal(gwt_end(g), 0);
    }
}

typedef struct fibonacci { gwt *g; int n; uint64_t value; } fibonacci;

// Two tasks a level, down to the leaves: far more joins than workers, each waiting for others.
static void fibonacci_body(size_t i, void *user)
{
    fibonacci *f = (fibonacci *)user + i;
    if (f->n < 2) {
        f->value = (uint64_t)f->n;
        return;
    }
    fibonacci below[2] = { { f->g, f->n - 1, 0 }, { f->g, f->n - 2, 0 } };
    gwt_parallel_for(f->g, 2, fibonacci_body, below);
    f->value = below[0].value + below[1].value;
}

static void deep_recursion(void **state)
{
    (void)state;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        gwt *g = gwt_begin(.num_workers = worker_counts[w]);
        fibonacci f = { g, 16, 0 };
        gwt_parallel_for(g, 1, fibonacci_body, &f);
        assert_int_equal(f.value, 987);
        assert_int_equal(gwt_end(g), 0);
    }
}

// ---- several sessions, several threads --------------------------------------------------------

typedef struct other_session { gwt *other; atomic_uint *seen; } other_session;

static void loop_in_other(size_t i, void *user)
{
    other_session *o = user;
    (void)i;
    gwt_parallel_for(o->other, 50, count_index, o->seen);
}

static void a_session_within_another(void **state)
{
    (void)state;
    atomic_uint seen[50] = { 0 };
    gwt *a = gwt_begin(.num_workers = 3), *b = gwt_begin(.num_workers = 2);
    gwt_parallel_for(a, 40, loop_in_other, &(other_session){ b, seen });
    for (size_t i = 0; i < 50; i++) assert_int_equal(seen[i], 40);
    assert_int_equal(gwt_end(a), 0);
    gwt_parallel_for(b, 50, count_index, seen);
    for (size_t i = 0; i < 50; i++) assert_int_equal(seen[i], 41);
    assert_int_equal(gwt_end(b), 0);
}

typedef struct thread_job { gwt *g; atomic_uint *seen; int rounds; } thread_job;

static void *run_rounds(void *user)
{
    thread_job *job = user;
    for (int i = 0; i < job->rounds; i++) gwt_parallel_for(job->g, 300, count_index, job->seen);
    return NULL;
}

static void two_threads(gwt *a, gwt *b)
{
    atomic_uint seen[2][300] = { { 0 } };
    pthread_t threads[2];
    thread_job jobs[2] = { { a, seen[0], 200 }, { b, seen[1], 200 } };
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_rounds, &jobs[i]), 0);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 600; i++) assert_int_equal(seen[i / 300][i % 300], 200);
}

static void sessions_side_by_side(void **state)
{
    (void)state;
    gwt *a = gwt_begin(.num_workers = 3), *b = gwt_begin(.num_workers = 2);
    two_threads(a, b);
    gwt_fail(a, GWT_E_USER, "only %s", "here");
    EXPECT_OK(b);
    EXPECT_ERROR(a, GWT_E_USER, "only here");
    assert_int_equal(gwt_end(a), 0);
    assert_int_equal(gwt_end(b), 0);
}

static void one_session_two_threads(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 3);
    two_threads(g, g);
    assert_int_equal(gwt_end(g), 0);
}

static void begin_and_end(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        atomic_uint seen[8] = { 0 };
        gwt *g = gwt_begin(.num_workers = 1 + i % 9);
        if (i % 3) gwt_parallel_for(g, 8, count_index, seen);
        for (int k = 0; k < 8; k++) assert_int_equal(seen[k], i % 3 != 0);
        assert_int_equal(gwt_end(g), 0);
    }
}

// ---- blocks -----------------------------------------------------------------------------------

enum { WIDTH = 101, HEIGHT = 67, BLOCK_ROWS = 20, BLOCK_COLS = 32, DOWN = 4, ACROSS = 4 };

static double scene_value(int row, int col) { return (row * 31 + col * 7) % 1000; }

static gwt_array *scene(gwt *g)
{
    static double values[WIDTH * HEIGHT];
    for (int i = 0; i < WIDTH * HEIGHT; i++) values[i] = scene_value(i / WIDTH, i % WIDTH);
    return array_of(g, &(tiff_spec){ .width = WIDTH, .height = HEIGHT, .dtype = GWT_UINT16,
                                     .tile_width = 48, .tile_height = 16, .nodata = "999" },
                    values);
}

// What workers found; checked on the main thread afterwards.
typedef struct block_job {
    gwt_array *inner;          // computed inside a block, or NULL
    atomic_uint seen[DOWN * ACROSS], pixels;
    atomic_int wrong, inside, most_inside;
    int stop_at;               // id of the block that says stop, -1: none does
    bool nested, slow;
} block_job;

static bool block_is_right(const gwt_block *b)
{
    bool right = b->row == b->id / ACROSS * BLOCK_ROWS && b->col == b->id % ACROSS * BLOCK_COLS &&
                 b->rows == (b->row + BLOCK_ROWS > HEIGHT ? HEIGHT - b->row : BLOCK_ROWS) &&
                 b->cols == (b->col + BLOCK_COLS > WIDTH ? WIDTH - b->col : BLOCK_COLS) &&
                 b->times == 1 && b->bands == 1 && b->dtype == GWT_UINT16 && b->nodata.set &&
                 b->nodata.value == 999;
    const uint16_t *data = b->data;
    double row[BLOCK_COLS];
    for (int r = 0; right && r < b->rows; r++) {
        gwt_block_row(b, 0, r, row);
        for (int c = 0; right && c < b->cols; c++) {
            double want = scene_value((int)b->row + r, (int)b->col + c);
            right = data[r * b->cols + c] == want && same_double(row[c], want == 999 ? NAN : want);
        }
    }
    return right;
}

static void count_nested(size_t i, void *user)
{
    (void)i;
    atomic_fetch_add((atomic_uint *)user, 1);
}

static bool inner_is_right(gwt_array *inner)
{
    uint16_t *data = gwt_compute(inner);
    bool right = data != NULL;
    for (int i = 0; right && i < WIDTH * HEIGHT; i++)
        right = data[i] == scene_value(i / WIDTH, i % WIDTH);
    gwt_free(data);
    return right;
}

static int check_block(const gwt_block *b, void *user)
{
    block_job *job = user;
    int now = atomic_fetch_add(&job->inside, 1) + 1, most = job->most_inside;
    while (now > most && !atomic_compare_exchange_weak(&job->most_inside, &most, now)) { }
    if (b->id < 0 || b->id >= DOWN * ACROSS || !block_is_right(b)) atomic_fetch_add(&job->wrong, 1);
    else atomic_fetch_add(&job->seen[b->id], 1);
    atomic_fetch_add(&job->pixels, (unsigned)(b->rows * b->cols));
    if (job->slow) sleep_ms(5);
    if (job->nested) {
        atomic_uint count = 0;
        gwt_parallel_for(b->g, 100, count_nested, &count);
        if (count != 100) atomic_fetch_add(&job->wrong, 1);
    }
    if (job->inner && !inner_is_right(job->inner)) atomic_fetch_add(&job->wrong, 1);
    atomic_fetch_sub(&job->inside, 1);
    return b->id == job->stop_at ? 7 : 0;
}

static void run_blocks(gwt *g, block_job *job, int num_workers)
{
    int64_t blocks = gwt_map_blocks(scene(g), check_block, job, .block_rows = BLOCK_ROWS,
                                    .block_cols = BLOCK_COLS, .num_workers = num_workers);
    EXPECT_OK(g);
    assert_int_equal(blocks, DOWN * ACROSS);
    assert_int_equal(job->wrong, 0);
    assert_int_equal(job->pixels, WIDTH * HEIGHT);
    for (int i = 0; i < DOWN * ACROSS; i++) assert_int_equal(job->seen[i], 1);
}

static void blocks_once_each(void **state)
{
    (void)state;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        gwt *g = gwt_begin(.num_workers = worker_counts[w]);
        run_blocks(g, &(block_job){ .stop_at = -1 }, 0);
        assert_int_equal(gwt_end(g), 0);
    }
}

static void blocks_at_most_so_many(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 8);
    for (int limit = 1; limit <= 4; limit++) {
        block_job job = { .stop_at = -1, .slow = true };
        run_blocks(g, &job, limit);
        REQUIRE(job.most_inside <= limit, "num_workers = %d: %d at once", limit, job.most_inside);
    }
    block_job job = { .stop_at = -1, .slow = true };
    run_blocks(g, &job, 0);
    REQUIRE(job.most_inside > 1, "8 workers: never two blocks at once");
    assert_int_equal(gwt_end(g), 0);
}

static void loops_in_blocks(void **state)
{
    (void)state;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        gwt *g = gwt_begin(.num_workers = worker_counts[w]);
        run_blocks(g, &(block_job){ .stop_at = -1, .nested = true }, 0);
        assert_int_equal(gwt_end(g), 0);
    }
}

static void actions_in_blocks(void **state)
{
    (void)state;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        gwt *g = gwt_begin(.num_workers = worker_counts[w]);
        run_blocks(g, &(block_job){ .stop_at = -1, .inner = scene(g) }, 0);
        assert_int_equal(gwt_end(g), 0);
    }
}

typedef struct save_job { gwt_array *a; atomic_int wrong; } save_job;

static void save_one(size_t i, void *user)
{
    save_job *job = user;
    char path[2048];
    snprintf(path, sizeof path, "%s/nested%d.tif", temp_dir(), (int)i);
    if (!gwt_save(job->a, path, .compress = "lzw", .tile_size = 32)) atomic_fetch_add(&job->wrong, 1);
}

static void saves_in_a_loop(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 4);
    save_job job = { .a = scene(g) };
    gwt_parallel_for(g, 6, save_one, &job);
    EXPECT_OK(g);
    assert_int_equal(job.wrong, 0);
    for (int i = 0; i < 6; i++) {
        image *im = image_read(temp_path("nested%d.tif", i));
        for (int k = 0; k < WIDTH * HEIGHT; k++)
            assert_int_equal(image_get(im, 0, k / WIDTH, k % WIDTH),
                             scene_value(k / WIDTH, k % WIDTH));
        image_free(im);
    }
    assert_int_equal(gwt_end(g), 0);
}

static void a_block_says_stop(void **state)
{
    (void)state;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        gwt *g = gwt_begin(.num_workers = worker_counts[w], .quiet = true);
        block_job job = { .stop_at = 6 };
        int64_t blocks = gwt_map_blocks(scene(g), check_block, &job, .block_rows = BLOCK_ROWS,
                                        .block_cols = BLOCK_COLS);
        assert_int_equal(blocks, -1);
        EXPECT_ERROR(g, GWT_E_USER, "6");
        for (int i = 0; i < DOWN * ACROSS; i++) assert_true(job.seen[i] <= 1);
        assert_int_equal(job.seen[6], 1);
        run_blocks(g, &(block_job){ .stop_at = -1 }, 0);  // the session goes on
        assert_int_equal(gwt_end(g), 0);
    }
}

static int fail_in_block(const gwt_block *b, void *user)
{
    (void)user;
    if (b->id == 3) gwt_fail(b->g, GWT_E_MEMORY, "no room for block %d", (int)b->id);
    return b->id == 3;
}

// The user's own error is the first one, and stays.
static void a_block_fails(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 3, .quiet = true);
    assert_int_equal(gwt_map_blocks(scene(g), fail_in_block, NULL, .block_rows = BLOCK_ROWS,
                                    .block_cols = BLOCK_COLS), -1);
    EXPECT_ERROR(g, GWT_E_MEMORY, "no room for block 3");
    assert_int_equal(gwt_end(g), 0);
}

// ---- blocks with padding ----------------------------------------------------------------------

enum { PADDED_BANDS = 2, PADDED = PADDED_BANDS * WIDTH * HEIGHT };

typedef struct padded_job {
    gwt_array *a;              // computed inside each block, or NULL
    const double *whole;       // [band][row][column]
    const int *padding;        // left, bottom, right, top
    int rows, cols;            // of a block
    atomic_int wrong, seen[WIDTH * HEIGHT];
} padded_job;

static int least(int a, int b) { return a < b ? a : b; }

// Where block `id` should lie; with padding, cut off at the edges of the image.
static bool padded_is_placed(const gwt_block *b, const padded_job *job)
{
    int across = (WIDTH + job->cols - 1) / job->cols, id = (int)b->id;
    int row = id / across * job->rows, col = id % across * job->cols;
    int rows = least(job->rows, HEIGHT - row), cols = least(job->cols, WIDTH - col);
    int left = least(job->padding[0], col), top = least(job->padding[3], row);
    int right = least(job->padding[2], WIDTH - col - cols);
    int bottom = least(job->padding[1], HEIGHT - row - rows);
    return b->inner_row == row && b->inner_col == col && b->inner_rows == rows &&
           b->inner_cols == cols && b->row == row - top && b->col == col - left &&
           b->rows == top + rows + bottom && b->cols == left + cols + right && b->times == 1 &&
           b->bands == PADDED_BANDS && b->dtype == GWT_FLOAT64;
}

static bool padded_is_right(const gwt_block *b, const double *data, const double *whole)
{
    for (int64_t i = 0; i < b->bands * b->rows * b->cols; i++) {
        int64_t band = i / (b->rows * b->cols), row = b->row + i / b->cols % b->rows;
        double want = whole[(band * HEIGHT + row) * WIDTH + b->col + i % b->cols];
        if (!same_double(data[i], want)) return false;
    }
    return true;
}

static int check_padded(const gwt_block *b, void *user)
{
    padded_job *job = user;
    bool right = padded_is_placed(b, job) && padded_is_right(b, b->data, job->whole);
    if (right && job->a) {
        gwt_array *same = gwt_window(job->a, b->row, b->col, b->rows, b->cols);
        double *data = gwt_compute(same, .dtype = GWT_FLOAT64, .nodata = gwt_some(NAN));
        right = data && padded_is_right(b, data, job->whole);
        gwt_free(data);
    }
    if (!right) atomic_fetch_add(&job->wrong, 1);
    for (int64_t r = 0; right && r < b->inner_rows; r++)
        for (int64_t c = 0; c < b->inner_cols; c++)
            atomic_fetch_add(&job->seen[(b->inner_row + r) * WIDTH + b->inner_col + c], 1);
    return 0;
}

static const int paddings[][4] = { { 0, 0, 0, 0 }, { 3, 5, 7, 2 }, { 0, 9, 0, 0 },
                                   { 40, 40, 40, 40 }, { 1000, 1048576, 1, 300 } };

static void check_padding(gwt *g, gwt_array *a, const double *whole, bool nested)
{
    static const int shapes[][2] = { { 20, 32 }, { 7, 101 }, { 300, 300 }, { 60, 13 } };
    for (size_t p = 0; p < COUNT_OF(paddings); p++)
        for (size_t s = 0; s < COUNT_OF(shapes); s++) {
            padded_job job = { .a = nested && s == 0 ? a : NULL, .whole = whole,
                               .padding = paddings[p], .rows = shapes[s][0],
                               .cols = shapes[s][1] };
            const int *k = paddings[p];
            int64_t n = gwt_map_blocks(a, check_padded, &job, .block_rows = job.rows,
                                       .block_cols = job.cols, .dtype = GWT_FLOAT64,
                                       .nodata = gwt_some(NAN),
                                       .padding = { k[0], k[1], k[2], k[3] });
            EXPECT_OK(g);
            assert_int_equal(n, (HEIGHT + job.rows - 1) / job.rows *
                                ((WIDTH + job.cols - 1) / job.cols));
            REQUIRE(!job.wrong, "padding %d, shape %d: %d blocks are wrong", (int)p, (int)s,
                    job.wrong);
            for (int i = 0; i < WIDTH * HEIGHT; i++) assert_int_equal(job.seen[i], 1);
        }
}

static void blocks_with_padding(void **state)
{
    (void)state;
    static const int chunks[] = { 5, 24, 1000 }, workers[] = { 1, 3 };
    static double values[PADDED];
    for (int i = 0; i < PADDED; i++) values[i] = (double)(noise((uint64_t)i) % 1000);
    for (size_t w = 0; w < COUNT_OF(workers); w++)
        for (size_t c = 0; c < COUNT_OF(chunks); c++) {
            gwt *g = gwt_begin(.num_workers = workers[w], .cache_bytes = 1 + 1000 * c);
            gwt_array *a = array_of(g, &(tiff_spec){ .width = WIDTH, .height = HEIGHT,
                                    .bands = PADDED_BANDS, .dtype = GWT_UINT16, .tile_width = 48,
                                    .tile_height = 16, .nodata = "7", .planar = w == 1 }, values);
            a = gwt_rechunk(a, chunks[c], chunks[c] + 3);
            gwt_array *smooth = gwt_moving(a, .statistic = GWT_MEAN, .window = 5);
            gwt_array *arrays[] = { a, smooth, gwt_mul(smooth, a) };
            for (size_t i = 0; i < COUNT_OF(arrays); i++) {
                double *whole = VALUES_OF(arrays[i]);
                check_padding(g, arrays[i], whole, i < 2 && c == 1);
                gwt_free(whole);
            }
            assert_int_equal(gwt_end(g), 0);
        }
}

static int never(const gwt_kernel *k, void *user)
{
    (void)k, (void)user;
    return 0;
}

static void padding_and_functions_refused(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = scene(g);
    for (int i = 0; i < 8; i++) {
        gwt_map_blocks_options o = { .block_rows = 20 };
        o.padding[i % 4] = i < 4 ? -1 : 1048577;
        block_job job = { .stop_at = -1 };
        assert_int_equal(gwt_map_blocks_with(a, check_block, &job, &o), -1);
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "padding");
        assert_int_equal(job.pixels, 0);
    }
    assert_int_equal(gwt_map_blocks(a, NULL, NULL), -1);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "function");
    gwt_parallel_for(g, 3, NULL, NULL);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "function");
    assert_null(gwt_apply(a, NULL, NULL));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "function");
    assert_non_null(gwt_apply(a, never, NULL));
    run_blocks(g, &(block_job){ .stop_at = -1 }, 0);  // the session goes on
    assert_int_equal(gwt_end(g), 0);
}

// ---- failures beside work ---------------------------------------------------------------------

// A piece of the scene is computed into poisoned memory while another callback fails and forgets.
typedef struct beside { gwt *g; gwt_array *a, *sums; atomic_int right, none, wrong; } beside;

enum { PIECE = 16 };

static bool piece_is_right(const uint16_t *data, int row, int col)
{
    for (int i = 0; i < PIECE * PIECE; i++)
        if (data[i] != scene_value(row + i / PIECE, col + i % PIECE)) return false;
    return true;
}

static bool sums_are_of_piece(const double *data, int row, int col)
{
    for (int i = 0; i < PIECE * PIECE; i++) {
        double want = 0;
        for (int k = 0; k < 9; k++) {
            double v = scene_value(row + i / PIECE + k / 3 - 1, col + i % PIECE + k % 3 - 1);
            want += v == 999 ? 0 : v;
        }
        if (data[i] != want) return false;
    }
    return true;
}

static int valid_in_piece(int row, int col)
{
    int n = 0;
    for (int i = 0; i < PIECE * PIECE; i++)
        n += scene_value(row + i / PIECE, col + i % PIECE) != 999;
    return n;
}

static void compute_beside(beside *b, size_t i)
{
    int row = 1 + (int)(i * 7 % (HEIGHT - PIECE - 2));
    int col = 1 + (int)(i * 13 % (WIDTH - PIECE - 2));
    bool sums = i % 3 == 0, right = false;
    uint16_t pixels[PIECE * PIECE];
    double values[PIECE * PIECE];
    void *buffer = sums ? (void *)values : (void *)pixels, *done = NULL;
    size_t size = sums ? sizeof values : sizeof pixels;
    memset(buffer, 0x55, size);
    gwt_array *part = gwt_window(sums ? b->sums : b->a, row, col, PIECE, PIECE);
    if (i % 5 == 0) {
        gwt_summary s = { .count = -1 };
        done = gwt_summarize(part, &s) ? &s : NULL;
        right = s.count == (sums ? PIECE * PIECE : valid_in_piece(row, col));
    } else {
        done = gwt_compute(part, .buffer = buffer, .size = size);
        right = sums ? sums_are_of_piece(values, row, col) : piece_is_right(pixels, row, col);
    }
    atomic_fetch_add(!done ? &b->none : right ? &b->right : &b->wrong, 1);
}

static void fail_or_compute(size_t i, void *user)
{
    beside *b = user;
    if (i % 4) compute_beside(b, i);
    else if (!gwt_open(b->g, "/nonexistent/file.tif")) gwt_clear(b->g);
}

static void success_is_never_wrong(void **state)
{
    (void)state;
    int right = 0, none = 0;
    for (int round = 0; round < 8; round++) {
        gwt *g = gwt_begin(.num_workers = 2 + round % 4, .quiet = true, .cache_bytes = 1);
        beside b = { .g = g, .a = scene(g) };
        b.sums = gwt_moving(b.a, .statistic = GWT_SUM, .window = 3);
        gwt_parallel_for(g, 1000, fail_or_compute, &b);
        gwt_clear(g);
        REQUIRE(!b.wrong, "%d of %d computed pieces have wrong pixels", b.wrong,
                b.wrong + b.right);
        right += b.right, none += b.none;
        // Afterwards all is as ever.
        run_blocks(g, &(block_job){ .stop_at = -1 }, 0);
        assert_int_equal(gwt_end(g), 0);
    }
    REQUIRE(right > 0 && none > 0, "%d computed, %d failed: nothing met", right, none);
}

// ---- sessions in turn -------------------------------------------------------------------------

typedef struct turns { gwt *sessions[2]; int deepest; atomic_int runs; } turns;

typedef struct turn { turns *t; int depth; } turn;

static void take_turn(size_t i, void *user)
{
    turn *now = user, next = { now->t, now->depth + 1 };
    (void)i;
    if (now->depth == now->t->deepest) atomic_fetch_add(&now->t->runs, 1);
    else gwt_parallel_for(now->t->sessions[next.depth % 2], 2, take_turn, &next);
}

// One inside the other inside the one, and so on: on one thread that is fine.
static void sessions_in_turn(void **state)
{
    (void)state;
    alarm(60);     // instead of a hang
    for (int deepest = 1; deepest <= 6; deepest++) {
        gwt *a = gwt_begin(.num_workers = 1), *b = gwt_begin(.num_workers = 1);
        turns t = { .sessions = { a, b }, .deepest = deepest };
        gwt_parallel_for(a, 1, take_turn, &(turn){ &t, 0 });
        EXPECT_OK(a);
        EXPECT_OK(b);
        assert_int_equal(t.runs, 1 << deepest);
        assert_int_equal(gwt_end(a), 0);
        assert_int_equal(gwt_end(b), 0);
    }
    alarm(0);
}

static void back_to_first(size_t i, void *user)
{
    other_session *o = user;
    (void)i;
    sleep_ms(5);   // so that other threads take part
    gwt_parallel_for(o->other, 2, count_nested, o->seen);
}

typedef struct three { gwt *a, *b; atomic_uint seen; } three;

static void into_second(size_t i, void *user)
{
    three *t = user;
    (void)i;
    gwt_parallel_for(t->b, 16, back_to_first, &(other_session){ t->a, &t->seen });
}

// From another thread of the second there is no way back into the first: an error, no hang.
static void no_way_back(void **state)
{
    (void)state;
    alarm(60);
    for (int workers = 1; workers <= 4; workers += 3) {
        three t = { gwt_begin(.num_workers = workers, .quiet = true), gwt_begin(.num_workers = 4),
                    0 };
        gwt_parallel_for(t.a, 1, into_second, &t);
        EXPECT_ERROR(t.a, GWT_E_ARGUMENT, "another session");
        EXPECT_OK(t.b);
        assert_true(t.seen < 32);
        // Both go on, in the same order.
        run_blocks(t.a, &(block_job){ .stop_at = -1 }, 0);
        atomic_uint seen[50] = { 0 };
        gwt_parallel_for(t.a, 40, loop_in_other, &(other_session){ t.b, seen });
        for (int i = 0; i < 50; i++) assert_int_equal(seen[i], 40);
        assert_int_equal(gwt_end(t.a), 0);
        assert_int_equal(gwt_end(t.b), 0);
    }
    alarm(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_index_once),
        cmocka_unit_test(nothing_to_do),
        cmocka_unit_test(sums_are_right),
        cmocka_unit_test(many_tiny_loops),
        cmocka_unit_test(work_is_shared),
        cmocka_unit_test(idle_workers_sleep),
        cmocka_unit_test(worker_limits),
        cmocka_unit_test(three_deep),
        cmocka_unit_test(deep_recursion),
        cmocka_unit_test(a_session_within_another),
        cmocka_unit_test(sessions_side_by_side),
        cmocka_unit_test(one_session_two_threads),
        cmocka_unit_test(begin_and_end),
        cmocka_unit_test(blocks_once_each),
        cmocka_unit_test(blocks_at_most_so_many),
        cmocka_unit_test(loops_in_blocks),
        cmocka_unit_test(actions_in_blocks),
        cmocka_unit_test(saves_in_a_loop),
        cmocka_unit_test(a_block_says_stop),
        cmocka_unit_test(a_block_fails),
        cmocka_unit_test(blocks_with_padding),
        cmocka_unit_test(padding_and_functions_refused),
        cmocka_unit_test(success_is_never_wrong),
        cmocka_unit_test(sessions_in_turn),
        cmocka_unit_test(no_way_back),
    };
    return cmocka_run_group_tests_name("pool", tests, temp_begin, temp_end);
}
