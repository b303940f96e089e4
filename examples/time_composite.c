// time_composite.c - several dates of one place to one image: the median of each band, and how many
// dates were valid, both in one pass over the files.
//
//     cc -std=c11 -O2 -o time_composite time_composite.c -ltiff -lz -lm -pthread
//     ./time_composite median.tif count.tif 2016-01.tif 2016-02.tif 2016-03.tif
//
// The dates may cover different areas: they are brought to the area that all together cover, on the
// grid of the first. A pixel that is missing on some dates is the median of the others.

#define GWT_IMPLEMENTATION
#include "../gwt.h"

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: %s MEDIAN COUNT DATE.tif...\n", argv[0]);
        return 2;
    }
    gwt *g = gwt_begin();

    const char *const *files = (const char *const *)(argv + 3);
    gwt_array *dates = gwt_open_many(g, files, (size_t)argc - 3, .stack = GWT_TIME,
                                     .bounds_by = GWT_UNION);
    gwt_array *out[] = { gwt_reduce(dates, GWT_TIME, GWT_MEDIAN),
                         gwt_reduce(dates, GWT_TIME, GWT_COUNT) };

    const char *const paths[] = { argv[1], argv[2] };
    if (gwt_save_many(out, paths, 2, .compress = "deflate", .overwrite = true, .progress = true))
        gwt_print(dates, stdout);
    return gwt_end(g);
}
