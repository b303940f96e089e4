// A program that the packages are tested with: the mean of what it writes is 3.5.

#define GWT_IMPLEMENTATION
#include <gwt.h>

int main(void)
{
    float data[6] = { 1, 2, 3, 4, 5, 6 };
    int64_t shape[4] = { 1, 1, 2, 3 };
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_save(gwt_from_memory(g, data, sizeof data, GWT_FLOAT32, shape), "out.tif");
    return gwt_end(g);
}
