// verify.c - gwt verify: whether every tile of a file can be had, and is what was written.
//
// Of the first image of a file and its mask (overviews are made anew more easily than mended): gwt
// decodes each tile, libtiff's list of where they lie is looked at for overlaps, and where the file
// was written with checksums, each tile's stored bytes are compared with its own. Deflate has
// checksums, too, at which libtiff does not look.

#define _XOPEN_SOURCE 700
#define _FILE_OFFSET_BITS 64

#include "cli.h"
#include "cog.h"
#include "inputs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tiffio.h>
#include <zlib.h>

typedef struct verify_args { int workers; size_t memory; bool quiet, cog; } verify_args;

enum { TAG_GDAL_METADATA = 42112, CHECKSUM_DIGITS = 8, SMALLEST_HEADER = 8 };

// A tile or strip as it is stored.
typedef struct stored {
    int64_t number;
    uint64_t at, bytes;
    uint32_t listed, crc;      // its checksum by the file, and by what is there
    int error;                 // errno of reading it; -1: the end of the file came first
    bool broken;               // its deflate stream
    bool bad;                  // and has been named
} stored;

typedef struct image {         // a file that is looked at
    const char *path;
    int fd;
    uint64_t length;
    bool tiled, planar, plain, deflated;    // plain: not compressed
    int64_t across, of_band;   // tiles in a row, in a band
    int64_t width, height, tile_width, tile_height;
    stored *tiles;
    int64_t num_tiles, num_bad;
    bool checksums;            // of its tiles
    bool bound_checksums;      // and the file says so, which those of gwt 0.1 do not
    bool foreign_checksums;    // of the tiles of another file
    char mask[1024];           // where it lies; "": there is none
} image;

// ---- bytes -----------------------------------------------------------------------------------

// What has come of a deflate stream, into nothing, as long as zlib has no fault to find.
static void inflate_some(z_stream *z, unsigned char *data, size_t n, bool *broken)
{
    unsigned char nowhere[32768];
    int status = Z_OK;
    z->next_in = data;
    z->avail_in = (uInt)n;
    while (status == Z_OK && !*broken) {
        z->next_out = nowhere;
        z->avail_out = sizeof nowhere;
        status = inflate(z, Z_NO_FLUSH);
        *broken = status == Z_DATA_ERROR;
    }
}

// CRC-32 of a range of a file; a deflate stream in it goes to z, if that is not NULL. Gives 0,
// errno, or -1 where the file is too short.
static int crc_of_range(int fd, uint64_t at, uint64_t bytes, uint32_t *crc, z_stream *z,
                        bool *broken)
{
    unsigned char data[32768];
    *crc = 0;
    while (bytes > 0) {
        size_t some = bytes < sizeof data ? (size_t)bytes : sizeof data;
        ssize_t got = pread(fd, data, some, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got < 0 ? errno : -1;
        *crc = (uint32_t)crc32(*crc, data, (uInt)got);
        if (z && !*broken) inflate_some(z, data, (size_t)got, broken);
        at += (uint64_t)got;
        bytes -= (uint64_t)got;
    }
    return 0;
}

static const char *why_not_read(int error)
{
    return error < 0 ? "the file ends before the end of the tile" : strerror(error);
}

// ---- what libtiff says of a file -------------------------------------------------------------

static int64_t at_most(int64_t value, int64_t limit) { return value < limit ? value : limit; }

// "tile 7 (rows 0..255, columns 256..511, band 3)", as gwt has it, in a buffer of at least 128
// bytes.
static const char *text_of(const image *im, int64_t i, char *buffer)
{
    int64_t row = i % im->of_band / im->across * im->tile_height;
    int64_t col = i % im->of_band % im->across * im->tile_width;
    int n = snprintf(buffer, 128, "%s %lld (rows %lld..%lld, columns %lld..%lld",
                     im->tiled ? "tile" : "strip", (long long)i, (long long)row,
                     (long long)at_most(row + im->tile_height, im->height) - 1, (long long)col,
                     (long long)at_most(col + im->tile_width, im->width) - 1);
    if (im->planar) snprintf(buffer + n, 128 - (size_t)n, ", band %lld)",
                             (long long)(i / im->of_band + 1));
    else snprintf(buffer + n, 128 - (size_t)n, ")");
    return buffer;
}

static void name_bad(image *im, int64_t i, const char *what)
{
    char text[128];
    if (im->tiles[i].bad) return;
    im->tiles[i].bad = true;
    im->num_bad++;
    cli_error("%s: %s %s", im->path, text_of(im, i, text), what);
}

// The text of <Item name="NAME" domain="GWT">; NULL when there is none.
static const char *find_item(const char *xml, const char *name)
{
    char attribute[40];
    snprintf(attribute, sizeof attribute, "name=\"%s\"", name);
    for (const char *p = xml; (p = strstr(p, "<Item")) != NULL; p++) {
        const char *end = strchr(p, '>'), *named = strstr(p, attribute),
                   *domain = strstr(p, "domain=\"GWT\"");
        if (end && named && named < end && domain && domain < end) return end + 1;
    }
    return NULL;
}

// Whether the checksums are those of this file's table of tiles: other programs copy metadata along
// with pixels that they encode anew.
static bool of_this_table(const image *im, const char *text)
{
    uLong crc = crc32(0, NULL, 0);
    for (int64_t i = 0; i < im->num_tiles; i++) {
        unsigned char bytes[16];
        for (int k = 0; k < 8; k++) {
            bytes[k] = (unsigned char)(im->tiles[i].at >> 8 * k);
            bytes[8 + k] = (unsigned char)(im->tiles[i].bytes >> 8 * k);
        }
        crc = crc32(crc, bytes, sizeof bytes);
    }
    return strtoul(text, NULL, 16) == crc;
}

static bool read_checksums(image *im, TIFF *tif)
{
    uint32_t count = 0;
    const char *xml = NULL;
    if (TIFFGetField(tif, TAG_GDAL_METADATA, &count, &xml) != 1 || !xml || count == 0) return true;
    if (memchr(xml, 0, count) == NULL) return true;
    const char *digits = find_item(xml, "TILE_CRC32");
    if (!digits) return true;
    const char *table = find_item(xml, "TILE_TABLE_CRC32");
    im->bound_checksums = table && of_this_table(im, table);
    im->foreign_checksums = table && !im->bound_checksums;
    if (im->foreign_checksums) return true;
    size_t there = strspn(digits, "0123456789abcdefABCDEF");
    if (there != (size_t)im->num_tiles * CHECKSUM_DIGITS || digits[there] != '<')
        return cli_error("%s: its list of checksums does not have one for each of %lld tiles",
                         im->path, (long long)im->num_tiles), false;
    for (int64_t i = 0; i < im->num_tiles; i++, digits += CHECKSUM_DIGITS) {
        char one[CHECKSUM_DIGITS + 1] = "";
        memcpy(one, digits, CHECKSUM_DIGITS);
        im->tiles[i].listed = (uint32_t)strtoul(one, NULL, 16);
    }
    im->checksums = true;
    return true;
}

static bool read_layout(image *im, TIFF *tif)
{
    uint32_t width = 0, height = 0, tile_width = 0, tile_height = 0, strip = UINT32_MAX;
    uint16_t planar = PLANARCONFIG_CONTIG, bands = 1, compression = COMPRESSION_NONE;
    const uint64_t *offsets = NULL, *counts = NULL;
    im->tiled = TIFFIsTiled(tif) != 0;
    TIFFGetField(tif, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(tif, TIFFTAG_IMAGELENGTH, &height);
    TIFFGetFieldDefaulted(tif, TIFFTAG_PLANARCONFIG, &planar);
    TIFFGetFieldDefaulted(tif, TIFFTAG_SAMPLESPERPIXEL, &bands);
    TIFFGetFieldDefaulted(tif, TIFFTAG_COMPRESSION, &compression);
    if (im->tiled) TIFFGetField(tif, TIFFTAG_TILEWIDTH, &tile_width);
    if (im->tiled) TIFFGetField(tif, TIFFTAG_TILELENGTH, &tile_height);
    TIFFGetFieldDefaulted(tif, TIFFTAG_ROWSPERSTRIP, &strip);
    TIFFGetField(tif, im->tiled ? TIFFTAG_TILEOFFSETS : TIFFTAG_STRIPOFFSETS, &offsets);
    TIFFGetField(tif, im->tiled ? TIFFTAG_TILEBYTECOUNTS : TIFFTAG_STRIPBYTECOUNTS, &counts);
    im->num_tiles = im->tiled ? TIFFNumberOfTiles(tif) : TIFFNumberOfStrips(tif);
    im->planar = planar == PLANARCONFIG_SEPARATE && bands > 1;
    im->plain = compression == COMPRESSION_NONE;
    im->deflated = compression == COMPRESSION_DEFLATE || compression == COMPRESSION_ADOBE_DEFLATE;
    im->width = width;
    im->height = height;
    im->tile_width = im->tiled ? tile_width : width;
    im->tile_height = im->tiled ? tile_height : at_most(strip, height);
    im->across = im->tiled && tile_width ? (width + (int64_t)tile_width - 1) / tile_width : 1;
    im->of_band = im->planar ? im->num_tiles / bands : im->num_tiles;
    if (!offsets || !counts || im->num_tiles < 1 || im->of_band < 1 || !width || !height)
        return cli_error("%s: libtiff cannot read its table of tiles", im->path), false;
    im->tiles = calloc((size_t)im->num_tiles, sizeof *im->tiles);
    if (!im->tiles) return cli_error("%s: out of memory", im->path), false;
    for (int64_t i = 0; i < im->num_tiles; i++)
        im->tiles[i] = (stored){ .number = i, .at = offsets[i], .bytes = counts[i] };
    return true;
}

static bool read_directory(image *im)
{
    TIFFSetErrorHandler(NULL);
    TIFFSetWarningHandler(NULL);
    TIFF *tif = TIFFOpen(im->path, "rmc");
    if (!tif) return cli_error("%s: libtiff cannot open it", im->path), false;
    bool good = read_layout(im, tif) && read_checksums(im, tif);
    TIFFClose(tif);
    return good;
}

// ---- where tiles lie -------------------------------------------------------------------------

static int by_place(const void *a, const void *b)
{
    const stored *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

// Inside the file, and none on another.
static bool check_ranges(image *im)
{
    char text[128], what[192];
    stored *sorted = malloc((size_t)im->num_tiles * sizeof *sorted);
    if (!sorted) return cli_error("%s: out of memory", im->path), false;
    memcpy(sorted, im->tiles, (size_t)im->num_tiles * sizeof *sorted);
    qsort(sorted, (size_t)im->num_tiles, sizeof *sorted, by_place);
    const stored *last = NULL;         // the one that reaches farthest so far
    for (int64_t i = 0; i < im->num_tiles; i++) {
        const stored *t = &sorted[i];
        if (t->bytes == 0) continue;   // absent
        if (t->at < SMALLEST_HEADER || t->at > im->length || t->bytes > im->length - t->at) {
            snprintf(what, sizeof what, "lies outside of the file: bytes %llu..%llu of %llu",
                     (unsigned long long)t->at, (unsigned long long)(t->at + t->bytes),
                     (unsigned long long)im->length);
            name_bad(im, t->number, what);
            continue;
        }
        if (last && t->at < last->at + last->bytes) {
            snprintf(what, sizeof what, "overlaps %s", text_of(im, last->number, text));
            name_bad(im, t->number, what);
        }
        if (!last || t->at + t->bytes > last->at + last->bytes) last = t;
    }
    free(sorted);
    return true;
}

// ---- checksums -------------------------------------------------------------------------------

static void sum_of_tile(size_t i, void *user)
{
    image *im = user;
    stored *t = &im->tiles[i];
    z_stream z = { .zalloc = NULL };
    bool inflates = im->deflated && inflateInit(&z) == Z_OK;
    if (!t->bad && !cli_interrupted())
        t->error = crc_of_range(im->fd, t->at, t->bytes, &t->crc, inflates ? &z : NULL, &t->broken);
    if (inflates) inflateEnd(&z);
}

static bool check_sums(image *im, gwt *g)
{
    char what[160];
    if (!im->checksums && !im->deflated) return true;
    gwt_parallel_for(g, (size_t)im->num_tiles, sum_of_tile, im);
    if (cli_interrupted()) return false;
    for (int64_t i = 0; i < im->num_tiles; i++) {
        const stored *t = &im->tiles[i];
        if (t->error) {
            snprintf(what, sizeof what, "can't be read: %s", why_not_read(t->error));
            name_bad(im, i, what);
        } else if (im->checksums && t->crc != t->listed) {
            snprintf(what, sizeof what, "is not what was written: its checksum is %08lx, not %08lx",
                     (unsigned long)t->crc, (unsigned long)t->listed);
            name_bad(im, i, what);
        } else if (t->broken) {
            name_bad(im, i, "is damaged: its pixels do not have the checksum of deflate");
        }
    }
    return true;
}

// ---- decoding --------------------------------------------------------------------------------

static int take_block(const gwt_block *block, void *user)
{
    (void)block, (void)user;
    return 0;
}

// The number of the tile that a message of gwt is about, "FILE: tile 7 (row ..": -1 when that
// can't be told.
static int64_t number_in(const image *im, const char *message)
{
    const char *word = im->tiled ? " tile " : " strip ";
    size_t n = strlen(im->path);
    const char *at = strlen(message) > n ? strstr(message + n, word) : NULL;
    long long number = at ? strtoll(at + strlen(word), NULL, 10) : -1;
    return number < im->num_tiles ? number : -1;
}

// Whether it is about a tile of the mask: "FILE: directory 2: tile 7 (..", "FILE.msk: tile 7 (..".
static bool is_of_mask(const image *im, const char *message)
{
    const char *at = im->mask[0] ? strstr(message, im->mask) : NULL;
    return at && at[strlen(im->mask)] == ':';
}

// gwt cuts plain tiles into smaller ones with numbers of their own, unless it looks at checksums of
// them. Nothing in them can fail to be decoded, so that what it finds is either what was found
// before, or all there is.
static bool check_decoding(image *im, gwt *g, gwt_array *a, bool progress)
{
    int64_t before = im->num_bad;
    if (gwt_map_blocks(a, take_block, NULL, .progress = progress) < 0) return false;
    const char *message;
    for (size_t i = 0; (message = gwt_bad_tile(g, i)) != NULL; i++) {
        bool cut = im->plain && !im->bound_checksums, of_mask = is_of_mask(im, message);
        int64_t number = cut || of_mask ? -1 : number_in(im, message);
        if (!of_mask && cut ? before > 0 : number >= 0 && im->tiles[number].bad) continue;
        if (number >= 0) im->tiles[number].bad = true;
        im->num_bad++;
        cli_error("%s", message);
    }
    return true;
}

// ---- a file ----------------------------------------------------------------------------------

static const char *kind_of(const image *im) { return im->tiled ? "tiles" : "strips"; }

static bool check_image(image *im, const verify_args *args)
{
    gwt *g = cli_begin_quiet(args->workers, args->memory);
    if (!g) return false;
    // The pixels are of no interest: any value will do where a tile is bad.
    gwt_array *a = gwt_open(g, im->path, .fill_bad_tiles = true, .nodata = gwt_some(0),
                            .complex_part = GWT_REAL);
    if (a && gwt_describe(a)->mask)
        snprintf(im->mask, sizeof im->mask, "%s", gwt_describe(a)->mask);
    bool done = a && read_directory(im) && check_ranges(im) &&
                check_decoding(im, g, a, !args->quiet) && check_sums(im, g);
    if (gwt_status(g) != GWT_OK) cli_error("%s", gwt_message(g));
    cli_end(g);
    if (!done) return false;
    if (im->num_bad > 0)
        return cli_error("%s: %lld of %lld %s bad", im->path, (long long)im->num_bad,
                         (long long)im->num_tiles, kind_of(im)), false;
    if (args->quiet) return true;
    cli_text(stdout, im->path);
    printf(": %lld %s good (%s)", (long long)im->num_tiles, kind_of(im),
           im->checksums           ? "checksums compared"
           : im->foreign_checksums ? "checksums of another file, not compared"
                                   : "no checksums");
    if (im->mask[0]) {
        fputs(", and its mask (", stdout);
        cli_text(stdout, im->mask);
        putchar(')');
    }
    putchar('\n');
    return true;
}

// Open, or -1 with the error printed.
static int open_file(const char *path, uint64_t *length)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *length = (uint64_t)st.st_size;
        return fd;
    }
    cli_error("%s: %s", path, fd < 0 ? strerror(errno) : "is not a file");
    if (fd >= 0) close(fd);
    return -1;
}

static bool verify_file(const char *path, const verify_args *args)
{
    image im = { .path = path };
    im.fd = open_file(path, &im.length);
    if (im.fd < 0) return false;
    bool good = check_image(&im, args);
    free(im.tiles);
    close(im.fd);
    return good;
}

// ---- what an interrupted save left -----------------------------------------------------------

// As gwt.h describes the journal: a header with the number of tiles and its own CRC-32 at the end,
// then for each tile its size, its CRC-32, and that of the record with the tile's number; of a save
// with statistics those follow, and belong to the record.
enum { JOURNAL_HEAD = 48, JOURNAL_RECORD = 16, JOURNAL_FIGURES = 56, PART_HEAD = 16 };

static uint64_t little(const unsigned char *from, int bytes)
{
    uint64_t value = 0;
    while (bytes-- > 0) value = value << 8 | from[bytes];
    return value;
}

static bool is_head(const unsigned char *head, size_t n)
{
    static const char magic[] = "gwt journal 2\n";
    return n == JOURNAL_HEAD && memcmp(head, magic, sizeof magic) == 0 &&
           little(head + 44, 4) == crc32(0, head, 44);
}

static bool is_record(const unsigned char *record, size_t bytes, uint64_t tile)
{
    unsigned char number[8];
    for (int i = 0; i < 8; i++) number[i] = (unsigned char)(tile >> (8 * i));
    uLong crc = crc32(crc32(0, number, sizeof number), record, 12);
    return little(record + 12, 4) ==
           crc32(crc, record + JOURNAL_RECORD, (uInt)(bytes - JOURNAL_RECORD));
}

// Tiles from the first on that are there and as their records say.
static uint64_t good_tiles(FILE *journal, int fd, uint64_t length, uint64_t most, size_t size)
{
    unsigned char *record = malloc(size);
    uint64_t tile = 0, at = PART_HEAD;
    for (; record && tile < most && fread(record, size, 1, journal) == 1; tile++) {
        uint64_t bytes = little(record, 8);
        uint32_t crc;
        if (!is_record(record, size, tile) || bytes > length || at > length - bytes ||
            crc_of_range(fd, at, bytes, &crc, NULL, NULL) != 0 || crc != little(record + 8, 4) ||
            cli_interrupted())
            break;
        at += bytes;
    }
    free(record);
    return tile;
}

// Never a success: whoever asks whether a file is good has not got it yet.
static bool verify_part(const char *path)
{
    unsigned char head[JOURNAL_HEAD];
    char name[4096];
    uint64_t length;
    int fd = open_file(path, &length);
    if (fd < 0) return false;
    snprintf(name, sizeof name, "%s.journal", path);
    FILE *journal = fopen(name, "rb");
    if (!journal || !is_head(head, fread(head, 1, sizeof head, journal))) {
        cli_error("%s: not finished, and %s: gwt calc --overwrite starts afresh", path,
                  journal ? "its journal has no whole header" : "there is no journal beside it");
    } else {
        uint64_t most = little(head + 16, 6);
        size_t record = JOURNAL_RECORD + JOURNAL_FIGURES * (size_t)little(head + 22, 2);
        uint64_t n = good_tiles(journal, fd, length, most, record);
        cli_error("%s: not finished: %llu of %llu tiles good; the same gwt calc with --resume goes "
                  "on", path, (unsigned long long)n, (unsigned long long)most);
    }
    if (journal) fclose(journal);
    close(fd);
    return false;
}

static bool is_part(const char *path)
{
    static const char end[] = ".part";
    size_t n = strlen(path);
    return n >= sizeof end && strcmp(path + n - (sizeof end - 1), end) == 0;
}

// ---- the command -----------------------------------------------------------------------------

static const cli_option options[] = {
    { 0, "cog", CLI_FLAG, offsetof(verify_args, cog), NULL,
      "say rule by rule whether it is cloud-optimised", 0, 0, NULL },
    CLI_WORKERS(offsetof(verify_args, workers)),
    CLI_MEMORY(offsetof(verify_args, memory)),
    CLI_QUIET(offsetof(verify_args, quiet), "no progress bar, no line for a good file"),
    CLI_END
};

static const cli_command command = {
    .name = "gwt verify", .synopsis = "FILE... [options]",
    .summary = "Decode every tile of the files' first images, check that tiles lie in the file\n"
               "and not on each other, and compare checksums where gwt calc --checksums wrote any.",
    .details = "Each bad tile is named. Exit status: 0 when all files are good, else 1. Without\n"
               "checksums a tile that was changed may still be one that can be decoded (not so\n"
               "with deflate, which has its own).\n"
               "\n"
               "Of OUT.part, which an interrupted gwt calc leaves, it says how many tiles are\n"
               "good; that is not a good file yet.\n"
               "\n"
               "--cog has the rules of GDAL's and rio-cogeo's validators; \"advice\" is no error.\n"
               "\n"
               "  gwt verify 'scenes/*.tif' --quiet   # a pattern stands for its files\n",
    .options = options, .min_arguments = 1, .max_arguments = 1 << 20, .wanted = "at least one file"
};

int cmd_verify(int argc, char **argv)
{
    verify_args args = { .workers = 0 };
    int status = cli_parse(&command, &args, argc, argv, &argc);
    if (status != CLI_GO_ON) return status;

    file_list files;
    bool good = true;
    if (!file_list_find(&files, argv, (size_t)argc)) return CLI_FAILED;
    for (size_t i = 0; i < files.count && !cli_interrupted(); i++) {
        const char *path = files.paths[i];
        if (args.cog && !cog_check(path, args.quiet)) good = false;
        if (!(is_part(path) ? verify_part(path) : verify_file(path, &args))) good = false;
    }
    file_list_free(&files);
    return good ? CLI_OK : CLI_FAILED;
}
