// inputs.h - the files of a command line, and the arrays an expression is to see of them.

#ifndef GWT_TOOLS_INPUTS_H
#define GWT_TOOLS_INPUTS_H

#include "cli.h"

// The paths of files; all of it is freed by file_list_free.
typedef struct file_list { const char **paths; size_t count; } file_list;

// The files that arguments name, in their order. A name with * ? or [ that is no file is a
// pattern, as a shell has them; the files it stands for come in order of their names. False when
// it stands for none, or there is no memory; that has been printed.
bool file_list_find(file_list *files, char *const *names, size_t count);
void file_list_free(file_list *files);

// The same of an argument that has to be one file. False when it stands for several, too.
bool file_list_find_one(file_list *files, char *name);

// Whether there is a file of that name, or one that the pattern stands for.
bool file_list_has(const char *name);

enum { NO_MOSAIC = -1 };

// How files become arrays. An enum of gwt.h is an int here, as cli_parse wants it.
typedef struct input_options {
    int stack;                 // gwt_dim: all as one array; GWT_DIM_DEFAULT: not
    int mosaic;                // gwt_stat where files overlap: all as one image; NO_MOSAIC: not
    const char *group_by;      // all as one array, by what this pattern finds in names; NULL: not
    int by_date;               // put the files into the order of their dates; else as given
    int bounds_by, resampling; // gwt_bounds_by, gwt_resampling
    const char *reference;     // a file whose grid all are brought to
    const char *sensor;        // of the session, for it names bands
    bool allow_unused;         // files that no expression uses are passed over
    cli_list band_names;       // of each array
    gwt_optional res;          // edge of the cells all are brought to
    bool no_overviews;         // where those are coarser, all pixels are read
    int overview;              // that is read instead of the image, from 1; 0: none
    gwt_optional nodata;       // of inputs and outputs; these two beat it:
    gwt_optional src_nodata, dst_nodata;
    gwt_optional scale, offset;
    int collection;            // of input_collections: its scale and offset
    int bad_tiles;             // 1: tiles that can't be read are nodata
    int part;                  // gwt_complex: of complex numbers
    bool ignore_mask, alpha_mask;
    bool scale_data;           // by what the files say; so do a scale and an offset given
    int chunks;
    // What is kept of each array, in this order:
    cli_four window, bounds;   // row, col, rows, cols; left, bottom, right, top
    int every;
    cli_list select;           // bands
} input_options;

// What the options of input_options.h choose from.
extern const cli_choice input_dims[], input_orders[], input_overlaps[], input_bounds_bys[],
                        input_resamplings[], input_bad_tiles[], input_parts[], input_collections[];
extern const cli_choice input_dtypes[];     // of --dtype, where there is an output

// CLI_GO_ON, or CLI_USAGE when options contradict each other; that has been printed.
int inputs_check(const cli_command *command, const input_options *o);

// One array for each file, or one of all when they are stacked, grouped or a mosaic; *count says
// how many. Some may be NULL, then the session has the error. Yours to free; NULL when there is no
// memory. Says on stderr when the sensor is not that of some. The files come into the order that
// they are stacked in: by date, or by --group-by, which has the scenes of a band, then those of the
// next one.
gwt_array **inputs_open(gwt *g, file_list *files, const input_options *o, size_t *count);

// What --window, --bounds and --every leave of an array, as of each input.
gwt_array *inputs_cut(gwt_array *a, const input_options *o);

// The expressions of a command line: of one that is @FILE the text of that file takes its place,
// and stays until the program ends. False when it can't be read; that has been printed.
bool inputs_read_expressions(const char **expressions, size_t n);

// Expressions over those arrays, into results: as gwt_calc, but that files which none of them uses
// are an error, unless they may be. NULL in arrays gives NULL.
void inputs_calc(gwt *g, const file_list *files, const input_options *o, gwt_array *const *arrays,
                 size_t count, const char *const *expressions, size_t n, gwt_array **results);

// What a result stores where missing, in dtype (or its own); unset: what it has of itself.
gwt_optional inputs_dst_nodata(const input_options *o, gwt_array *result, gwt_dtype dtype);

#endif
