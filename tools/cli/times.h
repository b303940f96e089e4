// times.h - times of a stack in the names of a file's bands, and back: "2016-05-17 red".

#ifndef GWT_TOOLS_TIMES_H
#define GWT_TOOLS_TIMES_H

#include "cli.h"

// An array of one time that has all times as bands, named so, or "2016-05-17" where a band has no
// name; `a` itself where it has one time, or times without dates. NULL when there is no memory, or
// the session has an error.
gwt_array *times_to_bands(gwt *g, gwt_array *a);

// How many times an array's bands are by their names, of so many bands each: 1 when they are not
// all of several times, in order.
int64_t times_of_bands(const gwt_array *a);

// The time of that number, from 0, of an array of bands that are so many times; its name, in at
// least CLI_WORD characters.
gwt_array *times_pick(gwt *g, gwt_array *a, int64_t times, int64_t time, char *name);

#endif
