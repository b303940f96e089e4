// test_callbacks.c - what a program is told instead of its terminal: how far actions are, and what
// gwt_end would print. And the options of actions that have no file: who is told, how many workers.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { W = 70, H = 50, N = W * H };

static double pixels[N];

static gwt_array *scene(gwt *g)
{
    for (int i = 0; i < N; i++) pixels[i] = (double)(noise((uint64_t)i) % 200);
    return array_of(g, &(tiff_spec){ .width = W, .height = H, .dtype = GWT_UINT8,
                                     .tile_width = 16, .tile_height = 16 }, pixels);
}

// ---- progress ---------------------------------------------------------------------------------

// What reports said, none of which came while another was under way.
typedef struct told {
    atomic_int inside, calls, ends;
    atomic_bool overlapped, wrong;
    double fraction;
    char action[32], path[256];
    int stop_at;                // the call that says stop; 0: none does
} told;

static int note_progress(const gwt_progress *p, void *user)
{
    told *t = user;
    if (atomic_fetch_add(&t->inside, 1) > 0) atomic_store(&t->overlapped, true);
    int call = atomic_fetch_add(&t->calls, 1) + 1;
    bool good = p->g && p->fraction >= t->fraction && p->fraction <= 1 && p->seconds >= 0
             && p->left >= 0 && p->pixels >= 0 && p->pixels <= N
             && p->fraction == (double)p->pixels / N;
    if (!good) atomic_store(&t->wrong, true);
    t->fraction = p->last ? 0 : p->fraction;
    atomic_fetch_add(&t->ends, p->last);
    snprintf(t->action, sizeof t->action, "%s", p->action);
    snprintf(t->path, sizeof t->path, "%s", p->path ? p->path : "");
    atomic_fetch_sub(&t->inside, 1);
    return call == t->stop_at;
}

static void expect_told(told *t, const char *action, const char *path, int ends)
{
    bool wrong = atomic_load(&t->overlapped) || atomic_load(&t->wrong);
    REQUIRE(!wrong, "%s: reports are wrong", action);
    REQUIRE(!strcmp(t->action, action), "%s is said to be %s", action, t->action);
    REQUIRE(!strcmp(t->path, path), "%s: the output is said to be '%s'", action, t->path);
    REQUIRE(atomic_load(&t->ends) == ends, "%s ended %d times", action, atomic_load(&t->ends));
    memset(t->action, 0, sizeof t->action);
    atomic_store(&t->ends, 0);
    atomic_store(&t->calls, 0);
    t->fraction = 0;
}

static int see_block(const gwt_block *block, void *user)
{
    (void)user;
    return block->id < 0;
}

static void every_action_reports(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 3; workers++) {
        told t = { .stop_at = 0 };
        gwt *g = gwt_begin(.num_workers = workers, .on_progress = note_progress, .user = &t);
        gwt_array *a = scene(g);
        const char *path = temp_path("progress%d.tif", workers), *other = temp_path("other.tif");
        double values[2];
        int64_t counts[4];
        gwt_summary s;
        gwt_free(gwt_compute(a));
        expect_told(&t, "compute", "", 1);
        void *buffers[2] = { NULL, NULL };
        assert_true(gwt_compute_many((gwt_array *[]){ a, gwt_abs(a) }, 2, buffers));
        gwt_free(buffers[0]), gwt_free(buffers[1]);
        expect_told(&t, "compute", "", 1);
        assert_true(gwt_save(a, path));
        expect_told(&t, "save", path, 1);
        assert_true(gwt_save_many((gwt_array *[]){ a, a }, (const char *[]){ path, other }, 2,
                                  .overwrite = true));
        expect_told(&t, "save", path, 1);
        assert_true(gwt_map_blocks(a, see_block, NULL) > 0);
        expect_told(&t, "map_blocks", "", 1);
        assert_true(gwt_summarize(a, &s));
        expect_told(&t, "summarize", "", 1);
        assert_true(gwt_histogram(a, 0, 200, 4, counts));
        expect_told(&t, "histogram", "", 1);
        assert_true(gwt_percentiles(a, (const double[]){ 5, 95 }, 2, values));
        expect_told(&t, "percentiles", "", 1);      // 8 bits: once over the image
        gwt_array *wide = gwt_cast(a, GWT_FLOAT32);
        assert_true(gwt_percentiles(wide, (const double[]){ 5, 95 }, 2, values));
        expect_told(&t, "percentiles", "", 3);      // 32 bits: three times
        assert_int_equal(gwt_end(g), 0);
    }
}

// What a report sees of the others.
typedef struct seen { int workers; atomic_int calls, busy, wrong; double read, written; } seen;

static int see_others(const gwt_progress *p, void *user)
{
    seen *s = user;
    gwt_activity a;
    bool there = gwt_watch(p->g, &a);
    int sum = a.idle;
    for (int i = 0; i <= GWT_STAGE_SCHEDULE; i++) sum += a.stages[i];
    bool good = there && sum == s->workers - 1 && a.resident > 0 && a.read >= s->read
             && a.written >= s->written && p->under_way >= 0 && p->under_way <= 20
             && (!p->last || p->under_way == 0);
    s->read = a.read, s->written = a.written;
    atomic_fetch_add(&s->calls, 1);
    atomic_fetch_add(&s->busy, a.stages[GWT_STAGE_USER]);
    atomic_fetch_add(&s->wrong, !good);
    return 0;
}

// A tile a call: they take longer than reports are apart.
static int dawdle(const gwt_kernel *k, void *user)
{
    (void)user;
    nanosleep(&(struct timespec){ .tv_nsec = 40000000 }, NULL);
    memcpy(k->out, k->in, (size_t)(k->rows * k->cols) * sizeof *k->out);
    return 0;
}

static void reports_while_it_runs(void **state)
{
    (void)state;
    told t = { .stop_at = 0 };
    gwt *g = gwt_begin(.num_workers = 2, .chunks = 16, .on_progress = note_progress, .user = &t);
    gwt_array *slow = gwt_apply(scene(g), dawdle, NULL);
    assert_true(gwt_save(slow, temp_path("slow.tif"), .tile_size = 16));
    // 20 tiles of 40 ms on two workers: 0.4 s.
    REQUIRE(atomic_load(&t.calls) >= 3 && atomic_load(&t.calls) <= 25, "%d reports",
            atomic_load(&t.calls));
    expect_told(&t, "save", temp_path("slow.tif"), 1);
    assert_int_equal(gwt_end(g), 0);
}

// Others are in their kernels at most reports; nothing is kept of that.
static void a_report_watches(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 3; workers += 2) {
        seen s = { .workers = workers };
        gwt_activity a = { .idle = 7 };
        gwt *g = gwt_begin(.num_workers = workers, .chunks = 16, .on_progress = see_others,
                           .user = &s);
        assert_false(gwt_watch(g, &a));
        assert_int_equal(a.idle, 0);
        assert_false(gwt_watch(NULL, &a));
        assert_true(gwt_profile_begin(g, .no_events = true));
        const char *path = temp_path("watched.tif");
        assert_true(gwt_save(gwt_apply(scene(g), dawdle, NULL), path, .tile_size = 16,
                             .overwrite = true));
        const gwt_profile *p = gwt_profile_end(g);
        assert_false(gwt_watch(g, &a));
        REQUIRE(atomic_load(&s.calls) >= 3 && atomic_load(&s.wrong) == 0, "%d of %d reports are "
                "wrong", atomic_load(&s.wrong), atomic_load(&s.calls));
        REQUIRE(workers == 1 ? atomic_load(&s.busy) == 0 : atomic_load(&s.busy) > 0,
                "%d were seen in kernels", atomic_load(&s.busy));
        REQUIRE(s.written > 0, "nothing was written");
        assert_true(p && p->num_events == 0 && p->num_samples == 0 && p->complete);
        assert_int_equal(gwt_end(g), 0);
    }
}

static void a_report_cancels(void **state)
{
    (void)state;
    told t = { .stop_at = 2 };
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true, .on_progress = note_progress, .user = &t);
    gwt_array *slow = gwt_apply(scene(g), dawdle, NULL);
    assert_false(gwt_save(slow, temp_path("cancelled.tif"), .tile_size = 16));
    EXPECT_ERROR(g, GWT_E_CANCELLED, "cancelled");
    assert_int_equal(atomic_load(&t.ends), 1);
    assert_true(file_exists(temp_path("cancelled.tif.part")));
    assert_true(gwt_save(slow, temp_path("cancelled.tif"), .tile_size = 16, .resume = true));
    // What the last report gives stops nothing.
    t.stop_at = 2;
    atomic_store(&t.calls, 0);
    gwt_array *quick = gwt_window(scene(g), 0, 0, 5, 5);
    t.fraction = 0;
    gwt_free(gwt_compute(quick));
    EXPECT_OK(g);
    assert_int_equal(gwt_end(g), 0);
}

static int compute_within(const gwt_block *block, void *user)
{
    gwt_array *a = user;
    gwt_free(gwt_compute(a));
    return block->id < 0;
}

// Inside of another action none is told of unless it is asked for.
static void nested_actions_are_silent(void **state)
{
    (void)state;
    told t = { .stop_at = 0 };
    gwt *g = gwt_begin(.num_workers = 2, .on_progress = note_progress, .user = &t);
    gwt_array *a = scene(g);
    assert_true(gwt_map_blocks(a, compute_within, a, .block_rows = 25, .block_cols = 35) == 4);
    expect_told(&t, "map_blocks", "", 1);
    assert_int_equal(gwt_end(g), 0);
}

// ---- messages ---------------------------------------------------------------------------------

typedef struct heard { int count[3]; char text[3][400]; } heard;

static void note_message(gwt_message_kind kind, const char *text, void *user)
{
    heard *h = user;
    h->count[kind]++;
    snprintf(h->text[kind], sizeof h->text[kind], "%s", text);
}

// Runs with stderr in a file, whose size it gives.
static size_t printed(int (*run)(heard *h, bool quiet), heard *h, bool quiet, int *status)
{
    const char *path = temp_path("stderr.txt");
    int before = dup(2);
    fflush(stderr);
    assert_non_null(freopen(path, "w", stderr));
    *status = run(h, quiet);
    fflush(stderr);
    assert_true(dup2(before, 2) == 2);
    close(before);
    size_t size;
    free(file_read(path, &size));
    return size;
}

// An error, a note (FILE.msk that is no mask), and tiles that can't be decoded.
static int with_all_kinds(heard *h, bool quiet)
{
    gwt *g = h ? gwt_begin(.num_workers = 2, .quiet = quiet, .on_message = note_message, .user = h)
               : gwt_begin(.num_workers = 2, .quiet = quiet);
    const char *path = temp_path("masked.tif"), *bad = temp_path("bad.tif");
    tiff_spec spec = { .width = W, .height = H, .dtype = GWT_UINT8 };
    tiff_write_values(path, &spec, pixels);
    tiff_write_values(temp_path("masked.tif.msk"), &spec, pixels);
    gwt_free(gwt_compute(gwt_open(g, path)));
    gwt_save(scene(g), bad, .overwrite = true, .tile_size = 16, .compress = "deflate");
    size_t size;
    unsigned char *data = file_read(bad, &size);
    memset(data + 16, 0xff, 600);       // the first tiles, of some 250 bytes each
    file_write(bad, data, size);
    free(data);
    gwt_free(gwt_compute(gwt_open(g, bad, .fill_bad_tiles = true, .nodata = gwt_some(0))));
    EXPECT_OK(g);
    gwt_fail(g, GWT_E_USER, "enough of %s", "this");
    return gwt_end(g);
}

static void messages_are_handed_over(void **state)
{
    (void)state;
    int status;
    heard h = { .count = { 0 } };
    assert_true(printed(with_all_kinds, NULL, false, &status) > 0);
    assert_int_equal(status, 1);
    assert_int_equal(printed(with_all_kinds, NULL, true, &status), 0);
    for (int quiet = 0; quiet < 2; quiet++) {
        memset(&h, 0, sizeof h);
        assert_int_equal(printed(with_all_kinds, &h, quiet, &status), 0);
        assert_int_equal(status, 1);
        assert_int_equal(h.count[GWT_MESSAGE_ERROR], 1);
        assert_string_equal(h.text[GWT_MESSAGE_ERROR], "enough of this");
        assert_int_equal(h.count[GWT_MESSAGE_WARNING], 1);
        assert_non_null(strstr(h.text[GWT_MESSAGE_WARNING], "masked.tif.msk: is not looked at"));
        assert_int_equal(h.count[GWT_MESSAGE_FILLED], 1);
        assert_non_null(strstr(h.text[GWT_MESSAGE_FILLED], "bad.tif: tile "));
        assert_non_null(strstr(h.text[GWT_MESSAGE_FILLED], " more such tiles are filled"));
    }
}

// What is in the list of none is not looked at, so no session can have the error.
static int with_none(heard *h, bool quiet)
{
    (void)h, (void)quiet;
    gwt_array *wild = (gwt_array *)(uintptr_t)1;
    void *buffer = NULL;
    const char *path = temp_path("none.tif");
    bool made = gwt_stack(&wild, 0, GWT_BAND) || gwt_calc(&wild, 0, "1")
             || gwt_mosaic(&wild, 0, GWT_UNION, GWT_MAX, GWT_NEAREST);
    made |= gwt_compute_many(&wild) || gwt_compute_many(&wild, 0, &buffer);
    return made || gwt_save_many(&wild, &path, .compress = "lzw");
}

static void none_is_reported(void **state)
{
    (void)state;
    static const char *const calls[] = { "stack", "calc", "mosaic", "compute_many", "compute_many",
                                         "save_many" };
    int status;
    size_t size;
    assert_true(printed(with_none, NULL, false, &status) > 0);
    assert_int_equal(status, 0);
    char *text = (char *)file_read(temp_path("stderr.txt"), &size), *line = text, want[100];
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        snprintf(want, sizeof want,
                 "gwt: gwt_%s: 0 arrays are given: it needs 1 or more\n", calls[i]);
        assert_true((size_t)(text + size - line) >= strlen(want));
        assert_memory_equal(line, want, strlen(want));
        line += strlen(want);
    }
    assert_true(line == text + size);
    free(text);
}

// ---- options ----------------------------------------------------------------------------------

static void options_of_numbers(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 3, .quiet = true);
    gwt_array *a = scene(g);
    gwt_summary all, one;
    int64_t counts[2][8];
    double values[2][2];
    assert_true(gwt_summarize(a, &all));
    assert_true(gwt_summarize(a, &one, .num_workers = 1, .progress = true));
    assert_memory_equal(&all, &one, sizeof all);
    assert_true(gwt_histogram(a, 0, 200, 8, counts[0]));
    assert_true(gwt_histogram(a, 0, 200, 8, counts[1], .num_workers = 1, .progress = true));
    assert_memory_equal(counts[0], counts[1], sizeof counts[0]);
    assert_true(gwt_percentiles(a, (const double[]){ 10, 50 }, 2, values[0]));
    assert_true(gwt_percentiles(a, (const double[]){ 10, 50 }, 2, values[1], .num_workers = 2));
    assert_memory_equal(values[0], values[1], sizeof values[0]);
    assert_true(gwt_percentiles_with(a, (const double[]){ 10, 50 }, 2, values[1], NULL));
    assert_memory_equal(values[0], values[1], sizeof values[0]);
    assert_false(gwt_summarize(a, &one, .num_workers = -1));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "num_workers = -1");
    assert_false(gwt_histogram(a, 0, 1, 2, counts[0], .num_workers = -1));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "num_workers = -1");
    assert_false(gwt_percentiles(a, (const double[]){ 10, 50 }, 2, values[0], .num_workers = -1));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "num_workers = -1");
    assert_int_equal(gwt_end(g), 0);
}

// Several arrays at once, in a type and with a nodata value that the caller chooses.
static void options_of_compute_many(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = scene(g), *half = gwt_div(a, gwt_number(g, 2));
    gwt_array *none = gwt_div(a, gwt_sub(a, a));        // x / 0 is inf, 0 / 0 is missing
    int16_t *got[2] = { NULL, NULL };
    assert_true(gwt_compute_many((gwt_array *[]){ half, none }, 2, (void **)got,
                                 .dtype = GWT_INT16, .nodata = gwt_some(-7), .num_workers = 1,
                                 .nodatas = (const gwt_optional[]){ { 0 }, SOME(-8) }));
    for (int i = 0; i < N; i++) {
        double to_even = pixels[i] / 2 - (double)(int)(pixels[i] / 2) == 0.5
                             ? 2 * (double)(int)((pixels[i] / 2 + 0.5) / 2) : pixels[i] / 2;
        REQUIRE(got[0][i] == (int16_t)to_even, "half of %g is %d", pixels[i], got[0][i]);
        REQUIRE(got[1][i] == (pixels[i] == 0 ? -8 : INT16_MAX), "%g / 0 is %d", pixels[i],
                got[1][i]);
    }
    gwt_free(got[0]), gwt_free(got[1]);
    got[0] = got[1] = NULL;
    assert_false(gwt_compute_many((gwt_array *[]){ half, none }, 2, (void **)got,
                                  .dtype = GWT_INT16));
    EXPECT_ERROR(g, GWT_E_NODATA, NULL);
    assert_true(!got[0] && !got[1]);
    assert_false(gwt_compute_many((gwt_array *[]){ a, a }, 2, (void **)got,
                                  .dtype = (gwt_dtype)77));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
    assert_int_equal(gwt_end(g), 0);
}

// Lists are written where they are wanted, without parentheses of their own.
static void lists_in_place(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = scene(g);
    const char *one = temp_path("one.tif"), *two = temp_path("two.tif");
    assert_true(gwt_save_many((gwt_array *[]){ a, gwt_abs(a) }, (const char *[]){ one, two }, 2));
    gwt_array *b = gwt_open_many(g, (const char *[]){ one, two }, 2);
    assert_int_equal(gwt_describe(b)->shape[1], 2);
    b = gwt_open_many(g, (const char *[]){ one, two }, 2, .stack = GWT_TIME,
                      .time_names = (const char *[]){ "d1", "d2", NULL });
    assert_int_equal(gwt_describe(b)->shape[0], 2);
    assert_null(gwt_open_many(g, NULL, 0));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
    assert_int_equal(gwt_end(g), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_action_reports),
        cmocka_unit_test(reports_while_it_runs),
        cmocka_unit_test(a_report_watches),
        cmocka_unit_test(a_report_cancels),
        cmocka_unit_test(nested_actions_are_silent),
        cmocka_unit_test(messages_are_handed_over),
        cmocka_unit_test(none_is_reported),
        cmocka_unit_test(options_of_numbers),
        cmocka_unit_test(options_of_compute_many),
        cmocka_unit_test(lists_in_place),
    };
    return cmocka_run_group_tests_name("callbacks", tests, temp_begin, temp_end);
}
