// cog.c - see cog.h.
//
// The rules are those of GDAL's validate_cloud_optimized_geotiff.py and of rio-cogeo, and of GDAL's
// description of its driver COG. The file is read here byte by byte: what libtiff makes of a
// directory does not say where that lies.

#define _XOPEN_SOURCE 700
#define _FILE_OFFSET_BITS 64

#include "cog.h"
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MOST_DIRECTORIES = 1024, MOST_TEXT = 4096, SMALL = 512,
    TAG_KIND = 254, TAG_WIDTH = 256, TAG_HEIGHT = 257, TAG_STRIPS = 273, TAG_SAMPLES = 277,
    TAG_STRIP_BYTES = 279, TAG_PLANAR = 284, TAG_TILE_WIDTH = 322, TAG_TILES = 324,
    TAG_TILE_BYTES = 325, REDUCED = 1, MASK = 4
};

typedef struct directory {
    uint64_t at, end;          // end: behind its entries and the values outside of them
    uint64_t kind, width, height, samples, planar, tile_width;
    bool tiled;
    uint64_t *offsets, *counts;
    uint64_t num_offsets, num_counts;
} directory;

typedef struct cog {
    const char *path;
    int fd;
    uint64_t length;
    bool big_endian, bigtiff, quiet;
    char text[MOST_TEXT + 1];  // GDAL's, between the header and the first directory
    uint64_t text_end;         // behind it; 0: there is none
    directory list[MOST_DIRECTORIES];
    int n;
    int broken;                // rules
} cog;

// ---- rules ------------------------------------------------------------------------------------

// A rule holds, or what is wrong with it is said: a format, or NULL.
static void rule(cog *c, bool holds, const char *what, const char *wrong, ...)
{
    va_list args;
    if (!holds) c->broken++;
    if (holds && c->quiet) return;
    printf("%s: %s %s", c->path, holds ? "ok    " : "BROKEN", what);
    va_start(args, wrong);
    if (!holds && wrong) {
        printf(": ");
        vprintf(wrong, args);
    }
    va_end(args);
    printf("\n");
}

// What is no error, but costs readers time.
static void advice(const cog *c, bool good, const char *what)
{
    if (!good) printf("%s: advice %s\n", c->path, what);
}

// ---- bytes ------------------------------------------------------------------------------------

static bool get_bytes(const cog *c, void *to, size_t n, uint64_t at)
{
    char *p = to;
    if (at > c->length || n > c->length - at) return false;
    while (n > 0) {
        ssize_t got = pread(c->fd, p, n, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        p += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return true;
}

static uint64_t number_of(const cog *c, const unsigned char *from, size_t bytes)
{
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++) v = v << 8 | from[c->big_endian ? i : bytes - 1 - i];
    return v;
}

static bool get_number(const cog *c, uint64_t at, size_t bytes, uint64_t *to)
{
    unsigned char raw[8];
    if (!get_bytes(c, raw, bytes, at)) return false;
    *to = number_of(c, raw, bytes);
    return true;
}

static size_t size_of_type(uint64_t type)
{
    static const unsigned char sizes[] = { 0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8 };
    return type < sizeof sizes ? sizes[type] : 0;
}

// A list of numbers, as many as the file can hold; NULL when it can't be had.
static uint64_t *get_list(const cog *c, uint64_t at, uint64_t count, size_t size)
{
    if (size == 0 || count > c->length / size) return NULL;
    uint64_t *list = malloc((size_t)count * sizeof *list + 1);
    unsigned char *raw = malloc((size_t)count * size + 1);
    bool good = list && raw && get_bytes(c, raw, (size_t)count * size, at);
    for (uint64_t i = 0; good && i < count; i++) list[i] = number_of(c, raw + i * size, size);
    free(raw);
    if (good) return list;
    free(list);
    return NULL;
}

// ---- directories ------------------------------------------------------------------------------

static void take_entry(const cog *c, directory *d, uint64_t tag, uint64_t at, uint64_t count,
                       size_t size)
{
    static const struct { int tag; size_t to; } plain[] = {
        { TAG_KIND, offsetof(directory, kind) }, { TAG_WIDTH, offsetof(directory, width) },
        { TAG_HEIGHT, offsetof(directory, height) }, { TAG_SAMPLES, offsetof(directory, samples) },
        { TAG_PLANAR, offsetof(directory, planar) },
        { TAG_TILE_WIDTH, offsetof(directory, tile_width) }
    };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (tag == (uint64_t)plain[i].tag && count == 1 && size > 0 && size <= 8)
            get_number(c, at, size, (uint64_t *)((char *)d + plain[i].to));
    bool offsets = tag == TAG_TILES || tag == TAG_STRIPS;
    bool counts = tag == TAG_TILE_BYTES || tag == TAG_STRIP_BYTES;
    if (tag == TAG_TILES) d->tiled = true;
    if (offsets && !d->offsets) {
        d->offsets = get_list(c, at, count, size);
        d->num_offsets = d->offsets ? count : 0;
    }
    if (counts && !d->counts) {
        d->counts = get_list(c, at, count, size);
        d->num_counts = d->counts ? count : 0;
    }
}

// The directory at `at`; *next: where the next one lies, 0: nowhere.
static bool get_directory(const cog *c, directory *d, uint64_t at, uint64_t *next)
{
    size_t word = c->bigtiff ? 8 : 4, start = c->bigtiff ? 8 : 2, entry = 4 + 2 * word;
    uint64_t n;
    *d = (directory){ .at = at, .samples = 1, .planar = 1 };
    if (!get_number(c, at, start, &n) || n > 65535) return false;
    d->end = at + start + n * entry + word;
    if (d->end > c->length) return false;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t from = at + start + i * entry, tag, type, count, place = from + 4 + word;
        if (!get_number(c, from, 2, &tag) || !get_number(c, from + 2, 2, &type)
            || !get_number(c, from + 4, word, &count))
            return false;
        size_t size = size_of_type(type);
        if (size && count > c->length / size) return false;
        if (size * count > word && !get_number(c, place, word, &place)) return false;
        if (size * count > word && place + size * count > d->end) d->end = place + size * count;
        take_entry(c, d, tag, place, count, size);
    }
    return get_number(c, at + start + n * entry, word, next);
}

static bool get_directories(cog *c, uint64_t at)
{
    while (at != 0 && c->n < MOST_DIRECTORIES) {
        directory *d = &c->list[c->n];
        uint64_t next;
        bool good = get_directory(c, d, at, &next);
        c->n++;
        if (!good) return false;
        for (int i = 0; i + 1 < c->n; i++)
            if (c->list[i].at == next) return false;
        at = next;
    }
    return at == 0;
}

// GDAL's text, if there is one: "GDAL_STRUCTURAL_METADATA_SIZE=000140 bytes\n" and as many.
static void get_text(cog *c)
{
    static const char name[] = "GDAL_STRUCTURAL_METADATA_SIZE=";
    enum { HEAD = 43 };
    uint64_t at = c->bigtiff ? 16 : 8;
    char head[HEAD + 1] = "";
    if (!get_bytes(c, head, HEAD, at) || strncmp(head, name, sizeof name - 1) != 0) return;
    long n = strtol(head + sizeof name - 1, NULL, 10);
    if (n < 0 || n > MOST_TEXT || !get_bytes(c, c->text, (size_t)n, at + HEAD)) return;
    c->text[n] = 0;
    c->text_end = at + HEAD + (uint64_t)n;
}

static bool says(const cog *c, const char *line) { return strstr(c->text, line) != NULL; }

// ---- levels -----------------------------------------------------------------------------------

// Full resolution and its overviews, from large to small, and their masks.
typedef struct levels { const directory *image[MOST_DIRECTORIES], *mask[MOST_DIRECTORIES]; int n; }
    levels;

static void find_levels(const cog *c, levels *l)
{
    *l = (levels){ .n = 0 };
    for (int i = 0; i < c->n; i++) {
        const directory *d = &c->list[i];
        if (!(d->kind & MASK) && (i == 0 || d->kind & REDUCED)) l->image[l->n++] = d;
    }
    for (int i = 0; i < c->n; i++)
        for (int k = 0; k < l->n && c->list[i].kind & MASK; k++)
            if (c->list[i].width == l->image[k]->width && c->list[i].height == l->image[k]->height)
                l->mask[k] = &c->list[i];
}

// Where the first tile lies that is there; UINT64_MAX: none is.
static uint64_t first_tile(const directory *d)
{
    uint64_t least = UINT64_MAX;
    for (uint64_t i = 0; i < d->num_offsets; i++)
        if (d->offsets[i] && d->offsets[i] < least) least = d->offsets[i];
    return least;
}

static bool is_large(const directory *d) { return d->width > SMALL || d->height > SMALL; }

static void check_images(cog *c, const levels *l)
{
    struct stat there;
    char beside[4200];
    const directory *full = l->image[0];
    bool tiled = true, lists = true, falling = true;
    for (int i = 0; i < c->n; i++) {
        tiled &= c->list[i].tiled || !is_large(&c->list[i]);
        lists &= c->list[i].num_offsets > 0 && c->list[i].num_offsets == c->list[i].num_counts;
    }
    for (int i = 1; i < l->n; i++)
        falling &= l->image[i]->width <= l->image[i - 1]->width
                && l->image[i]->height <= l->image[i - 1]->height
                && (l->image[i]->width < l->image[i - 1]->width
                    || l->image[i]->height < l->image[i - 1]->height);
    rule(c, lists, "each directory lists its tiles", NULL);
    rule(c, tiled, "images of more than 512 x 512 pixels are tiled", NULL);
    rule(c, falling, "overviews come from large to small", NULL);
    snprintf(beside, sizeof beside, "%s.ovr", c->path);
    rule(c, stat(beside, &there) != 0, "there are no overviews in another file", "%s", beside);
    advice(c, l->n > 1 || !is_large(full), "an image of more than 512 x 512 pixels has no overviews");
    advice(c, !is_large(l->image[l->n - 1]) || l->n == 1,
           "the smallest overview has more than 512 x 512 pixels");
}

static void check_order(cog *c, const levels *l)
{
    uint64_t header = c->bigtiff ? 16 : 8, start = c->text_end ? c->text_end : header, end = 0;
    bool rising = true, before = true, larger = true;
    start += start & 1;
    rule(c, c->list[0].at == start, "the first directory follows the header", "it lies at %llu, not "
         "%llu", (unsigned long long)c->list[0].at, (unsigned long long)start);
    for (int i = 0; i < c->n; i++) {
        rising &= i == 0 || c->list[i].at > c->list[i - 1].at;
        if (c->list[i].end > end) end = c->list[i].end;
    }
    for (int i = 0; i < c->n; i++) before &= first_tile(&c->list[i]) >= end;
    for (int i = 1; i < l->n; i++) {
        uint64_t first = first_tile(l->image[i]), next = first_tile(l->image[i - 1]);
        larger &= first == UINT64_MAX || next == UINT64_MAX || first < next;
    }
    rule(c, rising, "directories lie one after another", NULL);
    rule(c, before, "all directories lie before all tiles", NULL);
    rule(c, larger, "tiles of smaller images lie before those of larger ones", NULL);
    advice(c, end <= 16384, "the directories do not lie in the first 16 KB");
}

// ---- tiles ------------------------------------------------------------------------------------

// Rising, each with its size before it and its last bytes behind it, as far as the text says so.
static void check_tiles(cog *c, const directory *d, int level, const char *what)
{
    bool leads = says(c, "BLOCK_LEADER=SIZE_AS_UINT4\n");
    bool trails = says(c, "BLOCK_TRAILER=LAST_4_BYTES_REPEATED\n");
    bool ordered = says(c, "BLOCK_ORDER=ROW_MAJOR\n");
    uint64_t last = 0, bad = UINT64_MAX;
    const char *why = "";
    for (uint64_t i = 0; i < d->num_offsets && i < d->num_counts && bad == UINT64_MAX; i++) {
        unsigned char lead[4], ends[8];
        uint64_t at = d->offsets[i], n = d->counts[i];
        if (at == 0 && n == 0) continue;
        if (at == 0 || at > c->length || n > c->length - at) why = "lies outside the file";
        else if (ordered && at <= last) why = "lies before the one before it";
        else if (leads && (at < 4 || !get_bytes(c, lead, 4, at - 4)
                           || (uint64_t)(lead[0] | lead[1] << 8 | lead[2] << 16
                                         | (uint32_t)lead[3] << 24) != n))
            why = "has another size before it";
        else if (trails && n >= 4 && (!get_bytes(c, ends, 8, at + n - 4)
                                      || memcmp(ends, ends + 4, 4) != 0))
            why = "has other bytes than its last behind it";
        if (*why) bad = i;
        last = at;
    }
    char rule_text[120];
    snprintf(rule_text, sizeof rule_text, "tiles of %s %d (%llu x %llu)", what, level,
             (unsigned long long)d->width, (unsigned long long)d->height);
    rule(c, bad == UINT64_MAX, rule_text, "tile %llu %s", (unsigned long long)bad, why);
}

static void check_mask(cog *c, const directory *d, const directory *mask, int level)
{
    uint64_t bad = UINT64_MAX;
    for (uint64_t i = 0; i < mask->num_offsets && i < d->num_offsets && bad == UINT64_MAX; i++)
        if (d->offsets[i] && mask->offsets[i] != d->offsets[i] + d->counts[i] + 8) bad = i;
    char text[80];
    snprintf(text, sizeof text, "tiles of mask %d follow those of the image", level);
    rule(c, bad == UINT64_MAX, text, "tile %llu does not", (unsigned long long)bad);
}

static void check_text(cog *c, const levels *l)
{
    if (!c->text_end) {
        advice(c, false, "GDAL's text of the layout is not there: readers take more requests");
        return;
    }
    rule(c, says(c, "LAYOUT=IFDS_BEFORE_DATA\n"), "the text says LAYOUT=IFDS_BEFORE_DATA", NULL);
    rule(c, says(c, "KNOWN_INCOMPATIBLE_EDITION=NO\n"),
         "no program has changed the file since (KNOWN_INCOMPATIBLE_EDITION=NO)", NULL);
    for (int i = 0; i < l->n; i++) {
        check_tiles(c, l->image[i], i, "image");
        if (!l->mask[i]) continue;
        check_tiles(c, l->mask[i], i, "mask");
        if (says(c, "MASK_INTERLEAVED_WITH_IMAGERY=YES\n"))
            check_mask(c, l->image[i], l->mask[i], i);
    }
}

// ---- the file ---------------------------------------------------------------------------------

static bool check_file(cog *c)
{
    unsigned char head[16];
    uint64_t first = 0;
    levels *l = malloc(sizeof *l);
    bool is = l && get_bytes(c, head, 8, 0) && (!memcmp(head, "II", 2) || !memcmp(head, "MM", 2));
    c->big_endian = is && head[0] == 'M';
    uint64_t version = is ? number_of(c, head + 2, 2) : 0;
    c->bigtiff = version == 43;
    is = is && (version == 42 || version == 43)
      && get_number(c, c->bigtiff ? 8 : 4, c->bigtiff ? 8 : 4, &first);
    rule(c, is, "it is a TIFF", NULL);
    if (is) get_text(c);
    bool whole = is && first != 0 && get_directories(c, first);
    if (is) rule(c, whole, "its directories can be read", NULL);
    if (whole) {
        find_levels(c, l);
        check_images(c, l);
        check_order(c, l);
        check_text(c, l);
    }
    free(l);
    return c->broken == 0;
}

bool cog_check(const char *path, bool quiet)
{
    struct stat there;
    cog *c = calloc(1, sizeof *c);
    bool good = false;
    int fd = open(path, O_RDONLY);
    if (!c || fd < 0 || fstat(fd, &there) != 0) {
        cli_error("%s: can't be read: %s", path, strerror(c ? errno : ENOMEM));
    } else {
        c->path = path;
        c->fd = fd;
        c->length = (uint64_t)there.st_size;
        c->quiet = quiet;
        good = check_file(c);
        if (!quiet)
            printf("%s: %s\n", path, good ? "cloud-optimised" : "not cloud-optimised");
    }
    for (int i = 0; c && i < c->n; i++) {
        free(c->list[i].offsets);
        free(c->list[i].counts);
    }
    free(c);
    if (fd >= 0) close(fd);
    return good;
}
