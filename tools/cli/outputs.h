// outputs.h - the files that a command makes of arrays: how they are stored, and what is said of
// them.

#ifndef GWT_TOOLS_OUTPUTS_H
#define GWT_TOOLS_OUTPUTS_H

#include "cli.h"
#include "inputs.h"

enum { MAX_OUTPUTS = 16 };     // as many as gwt_save_many takes

// The options of output_options.h. An enum of gwt.h is an int here, as cli_parse wants it.
typedef struct output_options {
    cli_list tags, creation;   // --tag and --co, KEY=VALUE
    int dtype, interleave, bigtiff;  // gwt_dtype, gwt_interleave, gwt_bigtiff
    int workers;
    size_t memory;
    bool quiet, summary, watch;
    const char *profile;
    // Of --co, what is not in the others as it is:
    int tile_width, tile_height, tiled, sparse, deflate_level, zstd_level, lzma_level;
    gwt_save_options save;     // what goes to gwt_save_many as it is
} output_options;

extern const cli_choice output_interleaves[], output_bigtiffs[];

// The outputs of one run, each made of an array.
typedef struct outputs {
    const input_options *inputs;
    const output_options *options;
    const file_list *files;
    const char *const *paths;
    size_t count;
    const char *title;         // of a profile
    double start;              // cli_seconds when it began
} outputs;

// CLI_GO_ON, or CLI_USAGE when options or names of outputs are no good; that has been printed.
// Values go from o to o->save.
int outputs_check(const cli_command *command, output_options *o, const char *const *paths,
                  size_t count);

// A session for them; NULL when there is none or the outputs may not be written, which has been
// printed.
gwt *outputs_begin(const outputs *out);

// Save an array to each path, print what there is to say of it, and end the session. Gives the exit
// status. Elements of `results` become what is saved.
int outputs_save(gwt *g, const outputs *out, gwt_array **results);

#endif
