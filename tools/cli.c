// cli.c - see cli.h.

#define _POSIX_C_SOURCE 200809L

#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// ---- errors -----------------------------------------------------------------------------------

int cli_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("gwt: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return CLI_FAILED;
}

int cli_usage_error(const cli_command *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("gwt: ", stderr);
    vfprintf(stderr, format, args);
    fprintf(stderr, "; see %s --help\n", command->name);
    va_end(args);
    return CLI_USAGE;
}

// ---- numbers ----------------------------------------------------------------------------------

// strtoll and strtod skip leading blanks and take an empty text for 0; here both are errors.
static bool starts_blank(const char *text)
{
    return *text == '\0' || strchr(" \t\n\v\f\r", *text);
}

bool cli_read_int(const char *text, long long lo, long long hi, long long *value)
{
    char *end;
    errno = 0;
    long long read = strtoll(text, &end, 10);
    if (starts_blank(text) || *end || errno || read < lo || read > hi) return false;
    *value = read;
    return true;
}

bool cli_read_number(const char *text, double *value)
{
    char *end;
    double read = strtod(text, &end);
    if (starts_blank(text) || *end) return false;
    if (isinf(read) && !strpbrk(text, "iI")) return false;  // 1e999: too large, not infinity
    *value = read;
    return true;
}

// ---- help -------------------------------------------------------------------------------------

static void print_option(const cli_option *o)
{
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
    if (o->letter) printf("  -%c, %-22s %s", o->letter, left, o->help);
    else printf("      %-22s %s", left, o->help);
    if (o->kind == CLI_INT) printf(" (%d..%d)", o->lo, o->hi);
    putchar('\n');
}

static int print_help(const cli_command *command)
{
    printf("usage: %s %s\n\n%s\n\noptions:\n", command->name, command->synopsis, command->summary);
    for (const cli_option *o = command->options; o->name; o++) print_option(o);
    printf("  -h, %-22s %s\n", "--help", "show this");
    if (command->details) printf("\n%s", command->details);
    return CLI_OK;
}

// ---- options ----------------------------------------------------------------------------------

// One parse in progress.
typedef struct parser {
    const cli_command *command;
    int argc, next;            // the next of argv to look at
    char **argv;
    int status;
} parser;

static const cli_option *find_long(const cli_command *command, const char *name, size_t length)
{
    for (const cli_option *o = command->options; o->name; o++)
        if (strlen(o->name) == length && memcmp(o->name, name, length) == 0) return o;
    return NULL;
}

static const cli_option *find_letter(const cli_command *command, char letter)
{
    for (const cli_option *o = command->options; o->name; o++)
        if (o->letter == letter) return o;
    return NULL;
}

// An option, as against "-" (a name), "-5" and "-.5" (numbers).
static bool looks_like_option(const char *text)
{
    return text[0] == '-' && text[1] && !strchr("0123456789.", text[1]);
}

static int set_choice(parser *p, const cli_option *o, const char *value)
{
    char names[256] = "";
    for (const cli_choice *c = o->choices; c->name; c++) {
        if (strcmp(c->name, value) == 0) {
            *(int *)o->to = c->value;
            return CLI_GO_ON;
        }
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", c->name);
    }
    return cli_usage_error(p->command, "--%s is one of %s, not '%s'", o->name, names, value);
}

static int set_int(parser *p, const cli_option *o, const char *value)
{
    long long number;
    if (!cli_read_int(value, o->lo, o->hi, &number))
        return cli_usage_error(p->command, "--%s wants a whole number from %d to %d, not '%s'",
                               o->name, o->lo, o->hi, value);
    *(int *)o->to = (int)number;
    return CLI_GO_ON;
}

static int set_number(parser *p, const cli_option *o, const char *value)
{
    double number;
    if (!cli_read_number(value, &number))
        return cli_usage_error(p->command, "--%s wants a number, not '%s'", o->name, value);
    *(gwt_optional *)o->to = gwt_some(number);
    return CLI_GO_ON;
}

static int add_to_list(parser *p, const cli_option *o, const char *value)
{
    cli_list *list = o->to;
    if (list->count == CLI_LIST_MAX)
        return cli_usage_error(p->command, "--%s is given more than %d times", o->name,
                               CLI_LIST_MAX);
    list->items[list->count++] = value;
    return CLI_GO_ON;
}

static int set_value(parser *p, const cli_option *o, const char *value)
{
    switch (o->kind) {
    case CLI_FLAG: *(bool *)o->to = true; break;
    case CLI_TEXT: *(const char **)o->to = value; break;
    case CLI_INT: return set_int(p, o, value);
    case CLI_NUMBER: return set_number(p, o, value);
    case CLI_CHOICE: return set_choice(p, o, value);
    case CLI_LIST: return add_to_list(p, o, value);
    }
    return CLI_GO_ON;
}

// `attached` is what stood after = or after the letter; NULL when nothing did. The value is
// otherwise the next word, except one that looks like an option: `-o --quiet` is a forgotten name.
static int take_option(parser *p, const cli_option *o, const char *attached)
{
    if (o->kind == CLI_FLAG) {
        if (attached) return cli_usage_error(p->command, "--%s takes no value", o->name);
        return set_value(p, o, NULL);
    }
    if (attached) return set_value(p, o, attached);
    if (p->next == p->argc || (looks_like_option(p->argv[p->next]) &&
                               !(o->kind == CLI_NUMBER && cli_read_number(p->argv[p->next],
                                                                          &(double){ 0 }))))
        return cli_usage_error(p->command, "--%s wants a value: --%s %s", o->name, o->name,
                               o->value);
    return set_value(p, o, p->argv[p->next++]);
}

static int parse_long(parser *p, const char *word)
{
    const char *name = word + 2, *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    if (strcmp(name, "help") == 0) return print_help(p->command);
    const cli_option *o = find_long(p->command, name, length);
    if (!o) return cli_usage_error(p->command, "unknown option '%s'", word);
    return take_option(p, o, equals ? equals + 1 : NULL);
}

// -q, -j4, -j 4, and flags in one word: -qj4.
static int parse_letters(parser *p, const char *word)
{
    int status = CLI_GO_ON;
    for (const char *c = word + 1; *c && status == CLI_GO_ON; c++) {
        if (*c == 'h') return print_help(p->command);
        const cli_option *o = find_letter(p->command, *c);
        if (!o)
            return cli_usage_error(p->command, "unknown option '%s' (an argument that begins "
                                   "with - goes after --)", word);
        if (o->kind != CLI_FLAG) return take_option(p, o, c[1] ? c + 1 : NULL);
        status = take_option(p, o, NULL);
    }
    return status;
}

int cli_parse(const cli_command *command, int argc, char **argv, int *count)
{
    parser p = { .command = command, .argc = argc, .next = 1, .argv = argv };
    bool options_over = false;
    int kept = 0;
    while (p.next < argc) {
        char *word = argv[p.next++];
        int status = CLI_GO_ON;
        if (options_over || !looks_like_option(word)) argv[kept++] = word;
        else if (strcmp(word, "--") == 0) options_over = true;
        else if (word[1] == '-') status = parse_long(&p, word);
        else status = parse_letters(&p, word);
        if (status != CLI_GO_ON) return status;
    }
    *count = kept;
    if (kept < command->min_arguments)
        return cli_usage_error(command, "%s wants %s", command->name, command->wanted);
    if (kept > command->max_arguments)
        return cli_usage_error(command, "%s wants %s; '%s' is one too many", command->name,
                               command->wanted, argv[command->max_arguments]);
    return CLI_GO_ON;
}

// ---- sessions, time, sizes ---------------------------------------------------------------------

gwt *cli_begin(int workers, const char *sensor)
{
    gwt *g = gwt_begin(.num_workers = workers, .sensor = sensor);
    if (!g) cli_error("no memory or no threads to begin with");
    return g;
}

double cli_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

char *cli_bytes(double bytes, char *buffer)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
    size_t unit = 0;
    while (bytes >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1000;
        unit++;
    }
    snprintf(buffer, 32, unit && bytes < 99.5 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return buffer;
}

// ---- outputs ----------------------------------------------------------------------------------

static bool same_file(const struct stat *a, const char *path)
{
    struct stat b;
    return path && stat(path, &b) == 0 && a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}

// Whether PATH may be written at all; says why not.
static bool may_write(const char *path, const char *input, bool overwrite)
{
    struct stat there;
    if (stat(path, &there) != 0) return true;
    if (same_file(&there, input)) cli_error("%s: the output is the input", path);
    else if (!overwrite) cli_error("%s: exists (--overwrite replaces it)", path);
    else if (!S_ISREG(there.st_mode)) cli_error("%s: not a regular file", path);
    else return true;
    return false;
}

bool cli_output_open(cli_output *out, const char *path, const char *input, bool overwrite)
{
    *out = (cli_output){ .path = path };
    if (!may_write(path, input, overwrite)) return false;
    size_t size = strlen(path) + sizeof ".part";
    out->part = malloc(size);
    if (!out->part) {
        cli_error("%s: out of memory", path);
        return false;
    }
    snprintf(out->part, size, "%s.part", path);
    struct stat part;
    if (lstat(out->part, &part) == 0 && same_file(&part, input)) {
        cli_error("%s: the output would be written over the input (%s)", out->part, input);
    } else {
        // A stale .part goes; were it a link, what it points at stays.
        unlink(out->part);
        int fd = open(out->part, O_WRONLY | O_CREAT | O_EXCL, 0666);
        out->stream = fd < 0 ? NULL : fdopen(fd, "wb");
        if (out->stream) return true;
        cli_error("%s: can't be written: %s", path, strerror(errno));
    }
    free(out->part);
    return false;
}

bool cli_output_close(cli_output *out, bool keep)
{
    errno = 0;
    bool written = fflush(out->stream) == 0 && !ferror(out->stream) &&
                   fsync(fileno(out->stream)) == 0;
    int why = errno;
    if (fclose(out->stream) != 0 && written) {
        why = errno;
        written = false;
    }
    bool done = keep && written && rename(out->part, out->path) == 0;
    if (keep && !done)
        cli_error("%s: can't be written: %s", out->path, strerror(written ? errno : why));
    if (!done) remove(out->part);
    free(out->part);
    return done;
}
