// ndi.c - the normalised difference of `make bench`, as gwt.h does it when a program calls it: with
// or without an output, with or without a profile.
//
//     ndi IN COMPRESSION OUT|- CHUNKS WORKERS [profile | moving W | weighted W]
//
// IN has the bands blue, green, red. OUT is float32, in tiles of 256; with - the result stays in
// memory. CHUNKS 0 is gwt's own choice. `profile` records all there is, four samples a second. With
// the others it is the mean of the W x W pixels around each of all bands instead, which the command
// has no weights for.
//
//     cc -std=c11 -O3 -o ndi ndi.c -ltiff -lz -lm -pthread
//     cc -std=c11 -O3 -DGWT_NO_PROFILE -o ndi-noprofile ndi.c -ltiff -lz -lm -pthread

#define GWT_IMPLEMENTATION
#include "../../gwt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    bool profile = argc == 7 && strcmp(argv[6], "profile") == 0;
    int workers = argc > 5 ? atoi(argv[5]) : 0;
    bool weighted = argc == 8 && strcmp(argv[6], "weighted") == 0;
    bool moving = weighted || (argc == 8 && strcmp(argv[6], "moving") == 0);
    if (argc != 6 + profile + 2 * moving || workers < 1) {
        fputs("usage: ndi IN COMPRESSION OUT|- CHUNKS WORKERS [profile | moving W | weighted W]\n",
              stderr);
        return 2;
    }
    gwt *g = gwt_begin(.sensor = moving ? NULL : "bgr", .num_workers = workers);
    gwt_array *a = gwt_open(g, argv[1], .chunks = atoi(argv[4]));
    if (moving) a = gwt_moving(a, .window = atoi(argv[7]), .weights = weighted);
    else a = gwt_norm_diff(a, "green", "red", .nodata = gwt_some(0),
                           .scale_factor = gwt_some(1e-4));
    a = gwt_cast(a, GWT_FLOAT32);
    if (profile) gwt_profile_begin(g, .resource_dt = 0.25, .cache = true);
    if (strcmp(argv[3], "-") == 0) gwt_free(gwt_compute(a));
    else gwt_save(a, argv[3], .compress = argv[2], .tile_size = 256);
    if (profile && !gwt_profile_end(g)) fputs("ndi: no profile\n", stderr);
    return gwt_end(g);
}
