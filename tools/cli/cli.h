// cli.h - what the subcommands of `gwt` share: options, usage, errors, and files that appear whole.
//
// A subcommand has a struct of arguments, a table of options, each with the field its value goes
// to, and three texts. cli_parse() does the rest, in the manner of getopt_long: options may stand
// before, between or after the arguments, `--opt value` and `--opt=value` (`-o value`, `-ovalue`)
// are the same, `--` ends the options. A value is checked when it is read, so a command never sees
// a bad one.
//
// Exit status: 0 done, 1 the work failed, 2 the command line is wrong.

#ifndef GWT_TOOLS_CLI_H
#define GWT_TOOLS_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "../../gwt.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_GO_ON = -1 };

typedef enum cli_kind {
    CLI_HEADING, // no option: its name stands above those that follow in the help
    CLI_FLAG,    // bool: true when given, takes no value
    CLI_INT,     // int, from lo to hi, or one of `choices`, where there are some
    CLI_BYTES,   // size_t: 65536, 256M, 1.5G
    CLI_NUMBER,  // gwt_optional: any double, "nan", "inf", any 64-bit integer
    CLI_TEXT,    // const char *
    CLI_CHOICE,  // int: the value of one of `choices`
    CLI_LIST,    // cli_list: a text each time it is given
    CLI_WORDS,   // cli_list: the texts between the commas of its value, or of several
    CLI_INTS,    // cli_four: whole numbers from lo to hi, with commas
    CLI_NUMBERS  // cli_four: finite numbers, with commas
} cli_kind;

typedef struct cli_choice { const char *name; int value; } cli_choice;

enum { CLI_LIST_MAX = 256 };
typedef struct cli_list { char *items[CLI_LIST_MAX + 1]; size_t count; } cli_list;  // ends in NULL
typedef struct cli_four { bool set; double values[4]; } cli_four;

typedef struct cli_option {
    char letter;               // -j, or 0
    const char *name;          // --workers
    cli_kind kind;
    size_t to;                 // offsetof the field the value goes to; its type is the kind's
    const char *value;         // what the help calls the value; NULL for a flag
    const char *help;          // one line
    int lo, hi;                // CLI_INT, CLI_INTS: what is allowed, both included
    const cli_choice *choices; // CLI_CHOICE: ends with a NULL name
} cli_option;

// What several commands have.
#define CLI_WORKERS(to) \
    { 'j', "workers", CLI_INT, to, "N", "threads; default one for each processor", 1, 256, NULL }
#define CLI_MEMORY(to) \
    { 0, "memory", CLI_BYTES, to, "SIZE", "limit of memory to work with, as in 256M or 2G", 0, 0, \
      NULL }
#define CLI_CHUNKS(to) \
    { 0, "chunks", CLI_INT, to, "N", "edge of the largest piece of work, pixels", 1, 1048576, NULL }
#define CLI_SENSOR(to) \
    { 0, "sensor", CLI_TEXT, to, "S", "name the bands: rgb, bgr, l8, s2, ..", 0, 0, NULL }
#define CLI_NODATA(to, help) { 0, "nodata", CLI_NUMBER, to, "V", help, 0, 0, NULL }
#define CLI_COMPLEX(to) \
    { 0, "complex", CLI_CHOICE, to, "PART", \
      "what is read of complex numbers: real, imag, abs, phase", 0, 0, input_parts }
#define CLI_IGNORE_MASK(to) \
    { 0, "ignore-mask", CLI_FLAG, to, NULL, "read pixels under the mask of a file, too", 0, 0, \
      NULL }
#define CLI_ALPHA_MASK(to) \
    { 0, "alpha-mask", CLI_FLAG, to, NULL, "where the alpha band is 0 others are missing", 0, 0, \
      NULL }
#define CLI_OVERWRITE(to) \
    { 0, "overwrite", CLI_FLAG, to, NULL, \
      "replace OUT and OUT.part if they exist (of a link, the link)", 0, 0, NULL }
#define CLI_QUIET(to, help) { 'q', "quiet", CLI_FLAG, to, NULL, help, 0, 0, NULL }
#define CLI_END { .name = NULL }

typedef struct cli_command {
    const char *name;          // "gwt calc"
    const char *synopsis;      // what follows the name: "EXPR FILE... -o OUT [options]"
    const char *summary;       // one line
    const char *details;       // lines after the options, or NULL
    const char *more;          // after those: no literal may have more than 4,095 characters
    const cli_option *options; // ends with CLI_END
    int min_arguments, max_arguments;
    const char *wanted;        // the arguments in words: "an expression and at least one file"
} cli_command;

// Read the command line (argv[0] is the subcommand) into the command's struct, which holds the
// defaults. Arguments that are not options are moved to the front of argv and counted in *count.
// Gives CLI_GO_ON, or the status to exit with: CLI_OK after --help, CLI_USAGE after an error, which
// has been printed. Lists point into argv, whose commas CLI_WORDS turns into ends.
int cli_parse(const cli_command *command, void *args, int argc, char **argv, int *count);

// Set one of `settings`, a table as that of a command's options but of numbers, choices and texts
// only, by "KEY=VALUE"; the KEY in capitals or not. `what` stands before the KEY in messages:
// "--co ". CLI_GO_ON, or CLI_USAGE when there is no such KEY, its field holds something, or the
// value is no good.
int cli_set(const cli_command *command, const cli_option *settings, void *args, const char *what,
            char *text);

// The whole of `text` as a number; false when it is none, has a tail, or is out of range.
bool cli_read_int(const char *text, long long lo, long long hi, long long *value);
bool cli_read_number(const char *text, double *value);

// The part of *text before a comma or the end; *text goes on behind the comma, and is NULL when
// there was none. False when the part has no room.
enum { CLI_WORD = 64 };
bool cli_next_word(const char **text, char word[CLI_WORD]);

// The choice of that name, in capitals or not; NULL when there is none.
const cli_choice *cli_find_choice(const cli_choice *choices, const char *name);

// One line on stderr, "gwt: " first; gives the status to exit with. cli_usage_error adds where to
// find the help of `command`, unless that is NULL, in the same line.
int cli_error(const char *format, ...);
int cli_usage_error(const cli_command *command, const char *format, ...);

// A text from a file or the command line, as gwt_escape has it: all that may have a name in it is
// printed so. The line of an error is, whatever is in it.
void cli_text(FILE *to, const char *text);

// The command line as a shell would take it, on one line; what does not fit ends in " ..". Kept by
// the first, before options are read.
void cli_keep_line(int argc, char *const *argv);
const char *cli_line(void);

// No more of cli_usage_error, nor anything on stdout: another process of the same job says it.
void cli_hush(void);

// gwt_begin, with a line on stderr when it gives NULL. SIGINT and SIGTERM then cancel what the
// session does; a second one ends the program at once.
gwt *cli_begin(int workers, const char *sensor, size_t memory);
gwt *cli_begin_watched(int workers, const char *sensor, size_t memory,
                       gwt_progress_fn *on_progress, void *user);
gwt *cli_begin_quiet(int workers, size_t memory);  // cli_end prints nothing
int cli_end(gwt *g);

// What brings things to one grid, in place of "--bounds-by brings files" in messages; before
// cli_begin.
void cli_grids_say(const char *what);

// Say once, on stderr, why a session's sensor (or NULL) does not name the bands of an array: there
// are not as many. `what` the array is, and a hint for an array of fewer bands, or "".
void cli_check_sensor(const char *sensor, const gwt_array *a, const char *what, const char *hint);

// What to exit with after a signal, 128 + its number; 0 when none has come.
int cli_interrupted(void);

// Seconds since some fixed moment, for differences.
double cli_seconds(void);

// How many processors this process may use, as gwt_begin counts them; at least 1.
int cli_processors(void);

// A number in 40 characters, as exactly as .rest has it; gives the buffer.
char *cli_optional(gwt_optional number, char *buffer);

// How many decimals show three digits of a number that is not 0, at least one: for "%.*f".
int cli_decimals(double value);

// "15.2 MB" into a buffer of at least 32 bytes; gives the buffer.
char *cli_bytes(double bytes, char *buffer);

// Whether PATH may be written: neither it nor PATH.part, where it is made, is one of the inputs,
// and if it exists, it is a file that may be replaced. Says why not. "-" may: it is stdout.
bool cli_may_write(const char *path, const char *const *inputs, size_t count, bool overwrite);

// The same of what cli_output_open and dumps of a profile make: nor may PATH.part be there.
bool cli_may_create(const char *path, const char *const *inputs, size_t count, bool overwrite);

// An output that appears whole or not at all: cli_output_open gives a stream to PATH.part,
// cli_output_close renames it to PATH when all was written, and removes it when not `keep`. It gets
// the mode of the file it replaces.
typedef struct cli_output {
    FILE *stream;
    const char *path;
    char *part;
    bool replaces;             // a file that is there, of
    unsigned mode;
} cli_output;

// "-" is stdout, for texts: it has no part.
bool cli_is_stdout(const char *path);
bool cli_output_open(cli_output *out, const char *path, const char *input, bool overwrite);
bool cli_output_close(cli_output *out, bool keep);

// A folder of our own for what is only needed on the way, in $TMPDIR or /tmp: made, and its name
// put into CLI_PATH characters. Says why not. Removing what is in it, and it, is yours.
enum { CLI_PATH = 4096 };
bool cli_make_folder(char folder[CLI_PATH]);

// What users of other programs type, and the same by gwt.
int print_tasks(void);

// Of gwt, what it was compiled by and with, and what it runs: with `ranks`, in an MPI job.
void print_version(bool ranks);

// The subcommands, each with its own options: argv[0] is its name; gives the exit status.
int cmd_info(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_zonal(int argc, char **argv);
int cmd_calc(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_tune(int argc, char **argv);
int cmd_quicklook(int argc, char **argv);
int cmd_visualize(int argc, char **argv);
int cmd_overviews(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_why(int argc, char **argv);
int cmd_sensors(int argc, char **argv);
int cmd_codecs(int argc, char **argv);

#endif
