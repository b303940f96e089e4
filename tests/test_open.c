// test_open.c - what it takes to open files, one or many: calls of the system, which are counted and
// may be slow here; what all workers open together, and what is said of it; absent tiles. The
// implementation is within.

#define _XOPEN_SOURCE 700
#define _FILE_OFFSET_BITS 64
#ifdef __APPLE__
#define _DARWIN_C_SOURCE
#endif

#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// ---- calls of the system

static atomic_int calls, reads, inside, most_inside, delay_us;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void one_call(void)
{
    int us = atomic_load(&delay_us), n = atomic_fetch_add(&inside, 1) + 1,
        most = atomic_load(&most_inside);
    while (n > most && !atomic_compare_exchange_weak(&most_inside, &most, n)) {}
    atomic_fetch_add(&calls, 1);
    if (us) nanosleep(&(struct timespec){ .tv_nsec = us * 1000L }, NULL);
    atomic_fetch_sub(&inside, 1);
}

static ssize_t counted_pread(int fd, void *to, size_t n, off_t at)
{
    one_call();
    atomic_fetch_add(&reads, 1);
    return pread(fd, to, n, at);
}

static int counted_open(const char *path, int flags, int mode)
{
    one_call();
    return open(path, flags, (mode_t)mode);
}

static int counted_stat(const char *path, struct stat *facts)
{
    one_call();
    return stat(path, facts);
}

#define pread counted_pread
#define open counted_open
#define stat(path, facts) counted_stat(path, facts)
#define GWT_IMPLEMENTATION
#include "../gwt.h"
#undef pread
#undef open
#undef stat

// ---- files

enum { EDGE = 32, FILES = 24, MOST_FILES = 1000, WORKERS = 8 };

static const char *paths[MOST_FILES];

static void write_file(const char *path, int k)
{
    double values[EDGE * EDGE];
    for (int i = 0; i < EDGE * EDGE; i++) values[i] = (k + i) % 250;
    tiff_write_values(path, &(tiff_spec){ .width = EDGE, .height = EDGE, .dtype = GWT_UINT8,
        .tile_width = 16, .tile_height = 16, .compression = COMPRESSION_LZW, .geo = &geo_utm },
        values);
}

static int write_files(void **state)
{
    if (temp_begin(state)) return -1;
    for (int k = 0; k < FILES; k++) {
        paths[k] = strdup(temp_path("file%d.tif", k));
        write_file(paths[k], k);
    }
    return 0;
}

static int forget_files(void **state)
{
    for (int k = 0; k < FILES; k++) free((char *)paths[k]);
    return temp_end(state);
}

// ---- what is read

// Files of the usual kinds are opened with a look at their beginning and, where the directory lies
// elsewhere, at that.
static void reads_to_open(void **state)
{
    (void)state;
    static const tiff_spec kinds[] = {
        { .width = 700, .height = 500, .dtype = GWT_UINT16, .tile_width = 64, .tile_height = 64,
          .bands = 4, .compression = COMPRESSION_ADOBE_DEFLATE, .nodata = "7", .reduced = 3,
          .metadata = "<GDALMetadata><Item name=\"A\">b</Item></GDALMetadata>" },
        { .width = 700, .height = 500, .dtype = GWT_FLOAT32, .rows_per_strip = 1, .mode = "wb8",
          .bands = 2, .planar = true },
        { .width = 700, .height = 500, .dtype = GWT_UINT8, .compression = COMPRESSION_LZW,
          .rows_per_strip = 8, .mode = "wb" },
    };
    double *values = calloc(700 * 500 * 4, sizeof *values);
    for (size_t i = 0; i < 700 * 500 * 4; i++) values[i] = (double)(noise(i) % 200);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        tiff_spec spec = kinds[i];
        spec.geo = &geo_utm;
        tiff_write_values(temp_path("kind.tif"), &spec, values);
        gwt *g = gwt_begin(.num_workers = 1);
        atomic_store(&reads, 0);
        gwt_open(g, temp_path("kind.tif"));
        EXPECT_OK(g);
        REQUIRE(atomic_load(&reads) <= 3, "kind %zu: %d reads", i, atomic_load(&reads));
        gwt_end(g);
    }
    free(values);
}

// ---- many at once

// As many at once as there are workers: the time that a slow system takes is shared by them.
static void slow_files(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = WORKERS);
    atomic_store(&calls, 0);
    atomic_store(&most_inside, 0);
    atomic_store(&delay_us, 4000);
    double start = now();
    gwt_array *a = gwt_open_many(g, paths, FILES, .stack = GWT_TIME);
    double took = now() - start, one_by_one = 4e-3 * atomic_load(&calls);
    atomic_store(&delay_us, 0);
    EXPECT_OK(g);
    REQUIRE(atomic_load(&most_inside) == WORKERS, "%d at once", atomic_load(&most_inside));
    REQUIRE(took < one_by_one / 3, "%.3f s, and %.3f s one by one", took, one_by_one);
    uint8_t *got = gwt_compute(a);
    EXPECT_OK(g);
    for (int k = 0; k < FILES; k++)
        for (int i = 0; i < EDGE * EDGE; i++)
            REQUIRE(got[k * EDGE * EDGE + i] == (k + i) % 250, "file %d, pixel %d", k, i);
    gwt_free(got);
    gwt_end(g);
}

// The error is that of the first file in the list, and so are the notes, whoever is first.
static void in_order(void **state)
{
    (void)state;
    static const int masks[] = { 3, 5, 11 };
    const char *list[FILES];
    char alone[2048], want[64];
    memcpy(list, paths, sizeof list);
    for (size_t i = 0; i < COUNT_OF(masks); i++)        // without INTERNAL_MASK_FLAGS_1
        write_file(temp_path("file%d.tif.msk", masks[i]), 0);
    file_write(temp_path("bad.tif"), "II*\0\10\0\0\0\377\377", 10);
    list[9] = temp_path("bad.tif");
    list[10] = temp_path("there_is_none.tif");
    gwt *g = gwt_begin(.quiet = true);
    gwt_open(g, list[9]);
    snprintf(alone, sizeof alone, "%s", gwt_message(g));
    gwt_end(g);
    for (int turn = 0; turn < 12; turn++) {
        g = gwt_begin(.num_workers = turn % 3 == 0 ? 1 : WORKERS, .quiet = true);
        atomic_store(&delay_us, turn * 50);
        assert_null(gwt_open_many(g, list, FILES, .stack = GWT_TIME));
        assert_int_equal(gwt_status(g), GWT_E_FORMAT);
        assert_string_equal(gwt_message(g), alone);
        for (size_t i = 0; i < 2; i++) {
            snprintf(want, sizeof want, "file%d.tif.msk: is not looked at", masks[i]);
            assert_non_null(gwt_note(g, i));
            REQUIRE(strstr(gwt_note(g, i), want), "note %zu: %s", i, gwt_note(g, i));
        }
        assert_null(gwt_note(g, 2));
        gwt_clear(g);
        gwt_open_many(g, paths, FILES, .stack = GWT_TIME);
        EXPECT_OK(g);
        assert_non_null(strstr(gwt_note(g, 2), "file11.tif.msk"));
        gwt_end(g);
    }
    atomic_store(&delay_us, 0);
    for (size_t i = 0; i < COUNT_OF(masks); i++) remove(temp_path("file%d.tif.msk", masks[i]));
}

// One that is in the list several times is one source, however many open it at once.
static void the_same_file(void **state)
{
    (void)state;
    const char *list[4 * WORKERS];
    for (size_t i = 0; i < COUNT_OF(list); i++) list[i] = paths[i % 2];
    for (int turn = 0; turn < 8; turn++) {
        gwt *g = gwt_begin(.num_workers = WORKERS);
        atomic_store(&delay_us, 500);
        gwt_open_many(g, list, COUNT_OF(list), .stack = GWT_TIME);
        atomic_store(&delay_us, 0);
        EXPECT_OK(g);
        int n = 0;
        for (_gwt_source *s = g->root.sources; s; s = s->next) n++;
        assert_int_equal(n, 2);
        gwt_end(g);
    }
}

typedef struct other { gwt *g; gwt_array *a; } other;

static void *open_on_another_thread(void *to)
{
    other *o = to;
    o->a = gwt_open_many(o->g, paths, FILES, .stack = GWT_TIME);
    return NULL;
}

static void wait_for_another_thread(size_t i, void *user)
{
    pthread_t thread;
    (void)i;
    assert_int_equal(pthread_create(&thread, NULL, open_on_another_thread, user), 0);
    pthread_join(thread, NULL);
}

// An action that waits for a thread which opens files: that does so without the workers.
static void while_an_action_waits(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    other o = { g, NULL };
    gwt_parallel_for(g, 1, wait_for_another_thread, &o);
    EXPECT_OK(g);
    assert_non_null(o.a);
    gwt_end(g);
}

// ---- of very many

static int depth_of(const _gwt_source *s)
{
    int most = 0;
    for (int k = 0; s && k < 4; k++) {
        int n = depth_of(s->under[k]);
        if (n > most) most = n;
    }
    return s ? most + 1 : 0;
}

// What is looked at to find one of n files grows as their logarithm: 5 levels of four branches would
// hold 1,000.
static void steps_to_find_one(void **state)
{
    (void)state;
    for (int k = FILES; k < MOST_FILES; k++) {
        paths[k] = strdup(temp_path("link%d.tif", k));
        assert_int_equal(link(paths[0], paths[k]), 0);
    }
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = gwt_open_many(g, paths, MOST_FILES, .stack = GWT_TIME);
    EXPECT_OK(g);
    assert_int_equal(gwt_describe(a)->shape[0], MOST_FILES);
    int depth = depth_of(g->root.named);
    REQUIRE(depth <= 14, "%d steps", depth);
    atomic_store(&reads, 0);
    gwt_open_many(g, paths, MOST_FILES, .stack = GWT_TIME);
    assert_int_equal(atomic_load(&reads), 0);           // all found
    EXPECT_OK(g);
    gwt_end(g);
    for (int k = FILES; k < MOST_FILES; k++) {
        remove(paths[k]);
        free((char *)paths[k]);
    }
}

// ---- absent tiles

static bool all_but_one_absent(uint32_t strile) { return strile != 2; }

// Of any size of sample; not a byte more than asked for.
static void absent_tiles(void **state)
{
    (void)state;
    static const gwt_dtype types[] = { GWT_UINT8, GWT_INT16, GWT_FLOAT32, GWT_FLOAT64 };
    for (size_t t = 0; t < COUNT_OF(types); t++) {
        double values[2 * 48 * 96];
        for (size_t i = 0; i < COUNT_OF(values); i++) values[i] = 11;
        double nodata = types[t] == GWT_UINT8 ? 77 : -77;
        tiff_write_values(temp_path("absent.tif"), &(tiff_spec){ .width = 96, .height = 48,
            .bands = 2, .dtype = types[t], .tile_width = 48, .tile_height = 48, .planar = true,
            .nodata = nodata > 0 ? "77" : "-77", .absent = all_but_one_absent }, values);
        gwt *g = gwt_begin(.num_workers = 1);
        gwt_array *a = gwt_open(g, temp_path("absent.tif"));
        void *got = gwt_compute(a);
        EXPECT_OK(g);
        for (size_t i = 0; i < COUNT_OF(values); i++) {
            bool there = i >= 48 * 96 && i % 96 < 48;
            REQUIRE(sample_get(types[t], got, i) == (there ? 11 : nodata), "%s, sample %zu",
                    gwt_dtype_name(types[t]), i);
        }
        gwt_free(got);
        gwt_end(g);
    }
}

// They are made as fast as memory is set: the best of some turns, as others use the machine, too.
static void absent_tiles_are_fast(void **state)
{
    (void)state;
    enum { BYTES = 8 << 20 };
    char *to = malloc(BYTES);
    double fill = 1, set = 1;
    _gwt_source s = { .path = "tile", .dtype = GWT_UINT16 };
    for (int turn = 0; turn < 9; turn++) {
        double start = now();
        memset(to, turn + 1, BYTES);
        double between = now();
        _gwt_source_fill(&s, 0x1234, to, BYTES);
        if (between - start < set) set = between - start;
        if (now() - between < fill) fill = now() - between;
    }
    REQUIRE(fill < 6 * set, "%.6f s, and memset takes %.6f s", fill, set);
    free(to);
}

// ---- one strip

// Rows of a strip as large as the image are read a few at a time where they are not compressed, in
// either byte order: it fits into less memory than the strip takes.
static void rows_of_one_strip(void **state)
{
    (void)state;
    static const gwt_dtype types[] = { GWT_INT16, GWT_FLOAT32, GWT_FLOAT64 };
    enum { W = 1100, H = 900, N = W * H };
    double *values = malloc(N * sizeof *values);
    for (size_t i = 0; i < N; i++) values[i] = (double)(noise(i) % 120);
    for (size_t t = 0; t < COUNT_OF(types); t++)
        for (int big = 0; big < 2; big++) {
            size_t strip = N * sample_size(types[t]);
            tiff_write_values(temp_path("strip.tif"), &(tiff_spec){ .width = W, .height = H,
                .dtype = types[t], .mode = big ? "wb" : "wl" }, values);
            gwt *g = gwt_begin(.num_workers = 2, .memory_limit = strip - 1);
            gwt_array *a = gwt_open(g, temp_path("strip.tif"));
            gwt_save(a, temp_path("out.tif"), .tile_size = 64, .compress = "none",
                     .overwrite = true);
            EXPECT_OK(g);
            image *im = image_read(temp_path("out.tif"));
            for (size_t i = 0; i < N; i++)
                REQUIRE(sample_get(types[t], im->raw, i) == values[i], "%s, %s: pixel %zu",
                        gwt_dtype_name(types[t]), big ? "big" : "little", i);
            image_free(im);
            gwt_end(g);
        }
    free(values);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_to_open),
        cmocka_unit_test(slow_files),
        cmocka_unit_test(in_order),
        cmocka_unit_test(the_same_file),
        cmocka_unit_test(while_an_action_waits),
        cmocka_unit_test(steps_to_find_one),
        cmocka_unit_test(absent_tiles),
        cmocka_unit_test(absent_tiles_are_fast),
        cmocka_unit_test(rows_of_one_strip),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("open", tests, write_files, forget_files);
}
