// user_kernel.c - a kernel of your own in the graph: the slope of a terrain model, in degrees, by
// Horn's method (1981), from the eight neighbours of each pixel.
//
//     cc -std=c11 -O2 -o user_kernel user_kernel.c -ltiff -lz -lm -pthread
//     ./user_kernel dem.tif slope.tif
//
// The kernel sees a piece of the image with a halo of one pixel, as doubles, NaN where a pixel is
// missing or lies beyond the image. It is called for many pieces at once, so it keeps no state; it
// runs chunk by chunk when the result is saved, and could be part of a larger expression.

#define GWT_IMPLEMENTATION
#include "../gwt.h"

#include <math.h>

typedef struct cell { double width, height; } cell;

static int slope(const gwt_kernel *k, void *user)
{
    const cell *size = user;
    int64_t stride = k->cols + 2;
    for (int64_t row = 0; row < k->rows; row++)
        for (int64_t col = 0; col < k->cols; col++) {
            const double *above = k->in + row * stride + col;   // up and to the left of the pixel
            const double *here = above + stride, *below = here + stride;
            double dx = (above[2] + 2 * here[2] + below[2]) - (above[0] + 2 * here[0] + below[0]);
            double dy = (below[0] + 2 * below[1] + below[2]) - (above[0] + 2 * above[1] + above[2]);
            double rise = hypot(dx / (8 * size->width), dy / (8 * size->height));
            k->out[row * k->cols + col] = atan(rise) * 57.29577951308232;
        }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s DEM OUT\n", argv[0]);
        return 2;
    }
    gwt *g = gwt_begin();

    gwt_array *dem = gwt_sel(gwt_open(g, argv[1]), "1");
    const double *t = gwt_describe(dem)->transform;
    cell size = { fabs(t[0]), fabs(t[4]) };
    gwt_array *degrees = gwt_apply(dem, slope, &size, .halo = 1, .dtype = GWT_FLOAT32);
    gwt_save(degrees, argv[2], .compress = "deflate", .overwrite = true, .progress = true);
    return gwt_end(g);
}
