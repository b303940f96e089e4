// cog.h - whether a file is a cloud-optimised GeoTIFF, rule by rule.

#ifndef COG_H
#define COG_H

#include <stdbool.h>

// Prints what holds and what does not (with `quiet` only that), of the rules that GDAL's and
// rio-cogeo's validators have, on stdout. False: a rule is broken, or the file can't be read.
bool cog_check(const char *path, bool quiet);

#endif
