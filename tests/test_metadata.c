// test_metadata.c - what a file says besides its pixels and their place: how it is read, and what
// of it a copy has. Files are written, and outputs read, by plain libtiff.

#include "support.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { W = 20, H = 12, N = W * H };

static gwt *session(void) { return gwt_begin(.num_workers = 2, .quiet = true); }

// `bands` bands of W x H pixels of 1, 2, .. as a TIFF with that GDAL_METADATA.
static const char *made(const char *name, gwt_dtype dtype, int bands, const char *nodata,
                        const char *metadata)
{
    double values[8 * N];
    const char *path = temp_path("%s", name);
    tiff_spec s = { .width = W, .height = H, .bands = bands, .dtype = dtype, .nodata = nodata,
                    .metadata = metadata };
    for (int i = 0; i < bands * N; i++) values[i] = i % 100 + 1;
    tiff_write_values(path, &s, values);
    return path;
}

static bool has_tag(const gwt_array *a, const char *tag)
{
    for (const char *const *t = gwt_describe(a)->tags; *t; t++)
        if (!strcmp(*t, tag)) return true;
    return false;
}

// ---- items ------------------------------------------------------------------------------------

// An item belongs to its domain however long the domain's name is, and is not lost for the length
// of its own.
static void long_names(void **state)
{
    (void)state;
    static const int lengths[] = { 1, 63, 64, 65, 255, 256, 4000 };
    gwt *g = session();
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        char name[4001] = { 0 }, xml[9000], tag[4100];
        memset(name, 'D', (size_t)lengths[i]);
        snprintf(xml, sizeof xml, "<GDALMetadata><Item name=\"LEAK\" domain=\"%s\">x</Item>"
                 "<Item name=\"%s\">own</Item></GDALMetadata>", name, name);
        snprintf(tag, sizeof tag, "%s=own", name);
        gwt_array *a = gwt_open(g, made("long.tif", GWT_UINT8, 1, NULL, xml));
        EXPECT_OK(g);
        REQUIRE(!has_tag(a, "LEAK=x"), "an item of a domain of %d characters is in the default one",
                lengths[i]);
        REQUIRE(has_tag(a, tag), "an item with a name of %d characters is lost", lengths[i]);
    }
    gwt_end(g);
}

// Attributes are told apart where one's value looks like another.
static void attributes_in_values(void **state)
{
    (void)state;
    gwt *g = session();
    gwt_array *a = gwt_open(g, made("quoted.tif", GWT_UINT8, 1, NULL,
        "<GDALMetadata><Item name='A domain=\"no\"'>1</Item>"
        "<Item\n\tdomain = 'D'  name = \"B\">2</Item><Item sample='0' name='C'>3</Item>"
        "<ItemX name=\"E\">5</ItemX><Item name=\"F\" domain=\"\">6</Item></GDALMetadata>"));
    EXPECT_OK(g);
    assert_true(has_tag(a, "A domain=\"no\"=1"));
    assert_true(has_tag(a, "F=6"));
    for (const char *const *t = gwt_describe(a)->tags; *t; t++)
        REQUIRE(!strchr("BCE", (*t)[0]), "%s is among the tags", *t);
    gwt_end(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_names),
        cmocka_unit_test(attributes_in_values),
    };
    return cmocka_run_group_tests_name("metadata", tests, temp_begin, temp_end);
}
