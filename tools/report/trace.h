// trace.h - reads the dumps of gwt_profile_save_trace(): Chrome Trace JSON with what gwt adds.
//
// A dump may come from anywhere: sizes and numbers are checked, and the first thing that is wrong
// is printed in one line that names the file and the line in it.

#ifndef GWT_TOOLS_TRACE_H
#define GWT_TOOLS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What a worker does in an event. The order is that of the tables and of the colours: work on the
// way from file to file, then what comes with it, then waiting.
typedef enum trace_stage {
    TRACE_READ, TRACE_DECODE, TRACE_COMPUTE, TRACE_USER, TRACE_ENCODE, TRACE_WRITE,
    TRACE_OTHER,               // a name that is none of these
    TRACE_SCHEDULE,
    TRACE_WAIT_TILE, TRACE_WAIT_WRITER, TRACE_WAIT_LOCK,
    TRACE_STAGES
} trace_stage;

extern const char *const trace_stage_names[TRACE_STAGES];

static inline bool trace_is_work(int stage) { return stage <= TRACE_OTHER; }
static inline bool trace_is_wait(int stage) { return stage >= TRACE_WAIT_TILE; }

typedef enum trace_series {
    TRACE_CPU,                 // %, of one core
    TRACE_MEMORY, TRACE_CACHE, // MB (1e6 bytes)
    TRACE_BYTES_READ, TRACE_BYTES_WRITTEN, // MB/s
    TRACE_FAULTS,              // page faults per second
    TRACE_SERIES
} trace_series;

enum { TRACE_MAX_LANES = 1024, TRACE_MAX_EVENTS = 1 << 22, TRACE_MAX_CHUNKS = 8,
       TRACE_MAX_DEPTH = 256, TRACE_MAX_FACTS = 64, TRACE_MAX_OPERATIONS = 256 };

// Times are nanoseconds since the profile began. They stay below 2^53, as do bytes: a double, and
// so JavaScript, holds them exactly.
typedef struct trace_event {
    int64_t start, length;
    int64_t in, out;           // bytes
    uint32_t lane, key;        // which of the trace's lanes and keys
    trace_stage stage;
    bool ends;                 // the stage ends with it; false: it goes on after what comes between
    uint8_t depth;             // stages of its worker that it came between; the same as its parts'
} trace_event;

// A worker, and its events: `count` from `first` on, by their starts.
typedef struct trace_lane {
    int64_t pid, tid;
    const char *name;          // or NULL; trace_lane_name() is for people
    size_t first, count;
} trace_lane;

// What all workers of a process spent in an operation since its sample before.
typedef struct trace_operation {
    int64_t pid, at;           // nanoseconds
    double spent;              // likewise
    uint32_t name;             // which of the trace's
} trace_operation;

// "host=node7" of the dump: a name, which may be empty, and what it is.
typedef struct trace_fact { const char *name, *value; } trace_fact;

typedef struct trace_point { int64_t pid, at; double value; size_t order; } trace_point;

// All texts are UTF-8 and lie in `text`, the file as it was read.
typedef struct trace {
    const char *path;
    const char *label;         // never NULL: the name of the file when the dump has none
    int64_t chunks[TRACE_MAX_CHUNKS];
    size_t chunk_count;
    const char *input, *output; // their compression: "deflate", ..; "" when the dump does not say
    trace_fact facts[TRACE_MAX_FACTS]; // in the order of the dump
    size_t fact_count;
    int processors;            // 0 when the dump does not say
    int64_t wall;              // from the beginning to the end given, or of the last event

    trace_lane *lanes;         // by pid, then tid; those that never had an event too
    trace_event *events;       // by lane, then start
    const char **keys;         // each once
    trace_point *points[TRACE_SERIES]; // by pid, then time
    size_t lane_count, event_count, key_count, point_count[TRACE_SERIES];
    trace_operation *operations; // in the order of the dump
    const char *operation_names[TRACE_MAX_OPERATIONS];
    size_t operation_count, operation_name_count;
    double tiles_in, hits;     // how often a tile came into the cache, or was there already
    int64_t overlap;           // nanoseconds that events of a lane lie within an earlier one
    bool many;                 // lanes of more than one pid
    char *text;
} trace;

// False when it can't be read, which has been printed; the trace needs no freeing then.
bool trace_read(trace *t, const char *path);
void trace_free(trace *t);

// "worker 3", with its rank when there are several; into the buffer, which it gives.
enum { TRACE_NAME = 96 };
char *trace_lane_name(const trace *t, const trace_lane *lane, char buffer[TRACE_NAME]);

#endif
