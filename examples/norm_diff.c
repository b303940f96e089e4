// norm_diff.c - a normalised difference of two bands, computed in parallel into a GeoTIFF.
//
//     cc -std=c11 -O2 -o norm_diff norm_diff.c -ltiff -lz -lm -pthread
//     ./norm_diff scene.tif ndi.tif
//
// The scene has three bands in the order blue, green, red; 0 is nodata and a digital number times
// 0.0001 is a reflectance. The result is (red - green) / (red + green), float64, compressed. Bands
// by another name need only another sensor: .sensor = "l8" and "red", "nir" make it NDVI.

#define GWT_IMPLEMENTATION
#include "../gwt.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

static double seconds(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: %s SCENE OUT [WORKERS]\n", argv[0]);
        return 2;
    }
    int workers = argc > 3 ? atoi(argv[3]) : 0;  // 0: one a core

    gwt *g = gwt_begin(.sensor = "bgr", .num_workers = workers);

    // Nothing is read here but the file's directory ..
    gwt_array *src = gwt_open(g, argv[1], .chunks = 256);
    gwt_array *ndi = gwt_norm_diff(src, "green", "red", .nodata = gwt_some(0),
                                   .scale_factor = gwt_some(1e-4));

    // .. and everything here: read, computed, compressed and written, in parallel. Missing pixels
    // are stored as NaN, since 0 is a value that an index can have.
    double start = seconds();
    if (gwt_save(ndi, argv[2], .compress = "lzw", .nodata = gwt_some(NAN), .overwrite = true,
                 .progress = true)) {
        double took = seconds() - start;
        const gwt_info *info = gwt_describe(ndi);
        double pixels = (double)info->shape[2] * (double)info->shape[3];
        printf("%s: %lld x %lld pixels in %.2f s, %.1f Mpx/s, %d workers\n", argv[2],
               (long long)info->shape[3], (long long)info->shape[2], took, pixels / took / 1e6,
               gwt_num_workers(g));
    }
    return gwt_end(g);  // prints the first error, if any
}
