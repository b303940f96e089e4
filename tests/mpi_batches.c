// mpi_batches.c - what the ranks of an MPI job ask rank 0 for, and what that costs it. Looks at the
// mails of room mpi on their way: MPI's functions have second names for that.
//
//     mpi_batches EDGE TILE WORKERS [LATE]
//
// Saves EDGE x EDGE bytes, uncompressed, in tiles of TILE; rank LATE sleeps for 20 ms in each of
// its tiles. Rank 0 prints
//
//     RANKS ranks: N batches, of MOST tiles the largest, of LEAST the smallest of the first third;
//     rank 0 takes A us a batch
//
// N are those of all other ranks. A is the time of the processor that rank 0's thread takes for the
// mails of these, three in and two out, with what it does for their tiles; not that in which it
// looks whether there is one. LEAST: batches get smaller towards the end only. mpi.sh looks at that
// where a rank is late; tools/bench/ranks.c wants A.

#define _POSIX_C_SOURCE 200809L

#include "../gwt.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAIL = 2, SIZES = 1, MAX_BATCHES = 1 << 20 };    // _GWT_TAG_MAIL, _GWT_MAIL_SIZES

// Of the thread that talks, while an action runs; then of the program.
static int rank;
static bool serves;             // a mail is being looked after
static double since, taken;
static int64_t *tiles;          // of each batch
static int num_batches;

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int MPI_Iprobe(int from, int tag, MPI_Comm comm, int *there, MPI_Status *status)
{
    if (rank > 0 || tag != MAIL) return PMPI_Iprobe(from, tag, comm, there, status);
    double now = cpu();
    if (serves) taken += now - since;
    since = now;
    int error = PMPI_Iprobe(from, tag, comm, there, status);
    serves = *there != 0;
    return error;
}

int MPI_Recv(void *to, int n, MPI_Datatype type, int from, int tag, MPI_Comm comm,
             MPI_Status *status)
{
    MPI_Status own;
    int error = PMPI_Recv(to, n, type, from, tag, comm, &own), got;
    if (status != MPI_STATUS_IGNORE) *status = own;
    if (rank > 0 || tag != MAIL || PMPI_Get_count(&own, MPI_BYTE, &got)) return error;
    // A mail: where it was, kind, code, first, count, bytes. Of each tile SIZES has 12 bytes.
    const int64_t *mail = to;
    if (mail[1] == SIZES && num_batches < MAX_BATCHES) tiles[num_batches++] = mail[5] / 12;
    return error;
}

// A copy, and a late one where `user` says so.
static int copies(const gwt_kernel *k, void *user)
{
    const bool *late = user;
    memcpy(k->out, k->in, (size_t)(k->rows * k->cols) * sizeof *k->out);
    if (*late) nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    return 0;
}

static void print(int ranks)
{
    int64_t most = 0, least = INT64_MAX;
    for (int i = 0; i < num_batches; i++) {
        if (tiles[i] > most) most = tiles[i];
        if (i < num_batches / 3 && tiles[i] < least) least = tiles[i];
    }
    printf("%d ranks: %d batches, of %lld tiles the largest, of %lld the smallest of the first "
           "third; rank 0 takes %.1f us a batch\n", ranks, num_batches, (long long)most,
           (long long)least, taken / num_batches * 1e6);
}

int main(int argc, char **argv)
{
    if (argc < 4) return fputs("usage: mpi_batches EDGE TILE WORKERS [LATE]\n", stderr), 2;
    int64_t edge = atoll(argv[1]);
    tiles = calloc(MAX_BATCHES, sizeof *tiles);
    unsigned char *pixels = calloc((size_t)edge, (size_t)edge);
    if (!tiles || !pixels) return 2;
    gwt *g = gwt_begin(.num_workers = atoi(argv[3]));
    rank = gwt_rank(g);
    bool late = argc > 4 && rank == atoi(argv[4]);
    for (int64_t i = 0; i < edge * edge; i++) pixels[i] = (unsigned char)(i * 7 % 251);
    gwt_array *a = gwt_from_memory(g, pixels, (size_t)(edge * edge), GWT_UINT8,
                                   ((int64_t[]){ 1, 1, edge, edge }));
    if (argc > 4) a = gwt_apply(a, copies, &late, .dtype = GWT_UINT8);
    gwt_save(a, "mpi_batches.tif", .tile_size = atoi(argv[2]), .overwrite = true, .no_sync = true,
             .reencode = true);
    int ranks = gwt_num_ranks(g);
    if (rank == 0 && gwt_status(g) == GWT_OK) print(ranks);
    int status = gwt_end(g);
    free(pixels);
    free(tiles);
    return status;
}
