// groups.h - which files belong together, by what a pattern finds in their names.

#ifndef GWT_TOOLS_GROUPS_H
#define GWT_TOOLS_GROUPS_H

#include "cli.h"
#include "inputs.h"

// A file of each band of each scene. Scenes are in the order of their dates where all have one, and
// are called by them where no two have the same; else in the order of their names, as bands are. In
// names numbers count by their value: B2 comes before B10.
typedef struct groups {
    bool has_bands;            // the pattern has {band}; else there is one, of all in a file
    const char **bands, **scenes;       // names; of scenes their dates, where they have such
    size_t num_bands, num_scenes;
    const char **time_names;   // of scenes, ends in NULL; NULL: the pattern has none
    const char **paths;        // of the scenes of a band, then of those of the next one
    void *memory;              // where all this lies
} groups;

// CLI_GO_ON, or CLI_USAGE when a pattern is no good; that has been printed.
int groups_check(const cli_command *command, const char *pattern);

// The groups of files, whose paths stay theirs. False when the session has the error: a file that
// does not match, two of one band and scene, a scene without one of the bands. groups_free takes
// what is left then, too.
bool groups_find(gwt *g, groups *to, const char *pattern, const file_list *files);
void groups_free(groups *to);

#endif
