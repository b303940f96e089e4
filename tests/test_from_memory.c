// test_from_memory.c - arrays over pixels of the caller's: their values, place and names, what
// becomes of them in files (read back by plain libtiff), and what is refused.

#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { T = 2, B = 3, H = 301, W = 517 };
static const int64_t shape[4] = { T, B, H, W };
static const double place[6] = { 10, 0, 500000, 0, -10, 5200000 };

// Value of a pixel, which every type can hold.
static double value_of(int t, int b, int row, int col)
{
    return (t * 41 + b * 17 + row * 7 + col * 3) % 101;
}

// [time][band][y][x], or [time][y][x][band].
static void *pixels(gwt_dtype dtype, bool pixel, size_t *size)
{
    size_t n = 0;
    *size = (size_t)T * B * H * W * sample_size(dtype);
    void *raw = malloc(*size);
    for (int t = 0; t < T; t++)
        for (int i = 0; i < B * H * W; i++, n++) {
            int b = pixel ? i % B : i / (H * W), at = pixel ? i / B : i % (H * W);
            sample_set(dtype, raw, n, value_of(t, b, at / W, at % W));
        }
    return raw;
}

static void every_type_and_layout(void **state)
{
    (void)state;
    for (int d = 0; d < DTYPES; d++)
        for (int pixel = 0; pixel < 2; pixel++)
            for (int workers = 1; workers < 4; workers += 2) {
                size_t size, wanted_size;
                gwt_dtype dtype = all_dtypes[d];
                void *raw = pixels(dtype, pixel, &size), *wanted = pixels(dtype, 0, &wanted_size);
                gwt *g = gwt_begin(.num_workers = workers, .quiet = true);
                gwt_array *a = gwt_from_memory(g, raw, size, dtype, shape, .chunks = 100,
                                               .interleave = pixel ? GWT_PIXEL : GWT_PLANAR);
                EXPECT_OK(g);
                const gwt_info *i = gwt_describe(a);
                assert_memory_equal(i->shape, shape, sizeof shape);
                assert_int_equal(i->dtype, dtype);
                void *got = gwt_compute(a);
                EXPECT_OK(g);
                assert_memory_equal(got, wanted, wanted_size);
                gwt_free(got);
                assert_int_equal(gwt_end(g), 0);
                free(raw);
                free(wanted);
            }
}

// It goes where an array of a file goes: into arithmetic, windows, cuts, reductions.
static void as_an_operand(void **state)
{
    (void)state;
    size_t size;
    float *raw = pixels(GWT_FLOAT32, false, &size);
    gwt *g = gwt_begin(.num_workers = 3, .quiet = true);
    gwt_array *a = gwt_from_memory(g, raw, size, GWT_FLOAT32, shape, .transform = place);
    gwt_array *cut = gwt_window(a, 10, 20, 100, 200);
    gwt_array *sum = gwt_add(gwt_sel(cut, "1"), gwt_sel(cut, "3"));
    gwt_array *most = gwt_reduce(gwt_moving(sum, .statistic = GWT_MAX, .window = 3), GWT_TIME, GWT_MAX);
    double *got = VALUES_OF(most);
    for (int row = 1; row < 99; row++)
        for (int col = 1; col < 199; col++) {
            double wanted = -1;
            for (int t = 0; t < T; t++)
                for (int k = 0; k < 9; k++) {
                    int r = row + 10 + k / 3 - 1, c = col + 20 + k % 3 - 1;
                    wanted = fmax(wanted, value_of(t, 0, r, c) + value_of(t, 2, r, c));
                }
            if (got[row * 200 + col] != wanted)
                FAIL("row %d, column %d: %g instead of %g", row, col, got[row * 200 + col], wanted);
        }
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
    free(raw);
}

static void missing_pixels(void **state)
{
    (void)state;
    const int16_t raw[6] = { 1, -5, 3, -9, 5, 6 };
    const int64_t small[4] = { 1, 1, 2, 3 };
    gwt *g = gwt_begin(.num_workers = 1, .nodata = gwt_some(-9), .quiet = true);
    const double own[] = { 1, NAN, 3, -9, 5, 6 }, sessions[] = { 1, -5, 3, NAN, 5, 6 };
    for (int i = 0; i < 2; i++) {
        gwt_optional nodata = { 0 };
        if (i == 0) nodata = gwt_some(-5);
        double *got = VALUES_OF(gwt_from_memory(g, raw, sizeof raw, GWT_INT16, small,
                                                .nodata = nodata));
        for (int k = 0; k < 6; k++) assert_true(same_double(got[k], (i ? sessions : own)[k]));
        gwt_free(got);
    }
    assert_int_equal(gwt_end(g), 0);
}

// Nothing is copied: an action sees what is there when it runs, and neither reads nor decodes.
static void in_place(void **state)
{
    (void)state;
    size_t size;
    uint8_t *raw = pixels(GWT_UINT8, false, &size);
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = gwt_from_memory(g, raw, size, GWT_UINT8, shape);
    gwt_profile_begin(g, .cache = true);
    for (int round = 0; round < 3; round++) {
        memset(raw, round + 7, size);
        uint8_t *got = gwt_compute(a);
        EXPECT_OK(g);
        for (size_t i = 0; i < size; i++) assert_int_equal(got[i], round + 7);
        gwt_free(got);
    }
    const gwt_profile *p = gwt_profile_end(g);
    for (size_t i = 0; i < p->num_events; i++)
        assert_true(p->events[i].stage != GWT_STAGE_READ && p->events[i].stage != GWT_STAGE_DECODE);
    assert_true(p->num_residences > 0);
    assert_string_equal(p->residences[0].file, "memory");
    assert_int_equal(gwt_end(g), 0);
    free(raw);
}

static void names(void **state)
{
    (void)state;
    size_t size;
    uint8_t *raw = pixels(GWT_UINT8, false, &size);
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    const gwt_info *i = gwt_describe(gwt_from_memory(g, raw, size, GWT_UINT8, shape,
        .band_names = (const char *[]){ "x", "y", "z", NULL },
        .time_names = (const char *[]){ "a", "b", NULL }, .name = "scene 1"));
    EXPECT_OK(g);
    assert_string_equal(i->band_names[2], "z");
    assert_string_equal(i->time_names[1], "b");
    assert_string_equal(i->filenames[0], "scene 1");
    assert_string_equal(i->compression, "none");
    assert_false(i->has_transform);
    i = gwt_describe(gwt_from_memory(g, raw, size, GWT_UINT8, shape, .sensor = "bgr"));
    assert_string_equal(i->band_names[0], "blue");
    assert_int_equal(gwt_end(g), 0);
    free(raw);
}

static int key_of(const image *im, int id)
{
    for (int i = 4; i + 3 < im->num_geo_keys; i += 4)
        if (im->geo_keys[i] == id) return im->geo_keys[i + 3];
    return -1;
}

// The two keys of a code, and the key of the kind; OGC GeoTIFF 1.1, 7.2 and 7.3.
static void codes(void **state)
{
    (void)state;
    static const struct { int epsg; gwt_crs_kind kind; int model, key, other; } cases[] = {
        { 32633, GWT_CRS_BY_CODE, 1, 3072, 2048 }, { 3857, GWT_CRS_BY_CODE, 1, 3072, 2048 },
        { 4326, GWT_CRS_BY_CODE, 2, 2048, 3072 }, { 4269, GWT_CRS_BY_CODE, 2, 2048, 3072 },
        { 4647, GWT_PROJECTED, 1, 3072, 2048 }, { 7844, GWT_GEOGRAPHIC, 2, 2048, 3072 }
    };
    const uint16_t raw[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    const int64_t small[4] = { 1, 1, 3, 4 };
    const char *path = temp_path("codes.tif");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        double t[6];
        gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
        gwt_array *a = gwt_from_memory(g, raw, sizeof raw, GWT_UINT16, small, .transform = place,
                                       .epsg = cases[i].epsg, .crs_kind = cases[i].kind);
        assert_int_equal(gwt_describe(a)->epsg, cases[i].epsg);
        gwt_save(a, path, .overwrite = true);
        EXPECT_OK(g);
        assert_int_equal(gwt_end(g), 0);
        image *im = image_read(path);
        assert_int_equal(key_of(im, 1024), cases[i].model);
        assert_int_equal(key_of(im, 1025), 1);
        assert_int_equal(key_of(im, cases[i].key), cases[i].epsg);
        assert_int_equal(key_of(im, cases[i].other), -1);
        assert_true(image_transform(im, t));
        for (int k = 0; k < 6; k++) assert_true(t[k] == place[k]);
        assert_memory_equal(im->raw, raw, sizeof raw);
        image_free(im);
    }
}

// On the grid of a file, whatever its keys are; and what is said besides beats that.
static void like_another(void **state)
{
    (void)state;
    enum { N = 20 * 30 };
    double values[N] = { 0 };
    const int64_t small[4] = { 1, 1, 20, 30 };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    gwt_array *file = array_of(g, &(tiff_spec){ .width = 30, .height = 20, .dtype = GWT_UINT8,
                                                .geo = &geo_utm_point }, values);
    float raw[N];
    for (int i = 0; i < N; i++) raw[i] = (float)i / 8;
    gwt_array *a = gwt_from_memory(g, raw, sizeof raw, GWT_FLOAT32, small, .like = file);
    double *sum = VALUES_OF(gwt_add(a, file));      // their grids agree
    for (int i = 0; i < N; i++) assert_true(sum[i] == i / 8.0);
    gwt_free(sum);
    const gwt_info *i = gwt_describe(a), *f = gwt_describe(file);
    assert_memory_equal(i->transform, f->transform, sizeof f->transform);
    assert_int_equal(i->epsg, f->epsg);
    assert_string_equal(i->area_or_point, "Point");
    assert_int_equal(i->dtype, GWT_FLOAT32);
    i = gwt_describe(gwt_from_memory(g, raw, sizeof raw, GWT_FLOAT32, small, .like = file,
                                     .transform = place, .epsg = 3035));
    assert_memory_equal(i->transform, place, sizeof place);
    assert_int_equal(i->epsg, 3035);
    EXPECT_OK(g);
    const int64_t other[4] = { 1, 1, 30, 20 };
    gwt_from_memory(g, raw, sizeof raw, GWT_FLOAT32, other, .like = file);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "30 x 20 like an array of 20 x 30");
    gwt_end(g);
}

static void refused(void **state)
{
    (void)state;
    float raw[24] = { 0 };
    const int64_t good[4] = { 1, 2, 3, 4 }, none[4] = { 1, 0, 3, 4 }, huge[4] = { 1, 1, 1 << 30, 1 << 30 },
                  wide[4] = { INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX }, below[4] = { 1, 2, -3, 4 };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    assert_null(gwt_from_memory(NULL, raw, sizeof raw, GWT_FLOAT32, good));
    gwt_from_memory(g, NULL, sizeof raw, GWT_FLOAT32, good);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "no pixels");
    gwt_from_memory(g, raw, sizeof raw, GWT_FLOAT32, NULL);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "no shape");
    gwt_from_memory(g, raw, sizeof raw, GWT_DTYPE_NONE, good);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "sample type");
    gwt_from_memory(g, raw, sizeof raw - 1, GWT_FLOAT32, good);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "95 bytes hold no array of 1 x 2 x 3 x 4");
    const int64_t *const shapes[] = { none, huge, wide, below };
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        gwt_from_memory(g, raw, sizeof raw, GWT_FLOAT32, shapes[i]);
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "bytes hold no array");
    }
    gwt_from_memory(g, (char *)raw + 1, sizeof raw - 4, GWT_FLOAT32, ((int64_t[4]){ 1, 1, 2, 2 }));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "multiples of 4 bytes");
    static const int codes[] = { -1, 1023, 32767, 102100 };
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        gwt_from_memory(g, raw, sizeof raw, GWT_FLOAT32, good, .epsg = codes[i]);
        EXPECT_ERROR(g, GWT_E_ARGUMENT, "EPSG code");
    }
    const double flat[6] = { 10, 0, 0, 10, 0, 0 }, nan[6] = { NAN, 0, 0, 0, 1, 0 };
    gwt_from_memory(g, raw, sizeof raw, GWT_FLOAT32, good, .transform = flat);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "not a valid transform");
    gwt_from_memory(g, raw, sizeof raw, GWT_FLOAT32, good, .transform = nan);
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "not a valid transform");
    gwt_from_memory(g, raw, sizeof raw, GWT_FLOAT32, good,
                    .band_names = (const char *[]){ "a", NULL });
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "1 band names for 2 bands of memory");
    gwt_from_memory(g, raw, sizeof raw, GWT_FLOAT32, good,
                    .time_names = (const char *[]){ "a", "b", NULL });
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "2 time names for 1 time steps");
    gwt_end(g);
}

// ---- resumed ----------------------------------------------------------------------------------

static int give_up(const gwt_kernel *k, void *user)
{
    if (k->row >= *(int *)user) return 1;
    for (int64_t i = 0; i < k->planes_out * k->rows * k->cols; i++) k->out[i] = k->in[i] + 1;
    return 0;
}

// A save of all of it, which is left unfinished at a row.
static bool save(const void *raw, size_t size, const char *path, int row, const char *identity,
                 bool resume, const char *error)
{
    gwt *g = gwt_begin(.num_workers = 1, .chunks = 64, .quiet = true);
    gwt_array *a = gwt_from_memory(g, raw, size, GWT_UINT8, shape, .identity = identity);
    bool good = gwt_save(gwt_apply(a, give_up, &row), path, .tile_size = 64, .resume = resume);
    if (error) REQUIRE(strstr(gwt_message(g), error), "\"%s\" is not \"%s\"", gwt_message(g), error);
    gwt_end(g);
    return good;
}

static void resumed_by_identity(void **state)
{
    (void)state;
    size_t size;
    uint8_t *raw = pixels(GWT_UINT8, false, &size);
    const char *whole = temp_path("whole.tif"), *path = temp_path("again.tif");
    assert_true(save(raw, size, whole, H, "first", false, NULL));
    assert_false(save(raw, size, path, 200, "first", false, NULL));
    assert_true(file_exists(temp_path("again.tif.part")));
    assert_false(save(raw, size, path, H, NULL, true, "can be resumed only if they have an .identity"));
    assert_false(save(raw, size, path, H, "second", true, ""));
    assert_false(file_exists(path));
    assert_true(save(raw, size, path, H, "first", true, NULL));
    assert_true(files_equal(whole, path));
    free(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_and_layout),
        cmocka_unit_test(as_an_operand),
        cmocka_unit_test(missing_pixels),
        cmocka_unit_test(in_place),
        cmocka_unit_test(names),
        cmocka_unit_test(codes),
        cmocka_unit_test(like_another),
        cmocka_unit_test(refused),
        cmocka_unit_test(resumed_by_identity),
    };
    return cmocka_run_group_tests_name("from_memory", tests, temp_begin, temp_end);
}
