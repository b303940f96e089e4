// separate_bands.c - bands that lie in one file each, scaled and multiplied.
//
//     cc -std=c11 -O2 -o separate_bands separate_bands.c -ltiff -lz -lm -pthread
//     ./separate_bands blue.tif green.tif red.tif product.tif
//
// Each file is opened by itself and gets its own nodata rule: a raw 0 is missing, every other
// number times 0.0001 is a reflectance from 0 to 1. A pixel of the product is missing where any
// of the three is, and is stored as 65535. See stacked_bands.c for the same in one array.

#define GWT_IMPLEMENTATION
#include "../gwt.h"

static gwt_array *open_reflectance(gwt *g, const char *path)
{
    gwt_array *raw = gwt_open(g, path, .chunks = 256);
    return gwt_set_nodata(raw, .src_nodata = gwt_some(0), .dst_nodata = gwt_some(65535),
                          .out_range = gwt_range(0, 1), .dtype = GWT_FLOAT64,
                          .scale_factor = gwt_some(1e-4));
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: %s BLUE GREEN RED OUT\n", argv[0]);
        return 2;
    }
    gwt *g = gwt_begin();

    gwt_array *blue = open_reflectance(g, argv[1]);
    gwt_array *green = open_reflectance(g, argv[2]);
    gwt_array *red = open_reflectance(g, argv[3]);
    gwt_array *product = gwt_mul(gwt_mul(blue, green), red);

    // Each file is read once, chunk by chunk; no array is ever whole in memory.
    if (gwt_save(product, argv[4], .compress = "lzw", .nodata = gwt_some(65535),
                 .overwrite = true, .progress = true))
        gwt_print(product, stdout);
    return gwt_end(g);
}
