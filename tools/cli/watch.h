// watch.h - what the workers of a session do, on stderr while they do it: gwt calc --watch.

#ifndef GWT_TOOLS_WATCH_H
#define GWT_TOOLS_WATCH_H

#include "cli.h"

// Zeros before the first report.
typedef struct watch {
    double shown;              // seconds of the last report that was shown
    double read, written;      // bytes by then
    int64_t pixels;
    bool begun;
} watch;

// A gwt_progress_fn, `user` being the watch: four times a second on a terminal, where three lines
// change; else a line each second. A profile has to be taken.
int watch_progress(const gwt_progress *p, void *user);

#endif
