// test_halos.c - how often halos are computed: operations within operations that look around each
// pixel, in pieces that may be groups of tiles, in much memory and in little. Kernels count the
// pixels that they are asked for, so nothing here depends on what a plan says of itself, but for
// the memory that a refusal names. And that workers who help with groups end.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { W = 500, H = 450, N = W * H, DEEP = 12, HALO = 8 };

static double pixels[N];
static atomic_llong asked;      // pixels, of all kernels
static atomic_llong fails_at;   // of them; 0: never

static int write_scene(void **state)
{
    if (temp_begin(state)) return -1;
    for (int i = 0; i < N; i++) pixels[i] = (double)(noise((uint64_t)i) % 1000);
    tiff_write_values(temp_path("scene.tif"),
                      &(tiff_spec){ .width = W, .height = H, .dtype = GWT_UINT16,
                                    .tile_width = 64, .tile_height = 64 }, pixels);
    return 0;
}

static gwt_array *scene(gwt *g) { return gwt_open(g, temp_path("scene.tif")); }

// One more than the pixel HALO rows below and HALO columns to the left.
static int slide(const gwt_kernel *k, void *user)
{
    int64_t line = k->cols + 2 * k->halo;
    (void)user;
    long long before = atomic_fetch_add(&asked, k->rows * k->cols), at = atomic_load(&fails_at);
    for (int64_t r = 0; r < k->rows; r++)
        for (int64_t c = 0; c < k->cols; c++)
            k->out[r * k->cols + c] = k->in[(r + 2 * HALO) * line + c] + 1;
    return at > 0 && before >= at;
}

static gwt_array *slides(gwt_array *a, int times)
{
    for (int i = 0; i < times; i++) a = gwt_apply(a, slide, NULL, .halo = HALO);
    return a;
}

static double slid(int row, int col, int times)
{
    row += times * HALO, col -= times * HALO;
    return row >= H || col < 0 ? (double)NAN : pixels[row * W + col] + times;
}

static void expect_slid(const double *got, int times)
{
    for (int i = 0; i < N; i++) {
        double want = slid(i / W, i % W, times);
        REQUIRE(got[i] == want || (isnan(got[i]) && isnan(want)), "row %d, column %d: %g, not %g",
                i / W, i % W, got[i], want);
    }
}

static void expect_file(const char *path, int times)
{
    gwt *g = gwt_begin(.num_workers = 1);
    double *got = gwt_compute(gwt_open(g, path), .dtype = GWT_FLOAT64);
    EXPECT_OK(g);
    expect_slid(got, times);
    gwt_free(got);
    gwt_end(g);
}

// Pixels of all kernels, for each pixel of the result.
static double asked_for(void) { return (double)atomic_exchange(&asked, 0) / N; }

// Pieces of 64 x 64 would be computed with 96 pixels around them: more than 4 times as many.
static void kernels_within_kernels(void **state)
{
    static const char *const overviews[] = { NULL, "2,4" };
    (void)state;
    for (int workers = 1; workers <= 5; workers += 2)
        for (size_t o = 0; o < COUNT_OF(overviews); o++) {
            gwt *g = gwt_begin(.num_workers = workers);
            const char *path = temp_path("deep.tif");
            gwt_save(slides(scene(g), DEEP), path, .tile_size = 64, .compress = "deflate",
                     .overviews = overviews[o], .overwrite = true);
            EXPECT_OK(g);
            gwt_end(g);
            double n = asked_for();
            REQUIRE(n < 1.6 * DEEP, "%d workers: %.1f pixels each, of %d", workers, n, DEEP);
            expect_file(path, DEEP);
        }
}

static int take(const gwt_block *b, void *user)
{
    double *to = user;
    const double *from = b->data;
    for (int64_t r = b->inner_row; r < b->inner_row + b->inner_rows; r++)
        memcpy(to + r * W + b->inner_col,
               from + (r - b->row) * b->cols + b->inner_col - b->col,
               (size_t)b->inner_cols * sizeof *to);
    return 0;
}

// Blocks with pixels around them, of a group that is one piece.
static void blocks_of_kernels(void **state)
{
    static double got[N];
    (void)state;
    gwt *g = gwt_begin(.num_workers = 3);
    gwt_map_blocks(slides(scene(g), DEEP), take, got, .block_rows = 50, .block_cols = 70,
                   .padding = { 3, 5, 7, 9 });
    EXPECT_OK(g);
    gwt_end(g);
    expect_slid(got, DEEP);
    double n = asked_for();
    REQUIRE(n < 1.6 * DEEP, "%.1f pixels each, of %d", n, DEEP);
}

static gwt_array *half_deep(gwt *g) { return slides(scene(g), DEEP / 2); }

// From wherever a save has stopped within a group, whose later rows are not there while its first
// ones are: the same pixels as at one go, and not all computed again.
static void a_save_goes_on(void **state)
{
    enum { LIMIT = 4 << 20 };
    (void)state;
    for (int part = 2; part < 8; part += 2) {
        const char *path = temp_path("goes_on%d.tif", part);
        gwt_plan plan;
        gwt *g = gwt_begin(.num_workers = 2, .memory_limit = LIMIT, .quiet = true);
        gwt_plan_of_save(half_deep(g), &(gwt_save_options){ .tile_size = 32 }, &plan);
        REQUIRE(plan.pieces >= 6 && 4 * plan.pieces <= plan.tiles, "%d pieces of %d tiles",
                (int)plan.pieces, (int)plan.tiles);
        asked_for();
        gwt_save(half_deep(g), path, .tile_size = 32, .compress = "lzw");
        EXPECT_OK(g);
        gwt_end(g);
        double all = asked_for();
        g = gwt_begin(.num_workers = 2, .memory_limit = LIMIT, .quiet = true);
        atomic_store(&fails_at, (long long)(all * N * part / 8));
        gwt_save(half_deep(g), path, .tile_size = 32, .compress = "lzw", .overwrite = true);
        EXPECT_ERROR(g, GWT_E_USER, "the kernel");
        gwt_end(g);
        atomic_store(&fails_at, 0);
        asked_for();
        g = gwt_begin(.num_workers = 3, .memory_limit = LIMIT);
        gwt_save(half_deep(g), path, .tile_size = 32, .compress = "lzw", .resume = true,
                 .overwrite = true);
        EXPECT_OK(g);
        gwt_end(g);
        expect_file(path, DEEP / 2);
        double again = asked_for();
        REQUIRE(part < 6 || again < 0.8 * all, "%.1f pixels each are computed again, of %.1f",
                again, all);
    }
}

// A window far larger than a tile over pixels that are counted, in so many bytes. Gives how often
// each is computed, or 0, and the bytes that it is said to take.
static double window_in(size_t limit, size_t *takes)
{
    gwt *g = gwt_begin(.num_workers = 2, .memory_limit = limit, .quiet = true);
    double mb = 0;
    double *got = gwt_compute(gwt_moving(slides(scene(g), 1), .window = 301));
    const char *said = got ? NULL : strstr(gwt_message(g), "this takes ");
    REQUIRE(got || said, "%s", gwt_message(g));
    if (said) mb = strtod(said + strlen("this takes "), NULL);
    *takes = (size_t)(mb * 1e6 + 0.5);
    gwt_free(got);
    gwt_end(g);
    return asked_for();
}

// In less and less memory it is computed a few times as often, then refused, and what is said to be
// enough is.
static void no_cliff(void **state)
{
    size_t limit = (size_t)1 << 30, takes = 0;
    (void)state;
    double free = window_in(limit, &takes), n = free, most = free;
    REQUIRE(free >= 1, "not computed in 1 GiB");
    for (limit = 64 << 20; n > 0; limit -= limit / 16) {
        n = window_in(limit, &takes);
        most = n > most ? n : most;
        REQUIRE(n < 10 * free, "%zu bytes: each pixel is computed %.1f times", limit, n);
    }
    REQUIRE(most > 1.5 * free, "never in smaller pieces");
    REQUIRE(takes > limit && takes < 2 * limit, "%zu bytes are refused, %zu wanted", limit, takes);
    REQUIRE(window_in(takes, &limit) > 0, "%zu bytes are not enough, as was said", takes);
}

// What a plan says of twice as many windows is twice as much.
static void plans_of_windows(void **state)
{
    (void)state;
    gwt_plan p[3];
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = scene(g);
    for (int i = 0; i < 3; i++) {
        gwt_array *b = a;
        for (int k = 0; k < 10 * i + 1; k++) b = gwt_moving(b, .window = 31);
        gwt_plan_of_save(b, &(gwt_save_options){ .tile_size = 64 }, &p[i]);
    }
    EXPECT_OK(g);
    gwt_end(g);
    REQUIRE(p[0].pieces == p[0].tiles, "one window in %d pieces", (int)p[0].pieces);
    REQUIRE(p[1].pieces < p[1].tiles, "ten windows in %d pieces", (int)p[1].pieces);
    REQUIRE(p[2].effort < 2.3 * p[1].effort, "%g for 21 windows, %g for 11", p[2].effort,
            p[1].effort);
}

// Gives what it gets, after up to 3 ms, which differ from piece to piece.
static int dawdle(const gwt_kernel *k, void *user)
{
    int64_t line = k->cols + 2;
    (void)user;
    uint64_t n = noise((uint64_t)(k->row + atomic_fetch_add(&asked, 1)));
    nanosleep(&(struct timespec){ .tv_nsec = (long)(n % 3000000) }, NULL);
    for (int64_t r = 0; r < k->rows; r++)
        memcpy(k->out + r * k->cols, k->in + (r + 1) * line + 1, (size_t)k->cols * sizeof *k->out);
    return 0;
}

static gwt_array *dawdling(gwt *g, const char *path)
{
    gwt_array *a = gwt_open(g, path);
    for (int k = 0; k < 6; k++) {
        a = gwt_moving(a, .window = 31);
        if (k % 2 == 0) a = gwt_apply(a, dawdle, NULL, .halo = 1);
    }
    return a;
}

// Groups of tiles one below the other, as many workers as groups: those without one help those that
// lead one, while tiles of later groups wait for earlier ones.
static void helpers_do_not_wait(void **state)
{
    enum { WIDE = 32, HIGH = 4096, TILE = 16, SECONDS = 60 };
    static double values[WIDE * HIGH];
    const char *in = temp_path("tall.tif"), *out = temp_path("tall-means.tif");
    int turns = SLOW ? 4 : 24, status;
    gwt_plan plan;
    (void)state;
    tiff_write_values(in, &(tiff_spec){ .width = WIDE, .height = HIGH, .dtype = GWT_UINT8 },
                      values);
    gwt *planner = gwt_begin(.num_workers = 8);
    gwt_plan_of_save(dawdling(planner, in), &(gwt_save_options){ .tile_size = TILE }, &plan);
    EXPECT_OK(planner);
    gwt_end(planner);
    REQUIRE(plan.pieces == 8, "%d pieces of %d tiles", (int)plan.pieces, (int)plan.tiles);
    pid_t child = fork();       // it can be ended when it hangs
    REQUIRE(child >= 0, "fork fails");
    if (child == 0) alarm(SECONDS);
    for (int i = 0; i < turns && child == 0; i++) {
        gwt *g = gwt_begin(.num_workers = 8);
        gwt_save(dawdling(g, in), out, .tile_size = TILE, .overwrite = true);
        if (gwt_end(g)) _exit(1);
    }
    if (child == 0) _exit(0);
    REQUIRE(waitpid(child, &status, 0) == child, "the child is not there");
    REQUIRE(!WIFSIGNALED(status), "%s", WTERMSIG(status) == SIGALRM ? "it hangs" : "it crashes");
    REQUIRE(WEXITSTATUS(status) == 0, "a save fails");
}

// Each piece takes longer than it is between two reports, so the first tile of each is reported.
static int linger(const gwt_kernel *k, void *user)
{
    nanosleep(&(struct timespec){ .tv_nsec = 120000000 }, NULL);
    return dawdle(k, user);
}

static int64_t most_under_way;

static int note_under_way(const gwt_progress *p, void *user)
{
    (void)user;
    most_under_way = p->under_way > most_under_way ? p->under_way : most_under_way;
    return 0;
}

// Tiles are written row by row, so one worker has most of them under way when it begins with the
// last piece of a row of pieces: then the first row of tiles is written as far as that piece, and
// no tile outside the image is counted.
static void tiles_under_way(void **state)
{
    enum { TILE = 48, LIMIT = 4 << 20 };
    (void)state;
    gwt_plan plan;
    gwt *g = gwt_begin(.num_workers = 1, .memory_limit = LIMIT, .on_progress = note_under_way);
    gwt_array *a = gwt_apply(half_deep(g), linger, NULL, .halo = 1);
    gwt_plan_of_save(a, &(gwt_save_options){ .tile_size = TILE }, &plan);
    EXPECT_OK(g);
    int64_t rows = plan.piece[0] / TILE, cols = plan.piece[1] / TILE, across = (W - 1) / TILE + 1;
    REQUIRE(rows > 1 && across % cols, "pieces of %d x %d tiles", (int)rows, (int)cols);
    most_under_way = 0;
    gwt_save(a, temp_path("under_way.tif"), .tile_size = TILE);
    EXPECT_OK(g);
    gwt_end(g);
    int64_t most = rows * across - across / cols * cols;
    REQUIRE(most_under_way > 0 && most_under_way <= most, "%d tiles, not %d", (int)most_under_way,
            (int)most);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_within_kernels),
        cmocka_unit_test(blocks_of_kernels),
        cmocka_unit_test(a_save_goes_on),
        cmocka_unit_test(no_cliff),
        cmocka_unit_test(plans_of_windows),
        cmocka_unit_test(helpers_do_not_wait),
        cmocka_unit_test(tiles_under_way),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("halos", tests, write_scene, temp_end);
}
