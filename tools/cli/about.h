// about.h - what a GeoTIFF says about itself that gwt_describe does not: by libtiff.

#ifndef GWT_TOOLS_ABOUT_H
#define GWT_TOOLS_ABOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// An item of GDAL_METADATA; "" is no domain, no role.
typedef struct about_item {
    char *domain, *name, *role, *text;
    int64_t band;              // from 0; -1: of the file
} about_item;

typedef struct about_key {     // of the CRS
    int id;
    const char *name;          // as GeoTIFF calls it; NULL: it knows none of that number
    const char *text;          // NULL: it has numbers
    double *numbers;
    size_t count;
} about_key;

typedef struct about {
    about_key *keys;
    size_t num_keys;
    const char *crs_name;      // the file's, else PROJ's where built with it; NULL: none
    const char *crs_kind;      // "projected", "geographic", "geocentric" or NULL
    about_item *items;
    size_t num_items;
    struct { const char *name, *text; } texts[10];  // Software, DateTime and their like
    size_t num_texts;
    struct { const char *name, *key, *unit; size_t count; } others[4];  // XMP, .., what is no text
    size_t num_others;
    const char **colors;       // what each band is: "red", "alpha", "gray", "palette", "undefined"
    size_t num_bands;
    size_t shades;             // of a palette; 0: there is none
    struct about_memory *memory;
} about;

// Of the image in a directory, from 1. False when there is no memory, or libtiff can't open the
// file, which has been printed. In both cases about_free is due.
bool about_read(about *a, const char *path, int directory);
void about_free(about *a);

// The item of a band (-1: of the file) of that name, of no domain; NULL when there is none.
const about_item *about_find(const about *a, int64_t band, const char *name);

// What a projection method is called, key ProjCoordTransGeoKey; NULL for another number.
const char *about_method(int number);

#endif
