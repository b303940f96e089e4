// times.c - see times.h.

#include "times.h"

#include <stdlib.h>
#include <string.h>

// "2016-05-17", "2024Q1", "2024": a name that a time may have, and is more than the number of one.
static bool is_dated(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    return (digits == 4 || digits == 8) && strncmp(name, "1900", 4) >= 0
        && strncmp(name, "2200", 4) < 0;
}

static size_t date_size(const char *name) { return strcspn(name, " "); }

// Several texts one after the other: names, and the list of them. To be freed, both at once.
static char **name_list(gwt *g, int64_t n, size_t size)
{
    char **names = calloc(1, ((size_t)n + 1) * sizeof *names + (size_t)n * size);
    for (int64_t i = 0; names && i < n; i++)
        names[i] = (char *)(names + n + 1) + (size_t)i * size;
    if (!names) gwt_fail(g, GWT_E_MEMORY, "out of memory");
    return names;
}

int64_t times_of_bands(const gwt_array *a)
{
    const gwt_info *info = gwt_describe(a);
    int64_t n = info->shape[1], bands = 1;
    const char *const *names = info->band_names;
    if (info->shape[0] != 1) return 1;
    while (bands < n && strncmp(names[bands], names[0], date_size(names[0]) + 1) == 0) bands++;
    if (n % bands) return 1;
    for (int64_t b = 0; b < n; b++) {
        const char *first = names[b % bands], *of_time = names[b - b % bands];
        size_t size = date_size(names[b]);
        if (!is_dated(names[b]) || strncmp(names[b], of_time, size + 1) != 0
            || strcmp(names[b] + size, first + date_size(first)) != 0)
            return 1;
    }
    return n / bands;
}

gwt_array *times_pick(gwt *g, gwt_array *a, int64_t times, int64_t time, char *name)
{
    enum { SIZE = 24 };
    const gwt_info *info = gwt_describe(a);
    int64_t bands = info->shape[1] / times, first = time * bands;
    const char *date = info->band_names[first];
    char **numbers = name_list(g, bands, SIZE);
    const char **names = calloc((size_t)bands + 1, sizeof *names);
    bool named = date[date_size(date)] != '\0';
    if (!names) gwt_fail(g, GWT_E_MEMORY, "out of memory");
    snprintf(name, CLI_WORD, "%.*s", (int)date_size(date), date);
    for (int64_t b = 0; numbers && names && b < bands; b++) {
        snprintf(numbers[b], SIZE, "%lld", (long long)(first + b + 1));
        names[b] = info->band_names[first + b] + date_size(info->band_names[first + b]) + named;
    }
    gwt_array *one = numbers && names ? gwt_sel_bands(a, (const char *const *)numbers) : NULL;
    for (int64_t b = 0; one && !named && b < bands; b++) {      // there is no taking away of names
        snprintf(numbers[b], SIZE, "%lld", (long long)b + 1);
        names[b] = numbers[b];
    }
    if (one) one = gwt_rename_bands(one, names);
    free(names);
    free(numbers);
    return one;
}
