// test_scope.c - what a scope gives back, when, and what it leaves alone.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

enum { W = 300, H = 200, N = W * H };

// A file of two bands; pixel i has i % 97 + k and i % 89 + 1.
static const char *scene(int k)
{
    static double values[2 * N];
    const char *path = temp_path("scene%d.tif", k);
    for (int i = 0; i < N; i++) {
        values[i] = i % 97 + k;
        values[N + i] = i % 89 + 1;
    }
    tiff_write_values(path, &(tiff_spec){ .width = W, .height = H, .bands = 2, .dtype = GWT_UINT16,
        .tile_width = 64, .tile_height = 64, .compression = COMPRESSION_LZW, .geo = &geo_utm },
        values);
    return path;
}

static void check_sum(const double *got, int k)
{
    for (int i = 0; i < N; i++)
        if (got[i] != i % 97 + k + i % 89 + 1)
            FAIL("pixel %d of scene %d: %g", i, k, got[i]);
}

static gwt_array *sum_of(gwt_array *a) { return gwt_add(gwt_sel(a, "1"), gwt_sel(a, "2")); }

static int open_files(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir)) n++;
    if (dir) closedir(dir);
    return n;
}

static long resident(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%*s %ld", &pages) != 1) pages = 0;
    if (f) fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

// ---- what is given back -----------------------------------------------------------------------

static void stays_flat(void **state)
{
    (void)state;
    enum { ROUNDS = 2000, WARM = 50, QUARTER = ROUNDS / 4 };
    const char *paths[2] = { scene(0), scene(1) };
    double *got = malloc(N * sizeof *got);
    int files = 0;
    long memory = 0, before = 0, least = LONG_MAX;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    for (int i = 0; i < ROUNDS; i++) {
        gwt_scope *scope = gwt_scope_begin(g);
        gwt_array *both = gwt_open_many(g, paths, 2, .stack = GWT_TIME);
        gwt_array *a = sum_of(gwt_reduce(both, GWT_TIME, GWT_MAX));
        a = gwt_window(gwt_moving(a, .statistic = GWT_MEAN, .window = 3), 0, 0, 20, 30);
        gwt_compute(a, .buffer = got, .size = N * sizeof *got);
        if (i % 50 == 0) gwt_compute(sum_of(gwt_open(g, paths[i / 50 % 2])), .buffer = got,
                                     .size = N * sizeof *got);
        EXPECT_OK(g);
        if (i % 50 == 0) check_sum(got, i / 50 % 2);
        gwt_scope_end(scope);
        if (i == WARM) {
            files = open_files();
            memory = before = resident();
        }
        if (i % QUARTER < QUARTER - 1) continue;
        long now = resident();
        least = now - before < least ? now - before : least;
        before = now;
    }
    int more = open_files() - files;
    REQUIRE(more == 0, "%d files more are open", more);
    // On a busy machine a worker may get something to do, and memory for it, after any number of
    // rounds; what is kept of each round would show in every quarter.
    if (!SANITIZED) REQUIRE(before - memory < 1 << 20 && least < 32 << 10,
                            "%ld bytes more are resident, %ld at the least in each quarter",
                            before - memory, least);
    assert_int_equal(gwt_end(g), 0);
    free(got);
}

// A session without scopes keeps its files open; after a scope they are closed.
static void closes_files(void **state)
{
    (void)state;
    const char *outside = scene(0), *inside = scene(1);
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = gwt_open(g, outside);
    int files = open_files();
    gwt_scope *scope = gwt_scope_begin(g);
    gwt_open(g, inside);
    assert_int_equal(open_files(), files + 1);
    gwt_open(g, outside);       // shared with the array around
    assert_int_equal(open_files(), files + 1);
    gwt_scope_end(scope);
    assert_int_equal(open_files(), files);
    double *got = VALUES_OF(sum_of(a));
    check_sum(got, 0);
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

static void nested(void **state)
{
    (void)state;
    const char *path = scene(3);
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    int files = open_files();
    gwt_scope *outer = gwt_scope_begin(g);
    gwt_array *a = sum_of(gwt_open(g, path));
    for (int i = 0; i < 3; i++) {
        gwt_scope *inner = gwt_scope_begin(g);
        double *got = VALUES_OF(gwt_mul(a, gwt_number(g, 2)));
        for (int k = 0; k < N; k++) assert_true(got[k] == 2 * (k % 97 + 3 + k % 89 + 1));
        gwt_free(got);
        gwt_scope_begin(g);     // left open
        gwt_open(g, scene(4));
        gwt_scope_end(inner);
        assert_int_equal(open_files(), files + 1);
    }
    double *got = VALUES_OF(a);
    check_sum(got, 3);
    gwt_free(got);
    gwt_scope_end(outer);
    gwt_scope_end(NULL);
    assert_int_equal(open_files(), files);
    assert_null(gwt_scope_begin(NULL));
    assert_int_equal(gwt_end(g), 0);
}

static void with_an_error_in_hand(void **state)
{
    (void)state;
    const char *path = scene(0);
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    for (int i = 0; i < 20; i++) {
        gwt_scope *scope = gwt_scope_begin(g);
        gwt_array *a = gwt_open(g, path);
        assert_null(gwt_sel(a, "nothing"));
        gwt_scope *inner = gwt_scope_begin(g);
        assert_non_null(inner);
        assert_null(gwt_open(g, path));
        gwt_scope_end(inner);
        gwt_scope_end(scope);
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "nothing");     // it outlives its scope
        scope = gwt_scope_begin(g);
        double *got = VALUES_OF(sum_of(gwt_open(g, path)));
        check_sum(got, 0);
        gwt_free(got);
        gwt_scope_end(scope);
    }
    assert_int_equal(gwt_end(g), 0);
}

static void a_save_inside(void **state)
{
    (void)state;
    const char *in = scene(2), *one = temp_path("one.tif"), *two = temp_path("two.tif");
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_save(sum_of(gwt_open(g, in)), one, .compress = "deflate");
    for (int i = 0; i < 5; i++) {
        gwt_scope *scope = gwt_scope_begin(g);
        gwt_save(sum_of(gwt_open(g, in)), two, .compress = "deflate", .overwrite = true);
        gwt_scope_end(scope);
        EXPECT_OK(g);
        assert_true(files_equal(one, two));
    }
    assert_int_equal(gwt_end(g), 0);
}

// Pixels of the caller's may go after the scope.
static void memory_inside(void **state)
{
    (void)state;
    const int64_t shape[4] = { 2, 1, H, W };
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    for (int i = 0; i < 20; i++) {
        int16_t *raw = malloc(2 * N * sizeof *raw);
        for (int k = 0; k < 2 * N; k++) raw[k] = (int16_t)(k % 1000 + i);
        gwt_scope *scope = gwt_scope_begin(g);
        gwt_array *a = gwt_from_memory(g, raw, 2 * N * sizeof *raw, GWT_INT16, shape);
        int16_t *got = gwt_compute(a);
        EXPECT_OK(g);
        assert_memory_equal(got, raw, 2 * N * sizeof *raw);
        gwt_free(got);
        gwt_scope_end(scope);
        free(raw);
    }
    assert_int_equal(gwt_end(g), 0);
}

// ---- what is used afterwards ------------------------------------------------------------------

static void used_afterwards(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *around = gwt_sel(gwt_open(g, scene(0)), "1");
    gwt_scope *scope = gwt_scope_begin(g);
    gwt_array *a = gwt_sel(gwt_open(g, scene(1)), "1");
    gwt_scope_end(scope);
    gwt_neg(a);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "after the end of its scope");
    gwt_compute(a);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "after the end of its scope");
    gwt_save(a, temp_path("never.tif"));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "after the end of its scope");
    assert_false(file_exists(temp_path("never.tif")));
    gwt_compute(gwt_add(around, a));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "after the end of its scope");
    gwt_scope_end(scope);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "a scope ends once");
    gwt_end(g);
}

// Of what an array is only like, its place is copied, with texts of its scope.
static void like_afterwards(void **state)
{
    (void)state;
    static const uint8_t pixels[H * W];
    const int64_t shape[4] = { 1, 1, H, W };
    const char *paths[2] = { scene(0), scene(1) };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt *other = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *around = gwt_open(g, paths[0]), *others = gwt_open(other, paths[0]);
    gwt_scope *scope = gwt_scope_begin(g);
    gwt_array *a = gwt_open(g, paths[1]), *number = gwt_number(g, 2);
    assert_non_null(gwt_from_memory(g, pixels, sizeof pixels, GWT_UINT8, shape, .like = a));
    gwt_scope_end(scope);
    for (int i = 0; i < 2; i++) {
        gwt_array *like = i ? others : a;
        const char *said = i ? "arrays of two sessions" : "after the end of its scope";
        gwt_array *wrong[] = {
            gwt_from_memory(g, pixels, sizeof pixels, GWT_UINT8, shape, .like = like), NULL, NULL,
            NULL, NULL, NULL
        };
        EXPECT_ERROR(g, GWT_E_ARGUMENT, said);
        wrong[1] = gwt_open(g, paths[0], .reference = like);
        EXPECT_ERROR(g, GWT_E_ARGUMENT, said);
        wrong[2] = gwt_open_many(g, paths, 2, .reference = like, .stack = GWT_TIME);
        EXPECT_ERROR(g, GWT_E_ARGUMENT, said);
        wrong[3] = gwt_align(around, like, GWT_NEAREST);
        EXPECT_ERROR(g, GWT_E_ARGUMENT, said);
        wrong[4] = gwt_add(around, like);
        EXPECT_ERROR(g, GWT_E_ARGUMENT, said);
        wrong[5] = gwt_stack((gwt_array *[]){ around, like }, 2, GWT_TIME);
        EXPECT_ERROR(g, GWT_E_ARGUMENT, said);
        for (int k = 0; k < 6; k++) assert_null(wrong[k]);
    }
    assert_null(gwt_mul(around, number));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "after the end of its scope");
    assert_null(gwt_align(a, around, GWT_NEAREST));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "after the end of its scope");
    assert_int_equal(gwt_end(other), 0);
    assert_int_equal(gwt_end(g), 0);
}

// Texts that a session has until its end: bad tiles (each once, though opened anew), and notes.
static void texts_stay(void **state)
{
    (void)state;
    enum { SIDE = 64, TILES = 4 };
    double values[SIDE * SIDE] = { 0 };
    const char *path = temp_path("bad.tif");
    for (int i = 0; i < SIDE * SIDE; i++) values[i] = i % 201;
    tiff_write_values(path, &(tiff_spec){ .width = SIDE, .height = SIDE, .dtype = GWT_UINT8,
        .tile_width = 32, .tile_height = 32, .compression = COMPRESSION_ADOBE_DEFLATE,
        .nodata = "255" }, values);
    TIFF *tif = TIFFOpen(path, "r");
    uint64_t *offsets, bad;
    assert_int_equal(TIFFGetField(tif, TIFFTAG_TILEOFFSETS, &offsets), 1);
    bad = offsets[2];
    TIFFClose(tif);
    size_t size;
    unsigned char *file = file_read(path, &size);
    memset(file + bad, 0x77, 20);
    file_write(path, file, size);
    free(file);
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    for (int i = 0; i < 10; i++) {
        gwt_scope *scope = gwt_scope_begin(g);
        uint8_t *got = gwt_compute(gwt_open(g, path, .fill_bad_tiles = true));
        EXPECT_OK(g);
        assert_int_equal(got[40 * SIDE + 10], 255);
        assert_int_equal(got[40 * SIDE + 50], (40 * SIDE + 50) % 201);
        gwt_free(got);
        gwt_scope_end(scope);
        assert_non_null(strstr(gwt_bad_tile(g, 0), "bad.tif: tile 2"));
        assert_null(gwt_bad_tile(g, 1));
    }
    assert_int_equal(gwt_end(g), 0);
}

static void profiles_stay(void **state)
{
    (void)state;
    const char *paths[3] = { scene(0), scene(1), scene(2) };
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_scope *around = gwt_scope_begin(g);
    gwt_profile_begin(g, .cache = true, .label = "label");
    for (int i = 0; i < 2; i++) {
        gwt_scope *scope = gwt_scope_begin(g);
        gwt_free(gwt_compute(gwt_open(g, paths[i])));
        gwt_save(sum_of(gwt_open(g, paths[i])), temp_path("profiled%d.tif", i));
        gwt_scope_end(scope);
    }
    gwt_free(gwt_compute(gwt_open(g, paths[2])));
    const gwt_profile *p = gwt_profile_end(g);
    gwt_scope_end(around);
    for (int i = 0; i < 2; i++) {       // memory of both scopes is gone
        gwt_scope *scope = gwt_scope_begin(g);
        gwt_free(gwt_compute(gwt_open(g, paths[i])));
        gwt_scope_end(scope);
    }
    EXPECT_OK(g);
    assert_string_equal(p->label, "label");
    bool seen[3] = { false }, written = false;
    for (size_t i = 0; i < p->num_events; i++) {
        const char *name = p->events[i].file ? p->events[i].file : "";
        for (int k = 0; k < 3; k++) seen[k] |= !strcmp(name, strrchr(paths[k], '/') + 1);
        written |= !strcmp(name, "profiled1.tif");
    }
    assert_true(seen[0] && seen[1] && seen[2] && written);
    assert_true(p->num_residences > 0);
    for (size_t i = 0; i < p->num_residences; i++)
        assert_memory_equal(p->residences[i].file, "scene", 5);
    assert_int_equal(gwt_end(g), 0);
}

// ---- whose they are ---------------------------------------------------------------------------

typedef struct work { const char *paths[2]; gwt_scope *around; gwt_array *made[64]; int bad; } work;

static double first_of(gwt *g, const char *path)
{
    double v = NAN, *got = gwt_compute(gwt_window(sum_of(gwt_open(g, path)), 0, 0, 1, 1));
    if (got) v = got[0];
    gwt_free(got);
    return v;
}

static int in_a_scope(const gwt_block *block, void *user)
{
    const work *w = user;
    gwt_scope *scope = gwt_scope_begin(block->g);
    double v = first_of(block->g, w->paths[block->id % 2]);
    if (block->id % 3) gwt_scope_end(scope);    // else left open
    return v != (double)(block->id % 2 + 1);
}

static int around_it(const gwt_block *block, void *user)
{
    work *w = user;
    w->made[block->id] = sum_of(gwt_open(block->g, w->paths[block->id % 2]));
    return !w->made[block->id];
}

static int end_what_is_not_his(const gwt_block *block, void *user)
{
    (void)block;
    gwt_scope_end(((work *)user)->around);
    return 0;
}

static void from_functions(void **state)
{
    (void)state;
    work w = { .paths = { scene(0), scene(1) } };
    for (int workers = 1; workers <= 4; workers += 3) {
        gwt *g = gwt_begin(.num_workers = workers, .quiet = true);
        int files = open_files();
        w.around = gwt_scope_begin(g);
        gwt_array *a = gwt_open(g, scene(2));
        for (int i = 0; i < 3; i++)
            assert_int_equal(gwt_map_blocks(a, in_a_scope, &w, .block_rows = 40, .block_cols = 40),
                             40);
        // What is made without a scope is in that of the action.
        assert_int_equal(gwt_map_blocks(a, around_it, &w, .block_rows = 40, .block_cols = 40), 40);
        for (int i = 0; i < 40; i++) {
            double *got = VALUES_OF(w.made[i]);
            check_sum(got, i % 2);
            gwt_free(got);
        }
        EXPECT_OK(g);
        gwt_map_blocks(a, end_what_is_not_his, &w);
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "not inside of an action");
        gwt_scope_end(w.around);
        EXPECT_OK(g);
        // Those that were left open inside are the session's to end.
        assert_true(open_files() <= files + 3 * 40);
        assert_int_equal(gwt_end(g), 0);
        assert_true(open_files() <= files);
    }
}

static gwt *shared;

static void *loop(void *user)
{
    work *w = user;
    for (int i = 0; i < 100; i++) {
        gwt_scope *scope = gwt_scope_begin(shared);
        w->bad += first_of(shared, w->paths[i % 2]) != i % 2 + 1;
        gwt_scope_end(scope);
    }
    return NULL;
}

static void from_threads(void **state)
{
    (void)state;
    work w[3];
    pthread_t threads[3];
    const char *first = scene(0), *second = scene(1);
    shared = gwt_begin(.num_workers = 2, .quiet = true);
    int files = open_files();
    for (int i = 0; i < 3; i++) {
        w[i] = (work){ .paths = { first, second } };
        assert_int_equal(pthread_create(&threads[i], NULL, loop, &w[i]), 0);
    }
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    EXPECT_OK(shared);
    for (int i = 0; i < 3; i++) assert_int_equal(w[i].bad, 0);
    assert_int_equal(open_files(), files);
    assert_int_equal(gwt_end(shared), 0);
}

static void of_several_sessions(void **state)
{
    (void)state;
    const char *path = scene(0);
    gwt *a = gwt_begin(.num_workers = 1, .quiet = true), *b = gwt_begin(.num_workers = 1,
                                                                        .quiet = true);
    int files = open_files();
    gwt_scope *of_a = gwt_scope_begin(a), *of_b = gwt_scope_begin(b);
    assert_true(first_of(a, path) == 1 && first_of(b, path) == 1);
    assert_int_equal(open_files(), files + 2);
    gwt_scope_end(of_a);
    assert_int_equal(open_files(), files + 1);
    assert_true(first_of(b, path) == 1);
    gwt_scope_begin(a);         // left open at the end of its session
    assert_true(first_of(a, path) == 1);
    assert_int_equal(gwt_end(a), 0);
    gwt_scope_end(of_b);
    EXPECT_OK(b);
    assert_int_equal(gwt_end(b), 0);
    gwt *c = gwt_begin(.num_workers = 1, .quiet = true);
    assert_true(first_of(c, path) == 1);
    assert_int_equal(gwt_end(c), 0);
}

// A thread whose scope is left open at the end of its session goes on with another one.
typedef struct straggler { atomic_int step; gwt *first, *second; const char *path; } straggler;

static void wait_for(atomic_int *step, int value)
{
    while (atomic_load(step) != value) sched_yield();
}

static void *leave_open(void *user)
{
    straggler *s = user;
    gwt_scope *inner = NULL;
    gwt_scope_begin(s->first);
    gwt_scope *kept = gwt_scope_begin(s->first);
    first_of(s->first, s->path);
    atomic_store(&s->step, 1);
    wait_for(&s->step, 2);              // the first is ended, the second begun
    bool good = first_of(s->second, s->path) == 1;
    gwt_scope_end(kept);
    for (int i = 0; i < 3; i++) {
        inner = gwt_scope_begin(s->second);
        good = good && inner && first_of(s->second, s->path) == 1;
        gwt_scope_end(inner);
    }
    return good ? s : NULL;
}

static void left_open_on_a_thread(void **state)
{
    (void)state;
    straggler s = { .path = scene(0), .first = gwt_begin(.num_workers = 2, .quiet = true) };
    pthread_t thread;
    void *good;
    int files = open_files();
    assert_int_equal(pthread_create(&thread, NULL, leave_open, &s), 0);
    wait_for(&s.step, 1);
    assert_int_equal(gwt_end(s.first), 0);
    s.second = gwt_begin(.num_workers = 2, .quiet = true);
    atomic_store(&s.step, 2);
    pthread_join(thread, &good);
    assert_ptr_equal(good, &s);
    EXPECT_OK(s.second);
    assert_int_equal(gwt_end(s.second), 0);
    assert_true(open_files() <= files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stays_flat),
        cmocka_unit_test(closes_files),
        cmocka_unit_test(nested),
        cmocka_unit_test(with_an_error_in_hand),
        cmocka_unit_test(a_save_inside),
        cmocka_unit_test(memory_inside),
        cmocka_unit_test(used_afterwards),
        cmocka_unit_test(like_afterwards),
        cmocka_unit_test(texts_stay),
        cmocka_unit_test(profiles_stay),
        cmocka_unit_test(from_functions),
        cmocka_unit_test(from_threads),
        cmocka_unit_test(of_several_sessions),
        cmocka_unit_test(left_open_on_a_thread),
    };
    return cmocka_run_group_tests_name("scope", tests, temp_begin, temp_end);
}
