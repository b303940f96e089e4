// test_profile.c - what a profile says, against what there was to do: tiles, pieces and bytes
// counted from the geometry, sums of times, waits drawn as waits, and the three kinds of dumps.

#define _XOPEN_SOURCE 700

#include "oracle.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { ROWS = 500, COLS = 700, TILE = 64, DOWN = 8, ACROSS = 11, TILES = DOWN * ACROSS };

static const tiff_spec tiled = { .width = COLS, .height = ROWS, .bands = 2, .dtype = GWT_UINT16,
                                 .tile_width = TILE, .tile_height = TILE,
                                 .compression = COMPRESSION_LZW };

static int write_scene(void **state)
{
    if (temp_begin(state)) return -1;
    uint16_t *pixels = malloc(2 * ROWS * COLS * sizeof *pixels);
    for (int i = 0; pixels && i < 2 * ROWS * COLS; i++)
        pixels[i] = (uint16_t)(noise((uint64_t)i) >> 50);
    if (pixels) tiff_write(temp_path("scene.tif"), &tiled, pixels);
    free(pixels);
    return pixels ? 0 : -1;
}

static gwt_array *scene(gwt *g, int chunks)
{
    return gwt_open(g, temp_path("scene.tif"), .chunks = chunks);
}

// ---- what holds for every profile ---------------------------------------------------------------


static void check_order(const gwt_profile *p)
{
    REQUIRE(p && p->complete && p->seconds > 0, "no whole profile");
    for (size_t i = 0; i < p->num_events; i++) {
        const gwt_event *e = &p->events[i], *before = i ? e - 1 : NULL;
        REQUIRE(e->worker >= 0 && e->worker < p->num_workers, "event %zu: worker %d", i, e->worker);
        REQUIRE(e->start >= 0 && e->start <= e->end && e->end <= p->seconds + 1e-9,
                "event %zu: %.9f to %.9f of %.9f", i, e->start, e->end, p->seconds);
        REQUIRE(*gwt_stage_name(e->stage), "event %zu: stage %d", i, (int)e->stage);
        if (!before || before->worker != e->worker) {
            REQUIRE(!before || before->worker < e->worker, "event %zu: workers not in order", i);
            continue;
        }
        REQUIRE(before->end <= e->start, "events %zu and %zu overlap: %.9f, %.9f", i - 1, i,
                before->end, e->start);
    }
}

static size_t count_stage(const gwt_profile *p, gwt_stage stage, const char *file)
{
    size_t n = 0;
    for (size_t i = 0; i < p->num_events; i++) {
        const gwt_event *e = &p->events[i];
        n += e->stage == stage && e->ends && (!file || (e->file && !strcmp(e->file, file)));
    }
    return n;
}

// Each tile of a file once, with the bytes the file says.
static void check_tiles(const gwt_profile *p, gwt_stage stage, const char *name, int tiles,
                        const uint64_t *bytes_in, uint64_t bytes_out)
{
    int *seen = calloc((size_t)tiles, sizeof *seen);
    for (size_t i = 0; seen && i < p->num_events; i++) {
        const gwt_event *e = &p->events[i];
        if (e->stage != stage || !e->ends || strcmp(e->file ? e->file : "", name)) continue;
        REQUIRE(e->tile >= 0 && e->tile < tiles, "%s: tile %lld", name, (long long)e->tile);
        seen[e->tile]++;
        REQUIRE(!bytes_in || e->bytes_in == bytes_in[e->tile], "%s: tile %lld: %llu bytes in", name,
                (long long)e->tile, (unsigned long long)e->bytes_in);
        REQUIRE(!bytes_out || e->bytes_out == bytes_out, "%s: tile %lld: %llu bytes out", name,
                (long long)e->tile, (unsigned long long)e->bytes_out);
    }
    for (int i = 0; i < tiles; i++)
        REQUIRE(seen[i] == 1, "%s: %s of tile %d: %d times", name, gwt_stage_name(stage), i,
                seen[i]);
    free(seen);
}

static uint64_t *byte_counts(const char *path, int tiles)
{
    TIFF *tif = TIFFOpen(path, "r");
    uint64_t *counts = NULL, *kept = malloc((size_t)tiles * sizeof *kept);
    REQUIRE(tif && kept && TIFFGetField(tif, TIFFTAG_TILEBYTECOUNTS, &counts), "%s", path);
    memcpy(kept, counts, (size_t)tiles * sizeof *kept);
    TIFFClose(tif);
    return kept;
}

// The pieces cover the image, each pixel once.
static void check_pieces(const gwt_profile *p)
{
    static unsigned char times[ROWS * COLS];
    memset(times, 0, sizeof times);
    for (size_t i = 0; i < p->num_events; i++) {
        const gwt_event *e = &p->events[i];
        if (e->stage != GWT_STAGE_COMPUTE || !e->ends) continue;
        for (int64_t r = e->row; r < e->row + e->rows; r++)
            for (int64_t c = e->col; c < e->col + e->cols; c++) times[r * COLS + c]++;
    }
    for (int i = 0; i < ROWS * COLS; i++)
        REQUIRE(times[i] == 1, "pixel %d, %d computed %d times", i / COLS, i % COLS, times[i]);
}

// ---- saving -------------------------------------------------------------------------------------

static void every_tile_once(void **state)
{
    static const int workers[] = { 1, 2, 8 }, chunks[] = { 20, 64, 1000 };
    (void)state;
    uint64_t *in = byte_counts(temp_path("scene.tif"), TILES);
    for (size_t w = 0; w < COUNT_OF(workers); w++)
        for (size_t k = 0; k < COUNT_OF(chunks); k++) {
            const char *out = temp_path("out_%zu_%zu.tif", w, k), *name = strrchr(out, '/') + 1;
            gwt *g = gwt_begin(.num_workers = workers[w]);
            gwt_array *a = scene(g, chunks[k]);
            assert_true(gwt_profile_begin(g, .cache = true));
            assert_true(
                gwt_save(gwt_calc(&a, 1, "b1 + b2"), out, .block = TILE, .compress = "lzw"));
            const gwt_profile *p = gwt_profile_end(g);
            check_order(p);
            check_tiles(p, GWT_STAGE_READ, "scene.tif", TILES, in, 0);
            check_tiles(p, GWT_STAGE_DECODE, "scene.tif", TILES, in, TILE * TILE * 4);
            uint64_t *written = byte_counts(out, TILES);
            check_tiles(p, GWT_STAGE_ENCODE, name, TILES, NULL, 0);
            check_tiles(p, GWT_STAGE_WRITE, name, TILES, written, 0);
            free(written);
            check_pieces(p);
            assert_int_equal(p->chunks[2], chunks[k] < ROWS ? chunks[k] : ROWS);
            // A tile is asked for by each of its pieces: hits are all but the first.
            size_t pieces = count_stage(p, GWT_STAGE_COMPUTE, NULL);
            int64_t hits = 0;
            for (size_t i = 0; i < p->num_residences; i++) {
                const gwt_residence *r = &p->residences[i];
                REQUIRE(r->from >= 0 && r->from <= r->to && r->to <= p->seconds, "residence %zu",
                        i);
                assert_int_equal(r->bytes, TILE * TILE * 4);
                hits += r->hits;
            }
            assert_int_equal(p->num_residences, TILES);
            assert_int_equal((size_t)hits + TILES, pieces);
            EXPECT_OK(g);
            assert_int_equal(gwt_end(g), 0);
        }
    free(in);
}

// With one worker there is no time that is not in some event; a busy machine may need more tries.
static void no_time_is_lost(void **state)
{
    double covered = 0, seconds = 1;
    (void)state;
    for (int tries = 0; tries < 5 && covered < 0.98 * seconds; tries++) {
        gwt *g = gwt_begin(.num_workers = 1);
        gwt_array *a = scene(g, 64);
        gwt_array *m = gwt_moving(gwt_moving(a, .stat = GWT_MEDIAN, .window = 7), .window = 31);
        gwt_profile_begin(g);
        gwt_free(gwt_compute(m));
        const gwt_profile *p = gwt_profile_end(g);
        check_order(p);
        covered = 0, seconds = p->seconds;
        for (size_t i = 0; i < p->num_events; i++) covered += p->events[i].end - p->events[i].start;
        assert_true(covered <= seconds * (1 + 1e-9));
        assert_int_equal(gwt_end(g), 0);
    }
    REQUIRE(covered >= 0.98 * seconds, "%.4f of %.4f s are in events", covered, seconds);
}

// ---- waiting, users' functions, nests -----------------------------------------------------------

static void pause_for(double seconds)
{
    struct timespec t = { 0, (long)(seconds * 1e9) };
    nanosleep(&t, NULL);
}

// The first piece takes long: the others run ahead as far as they may, then wait for the writer.
static int slow_at_first(const gwt_kernel *k, void *user)
{
    atomic_fetch_add((atomic_int *)user, 1);
    memset(k->out, 0, (size_t)(k->rows * k->cols) * (size_t)k->planes_out * sizeof *k->out);
    if (k->row == 0 && k->col == 0) pause_for(0.3);
    return 0;
}

static void waiting_is_waiting(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    atomic_int calls = 0;
    gwt_array *a = gwt_apply(scene(g, 64), slow_at_first, &calls, .bands = 1);
    gwt_profile_begin(g);
    assert_true(gwt_save(a, temp_path("slow.tif"), .block = 16));
    const gwt_profile *p = gwt_profile_end(g);
    double wait = 0, user = 0;
    check_order(p);
    for (size_t i = 0; i < p->num_events; i++) {
        const gwt_event *e = &p->events[i];
        if (e->stage == GWT_STAGE_WAIT_WRITER) wait += e->end - e->start;
        if (e->stage == GWT_STAGE_USER) user += e->end - e->start;
    }
    REQUIRE(wait > 0.1, "%.3f s of waiting for the writer", wait);
    REQUIRE(user > 0.29, "%.3f s in the user's function", user);
    assert_int_equal(count_stage(p, GWT_STAGE_USER, NULL), atomic_load(&calls));
    assert_int_equal(gwt_end(g), 0);
}

static int nested(const gwt_block *b, void *user)
{
    gwt_array *a = user;
    gwt_free(gwt_compute(gwt_window(a, b->row, b->col, b->rows, b->cols)));
    return 0;
}

static void nested_actions(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 8; workers *= 2) {
        gwt *g = gwt_begin(.num_workers = workers);
        gwt_array *a = scene(g, 100);
        gwt_profile_begin(g, .resource_dt = 0.002, .cache = true);
        int64_t blocks = gwt_map_blocks(a, nested, a, .row_chunks = 128, .col_chunks = 200);
        gwt_free(gwt_compute(gwt_moving(a, .window = 9)));
        const gwt_profile *p = gwt_profile_end(g);
        check_order(p);
        assert_int_equal(blocks, 4 * 4);
        assert_int_equal(count_stage(p, GWT_STAGE_USER, NULL), blocks);
        for (size_t i = 0; i < p->num_samples; i++) {
            const gwt_sample *s = &p->samples[i];
            assert_true(s->resident > 0 && s->cpu >= 0 && s->read >= 0 && s->written == 0);
            assert_true(i == 0 || s->time > s[-1].time);
        }
        EXPECT_OK(g);
        assert_int_equal(gwt_end(g), 0);
    }
}

// What the samples say was read and written is what the events say.
static void samples_add_up(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_profile_begin(g, .resource_dt = 0.005);
    gwt_array *slow = gwt_moving(scene(g, 64), .stat = GWT_MEDIAN, .window = 9);
    assert_true(gwt_save(slow, temp_path("samples.tif"), .overwrite = true));
    const gwt_profile *p = gwt_profile_end(g);
    double read = 0, written = 0, in = 0, out = 0, before = 0;
    assert_true(p && p->num_samples > 0);
    for (size_t i = 0; i < p->num_samples; i++) {
        read += p->samples[i].read * (p->samples[i].time - before);
        written += p->samples[i].written * (p->samples[i].time - before);
        before = p->samples[i].time;
    }
    for (size_t i = 0; i < p->num_events; i++) {
        const gwt_event *e = &p->events[i];
        if (e->ends && e->stage == GWT_STAGE_READ) in += (double)e->bytes_in;
        if (e->ends && e->stage == GWT_STAGE_WRITE) out += (double)e->bytes_out;
    }
    REQUIRE(fabs(read - in) <= 0.2 * in && fabs(written - out) <= 0.2 * out,
            "%.0f of %.0f bytes read, %.0f of %.0f written", read, in, written, out);
    assert_int_equal(gwt_end(g), 0);
}

// ---- dumps --------------------------------------------------------------------------------------

static int lines_of(const char *path)
{
    size_t size;
    unsigned char *text = file_read(path, &size);
    int n = 0;
    for (size_t i = 0; i < size; i++) n += text[i] == '\n';
    free(text);
    return n;
}

static void dumps(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = scene(g, 64);
    gwt_profile_begin(g, .resource_dt = 0.01, .cache = true);
    assert_true(gwt_save(a, temp_path("a \"b\", c.tif"), .compress = "deflate"));
    const gwt_profile *p = gwt_profile_end(g);
    check_order(p);
    assert_true(gwt_profile_save_csv(g, p, temp_path("prof")));
    assert_true(gwt_profile_save_trace(g, p, temp_path("trace.json")));
    assert_int_equal(lines_of(temp_path("prof_events.csv")), p->num_events + 1);
    assert_int_equal(lines_of(temp_path("prof_resources.csv")), p->num_samples + 1);
    assert_int_equal(lines_of(temp_path("prof_cache.csv")), p->num_residences + 1);
    size_t size;
    char *trace = (char *)file_read(temp_path("trace.json"), &size);
    trace[size - 1] = 0;
    size_t complete = 0;
    for (const char *at = trace; (at = strstr(at, "\"ph\":\"X\"")); at++) complete++;
    assert_int_equal(complete, p->num_events);
    REQUIRE(strstr(trace, "\"a \\\"b\\\", c.tif tile 0\""), "the file's name is not escaped");
    free(trace);
    FILE *f = fopen(temp_path("summary.txt"), "w");
    gwt_profile_summary(p, f);
    fclose(f);
    char *text = (char *)file_read(temp_path("summary.txt"), &size);
    text[size - 1] = 0;
    char *line = strstr(text, "\ndecode "), row[128];
    unsigned long count = 0;
    REQUIRE(line && sscanf(line, " %127s %lu", row, &count) == 2, "no line for decode: %s", text);
    assert_int_equal(count, count_stage(p, GWT_STAGE_DECODE, NULL));
    free(text);
    assert_false(gwt_profile_save_trace(g, p, temp_path("no/such/folder.json")));
    EXPECT_ERROR(g, GWT_E_IO, "folder.json");
    assert_false(gwt_profile_save_trace(g, NULL, temp_path("nothing.json")));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "no profile");
    assert_int_equal(gwt_end(g), 0);
}

// ---- beginning and ending -----------------------------------------------------------------------

static void begin_inside(size_t index, void *user)
{
    (void)index;
    assert_false(gwt_profile_begin(user));
    assert_null(gwt_profile_end(user));
}

static void beginning_and_ending(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    assert_null(gwt_profile_end(g));
    gwt_parallel_for(g, 1, begin_inside, g);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "inside an action");
    assert_false(gwt_profile_begin(g, .resource_dt = -1));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "resource_dt");
    assert_true(gwt_profile_begin(g));
    assert_false(gwt_profile_begin(g));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "already");
    gwt_free(gwt_compute(scene(g, 64)));
    const gwt_profile *first = gwt_profile_end(g);
    size_t events = first->num_events;
    gwt_free(gwt_compute(scene(g, 64)));    // not recorded
    assert_true(gwt_profile_begin(g, .resource_dt = 0.01));
    gwt_free(gwt_compute(gwt_window(scene(g, 64), 0, 0, 10, 10)));
    const gwt_profile *second = gwt_profile_end(g);
    assert_int_equal(first->num_events, events);
    check_order(first), check_order(second);
    assert_int_equal(count_stage(second, GWT_STAGE_DECODE, NULL), 1);
    assert_true(gwt_profile_begin(g, .resource_dt = 0.01, .cache = true));   // and left open
    gwt_free(gwt_compute(scene(g, 64)));
    assert_int_equal(gwt_end(g), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tile_once),
        cmocka_unit_test(no_time_is_lost),
        cmocka_unit_test(waiting_is_waiting),
        cmocka_unit_test(nested_actions),
        cmocka_unit_test(samples_add_up),
        cmocka_unit_test(dumps),
        cmocka_unit_test(beginning_and_ending),
    };
    return cmocka_run_group_tests_name("profile", tests, write_scene, temp_end);
}
