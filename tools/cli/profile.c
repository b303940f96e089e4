// profile.c - see profile.h.

#define _POSIX_C_SOURCE 200809L

#include "profile.h"

#include "../report/report.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <tiffio.h>

// ---- facts ------------------------------------------------------------------------------------

// One that has no room, or is one too many, is left out.
static void add_fact(profile_facts *f, const char *format, ...)
{
    size_t left = sizeof f->room - f->used;
    char *to = f->room + f->used;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(to, left, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= left || f->count == PROFILE_FACTS) return;
    f->list[f->count++] = to;
    f->used += (size_t)n + 1;
}

void profile_facts_begin(profile_facts *f)
{
    char date[64] = "";
    struct utsname machine;
    time_t now = time(NULL);
    const struct tm *utc = gmtime(&now);
    const char *version = TIFFGetVersion(), *number = strstr(version, "Version ");
    *f = (profile_facts){ .count = 0 };
    if (utc) strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S UTC", utc);
    add_fact(f, "command=%s", cli_line());
    add_fact(f, "date=%s", date);
    if (uname(&machine) >= 0)
        add_fact(f, "host=%s, %s %s, %s", machine.nodename, machine.sysname, machine.release,
                 machine.machine);
    if (number) version = number + strlen("Version ");
    add_fact(f, "libtiff=%.*s", (int)strcspn(version, "\n"), version);
}

void profile_facts_output(profile_facts *f, gwt *g, const char *path)
{
    char size[32];
    struct stat st;
    const gwt_info *i = gwt_describe(gwt_open(g, path, .ignore_mask = true));
    if (i->shape[3] == 0 || stat(path, &st) != 0) return;
    add_fact(f, "output=%s: %lld x %lld pixels, %lld band%s of %s, %s, tiles of %lld x %lld, %s",
             path, (long long)i->shape[3], (long long)i->shape[2], (long long)i->shape[1],
             i->shape[1] == 1 ? "" : "s", gwt_dtype_name(i->dtype),
             strcmp(i->compression, "none") == 0 ? "not compressed" : i->compression,
             (long long)i->tile[1], (long long)i->tile[0], cli_bytes((double)st.st_size, size));
}

// ---- files ------------------------------------------------------------------------------------

static bool ends_in(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);
    return n > k && strcasecmp(text + n - k, end) == 0;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

// What the names of the tables begin with.
static bool find_prefix(const char *file, char prefix[CLI_PATH])
{
    size_t n = strlen(file);
    const char *more = !is_folder(file) ? "" : file[n - 1] == '/' ? "profile" : "/profile";
    if (snprintf(prefix, CLI_PATH, "%s%s", file, more) < CLI_PATH) return true;
    return cli_error("%s: the name is too long", file), false;
}

static bool has_folder(const char *path)
{
    char folder[CLI_PATH];
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path) return true;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    return is_folder(folder) || (cli_error("%s: no such folder", folder), false);
}

bool profile_may_write(const char *file, int ranks, const char *const *inputs, size_t count,
                       bool overwrite)
{
    static const char *const tables[] = { "events", "resources", "cache" };
    char prefix[CLI_PATH], path[CLI_PATH + 32];
    if (!*file) return cli_error("--profile wants a FILE"), false;
    if (ends_in(file, ".html") || ends_in(file, ".json"))
        return has_folder(file) && cli_may_create(file, inputs, count, overwrite);
    bool good = find_prefix(file, prefix) && has_folder(prefix);
    for (int rank = 0; rank < ranks; rank++)
        for (size_t i = 0; i < sizeof tables / sizeof *tables && good; i++) {
            if (rank == 0) snprintf(path, sizeof path, "%s_%s.csv", prefix, tables[i]);
            else snprintf(path, sizeof path, "%s_rank%d_%s.csv", prefix, rank, tables[i]);
            good = cli_may_create(path, inputs, count, overwrite);
        }
    return good;
}

// The page of a trace that has just been written.
static bool make_page(const char *json, const char *file)
{
    trace t;
    digest d;
    cli_output out;
    bool good = false;
    if (!trace_read(&t, json)) return false;
    if (digest_make(&d, &t)) {
        good = cli_output_open(&out, file, NULL, true);
        if (good) report_page(out.stream, &t, &d, 1);
        good = good && cli_output_close(&out, true);
        digest_free(&d);
    }
    trace_free(&t);
    return good;
}

// Rank 0 writes the trace of all, and the page; where it can't, the others have to learn of it.
static bool save_page(gwt *g, const gwt_profile *p, const char *file)
{
    char folder[CLI_PATH], json[CLI_PATH + 16] = "";
    bool first = gwt_rank(g) == 0, made = first && cli_make_folder(folder);
    if (made) snprintf(json, sizeof json, "%s/trace.json", folder);
    else if (gwt_num_ranks(g) == 1) return false;
    bool good = gwt_profile_save_trace(g, p, made || !first ? json : NULL);
    if (!made) return good && !first;
    good = good && make_page(json, file);
    remove(json);
    rmdir(folder);
    return good;
}

bool profile_save(gwt *g, const gwt_profile *p, const char *file)
{
    char prefix[CLI_PATH];
    if (ends_in(file, ".html")) return save_page(g, p, file);
    if (ends_in(file, ".json")) return gwt_profile_save_trace(g, p, file);
    return find_prefix(file, prefix) && gwt_profile_save_csv(g, p, prefix);
}
