// refused.c - what must not compile, and without NUMBER what must: not run. Of a pointer 0 is a
// value in C: only -Wall, which includes -Wmissing-braces, refuses that.

#include "../gwt.h"
#include <math.h>

#ifndef NUMBER
#define NUMBER gwt_some(255)
#endif

gwt_array *refused(gwt *g);

#ifndef NUMBER_OF_BANDS
#define NUMBER_OF_BANDS 3
#endif

#if GWT_VERSION_NUMBER != 1000000 * GWT_VERSION_MAJOR + 1000 * GWT_VERSION_MINOR + GWT_VERSION_PATCH
#error "versions can't be compared by the preprocessor"
#endif

GWT_PRINTF(2, 3) void complain(gwt *g, const char *format, ...);

gwt_array *refused(gwt *g)
{
    gwt_fail(g, GWT_E_USER, "%d bands of %s", NUMBER_OF_BANDS, "scene.tif");
    complain(g, "%d bands of %s", NUMBER_OF_BANDS, "scene.tif");
    gwt_optional none = { 0 }, list[2] = { gwt_some(0), { 0 } };
    gwt_array *a = gwt_open(g, "scene.tif", .nodata = none, .offset = { 0 }, .scale_factor = list[1]);
    gwt_set_nodata_options set = { .src_nodata = gwt_some(0), .out_range = gwt_range(0, 1) };
    return a ? gwt_set_nodata_with(a, &set) : gwt_open(g, "scene.tif", .nodata = NUMBER);
}
