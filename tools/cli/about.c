// about.c - see about.h.

#define _POSIX_C_SOURCE 200809L

#include "about.h"
#include "cli.h"

#include <stdlib.h>
#include <string.h>

#include <tiffio.h>
#if defined(GWT_WITH_PROJ)
#include <proj.h>
#endif

enum {
    TAG_GEO_KEYS = 34735, TAG_GEO_DOUBLES = 34736, TAG_GEO_ASCII = 34737,
    TAG_GDAL_METADATA = 42112, TAG_RPC = 50844, TAG_TIE_POINTS = 33922, TAG_PIXEL_SCALE = 33550,
    TAG_TRANSFORMATION = 34264
};

// ---- memory, all given back at once -----------------------------------------------------------

typedef struct about_memory {
    struct about_memory *next;
    max_align_t bytes[];
} about_memory;

static void *keep(about *a, size_t count, size_t size)
{
    if (size && count > (SIZE_MAX - sizeof(about_memory)) / size) return NULL;
    about_memory *m = calloc(1, sizeof *m + count * size);
    if (!m) return NULL;
    m->next = a->memory;
    a->memory = m;
    return m->bytes;
}

static char *keep_text(about *a, const char *from, size_t length)
{
    char *text = keep(a, length + 1, 1);
    if (text) memcpy(text, from, length);
    return text;
}

void about_free(about *a)
{
    while (a->memory) {
        about_memory *next = a->memory->next;
        free(a->memory);
        a->memory = next;
    }
}

// ---- GeoKeys ----------------------------------------------------------------------------------

// OGC GeoTIFF 1.1, annex D, with the names that most programs have (of GeoTIFF 1.0).
static const struct { int id; const char *name; } key_names[] = {
    { 1024, "GTModelType" }, { 1025, "GTRasterType" }, { 1026, "GTCitation" },
    { 2048, "GeographicType" }, { 2049, "GeogCitation" }, { 2050, "GeogGeodeticDatum" },
    { 2051, "GeogPrimeMeridian" }, { 2052, "GeogLinearUnits" }, { 2053, "GeogLinearUnitSize" },
    { 2054, "GeogAngularUnits" }, { 2055, "GeogAngularUnitSize" }, { 2056, "GeogEllipsoid" },
    { 2057, "GeogSemiMajorAxis" }, { 2058, "GeogSemiMinorAxis" }, { 2059, "GeogInvFlattening" },
    { 2060, "GeogAzimuthUnits" }, { 2061, "GeogPrimeMeridianLong" }, { 2062, "GeogTOWGS84" },
    { 3072, "ProjectedCSType" }, { 3073, "PCSCitation" }, { 3074, "Projection" },
    { 3075, "ProjCoordTrans" }, { 3076, "ProjLinearUnits" }, { 3077, "ProjLinearUnitSize" },
    { 3078, "ProjStdParallel1" }, { 3079, "ProjStdParallel2" }, { 3080, "ProjNatOriginLong" },
    { 3081, "ProjNatOriginLat" }, { 3082, "ProjFalseEasting" }, { 3083, "ProjFalseNorthing" },
    { 3084, "ProjFalseOriginLong" }, { 3085, "ProjFalseOriginLat" },
    { 3086, "ProjFalseOriginEasting" }, { 3087, "ProjFalseOriginNorthing" },
    { 3088, "ProjCenterLong" }, { 3089, "ProjCenterLat" }, { 3090, "ProjCenterEasting" },
    { 3091, "ProjCenterNorthing" }, { 3092, "ProjScaleAtNatOrigin" },
    { 3093, "ProjScaleAtCenter" }, { 3094, "ProjAzimuthAngle" },
    { 3095, "ProjStraightVertPoleLong" }, { 3096, "ProjRectifiedGridAngle" },
    { 4096, "VerticalCSType" }, { 4097, "VerticalCitation" }, { 4098, "VerticalDatum" },
    { 4099, "VerticalUnits" }
};

// 6.3.3.3 of GeoTIFF 1.0, from 1 on.
static const char *const methods[] = {
    "Transverse Mercator", "Transverse Mercator (modified, Alaska)", "Oblique Mercator",
    "Oblique Mercator (Laborde)", "Oblique Mercator (Rosenmund)", "Oblique Mercator (spherical)",
    "Mercator", "Lambert Conformal Conic (2SP)", "Lambert Conformal Conic (1SP)",
    "Lambert Azimuthal Equal Area", "Albers Equal Area", "Azimuthal Equidistant",
    "Equidistant Conic", "Stereographic", "Polar Stereographic", "Oblique Stereographic",
    "Equirectangular", "Cassini-Soldner", "Gnomonic", "Miller Cylindrical", "Orthographic",
    "Polyconic", "Robinson", "Sinusoidal", "Van der Grinten", "New Zealand Map Grid",
    "Transverse Mercator (south oriented)", "Cylindrical Equal Area"
};

const char *about_method(int number)
{
    int count = (int)(sizeof methods / sizeof *methods);
    return number >= 1 && number <= count ? methods[number - 1] : NULL;
}

typedef struct geo_tags {
    const uint16_t *keys;
    const double *doubles;
    const char *ascii;
    uint32_t num_keys, num_doubles, num_ascii;
} geo_tags;

// A tag that libtiff does not know by itself, if it has that type.
static const void *unknown_tag(TIFF *tif, uint32_t tag, TIFFDataType type, uint32_t *count)
{
    const TIFFField *field = TIFFFindField(tif, tag, TIFF_ANY);
    void *data = NULL;
    *count = 0;
    if (!field || TIFFFieldDataType(field) != type || !TIFFFieldPassCount(field)) return NULL;
    if (TIFFFieldReadCount(field) == TIFF_VARIABLE2) {
        if (TIFFGetField(tif, tag, count, &data) != 1) *count = 0;
    } else {
        uint16_t few = 0;
        if (TIFFGetField(tif, tag, &few, &data) == 1) *count = few;
    }
    return *count ? data : NULL;
}

// Texts end in a bar, each of them.
static const char *keep_citation(about *a, const char *from, size_t length)
{
    while (length > 0 && (from[length - 1] == '|' || from[length - 1] == '\0')) length--;
    return keep_text(a, from, length);
}

// OGC GeoTIFF 1.1, 7.1.1: id, tag that has the values (0: this is the value), count, index.
static bool take_key(about *a, const geo_tags *t, const uint16_t *k)
{
    about_key key = { .id = k[0], .count = k[1] ? k[2] : 1 };
    size_t from = k[3];
    for (size_t i = 0; i < sizeof key_names / sizeof *key_names; i++)
        if (key_names[i].id == key.id) key.name = key_names[i].name;
    uint32_t there = k[1] == TAG_GEO_DOUBLES ? t->num_doubles
                   : k[1] == TAG_GEO_ASCII   ? t->num_ascii
                   : k[1] == TAG_GEO_KEYS    ? t->num_keys : 0;
    if (k[1] && (from > there || key.count > there - from)) return true;    // not all there
    if (k[1] == TAG_GEO_ASCII) {
        key.text = keep_citation(a, t->ascii + from, key.count);
        if (!key.text) return false;
    } else {
        key.numbers = keep(a, key.count, sizeof *key.numbers);
        if (!key.numbers) return false;
    }
    for (size_t i = 0; key.numbers && i < key.count; i++)
        key.numbers[i] = !k[1] ? k[3] : k[1] == TAG_GEO_DOUBLES ? t->doubles[from + i]
                                                                : t->keys[from + i];
    a->keys[a->num_keys++] = key;
    return true;
}

static const about_key *find_key(const about *a, int id)
{
    for (size_t i = 0; i < a->num_keys; i++)
        if (a->keys[i].id == id) return &a->keys[i];
    return NULL;
}

// The name that PROJ's database has for the code of a CRS, of a file that has none itself.
#if defined(GWT_WITH_PROJ)
static const char *name_by_proj(about *a)
{
    static const int codes[] = { 3072, 2048 };      // projected, geographic
    char text[16], *name = NULL;
    double code = 0;
    for (int i = 0; i < 2 && !code; i++) {
        const about_key *key = find_key(a, codes[i]);
        if (key && key->numbers && key->numbers[0] < 32767) code = key->numbers[0];
    }
    if (!code) return NULL;
    snprintf(text, sizeof text, "%.0f", code);
    PJ_CONTEXT *context = proj_context_create();
    proj_log_level(context, PJ_LOG_NONE);
    PJ *crs = proj_create_from_database(context, "EPSG", text, PJ_CATEGORY_CRS, 0, NULL);
    const char *found = crs ? proj_get_name(crs) : NULL;
    if (found) name = keep(a, strlen(found) + 1, 1);
    if (name) strcpy(name, found);
    proj_destroy(crs);
    proj_context_destroy(context);
    return name;
}
#else
static const char *name_by_proj(about *a)
{
    (void)a;
    return NULL;
}
#endif

static void name_crs(about *a)
{
    static const char *const kinds[] = { NULL, "projected", "geographic", "geocentric" };
    static const int projected[] = { 1026, 3073, 2049 }, geographic[] = { 2049, 1026, 3073 };
    const about_key *model = find_key(a, 1024);
    int kind = model && model->numbers ? (int)model->numbers[0] : 0;
    if (kind >= 1 && kind <= 3) a->crs_kind = kinds[kind];
    const int *order = kind == 2 ? geographic : projected;
    for (int i = 0; i < 3 && !a->crs_name; i++) {
        const about_key *key = find_key(a, order[i]);
        if (key && key->text && key->text[0]) a->crs_name = key->text;
    }
    if (!a->crs_name) a->crs_name = name_by_proj(a);
}

static bool read_keys(about *a, TIFF *tif)
{
    geo_tags t;
    t.keys = unknown_tag(tif, TAG_GEO_KEYS, TIFF_SHORT, &t.num_keys);
    t.doubles = unknown_tag(tif, TAG_GEO_DOUBLES, TIFF_DOUBLE, &t.num_doubles);
    t.ascii = unknown_tag(tif, TAG_GEO_ASCII, TIFF_ASCII, &t.num_ascii);
    if (t.num_keys < 4) return true;
    a->keys = keep(a, t.keys[3], sizeof *a->keys);
    if (!a->keys) return false;
    for (uint32_t i = 4; i + 3 < t.num_keys && i / 4 <= t.keys[3]; i += 4)
        if (!take_key(a, &t, t.keys + i)) return false;
    name_crs(a);
    return true;
}

// ---- GDAL_METADATA: <Item name=".." sample=".." ..>text</Item>, one after the other -----------

// The references of XML in place.
static void decode(char *text)
{
    static const struct { const char *entity; char is; } entities[] = {
        { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&quot;", '"' }, { "&apos;", '\'' }
    };
    char *to = text;
    while (*text) {
        size_t e = 0, count = sizeof entities / sizeof *entities;
        while (e < count && strncmp(text, entities[e].entity, strlen(entities[e].entity))) e++;
        char *end = NULL;
        bool number = text[0] == '&' && text[1] == '#';
        long c = number ? strtol(text + 2 + (text[2] == 'x'), &end, text[2] == 'x' ? 16 : 10) : 0;
        if (e < count) {
            *to++ = entities[e].is;
            text += strlen(entities[e].entity);
        } else if (c > 0 && c < 0x80 && *end == ';') {
            *to++ = (char)c;
            text = end + 1;
        } else {
            *to++ = *text++;
        }
    }
    *to = '\0';
}

// The value of an attribute of the head of an item, which ends before `end`; "" without it.
static char *attribute(about *a, const char *head, const char *end, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = head; p + n + 2 < end; p++) {
        if (!strchr(" \t\r\n", p[0]) || strncmp(p + 1, name, n) || p[n + 1] != '=') continue;
        char quote = p[n + 2];
        if (quote != '"' && quote != '\'') continue;
        const char *stop = memchr(p + n + 3, quote, (size_t)(end - (p + n + 3)));
        char *value = stop ? keep_text(a, p + n + 3, (size_t)(stop - (p + n + 3))) : NULL;
        if (value) decode(value);
        if (stop) return value;
    }
    return keep_text(a, "", 0);
}

// GDAL escapes texts once by itself and once more as XML.
static bool take_item(about *a, const char *head, const char *end, const char *stop)
{
    about_item item = { attribute(a, head, end, "domain"), attribute(a, head, end, "name"),
                        attribute(a, head, end, "role"),
                        keep_text(a, end + 1, (size_t)(stop - end - 1)), -1 };
    char *sample = attribute(a, head, end, "sample");
    if (!item.domain || !item.name || !item.role || !item.text || !sample) return false;
    decode(item.text);
    decode(item.text);
    long long band;
    bool of_band = cli_read_int(sample, 0, 65535, &band);
    if (of_band) item.band = band;
    // Of these one is long, and about stored bytes.
    if (strcmp(item.domain, "GWT") == 0 || (sample[0] && !of_band)) return true;
    a->items[a->num_items++] = item;
    return true;
}

static bool read_items(about *a, TIFF *tif)
{
    uint32_t count;
    const char *tag = unknown_tag(tif, TAG_GDAL_METADATA, TIFF_ASCII, &count);
    char *xml = tag ? keep_text(a, tag, count) : NULL;      // with an end, whatever is in it
    if (!tag) return true;
    size_t most = 0;
    for (const char *p = xml; p && (p = strstr(p, "<Item")) != NULL; p++) most++;
    a->items = keep(a, most, sizeof *a->items);
    if (!xml || !a->items) return false;
    for (const char *p = xml; (p = strstr(p, "<Item")) != NULL;) {
        const char *end = strchr(p, '>'), *stop = end ? strchr(end, '<') : NULL;
        if (!stop) return true;
        if (end[-1] != '/' && strncmp(stop, "</Item>", 7) == 0 && !take_item(a, p + 5, end, stop))
            return false;
        p = stop;
    }
    return true;
}

const about_item *about_find(const about *a, int64_t band, const char *name)
{
    for (size_t i = 0; i < a->num_items; i++)
        if (a->items[i].band == band && !a->items[i].domain[0] && !a->items[i].role[0]
            && strcmp(a->items[i].name, name) == 0) return &a->items[i];
    return NULL;
}

// ---- the rest ---------------------------------------------------------------------------------

// GDAL's names, in small letters.
static bool read_colors(about *a, TIFF *tif)
{
    static const char *const rgb[] = { "red", "green", "blue" },
                      *const cmyk[] = { "cyan", "magenta", "yellow", "black" };
    uint16_t bands = 1, bits = 8, photometric = PHOTOMETRIC_MINISBLACK, extras = 0, *extra = NULL;
    uint16_t *map[3];
    TIFFGetFieldDefaulted(tif, TIFFTAG_SAMPLESPERPIXEL, &bands);
    TIFFGetFieldDefaulted(tif, TIFFTAG_BITSPERSAMPLE, &bits);
    TIFFGetField(tif, TIFFTAG_PHOTOMETRIC, &photometric);
    TIFFGetField(tif, TIFFTAG_EXTRASAMPLES, &extras, &extra);
    if (photometric == PHOTOMETRIC_PALETTE && (bits <= 8 || bits == 16)
        && TIFFGetField(tif, TIFFTAG_COLORMAP, &map[0], &map[1], &map[2]) == 1)
        a->shades = (size_t)1 << bits;
    a->num_bands = bands;
    a->colors = keep(a, bands, sizeof *a->colors);
    if (!a->colors) return false;
    for (int b = 0; b < bands; b++) {
        bool is_rgb = photometric == PHOTOMETRIC_RGB || photometric == PHOTOMETRIC_YCBCR;
        int e = b - (bands - extras);
        a->colors[b] = b == 0 ? a->shades ? "palette" : "gray" : "undefined";
        if (is_rgb && b < 3) a->colors[b] = rgb[b];
        if (photometric == PHOTOMETRIC_SEPARATED && b < 4) a->colors[b] = cmyk[b];
        if (e >= 0 && e < extras
            && (extra[e] == EXTRASAMPLE_ASSOCALPHA || extra[e] == EXTRASAMPLE_UNASSALPHA))
            a->colors[b] = "alpha";
    }
    for (size_t i = 0; i < a->num_items; i++) {
        about_item *item = &a->items[i];
        if (strcmp(item->role, "colorinterp") || item->band < 0 || item->band >= bands) continue;
        for (char *c = item->text; *c; c++)
            if (*c >= 'A' && *c <= 'Z') *c = (char)(*c - 'A' + 'a');
        a->colors[item->band] = item->text;
    }
    return true;
}

static bool add_text(about *a, const char *name, const char *text)
{
    a->texts[a->num_texts].name = name;
    a->texts[a->num_texts].text = keep_text(a, text, strlen(text));
    return a->texts[a->num_texts++].text != NULL;
}

// How many pixels a unit has. The unit is inch where the file says none (TIFF 6.0, section 8).
static bool read_resolution(about *a, TIFF *tif)
{
    static const char *const units[] = { "", "none", "inch", "cm" };
    static const struct { uint32_t tag; const char *name; } tags[] = {
        { TIFFTAG_XRESOLUTION, "XResolution" }, { TIFFTAG_YRESOLUTION, "YResolution" }
    };
    char digits[32];
    uint16_t unit = 0;
    float value;
    for (int i = 0; i < 2; i++)
        if (TIFFGetField(tif, tags[i].tag, &value) == 1 && value > 0) {
            snprintf(digits, sizeof digits, "%.8g", (double)value);
            if (!add_text(a, tags[i].name, digits)) return false;
        }
    return TIFFGetField(tif, TIFFTAG_RESOLUTIONUNIT, &unit) != 1 || unit < 1 || unit > 3
        || add_text(a, "ResolutionUnit", units[unit]);
}

static void add_other(about *a, const char *name, const char *key, const char *unit, size_t count)
{
    if (!count) return;
    a->others[a->num_others].name = name;
    a->others[a->num_others].key = key;
    a->others[a->num_others].unit = unit;
    a->others[a->num_others++].count = count;
}

static bool read_texts(about *a, TIFF *tif)
{
    static const struct { uint32_t tag; const char *name; } tags[] = {
        { TIFFTAG_DOCUMENTNAME, "DocumentName" }, { TIFFTAG_IMAGEDESCRIPTION, "ImageDescription" },
        { TIFFTAG_SOFTWARE, "Software" }, { TIFFTAG_DATETIME, "DateTime" },
        { TIFFTAG_ARTIST, "Artist" }, { TIFFTAG_HOSTCOMPUTER, "HostComputer" },
        { TIFFTAG_COPYRIGHT, "Copyright" }
    };
    const char *text;
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        if (TIFFGetField(tif, tags[i].tag, &text) != 1 || !text) continue;
        if (!add_text(a, tags[i].name, text)) return false;
    }
    return read_resolution(a, tif);
}

// Of what is no text, how long it is. Tie points are ground control points where nothing else makes
// a transform of them.
static void read_others(about *a, TIFF *tif)
{
    uint32_t bytes, icc, rpc, ties, scale, all;
    const void *data;
    if (TIFFGetField(tif, TIFFTAG_XMLPACKET, &bytes, &data) != 1) bytes = 0;
    if (TIFFGetField(tif, TIFFTAG_ICCPROFILE, &icc, &data) != 1) icc = 0;
    unknown_tag(tif, TAG_RPC, TIFF_DOUBLE, &rpc);
    unknown_tag(tif, TAG_TIE_POINTS, TIFF_DOUBLE, &ties);
    unknown_tag(tif, TAG_PIXEL_SCALE, TIFF_DOUBLE, &scale);
    unknown_tag(tif, TAG_TRANSFORMATION, TIFF_DOUBLE, &all);
    add_other(a, "XMP", "xmp_bytes", " bytes", bytes);
    add_other(a, "ICC profile", "icc_profile_bytes", " bytes", icc);
    add_other(a, "RPC coefficients", "rpc_coefficients", "", rpc);
    add_other(a, "ground control points", "gcps", "", scale || all ? 0 : ties / 6);
}

// A file that is called FILE:2 is one of that name, else the second directory of FILE.
static TIFF *open_directory(const char *path, int directory)
{
    TIFF *tif = TIFFOpen(path, "rmc");
    const char *colon = strrchr(path, ':');
    char *file = tif || !colon ? NULL : strdup(path);
    if (file) {
        file[colon - path] = 0;
        tif = TIFFOpen(file, "rmch");   // h: the first directory may be damaged
        free(file);
    }
    if (!tif || directory == 1 || TIFFSetDirectory(tif, (tdir_t)(directory - 1))) return tif;
    TIFFClose(tif);
    return NULL;
}

bool about_read(about *a, const char *path, int directory)
{
    *a = (about){ .num_keys = 0 };
    TIFFSetErrorHandler(NULL);
    TIFFSetWarningHandler(NULL);
    TIFF *tif = open_directory(path, directory);
    if (!tif) return cli_error("%s: libtiff cannot open it", path), false;
    read_others(a, tif);
    bool good = read_keys(a, tif) && read_items(a, tif) && read_colors(a, tif)
             && read_texts(a, tif);
    TIFFClose(tif);
    if (!good) cli_error("out of memory");
    return good;
}
