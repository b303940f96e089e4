// header_two_a.c - one of two files that make a program: this one holds the implementation, which
// is there once however often the header is included. Compiled with -Wall -Wextra -pedantic
// -Werror; links with header_two_b.c, which has main, into a program that returns 0.

#define GWT_IMPLEMENTATION
#include "../gwt.h"
#include "../gwt.h"

int header_two_a(gwt *g);

int header_two_a(gwt *g)
{
    return gwt_num_workers(g) == 2 && gwt_some(0).set && gwt_range(1, 2).hi == 2;
}
