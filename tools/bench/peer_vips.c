// peer_vips.c - the job of peers.sh with libvips: a pipeline that runs when it is saved.
//
//     peer_vips                     prints the version
//     peer_vips IN OUT WORKERS
//
//     cc -std=c11 -O3 -o peer_vips peer_vips.c $(pkg-config --cflags --libs vips)

#include <stdlib.h>
#include <vips/vips.h>

// 0 where either band is 0; libvips gives 0 for a division by 0.
static VipsImage *norm_diff(VipsObject *context, VipsImage *in)
{
    VipsImage **t = (VipsImage **)vips_object_local_array(context, 12);
    if (vips_extract_band(in, &t[0], 1, NULL) || vips_extract_band(in, &t[1], 2, NULL) ||
        vips_linear1(t[0], &t[2], 1e-4, 0, NULL) || vips_linear1(t[1], &t[3], 1e-4, 0, NULL) ||
        vips_subtract(t[3], t[2], &t[4], NULL) || vips_add(t[3], t[2], &t[5], NULL) ||
        vips_divide(t[4], t[5], &t[6], NULL) ||
        vips_moreeq_const1(t[0], &t[7], 1, NULL) || vips_moreeq_const1(t[1], &t[8], 1, NULL) ||
        vips_andimage(t[7], t[8], &t[9], NULL) ||
        !(t[10] = vips_image_new_from_image1(t[6], 0)) ||
        vips_ifthenelse(t[9], t[6], t[10], &t[11], NULL))
        return NULL;
    return t[11];  // of two numbers >= 0 it is within [-1, 1] already
}

int main(int argc, char **argv)
{
    if (VIPS_INIT(argv[0])) vips_error_exit(NULL);
    if (argc != 4) {
        printf("libvips %s\n", vips_version_string());
        return argc != 1;
    }
    vips_concurrency_set(atoi(argv[3]));
    VipsImage *in = vips_image_new_from_file(argv[1], "access", VIPS_ACCESS_SEQUENTIAL, NULL);
    if (!in) vips_error_exit(NULL);
    VipsObject *context = VIPS_OBJECT(vips_image_new());
    VipsImage *out = norm_diff(context, in);
    if (!out || vips_tiffsave(out, argv[2], "compression", VIPS_FOREIGN_TIFF_COMPRESSION_DEFLATE,
                              "predictor", VIPS_FOREIGN_TIFF_PREDICTOR_NONE, "tile", TRUE,
                              "tile_width", 256, "tile_height", 256, NULL))
        vips_error_exit(NULL);
    g_object_unref(context);
    g_object_unref(in);
    vips_shutdown();
    return 0;
}
