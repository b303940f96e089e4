// help.c - the tables of options as help, as manual pages, and as completions of shells.

#include "help.h"

#include <string.h>

#define DATE "2026-11-30"       // of the version, as manual pages show it

static cli_style style;

void cli_help_as(cli_style as) { style = as; }

static const cli_option help_option = { 'h', "help", CLI_FLAG, 0, NULL, "show this", 0, 0, NULL };

// ---- help -------------------------------------------------------------------------------------

enum { HELP_COLUMN = 29 };

static void show_option(const cli_option *o)
{
    if (o->kind == CLI_HEADING) {
        printf("\n%s:\n", o->name);
        return;
    }
    int used = o->letter ? printf("  -%c, ", o->letter) : printf("      ");
    used += printf("--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
    if (used >= HELP_COLUMN) used = printf("\n") - 1;
    printf("%*s%s", HELP_COLUMN - used, "", o->help);
    if (o->kind == CLI_INT) printf(" (%d..%d)", o->lo, o->hi);
    putchar('\n');
}

static void show_help(const cli_command *command)
{
    printf("usage: %s %s\n\n%s\n", command->name, command->synopsis, command->summary);
    if (command->options->kind != CLI_HEADING) printf("\noptions:\n");
    for (const cli_option *o = command->options; o->name; o++) show_option(o);
    show_option(&help_option);
    if (command->details) printf("\n%s", command->details);
    if (command->more) printf("\n%s", command->more);
}

// ---- manual pages, in man(7) ---------------------------------------------------------------------

// Text as it is: no escape, no request at the start of a line, hyphens that can be copied.
static void man_text(const char *text)
{
    bool begins = true;
    for (; *text; text++) {
        if (begins && (*text == '.' || *text == '\'')) fputs("\\&", stdout);
        if (*text == '\\') fputs("\\e", stdout);
        else if (*text == '-') fputs("\\-", stdout);
        else if (*text == '\'') fputs("\\(aq", stdout);
        else if (*text == '^') fputs("\\(ha", stdout);
        else if (*text == '~') fputs("\\(ti", stdout);
        else if (*text == '`') fputs("\\(ga", stdout);
        else putchar(*text);
        begins = *text == '\n';
    }
}

void man_begin(const char *page, const char *summary)
{
    fputs(".TH ", stdout);
    for (const char *c = page; *c; c++) putchar(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    printf(" 1 \"%s\" \"gwt %s\" \"gwt\"\n.SH NAME\n", DATE, GWT_VERSION);
    man_text(page);
    fputs(" \\- ", stdout);
    man_text(summary);
    putchar('\n');
}

void man_statuses(void)
{
    fputs(".SH EXIT STATUS\n0 done, 1 the work failed, 2 the command line is wrong,\n"
          "128 + N stopped by signal N.\n", stdout);
}

// Where lines end does not matter: words, in short lines.
void man_filled(const char *text)
{
    char word[80];
    for (size_t n, used = 0; *text; text += n + strspn(text + n, " \n")) {
        n = strcspn(text, " \n");
        snprintf(word, sizeof word, "%.*s", (int)n, text);
        bool fits = used > 0 && used + n < 72;
        if (used > 0) putchar(fits ? ' ' : '\n');
        used = fits ? used + n + 1 : n;
        man_text(word);
    }
    putchar('\n');
}

static void man_option(const cli_option *o)
{
    if (o->kind == CLI_HEADING) {
        fputs(".SS ", stdout);
        putchar(o->name[0] >= 'a' && o->name[0] <= 'z' ? o->name[0] - 'a' + 'A' : o->name[0]);
        man_text(o->name + 1);
        putchar('\n');
        return;
    }
    fputs(".TP\n", stdout);
    if (o->letter) printf("\\fB\\-%c\\fR, ", o->letter);
    fputs("\\fB\\-\\-", stdout);
    man_text(o->name);
    fputs("\\fR", stdout);
    if (o->value) {
        fputs(" \\fI", stdout);
        man_text(o->value);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    man_text(o->help);
    if (o->kind == CLI_INT) printf(" (%d..%d)", o->lo, o->hi);
    putchar('\n');
}

void man_lines(const char *text)
{
    fputs(".nf\n", stdout);
    man_text(text);
    fputs(".fi\n", stdout);
}

// The lines of a usage: of further ones the first seven characters stand below "usage: ".
static void man_usages(const cli_command *command)
{
    printf(".nf\n%s ", command->name);
    for (const char *line = command->synopsis; line; ) {
        size_t n = strcspn(line, "\n");
        char text[160];
        snprintf(text, sizeof text, "%.*s", (int)n, line);
        man_text(text + strspn(text, " "));
        putchar('\n');
        line = line[n] ? line + n + 1 : NULL;
    }
    fputs(".fi\n", stdout);
}

static void show_man(const cli_command *command)
{
    fputs(".SH SYNOPSIS\n", stdout);
    man_usages(command);
    fputs(".SH DESCRIPTION\n", stdout);
    man_filled(command->summary);
    fputs(".SH OPTIONS\n", stdout);
    for (const cli_option *o = command->options; o->name; o++) man_option(o);
    man_option(&help_option);
    if (command->details || command->more) fputs(".SH NOTES\n", stdout);
    if (command->details) man_lines(command->details);
    if (command->details && command->more) fputs(".PP\n", stdout);
    if (command->more) man_lines(command->more);
    man_statuses();
    fputs(".SH SEE ALSO\n.BR gwt (1),\n.BR gwt (3)\n", stdout);
}

// ---- completions ----------------------------------------------------------------------------------

// The name of a subcommand: what follows "gwt ".
static const char *short_name(const cli_command *command)
{
    const char *space = strchr(command->name, ' ');
    return space ? space + 1 : command->name;
}

static void put_choices(const cli_option *o)
{
    for (const cli_choice *c = o->choices; c && c->name; c++)
        printf("%s%s", c == o->choices ? "" : " ", c->name);
}

void fish_quoted(const char *text)
{
    putchar('\'');
    for (; *text; text++) printf(*text == '\'' || *text == '\\' ? "\\%c" : "%c", *text);
    putchar('\'');
}

static void bash_values(const cli_command *command, const cli_option *o)
{
    if (o->kind == CLI_HEADING || o->kind == CLI_FLAG) return;
    printf("    %s:--%s", short_name(command), o->name);
    if (o->letter) printf(" | %s:-%c", short_name(command), o->letter);
    fputs(") values='", stdout);
    put_choices(o);
    fputs("' ;;\n", stdout);
}

// Lines of the two `case`s of _gwt: see cli_completion.
static void show_bash_options(const cli_command *command)
{
    printf("    %s) options='--help", short_name(command));
    for (const cli_option *o = command->options; o->name; o++)
        if (o->kind != CLI_HEADING) printf(" --%s", o->name);
    fputs("' ;;\n", stdout);
}

static void show_bash_values(const cli_command *command)
{
    for (const cli_option *o = command->options; o->name; o++) bash_values(command, o);
}

static void zsh_option(const cli_option *o)
{
    if (o->kind == CLI_HEADING) return;
    if (o->letter) printf("        '(-%c --%s)'{-%c,--%s}'[", o->letter, o->name, o->letter, o->name);
    else printf("        '--%s[", o->name);
    for (const char *c = o->help; *c; c++) {
        if (strchr("[]:\\", *c)) putchar('\\');
        fputs(*c == '\'' ? "'\\''" : (char[]){ *c, '\0' }, stdout);
    }
    putchar(']');
    if (o->kind != CLI_FLAG) {
        fputs(":value:", stdout);
        if (o->choices) putchar('(');
        put_choices(o);
        fputs(o->choices ? ")" : "_files", stdout);
    }
    fputs("' \\\n", stdout);
}

static void show_zsh(const cli_command *command)
{
    printf("    %s) _arguments -s \\\n", short_name(command));
    for (const cli_option *o = command->options; o->name; o++) zsh_option(o);
    zsh_option(&help_option);
    fputs("        '*:file:_files' ;;\n", stdout);
}

static void fish_option(const cli_command *command, const cli_option *o)
{
    if (o->kind == CLI_HEADING) return;
    printf("complete -c gwt -n '__fish_seen_subcommand_from %s' -l %s", short_name(command),
           o->name);
    if (o->letter) printf(" -s %c", o->letter);
    if (o->kind != CLI_FLAG) fputs(" -r", stdout);
    if (o->choices) fputs(" -f -a '", stdout);
    put_choices(o);
    if (o->choices) putchar('\'');
    fputs(" -d ", stdout);
    fish_quoted(o->help);
    putchar('\n');
}

static void show_fish(const cli_command *command)
{
    for (const cli_option *o = command->options; o->name; o++) fish_option(command, o);
    fish_option(command, &help_option);
}

int cli_help(const cli_command *command)
{
    static void (*const show[])(const cli_command *) = {
        [CLI_HELP] = show_help, [CLI_MAN] = show_man, [CLI_BASH_OPTIONS] = show_bash_options,
        [CLI_BASH_VALUES] = show_bash_values, [CLI_ZSH] = show_zsh, [CLI_FISH] = show_fish
    };
    show[style](command);
    return CLI_OK;
}
