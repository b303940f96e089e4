// json.c - see json.h.

#include "json.h"

#include "../gwt.h"

#include <math.h>
#include <stdlib.h>

char *json_digits(double value, char *buffer)
{
    if (isnan(value)) return snprintf(buffer, 32, "nan"), buffer;
    if (isinf(value)) return snprintf(buffer, 32, value > 0 ? "inf" : "-inf"), buffer;
    // 15 digits are always right when decimal goes to double and back, 17 when the double must
    // survive; between them the first that survives is the shortest of the three.
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buffer, 32, "%.*g", digits, value);
        if (strtod(buffer, NULL) == value) break;
    }
    return buffer;
}

void json_number(FILE *to, double value)
{
    char digits[32];
    fprintf(to, isfinite(value) ? "%s" : "\"%s\"", json_digits(value, digits));
}

void json_numbers(FILE *to, const double *values, size_t count)
{
    fputc('[', to);
    for (size_t i = 0; i < count; i++) {
        if (i) fputs(", ", to);
        json_number(to, values[i]);
    }
    fputc(']', to);
}

// The second byte's range is what excludes overlong forms, surrogates and code points past U+10FFFF
// (Unicode, table 3-7).
size_t json_utf8_length(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80) return 1;
    if (s[0] < 0xC2 || s[0] > 0xF4) return 0;
    size_t length = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    unsigned lo = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
    unsigned hi = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
    if (s[1] < lo || s[1] > hi) return 0;
    for (size_t i = 2; i < length; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;  // the final NUL stops here too
    return length;
}

void json_string(FILE *to, const char *text)
{
    if (!text) {
        fputs("null", to);
        return;
    }
    fputc('"', to);
    char shown[8];
    for (size_t n; (n = gwt_escape(text, shown)) > 0; text += n) {
        if (*text == '"' || *text == '\\') fprintf(to, "\\%c", *text);
        else if (*shown != '\\' || shown[1] == 'u') fputs(shown, to);
        else if (*text & 0x80) fputs("\\ufffd", to);
        else fprintf(to, "\\u00%s", shown + 2);
    }
    fputc('"', to);
}
