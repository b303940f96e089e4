// json.h - values of JSON on a stream. The objects and arrays around them are printf's.

#ifndef GWT_TOOLS_JSON_H
#define GWT_TOOLS_JSON_H

#include <stddef.h>
#include <stdio.h>

// A number with the fewest digits that read back as the same double. JSON has no NaN and no
// infinity: they are the strings "nan", "inf" and "-inf".
void json_number(FILE *to, double value);
void json_numbers(FILE *to, const double *values, size_t count);  // [..], each as above

// A quoted string; NULL is null. The output is valid whatever the bytes: quotes, backslashes and
// what gwt_escape escapes are, and what is not UTF-8 becomes U+FFFD.
void json_string(FILE *to, const char *text);

// Length of the well-formed UTF-8 sequence that begins here, 0 when there is none.
size_t json_utf8_length(const char *text);

// The digits alone, for people: into a buffer of at least 32 bytes; gives the buffer.
char *json_digits(double value, char *buffer);

#endif
