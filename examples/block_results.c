// block_results.c - results block by block, gathered in the order of the blocks: the mean of each
// 512 x 512 block of an image, as a table. geowombat's ParallelTask.
//
//     cc -std=c11 -O2 -o block_results block_results.c -ltiff -lz -lm -pthread
//     ./block_results scene.tif 4
//
// The function is called for many blocks at once and puts its result where the block's number says,
// so the table is the same for any number of workers.

#define GWT_IMPLEMENTATION
#include "../gwt.h"

#include <math.h>
#include <stdlib.h>

enum { EDGE = 512 };

typedef struct result { int64_t row, col, valid; double mean; } result;

// The first band's mean over its valid pixels. A row at a time comes as doubles, NaN where missing.
static int mean_of_block(const gwt_block *block, void *user)
{
    result *r = (result *)user + block->id;
    double row[EDGE], sum = 0;
    *r = (result){ .row = block->row, .col = block->col };
    for (int64_t i = 0; i < block->rows; i++) {
        gwt_block_row(block, 0, i, row);
        for (int64_t k = 0; k < block->cols; k++) {
            if (isnan(row[k])) continue;
            sum += row[k];
            r->valid++;
        }
    }
    r->mean = sum / (double)r->valid;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: %s SCENE [WORKERS]\n", argv[0]);
        return 2;
    }
    gwt *g = gwt_begin(.num_workers = argc > 2 ? atoi(argv[2]) : 0);

    gwt_array *src = gwt_open(g, argv[1]);
    const int64_t *shape = gwt_describe(src)->shape;
    int64_t blocks = ((shape[2] + EDGE - 1) / EDGE) * ((shape[3] + EDGE - 1) / EDGE);
    result *results = calloc((size_t)blocks + 1, sizeof *results);
    if (!results) {
        fprintf(stderr, "%s: out of memory\n", argv[0]);
        return gwt_end(g), 1;
    }
    blocks = gwt_map_blocks(src, mean_of_block, results, .block_rows = EDGE, .block_cols = EDGE);
    for (int64_t i = 0; i < blocks; i++)
        printf("block %3lld  row %5lld  col %5lld  valid %6lld  mean %.6g\n", (long long)i,
               (long long)results[i].row, (long long)results[i].col, (long long)results[i].valid,
               results[i].mean);
    free(results);
    return gwt_end(g);
}
