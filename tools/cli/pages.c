// pages.c - what is made of the help of all commands: pages of the manual, completions of shells.
//
//     gwt help --man [PAGE]    gwt help --completion SHELL

#include "cli.h"
#include "help.h"

#include <string.h>

static void show(const cli_subcommand *s, cli_style as)
{
    char name[16];
    char *asked[] = { name, "--help", NULL };
    snprintf(name, sizeof name, "%s", s->name);
    cli_help_as(as);
    s->run(2, asked);
}

static void show_all(const cli_subcommand *all, cli_style as)
{
    for (const cli_subcommand *s = all; s->name; s++) show(s, as);
}

static void print_man_overview(const cli_subcommand *all)
{
    man_begin("gwt", "satellite and aerial rasters, in parallel");
    fputs(".SH SYNOPSIS\n.B gwt\n.I command\n.RI [ options ]\n.SH DESCRIPTION\n", stdout);
    man_filled("Reads and writes GeoTIFFs, computes with them tile by tile on all processors, and "
               "shows where the time went. Outputs have the same bytes for any number of workers; "
               "an output appears when it is whole, and an interrupted command can be resumed.");
    fputs(".SH COMMANDS\n", stdout);
    for (const cli_subcommand *s = all; s->name; s++)
        printf(".TP\n.BR gwt\\-%s (1)\n%s\n", s->name, s->summary);
    fputs(".TP\n.B gwt help tasks\nwhat users of GDAL and rasterio type, and the same by gwt\n"
          ".TP\n.B gwt help \\-\\-completion\n.I SHELL\ncompletions of bash, zsh or fish\n"
          ".SH ENVIRONMENT\n.TP\n.B TMPDIR\nwhere what is needed for a while is made\n", stdout);
    man_statuses();
    fputs(".SH SEE ALSO\n", stdout);
    for (const cli_subcommand *s = all; s->name; s++) printf(".BR gwt\\-%s (1),\n", s->name);
    fputs(".BR gwt (3)\n", stdout);
}

static void print_names(const cli_subcommand *all, const char *between)
{
    for (const cli_subcommand *s = all; s->name; s++) printf("%s%s", s->name, between);
}

static void print_bash(const cli_subcommand *all)
{
    fputs("# Completion of gwt for bash: made by gwt help --completion bash.\n\n_gwt()\n{\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    local command=${COMP_WORDS[1]} options values\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ] || { [ \"$command\" = help ] && [ \"$COMP_CWORD\" -eq 2 ]; };"
          " then\n        options='", stdout);
    print_names(all, " ");
    fputs("help --help --version'\n"
          "        [ \"$command\" = help ] && options=\"$options tasks\"\n"
          "        while read -r values; do COMPREPLY+=(\"$values\"); done \\\n"
          "            < <(compgen -W \"$options\" -- \"$word\")\n        return\n    fi\n"
          "    # --option=value comes as three words\n"
          "    if [ \"$word\" = = ]; then word=; fi\n"
          "    if [ \"$before\" = = ]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi\n"
          "    case $command in\n", stdout);
    show_all(all, CLI_BASH_OPTIONS);
    fputs("    esac\n    values=-\n    case $command:$before in\n", stdout);
    show_all(all, CLI_BASH_VALUES);
    fputs("    esac\n"
          "    # No values: names of files, which -o default makes\n"
          "    if [ \"$values\" != - ]; then options=$values\n"
          "    elif [ \"${word#-}\" = \"$word\" ]; then return; fi\n"
          "    while read -r values; do COMPREPLY+=(\"$values\"); done \\\n"
          "        < <(compgen -W \"$options\" -- \"$word\")\n}\n\n"
          "complete -o default -F _gwt gwt\n", stdout);
}

static void print_zsh(const cli_subcommand *all)
{
    fputs("#compdef gwt\n# Completion of gwt for zsh: made by gwt help --completion zsh.\n\n"
          "_gwt() {\n    if (( CURRENT == 2 )); then\n        compadd ", stdout);
    print_names(all, " ");
    fputs("help --help --version\n        return\n    fi\n    local command=$words[2]\n"
          "    shift words\n    (( CURRENT-- ))\n    case $command in\n", stdout);
    show_all(all, CLI_ZSH);
    fputs("    help) compadd tasks ", stdout);
    print_names(all, " ");
    fputs(";;\n    esac\n}\n\n_gwt \"$@\"\n", stdout);
}

static void print_fish(const cli_subcommand *all)
{
    fputs("# Completion of gwt for fish: made by gwt help --completion fish.\n\n", stdout);
    for (const cli_subcommand *s = all; s->name; s++) {
        printf("complete -c gwt -n __fish_use_subcommand -f -a %s -d ", s->name);
        fish_quoted(s->summary);
        putchar('\n');
    }
    fputs("complete -c gwt -n __fish_use_subcommand -f -a help -d 'the help of a command'\n", stdout);
    show_all(all, CLI_FISH);
}

// A page of the manual, or the names of all there are.
int print_man(const cli_subcommand *all, const char *name)
{
    const cli_subcommand *s = all;
    while (name && s->name && strcmp(s->name, name) != 0) s++;
    char page[32];
    if (name && s->name) {
        snprintf(page, sizeof page, "gwt-%s", s->name);
        man_begin(page, s->summary);
        show(s, CLI_MAN);
    }
    else if (name && strcmp(name, "gwt") == 0) print_man_overview(all);
    else if (name) return cli_usage_error(NULL, "no page of '%s'; see gwt help --man", name);
    else print_names(all, "\n");
    return CLI_OK;
}

int print_completion(const cli_subcommand *all, const char *shell)
{
    if (strcmp(shell, "bash") == 0) print_bash(all);
    else if (strcmp(shell, "zsh") == 0) print_zsh(all);
    else if (strcmp(shell, "fish") == 0) print_fish(all);
    else return cli_usage_error(NULL, "gwt help --completion is for bash, zsh or fish, not '%s'",
                                shell);
    return CLI_OK;
}
