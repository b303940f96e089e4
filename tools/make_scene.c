// make_scene.c - a made-up Landsat scene, the same on every machine.
//
//     make_scene OUT [WIDTH HEIGHT BANDS COMPRESSION TILE DATE]
//
// Writes a GeoTIFF of uint16 digital numbers (blue, green, red, nir, swir1, swir2: as many as
// BANDS says) as a Landsat 8 product has them: reflectance is DN * 0.00002 - 0.1. UTM zone 21
// south, 30 m pixels, pixel-interleaved; nodata 0 in wedges where the tilted footprint ends.
// Defaults 2041 1860 3 lzw 256. COMPRESSION is none, lzw, deflate or zstd; TILE is a tile edge,
// 0 for strips of 16 rows. DATE 1, 2, .. is the same land on another day: with other clouds, which
// are nodata too, and other sensor noise.
//
// The land is value noise: hills with a river in each valley floor, forest and savanna by how wet
// it is, fields and round irrigated plots on the plains, clouds and their shadows on top. All of
// it is integer arithmetic on hashes of pixel coordinates, so no compiler, processor or libm can
// change a pixel, and any part of a larger scene has the same land as a smaller one.
//
//     cc -std=c11 -O2 -o make_scene make_scene.c -ltiff

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

enum { MAX_BANDS = 6, STRIP_ROWS = 16, MAX_EDGE = 1 << 20 };

typedef struct scene {
    const char *path;
    int64_t width, height;
    int bands, compression, tile;
    uint32_t date;             // 0: clouds are left in
} scene;

// ---- noise ------------------------------------------------------------------------------------

enum { MAX_SHIFT = 9 };        // the largest lattice cell is 512 pixels

// Smoothstep over a cell of 2^shift pixels, 0..32768; filled once, before anything else.
static uint16_t fade[MAX_SHIFT + 1][1 << MAX_SHIFT];

static void fill_fade(void)
{
    for (int shift = 0; shift <= MAX_SHIFT; shift++)
        for (uint64_t i = 0; i < UINT64_C(1) << shift; i++) {
            uint64_t t = i << (15 - shift);
            fade[shift][i] = (uint16_t)(t * t * (3 * 32768 - 2 * t) >> 30);
        }
}

// lowbias32 by Chris Wellons, https://nullprogram.com/blog/2018/07/31/ (public domain).
static uint32_t scramble(uint32_t x)
{
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return x ^ x >> 16;
}

static uint32_t hash(uint32_t seed, int64_t x, int64_t y)
{
    return scramble(seed + (uint32_t)x * 0x9e3779b1u + scramble((uint32_t)y * 0x85ebca77u + seed));
}

static int32_t lattice(uint32_t seed, int64_t x, int64_t y)
{
    return (int32_t)(hash(seed, x, y) >> 17);  // 0..32767
}

// a where t is 0, b where t is 32768. Everything stays positive and below 2^30.
static int32_t blend(int32_t a, int32_t b, int32_t t)
{
    return (a * (32768 - t) + b * t) >> 15;
}

// One row of one octave, divided by 2^weight, added to `out`.
static void add_octave(uint32_t seed, int shift, int weight, int64_t x, int64_t y, int64_t count,
                       int32_t *out)
{
    int64_t mask = (INT64_C(1) << shift) - 1, column = x >> shift, row = y >> shift;
    int32_t down = fade[shift][y & mask];
    int32_t right = blend(lattice(seed, column, row), lattice(seed, column, row + 1), down);
    for (int64_t i = 0; i < count;) {
        int32_t left = right;
        column = (x + i) >> shift;
        right = blend(lattice(seed, column + 1, row), lattice(seed, column + 1, row + 1), down);
        int64_t end = ((column + 1) << shift) - x;
        if (end > count) end = count;
        const uint16_t *across = fade[shift] + ((x + i) & mask);
        for (; i < end; i++) out[i] += blend(left, right, *across++) >> weight;
    }
}

// A row of fractal noise, 0..32767 with most of it in the middle third. The largest features are
// 2^shift pixels wide; each further octave is half as wide and half as strong.
static void noise_row(uint32_t seed, int shift, int octaves, int64_t x, int64_t y, int64_t count,
                      int32_t *out)
{
    memset(out, 0, (size_t)count * sizeof *out);
    for (int i = 0; i < octaves; i++)
        add_octave(scramble(seed * 64 + (uint32_t)i), shift - i, i + 1, x, y, count, out);
}

// ---- land -------------------------------------------------------------------------------------

// Digital numbers of pure surfaces, after typical top-of-atmosphere reflectance.
typedef enum surface {
    FOREST, SAVANNA, SOIL, CROP, YOUNG_CROP, STUBBLE, BURNT, ROAD, WATER, SHADE, CLOUD, SURFACES
} surface;

static const int32_t colours[SURFACES][MAX_BANDS] = {
    //             blue   green  red    nir    swir1  swir2
    [FOREST]     = { 9100,  9200,  7700, 18500, 11500,  7900 },
    [SAVANNA]    = { 10150, 10550, 10450, 16800, 18500, 13500 },
    [SOIL]       = { 10900, 11900, 15200, 18800, 23000, 19000 },
    [CROP]       = { 9500,  10000, 7900, 26500, 14200,  9200 },
    [YOUNG_CROP] = { 9900,  10700, 9300, 22500, 16500, 11500 },
    [STUBBLE]    = { 11700, 13200, 15400, 20500, 24500, 18500 },
    [BURNT]      = { 9200,  8700,  8500, 10800, 15500, 14500 },
    [ROAD]       = { 10600, 11200, 13200, 16500, 20000, 16000 },
    [WATER]      = { 10600, 10500, 9700,  7300,  6000,  5500 },
    [SHADE]      = { 8500,  7400,  6500,  7600,  6600,  5900 },
    [CLOUD]      = { 28800, 28400, 28800, 29600, 26500, 22500 }
};

// Noise over one row. Each is read at [i] for pixel i; heights also at [i + 1].
typedef struct fields {
    int32_t *height, *above;   // of this row and of the one above it
    int32_t *wet, *plain, *river, *brook, *cloud, *shadow;
    int32_t *memory;
} fields;

enum { FIELDS = 8, MARGIN = 1 << 12 };  // land begins at MARGIN, so no coordinate is negative

static int32_t clamp(int32_t value, int32_t lo, int32_t hi)
{
    return value < lo ? lo : value > hi ? hi : value;
}

// 0 below lo, 256 above hi, straight between.
static int32_t ramp(int32_t value, int32_t lo, int32_t hi)
{
    return (clamp(value, lo, hi) - lo) * 256 / (hi - lo);
}

static int32_t mix(int32_t a, int32_t b, int32_t part)  // part 0..256
{
    return (a * (256 - part) + b * part) / 256;
}

// Distance from the middle of the noise: small along winding lines that never end inside.
static int32_t off_middle(int32_t noise)
{
    return noise < 16384 ? 16384 - noise : noise - 16384;
}

// Hills where it is not plain, and valleys down to the rivers. Heights are in 1/256 of the noise's
// unit: in whole ones gentle slopes would be terraces.
static void height_row(fields *f, int32_t *to, int64_t x, int64_t y, int64_t count)
{
    noise_row(1, 8, 6, x, y, count, to);
    noise_row(2, 9, 3, x, y, count, f->plain);
    noise_row(3, 9, 7, x, y, count, f->river);
    noise_row(4, 8, 5, x, y, count, f->brook);
    for (int64_t i = 0; i < count; i++) {
        int32_t hilly = 800 + clamp(19500 - f->plain[i], 0, 8000);  // of 8192
        int32_t valley = clamp(off_middle(f->river[i]), 0, 2600);
        int32_t gully = clamp(off_middle(f->brook[i]), 0, 1500);
        to[i] = (to[i] - 16384 + gully) * hilly / 32 + valley * 100;
    }
}

// The sun stands in the north-east, as it does on a southern winter's morning, so shadows of clouds
// lie to the south-west of them.
static void fields_row(fields *f, int64_t y, int64_t width, uint32_t date)
{
    int64_t x = MARGIN, count = width + 1;
    y += MARGIN;
    int32_t *swap = f->above;
    f->above = f->height;
    f->height = swap;
    height_row(f, f->height, x, y, count);
    noise_row(5, 7, 5, x, y, count, f->wet);
    noise_row(6 + 100 * date, 7, 6, x, y, count, f->cloud);
    noise_row(6 + 100 * date, 7, 6, x + 13, y - 17, count, f->shadow);
}

static bool make_fields(fields *f, int64_t width)
{
    size_t count = (size_t)width + 1;
    *f = (fields){ .memory = calloc(FIELDS * count, sizeof(int32_t)) };
    if (!f->memory) return false;
    int32_t **const all[FIELDS] = { &f->height, &f->above, &f->wet, &f->plain, &f->river,
                                    &f->brook, &f->cloud, &f->shadow };
    for (size_t i = 0; i < FIELDS; i++) *all[i] = f->memory + i * count;
    height_row(f, f->height, MARGIN, MARGIN - 1, width + 1);
    return true;
}

// ---- fields of farms --------------------------------------------------------------------------

typedef struct plot { uint32_t id; bool edge, round; } plot;

// A lattice of 64 x 64 pixels turned by 15 degrees (4/15), some cells halved along, some across.
static plot plot_at(int64_t x, int64_t y)
{
    int64_t u = (15 * x + 4 * y) >> 4, v = (15 * y - 4 * x + (INT64_C(1) << 32)) >> 4;
    int64_t cu = u & 63, cv = v & 63;
    uint32_t id = hash(77, u >> 6, v >> 6);
    plot p = { .id = id, .edge = cu < 1 || cv < 1 };
    if (id % 7 == 0) {
        p.round = (cu - 32) * (cu - 32) + (cv - 32) * (cv - 32) < 30 * 30;
    } else if (id % 7 < 5) {
        int64_t along = id & 8 ? cu : cv, cut = 24 + (id >> 8 & 15);
        if (along >= cut) p.id = scramble(id);
        p.edge = p.edge || along == cut;
    }
    return p;
}

static surface crop_of(const plot *p)
{
    static const surface grown[8] = { CROP, SOIL, YOUNG_CROP, STUBBLE, CROP, SAVANNA, SOIL,
                                      YOUNG_CROP };
    if (p->edge) return ROAD;
    if (p->round) return p->id & 16 ? CROP : YOUNG_CROP;
    if (p->id % 61 == 0) return BURNT;
    return grown[p->id >> 16 & 7];
}

// ---- a pixel ----------------------------------------------------------------------------------

// What covers a pixel, decided once for all bands; parts are 0..256.
typedef struct cover {
    bool farmed;
    surface crop;
    int32_t tint;              // of this plot, 256 is none
    int32_t forest, light, water, shadow, cloud;
} cover;

static cover cover_at(const fields *f, int64_t i, int64_t x, int64_t y)
{
    int32_t river = off_middle(f->river[i]), brook = off_middle(f->brook[i]);
    cover c = { .farmed = false };
    c.water = ramp(300 - river, 0, 90);
    c.forest = clamp(ramp(f->wet[i], 14000, 19500) + ramp(900 - river, 0, 500) +
                     ramp(420 - brook, 0, 250), 0, 256);
    c.light = clamp(256 + (f->height[i] - f->above[i + 1]) / 600, 130, 370);
    c.cloud = ramp(f->cloud[i], 22800, 26000);
    c.shadow = ramp(f->shadow[i], 22800, 26000);
    if (f->plain[i] > 15500 && river > 1000 && brook > 350) {
        plot p = plot_at(x, y);
        c.farmed = f->plain[i] > 15500 + (int32_t)(p.id >> 4 & 2047);
        c.crop = crop_of(&p);
        c.tint = 240 + (int32_t)(p.id >> 24 & 31);
    }
    return c;
}

// Light and tint change what is above the path radiance, some 6500 in these numbers.
static int32_t lit(int32_t dn, int32_t light)
{
    return 6500 + (dn - 6500) * light / 256;
}

static uint16_t pixel_of_band(const cover *c, int band, uint32_t grain)
{
    int32_t dn = mix(colours[SAVANNA][band], colours[FOREST][band], c->forest);
    if (c->farmed) dn = lit(mix(colours[c->crop][band], dn, 24), c->tint);
    dn = lit(dn, c->light);
    dn = mix(dn, colours[WATER][band], c->water);
    dn = mix(dn, colours[SHADE][band], c->shadow * 3 / 4);
    dn = mix(dn, colours[CLOUD][band], c->cloud);
    dn += (int32_t)(grain >> (5 * band) & 31) * 6 - 93;  // the sensor's noise, +-93
    return (uint16_t)clamp(dn, 5000, 30000);
}

// First and last + 1 pixel of a row inside the footprint: a quadrangle whose corners touch the
// sides of the image a tenth from the left and right, a twelfth from the top and bottom.
static void footprint(const scene *s, int64_t y, int64_t *first, int64_t *last)
{
    int64_t w = s->width, h = s->height, tenth = w / 10;
    *last = 12 * y < h ? tenth + (w - tenth) * 12 * y / h : w - tenth * (12 * y - h) / (11 * h);
    *first = 12 * y < 11 * h ? tenth - tenth * 12 * y / (11 * h)
                             : (w - tenth) * (12 * y - 11 * h) / h;
}

static void scene_row(const scene *s, fields *f, int64_t y, uint16_t *to)
{
    int64_t first, last;
    footprint(s, y, &first, &last);
    fields_row(f, y, s->width, s->date);
    memset(to, 0, (size_t)(s->width * s->bands) * sizeof *to);
    for (int64_t x = first; x < last; x++) {
        cover c = cover_at(f, x, x, y);
        uint32_t grain = hash(99 + s->date, x, y);
        if (s->date && c.cloud > 128) continue;
        for (int band = 0; band < s->bands; band++)
            to[x * s->bands + band] = pixel_of_band(&c, band, grain);
    }
}

// ---- the file ---------------------------------------------------------------------------------

enum {
    GEO_PIXEL_SCALE = 33550, GEO_TIE_POINT = 33922, GEO_KEYS = 34735, GEO_TEXT = 34737,
    GDAL_METADATA = 42112, GDAL_NODATA = 42113
};

static void add_tags(TIFF *tif)
{
    static const TIFFFieldInfo tags[] = {
        { GEO_PIXEL_SCALE, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, "GeoPixelScale" },
        { GEO_TIE_POINT, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, "GeoTiePoints" },
        { GEO_KEYS, -1, -1, TIFF_SHORT, FIELD_CUSTOM, 1, 1, "GeoKeyDirectory" },
        { GEO_TEXT, -1, -1, TIFF_ASCII, FIELD_CUSTOM, 1, 0, "GeoASCIIParams" },
        { GDAL_METADATA, -1, -1, TIFF_ASCII, FIELD_CUSTOM, 1, 0, "GDALMetadata" },
        { GDAL_NODATA, -1, -1, TIFF_ASCII, FIELD_CUSTOM, 1, 0, "GDALNoData" }
    };
    TIFFMergeFieldInfo(tif, tags, sizeof tags / sizeof *tags);
}

static void set_place(TIFF *tif)
{
    static const double scale[3] = { 30, 30, 0 };
    static const double tie_point[6] = { 0, 0, 0, 583785, 7512315, 0 };
    static const char text[] = "WGS 84 / UTM zone 21S|";
    static const uint16_t keys[] = {
        1, 1, 0, 5,            // version, five keys, by number
        1024, 0, 1, 1,         // GTModelType: projected
        1025, 0, 1, 1,         // GTRasterType: pixel is area
        1026, GEO_TEXT, 22, 0, // GTCitation: 22 characters of the text
        3072, 0, 1, 32721,     // ProjectedCRS: EPSG code
        3076, 0, 1, 9001       // ProjLinearUnits: metre
    };
    TIFFSetField(tif, GEO_PIXEL_SCALE, 3, scale);
    TIFFSetField(tif, GEO_TIE_POINT, 6, tie_point);
    TIFFSetField(tif, GEO_KEYS, (int)(sizeof keys / sizeof *keys), keys);
    TIFFSetField(tif, GEO_TEXT, text);
}

static void set_band_names(TIFF *tif, int bands)
{
    static const char *const names[MAX_BANDS] = { "blue", "green", "red", "nir", "swir1", "swir2" };
    char xml[1024] = "<GDALMetadata>\n";
    for (int b = 0; b < bands; b++) {
        size_t used = strlen(xml);
        snprintf(xml + used, sizeof xml - used, "  <Item name=\"DESCRIPTION\" sample=\"%d\" "
                 "role=\"description\">%s</Item>\n", b, names[b]);
    }
    strcat(xml, "</GDALMetadata>\n");
    TIFFSetField(tif, GDAL_METADATA, xml);
}

static void set_layout(TIFF *tif, const scene *s)
{
    uint16_t extra[MAX_BANDS] = { EXTRASAMPLE_UNSPECIFIED };
    TIFFSetField(tif, TIFFTAG_IMAGEWIDTH, (uint32_t)s->width);
    TIFFSetField(tif, TIFFTAG_IMAGELENGTH, (uint32_t)s->height);
    TIFFSetField(tif, TIFFTAG_SAMPLESPERPIXEL, s->bands);
    TIFFSetField(tif, TIFFTAG_BITSPERSAMPLE, 16);
    TIFFSetField(tif, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
    TIFFSetField(tif, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tif, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(tif, TIFFTAG_COMPRESSION, s->compression);
    if (s->bands > 1) TIFFSetField(tif, TIFFTAG_EXTRASAMPLES, s->bands - 1, extra);
    if (s->tile) {
        TIFFSetField(tif, TIFFTAG_TILEWIDTH, s->tile);
        TIFFSetField(tif, TIFFTAG_TILELENGTH, s->tile);
    } else {
        TIFFSetField(tif, TIFFTAG_ROWSPERSTRIP, STRIP_ROWS);
    }
    TIFFSetField(tif, GDAL_NODATA, "0");
}

// Write `rows` rows as a row of tiles; beyond the image they are nodata.
static bool write_tiles(TIFF *tif, const scene *s, int64_t y, int64_t rows, const uint16_t *from,
                        uint16_t *tile)
{
    size_t pixel = (size_t)s->bands, edge = (size_t)s->tile, bytes = edge * edge * pixel * 2;
    for (int64_t x = 0; x < s->width; x += s->tile) {
        size_t cols = (size_t)(s->width - x < s->tile ? s->width - x : s->tile);
        memset(tile, 0, bytes);
        for (int64_t row = 0; row < rows; row++)
            memcpy(tile + (size_t)row * edge * pixel, from + (row * s->width + x) * s->bands,
                   cols * pixel * 2);
        uint32_t index = TIFFComputeTile(tif, (uint32_t)x, (uint32_t)y, 0, 0);
        if (TIFFWriteEncodedTile(tif, index, tile, (tmsize_t)bytes) < 0) return false;
    }
    return true;
}

// Rows are made in bands as high as a tile or strip, and written when there is one.
static bool write_scene(TIFF *tif, const scene *s)
{
    int64_t edge = s->tile ? s->tile : STRIP_ROWS, line = s->width * s->bands;
    uint16_t *rows = malloc((size_t)(edge * line) * sizeof *rows);
    uint16_t *tile = malloc((size_t)(edge * edge * s->bands) * sizeof *tile);
    fields f = { .memory = NULL };
    bool good = rows && tile && make_fields(&f, s->width);
    for (int64_t y = 0; y < s->height && good; y += edge) {
        int64_t count = s->height - y < edge ? s->height - y : edge;
        for (int64_t row = 0; row < count; row++) scene_row(s, &f, y + row, rows + row * line);
        good = s->tile ? write_tiles(tif, s, y, count, rows, tile)
                       : TIFFWriteEncodedStrip(tif, (uint32_t)(y / edge), rows,
                                               (tmsize_t)(count * line * 2)) >= 0;
    }
    free(f.memory);
    free(tile);
    free(rows);
    return good;
}

static bool make_scene(const scene *s)
{
    // Classic TIFF ends at 4 GiB; leave room for data that does not compress.
    bool big = s->width * s->height * s->bands * 2 > INT64_C(3500) << 20;
    TIFF *tif = TIFFOpen(s->path, big ? "w8" : "w");
    if (!tif) return false;  // libtiff has said why
    add_tags(tif);
    set_layout(tif, s);
    set_place(tif);
    set_band_names(tif, s->bands);
    bool good = write_scene(tif, s) && TIFFWriteDirectory(tif);
    TIFFClose(tif);
    if (!good) {
        fprintf(stderr, "make_scene: %s: can't be written\n", s->path);
        remove(s->path);
    }
    return good;
}

// ---- the command line -------------------------------------------------------------------------

// The whole of `text` as a number from lo to hi, else -1.
static int64_t read_number(const char *text, int64_t lo, int64_t hi)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    return end == text || *end || errno || value < lo || value > hi ? -1 : value;
}

static int read_compression(const char *name)
{
    static const struct { const char *name; int code; } known[] = {
        { "none", COMPRESSION_NONE }, { "lzw", COMPRESSION_LZW },
        { "deflate", COMPRESSION_ADOBE_DEFLATE }, { "zstd", COMPRESSION_ZSTD }
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0 && TIFFIsCODECConfigured((uint16_t)known[i].code))
            return known[i].code;
    return -1;
}

static bool read_command_line(scene *s, int argc, char **argv)
{
    *s = (scene){ NULL, 2041, 1860, 3, COMPRESSION_LZW, 256, 0 };
    if (argc < 2 || argc > 8 || argv[1][0] == '-') return false;
    s->path = argv[1];
    if (argc > 2) s->width = read_number(argv[2], 1, MAX_EDGE);
    if (argc > 3) s->height = read_number(argv[3], 1, MAX_EDGE);
    if (argc > 4) s->bands = (int)read_number(argv[4], 1, MAX_BANDS);
    if (argc > 5) s->compression = read_compression(argv[5]);
    if (argc > 6) s->tile = (int)read_number(argv[6], 0, 4096);
    int64_t date = argc > 7 ? read_number(argv[7], 0, 1000000) : 0;
    s->date = (uint32_t)date;
    return s->width > 0 && s->height > 0 && s->bands > 0 && s->compression > 0 &&
           s->tile >= 0 && s->tile % 16 == 0 && date >= 0;
}

int main(int argc, char **argv)
{
    scene s;
    if (!read_command_line(&s, argc, argv)) {
        fputs("usage: make_scene OUT [WIDTH HEIGHT BANDS COMPRESSION TILE DATE]\n"
              "BANDS 1..6, COMPRESSION none lzw deflate zstd, TILE a multiple of 16 or 0\n",
              stderr);
        return 2;
    }
    fill_fade();
    return make_scene(&s) ? 0 : 1;
}
