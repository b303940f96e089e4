// test_shared_folder.c - saves and dumps where others write, too: what lies at OUT.part or beside
// it is taken over or removed only when it is ours, or when that was asked for; and nobody
// may read more of an output while it is made than when it is done.
//
// Two users are needed for some of it: root, who can be another one for a while.

#define _XOPEN_SOURCE 700
#define _DARWIN_C_SOURCE
#ifdef __linux__
#define _DEFAULT_SOURCE         // setgroups
#endif

#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EDGE = 96, BLOCK = 16, SOMEBODY = 65534 };

static const char precious[] = "somebody's work of a year";

static int begin(void **state)
{
    uint16_t raw[EDGE * EDGE];
    if (temp_begin(state) || chmod(temp_dir(), 0711)) return -1;
    umask(022);
    for (size_t i = 0; i < COUNT_OF(raw); i++) raw[i] = (uint16_t)(1 + noise(i) % 1000);
    tiff_write(temp_path("in.tif"), &(tiff_spec){ .width = EDGE, .height = EDGE,
                                                  .dtype = GWT_UINT16, .tile_width = 32,
                                                  .tile_height = 32 }, raw);
    return chmod(temp_path("in.tif"), 0644);
}

static bool is_root(void) { return geteuid() == 0; }

// A fresh folder that everybody may write to; sticky: only owners remove there.
static const char *folder(const char *name, mode_t mode)
{
    const char *path = temp_path("%s", name);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static struct stat stat_of(const char *path)
{
    struct stat st;
    REQUIRE(lstat(path, &st) == 0, "%s: %s", path, strerror(errno));
    return st;
}

static bool is_link(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static bool has_text(const char *path, const char *text)
{
    size_t size;
    unsigned char *there = file_read(path, &size);
    bool same = size == strlen(text) && memcmp(there, text, size) == 0;
    free(there);
    return same;
}

static void put(const char *path) { file_write(path, precious, sizeof precious - 1); }
static bool is_precious(const char *path) { return has_text(path, precious); }

// ---- a save, by any user ---------------------------------------------------------------------

typedef struct ask {
    const char *out;
    bool overwrite, resume;
    long stop_at;              // the kernel's n-th call says stop; 0: never
    const char *makes;         // its fifth one makes this file; NULL: none
    const char *keeps;         // and gives the journal this name, too; NULL: none
    uid_t user;                // 0: whoever runs the test
} ask;

typedef struct answer {
    gwt_code code;
    char message[512];
    mode_t part, journal;      // their modes while the save ran; 0: they were not there
} answer;

typedef struct watch {
    gwt *g;
    const ask *what;
    long calls;
    answer *to;
} watch;

static mode_t mode_of(const char *out, const char *end)
{
    char path[4096];
    struct stat st;
    snprintf(path, sizeof path, "%s%s", out, end);
    return lstat(path, &st) ? 0 : st.st_mode & 07777;
}

static int twice(const gwt_kernel *k, void *user)
{
    watch *w = user;
    for (int64_t i = 0; i < k->rows * k->cols; i++) k->out[i] = 2 * k->in[i];
    if (++w->calls == 1) {
        w->to->part = mode_of(w->what->out, ".part");
        w->to->journal = mode_of(w->what->out, ".part.journal");
    }
    if (w->calls == 5 && w->what->makes) put(w->what->makes);
    if (w->calls == 5 && w->what->keeps) {
        char journal[4096];
        snprintf(journal, sizeof journal, "%s.part.journal", w->what->out);
        if (link(journal, w->what->keeps)) return 2;
    }
    return w->calls == w->what->stop_at;
}

static answer save_here(const ask *what)
{
    answer to = { .code = GWT_OK };
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    watch w = { g, what, 0, &to };
    gwt_array *a = gwt_open(g, temp_path("in.tif"), .chunks = BLOCK);
    gwt_save(gwt_apply(a, twice, &w, .identity = "twice"), what->out, .tile_size = BLOCK,
             .overwrite = what->overwrite, .resume = what->resume);
    to.code = gwt_status(g);
    snprintf(to.message, sizeof to.message, "%.511s", gwt_message(g));
    gwt_end(g);
    return to;
}

// As another user, in a process of its own.
static answer save(ask what)
{
    answer to = { .code = GWT_E_USER, .message = "it crashed" };
    int ends[2], status;
    if (!what.user) return save_here(&what);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (setgroups(0, NULL) || setgid(SOMEBODY) || setuid(what.user)) _exit(1);
        to = save_here(&what);
        _exit(write(ends[1], &to, sizeof to) != (ssize_t)sizeof to);
    }
    close(ends[1]);
    ssize_t got = read(ends[0], &to, sizeof to);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    REQUIRE(got == (ssize_t)sizeof to && status == 0, "the other user's save: status %d", status);
    return to;
}

#define SAVE(...) save((ask){ __VA_ARGS__ })

static void is_refused(answer a, gwt_code code, const char *part, const char *why)
{
    REQUIRE(a.code == code && strstr(a.message, part) && strstr(a.message, why),
            "code %d: '%s': not code %d with '%s' and '%s'", (int)a.code, a.message, (int)code,
            part, why);
}

static void is_saved(answer a, const char *out)
{
    REQUIRE(a.code == GWT_OK, "code %d: %s", (int)a.code, a.message);
    const char *want = temp_path("want.tif");
    if (!file_exists(want)) {
        answer b = SAVE(.out = want);
        REQUIRE(b.code == GWT_OK, "%s", b.message);
    }
    REQUIRE(files_equal(out, want), "%s is not what it should be", out);
    assert_false(is_there(temp_path("%s.part", out + strlen(temp_dir()) + 1)));
    assert_false(is_there(temp_path("%s.part.journal", out + strlen(temp_dir()) + 1)));
}

// What an interrupted save of that user leaves.
static void leave(const char *out, uid_t user)
{
    answer a = SAVE(.out = out, .stop_at = 20, .user = user);
    REQUIRE(a.code == GWT_E_USER && strstr(a.message, "kernel"), "code %d: %s", (int)a.code,
            a.message);
}

typedef struct kept { struct stat part, journal; } kept;

static kept look(const char *part, const char *journal)
{
    return (kept){ stat_of(part), stat_of(journal) };
}

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mode == b->st_mode
        && a->st_uid == b->st_uid && a->st_nlink == b->st_nlink;
}

static void is_untouched(const kept *before, const char *part, const char *journal)
{
    kept now = look(part, journal);
    REQUIRE(same(&before->part, &now.part), "%s has changed", part);
    REQUIRE(same(&before->journal, &now.journal), "%s has changed", journal);
}

// ---- other users -----------------------------------------------------------------------------

// Who can't open it can't know whether its writer lives.
static void a_part_that_cannot_be_opened(void **state)
{
    (void)state;
    if (!is_root()) skip_loudly("another user's files need root to make them");
    folder("closed", 0777);
    const char *out = temp_path("closed/out.tif"), *part = temp_path("closed/out.tif.part"),
               *journal = temp_path("closed/out.tif.part.journal");
    leave(out, 0);
    assert_int_equal(chmod(part, 0600) | chmod(journal, 0600), 0);
    kept before = look(part, journal);
    for (int how = 0; how < 4; how++) {
        is_refused(SAVE(.out = out, .overwrite = how & 1, .resume = how & 2, .user = SOMEBODY),
                   GWT_E_IO, "out.tif.part", strerror(EACCES));
        is_untouched(&before, part, journal);
    }
    is_saved(SAVE(.out = out, .resume = true), out);
}

static void ones_own_part_that_is_read_only(void **state)
{
    (void)state;
    uid_t user = is_root() ? SOMEBODY : 0;
    folder("read_only", 0777);
    const char *out = temp_path("read_only/out.tif"), *part = temp_path("read_only/out.tif.part"),
               *journal = temp_path("read_only/out.tif.part.journal");
    leave(out, user);
    for (int which = 0; which < 2; which++) {
        assert_int_equal(chmod(part, which ? 0600 : 0400) | chmod(journal, which ? 0400 : 0600), 0);
        kept before = look(part, journal);
        for (int how = 0; how < 4; how++) {
            is_refused(SAVE(.out = out, .overwrite = how & 1, .resume = how & 2, .user = user),
                       GWT_E_IO, which ? "out.tif.part.journal" : "out.tif.part",
                       strerror(EACCES));
            is_untouched(&before, part, journal);
        }
    }
    assert_int_equal(chmod(journal, 0600), 0);
    is_saved(SAVE(.out = out, .resume = true, .user = user), out);
}

// What somebody else has prepared is not gone on with: its tiles may be anything.
static void a_part_of_somebody_else(void **state)
{
    (void)state;
    if (!is_root()) skip_loudly("another user's files need root to make them");
    folder("sticky", 01777);
    const char *out = temp_path("sticky/out.tif"), *part = temp_path("sticky/out.tif.part"),
               *journal = temp_path("sticky/out.tif.part.journal");
    for (int which = 0; which < 3; which++) {
        leave(out, SOMEBODY);
        if (which == 1) assert_int_equal(chown(part, 0, 0), 0);
        if (which == 2) assert_int_equal(chown(journal, 0, 0), 0);
        kept before = look(part, journal);
        const char *named = which == 1 ? "out.tif.part.journal" : "out.tif.part";
        is_refused(SAVE(.out = out, .resume = true), GWT_E_EXISTS, named, "another user");
        is_refused(SAVE(.out = out, .resume = true, .overwrite = true), GWT_E_EXISTS, named,
                   "another user");
        is_refused(SAVE(.out = out), GWT_E_EXISTS, named, "another user");
        is_untouched(&before, part, journal);
        assert_false(is_there(out));
        is_saved(SAVE(.out = out, .overwrite = true), out);
        assert_int_equal(stat_of(out).st_uid, 0);
        unlink(out);
    }
}

// Killed between the renaming and the end of the journal: done. But a journal of somebody else does
// not prove it, nor does one that has been left by a save whose part somebody has removed.
static void a_journal_beside_an_output(void **state)
{
    (void)state;
    folder("proof", 01777);
    const char *out = temp_path("proof/out.tif"),
               *journal = temp_path("proof/out.tif.part.journal"),
               *second = temp_path("proof/second");
    is_saved(SAVE(.out = out, .keeps = second), out);
    struct stat st = stat_of(out);
    assert_int_equal(rename(second, journal), 0);
    is_saved(SAVE(.out = out, .resume = true), out);
    assert_int_equal(stat_of(out).st_ino, st.st_ino);
    unlink(out);
    is_saved(SAVE(.out = out, .keeps = second), out);
    assert_int_equal(rename(second, journal), 0);
    if (is_root()) {
        assert_int_equal(chown(journal, SOMEBODY, SOMEBODY), 0);
        is_refused(SAVE(.out = out, .resume = true), GWT_E_EXISTS, "out.tif", "exists");
        assert_int_equal(chown(journal, 0, 0), 0);
    }
    // All tiles are there, and the part was given the name by hand before its header was written.
    size_t size;
    unsigned char *bytes = file_read(out, &size);
    memset(bytes, 0, 16);
    file_write(out, bytes, size);
    free(bytes);
    is_refused(SAVE(.out = out, .resume = true), GWT_E_EXISTS, "out.tif", "exists");
    assert_true(is_there(journal));
}

// ---- links and other files -------------------------------------------------------------------

static void a_part_with_another_name(void **state)
{
    (void)state;
    folder("names", 0777);
    const char *out = temp_path("names/out.tif"), *part = temp_path("names/out.tif.part"),
               *journal = temp_path("names/out.tif.part.journal"),
               *other = temp_path("names/other");
    for (int which = 0; which < 2; which++) {
        leave(out, 0);
        assert_int_equal(link(which ? journal : part, other), 0);
        kept before = look(part, journal);
        for (int overwrite = 0; overwrite < 2; overwrite++) {
            is_refused(SAVE(.out = out, .resume = true, .overwrite = overwrite), GWT_E_EXISTS,
                       which ? "out.tif.part.journal" : "out.tif.part", "another name");
            is_untouched(&before, part, journal);
        }
        struct stat st = stat_of(other);
        is_saved(SAVE(.out = out, .overwrite = true), out);
        assert_int_equal(stat_of(other).st_size, st.st_size);
        assert_int_equal(unlink(other) | unlink(out), 0);
    }
}

// A link, to something and to nothing, at OUT.part and at OUT.part.journal.
static void links(void **state)
{
    (void)state;
    folder("links", 0777);
    const char *out = temp_path("links/out.tif"), *target = temp_path("links/target");
    for (int kind = 0; kind < 4; kind++) {
        const char *at = temp_path("links/out.tif.part%s", kind & 1 ? ".journal" : "");
        bool dangling = kind & 2;
        if (!dangling) put(target);
        assert_int_equal(symlink("target", at), 0);
        for (int resume = 0; resume < 2; resume++) {
            is_refused(SAVE(.out = out, .resume = resume), GWT_E_EXISTS, strrchr(at, '/') + 1,
                       "is a link");
            assert_true(is_link(at));
            assert_true(dangling ? !is_there(target) : is_precious(target));
            char *names = dir_list(temp_path("links"));
            assert_int_equal(strlen(names), strlen(strrchr(at, '/')) + (dangling ? 0 : 7));
            free(names);
        }
        is_saved(SAVE(.out = out, .overwrite = true), out);
        assert_true(dangling ? !is_there(target) : is_precious(target));
        unlink(target);
        unlink(out);
    }
}

// Browsers keep what they have not got all of as NAME.part.
static void a_file_that_is_no_part(void **state)
{
    (void)state;
    folder("files", 0777);
    const char *out = temp_path("files/out.tif"), *part = temp_path("files/out.tif.part"),
               *journal = temp_path("files/out.tif.part.journal");
    for (int which = 0; which < 3; which++) {       // part, journal, both
        for (int resume = 0; resume < 2; resume++) {
            if (which != 1) put(part);
            if (which != 0) put(journal);
            is_refused(SAVE(.out = out, .resume = resume), GWT_E_EXISTS,
                       which ? "out.tif.part.journal" : "out.tif.part", "overwrite");
            if (which != 1) assert_true(is_precious(part));
            else assert_false(is_there(part));
            if (which != 0) assert_true(is_precious(journal));
            else assert_false(is_there(journal));
            assert_false(is_there(out));
        }
        is_saved(SAVE(.out = out, .overwrite = true), out);
        unlink(out);
    }
    // Killed before there was anything: nothing is lost by that.
    file_write(part, "", 0);
    is_saved(SAVE(.out = out), out);
    unlink(out);
    file_write(part, "", 0);
    file_write(journal, "gwt jour", 8);
    is_saved(SAVE(.out = out, .resume = true), out);
}

// An output that is a link: what is replaced is the link.
static void an_output_that_is_a_link(void **state)
{
    (void)state;
    folder("output", 0777);
    const char *out = temp_path("output/out.tif"), *target = temp_path("output/target");
    for (int dangling = 0; dangling < 2; dangling++) {
        if (!dangling) put(target);
        assert_int_equal(symlink("target", out), 0);
        is_refused(SAVE(.out = out), GWT_E_EXISTS, "out.tif", "exists");
        is_refused(SAVE(.out = out, .resume = true), GWT_E_EXISTS, "out.tif", "exists");
        assert_true(is_link(out));
        is_saved(SAVE(.out = out, .overwrite = true), out);
        assert_false(is_link(out));
        assert_true(dangling ? !is_there(target) : is_precious(target));
        unlink(target);
        unlink(out);
    }
}

// Looked for when it began, and there when it ends: it was not asked whether that may be replaced.
static void an_output_that_comes_meanwhile(void **state)
{
    (void)state;
    folder("meanwhile", 0777);
    const char *out = temp_path("meanwhile/out.tif");
    is_refused(SAVE(.out = out, .makes = out), GWT_E_EXISTS, "out.tif", "meanwhile");
    assert_true(is_precious(out));
    is_refused(SAVE(.out = out, .resume = true), GWT_E_EXISTS, "out.tif", "exists");
    is_saved(SAVE(.out = out, .resume = true, .overwrite = true, .stop_at = 1), out);
}

// ---- who may read it -------------------------------------------------------------------------

static void modes(void **state)
{
    static const mode_t olds[] = { 0600, 0640, 0444, 0666, 0700 };
    (void)state;
    folder("modes", 0777);
    const char *out = temp_path("modes/out.tif");
    for (int k = 0; k < 3; k++) {                   // no old one: as the umask says
        umask(k == 0 ? 0 : k == 1 ? 022 : 077);
        mode_t want = k == 0 ? 0666 : k == 1 ? 0644 : 0600;
        answer a = SAVE(.out = out);
        is_saved(a, out);
        REQUIRE(a.part == want && a.journal == want && (stat_of(out).st_mode & 07777) == want,
                "part %o, journal %o, output %o: not %o", (unsigned)a.part, (unsigned)a.journal,
                (unsigned)stat_of(out).st_mode, (unsigned)want);
        unlink(out);
    }
    umask(0);
    for (size_t i = 0; i < COUNT_OF(olds); i++) {
        unlink(out);
        put(out);
        assert_int_equal(chmod(out, olds[i]), 0);
        answer a = SAVE(.out = out, .overwrite = true, .stop_at = i % 2 ? 20 : 0);
        if (i % 2) {                                // and when it goes on
            assert_int_equal(a.code, GWT_E_USER);
            assert_int_equal(chmod(temp_path("modes/out.tif.part"), 0666), 0);
            assert_int_equal(chmod(temp_path("modes/out.tif.part.journal"), 0666), 0);
            a = SAVE(.out = out, .overwrite = true, .resume = true);
        }
        is_saved(a, out);
        mode_t more = ~(olds[i] | 0600) & 07777;
        REQUIRE(a.part && a.journal && !(a.part & more) && !(a.journal & more),
                "of an output %o the part is %o, the journal %o", (unsigned)olds[i],
                (unsigned)a.part, (unsigned)a.journal);
        assert_int_equal(stat_of(out).st_mode & 07777, olds[i]);
    }
    umask(022);
}

// ---- dumps of a profile ----------------------------------------------------------------------

static gwt_code dump(const char *path, bool trace, const char *part)
{
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    assert_true(gwt_profile_begin(g, .cache = true));
    gwt_free(gwt_compute(gwt_open(g, temp_path("in.tif"))));
    const gwt_profile *p = gwt_profile_end(g);
    bool done = trace ? gwt_profile_save_trace(g, p, path) : gwt_profile_save_csv(g, p, path);
    gwt_code code = gwt_status(g);
    assert_true(done == (code == GWT_OK));
    if (code) REQUIRE(strstr(gwt_message(g), part), "no '%s' in '%s'", part, gwt_message(g));
    gwt_end(g);
    return code;
}

static void dumps(void **state)
{
    (void)state;
    folder("dumps", 0777);
    const char *target = temp_path("dumps/target");
    for (int trace = 0; trace < 2; trace++) {
        const char *path = temp_path(trace ? "dumps/t.json" : "dumps/p"),
                   *file = temp_path(trace ? "dumps/t.json" : "dumps/p_resources.csv"),
                   *part = temp_path(trace ? "dumps/t.json.part" : "dumps/p_resources.csv.part");
        const char *named = strrchr(part, '/') + 1;
        put(target);
        for (int hard = 0; hard < 2; hard++) {
            assert_int_equal(hard ? link(target, part) : symlink("target", part), 0);
            assert_int_equal(dump(path, trace, named), GWT_E_EXISTS);
            assert_true(is_precious(target));
            assert_true(hard ? is_precious(part) : is_link(part));
            assert_false(is_there(file));
            assert_int_equal(unlink(part), 0);
        }
        assert_int_equal(symlink("nowhere", part), 0);
        assert_int_equal(dump(path, trace, named), GWT_E_EXISTS);
        assert_false(is_there(temp_path("dumps/nowhere")));
        assert_int_equal(unlink(part), 0);
        if (is_root()) {
            put(part);
            assert_int_equal(chown(part, SOMEBODY, SOMEBODY), 0);
            assert_int_equal(dump(path, trace, named), GWT_E_EXISTS);
            assert_true(is_precious(part));
            assert_int_equal(unlink(part), 0);
        }
        put(part);             // what a dump left that was killed
        put(file);             // what is replaced is as private as it was
        assert_int_equal(chmod(file, 0600), 0);
        assert_int_equal(dump(path, trace, named), GWT_OK);
        assert_false(is_there(part));
        assert_false(is_precious(file));
        assert_int_equal(stat_of(file).st_mode & 07777, 0600);
        assert_int_equal(unlink(file), 0);
        assert_int_equal(dump(path, trace, named), GWT_OK);
        assert_int_equal(stat_of(file).st_mode & 07777, 0644);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_that_cannot_be_opened),
        cmocka_unit_test(ones_own_part_that_is_read_only),
        cmocka_unit_test(a_part_of_somebody_else),
        cmocka_unit_test(a_journal_beside_an_output),
        cmocka_unit_test(a_part_with_another_name),
        cmocka_unit_test(links),
        cmocka_unit_test(a_file_that_is_no_part),
        cmocka_unit_test(an_output_that_is_a_link),
        cmocka_unit_test(an_output_that_comes_meanwhile),
        cmocka_unit_test(modes),
        cmocka_unit_test(dumps),
    };
    return cmocka_run_group_tests_name("shared_folder", tests, begin, temp_end);
}
