// cli.c - see cli.h.

#define _XOPEN_SOURCE 700

#include "cli.h"
#include "help.h"
#include "../json.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// ---- errors -----------------------------------------------------------------------------------

static bool hushed;             // another process says it

void cli_text(FILE *to, const char *text)
{
    char shown[8];
    for (size_t n; (n = gwt_escape(text, shown)) > 0; text += n) fputs(shown, to);
}

// One line, whatever names and values from the command line are in it.
static void print_line(const char *format, va_list args, const cli_command *see)
{
    char line[4096];
    vsnprintf(line, sizeof line, format, args);
    fputs("gwt: ", stderr);
    cli_text(stderr, line);
    if (see) fprintf(stderr, "; see %s --help", see->name);
    fputc('\n', stderr);
}

int cli_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line(format, args, NULL);
    va_end(args);
    return CLI_FAILED;
}

int cli_usage_error(const cli_command *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!hushed) print_line(format, args, command);
    va_end(args);
    return CLI_USAGE;
}

void cli_hush(void)
{
    hushed = true;
    if (!freopen("/dev/null", "w", stdout)) cli_error("cannot open /dev/null");
}

// ---- values -----------------------------------------------------------------------------------

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

bool cli_next_word(const char **text, char word[CLI_WORD])
{
    size_t length = strcspn(*text, ",");
    if (length >= CLI_WORD) return false;
    memcpy(word, *text, length);
    word[length] = '\0';
    *text = (*text)[length] ? *text + length + 1 : NULL;
    return true;
}

const cli_choice *cli_find_choice(const cli_choice *choices, const char *name)
{
    while (choices->name && strcasecmp(choices->name, name) != 0) choices++;
    return choices->name ? choices : NULL;
}

// ---- options ----------------------------------------------------------------------------------

// One parse in progress.
typedef struct parser {
    const cli_command *command;
    const char *dashes;        // what stands before the names of options
    char *args;                // the command's struct
    int argc, next;            // the next of argv to look at
    bool has_output;           // -o of one name was given
    char **argv;
} parser;

static const cli_option *find_long(const cli_command *command, const char *name, size_t length)
{
    for (const cli_option *o = command->options; o->name; o++)
        if (o->kind != CLI_HEADING && strlen(o->name) == length &&
            memcmp(o->name, name, length) == 0) return o;
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

// What an error calls an option: "--workers (-j)".
typedef struct label { char text[64]; } label;

static label label_of(const parser *p, const cli_option *o)
{
    label l;
    if (o->letter) snprintf(l.text, sizeof l.text, "--%s (-%c)", o->name, o->letter);
    else snprintf(l.text, sizeof l.text, "%s%s", p->dashes, o->name);
    return l;
}

// The field of an option, as what its kind says it is.
static void *field(const parser *p, const cli_option *o) { return p->args + o->to; }

static int set_choice(parser *p, const cli_option *o, const char *value)
{
    const cli_choice *chosen = cli_find_choice(o->choices, value);
    if (chosen) {
        *(int *)field(p, o) = chosen->value;
        return CLI_GO_ON;
    }
    char names[256] = "";
    for (const cli_choice *c = o->choices; c->name; c++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", c->name);
    }
    return cli_usage_error(p->command, "%s is one of %s, not '%s'", label_of(p, o).text, names,
                           value);
}

static int set_int(parser *p, const cli_option *o, const char *value)
{
    long long number;
    const cli_choice *word = o->choices ? cli_find_choice(o->choices, value) : NULL;
    if (word) number = word->value;
    else if (!cli_read_int(value, o->lo, o->hi, &number))
        return cli_usage_error(p->command, "%s wants a whole number from %d to %d, not '%s'",
                               label_of(p, o).text, o->lo, o->hi, value);
    *(int *)field(p, o) = (int)number;
    return CLI_GO_ON;
}

// Of integers beyond 2^53 more than the double next to them.
static gwt_optional exactly(const char *text, double number)
{
    char *end;
    if (fabs(number) < 0x1p53) return gwt_some(number);
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (!*end && !errno) return gwt_some_int64(value);
    errno = 0;
    unsigned long long above = strtoull(text, &end, 10);
    return !*end && !errno && number > 0 ? gwt_some_uint64(above) : gwt_some(number);
}

static int set_number(parser *p, const cli_option *o, const char *value)
{
    double number;
    if (!cli_read_number(value, &number))
        return cli_usage_error(p->command, "%s wants a number, not '%s'", label_of(p, o).text,
                               value);
    *(gwt_optional *)field(p, o) = exactly(value, number);
    return CLI_GO_ON;
}

// The value does not look as the help says.
static int refuse_form(parser *p, const cli_option *o, const char *value)
{
    return cli_usage_error(p->command, "%s wants %s, not '%s'", label_of(p, o).text, o->value,
                           value);
}

static bool read_one_of_four(const cli_option *o, const char *word, double *value)
{
    long long whole;
    if (o->kind == CLI_NUMBERS) return cli_read_number(word, value) && isfinite(*value);
    if (!cli_read_int(word, o->lo, o->hi, &whole)) return false;
    *value = (double)whole;
    return true;
}

// "65536", "256M", "1.5g": K, M and G are 1024 and its powers.
static int set_bytes(parser *p, const cli_option *o, const char *value)
{
    static const char units[] = "KMG";
    char text[32];
    double bytes = 0;
    size_t n = strlen(value);
    const char *unit = n > 0 ? strchr(units, toupper((unsigned char)value[n - 1])) : NULL;
    snprintf(text, sizeof text, "%.*s", (int)(unit ? n - 1 : n), value);
    bool read = n < sizeof text && cli_read_number(text, &bytes);
    for (const char *u = units; unit && u <= unit; u++) bytes *= 1024;
    if (!read || !(bytes >= 1 && bytes < 9e18 && bytes < (double)(SIZE_MAX / 2)))
        return cli_usage_error(p->command, "%s wants a number of bytes, as in 256M or 2G, not '%s'",
                               label_of(p, o).text, value);
    *(size_t *)field(p, o) = (size_t)bytes;
    return CLI_GO_ON;
}

static int set_four(parser *p, const cli_option *o, const char *value)
{
    cli_four four = { .set = true };
    const char *rest = value;
    char word[CLI_WORD];
    for (int i = 0; i < 4; i++)
        if (!rest || !cli_next_word(&rest, word) || !read_one_of_four(o, word, &four.values[i]))
            return refuse_form(p, o, value);
    if (rest) return refuse_form(p, o, value);
    *(cli_four *)field(p, o) = four;
    return CLI_GO_ON;
}

static int add_to_list(parser *p, const cli_option *o, char *value)
{
    cli_list *list = field(p, o);
    if (list->count == CLI_LIST_MAX)
        return cli_usage_error(p->command, "%s is given more than %d times", label_of(p, o).text,
                               CLI_LIST_MAX);
    list->items[list->count++] = value;
    return CLI_GO_ON;
}

// Given twice, the words of both.
static int set_words(parser *p, const cli_option *o, char *value)
{
    cli_list *list = field(p, o);
    size_t length = strlen(value), commas = 0;
    bool empty = length == 0 || value[0] == ',' || value[length - 1] == ',';
    for (const char *c = value; *c; c++) commas += *c == ',';
    if (empty || strstr(value, ",,") || list->count + commas >= CLI_LIST_MAX)
        return refuse_form(p, o, value);
    for (size_t i = 0; i <= commas; i++) {
        list->items[list->count++] = value;
        value += strcspn(value, ",");
        *value++ = '\0';
    }
    return CLI_GO_ON;
}

static int set_value(parser *p, const cli_option *o, char *value)
{
    switch (o->kind) {
    case CLI_HEADING: break;
    case CLI_FLAG: *(bool *)field(p, o) = true; break;
    case CLI_TEXT:
        if (o->letter == 'o' && p->has_output)
            return cli_usage_error(p->command, "%s is given twice: there is one output",
                                   label_of(p, o).text);
        p->has_output |= o->letter == 'o';
        *(const char **)field(p, o) = value;
        break;
    case CLI_INT: return set_int(p, o, value);
    case CLI_BYTES: return set_bytes(p, o, value);
    case CLI_NUMBER: return set_number(p, o, value);
    case CLI_CHOICE: return set_choice(p, o, value);
    case CLI_LIST: return add_to_list(p, o, value);
    case CLI_WORDS: return set_words(p, o, value);
    case CLI_INTS:
    case CLI_NUMBERS: return set_four(p, o, value);
    }
    return CLI_GO_ON;
}

// `attached` is what stood after = or after the letter; NULL when nothing did. The value is
// otherwise the next word, except one that looks like an option: `-o --quiet` is a forgotten name.
static int take_option(parser *p, const cli_option *o, char *attached)
{
    if (o->kind == CLI_FLAG) {
        if (attached) return cli_usage_error(p->command, "%s takes no value", label_of(p, o).text);
        return set_value(p, o, NULL);
    }
    if (attached) return set_value(p, o, attached);
    double number;             // -inf and -nan are no options where a number is wanted
    char *word = p->next < p->argc ? p->argv[p->next] : NULL;
    if (!word || (looks_like_option(word) &&
                  !(o->kind == CLI_NUMBER && cli_read_number(word, &number))))
        return cli_usage_error(p->command, "%s wants a value: --%s %s", label_of(p, o).text,
                               o->name, o->value);
    p->next++;
    return set_value(p, o, word);
}

// An option that may be meant: what rio and gdal_calc.py call so, or one that begins alike, with
// four letters at least. NULL: there is none.
static const cli_option *find_meant(const cli_command *command, const char *name, size_t length)
{
    static const char *const others[][2] = {
        { "like", "reference" }, { "bidx", "select" }, { "type", "dtype" }, { "outfile", "output" },
        { "creation-option", "co" }, { "NoDataValue", "nodata" }, { "src_nodata", "src-nodata" }
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strlen(others[i][0]) == length && memcmp(others[i][0], name, length) == 0)
            return find_long(command, others[i][1], strlen(others[i][1]));
    const cli_option *found = NULL;
    size_t most = 3;
    for (const cli_option *o = command->options; o->name; o++) {
        size_t same = 0;
        while (o->kind != CLI_HEADING && same < length && o->name[same] == name[same]) same++;
        if (same <= most) continue;
        found = o;
        most = same;
    }
    return found;
}

static int refuse_long(parser *p, const char *word, size_t length)
{
    const cli_option *o = find_meant(p->command, word + 2, length);
    if (!o) return cli_usage_error(p->command, "unknown option '%s'", word);
    return cli_usage_error(p->command, "unknown option '%s'; there is --%s%s%s", word, o->name,
                           o->value ? " " : "", o->value ? o->value : "");
}

static int parse_long(parser *p, char *word)
{
    char *name = word + 2, *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    if (strcmp(name, "help") == 0) return cli_help(p->command);
    const cli_option *o = find_long(p->command, name, length);
    if (!o) return refuse_long(p, word, length);
    return take_option(p, o, equals ? equals + 1 : NULL);
}

// Options of GDAL's programs, which have one dash, and what they are called here; NULL: there is
// nothing like it. As letters -ot Byte would be -o t and a file Byte.
static const char *const gdal_options[][2] = {
    { "-ot", "dtype" }, { "-of", NULL }, { "-co", "co" }, { "-mo", "tag" }, { "-r", "resample" },
    { "-a_nodata", "nodata" }, { "-srcnodata", "src-nodata" }, { "-dstnodata", "dst-nodata" },
    { "-srcwin", "window" }, { "-projwin", "bounds" }, { "-te", "bounds" }, { "-tr", "res" },
    { "-outsize", NULL }, { "-scale", NULL }, { "-unscale", "scale-data" }, { "-stats", NULL },
    { "-overwrite", "overwrite" }, { "-json", "json" }, { "-oo", NULL }
};

static int refuse_gdal(parser *p, const char *word, const char *ours)
{
    const cli_option *o = ours ? find_long(p->command, ours, strlen(ours)) : NULL;
    if (!o) return cli_usage_error(p->command, "%s is an option of GDAL", word);
    return cli_usage_error(p->command, "%s is an option of GDAL, here it is --%s%s%s", word,
                           o->name, o->value ? " " : "", o->value ? o->value : "");
}

// -q, -j4, -j 4, and flags in one word: -qj4.
static int parse_letters(parser *p, char *word)
{
    int status = CLI_GO_ON;
    for (size_t i = 0; i < sizeof gdal_options / sizeof *gdal_options; i++)
        if (strcmp(word, gdal_options[i][0]) == 0) return refuse_gdal(p, word, gdal_options[i][1]);
    for (char *c = word + 1; *c && status == CLI_GO_ON; c++) {
        if (*c == 'h') return cli_help(p->command);
        const cli_option *o = find_letter(p->command, *c);
        if (!o)
            return cli_usage_error(p->command, "unknown option '%s' (an argument that begins "
                                   "with - goes after --)", word);
        if (o->kind != CLI_FLAG) return take_option(p, o, c[1] ? c + 1 : NULL);
        status = take_option(p, o, NULL);
    }
    return status;
}

int cli_parse(const cli_command *command, void *args, int argc, char **argv, int *count)
{
    parser p = { .command = command, .dashes = "--", .args = args, .argc = argc, .next = 1,
                 .argv = argv };
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

// Whether a number, a choice or a text was given; a 0 is as good as none.
static bool is_given(const parser *p, const cli_option *o)
{
    if (o->kind == CLI_TEXT) return *(const char **)field(p, o) != NULL;
    return *(int *)field(p, o) != 0;
}

int cli_set(const cli_command *command, const cli_option *settings, void *args, const char *what,
            char *text)
{
    parser p = { .command = command, .dashes = what, .args = args };
    const cli_option *o = settings;
    char *equals = strchr(text, '='), names[512] = "";
    size_t length = equals ? (size_t)(equals - text) : 0, used = 0;
    if (!length || !equals[1])
        return cli_usage_error(command, "%swants KEY=VALUE, not '%s'", what, text);
    while (o->name && (strlen(o->name) != length || strncasecmp(o->name, text, length) != 0)) o++;
    if (o->name && is_given(&p, o))
        return cli_usage_error(command, "%s: it is given twice, or an option that says the same",
                               label_of(&p, o).text);
    if (o->name) return set_value(&p, o, equals + 1);
    for (o = settings; o->name && used < sizeof names; o++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "",
                                 o->name);
    return cli_usage_error(command, "%s%.*s: there are %s", what, (int)length, text, names);
}

// ---- sessions, time, sizes ---------------------------------------------------------------------

// What a signal's handler may touch.
static gwt *_Atomic running;
static volatile sig_atomic_t interrupted;

// The first time the work is stopped in good order, the second time at once.
static void on_interrupt(int signal)
{
    gwt *g = atomic_load(&running);
    if (interrupted) _exit(128 + signal);
    interrupted = signal;
    gwt_cancel(g);
}

// How messages spell the fields of gwt.h: as options of the command. Those it has no option for are
// left as they are.
static const char *field_names[] = {
    ".bounds_by brings files, gwt_align arrays", "--bounds-by brings files",
    ".bigtiff = GWT_BIGTIFF_AUTO", "--bigtiff auto", ".tile_size", "--tile-size",
    ".bounds_by", "--bounds-by", ".complex_part", "--complex", ".dtype", "--dtype",
    ".fill_bad_tiles", "--bad-tiles fill", ".ignore_mask", "--ignore-mask",
    ".alpha_mask", "--alpha-mask", ".mask = true of gwt_save", "--mask",
    ".interleave = GWT_PLANAR", "--interleave band", ".memory_limit", "--memory",
    ".no_overviews", "--no-overviews", ".nodata", "--nodata", ".num_workers", "--workers",
    ".overwrite", "--overwrite",
    ".reference", "--reference", ".resume", "--resume", ".stack = GWT_BAND", "--stack band",
    ".stack = GWT_TIME", "--stack time", NULL
};

void cli_grids_say(const char *what) { field_names[1] = what; }

static gwt *begin(gwt_begin_options options)
{
    options.field_names = field_names;
    options.raise_open_files = true;
    struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = SA_RESTART };
    gwt *g = gwt_begin_with(&options);
    if (!g) cli_error("cannot start: out of memory, or no thread can be started");
    atomic_store(&running, g);
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (interrupted) gwt_cancel(g);
    return g;
}

gwt *cli_begin(int workers, const char *sensor, size_t memory)
{
    return cli_begin_watched(workers, sensor, memory, NULL, NULL);
}

gwt *cli_begin_watched(int workers, const char *sensor, size_t memory,
                       gwt_progress_fn *on_progress, void *user)
{
    return begin((gwt_begin_options){ .num_workers = workers, .sensor = sensor,
                                      .memory_limit = memory, .on_progress = on_progress,
                                      .user = user });
}

gwt *cli_begin_quiet(int workers, size_t memory)
{
    return begin((gwt_begin_options){ .num_workers = workers, .memory_limit = memory,
                                      .quiet = true });
}

int cli_end(gwt *g)
{
    atomic_store(&running, NULL);
    return gwt_end(g);
}

static long long count_bands(const char *sensor)
{
    long long n = 0;
    for (const char *const *bands = gwt_sensor_bands(sensor); bands && bands[n];) n++;
    return n;
}

void cli_check_sensor(const char *sensor, const gwt_array *a, const char *what, const char *hint)
{
    static bool said;
    char others[512] = "";
    long long has = count_bands(sensor), bands = a ? gwt_describe(a)->shape[1] : has;
    if (has == 0 || bands == has || said || hushed) return;
    said = true;
    const char *name;
    for (size_t i = 0; (name = gwt_sensor_name(i)) != NULL; i++) {
        size_t used = strlen(others);
        if (count_bands(name) == bands)
            snprintf(others + used, sizeof others - used, "%s%s", used ? ", " : "", name);
    }
    cli_error("--sensor %s is ignored: it has %lld bands, %s has %lld (sensors with %lld band%s: "
              "%s)%s", sensor, has, what, bands, bands, bands == 1 ? "" : "s",
              *others ? others : "none", bands < has ? hint : "");
}

int cli_interrupted(void) { return interrupted ? 128 + interrupted : 0; }

static char line[4096];

// A word, in quotes where a shell would take it for something else. False when it has no room.
static bool add_word(size_t *used, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_./=,:+@%";
    char quoted[sizeof line];
    size_t n = 0, room = sizeof quoted - 8;
    bool is_plain = *word && strspn(word, plain) == strlen(word);
    if (!is_plain) quoted[n++] = '\'';
    for (const char *c = word; *c && n < room; c++) {
        quoted[n++] = *c;
        if (*c != '\'') continue;
        memcpy(quoted + n, "\\''", 3);
        n += 3;
    }
    if (!is_plain) quoted[n++] = '\'';
    if (n >= room || *used + n + 5 > sizeof line) return false;
    if (*used) line[(*used)++] = ' ';
    memcpy(line + *used, quoted, n);
    *used += n;
    line[*used] = '\0';
    return true;
}

void cli_keep_line(int argc, char *const *argv)
{
    size_t used = 0;
    int i = 0;
    while (i < argc && add_word(&used, argv[i])) i++;
    if (i < argc) memcpy(line + used, " ..", 4);
}

const char *cli_line(void) { return line; }

double cli_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int cli_decimals(double value)
{
    double digits = value > 0 ? 2 - floor(log10(value)) : 1;
    return digits < 1 ? 1 : digits > 9 ? 9 : (int)digits;
}

int cli_processors(void)
{
    gwt *g = gwt_begin(.quiet = true);
    int n = gwt_num_workers(g);
    gwt_end(g);
    return n > 0 ? n : 1;
}

char *cli_optional(gwt_optional number, char *buffer)
{
    double value = number.value;
    if (value != floor(value) || fabs(value) > 0x1p64) return json_digits(value, buffer);
    if (number.rest == 0) snprintf(buffer, 40, "%.0f", value);
    else if (value < 0) snprintf(buffer, 40, "%" PRId64, (int64_t)value + number.rest);
    else {      // 2^64, which uint64 has not, wraps to 0, and with its rest to below
        uint64_t whole = value < 0x1p64 ? (uint64_t)value : 0;
        snprintf(buffer, 40, "%" PRIu64, whole + (uint64_t)number.rest);
    }
    return buffer;
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

// Whether two paths are one file that is there.
static bool same_file(const char *a, const char *b)
{
    struct stat one, two;
    return a && b && stat(a, &one) == 0 && stat(b, &two) == 0 && one.st_dev == two.st_dev &&
           one.st_ino == two.st_ino;
}

// PATH.part, yours to free; without memory NULL, which has been printed.
static char *part_name(const char *path)
{
    size_t size = strlen(path) + sizeof ".part";
    char *part = malloc(size);
    if (part) snprintf(part, size, "%s.part", path);
    else cli_error("%s: out of memory", path);
    return part;
}

static bool is_no_input(const char *path, const char *part, const char *input)
{
    if (same_file(path, input)) cli_error("%s: the output is an input", path);
    else if (same_file(part, input))
        cli_error("%s: it is written as %s first, which is an input", path, part);
    else return true;
    return false;
}

bool cli_is_stdout(const char *path) { return strcmp(path, "-") == 0; }

bool cli_may_write(const char *path, const char *const *inputs, size_t count, bool overwrite)
{
    struct stat there;
    if (cli_is_stdout(path)) return true;
    char *part = part_name(path);
    bool good = part != NULL;
    for (size_t i = 0; i < count && good; i++) good = is_no_input(path, part, inputs[i]);
    free(part);
    if (!good || lstat(path, &there) != 0) return good;
    if (!overwrite) cli_error("%s: exists (--overwrite replaces it)", path);
    else if (stat(path, &there) == 0 && !S_ISREG(there.st_mode))
        cli_error("%s: not a regular file", path);
    else return true;
    return false;
}

// What lies at PATH.part may be what an interrupted run left, or somebody's: a link, a download.
static bool is_free(const char *part, bool overwrite)
{
    struct stat there;
    if (overwrite || lstat(part, &there) != 0) return true;
    cli_error("%s: exists, and the output is made there (--overwrite removes it)", part);
    return false;
}

bool cli_may_create(const char *path, const char *const *inputs, size_t count, bool overwrite)
{
    if (cli_is_stdout(path)) return true;
    char *part = part_name(path);
    bool good = part && cli_may_write(path, inputs, count, overwrite) && is_free(part, overwrite);
    free(part);
    return good;
}

// A file that was not there. A link goes itself; it would have us write into some other file.
static FILE *create(const char *path, bool overwrite, bool private)
{
    if (overwrite && unlink(path) != 0 && errno != ENOENT) return NULL;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, private ? 0600 : 0666);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "wb");
    if (fd >= 0 && !stream) close(fd);
    return stream;
}

bool cli_output_open(cli_output *out, const char *path, const char *input, bool overwrite)
{
    struct stat old;
    *out = (cli_output){ .path = path, .stream = stdout };
    if (cli_is_stdout(path)) return true;
    if (!cli_may_create(path, &input, 1, overwrite) || !(out->part = part_name(path))) return false;
    out->replaces = stat(path, &old) == 0;
    if (out->replaces) out->mode = old.st_mode & 0777;
    out->stream = create(out->part, overwrite, out->replaces);
    if (out->stream) return true;
    cli_error("%s: can't be written: %s", path, strerror(errno));
    free(out->part);
    return false;
}

bool cli_output_close(cli_output *out, bool keep)
{
    struct stat made;
    int file = fileno(out->stream);
    errno = 0;
    if (!out->part) return keep;       // stdout: looked at when all is done
    bool written = fflush(out->stream) == 0 && !ferror(out->stream) &&
                   (!out->replaces || fchmod(file, out->mode) == 0 ||
                    (fstat(file, &made) == 0 && (made.st_mode & 0777) == out->mode)) &&
                   fsync(file) == 0;
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

bool cli_make_folder(char folder[CLI_PATH])
{
    const char *where = getenv("TMPDIR");
    int n = snprintf(folder, CLI_PATH, "%s/gwt_XXXXXX", where && *where ? where : "/tmp");
    if (n > 0 && n < CLI_PATH && mkdtemp(folder)) return true;
    return cli_error("%s: a temporary folder can't be created", folder), false;
}
