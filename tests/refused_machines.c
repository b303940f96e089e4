// refused_machines.c - where gwt.h must not compile, OLD_LIBTIFF, X87, .., and where it must, with
// none of them: not run.

#define _XOPEN_SOURCE 700
#define _FILE_OFFSET_BITS 64
#define _DARWIN_C_SOURCE

#include <float.h>
#include <tiffio.h>

#ifdef OLD_LIBTIFF
#undef TIFFLIB_VERSION
#define TIFFLIB_VERSION 20181110    // 4.0.10
#endif

#if defined(X87)
#undef FLT_EVAL_METHOD
#define FLT_EVAL_METHOD 2
#elif defined(UNKNOWN_PRECISION)
#undef FLT_EVAL_METHOD
#define FLT_EVAL_METHOD (-1)
#elif defined(FLOAT_IN_DOUBLE)
#undef FLT_EVAL_METHOD
#define FLT_EVAL_METHOD 1
#endif

#define GWT_IMPLEMENTATION
#include "../gwt.h"
