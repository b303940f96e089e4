// test_files.c - more inputs than files that may be open: results are those of no limit, and what
// changed or vanished meanwhile is an error that names the file.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SIDE = 48, N = SIDE * SIDE, MOST = 400 };

static const char *paths[MOST];
static const char *folder;

// Pixel i of file k.
static int value_of(int k, int i) { return (i * 7 + k * 13) % 199 + 1; }

static void write_file(int k, int compression)
{
    double values[N];
    const double t[6] = { 1, 0, 1000 + (k % 20) * SIDE, 0, -1, 9000 - (k / 20) * SIDE };
    geo_place place;
    for (int i = 0; i < N; i++) values[i] = value_of(k, i);
    tiff_write_values(paths[k], &(tiff_spec){ .width = SIDE, .height = SIDE, .dtype = GWT_UINT8,
        .tile_width = 16, .tile_height = 16, .compression = compression,
        .geo = geo_at(&place, 32633, t) }, values);
}

static int write_all(void **state)
{
    if (temp_begin(state)) return -1;
    folder = temp_dir();
    for (int k = 0; k < MOST; k++) {
        paths[k] = temp_path("%03d.tif", k);
        write_file(k, k % 3 ? COMPRESSION_LZW : COMPRESSION_NONE);
    }
    return 0;
}

static int open_files(void)
{
    int n = -1;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir)) n++;
    if (dir) closedir(dir);
    return n - 2;
}

// Both limits: what is soft alone can be raised.
static void in_a_process_of_its_own(rlim_t most, int (*run)(int workers), int workers)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit = { most, most };
        if (setrlimit(RLIMIT_NOFILE, &limit)) _exit(99);
        int status = run(workers);
        fflush(NULL);
        _exit(status);
    }
    int status = 0;
    assert_true(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0,
            "with %d files at most and %d workers: status %d", (int)most, workers, status);
}

#define WANT(condition) \
    do { \
        if (condition) break; \
        fprintf(stderr, "line %d: %s; %s\n", __LINE__, #condition, gwt_message(g)); \
        return 1; \
    } while (0)

// One after the other, several times.
static int in_turn(int workers)
{
    gwt *g = gwt_begin(.num_workers = workers, .quiet = true);
    gwt_array *arrays[MOST];
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    for (int k = 0; k < MOST; k++) WANT((arrays[k] = gwt_open(g, paths[k], .chunks = 16)) != NULL);
    for (int round = 0; round < 3; round++) {
        for (int k = round; k < MOST; k += 7) {
            uint8_t *got = gwt_compute(arrays[k]);
            WANT(got);
            for (int i = 0; i < N; i++) WANT(got[i] == value_of(k, i));
            gwt_free(got);
        }
        WANT(open_files() <= (int)limit.rlim_cur / 2 + workers + 6);
    }
    return gwt_end(g);
}

// As a mosaic: one image of all of them, and its sums by the plain loop.
static int mosaic(int workers)
{
    gwt *g = gwt_begin(.num_workers = workers, .quiet = true);
    gwt_array *a = gwt_open_many(g, paths, MOST, .bounds_by = GWT_UNION, .mosaic = true,
                                 .overlap = GWT_LAST, .chunks = 100);
    WANT(a);
    int64_t wide = gwt_describe(a)->shape[3];
    WANT(wide == 20 * SIDE && gwt_describe(a)->shape[2] == MOST / 20 * SIDE);
    uint8_t *got = gwt_compute(a);
    WANT(got);
    for (int k = 0; k < MOST; k++)
        for (int i = 0; i < N; i++)
            WANT(got[(k / 20 * SIDE + i / SIDE) * wide + k % 20 * SIDE + i % SIDE]
                 == value_of(k, i));
    gwt_free(got);
    char out[4096];
    snprintf(out, sizeof out, "%s/out%d.tif", folder, (int)getpid());
    WANT(gwt_save(a, out, .compress = "lzw"));
    return gwt_end(g);
}

// A stack, whose every piece needs all files: more than may be open, for each piece anew.
static int stack(int workers)
{
    enum { DATES = 300 };
    gwt *g = gwt_begin(.num_workers = workers, .quiet = true);
    static char names[DATES][4096];
    const char *list[DATES];
    size_t size;
    unsigned char *bytes = file_read(paths[1], &size);
    for (int k = 0; k < DATES; k++) {
        snprintf(names[k], sizeof names[k], "%s/date%03d.tif", folder, k);
        file_write(names[k], bytes, size);
        list[k] = names[k];
    }
    gwt_array *a = gwt_reduce(gwt_open_many(g, list, DATES, .stack = GWT_TIME, .chunks = 16),
                              GWT_TIME, GWT_SUM);
    double *got = gwt_compute(a);
    WANT(got);
    for (int i = 0; i < N; i++) WANT(got[i] == DATES * value_of(1, i));
    gwt_free(got);
    for (int k = 0; k < DATES; k++) remove(names[k]);
    free(bytes);
    return gwt_end(g);
}

static void under_a_limit(void **state)
{
    (void)state;
    static const int limits[] = { 32, 64, 256 };
    for (size_t i = 0; i < COUNT_OF(limits); i++)
        for (int workers = 1; workers <= 4; workers += 3) {
            in_a_process_of_its_own((rlim_t)limits[i], in_turn, workers);
            in_a_process_of_its_own((rlim_t)limits[i], mosaic, workers);
            in_a_process_of_its_own((rlim_t)limits[i], stack, workers);
        }
}

// The program has taken nearly all there is itself.
static int crowded(int workers)
{
    gwt *g = gwt_begin(.num_workers = workers, .quiet = true);
    int taken[128], n = 0;
    gwt_array *a = gwt_open_many(g, paths, 60, .bounds_by = GWT_UNION, .mosaic = true,
                                 .overlap = GWT_LAST);
    WANT(a);
    while (n < 128 && (taken[n] = dup(0)) >= 0) n++;
    for (int i = 0; i < 3; i++) close(taken[--n]);
    uint8_t *got = gwt_compute(a);
    WANT(got);
    WANT(got[5 * 20 * SIDE + 3 * SIDE + 2] == value_of(3, 5 * SIDE + 2));
    gwt_free(got);
    while (n < 128 && (taken[n] = dup(0)) >= 0) n++;    // nothing is left for outputs
    char out[4096];
    snprintf(out, sizeof out, "%s/crowded%d.tif", folder, (int)getpid());
    WANT(gwt_save(a, out));
    while (n > 0) close(taken[--n]);
    return gwt_end(g);
}

static void in_a_crowded_process(void **state)
{
    (void)state;
    in_a_process_of_its_own(64, crowded, 1);
    in_a_process_of_its_own(64, crowded, 3);
}

// ---- what became of a file meanwhile ----------------------------------------------------------

enum { TOUCHED, LONGER, REPLACED, SHORTER, GONE, FOLDER, WAYS };

static void change(int k, int way)
{
    size_t size;
    unsigned char *bytes = file_read(paths[k], &size);
    const char *other = temp_path("other.tif");
    struct timespec times[2] = { { 1000000000, 0 }, { 1000000000, 0 } };
    if (way == TOUCHED) assert_int_equal(utimensat(AT_FDCWD, paths[k], times, 0), 0);
    if (way == LONGER) assert_int_equal(truncate(paths[k], (off_t)size + 10), 0);
    if (way == REPLACED) file_write(other, bytes, size);
    if (way == REPLACED) assert_int_equal(rename(other, paths[k]), 0);
    if (way == SHORTER) assert_int_equal(truncate(paths[k], (off_t)size - 10), 0);
    if (way == GONE || way == FOLDER) assert_int_equal(remove(paths[k]), 0);
    if (way == FOLDER) assert_int_equal(mkdir(paths[k], 0777), 0);
    free(bytes);
}

static int way;
static const char *const said[WAYS] = { "has changed", "has changed", "has changed", "shorter",
                                        "can't be opened again", "has changed" };

static int changed(int workers)
{
    gwt *g = gwt_begin(.num_workers = workers, .quiet = true);
    gwt_array *arrays[100];
    for (int k = 0; k < 100; k++) arrays[k] = gwt_open(g, paths[k]);
    for (int k = 0; k < 100; k++) gwt_free(gwt_compute(arrays[k]));
    WANT(gwt_status(g) == GWT_OK);
    change(90, way);
    change(3, way);         // neither is among the last that were read
    for (int k = 0; k < 100; k++)
        if (k != 90 && k != 3) gwt_free(gwt_compute(arrays[k]));
    WANT(gwt_status(g) == GWT_OK);
    for (int k = 3; k < 100; k += 87) {
        WANT(!gwt_compute(arrays[k]));
        WANT(gwt_status(g) == GWT_E_IO && strstr(gwt_message(g), said[way])
             && strstr(gwt_message(g), strrchr(paths[k], '/')));
        gwt_clear(g);
        gwt_free(gwt_compute(arrays[k + 1]));
        WANT(gwt_status(g) == GWT_OK);
    }
    return gwt_end(g);
}

static void changed_meanwhile(void **state)
{
    (void)state;
    for (way = 0; way < WAYS; way++)
        for (int workers = 1; workers <= 3; workers += 2) {
            in_a_process_of_its_own(32, changed, workers);
            remove(paths[90]);
            remove(paths[3]);
            write_file(90, COMPRESSION_NONE);
            write_file(3, COMPRESSION_NONE);
        }
}

// Of a file that is open nothing need be opened again: it is looked at after every action.
static void changed_while_open(void **state)
{
    (void)state;
    static const int ways[] = { TOUCHED, LONGER, SHORTER };
    for (size_t i = 0; i < COUNT_OF(ways); i++)
        for (int k = 0; k < 2; k++) {           // without and with compression
            gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
            gwt_array *a = gwt_open(g, paths[k]), *other = gwt_open(g, paths[k + 10]);
            gwt_free(gwt_compute(a));
            EXPECT_OK(g);
            change(k, ways[i]);
            gwt_free(gwt_compute(other));
            EXPECT_OK(g);
            assert_null(gwt_compute(gwt_window(a, 0, 0, 5, 5)));
            EXPECT_ERROR(g, GWT_E_IO, strrchr(paths[k], '/') + 1);
            assert_false(gwt_save(a, temp_path("changed.tif")));
            EXPECT_ERROR(g, GWT_E_IO, ways[i] == SHORTER ? "shorter" : "has changed");
            assert_false(file_exists(temp_path("changed.tif")));
            gwt_end(g);
            remove(temp_path("changed.tif.part"));
            remove(temp_path("changed.tif.part.journal"));
            write_file(k, k ? COMPRESSION_LZW : COMPRESSION_NONE);
        }
}

static int touch(const gwt_block *block, void *user)
{
    if (block->id == 1) change(*(int *)user, TOUCHED);
    return 0;
}

static void changed_by_the_way(void **state)
{
    (void)state;
    int k = 1;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_map_blocks(gwt_open(g, paths[k]), touch, &k, .block_rows = 16, .block_cols = 16);
    EXPECT_ERROR(g, GWT_E_IO, "001.tif: cannot be used any more: it has changed since it was opened");
    gwt_end(g);
    write_file(k, COMPRESSION_LZW);
}

// When the last block of a mosaic comes, the first files have long made room for others.
static int change_at_the_end(const gwt_block *block, void *user)
{
    (void)user;
    if (block->row == (MOST / 20 - 1) * SIDE && block->col == 19 * SIDE) change(3, way);
    return 0;
}

static int changed_when_closed(int workers)
{
    gwt *g = gwt_begin(.num_workers = workers, .quiet = true);
    gwt_array *a = gwt_open_many(g, paths, MOST, .bounds_by = GWT_UNION, .mosaic = true,
                                 .overlap = GWT_LAST);
    WANT(gwt_map_blocks(a, change_at_the_end, NULL, .block_rows = SIDE, .block_cols = SIDE) < 0);
    WANT(gwt_status(g) == GWT_E_IO && strstr(gwt_message(g), "003.tif: cannot be used any more"));
    WANT(strstr(gwt_message(g), way == GONE ? "No such file" : way == SHORTER ? "shorter"
                                                                              : "has changed"));
    gwt_clear(g);
    gwt_free(gwt_compute(gwt_open(g, paths[4])));
    return gwt_end(g);
}

static void changed_and_not_read_again(void **state)
{
    (void)state;
    for (way = 0; way < WAYS; way++)
        for (int workers = 1; workers <= 3; workers += 2) {
            in_a_process_of_its_own(32, changed_when_closed, workers);
            remove(paths[3]);
            write_file(3, COMPRESSION_NONE);
        }
}

// By a name that leads elsewhere when the process has gone elsewhere.
static int elsewhere(int workers)
{
    gwt *g = gwt_begin(.num_workers = workers, .quiet = true);
    gwt_array *arrays[100];
    WANT(!chdir(folder));
    for (int k = 0; k < 100; k++) arrays[k] = gwt_open(g, strrchr(paths[k], '/') + 1);
    WANT(gwt_status(g) == GWT_OK && !chdir("/"));
    for (int k = 0; k < 100; k++) {
        uint8_t *got = gwt_compute(arrays[k]);
        WANT(got);
        for (int i = 0; i < N; i++) WANT(got[i] == value_of(k, i));
        gwt_free(got);
    }
    return gwt_end(g);
}

static void from_another_folder(void **state)
{
    (void)state;
    in_a_process_of_its_own(32, elsewhere, 1);
    in_a_process_of_its_own(32, elsewhere, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(under_a_limit),
        cmocka_unit_test(in_a_crowded_process),
        cmocka_unit_test(changed_meanwhile),
        cmocka_unit_test(changed_while_open),
        cmocka_unit_test(changed_by_the_way),
        cmocka_unit_test(changed_and_not_read_again),
        cmocka_unit_test(from_another_folder),
    };
    return cmocka_run_group_tests_name("files", tests, write_all, temp_end);
}
