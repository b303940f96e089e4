// tasks.c - gwt help tasks: what users of GDAL and rasterio type, and the line of gwt that does it.
// tests/test_tasks.sh runs each, and theirs where there are those programs.

#include "cli.h"

// Without `ours` a heading.
typedef struct task { const char *theirs, *ours; } task;

static const task tasks[] = {
    { "Look at a file", NULL },
    { "gdalinfo in.tif", "gwt info in.tif" },
    { "rio info in.tif", "gwt info in.tif --json" },
    { "gdalinfo -stats in.tif", "gwt stats in.tif" },
    { "gdallocationinfo in.tif 10 20", "gwt why b1 in.tif --rowcol 20,10" },
    { "gdalinfo -checksum in.tif", "gwt verify in.tif" },
    { "gdal_translate -of PNG -ot Byte -scale -outsize 60 40 -b 3 -b 2 -b 1 in.tif look.png",
      "gwt quicklook in.tif -o look.png --size 60 --bands 3,2,1" },

    { "Write it anew", NULL },
    { "gdal_translate -co TILED=YES -co COMPRESS=DEFLATE -co PREDICTOR=2 in.tif out.tif",
      "gwt convert in.tif -o out.tif --co TILED=YES --co COMPRESS=DEFLATE --co PREDICTOR=2" },
    { "rio convert in.tif out.tif --co tiled=yes --co compress=lzw --co blockxsize=64 "
      "--co blockysize=64", "gwt convert in.tif -o out.tif --compress lzw --tile-size 64" },
    { "gdal_translate -ot Float32 in.tif out.tif",
      "gwt convert in.tif -o out.tif --dtype Float32" },
    { "gdal_translate -b 3 -b 2 -b 1 in.tif out.tif", "gwt convert in.tif -o out.tif -b 3,2,1" },
    { "gdal_translate -srcwin 10 20 40 30 in.tif out.tif",
      "gwt convert in.tif -o out.tif --window 20,10,30,40" },
    { "gdal_translate -projwin 584085 7511715 585285 7510815 in.tif out.tif",
      "gwt convert in.tif -o out.tif --bounds 584085,7510815,585285,7511715" },
    { "gdal_translate -a_nodata 0 in.tif out.tif", "gwt convert in.tif -o out.tif --nodata 0" },
    { "gdal_translate -mo SURVEY=2021 in.tif out.tif",
      "gwt convert in.tif -o out.tif --tag SURVEY=2021" },
    { "gdal_translate -stats in.tif out.tif", "gwt convert in.tif -o out.tif --stats" },
    { "gdal_translate -of COG -co COMPRESS=DEFLATE in.tif out.tif",
      "gwt convert in.tif -o out.tif --cog --compress deflate" },
    { "gdal_translate -unscale -ot Float32 scaled.tif out.tif",
      "gwt convert scaled.tif -o out.tif --scale-data --dtype Float32" },
    { "gdal_translate -ot Byte -scale 0 1000 0 255 in.tif out.tif",
      "gwt calc 'clip(a / 1000 * 255, 0, 255)' in.tif -o out.tif --dtype Byte" },

    { "Another grid", NULL },
    { "rio clip in.tif out.tif --bounds '584085 7510815 585285 7511715'",
      "gwt convert in.tif -o out.tif --bounds 584085,7510815,585285,7511715" },
    { "gdalwarp -te 584085 7510815 585285 7511715 in.tif out.tif",
      "gwt convert in.tif -o out.tif --bounds 584085,7510815,585285,7511715" },
    { "gdalwarp -tr 60 60 -r average in.tif out.tif",
      "gwt convert in.tif -o out.tif --res 60 --resample average" },
    { "gdalwarp -tr 15 15 -r bilinear in.tif out.tif",
      "gwt convert in.tif -o out.tif --res 15 --resample bilinear" },
    { "rio warp in.tif out.tif --like ref.tif",
      "gwt convert in.tif -o out.tif --reference ref.tif" },
    { "gdalwarp -dstnodata 65535 gaps.tif out.tif",
      "gwt convert gaps.tif -o out.tif --dst-nodata 65535" },

    { "Several files", NULL },
    { "gdal_merge.py -o out.tif west.tif east.tif",
      "gwt convert west.tif east.tif -o out.tif --mosaic last --bounds-by union" },
    { "rio merge west.tif east.tif out.tif",
      "gwt convert west.tif east.tif -o out.tif --mosaic first --bounds-by union" },
    { "gdalbuildvrt -separate all.vrt B2.tif B3.tif B4.tif && gdal_translate all.vrt out.tif",
      "gwt convert B2.tif B3.tif B4.tif -o out.tif --stack band" },
    { "rio stack B2.tif B3.tif B4.tif out.tif",
      "gwt convert 'B?.tif' -o out.tif --group-by '{band}.tif'" },
    { "gdal_calc.py -A 2020*.tif --calc='numpy.mean(A, axis=0)' --type=Float32 --outfile=out.tif",
      "gwt calc 'mean(a, time)' '2020*.tif' -o out.tif --stack time --dtype Float32" },
    { "gdal_calc.py -A 202101*.tif --calc='numpy.mean(A, axis=0)' --type=Float32 --outfile=1.tif "
      "&& gdal_calc.py -A 202102*.tif --calc='numpy.mean(A, axis=0)' --type=Float32 --outfile=2.tif "
      "&& gdal_merge.py -separate -o out.tif 1.tif 2.tif",
      "gwt calc 'mean(a, month)' '2021*.tif' -o out.tif --stack time --dtype Float32" },
    { "gdal_calc.py -A 2020*.tif --calc='numpy.percentile(A, 90, axis=0)' --type=Float32 "
      "--outfile=out.tif",
      "gwt calc 'percentile(a, 90)' '2020*.tif' -o out.tif --stack time --dtype Float32" },
    { "gdal_calc.py -A 2020*.tif --calc='numpy.ptp(A, axis=0)' --type=UInt16 --outfile=out.tif",
      "gwt calc 'range(a, time)' '2020*.tif' -o out.tif --stack time --dtype UInt16" },

    { "Calculate", NULL },
    { "gdal_calc.py -A B4.tif -B B2.tif --calc='A * 1.0 - B' --type=Float32 --outfile=out.tif",
      "gwt calc 'a - b' B4.tif B2.tif -o out.tif --dtype Float32" },
    { "gdal_calc.py -A in.tif --A_band=4 -B in.tif --B_band=3 --type=Float32 --outfile=out.tif "
      "--calc='(A - 1.0 * B) / (A + 1.0 * B)'",
      "gwt calc '(nir - red) / (nir + red)' in.tif -o out.tif --dtype Float32" },
    { "gdal_calc.py -A in.tif --calc='A > 100' --type=Byte --outfile=out.tif",
      "gwt calc 'b1 > 100' in.tif -o out.tif" },
    { "gdal_calc.py -A B4.tif -B classes.tif --calc='where(B == 2, A, 0)' --NoDataValue=0 "
      "--type=UInt16 --outfile=out.tif",
      "gwt calc 'where(b == 2, a, nan)' B4.tif classes.tif -o out.tif --dst-nodata 0 "
      "--dtype UInt16" },
    { "gdal_calc.py -A B4.tif -B QA_PIXEL.tif --calc='where((B & 24) == 0, A, 0)' --NoDataValue=0 "
      "--type=UInt16 --outfile=out.tif",
      "gwt calc 'where(bits_match(b, \"0_0xxx\"), a, nan)' B4.tif QA_PIXEL.tif -o out.tif "
      "--dst-nodata 0 --dtype UInt16" },
    { "gdal_calc.py -A B4.tif -B classes.tif --calc='where(isin(B, [2, 3]), A, 0)' --NoDataValue=0 "
      "--type=UInt16 --outfile=out.tif",
      "gwt calc 'where(isin(b, 2, 3), a, nan)' B4.tif classes.tif -o out.tif --dst-nodata 0 "
      "--dtype UInt16" },
    { "gdal_calc.py -A B4.tif --calc='A * 0.0000275 - 0.2' --type=Float32 --outfile=out.tif",
      "gwt convert B4.tif -o out.tif --collection landsat-c2-sr --dtype Float32" },
    { "gdal_calc.py -A B4.tif --calc='1 * (A < 50) + 2 * ((A >= 50) & (A < 100)) + 3 * (A >= 100)' "
      "--type=Byte --outfile=out.tif",
      "gwt calc 'reclass(b1, \"0:50=1, 50:100=2, else=3\")' B4.tif -o out.tif --dtype Byte" },
    { "rio calc --not-masked '(/ (+ (read 1 1) (read 1 2)) 2.0)' in.tif out.tif --dtype float32",
      "gwt calc '(b1 + b2) / 2' in.tif -o out.tif --dtype Float32" },

    { "Statistics of zones", NULL },
    { "rio zonalstats zones.geojson -r B4.tif --stats 'count mean'",
      "gwt zonal B4.tif --zones classes.tif --stat count,mean" },
    { NULL, NULL }
};

int print_tasks(void)
{
    fputs("What users of GDAL and rasterio type, and the same by gwt.\n", stdout);
    for (const task *t = tasks; t->theirs; t++)
        if (t->ours) printf("  %s\n      %s\n", t->theirs, t->ours);
        else printf("\n%s:\n", t->theirs);
    return CLI_OK;
}
