// impl.c - the implementation, once for all test programs.

#define GWT_IMPLEMENTATION
#include "../gwt.h"
