// shared.c - libgwt: the implementation as a library of its own, that has the public names only.
// Compiled with -fvisibility=hidden.

#if defined(__GNUC__)
#define GWT_API extern __attribute__((visibility("default")))
#endif

#define GWT_IMPLEMENTATION
#include "../gwt.h"
