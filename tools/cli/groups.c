// groups.c - see groups.h.
//
// A pattern is one of a shell, * ? [abc], with {band} and {scene} or {time} in it for the parts of
// a name that say what a file is; {time} is a date. Of several ways to match, what stands before
// {scene} or {time} takes as little as it can, these and what stands behind as much.

#define _POSIX_C_SOURCE 200809L

#include "groups.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

// ---- the pattern ------------------------------------------------------------------------------

static const char *const placeholders[] = { "{scene}", "{time}", "{band}" };
enum { SCENE, TIME, BAND, PLACEHOLDERS };

static int placeholder_at(const char *pattern)
{
    int i = 0;
    while (i < PLACEHOLDERS && strncmp(pattern, placeholders[i], strlen(placeholders[i]))) i++;
    return i;
}

static bool has(const char *pattern, int which) { return strstr(pattern, placeholders[which]); }

// What is wrong with a pattern, in words; NULL: nothing.
static const char *fault_of(const char *pattern)
{
    int seen[PLACEHOLDERS + 1] = { 0 };
    for (const char *p = pattern; (p = strchr(p, '{')) != NULL; p++) seen[placeholder_at(p)]++;
    if (seen[PLACEHOLDERS]) return "has a { that begins none of {scene}, {time}, {band}";
    if (seen[SCENE] > 1 || seen[TIME] > 1 || seen[BAND] > 1) return "has one placeholder twice";
    if (seen[SCENE] && seen[TIME]) return "has {scene} and {time}: one of them says which scene";
    if (seen[SCENE] || seen[TIME] || seen[BAND]) return NULL;
    return "has none of {scene}, {time}, {band}";
}

int groups_check(const cli_command *command, const char *pattern)
{
    const char *fault = fault_of(pattern);
    return fault ? cli_usage_error(command, "--group-by %s %s", pattern, fault) : CLI_GO_ON;
}

// ---- a name -----------------------------------------------------------------------------------

typedef struct part { const char *text; size_t length; } part;

// As gwt_date_of reads one: the whole of a text, and no digit follows.
static bool is_date(const char *text, size_t length)
{
    enum { LONGEST = 10 };      // yyyy-mm-dd
    char copy[LONGEST + 1] = "";
    bool digits = isdigit((unsigned char)text[0]) && isdigit((unsigned char)text[length - 1]);
    if (length > LONGEST || !digits || isdigit((unsigned char)text[length])) return false;
    memcpy(copy, text, length);
    return strspn(copy, "0123456789-_.") == length && gwt_date_of(copy) != 0;
}

// How long the set is that begins here, [abc], [a-z] or [!abc]; 0: it does not end.
static size_t set_length(const char *pattern)
{
    size_t first = pattern[1] == '!' ? 2 : 1;
    const char *end = pattern[first] ? strchr(pattern + first + 1, ']') : NULL;
    return end ? (size_t)(end - pattern) + 1 : 0;
}

static bool in_set(const char *set, size_t length, char c)
{
    bool not = set[1] == '!', in = false;
    for (size_t i = not ? 2 : 1; i + 1 < length; i++) {
        bool range = set[i + 1] == '-' && i + 3 < length;
        char last = range ? set[i + 2] : set[i];
        in = in || (c >= set[i] && c <= last);
        if (range) i += 2;
    }
    return in != not;
}

static bool matches(const char *pattern, const char *name, part *parts);

// The rest of a pattern behind a * (`which` is PLACEHOLDERS) or a part with a name.
static bool matches_behind(const char *rest, int which, const char *name, part *parts)
{
    bool little = has(rest, SCENE) || has(rest, TIME);
    size_t least = which < PLACEHOLDERS, most = strcspn(name, "/");
    for (size_t i = least; i <= most; i++) {
        size_t n = little ? i : most - (i - least);
        if ((which == TIME && !is_date(name, n)) || !matches(rest, name + n, parts)) continue;
        if (which < PLACEHOLDERS) parts[which] = (part){ name, n };
        return true;
    }
    return false;
}

static bool matches(const char *pattern, const char *name, part *parts)
{
    for (; *pattern; pattern++, name++) {
        int which = placeholder_at(pattern);
        size_t set = *pattern == '[' ? set_length(pattern) : 0;
        if (*pattern == '*') return matches_behind(pattern + 1, PLACEHOLDERS, name, parts);
        if (which < PLACEHOLDERS)
            return matches_behind(pattern + strlen(placeholders[which]), which, name, parts);
        if (*name == '\0' || (*name == '/' && *pattern != '/')) return false;
        if (set ? !in_set(pattern, set, *name) : *pattern != '?' && *pattern != *name) return false;
        if (set) pattern += set - 1;
    }
    return *name == '\0';
}

// ---- order ------------------------------------------------------------------------------------

// As people order names: runs of digits by their value.
static int compare_names(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        if (!isdigit((unsigned char)*a) || !isdigit((unsigned char)*b)) {
            if (*a != *b) return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
            continue;
        }
        const char *x = a + strspn(a, "0"), *y = b + strspn(b, "0");
        size_t n = strspn(x, "0123456789"), m = strspn(y, "0123456789");
        int order = n != m ? (n < m ? -1 : 1) : strncmp(x, y, n);
        if (order) return order;
        a = x + n - 1;          // the last digit, or a zero before it
        b = y + m - 1;
    }
    return (*a != 0) - (*b != 0);
}

// Names that are the same by their numbers, as 1 and 01, are not the same.
static int compare_strictly(const char *a, const char *b)
{
    int order = compare_names(a, b);
    return order ? order : strcmp(a, b);
}

// ---- files ------------------------------------------------------------------------------------

// A file, and what the pattern finds in its name: the band and the scene, "" where there is none.
typedef struct member {
    const char *path, *band, *scene;
    int date;                  // of the scene; 0: none
    size_t place;              // of the scene among all
} member;

static int by_scene(const void *a, const void *b)
{
    const member *x = a, *y = b;
    if (x->date != y->date) return x->date < y->date ? -1 : 1;
    return compare_strictly(x->scene, y->scene);
}

static int by_band(const void *a, const void *b)
{
    const member *x = a, *y = b;
    int order = compare_strictly(x->band, y->band);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

// The end of a path, with as many slashes in it as a pattern has.
static const char *tail_of(const char *path, const char *pattern)
{
    const char *at = path + strlen(path);
    size_t slashes = 0;
    for (const char *p = pattern; (p = strchr(p, '/')) != NULL; p++) slashes++;
    for (; at > path; at--)
        if (at[-1] == '/' && slashes-- == 0) break;
    return at;
}

// A copy at *text, which moves on behind it.
static const char *keep(part found, char **text)
{
    char *copy = *text;
    if (found.length) memcpy(copy, found.text, found.length);
    copy[found.length] = '\0';
    *text += found.length + 1;
    return copy;
}

// Members of files; false when one does not match: the session has the error.
static bool find_parts(gwt *g, const char *pattern, const file_list *files, member *members,
                       char *text)
{
    for (size_t i = 0; i < files->count; i++) {
        const char *path = files->paths[i];
        part parts[PLACEHOLDERS] = { { NULL, 0 } };
        if (!matches(pattern, tail_of(path, pattern), parts)) {
            gwt_fail(g, GWT_E_ARGUMENT, "%s does not match --group-by %s", path, pattern);
            return false;
        }
        part scene = parts[TIME].length ? parts[TIME] : parts[SCENE];
        members[i] = (member){ .path = path, .band = keep(parts[BAND], &text),
                               .scene = keep(scene, &text) };
    }
    return true;
}

// ---- groups -----------------------------------------------------------------------------------

// Whether each scene has a date; else none has.
static bool take_dates(member *members, size_t count)
{
    size_t dated = 0;
    while (dated < count && (members[dated].date = gwt_date_of(members[dated].scene))) dated++;
    for (size_t i = 0; i < dated && dated < count; i++) members[i].date = 0;
    return dated == count;
}

enum { DATE_SIZE = 16 };

// Scenes in their order; called by their dates, into `text`, where no two have the same.
static void order_scenes(groups *to, member *members, size_t count, char *text)
{
    bool dates = take_dates(members, count);
    qsort(members, count, sizeof *members, by_scene);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(members[i].scene, members[i - 1].scene) != 0) {
            if (i && members[i].date == members[i - 1].date) dates = false;
            to->scenes[to->num_scenes++] = members[i].scene;
        }
        members[i].place = to->num_scenes - 1;
    }
    for (size_t s = 0; s < to->num_scenes && dates; s++, text += DATE_SIZE) {
        int date = gwt_date_of(to->scenes[s]);
        snprintf(text, DATE_SIZE, "%04d-%02d-%02d", date / 10000, date / 100 % 100, date % 100);
        to->scenes[s] = text;
    }
}

// "band B4 of scene 20200101", or what there is of it.
static const char *label_of(const member *m, char *text, size_t size)
{
    snprintf(text, size, "%s%s%s%s%s", *m->band ? "band " : "", m->band,
             *m->band && *m->scene ? " of " : "", *m->scene ? "scene " : "", m->scene);
    return text;
}

// Bands in their order, unless a scene has two files of one.
static bool order_bands(gwt *g, groups *to, member *members, size_t count)
{
    char text[600];
    qsort(members, count, sizeof *members, by_band);
    for (size_t i = 0; i < count; i++) {
        const member *m = &members[i];
        bool same_band = i && strcmp(m->band, m[-1].band) == 0;
        if (same_band && m->place == m[-1].place) {
            gwt_fail(g, GWT_E_ARGUMENT, "%s and %s are both %s by --group-by", m[-1].path, m->path,
                     label_of(m, text, sizeof text));
            return false;
        }
        if (!same_band) to->bands[to->num_bands++] = m->band;
        to->paths[i] = m->path;
    }
    return true;
}

static bool fail_lacking(gwt *g, const groups *to, size_t at, size_t count)
{
    enum { SHOWN = 20 };
    char there[400] = "", others[60] = "";
    size_t lacking = to->num_bands * to->num_scenes - count;
    for (size_t b = 0; b < to->num_bands && b < SHOWN; b++) {
        size_t used = strlen(there);
        snprintf(there + used, sizeof there - used, "%s%s", b ? ", " : "", to->bands[b]);
    }
    if (lacking > 1) snprintf(others, sizeof others, "; %zu files are missing", lacking);
    gwt_fail(g, GWT_E_ARGUMENT, "there is no band %s of scene %s: the bands of all are %s%s%s",
             to->bands[at / to->num_scenes], to->scenes[at % to->num_scenes], there,
             to->num_bands > SHOWN ? ", .." : "", others);
    return false;
}

// The first place without a file is where the members, which are in order, do not go on as a full
// table does.
static bool check_full(gwt *g, const groups *to, const member *members, size_t count)
{
    size_t at = 0;
    while (at < count && members[at].place == at % to->num_scenes
           && strcmp(members[at].band, to->bands[at / to->num_scenes]) == 0)
        at++;
    return at == to->num_bands * to->num_scenes || fail_lacking(g, to, at, count);
}

// Place for all there is to keep: three lists of names, then the texts.
static char *make_place(groups *to, const file_list *files)
{
    size_t n = files->count, texts = n * DATE_SIZE;
    for (size_t i = 0; i < n; i++) texts += strlen(files->paths[i]) + 2;
    const char **lists = to->memory = malloc((3 * n + 1) * sizeof *lists + texts);
    if (!lists) return NULL;
    to->bands = lists;
    to->scenes = lists + n;
    to->paths = lists + 2 * n + 1;      // behind the NULL of scenes
    return (char *)(lists + 3 * n + 1);
}

bool groups_find(gwt *g, groups *to, const char *pattern, const file_list *files)
{
    size_t n = files->count;
    *to = (groups){ .has_bands = has(pattern, BAND) };
    member *members = malloc(n * sizeof *members);
    char *texts = make_place(to, files);
    if (!members || !texts) gwt_fail(g, GWT_E_MEMORY, "out of memory");
    bool good = members && texts && find_parts(g, pattern, files, members, texts + n * DATE_SIZE);
    if (good) order_scenes(to, members, n, texts);
    good = good && order_bands(g, to, members, n) && check_full(g, to, members, n);
    if (good) to->scenes[to->num_scenes] = NULL;
    to->time_names = has(pattern, SCENE) || has(pattern, TIME) ? to->scenes : NULL;
    free(members);
    return good;
}

void groups_free(groups *to)
{
    free(to->memory);
    *to = (groups){ .memory = NULL };
}
