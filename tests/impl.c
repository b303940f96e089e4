// impl.c - the implementation, once for all test programs.

extern const char *gwt_test_root;      // what stands before /proc and /sys
const char *gwt_test_root = "";
#define _GWT_SYSTEM_ROOT gwt_test_root

#define GWT_IMPLEMENTATION
#include "../gwt.h"
