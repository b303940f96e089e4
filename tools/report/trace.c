// trace.c - see trace.h.
//
// The whole file is in memory. Its strings are decoded where they stand: no escape is shorter than
// the UTF-8 it means. Objects are read by tables of the members that matter; others are skipped.

#include "trace.h"

#include "../cli/cli.h"
#include "../json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *const trace_stage_names[TRACE_STAGES] = {
    "read", "decode", "compute", "user", "encode", "write", "other", "schedule",
    "wait:tile", "wait:writer", "wait:lock"
};

enum { MAX_DEPTH = 64 };
static const size_t max_file = (size_t)1 << 30;
static const double max_time = 9e12, max_bytes = 9007199254740992.0;  // 104 days in us; 2^53

typedef struct reader {
    const char *path;
    char *at, *end;            // *end is a NUL
    long line;
    trace *to;
    size_t room_lanes, room_events, room_keys, room_points[TRACE_SERIES], room_operations;
    uint32_t *slots;           // a hash table of keys: their index + 1, 0 where free
    size_t slot_count, last_lane;
} reader;

static bool fail(const reader *r, const char *format, ...)
{
    char what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    cli_error("%s: line %ld: %s", r->path, r->line, what);
    return false;
}

static bool no_memory(const reader *r)
{
    cli_error("%s: out of memory", r->path);
    return false;
}

// Room for one more of the `size` bytes each.
static bool grow(const reader *r, void **array, size_t *room, size_t count, size_t size)
{
    if (count < *room) return true;
    size_t wanted = *room ? *room * 2 : 64;
    void *larger = wanted <= SIZE_MAX / 2 / size ? realloc(*array, wanted * size) : NULL;
    if (!larger) return no_memory(r);
    *array = larger;
    *room = wanted;
    return true;
}

// ---- JSON -------------------------------------------------------------------------------------

static void skip_blanks(reader *r)
{
    for (; *r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'; r->at++)
        r->line += *r->at == '\n';
}

// What stands here is not what should.
static bool unexpected(const reader *r, const char *wanted)
{
    if (r->at >= r->end) return fail(r, "the file ends where %s should be", wanted);
    unsigned char c = (unsigned char)*r->at;
    if (c < 0x20 || c >= 0x7F) return fail(r, "byte 0x%02X where %s should be", c, wanted);
    return fail(r, "'%c' where %s should be", c, wanted);
}

static bool next_is(reader *r, char c)
{
    skip_blanks(r);
    if (*r->at != c || r->at >= r->end) return false;
    r->at++;
    return true;
}

static bool read_hex4(reader *r, unsigned *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        static const char digits[] = "0123456789abcdefABCDEF";
        const char *digit = *r->at ? strchr(digits, *r->at) : NULL;
        if (!digit) return fail(r, "an escape \\u without four hexadecimal digits");
        unsigned value = (unsigned)(digit - digits);
        *code = *code * 16 + (value > 15 ? value - 6 : value);
    }
    return true;
}

static char *put_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned heads[] = { 0, 0xC0, 0xE0, 0xF0 };
    *to++ = (char)(heads[more] | code >> (6 * more));
    while (more-- > 0) *to++ = (char)(0x80 | (code >> (6 * more) & 0x3F));
    return to;
}

// What follows \u: a code point, or two halves of one. A half alone, and the NUL that would end
// the text, become U+FFFD.
static bool read_code(reader *r, unsigned *code)
{
    unsigned low;
    if (!read_hex4(r, code)) return false;
    bool high = *code >= 0xD800 && *code < 0xDC00;
    if (high && r->at[0] == '\\' && r->at[1] == 'u') {
        char *back = r->at;
        r->at += 2;
        if (!read_hex4(r, &low)) return false;
        if (low >= 0xDC00 && low < 0xE000) {
            *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
            return true;
        }
        r->at = back;
    }
    if (*code == 0 || (*code >= 0xD800 && *code < 0xE000)) *code = 0xFFFD;
    return true;
}

static bool read_escape(reader *r, char **to)
{
    static const char letters[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    const char *letter = *r->at ? strchr(letters, *r->at) : NULL;
    unsigned code;
    if (*r->at == 'u') {
        r->at++;
        if (!read_code(r, &code)) return false;
    } else if (letter) {
        code = (unsigned char)means[letter - letters];
        r->at++;
    } else return unexpected(r, "an escape");
    *to = put_utf8(*to, code);
    return true;
}

// One character of a string; bytes that are not UTF-8 become question marks.
static bool read_character(reader *r, char **to)
{
    if ((unsigned char)*r->at < 0x20) {
        if (r->at >= r->end) return fail(r, "the file ends in a string");
        return fail(r, "a control character in a string");
    }
    if (*r->at == '\\') {
        r->at++;
        return read_escape(r, to);
    }
    size_t length = json_utf8_length(r->at);
    if (length == 0) *r->at = '?';
    memmove(*to, r->at, length ? length : 1);
    *to += length ? length : 1;
    r->at += length ? length : 1;
    return true;
}

static bool read_string(reader *r, char **text)
{
    if (!next_is(r, '"')) return unexpected(r, "a string");
    char *to = *text = r->at;
    while (*r->at != '"')
        if (!read_character(r, &to)) return false;
    r->at++;
    *to = '\0';
    return true;
}

static char *skip_digits(char *at) { return at + strspn(at, "0123456789"); }

static bool read_number(reader *r, double *value)
{
    skip_blanks(r);
    char *from = r->at, *at = from + (*from == '-'), *end = skip_digits(at);
    bool good = end > at && (*at != '0' || end == at + 1);
    if (good && *end == '.') {
        at = end + 1;
        end = skip_digits(at);
        good = end > at;
    }
    if (good && (*end == 'e' || *end == 'E')) {
        at = end + 1;
        at += *at == '+' || *at == '-';
        end = skip_digits(at);
        good = end > at;
    }
    if (!good) return unexpected(r, "a number");
    *value = strtod(from, NULL);
    if (!isfinite(*value)) return fail(r, "a number that is too large");
    r->at = end;
    return true;
}

// Each turn of a loop over an array or object that ends in `close`: false at the end, and after
// an error, which sets *good to false.
static bool next_item(reader *r, char close, bool *first, bool *good)
{
    if (next_is(r, close)) return false;
    if (!*first && !next_is(r, ',')) {
        *good = unexpected(r, close == ']' ? "',' or ']'" : "',' or '}'");
        return false;
    }
    *first = false;
    return true;
}

static bool read_name(reader *r, char **name)
{
    return read_string(r, name) && (next_is(r, ':') || unexpected(r, "':'"));
}

static bool skip_word(reader *r)
{
    static const char *const words[] = { "true", "false", "null" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(r->at, words[i], strlen(words[i])) == 0) {
            r->at += strlen(words[i]);
            return true;
        }
    return unexpected(r, "a value");
}

static bool skip_value(reader *r, int depth)
{
    char *text;
    double number;
    bool first = true, good = true;
    skip_blanks(r);
    char open = *r->at;
    if (open == '"') return read_string(r, &text);
    if (open == '-' || (open >= '0' && open <= '9')) return read_number(r, &number);
    if (open != '{' && open != '[') return skip_word(r);
    if (depth >= MAX_DEPTH) return fail(r, "more than %d values within another", MAX_DEPTH);
    r->at++;
    while (good && next_item(r, open == '{' ? '}' : ']', &first, &good))
        good = (open == '[' || read_name(r, &text)) && skip_value(r, depth + 1);
    return good;
}

// ---- objects by tables ------------------------------------------------------------------------

typedef enum field_kind {
    FIELD_TEXT, FIELD_NUMBER, FIELD_NUMBERS, FIELD_TEXTS, FIELD_OBJECT, FIELD_EVENTS
} field_kind;

typedef struct numbers { size_t count; double values[TRACE_MAX_CHUNKS]; } numbers;
typedef struct texts { size_t count; char *values[TRACE_MAX_FACTS]; } texts;

typedef struct field {
    const char *name;          // NULL ends a table
    field_kind kind;
    size_t to;                 // offset in the struct: a char *, double, numbers or texts
    const struct field *fields; // FIELD_OBJECT: they go to the same struct
} field;

static bool read_object(reader *r, const field *fields, void *to, int depth);
static bool read_events(reader *r);

static bool read_numbers(reader *r, numbers *n)
{
    bool first = true, good = true;
    *n = (numbers){ .count = 0 };
    if (!next_is(r, '[')) return unexpected(r, "'['");
    while (good && next_item(r, ']', &first, &good)) {
        if (n->count == TRACE_MAX_CHUNKS)
            return fail(r, "more than %d chunk sizes", TRACE_MAX_CHUNKS);
        good = read_number(r, &n->values[n->count++]);
    }
    return good;
}

static bool read_texts(reader *r, texts *t)
{
    bool first = true, good = true;
    *t = (texts){ .count = 0 };
    if (!next_is(r, '[')) return unexpected(r, "'['");
    while (good && next_item(r, ']', &first, &good)) {
        if (t->count == TRACE_MAX_FACTS) return fail(r, "more than %d facts", TRACE_MAX_FACTS);
        good = read_string(r, &t->values[t->count++]);
    }
    return good;
}

static bool read_field(reader *r, const field *f, void *to, int depth)
{
    void *place = (char *)to + f->to;
    switch (f->kind) {
    case FIELD_TEXT: return read_string(r, place);
    case FIELD_NUMBER: return read_number(r, place);
    case FIELD_NUMBERS: return read_numbers(r, place);
    case FIELD_TEXTS: return read_texts(r, place);
    case FIELD_OBJECT: return read_object(r, f->fields, to, depth + 1);
    case FIELD_EVENTS: return read_events(r);
    }
    return false;
}

static bool read_object(reader *r, const field *fields, void *to, int depth)
{
    char *name;
    bool first = true, good = true;
    if (!next_is(r, '{')) return unexpected(r, "'{'");
    while (good && next_item(r, '}', &first, &good)) {
        if (!read_name(r, &name)) return false;
        const field *f = fields;
        while (f->name && strcmp(f->name, name) != 0) f++;
        good = f->name ? read_field(r, f, to, depth) : skip_value(r, depth + 1);
    }
    return good;
}

// ---- events -----------------------------------------------------------------------------------

// One of "traceEvents" as it stands; numbers that are missing are NaN, texts NULL.
typedef struct raw_event {
    char *phase, *name, *key, *thread;
    double pid, tid, ts, dur, in, out, ends, depth;
    double mb, percent, read, written, faults, hits, ms;
} raw_event;

#define TO(member) offsetof(raw_event, member)

static const field args_fields[] = {
    { "key", FIELD_TEXT, TO(key), NULL }, { "name", FIELD_TEXT, TO(thread), NULL },
    { "in", FIELD_NUMBER, TO(in), NULL }, { "out", FIELD_NUMBER, TO(out), NULL },
    { "ends", FIELD_NUMBER, TO(ends), NULL }, { "depth", FIELD_NUMBER, TO(depth), NULL },
    { "MB", FIELD_NUMBER, TO(mb), NULL }, { "percent", FIELD_NUMBER, TO(percent), NULL },
    { "read", FIELD_NUMBER, TO(read), NULL }, { "written", FIELD_NUMBER, TO(written), NULL },
    { "per_s", FIELD_NUMBER, TO(faults), NULL }, { "hits", FIELD_NUMBER, TO(hits), NULL },
    { "ms", FIELD_NUMBER, TO(ms), NULL },
    { NULL, FIELD_TEXT, 0, NULL }
};

static const field event_fields[] = {
    { "ph", FIELD_TEXT, TO(phase), NULL }, { "name", FIELD_TEXT, TO(name), NULL },
    { "pid", FIELD_NUMBER, TO(pid), NULL }, { "tid", FIELD_NUMBER, TO(tid), NULL },
    { "ts", FIELD_NUMBER, TO(ts), NULL }, { "dur", FIELD_NUMBER, TO(dur), NULL },
    { "args", FIELD_OBJECT, 0, args_fields }, { NULL, FIELD_TEXT, 0, NULL }
};

#undef TO

// A number from 0 to `limit`; `fallback` when it is missing, which is an error when that is NaN.
static bool take(const reader *r, const char *name, double *value, double limit, double fallback)
{
    if (isnan(*value)) *value = fallback;
    if (isnan(*value)) return fail(r, "an event without \"%s\"", name);
    if (*value >= 0 && *value <= limit) return true;
    return fail(r, "\"%s\" is %.6g: it should be from 0 to %.6g", name, *value, limit);
}

static bool take_ids(const reader *r, raw_event *e)
{
    return take(r, "pid", &e->pid, INT32_MAX, 0) && take(r, "tid", &e->tid, INT32_MAX, 0);
}

// The lane of a worker, made when it is new.
static bool find_lane(reader *r, int64_t pid, int64_t tid, size_t *index)
{
    trace *t = r->to;
    void *lanes = t->lanes;
    size_t i = r->last_lane;
    if (i >= t->lane_count || t->lanes[i].pid != pid || t->lanes[i].tid != tid)
        for (i = 0; i < t->lane_count; i++)
            if (t->lanes[i].pid == pid && t->lanes[i].tid == tid) break;
    if (i == t->lane_count) {
        if (i == TRACE_MAX_LANES) return fail(r, "more than %d workers", TRACE_MAX_LANES);
        if (!grow(r, &lanes, &r->room_lanes, i, sizeof *t->lanes)) return false;
        t->lanes = lanes;
        t->lanes[t->lane_count++] = (trace_lane){ .pid = pid, .tid = tid };
    }
    *index = r->last_lane = i;
    return true;
}

static uint32_t hash_text(const char *text)  // FNV-1a
{
    uint32_t hash = 2166136261u;
    while (*text) hash = (hash ^ (unsigned char)*text++) * 16777619u;
    return hash;
}

// The slot of a key, or the free one it would have.
static uint32_t *find_slot(const reader *r, const char *key)
{
    size_t i = hash_text(key) & (r->slot_count - 1);
    while (r->slots[i] && strcmp(r->to->keys[r->slots[i] - 1], key) != 0)
        i = (i + 1) & (r->slot_count - 1);
    return &r->slots[i];
}

// At least half of the slots are free, so a search ends.
static bool more_slots(reader *r)
{
    if (r->to->key_count * 2 < r->slot_count) return true;
    r->slot_count = r->slot_count ? r->slot_count * 2 : 1024;
    free(r->slots);
    r->slots = calloc(r->slot_count, sizeof *r->slots);
    if (!r->slots) return no_memory(r);
    for (size_t k = 0; k < r->to->key_count; k++)
        *find_slot(r, r->to->keys[k]) = (uint32_t)k + 1;
    return true;
}

static bool find_key(reader *r, const char *key, uint32_t *index)
{
    trace *t = r->to;
    void *keys = t->keys;
    if (!more_slots(r)) return false;
    uint32_t *slot = find_slot(r, key);
    if (*slot == 0) {
        if (!grow(r, &keys, &r->room_keys, t->key_count, sizeof *t->keys)) return false;
        t->keys = keys;
        t->keys[t->key_count++] = key;
        *slot = (uint32_t)t->key_count;
    }
    *index = *slot - 1;
    return true;
}

static trace_stage stage_named(const char *name)
{
    for (int s = 0; s < TRACE_STAGES; s++)
        if (strcmp(trace_stage_names[s], name) == 0) return (trace_stage)s;
    return TRACE_OTHER;
}

// An "X": a stage of a task.
static bool add_event(reader *r, raw_event *e)
{
    trace *t = r->to;
    void *events = t->events;
    size_t lane;
    uint32_t key;
    if (!e->name) return fail(r, "an event without \"name\"");
    if (!take_ids(r, e) || !take(r, "ts", &e->ts, max_time, NAN) ||
        !take(r, "dur", &e->dur, max_time - e->ts, NAN) || !take(r, "in", &e->in, max_bytes, 0) ||
        !take(r, "out", &e->out, max_bytes, 0) || !take(r, "ends", &e->ends, 1, 1) ||
        !take(r, "depth", &e->depth, TRACE_MAX_DEPTH - 1, 0) ||
        !find_key(r, e->key ? e->key : "", &key) ||
        !find_lane(r, (int64_t)e->pid, (int64_t)e->tid, &lane)) return false;
    if (t->event_count == TRACE_MAX_EVENTS)
        return fail(r, "more than %d events", TRACE_MAX_EVENTS);
    if (!grow(r, &events, &r->room_events, t->event_count, sizeof *t->events)) return false;
    t->events = events;
    // The end is rounded, not the length: what abuts in the dump does so here.
    int64_t start = llround(e->ts * 1000), end = llround((e->ts + e->dur) * 1000);
    t->events[t->event_count++] = (trace_event){
        .start = start, .length = end - start, .in = (int64_t)e->in, .out = (int64_t)e->out,
        .lane = (uint32_t)lane, .key = key, .stage = stage_named(e->name),
        .ends = e->ends != 0, .depth = (uint8_t)e->depth
    };
    return true;
}

static bool add_point(reader *r, const raw_event *e, trace_series series, double value)
{
    trace *t = r->to;
    void *points = t->points[series];
    size_t n = t->point_count[series];
    if (isnan(value)) return true;
    if (!take(r, "value", &value, 1e12, NAN)) return false;
    if (n == TRACE_MAX_EVENTS) return fail(r, "more than %d counters", TRACE_MAX_EVENTS);
    if (!grow(r, &points, &r->room_points[series], n, sizeof **t->points)) return false;
    t->points[series] = points;
    t->points[series][t->point_count[series]++] = (trace_point){
        .pid = (int64_t)e->pid, .at = llround(e->ts * 1000), .value = value, .order = n
    };
    return true;
}

// What became of all requests for tiles, once for each process.
static bool add_requests(reader *r, raw_event *e)
{
    if (!take(r, "in", &e->in, max_bytes, 0) || !take(r, "hits", &e->hits, max_bytes, 0))
        return false;
    r->to->tiles_in += e->in;
    r->to->hits += e->hits;
    return true;
}

static bool find_operation(reader *r, const char *name, uint32_t *index)
{
    trace *t = r->to;
    size_t i = 0;
    while (i < t->operation_name_count && strcmp(t->operation_names[i], name) != 0) i++;
    if (i == TRACE_MAX_OPERATIONS)
        return fail(r, "more than %d operations", TRACE_MAX_OPERATIONS);
    if (i == t->operation_name_count) t->operation_names[t->operation_name_count++] = name;
    *index = (uint32_t)i;
    return true;
}

static bool add_operation(reader *r, raw_event *e, const char *name)
{
    trace *t = r->to;
    void *list = t->operations;
    uint32_t index = 0;
    if (!take(r, "ms", &e->ms, max_time / 1e3, NAN) || !find_operation(r, name, &index))
        return false;
    if (t->operation_count == TRACE_MAX_EVENTS)
        return fail(r, "more than %d operations", TRACE_MAX_EVENTS);
    if (!grow(r, &list, &r->room_operations, t->operation_count, sizeof *t->operations))
        return false;
    t->operations = list;
    t->operations[t->operation_count++] = (trace_operation){
        .pid = (int64_t)e->pid, .at = llround(e->ts * 1000), .spent = e->ms * 1e6, .name = index
    };
    return true;
}

// A "C": the counters of one name at a time.
static bool add_counters(reader *r, raw_event *e)
{
    if (!e->name) return fail(r, "a counter without \"name\"");
    if (!take_ids(r, e) || !take(r, "ts", &e->ts, max_time, NAN)) return false;
    if (strcmp(e->name, "memory") == 0) return add_point(r, e, TRACE_MEMORY, e->mb);
    if (strcmp(e->name, "cache") == 0) return add_point(r, e, TRACE_CACHE, e->mb);
    if (strcmp(e->name, "cpu") == 0) return add_point(r, e, TRACE_CPU, e->percent);
    if (strcmp(e->name, "tiles") == 0) return add_requests(r, e);
    if (strcmp(e->name, "faults") == 0) return add_point(r, e, TRACE_FAULTS, e->faults);
    if (strncmp(e->name, "op:", 3) == 0) return add_operation(r, e, e->name + 3);
    if (strcmp(e->name, "io") != 0) return true;
    return add_point(r, e, TRACE_BYTES_READ, e->read) &&
           add_point(r, e, TRACE_BYTES_WRITTEN, e->written);
}

// An "M": a thread's name.
static bool add_name(reader *r, raw_event *e)
{
    size_t lane;
    if (!e->name || strcmp(e->name, "thread_name") != 0) return true;
    if (!take_ids(r, e) || !find_lane(r, (int64_t)e->pid, (int64_t)e->tid, &lane)) return false;
    r->to->lanes[lane].name = e->thread;
    return true;
}

static bool read_event(reader *r)
{
    raw_event e = { .pid = NAN, .tid = NAN, .ts = NAN, .dur = NAN, .in = NAN, .out = NAN,
                    .ends = NAN, .depth = NAN, .mb = NAN, .percent = NAN, .read = NAN,
                    .written = NAN, .faults = NAN, .hits = NAN, .ms = NAN };
    skip_blanks(r);
    if (!read_object(r, event_fields, &e, 2)) return false;
    if (!e.phase) return fail(r, "an event without \"ph\"");
    if (strcmp(e.phase, "X") == 0) return add_event(r, &e);
    if (strcmp(e.phase, "C") == 0) return add_counters(r, &e);
    return strcmp(e.phase, "M") != 0 || add_name(r, &e);  // other kinds have nothing for us
}

static bool read_events(reader *r)
{
    bool first = true, good = true;
    if (!next_is(r, '[')) return unexpected(r, "'['");
    while (good && next_item(r, ']', &first, &good)) good = read_event(r);
    return good;
}

// ---- the whole dump ---------------------------------------------------------------------------

typedef struct head {
    char *gwt, *label, *input, *output;
    double workers, processors, seconds;
    numbers chunks;
    texts facts;
} head;

#define TO(member) offsetof(head, member)

static const field head_fields[] = {
    { "gwt", FIELD_TEXT, TO(gwt), NULL }, { "label", FIELD_TEXT, TO(label), NULL },
    { "input", FIELD_TEXT, TO(input), NULL }, { "output", FIELD_TEXT, TO(output), NULL },
    { "workers", FIELD_NUMBER, TO(workers), NULL },
    { "processors", FIELD_NUMBER, TO(processors), NULL },
    { "seconds", FIELD_NUMBER, TO(seconds), NULL },
    { "chunks", FIELD_NUMBERS, TO(chunks), NULL }, { "facts", FIELD_TEXTS, TO(facts), NULL },
    { NULL, FIELD_TEXT, 0, NULL }
};

static const field dump_fields[] = {
    { "otherData", FIELD_OBJECT, 0, head_fields }, { "traceEvents", FIELD_EVENTS, 0, NULL },
    { NULL, FIELD_TEXT, 0, NULL }
};

#undef TO

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

// Workers that never had an event are lanes too, where their numbers are known.
static bool add_idle_lanes(reader *r, double workers)
{
    size_t lane;
    int64_t pid = r->to->lane_count ? r->to->lanes[0].pid : 1;
    for (size_t i = 0; i < r->to->lane_count; i++)
        if (r->to->lanes[i].pid != pid) return true;  // "workers" may be of one rank or of all
    for (int64_t tid = 0; (double)r->to->lane_count < workers; tid++)
        if (!find_lane(r, pid, tid, &lane)) return false;
    return true;
}

// "NAME=VALUE"; without a sign the whole is the value.
static void take_facts(trace *t, const texts *facts)
{
    for (size_t i = 0; i < facts->count; i++) {
        char *equals = strchr(facts->values[i], '=');
        t->facts[t->fact_count++] = (trace_fact){ equals ? facts->values[i] : "",
                                                  equals ? equals + 1 : facts->values[i] };
        if (equals) *equals = '\0';
    }
}

static bool take_head(reader *r, head *h)
{
    trace *t = r->to;
    if (!h->gwt) {
        cli_error("%s: no \"gwt\" in \"otherData\": not a dump of a gwt profile", r->path);
        return false;
    }
    t->label = h->label && *h->label ? h->label : base_name(r->path);
    t->input = h->input ? h->input : "";
    t->output = h->output ? h->output : "";
    take_facts(t, &h->facts);
    if (!take(r, "workers", &h->workers, TRACE_MAX_LANES, 0) ||
        !take(r, "processors", &h->processors, 1 << 20, 0) ||
        !take(r, "seconds", &h->seconds, max_time / 1e6, 0)) return false;
    t->wall = llround(h->seconds * 1e9);
    t->processors = (int)h->processors;
    t->chunk_count = h->chunks.count;
    for (size_t i = 0; i < h->chunks.count; i++) {
        if (!take(r, "chunks", &h->chunks.values[i], max_bytes, NAN)) return false;
        t->chunks[i] = (int64_t)h->chunks.values[i];
    }
    return add_idle_lanes(r, h->workers);
}

// What is no object may be another of the things that a profile can be saved as.
static bool check_kind(const reader *r)
{
    static const char *const tables[] = { "worker,stage,", "time_s,", "file,tile," };
    bool table = false;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        table = table || strncmp(r->at, tables[i], strlen(tables[i])) == 0;
    if (*r->at == '{' || r->at == r->end) return true;
    cli_error("%s: is %s: give the FILE.json of gwt calc --profile FILE.json", r->path,
              table ? "a table, not a trace" : "not a trace");
    return false;
}

static bool read_dump(reader *r)
{
    head h = { .workers = NAN, .processors = NAN, .seconds = NAN };
    if (strncmp(r->at, "\xEF\xBB\xBF", 3) == 0) r->at += 3;
    skip_blanks(r);
    if (!check_kind(r)) return false;
    if (!read_object(r, dump_fields, &h, 0)) return false;
    skip_blanks(r);
    if (r->at < r->end) return unexpected(r, "the end of the file");
    if (!take_head(r, &h)) return false;
    if (r->to->event_count) return true;
    cli_error("%s: no events: nothing was recorded", r->path);
    return false;
}

// ---- in order ---------------------------------------------------------------------------------

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_lanes(const void *left, const void *right)
{
    const trace_lane *a = left, *b = right;
    return a->pid != b->pid ? COMPARE(a->pid, b->pid) : COMPARE(a->tid, b->tid);
}

static int compare_events(const void *left, const void *right)
{
    const trace_event *a = left, *b = right;
    if (a->lane != b->lane) return COMPARE(a->lane, b->lane);
    if (a->start != b->start) return COMPARE(a->start, b->start);
    if (a->length != b->length) return COMPARE(a->length, b->length);
    return a->stage != b->stage ? COMPARE(a->stage, b->stage) : COMPARE(a->key, b->key);
}

static int compare_points(const void *left, const void *right)
{
    const trace_point *a = left, *b = right;
    if (a->pid != b->pid) return COMPARE(a->pid, b->pid);
    return a->at != b->at ? COMPARE(a->at, b->at) : COMPARE(a->order, b->order);
}

// Lanes by pid and tid; `first` holds where each was until the events know.
static void sort_lanes(trace *t)
{
    uint32_t moved[TRACE_MAX_LANES];
    for (size_t i = 0; i < t->lane_count; i++) t->lanes[i].first = i;
    qsort(t->lanes, t->lane_count, sizeof *t->lanes, compare_lanes);
    for (size_t i = 0; i < t->lane_count; i++) {
        moved[t->lanes[i].first] = (uint32_t)i;
        t->lanes[i].first = 0;
        t->many = t->many || t->lanes[i].pid != t->lanes[0].pid;
    }
    for (size_t i = 0; i < t->event_count; i++) t->events[i].lane = moved[t->events[i].lane];
}

static void sort_trace(trace *t)
{
    sort_lanes(t);
    qsort(t->events, t->event_count, sizeof *t->events, compare_events);
    int64_t busy_until = 0;
    for (size_t i = 0; i < t->event_count; i++) {
        const trace_event *e = &t->events[i];
        trace_lane *lane = &t->lanes[e->lane];
        int64_t end = e->start + e->length;
        if (lane->count++ == 0) {
            lane->first = i;
            busy_until = 0;
        }
        if (e->start < busy_until) t->overlap += (end < busy_until ? end : busy_until) - e->start;
        if (end > busy_until) busy_until = end;
        if (end > t->wall) t->wall = end;
    }
    if (t->wall < 1) t->wall = 1;
    for (int s = 0; s < TRACE_SERIES; s++)
        if (t->point_count[s])
            qsort(t->points[s], t->point_count[s], sizeof **t->points, compare_points);
}

// ---- files ------------------------------------------------------------------------------------

// All of a stream, with a NUL after it.
static bool read_all(FILE *from, const char *path, char **text, size_t *size)
{
    size_t room = 1 << 16;
    *text = malloc(room);
    *size = 0;
    while (*text) {
        *size += fread(*text + *size, 1, room - 1 - *size, from);
        if (*size < room - 1) break;
        char *larger = room <= max_file ? realloc(*text, room * 2) : NULL;
        if (room > max_file) cli_error("%s: larger than %zu MiB", path, max_file >> 20);
        else if (!larger) cli_error("%s: out of memory", path);
        if (!larger) return false;
        *text = larger;
        room *= 2;
    }
    if (!*text) cli_error("%s: out of memory", path);
    else if (ferror(from)) cli_error("%s: can't be read: %s", path, strerror(errno));
    else {
        (*text)[*size] = '\0';
        return true;
    }
    return false;
}

bool trace_read(trace *t, const char *path)
{
    size_t size = 0;
    *t = (trace){ .path = path };
    FILE *from = fopen(path, "rb");
    if (!from) {
        cli_error("%s: %s", path, strerror(errno));
        return false;
    }
    bool good = read_all(from, path, &t->text, &size);
    fclose(from);
    reader r = { .path = path, .at = t->text, .end = t->text + size, .line = 1, .to = t };
    good = good && read_dump(&r);
    free(r.slots);
    if (good) sort_trace(t);
    else trace_free(t);
    return good;
}

void trace_free(trace *t)
{
    for (int s = 0; s < TRACE_SERIES; s++) free(t->points[s]);
    free(t->lanes);
    free(t->events);
    free(t->operations);
    free((void *)t->keys);
    free(t->text);
    *t = (trace){ .path = NULL };
}

char *trace_lane_name(const trace *t, const trace_lane *lane, char buffer[TRACE_NAME])
{
    char rank[32] = "";
    if (t->many) snprintf(rank, sizeof rank, "%" PRId64 ": ", lane->pid);
    if (lane->name) snprintf(buffer, TRACE_NAME, "%s%s", rank, lane->name);
    else snprintf(buffer, TRACE_NAME, "%sworker %" PRId64, rank, lane->tid);
    size_t length = strlen(buffer);
    if (length == TRACE_NAME - 1) {  // cut: not within a character
        while (length > 0 && ((unsigned char)buffer[length - 1] & 0xC0) == 0x80) length--;
        if (length > 0 && (unsigned char)buffer[length - 1] >= 0xC0) length--;
        buffer[length] = '\0';
    }
    return buffer;
}
