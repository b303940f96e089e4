// test_walk.c - what a piece needs: the walk against plain loops over single pixels, over random
// graphs; what a run asks the cache for against what was counted before; and runs that are over, or
// short of memory. The implementation is within: this looks at its walks and tables.

#define _XOPEN_SOURCE 700
#define _FILE_OFFSET_BITS 64
#define GWT_IMPLEMENTATION
#define _GWT_WALK_FEW 3         // divide areas even of small graphs
#include "../gwt.h"

#include "support.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROWS = 75, COLS = 90, FILES = 9, MOST_TILES = 1024, WORDS = MOST_TILES / 64, MOST = 12 };

// ---- files, each somewhere over the grid of the first

typedef struct place {
    tiff_spec spec;
    int row, col, cell;         // of the first pixel in the first file's grid; width of a cell
    int first_tile;
} place;

static place places[FILES] = {
    { { .width = COLS, .height = ROWS, .tile_width = 16, .tile_height = 16 }, 0, 0, 1, 0 },
    { { .width = 40, .height = 50, .tile_width = 16, .tile_height = 32, .bands = 3 },
      10, 33, 1, 0 },
    { { .width = 120, .height = 100, .rows_per_strip = 1 }, -13, -7, 1, 0 },
    { { .width = 61, .height = 90, .rows_per_strip = 7, .bands = 2, .planar = true },
      20, -20, 1, 0 },
    { { .width = 30, .height = 30, .tile_width = 16, .tile_height = 16, .bands = 3,
        .planar = true }, 50, 70, 1, 0 },
    { { .width = 100, .height = 80, .tile_width = 48, .tile_height = 16 }, 0, -5, 1, 0 },
    { { .width = 20, .height = 20, .tile_width = 16, .tile_height = 16 }, 200, 200, 1, 0 },
    { { .width = 50, .height = 50, .tile_width = 16, .tile_height = 16 }, -2, -3, 2, 0 },
    { { .width = 95, .height = 80, .rows_per_strip = 3 }, 0, 0, 1, 0 },
};

static int across_of(const tiff_spec *s)
{
    return s->tile_width ? (s->width + s->tile_width - 1) / s->tile_width : 1;
}

static int tile_height_of(const tiff_spec *s)
{
    return s->tile_width ? s->tile_height : s->rows_per_strip;
}

static int down_of(const tiff_spec *s)
{
    return (s->height + tile_height_of(s) - 1) / tile_height_of(s);
}

static int write_files(void **state)
{
    static double values[120 * 100 * 3];
    if (temp_begin(state)) return -1;
    for (size_t i = 0; i < COUNT_OF(values); i++) values[i] = (double)(i * 2654435761u % 997);
    for (int i = 0, tiles = 0; i < FILES; i++) {
        place *p = &places[i];
        geo_place geo;
        double t[6] = { p->cell, 0, p->col, 0, -p->cell, -p->row };
        p->first_tile = tiles;
        tiles += across_of(&p->spec) * down_of(&p->spec)
               * (p->spec.planar ? p->spec.bands : 1);
        REQUIRE(tiles <= MOST_TILES, "%d tiles", tiles);
        p->spec.dtype = GWT_UINT16;
        p->spec.compression = COMPRESSION_LZW;      // else gwt makes its own strips
        p->spec.geo = geo_at(&geo, 32633, t);
        tiff_write_values(temp_path("%d.tif", i), &p->spec, values);
    }
    return 0;
}

// ---- graphs, and of each of their pixels the tiles it is made of

typedef struct tiles { uint64_t bits[WORDS]; } tiles;

typedef struct graph {
    gwt_array *a;
    int rows, cols;
    tiles *of;                  // [rows][cols]
    bool pointwise;             // no pixel looks at others
    bool exact;                 // no tile is asked for that no pixel needs
} graph;

static uint64_t seed, first_seed;
static int any(int n) { return (int)(noise(seed++) % (uint64_t)n); }

static void join(tiles *to, const tiles *from)
{
    for (int i = 0; i < WORDS; i++) to->bits[i] |= from->bits[i];
}

static void add_tile(tiles *to, int tile) { to->bits[tile / 64] |= (uint64_t)1 << tile % 64; }

static bool has_tile(const tiles *t, int tile) { return t->bits[tile / 64] >> tile % 64 & 1; }

static void add_pixel(tiles *to, const place *p, int band, int row, int col)
{
    const tiff_spec *s = &p->spec;
    int w = s->tile_width ? s->tile_width : s->width, plane = s->planar ? band : 0;
    if (row < 0 || col < 0 || row >= s->height || col >= s->width) return;
    add_tile(to, p->first_tile
                     + (plane * down_of(s) + row / tile_height_of(s)) * across_of(s) + col / w);
}

static graph graph_new(int rows, int cols, bool pointwise, bool exact)
{
    graph x = { NULL, rows, cols, calloc((size_t)rows * (size_t)cols, sizeof(tiles)), pointwise,
                exact };
    REQUIRE(x.of, "out of memory");
    return x;
}

static graph graph_copy(const graph *x)
{
    graph y = graph_new(x->rows, x->cols, x->pointwise, x->exact);
    memcpy(y.of, x->of, (size_t)x->rows * (size_t)x->cols * sizeof *y.of);
    y.a = x->a;
    return y;
}

static tiles *tiles_at(const graph *x, int row, int col)
{
    return &x->of[(size_t)row * (size_t)x->cols + (size_t)col];
}

// A band of a file, by the first one's grid. A file of other cells is resampled: of it all cells
// are read that are at most so many away from the one under the centre.
static int used[3];             // files, of one graph: that some are read twice

static graph leaf(const gwt_array *like, gwt_array **files)
{
    int file = used[any(COUNT_OF(used))], bands = places[file].spec.bands;
    int band = bands ? any(bands) : 0;
    const place *p = &places[file];
    char name[16];
    bool bilinear = any(2), whole = p->cell == 1;
    int away = whole ? 0 : bilinear ? 2 : 1;
    graph x = graph_new(ROWS, COLS, whole, true);
    snprintf(name, sizeof name, "%d", band + 1);
    x.a = gwt_cast(gwt_align(gwt_sel(files[file], name), like,
                             bilinear ? GWT_BILINEAR : GWT_NEAREST), GWT_FLOAT64);
    for (int r = 0; r < ROWS; r++)
        for (int c = 0; c < COLS; c++) {
            if (r < p->row || c < p->col) continue;
            int row = (r - p->row) / p->cell, col = (c - p->col) / p->cell;
            for (int i = row - away; i <= row + away; i++)
                for (int k = col - away; k <= col + away; k++)
                    add_pixel(tiles_at(&x, r, c), p, band, i, k);
        }
    return x;
}

// The first band of three files over the grid of the first: whatever wins, all are read.
static graph mosaic(gwt_array **files)
{
    static const gwt_stat overlaps[] = { GWT_FIRST, GWT_LAST, GWT_MAX };
    gwt_array *list[3];
    graph x = graph_new(ROWS, COLS, true, true);
    for (int k = 0; k < 3; k++) {
        int file = k ? any(FILES) : 0;
        const place *p = &places[file];
        while (p->cell > 1) p = &places[file = any(FILES)];
        list[k] = gwt_sel(files[file], "1");
        for (int r = 0; r < ROWS; r++)
            for (int c = 0; c < COLS; c++)
                add_pixel(tiles_at(&x, r, c), p, 0, r - p->row, c - p->col);
    }
    x.a = gwt_cast(gwt_mosaic(list, 3, GWT_REFERENCE, overlaps[any(3)], GWT_NEAREST), GWT_FLOAT64);
    return x;
}

static int copy_middle(const gwt_kernel *k, void *user)
{
    size_t line = (size_t)(k->cols + 2 * k->halo);
    (void)user;
    for (int64_t r = 0; r < k->rows; r++)
        memcpy(k->out + r * k->cols, k->in + ((size_t)r + (size_t)k->halo) * line + k->halo,
               (size_t)k->cols * sizeof *k->out);
    return 0;
}

// The pixels around each: beyond the edge mirrored, or none.
static graph around(graph x, int reach, bool mirrored)
{
    graph y = graph_new(x.rows, x.cols, false, x.exact);
    for (int r = 0; r < x.rows; r++)
        for (int c = 0; c < x.cols; c++)
            for (int i = r - reach; i <= r + reach; i++)
                for (int k = c - reach; k <= c + reach; k++) {
                    int row = i < 0 ? -1 - i : i >= x.rows ? 2 * x.rows - 1 - i : i;
                    int col = k < 0 ? -1 - k : k >= x.cols ? 2 * x.cols - 1 - k : k;
                    if (mirrored || (row == i && col == k))
                        join(tiles_at(&y, r, c), tiles_at(&x, row, col));
                }
    y.a = mirrored ? gwt_moving(x.a, .window = 2 * reach + 1, .statistic = GWT_MAX)
                   : gwt_apply(x.a, copy_middle, NULL, .halo = reach, .bands = 1);
    free(x.of);
    return y;
}

static graph graph_random(const gwt_array *like, gwt_array **files, int depth)
{
    int what = depth ? any(9) : 0;
    if (what < 2) return leaf(like, files);
    if (what == 6) return mosaic(files);
    graph x = graph_random(like, files, depth - 1);
    if (what == 2 || what == 3) return around(x, 1 + any(what == 2 ? 3 : 6), what == 2);
    graph y = what == 8 ? graph_copy(&x) : graph_random(like, files, depth - 1);
    if (what == 8) {                            // two steps, of unlike reach, on the same planes
        x = around(x, 1 + any(3), any(2));
        y = around(y, 4 + any(6), any(2));
    }
    gwt_array *both[] = { x.a, y.a };
    for (int i = 0; i < x.rows * x.cols; i++) join(&x.of[i], &y.of[i]);
    free(y.of);
    x.pointwise &= y.pointwise;
    x.exact &= y.exact;
    if (what == 4 || what == 8) x.a = gwt_add(x.a, y.a);
    if (what == 5) x.a = gwt_reduce(gwt_stack(both, 2, GWT_TIME), GWT_TIME, GWT_MAX);
    if (what != 7) return x;
    x.a = gwt_stack(both, 2, GWT_BAND);         // the kernel gets both planes
    return around(x, 1 + any(6), false);
}

// Every k-th pixel of it, or a window of it.
static graph cut(graph x)
{
    int step = any(2) ? 1 : 2 + any(40), row = 0, col = 0, rows = x.rows, cols = x.cols;
    if (any(2)) {
        row = any(ROWS - 1), col = any(COLS - 1);
        rows = 1 + any(ROWS - row), cols = 1 + any(COLS - col);
        x.a = gwt_window(x.a, row, col, rows, cols);
    }
    graph y = graph_new((rows + step - 1) / step, (cols + step - 1) / step, x.pointwise,
                        x.exact && (step == 1 || x.pointwise));
    for (int r = 0; r < y.rows; r++)
        for (int c = 0; c < y.cols; c++)
            *tiles_at(&y, r, c) = *tiles_at(&x, row + r * step, col + c * step);
    y.a = gwt_every(x.a, step);
    free(x.of);
    return y;
}

// ---- the walk against them

static int file_of(const _gwt_source *s)
{
    int i = 0;
    while (i < FILES && strcmp(s->path, temp_path("%d.tif", i))) i++;
    REQUIRE(i < FILES, "%s", s->path);
    return i;
}

static void check_piece(_gwt_walk *w, const graph *x, const int *files, const _gwt_rect *r)
{
    tiles needed = { { 0 } }, listed = { { 0 } };
    for (int64_t i = r->row; i < r->row + r->rows; i++)
        for (int64_t k = r->col; k < r->col + r->cols; k++)
            join(&needed, tiles_at(x, (int)i, (int)k));
    REQUIRE(_gwt_walk_piece(w, r) && _gwt_walk_tiles(w, 0, w->plan->num_passes), "no walk");
    for (size_t i = 0; i < w->num_asks; i++)
        if (w->asks[i].tile >= 0)
            add_tile(&listed, places[files[w->asks[i].view]].first_tile + (int)w->asks[i].tile);
    for (int t = 0; t < MOST_TILES; t++) {
        REQUIRE(has_tile(&listed, t) || !has_tile(&needed, t),
                "seed %llu, piece %d, %d, %d x %d: tile %d is needed and not listed",
                (unsigned long long)first_seed, (int)r->row, (int)r->col, (int)r->rows,
                (int)r->cols, t);
        REQUIRE(!x->exact || has_tile(&needed, t) || !has_tile(&listed, t),
                "seed %llu, piece %d, %d, %d x %d: tile %d is listed and not needed",
                (unsigned long long)first_seed, (int)r->row, (int)r->col, (int)r->rows,
                (int)r->cols, t);
    }
}

static void check_walk(const graph *x, const _gwt_plan *plan)
{
    static _gwt_walk w;
    int files[256];
    int64_t tile_h = 1 + any(x->rows), tile_w = 1 + any(x->cols);
    REQUIRE(plan->num_views < (int)COUNT_OF(files), "%d views", plan->num_views);
    for (int i = 0; i < plan->num_views; i++) files[i] = file_of(plan->views[i].source);
    REQUIRE(_gwt_walk_begin(&w, plan, tile_h, tile_w), "no walk");
    for (int row = 0; row < x->rows; row += (int)tile_h)        // in canonical order
        for (int col = 0; col < x->cols; col += (int)tile_w) {
            _gwt_rect r = { row, col, _gwt_min64(tile_h, x->rows - row),
                            _gwt_min64(tile_w, x->cols - col) };
            check_piece(&w, x, files, &r);
        }
    for (int i = 0; i < 40; i++) {                              // and in none
        int row = any(x->rows), col = any(x->cols);
        _gwt_rect r = { row, col, 1 + any(x->rows - row), 1 + any(x->cols - col) };
        check_piece(&w, x, files, &r);
    }
    _gwt_walk_end(&w);
}

// ---- runs against the table

// Each worker has an image of its own: with padding, tiles overlap.
static bool open_tile(_gwt_run *run, int id, int cell, const _gwt_rect *r, _gwt_target *targets)
{
    size_t row = (size_t)run->plan->width * sizeof(double);
    size_t image = row * (size_t)run->plan->height;
    (void)cell;
    targets[0] = (_gwt_target){ (char *)run->sink + (size_t)id * image + (size_t)r->row * row
                                    + (size_t)r->col * sizeof(double), image, row, 1 };
    return true;
}

static bool close_tile(_gwt_run *run, int id, int64_t t, const _gwt_rect *r)
{
    (void)run, (void)id, (void)t, (void)r;
    return true;
}

static int least(int a, int b) { return a < b ? a : b; }

// Each piece of each padded tile, or of each group of tiles that is a piece, asks for the tiles that
// its pixels are made of, once for each pass that reads the file.
static void check_counted(const graph *x, const _gwt_run *run, const int pad[4])
{
    int want[MOST_TILES] = { 0 }, h = (int)run->order.tile_h, w = (int)run->order.tile_w;
    if (run->joint) h *= (int)run->order.group_rows, w *= (int)run->order.group;
    for (int row = 0; row < x->rows; row += h)
        for (int col = 0; col < x->cols; col += w) {
            int top = row > pad[3] ? row - pad[3] : 0, left = col > pad[0] ? col - pad[0] : 0;
            int bottom = least(least(row + h, x->rows) + pad[1], x->rows);
            int right = least(least(col + w, x->cols) + pad[2], x->cols);
            for (int y = top; y < bottom; y += (int)run->piece_h)
                for (int z = left; z < right; z += (int)run->piece_w) {
                    tiles needed = { { 0 } };
                    for (int i = y; i < least(y + (int)run->piece_h, bottom); i++)
                        for (int k = z; k < least(z + (int)run->piece_w, right); k++)
                            join(&needed, tiles_at(x, i, k));
                    for (int t = 0; t < MOST_TILES; t++) want[t] += has_tile(&needed, t);
                }
        }
    for (int i = 0; i < run->plan->num_views; i++) {
        const _gwt_view_plan *v = &run->plan->views[i];
        const int *its = want + places[file_of(v->source)].first_tile;
        for (int k = 0; v->first == i && k < v->source->num_tiles; k++) {
            int n = run->uses[v->first_tile + k];
            bool good = x->exact && v->sharers == 1 ? n == its[k] : n >= its[k];
            REQUIRE(good, "seed %llu, padding %d %d %d %d: tile %d of %s has %d uses, not %d",
                    (unsigned long long)first_seed, pad[0], pad[1], pad[2], pad[3], k,
                    v->source->path, n, its[k]);
        }
    }
}

// A run counts down all that its dry run has counted. Gives that, for each tile of the plan.
static uint16_t *run_it(gwt *g, const graph *x, const _gwt_plan *plan, const _gwt_action *action,
                        const int pad[4])
{
    double *pixels = calloc((size_t)(plan->width * plan->height * g->pool.num_workers),
                            sizeof *pixels);
    _gwt_run run = { .g = g, .action = action, .plan = plan, .open = open_tile,
                     .close = close_tile, .sink = pixels, .what = "compute" };
    _gwt_run_shape(&run, x->a, 1 + any(40), 1 + any(40));
    REQUIRE(_gwt_run_fit(&run, 0), "%s", gwt_message(g));
    check_counted(x, &run, pad);
    uint16_t *counted = calloc((size_t)plan->num_tiles + 1, sizeof *counted);
    for (int64_t i = 0; i < plan->num_tiles; i++) counted[i] = run.uses[i];
    REQUIRE(_gwt_run_all(&run, false), "%s", gwt_message(g));
    for (int64_t i = 0; i < plan->num_tiles; i++)
        REQUIRE(run.uses[i] == 0, "seed %llu: tile %d is left with %d uses of %d",
                (unsigned long long)first_seed, (int)i, run.uses[i], counted[i]);
    _gwt_run_end(&run);
    free(pixels);
    return counted;
}

// The profile has seen as many asks.
static void check_asks(const gwt_profile *p, const _gwt_plan *plan, uint16_t *counted)
{
    for (size_t i = 0; i < p->num_residences; i++) {
        const gwt_residence *r = &p->residences[i];
        int k = 0;
        while (k < plan->num_views
               && strcmp(_gwt_base_name(plan->views[k].source->path), r->file)) k++;
        REQUIRE(k < plan->num_views, "%s", r->file);
        uint16_t *n = &counted[plan->views[k].first_tile + r->tile];
        REQUIRE(*n >= r->hits + 1, "seed %llu, %s, tile %d: %d asks more than counted",
                (unsigned long long)first_seed, r->file, (int)r->tile, (int)r->hits + 1 - *n);
        *n = (uint16_t)(*n - r->hits - 1);
    }
    for (int64_t i = 0; i < plan->num_tiles; i++)
        REQUIRE(counted[i] == 0, "seed %llu: tile %d: %d asks never came",
                (unsigned long long)first_seed, (int)i, counted[i]);
}

// What gwt plan says of the files: the tiles behind all pixels.
static void check_plan(const graph *x)
{
    gwt_plan plan;
    tiles needed = { { 0 } };
    int64_t n = 0;
    for (int i = 0; i < x->rows * x->cols; i++) join(&needed, &x->of[i]);
    for (int t = 0; t < MOST_TILES; t++) n += has_tile(&needed, t);
    REQUIRE(gwt_plan_of(x->a, &plan), "no plan");
    REQUIRE(plan.source_tiles >= n && (!x->exact || plan.source_tiles == n),
            "seed %llu: %d tiles, not %d", (unsigned long long)first_seed, (int)plan.source_tiles,
            (int)n);
}

// As map_blocks runs it: left, bottom, right, top of each tile comes with it.
static void run_padded(gwt *g, const graph *x)
{
    const int pad[4] = { any(30), any(30), any(30), any(30) };
    _gwt_action action;
    _gwt_plan plan;
    _gwt_output output = _gwt_output_of(x->a->planes, 1, GWT_FLOAT64, (gwt_optional){ 0 });
    REQUIRE(_gwt_action_begin(&action, g, true)
            && _gwt_plan_make(&plan, &action, x->a, &output, 1, pad), "no plan");
    free(run_it(g, x, &plan, &action, pad));
    _gwt_action_end(&action);
    _gwt_plan_free(&plan);
}

static void random_graphs(void **state)
{
    int rounds = getenv("ROUNDS") ? atoi(getenv("ROUNDS")) : 60;
    (void)state;
    for (int i = 0; i < rounds; i++) {
        seed = first_seed = 1000u * (uint64_t)i;
        gwt *g = gwt_begin(.num_workers = 1 + any(4));
        gwt_array *files[FILES];
        for (int k = 0; k < FILES; k++)
            files[k] = gwt_open(g, temp_path("%d.tif", k), .chunks = 16 + any(64));
        for (size_t k = 0; k < COUNT_OF(used); k++) used[k] = any(FILES);
        graph x = cut(graph_random(files[0], files, 1 + any(5)));
        EXPECT_OK(g);
        check_plan(&x);
        _gwt_action action;
        _gwt_plan plan;
        _gwt_output output = _gwt_output_of(x.a->planes, 1, GWT_FLOAT64, (gwt_optional){ 0 });
        gwt_profile_begin(g, .cache = true);
        REQUIRE(_gwt_action_begin(&action, g, true)
                && _gwt_plan_make(&plan, &action, x.a, &output, 1, NULL), "no plan");
        check_walk(&x, &plan);
        uint16_t *counted = run_it(g, &x, &plan, &action, (const int[4]){ 0 });
        _gwt_action_end(&action);
        check_asks(gwt_profile_end(g), &plan, counted);
        _gwt_plan_free(&plan);
        run_padded(g, &x);
        free(counted);
        free(x.of);
        EXPECT_OK(g);
        gwt_end(g);
    }
}

// ---- runs that are over

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void nap(void) { nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL); }

static atomic_int calls, later_calls;

// The first call returns when another one has failed; the second is the one.
static int one_fails(const gwt_kernel *k, void *user)
{
    double until = seconds() + 20;
    (void)user;
    if (atomic_fetch_add(&calls, 1) > 0) return 1;
    while (gwt_status(k->g) == GWT_OK && seconds() < until) nap();
    return copy_middle(k, NULL);
}

static int counted(const gwt_kernel *k, void *user)
{
    (void)user;
    atomic_fetch_add(&later_calls, 1);
    return copy_middle(k, NULL);
}

// What a pass has not filled since the action was over is not given to anybody's function.
static void nothing_is_called_after_a_failure(void **state)
{
    (void)state;
    static double values[512 * 16];
    const tiff_spec spec = { .width = 512, .height = 16, .dtype = GWT_FLOAT64 };
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = gwt_rechunk(array_of(g, &spec, values), 16, 256);
    atomic_store(&calls, 0);
    atomic_store(&later_calls, 0);
    gwt_array *b = gwt_apply(gwt_apply(a, one_fails, NULL, .halo = 1), counted, NULL, .halo = 1);
    assert_null(gwt_compute(b));
    EXPECT_ERROR(g, GWT_E_USER, "the kernel for rows");
    REQUIRE(atomic_load(&calls) == 2, "%d calls", atomic_load(&calls));
    REQUIRE(atomic_load(&later_calls) == 0, "called %d times on what was not computed",
            atomic_load(&later_calls));
    gwt_end(g);
}

static int second_fails_soon(const gwt_kernel *k, void *user)
{
    (void)user;
    if (atomic_fetch_add(&calls, 1) == 0) return copy_middle(k, NULL);
    for (double until = seconds() + 0.3; seconds() < until;) nap();
    return 1;
}

// An error elsewhere is seen before a piece of a minute or more is done: with weights each pixel
// sums up a million, and a mode keeps the counts of a million up to date.
static void sees_a_failure(const gwt_moving_options *o)
{
    enum { SIDE = 512 };
    double *values = calloc(SIDE * SIDE, sizeof *values);
    const tiff_spec spec = { .width = SIDE, .height = SIDE, .dtype = GWT_FLOAT64 };
    for (uint64_t i = 0; i < SIDE * SIDE; i++) values[i] = (double)(noise(i) % 1000);
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = gwt_rechunk(array_of(g, &spec, values), 256, 256);
    atomic_store(&calls, 0);
    gwt_array *quick = gwt_apply(a, second_fails_soon, NULL);
    gwt_array *slow = gwt_moving_with(a, o);
    double began = seconds();
    assert_null(gwt_compute(gwt_add(quick, slow)));
    EXPECT_ERROR(g, GWT_E_USER, "the kernel for rows");
    REQUIRE(seconds() - began < 20, "%.1f s", seconds() - began);
    gwt_end(g);
    free(values);
}

static void a_long_step_sees_a_failure(void **state)
{
    (void)state;
    sees_a_failure(&(gwt_moving_options){ .window = 1023, .weights = true });
    sees_a_failure(&(gwt_moving_options){ .window = 1023, .statistic = GWT_MODE });
}

// A plan that is asked for while a profile is taken is no action: the chunks are those of the first
// array that is computed.
static void a_plan_is_not_profiled(void **state)
{
    (void)state;
    static double values[64 * 64];
    const tiff_spec spec = { .width = 64, .height = 64, .dtype = GWT_FLOAT64 };
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *a = array_of(g, &spec, values);
    gwt_plan plan;
    gwt_profile_begin(g);
    assert_true(gwt_plan_of(gwt_rechunk(a, 16, 16), &plan));
    gwt_free(gwt_compute(gwt_rechunk(a, 32, 48)));
    const gwt_profile *p = gwt_profile_end(g);
    assert_int_equal(p->chunks[2], 32);
    assert_int_equal(p->chunks[3], 48);
    EXPECT_OK(g);
    gwt_end(g);
}

// ---- short of memory

enum { TOGETHER = 4, BLOCK = 128, BLOCKS = 2048 / BLOCK };

static atomic_int workers_in[BLOCKS * BLOCKS];   // of a tile of the output

static atomic_int inside, most_inside;           // tiles with workers in them

static int together(const gwt_kernel *k, void *user)
{
    double until = seconds() + 0.1;
    (void)user;
    atomic_int *here = &workers_in[k->row / BLOCK * BLOCKS + k->col / BLOCK];
    bool first = atomic_fetch_add(here, 1) == 0;
    int n = atomic_fetch_add(&inside, first) + first, most = atomic_load(&most_inside);
    while (n > most && !atomic_compare_exchange_weak(&most_inside, &most, n)) continue;
    bool waits = atomic_fetch_add(&calls, 1) < 300;
    while (waits && atomic_load(&most_inside) < TOGETHER && seconds() < until) nap();
    if (atomic_fetch_sub(here, 1) == 1) atomic_fetch_sub(&inside, 1);
    return copy_middle(k, NULL);
}

// One row of input tiles is one tile wide and sixteen of the output: workers take that many
// neighbours, or fewer where not so many may wait for their turn to be written. A worker without a
// tile of its own may steal pieces of another's some times before it comes to take one, as victims
// are chosen at random: hence hundreds of calls that wait.
static void workers_do_not_wait_for_one_another(void **state)
{
    (void)state;
    enum { SIDE = 2048 };
    double *values = calloc(SIDE * SIDE, sizeof *values);
    const tiff_spec spec = { .width = SIDE, .height = SIDE, .dtype = GWT_UINT16,
                             .tile_width = SIDE, .tile_height = 64,
                             .compression = COMPRESSION_LZW };
    tiff_write_values(temp_path("wide.tif"), &spec, values);
    for (size_t limit = 5 << 20; limit <= 20 << 20; limit *= 2) {
        gwt *g = gwt_begin(.num_workers = TOGETHER, .memory_limit = limit);
        atomic_store(&calls, 0);
        atomic_store(&inside, 0);
        atomic_store(&most_inside, 0);
        gwt_array *a = gwt_open(g, temp_path("wide.tif"), .chunks = 128);
        gwt_save(gwt_apply(a, together, NULL), temp_path("out.tif"), .compress = "none",
                 .tile_size = BLOCK, .overwrite = true);
        EXPECT_OK(g);
        REQUIRE(atomic_load(&most_inside) == TOGETHER, "%zu MB: %d of %d tiles at once",
                limit >> 20, atomic_load(&most_inside), TOGETHER);
        gwt_end(g);
    }
    free(values);
}

// ---- mosaics of many images

enum { SIDE = 24, LAP = 4, STEP = SIDE - LAP };

static uint8_t many[4096][SIDE * SIDE];

// All but the first are moved by `shift` cells: half a one makes all of them resampled.
static gwt_array *mosaic_of_many(gwt *g, int across, int down, int side, int step, double shift,
                                 gwt_stat overlap)
{
    static gwt_array *list[4096];
    for (int k = 0; k < across * down; k++) {
        double moved = k ? 10 * shift : 0;
        double t[6] = { 10, 0, moved + 10.0 * step * (k % across),
                        0, -10, -moved - 10.0 * step * (k / across) };
        for (int i = 0; i < side * side; i++) many[k][i] = (uint8_t)(1 + (k * 7 + i * 3) % 250);
        list[k] = gwt_from_memory(g, many[k], (size_t)(side * side), GWT_UINT8,
                                  ((const int64_t[]){ 1, 1, side, side }), .transform = t);
    }
    return gwt_mosaic(list, (size_t)(across * down), GWT_UNION, overlap,
                      shift != 0 ? GWT_BILINEAR : GWT_NEAREST);
}

// Of all images that have the pixel.
static double pixel_of_many(int across, int down, int row, int col, gwt_stat overlap)
{
    double first = 0, last = 0, least = 1000, sum = 0;
    int n = 0;
    for (int y = row / STEP; y >= 0 && y * STEP + SIDE > row; y--)
        for (int x = col / STEP; x >= 0 && x * STEP + SIDE > col; x--) {
            if (x >= across || y >= down) continue;
            int r = row - y * STEP, c = col - x * STEP;
            double v = 1 + ((y * across + x) * 7 + (r * SIDE + c) * 3) % 250;
            if (n++ == 0) last = v;     // they come from the last to the first
            first = v;
            sum += v;
            if (v < least) least = v;
        }
    return overlap == GWT_FIRST ? first : overlap == GWT_LAST ? last : overlap == GWT_MIN ? least
         : sum / n;
}

// More images than a program is looked at whole for: pixels are what they are, in any pieces.
static void mosaics_of_many(void **state)
{
    (void)state;
    static const gwt_stat overlaps[] = { GWT_FIRST, GWT_LAST, GWT_MIN, GWT_MEAN };
    static const int chunks[] = { 16, 50, 256 };
    enum { ACROSS = 13, DOWN = 11, W = ACROSS * STEP + LAP, H = DOWN * STEP + LAP };
    for (size_t k = 0; k < COUNT_OF(overlaps); k++)
        for (size_t c = 0; c < COUNT_OF(chunks); c++) {
            gwt *g = gwt_begin(.num_workers = 1 + 2 * (int)(c % 2), .chunks = chunks[c]);
            gwt_array *a = mosaic_of_many(g, ACROSS, DOWN, SIDE, STEP, 0, overlaps[k]);
            double *got = values_of_at(__FILE__, __LINE__, g, a);
            for (int i = 0; i < W * H; i++) {
                double want = pixel_of_many(ACROSS, DOWN, i / W, i % W, overlaps[k]);
                REQUIRE(got[i] == want, "overlap %zu, chunks %d, row %d, column %d: %g, not %g", k,
                        chunks[c], i / W, i % W, got[i], want);
            }
            free(got);
            gwt_end(g);
        }
}

// Seconds of CPU for each of the images, the best of some turns.
static double seconds_of_each(int across, int down, double shift)
{
    double best = 1;
    gwt *g = gwt_begin(.num_workers = 1, .chunks = 16);
    gwt_array *a = mosaic_of_many(g, across, down, 16, 16, shift, GWT_FIRST);
    for (int turn = 0; turn < 3; turn++) {
        clock_t start = clock();
        gwt_free(gwt_compute(gwt_cast(a, GWT_FLOAT32)));
        double took = (double)(clock() - start) / CLOCKS_PER_SEC / (across * down);
        if (took < best) best = took;
    }
    EXPECT_OK(g);
    gwt_end(g);
    return best;
}

// An image costs the same, however many there are.
static void cost_of_one_of_many(void **state)
{
    (void)state;
    for (double shift = 0; shift < 1; shift += 0.5) {
        double few = seconds_of_each(24, 21, shift), more = seconds_of_each(64, 63, shift);
        REQUIRE(more < 3 * few, "shifted by %g: %.1f us of each of 504 images, %.1f us of 4032",
                shift, 1e6 * few, 1e6 * more);
    }
}

// What is resampled, seen only as far as its pixels reach, is what it is among missing pixels all
// over the grid.
static void resampled_as_far_as_it_reaches(void **state)
{
    enum { CELLS = 9, MARGIN = 60, CANVAS = CELLS + 2 * MARGIN, ROWS_TO = 70, COLS_TO = 90 };
    static const gwt_resampling methods[] = { GWT_NEAREST, GWT_BILINEAR, GWT_AVERAGE };
    static float small[CELLS * CELLS], large[CANVAS * CANVAS];
    static const uint8_t grid[ROWS_TO * COLS_TO];
    static const double sizes[] = { 0.31, 0.5, 1, 1.7, 4, 30, 100 };   // of new cells, in old ones
    int reached = 0;
    (void)state;
    for (int i = 0; i < CANVAS * CANVAS; i++) large[i] = NAN;
    for (int r = 0; r < CELLS; r++)
        for (int c = 0; c < CELLS; c++)
            small[r * CELLS + c] = large[(r + MARGIN) * CANVAS + c + MARGIN] =
                (float)(noise((uint64_t)(r * CELLS + c)) % 1000);
    for (size_t k = 0; k < COUNT_OF(sizes); k++)
        for (int turn = 0; turn < 30; turn++) {
            double size = sizes[k], where[2];
            for (int i = 0; i < 2; i++) where[i] = (double)any(240) / 4 * size - 3;
            gwt *g = gwt_begin(.num_workers = 1, .chunks = 16 + 16 * any(4));
            gwt_resampling how = methods[any(3)];
            const double at[6] = { 1, 0, 0, 0, -1, 0 }, around_it[6] = { 1, 0, -MARGIN, 0, -1, MARGIN };
            const double to[6] = { size, 0, -where[1], 0, -size, where[0] };
            gwt_array *a = gwt_from_memory(g, small, sizeof small, GWT_FLOAT32,
                                           ((const int64_t[]){ 1, 1, CELLS, CELLS }), .transform = at);
            gwt_array *b = gwt_from_memory(g, large, sizeof large, GWT_FLOAT32,
                                           ((const int64_t[]){ 1, 1, CANVAS, CANVAS }),
                                           .transform = around_it);
            gwt_array *like = gwt_from_memory(g, grid, sizeof grid, GWT_UINT8,
                                              ((const int64_t[]){ 1, 1, ROWS_TO, COLS_TO }),
                                              .transform = to);
            gwt_array *both[2] = { gwt_align(a, like, how), gwt_align(b, like, how) };
            double *got[2];
            int row = any(20), col = any(20), every = 1 + any(3), valid = 0;
            for (int i = 0; i < 2; i++) {
                gwt_array *cut = gwt_every(gwt_window(both[i], row, col, 50, 70), every);
                got[i] = VALUES_OF(cut);
                EXPECT_OK(g);
            }
            int n = (50 + every - 1) / every * ((70 + every - 1) / every);
            for (int i = 0; i < n; i++) {
                REQUIRE(same_double(got[0][i], got[1][i]), "cells of %g from %g, %g, method %d, "
                        "pixel %d: %g, among missing ones %g", size, where[0], where[1], (int)how, i,
                        got[0][i], got[1][i]);
                valid += got[0][i] == got[0][i];
            }
            reached += valid > 0;
            free(got[0]);
            free(got[1]);
            gwt_end(g);
        }
    REQUIRE(reached > 50, "only %d of 210 show something", reached);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs),
        cmocka_unit_test(nothing_is_called_after_a_failure),
        cmocka_unit_test(a_long_step_sees_a_failure),
        cmocka_unit_test(a_plan_is_not_profiled),
        cmocka_unit_test(workers_do_not_wait_for_one_another),
        cmocka_unit_test(mosaics_of_many),
        cmocka_unit_test(cost_of_one_of_many),
        cmocka_unit_test(resampled_as_far_as_it_reaches),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("walk", tests, write_files, temp_end);
}
