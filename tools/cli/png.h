// png.h - write a picture as PNG, with zlib and nothing else.

#ifndef GWT_TOOLS_PNG_H
#define GWT_TOOLS_PNG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

// Write width x height pixels of red, green, blue, alpha (a byte each, alpha not premultiplied,
// rows from the top, no padding). False when memory or the stream gave out.
bool png_write(FILE *to, uint32_t width, uint32_t height, const uint8_t *rgba);

#endif
