// profile.c - see profile.h.

#define _POSIX_C_SOURCE 200809L

#include "profile.h"

#include "../report/report.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool ends_in(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);
    return n > k && strcmp(text + n - k, end) == 0;
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
