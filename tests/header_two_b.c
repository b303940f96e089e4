// header_two_b.c - the other file; see header_two_a.c.

#include "../gwt.h"

int header_two_a(gwt *g);

static void mark(size_t index, void *user) { ((char *)user)[index] = 1; }

int main(void)
{
    char marks[4] = { 0 };
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_parallel_for(g, sizeof marks, mark, marks);
    int good = header_two_a(g) && marks[0] && marks[1] && marks[2] && marks[3];
    return gwt_end(g) || !good;
}
