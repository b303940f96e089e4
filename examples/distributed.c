// distributed.c - one index of a scene, computed by all ranks of an MPI job into one file: the bytes
// are those of a single process. Then numbers of it, the same on every rank.
//
//     mpicc -std=c11 -O3 distributed.c -ltiff -lz -lm -o distributed
//     mpirun --bind-to none -n 4 ./distributed scene.tif ndvi.tif 2
//
// Four ranks (dask: n_workers) of two workers each (threads_per_worker), which Open MPI would else
// bind to one core (on fewer cores than ranks say --oversubscribe, too). Killed on the way? The same
// line goes on where it stopped, with any number of ranks.

#define GWT_IMPLEMENTATION
#define GWT_MPI
#include "../gwt.h"

#include <math.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: mpirun -n RANKS %s SCENE OUT [WORKERS]\n", argv[0]);
        return 2;
    }
    gwt *g = gwt_begin(.num_workers = argc > 3 ? atoi(argv[3]) : 1, .sensor = "bgr");
    gwt_array *scene = gwt_open(g, argv[1]);
    gwt_array *ndi = gwt_norm_diff(scene, "green", "red", .nodata = gwt_some(0));
    // NaN where missing: 0 is a value that an index can have.
    gwt_save(ndi, argv[2], .compress = "deflate", .dtype = GWT_FLOAT32, .nodata = gwt_some(NAN),
             .resume = true, .overwrite = true);

    gwt_summary of = { 0 };
    if (gwt_summarize(ndi, &of) && gwt_rank(g) == 0)
        printf("%d ranks x %d workers: mean %.6f of %lld pixels, from %.3f to %.3f\n",
               gwt_num_ranks(g), gwt_num_workers(g), of.mean, (long long)of.count, of.min, of.max);
    return gwt_end(g);
}
