// test_profile.c - what a profile says is what was done: its events against the geometry of the
// files and the pieces, its times against the clock, its dumps and its summary against its events.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STAGES = GWT_STAGE_SCHEDULE + 1, TRIES = 5 };

static const int worker_counts[] = { 1, 2, 8 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void sleep_ms(int ms)
{
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// ---- what holds for every profile -------------------------------------------------------------

static bool has_file(gwt_stage s)
{
    return s == GWT_STAGE_READ || s == GWT_STAGE_DECODE || s == GWT_STAGE_ENCODE
        || s == GWT_STAGE_WRITE || s == GWT_STAGE_WAIT_TILE;
}

static bool waits(gwt_stage s)
{
    return s == GWT_STAGE_WAIT_TILE || s == GWT_STAGE_WAIT_WRITER || s == GWT_STAGE_WAIT_LOCK;
}

// Each worker's events follow one another within the profile's time, and say what they may.
static void check_events(const gwt_profile *p)
{
    int worker = 0;
    double before = 0;
    REQUIRE(p->complete && p->seconds > 0, "not complete, or no time in it");
    for (size_t i = 0; i < p->num_events; i++) {
        const gwt_event *e = &p->events[i];
        REQUIRE(e->worker >= worker && e->worker < p->num_workers, "event %zu: of worker %d after "
                "%d", i, e->worker, worker);
        if (e->worker > worker) before = 0;
        worker = e->worker;
        REQUIRE((int)e->stage >= 0 && (int)e->stage < STAGES, "event %zu: stage %d", i, e->stage);
        REQUIRE(e->start >= before && e->end >= e->start && e->end <= p->seconds,
                "event %zu, %s: %.9f..%.9f after %.9f, of %.9f s", i, gwt_stage_name(e->stage),
                e->start, e->end, before, p->seconds);
        before = e->end;
        REQUIRE(e->ends || e->end > e->start, "event %zu: a part of nothing", i);
        REQUIRE(e->ends || (!e->bytes_in && !e->bytes_out), "event %zu: bytes of a part", i);
        REQUIRE(has_file(e->stage) == (e->file != NULL) && has_file(e->stage) == (e->tile >= 0),
                "event %zu, %s: file %s, tile %lld", i, gwt_stage_name(e->stage),
                e->file ? e->file : "none", (long long)e->tile);
        bool piece = e->stage == GWT_STAGE_COMPUTE;
        REQUIRE(!piece || (e->rows > 0 && e->cols > 0), "event %zu: an empty piece", i);
    }
}

static void check_samples(const gwt_profile *p)
{
    double before = 0;
    for (size_t i = 0; i < p->num_samples; i++) {
        const gwt_sample *s = &p->samples[i];
        REQUIRE(s->time > before && s->time <= p->seconds, "sample %zu: at %.9f after %.9f, of "
                "%.9f s", i, s->time, before, p->seconds);
        REQUIRE(s->cpu >= 0 && s->resident > 0 && s->read >= 0 && s->written >= 0
                    && s->faults >= 0, "sample %zu: cpu %g, resident %llu", i, s->cpu,
                (unsigned long long)s->resident);
        before = s->time;
    }
}

static void check_residences(const gwt_profile *p)
{
    double before = 0;
    for (size_t i = 0; i < p->num_residences; i++) {
        const gwt_residence *r = &p->residences[i];
        REQUIRE(r->from >= 0 && r->from <= r->to && r->to <= p->seconds && r->to >= before,
                "residence %zu: %.9f..%.9f after one that ended at %.9f, of %.9f s", i, r->from,
                r->to, before, p->seconds);
        REQUIRE(r->file && r->tile >= 0 && r->bytes > 0 && r->hits >= 0, "residence %zu", i);
        before = r->to;
    }
}

static const gwt_profile *end_profile(gwt *g)
{
    const gwt_profile *p = gwt_profile_end(g);
    REQUIRE(p, "no profile: %s", gwt_message(g));
    REQUIRE(p->num_workers == gwt_num_workers(g), "of %d workers", p->num_workers);
    check_events(p);
    check_samples(p);
    check_residences(p);
    return p;
}

static int64_t count_of(const gwt_profile *p, gwt_stage stage)
{
    int64_t n = 0;
    for (size_t i = 0; i < p->num_events; i++)
        n += p->events[i].stage == stage && p->events[i].ends;
    return n;
}

static double time_of(const gwt_profile *p, gwt_stage stage, int worker)
{
    double sum = 0;
    for (size_t i = 0; i < p->num_events; i++) {
        const gwt_event *e = &p->events[i];
        if (e->stage == stage && (worker < 0 || e->worker == worker)) sum += e->end - e->start;
    }
    return sum;
}

static uint64_t bytes_of(const gwt_profile *p, gwt_stage stage)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < p->num_events; i++)
        if (p->events[i].stage == stage) sum += p->events[i].bytes_out;
    return sum;
}

// ---- tiles and pieces -------------------------------------------------------------------------

typedef struct tiles { int64_t n; uint64_t *stored, *decoded; bool plain; } tiles;

// Sizes of a file's tiles or strips, stored and decoded, as libtiff knows them.
static tiles tiles_of(const char *path)
{
    uint64_t *counts = NULL;
    uint16_t compression = 0, config = 0, samples = 1;
    uint32_t height = 0, per_strip = 0;
    TIFF *t = TIFFOpen(path, "r");
    REQUIRE(t, "%s: not there", path);
    bool tiled = TIFFIsTiled(t) != 0;
    TIFFGetField(t, tiled ? TIFFTAG_TILEBYTECOUNTS : TIFFTAG_STRIPBYTECOUNTS, &counts);
    TIFFGetField(t, TIFFTAG_COMPRESSION, &compression);
    TIFFGetField(t, TIFFTAG_IMAGELENGTH, &height);
    TIFFGetFieldDefaulted(t, TIFFTAG_ROWSPERSTRIP, &per_strip);
    TIFFGetFieldDefaulted(t, TIFFTAG_PLANARCONFIG, &config);
    TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLESPERPIXEL, &samples);
    tiles list = { .n = tiled ? TIFFNumberOfTiles(t) : TIFFNumberOfStrips(t),
                   .plain = compression == COMPRESSION_NONE };
    list.stored = malloc((size_t)list.n * sizeof *list.stored);
    list.decoded = malloc((size_t)list.n * sizeof *list.decoded);
    int64_t in_plane = config == PLANARCONFIG_SEPARATE ? list.n / samples : list.n;
    for (int64_t i = 0; i < list.n; i++) {
        int64_t row = i % in_plane * per_strip;
        list.stored[i] = counts[i];
        list.decoded[i] = (uint64_t)(
            tiled ? TIFFTileSize(t)
                  : TIFFVStripSize(t, (uint32_t)least(per_strip, (int64_t)height - row)));
    }
    TIFFClose(t);
    return list;
}

static void tiles_free(tiles *list) { free(list->stored), free(list->decoded); }

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// In that stage each tile of a file was `times` times, and always with these bytes in and out; one
// without bytes in never.
static void check_tiles(const gwt_profile *p, gwt_stage stage, const char *path, int64_t n,
                        const uint64_t *in, const uint64_t *out, int64_t times)
{
    int64_t *seen = calloc((size_t)n, sizeof *seen);
    for (size_t i = 0; i < p->num_events; i++) {
        const gwt_event *e = &p->events[i];
        if (e->stage != stage || !e->ends || strcmp(e->file, base_name(path))) continue;
        REQUIRE(e->tile < n, "%s: tile %lld of %lld", path, (long long)e->tile, (long long)n);
        REQUIRE(e->bytes_in == in[e->tile] && e->bytes_out == out[e->tile],
                "%s %s tile %lld: %llu bytes in, %llu out; they are %llu and %llu",
                gwt_stage_name(stage), path, (long long)e->tile, (unsigned long long)e->bytes_in,
                (unsigned long long)e->bytes_out, (unsigned long long)in[e->tile],
                (unsigned long long)out[e->tile]);
        seen[e->tile]++;
    }
    for (int64_t i = 0; i < n; i++)
        REQUIRE(seen[i] == (in[i] ? times : 0), "%s %s tile %lld: %lld times",
                gwt_stage_name(stage), path, (long long)i, (long long)seen[i]);
    free(seen);
}

static void check_input(const gwt_profile *p, const char *path)
{
    tiles t = tiles_of(path);
    check_tiles(p, GWT_STAGE_READ, path, t.n, t.stored, t.stored, 1);
    check_tiles(p, GWT_STAGE_DECODE, path, t.n, t.stored, t.decoded, t.plain ? 0 : 1);
    tiles_free(&t);
}

// What is not compressed is summed up all the same.
static void check_output(const gwt_profile *p, const char *path)
{
    tiles t = tiles_of(path);
    check_tiles(p, GWT_STAGE_ENCODE, path, t.n, t.decoded, t.stored, 1);
    check_tiles(p, GWT_STAGE_WRITE, path, t.n, t.stored, t.stored, 1);
    tiles_free(&t);
}

// The pieces of a stage lie side by side and fill the image, `times` times over.
static void check_pieces(const gwt_profile *p, gwt_stage stage, int64_t width, int64_t height,
                         int times)
{
    unsigned char *seen = calloc((size_t)(width * height), 1);
    for (size_t i = 0; i < p->num_events; i++) {
        const gwt_event *e = &p->events[i];
        if (e->stage != stage || !e->ends) continue;
        REQUIRE(e->row >= 0 && e->col >= 0 && e->row + e->rows <= height
                    && e->col + e->cols <= width, "a piece beyond the image: %lld + %lld, %lld + "
                "%lld", (long long)e->row, (long long)e->rows, (long long)e->col,
                (long long)e->cols);
        for (int64_t y = e->row; y < e->row + e->rows; y++)
            for (int64_t x = e->col; x < e->col + e->cols; x++) seen[y * width + x]++;
    }
    for (int64_t i = 0; i < width * height; i++)
        REQUIRE(seen[i] == times, "%s: pixel %lld %lld was in %d pieces", gwt_stage_name(stage),
                (long long)(i / width), (long long)(i % width), seen[i]);
    free(seen);
}

// ---- files to work on -------------------------------------------------------------------------

enum { WIDTH = 300, HEIGHT = 260, BANDS = 3 };

static bool every_fifth(uint32_t tile) { return tile % 5 == 2; }

static const struct { const char *name; tiff_spec spec; } scenes[] = {
    { "tiles", { .tile_width = 64, .tile_height = 64, .compression = COMPRESSION_LZW } },
    { "planes", { .tile_width = 48, .tile_height = 80, .planar = true,
                  .compression = COMPRESSION_ADOBE_DEFLATE } },
    { "strips", { .rows_per_strip = 17, .compression = COMPRESSION_LZW } },
    { "plane_strips", { .rows_per_strip = 50, .planar = true, .compression = COMPRESSION_LZW } },
    { "plain", { .tile_width = 64, .tile_height = 64 } },
    { "holes", { .tile_width = 32, .tile_height = 32, .compression = COMPRESSION_LZW,
                 .absent = every_fifth } },
};

static const char *scene(size_t i) { return temp_path("%s.tif", scenes[i].name); }

static int write_scenes(void **state)
{
    enum { COUNT = WIDTH * HEIGHT * BANDS };
    if (temp_begin(state)) return -1;
    uint16_t *pixels = malloc(COUNT * sizeof *pixels);
    for (int i = 0; pixels && i < COUNT; i++) pixels[i] = (uint16_t)(1 + noise((uint64_t)i) % 900);
    for (size_t i = 0; pixels && i < COUNT_OF(scenes); i++) {
        tiff_spec s = scenes[i].spec;
        s.width = WIDTH, s.height = HEIGHT, s.bands = BANDS, s.dtype = GWT_UINT16;
        s.geo = &geo_utm;
        tiff_write(scene(i), &s, pixels);
    }
    free(pixels);
    return pixels ? 0 : -1;
}

// One tiled file of one band.
static const char *write_image(const char *name, int width, int height, int tile)
{
    const char *path = temp_path("%s", name);
    uint16_t *pixels = malloc((size_t)width * (size_t)height * sizeof *pixels);
    for (int i = 0; i < width * height; i++) pixels[i] = (uint16_t)(i * 7 % 1009 + i % 3);
    tiff_write(path, &(tiff_spec){ .width = width, .height = height, .dtype = GWT_UINT16,
                                   .tile_width = tile, .tile_height = tile,
                                   .compression = COMPRESSION_LZW }, pixels);
    free(pixels);
    return path;
}

// ---- tests: counts ----------------------------------------------------------------------------

// From memory and into memory: what is needed is read and decoded once, every piece is computed
// once, whatever the chunks and the workers.
static void computes_each_piece_once(void **state)
{
    static const int chunks[] = { 64, 100, 256 };
    (void)state;
    for (size_t s = 0; s < COUNT_OF(scenes); s++)
        for (size_t w = 0; w < COUNT_OF(worker_counts); w++)
            for (size_t c = 0; c < COUNT_OF(chunks); c++) {
                gwt *g = gwt_begin(.num_workers = worker_counts[w]);
                gwt_array *a = gwt_open(g, scene(s), .chunks = chunks[c]);
                assert_true(gwt_profile_begin(g, .cache = true));
                gwt_free(gwt_compute(a));
                const gwt_profile *p = end_profile(g);
                check_input(p, scene(s));
                check_pieces(p, GWT_STAGE_COMPUTE, WIDTH, HEIGHT, 1);
                assert_int_equal(bytes_of(p, GWT_STAGE_COMPUTE), gwt_describe(a)->nbytes);
                assert_int_equal(p->chunks[2], chunks[c]);
                assert_int_equal(p->chunks[3], chunks[c]);
                assert_int_equal(count_of(p, GWT_STAGE_USER), 0);
                EXPECT_OK(g);
                assert_int_equal(gwt_end(g), 0);
            }
}

// Into files, with a window around every pixel: of the output each tile is encoded and written
// once, under its number in the file.
static void saves_each_tile_once(void **state)
{
    static const struct { const char *name, *compress; gwt_interleave interleave; } outputs[] = {
        { "lzw", "lzw", GWT_PIXEL }, { "none", "none", GWT_PIXEL },
        { "bands", "deflate", GWT_PLANAR }, { "plain_bands", "none", GWT_PLANAR },
    };
    (void)state;
    for (size_t o = 0; o < COUNT_OF(outputs); o++)
        for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
            size_t s = (o + w) % COUNT_OF(scenes);
            gwt *g = gwt_begin(.num_workers = worker_counts[w]);
            gwt_array *a = gwt_moving(gwt_open(g, scene(s), .chunks = 90), .window = 5);
            const char *path = temp_path("saved_%s_%zu.tif", outputs[o].name, w);
            assert_true(gwt_profile_begin(g));
            gwt_save(a, path, .compress = outputs[o].compress, .tile_size = 48,
                     .interleave = outputs[o].interleave);
            EXPECT_OK(g);
            const gwt_profile *p = end_profile(g);
            check_input(p, scene(s));
            check_pieces(p, GWT_STAGE_COMPUTE, WIDTH, HEIGHT, 1);
            check_output(p, path);
            assert_int_equal(gwt_end(g), 0);
        }
}

// Tiles left out are neither encoded nor written; those of one value are both.
static void leaves_out_absent_tiles(void **state)
{
    (void)state;
    double *values = calloc(256 * 256, sizeof *values);
    for (int i = 0; i < 256 * 256; i++) values[i] = i % 256 < 64 ? 0 : i % 256 < 128 ? 4 : i % 97;
    tiff_spec spec = { .width = 256, .height = 256, .dtype = GWT_UINT16 };
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = array_of(g, &spec, values);
    assert_true(gwt_profile_begin(g));
    assert_true(gwt_save(a, temp_path("sparse.tif"), .compress = "lzw", .tile_size = 64,
                         .sparse = true));
    const gwt_profile *p = end_profile(g);
    tiles t = tiles_of(temp_path("sparse.tif"));
    for (int i = 0; i < 16; i++) {
        REQUIRE((t.stored[i] == 0) == (i % 4 == 0), "tile %d has %d bytes", i, (int)t.stored[i]);
        if (i % 4 == 0) t.decoded[i] = 0;
    }
    check_tiles(p, GWT_STAGE_ENCODE, "sparse.tif", t.n, t.decoded, t.stored, 1);
    check_tiles(p, GWT_STAGE_WRITE, "sparse.tif", t.n, t.stored, t.stored, 1);
    tiles_free(&t);
    free(values);
    assert_int_equal(gwt_end(g), 0);
}

// Two outputs of one pass share the reading and the computing.
static void saves_many_in_one_pass(void **state)
{
    (void)state;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        gwt *g = gwt_begin(.num_workers = worker_counts[w]);
        gwt_array *a = gwt_open(g, scene(0), .chunks = 64);
        gwt_array *arrays[] = { gwt_add(a, a), gwt_sel(a, "2") };
        const char *paths[] = { temp_path("sum_%zu.tif", w), temp_path("band_%zu.tif", w) };
        assert_true(gwt_profile_begin(g));
        assert_true(gwt_save_many(arrays, paths, 2, .compress = "lzw", .tile_size = 64));
        const gwt_profile *p = end_profile(g);
        check_input(p, scene(0));
        check_output(p, paths[0]);
        check_output(p, paths[1]);
        check_pieces(p, GWT_STAGE_COMPUTE, WIDTH, HEIGHT, 1);
        assert_int_equal(bytes_of(p, GWT_STAGE_COMPUTE),
                         gwt_describe(arrays[0])->nbytes + gwt_describe(arrays[1])->nbytes);
        assert_int_equal(gwt_end(g), 0);
    }
}

// ---- tests: functions of the user's -----------------------------------------------------------

static int call_block(const gwt_block *block, void *user)
{
    (void)block;
    atomic_fetch_add((atomic_int *)user, 1);
    return 0;
}

static int call_kernel(const gwt_kernel *k, void *user)
{
    int64_t stride = k->cols + 2 * k->halo;
    for (int64_t p = 0; p < k->planes_out; p++)
        for (int64_t r = 0; r < k->rows; r++)
            for (int64_t c = 0; c < k->cols; c++)
                k->out[(p * k->rows + r) * k->cols + c] =
                    k->in[((p * (k->rows + 2 * k->halo)) + r + k->halo) * stride + c + k->halo];
    atomic_fetch_add((atomic_int *)user, 1);
    return 0;
}

static void call_index(size_t index, void *user)
{
    (void)index;
    atomic_fetch_add((atomic_int *)user, 1);
}

static void counts_the_calls_of_functions(void **state)
{
    (void)state;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        atomic_int calls = 0;
        gwt *g = gwt_begin(.num_workers = worker_counts[w]);
        gwt_array *a = gwt_open(g, scene(1), .chunks = 70);
        assert_true(gwt_profile_begin(g));
        int64_t blocks = gwt_map_blocks(a, call_block, &calls);
        const gwt_profile *p = end_profile(g);
        assert_int_equal(blocks, 5 * 4);
        assert_int_equal(count_of(p, GWT_STAGE_USER), blocks);
        assert_int_equal(calls, blocks);
        check_pieces(p, GWT_STAGE_USER, WIDTH, HEIGHT, 1);
        check_pieces(p, GWT_STAGE_COMPUTE, WIDTH, HEIGHT, 1);
        check_input(p, scene(1));

        // A kernel stands inside the computing of its piece, in two parts around it.
        atomic_store(&calls, 0);
        assert_true(gwt_profile_begin(g));
        gwt_free(gwt_compute(gwt_apply(a, call_kernel, &calls, .halo = 2)));
        p = end_profile(g);
        assert_int_equal(count_of(p, GWT_STAGE_USER), calls);
        check_pieces(p, GWT_STAGE_USER, WIDTH, HEIGHT, 1);
        check_pieces(p, GWT_STAGE_COMPUTE, WIDTH, HEIGHT, 1);
        check_input(p, scene(1));
        int64_t parts = 0;
        for (size_t i = 0; i + 1 < p->num_events; i++)
            parts += p->events[i].stage == GWT_STAGE_COMPUTE && !p->events[i].ends
                  && p->events[i + 1].stage == GWT_STAGE_USER
                  && p->events[i + 1].start == p->events[i].end;
        REQUIRE(parts >= calls, "%lld kernels, %lld of them inside a piece",
                (long long)calls, (long long)parts);

        atomic_store(&calls, 0);
        assert_true(gwt_profile_begin(g));
        gwt_parallel_for(g, 1000, call_index, &calls);
        p = end_profile(g);
        assert_int_equal(calls, 1000);
        REQUIRE(count_of(p, GWT_STAGE_USER) == 1000, "%d workers: %lld of 1000 calls",
                worker_counts[w], (long long)count_of(p, GWT_STAGE_USER));
        assert_int_equal(gwt_end(g), 0);
    }
}

// Each block computes another array, which is smaller than a piece.
static int compute_inside(const gwt_block *block, void *user)
{
    void *values = gwt_compute(user);
    (void)block;
    gwt_free(values);
    return values == NULL;
}

static void nested_actions_abut(void **state)
{
    (void)state;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        gwt *g = gwt_begin(.num_workers = worker_counts[w]);
        gwt_array *outer = gwt_open(g, scene(0), .chunks = 100);
        gwt_array *inner = gwt_window(gwt_open(g, scene(4), .chunks = 16), 0, 0, 40, 50);
        assert_true(gwt_profile_begin(g, .cache = true, .resource_dt = 0.005));
        int64_t blocks = gwt_map_blocks(outer, compute_inside, inner);
        const gwt_profile *p = end_profile(g);
        EXPECT_OK(g);
        assert_int_equal(blocks, 9);
        assert_int_equal(count_of(p, GWT_STAGE_USER), blocks);
        // 40 x 50 in chunks of 16: 14 x 13, 3 down and 4 across.
        assert_int_equal(count_of(p, GWT_STAGE_COMPUTE), blocks * (1 + 3 * 4));
        assert_int_equal(bytes_of(p, GWT_STAGE_COMPUTE), gwt_describe(outer)->nbytes
                         + (uint64_t)blocks * gwt_describe(inner)->nbytes);
        check_input(p, scene(0));
        assert_int_equal(gwt_end(g), 0);
    }
}

// ---- tests: time ------------------------------------------------------------------------------

static int sleep_20(const gwt_block *block, void *user)
{
    (void)block, (void)user;
    sleep_ms(20);
    return 0;
}

typedef enum heavy { SLEEPING, COMPUTING } heavy;

// How much of an action's wall time the events of its only worker cover.
static double covered(heavy kind, const char *path)
{
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *a = gwt_open(g, path, .chunks = 128);
    if (kind == COMPUTING) a = gwt_moving(a, .window = 13, .statistic = GWT_MEDIAN);
    assert_true(gwt_profile_begin(g, .cache = true));
    double start = now(), sum = 0;
    if (kind == SLEEPING) gwt_map_blocks(a, sleep_20, NULL);
    else do gwt_free(gwt_compute(a)); while (now() - start < 0.3);
    double wall = now() - start;
    const gwt_profile *p = end_profile(g);
    for (int s = 0; s < STAGES; s++) sum += time_of(p, (gwt_stage)s, 0);
    EXPECT_OK(g);
    REQUIRE(wall > 0.2, "done after %g s, too soon to say anything", wall);
    REQUIRE(kind == COMPUTING || time_of(p, GWT_STAGE_USER, 0) >= 16 * 0.02, "slept %g s",
            time_of(p, GWT_STAGE_USER, 0));
    assert_int_equal(gwt_end(g), 0);
    return sum / wall;
}

static void events_cover_the_time_of_a_worker(void **state)
{
    (void)state;
    const char *path = write_image("cover.tif", 512, 512, 128);
    for (heavy kind = SLEEPING; kind <= COMPUTING; kind++) {
        double part = 0;
        for (int i = 0; i < TRIES && !(part > 0.98 && part <= 1); i++) part = covered(kind, path);
        REQUIRE(part > 0.98 && part <= 1, "%s: events cover %.2f %% of the time",
                kind == SLEEPING ? "sleeping" : "computing", 100 * part);
    }
}

// ---- tests: waiting ---------------------------------------------------------------------------

static int slow_first(const gwt_kernel *k, void *user)
{
    (void)user;
    memcpy(k->out, k->in, (size_t)(k->rows * k->cols) * sizeof *k->out);
    if (k->row == 0 && k->col == 0) sleep_ms(300);
    return 0;
}

// Tiles of 16 go into the file in order, so many of them may be ahead of the first, and that one
// takes 0.3 s: the other worker waits, which is not work.
static void waits_for_the_writer(void **state)
{
    (void)state;
    const char *path = write_image("long.tif", 16, 16 * 200, 16);
    double waited = 0, worked = 0;
    for (int i = 0; i < TRIES && !(waited > 0.15 && worked < 0.15); i++) {
        gwt *g = gwt_begin(.num_workers = 2);
        gwt_array *a = gwt_apply(gwt_open(g, path, .chunks = 16), slow_first, NULL);
        assert_true(gwt_profile_begin(g));
        assert_true(gwt_save(a, temp_path("ordered_%d.tif", i), .tile_size = 16));
        const gwt_profile *p = end_profile(g);
        // Who waits is who did not sleep.
        int waiter = time_of(p, GWT_STAGE_USER, 0) < time_of(p, GWT_STAGE_USER, 1) ? 0 : 1;
        REQUIRE(time_of(p, GWT_STAGE_USER, 1 - waiter) >= 0.3, "no 0.3 s of sleep");
        waited = time_of(p, GWT_STAGE_WAIT_WRITER, waiter), worked = 0;
        for (int s = 0; s < STAGES; s++)
            if (!waits((gwt_stage)s)) worked += time_of(p, (gwt_stage)s, waiter);
        assert_int_equal(gwt_end(g), 0);
    }
    REQUIRE(waited > 0.15, "waited for the writer %g s of 0.3", waited);
    REQUIRE(worked < 0.15, "while it waited it worked %g s of 0.3", worked);
}

// Two pieces need one strip that takes long to decode: one worker does so, one waits.
static void waits_for_a_tile(void **state)
{
    enum { EDGE = 2200 };
    (void)state;
    const char *path = temp_path("huge_strip.tif");
    uint16_t *pixels = malloc((size_t)EDGE * EDGE * sizeof *pixels);
    for (int i = 0; i < EDGE * EDGE; i++) pixels[i] = (uint16_t)(noise((uint64_t)i) % 5000);
    tiff_write(path, &(tiff_spec){ .width = EDGE, .height = EDGE, .dtype = GWT_UINT16,
                                   .compression = COMPRESSION_LZW }, pixels);
    free(pixels);
    double waited = 0, decoded = 1;
    for (int i = 0; i < TRIES && waited < decoded / 2; i++) {
        gwt *g = gwt_begin(.num_workers = 2);
        gwt_array *a = gwt_open(g, path, .chunks = 1100);
        assert_true(gwt_profile_begin(g));
        gwt_free(gwt_compute(a));
        const gwt_profile *p = end_profile(g);
        check_input(p, path);
        waited = time_of(p, GWT_STAGE_WAIT_TILE, -1);
        decoded = time_of(p, GWT_STAGE_DECODE, -1);
        for (size_t k = 0; k < p->num_events; k++) {
            const gwt_event *e = &p->events[k];
            REQUIRE(e->stage != GWT_STAGE_WAIT_TILE
                        || (e->tile == 0 && !strcmp(e->file, "huge_strip.tif")), "waits for %s "
                    "tile %lld", e->file, (long long)e->tile);
        }
        assert_int_equal(gwt_end(g), 0);
    }
    REQUIRE(waited >= decoded / 2, "waited %g s for a tile that took %g s", waited, decoded);
    unlink(path);
}

// ---- tests: cache -----------------------------------------------------------------------------

// How often pieces ask for tiles: gwt_compute goes by blocks of 256, cut into pieces of one size.
static int64_t asks(int64_t width, int64_t height, int64_t chunk, int64_t tile)
{
    int64_t sum = 0;
    int64_t h = least(256, height), w = least(256, width);
    h = ceil_div(h, ceil_div(h, chunk)), w = ceil_div(w, ceil_div(w, chunk));
    for (int64_t top = 0; top < height; top += 256)
        for (int64_t left = 0; left < width; left += 256)
            for (int64_t y = top; y < least(top + 256, height); y += h)
                for (int64_t x = left; x < least(left + 256, width); x += w) {
                    int64_t y1 = least(least(y + h, top + 256), height) - 1;
                    int64_t x1 = least(least(x + w, left + 256), width) - 1;
                    sum += (y1 / tile - y / tile + 1) * (x1 / tile - x / tile + 1);
                }
    return sum;
}

static int compare_changes(const void *a, const void *b)
{
    const double *x = a, *y = b;
    if (x[0] != y[0]) return x[0] < y[0] ? -1 : 1;
    return (x[1] > y[1]) - (x[1] < y[1]);   // goings first
}

// The most bytes that lay in the cache at once.
static double peak_of(const gwt_profile *p)
{
    size_t n = 2 * p->num_residences;
    double (*changes)[2] = malloc((n + 1) * sizeof *changes), bytes = 0, most = 0;
    for (size_t i = 0; i < p->num_residences; i++) {
        const gwt_residence *r = &p->residences[i];
        changes[2 * i][0] = r->from, changes[2 * i][1] = (double)r->bytes;
        changes[2 * i + 1][0] = r->to, changes[2 * i + 1][1] = -(double)r->bytes;
    }
    qsort(changes, n, sizeof *changes, compare_changes);
    for (size_t i = 0; i < n; i++) most = fmax(most, bytes += changes[i][1]);
    free(changes);
    return most;
}

static void residences_add_up(void **state)
{
    static const int chunks[] = { 64, 100, 128, 300 }, edges[] = { 32, 48, 128 };
    (void)state;
    for (size_t e = 0; e < COUNT_OF(edges); e++) {
        const char *path = write_image("asked.tif", 500, 420, edges[e]);
        tiles t = tiles_of(path);
        for (size_t c = 0; c < COUNT_OF(chunks); c++)
            for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
                gwt *g = gwt_begin(.num_workers = worker_counts[w]);
                gwt_array *a = gwt_open(g, path, .chunks = chunks[c]);
                assert_true(gwt_profile_begin(g, .cache = true));
                gwt_free(gwt_compute(a));
                const gwt_profile *p = end_profile(g);
                int64_t hits = 0;
                for (size_t i = 0; i < p->num_residences; i++) {
                    const gwt_residence *r = &p->residences[i];
                    assert_string_equal(r->file, "asked.tif");
                    assert_int_equal(r->bytes, t.decoded[r->tile]);
                    hits += r->hits;
                }
                assert_int_equal(p->num_residences, t.n);   // each came once
                assert_int_equal(hits + t.n, asks(500, 420, chunks[c], edges[e]));
                REQUIRE(peak_of(p) <= (double)t.n * (double)t.decoded[0], "peak %g", peak_of(p));
                assert_int_equal(gwt_end(g), 0);
            }
        tiles_free(&t);
        unlink(path);
    }
}

// With next to no cache there are at most the tiles that pieces hold on to; what was thrown out
// comes again, each time decoded and each time a residence.
static void residences_of_a_small_cache(void **state)
{
    (void)state;
    const char *path = write_image("small_cache.tif", 1024, 1024, 128);
    double bytes = 128 * 128 * 2;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        gwt *g = gwt_begin(.num_workers = worker_counts[w], .cache_bytes = 1);
        gwt_array *a = gwt_moving(gwt_open(g, path, .chunks = 256), .window = 31);
        assert_true(gwt_profile_begin(g, .cache = true));
        gwt_free(gwt_compute(a));
        const gwt_profile *p = end_profile(g);
        EXPECT_OK(g);
        assert_int_equal(p->num_residences, count_of(p, GWT_STAGE_DECODE));
        // A piece of 256 with its halo touches 4 x 4 tiles; what is reckoned with is 5 x 5.
        double most = 25 * bytes * worker_counts[w] + 1;
        REQUIRE(peak_of(p) <= most, "%d workers: peak %g of %g", worker_counts[w], peak_of(p),
                most);
        for (size_t i = 0; i < p->num_residences; i++)
            for (size_t k = i + 1; k < p->num_residences; k++)
                REQUIRE(p->residences[i].tile != p->residences[k].tile
                            || p->residences[k].from >= p->residences[i].to,
                        "tile %lld is there twice at once", (long long)p->residences[i].tile);
        assert_int_equal(gwt_end(g), 0);
    }
}

// Tiles that are higher than those of the output stay for its next row, whatever the cache is to keep
// beyond those in use; where there is no memory for them they do not.
static void high_tiles_stay(void **state)
{
    (void)state;
    const char *path = write_image("high_tiles.tif", 1024, 512, 256);
    for (int scarce = 0; scarce < 2; scarce++)
        for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
            gwt *g = gwt_begin(.num_workers = worker_counts[w], .cache_bytes = 1,
                               .memory_limit = scarce ? 600000 * (size_t)worker_counts[w] : 0);
            gwt_array *a = gwt_open(g, path);
            assert_true(gwt_profile_begin(g));
            gwt_save(a, temp_path("high_%d_%zu.tif", scarce, w), .tile_size = 16, .reencode = true);
            EXPECT_OK(g);
            const gwt_profile *p = end_profile(g);
            int64_t n = (int64_t)count_of(p, GWT_STAGE_DECODE);
            REQUIRE(!scarce ? n == 8 : worker_counts[w] > 1 || n > 8, "%d workers decode 8 tiles %lld times", worker_counts[w],
                    (long long)n);
            assert_int_equal(gwt_end(g), 0);
        }
}

// Of a tile that was there before: what it was asked for in this profile, not in the one before.
static void residences_of_two_profiles(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1);
    const char *path = write_image("again.tif", 512, 512, 64);
    gwt_array *a = gwt_open(g, path, .chunks = 64);
    gwt_array *b = gwt_regrid(a, .res = 3, .resampling = GWT_AVERAGE);
    int64_t hits[2] = { 0 }, came[2];
    for (int i = 0; i < 2; i++) {
        assert_true(gwt_profile_begin(g, .cache = true));
        gwt_free(gwt_compute(b));
        const gwt_profile *p = end_profile(g);
        for (size_t k = 0; k < p->num_residences; k++) hits[i] += p->residences[k].hits;
        came[i] = count_of(p, GWT_STAGE_READ);
    }
    EXPECT_OK(g);
    REQUIRE(hits[1] + came[1] == hits[0] + came[0], "asked %lld and %lld times",
            (long long)(hits[0] + came[0]), (long long)(hits[1] + came[1]));
    assert_int_equal(gwt_end(g), 0);
}

// ---- tests: samples ---------------------------------------------------------------------------

static int sleep_10(const gwt_kernel *k, void *user)
{
    (void)user;
    memcpy(k->out, k->in, (size_t)(k->rows * k->cols) * sizeof *k->out);
    sleep_ms(10);
    return 0;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// What is wrong with the samples of a run of about 0.6 s; NULL when nothing is.
static const char *wrong_samples(const char *path, int number)
{
    static char wrong[200];
    const double dt = 0.02;
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *a = gwt_apply(gwt_open(g, path, .chunks = 64), sleep_10, NULL,
                             .dtype = GWT_UINT16);
    assert_true(gwt_profile_begin(g, .resource_dt = dt));
    assert_true(gwt_save(a, temp_path("sampled_%d.tif", number), .tile_size = 64));
    const gwt_profile *p = end_profile(g);
    double read = 0, written = 0, before = 0, steps[400];
    size_t n = p->num_samples;
    REQUIRE(n > 10 && n < COUNT_OF(steps), "%zu samples in %g s", n, p->seconds);
    for (size_t i = 0; i < n; i++) {
        const gwt_sample *s = &p->samples[i];
        steps[i] = s->time - before;
        read += s->read * steps[i], written += s->written * steps[i];
        before = s->time;
    }
    qsort(steps, n, sizeof *steps, compare_doubles);
    double middle = steps[n / 2], in = (double)bytes_of(p, GWT_STAGE_READ),
           out = (double)bytes_of(p, GWT_STAGE_WRITE);
    assert_true(in > 0 && out > 0);
    bool good = fabs(middle - dt) < 0.25 * dt && fabs(read / in - 1) < 0.2
             && fabs(written / out - 1) < 0.2 && p->seconds - before < 0.05;
    snprintf(wrong, sizeof wrong, "every %g s to %g of %g s, %g bytes of %g read, %g of %g "
             "written", middle, before, p->seconds, read, in, written, out);
    assert_int_equal(gwt_end(g), 0);
    return good ? NULL : wrong;
}

static void samples_agree_with_events(void **state)
{
    (void)state;
    const char *path = write_image("sampled.tif", 512, 512, 64), *wrong = "";
    for (int i = 0; i < TRIES && wrong; i++) wrong = wrong_samples(path, i);
    REQUIRE(!wrong, "%s", wrong);
}

// ---- tests: operations -------------------------------------------------------------------------

// Seconds in an operation; below 0 where there is none of that name.
static double seconds_in(const gwt_profile *p, const char *name)
{
    double sum = 0, time = 0;
    bool there = false;
    int kind = -1;
    for (size_t i = 0; i < p->num_operations; i++) {
        const gwt_operation *o = &p->operations[i];
        REQUIRE(o->time >= time && o->time <= p->seconds && o->seconds > 0 && o->kind >= 0
                    && o->kind < GWT_MAX_OPERATIONS, "%s at %g: %g s", o->name, o->time,
                o->seconds);
        time = o->time;
        if (strcmp(o->name, name)) continue;
        REQUIRE(!there || o->kind == kind, "%s is of two kinds", name);
        there = true;
        kind = o->kind;
        sum += o->seconds;
    }
    return there ? sum : -1;
}

static int sleep_in_kernel(const gwt_kernel *k, void *user)
{
    atomic_fetch_add((atomic_int *)user, 1);
    sleep_ms(5);
    memcpy(k->out, k->in, (size_t)(k->rows * k->cols) * sizeof *k->out);
    return 0;
}

// What each is called, and that a kernel's time is that of its calls.
static void operations_have_names_and_times(void **state)
{
    (void)state;
    const char *in = write_image("operations.tif", 800, 600, 64);
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++)
        for (int sampled = 0; sampled < 2; sampled++) {
            static const char *const names[] = {
                "load", "fetch", "sqrt", "exp", "add", "store", "moving_median",
                "moving_percentile", "moving_max", "apply"
            };
            atomic_int calls = 0;
            gwt *g = gwt_begin(.num_workers = worker_counts[w], .chunks = 64);
            assert_true(gwt_profile_begin(g, .resource_dt = sampled ? 0.01 : 0));
            gwt_array *a = gwt_open(g, in);
            gwt_array *b = gwt_add(gwt_sqrt(a), gwt_moving(a, .statistic = GWT_MEDIAN));
            b = gwt_add(b, gwt_moving(gwt_exp(a), .statistic = GWT_PERCENTILE, .percentile = 90));
            b = gwt_add(b, gwt_moving(a, .statistic = GWT_MAX));
            gwt_free(gwt_compute(gwt_apply(b, sleep_in_kernel, &calls)));
            const gwt_profile *p = end_profile(g);
            EXPECT_OK(g);
            for (size_t i = 0; i < COUNT_OF(names); i++)
                REQUIRE(seconds_in(p, names[i]) > 0, "nothing of %s", names[i]);
            REQUIRE(seconds_in(p, "mul") < 0, "a multiplication");
            double slept = 0.005 * atomic_load(&calls), applied = seconds_in(p, "apply");
            REQUIRE(applied >= 0.999 * slept && applied <= p->seconds * worker_counts[w],
                    "%g s of kernels that slept %g s", applied, slept);
            assert_int_equal(gwt_end(g), 0);
        }
}

// To sort 225 cells for each pixel takes some hundred times what an addition does.
static void operations_are_told_apart(void **state)
{
    (void)state;
    const char *in = write_image("sorted.tif", 200, 200, 64);
    gwt *g = gwt_begin(.num_workers = 1);
    assert_true(gwt_profile_begin(g));
    gwt_array *a = gwt_open(g, in);
    gwt_free(gwt_compute(gwt_add(a, gwt_moving(a, .statistic = GWT_MEDIAN, .window = 15))));
    const gwt_profile *p = end_profile(g);
    double sorted = seconds_in(p, "moving_median"), sum = seconds_in(p, "add");
    REQUIRE(sorted > 5 * sum && sum > 0, "moving_median %g s, add %g s", sorted, sum);
    REQUIRE(sorted + sum < p->seconds, "%g s of %g s", sorted + sum, p->seconds);
    assert_int_equal(gwt_end(g), 0);
}

// ---- tests: CSV -------------------------------------------------------------------------------

static const char odd_in[] = "a \"b\", c;\\d\n\x01\xC3\xA9.tif", odd_out[] = "\"\",out,\t'.tif";

// A profile of everything: two files, waits, a save, cache and samples. The caller ends the
// session.
static const gwt_profile *rich_profile(gwt *g, const char *in, const char *out)
{
    static const char *const facts[] = { "host=node \"7\"", "no sign", odd_out, NULL };
    assert_true(gwt_profile_begin(g, .resource_dt = 0.002, .cache = true, .facts = facts));
    gwt_array *a = gwt_open(g, in, .chunks = 64);
    gwt_save(gwt_moving(a, .window = 9, .statistic = GWT_MEDIAN), out,
             .compress = "lzw", .tile_size = 64, .overwrite = true);
    EXPECT_OK(g);
    const gwt_profile *p = end_profile(g);
    REQUIRE(p->num_events > 50 && p->num_samples > 0 && p->num_residences > 0, "a poor profile");
    return p;
}

enum { FIELDS = 16 };

// A table as RFC 4180 has it.
typedef struct table { char *text, *at; char *fields[FIELDS]; } table;

// The next row; gives the number of its fields, 0 at the end.
static int next_row(table *t)
{
    int n = 0;
    char *to;
    if (!*t->at) return 0;
    for (bool more = true; more;) {
        REQUIRE(n < FIELDS, "too many fields");
        to = t->fields[n++] = t->at;
        if (*t->at == '"') {
            for (t->at++; *t->at != '"' || *++t->at == '"';) {
                REQUIRE(*t->at, "a quote without end");
                *to++ = *t->at++;
            }
        } else {
            while (*t->at && *t->at != ',' && *t->at != '\n') {
                REQUIRE(*t->at != '"', "a quote inside a field");
                *to++ = *t->at++;
            }
        }
        REQUIRE(*t->at == ',' || *t->at == '\n', "what follows field %d: %.20s", n, t->at);
        more = *t->at++ == ',';
        *to = '\0';
    }
    return n;
}

static table table_open(const char *path, const char *header, int fields)
{
    size_t size, n = strlen(header);
    char *text = (char *)file_read(path, &size);
    text = realloc(text, size + 1);
    text[size] = '\0';
    REQUIRE(strlen(text) == size && size > n && !strncmp(text, header, n), "%s: %.100s", path,
            text);
    table t = { .text = text, .at = text };
    assert_int_equal(next_row(&t), fields);
    return t;
}

static void check_end(table *t)
{
    assert_int_equal(next_row(t), 0);
    free(t->text);
}

static bool is_number(const char *text, double value, double within)
{
    char *end;
    double got = strtod(text, &end);
    return *text && !*end && fabs(got - value) <= within * 1.01;
}

static bool is_integer(const char *text, int64_t value)
{
    char want[32];
    snprintf(want, sizeof want, "%lld", (long long)value);
    return !strcmp(text, want);
}

// A name of those used here as tables have it: no control characters.
static const char *as_shown(const char *name)
{
    static char text[256];
    size_t used = 0;
    for (; *name && used < sizeof text - 8; name++)
        if ((unsigned char)*name < 0x20)
            used += (size_t)sprintf(text + used, "\\x%02x", (unsigned)*name);
        else text[used++] = *name;
    text[used] = '\0';
    return text;
}

static void check_csv(const gwt_profile *p, const char *prefix)
{
    table t = table_open(temp_path("%s_events.csv", prefix), "worker,stage,ends,start_s,end_s,file,"
                         "tile,row,col,rows,cols,bytes_in,bytes_out\n", 13);
    for (size_t i = 0; i < p->num_events; i++) {
        const gwt_event *e = &p->events[i];
        assert_int_equal(next_row(&t), 13);
        char **f = t.fields;
        assert_string_equal(f[1], gwt_stage_name(e->stage));
        assert_string_equal(f[5], e->file ? as_shown(e->file) : "");
        REQUIRE(is_integer(f[0], e->worker) && is_integer(f[2], e->ends)
                    && is_number(f[3], e->start, 5e-10) && is_number(f[4], e->end, 5e-10)
                    && is_integer(f[6], e->tile) && is_integer(f[7], e->row)
                    && is_integer(f[8], e->col) && is_integer(f[9], e->rows)
                    && is_integer(f[10], e->cols) && is_integer(f[11], (int64_t)e->bytes_in)
                    && is_integer(f[12], (int64_t)e->bytes_out), "event %zu", i);
    }
    check_end(&t);
    t = table_open(temp_path("%s_resources.csv", prefix), "time_s,resident_bytes,cpu_percent,"
                   "read_bytes_per_s,written_bytes_per_s,faults_per_s\n", 6);
    for (size_t i = 0; i < p->num_samples; i++) {
        const gwt_sample *s = &p->samples[i];
        assert_int_equal(next_row(&t), 6);
        char **f = t.fields;
        REQUIRE(is_number(f[0], s->time, 5e-7) && is_integer(f[1], (int64_t)s->resident)
                    && is_number(f[2], s->cpu, 0.005) && is_number(f[3], s->read, 0.5)
                    && is_number(f[4], s->written, 0.5) && is_number(f[5], s->faults, 0.05),
                "sample %zu", i);
    }
    check_end(&t);
    t = table_open(temp_path("%s_cache.csv", prefix), "file,tile,bytes,from_s,to_s,hits\n", 6);
    for (size_t i = 0; i < p->num_residences; i++) {
        const gwt_residence *r = &p->residences[i];
        assert_int_equal(next_row(&t), 6);
        char **f = t.fields;
        assert_string_equal(f[0], as_shown(r->file));
        REQUIRE(is_integer(f[1], r->tile) && is_integer(f[2], (int64_t)r->bytes)
                    && is_number(f[3], r->from, 5e-10) && is_number(f[4], r->to, 5e-10)
                    && is_integer(f[5], r->hits), "residence %zu", i);
    }
    check_end(&t);
}

static void csv_is_the_profile(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    const gwt_profile *p = rich_profile(g, write_image(odd_in, 400, 300, 64),
                                        temp_path("%s", odd_out));
    assert_true(gwt_profile_save_csv(g, p, temp_path("p")));
    EXPECT_OK(g);
    check_csv(p, "p");
    REQUIRE(!file_exists(temp_path("p_events.csv.part")), "a part is left");
    assert_int_equal(gwt_end(g), 0);
}

// ---- tests: trace -----------------------------------------------------------------------------

// A value of JSON: 'o'bject, 'a'rray, 's'tring, 'n'umber, 't'rue, 'f'alse or 0 for null.
typedef struct json {
    char kind;
    char *key, *text;
    double number;
    struct json *first, *next;
} json;

// Strict: RFC 8259, valid UTF-8, and no member twice.
static const unsigned char *at, *json_start;

#define JSON(condition) REQUIRE(condition, "no JSON at %ld: %.40s", (long)(at - json_start), at)

static void json_blanks(void) { at += strspn((const char *)at, " \t\r\n"); }

// One character as UTF-8 has it, into `to`.
static void json_character(char **to)
{
    int more = *at < 0x80 ? 0 : *at >= 0xC2 && *at < 0xE0 ? 1 : *at >= 0xE0 && *at < 0xF0 ? 2
             : *at >= 0xF0 && *at < 0xF5 ? 3 : -1;
    JSON(more >= 0 && *at >= 0x20);
    JSON(!(at[0] == 0xE0 && at[1] < 0xA0) && !(at[0] == 0xED && at[1] > 0x9F)
         && !(at[0] == 0xF0 && at[1] < 0x90) && !(at[0] == 0xF4 && at[1] > 0x8F));
    *(*to)++ = (char)*at++;
    while (more-- > 0) {
        JSON((*at & 0xC0) == 0x80);
        *(*to)++ = (char)*at++;
    }
}

static char *json_text(void)
{
    static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    JSON(*at == '"');
    char *text = malloc(strlen((const char *)at)), *to = text;
    for (at++; *at != '"';) {
        if (*at != '\\') {
            json_character(&to);
            continue;
        }
        if (*++at == 'u') {
            unsigned code;
            JSON(strspn((const char *)at + 1, "0123456789abcdefABCDEF") >= 4);
            sscanf((const char *)at + 1, "%4x", &code);
            at += 5;
            JSON(code < 0xD800 || code > 0xDFFF);
            if (code < 0x80) *to++ = (char)code;
            else if (code < 0x800) *to++ = (char)(0xC0 | code >> 6);
            else *to++ = (char)(0xE0 | code >> 12), *to++ = (char)(0x80 | (code >> 6 & 0x3F));
            if (code >= 0x80) *to++ = (char)(0x80 | (code & 0x3F));
        } else {
            size_t i = 0;
            while (escapes[i] && escapes[i] != (char)*at) i += 2;
            JSON(escapes[i]);
            *to++ = escapes[i + 1];
            at++;
        }
    }
    at++;
    *to = '\0';
    return text;
}

static json *json_value(int depth);

static void json_members(json *j, unsigned char last, int depth)
{
    json **end = &j->first;
    at++;
    json_blanks();
    if (*at == last) {
        at++;
        return;
    }
    for (;;) {
        char *key = NULL;
        json_blanks();
        if (last == '}') {
            key = json_text();
            for (const json *k = j->first; k; k = k->next) JSON(strcmp(k->key, key));
            json_blanks();
            JSON(*at++ == ':');
        }
        *end = json_value(depth + 1);
        (*end)->key = key;
        end = &(*end)->next;
        json_blanks();
        JSON(*at == ',' || *at == last);
        if (*at++ == last) return;
    }
}

static json *json_value(int depth)
{
    json *j = calloc(1, sizeof *j);
    json_blanks();
    JSON(depth < 20);
    if (*at == '{' || *at == '[') {
        j->kind = *at == '{' ? 'o' : 'a';
        json_members(j, j->kind == 'o' ? '}' : ']', depth);
    } else if (*at == '"') {
        j->kind = 's';
        j->text = json_text();
    } else if (!strncmp((const char *)at, "true", 4)) j->kind = 't', at += 4;
    else if (!strncmp((const char *)at, "false", 5)) j->kind = 'f', at += 5;
    else if (!strncmp((const char *)at, "null", 4)) at += 4;
    else {
        const unsigned char *from = at;
        char *end;
        at += *at == '-';
        JSON(*at >= '0' && *at <= '9' && !(*at == '0' && at[1] >= '0' && at[1] <= '9'));
        at += strspn((const char *)at, "0123456789");
        if (*at == '.') {
            JSON(at[1] >= '0' && at[1] <= '9');
            at += 1 + strspn((const char *)at + 1, "0123456789");
        }
        if (*at == 'e' || *at == 'E') {
            at += 1 + (at[1] == '+' || at[1] == '-');
            JSON(*at >= '0' && *at <= '9');
            at += strspn((const char *)at, "0123456789");
        }
        j->kind = 'n';
        j->number = strtod((const char *)from, &end);
    }
    return j;
}

static json *json_read(const char *path)
{
    size_t size;
    unsigned char *text = file_read(path, &size);
    text = realloc(text, size + 1);
    text[size] = '\0';
    at = json_start = text;
    json *j = json_value(0);
    json_blanks();
    REQUIRE(at == text + size, "%s: more at %ld", path, (long)(at - text));
    free(text);
    return j;
}

static void json_free(json *j)
{
    while (j) {
        json *next = j->next;
        json_free(j->first);
        free(j->key), free(j->text), free(j);
        j = next;
    }
}

static const json *member(const json *j, const char *key, char kind)
{
    REQUIRE(j->kind == 'o', "no object for \"%s\"", key);
    for (const json *k = j->first; k; k = k->next)
        if (!strcmp(k->key, key)) {
            REQUIRE(k->kind == kind, "\"%s\" is of kind %c", key, k->kind ? k->kind : '0');
            return k;
        }
    FAIL("no \"%s\"", key);
    return NULL;
}

static double number_of(const json *j, const char *key) { return member(j, key, 'n')->number; }
static const char *text_of(const json *j, const char *key) { return member(j, key, 's')->text; }

static bool near(double a, double b, double within) { return fabs(a - b) <= within; }

static void check_slice(const json *j, const gwt_event *e)
{
    const json *args = member(j, "args", 'o');
    char key[600] = "";
    assert_string_equal(text_of(j, "name"), gwt_stage_name(e->stage));
    assert_string_equal(text_of(j, "cat"), "stage");
    if (e->file) snprintf(key, sizeof key, "%s tile %lld", e->file, (long long)e->tile);
    else if (e->rows)
        snprintf(key, sizeof key, "rows %lld..%lld, columns %lld..%lld", (long long)e->row,
                 (long long)(e->row + e->rows - 1), (long long)e->col,
                 (long long)(e->col + e->cols - 1));
    if (*key) assert_string_equal(text_of(args, "key"), key);
    REQUIRE(number_of(j, "pid") == 1 && number_of(j, "tid") == e->worker
                && near(number_of(j, "ts"), 1e6 * e->start, 0.0011)
                && near(number_of(j, "dur"), 1e6 * (e->end - e->start), 0.0021)
                && number_of(args, "in") == (double)e->bytes_in
                && number_of(args, "out") == (double)e->bytes_out
                && number_of(args, "ends") == e->ends
                && number_of(args, "depth") == e->depth, "an event of %s", gwt_stage_name(e->stage));
}

typedef struct counters {
    size_t memory, cpu, faults, io, cache, operations;
    double bytes;
} counters;

// What became of the requests for tiles: once, at the end.
static void check_requests(const json *j, const gwt_profile *p)
{
    const json *args = member(j, "args", 'o');
    double hits = 0;
    for (size_t i = 0; i < p->num_residences; i++) hits += (double)p->residences[i].hits;
    REQUIRE(number_of(args, "in") == (double)p->num_residences && number_of(args, "hits") == hits
                && near(number_of(j, "ts"), 1e6 * p->seconds, 0.0011), "requests for tiles");
}

static void check_counter(const json *j, const gwt_profile *p, counters *c)
{
    const char *name = text_of(j, "name");
    const json *args = member(j, "args", 'o');
    double time = number_of(j, "ts");
    if (!strcmp(name, "tiles")) {
        check_requests(j, p);
        return;
    }
    if (!strncmp(name, "op:", 3)) {
        REQUIRE(c->operations < p->num_operations, "%s: too many", name);
        const gwt_operation *o = &p->operations[c->operations++];
        assert_string_equal(name + 3, o->name);
        REQUIRE(near(time, 1e6 * o->time, 0.0011) && near(number_of(args, "ms"),
                                                          1e3 * o->seconds, 6e-4), "%s", name);
        return;
    }
    size_t *n = !strcmp(name, "memory") ? &c->memory : !strcmp(name, "cpu") ? &c->cpu
              : !strcmp(name, "faults") ? &c->faults : !strcmp(name, "io") ? &c->io : &c->cache;
    if (n == &c->cache) {
        assert_string_equal(name, "cache");
        c->bytes = number_of(args, "MB");
        REQUIRE(c->bytes > -1e-9, "the cache holds %g MB", c->bytes);
    } else {
        REQUIRE(*n < p->num_samples, "%s: too many", name);
        const gwt_sample *s = &p->samples[*n];
        REQUIRE(near(time, 1e6 * s->time, 0.0011), "%s %zu: at %g", name, *n, time);
        REQUIRE(n != &c->memory
                    || near(number_of(args, "MB"), (double)s->resident / 1e6, 6e-4), "memory");
        REQUIRE(n != &c->cpu || near(number_of(args, "percent"), s->cpu, 6e-4), "cpu");
        REQUIRE(n != &c->faults || near(number_of(args, "per_s"), s->faults, 6e-4), "faults");
        REQUIRE(n != &c->io || (near(number_of(args, "read"), s->read / 1e6, 6e-4)
                                && near(number_of(args, "written"), s->written / 1e6, 6e-4)), "io");
    }
    ++*n;
}

// All of the profile is there, and the slices of a thread abut: none begins before the last ended.
static void check_trace(const gwt_profile *p, const char *path)
{
    json *j = json_read(path);
    const json *other = member(j, "otherData", 'o'), *e = member(j, "traceEvents", 'a')->first;
    size_t slices = 0, names = 0;
    double ends[256] = { 0 };
    assert_string_equal(text_of(other, "label"), p->label);
    counters c = { 0 };
    assert_string_equal(text_of(other, "gwt"), GWT_VERSION);
    assert_true(number_of(other, "workers") == p->num_workers);
    assert_true(number_of(other, "processors") == p->num_processors && p->num_processors > 0);
    const json *fact = member(other, "facts", 'a')->first;
    for (size_t i = 0; p->facts && p->facts[i]; i++, fact = fact->next) {
        REQUIRE(fact && fact->kind == 's', "no fact %zu", i);
        assert_string_equal(fact->text, p->facts[i]);
    }
    REQUIRE(!fact, "more facts than there are");
    assert_true(near(number_of(other, "seconds"), p->seconds, 6e-7));
    for (; e; e = e->next) {
        const char *phase = text_of(e, "ph");
        if (!strcmp(phase, "X")) {
            REQUIRE(slices < p->num_events, "more than %zu slices", slices);
            check_slice(e, &p->events[slices++]);
            double *end = &ends[(int)number_of(e, "tid")], ts = number_of(e, "ts");
            REQUIRE(ts >= *end - 1e-5, "a slice at %.4f, the last ended at %.4f", ts, *end);
            *end = ts + number_of(e, "dur");
        } else if (!strcmp(phase, "C")) {
            check_counter(e, p, &c);
        } else {
            assert_string_equal(phase, "M");
            names += !strcmp(text_of(e, "name"), "thread_name");
        }
    }
    assert_int_equal(slices, p->num_events);
    assert_int_equal(names, p->num_workers);
    REQUIRE(c.memory == p->num_samples && c.cpu == p->num_samples && c.io == p->num_samples
                && c.faults == p->num_samples && c.cache == 2 * p->num_residences
                && c.operations == p->num_operations,
            "%zu samples of memory, %zu of the cache", c.memory, c.cache);
    REQUIRE(near(c.bytes, 0, 1e-9), "in the end the cache holds %g MB", c.bytes);
    json_free(j);
}

static void trace_is_the_profile(void **state)
{
    (void)state;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        gwt *g = gwt_begin(.num_workers = worker_counts[w]);
        const gwt_profile *p = rich_profile(g, write_image(odd_in, 400, 300, 64),
                                            temp_path("%s", odd_out));
        assert_true(gwt_profile_save_trace(g, p, temp_path("p.json")));
        check_trace(p, temp_path("p.json"));
        assert_true(gwt_profile_save_trace(g, p, temp_path("p.json")));     // in its place
        REQUIRE(!file_exists(temp_path("p.json.part")), "a part is left");
        assert_int_equal(gwt_end(g), 0);
    }
}

// Names of files are bytes; a trace is UTF-8 all the same.
static void trace_of_names_that_are_no_text(void **state)
{
    static const char *const names[] = {
        "latin1 \xE9.tif", "cut \xC3.tif", "long \xE0\x80\x80.tif", "half \xED\xA0\x80.tif",
        "\xFF\xFE.tif", "good \xF0\x9F\x9B\xB0.tif"
    };
    (void)state;
    const char *plain = write_image("plain_name.tif", 64, 64, 64);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const char *path = temp_path("%s", names[i]);
        if (rename(plain, path)) skip_loudly("this file system wants names to be UTF-8");
        gwt *g = gwt_begin(.num_workers = 1);
        assert_true(gwt_profile_begin(g));
        gwt_free(gwt_compute(gwt_open(g, path)));
        const gwt_profile *p = end_profile(g);
        assert_true(gwt_profile_save_trace(g, p, temp_path("names.json")));
        json *j = json_read(temp_path("names.json"));
        json_free(j);
        assert_int_equal(gwt_end(g), 0);
        assert_int_equal(rename(path, plain), 0);
    }
}

// ---- tests: summary ---------------------------------------------------------------------------

// The line of a summary that begins with that word; NULL when there is none.
static const char *line_of(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *line = text; *line; line = strchr(line, '\n') + 1)
        if (!strncmp(line, word, n) && line[n] == ' ') return line + n;
    return NULL;
}

static char *summary_of(const gwt_profile *p)
{
    char *text = calloc(1, 20000);
    FILE *f = tmpfile();
    gwt_profile_summary(p, f);
    rewind(f);
    size_t n = fread(text, 1, 19999, f);
    fclose(f);
    REQUIRE(n > 0 && text[n - 1] == '\n', "no summary");
    return text;
}

// Durations of a stage's occurrences, put together from their parts.
static size_t durations(const gwt_profile *p, gwt_stage stage, double *list)
{
    size_t n = 0;
    double part = 0;
    for (size_t i = 0; i < p->num_events; i++) {
        const gwt_event *e = &p->events[i];
        if (e->stage != stage) continue;
        part += e->end - e->start;
        if (e->ends) list[n++] = part, part = 0;
    }
    qsort(list, n, sizeof *list, compare_doubles);
    return n;
}

static void check_summary(const gwt_profile *p)
{
    char *text = summary_of(p), name[16];
    double *list = malloc((p->num_events + 1) * sizeof *list), work = 0;
    for (int s = 0; s < STAGES; s++) {
        size_t n = durations(p, (gwt_stage)s, list), count;
        const char *line = line_of(text, gwt_stage_name((gwt_stage)s));
        REQUIRE((n > 0) == (line != NULL), "%s: %zu times, and %s", gwt_stage_name((gwt_stage)s),
                n, line ? "there" : "not there");
        if (!line) continue;
        double total, mean, p95, share, rate = 0, sum = time_of(p, (gwt_stage)s, -1);
        int fields = sscanf(line, "%zu %lf %lf %lf %lf %% %lf", &count, &total, &mean, &p95,
                            &share, &rate);
        double rank = 0.95 * (double)(n - 1), below = list[(size_t)rank],
               above = list[(size_t)rank + (rank > floor(rank))];
        REQUIRE(fields >= 5 && count == n && near(total, sum, 6e-4)
                    && near(mean, 1e3 * sum / (double)n, 6e-4)
                    && near(p95, 1e3 * (below + (above - below) * (rank - floor(rank))), 6e-4)
                    && near(share, 100 * sum / (p->seconds * p->num_workers), 0.06),
                "%s:%.60s", gwt_stage_name((gwt_stage)s), line);
        double bytes = (double)bytes_of(p, (gwt_stage)s);
        REQUIRE(near(rate, bytes / 1e6 / p->seconds, 0.06), "%s: %g MB/s",
                gwt_stage_name((gwt_stage)s), rate);
    }
    for (int w = 0; w < p->num_workers; w++) {
        double sums[3] = { 0 }, got[4];
        snprintf(name, sizeof name, "%d", w);
        const char *line = line_of(text, name);
        for (int s = 0; s < STAGES; s++)
            sums[s == GWT_STAGE_SCHEDULE ? 1 : waits((gwt_stage)s) ? 2 : 0] +=
                time_of(p, (gwt_stage)s, w);
        REQUIRE(line && sscanf(line, "%lf %lf %lf %lf", &got[0], &got[1], &got[2], &got[3]) == 4,
                "no worker %d in: %s", w, text);
        REQUIRE(near(got[0], sums[0], 6e-4) && near(got[1], sums[1], 6e-4)
                    && near(got[2], sums[2], 6e-4)
                    && near(got[3], p->seconds - sums[0] - sums[1] - sums[2], 6e-4),
                "worker %d:%.60s", w, line);
        work += sums[0];
    }
    double percent;
    const char *efficiency = strstr(text, "parallel efficiency ");
    REQUIRE(efficiency && sscanf(efficiency, "parallel efficiency %lf", &percent) == 1
                && near(percent, 100 * work / (p->seconds * p->num_workers), 0.51), "%s", text);
    size_t came, asked;
    int64_t hits = 0;
    for (size_t i = 0; i < p->num_residences; i++) hits += p->residences[i].hits;
    const char *cache = strstr(text, "cache: ");
    REQUIRE((cache != NULL) == (p->num_residences > 0), "%s", text);
    if (cache)
        REQUIRE(sscanf(cache, "cache: %zu tiles came in, asked for %zu times: %lf", &came, &asked,
                       &percent) == 3
                    && came == p->num_residences && asked == came + (size_t)hits
                    && near(percent, 100 * (double)hits / (double)asked, 0.51), "%s", cache);
    free(list);
    free(text);
}

static void summary_is_the_profile(void **state)
{
    (void)state;
    const char *in = write_image("summed.tif", 400, 300, 64);
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        gwt *g = gwt_begin(.num_workers = worker_counts[w]);
        check_summary(rich_profile(g, in, temp_path("summed_out.tif")));
        assert_true(gwt_profile_begin(g));
        check_summary(end_profile(g));                  // of nothing
        assert_int_equal(gwt_end(g), 0);
    }
    char *text = summary_of(NULL);
    assert_string_equal(text, "no profile\n");
    free(text);
}

static void numbers_have_a_point(void **state)
{
    (void)state;
    decimal_comma_begin();
    gwt *g = gwt_begin(.num_workers = 2);
    const gwt_profile *p = rich_profile(g, write_image("comma.tif", 400, 300, 64),
                                        temp_path("comma_out.tif"));
    assert_true(gwt_profile_save_csv(g, p, temp_path("comma")));
    assert_true(gwt_profile_save_trace(g, p, temp_path("comma.json")));
    char *text = summary_of(p);
    assert_string_equal(localeconv()->decimal_point, ",");
    setlocale(LC_ALL, "C");
    check_csv(p, "comma");
    check_trace(p, temp_path("comma.json"));
    REQUIRE(strstr(text, "0.") && !strstr(text, "0,"), "%s", text);
    free(text);
    assert_int_equal(gwt_end(g), 0);
}

// ---- tests: misuse ----------------------------------------------------------------------------

static void begins_and_ends(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 3, .quiet = true);
    assert_null(gwt_profile_end(g));                    // none was begun: no error either
    EXPECT_OK(g);
    assert_true(gwt_profile_begin(g));
    assert_false(gwt_profile_begin(g, .cache = true));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "already");
    gwt_free(gwt_compute(gwt_open(g, scene(0))));
    check_input(end_profile(g), scene(0));              // the first one goes on
    assert_null(gwt_profile_end(g));

    static const double bad[] = { -1, -1e-300, (double)NAN, (double)INFINITY };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(gwt_profile_begin(g, .resource_dt = bad[i]));
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "resource_dt");
        assert_null(gwt_profile_end(g));
    }
    assert_true(gwt_profile_begin_with(g, NULL));
    assert_int_equal(end_profile(g)->num_events, 0);

    assert_false(gwt_profile_begin_with(NULL, NULL));
    assert_null(gwt_profile_end(NULL));
    assert_int_equal(gwt_end(g), 0);
    for (int s = 0; s < STAGES; s++) assert_true(*gwt_stage_name((gwt_stage)s));
    assert_string_equal(gwt_stage_name((gwt_stage)STAGES), "");
    assert_string_equal(gwt_stage_name((gwt_stage)-1), "");
}

typedef struct inside { bool begun; const gwt_profile *ended; } inside;

static int begin_inside(const gwt_block *block, void *user)
{
    if (block->id) return 0;
    ((inside *)user)->begun = gwt_profile_begin(block->g);
    return 0;
}

static int end_inside(const gwt_block *block, void *user)
{
    if (block->id == 0) ((inside *)user)->ended = gwt_profile_end(block->g);
    return 0;
}

static void not_inside_an_action(void **state)
{
    (void)state;
    inside got = { true, (const gwt_profile *)&got };
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = gwt_open(g, scene(0), .chunks = 100);
    assert_int_equal(gwt_map_blocks(a, begin_inside, &got), -1);
    assert_false(got.begun);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "inside an action");
    assert_null(gwt_profile_end(g));

    assert_true(gwt_profile_begin(g));
    assert_int_equal(gwt_map_blocks(a, end_inside, &got), 9);
    assert_null(got.ended);
    EXPECT_OK(g);
    assert_int_equal(count_of(end_profile(g), GWT_STAGE_USER), 9);
    assert_int_equal(gwt_end(g), 0);
}

static void refuses_to_save(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    assert_true(gwt_profile_begin(g, .cache = true));
    gwt_free(gwt_compute(gwt_open(g, scene(0))));
    const gwt_profile *p = end_profile(g);
    assert_int_equal(mkdir(temp_path("dumps"), 0777), 0);
    assert_int_equal(mkdir(temp_path("dumps/dir.json"), 0777), 0);
    assert_int_equal(mkdir(temp_path("dumps/d_resources.csv"), 0777), 0);

    assert_false(gwt_profile_save_trace(g, NULL, temp_path("dumps/none.json")));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "no profile");
    assert_false(gwt_profile_save_csv(g, NULL, temp_path("dumps/none")));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "no profile");
    assert_false(gwt_profile_save_trace(g, p, NULL));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "no name");
    assert_false(gwt_profile_save_trace(g, p, ""));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "no name");
    assert_false(gwt_profile_save_csv(g, p, NULL));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "no name");
    assert_false(gwt_profile_save_csv(g, p, ""));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "no name");
    char *list = dir_list(temp_path("dumps"));
    assert_string_equal(list, "d_resources.csv/dir.json/");
    free(list);

    // No such folder; a folder where the file should be.
    assert_false(gwt_profile_save_trace(g, p, temp_path("nowhere/p.json")));
    EXPECT_ERROR(g, GWT_E_IO, "nowhere/p.json");
    assert_false(gwt_profile_save_csv(g, p, temp_path("nowhere/p")));
    EXPECT_ERROR(g, GWT_E_IO, "nowhere/p_events.csv");
    assert_false(gwt_profile_save_trace(g, p, temp_path("dumps/dir.json")));
    EXPECT_ERROR(g, GWT_E_IO, "dumps/dir.json");
    assert_false(gwt_profile_save_csv(g, p, temp_path("dumps/d")));
    EXPECT_ERROR(g, GWT_E_IO, "d_resources.csv");
    list = dir_list(temp_path("dumps"));
    assert_string_equal(list, "d_events.csv/d_resources.csv/dir.json/");
    free(list);

    char *longer = malloc(10001);
    memset(longer, 'x', 10000), longer[10000] = '\0';
    assert_false(gwt_profile_save_trace(g, p, longer));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
    assert_false(gwt_profile_save_csv(g, p, longer));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, NULL);
    free(longer);

    assert_false(gwt_profile_save_trace(NULL, p, temp_path("dumps/none.json")));
    assert_int_equal(gwt_end(g), 0);
}

// ---- tests: sessions --------------------------------------------------------------------------

static int refuse(const gwt_block *block, void *user)
{
    (void)user;
    return block->id == 4;
}

// An action that fails, and the forgetting of its error, are part of a profile like others.
static void goes_on_after_an_error(void **state)
{
    (void)state;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        gwt *g = gwt_begin(.num_workers = worker_counts[w], .quiet = true);
        gwt_array *a = gwt_open(g, scene(0), .chunks = 64);
        assert_true(gwt_profile_begin(g, .resource_dt = 0.001, .cache = true));
        assert_int_equal(gwt_map_blocks(a, refuse, NULL), -1);
        EXPECT_ERROR(g, GWT_E_USER, "block 4");
        gwt_free(gwt_compute(gwt_open(g, scene(2))));
        assert_null(gwt_open(g, temp_path("no such file.tif")));
        const gwt_profile *p = end_profile(g);      // with an error held
        assert_false(gwt_profile_save_trace(g, p, temp_path("failed.json")));
        EXPECT_ERROR(g, GWT_E_IO, "no such file");
        check_input(p, scene(2));
        assert_true(count_of(p, GWT_STAGE_USER) >= 1);
        assert_true(gwt_profile_save_trace(g, p, temp_path("failed.json")));
        check_trace(p, temp_path("failed.json"));
        assert_int_equal(gwt_end(g), 0);
    }
}

static void two_in_one_session(void **state)
{
    (void)state;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        gwt *g = gwt_begin(.num_workers = worker_counts[w]);
        gwt_array *a = gwt_open(g, scene(0)), *b = gwt_open(g, scene(2));
        assert_true(gwt_profile_begin(g, .resource_dt = 0.001, .cache = true));
        gwt_free(gwt_compute(a));
        const gwt_profile *first = end_profile(g);
        gwt_free(gwt_compute(b));                   // in none
        assert_true(gwt_profile_begin(g));
        gwt_free(gwt_compute(b));
        const gwt_profile *second = end_profile(g);
        check_events(first);
        check_input(first, scene(0));
        check_input(second, scene(2));
        assert_int_equal(second->num_samples, 0);
        assert_int_equal(second->num_residences, 0);
        for (size_t i = 0; i < second->num_events; i++)
            REQUIRE(!second->events[i].file || strcmp(second->events[i].file, "tiles.tif"),
                    "an event of the first profile");
        assert_int_equal(gwt_end(g), 0);
    }
}

// Between actions workers are on their way to sleep: nothing of theirs may come into a profile that
// begins, nor be looked for in one that has ended.
static void many_short_ones(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 8);
    gwt_array *a = gwt_open(g, scene(0), .chunks = 64);
    for (int i = 0; i < 60; i++) {
        atomic_int calls = 0;
        assert_true(gwt_profile_begin(g, .cache = i % 2));
        if (i % 3) gwt_free(gwt_compute(a));
        else gwt_parallel_for(g, 64, call_index, &calls);
        const gwt_profile *p = end_profile(g);
        assert_int_equal(count_of(p, GWT_STAGE_READ), i % 3 ? 25 : 0);
    }
    assert_int_equal(gwt_end(g), 0);
}

// A session that ends with its profile open; leak checkers have the last word.
static void ends_with_the_session(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    assert_true(gwt_profile_begin(g, .resource_dt = 0.001, .cache = true));
    gwt_free(gwt_compute(gwt_open(g, scene(0))));
    assert_int_equal(gwt_end(g), 0);
    g = gwt_begin(.num_workers = 2);
    assert_true(gwt_profile_begin(g, .resource_dt = 3600));     // nobody waits for its next sample
    double start = now();
    assert_int_equal(gwt_end(g), 0);
    REQUIRE(now() - start < 60, "the end took %g s", now() - start);
}

// A path may go after the call it was for; names in the profile do not.
static void names_outlive_paths(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    assert_true(gwt_profile_begin(g));
    char *in = strdup(scene(0)), *out = strdup(temp_path("outlived.tif"));
    assert_true(gwt_save(gwt_open(g, in), out, .compress = "lzw"));
    memset(in, 'x', strlen(in)), memset(out, 'x', strlen(out));
    free(in), free(out);
    const gwt_profile *p = end_profile(g);
    check_input(p, scene(0));
    check_output(p, temp_path("outlived.tif"));
    assert_int_equal(gwt_end(g), 0);
}

// An action of another session inside is time in the user's function, and only that.
// A save that waits for its turn while a profile begins is in it, under its name whatever becomes
// of the path. Who has the turn next is not in our hands: tried again.

typedef struct turn { gwt *g; atomic_bool taken, save; char path[512]; } turn;

// Has the turn, until the others are likely to wait for it.
static void stay_a_while(size_t index, void *user)
{
    turn *t = user;
    (void)index;
    atomic_store(&t->taken, true);
    while (!atomic_load(&t->save)) sleep_ms(1);
    sleep_ms(40);
}

static void *have_the_turn(void *user)
{
    turn *t = user;
    gwt_parallel_for(t->g, 1, stay_a_while, t);
    return NULL;
}

static void *save_later(void *user)
{
    turn *t = user;
    sleep_ms(20);               // the profile waits by now
    gwt_array *a = gwt_open(t->g, scene(0));
    atomic_store(&t->save, true);
    gwt_save(a, t->path, .compress = "lzw", .overwrite = true);
    memset(t->path, 'x', strlen(t->path));
    return NULL;
}

static void names_outlive_paths_of_saves_that_waited(void **state)
{
    (void)state;
    const char *path = temp_path("waited.tif");
    bool met = false;
    for (int i = 0; i < 4 * TRIES && !met; i++) {
        gwt *g = gwt_begin(.num_workers = 1);
        turn t = { .g = g };
        pthread_t turns, saves;
        snprintf(t.path, sizeof t.path, "%s", path);
        assert_int_equal(pthread_create(&turns, NULL, have_the_turn, &t), 0);
        while (!atomic_load(&t.taken)) sleep_ms(1);
        assert_int_equal(pthread_create(&saves, NULL, save_later, &t), 0);
        assert_true(gwt_profile_begin(g));
        assert_int_equal(pthread_join(saves, NULL), 0);
        assert_int_equal(pthread_join(turns, NULL), 0);
        const gwt_profile *p = end_profile(g);
        met = p->num_events > 0;
        if (met) {
            check_input(p, scene(0));
            check_output(p, path);
            assert_string_equal(p->output_compression, "lzw");
        }
        assert_int_equal(gwt_end(g), 0);
    }
    if (!met) skip_loudly("no save waited for its turn until a profile had begun");
}

static void another_session_inside(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2), *other = gwt_begin(.num_workers = 1);
    gwt_array *outer = gwt_open(g, scene(0), .chunks = 150);
    gwt_array *inner = gwt_open(other, scene(1));
    assert_true(gwt_profile_begin(g));
    assert_true(gwt_profile_begin(other));
    int64_t blocks = gwt_map_blocks(outer, compute_inside, inner, .num_workers = 1);
    const gwt_profile *p = end_profile(g), *q = end_profile(other);
    assert_int_equal(blocks, 4);
    assert_int_equal(count_of(p, GWT_STAGE_USER), blocks);
    check_input(p, scene(0));
    check_pieces(p, GWT_STAGE_COMPUTE, WIDTH, HEIGHT, 1);
    assert_int_equal(bytes_of(p, GWT_STAGE_COMPUTE), gwt_describe(outer)->nbytes);
    check_pieces(q, GWT_STAGE_COMPUTE, WIDTH, HEIGHT, (int)blocks);
    assert_int_equal(count_of(q, GWT_STAGE_USER), 0);
    assert_int_equal(gwt_end(g), 0);
    assert_int_equal(gwt_end(other), 0);
}

// Deeper than a lane has room for: nothing breaks, and the outermost are there.
typedef struct nest { gwt_array *a; int depth; } nest;

static int deeper(const gwt_block *block, void *user)
{
    nest *n = user;
    (void)block;
    if (n->depth == 0) return 0;
    nest next = { n->a, n->depth - 1 };
    return gwt_map_blocks(n->a, deeper, &next) != 1;
}

static void deeply_nested(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    nest n = { gwt_window(gwt_open(g, scene(4)), 0, 0, 8, 8), 40 };
    assert_true(gwt_profile_begin(g, .cache = true));
    assert_int_equal(gwt_map_blocks(n.a, deeper, &n), 1);
    EXPECT_OK(g);
    const gwt_profile *p = end_profile(g);
    REQUIRE(count_of(p, GWT_STAGE_USER) >= 14, "%lld", (long long)count_of(p, GWT_STAGE_USER));
    REQUIRE(count_of(p, GWT_STAGE_USER) == 41 || !p->complete, "%lld of 41 calls, and complete",
            (long long)count_of(p, GWT_STAGE_USER));
    assert_int_equal(gwt_end(g), 0);
}

// A function of the user's runs an action that calls it again: each stage has its own time, though
// the outer one is in two parts around the inner.
static void stages_within_stages(void **state)
{
    (void)state;
    static const gwt_event events[] = {
        { .stage = GWT_STAGE_USER, .start = 0, .end = 1 },
        { .stage = GWT_STAGE_USER, .start = 1, .end = 1.25, .depth = 1 },
        { .stage = GWT_STAGE_READ, .start = 1.25, .end = 1.5, .depth = 2, .ends = true },
        { .stage = GWT_STAGE_USER, .start = 1.5, .end = 1.75, .depth = 1, .ends = true },
        { .stage = GWT_STAGE_USER, .start = 1.75, .end = 5.25, .ends = true }
    };
    const gwt_profile p = { .seconds = 6, .num_workers = 1, .complete = true, .label = "",
                            .events = events, .num_events = COUNT_OF(events) };
    char line[200], name[32];
    FILE *f = tmpfile();
    assert_non_null(f);
    gwt_profile_summary(&p, f);
    rewind(f);
    // 4.5 s and 0.5 s: 2.5 on average, and 0.95 of the way from the one to the other.
    int count = 0;
    double total = 0, mean = 0, p95 = 0;
    bool found = false;
    while (!found && fgets(line, sizeof line, f))
        found = sscanf(line, "%31s %d %lf %lf %lf", name, &count, &total, &mean, &p95) == 5
             && !strcmp(name, "user");
    fclose(f);
    assert_true(found);
    REQUIRE(count == 2 && total == 5 && mean == 2500 && p95 == 4300,
            "%d stages, %g s, %g ms on average, p95 %g ms", count, total, mean, p95);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computes_each_piece_once),
        cmocka_unit_test(saves_each_tile_once),
        cmocka_unit_test(leaves_out_absent_tiles),
        cmocka_unit_test(saves_many_in_one_pass),
        cmocka_unit_test(counts_the_calls_of_functions),
        cmocka_unit_test(nested_actions_abut),
        cmocka_unit_test(events_cover_the_time_of_a_worker),
        cmocka_unit_test(waits_for_the_writer),
        cmocka_unit_test(waits_for_a_tile),
        cmocka_unit_test(residences_add_up),
        cmocka_unit_test(residences_of_a_small_cache),
        cmocka_unit_test(high_tiles_stay),
        cmocka_unit_test(residences_of_two_profiles),
        cmocka_unit_test(samples_agree_with_events),
        cmocka_unit_test(operations_have_names_and_times),
        cmocka_unit_test(operations_are_told_apart),
        cmocka_unit_test(csv_is_the_profile),
        cmocka_unit_test(trace_is_the_profile),
        cmocka_unit_test(trace_of_names_that_are_no_text),
        cmocka_unit_test(summary_is_the_profile),
        cmocka_unit_test_teardown(numbers_have_a_point, decimal_comma_end),
        cmocka_unit_test(begins_and_ends),
        cmocka_unit_test(not_inside_an_action),
        cmocka_unit_test(refuses_to_save),
        cmocka_unit_test(goes_on_after_an_error),
        cmocka_unit_test(two_in_one_session),
        cmocka_unit_test(many_short_ones),
        cmocka_unit_test(ends_with_the_session),
        cmocka_unit_test(names_outlive_paths),
        cmocka_unit_test(names_outlive_paths_of_saves_that_waited),
        cmocka_unit_test(another_session_inside),
        cmocka_unit_test(deeply_nested),
        cmocka_unit_test(stages_within_stages),
    };
    return cmocka_run_group_tests_name("profile", tests, write_scenes, temp_end);
}
