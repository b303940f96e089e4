// info.c - gwt info: what a file says about itself, for people and for programs.

#include "cli.h"
#include "../json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *interleave_name(const gwt_info *info)
{
    return info->interleave == GWT_PLANAR ? "band" : "pixel";
}

// ---- JSON -------------------------------------------------------------------------------------

static void json_descriptions(const gwt_info *info)
{
    putchar('[');
    for (int64_t b = 0; b < info->shape[1]; b++) {
        if (b) fputs(", ", stdout);
        json_string(stdout, info->named[b] ? info->band_names[b] : NULL);
    }
    putchar(']');
}

static void json_nodata(const gwt_info *info)
{
    if (!info->nodata.set) fputs("null", stdout);
    else printf(isfinite(info->nodata.value) ? "%s" : "\"%s\"", info->nodata_text);
}

static void print_json(const gwt_info *info)
{
    size_t bands = (size_t)info->shape[1];
    printf("{\n  \"width\": %" PRId64 ",\n  \"height\": %" PRId64 ",\n  \"bands\": %" PRId64,
           info->shape[3], info->shape[2], info->shape[1]);
    printf(",\n  \"dtype\": \"%s\"", gwt_dtype_name(info->dtype));
    if (info->has_transform) {
        fputs(",\n  \"transform\": ", stdout);
        json_numbers(stdout, info->transform, 6);
    }
    fputs(",\n  \"bounds\": ", stdout);
    const gwt_bounds b = info->bounds;
    json_numbers(stdout, (double[]){ b.left, b.bottom, b.right, b.top }, 4);
    if (info->epsg) printf(",\n  \"epsg\": %d,\n  \"nodata\": ", info->epsg);
    else fputs(",\n  \"epsg\": null,\n  \"nodata\": ", stdout);
    json_nodata(info);
    printf(",\n  \"tile\": [%" PRId64 ", %" PRId64 "],\n  \"compression\": ",
           info->tile[0], info->tile[1]);
    json_string(stdout, info->compression);
    printf(",\n  \"interleave\": \"%s\",\n  \"overviews\": %d,\n  \"bigtiff\": %s",
           interleave_name(info), info->overviews, info->bigtiff ? "true" : "false");
    fputs(",\n  \"area_or_point\": ", stdout);
    json_string(stdout, info->area_or_point);
    fputs(",\n  \"scales\": ", stdout);
    json_numbers(stdout, info->scales, bands);
    fputs(",\n  \"offsets\": ", stdout);
    json_numbers(stdout, info->offsets, bands);
    fputs(",\n  \"descriptions\": ", stdout);
    json_descriptions(info);
    if (info->mask) {
        fputs(",\n  \"mask\": ", stdout);
        json_string(stdout, info->mask);
    }
    if (info->alpha_band) printf(",\n  \"alpha\": %d", info->alpha_band);
    fputs("\n}\n", stdout);
}

// ---- text -------------------------------------------------------------------------------------

static void print_numbers(const double *values, size_t count, const char *between)
{
    char digits[32];
    for (size_t i = 0; i < count; i++)
        printf("%s%s", i ? between : "", json_digits(values[i], digits));
}

static void print_place(const gwt_info *info)
{
    const double *t = info->transform;
    if (info->epsg) printf("  crs          EPSG:%d", info->epsg);
    else printf("  crs          %s", info->has_crs ? "without an EPSG code" : "none");
    printf(", pixel is %s\n", strcmp(info->area_or_point, "Point") == 0 ? "point" : "area");
    if (!info->has_transform) {
        puts("  transform    none");
        return;
    }
    fputs("  origin       ", stdout);
    print_numbers((double[]){ t[2], t[5] }, 2, ", ");
    fputs("\n  pixel size   ", stdout);
    print_numbers((double[]){ t[0], t[4] }, 2, ", ");
    if (t[1] != 0 || t[3] != 0) {
        fputs("   rotated: ", stdout);
        print_numbers(t, 6, ", ");
    }
    fputs("\n  bounds       ", stdout);
    const gwt_bounds b = info->bounds;
    print_numbers((double[]){ b.left, b.bottom, b.right, b.top }, 4, ", ");
    putchar('\n');
}

static void print_storage(const gwt_info *info)
{
    printf("  %s %" PRId64 " x %" PRId64 ", %s", info->is_tiled ? "tiles       " : "strips      ",
           info->tile[1], info->tile[0], info->compression);
    if (info->predictor > 1) printf(", predictor %d", info->predictor);
    if (info->shape[1] > 1) printf(", %s-interleaved", interleave_name(info));
    printf(", %sTIFF\n", info->bigtiff ? "Big" : "classic ");
    printf("  overviews    ");
    if (info->overviews) printf("%d\n", info->overviews);
    else puts("none");
    if (info->mask) {
        fputs("  mask         ", stdout);
        cli_text(stdout, info->mask);
        puts(", not looked at");
    }
    if (info->alpha_band) printf("  alpha        band %d, not looked at\n", info->alpha_band);
}

static void print_bands(const gwt_info *info)
{
    for (int64_t b = 0; b < info->shape[1]; b++) {
        printf("  band %-7" PRId64 " ", b + 1);
        if (info->named[b]) cli_text(stdout, info->band_names[b]);
        else putchar('-');
        if (info->scales[b] != 1 || info->offsets[b] != 0) {
            fputs("   value = raw * ", stdout);
            print_numbers((double[]){ info->scales[b], info->offsets[b] }, 2, " + ");
        }
        putchar('\n');
    }
}

static void print_human(const char *path, const gwt_info *info)
{
    char size[32];
    cli_text(stdout, path);
    printf("\n  size         %" PRId64 " x %" PRId64 ", %" PRId64 " band%s of %s, %s in memory\n",
           info->shape[3], info->shape[2], info->shape[1], info->shape[1] == 1 ? "" : "s",
           gwt_dtype_name(info->dtype), cli_bytes((double)info->nbytes, size));
    printf("  nodata       %s\n", info->nodata.set ? info->nodata_text : "none");
    print_place(info);
    print_storage(info);
    print_bands(info);
}

typedef struct info_args { bool json; } info_args;

static const cli_option options[] = {
    { .name = "json", .kind = CLI_FLAG, .to = offsetof(info_args, json),
      .help = "one JSON object" },
    CLI_END
};

static const cli_command command = {
    .name = "gwt info", .synopsis = "FILE [--json]",
    .summary = "Print what a GeoTIFF says about itself: size, type, place, layout, bands.",
    .options = options, .min_arguments = 1, .max_arguments = 1, .wanted = "one file"
};

int cmd_info(int argc, char **argv)
{
    info_args args = { .json = false };
    int status = cli_parse(&command, &args, argc, argv, &argc);
    if (status != CLI_GO_ON) return status;

    gwt *g = cli_begin(1, NULL, 0);
    if (!g) return CLI_FAILED;
    gwt_array *image = gwt_open(g, argv[0]);
    if (image && args.json) print_json(gwt_describe(image));
    else if (image) print_human(argv[0], gwt_describe(image));
    return cli_end(g);
}
