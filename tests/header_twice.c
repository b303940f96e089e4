// header_twice.c - the header included twice in one file is the header included once. Compiled
// with -Wall -Wextra -pedantic -Werror, not run.

#include "../gwt.h"
#include "../gwt.h"

int header_twice(void);

int header_twice(void)
{
    gwt *g = gwt_begin(.num_workers = 1);
    return gwt_end(g);
}
