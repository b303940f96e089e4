// save_lzw.c - write an image as a tiled, LZW-compressed GeoTIFF with as many workers as you say.
//
//     cc -std=c11 -O2 -o save_lzw save_lzw.c -ltiff -lz -lm -pthread
//     ./save_lzw scene.tif copy.tif 4
//
// Type, pixels, georeference, nodata, band names and tags stay what they were; layout and
// compression are new. The bytes of the output depend on neither the number of workers nor the
// chunks, so try what is fastest: the file is the same.

#define GWT_IMPLEMENTATION
#include "../gwt.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 5) {
        fprintf(stderr, "usage: %s IN OUT [WORKERS [CHUNKS]]\n", argv[0]);
        return 2;
    }
    int workers = argc > 3 ? atoi(argv[3]) : 0;  // 0: one a core
    int chunks = argc > 4 ? atoi(argv[4]) : 0;   // 0: what suits the file

    gwt *g = gwt_begin(.num_workers = workers);
    gwt_array *src = gwt_open(g, argv[1], .chunks = chunks);

    // Predictor 2 stores differences of neighbours, which compress better; block is the tile edge.
    gwt_save(src, argv[2], .compress = "lzw", .predictor = 2, .tile_size = 256, .overwrite = true,
             .progress = true);
    return gwt_end(g);
}
