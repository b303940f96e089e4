// test_cog.c - saves of several images, cloud-optimised or not: the same bytes whatever workers,
// chunks and memory there are and however overviews come about, alone or among several outputs;
// nothing is left beside a file that is done, nor changed of one that is not. What the bytes are is
// for oracle_cog.py, what happens when calls of the system fail for test_faults.

#define _XOPEN_SOURCE 700
#define _DARWIN_C_SOURCE

#include "support.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { W = 301, H = 262, BANDS = 2 };

static const double place[6] = { 30, 0, 300000, 0, -30, 4000000 };

// Uneven, with gaps of whole tiles and of single pixels.
static int write_scene(void **state)
{
    static double values[BANDS * W * H];
    geo_place geo;
    if (temp_begin(state)) return -1;
    for (int i = 0; i < BANDS * W * H; i++) {
        int y = i / W % H, x = i % W;
        uint64_t n = noise((uint64_t)i);
        bool missing = noise((uint64_t)(i % (W * H)) + 7) % 9 == 0 || (y > 90 && x > 150);
        values[i] = missing ? 0 : (double)(1 + n % 50 + (uint64_t)(x + y));
    }
    tiff_write_values(temp_path("scene.tif"),
                      &(tiff_spec){ .width = W, .height = H, .bands = BANDS, .dtype = GWT_UINT16,
                                    .tile_width = 48, .tile_height = 48, .nodata = "0",
                                    .compression = COMPRESSION_LZW,
                                    .geo = geo_at(&geo, 32616, place) },
                      values);
    return 0;
}

// Whether nothing lies beside out.tif.
static bool nothing_left(const char *name)
{
    char part[64];
    snprintf(part, sizeof part, "%s.part", name);
    char *list = dir_list(temp_dir());
    bool none = !strstr(list, part);
    free(list);
    return none;
}

static long file_size(const char *path)
{
    struct stat facts;
    return stat(path, &facts) ? -1 : (long)facts.st_size;
}

static gwt_array *work(gwt *g, int chunks)
{
    gwt_array *a = gwt_open(g, temp_path("scene.tif"), .chunks = chunks);
    return gwt_moving(a, .window = 3);
}

// ---- the same bytes ----------------------------------------------------------------------------

static const struct { const char *name; gwt_save_options o; } jobs[] = {
    { "average", { .cog = true, .compress = "deflate", .dtype = GWT_UINT16 } },
    { "masked", { .cog = true, .mask = true, .sparse = true, .compress = "lzw", .predictor = 2,
                  .dtype = GWT_INT16, .overview_resampling = "mode" } },
    { "planes", { .cog = true, .mask = true, .interleave = GWT_PLANAR, .compress = "deflate",
                  .overview_resampling = "bilinear" } },
    { "appended", { .overviews = "auto", .mask = true, .compress = "deflate", .statistics = true,
                    .interleave = GWT_PLANAR } },
    { "cubic", { .overviews = "2,4,8,16,32", .overview_resampling = "cubic", .compress = "none" } },
    { "nearest", { .cog = true, .statistics = true, .sparse = true, .compress = "none",
                   .overview_resampling = "nearest", .bigtiff = GWT_BIGTIFF_YES } }
};

static void save(gwt *g, gwt_array *a, const gwt_save_options *of, const char *path)
{
    gwt_save_options o = *of;
    o.overwrite = true;
    o.tile_size = 32;
    o.nodata = gwt_some(0);
    gwt_save_with(a, path, &o);
    EXPECT_OK(g);
}

static const char *reference(size_t job)
{
    const char *path = temp_path("%s.tif", jobs[job].name);
    if (file_exists(path)) return path;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    save(g, work(g, 1000), &jobs[job].o, path);
    assert_int_equal(gwt_end(g), 0);
    return path;
}

static void same_bytes(void **state)
{
    (void)state;
    static const int workers[] = { 1, 2, 3, 8 }, chunks[] = { 64, 256, 1000 };
    for (size_t k = 0; k < COUNT_OF(jobs); k++)
        for (size_t i = LOOKS_FOR_RACES ? 2 : 0; i < COUNT_OF(workers); i++)
            for (size_t c = 0; c < COUNT_OF(chunks); c += LOOKS_FOR_RACES ? 2 : 1) {
                const char *want = reference(k), *path = temp_path("out.tif");
                gwt *g = gwt_begin(.num_workers = workers[i], .quiet = true,
                                   .cache_bytes = c == 1 ? 1 : 0);
                save(g, work(g, chunks[c]), &jobs[k].o, path);
                assert_int_equal(gwt_end(g), 0);
                REQUIRE(files_equal(path, want) && nothing_left("out.tif"),
                        "%s, %d workers, chunks of %d", jobs[k].name, workers[i], chunks[c]);
            }
}

// With little memory either the same, or an error that says so, the old file, and what can be
// resumed with more.
static void little_memory(void **state)
{
    (void)state;
    int refused = 0, made = 0;
    for (size_t k = 0; k < COUNT_OF(jobs); k++)
        for (size_t limit = 1 << 16; limit <= 64 << 20; limit *= 2) {
            const char *want = reference(k), *path = temp_path("out.tif");
            gwt *g = gwt_begin(.num_workers = 3, .quiet = true, .memory_limit = limit);
            gwt_save_options o = jobs[k].o;
            o.overwrite = true;
            o.tile_size = 32;
            o.nodata = gwt_some(0);
            file_write(path, "old", 3);
            if (gwt_save_with(work(g, 64), path, &o)) {
                REQUIRE(files_equal(path, want), "%s in %d KB", jobs[k].name, (int)(limit >> 10));
                made++;
            } else {
                EXPECT_ERROR(g, GWT_E_MEMORY, NULL);
                REQUIRE(file_size(path) == 3, "%s in %d KB: the old file is gone", jobs[k].name,
                        (int)(limit >> 10));
                refused++;
            }
            gwt_end(g);
            g = gwt_begin(.num_workers = 1, .quiet = true);
            o.resume = true;
            if (!nothing_left("out.tif")) gwt_save_with(work(g, 256), path, &o);
            EXPECT_OK(g);
            REQUIRE(nothing_left("out.tif"), "%s in %d KB", jobs[k].name, (int)(limit >> 10));
            REQUIRE(file_size(path) == 3 || files_equal(path, want), "%s in %d KB", jobs[k].name,
                    (int)(limit >> 10));
            assert_int_equal(gwt_end(g), 0);
        }
    REQUIRE(made > 0 && refused > 0, "%d made, %d refused", made, refused);
}

// Overviews that are made of tiles while those are warm, and of tiles that are read back, as tiles
// which are copied are.
static void warm_or_read_back(void **state)
{
    (void)state;
    static const char *const hows[] = { "average", "nearest", "mode", "rms" };
    const char *in = temp_path("tiled.tif"), *warm = temp_path("warm.tif"),
               *cold = temp_path("cold.tif");
    for (int type = 0; type < 3; type++)
        for (size_t how = 0; how < COUNT_OF(hows); how++) {
            gwt *g = gwt_begin(.num_workers = 3, .quiet = true);
            gwt_dtype dtype = ((gwt_dtype[]){ GWT_UINT16, GWT_FLOAT32, GWT_INT64 })[type];
            gwt_save(work(g, 0), in, .tile_size = 32, .compress = "deflate", .overwrite = true,
                     .dtype = dtype, .nodata = gwt_some(0));
            for (int reencode = 0; reencode < 2; reencode++)
                gwt_save(gwt_open(g, in), reencode ? warm : cold, .cog = true, .tile_size = 32,
                         .compress = "deflate", .overview_resampling = hows[how],
                         .reencode = reencode, .overwrite = true);
            EXPECT_OK(g);
            REQUIRE(files_equal(warm, cold), "%s, %s", gwt_dtype_name(dtype), hows[how]);
            assert_int_equal(gwt_end(g), 0);
        }
}

// Each of several outputs is what it is alone.
static void several(void **state)
{
    (void)state;
    enum { N = 3 };
    for (size_t k = 0; k < COUNT_OF(jobs); k++) {
        const char *paths[N], *alone = temp_path("alone.tif");
        gwt *g = gwt_begin(.num_workers = 3, .quiet = true);
        gwt_array *a = work(g, 100);
        gwt_array *all[N] = { a, gwt_mul(a, gwt_number(g, 2)), gwt_sel(a, "2") };
        gwt_save_options o = jobs[k].o;
        for (int i = 0; i < N; i++) paths[i] = temp_path("one_%d.tif", i);
        o.overwrite = true;
        o.tile_size = 32;
        o.nodata = gwt_some(0);
        gwt_save_many_with(all, paths, N, &o);
        EXPECT_OK(g);
        REQUIRE(nothing_left("one_0.tif") && nothing_left("one_1.tif") && nothing_left("one_2.tif"),
                "%s", jobs[k].name);
        for (int i = 0; i < N; i++) {
            save(g, all[i], &jobs[k].o, alone);
            REQUIRE(files_equal(alone, paths[i]), "%s, output %d", jobs[k].name, i);
        }
        assert_int_equal(gwt_end(g), 0);
    }
}

// ---- interrupted --------------------------------------------------------------------------------

typedef struct canceller { gwt *g; long microseconds; } canceller;

static void rest(long microseconds)
{
    nanosleep(&(struct timespec){ microseconds / 1000000, microseconds % 1000000 * 1000 }, NULL);
}

static void *cancel_later(void *user)
{
    canceller *c = user;
    rest(c->microseconds);
    gwt_cancel(c->g);
    return NULL;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// Cancelled at some moment; then the old file is there still, and it goes on in the same session.
static void cancelled(void **state)
{
    (void)state;
    int stopped = 0;
    const char *path = temp_path("out.tif"), *want = reference(1);
    gwt_save_options o = jobs[1].o;
    o.overwrite = o.resume = true;
    o.tile_size = 32;
    o.nodata = gwt_some(0);
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    double began = now();
    gwt_save_with(work(g, 64), path, &o);
    double took = now() - began;
    for (int i = 0; i < 40; i++) {
        pthread_t thread;
        canceller c = { g, (long)(1e6 * took * i / 36) };
        file_write(path, "old", 3);
        assert_int_equal(pthread_create(&thread, NULL, cancel_later, &c), 0);
        bool done = gwt_save_with(work(g, 64), path, &o);
        pthread_join(thread, NULL);
        REQUIRE(done == (file_size(path) > 3), "cancelled after %ld us: %ld bytes", c.microseconds,
                file_size(path));
        REQUIRE(done || gwt_status(g) == GWT_E_CANCELLED, "%s", gwt_message(g));
        stopped += !done;
        gwt_clear(g);
        gwt_save_with(work(g, 256), path, &o);
        EXPECT_OK(g);
        REQUIRE(files_equal(path, want) && nothing_left("out.tif"), "cancelled after %ld us",
                c.microseconds);
    }
    REQUIRE(stopped >= 10, "%d of 40 were cancelled", stopped);
    gwt_end(g);
}

// A process that is killed so long after it has begun to make out.tif of that job.
static void killed_after(size_t job, long microseconds)
{
    const char *part = temp_path("out.tif.part.3");
    pid_t child = fork();
    REQUIRE(child >= 0, "no process");
    if (child == 0) {
        gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
        gwt_save_options o = jobs[job].o;
        o.tile_size = 16;
        o.nodata = gwt_some(0);
        o.resume = true;
        gwt_save_with(work(g, 64), temp_path("out.tif"), &o);
        _exit(0);
    }
    for (int i = 0; i < 20000 && !file_exists(part); i++) {
        rest(500);
        if (waitpid(child, NULL, WNOHANG) == child) return;
    }
    rest(microseconds);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

// What an interrupted save of more images left goes with the rest when another one starts afresh.
static void afresh_with_fewer(void **state)
{
    (void)state;
    const char *path = temp_path("out.tif"), *want = temp_path("want.tif");
    int left = 0;
    for (int i = 0; i < (SLOW ? 4 : 12); i++) {
        unlink(path);
        killed_after(1, 2000 * i);      // with no session here: it forks
        left += file_exists(temp_path("out.tif.part.3"));
        gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
        if (i == 0) gwt_save(work(g, 0), want);
        gwt_save(work(g, 0), path, .overwrite = true);
        EXPECT_OK(g);
        assert_int_equal(gwt_end(g), 0);
        REQUIRE(files_equal(path, want) && nothing_left("out.tif"), "round %d", i);
    }
    REQUIRE(left > 0, "no kill left parts");
}

// ---- refused ------------------------------------------------------------------------------------

// An input under a name that the save needs for a while stays as it is.
static void inputs_beside(void **state)
{
    (void)state;
    static const char *const names[] = { "", ".part", ".part.journal", ".part.2", ".part.2.journal",
                                         ".part.3", ".part.whole" };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        for (int resume = 0; resume < 2; resume++) {
            size_t size, then;
            const char *in = temp_path("beside.tif%s", names[i]);
            unsigned char *bytes = file_read(temp_path("scene.tif"), &size);
            file_write(in, bytes, size);
            gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
            bool done = gwt_save(gwt_open(g, in), temp_path("beside.tif"), .cog = true,
                                 .overwrite = true, .resume = resume, .tile_size = 32);
            REQUIRE(!done, "beside.tif%s: done", names[i]);
            EXPECT_ERROR(g, GWT_E_EXISTS, "is an input");
            gwt_end(g);
            unsigned char *there = file_read(in, &then);
            REQUIRE(then == size && !memcmp(bytes, there, size), "beside.tif%s has changed",
                    names[i]);
            free(bytes);
            free(there);
            unlink(in);
            REQUIRE(nothing_left("beside.tif"), "beside.tif%s", names[i]);
        }
}

static void wrong_options(void **state)
{
    (void)state;
    static const struct { gwt_save_options o; gwt_code code; const char *says; } all[] = {
        { { .overviews = "3" }, GWT_E_ARGUMENT, "overviews \"3\"" },
        { { .overviews = "2,8" }, GWT_E_ARGUMENT, "overviews \"2,8\"" },
        { { .overviews = "2,,4" }, GWT_E_ARGUMENT, "overviews \"2,,4\"" },
        { { .overviews = "2,4," }, GWT_E_ARGUMENT, "overviews \"2,4,\"" },
        { { .overviews = "" }, GWT_E_ARGUMENT, "overviews \"\"" },
        { { .overviews = "4" }, GWT_E_ARGUMENT, "begin with 2" },
        { { .cog = true, .overview_resampling = "lanczos" }, GWT_E_ARGUMENT, "\"lanczos\"" },
        { { .cog = true, .checksums = true }, GWT_E_ARGUMENT, "checksums" },
    };
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
        assert_false(gwt_save_with(work(g, 0), temp_path("wrong.tif"), &all[i].o));
        EXPECT_ERROR(g, all[i].code, all[i].says);
        gwt_end(g);
        assert_false(file_exists(temp_path("wrong.tif")));
        assert_true(nothing_left("wrong.tif"));
    }
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    file_write(temp_path("wrong.tif"), "old", 3);
    assert_false(gwt_save(work(g, 0), temp_path("wrong.tif"), .cog = true));
    EXPECT_ERROR(g, GWT_E_EXISTS, "wrong.tif: exists");
    assert_true(nothing_left("wrong.tif"));
    assert_int_equal(gwt_end(g), 0);
}

// ---- again and again ----------------------------------------------------------------------------

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

static void stays_flat(void **state)
{
    (void)state;
    enum { ROUNDS = 200, WARM = 50 };
    int files = 0;
    long memory = 0;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    for (int i = 0; i < ROUNDS; i++) {
        gwt_scope *scope = gwt_scope_begin(g);
        gwt_array *a = gwt_window(gwt_open(g, temp_path("scene.tif")), 0, 0, 60, 70);
        gwt_save(a, temp_path("flat.tif"), .cog = true, .mask = true, .tile_size = 16,
                 .overwrite = true, .compress = "deflate");
        gwt_scope_end(scope);
        EXPECT_OK(g);
        if (i == WARM) files = open_files();
        if (i == WARM) memory = resident();
    }
    REQUIRE(open_files() == files, "%d files more are open", open_files() - files);
    if (!SLOW) REQUIRE(resident() - memory < 512 << 10, "%ld bytes more", resident() - memory);
    assert_int_equal(gwt_end(g), 0);
}

// ---- progress -----------------------------------------------------------------------------------

typedef struct heard { int calls, lasts; bool wrong; double fraction; } heard;

static int hear(const gwt_progress *p, void *user)
{
    heard *h = user;
    h->calls++;
    h->lasts += p->last;
    h->wrong |= !(p->fraction >= 0 && p->fraction <= 1) || !p->path || !p->action;
    h->fraction = p->fraction;
    return 0;
}

static void progress(void **state)
{
    (void)state;
    heard h = { 0 };
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true, .on_progress = hear, .user = &h);
    save(g, work(g, 64), &jobs[1].o, temp_path("out.tif"));
    assert_int_equal(gwt_end(g), 0);
    REQUIRE(h.calls > 0 && h.lasts > 0 && !h.wrong && h.fraction == 1, "%d calls, %d last, %g",
            h.calls, h.lasts, h.fraction);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bytes),
        cmocka_unit_test(little_memory),
        cmocka_unit_test(warm_or_read_back),
        cmocka_unit_test(several),
        cmocka_unit_test(cancelled),
        cmocka_unit_test(afresh_with_fewer),
        cmocka_unit_test(inputs_beside),
        cmocka_unit_test(wrong_options),
        cmocka_unit_test(stays_flat),
        cmocka_unit_test(progress),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("cog", tests, write_scene, temp_end);
}
