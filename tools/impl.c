// impl.c - the implementation of gwt.h, compiled once for each configuration: the command, the
// examples, the tests and the programs that are measured link it.

extern const char *gwt_test_root;      // what stands before /proc and /sys: a test's own folder
const char *gwt_test_root = "";
#define _GWT_SYSTEM_ROOT gwt_test_root

#define GWT_IMPLEMENTATION
#include "../gwt.h"
