// times.h - times again out of the names that gwt_save gives bands of a stack: "2016-05-17 red".

#ifndef GWT_TOOLS_TIMES_H
#define GWT_TOOLS_TIMES_H

#include "cli.h"

// How many times an array's bands are by their names, of so many bands each: 1 when they are not
// all of several times, in order.
int64_t times_of_bands(const gwt_array *a);

// The time of that number, from 0, of an array of bands that are so many times; its name, in at
// least CLI_WORD characters.
gwt_array *times_pick(gwt *g, gwt_array *a, int64_t times, int64_t time, char *name);

#endif
