// refused.c - what must not compile, and without NUMBER what must: not run.

#include "../gwt.h"
#include <math.h>

#ifndef NUMBER
#define NUMBER gwt_some(255)
#endif

gwt_array *refused(gwt *g);

gwt_array *refused(gwt *g)
{
    return gwt_open(g, "scene.tif", .nodata = NUMBER);
}
