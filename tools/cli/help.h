// help.h - what becomes of a table of options when it is shown.

#ifndef GWT_TOOLS_HELP_H
#define GWT_TOOLS_HELP_H

#include "cli.h"

typedef enum cli_style {
    CLI_HELP,                   // to read
    CLI_MAN,                    // a manual page, gwt-calc(1)
    CLI_BASH_OPTIONS,           // lines of completions, see print_completion
    CLI_BASH_VALUES,
    CLI_ZSH,
    CLI_FISH
} cli_style;

// What --help is from now on.
void cli_help_as(cli_style as);

// The help of a command; gives the exit status.
int cli_help(const cli_command *command);

typedef struct cli_subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
    bool alone;                 // one process does it, not the ranks of an MPI job
} cli_subcommand;

// A page of the manual, of `name`; NULL: the names of all there are, a line each. And what a shell
// completes words by. `all` ends with a NULL name. They give the exit status.
int print_man(const cli_subcommand *all, const char *name);
int print_completion(const cli_subcommand *all, const char *shell);

// Parts of a manual page of section 1: its first lines; text as it is; text that flows; what the
// exit status says.
void man_begin(const char *page, const char *summary);
void man_lines(const char *text);
void man_filled(const char *text);
void man_statuses(void);

// A text in single quotes, as fish takes it.
void fish_quoted(const char *text);

#endif
