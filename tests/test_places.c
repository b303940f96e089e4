// test_places.c - coordinates, rows and columns of cells: against the affine transform, written out
// here a second time, whatever is done to the grid on the way.

#define _XOPEN_SOURCE 700

#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 70, HEIGHT = 45 };

static const double upright[6] = { 30, 0, 452475, 0, -30, 3408645 },
                    turned[6] = { 8.25, -3.5, 500000.125, -3.25, -8.5, 4000000.5 },
                    degrees[6] = { 0.1, 0, -7.35, 0, -0.1, 51.7 };

// An array without pixels to speak of on some grid.
static gwt_array *grid_of(gwt *g, const double *transform, int epsg)
{
    static uint8_t pixels[HEIGHT * WIDTH];
    return gwt_from_memory(g, pixels, sizeof pixels, GWT_UINT8,
                           ((const int64_t[4]){ 1, 1, HEIGHT, WIDTH }), .transform = transform,
                           .epsg = epsg);
}

static double coordinate(const double *t, double row, double col)
{
    double across = t[0] * (col + 0.5), down = t[1] * (row + 0.5);
    return t[1] == 0 ? across + t[2] : across + down + t[2];
}

static double place_of(const gwt_array *a, gwt_place_kind kind, int row, int col)
{
    const double *t = gwt_describe(a)->transform;
    switch (kind) {
    case GWT_PLACE_ROW: return row;
    case GWT_PLACE_COL: return col;
    case GWT_PLACE_X: case GWT_PLACE_LON: return coordinate(t, row, col);
    default: return coordinate(t + 3, row, col);
    }
}

// Every pixel of `got`, which is a kind of place, of cells of `of`: pixel (r, c) shows cell
// (row + step r, col + step c) of it, and is missing where that is none.
static void check(gwt *g, gwt_array *got, const gwt_array *of, gwt_place_kind kind, int row,
                  int col, int step)
{
    EXPECT_OK(g);
    const int64_t *shape = gwt_describe(got)->shape, *size = gwt_describe(of)->shape;
    assert_int_equal(shape[0] * shape[1], 1);
    double *values = VALUES_OF(got);
    for (int r = 0; r < shape[2]; r++)
        for (int c = 0; c < shape[3]; c++) {
            int y = row + step * r, x = col + step * c;
            bool there = y >= 0 && y < size[2] && x >= 0 && x < size[3];
            double want = there ? place_of(of, kind, y, x) : NAN, is = values[r * shape[3] + c];
            REQUIRE(same_double(is, want), "kind %d at %d, %d is %.17g, not %.17g", (int)kind, r, c,
                    is, want);
        }
    gwt_free(values);
}

static const gwt_place_kind kinds[] = { GWT_PLACE_X, GWT_PLACE_Y, GWT_PLACE_ROW, GWT_PLACE_COL };

static void by_the_transform(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .chunks = 16);
    const double *const grids[] = { upright, turned };
    for (size_t i = 0; i < COUNT_OF(grids); i++)
        for (size_t k = 0; k < COUNT_OF(kinds); k++) {
            gwt_array *of = grid_of(g, grids[i], 32616);
            check(g, gwt_place(of, kinds[k]), of, kinds[k], 0, 0, 1);
        }
    gwt_array *world = grid_of(g, degrees, 4326);
    check(g, gwt_place(world, GWT_PLACE_LON), world, GWT_PLACE_LON, 0, 0, 1);
    check(g, gwt_place(world, GWT_PLACE_LAT), world, GWT_PLACE_LAT, 0, 0, 1);
    assert_int_equal(gwt_end(g), 0);
}

static void types_and_names(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *of = grid_of(g, upright, 32616);
    const gwt_info *x = gwt_describe(gwt_place(of, GWT_PLACE_X)),
                   *row = gwt_describe(gwt_place(of, GWT_PLACE_ROW));
    assert_int_equal(x->dtype, GWT_FLOAT64);
    assert_false(x->nodata.set);
    assert_string_equal(x->band_names[0], "x");
    assert_int_equal(row->dtype, GWT_INT32);
    assert_true(row->nodata.set && row->nodata.value == -1);
    assert_string_equal(row->band_names[0], "row");
    assert_int_equal(gwt_end(g), 0);
}

// A place is of the array it was asked of: cut, thinned, aligned and picked from as its pixels are.
static void through_other_grids(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .chunks = 16);
    gwt_array *of = grid_of(g, upright, 32616);
    gwt_array *wider = gwt_regrid(of, .bounds = gwt_bounds_of(452475 - 90, 3408645 - 600,
                                                              452475 + 330, 3408645 + 60));
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        gwt_array *place = gwt_place(of, kinds[k]);
        check(g, gwt_window(place, 7, 11, 20, 31), of, kinds[k], 7, 11, 1);
        check(g, gwt_every(place, 3), of, kinds[k], 0, 0, 3);
        check(g, gwt_window(gwt_every(place, 2), 5, 6, 10, 11), of, kinds[k], 10, 12, 2);
        check(g, gwt_align(place, wider, GWT_NEAREST), of, kinds[k], -2, -3, 1);
        gwt_array *cut = gwt_window(of, 7, 11, 20, 31);     // and of what is cut, its own
        check(g, gwt_place(cut, kinds[k]), cut, kinds[k], 0, 0, 1);
        gwt_array *thin = gwt_every(of, 4);
        check(g, gwt_place(thin, kinds[k]), thin, kinds[k], 0, 0, 1);
    }
    assert_int_equal(gwt_end(g), 0);
}

// Over their own edges windows see the columns mirrored, and nothing of pieces.
static void in_windows(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .chunks = 16);
    gwt_array *of = grid_of(g, upright, 32616);
    gwt_array *sum = gwt_moving(gwt_place(of, GWT_PLACE_COL), .statistic = GWT_SUM, .window = 3);
    double *values = VALUES_OF(sum);
    for (int r = 0; r < HEIGHT; r++)
        for (int c = 0; c < WIDTH; c++) {
            double want = 3.0 * ((c > 0 ? c - 1 : 0) + c + (c < WIDTH - 1 ? c + 1 : c));
            REQUIRE(values[r * WIDTH + c] == want, "sum of columns around %d, %d is %g, not %g", r,
                    c, values[r * WIDTH + c], want);
        }
    gwt_free(values);
    assert_int_equal(gwt_end(g), 0);
}

// What float32 does not hold must not be computed in it.
static void never_in_float32(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1);
    static const double far[6] = { 1, 0, 16777216, 0, -1, 0 };
    gwt_array *of = grid_of(g, far, 32616);
    float *got = gwt_compute(gwt_sub(gwt_place(of, GWT_PLACE_X), gwt_number(g, 16777216)),
                             .dtype = GWT_FLOAT32);
    EXPECT_OK(g);
    for (int c = 0; c < WIDTH; c++) assert_true(got[c] == (float)c + 0.5f);
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

static void reads_nothing(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *of = array_of(g, &(tiff_spec){ .width = WIDTH, .height = HEIGHT, .bands = 1,
                                              .dtype = GWT_UINT8, .tile_width = 16,
                                              .tile_height = 16 },
                             (double[HEIGHT * WIDTH]){ 0 });
    gwt_plan plan;
    assert_true(gwt_plan_of(gwt_place(of, GWT_PLACE_ROW), &plan));
    assert_int_equal(plan.source_tiles, 0);
    gwt_array *b = gwt_moving(gwt_place(of, GWT_PLACE_ROW), .statistic = GWT_MEAN, .window = 3);
    assert_true(gwt_plan_of(b, &plan));
    assert_int_equal(plan.source_tiles, 0);
    gwt_summary s;
    assert_true(gwt_summarize(gwt_place(of, GWT_PLACE_ROW), &s));
    assert_true(s.count == WIDTH * HEIGHT && s.min == 0 && s.max == HEIGHT - 1);
    const char *path = temp_path("rows.tif");
    assert_true(gwt_save(gwt_place(of, GWT_PLACE_ROW), path, .tile_size = 16));
    image *im = image_read(path);
    for (int r = 0; r < HEIGHT; r++) assert_true(image_get(im, 0, r, 3) == r);
    image_free(im);
    assert_int_equal(gwt_end(g), 0);
}

static void in_expressions(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .chunks = 16);
    gwt_array *two[] = { grid_of(g, upright, 32616), grid_of(g, turned, 32616) };
    static const char *const names[] = { "x()", "y()", "row()", "col()" },
                      *const other[] = { "x(b)", "y(b + 1)", "row(b)", "col(b2)" };
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        bool used[2] = { false, false };
        check(g, gwt_calc(two, 2, names[k], .used = used), two[0], kinds[k], 0, 0, 1);
        assert_true(used[0] && !used[1]);
        check(g, gwt_calc(two, 2, other[k]), two[1], kinds[k], 0, 0, 1);
    }
    gwt_array *world = grid_of(g, degrees, 4326);
    check(g, gwt_calc(&world, 1, "lon()"), world, GWT_PLACE_LON, 0, 0, 1);
    check(g, gwt_calc(&world, 1, "lat(b1)"), world, GWT_PLACE_LAT, 0, 0, 1);
    assert_int_equal(gwt_end(g), 0);
}

static void refused(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *utm = grid_of(g, upright, 32616), *plain = grid_of(g, NULL, 0),
              *bare = grid_of(g, upright, 0);
    gwt_place(utm, GWT_PLACE_LON);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "lon is of a geographic CRS: memory has EPSG:32616, which is "
                                    "none; x and y are its coordinates");
    gwt_place(bare, GWT_PLACE_LAT);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "lat is of a geographic CRS: memory has no CRS");
    gwt_place(plain, GWT_PLACE_X);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "x is of the CRS: memory has no transform to it; row and col "
                                    "count its pixels");
    gwt_place(gwt_number(g, 3), GWT_PLACE_ROW);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "a number has no row");
    gwt_place(utm, (gwt_place_kind)17);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "no place 17: there are x, y, row, col, lon, lat");
    assert_null(gwt_place(NULL, GWT_PLACE_X));
    gwt_end(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_the_transform), cmocka_unit_test(types_and_names),
        cmocka_unit_test(through_other_grids), cmocka_unit_test(in_windows),
        cmocka_unit_test(never_in_float32), cmocka_unit_test(reads_nothing),
        cmocka_unit_test(in_expressions), cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests_name("places", tests, temp_begin, temp_end);
}
