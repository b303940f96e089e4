// The whole of gwt.h without its profiler compiles without a warning.

#define GWT_NO_PROFILE
#define GWT_PLAIN
#define GWT_IMPLEMENTATION
#include "../gwt.h"

int header_noprofile(void);
int header_noprofile(void) { return GWT_STAGE_SCHEDULE; }
