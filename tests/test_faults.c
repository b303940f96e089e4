// test_faults.c - whatever fails, fails well. Each job below is run with its first allocation
// failing, then with its second, and so on until it gets through; the same for every allocation of
// libtiff's, every open, read, write, truncation, sync and rename, and every thread.
//
// Each time there is one error that names the file where it is about one, and never a crash, a
// hang, a block or a descriptor that is not given back, or an output that is neither the old nor
// the new one. And then the job is run again, in the same session or in another, resumed or
// afresh: it must end in the bytes it would have ended in anyway.
//
//     build/release/tests/test_faults ['resumed*']

#define _XOPEN_SOURCE 700
#define _DARWIN_C_SOURCE

#include "oracle.h"

#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WIDTH = 70, HEIGHT = 50, BANDS = 2, SECONDS = 60, MAX_OUTPUTS = 3, MAX_PARTS = 8,
       BLOCK = 16 };

// ---- what there is to compute ----------------------------------------------------------------

static const double here[6] = { 30, 0, 300000, 0, -30, 4000000 },
                    there[6] = { 30, 0, 300000 + 30 * 40, 0, -30, 4000000 - 30 * 20 };

static void write_scene(const char *name, gwt_dtype dtype, int tile, int compression, int predictor,
                        const double place[6], uint64_t seed)
{
    static double values[BANDS * WIDTH * HEIGHT];
    geo_place geo;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        uint64_t n = noise(seed * 1000003 + i);
        bool missing = n % 7 == 0 || (i / WIDTH % HEIGHT < BLOCK && i % WIDTH < 2 * BLOCK);
        values[i] = missing ? 0 : (double)(1 + n / 7 % 250);
    }
    tiff_write_values(temp_path("%s", name),
                      &(tiff_spec){ .width = WIDTH, .height = HEIGHT, .bands = BANDS,
                                    .dtype = dtype, .tile_width = tile, .tile_height = tile,
                                    .rows_per_strip = tile ? 0 : 7, .compression = compression,
                                    .predictor = predictor, .geo = geo_at(&geo, 32616, place),
                                    .nodata = "0", .metadata = "<GDALMetadata>\n"
                                    "  <Item name=\"SEASON\">dry</Item>\n</GDALMetadata>\n" },
                      values);
}

static int write_scenes(void **state)
{
    if (temp_begin(state)) return -1;
    write_scene("deflate.tif", GWT_UINT16, 32, COMPRESSION_ADOBE_DEFLATE, 2, here, 1);
    write_scene("lzw.tif", GWT_UINT16, 0, COMPRESSION_LZW, 0, here, 2);
    write_scene("plain.tif", GWT_UINT16, 0, 0, 0, here, 3);
    write_scene("beside.tif", GWT_UINT16, 48, COMPRESSION_LZW, 0, there, 4);
    return 0;
}

static gwt_array *scene(gwt *g, const char *name)
{
    return gwt_open(g, temp_path("%s.tif", name), .chunks = 24);
}

static uint64_t mix(uint64_t hash, const void *data, size_t n)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; bytes && i < n; i++) hash = (hash ^ bytes[i]) * 0x100000001B3u;
    return hash;
}

// ---- jobs ------------------------------------------------------------------------------------

// How it saves; and what it computed, of a job that has no files.
typedef struct task { gwt *g; const gwt_save_options *how; uint64_t hash; } task;

static const char *output(int i) { return temp_path("out_%d.tif", i); }

static void save_as(const task *t, gwt_array *a, gwt_save_options o)
{
    o.tile_size = BLOCK;
    o.overwrite = t->how->overwrite;
    o.resume = t->how->resume;
    gwt_save_with(a, output(0), &o);
}

// Not predictor 3: where it has no memory for a row, libtiff 4.5 stores the row as it is.
static void index_deflated(task *t)
{
    gwt_array *a = scene(t->g, "deflate"), *all[] = { a };
    save_as(t, gwt_calc(all, 1, "(b1 - b2) / (b1 + b2)"),
            (gwt_save_options){ .compress = "deflate", .predictor = 2 });
}

static void bands_apart(task *t)
{
    static const char *const tags[] = { "MADE=here", NULL };
    save_as(t, gwt_mul(scene(t->g, "lzw"), gwt_number(t->g, 3)),
            (gwt_save_options){ .compress = "lzw", .interleave = GWT_PLANAR, .sparse = true,
                                .checksums = true, .dtype = GWT_UINT16,
                                .nodata = gwt_some(0), .tags = tags });
}

static void as_it_is(task *t) { save_as(t, scene(t->g, "plain"), (gwt_save_options){ 0 }); }

static void several(task *t)
{
    gwt_array *a = scene(t->g, "deflate"), *b = scene(t->g, "plain");
    gwt_array *all[] = { gwt_add(a, b), gwt_sel(b, "2"), gwt_max(a, b) };
    const char *paths[] = { output(0), output(1), output(2) };
    gwt_save_options o = *t->how;
    o.tile_size = BLOCK;
    o.compress = "lzw";
    o.statistics = true;
    gwt_save_many_with(all, paths, 3, &o);
}

static void windows(task *t)
{
    gwt_array *a = scene(t->g, "deflate");
    gwt_array *median = gwt_moving(gwt_sel(a, "1"), .statistic = GWT_MEDIAN, .window = 5);
    save_as(t, gwt_sub(gwt_moving(a, .window = 7), gwt_reduce(median, GWT_BAND, GWT_MAX)),
            (gwt_save_options){ .compress = "lzw", .statistics = true });
}

static void mosaic(task *t)
{
    const char *const paths[] = { temp_path("lzw.tif"), temp_path("beside.tif") };
    gwt_array *a = gwt_open_many(t->g, paths, 2, .mosaic = true, .bounds_by = GWT_UNION);
    save_as(t, a, (gwt_save_options){ .compress = "deflate", .dtype = GWT_UINT16,
                                   .nodata = gwt_some(0) });
}

static void median_of_dates(task *t)
{
    const char *const paths[] = { temp_path("lzw.tif"), temp_path("deflate.tif"),
                                  temp_path("plain.tif") };
    gwt_array *a = gwt_open_many(t->g, paths, 3, .stack = GWT_TIME, .chunks = 20);
    save_as(t, gwt_reduce(a, GWT_TIME, GWT_MEDIAN), (gwt_save_options){ .compress = "lzw" });
}

static void series_of_dates(task *t)
{
    const char *const paths[] = { temp_path("lzw.tif"), temp_path("deflate.tif"),
                                  temp_path("plain.tif") };
    gwt_array *a = gwt_open_many(t->g, paths, 3, .stack = GWT_TIME, .chunks = 20);
    save_as(t, gwt_calc(&a, 1, "best(a, -b1) - slope(interpolate(a)) + cumsum(diff(a))[2]"),
            (gwt_save_options){ .compress = "lzw" });
}

static void into_memory(task *t)
{
    gwt_array *a = scene(t->g, "lzw"), *half = gwt_regrid(a, .res = 60, .resampling = GWT_CUBIC);
    gwt_array *pair[] = { gwt_sqrt(a), a };
    void *buffers[2] = { NULL, NULL }, *one = gwt_compute(half);
    if (gwt_compute_many(pair, 2, buffers)) {
        t->hash = mix(t->hash, buffers[0], (size_t)gwt_describe(pair[0])->nbytes);
        t->hash = mix(t->hash, buffers[1], (size_t)gwt_describe(a)->nbytes);
    }
    t->hash = mix(t->hash, one, (size_t)gwt_describe(half)->nbytes);
    gwt_free(one);
    gwt_free(buffers[0]);
    gwt_free(buffers[1]);
}

static int sum_of_block(const gwt_block *block, void *user)
{
    double row[WIDTH];
    uint64_t sum = 0;
    for (int64_t y = 0; y < block->rows; y++) {
        gwt_block_row(block, 1, y, row);
        for (int64_t x = 0; x < block->cols; x++) sum += isnan(row[x]) ? 1 : (uint64_t)row[x] * 7;
    }
    atomic_fetch_add((_Atomic uint64_t *)user, sum);
    return 0;
}

static int shift_kernel(const gwt_kernel *k, void *user)
{
    (void)user;
    int64_t width = k->cols + 2 * k->halo;
    for (int64_t y = 0; y < k->rows; y++)
        for (int64_t x = 0; x < k->cols; x++)
            k->out[y * k->cols + x] = k->in[y * width + x] + k->in[(y + 4) * width + x + 4];
    return 0;
}

static void users_functions(task *t)
{
    _Atomic uint64_t sum = 0;
    gwt_array *a = scene(t->g, "deflate");
    gwt_map_blocks(a, sum_of_block, &sum, .padding = { 3, 0, 0, 2 });
    gwt_array *shifted = gwt_apply(gwt_sel(a, "2"), shift_kernel, NULL, .halo = 2);
    double *got = gwt_compute(shifted);
    uint64_t all = atomic_load(&sum);
    t->hash = mix(mix(t->hash, &all, sizeof all), got, (size_t)gwt_describe(shifted)->nbytes);
    gwt_free(got);
}

static void numbers(task *t)
{
    static const double asked[] = { 0, 12.5, 50, 100 };
    gwt_array *a = scene(t->g, "lzw");
    gwt_summary summaries[BANDS];
    double values[BANDS * 4];
    int64_t counts[BANDS * 8];
    if (gwt_summarize(a, summaries)) t->hash = mix(t->hash, summaries, sizeof summaries);
    if (gwt_percentiles(gwt_cast(a, GWT_FLOAT32), asked, 4, values))
        t->hash = mix(t->hash, values, sizeof values);
    if (gwt_histogram(a, 0, 256, 8, counts)) t->hash = mix(t->hash, counts, sizeof counts);
}

// What a profile has no memory for, it leaves out; the job is done all the same, or says why not.
static void profiled(task *t)
{
    bool begun = gwt_profile_begin(t->g, .cache = true);
    save_as(t, gwt_abs(scene(t->g, "deflate")), (gwt_save_options){ .compress = "lzw" });
    if (begun) gwt_profile_end(t->g);
}

// Full resolution and its mask, and three overviews with theirs, assembled from eight parts.
static void cloud_optimised(task *t)
{
    save_as(t, gwt_mul(scene(t->g, "deflate"), gwt_number(t->g, 3)),
            (gwt_save_options){ .compress = "deflate", .cog = true, .mask = true, .sparse = true,
                                .dtype = GWT_UINT16, .nodata = gwt_some(0) });
}

// Parts that are appended; overviews that are read back from the first on.
static void with_overviews(task *t)
{
    gwt_array *a = scene(t->g, "lzw"), *both[] = { a, gwt_sub(scene(t->g, "plain"), a) };
    gwt_save_options o = *t->how;
    o.tile_size = BLOCK;
    o.compress = "lzw";
    o.interleave = GWT_PLANAR;
    o.overviews = "2,4";
    o.overview_resampling = "cubic";
    gwt_save_many_with(both, (const char *[]){ output(0), output(1) }, 2, &o);
}

typedef struct job { const char *name; void (*run)(task *t); int outputs; } job;

static const job jobs[] = {
    { "index_deflated", index_deflated, 1 }, { "bands_apart", bands_apart, 1 },
    { "as_it_is", as_it_is, 1 },             { "several", several, 3 },
    { "windows", windows, 1 },               { "mosaic", mosaic, 1 },
    { "median_of_dates", median_of_dates, 1 }, { "into_memory", into_memory, 0 },
    { "users_functions", users_functions, 0 }, { "numbers", numbers, 0 },
    { "profiled", profiled, 1 },             { "series_of_dates", series_of_dates, 1 },
    { "cloud_optimised", cloud_optimised, 1 }, { "with_overviews", with_overviews, 2 }
};

// ---- faults ----------------------------------------------------------------------------------

typedef struct fault {
    const char *name;
    fault_kind kind;
    fault_way way;
    int error;
    bool unseen;               // nobody has to notice: the job gets through
} fault;

static const fault faults[] = {
    { "an allocation", FAULT_ALLOC, FAULT_ONCE, ENOMEM, false },
    { "all allocations from", FAULT_ALLOC, FAULT_FROM_THEN, ENOMEM, false },
    { "libtiff's allocation", FAULT_CODEC_ALLOC, FAULT_ONCE, ENOMEM, false },
    { "thread", FAULT_THREAD, FAULT_ONCE, EAGAIN, false },
    { "mutex or condition", FAULT_LOCK, FAULT_ONCE, 0, false },
    { "open", FAULT_OPEN, FAULT_ONCE, ENFILE, false },
    { "open, broken disk, at", FAULT_OPEN, FAULT_ONCE, EIO, false },
    { "open, too many files, at", FAULT_OPEN, FAULT_ONCE, EMFILE, false },
    { "open, no leave, at", FAULT_OPEN, FAULT_ONCE, EACCES, false },
    { "interrupted open", FAULT_OPEN, FAULT_ONCE, EINTR, true },
    { "read", FAULT_READ, FAULT_ONCE, EIO, false },
    { "end at read", FAULT_READ, FAULT_END, 0, false },
    { "interrupted read", FAULT_READ, FAULT_ONCE, EINTR, true },
    { "short read", FAULT_READ, FAULT_SHORT, 0, true },
    { "write", FAULT_WRITE, FAULT_ONCE, EIO, false },
    { "disk full at write", FAULT_WRITE, FAULT_FROM_THEN, ENOSPC, false },
    { "interrupted write", FAULT_WRITE, FAULT_ONCE, EINTR, true },
    { "short write", FAULT_WRITE, FAULT_SHORT, 0, true },
    { "disk full within write", FAULT_WRITE, FAULT_SHORT_THEN, ENOSPC, false },
    { "truncation", FAULT_CUT, FAULT_ONCE, EIO, false },
    { "interrupted truncation", FAULT_CUT, FAULT_ONCE, EINTR, true },
    { "sync", FAULT_SYNC, FAULT_ONCE, EIO, false },
    { "interrupted sync", FAULT_SYNC, FAULT_ONCE, EINTR, true },
    { "rename", FAULT_RENAME, FAULT_ONCE, EACCES, false }
};

// ---- a run and what must hold after it -------------------------------------------------------

// What a job makes when nothing fails.
typedef struct expected {
    unsigned char *bytes[MAX_OUTPUTS];
    size_t sizes[MAX_OUTPUTS];
    uint64_t hash;
} expected;

// Where we are, for messages.
typedef struct place {
    const job *job;
    const fault *fault;
    int workers;
    long n;
    char text[160];
} place;

static const char *where(place *p)
{
    snprintf(p->text, sizeof p->text, "%s, %d workers, %s %ld", p->job->name, p->workers,
             p->fault ? p->fault->name : "no fault", p->n);
    return p->text;
}

static const char old_output[] = "what was there before";

static bool has_bytes(const char *path, const void *bytes, size_t n)
{
    size_t size;
    if (!file_exists(path)) return false;
    unsigned char *there_now = file_read(path, &size);
    bool equal = size == n && memcmp(there_now, bytes, n) == 0;
    free(there_now);
    return equal;
}

static void lay_out(const job *j)
{
    for (int i = 0; i < j->outputs; i++) {
        file_write(output(i), old_output, sizeof old_output);
        unlink(temp_path("out_%d.tif.part", i));
        unlink(temp_path("out_%d.tif.part.journal", i));
        unlink(temp_path("out_%d.tif.part.whole", i));
        for (int k = 2; k <= MAX_PARTS; k++) {
            unlink(temp_path("out_%d.tif.part.%d", i, k));
            unlink(temp_path("out_%d.tif.part.%d.journal", i, k));
        }
    }
}

// The name of what lies beside an output, or NULL; of all that do, the first.
static const char *left_beside(int i)
{
    static char name[64];
    char beside[32];
    snprintf(beside, sizeof beside, "out_%d.tif.part", i);
    char *list = dir_list(temp_dir()), *at = strstr(list, beside);
    if (at) snprintf(name, sizeof name, "%.*s", (int)strcspn(at, "/"), at);
    free(list);
    return at ? name : NULL;
}

static void check_done(place *p, const expected *e, uint64_t hash, const char *when)
{
    REQUIRE(p->job->outputs || hash == e->hash, "%s: %s: other results", where(p), when);
    for (int i = 0; i < p->job->outputs; i++) {
        REQUIRE(has_bytes(output(i), e->bytes[i], e->sizes[i]),
                "%s: %s: out_%d.tif has other bytes", where(p), when, i);
        REQUIRE(!left_beside(i), "%s: %s: %s is left", where(p), when, left_beside(i));
    }
}

// Old or new, nothing else; new only where a later one of several failed in the end.
static void check_outputs_whole(place *p, const expected *e)
{
    int fresh = 0;
    for (int i = 0; i < p->job->outputs; i++) {
        bool done = has_bytes(output(i), e->bytes[i], e->sizes[i]);
        REQUIRE(done || has_bytes(output(i), old_output, sizeof old_output),
                "%s: out_%d.tif is neither old nor new", where(p), i);
        fresh += done;
    }
    REQUIRE(fresh == 0 || fresh < p->job->outputs, "%s: failed, and all outputs are new", where(p));
}

static int strays;             // messages of libtiff that nobody caught

static void stray_message(const char *module, const char *format, va_list args)
{
    (void)module, (void)format, (void)args;
    strays++;
}

static void check_nothing_held(place *p)
{
    REQUIRE(fault_live_blocks() == 0, "%s: %ld blocks are not given back", where(p),
            fault_live_blocks());
    REQUIRE(fault_live_files() == 0, "%s: %ld files are not closed", where(p), fault_live_files());
    REQUIRE(fault_live_locks() == 0, "%s: %ld mutexes are not destroyed, or never were",
            where(p), fault_live_locks());
    REQUIRE(strays == 0, "%s: libtiff printed something", where(p));
}

// The name a message must have in it; of a journal, that of its part will do.
static const char *name_of(const char *path)
{
    static char name[256];
    const char *slash = strrchr(path, '/');
    snprintf(name, sizeof name, "%s", slash ? slash + 1 : path);
    char *journal = strstr(name, ".journal");
    if (journal) *journal = 0;
    return name;
}

// One line that says something, and which file it is about.
static void check_error(place *p, gwt_code code, const char *message)
{
    REQUIRE(!p->fault->unseen, "%s: fails: %s", where(p), message);
    REQUIRE(message[0] && !strchr(message, '\n'), "%s: code %d, \"%s\"", where(p), (int)code,
            message);
    REQUIRE(strcmp(message, "cancelled"), "%s: \"%s\"", where(p), message);
    if (strcmp(message, "no session") == 0) {
        REQUIRE(p->fault->kind == FAULT_ALLOC || p->fault->kind == FAULT_THREAD
                    || p->fault->kind == FAULT_LOCK, "%s: no session", where(p));
        return;
    }
    bool of_file = p->fault->kind >= FAULT_OPEN;
    bool of_memory = p->fault->kind == FAULT_ALLOC || p->fault->kind == FAULT_LOCK;
    REQUIRE(!of_memory || code == GWT_E_MEMORY, "%s: code %d, \"%s\"", where(p), (int)code,
            message);
    // Of several that failed at once, the message is about the one that was first to say so.
    bool any = p->workers > 1 && p->fault->way != FAULT_ONCE && strstr(message, "out_");
    REQUIRE(!of_file || any || strstr(message, name_of(fault_path())),
            "%s: \"%s\" does not name %s", where(p), message, name_of(fault_path()));
    const char *why = p->fault->error ? strerror(p->fault->error) : "";
    bool says_why = p->fault->way == FAULT_END || (code == GWT_E_IO && strstr(message, why));
    REQUIRE(!of_file || says_why, "%s: code %d, \"%s\" does not say why", where(p), (int)code,
            message);
}

// Run it once. Gives the code; the message is copied. When `again`, and it failed, it is run a
// second time in the same session, where nothing fails any more.
static gwt_code run_once(place *p, const gwt_save_options *how, bool again, const expected *e,
                         uint64_t *hash, char message[2048])
{
    gwt *g = gwt_begin(.num_workers = p->workers, .quiet = true);
    task t = { .g = g, .how = how };
    p->job->run(&t);
    gwt_code code = gwt_status(g);
    *hash = t.hash;
    snprintf(message, 2048, "%s", gwt_message(g));
    fault_disarm();
    if (g && code != GWT_OK && again) {
        check_outputs_whole(p, e);
        gwt_clear(g);
        task second = { .g = g, .how = &(gwt_save_options){ .overwrite = true, .resume = true } };
        p->job->run(&second);
        REQUIRE(gwt_status(g) == GWT_OK, "%s (%s): not the second time: %s", where(p), message,
                gwt_message(g));
        check_done(p, e, second.hash, "the second time");
    }
    gwt_end(g);
    return code;
}

static void expect(const job *j, expected *e)
{
    static const gwt_save_options how = { .overwrite = true };
    char message[2048];
    place p = { .job = j, .workers = 1 };
    lay_out(j);
    fault_disarm();
    gwt_code code = run_once(&p, &how, false, NULL, &e->hash, message);
    REQUIRE(code == GWT_OK, "%s: %s", where(&p), message);
    for (int i = 0; i < j->outputs; i++) e->bytes[i] = file_read(output(i), &e->sizes[i]);
    check_nothing_held(&p);
}

static void forget(expected *e)
{
    for (int i = 0; i < MAX_OUTPUTS; i++) free(e->bytes[i]);
}

// The n-th call fails. False when there were not so many: the job got through.
static bool survives(place *p, const expected *e)
{
    static const gwt_save_options afresh = { .overwrite = true },
                                  go_on = { .overwrite = true, .resume = true };
    char message[2048];
    uint64_t hash;
    lay_out(p->job);
    fault_arm(p->fault->kind, p->fault->way, p->fault->error, p->n);
    bool same_session = p->n % 2 == 0;
    gwt_code code = run_once(p, &afresh, same_session, e, &hash, message);
    bool hit = fault_happened();
    check_nothing_held(p);
    if (code == GWT_OK) {
        check_done(p, e, hash, hit ? "nobody noticed" : "nothing failed");
        return hit;
    }
    REQUIRE(hit, "%s: not reached, and yet: %s", where(p), message);
    check_error(p, code, message);
    if (same_session && strcmp(message, "no session")) return true;
    check_outputs_whole(p, e);
    char ignored[2048];
    code = run_once(p, p->n % 4 == 1 ? &go_on : &afresh, false, e, &hash, ignored);
    REQUIRE(code == GWT_OK, "%s (%s): not the second time: %s", where(p), message, ignored);
    check_done(p, e, hash, "the second time");
    check_nothing_held(p);
    return true;
}

static bool possible(const fault *f, int workers)
{
    if (f->kind == FAULT_CODEC_ALLOC && !fault_sees_codec()) return false;
    return f->kind != FAULT_THREAD || workers > 1;
}

// Of one worker's calls each is the one that fails. Some are left out of those far behind where
// several workers make them in any order, where all after it fail too, and where all this is slow;
// and of the mutexes of a session's cache, which are alike.
static long next(const place *p)
{
    if (p->fault->kind == FAULT_LOCK && p->n > 3 && p->n < 90) return p->n + 40;
    bool all_fail = p->fault->kind == FAULT_ALLOC && p->fault->way == FAULT_FROM_THEN;
    return p->n + 1 + (SLOW ? p->n / 8 : all_fail ? p->n / 4 : p->workers > 1 ? p->n / 16 : 0);
}

static void sweep(void **state)
{
    const job *j = *state;
    expected e = { .hash = 0 };
    expect(j, &e);
    for (int workers = LOOKS_FOR_RACES ? 3 : 1; workers <= 3; workers += 2)
        for (size_t i = 0; i < COUNT_OF(faults); i++) {
            if (!possible(&faults[i], workers)) continue;
            place p = { .job = j, .fault = &faults[i], .workers = workers, .n = 1 };
            while (alarm(SECONDS), survives(&p, &e)) p.n = next(&p);
            alarm(0);
        }
    forget(&e);
}

// ---- an interrupted save that is resumed while things fail -----------------------------------

static unsigned char *part_bytes, *journal_bytes;
static size_t part_size, journal_size;

// Nothing of what was there may go: not the tiles, and not the knowledge of them.
static void check_part_kept(place *p, const char *message)
{
    size_t size;
    REQUIRE(file_exists(temp_path("out_0.tif.part")) &&
            file_exists(temp_path("out_0.tif.part.journal")),
            "%s (%s): the part is gone", where(p), message);
    unsigned char *now = file_read(temp_path("out_0.tif.part.journal"), &size);
    REQUIRE(size >= journal_size && memcmp(now, journal_bytes, journal_size) == 0,
            "%s (%s): the journal has lost %d bytes", where(p), message,
            (int)journal_size - (int)size);
    free(now);
    now = file_read(temp_path("out_0.tif.part"), &size);
    bool kept = size >= part_size && memcmp(now + 16, part_bytes + 16, part_size - 16) == 0;
    free(now);
    REQUIRE(kept, "%s (%s): the part has lost something", where(p), message);
}

static void lay_out_part(void)
{
    file_write(temp_path("out_0.tif.part"), part_bytes, part_size);
    file_write(temp_path("out_0.tif.part.journal"), journal_bytes, journal_size);
}

static ino_t inode_of(const char *path)
{
    struct stat st;
    return stat(path, &st) ? 0 : st.st_ino;
}

// What fails once is no reason to begin again: either it is an error, or the file that becomes the
// output is the part that was there. (Held open here, its number is no other file's.)
static bool resumes(place *p, const expected *e)
{
    static const gwt_save_options go_on = { .overwrite = true, .resume = true };
    char message[2048], ignored[2048];
    uint64_t hash;
    lay_out(p->job);
    lay_out_part();
    int held = open(temp_path("out_0.tif.part"), O_RDONLY);
    ino_t part = inode_of(temp_path("out_0.tif.part"));
    fault_arm(p->fault->kind, p->fault->way, p->fault->error, p->n);
    gwt_code code = run_once(p, &go_on, false, e, &hash, message);
    bool hit = fault_happened();
    check_nothing_held(p);
    ino_t now = inode_of(code == GWT_OK ? output(0) : temp_path("out_0.tif.part"));
    assert_true(held >= 0);
    close(held);
    REQUIRE(now == part, "%s: the part was thrown away (%s)", where(p), fault_path());
    bool must_fail = hit && p->fault->kind == FAULT_READ && !p->fault->unseen
                  && strstr(fault_path(), ".part");
    REQUIRE(code != GWT_OK || !must_fail, "%s: nobody noticed (%s)", where(p), fault_path());
    if (code == GWT_OK) {
        check_done(p, e, hash, hit ? "nobody noticed" : "nothing failed");
        return hit;
    }
    check_error(p, code, message);
    check_outputs_whole(p, e);
    check_part_kept(p, message);
    code = run_once(p, &go_on, false, e, &hash, ignored);
    REQUIRE(code == GWT_OK, "%s (%s): not the second time: %s", where(p), message, ignored);
    check_done(p, e, hash, "the second time");
    return true;
}

static void resumed(void **state)
{
    const job *j = *state;
    expected e = { .hash = 0 };
    char message[2048];
    uint64_t hash;
    const fault full = { "disk full at write", FAULT_WRITE, FAULT_SHORT_THEN, ENOSPC, false };
    expect(j, &e);
    place p = { .job = j, .fault = &full, .workers = 1, .n = 18 };
    lay_out(j);
    fault_arm(full.kind, full.way, full.error, p.n);
    gwt_code code = run_once(&p, &(gwt_save_options){ .overwrite = true }, false, &e, &hash,
                             message);
    REQUIRE(code == GWT_E_IO, "%s: code %d, \"%s\"", where(&p), (int)code, message);
    part_bytes = file_read(temp_path("out_0.tif.part"), &part_size);
    journal_bytes = file_read(temp_path("out_0.tif.part.journal"), &journal_size);
    journal_size -= (journal_size - 48) % 16;
    part_size = 16;            // of tiles whose record is there
    for (size_t at = 48; at < journal_size; at += 16) part_size += journal_bytes[at]
        | (size_t)journal_bytes[at + 1] << 8 | (size_t)journal_bytes[at + 2] << 16;
    REQUIRE(journal_size > 48, "no tile was kept");
    for (int workers = LOOKS_FOR_RACES ? 3 : 1; workers <= 3; workers += 2)
        for (size_t i = 0; i < COUNT_OF(faults); i++) {
            // A read that finds the end is a torn tile: it is made again, and so is what follows.
            if (!possible(&faults[i], workers) || faults[i].way == FAULT_END) continue;
            place q = { .job = j, .fault = &faults[i], .workers = workers, .n = 1 };
            while (alarm(SECONDS), resumes(&q, &e)) q.n = next(&q);
            alarm(0);
        }
    free(part_bytes);
    free(journal_bytes);
    forget(&e);
}

// Several outputs, one of which can't go on: what the others have is not to be lost.
static void one_of_several_refused(void **state)
{
    const job *j = *state;
    expected e = { .hash = 0 };
    char message[2048];
    uint64_t hash;
    const fault full = { "disk full at write", FAULT_WRITE, FAULT_FROM_THEN, ENOSPC, false };
    expect(j, &e);
    for (int other = 0; other < j->outputs; other++) {
        place p = { .job = j, .fault = &full, .workers = 2, .n = 60 };
        lay_out(j);
        fault_arm(full.kind, full.way, full.error, p.n);
        run_once(&p, &(gwt_save_options){ .overwrite = true }, false, &e, &hash, message);
        // The journal of one of them is that of another job, with as many tiles.
        size_t size;
        unsigned char *journal = file_read(temp_path("out_%d.tif.part.journal", other), &size),
                      *head = file_read(temp_path("out_%d.tif.part.journal", (other + 1) % 3),
                                        &size);
        unsigned char *mixed = file_read(temp_path("out_%d.tif.part.journal", other), &size);
        memcpy(mixed, head, 48);
        file_write(temp_path("out_%d.tif.part.journal", other), mixed, size);
        gwt_code code = run_once(&p, &(gwt_save_options){ .overwrite = true, .resume = true },
                                 false, &e, &hash, message);
        REQUIRE(code == GWT_E_EXISTS && strstr(message, "another job"), "out_%d: code %d, \"%s\"",
                other, (int)code, message);
        for (int i = 0; i < j->outputs; i++)
            REQUIRE(file_exists(temp_path("out_%d.tif.part", i)) &&
                    file_exists(temp_path("out_%d.tif.part.journal", i)),
                    "out_%d refused: what there was of out_%d is gone", other, i);
        file_write(temp_path("out_%d.tif.part.journal", other), journal, size);
        code = run_once(&p, &(gwt_save_options){ .overwrite = true, .resume = true }, false, &e,
                        &hash, message);
        REQUIRE(code == GWT_OK, "out_%d: %s", other, message);
        check_done(&p, &e, hash, "the second time");
        free(journal);
        free(head);
        free(mixed);
    }
    forget(&e);
}

static void keep_journal(int i)
{
    size_t size;
    unsigned char *journal = file_read(temp_path("out_%d.tif.part.journal", i), &size);
    file_write(temp_path("kept_%d.journal", i), journal, size);
    free(journal);
}

// Killed after the output got its name, and before its journal was gone: nothing is left to do, and
// nothing is done. As many as `renamed` have their names, from the first on.
static void killed_late(const job *j, int renamed)
{
    expected e = { .hash = 0 };
    char message[2048];
    uint64_t hash;
    const fault refused = { "rename", FAULT_RENAME, FAULT_ONCE, EACCES, false };
    expect(j, &e);
    place p = { .job = j, .fault = &refused, .workers = 2, .n = renamed };
    lay_out(j);
    fault_arm(refused.kind, refused.way, refused.error, p.n);
    gwt_code code = run_once(&p, &(gwt_save_options){ .overwrite = true }, false, &e, &hash,
                             message);
    REQUIRE(code == GWT_E_IO, "%s: code %d, \"%s\"", where(&p), (int)code, message);
    // The last of them would have got its name, those after it had not.
    rename(temp_path("out_%d.tif.part", renamed - 1), output(renamed - 1));
    for (int i = 0; i < j->outputs; i++) {
        keep_journal(i);
        if (i >= renamed) unlink(output(i));
    }
    // What can't be read proves nothing, neither that it is done nor that it is not.
    for (size_t i = 0; i < COUNT_OF(faults) && renamed == j->outputs; i++) {
        p.fault = &faults[i];
        if (p.fault->kind != FAULT_OPEN && p.fault->kind != FAULT_READ) continue;
        if (p.fault->unseen || p.fault->way == FAULT_END) continue;
        for (p.n = 1, code = GWT_E_IO; code != GWT_OK; p.n++) {
            fault_arm(p.fault->kind, p.fault->way, p.fault->error, p.n);
            code = run_once(&p, &(gwt_save_options){ .resume = true }, false, &e, &hash, message);
            if (code == GWT_OK) break;
            REQUIRE(code == GWT_E_IO || !strstr(fault_path(), "out_"), "%s: code %d, \"%s\"",
                    where(&p), (int)code, message);
            check_error(&p, code, message);
            for (int k = 0; k < j->outputs; k++)
                REQUIRE(file_exists(temp_path("out_%d.tif.part.journal", k)), "%s", where(&p));
        }
        check_done(&p, &e, hash, "killed late, and not read at first");
        for (int k = 0; k < j->outputs; k++)
            rename(temp_path("kept_%d.journal", k), temp_path("out_%d.tif.part.journal", k));
        for (int k = 0; k < j->outputs; k++) keep_journal(k);
    }
    code = run_once(&p, &(gwt_save_options){ .resume = true }, false, &e, &hash, message);
    REQUIRE(code == GWT_OK, "%s: %d of %d renamed: %s", j->name, renamed, j->outputs, message);
    check_done(&p, &e, hash, "killed late");
    forget(&e);
}

// Killed when all outputs had their names, and as many as `forgotten`, from the last one on, had
// lost their journals. An older file at the name of one of these is not taken for it.
static void killed_while_forgetting(const job *j, int forgotten, bool older)
{
    expected e = { .hash = 0 };
    char message[2048];
    uint64_t hash;
    expect(j, &e);
    place p = { .job = j, .workers = 2 };
    lay_out(j);
    // Each begins with the removal of a journal that might be there.
    fault_arm(FAULT_UNLINK, FAULT_FROM_THEN, EIO, j->outputs + 1 + forgotten);
    gwt_code code = run_once(&p, &(gwt_save_options){ .overwrite = true }, false, &e, &hash,
                             message);
    REQUIRE(code == GWT_OK, "%s", message);
    for (int i = 0; i < j->outputs; i++)
        REQUIRE(file_exists(temp_path("out_%d.tif.part.journal", i))
                == (i < j->outputs - forgotten), "%d forgotten: out_%d", forgotten, i);
    if (older) {
        unlink(output(j->outputs - 1));
        file_write(output(j->outputs - 1), old_output, sizeof old_output);
    }
    code = run_once(&p, &(gwt_save_options){ .resume = true }, false, &e, &hash, message);
    REQUIRE(code == (older ? GWT_E_EXISTS : GWT_OK), "%d forgotten: code %d: %s", forgotten,
            (int)code, message);
    if (older) {
        REQUIRE(has_bytes(output(j->outputs - 1), old_output, sizeof old_output), "it is gone");
        code = run_once(&p, &(gwt_save_options){ .resume = true, .overwrite = true }, false, &e,
                        &hash, message);
        REQUIRE(code == GWT_OK, "%d forgotten: code %d: %s", forgotten, (int)code, message);
    }
    check_done(&p, &e, hash, "killed while forgetting");
    forget(&e);
}

static void killed_after_renaming(void **state)
{
    (void)state;
    killed_late(&jobs[0], 1);
    for (int renamed = 1; renamed <= 3; renamed++) killed_late(&jobs[3], renamed);
    for (int forgotten = 0; forgotten < 3; forgotten++)
        for (int older = 0; older < 2; older++)
            killed_while_forgetting(&jobs[3], forgotten, older);
}

// ---- killed at any call of the system ---------------------------------------------------------

// The job in a process of its own, which is killed at the n-th call, if there are so many; its exit
// status, 0, where it is not.
static bool is_killed(place *p, fault_kind kind, long n)
{
    int status;
    char message[2048];
    uint64_t hash;
    pid_t child = fork();
    REQUIRE(child >= 0, "%s: no process", where(p));
    if (child == 0) {
        fault_arm(kind, FAULT_KILL, 0, n);
        gwt_code code = run_once(p, &(gwt_save_options){ .resume = true, .overwrite = true }, false,
                                 NULL, &hash, message);
        if (code != GWT_OK) fprintf(stderr, "%s: %s\n", where(p), message);
        _exit(code != GWT_OK);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    REQUIRE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "%s: it failed", where(p));
    return WIFSIGNALED(status);
}

// Once, then, while it goes on, a second time; each output is old or new in between, and in the
// end what it would have been.
static bool goes_on(place *p, fault_kind kind, const expected *e)
{
    char message[2048];
    uint64_t hash;
    lay_out(p->job);
    bool killed = is_killed(p, kind, p->n);
    for (int i = 0; i < p->job->outputs; i++)
        REQUIRE(has_bytes(output(i), old_output, sizeof old_output)
                    || has_bytes(output(i), e->bytes[i], e->sizes[i]),
                "%s: out_%d.tif is neither old nor new", where(p), i);
    if (p->n % 3 == 0) is_killed(p, FAULT_WRITE, 1 + (long)(noise((uint64_t)p->n) % 40));
    if (p->n % 5 == 0) is_killed(p, FAULT_UNLINK, 1 + (long)(noise((uint64_t)p->n) % 9));
    gwt_code code = run_once(p, &(gwt_save_options){ .resume = true, .overwrite = true }, false, e,
                             &hash, message);
    REQUIRE(code == GWT_OK, "%s: %s", where(p), message);
    check_done(p, e, hash, "killed");
    return killed;
}

static void killed_anywhere(void **state)
{
    static const struct { fault_kind kind; const char *name; } at[] = {
        { FAULT_OPEN, "killed at open" }, { FAULT_WRITE, "killed at write" },
        { FAULT_CUT, "killed at truncation" }, { FAULT_SYNC, "killed at sync" },
        { FAULT_RENAME, "killed at rename" }, { FAULT_UNLINK, "killed at unlink" }
    };
    const job *j = *state;
    expected e = { .hash = 0 };
    expect(j, &e);
    for (size_t k = 0; k < COUNT_OF(at); k++)
        for (int workers = 1; workers <= (LOOKS_FOR_RACES ? 1 : 2); workers++) {
            fault f = { .name = at[k].name };
            long step = SLOW ? 7 : workers > 1 ? 5 : 1;
            place p = { .job = j, .fault = &f, .workers = workers, .n = 1 };
            while (alarm(SECONDS), goes_on(&p, at[k].kind, &e)) p.n += step;
            alarm(0);
        }
    forget(&e);
}

static gwt_code save_two(const char *const names[], bool resume, char *message)
{
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = gwt_sel(scene(g, "deflate"), "1");
    gwt_array *two[] = { a, gwt_rename_bands(a, names) };
    gwt_save_many(two, ((const char *[]){ output(0), output(1) }), 2, .resume = resume,
                  .tile_size = BLOCK);
    gwt_code code = gwt_status(g);
    strcpy(message, gwt_message(g));
    gwt_end(g);
    return code;
}

// The job of the first of two outputs is the same, and its journal says that the other one has its
// name. That was another job's.
static void killed_before_another_job(void **state)
{
    (void)state;
    static const char *const red[] = { "red", NULL }, *const blue[] = { "blue", NULL };
    char message[2048];
    for (int i = 0; i < 2; i++) unlink(output(i));
    fault_arm(FAULT_UNLINK, FAULT_FROM_THEN, EIO, 2 + 2);
    assert_int_equal(save_two(red, false, message), GWT_OK);
    fault_disarm();
    assert_true(file_exists(temp_path("out_0.tif.part.journal")));
    assert_false(file_exists(temp_path("out_1.tif.part.journal")));
    gwt_code code = save_two(blue, true, message);
    REQUIRE(code == GWT_E_EXISTS && strstr(message, "out_1.tif: exists"), "code %d, \"%s\"",
            (int)code, message);
    assert_int_equal(save_two(red, true, message), GWT_OK);
    assert_false(file_exists(temp_path("out_0.tif.part.journal")));
}

// How often a save to the first output syncs something.
static long syncs_of(bool no_sync, bool cog)
{
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    unlink(output(0));
    fault_arm(FAULT_SYNC, FAULT_ONCE, EIO, LONG_MAX);
    gwt_save(gwt_sel(scene(g, "deflate"), "1"), output(0), .tile_size = BLOCK, .cog = cog,
             .no_sync = no_sync);
    long calls = fault_calls();
    fault_disarm();
    EXPECT_OK(g);
    gwt_end(g);
    return calls;
}

// A file is synced, and so is the folder it is in; neither with .no_sync, to the same bytes.
static void without_syncing(void **state)
{
    (void)state;
    for (int cog = 0; cog < 2; cog++) {
        size_t size;
        assert_int_equal(syncs_of(false, cog), 2);
        unsigned char *synced = file_read(output(0), &size);
        assert_int_equal(syncs_of(true, cog), 0);
        assert_true(has_bytes(output(0), synced, size));
        free(synced);
    }
}

static void begin_another(const char *path)
{
    file_write(temp_path("%s.part.journal.new", strrchr(path, '/') + 1), "another's", 9);
    rename(temp_path("%s.part.journal.new", strrchr(path, '/') + 1),
           temp_path("%s.part.journal", strrchr(path, '/') + 1));
}

// From the moment on that an output has its name another save may begin, and have its journal.
static void another_save_has_begun(void **state)
{
    (void)state;
    static const char *const names[] = { "red", NULL };
    char message[2048];
    for (int i = 0; i < 2; i++) unlink(output(i));
    fault_renamed = begin_another;
    gwt_code code = save_two(names, false, message);
    fault_renamed = NULL;
    REQUIRE(code == GWT_OK, "%s", message);
    for (int i = 0; i < 2; i++) {
        const char *journal = temp_path("out_%d.tif.part.journal", i);
        REQUIRE(has_bytes(journal, "another's", 9), "%s has gone, or is another", journal);
        unlink(journal);
    }
}

// A scene of tiles of that size, of which none can be read, of the same length whatever their size.
static void write_bad_scene(int tile)
{
    size_t size;
    const char *path = temp_path("bad.tif");
    tiff_write_values(path, &(tiff_spec){ .width = 96, .height = 96, .dtype = GWT_UINT8,
                                          .tile_width = tile, .tile_height = tile,
                                          .compression = COMPRESSION_ADOBE_DEFLATE },
                      (double[96 * 96]){ 0 });
    unsigned char *bytes = file_read(path, &size);
    FILE *f = fopen(path, "rb+");
    assert_true(f != NULL && size < 20000);
    // A stream of zlib begins with 0x78; the directory comes behind the tiles.
    for (size_t i = 8; i + 1 < size; i++)
        if (bytes[i] == 0x78 && (bytes[i] * 256 + bytes[i + 1]) % 31 == 0) {
            fseek(f, (long)i, SEEK_SET);
            fputc(0, f);
        }
    fseek(f, 19999, SEEK_SET);
    fputc(0, f);
    fclose(f);
    free(bytes);
}

// A file that was written over, within one tick of the clock, by one with more tiles: what was bad
// of the first says nothing of them.
static void bad_tiles_of_another_file(void **state)
{
    (void)state;
    static const int tiles[] = { 48, 16 };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    fault_timeless = true;
    size_t bad = 0;
    for (int i = 0; i < 2; i++) {
        gwt_scope *scope = gwt_scope_begin(g);
        write_bad_scene(tiles[i]);
        gwt_free(gwt_compute(gwt_open(g, temp_path("bad.tif"), .fill_bad_tiles = true,
                                      .nodata = gwt_some(0))));
        EXPECT_OK(g);
        gwt_scope_end(scope);
        size_t all = 0;
        while (gwt_bad_tile(g, all)) all++;
        REQUIRE(all - bad == (size_t)(96 / tiles[i] * 96 / tiles[i]), "tiles of %d: %d are bad",
                tiles[i], (int)(all - bad));
        bad = all;
    }
    fault_timeless = false;
    gwt_end(g);
}

// What a session keeps takes the place of what is kept: a long name among many short ones does not
// end the block that those are in.
static void blocks_of_a_session(void **state)
{
    (void)state;
    enum { PAIRS = 40, LONG = 20000 };
    static char name[LONG + 1];
    const char *const names[] = { memset(name, 'x', LONG), NULL };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *a = gwt_number(g, 1);
    long before = fault_live_blocks();
    for (int i = 0; i < PAIRS; i++) assert_non_null(gwt_rename_bands(a, names));
    // One for each long name, and a few of 64 KB for all that is short.
    long more = fault_live_blocks() - before;
    REQUIRE(more <= PAIRS + PAIRS / 4, "%ld blocks for %d long names", more, PAIRS);
    assert_int_equal(gwt_end(g), 0);
}

// Open, compute, release.
static bool in_a_scope(gwt *g)
{
    gwt_scope *scope = gwt_scope_begin(g);
    gwt_array *a = gwt_open(g, temp_path("lzw.tif")), *b = gwt_open(g, temp_path("deflate.tif"));
    void *got = gwt_compute(gwt_add(gwt_sel(a, "1"), gwt_sel(b, "2")));
    gwt_scope_end(scope);
    gwt_free(got);
    return got != NULL;
}

// Whatever fails in a scope, its end gives all back: the session goes on as before.
static void scopes_of_a_session(void **state)
{
    (void)state;
    static const struct { fault_kind kind; int error; } kinds[] = {
        { FAULT_ALLOC, ENOMEM }, { FAULT_LOCK, ENOMEM }, { FAULT_OPEN, EMFILE }, { FAULT_READ, EIO }
    };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    for (int i = 0; i < 3; i++) assert_true(in_a_scope(g));
    long blocks = fault_live_blocks(), files = fault_live_files(), locks = fault_live_locks();
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        for (long n = 1;; n++) {
            fault_arm(kinds[k].kind, FAULT_ONCE, kinds[k].error, n);
            bool good = in_a_scope(g), hit = fault_happened();
            fault_disarm();
            REQUIRE(good == (gwt_status(g) == GWT_OK), "fault %d, call %ld: no error", (int)k, n);
            gwt_clear(g);
            REQUIRE(in_a_scope(g), "fault %d, call %ld: then %s", (int)k, n, gwt_message(g));
            assert_int_equal(fault_live_files(), files);
            assert_int_equal(fault_live_locks(), locks);
            long more = fault_live_blocks() - blocks;
            REQUIRE(more <= 4, "fault %d, call %ld: %ld blocks more", (int)k, n, more);
            if (!hit) break;
        }
    assert_int_equal(gwt_end(g), 0);
}

// Whether libtiff's allocations could be made to fail; said here, once.
// A file of the usual kind is opened with three reads: its head, its directory with what that says,
// and tables of tiles that lie elsewhere.
static void few_reads_to_open(void **state)
{
    (void)state;
    static const char *const names[] = { "deflate", "lzw", "plain", "beside" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
        fault_arm(FAULT_READ, FAULT_ONCE, EIO, 0);
        gwt_array *a = scene(g, names[i]);
        long reads = fault_calls();
        fault_disarm();
        EXPECT_OK(g);
        REQUIRE(a && reads >= 1 && reads <= 3, "%s.tif: %ld reads", names[i], reads);
        assert_int_equal(gwt_end(g), 0);
    }
}

static void codec_allocations(void **state)
{
    (void)state;
    if (!fault_sees_codec()) skip_loudly("libtiff's own allocations can't be replaced here");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        { "index_deflated", sweep, NULL, NULL, (void *)&jobs[0] },
        { "bands_apart", sweep, NULL, NULL, (void *)&jobs[1] },
        { "as_it_is", sweep, NULL, NULL, (void *)&jobs[2] },
        { "several", sweep, NULL, NULL, (void *)&jobs[3] },
        { "windows", sweep, NULL, NULL, (void *)&jobs[4] },
        { "mosaic", sweep, NULL, NULL, (void *)&jobs[5] },
        { "median_of_dates", sweep, NULL, NULL, (void *)&jobs[6] },
        { "series_of_dates", sweep, NULL, NULL, (void *)&jobs[11] },
        { "into_memory", sweep, NULL, NULL, (void *)&jobs[7] },
        { "users_functions", sweep, NULL, NULL, (void *)&jobs[8] },
        { "numbers", sweep, NULL, NULL, (void *)&jobs[9] },
        { "profiled", sweep, NULL, NULL, (void *)&jobs[10] },
        { "cloud_optimised", sweep, NULL, NULL, (void *)&jobs[12] },
        { "with_overviews", sweep, NULL, NULL, (void *)&jobs[13] },
        { "killed_cloud_optimised", killed_anywhere, NULL, NULL, (void *)&jobs[12] },
        { "killed_with_overviews", killed_anywhere, NULL, NULL, (void *)&jobs[13] },
        { "resumed_deflated", resumed, NULL, NULL, (void *)&jobs[0] },
        { "resumed_apart", resumed, NULL, NULL, (void *)&jobs[1] },
        { "resumed_plain", resumed, NULL, NULL, (void *)&jobs[2] },
        { "one_of_several_refused", one_of_several_refused, NULL, NULL, (void *)&jobs[3] },
        cmocka_unit_test(without_syncing),
        cmocka_unit_test(killed_after_renaming),
        cmocka_unit_test(killed_before_another_job),
        cmocka_unit_test(another_save_has_begun),
        cmocka_unit_test(bad_tiles_of_another_file),
        cmocka_unit_test(blocks_of_a_session),
        cmocka_unit_test(scopes_of_a_session),
        cmocka_unit_test(few_reads_to_open),
        cmocka_unit_test(codec_allocations),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);  // into_memory, 'resumed*'
    TIFFSetErrorHandler(stray_message);
    TIFFSetWarningHandler(NULL);
    return cmocka_run_group_tests_name("faults", tests, write_scenes, temp_end);
}
