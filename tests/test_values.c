// test_values.c - what may happen to values unasked: a valid pixel that is stored as the nodata
// value, a nodata value that comes from somewhere else than was said, rounding. Expected numbers
// come from plain loops here and from literals.

#define _XOPEN_SOURCE 700
#define _DARWIN_C_SOURCE

#include "oracle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { W = 300, H = 210, N = W * H, BANDS = 2 };

// ---- valid pixels that equal the nodata value -------------------------------------------------

// Halves and whole numbers around 0, a fifth of them missing (-99), in float64.
static double values[BANDS * N];

static gwt_array *halves(gwt *g)
{
    for (int i = 0; i < BANDS * N; i++) {
        uint64_t bits = noise((uint64_t)i);
        double v = (double)(bits >> 8 & 1023) / 2 - 256 + 0.25 * (i % 3);
        values[i] = bits % 5 == 0 ? NAN : v;
    }
    static const tiff_spec spec = { .width = W, .height = H, .bands = BANDS, .dtype = GWT_FLOAT64,
                                    .nodata = "nan", .tile_width = 64, .tile_height = 32 };
    return array_of(g, &spec, values);
}

// How many are stored as `nodata`, of those that are there.
static int64_t stored_as(gwt_dtype dtype, const double *v, int n, double nodata)
{
    int64_t count = 0;
    for (int i = 0; i < n; i++) {
        unsigned char raw[8];
        if (isnan(v[i])) continue;
        sample_set(dtype, raw, 0, v[i]);
        count += sample_get(dtype, raw, 0) == nodata;
    }
    return count;
}

static const struct { gwt_dtype dtype; double nodata; } counted[] = {
    { GWT_UINT8, 0 }, { GWT_UINT8, 255 }, { GWT_UINT8, 3 }, { GWT_UINT8, 4 },
    { GWT_INT8, -128 }, { GWT_INT8, 127 }, { GWT_INT8, 0 }, { GWT_INT8, -7 },
    { GWT_UINT16, 0 }, { GWT_UINT16, 65535 }, { GWT_INT16, -200 }, { GWT_INT16, -32768 },
    { GWT_UINT32, 0 }, { GWT_INT32, 17 }, { GWT_UINT64, 0 }, { GWT_INT64, -9 },
    { GWT_FLOAT32, 1.25 }, { GWT_FLOAT32, 0 }, { GWT_FLOAT32, NAN }, { GWT_FLOAT64, -3.5 },
    { GWT_FLOAT64, NAN }, { GWT_FLOAT64, -9999 }
};

static void collisions_of_every_type(void **state)
{
    (void)state;
    int some = 0;
    for (size_t i = 0; i < COUNT_OF(counted); i++) {
        gwt *g = gwt_begin(.num_workers = 1 + (int)(i % 3));
        gwt_dtype dtype = counted[i].dtype;
        double nodata = counted[i].nodata;
        int64_t got = -1;
        assert_true(gwt_save(halves(g), temp_path("counted.tif"), .dtype = dtype, .tile_size = 48,
                             .nodata = gwt_some(nodata), .overwrite = true, .collisions = &got,
                             .interleave = i % 2 ? GWT_PIXEL : GWT_PLANAR));
        int64_t want = stored_as(dtype, values, BANDS * N, nodata);
        REQUIRE(got == want, "%s, nodata %g: %lld, not %lld", gwt_dtype_name(dtype), nodata,
                (long long)got, (long long)want);
        some += want > 0;
        assert_int_equal(gwt_end(g), 0);
    }
    assert_true(some > 12);
}

// Whatever the workers, chunks and tiles; in float32 too, where that is what is computed in.
static void collisions_however_it_is_cut(void **state)
{
    (void)state;
    static const int workers[] = { 1, 2, 4 }, chunks[] = { 7, 64, 1000 }, blocks[] = { 16, 256 };
    static double pixels[N], ratio[N];
    int64_t want = 0, missing = 0;
    for (int i = 0; i < N; i++) {
        pixels[i] = (double)(noise((uint64_t)i) % 40);
        ratio[i] = pixels[i] == 7 ? NAN : (pixels[i] - 20) / (pixels[i] + 20);
        want += ratio[i] == 0, missing += isnan(ratio[i]);
    }
    static const tiff_spec spec = { .width = W, .height = H, .dtype = GWT_UINT8, .nodata = "7",
                                    .tile_width = 64, .tile_height = 32 };
    assert_true(want > 100 && missing > 100);
    for (size_t i = 0; i < COUNT_OF(workers) * COUNT_OF(chunks) * COUNT_OF(blocks); i++) {
        gwt *g = gwt_begin(.num_workers = workers[i % 3], .chunks = chunks[i / 3 % 3]);
        gwt_array *a = array_of(g, &spec, pixels);
        gwt_array *r = gwt_calc(&a, 1, "(b1 - 20) / (b1 + 20)");
        for (int wide = 0; wide < 2; wide++) {
            int64_t got = -1;
            assert_true(gwt_save(r, temp_path("cut.tif"), .tile_size = blocks[i / 9], .overwrite = true,
                                 .dtype = wide ? GWT_FLOAT64 : GWT_FLOAT32, .nodata = gwt_some(0),
                                 .compress = "lzw", .collisions = &got));
            REQUIRE(got == want, "case %d: %lld, not %lld", (int)i, (long long)got,
                    (long long)want);
        }
        assert_int_equal(gwt_end(g), 0);
    }
}

// A copy of what is in the file: nothing where the file says the same, all that there is where it
// says nothing; of 64 bits exactly.
static void collisions_of_copies(void **state)
{
    (void)state;
    for (size_t d = 0; d < DTYPES; d++) {
        gwt_dtype dtype = all_dtypes[d];
        static double few[BANDS * 60 * 40];
        int64_t fives = 0;
        for (int i = 0; i < (int)COUNT_OF(few); i++) {
            few[i] = (double)(noise((uint64_t)i) % 9);
            fives += few[i] == 5;
        }
        for (int k = 0; k < 3; k++) {
            static const char *const nodata[] = { NULL, "5", "3" };
            tiff_spec spec = { .width = 60, .height = 40, .bands = BANDS, .dtype = dtype,
                               .nodata = nodata[k], .planar = d % 2, .tile_width = 16,
                               .tile_height = 16 };
            int64_t got = -1, want = k == 1 ? 0 : fives;
            gwt *g = gwt_begin(.num_workers = 2);
            assert_true(gwt_save(array_of(g, &spec, few), temp_path("copies.tif"),
                                 .nodata = gwt_some(5), .overwrite = true, .collisions = &got));
            REQUIRE(got == want, "%s, nodata %s: %lld, not %lld", gwt_dtype_name(dtype),
                    nodata[k] ? nodata[k] : "none", (long long)got, (long long)want);
            assert_int_equal(gwt_end(g), 0);
        }
    }
    const double large = 9007199254740994.0;    // 2^53 + 2; 2^53 + 3 is no double
    uint64_t samples[4] = { 9007199254740994u, 9007199254740995u, 9007199254740994u, 1 };
    gwt *g = gwt_begin(.num_workers = 1);
    int64_t got = -1;
    tiff_write(temp_path("large.tif"), &(tiff_spec){ .width = 4, .height = 1, .dtype = GWT_UINT64 },
               samples);
    assert_true(gwt_save(gwt_open(g, temp_path("large.tif")), temp_path("large2.tif"),
                         .nodata = gwt_some(large), .collisions = &got));
    assert_int_equal(got, 2);
    assert_int_equal(gwt_end(g), 0);
}

// Each output by itself, with a nodata value of its own; nothing asked, nothing told; a failure
// counts nothing.
static void collisions_of_several(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = halves(g), *zero = gwt_number(g, 0);
    gwt_array *many[] = { gwt_gt(a, zero), gwt_cast(a, GWT_INT16), gwt_le(a, zero) };
    const char *paths[] = { temp_path("m0.tif"), temp_path("m1.tif"), temp_path("m2.tif") };
    gwt_optional nodatas[] = { gwt_some(0), { 0 }, { 0 } };
    int64_t got[3] = { -1, -1, -1 }, below = 0;
    for (int i = 0; i < BANDS * N; i++) below += values[i] <= 0;
    gwt_save_options o = { .nodatas = nodatas, .collisions = got, .nodata = gwt_some(9),
                           .tile_size = 64 };
    assert_true(gwt_save_many_with(many, paths, 3, &o));
    assert_int_equal(got[0], below);
    assert_int_equal(got[1], stored_as(GWT_INT16, values, BANDS * N, 9));
    assert_int_equal(got[2], 0);
    static const char *const texts[] = { "0", "9", "9" };
    for (int i = 0; i < 3; i++) {
        image *im = image_read(paths[i]);
        assert_string_equal(im->nodata, texts[i]);
        image_free(im);
    }
    got[0] = -1;
    assert_true(gwt_save(many[0], paths[0], .overwrite = true, .nodata = gwt_some(0)));
    assert_false(gwt_save(many[0], paths[0], .nodata = gwt_some(0), .collisions = got));
    EXPECT_ERROR(g, GWT_E_EXISTS, "m0.tif");
    assert_int_equal(got[0], 0);
    assert_int_equal(gwt_end(g), 0);
}

// A save that was interrupted counts the tiles that are left.
static int fails_below(const gwt_kernel *k, void *user)
{
    const int64_t *limit = user;
    memcpy(k->out, k->in, (size_t)(k->rows * k->cols) * sizeof *k->out);
    return k->row >= *limit;
}

static void collisions_of_a_resumed_save(void **state)
{
    (void)state;
    enum { SIDE = 128, BLOCK = 32, TILES = SIDE / BLOCK };
    static double v[SIDE * SIDE];
    int64_t in_tile[TILES * TILES] = { 0 }, limit = 64, got = -1, left = 0;
    for (int i = 0; i < SIDE * SIDE; i++) {
        v[i] = (double)(noise((uint64_t)i) % 5);
        in_tile[i / SIDE / BLOCK * TILES + i % SIDE / BLOCK] += v[i] == 3;
    }
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    tiff_spec spec = { .width = SIDE, .height = SIDE, .dtype = GWT_UINT8 };
    gwt_array *a = array_of(g, &spec, v),
              *r = gwt_apply(a, fails_below, &limit, .dtype = GWT_UINT8, .identity = "same");
    const char *path = temp_path("resumed.tif");
    assert_false(gwt_save(r, path, .tile_size = BLOCK, .nodata = gwt_some(3), .collisions = &got));
    EXPECT_ERROR(g, GWT_E_USER, "kernel");
    assert_int_equal(got, 0);
    struct stat journal;
    assert_int_equal(stat(temp_path("resumed.tif.part.journal"), &journal), 0);
    int done = (int)((journal.st_size - 48) / 16);
    assert_true(done > 0 && done < TILES * TILES);
    for (int t = done; t < TILES * TILES; t++) left += in_tile[t];
    limit = SIDE;
    assert_true(gwt_save(r, path, .tile_size = BLOCK, .nodata = gwt_some(3), .collisions = &got,
                         .resume = true));
    assert_int_equal(got, left);
    assert_int_equal(gwt_end(g), 0);
}

// ---- whose nodata it is -----------------------------------------------------------------------

// Pixels 0 .. 9; a file that says 1. Who says nothing has -1 below.
enum { DIGITS = 10 };
static const double digits[DIGITS] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };

static gwt_optional perhaps(int nodata)
{
    gwt_optional none = { 0 };
    return nodata < 0 ? none : gwt_some(nodata);
}

// The one digit that is missing, -1 when none is.
static int missing_of(gwt *g, gwt_array *a)
{
    double *v = VALUES_OF(a);
    int found = -1;
    for (int i = 0; i < DIGITS; i++) {
        REQUIRE(!isnan(v[i]) || found < 0, "%d and %d are missing", found, i);
        if (isnan(v[i])) found = i;
    }
    gwt_free(v);
    return found;
}

static void expect_nodata(const gwt_array *a, int want, const char *what, int c)
{
    gwt_optional n = gwt_describe(a)->nodata;
    REQUIRE(n.set == (want >= 0) && (want < 0 || n.value == want), "case %d: nodata of %s is %g, "
            "not %d", c, what, n.set ? n.value : -1, want);
}

// Of inputs: the operation's argument, else that of the call that opened it, else the session's,
// else the file's. Of what is opened, of an index, of set_nodata.
static void precedence_of_inputs(void **state)
{
    (void)state;
    static const char *const names[] = { "red", NULL };
    for (int c = 0; c < 16; c++) {
        int file = c & 1 ? 1 : -1, session = c & 2 ? 2 : -1, call = c & 4 ? 3 : -1,
            op = c & 8 ? 4 : -1;
        int opened = call >= 0 ? call : session >= 0 ? session : file;
        int used = op >= 0 ? op : opened;
        const char *path = temp_path("precedence%d.tif", c);
        tiff_write_values(path, &(tiff_spec){ .width = DIGITS, .height = 1, .dtype = GWT_INT16,
                                              .nodata = file >= 0 ? "1" : NULL }, digits);
        gwt *g = gwt_begin(.num_workers = 1, .nodata = perhaps(session));
        gwt_array *a = gwt_open(g, path, .nodata = perhaps(call), .band_names = names);
        expect_nodata(a, opened, "an opened file", c);
        assert_int_equal(missing_of(g, a), opened);
        gwt_array *many = gwt_open_many(g, &path, 1, .nodata = perhaps(call));
        expect_nodata(many, opened, "several", c);
        assert_int_equal(missing_of(g, many), opened);
        // An index: missing before, and nowhere else. (b - b) / (b + b) is 0 / 0 of the digit 0.
        gwt_array *i = gwt_norm_diff(a, "red", "red", .nodata = perhaps(op));
        expect_nodata(i, used, "norm_diff", c);
        double *v = VALUES_OF(i);
        for (int k = 1; k < DIGITS; k++)
            REQUIRE(isnan(v[k]) == (k == used), "case %d: norm_diff of %d is %g", c, k, v[k]);
        gwt_free(v);
        gwt_array *nir = gwt_rename_bands(gwt_stack((gwt_array *[]){ a, a }, 2, GWT_BAND),
                                    (const char *const[]){ "red", "nir", NULL });
        gwt_array *evi2 = gwt_spectral_index(nir, "evi2", .nodata = perhaps(op));
        expect_nodata(evi2, used, "evi2", c);
        assert_int_equal(missing_of(g, evi2), used);
        gwt_array *set = gwt_set_nodata(a, .src_nodata = perhaps(op), .dst_nodata = gwt_some(-5));
        assert_true(gwt_describe(set)->nodata.value == -5);
        assert_int_equal(missing_of(g, set), used);
        assert_int_equal(gwt_end(g), 0);
    }
}

// Of outputs: the argument, else the array's, which is that of its input where pixels are picked;
// arithmetic has none, truth values have 255, argmax -1, whatever the session says.
static void precedence_of_outputs(void **state)
{
    (void)state;
    static const char *const given[] = { NULL, "7" };
    static const struct { const char *expression; double nodata; } kinds[] = {
        { "a", 2 }, { "max(b1, b1)", 2 }, { "where(b1 > 4, b1, 3)", 2 }, { "moving_max(b1, 1)", 2 },
        { "b1 + 1", NAN }, { "b1 > 3", 255 }, { "b1 == 2 || b1 > 3", 255 }, { "!b1", 255 },
        { "valid(b1)", 255 }, { "argmax(a)", -1 }
    };
    const char *path = temp_path("outputs.tif"), *to = temp_path("out.tif");
    tiff_write_values(path, &(tiff_spec){ .width = DIGITS, .height = 1, .dtype = GWT_INT16,
                                          .nodata = "1" }, digits);
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        for (int explicit = 0; explicit < 2; explicit++) {
            gwt *g = gwt_begin(.num_workers = 1, .nodata = gwt_some(2));
            gwt_array *a = gwt_open(g, path), *r = gwt_calc(&a, 1, kinds[i].expression);
            assert_true(gwt_save(r, to, .nodata = perhaps(explicit ? 7 : -1), .overwrite = true));
            image *im = image_read(to);
            double want = explicit ? 7 : kinds[i].nodata;
            if (given[explicit]) assert_string_equal(im->nodata, given[explicit]);
            else if (isnan(want)) REQUIRE(!im->nodata || !strcmp(im->nodata, "nan"), "%s: '%s'",
                                          kinds[i].expression, im->nodata);
            else REQUIRE(im->nodata && atof(im->nodata) == want, "%s: nodata %s, not %g",
                         kinds[i].expression, im->nodata ? im->nodata : "none", want);
            if (strcmp(kinds[i].expression, "valid(b1)"))
                REQUIRE(same_double(image_get(im, 0, 0, 2), want), "%s: missing is %g, not %g",
                        kinds[i].expression, image_get(im, 0, 0, 2), want);
            image_free(im);
            assert_int_equal(gwt_end(g), 0);
        }
}

// What was computed has no pixels to look for the session's nodata among.
static void session_leaves_results_alone(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1, .nodata = gwt_some(6));
    const char *path = temp_path("alone.tif");
    tiff_write_values(path, &(tiff_spec){ .width = DIGITS, .height = 1, .dtype = GWT_INT16 },
                      digits);
    gwt_array *a = gwt_open(g, path), *more = gwt_add(a, gwt_number(g, 1));   // 5 becomes 6
    assert_int_equal(missing_of(g, gwt_set_nodata(more)), 6);
    gwt_array *two = gwt_rename_bands(gwt_stack((gwt_array *[]){ more, more }, 2, GWT_BAND),
                                (const char *const[]){ "red", "nir", NULL });
    assert_int_equal(missing_of(g, gwt_norm_diff(two, "red", "nir")), 6);
    assert_int_equal(missing_of(g, gwt_spectral_index(two, "evi2")), 6);
    assert_int_equal(gwt_end(g), 0);
}

// ---- arrays that an expression uses -----------------------------------------------------------

// Three bands named red, nir, blue, one, and three: which of them an expression touches. Others
// may lie on any grid.
static void used_arrays(void **state)
{
    (void)state;
    static const struct { const char *expression; bool used[3]; } cases[] = {
        { "a", { true } }, { "b", { false, true } }, { "a.b2 + c.red", { true, false, true } },
        { "b1", { true } }, { "b4", { false, true } }, { "b5 + b7", { false, false, true } },
        { "red", { true } }, { "ndvi()", { true } }, { "ndvi(c)", { false, false, true } },
        { "where(b > 0, 1, nan)", { false, true } },
        { "moving_mean(b7, 3)", { false, false, true } },
        { "c[1].nir", { false, false, true } }, { "blue * 0 + b", { true, true } },
        { "1 + \"swir\"", { false, true } }
    };
    static const double zeros[3 * 15];
    static const char *const three[] = { "red", "nir", "blue", NULL },
                      *const one[] = { "swir", NULL };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    tiff_spec spec = { .width = 5, .height = 3, .bands = 3, .dtype = GWT_UINT8 };
    gwt_array *a[3] = { gwt_rename_bands(array_of(g, &spec, zeros), three), NULL, NULL };
    a[2] = gwt_rename_bands(array_of(g, &spec, zeros), three);
    spec.bands = 1;
    a[1] = gwt_rename_bands(array_of(g, &spec, zeros), one);
    bool all[3] = { false };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool used[3] = { false };
        assert_non_null(gwt_calc(a, 3, cases[i].expression, .used = used));
        assert_non_null(gwt_calc(a, 3, cases[i].expression));
        for (int k = 0; k < 3; k++)
            REQUIRE(used[k] == cases[i].used[k], "%s: array %d %s", cases[i].expression, k,
                    used[k] ? "is used" : "is not");
    }
    assert_non_null(gwt_calc(a, 3, "b", .used = all));     // what is set stays
    assert_non_null(gwt_calc(a, 3, "c", .used = all));
    assert_true(!all[0] && all[1] && all[2]);
    spec.width = 4;
    a[1] = array_of(g, &spec, zeros);
    assert_non_null(gwt_calc(a, 3, "a + c"));
    EXPECT_OK(g);
    assert_null(gwt_calc(a, 3, "a + b"));
    EXPECT_ERROR(g, GWT_E_GRID, "4");
    assert_int_equal(gwt_end(g), 0);
}

// ---- values on the way of an expression --------------------------------------------------------

static void note_value(const gwt_calc_value *value, void *user)
{
    char *told = user;
    size_t n = strlen(told);
    snprintf(told + n, 1024 - n, "%s%s%.*s|", value->name ? value->name : "",
             value->name ? ": " : "", (int)value->length, value->text);
    gwt_array *back = gwt_cast(value->array, GWT_FLOAT64);
    double *pixels = gwt_compute(back);
    assert_non_null(pixels);
    n = strlen(told);
    snprintf(told + n, 1024 - n, "%g ", pixels[0]);
    gwt_free(pixels);
}

// What is told of an expression over bands of 6, 3 and 2: texts and what they come to.
static void values_on_the_way(void **state)
{
    (void)state;
    static const struct { const char *expression, *told; } cases[] = {
        { "b1", "b1|6 " },
        { " b1+ 2 * b2 # or so", "b1|6 b2|3 2 * b2|6 b1+ 2 * b2|12 " },
        { "-b1 ** b3", "b1|6 b3|2 b1 ** b3|36 -b1 ** b3|-36 " },
        { "t = b1 - b2 ; (t) * b1 + t; ", "b1|6 b2|3 b1 - b2|3 t: b1 - b2|3 b1|6 (t) * b1|18 t|3 "
          "(t) * b1 + t|21 " },
        { "max( b1 ,\n b2+1 )", "b1|6 b2|3 b2+1|4 max( b1 ,\n b2+1 )|6 " },
        { "a[1].b2 / (1 + 2)", "a[1].b2|3 a[1].b2 / (1 + 2)|1 " },
        { "!(b1 == 6) || b2 > 1", "b1|6 b1 == 6|1 !(b1 == 6)|0 b2|3 b2 > 1|1 "
          "!(b1 == 6) || b2 > 1|1 " },
        { "nan + b1 * 0", "b1|6 b1 * 0|0 nan + b1 * 0|nan " }
    };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    tiff_spec spec = { .width = 1, .height = 1, .bands = 3, .dtype = GWT_UINT8 };
    gwt_array *a = array_of(g, &spec, (const double[]){ 6, 3, 2 });
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char told[1024] = "";
        assert_non_null(gwt_calc(&a, 1, cases[i].expression, .on_value = note_value,
                                 .user = told));
        assert_string_equal(told, cases[i].told);
    }
    assert_int_equal(gwt_end(g), 0);
}

static void names_of_times(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    tiff_spec spec = { .width = 1, .height = 1, .bands = 1, .dtype = GWT_UINT8 };
    gwt_array *one = array_of(g, &spec, (const double[]){ 6 });
    gwt_array *two = gwt_stack((gwt_array *[]){ one, array_of(g, &spec, (const double[]){ 3 }) }, 2,
                               GWT_TIME);
    static const char *const names[] = { "2016-05-17", "2016-06-02", NULL };
    gwt_array *named = gwt_rename_times(two, names);
    assert_string_equal(gwt_describe(named)->time_names[1], names[1]);
    assert_string_equal(gwt_describe(two)->time_names[1], "2");
    uint8_t *pixel = gwt_compute(gwt_sel_times(named, (const char *[]){ names[1], NULL }));
    assert_int_equal(pixel[0], 3);
    gwt_free(pixel);
    assert_null(gwt_rename_times(NULL, names));
    EXPECT_OK(g);
    assert_null(gwt_rename_times(one, names));
    EXPECT_ERROR(g, GWT_E_ARGUMENT, "2 time names for 1 time steps");
    assert_int_equal(gwt_end(g), 0);
}

static void planes_that_are_found(void **state)
{
    (void)state;
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    tiff_spec spec = { .width = 1, .height = 1, .bands = 3, .dtype = GWT_UINT8 };
    gwt_array *a = array_of(g, &spec, (const double[]){ 6, 3, 2 });
    gwt_array *b = array_of(g, &spec, (const double[]){ 6, 3, 2 });
    gwt_array *two = gwt_stack((gwt_array *[]){ a, b }, 2, GWT_TIME);
    gwt_array *swapped = gwt_sel(a, "3", "2");
    assert_int_equal(gwt_find_plane(swapped, 0, a), 2);
    assert_int_equal(gwt_find_plane(swapped, 1, a), 1);
    assert_int_equal(gwt_find_plane(a, 0, swapped), -1);
    assert_int_equal(gwt_find_plane(gwt_calc(&two, 1, "a[2].b3"), 0, two), 5);
    assert_int_equal(gwt_find_plane(gwt_calc(&a, 1, "b3 + 0"), 0, a), -1);
    assert_int_equal(gwt_find_plane(a, 3, a), -1);
    assert_int_equal(gwt_find_plane(a, -1, a), -1);
    assert_int_equal(gwt_find_plane(NULL, 0, a), -1);
    assert_int_equal(gwt_find_plane(a, 0, NULL), -1);
    assert_int_equal(gwt_end(g), 0);
}

// ---- rounding after resampling ----------------------------------------------------------------

// What gwt makes of one band of 30 m when it is brought to cells of `res` metres.
enum { ROWS = 24, COLS = 40 };

static gwt_array *on_cells(gwt_array *a, double res, gwt_resampling method)
{
    return gwt_regrid(a, .res = res, .resampling = method);
}

// Of a negative number, too: GDAL's warper takes floor(v + 0.5), held to the range of the type.
// Weights are sums of powers of two here, so that halves are halves; but at the edges, where they
// are divided by what is left of them.
static void rounded_as_warped(void **state)
{
    (void)state;
    static const gwt_dtype types[] = { GWT_UINT8, GWT_INT8, GWT_UINT16, GWT_INT16, GWT_INT32,
                                       GWT_UINT32, GWT_INT64, GWT_UINT64 };
    static const double cells[] = { 60, 120, 15 };
    int ties = 0, below = 0;
    for (size_t d = 0; d < COUNT_OF(types) * COUNT_OF(cells) * 3; d++) {
        gwt_dtype dtype = types[d % COUNT_OF(types)];
        double res = cells[d / COUNT_OF(types) % 3], ratio = res / 30;
        gwt_resampling method = (gwt_resampling[]){ GWT_AVERAGE, GWT_BILINEAR, GWT_CUBIC }[d / 24];
        // Bytes over their whole range, so that cubic overshoots it; others in a part of theirs.
        bool byte = sample_size(dtype) == 1, is_signed = dtype == GWT_INT8 || dtype == GWT_INT16
                 || dtype == GWT_INT32 || dtype == GWT_INT64;
        double range = byte ? 256 : 64, least = is_signed ? -range / 2 : 0;
        double lo = is_signed && !byte ? -INFINITY : least, hi = byte ? least + 255 : INFINITY;
        static double v[ROWS * COLS];
        for (int i = 0; i < ROWS * COLS; i++)
            v[i] = (double)(noise((uint64_t)i + d) % (uint64_t)range) + least;
        gwt *g = gwt_begin(.num_workers = 2, .chunks = 7);
        tiff_spec spec = { .width = COLS, .height = ROWS, .dtype = dtype, .geo = &geo_utm };
        gwt_array *r = on_cells(array_of(g, &spec, v), res, method);
        const gwt_info *info = gwt_describe(r);
        int rows = (int)info->shape[2], cols = (int)info->shape[3];
        assert_int_equal(rows, (int)(ROWS / ratio));
        assert_int_equal(info->dtype, dtype);
        void *stored = gwt_compute(r);
        double *exact = VALUES_OF(gwt_cast(r, GWT_FLOAT64)), *wide = VALUES_OF(r),
               *used = VALUES_OF(gwt_add(r, gwt_number(g, 0)));
        float *single = gwt_compute(gwt_cast(r, GWT_FLOAT32));
        EXPECT_OK(g);
        plane p = { ROWS, COLS, v };
        relation q = { { ratio, ratio }, { 0, 0 } };
        for (int i = 0; i < rows * cols; i++) {
            double want = resampled(&p, &q, method, i / cols, i % cols);
            double held = fmin(fmax(floor(want + 0.5), lo), hi);
            int y = i / cols, x = i % cols;
            bool edge = y < 2 || y >= rows - 2 || x < 2 || x >= cols - 2;
            bool half = fabs(want - floor(want) - 0.5) < 1e-9;
            if (half && edge) continue;
            double is = sample_get(dtype, stored, (size_t)i);
            REQUIRE(is == held, "%s, method %d, %g m: cell %d of %.17g is %g, not %g",
                    gwt_dtype_name(dtype), (int)method, res, i, want, is, held);
            REQUIRE(used[i] == held && wide[i] == held, "cell %d is %g, or %g", i, used[i],
                    wide[i]);
            REQUIRE(fabs(exact[i] - want) <= 1e-9, "float64: cell %d is %.17g, not %.17g", i,
                    exact[i], want);
            REQUIRE(single[i] == (float)exact[i], "float32: cell %d is %g", i, single[i]);
            ties += half, below += want < 0 && half;
        }
        gwt_free(stored), gwt_free(exact), gwt_free(wide), gwt_free(used), gwt_free(single);
        assert_int_equal(gwt_end(g), 0);
    }
    REQUIRE(ties > 1000 && below > 100, "%d halves, %d of them below 0", ties, below);
}

// Through a cut and a choice of bands, and into a file; other stores round to even.
static void rounded_when_stored(void **state)
{
    (void)state;
    static const double v[16] = { -3, -2, 1, 2, -2, -3, 2, 1, 0, 1, 5, 4, 1, 0, 4, 4 };
    static const double means[4] = { -2.5, 1.5, 0.5, 4.25 }, rounded[4] = { -2, 2, 1, 4 };
    gwt *g = gwt_begin(.num_workers = 1);
    tiff_spec spec = { .width = 4, .height = 4, .dtype = GWT_INT16, .geo = &geo_utm };
    gwt_array *r = on_cells(array_of(g, &spec, v), 60, GWT_AVERAGE);
    gwt_array *cut = gwt_window(r, 0, 1, 2, 1);
    for (int whole = 0; whole < 2; whole++) {
        assert_true(gwt_save(whole ? r : gwt_cast(r, GWT_FLOAT64), temp_path("warped.tif"),
                             .overwrite = true));
        gwt_array *part_of = gwt_cast(cut, whole ? GWT_INT32 : GWT_FLOAT32);
        assert_true(gwt_save(part_of, temp_path("cut.tif"), .overwrite = true));
        image *all = image_read(temp_path("warped.tif")), *part = image_read(temp_path("cut.tif"));
        for (int i = 0; i < 4; i++)
            assert_true(image_get(all, 0, i / 2, i % 2) == (whole ? rounded : means)[i]);
        for (int i = 0; i < 2; i++)
            assert_true(image_get(part, 0, i, 0) == (whole ? rounded : means)[1 + 2 * i]);
        image_free(all), image_free(part);
    }
    double *lost = VALUES_OF(gwt_cast(gwt_mul(cut, gwt_number(g, 1)), GWT_FLOAT64));
    assert_true(lost[0] == 2 && lost[1] == 4);      // an operation sees integers
    gwt_free(lost);
    double *moved = VALUES_OF(gwt_moving(r, .window = 1));
    for (int i = 0; i < 4; i++) assert_true(moved[i] == rounded[i]);
    gwt_free(moved);
    gwt_summary sum;
    assert_true(gwt_summarize(r, &sum));
    assert_true(sum.mean == 1.25 && sum.min == -2 && sum.max == 4);
    double *kept = VALUES_OF(gwt_mul(gwt_cast(cut, GWT_FLOAT64), gwt_number(g, 1)));
    assert_true(kept[0] == 1.5 && kept[1] == 4.25);
    gwt_free(kept);
    double *even = VALUES_OF(gwt_cast(gwt_mul(gwt_cast(r, GWT_FLOAT64), gwt_number(g, 1)),
                                      GWT_INT16));
    assert_true(even[0] == -2 && even[1] == 2 && even[2] == 0 && even[3] == 4);
    gwt_free(even);
    assert_int_equal(gwt_end(g), 0);
}

// A double does not hold every integer of 64 bits: a cast to it and back rounds, and is no copy.
static void integers_that_a_double_rounds(void **state)
{
    (void)state;
    static const int64_t wide[4] = { 9007199254740993, -9007199254740993, 3, 9007199254740994 },
                         rounded[4] = { 9007199254740992, -9007199254740992, 3, 9007199254740994 },
                         shape[4] = { 1, 1, 1, 4 };
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *a = gwt_from_memory(g, wide, sizeof wide, GWT_INT64, shape);
    int64_t *same = gwt_compute(gwt_cast(a, GWT_INT64));
    int64_t *there_and_back = gwt_compute(gwt_cast(gwt_cast(a, GWT_FLOAT64), GWT_INT64));
    assert_memory_equal(same, wide, sizeof wide);
    assert_memory_equal(there_and_back, rounded, sizeof rounded);
    gwt_free(same);
    gwt_free(there_and_back);
    assert_int_equal(gwt_end(g), 0);
}

// What is just below the least integer of 64 bits is that one: the nearest double is the same.
static void integers_below_their_type(void **state)
{
    (void)state;
    static const uint64_t wide[4] = { 9223372036854775816u, 9223372036854775808u,
                                      9223372036854775807u, 5 };
    static const int64_t negative[4] = { INT64_MIN, INT64_MIN, -INT64_MAX, -5 },
                         shape[4] = { 1, 1, 1, 4 };
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *a = gwt_from_memory(g, wide, sizeof wide, GWT_UINT64, shape);
    int64_t *got = gwt_compute(gwt_neg(a), .dtype = GWT_INT64);
    EXPECT_OK(g);
    assert_memory_equal(got, negative, sizeof negative);
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

// No integer is -0, what is left of a division by one neither: -x is, where x is 0.
static void remainders_are_integers(void **state)
{
    (void)state;
    static const int16_t v[4] = { 0, 3, 4, -4 };
    static const double want[4] = { INFINITY, INFINITY, 0.5, 1 };
    static const int64_t shape[4] = { 1, 1, 1, 4 };
    gwt *g = gwt_begin(.num_workers = 1);
    gwt_array *a = gwt_from_memory(g, v, sizeof v, GWT_INT16, shape);
    double *got = VALUES_OF(gwt_calc(&a, 1, "1 / (-a % 3)"));
    EXPECT_OK(g);
    for (int i = 0; i < 4; i++) REQUIRE(got[i] == want[i], "%d: %g, not %g", v[i], got[i], want[i]);
    gwt_free(got);
    assert_int_equal(gwt_end(g), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collisions_of_every_type),
        cmocka_unit_test(collisions_however_it_is_cut),
        cmocka_unit_test(collisions_of_copies),
        cmocka_unit_test(collisions_of_several),
        cmocka_unit_test(collisions_of_a_resumed_save),
        cmocka_unit_test(precedence_of_inputs),
        cmocka_unit_test(precedence_of_outputs),
        cmocka_unit_test(session_leaves_results_alone),
        cmocka_unit_test(used_arrays),
        cmocka_unit_test(values_on_the_way),
        cmocka_unit_test(names_of_times),
        cmocka_unit_test(planes_that_are_found),
        cmocka_unit_test(rounded_as_warped),
        cmocka_unit_test(rounded_when_stored),
        cmocka_unit_test(integers_that_a_double_rounds),
        cmocka_unit_test(integers_below_their_type),
        cmocka_unit_test(remainders_are_integers)
    };
    return cmocka_run_group_tests_name("values", tests, temp_begin, temp_end);
}
