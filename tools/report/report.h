// report.h - profiles as a page: one self-contained HTML file.

#ifndef GWT_TOOLS_REPORT_H
#define GWT_TOOLS_REPORT_H

#include "digest.h"

enum { REPORT_MAX = 16 };

// Write the page of `count` profiles (1..REPORT_MAX), each with its numbers, in the order given.
// The same profiles make the same bytes. Whether all was written, the stream knows (ferror).
void report_page(FILE *to, const trace *traces, const digest *digests, size_t count);

#endif
