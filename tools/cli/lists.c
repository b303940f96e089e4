// lists.c - gwt sensors, gwt codecs: what there is to choose from.

#include "cli.h"
#include "../json.h"

#include <string.h>
#include <tiffio.h>
#include <zlib.h>

typedef struct lists_args { bool json; } lists_args;

static const cli_option options[] = {
    { .name = "json", .kind = CLI_FLAG, .to = offsetof(lists_args, json),
      .help = "one JSON object" },
    CLI_END
};

// ---- sensors ----------------------------------------------------------------------------------

static const cli_command sensors_command = {
    .name = "gwt sensors", .synopsis = "[--json]",
    .summary = "List the sensors that --sensor knows, each with the names of its bands in order.",
    .options = options, .wanted = "no argument"
};

static void print_sensors(void)
{
    const char *name;
    for (size_t i = 0; (name = gwt_sensor_name(i)) != NULL; i++) {
        printf("%-13s", name);
        for (const char *const *band = gwt_sensor_bands(name); *band; band++) printf(" %s", *band);
        putchar('\n');
    }
}

static void print_sensors_json(void)
{
    const char *name;
    putchar('{');
    for (size_t i = 0; (name = gwt_sensor_name(i)) != NULL; i++) {
        printf("%s\n  \"%s\": [", i ? "," : "", name);
        const char *const *bands = gwt_sensor_bands(name);
        for (size_t b = 0; bands[b]; b++) printf("%s\"%s\"", b ? ", " : "", bands[b]);
        putchar(']');
    }
    puts("\n}");
}

int cmd_sensors(int argc, char **argv)
{
    lists_args args = { .json = false };
    int status = cli_parse(&sensors_command, &args, argc, argv, &argc);
    if (status != CLI_GO_ON) return status;
    if (args.json) print_sensors_json();
    else print_sensors();
    return CLI_OK;
}

// ---- codecs -----------------------------------------------------------------------------------

// As gwt_info and --compress call them. Those of one bit a sample are not here (CCITT, NeXT,
// ThunderScan): gwt reads no such pixels, whatever their codec.
static const struct codec { uint16_t tag; const char *name; } codecs[] = {
    { COMPRESSION_NONE, "none" },           { COMPRESSION_LZW, "lzw" },
    { COMPRESSION_ADOBE_DEFLATE, "deflate" }, { COMPRESSION_ZSTD, "zstd" },
    { COMPRESSION_PACKBITS, "packbits" },   { COMPRESSION_LZMA, "lzma" },
    { COMPRESSION_JPEG, "jpeg" },           { COMPRESSION_WEBP, "webp" },
    { COMPRESSION_LERC, "lerc" },           { COMPRESSION_OJPEG, "old-style jpeg" },
    { COMPRESSION_PIXARLOG, "pixarlog" }
};

enum { NUM_CODECS = sizeof codecs / sizeof *codecs };

static const cli_command codecs_command = {
    .name = "gwt codecs", .synopsis = "[--json]",
    .summary = "List the compressions of files that gwt reads, and those that --compress offers:\n"
               "it depends on what this machine's libtiff was built with.",
    .options = options, .wanted = "no argument"
};

static void print_codecs(void)
{
    printf("%-15s %-5s %s\n", "codec", "read", "write");
    for (size_t i = 0; i < NUM_CODECS; i++)
        printf("%-15s %-5s %s\n", codecs[i].name,
               TIFFIsCODECConfigured(codecs[i].tag) ? "yes" : "-",
               gwt_can_compress(codecs[i].name) ? "yes" : "-");
}

static void print_codecs_json(void)
{
    putchar('{');
    for (size_t i = 0; i < NUM_CODECS; i++)
        printf("%s\n  \"%s\": {\"read\": %s, \"write\": %s}", i ? "," : "", codecs[i].name,
               TIFFIsCODECConfigured(codecs[i].tag) ? "true" : "false",
               gwt_can_compress(codecs[i].name) ? "true" : "false");
    puts("\n}");
}

// ---- the version ------------------------------------------------------------------------------

// Which loops run, and what compiled them.
static const char *loops(void)
{
#if defined(GWT_PLAIN) || !defined(__GNUC__) || !defined(__x86_64__)
    return "any processor of the kind";
#else
    return __builtin_cpu_supports("avx2") ? "AVX2" : "any processor of the kind";
#endif
}

void print_version(bool ranks)
{
    char tiff[64];
    snprintf(tiff, sizeof tiff, "%.60s", TIFFGetVersion());
    tiff[strcspn(tiff, "\n")] = '\0';
    const char *number = strrchr(tiff, ' ');
    printf("gwt %s\n", GWT_VERSION);
#if defined(__clang__)
    printf("compiler   clang %d.%d\n", __clang_major__, __clang_minor__);
#elif defined(__GNUC__)
    printf("compiler   gcc %d.%d\n", __GNUC__, __GNUC_MINOR__);
#else
    printf("compiler   unknown\n");
#endif
    printf("libtiff    %s\nzlib       %s\ncodecs    ", number ? number + 1 : tiff, zlibVersion());
    for (size_t i = 0; i < NUM_CODECS; i++)
        if (gwt_can_compress(codecs[i].name)) printf(" %s", codecs[i].name);
    printf("\nMPI        %s\nloops for  %s\n", ranks ? "yes" : "no: gwt-mpi", loops());
}

int cmd_codecs(int argc, char **argv)
{
    lists_args args = { .json = false };
    int status = cli_parse(&codecs_command, &args, argc, argv, &argc);
    if (status != CLI_GO_ON) return status;
    if (args.json) print_codecs_json();
    else print_codecs();
    return CLI_OK;
}
