// test_machines.c - the same whatever the machine is set to: numbers have a point where the
// program's locale has a comma, and predictor 3 reads back as it was, from files of both byte
// orders.

#define _XOPEN_SOURCE 700
#define _DARWIN_C_SOURCE

#include "support.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <xmmintrin.h>
#endif

enum { W = 150, H = 90 };

// ---- a decimal comma --------------------------------------------------------------------------

// No comma between digits, and `part` is there.
static void expect_point(const char *text, const char *part)
{
    REQUIRE(strstr(text, part), "no '%s' in: %s", part, text);
    for (const char *comma = text; (comma = strchr(comma, ',')) != NULL; comma++)
        REQUIRE(comma == text || comma[-1] < '0' || comma[-1] > '9' || comma[1] < '0'
                    || comma[1] > '9', "a decimal comma in: %s", text);
}

static gwt_array *open_ramp(gwt *g)
{
    static double values[W * H];
    for (int i = 0; i < W * H; i++) values[i] = i * 0.25;
    const char *path = temp_path("ramp.tif");
    tiff_write_values(path, &(tiff_spec){ .width = W, .height = H, .dtype = GWT_FLOAT32,
                      .tile_width = 32, .tile_height = 32, .geo = &geo_utm }, values);
    return gwt_open(g, path);
}

static void messages_have_a_point(void **state)
{
    (void)state;
    decimal_comma_begin();
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = open_ramp(g);
    EXPECT_OK(g);
    assert_null(gwt_clip(a, 2.5, 1.25));
    expect_point(gwt_message(g), "2.5..1.25");
    gwt_clear(g);
    assert_null(gwt_moving(a, .statistic = GWT_PERCENTILE, .percentile = 100.5));
    expect_point(gwt_message(g), "100.5");
    gwt_clear(g);
    assert_null(gwt_calc(&a, 1, "moving_mean(b1, 4.5)"));
    expect_point(gwt_message(g), "4.5");
    gwt_clear(g);
    assert_string_equal(localeconv()->decimal_point, ",");
    assert_int_equal(gwt_end(g), 0);
}

static void texts_have_a_point(void **state)
{
    (void)state;
    decimal_comma_begin();
    gwt *g = gwt_begin(.num_workers = 2);
    const char *path = temp_path("texts.txt");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    gwt_array *a = gwt_mul(open_ramp(g), gwt_number(g, 0.5));
    assert_true(gwt_profile_begin(g));
    gwt_print(a, f);
    assert_true(gwt_print_plan(a, f));
    gwt_free(gwt_compute(a));
    gwt_profile_summary(gwt_profile_end(g), f);
    assert_string_equal(localeconv()->decimal_point, ",");
    assert_int_equal(fclose(f), 0);
    size_t size;
    char *text = (char *)file_read(path, &size);
    expect_point(text, "0.");
    expect_point(text, "parallel efficiency");
    free(text);
    assert_int_equal(gwt_end(g), 0);
}

// ---- predictor 3 ------------------------------------------------------------------------------

// Plain libtiff reads what gwt wrote from files of both byte orders, and finds the very bits.
static void predictor_3_reads_back(void **state)
{
    (void)state;
    static const char *const modes[] = { "wl", "wb", "wl8", "wb8" };
    static unsigned char pixels[W * H * 8];
    for (size_t m = 0; m < COUNT_OF(modes); m++)
        for (gwt_dtype t = GWT_FLOAT32; t <= GWT_FLOAT64; t++) {
            const char *in = temp_path("p3_%s_%s.tif", modes[m], gwt_dtype_name(t));
            const char *out = temp_path("p3_%s_%s_out.tif", modes[m], gwt_dtype_name(t));
            fill_noise(t, pixels, W * H, m + 1);
            tiff_write(in, &(tiff_spec){ .width = W, .height = H, .dtype = t, .mode = modes[m],
                       .tile_width = 32, .tile_height = 32, .geo = &geo_utm }, pixels);
            gwt *g = gwt_begin(.num_workers = 2);
            assert_true(gwt_save(gwt_open(g, in), out, .compress = "deflate", .predictor = 3));
            assert_int_equal(gwt_end(g), 0);
            image *im = image_read(out);
            assert_int_equal(im->predictor, 3);
            REQUIRE(!memcmp(im->raw, pixels, W * H * sample_size(t)), "%s: other bits", out);
            image_free(im);
        }
}

// ---- denormal numbers -------------------------------------------------------------------------

// A program that is linked with -ffast-math begins with these bits set: flush to zero, denormals
// are zero. A note says so, once.
static void denormals_as_zero(void **state)
{
    (void)state;
#ifdef __SSE2__
    static const unsigned bits[] = { 0x8000, 0x0040, 0x8040 };
    unsigned before = _mm_getcsr();
    gwt *g = gwt_begin(.num_workers = 1);
    assert_null(gwt_note(g, 0));
    assert_int_equal(gwt_end(g), 0);
    for (size_t i = 0; i < COUNT_OF(bits); i++) {
        _mm_setcsr(before | bits[i]);
        g = gwt_begin(.num_workers = 1, .quiet = true);
        _mm_setcsr(before);
        REQUIRE(gwt_note(g, 0) && strstr(gwt_note(g, 0), "denormal"), "bits %x", bits[i]);
        assert_null(gwt_note(g, 1));
        assert_int_equal(gwt_end(g), 0);
    }
#else
    skip_loudly("how this processor is told to flush denormals is not known here");
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(messages_have_a_point, decimal_comma_end),
        cmocka_unit_test_teardown(texts_have_a_point, decimal_comma_end),
        cmocka_unit_test(predictor_3_reads_back),
        cmocka_unit_test(denormals_as_zero)
    };
    return cmocka_run_group_tests_name("machines", tests, temp_begin, temp_end);
}
