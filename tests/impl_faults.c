// impl_faults.c - the implementation with its memory and its calls to the system replaced by ones
// that count and, when they are told to, fail.

#define _XOPEN_SOURCE 700
#define _FILE_OFFSET_BITS 64
#ifdef __APPLE__
#define _DARWIN_C_SOURCE
#endif

// All that gwt.h includes, before names are replaced.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#ifndef __APPLE__
#include <threads.h>
#endif

#include <tiffio.h>
#include <zlib.h>

#include "faults.h"

// ---- which call is to fail -------------------------------------------------------------------

enum { MAX_FILES = 1024, PATH_ROOM = 4096 };

// Set while nothing runs, but for the counters.
static fault_kind armed;
static fault_way armed_way;
static int armed_error;
static long armed_n;
static atomic_long calls;
static atomic_bool happened;

void (*fault_renamed)(const char *to);
bool fault_timeless;

static atomic_long live_blocks, live_files, live_locks;
static atomic_bool codec_seen;
static pthread_mutex_t path_lock = PTHREAD_MUTEX_INITIALIZER;
static char paths[MAX_FILES][256];     // of open files, their ends; under the lock
static char failed_path[PATH_ROOM];    // likewise

void fault_arm(fault_kind kind, fault_way way, int error, long n)
{
    armed_way = way;
    armed_error = error;
    armed_n = n;
    atomic_store(&calls, 0);
    atomic_store(&happened, false);
    failed_path[0] = 0;
    armed = kind;
}

void fault_disarm(void) { armed = FAULT_NONE; }
bool fault_happened(void) { return atomic_load(&happened); }
long fault_calls(void) { return atomic_load(&calls); }
const char *fault_path(void) { return failed_path; }
long fault_live_blocks(void) { return atomic_load(&live_blocks); }
long fault_live_files(void) { return atomic_load(&live_files); }
long fault_live_locks(void) { return atomic_load(&live_locks); }
bool fault_sees_codec(void) { return atomic_load(&codec_seen); }

static void note_path(const char *path)
{
    pthread_mutex_lock(&path_lock);
    if (!failed_path[0] && path) snprintf(failed_path, sizeof failed_path, "%s", path);
    pthread_mutex_unlock(&path_lock);
}

static void note_file(int fd)
{
    char path[256] = "";
    pthread_mutex_lock(&path_lock);
    if (fd >= 0 && fd < MAX_FILES) memcpy(path, paths[fd], sizeof path);
    pthread_mutex_unlock(&path_lock);
    note_path(path);
}

// What this call has to do: 0 as always, 1 to fail, 2 to be short, 3 to find the end.
static int fate(fault_kind kind)
{
    if (armed != kind) return 0;
    long n = atomic_fetch_add(&calls, 1) + 1;
    bool chosen = n == armed_n;
    bool later = n > armed_n && armed_n > 0 &&
                 (armed_way == FAULT_FROM_THEN || armed_way == FAULT_SHORT_THEN);
    if (!chosen && !later) return 0;
    if (armed_way == FAULT_KILL) kill(getpid(), SIGKILL);
    atomic_store(&happened, true);
    errno = armed_error;
    if (chosen && (armed_way == FAULT_SHORT || armed_way == FAULT_SHORT_THEN)) return 2;
    return chosen && armed_way == FAULT_END ? 3 : 1;
}

// ---- memory ----------------------------------------------------------------------------------

static void *fault_malloc(size_t n)
{
    void *p = fate(FAULT_ALLOC) ? NULL : malloc(n);
    if (p) atomic_fetch_add(&live_blocks, 1);
    return p;
}

static void *fault_realloc(void *old, size_t n)
{
    void *p = fate(FAULT_ALLOC) ? NULL : realloc(old, n);
    if (p && !old) atomic_fetch_add(&live_blocks, 1);
    return p;
}

static void fault_free(void *p)
{
    if (p) atomic_fetch_sub(&live_blocks, 1);
    free(p);
}

// libtiff's, which a program that links it as a shared library replaces by having them. Weak, for
// the others: there libtiff's own win. Not all of libtiff's memory comes from here, but all that
// does is given back by free. Only what it asks for while it codes tiles fails: when it has no
// memory for its list of tags, libtiff 4.5 crashes.
#define REPLACED __attribute__((weak))

static _Thread_local bool coding;

static bool codec_fate(void)
{
    atomic_store(&codec_seen, true);
    return coding && fate(FAULT_CODEC_ALLOC);
}

REPLACED void *_TIFFmalloc(tmsize_t n)
{
    return n <= 0 || codec_fate() ? NULL : malloc((size_t)n);
}

REPLACED void *_TIFFcalloc(tmsize_t count, tmsize_t size)
{
    return count <= 0 || size <= 0 || codec_fate() ? NULL : calloc((size_t)count, (size_t)size);
}

REPLACED void *_TIFFrealloc(void *old, tmsize_t n)
{
    return codec_fate() ? NULL : realloc(old, (size_t)n);
}

static int fault_read_tile(TIFF *tif, uint32_t i, void *from, tmsize_t n, void *to, tmsize_t bytes)
{
    coding = true;
    int good = TIFFReadFromUserBuffer(tif, i, from, n, to, bytes);
    coding = false;
    return good;
}

static tmsize_t fault_write_tile(TIFF *tif, uint32_t i, void *from, tmsize_t n)
{
    coding = true;
    tmsize_t written = TIFFWriteEncodedTile(tif, i, from, n);
    coding = false;
    return written;
}

// ---- files -----------------------------------------------------------------------------------

static int fault_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int mode = flags & O_CREAT ? va_arg(args, int) : 0;
    va_end(args);
    if (fate(FAULT_OPEN)) return note_path(path), errno = armed_error, -1;
    int fd = open(path, flags, (mode_t)mode);
    if (fd < 0) return fd;
    atomic_fetch_add(&live_files, 1);
    size_t n = strlen(path), from = n < sizeof paths[0] ? 0 : n - sizeof paths[0] + 1;
    pthread_mutex_lock(&path_lock);
    if (fd < MAX_FILES) strcpy(paths[fd], path + from);
    pthread_mutex_unlock(&path_lock);
    return fd;
}

static int fault_close(int fd)
{
    atomic_fetch_sub(&live_files, 1);
    return close(fd);
}

static ssize_t fault_pread(int fd, void *to, size_t n, off_t at)
{
    int f = fate(FAULT_READ);
    if (f) note_file(fd);
    if (f == 1) return errno = armed_error, -1;
    if (f == 3) return 0;
    return pread(fd, to, f == 2 && n > 1 ? n / 2 : n, at);
}

static ssize_t fault_pwrite(int fd, const void *from, size_t n, off_t at)
{
    int f = fate(FAULT_WRITE);
    if (f) note_file(fd);
    if (f == 1) return errno = armed_error, -1;
    return pwrite(fd, from, f == 2 && n > 1 ? n / 2 : n, at);
}

static int fault_ftruncate(int fd, off_t length)
{
    if (fate(FAULT_CUT)) return note_file(fd), errno = armed_error, -1;
    return ftruncate(fd, length);
}

// Nothing here has to survive a power cut.
static int fault_fsync(int fd)
{
    if (fate(FAULT_SYNC)) return note_file(fd), errno = armed_error, -1;
    return 0;
}

static int fault_rename(const char *from, const char *to)
{
    if (fate(FAULT_RENAME)) return note_path(from), errno = armed_error, -1;
    int result = rename(from, to);
    if (result == 0 && fault_renamed) fault_renamed(to);
    return result;
}

static int without_times(int result, struct stat *facts)
{
#ifndef __APPLE__
    if (fault_timeless) facts->st_mtim = facts->st_ctim = (struct timespec){ 0, 0 };
#else
    if (fault_timeless) facts->st_mtimespec = facts->st_ctimespec = (struct timespec){ 0, 0 };
#endif
    return result;
}

static int fault_fstat(int fd, struct stat *facts) { return without_times(fstat(fd, facts), facts); }

static int fault_stat(const char *path, struct stat *facts)
{
    return without_times(stat(path, facts), facts);
}

static int fault_unlink(const char *path)
{
    if (fate(FAULT_UNLINK)) return note_path(path), errno = armed_error, -1;
    return unlink(path);
}

// ---- threads ---------------------------------------------------------------------------------

#if !defined(__APPLE__) && !defined(GWT_PTHREADS)
static inline int fault_thrd_create(thrd_t *thread, thrd_start_t run, void *user)
{
    return fate(FAULT_THREAD) ? thrd_nomem : thrd_create(thread, run, user);
}

static inline int fault_mtx_init(mtx_t *mutex, int type)
{
    if (fate(FAULT_LOCK)) return thrd_error;
    atomic_fetch_add(&live_locks, 1);
    return mtx_init(mutex, type);
}

static inline void fault_mtx_destroy(mtx_t *mutex)
{
    atomic_fetch_sub(&live_locks, 1);
    mtx_destroy(mutex);
}

static inline int fault_cnd_init(cnd_t *condition)
{
    if (fate(FAULT_LOCK)) return thrd_nomem;
    atomic_fetch_add(&live_locks, 1);
    return cnd_init(condition);
}

static inline void fault_cnd_destroy(cnd_t *condition)
{
    atomic_fetch_sub(&live_locks, 1);
    cnd_destroy(condition);
}

#define thrd_create fault_thrd_create
#define mtx_init fault_mtx_init
#define mtx_destroy fault_mtx_destroy
#define cnd_init fault_cnd_init
#define cnd_destroy fault_cnd_destroy
#else
static inline int fault_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                                       void *(*run)(void *), void *user)
{
    return fate(FAULT_THREAD) ? EAGAIN : pthread_create(thread, attributes, run, user);
}

static inline int fault_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *how)
{
    if (fate(FAULT_LOCK)) return EAGAIN;
    atomic_fetch_add(&live_locks, 1);
    return pthread_mutex_init(mutex, how);
}

static inline int fault_pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    atomic_fetch_sub(&live_locks, 1);
    return pthread_mutex_destroy(mutex);
}

static inline int fault_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *how)
{
    if (fate(FAULT_LOCK)) return EAGAIN;
    atomic_fetch_add(&live_locks, 1);
    return pthread_cond_init(condition, how);
}

static inline int fault_pthread_cond_destroy(pthread_cond_t *condition)
{
    atomic_fetch_sub(&live_locks, 1);
    return pthread_cond_destroy(condition);
}

#define pthread_create fault_pthread_create
#define pthread_mutex_init fault_pthread_mutex_init
#define pthread_mutex_destroy fault_pthread_mutex_destroy
#define pthread_cond_init fault_pthread_cond_init
#define pthread_cond_destroy fault_pthread_cond_destroy
#endif

// ---- the implementation ----------------------------------------------------------------------

#define GWT_MALLOC(n) fault_malloc(n)
#define GWT_REALLOC(p, n) fault_realloc(p, n)
#define GWT_FREE(p) fault_free(p)

// As plain names, so that members of structs that are called so are still one thing.
#define open fault_open
#define close fault_close
#define pread fault_pread
#define pwrite fault_pwrite
#define ftruncate fault_ftruncate
#define fsync fault_fsync
#define fstat(fd, facts) fault_fstat(fd, facts)
#define stat(path, facts) fault_stat(path, facts)
#define rename fault_rename
#define unlink fault_unlink
#define TIFFReadFromUserBuffer fault_read_tile
#define TIFFWriteEncodedTile fault_write_tile

#define GWT_IMPLEMENTATION
#include "../gwt.h"
