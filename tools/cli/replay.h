// replay.h - a recorded profile, run again on paper: with other workers and other chunks.

#ifndef GWT_TOOLS_REPLAY_H
#define GWT_TOOLS_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What the trace says of one tile of the output; times in seconds.
typedef struct replay_tile {
    int64_t number;            // in its file
    double load, compute, overhead, encode, write;
    int loads, pieces;         // tiles decoded for it; pieces it was computed in
} replay_tile;

typedef struct replay_trace {
    const char *path;
    replay_tile *tiles;        // in the order of the file
    size_t count;
    int workers;
    int chunk, tile;           // edges of the largest piece, and of a tile of the output
    bool ordered;              // tiles are written, one after the other
    double before;             // until the first worker had something to do
    double seconds;            // until the last one had nothing more
    double share;              // of the processor time that its workers wanted and got, 0..1
} replay_trace;

typedef struct replay_result { double seconds, efficiency; } replay_result;

enum { REPLAY_MAX_WORKERS = 64 };

// Read a trace of gwt_profile_save_trace. False when it is none; that has been printed, and there
// is nothing to free.
bool replay_read(replay_trace *to, const char *path);
void replay_free(replay_trace *t);

// How long that work would take, by itself on the machine, so many workers (1..REPLAY_MAX_WORKERS)
// in pieces of that edge.
// False when there is no memory, which has been printed.
bool replay_run(const replay_trace *of, int workers, int chunk, replay_result *result);

#endif
