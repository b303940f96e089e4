// header_libtiff.c - gwt.h does with libtiff 4.1: nothing that came later is so much as named.
// Compiled with -Wall -Wextra -pedantic -Werror, not run.

#define _XOPEN_SOURCE 700
#define _FILE_OFFSET_BITS 64
#define _DARWIN_C_SOURCE

#include <tiffio.h>

#undef TIFFLIB_VERSION
#define TIFFLIB_VERSION 20191103

// What tiffio.h has had since.
#pragma GCC poison TIFFIsBigTIFF TIFFClientOpenExt TIFFFdOpenExt TIFFOpenExt TIFFOpenWExt
#pragma GCC poison TIFFErrorExtR TIFFWarningExtR TIFFOpenOptionsAlloc TIFFOpenOptionsFree
#pragma GCC poison TIFFOpenOptionsSetErrorHandlerExtR TIFFOpenOptionsSetWarningHandlerExtR
#pragma GCC poison TIFFOpenOptionsSetMaxSingleMemAlloc TIFFOpenOptionsSetMaxCumulatedMemAlloc
#pragma GCC poison TIFFFieldIsAnonymous TIFFFieldSetGetSize TIFFFieldSetGetCountSize

#define GWT_IMPLEMENTATION
#include "../gwt.h"

int header_libtiff(void);
int header_libtiff(void) { return TIFFLIB_VERSION; }
