// profile.h - what gwt calc --profile writes of its run.

#ifndef GWT_TOOLS_PROFILE_H
#define GWT_TOOLS_PROFILE_H

#include "cli.h"

// By the end of its name: FILE.html is the page of gwt visualize, FILE.json a trace, any other
// FILE is where the names of three tables begin, FILE_events.csv, FILE_resources.csv and
// FILE_cache.csv; of a folder, FILE/profile_events.csv ..; of rank 1, FILE_rank1_events.csv ..

// What a trace says of the run besides: the command line, the date, the machine, libtiff; and what
// the outputs are, when they are there. The list is that of gwt_profile_options.facts.
enum { PROFILE_FACTS = 32 };
typedef struct profile_facts {
    const char *list[PROFILE_FACTS + 1];
    char room[16384];
    size_t count, used;
} profile_facts;

void profile_facts_begin(profile_facts *f);
void profile_facts_output(profile_facts *f, gwt *g, const char *path);

// Whether all of that may be written, as cli_may_write, and whether its folder is there. Says why
// not.
bool profile_may_write(const char *file, int ranks, const char *const *inputs, size_t count,
                       bool overwrite);

// Write it; of an MPI job all ranks have to. False when it failed: the session has the error, or it
// has been printed.
bool profile_save(gwt *g, const gwt_profile *p, const char *file);

#endif
