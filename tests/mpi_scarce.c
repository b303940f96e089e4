// mpi_scarce.c - one allocation fails on one of the ranks of an MPI job: the n-th of an action, for
// every n until the action succeeds. Each time all ranks hear of it, and none waits for ever. Nor do
// they for a rank that has ended its session before the others.
// Has an implementation of its own, with memory that fails. Run by mpi.sh: mpi_scarce SCENE

#include <stddef.h>

static void *scarce_realloc(void *old, size_t n);

#define GWT_MALLOC(n) scarce_realloc(NULL, n)
#define GWT_REALLOC(p, n) scarce_realloc(p, n)
#define GWT_FREE(p) free(p)
#define GWT_IMPLEMENTATION
#define GWT_MPI
#include "../gwt.h"

#include <stdatomic.h>
#include <stdlib.h>

static int rank, size;
static gwt *session;

#define REQUIRE(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "rank %d, line %d: %s; %s\n", rank, __LINE__, #condition, \
                    gwt_message(session)); \
            MPI_Abort(MPI_COMM_WORLD, 1); \
        } \
    } while (0)

static atomic_long fails_in;    // the n-th from now on, on the rank that sets it

static void *scarce_realloc(void *old, size_t n)
{
    // Never below 0: of two workers that both see 1, only one takes it.
    long left = atomic_load(&fails_in);
    while (left > 0 && !atomic_compare_exchange_weak(&fails_in, &left, left - 1)) { }
    return left == 1 ? NULL : realloc(old, n);
}

static int zero_sum(const gwt_block *b, void *user)
{
    (void)user;
    *(int64_t *)b->result = b->rows * b->cols;
    return 0;
}

static bool saves_scarce(gwt_array *a)
{
    return gwt_save(a, "mpi_scarce.tif", .overwrite = true, .compress = "lzw", .tile_size = 32,
                    .checksums = true);
}

static bool saves_many_scarce(gwt_array *a)
{
    gwt_array *both[] = { a, a };
    const char *paths[] = { "mpi_scarce_1.tif", "mpi_scarce_2.tif" };
    return gwt_save_many(both, paths, 2, .overwrite = true, .tile_size = 32, .interleave = GWT_PLANAR);
}

static bool computes_scarce(gwt_array *a)
{
    void *data = gwt_compute(a);
    gwt_free(data);
    return data != NULL;
}

static bool maps_scarce(gwt_array *a)
{
    int64_t counts[64];
    return gwt_map_blocks(a, zero_sum, NULL, .block_rows = 32, .block_cols = 32, .results = counts,
                          .result_size = sizeof *counts, .num_results = 64) > 0;
}

static void scarce(const char *path)
{
    static bool (*const actions[])(gwt_array *) = { saves_scarce, saves_many_scarce,
                                                    computes_scarce, maps_scarce };
    for (int i = 0; i < 4 * size; i++) {
        int poor = i / 4, left = 0;
        for (long n = 1; left == 0; n++) {
            gwt *g = session = gwt_begin(.num_workers = 2, .chunks = 64, .quiet = true);
            gwt_array *a = gwt_window(gwt_open(g, path), 0, 0, 150, 150);
            REQUIRE(a);
            if (rank == poor) atomic_store(&fails_in, n);
            bool good = actions[i % 4](a);
            if (rank == poor) left = (int)atomic_exchange(&fails_in, 0);
            int code = gwt_status(g), bounds[2] = { code, -code };
            REQUIRE(good == (code == GWT_OK));
            MPI_Allreduce(MPI_IN_PLACE, bounds, 2, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
            REQUIRE(bounds[0] == -bounds[1]);
            REQUIRE(code == GWT_OK || (code == GWT_E_MEMORY && strstr(gwt_message(g), "memory")));
            gwt_clear(g);
            MPI_Bcast(&left, 1, MPI_INT, poor, MPI_COMM_WORLD);
            REQUIRE(left == 0 || good);
            REQUIRE(gwt_end(g) == 0);
        }
    }
}

// The n-th allocation from the end of a pass over the pixels on fails on rank 0, which is told of
// that end: what ranks know of zones is on its way to all of them then.
static long from_end;
static int ends;            // of passes, until it counts

static int at_end(const gwt_progress *p, void *user)
{
    (void)user;
    if (p->last && --ends == 0) atomic_store(&fails_in, from_end);
    return 0;
}

static void zones_scarce(gwt_array *a, gwt_array *zones, int pass, long n)
{
    ends = pass;
    from_end = rank == 0 ? n : 0;
    gwt_zonal_result *r = gwt_zonal(a, zones, .median = pass == 2);
    REQUIRE((r != NULL) == (gwt_status(session) == GWT_OK));
    gwt_free(r);
}

static void all_zones_scarce(const char *path)
{
    for (int pass = 1; pass <= 2; pass++)
        for (int left = 0, n = 1; left == 0; n++) {
            gwt *g = session = gwt_begin(.num_workers = 2, .quiet = true, .on_progress = at_end);
            gwt_array *a = gwt_open(g, path), *zones = gwt_gt(gwt_sel(a, "1"), gwt_number(g, 9000));
            zones_scarce(a, zones, pass, n);
            if (rank == 0) left = (int)atomic_exchange(&fails_in, 0);
            int code = gwt_status(g), bounds[2] = { code, -code };
            MPI_Allreduce(MPI_IN_PLACE, bounds, 2, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
            REQUIRE(bounds[0] == -bounds[1]);
            REQUIRE(code == GWT_OK || (code == GWT_E_MEMORY && strstr(gwt_message(g), "memory")));
            gwt_clear(g);
            MPI_Bcast(&left, 1, MPI_INT, 0, MPI_COMM_WORLD);
            REQUIRE(left == 0 || code == GWT_OK);
            REQUIRE(gwt_end(g) == 0);
        }
}

// Whoever has ended its session is waited for no more: not in the action that the others begin
// then, and not in the next one.
static void left_early(const char *path)
{
    gwt *g = gwt_begin(.num_workers = 2, .quiet = true);
    gwt_array *a = gwt_open(g, path);
    for (int i = 0; i < 2 && rank < size - 1; i++) {
        REQUIRE(!computes_scarce(a));
        REQUIRE(gwt_status(g) == GWT_E_ARGUMENT);
        REQUIRE(strstr(gwt_message(g), "session"));
        gwt_clear(g);
    }
    gwt_end(g);
}

int main(int argc, char **argv)
{
    int level;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    left_early(argv[1]);
    scarce(argv[1]);
    all_zones_scarce(argv[1]);
    MPI_Finalize();
    return 0;
}
