// refused.c - what must not compile, and without NUMBER what must: not run. Of a pointer 0 is a
// value in C: only -Wall, which includes -Wmissing-braces, refuses that.

#include "../gwt.h"
#include <math.h>

#ifndef NUMBER
#define NUMBER gwt_some(255)
#endif

gwt_array *refused(gwt *g);

gwt_array *refused(gwt *g)
{
    gwt_optional none = { 0 }, list[2] = { gwt_some(0), { 0 } };
    gwt_array *a = gwt_open(g, "scene.tif", .nodata = none, .offset = { 0 }, .scale_factor = list[1]);
    gwt_set_nodata_options set = { .src_nodata = gwt_some(0), .out_range = gwt_range(0, 1) };
    return a ? gwt_set_nodata_with(a, &set) : gwt_open(g, "scene.tif", .nodata = NUMBER);
}
