// stacked_bands.c - bands that lie in one file each, stacked into one array and picked by name.
//
//     cc -std=c11 -O2 -o stacked_bands stacked_bands.c -ltiff -lz -lm -pthread
//     ./stacked_bands blue.tif green.tif red.tif product.tif
//
// The three files become one array of three bands, which the sensor names; one nodata rule covers
// them all. The product is that of separate_bands.c, bit for bit.

#define GWT_IMPLEMENTATION
#include "../gwt.h"

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: %s BLUE GREEN RED OUT\n", argv[0]);
        return 2;
    }
    gwt *g = gwt_begin(.sensor = "bgr");

    gwt_array *raw = gwt_open_many(g, (const char *[]){ argv[1], argv[2], argv[3] }, 3,
                                   .stack = GWT_BAND, .chunks = 256);
    gwt_array *src = gwt_set_nodata(raw, .src_nodata = gwt_some(0), .dst_nodata = gwt_some(65535),
                                    .out_range = gwt_range(0, 1), .dtype = GWT_FLOAT64,
                                    .scale_factor = gwt_some(1e-4));

    gwt_array *product = gwt_mul(gwt_mul(gwt_sel(src, "blue"), gwt_sel(src, "green")),
                                 gwt_sel(src, "red"));

    if (gwt_save(product, argv[4], .compress = "lzw", .nodata = gwt_some(65535),
                 .overwrite = true, .progress = true))
        gwt_print(product, stdout);
    return gwt_end(g);
}
