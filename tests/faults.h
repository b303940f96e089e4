// faults.h - an implementation of gwt.h whose n-th allocation, read, write, .. fails, on demand.
// impl_faults.c makes it; only test_faults.c is linked with it, instead of impl.c.

#ifndef GWT_TESTS_FAULTS_H
#define GWT_TESTS_FAULTS_H

#include <stdbool.h>

// What is counted, and what the one that is chosen does. The error is in errno; a short call does
// half of what was asked for (at least one byte) and says so.
typedef enum fault_kind {
    FAULT_NONE,
    FAULT_ALLOC,               // GWT_MALLOC, GWT_REALLOC: NULL
    FAULT_CODEC_ALLOC,         // libtiff's own, while it codes a tile: NULL
    FAULT_THREAD,              // a thread can't be started
    FAULT_LOCK,                // a mutex or a condition can't be made
    FAULT_OPEN, FAULT_READ, FAULT_WRITE, FAULT_CUT, FAULT_SYNC, FAULT_RENAME,
    FAULT_UNLINK
} fault_kind;

typedef enum fault_way {
    FAULT_ONCE,                // that one call fails
    FAULT_FROM_THEN,           // and all after it, as on a full disk
    FAULT_SHORT,               // that one read or write is short, no more than that
    FAULT_SHORT_THEN,          // it is short, and all after it fail
    FAULT_END,                 // that read finds the end of the file
    FAULT_KILL                 // the process is killed there, before the call is made
} fault_way;

// The n-th call from now on, from 1; n = 0: none. Between actions only.
void fault_arm(fault_kind kind, fault_way way, int error, long n);
void fault_disarm(void);
// Called when a file has got another name; NULL: nothing is.
extern void (*fault_renamed)(const char *to);
// The time of files stands still: they are as old as all others. What is written within one tick of
// a coarse clock looks like that.
extern bool fault_timeless;

bool fault_happened(void);     // since it was armed
long fault_calls(void);        // of that kind, likewise
const char *fault_path(void);  // of the file the failing call was about; "" when about none

// What the implementation holds and has not given back; files by descriptor; mutexes and conditions.
long fault_live_blocks(void);
long fault_live_files(void);
long fault_live_locks(void);

// Whether libtiff's allocations come here at all: false where a program can't replace them.
bool fault_sees_codec(void);

#endif
