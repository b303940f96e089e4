// gwt.h - lazy chunked rasters in C: open GeoTIFFs, do band math, write GeoTIFFs, on all cores.
//
// >>doc ---------------------------------------------------------------------------------------
//
// WHAT IT IS
//
//   One header that reads GeoTIFF files as lazy arrays [time, band, y, x], combines them pixel by
//   pixel, and computes, saves or hands out the result chunk by chunk on a work-stealing pool.
//   It does natively what geowombat does with xarray, rasterio and dask. It needs libtiff (which
//   runs the codecs), zlib, and C11 threads or pthreads.
//
// DO THIS
//
//   In one C file of the program, before other headers:
//
//       #define GWT_IMPLEMENTATION
//       #include "gwt.h"
//
//   and in all others only the include. Build with
//
//       cc -std=c11 -O3 app.c -ltiff -lz -lm -pthread
//
//   Before the first include, all optional, and for the implementation only:
//
//       GWT_PTHREADS    pthreads instead of C11 threads (always so on macOS, BSD, under TSan and
//                       for MPI)
//       GWT_MALLOC(n), GWT_REALLOC(p, n), GWT_FREE(p)    your allocator; all three or none
//       GWT_API         what stands before public declarations; default extern
//       GWT_NO_PROFILE  leave the profiler out
//       GWT_MPI         actions share their work among the ranks of an MPI job: build with mpicc
//       GWT_EXCESS_PRECISION    compile for x87 too (32-bit x86 without -msse2 -mfpmath=sse): its
//                       wider registers give pixels other last bits than all other machines do
//       GWT_PLAIN       loops for any processor of the kind, none for newer ones, and all in double
//
// EXAMPLE
//
//       int main(void)
//       {
//           gwt *g = gwt_begin(.sensor = "bgr", .num_workers = 4);
//           gwt_array *src = gwt_open(g, "scene.tif", .chunks = 256);
//           gwt_array *ndi = gwt_norm_diff(src, "green", "red", .nodata = gwt_some(0),
//                                          .scale_factor = gwt_some(1e-4));
//           gwt_save(ndi, "ndi.tif", .compress = "lzw", .nodata = gwt_some(NAN),
//                    .progress = true);      // missing is NaN there: 0 is an index, too
//           return gwt_end(g);      // prints the first error, if any; 0 when all went well
//       }
//
// OVERVIEW
//
//   session    gwt_begin .. gwt_end owns workers, cache, arrays, and the first error. By default it
//              has one worker for each processor that affinity and cgroups let the process use
//   scope      gwt_scope_begin .. gwt_scope_end gives back what a session owns of one part of it
//   array      immutable; gwt_open, gwt_from_memory (pixels of your own) and all operations are
//              cheap, and read no pixels
//   action     gwt_save, gwt_compute, gwt_map_blocks: here the work is done
//
// ERRORS
//
//   The first error of a session stays; after it every call gives NULL and does nothing. A NULL
//   array beside another one is an error, too, if there is none yet. So a program checks once:
//   gwt_end prints it and returns 1. gwt_status and gwt_message tell it earlier, gwt_clear forgets
//   it. A message names the file, the band, the tile, and what would be right; fields of options
//   are called .overwrite and the like (or as .field_names of the session says), and names out of
//   files are shown by gwt_escape. A failed save leaves the output as it was.
//
//   A tile whose stored bytes have changed is an error where the file can tell: by the checksums of
//   a save with .checksums, in all codecs; by deflate's own, of tiles in the machine's byte order
//   without predictor 3. Else some changes of a tile pass as other pixels. Of a tile that gwt_save
//   copies without decoding it the checksums of .checksums are looked at only.
//
//   What gwt_end prints goes to .on_message of gwt_begin where that is given, and how far actions
//   are to .on_progress, which may cancel them: for programs with a window or a log of their own.
//
// NODATA
//
//   Inside, a missing pixel is NaN. Reading turns the nodata value into NaN (compared raw, before
//   any scaling); storing turns NaN into the nodata value of the output. Arithmetic with a missing
//   pixel is missing; clipping and scaling touch valid pixels only. A result that is no number
//   (0/0) is missing too. An integer output with missing pixels and no nodata value is an error.
//
//   Of an input the nodata value is that of the call (gwt_open, an index, gwt_set_nodata), else of
//   the session (gwt_begin), else of the file. Of an output it is that of the call (gwt_save,
//   gwt_compute), else of the array: of an input that is selected, cut, aligned or picked from, its
//   own; of arithmetic none, which is NaN; of comparisons, logic and gwt_valid 255; of argmax -1.
//   The session's is that of inputs only. A valid pixel that equals the nodata value of its output
//   reads as missing ever after: gwt_save counts those where .collisions asks for it.
//
//   What an operation makes of a missing operand, in which type and with which nodata value:
//
//       arithmetic, functions, indices      missing             float64, NaN
//       min, max, abs, sign, rounding, clip, replace, gwt_bits
//                                           missing             the operand's
//       reclass                             missing             the smallest; the operand's nodata,
//                                                               else one that no class is
//       where                               missing where the condition or what it picks is;
//                                                               the operands'
//       comparisons, logic, gwt_bit, gwt_isin, gwt_bits_match
//                                           missing             uint8, 255
//       & | ^ ~ << >> % // of integers      missing             an integer type; the first nodata
//                                                               value of theirs that it holds
//       gwt_valid                           0                   uint8, 255
//       mean, sum, std, var, median, percentile, range, skew over bands, time, windows; slope,
//       intercept, cumsum                   passed over (1)     float64, NaN
//       diff; interpolate                   missing; filled in  float64, NaN
//       best                                passed over in the score, kept in x; x's
//       min, max, first, last, mode         passed over (1)     the operand's
//       argmax; all, any; count             passed over (1; 0)  int32, -1; uint8, 255; int32, of
//                                                               windows float64
//       resampling, mosaics                 passed over (1)     the operand's; means float64
//       gwt_place                           never missing       float64, NaN; row, col int32, -1
//       stack, window, cast, rename         missing             as kept or cast
//
//   (1) missing where nothing is left; a count is 0 there. README has the table with examples.
//
// TYPES
//
//   An array that is only opened, selected, stacked, renamed and saved keeps its type and its
//   exact bits. Operations compute in double (or, where that is known to give the same bits, in
//   float32, twice as fast: the plan says so). Stores to integers round to nearest, ties to even,
//   and saturate; but what bilinear, cubic and average make of an integer array is floor(v + 0.5)
//   in its type, GDAL's rule. Cast to a floating-point type, by gwt_cast before anything else, it
//   is not rounded at all. No type is widened behind your back: arithmetic gives float64 and says
//   so, what picks one of its operands (min, max, where, clip, abs) keeps their type.
//
//   64-bit integers are exact to the last bit where they are compared, picked (but for the values
//   that replace and mask look for, and ends of classes) or taken as bits and whole numbers.
//   Arithmetic, windows, mosaics, scores of gwt_best and statistics, also those that keep the type
//   (min, max, first, last, mode), take the doubles next to them, which are exact up to 2^53.
//
// MEMORY
//
//   Before an action runs it adds up what it will take: tiles and buffers of a piece, times the
//   workers; encoders; encoded tiles that wait for their turn. When that is over .memory_limit it
//   takes smaller pieces, a shorter queue, fewer workers, and if it still does not fit it is
//   refused with the number that would do. What is left goes to the cache of decoded tiles. An
//   action that your function begins inside of another is budgeted separately. None of this changes
//   a result, and none of it grows with the height of the image (but for 20 to 50 bytes a tile for
//   the directory of a saved file, and with .statistics 56 for each band in it, which are not
//   counted).
//
//   Arrays and what is known of files live until gwt_end, or until the end of the scope that they
//   were made in: a session that goes through any number of files has a scope for each. At most
//   half of the files that the process may have open are inputs that are only kept at hand; a
//   further one closes one of those, which is opened again when it is read, by the name that it had
//   when it was opened first: from the root on, without links. An input that has changed or was
//   replaced by then, or one that has changed by the end of the action, is an IO error.
//
// OVERVIEWS AND PAGES
//
//   The smaller copies of an image that files have, in them or in FILE.ovr, are read where it is
//   asked for (.overview of gwt_open), and where .res of gwt_open and gwt_regrid make coarser cells:
//   then of the smallest one that is fine enough, unless .no_overviews. Those are the only results
//   that depend on them, and gwt_note tells. Of a file of several images the others are opened by
//   .directory or as FILE:2.
//
// GRIDS
//
//   Arrays meet pixel by pixel only when their grids agree: the same size, CRS, and corners
//   within 1e-3 of a pixel. Otherwise the error prints both grids.
//
//   gwt_open_many brings files of several grids together where it is told how: on the grid of the
//   first or of a reference, over the union or the intersection, stacked or as a mosaic. gwt_align
//   does so for arrays: by whole cells where the grids allow it, exactly; else by resampling.
//
// OTHER PIXELS
//
//   gwt_moving (statistics of a window) and gwt_apply (your own kernel with a halo) read across the
//   borders of chunks, so their results know nothing of chunks. Beyond its edges an image is
//   mirrored for gwt_moving and missing for gwt_apply.
//
// CHUNKS, TILES, WORKERS
//
//   A tile is how a file stores pixels (a strip is one, too), a chunk how large a piece of work may
//   be at most, a block what a function of gwt_map_blocks gets. They need not fit each other: a
//   decoded tile is shared by all pieces that need it and decoded once, a piece never goes beyond a
//   tile of the output. Any chunk size works, and none is slow.
//
//   Deterministic: pixel values, and the bytes of a saved file, depend on the inputs, the graph
//   and the options of the save; not on chunk size, number of workers or ranks, memory, or timing:
//   each pixel is computed alone, tiles are written in one order, and sums of an image are added in
//   the order of a tree that depends on its size only. Nor do they depend on compiler and
//   processor: files are little-endian, and nothing becomes a fused multiply-add (but for clang
//   with -ffp-contract=fast, which overrides all pragmas). Across machines the values of exp, log,
//   sin and their like are those of the C library, and the bytes of compressed tiles those of
//   libtiff and its codecs; those that are copied from an input are what they were.
//
// PROFILING
//
//   gwt_profile_begin(g, .resource_dt = 0.25, .cache = true), actions, gwt_profile_end(g): what
//   each worker did when (read, decode, compute, encode, write, and each kind of waiting as such),
//   what the process took, what the cache held. As a summary, as CSV, as a trace for Perfetto.
//   gwt_print_plan says beforehand what an action will do.
//
// FILES
//
//   gwt_save writes PATH.part, syncs it, and renames it to PATH: a reader sees the old file or the
//   whole new one. GeoKeys are carried over untouched. Whether the file is a classic TIFF or a
//   BigTIFF is decided when its size is known.
//
//   What a file says besides its pixels (metadata, units, palettes, what its bands are, texts) goes
//   with the pixels where they are only selected, put together, cut, moved or converted; results
//   that are computed have none of it. gwt_save has the list.
//
//   Killed, cancelled, out of space? PATH.part holds the tiles there are, PATH.part.journal the
//   size and CRC-32 of each. The same save with .resume checks them, cuts off what is torn, and
//   goes on from there, to the same bytes as if nothing had happened. The journal knows its job:
//   graph, numbers, inputs, your kernels by their .identity, and all options that end up in the
//   file. It is refused to another one. Chunks, workers and memory may differ.
//
//   Inputs are the same when they have the same path (from the root on, without links: as rank 0 of
//   an MPI job sees it), size, time of the last change, and table of where their tiles lie. So work
//   that was moved to another folder, or to a machine that mounts the inputs elsewhere, is not
//   resumed: move it back, or start afresh. The output and what is beside it may be moved.
//
//   Nor is anything gone on with that another user may have prepared: PATH.part and its journal
//   have to be regular files of this user without a second name. A link there is never followed.
//   What else lies at PATH.part is EXISTS, and stays: a link, a file of another user, one without a
//   journal. .overwrite without .resume removes it (a link itself), and starts afresh. What can't
//   be opened or read is IO, whatever was asked for, and stays, too.
//
//   What replaces a file gets its mode in the end, and is nobody else's to read until then; a new
//   file has the mode that the umask gives. A PATH that is a link is replaced itself; the file it
//   leads to stays as it was.
//
//   A damaged input (FORMAT) stops a save for good, as repaired it is another input. Its part stays
//   only where bad tiles could be filled without another nodata value: opened with .fill_bad_tiles,
//   the same save with .resume goes on (and not back again). Missing pixels that can't be stored
//   (NODATA) leave no part.
//
// THREADS
//
//   Calls that build arrays may come from any thread. One thread at a time runs an action, with the
//   session's other workers; further threads wait their turn. Your functions (map_blocks,
//   parallel_for, apply) run on several workers at once and may call actions themselves: the nested
//   work goes to the same workers. .on_progress is called from workers, but never twice at a time;
//   .on_message by gwt_end. gwt_cancel may be called from any thread and from a signal handler.
//
//   Actions of several sessions may nest, in one order: if one thread runs an action of A inside
//   one of B and another does the reverse, they deadlock. What runs for an action of B that was
//   begun inside one of A cannot run an action of A on another thread: that is an ARGUMENT error.
//
// SEVERAL MACHINES
//
//   Built with GWT_MPI and started by mpirun, every rank runs the same program: gwt_begin finds the
//   others (MPI begun by the caller, for threads, or by itself), and each action is shared among
//   all workers of all ranks. gwt_save writes one file, with the bytes one process would write;
//   gwt_compute gives every rank the whole result; gwt_summarize, gwt_zonal and their like give
//   every rank the same numbers; gwt_map_blocks calls your function for each block on one of the
//   ranks and collects .results everywhere. An action inside an action, and gwt_parallel_for, stay
//   on their rank. If one fails, all end with its message, and a save can be resumed by any number
//   of ranks.
//
//   dask                                    here
//       LocalCluster(threads_per_worker=8)      gwt_begin(.num_workers = 8), no MPI
//       Cluster, n_workers=4                    mpirun -n 4
//       threads_per_worker=8                    gwt_begin(.num_workers = 8), the command's -j 8
//       Client(cluster)                         gwt_begin
//       client.close()                          gwt_end
//
// NAMES
//
//   gwt_x is public, _gwt_room_x private to a room of this file. Search for a room by its mark:
//
//       >>doc      this
//       >>api      every public type and function
//       >>base     memory, sizes, sample types
//       >>os       the system: the only room with system headers, but for threads
//       >>thread   C11 threads or pthreads
//       >>prof     what workers stamp while a profile is taken
//       >>pool     work-stealing workers
//       >>context  a session: its first error, its actions, memory that lives as long as it does
//       >>geo      affine grids, GeoKeys
//       >>store    where bytes come from: files, of which not too many are open, and memory
//       >>meta     what files say besides pixels: texts, bands, colours, nodata, georeference
//       >>read     opening files, decoding tiles
//       >>cache    decoded tiles, shared
//       >>array    the lazy graph
//       >>open     files to arrays
//       >>ops      arrays to arrays
//       >>math     sensors, nodata, indices, expressions
//       >>plan     from the graph to programs
//       >>walk     what a piece of the output needs
//       >>step     windows, resampling, users' kernels
//       >>vm       running the programs
//       >>stream   encoded tiles in canonical order, and their journal
//       >>file     images, their directories, and the job that a file is of
//       >>mpi      the ranks of a job on several machines
//       >>run      the loop behind every action
//       >>sink     its results: to memory, to a file, to a function
//       >>stat     statistics, percentiles, zones
//       >>session  begin, end, profiles
//       >>show     arrays, plans and profiles as text
//
// LICENSE
//
//   MIT, see the end of the file.

#if defined(GWT_IMPLEMENTATION) && !defined(GWT_IMPLEMENTED)
// What the implementation wants of the system's headers: POSIX, file offsets of 64 bits, and locks
// of files and the number of processors, which some hide from who asks for POSIX.
#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700
#endif
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#if defined(__APPLE__) && !defined(_DARWIN_C_SOURCE)
#define _DARWIN_C_SOURCE
#elif (defined(__FreeBSD__) || defined(__DragonFly__)) && !defined(__BSD_VISIBLE)
#define __BSD_VISIBLE 1
#elif defined(__NetBSD__) && !defined(_NETBSD_SOURCE)
#define _NETBSD_SOURCE
#elif defined(__OpenBSD__) && !defined(_BSD_SOURCE)
#define _BSD_SOURCE
#endif
#endif

// >>api ---------------------------------------------------------------------------------------
//
// Three levels, use the first that does the job:
//
//   1. Files to a file. gwt_begin, gwt_open, an operation or gwt_calc, gwt_save, gwt_end.
//   2. Files to memory or to your own code. gwt_compute gives a buffer, gwt_map_blocks calls you
//      with one block after the other, many at once.
//   3. The pool alone. gwt_parallel_for runs your loop on the session's workers, nested too.
//
// Every call accepts NULL where it takes a session or an array, and then does nothing and gives
// NULL (or 0, or false): check once, at the end. Where another array of the call tells the session,
// a NULL among them is an ARGUMENT error of it, unless it has one already. gwt_status and gwt_end
// take no session for a failure: it could not be begun.

#ifndef GWT_H
#define GWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// For #if GWT_VERSION_NUMBER >= 1002; and as text, "0.1.0".
#define GWT_VERSION_MAJOR 0
#define GWT_VERSION_MINOR 1
#define GWT_VERSION_PATCH 0
#define GWT_VERSION_NUMBER \
    (GWT_VERSION_MAJOR * 1000000 + GWT_VERSION_MINOR * 1000 + GWT_VERSION_PATCH)
#define GWT_VERSION _GWT_VERSION(GWT_VERSION_MAJOR, GWT_VERSION_MINOR, GWT_VERSION_PATCH)
#define _GWT_VERSION(major, minor, patch) _GWT_VERSION_TEXT(major, minor, patch)
#define _GWT_VERSION_TEXT(major, minor, patch) #major "." #minor "." #patch

// Of a function with a format as printf: the numbers of the format's parameter and of the first
// that it is about (0: they come as a va_list). For functions that end in gwt_fail, too.
#if defined(__GNUC__)
#define GWT_PRINTF(format, first) __attribute__((__format__(__printf__, format, first)))
#else
#define GWT_PRINTF(format, first)
#endif

#ifndef GWT_API
#define GWT_API extern
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gwt_scope gwt_scope;  // what is made in a part of a session (gwt_scope_begin)
typedef struct gwt gwt;              // a session: workers, cache, configuration, first error
typedef struct gwt_array gwt_array;  // an immutable lazy array [time, band, y, x] of a session

// What went wrong, coarsely; the message says it exactly.
typedef enum gwt_code {
    GWT_OK = 0,
    GWT_E_ARGUMENT,     // a value that makes no sense: unknown band, bad chunk size, bad expression
    GWT_E_IO,           // the operating system refused: missing, unreadable, unwritable, disk full
    GWT_E_FORMAT,       // the file is broken, or not a TIFF
    GWT_E_UNSUPPORTED,  // a valid file or request that gwt (or the system's libtiff) does not do
    GWT_E_GRID,         // arrays that should lie on one grid do not
    GWT_E_NODATA,       // missing pixels and no nodata value to store them as
    GWT_E_EXISTS,       // the output exists (and overwrite was not asked for), or is an input
    GWT_E_MEMORY,       // an allocation failed, or the job can't fit into memory_limit
    GWT_E_USER,         // a user's function said stop
    GWT_E_CANCELLED     // gwt_cancel
} gwt_code;

// Sample types. 0 in an option means "not given".
typedef enum gwt_dtype {
    GWT_DTYPE_NONE = 0,
    GWT_UINT8, GWT_INT8, GWT_UINT16, GWT_INT16, GWT_UINT32, GWT_INT32, GWT_UINT64, GWT_INT64,
    GWT_FLOAT32, GWT_FLOAT64
} gwt_dtype;

// A number that may be absent: gwt_some(255) is 255, gwt_some(0) is 0, { 0 } is none. Where a
// constant is wanted: { .set = true, .value = 255 }. `_` makes compilers complain of .nodata = 255,
// which would not be what it seems to be; of .nodata = 0 they do with -Wmissing-braces, which -Wall
// includes, as to C that is { 0 } without its braces.
typedef struct gwt_optional {
    const struct gwt_some_is_wanted_here *_;
    bool set;
    int rest;       // of a 64-bit integer that no double is equal to: what it is more than `value`;
    double value;   // else 0
} gwt_optional;

static inline gwt_optional gwt_some(double value)
{
    gwt_optional o = { 0, true, 0, value };
    return o;
}

// The same of integers, exactly, which a double is up to 2^53.
GWT_API gwt_optional gwt_some_int64(int64_t value);
GWT_API gwt_optional gwt_some_uint64(uint64_t value);

// A closed interval; `set` as above. gwt_range(0, 1).
typedef struct gwt_interval { bool set; double lo, hi; } gwt_interval;

static inline gwt_interval gwt_range(double lo, double hi)
{
    gwt_interval i = { true, lo, hi };
    return i;
}

// A rectangle in the units of the CRS; `set` as above. gwt_bounds_of(left, bottom, right, top).
typedef struct gwt_bounds { bool set; double left, bottom, right, top; } gwt_bounds;

static inline gwt_bounds gwt_bounds_of(double left, double bottom, double right, double top)
{
    gwt_bounds b = { true, left, bottom, right, top };
    return b;
}

// Along what arrays are stacked and statistics run; the default is said where it is used.
typedef enum gwt_dim { GWT_DIM_DEFAULT = 0, GWT_BAND, GWT_TIME } gwt_dim;
// Statistics, of times, bands, windows or whole images; missing pixels are left out.
typedef enum gwt_stat {
    GWT_MEAN = 0, GWT_SUM, GWT_MIN, GWT_MAX, GWT_STD, GWT_VAR,  // std and var divide by n
    GWT_MEDIAN, GWT_PERCENTILE,         // linear interpolation, numpy's default
    GWT_COUNT,                          // of valid pixels
    GWT_FIRST, GWT_LAST, GWT_ARGMAX,    // in order of time or band; argmax counts from 0
    GWT_SKEW,                           // skewness of a population: m3 / m2^1.5
    GWT_RANGE,                          // max - min
    GWT_MODE,                           // the most frequent value, of several the smallest
    GWT_ALL, GWT_ANY,                   // whether all values, any value is not 0
    GWT_SLOPE, GWT_INTERCEPT            // of the line of least squares; see gwt_reduce
} gwt_stat;

// How a cell is made of those of another grid: of the nearest one; with the weights of a triangle
// or of a cubic kernel, stretched where cells get larger; as the mean by area. Missing ones have no
// weight; bilinear and cubic are missing where the cell under the centre is.
typedef enum gwt_resampling {
    GWT_NEAREST = 0, GWT_BILINEAR, GWT_CUBIC, GWT_AVERAGE
} gwt_resampling;

// Which area files of several grids are brought to; always whole cells of the first file's grid.
typedef enum gwt_bounds_by {
    GWT_SAME_GRID = 0,         // none: other grids than the first's are an error
    GWT_REFERENCE,             // that of the first
    GWT_UNION,                 // of all
    GWT_INTERSECTION           // what all share
} gwt_bounds_by;

// What is read of complex numbers: an array has real ones. Phases are radians, -pi..pi.
typedef enum gwt_complex {
    GWT_COMPLEX_DEFAULT = 0, GWT_REAL, GWT_IMAGINARY, GWT_MAGNITUDE, GWT_PHASE
} gwt_complex;

// All bands of a pixel side by side, or one band after the other.
typedef enum gwt_interleave { GWT_INTERLEAVE_DEFAULT = 0, GWT_PIXEL, GWT_PLANAR } gwt_interleave;
typedef enum gwt_bigtiff { GWT_BIGTIFF_AUTO = 0, GWT_BIGTIFF_YES, GWT_BIGTIFF_NO } gwt_bigtiff;

// Of the CRS that an EPSG code stands for: GeoTIFF writes the two kinds under different keys, and
// which of them a code is only the EPSG's registry knows.
typedef enum gwt_crs_kind {
    GWT_CRS_BY_CODE = 0,       // geographic from 4000 to 4999, the range that GeoTIFF 1.0 has for
                               // these (6.3.2.1), else projected. True of most codes in use, but
                               // not of all: 4647 (UTM) is projected, 7844 (GDA2020) geographic
    GWT_PROJECTED, GWT_GEOGRAPHIC
} gwt_crs_kind;

// ---- options ---------------------------------------------------------------------------------
// Each gwt_X(...) below that takes options is a macro over gwt_X_with(..., const gwt_X_options *):
// write the options as designated initialisers, gwt_open(g, "a.tif", .chunks = 256), or none.
// From C++ or a binding call the function; NULL means all defaults. `_` is there so that an empty
// list is legal C11. The other members that begin with `_` are the arguments of the macros that
// take lists (gwt_open_many, gwt_calc, gwt_compute_many, gwt_save_many, gwt_percentiles), and
// functions do not look at them: leave all of them alone. Lists may be written where they are
// wanted:
//
//     gwt_open_many(g, (const char *[]){ "a.tif", "b.tif" }, 2, .stack = GWT_TIME)
//
// but for `user` of gwt_map_blocks and gwt_apply, where the commas in (sums){ 0, 0 } would end an
// argument: there another pair of parentheses goes around it.

// What gwt_end would print, a line of it without its end: the error that is held, as gwt_message
// gives it; a note, as gwt_note; or tiles that were filled, one text for each kind and file. Called
// by gwt_end, on its thread, on the rank that would print it. gwt_note and gwt_bad_tile tell
// before.
typedef enum gwt_message_kind {
    GWT_MESSAGE_ERROR, GWT_MESSAGE_WARNING, GWT_MESSAGE_FILLED
} gwt_message_kind;

typedef void gwt_message_fn(gwt_message_kind kind, const char *text, void *user);

// How far an action is. One that goes over the image several times (percentiles, and statistics of
// very many bands) begins again each time.
typedef struct gwt_progress {
    gwt *g;
    const char *action;        // "compute", "save", "map_blocks", "summarize", ..
    const char *path;          // of the first output, where it is a save; else NULL
    double fraction;           // that is done, 0..1
    int64_t pixels;            // that are done, of the image; what .resume found done counts
    double seconds;            // since the action began
    double left;               // seconds until it ends; 0 as long as that is unknown
    int64_t under_way;         // tiles of a save that are begun and not written yet; 0 among ranks
    bool last;                 // the action is over, done or not
} gwt_progress;

// Called when a tile is done, ten times a second at most, on the worker that has done it; and once
// at the end, on the thread of the action: of one action never twice at the same time, of an MPI
// job on rank 0. Actions that run inside of another are told of where they ask for .progress. 0 to
// go on, anything else is gwt_cancel; after the last call it is nothing.
typedef int gwt_progress_fn(const gwt_progress *progress, void *user);

typedef struct gwt_begin_options {
    int _;
    int num_workers;           // threads that compute, the caller included; 1..256, 0 = one for
                               // each processor that this process may use: its affinity, and what
                               // the cgroups it is in have of them, count (Linux)
    const char *sensor;        // names the bands of files that have that many: "bgr", "l8", ..
                               // (gwt_sensor_name has all); other files are left alone
    gwt_optional nodata;       // of the files opened: beats theirs; .nodata of a call beats this
    gwt_optional scale_factor; // beats the files'; an explicit argument, also of gwt_open, beats
                               // this. It acts once: not on what is made of scaled pixels
    gwt_optional offset;       // likewise
    int chunks;                // default chunk edge, pixels; 0 = auto
    size_t cache_bytes;        // decoded tiles kept beyond those in use; 0 = 64 MiB
    size_t memory_limit;       // bytes an action may take for its work, the cache included, what
                               // gwt_compute returns not; 0 = half of the machine's memory or,
                               // where that is less, of what this process may have: RLIMIT_AS,
                               // RLIMIT_DATA, and the limits of the cgroups it is in (Linux)
    bool raise_open_files;     // let this process have as many files open as the system allows it
                               // to, for as long as it lives: many inputs are reopened less often
    bool quiet;                // gwt_end prints nothing: no error, no note, no filled tiles
    // Called instead: for what would be printed on stderr, and how far actions are. `user` is
    // handed to both.
    gwt_message_fn *on_message;         // .quiet or not
    gwt_progress_fn *on_progress;       // .progress or not
    void *user;
    // How messages spell the fields of options, for a program whose users have other names for
    // them: ".overwrite", "--overwrite", .., NULL. Used until gwt_end, not copied. NULL: .overwrite
    const char *const *field_names;
} gwt_begin_options;

typedef struct gwt_open_options {
    gwt *_g;
    const char *const *_paths;
    size_t _n;
    int _;
    int directory;             // which image of a file that has several, from 1, in the order of its
                               // chain of directories, where overviews and masks count, too; 0: the
                               // first. "FILE:2" names one as well, where no file is called that
    int overview;              // its pixels are those of an overview, of which 1 is the largest:
                               // all else (place, names, nodata, ..) is the image's. ARGUMENT when
                               // there are not as many
    int chunks;                // chunk edge, pixels, 1..1048576; 0 = session's, else auto
    int chunk_rows, chunk_cols;         // chunk shape when it is not square; each beats `chunks`
    const char *const *band_names;      // one a band (of the result), NULL-terminated; as those of
                                        // gwt_save_options
    const char *const *time_names;      // one a time step, NULL-terminated (open_many, stack time);
                                        // default "1", "2", ..: dates, as .by of gwt_reduce wants
                                        // them, are to be given, "2016-05-17" (see gwt_date_of)
    const char *sensor;        // names the bands by a sensor; beats the session's. ARGUMENT when
                               // there are not as many
    gwt_optional nodata;       // this raw value is missing, whatever the session and the file say
    bool fill_bad_tiles;       // tiles that can't be read or decoded are missing, and are listed by
                               // gwt_bad_tile, instead of an error; integers need a nodata value
    gwt_complex complex_part;  // the part of complex numbers that is wanted; without it a file of
                               // those is UNSUPPORTED; of other files only GWT_REAL is there.
                               // Real and imaginary parts have the type of both, magnitudes and
                               // phases are float32 of float32, else float64. The file's nodata
                               // value is one of the real part
    bool scale_data;           // give raw * scale + offset as float64 instead of raw values
    gwt_optional scale_factor; // of all bands, instead of the file's; beats the session's
    gwt_optional offset;       // likewise
    gwt_dim stack;             // open_many: GWT_BAND (default) or GWT_TIME; gwt_open: ARGUMENT
    // open_many of files whose grids differ; without bounds_by or reference that is an error.
    gwt_bounds_by bounds_by;
    const gwt_array *reference;         // bring all to the grid of this array; beats bounds_by
    gwt_bounds bounds;                  // of the result, gwt_open too
    double res;                         // edge of its cells, in the CRS's units; likewise
    bool no_overviews;                  // .res reads the image itself: see gwt_regrid
    gwt_resampling resampling;          // where cells do not fall on cells; default nearest
    bool mosaic;                        // put the files into one image instead of stacking them
    gwt_stat overlap;                   // of a mosaic: mean (default), min, max, first, last
} gwt_open_options;

typedef struct gwt_from_memory_options {
    int _;
    gwt_interleave interleave; // of the pixels in memory; default GWT_PLANAR
    const gwt_array *like;     // transform and CRS are those of this array, of this size
    const double *transform;   // a b c d e f, as in gwt_info; beats like's; default none
    int epsg;                  // code of the CRS, 1024..32766; beats like's; default none
    gwt_crs_kind crs_kind;     // what kind of CRS that code is of; default by its number
    gwt_optional nodata;       // this value is missing; default the session's
    const char *const *band_names;      // one a band, NULL-terminated; as those of gwt_save_options
    const char *const *time_names;      // one a time step
    const char *sensor;        // names the bands by a sensor; beats the session's
    int chunks;                // chunk edge, pixels; 0 = session's, else 256
    const char *name;          // what messages and profiles call it; default "memory"
    const char *identity;      // names the pixels: a save that is resumed with pixels of another
                               // identity is refused; without one any resumed save is
} gwt_from_memory_options;

typedef struct gwt_set_nodata_options {
    int _;
    gwt_optional src_nodata;   // raw value that is missing; default the array's
    gwt_optional dst_nodata;   // value missing pixels are stored as; default NaN
    gwt_interval out_range;    // valid pixels are clipped to this, after scaling
    gwt_dtype dtype;           // of the result; default the array's
    gwt_optional scale_factor; // default gwt_open's, else the session's, the file's, 1
    gwt_optional offset;       // likewise, else 0
} gwt_set_nodata_options;

typedef struct gwt_norm_diff_options {
    int _;
    gwt_optional nodata;       // missing in every band used, compared raw; and of the result;
                               // default the array's
    gwt_optional scale_factor; // default gwt_open's, else the session's, the file's, 1
    const char *sensor;        // resolve the band names by this sensor's order
} gwt_norm_diff_options;

typedef struct gwt_moving_options {
    int _;
    gwt_stat statistic;        // mean, sum, min, max, std, var, median, percentile, count, range,
                               // mode, all, any
    int window;                // edge in pixels, odd, 1..1023; default 3
    double percentile;         // 0..100, of GWT_PERCENTILE, which has no other default than 0
    bool weights;              // mean, sum, std, var: a pixel counts 1 - d / D (see gwt_moving)
} gwt_moving_options;

typedef struct gwt_reduce_options {
    int _;
    double percentile;         // 0..100, of GWT_PERCENTILE, which has no other default than 0
    const char *by;            // of times: "month", "quarter", "season", "year", "10d" (gwt_reduce)
} gwt_reduce_options;

typedef struct gwt_spectral_index_options {
    int _;
    gwt_optional nodata;       // missing in every band used, compared raw; and of the result;
                               // default the array's
    gwt_optional scale_factor; // default gwt_open's, else the session's, the file's, 1
    const char *sensor;        // resolve the band names by this sensor's order
} gwt_spectral_index_options;

// A value on the way of an expression (gwt_calc): what `length` characters from `text` on come to.
// What a statement names is told twice, the second time with that name; the same array in further
// parentheses is not told again.
typedef struct gwt_calc_value {
    const char *text;          // in the expression
    size_t length;
    const char *name;          // valid during the call; NULL: it has none
    const gwt_array *array;
} gwt_calc_value;

typedef void gwt_calc_fn(const gwt_calc_value *value, void *user);

typedef struct gwt_calc_options {
    gwt_array *const *_arrays;
    size_t _n;
    const char *_expression;
    int _;
    bool *used;                // set for each of the arrays that the expression uses; the others
                               // are left as they are: it may be asked of several expressions
    gwt_calc_fn *on_value;     // called, before gwt_calc returns, for each value that is no plain
    void *user;                // number: operands first, the result last
} gwt_calc_options;

typedef struct gwt_reclassify_options {
    int _;
    gwt_optional otherwise;    // of pixels in none of the ranges; default: they are missing
    bool keep;                 // those stay what they are
    gwt_dtype dtype;           // default: the smallest that holds all, and something for missing
} gwt_reclassify_options;

typedef struct gwt_apply_options {
    int _;
    int halo;                  // pixels around the piece that the kernel wants to see, 0..1024
    int bands;                 // that it makes, for each time; default as many as it gets
    gwt_dtype dtype;           // of the result; default float64
    gwt_optional nodata;       // of the result
    const char *identity;      // names the kernel and its numbers, "slope 2, z = 3": a save that is
                               // resumed with another one is refused; default "", all are the same
} gwt_apply_options;

typedef struct gwt_regrid_options {
    int _;
    gwt_bounds bounds;         // default the array's
    double res, res_y;         // cell width and height, in the CRS's units; default the array's
    bool no_overviews;         // read the image itself
    gwt_resampling resampling; // default nearest
} gwt_regrid_options;

typedef struct gwt_compute_options {
    gwt_array *const *_arrays;
    size_t _n;
    void **_buffers;
    int _;
    void *buffer;              // where to put the result; NULL: a fresh one, yours to gwt_free
    size_t size;               // bytes in `buffer`, at least gwt_describe(a)->nbytes in `dtype`
    gwt_dtype dtype;           // default the array's; integers are rounded and saturate
    gwt_optional nodata;       // stored where missing; default the array's, else NaN for floats
    int num_workers;           // at most this many of the session's; 0 = all
    bool root_only;            // MPI: rank 0 gets the result, the others' buffers are not of use
    bool progress;             // a bar on stderr when that is a terminal
    const gwt_optional *nodatas;        // compute_many: .nodata of each array, where it is set
} gwt_compute_options;

typedef struct gwt_statistics_options {
    const gwt_array *_a;
    const double *_percentiles;
    size_t _n;
    double *_values;
    int _;
    int num_workers;           // at most this many of the session's; 0 = all
    bool progress;             // a bar on stderr when that is a terminal
} gwt_statistics_options;

typedef struct gwt_zonal_options {
    int _;
    bool median, majority;     // these, too: the values are counted (see gwt_zonal)
    int num_workers;           // at most this many of the session's; 0 = all
    bool progress;             // a bar on stderr when that is a terminal
} gwt_zonal_options;

typedef struct gwt_save_options {
    gwt_array *const *_arrays;
    const char *const *_paths;
    size_t _n;
    int _;
    const char *compress;      // "none" (default), "lzw", "deflate", "zstd", "packbits", "lzma",
                               // or in capitals
    int level;                 // of deflate 1..12, zstd 1..22, lzma 1..9; 0 = libtiff's default
                               // (and any, of tiles that are copied)
    int predictor;             // 1 none (default), 2 horizontal (any type), 3 floating point
    int tile_size;             // tile edge, a multiple of 16, up to 16384; 0 = 256, or less if tiny
    gwt_dtype dtype;           // default the array's; integers are rounded and saturate
    gwt_optional nodata;       // stored where missing, and written as GDAL_NODATA
    gwt_interleave interleave; // of several bands; default GWT_PIXEL
    gwt_bigtiff bigtiff;       // default: decided at the end, from the size there is
    bool overwrite;            // replace an existing output (only when the new one is complete; of
                               // a link the link), and start afresh where something is at PATH.part
    bool resume;               // go on where an interrupted save of the same job stopped; done if
                               // its journal proves that it was. With .overwrite an older output
                               // is replaced, but what another job left still is refused
    bool checksums;            // write the CRC-32 of every tile into GDAL_METADATA: who opens the
                               // file with gwt gets a FORMAT error for a tile that is another
    bool statistics;           // write those of each band into GDAL_METADATA, as GDAL would of the
                               // file: STATISTICS_MINIMUM, _MAXIMUM, _MEAN, _STDDEV of the valid
                               // pixels as stored, but for infinite ones, and _VALID_PERCENT, with
                               // those; of a band without any valid pixel the last one alone. An
                               // alpha band is a band, and hides none of them, as it does to GDAL
    bool sparse;               // leave out tiles that are all nodata (0 without nodata): readers
                               // that know absent tiles, as GDAL and gwt do, see the same pixels
    bool reencode;             // encode all tiles anew; default: those that lie in a file as they
                               // are to be stored are copied (see gwt_save)
    // Texts are written as XML: ARGUMENT when one of these two has a character that this can't hold
    // (a control character) or is no UTF-8; in names of the array, U+FFFD is written for those.
    const char *const *band_names;      // written as band descriptions, of several times that have
                                        // dates after these; default the array's
    const double *scales, *offsets;     // one a band, written as metadata; default the array's
    const char *const *tags;   // "KEY=VALUE", NULL-terminated, written into GDAL_METADATA
    int num_workers;           // at most this many of the session's; 0 = all
    bool progress;             // a bar on stderr when that is a terminal
    const gwt_optional *nodatas;        // save_many: .nodata of each array, where it is set
    int64_t *collisions;       // filled in, for each array: valid pixels, of all bands together,
                               // that were stored as its nodata value and so read as missing
} gwt_save_options;

typedef struct gwt_map_blocks_options {
    int _;
    int block_rows, block_cols;  // block shape, pixels; 0 = the array's chunk shape
    int padding[4]; // left, bottom, right, top: more pixels around, cut off at the edge
    gwt_dtype dtype;             // of the data handed over; default the array's
    gwt_optional nodata;         // stored where missing; default the array's, else NaN for floats
    void *results;               // one of result_size bytes for each block, in the order of their
    size_t result_size;          // ids: zeroed first, filled in by `fn` through block->result; the
    int64_t num_results;         // same on all ranks in the end. At least as many as blocks, which
                                 // are ceil(rows / block_rows) x ceil(columns / block_cols)
    int num_workers;             // at most this many blocks at once; 0 = all workers
    bool progress;               // a bar on stderr when that is a terminal
} gwt_map_blocks_options;

// ---- session ---------------------------------------------------------------------------------

// Begin a session. NULL only when there is no memory for it or a thread can't be started; bad
// options give a session whose error says so. `num_workers` threads compute: the calling thread
// and num_workers - 1 others, asleep when there is nothing to do. Calls that build arrays may come
// from any thread; one thread at a time may run an action (compute, save, map_blocks,
// parallel_for), others wait their turn, and code called from inside an action may run further
// actions on the same workers.
GWT_API gwt *gwt_begin_with(const gwt_begin_options *options);
#define gwt_begin(...) gwt_begin_with(&(gwt_begin_options){ ._ = 0, __VA_ARGS__ })

// End it: frees every array, closes every file. Prints "gwt: message" on stderr when an error is
// held, and gwt_note's as "gwt: warning: .." (unless .quiet). Returns 0 when all went well, else 1;
// so `return gwt_end(g);` ends a main.
GWT_API int gwt_end(gwt *g);

// A scope gives back what is made in it, so that a session can go through any number of files:
//
//     for (size_t i = 0; i < n; i++) {
//         gwt_scope *scope = gwt_scope_begin(g);
//         gwt_save(gwt_norm_diff(gwt_open(g, paths[i]), "red", "nir"), outputs[i]);
//         gwt_scope_end(scope);
//     }
//
// gwt_scope_end frees the arrays that were made since gwt_scope_begin, with the texts that
// gwt_describe and gwt_attr gave of them, closes the files that were opened for them, and drops
// their tiles from the cache. Profiles, gwt_bad_tile and gwt_note stay until gwt_end. An array is
// not to be used after its scope: in an operation or an action, and as .like or .reference, that is
// an ARGUMENT error until another scope of the session ends; later it is not noticed.
//
// Scopes nest; an inner one that was left open ends with the one around it. A scope is of one
// thread: what others make meanwhile is not in it, but for what your functions (map_blocks, apply,
// parallel_for) make when they run for an action that was begun in it. They may have scopes of
// their own, which they end before they return: one that is left open there stays until gwt_end.
// Of a scope that another thread has left open, gwt_end frees what it has; it is not to be ended
// any more while gwt_end runs, and of a thread that is gone some 100 bytes stay. A file that is
// open in a scope around is shared; two threads that each open it in their scope have it open
// twice. Ranks of an MPI job have scopes of their own.
//
// Both work with an error in hand, too. NULL when there is no memory; NULL is ended without effect.
// To end a scope waits for an action that another thread runs. ARGUMENT, and the scope stays as it
// is, when another thread ends it, or a function that runs for an action that was begun in it.
GWT_API gwt_scope *gwt_scope_begin(gwt *g);
GWT_API void gwt_scope_end(gwt_scope *scope);

// The first error since gwt_begin or gwt_clear; GWT_OK and "" when there is none.
GWT_API gwt_code gwt_status(const gwt *g);
GWT_API const char *gwt_message(const gwt *g);

// Forget the error, to go on after one that was expected. Waits for an action that another thread
// runs. Called from inside an action, that one fails all the same, without a message.
GWT_API void gwt_clear(gwt *g);

// Stop: the action under way ends as soon as each worker has noticed, between two strips of pixels
// or two tiles, and fails as CANCELLED; so does every further one until gwt_clear. A save that was
// cancelled can be resumed. From any thread, and from a signal handler.
GWT_API void gwt_cancel(gwt *g);

// Fail on purpose, e.g. from a user's function: message as printf. The first error stays.
GWT_PRINTF(3, 4) GWT_API void gwt_fail(gwt *g, gwt_code code, const char *format, ...);

// Threads that compute, the caller included.
GWT_API int gwt_num_workers(const gwt *g);

// Which process of an MPI job this is, from 0, and how many there are; 0 and 1 without GWT_MPI.
GWT_API int gwt_rank(const gwt *g);
GWT_API int gwt_num_ranks(const gwt *g);

// Release what gwt_compute returned.
GWT_API void gwt_free(void *p);

// ---- opening ---------------------------------------------------------------------------------

// Open a GeoTIFF or BigTIFF as a lazy array of shape [1, bands, height, width] in the file's own
// type. Only the directory is read. Missing pixels are the file's GDAL_NODATA (or .nodata).
// Errors: IO (missing, unreadable), FORMAT (not a TIFF, truncated, inconsistent), UNSUPPORTED
// (a sample type or a codec), ARGUMENT (chunks, number of band names, unknown sensor).
GWT_API gwt_array *gwt_open_with(gwt *g, const char *path, const gwt_open_options *options);
#define gwt_open(...) _gwt_open_args(__VA_ARGS__, ._ = 0)
#define _gwt_open_args(g, path, ...) gwt_open_with((g), (path), &(gwt_open_options){ __VA_ARGS__ })

// Open n files and stack them: along band (all bands of the first file, then of the second, ..) or
// along time; or make one mosaic of them, in which a missing pixel never wins over a valid one.
// GRID when the grids differ by more than 1e-3 of a pixel and neither bounds_by nor reference says
// what to do; when the CRS differ (the message names both); when an intersection is empty.
GWT_API gwt_array *gwt_open_many_with(gwt *g, const char *const *paths, size_t n,
                                      const gwt_open_options *options);
#define gwt_open_many(...) _gwt_open_many_of(&(gwt_open_options){ __VA_ARGS__, ._ = 0 })
static inline gwt_array *_gwt_open_many_of(const gwt_open_options *o)
{
    return gwt_open_many_with(o->_g, o->_paths, o->_n, o);
}

// An array over pixels in memory, [time][band][y][x] in C order without padding, as gwt_compute
// gives them (.interleave = GWT_PIXEL: [time][y][x][band]): lazy, and as good as one of a file.
// `size` bytes are there, at least shape[0] * .. * shape[3] * gwt_dtype_size(dtype). They stay the
// caller's, are not copied, and must be there as long as the array is (until gwt_end, or the end of
// its scope), and not change while an action runs; what is in them then is what an action takes. A
// save of them can be resumed only with an .identity. ARGUMENT when the memory is too small or no
// boundary of the type, the shape impossible, .like of another size, the transform not finite, a
// number of names wrong.
//
//     float *dem = ..;        // 1000 rows of 2000 cells of 10 m
//     gwt_array *a = gwt_from_memory(g, dem, 8000000, GWT_FLOAT32,
//                                    ((const int64_t[4]){ 1, 1, 1000, 2000 }), .epsg = 32633,
//                                    .transform = (const double[6]){ 10, 0, 5e5, 0, -10, 5.2e6 });
GWT_API gwt_array *gwt_from_memory_with(gwt *g, const void *data, size_t size, gwt_dtype dtype,
                                        const int64_t shape[4],
                                        const gwt_from_memory_options *options);
#define gwt_from_memory(...) _gwt_from_memory_args(__VA_ARGS__, ._ = 0)
#define _gwt_from_memory_args(g, data, size, dtype, shape, ...) \
    gwt_from_memory_with((g), (data), (size), (dtype), (shape), \
                         &(gwt_from_memory_options){ __VA_ARGS__ })

// Tiles that could not be read and are missing instead (.fill_bad_tiles), each as the message the
// error would have had. gwt_end prints one of each kind and file, and how many more there are
// (unless .quiet). NULL after the last; valid until gwt_end. Ask between actions.
GWT_API const char *gwt_bad_tile(const gwt *g, size_t index);

// What was done that may not be what was meant, each once: that an overview is read instead of an
// image, or can't be (see gwt_regrid); that a file that an action read has a mask, or an alpha band
// that the result has not, which was not looked at (see gwt_info). gwt_end prints them as warnings (unless .quiet). NULL after the last; valid until gwt_end. Ask between actions.
GWT_API const char *gwt_note(const gwt *g, size_t index);

// The first date in a file's name (not its folders) as yyyymmdd, 20160517; 0 when there is none. It
// is written yyyymmdd, yyyy-mm-dd (or with _ or .), or yyyyddd, a day of the year, as MODIS does.
GWT_API int gwt_date_of(const char *path);

// Sort paths by that date, those of one date by name, those without a date last. Returns how many
// have one.
GWT_API size_t gwt_sort_by_date(const char **paths, size_t n);

// ---- arrays ----------------------------------------------------------------------------------

// Another image in a file, or beside it.
typedef struct gwt_image {
    int64_t width, height;
    int directory;             // in its file's chain, from 1; 0: it is in none, as SubIFDs are not
    const char *where;         // of an overview: "directory 3", "SubIFD 1", "scene.tif.ovr"
} gwt_image;

// All there is to know of an array. Owned by the array, valid as long as that is: until gwt_end, or
// until the end of its scope.
typedef struct gwt_info {
    gwt_dtype dtype;
    int64_t shape[4];              // time, band, y, x
    int64_t chunks[4];             // of one chunk, in the same order: one time, all bands; pieces
                                   // are computed for all times
    bool auto_chunks;              // nobody asked for them
    uint64_t nbytes;               // of the whole array in its dtype
    const char *const *band_names; // shape[1] names; "1", "2", .. when nothing better is known
    bool bands_named;              // false: all are those numbers; see `named`
    const char *const *time_names; // shape[0] names
    double transform[6];           // a b c d e f: x = a col + b row + c, y = d col + e row + f
    double res[2];                 // width and height of a cell
    bool has_transform;            // false: the file had none, its pixels are cells of 1 x 1 then
    gwt_bounds bounds;             // of the four corners
    int epsg;                      // projected CRS's code, else geographic, else 0
    bool has_crs;                  // there are GeoKeys (perhaps without a code)
    gwt_optional nodata;           // value stored where missing; unset: none (NaN in floats)
    const double *scales, *offsets;// shape[1] values, as metadata: not applied to the pixels
    bool has_scales;               // the file said so (or the caller)
    const char *sensor;            // short name, or NULL
    const char *const *filenames;  // base names of the files behind it
    size_t num_files;
    const char *const *tags;       // "KEY=VALUE" of the first file, NULL-terminated
    gwt_resampling resampling;     // by which it came to its grid; nearest where it was there
    const char *const *attrs;      // "KEY=VALUE" of how it was made, NULL-terminated: vi, drange,
                                   // pre-scaling, moving_stat, moving_window_size, moving_perc;
                                   // kept by selections, cuts and casts, gone after arithmetic
    const char *area_or_point;     // "Area" or "Point"
    // of the first file, as stored:
    int64_t tile[2];               // height, width of a tile, or rows and width of a strip
    bool is_tiled;
    const char *compression;       // "none", "lzw", "deflate", .. or "compression 12345"
    int predictor;
    int bits;                      // of a sample: those of the dtype, or fewer, or of complex ones
    gwt_complex complex_part;      // the part of those that was asked for
    gwt_interleave interleave;
    int overviews;                 // smaller copies of the image that the file has
    const gwt_image *overview_list;// from large to small
    int overview;                  // that pixels are read from, from 1; 0: none, the image itself
    int directory;                 // of the image, from 1
    int pages;                     // images in the file that are neither overviews nor masks, this
    const gwt_image *page_list;    // one included; 0: not a file, or opened at one of those
    bool bigtiff;
    // of the array again:
    const bool *named;             // shape[1] flags, false: a band's name is only its number
    char nodata_text[32];          // nodata exactly: "255", "nan", "-inf"; "" when it is unset
    // Masks and alpha are not looked at, pixels under them are valid: an action notes it (gwt_note)
    const char *mask;              // "directory 2" of a file behind it, or "FILE.msk" beside it, of
                                   // the first that has one; NULL: none has
    int alpha_band;                // number of the first band that is alpha, from 1; 0: none is
} gwt_info;

// Never NULL; for a NULL array everything is zero and the strings are "".
GWT_API const gwt_info *gwt_describe(const gwt_array *a);

// The value of one of its attrs or tags by key; NULL when it has none of that name.
GWT_API const char *gwt_attr(const gwt_array *a, const char *key);

// Bytes of one sample, and the name: "uint8" .. "float64". 0 and "none" for GWT_DTYPE_NONE.
GWT_API size_t gwt_dtype_size(gwt_dtype dtype);
GWT_API const char *gwt_dtype_name(gwt_dtype dtype);
GWT_API gwt_dtype gwt_dtype_from_name(const char *name);  // GWT_DTYPE_NONE when unknown; "UInt16"
                                                          // is "uint16"

// Print an array as a person wants to see it: dims, dtype, chunks, size, coordinates, attributes.
GWT_API void gwt_print(const gwt_array *a, FILE *to);

// One character of a text that others wrote (the name of a file, what a file says), as it may be
// shown, into `shown`: itself; "\x1b" or "\u202e" for one that would steer a terminal, break a line
// or turn the text around (control characters, marks of direction); "\xff" for a byte that is no
// UTF-8. Gives how many bytes of `text` that was, 0 at its end:
//
//     for (size_t n; (n = gwt_escape(text, shown)) > 0; text += n) fputs(shown, to);
//
// gwt_message, gwt_bad_tile, gwt_print and tables of profiles have all texts so.
GWT_API size_t gwt_escape(const char *text, char shown[8]);

// A number as an array without a grid: pairs with any array in the operations below.
GWT_API gwt_array *gwt_number(gwt *g, double value);

// Bands by name, or by number from 1, in the order asked for; `names` ends with NULL. A name that
// is not there is an error that lists those there are. gwt_sel(a, "red") is a band,
// gwt_sel(a, "red", "nir") two.
GWT_API gwt_array *gwt_sel_bands(const gwt_array *a, const char *const *names);
#define gwt_sel(a, ...) gwt_sel_bands((a), (const char *const[]){ __VA_ARGS__, NULL })

// Times by name, or by number from 1, in the order asked for; `names` ends with NULL.
GWT_API gwt_array *gwt_sel_times(const gwt_array *a, const char *const *names);

// Stack arrays of one grid along GWT_BAND (the default) or GWT_TIME. GRID when their grids or their
// numbers of times or bands, in the other dim, differ; ARGUMENT when their types do (cast first).
GWT_API gwt_array *gwt_stack(gwt_array *const *arrays, size_t n, gwt_dim dim);

// The same array with other names of bands or times (NULL-terminated, one of each), or in chunks
// of rows x cols pixels, 1..1048576 each; 0 as in gwt_open.
GWT_API gwt_array *gwt_rename_bands(const gwt_array *a, const char *const *band_names);
GWT_API gwt_array *gwt_rename_times(const gwt_array *a, const char *const *time_names);
GWT_API gwt_array *gwt_rechunk(const gwt_array *a, int rows, int cols);

// Convert to a type: integers are rounded to nearest (ties to even) and saturate. What an array of
// integers was resampled to comes unrounded into a floating-point type. Missing stays missing; the
// nodata value is kept when the type can hold it, else there is none afterwards.
GWT_API gwt_array *gwt_cast(const gwt_array *a, gwt_dtype dtype);

// Pixel by pixel, in double. Shapes [time, band] must be equal, or 1 in a dim (then repeated);
// grids must match. A result is missing where any operand is missing or the result is NaN (0/0,
// sqrt(-1)); of where(c, a, b), where c is, or the one of a and b that it picks. dtype float64,
// except min, max, abs, where and clip of arrays of one type, neg of a signed one, sign, and what
// rounds to whole numbers, which keep it; comparisons and logic give uint8 0/1 with nodata 255.
GWT_API gwt_array *gwt_add(const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_sub(const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_mul(const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_div(const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_pow(const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_min(const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_max(const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_neg(const gwt_array *a);
GWT_API gwt_array *gwt_abs(const gwt_array *a);
GWT_API gwt_array *gwt_floor(const gwt_array *a);
GWT_API gwt_array *gwt_ceil(const gwt_array *a);
GWT_API gwt_array *gwt_round(const gwt_array *a);   // to nearest, ties to even
GWT_API gwt_array *gwt_trunc(const gwt_array *a);   // towards 0
GWT_API gwt_array *gwt_sign(const gwt_array *a);    // -1, 0, 1
GWT_API gwt_array *gwt_sqrt(const gwt_array *a);
GWT_API gwt_array *gwt_cbrt(const gwt_array *a);
GWT_API gwt_array *gwt_exp(const gwt_array *a);
GWT_API gwt_array *gwt_exp2(const gwt_array *a);
GWT_API gwt_array *gwt_log(const gwt_array *a);     // natural
GWT_API gwt_array *gwt_log2(const gwt_array *a);
GWT_API gwt_array *gwt_log10(const gwt_array *a);
GWT_API gwt_array *gwt_sin(const gwt_array *a);     // angles are in radians
GWT_API gwt_array *gwt_cos(const gwt_array *a);
GWT_API gwt_array *gwt_tan(const gwt_array *a);
GWT_API gwt_array *gwt_asin(const gwt_array *a);
GWT_API gwt_array *gwt_acos(const gwt_array *a);
GWT_API gwt_array *gwt_atan(const gwt_array *a);
GWT_API gwt_array *gwt_atan2(const gwt_array *y, const gwt_array *x);   // of the point (x, y)
GWT_API gwt_array *gwt_sinh(const gwt_array *a);
GWT_API gwt_array *gwt_cosh(const gwt_array *a);
GWT_API gwt_array *gwt_tanh(const gwt_array *a);
GWT_API gwt_array *gwt_degrees(const gwt_array *a); // a * (180 / pi)
GWT_API gwt_array *gwt_radians(const gwt_array *a); // a * (pi / 180)
GWT_API gwt_array *gwt_hypot(const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_lerp(const gwt_array *a, const gwt_array *b, const gwt_array *t);
                                                                        // a + (b - a) * t
GWT_API gwt_array *gwt_lt(const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_le(const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_gt(const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_ge(const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_eq(const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_ne(const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_and(const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_or(const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_not(const gwt_array *a);
GWT_API gwt_array *gwt_where(const gwt_array *condition, const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_valid(const gwt_array *a);   // uint8: 1 where there is a value, 0 where none
                                                    // is; nodata 255, so that neither is missing
GWT_API gwt_array *gwt_clip(const gwt_array *a, double lo, double hi);

// Of whole numbers, exactly, to the last of 64 bits. What is not whole, or beyond 64 bits, is
// missing, and so are the results of a division by 0 and of a shift by less than 0 or more than 63.
// The type of & | ^ % // is the first of uint8, int8, uint16 .. int64 that holds what both operands
// do (of a gwt_number its value; what is no integer counts as int64 for & | ^), of ~ and >> that of
// the operand, of << int64, or uint64 of uint64; results begin anew at its ends, and their nodata
// value is the first operand's. ARGUMENT: uint64 with what is negative.
// Negative numbers are in two's complement, >> fills in the sign, % and // divide towards -infinity
// as in Python: % has the sign of b. With an operand that is no integer % and // are float64.
GWT_API gwt_array *gwt_bit_and(const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_bit_or(const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_bit_xor(const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_bit_not(const gwt_array *a);
GWT_API gwt_array *gwt_shift_left(const gwt_array *a, const gwt_array *by);
GWT_API gwt_array *gwt_shift_right(const gwt_array *a, const gwt_array *by);
GWT_API gwt_array *gwt_mod(const gwt_array *a, const gwt_array *b);
GWT_API gwt_array *gwt_floor_div(const gwt_array *a, const gwt_array *b);

// Bits, of which 0 is the lowest. gwt_bits: bits from..to of each pixel as a number, in its type.
// The others give uint8 0/1 with nodata 255: gwt_bit bit n; gwt_bits_match whether the lowest bits
// are those of a pattern of 0, 1, and x for any, the lowest last, as "xx01_1xxx"; gwt_isin whether
// a pixel is one of n values, which are numbers or arrays. ARGUMENT: bits that the type has not.
GWT_API gwt_array *gwt_bit(const gwt_array *a, int n);
GWT_API gwt_array *gwt_bits(const gwt_array *a, int from, int to);
GWT_API gwt_array *gwt_bits_match(const gwt_array *a, const char *pattern);
GWT_API gwt_array *gwt_isin(const gwt_array *a, gwt_array *const *values, size_t n);

// Where the cells of an array lie: one band of that name on its grid, of no pixel that is read.
//
//   x, y         of the centre of the cell, in the CRS's units, by the transform a b c d e f:
//                a * (col + 0.5) + b * (row + 0.5) + c and d * (col + 0.5) + e * (row + 0.5) + f,
//                from left to right, without a second term that is 0. float64
//   row, col     from 0, of this array, of a window that is cut out of another those of the window.
//                int32, nodata -1 (where it is aligned to a grid that reaches further)
//   lon, lat     x and y, where the CRS is geographic: in its own units, mostly degrees
//
// ARGUMENT: x and y of an array without a transform, lon and lat in another CRS, all of a number.
typedef enum gwt_place_kind {
    GWT_PLACE_X = 0, GWT_PLACE_Y, GWT_PLACE_ROW, GWT_PLACE_COL, GWT_PLACE_LON, GWT_PLACE_LAT
} gwt_place_kind;
GWT_API gwt_array *gwt_place(const gwt_array *like, gwt_place_kind kind);

// A statistic over all times or all bands, pixel by pixel, missing ones left out; missing where
// none is valid. A lazy array with one time or one band. float64; min, max, first, last and mode
// keep the type; count is int32, argmax int32 with nodata -1, all and any uint8 with nodata 255.
// Sums run from the first to the last. Skew is missing where the values differ by no more
// than the rounding of their mean, too.
//
// .by puts times together by a period: a time of the result for each that has some, in order of
// time, of its times in the order that they have. What they are called:
//
//   "month"      2024-03
//   "quarter"    2024Q1
//   "season"     2024DJF, MAM, JJA, SON: December belongs to the next year's DJF
//   "year"       2024
//   "10d"        2024-03-11, the first of so many days; the first of all is the earliest date
//
// Dates are those in the names of the times (.time_names of gwt_open_many, gwt_rename_times), read
// as gwt_date_of does; a time that has none is an ARGUMENT error.
//
// Trends, GWT_SLOPE and GWT_INTERCEPT: of the line that has the least squares of distances to the
// valid pixels, sum((t - mean t) (x - mean x)) / sum((t - mean t)^2), and its value at t = 0. Times
// that have dates, or are called by a period as above, whose first day counts, lie at days since
// the earliest of them (that of the period with .by), and the slope is per year of 365.25 days.
// Other times and bands lie at 0, 1, .., and the slope is per time or band. Missing where fewer
// than two lie apart. ARGUMENT: there is one, or some times have a date and others none.
GWT_API gwt_array *gwt_reduce_with(const gwt_array *a, gwt_dim dim, gwt_stat stat,
                                   const gwt_reduce_options *options);
#define gwt_reduce(...) _gwt_reduce_args(__VA_ARGS__, ._ = 0)
#define _gwt_reduce_args(a, dim, stat, ...) \
    gwt_reduce_with((a), (dim), (stat), &(gwt_reduce_options){ __VA_ARGS__ })

// The pixels of the time at which the score is largest, of several the first: a greenest-pixel
// composite is gwt_best(a, ndvi, NULL), that of the lowest cloud cover gwt_best(a, gwt_neg(cloud),
// NULL). The score has as many times, and one band for all bands or as many. Where it is missing a
// time is passed over; where all are, the result is missing, and where the pixel of the time chosen
// is. The type, nodata and names of `a`; one time, or with a `by` that is not NULL one of each
// period, as .by of gwt_reduce says. GRID: other numbers of times or bands.
GWT_API gwt_array *gwt_best(const gwt_array *a, const gwt_array *score, const char *by);

// Along time, in float64:
//
//   gwt_cumsum       sums of the valid pixels of each time and those before it in their order,
//                    missing as long as there is none; the last is that of GWT_SUM
//   gwt_diff         each time less the one before it: one time fewer, called by the later ones;
//                    missing where either is. ARGUMENT: there is one time
//   gwt_interpolate  missing pixels on the line between the nearest valid ones before and after
//                    them, by days where times have dates (as trends of gwt_reduce), else by their
//                    number; before the first and after the last valid one they stay missing
GWT_API gwt_array *gwt_cumsum(const gwt_array *a);
GWT_API gwt_array *gwt_diff(const gwt_array *a);
GWT_API gwt_array *gwt_interpolate(const gwt_array *a);

// A statistic of the w x w window around every pixel, missing pixels left out; missing where none
// is valid. Beyond its edges the image is mirrored, the edge repeated. The cost of mean, sum, std,
// var, min, max, range, count, all and any grows as log2(w). float64; min, max and mode keep the
// type, all and any are uint8 with nodata 255.
// var is (n S2 - S1 S1) / (n n): exact for integers as long as n S2 stays below 2^53, otherwise off
// by some 1e-16 times the square of the mean: of numbers about 5,000,000 that differ by hundredths
// nothing is left; subtract a number first. With .weights a pixel at distance d from the centre
// counts k = 1 - d / D, D being that of the corners, which count nothing: sum(k v), mean = sum(k v)
// / sum(k), var = sum(k (v - mean)^2) / sum(k), at a cost that grows as w^2; missing where none
// that counts is valid.
GWT_API gwt_array *gwt_moving_with(const gwt_array *a, const gwt_moving_options *options);
#define gwt_moving(...) _gwt_moving_args(__VA_ARGS__, ._ = 0)
#define _gwt_moving_args(a, ...) gwt_moving_with((a), &(gwt_moving_options){ __VA_ARGS__ })

// One piece of an image with its surroundings, for a user's kernel: as doubles, NaN where missing
// and beyond the image. Every plane of `out` is to be filled.
typedef struct gwt_kernel {
    gwt *g;
    int64_t row, col, rows, cols;      // of the piece in the image
    int halo;
    int planes_in, planes_out;
    const double *in;                  // [planes_in][rows + 2 halo][cols + 2 halo]
    double *out;                       // [planes_out][rows][cols]
} gwt_kernel;

// Called for many pieces at once; 0 to go on, anything else stops the run, naming the piece. The
// result at a pixel may depend on the pixels within the halo only, not on where pieces begin.
typedef int gwt_kernel_fn(const gwt_kernel *kernel, void *user);

// A user's kernel in the graph: lazy, run chunk by chunk, fused with what surrounds it.
GWT_API gwt_array *gwt_apply_with(const gwt_array *a, gwt_kernel_fn *fn, void *user,
                                  const gwt_apply_options *options);
#define gwt_apply(...) _gwt_apply_args(__VA_ARGS__, ._ = 0)
#define _gwt_apply_args(a, fn, user, ...) \
    gwt_apply_with((a), (fn), (user), &(gwt_apply_options){ __VA_ARGS__ })

// The window of rows x cols pixels from (row, col) on; ARGUMENT when it leaves the image.
GWT_API gwt_array *gwt_window(const gwt_array *a, int64_t row, int64_t col, int64_t rows,
                              int64_t cols);

// The pixels whose centres lie within the bounds, cut off at the image's edge.
// ARGUMENT when that is none, or the array is rotated.
GWT_API gwt_array *gwt_subset(const gwt_array *a, gwt_bounds bounds);

// Every step-th row and column, from the first on: the pixels themselves, on a coarser grid.
// ARGUMENT when `step` is less than 1.
GWT_API gwt_array *gwt_every(const gwt_array *a, int step);

// Arrays of one shape in [time, band] as one image on the grid of the first, or on what bounds_by
// says: where several are valid, their mean, min, max, the first or the last (float64 for mean,
// else the type they share).
GWT_API gwt_array *gwt_mosaic(gwt_array *const *arrays, size_t n, gwt_bounds_by bounds_by,
                              gwt_stat overlap, gwt_resampling resampling);

// On a grid with the given bounds and cells, counted from the edges where the array's first column
// and row are, left and top mostly: those whose centres lie within the bounds, one at least.
// By whole cells when those of the array fit, else resampled. Missing outside. ARGUMENT when the
// bounds or cells make no grid.
//
// Where cells get coarser, of arrays as gwt_open gives them (selected, stacked, renamed or scaled,
// too), it is the smallest overview of the files with cells not larger than those asked for that is
// resampled, not the image: less is read, and the pixels follow from those that whoever made the
// overview chose (gwt_note and gwt_print_plan say so, gwt_info.overview which). Overviews of another
// type or number of bands than the image, and those whose directories are damaged, are passed over.
// .no_overviews reads the image itself. So does `.res` of gwt_open; gwt_align and gwt_mosaic know
// of no overviews.
GWT_API gwt_array *gwt_regrid_with(const gwt_array *a, const gwt_regrid_options *options);
#define gwt_regrid(...) _gwt_regrid_args(__VA_ARGS__, ._ = 0)
#define _gwt_regrid_args(a, ...) gwt_regrid_with((a), &(gwt_regrid_options){ __VA_ARGS__ })

// On the grid of another array: by whole cells when the grids fit, else resampled. Missing
// outside. GRID when the CRS differ.
GWT_API gwt_array *gwt_align(const gwt_array *a, const gwt_array *like, gwt_resampling resampling);

// ---- math ------------------------------------------------------------------------------------

// Missing pixels, scaling, clipping and type in one call: raw == src_nodata is missing; else
// raw * scale_factor + offset, clipped to out_range, rounded into dtype. Missing is stored as
// dst_nodata (geowombat's set_nodata, except that missing pixels are not clipped).
GWT_API gwt_array *gwt_set_nodata_with(const gwt_array *a, const gwt_set_nodata_options *options);
#define gwt_set_nodata(...) _gwt_set_nodata_args(__VA_ARGS__, ._ = 0)
#define _gwt_set_nodata_args(a, ...) \
    gwt_set_nodata_with((a), &(gwt_set_nodata_options){ __VA_ARGS__ })

// Missing pixels as NaN: float64 (float32 stays), without a nodata value.
GWT_API gwt_array *gwt_mask_nodata(const gwt_array *a);

// Each value from[i], as the type has it, by to[i], all at once: nothing chains. Keeps the type; a
// `to` that the type can't hold is an ARGUMENT error, and so is a value that is there twice. NaN
// is missing.
GWT_API gwt_array *gwt_replace(const gwt_array *a, const double *from, const double *to, size_t n);

// The values lo <= v < hi, or that one value where lo == hi, and what becomes of them: NaN is
// missing. -INFINITY and INFINITY are open ends.
typedef struct gwt_class_range { double lo, hi, value; } gwt_class_range;

// Values by classes: each pixel becomes the value of the range that it is in; missing pixels stay
// missing. Many ranges, in any order, cost about as much as four do: of 8- and 16-bit integers
// by a table, else by about two steps (by a search of log2(n) where all ranges lie in a few
// 1000ths of what they span). Ends are compared as the array's type has them: 0.1 of float32 is
// that of float32; 64-bit integers beyond 2^53 as doubles.
// The type is the smallest that holds all values, uint8 first, and, of integers, one more for
// missing pixels. That is the array's nodata value, where the type has it and no class is it; else
// of integers the highest of an unsigned type, the lowest of a signed one (255, -128), or the next
// to it, of 256, that no class is; of floats NaN. With .keep it holds the array's values as well,
// and the nodata value is the array's. With a .dtype that has no such value there is none.
// ARGUMENT: ranges that overlap, or are empty; values that .dtype does not hold.
GWT_API gwt_array *gwt_reclassify_with(const gwt_array *a, const gwt_class_range *ranges, size_t n,
                                       const gwt_reclassify_options *options);
#define gwt_reclassify(...) _gwt_reclassify_args(__VA_ARGS__, ._ = 0)
#define _gwt_reclassify_args(a, ranges, n, ...) \
    gwt_reclassify_with((a), (ranges), (n), &(gwt_reclassify_options){ __VA_ARGS__ })

// (b2 - b1) / (b2 + b1) of two bands by name, each times scale_factor first; clipped to [-1, 1];
// float64, one band "norm-diff". NDVI is gwt_norm_diff(a, "red", "nir"). geowombat's norm_diff,
// after Tucker (1979), Remote Sensing of Environment 8, 127-150.
GWT_API gwt_array *gwt_norm_diff_with(const gwt_array *a, const char *b1, const char *b2,
                                      const gwt_norm_diff_options *options);
#define gwt_norm_diff(...) _gwt_norm_diff_args(__VA_ARGS__, ._ = 0)
#define _gwt_norm_diff_args(a, b1, b2, ...) \
    gwt_norm_diff_with((a), (b1), (b2), &(gwt_norm_diff_options){ __VA_ARGS__ })

// A spectral index by name, from bands by name, each times scale_factor first; missing where any
// band used is. float64, one band named after the index. geowombat's formulas:
//   ndvi   norm_diff(red, nir), nbr norm_diff(swir2, nir): -1..1. Key and Benson (2006) for nbr
//   kndvi  tanh(ndvi^2), -1..1. Camps-Valls et al. (2021), Science Advances 7, eabc7447
//   avi    ((nir (1 - red)) (nir - red))^0.3334, 0..1. Rikimaru et al. (2002)
//   evi    2.5 (nir - red) / (nir + 6 red - 7.5 blue + 1), 0..1. Huete et al. (2002)
//   evi2   2.5 ((nir - red) / (nir + 1 + 2.4 red)), 0..1. Jiang et al. (2008)
//   gcvi   nir / green - 1, clipped to 0..10 and divided by 10. Gitelson et al. (2003)
//   wi     0 where swir1 + red > 0.5, else 1 - (swir1 + red) / 0.5, 0..1. Lehmann et al. (2015)
GWT_API gwt_array *gwt_spectral_index_with(const gwt_array *a, const char *name,
                                            const gwt_spectral_index_options *options);
#define gwt_spectral_index(...) _gwt_spectral_index_args(__VA_ARGS__, ._ = 0)
#define _gwt_spectral_index_args(a, name, ...) \
    gwt_spectral_index_with((a), (name), &(gwt_spectral_index_options){ __VA_ARGS__ })

// Tasseled cap: bands brightness, greenness and wetness as weighted sums of all bands, band after
// band, each times scale_factor first; missing where any band is. Sensors l5 (Crist 1985), l7
// (Huang et al. 2002), l8l7 (Baig et al. 2014), qb (Yarbrough et al. 2005), ik (Pereira 2006); the
// sensor is the array's unless given.
GWT_API gwt_array *gwt_tasseled_cap_with(const gwt_array *a,
                                          const gwt_spectral_index_options *options);
#define gwt_tasseled_cap(...) _gwt_tasseled_cap_args(__VA_ARGS__, ._ = 0)
#define _gwt_tasseled_cap_args(a, ...) \
    gwt_tasseled_cap_with((a), &(gwt_spectral_index_options){ __VA_ARGS__ })

// An expression over n arrays.
//
//   names        red, nir, .. a band by name, of the first array that has it; b1 b2 .. where no
//                band is called that: the bands of all arrays in order; a, b, .. the arrays
//                themselves; a.red, a.b1 a band of one, by name before number, too;
//                x[2], x["2016-05-17"] one time of x; nan, which is missing
//   operators    loosest first: || && (== != < <= > >=) | ^ & (<< >>) (+ -) (* / // %)
//                (unary - ! ~) **, parentheses; numbers may be 0x1f and 0b1010, too, and 1 << 4 or
//                2 * 3 + 1 are numbers wherever one is wanted
//   functions    abs sign floor ceil round trunc sqrt cbrt exp exp2 log log2 log10 sin cos tan
//                asin acos atan atan2(y, x) sinh cosh tanh degrees radians hypot(x, y) mod(x, y)
//                pow(x, y) min(x, y) max(x, y) lerp(x, y, t) where(c, x, y) clip(x, lo, hi)
//                mask(x, v) valid(x) replace(x, from, to), with any number of pairs from, to
//   bits         bit(x, 3), bits(x, 4, 7), bits_match(x, "xx01_1xxx"), isin(x, 1, 2, 3)
//                norm_diff(b1, b2), which is (b2 - b1) / (b2 + b1)
//   classes      reclass(x, "0:10=1, 10:20=2, 25=7, else=0"), gwt_reclassify: 0 <= x < 10 becomes
//                1, and 25 becomes 7; :0=1 and 20:=3 have no other end; =nan is missing; what is
//                in none is missing without else, stays with else=keep. Between them white space,
//                commas, comments
//   statistics   mean sum min max std var median count first last argmax skew range mode all any
//                slope intercept, percentile(x, p): over the times of x if it has several, else
//                its bands; mean(x, time), mean(x, band); of each month, quarter, season, year or
//                10d of x's times, by their dates: mean(x, month)
//   time         best(x, score), gwt_best: x of the time where the score is largest, or of each
//                month: best(x, score, month); best(x, -score) where it is smallest; cumsum(x),
//                diff(x), interpolate(x)
//   windows      moving_mean(x, w), and so on for sum min max std var median count range mode all
//                any; moving_percentile(x, w, p)
//   indices      ndvi() evi() evi2() avi() gcvi() nbr() kndvi() wi() tasseled_cap(), of the first
//                array; ndvi(x) of another
//   places       x() y() row() col() lon() lat() (gwt_place), of the first array; x(b) of another
//   statements   t = b1 / 2; t * t + t: names for values, before the expression that is the result;
//                they hide bands of that name
//   comments     # and what follows on the line
//
// A bad expression is an ARGUMENT error of three lines: the message, the line of the expression,
// and a caret under the column. Arrays that it does not use may lie on any grid.
GWT_API gwt_array *gwt_calc_with(gwt_array *const *arrays, size_t n, const char *expression,
                                 const gwt_calc_options *options);
#define gwt_calc(...) _gwt_calc_of(&(gwt_calc_options){ __VA_ARGS__, ._ = 0 })
static inline gwt_array *_gwt_calc_of(const gwt_calc_options *o)
{
    return gwt_calc_with(o->_arrays, o->_n, o->_expression, o);
}

// The plane (times * bands + band) of `of` that plane `plane` of `a` is: chosen from it, by band,
// time or a name in an expression, and nothing else. -1 when it is none of them.
GWT_API int64_t gwt_find_plane(const gwt_array *a, int64_t plane, const gwt_array *of);

// Names of a sensor's bands in order, NULL-terminated; NULL when it is unknown. "L8" is "l8".
// gwt_sensor_name(0), (1), .. are the known sensors, NULL after the last.
GWT_API const char *const *gwt_sensor_bands(const char *sensor);
GWT_API const char *gwt_sensor_name(size_t index);

// ---- actions: here the work is done ----------------------------------------------------------

// Compute into memory: [time][band][y][x], C order, no padding. NULL on failure (a caller's buffer
// may then be partly written). NODATA when an integer result has missing pixels and no nodata.
GWT_API void *gwt_compute_with(const gwt_array *a, const gwt_compute_options *options);
#define gwt_compute(...) _gwt_compute_args(__VA_ARGS__, ._ = 0)
#define _gwt_compute_args(a, ...) gwt_compute_with((a), &(gwt_compute_options){ __VA_ARGS__ })

// Several arrays of one grid in one pass: what they share is read, decoded and computed once. At
// most 16. buffers[i] has as many bytes as gwt_compute would give (gwt_describe(arrays[i])->nbytes
// without .dtype), or is NULL and then is set to a fresh one, yours to gwt_free. False on failure:
// fresh buffers are gone then, and NULL again. .buffer and .size are not of use here.
GWT_API bool gwt_compute_many_with(gwt_array *const *arrays, size_t n, void **buffers,
                                   const gwt_compute_options *options);
#define gwt_compute_many(...) _gwt_compute_many_of(&(gwt_compute_options){ __VA_ARGS__, ._ = 0 })
static inline bool _gwt_compute_many_of(const gwt_compute_options *o)
{
    return gwt_compute_many_with(o->_arrays, o->_n, o->_buffers, o);
}

// Compute into a tiled GeoTIFF. Time and band become bands, time-major. The bytes of the file
// depend on the array and these options only: not on chunks, workers or timing. Written as
// PATH.part, synced, renamed to PATH; on failure PATH is as it was. What an interruption, a full
// disk, a failing read or a user's function left unfinished stays as PATH.part and
// PATH.part.journal, for .resume; it is EXISTS to begin another save there without either .resume
// or .overwrite, or where something else has one of these names. A PATH that is a link is EXISTS,
// too; with .overwrite the link is replaced, not what it leads to. What has come to be at PATH
// while a save without .overwrite ran stays, and is EXISTS.
//
// Tiles that need no new encoding are copied: the samples of such a tile of the output are those of
// one tile of an input, nothing is computed with them, and both have the same edge, codec,
// predictor, type and bands in the same layout; the nodata value of the array is that of the
// output, or neither has one; the input is little-endian. So a save to the same tiles with other
// metadata, of a window on borders of tiles, of bands of planar files, a stack of them, a mosaic of
// files that do not overlap take about as long as copying. Their bytes are what they were, whatever
// level and program compressed them, with what lies beyond the edges of the image: which tiles are
// copied follows from the inputs, the graph and the options. Of what is copied only the checksums
// of .checksums are looked at, unless .fill_bad_tiles, .statistics or .sparse want its pixels.
// .level and .reencode have all tiles encoded. Not copied are: 64-bit integers and floating point
// whose nodata value is a number, in a mosaic; absent tiles where the output is not .sparse.
//
// .collisions counts the tiles that this call computed, on all ranks: what an earlier call left and
// .resume takes over is not looked at again. After a failure it is 0.
//
// What the files behind it say besides is copied as far as it is true of these pixels:
//
//   by           opening, selecting and stacking bands or times, other names, chunks, types and
//                nodata values (gwt_set_nodata without a scale or range, too), windows, subsets,
//                gwt_every, regridding, aligning, mosaics. All other operations, from arithmetic to
//                reductions, windows and kernels, and scaled data have nothing of what follows
//   items        of GDAL_METADATA in all domains, units among them, those of a band with their
//                band. But for: GWT, IMAGE_STRUCTURE, COLOR_PROFILE, SUBDATASETS,
//                DERIVED_SUBDATASETS and TIFF, which are about the other file; STATISTICS_* where
//                pixels, type or nodata are others or .statistics are asked for; RPC, GEOLOCATION
//                and AREA_OR_POINT on another grid. .tags beat those of their name
//   colours      RGB, CMYK, CIELab and white-is-zero (PhotometricInterpretation) while these bands
//                are all there, first and in order, alpha (ExtraSamples) always; what a band is
//                elsewhere, and other meanings, as GDAL's items COLORINTERP
//   a palette    in uint8 and uint16 of one band (or that and alpha), and not where pixels are
//                interpolated or mosaics of means
//   tags         DocumentName, ImageDescription, Software, DateTime, Artist, HostComputer,
//                Copyright, XResolution, YResolution and ResolutionUnit, XMP and the ICC profile;
//                on the same grid GDAL's RPC tag and, without a transform, ground control points
//   of several   files: in a stack of bands what each says of its own; of the files as such, of
//                times, and of mosaics what all of them say alike
GWT_API bool gwt_save_with(const gwt_array *a, const char *path, const gwt_save_options *options);
#define gwt_save(...) _gwt_save_args(__VA_ARGS__, ._ = 0)
#define _gwt_save_args(a, path, ...) \
    gwt_save_with((a), (path), &(gwt_save_options){ __VA_ARGS__ })

// Several arrays of one grid to as many files in one pass, as gwt_save with these options, which
// hold for all; band_names, scales and offsets are those of each array. All files are there in the
// end, or, on failure while computing, none.
GWT_API bool gwt_save_many_with(gwt_array *const *arrays, const char *const *paths, size_t n,
                                const gwt_save_options *options);
#define gwt_save_many(...) _gwt_save_many_of(&(gwt_save_options){ __VA_ARGS__, ._ = 0 })
static inline bool _gwt_save_many_of(const gwt_save_options *o)
{
    return gwt_save_many_with(o->_arrays, o->_paths, o->_n, o);
}

// One block of an array in memory.
typedef struct gwt_block {
    gwt *g;
    int64_t id;                // row-major number of the block, from 0
    int64_t row, col;          // of its first pixel in the array
    int64_t rows, cols;        // its size; the last ones of a row or column may be smaller
    int64_t inner_row, inner_col, inner_rows, inner_cols;   // the same without padding
    int64_t times, bands;
    gwt_dtype dtype;
    gwt_optional nodata;       // what missing pixels hold; unset: NaN in floats, else none are
    const void *data;          // [times][bands][rows][cols], C order, no padding; read only
    void *result;              // of this block, in .results; NULL when there are none
} gwt_block;

// A user's function over one block: called for many blocks at once, from any worker. Put results
// where `user` and `block->id` say. Return 0 to go on, anything else to stop the run.
typedef int gwt_block_fn(const gwt_block *block, void *user);

// Call `fn` for every block. Returns the number of blocks, or -1 on failure; a function that
// returned non-zero is a USER error that names its block.
GWT_API int64_t gwt_map_blocks_with(const gwt_array *a, gwt_block_fn *fn, void *user,
                                    const gwt_map_blocks_options *options);
#define gwt_map_blocks(...) _gwt_map_blocks_args(__VA_ARGS__, ._ = 0)
#define _gwt_map_blocks_args(a, fn, user, ...) \
    gwt_map_blocks_with((a), (fn), (user), &(gwt_map_blocks_options){ __VA_ARGS__ })

// One row of one plane (time * bands + band) of a block as doubles, NaN where missing.
GWT_API void gwt_block_row(const gwt_block *block, int64_t plane, int64_t row, double *to);

// Numbers of one plane. Missing pixels are left out, and so are infinite ones, as one of them would
// leave neither extreme nor mean: they are counted apart.
typedef struct gwt_summary {
    int64_t count;             // of valid pixels, those that are neither
    double sum;
    double mean, min, max;     // NaN when there is no valid pixel
    double std, var;           // divided by count; likewise
    int64_t infinite;          // pixels that are inf or -inf
} gwt_summary;

// What is in an array, as numbers: shape[0] * shape[1] summaries, times bands + band. Sums are
// added in the order of a tree over the image, whatever the workers and chunks: the same bits.
GWT_API bool gwt_summarize_with(const gwt_array *a, gwt_summary *summaries,
                                const gwt_statistics_options *options);
#define gwt_summarize(...) _gwt_summarize_args(__VA_ARGS__, ._ = 0)
#define _gwt_summarize_args(a, summaries, ...) \
    gwt_summarize_with((a), (summaries), &(gwt_statistics_options){ __VA_ARGS__ })

// Numbers of the pixels of each zone, as gwt_zonal gives them: one allocation.
typedef struct gwt_zonal_result {
    gwt_dtype dtype;                // of the zones
    size_t num_zones, num_planes;   // planes: times * bands + band of the values
    const int64_t *ids;             // num_zones of them, ascending; of zones of uint64 these are
                                    // the bits of uint64_t, in whose order they are
    const gwt_summary *summaries;   // [zone][plane]
    const double *medians;          // [zone][plane], likewise NaN without valid pixels; NULL when
    const double *majorities;       // not asked for. Of several values most frequent: the least
} gwt_zonal_result;

// Zonal statistics: the numbers of gwt_summarize for all pixels of one zone, and for each zone that
// `zones` has, valid values in it or not. Pixels without a zone are in none. `zones` is of one band
// and time, of an integer type, and on the grid of `values` (gwt_align); ids are exact, of 64 bits
// too where these are only opened and selected. A median is what gwt_percentiles would give; 64-bit
// integers are doubles here. The result is yours to gwt_free; NULL on failure: GRID, ARGUMENT
// (type, bands), NODATA (zones of 64 bits with missing pixels and without a nodata value).
// The same bits for any workers, chunks and ranks, as sums of each zone are added in the order of a
// tree over the image: its nodes take 64 bytes for each zone they have pixels of, 56 more for each
// further plane, and there are at once as many as it is deep, at most 17 for each worker. So memory
// grows with zones, not with pixels. For median and majority the array is computed once
// more, and each worker takes some 64 bytes for each value that it finds in a zone, all together a
// quarter of .memory_limit: zones that may have more values are gone through some at a time, in as
// many further passes (a single zone may take more).
GWT_API gwt_zonal_result *gwt_zonal_with(const gwt_array *values, const gwt_array *zones,
                                         const gwt_zonal_options *options);
#define gwt_zonal(...) _gwt_zonal_args(__VA_ARGS__, ._ = 0)
#define _gwt_zonal_args(values, zones, ...) \
    gwt_zonal_with((values), (zones), &(gwt_zonal_options){ __VA_ARGS__ })

// How many pixels lie in each of `bins` equal intervals of lo..hi: counts[plane][bin]. An interval
// has its lower end, the last one both (numpy.histogram). Others are not counted.
GWT_API bool gwt_histogram_with(const gwt_array *a, double lo, double hi, size_t bins,
                                int64_t *counts, const gwt_statistics_options *options);
#define gwt_histogram(...) _gwt_histogram_args(__VA_ARGS__, ._ = 0)
#define _gwt_histogram_args(a, lo, hi, bins, counts, ...) \
    gwt_histogram_with((a), (lo), (hi), (bins), (counts), &(gwt_statistics_options){ __VA_ARGS__ })

// Percentiles (0 to 100, up to 100 of them) over all valid pixels of a plane (infinite ones are not
// valid): values[plane][i], by linear interpolation; NaN where there is none. Exact, in memory
// that does not grow with the image: the array is computed once for 8 and 16 bits, three times for
// 32, five times for 64.
GWT_API bool gwt_percentiles_with(const gwt_array *a, const double *percentiles, size_t n,
                                  double *values, const gwt_statistics_options *options);
#define gwt_percentiles(...) _gwt_percentiles_of(&(gwt_statistics_options){ __VA_ARGS__, ._ = 0 })
static inline bool _gwt_percentiles_of(const gwt_statistics_options *o)
{
    return gwt_percentiles_with(o->_a, o->_percentiles, o->_n, o->_values, o);
}

// Run fn(0, user) .. fn(n - 1, user) on the session's workers and wait. May be called from inside
// a function that itself runs on a worker: the nested loop runs on the same workers.
typedef void gwt_loop_fn(size_t index, void *user);
GWT_API void gwt_parallel_for(gwt *g, size_t n, gwt_loop_fn *fn, void *user);

// What an action on an array will do. The tiles are those of gwt_compute: 256 x 256.
typedef struct gwt_plan {
    int64_t tiles, pieces;     // of the output, and what they are cut into
    int64_t piece[2];          // rows, columns of a piece
    int programs, steps;       // passes over a piece: fused operations pixel by pixel; and windows,
                               // resampling and kernels
    int instructions;          // of all programs, after merging
    int64_t source_tiles;      // needed of all files; each is decoded once if the cache can hold it
    uint64_t source_bytes;     // of these, as they are stored
    double amplification;      // pixels decoded for each pixel needed
    // Bytes of memory, at most:
    uint64_t bytes_pinned;     // decoded tiles in use
    uint64_t bytes_passes;     // buffers of the passes
    uint64_t bytes_cache;      // decoded tiles that are kept for later
    int num_workers;           // that will work on it
} gwt_plan;

// Nothing is read but directories. MEMORY when the action would not fit into .memory_limit.
GWT_API bool gwt_plan_of(const gwt_array *a, gwt_plan *plan);

// The same in words, and the programs.
GWT_API bool gwt_print_plan(const gwt_array *a, FILE *to);

// ---- profiling -------------------------------------------------------------------------------
// Where the time of the actions between gwt_profile_begin and gwt_profile_end went. Each worker
// stamps what it does itself, into memory of its own: no locks, and next to nothing when off.

typedef enum gwt_stage {
    GWT_STAGE_READ,            // bytes come from a file
    GWT_STAGE_DECODE,          // and become a tile
    GWT_STAGE_COMPUTE,         // a program runs over a piece
    GWT_STAGE_USER,            // a function of yours runs
    GWT_STAGE_ENCODE,          // a tile becomes bytes, and these are summed up for the journal
    GWT_STAGE_WRITE,           // which go to a file
    GWT_STAGE_WAIT_TILE,       // for a tile that another worker loads
    GWT_STAGE_WAIT_WRITER,     // too far ahead of the order of the file
    GWT_STAGE_WAIT_LOCK,
    GWT_STAGE_SCHEDULE         // all else while there is work: finding it, laying it out
} gwt_stage;

// A time that a worker spent in one stage. Those of one worker abut or leave gaps, in which it had
// nothing to do; they never overlap. A stage that another one interrupts is several events.
typedef struct gwt_event {
    gwt_stage stage;
    bool ends;                 // the stage ends with it; false: it goes on after what came between
    int depth;                 // stages of the worker that wait for it: those that it came between
    int worker;
    double start, end;         // seconds since the profile began
    const char *file;          // base name, of reading, decoding, encoding and writing; else NULL
    int64_t tile;              // its number in that file; -1 for pieces
    int64_t row, col, rows, cols;       // of the piece; 0 for tiles
    uint64_t bytes_in, bytes_out;       // of the whole stage, in its last event
} gwt_event;

typedef struct gwt_sample {    // of the whole process
    double time;               // seconds since the profile began
    uint64_t resident;         // bytes of memory
    double cpu;                // percent of one processor, since the sample before
    double read, written;      // bytes a second, by gwt, likewise
    double faults;             // page faults a second, likewise
} gwt_sample;

// What all workers together spent in one operation of the programs that expressions become, or in
// windows, resampling or kernels. An estimate: strips of pixels, some thousand each, are timed as
// often as costs at most 1 %, and count for those between; what looks at more than its own pixel is
// timed whole.
typedef struct gwt_operation {
    char name[32];             // "load", "add", "store", "moving_median", ..
    int kind;                  // the same number for the same name, below GWT_MAX_OPERATIONS
    double time;               // of the sample; seconds since the profile began
    double seconds;            // since the sample before
} gwt_operation;

#define GWT_MAX_OPERATIONS 256

typedef struct gwt_residence { // of a tile in the cache
    const char *file;
    int64_t tile;
    uint64_t bytes;
    double from, to;           // seconds since the profile began
    int64_t hits;              // how often it was asked for when it was there already
} gwt_residence;

typedef struct gwt_profile {
    double seconds;
    int num_workers;
    bool complete;             // false: memory gave out, and there was more
    const char *label;         // "" when none was given
    const char *const *facts;  // those given; NULL: none were
    int num_processors;        // that the process may use
    int64_t chunks[4];         // of the first array that was computed
    const gwt_event *events;   // by worker, then by time
    size_t num_events;
    const gwt_sample *samples;
    size_t num_samples;
    const gwt_operation *operations;    // by time; of all the time where no samples are taken
    size_t num_operations;
    const gwt_residence *residences;    // with .cache, in the order in which they ended
    size_t num_residences;
    // How the first array's first file is compressed, and the first output that was saved; "": none
    // was, or no name is known.
    const char *source_compression, *output_compression;
} gwt_profile;

typedef struct gwt_profile_options {
    int _;
    double resource_dt;        // seconds between samples of memory, CPU, I/O; 0: none are taken
    bool cache;                // note the residences of tiles
    bool no_events;            // keep none, for gwt_watch alone: the profile is empty but for
                               // samples, and no memory grows with the work
    const char *label;         // what the trace says it is of, as in "ndvi of scene.tif"
    // What else the trace is to say of the run: "KEY=VALUE", .., NULL, as in "host=node7". Not
    // copied, but read when a trace is written, so that values may be put there until then.
    const char *const *facts;
} gwt_profile_options;

// Not from inside an action. ARGUMENT when a profile is being taken already; UNSUPPORTED in a build
// with GWT_NO_PROFILE.
GWT_API bool gwt_profile_begin_with(gwt *g, const gwt_profile_options *options);
#define gwt_profile_begin(...) _gwt_profile_begin_args(__VA_ARGS__, ._ = 0)
#define _gwt_profile_begin_args(g, ...) \
    gwt_profile_begin_with((g), &(gwt_profile_options){ __VA_ARGS__ })

// What the workers of this process are doing.
typedef struct gwt_activity {
    int stages[GWT_STAGE_SCHEDULE + 1];     // workers in each
    int idle;                  // those in none
    double read, written;      // bytes since the profile began
    uint64_t resident;         // bytes of memory of the process
} gwt_activity;

// While a profile is taken, from .on_progress or another of your functions that an action calls;
// the worker that calls it is left out, as it does nothing else. False, and all 0, when none is.
GWT_API bool gwt_watch(const gwt *g, gwt_activity *to);

// The profile, valid until gwt_end; NULL when none was begun.
GWT_API const gwt_profile *gwt_profile_end(gwt *g);

// "read", "decode", .., "wait:writer", "schedule".
GWT_API const char *gwt_stage_name(gwt_stage stage);

// Tables of stages and workers, with rates, the cache's hits, and parallel efficiency: the share of
// workers x wall time that was spent working.
GWT_API void gwt_profile_summary(const gwt_profile *p, FILE *to);

// PREFIX_events.csv, PREFIX_resources.csv, PREFIX_cache.csv; units are in the names of columns. Of
// rank 2, PREFIX_rank2_events.csv .. Each is made as FILE.part and replaces what is there, keeping
// its mode. At FILE.part an own regular file goes; a link or another user's file is EXISTS.
GWT_API bool gwt_profile_save_csv(gwt *g, const gwt_profile *p, const char *prefix);

// Chrome's Trace Event format: for Perfetto, and for `gwt visualize`. One process in it for each
// rank of an MPI job, all of which have to call this; rank 0 writes the file, as the tables above.
GWT_API bool gwt_profile_save_trace(gwt *g, const gwt_profile *p, const char *path);

// Whether this build's libtiff can write a compression; and the names of those that it can: the
// first has index 0, NULL comes after the last.
GWT_API bool gwt_can_compress(const char *name);
GWT_API const char *gwt_compression_name(size_t index);

#ifdef __cplusplus
}
#endif

#endif  // GWT_H
//
// Stop here if you only need the API.

#ifdef GWT_IMPLEMENTATION
#ifndef GWT_IMPLEMENTED
#define GWT_IMPLEMENTED

// >>base --------------------------------------------------------------------------------------
// Configuration, memory, sizes, strings, errors, sample types.

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>
#include <zlib.h>
#ifdef GWT_MPI
#include <mpi.h>
#endif

#if TIFFLIB_VERSION < 20191103
#error "gwt.h needs libtiff 4.1 or later"
#endif

#ifdef __cplusplus
#error "the implementation of gwt.h is C11: compile it in a file of its own, as C; its \
declarations are C++ as well"
#endif

// Where a compiler does not say that it was told so, as clang, gwt_begin finds out.
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) \
    || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__)
#error "gwt.h marks missing pixels with NaN, and computes the same bits everywhere: compile its \
implementation without -ffast-math, -funsafe-math-optimizations, and what they stand for"
#endif

// Float in double, 1, gives the same pixels: float32 computes what double gives the same bits of.
#if (FLT_EVAL_METHOD < 0 || (FLT_EVAL_METHOD > 1 && FLT_EVAL_METHOD != 16)) \
    && !defined(GWT_EXCESS_PRECISION)
#error "here double is computed with more bits than it has, as x87 does: compile gwt.h with \
-msse2 -mfpmath=sse, or define GWT_EXCESS_PRECISION to have pixels that differ in the last bits"
#endif

// No multiplication and addition here becomes a fused one, which rounds once instead of twice: the
// same pixels on processors with and without. gcc does it but under -std=c11, clang where no pragma
// forbids. What follows the implementation is compiled as before.
#if defined(__clang__) || !defined(__GNUC__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__FP_FAST_FMA) || defined(__FP_FAST_FMAF)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#endif

#ifndef GWT_MALLOC
#define GWT_MALLOC(size) malloc(size)
#define GWT_REALLOC(p, size) realloc(p, size)
#define GWT_FREE(p) free(p)
#endif

#define _GWT_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define _GWT_MAX_WORKERS 256
#define _GWT_MAX_CHUNK (1 << 20)
#define _GWT_MAX_BANDS 65535    // SamplesPerPixel is 16 bits wide
#define _GWT_CACHE_LINE 64
#define _GWT_PI 3.14159265358979323846

// A sanitizer is not begun yet when the loader picks one of several functions.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define _GWT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) \
    || __has_feature(memory_sanitizer)
#define _GWT_SANITIZED 1
#endif
#endif

// Loops over pixels are compiled twice, for processors with and without AVX2, and the loader picks:
// the same operations on four lanes instead of two, none of them fused, so the same bits.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__has_attribute) && !defined(GWT_PLAIN) \
    && !defined(_GWT_SANITIZED) && defined(__OPTIMIZE__) \
    && !defined(__AVX2__)
#if __has_attribute(target_clones)
#define _GWT_LOOP __attribute__((target_clones("avx2", "default")))
#endif
#endif
#ifndef _GWT_LOOP
#define _GWT_LOOP
#endif

// The same with gcc only: clang's take more text, of which there is a bar (make weigh).
#if defined(__clang__)
#define _GWT_LOOP_GCC
#else
#define _GWT_LOOP_GCC _GWT_LOOP
#endif

// Before a loop that becomes one of vectors. clang makes four of a turn; one is as fast where all
// is in the first-level cache, and a third of the text.
#if defined(__clang__)
#define _GWT_ONE_BY_ONE _Pragma("clang loop interleave_count(1) unroll(disable)")
#elif defined(__GNUC__) && __GNUC__ >= 8
#define _GWT_ONE_BY_ONE _Pragma("GCC unroll 1")
#else
#define _GWT_ONE_BY_ONE
#endif

// Before a loop that stores only behind what it loads: compilers need not look for an overlap.
#if defined(__clang__)
#define _GWT_BEHIND _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define _GWT_BEHIND _Pragma("GCC ivdep")
#else
#define _GWT_BEHIND
#endif

// For all pixels of a strip.
#define _GWT_EACH _GWT_ONE_BY_ONE for (size_t i = 0; i < n; i++)

// What runs for each pixel stands between _GWT_FOR_SPEED and _GWT_FOR_SIZE and is compiled as the
// caller asks for. The rest, nine tenths of the lines, runs for each tile, file or call: compiled
// for size it takes half the text and half the time to compile. A function for size that is called
// for each pixel would be felt: gcc does not inline it into one for speed. Cold as well, as clang
// aligns to 16 bytes what is only for size.
#if defined(__clang__) && defined(__OPTIMIZE__)
#define _GWT_FOR_SIZE \
    _Pragma("clang attribute push(__attribute__((minsize)), apply_to = function)") \
    _Pragma("clang attribute push(__attribute__((cold)), apply_to = function)")
#define _GWT_FOR_SPEED _Pragma("clang attribute pop") _Pragma("clang attribute pop")
#elif defined(__GNUC__) && defined(__OPTIMIZE__)
#define _GWT_FOR_SIZE _Pragma("GCC push_options") _Pragma("GCC optimize(\"Os\")")
#define _GWT_FOR_SPEED _Pragma("GCC pop_options")
#else
#define _GWT_FOR_SIZE
#define _GWT_FOR_SPEED
#endif

// Loops over pixels, and loops elsewhere, of which clang's vectors are larger and no faster.
#if defined(__clang__)
#define _GWT_SMALL __attribute__((minsize))
#define _GWT_SINGLY _Pragma("clang loop vectorize(disable) unroll(disable)")
#else
#define _GWT_SMALL
#define _GWT_SINGLY
#endif

// For what many functions call and clang would inline into each, though those are for size.
#if defined(__GNUC__)
#define _GWT_CALLED __attribute__((noinline))
#else
#define _GWT_CALLED
#endif

// Copies n bytes, which may be many, in functions for size: there gcc makes an instruction of
// memcpy that is slow on some processors.
_GWT_CALLED static void _gwt_copy_bytes(void *restrict to, const void *restrict from, size_t n)
{
    memcpy(to, from, n);
}

static int64_t _gwt_min64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t _gwt_max64(int64_t a, int64_t b) { return a > b ? a : b; }

// For b > 0.
static int64_t _gwt_ceil_div(int64_t a, int64_t b) { return a / b + (a % b > 0); }

static bool _gwt_mul_size(uint64_t a, uint64_t b, uint64_t *product)
{
    if (a != 0 && b > UINT64_MAX / a) return false;
    *product = a * b;
    return true;
}

// a * b * c * d, or false when that is more than memory can be addressed with.
static bool _gwt_mul4(uint64_t a, uint64_t b, uint64_t c, uint64_t d, size_t *product)
{
    uint64_t p;
    if (!_gwt_mul_size(a, b, &p) || !_gwt_mul_size(p, c, &p) || !_gwt_mul_size(p, d, &p))
        return false;
    if (p > PTRDIFF_MAX) return false;
    *product = (size_t)p;
    return true;
}

_GWT_FOR_SIZE

// Capacity for `more` elements of `size` bytes behind those that a list has used; it doubles at
// least. False when there is no memory: all is as it was then. `list` points to a pointer.
static bool _gwt_list_grow(void *list, size_t used, size_t more, size_t *capacity, size_t size)
{
    void *p;
    size_t bytes, wanted = *capacity > 32 ? 2 * *capacity : 64;
    if (more <= *capacity - used) return true;
    if (*capacity > SIZE_MAX / 2 || more > SIZE_MAX - used) return false;
    if (wanted < used + more) wanted = used + more;
    if (!_gwt_mul4(wanted, size, 1, 1, &bytes)) return false;
    memcpy(&p, list, sizeof p);
    p = GWT_REALLOC(p, bytes);
    if (!p) return false;
    memcpy(list, &p, sizeof p);
    *capacity = wanted;
    return true;
}

// Names of what there is to choose from are the same in capitals: of ASCII, whatever the locale.
static bool _gwt_same_name(const char *a, const char *b)
{
    for (;; a++, b++) {
        int x = *a >= 'A' && *a <= 'Z' ? *a - 'A' + 'a' : *a;
        int y = *b >= 'A' && *b <= 'Z' ? *b - 'A' + 'a' : *b;
        if (x != y) return false;
        if (!x) return true;
    }
}

// ---- sample types

static const struct {
    const char *name;
    size_t size;
    bool integer;
    double lo, hi;
} _gwt_dtypes[] = {
    [GWT_DTYPE_NONE] = { "none", 0, false, 0, 0 },
    [GWT_UINT8] = { "uint8", 1, true, 0, 255 },
    [GWT_INT8] = { "int8", 1, true, -128, 127 },
    [GWT_UINT16] = { "uint16", 2, true, 0, 65535 },
    [GWT_INT16] = { "int16", 2, true, -32768, 32767 },
    [GWT_UINT32] = { "uint32", 4, true, 0, 4294967295.0 },
    [GWT_INT32] = { "int32", 4, true, -2147483648.0, 2147483647.0 },
    // The upper ends are the nearest doubles, one above the largest value; stores saturate there.
    [GWT_UINT64] = { "uint64", 8, true, 0, 0x1p64 },
    [GWT_INT64] = { "int64", 8, true, -0x1p63, 0x1p63 },
    [GWT_FLOAT32] = { "float32", 4, false, 0, 0 },
    [GWT_FLOAT64] = { "float64", 8, false, 0, 0 },
};

static bool _gwt_dtype_valid(gwt_dtype t) { return t > GWT_DTYPE_NONE && t <= GWT_FLOAT64; }
static bool _gwt_dtype_integer(gwt_dtype t) { return _gwt_dtypes[t].integer; }

_GWT_CALLED size_t gwt_dtype_size(gwt_dtype t)
{
    return _gwt_dtype_valid(t) ? _gwt_dtypes[t].size : 0;
}

_GWT_CALLED const char *gwt_dtype_name(gwt_dtype t)
{
    return _gwt_dtypes[_gwt_dtype_valid(t) ? t : 0].name;
}

gwt_dtype gwt_dtype_from_name(const char *name)
{
    for (int t = GWT_UINT8; name && t <= GWT_FLOAT64; t++)
        if (_gwt_same_name(name, _gwt_dtypes[t].name)) return (gwt_dtype)t;
    return GWT_DTYPE_NONE;
}

// Whether a type can hold a value as it is (floats hold every value, rounded).
static bool _gwt_dtype_holds(gwt_dtype t, double v)
{
    if (!_gwt_dtype_integer(t)) return true;
    double hi = _gwt_dtypes[t].hi;      // of 64 bits it is none of its values
    return v >= _gwt_dtypes[t].lo && (hi >= 0x1p63 ? v < hi : v <= hi) && v == floor(v);
}

// Whether every value of type `inner` is a value of type `outer`.
static bool _gwt_dtype_contains(gwt_dtype outer, gwt_dtype inner)
{
    if (outer == inner) return true;
    if (!_gwt_dtype_integer(outer) && _gwt_dtype_integer(inner))
        return gwt_dtype_size(inner) < gwt_dtype_size(outer);   // 24 and 53 bits have place for it
    if (!_gwt_dtype_integer(inner)) return outer == GWT_FLOAT64;
    return _gwt_dtypes[inner].lo >= _gwt_dtypes[outer].lo
        && _gwt_dtypes[inner].hi <= _gwt_dtypes[outer].hi;
}

// The integer that a double in the range of 64 bits is, modulo 2^64.
_GWT_CALLED static uint64_t _gwt_wide(double v)
{
    return v < 0 ? (uint64_t)(int64_t)v : v < 0x1p64 ? (uint64_t)v : 0;
}

// The double that is nearest to it, of an int64 or a uint64; and what that leaves, -1024..1024:
// doubles have 53 bits.
static double _gwt_near_wide(uint64_t bits, bool negatives)
{
    return negatives ? (double)(int64_t)bits : (double)bits;
}

static double _gwt_rest_wide(uint64_t bits, double near)
{
    return (double)(int64_t)(bits - _gwt_wide(near));
}

static gwt_optional _gwt_some_wide(double nearest, uint64_t bits)
{
    gwt_optional o = gwt_some(nearest);
    o.rest = (int)_gwt_rest_wide(bits, nearest);
    return o;
}

gwt_optional gwt_some_int64(int64_t value)
{
    return _gwt_some_wide((double)value, (uint64_t)value);
}

gwt_optional gwt_some_uint64(uint64_t value) { return _gwt_some_wide((double)value, value); }

// The same to the last bit: NaN is NaN.
static bool _gwt_optional_same(gwt_optional a, gwt_optional b)
{
    return a.set == b.set
        && (!a.set || (a.rest == b.rest && !memcmp(&a.value, &b.value, sizeof a.value)));
}

// The bytes of an integer of 1, 2, 4 or 8, in the low addresses of *raw.
static void _gwt_raw_integer(size_t size, uint64_t value, uint64_t *raw)
{
    uint8_t b1 = (uint8_t)value;
    uint16_t b2 = (uint16_t)value;
    uint32_t b4 = (uint32_t)value;
    switch (size) {
    case 1: memcpy(raw, &b1, 1); break;
    case 2: memcpy(raw, &b2, 2); break;
    case 4: memcpy(raw, &b4, 4); break;
    default: *raw = value;
    }
}

// The bytes of a value in a type, in the low addresses of *raw; false (and 0) when the type can't
// hold it. 64-bit integers are v + rest; their upper end, which no double is, saturates.
static bool _gwt_raw(gwt_dtype t, double v, int rest, uint64_t *raw)
{
    bool wide = t == GWT_INT64 || t == GWT_UINT64;
    *raw = 0;
    if (!_gwt_dtype_holds(t, v) && !(wide && v == _gwt_dtypes[t].hi)) return false;
    if (t == GWT_FLOAT64) memcpy(raw, &v, sizeof v);
    else if (t == GWT_FLOAT32) memcpy(raw, &(float){ (float)v }, sizeof(float));
    else if (!wide) _gwt_raw_integer(_gwt_dtypes[t].size, _gwt_wide(v), raw);
    else if (rest < 0 || v < _gwt_dtypes[t].hi) *raw = _gwt_wide(v) + (uint64_t)(int64_t)rest;
    else if (rest > 0) return false;
    else *raw = t == GWT_INT64 ? INT64_MAX : UINT64_MAX;
    return true;
}

static bool _gwt_raw_of(gwt_dtype t, gwt_optional o, uint64_t *raw)
{
    return _gwt_raw(t, o.value, o.rest, raw);
}

static bool _gwt_dtype_holds_it(gwt_dtype t, gwt_optional o)
{
    uint64_t raw;
    return _gwt_raw_of(t, o, &raw);
}

// ---- texts that others wrote

// Bytes of the UTF-8 character that begins here; 0: there is none.
static int _gwt_utf8(const char *s)
{
    unsigned char c = (unsigned char)*s;
    int n = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
    for (int i = 1; i < n; i++)
        if (((unsigned char)s[i] & 0xC0) != 0x80) return 0;
    unsigned char d = n > 1 ? (unsigned char)s[1] : 0;
    bool bad = (c == 0xE0 && d < 0xA0) || (c == 0xED && d > 0x9F) || (c == 0xF0 && d < 0x90)
            || (c == 0xF4 && d > 0x8F);
    return bad ? 0 : n;
}

// The code point of a character of n bytes.
static uint32_t _gwt_code_point(const char *s, int n)
{
    uint32_t c = (unsigned char)*s & (n > 1 ? 0x7Fu >> n : 0x7Fu);
    for (int i = 1; i < n; i++) c = c << 6 | ((unsigned char)s[i] & 0x3F);
    return c;
}

// C0, DEL and C1; the marks, embeddings, overrides and isolates of direction; the separators of
// lines and paragraphs, which stand before the embeddings.
static bool _gwt_steers(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x61C || c == 0x200E || c == 0x200F
        || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

size_t gwt_escape(const char *text, char shown[8])
{
    shown[0] = 0;
    if (!text || !*text) return 0;
    int n = _gwt_utf8(text);
    uint32_t c = n ? _gwt_code_point(text, n) : (unsigned char)*text;
    if (n && !_gwt_steers(c)) snprintf(shown, 8, "%.*s", n, text);
    else snprintf(shown, 8, n > 1 ? "\\u%04x" : "\\x%02x", (unsigned)(c & 0xFFFF));
    return n ? (size_t)n : 1;
}

// A whole text, cut where `to` is full. A character `but` stays as it is.
static const char *_gwt_escape_all(char *to, size_t size, const char *text, char but)
{
    char shown[8];
    size_t used = 0;
    for (size_t n; (n = gwt_escape(text, shown)) > 0; text += n) {
        if (but && *text == but) snprintf(shown, sizeof shown, "%c", but);
        size_t more = strlen(shown);
        if (used + more >= size) break;
        memcpy(to + used, shown, more);
        used += more;
    }
    to[used] = 0;
    return to;
}

// What XML 1.0 can hold (its section 2.2): no control characters but tab and line ends, no halves
// of a pair, and nothing that is no UTF-8.
static bool _gwt_xml_char(const char *s, int n)
{
    uint32_t c = n ? _gwt_code_point(s, n) : 0;
    return (c >= 0x20 || (c && strchr("\t\n\r", (int)c))) && c != 0xFFFE && c != 0xFFFF;
}

// Names as one text for messages: "blue, green, red", cut when long.
static const char *_gwt_join_names(char *to, size_t size, const char *const *names, int64_t n)
{
    size_t used = 0;
    to[0] = 0;
    for (int64_t i = 0; i < n; i++) {
        int more = snprintf(to + used, size - used, "%s%s", i ? ", " : "", names[i]);
        if (more < 0 || (size_t)more >= size - used) {
            snprintf(to + size - 4, 4, "...");
            break;
        }
        used += (size_t)more;
    }
    return to;
}

static const char *_gwt_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int64_t _gwt_count_strings(const char *const *list)
{
    int64_t n = 0;
    while (list && list[n]) n++;
    return n;
}

static void _gwt_put_text(FILE *to, const char *text)
{
    char shown[8];
    for (size_t n; (n = gwt_escape(text, shown)) > 0; text += n) fputs(shown, to);
}

// A buffer that grows.
typedef struct _gwt_bytes { char *data; size_t used, capacity; } _gwt_bytes;

// Where n more can be put. NULL: there is no memory for them, and nothing has changed.
static char *_gwt_bytes_room(_gwt_bytes *b, size_t n)
{
    if (!b->data || b->capacity - b->used < n) {
        size_t capacity = b->used + n + (b->used + n) / 4 + 1024;
        char *data = capacity > n ? GWT_REALLOC(b->data, capacity) : NULL;
        if (!data) return NULL;
        b->data = data;
        b->capacity = capacity;
    }
    return b->data + b->used;
}

// n more, which are `from` or zeros: where they are until the next call. NULL: as above.
static char *_gwt_bytes_add(_gwt_bytes *b, const void *from, size_t n)
{
    char *to = _gwt_bytes_room(b, n);
    if (!to) return NULL;
    b->used += n;
    if (from) _gwt_copy_bytes(to, from, n);
    else memset(to, 0, n);
    return to;
}

// >>os ----------------------------------------------------------------------------------------
// All that is not C11, but for threads: no other room includes a header of the system, or knows a
// name of one. What is here is what gwt needs of a system, in words that any system can fill.
//
//   - A result below zero is an error: minus the system's number of it. _gwt_os_error tells it in
//     words.
//   - A file is a number; below zero (so an error, too) it is none.

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

#if defined(__GLIBC__) && !defined(__USE_XOPEN2K8)
#error "gwt.h needs POSIX: include it before other headers here, or add -D_XOPEN_SOURCE=700"
#endif

_Static_assert(sizeof(off_t) >= 8, "gwt.h needs file offsets of 64 bits: -D_FILE_OFFSET_BITS=64");

#ifndef O_CLOEXEC
#define O_CLOEXEC 0
#endif
#ifndef O_NOFOLLOW
#define O_NOFOLLOW 0
#endif

// ---- locale: numbers have a point, whatever the program's locale says

typedef struct _gwt_os_locale { locale_t c, before; } _gwt_os_locale;

// Of this thread, until _gwt_os_locale_end.
static _gwt_os_locale _gwt_os_locale_begin(void)
{
    _gwt_os_locale l = { .c = newlocale(LC_ALL_MASK, "C", (locale_t)0) };
    if (l.c) l.before = uselocale(l.c);
    return l;
}

static void _gwt_os_locale_end(_gwt_os_locale l)
{
    if (!l.c) return;
    uselocale(l.before);
    freelocale(l.c);
}

// ---- numbers as text

static void _gwt_os_print_va(char *to, size_t size, const char *format, va_list args)
{
    _gwt_os_locale c = _gwt_os_locale_begin();
    vsnprintf(to, size, format, args);
    _gwt_os_locale_end(c);
}

GWT_PRINTF(3, 4)
static const char *_gwt_os_print(char *to, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    _gwt_os_print_va(to, size, format, args);
    va_end(args);
    return to;
}

static double _gwt_os_strtod(const char *text, char **end)
{
    _gwt_os_locale c = _gwt_os_locale_begin();
    double v = strtod(text, end);
    _gwt_os_locale_end(c);
    return v;
}

// Shortest text that reads back as the same double: "0.1", "30", "nan", "-inf".
static const char *_gwt_os_double_text(char *to, size_t size, double v)
{
    if (isnan(v)) return snprintf(to, size, "nan"), to;
    _gwt_os_locale c = _gwt_os_locale_begin();
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(to, size, "%.*g", digits, v);
        if (strtod(to, NULL) == v) break;
    }
    _gwt_os_locale_end(c);
    return to;
}

// ---- errors

// Those that mean something to a caller.
enum {
    _GWT_OS_ABSENT = -ENOENT,           // nothing has that name,
    _GWT_OS_NO_FOLDER = -ENOTDIR,       // nor can have: what should be a folder is a file
    _GWT_OS_EXISTS = -EEXIST,
    _GWT_OS_BUSY = -EWOULDBLOCK,        // somebody has it locked
    _GWT_OS_MANY = -EMFILE,             // files are open: this process may have no more
    _GWT_OS_FAILED = -EIO
};

enum { _GWT_OS_TEXT = 128 };
#define _GWT_OS_ERROR(error) _gwt_os_error_text((int)(error), (char[_GWT_OS_TEXT]){ "" })

// There are two strerror_r: POSIX's gives an int, glibc's the text, which need not be in `to`.
static const char *_gwt_os_error_gnu(const char *text, char *to) { return (void)to, text; }
static const char *_gwt_os_error_posix(int failed, char *to) { return failed ? "" : to; }

// An error in words, in English; `to` has place for _GWT_OS_TEXT bytes.
static const char *_gwt_os_error_text(int error, char *to)
{
    _gwt_os_locale l = _gwt_os_locale_begin();
    const char *text = _Generic(strerror_r(0, to, 0), int: _gwt_os_error_posix,
                                default: _gwt_os_error_gnu)
                               (strerror_r(-error, to, _GWT_OS_TEXT), to);
    _gwt_os_locale_end(l);
    if (!*text) snprintf(to, _GWT_OS_TEXT, "error %d", -error);
    return *text ? text : to;
}

static int _gwt_os_result(int result) { return result < 0 ? -errno : result; }

// Whether a call has to be made again: a signal came, and that was all.
static bool _gwt_os_again(int result) { return result < 0 && errno == EINTR; }

// ---- files

typedef int _gwt_os_file;

typedef struct _gwt_os_time { int64_t s, ns; } _gwt_os_time;     // since 1970

// What is known of a file without reading it.
typedef struct _gwt_os_facts {
    bool is_file, is_link;      // else a folder, a pipe, ..
    bool is_own;                // of the user that runs this process
    bool has_other_names;       // hard links
    int mode;                   // who may read and write it, as chmod has it
    uint64_t size;
    uint64_t device, number;    // these two together are the identity of a file
    _gwt_os_time modified, changed;     // its content; its content or what is known of it
} _gwt_os_facts;

static _gwt_os_facts _gwt_os_facts_of(const struct stat *st)
{
#ifdef __APPLE__
    const struct timespec *m = &st->st_mtimespec, *c = &st->st_ctimespec;
#else
    const struct timespec *m = &st->st_mtim, *c = &st->st_ctim;
#endif
    return (_gwt_os_facts){ .is_file = S_ISREG(st->st_mode),
                            .is_link = S_ISLNK(st->st_mode),
                            .is_own = st->st_uid == geteuid(),
                            .has_other_names = st->st_nlink > 1,
                            .mode = (int)(st->st_mode & 0777),
                            .size = (uint64_t)st->st_size,
                            .device = (uint64_t)st->st_dev,
                            .number = (uint64_t)st->st_ino,
                            .modified = { (int64_t)m->tv_sec, (int64_t)m->tv_nsec },
                            .changed = { (int64_t)c->tv_sec, (int64_t)c->tv_nsec } };
}

// Of an open file.
static int _gwt_os_ask(_gwt_os_file file, _gwt_os_facts *facts)
{
    struct stat st;
    int error = _gwt_os_result(fstat(file, &st));
    if (!error) *facts = _gwt_os_facts_of(&st);
    return error;
}

// Of what has a name; of a link itself, or (follow) of what it leads to.
static int _gwt_os_look(const char *path, bool follow, _gwt_os_facts *facts)
{
    struct stat st;
    int error = _gwt_os_result(follow ? stat(path, &st) : lstat(path, &st));
    if (!error) *facts = _gwt_os_facts_of(&st);
    return error;
}

static bool _gwt_os_same_file(const _gwt_os_facts *a, const _gwt_os_facts *b)
{
    return a->device == b->device && a->number == b->number;
}

// Whether an open file still has that name.
static bool _gwt_os_is_named(_gwt_os_file file, const char *path)
{
    _gwt_os_facts ours, there;
    return !_gwt_os_ask(file, &ours) && !_gwt_os_look(path, false, &there)
        && _gwt_os_same_file(&ours, &there);
}

static bool _gwt_os_same_time(_gwt_os_time a, _gwt_os_time b) { return a.s == b.s && a.ns == b.ns; }

// The same file with the same content, as far as the system's clock can tell.
static bool _gwt_os_unchanged(const _gwt_os_facts *a, const _gwt_os_facts *b)
{
    return _gwt_os_same_file(a, b) && a->size == b->size
        && _gwt_os_same_time(a->modified, b->modified) && _gwt_os_same_time(a->changed, b->changed);
}

// Why a file is not to be trusted or written to, in words; NULL: nobody but this user has made it,
// and it has no other name by which it is something else.
static const char *_gwt_os_strange(const _gwt_os_facts *f)
{
    return f->is_link         ? "is a link"
         : !f->is_file        ? "is not a regular file"
         : !f->is_own         ? "is a file of another user"
         : f->has_other_names ? "has another name, too"
                              : NULL;
}

// open; what is executed later does not inherit the file.
static _gwt_os_file _gwt_os_open_as(const char *path, int flags, mode_t mode)
{
    int file;
    do file = open(path, flags | O_CLOEXEC, mode);
    while (_gwt_os_again(file));
    return _gwt_os_result(file);
}

// Let this process have as many files open as it is allowed to have: often more than it is given at
// first. It changes the whole process, so only a caller who asked for it gets it.
static void _gwt_os_raise_open_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files)) return;
    rlim_t given = files.rlim_cur;
    files.rlim_cur = files.rlim_max;
#ifdef OPEN_MAX
    if (files.rlim_cur > OPEN_MAX) files.rlim_cur = OPEN_MAX;   // all that macOS accepts
#endif
    if (files.rlim_cur > given) setrlimit(RLIMIT_NOFILE, &files);
}

// How many files this process may have open at once, all in all.
static uint64_t _gwt_os_most_files(void)
{
    struct rlimit files;
    return getrlimit(RLIMIT_NOFILE, &files) ? 64 : (uint64_t)files.rlim_cur;
}

typedef enum _gwt_os_access {
    _GWT_OS_READ = 0,
    _GWT_OS_WRITE = 1,          // and read
    _GWT_OS_NO_LINK = 2         // or: what the name leads to is not followed, an error
} _gwt_os_access;

// What is there. Opening a pipe that nobody writes to does not wait.
static _gwt_os_file _gwt_os_open(const char *path, int access)
{
    return _gwt_os_open_as(path, O_NONBLOCK | (access & _GWT_OS_WRITE ? O_RDWR : O_RDONLY)
                                     | (access & _GWT_OS_NO_LINK ? O_NOFOLLOW : 0), 0);
}

// What was not there: never a file or a link that somebody else has put at that name. A private one
// is nobody else's to read.
static _gwt_os_file _gwt_os_create(const char *path, bool is_private)
{
    return _gwt_os_open_as(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, is_private ? 0600 : 0666);
}

static void _gwt_os_close(_gwt_os_file file)
{
    if (file >= 0) close(file);
}

// All n bytes, in as many calls as the system needs: how many there were. Reads if there is a `to`.
static int64_t _gwt_os_transfer(_gwt_os_file file, char *to, const char *from, uint64_t n,
                                uint64_t at)
{
    uint64_t done = 0;
    while (done < n) {
        size_t some = n - done > (1 << 30) ? (size_t)1 << 30 : (size_t)(n - done);
        off_t where = (off_t)(at + done);
        ssize_t r = to ? pread(file, to + done, some, where)
                       : pwrite(file, from + done, some, where);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) return -errno;
        if (r == 0) break;
        done += (uint64_t)r;
    }
    return (int64_t)done;
}

// Fewer than n: the file ends there.
static int64_t _gwt_os_read(_gwt_os_file file, void *to, uint64_t n, uint64_t at)
{
    return _gwt_os_transfer(file, to, NULL, n, at);
}

// Fewer than n: the system takes no more, and says nothing of it.
static int64_t _gwt_os_write(_gwt_os_file file, const void *from, uint64_t n, uint64_t at)
{
    return _gwt_os_transfer(file, NULL, from, n, at);
}

static int _gwt_os_cut(_gwt_os_file file, uint64_t size)
{
    int result;
    do result = ftruncate(file, (off_t)size);
    while (_gwt_os_again(result));
    return _gwt_os_result(result);
}

// Ask the system to begin writing n bytes to the disk, so that the sync at the end finds little to
// wait for. Advice: where it is unknown, the sync just takes longer.
static void _gwt_os_push(_gwt_os_file file, uint64_t at, uint64_t n)
{
#ifdef POSIX_FADV_DONTNEED
    posix_fadvise(file, (off_t)at, (off_t)n, POSIX_FADV_DONTNEED);
#else
    (void)file, (void)at, (void)n;
#endif
}

// To the disk itself: Apple's fsync ends at its cache. Not every file system there can do more.
static int _gwt_os_sync(_gwt_os_file file)
{
#ifdef F_FULLFSYNC
    if (fcntl(file, F_FULLFSYNC) != -1) return 0;
#endif
    int result;
    do result = fsync(file);
    while (_gwt_os_again(result));
    return _gwt_os_result(result);
}

// The folder a file is in: a new name must survive a power cut, too. That a folder can't be synced
// is no error.
static void _gwt_os_sync_folder(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) + (slash == path) : 0;
    if (n >= sizeof folder) return;
    memcpy(folder, path, n);
    folder[n] = 0;
    _gwt_os_file file = _gwt_os_open(n ? folder : ".", _GWT_OS_READ);
    if (file >= 0) _gwt_os_sync(file);
    _gwt_os_close(file);
}

// Over what has that name.
static int _gwt_os_rename(const char *from, const char *to)
{
    return _gwt_os_result(rename(from, to));
}

// A name; a link goes itself. One that is gone already is no error.
static int _gwt_os_remove(const char *path)
{
    int error = _gwt_os_result(unlink(path));
    return error == _GWT_OS_ABSENT ? 0 : error;
}

// Some file systems have one mode for all files, and refuse another.
static int _gwt_os_set_mode(_gwt_os_file file, int mode)
{
    _gwt_os_facts facts;
    int error = _gwt_os_result(fchmod(file, (mode_t)(mode & 0777)));
    return error && !_gwt_os_ask(file, &facts) && facts.mode == (mode & 0777) ? 0 : error;
}

// For as long as it is open, by nobody else: 0 or _GWT_OS_BUSY. File systems without locks tell
// nothing; that is not to say that somebody holds one.
static int _gwt_os_lock(_gwt_os_file file)
{
    return flock(file, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK ? _GWT_OS_BUSY : 0;
}

// From the root on, without links, to be given back by free; NULL: it has no such name.
static char *_gwt_os_whole_path(const char *path) { return realpath(path, NULL); }

// As a stream of stdio, which from then on owns the file; NULL: it does not.
static FILE *_gwt_os_stream(_gwt_os_file file) { return fdopen(file, "w"); }

// Whether all that was written to it has gone where it should.
static int _gwt_os_stream_close(FILE *f)
{
    bool failed = ferror(f);
    int error = _gwt_os_result(fclose(f));
    return failed && !error ? _GWT_OS_FAILED : error;
}

static bool _gwt_os_is_terminal(FILE *f) { return isatty(fileno(f)); }

// ---- time

// By a clock that only goes forward; on the wall, by one that machines share more or less, and that
// may be set.
static _gwt_os_time _gwt_os_clock(bool on_the_wall)
{
    struct timespec t;
    clock_gettime(on_the_wall ? CLOCK_REALTIME : CLOCK_MONOTONIC, &t);
    return (_gwt_os_time){ (int64_t)t.tv_sec, (int64_t)t.tv_nsec };
}

// Seconds by the first of these.
static double _gwt_os_now(void)
{
    _gwt_os_time t = _gwt_os_clock(false);
    return (double)t.s + 1e-9 * (double)t.ns;
}

#ifdef GWT_MPI
// Less than a second.
static void _gwt_os_sleep(long ns) { nanosleep(&(struct timespec){ 0, ns }, NULL); }

static uint64_t _gwt_os_page(void) { return (uint64_t)sysconf(_SC_PAGESIZE); }
static uint64_t _gwt_os_process(void) { return (uint64_t)getpid(); }

// A stream to memory: when it is closed, *text are its *bytes and a zero, to be given back by free.
static FILE *_gwt_os_text_stream(char **text, size_t *bytes) { return open_memstream(text, bytes); }
#endif

// ---- the machine, and what this process may have of it

#ifndef _GWT_SYSTEM_ROOT
#define _GWT_SYSTEM_ROOT ""     // a test has a /proc and a /sys of its own
#endif

// A limit of cgroups, in version 1 and 2: the files that have it, as a number, or as a quota of
// time and the period in which it may be used, in two files or in one.
typedef struct _gwt_os_limit {
    const char *controller;     // of version 1
    const char *v1[2], *v2[2];
} _gwt_os_limit;

static const _gwt_os_limit _gwt_os_memory_limit = {
    "memory", { "memory.limit_in_bytes" }, { "memory.max" }
};
static const _gwt_os_limit _gwt_os_time_limit = {
    "cpu", { "cpu.cfs_quota_us", "cpu.cfs_period_us" }, { "cpu.max" }
};

// What the files of one cgroup say; infinite: nothing, as "max", which is no number, or -1.
static double _gwt_os_group_says(const char *folder, int n, const char *path,
                                 const char *const files[2])
{
    char name[4096];
    double number[2] = { INFINITY, 1 };
    for (int i = 0; i < 2 && files[i]; i++) {
        int wrote = snprintf(name, sizeof name, "%s%s%.*s/%s", _GWT_SYSTEM_ROOT, folder, n, path,
                             files[i]);
        FILE *f = wrote < (int)sizeof name ? fopen(name, "r") : NULL;
        int got = f ? fscanf(f, "%lf %lf", &number[i], &number[1]) : 0;
        if (f) fclose(f);
        if (got < 1) return INFINITY;
    }
    return number[0] > 0 && number[1] > 0 ? number[0] / number[1] : INFINITY;
}

// The least limit of a cgroup and of those it is in: FOLDER/PATH, and so on up to FOLDER. In a
// container the path may be the host's, and files be there only in the last of these.
static double _gwt_os_group_limit(const char *folder, const char *path,
                                  const char *const files[2])
{
    double least = INFINITY;
    for (size_t n = strlen(path);;) {
        least = fmin(least, _gwt_os_group_says(folder, (int)n, path, files));
        if (n == 0) return least;
        while (n > 0 && path[--n] != '/') {}
    }
}

// Whether a list "cpu,cpuacct" of /proc/self/cgroup, between colons, has a name.
static bool _gwt_os_has_controller(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *c = list; *c; c += strcspn(c, ","), c += *c == ',')
        if (!strncmp(c, name, n) && (c[n] == ',' || !c[n])) return true;
    return false;
}

// Of this process: a line "0::PATH" for version 2, "4:cpu,memory:PATH" for version 1, which has a
// folder for each controller, called as it is or as its list is.
static double _gwt_os_groups_limit(const _gwt_os_limit *limit)
{
    char line[4096], folder[128];
    double least = INFINITY;
    snprintf(line, sizeof line, "%s/proc/self/cgroup", _GWT_SYSTEM_ROOT);
    FILE *f = fopen(line, "r");
    while (f && fgets(line, sizeof line, f)) {
        char *list = strchr(line, ':');
        char *path = list ? strchr(++list, ':') : NULL;
        if (!path) continue;
        *path++ = 0;
        path[strcspn(path, "\n")] = 0;
        if (!*list) {
            least = fmin(least, _gwt_os_group_limit("/sys/fs/cgroup", path, limit->v2));
            least = fmin(least, _gwt_os_group_limit("/sys/fs/cgroup/unified", path, limit->v2));
        } else if (_gwt_os_has_controller(list, limit->controller)) {
            snprintf(folder, sizeof folder, "/sys/fs/cgroup/%s", limit->controller);
            least = fmin(least, _gwt_os_group_limit(folder, path, limit->v1));
            snprintf(folder, sizeof folder, "/sys/fs/cgroup/%s", list);
            least = fmin(least, _gwt_os_group_limit(folder, path, limit->v1));
        }
    }
    if (f) fclose(f);
    return least;
}

// Processors that this process is allowed on, taskset's: as Linux tells, a mask in hexadecimal.
// sched_getaffinity is not declared for who asks for POSIX.
static double _gwt_os_affinity(void)
{
    static const char name[] = "Cpus_allowed:", digits[] = "0123456789abcdef";
    char line[4096];
    int count = 0;
    snprintf(line, sizeof line, "%s/proc/self/status", _GWT_SYSTEM_ROOT);
    FILE *f = fopen(line, "r");
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, name, sizeof name - 1)) continue;
        for (const char *c = line + sizeof name - 1; *c && *c != '\n'; c++) {
            const char *digit = strchr(digits, *c);
            for (ptrdiff_t bits = digit ? digit - digits : 0; bits; bits >>= 1) count += bits & 1;
        }
    }
    if (f) fclose(f);
    return count ? (double)count : (double)INFINITY;
}

// Processors that this process may use: by its affinity, and by its cgroups a part of their time.
static int _gwt_os_processors(void)
{
    double n = (double)sysconf(_SC_NPROCESSORS_ONLN);
    n = fmin(n, _gwt_os_affinity());
    n = fmin(n, ceil(_gwt_os_groups_limit(&_gwt_os_time_limit)));
    return n >= 1 ? (int)fmin(n, _GWT_MAX_WORKERS) : 1;
}

static double _gwt_os_resource_limit(int resource)
{
    struct rlimit r;
    return getrlimit(resource, &r) || r.rlim_cur == RLIM_INFINITY ? INFINITY : (double)r.rlim_cur;
}

// Bytes that this process may have at the most: of the machine, its cgroups, its resource limits.
static double _gwt_os_memory(void)
{
    double all = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    all = fmin(fmax(all, 128e6), _gwt_os_groups_limit(&_gwt_os_memory_limit));
#ifdef RLIMIT_AS
    all = fmin(all, _gwt_os_resource_limit(RLIMIT_AS));
#endif
    return fmin(all, _gwt_os_resource_limit(RLIMIT_DATA));
}

#ifndef GWT_NO_PROFILE
// What this process has used so far, all its threads together: processors in seconds, pages that
// were not there, and bytes of memory, now where the system tells, else at the most.
static gwt_sample _gwt_os_usage(void)
{
    struct rusage u;
    unsigned long long pages = 0;
    getrusage(RUSAGE_SELF, &u);
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%*s %llu", &pages) != 1) pages = 0;
    if (f) fclose(f);
#ifdef __APPLE__
    uint64_t most = (uint64_t)u.ru_maxrss;
#else
    uint64_t most = (uint64_t)u.ru_maxrss * 1024;
#endif
    return (gwt_sample){
        .resident = pages ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : most,
        .cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec)
             + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec),
        .faults = (double)u.ru_minflt + (double)u.ru_majflt
    };
}
#endif

// >>thread ------------------------------------------------------------------------------------
// C11 threads by other names, or pthreads: sanitizers do not know C11 threads, macOS and some
// others do not have them, FreeBSD has them in a library of their own. GWT_PTHREADS asks for
// pthreads. So does MPI, whose ranks wait for one another by time: only pthreads can do that by a
// clock that nobody sets.
//
// A mutex or a condition that is all zeros was never made, and destroying it does nothing: what has
// some is zeroed first, and if one of them can't be made it is given up as a whole, as any other.

#if defined(GWT_PTHREADS) || defined(GWT_MPI) || defined(_GWT_SANITIZED) \
    || defined(__STDC_NO_THREADS__) || defined(__APPLE__) || defined(__FreeBSD__) \
    || defined(__DragonFly__) || defined(__OpenBSD__) || defined(__NetBSD__)
#include <pthread.h>
#define _GWT_THREAD(c11, posix) posix

static bool _gwt_cond_make(pthread_cond_t *c)
{
    pthread_condattr_t how;
    if (pthread_condattr_init(&how)) return false;
#ifndef __APPLE__
    pthread_condattr_setclock(&how, CLOCK_MONOTONIC);
#endif
    bool made = pthread_cond_init(c, &how) == 0;
    pthread_condattr_destroy(&how);
    return made;
}

#else
#include <threads.h>
#define _GWT_THREAD(c11, posix) c11
#endif

// C11 threads, and macOS, have no other clock for that.
#ifdef __APPLE__
enum { _GWT_WAITS_BY_THE_WALL = true };
#else
enum { _GWT_WAITS_BY_THE_WALL = _GWT_THREAD(true, false) };
#endif

typedef _GWT_THREAD(thrd_t, pthread_t) _gwt_thread;
typedef _GWT_THREAD(int, void *) _gwt_thread_result;
typedef struct _gwt_mutex { _GWT_THREAD(mtx_t, pthread_mutex_t) m; bool made; } _gwt_mutex;
typedef struct _gwt_cond { _GWT_THREAD(cnd_t, pthread_cond_t) c; bool made; } _gwt_cond;

#define _GWT_THREAD_DONE _GWT_THREAD(0, NULL)

static bool _gwt_thread_start(_gwt_thread *t, _gwt_thread_result (*fn)(void *), void *arg)
{
    return _GWT_THREAD(thrd_create(t, fn, arg) == thrd_success,
                       pthread_create(t, NULL, fn, arg) == 0);
}

static void _gwt_thread_join(_gwt_thread t) { _GWT_THREAD(thrd_join, pthread_join)(t, NULL); }

static bool _gwt_mutex_init(_gwt_mutex *m)
{
    m->made = _GWT_THREAD(mtx_init(&m->m, mtx_plain) == thrd_success,
                          pthread_mutex_init(&m->m, NULL) == 0);
    return m->made;
}

static void _gwt_mutex_destroy(_gwt_mutex *m)
{
    if (m->made) _GWT_THREAD(mtx_destroy, pthread_mutex_destroy)(&m->m);
}

static void _gwt_lock(_gwt_mutex *m) { _GWT_THREAD(mtx_lock, pthread_mutex_lock)(&m->m); }
static void _gwt_unlock(_gwt_mutex *m) { _GWT_THREAD(mtx_unlock, pthread_mutex_unlock)(&m->m); }

static bool _gwt_trylock(_gwt_mutex *m)
{
    return _GWT_THREAD(mtx_trylock(&m->m) == thrd_success, pthread_mutex_trylock(&m->m) == 0);
}

static bool _gwt_cond_init(_gwt_cond *c)
{
    c->made = _GWT_THREAD(cnd_init(&c->c) == thrd_success, _gwt_cond_make(&c->c));
    return c->made;
}

static void _gwt_cond_destroy(_gwt_cond *c)
{
    if (c->made) _GWT_THREAD(cnd_destroy, pthread_cond_destroy)(&c->c);
}

static void _gwt_cond_wait(_gwt_cond *c, _gwt_mutex *m)
{
    _GWT_THREAD(cnd_wait, pthread_cond_wait)(&c->c, &m->m);
}

static void _gwt_cond_broadcast(_gwt_cond *c)
{
    _GWT_THREAD(cnd_broadcast, pthread_cond_broadcast)(&c->c);
}

#if !defined(GWT_NO_PROFILE) || defined(GWT_MPI)
// Waits so many nanoseconds at the most.
static void _gwt_cond_wait_for(_gwt_cond *c, _gwt_mutex *m, int64_t ns)
{
    _gwt_os_time now = _gwt_os_clock(_GWT_WAITS_BY_THE_WALL);
    ns += now.ns;
    struct timespec t = { (time_t)(now.s + ns / 1000000000), (long)(ns % 1000000000) };
    _GWT_THREAD(cnd_timedwait, pthread_cond_timedwait)(&c->c, &m->m, &t);
}
#endif

// >>prof --------------------------------------------------------------------------------------
// What is recorded while a profile is taken: a lane of events for each worker, samples of the whole
// process, and the residences of tiles in the cache.
//
// A worker is in one stage at a time: entering one closes the event of the stage around it, leaving
// opens that again. So events abut by construction, and one look at the clock is all a change of
// stage costs. A lane belongs to one worker and is touched by no other thread while actions run;
// profiles begin and end between actions, under the pool's turn.

#define _GWT_LANE_DEPTH 256

typedef struct _gwt_lane {
    gwt_event *events;
    size_t num_events, capacity;
    gwt_event open[_GWT_LANE_DEPTH];    // stages entered and not left, from the outermost
    int depth;
    int worker;
    double zero;                        // when the profile began
    bool lost;                          // memory gave out
    bool forgets;                       // events
    atomic_int stage;                   // that it is in, below 0: none; for gwt_watch
    int strips, every;                  // of programs, since one was timed; how many until one is
    // Nanoseconds in each operation: only the worker adds, the sampler reads.
    _Atomic uint64_t spent[GWT_MAX_OPERATIONS];
} _gwt_lane;

typedef struct _gwt_recorder {
    // Set when it begins. `profile` comes first: it is what gwt_profile_end gives out.
    gwt_profile profile;        // the names of codecs in it, and its chunks, by the session's lock
    struct _gwt_recorder *next; // the session's earlier one
    gwt_profile_options options;
    double zero;
    _gwt_os_time wall;          // the same moment by the clock that several machines share
    _gwt_lane *lanes;           // one a worker
    // Guarded by the cache's lock:
    gwt_residence *residences;
    size_t num_residences, residences_capacity;
    bool lost;                  // memory gave out
    // The sampler's own, until it has been joined:
    gwt_sample *samples;
    size_t num_samples, samples_capacity;
    gwt_operation *operations;
    size_t num_operations, operations_capacity;
    uint64_t spent[GWT_MAX_OPERATIONS];     // as the sample before had it
    // The sampler, when there are to be samples:
    _gwt_thread sampler;
    _gwt_mutex lock;            // guards `stop`
    _gwt_cond wake;
    bool stop;
    atomic_ullong read, written;    // bytes, by all workers
} _gwt_recorder;

// An operation that began at `from` is over; it counts so many times, but once when it took long:
// then the worker slept, or is timed for each strip from now on. Gives the time.
static double _gwt_lane_spend(_gwt_lane *l, int kind, double from, int times)
{
    double now = _gwt_os_now(), ns = 1e9 * (now - from);
    uint64_t before = atomic_load_explicit(&l->spent[kind], memory_order_relaxed);
    before += (uint64_t)(ns < 1e6 ? ns * times : ns);
    atomic_store_explicit(&l->spent[kind], before, memory_order_relaxed);
    return now;
}

// Bytes read or written; of no recorder: nothing.
static void _gwt_prof_io(_gwt_recorder *r, uint64_t read, uint64_t written)
{
    if (!r) return;
    if (read) atomic_fetch_add_explicit(&r->read, read, memory_order_relaxed);
    if (written) atomic_fetch_add_explicit(&r->written, written, memory_order_relaxed);
}

// Under the cache's lock: a tile leaves, or is there when the profile ends. `from` is on the clock.
static void _gwt_prof_residence(_gwt_recorder *r, gwt_residence tile)
{
    if (!r || !r->options.cache) return;
    tile.from = fmax(tile.from - r->zero, 0);
    tile.to = _gwt_os_now() - r->zero;
    if (_gwt_list_grow(&r->residences, r->num_residences, 1, &r->residences_capacity, sizeof tile))
        r->residences[r->num_residences++] = tile;
    else r->lost = true;
}

#ifndef GWT_NO_PROFILE
// Close the event of the innermost stage.
static void _gwt_lane_cut(_gwt_lane *l, double now, bool ends)
{
    if (l->depth < 1 || l->depth > _GWT_LANE_DEPTH) return;
    gwt_event *e = &l->open[l->depth - 1];
    e->end = now;
    e->ends = ends;
    e->depth = l->depth - 1;
    if (l->forgets || (!ends && !(e->end > e->start))) return;
    if (_gwt_list_grow(&l->events, l->num_events, 1, &l->capacity, sizeof *e))
        l->events[l->num_events++] = *e;
    else l->lost = true;
}

static void _gwt_lane_is_in(_gwt_lane *l, int stage)
{
    atomic_store_explicit(&l->stage, stage, memory_order_relaxed);
}

static void _gwt_lane_enter(_gwt_lane *l, gwt_event e)
{
    if (!l) return;
    e.worker = l->worker;
    e.start = _gwt_os_now() - l->zero;
    _gwt_lane_cut(l, e.start, false);
    if (l->depth++ < _GWT_LANE_DEPTH) l->open[l->depth - 1] = e;
    else l->lost = true;
    _gwt_lane_is_in(l, (int)e.stage);
}

static void _gwt_lane_leave(_gwt_lane *l, uint64_t bytes_in, uint64_t bytes_out)
{
    if (!l || l->depth == 0) return;
    double now = _gwt_os_now() - l->zero;
    if (l->depth <= _GWT_LANE_DEPTH) {
        l->open[l->depth - 1].bytes_in = bytes_in;
        l->open[l->depth - 1].bytes_out = bytes_out;
        _gwt_lane_cut(l, now, true);
    }
    if (--l->depth > 0 && l->depth <= _GWT_LANE_DEPTH) l->open[l->depth - 1].start = now;
    bool known = l->depth > 0 && l->depth <= _GWT_LANE_DEPTH;
    _gwt_lane_is_in(l, known ? (int)l->open[l->depth - 1].stage : -1);
}

// Asleep: nothing to do, unless the stage is a wait, which goes on.
static bool _gwt_lane_pause(_gwt_lane *l)
{
    if (!l || l->depth == 0 || l->depth > _GWT_LANE_DEPTH) return false;
    gwt_stage s = l->open[l->depth - 1].stage;
    if (s >= GWT_STAGE_WAIT_TILE && s <= GWT_STAGE_WAIT_LOCK) return false;
    _gwt_lane_cut(l, _gwt_os_now() - l->zero, false);
    _gwt_lane_is_in(l, -1);
    return true;
}

static void _gwt_lane_resume(_gwt_lane *l)
{
    l->open[l->depth - 1].start = _gwt_os_now() - l->zero;
    _gwt_lane_is_in(l, (int)l->open[l->depth - 1].stage);
}

// What has been used so far: totals, not by the second.
static gwt_sample _gwt_prof_used(_gwt_recorder *r)
{
    gwt_sample used = _gwt_os_usage();
    used.time = _gwt_os_now() - r->zero;
    used.read = (double)atomic_load(&r->read);
    used.written = (double)atomic_load(&r->written);
    return used;
}

static void _gwt_prof_operations(_gwt_recorder *r, double time)
{
    for (int k = 0; k < GWT_MAX_OPERATIONS; k++) {
        uint64_t sum = 0;
        for (int i = 0; i < r->profile.num_workers; i++)
            sum += atomic_load_explicit(&r->lanes[i].spent[k], memory_order_relaxed);
        if (sum == r->spent[k]) continue;
        gwt_operation o = { .kind = k, .time = time,
                            .seconds = 1e-9 * (double)(sum - r->spent[k]) };
        r->spent[k] = sum;
        if (_gwt_list_grow(&r->operations, r->num_operations, 1, &r->operations_capacity, sizeof o))
            r->operations[r->num_operations++] = o;
        else r->lost = true;
    }
}

static void _gwt_prof_sample(_gwt_recorder *r, gwt_sample *before)
{
    gwt_sample now = _gwt_prof_used(r);
    double dt = now.time - before->time;
    if (!(dt > 0)) return;
    if (_gwt_list_grow(&r->samples, r->num_samples, 1, &r->samples_capacity, sizeof now))
        r->samples[r->num_samples++] =
            (gwt_sample){ .time = now.time,
                          .resident = now.resident,
                          .cpu = 100 * (now.cpu - before->cpu) / dt,
                          .read = (now.read - before->read) / dt,
                          .written = (now.written - before->written) / dt,
                          .faults = (now.faults - before->faults) / dt };
    _gwt_prof_operations(r, now.time);
    *before = now;
}

// A thread of its own: every resource_dt seconds, and once more at the end.
static _gwt_thread_result _gwt_prof_sampler(void *arg)
{
    _gwt_recorder *r = arg;
    gwt_sample before = _gwt_prof_used(r);
    double at = r->zero + r->options.resource_dt;
    for (bool stop = false; !stop;) {
        double left = at - _gwt_os_now();
        _gwt_lock(&r->lock);
        if (!r->stop && left > 0) _gwt_cond_wait_for(&r->wake, &r->lock, (int64_t)(left * 1e9));
        stop = r->stop;
        _gwt_unlock(&r->lock);
        if (!stop && _gwt_os_now() < at) continue;      // woken for nothing
        _gwt_prof_sample(r, &before);
        at += r->options.resource_dt;
    }
    return _GWT_THREAD_DONE;
}

// Begin, with a lane for each worker: of a recorder that is all zeros. False: there is no memory,
// or no thread to sample with; it is given up by _gwt_prof_free, as others are.
static bool _gwt_prof_start(_gwt_recorder *r, const gwt_profile_options *options, int num_workers)
{
    size_t bytes = (size_t)num_workers * sizeof *r->lanes;
    r->options = *options;
    r->profile.label = options->label;
    r->profile.facts = options->facts;
    r->profile.num_workers = num_workers;
    r->profile.num_processors = _gwt_os_processors();
    r->profile.source_compression = r->profile.output_compression = "";
    r->lanes = GWT_MALLOC(bytes);
    if (!r->lanes) return false;
    memset(r->lanes, 0, bytes);
    r->zero = _gwt_os_now();
    r->wall = _gwt_os_clock(true);
    for (int i = 0; i < num_workers; i++) {
        r->lanes[i].worker = i;
        r->lanes[i].zero = r->zero;
        r->lanes[i].forgets = options->no_events;
        atomic_init(&r->lanes[i].stage, -1);
    }
    if (options->resource_dt == 0) return true;
    if (_gwt_mutex_init(&r->lock) && _gwt_cond_init(&r->wake)
        && _gwt_thread_start(&r->sampler, _gwt_prof_sampler, r))
        return true;
    _gwt_cond_destroy(&r->wake);
    _gwt_mutex_destroy(&r->lock);
    return false;
}

static void _gwt_prof_stop_sampler(_gwt_recorder *r)
{
    _gwt_lock(&r->lock);
    r->stop = true;
    _gwt_cond_broadcast(&r->wake);
    _gwt_unlock(&r->lock);
    _gwt_thread_join(r->sampler);
    _gwt_cond_destroy(&r->wake);
    _gwt_mutex_destroy(&r->lock);
}

// All lanes' events become one list, which takes the place of theirs. No worker has its lane any
// more.
static void _gwt_prof_stop(_gwt_recorder *r)
{
    gwt_profile *p = &r->profile;
    size_t n = 0, at = 0;
    bool lost = r->lost;
    if (r->options.resource_dt > 0) _gwt_prof_stop_sampler(r);
    p->seconds = _gwt_os_now() - r->zero;
    _gwt_prof_operations(r, p->seconds);
    for (int i = 0; i < p->num_workers; i++) {
        n += r->lanes[i].num_events;
        lost = lost || r->lanes[i].lost;
    }
    gwt_event *all = GWT_MALLOC((n ? n : 1) * sizeof *all);
    for (int i = 0; i < p->num_workers; i++) {
        const _gwt_lane *l = &r->lanes[i];
        if (all && l->num_events) memcpy(all + at, l->events, l->num_events * sizeof *all);
        at += l->num_events;
        GWT_FREE(l->events);
    }
    GWT_FREE(r->lanes);
    r->lanes = NULL;
    p->events = all;
    p->num_events = all ? n : 0;
    p->samples = r->samples;
    p->num_samples = r->num_samples;
    p->residences = r->residences;
    p->num_residences = r->num_residences;
    p->operations = r->operations;
    p->num_operations = r->num_operations;
    p->complete = all && !lost;
}
#else
static void _gwt_lane_enter(_gwt_lane *l, gwt_event e) { (void)l, (void)e; }
static void _gwt_lane_leave(_gwt_lane *l, uint64_t in, uint64_t out)
{
    (void)l, (void)in, (void)out;
}
static bool _gwt_lane_pause(_gwt_lane *l) { return (void)l, false; }
static void _gwt_lane_resume(_gwt_lane *l) { (void)l; }
#endif

// What the recorders of a session have, which themselves are memory of the session.
static void _gwt_prof_free(_gwt_recorder *r)
{
    for (; r; r = r->next) {
        GWT_FREE(r->lanes);
        GWT_FREE((void *)r->profile.events);
        GWT_FREE(r->samples);
        GWT_FREE(r->operations);
        GWT_FREE(r->residences);
    }
}

// >>pool --------------------------------------------------------------------------------------
// A fixed set of workers, each with a deque of index ranges. A loop is one range; whoever runs a
// range of more than one index pushes the upper half and goes on with the lower, so thieves, who
// take from the other end, get the largest pieces, and a loop of n costs log2(n) deque places.
//
//   - Worker 0 is the thread that runs the action; the others are the pool's own threads. With
//     one worker nothing is ever shared and no thread is started.
//   - A worker that waits for its loop runs other ranges meanwhile, but only ranges at least as
//     deep as that loop. So its stack grows with the depth of the program's nesting and not with
//     luck, and nobody can come to wait for something that lies under it on its own stack.
//   - With nothing to run, a worker counts itself in `sleepers`, looks once more, and sleeps.
//     Whoever publishes work or ends a loop looks at `sleepers` afterwards: in the single order of
//     these sequentially consistent accesses either the sleeper finds the work or the publisher
//     finds the sleeper.
//
// The deque is Chase and Lev's (SPAA 2005) on a ring that never grows: when it is full the range
// is simply run instead of being offered. Its fields are sequentially consistent atomics rather
// than fences, which ThreadSanitizer can't follow.

#define _GWT_DEQUE 256

typedef struct _gwt_loop {
    gwt_loop_fn *fn;
    void *user;
    unsigned depth;             // 1 + that of the code that started it
    gwt_scope *scope;           // of the code that started it, and so of what its indices make
    struct _gwt_action *action; // likewise
    atomic_size_t pending;      // indices not yet done; the loop may be gone once this is 0
} _gwt_loop;

typedef struct _gwt_range { _gwt_loop *loop; size_t from, to; unsigned depth; } _gwt_range;

typedef struct _gwt_worker {
    struct _gwt_pool *pool;     // set at begin, then read by all
    int id;
    unsigned depth;             // of what it runs now; the worker's own
    unsigned seed;              // for the choice of victims; the worker's own
    _gwt_lane *lane;            // NULL: no profile is taken; changed between actions
    void *packed;               // a tile as stored, while it is decoded; the worker's own
    size_t packed_capacity;
    _gwt_thread thread;
    char apart[_GWT_CACHE_LINE];
    atomic_size_t top;          // thieves take here
    char apart_too[_GWT_CACHE_LINE];
    atomic_size_t bottom;       // the owner pushes and pops here
    struct {
        _Atomic(_gwt_loop *) loop;
        atomic_size_t from, to;
        atomic_uint depth;
    } ring[_GWT_DEQUE];         // a thief may read a place that is being reused; its CAS then fails
} _gwt_worker;

typedef struct _gwt_pool {
    int num_workers;
    _gwt_worker *workers;
    _gwt_mutex turn;            // held by the thread that is worker 0
    struct _gwt_stay *starter;  // that thread's stay; guarded by turn, read by what runs for it
    _gwt_mutex lock;            // guards the sleep itself
    _gwt_cond wake;
    atomic_uint epoch;          // goes up with every wake-up
    atomic_int sleepers;
    atomic_bool stop;
} _gwt_pool;

// A thread's place in a pool. Sessions nest on a thread, so it may have several: the innermost is
// what it is now.
typedef struct _gwt_stay {
    struct _gwt_stay *outer;
    _gwt_worker *worker;
    bool locked;                // it holds the pool's turn, and lets go of it when it leaves
    bool own;                   // a thread of the pool: it came from nowhere else
} _gwt_stay;

static _Thread_local _gwt_stay *_gwt_stays;

// The scopes that this thread is in, of all sessions, from the innermost outwards. Those from
// `around` on are not its own to end: they are around the action that it runs for.
static _Thread_local struct { gwt_scope *inner, *around; } _gwt_scopes;

// The innermost action that this thread works for.
static _Thread_local struct _gwt_action *_gwt_acting;

static _gwt_worker *_gwt_self(void) { return _gwt_stays->worker; }

static int _gwt_worker_here(void) { return _gwt_stays ? _gwt_self()->id : 0; }

// Where what this thread does now is stamped; NULL when nowhere.
_GWT_CALLED static _gwt_lane *_gwt_lane_here(void)
{
    return _gwt_stays ? _gwt_self()->lane : NULL;
}

// A lock whose waits are stamped.
static void _gwt_lock_seen(_gwt_mutex *m)
{
    if (_gwt_trylock(m)) return;
    _gwt_lane *l = _gwt_lane_here();
    _gwt_lane_enter(l, (gwt_event){ .stage = GWT_STAGE_WAIT_LOCK, .tile = -1 });
    _gwt_lock(m);
    _gwt_lane_leave(l, 0, 0);
}

static bool _gwt_deque_push(_gwt_worker *w, _gwt_range r)
{
    size_t b = atomic_load_explicit(&w->bottom, memory_order_relaxed);
    if (b - atomic_load(&w->top) >= _GWT_DEQUE) return false;
    size_t i = b % _GWT_DEQUE;
    atomic_store_explicit(&w->ring[i].loop, r.loop, memory_order_relaxed);
    atomic_store_explicit(&w->ring[i].from, r.from, memory_order_relaxed);
    atomic_store_explicit(&w->ring[i].to, r.to, memory_order_relaxed);
    atomic_store_explicit(&w->ring[i].depth, r.depth, memory_order_relaxed);
    atomic_store(&w->bottom, b + 1);
    return true;
}

static _gwt_range _gwt_deque_get(_gwt_worker *w, size_t at)
{
    size_t i = at % _GWT_DEQUE;
    return (_gwt_range){ atomic_load_explicit(&w->ring[i].loop, memory_order_relaxed),
                         atomic_load_explicit(&w->ring[i].from, memory_order_relaxed),
                         atomic_load_explicit(&w->ring[i].to, memory_order_relaxed),
                         atomic_load_explicit(&w->ring[i].depth, memory_order_relaxed) };
}

// Owner only: the newest range, if it is deep enough.
static bool _gwt_deque_pop(_gwt_worker *w, unsigned depth, _gwt_range *r)
{
    size_t b = atomic_load_explicit(&w->bottom, memory_order_relaxed) - 1;
    // Looked at before it is taken away, even for a moment: a thief on its last look must see it.
    if ((ptrdiff_t)(b - atomic_load(&w->top)) < 0) return false;
    *r = _gwt_deque_get(w, b);
    if (r->depth < depth) return false;
    atomic_store(&w->bottom, b);
    size_t t = atomic_load(&w->top);
    if ((ptrdiff_t)(b - t) < 0) {
        atomic_store(&w->bottom, b + 1);
        return false;
    }
    if (b != t) return true;
    // The last one: race the thieves for it.
    bool won = atomic_compare_exchange_strong(&w->top, &t, t + 1);
    atomic_store(&w->bottom, b + 1);
    return won;
}

// Anyone: the oldest range, if it is deep enough. Tried again as long as others are quicker.
static bool _gwt_deque_steal(_gwt_worker *victim, unsigned depth, _gwt_range *r)
{
    for (;;) {
        size_t t = atomic_load(&victim->top);
        size_t b = atomic_load(&victim->bottom);
        if ((ptrdiff_t)(b - t) <= 0) return false;
        *r = _gwt_deque_get(victim, t);
        if (r->depth >= depth && atomic_compare_exchange_strong(&victim->top, &t, t + 1))
            return true;
        if (r->depth < depth && atomic_load(&victim->top) == t) return false;
    }
}

static bool _gwt_pool_take(_gwt_worker *w, unsigned depth, _gwt_range *r)
{
    if (_gwt_deque_pop(w, depth, r)) return true;
    int n = w->pool->num_workers;
    w->seed = w->seed * 1664525u + 1013904223u;
    int first = (int)((w->seed >> 16) % (unsigned)n);
    for (int i = 0; i < n; i++) {
        _gwt_worker *victim = &w->pool->workers[(first + i) % n];
        if (victim != w && _gwt_deque_steal(victim, depth, r)) return true;
    }
    return false;
}

// After publishing work, ending a loop, or moving what others may wait for.
static void _gwt_pool_notify(_gwt_pool *p)
{
    if (atomic_load(&p->sleepers) == 0) return;
    _gwt_lock(&p->lock);
    atomic_fetch_add(&p->epoch, 1);
    _gwt_cond_broadcast(&p->wake);
    _gwt_unlock(&p->lock);
}

static void _gwt_pool_run(_gwt_worker *w, _gwt_range r)
{
    unsigned depth = w->depth;
    gwt_scope *inner = _gwt_scopes.inner, *around = _gwt_scopes.around;
    struct _gwt_action *acting = _gwt_acting;
    size_t done = 0;
    _gwt_loop *loop = r.loop;
    w->depth = r.depth;
    _gwt_acting = loop->action;
    while (r.from < r.to) {
        size_t half = r.from + (r.to - r.from + 1) / 2;
        if (half < r.to && _gwt_deque_push(w, (_gwt_range){ loop, half, r.to, r.depth })) {
            r.to = half;
            _gwt_pool_notify(w->pool);
            continue;
        }
        _gwt_scopes.inner = _gwt_scopes.around = loop->scope;
        loop->fn(r.from++, loop->user);
        done++;
    }
    _gwt_scopes.inner = inner;
    _gwt_scopes.around = around;
    _gwt_acting = acting;
    w->depth = depth;
    if (atomic_fetch_sub(&loop->pending, done) == done) _gwt_pool_notify(w->pool);
}

// Run ranges of at least `depth` until ready(arg), which must become true by other workers' doing.
static void _gwt_pool_wait(_gwt_worker *w, unsigned depth, bool (*ready)(void *), void *arg)
{
    _gwt_pool *p = w->pool;
    _gwt_range r;
    while (!ready(arg)) {
        if (_gwt_pool_take(w, depth, &r)) {
            _gwt_pool_run(w, r);
            continue;
        }
        unsigned epoch = atomic_load(&p->epoch);
        atomic_fetch_add(&p->sleepers, 1);
        bool found = false;
        if (!ready(arg) && !(found = _gwt_pool_take(w, depth, &r))) {
            // A thread that works for nobody has no lane: profiles begin and end without it.
            bool paused = _gwt_lane_pause(depth > 0 ? w->lane : NULL);
            _gwt_lock(&p->lock);
            while (atomic_load(&p->epoch) == epoch) _gwt_cond_wait(&p->wake, &p->lock);
            _gwt_unlock(&p->lock);
            if (paused) _gwt_lane_resume(w->lane);
        }
        atomic_fetch_sub(&p->sleepers, 1);
        if (found) _gwt_pool_run(w, r);
    }
}

static bool _gwt_pool_stopped(void *arg) { return atomic_load((atomic_bool *)arg); }
static bool _gwt_loop_done(void *arg) { return atomic_load(&((_gwt_loop *)arg)->pending) == 0; }

static _gwt_thread_result _gwt_pool_thread(void *arg)
{
    _gwt_worker *w = arg;
    _gwt_stay stay = { .worker = w, .own = true };
    _gwt_stays = &stay;
    _gwt_pool_wait(w, 0, _gwt_pool_stopped, &w->pool->stop);
    return _GWT_THREAD_DONE;
}

// Run fn over 0..n-1 from a worker, and wait.
static void _gwt_pool_for(_gwt_worker *w, size_t n, gwt_loop_fn *fn, void *user)
{
    _gwt_loop loop = { .fn = fn, .user = user, .depth = w->depth + 1,
                       .scope = _gwt_scopes.inner, .action = _gwt_acting };
    if (n == 0) return;
    atomic_init(&loop.pending, n);
    _gwt_pool_run(w, (_gwt_range){ &loop, 0, n, loop.depth });
    _gwt_pool_wait(w, loop.depth, _gwt_loop_done, &loop);
}

// Whether an action of the pool waits for what this thread does, on this thread or, where a pool's
// own thread works for an action of another thread, on that one.
static bool _gwt_pool_waits(const _gwt_pool *p)
{
    const _gwt_stay *s = _gwt_stays;
    while (s && s->worker->pool != p) s = s->own ? s->worker->pool->starter : s->outer;
    return s != NULL;
}

// Become a worker of the pool: one this thread already is, here or further out in the nest of
// sessions whose actions it runs, else worker 0 once that is free. False when that can never be.
static bool _gwt_pool_enter(_gwt_pool *p, _gwt_stay *stay)
{
    *stay = (_gwt_stay){ .outer = _gwt_stays };
    for (const _gwt_stay *s = _gwt_stays; s && !stay->worker; s = s->outer)
        if (s->worker->pool == p) stay->worker = s->worker;
    if (!stay->worker) {
        if (_gwt_pool_waits(p)) return false;
        _gwt_lock(&p->turn);
        stay->locked = true;
        stay->worker = &p->workers[0];
        p->starter = stay;
    }
    _gwt_stays = stay;
    return true;
}

static void _gwt_pool_leave(_gwt_stay *stay)
{
    _gwt_stays = stay->outer;
    if (stay->locked) _gwt_unlock(&stay->worker->pool->turn);
}

static void _gwt_pool_stop(_gwt_pool *p, int started)
{
    atomic_store(&p->stop, true);
    _gwt_pool_notify(p);
    for (int i = 1; i < started; i++) _gwt_thread_join(p->workers[i].thread);
    _gwt_cond_destroy(&p->wake);
    _gwt_mutex_destroy(&p->lock);
    _gwt_mutex_destroy(&p->turn);
    for (int i = 0; i < p->num_workers; i++) GWT_FREE(p->workers[i].packed);
    GWT_FREE(p->workers);
    p->workers = NULL;
}

static bool _gwt_pool_start(_gwt_pool *p, int num_workers)
{
    p->workers = GWT_MALLOC(sizeof(_gwt_worker) * (size_t)num_workers);
    if (!p->workers) return false;
    memset(p->workers, 0, sizeof(_gwt_worker) * (size_t)num_workers);
    if (!_gwt_mutex_init(&p->turn) || !_gwt_mutex_init(&p->lock) || !_gwt_cond_init(&p->wake)) {
        _gwt_pool_stop(p, 1);
        return false;
    }
    p->num_workers = num_workers;
    for (int i = 0; i < num_workers; i++) {
        p->workers[i].pool = p;
        p->workers[i].id = i;
        p->workers[i].seed = (unsigned)i;
    }
    for (int i = 1; i < num_workers; i++) {
        if (_gwt_thread_start(&p->workers[i].thread, _gwt_pool_thread, &p->workers[i])) continue;
        _gwt_pool_stop(p, i);
        return false;
    }
    return true;
}

// >>context -----------------------------------------------------------------------------------
// A session, which every room below shares: its first error, its actions, and memory that lives as
// long as it does.

typedef struct _gwt_block_of_memory {
    struct _gwt_block_of_memory *next;
    size_t used, size;
} _gwt_block_of_memory;

// What is made between gwt_scope_begin and gwt_scope_end, and, outside of all scopes, what lives as
// long as the session.
struct gwt_scope {
    // Set when it begins, but for `ended`; read by all threads that work for it.
    gwt *_Atomic g;             // NULL: it has ended before its scope, which its thread is to free
    gwt_scope *outer;           // around it on its thread: another session's, maybe
    bool listed;                // with the scopes of a thread that is in no action: its own to say
    unsigned profiles;          // that had ended
    bool ended;
    // Guarded by the session's lock.
    _gwt_block_of_memory *memory;
    struct _gwt_source *sources;
    gwt_scope *next;            // of those of the session that have not ended
};

// The tiles of a file that were filled, however often it was opened.
typedef struct _gwt_damage {
    struct _gwt_damage *next;
    const char *path;
    _gwt_os_facts facts;
    int64_t num_tiles;
    bool *tiles;
} _gwt_damage;

// A tile that is filled: what is wrong with it, and the rows it has.
typedef struct _gwt_bad_tile {
    const char *text;
    const _gwt_damage *file;
    const char *why;            // the same for tiles with the same fault
    int64_t row, last_row;
} _gwt_bad_tile;

struct gwt {
    gwt_begin_options options;  // resolved; read only after begin
    _gwt_recorder *recorder;    // the profile being taken, or NULL; changed between actions
    _gwt_recorder *recorders;   // it and those that were; guarded by the pool's turn
    _gwt_pool pool;
    struct _gwt_files *files;
    struct _gwt_cache *cache;
    _gwt_mutex lock;            // guards the fields below
    gwt_scope root;             // what is in no scope
    gwt_scope *scopes;          // those that have not ended
    gwt_scope *ended;           // the last that has: its arrays are known to be gone
    unsigned profiles;          // that have ended
    _gwt_damage *damages;       // guarded by the lock, and its tiles
    atomic_int code;            // the first error's; read without the lock by running loops
    atomic_uint failures;       // all there ever were, cleared or not; likewise
    _gwt_bad_tile *bad_tiles;   // what could not be read, and was filled
    size_t num_bad_tiles, bad_tiles_capacity;
    char **notes;               // what may not be what was meant
    size_t num_notes, notes_capacity;
    atomic_bool cancelled;      // set by anybody, at any time
    struct _gwt_ranks *ranks;   // of an MPI job; NULL: this process is alone. Set in gwt_begin
    bool remote;                // the error is another rank's, which prints it
    atomic_int idle_decoders;   // of all sources
    const char **traces;        // what the other ranks did, for the trace that rank 0 writes
    size_t num_traces;
    double trace_begins;        // and how much later its own profile began than the first of all
    char message[2048];
};

// An action under way: planning, running, finishing. It is over before its end as soon as anything
// in the session fails, and stays over if that error is cleared meanwhile.
typedef struct _gwt_action {
    gwt *g;
    unsigned since;             // failures there had been when it began
    struct _gwt_ranks *ranks;   // among which it is shared; NULL: it is this process's own
    _gwt_stay stay;
    struct _gwt_action *outer;  // that this thread works for; of another session, maybe
    atomic_int code;            // the first error of those who work for it; of all others none
} _gwt_action;

// ---- errors

// A message's format as the program's users want fields spelled; what is not in the format, as the
// name of a file, is left alone. No list, no such field, no room: as it is.
static const char *_gwt_spell(const gwt *g, const char *format, char *to, size_t size)
{
    size_t used = 0;
    if (!g->options.field_names) return format;
    for (const char *c = format; *c;) {
        const char *const *pair = g->options.field_names;
        size_t n = 0;
        for (; *c == '.' && pair[0] && pair[1]; pair += 2, n = 0) {
            n = strlen(pair[0]);
            char after = strncmp(c, pair[0], n) ? 'x' : c[n];
            if (after != '_' && !(after >= 'a' && after <= 'z')) break;
        }
        const char *word = n ? pair[1] : c;
        size_t bytes = n ? strlen(word) : 1;
        if (used + bytes >= size) return format;
        memcpy(to + used, word, bytes);
        used += bytes;
        c += n ? n : 1;
    }
    to[used] = 0;
    return to;
}

// While it is set: what is wrong with a file is put there, of sizeof ((gwt *)0)->message bytes, and
// is no error. So a file that may be of use is tried without it being needed.
static _Thread_local char *_gwt_tried;

// One place through which every failure passes: put the breakpoint here. Names out of files and
// arguments come into messages, so that these are escaped: an error stays one line (an expression's
// three), and nothing speaks to the terminal.
static void _gwt_fail_va(gwt *g, gwt_code code, const char *format, va_list args)
{
    char text[sizeof g->message], spelled[512];
    if (!g) return;
    if (_gwt_tried && code != GWT_E_MEMORY && code != GWT_E_CANCELLED) {
        _gwt_os_print_va(_gwt_tried, sizeof text, format, args);
        return;
    }
    _gwt_lock(&g->lock);
    if (atomic_load(&g->code) == GWT_OK) {
        _gwt_os_print_va(text, sizeof text, _gwt_spell(g, format, spelled, sizeof spelled), args);
        _gwt_escape_all(g->message, sizeof g->message, text, strchr(format, '\n') ? '\n' : 0);
        atomic_store(&g->code, code);
    }
    for (_gwt_action *a = _gwt_acting; a; a = a->outer) {
        int none = GWT_OK;
        if (a->g == g) atomic_compare_exchange_strong(&a->code, &none, (int)code);
    }
    atomic_fetch_add(&g->failures, 1);
    _gwt_unlock(&g->lock);
}

// Always false, so that a check can return it.
GWT_PRINTF(3, 4) static bool _gwt_fail(gwt *g, gwt_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    _gwt_fail_va(g, code, format, args);
    va_end(args);
    return false;
}
#define _gwt_fail_null(g, ...) (_gwt_fail(g, __VA_ARGS__), NULL)

// Of texts that a caller gives, if any, for GDAL_METADATA. Names out of files are not refused:
// U+FFFD is written for what XML can't hold.
static bool _gwt_check_texts(gwt *g, const char *what, const char *const *list)
{
    for (; list && *list; list++)
        for (const char *s = *list; *s;) {
            int n = _gwt_utf8(s);
            if (!_gwt_xml_char(s, n))
                return _gwt_fail(g, GWT_E_ARGUMENT, "the %s \"%s\" has a character that XML, in "
                                 "which it is written, can't hold", what, *list);
            s += n;
        }
    return true;
}

void gwt_fail(gwt *g, gwt_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    _gwt_fail_va(g, code == GWT_OK ? GWT_E_USER : code, format, args);
    va_end(args);
}

gwt_code gwt_status(const gwt *g) { return g ? (gwt_code)atomic_load(&g->code) : GWT_E_ARGUMENT; }
const char *gwt_message(const gwt *g) { return g ? g->message : "no session"; }

void gwt_clear(gwt *g)
{
    _gwt_stay stay;
    if (!g) return;
    bool entered = _gwt_pool_enter(&g->pool, &stay);    // not in the middle of another's action
    _gwt_lock(&g->lock);
    g->message[0] = 0;
    atomic_store(&g->code, GWT_OK);
    atomic_store(&g->cancelled, false);
    g->remote = false;
    _gwt_unlock(&g->lock);
    if (entered) _gwt_pool_leave(&stay);
}

static bool _gwt_failed(gwt *g) { return !g || atomic_load(&g->code) != GWT_OK; }

void gwt_cancel(gwt *g) { if (g) atomic_store(&g->cancelled, true); }

static bool _gwt_cancelled(gwt *g)
{
    return atomic_load(&g->cancelled) && (_gwt_fail(g, GWT_E_CANCELLED, "cancelled"), true);
}

// ---- actions

static void _gwt_mpi_close(gwt *g);

// Shared: among the ranks of a job. One that fails before it is shared is refused by this rank, or
// the others would wait for it.
static bool _gwt_action_begin(_gwt_action *action, gwt *g, bool shared)
{
    *action = (_gwt_action){ .g = g };
    if (_gwt_failed(g)) return false;
    action->ranks = shared && !_gwt_stays ? g->ranks : NULL;
    if (_gwt_cancelled(g)) {
        if (action->ranks) _gwt_mpi_close(g);
        return false;
    }
    if (!_gwt_pool_enter(&g->pool, &action->stay))
        return _gwt_fail(g, GWT_E_ARGUMENT,
                         "an action of this session waits for one of another session that runs on "
                         "several workers: none can be run inside that");
    action->since = atomic_load(&g->failures);      // not before: there may have been a wait
    if (!_gwt_failed(g)) {
        action->outer = _gwt_acting;
        _gwt_acting = action;
        return true;
    }
    _gwt_pool_leave(&action->stay);
    return false;
}

static void _gwt_action_end(_gwt_action *action)
{
    if (action->ranks) _gwt_mpi_close(action->g);
    _gwt_acting = action->outer;
    _gwt_pool_leave(&action->stay);
}

static bool _gwt_over(const _gwt_action *action)
{
    return atomic_load(&action->g->failures) != action->since || _gwt_cancelled(action->g);
}

static bool _gwt_mutex_new(gwt *g, _gwt_mutex *m)
{
    return _gwt_mutex_init(m) || _gwt_fail(g, GWT_E_MEMORY, "out of memory: cannot make a mutex");
}

#ifdef GWT_MPI
static bool _gwt_cond_new(gwt *g, _gwt_cond *c)
{
    return _gwt_cond_init(c)
        || _gwt_fail(g, GWT_E_MEMORY, "out of memory: cannot make a condition variable");
}
#endif

// ---- memory

static void *_gwt_malloc(gwt *g, size_t size)
{
    void *p = GWT_MALLOC(size ? size : 1);
    if (!p) _gwt_fail(g, GWT_E_MEMORY, "out of memory: cannot allocate %zu bytes", size);
    return p;
}

static void *_gwt_calloc(gwt *g, size_t n, size_t size)
{
    size_t bytes;
    if (!_gwt_mul4(n, size, 1, 1, &bytes))
        return _gwt_fail_null(g, GWT_E_MEMORY, "out of memory: cannot allocate %zu times %zu bytes",
                              n, size);
    void *p = _gwt_malloc(g, bytes);
    if (p) memset(p, 0, bytes);
    return p;
}

// The innermost scope of a session from one on, outwards.
static gwt_scope *_gwt_scope_from(gwt *g, gwt_scope *scope)
{
    while (scope && scope->g != g) scope = scope->outer;
    return scope ? scope : &g->root;
}

static gwt_scope *_gwt_scope_here(gwt *g) { return _gwt_scope_from(g, _gwt_scopes.inner); }

// The one around it; NULL: of the session itself.
static gwt_scope *_gwt_scope_around(gwt_scope *scope)
{
    return scope == &scope->g->root ? NULL : _gwt_scope_from(scope->g, scope->outer);
}

// Memory that lives as long as a scope, zeroed: arrays, nodes, names.
static void *_gwt_keep_in(gwt_scope *scope, size_t n, size_t size)
{
    gwt *g = scope->g;
    size_t bytes, head = (sizeof(_gwt_block_of_memory) + 15) & ~(size_t)15;
    if (!_gwt_mul4(n, size, 1, 1, &bytes) || bytes > SIZE_MAX / 2)
        return _gwt_fail_null(g, GWT_E_MEMORY, "out of memory: cannot allocate %zu times %zu bytes",
                              n, size);
    bytes = (bytes + 15) & ~(size_t)15;
    _gwt_lock(&g->lock);
    _gwt_block_of_memory *m = scope->memory;
    if (!m || m->size - m->used < bytes) {
        // Much has a block of its own, behind the one that is open: that goes on being filled.
        bool much = bytes > 16384;
        size_t room = much ? bytes : 65536;
        _gwt_block_of_memory **at = much && m ? &m->next : &scope->memory;
        m = GWT_MALLOC(head + room);
        if (m) {
            *m = (_gwt_block_of_memory){ *at, 0, room };
            *at = m;
        }
    }
    void *p = NULL;
    if (m) {
        p = (char *)m + head + m->used;
        m->used += bytes;
    }
    _gwt_unlock(&g->lock);
    if (!p) _gwt_fail(g, GWT_E_MEMORY, "out of memory: cannot allocate %zu bytes", bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

static void *_gwt_keep(gwt *g, size_t n, size_t size)
{
    return _gwt_keep_in(_gwt_scope_here(g), n, size);
}

// What was made in the scope that ended last can be told to be gone; it is an error to use it.
static bool _gwt_scope_is_over(const gwt_scope *scope)
{
    return scope->ended
        && !_gwt_fail(scope->g, GWT_E_ARGUMENT, "an array is used after the end of its scope");
}

// A text that lives as long as the session.
static char *_gwt_keep_always(gwt *g, const char *text)
{
    size_t n = strlen(text) + 1;
    char *p = _gwt_keep_in(&g->root, n, 1);
    return p ? memcpy(p, text, n) : NULL;
}

static void _gwt_memory_free(_gwt_block_of_memory *m)
{
    while (m) {
        _gwt_block_of_memory *next = m->next;
        GWT_FREE(m);
        m = next;
    }
}

static char *_gwt_keep_bytes(gwt *g, const void *from, size_t n)
{
    char *p = _gwt_keep(g, n + 1, 1);
    if (p && n) memcpy(p, from, n);
    return p;
}

static char *_gwt_keep_string(gwt *g, const char *s) { return _gwt_keep_bytes(g, s, strlen(s)); }

GWT_PRINTF(2, 3) static char *_gwt_keep_format(gwt *g, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    _gwt_os_print_va(text, sizeof text, format, args);
    va_end(args);
    return _gwt_keep_string(g, text);
}

// >>geo ---------------------------------------------------------------------------------------
// Where pixels lie: affine transforms, GeoKeys, and how grids lie on one another.

enum {
    _GWT_TAG_PIXEL_SCALE = 33550, _GWT_TAG_TIEPOINT = 33922, _GWT_TAG_TRANSFORMATION = 34264,
    _GWT_TAG_GEO_KEYS = 34735, _GWT_TAG_GEO_DOUBLES = 34736, _GWT_TAG_GEO_ASCII = 34737,
    _GWT_TAG_GDAL_METADATA = 42112, _GWT_TAG_GDAL_NODATA = 42113
};

enum {
    _GWT_KEY_MODEL_TYPE = 1024, _GWT_KEY_RASTER_TYPE = 1025, _GWT_KEY_GEOGRAPHIC = 2048,
    _GWT_KEY_PROJECTED = 3072
};

typedef struct _gwt_geo {
    int64_t width, height;
    double t[6];                // a b c d e f, of pixel corners (GDAL's and rasterio's convention)
    bool has_transform;
    bool point;                 // RasterPixelIsPoint: the file's tie points are pixel centres
    int epsg;
    const uint16_t *keys;       // the three GeoTIFF tags as read, for the output
    const double *doubles;
    const char *ascii;
    uint32_t num_keys, num_doubles, num_ascii;
} _gwt_geo;

// The value of a GeoKey that is stored in the directory itself; -1 when it is not there.
// OGC GeoTIFF 1.1, 7.1.1: four shorts of header, then id, location (0: in place), count, value.
static int _gwt_geo_key(const _gwt_geo *geo, int id)
{
    for (uint32_t i = 4; i + 3 < geo->num_keys && i / 4 <= geo->keys[3]; i += 4)
        if (geo->keys[i] == id && geo->keys[i + 1] == 0) return geo->keys[i + 3];
    return -1;
}

// OGC GeoTIFF 1.1, 7.5.1.1: model type 2 is a geographic CRS of two axes.
static bool _gwt_geo_geographic(const _gwt_geo *geo)
{
    return _gwt_geo_key(geo, _GWT_KEY_MODEL_TYPE) == 2;
}

static void _gwt_geo_read_keys(_gwt_geo *geo)
{
    int code = _gwt_geo_key(geo, _GWT_KEY_PROJECTED);
    if (code < 0) code = _gwt_geo_key(geo, _GWT_KEY_GEOGRAPHIC);
    geo->epsg = code <= 0 || code == 32767 ? 0 : code;   // 32767: user-defined
    geo->point = _gwt_geo_key(geo, _GWT_KEY_RASTER_TYPE) == 2;
}

// The keys of an EPSG code: model type 1 is projected, 2 geographic; raster type 1 is area.
static bool _gwt_geo_set_epsg(gwt *g, _gwt_geo *geo, int code, gwt_crs_kind kind)
{
    bool geographic = kind == GWT_CRS_BY_CODE ? code >= 4000 && code <= 4999
                                              : kind == GWT_GEOGRAPHIC;
    const uint16_t keys[16] = {
        1, 1, 0, 3, _GWT_KEY_MODEL_TYPE, 0, 1, geographic ? 2 : 1, _GWT_KEY_RASTER_TYPE, 0, 1, 1,
        geographic ? _GWT_KEY_GEOGRAPHIC : _GWT_KEY_PROJECTED, 0, 1, (uint16_t)code
    };
    if (code < 1024 || code > 32766)
        return _gwt_fail(g, GWT_E_ARGUMENT, "EPSG code %d: a GeoTIFF can hold 1024 to 32766", code);
    geo->keys = (void *)_gwt_keep_bytes(g, keys, sizeof keys);
    geo->num_keys = geo->keys ? 16 : 0;
    geo->num_doubles = geo->num_ascii = 0;
    if (geo->keys) _gwt_geo_read_keys(geo);
    return geo->keys != NULL;
}

static bool _gwt_geo_usable(const double t[6])
{
    for (int i = 0; i < 6; i++)
        if (!isfinite(t[i]) || fabs(t[i]) > 1e100) return false;
    return true;
}

static bool _gwt_geo_same_crs(const _gwt_geo *a, const _gwt_geo *b)
{
    if (a->epsg || b->epsg) return a->epsg == b->epsg;
    if (!a->num_keys || !b->num_keys) return a->num_keys == b->num_keys;
    // User-defined both: the raster type (area or point) does not count, the rest must be the same.
    if (a->num_keys != b->num_keys || a->num_doubles != b->num_doubles
        || a->num_ascii != b->num_ascii)
        return false;
    for (uint32_t i = 0; i < a->num_keys; i++)
        if (a->keys[i] != b->keys[i] && !(i % 4 == 3 && a->keys[i - 3] == _GWT_KEY_RASTER_TYPE))
            return false;
    return (a->num_doubles == 0 || !memcmp(a->doubles, b->doubles, a->num_doubles * sizeof(double)))
        && (a->num_ascii == 0 || !memcmp(a->ascii, b->ascii, a->num_ascii));
}

// Whether pixel (col, row) of both lies within 1e-3 of a pixel of the same place.
static bool _gwt_geo_same_place(const _gwt_geo *a, const _gwt_geo *b, double col, double row)
{
    double dx = (a->t[0] - b->t[0]) * col + (a->t[1] - b->t[1]) * row + (a->t[2] - b->t[2]);
    double dy = (a->t[3] - b->t[3]) * col + (a->t[4] - b->t[4]) * row + (a->t[5] - b->t[5]);
    double cell_x = hypot(a->t[0], a->t[3]), cell_y = hypot(a->t[1], a->t[4]);
    return fabs(dx) <= 1e-3 * (cell_x > 0 ? cell_x : 1)
        && fabs(dy) <= 1e-3 * (cell_y > 0 ? cell_y : 1);
}

static bool _gwt_geo_same_grid(const _gwt_geo *a, const _gwt_geo *b)
{
    if (a->width != b->width || a->height != b->height) return false;
    if (a->has_transform != b->has_transform || !_gwt_geo_same_crs(a, b)) return false;
    double w = (double)a->width, h = (double)a->height;
    return _gwt_geo_same_place(a, b, 0, 0) && _gwt_geo_same_place(a, b, w, 0)
        && _gwt_geo_same_place(a, b, 0, h);
}

// Around its four corners.
static gwt_bounds _gwt_geo_bounds(const _gwt_geo *geo)
{
    const double *t = geo->t, w = (double)geo->width, h = (double)geo->height;
    gwt_bounds b = gwt_bounds_of(t[2], t[5], t[2], t[5]);
    for (int corner = 1; corner < 4; corner++) {
        double col = corner & 1 ? w : 0, row = corner & 2 ? h : 0;
        double x = t[2] + t[0] * col + t[1] * row, y = t[5] + t[3] * col + t[4] * row;
        b = gwt_bounds_of(fmin(b.left, x), fmin(b.bottom, y), fmax(b.right, x), fmax(b.top, y));
    }
    return b;
}

// How a grid lies on another one of its CRS, by axis (0: y): where the corner of its first cell is,
// in cells of that, and how many of them a cell spans.
typedef struct _gwt_relation {
    double scale[2], origin[2];
    bool whole;                 // its cells are cells of that, 1e-3 of one apart at most
} _gwt_relation;

// False when there is no such relation: another CRS, rotation, or numbers beyond reason.
static bool _gwt_geo_relate(const _gwt_geo *geo, const _gwt_geo *of, _gwt_relation *r)
{
    const double *t = geo->t, *s = of->t, size[2] = { (double)geo->height, (double)geo->width };
    if (!_gwt_geo_same_crs(geo, of) || t[1] != 0 || t[3] != 0 || s[1] != 0 || s[3] != 0)
        return false;
    *r = (_gwt_relation){ { t[4] / s[4], t[0] / s[0] },
                          { (t[5] - s[5]) / s[4], (t[2] - s[2]) / s[0] }, true };
    for (int i = 0; i < 2; i++) {
        if (!(r->scale[i] > 1e-6 && r->scale[i] < 1e6 && fabs(r->origin[i]) < 1e15)) return false;
        r->whole = r->whole && fabs(r->scale[i] - 1) * size[i] <= 1e-3
                && fabs(r->origin[i] - rint(r->origin[i])) <= 1e-3;
    }
    return true;
}

// Widen (all) or narrow a range of whole cells of the grid `of`, by axis, to what `geo` covers.
static bool _gwt_geo_meet(const _gwt_geo *of, const _gwt_geo *geo, bool all, double *from,
                          double *to)
{
    double size[2] = { (double)geo->height, (double)geo->width };
    _gwt_relation r;
    if (!_gwt_geo_relate(geo, of, &r)) return false;
    for (int i = 0; i < 2; i++) {
        double begin = r.origin[i], end = begin + size[i] * r.scale[i];
        from[i] = all ? fmin(from[i], floor(begin + 1e-3)) : fmax(from[i], ceil(begin - 1e-3));
        to[i] = all ? fmax(to[i], ceil(end - 1e-3)) : fmin(to[i], floor(end + 1e-3));
    }
    return true;
}

// rows x cols cells from (row, col) on.
static void _gwt_geo_cut(_gwt_geo *geo, double row, double col, int64_t rows, int64_t cols)
{
    geo->t[2] += geo->t[0] * col + geo->t[1] * row;
    geo->t[5] += geo->t[3] * col + geo->t[4] * row;
    geo->height = rows;
    geo->width = cols;
}

// Every step-th cell: wider ones around the same centres.
static void _gwt_geo_thin(_gwt_geo *geo, int step)
{
    double k = step, at = 0.5 - 0.5 * k, *t = geo->t;
    t[2] += (t[0] + t[1]) * at;
    t[5] += (t[3] + t[4]) * at;
    t[0] *= k; t[1] *= k;
    t[3] *= k; t[4] *= k;
    geo->height = _gwt_ceil_div(geo->height, step);
    geo->width = _gwt_ceil_div(geo->width, step);
}

// The cells whose centres lie within bounds: first row and column, and how many. False: none.
static bool _gwt_geo_within(const _gwt_geo *geo, gwt_bounds b, int64_t *from, int64_t *size)
{
    const double *t = geo->t, most[2] = { (double)geo->height - 1, (double)geo->width - 1 };
    // Centres: t[2] + (col + 0.5) t[0] >= left, and so on; rows run down when t[4] < 0.
    double one[2] = { (b.top - t[5]) / t[4] - 0.5, (b.left - t[2]) / t[0] - 0.5 },
           two[2] = { (b.bottom - t[5]) / t[4] - 0.5, (b.right - t[2]) / t[0] - 0.5 };
    if (t[1] != 0 || t[3] != 0 || !(b.left <= b.right) || !(b.bottom <= b.top)) return false;
    for (int i = 0; i < 2; i++) {
        double first = fmax(ceil(fmin(one[i], two[i]) - 1e-6), 0),
               last = fmin(floor(fmax(one[i], two[i]) + 1e-6), most[i]);
        if (!(first <= last)) return false;
        from[i] = (int64_t)first;
        size[i] = (int64_t)(last - first) + 1;
    }
    return true;
}

// A grid of the same CRS with other bounds or cells: unset, or 0, leaves them.
static bool _gwt_geo_regrid(gwt *g, _gwt_geo *geo, gwt_bounds b, double res_x, double res_y)
{
    double *t = geo->t,
           cell[2] = { res_x > 0 ? res_x : fabs(t[0]), res_y > 0 ? res_y : fabs(t[4]) };
    if (!b.set && res_x == 0 && res_y == 0) return true;
    if (!b.set) b = _gwt_geo_bounds(geo);
    // As many as have their centres within.
    double cols = fmax(ceil((b.right - b.left) / cell[0] - 0.501), b.right > b.left),
           rows = fmax(ceil((b.top - b.bottom) / cell[1] - 0.501), b.top > b.bottom);
    if (t[1] != 0 || t[3] != 0)
        return _gwt_fail(g, GWT_E_ARGUMENT, "a rotated array has no grid along its CRS's "
                         "axes");
    if (!(res_x >= 0) || !(res_y >= 0) || !(cols >= 1) || !(rows >= 1)
        || cols > INT32_MAX || rows > INT32_MAX)
        return _gwt_fail(g, GWT_E_ARGUMENT,
                         "no grid of cells %.10g x %.10g within %.10g, %.10g, %.10g, %.10g (left, "
                         "bottom, right, top)",
                         cell[0], cell[1], b.left, b.bottom, b.right, b.top);
    // From the edges where its own first column and row are.
    bool from_right = t[0] < 0, from_bottom = t[4] > 0;
    memcpy(t, (double[6]){ from_right ? -cell[0] : cell[0], 0, from_right ? b.right : b.left, 0,
                           from_bottom ? cell[1] : -cell[1], from_bottom ? b.bottom : b.top },
           6 * sizeof *t);
    geo->width = (int64_t)cols;
    geo->height = (int64_t)rows;
    return true;
}

// For messages: "627 x 603 cells of (30, -30) from (452475, 3408645), EPSG:32616".
static const char *_gwt_geo_text(char *to, size_t size, const _gwt_geo *geo)
{
    char crs[24], n[4][24];
    const int at[4] = { 0, 4, 2, 5 };
    for (int i = 0; i < 4; i++) _gwt_os_double_text(n[i], sizeof n[i], geo->t[at[i]]);
    if (geo->epsg) snprintf(crs, sizeof crs, "EPSG:%d", geo->epsg);
    else snprintf(crs, sizeof crs, geo->num_keys ? "a user-defined CRS" : "no CRS");
    snprintf(to, size, "%lld x %lld cells of (%s, %s) from (%s, %s), %s", (long long)geo->width,
             (long long)geo->height, n[0], n[1], n[2], n[3], crs);
    return to;
}

// >>store -------------------------------------------------------------------------------------
// Where the bytes of inputs come from: files, or memory of the caller's.
//
// However many files a session has, a bounded number of them is open: as many as make half of what
// the process may have open (RLIMIT_NOFILE; the other half is for outputs and for the rest of the
// program), and those that are read right now. A file is open while somebody holds it, and mostly
// longer. When there are too many, whoever lets go of one looks at another, each time the next: if
// nobody has held that since it was last looked at, it is closed, else the one that was let go of.
// So files that are done with make room, while of a stack of more files than that, which are read
// round and round, those that are open stay so: if the least recently used one were always closed,
// each would be closed just before it is wanted again.
//
// A closed file is opened again by who holds it next, and refused if it is another file by then.
//
// Locks: a store's own guards its file and who holds it. It is held while the file is opened again,
// for which all who want that file have to wait. The list of open files has one for the session,
// held while a file comes or goes, never while one is opened or read. It may be taken under a
// store's; a store's is only tried under it.

typedef struct _gwt_store {
    // Set while opening, read-only afterwards.
    gwt *g;
    const char *path;           // as it was asked for; of memory, what messages call it
    const char *whole_path;     // from the root on, without links; of memory, its identity or path
    const char *memory;         // the caller's pixels; NULL: it is a file
    bool identified;            // the caller says which pixels these are
    bool may_shrink;            // what is not there any more is filled
    uint64_t length;            // bytes
    _gwt_os_facts facts;        // of the file, when it was opened
    // Shared.
    _gwt_mutex lock;            // guards the next three
    _gwt_os_file file;          // below zero: closed
    int holders;                // while there are any, the file stays open
    struct _gwt_decoder *idle;  // of its images, for whoever decodes a tile next
    atomic_bool recent;         // held since it was last looked at
    size_t place;               // in the list of open files: guarded by the lock of that
} _gwt_store;

typedef struct _gwt_files {
    atomic_size_t n;            // open: changed under the lock, read without by those who let go
    atomic_size_t most;
    _gwt_mutex lock;            // guards what follows
    _gwt_store **open;
    size_t room, next;          // the one to look at
} _gwt_files;

enum { _GWT_MOST_FILES = 4096 };        // more are of no use, where the system has no limit

static bool _gwt_files_begin(gwt *g)
{
    _gwt_files *f = _gwt_keep(g, 1, sizeof *f);
    if (f && _gwt_mutex_init(&f->lock)) g->files = f;
    return g->files != NULL;
}

static void _gwt_files_end(_gwt_files *f)
{
    GWT_FREE(f->open);
    _gwt_mutex_destroy(&f->lock);
}

// Under the store's lock: its file has been opened. The limit may be another than last time.
static bool _gwt_files_add(_gwt_store *b)
{
    _gwt_files *f = b->g->files;
    uint64_t half = _gwt_os_most_files() / 2;
    _gwt_lock(&f->lock);
    atomic_store(&f->most, (size_t)(half < _GWT_MOST_FILES ? half : _GWT_MOST_FILES));
    size_t n = atomic_load(&f->n);
    bool good = _gwt_list_grow(&f->open, n, 1, &f->room, sizeof *f->open);
    if (good) {
        b->place = n;
        f->open[n] = b;
        atomic_store(&f->n, n + 1);
    }
    _gwt_unlock(&f->lock);
    return good
        || _gwt_fail(b->g, GWT_E_MEMORY, "out of memory: cannot allocate the list of files");
}

static void _gwt_decoders_free(gwt *g, struct _gwt_decoder *list);

// Under the list's lock: the idle decoders of a store that nobody holds, to be freed without locks.
static struct _gwt_decoder *_gwt_files_take_idle(_gwt_store *b)
{
    struct _gwt_decoder *idle = NULL;
    if (!_gwt_trylock(&b->lock)) return NULL;
    if (!b->holders) {
        idle = b->idle;
        b->idle = NULL;
    }
    _gwt_unlock(&b->lock);
    return idle;
}

// Under the list's lock: the file of a store that nobody holds, which is off the list then, to be
// closed without locks; below zero where there is none.
static _gwt_os_file _gwt_files_remove(_gwt_files *f, _gwt_store *b)
{
    if (!_gwt_trylock(&b->lock)) return -1;
    _gwt_os_file file = b->holders ? -1 : b->file;
    if (file >= 0) {
        size_t last = atomic_load(&f->n) - 1;
        b->file = -1;
        f->open[b->place] = f->open[last];
        f->open[b->place]->place = b->place;
        atomic_store(&f->n, last);
    }
    _gwt_unlock(&b->lock);
    return file;
}

// One file less, if there are too many: another that is done with, or the one just let go of. Where
// both are held by others, these come here when they let go. Too many idle decoders: those of the
// other, if that is done with.
static void _gwt_files_trim(gwt *g, _gwt_store *mine)
{
    _gwt_files *f = g->files;
    _gwt_os_file file = -1;
    struct _gwt_decoder *idle = NULL;
    _gwt_lock_seen(&f->lock);
    size_t n = atomic_load(&f->n);
    _gwt_store *other = n ? f->open[f->next++ % n] : mine;
    bool used = atomic_exchange(&other->recent, false);
    if (!used) idle = _gwt_files_take_idle(other);
    if (n > atomic_load(&f->most)) file = _gwt_files_remove(f, used ? mine : other);
    _gwt_unlock(&f->lock);
    _gwt_os_close(file);
    _gwt_decoders_free(g, idle);
}

// The system has no file left: one of ours, whichever nobody holds.
static bool _gwt_files_spare(_gwt_files *f)
{
    _gwt_os_file file = -1;
    _gwt_lock(&f->lock);
    for (size_t i = 0; i < atomic_load(&f->n) && file < 0; i++)
        file = _gwt_files_remove(f, f->open[i]);
    _gwt_unlock(&f->lock);
    _gwt_os_close(file);
    return file >= 0;
}

// What is there, and a new output. Where no more files may be open, an input makes room.
static _gwt_os_file _gwt_files_open(gwt *g, const char *path, int access)
{
    _gwt_os_file file;
    do file = _gwt_os_open(path, access);
    while (file == _GWT_OS_MANY && _gwt_files_spare(g->files));
    return file;
}

static _gwt_os_file _gwt_files_create(gwt *g, const char *path, bool is_private)
{
    _gwt_os_file file;
    do file = _gwt_os_create(path, is_private);
    while (file == _GWT_OS_MANY && _gwt_files_spare(g->files));
    return file;
}

// Why what is there now is not what was opened first; NULL: it is.
static const char *_gwt_store_changed(const _gwt_store *b, const _gwt_os_facts *now)
{
    static const char changed[] = "it has changed since it was opened";
    if (!_gwt_os_same_file(&b->facts, now)) return changed;
    if (now->size < b->facts.size) return b->may_shrink ? NULL : "the file has become shorter";
    return now->size == b->facts.size && _gwt_os_same_time(now->modified, b->facts.modified)
               ? NULL : changed;
}

// Under its lock: open its file, for the first time or again.
static bool _gwt_store_open(_gwt_store *b)
{
    bool again = b->facts.is_file;
    _gwt_os_facts now = { 0 };
    _gwt_os_file file = _gwt_files_open(b->g, b->whole_path, _GWT_OS_READ);
    int error = file < 0 ? file : _gwt_os_ask(file, &now);
    const char *why = error ? _GWT_OS_ERROR(error) : again ? _gwt_store_changed(b, &now) : NULL;
    if (why)
        _gwt_fail(b->g, GWT_E_IO, "%s: can't be opened%s: %s", b->path, again ? " again" : "", why);
    else if (!now.is_file)
        _gwt_fail(b->g, GWT_E_IO, "%s: is not a file", b->path);
    else if (_gwt_files_add(b)) {
        b->file = file;
        if (!again) b->facts = now;
        return true;
    }
    _gwt_os_close(file);
    return false;
}

// From here on its bytes can be read, until it is let go of.
static bool _gwt_store_hold(_gwt_store *b)
{
    _gwt_lock_seen(&b->lock);
    bool good = b->file >= 0 || _gwt_store_open(b);
    b->holders += good;
    _gwt_unlock(&b->lock);
    return good;
}

static void _gwt_store_let_go(_gwt_store *b)
{
    _gwt_files *f = b->g->files;
    atomic_store(&b->recent, true);
    _gwt_lock_seen(&b->lock);
    b->holders--;
    _gwt_unlock(&b->lock);
    if (atomic_load(&f->n) > atomic_load(&f->most)) _gwt_files_trim(b->g, b);
}

// After it was read: whether its file is what it was. One that was closed, to make room, is what
// has its name now.
static bool _gwt_store_check(_gwt_store *b)
{
    _gwt_os_facts now = b->facts;
    if (b->memory) return true;
    _gwt_lock(&b->lock);
    int error = b->file >= 0 ? _gwt_os_ask(b->file, &now)
                             : _gwt_os_look(b->whole_path, true, &now);
    _gwt_unlock(&b->lock);
    const char *why = error ? _GWT_OS_ERROR(error) : _gwt_store_changed(b, &now);
    return !why || _gwt_fail(b->g, GWT_E_IO, "%s: cannot be used any more: %s", b->path, why);
}

// Nobody holds it any more, or will.
static void _gwt_store_close(_gwt_store *b)
{
    _gwt_lock(&b->g->files->lock);
    _gwt_os_file file = _gwt_files_remove(b->g->files, b);
    _gwt_unlock(&b->g->files->lock);
    _gwt_os_close(file);
    _gwt_mutex_destroy(&b->lock);
}

// While a file is opened: what was read of it last, in two places. What says where its pixels lie
// is read in many small parts, most of which lie side by side.
typedef struct _gwt_pages {
    struct { unsigned char bytes[16 << 10]; uint64_t at, n; } page[2];
    int last;                   // that was of use
} _gwt_pages;

// As _gwt_os_read.
static int64_t _gwt_pages_read(_gwt_pages *p, _gwt_os_file file, void *to, uint64_t n, uint64_t at)
{
    if (n > sizeof p->page[0].bytes) return _gwt_os_read(file, to, n, at);
    int i = 0;
    while (i < 2 && !(at >= p->page[i].at && n <= p->page[i].n
                      && at - p->page[i].at <= p->page[i].n - n))
        i++;
    if (i == 2) {
        i = !p->last;
        int64_t got = _gwt_os_read(file, p->page[i].bytes, sizeof p->page[i].bytes, at);
        if (got < 0) return got;
        p->page[i].at = at;
        p->page[i].n = (uint64_t)got;
    }
    p->last = i;
    if (n > p->page[i].n) n = p->page[i].n;     // the end of the file
    memcpy(to, p->page[i].bytes + (at - p->page[i].at), (size_t)n);
    return (int64_t)n;
}

// What a file is called wherever the process may go. Of one that has no such name, as asked for.
static const char *_gwt_whole_path(gwt *g, const char *path)
{
    char *whole = _gwt_os_whole_path(path);
    const char *kept = whole ? _gwt_keep_string(g, whole) : path;
    free(whole);
    return kept;
}

// >>meta --------------------------------------------------------------------------------------
// What a file says of its pixels besides their values and how they are stored, kept as long as
// whoever opened it.
//
//     said by                                     kept as
//     GDAL_METADATA, items without a sample       items of the file; of no domain, tags as well
//       with a sample, role description           the band's name
//       role scale, offset                        the band's factor and offset
//       role colorinterp                          the band's interpretation
//       other roles                               items of the band
//       domain GWT                                checksums of tiles, for `read` to understand
//     GDAL_NODATA                                 nodata
//     Photometric, ExtraSamples, ColorMap         colours of bands
//     _gwt_copied_tags                            their values
//     GeoKeys, tie point, scale, transformation   geo
//
// What _gwt_array_derive carries along and `write` writes is in the first two structs below.

// An item of GDAL_METADATA; "" is no domain, no role.
typedef struct _gwt_item {
    const char *domain, *name, *role, *text;
    int64_t band;               // -1: of the file
    size_t order;               // in the file
} _gwt_item;

typedef struct _gwt_items { _gwt_item *list; size_t n; } _gwt_items;    // by _gwt_item_compare

static const struct { uint16_t tag, type; size_t size; bool place; } _gwt_copied_tags[] = {
    { TIFFTAG_DOCUMENTNAME, TIFF_ASCII, 1, false },
    { TIFFTAG_IMAGEDESCRIPTION, TIFF_ASCII, 1, false },
    { TIFFTAG_SOFTWARE, TIFF_ASCII, 1, false },
    { TIFFTAG_DATETIME, TIFF_ASCII, 1, false },
    { TIFFTAG_ARTIST, TIFF_ASCII, 1, false },
    { TIFFTAG_HOSTCOMPUTER, TIFF_ASCII, 1, false },
    { TIFFTAG_COPYRIGHT, TIFF_ASCII, 1, false },
    { TIFFTAG_XRESOLUTION, TIFF_RATIONAL, sizeof(uint64_t), false },
    { TIFFTAG_YRESOLUTION, TIFF_RATIONAL, sizeof(uint64_t), false },
    { TIFFTAG_RESOLUTIONUNIT, TIFF_SHORT, sizeof(uint16_t), false },
    { TIFFTAG_XMLPACKET, TIFF_BYTE, 1, false },
    { TIFFTAG_ICCPROFILE, TIFF_UNDEFINED, 1, false },
    { 50844, TIFF_DOUBLE, sizeof(double), true },               // of RPCs
    // Ground control points, which is what tie points are where there is no transform.
    { _GWT_TAG_TIEPOINT, TIFF_DOUBLE, sizeof(double), true }
};
enum { _GWT_COPIED_POINTS = _GWT_COUNT(_gwt_copied_tags) - 1 };

typedef struct _gwt_tag_value { const void *data; uint32_t count; } _gwt_tag_value;

typedef struct _gwt_file_about {
    _gwt_items items;
    _gwt_tag_value tags[_GWT_COUNT(_gwt_copied_tags)];
} _gwt_file_about;

typedef struct _gwt_band_about {
    _gwt_items items;
    const char *name;           // its description; NULL: it has none
    double scale, offset;
    const char *interpretation; // GDAL's colour interpretation, where an item says it; else ""
    uint16_t photometric;       // it is number `colour` of the `colours` of that
    int colour, colours;        // colour -1: of none
    uint16_t extra;             // what it is then: EXTRASAMPLE_..
    const uint16_t *palette;    // all reds, all greens, all blues: `shades` each
    size_t shades;
} _gwt_band_about;

typedef struct _gwt_span { const char *at; size_t n; } _gwt_span;

typedef struct _gwt_meta {
    gwt *g;
    const char *path;           // for messages
    gwt_dtype dtype;
    int64_t num_bands;
    _gwt_file_about about;
    _gwt_band_about *bands;     // NULL: nothing is said, of pixels in memory
    const char **tags;          // "name=text", up to NULL; NULL: none
    bool has_scales;
    gwt_optional nodata;
    int alpha;                  // the number of that band, from 1; 0: there is none
    int bits;                   // of a sample in the file: so many colours has a palette
    _gwt_span crcs, crcs_of;    // texts of the checksums' two items
} _gwt_meta;

// ---- tags

// A tag that libtiff does not know by itself, when it has the type we expect. How the count is
// handed out depends on who registered the tag: libtiff when it met it, or another library of the
// process (libgeotiff, GDAL).
static const void *_gwt_tag(TIFF *tif, uint32_t tag, TIFFDataType type, uint32_t *count)
{
    const TIFFField *field = TIFFFindField(tif, tag, TIFF_ANY);
    const void *data = NULL;
    *count = 0;
    if (!field || TIFFFieldDataType(field) != type) return NULL;
    if (!TIFFFieldPassCount(field)) {
        if (type != TIFF_ASCII || !TIFFGetField(tif, tag, &data) || !data) return NULL;
        *count = (uint32_t)strlen(data);
    } else if (TIFFFieldReadCount(field) == TIFF_VARIABLE2) {
        if (!TIFFGetField(tif, tag, count, &data)) return NULL;
    } else {
        uint16_t n = 0;
        if (!TIFFGetField(tif, tag, &n, &data)) return NULL;
        *count = n;
    }
    return *count ? data : NULL;
}

static const char *_gwt_tag_text(gwt *g, TIFF *tif, uint32_t tag)
{
    uint32_t n;
    const char *text = _gwt_tag(tif, tag, TIFF_ASCII, &n);
    return text ? _gwt_keep_bytes(g, text, n) : NULL;
}

// A RATIONAL, which libtiff gives as float: the numerator, and the denominator in the upper half. A
// float is a whole number of 24 bits times a power of two, so from 2^-7 on it stays what it is.
static uint64_t _gwt_rational(double v)
{
    uint64_t of = 1;
    for (; v != floor(v) && v < 0x1p31 && of < 0x80000000; of *= 2) v *= 2;
    return of << 32 | (uint64_t)v;
}

// A tag of one number as _gwt_directory_add takes it, put into *to.
static const void *_gwt_tag_number(TIFF *tif, uint32_t tag, TIFFDataType type, uint64_t *to)
{
    uint16_t whole;
    float number;
    if (type == TIFF_SHORT && TIFFGetField(tif, tag, &whole) == 1)
        return memcpy(to, &whole, sizeof whole);
    if (type != TIFF_RATIONAL || TIFFGetField(tif, tag, &number) != 1) return NULL;
    if (!(number > 0 && number < 0x1p32f)) return NULL;     // of two axes libtiff makes up one as 0
    *to = _gwt_rational((double)number);
    return to;
}

static bool _gwt_meta_read_copied(_gwt_meta *m, TIFF *tif)
{
    for (size_t i = 0; i < _GWT_COUNT(_gwt_copied_tags); i++) {
        uint32_t n = 1;
        uint64_t number;
        TIFFDataType type = (TIFFDataType)_gwt_copied_tags[i].type;
        uint32_t tag = _gwt_copied_tags[i].tag;
        const void *data = type == TIFF_RATIONAL || type == TIFF_SHORT
                         ? _gwt_tag_number(tif, tag, type, &number)
                         : _gwt_tag(tif, tag, type, &n);
        if (!data) continue;
        if (type == TIFF_ASCII) n = (uint32_t)strlen(data) + 1;
        const char *kept = _gwt_keep_bytes(m->g, data, n * _gwt_copied_tags[i].size);
        if (!kept) return false;
        m->about.tags[i] = (_gwt_tag_value){ kept, n };
    }
    return true;
}

// ---- georeference

static bool _gwt_meta_read_transform(const _gwt_meta *m, _gwt_geo *geo, TIFF *tif)
{
    uint32_t num_scale, num_tie, num_all;
    const double *scale = _gwt_tag(tif, _GWT_TAG_PIXEL_SCALE, TIFF_DOUBLE, &num_scale);
    const double *tie = _gwt_tag(tif, _GWT_TAG_TIEPOINT, TIFF_DOUBLE, &num_tie);
    const double *all = _gwt_tag(tif, _GWT_TAG_TRANSFORMATION, TIFF_DOUBLE, &num_all);
    double t[6] = { 1, 0, 0, 0, 1, 0 };
    if (scale && num_scale >= 2 && scale[0] != 0 && scale[1] != 0 && tie && num_tie >= 6) {
        geo->has_transform = true;
        t[0] = scale[0];
        t[4] = -fabs(scale[1]);
        t[2] = tie[3] - tie[0] * t[0];
        t[5] = tie[4] - tie[1] * t[4];
    } else if (all && num_all >= 8) {
        geo->has_transform = true;
        for (int i = 0; i < 6; i++) t[i] = all[(const int[]){ 0, 1, 3, 4, 5, 7 }[i]];
    }
    if (geo->has_transform && geo->point) {
        t[2] -= (t[0] + t[1]) * 0.5;
        t[5] -= (t[3] + t[4]) * 0.5;
    }
    memcpy(geo->t, t, sizeof t);
    return _gwt_geo_usable(t)
        || _gwt_fail(m->g, GWT_E_FORMAT, "%s: its georeference can't be used: its transform is "
                     "(%g, %g, %g, %g, %g, %g)", m->path, t[0], t[1], t[2], t[3], t[4], t[5]);
}

static bool _gwt_meta_read_geo(const _gwt_meta *m, _gwt_geo *geo, TIFF *tif)
{
    const void *keys = _gwt_tag(tif, _GWT_TAG_GEO_KEYS, TIFF_SHORT, &geo->num_keys);
    const void *doubles = _gwt_tag(tif, _GWT_TAG_GEO_DOUBLES, TIFF_DOUBLE, &geo->num_doubles);
    const void *ascii = _gwt_tag(tif, _GWT_TAG_GEO_ASCII, TIFF_ASCII, &geo->num_ascii);
    if (geo->num_keys < 4) geo->num_keys = 0;
    geo->keys = (void *)_gwt_keep_bytes(m->g, keys, geo->num_keys * sizeof(uint16_t));
    geo->doubles = (void *)_gwt_keep_bytes(m->g, doubles, geo->num_doubles * sizeof(double));
    geo->ascii = _gwt_keep_bytes(m->g, ascii, geo->num_ascii);
    if (!geo->keys || !geo->doubles || !geo->ascii) return false;
    if (geo->num_keys) _gwt_geo_read_keys(geo);
    return _gwt_meta_read_transform(m, geo, tif);
}

// ---- GDAL_METADATA: a flat list of <Item name=".." sample=".." ..>text</Item>

enum { _GWT_XML_NAME, _GWT_XML_DOMAIN, _GWT_XML_ROLE, _GWT_XML_SAMPLE, _GWT_XML_TEXT };

// As written; `at` is NULL where there is none.
typedef struct _gwt_xml_item { _gwt_span spans[_GWT_XML_TEXT + 1]; } _gwt_xml_item;

static bool _gwt_span_is(_gwt_span s, const char *text)
{
    return s.at && s.n == strlen(text) && !memcmp(s.at, text, s.n);
}

// From behind "<Item" to its '>'. Of attributes of one name the first counts.
static void _gwt_xml_attributes(const char *p, const char *end, _gwt_xml_item *item)
{
    static const char blank[] = " \t\r\n", *const names[] = { "name", "domain", "role", "sample" };
    for (;;) {
        p += strspn(p, blank);
        _gwt_span key = { p, strcspn(p, " \t\r\n=>") };
        p += key.n;
        p += strspn(p, blank);
        if (p >= end || *p != '=') return;
        p++;
        p += strspn(p, blank);
        const char *stop =
            p < end && (*p == '"' || *p == '\'') ? memchr(p + 1, *p, (size_t)(end - p - 1)) : NULL;
        if (!stop) return;
        for (size_t i = 0; i < _GWT_COUNT(names); i++)
            if (!item->spans[i].at && _gwt_span_is(key, names[i]))
                item->spans[i] = (_gwt_span){ p + 1, (size_t)(stop - p - 1) };
        p = stop + 1;
    }
}

// The next item that has a text; where to go on, or NULL: there is none.
static const char *_gwt_xml_next(const char *p, _gwt_xml_item *item)
{
    while ((p = strstr(p, "<Item")) != NULL) {
        const char *head_end = strchr(p, '>'), *end = head_end ? strchr(head_end, '<') : NULL;
        if (!end) return NULL;
        bool has_text =
            strchr(" \t\r\n", p[5]) && head_end[-1] != '/' && !strncmp(end, "</Item>", 7);
        if (has_text) {
            *item = (_gwt_xml_item){ 0 };
            _gwt_xml_attributes(p + 5, head_end, item);
            item->spans[_GWT_XML_TEXT] = (_gwt_span){ head_end + 1, (size_t)(end - head_end - 1) };
            return end;
        }
        p = end;
    }
    return NULL;
}

// A character as UTF-8: its end.
static char *_gwt_put_utf8(char *to, unsigned long c)
{
    static const unsigned char lead[] = { 0, 0xC0, 0xE0, 0xF0 };
    int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    *to++ = (char)(lead[more] | c >> 6 * more);
    for (int i = more - 1; i >= 0; i--) *to++ = (char)(0x80 | (c >> 6 * i & 0x3F));
    return to;
}

// One entity or character reference, or one plain character: written to *to, its end returned.
// What is neither is left as it stands. No reference is shorter than the UTF-8 it stands for.
static const char *_gwt_xml_character(const char *p, char **to)
{
    static const struct { const char *entity; char is; } entities[] = {
        { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&quot;", '"' }, { "&apos;", '\'' }
    };
    for (size_t e = 0; *p == '&' && e < _GWT_COUNT(entities); e++) {
        size_t n = strlen(entities[e].entity);
        if (strncmp(p, entities[e].entity, n)) continue;
        *(*to)++ = entities[e].is;
        return p + n;
    }
    if (p[0] == '&' && p[1] == '#') {
        const char *digits = p + 2 + (p[2] == 'x');
        char *stop;
        unsigned long c = strtoul(digits, &stop, p[2] == 'x' ? 16 : 10);
        bool is_hex = *digits >= '0' && *digits <= 'f';
        if (is_hex && *stop == ';' && c > 0 && c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF)) {
            *to = _gwt_put_utf8(*to, c);
            return stop + 1;
        }
    }
    *(*to)++ = *p;
    return p + 1;
}

// A span with its references replaced, so many times over; "" where there is none, and, with an
// error, where there is no memory.
static const char *_gwt_xml_decoded(gwt *g, _gwt_span s, int times)
{
    char *text = s.n ? _gwt_keep_bytes(g, s.at, s.n) : NULL;
    for (int i = 0; text && i < times; i++) {
        char *to = text;
        for (const char *p = text; *p;) p = _gwt_xml_character(p, &to);
        *to = 0;
    }
    return text ? text : "";
}

// ---- items

static int _gwt_item_compare_keys(const _gwt_item *x, const _gwt_item *y)
{
    int order = strcmp(x->domain, y->domain);
    if (!order) order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->role, y->role);
}

static int _gwt_item_compare(const void *a, const void *b)
{
    const _gwt_item *x = a, *y = b;
    if (x->band != y->band) return x->band < y->band ? -1 : 1;
    int order = _gwt_item_compare_keys(x, y);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

// Domains of which the output has its own, or that GDAL makes up from other tags.
static bool _gwt_item_is_of_file(const _gwt_item *item)
{
    static const char *const domains[] = { "GWT", "IMAGE_STRUCTURE", "COLOR_PROFILE", "SUBDATASETS",
                                           "DERIVED_SUBDATASETS", "TIFF" };
    for (size_t i = 0; i < _GWT_COUNT(domains); i++)
        if (!strcmp(item->domain, domains[i])) return true;
    return false;
}

// Whether an item of a band is one of those that have a place of their own here.
static bool _gwt_meta_take_role(_gwt_meta *m, const _gwt_item *item)
{
    char *stop;
    _gwt_band_about *band = &m->bands[item->band];
    double value = _gwt_os_strtod(item->text, &stop);
    bool scale = !strcmp(item->role, "scale");
    if (*item->domain) return false;
    if (!strcmp(item->role, "description")) {
        if (*item->text) band->name = item->text;
    } else if (!strcmp(item->role, "colorinterp")) {
        band->interpretation = item->text;
    } else if (scale || !strcmp(item->role, "offset")) {
        if (stop == item->text) return true;    // no number
        *(scale ? &band->scale : &band->offset) = value;
        m->has_scales = true;
    } else {
        return false;
    }
    return true;
}

// To its place, or onto the list. GDAL escapes texts once by itself and once more as XML; one that
// somebody else escaped once comes out right all the same, as a lone & is left alone.
static void _gwt_meta_add_item(_gwt_meta *m, _gwt_items *all, size_t *num_tags,
                               const _gwt_xml_item *xml)
{
    const _gwt_span *spans = xml->spans, sample = spans[_GWT_XML_SAMPLE];
    _gwt_item item = { _gwt_xml_decoded(m->g, spans[_GWT_XML_DOMAIN], 1),
                       _gwt_xml_decoded(m->g, spans[_GWT_XML_NAME], 1),
                       _gwt_xml_decoded(m->g, spans[_GWT_XML_ROLE], 1),
                       _gwt_xml_decoded(m->g, spans[_GWT_XML_TEXT], 2), -1, all->n };
    if (!spans[_GWT_XML_NAME].at || _gwt_item_is_of_file(&item)) return;
    if (sample.at) {
        char *stop;
        long band = strtol(sample.at, &stop, 10);
        if (stop != sample.at + sample.n || band < 0 || band >= m->num_bands) return;
        item.band = band;
        if (_gwt_meta_take_role(m, &item)) return;
    } else if (!*item.domain) {
        size_t n = strlen(item.name) + strlen(item.text) + 2;
        char *tag = _gwt_keep(m->g, n, 1);
        if (!tag) return;
        snprintf(tag, n, "%s=%s", item.name, item.text);
        m->tags[*num_tags] = tag;
        ++*num_tags;
    }
    all->list[all->n++] = item;
}

// What is kept is some five times as long as the text, which is no longer than the file. False, and
// an error, where there is no memory.
static bool _gwt_meta_read_items(_gwt_meta *m, const char *text)
{
    size_t most = 0, num_tags = 0;
    for (const char *p = text; (p = strstr(p, "</Item>")) != NULL; p++) most++;
    m->tags = _gwt_keep(m->g, most + 1, sizeof *m->tags);
    _gwt_items all = { _gwt_keep(m->g, most + 1, sizeof *all.list), 0 };
    if (!m->tags || !all.list) return false;
    _gwt_xml_item xml;
    for (const char *p = text; (p = _gwt_xml_next(p, &xml)) != NULL;) {
        if (!_gwt_span_is(xml.spans[_GWT_XML_DOMAIN], "GWT"))
            _gwt_meta_add_item(m, &all, &num_tags, &xml);
        else if (_gwt_span_is(xml.spans[_GWT_XML_NAME], "TILE_CRC32"))
            m->crcs = xml.spans[_GWT_XML_TEXT];
        else if (_gwt_span_is(xml.spans[_GWT_XML_NAME], "TILE_TABLE_CRC32"))
            m->crcs_of = xml.spans[_GWT_XML_TEXT];
    }
    if (all.n) qsort(all.list, all.n, sizeof *all.list, _gwt_item_compare);
    for (size_t i = 0; i < all.n; i++) {
        int64_t band = all.list[i].band;
        _gwt_items *of = band < 0 ? &m->about.items : &m->bands[band].items;
        if (!of->n) of->list = all.list + i;
        of->n++;
    }
    return !_gwt_failed(m->g);
}

// ---- colours

static uint16_t _gwt_about_extra(const _gwt_band_about *band)
{
    if (!band) return EXTRASAMPLE_UNSPECIFIED;
    if (!strcmp(band->interpretation, "Alpha") && band->extra == EXTRASAMPLE_UNSPECIFIED)
        return EXTRASAMPLE_UNASSALPHA;
    return band->colour < 0 ? band->extra : EXTRASAMPLE_UNSPECIFIED;
}

static bool _gwt_is_alpha(uint16_t extra)
{
    return extra == EXTRASAMPLE_ASSOCALPHA || extra == EXTRASAMPLE_UNASSALPHA;
}

static const uint16_t *_gwt_meta_read_palette(_gwt_meta *m, TIFF *tif, size_t shades)
{
    uint16_t *colour[3];
    if (TIFFGetField(tif, TIFFTAG_COLORMAP, &colour[0], &colour[1], &colour[2]) != 1) return NULL;
    uint16_t *palette = _gwt_keep(m->g, 3 * shades, sizeof *palette);
    for (size_t i = 0; palette && i < 3; i++)
        memcpy(palette + i * shades, colour[i], shades * sizeof *palette);
    return palette;
}

// All that is known of bands before the items. Colours that are not kept, and a palette without
// colours, are one grey band and others.
static bool _gwt_meta_read_colours(_gwt_meta *m, TIFF *tif)
{
    static const int samples[] = {
        [PHOTOMETRIC_MINISWHITE] = 1, [PHOTOMETRIC_MINISBLACK] = 1, [PHOTOMETRIC_PALETTE] = 1,
        [PHOTOMETRIC_RGB] = 3, [PHOTOMETRIC_CIELAB] = 3, [PHOTOMETRIC_SEPARATED] = 4
    };
    uint16_t photometric = PHOTOMETRIC_MINISBLACK, inks = INKSET_CMYK, extras = 0, *extra = NULL;
    size_t shades = 0;
    const uint16_t *palette = NULL;
    TIFFGetField(tif, TIFFTAG_PHOTOMETRIC, &photometric);
    TIFFGetField(tif, TIFFTAG_EXTRASAMPLES, &extras, &extra);
    TIFFGetFieldDefaulted(tif, TIFFTAG_INKSET, &inks);
    if (photometric == PHOTOMETRIC_YCBCR) photometric = PHOTOMETRIC_RGB;    // as it is decoded
    if (photometric == PHOTOMETRIC_PALETTE)
        shades = m->dtype == GWT_UINT8 || m->dtype == GWT_UINT16 ? (size_t)1 << m->bits : 0;
    if (shades) palette = _gwt_meta_read_palette(m, tif, shades);
    int colours = photometric < _GWT_COUNT(samples) ? samples[photometric] : 0;
    if (!colours || colours > m->num_bands || (photometric == PHOTOMETRIC_PALETTE && !palette)
        || (photometric == PHOTOMETRIC_SEPARATED && inks != INKSET_CMYK)) {
        photometric = PHOTOMETRIC_MINISBLACK;
        colours = 1;
    }
    m->bands = _gwt_keep(m->g, (size_t)m->num_bands, sizeof *m->bands);
    for (int64_t b = 0; m->bands && b < m->num_bands; b++) {
        int64_t e = b - (m->num_bands - extras);
        m->bands[b] = (_gwt_band_about){
            .interpretation = "", .scale = 1, .photometric = photometric, .colours = colours,
            .colour = b < colours ? (int)b : -1,
            .extra = b >= colours && e >= 0 ? extra[e] : EXTRASAMPLE_UNSPECIFIED,
            .palette = palette, .shades = palette ? shades : 0
        };
    }
    return m->bands != NULL;
}

// ---- nodata

// What C libraries of Microsoft's print for numbers that are none: "-1.#INF", "1.#QNAN", rounded to
// some digits "1.#INF00".
static const char *_gwt_nodata_special(const char *text, double *value)
{
    static const struct { const char *text; double value; } specials[] = {
        { "1.#INF", (double)INFINITY }, { "1.#IND", (double)NAN }, { "1.#QNAN", (double)NAN },
        { "1.#SNAN", (double)NAN }
    };
    bool negative = *text == '-';
    const char *from = text + (negative || *text == '+');
    for (size_t i = 0; i < _GWT_COUNT(specials); i++) {
        size_t n = strlen(specials[i].text);
        if (strncmp(from, specials[i].text, n)) continue;
        *value = negative ? -specials[i].value : specials[i].value;
        from += n;
        from += strspn(from, "0");
        return strncmp(from, "e+000", 5) ? from : from + 5;
    }
    return NULL;
}

// All of a text is a whole number that 64 bits hold: *bits.
static bool _gwt_nodata_whole(const char *text, bool is_signed, uint64_t *bits)
{
    uint64_t most = is_signed ? INT64_MAX : UINT64_MAX, value = 0;
    text += strspn(text, " \t\n\v\f\r");
    bool negative = *text == '-';
    if (negative && !is_signed) return false;
    if (*text == '-' || *text == '+') text++;
    if (*text < '0' || *text > '9') return false;
    for (most += negative; *text >= '0' && *text <= '9'; text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (most - digit) / 10) return false;
        value = 10 * value + digit;
    }
    *bits = negative ? 0 - value : value;
    return !text[strspn(text, " \n")];
}

// A number as GDAL writes it, or wrote it on some system: also "nan", "-nan", "inf", "-1.#INF"; of
// 64-bit integers exactly.
static gwt_optional _gwt_nodata_parse(gwt_dtype dtype, const char *text)
{
    gwt_optional o = { 0 };
    uint64_t bits;
    bool is_signed = dtype == GWT_INT64, wide = is_signed || dtype == GWT_UINT64;
    if (wide && _gwt_nodata_whole(text, is_signed, &bits))
        return _gwt_some_wide(is_signed ? (double)(int64_t)bits : (double)bits, bits);
    text += strspn(text, " \n");
    char *stop = NULL;
    const char *end = _gwt_nodata_special(text, &o.value);
    if (!end) o.value = _gwt_os_strtod(text, &stop);
    if (!end) end = stop;
    o.set = end != text && !end[strspn(end, " \n")];
    return o;
}

static bool _gwt_meta_read(_gwt_meta *m, _gwt_geo *geo, TIFF *tif)
{
    const char *nodata = _gwt_tag_text(m->g, tif, _GWT_TAG_GDAL_NODATA);
    if (nodata) m->nodata = _gwt_nodata_parse(m->dtype, nodata);
    if (!_gwt_meta_read_colours(m, tif) || !_gwt_meta_read_copied(m, tif)) return false;
    const char *items = _gwt_tag_text(m->g, tif, _GWT_TAG_GDAL_METADATA);
    if (items && !_gwt_meta_read_items(m, items)) return false;
    for (int64_t b = 0; b < m->num_bands && !m->alpha; b++)
        if (_gwt_is_alpha(_gwt_about_extra(&m->bands[b]))) m->alpha = (int)b + 1;
    if (!_gwt_meta_read_geo(m, geo, tif)) return false;
    if (geo->has_transform) m->about.tags[_GWT_COPIED_POINTS] = (_gwt_tag_value){ NULL, 0 };
    return true;
}

// >>read --------------------------------------------------------------------------------------
// Opening a file and decoding one of its tiles. libtiff parses the directory and runs the codecs;
// the bytes are fetched here, by pread, from one descriptor a file.
//
// A strip is a tile as wide as the image. A tile of a pixel-interleaved file holds all bands, of
// a planar one a single band, as in TIFF. Files whose pixels lie in one uncompressed run are cut
// into strips of our choice, whatever strips they say they have.
//
// Decoding needs a libtiff handle (it keeps the codec's state) that only one thread may use: a
// source keeps those that are idle and opens another when all are busy, so there come to be as
// many as threads that decode this file at once, if not too many of all files. Nothing is locked
// while decoding.

typedef struct _gwt_io {        // what a libtiff handle reads through
    const struct _gwt_source *source;
    uint64_t pos;
    const char *failed;         // why a read failed, which libtiff may pass over: it may lie in
    char why[_GWT_OS_TEXT];
    char message[256];          // libtiff's last error
} _gwt_io;

typedef struct _gwt_decoder {
    struct _gwt_decoder *next;
    TIFF *tif;
    _gwt_io io;
} _gwt_decoder;

// A further directory of a file: an image of its own, or one that belongs to another.
typedef struct _gwt_listed {
    uint64_t at;                // the byte that it begins at
    uint64_t kind;              // NewSubfileType
    uint64_t width, height;     // of its image; 0: it does not say
    int number;                 // in the chain, where the first directory has 1; of a SubIFD among
    bool sub;                   // those of its image, from 1
} _gwt_listed;

// An overview: an image of the same file or of another one.
typedef struct _gwt_level {
    const char *path;
    uint64_t at;                // as a source's
    gwt_image image;
} _gwt_level;

// Makes samples as an array has them of a row as libtiff decodes it; of YCbCr, of as many rows as
// share their colours, of which `rows` are wanted.
typedef void _gwt_widen_fn(const struct _gwt_source *s, const unsigned char *from, void *to,
                           int64_t rows);

typedef struct _gwt_source {
    // Set while opening, read-only afterwards.
    gwt *g;
    struct _gwt_source *next;
    gwt_scope *scope;           // that it is in
    _gwt_block_of_memory *named;        // where `path` is: events of a profile have it, too
    const char *path;           // what messages call it: the store's, and which directory
    uint64_t at;                // the byte that its directory begins at; 0: the first one
    _gwt_store store;
    _gwt_geo geo;
    gwt_dtype dtype;
    int64_t bands;
    int64_t tile_w, tile_h;
    int64_t across, down;       // tiles in a row, rows of tiles
    int64_t num_tiles;          // across * down, times the bands when planar
    uint64_t num_listed;        // of the shortest of the directory's lists of tiles
    size_t tile_bytes;
    // Samples that an array has not as the file has them (see ---- samples).
    _gwt_widen_fn *widen;       // NULL: decoded, a tile is as it is wanted
    uint16_t bits;              // of a sample in the file
    gwt_complex part;           // asked for
    gwt_dtype component;        // of a complex sample, of which there are two
    gwt_optional hole;          // real part of those that are nodata
    uint16_t shared_cols, shared_rows;  // of pixels that share a colour of YCbCr; else 1
    TIFFYCbCrToRGB *colours;
    size_t row_bytes;           // of shared_rows rows as libtiff decodes them
    size_t decoded_bytes;       // of a tile as libtiff decodes it
    size_t packed_bytes;        // what a worker needs to decode one that is not read directly
    size_t step;                // samples from a pixel to the next: bands, or 1 if planar
    bool planar;
    bool swapped;               // samples of the other byte order, or bytes of the other bit order
    bool direct;                // stored as libtiff decodes them: uncompressed, in our byte order
    uint64_t *offsets, *counts; // of each tile in the file; count 0: absent
    uint32_t *crcs;             // of its stored bytes, if the file lists them (.checksums)
    _gwt_meta meta;
    bool fills;                 // a tile that can't be read is `fill` all over,
    uint64_t fill;              // the bytes of what the caller, else the file, has as nodata
    _gwt_damage *damage;        // tiles that were: guarded by the session's lock; NULL: none
    gwt_optional fill_asked;
    const char *mask;           // where it lies, which nobody looks at; NULL: there is none
    int64_t block_w, block_h;   // as the file has it (tile_w, tile_h may be our choice)
    bool tiled, bigtiff, big_endian;
    bool passable;              // its tiles are what those of a file of ours may be
    uint16_t compression, predictor;
    _gwt_level *levels;         // from large to small
    int num_levels;
    _gwt_listed *listed;        // further directories, as far as they were looked at; of one that
    int num_listed_images;      // is not the first, its SubIFDs
    size_t room_listed;
    _gwt_pages *pages;          // while it is opened
    // Shared.
    struct _gwt_tile **tiles;   // the cache's: resident tiles; each guarded by its stripe
} _gwt_source;

// Of those without such a bound the factor is 0. Bytes that are left: libdeflate, in libtiff, stops
// before a stored block (at most 65535 bytes) or a match that goes beyond the tile; LZW and ZSTD
// fail when they come up short.
typedef struct _gwt_codec {
    uint16_t tag;
    const char *name;
    bool writable;
    int min_level, max_level;
    uint32_t level_tag;
    uint32_t expands;           // its input at the most, by this factor
    uint32_t leaves;            // of the end of a tile, at the most, and says that all is well
} _gwt_codec;

#define _GWT_ALL UINT32_MAX
static const _gwt_codec _gwt_codecs[] = {
    { COMPRESSION_NONE, "none", true, 0, 0, 0, 0, _GWT_ALL },
    // One 9-bit code for a string of at most 4096.
    { COMPRESSION_LZW, "lzw", true, 0, 0, 0, 4096, 0 },
    // zlib's technical notes: 1032.
    { COMPRESSION_ADOBE_DEFLATE, "deflate", true, 1, 12, TIFFTAG_ZIPQUALITY, 1040, 65535 },
    // Blocks of 128 KiB in 4 bytes.
    { COMPRESSION_ZSTD, "zstd", true, 1, 22, TIFFTAG_ZSTD_LEVEL, 65536, 0 },
    { COMPRESSION_PACKBITS, "packbits", true, 0, 0, 0, 128, _GWT_ALL },
    // Matches of 273 bytes, well under a bit each.
    { COMPRESSION_LZMA, "lzma", true, 1, 9, TIFFTAG_LZMAPRESET, 16384, _GWT_ALL },
    { COMPRESSION_DEFLATE, "deflate", false, 0, 0, 0, 1040, 65535 },
    // Blocks of 64 in some bits, subsampled bands.
    { COMPRESSION_JPEG, "jpeg", false, 0, 0, 0, 4096, _GWT_ALL },
    { COMPRESSION_OJPEG, "old-style jpeg", false, 0, 0, 0, 0, _GWT_ALL },
    { COMPRESSION_WEBP, "webp", false, 0, 0, 0, 0, _GWT_ALL },
    { COMPRESSION_LERC, "lerc", false, 0, 0, 0, 0, _GWT_ALL },
    { COMPRESSION_JP2000, "jpeg2000", false, 0, 0, 0, 0, _GWT_ALL },
    { COMPRESSION_CCITTRLE, "ccitt rle", false, 0, 0, 0, 0, _GWT_ALL },
    { COMPRESSION_CCITTFAX3, "ccitt fax 3", false, 0, 0, 0, 0, _GWT_ALL },
    { COMPRESSION_CCITTFAX4, "ccitt fax 4", false, 0, 0, 0, 0, _GWT_ALL },
    { COMPRESSION_SGILOG, "sgilog", false, 0, 0, 0, 0, _GWT_ALL },
    { COMPRESSION_SGILOG24, "sgilog24", false, 0, 0, 0, 0, _GWT_ALL },
    { COMPRESSION_PIXARLOG, "pixarlog", false, 0, 0, 0, 0, _GWT_ALL },
};

// One without a name, of which nothing is known, where there is none.
static const _gwt_codec *_gwt_codec_of(uint16_t compression)
{
    static const _gwt_codec unknown = { .leaves = _GWT_ALL };
    for (size_t i = 0; i < _GWT_COUNT(_gwt_codecs); i++)
        if (_gwt_codecs[i].tag == compression) return &_gwt_codecs[i];
    return &unknown;
}

// The name of a codec in our list, which lives longer than an array; "" when it is none.
static const char *_gwt_codec_named(const char *name)
{
    for (size_t i = 0; i < _GWT_COUNT(_gwt_codecs); i++)
        if (name && _gwt_same_name(name, _gwt_codecs[i].name)) return _gwt_codecs[i].name;
    return "";
}

// Open what an earlier run left at a name that is ours to use; a link is not followed. That there
// is nothing (*fd < 0, nothing strange) only the system says. False: it can't be known, with an
// error.
static bool _gwt_open_left(gwt *g, const char *path, _gwt_os_file *fd, const char **strange)
{
    _gwt_os_facts facts;
    *strange = NULL;
    *fd = _gwt_files_open(g, path, _GWT_OS_WRITE | _GWT_OS_NO_LINK);
    int error = *fd < 0 ? *fd : _gwt_os_ask(*fd, &facts);
    if (!error) {
        *strange = _gwt_os_strange(&facts);
        return true;
    }
    if (*fd < 0 && !_gwt_os_look(path, false, &facts) && facts.is_link) {
        *strange = _gwt_os_strange(&facts);
        return true;
    }
    _gwt_os_close(*fd);
    *fd = -1;
    if (error == _GWT_OS_ABSENT) return true;
    return _gwt_fail(g, GWT_E_IO, "%s exists and cannot be opened: %s", path,
                     _GWT_OS_ERROR(error));
}

// ---- libtiff on our file

static int64_t _gwt_source_bytes(const _gwt_source *s, void *to, uint64_t n, uint64_t at)
{
    return s->pages ? _gwt_pages_read(s->pages, s->store.file, to, n, at)
                    : _gwt_os_read(s->store.file, to, n, at);
}

static tmsize_t _gwt_io_read(thandle_t h, void *to, tmsize_t n)
{
    _gwt_io *io = h;
    int64_t got = n > 0 ? _gwt_source_bytes(io->source, to, (uint64_t)n, io->pos) : 0;
    uint64_t length = io->source->store.length;
    if (got < n && io->pos < length && (uint64_t)n <= length - io->pos)
        io->failed = got < 0 ? _gwt_os_error_text((int)got, io->why)
                             : "the file has become shorter";
    if (got > 0) io->pos += (uint64_t)got;
    return got < 0 ? -1 : (tmsize_t)got;
}

static tmsize_t _gwt_io_no_write(thandle_t h, void *from, tmsize_t n)
{
    (void)h, (void)from, (void)n;
    return -1;
}

static toff_t _gwt_io_seek(thandle_t h, toff_t to, int whence)
{
    _gwt_io *io = h;
    if (whence == SEEK_SET) io->pos = to;
    else if (whence == SEEK_CUR) io->pos += to;
    else io->pos = io->source->store.length + to;
    return io->pos;
}

static toff_t _gwt_io_size(thandle_t h) { return ((_gwt_io *)h)->source->store.length; }
static int _gwt_io_close(thandle_t h) { (void)h; return 0; }

#if TIFFLIB_VERSION >= 20221213     // 4.5: handlers of one file instead of the whole process
static int _gwt_tiff_error(TIFF *tif, void *user, const char *module, const char *format,
                           va_list args)
{
    (void)tif, (void)module;
    // Of a tag without a value, or one of no type, that libtiff leaves out.
    bool says_nothing = strstr(format, "Null count") || strstr(format, "SETGET_UNDEFINED");
    if (!says_nothing) vsnprintf(user, 256, format, args);
    return 1;
}

// JPEG's decoder goes on with what is damaged or too short, grey from there, and only warns.
static int _gwt_tiff_warning(TIFF *tif, void *user, const char *module, const char *format,
                             va_list args)
{
    static const char *const damage[] = { "Corrupt JPEG", "Premature end", "Improper JPEG" };
    char text[256] = "";
    (void)tif, (void)module;
    vsnprintf(text, sizeof text, format, args);
    for (size_t i = 0; i < _GWT_COUNT(damage); i++)
        if (!strncmp(text, damage[i], strlen(damage[i]))) memcpy(user, text, sizeof text);
    return 1;
}

static TIFF *_gwt_tiff_open(const char *name, const char *mode, thandle_t h, char *message,
                            TIFFReadWriteProc read, TIFFReadWriteProc write, TIFFSeekProc seek,
                            TIFFCloseProc close, TIFFSizeProc size)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) return NULL;
    TIFFOpenOptionsSetErrorHandlerExtR(options, _gwt_tiff_error, message);
    TIFFOpenOptionsSetWarningHandlerExtR(options, _gwt_tiff_warning, message);
    TIFF *tif =
        TIFFClientOpenExt(name, mode, h, read, write, seek, close, size, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return tif;
}
#else
static TIFF *_gwt_tiff_open(const char *name, const char *mode, thandle_t h, char *message,
                            TIFFReadWriteProc read, TIFFReadWriteProc write, TIFFSeekProc seek,
                            TIFFCloseProc close, TIFFSizeProc size)
{
    (void)message;
    return TIFFClientOpen(name, mode, h, read, write, seek, close, size, NULL, NULL);
}
#endif

// A handle at the source's directory. Modes: c: no chopping of strips. O: the arrays of offsets are
// read only where they are asked for. h: no directory is read, as the first one may be damaged.
static TIFF *_gwt_source_tiff(const _gwt_source *s, _gwt_io *io, bool reads_offsets)
{
    const char *mode = reads_offsets ? (s->at ? "rch" : "rc") : s->at ? "rcOh" : "rcO";
    *io = (_gwt_io){ .source = s };
    TIFF *tif = _gwt_tiff_open(s->path, mode, io, io->message, _gwt_io_read, _gwt_io_no_write,
                               _gwt_io_seek, _gwt_io_close, _gwt_io_size);
    if (!tif || !s->at || TIFFSetSubDirectory(tif, s->at)) return tif;
    TIFFClose(tif);
    return NULL;
}

// ---- checksums of tiles, as gwt_save's .checksums writes them
// TILE_CRC32 in the domain GWT has 8 hexadecimal digits for each tile. Others copy metadata along
// with pixels that they encode anew, and know nothing of its meaning: so TILE_TABLE_CRC32 says of
// which table of tiles it is, in the order of the directory. With another table, or without that
// item, a list says nothing.

static void _gwt_put(char *to, uint64_t value, size_t bytes)
{
    for (; bytes > 0; bytes--, value >>= 8) *to++ = (char)(value & 0xff);
}

static uint32_t _gwt_table_crc(uint32_t crc, uint64_t offset, uint64_t count)
{
    char bytes[16];
    _gwt_put(bytes, offset, 8);
    _gwt_put(bytes + 8, count, 8);
    return (uint32_t)crc32(crc, (const Bytef *)bytes, sizeof bytes);
}

static uint32_t _gwt_parse_crc(const char *digits)
{
    char one[9] = "";
    memcpy(one, digits, 8);
    return (uint32_t)strtoul(one, NULL, 16);
}

// None where there is no list that can be one for this file.
static bool _gwt_source_read_crcs(_gwt_source *s)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    _gwt_span list = s->meta.crcs, table = s->meta.crcs_of;
    if (!list.at || list.n != 8 * (size_t)s->num_tiles || strspn(list.at, digits) != list.n
        || !table.at || table.n != 8 || strspn(table.at, digits) != 8)
        return true;
    s->crcs = _gwt_keep(s->g, (size_t)s->num_tiles, sizeof *s->crcs);
    if (!s->crcs) return false;
    uint32_t crc = 0;
    for (int64_t i = 0; i < s->num_tiles; i++) {
        s->crcs[i] = _gwt_parse_crc(list.at + 8 * i);
        crc = _gwt_table_crc(crc, s->offsets[i], s->counts[i]);
    }
    if (crc != _gwt_parse_crc(table.at)) s->crcs = NULL;
    return true;
}

// ---- samples that arrays have otherwise than files
// Decoded by libtiff, a row has whole bytes. What stands in them becomes:
//
//     integers of 1..7, 9..15, 17..31 bits    a stream of bits, the highest first, in any byte
//                                             order: uint8, uint16, uint32. Signed ones, too, as
//                                             GDAL reads them
//     of 24 bits                              three bytes, as GDAL has them: uint32. In a little-
//                                             endian file the highest first, in others the lowest
//     floating point of 16, 24 bits           float32
//     complex numbers                         the part that was asked for
//     YCbCr, its colours shared by pixels     red, green, blue as libtiff's RGBA interface, and so
//                                             GDAL, computes them

static void _gwt_widen_bit(const _gwt_source *s, const unsigned char *from, void *to, int64_t rows)
{
    size_t n = (size_t)s->tile_w * s->step;
    uint8_t *x = to;
    (void)rows;
    for (; n >= 8; n -= 8, x += 8, from++)
        for (int i = 0; i < 8; i++) x[i] = (uint8_t)(*from >> (7 - i) & 1);
    for (size_t i = 0; i < n; i++) x[i] = (uint8_t)(*from >> (7 - i) & 1);
}

#define _GWT_WIDEN(type) \
    static void _gwt_widen_##type(const _gwt_source *s, const unsigned char *from, void *to, \
                                  int64_t rows) \
    { \
        size_t n = (size_t)s->tile_w * s->step; \
        unsigned bits = s->bits, left = 0; \
        uint64_t held = 0; \
        type *x = to; \
        (void)rows; \
        for (size_t i = 0; i < n; i++) { \
            for (; left < bits; left += 8) held = held << 8 | *from++; \
            left -= bits; \
            x[i] = (type)(held >> left & (((uint64_t)1 << bits) - 1)); \
        } \
    }
_GWT_WIDEN(uint8_t)
_GWT_WIDEN(uint16_t)
_GWT_WIDEN(uint32_t)

// As libtiff leaves them: it swaps the three bytes of files of the other byte order.
static uint32_t _gwt_three_bytes(const unsigned char *p, bool in_order)
{
    const uint16_t one = 1;
    bool low_first = (*(const unsigned char *)&one == 1) == in_order;
    return (uint32_t)p[low_first ? 2 : 0] << 16 | (uint32_t)p[1] << 8 | p[low_first ? 0 : 2];
}

static void _gwt_widen_three(const _gwt_source *s, const unsigned char *from, void *to,
                             int64_t rows)
{
    uint32_t *x = to;
    (void)rows;
    for (size_t i = 0; i < (size_t)s->tile_w * s->step; i++)
        x[i] = _gwt_three_bytes(from + 3 * i, false);
}

// IEEE 754's binary16, or a sign, 7 bits of exponent and 16 of fraction (Adobe's): float32 has them
// all, those below the least normal one as normal ones.
static float _gwt_float_of(uint32_t v, int exponent_bits, int fraction_bits)
{
    uint32_t most = (1u << exponent_bits) - 1, exponent = v >> fraction_bits & most;
    uint32_t fraction = v & ((1u << fraction_bits) - 1), bias = most >> 1, raw;
    uint32_t sign = v >> (exponent_bits + fraction_bits) << 31;
    if (exponent == 0) {
        float least = (float)ldexp((double)fraction, 1 - (int)bias - fraction_bits);
        return sign ? -least : least;
    }
    exponent = exponent == most ? 255 : exponent + 127 - bias;
    raw = sign | exponent << 23 | fraction << (23 - fraction_bits);
    float value;
    memcpy(&value, &raw, sizeof value);
    return value;
}

static void _gwt_widen_float16(const _gwt_source *s, const unsigned char *from, void *to,
                               int64_t rows)
{
    float *x = to;
    uint16_t half;
    (void)rows;
    for (size_t i = 0; i < (size_t)s->tile_w * s->step; i++) {
        memcpy(&half, from + 2 * i, sizeof half);
        x[i] = _gwt_float_of(half, 5, 10);
    }
}

static void _gwt_widen_float24(const _gwt_source *s, const unsigned char *from, void *to,
                               int64_t rows)
{
    float *x = to;
    (void)rows;
    for (size_t i = 0; i < (size_t)s->tile_w * s->step; i++)
        x[i] = _gwt_float_of(_gwt_three_bytes(from + 3 * i, true), 7, 16);
}

// One of four types as double, which holds all of their values.
static double _gwt_component(gwt_dtype t, const unsigned char *from)
{
    int16_t i16;
    int32_t i32;
    float f32;
    double f64;
    switch (t) {
    case GWT_INT16: memcpy(&i16, from, sizeof i16); return i16;
    case GWT_INT32: memcpy(&i32, from, sizeof i32); return i32;
    case GWT_FLOAT32: memcpy(&f32, from, sizeof f32); return (double)f32;
    default: memcpy(&f64, from, sizeof f64); return f64;
    }
}

static void _gwt_widen_real(const _gwt_source *s, const unsigned char *from, void *to, int64_t rows)
{
    size_t size = gwt_dtype_size(s->dtype), n = (size_t)s->tile_w * s->step;
    (void)rows;
    for (size_t i = 0; i < n; i++) memcpy((char *)to + i * size, from + 2 * i * size, size);
}

// Other parts: missing where the real one is nodata.
static void _gwt_widen_complex(const _gwt_source *s, const unsigned char *from, void *to,
                               int64_t rows)
{
    size_t to_size = gwt_dtype_size(s->dtype), size = gwt_dtype_size(s->component);
    bool nan_hole = s->hole.set && isnan(s->hole.value);
    double missing = _gwt_dtype_integer(s->dtype) ? s->hole.value : (double)NAN;
    (void)rows;
    for (size_t i = 0; i < (size_t)s->tile_w * s->step; i++, from += 2 * size) {
        double re = _gwt_component(s->component, from), v = missing;
        double im = _gwt_component(s->component, from + size);
        bool hole = s->hole.set && (re == s->hole.value || (nan_hole && isnan(re)));
        if (!hole) v = s->part == GWT_IMAGINARY ? im
                     : s->part == GWT_MAGNITUDE ? hypot(re, im) : atan2(im, re);
        uint64_t raw;
        _gwt_raw(s->dtype, v, 0, &raw);
        memcpy((char *)to + i * to_size, &raw, to_size);
    }
}

// Blocks of shared_cols x shared_rows luminances, row by row, and the two colours of all of them.
static void _gwt_widen_ycbcr(const _gwt_source *s, const unsigned char *from, void *to,
                             int64_t rows)
{
    int64_t cols = s->shared_cols, width = s->tile_w;
    const unsigned char *colour = from + cols * s->shared_rows;
    unsigned char *x = to;
    for (int64_t col = 0; col < width; col += cols, colour += cols * s->shared_rows + 2) {
        const unsigned char *luminance = colour - cols * s->shared_rows;
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < cols && col + c < width; c++) {
                uint32_t rgb[3];
                TIFFYCbCrtoRGB(s->colours, luminance[r * cols + c], colour[0], colour[1], &rgb[0],
                               &rgb[1], &rgb[2]);
                for (int i = 0; i < 3; i++)
                    x[3 * (r * width + col + c) + i] = (unsigned char)rgb[i];
            }
    }
}

static const struct {
    uint16_t format, least, most;       // bits
    gwt_dtype dtype;
    _gwt_widen_fn *widen;
} _gwt_samples[] = {
    { SAMPLEFORMAT_UINT, 1, 1, GWT_UINT8, _gwt_widen_bit },
    { SAMPLEFORMAT_UINT, 2, 7, GWT_UINT8, _gwt_widen_uint8_t },
    { SAMPLEFORMAT_UINT, 9, 15, GWT_UINT16, _gwt_widen_uint16_t },
    { SAMPLEFORMAT_UINT, 24, 24, GWT_UINT32, _gwt_widen_three },
    { SAMPLEFORMAT_UINT, 17, 31, GWT_UINT32, _gwt_widen_uint32_t },
    { SAMPLEFORMAT_IEEEFP, 16, 16, GWT_FLOAT32, _gwt_widen_float16 },
    { SAMPLEFORMAT_IEEEFP, 24, 24, GWT_FLOAT32, _gwt_widen_float24 },
    { SAMPLEFORMAT_COMPLEXINT, 32, 32, GWT_INT16, _gwt_widen_complex },
    { SAMPLEFORMAT_COMPLEXINT, 64, 64, GWT_INT32, _gwt_widen_complex },
    { SAMPLEFORMAT_COMPLEXIEEEFP, 64, 64, GWT_FLOAT32, _gwt_widen_complex },
    { SAMPLEFORMAT_COMPLEXIEEEFP, 128, 128, GWT_FLOAT64, _gwt_widen_complex }
};

static gwt_dtype _gwt_source_dtype(uint16_t bits, uint16_t format)
{
    for (gwt_dtype t = GWT_UINT8; t <= GWT_FLOAT64; t++) {
        bool is_signed = _gwt_dtypes[t].lo < 0;
        uint16_t as = !_gwt_dtype_integer(t) ? SAMPLEFORMAT_IEEEFP
                    : is_signed ? SAMPLEFORMAT_INT : SAMPLEFORMAT_UINT;
        bool same = format == as || (as == SAMPLEFORMAT_UINT && format == SAMPLEFORMAT_VOID);
        if (same && bits == 8 * _gwt_dtypes[t].size) return t;
    }
    return GWT_DTYPE_NONE;
}

// Of a complex sample the part that was asked for: magnitudes and angles of integers are float64.
static bool _gwt_source_set_part(_gwt_source *s)
{
    s->component = s->dtype;
    if (s->part == GWT_REAL) s->widen = _gwt_widen_real;
    if (s->part >= GWT_MAGNITUDE && s->dtype != GWT_FLOAT32) s->dtype = GWT_FLOAT64;
    return s->part
        || _gwt_fail(s->g, GWT_E_UNSUPPORTED, "%s: its samples are complex numbers, of which "
                     ".complex_part says what is wanted: real, imaginary, magnitude or phase",
                     s->path);
}

static bool _gwt_source_set_type(_gwt_source *s, uint16_t format)
{
    uint16_t as = format == SAMPLEFORMAT_INT || format == SAMPLEFORMAT_VOID ? SAMPLEFORMAT_UINT
                : format;
    s->dtype = _gwt_source_dtype(s->bits, format);
    for (size_t i = 0; s->dtype == GWT_DTYPE_NONE && i < _GWT_COUNT(_gwt_samples); i++)
        if (as == _gwt_samples[i].format && s->bits >= _gwt_samples[i].least
            && s->bits <= _gwt_samples[i].most) {
            s->dtype = _gwt_samples[i].dtype;
            s->widen = _gwt_samples[i].widen;
        }
    if (s->dtype == GWT_DTYPE_NONE || s->bands == 0)
        return _gwt_fail(s->g, GWT_E_UNSUPPORTED,
                  "%s: samples of %d bits in format %d are not supported (1 to 32 and 64 bits of "
                  "unsigned or signed integers, 16, 24, 32 or 64 of floating point, complex "
                  "numbers of 2 x 16 or 2 x 32 bits as integers, 2 x 32 or 2 x 64 of floating "
                  "point are)", s->path, s->bits, format);
    if (s->widen == _gwt_widen_complex) return _gwt_source_set_part(s);
    return s->part <= GWT_REAL
        || _gwt_fail(s->g, GWT_E_ARGUMENT, "%s: .complex_part asks for a part of complex numbers, "
                     "and its samples are none", s->path);
}

// The file's nodata value is one of real parts; other parts that are floating point are NaN there.
static void _gwt_source_set_hole(_gwt_source *s)
{
    uint64_t raw;
    gwt_optional *nodata = &s->meta.nodata;
    if (!nodata->set || !_gwt_raw_of(s->component, *nodata, &raw) || s->part == GWT_REAL) return;
    s->hole = gwt_some(_gwt_component(s->component, (unsigned char *)&raw));
    if (!_gwt_dtype_integer(s->dtype)) nodata->set = false;
}

// Whether libtiff can make a table of it: each of its entries is a number of 32 bits.
static bool _gwt_ycbcr_usable(const float *luma, const float *range)
{
    for (int i = 0; i < 6; i++)
        if (!(fabs((double)range[i]) < 0x1p31 - 128)) return false;
    for (int i = 0; i < 3; i++)
        if (!(fabs((double)luma[i]) < 0x1p31)) return false;
    return luma[1] != 0;
}

// Of what GDAL, too, leaves to libtiff's RGBA interface what that can do.
static bool _gwt_source_set_ycbcr(_gwt_source *s, TIFF *tif)
{
    float *luma = NULL, *range = NULL;
    TIFFGetFieldDefaulted(tif, TIFFTAG_YCBCRSUBSAMPLING, &s->shared_cols, &s->shared_rows);
    TIFFGetFieldDefaulted(tif, TIFFTAG_YCBCRCOEFFICIENTS, &luma);
    TIFFGetFieldDefaulted(tif, TIFFTAG_REFERENCEBLACKWHITE, &range);
    uint16_t cols = s->shared_cols, rows = s->shared_rows;
    if (s->dtype != GWT_UINT8 || s->widen || s->bands != 3 || s->planar)
        return _gwt_fail(s->g, GWT_E_UNSUPPORTED, "%s: YCbCr pixels that are not JPEG are "
                         "supported as 3 interleaved bands of 8 bits only", s->path);
    bool sizes = (cols == 1 || cols == 2 || cols == 4) && (rows == 1 || rows == 2 || rows == 4);
    if (!sizes || !luma || !range || !_gwt_ycbcr_usable(luma, range))
        return _gwt_fail(s->g, GWT_E_FORMAT, "%s: its YCbCr pixels can't be read: colours shared "
                         "by %d x %d pixels, or their coefficients, are impossible", s->path,
                         cols, rows);
    // The tables of the conversion lie behind its struct.
    s->colours = _gwt_keep(s->g, 1, sizeof *s->colours + sizeof(long) + 4 * 256
                           + 2 * 256 * sizeof(int) + 3 * 256 * sizeof(int32_t));
    if (!s->colours) return false;
    s->widen = _gwt_widen_ycbcr;
    return TIFFYCbCrToRGBInit(s->colours, luma, range) == 0
        || _gwt_fail(s->g, GWT_E_FORMAT, "%s: its YCbCr coefficients can't be used", s->path);
}

// The values of a tile that lie in memory as libtiff decodes it: bytes of `rows` of its rows.
static size_t _gwt_source_decoded(const _gwt_source *s, int64_t rows)
{
    return s->row_bytes * (size_t)_gwt_ceil_div(rows, s->shared_rows);
}

_GWT_CALLED static gwt_event _gwt_tile_event(gwt_stage stage, const char *path, int64_t tile)
{
    return (gwt_event){ .stage = stage, .file = _gwt_base_name(path), .tile = tile };
}

static void _gwt_source_widen(const _gwt_source *s, int64_t i, const void *from, void *to,
                              int64_t rows)
{
    size_t wide = s->tile_bytes / (size_t)s->tile_h;
    _gwt_lane *lane = _gwt_lane_here();
    _gwt_lane_enter(lane, _gwt_tile_event(GWT_STAGE_DECODE, s->path, i));
    const unsigned char *x = from;
    for (int64_t row = 0; row < rows; row += s->shared_rows, x += s->row_bytes)
        s->widen(s, x, (char *)to + wide * (size_t)row, _gwt_min64(s->shared_rows, rows - row));
    _gwt_lane_leave(lane, _gwt_source_decoded(s, rows), wide * (size_t)rows);
}

// ---- layout

static bool _gwt_source_read_samples(_gwt_source *s, TIFF *tif)
{
    uint16_t bits = 1, format = SAMPLEFORMAT_UINT, spp = 1, planar = PLANARCONFIG_CONTIG,
             photometric = 0;
    TIFFGetFieldDefaulted(tif, TIFFTAG_BITSPERSAMPLE, &bits);
    TIFFGetFieldDefaulted(tif, TIFFTAG_SAMPLEFORMAT, &format);
    TIFFGetFieldDefaulted(tif, TIFFTAG_SAMPLESPERPIXEL, &spp);
    TIFFGetFieldDefaulted(tif, TIFFTAG_PLANARCONFIG, &planar);
    TIFFGetFieldDefaulted(tif, TIFFTAG_COMPRESSION, &s->compression);
    TIFFGetFieldDefaulted(tif, TIFFTAG_PHOTOMETRIC, &photometric);
    s->predictor = 1;
    if (TIFFGetField(tif, TIFFTAG_PREDICTOR, &s->predictor) != 1) s->predictor = 1;
    s->bits = bits;
    s->bands = spp;
    s->planar = planar == PLANARCONFIG_SEPARATE && spp > 1;
    s->shared_cols = s->shared_rows = 1;
    const char *codec = _gwt_codec_of(s->compression)->name;
    if (!_gwt_source_set_type(s, format)) return false;
    if (!TIFFIsCODECConfigured(s->compression))
        return _gwt_fail(s->g, GWT_E_UNSUPPORTED,
                  "%s: compression %d%s%s is not in this machine's libtiff", s->path,
                  s->compression, codec ? ", " : "", codec ? codec : "");
    if (photometric == PHOTOMETRIC_YCBCR && s->compression != COMPRESSION_JPEG)
        return _gwt_source_set_ycbcr(s, tif);
    return true;
}

// Tiles take memory each: a file has no more of them than bytes, ours or its own.
static bool _gwt_source_can_list(const _gwt_source *s, int64_t tiles)
{
    return (uint64_t)tiles <= s->store.length && tiles <= UINT32_MAX;
}

// What libtiff decodes of a tile.
static bool _gwt_source_measure(_gwt_source *s)
{
    size_t bits, samples = (size_t)s->shared_cols * s->shared_rows;
    uint64_t blocks = (uint64_t)_gwt_ceil_div(s->tile_h, s->shared_rows);
    if (s->colours)
        s->row_bytes = (size_t)_gwt_ceil_div(s->tile_w, s->shared_cols) * (samples + 2);
    else if (_gwt_mul4((uint64_t)s->tile_w, s->step, s->bits, 1, &bits) && bits <= SIZE_MAX - 7)
        s->row_bytes = (bits + 7) / 8;
    else
        return false;
    return _gwt_mul4(s->row_bytes, blocks, 1, 1, &s->decoded_bytes);
}

// Sizes from the file are believed only after they were held against its length.
static bool _gwt_source_read_layout(_gwt_source *s, TIFF *tif)
{
    uint32_t w = 0, h = 0, tw = 0, th = 0;
    TIFFGetField(tif, TIFFTAG_IMAGEWIDTH, &w);
    TIFFGetField(tif, TIFFTAG_IMAGELENGTH, &h);
    s->geo.width = w, s->geo.height = h;
    s->tiled = TIFFIsTiled(tif);
    if (s->tiled) {
        TIFFGetField(tif, TIFFTAG_TILEWIDTH, &tw);
        TIFFGetField(tif, TIFFTAG_TILELENGTH, &th);
    } else {
        tw = w;
        TIFFGetFieldDefaulted(tif, TIFFTAG_ROWSPERSTRIP, &th);
        if (th > h) th = h;
    }
    if (w == 0 || h == 0 || tw == 0 || th == 0 || w > INT32_MAX || h > INT32_MAX || tw > INT32_MAX
        || th > INT32_MAX)
        return _gwt_fail(s->g, GWT_E_FORMAT,
                         "%s: an image of %u x %u in tiles of %u x %u is impossible", s->path, w,
                         h, tw, th);
    s->tile_w = s->block_w = tw, s->tile_h = s->block_h = th;
    s->across = _gwt_ceil_div(w, tw), s->down = _gwt_ceil_div(h, th);
    s->step = s->planar ? 1 : (size_t)s->bands;
    size_t tiles;
    if (!_gwt_mul4((uint64_t)s->across, (uint64_t)s->down, s->planar ? (uint64_t)s->bands : 1, 1,
                   &tiles)
        || !_gwt_source_can_list(s, (int64_t)tiles))
        return _gwt_fail(s->g, GWT_E_FORMAT,
                         "%s: %lld x %lld tiles are more than a file of %llu bytes can hold",
                         s->path, (long long)s->across, (long long)s->down,
                         (unsigned long long)s->store.length);
    // A block may be larger than the image, but not by far.
    double image = (double)w * h * (double)s->step * (double)gwt_dtype_size(s->dtype);
    if (!_gwt_source_measure(s) || !_gwt_mul4(tw, th, s->step, gwt_dtype_size(s->dtype),
                                              &s->tile_bytes)
        || (s->tile_bytes > (64u << 20) && (double)s->tile_bytes > 4 * image))
        return _gwt_fail(s->g, GWT_E_FORMAT,
                         "%s: tiles of %u x %u are too large for an image of %u x %u", s->path, tw,
                         th, w, h);
    s->num_tiles = (int64_t)tiles;
    if (s->num_listed < tiles)
        return _gwt_fail(s->g, GWT_E_FORMAT, "%s: broken: the directory lists %llu of %lld tiles",
                         s->path, (unsigned long long)s->num_listed, (long long)tiles);
    return true;
}

static const char *_gwt_source_tile_text(const _gwt_source *s, int64_t i, char *to, size_t size)
{
    int64_t in_plane = i % (s->across * s->down), plane = i / (s->across * s->down);
    int64_t row = in_plane / s->across * s->tile_h, col = in_plane % s->across * s->tile_w;
    snprintf(to, size, "%s %lld (rows %lld..%lld, columns %lld..%lld%s%.0lld)",
             s->tiled ? "tile" : "strip", (long long)i, (long long)row,
             (long long)_gwt_min64(row + s->tile_h, s->geo.height) - 1, (long long)col,
             (long long)_gwt_min64(col + s->tile_w, s->geo.width) - 1,
             s->planar ? ", band " : "", s->planar ? (long long)plane + 1 : 0LL);
    return to;
}

// A note, once for all actions.
GWT_PRINTF(2, 3)
static void _gwt_note(gwt *g, const char *format, ...)
{
    char text[sizeof g->message], shown[sizeof g->message], spelled[512];
    bool there = false;
    va_list args;
    va_start(args, format);
    _gwt_os_print_va(text, sizeof text, _gwt_spell(g, format, spelled, sizeof spelled), args);
    va_end(args);
    _gwt_escape_all(shown, sizeof shown, text, 0);
    _gwt_lock(&g->lock);
    for (size_t i = 0; i < g->num_notes && !there; i++) there = !strcmp(g->notes[i], shown);
    _gwt_unlock(&g->lock);
    char *kept = there ? NULL : _gwt_keep_always(g, shown);
    if (!kept) return;
    _gwt_lock(&g->lock);
    bool good = _gwt_list_grow(&g->notes, g->num_notes, 1, &g->notes_capacity, sizeof *g->notes);
    if (good) g->notes[g->num_notes++] = kept;
    _gwt_unlock(&g->lock);
    if (!good) _gwt_fail(g, GWT_E_MEMORY, "out of memory: cannot allocate a note");
}

// Under the session's lock.
static _gwt_damage *_gwt_source_find_damage(const _gwt_source *s)
{
    if (s->damage) return s->damage;
    _gwt_damage *d = s->g->damages;
    while (d && (strcmp(d->path, s->path) || d->num_tiles != s->num_tiles
                 || !_gwt_os_unchanged(&d->facts, &s->store.facts)))
        d = d->next;
    return d;
}

// What is known of bad tiles of a source that has one now. Of a file that is opened again the same
// tiles are bad.
static _gwt_damage *_gwt_source_damage(_gwt_source *s)
{
    gwt *g = s->g;
    _gwt_lock(&g->lock);
    _gwt_damage *d = s->damage = _gwt_source_find_damage(s);
    _gwt_unlock(&g->lock);
    if (d) return d;
    _gwt_damage *fresh = _gwt_keep_in(&g->root, 1, sizeof *fresh);
    const char *path = _gwt_keep_always(g, s->path);
    bool *tiles = _gwt_keep_in(&g->root, (size_t)s->num_tiles, sizeof *tiles);
    if (!fresh || !path || !tiles) return NULL;
    *fresh = (_gwt_damage){ .path = path, .facts = s->store.facts, .num_tiles = s->num_tiles,
                            .tiles = tiles };
    _gwt_lock(&g->lock);
    d = _gwt_source_find_damage(s);     // of another worker, meanwhile
    if (!d) {
        d = fresh;
        d->next = g->damages;
        g->damages = d;
    }
    s->damage = d;
    _gwt_unlock(&g->lock);
    return d;
}

// Tile i can't be read: an error, or, when such tiles are filled, noted once. `why` goes on after
// "FILE: tile 7 (..) "; what it is the format of counts as one fault, whatever the numbers in it.
GWT_PRINTF(4, 5)
static bool _gwt_source_bad(_gwt_source *s, int64_t i, gwt_code code, const char *why, ...)
{
    gwt *g = s->g;
    char reason[512], where[128], text[sizeof g->message], shown[sizeof g->message];
    va_list args;
    va_start(args, why);
    _gwt_os_print_va(reason, sizeof reason, why, args);
    va_end(args);
    _gwt_source_tile_text(s, i, where, sizeof where);
    if (!s->fills) return _gwt_fail(g, code, "%s: %s %s", s->path, where, reason);
    _gwt_damage *damage = _gwt_source_damage(s);
    if (!damage) return false;
    _gwt_lock(&g->lock);
    bool noted = damage->tiles[i];
    damage->tiles[i] = true;
    _gwt_unlock(&g->lock);
    if (noted) return true;
    snprintf(text, sizeof text, "%s: %s %s", s->path, where, reason);
    char *kept = _gwt_keep_always(g, _gwt_escape_all(shown, sizeof shown, text, 0));
    if (!kept) return false;
    int64_t row = i % (s->across * s->down) / s->across * s->tile_h;
    _gwt_bad_tile bad = { kept, damage, why, row, _gwt_min64(row + s->tile_h, s->geo.height) - 1 };
    _gwt_lock(&g->lock);
    bool good = _gwt_list_grow(&g->bad_tiles, g->num_bad_tiles, 1, &g->bad_tiles_capacity,
                               sizeof bad);
    if (good) g->bad_tiles[g->num_bad_tiles++] = bad;
    _gwt_unlock(&g->lock);
    return good
        || _gwt_fail(g, GWT_E_MEMORY, "out of memory: cannot allocate the list of bad tiles");
}

// The codec that reads the file by itself, as what it needs lies anywhere in it.
static bool _gwt_source_reads_itself(const _gwt_source *s)
{
    return s->compression == COMPRESSION_OJPEG;
}

// Whether the file is as long as its directory says.
static bool _gwt_source_holds(_gwt_source *s, int64_t i)
{
    uint64_t at = s->offsets[i], n = s->counts[i];
    if (n == 0 || (at > 0 && at < s->store.length && n <= s->store.length - at)) return true;
    if (_gwt_source_reads_itself(s)) return true;
    _gwt_source_bad(s, i, GWT_E_FORMAT, "is said to lie at bytes %llu..%llu of a file of %llu: "
                    "truncated or broken", (unsigned long long)at, (unsigned long long)(at + n),
                    (unsigned long long)s->store.length);
    return false;
}

static bool _gwt_source_read_offsets(_gwt_source *s, TIFF *tif)
{
    const uint64_t *offsets = NULL, *counts = NULL;
    TIFFGetField(tif, s->tiled ? TIFFTAG_TILEOFFSETS : TIFFTAG_STRIPOFFSETS, &offsets);
    TIFFGetField(tif, s->tiled ? TIFFTAG_TILEBYTECOUNTS : TIFFTAG_STRIPBYTECOUNTS, &counts);
    int64_t there = s->tiled ? TIFFNumberOfTiles(tif) : TIFFNumberOfStrips(tif);
    if (!offsets || !counts || there != s->num_tiles)
        return _gwt_fail(s->g, GWT_E_FORMAT,
                         "%s: its table of tile offsets is missing or broken", s->path);
    size_t bytes = (size_t)s->num_tiles * sizeof(uint64_t);
    s->offsets = (void *)_gwt_keep_bytes(s->g, offsets, bytes);
    s->counts = (void *)_gwt_keep_bytes(s->g, counts, bytes);
    if (!s->offsets || !s->counts) return false;
    for (int64_t i = 0; i < s->num_tiles && !s->fills; i++)
        if (!_gwt_source_holds(s, i)) return false;
    return true;
}

static int64_t _gwt_source_rows(const _gwt_source *s, int64_t i)
{
    if (s->tiled) return s->tile_h;
    return _gwt_min64(s->tile_h, s->geo.height - i % s->down * s->tile_h);
}

// Bytes that strip `i` of an uncompressed file has to have.
static uint64_t _gwt_source_strip_bytes(const _gwt_source *s, int64_t i)
{
    return _gwt_source_decoded(s, _gwt_source_rows(s, i));
}

// Uncompressed strips that follow one another without a gap are one run of rows for each plane: as
// strips of about 256 KB neither one strip for a whole scene nor one strip for each row costs
// anything. 0: there are gaps.
static int64_t _gwt_source_run_rows(const _gwt_source *s, uint64_t row_bytes)
{
    for (int64_t i = 0; i < s->num_tiles; i++) {
        if (s->counts[i] < _gwt_source_strip_bytes(s, i)) return 0;
        if (i % s->down && s->offsets[i] != s->offsets[i - 1] + _gwt_source_strip_bytes(s, i - 1))
            return 0;
    }
    return _gwt_max64(1, _gwt_min64(s->geo.height, (int64_t)((256 << 10) / row_bytes)));
}

// Large uncompressed tiles are rows one after another, too: cut across, a window of a few rows does
// not read, and a piece does not hold, all of one. 0: none is large, or one is not whole.
static int64_t _gwt_source_tile_rows(const _gwt_source *s, uint64_t row_bytes)
{
    int64_t rows = s->tile_h;
    while (rows % 2 == 0 && (uint64_t)rows / 2 * row_bytes >= 256 << 10) rows /= 2;
    for (int64_t i = 0; i < s->num_tiles; i++)
        if (s->counts[i] > 0 && s->counts[i] < s->decoded_bytes) return 0;
    return rows < s->tile_h ? rows : 0;
}

// Strips or tiles of another height, where pixels lie in the file as we want them.
static bool _gwt_source_cut(_gwt_source *s)
{
    if (!s->direct || s->crcs) return true;
    uint64_t row_bytes = s->row_bytes;
    int64_t rows = s->tiled ? _gwt_source_tile_rows(s, row_bytes)
                            : _gwt_source_run_rows(s, row_bytes);
    int64_t planes = s->num_tiles / s->down / s->across, old_down = s->down, old_rows = s->tile_h;
    int64_t down = rows ? _gwt_ceil_div(s->geo.height, rows) : 0;
    if (!rows || !_gwt_source_can_list(s, down * s->across * planes)) return true;
    s->tile_bytes = s->tile_bytes / (size_t)s->tile_h * (size_t)rows;
    s->tile_h = rows;
    s->down = down;
    s->num_tiles = down * s->across * planes;
    s->decoded_bytes = (size_t)(row_bytes * (uint64_t)rows);
    uint64_t *offsets = _gwt_keep(s->g, (size_t)s->num_tiles, sizeof *offsets);
    uint64_t *counts = _gwt_keep(s->g, (size_t)s->num_tiles, sizeof *counts);
    if (!offsets || !counts) return false;
    for (int64_t i = 0; i < s->num_tiles; i++) {
        int64_t plane = i / s->across / down, row = i / s->across % down * rows;
        int64_t old = (plane * old_down + row / old_rows) * s->across + i % s->across;
        offsets[i] = s->offsets[old] + (uint64_t)(row % old_rows) * row_bytes;
        counts[i] = s->counts[old] == 0 ? 0
                  : s->tiled ? s->decoded_bytes : _gwt_source_strip_bytes(s, i);
    }
    s->offsets = offsets;
    s->counts = counts;
    return true;
}

// What is read of a packed tile at the most. A byte count may be anything; 10 times the pixels and
// 4096 bytes is where libtiff stops believing it, too.
static uint64_t _gwt_source_packed(const _gwt_source *s, int64_t i)
{
    uint64_t most = 10 * (uint64_t)s->decoded_bytes + 4096;
    return s->counts[i] < most ? s->counts[i] : most;
}

// A mask in a file of its own, as GDAL writes it: FILE.msk.
static bool _gwt_source_find_mask(_gwt_source *s)
{
    _gwt_os_facts facts;
    for (int i = 0; i < s->num_listed_images && !s->mask; i++)
        if (!s->listed[i].sub && s->listed[i].kind & FILETYPE_MASK)
            s->mask = _gwt_keep_format(s->g, "directory %d", s->listed[i].number);
    char *beside = s->mask ? NULL : _gwt_malloc(s->g, strlen(s->store.path) + sizeof ".msk");
    if (!beside) return s->mask != NULL;
    sprintf(beside, "%s.msk", s->store.path);
    bool there = !_gwt_os_look(beside, true, &facts) && facts.is_file;
    if (there) s->mask = _gwt_keep_string(s->g, _gwt_base_name(beside));
    GWT_FREE(beside);
    return !there || s->mask;
}

// libtiff passes over a tag whose values lie beyond the end of the file, and over a list of blocks
// that is too short, with a warning: pixels would lose their place, their nodata value, or
// themselves, and nobody would know. And it takes memory for what a tag says it has. So the first
// directory is looked at here before; and the others here only, as no pixel depends on them.

static uint64_t _gwt_get(const unsigned char *from, size_t bytes, bool big_endian)
{
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++) v = v << 8 | from[big_endian ? i : bytes - 1 - i];
    return v;
}

// A directory that begins at `first`: `left` entries from `at` on (TIFF 6.0, section 2, and
// BigTIFF's larger fields).
typedef struct _gwt_ifd { uint64_t first, at, left; bool there; } _gwt_ifd;

enum {
    _GWT_MOST_ENTRIES = 65535,      // of a directory: what libtiff refuses to be one beyond
    _GWT_MOST_STEPS = 65536         // directories and entries of them that are looked at for kinds
};

typedef struct _gwt_ifd_entry {
    uint64_t tag, type, count;
    uint64_t place;             // of its values, where they do not fit into the entry,
    uint64_t first;             // else the first of them
    size_t size;                // of one value; 0: of an unknown type
} _gwt_ifd_entry;

// Bytes of a directory. A file that ends before them has no such directory: *there is false.
static bool _gwt_source_peek(_gwt_source *s, void *to, size_t n, uint64_t at, bool *there)
{
    int64_t got = at < s->store.length ? _gwt_source_bytes(s, to, n, at) : 0;
    *there = got == (int64_t)n;
    return got >= 0 || _gwt_fail(s->g, GWT_E_IO, "%s: its directory can't be read: %s", s->path,
                                 _GWT_OS_ERROR(got));
}

static bool _gwt_ifd_enter(_gwt_source *s, _gwt_ifd *d, uint64_t at)
{
    unsigned char n[8];
    size_t bytes = s->bigtiff ? 8 : 2, entry = s->bigtiff ? 20 : 12;
    bool good = _gwt_source_peek(s, n, bytes, at, &d->there);
    d->there &= at > 0;         // 0 says that there is none
    d->first = at;
    d->at = at + bytes;
    d->left = d->there ? _gwt_get(n, bytes, s->big_endian) : 0;
    if (d->left > _GWT_MOST_ENTRIES || d->left * entry > s->store.length - d->at) d->there = false;
    return good;
}

// The next entry, which is there if d->there.
static bool _gwt_ifd_read(_gwt_source *s, _gwt_ifd *d, _gwt_ifd_entry *e)
{
    static const unsigned char sizes[] = {
        0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8
    };
    unsigned char raw[20];
    bool be = s->big_endian;
    size_t word = s->bigtiff ? 8 : 4;
    if (!_gwt_source_peek(s, raw, 4 + 2 * word, d->at, &d->there)) return false;
    if (!d->there) return true;
    d->at += 4 + 2 * word;
    d->left--;
    e->tag = _gwt_get(raw, 2, be);
    e->type = _gwt_get(raw + 2, 2, be);
    e->count = _gwt_get(raw + 4, word, be);
    e->place = _gwt_get(raw + 4 + word, word, be);
    e->size = e->type < sizeof sizes ? sizes[e->type] : 0;
    e->first = _gwt_get(raw + 4 + word, e->size < word ? e->size : word, be);
    return true;
}

// What it says of its image: tags rise, and one that does not is the last. *steps is what may still
// be looked at in this file.
static bool _gwt_ifd_look(_gwt_source *s, _gwt_ifd *d, int *steps, _gwt_listed *to)
{
    _gwt_ifd_entry e = { 0 };
    to->at = d->first;
    --*steps;
    for (int64_t last = -1; d->there && d->left > 0 && *steps > 0; --*steps) {
        if (_gwt_cancelled(s->g) || !_gwt_ifd_read(s, d, &e)) return false;
        if (!d->there || (int64_t)e.tag <= last) break;
        if (e.tag == TIFFTAG_SUBFILETYPE && e.count == 1) to->kind = e.first;
        if (e.tag == TIFFTAG_IMAGEWIDTH && e.count == 1) to->width = e.first;
        if (e.tag == TIFFTAG_IMAGELENGTH && e.count == 1) to->height = e.first;
        if (e.tag >= TIFFTAG_IMAGELENGTH) break;
        last = (int64_t)e.tag;
    }
    return true;
}

static bool _gwt_source_list(_gwt_source *s, const _gwt_listed *d)
{
    if (!_gwt_list_grow(&s->listed, (size_t)s->num_listed_images, 1, &s->room_listed,
                        sizeof *s->listed))
        return _gwt_fail(s->g, GWT_E_MEMORY, "out of memory: cannot allocate a list of images");
    s->listed[s->num_listed_images++] = *d;
    return true;
}

static bool _gwt_ifd_next(_gwt_source *s, _gwt_ifd *d)
{
    unsigned char next[8];
    size_t word = s->bigtiff ? 8 : 4;
    bool good = _gwt_source_peek(s, next, word, d->at + d->left * (4 + 2 * word), &d->there);
    return good && (!d->there || _gwt_ifd_enter(s, d, _gwt_get(next, word, s->big_endian)));
}

static bool _gwt_source_check_entry(_gwt_source *s, const _gwt_ifd_entry *e)
{
    uint64_t bytes, length = s->store.length;
    double limit = (double)s->g->options.memory_limit;
    bool lists_blocks = e->tag == TIFFTAG_STRIPOFFSETS || e->tag == TIFFTAG_STRIPBYTECOUNTS
                     || e->tag == TIFFTAG_TILEOFFSETS || e->tag == TIFFTAG_TILEBYTECOUNTS;
    if (!_gwt_mul_size(e->count, e->size, &bytes)) bytes = UINT64_MAX;
    if (bytes > (s->bigtiff ? 8 : 4) && (e->place > length || bytes > length - e->place))
        return _gwt_fail(s->g, GWT_E_FORMAT,
                  "%s: truncated or broken: the values of tag %llu are said to lie at byte %llu of "
                  "a file of %llu",
                  s->path, (unsigned long long)e->tag, (unsigned long long)e->place,
                  (unsigned long long)s->store.length);
    // Else libtiff leaves it out: what is ours would be missing, and nobody would know.
    if (e->size == 0 && e->tag >= _GWT_TAG_PIXEL_SCALE && e->tag <= _GWT_TAG_GDAL_NODATA)
        return _gwt_fail(s->g, GWT_E_FORMAT, "%s: broken: tag %llu is of type %llu, which there is "
                         "not", s->path, (unsigned long long)e->tag, (unsigned long long)e->type);
    if ((double)bytes > limit / 4)      // there come to be up to four copies
        return _gwt_fail(s->g, GWT_E_MEMORY,
                  "%s: the values of tag %llu, %.3g MB in the file, take up to %.3g MB of memory, "
                  "and .memory_limit is %.3g MB", s->path, (unsigned long long)e->tag,
                  (double)bytes / 1e6, 4 * (double)bytes / 1e6, limit / 1e6);
    if (lists_blocks && e->count < s->num_listed) s->num_listed = e->count;
    return true;
}

// At the source's directory, if it is there.
static bool _gwt_source_begin(_gwt_source *s, _gwt_ifd *d)
{
    unsigned char head[16];
    *d = (_gwt_ifd){ 0 };
    bool good = _gwt_source_peek(s, head, sizeof head, 0, &d->there);
    if (!d->there || (memcmp(head, "II", 2) && memcmp(head, "MM", 2))) return good;
    s->big_endian = head[0] == 'M';
    uint64_t version = _gwt_get(head + 2, 2, s->big_endian);
    size_t word = version == 43 ? 8 : 4;
    s->bigtiff = version == 43;
    d->there = version == 42 || version == 43;
    if (!d->there) return true;
    return _gwt_ifd_enter(s, d, s->at ? s->at : _gwt_get(head + word, word, s->big_endian));
}

// Of the source's directory. What is none, or ends before its end, is libtiff's to judge.
static bool _gwt_source_check_tags(_gwt_source *s, _gwt_ifd *d)
{
    _gwt_ifd_entry e;
    bool good = _gwt_source_begin(s, d);
    s->num_listed = UINT64_MAX;
    while (good && d->there && d->left > 0)
        good = _gwt_ifd_read(s, d, &e) && (!d->there || _gwt_source_check_entry(s, &e));
    return good;
}

// Lists further images in the file: SubIFDs, and, of the first directory, those that follow in the
// chain. A damaged directory ends the chain, and so does one that comes round again to where it was
// after 1, 2, 4, .. directories. As directories may overlap, a small file can have any number of
// them: after _GWT_MOST_STEPS no more are looked at.
static bool _gwt_source_find_images(_gwt_source *s, _gwt_ifd d, const uint64_t *subifds, int n)
{
    uint64_t seen = d.first;
    int steps = _GWT_MOST_STEPS;
    for (int i = 0; i < n && steps > 0; i++) {
        _gwt_ifd sub;
        _gwt_listed to = { .number = i + 1, .sub = true };
        if (!_gwt_ifd_enter(s, &sub, subifds[i]) || !_gwt_ifd_look(s, &sub, &steps, &to)
            || (sub.there && !_gwt_source_list(s, &to)))
            return false;
    }
    for (int number = 2; !s->at; number++) {
        if (!_gwt_ifd_next(s, &d)) return false;
        if (!d.there || d.first == seen || steps <= 0) return true;
        if (!(number & (number - 1))) seen = d.first;
        _gwt_listed to = { .number = number };
        _gwt_ifd looked = d;
        if (!_gwt_ifd_look(s, &looked, &steps, &to)) return false;
        if (!looked.there) return true;
        if (!_gwt_source_list(s, &to)) return false;
    }
    return true;
}

// The directories of a chain, the first one included.
static bool _gwt_source_read_chain(_gwt_source *s)
{
    _gwt_ifd first, looked;
    _gwt_listed to = { .number = 1 };
    int steps = _GWT_MOST_STEPS;
    if (!_gwt_source_begin(s, &first)) return false;
    if (!first.there || !first.at) return true;
    looked = first;
    return _gwt_ifd_look(s, &looked, &steps, &to)
        && (!looked.there || (_gwt_source_list(s, &to)
                              && _gwt_source_find_images(s, first, NULL, 0)));
}

static bool _gwt_listed_is(const _gwt_listed *d, unsigned kind)
{
    return (d->kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK)) == kind;
}

enum { _GWT_MOST_LEVELS = 64 };         // that are kept of a file: halving, 31 are enough
typedef struct _gwt_levels { _gwt_level of[_GWT_MOST_LEVELS]; int n; } _gwt_levels;

// One more, in its place by size. It has to be the image made smaller by one factor in both axes,
// but for a pixel that its sizes may be rounded by: what is not is a picture of something else.
static bool _gwt_levels_add(_gwt_levels *all, const _gwt_source *s, const char *path,
                            const _gwt_listed *d, const char *where)
{
    double width = (double)s->geo.width, height = (double)s->geo.height,
           w = (double)d->width, h = (double)d->height;
    if (!(w >= 1 && h >= 1 && w <= width && h <= height) || all->n == _GWT_MOST_LEVELS
        || width / (w + 1) > height / (h - 1) || height / (h + 1) > width / (w - 1))
        return true;
    if (!where)
        where = _gwt_keep_format(s->g, d->sub ? "SubIFD %d" : "directory %d", d->number);
    int i = all->n++;
    for (; i > 0 && w * h > (double)all->of[i - 1].image.width
                          * (double)all->of[i - 1].image.height; i--)
        all->of[i] = all->of[i - 1];
    all->of[i] = (_gwt_level){ path, d->at, { (int64_t)d->width, (int64_t)d->height,
                                              d->sub ? 0 : d->number, where } };
    return where != NULL;
}

static _gwt_source *_gwt_source_bare(gwt *g, const char *path);
static void _gwt_source_close(_gwt_source *s);

// Those in a file of their own, as GDAL writes it: FILE.ovr, whose first image is one, too. One that
// can't be read is as good as none.
static bool _gwt_levels_beside(_gwt_levels *all, _gwt_source *s)
{
    _gwt_os_facts facts;
    char why[sizeof s->g->message], *before = _gwt_tried;
    char *beside = _gwt_malloc(s->g, strlen(s->store.path) + sizeof ".ovr");
    if (!beside) return false;
    sprintf(beside, "%s.ovr", s->store.path);
    bool there = !_gwt_os_look(beside, true, &facts) && facts.is_file;
    const char *path = there ? _gwt_keep_string(s->g, beside) : NULL;
    GWT_FREE(beside);
    _gwt_tried = why;
    _gwt_source *other = path ? _gwt_source_bare(s->g, path) : NULL;
    _gwt_tried = before;
    bool good = !there || path;
    for (int i = 0; other && good && i < other->num_listed_images; i++)
        if (i == 0 || _gwt_listed_is(&other->listed[i], FILETYPE_REDUCEDIMAGE))
            good = _gwt_levels_add(all, s, path, &other->listed[i], _gwt_base_name(path));
    if (other) _gwt_source_close(other);
    return good && !_gwt_failed(s->g);
}

// Of the first image these are its SubIFDs and the reduced images that follow it in the chain
// before any other does, else what is beside the file; of another one its SubIFDs, as whose a
// reduced one further on in the chain is nobody can tell.
static bool _gwt_source_find_levels(_gwt_source *s)
{
    _gwt_levels all = { .n = 0 };
    bool follows = true;
    for (int i = 0; i < s->num_listed_images; i++) {
        const _gwt_listed *d = &s->listed[i];
        follows = follows && (d->sub || !_gwt_listed_is(d, 0));
        if (_gwt_listed_is(d, FILETYPE_REDUCEDIMAGE) && (d->sub || follows)
            && !_gwt_levels_add(&all, s, s->store.path, d, NULL))
            return false;
    }
    if (!all.n && !s->at && !_gwt_levels_beside(&all, s)) return false;
    s->levels = (void *)_gwt_keep_bytes(s->g, all.of, (size_t)all.n * sizeof *all.of);
    s->num_levels = all.n;
    return s->levels != NULL;
}

// Whether a tile could as well be one of a file that is written here: little-endian, bits from the
// highest on, samples as they are in memory.
static bool _gwt_source_is_passable(const _gwt_source *s, TIFF *tif)
{
    uint16_t bits = 1, format = SAMPLEFORMAT_UINT, fill = FILLORDER_MSB2LSB, photometric = 0;
    size_t size = gwt_dtype_size(s->dtype);
    TIFFGetFieldDefaulted(tif, TIFFTAG_BITSPERSAMPLE, &bits);
    TIFFGetFieldDefaulted(tif, TIFFTAG_SAMPLEFORMAT, &format);
    TIFFGetFieldDefaulted(tif, TIFFTAG_FILLORDER, &fill);
    TIFFGetFieldDefaulted(tif, TIFFTAG_PHOTOMETRIC, &photometric);
    return s->tiled && !s->widen && fill == FILLORDER_MSB2LSB && (size == 1 || !s->big_endian)
        && bits == 8 * size && format <= SAMPLEFORMAT_VOID && photometric != PHOTOMETRIC_YCBCR;
}

static bool _gwt_source_read_directory(_gwt_source *s, TIFF *tif, _gwt_ifd rest)
{
    uint16_t fill = FILLORDER_MSB2LSB, subifds = 0;
    const uint64_t *subifd = NULL;
    if (!_gwt_source_read_samples(s, tif) || !_gwt_source_read_layout(s, tif)) return false;
    s->meta = (_gwt_meta){ .g = s->g, .path = s->path, .dtype = s->dtype, .num_bands = s->bands,
                           .bits = s->bits };
    if (!_gwt_meta_read(&s->meta, &s->geo, tif) || !_gwt_source_read_offsets(s, tif)
        || !_gwt_source_read_crcs(s))
        return false;
    if (s->component) _gwt_source_set_hole(s);
    TIFFGetFieldDefaulted(tif, TIFFTAG_FILLORDER, &fill);
    s->swapped = (TIFFIsByteSwapped(tif) && s->bits > 8 && s->bits % 8 == 0)
              || fill != FILLORDER_MSB2LSB;
    s->direct = s->compression == COMPRESSION_NONE && !s->swapped && !s->colours;
    s->passable = _gwt_source_is_passable(s, tif);
    if (TIFFGetField(tif, TIFFTAG_SUBIFD, &subifds, &subifd) != 1) subifds = 0;
    if (!_gwt_source_find_images(s, rest, subifd, subifds) || !_gwt_source_find_levels(s)
        || !_gwt_source_find_mask(s))
        return false;
    if (!_gwt_source_cut(s)) return false;
    for (int64_t i = 0; i < s->num_tiles && !s->direct; i++) {
        uint64_t bytes = _gwt_source_packed(s, i);
        if (bytes <= INT32_MAX && bytes > s->packed_bytes) s->packed_bytes = (size_t)bytes;
    }
    if (s->widen) s->packed_bytes += s->decoded_bytes;
    if (s->tile_bytes <= INT32_MAX && s->decoded_bytes <= INT32_MAX) return true;
    return _gwt_fail(s->g, GWT_E_UNSUPPORTED,
                     "%s: tiles of %lld x %lld pixels are more than 2 GiB each", s->path,
                     (long long)s->tile_h, (long long)s->tile_w);
}

static void _gwt_decoders_free(gwt *g, _gwt_decoder *list)
{
    while (list) {
        _gwt_decoder *next = list->next;
        atomic_fetch_sub(&g->idle_decoders, 1);
        TIFFClose(list->tif);
        GWT_FREE(list);
        list = next;
    }
}

// Its path stays for the session where a profile may have it: one is taken, or ended in its scope.
static void _gwt_source_close(_gwt_source *s)
{
    gwt *g = s->g;
    _gwt_decoders_free(g, s->store.idle);
    _gwt_lock(&g->lock);
    bool profiled = g->recorder || g->profiles != s->scope->profiles;
    gwt_scope *keeper = profiled ? &g->root : s->scope;
    _gwt_block_of_memory **kept = keeper->memory ? &keeper->memory->next : &keeper->memory;
    s->named->next = *kept;     // behind the first, which has room
    *kept = s->named;
    _gwt_unlock(&g->lock);
    _gwt_store_close(&s->store);
    GWT_FREE(s->listed);
    GWT_FREE(s->tiles);
}

// With what the files begin that a save keeps until it is done (see >>write): the journal, and the
// part, whose header comes last; among ranks it has a mark till then.
enum { _GWT_JOURNAL_MAGIC = 14 };
static const char _gwt_journal_magic[16] = "gwt journal 2\n", _gwt_part_magic[8] = "gwt part";

static bool _gwt_part_has_journal(const char *part)
{
    char name[4096], head[16];
    if (snprintf(name, sizeof name, "%s.journal", part) >= (int)sizeof name) return false;
    _gwt_os_file fd = _gwt_os_open(name, _GWT_OS_READ);
    bool is = fd >= 0 && _gwt_os_read(fd, head, sizeof head, 0) == sizeof head
           && !memcmp(head, _gwt_journal_magic, _GWT_JOURNAL_MAGIC);
    _gwt_os_close(fd);
    return is;
}

// Not a TIFF: what an interrupted save left may be taken for one.
static bool _gwt_fail_not_tiff(_gwt_source *s, const char *why)
{
    char head[16] = "";
    static const char none[16] = { 0 };
    size_t n = strlen(s->path), part = n > 5 && !strcmp(s->path + n - 5, ".part") ? n - 5 : 0;
    bool whole = _gwt_os_read(s->store.file, head, sizeof head, 0) == sizeof head;
    bool begun = whole && (!memcmp(head, none, sizeof none)
                           || !memcmp(head, _gwt_part_magic, sizeof _gwt_part_magic));
    bool journal = part && _gwt_part_has_journal(s->path);
    if (part && (begun || journal))
        return _gwt_fail(s->g, GWT_E_FORMAT, journal
                             ? "%s: is what an interrupted save of %.*s left, no TIFF yet: the "
                               "same save with .resume goes on"
                             : "%s: is what an interrupted save of %.*s left, no TIFF yet; without "
                               "its journal it cannot be resumed: the same save with .overwrite "
                               "starts afresh", s->path, (int)part, s->path);
    if (whole && !memcmp(head, _gwt_journal_magic, _GWT_JOURNAL_MAGIC))
        return _gwt_fail(s->g, GWT_E_FORMAT, "%s: is the journal of an interrupted save, no TIFF: "
                         "the same save with .resume goes on", s->path);
    if (begun)
        return _gwt_fail(s->g, GWT_E_FORMAT, "%s: is not a TIFF: it begins with 16 empty bytes, as "
                         "the .part of an interrupted save does", s->path);
    return _gwt_fail(s->g, GWT_E_FORMAT, "%s: is not a TIFF that can be read%s%s", s->path,
                     why[0] ? ": " : "", why);
}

static bool _gwt_source_read(_gwt_source *s)
{
    _gwt_io io;
    _gwt_ifd first;
    if (!_gwt_source_check_tags(s, &first)) return false;
    TIFF *tif = _gwt_source_tiff(s, &io, true);
    if (!tif && !io.failed && s->at)
        return _gwt_fail(s->g, GWT_E_FORMAT, "%s: can't be read%s%s", s->path,
                         io.message[0] ? ": " : "", io.message);
    if (!tif && !io.failed)
        return _gwt_fail_not_tiff(s, io.message);
    // Of what begins otherwise, as Microsoft's MDI does, nothing has been checked.
    if (tif && !first.at) {
        TIFFClose(tif);
        return _gwt_fail_not_tiff(s, "it begins with neither II nor MM");
    }
    bool good = tif && _gwt_source_read_directory(s, tif, first);
    if (tif) TIFFClose(tif);
    // Else tags that could not be read would silently be missing.
    if (io.failed)
        good = _gwt_fail(s->g, GWT_E_IO, "%s: can't be read: %s", s->path, io.failed);
    else if (good && io.message[0])
        good = _gwt_fail(s->g, GWT_E_FORMAT, "%s: its directory can't be read: %s", s->path,
                         io.message);
    if (good) s->tiles = _gwt_calloc(s->g, (size_t)s->num_tiles, sizeof *s->tiles);
    return good && s->tiles;
}

// A file that is open already, in this scope or one around it, and has not changed since is shared:
// its tiles are decoded once.
static _gwt_source *_gwt_source_find(gwt *g, const char *path, uint64_t at, bool fills,
                                     gwt_optional nodata, gwt_complex part)
{
    _gwt_os_facts facts;
    if (_gwt_os_look(path, true, &facts)) return NULL;
    _gwt_source *s = NULL;
    _gwt_lock(&g->lock);
    for (gwt_scope *in = _gwt_scope_here(g); in && !s; in = _gwt_scope_around(in)) {
        s = in->sources;
        while (s && !(_gwt_os_unchanged(&s->store.facts, &facts) && !strcmp(s->store.path, path)
                      && s->at == at && s->fills == fills && s->part == part
                      && _gwt_optional_same(s->fill_asked, nodata)))
            s = s->next;
    }
    _gwt_unlock(&g->lock);
    return s;
}

static bool _gwt_source_set_fill(_gwt_source *s, gwt_optional nodata)
{
    gwt_optional with = nodata.set ? nodata : s->meta.nodata;
    if (!with.set && !_gwt_dtype_integer(s->dtype)) with = gwt_some((double)NAN);
    s->fill_asked = nodata;
    if (with.set && _gwt_raw_of(s->dtype, with, &s->fill)) return true;
    return _gwt_fail(s->g, GWT_E_NODATA,
                     "%s: its bad tiles can be filled only with a nodata value: a .nodata that %s "
                     "can hold is wanted", s->path, gwt_dtype_name(s->dtype));
}

// A source without anything in it, of this scope; its path has a place of its own. NULL: of the
// first directory.
static _gwt_source *_gwt_source_new(gwt *g, const char *path, const char *directory)
{
    size_t n = strlen(path) + 1, more = directory ? n + strlen(": ") + strlen(directory) : 0;
    _gwt_source *s = _gwt_keep(g, 1, sizeof *s);
    _gwt_block_of_memory *named = s ? _gwt_malloc(g, sizeof *named + n + more) : NULL;
    if (!named) return NULL;
    *named = (_gwt_block_of_memory){ 0 };
    *s = (_gwt_source){ .g = g, .scope = _gwt_scope_here(g), .named = named };
    s->path = s->store.path = memcpy(named + 1, path, n);
    if (more) {
        char *both = (char *)(named + 1) + n;
        sprintf(both, "%s: %s", path, directory);
        s->path = both;
    }
    s->store.g = g;
    s->store.file = -1;
    if (_gwt_mutex_new(g, &s->store.lock)) return s;
    GWT_FREE(named);
    return NULL;
}

// In the list of those of its scope, for others to find.
static _gwt_source *_gwt_source_join(_gwt_source *s)
{
    _gwt_lock(&s->g->lock);
    s->next = s->scope->sources;
    s->scope->sources = s;
    _gwt_unlock(&s->g->lock);
    return s;
}

// Its file is open while `read` reads what there is to know.
static bool _gwt_source_read_by(_gwt_source *s, bool (*read)(_gwt_source *))
{
    s->store.whole_path = _gwt_whole_path(s->g, s->store.path);
    bool held = s->store.whole_path && _gwt_store_hold(&s->store);
    s->store.length = s->store.facts.size;
    s->pages = held ? _gwt_calloc(s->g, 1, sizeof *s->pages) : NULL;
    bool good = s->pages && read(s);
    GWT_FREE(s->pages);
    s->pages = NULL;
    if (held) _gwt_store_let_go(&s->store);
    return good;
}

// Nothing but which directories are in the chain of a file, the first one included. It is its
// caller's to close.
static _gwt_source *_gwt_source_bare(gwt *g, const char *path)
{
    _gwt_source *s = _gwt_source_new(g, path, NULL);
    if (!s || _gwt_source_read_by(s, _gwt_source_read_chain)) return s;
    _gwt_source_close(s);
    return NULL;
}

// The image whose directory begins at byte `at` of a file, which messages call FILE: `directory`
// ("directory 3"); 0 and NULL: the first one. fills: tiles that can't be read are filled with
// nodata. part: of complex samples.
static _gwt_source *_gwt_source_open_at(gwt *g, const char *path, uint64_t at,
                                        const char *directory, bool fills, gwt_optional nodata,
                                        gwt_complex part)
{
    _gwt_source *s = _gwt_source_find(g, path, at, fills, nodata, part);
    if (s) return s;
    s = _gwt_source_new(g, path, directory);
    if (!s) return NULL;
    s->at = at;
    s->part = part;
    s->fills = s->store.may_shrink = fills;
    if (_gwt_source_read_by(s, _gwt_source_read) && (!fills || _gwt_source_set_fill(s, nodata)))
        return _gwt_source_join(s);
    _gwt_source_close(s);
    return NULL;
}

static _gwt_source *_gwt_source_open(gwt *g, const char *path, bool fills, gwt_optional nodata,
                                     gwt_complex part)
{
    return _gwt_source_open_at(g, path, 0, NULL, fills, nodata, part);
}

// ---- pixels of the caller's

// Tile i, where it lies. Nobody writes to a tile that is not being loaded.
static void *_gwt_source_in_memory(const _gwt_source *s, int64_t i)
{
    return (char *)(uintptr_t)s->store.memory + s->offsets[i];
}

// One time step of them: strips of an uncompressed file, which lie in memory already.
static bool _gwt_source_lay_out(_gwt_source *s, bool pixel)
{
    size_t size = gwt_dtype_size(s->dtype), planes;
    s->planar = !pixel && s->bands > 1;
    s->step = s->planar ? 1 : (size_t)s->bands;
    s->num_tiles = s->planar ? s->bands : 1;
    s->tile_w = s->block_w = s->geo.width;
    s->tile_h = s->block_h = s->geo.height;
    s->across = s->down = 1;
    s->direct = true;
    s->compression = COMPRESSION_NONE;
    s->predictor = 1;
    s->bits = (uint16_t)(8 * size);
    s->shared_cols = s->shared_rows = 1;
    if (!_gwt_source_measure(s)
        || !_gwt_mul4((uint64_t)s->tile_w, (uint64_t)s->tile_h, s->step, size, &s->tile_bytes)
        || !_gwt_mul4(s->tile_bytes, (uint64_t)s->num_tiles, 1, 1, &planes))
        return false;
    s->store.length = planes;
    s->offsets = _gwt_keep(s->g, (size_t)s->num_tiles, sizeof *s->offsets);
    s->counts = _gwt_keep(s->g, (size_t)s->num_tiles, sizeof *s->counts);
    if (!s->offsets || !s->counts) return false;
    for (int64_t i = 0; i < s->num_tiles; i++) {
        s->offsets[i] = (uint64_t)i * s->tile_bytes;
        s->counts[i] = s->tile_bytes;
    }
    if (!_gwt_source_cut(s)) return false;
    s->tiles = _gwt_calloc(s->g, (size_t)s->num_tiles, sizeof *s->tiles);
    return s->tiles != NULL;
}

static _gwt_source *_gwt_source_of_memory(gwt *g, const void *data, gwt_dtype dtype, int64_t bands,
                                          const _gwt_geo *geo, const gwt_from_memory_options *o)
{
    _gwt_source *s = _gwt_source_new(g, o->name ? o->name : "memory", NULL);
    if (!s) return NULL;
    s->store.memory = data;
    s->store.identified = o->identity != NULL;
    s->store.whole_path = o->identity ? o->identity : s->path;
    s->geo = *geo;
    s->dtype = dtype;
    s->bands = bands;
    if (_gwt_source_lay_out(s, o->interleave == GWT_PIXEL)) return _gwt_source_join(s);
    _gwt_source_close(s);
    return NULL;
}

// ---- decoding

static _gwt_decoder *_gwt_decoder_take(_gwt_source *s)
{
    _gwt_lock_seen(&s->store.lock);
    _gwt_decoder *d = s->store.idle;
    if (d) s->store.idle = d->next;
    _gwt_unlock(&s->store.lock);
    if (d) {
        atomic_fetch_sub(&s->g->idle_decoders, 1);
        return d;
    }
    d = _gwt_calloc(s->g, 1, sizeof *d);
    if (!d) return NULL;
    d->tif = _gwt_source_tiff(s, &d->io, false);
    // Its directory could be read before.
    _gwt_os_facts now;
    int error = _gwt_os_ask(s->store.file, &now);
    const char *why = d->io.failed ? d->io.failed
                    : error ? _GWT_OS_ERROR(error) : _gwt_store_changed(&s->store, &now);
    if (!why && !d->tif) why = d->io.message[0] ? d->io.message : "out of memory";
    if (why) {
        _gwt_fail(s->g, GWT_E_IO, "%s: can't be opened again: %s", s->path, why);
        if (d->tif) TIFFClose(d->tif);
        GWT_FREE(d);
        return NULL;
    }
    if (s->compression == COMPRESSION_JPEG)
        TIFFSetField(d->tif, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    return d;
}

// Of thousands of files not all keep their decoders, each of which holds some 10 to 100 KB.
#define _GWT_IDLE_DECODERS 256

static void _gwt_decoder_put(_gwt_source *s, _gwt_decoder *d)
{
    gwt *g = s->g;
    d->next = NULL;
    if (atomic_load(&g->idle_decoders) >= _GWT_IDLE_DECODERS) _gwt_files_trim(g, &s->store);
    if (atomic_fetch_add(&g->idle_decoders, 1) >= _GWT_IDLE_DECODERS) {
        _gwt_decoders_free(g, d);
        return;
    }
    _gwt_lock_seen(&s->store.lock);
    d->next = s->store.idle;
    s->store.idle = d;
    _gwt_unlock(&s->store.lock);
}

static bool _gwt_source_fetch(_gwt_source *s, int64_t i, void *to, uint64_t n)
{
    _gwt_lane *lane = _gwt_lane_here();
    _gwt_lane_enter(lane, _gwt_tile_event(GWT_STAGE_READ, s->path, i));
    int64_t got = _gwt_os_read(s->store.file, to, n, s->offsets[i]);
    _gwt_lane_leave(lane, n, n);
    _gwt_prof_io(s->g->recorder, n, 0);
    if (got != (int64_t)n) {
        _gwt_source_bad(s, i, GWT_E_IO, "can't be read: %s",
                        got < 0 ? _GWT_OS_ERROR(got) : "the file has become shorter");
        return false;
    }
    uint32_t crc = s->crcs ? (uint32_t)crc32_z(crc32(0, NULL, 0), to, (z_size_t)n) : 0;
    if (!s->crcs || crc == s->crcs[i]) return true;
    _gwt_source_bad(s, i, GWT_E_FORMAT, "is not what was written: its checksum is %08lx, not %08lx",
                    (unsigned long)crc, (unsigned long)s->crcs[i]);
    return false;
}

_GWT_FOR_SPEED

// zlib's Adler-32 of n bytes more (1: of none), added up in columns so that compilers make vectors
// of it: with AVX2 it takes a tenth of zlib's time, which every deflate tile would cost.
#define _GWT_ADLER_BLOCK (32 * 22)

_GWT_LOOP static uint32_t _gwt_adler(uint32_t adler, const unsigned char *p, size_t n)
{
    enum { L = 32, R = _GWT_ADLER_BLOCK / L };  // 255 * R * (R + 1) / 2 fits into 16 bits
    uint32_t a = adler & 0xffff, b = adler >> 16;
    for (; n >= L * R; n -= L * R) {
        uint16_t sum[L] = { 0 }, sums[L] = { 0 };       // of each column; of all its sums so far
        uint32_t all = 0, weighted = 0;
        _GWT_ONE_BY_ONE for (int r = 0; r < R; r++, p += L)
            for (int j = 0; j < L; j++) {
                sum[j] = (uint16_t)(sum[j] + p[j]);
                sums[j] = (uint16_t)(sums[j] + sum[j]);
            }
        _GWT_ONE_BY_ONE for (uint32_t j = 0; j < L; j++) {
            all += sum[j];
            weighted += L * sums[j] - j * sum[j];
        }
        b = (b + L * R * a + weighted) % 65521;
        a = (a + all) % 65521;
    }
    _GWT_ONE_BY_ONE for (; n > 0; n--) b += a += *p++;
    return b % 65521 << 16 | a % 65521;
}

// Samples from..from + n of a row as they were deflated, each less the one `apart` before it.
#define _GWT_DEFLATED(type) \
    static void _gwt_deflated_##type(void *to, const void *row, ptrdiff_t from, ptrdiff_t n, \
                                     ptrdiff_t apart) \
    { \
        const type *x = (const type *)row + from; \
        type *restrict d = to; \
        ptrdiff_t i = from < apart ? apart - from : 0; \
        if (i > n) i = n; \
        memcpy(d, x, (size_t)i * sizeof *d); \
        _GWT_ONE_BY_ONE for (; i < n; i++) d[i] = (type)(x[i] - x[i - apart]); \
    }
_GWT_DEFLATED(uint8_t)
_GWT_DEFLATED(uint16_t)
_GWT_FOR_SIZE       // hardly ever deflated with that predictor
_GWT_DEFLATED(uint32_t)
_GWT_DEFLATED(uint64_t)

static void (*const _gwt_deflated[])(void *, const void *, ptrdiff_t, ptrdiff_t, ptrdiff_t) = {
    [1] = _gwt_deflated_uint8_t, [2] = _gwt_deflated_uint16_t, [4] = _gwt_deflated_uint32_t,
    [8] = _gwt_deflated_uint64_t
};

// The Adler-32 of what a tile was when it was deflated: libtiff has undone predictor 2 since.
static uint32_t _gwt_source_adler(const _gwt_source *s, const void *tile, size_t bytes)
{
    if (s->predictor == 1) return _gwt_adler(1, tile, bytes);
    uint64_t made[_GWT_ADLER_BLOCK];
    size_t size = gwt_dtype_size(s->dtype), used = 0;
    ptrdiff_t wide = (ptrdiff_t)((size_t)s->tile_w * s->step), n;
    const char *row = tile, *end = row + bytes;
    uint32_t adler = 1;
    for (; row < end; row += (size_t)wide * size)
        for (ptrdiff_t from = 0; from < wide; from += n) {
            n = (ptrdiff_t)_gwt_min64(wide - from, (int64_t)((sizeof made - used) / size));
            _gwt_deflated[size]((char *)made + used, row, from, n, (ptrdiff_t)s->step);
            used += (size_t)n * size;
            if (used < sizeof made) continue;
            adler = _gwt_adler(adler, (const unsigned char *)made, used);
            used = 0;
        }
    return _gwt_adler(adler, (const unsigned char *)made, used);
}

// Whether a tile is what a deflate stream was made of, by the checksum at the stream's end. libtiff
// stops where the tile is full: a stream that has become longer is not found out there, with
// libdeflate, nor is any other with zlib. Bytes may follow the stream, and rows of a last strip lie
// below the image: then the stream itself tells, inflated once more. To make anew what predictor 3
// made, or what was of the other byte order, takes too long.
static bool _gwt_source_is_inflated(const _gwt_source *s, const unsigned char *packed, size_t n,
                                    const void *to, size_t bytes)
{
    bool deflate = s->compression == COMPRESSION_DEFLATE
                || s->compression == COMPRESSION_ADOBE_DEFLATE;
    bool made = s->predictor <= (s->widen ? 1 : 2) && !s->swapped;
    if (!deflate || !made || n < 6) return true;
    if (_gwt_source_adler(s, to, bytes) == _gwt_get(packed + n - 4, 4, true)) return true;
    unsigned char nowhere[4096];
    z_stream z = { .next_in = (unsigned char *)packed, .avail_in = (uInt)n };
    if (inflateInit(&z) != Z_OK) return true;
    int status = Z_OK;
    while (status == Z_OK) {
        z.next_out = nowhere;
        z.avail_out = sizeof nowhere;
        status = inflate(&z, Z_NO_FLUSH);
    }
    inflateEnd(&z);
    return status == Z_STREAM_END;
}

// Memory of this worker's for what tile i is decoded from: the tile as libtiff decodes it, where
// that is not what is wanted, and behind it n bytes as they are stored.
static char *_gwt_source_scratch(const _gwt_source *s, uint64_t n)
{
    _gwt_worker *w = _gwt_self();
    size_t all = (size_t)n + (s->widen ? s->decoded_bytes : 0);
    if (w->packed_capacity >= all) return w->packed;
    size_t capacity = s->packed_bytes > all ? s->packed_bytes : all;
    GWT_FREE(w->packed);
    w->packed_capacity = 0;
    w->packed = _gwt_malloc(s->g, capacity);
    if (w->packed) w->packed_capacity = capacity;
    return w->packed;
}

static bool _gwt_decoder_read(const _gwt_source *s, _gwt_decoder *d, int64_t i, void *to,
                              size_t bytes)
{
    tmsize_t size = (tmsize_t)bytes, got;
    d->io.failed = NULL;
    got = s->tiled ? TIFFReadEncodedTile(d->tif, (uint32_t)i, to, size)
                   : TIFFReadEncodedStrip(d->tif, (uint32_t)i, to, size);
    if (d->io.failed) snprintf(d->io.message, sizeof d->io.message, "%s", d->io.failed);
    return got >= 0;
}

// n bytes of a tile to `bytes` of it as libtiff decodes it.
static bool _gwt_source_unpack_by(_gwt_source *s, int64_t i, _gwt_decoder *d, char *packed,
                                  uint64_t n, void *to, size_t bytes)
{
    bool itself = _gwt_source_reads_itself(s);
    if (!itself && !_gwt_source_fetch(s, i, packed, n)) return false;
    _gwt_lane *lane = _gwt_lane_here();
    _gwt_lane_enter(lane, _gwt_tile_event(GWT_STAGE_DECODE, s->path, i));
    d->io.message[0] = 0;
    size_t leaves = _gwt_codec_of(s->compression)->leaves, left = bytes < leaves ? bytes : leaves;
    memset((char *)to + bytes - left, 0, left);
    bool good = itself ? _gwt_decoder_read(s, d, i, to, bytes)
                       : TIFFReadFromUserBuffer(d->tif, (uint32_t)i, packed, (tmsize_t)n, to,
                                                (tmsize_t)bytes);
    good = good && !d->io.message[0];
    if (good && !_gwt_source_is_inflated(s, (unsigned char *)packed, (size_t)n, to, bytes)) {
        snprintf(d->io.message, sizeof d->io.message, "it is not what was deflated");
        good = false;
    }
    _gwt_lane_leave(lane, n, bytes);
    if (!good)
        _gwt_source_bad(s, i, GWT_E_FORMAT, "can't be decoded%s%s",
                        d->io.message[0] ? ": " : "", d->io.message);
    return good;
}

static bool _gwt_source_unpack(_gwt_source *s, int64_t i, char *packed, uint64_t n, void *to,
                               size_t bytes)
{
    _gwt_decoder *d = _gwt_decoder_take(s);
    bool good = d && _gwt_source_unpack_by(s, i, d, packed, n, to, bytes);
    if (d) _gwt_decoder_put(s, d);
    return good;
}

// The first rows of a tile that is in the file.
static bool _gwt_source_load(_gwt_source *s, int64_t i, void *to, int64_t rows)
{
    size_t bytes = _gwt_source_decoded(s, rows);
    bool direct = s->direct && s->counts[i] >= bytes;
    if (direct && !s->widen) return _gwt_source_fetch(s, i, to, bytes);
    uint64_t n = direct || _gwt_source_reads_itself(s) ? 0 : _gwt_source_packed(s, i);
    uint32_t expands = direct ? 0 : _gwt_codec_of(s->compression)->expands;
    if (n > INT32_MAX || (expands && n < bytes / expands))
        return _gwt_source_bad(s, i, GWT_E_FORMAT, "can't be decoded: %llu bytes are too few for "
                               "its %zu", (unsigned long long)n, bytes), false;
    char *scratch = _gwt_source_scratch(s, n), *decoded = s->widen ? scratch : to;
    if (!scratch) return false;
    bool good = direct ? _gwt_source_fetch(s, i, decoded, bytes)
                       : _gwt_source_unpack(s, i, scratch + (s->widen ? s->decoded_bytes : 0), n,
                                            decoded, bytes);
    if (good && s->widen) _gwt_source_widen(s, i, decoded, to, rows);
    return good;
}

static void _gwt_source_fill(const _gwt_source *s, uint64_t raw, char *to, size_t bytes)
{
    size_t size = gwt_dtype_size(s->dtype);
    for (size_t i = 0; i < bytes; i += size) memcpy(to + i, &raw, size);
}

// Decode tile i into tile_bytes at `to`. The rows below the image in a last strip are not touched.
static bool _gwt_source_decode(_gwt_source *s, int64_t i, void *to)
{
    int64_t rows = _gwt_source_rows(s, i);
    size_t bytes = s->tile_bytes / (size_t)s->tile_h * (size_t)rows;
    uint64_t raw = 0;
    bool good;
    if (s->counts[i] == 0) {    // absent: all nodata, else all 0, as GDAL has it
        if (s->meta.nodata.set) _gwt_raw_of(s->dtype, s->meta.nodata, &raw);
        return _gwt_source_fill(s, raw, to, bytes), true;
    }
    if (!_gwt_store_hold(&s->store)) return false;
    good = _gwt_source_holds(s, i) && _gwt_source_load(s, i, to, rows);
    _gwt_store_let_go(&s->store);
    if (!good && s->fills) _gwt_source_fill(s, s->fill, to, bytes), good = true;
    return good;
}

// ---- tiles as they are stored

// Bytes of the tile in the file that begins with tile i (large uncompressed ones are cut); 0: it is
// absent. False where it can't be handed on unseen: to decode it would be an error, or there are
// more bytes than an encoder would make of it.
static bool _gwt_source_passes(const _gwt_source *s, int64_t i, uint64_t *bytes)
{
    uint64_t at = s->offsets[i], length = s->store.length, n = s->counts[i],
             all = (uint64_t)s->tile_bytes / (uint64_t)s->tile_h * (uint64_t)s->block_h;
    uint32_t expands = _gwt_codec_of(s->compression)->expands;
    *bytes = n && s->direct ? all : n;
    if (n == 0) return true;
    if (s->direct ? n < s->tile_bytes : n > all + all / 2 + 4096 || (expands && n < all / expands))
        return false;
    return at > 0 && at < length && *bytes <= length - at;
}

// Whether a tile in the file, which begins with tile i, could not be read when that was tried.
static bool _gwt_source_has_bad(const _gwt_source *s, int64_t i)
{
    int64_t n = _gwt_min64(s->block_h / s->tile_h, s->down - i / s->across % s->down);
    _gwt_lock(&s->g->lock);
    const _gwt_damage *d = _gwt_source_find_damage(s);
    for (; d && n > 0 && !d->tiles[i]; n--) i += s->across;
    _gwt_unlock(&s->g->lock);
    return d && n > 0;
}

// >>cache -------------------------------------------------------------------------------------
// Decoded tiles, shared by all chunks that need them and decoded once however many ask at once.
//
// A tile is absent, loading, or ready. Who finds it absent makes it loading and decodes it; who
// finds it loading does other tiles first and then waits. While `pins` is above 0 it stays. Each
// asker says how many pieces of its run will use the tile; when that many have, the tile is let
// go at once and its memory, still warm, takes the next one. So the cache holds the moving front
// of the run and nothing else; the budget only matters when the front is wider than that, and
// then a clock hand throws out tiles that are not pinned, those not used lately first.
//
// Locks: a tile's fields and its place in source->tiles are guarded by one of 64 stripes, chosen
// by the tile; the list of resident tiles, the byte count and the spare buffers by `lock`, taken
// for a few moves of pointers each time a tile comes or goes. A stripe may be taken under `lock`
// (the clock hand does), never the other way round.

#define _GWT_STRIPES 64
#define _GWT_SPARES 32
#define _GWT_ALIGN 64

// Memory on a boundary of 64 bytes; what GWT_MALLOC gave stands just below it.
static void *_gwt_aligned(gwt *g, size_t size)
{
    char *raw = size < SIZE_MAX / 2 ? _gwt_malloc(g, size + _GWT_ALIGN + sizeof(void *)) : NULL;
    if (!raw) return NULL;
    uintptr_t at =
        ((uintptr_t)raw + sizeof(void *) + _GWT_ALIGN - 1) & ~(uintptr_t)(_GWT_ALIGN - 1);
    memcpy((void *)(at - sizeof(void *)), &raw, sizeof raw);
    return (void *)at;
}

static void _gwt_aligned_free(void *p)
{
    char *raw;
    if (!p) return;
    memcpy(&raw, (char *)p - sizeof(void *), sizeof raw);
    GWT_FREE(raw);
}

typedef struct _gwt_tile {
    _gwt_source *source;
    int64_t index;
    void *data;
    // guarded by the tile's stripe:
    enum { _GWT_LOADING, _GWT_READY, _GWT_BROKEN } state;
    int pins;
    int64_t uses;               // by pieces that are still to come, as the first asker said
    bool recent;                // since the clock hand came by
    bool gone;                  // no longer in source->tiles
    int64_t hits;               // asked for when it was there
    // guarded by the cache's lock:
    size_t place;               // in the list of resident tiles
    bool listed;                // unless there was no memory for the list
    double since;               // when it came, on the clock
} _gwt_tile;

// Bytes of the cache's that a tile takes: of one that lies in memory of the caller's, none.
static size_t _gwt_tile_bytes(const _gwt_tile *t)
{
    return t->source->store.memory ? 0 : t->source->tile_bytes;
}

static void _gwt_tile_free(_gwt_tile *t)
{
    if (!t->source->store.memory) _gwt_aligned_free(t->data);
    GWT_FREE(t);
}

// What a running action takes of the limit; `wanted` of what that leaves would be useful as well.
typedef struct _gwt_share { uint64_t taken, pinned, wanted; } _gwt_share;

typedef struct _gwt_cache {
    struct { _gwt_mutex lock; _gwt_cond ready; char apart[_GWT_CACHE_LINE]; } stripes[_GWT_STRIPES];
    _gwt_mutex lock;            // guards what follows
    _gwt_tile **resident;
    size_t num_resident, room, hand;
    size_t bytes, budget;       // of decoded tiles, spare buffers included
    _gwt_share shares;          // of all running actions
    struct { void *data; size_t bytes; int worker; } spare[_GWT_SPARES];
    int num_spare;
} _gwt_cache;

static size_t _gwt_tile_stripe(const _gwt_source *s, int64_t index)
{
    return ((size_t)index ^ (size_t)((uintptr_t)s >> 4) * 31u) % _GWT_STRIPES;
}

static bool _gwt_cache_begin(gwt *g)
{
    _gwt_cache *c = g->cache = _gwt_keep(g, 1, sizeof *c);
    if (!c || !_gwt_mutex_init(&c->lock)) return false;
    for (int i = 0; i < _GWT_STRIPES; i++)
        if (!_gwt_mutex_init(&c->stripes[i].lock) || !_gwt_cond_init(&c->stripes[i].ready))
            return false;
    return true;
}

static void _gwt_cache_end(_gwt_cache *c)
{
    for (size_t i = 0; i < c->num_resident; i++) _gwt_tile_free(c->resident[i]);
    for (int i = 0; i < c->num_spare; i++) _gwt_aligned_free(c->spare[i].data);
    GWT_FREE(c->resident);
    for (int i = 0; i < _GWT_STRIPES; i++) {
        _gwt_cond_destroy(&c->stripes[i].ready);
        _gwt_mutex_destroy(&c->stripes[i].lock);
    }
    _gwt_mutex_destroy(&c->lock);
}

static void _gwt_cache_record(const _gwt_tile *t)
{
    const _gwt_source *s = t->source;
    _gwt_prof_residence(s->g->recorder, (gwt_residence){ .file = _gwt_base_name(s->path),
                                                         .tile = t->index,
                                                         .bytes = s->tile_bytes,
                                                         .from = t->since,
                                                         .hits = t->hits });
}

static uint64_t _gwt_share_spare(const _gwt_share *s, uint64_t limit)
{
    uint64_t rest = limit > s->taken ? limit - s->taken : 0;
    return s->wanted < rest ? s->wanted : rest;
}

// An action begins or ends, maybe within another: tiles in use, and spare ones where there is room.
static void _gwt_cache_plan(gwt *g, const _gwt_share *share, bool begins)
{
    _gwt_cache *c = g->cache;
    _gwt_lock(&c->lock);
    _gwt_share *all = &c->shares, s = *share;
    if (!begins) s = (_gwt_share){ 0 - s.taken, 0 - s.pinned, 0 - s.wanted };
    all->taken += s.taken, all->pinned += s.pinned, all->wanted += s.wanted;
    uint64_t budget = all->pinned + _gwt_share_spare(all, g->options.memory_limit);
    if (all->taken) c->budget = budget < SIZE_MAX / 4 ? (size_t)budget : SIZE_MAX / 4;
    _gwt_unlock(&c->lock);
}

// Under `lock`: take a tile off the list and keep its buffer; else it goes with the tile.
static void _gwt_cache_forget(_gwt_cache *c, _gwt_tile *t)
{
    size_t bytes = _gwt_tile_bytes(t);
    _gwt_cache_record(t);
    if (t->listed) {
        c->resident[t->place] = c->resident[--c->num_resident];
        c->resident[t->place]->place = t->place;
    }
    if (t->data && bytes && c->num_spare < _GWT_SPARES && c->bytes <= c->budget) {
        c->spare[c->num_spare].data = t->data;
        c->spare[c->num_spare].worker = _gwt_worker_here();
        c->spare[c->num_spare++].bytes = bytes;
        t->data = NULL;
    } else {
        c->bytes -= bytes;
    }
}

// Under `lock`: the newest spare buffer of that size, this worker's own before another's, which is
// warm in another processor's cache.
static bool _gwt_cache_spare(_gwt_cache *c, size_t bytes, void **data)
{
    int found = -1, worker = _gwt_worker_here();
    for (int i = 0; i < c->num_spare; i++)
        if (c->spare[i].bytes == bytes &&
            (found < 0 || c->spare[i].worker == worker || c->spare[found].worker != worker))
            found = i;
    if (found < 0) return false;
    *data = c->spare[found].data;
    c->num_spare--;
    memmove(&c->spare[found], &c->spare[found + 1],
            (size_t)(c->num_spare - found) * sizeof *c->spare);
    return true;
}

// Under `lock`: the clock hand goes round, at most twice, until `bytes` more fit.
static void _gwt_cache_shrink(_gwt_cache *c, size_t bytes)
{
    while (c->num_spare > 0 && c->bytes + bytes > c->budget) {
        c->bytes -= c->spare[--c->num_spare].bytes;
        _gwt_aligned_free(c->spare[c->num_spare].data);
    }
    for (size_t looks = 2 * c->num_resident;
         looks > 0 && c->num_resident > 0 && c->bytes + bytes > c->budget; looks--) {
        if (c->hand >= c->num_resident) c->hand = 0;
        _gwt_tile *t = c->resident[c->hand];
        _gwt_mutex *lock = &c->stripes[_gwt_tile_stripe(t->source, t->index)].lock;
        _gwt_lock_seen(lock);
        bool out = t->pins == 0 && !t->recent && !t->gone;
        t->recent = false;
        if (out) t->source->tiles[t->index] = NULL, t->gone = true;
        _gwt_unlock(lock);
        if (!out) c->hand++;
        else _gwt_cache_forget(c, t), _gwt_tile_free(t);
    }
}

// A new tile with a buffer, pinned once, loading; not yet in any list.
static _gwt_tile *_gwt_cache_make(_gwt_source *s, int64_t index, int64_t uses)
{
    _gwt_tile *t = _gwt_calloc(s->g, 1, sizeof *t);
    if (!t) return NULL;
    *t = (_gwt_tile){
        .source = s, .index = index, .state = _GWT_LOADING, .pins = 1, .uses = uses, .recent = true
    };
    return t;
}

static bool _gwt_cache_admit(_gwt_cache *c, _gwt_tile *t)
{
    size_t bytes = _gwt_tile_bytes(t);
    _gwt_lock_seen(&c->lock);
    bool spare = _gwt_cache_spare(c, bytes, &t->data);
    if (!spare) _gwt_cache_shrink(c, bytes), c->bytes += bytes;
    t->listed = _gwt_list_grow(&c->resident, c->num_resident, 1, &c->room, sizeof *c->resident);
    t->since = t->source->g->recorder ? _gwt_os_now() : 0;
    if (t->listed) t->place = c->num_resident, c->resident[c->num_resident++] = t;
    _gwt_unlock(&c->lock);
    if (!t->listed)
        _gwt_fail(t->source->g, GWT_E_MEMORY, "out of memory: cannot allocate the list of tiles");
    if (t->source->store.memory) t->data = _gwt_source_in_memory(t->source, t->index);
    else if (!spare) t->data = _gwt_aligned(t->source->g, bytes);
    return t->listed && t->data;
}

// Ask for a tile: ready and pinned (data), claimed for the asker to load (*mine), or loading by
// somebody else and pinned.
static _gwt_tile *_gwt_cache_ask(_gwt_cache *c, _gwt_source *s, int64_t index, int64_t uses,
                                 bool *mine)
{
    _gwt_mutex *lock = &c->stripes[_gwt_tile_stripe(s, index)].lock;
    _gwt_tile *t, *fresh = NULL;
    *mine = false;
    do {                        // memory is not asked for under the lock
        _gwt_lock_seen(lock);
        t = s->tiles[index];
        if (t) {
            t->pins++;
            t->hits++;
            t->recent = true;
        } else if (fresh) {
            t = s->tiles[index] = fresh;
            *mine = true;
        }
        _gwt_unlock(lock);
    } while (!t && (fresh = _gwt_cache_make(s, index, uses)) != NULL);
    if (!*mine) GWT_FREE(fresh);
    return t;
}

static void _gwt_cache_load(_gwt_cache *c, _gwt_tile *t)
{
    size_t stripe = _gwt_tile_stripe(t->source, t->index);
    bool good = _gwt_cache_admit(c, t)
             && (t->source->store.memory || _gwt_source_decode(t->source, t->index, t->data));
    _gwt_lock_seen(&c->stripes[stripe].lock);
    t->state = good ? _GWT_READY : _GWT_BROKEN;
    _gwt_unlock(&c->stripes[stripe].lock);
    _gwt_cond_broadcast(&c->stripes[stripe].ready);     // who wakes up finds the lock free
}

// False, and an error, when it could not be loaded, by whomever.
static bool _gwt_cache_wait(_gwt_cache *c, _gwt_tile *t)
{
    char where[128];
    const _gwt_source *s = t->source;
    size_t stripe = _gwt_tile_stripe(s, t->index);
    _gwt_lock_seen(&c->stripes[stripe].lock);
    _gwt_lane *lane = t->state == _GWT_LOADING ? _gwt_lane_here() : NULL;
    _gwt_lane_enter(lane, _gwt_tile_event(GWT_STAGE_WAIT_TILE, s->path, t->index));
    while (t->state == _GWT_LOADING)
        _gwt_cond_wait(&c->stripes[stripe].ready, &c->stripes[stripe].lock);
    _gwt_lane_leave(lane, 0, 0);
    bool good = t->state == _GWT_READY;
    _gwt_unlock(&c->stripes[stripe].lock);
    return good || _gwt_fail(s->g, GWT_E_IO, "%s: %s could not be read", s->path,
                             _gwt_source_tile_text(s, t->index, where, sizeof where));
}

// One piece is done with the tile.
static void _gwt_cache_release(_gwt_cache *c, _gwt_tile *t)
{
    _gwt_mutex *lock = &c->stripes[_gwt_tile_stripe(t->source, t->index)].lock;
    _gwt_lock_seen(lock);
    t->uses--;
    t->pins--;
    bool out = t->pins == 0 && !t->gone && (t->uses <= 0 || t->state == _GWT_BROKEN);
    if (out) t->source->tiles[t->index] = NULL, t->gone = true;
    _gwt_unlock(lock);
    if (!out) return;
    _gwt_lock_seen(&c->lock);
    _gwt_cache_forget(c, t);
    _gwt_unlock(&c->lock);
    _gwt_tile_free(t);
}

// The tiles of a source that goes. No action uses them any more.
static void _gwt_cache_drop(_gwt_cache *c, const _gwt_source *s)
{
    _gwt_lock(&c->lock);
    for (size_t i = 0; i < c->num_resident;) {
        _gwt_tile *t = c->resident[i];
        if (t->source != s) {
            i++;
            continue;
        }
        _gwt_cache_forget(c, t);        // another one is at its place now
        _gwt_tile_free(t);
    }
    _gwt_unlock(&c->lock);
}

// >>array -------------------------------------------------------------------------------------
// The lazy graph. An array is a list of planes, one for each time and band, and a plane is a node:
// a band of a source, a number, or an operation on other nodes, pixel by pixel. So selecting,
// stacking and renaming only re-arrange a list of pointers and leave nothing to do when pixels
// flow. Nodes are immutable, live as long as the session, and are merged where equal by the plan.

// Operations of one and of two operands: name, and result in C. FIRST LEAST MOST BEATS serve
// reductions, which leave missing values out: the first three take what there is, BEATS asks
// whether x is there and larger than y, or y is not there. Those of PLAIN_OPS have loops
// for newer processors with gcc only: clang's take more text.
#define _GWT_UNARY_OPS(X) \
    X(NEG, -x) X(ABS, fabs(x)) X(NOT, x != x ? x : (double)(x == 0)) X(VALID, (double)(x == x)) \
    X(SIGN, x != x ? x : (double)(x > 0) - (double)(x < 0))

#define _GWT_FAST_OPS(X) \
    X(ADD, x + y) X(SUB, x - y) X(MUL, x * y) X(DIV, x / y)
#define _GWT_PLAIN_OPS(X) \
    X(MIN, isunordered(x, y) ? (double)NAN : y < x ? y : x) \
    X(MAX, isunordered(x, y) ? (double)NAN : y > x ? y : x) \
    X(FIRST, x != x ? y : x) \
    X(LEAST, x != x ? y : y < x ? y : x) X(MOST, x != x ? y : y > x ? y : x) \
    X(LT, _GWT_BOTH(x < y)) X(LE, _GWT_BOTH(x <= y)) \
    X(GT, _GWT_BOTH(x > y)) X(GE, _GWT_BOTH(x >= y)) \
    X(EQ, _GWT_BOTH(x == y)) X(NE, _GWT_BOTH(x != y)) \
    X(AND, _GWT_BOTH((x != 0 ? y : 0) != 0)) X(OR, _GWT_BOTH((x != 0 ? x : y) != 0)) \
    X(BEATS, x != x ? 0 : x <= y ? 0 : 1)
#define _GWT_BINARY_OPS(X) _GWT_FAST_OPS(X) _GWT_PLAIN_OPS(X)

// The same of one, in double only.
#define _GWT_DOUBLE_OPS(X) \
    X(SQRT, sqrt(x)) \
    X(FLOOR, copysign(_gwt_floor(x), x)) \
    X(CEIL, copysign(_gwt_floor(-x), x)) \
    X(ROUND, _gwt_near(x)) \
    X(TRUNC, copysign(_gwt_floor(fabs(x)), x))

// Of integers below 2^51; a missing one makes a missing one. A quotient of two is never rounded up
// to a whole number.
#define _GWT_WHOLE_FAST_OPS(X) \
    X(AND, _gwt_bits_near(_gwt_near_bits(x) & _gwt_near_bits(y)) + (x - x) + (y - y)) \
    X(DIV, _gwt_floor_small(x / y) + (x / y - x / y)) \
    X(MOD, x + 0.0 - _gwt_floor_small(x / y) * y) \
    X(SHIFT, _gwt_floor_small(x * y))
#define _GWT_WHOLE_OPS(X) \
    X(OR, _gwt_bits_near(_gwt_near_bits(x) | _gwt_near_bits(y)) + (x - x) + (y - y)) \
    X(XOR, _gwt_bits_near(_gwt_near_bits(x) ^ _gwt_near_bits(y)) + (x - x) + (y - y))

// By functions of the math library, one pixel after the other, in double; those of two operands are
// missing where either is (hypot(inf, NaN) is inf).
#define _GWT_LIBM_OPS(X) \
    X(EXP, exp) X(EXP2, exp2) X(LOG, log) X(LOG2, log2) X(LOG10, log10) X(CBRT, cbrt) \
    X(SIN, sin) X(COS, cos) X(TAN, tan) X(ASIN, asin) X(ACOS, acos) X(ATAN, atan) \
    X(SINH, sinh) X(COSH, cosh) X(TANH, tanh)
#define _GWT_LIBM_OPS_2(X) \
    X(POW, pow) X(ATAN2, atan2) X(HYPOT, hypot) X(MOD, _gwt_mod) X(FLOOR_DIV, _gwt_floor_div)

// Of whole numbers; these, and MOD and FLOOR_DIV that have a type, in 64-bit integers.
#define _GWT_INTEGER_OPS(X) \
    X(BIT_AND, &) X(BIT_OR, |) X(BIT_XOR, ^) X(SHIFT_LEFT, <<) X(SHIFT_RIGHT, >>)

// A truth value as 0 or 1, missing where x or y is.
#define _GWT_BOTH(condition) (isunordered(x, y) ? (double)NAN : (double)(condition))

typedef enum _gwt_op {
    _GWT_OP_LOAD,   // band `band` of `source`; if `masked`, raw values of imm[0] + imm[1] are
                    // missing (imm[1]: the rest of a nodata value that is no double)
    _GWT_OP_REST,   // of a LOAD of 64-bit integers: what the nearest doubles leave of them
    _GWT_OP_CROP,   // every stride-th pixel of arg 0 from (row, col) on; missing outside of it
    _GWT_OP_STEP,   // plane `band` of `step`, which looks at more than its own pixel
    _GWT_OP_PLACE,  // row (`band` 0) or column (1) of the pixel, from 0
    _GWT_OP_CONST,  // imm[0]; its rest is imm[1]
    _GWT_OP_MASK,   // arg 0, missing where equal to imm[0]
    _GWT_OP_CLIP,   // arg 0 into imm[0]..imm[1]
    _GWT_OP_CAST,   // arg 0 rounded and saturated to `dtype`
    _GWT_OP_WARPED, // the same of an interpolated value, rounded as GDAL's warper does
    _GWT_OP_WHERE,  // arg 0 ? arg 1 : arg 2
    _GWT_OP_PERCENTILE, // imm[0] of all args that are there
    _GWT_OP_MODE,       // the most frequent of all args that are there
    _GWT_OP_LOOKUP, // what `lookup` has for arg 0
#define X(name, expression) _GWT_OP_##name,
    _GWT_UNARY_OPS(X)
    _GWT_BINARY_OPS(X)
    _GWT_DOUBLE_OPS(X)
    _GWT_LIBM_OPS(X)
    _GWT_LIBM_OPS_2(X)
    _GWT_INTEGER_OPS(X)
#undef X
    _GWT_OP_COUNT
} _gwt_op;

static const char *const _gwt_op_names[] = {
    "load", "rest", "crop", "step", "place", "number", "mask", "clip", "cast", "warped", "where",
    "percentile", "mode", "lookup",
#define X(name, expression) #name,
    _GWT_UNARY_OPS(X) _GWT_BINARY_OPS(X)
    _GWT_DOUBLE_OPS(X) _GWT_LIBM_OPS(X) _GWT_LIBM_OPS_2(X) _GWT_INTEGER_OPS(X)
#undef X
    "fetch", "store", "copy"        // which programs have besides
};

// A function of steps: piece k is of all below its end and not below that of the one before it; the
// last has no end, which is NaN. What lies in which is found by cells of one width, whose ends need
// not be those of pieces.
typedef struct _gwt_piece { double end, value; } _gwt_piece;

typedef struct _gwt_lookup {
    const _gwt_piece *pieces;
    size_t num_pieces, num_cells;
    double origin, scale;           // v lies in cell (v - origin) * scale, or the first or last one
    const uint32_t *first;          // the first piece that ends in a cell or after it, of each; and
                                    // the last one
    const double *values;           // of 8- and 16-bit integers instead: of each cell, which is one
                                    // of them
} _gwt_lookup;

// The value of a piece that stays as it is: a NaN of its own.
#define _GWT_KEPT 0x7FF8000000676774u

static inline bool _gwt_lookup_keeps(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits == _GWT_KEPT;
}

// Never decreases as v grows, rounded or not: what lies in a cell before that of an end is below
// that end. NaN lies in the first one.
static inline size_t _gwt_lookup_cell(const _gwt_lookup *t, double v)
{
    double at = (v - t->origin) * t->scale, last = (double)(t->num_cells - 1);
    at = at > 0 ? at : 0;
    return (size_t)(int64_t)(at < last ? at : last);
}

typedef struct _gwt_node {
    _gwt_op op;
    gwt_dtype dtype;            // LOAD: the source's; CAST: the target; of integers: the result's
    bool masked;
    bool strict;                // missing wherever all it reads is
    bool series;                // made of a whole series: no fewer tiles are held without others
    int64_t band;               // of an operation on integers 1: the rest of the result
    _gwt_source *source;
    const struct _gwt_step *step;
    const _gwt_lookup *lookup;
    // A pixel is a double. Of 64-bit integers that is the nearest one; what it leaves, a small
    // whole number, is a pixel of this, which operations on integers and stores of them read
    // besides. NULL: it leaves nothing, or that is not known.
    const struct _gwt_node *rest;
    int num_args;
    const struct _gwt_node *const *args;    // of integers: 2, or these and their rests
    double imm[2];
    int64_t row, col, stride;   // CROP: pixel (r, c) is (row + stride r, col + stride c)
    int64_t width, height;      // CROP: of its operand
} _gwt_node;

typedef enum _gwt_step_kind {
    _GWT_STEP_WINDOW,
    _GWT_STEP_RESAMPLE,
    _GWT_STEP_APPLY,
    _GWT_STEP_HOLD              // its planes as they are: a program ends here, another goes on
} _gwt_step_kind;

typedef struct _gwt_rect { int64_t row, col, rows, cols; } _gwt_rect;

// An operation on whole rectangles. Axes: 0 is y, 1 is x.
typedef struct _gwt_step {
    _gwt_step_kind kind;
    // What it reads of its operands for `out`, which is not empty, of its result: the smallest
    // rectangle or a larger one, within the operands; empty where it reads nothing. What it gives
    // for a part of `out` lies within what it gives for the whole: the walk relies on that, and on
    // nothing else. It is called by several workers at once. False, and an error, when it fails.
    bool (*needs)(gwt *g, const struct _gwt_step *s, const _gwt_rect *out, _gwt_rect *in);
    int num_args;
    const _gwt_node *const *args;       // planes on a grid of in_height x in_width
    int64_t in_width, in_height;
    int num_planes;                     // that it makes, on a grid of height x width
    int64_t width, height;
    // The centre of cell i lies at (i + 0.5) * scale + origin of the operand's cells, and cells up
    // to `reach` from there are read.
    double scale[2], origin[2];
    int64_t reach[2];
    int method;                         // WINDOW: a statistic; RESAMPLE: gwt_resampling
    double parameter;                   // a percentile
    bool weighted;                      // WINDOW: by the distance from its centre
    gwt_kernel_fn *fn;
    void *user;
    const char *identity;               // of these two, as the caller says
    const struct _gwt_step *after;      // HOLD: the one before, which it goes on from
} _gwt_step;

// What an operation keeps of its operand; _gwt_array_derive is the one place that acts on it.
enum {
    // What the files say, as far as it stays true of the pixels. It is all carried along, with
    // these flags, and looked through when a file is written.
    _GWT_KEEP_WORDS = 1,        // items, texts, units, the meaning of bands
    _GWT_KEEP_CLASSES = 2,      // a palette: a pixel still is the number of a colour
    _GWT_KEEP_PLACES = 4,       // what speaks of rows and columns
    _GWT_KEEP_FIGURES = 8,      // statistics: they are just these pixels
    _GWT_KEEP_FILE = 15,
    // What the array itself says.
    _GWT_KEEP_TYPE = 16,        // dtype and nodata; else float64, where missing is NaN
    _GWT_KEEP_NAMES = 32,       // of bands; else their numbers
    _GWT_KEEP_SCALES = 64,      // factors and offsets; else 1 and 0
    _GWT_KEEP_ATTRS = 128,
    _GWT_KEEP_SELF = 240,
    _GWT_KEEP_ALL = 255
};

typedef struct _gwt_scaling { gwt_optional scale, offset; } _gwt_scaling;

typedef struct _gwt_band {
    const char *name;           // NULL: its number, which is put here when the array is finished
    bool named;                 // it is more than a number
    double scale, offset;
    const _gwt_band_about *about;
    unsigned keep;              // of that; 0: nothing, and `about` may be NULL
} _gwt_band;

struct gwt_array {
    gwt_info info;              // first: what gwt_describe gives out
    gwt *g;
    const gwt_scope *scope;     // that it is in
    bool number;                // no grid: goes with any array
    _gwt_geo geo;
    const _gwt_file_about *about;       // NULL: nothing is kept
    unsigned keep;
    _gwt_band *bands;                   // shape[1]; `info` has lists made of them
    _gwt_scaling session;               // factors that beat those of bands: the session's, until
                                        // they are applied or the caller says others
    const _gwt_node **planes;   // shape[0] * shape[1], time-major
};

static int64_t _gwt_num_planes(const gwt_array *a) { return a->info.shape[0] * a->info.shape[1]; }

// Whether it is seen through a frame: it has no operands, but pixels of its own.
static bool _gwt_op_is_leaf(int op)
{
    return op == _GWT_OP_LOAD || op == _GWT_OP_REST || op == _GWT_OP_STEP || op == _GWT_OP_PLACE;
}

static bool _gwt_node_strict(const _gwt_node *n)
{
    bool any = false, all = true;
    for (int i = 0; i < n->num_args; i++) {
        any |= n->args[i]->strict;
        all &= n->args[i]->strict;
    }
    switch (n->op) {
    case _GWT_OP_LOAD:
    case _GWT_OP_REST:
    case _GWT_OP_STEP:
    case _GWT_OP_PLACE: return true;
    case _GWT_OP_CONST: return isnan(n->imm[0]);
    case _GWT_OP_VALID:
    case _GWT_OP_BEATS: return false;
    case _GWT_OP_WHERE: return n->args[0]->strict || (n->args[1]->strict && n->args[2]->strict);
    case _GWT_OP_FIRST:
    case _GWT_OP_LEAST:
    case _GWT_OP_MOST:
    case _GWT_OP_PERCENTILE:
    case _GWT_OP_MODE: return all;
    default: return any;
    }
}

static const _gwt_node *_gwt_node_rest(gwt *g, const _gwt_node *n);

static const _gwt_node *_gwt_node_new(gwt *g, _gwt_node from)
{
    _gwt_node *n = _gwt_keep(g, 1, sizeof *n);
    from.strict = _gwt_node_strict(&from);
    if (!n) return NULL;
    *n = from;
    n->rest = _gwt_node_rest(g, n);
    return n;
}

// A copy of a list; NULL when one of it is.
static const _gwt_node **_gwt_keep_nodes(gwt *g, const _gwt_node *const *from, int n)
{
    const _gwt_node **kept = _gwt_keep(g, (size_t)n, sizeof *kept);
    for (int i = 0; kept && i < n; i++)
        if (!(kept[i] = from[i])) return NULL;
    return kept;
}

static const _gwt_node *_gwt_node_number(gwt *g, double value)
{
    return _gwt_node_new(g, (_gwt_node){ .op = _GWT_OP_CONST, .imm = { value } });
}

// `from` with operands; NULL when one of them is.
_GWT_CALLED static const _gwt_node *_gwt_node_with(gwt *g, _gwt_node from,
                                                   const _gwt_node *const *args, int n)
{
    from.args = _gwt_keep_nodes(g, args, n);
    from.num_args = n;
    return from.args ? _gwt_node_new(g, from) : NULL;
}

static const _gwt_node *_gwt_node_op(gwt *g, _gwt_op op, const _gwt_node *x, const _gwt_node *y)
{
    return _gwt_node_with(g, (_gwt_node){ .op = op }, (const _gwt_node *[]){ x, y }, y ? 2 : 1);
}

static const _gwt_node *_gwt_node_where(gwt *g, const _gwt_node *condition, const _gwt_node *x,
                                        const _gwt_node *y)
{
    const _gwt_node *args[] = { condition, x, y };
    return _gwt_node_with(g, (_gwt_node){ .op = _GWT_OP_WHERE }, args, 3);
}

static bool _gwt_dtype_wide(gwt_dtype t) { return t == GWT_UINT64 || t == GWT_INT64; }

// Whether it is computed in 64-bit integers.
static bool _gwt_op_integer(int op, gwt_dtype dtype) { return op >= _GWT_OP_MOD && dtype; }

// What picks pixels picks rests; what changes some has those of what it leaves as it is.
static const _gwt_node *_gwt_node_rest(gwt *g, const _gwt_node *n)
{
    const _gwt_node *of[3] = { NULL };
    bool wide = _gwt_dtype_wide(n->dtype) && n->band == 0, any = false;
    bool where = n->op == _GWT_OP_WHERE;
    _gwt_node rest = *n;
    if (n->op == _GWT_OP_CONST) return n->imm[1] != 0 ? _gwt_node_number(g, n->imm[1]) : NULL;
    if (n->op == _GWT_OP_LOAD && _gwt_dtype_wide(n->dtype)) {
        rest.op = _GWT_OP_REST;
        rest.masked = false;
        return _gwt_node_new(g, rest);
    }
    rest.band = 1;
    if (_gwt_op_integer((int)n->op, n->dtype)) return wide ? _gwt_node_new(g, rest) : NULL;
    const _gwt_node *first = n->num_args ? n->args[0] : NULL;
    if (first && first->rest && n->op == _GWT_OP_NEG)
        return _gwt_node_op(g, _GWT_OP_NEG, first->rest, NULL);
    if (first && first->rest && ((n->op == _GWT_OP_CAST && wide) || n->op == _GWT_OP_LOOKUP))
        return _gwt_node_where(g, _gwt_node_op(g, _GWT_OP_EQ, n, first), first->rest,
                               _gwt_node_number(g, 0));
    if (n->op != _GWT_OP_CROP && n->op != _GWT_OP_MASK && !where) return NULL;
    for (int i = where; i < n->num_args; i++) any |= n->args[i]->rest != NULL;
    for (int i = 0; any && i < n->num_args; i++) {
        of[i] = where && i == 0 ? n->args[0] : n->args[i]->rest;
        if (!of[i]) of[i] = _gwt_node_number(g, 0);
    }
    if (n->op == _GWT_OP_MASK) return of[0];
    return any ? _gwt_node_with(g, *n, of, n->num_args) : NULL;
}

// ---- making arrays

static const char *const *_gwt_numbered(gwt *g, int64_t n)
{
    const char **names = _gwt_keep(g, (size_t)n + 1, sizeof *names);
    for (int64_t i = 0; names && i < n; i++)
        names[i] = _gwt_keep_format(g, "%lld", (long long)i + 1);
    return names;
}

static const char *const *_gwt_keep_names(gwt *g, const char *const *from, int64_t n)
{
    const char **names = _gwt_keep(g, (size_t)n + 1, sizeof *names);
    for (int64_t i = 0; names && i < n; i++) names[i] = _gwt_keep_string(g, from[i]);
    return names;
}

// As a reader of that type parses it: GDAL takes 64-bit integers by strtoll.
static const char *_gwt_nodata_text(char *to, size_t size, gwt_dtype dtype, gwt_optional nodata)
{
    uint64_t raw;
    double v = nodata.value;
    bool wide = dtype == GWT_INT64 || dtype == GWT_UINT64;
    if (!_gwt_dtype_integer(dtype) || !_gwt_raw_of(dtype, nodata, &raw))
        return _gwt_os_double_text(to, size, v);
    if (!wide) snprintf(to, size, "%lld", (long long)v);
    else if (dtype == GWT_INT64) snprintf(to, size, "%lld", (long long)raw);
    else snprintf(to, size, "%llu", (unsigned long long)raw);
    return to;
}

static void _gwt_array_set_nodata(gwt_array *a, gwt_optional nodata)
{
    gwt_info *i = &a->info;
    i->nodata = nodata;
    i->nodata_text[0] = 0;
    if (nodata.set) _gwt_nodata_text(i->nodata_text, sizeof i->nodata_text, i->dtype, nodata);
}

// Whether there is such a type, or none is asked for.
static bool _gwt_check_dtype(gwt *g, gwt_dtype dtype)
{
    if (dtype == GWT_DTYPE_NONE || _gwt_dtype_valid(dtype)) return true;
    return _gwt_fail(g, GWT_E_ARGUMENT, "no type %d", (int)dtype);
}

// What an operation keeps of a band.
static _gwt_band _gwt_band_kept(_gwt_band b, unsigned keep)
{
    if (!(keep & _GWT_KEEP_NAMES)) {
        b.name = NULL;
        b.named = false;
    }
    if (!(keep & _GWT_KEEP_SCALES)) {
        b.scale = 1;
        b.offset = 0;
    }
    b.keep &= keep;
    return b;
}

static gwt_array *_gwt_array_new(gwt *g, int64_t times, int64_t bands)
{
    gwt_array *a = _gwt_keep(g, 1, sizeof *a);
    if (!a) return NULL;
    a->g = g;
    a->scope = _gwt_scope_here(g);
    a->info.shape[0] = times;
    a->info.shape[1] = bands;
    a->planes = _gwt_keep(g, (size_t)(times * bands), sizeof *a->planes);
    a->bands = _gwt_keep(g, (size_t)bands, sizeof *a->bands);
    for (int64_t b = 0; a->bands && b < bands; b++) a->bands[b].scale = 1;
    return a->planes && a->bands ? a : NULL;
}

// The result of an operation on `like`: its grid, chunks, sensor and files, and what else it keeps;
// planes still unset, and when there are more bands or fewer, these too.
static gwt_array *_gwt_array_derive_as(const gwt_array *like, unsigned keep, int64_t times,
                                       int64_t bands)
{
    if (_gwt_scope_is_over(like->scope)) return NULL;
    gwt_array *r = _gwt_array_new(like->g, times, bands);
    if (!r) return NULL;
    r->info = like->info;
    r->info.shape[0] = times;
    r->info.shape[1] = bands;
    r->info.has_scales = like->info.has_scales && (keep & _GWT_KEEP_SCALES);
    r->number = like->number;
    r->geo = like->geo;
    r->session = like->session;
    r->keep = like->keep & keep;
    r->about = r->keep ? like->about : NULL;
    if (bands != like->info.shape[1]) r->info.chunks[1] = bands;
    else for (int64_t b = 0; b < bands; b++) r->bands[b] = _gwt_band_kept(like->bands[b], keep);
    if (times != like->info.shape[0]) r->info.time_names = _gwt_numbered(r->g, times);
    if (!(keep & _GWT_KEEP_TYPE)) {
        r->info.dtype = GWT_FLOAT64;
        r->info.nodata = (gwt_optional){ 0 };
    }
    if (!(keep & _GWT_KEEP_ATTRS)) r->info.attrs = NULL;
    return r;
}

static gwt_array *_gwt_array_derive(const gwt_array *like, unsigned keep)
{
    return _gwt_array_derive_as(like, keep, like->info.shape[0], like->info.shape[1]);
}

// Of several operands none may have been scaled already if the session's factors are to act.
static void _gwt_array_meet_factors(gwt_array *r, const gwt_array *operand)
{
    if (!operand->session.scale.set) r->session.scale.set = false;
    if (!operand->session.offset.set) r->session.offset.set = false;
}

// Leave of some items those that others have as well.
static void _gwt_items_meet(_gwt_items *items, const _gwt_items *others)
{
    size_t kept = 0, k = 0;
    for (size_t i = 0; i < items->n; i++) {
        const _gwt_item *item = &items->list[i];
        while (k < others->n && _gwt_item_compare_keys(&others->list[k], item) < 0) k++;
        if (k < others->n && !_gwt_item_compare_keys(&others->list[k], item)
            && !strcmp(others->list[k].text, item->text))
            items->list[kept++] = *item;
    }
    items->n = kept;
}

static bool _gwt_items_copy(gwt *g, _gwt_items *items)
{
    _gwt_item *list = _gwt_keep(g, items->n, sizeof *list);
    if (list && items->n) memcpy(list, items->list, items->n * sizeof *list);
    items->list = list;
    return list != NULL;
}

// Whether an array may be used in a call on a session's arrays.
static bool _gwt_check_session(gwt *g, const gwt_array *a)
{
    if (a->g != g)
        return _gwt_fail(g, GWT_E_ARGUMENT, "arrays of two sessions cannot be combined");
    return !_gwt_scope_is_over(a->scope);
}

// Arrays are immutable: what would equal its operand is the operand.
static gwt_array *_gwt_array_same(const gwt_array *a) { return (gwt_array *)a; }

// What all files say alike.
static void _gwt_array_meet_files(gwt_array *r, gwt_array *const *arrays, size_t n)
{
    _gwt_file_about *meet = NULL;
    r->about = arrays[0]->about, r->keep = _GWT_KEEP_FILE;
    for (size_t i = 0; i < n; i++) {
        const _gwt_file_about *other = arrays[i]->about;
        r->keep &= other ? arrays[i]->keep : 0;
        if (!other || !r->about || other == arrays[0]->about) continue;
        if (!meet) {
            meet = _gwt_keep(r->g, 1, sizeof *meet);
            if (meet) *meet = *r->about;
            if (!meet || !_gwt_items_copy(r->g, &meet->items)) return;
            r->about = meet;
        }
        _gwt_items_meet(&meet->items, &other->items);
        for (size_t k = 0; k < _GWT_COUNT(_gwt_copied_tags); k++) {
            _gwt_tag_value *x = &meet->tags[k];
            if (x->data && (x->count != other->tags[k].count
                            || memcmp(x->data, other->tags[k].data,
                                      x->count * _gwt_copied_tags[k].size)))
                *x = (_gwt_tag_value){ NULL, 0 };
        }
    }
    if (!r->keep) r->about = NULL;
}

static bool _gwt_same_palette(const _gwt_band_about *a, const _gwt_band_about *b)
{
    return a->palette == b->palette
        || (a->palette && b->palette && a->shades == b->shades
            && !memcmp(a->palette, b->palette, 3 * a->shades * sizeof *a->palette));
}

// What two bands say alike.
static void _gwt_band_meet(_gwt_band_about *band, const _gwt_band_about *other)
{
    _gwt_items_meet(&band->items, &other->items);
    if (strcmp(band->interpretation, other->interpretation)) band->interpretation = "";
    if (band->photometric == other->photometric && band->colour == other->colour
        && band->extra == other->extra && _gwt_same_palette(band, other)) return;
    band->photometric = PHOTOMETRIC_MINISBLACK;
    band->colour = -1, band->extra = EXTRASAMPLE_UNSPECIFIED;
    band->palette = NULL, band->shades = 0;
}

// What all say alike of a band.
static void _gwt_array_meet_bands(_gwt_band *r, gwt_array *const *arrays, size_t n, int64_t b)
{
    gwt *g = arrays[0]->g;
    _gwt_band_about *meet = NULL;
    r->about = arrays[0]->bands[b].about;
    r->keep = _GWT_KEEP_FILE;
    for (size_t i = 0; i < n; i++) {
        const _gwt_band *other = &arrays[i]->bands[b];
        r->keep &= other->keep;
        if (!r->keep) return;
        if (other->about == arrays[0]->bands[b].about) continue;
        if (!meet) {
            meet = _gwt_keep(g, 1, sizeof *meet);
            if (meet) *meet = *r->about;
            if (!meet || !_gwt_items_copy(g, &meet->items)) return;
            r->about = meet;
        }
        _gwt_band_meet(meet, other->about);
    }
}

static const _gwt_band_about *_gwt_about_band(const gwt_array *a, int64_t plane)
{
    const _gwt_band *band = &a->bands[plane % a->info.shape[1]];
    return band->keep & _GWT_KEEP_WORDS ? band->about : NULL;
}

// The lists of gwt_info that are about bands.
static void _gwt_array_list_bands(gwt_array *a)
{
    gwt_info *i = &a->info;
    size_t n = (size_t)i->shape[1];
    const char **names = _gwt_keep(a->g, n + 1, sizeof *names);
    double *scales = _gwt_keep(a->g, n, sizeof *scales);
    double *offsets = _gwt_keep(a->g, n, sizeof *offsets);
    bool *named = _gwt_keep(a->g, n, sizeof *named);
    if (!names || !scales || !offsets || !named) return;
    i->alpha_band = 0;
    i->bands_named = false;
    for (size_t b = n; b-- > 0;) {
        _gwt_band *band = &a->bands[b];
        if (!band->name) band->name = _gwt_keep_format(a->g, "%zu", b + 1);
        names[b] = band->name;
        named[b] = band->named;
        scales[b] = band->scale;
        offsets[b] = band->offset;
        i->bands_named |= band->named;
        if (_gwt_is_alpha(_gwt_about_extra(_gwt_about_band(a, (int64_t)b))))
            i->alpha_band = (int)b + 1;
    }
    i->band_names = names;
    i->named = named;
    i->scales = scales;
    i->offsets = offsets;
}

// Fill in what follows from the rest; NULL when a step on the way here failed.
static gwt_array *_gwt_array_finish(gwt_array *a)
{
    if (!a || _gwt_failed(a->g)) return NULL;
    gwt_info *i = &a->info;
    const double *t = a->geo.t;
    static const char *const none[] = { NULL };
    if (!i->attrs) i->attrs = none;
    if (!i->tags) i->tags = none;
    _gwt_array_set_nodata(a, i->nodata);
    _gwt_array_list_bands(a);
    i->shape[2] = a->geo.height, i->shape[3] = a->geo.width;
    for (int d = 0; d < 4; d++) i->chunks[d] = _gwt_max64(1, _gwt_min64(i->chunks[d], i->shape[d]));
    i->nbytes = (uint64_t)i->shape[2] * (uint64_t)i->shape[3] * gwt_dtype_size(i->dtype);
    if (!_gwt_mul_size(i->nbytes, (uint64_t)_gwt_num_planes(a), &i->nbytes)) i->nbytes = UINT64_MAX;
    memcpy(i->transform, t, sizeof i->transform);
    i->res[0] = hypot(t[0], t[3]), i->res[1] = hypot(t[1], t[4]);
    i->has_transform = a->geo.has_transform;
    i->epsg = a->geo.epsg;
    i->has_crs = a->geo.num_keys > 0;
    i->area_or_point = a->geo.point ? "Point" : "Area";
    i->bounds = _gwt_geo_bounds(&a->geo);
    return _gwt_failed(a->g) ? NULL : a;
}

const gwt_info *gwt_describe(const gwt_array *a)
{
    static const char *const none[] = { NULL };
    static const gwt_info nothing = { .band_names = none,
                                      .time_names = none,
                                      .filenames = none,
                                      .tags = none,
                                      .attrs = none,
                                      .area_or_point = "",
                                      .compression = "" };
    return a ? &a->info : &nothing;
}

int64_t gwt_find_plane(const gwt_array *a, int64_t plane, const gwt_array *of)
{
    if (!a || !of || plane < 0 || plane >= _gwt_num_planes(a)) return -1;
    int64_t i = _gwt_num_planes(of) - 1;
    while (i >= 0 && of->planes[i] != a->planes[plane]) i--;
    return i;
}

const char *gwt_attr(const gwt_array *a, const char *key)
{
    const gwt_info *i = gwt_describe(a);
    const char *const *lists[] = { i->attrs, i->tags };
    size_t n = key ? strlen(key) : 0;
    for (int l = 0; l < 2 && n; l++)
        for (const char *const *item = lists[l]; *item; item++)
            if (!strncmp(*item, key, n) && (*item)[n] == '=') return *item + n + 1;
    return NULL;
}

// One attribute more, in place of an older one of that name; NULL: only without that.
static void _gwt_array_note(gwt_array *a, const char *key, const char *value)
{
    if (!a) return;
    int64_t n = _gwt_count_strings(a->info.attrs), kept = 0;
    size_t length = strlen(key);
    const char **attrs = _gwt_keep(a->g, (size_t)n + 2, sizeof *attrs);
    char *text = value ? _gwt_keep_format(a->g, "%s=%s", key, value) : NULL;
    if (!attrs || (value && !text)) return;
    for (int64_t i = 0; i < n; i++)
        if (strncmp(a->info.attrs[i], key, length) || a->info.attrs[i][length] != '=')
            attrs[kept++] = a->info.attrs[i];
    attrs[kept] = text;
    a->info.attrs = attrs;
}

static void _gwt_array_note_number(gwt_array *a, const char *key, double value)
{
    char text[40];
    _gwt_array_note(a, key, _gwt_os_double_text(text, sizeof text, value));
}

gwt_array *gwt_number(gwt *g, double value)
{
    gwt_array *a = _gwt_failed(g) ? NULL : _gwt_array_new(g, 1, 1);
    if (!a) return NULL;
    a->number = true;
    a->geo = (_gwt_geo){ .width = 1, .height = 1, .t = { 1, 0, 0, 0, 1, 0 } };
    a->info.dtype = GWT_FLOAT64;
    a->info.time_names = _gwt_numbered(g, 1);
    static const char *const none[] = { "a number", NULL };
    a->info.filenames = none;
    a->info.compression = "none";
    a->planes[0] = _gwt_node_number(g, value);
    return _gwt_array_finish(a);
}

// >>open --------------------------------------------------------------------------------------
// Files to arrays: one, or several stacked along time or band, and the dates in their names.

static bool _gwt_check_chunk(gwt *g, const char *what, int64_t chunk)
{
    if (chunk >= 0 && chunk <= _GWT_MAX_CHUNK) return true;
    return _gwt_fail(g, GWT_E_ARGUMENT,
                     "%s = %lld: a chunk edge is 1 to %d pixels (0 or none: chosen for you)", what,
                     (long long)chunk, _GWT_MAX_CHUNK);
}

// The chunk shape when nobody asked for one: the file's tiles where they have a sensible size, some
// of them where they are small, and a part of one where they are large. When an action runs and its
// budget is small, pieces get smaller than chunks; see gwt_print_plan.
static int64_t _gwt_auto_chunk(int64_t block, bool tiled)
{
    if (!tiled || block > 1024) return 256;
    return block >= 128 ? block : _gwt_ceil_div(256, block) * block;
}

// The edge of both, or each by itself; 0: the session's, else by the tiles of the file.
static bool _gwt_array_set_chunks(gwt_array *a, int edge, int rows, int cols)
{
    gwt *g = a->g;
    if (!_gwt_check_chunk(g, "chunks", edge) || !_gwt_check_chunk(g, "chunk_rows", rows)
        || !_gwt_check_chunk(g, "chunk_cols", cols))
        return false;
    if (!edge) edge = g->options.chunks;
    int64_t *c = a->info.chunks;
    a->info.auto_chunks = !edge && !rows && !cols;
    c[0] = 1;
    c[1] = a->info.shape[1];
    c[2] = rows ? rows : edge ? edge : _gwt_auto_chunk(a->info.tile[0], a->info.is_tiled);
    c[3] = cols ? cols : edge ? edge : _gwt_auto_chunk(a->info.tile[1], a->info.is_tiled);
    return true;
}

static void _gwt_fail_sensor(gwt *g, const char *sensor)
{
    char there[400];
    const char *names[64];
    int64_t n = 0;
    while (n < 64 && (names[n] = gwt_sensor_name((size_t)n)) != NULL) n++;
    _gwt_fail(g, GWT_E_ARGUMENT, "unknown sensor \"%s\": there are %s", sensor,
              _gwt_join_names(there, sizeof there, names, n));
}

// Factors that the caller says and that are not applied here are the array's from now on.
static void _gwt_array_set_scales(gwt_array *a, const gwt_open_options *o)
{
    for (int64_t b = 0; b < a->info.shape[1] && !o->scale_data; b++) {
        if (o->scale_factor.set) a->bands[b].scale = o->scale_factor.value;
        if (o->offset.set) a->bands[b].offset = o->offset.value;
        a->info.has_scales |= o->scale_factor.set || o->offset.set;
    }
    if (o->scale_factor.set) a->session.scale.set = false;
    if (o->offset.set) a->session.offset.set = false;
}

// Names instead of those it has; as many as bands.
static bool _gwt_array_name(gwt_array *a, const char *const *names)
{
    int64_t n = a->info.shape[1], given = _gwt_count_strings(names);
    if (given != n)
        return _gwt_fail(a->g, GWT_E_ARGUMENT, "%lld band names for %lld bands of %s",
                         (long long)given, (long long)n, a->info.filenames[0]);
    for (int64_t b = 0; b < n; b++) {
        a->bands[b].name = _gwt_keep_string(a->g, names[b]);
        a->bands[b].named = true;
    }
    return true;
}

// Names in the order of preference: the caller's, the call's sensor, the session's sensor when the
// number of bands fits, the file's own, numbers.
static bool _gwt_array_set_names(gwt_array *a, const char *const *names, const char *asked)
{
    gwt *g = a->g;
    int64_t n = a->info.shape[1];
    const char *sensor = asked ? asked : g->options.sensor;
    const char *const *bands = sensor ? gwt_sensor_bands(sensor) : NULL;
    if (asked && !bands) {
        _gwt_fail_sensor(g, asked);
        return false;
    }
    if (asked && !names && _gwt_count_strings(bands) != n)
        return _gwt_fail(g, GWT_E_ARGUMENT, "sensor \"%s\" has %lld bands, %s has %lld", asked,
                         (long long)_gwt_count_strings(bands), a->info.filenames[0], (long long)n);
    bool fits = bands && _gwt_count_strings(bands) == n;
    size_t k = 0;
    while (fits && !_gwt_same_name(gwt_sensor_name(k), sensor)) k++;
    if (fits) a->info.sensor = gwt_sensor_name(k);      // not as the caller spells it
    if (!names && !fits) return true;
    return _gwt_array_name(a, names ? names : bands);
}

// All that a file says is true of its pixels, but for figures when others are missing than it says.
static void _gwt_array_keep_source(gwt_array *a, const _gwt_source *s, gwt_optional nodata)
{
    const gwt_optional *own = &s->meta.nodata;
    bool both_nan = isnan(nodata.value) && isnan(own->value);
    bool same = own->set && (nodata.value == own->value || both_nan)
             && nodata.rest == own->rest;
    bool figures = !s->fills && (same || !nodata.set);
    const _gwt_meta *m = &s->meta;
    a->about = m->bands ? &m->about : NULL;     // of the caller's memory nothing is said
    a->keep = !a->about ? 0 : figures ? _GWT_KEEP_FILE : _GWT_KEEP_FILE & ~_GWT_KEEP_FIGURES;
    for (int64_t b = 0; b < m->num_bands; b++) {
        const _gwt_band_about *about = &m->bands[b];
        a->bands[b] = (_gwt_band){ .name = about->name, .named = about->name != NULL,
                                   .scale = about->scale, .offset = about->offset,
                                   .keep = a->keep, .about = about };
    }
}

// The array of a whole file, with the file's names and chunk shape still unset.
static gwt_array *_gwt_array_of_source(gwt *g, _gwt_source *s, gwt_optional nodata)
{
    gwt_array *a = _gwt_array_new(g, 1, s->bands);
    if (!a) return NULL;
    gwt_info *i = &a->info;
    const char **file = _gwt_keep(g, 2, sizeof *file);
    if (!file) return NULL;
    file[0] = _gwt_base_name(s->path);
    a->geo = s->geo;
    a->session = (_gwt_scaling){ g->options.scale_factor, g->options.offset };
    _gwt_array_keep_source(a, s, nodata);
    i->dtype = s->dtype;
    i->nodata = nodata.set ? nodata : s->meta.nodata;
    if (isnan(i->nodata.value) && _gwt_dtype_integer(s->dtype)) i->nodata.set = false;
    i->has_scales = s->meta.has_scales;
    i->filenames = file, i->num_files = 1, i->tags = s->meta.tags;
    i->tile[0] = s->block_h, i->tile[1] = s->block_w;
    i->mask = s->mask;
    i->is_tiled = s->tiled, i->bigtiff = s->bigtiff, i->predictor = s->predictor;
    i->bits = s->bits, i->complex_part = s->component ? s->part : GWT_COMPLEX_DEFAULT;
    gwt_image *levels = _gwt_keep(g, (size_t)s->num_levels, sizeof *levels);
    if (!levels) return NULL;
    for (int k = 0; k < s->num_levels; k++) levels[k] = s->levels[k].image;
    i->overviews = s->num_levels, i->overview_list = levels;
    i->interleave = s->planar ? GWT_PLANAR : s->bands > 1 ? GWT_PIXEL : GWT_PLANAR;
    const char *codec = _gwt_codec_of(s->compression)->name;
    i->compression = codec ? codec : _gwt_keep_format(g, "compression %d", s->compression);
    i->time_names = _gwt_numbered(g, 1);
    for (int64_t b = 0; b < s->bands; b++)
        a->planes[b] = _gwt_node_new(g, (_gwt_node){ .op = _GWT_OP_LOAD,
                                                     .source = s,
                                                     .band = b,
                                                     .dtype = s->dtype,
                                                     .masked = i->nodata.set,
                                                     .imm = { i->nodata.value,
                                                              i->nodata.rest } });
    return _gwt_array_finish(a);
}

static gwt_array *_gwt_array_scaled(const gwt_array *a, gwt_optional scale, gwt_optional offset);
static gwt_array *_gwt_array_at_level(const gwt_array *a, int level, const gwt_image *size);
static bool _gwt_align_all(gwt_array **arrays, size_t n, gwt_bounds_by by,
                           const gwt_array *reference, gwt_bounds bounds, double res,
                           bool by_levels, gwt_resampling method);

// An overview of a source, from 0, as a source; one of other pixels than the image's is an error.
static _gwt_source *_gwt_level_open(const _gwt_source *s, int level)
{
    const _gwt_level *l = &s->levels[level];
    char directory[32];
    snprintf(directory, sizeof directory, "directory %d", l->image.directory);
    gwt_optional nodata = s->fills && !s->fill_asked.set ? s->meta.nodata : s->fill_asked;
    _gwt_source *r = _gwt_source_open_at(s->g, l->path, l->at, l->image.directory ? directory
                                         : l->image.where, s->fills, nodata, s->part);
    if (!r || (r->dtype == s->dtype && r->bits == s->bits && r->bands == s->bands && r->geo.width == l->image.width
               && r->geo.height == l->image.height))
        return r;
    return _gwt_fail_null(s->g, GWT_E_UNSUPPORTED, "%s: an overview of %lld bands of %s (%d bits), "
                          "where the image has %lld of %s (%d), can't be used", r->path,
                          (long long)r->bands, gwt_dtype_name(r->dtype), r->bits,
                          (long long)s->bands, gwt_dtype_name(s->dtype), s->bits);
}

// The array of a file at one of its overviews, from 1.
static gwt_array *_gwt_open_overview(const gwt_array *a, const _gwt_source *s, int number)
{
    char sizes[400] = "";
    size_t n = 0;
    if (number >= 1 && number <= s->num_levels)
        return _gwt_array_at_level(a, number - 1, &s->levels[number - 1].image);
    for (int k = 0; k < s->num_levels && n < sizeof sizes - 48; k++)
        n += (size_t)snprintf(sizes + n, sizeof sizes - n, "%s%lld x %lld", k ? ", " : ": ",
                              (long long)s->levels[k].image.width,
                              (long long)s->levels[k].image.height);
    return s->num_levels ? _gwt_fail_null(s->g, GWT_E_ARGUMENT, "%s: no overview %d: it has %d%s",
                                          s->path, number, s->num_levels, sizes)
                         : _gwt_fail_null(s->g, GWT_E_ARGUMENT, "%s: no overview %d: it has none",
                                          s->path, number);
}

// Images of a file that are neither overviews nor masks, the first included.
static void _gwt_array_list_pages(gwt_array *a, const _gwt_source *s)
{
    gwt_image *list = _gwt_keep(s->g, (size_t)s->num_listed_images + 1, sizeof *list);
    if (!list) return;
    int n = 1;
    list[0] = (gwt_image){ s->geo.width, s->geo.height, 1, "directory 1" };
    for (int i = 0; i < s->num_listed_images; i++) {
        const _gwt_listed *d = &s->listed[i];
        bool is = !d->sub && !(d->kind & FILETYPE_MASK);
        for (int k = 0; k < s->num_levels && is; k++) is = s->levels[k].at != d->at;
        if (is)
            list[n++] = (gwt_image){ (int64_t)d->width, (int64_t)d->height, d->number,
                                     _gwt_keep_format(s->g, "directory %d", d->number) };
    }
    a->info.pages = n;
    a->info.page_list = list;
}

// The number that a name ends in, FILE:2, and how long FILE is; 0 where a file is called just that,
// or none is called FILE.
static int _gwt_open_number(gwt *g, const char *path, size_t *length)
{
    _gwt_os_facts facts;
    const char *colon = strrchr(path, ':');
    size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
    if (!digits || digits > 6 || colon[1 + digits] || colon[1] == '0'
        || !_gwt_os_look(path, true, &facts))
        return 0;
    *length = (size_t)(colon - path);
    char *file = _gwt_malloc(g, *length + 1);
    if (!file) return 0;
    snprintf(file, *length + 1, "%s", path);
    bool there = !_gwt_os_look(file, true, &facts);
    GWT_FREE(file);
    return there ? atoi(colon + 1) : 0;
}

// A file's image by the number of its directory.
static _gwt_source *_gwt_open_directory(gwt *g, const char *path, int number,
                                        const gwt_open_options *o, gwt_optional nodata)
{
    char directory[32];
    bool fills = o->fill_bad_tiles;
    gwt_complex part = o->complex_part;
    snprintf(directory, sizeof directory, "directory %d", number);
    if (number == 1) return _gwt_source_open(g, path, fills, nodata, part);
    _gwt_source *bare = _gwt_source_bare(g, path), *s = NULL;
    if (!bare) return NULL;
    if (number > 1 && number <= bare->num_listed_images)
        s = _gwt_source_open_at(g, path, bare->listed[number - 1].at, directory, fills, nodata,
                                part);
    else if (bare->num_listed_images)
        _gwt_fail(g, GWT_E_ARGUMENT, "%s: no directory %d: it has %d", path, number,
                  bare->num_listed_images);
    else _gwt_source_open(g, path, fills, nodata, part);        // which says why
    _gwt_source_close(bare);
    return s;
}

static _gwt_source *_gwt_open_image(gwt *g, const char *path, const gwt_open_options *o,
                                    gwt_optional nodata, int *number)
{
    gwt_optional none = { 0 };
    size_t length;
    *number = o->directory ? o->directory : _gwt_open_number(g, path, &length);
    if (!o->fill_bad_tiles) nodata = none;
    if (!o->directory && *number) {
        char *file = _gwt_keep_bytes(g, path, length);
        return file ? _gwt_open_directory(g, file, *number, o, nodata) : NULL;
    }
    if (!*number) *number = 1;
    return _gwt_open_directory(g, path, *number, o, nodata);
}

static gwt_array *_gwt_open_one(gwt *g, const char *path, const gwt_open_options *o)
{
    if (_gwt_failed(g)) return NULL;
    if (!path || !*path) return _gwt_fail_null(g, GWT_E_ARGUMENT, "no file name given to open");
    if (o->complex_part < GWT_COMPLEX_DEFAULT || o->complex_part > GWT_PHASE)
        return _gwt_fail_null(g, GWT_E_ARGUMENT, ".complex_part = %d: there is no such part",
                              (int)o->complex_part);
    gwt_optional nodata = o->nodata.set ? o->nodata : g->options.nodata;
    int number;
    _gwt_source *s = _gwt_open_image(g, path, o, nodata, &number);
    gwt_array *a = s ? _gwt_array_of_source(g, s, nodata) : NULL;
    if (a) a->info.directory = number;
    if (a && number == 1) _gwt_array_list_pages(a, s);
    if (a && o->overview) a = _gwt_open_overview(a, s, o->overview);
    if (!a || !o->scale_data) return a;
    return _gwt_array_scaled(a, o->scale_factor, o->offset);
}

static bool _gwt_array_set_times(gwt_array *a, const char *const *names)
{
    int64_t n = a->info.shape[0], given = _gwt_count_strings(names);
    if (!names) return true;
    if (given != n)
        return _gwt_fail(a->g, GWT_E_ARGUMENT, "%lld time names for %lld time steps",
                         (long long)given, (long long)n);
    a->info.time_names = _gwt_keep_names(a->g, names, n);
    return true;
}

static gwt_array *_gwt_mosaic_of(gwt_array *const *arrays, size_t n, gwt_stat overlap);

static bool _gwt_open_aligned(gwt_array **list, size_t n, const gwt_open_options *o)
{
    bool asked = o->bounds_by || o->reference || o->bounds.set || o->res != 0;
    return !asked || _gwt_align_all(list, n, o->bounds_by, o->reference, o->bounds, o->res,
                                    o->res != 0 && !o->no_overviews, o->resampling);
}

// What the caller says of an array that has been opened.
static bool _gwt_array_say(gwt_array *a, const char *const *bands, const char *sensor,
                           const char *const *times)
{
    return _gwt_check_texts(a->g, "band name", bands) && _gwt_array_set_names(a, bands, sensor)
        && _gwt_array_set_times(a, times);
}

static gwt_array *_gwt_open_done(gwt_array *a, const gwt_open_options *o, const char *const *times)
{
    if (!a || !_gwt_array_set_chunks(a, o->chunks, o->chunk_rows, o->chunk_cols)
        || !_gwt_array_say(a, o->band_names, o->sensor, times))
        return NULL;
    _gwt_array_set_scales(a, o);
    return _gwt_array_finish(a);
}

gwt_array *gwt_open_with(gwt *g, const char *path, const gwt_open_options *options)
{
    gwt_open_options o = options ? *options : (gwt_open_options){ 0 };
    if (!_gwt_failed(g) && o.stack)
        return _gwt_fail_null(g, GWT_E_ARGUMENT, "%s: a .stack is of several files: gwt_open_many "
                              "takes a list", path ? path : "");
    gwt_array *a = _gwt_open_one(g, path, &o);
    o.bounds_by = GWT_SAME_GRID;        // of several files, as their .time_names are
    return a && _gwt_open_aligned(&a, 1, &o) ? _gwt_open_done(a, &o, NULL) : NULL;
}

gwt_array *gwt_open_many_with(gwt *g, const char *const *paths, size_t n,
                              const gwt_open_options *options)
{
    gwt_open_options o = options ? *options : (gwt_open_options){ 0 };
    if (_gwt_failed(g)) return NULL;
    if (n == 0 || !paths) return _gwt_fail_null(g, GWT_E_ARGUMENT, "no files given to open");
    gwt_array **list = _gwt_calloc(g, n, sizeof *list), *a = NULL;
    size_t opened = 0;
    while (list && opened < n && (list[opened] = _gwt_open_one(g, paths[opened], &o))) opened++;
    if (list && opened == n && _gwt_open_aligned(list, n, &o))
        a = o.mosaic ? _gwt_mosaic_of(list, n, o.overlap)
                     : gwt_stack(list, n, o.stack == GWT_TIME ? GWT_TIME : GWT_BAND);
    GWT_FREE(list);
    return _gwt_open_done(a, &o, o.time_names);
}

// ---- arrays of the caller's memory

static bool _gwt_memory_check(gwt *g, const void *data, size_t size, gwt_dtype dtype,
                              const int64_t shape[4])
{
    size_t sample = gwt_dtype_size(dtype);
    uint64_t bytes = sample;
    if (!data || !shape) return _gwt_fail(g, GWT_E_ARGUMENT, "no pixels, or no shape, given");
    if (!sample) return _gwt_fail(g, GWT_E_ARGUMENT, "no sample type given for pixels in memory");
    for (int i = 0; i < 4; i++)
        if (shape[i] < 1 || shape[i] > INT32_MAX
            || !_gwt_mul_size(bytes, (uint64_t)shape[i], &bytes))
            bytes = UINT64_MAX;
    if (bytes > size || shape[1] > _GWT_MAX_BANDS)
        return _gwt_fail(g, GWT_E_ARGUMENT, "%zu bytes hold no array of %lld x %lld x %lld x %lld "
                         "(time, band, y, x) of %s", size, (long long)shape[0], (long long)shape[1],
                         (long long)shape[2], (long long)shape[3], gwt_dtype_name(dtype));
    if ((uintptr_t)data % sample)
        return _gwt_fail(g, GWT_E_ARGUMENT, "pixels of %s have to lie at multiples of %zu bytes",
                         gwt_dtype_name(dtype), sample);
    return true;
}

static bool _gwt_memory_place(gwt *g, _gwt_geo *geo, const int64_t shape[4],
                              const gwt_from_memory_options *o)
{
    if (o->like && !_gwt_check_session(g, o->like)) return false;
    *geo = o->like ? o->like->geo : (_gwt_geo){ .t = { 1, 0, 0, 0, 1, 0 } };
    if (o->like && (geo->height != shape[2] || geo->width != shape[3]))
        return _gwt_fail(g, GWT_E_ARGUMENT, "pixels of %lld x %lld like an array of %lld x %lld",
                         (long long)shape[2], (long long)shape[3], (long long)geo->height,
                         (long long)geo->width);
    geo->height = shape[2], geo->width = shape[3];
    if (o->transform) {
        memcpy(geo->t, o->transform, sizeof geo->t);
        geo->has_transform = true;
    }
    const double *t = geo->t;
    if (!_gwt_geo_usable(t) || t[0] * t[4] == t[1] * t[3])
        return _gwt_fail(g, GWT_E_ARGUMENT, "(%g, %g, %g, %g, %g, %g) is not a valid transform",
                         t[0], t[1], t[2], t[3], t[4], t[5]);
    return !o->epsg || _gwt_geo_set_epsg(g, geo, o->epsg, o->crs_kind);
}

gwt_array *gwt_from_memory_with(gwt *g, const void *data, size_t size, gwt_dtype dtype,
                                const int64_t shape[4], const gwt_from_memory_options *options)
{
    gwt_from_memory_options o = options ? *options : (gwt_from_memory_options){ 0 };
    gwt_optional nodata = { 0 };
    _gwt_geo geo;
    if (_gwt_failed(g) || !_gwt_memory_check(g, data, size, dtype, shape)
        || !_gwt_memory_place(g, &geo, shape, &o))
        return NULL;
    nodata = o.nodata.set ? o.nodata : g->options.nodata;
    o.identity = o.identity ? _gwt_keep_string(g, o.identity) : NULL;
    size_t n = (size_t)shape[0];
    size_t step = (size_t)(shape[1] * shape[2] * shape[3]) * gwt_dtype_size(dtype);
    gwt_array **times = _gwt_calloc(g, n, sizeof *times), *a = NULL;
    for (size_t i = 0; times && i < n; i++) {
        _gwt_source *s =
            _gwt_source_of_memory(g, (const char *)data + i * step, dtype, shape[1], &geo, &o);
        times[i] = s ? _gwt_array_of_source(g, s, nodata) : NULL;
    }
    if (times && !_gwt_failed(g)) a = n > 1 ? gwt_stack(times, n, GWT_TIME) : times[0];
    GWT_FREE(times);
    return a && _gwt_array_set_chunks(a, o.chunks, 0, 0)
        && _gwt_array_say(a, o.band_names, o.sensor, o.time_names) ? _gwt_array_finish(a) : NULL;
}

// ---- dates in file names

static int _gwt_digits(const char *s)
{
    int n = 0;
    while (s[n] >= '0' && s[n] <= '9') n++;
    return n;
}

static int _gwt_digits_value(const char *s, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++) v = 10 * v + (s[i] - '0');
    return v;
}

// yyyymmdd, or 0 when there is no such day. Day 45 of month 0 is the 45th of the year.
static int _gwt_date(int year, int month, int day)
{
    const int days[] = { 31, 28 + (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)),
                         31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    if (year < 1900 || year > 2199 || day < 1) return 0;
    if (month == 0)
        for (month = 1; month < 12 && day > days[month - 1]; month++) day -= days[month - 1];
    if (month < 1 || month > 12 || day > days[month - 1]) return 0;
    return year * 10000 + month * 100 + day;
}

// Days since 1970-01-01 in the Gregorian calendar: of years that begin in March, as leap days are
// the last of those. 719468 of them are before.
static int64_t _gwt_days_of_date(int date)
{
    int month = date / 100 % 100, year = date / 10000 - (month < 3);
    int days = (153 * ((month + 9) % 12) + 2) / 5 + date % 100 - 1;
    return 365 * (int64_t)year + year / 4 - year / 100 + year / 400 + days - 719468;
}

// The date of that day; of one from 1900 on.
static int _gwt_date_of_days(int64_t days)
{
    int year = 1900;
    while (_gwt_days_of_date((year + 1) * 10000 + 101) <= days) year++;
    return _gwt_date(year, 0, (int)(days - _gwt_days_of_date(year * 10000 + 101)) + 1);
}

// At the first of a run of digits.
static int _gwt_date_at(const char *s)
{
    int n = _gwt_digits(s);
    char mark = s[n];
    int year = _gwt_digits_value(s, n < 4 ? n : 4);
    if (n == 7) return _gwt_date(year, 0, _gwt_digits_value(s + 4, 3));
    bool packed = n == 8 || n == 14;    // 14: with hours, minutes and seconds
    bool marked = n == 4 && mark && strchr("-_.", mark) && _gwt_digits(s + 5) == 2 && s[7] == mark
               && _gwt_digits(s + 8) == 2;
    if (!packed && !marked) return 0;
    int month = _gwt_digits_value(s + (packed ? 4 : 5), 2);
    return month ? _gwt_date(year, month, _gwt_digits_value(s + (packed ? 6 : 8), 2)) : 0;
}

int gwt_date_of(const char *path)
{
    const char *s = path ? _gwt_base_name(path) : "";
    while (*s) {
        int n = _gwt_digits(s), date = n ? _gwt_date_at(s) : 0;
        if (date) return date;
        s += n ? n : 1;
    }
    return 0;
}

static int _gwt_compare_dates(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    int m = gwt_date_of(*x), n = gwt_date_of(*y);
    if (!m != !n) return m ? -1 : 1;
    return m != n ? (m > n) - (m < n) : strcmp(*x, *y);
}

size_t gwt_sort_by_date(const char **paths, size_t n)
{
    size_t dated = 0;
    if (paths && n > 1) qsort(paths, n, sizeof *paths, _gwt_compare_dates);
    for (size_t i = 0; paths && i < n; i++) dated += gwt_date_of(paths[i]) != 0;
    return dated;
}

// >>ops ---------------------------------------------------------------------------------------
// Arrays to arrays: the operations of the interface, each of them new planes over those it is
// given, checked and described when it is called and computed much later.

// Whether a call can be done: all its arrays are there, and their session has no error. One that is
// NULL is an error where another one tells whose: it could not be made, which is that session's
// first error and stays it, or was not given. Where all are NULL nobody can be told. Of a count of
// 0 stderr is told: nothing need be at arrays[0], so no session is known.
static bool _gwt_check_given(const char *call, gwt_array *const *arrays, size_t n)
{
    gwt *g = NULL;
    size_t missing = 0;
    for (size_t i = 0; arrays && i < n; i++) {
        if (!g && arrays[i]) g = arrays[i]->g;
        if (!missing && !arrays[i]) missing = i + 1;
    }
    if (n == 0) fprintf(stderr, "gwt: %s: 0 arrays are given: it needs 1 or more\n", call);
    if (_gwt_failed(g)) return false;
    if (!missing) return true;
    return _gwt_fail(g, GWT_E_ARGUMENT, "%s: array %zu of %zu is NULL", call, missing, n);
}

// ---- re-arranging

static bool _gwt_check_grids(const gwt_array *a, const gwt_array *b)
{
    char one[256], two[256];
    if (!_gwt_check_session(a->g, b)) return false;
    if (a->number || b->number || _gwt_geo_same_grid(&a->geo, &b->geo)) return true;
    return _gwt_fail(a->g, GWT_E_GRID,
                     _gwt_geo_same_crs(&a->geo, &b->geo)
                         ? "the grids differ: %s is %s; %s is %s; .bounds_by brings files, "
                           "gwt_align arrays to one grid"
                         : "the grids differ: %s is %s; %s is %s",
                     a->info.num_files ? a->info.filenames[0] : "one",
                     _gwt_geo_text(one, sizeof one, &a->geo),
                     b->info.num_files ? b->info.filenames[0] : "the other",
                     _gwt_geo_text(two, sizeof two, &b->geo));
}

static int64_t _gwt_find_name(const char *const *names, int64_t n, const char *name)
{
    for (int64_t i = 0; i < n; i++)
        if (!strcmp(names[i], name)) return i;
    return -1;
}

// By name, or by number from 1 where nothing has that for a name.
static int64_t _gwt_find_label(const char *const *names, int64_t n, const char *name)
{
    int64_t at = _gwt_find_name(names, n, name);
    if (at >= 0 || name[0] < '1' || name[0] > '9') return at;
    char *end;
    long long number = strtoll(name, &end, 10);
    return *end == 0 && number <= n ? number - 1 : -1;
}

// The indices of bands or times by label; NULL, and an error, where there is no such.
static int64_t *_gwt_find_labels(const gwt_array *a, gwt_dim dim, const char *const *names)
{
    char text[512];
    const char *what = dim == GWT_TIME ? "time" : "band";
    const char *const *there = dim == GWT_TIME ? a->info.time_names : a->info.band_names;
    int64_t all = a->info.shape[dim == GWT_TIME ? 0 : 1], n = _gwt_count_strings(names);
    if (n == 0)
        return _gwt_fail_null(a->g, GWT_E_ARGUMENT, "no %s names given to select", what);
    int64_t *list = _gwt_keep(a->g, (size_t)n, sizeof *list);
    for (int64_t i = 0; list && i < n; i++) {
        list[i] = _gwt_find_label(there, all, names[i]);
        if (list[i] < 0)
            return _gwt_fail_null(a->g, GWT_E_ARGUMENT, "no %s \"%s\": there are %s", what,
                                  names[i], _gwt_join_names(text, sizeof text, there, all));
    }
    return list;
}

// Planes by index: n times (NULL: all there are) and m bands (NULL: likewise).
static gwt_array *_gwt_array_select(const gwt_array *a, const int64_t *times, int64_t n,
                                    const int64_t *bands, int64_t m)
{
    if (!times) n = a->info.shape[0];
    if (!bands) m = a->info.shape[1];
    gwt_array *r = _gwt_array_derive_as(a, _GWT_KEEP_ALL, n, m);
    const char **names = times ? _gwt_keep(a->g, (size_t)n + 1, sizeof *names) : NULL;
    for (int64_t t = 0; r && names && t < n; t++) names[t] = a->info.time_names[times[t]];
    if (r && names) r->info.time_names = names;
    for (int64_t b = 0; r && bands && b < m; b++) r->bands[b] = a->bands[bands[b]];
    for (int64_t i = 0; r && i < n * m; i++) {
        int64_t t = times ? times[i / m] : i / m, b = bands ? bands[i % m] : i % m;
        r->planes[i] = a->planes[t * a->info.shape[1] + b];
    }
    return _gwt_array_finish(r);
}

static gwt_array *_gwt_array_band(const gwt_array *a, int64_t band)
{
    return _gwt_array_select(a, NULL, 0, &band, 1);
}

gwt_array *gwt_sel_bands(const gwt_array *a, const char *const *names)
{
    if (!a || _gwt_failed(a->g)) return NULL;
    const int64_t *bands = _gwt_find_labels(a, GWT_BAND, names);
    return bands ? _gwt_array_select(a, NULL, 0, bands, _gwt_count_strings(names)) : NULL;
}

gwt_array *gwt_sel_times(const gwt_array *a, const char *const *names)
{
    if (!a || _gwt_failed(a->g)) return NULL;
    const int64_t *times = _gwt_find_labels(a, GWT_TIME, names);
    return times ? _gwt_array_select(a, times, _gwt_count_strings(names), NULL, 0) : NULL;
}

gwt_array *gwt_rename_bands(const gwt_array *a, const char *const *band_names)
{
    if (!a || _gwt_failed(a->g)) return NULL;
    gwt_array *r = _gwt_array_select(a, NULL, 0, NULL, 0);
    return r && _gwt_array_name(r, band_names) ? _gwt_array_finish(r) : NULL;
}

gwt_array *gwt_rename_times(const gwt_array *a, const char *const *time_names)
{
    if (!a || _gwt_failed(a->g)) return NULL;
    gwt_array *r = _gwt_array_select(a, NULL, 0, NULL, 0);
    return r && _gwt_array_set_times(r, time_names) ? _gwt_array_finish(r) : NULL;
}

gwt_array *gwt_rechunk(const gwt_array *a, int rows, int cols)
{
    if (!a || _gwt_failed(a->g)) return NULL;
    gwt_array *r = _gwt_array_select(a, NULL, 0, NULL, 0);
    return r && _gwt_array_set_chunks(r, 0, rows, cols) ? _gwt_array_finish(r) : NULL;
}

// All arrays of one type, one grid and (but along dim) one shape?
static bool _gwt_stack_check(gwt_array *const *arrays, size_t n, gwt_dim dim)
{
    const gwt_array *first = arrays[0];
    for (size_t i = 0; i < n; i++) {
        const gwt_array *a = arrays[i];
        if (!_gwt_check_grids(first, a)) return false;
        if (a->number)
            return _gwt_fail(a->g, GWT_E_ARGUMENT, "a number can't be stacked: it has no grid");
        int other = dim == GWT_TIME ? 1 : 0;
        if (a->info.shape[other] != first->info.shape[other])
            return _gwt_fail(a->g, GWT_E_GRID,
                             other ? "can't stack along time: %s has %lld bands, %s has %lld; "
                                     ".stack = GWT_BAND puts one's bands after the other's"
                                   : "can't stack along band: %s has %lld time steps, %s has %lld; "
                                     ".stack = GWT_TIME puts one's times after the other's",
                             first->info.filenames[0], (long long)first->info.shape[other],
                             a->info.filenames[0], (long long)a->info.shape[other]);
        if (a->info.dtype != first->info.dtype)
            return _gwt_fail(a->g, GWT_E_ARGUMENT,
                             "can't stack %s (%s) and %s (%s): cast one first",
                             first->info.filenames[0], gwt_dtype_name(first->info.dtype),
                             a->info.filenames[0], gwt_dtype_name(a->info.dtype));
    }
    return true;
}

// Of a stack: bands and what is said of the files are those of each along band; along time those
// that all say alike, with the first's scales, and names when all have some.
static void _gwt_stack_describe(gwt_array *r, gwt_array *const *arrays, size_t n, gwt_dim dim)
{
    bool named = true;
    size_t files = 0;
    int64_t at = 0;
    for (size_t i = 0; i < n; i++) {
        named &= dim != GWT_TIME || arrays[i]->info.bands_named;
        files += arrays[i]->info.num_files;
    }
    const char **file = _gwt_keep(r->g, files + 1, sizeof *file);
    r->info.num_files = 0;
    r->info.filenames = file;
    for (size_t i = 0; file && i < n; i++) {
        const gwt_info *info = &arrays[i]->info;
        for (size_t f = 0; f < info->num_files; f++)
            file[r->info.num_files++] = info->filenames[f];
        for (int64_t b = 0; b < info->shape[1] && at < r->info.shape[1]; b++, at++) {
            bool kept = named && arrays[i]->bands[b].named;     // numbers are counted anew
            r->bands[at] = _gwt_band_kept(arrays[i]->bands[b],
                                          _GWT_KEEP_ALL & ~(kept ? 0u : _GWT_KEEP_NAMES));
        }
        _gwt_array_meet_factors(r, arrays[i]);
        if (!r->info.nodata.set) r->info.nodata = info->nodata;
        r->info.has_scales |= info->has_scales;
        if (!r->info.mask) r->info.mask = info->mask;
    }
    _gwt_array_meet_files(r, arrays, n);
    if (dim != GWT_TIME) return;
    r->info.time_names = _gwt_numbered(r->g, r->info.shape[0]);
    for (int64_t b = 0; b < at; b++) _gwt_array_meet_bands(&r->bands[b], arrays, n, b);
}

gwt_array *gwt_stack(gwt_array *const *arrays, size_t n, gwt_dim dim)
{
    if (!_gwt_check_given("gwt_stack", arrays, n) || !_gwt_stack_check(arrays, n, dim)) return NULL;
    const int64_t *shape = arrays[0]->info.shape;
    int64_t total = 0, before = 0;
    for (size_t i = 0; i < n; i++) total += arrays[i]->info.shape[dim == GWT_TIME ? 0 : 1];
    int64_t times = dim == GWT_TIME ? total : shape[0], bands = dim == GWT_TIME ? shape[1] : total;
    gwt_array *r = _gwt_array_derive_as(arrays[0], _GWT_KEEP_TYPE | _GWT_KEEP_ATTRS, times, bands);
    if (!r) return NULL;
    for (size_t i = 0; i < n; i++) {
        const gwt_array *a = arrays[i];
        int64_t m = a->info.shape[1];
        for (int64_t t = 0; t < a->info.shape[0]; t++) {
            int64_t to = dim == GWT_TIME ? (before + t) * bands : t * bands + before;
            memcpy(r->planes + to, a->planes + t * m, (size_t)m * sizeof *r->planes);
        }
        before += a->info.shape[dim == GWT_TIME ? 0 : 1];
    }
    _gwt_stack_describe(r, arrays, n, dim);
    return _gwt_array_finish(r);
}

// ---- pixel by pixel

static bool _gwt_same_names(const gwt_info *a, const gwt_info *b)
{
    for (int64_t i = 0; i < a->shape[1]; i++)
        if (strcmp(a->band_names[i], b->band_names[i])) return false;
    return true;
}

// The files of all arrays, each once.
static void _gwt_array_join_files(gwt_array *r, gwt_array *const *arg, int n)
{
    size_t all = 0, used = 0;
    for (int i = 0; i < n; i++) all += arg[i]->number ? 0 : arg[i]->info.num_files;
    if (all == r->info.num_files) return;
    const char **files = _gwt_keep(r->g, all + 1, sizeof *files);
    for (int i = 0; files && i < n; i++)
        for (size_t k = 0; !arg[i]->number && k < arg[i]->info.num_files; k++)
            if (_gwt_find_name(files, (int64_t)used, arg[i]->info.filenames[k]) < 0)
                files[used++] = arg[i]->info.filenames[k];
    if (files) r->info.filenames = files, r->info.num_files = used;
}

// What an operation on up to three arrays gives: shape, grid and names, planes still unset. The
// result has no nodata value: float64 says NaN.
static gwt_array *_gwt_array_combine(gwt_array *const *arg, int n)
{
    gwt *g = arg[0]->g;
    gwt_array *base = arg[0];
    int64_t times = 1, bands = 1;
    for (int i = 0; i < n; i++) {
        if (_gwt_failed(g)) return NULL;
        const int64_t *shape = arg[i]->info.shape;
        if (base->number) base = arg[i];
        if (!_gwt_check_session(g, arg[i]) || !_gwt_check_grids(base, arg[i])) return NULL;
        if ((shape[0] != 1 && times != 1 && shape[0] != times)
            || (shape[1] != 1 && bands != 1 && shape[1] != bands))
            return _gwt_fail_null(
                g, GWT_E_GRID,
                "shapes do not match: %lld times, %lld bands with %lld times, %lld bands",
                (long long)times, (long long)bands, (long long)shape[0], (long long)shape[1]);
        times = _gwt_max64(times, shape[0]), bands = _gwt_max64(bands, shape[1]);
    }
    gwt_array *r = _gwt_array_derive_as(base, 0, times, bands);
    if (!r) return NULL;
    const gwt_array *names = NULL;
    bool clash = false;
    for (int i = 0; i < n; i++) {
        const gwt_info *info = &arg[i]->info;
        if (info->shape[0] == times && times > 1) r->info.time_names = info->time_names;
        if (!r->info.mask) r->info.mask = info->mask;
        if (!arg[i]->number) _gwt_array_meet_factors(r, arg[i]);
        if (arg[i]->number || info->shape[1] != bands) continue;
        if (names) clash |= !_gwt_same_names(&names->info, info);
        else names = arg[i];
    }
    for (int64_t b = 0; names && !clash && b < bands; b++) {
        r->bands[b].name = names->bands[b].name;
        r->bands[b].named = names->bands[b].named;
    }
    r->info.chunks[1] = bands;
    _gwt_array_join_files(r, arg, n);
    return r;
}

static const _gwt_node *_gwt_array_plane(const gwt_array *a, int64_t time, int64_t band)
{
    int64_t t = a->info.shape[0] == 1 ? 0 : time, b = a->info.shape[1] == 1 ? 0 : band;
    return a->planes[t * a->info.shape[1] + b];
}

// Rounded and saturated to a type. To float64 too, of integers that it does not hold: programs
// compute in it, but what is only loaded and stored again is copied as it is.
static const _gwt_node *_gwt_node_cast(gwt *g, const _gwt_node *n, gwt_dtype dtype)
{
    _gwt_node cast = { .op = _GWT_OP_CAST, .dtype = dtype };
    return _gwt_node_with(g, cast, &n, 1);
}

// Plane i of a result from plane i of its operand.
typedef const _gwt_node *_gwt_map_fn(const gwt_array *a, int64_t i, const void *arg);

// All planes of r from those of `a`, which may be r itself.
static gwt_array *_gwt_array_map(gwt_array *r, const gwt_array *a, _gwt_map_fn *fn, const void *arg)
{
    for (int64_t i = 0; r && i < _gwt_num_planes(a); i++)
        if (!(r->planes[i] = fn(a, i, arg))) return NULL;
    return r;
}

// The result of an operation on `a`, plane by plane.
static gwt_array *_gwt_array_mapped(const gwt_array *a, unsigned keep, _gwt_map_fn *fn,
                                    const void *arg)
{
    return _gwt_array_map(_gwt_array_derive(a, keep), a, fn, arg);
}

static const _gwt_node *_gwt_map_node(const gwt_array *a, int64_t i, const void *node)
{
    return _gwt_node_with(a->g, *(const _gwt_node *)node, &a->planes[i], 1);
}

static const _gwt_node *_gwt_map_cast(const gwt_array *a, int64_t i, const void *dtype)
{
    gwt_dtype to = *(const gwt_dtype *)dtype;       // what is computed is of float64 already
    return to == GWT_FLOAT64 ? a->planes[i] : _gwt_node_cast(a->g, a->planes[i], to);
}

// An array may hold nothing but its type's values, though operands or results of another came into
// it: numbers that are no float32, or the opposite of -128 in int8.
static gwt_array *_gwt_array_held(gwt_array *r)
{
    return r ? _gwt_array_map(r, r, _gwt_map_cast, &r->info.dtype) : NULL;
}

// The value of a plain number; NULL for anything else.
static const double *_gwt_number_of(const gwt_array *a)
{
    return a->number && a->planes[0]->op == _GWT_OP_CONST ? a->planes[0]->imm : NULL;
}

// Operations that pick one of their operands keep its type, when all have one type (a number has
// any type that can hold it), and its nodata value.
static gwt_array *_gwt_array_keep_type(gwt_array *r, gwt_array *const *arg, int n)
{
    gwt_dtype type = GWT_DTYPE_NONE;
    bool one = true, exact = true;      // exact: numbers are what float32 makes of them
    if (!r) return NULL;
    for (int i = 0; i < n; i++) {
        if (arg[i]->number) continue;
        if (type == GWT_DTYPE_NONE) type = arg[i]->info.dtype;
        one &= type == arg[i]->info.dtype;
        if (!r->info.nodata.set) r->info.nodata = arg[i]->info.nodata;
    }
    for (int i = 0; i < n && one && type; i++) {
        const double *value = _gwt_number_of(arg[i]);
        if (!arg[i]->number || (value && isnan(*value) && r->info.nodata.set)) continue;
        if (!value || !_gwt_dtype_holds(type, *value)) one = false;
        else exact &= (double)(float)*value == *value;
    }
    if (one && type) r->info.dtype = type;
    else r->info.nodata = (gwt_optional){ 0 };
    return exact || r->info.dtype != GWT_FLOAT32 ? r : _gwt_array_held(r);
}

// The type of a result. Comparisons and the like give truth values: 0, 1, and 255 where missing.
// What picks an operand or turns its sign keeps the type, but for the negative of an unsigned one.
// All else is float64.
static gwt_array *_gwt_array_typed(gwt_array *r, _gwt_op op, gwt_array *const *arg, int n)
{
    gwt_dtype type = arg[0]->info.dtype;
    bool integer = _gwt_dtype_integer(type), below = integer && _gwt_dtypes[type].lo < 0;
    if (op == _GWT_OP_NOT || op == _GWT_OP_VALID || (op >= _GWT_OP_LT && op <= _GWT_OP_OR)) {
        r->info.dtype = GWT_UINT8;
        r->info.nodata = gwt_some(255);
        return r;
    }
    if (op == _GWT_OP_WHERE) return _gwt_array_keep_type(r, arg + 1, n - 1);
    if (op == _GWT_OP_MIN || op == _GWT_OP_MAX) return _gwt_array_keep_type(r, arg, n);
    if (op != _GWT_OP_ABS && (op != _GWT_OP_NEG || (integer && !below))) return r;
    r = _gwt_array_keep_type(r, arg, n);
    return below ? _gwt_array_held(r) : r;
}

// The first integer type that holds the numbers and all values of the arrays; with `floats` one
// that is no integer counts as int64. NONE: there is none.
static gwt_dtype _gwt_integer_type(gwt_array *const *arg, int n, bool floats)
{
    for (int t = GWT_UINT8; t <= GWT_INT64; t++) {
        bool holds = true;
        for (int i = 0; i < n; i++) {
            const double *v = _gwt_number_of(arg[i]);
            gwt_optional number = gwt_some(v ? v[0] : 0);
            number.rest = v ? (int)v[1] : 0;
            gwt_dtype type = arg[i]->info.dtype;
            if (_gwt_dtype_wide((gwt_dtype)t) && number.value == _gwt_dtypes[t].hi)
                holds &= number.rest < 0;
            if (!_gwt_dtype_integer(type) && floats) type = GWT_INT64;
            holds &= v ? _gwt_dtype_holds_it((gwt_dtype)t, number)
                       : _gwt_dtype_integer(type) && _gwt_dtype_contains((gwt_dtype)t, type);
        }
        if (holds) return (gwt_dtype)t;
    }
    return GWT_DTYPE_NONE;
}

// What an operation on integers is done in and results in. NONE: MOD and FLOOR_DIV in double.
// False, and an error: there is no such type.
static bool _gwt_integer_result(_gwt_op op, gwt_array *const *arg, gwt_dtype *type)
{
    bool shifts = op >= _GWT_OP_SHIFT_LEFT, divides = op < _GWT_OP_BIT_AND;
    *type = _gwt_integer_type(arg, shifts ? 1 : 2, !divides);
    if (op == _GWT_OP_SHIFT_LEFT && *type && *type != GWT_UINT64) *type = GWT_INT64;
    if (*type || (divides && (!_gwt_integer_type(arg, 1, false)
                              || !_gwt_integer_type(arg + 1, 1, false))))
        return true;
    return _gwt_fail(arg[0]->g, GWT_E_ARGUMENT,
                     "no integer type holds both %s and %s: cast one first",
                     gwt_dtype_name(arg[0]->info.dtype), gwt_dtype_name(arg[1]->info.dtype));
}

// Of what _gwt_integer_result says, with the nodata value of the first operand that has one.
static gwt_array *_gwt_array_whole(gwt_array *r, gwt_dtype type, gwt_array *const *arg, int n)
{
    r->info.dtype = type;
    for (int i = 0; i < n && !r->info.nodata.set; i++)
        if (_gwt_dtype_holds_it(type, arg[i]->info.nodata)) r->info.nodata = arg[i]->info.nodata;
    return r;
}

// With the rests of both, where one has one.
static const _gwt_node *_gwt_node_integers(gwt *g, _gwt_op op, gwt_dtype type,
                                           const _gwt_node *const *of)
{
    const _gwt_node *args[4] = { of[0], of[1] };
    int n = 2;
    for (; n < 4 && (of[0]->rest || of[1]->rest); n++)
        args[n] = of[n - 2]->rest ? of[n - 2]->rest : _gwt_node_number(g, 0);
    return _gwt_node_with(g, (_gwt_node){ .op = op, .dtype = type }, args, n);
}

// Of 64-bit integers: by their rests where the doubles next to them are one.
static const _gwt_node *_gwt_node_compare(gwt *g, _gwt_op op, const _gwt_node *const *of)
{
    const _gwt_node *rests[2];
    for (int i = 0; i < 2; i++)
        rests[i] = of[i]->rest ? of[i]->rest : _gwt_node_number(g, 0);
    return _gwt_node_where(g, _gwt_node_op(g, _GWT_OP_EQ, of[0], of[1]),
                           _gwt_node_op(g, op, rests[0], rests[1]),
                           _gwt_node_op(g, op, of[0], of[1]));
}

// An operation on operands of which one has a rest, where it knows of those; else NULL.
static const _gwt_node *_gwt_node_wide(gwt *g, _gwt_op op, const _gwt_node *const *of)
{
    const _gwt_node *zero;
    switch (op) {
    case _GWT_OP_LT: case _GWT_OP_LE: case _GWT_OP_GT: case _GWT_OP_GE: case _GWT_OP_EQ:
    case _GWT_OP_NE: return _gwt_node_compare(g, op, of);
    case _GWT_OP_MIN:
    case _GWT_OP_MAX:
        op = op == _GWT_OP_MIN ? _GWT_OP_LE : _GWT_OP_GE;
        return _gwt_node_where(g, _gwt_node_compare(g, op, of), of[0], of[1]);
    case _GWT_OP_ABS:
        zero = _gwt_node_number(g, 0);
        return _gwt_node_where(g, _gwt_node_op(g, _GWT_OP_LT, of[0], zero),
                               _gwt_node_op(g, _GWT_OP_NEG, of[0], NULL), of[0]);
    default: return NULL;
    }
}

// A number that may be no double.
static gwt_array *_gwt_number_exact(gwt *g, gwt_optional v)
{
    gwt_array *r = gwt_number(g, v.value);
    _gwt_node number = { .op = _GWT_OP_CONST, .imm = { v.value, v.rest } };
    if (r) r->planes[0] = _gwt_node_new(g, number);
    return r && r->planes[0] ? r : NULL;
}

static bool _gwt_is_natural(double v) { return v >= 0 && v < 0x1p53 && v == floor(v); }

// Of two numbers one: what a program would make of them in each pixel. NULL: it is left to that.
static gwt_array *_gwt_number_folded(_gwt_op op, gwt_array *const *arg, int n)
{
    const double *x = _gwt_number_of(arg[0]), *y = n == 2 ? _gwt_number_of(arg[1]) : NULL;
    if (!x || !y || isnan(*x) || isnan(*y)) return NULL;
    double a = *x, b = *y, v;
    if (op >= _GWT_OP_MOD && !(_gwt_is_natural(a) && _gwt_is_natural(b))) return NULL;
    int64_t i = op >= _GWT_OP_MOD ? (int64_t)a : 0, k = op >= _GWT_OP_MOD ? (int64_t)b : 0;
    switch (op) {
    case _GWT_OP_ADD: v = a + b; break;
    case _GWT_OP_SUB: v = a - b; break;
    case _GWT_OP_MUL: v = a * b; break;
    case _GWT_OP_DIV: v = a / b; break;
    case _GWT_OP_POW: v = pow(a, b); break;
    case _GWT_OP_BIT_AND: v = (double)(i & k); break;
    case _GWT_OP_BIT_OR: v = (double)(i | k); break;
    case _GWT_OP_BIT_XOR: v = (double)(i ^ k); break;
    case _GWT_OP_SHIFT_LEFT:
        if (k > 62 || i >> (62 - k)) return NULL;
        v = (double)(i << k);
        break;
    case _GWT_OP_SHIFT_RIGHT:
        if (k > 62) return NULL;
        v = (double)(i >> k);
        break;
    default:
        if (op < _GWT_OP_MOD || k == 0) return NULL;
        v = (double)(op == _GWT_OP_MOD ? i % k : i / k);
    }
    return gwt_number(arg[0]->g, v);
}

static gwt_array *_gwt_array_apply(_gwt_op op, gwt_array *const *arg, int n)
{
    gwt_dtype whole = GWT_DTYPE_NONE;
    char call[32];
    snprintf(call, sizeof call, "gwt_%s", _gwt_op_names[op]);
    for (char *c = call; *c; c++) *c = (char)(*c == '_' ? '_' : *c | 0x20);     // in lower case
    if (!_gwt_check_given(call, arg, (size_t)n)) return NULL;
    gwt_array *folded = _gwt_number_folded(op, arg, n);
    if (folded) return folded;
    if (op >= _GWT_OP_MOD && !_gwt_integer_result(op, arg, &whole)) return NULL;
    gwt_array *r = _gwt_array_combine(arg, n);
    for (int64_t k = 0; r && k < _gwt_num_planes(r); k++) {
        const _gwt_node *args[3];
        for (int i = 0; i < n; i++)
            args[i] = _gwt_array_plane(arg[i], k / r->info.shape[1], k % r->info.shape[1]);
        bool rests = n < 3 && (args[0]->rest || (n == 2 && args[1]->rest));
        const _gwt_node *wide = rests ? _gwt_node_wide(r->g, op, args) : NULL;
        r->planes[k] = whole ? _gwt_node_integers(r->g, op, whole, args)
                     : wide  ? wide
                             : _gwt_node_with(r->g, (_gwt_node){ .op = op }, args, n);
    }
    if (!r) return NULL;
    return _gwt_array_finish(whole ? _gwt_array_whole(r, whole, arg, n)
                                   : _gwt_array_typed(r, op, arg, n));
}

static gwt_array *_gwt_array_of_one(const gwt_array *a, _gwt_op op)
{
    return _gwt_array_apply(op, (gwt_array *[]){ _gwt_array_same(a) }, 1);
}

static gwt_array *_gwt_array_of_two(const gwt_array *a, const gwt_array *b, _gwt_op op)
{
    return _gwt_array_apply(op, (gwt_array *[]){ _gwt_array_same(a), _gwt_array_same(b) }, 2);
}

#define X(name, op) \
    gwt_array *gwt_##name(const gwt_array *a) { return _gwt_array_of_one(a, _GWT_OP_##op); }
X(neg, NEG) X(abs, ABS) X(sqrt, SQRT) X(not, NOT) X(valid, VALID)
X(exp, EXP) X(exp2, EXP2) X(log, LOG) X(log2, LOG2) X(log10, LOG10) X(cbrt, CBRT)
X(sin, SIN) X(cos, COS) X(tan, TAN) X(asin, ASIN) X(acos, ACOS) X(atan, ATAN)
X(sinh, SINH) X(cosh, COSH) X(tanh, TANH)
#undef X

#define X(name, op) \
    gwt_array *gwt_##name(const gwt_array *a, const gwt_array *b) \
    { \
        return _gwt_array_of_two(a, b, _GWT_OP_##op); \
    }
X(add, ADD) X(sub, SUB) X(mul, MUL) X(div, DIV) X(pow, POW) X(min, MIN) X(max, MAX)
X(atan2, ATAN2) X(hypot, HYPOT) X(mod, MOD) X(floor_div, FLOOR_DIV)
X(bit_and, BIT_AND) X(bit_or, BIT_OR) X(bit_xor, BIT_XOR)
X(shift_left, SHIFT_LEFT) X(shift_right, SHIFT_RIGHT)
X(lt, LT) X(le, LE) X(gt, GT) X(ge, GE) X(eq, EQ) X(ne, NE) X(and, AND) X(or, OR)
#undef X

// By an operation; and the same where integers are whole as they are.
static const _gwt_node *_gwt_map_one(const gwt_array *a, int64_t i, const void *op)
{
    return _gwt_node_op(a->g, *(const _gwt_op *)op, a->planes[i], NULL);
}

static const _gwt_node *_gwt_map_whole(const gwt_array *a, int64_t i, const void *op)
{
    return _gwt_dtype_integer(a->info.dtype) ? a->planes[i] : _gwt_map_one(a, i, op);
}

// To other values of its type.
static gwt_array *_gwt_array_changed(const gwt_array *a, _gwt_map_fn *fn, _gwt_op op)
{
    if (!a || _gwt_failed(a->g)) return NULL;
    return _gwt_array_finish(_gwt_array_mapped(a, _GWT_KEEP_NAMES | _GWT_KEEP_TYPE, fn, &op));
}

#define X(name, op) \
    gwt_array *gwt_##name(const gwt_array *a) \
    { \
        return _gwt_array_changed(a, _gwt_map_whole, _GWT_OP_##op); \
    }
X(floor, FLOOR) X(ceil, CEIL) X(round, ROUND) X(trunc, TRUNC)
#undef X

gwt_array *gwt_sign(const gwt_array *a)
{
    return _gwt_array_changed(a, _gwt_map_one, _GWT_OP_SIGN);
}

static gwt_array *_gwt_array_times(const gwt_array *a, double factor)
{
    return a ? gwt_mul(a, gwt_number(a->g, factor)) : NULL;
}

gwt_array *gwt_degrees(const gwt_array *a) { return _gwt_array_times(a, 180 / _GWT_PI); }
gwt_array *gwt_radians(const gwt_array *a) { return _gwt_array_times(a, _GWT_PI / 180); }

gwt_array *gwt_lerp(const gwt_array *a, const gwt_array *b, const gwt_array *t)
{
    gwt_array *const all[] = { _gwt_array_same(a), _gwt_array_same(b), _gwt_array_same(t) };
    if (!_gwt_check_given("gwt_lerp", all, 3)) return NULL;
    return gwt_add(a, gwt_mul(gwt_sub(b, a), t));
}

// ---- bits

// What these bits of an array are, of a negative number where they are one in its type.
static gwt_array *_gwt_number_bits(const gwt_array *a, uint64_t bits)
{
    bool natural = a->info.dtype == GWT_UINT64;
    return _gwt_number_exact(a->g, natural ? gwt_some_uint64(bits) : gwt_some_int64((int64_t)bits));
}

static int _gwt_num_bits(const gwt_array *a)
{
    return _gwt_dtype_integer(a->info.dtype) ? (int)(8 * gwt_dtype_size(a->info.dtype)) : 64;
}

gwt_array *gwt_bit_not(const gwt_array *a)
{
    if (!a || _gwt_failed(a->g)) return NULL;
    gwt_dtype type = a->info.dtype;
    bool natural = _gwt_dtype_integer(type) && _gwt_dtypes[type].lo == 0;
    return gwt_bit_xor(a, _gwt_number_bits(a, UINT64_MAX >> (natural ? 64 - _gwt_num_bits(a) : 0)));
}

gwt_array *gwt_bits(const gwt_array *a, int from, int to)
{
    if (!a || _gwt_failed(a->g)) return NULL;
    if (from < 0 || to < from || to >= _gwt_num_bits(a))
        return _gwt_fail_null(a->g, GWT_E_ARGUMENT, "no bits %d to %d: %s has bits 0 to %d", from,
                              to, gwt_dtype_name(a->info.dtype), _gwt_num_bits(a) - 1);
    int width = to - from + 1;
    bool all = width == _gwt_num_bits(a);
    gwt_array *r = _gwt_array_same(a);
    if (from > 0 || all) r = gwt_shift_right(a, gwt_number(a->g, from));
    return all ? r : gwt_bit_and(r, _gwt_number_bits(a, ((uint64_t)1 << width) - 1));
}

gwt_array *gwt_bit(const gwt_array *a, int n)
{
    gwt_array *r = gwt_bits(a, n, n);       // a truth value as it is
    return _gwt_array_finish(r ? _gwt_array_typed(r, _GWT_OP_NE, &r, 1) : NULL);
}

gwt_array *gwt_bits_match(const gwt_array *a, const char *pattern)
{
    uint64_t ones = 0, both = 0;
    int n = 0;
    if (!a || _gwt_failed(a->g)) return NULL;
    for (const char *c = pattern ? pattern : ""; *c; c++) {
        if (*c == '_') continue;
        if (!strchr("01x", *c))
            return _gwt_fail_null(a->g, GWT_E_ARGUMENT, "\"%s\": bits are 0, 1, x (any), and _ "
                                  "between them", pattern);
        ones = ones << 1 | (*c == '1');
        both = both << 1 | (*c != 'x');
        n++;
    }
    if (n == 0 || n > _gwt_num_bits(a))
        return _gwt_fail_null(a->g, GWT_E_ARGUMENT, "\"%s\" has %d bits: %s has %d",
                              pattern ? pattern : "", n, gwt_dtype_name(a->info.dtype),
                              _gwt_num_bits(a));
    gwt_array *other = gwt_bit_xor(a, _gwt_number_bits(a, ones));
    other = other ? gwt_bit_and(other, _gwt_number_bits(a, both)) : NULL;
    return other ? gwt_eq(other, gwt_number(a->g, 0)) : NULL;
}

gwt_array *gwt_isin(const gwt_array *a, gwt_array *const *values, size_t n)
{
    gwt_array *r = NULL;
    if (!_gwt_check_given("gwt_isin", values, n)) return NULL;
    for (size_t i = 0; i < n; i++) {
        gwt_array *is = gwt_eq(a, values[i]);
        r = r ? gwt_or(r, is) : is;
        if (!r) return NULL;
    }
    return r;
}

gwt_array *gwt_where(const gwt_array *condition, const gwt_array *a, const gwt_array *b)
{
    gwt_array *const arg[] = { _gwt_array_same(condition), _gwt_array_same(a),
                               _gwt_array_same(b) };
    return _gwt_array_apply(_GWT_OP_WHERE, arg, 3);
}

gwt_array *gwt_clip(const gwt_array *a, double lo, double hi)
{
    if (!a || _gwt_failed(a->g)) return NULL;
    if (!(lo <= hi))
        return _gwt_fail_null(a->g, GWT_E_ARGUMENT,
                              lo > hi ? "can't clip to %g..%g: the lower end is above the upper"
                                      : "can't clip to %g..%g: an end is not a number", lo, hi);
    bool holds = _gwt_dtype_holds(a->info.dtype, lo) && _gwt_dtype_holds(a->info.dtype, hi);
    if (holds && _gwt_dtype_wide(a->info.dtype))
        return gwt_min(gwt_max(a, gwt_number(a->g, lo)), gwt_number(a->g, hi));
    bool exact = (double)(float)lo == lo && (double)(float)hi == hi;
    _gwt_node clip = { .op = _GWT_OP_CLIP, .imm = { lo, hi } };
    unsigned keep = _GWT_KEEP_NAMES | (holds ? _GWT_KEEP_TYPE : 0);
    gwt_array *r = _gwt_array_mapped(a, keep, _gwt_map_node, &clip);
    return _gwt_array_finish(r && r->info.dtype == GWT_FLOAT32 && !exact ? _gwt_array_held(r) : r);
}

// What was interpolated and not yet rounded, cut or not; any other plane as it is.
static const _gwt_node *_gwt_node_unrounded(gwt *g, const _gwt_node *n)
{
    if (n && n->op == _GWT_OP_WARPED) return n->args[0];
    if (!n || n->op != _GWT_OP_CROP) return n;
    const _gwt_node *under = _gwt_node_unrounded(g, n->args[0]);
    return under == n->args[0] ? n : _gwt_node_with(g, *n, &under, 1);
}

static const _gwt_node *_gwt_map_convert(const gwt_array *a, int64_t i, const void *arg)
{
    gwt_dtype dtype = *(const gwt_dtype *)arg;
    const _gwt_node *node = a->planes[i], *rounded = node;
    if (!_gwt_dtype_integer(dtype)) node = _gwt_node_unrounded(a->g, node);
    if (!node) return NULL;
    bool whole = node->op == _GWT_OP_LOAD || node->op == _GWT_OP_CAST
              || node->op == _GWT_OP_WARPED;
    gwt_dtype held = node != rounded ? GWT_FLOAT64 : whole ? node->dtype : a->info.dtype;
    return _gwt_dtype_contains(dtype, held) ? node : _gwt_node_cast(a->g, node, dtype);
}

gwt_array *gwt_cast(const gwt_array *a, gwt_dtype dtype)
{
    if (!a || _gwt_failed(a->g)) return NULL;
    if (!_gwt_dtype_valid(dtype))
        return _gwt_fail_null(a->g, GWT_E_ARGUMENT, "no type %d to cast to", (int)dtype);
    unsigned lost = dtype == a->info.dtype ? 0 : _GWT_KEEP_FIGURES;
    gwt_array *r = _gwt_array_mapped(a, _GWT_KEEP_ALL & ~lost, _gwt_map_convert, &dtype);
    if (!r) return NULL;
    r->info.dtype = dtype;
    if (r->info.nodata.set && !_gwt_dtype_holds_it(dtype, r->info.nodata))
        r->info.nodata = (gwt_optional){ 0 };
    return _gwt_array_finish(r);
}

// ---- steps

// The centres of the outermost cells mapped by scale and origin, and `reach` cells around them.
static bool _gwt_step_needs(gwt *g, const _gwt_step *s, const _gwt_rect *out, _gwt_rect *in)
{
    const int64_t begin[2] = { out->row, out->col }, n[2] = { out->rows, out->cols },
                  size[2] = { s->in_height, s->in_width };
    double first[2], last[2];
    (void)g;
    *in = (_gwt_rect){ 0 };
    for (int i = 0; i < 2; i++) {
        double from = (double)begin[i], to = (double)(begin[i] + n[i] - 1);
        from = floor((from + 0.5) * s->scale[i] + s->origin[i]) - (double)s->reach[i];
        to = floor((to + 0.5) * s->scale[i] + s->origin[i]) + (double)s->reach[i];
        first[i] = fmax(from, 0);
        last[i] = fmin(to, (double)(size[i] - 1));
        if (last[i] < first[i]) return true;
    }
    *in = (_gwt_rect){ (int64_t)first[0], (int64_t)first[1], (int64_t)(last[0] - first[0]) + 1,
                       (int64_t)(last[1] - first[1]) + 1 };
    return true;
}

// Of resampling: the cells of one axis that make up one new cell, n from `first` on, with weights.
typedef struct _gwt_taps { int64_t first; int n; const double *weight; bool inside; } _gwt_taps;

static int _gwt_taps_max(const _gwt_step *s, int axis)
{
    return 2 * (int)s->reach[axis] + 2;
}

// Whether a window looks at each of its cells for itself, not at sums of neighbours.
static bool _gwt_step_sees_each(const _gwt_step *s)
{
    return s->method == GWT_PERCENTILE || s->method == GWT_MODE || s->weighted;
}

// Doubles that a step needs to make `out`, beside what it reads and makes.
static size_t _gwt_step_room(const _gwt_step *s, const _gwt_rect *out)
{
    size_t rows = (size_t)out->rows, cols = (size_t)out->cols, w = 2 * (size_t)s->reach[0] + 1;
    if (s->kind == _GWT_STEP_APPLY)
        return (rows + w - 1) * (cols + w - 1) * (size_t)s->num_args;
    if (s->kind == _GWT_STEP_RESAMPLE)
        return 2 * (cols * (size_t)_gwt_taps_max(s, 1) + (cols * sizeof(_gwt_taps) + 7) / 8
                    + (size_t)_gwt_taps_max(s, 0));
    size_t line = cols + w;
    return 2 * rows * cols
         + (_gwt_step_sees_each(s) ? w * w + w * line : (rows + w) * cols + line);
}

// The step `s` over n planes of `a`; on their own grid, but for resampling, which says its own.
static const _gwt_step *_gwt_step_new(const gwt_array *a, _gwt_step s,
                                      const _gwt_node *const *planes, int n)
{
    _gwt_step *kept = a->number ? NULL : _gwt_keep(a->g, 1, sizeof *kept);
    if (a->number) _gwt_fail(a->g, GWT_E_ARGUMENT, "a number has no pixels to look at");
    if (!kept) return NULL;
    s.needs = _gwt_step_needs;
    s.num_args = n;
    s.args = _gwt_keep_nodes(a->g, planes, n);
    s.in_width = a->geo.width;
    s.in_height = a->geo.height;
    if (s.kind != _GWT_STEP_RESAMPLE) {
        s.width = s.in_width;
        s.height = s.in_height;
        s.scale[0] = s.scale[1] = 1;
    }
    *kept = s;
    return s.args ? kept : NULL;
}

static const _gwt_node *_gwt_step_plane(gwt *g, const _gwt_step *s, int plane)
{
    return s ? _gwt_node_new(g, (_gwt_node){ .op = _GWT_OP_STEP, .step = s, .band = plane }) : NULL;
}

static const _gwt_node *_gwt_map_step(const gwt_array *a, int64_t i, const void *step)
{
    const _gwt_step *s = _gwt_step_new(a, *(const _gwt_step *)step, &a->planes[i], 1);
    return _gwt_step_plane(a->g, s, 0);
}

// ---- where pixels lie

// By gwt_place_kind.
static const char *const _gwt_place_names[] = { "x", "y", "row", "col", "lon", "lat" };

static const _gwt_node *_gwt_node_place(gwt *g, bool col)
{
    return _gwt_node_new(g, (_gwt_node){ .op = _GWT_OP_PLACE, .band = col });
}

// factor * (row or column + 0.5)
static const _gwt_node *_gwt_place_term(gwt *g, double factor, bool col)
{
    const _gwt_node *centre = _gwt_node_op(g, _GWT_OP_ADD, _gwt_node_place(g, col),
                                           _gwt_node_number(g, 0.5));
    return _gwt_node_op(g, _GWT_OP_MUL, centre, _gwt_node_number(g, factor));
}

static const _gwt_node *_gwt_place_node(const gwt_array *like, gwt_place_kind kind)
{
    gwt *g = like->g;
    if (kind == GWT_PLACE_ROW || kind == GWT_PLACE_COL)
        return _gwt_node_place(g, kind == GWT_PLACE_COL);
    const double *t = like->geo.t + (kind == GWT_PLACE_Y || kind == GWT_PLACE_LAT ? 3 : 0);
    const _gwt_node *n = _gwt_place_term(g, t[0], true);
    if (t[1] != 0) n = _gwt_node_op(g, _GWT_OP_ADD, n, _gwt_place_term(g, t[1], false));
    return _gwt_node_op(g, _GWT_OP_ADD, n, _gwt_node_number(g, t[2]));
}

static bool _gwt_place_check(const gwt_array *like, gwt_place_kind kind)
{
    bool counts = kind == GWT_PLACE_ROW || kind == GWT_PLACE_COL;
    gwt *g = like->g;
    char crs[32] = "no CRS";
    if ((int)kind < GWT_PLACE_X || kind > GWT_PLACE_LAT)
        return _gwt_fail(g, GWT_E_ARGUMENT, "no place %d: there are x, y, row, col, lon, lat",
                         (int)kind);
    const char *name = _gwt_place_names[kind], *file = like->info.filenames[0];
    if (like->number)
        return _gwt_fail(g, GWT_E_ARGUMENT, "a number has no %s: it has no grid", name);
    if (!counts && !like->geo.has_transform)
        return _gwt_fail(g, GWT_E_ARGUMENT, "%s is of the CRS: %s has no transform to it; row and "
                         "col count its pixels", name, file);
    if (kind < GWT_PLACE_LON || _gwt_geo_geographic(&like->geo)) return true;
    if (like->geo.epsg) snprintf(crs, sizeof crs, "EPSG:%d, which is none", like->geo.epsg);
    else if (like->geo.num_keys) snprintf(crs, sizeof crs, "another");
    return _gwt_fail(g, GWT_E_ARGUMENT, "%s is of a geographic CRS: %s has %s; x and y are its "
                     "coordinates", name, file, crs);
}

gwt_array *gwt_place(const gwt_array *like, gwt_place_kind kind)
{
    if (!like || _gwt_failed(like->g) || !_gwt_place_check(like, kind)) return NULL;
    gwt_array *r = _gwt_array_derive_as(like, 0, 1, 1);
    if (!r) return NULL;
    r->planes[0] = _gwt_place_node(like, kind);
    r->bands[0].name = _gwt_place_names[kind];
    r->bands[0].named = true;
    if (kind == GWT_PLACE_ROW || kind == GWT_PLACE_COL) {
        r->info.dtype = GWT_INT32;
        r->info.nodata = gwt_some(-1);
    }
    return _gwt_array_finish(r);
}

// ---- over time or band

static const char *const _gwt_resampling_names[] = { "nearest", "bilinear", "cubic", "average" };

static const char *const _gwt_stat_names[] = {
    [GWT_MEAN] = "mean", [GWT_SUM] = "sum", [GWT_MIN] = "min", [GWT_MAX] = "max",
    [GWT_STD] = "std", [GWT_VAR] = "var", [GWT_MEDIAN] = "median",
    [GWT_PERCENTILE] = "percentile", [GWT_COUNT] = "count", [GWT_FIRST] = "first",
    [GWT_LAST] = "last", [GWT_ARGMAX] = "argmax", [GWT_SKEW] = "skew", [GWT_RANGE] = "range",
    [GWT_MODE] = "mode", [GWT_ALL] = "all", [GWT_ANY] = "any", [GWT_SLOPE] = "slope",
    [GWT_INTERCEPT] = "intercept"
};

static bool _gwt_stat_find(const char *name, gwt_stat *stat)
{
    size_t i = 0;
    while (i < _GWT_COUNT(_gwt_stat_names) && strcmp(name, _gwt_stat_names[i])) i++;
    *stat = (gwt_stat)i;
    return i < _GWT_COUNT(_gwt_stat_names);
}

typedef const _gwt_node *_gwt_plane;

// What a statistic has seen so far of one pixel: those planes that it is about.
typedef struct _gwt_fold {
    _gwt_plane count, sum;      // sum: of the values; later of products of distances to means
    _gwt_plane best, at;        // of min, max, first, last, argmax
    _gwt_plane mean;            // of std, var and trends, when it is known
    _gwt_plane times, squares;  // of trends: the sum, later the mean of times; of their distances
} _gwt_fold;

static _gwt_plane _gwt_fold_join(gwt *g, _gwt_op op, _gwt_plane so_far, _gwt_plane x)
{
    return so_far ? _gwt_node_op(g, op, so_far, x) : x;
}

static bool _gwt_stat_trend(gwt_stat stat) { return stat == GWT_SLOPE || stat == GWT_INTERCEPT; }

// One more value. `with`: of argmax what is picked where that is the largest, of trends its time.
static void _gwt_fold_add(gwt *g, gwt_stat stat, _gwt_fold *f, _gwt_plane x, _gwt_plane with)
{
    _gwt_plane zero = _gwt_node_number(g, 0), none = _gwt_node_number(g, (double)NAN);
    _gwt_plane better, there;
    switch (stat) {
    case GWT_MIN: f->best = _gwt_fold_join(g, _GWT_OP_LEAST, f->best, x); break;
    case GWT_MAX: f->best = _gwt_fold_join(g, _GWT_OP_MOST, f->best, x); break;
    case GWT_FIRST: case GWT_LAST: f->best = _gwt_fold_join(g, _GWT_OP_FIRST, f->best, x); break;
    case GWT_ARGMAX:
        better = _gwt_node_op(g, _GWT_OP_BEATS, x, f->best ? f->best : none);
        f->at = _gwt_node_where(g, better, with, f->at ? f->at : none);
        f->best = _gwt_fold_join(g, _GWT_OP_MOST, f->best, x);
        break;
    default:
        there = _gwt_node_op(g, _GWT_OP_VALID, x, NULL);
        f->count = _gwt_fold_join(g, _GWT_OP_ADD, f->count, there);
        if (stat == GWT_COUNT) break;
        f->sum = _gwt_fold_join(g, _GWT_OP_ADD, f->sum, _gwt_node_op(g, _GWT_OP_FIRST, x, zero));
        if (!_gwt_stat_trend(stat)) break;
        f->times = _gwt_fold_join(g, _GWT_OP_ADD, f->times,
                                  _gwt_node_op(g, _GWT_OP_MUL, there, with));
    }
}

// Where there is a value, the product of two distances to means is added.
static _gwt_plane _gwt_fold_product(gwt *g, _gwt_plane sum, _gwt_plane there, _gwt_plane d,
                                    _gwt_plane e)
{
    _gwt_plane product = _gwt_node_op(g, _GWT_OP_MUL, d, e);
    return _gwt_fold_join(g, _GWT_OP_ADD, sum,
                          _gwt_node_where(g, there, product, _gwt_node_number(g, 0)));
}

// Once the means are known.
static void _gwt_fold_distance(gwt *g, _gwt_fold *f, _gwt_plane x, _gwt_plane with)
{
    _gwt_plane d = _gwt_node_op(g, _GWT_OP_SUB, f->mean, x);
    _gwt_plane e = f->times ? _gwt_node_op(g, _GWT_OP_SUB, f->times, with) : d;
    _gwt_plane there = _gwt_node_op(g, _GWT_OP_VALID, x, NULL);
    f->sum = _gwt_fold_product(g, f->sum, there, d, e);
    if (f->times) f->squares = _gwt_fold_product(g, f->squares, there, e, e);
}

// Missing where nothing is. A sum that is no number (inf - inf) stays so.
static _gwt_plane _gwt_fold_sum(gwt *g, const _gwt_fold *f)
{
    return _gwt_node_where(g, f->count, f->sum, _gwt_node_number(g, (double)NAN));
}

static _gwt_plane _gwt_fold_result(gwt *g, gwt_stat stat, const _gwt_fold *f)
{
    _gwt_plane variance, slope;
    switch (stat) {
    case GWT_COUNT: return f->count;
    case GWT_SUM: return _gwt_fold_sum(g, f);
    case GWT_MEAN: return _gwt_node_op(g, _GWT_OP_DIV, _gwt_fold_sum(g, f), f->count);
    case GWT_ARGMAX: return f->at;
    case GWT_STD: case GWT_VAR:
        variance = _gwt_node_op(g, _GWT_OP_DIV, f->sum, f->count);
        return stat == GWT_VAR ? variance : _gwt_node_op(g, _GWT_OP_SQRT, variance, NULL);
    case GWT_SLOPE: case GWT_INTERCEPT:         // of one time there is none: 0 / 0
        slope = _gwt_node_op(g, _GWT_OP_DIV, f->sum, f->squares);
        if (stat == GWT_SLOPE) return slope;
        return _gwt_node_op(g, _GWT_OP_SUB, f->mean,
                            _gwt_node_op(g, _GWT_OP_MUL, slope, f->times));
    default: return f->best;
    }
}

// Memory of the tiles that are needed for a plane of an array, if it is not too complicated to say.
// What lies under a part of it only, as the files of a mosaic do, is not counted.
static double _gwt_plane_tiles(const gwt_array *a, _gwt_plane n, int *visits)
{
    double sum = 0;
    if (!n || n->series || ++*visits > 64) return 0;
    if (n->op == _GWT_OP_LOAD) return (double)n->source->tile_bytes;
    if (n->op == _GWT_OP_CROP
        && (n->row < 0 || n->col < 0 || n->row + n->stride * (a->geo.height - 1) >= n->height
            || n->col + n->stride * (a->geo.width - 1) >= n->width))
        return 0;
    for (int i = 0; i < n->num_args; i++) sum += _gwt_plane_tiles(a, n->args[i], visits);
    return sum;
}

// A reduction of n values each: those of result i are x[i * n] and following, and with[i * n] what
// goes with them (_gwt_fold_add).
typedef struct _gwt_reduction {
    const gwt_array *a;
    gwt_stat stat;
    _gwt_plane *x, *with;
    int64_t results, n;
    _gwt_fold *folds;
    double most, held;          // tiles that are enough for a program, and those so far; bytes
    const _gwt_step *hold;      // the last
} _gwt_reduction;

// A stack that is so deep that a program would hold on to too many tiles at once is gone through
// in several: what all statistics have seen so far is stored, and the next program takes it up, but
// for what 64-bit integers leave rests of, which a step has no planes for.
// Storing and fetching that should be little beside what a program reads: several dates each.
#define _GWT_DEEP_BYTES ((double)(16 << 20))
#define _GWT_DEEP_DATES 8
#define _GWT_DEEP_PROGRAMS 50

// Memory of the tiles of n planes, each `step` after the one before; those of several bands of an
// image are the same.
static double _gwt_planes_tiles(const gwt_array *a, const _gwt_plane *planes, int64_t n,
                                int64_t step)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        int visits = 0;
        _gwt_plane x = planes[i * step], before = i ? planes[(i - 1) * step] : NULL;
        bool same = x && before && x->op == _GWT_OP_LOAD && before->op == _GWT_OP_LOAD
                 && x->source == before->source && !x->source->planar;
        if (!same) sum += _gwt_plane_tiles(a, x, &visits);
    }
    return sum;
}

static double _gwt_reduction_tiles(const _gwt_reduction *r, int64_t k)
{
    return _gwt_planes_tiles(r->a, r->x + k, r->results, r->n)
         + _gwt_planes_tiles(r->a, r->with + k, r->results, r->n);
}

static void _gwt_reduction_hold(_gwt_reduction *r)
{
    enum { STATES = sizeof(_gwt_fold) / sizeof(_gwt_plane) };
    gwt *g = r->a->g;
    int n = 0;
    _gwt_plane **at = _gwt_calloc(g, (size_t)r->results * STATES, sizeof *at),
               *planes = _gwt_calloc(g, (size_t)r->results * STATES, sizeof *planes);
    for (int64_t i = 0; at && planes && i < r->results; i++) {
        _gwt_fold *f = &r->folds[i];
        _gwt_plane *states[STATES] = { &f->count, &f->sum, &f->best, &f->at, &f->mean, &f->times,
                                       &f->squares };
        for (int k = 0; k < STATES; k++)
            if (*states[k] && (*states[k])->op != _GWT_OP_STEP && !(*states[k])->rest) {
                at[n] = states[k];
                planes[n++] = *states[k];
            }
    }
    _gwt_step hold = { .kind = _GWT_STEP_HOLD, .num_planes = n, .after = r->hold };
    const _gwt_step *s = n ? _gwt_step_new(r->a, hold, planes, n) : NULL;
    if (s) r->hold = s;
    for (int i = 0; s && i < n; i++) *at[i] = _gwt_step_plane(g, s, i);
    GWT_FREE(at);
    GWT_FREE(planes);
    r->held = 0;
}

// Before value k is taken in.
static void _gwt_reduction_next(_gwt_reduction *r, int64_t k)
{
    if (r->held >= r->most) _gwt_reduction_hold(r);
    r->held += _gwt_reduction_tiles(r, k);
}

static void _gwt_reduction_run(_gwt_reduction *r)
{
    gwt *g = r->a->g;
    double all = 0;
    bool trend = _gwt_stat_trend(r->stat);
    bool spread = r->stat == GWT_STD || r->stat == GWT_VAR || trend;
    for (int64_t k = 0; k < r->n; k++) all += _gwt_reduction_tiles(r, k);
    r->most = fmax(_GWT_DEEP_BYTES, all / _GWT_DEEP_PROGRAMS);
    r->most = fmax(r->most, all / (double)r->n * _GWT_DEEP_DATES);
    if (all < 2 * r->most) r->most = (double)INFINITY;
    for (int64_t k = 0; k < r->n; k++) {
        int64_t from = r->stat == GWT_LAST ? r->n - 1 - k : k;
        _gwt_reduction_next(r, from);
        for (int64_t i = 0; i < r->results; i++)
            _gwt_fold_add(g, r->stat, &r->folds[i], r->x[i * r->n + from],
                          r->with[i * r->n + from]);
    }
    for (int64_t i = 0; i < r->results && spread; i++) {
        _gwt_fold *f = &r->folds[i];
        f->mean = _gwt_fold_result(g, GWT_MEAN, f), f->sum = NULL;
        if (trend) f->times = _gwt_node_op(g, _GWT_OP_DIV, f->times, f->count);
    }
    if (spread && isfinite(r->most)) _gwt_reduction_hold(r);
    for (int64_t k = 0; k < r->n && spread; k++) {
        _gwt_reduction_next(r, k);
        for (int64_t i = 0; i < r->results; i++)
            _gwt_fold_distance(g, &r->folds[i], r->x[i * r->n + k], r->with[i * r->n + k]);
    }
}

// `t`: where the values of trends lie. With a score argmax picks where that is the largest.
static void _gwt_reduce_planes(gwt_array *to, const gwt_array *a, const gwt_array *score,
                               gwt_dim dim, gwt_stat stat, double percentile, const double *t)
{
    gwt *g = a->g;
    int64_t times = a->info.shape[0], bands = a->info.shape[1];
    _gwt_reduction r = { .a = a, .stat = stat, .results = dim == GWT_TIME ? bands : times,
                         .n = dim == GWT_TIME ? times : bands };
    _gwt_node rank = { .op = _GWT_OP_PERCENTILE, .imm = { percentile } };
    if (stat == GWT_MODE) rank = (_gwt_node){ .op = _GWT_OP_MODE };
    bool ranks = stat == GWT_MEDIAN || stat == GWT_PERCENTILE || stat == GWT_MODE;
    r.x = _gwt_calloc(g, (size_t)(r.results * r.n), sizeof *r.x);
    r.with = _gwt_calloc(g, (size_t)(r.results * r.n), sizeof *r.with);
    r.folds = _gwt_calloc(g, (size_t)r.results, sizeof *r.folds);
    for (int64_t i = 0; r.x && r.with && i < r.results; i++)
        for (int64_t k = 0; k < r.n; k++) {
            _gwt_plane x = a->planes[dim == GWT_TIME ? k * bands + i : i * bands + k];
            r.x[i * r.n + k] = score ? _gwt_array_plane(score, k, i) : x;
            r.with[i * r.n + k] = score ? x : _gwt_node_number(g, t ? t[k] : (double)k);
        }
    if (r.x && r.with && r.folds && !ranks) _gwt_reduction_run(&r);
    for (int64_t i = 0; r.x && r.with && r.folds && i < r.results; i++)
        to->planes[i] = ranks ? _gwt_node_with(g, rank, r.x + i * r.n, (int)r.n)
                              : _gwt_fold_result(g, stat, &r.folds[i]);
    GWT_FREE(r.x);
    GWT_FREE(r.with);
    GWT_FREE(r.folds);
}

// What a reduction along a dim keeps: a statistic that picks a value has its type.
static unsigned _gwt_reduce_keeps(gwt_dim dim, gwt_stat stat)
{
    bool picks = stat == GWT_MIN || stat == GWT_MAX || stat == GWT_FIRST || stat == GWT_LAST
              || stat == GWT_MODE;
    unsigned keep = _GWT_KEEP_ATTRS | (picks ? _GWT_KEEP_TYPE : 0);
    if (dim == GWT_TIME) keep |= _GWT_KEEP_NAMES | (picks ? _GWT_KEEP_SCALES : 0);
    return keep;
}

// ---- periods

static const char *const _gwt_period_names[] = { "month", "quarter", "season", "year" };

// So many days, "10d"; 0: not that.
static int64_t _gwt_period_days(const char *by)
{
    char *end;
    long long days = strtoll(by, &end, 10);
    return days > 0 && !strcmp(end, "d") ? days : 0;
}

static bool _gwt_is_period(const char *by)
{
    return _gwt_find_name(_gwt_period_names, _GWT_COUNT(_gwt_period_names), by) >= 0
        || _gwt_period_days(by);
}

// What the period is called that a date is in; those of days begin with the date `first`.
typedef struct _gwt_period { char name[16]; } _gwt_period;

static _gwt_period _gwt_period_of(const char *by, int date, int first)
{
    static const char seasons[][8] = { "%04dDJF", "%04dMAM", "%04dJJA", "%04dSON" };
    int64_t days = _gwt_period_days(by), from = _gwt_days_of_date(first);
    if (days)
        date = _gwt_date_of_days(_gwt_days_of_date(date) - (_gwt_days_of_date(date) - from) % days);
    int year = date / 10000, month = date / 100 % 100, part = month;
    const char *format = "%04d";            // of year, part, day, or the first of them
    switch (days ? 'd' : *by) {
    case 'd': format = "%04d-%02d-%02d"; break;
    case 'm': format = "%04d-%02d"; break;
    case 'q': format = "%04dQ%d", part = (month + 2) / 3; break;
    case 's': format = seasons[month % 12 / 3], year += month / 12; break;
    default: break;
    }
    _gwt_period p;
    snprintf(p.name, sizeof p.name, format, year, part, date % 100);
    return p;
}

// The first day of what a time is called: a date, or a period but for days. 0: neither.
static int _gwt_time_date(const char *name)
{
    int date = gwt_date_of(name), year = _gwt_digits(name) == 4 ? _gwt_digits_value(name, 4) : 0;
    for (size_t i = 0; !date && year && i < _GWT_COUNT(_gwt_period_names); i++)
        for (int month = 0; !date && month <= 12; month++) {    // 0: the December before
            int first = month ? _gwt_date(year, month, 1) : _gwt_date(year - 1, 12, 1);
            if (first && !strcmp(_gwt_period_of(_gwt_period_names[i], first, first).name, name))
                date = first;
        }
    return date;
}

// The dates of all times, yyyymmdd; NULL, and an error, when one has none.
static int *_gwt_array_dates(const gwt_array *a, const char *what)
{
    int64_t n = a->info.shape[0];
    int *dates = _gwt_keep(a->g, (size_t)n, sizeof *dates);
    for (int64_t t = 0; dates && t < n; t++) {
        const char *name = a->info.time_names[t];
        if (!(dates[t] = gwt_date_of(name)))
            return _gwt_fail_null(a->g, GWT_E_ARGUMENT, "by %s: time %lld, \"%s\", has no date in "
                                  "its name, as 2016-05-17 has", what, (long long)t + 1, name);
    }
    return dates;
}

// Where times lie: days since the earliest of their dates; 0, 1, .. where none has one, as those
// that are only numbered. NULL, and an error, when some have.
static double *_gwt_array_days(const gwt_array *a, const char *what, bool *dated)
{
    const char *const *names = a->info.time_names;
    int digits = _gwt_digits(names[0]);
    bool numbered = !names[0][digits] && digits < 4;    // and 2016, if it follows
    int64_t n = a->info.shape[0];
    double *days = _gwt_keep(a->g, (size_t)n, sizeof *days), first = INFINITY;
    for (int64_t t = 0; days && t < n; t++) {
        int date = numbered ? 0 : _gwt_time_date(names[t]);
        if (t == 0) *dated = date != 0;
        int64_t none = *dated ? t : 0;
        if (*dated != (date != 0))
            return _gwt_fail_null(a->g, GWT_E_ARGUMENT, "%s: time %lld, \"%s\", has no date, "
                                  "others have", what, (long long)none + 1, names[none]);
        days[t] = (double)(date ? _gwt_days_of_date(date) : t);
        first = days[t] < first ? days[t] : first;
    }
    for (int64_t t = 0; days && t < n; t++) days[t] -= first;
    return days;
}

// Times that are reduced to one.
typedef struct _gwt_group { const char *name; int64_t *times, n; } _gwt_group;

// Times by period, in order of time; NULL, and an error, when that can't be.
static _gwt_group *_gwt_groups_by(const gwt_array *a, const char *by, int64_t *count)
{
    gwt *g = a->g;
    int64_t n = a->info.shape[0];
    if (!_gwt_is_period(by))
        return _gwt_fail_null(g, GWT_E_ARGUMENT, "no period \"%s\": there are month, quarter, "
                              "season, year, and days as 10d", by);
    int *dates = _gwt_array_dates(a, by);
    int64_t *order = _gwt_keep(g, (size_t)n, sizeof *order);
    const char **names = _gwt_keep(g, (size_t)n, sizeof *names);
    _gwt_group *groups = _gwt_keep(g, (size_t)n, sizeof *groups);
    if (!dates || !order || !names || !groups) return NULL;
    int first = dates[0];
    for (int64_t t = 0; t < n; t++) first = dates[t] < first ? dates[t] : first;
    for (int64_t t = 0; t < n; t++) {
        _gwt_period period = _gwt_period_of(by, dates[t], first);
        if (!(names[t] = _gwt_keep_string(g, period.name))) return NULL;
    }
    for (*count = 0;; ++*count) {
        int64_t next = -1;              // the earliest of those that are in no group
        for (int64_t t = 0; t < n; t++)
            if (names[t] && (next < 0 || dates[t] < dates[next])) next = t;
        if (next < 0) return groups;
        _gwt_group *group = &groups[*count];
        *group = (_gwt_group){ .name = names[next], .times = order };
        for (int64_t t = 0; t < n; t++) {
            if (!names[t] || strcmp(names[t], group->name)) continue;
            names[t] = NULL;
            *order++ = t;
            group->n++;
        }
    }
}

static gwt_array *_gwt_reduce_all(const gwt_array *a, const gwt_array *score, gwt_dim dim,
                                  gwt_stat stat, double percentile);

// The planes by way of a program of their own, so that tiles behind them are held no longer.
static void _gwt_planes_hold(const gwt_array *a, _gwt_plane *planes, int64_t n)
{
    _gwt_step hold = { .kind = _GWT_STEP_HOLD, .num_planes = (int)n };
    for (int64_t i = 0; i < n; i++)
        if (planes[i] && planes[i]->rest) return;
    const _gwt_step *s = _gwt_step_new(a, hold, planes, (int)n);
    for (int64_t i = 0; i < n; i++) planes[i] = _gwt_step_plane(a->g, s, (int)i);
}

// The times of each period reduced to one. Of a deep stack what is done is stored now and then, as
// within one reduction.
static gwt_array *_gwt_reduce_periods(const gwt_array *a, const gwt_array *score, gwt_stat stat,
                                      double percentile, const char *by)
{
    gwt_array *r = NULL;
    int64_t n = 0, bands = a->info.shape[1], held = 0, dates = 0;
    double tiles = 0;
    const _gwt_group *groups = _gwt_groups_by(a, by, &n);
    const char **names = _gwt_keep(a->g, (size_t)n + 1, sizeof *names);
    for (int64_t i = 0; groups && names && i < n; i++) {
        const int64_t *times = groups[i].times, m = groups[i].n;
        gwt_array *x = _gwt_array_select(a, times, m, NULL, 0);
        gwt_array *of = score ? _gwt_array_select(score, times, m, NULL, 0) : NULL;
        if (_gwt_failed(a->g)) return NULL;
        gwt_array *one = _gwt_reduce_all(x, of, GWT_TIME, stat, percentile);
        if (one && !r) r = _gwt_array_derive_as(one, _GWT_KEEP_ALL, n, bands);
        if (!one || !r) return NULL;
        names[i] = groups[i].name;
        memcpy(r->planes + i * bands, one->planes, (size_t)bands * sizeof *r->planes);
        tiles += _gwt_planes_tiles(x, x->planes, m * bands, 1);
        if (of) tiles += _gwt_planes_tiles(of, of->planes, _gwt_num_planes(of), 1);
        dates += m;
        if (tiles < _GWT_DEEP_BYTES || dates < _GWT_DEEP_DATES
            || (i + 1 - held) * _GWT_DEEP_PROGRAMS < n)
            continue;
        _gwt_planes_hold(r, r->planes + held * bands, (i + 1 - held) * bands);
        held = i + 1;
        tiles = 0;
        dates = 0;
    }
    if (r) r->info.time_names = names;
    return _gwt_array_finish(r);
}

// Statistics that others make up.
static const struct { gwt_stat stat; const char *formula; } _gwt_stat_formulas[] = {
    { GWT_RANGE, "max(x) - min(x)" }, { GWT_ALL, "min(x != 0)" }, { GWT_ANY, "max(x != 0)" },
    // m3 / m2^1.5. The mean of n equal values is off by n eps times itself at most.
    { GWT_SKEW, "m = mean(x); d = x - m; v = mean(d * d); e = m * count(x) * 2.220446049250313e-16;"
                "where(v > e * e, mean(d * d * d) / (v * sqrt(v)), nan)" },
};

static gwt_array *_gwt_formula(gwt *g, const char *text, const char *const *names,
                               gwt_array *const *arrays, gwt_dim dim);

static gwt_array *_gwt_reduce_formula(const gwt_array *a, gwt_dim dim, const char *formula)
{
    static const char *const names[] = { "x", NULL };
    gwt_array *r = _gwt_formula(a->g, formula, names, (gwt_array *[]){ _gwt_array_same(a) }, dim);
    if (r) r->info.attrs = a->info.attrs;
    return r;
}

static gwt_array *_gwt_reduce_all(const gwt_array *a, const gwt_array *score, gwt_dim dim,
                                  gwt_stat stat, double percentile)
{
    gwt *g = a->g;
    int64_t times = a->info.shape[0], bands = a->info.shape[1];
    bool dated = false;
    const double *t = NULL;
    for (size_t i = 0; i < _GWT_COUNT(_gwt_stat_formulas); i++)
        if (stat == _gwt_stat_formulas[i].stat)
            return _gwt_reduce_formula(a, dim, _gwt_stat_formulas[i].formula);
    if (_gwt_stat_trend(stat) && dim == GWT_TIME
        && !(t = _gwt_array_days(a, _gwt_stat_names[stat], &dated)))
        return NULL;
    gwt_array *r = _gwt_array_derive_as(a, _gwt_reduce_keeps(dim, score ? GWT_FIRST : stat),
                                        dim == GWT_TIME ? 1 : times, dim == GWT_TIME ? bands : 1);
    if (!r) return NULL;
    _gwt_reduce_planes(r, a, score, dim, stat, percentile, t);
    if (dim == GWT_TIME) r->info.time_names = _gwt_numbered(g, 1);
    if (stat == GWT_COUNT || (stat == GWT_ARGMAX && !score)) r->info.dtype = GWT_INT32;
    if (stat == GWT_ARGMAX && !score) r->info.nodata = gwt_some(-1);
    r = _gwt_array_finish(r);
    return stat == GWT_SLOPE && dated ? gwt_mul(r, gwt_number(g, 365.25)) : r;
}

gwt_array *gwt_reduce_with(const gwt_array *a, gwt_dim dim, gwt_stat stat,
                           const gwt_reduce_options *options)
{
    gwt_reduce_options o = options ? *options : (gwt_reduce_options){ 0 };
    double percentile = stat == GWT_MEDIAN ? 50 : o.percentile;
    if (!a || _gwt_failed(a->g)) return NULL;
    if ((dim != GWT_TIME && (dim != GWT_BAND || o.by))
        || (size_t)stat >= _GWT_COUNT(_gwt_stat_names))
        return _gwt_fail_null(
            a->g, GWT_E_ARGUMENT,
            "can't reduce: dim (%d) must be GWT_TIME or GWT_BAND (.by: GWT_TIME), statistic (%d) "
            "one of gwt_stat", (int)dim, (int)stat);
    if (!(percentile >= 0 && percentile <= 100))
        return _gwt_fail_null(a->g, GWT_E_ARGUMENT, "percentile = %g: must be 0 to 100",
                              percentile);
    if (_gwt_stat_trend(stat) && a->info.shape[dim == GWT_TIME ? 0 : 1] < 2)
        return _gwt_fail_null(a->g, GWT_E_ARGUMENT, "%s takes two %ss or more: there is one",
                              _gwt_stat_names[stat], dim == GWT_TIME ? "time" : "band");
    return o.by ? _gwt_reduce_periods(a, NULL, stat, percentile, o.by)
                : _gwt_reduce_all(a, NULL, dim, stat, percentile);
}

gwt_array *gwt_best(const gwt_array *a, const gwt_array *score, const char *by)
{
    gwt_array *const both[] = { _gwt_array_same(a), _gwt_array_same(score) };
    if (!_gwt_check_given("gwt_best", both, 2) || !_gwt_check_grids(a, score)) return NULL;
    const int64_t *n = a->info.shape, *m = score->info.shape;
    if (a->number || n[0] != m[0] || (m[1] != 1 && m[1] != n[1]))
        return _gwt_fail_null(
            a->g, GWT_E_GRID,
            "best: shapes do not match: %lld times, %lld bands with a score of %lld times, "
            "%lld bands", (long long)n[0], (long long)n[1], (long long)m[0], (long long)m[1]);
    gwt_array *r = by ? _gwt_reduce_periods(a, score, GWT_ARGMAX, 0, by)
                      : _gwt_reduce_all(a, score, GWT_TIME, GWT_ARGMAX, 0);
    if (r) _gwt_array_join_files(r, both, 2);
    return r;
}

// ---- along time

// A plane that is made of a whole series of others: reductions of such do not hold tiles for less.
static _gwt_plane _gwt_node_series(gwt *g, _gwt_plane n)
{
    if (!n) return NULL;
    _gwt_node series = *n;
    series.series = true;
    return _gwt_node_new(g, series);
}

// Sums of each time and those before it; or differences to the one before, one time fewer.
static gwt_array *_gwt_array_series(const gwt_array *a, bool differences)
{
    if (!a || _gwt_failed(a->g)) return NULL;
    int64_t times = a->info.shape[0] - differences, bands = a->info.shape[1];
    if (times < 1)
        return _gwt_fail_null(a->g, GWT_E_ARGUMENT, "%s takes two %ss or more: there is one",
                              "diff", "time");
    gwt_array *r = _gwt_array_derive_as(a, _GWT_KEEP_NAMES | _GWT_KEEP_ATTRS, times, bands);
    for (int64_t b = 0; r && b < bands; b++) {
        _gwt_fold f = { 0 };
        for (int64_t i = b; i < times * bands; i += bands) {
            _gwt_plane x = a->planes[i];
            if (!differences) _gwt_fold_add(a->g, GWT_SUM, &f, x, NULL);
            r->planes[i] = differences
                             ? _gwt_node_op(a->g, _GWT_OP_SUB, a->planes[i + bands], x)
                             : _gwt_node_series(a->g, _gwt_fold_sum(a->g, &f));
        }
    }
    if (r) r->info.time_names = a->info.time_names + differences;
    return _gwt_array_finish(r);
}

gwt_array *gwt_cumsum(const gwt_array *a) { return _gwt_array_series(a, false); }
gwt_array *gwt_diff(const gwt_array *a) { return _gwt_array_series(a, true); }

// The nearest valid pixel on one side of a time, and when that is.
typedef struct _gwt_near_pixel { _gwt_plane value, day; } _gwt_near_pixel;

// The pixel of a day, else the nearest beyond it.
static _gwt_near_pixel _gwt_near_or(gwt *g, _gwt_plane x, double day, const _gwt_near_pixel *beyond)
{
    _gwt_plane none = _gwt_node_number(g, (double)NAN), is = _gwt_node_number(g, day);
    _gwt_plane there = _gwt_node_op(g, _GWT_OP_VALID, x, NULL);
    is = _gwt_node_where(g, there, is, none);
    return (_gwt_near_pixel){ _gwt_node_op(g, _GWT_OP_FIRST, x, beyond->value),
                              _gwt_node_op(g, _GWT_OP_FIRST, is, beyond->day) };
}

// before + (after - before) * (day - its day) / (the day after - its day); several times of one day
// are at the first.
static _gwt_plane _gwt_near_between(gwt *g, const _gwt_near_pixel *before, double day,
                                    const _gwt_near_pixel *after)
{
    _gwt_plane passed = _gwt_node_op(g, _GWT_OP_SUB, before->day, _gwt_node_number(g, day));
    _gwt_plane all = _gwt_node_op(g, _GWT_OP_SUB, before->day, after->day);
    _gwt_plane part = _gwt_node_op(g, _GWT_OP_FIRST, _gwt_node_op(g, _GWT_OP_DIV, passed, all),
                                   _gwt_node_number(g, 0));
    _gwt_plane change = _gwt_node_op(g, _GWT_OP_SUB, after->value, before->value);
    return _gwt_node_op(g, _GWT_OP_ADD, before->value, _gwt_node_op(g, _GWT_OP_MUL, change, part));
}

// One band: the planes of n times, `bands` apart, in the order given. `after` has room for n + 1.
static void _gwt_interpolate_band(gwt *g, const _gwt_plane *from, _gwt_plane *to, int64_t bands,
                                  const double *days, const int64_t *order, int64_t n,
                                  _gwt_near_pixel *after)
{
    _gwt_plane none = _gwt_node_number(g, (double)NAN);
    _gwt_near_pixel before = { none, none };
    after[n] = before;
    for (int64_t k = n; k-- > 0;)
        after[k] = _gwt_near_or(g, from[order[k] * bands], days[order[k]], &after[k + 1]);
    for (int64_t k = 0; k < n; k++) {
        _gwt_plane x = from[order[k] * bands];
        double day = days[order[k]];
        _gwt_plane between = _gwt_near_between(g, &before, day, &after[k + 1]);
        to[order[k] * bands] = _gwt_node_series(g, _gwt_node_op(g, _GWT_OP_FIRST, x, between));
        before = _gwt_near_or(g, x, day, &before);
    }
}

gwt_array *gwt_interpolate(const gwt_array *a)
{
    if (!a || _gwt_failed(a->g)) return NULL;
    bool dated;
    int64_t n = a->info.shape[0], bands = a->info.shape[1];
    const double *days = _gwt_array_days(a, "interpolate", &dated);
    int64_t *order = _gwt_keep(a->g, (size_t)n, sizeof *order);     // by date, else as they come
    gwt_array *r = _gwt_array_derive(a, _GWT_KEEP_NAMES | _GWT_KEEP_ATTRS);
    if (!days || !order || !r) return NULL;
    for (int64_t t = 0, k; t < n; t++) {
        for (k = t; k > 0 && days[order[k - 1]] > days[t]; k--) order[k] = order[k - 1];
        order[k] = t;
    }
    _gwt_near_pixel *after = _gwt_calloc(a->g, (size_t)n + 1, sizeof *after);
    for (int64_t b = 0; after && b < bands; b++)
        _gwt_interpolate_band(a->g, a->planes + b, r->planes + b, bands, days, order, n, after);
    GWT_FREE(after);
    return _gwt_array_finish(r);
}

// ---- looking at other pixels

static bool _gwt_moving_check(gwt *g, gwt_moving_options *o)
{
    if (o->window == 0) o->window = 3;
    if (o->statistic == GWT_MEDIAN) o->statistic = GWT_PERCENTILE, o->percentile = 50;
    if (o->window < 1 || o->window > 1023 || o->window % 2 == 0)
        return _gwt_fail(g, GWT_E_ARGUMENT, "window = %d: a moving window is odd, 1 to 1023 pixels",
                  o->window);
    size_t stat = (size_t)o->statistic;
    if (stat > GWT_ANY || (stat > GWT_COUNT && stat < GWT_RANGE))
        return _gwt_fail(g, GWT_E_ARGUMENT,
                  "no moving statistic %s: there are mean, sum, min, max, std, var, "
                  "median, percentile, count, range, mode, all, any",
                  stat < _GWT_COUNT(_gwt_stat_names) ? _gwt_stat_names[stat] : "of that number");
    if (o->statistic == GWT_PERCENTILE && !(o->percentile >= 0 && o->percentile <= 100))
        return _gwt_fail(g, GWT_E_ARGUMENT, "percentile = %g: must be 0 to 100", o->percentile);
    if (o->weights && o->statistic != GWT_MEAN && o->statistic != GWT_SUM && o->statistic != GWT_STD
        && o->statistic != GWT_VAR)
        return _gwt_fail(g, GWT_E_ARGUMENT, "weights are for mean, sum, std and var, not for %s",
                         _gwt_stat_names[o->statistic]);
    return true;
}

gwt_array *gwt_moving_with(const gwt_array *a, const gwt_moving_options *options)
{
    gwt_moving_options o = options ? *options : (gwt_moving_options){ 0 };
    if (!a || _gwt_failed(a->g) || !_gwt_moving_check(a->g, &o)) return NULL;
    _gwt_step window = { .kind = _GWT_STEP_WINDOW, .num_planes = 1,
                         .reach = { o.window / 2, o.window / 2 }, .method = (int)o.statistic,
                         .parameter = o.percentile, .weighted = o.weights };
    if (o.statistic == GWT_ALL || o.statistic == GWT_ANY) {     // of 0 and 1
        window.method = o.statistic == GWT_ALL ? GWT_MIN : GWT_MAX;
        a = gwt_ne(a, gwt_number(a->g, 0));
        if (!a) return NULL;
    }
    bool picks = window.method == GWT_MIN || window.method == GWT_MAX || window.method == GWT_MODE;
    unsigned keep = _GWT_KEEP_NAMES | _GWT_KEEP_ATTRS
                  | (picks ? _GWT_KEEP_TYPE | _GWT_KEEP_SCALES : 0);
    gwt_array *r = _gwt_array_mapped(a, keep, _gwt_map_step, &window);
    _gwt_array_note(r, "moving_stat", _gwt_stat_names[o.statistic]);
    _gwt_array_note_number(r, "moving_window_size", o.window);
    _gwt_array_note(r, "moving_perc", NULL);
    if (o.statistic == GWT_PERCENTILE) _gwt_array_note_number(r, "moving_perc", o.percentile);
    return _gwt_array_finish(r);
}

gwt_array *gwt_apply_with(const gwt_array *a, gwt_kernel_fn *fn, void *user,
                          const gwt_apply_options *options)
{
    gwt_apply_options o = options ? *options : (gwt_apply_options){ 0 };
    if (!a || _gwt_failed(a->g)) return NULL;
    int in = (int)a->info.shape[1], out = o.bands ? o.bands : in;
    gwt_dtype dtype = o.dtype ? o.dtype : GWT_FLOAT64;
    if (!fn || o.halo < 0 || o.halo > 1024 || out < 1 || out > _GWT_MAX_BANDS
        || !_gwt_dtype_valid(dtype) || (o.nodata.set && !_gwt_dtype_holds_it(dtype, o.nodata)))
        return _gwt_fail_null(
            a->g, GWT_E_ARGUMENT,
            "a kernel needs a function, a halo of 0 to 1024, 1 to %d bands, a type, "
            "and a nodata value of that type",
            _GWT_MAX_BANDS);
    const char *identity = _gwt_keep_string(a->g, o.identity ? o.identity : "");
    if (!identity) return NULL;
    _gwt_step apply = { .kind = _GWT_STEP_APPLY, .num_planes = out, .reach = { o.halo, o.halo },
                        .fn = fn, .user = user, .identity = identity };
    gwt_array *r = _gwt_array_derive_as(a, _GWT_KEEP_NAMES | _GWT_KEEP_ATTRS, a->info.shape[0],
                                        out);
    for (int64_t t = 0; r && t < a->info.shape[0]; t++) {
        const _gwt_step *s = _gwt_step_new(a, apply, a->planes + t * in, in);
        for (int b = 0; b < out; b++) r->planes[t * out + b] = _gwt_step_plane(a->g, s, b);
    }
    if (!r || _gwt_failed(a->g)) return NULL;
    r->info.dtype = dtype;
    r->info.nodata = o.nodata;
    return _gwt_array_finish(_gwt_array_held(r));
}

// Cells on each side of the centre that may count; never more than there are.
static int64_t _gwt_resampling_reach(gwt_resampling method, double scale, int64_t size)
{
    double stretch = scale > 1 ? scale : 1;
    double reach = method == GWT_NEAREST ? 1 : method == GWT_CUBIC ? 2 * stretch + 1 : stretch + 1;
    return (int64_t)ceil(fmin(reach, (double)size + 2));
}

static gwt_array *_gwt_array_resampled(const gwt_array *a, const _gwt_geo *geo,
                                       gwt_resampling method, const _gwt_relation *to)
{
    _gwt_step s = { .kind = _GWT_STEP_RESAMPLE, .num_planes = 1, .method = (int)method,
                    .width = geo->width, .height = geo->height,
                    .scale = { to->scale[0], to->scale[1] },
                    .origin = { to->origin[0], to->origin[1] },
                    .reach = { _gwt_resampling_reach(method, to->scale[0], a->geo.height),
                               _gwt_resampling_reach(method, to->scale[1], a->geo.width) } };
    unsigned keep = _GWT_KEEP_SELF | _GWT_KEEP_WORDS
                  | (method == GWT_NEAREST ? _GWT_KEEP_CLASSES : 0);
    gwt_array *r = _gwt_array_mapped(a, keep, _gwt_map_step, &s);
    // Interpolated values are rounded to the type they keep; nearest only picks.
    _gwt_node warped = { .op = _GWT_OP_WARPED, .dtype = a->info.dtype };
    if (method != GWT_NEAREST)
        r = _gwt_dtype_integer(a->info.dtype) ? _gwt_array_map(r, r, _gwt_map_node, &warped)
                                              : _gwt_array_held(r);
    if (!r) return NULL;
    r->geo = *geo;
    r->info.resampling = method;
    return _gwt_array_finish(r);
}

// Every stride-th pixel of `a` from (row, col) on. Beyond the edge all that is read is missing;
// what might make a number of that (a count of valid bands) is cut off there by a step.
static gwt_array *_gwt_array_cropped(const gwt_array *a, int64_t row, int64_t col, int64_t stride,
                                     const _gwt_geo *geo)
{
    bool leaves = stride == 1 && (row < 0 || col < 0 || geo->height > a->geo.height - row
                                  || geo->width > a->geo.width - col);
    for (int64_t i = 0; leaves && i < _gwt_num_planes(a); i++)
        if (a->planes[i] && !a->planes[i]->strict)
            return _gwt_array_resampled(a, geo, GWT_NEAREST,
                                        &(_gwt_relation){ .scale = { 1, 1 },
                                                          .origin = { (double)row, (double)col } });
    _gwt_node crop = { .op = _GWT_OP_CROP, .row = row, .col = col, .stride = stride,
                       .width = a->geo.width, .height = a->geo.height };
    bool whole = row == 0 && col == 0 && stride == 1 && geo->height == a->geo.height
              && geo->width == a->geo.width;
    unsigned lost = whole ? 0 : _GWT_KEEP_PLACES | _GWT_KEEP_FIGURES;
    gwt_array *r = _gwt_array_mapped(a, _GWT_KEEP_ALL & ~lost, _gwt_map_node, &crop);
    if (!r) return NULL;
    r->geo = *geo;
    return _gwt_array_finish(r);
}

gwt_array *gwt_window(const gwt_array *a, int64_t row, int64_t col, int64_t rows, int64_t cols)
{
    if (!a || _gwt_failed(a->g)) return NULL;
    _gwt_geo geo = a->geo;
    if (row < 0 || col < 0 || rows < 1 || cols < 1 || row > geo.height - rows
        || col > geo.width - cols)
        return _gwt_fail_null(
            a->g, GWT_E_ARGUMENT,
            "no window of %lld x %lld pixels at row %lld, column %lld: the array has "
            "%lld rows, %lld columns",
            (long long)rows, (long long)cols, (long long)row, (long long)col, (long long)geo.height,
            (long long)geo.width);
    _gwt_geo_cut(&geo, (double)row, (double)col, rows, cols);
    return _gwt_array_cropped(a, row, col, 1, &geo);
}

static gwt_array *_gwt_fail_align(const gwt_array *a, const gwt_array *b)
{
    char one[256], two[256];
    return _gwt_fail_null(
        a->g, GWT_E_GRID,
        "can't be aligned: one CRS and no rotation are needed; %s is %s; %s is %s",
        a->info.filenames[0], _gwt_geo_text(one, sizeof one, &a->geo), b->info.filenames[0],
        _gwt_geo_text(two, sizeof two, &b->geo));
}

// The array on another grid; `like` is the array that has it, for the message.
static gwt_array *_gwt_array_on(const gwt_array *a, const _gwt_geo *geo, const gwt_array *like,
                                gwt_resampling method)
{
    _gwt_relation to;
    if (method < GWT_NEAREST || method > GWT_AVERAGE)
        return _gwt_fail_null(a->g, GWT_E_ARGUMENT,
                              "no resampling %d: there are nearest, bilinear, cubic, average",
                              (int)method);
    if (a->number || like->number || !_gwt_geo_relate(geo, &a->geo, &to))
        return _gwt_fail_align(a, like);
    return to.whole ? _gwt_array_cropped(a, (int64_t)rint(to.origin[0]),
                                         (int64_t)rint(to.origin[1]), 1, geo)
                    : _gwt_array_resampled(a, geo, method, &to);
}

gwt_array *gwt_align(const gwt_array *a, const gwt_array *like, gwt_resampling method)
{
    gwt_array *const both[] = { _gwt_array_same(a), _gwt_array_same(like) };
    if (!_gwt_check_given("gwt_align", both, 2) || !_gwt_check_session(a->g, like)) return NULL;
    return _gwt_array_on(a, &like->geo, like, method);
}

// ---- overviews instead of images

// The first of the sources that a plane is of; NULL: of none.
static const _gwt_source *_gwt_node_source(const _gwt_node *n)
{
    while (n && n->op != _GWT_OP_LOAD) n = n->num_args ? n->args[0] : NULL;
    return n ? n->source : NULL;
}

// Whether a plane is its first operand, but for a factor or a number that is added: the mean of
// some of its pixels is what it makes of their mean.
static bool _gwt_node_scales(const _gwt_node *n)
{
    return (n->op == _GWT_OP_MUL || n->op == _GWT_OP_ADD) && n->args[1]->op == _GWT_OP_CONST;
}

// The same of overviews of that size. NULL: there is no such thing, or, with what is wrong, it
// can't be used.
static const _gwt_node *_gwt_node_at_level(gwt *g, const _gwt_node *n, const gwt_image *size)
{
    if (n->op == _GWT_OP_CONST) return n;
    if (n->op == _GWT_OP_LOAD) {
        int k = 0;
        while (k < n->source->num_levels && (n->source->levels[k].image.width != size->width
                                             || n->source->levels[k].image.height != size->height))
            k++;
        _gwt_node load = *n;
        load.source = k < n->source->num_levels ? _gwt_level_open(n->source, k) : NULL;
        return load.source ? _gwt_node_new(g, load) : NULL;
    }
    const _gwt_node *x = _gwt_node_scales(n) ? _gwt_node_at_level(g, n->args[0], size) : NULL;
    return x ? _gwt_node_op(g, n->op, x, n->args[1]) : NULL;
}

static const _gwt_node *_gwt_map_level(const gwt_array *a, int64_t i, const void *size)
{
    return a->planes[i] ? _gwt_node_at_level(a->g, a->planes[i], size) : NULL;
}

// An array that is of whole images, of that overview of theirs. It covers what they do.
static gwt_array *_gwt_array_at_level(const gwt_array *a, int level, const gwt_image *size)
{
    unsigned lost = _GWT_KEEP_PLACES | _GWT_KEEP_FIGURES;
    gwt_array *r = _gwt_array_mapped(a, _GWT_KEEP_ALL & ~lost, _gwt_map_level, size);
    if (!r) return NULL;
    double across = (double)a->geo.width / (double)size->width,
           down = (double)a->geo.height / (double)size->height, *t = r->geo.t;
    t[0] *= across, t[3] *= across;
    t[1] *= down, t[4] *= down;
    r->geo.width = size->width, r->geo.height = size->height;
    const _gwt_source *s = _gwt_node_source(r->planes[0]);
    r->info.tile[0] = s->block_h, r->info.tile[1] = s->block_w;
    r->info.is_tiled = s->tiled;
    r->info.overview = level + 1;
    return _gwt_array_finish(r);
}

// How many pixels of an image one of an overview stands for: a whole number where its size is what
// that leaves, rounded up or down.
static double _gwt_level_factor(int64_t whole, int64_t part)
{
    double factor = (double)whole / (double)part, near = rint(factor);
    return fabs((double)whole / near - (double)part) < 1 ? near : factor;
}

// What to make cells of that grid from: the smallest overview whose own are not larger, else the
// array itself.
static gwt_array *_gwt_array_coarser(const gwt_array *a, const _gwt_geo *geo)
{
    const _gwt_source *s = a->number || !a->planes[0] ? NULL : _gwt_node_source(a->planes[0]);
    _gwt_relation to;
    if (!s || s->geo.width != a->geo.width || s->geo.height != a->geo.height
        || !_gwt_geo_relate(geo, &a->geo, &to))
        return _gwt_array_same(a);
    for (int k = s->num_levels; k-- > 0;) {
        const gwt_image *size = &s->levels[k].image;
        char why[sizeof a->g->message] = "", *before = _gwt_tried;
        if (_gwt_level_factor(a->geo.width, size->width) > to.scale[1] + 1e-6
            || _gwt_level_factor(a->geo.height, size->height) > to.scale[0] + 1e-6)
            continue;
        if (size->width == a->geo.width && size->height == a->geo.height) break;
        _gwt_tried = why;
        gwt_array *r = _gwt_array_at_level(a, k, size);
        _gwt_tried = before;
        if (_gwt_failed(a->g)) return NULL;
        if (r) {
            _gwt_note(a->g, "%s: its overview of %lld x %lld pixels is read, as the cells asked for "
                      "are coarser: .no_overviews reads the image itself", s->path,
                      (long long)size->width, (long long)size->height);
            return r;
        }
        if (!why[0]) break;
        _gwt_note(a->g, "an overview is passed over: %s", why);
    }
    return _gwt_array_same(a);
}

gwt_array *gwt_regrid_with(const gwt_array *a, const gwt_regrid_options *options)
{
    gwt_regrid_options o = options ? *options : (gwt_regrid_options){ 0 };
    if (!a || _gwt_failed(a->g)) return NULL;
    _gwt_geo geo = a->geo;
    if (!_gwt_geo_regrid(a->g, &geo, o.bounds, o.res, o.res_y != 0 ? o.res_y : o.res)) return NULL;
    if (!o.no_overviews && !(a = _gwt_array_coarser(a, &geo))) return NULL;
    return _gwt_array_on(a, &geo, a, o.resampling);
}

gwt_array *gwt_subset(const gwt_array *a, gwt_bounds within)
{
    if (!a || _gwt_failed(a->g)) return NULL;
    if (!within.set) return _gwt_fail_null(a->g, GWT_E_ARGUMENT, "no bounds given");
    int64_t from[2], size[2];
    if (_gwt_geo_within(&a->geo, within, from, size))
        return gwt_window(a, from[0], from[1], size[0], size[1]);
    gwt_bounds b = a->info.bounds;
    return _gwt_fail_null(a->g, GWT_E_ARGUMENT,
                          "no pixels within %.10g, %.10g, %.10g, %.10g: the array lies within "
                          "%.10g, %.10g, %.10g, %.10g (left, bottom, right, top)",
                          within.left, within.bottom, within.right, within.top, b.left, b.bottom,
                          b.right, b.top);
}

gwt_array *gwt_every(const gwt_array *a, int step)
{
    if (!a || _gwt_failed(a->g)) return NULL;
    if (step < 1) return _gwt_fail_null(a->g, GWT_E_ARGUMENT, "step = %d: must be 1 or more", step);
    if (step == 1) return _gwt_array_same(a);
    _gwt_geo geo = a->geo;
    _gwt_geo_thin(&geo, step);
    // A step beyond the image takes its first pixel, as the longer edge would.
    int64_t most = _gwt_max64(a->geo.height, a->geo.width);
    return _gwt_array_cropped(a, 0, 0, _gwt_min64(step, most), &geo);
}

// ---- several grids to one

// The grid of the union or intersection: the first array's, moved by whole cells.
static bool _gwt_common_grid(gwt_array *const *arrays, size_t n, bool all, _gwt_geo *geo)
{
    const _gwt_geo *first = &arrays[0]->geo;
    double from[2] = { 0, 0 }, to[2] = { (double)first->height, (double)first->width };
    for (size_t k = 1; k < n; k++)
        if (!_gwt_geo_meet(first, &arrays[k]->geo, all, from, to))
            return _gwt_fail_align(arrays[0], arrays[k]) != NULL;
    double rows = to[0] - from[0], cols = to[1] - from[1];
    if (!(rows > 0 && cols > 0) || rows > INT32_MAX || cols > INT32_MAX)
        return _gwt_fail(arrays[0]->g, GWT_E_GRID,
                         rows > 0 && cols > 0 ? "the union of the files is too large"
                                              : "the intersection of the files is empty");
    *geo = *first;
    _gwt_geo_cut(geo, from[0], from[1], (int64_t)rows, (int64_t)cols);
    return true;
}

// To one grid, as gwt_open_options say it.
static bool _gwt_align_all(gwt_array **arrays, size_t n, gwt_bounds_by by,
                           const gwt_array *reference, gwt_bounds bounds, double res,
                           bool by_levels, gwt_resampling method)
{
    const gwt_array *like = reference ? reference : arrays[0];
    for (size_t i = 0; i < n; i++)
        if (!arrays[i] || _gwt_failed(arrays[i]->g) || !_gwt_check_session(arrays[0]->g, arrays[i]))
            return false;
    if (!_gwt_check_session(arrays[0]->g, like)) return false;
    if (by < GWT_SAME_GRID || by > GWT_INTERSECTION)
        return _gwt_fail(arrays[0]->g, GWT_E_ARGUMENT,
                         "no bounds_by %d: there are reference, union and intersection", (int)by);
    if (reference) by = GWT_REFERENCE;
    // Other bounds or cells of one grid: files of several are as wrong as they would be without.
    for (size_t i = 1; i < n && by == GWT_SAME_GRID; i++) {
        _gwt_relation to;
        bool one = _gwt_geo_relate(&arrays[i]->geo, &arrays[0]->geo, &to) && to.whole;
        if (!one && !_gwt_check_grids(arrays[0], arrays[i])) return false;
    }
    _gwt_geo geo = like->geo;
    if (by > GWT_REFERENCE && !_gwt_common_grid(arrays, n, by == GWT_UNION, &geo)) return false;
    if (!_gwt_geo_regrid(arrays[0]->g, &geo, bounds, res, res)) return false;
    for (size_t i = 0; i < n; i++) {
        gwt_array *a = by_levels ? _gwt_array_coarser(arrays[i], &geo) : arrays[i];
        arrays[i] = a ? _gwt_array_on(a, &geo, like, method) : NULL;
        if (!arrays[i]) return false;
    }
    return true;
}

static gwt_array *_gwt_mosaic_of(gwt_array *const *arrays, size_t n, gwt_stat overlap)
{
    const gwt_array *first = arrays[0];
    if (overlap != GWT_MEAN && overlap != GWT_MIN && overlap != GWT_MAX && overlap != GWT_FIRST
        && overlap != GWT_LAST)
        return _gwt_fail_null(first->g, GWT_E_ARGUMENT,
                              "no overlap %d: there are mean, min, max, first, last", (int)overlap);
    int64_t times = first->info.shape[0];
    for (size_t i = 1; i < n; i++)
        if (arrays[i]->info.shape[0] != times)
            return _gwt_fail_null(first->g, GWT_E_GRID,
                                  "no mosaic: %s has %lld time steps, %s has %lld",
                                  first->info.filenames[0], (long long)times,
                                  arrays[i]->info.filenames[0],
                                  (long long)arrays[i]->info.shape[0]);
    // Stacked along time and reduced, for each time of the arrays.
    gwt_array **steps = _gwt_calloc(first->g, n, sizeof *steps),
              **done = _gwt_calloc(first->g, (size_t)times, sizeof *done);
    for (int64_t t = 0; steps && done && t < times; t++) {
        for (size_t i = 0; i < n; i++) steps[i] = _gwt_array_select(arrays[i], &t, 1, NULL, 0);
        done[t] = gwt_reduce(gwt_stack(steps, n, GWT_TIME), GWT_TIME, overlap);
    }
    gwt_array *r = done ? gwt_stack(done, (size_t)times, GWT_TIME) : NULL;
    GWT_FREE(steps);
    GWT_FREE(done);
    if (!r) return NULL;
    r->info.time_names = first->info.time_names;
    unsigned keep = _GWT_KEEP_SELF | _GWT_KEEP_WORDS
                  | (overlap == GWT_MEAN ? 0 : _GWT_KEEP_CLASSES);
    _gwt_array_meet_files(r, arrays, n);
    r->keep &= keep;
    for (int64_t b = 0; b < r->info.shape[1]; b++) {
        _gwt_array_meet_bands(&r->bands[b], arrays, n, b);
        r->bands[b] = _gwt_band_kept(r->bands[b], keep);
    }
    return r;
}

gwt_array *gwt_mosaic(gwt_array *const *arrays, size_t n, gwt_bounds_by by, gwt_stat overlap,
                      gwt_resampling resampling)
{
    if (!_gwt_check_given("gwt_mosaic", arrays, n)) return NULL;
    gwt_array **list = _gwt_calloc(arrays[0]->g, n, sizeof *list), *r = NULL;
    if (list) memcpy(list, arrays, n * sizeof *list);
    if (list && _gwt_align_all(list, n, by ? by : GWT_REFERENCE, NULL, (gwt_bounds){ 0 }, 0,
                               false, resampling))
        r = _gwt_mosaic_of(list, n, overlap);
    GWT_FREE(list);
    return r;
}

// >>math --------------------------------------------------------------------------------------
// Sensors, nodata and scaling, indices, and expressions: all built on the operations above.

// Bands of the sensors that geowombat's configuration lists, in the order it gives them. The
// order within a product is its provider's: USGS for Landsat (l5..l9), ESA for Sentinel-2 (s2*),
// NASA LP DAAC for MODIS (mcd43a4, mod09a1, myd09a1), Planet (ps), Maxar (qb, ik).
static const char
    *const _gwt_bgr[] = { "blue", "green", "red", NULL },
    *const _gwt_bgrn[] = { "blue", "green", "red", "nir", NULL },
    *const _gwt_rgb[] = { "red", "green", "blue", NULL },
    *const _gwt_rgbn[] = { "red", "green", "blue", "nir", NULL },
    *const _gwt_pan[] = { "pan", NULL },
    *const _gwt_tm[] = { "blue", "green", "red", "nir", "swir1", "swir2", NULL },
    *const _gwt_tm_pan[] = { "blue", "green", "red", "nir", "swir1", "swir2", "pan", NULL },
    *const _gwt_etm[] = { "blue", "green", "red", "nir", "swir1", "thermal", "swir2", NULL },
    *const _gwt_oli[] = { "coastal", "blue", "green", "red", "nir", "swir1", "swir2", "cirrus",
                          NULL },
    *const _gwt_oli_tirs[] = { "coastal", "blue", "green", "red", "nir", "swir1", "swir2", "cirrus",
                               "tirs1", "tirs2", NULL },
    *const _gwt_modis[] = { "red", "nir", "blue", "green", "nir2", "swir1", "swir2", NULL },
    *const _gwt_msi[] = { "blue", "green", "red", "nir1", "nir2", "nir3", "nir", "rededge", "swir1",
                          "swir2", NULL },
    *const _gwt_msi_20[] = { "nir1", "nir2", "nir3", "rededge", "swir1", "swir2", NULL },
    *const _gwt_msi_clouds[] = { "coastal", "blue", "red", "nir1", "nir", "rededge", "water",
                                 "cirrus", "swir1", "swir2", NULL },
    *const _gwt_msi_full[] = { "coastal", "blue", "green", "red", "nir1", "nir2", "nir3", "nir",
                               "rededge", "water", "cirrus", "swir1", "swir2", NULL };

static const struct { const char *name; const char *const *bands; } _gwt_sensors[] = {
    { "bgr", _gwt_bgr },            { "bgrn", _gwt_bgrn },        { "ik", _gwt_bgrn },
    { "l5", _gwt_tm },              { "l5bgrn", _gwt_bgrn },      { "l7", _gwt_tm },
    { "l7bgrn", _gwt_bgrn },        { "l7mspan", _gwt_tm_pan },   { "l7pan", _gwt_pan },
    { "l7th", _gwt_etm },           { "l8", _gwt_oli },           { "l8bgrn", _gwt_bgrn },
    { "l8l7", _gwt_tm },            { "l8l7mspan", _gwt_tm_pan }, { "l8pan", _gwt_pan },
    { "l8th", _gwt_oli_tirs },      { "l9", _gwt_oli },           { "l9l7", _gwt_tm },
    { "l9l7mspan", _gwt_tm_pan },   { "l9pan", _gwt_pan },        { "l9th", _gwt_oli_tirs },
    { "mcd43a4", _gwt_modis },      { "mod09a1", _gwt_modis },    { "myd09a1", _gwt_modis },
    { "ps", _gwt_bgrn },            { "qb", _gwt_bgrn },          { "rgb", _gwt_rgb },
    { "rgbn", _gwt_rgbn },          { "s2", _gwt_msi },           { "s210", _gwt_bgrn },
    { "s220", _gwt_msi_20 },        { "s2a", _gwt_msi },          { "s2a10", _gwt_bgrn },
    { "s2a20", _gwt_msi_20 },       { "s2acloudless", _gwt_msi_clouds },
    { "s2af", _gwt_msi_full },      { "s2al7", _gwt_tm },         { "s2b", _gwt_msi },
    { "s2b10", _gwt_bgrn },         { "s2b20", _gwt_msi_20 },
    { "s2bcloudless", _gwt_msi_clouds },
    { "s2bf", _gwt_msi_full },      { "s2bl7", _gwt_tm },
    { "s2cloudless", _gwt_msi_clouds },
    { "s2f", _gwt_msi_full },       { "s2l7", _gwt_tm },
};

const char *gwt_sensor_name(size_t index)
{
    return index < _GWT_COUNT(_gwt_sensors) ? _gwt_sensors[index].name : NULL;
}

const char *const *gwt_sensor_bands(const char *sensor)
{
    for (size_t i = 0; sensor && i < _GWT_COUNT(_gwt_sensors); i++)
        if (_gwt_same_name(sensor, _gwt_sensors[i].name)) return _gwt_sensors[i].bands;
    return NULL;
}

// ---- nodata and scaling

// A plane with another raw value missing: what is a band of a file, cropped or not, is loaded with
// it instead of the file's; anything else is compared as it stands.
static const _gwt_node *_gwt_node_masked(gwt *g, const _gwt_node *n, gwt_optional nodata,
                                         gwt_dtype dtype)
{
    _gwt_node node = *n;
    if (n->op == _GWT_OP_LOAD) {
        node.masked = true;
        node.imm[0] = nodata.value, node.imm[1] = nodata.rest;
        return _gwt_node_new(g, node);
    }
    if (n->op == _GWT_OP_CROP) {
        const _gwt_node *under = _gwt_node_masked(g, n->args[0], nodata, dtype);
        return _gwt_node_with(g, node, &under, 1);
    }
    node = (_gwt_node){ .op = _GWT_OP_MASK };
    node.imm[0] = dtype == GWT_FLOAT32 ? (double)(float)nodata.value : nodata.value;
    return _gwt_node_with(g, node, &n, 1);
}

static const _gwt_node *_gwt_map_masked(const gwt_array *a, int64_t i, const void *nodata)
{
    return _gwt_node_masked(a->g, a->planes[i], *(const gwt_optional *)nodata, a->info.dtype);
}

// The same array with `nodata` as its missing value, compared raw.
static gwt_array *_gwt_array_masked(const gwt_array *a, gwt_optional nodata)
{
    if (!nodata.set) return _gwt_array_same(a);
    unsigned keep = _GWT_KEEP_ALL & ~_GWT_KEEP_FIGURES;
    gwt_array *r = _gwt_array_mapped(a, keep, _gwt_map_masked, &nodata);
    if (r) r->info.nodata = nodata;
    return _gwt_array_finish(r);
}

static gwt_optional _gwt_first_set(gwt_optional a, gwt_optional b) { return a.set ? a : b; }

// raw * scale + offset; steps that do nothing are left out.
static const _gwt_node *_gwt_map_scaled(const gwt_array *a, int64_t i, const void *arg)
{
    const _gwt_scaling *by = arg;
    int64_t band = i % a->info.shape[1];
    double s = by->scale.set ? by->scale.value : a->info.scales[band],
           o = by->offset.set ? by->offset.value : a->info.offsets[band];
    const _gwt_node *node = a->planes[i];
    if (s != 1) node = _gwt_node_op(a->g, _GWT_OP_MUL, node, _gwt_node_number(a->g, s));
    if (o != 0) node = _gwt_node_op(a->g, _GWT_OP_ADD, node, _gwt_node_number(a->g, o));
    return node;
}

// raw * scale + offset of each band, as float64; an explicit factor beats the session's, that the
// band's own.
static gwt_array *_gwt_array_scaled(const gwt_array *a, gwt_optional scale, gwt_optional offset)
{
    _gwt_scaling by = { _gwt_first_set(scale, a->session.scale),
                        _gwt_first_set(offset, a->session.offset) };
    unsigned keep = _GWT_KEEP_NAMES | _GWT_KEEP_ATTRS;
    gwt_array *r = _gwt_array_mapped(a, keep, _gwt_map_scaled, &by);
    size_t bytes = (size_t)_gwt_num_planes(a) * sizeof *a->planes;
    if (r && !memcmp(r->planes, a->planes, bytes)) {    // the same pixels still
        r = _gwt_array_derive(a, keep | (_GWT_KEEP_FILE & ~_GWT_KEEP_FIGURES));
        if (r) memcpy(r->planes, a->planes, bytes);
    }
    if (r) r->session = (_gwt_scaling){ { 0 }, { 0 } };
    return _gwt_array_finish(r);
}

gwt_array *gwt_set_nodata_with(const gwt_array *a, const gwt_set_nodata_options *options)
{
    gwt_set_nodata_options o = options ? *options : (gwt_set_nodata_options){ 0 };
    if (!a || _gwt_failed(a->g)) return NULL;
    gwt_dtype dtype = o.dtype ? o.dtype : a->info.dtype;
    gwt_array *r = _gwt_array_masked(a, o.src_nodata);
    if (r) r = _gwt_array_scaled(r, o.scale_factor, o.offset);
    if (o.out_range.set) r = gwt_clip(r, o.out_range.lo, o.out_range.hi);
    r = gwt_cast(r, dtype);
    if (!r) return NULL;
    if (o.dst_nodata.set && !_gwt_dtype_holds_it(dtype, o.dst_nodata))
        return _gwt_fail_null(a->g, GWT_E_ARGUMENT, "dst_nodata %g is not a value of %s",
                              o.dst_nodata.value, gwt_dtype_name(dtype));
    r->info.nodata = o.dst_nodata;
    return _gwt_array_finish(r);
}

gwt_array *gwt_mask_nodata(const gwt_array *a)
{
    gwt_array *r = gwt_cast(a, a && a->info.dtype == GWT_FLOAT32 ? GWT_FLOAT32 : GWT_FLOAT64);
    if (r) _gwt_array_set_nodata(r, (gwt_optional){ 0 });
    return r;
}

// ---- classes

// A range as the array's type has it, and which one it was. `end` NaN: it has none.
typedef struct _gwt_class { double lo, end, value; size_t index; } _gwt_class;

static int _gwt_class_compare(const void *a, const void *b)
{
    double x = ((const _gwt_class *)a)->lo, y = ((const _gwt_class *)b)->lo;
    return (x > y) - (x < y);
}

// The first value of the type that is not below v, for any in it to be compared with.
static double _gwt_class_end(gwt_dtype type, double v)
{
    return type == GWT_FLOAT32 ? (double)(float)v : _gwt_dtype_integer(type) ? ceil(v) : v;
}

// The first one that is above v.
static double _gwt_class_above(gwt_dtype type, double v)
{
    if (type == GWT_FLOAT32) return (double)nextafterf((float)v, INFINITY);
    return _gwt_class_end(type, nextafter(v, (double)INFINITY));
}

// The ranges of an array, in order, without those that none of the type's values is in; how many
// there are, or SIZE_MAX and an error.
static size_t _gwt_class_order(const gwt_array *a, const gwt_class_range *ranges, size_t n,
                               _gwt_class *to)
{
    gwt_dtype type = a->info.dtype;
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        const gwt_class_range *r = &ranges[i];
        if (!(r->lo <= r->hi)) {
            _gwt_fail(a->g, GWT_E_ARGUMENT, "no value is in %.10g:%.10g; NaN is none",
                      r->lo, r->hi);
            return SIZE_MAX;
        }
        double end = r->lo == r->hi ? _gwt_class_above(type, r->lo) : _gwt_class_end(type, r->hi);
        _gwt_class c = { _gwt_class_end(type, r->lo), r->hi == (double)INFINITY ? (double)NAN : end,
                         isnan(r->value) ? (double)NAN : r->value, i };
        if (!(c.lo >= c.end)) to[used++] = c;
    }
    qsort(to, used, sizeof *to, _gwt_class_compare);
    for (size_t i = 1; i < used; i++) {
        if (to[i - 1].end <= to[i].lo) continue;
        const gwt_class_range *x = &ranges[to[i - 1].index], *y = &ranges[to[i].index];
        _gwt_fail(a->g, GWT_E_ARGUMENT, "%.10g:%.10g and %.10g:%.10g overlap", x->lo, x->hi, y->lo,
                  y->hi);
        return SIZE_MAX;
    }
    return used;
}

// Of ranges in order the pieces, 2 n + 1 at most; what is between them is `other`.
static size_t _gwt_lookup_pieces(_gwt_piece *to, const _gwt_class *classes, size_t n, double other)
{
    double end = (double)-INFINITY;
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (end < classes[i].lo) to[used++] = (_gwt_piece){ classes[i].lo, other };
        end = classes[i].end;
        to[used++] = (_gwt_piece){ end, classes[i].value };
    }
    if (!isnan(end)) to[used++] = (_gwt_piece){ (double)NAN, other };
    return used;
}

// The value of each integer of a small type.
static bool _gwt_lookup_table(gwt *g, _gwt_lookup *t, gwt_dtype type)
{
    t->origin = _gwt_dtypes[type].lo, t->scale = 1;
    t->num_cells = (size_t)1 << 8 * gwt_dtype_size(type);
    double *values = _gwt_keep(g, t->num_cells, sizeof *values);
    for (size_t i = 0, k = 0; values && i < t->num_cells; i++) {
        double v = t->origin + (double)i;
        while (v >= t->pieces[k].end) k++;
        values[i] = _gwt_lookup_keeps(t->pieces[k].value) ? v : t->pieces[k].value;
    }
    t->values = values;
    return values != NULL;
}

// Cells of one width over where the ends lie, as many as there are ends, or up to twice that.
static bool _gwt_lookup_cells(gwt *g, _gwt_lookup *t)
{
    size_t last = t->num_pieces - 1, k = 0;     // that many ends, of which one may be infinite
    size_t finite = last > 0 && isinf(t->pieces[last - 1].end) ? last - 1 : last;
    double span = finite > 0 ? t->pieces[finite - 1].end - t->pieces[0].end : 0;
    t->num_cells = 1;
    while (t->num_cells < last) t->num_cells *= 2;
    t->origin = finite > 0 ? t->pieces[0].end : 0;
    t->scale = span > 0 ? (double)t->num_cells / span : 0;
    uint32_t *first = _gwt_keep(g, t->num_cells + 1, sizeof *first);
    for (size_t c = 0; first && c <= t->num_cells; c++) {
        while (k < last && _gwt_lookup_cell(t, t->pieces[k].end) < c) k++;
        first[c] = (uint32_t)k;
    }
    t->first = first;
    return first != NULL;
}

// Of the ranges for the pixels of `a`. NULL, and an error, where they are not to be used.
static const _gwt_lookup *_gwt_lookup_new(const gwt_array *a, const gwt_class_range *ranges,
                                          size_t n, double other)
{
    gwt *g = a->g;
    if (n > 1 << 24)
        return _gwt_fail_null(g, GWT_E_UNSUPPORTED, "%zu ranges: there may be 16777216", n);
    gwt_dtype type = a->info.dtype;
    bool small = _gwt_dtype_integer(type) && gwt_dtype_size(type) <= 2, good = false;
    _gwt_class *classes = _gwt_calloc(g, n, sizeof *classes);
    _gwt_piece *pieces = _gwt_keep(g, 2 * n + 1, sizeof *pieces);
    _gwt_lookup *t = _gwt_keep(g, 1, sizeof *t);
    size_t used = classes && pieces && t ? _gwt_class_order(a, ranges, n, classes) : SIZE_MAX;
    if (used != SIZE_MAX) {
        t->pieces = pieces;
        t->num_pieces = _gwt_lookup_pieces(pieces, classes, used, other);
        good = small ? _gwt_lookup_table(g, t, type) : _gwt_lookup_cells(g, t);
    }
    GWT_FREE(classes);
    return good ? t : NULL;
}

static double _gwt_kept(void)
{
    const uint64_t bits = _GWT_KEPT;
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

gwt_array *gwt_replace(const gwt_array *a, const double *from, const double *to, size_t n)
{
    if (!a || _gwt_failed(a->g)) return NULL;
    if (n == 0) return _gwt_array_same(a);
    if (!from || !to)
        return _gwt_fail_null(a->g, GWT_E_ARGUMENT, "can't replace: no values given");
    gwt_class_range *ranges = _gwt_calloc(a->g, n, sizeof *ranges);
    for (size_t i = 0; ranges && i < n; i++)
        ranges[i] = (gwt_class_range){ from[i], from[i], to[i] };
    gwt_array *r = gwt_reclassify(a, ranges, n, .keep = true, .dtype = a->info.dtype);
    GWT_FREE(ranges);
    return r;
}

// The first of some values that a type does not have, exactly; NULL: it has them. NaN is missing,
// and none of them.
static const double *_gwt_dtype_lacks(gwt_dtype type, const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double v = values[i];
        bool has = type == GWT_FLOAT32 ? v == (double)(float)v : _gwt_dtype_holds(type, v);
        if (!has && !isnan(v)) return &values[i];
    }
    return NULL;
}

static bool _gwt_is_among(double v, const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (values[i] == v) return true;
    return false;
}

// What missing pixels are among classes: the array's nodata value where that is none of them, else
// of integers another one. False: there is none.
static bool _gwt_class_nodata(const gwt_array *a, gwt_dtype type, const double *values, size_t n,
                              gwt_optional *nodata)
{
    double lo = _gwt_dtypes[type].lo, hi = fmin(_gwt_dtypes[type].hi, 0x1.fffffffffffffp63);
    *nodata = a->info.nodata;
    if (nodata->set && _gwt_dtype_holds_it(type, *nodata)
        && !_gwt_is_among(nodata->value, values, n))
        return true;
    *nodata = (gwt_optional){ 0 };
    for (int i = 0; _gwt_dtype_integer(type) && i < 256; i++) {
        *nodata = gwt_some(lo < 0 ? lo + i : hi - i);
        if (!_gwt_is_among(nodata->value, values, n)) return true;
    }
    return !_gwt_dtype_integer(type);
}

// The smallest type that has all values, of the array's pixels too where those are kept, and its
// nodata value.
static gwt_dtype _gwt_class_type(const gwt_array *a, const double *values, size_t n, bool keep,
                                 gwt_optional *nodata)
{
    for (gwt_dtype type = GWT_UINT8; type < GWT_FLOAT64; type++)
        if (!_gwt_dtype_lacks(type, values, n)
            && (keep ? _gwt_dtype_contains(type, a->info.dtype)
                     : _gwt_class_nodata(a, type, values, n, nodata)))
            return type;
    return GWT_FLOAT64;
}

gwt_array *gwt_reclassify_with(const gwt_array *a, const gwt_class_range *ranges, size_t n,
                               const gwt_reclassify_options *options)
{
    gwt_reclassify_options o = options ? *options : (gwt_reclassify_options){ 0 };
    gwt_optional nodata = { 0 };
    if (!a || _gwt_failed(a->g) || !_gwt_check_dtype(a->g, o.dtype)) return NULL;
    gwt *g = a->g;
    if (n == 0 || !ranges || (o.keep && o.otherwise.set))
        return _gwt_fail_null(g, GWT_E_ARGUMENT, "no classes, or two ways for what is in none");
    double *values = _gwt_calloc(g, n + 1, sizeof *values);
    if (!values) return NULL;
    for (size_t i = 0; i < n; i++) values[i] = ranges[i].value;
    values[n] = o.otherwise.set ? o.otherwise.value : (double)NAN;
    gwt_dtype type = o.dtype ? o.dtype : _gwt_class_type(a, values, n + 1, o.keep, &nodata);
    const double *lacks = _gwt_dtype_lacks(type, values, n + 1);
    bool exact = !lacks;
    if (lacks && _gwt_dtype_integer(type))
        _gwt_fail(g, GWT_E_ARGUMENT, "%g is not a value of %s", *lacks, gwt_dtype_name(type));
    if (o.keep) {
        exact = exact && _gwt_dtype_contains(type, a->info.dtype);
        nodata = a->info.nodata;
        nodata.set = nodata.set && _gwt_dtype_holds_it(type, nodata);
    } else if (!_gwt_class_nodata(a, type, values, n + 1, &nodata)) {
        nodata.set = false;
    }
    _gwt_node node = { .op = _GWT_OP_LOOKUP };
    if (!_gwt_failed(g))
        node.lookup = _gwt_lookup_new(a, ranges, n, o.keep ? _gwt_kept() : values[n]);
    GWT_FREE(values);
    gwt_array *r = node.lookup ? _gwt_array_mapped(a, _GWT_KEEP_NAMES, _gwt_map_node, &node) : NULL;
    if (!r) return NULL;
    r->info.dtype = type;
    r->info.nodata = nodata;
    return _gwt_array_finish(exact ? r : _gwt_array_held(r));
}

// ---- indices

// (b2 - b1) / (b2 + b1): Tucker (1979).
static gwt_array *_gwt_norm_diff(const gwt_array *b1, const gwt_array *b2)
{
    static const char *const names[] = { "b1", "b2", NULL }, *const name[] = { "norm-diff", NULL };
    gwt_array *r = _gwt_formula(b1->g, "clip((b2 - b1) / (b2 + b1), -1, 1)", names,
                                (gwt_array *[]){ _gwt_array_same(b1), _gwt_array_same(b2) },
                                GWT_DIM_DEFAULT);
    return r && r->info.shape[1] == 1 ? gwt_rename_bands(r, name) : r;
}

// Formulas of geowombat, in its order of operations, and what range their results lie in. Names
// stand for bands, each times its factor. Sources are given at gwt_index.
static const struct { const char *name, *bands[4], *range, *formula; } _gwt_indices[] = {
    { "avi", { "red", "nir" }, "0,1", "clip((nir * (1 - red) * (nir - red)) ** 0.3334, 0, 1)" },
    { "evi", { "blue", "red", "nir" }, "0,1",
      "clip(2.5 * (nir - red) / (nir + 6 * red - 7.5 * blue + 1), 0, 1)" },
    { "evi2", { "red", "nir" }, "0,1", "clip(2.5 * ((nir - red) / (nir + 1 + 2.4 * red)), 0, 1)" },
    { "gcvi", { "green", "nir" }, "0,1", "clip(nir / green - 1, 0, 10) / 10" },
    { "nbr", { "swir2", "nir" }, "-1,1", "norm_diff(swir2, nir)" },
    { "ndvi", { "red", "nir" }, "-1,1", "norm_diff(red, nir)" },
    { "kndvi", { "red", "nir" }, "-1,1", "tanh(norm_diff(red, nir) * norm_diff(red, nir))" },
    { "wi", { "red", "swir1" }, "0,1",
      "clip(where(swir1 + red > 0.5, 0, 1 - (swir1 + red) / 0.5), 0, 1)" },
};

// Brightness, greenness and wetness, of a sensor's bands in order.
static const struct { const char *sensor, *formulas[3]; } _gwt_tasseled_caps[] = {
    { "l5",     // Crist (1985)
      { "0.3037 * blue + 0.2793 * green + 0.4343 * red + 0.5585 * nir + 0.5082 * swir1"
        " + 0.1863 * swir2",
        "-0.2848 * blue - 0.2435 * green - 0.5436 * red + 0.7243 * nir + 0.0840 * swir1"
        " - 0.1800 * swir2",
        "0.1509 * blue + 0.1793 * green + 0.3299 * red + 0.3406 * nir - 0.7112 * swir1"
        " - 0.4572 * swir2" } },
    { "l7",     // Huang et al. (2002)
      { "0.3561 * blue + 0.3972 * green + 0.3904 * red + 0.6966 * nir + 0.2286 * swir1"
        " + 0.1596 * swir2",
        "-0.3344 * blue - 0.3544 * green - 0.4556 * red + 0.6966 * nir - 0.0242 * swir1"
        " - 0.2630 * swir2",
        "0.2626 * blue + 0.2141 * green + 0.0926 * red + 0.0656 * nir - 0.7629 * swir1"
        " - 0.5388 * swir2" } },
    { "l8l7",   // Baig et al. (2014)
      { "0.3029 * blue + 0.2786 * green + 0.4733 * red + 0.5599 * nir + 0.5080 * swir1"
        " + 0.1872 * swir2",
        "-0.2941 * blue - 0.2430 * green - 0.5424 * red + 0.7276 * nir + 0.0713 * swir1"
        " - 0.1608 * swir2",
        "0.1511 * blue + 0.1973 * green + 0.3283 * red + 0.3407 * nir - 0.7117 * swir1"
        " - 0.4559 * swir2" } },
    { "qb",     // Yarbrough et al. (2005)
      { "0.319 * blue + 0.542 * green + 0.490 * red + 0.604 * nir",
        "-0.121 * blue - 0.331 * green - 0.517 * red + 0.780 * nir",
        "0.652 * blue + 0.375 * green - 0.639 * red - 0.163 * nir" } },
    { "ik",     // Pereira (2006)
      { "0.326 * blue + 0.509 * green + 0.560 * red + 0.567 * nir",
        "-0.311 * blue - 0.256 * green - 0.325 * red + 0.819 * nir",
        "-0.612 * blue - 0.312 * green + 0.722 * red - 0.081 * nir" } },
};

// What an index is made of: some bands by name, missing and scaled as asked for.
typedef struct _gwt_index_input {
    gwt_array *bands[6];
    gwt_optional nodata;        // of the result
    double factor;              // that the first band was multiplied by
} _gwt_index_input;

static bool _gwt_index_bands(_gwt_index_input *in, const gwt_array *a, const char *const *names,
                             gwt_optional nodata, gwt_optional scale, const char *sensor)
{
    const char *const *order = sensor ? gwt_sensor_bands(sensor) : NULL;
    if (sensor && !order) _gwt_fail_sensor(a->g, sensor);
    a = gwt_sel_bands(sensor ? gwt_rename_bands(a, order) : a, names);
    if (!a) return false;
    scale = _gwt_first_set(scale, a->session.scale);
    in->nodata = _gwt_first_set(nodata, a->info.nodata);
    in->factor = scale.set ? scale.value : a->info.scales[0];
    a = _gwt_array_masked(a, nodata);
    a = a ? _gwt_array_scaled(a, scale, gwt_some(0)) : NULL;
    for (int64_t i = 0; a && names[i]; i++)
        if (!(in->bands[i] = _gwt_array_band(a, i))) return false;
    return a != NULL;
}

// An index of one band, and what geowombat says of it.
static gwt_array *_gwt_index_done(gwt_array *r, const _gwt_index_input *in, const char *name,
                                  const char *range)
{
    r = gwt_rename_bands(r, (const char *const[]){ name, NULL });
    if (!r) return NULL;
    _gwt_array_set_nodata(r, in->nodata);
    _gwt_array_note_number(r, "pre-scaling", in->factor);
    _gwt_array_note(r, "vi", name);
    _gwt_array_note(r, "drange", range);
    return r;
}

gwt_array *gwt_norm_diff_with(const gwt_array *a, const char *b1, const char *b2,
                              const gwt_norm_diff_options *options)
{
    gwt_norm_diff_options o = options ? *options : (gwt_norm_diff_options){ 0 };
    _gwt_index_input in;
    if (!a || _gwt_failed(a->g)) return NULL;
    if (!b1 || !b2)
        return _gwt_fail_null(a->g, GWT_E_ARGUMENT, "norm_diff needs the names of two bands");
    if (!_gwt_index_bands(&in, a, (const char *const[]){ b1, b2, NULL }, o.nodata, o.scale_factor,
                          o.sensor))
        return NULL;
    return _gwt_index_done(_gwt_norm_diff(in.bands[0], in.bands[1]), &in, "norm-diff", "-1,1");
}

static size_t _gwt_index_find(const char *name)
{
    size_t i = 0;
    while (i < _GWT_COUNT(_gwt_indices) && strcmp(name ? name : "", _gwt_indices[i].name)) i++;
    return i;
}

gwt_array *gwt_spectral_index_with(const gwt_array *a, const char *name,
                                    const gwt_spectral_index_options *options)
{
    gwt_spectral_index_options o = options ? *options : (gwt_spectral_index_options){ 0 };
    size_t i = _gwt_index_find(name);
    _gwt_index_input in;
    if (!a || _gwt_failed(a->g)) return NULL;
    if (i == _GWT_COUNT(_gwt_indices))
        return _gwt_fail_null(
            a->g, GWT_E_ARGUMENT,
            "no index \"%s\": there are avi, evi, evi2, gcvi, nbr, ndvi, kndvi, wi",
            name ? name : "");
    const char *const *bands = _gwt_indices[i].bands;
    if (!_gwt_index_bands(&in, a, bands, o.nodata, o.scale_factor, o.sensor)) return NULL;
    return _gwt_index_done(_gwt_formula(a->g, _gwt_indices[i].formula, bands, in.bands,
                                        GWT_DIM_DEFAULT), &in, name, _gwt_indices[i].range);
}

gwt_array *gwt_tasseled_cap_with(const gwt_array *a, const gwt_spectral_index_options *options)
{
    static const char *const names[] = { "brightness", "greenness", "wetness", NULL };
    gwt_spectral_index_options o = options ? *options : (gwt_spectral_index_options){ 0 };
    gwt_array *rows[3];
    _gwt_index_input in;
    size_t k = 0;
    if (!a || _gwt_failed(a->g)) return NULL;
    const char *sensor = o.sensor ? o.sensor : a->info.sensor;
    while (k < _GWT_COUNT(_gwt_tasseled_caps)
           && !_gwt_same_name(sensor ? sensor : "", _gwt_tasseled_caps[k].sensor))
        k++;
    if (k == _GWT_COUNT(_gwt_tasseled_caps))
        return _gwt_fail_null(a->g, GWT_E_ARGUMENT,
                              "no tasseled cap for sensor \"%s\": there are l5, l7, l8l7, qb, ik",
                              sensor ? sensor : "none");
    const char *const *bands = gwt_sensor_bands(sensor);
    if (!_gwt_index_bands(&in, a, bands, o.nodata, o.scale_factor, o.sensor)) return NULL;
    for (int i = 0; i < 3; i++)
        rows[i] = _gwt_formula(a->g, _gwt_tasseled_caps[k].formulas[i], bands, in.bands,
                               GWT_DIM_DEFAULT);
    gwt_array *r = gwt_rename_bands(gwt_stack(rows, 3, GWT_BAND), names);
    if (r) _gwt_array_set_nodata(r, in.nodata);
    return r;
}

// ---- expressions
// Recursive descent, building arrays as it goes. The first error stops everything, so functions
// below just return NULL after one. What is on the way of the recursion keeps no texts on the
// stack: a level of parentheses takes less than a kilobyte of it.

#define _GWT_PARSE_DEPTH 1000
#define _GWT_NAME_SIZE 128

// A statement "name = value" before the expression.
typedef struct _gwt_let {
    char name[_GWT_NAME_SIZE];
    gwt_array *value;
} _gwt_let;

typedef struct _gwt_parser {
    gwt *g;
    gwt_array *const *arrays;
    size_t n;
    const char *text, *at;      // `at`: the next character not yet read
    const char *where;          // what is being called or combined
    const char *const *names;   // of the arrays, which stand for nothing else; NULL: a, b, ..
    const gwt_calc_options *options;    // or NULL
    const char *end, *begin;    // blanks that are passed over, before `at` if it is `begin`
    const gwt_array *told;      // last
    _gwt_let *lets;             // of one name the last counts
    size_t num_lets, room_lets;
    int depth;
    gwt_dim dim;                // of a statistic that says none: its operand's
} _gwt_parser;

static gwt_array *_gwt_parse_array(const _gwt_parser *p, size_t i)
{
    if (p->options && p->options->used) p->options->used[i] = true;
    return p->arrays[i];
}

// The line of the expression that `where` is in, and a caret under its column: two lines. A long
// one is shown from up to 60 characters before that, blanks as blanks.
static const char *_gwt_parse_shown(const _gwt_parser *p, const char *where, char *to, size_t size)
{
    char shown[128], one[8];
    const char *from = where;
    while (from > p->text && where - from < 60 && from[-1] != '\n') from--;
    while (((unsigned char)*from & 0xC0) == 0x80) from++;
    int column = 0;         // in characters, of UTF-8
    size_t used = 0, n;
    for (; *from != '\n' && (n = gwt_escape(from, one)) > 0; from += n) {
        if (used + strlen(one) >= sizeof shown) break;
        if (strchr(" \t\r", *from)) {
            one[0] = ' ';
            one[1] = 0;
        }
        for (const char *c = one; *c && from < where; c++)
            column += ((unsigned char)*c & 0xC0) != 0x80;
        memcpy(shown + used, one, strlen(one));
        used += strlen(one);
    }
    shown[used] = 0;
    snprintf(to, size, "  %s\n  %*s^", shown, column, "");
    return to;
}

// What an operation refused inside an expression: its message, and where that was.
static void _gwt_parse_point(const _gwt_parser *p, unsigned since)
{
    char shown[512];
    gwt *g = p->g;
    _gwt_parse_shown(p, p->where, shown, sizeof shown);
    _gwt_lock(&g->lock);
    size_t n = strlen(g->message);
    if (atomic_load(&g->failures) == since + 1 && atomic_load(&g->code) == GWT_E_ARGUMENT
        && !strchr(g->message, '\n') && n + strlen(shown) + 2 < sizeof g->message)
        snprintf(g->message + n, sizeof g->message - n, "\n%s", shown);
    _gwt_unlock(&g->lock);
}

// Message, expression, caret under the column of `where`.
GWT_PRINTF(3, 4)
static gwt_array *_gwt_parse_fail(_gwt_parser *p, const char *where, const char *format, ...)
{
    char text[1024], message[1024], shown[512];
    va_list args;
    va_start(args, format);
    _gwt_os_print_va(text, sizeof text, format, args);
    va_end(args);
    _gwt_fail(p->g, GWT_E_ARGUMENT, "%s\n%s", _gwt_escape_all(message, sizeof message, text, 0),
              _gwt_parse_shown(p, where, shown, sizeof shown));
    return NULL;
}

// White space, and comments: from # to the end of the line.
static void _gwt_parse_space(_gwt_parser *p)
{
    if (p->at != p->begin) p->end = p->at;
    for (;;) {
        p->at += strspn(p->at, " \t\r\n");
        if (*p->at != '#') break;
        p->at += strcspn(p->at, "\n");
    }
    p->begin = p->at;
}

// What stands from `from` up to here has come to a value: tell the caller, if that wants to know.
static gwt_array *_gwt_parse_told(_gwt_parser *p, const char *from, const char *name, gwt_array *a)
{
    if (!a || a->number || (a == p->told && !name) || !p->options || !p->options->on_value)
        return a;
    _gwt_parse_space(p);
    p->told = a;
    p->options->on_value(&(gwt_calc_value){ from, (size_t)(p->end - from), name, a },
                         p->options->user);
    return a;
}

static bool _gwt_parse_eat(_gwt_parser *p, const char *token)
{
    _gwt_parse_space(p);
    size_t n = strlen(token);
    if (strncmp(p->at, token, n)) return false;
    p->at += n;
    return true;
}

static bool _gwt_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool _gwt_is_digit(char c) { return c >= '0' && c <= '9'; }

// A name: letters, digits, underscores; or anything in double quotes. Empty when there is none, or
// it is too long.
static const char *_gwt_parse_name(_gwt_parser *p, char *to, size_t size)
{
    const char *from = p->at, *end = from;
    if (*from == '"') {
        end = strchr(++from, '"');
        if (!end) end = from;
        p->at = *end ? end + 1 : end;
    } else {
        while (_gwt_is_letter(*end) || (end > from && _gwt_is_digit(*end))) end++;
        p->at = end;
    }
    size_t n = (size_t)(end - from);
    if (n >= size) {
        _gwt_parse_fail(p, from, "a name of more than %zu letters", size - 1);
        n = 0;
    }
    memcpy(to, from, n);
    to[n] = 0;
    return to;
}

static gwt_array *_gwt_parse_value(_gwt_parser *p);

// "b12" gives 12, anything else 0.
static int64_t _gwt_band_number(const char *name)
{
    char *end;
    if (name[0] != 'b' || !_gwt_is_digit(name[1])) return 0;
    long long n = strtoll(name + 1, &end, 10);
    return *end ? 0 : n;
}

// "b1", or "b1 to b7", and their names where they have some.
static const char *_gwt_parse_there(const gwt_info *info, int64_t n, char *to, size_t size)
{
    char names[256] = "";
    if (info->bands_named) _gwt_join_names(names, sizeof names, info->band_names, info->shape[1]);
    if (n == 1) snprintf(to, size, "there is b1%s%s", names[0] ? ", " : "", names);
    else snprintf(to, size, "there are b1 to b%lld%s%s", (long long)n, names[0] ? ", " : "", names);
    return to;
}

// A band by name, of the first array that has one of that name; else b1, b2, .. by number, counted
// over all arrays. -1: there is none.
static int64_t _gwt_find_band(gwt_array *const *arrays, size_t n, const char *name, size_t *which)
{
    for (*which = 0; *which < n; ++*which) {
        const gwt_info *info = &arrays[*which]->info;
        int64_t band = _gwt_find_name(info->band_names, info->shape[1], name);
        if (band >= 0) return band;
    }
    int64_t number = _gwt_band_number(name);
    for (*which = 0; number > 0 && *which < n; ++*which) {
        int64_t bands = arrays[*which]->info.shape[1];
        if (number <= bands) return number - 1;
        number -= bands;
    }
    return -1;
}

static gwt_array *_gwt_parse_band_of(_gwt_parser *p, gwt_array *a, const char *name,
                                     const char *where)
{
    char there[320];
    size_t only;
    int64_t band = _gwt_find_band(&a, 1, name, &only);
    if (band >= 0) return _gwt_array_band(a, band);
    return _gwt_parse_fail(p, where, "no band %s in %s: %s", name, a->info.filenames[0],
                           _gwt_parse_there(&a->info, a->info.shape[1], there, sizeof there));
}

static gwt_array *_gwt_parse_variable(_gwt_parser *p, const char *name, const char *where)
{
    char text[320];
    for (size_t i = p->num_lets; i-- > 0;)
        if (!strcmp(p->lets[i].name, name)) return p->lets[i].value;
    for (size_t i = 0; p->names && i < p->n; i++)
        if (!strcmp(p->names[i], name)) return p->arrays[i];
    bool letter =
        name[0] >= 'a' && name[0] <= 'z' && name[1] == 0 && (size_t)(name[0] - 'a') < p->n;
    if (letter && p->at[0] == '.') {
        where = ++p->at;
        return _gwt_parse_band_of(p, _gwt_parse_array(p, (size_t)(name[0] - 'a')),
                                  _gwt_parse_name(p, text, 128), where);
    }
    size_t which;
    int64_t band = _gwt_find_band(p->arrays, p->n, name, &which), all = 0;
    if (band >= 0) return _gwt_array_band(_gwt_parse_array(p, which), band);
    if (letter) return _gwt_parse_array(p, (size_t)(name[0] - 'a'));
    if (!strcmp(name, "nan")) return gwt_number(p->g, (double)NAN);
    for (size_t i = 0; i < p->n; i++) all += p->arrays[i]->info.shape[1];
    return _gwt_parse_fail(p, where, "unknown name %s: %s", name,
                           _gwt_parse_there(&p->arrays[0]->info, all, text, sizeof text));
}

// ---- calls

// What stands between the parentheses: values, and perhaps the word time or band or a period, or a
// text, which is no array in the list.
typedef struct _gwt_call {
    const char *name, *where;
    gwt_array **x;
    size_t given, room;
    gwt_dim dim;
    const char *text, *end;     // within the expression; NULL: none is given
    const char *by;
} _gwt_call;

typedef gwt_array *_gwt_call_fn(_gwt_parser *p, const _gwt_call *call);

// Argument i as a plain number.
static bool _gwt_call_number(_gwt_parser *p, const _gwt_call *c, size_t i, double *value)
{
    const double *number = i < c->given ? _gwt_number_of(c->x[i]) : NULL;
    if (number) *value = *number;
    else _gwt_parse_fail(p, c->where, "%s wants a number as value %zu", c->name, i + 1);
    return number != NULL;
}

static gwt_array *_gwt_call_clip(_gwt_parser *p, const _gwt_call *c)
{
    double lo, hi;
    if (!_gwt_call_number(p, c, 1, &lo) || !_gwt_call_number(p, c, 2, &hi)) return NULL;
    return gwt_clip(c->x[0], lo, hi);
}

static gwt_array *_gwt_call_mask(_gwt_parser *p, const _gwt_call *c)
{
    double value;
    gwt_array *a = c->x[0];
    if (!_gwt_call_number(p, c, 1, &value)) return NULL;
    // Besides what is missing already; stored as that is, or as what it was.
    if (a->info.dtype == GWT_FLOAT32) value = (float)value;
    _gwt_node mask = { .op = _GWT_OP_MASK, .imm = { value } };
    unsigned keep = _GWT_KEEP_ALL & ~_GWT_KEEP_FIGURES;
    gwt_array *r = _gwt_array_mapped(a, keep, _gwt_map_node, &mask);
    if (r && !r->info.nodata.set && _gwt_dtype_holds(r->info.dtype, value))
        r->info.nodata = gwt_some(value);
    return _gwt_array_finish(r);
}

// replace(x, from, to), replace(x, from, to, from, to)
static gwt_array *_gwt_call_replace(_gwt_parser *p, const _gwt_call *c)
{
    size_t n = (c->given - 1) / 2;
    if (c->given % 2 == 0)
        return _gwt_parse_fail(p, c->where, "replace takes pairs after the first value, not %zu",
                               c->given - 1);
    double *from = _gwt_calloc(p->g, 2 * n, sizeof *from);
    bool good = from != NULL;
    for (size_t i = 0; good && i < n; i++)
        good = _gwt_call_number(p, c, 2 * i + 1, &from[i])
            && _gwt_call_number(p, c, 2 * i + 2, &from[n + i]);
    gwt_array *r = good ? gwt_replace(c->x[0], from, from + n, n) : NULL;
    GWT_FREE(from);
    return r;
}

typedef struct _gwt_class_list {
    gwt_class_range *ranges;
    size_t n, room;
    gwt_reclassify_options o;
} _gwt_class_list;

// A number, if there is one.
static bool _gwt_parse_double(_gwt_parser *p, double *v)
{
    char *end;
    _gwt_parse_space(p);
    double value = _gwt_os_strtod(p->at, &end);
    if (end == p->at) return false;
    *v = value;
    p->at = end;
    return true;
}

// "0:10=1", ":0=1", "20:=1", "7=1", "else=0", "else=keep"
static bool _gwt_parse_class(_gwt_parser *p, _gwt_class_list *l, const char *end)
{
    gwt_class_range r = { (double)-INFINITY, (double)INFINITY, 0 };
    gwt_reclassify_options *o = &l->o;
    bool other = _gwt_parse_eat(p, "else"), good = other && !o->keep && !o->otherwise.set;
    if (!other) {
        bool low = _gwt_parse_double(p, &r.lo), range = _gwt_parse_eat(p, ":");
        if (range) _gwt_parse_double(p, &r.hi);
        else r.hi = r.lo;
        good = range ? r.lo < r.hi : low;
    }
    good = good && _gwt_parse_eat(p, "=");
    if (good && other) o->keep = _gwt_parse_eat(p, "keep");
    good = good && ((other && o->keep) || _gwt_parse_double(p, &r.value)) && p->at <= end;
    if (!good)
        return _gwt_parse_fail(p, p->at < end ? p->at : end, "expected a range 0:10=1, :0=1 or "
                               "20:=1, its lower end first; 7=1; one else=0 or else=keep") != NULL;
    if (other && !o->keep) o->otherwise = gwt_some(r.value);
    if (other) return true;
    if (!_gwt_list_grow(&l->ranges, l->n, 1, &l->room, sizeof *l->ranges))
        return _gwt_fail(p->g, GWT_E_MEMORY, "out of memory: there are too many classes");
    l->ranges[l->n++] = r;
    return true;
}

// reclass(x, "0:10=1, 10:20=2, 25=7, else=0")
static gwt_array *_gwt_call_reclass(_gwt_parser *p, const _gwt_call *c)
{
    _gwt_class_list l = { 0 };
    const char *after = p->at;
    bool good = true;
    p->at = c->text;
    for (_gwt_parse_space(p); good && p->at < c->end; _gwt_parse_space(p)) {
        good = _gwt_parse_class(p, &l, c->end);
        if (good) _gwt_parse_eat(p, ",");
    }
    p->at = after;
    p->where = c->text;
    gwt_array *r = good ? gwt_reclassify_with(c->x[0], l.ranges, l.n, &l.o) : NULL;
    GWT_FREE(l.ranges);
    return r;
}

static gwt_array *_gwt_call_norm_diff(_gwt_parser *p, const _gwt_call *c)
{
    (void)p;
    return _gwt_norm_diff(c->x[0], c->x[1]);
}

#define X(name) \
    static gwt_array *_gwt_call_##name(_gwt_parser *p, const _gwt_call *c) \
    { \
        (void)p; \
        return gwt_##name(c->x[0]); \
    }
X(sign) X(floor) X(ceil) X(round) X(trunc) X(degrees) X(radians)
#undef X

static gwt_array *_gwt_call_lerp(_gwt_parser *p, const _gwt_call *c)
{
    (void)p;
    return gwt_lerp(c->x[0], c->x[1], c->x[2]);
}

static bool _gwt_call_place_of_bit(_gwt_parser *p, const _gwt_call *c, size_t i, int *bit)
{
    double v;
    if (!_gwt_call_number(p, c, i, &v)) return false;
    *bit = v >= 0 && v < 64 && v == floor(v) ? (int)v : -1;
    return *bit >= 0
        || _gwt_parse_fail(p, c->where, "%s wants a bit, 0 to 63, as value %zu", c->name, i + 1);
}

static gwt_array *_gwt_call_bit(_gwt_parser *p, const _gwt_call *c)
{
    int bit;
    return _gwt_call_place_of_bit(p, c, 1, &bit) ? gwt_bit(c->x[0], bit) : NULL;
}

static gwt_array *_gwt_call_bits(_gwt_parser *p, const _gwt_call *c)
{
    int from, to;
    bool good = _gwt_call_place_of_bit(p, c, 1, &from) && _gwt_call_place_of_bit(p, c, 2, &to);
    return good ? gwt_bits(c->x[0], from, to) : NULL;
}

static gwt_array *_gwt_call_bits_match(_gwt_parser *p, const _gwt_call *c)
{
    char pattern[_GWT_NAME_SIZE];
    snprintf(pattern, sizeof pattern, "%.*s", (int)(c->end - c->text), c->text);
    p->where = c->text;
    return gwt_bits_match(c->x[0], pattern);
}

static gwt_array *_gwt_call_isin(_gwt_parser *p, const _gwt_call *c)
{
    (void)p;
    return gwt_isin(c->x[0], c->x + 1, c->given - 1);
}

// best(x, score), best(x, score, month), cumsum(x), cumsum(x, time)
static gwt_array *_gwt_call_series(_gwt_parser *p, const _gwt_call *c)
{
    char which = *c->name;
    if (c->dim == GWT_BAND || (c->by && which != 'b'))
        return _gwt_parse_fail(p, c->where, "%s goes along time, not %s", c->name,
                               c->by ? c->by : "band");
    return which == 'b' ? gwt_best(c->x[0], c->x[1], c->by)
         : which == 'c' ? gwt_cumsum(c->x[0])
         : which == 'd' ? gwt_diff(c->x[0])
                        : gwt_interpolate(c->x[0]);
}

// x(), x(b): where the cells of an array lie.
static gwt_array *_gwt_call_place(_gwt_parser *p, const _gwt_call *c)
{
    int kind = GWT_PLACE_X;
    while (strcmp(c->name, _gwt_place_names[kind])) kind++;
    return gwt_place(c->given ? c->x[0] : _gwt_parse_array(p, 0), (gwt_place_kind)kind);
}

typedef struct _gwt_function {
    const char *name;
    size_t least, most;         // values that it takes
    _gwt_op op;
    _gwt_call_fn *special;      // NULL: `op` of the values
} _gwt_function;

// Statistics, windows of them and indices have names of their own.
static const _gwt_function _gwt_functions[] = {
    { "abs", 1, 1, _GWT_OP_ABS, NULL },
    { "sign", 1, 1, .special = _gwt_call_sign },
    { "floor", 1, 1, .special = _gwt_call_floor },
    { "ceil", 1, 1, .special = _gwt_call_ceil },
    { "round", 1, 1, .special = _gwt_call_round },
    { "trunc", 1, 1, .special = _gwt_call_trunc },
    { "sqrt", 1, 1, _GWT_OP_SQRT, NULL },
    { "cbrt", 1, 1, _GWT_OP_CBRT, NULL },
    { "exp", 1, 1, _GWT_OP_EXP, NULL },
    { "exp2", 1, 1, _GWT_OP_EXP2, NULL },
    { "log", 1, 1, _GWT_OP_LOG, NULL },
    { "log2", 1, 1, _GWT_OP_LOG2, NULL },
    { "log10", 1, 1, _GWT_OP_LOG10, NULL },
    { "sin", 1, 1, _GWT_OP_SIN, NULL },
    { "cos", 1, 1, _GWT_OP_COS, NULL },
    { "tan", 1, 1, _GWT_OP_TAN, NULL },
    { "asin", 1, 1, _GWT_OP_ASIN, NULL },
    { "acos", 1, 1, _GWT_OP_ACOS, NULL },
    { "atan", 1, 1, _GWT_OP_ATAN, NULL },
    { "atan2", 2, 2, _GWT_OP_ATAN2, NULL },
    { "sinh", 1, 1, _GWT_OP_SINH, NULL },
    { "cosh", 1, 1, _GWT_OP_COSH, NULL },
    { "tanh", 1, 1, _GWT_OP_TANH, NULL },
    { "degrees", 1, 1, .special = _gwt_call_degrees },
    { "radians", 1, 1, .special = _gwt_call_radians },
    { "hypot", 2, 2, _GWT_OP_HYPOT, NULL },
    { "mod", 2, 2, _GWT_OP_MOD, NULL },
    { "pow", 2, 2, _GWT_OP_POW, NULL },
    { "min", 2, 2, _GWT_OP_MIN, NULL },
    { "max", 2, 2, _GWT_OP_MAX, NULL },
    { "lerp", 3, 3, .special = _gwt_call_lerp },
    { "where", 3, 3, _GWT_OP_WHERE, NULL },
    { "valid", 1, 1, _GWT_OP_VALID, NULL },
    { "bit", 2, 2, .special = _gwt_call_bit },
    { "bits", 3, 3, .special = _gwt_call_bits },
    { "bits_match", 2, 2, .special = _gwt_call_bits_match },
    { "isin", 2, SIZE_MAX, .special = _gwt_call_isin },
    { "clip", 3, 3, .special = _gwt_call_clip },
    { "mask", 2, 2, .special = _gwt_call_mask },
    { "replace", 3, SIZE_MAX, .special = _gwt_call_replace },
    { "reclass", 2, 2, .special = _gwt_call_reclass },
    { "norm_diff", 2, 2, .special = _gwt_call_norm_diff },
    { "best", 2, 2, .special = _gwt_call_series },
    { "cumsum", 1, 1, .special = _gwt_call_series },
    { "diff", 1, 1, .special = _gwt_call_series },
    { "interpolate", 1, 1, .special = _gwt_call_series },
    { "x", 0, 1, .special = _gwt_call_place },
    { "y", 0, 1, .special = _gwt_call_place },
    { "row", 0, 1, .special = _gwt_call_place },
    { "col", 0, 1, .special = _gwt_call_place },
    { "lon", 0, 1, .special = _gwt_call_place },
    { "lat", 0, 1, .special = _gwt_call_place },
};

static const _gwt_function *_gwt_function_find(const char *name)
{
    for (size_t i = 0; i < _GWT_COUNT(_gwt_functions); i++)
        if (!strcmp(name, _gwt_functions[i].name)) return &_gwt_functions[i];
    return NULL;
}

// Which value of a function is a text, from 1; 0: none.
static size_t _gwt_function_text(const _gwt_function *f)
{
    return f && (f->special == _gwt_call_reclass || f->special == _gwt_call_bits_match) ? 2 : 0;
}

static void _gwt_append_name(char *to, size_t size, const char *before, const char *name)
{
    size_t used = strlen(to);
    snprintf(to + used, size - used, "%s%s", before, name);
}

static gwt_array *_gwt_fail_function(_gwt_parser *p, const _gwt_call *c)
{
    char names[1024] = "";
    for (size_t i = 0; i < _GWT_COUNT(_gwt_functions); i++)
        _gwt_append_name(names, sizeof names, " ", _gwt_functions[i].name);
    for (size_t i = 0; i < _GWT_COUNT(_gwt_stat_names); i++)
        _gwt_append_name(names, sizeof names, i ? " " : ", ", _gwt_stat_names[i]);
    _gwt_append_name(names, sizeof names, ", ", "moving_mean and so on");
    for (size_t i = 0; i < _GWT_COUNT(_gwt_indices); i++)
        _gwt_append_name(names, sizeof names, i ? " " : ", ", _gwt_indices[i].name);
    return _gwt_parse_fail(p, c->where, "unknown function %s: there are%s tasseled_cap", c->name,
                           names);
}

static bool _gwt_call_arity(_gwt_parser *p, const _gwt_call *c, size_t least, size_t most)
{
    if (c->given >= least && c->given <= most) return true;
    size_t wanted = c->given < least ? least : most;
    _gwt_parse_fail(p, c->where, "%s takes %s%zu value%s, not %zu", c->name,
                    least == most ? "" : c->given < least ? "at least " : "at most ", wanted,
                    wanted == 1 ? "" : "s", c->given);
    return false;
}

// mean(x), percentile(x, time, 90)
static gwt_array *_gwt_call_reduce(_gwt_parser *p, const _gwt_call *c, gwt_stat stat)
{
    double percentile = 0;
    size_t wanted = stat == GWT_PERCENTILE ? 2 : 1;
    if (!_gwt_call_arity(p, c, wanted, wanted)) return NULL;
    if (stat == GWT_PERCENTILE && !_gwt_call_number(p, c, 1, &percentile)) return NULL;
    gwt_dim dim = c->dim ? c->dim : p->dim;
    if (!dim) dim = c->x[0]->info.shape[0] > 1 ? GWT_TIME : GWT_BAND;
    return gwt_reduce(c->x[0], dim, stat, .percentile = percentile, .by = c->by);
}

// moving_mean(x, 15), moving_percentile(x, 15, 90)
static gwt_array *_gwt_call_moving(_gwt_parser *p, const _gwt_call *c, gwt_stat stat)
{
    double window, percentile = 0;
    size_t wanted = stat == GWT_PERCENTILE ? 3 : 2;
    if (!_gwt_call_arity(p, c, wanted, wanted)) return NULL;
    if (!_gwt_call_number(p, c, 1, &window)) return NULL;
    if (stat == GWT_PERCENTILE && !_gwt_call_number(p, c, 2, &percentile)) return NULL;
    if (!(window >= 1 && window <= 1023 && window == floor(window)))
        return _gwt_parse_fail(p, c->where, "a moving window is odd, 1 to 1023 pixels, not %g",
                               window);
    return gwt_moving(c->x[0], .statistic = stat, .window = (int)window, .percentile = percentile);
}

// ndvi(), ndvi(x): missing as NaN, as the rest of an expression has it.
static gwt_array *_gwt_call_index(_gwt_parser *p, const _gwt_call *c)
{
    if (!_gwt_call_arity(p, c, 0, 1)) return NULL;
    gwt_array *of = c->given ? c->x[0] : _gwt_parse_array(p, 0);
    gwt_array *r =
        strcmp(c->name, "tasseled_cap") ? gwt_spectral_index(of, c->name) : gwt_tasseled_cap(of);
    if (r) _gwt_array_set_nodata(r, (gwt_optional){ 0 });
    return r;
}

// The word time or band as an argument of a statistic, or a period of times: month, 10d, "10d".
static bool _gwt_parse_dim(_gwt_parser *p, _gwt_call *c)
{
    char word[16];
    _gwt_parse_space(p);
    bool quoted = *p->at == '"';        // but for days a name of a band
    const char *at = p->at + quoted;
    size_t n = strcspn(at, " \t\r\n,)\"");
    const char *end = at + n + (quoted && at[n] == '"');
    end += strspn(end, " \t\r\n");
    if (n >= sizeof word || (*end != ',' && *end != ')')) return false;
    memcpy(word, at, n);
    word[n] = 0;
    if (quoted ? _gwt_period_days(word) > 0 : _gwt_is_period(word))
        c->by = _gwt_keep_string(p->g, word);
    else if (quoted || (strcmp(word, "time") && strcmp(word, "band"))) return false;
    c->dim = *word == 'b' ? GWT_BAND : GWT_TIME;
    p->at = end;
    return true;
}

// A text as an argument: what stands in double quotes.
static bool _gwt_parse_text(_gwt_parser *p, _gwt_call *c)
{
    _gwt_parse_space(p);
    const char *end = *p->at == '"' ? strchr(p->at + 1, '"') : NULL;
    if (end) {
        c->text = p->at + 1, c->end = end;
        p->at = end + 1;
        return true;
    }
    return _gwt_parse_fail(p, p->at, "%s wants a text in double quotes as value %zu", c->name,
                           c->given + 1) != NULL;
}

// Up to the closing parenthesis. Value number `text` is one.
static bool _gwt_parse_arguments(_gwt_parser *p, _gwt_call *c, bool takes_dim, size_t text)
{
    if (_gwt_parse_eat(p, ")")) return true;
    do {
        if (takes_dim && c->given >= 1 && !c->dim && _gwt_parse_dim(p, c)) continue;
        bool is_text = text > 0 && c->given == text - 1;
        gwt_array *a = is_text ? NULL : _gwt_parse_value(p);
        if (is_text ? !_gwt_parse_text(p, c) : !a) return false;
        if (!_gwt_list_grow(&c->x, c->given, 1, &c->room, sizeof *c->x)) {
            _gwt_fail(p->g, GWT_E_MEMORY, "out of memory: %s has too many arguments", c->name);
            return false;
        }
        c->x[c->given++] = a;
    } while (_gwt_parse_eat(p, ","));
    if (_gwt_parse_eat(p, ")")) return true;
    _gwt_parse_fail(p, p->at, "expected , or )");
    return false;
}

// The call itself, once all that stands between its parentheses is read.
static gwt_array *_gwt_call_run(_gwt_parser *p, const _gwt_call *c, const _gwt_function *f,
                                const gwt_stat *stat)
{
    gwt_stat moving;
    p->where = c->where;
    if (stat && !(f && c->given == 2 && !c->dim)) return _gwt_call_reduce(p, c, *stat);
    if (f && !_gwt_call_arity(p, c, f->least, f->most)) return NULL;
    if (f && f->special) return f->special(p, c);
    if (f) return _gwt_array_apply(f->op, c->x, (int)c->given);
    if (!strncmp(c->name, "moving_", 7) && _gwt_stat_find(c->name + 7, &moving))
        return _gwt_call_moving(p, c, moving);
    if (_gwt_index_find(c->name) < _GWT_COUNT(_gwt_indices) || !strcmp(c->name, "tasseled_cap"))
        return _gwt_call_index(p, c);
    return _gwt_fail_function(p, c);
}

// After the opening parenthesis.
static gwt_array *_gwt_parse_call(_gwt_parser *p, const char *name, const char *where)
{
    gwt_stat stat;
    bool is_stat = _gwt_stat_find(name, &stat);
    _gwt_call c = { .name = name, .where = where };
    gwt_array *r = NULL;
    const _gwt_function *f = _gwt_function_find(name);
    bool takes_dim = is_stat || (f && f->special == _gwt_call_series);
    if (_gwt_parse_arguments(p, &c, takes_dim, _gwt_function_text(f)))
        r = _gwt_call_run(p, &c, f, is_stat ? &stat : NULL);
    GWT_FREE(c.x);
    return r;
}

// Digits of 64 bits at most, and no other that a number might go on with.
static bool _gwt_parse_whole(_gwt_parser *p, const char *from, unsigned base, gwt_optional *to)
{
    uint64_t value = 0;
    const char *c = from;
    for (;; c++) {
        unsigned digit = _gwt_is_digit(*c) ? (unsigned)(*c - '0') : (unsigned)(*c | 32) - 'a' + 10;
        if (digit >= base || (!_gwt_is_digit(*c) && !_gwt_is_letter(*c))) break;
        if (value > (UINT64_MAX - digit) / base) return false;
        value = value * base + digit;
    }
    if (c == from || *c == '.' || _gwt_is_letter(*c) || _gwt_is_digit(*c)) return false;
    p->at = c;
    *to = gwt_some_uint64(value);
    return true;
}

// 12, 0x1f, 0b1010, 1.5e-3: whole ones to the last of 64 bits.
static gwt_array *_gwt_parse_number(_gwt_parser *p)
{
    char *end;
    const char *at = p->at;
    gwt_optional whole;
    unsigned base = *at != '0' ? 10 : (at[1] | 32) == 'x' ? 16 : (at[1] | 32) == 'b' ? 2 : 10;
    if (_gwt_parse_whole(p, base == 10 ? at : at + 2, base, &whole))
        return _gwt_number_exact(p->g, whole);
    if (base != 10)
        return _gwt_parse_fail(p, at, "expected up to 64 bits, as 0x1f or 0b1010");
    const double value = _gwt_os_strtod(at, &end);
    p->at = end;
    if (_gwt_is_letter(*end)) return _gwt_parse_fail(p, end, "a number goes on with a letter");
    return gwt_number(p->g, value);
}

// A band, an array or what a statement named; or, of a function, its name and the parenthesis: then
// `called` is that name, kept, as what stands between the parentheses is read by recursion.
static gwt_array *_gwt_parse_named(_gwt_parser *p, const char **called)
{
    char name[_GWT_NAME_SIZE];
    const char *where = p->at;
    bool quoted = *where == '"';
    if (!_gwt_parse_name(p, name, sizeof name)[0])
        return _gwt_parse_fail(p, where,
                               *where ? "expected a number, a band or a function"
                                      : "the expression ends too soon");
    if (quoted || !_gwt_parse_eat(p, "(")) return _gwt_parse_variable(p, name, where);
    *called = _gwt_keep_string(p->g, name);
    return NULL;
}

static gwt_array *_gwt_parse_primary(_gwt_parser *p)
{
    const char *called = NULL;
    _gwt_parse_space(p);
    const char *where = p->at;
    if (_gwt_parse_eat(p, "(")) {
        gwt_array *a = _gwt_parse_value(p);
        if (a && !_gwt_parse_eat(p, ")")) return _gwt_parse_fail(p, p->at, "expected )");
        return a;
    }
    if (_gwt_is_digit(*where) || (*where == '.' && _gwt_is_digit(where[1])))
        return _gwt_parse_number(p);
    gwt_array *a = _gwt_parse_named(p, &called);
    return called ? _gwt_parse_call(p, called, where) : a;
}

// After "[": the time of `a` by name or number, "]", and perhaps a band of that.
static gwt_array *_gwt_parse_subscript(_gwt_parser *p, gwt_array *a)
{
    char name[_GWT_NAME_SIZE];
    _gwt_parse_space(p);
    const char *where = p->at;
    size_t n = strcspn(where, "]\" ");
    if (*where == '"') {
        _gwt_parse_name(p, name, sizeof name);
    } else {
        n = n < sizeof name ? n : sizeof name - 1;
        memcpy(name, where, n);
        name[n] = 0;
        p->at += n;
    }
    if (!_gwt_parse_eat(p, "]") || !name[0])
        return _gwt_parse_fail(p, where, "expected a time by name or number, and ]");
    p->where = where;
    a = gwt_sel_times(a, (const char *const[]){ name, NULL });
    if (!a || !_gwt_parse_eat(p, ".")) return a;
    where = p->at;
    return _gwt_parse_band_of(p, a, _gwt_parse_name(p, name, sizeof name), where);
}

static gwt_array *_gwt_parse_unary(_gwt_parser *p);

// x[name]: one time of a stack, by name or number; x[name].red a band of that. x ** y.
static gwt_array *_gwt_parse_power(_gwt_parser *p)
{
    const char *from = p->at;
    gwt_array *a = _gwt_parse_primary(p);
    while (a && _gwt_parse_eat(p, "[")) a = _gwt_parse_subscript(p, a);
    a = _gwt_parse_told(p, from, NULL, a);
    if (!a || !_gwt_parse_eat(p, "**")) return a;
    return gwt_pow(a, _gwt_parse_unary(p));
}

static gwt_array *_gwt_negated(gwt_array *a)
{
    const double *number = a ? _gwt_number_of(a) : NULL;
    if (!number) return gwt_neg(a);
    gwt_optional minus = gwt_some(-number[0]);
    minus.rest = -(int)number[1];
    return _gwt_number_exact(a->g, minus);
}

static gwt_array *_gwt_parse_unary(_gwt_parser *p)
{
    _gwt_parse_space(p);
    if (p->depth >= _GWT_PARSE_DEPTH)
        return _gwt_parse_fail(p, p->at, "nested more than %d deep", _GWT_PARSE_DEPTH);
    p->depth++;
    const char *from = p->at;
    gwt_array *a;
    if (_gwt_parse_eat(p, "-")) {
        a = _gwt_negated(_gwt_parse_unary(p));
    } else if (_gwt_parse_eat(p, "+")) {
        a = _gwt_parse_unary(p);
    } else if (_gwt_parse_eat(p, "~")) {
        a = gwt_bit_not(_gwt_parse_unary(p));
    } else if (*p->at == '!' && p->at[1] != '=') {
        p->at++;
        a = gwt_not(_gwt_parse_unary(p));
    } else {
        a = _gwt_parse_power(p);
    }
    p->depth--;
    return _gwt_parse_told(p, from, NULL, a);
}

// Operators of two operands, by how tightly they bind; those of one level go from left to right.
static const struct _gwt_operator {
    int level;
    const char *token;
    _gwt_op op;
} _gwt_operators[] = {
    { 0, "||", _GWT_OP_OR },          { 1, "&&", _GWT_OP_AND },
    { 2, "==", _GWT_OP_EQ },          { 2, "!=", _GWT_OP_NE },
    { 2, "<=", _GWT_OP_LE },          { 2, ">=", _GWT_OP_GE },
    { 2, "<", _GWT_OP_LT },           { 2, ">", _GWT_OP_GT },
    { 3, "|", _GWT_OP_BIT_OR },       { 4, "^", _GWT_OP_BIT_XOR },
    { 5, "&", _GWT_OP_BIT_AND },      { 6, "<<", _GWT_OP_SHIFT_LEFT },
    { 6, ">>", _GWT_OP_SHIFT_RIGHT }, { 7, "+", _GWT_OP_ADD },
    { 7, "-", _GWT_OP_SUB },          { 8, "*", _GWT_OP_MUL },
    { 8, "/", _GWT_OP_DIV },          { 8, "//", _GWT_OP_FLOOR_DIV },
    { 8, "%", _GWT_OP_MOD },
};

// The operator that comes next, the longest of those that begin so; NULL when none does.
static const struct _gwt_operator *_gwt_parse_operator(_gwt_parser *p)
{
    const struct _gwt_operator *found = NULL;
    _gwt_parse_space(p);
    for (size_t i = 0; i < _GWT_COUNT(_gwt_operators); i++) {
        const struct _gwt_operator *o = &_gwt_operators[i];
        size_t n = strlen(o->token);
        if (!strncmp(p->at, o->token, n) && (!found || n > strlen(found->token))) found = o;
    }
    return found;
}

// Operands, and operators that bind as tightly as `level` at least.
static gwt_array *_gwt_parse_operators(_gwt_parser *p, int level)
{
    const struct _gwt_operator *o;
    _gwt_parse_space(p);
    const char *from = p->at;
    gwt_array *a = _gwt_parse_unary(p);
    while (a && (o = _gwt_parse_operator(p)) != NULL && o->level >= level) {
        const char *where = p->at;
        p->at += strlen(o->token);
        gwt_array *b = _gwt_parse_operators(p, o->level + 1);
        if (!b) return NULL;
        p->where = where;
        a = _gwt_parse_told(p, from, NULL,
                            _gwt_array_apply(o->op, (gwt_array *[]){ a, b }, 2));
    }
    return a;
}

static gwt_array *_gwt_parse_value(_gwt_parser *p) { return _gwt_parse_operators(p, 0); }

// "name =" at the beginning of a statement. False: there is none, and nothing is read.
static bool _gwt_parse_let(_gwt_parser *p, char *name)
{
    _gwt_parse_space(p);
    const char *from = p->at;
    bool word = _gwt_is_letter(*from);
    if (word && _gwt_parse_name(p, name, _GWT_NAME_SIZE)[0] && _gwt_parse_eat(p, "=")
        && *p->at != '=')
        return true;
    p->at = from;
    return false;
}

// Statements "name = value;", then the expression that is the result, to the end of the text.
static gwt_array *_gwt_parse_statements(_gwt_parser *p)
{
    char name[_GWT_NAME_SIZE];
    while (_gwt_parse_let(p, name)) {
        const char *equals = p->at - 1;
        _gwt_parse_space(p);
        const char *from = p->at;
        gwt_array *a = _gwt_parse_value(p);
        if (!_gwt_parse_told(p, from, name, a)) return NULL;
        if (!_gwt_parse_eat(p, ";"))
            return _gwt_parse_fail(p, *p->at ? p->at : equals,
                                   "expected %s; after the value of %s (== compares)",
                                   *p->at ? "an operator, or " : "", name);
        if (!_gwt_list_grow(&p->lets, p->num_lets, 1, &p->room_lets, sizeof *p->lets)) {
            _gwt_fail(p->g, GWT_E_MEMORY, "out of memory: the expression has too many statements");
            return NULL;
        }
        _gwt_let *let = &p->lets[p->num_lets++];
        memcpy(let->name, name, sizeof name);
        let->value = a;
    }
    gwt_array *a = _gwt_parse_value(p);
    if (!a) return NULL;
    _gwt_parse_eat(p, ";");
    _gwt_parse_space(p);
    return *p->at ? _gwt_parse_fail(p, p->at, "expected an operator") : a;
}

// With arrays by name; `dim`: of statistics that say none.
static gwt_array *_gwt_formula(gwt *g, const char *text, const char *const *names,
                               gwt_array *const *arrays, gwt_dim dim)
{
    _gwt_parser p = { .g = g, .arrays = arrays, .n = (size_t)_gwt_count_strings(names),
                      .names = names, .text = text, .at = text, .where = text, .dim = dim };
    gwt_array *a = _gwt_parse_statements(&p);
    GWT_FREE(p.lets);
    return a;
}

gwt_array *gwt_calc_with(gwt_array *const *arrays, size_t n, const char *expression,
                         const gwt_calc_options *options)
{
    if (!_gwt_check_given("gwt_calc", arrays, n)) return NULL;
    if (!expression)
        return _gwt_fail_null(arrays[0]->g, GWT_E_ARGUMENT, "gwt_calc: the expression is NULL");
    _gwt_parser p = { .g = arrays[0]->g, .arrays = arrays, .n = n, .text = expression,
                      .at = expression, .where = expression,
                      .options = options };
    unsigned since = atomic_load(&p.g->failures);
    gwt_array *a = _gwt_parse_statements(&p);
    GWT_FREE(p.lets);
    if (!a) {
        _gwt_parse_point(&p, since);
        return NULL;
    }
    if (a->number) return _gwt_parse_fail(&p, expression, "the expression uses no band");
    return _gwt_failed(p.g) ? NULL : a;
}

// >>plan --------------------------------------------------------------------------------------
// From the graph to programs. Equal nodes are merged, each plane's nodes come in the order they
// are needed, followed by the store of the plane, and values share registers when their lives do
// not overlap. A plane that is a band of a file, stored in that file's type with that file's
// nodata value, is copied and never becomes a double.
//
// Most graphs are one program. An operation that looks at other pixels than its own (a moving
// window, resampling, a user's function with a halo) needs its operand over a larger rectangle
// first: that operand becomes a program of its own, whose planes go to buffers, and the operation
// a step from buffers to buffers. So a plan is a list of passes, each reading only from sources
// and earlier passes; the last one stores into the output. A reduction of a stack so deep that its
// tiles should not be held all at once is cut into programs, too, by steps that do nothing (HOLD).
//
// What reads what are the edges of a plan; see walk for what a piece needs.
//
// A frame says where a program's pixels lie in what it reads: cropping, taking every n-th pixel and
// aligning to other bounds is nothing but another frame. Outside its limits everything is missing.

enum { _GWT_OP_FETCH = _GWT_OP_COUNT, _GWT_OP_STORE, _GWT_OP_COPY };

// Whether an instruction shows what lies under its frame.
static bool _gwt_op_reads(int op) { return op == _GWT_OP_FETCH || _gwt_op_is_leaf(op); }

typedef struct _gwt_frame {
    int64_t row, col, stride;           // pixel (r, c) is read at (row + stride r, col + stride c)
    int64_t top, left, bottom, right;   // of the reading program, where there is something to read
} _gwt_frame;

// A register is one strip of doubles (see vm). An operand below 0 is the number consts[~operand].
typedef struct _gwt_instr {
    int op;                     // a _gwt_op, or one of the three above
    gwt_dtype dtype;            // LOAD, COPY: the source's; CAST: the target
    bool masked;                // LOAD, COPY: it has a nodata value
    int dst;                    // register; STORE, COPY: plane of the output
    int output;                 // STORE, COPY
    int first, num_args;        // operands: program->operands[first ..]
    unsigned dies;              // bit k: nobody reads the register of operand k any more
    int view, slot;             // LOAD, COPY: which view, which of its bands; FETCH: pass, plane;
                                // PLACE: the axis is the slot; of integers 1: the rest
    bool whole;                 // of integers: done in double, see _gwt_known_bits
    int frame;                  // LOAD, COPY, FETCH, PLACE
    const _gwt_lookup *lookup;
    double imm[2];
    uint64_t raw;               // LOAD: bytes of the nodata value in the source's type
} _gwt_instr;

#define _GWT_MAX_OUTPUTS 16

// Planes that a program stores together.
typedef struct _gwt_output {
    const _gwt_node *const *planes;
    int num_planes;
    gwt_dtype dtype;
    bool has_nodata;            // else a missing pixel in an integer output is an error
    uint64_t nodata_raw;        // its bytes in that type; NaN's when floats have none
    bool counts;                // valid pixels that are stored as nodata: those in least..most
    double least, most;
} _gwt_output;

static _gwt_output _gwt_output_of(const _gwt_node *const *planes, int num_planes, gwt_dtype dtype,
                                  gwt_optional nodata)
{
    _gwt_output o = { planes, num_planes, dtype, nodata.set, 0, false, 0, 0 };
    _gwt_raw_of(dtype, nodata.set ? nodata : gwt_some((double)NAN), &o.nodata_raw);
    return o;
}

// Have valid pixels counted that are stored as nodata; no number is stored as NaN. An integer type
// stores half a unit around it so, all of it where the nearest even number is nodata, and beyond
// its ends what saturates. Of floats least and most are the value itself.
static void _gwt_output_count(_gwt_output *o, gwt_optional nodata)
{
    double v = nodata.value;
    if (!nodata.set || isnan(v)) return;
    o->counts = true, o->least = o->most = v;
    if (!_gwt_dtype_integer(o->dtype)) return;
    o->least = v - 0.5, o->most = v + 0.5;
    if (nearbyint(o->least) != v) o->least = nextafter(o->least, v);
    if (nearbyint(o->most) != v) o->most = nextafter(o->most, v);
    if (v <= _gwt_dtypes[o->dtype].lo) o->least = (double)-INFINITY;
    if (v >= _gwt_dtypes[o->dtype].hi) o->most = (double)INFINITY;
}

// Something a program reads: a view, or the planes of an earlier pass.
typedef struct _gwt_read { int fetch, from, frame; } _gwt_read;

typedef struct _gwt_program {
    _gwt_instr *instrs;
    int num_instrs, num_regs;
    int *operands;              // registers and numbers
    int num_operands;
    double *consts;
    int num_consts;
    float *narrow;              // the consts of a program that computes in float32; else NULL
    _gwt_frame *frames;         // the first is that of the program itself
    int num_frames;
    _gwt_read *reads;           // all there are, each once
    int num_reads;
    bool framed;                // reads something that does not lie under all of its pixels
    _gwt_output outputs[_GWT_MAX_OUTPUTS];
    int num_outputs;
} _gwt_program;

// Something that a pass reads. A node is a pass or, from num_passes on, a view.
typedef struct _gwt_edge {
    int pass;
    int from;                   // node
    const _gwt_frame *frame;    // of a program; NULL: a step's operands
} _gwt_edge;

typedef struct _gwt_pass {
    const _gwt_step *step;      // NULL: the program
    const _gwt_step *holds;     // of a program: whose planes it stores, of a HOLD
    _gwt_program program;
    int input;                  // of a step: the program that stores its operands
    int reader;                 // the last pass that reads its planes
    int num_planes;
    int64_t width, height;      // of its grid
} _gwt_pass;

// A hash table of places in a list, by the first bytes of what lies there. At most half full.
typedef struct _gwt_places {
    int *slots;                 // -1: empty
    size_t num_slots, used;
} _gwt_places;

// The tiles of a source that a pass reads. The source comes first: views are found by it.
typedef struct _gwt_view_plan {
    _gwt_source *source;
    int pass;
    int64_t *bands;             // used; of a pixel-interleaved source all come with each tile
    int num_bands;
    int *slots;                 // by band: where it is among these, from 1; 0: not used
    int64_t stride;             // of every so many rows and columns only one is read
    int first;                  // the first view of that source
    int sharers;                // of that one: views of the source
    int64_t first_tile;         // number of the source's first tile among those of all sources
} _gwt_view_plan;

typedef struct _gwt_plan {
    gwt *g;
    const _gwt_action *action;
    _gwt_pass *passes;          // the last one is the output's
    int num_passes;
    _gwt_view_plan *views;
    int num_views;
    _gwt_places sources;        // the first view of each source
    _gwt_edge *edges;           // from the last pass backwards: readers before what they read
    int num_edges;
    struct { size_t passes, views, edges; } capacity;
    int64_t num_tiles;          // of all sources
    const _gwt_lookup *lookup;  // the last that was planned
    double lookup_bytes;        // of all, at most; of neighbours that are the same once
    int64_t width, height;
    int64_t pad[4];             // left, bottom, right, top: what is computed around each tile
    bool deep;                  // there are HOLDs
    int depth;                  // while planning: steps within steps
} _gwt_plan;

#define _GWT_PLAN_DEPTH 100

// While planning: a value is what a merged node computes, seen through a frame.
typedef struct _gwt_value {
    const _gwt_node *node;      // one of those that were merged
    int frame;                  // of loads and fetches; else 0
    int first, num_args;        // in planner->operands: values, or numbers (below 0)
    int last_use, reg;          // of instructions
} _gwt_value;

typedef struct _gwt_seen { const _gwt_node *node; int frame, value; } _gwt_seen;

typedef struct _gwt_planner {
    gwt *g;
    _gwt_plan *plan;
    _gwt_program program;
    int64_t width, height;
    _gwt_value *values;
    int num_values;
    int *operands;              // as program.operands, but values where that gets registers
    struct { size_t values, operands, instrs, registers, consts, frames, reads; } capacity;
    _gwt_places consts, frames, reads;   // of the program's
    _gwt_places views;          // of the plan's: this program's, for earlier ones are not shared
    int *by_key;                // hash table of values, -1 where empty
    _gwt_seen *seen;            // hash table of nodes through frames
    size_t key_slots, seen_slots;
    int num_seen;
} _gwt_planner;

static uint64_t _gwt_hash(uint64_t h, uint64_t x)
{
    h = (h ^ x) * 0x9E3779B97F4A7C15u;
    return h ^ (h >> 29);
}

// Another item at the end of a list, or NULL and an error.
static void *_gwt_plan_append(gwt *g, void *list, int *used, size_t *capacity, const void *item,
                              size_t size)
{
    char *items;
    if (*used > INT_MAX / 4 || !_gwt_list_grow(list, (size_t)*used, 1, capacity, size)) {
        _gwt_fail(g, GWT_E_MEMORY, "out of memory: the graph has too many nodes to plan");
        return NULL;
    }
    memcpy(&items, list, sizeof items);
    items += (size_t)*used * size;
    ++*used;
    return memcpy(items, item, size);
}

static int *_gwt_places_probe(const _gwt_places *x, const char *list, size_t size, const char *key,
                              size_t key_size)
{
    uint64_t h = 0;
    for (size_t k = 0; k < key_size; k += sizeof(uint32_t)) {
        uint32_t word;
        memcpy(&word, key + k, sizeof word);
        h = _gwt_hash(h, word);
    }
    size_t i = (size_t)h & (x->num_slots - 1);
    while (x->slots[i] >= 0 && memcmp(list + (size_t)x->slots[i] * size, key, key_size))
        i = (i + 1) & (x->num_slots - 1);
    return &x->slots[i];
}

// The slot of the item that begins with `key`. Below 0 there is none, and the caller puts the place
// of a new one there. NULL, and an error: no memory.
static int *_gwt_places_find(gwt *g, _gwt_places *x, const void *list, size_t size, const void *key,
                             size_t key_size)
{
    if (2 * x->used >= x->num_slots) {
        _gwt_places larger = { .num_slots = x->num_slots ? 2 * x->num_slots : 64, .used = x->used };
        larger.slots = _gwt_malloc(g, larger.num_slots * sizeof *larger.slots);
        if (!larger.slots) return NULL;
        for (size_t i = 0; i < larger.num_slots; i++) larger.slots[i] = -1;
        for (size_t i = 0; i < x->num_slots; i++) {
            if (x->slots[i] < 0) continue;
            const char *item = (const char *)list + (size_t)x->slots[i] * size;
            *_gwt_places_probe(&larger, list, size, item, key_size) = x->slots[i];
        }
        GWT_FREE(x->slots);
        *x = larger;
    }
    int *slot = _gwt_places_probe(x, list, size, key, key_size);
    x->used += *slot < 0;
    return slot;
}

// The place of an item in a list that has each once; of one without padding. Below 0: no memory.
static int _gwt_plan_once(gwt *g, _gwt_places *x, void *list, int *used, size_t *capacity,
                          const void *item, size_t size)
{
    void *items;
    memcpy(&items, list, sizeof items);
    int *slot = _gwt_places_find(g, x, items, size, item, size);
    if (!slot) return -1;
    if (*slot < 0 && _gwt_plan_append(g, list, used, capacity, item, size)) *slot = *used - 1;
    return *slot;
}

static _gwt_instr *_gwt_plan_emit(_gwt_planner *p, _gwt_instr instr)
{
    return _gwt_plan_append(p->g, &p->program.instrs, &p->program.num_instrs, &p->capacity.instrs,
                            &instr, sizeof instr);
}

// Another operand, in both lists.
static void _gwt_plan_operand(_gwt_planner *p, int operand)
{
    int n = p->program.num_operands;
    if (_gwt_plan_append(p->g, &p->operands, &n, &p->capacity.operands, &operand, sizeof operand))
        _gwt_plan_append(p->g, &p->program.operands, &p->program.num_operands,
                         &p->capacity.registers, &operand, sizeof operand);
}

// ---- frames

static int _gwt_plan_frame(_gwt_planner *p, _gwt_frame f)
{
    int at = _gwt_plan_once(p->g, &p->frames, &p->program.frames, &p->program.num_frames,
                            &p->capacity.frames, &f, sizeof f);
    return at < 0 ? 0 : at;
}

// Through a crop: what it maps to, and only where its operand has pixels.
static int _gwt_plan_crop(_gwt_planner *p, int frame, const _gwt_node *crop)
{
    _gwt_frame f = p->program.frames[frame];
    double k = (double)crop->stride;
    if (fmax(fabs((double)f.row), fabs((double)f.col)) * k > 1e17 || (double)f.stride * k > 1e17) {
        f.bottom = f.top, f.right = f.left;     // further than any image is wide: nothing is there
        return _gwt_plan_frame(p, f);
    }
    f.row = crop->row + crop->stride * f.row, f.col = crop->col + crop->stride * f.col;
    f.stride *= crop->stride;
    f.top = _gwt_max64(f.top, _gwt_ceil_div(-f.row, f.stride));
    f.left = _gwt_max64(f.left, _gwt_ceil_div(-f.col, f.stride));
    f.bottom = _gwt_min64(f.bottom, _gwt_ceil_div(crop->height - f.row, f.stride));
    f.right = _gwt_min64(f.right, _gwt_ceil_div(crop->width - f.col, f.stride));
    f.bottom = _gwt_max64(f.bottom, f.top), f.right = _gwt_max64(f.right, f.left);
    return _gwt_plan_frame(p, f);
}

// The node behind crops, and the frame it is seen through.
static const _gwt_node *_gwt_plan_resolve(_gwt_planner *p, const _gwt_node *n, int *frame)
{
    for (; n->op == _GWT_OP_CROP; n = n->args[0]) *frame = _gwt_plan_crop(p, *frame, n);
    return n;
}

// ---- merging

static uint64_t _gwt_bits(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static uint64_t _gwt_key_hash(const _gwt_value *v, const int *args)
{
    const _gwt_node *n = v->node;
    uint64_t h = _gwt_hash((uint64_t)n->op * 32 + n->dtype * 2 + n->masked, (uint64_t)n->band);
    h = _gwt_hash(h, (uint64_t)(uintptr_t)n->source + (uint64_t)v->frame);
    for (int i = 0; i < v->num_args; i++) h = _gwt_hash(h, (uint64_t)(int64_t)args[i]);
    for (int i = 0; i < 2; i++) h = _gwt_hash(h, _gwt_bits(n->imm[i]));
    return _gwt_hash(h, (uint64_t)(uintptr_t)n->step + (uint64_t)(uintptr_t)n->lookup);
}

static bool _gwt_key_equal(const _gwt_value *v, const _gwt_value *w, const int *args,
                           const int *args_w)
{
    const _gwt_node *m = v->node, *n = w->node;
    return m->op == n->op && m->step == n->step && m->lookup == n->lookup && m->dtype == n->dtype
        && m->masked == n->masked && m->band == n->band && m->source == n->source
        && v->frame == w->frame && v->num_args == w->num_args
        && (v->num_args == 0 || !memcmp(args, args_w, (size_t)v->num_args * sizeof *args))
        && _gwt_bits(m->imm[0]) == _gwt_bits(n->imm[0])
        && _gwt_bits(m->imm[1]) == _gwt_bits(n->imm[1]);
}

static size_t _gwt_key_slot(const _gwt_planner *p, const _gwt_value *v)
{
    const int *args = v->num_args ? p->operands + v->first : NULL;
    size_t i = _gwt_key_hash(v, args) & (p->key_slots - 1);
    for (; p->by_key[i] >= 0; i = (i + 1) & (p->key_slots - 1)) {
        const _gwt_value *w = &p->values[p->by_key[i]];
        const int *args_w = w->num_args ? p->operands + w->first : NULL;
        if (_gwt_key_equal(w, v, args_w, args)) break;
    }
    return i;
}

static _gwt_seen *_gwt_plan_seen(const _gwt_planner *p, const _gwt_node *n, int frame)
{
    size_t i = _gwt_hash((uint64_t)frame, (uint64_t)(uintptr_t)n) & (p->seen_slots - 1);
    while (p->seen[i].node && (p->seen[i].node != n || p->seen[i].frame != frame))
        i = (i + 1) & (p->seen_slots - 1);
    return &p->seen[i];
}

// Both tables are kept at most half full.
static bool _gwt_plan_room(_gwt_planner *p)
{
    if (2 * (size_t)p->num_values >= p->key_slots) {
        size_t slots = p->key_slots ? 2 * p->key_slots : 256;
        GWT_FREE(p->by_key);
        p->by_key = _gwt_malloc(p->g, slots * sizeof *p->by_key);
        if (!p->by_key) return false;
        p->key_slots = slots;
        for (size_t i = 0; i < slots; i++) p->by_key[i] = -1;
        for (int v = 0; v < p->num_values; v++) p->by_key[_gwt_key_slot(p, &p->values[v])] = v;
    }
    if (2 * (size_t)p->num_seen >= p->seen_slots) {
        size_t old = p->seen_slots, slots = old ? 2 * old : 256;
        _gwt_seen *list = p->seen, *larger = _gwt_calloc(p->g, slots, sizeof *larger);
        if (!larger) return false;
        p->seen = larger, p->seen_slots = slots;
        for (size_t i = 0; i < old; i++)
            if (list[i].node) *_gwt_plan_seen(p, list[i].node, list[i].frame) = list[i];
        GWT_FREE(list);
    }
    return true;
}

static int _gwt_plan_const(_gwt_planner *p, double value)
{
    int at = _gwt_plan_once(p->g, &p->consts, &p->program.consts, &p->program.num_consts,
                            &p->capacity.consts, &value, sizeof value);
    return at < 0 ? ~0 : ~at;
}

// Operations of two operands take a number as the second of them, and as the first where that
// makes no difference; all else is in registers.
static bool _gwt_takes_number(const _gwt_node *n, int i)
{
    if (n->num_args != 2 || n->op < _GWT_OP_ADD || n->args[i]->op != _GWT_OP_CONST) return false;
    return n->args[1 - i]->op != _GWT_OP_CONST
        && (i == 1 || n->op == _GWT_OP_ADD || n->op == _GWT_OP_MUL);
}

static bool _gwt_plan_pass_of(_gwt_plan *plan, const _gwt_node *node, int *pass, int *plane);
static void _gwt_plan_bind(_gwt_planner *p, _gwt_instr *instr, const _gwt_node *load);
static void _gwt_plan_read(_gwt_planner *p, bool fetch, int from, int frame);

// A frame that something lies under, here or further away.
static void _gwt_plan_show(_gwt_planner *p, int frame)
{
    const _gwt_frame *f = &p->program.frames[frame];
    p->program.framed |= f->top > 0 || f->left > 0 || f->bottom < p->height || f->right < p->width;
}

// The instruction of a new value.
static void _gwt_plan_compute(_gwt_planner *p, int value)
{
    const _gwt_value *v = &p->values[value];
    const _gwt_node *n = v->node;
    _gwt_instr instr = { .op = (int)n->op,
                         .dtype = n->dtype,
                         .dst = value,
                         .first = v->first,
                         .num_args = v->num_args,
                         .frame = v->frame,
                         .lookup = n->lookup,
                         .imm = { n->imm[0], n->imm[1] } };
    if (n->lookup && n->lookup != p->plan->lookup) {
        p->plan->lookup = n->lookup;
        p->plan->lookup_bytes +=
            16.0 * (double)n->lookup->num_pieces + 8.0 * (double)n->lookup->num_cells;
    }
    if (_gwt_op_is_leaf((int)n->op)) _gwt_plan_show(p, v->frame);
    if (n->op == _GWT_OP_PLACE || _gwt_op_integer((int)n->op, n->dtype)) instr.slot = (int)n->band;
    if (n->op == _GWT_OP_STEP) {
        instr.op = _GWT_OP_FETCH;
        if (!_gwt_plan_pass_of(p->plan, n, &instr.view, &instr.slot)) return;
        _gwt_plan_read(p, true, instr.view, instr.frame);
    }
    _gwt_instr *emitted = _gwt_plan_emit(p, instr);
    if (!emitted || (n->op != _GWT_OP_LOAD && n->op != _GWT_OP_REST)) return;
    emitted->masked =
        n->masked && _gwt_raw(n->dtype, n->imm[0], (int)n->imm[1], &emitted->raw);
    _gwt_plan_bind(p, emitted, n);
}

// The value of a node whose operands have theirs.
static void _gwt_plan_node(_gwt_planner *p, const _gwt_node *n, int frame)
{
    if (!_gwt_plan_room(p)) return;
    _gwt_value v = { .node = n, .frame = _gwt_op_is_leaf((int)n->op) ? frame : 0,
                     .first = p->program.num_operands, .num_args = n->num_args };
    for (int i = 0; i < v.num_args; i++) {
        int f = frame;
        const _gwt_node *arg = _gwt_plan_resolve(p, n->args[i], &f);
        _gwt_plan_operand(p, _gwt_takes_number(n, i) ? _gwt_plan_const(p, arg->imm[0])
                                                     : _gwt_plan_seen(p, arg, f)->value);
    }
    if (_gwt_over(p->plan->action)) return;
    size_t key = _gwt_key_slot(p, &v);
    int value = p->by_key[key];
    if (value >= 0) {
        p->program.num_operands = v.first;      // it is there already
    } else {
        value = p->num_values;
        if (!_gwt_plan_append(p->g, &p->values, &p->num_values, &p->capacity.values, &v, sizeof v))
            return;
        p->by_key[key] = value;
        _gwt_plan_compute(p, value);
    }
    *_gwt_plan_seen(p, n, frame) = (_gwt_seen){ n, frame, value };
    p->num_seen++;
}

typedef struct _gwt_visit { const _gwt_node *node; int frame; } _gwt_visit;
typedef struct _gwt_visits { _gwt_visit *stack; int depth; size_t capacity; } _gwt_visits;

static bool _gwt_visits_push(gwt *g, _gwt_visits *v, const _gwt_node *node, int frame)
{
    _gwt_visit visit = { node, frame };
    return _gwt_plan_append(g, &v->stack, &v->depth, &v->capacity, &visit, sizeof visit);
}

// Put off a node until its operands have values; false when none is missing.
static bool _gwt_plan_push(_gwt_planner *p, _gwt_visit now, _gwt_visits *visits)
{
    int before = visits->depth;
    for (int i = now.node->num_args - 1; i >= 0; i--) {
        int frame = now.frame;
        const _gwt_node *arg = _gwt_plan_resolve(p, now.node->args[i], &frame);
        if (_gwt_takes_number(now.node, i) || _gwt_plan_seen(p, arg, frame)->node) continue;
        if (!_gwt_visits_push(p->g, visits, arg, frame)) return false;
    }
    return visits->depth > before;
}

// All nodes under `root` and itself, operands first, without recursion: graphs may be deep.
static int _gwt_plan_tree(_gwt_planner *p, const _gwt_node *root, int frame)
{
    _gwt_visits visits = { 0 };
    _gwt_visits_push(p->g, &visits, root, frame);
    while (visits.depth > 0 && !_gwt_over(p->plan->action) && _gwt_plan_room(p)) {
        _gwt_visit v = visits.stack[visits.depth - 1];
        bool seen = _gwt_plan_seen(p, v.node, v.frame)->node != NULL;
        if (!seen && _gwt_plan_push(p, v, &visits)) continue;
        visits.depth--;
        if (!seen && !_gwt_over(p->plan->action)) _gwt_plan_node(p, v.node, v.frame);
    }
    GWT_FREE(visits.stack);
    return _gwt_over(p->plan->action) ? 0 : _gwt_plan_seen(p, root, frame)->value;
}

// ---- sources

// The view of a source in the program being planned. Which pass that is will be known at its end.
static int _gwt_plan_view(_gwt_planner *p, _gwt_source *s)
{
    _gwt_plan *plan = p->plan;
    int *slot = _gwt_places_find(p->g, &p->views, plan->views, sizeof *plan->views, &s, sizeof s);
    if (!slot || *slot >= 0) return slot ? *slot : -1;
    int *first =
        _gwt_places_find(p->g, &plan->sources, plan->views, sizeof *plan->views, &s, sizeof s);
    _gwt_view_plan new = { .source = s };
    if (!first || !_gwt_plan_append(p->g, &plan->views, &plan->num_views, &plan->capacity.views,
                                    &new, sizeof new))
        return -1;
    *slot = plan->num_views - 1;
    _gwt_view_plan *v = &plan->views[*slot];
    v->bands = _gwt_calloc(p->g, (size_t)s->bands, sizeof *v->bands);
    v->slots = _gwt_calloc(p->g, (size_t)s->bands, sizeof *v->slots);
    if (!v->bands || !v->slots) return -1;
    if (*first < 0) {
        *first = *slot;
        v->first_tile = plan->num_tiles;
        plan->num_tiles += s->num_tiles;
    }
    v->first = *first;
    v->first_tile = plan->views[*first].first_tile;
    plan->views[*first].sharers++;
    return *slot;
}

static void _gwt_plan_bind(_gwt_planner *p, _gwt_instr *instr, const _gwt_node *load)
{
    instr->view = _gwt_plan_view(p, load->source);
    if (instr->view < 0) return;
    _gwt_view_plan *v = &p->plan->views[instr->view];
    int *slot = &v->slots[load->band];
    if (!*slot) {
        v->bands[v->num_bands++] = load->band;
        *slot = v->num_bands;
    }
    instr->slot = *slot - 1;
    _gwt_plan_read(p, false, instr->view, instr->frame);
}

static void _gwt_plan_read(_gwt_planner *p, bool fetch, int from, int frame)
{
    _gwt_program *program = &p->program;
    _gwt_read read = { fetch, from, frame };
    _gwt_plan_once(p->g, &p->reads, &program->reads, &program->num_reads, &p->capacity.reads,
                   &read, sizeof read);
}

// ---- order

// Who uses what: the instructions that use value v are users[first[v]] .. users[first[v + 1] - 1].
typedef struct _gwt_uses {
    int *first, *users;
    int *left;                  // of each value: uses by instructions that have no place yet
    int *missing;               // of each instruction: operands that have no place yet
} _gwt_uses;

static bool _gwt_uses_begin(_gwt_uses *u, const _gwt_planner *p)
{
    const _gwt_program *program = &p->program;
    size_t values = (size_t)p->num_values + 2;
    u->first = _gwt_calloc(p->g, values, sizeof *u->first);
    u->left = _gwt_calloc(p->g, values, sizeof *u->left);
    u->missing = _gwt_calloc(p->g, (size_t)program->num_instrs + 1, sizeof *u->missing);
    u->users = _gwt_calloc(p->g, (size_t)program->num_operands + 1, sizeof *u->users);
    if (!u->first || !u->left || !u->missing || !u->users) return false;
    for (int pass = 0; pass < 2; pass++) {      // count, then fill in
        for (int i = 0; i < program->num_instrs; i++)
            for (int k = 0; k < program->instrs[i].num_args; k++) {
                int operand = program->operands[program->instrs[i].first + k];
                if (operand < 0) continue;
                if (pass) u->users[u->first[operand + 1]++] = i, u->missing[i]++;
                else u->left[operand]++;
            }
        for (int v = 0; v < p->num_values && !pass; v++)
            u->first[v + 2] = u->first[v + 1] + u->left[v];
    }
    return true;
}

static void _gwt_uses_end(_gwt_uses *u)
{
    GWT_FREE(u->first);
    GWT_FREE(u->users);
    GWT_FREE(u->left);
    GWT_FREE(u->missing);
}

// Whether an instruction can come now and gives back the register of `of`, or, below 0, one at
// least: nobody else is left to use one of its operands.
static bool _gwt_uses_up(const _gwt_uses *u, const _gwt_program *program, int instr, int of)
{
    const _gwt_instr *in = &program->instrs[instr];
    const int *operands = program->operands + in->first;
    if (u->missing[instr] > 0) return false;
    for (int k = 0; k < in->num_args; k++) {
        int mine = 0;
        if (operands[k] < 0 || (of >= 0 && operands[k] != of)) continue;
        for (int m = 0; m < in->num_args; m++) mine += operands[m] == operands[k];
        if (u->left[operands[k]] == mine) return true;
        if (of >= 0) return false;
    }
    return false;
}

// Instructions come in the order they were asked for, but those that give back a register come as
// soon as they can. So the count and the sum of a thousand dates, one asked for after the other, go
// hand in hand and hold a few values instead of a thousand.
static void _gwt_plan_order(_gwt_planner *p)
{
    _gwt_program *program = &p->program;
    _gwt_uses u = { 0 };
    size_t n = (size_t)program->num_instrs + 1;
    int *stack = _gwt_malloc(p->g, n * sizeof *stack), placed = 0;
    _gwt_instr *ordered = _gwt_malloc(p->g, n * sizeof *ordered);
    bool *taken = _gwt_calloc(p->g, n, sizeof *taken);
    bool good = _gwt_uses_begin(&u, p) && stack && ordered && taken;
    for (int i = 0; good && i < program->num_instrs; i++) {
        int depth = 0;
        if (!taken[i]) taken[i] = true, stack[depth++] = i;
        while (depth > 0) {
            const _gwt_instr *in = &program->instrs[stack[--depth]];
            ordered[placed++] = *in;
            // Whose turn may have come: users of the result, and the last users of an operand.
            for (int k = -1; k < in->num_args; k++) {
                int v = k < 0 ? in->dst : program->operands[in->first + k];
                if (v < 0 || (k < 0 && in->op >= _GWT_OP_STORE)) continue;
                if (k >= 0) u.left[v]--;
                for (int a = u.first[v]; k < 0 && a < u.first[v + 1]; a++) u.missing[u.users[a]]--;
                for (int a = u.first[v]; (k < 0 || u.left[v] <= 3) && a < u.first[v + 1]; a++) {
                    if (taken[u.users[a]] || !_gwt_uses_up(&u, program, u.users[a], k < 0 ? -1 : v))
                        continue;
                    taken[u.users[a]] = true;
                    stack[depth++] = u.users[a];
                }
            }
        }
    }
    if (good) memcpy(program->instrs, ordered, (n - 1) * sizeof *ordered);
    _gwt_uses_end(&u);
    GWT_FREE(stack);
    GWT_FREE(ordered);
    GWT_FREE(taken);
}

// ---- registers

// From values to registers, in one walk. A result never shares a register with its own operands:
// the kernels may assume that they do not overlap.
static void _gwt_plan_registers(_gwt_planner *p)
{
    _gwt_program *program = &p->program;
    int *spare = _gwt_malloc(p->g, ((size_t)p->num_values + 1) * sizeof *spare), num_spare = 0;
    for (int i = 0; i < program->num_instrs; i++)
        for (int k = 0; k < program->instrs[i].num_args; k++) {
            int operand = program->operands[program->instrs[i].first + k];
            if (operand >= 0) p->values[operand].last_use = i;
        }
    for (int i = 0; spare && i < program->num_instrs; i++) {
        _gwt_instr *instr = &program->instrs[i];
        if (instr->op < _GWT_OP_STORE) {
            int reg = num_spare ? spare[--num_spare] : program->num_regs++;
            p->values[instr->dst].reg = reg;
            instr->dst = reg;
        }
        for (int k = 0; k < instr->num_args; k++) {
            int *operand = &program->operands[instr->first + k];
            if (*operand < 0) continue;
            _gwt_value *v = &p->values[*operand];
            if (v->last_use == i) {
                spare[num_spare++] = v->reg, v->last_use = -1;
                if (k < 3) instr->dies |= 1u << k;
            }
            *operand = v->reg;
        }
    }
    GWT_FREE(spare);
}

// ---- float32: twice as many pixels at once, where that is known to give the same bits
//
// What 8- and 16-bit integers add up to is exact in float32 as long as it stays within 2^24: an
// INTEGER here. One more operation of + - * / on such numbers rounds once to float32; in double it
// rounds to double first and to float32 when it is stored, and that gives the same, for a double
// has more than twice the digits plus two (Figueroa 1995, "When is double rounding innocuous?").
// The result, ROUNDED, may be stored, picked, compared for the smaller, negated and clipped, which
// all commute with rounding, but not computed with any further.

#if !defined(GWT_PLAIN) && defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 0
#define _GWT_NARROW 1
#else
#define _GWT_NARROW 0
#endif

// In double the same holds up to 2^51 for operations on integers, which are else done one pixel
// after the other, in 64 bits: of a file's 8 to 32 bits all is known to be whole.

typedef enum _gwt_exact { _GWT_WIDE, _GWT_INTEGER, _GWT_ROUNDED } _gwt_exact;

#define _GWT_EXACT_NARROW 0x1p24
#define _GWT_EXACT_DOUBLE 0x1p51

typedef struct _gwt_known { _gwt_exact is; double most; } _gwt_known;

static bool _gwt_known_whole(double v, double limit)
{
    return v != v || (v == floor(v) && fabs(v) <= limit);
}

_GWT_CALLED static _gwt_known _gwt_known_integer(double most, double limit)
{
    return (_gwt_known){ most <= limit ? _GWT_INTEGER : _GWT_ROUNDED, most };
}

static _gwt_known _gwt_known_number(double v, double limit)
{
    return _gwt_known_whole(v, limit) ? _gwt_known_integer(v != v ? 0 : fabs(v), limit)
                                      : (_gwt_known){ 0 };
}

// Of a type, up to `bytes`.
static _gwt_known _gwt_known_type(gwt_dtype type, size_t bytes, double limit)
{
    if (!_gwt_dtype_integer(type) || gwt_dtype_size(type) > bytes) return (_gwt_known){ 0 };
    return _gwt_known_integer(fmax(-_gwt_dtypes[type].lo, _gwt_dtypes[type].hi), limit);
}

// One of the two.
static _gwt_known _gwt_known_either(_gwt_known a, _gwt_known b)
{
    if (a.is == _GWT_WIDE || b.is == _GWT_WIDE) return (_gwt_known){ 0 };
    return (_gwt_known){ a.is == _GWT_ROUNDED ? a.is : b.is, fmax(a.most, b.most) };
}

// Of an instruction, given its operands.
static _gwt_known _gwt_known_of(const _gwt_instr *in, const _gwt_known *a, double limit)
{
    static const _gwt_known truth = { _GWT_INTEGER, 1 }, wide = { 0 };
    bool one = in->num_args > 0 && a[0].is == _GWT_INTEGER,
         both = one && in->num_args > 1 && a[1].is == _GWT_INTEGER,
         narrow = limit == _GWT_EXACT_NARROW;
    double lo = in->imm[0], hi = in->imm[1];
    switch (in->op) {
    case _GWT_OP_LOAD: return _gwt_known_type(in->dtype, narrow ? 2 : 4, limit);
    case _GWT_OP_CONST: return _gwt_known_number(lo, limit);
    case _GWT_OP_MASK: return one && _gwt_known_whole(lo, limit) ? a[0] : wide;
    case _GWT_OP_CAST:
        if (!narrow) return _gwt_known_type(in->dtype, 4, limit);
        return in->dtype == GWT_FLOAT32 ? a[0] : wide;
    case _GWT_OP_CLIP:
        if (lo != (float)lo || hi != (float)hi) return wide;
        if (one && lo == floor(lo) && hi == floor(hi))
            return _gwt_known_integer(fmax(a[0].most, fmax(lo, -hi)), limit);
        return a[0].is == _GWT_WIDE ? wide : (_gwt_known){ _GWT_ROUNDED, 0 };
    case _GWT_OP_WHERE: return one ? _gwt_known_either(a[1], a[2]) : wide;
    case _GWT_OP_NEG:
    case _GWT_OP_ABS: return a[0];
    case _GWT_OP_VALID: return a[0].is == _GWT_WIDE ? wide : truth;
    case _GWT_OP_NOT: case _GWT_OP_SIGN: return one ? truth : wide;
    case _GWT_OP_MIN: case _GWT_OP_MAX: case _GWT_OP_LEAST: case _GWT_OP_MOST: case _GWT_OP_FIRST:
        return _gwt_known_either(a[0], a[1]);
    case _GWT_OP_ADD: case _GWT_OP_SUB:
        return both ? _gwt_known_integer(a[0].most + a[1].most, limit) : wide;
    case _GWT_OP_MUL: return both ? _gwt_known_integer(a[0].most * a[1].most, limit) : wide;
    case _GWT_OP_DIV: return both ? (_gwt_known){ _GWT_ROUNDED, 0 } : wide;
    case _GWT_OP_LT: case _GWT_OP_LE: case _GWT_OP_GT: case _GWT_OP_GE: case _GWT_OP_EQ:
    case _GWT_OP_NE: case _GWT_OP_AND: case _GWT_OP_OR: case _GWT_OP_BEATS:
        return both ? truth : wide;
    default: return wide;
    }
}

static void _gwt_known_operands(const _gwt_program *program, const _gwt_instr *in,
                                const _gwt_known *known, double limit, _gwt_known *a)
{
    for (int k = 0; k < 3; k++) {
        int operand = k < in->num_args ? program->operands[in->first + k] : 0;
        if (k >= in->num_args) a[k] = (_gwt_known){ 0 };
        else if (operand >= 0) a[k] = known[operand];
        else a[k] = _gwt_known_number(program->consts[~operand], limit);
    }
}

// Of one on integers; it is `whole` where its operands are, and its result is in its type. A shift
// by a number becomes a product with what is its operand then, a power of 2.
static _gwt_known _gwt_known_bits(_gwt_planner *p, _gwt_instr *in, const _gwt_known *a)
{
    _gwt_program *program = &p->program;
    double limit = _GWT_EXACT_DOUBLE, most = fmax(a[0].most, a[1].most), factor = 0;
    int *operand = &program->operands[in->first + 1], exponent;
    bool number = in->num_args == 2 && *operand < 0, negatives = _gwt_dtypes[in->dtype].lo < 0,
         whole = a[0].is == _GWT_INTEGER && a[1].is == _GWT_INTEGER && !in->slot && most < limit;
    double by = number ? program->consts[~*operand] : 0;
    switch (in->op) {
    case _GWT_OP_MOD: most = a[1].most; break;
    case _GWT_OP_FLOOR_DIV:
        most = a[0].most;
        whole &= !negatives || (number && by != -1);
        break;
    case _GWT_OP_SHIFT_LEFT:
    case _GWT_OP_SHIFT_RIGHT:
        whole &= number && by >= 0 && by < 64;
        if (!whole) break;
        factor = ldexp(1, in->op == _GWT_OP_SHIFT_LEFT ? (int)by : -(int)by);
        most = a[0].most * fmax(factor, 1);
        break;
    default:
        frexp(most, &exponent);
        most = ldexp(1, exponent);
    }
    if (!whole || most > limit) return _gwt_known_type(in->dtype, 4, limit);
    if (factor > 0) *operand = _gwt_plan_const(p, factor);
    in->whole = true;
    return _gwt_known_integer(most, limit);
}

static void _gwt_program_whole(_gwt_planner *p, _gwt_known *known)
{
    for (int i = 0; i < p->program.num_instrs; i++) {
        _gwt_instr *in = &p->program.instrs[i];
        _gwt_known a[3];
        if (in->op >= _GWT_OP_STORE) continue;
        _gwt_known_operands(&p->program, in, known, _GWT_EXACT_DOUBLE, a);
        known[in->dst] = _gwt_op_integer(in->op, in->dtype)
                           ? _gwt_known_bits(p, in, a) : _gwt_known_of(in, a, _GWT_EXACT_DOUBLE);
    }
}

// Whether all a program computes and stores is known.
static bool _gwt_program_is_known(const _gwt_program *program, _gwt_known *known)
{
    for (int i = 0; i < program->num_instrs; i++) {
        const _gwt_instr *in = &program->instrs[i];
        _gwt_known a[3];
        _gwt_known_operands(program, in, known, _GWT_EXACT_NARROW, a);
        if (in->op == _GWT_OP_COPY) continue;
        _gwt_known is =
            in->op == _GWT_OP_STORE ? a[0] : _gwt_known_of(in, a, _GWT_EXACT_NARROW);
        if (is.is == _GWT_WIDE) return false;
        if (in->op != _GWT_OP_STORE) known[in->dst] = is;
        else if (program->outputs[in->output].dtype != GWT_FLOAT32) return false;
    }
    return program->num_regs > 0;
}

// What is known of a program decides how it computes: its operations on integers, and whether it
// is one of float32.
static void _gwt_program_choose(_gwt_planner *p)
{
    _gwt_program *program = &p->program;
    if (!_GWT_NARROW) return;
    _gwt_known *known = _gwt_malloc(p->g, ((size_t)program->num_regs + 1) * sizeof *known);
    if (known) _gwt_program_whole(p, known);
    size_t n = (size_t)program->num_consts;
    if (known && _gwt_program_is_known(program, known))
        program->narrow = _gwt_malloc(p->g, (n + 1) * sizeof *program->narrow);
    for (size_t i = 0; program->narrow && i < n; i++)
        program->narrow[i] = (float)program->consts[i];
    GWT_FREE(known);
}

// ---- programs

// Whether storing this plane is copying it. A missing pixel must come out as the same raw value,
// and there must be pixels everywhere.
static bool _gwt_plan_copies(const _gwt_planner *p, const _gwt_output *to, const _gwt_node *n,
                             int frame)
{
    const _gwt_frame *f = &p->program.frames[frame];
    uint64_t raw = 0, nan = 0;
    if (n->op != _GWT_OP_LOAD || n->dtype != to->dtype) return false;
    if (f->top > 0 || f->left > 0 || f->bottom < p->height || f->right < p->width) return false;
    if (n->masked && _gwt_raw(n->dtype, n->imm[0], (int)n->imm[1], &raw))
        return to->has_nodata && raw == to->nodata_raw;
    _gwt_raw(n->dtype, (double)NAN, 0, &nan);
    return _gwt_dtype_integer(n->dtype) || to->nodata_raw == nan;
}

static void _gwt_plan_plane(_gwt_planner *p, int output, int plane)
{
    const _gwt_output *to = &p->program.outputs[output];
    const _gwt_node *root = to->planes[plane];
    int frame = 0;
    if (!root) _gwt_fail(p->g, GWT_E_MEMORY, "out of memory: the graph is not complete");
    if (_gwt_over(p->plan->action)) return;
    root = _gwt_plan_resolve(p, root, &frame);
    while (root->op == _GWT_OP_CAST && root->dtype == to->dtype)    // storing does the same
        root = _gwt_plan_resolve(p, root->args[0], &frame);
    if (_gwt_plan_copies(p, to, root, frame)) {
        uint64_t raw;       // masked: what equals nodata is missing there already
        _gwt_instr load = { .op = _GWT_OP_COPY, .dtype = root->dtype, .dst = plane,
                            .output = output, .frame = frame,
                            .masked = root->masked
                                   && _gwt_raw(root->dtype, root->imm[0],
                                                      (int)root->imm[1], &raw) };
        _gwt_instr *copy = _gwt_plan_emit(p, load);
        if (copy) _gwt_plan_bind(p, copy, root);
        return;
    }
    const _gwt_node *rest = _gwt_dtype_wide(to->dtype) ? root->rest : NULL;
    int value = _gwt_plan_tree(p, root, frame), left = rest ? _gwt_plan_tree(p, rest, frame) : 0,
        first = p->program.num_operands;
    _gwt_plan_operand(p, value);
    if (rest) _gwt_plan_operand(p, left);
    _gwt_instr store = { .op = _GWT_OP_STORE, .dst = plane, .output = output, .first = first,
                         .num_args = rest ? 2 : 1 };
    _gwt_plan_emit(p, store);
}

static void _gwt_program_free(_gwt_program *program)
{
    GWT_FREE(program->instrs);
    GWT_FREE(program->operands);
    GWT_FREE(program->consts);
    GWT_FREE(program->narrow);
    GWT_FREE(program->frames);
    GWT_FREE(program->reads);
}

static int _gwt_plan_add_pass(_gwt_plan *plan, _gwt_pass pass)
{
    if (_gwt_plan_append(plan->g, &plan->passes, &plan->num_passes, &plan->capacity.passes, &pass,
                         sizeof pass))
        return plan->num_passes - 1;
    _gwt_program_free(&pass.program);
    return -1;
}

// Plan the program that stores these planes, after the passes it needs. Returns its pass.
static int _gwt_plan_program(_gwt_plan *plan, const _gwt_output *outputs, int n, int64_t width,
                             int64_t height)
{
    _gwt_planner p = { .g = plan->g, .plan = plan, .width = width, .height = height };
    int planes = 0;
    memcpy(p.program.outputs, outputs, (size_t)n * sizeof *outputs);
    p.program.num_outputs = n;
    _gwt_plan_frame(&p, (_gwt_frame){ .stride = 1, .bottom = height, .right = width });
    if (plan->depth++ > _GWT_PLAN_DEPTH)
        _gwt_fail(plan->g, GWT_E_UNSUPPORTED, "more than %d windows within windows",
                  _GWT_PLAN_DEPTH);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < outputs[i].num_planes; k++, planes++) _gwt_plan_plane(&p, i, k);
    if (!_gwt_over(plan->action)) {
        _gwt_plan_order(&p);
        if (!_gwt_over(plan->action)) _gwt_plan_registers(&p);
        if (!_gwt_over(plan->action)) _gwt_program_choose(&p);
    }
    plan->depth--;
    GWT_FREE(p.values);
    GWT_FREE(p.operands);
    GWT_FREE(p.by_key);
    GWT_FREE(p.seen);
    GWT_FREE(p.consts.slots);
    GWT_FREE(p.frames.slots);
    GWT_FREE(p.reads.slots);
    int pass = _gwt_plan_add_pass(plan, (_gwt_pass){ .program = p.program, .num_planes = planes,
                                                        .width = width, .height = height });
    for (size_t i = 0; i < p.views.num_slots; i++)
        if (p.views.slots[i] >= 0) plan->views[p.views.slots[i]].pass = pass;
    GWT_FREE(p.views.slots);
    return pass;
}

// ---- steps

static int _gwt_plan_find(const _gwt_plan *plan, const _gwt_step *step)
{
    int i = plan->num_passes - 1;
    while (i >= 0 && plan->passes[i].step != step && plan->passes[i].holds != step) i--;
    return i;
}

// After the program that stores its operands. Steps on the same operands share that.
static void _gwt_plan_step(_gwt_plan *plan, const _gwt_step *step)
{
    int input = -1;
    for (int i = 0; i < plan->num_passes; i++) {
        const _gwt_step *other = plan->passes[i].step;
        if (other && other->num_args == step->num_args
            && !memcmp(other->args, step->args, (size_t)step->num_args * sizeof *step->args))
            input = plan->passes[i].input;
    }
    if (input < 0) {
        _gwt_output o =
            _gwt_output_of(step->args, step->num_args, GWT_FLOAT64, (gwt_optional){ 0 });
        input = _gwt_plan_program(plan, &o, 1, step->in_width, step->in_height);
    }
    if (_gwt_over(plan->action) || input < 0) return;
    if (step->kind == _GWT_STEP_HOLD)
        plan->passes[input].holds = step, plan->deep = true;
    else
        _gwt_plan_add_pass(plan, (_gwt_pass){ .step = step, .input = input,
                                                .num_planes = step->num_planes,
                                                .width = step->width, .height = step->height });
}

// Where a step's planes can be fetched from: its pass, planned when first asked for. HOLDs that
// follow one another are planned in that order, not each within the next.
static bool _gwt_plan_pass_of(_gwt_plan *plan, const _gwt_node *node, int *pass, int *plane)
{
    *plane = (int)node->band;
    while ((*pass = _gwt_plan_find(plan, node->step)) < 0 && !_gwt_over(plan->action)) {
        const _gwt_step *s = node->step;
        while (s->after && _gwt_plan_find(plan, s->after) < 0) s = s->after;
        _gwt_plan_step(plan, s);
    }
    return *pass >= 0 && !_gwt_over(plan->action);
}

static void _gwt_plan_edge(_gwt_plan *plan, int pass, int from, const _gwt_frame *frame)
{
    _gwt_edge edge = { pass, from, frame };
    if (!_gwt_plan_append(plan->g, &plan->edges, &plan->num_edges, &plan->capacity.edges, &edge,
                          sizeof edge))
        return;
    if (from < plan->num_passes) {
        if (plan->passes[from].reader < pass) plan->passes[from].reader = pass;
    } else {
        int64_t *stride = &plan->views[from - plan->num_passes].stride;
        *stride = *stride ? 1 : frame->stride;
    }
}

static void _gwt_plan_edges(_gwt_plan *plan)
{
    for (int i = plan->num_passes - 1; i >= 0; i--) {
        const _gwt_pass *p = &plan->passes[i];
        if (p->step) _gwt_plan_edge(plan, i, p->input, NULL);
        for (int k = 0; k < p->program.num_reads; k++) {
            const _gwt_read *r = &p->program.reads[k];
            _gwt_plan_edge(plan, i, r->fetch ? r->from : plan->num_passes + r->from,
                           &p->program.frames[r->frame]);
        }
    }
}

// ---- the whole

static const _gwt_output *_gwt_plan_output(const _gwt_plan *plan, int k)
{
    return &plan->passes[plan->num_passes - 1].program.outputs[k];
}

static void _gwt_plan_free(_gwt_plan *plan)
{
    for (int i = 0; i < plan->num_views; i++) {
        GWT_FREE(plan->views[i].bands);
        GWT_FREE(plan->views[i].slots);
    }
    for (int i = 0; i < plan->num_passes; i++) _gwt_program_free(&plan->passes[i].program);
    GWT_FREE(plan->views);
    GWT_FREE(plan->passes);
    GWT_FREE(plan->sources.slots);
    GWT_FREE(plan->edges);
}

// What an action leaves out of its pixels' account. An alpha band may be there still in its result.
static void _gwt_plan_note(const _gwt_plan *plan, bool keeps_alpha)
{
    for (int i = 0; i < plan->num_views; i++) {
        const _gwt_view_plan *v = &plan->views[i];
        const _gwt_source *s = v->source;
        bool others = false;
        for (int k = 0; k < v->num_bands; k++) others |= v->bands[k] != s->meta.alpha - 1;
        if (s->mask)
            _gwt_note(plan->g, "%s: its mask (%s) is not looked at: masked pixels count as valid",
                      s->path, s->mask);
        if (s->meta.alpha && others && !keeps_alpha)
            _gwt_note(plan->g,
                      "%s: its alpha (band %d) is not looked at: transparent pixels count as valid",
                      s->path, s->meta.alpha);
    }
}

// For n outputs on the grid of `a`; NULL: nothing is padded.
static bool _gwt_plan_make(_gwt_plan *plan, const _gwt_action *action, const gwt_array *a,
                           const _gwt_output *outputs, int n, const int *pad)
{
    *plan = (_gwt_plan){ .g = a->g, .action = action, .width = a->geo.width,
                         .height = a->geo.height };
    for (int i = 0; pad && i < 4; i++) plan->pad[i] = pad[i];
    if (!_gwt_scope_is_over(a->scope))
        _gwt_plan_program(plan, outputs, n, plan->width, plan->height);
    for (int i = 0; i < plan->num_views && !_gwt_over(action); i++)
        _gwt_scope_is_over(plan->views[i].source->scope);
    if (!_gwt_over(action)) _gwt_plan_edges(plan);
    if (!_gwt_over(action)) return true;
    _gwt_plan_free(plan);
    return false;
}

// >>walk --------------------------------------------------------------------------------------
// What a piece of the output needs: from its rectangle backwards along the edges of the plan to the
// rectangle of every pass, in its own grid, and of every view, in pixels of its source; and the
// list of the tiles behind the views. Running pins exactly what is listed. All else that has to
// know it walks the same way without running: how often a tile will be asked for, how much memory
// a piece takes, what `gwt plan` says. A second walk over the pieces that come next says what to
// ask for ahead of need.
//
// Nothing is assumed of how a step maps its rectangle, but that what it needs for a part lies
// within what it needs for the whole. So what needs nothing in an area of the output needs nothing
// in any piece of the area. Of a mosaic of 10,000 files most are not looked at: a walk goes from
// the whole image to areas in it, each with the edges and nodes that are left there, and looks at
// those of the smallest that the piece lies in. Pieces come in canonical order, so areas are cut
// into rows first and then into columns: each is gone into once or a few times.

// The tiles of one view: [plane][down][across], `at` being the place of the first in the list.
typedef struct _gwt_view {
    size_t at;
    int64_t first_row, first_col, down, across;
    int64_t asked;              // how many of them
} _gwt_view;

// A tile of a view's source; -1: one that the view reads no pixel of.
typedef struct _gwt_ask { int view; int64_t tile; } _gwt_ask;

// Below so many edges an area is not worth dividing.
#ifndef _GWT_WALK_FEW
#define _GWT_WALK_FEW 24
#endif
#define _GWT_WALK_DEPTH 32

typedef struct _gwt_area {
    _gwt_rect rect;             // of the output
    int *edges, *nodes;         // edges in the plan's order, nodes ascending
    int num_edges, num_nodes;
    int cut;                    // how to divide it; see _gwt_walk_part
} _gwt_area;

// Memory for walks of one plan, one worker's own.
typedef struct _gwt_walk {
    const _gwt_plan *plan;
    int64_t tile_h, tile_w;     // tiles of the output, in whose order pieces come
    _gwt_rect *rects;           // of the nodes, for the piece walked last; else empty
    double *bytes;              // of the passes: see _gwt_walk_cost
    const _gwt_area *area;      // that lists those that may not be
    _gwt_view *views;           // of those listed last
    _gwt_ask *asks;
    size_t num_asks, room_asks;
    int depth;                  // areas[depth] is the smallest there is, each in the one before
    _gwt_area areas[_GWT_WALK_DEPTH];
} _gwt_walk;

// ---- rectangles

static bool _gwt_rect_empty(const _gwt_rect *r) { return r->rows <= 0 || r->cols <= 0; }

static bool _gwt_rect_within(const _gwt_rect *r, const _gwt_rect *of)
{
    return r->row >= of->row && r->row + r->rows <= of->row + of->rows
        && r->col >= of->col && r->col + r->cols <= of->col + of->cols;
}

static void _gwt_rect_join(_gwt_rect *to, const _gwt_rect *r)
{
    if (_gwt_rect_empty(r)) return;
    if (_gwt_rect_empty(to)) {
        *to = *r;
        return;
    }
    int64_t bottom = _gwt_max64(to->row + to->rows, r->row + r->rows);
    int64_t right = _gwt_max64(to->col + to->cols, r->col + r->cols);
    to->row = _gwt_min64(to->row, r->row), to->col = _gwt_min64(to->col, r->col);
    to->rows = bottom - to->row, to->cols = right - to->col;
}

// The part of r that a frame shows, in the place it is read from.
static _gwt_rect _gwt_frame_rect(const _gwt_frame *f, const _gwt_rect *r)
{
    int64_t top = _gwt_max64(r->row, f->top), left = _gwt_max64(r->col, f->left);
    int64_t bottom = _gwt_min64(r->row + r->rows, f->bottom);
    int64_t right = _gwt_min64(r->col + r->cols, f->right);
    return (_gwt_rect){ f->row + top * f->stride, f->col + left * f->stride,
                        (bottom - top - 1) * f->stride + 1, (right - left - 1) * f->stride + 1 };
}

// ---- areas

// An empty list, with room for all there are.
static bool _gwt_area_begin(_gwt_area *a, const _gwt_plan *plan, const _gwt_rect *rect)
{
    size_t nodes = (size_t)plan->num_passes + (size_t)plan->num_views;
    *a = (_gwt_area){ .rect = *rect, .edges = a->edges, .nodes = a->nodes };
    if (!a->edges) a->edges = _gwt_malloc(plan->g, (size_t)plan->num_edges * sizeof *a->edges);
    if (!a->nodes) a->nodes = _gwt_malloc(plan->g, nodes * sizeof *a->nodes);
    return a->edges && a->nodes;
}

static void _gwt_walk_end(_gwt_walk *w)
{
    for (int i = 0; i < _GWT_WALK_DEPTH; i++) {
        GWT_FREE(w->areas[i].edges);
        GWT_FREE(w->areas[i].nodes);
    }
    GWT_FREE(w->rects);
    GWT_FREE(w->bytes);
    GWT_FREE(w->views);
    GWT_FREE(w->asks);
    *w = (_gwt_walk){ 0 };
}

static bool _gwt_walk_begin(_gwt_walk *w, const _gwt_plan *plan, int64_t tile_h, int64_t tile_w)
{
    int nodes = plan->num_passes + plan->num_views;
    _gwt_area *all = &w->areas[0];
    *w = (_gwt_walk){ .plan = plan, .tile_h = tile_h, .tile_w = tile_w };
    w->rects = _gwt_calloc(plan->g, (size_t)nodes, sizeof *w->rects);
    w->bytes = _gwt_calloc(plan->g, (size_t)plan->num_passes, sizeof *w->bytes);
    w->views = _gwt_calloc(plan->g, (size_t)plan->num_views, sizeof *w->views);
    _gwt_rect image = { 0, 0, plan->height, plan->width };
    if (!w->rects || !w->bytes || !w->views || !_gwt_area_begin(all, plan, &image)) {
        _gwt_walk_end(w);
        return false;
    }
    for (int i = 0; i < plan->num_edges; i++) all->edges[all->num_edges++] = i;
    for (int i = 0; i < nodes; i++) all->nodes[all->num_nodes++] = i;
    return true;
}

// Rectangles of all nodes of an area for a part of it. Those of other nodes are empty, since they
// were when the area was made. Edges that need something are listed in `kept`, unless it is NULL.
static bool _gwt_walk_back(_gwt_walk *w, const _gwt_area *a, const _gwt_rect *part, _gwt_area *kept)
{
    const _gwt_plan *plan = w->plan;
    for (int i = 0; i < a->num_nodes; i++) w->rects[a->nodes[i]] = (_gwt_rect){ 0 };
    w->rects[plan->num_passes - 1] = *part;
    for (int i = 0; i < a->num_edges; i++) {
        const _gwt_edge *e = &plan->edges[a->edges[i]];
        const _gwt_rect *out = &w->rects[e->pass];
        _gwt_rect in;
        if (_gwt_rect_empty(out)) continue;
        if (e->frame) {
            in = _gwt_frame_rect(e->frame, out);
        } else {
            const _gwt_step *step = plan->passes[e->pass].step;
            if (!step->needs(plan->g, step, out, &in)) return false;
        }
        if (_gwt_rect_empty(&in)) continue;
        _gwt_rect_join(&w->rects[e->from], &in);
        if (kept) kept->edges[kept->num_edges++] = a->edges[i];
    }
    return true;
}

// A part of an area around a piece: a quarter of its rows, in whole rows of tiles; then of its
// columns; and within one tile rows and columns of pieces. False when it can't be divided so.
static bool _gwt_walk_part(const _gwt_walk *w, const _gwt_area *a, const _gwt_rect *piece,
                           _gwt_rect *part)
{
    bool rows = a->cut % 2 == 0, tiles = a->cut < 2;
    int64_t unit = tiles ? (rows ? w->tile_h : w->tile_w) : rows ? piece->rows : piece->cols;
    int64_t all = rows ? a->rect.rows : a->rect.cols, from = rows ? piece->row : piece->col;
    int64_t end = rows ? a->rect.row + all : a->rect.col + all;
    int64_t size = _gwt_max64(unit, all / 4);
    if (tiles) from = _gwt_max64(from - from % unit, end - all);
    *part = a->rect;
    if (rows) part->row = from, part->rows = _gwt_min64(size, end - from);
    else part->col = from, part->cols = _gwt_min64(size, end - from);
    return size < all && _gwt_rect_within(piece, part);
}

// Divide the smallest area further, where that leaves fewer edges.
static bool _gwt_walk_divide(_gwt_walk *w, const _gwt_rect *part)
{
    _gwt_area *a = &w->areas[w->depth], *in = a + 1;
    if (!_gwt_area_begin(in, w->plan, part) || !_gwt_walk_back(w, a, part, in)) return false;
    for (int i = 0; i < a->num_nodes; i++)
        if (!_gwt_rect_empty(&w->rects[a->nodes[i]])) in->nodes[in->num_nodes++] = a->nodes[i];
    if (in->num_edges < a->num_edges) w->depth++;
    else a->cut++;
    return true;
}

// The smallest area that a piece lies in.
static const _gwt_area *_gwt_walk_area(_gwt_walk *w, const _gwt_rect *piece)
{
    enum { CUTS = 4 };
    _gwt_rect part;
    while (w->depth > 0 && !_gwt_rect_within(piece, &w->areas[w->depth].rect)) w->depth--;
    for (;;) {
        _gwt_area *a = &w->areas[w->depth];
        if (a->num_edges < _GWT_WALK_FEW || w->depth == _GWT_WALK_DEPTH - 1) return a;
        while (a->cut < CUTS && !_gwt_walk_part(w, a, piece, &part)) a->cut++;
        if (a->cut == CUTS) return a;
        if (!_gwt_walk_divide(w, &part)) return NULL;
    }
}

// ---- a piece

// From a piece of the output to the rectangles of all nodes. False, and an error, when a step can't
// say what it needs.
static bool _gwt_walk_piece(_gwt_walk *w, const _gwt_rect *piece)
{
    w->area = _gwt_walk_area(w, piece);
    return w->area && _gwt_walk_back(w, w->area, piece, NULL);
}

// Whether one of first, first + stride, .. within n lies in the size cells of a tile.
static bool _gwt_walk_touches(int64_t first, int64_t n, int64_t stride, int64_t tile, int64_t size)
{
    int64_t from = tile * size, steps = _gwt_max64(0, _gwt_ceil_div(from - first, stride));
    return first + steps * stride < _gwt_min64(first + n, from + size);
}

// The tiles of one view behind its rectangle.
static bool _gwt_walk_view(_gwt_walk *w, int view)
{
    const _gwt_view_plan *vp = &w->plan->views[view];
    const _gwt_source *s = vp->source;
    const _gwt_rect *r = &w->rects[w->plan->num_passes + view];
    _gwt_view v = { .at = w->num_asks, .first_row = r->row / s->tile_h,
                    .first_col = r->col / s->tile_w };
    v.down = (r->row + r->rows - 1) / s->tile_h - v.first_row + 1;
    v.across = (r->col + r->cols - 1) / s->tile_w - v.first_col + 1;
    int planes = s->planar ? vp->num_bands : 1;
    size_t used = w->num_asks, n = (size_t)(v.down * v.across * planes);
    if (!_gwt_list_grow(&w->asks, used, n, &w->room_asks, sizeof *w->asks))
        return _gwt_fail(w->plan->g, GWT_E_MEMORY, "out of memory: cannot allocate a list of "
                         "%zu tiles", used + n);
    _gwt_ask *to = w->asks + used;
    for (int k = 0; k < planes; k++)
        for (int64_t row = v.first_row; row < v.first_row + v.down; row++) {
            int64_t first = ((s->planar ? vp->bands[k] : 0) * s->down + row) * s->across;
            bool there = vp->stride == 1
                      || _gwt_walk_touches(r->row, r->rows, vp->stride, row, s->tile_h);
            for (int64_t col = v.first_col; col < v.first_col + v.across; col++) {
                bool read = there
                         && (vp->stride == 1
                             || _gwt_walk_touches(r->col, r->cols, vp->stride, col, s->tile_w));
                *to++ = (_gwt_ask){ view, read ? first + col : -1 };
                v.asked += read;
            }
        }
    w->views[view] = v;
    w->num_asks += n;
    return true;
}

// List the tiles behind the views of passes first..end - 1, for the piece walked last.
static bool _gwt_walk_tiles(_gwt_walk *w, int first, int end)
{
    const _gwt_plan *plan = w->plan;
    int i = w->area->num_nodes;
    w->num_asks = 0;
    while (i > 0 && w->area->nodes[i - 1] >= plan->num_passes) i--;
    for (; i < w->area->num_nodes; i++) {
        int view = w->area->nodes[i] - plan->num_passes, pass = plan->views[view].pass;
        if (pass < first || pass >= end || _gwt_rect_empty(&w->rects[w->area->nodes[i]])) continue;
        if (!_gwt_walk_view(w, view)) return false;
    }
    return true;
}

// ---- what it costs

// Bytes that a piece takes, or the most that several do. The buffers of a worker may be those of
// earlier pieces and larger than a piece needs, in plans where not every pass has its largest
// rectangle in the same piece; that is not counted.
typedef struct _gwt_cost {
    double planes;              // of all passes, each as long as it is read
    double largest;             // of one pass
    double work;                // that one step needs itself
    double tiles;               // that all passes read; one that several views read counts for each
    double pass_tiles;          // that one pass reads
} _gwt_cost;

// Of the planes of the passes, in the order in which they are filled and read for the last time.
static void _gwt_walk_planes_cost(_gwt_walk *w, _gwt_cost *most)
{
    const _gwt_plan *plan = w->plan;
    const _gwt_area *a = w->area;
    double held = 0;
    int edge = a->num_edges;
    for (int i = 0; a->nodes[i] < plan->num_passes - 1; i++) {
        int pass = a->nodes[i];
        const _gwt_rect *r = &w->rects[pass];
        double bytes = (double)r->rows * (double)r->cols * (double)sizeof(double);
        w->bytes[pass] = bytes * plan->passes[pass].num_planes;
        held += w->bytes[pass];
        most->largest = fmax(most->largest, w->bytes[pass]);
        if (plan->passes[pass].step && !_gwt_rect_empty(r))
            most->work = fmax(most->work, (double)_gwt_step_room(plan->passes[pass].step, r)
                                              * (double)sizeof(double));
        most->planes = fmax(most->planes, held);
        for (; edge > 0 && plan->edges[a->edges[edge - 1]].pass <= pass; edge--) {
            int from = plan->edges[a->edges[edge - 1]].from;
            if (from >= plan->num_passes || plan->passes[from].reader != pass) continue;
            held -= w->bytes[from];
            w->bytes[from] = 0;     // more edges may lead to it
        }
    }
}

// Of the tiles listed last. Those that a stride passes over take their places in the list only.
static void _gwt_walk_tiles_cost(_gwt_walk *w, _gwt_cost *most)
{
    const _gwt_plan *plan = w->plan;
    double all = 0;
    int i = 0;
    for (; i < w->area->num_nodes && w->area->nodes[i] < plan->num_passes; i++)
        w->bytes[w->area->nodes[i]] = 0;
    for (; i < w->area->num_nodes; i++) {
        int view = w->area->nodes[i] - plan->num_passes;
        const _gwt_view_plan *vp = &plan->views[view];
        if (_gwt_rect_empty(&w->rects[w->area->nodes[i]])) continue;
        const _gwt_view *v = &w->views[view];
        int64_t listed = v->down * v->across * (vp->source->planar ? vp->num_bands : 1);
        double bytes = (double)v->asked * (double)vp->source->tile_bytes
                     + (double)(listed - v->asked) * (double)(sizeof(_gwt_ask) + sizeof(void *));
        all += bytes;
        w->bytes[vp->pass] += bytes;
        most->pass_tiles = fmax(most->pass_tiles, w->bytes[vp->pass]);
    }
    most->tiles = fmax(most->tiles, all);
}

// Walk a piece, list all its tiles, and raise `most` to what it costs.
static bool _gwt_walk_cost(_gwt_walk *w, const _gwt_rect *piece, _gwt_cost *most)
{
    if (!_gwt_walk_piece(w, piece) || !_gwt_walk_tiles(w, 0, w->plan->num_passes)) return false;
    _gwt_walk_planes_cost(w, most);
    _gwt_walk_tiles_cost(w, most);
    return true;
}

static void _gwt_cost_join(_gwt_cost *to, const _gwt_cost *c)
{
    to->planes = fmax(to->planes, c->planes);
    to->largest = fmax(to->largest, c->largest);
    to->work = fmax(to->work, c->work);
    to->tiles = fmax(to->tiles, c->tiles);
    to->pass_tiles = fmax(to->pass_tiles, c->pass_tiles);
}

// For each tile of the plan's sources, how many pieces are still to ask for it, as often as each of
// them does. Two bytes a tile: a twelfth of what a source knows of its tiles anyway. Workers count
// at the same time, so that the numbers are atomic, but nothing else follows from them. One that
// would be too large stays the largest for ever: such a tile is kept until the clock hand comes by,
// as one is of which too many uses are expected because other ranks do some of the pieces, or
// because they were done before the job was resumed.
typedef _Atomic uint16_t _gwt_uses_left;

static void _gwt_uses_add(_gwt_uses_left *u)
{
    uint16_t n = atomic_load_explicit(u, memory_order_relaxed);
    while (n < UINT16_MAX
           && !atomic_compare_exchange_weak_explicit(u, &n, (uint16_t)(n + 1),
                                                     memory_order_relaxed, memory_order_relaxed))
        continue;
}

static void _gwt_uses_drop(_gwt_uses_left *u)
{
    if (atomic_load_explicit(u, memory_order_relaxed) < UINT16_MAX)
        atomic_fetch_sub_explicit(u, 1, memory_order_relaxed);
}

static int64_t _gwt_uses_of(_gwt_uses_left *u)
{
    uint16_t n = atomic_load_explicit(u, memory_order_relaxed);
    return n < UINT16_MAX ? n : INT64_MAX;
}

_GWT_FOR_SPEED

// >>step --------------------------------------------------------------------------------------
// Operations that look at more than one pixel: from the planes of one pass to those of the next,
// over rectangles. Every result depends on the pixels it is made of and on their places in the
// image only, so that pieces may be cut anywhere.

// What a pass filled for this piece: [plane][row][col] of rect.
typedef struct _gwt_planes { double *data; size_t room; _gwt_rect rect; } _gwt_planes;

// Memory that a step needs while it runs; grows to what is asked for and stays.
typedef struct _gwt_work { double *data; size_t room; } _gwt_work;

static double *_gwt_work_room(gwt *g, _gwt_work *w, size_t doubles)
{
    if (doubles <= w->room) return w->data;
    _gwt_aligned_free(w->data);
    w->room = 0;
    w->data = doubles < SIZE_MAX / 16 ? _gwt_aligned(g, doubles * sizeof *w->data) : NULL;
    if (w->data) w->room = doubles;
    return w->data;
}

static const double *_gwt_planes_row(const _gwt_planes *p, int plane, int64_t row)
{
    return p->data + (plane * p->rect.rows + row - p->rect.row) * p->rect.cols;
}

// Mirrored at the edges with the edge repeated: .. 1 0 | 0 1 .. n-1 | n-1 n-2 ..
static int64_t _gwt_reflect(int64_t i, int64_t n)
{
    i %= 2 * n;
    if (i < 0) i += 2 * n;
    return i < n ? i : 2 * n - 1 - i;
}

// ---- moving windows
// Sums, minima and maxima over w x w cells at a cost per pixel that grows with log2(w): first along
// rows, then along columns. The joins of 2, 4, 8 .. neighbours are made each from two of the one
// before, and those of w's binary digits joined: plain loops over whole arrays. Which cells are
// joined in which order depends on their place in the window only, not on where a piece begins.

typedef enum _gwt_join { _GWT_JOIN_SUM, _GWT_JOIN_MIN, _GWT_JOIN_MAX } _gwt_join;

// Under a sanitizer clang makes no vectors, and would say so.
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

// b may lie ahead in the array of `to`.
_GWT_LOOP static void _gwt_join_all(_gwt_join join, double *to, const double *b, size_t n)
{
    if (join == _GWT_JOIN_SUM) _GWT_BEHIND _GWT_EACH to[i] += b[i];
    else if (join == _GWT_JOIN_MIN) _GWT_BEHIND _GWT_EACH to[i] = b[i] < to[i] ? b[i] : to[i];
    else _GWT_BEHIND _GWT_EACH to[i] = b[i] > to[i] ? b[i] : to[i];
}

#if defined(__clang__)
#pragma clang diagnostic pop
#endif

// Windows of w cells, `apart` values from one another, of n + w - 1 times `apart` values. Those are
// scribbled on.
_GWT_CALLED static void _gwt_window_joins(_gwt_join join, double *v, size_t n, size_t w,
                                          size_t apart, double *to)
{
    size_t have = 0, left = n + w - 1;
    for (size_t span = 1; span <= w; span *= 2) {
        if (w & span) {     // v[i] is the join of `span` cells from i on
            if (have) _gwt_join_all(join, to, v + have * apart, n * apart);
            else memcpy(to, v, n * apart * sizeof *to);
            have += span;
        }
        if (2 * span > w) break;
        left -= span;
        _gwt_join_all(join, v, v + span * apart, left * apart);
    }
}

// What is summed of a cell; missing cells count nothing.
typedef enum _gwt_term { _GWT_TERM_VALUE, _GWT_TERM_SQUARE, _GWT_TERM_VALID } _gwt_term;

static void _gwt_window_terms(double *v, int64_t n, _gwt_term term, _gwt_join join)
{
    double none = join == _GWT_JOIN_SUM ? 0 : join == _GWT_JOIN_MIN ? INFINITY : -INFINITY;
    _GWT_ONE_BY_ONE for (int64_t i = 0; i < n; i++) {
        double x = v[i], used = term == _GWT_TERM_VALUE ? x : term == _GWT_TERM_SQUARE ? x * x : 1;
        v[i] = x != x ? none : used;
    }
}

// One row of the image with the window's margin on both sides, mirrored.
static void _gwt_window_mirror(const _gwt_planes *in, const _gwt_step *s, int64_t row,
                               const _gwt_rect *q, double *to)
{
    int64_t all = q->cols + 2 * s->reach[1], col = q->col - s->reach[1];
    const double *from = _gwt_planes_row(in, 0, _gwt_reflect(row, s->in_height)) - in->rect.col;
    int64_t left = _gwt_min64(_gwt_max64(-col, 0), all);
    int64_t right = _gwt_max64(_gwt_min64(s->in_width - col, all), left);
    for (int64_t i = 0; i < left; i++) to[i] = from[_gwt_reflect(col + i, s->in_width)];
    memcpy(to + left, from + col + left, (size_t)(right - left) * sizeof *to);
    for (int64_t i = right; i < all; i++) to[i] = from[_gwt_reflect(col + i, s->in_width)];
}

// One quantity over all windows of the rectangle. `work` has room for rows + w rows of q->cols, and
// a line more.
static void _gwt_window_joined(const _gwt_step *s, const _gwt_planes *in, const _gwt_rect *q,
                               _gwt_term term, _gwt_join join, double *work, double *to)
{
    int64_t h = s->reach[0], rows = q->rows + 2 * h, line = q->cols + 2 * h;
    size_t cols = (size_t)q->cols, w = (size_t)(2 * h + 1);
    double *mirrored = work, *across = work + line;
    for (int64_t i = 0; i < rows; i++) {
        _gwt_window_mirror(in, s, q->row - h + i, q, mirrored);
        _gwt_window_terms(mirrored, line, term, join);
        _gwt_window_joins(join, mirrored, cols, w, 1, across + (size_t)i * cols);
    }
    _gwt_window_joins(join, across, (size_t)q->rows, w, cols, to);
}

static bool _gwt_any_missing(const _gwt_planes *p)
{
    size_t n = (size_t)(p->rect.rows * p->rect.cols), i = 0;
    while (i < n) {
        int64_t missing = 0;
        for (size_t end = i + 1024 < n ? i + 1024 : n; i < end; i++)
            missing |= p->data[i] != p->data[i];
        if (missing) return true;
    }
    return false;
}

// mean = S1 / n; var = (n S2 - S1 S1) / (n n), with sums of values and of squares.
static void _gwt_window_moments(int stat, double *out, const double *squares, const double *counts,
                                double count, size_t n)
{
    for (size_t i = 0; i < n && stat == GWT_MEAN; i++) out[i] /= counts ? counts[i] : count;
    for (size_t i = 0; i < n && stat != GWT_MEAN; i++) {
        double c = counts ? counts[i] : count;
        if (stat == GWT_SUM) {
            out[i] = c > 0 ? out[i] : (double)NAN;
        } else {
            double var = (c * squares[i] - out[i] * out[i]) / (c * c);
            var = var < 0 ? 0 : var;
            out[i] = stat == GWT_STD ? sqrt(var) : var;
        }
    }
}

// -0 before 0: else which of them comes out would depend on the order in which they came in.
static int _gwt_compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x == y ? !!signbit(y) - !!signbit(x) : (x > y) - (x < y);
}

// A percentile by linear interpolation, numpy's default: at place `at` of the sorted values, which
// lies between a and b.
_GWT_CALLED static double _gwt_percentile_between(double a, double b, double at)
{
    double part = at - floor(at);
    if (part == 0 || a == b) return a;
    if (isinf(a) || isinf(b)) return !isinf(b) ? a : !isinf(a) ? b : (double)NAN;
    return part < 0.5 ? a + (b - a) * part : b - (b - a) * (1 - part);
}

static double _gwt_percentile_sorted(const double *v, size_t n, double p)
{
    if (n == 0) return (double)NAN;
    double at = (double)(n - 1) * (p / 100);
    size_t lo = (size_t)at, hi = lo + 1 < n ? lo + 1 : lo;
    return _gwt_percentile_between(v[lo], v[hi], at);
}

_GWT_FOR_SIZE

static double _gwt_mode_sorted(const double *v, size_t n)
{
    double mode = (double)NAN;
    size_t most = 0;
    for (size_t i = 0, run; i < n; i += run) {
        for (run = 1; i + run < n && v[i + run] == v[i]; run++) continue;
        if (run <= most) continue;
        most = run;
        mode = v[i];
    }
    return mode;
}

// The cells of one window: line k of it begins at rows + (first + k) % w * line.
typedef struct _gwt_cells {
    const double *rows;
    int64_t first, w, line;
    double *room;               // w * w: of a percentile and a mode the values, with weights those
} _gwt_cells;

static double _gwt_window_ranked(const _gwt_step *s, const _gwt_cells *x)
{
    size_t n = 0;
    for (int64_t k = 0; k < x->w; k++)
        for (int64_t j = 0; j < x->w; j++)
            if (!isnan(x->rows[k * x->line + j])) x->room[n++] = x->rows[k * x->line + j];
    qsort(x->room, n, sizeof *x->room, _gwt_compare_doubles);
    return s->method == GWT_MODE ? _gwt_mode_sorted(x->room, n)
                                 : _gwt_percentile_sorted(x->room, n, s->parameter);
}

// 1 - d / D: nothing at the corners.
static void _gwt_window_weights(int64_t w, double *weights)
{
    double h = (double)(w / 2), corner = w > 1 ? hypot(h, h) : 1;
    for (int64_t k = 0; k < w * w; k++)
        weights[k] = 1 - hypot((double)(k / w) - h, (double)(k % w) - h) / corner;
}

_GWT_FOR_SPEED

static double _gwt_window_weighted(const _gwt_step *s, const _gwt_cells *x)
{
    double sum = 0, squares = 0, weights = 0, mean = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t k = 0; k < x->w; k++) {
            const double *row = x->rows + (x->first + k) % x->w * x->line;
            const double *weight = x->room + k * x->w;
            for (int64_t j = 0; j < x->w; j++) {
                if (isnan(row[j]) || weight[j] == 0) continue;
                if (pass == 0) sum += row[j] * weight[j], weights += weight[j];
                else squares += weight[j] * (row[j] - mean) * (row[j] - mean);
            }
        }
        if (!(weights > 0)) return (double)NAN;
        mean = sum / weights;
        if (s->method == GWT_SUM) return sum;
        if (s->method == GWT_MEAN) return mean;
    }
    return s->method == GWT_STD ? sqrt(squares / weights) : squares / weights;
}

_GWT_FOR_SIZE

// Statistics that look at every cell of every window.
static void _gwt_window_each(const _gwt_action *action, const _gwt_step *s, const _gwt_planes *in,
                             const _gwt_rect *q, double *work, double *to)
{
    int64_t h = s->reach[0], w = 2 * h + 1, line = q->cols + w - 1;
    double *rows = work, *room = rows + w * line;
    if (s->weighted) _gwt_window_weights(w, room);
    for (int64_t i = 0; i < q->rows; i++) {
        for (int64_t k = 0; k < w; k++)
            if (i == 0 || k == w - 1)
                _gwt_window_mirror(in, s, q->row - h + i + k, q, rows + (i + k) % w * line);
        for (int64_t c = 0; c < q->cols; c++) {
            if (_gwt_over(action)) return;      // a large window takes a tenth of a second
            _gwt_cells x = { rows + c, i % w, w, line, room };
            to[i * q->cols + c] =
                s->weighted ? _gwt_window_weighted(s, &x) : _gwt_window_ranked(s, &x);
        }
    }
}

static bool _gwt_step_window(const _gwt_action *action, const _gwt_step *s,
                             const _gwt_planes *in, _gwt_planes *out, _gwt_work *work)
{
    const _gwt_rect *q = &out->rect;
    int64_t w = 2 * s->reach[0] + 1;
    bool each = _gwt_step_sees_each(s);
    size_t n = (size_t)(q->rows * q->cols);
    double *to = _gwt_work_room(action->g, work, _gwt_step_room(s, q));
    if (!to) return false;
    double *squares = to, *counts = squares + n, *room = counts + n;
    if (each) {
        _gwt_window_each(action, s, in, q, room, out->data);
        return true;
    }
    bool missing = _gwt_any_missing(in), least = s->method == GWT_MIN,
         range = s->method == GWT_RANGE;
    if (missing) _gwt_window_joined(s, in, q, _GWT_TERM_VALID, _GWT_JOIN_SUM, room, counts);
    if (least || range || s->method == GWT_MAX) {
        _gwt_window_joined(s, in, q, _GWT_TERM_VALUE, least ? _GWT_JOIN_MIN : _GWT_JOIN_MAX, room,
                           out->data);
        if (range)
            _gwt_window_joined(s, in, q, _GWT_TERM_VALUE, _GWT_JOIN_MIN, room, squares);
        for (size_t i = 0; range && i < n; i++) out->data[i] -= squares[i];
        for (size_t i = 0; missing && i < n; i++) if (counts[i] == 0) out->data[i] = (double)NAN;
        return true;
    }
    if (s->method == GWT_COUNT) {
        _gwt_window_joined(s, in, q, _GWT_TERM_VALID, _GWT_JOIN_SUM, room, out->data);
        return true;
    }
    _gwt_window_joined(s, in, q, _GWT_TERM_VALUE, _GWT_JOIN_SUM, room, out->data);
    if (s->method == GWT_STD || s->method == GWT_VAR)
        _gwt_window_joined(s, in, q, _GWT_TERM_SQUARE, _GWT_JOIN_SUM, room, squares);
    _gwt_window_moments(s->method, out->data, squares, missing ? counts : NULL, (double)(w * w), n);
    return true;
}

// ---- resampling
// GDAL's rules (warper): the kernel is centred on the centre of the new cell and stretched by the
// ratio of the cells when the new one is larger; weights of missing cells are left out and the
// rest made to sum to one.

static double _gwt_kernel_weight(int method, double d)
{
    d = fabs(d);
    if (method == GWT_BILINEAR) return d < 1 ? 1 - d : 0;
    // Keys (1981), a = -0.5
    if (d < 1) return (1.5 * d - 2.5) * d * d + 1;
    return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
}

// Weights of the cells for new cell i along an axis into `weight`.
static _gwt_taps _gwt_taps_of(const _gwt_step *s, int method, int axis, int64_t i, double *weight)
{
    double scale = s->scale[axis], at = ((double)i + 0.5) * scale + s->origin[axis];
    double stretch = scale > 1 ? scale : 1, radius = method == GWT_CUBIC ? 2 * stretch : stretch;
    double from = method == GWT_AVERAGE ? at - scale / 2 : at - radius;
    double to = method == GWT_AVERAGE ? at + scale / 2 : at + radius;
    int64_t size = axis == 0 ? s->in_height : s->in_width, first, last;
    if (method == GWT_NEAREST) {
        first = last = (int64_t)floor(at + 1e-10);
    } else if (method == GWT_AVERAGE) {
        first = (int64_t)floor(from + 1e-8), last = (int64_t)ceil(to - 1e-8) - 1;
    } else {
        first = (int64_t)ceil(from - 0.5), last = (int64_t)floor(to - 0.5);
    }
    bool inside = first >= 0 && last < size;
    first = _gwt_max64(first, 0), last = _gwt_min64(last, size - 1);
    for (int64_t k = first; k <= last; k++) {
        double w = 1;
        if (method == GWT_AVERAGE) w = fmin(to, (double)k + 1) - fmax(from, (double)k);
        else if (method != GWT_NEAREST)
            w = _gwt_kernel_weight(method, ((double)k + 0.5 - at) / stretch);
        weight[k - first] = w;
    }
    return (_gwt_taps){ first, last < first ? 0 : (int)(last - first + 1), weight, inside };
}

_GWT_FOR_SPEED

static double _gwt_resample_cell(const _gwt_planes *in, int plane, const _gwt_taps *y,
                                 const _gwt_taps *x)
{
    double sum = 0, weights = 0;
    for (int i = 0; i < y->n; i++) {
        const double *row = _gwt_planes_row(in, plane, y->first + i) + x->first - in->rect.col;
        for (int j = 0; j < x->n; j++) {
            double w = y->weight[i] * x->weight[j];
            if (row[j] != row[j] || w == 0) continue;
            sum += w * row[j];
            weights += w;
        }
    }
    return fabs(weights) > 1e-12 ? sum / weights : (double)NAN;
}

// Bilinear and cubic say missing where the cell under the centre is.
static bool _gwt_resample_hole(const _gwt_step *s, const _gwt_planes *in, int plane, int64_t row,
                               int64_t col)
{
    int64_t y = (int64_t)floor(((double)row + 0.5) * s->scale[0] + s->origin[0] + 1e-10);
    int64_t x = (int64_t)floor(((double)col + 0.5) * s->scale[1] + s->origin[1] + 1e-10);
    if (y < 0 || y >= s->in_height || x < 0 || x >= s->in_width) return true;
    return isnan(_gwt_planes_row(in, plane, y)[x - in->rect.col]);
}

static bool _gwt_step_resample(const _gwt_action *action, const _gwt_step *s,
                               const _gwt_planes *in, _gwt_planes *out, _gwt_work *work)
{
    const _gwt_rect *q = &out->rect;
    int method = s->method, most_y = _gwt_taps_max(s, 0), most_x = _gwt_taps_max(s, 1);
    size_t weights = (size_t)q->cols * (size_t)most_x,
           taps = ((size_t)q->cols * sizeof(_gwt_taps) + 7) / 8;
    double *room = _gwt_work_room(action->g, work, _gwt_step_room(s, q));
    if (!room) return false;
    double *wx = room, *wx2 = wx + weights, *wy = wx2 + weights, *wy2 = wy + most_y;
    _gwt_taps *x = (_gwt_taps *)(void *)(wy2 + most_y),
              *x2 = (_gwt_taps *)(void *)(wy2 + most_y + taps);
    // A cubic kernel that is not stretched falls back to bilinear where it leaves the image.
    bool falls_back = method == GWT_CUBIC && s->scale[0] <= 1 && s->scale[1] <= 1;
    for (int64_t c = 0; c < q->cols; c++) {
        x[c] = _gwt_taps_of(s, method, 1, q->col + c, wx + c * most_x);
        if (falls_back) x2[c] = _gwt_taps_of(s, GWT_BILINEAR, 1, q->col + c, wx2 + c * most_x);
    }
    bool heavy = (int64_t)most_y * most_x > 4096;   // such cells take a while each
    for (int64_t r = 0; r < q->rows && !_gwt_over(action); r++) {
        _gwt_taps y = _gwt_taps_of(s, method, 0, q->row + r, wy), y2 = { 0 };
        if (falls_back) y2 = _gwt_taps_of(s, GWT_BILINEAR, 0, q->row + r, wy2);
        for (int64_t c = 0; c < q->cols && !(heavy && _gwt_over(action)); c++) {
            bool back = falls_back && !(y.inside && x[c].inside);
            double v = _gwt_resample_cell(in, 0, back ? &y2 : &y, back ? &x2[c] : &x[c]);
            if ((method == GWT_BILINEAR || method == GWT_CUBIC)
                && _gwt_resample_hole(s, in, 0, q->row + r, q->col + c))
                v = (double)NAN;
            out->data[r * q->cols + c] = v;
        }
    }
    return true;
}

// ---- a user's function

_GWT_FOR_SIZE

static bool _gwt_step_apply(const _gwt_action *action, const _gwt_step *s,
                            const _gwt_planes *in, _gwt_planes *out, _gwt_work *work)
{
    const _gwt_rect *q = &out->rect;
    int64_t h = s->reach[0], rows = q->rows + 2 * h, cols = q->cols + 2 * h;
    double *halo = _gwt_work_room(action->g, work, _gwt_step_room(s, q));
    if (!halo) return false;
    for (int p = 0; p < s->num_args; p++)
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < cols; c++) {
                int64_t y = q->row - h + r, x = q->col - h + c;
                bool in_image = y >= 0 && y < s->in_height && x >= 0 && x < s->in_width;
                halo[(p * rows + r) * cols + c] =
                    in_image ? _gwt_planes_row(in, p, y)[x - in->rect.col] : (double)NAN;
            }
    gwt_kernel k = { .g = action->g, .row = q->row, .col = q->col, .rows = q->rows, .cols = q->cols,
                     .halo = (int)h, .planes_in = s->num_args, .planes_out = s->num_planes,
                     .in = halo, .out = out->data };
    _gwt_lane *lane = _gwt_lane_here();
    _gwt_lane_enter(lane, (gwt_event){ .stage = GWT_STAGE_USER, .tile = -1, .row = q->row,
                                       .col = q->col, .rows = q->rows, .cols = q->cols });
    int code = s->fn(&k, s->user);
    _gwt_lane_leave(lane, 0, 0);
    if (code == 0) return true;
    return _gwt_fail(action->g, GWT_E_USER,
                     "the kernel for rows %lld..%lld, columns %lld..%lld returned %d",
                     (long long)q->row, (long long)(q->row + q->rows - 1), (long long)q->col,
                     (long long)(q->col + q->cols - 1), code);
}

static bool _gwt_step_run(const _gwt_action *action, const _gwt_step *s,
                          const _gwt_planes *in, _gwt_planes *out, _gwt_work *work)
{
    if (s->kind == _GWT_STEP_WINDOW) return _gwt_step_window(action, s, in, out, work);
    if (s->kind == _GWT_STEP_RESAMPLE) return _gwt_step_resample(action, s, in, out, work);
    return _gwt_step_apply(action, s, in, out, work);
}

_GWT_FOR_SPEED

// >>vm ----------------------------------------------------------------------------------------
// Runs a program over one piece of the image, strip by strip. A strip is as many pixels as keep
// the registers in the first-level cache; every instruction is one plain loop over it, which the
// compiler vectorises. Results do not depend on where strips begin: each pixel is computed alone,
// by the same operations in the same order. Each operation is a loop of its own, so no compiler
// can contract a multiplication and an addition into one rounding.

// Loops of the common ones are made for newer processors, too; each type costs 5 KB of text.
#define _GWT_COMMON_TYPES(X) \
    X(GWT_UINT8, uint8_t) X(GWT_UINT16, uint16_t) X(GWT_INT16, int16_t) \
    X(GWT_FLOAT32, float) X(GWT_FLOAT64, double)
#define _GWT_RARE_TYPES(X) \
    X(GWT_INT8, int8_t) X(GWT_UINT32, uint32_t) X(GWT_INT32, int32_t) X(GWT_UINT64, uint64_t) \
    X(GWT_INT64, int64_t)
#define _GWT_TYPES(X) _GWT_COMMON_TYPES(X) _GWT_RARE_TYPES(X)

// Those that a program in float32 may load.
#define _GWT_NARROW_TYPES(X) \
    X(GWT_UINT8, uint8_t) X(GWT_INT8, int8_t) X(GWT_UINT16, uint16_t) X(GWT_INT16, int16_t)

#define _GWT_STRIP_BYTES (32 << 10)
#define _GWT_STRIP_MIN 256
#define _GWT_STRIP_MAX 4096

// Kernels from register to register run over a whole number of these and spare compilers the loops
// for the rest: a register has room for a multiple of 64 numbers, and what lies behind the pixels
// of a strip is computed with and never looked at.
#define _GWT_LANES 64
#define _GWT_WHOLE(n) (((n) + _GWT_LANES - 1) & ~(size_t)(_GWT_LANES - 1))

// ---- moving: n samples, so many samples apart

typedef void _gwt_move_fn(void *restrict to, const void *restrict from, size_t n, size_t to_step,
                          size_t from_step);

// As vectors clang compiles what is one sample apart, which does not come here.
#if defined(__clang__)
#define _GWT_IN_TWOS _Pragma("clang loop vectorize(disable) unroll_count(2)")
#else
#define _GWT_IN_TWOS _GWT_ONE_BY_ONE
#endif

#define X(name, ctype) \
    static void _gwt_move_##name(void *restrict to, const void *restrict from, size_t n, \
                                 size_t to_step, size_t from_step) \
    { \
        ctype *d = to; \
        const ctype *s = from; \
        _GWT_IN_TWOS for (size_t i = 0; i < n; i++) d[i * to_step] = s[i * from_step]; \
    }
X(1, uint8_t) X(2, uint16_t) X(4, uint32_t) X(8, uint64_t)
#undef X

// A band of images of three and of four, whose pixels are small: with AVX2 gcc's vectors of those
// take half the time. clang's would take as long as two samples a turn, and six times the text.
#if !defined(__clang__)
#define X(name, ctype, step) \
    _GWT_LOOP static void _gwt_move_##name##_of_##step(void *restrict to, \
                                                       const void *restrict from, size_t n, \
                                                       size_t to_step, size_t from_step) \
    { \
        ctype *d = to; \
        const ctype *s = from; \
        (void)to_step, (void)from_step; \
        _GWT_EACH d[i] = s[i * step]; \
    }
X(1, uint8_t, 3) X(1, uint8_t, 4) X(2, uint16_t, 3) X(2, uint16_t, 4)
#undef X
#endif

static _gwt_move_fn *_gwt_move_of(size_t size, size_t to_step, size_t from_step)
{
    static _gwt_move_fn *const any[] = {
        [1] = _gwt_move_1, [2] = _gwt_move_2, [4] = _gwt_move_4, [8] = _gwt_move_8
    };
#if !defined(__clang__)
    static _gwt_move_fn *const band[][3] = {
        [3] = { NULL, _gwt_move_1_of_3, _gwt_move_2_of_3 },
        [4] = { NULL, _gwt_move_1_of_4, _gwt_move_2_of_4 },
    };
    bool small = to_step == 1 && size <= 2 && (from_step == 3 || from_step == 4);
    if (small) return band[from_step][size];
#endif
    (void)to_step, (void)from_step;
    return any[size];
}

// Samples that lie apart are converted by way of a buffer, so many at once.
#define _GWT_GATHER 256

// ---- loading: n samples to `real` (double or float); nodata to NaN

// Compared as `real`, all in one width, which is what compilers can vectorise; only of 64 bits can
// two samples be one `real`. Nothing equals NaN.
#define _GWT_LOAD(real, name, ctype) \
    static void name(void *restrict to, const void *restrict from, size_t n, bool masked, \
                     uint64_t raw) \
    { \
        real *d = to; \
        const ctype *s = from; \
        ctype nodata; \
        memcpy(&nodata, &raw, sizeof nodata); \
        const real missing = masked ? (real)nodata : (real)NAN; \
        _GWT_EACH { \
            real v = (real)s[i]; \
            bool absent = v == missing && (sizeof *s < 8 || s[i] == nodata); \
            d[i] = absent ? (real)NAN : v; \
        } \
    }
#define X(type, ctype) _GWT_LOOP _GWT_LOAD(double, _gwt_load_##type, ctype)
_GWT_COMMON_TYPES(X)
#undef X
#define X(type, ctype) _GWT_SMALL _GWT_LOAD(double, _gwt_load_##type, ctype)
_GWT_RARE_TYPES(X)
#undef X
#define X(type, ctype) _GWT_LOOP _GWT_LOAD(float, _gwt_narrow_load_##type, ctype)
X(GWT_UINT8, uint8_t) X(GWT_UINT16, uint16_t) X(GWT_INT16, int16_t)
#undef X
_GWT_SMALL _GWT_LOAD(float, _gwt_narrow_load_GWT_INT8, int8_t)

// To doubles, to floats.
typedef void _gwt_load_fn(void *to, const void *from, size_t n, bool masked, uint64_t raw);
static _gwt_load_fn *const _gwt_loads[2][GWT_FLOAT64 + 1] = {
#define X(type, ctype) [type] = _gwt_load_##type,
    { _GWT_TYPES(X) },
#undef X
#define X(type, ctype) [type] = _gwt_narrow_load_##type,
    { _GWT_NARROW_TYPES(X) }
#undef X
};

static void _gwt_vm_load(gwt_dtype dtype, bool narrow, char *to, const char *from, size_t n,
                         size_t step, bool masked, uint64_t raw)
{
    _gwt_load_fn *load = _gwt_loads[narrow][dtype];
    size_t size = gwt_dtype_size(dtype), real = narrow ? sizeof(float) : sizeof(double);
    uint64_t near[_GWT_GATHER];
    if (step == 1) {
        load(to, from, n, masked, raw);
        return;
    }
    _gwt_move_fn *gather = _gwt_move_of(size, 1, step);
    for (size_t some; n > 0; n -= some, to += some * real, from += some * step * size) {
        some = n < _GWT_GATHER ? n : _GWT_GATHER;
        gather(near, from, some, 1, step);
        load(to, near, some, masked, raw);
    }
}

// ---- storing: NaN as the nodata value, integers rounded to nearest, ties to even, saturated

// Adding 1.5 * 2^52 rounds any |v| < 2^51 as the processor does, ties to even, and leaves it in the
// low bits, negative ones too; it needs doubles to be computed as doubles.
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 0
static inline uint64_t _gwt_round_bits(double v)
{
    uint64_t bits;
    v += 6755399441055744.0;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

// All bits of an integer, of NaN 0; and back. |v| < 2^51.
static inline uint64_t _gwt_near_bits(double v)
{
    return (_gwt_round_bits(v) & (((uint64_t)1 << 52) - 1)) - ((uint64_t)1 << 51);
}

static inline double _gwt_bits_near(uint64_t bits)
{
    double v;
    bits += (uint64_t)0x4338 << 48;     // those of 1.5 * 2^52
    memcpy(&v, &bits, sizeof v);
    return v - 6755399441055744.0;
}

// Of |v| < 2^51, of which 0 has no sign.
static inline double _gwt_near_small(double v)
{
    return v + 6755399441055744.0 - 6755399441055744.0;
}

// What is whole next to v, ties to even, of its sign, 0 too; from 2^52 on all is whole.
static inline double _gwt_near(double v)
{
    double size = fabs(v), ones = size < 0x1p52 ? 0x1p52 : 0.0;
    return copysign(size + ones - ones, v);
}
#else
static inline double _gwt_near(double v) { return nearbyint(v); }
static inline double _gwt_near_small(double v) { return nearbyint(v) + 0.0; }
static inline uint64_t _gwt_round_bits(double v) { return (uint64_t)(int64_t)nearbyint(v); }
static inline uint64_t _gwt_near_bits(double v) { return v != v ? 0 : (uint64_t)(int64_t)v; }
static inline double _gwt_bits_near(uint64_t bits) { return (double)(int64_t)bits; }
#endif

// 0 is added, not taken away: gcc would make a jump of that.
static inline double _gwt_floor(double v)
{
    return _gwt_near(v) + (_gwt_near(v) > v ? -1.0 : 0.0);
}

static inline double _gwt_floor_small(double v)
{
    return _gwt_near_small(v) + (_gwt_near_small(v) > v ? -1.0 : 0.0);
}

// Each chooses in one width, before or after the conversion, which is what can be vectorised.
#define _GWT_STORE_SMALL(ctype, lo, hi) \
    double v = from[i], held = v < (lo) ? (lo) : v > (hi) ? (hi) : v; \
    held = v != v ? missing : held; \
    d[i] = (ctype)_gwt_round_bits(held);
#define _GWT_STORE_LARGE(ctype, lo, hi, max) \
    double v = from[i]; \
    d[i] = v != v ? nodata : v >= (hi) ? (max) : v <= (lo) ? (ctype)(lo) : (ctype)nearbyint(v);
#define _GWT_STORE_FLOAT(ctype) \
    ctype v = (ctype)from[i]; \
    d[i] = v != v ? nodata : v;

#define _GWT_COMMON_STORES(X) \
    X(GWT_UINT8, uint8_t, _GWT_STORE_SMALL(uint8_t, 0.0, 255.0)) \
    X(GWT_UINT16, uint16_t, _GWT_STORE_SMALL(uint16_t, 0.0, 65535.0)) \
    X(GWT_INT16, int16_t, _GWT_STORE_SMALL(int16_t, -32768.0, 32767.0)) \
    X(GWT_FLOAT32, float, _GWT_STORE_FLOAT(float)) \
    X(GWT_FLOAT64, double, _GWT_STORE_FLOAT(double))
#define _GWT_RARE_STORES(X) \
    X(GWT_INT8, int8_t, _GWT_STORE_SMALL(int8_t, -128.0, 127.0)) \
    X(GWT_UINT32, uint32_t, _GWT_STORE_SMALL(uint32_t, 0.0, 4294967295.0)) \
    X(GWT_INT32, int32_t, _GWT_STORE_SMALL(int32_t, -2147483648.0, 2147483647.0)) \
    X(GWT_UINT64, uint64_t, _GWT_STORE_LARGE(uint64_t, 0.0, 0x1p64, UINT64_MAX)) \
    X(GWT_INT64, int64_t, _GWT_STORE_LARGE(int64_t, -0x1p63, 0x1p63, INT64_MAX))

#define _GWT_STORE(name, real, ctype, ...) \
    static void name(void *restrict to, const void *restrict strip, size_t n, uint64_t raw) \
    { \
        const real *from = strip; \
        ctype *d = to; \
        ctype nodata; \
        memcpy(&nodata, &raw, sizeof nodata); \
        const double missing = (double)nodata; \
        (void)missing; \
        _GWT_EACH { __VA_ARGS__ } \
    }
#define X(type, ctype, store) _GWT_LOOP _GWT_STORE(_gwt_store_##type, double, ctype, store)
_GWT_COMMON_STORES(X)
#undef X
#define X(type, ctype, store) _GWT_SMALL _GWT_STORE(_gwt_store_##type, double, ctype, store)
_GWT_RARE_STORES(X)
#undef X
_GWT_LOOP _GWT_STORE(_gwt_narrow_store_row, float, float, _GWT_STORE_FLOAT(float))

typedef void _gwt_store_fn(void *to, const void *strip, size_t n, uint64_t raw);
static _gwt_store_fn *const _gwt_stores[] = {
#define X(type, ctype, store) [type] = _gwt_store_##type,
    _GWT_COMMON_STORES(X) _GWT_RARE_STORES(X)
#undef X
};

// A row of doubles, or of floats as float32.
static void _gwt_vm_store_row(gwt_dtype dtype, bool narrow, char *to, const char *from, size_t n,
                              size_t step, uint64_t raw)
{
    _gwt_store_fn *store = narrow ? _gwt_narrow_store_row : _gwt_stores[dtype];
    size_t size = gwt_dtype_size(dtype), real = narrow ? sizeof(float) : sizeof(double);
    uint64_t near[_GWT_GATHER];
    if (step == 1) {
        store(to, from, n, raw);
        return;
    }
    _gwt_move_fn *spread = _gwt_move_of(size, step, 1);
    for (size_t some; n > 0; n -= some, to += some * step * size, from += some * real) {
        some = n < _GWT_GATHER ? n : _GWT_GATHER;
        store(near, from, some, raw);
        spread(to, near, some, step, 1);
    }
}

// ---- valid pixels that are stored as nodata
// Two steps: whether a row that has just been stored has any nodata in it, compared in its own
// width, many at once; only then, of the doubles it was made of, how many are valid.

#define X(name, ctype, truth, size) \
    size static bool _gwt_any_##name(const void *from, size_t n, uint64_t raw) \
    { \
        const ctype *s = from; \
        ctype is; \
        truth any = 0; \
        memcpy(&is, &raw, sizeof is); \
        _GWT_EACH any |= (truth)(s[i] == is); \
        return any != 0; \
    }
X(1, uint8_t, uint8_t, ) X(2, uint16_t, uint16_t, ) X(4, uint32_t, uint32_t, _GWT_SMALL)
X(8, uint64_t, uint64_t, _GWT_SMALL) X(float, float, uint32_t, ) X(double, double, uint64_t, )
#undef X

static bool _gwt_any_stored(gwt_dtype dtype, const void *from, size_t n, uint64_t raw)
{
    size_t size = gwt_dtype_size(dtype);
    if (dtype == GWT_FLOAT32) return _gwt_any_float(from, n, raw);
    if (dtype == GWT_FLOAT64) return _gwt_any_double(from, n, raw);
    return size == 1 ? _gwt_any_1(from, n, raw)
         : size == 2 ? _gwt_any_2(from, n, raw)
         : size == 4 ? _gwt_any_4(from, n, raw)
                     : _gwt_any_8(from, n, raw);
}

_GWT_FOR_SIZE

// The same, counted, of samples that lie apart: where there are any.
#define X(name, ctype) \
    static int64_t _gwt_count_##name(const void *from, size_t n, size_t step, uint64_t raw) \
    { \
        const ctype *s = from; \
        ctype is; \
        int64_t count = 0; \
        memcpy(&is, &raw, sizeof is); \
        for (size_t i = 0; i < n; i++) count += s[i * step] == is; \
        return count; \
    }
X(1, uint8_t) X(2, uint16_t) X(4, uint32_t) X(8, uint64_t)
#undef X

static int64_t _gwt_count_stored(size_t size, const void *from, size_t n, size_t step, uint64_t raw)
{
    return size == 1 ? _gwt_count_1(from, n, step, raw)
         : size == 2 ? _gwt_count_2(from, n, step, raw)
         : size == 4 ? _gwt_count_4(from, n, step, raw)
                     : _gwt_count_8(from, n, step, raw);
}

static int64_t _gwt_count_within(const double *v, size_t n, double least, double most)
{
    int64_t count = 0;
    _GWT_EACH count += (v[i] >= least) & (v[i] <= most);
    return count;
}

_GWT_FOR_SPEED

static int64_t _gwt_count_float32(const double *v, size_t n, float is)
{
    int32_t count = 0;      // a strip is short
    _GWT_EACH count += (float)v[i] == is;
    return count;
}

static int64_t _gwt_count_narrow(const float *v, size_t n, float is)
{
    int32_t count = 0;
    _GWT_EACH count += v[i] == is;
    return count;
}

static bool _gwt_any_nan(const double *from, size_t n)
{
    int64_t missing = 0;
    _GWT_EACH missing += from[i] != from[i];
    return missing > 0;
}

// ---- operations, in double, and those that programs in float32 are made of in that, too

// Every kernel: strips of what `first` and `second` point to; of one operand, the second is not
// there. A number as the second is _GWT_LANES times that number, and `step` is 0; else as many.
typedef void _gwt_kernel(void *to, const void *first, const void *second, size_t step, size_t n);

#define _GWT_UNARY(real, fn, expression) \
    static void fn(void *restrict to, const void *restrict first, const void *restrict second, \
                   size_t step, size_t n) \
    { \
        real *d = to; \
        const real *a = first; \
        (void)second, (void)step; \
        n = _GWT_WHOLE(n); \
        _GWT_EACH { real x = a[i]; d[i] = (real)(expression); } \
    }

// One loop for strips and for numbers: `second` goes on by `step` after each _GWT_LANES pixels.
#define _GWT_BINARY(real, fn, expression) \
    static void fn(void *restrict to, const void *restrict first, const void *restrict second, \
                   size_t step, size_t n) \
    { \
        real *d = to; \
        const real *a = first, *b = second; \
        _GWT_ONE_BY_ONE for (size_t left = _GWT_WHOLE(n); left > 0; left -= _GWT_LANES) { \
            _GWT_ONE_BY_ONE for (size_t i = 0; i < _GWT_LANES; i++) { \
                real x = a[i], y = b[i]; \
                d[i] = (real)(expression); \
            } \
            d += _GWT_LANES; \
            a += _GWT_LANES; \
            b += step; \
        } \
    }

#define X(name, expression) _GWT_LOOP_GCC _GWT_UNARY(double, _gwt_vm_##name, expression)
_GWT_UNARY_OPS(X)
_GWT_DOUBLE_OPS(X)
#undef X
#define X(name, expression) _GWT_LOOP _GWT_BINARY(double, _gwt_vm_##name, expression)
_GWT_FAST_OPS(X)
#undef X
#define X(name, expression) _GWT_LOOP_GCC _GWT_BINARY(double, _gwt_vm_##name, expression)
_GWT_PLAIN_OPS(X)
#undef X
#define X(name, expression) _GWT_UNARY(float, _gwt_narrow_##name, expression)
_GWT_UNARY_OPS(X)
#undef X
#define X(name, expression) _GWT_LOOP _GWT_BINARY(float, _gwt_narrow_##name, expression)
_GWT_FAST_OPS(X)
#undef X
#define X(name, expression) _GWT_BINARY(float, _gwt_narrow_##name, expression)
_GWT_PLAIN_OPS(X)
#undef X

#define X(name, expression) _GWT_LOOP _GWT_BINARY(double, _gwt_whole_##name, expression)
_GWT_WHOLE_FAST_OPS(X)
#undef X
#define X(name, expression) _GWT_LOOP_GCC _GWT_BINARY(double, _gwt_whole_##name, expression)
_GWT_WHOLE_OPS(X)
#undef X

// From MOD on.
static _gwt_kernel *const _gwt_whole_kernels[] = { _gwt_whole_MOD, _gwt_whole_DIV, _gwt_whole_AND,
                                                   _gwt_whole_OR, _gwt_whole_XOR, _gwt_whole_SHIFT,
                                                   _gwt_whole_SHIFT };

// In double; in float32, where _gwt_known_of knows nothing of the others.
static _gwt_kernel *const _gwt_kernels[2][_GWT_OP_EXP] = {
#define X(name, expression) [_GWT_OP_##name] = _gwt_vm_##name,
    { _GWT_UNARY_OPS(X) _GWT_BINARY_OPS(X) _GWT_DOUBLE_OPS(X) },
#undef X
#define X(name, expression) [_GWT_OP_##name] = _gwt_narrow_##name,
    { _GWT_UNARY_OPS(X) _GWT_BINARY_OPS(X) }
#undef X
};

// NaN stays when it is clipped.
#define _GWT_OTHERS(real, room) \
    static void room##fill(real *d, real v, size_t n) \
    { \
        _GWT_EACH d[i] = v; \
    } \
    _GWT_LOOP static void room##mask(real *restrict d, const real *restrict a, real nodata, \
                                     size_t n) \
    { \
        n = _GWT_WHOLE(n); \
        _GWT_EACH d[i] = a[i] == nodata ? (real)NAN : a[i]; \
    } \
    _GWT_LOOP static void room##clip(real *restrict d, const real *restrict a, real lo, real hi, \
                                     size_t n) \
    { \
        n = _GWT_WHOLE(n); \
        _GWT_EACH { \
            real x = a[i]; \
            x = x < lo ? lo : x; \
            d[i] = x > hi ? hi : x; \
        } \
    } \
    _GWT_LOOP static void room##where(real *restrict d, const real *c, const real *a, \
                                      const real *b, size_t n) \
    { \
        n = _GWT_WHOLE(n); \
        _GWT_EACH d[i] = c[i] != c[i] ? c[i] : c[i] != 0 ? a[i] : b[i]; \
    }
_GWT_OTHERS(double, _gwt_vm_)
_GWT_OTHERS(float, _gwt_narrow_)

static void _gwt_vm_cast(double *restrict d, const double *restrict a, gwt_dtype dtype, size_t n)
{
    double lo = _gwt_dtypes[dtype].lo, hi = _gwt_dtypes[dtype].hi;
    if (dtype == GWT_FLOAT32) {
        _GWT_EACH d[i] = (float)a[i];
    } else if (dtype == GWT_FLOAT64) {
        memcpy(d, a, n * sizeof *d);
    } else {
        _GWT_EACH {
            double x = a[i];
            x = x < lo ? lo : x;
            x = x > hi ? hi : x;
            d[i] = _gwt_near(x);
        }
    }
}

_GWT_FOR_SIZE

// floor(v + 0.5), held to the range of an integer type: little beside the interpolation before.
static void _gwt_vm_warped(double *restrict d, const double *restrict a, gwt_dtype dtype, size_t n)
{
    double lo = _gwt_dtypes[dtype].lo, hi = _gwt_dtypes[dtype].hi;
    _GWT_EACH {
        double x = a[i];
        x = x < lo ? lo : x;
        d[i] = floor((x > hi ? hi : x) + 0.5);
    }
}

// ---- one piece

// Where output samples go: sample (plane, row, col) of the piece at
// base + plane * plane_bytes + row * row_bytes + col * step * (bytes of a sample).
typedef struct _gwt_target { char *base; size_t plane_bytes, row_bytes, step; } _gwt_target;

// What a register holds all over a piece. A number that is known is not put there before somebody
// asks for the register.
enum { _GWT_HELD_PIXELS, _GWT_HELD_MISSING, _GWT_HELD_ZERO };

typedef struct _gwt_held {
    int is;                     // _GWT_HELD_PIXELS ..
    bool plus;                  // a 0 in it is not -0
    int at;                     // the register it really is
} _gwt_held;

// A program with what can be left out for one piece left out.
typedef struct _gwt_trim {
    _gwt_held *held;
    _gwt_instr *instrs;
    int *operands;
    int num_instrs, num_operands;
} _gwt_trim;

// One worker's memory for running pieces of one plan.
typedef struct _gwt_scratch {
    _gwt_walk walk;
    double *regs;
    _gwt_planes *planes;
    _gwt_tile **tiles;          // pinned now: of each that the walk lists, NULL where it needs none
    size_t num_tiles, room_tiles;
    _gwt_cost cost;             // of pieces that this worker has walked over before the run
    _gwt_work work;
    _gwt_trim trim;
    gwt_dtype missing;          // of an integer output with missing pixels and no nodata, or none
    int64_t collisions[_GWT_MAX_OUTPUTS];   // of outputs that count them
} _gwt_scratch;

// Doubles in a register, so that all of a program's stay in the first-level cache.
static size_t _gwt_vm_strip(const _gwt_program *program)
{
    size_t regs = (size_t)(program->num_regs > 0 ? program->num_regs : 1);
    size_t real = program->narrow ? sizeof(float) : sizeof(double);
    size_t n = _GWT_STRIP_BYTES / (regs * real) & ~(size_t)63;
    return n < _GWT_STRIP_MIN ? _GWT_STRIP_MIN : n > _GWT_STRIP_MAX ? _GWT_STRIP_MAX : n;
}

// Doubles that the registers of any of the programs take, and behind them room for the operands of
// a percentile, which no operation has more of than there are.
static size_t _gwt_vm_doubles(const _gwt_plan *plan)
{
    size_t most = 0;
    for (int i = 0; i < plan->num_passes; i++) {
        const _gwt_program *program = &plan->passes[i].program;
        size_t n =
            _gwt_vm_strip(program) * (size_t)program->num_regs + (size_t)program->num_operands;
        most = n > most ? n : most;
    }
    return most;
}

// Room for the programs that can be trimmed; each operand may have to be filled in.
static bool _gwt_trim_begin(_gwt_trim *t, const _gwt_plan *plan)
{
    size_t regs = 0, instrs = 0, operands = 0;
    for (int i = 0; i < plan->num_passes; i++) {
        const _gwt_program *p = &plan->passes[i].program;
        if (!p->framed) continue;
        regs = (size_t)_gwt_max64((int64_t)regs, p->num_regs);
        operands = (size_t)_gwt_max64((int64_t)operands, p->num_operands + 1);
        instrs = (size_t)_gwt_max64((int64_t)instrs, (int64_t)p->num_instrs + p->num_operands);
    }
    if (instrs == 0) return true;
    t->held = _gwt_calloc(plan->g, regs + 1, sizeof *t->held);
    t->instrs = _gwt_calloc(plan->g, instrs, sizeof *t->instrs);
    t->operands = _gwt_calloc(plan->g, operands, sizeof *t->operands);
    return t->held && t->instrs && t->operands;
}

// What the walk does not need, and the programs do.
static bool _gwt_scratch_begin(_gwt_scratch *x, const _gwt_plan *plan)
{
    if (!_gwt_trim_begin(&x->trim, plan)) return false;
    x->regs = _gwt_aligned(plan->g, _gwt_vm_doubles(plan) * sizeof(double));
    if (x->regs) memset(x->regs, 0, _gwt_vm_doubles(plan) * sizeof(double));
    x->planes = _gwt_calloc(plan->g, (size_t)plan->num_passes, sizeof *x->planes);
    return x->regs && x->planes;
}

// Room for n tiles; none is pinned.
static bool _gwt_scratch_tiles(_gwt_scratch *x, size_t n)
{
    if (n <= x->room_tiles) return true;
    GWT_FREE(x->tiles);
    x->tiles = _gwt_calloc(x->walk.plan->g, n, sizeof *x->tiles);
    x->room_tiles = x->tiles ? n : 0;
    return x->tiles != NULL;
}

static void _gwt_scratch_end(_gwt_scratch *x, const _gwt_plan *plan)
{
    for (int i = 0; x->planes && i < plan->num_passes; i++) _gwt_aligned_free(x->planes[i].data);
    _gwt_aligned_free(x->regs);
    _gwt_aligned_free(x->work.data);
    GWT_FREE(x->trim.held);
    GWT_FREE(x->trim.instrs);
    GWT_FREE(x->trim.operands);
    _gwt_walk_end(&x->walk);
    GWT_FREE(x->planes);
    GWT_FREE(x->tiles);
}

// ---- reading

// Samples of an instruction's band in row `row`, every stride-th from column `col` on: as many as
// lie in one tile, at most n.
static const char *_gwt_view_run(const _gwt_scratch *x, const _gwt_instr *in, int64_t row,
                                 int64_t col, int64_t stride, size_t n, size_t *run)
{
    const _gwt_view_plan *vp = &x->walk.plan->views[in->view];
    const _gwt_view *v = &x->walk.views[in->view];
    const _gwt_source *s = vp->source;
    int64_t tr = row / s->tile_h, tc = col / s->tile_w;
    int64_t r = row - tr * s->tile_h, c = col - tc * s->tile_w;
    int64_t plane = s->planar ? in->slot : 0;
    int64_t at = (plane * v->down + tr - v->first_row) * v->across + tc - v->first_col;
    const _gwt_tile *t = x->tiles[v->at + (size_t)at];
    size_t left = (size_t)(stride == 1 ? s->tile_w - c : _gwt_ceil_div(s->tile_w - c, stride));
    size_t first = s->planar ? 0 : (size_t)vp->bands[in->slot];
    *run = n < left ? n : left;
    return (const char *)t->data
         + ((size_t)(r * s->tile_w + c) * s->step + first) * gwt_dtype_size(s->dtype);
}

static void _gwt_vm_load_rest(gwt_dtype dtype, char *to, const char *from, size_t n, size_t step)
{
    for (size_t i = 0; i < n; i++, from += step * sizeof(uint64_t), to += sizeof(double)) {
        uint64_t v;
        memcpy(&v, from, sizeof v);
        double x = _gwt_rest_wide(v, _gwt_near_wide(v, dtype == GWT_INT64));
        memcpy(to, &x, sizeof x);
    }
}

// Load n samples of one row of a view, wherever tiles end, to doubles or floats.
static void _gwt_vm_load_row(const _gwt_plan *plan, const _gwt_scratch *x, const _gwt_instr *in,
                             int64_t row, int64_t col, int64_t stride, size_t n, char *to,
                             bool narrow)
{
    size_t step = plan->views[in->view].source->step * (size_t)stride;
    size_t real = narrow ? sizeof(float) : sizeof(double);
    for (size_t run, done = 0; done < n; done += run) {
        const char *from =
            _gwt_view_run(x, in, row, col + (int64_t)done * stride, stride, n - done, &run);
        if (in->op == _GWT_OP_REST) _gwt_vm_load_rest(in->dtype, to + done * real, from, run, step);
        else
            _gwt_vm_load(in->dtype, narrow, to + done * real, from, run, step, in->masked, in->raw);
    }
}

// Fetch n samples of one row of a plane that an earlier pass filled.
static void _gwt_vm_fetch_row(const _gwt_scratch *x, const _gwt_instr *in, int64_t row, int64_t col,
                              int64_t stride, size_t n, double *to)
{
    const _gwt_planes *p = &x->planes[in->view];
    const double *from = _gwt_planes_row(p, in->slot, row) + (col - p->rect.col);
    if (stride == 1) _gwt_copy_bytes(to, from, n * sizeof *to);
    else for (size_t i = 0; i < n; i++) to[i] = from[(int64_t)i * stride];
}

// PLACE: along a row either it stays the same or each column is the next.
static void _gwt_vm_place_row(double *to, bool cols, int64_t row, int64_t col, int64_t stride,
                              size_t n)
{
    _GWT_SINGLY
    for (size_t i = 0; i < n; i++) to[i] = (double)(cols ? col + (int64_t)i * stride : row);
}

static void _gwt_vm_fill_missing(char *to, size_t n, bool narrow)
{
    if (narrow) _gwt_narrow_fill((float *)(void *)to, NAN, n);
    else _gwt_vm_fill((double *)(void *)to, (double)NAN, n);
}

// LOAD, FETCH and PLACE: what the frame shows of the strip; missing around it.
static void _gwt_vm_read(const _gwt_plan *plan, const _gwt_program *program, const _gwt_scratch *x,
                         const _gwt_instr *in, const _gwt_rect *r, char *to)
{
    const _gwt_frame *f = &program->frames[in->frame];
    bool narrow = program->narrow != NULL;
    size_t real = narrow ? sizeof(float) : sizeof(double);
    for (int64_t row = r->row; row < r->row + r->rows; row++, to += (size_t)r->cols * real) {
        bool shown = row >= f->top && row < f->bottom;
        int64_t left = shown ? _gwt_max64(r->col, f->left) : r->col + r->cols;
        int64_t right = _gwt_min64(r->col + r->cols, f->right);
        left = _gwt_min64(left, r->col + r->cols);
        if (right < left) right = left;
        size_t before = (size_t)(left - r->col), n = (size_t)(right - left);
        _gwt_vm_fill_missing(to, before, narrow);
        int64_t y = f->row + row * f->stride, at = f->col + left * f->stride;
        if (n > 0 && (in->op == _GWT_OP_LOAD || in->op == _GWT_OP_REST))
            _gwt_vm_load_row(plan, x, in, y, at, f->stride, n, to + before * real, narrow);
        else if (in->op == _GWT_OP_PLACE)
            _gwt_vm_place_row((double *)(void *)to + before, in->slot, y, at, f->stride, n);
        else if (n > 0)
            _gwt_vm_fetch_row(x, in, y, at, f->stride, n, (double *)(void *)to + before);
        _gwt_vm_fill_missing(to + (before + n) * real, (size_t)r->cols - before - n, narrow);
    }
}

static void _gwt_vm_copy(const _gwt_plan *plan, const _gwt_program *program, _gwt_scratch *x,
                         const _gwt_instr *in, const _gwt_rect *r, char *to,
                         const _gwt_target *target)
{
    const _gwt_output *o = &program->outputs[in->output];
    size_t size = gwt_dtype_size(in->dtype);
    const _gwt_frame *f = &program->frames[in->frame];
    size_t step = plan->views[in->view].source->step * (size_t)f->stride;
    for (int64_t row = 0; row < r->rows; row++)
        for (size_t run, done = 0; done < (size_t)r->cols; done += run) {
            int64_t y = f->row + (r->row + row) * f->stride,
                    at = f->col + (r->col + (int64_t)done) * f->stride;
            const char *from =
                _gwt_view_run(x, in, y, at, f->stride, (size_t)r->cols - done, &run);
            char *d = to + (size_t)row * target->row_bytes + done * target->step * size;
            if (target->step == 1 && step == 1) _gwt_copy_bytes(d, from, run * size);
            else _gwt_move_of(size, target->step, step)(d, from, run, target->step, step);
            if (o->counts && !in->masked
                && (target->step > 1 || _gwt_any_stored(o->dtype, d, run, o->nodata_raw)))
                x->collisions[in->output] +=
                    _gwt_count_stored(size, from, run, step, o->nodata_raw);
        }
}

// 64-bit integers by their doubles and what these leave of them.
static void _gwt_vm_store_wide(gwt_dtype dtype, char *to, const double *v, const double *rest,
                               size_t n, size_t step, uint64_t nodata)
{
    double lo = _gwt_dtypes[dtype].lo, hi = _gwt_dtypes[dtype].hi;
    for (size_t i = 0; i < n; i++, to += step * sizeof(uint64_t)) {
        uint64_t raw = nodata;
        if (v[i] <= lo && (v[i] < lo || rest[i] < 0)) raw = _gwt_wide(lo);
        else if (v[i] > hi || (v[i] == hi && rest[i] >= 0)) raw = _gwt_wide(hi) - 1;
        else if (v[i] == v[i]) raw = _gwt_wide(nearbyint(v[i])) + (uint64_t)(int64_t)rest[i];
        memcpy(to, &raw, sizeof raw);
    }
}

static void _gwt_vm_store(const _gwt_output *o, bool narrow, _gwt_scratch *x, int output,
                          const void *strip, const double *rest, const _gwt_rect *r, char *to,
                          const _gwt_target *target)
{
    size_t cols = (size_t)r->cols, real = narrow ? sizeof(float) : sizeof(double);
    const char *from = strip;
    if (!o->has_nodata && _gwt_dtype_integer(o->dtype)
        && _gwt_any_nan(strip, (size_t)r->rows * cols))
        x->missing = o->dtype;
    if (narrow && o->counts)
        x->collisions[output] += _gwt_count_narrow(strip, (size_t)r->rows * cols, (float)o->least);
    for (int64_t row = 0; row < r->rows; row++, to += target->row_bytes, from += cols * real) {
        const double *row_of = (const double *)(const void *)from;
        if (!rest)
            _gwt_vm_store_row(o->dtype, narrow, to, from, cols, target->step, o->nodata_raw);
        else
            _gwt_vm_store_wide(o->dtype, to, row_of, rest + (row_of - (const double *)strip), cols,
                               target->step, o->nodata_raw);
        if (!o->counts || narrow) continue;
        if (target->step == 1 && !_gwt_any_stored(o->dtype, to, cols, o->nodata_raw)) continue;
        x->collisions[output] += o->dtype == GWT_FLOAT32
                                   ? _gwt_count_float32(row_of, cols, (float)o->least)
                                   : _gwt_count_within(row_of, cols, o->least, o->most);
    }
}

// ---- computing

static const void *_gwt_vm_operand(const _gwt_program *program, const double *regs, size_t strip,
                                   const _gwt_instr *in, int i)
{
    int operand = program->operands[in->first + i];
    if (!program->narrow)
        return operand < 0 ? &program->consts[~operand] : regs + (size_t)operand * strip;
    const float *narrow = (const float *)(const void *)regs;
    return operand < 0 ? &program->narrow[~operand] : narrow + (size_t)operand * strip;
}

_GWT_FOR_SPEED

// Percentile or mode. The values of a pixel lie one register apart. They are put in order by
// insertion as they come, in the room behind the program's registers: a time series is short.
static void _gwt_vm_ranked(const _gwt_program *program, double *regs, size_t strip,
                           const _gwt_instr *in, double *d, size_t n)
{
    double *values = regs + (size_t)program->num_regs * strip;
    for (size_t i = 0; i < n; i++) {
        size_t count = 0;
        for (int k = 0; k < in->num_args; k++) {
            double v = ((const double *)_gwt_vm_operand(program, regs, strip, in, k))[i];
            size_t at = count;
            if (v != v) continue;
            for (; at > 0 && values[at - 1] > v; at--) values[at] = values[at - 1];
            values[at] = v;
            count++;
        }
        d[i] = in->op == _GWT_OP_MODE ? _gwt_mode_sorted(values, count)
                                      : _gwt_percentile_sorted(values, count, in->imm[0]);
    }
}

// Of the ends that lie in a pixel's cell, mostly one at most, how many are not above it.
static void _gwt_vm_lookup(double *restrict d, const double *restrict a, const _gwt_lookup *t,
                           size_t n)
{
    if (t->values) {
        _GWT_EACH d[i] = a[i] != a[i] ? a[i] : t->values[_gwt_lookup_cell(t, a[i])];
        return;
    }
    _GWT_EACH {
        const uint32_t *first = t->first + _gwt_lookup_cell(t, a[i]);
        const _gwt_piece *piece = t->pieces + first[0];
        for (size_t some = first[1] - first[0], half; some > 1; some -= half) {
            half = some / 2;
            piece += a[i] >= piece[half - 1].end ? half : 0;
        }
        piece += a[i] >= piece->end;
        d[i] = a[i] != a[i] || _gwt_lookup_keeps(piece->value) ? a[i] : piece->value;
    }
}

_GWT_FOR_SIZE

// Of the remainder of a division towards 0 that of one towards -infinity, as Python has it.
static double _gwt_mod(double x, double y)
{
    double r = fmod(x, y);
    if (r == 0) return copysign(0, y);
    return (r < 0) != (y < 0) ? r + y : r;
}

// Its quotient, which is whole but for rounding; as numpy computes it.
static double _gwt_floor_div(double x, double y)
{
    double r = fmod(x, y), q = (x - r) / y;
    if (r != 0 && (r < 0) != (y < 0)) q -= 1;
    double whole = floor(q);
    if (y == 0) return (double)NAN;
    return q - whole > 0.5 ? whole + 1 : whole;
}

_GWT_FOR_SPEED

static void _gwt_vm_libm(int op, double *d, const double *a, const double *b, bool number, size_t n)
{
#define X(name, fn) fn,
    static double (*const of_one[])(double) = { _GWT_LIBM_OPS(X) };
    static double (*const of_two[])(double, double) = { _GWT_LIBM_OPS_2(X) };
#undef X
    bool two = op >= _GWT_OP_POW;
    double (*one)(double) = two ? NULL : of_one[op - _GWT_OP_EXP];
    double (*both)(double, double) = two ? of_two[op - _GWT_OP_POW] : NULL;
    for (size_t i = 0; i < n && !two; i++) d[i] = a[i] != a[i] ? a[i] : one(a[i]);
    for (size_t i = 0; i < n && two; i++) {
        double x = a[i], y = number ? *b : b[i];
        d[i] = x != x || y != y ? (double)NAN : both(x, y);
    }
}

_GWT_FOR_SIZE

// ---- operations on integers, of 64 bits in two's complement; results begin anew at the ends of
// their type

// What one has of a pixel.
typedef struct _gwt_int { uint64_t bits; bool good; } _gwt_int;

// A double, and what it leaves; up to `hi`, which only one that leaves less than 0 comes to.
static _gwt_int _gwt_int_of(double v, double rest, double hi)
{
    if (v >= -0x1p63 && v < 0x1p63) {
        int64_t whole = (int64_t)v;
        return (_gwt_int){ (uint64_t)whole + (uint64_t)(int64_t)rest, (double)whole == v };
    }
    if (!(v > 0 && (v < hi || (v == hi && rest < 0)))) return (_gwt_int){ 0, false };
    return (_gwt_int){ _gwt_wide(v) + (uint64_t)(int64_t)rest, true };
}

// Towards -infinity; 0 - x is what -2^63 / -1 is, modulo 2^64.
static uint64_t _gwt_int_divide(bool rest, uint64_t x, uint64_t y, bool negatives)
{
    if (!negatives) return rest ? x % y : x / y;
    if (y == UINT64_MAX) return rest ? 0 : 0 - x;
    int64_t a = (int64_t)x, b = (int64_t)y, r = a % b;
    bool below = r != 0 && (r < 0) != (b < 0);
    return (uint64_t)(rest ? r + (below ? b : 0) : a / b - below);
}

static _gwt_int _gwt_int_apply(int op, uint64_t x, uint64_t y, bool negatives)
{
    uint64_t top = negatives ? (uint64_t)1 << 63 : 0;
    switch (op) {
    case _GWT_OP_BIT_AND: return (_gwt_int){ x & y, true };
    case _GWT_OP_BIT_OR: return (_gwt_int){ x | y, true };
    case _GWT_OP_BIT_XOR: return (_gwt_int){ x ^ y, true };
    case _GWT_OP_SHIFT_LEFT: return (_gwt_int){ x << (y & 63), y < 64 };
    case _GWT_OP_SHIFT_RIGHT:
        return (_gwt_int){ ((x ^ top) >> (y & 63)) - (top >> (y & 63)), y < 64 };
    default:
        if (y == 0) return (_gwt_int){ 0, false };
        return (_gwt_int){ _gwt_int_divide(op == _GWT_OP_MOD, x, y, negatives), true };
    }
}

// One pixel after the other, with what doubles leave of them in a[2] and a[3].
static void _gwt_vm_integers(const _gwt_instr *in, double *d, const double *const *a, bool number,
                             size_t n)
{
    uint64_t mask = UINT64_MAX >> (64 - 8 * gwt_dtype_size(in->dtype));
    uint64_t half = _gwt_dtypes[in->dtype].lo < 0 ? mask / 2 + 1 : 0;
    double hi = half ? 0x1p63 : 0x1p64;
    bool rests = in->num_args > 2;
    _gwt_int y = _gwt_int_of(*a[1], 0, hi);
    for (size_t i = 0; i < n; i++) {
        _gwt_int x = _gwt_int_of(a[0][i], rests ? a[2][i] : 0, hi);
        if (!number) y = _gwt_int_of(a[1][i], rests ? a[3][i] : 0, hi);
        _gwt_int r = _gwt_int_apply(in->op, x.bits, y.bits, half > 0);
        uint64_t v = ((r.bits + half) & mask) - half;
        double near = _gwt_near_wide(v, half > 0);
        if (in->slot) near = _gwt_rest_wide(v, near);
        d[i] = x.good && y.good && r.good ? near : (double)NAN;
    }
}

// An operation on up to two operands: a number stands second, for addition and multiplication
// allow that.
static void _gwt_vm_kernel(const _gwt_program *program, const _gwt_instr *in, void *d,
                           const void *const *a, size_t n)
{
    const int *operand = program->operands + in->first;
    bool first = operand[0] < 0, number = in->num_args > 1 && (first || operand[1] < 0);
    double same[_GWT_LANES];
    const void *second = a[!first];
    if (in->dtype && !in->whole) {
        _gwt_vm_integers(in, d, (const double *const *)(const void *)a, number, n);
        return;
    }
    if (in->op >= _GWT_OP_EXP && !in->whole) {
        _gwt_vm_libm(in->op, d, a[first], second, number, n);
        return;
    }
    if (number && program->narrow)
        _gwt_narrow_fill((float *)(void *)same, *(const float *)second, _GWT_LANES);
    else if (number)
        _gwt_vm_fill(same, *(const double *)second, _GWT_LANES);
    _gwt_kernel *kernel = in->whole ? _gwt_whole_kernels[in->op - _GWT_OP_MOD]
                                    : _gwt_kernels[program->narrow != NULL][in->op];
    kernel(d, a[first], number ? same : second, number ? 0 : _GWT_LANES, n);
}

static void _gwt_vm_step(const _gwt_program *program, double *regs, size_t strip,
                         const _gwt_instr *in, size_t n)
{
    const void *a[4] = { NULL };
    double *d = regs + (size_t)in->dst * strip;
    for (int i = 0; i < in->num_args && i < 4; i++)
        a[i] = _gwt_vm_operand(program, regs, strip, in, i);
    switch (in->op) {
    case _GWT_OP_CONST: _gwt_vm_fill(d, in->imm[0], n); break;
    case _GWT_OP_MASK: _gwt_vm_mask(d, a[0], in->imm[0], n); break;
    case _GWT_OP_CLIP: _gwt_vm_clip(d, a[0], in->imm[0], in->imm[1], n); break;
    case _GWT_OP_CAST: _gwt_vm_cast(d, a[0], in->dtype, n); break;
    case _GWT_OP_WARPED: _gwt_vm_warped(d, a[0], in->dtype, n); break;
    case _GWT_OP_WHERE: _gwt_vm_where(d, a[0], a[1], a[2], n); break;
    case _GWT_OP_PERCENTILE:
    case _GWT_OP_MODE: _gwt_vm_ranked(program, regs, strip, in, d, n); break;
    case _GWT_OP_LOOKUP: _gwt_vm_lookup(d, a[0], in->lookup, n); break;
    default: _gwt_vm_kernel(program, in, d, a, n);
    }
}

// The same in float32, where only what _gwt_known_of knows happens, and stores are float32.
static void _gwt_narrow_step(const _gwt_program *program, double *regs, size_t strip,
                             const _gwt_instr *in, size_t n)
{
    const void *a[3] = { NULL };
    float *d = (float *)(void *)regs + (size_t)in->dst * strip;
    float low = (float)in->imm[0], high = (float)in->imm[1];
    for (int i = 0; i < in->num_args && i < 3; i++)
        a[i] = _gwt_vm_operand(program, regs, strip, in, i);
    switch (in->op) {
    case _GWT_OP_CONST: _gwt_narrow_fill(d, low, n); break;
    case _GWT_OP_MASK: _gwt_narrow_mask(d, a[0], low, n); break;
    case _GWT_OP_CLIP: _gwt_narrow_clip(d, a[0], low, high, n); break;
    case _GWT_OP_CAST: _gwt_copy_bytes(d, a[0], n * sizeof *d); break;
    case _GWT_OP_WHERE: _gwt_narrow_where(d, a[0], a[1], a[2], n); break;
    default: _gwt_vm_kernel(program, in, d, a, n);
    }
}

// ---- what is not there
//
// Of the files of a mosaic few lie under any one piece. What is missing all over the piece need not
// be read, nor be computed with: an operation on it is missing too, a choice between it and another
// is that other one, its count is 0, and adding 0 changes nothing but -0. So a piece costs what the
// files under it cost, however many there are. Results keep their bits, or pieces would show.

static _gwt_held _gwt_held_number(double v)
{
    return (_gwt_held){ .is = v != v ? _GWT_HELD_MISSING : _gwt_bits(v) == 0 ? _GWT_HELD_ZERO
                                                                            : _GWT_HELD_PIXELS };
}

static _gwt_held _gwt_held_operand(const _gwt_trim *t, const _gwt_program *program, int operand)
{
    if (operand < 0) return _gwt_held_number(program->consts[~operand]);
    return t->held[operand];
}

static _gwt_instr *_gwt_trim_emit(_gwt_trim *t, _gwt_instr in)
{
    in.dst = t->held[in.dst].at;
    t->instrs[t->num_instrs] = in;
    return &t->instrs[t->num_instrs++];
}

static void _gwt_trim_set(_gwt_trim *t, int dst, int is)
{
    t->held[dst] = (_gwt_held){ .is = is, .plus = is == _GWT_HELD_ZERO, .at = t->held[dst].at };
}

static void _gwt_trim_fill(_gwt_trim *t, int dst, double number)
{
    _gwt_trim_emit(t, (_gwt_instr){ .op = _GWT_OP_CONST, .dst = dst, .imm = { number } });
    t->held[dst].is = _GWT_HELD_PIXELS;
}

// An operand as the kernels take it.
static void _gwt_trim_operand(_gwt_trim *t, int operand)
{
    if (operand >= 0 && t->held[operand].is != _GWT_HELD_PIXELS)
        _gwt_trim_fill(t, operand, t->held[operand].is == _GWT_HELD_ZERO ? 0 : (double)NAN);
    t->operands[t->num_operands++] = operand < 0 ? operand : t->held[operand].at;
}

static bool _gwt_op_ranks(int op) { return op == _GWT_OP_PERCENTILE || op == _GWT_OP_MODE; }

// The instruction as it is.
static void _gwt_trim_keep(_gwt_trim *t, const _gwt_program *program, const _gwt_instr *in)
{
    const int *operands = program->operands + in->first;
    bool ranks = _gwt_op_ranks(in->op);     // of those that are there
    int first = t->num_operands;
    for (int k = 0; k < in->num_args; k++)
        if (!ranks || t->held[operands[k]].is != _GWT_HELD_MISSING)
            _gwt_trim_operand(t, operands[k]);
    _gwt_instr kept = *in;
    kept.first = first, kept.num_args = t->num_operands - first;
    if (in->op >= _GWT_OP_STORE) {
        t->instrs[t->num_instrs++] = kept;
        return;
    }
    if (ranks && kept.num_args == 0) {
        _gwt_trim_set(t, in->dst, _GWT_HELD_MISSING);
        return;
    }
    _gwt_trim_emit(t, kept);
    _gwt_trim_set(t, in->dst, _GWT_HELD_PIXELS);
}

// The result is operand k. Registers are swapped when the operand's is free from here on.
static void _gwt_trim_take(_gwt_trim *t, const _gwt_program *program, const _gwt_instr *in, int k)
{
    int from = program->operands[in->first + k];
    _gwt_held held = _gwt_held_operand(t, program, from);
    if (held.is != _GWT_HELD_PIXELS) {
        _gwt_trim_set(t, in->dst, held.is);
    } else if (from < 0) {
        _gwt_trim_fill(t, in->dst, program->consts[~from]);
        t->held[in->dst].plus = false;
    } else if (in->dies >> k & 1) {
        t->held[from].at = t->held[in->dst].at;
        t->held[in->dst] = held;
    } else {
        _gwt_instr copy = { .op = _GWT_OP_CAST, .dtype = GWT_FLOAT64, .dst = in->dst,
                            .first = t->num_operands, .num_args = 1 };
        _gwt_trim_operand(t, from);
        _gwt_trim_emit(t, copy);
        held.at = t->held[in->dst].at;
        t->held[in->dst] = held;
    }
}

// An operation on one or two operands, or a choice between two.
static void _gwt_trim_compute(_gwt_trim *t, const _gwt_program *program, const _gwt_instr *in)
{
    const int *operands = program->operands + in->first;
    _gwt_held a = _gwt_held_operand(t, program, operands[0]),
              b = in->num_args > 1 ? _gwt_held_operand(t, program, operands[1]) : a;
    bool no_a = a.is == _GWT_HELD_MISSING, no_b = b.is == _GWT_HELD_MISSING;
    switch (in->op) {
    case _GWT_OP_WHERE:
        if (no_a) _gwt_trim_set(t, in->dst, _GWT_HELD_MISSING);
        else if (a.is == _GWT_HELD_ZERO) _gwt_trim_take(t, program, in, 2);
        else _gwt_trim_keep(t, program, in);
        return;
    case _GWT_OP_VALID:
        if (no_a) _gwt_trim_set(t, in->dst, _GWT_HELD_ZERO);
        else _gwt_trim_keep(t, program, in), t->held[in->dst].plus = true;
        return;
    case _GWT_OP_BEATS:
        if (no_a) _gwt_trim_set(t, in->dst, _GWT_HELD_ZERO);
        else _gwt_trim_keep(t, program, in);
        return;
    case _GWT_OP_FIRST: case _GWT_OP_LEAST: case _GWT_OP_MOST:
        if (no_a || no_b) _gwt_trim_take(t, program, in, no_a);
        else _gwt_trim_keep(t, program, in);
        return;
    default: break;
    }
    if (no_a || no_b) {
        _gwt_trim_set(t, in->dst, _GWT_HELD_MISSING);
    } else if (in->op == _GWT_OP_ADD && a.is == _GWT_HELD_ZERO && b.plus) {
        _gwt_trim_take(t, program, in, 1);
    } else if (in->op == _GWT_OP_ADD && b.is == _GWT_HELD_ZERO && a.plus) {
        _gwt_trim_take(t, program, in, 0);
    } else {
        _gwt_trim_keep(t, program, in);
        t->held[in->dst].plus = in->op == _GWT_OP_ADD && (a.plus || b.plus);
    }
}

// The program for the pixels of r.
static _gwt_program _gwt_vm_trimmed(const _gwt_program *program, _gwt_trim *t, const _gwt_rect *r)
{
    _gwt_program trimmed = *program;
    t->num_instrs = t->num_operands = 0;
    for (int i = 0; i < program->num_regs; i++) t->held[i] = (_gwt_held){ .at = i };
    for (int i = 0; i < program->num_instrs; i++) {
        const _gwt_instr *in = &program->instrs[i];
        if (_gwt_op_reads(in->op)) {
            _gwt_rect shown = _gwt_frame_rect(&program->frames[in->frame], r);
            if (_gwt_rect_empty(&shown)) _gwt_trim_set(t, in->dst, _GWT_HELD_MISSING);
            else _gwt_trim_keep(t, program, in);
        } else if (in->op == _GWT_OP_CONST) {
            int is = _gwt_held_number(in->imm[0]).is;
            if (is == _GWT_HELD_PIXELS) _gwt_trim_keep(t, program, in);
            else _gwt_trim_set(t, in->dst, is);
        } else if (in->op >= _GWT_OP_STORE || _gwt_op_ranks(in->op)) {
            _gwt_trim_keep(t, program, in);
        } else {
            _gwt_trim_compute(t, program, in);
        }
    }
    trimmed.instrs = t->instrs, trimmed.num_instrs = t->num_instrs;
    trimmed.operands = t->operands, trimmed.num_operands = t->num_operands;
    return trimmed;
}

// ---- running

// Operations are told apart by a number: those of programs first, then steps.
enum {
    _GWT_KIND_WINDOW = _GWT_COUNT(_gwt_op_names),
    _GWT_KIND_RESAMPLE = _GWT_KIND_WINDOW + _GWT_COUNT(_gwt_stat_names),
    _GWT_KIND_APPLY = _GWT_KIND_RESAMPLE + GWT_AVERAGE + 1
};

_Static_assert(_GWT_KIND_APPLY < GWT_MAX_OPERATIONS, "a lane has no room for more operations");

static int _gwt_kind_of(const _gwt_step *s)
{
    bool middle = s->method == GWT_PERCENTILE && s->parameter == 50;
    if (s->kind == _GWT_STEP_WINDOW) return _GWT_KIND_WINDOW + (middle ? GWT_MEDIAN : s->method);
    return s->kind == _GWT_STEP_RESAMPLE ? _GWT_KIND_RESAMPLE + s->method : _GWT_KIND_APPLY;
}

// The program over one strip: r->rows * r->cols is at most `strip`. (row, col) is where the strip
// begins within the target.
static void _gwt_vm_run_strip(const _gwt_plan *plan, const _gwt_program *program, _gwt_scratch *x,
                              const _gwt_rect *r, const _gwt_target *targets, int64_t row,
                              int64_t col, size_t strip)
{
    bool narrow = program->narrow != NULL;
    size_t real = narrow ? sizeof(float) : sizeof(double), n = (size_t)(r->rows * r->cols);
    _gwt_lane *lane = _gwt_lane_here();
    bool timed = lane && ++lane->strips >= lane->every;
    double from = timed ? _gwt_os_now() : 0, start = from;
    for (int i = 0; i < program->num_instrs; i++) {
        const _gwt_instr *in = &program->instrs[i];
        if (timed && i > 0) from = _gwt_lane_spend(lane, in[-1].op, from, lane->strips);
        if (_gwt_op_reads(in->op)) {
            _gwt_vm_read(plan, program, x, in, r, (char *)x->regs + (size_t)in->dst * strip * real);
            continue;
        }
        if (in->op < _GWT_OP_STORE) {
            if (narrow) _gwt_narrow_step(program, x->regs, strip, in, n);
            else _gwt_vm_step(program, x->regs, strip, in, n);
            continue;
        }
        const _gwt_output *o = &program->outputs[in->output];
        const _gwt_target *t = &targets[in->output];
        char *to = t->base + (size_t)row * t->row_bytes + (size_t)in->dst * t->plane_bytes
                 + (size_t)col * t->step * gwt_dtype_size(o->dtype);
        if (in->op == _GWT_OP_COPY) _gwt_vm_copy(plan, program, x, in, r, to, t);
        else
            _gwt_vm_store(o, narrow, x, in->output,
                          _gwt_vm_operand(program, x->regs, strip, in, 0),
                          in->num_args < 2 ? NULL : _gwt_vm_operand(program, x->regs, strip, in, 1),
                          r, to, t);
    }
    if (!timed || program->num_instrs == 0) return;
    const _gwt_instr *last = &program->instrs[program->num_instrs - 1];
    from = _gwt_lane_spend(lane, last->op, from, lane->strips);
    lane->strips = 0;
    // A look at the clock, some 60 ns, may take as long as an operation: of all time at most 1 %.
    double looks = 60e-9 * (program->num_instrs + 1);
    lane->every = 1 + (int)fmin(100 * looks / (from - start + 1e-9), 1000);
}

static void _gwt_vm_run_program(const _gwt_plan *plan, const _gwt_program *program, _gwt_scratch *x,
                                const _gwt_rect *r, const _gwt_target *targets)
{
    _gwt_program trimmed;
    if (program->framed) trimmed = _gwt_vm_trimmed(program, &x->trim, r), program = &trimmed;
    size_t strip = _gwt_vm_strip(program);
    int64_t cols = _gwt_min64(r->cols, (int64_t)strip);
    int64_t rows = _gwt_max64(1, (int64_t)strip / r->cols);
    for (int64_t row = 0; row < r->rows && !_gwt_over(plan->action); row += rows)
        for (int64_t col = 0; col < r->cols; col += cols) {
            _gwt_rect part = { r->row + row, r->col + col, _gwt_min64(rows, r->rows - row),
                               _gwt_min64(cols, r->cols - col) };
            _gwt_vm_run_strip(plan, program, x, &part, targets, row, col, strip);
        }
}

// Memory for the planes of a pass over its rectangle: what it has, else what a pass has that
// nobody reads any more.
static bool _gwt_vm_room(const _gwt_plan *plan, _gwt_scratch *x, int pass)
{
    _gwt_planes *p = &x->planes[pass];
    size_t n;
    if (!_gwt_mul4((uint64_t)p->rect.rows, (uint64_t)p->rect.cols,
                   (uint64_t)plan->passes[pass].num_planes, sizeof(double), &n))
        n = SIZE_MAX;
    for (int i = 0; p->room < n && i < plan->num_passes - 1; i++) {
        _gwt_planes *other = &x->planes[i], mine = *p;
        bool held = i < pass && plan->passes[i].reader >= pass
                 && !_gwt_rect_empty(&x->walk.rects[i]);
        if (i == pass || held) continue;
        if (other->room >= n) {
            p->data = other->data, p->room = other->room;
            other->data = mine.data, other->room = mine.room;
        } else {
            _gwt_aligned_free(other->data);     // it will want more, too
            other->data = NULL, other->room = 0;
        }
    }
    if (n <= p->room) return true;
    _gwt_aligned_free(p->data);
    p->room = 0;
    p->data = _gwt_aligned(plan->g, n);
    if (p->data) p->room = n;
    return p->data != NULL;
}

// One pass over its rectangle, which is not empty; the last one into the targets.
static bool _gwt_vm_run(const _gwt_plan *plan, _gwt_scratch *x, int pass,
                        const _gwt_target *targets)
{
    const _gwt_pass *s = &plan->passes[pass];
    _gwt_planes *p = &x->planes[pass];
    p->rect = x->walk.rects[pass];
    size_t row = (size_t)p->rect.cols * sizeof(double);
    if (pass == plan->num_passes - 1) {
        _gwt_vm_run_program(plan, &s->program, x, &p->rect, targets);
        return true;
    }
    if (!_gwt_vm_room(plan, x, pass)) return false;
    _gwt_target to = { (char *)p->data, (size_t)p->rect.rows * row, row, 1 };
    if (s->step) {
        _gwt_planes *in = &x->planes[s->input];
        in->rect = x->walk.rects[s->input];     // it may be empty, and then that pass has not run
        _gwt_lane *lane = _gwt_lane_here();
        double from = lane ? _gwt_os_now() : 0;
        bool good = _gwt_step_run(plan->action, s->step, in, p, &x->work);
        if (lane) _gwt_lane_spend(lane, _gwt_kind_of(s->step), from, 1);
        return good;
    }
    _gwt_vm_run_program(plan, &s->program, x, &p->rect, &to);
    return true;
}

// ---- figures: statistics of pixels, missing ones left out

// Of those that are finite; m2: squared distances from the mean, summed.
typedef struct _gwt_figures {
    int64_t count, infinite;
    double sum, min, max, mean, m2;
} _gwt_figures;

#define _GWT_NO_FIGURES ((_gwt_figures){ .min = INFINITY, .max = -INFINITY })

// Sums of squared distances from the mean are joined by Chan, Golub and LeVeque (1979).
static void _gwt_figures_join(_gwt_figures *a, const _gwt_figures *b)
{
    int64_t infinite = a->infinite + b->infinite;
    a->infinite = infinite;
    if (b->count == 0) return;
    if (a->count == 0) {
        *a = *b;
        a->infinite = infinite;
        return;
    }
    double m = (double)a->count, n = (double)b->count, d = b->mean - a->mean;
    a->count += b->count;
    a->sum += b->sum;
    a->min = b->min < a->min ? b->min : a->min;
    a->max = b->max > a->max ? b->max : a->max;
    a->mean += d * (n / (m + n));
    a->m2 += b->m2 + d * d * (m * (n / (m + n)));
}

static gwt_summary _gwt_figures_summary(const _gwt_figures *p)
{
    double none = (double)NAN, count = (double)p->count, var = p->count ? p->m2 / count : none;
    return (gwt_summary){ .count = p->count, .infinite = p->infinite, .sum = p->sum,
                          .mean = p->count ? p->sum / count : none,
                          .min = p->count ? p->min : none, .max = p->count ? p->max : none,
                          .std = sqrt(var), .var = var };
}

_GWT_FOR_SPEED

// isfinite, as loops over pixels like it.
static bool _gwt_is_finite(double v) { return v - v == 0; }

// Sums of four values each, so that none waits for the one before; they are finite only where all
// values are. The last ones, fewer than four, are the caller's.
_GWT_LOOP static double _gwt_sum_fours(const double *v, int64_t n, double *least,
                                       double *most)
{
    double sum[4] = { 0 }, min[4] = { v[0], v[1], v[2], v[3] }, max[4] = { v[0], v[1], v[2], v[3] };
    for (; n >= 4; n -= 4, v += 4)
        for (int k = 0; k < 4; k++) {
            sum[k] += v[k];
            min[k] = v[k] < min[k] ? v[k] : min[k];
            max[k] = v[k] > max[k] ? v[k] : max[k];
        }
    for (int k = 0; k < 4; k++) {
        *least = min[k] < *least ? min[k] : *least;
        *most = max[k] > *most ? max[k] : *most;
    }
    return sum[0] + sum[1] + (sum[2] + sum[3]);
}

_GWT_LOOP static double _gwt_square_fours(const double *v, int64_t n, double mean)
{
    double sum[4] = { 0 };
    for (; n >= 4; n -= 4, v += 4)
        for (int k = 0; k < 4; k++) {
            double d = v[k] - mean;
            sum[k] += d * d;
        }
    return sum[0] + sum[1] + (sum[2] + sum[3]);
}

// Everything but the squares of some more pixels, which need the mean.
static void _gwt_figures_add(_gwt_figures *to, const double *v, int64_t n)
{
    _gwt_figures p = *to;
    double sum = n >= 4 ? _gwt_sum_fours(v, n, &p.min, &p.max) : 0;
    int64_t i = n & ~(int64_t)3;
    p.count += i;
    if (!_gwt_is_finite(sum)) {         // some are missing
        p = *to;
        sum = 0;
        i = 0;
    }
    for (; i < n; i++) {
        bool there = _gwt_is_finite(v[i]);
        p.count += there;
        p.infinite += v[i] == v[i] && !there;
        sum += there ? v[i] : 0;
        p.min = there && v[i] < p.min ? v[i] : p.min;
        p.max = there && v[i] > p.max ? v[i] : p.max;
    }
    p.sum += sum;
    *to = p;
}

static void _gwt_figures_square(_gwt_figures *p, const double *v, int64_t n)
{
    double mean = p->mean, sum = _gwt_square_fours(v, n, mean);
    int64_t i = n & ~(int64_t)3;
    if (!_gwt_is_finite(sum)) {
        sum = 0;
        i = 0;
    }
    for (; i < n; i++) {
        double d = _gwt_is_finite(v[i]) ? v[i] - mean : 0;
        sum += d * d;
    }
    p->m2 += sum;
}

// Leaves out those that are missing, which would keep the others from being added up by fours: how
// many are left.
static int64_t _gwt_figures_thin(double *v, int64_t n)
{
    double sum[4] = { 0 };
    int64_t left = 0, i = 0;
    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++) sum[k] += v[i + k];
    for (; i < n; i++) sum[0] += v[i];
    if (_gwt_is_finite(sum[0] + sum[1] + (sum[2] + sum[3]))) return n;
    for (i = 0; i < n; i++) {
        double x = v[i];
        v[left] = x;
        left += x == x;
    }
    return left;
}

_GWT_FOR_SIZE

static void _gwt_figures_centre(_gwt_figures *p)
{
    p->mean = p->count ? p->sum / (double)p->count : 0;
}

// Those of n more samples, `step` apart: so many at once as stay in L1 as doubles.
static void _gwt_figures_look(_gwt_figures *to, gwt_dtype dtype, const char *from, int64_t n,
                              size_t step, bool masked, uint64_t raw)
{
    double v[1024];
    bool thin = masked || !_gwt_dtype_integer(dtype);
    for (int64_t some; n > 0; n -= some, from += (size_t)some * step * gwt_dtype_size(dtype)) {
        _gwt_figures f = _GWT_NO_FIGURES;
        some = _gwt_min64(n, _GWT_COUNT(v));
        _gwt_vm_load(dtype, false, (char *)v, from, (size_t)some, step, masked, raw);
        int64_t there = thin ? _gwt_figures_thin(v, some) : some;
        _gwt_figures_add(&f, v, there);
        _gwt_figures_centre(&f);
        _gwt_figures_square(&f, v, there);
        _gwt_figures_join(to, &f);
    }
}

// Those of n things in a row, `each` figures of each, joined two by two as in a tree: they are left
// in those of the first.
static void _gwt_figures_join_all(_gwt_figures *list, int64_t n, int64_t each)
{
    for (int64_t step = 1; step < n; step *= 2)
        for (int64_t i = 0; i + step < n; i += 2 * step)
            for (int64_t k = 0; k < each; k++)
                _gwt_figures_join(&list[i * each + k], &list[(i + step) * each + k]);
}

// As bytes, little-endian, and back.
enum { _GWT_FIGURES_BYTES = 56 };
_Static_assert(sizeof(_gwt_figures) == _GWT_FIGURES_BYTES, "figures are words of 8 bytes");

static void _gwt_figures_put(char *to, const _gwt_figures *list, int64_t n)
{
    const char *from = (const char *)list, *end = (const char *)(list + n);
    for (uint64_t word; from < end; from += sizeof word, to += sizeof word) {
        memcpy(&word, from, sizeof word);
        _gwt_put(to, word, sizeof word);
    }
}

static void _gwt_figures_get(_gwt_figures *list, const char *from, int64_t n)
{
    char *to = (char *)list, *end = (char *)(list + n);
    for (uint64_t word; to < end; from += sizeof word, to += sizeof word) {
        word = _gwt_get((const unsigned char *)from, sizeof word, false);
        memcpy(to, &word, sizeof word);
    }
}

// >>stream ------------------------------------------------------------------------------------
// A stream takes the encoded tiles of one image and appends them in canonical order, with a journal
// beside it.
//
// Tiles are encoded by whoever computed them, many at once, and handed in with their number. The
// tile whose turn it is, and those waiting right after it, are written by the worker that brought
// it, while the others go on: there is no writer thread, and no lock is held while writing. The
// ring bounds how far anyone may be ahead. Since tiles only ever are appended in that order, the
// bytes of the file do not depend on who was first, and the choice between classic TIFF and
// BigTIFF can wait until all sizes are known.
//
// For the same reason what has been written is at any time the beginning of the file to come. The
// journal beside it, OUT.part.journal, has a record for each tile that is there, so that another
// run of the same job can tell how far that beginning is good, and go on:
//
//   0      "gwt journal 2", 1 if bad tiles of inputs are filled, the number of tiles, five CRC-32s
//          that stand for the job, and that of the header: 48 bytes
//   48     for each tile, in the order of the file: its size, its CRC-32, and that of the record
//          with the tile's number: 16 bytes; of a save with .statistics then the figures of each
//          band in it, 56 bytes, how many of those is in the upper 2 bytes of the number of tiles
//   then   of the first of several outputs, when all have their names, for each of the others: its
//          size, the CRC-32 of what else tells it from other files, and that of the record: then
//          their own journals go, and this one last

// ---- encoder: one libtiff handle a worker, on memory; tile 0 of it is written over and over

typedef struct _gwt_encoder {
    TIFF *tif;
    _gwt_bytes bytes;           // the encoded tile
    bool full;                  // there was no memory for it
    char message[256];          // libtiff's
} _gwt_encoder;

typedef struct _gwt_format {    // how samples are stored, resolved
    gwt_dtype dtype;
    uint16_t compression, predictor;
    int level;
    uint32_t level_tag;         // of libtiff, 0: none
    int64_t block;
    int64_t planes;
    bool planar;
    size_t tile_bytes;
} _gwt_format;

static tmsize_t _gwt_encoder_read(thandle_t h, void *to, tmsize_t n)
{
    (void)h, (void)to, (void)n;
    return -1;
}
static toff_t _gwt_encoder_seek(thandle_t h, toff_t to, int whence)
{
    (void)h;
    return whence == SEEK_END ? 16 + to : to;
}
static toff_t _gwt_encoder_size(thandle_t h) { (void)h; return 0; }
static int _gwt_encoder_close(thandle_t h) { (void)h; return 0; }

// Whatever libtiff writes, wherever it thinks it writes it, comes here in the order of the codec.
static tmsize_t _gwt_encoder_write(thandle_t h, void *from, tmsize_t n)
{
    _gwt_encoder *e = h;
    if (n < 0) return -1;
    if (_gwt_bytes_add(&e->bytes, from, (size_t)n)) return n;
    e->full = true;
    return -1;
}

static bool _gwt_encoder_fail(gwt *g, const _gwt_encoder *e, gwt_code code, const char *what)
{
    return e->full ? _gwt_fail(g, GWT_E_MEMORY, "out of memory: cannot allocate an encoded tile")
                   : _gwt_fail(g, code, "%s: %s", what, e->message);
}

static uint16_t _gwt_sample_format(gwt_dtype dtype)
{
    return !_gwt_dtype_integer(dtype) ? SAMPLEFORMAT_IEEEFP
         : _gwt_dtypes[dtype].lo < 0  ? SAMPLEFORMAT_INT
                                      : SAMPLEFORMAT_UINT;
}

static bool _gwt_encoder_begin(gwt *g, _gwt_encoder *e, const _gwt_format *f)
{
    const struct { uint32_t tag; int value; } fields[] = {      // value 0: left out
        { TIFFTAG_IMAGEWIDTH, (int)f->block },
        { TIFFTAG_IMAGELENGTH, (int)f->block },
        { TIFFTAG_TILEWIDTH, (int)f->block },
        { TIFFTAG_TILELENGTH, (int)f->block },
        { TIFFTAG_BITSPERSAMPLE, 8 * (int)gwt_dtype_size(f->dtype) },
        { TIFFTAG_SAMPLEFORMAT, _gwt_sample_format(f->dtype) },
        { TIFFTAG_SAMPLESPERPIXEL, f->planar ? 1 : (int)f->planes },
        { TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG },
        { TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK },
        { TIFFTAG_COMPRESSION, f->compression },
        { TIFFTAG_PREDICTOR, f->predictor == 1 ? 0 : f->predictor },
        { f->level_tag, f->level }
    };
    // Predictor 3 takes samples apart into bytes, in an order of its own. When they are not in the
    // machine's, libtiff up to 4.7.0 swaps them first, and reads other values: ask for that order.
    const char *mode = f->predictor == 3 ? "w" : "wl";
    e->tif = _gwt_tiff_open("tile", mode, e, e->message, _gwt_encoder_read,
                            _gwt_encoder_write, _gwt_encoder_seek, _gwt_encoder_close,
                            _gwt_encoder_size);
    bool good = e->tif != NULL;
    for (size_t i = 0; good && i < _GWT_COUNT(fields); i++)
        if (fields[i].value) good = TIFFSetField(e->tif, fields[i].tag, fields[i].value) != 0;
    // One flush a tile, so that libtiff never wants to read back what it wrote: no codec here makes
    // more than twice its input.
    return (good && TIFFWriteBufferSetup(e->tif, NULL, (tmsize_t)(2 * f->tile_bytes + 65536)))
        || _gwt_encoder_fail(g, e, GWT_E_UNSUPPORTED, "libtiff refuses this output format");
}

static void _gwt_encoder_end(_gwt_encoder *e)
{
    if (e->tif) TIFFClose(e->tif);      // its directory goes into the buffer and with it
    GWT_FREE(e->bytes.data);
}

// Encode a tile; `data` is scribbled on by some codecs. The result is in e->bytes until the next.
static bool _gwt_encode(gwt *g, _gwt_encoder *e, void *data, size_t bytes)
{
    e->bytes.used = 0;
    e->message[0] = 0;
    tmsize_t taken = TIFFWriteEncodedTile(e->tif, 0, data, (tmsize_t)bytes);
    return (taken == (tmsize_t)bytes && e->bytes.used > 0)
        || _gwt_encoder_fail(g, e, GWT_E_IO, "a tile can't be encoded");
}

// ---- ordered writer

typedef struct _gwt_blob { char *data; size_t bytes, room; uint32_t crc; bool there; } _gwt_blob;

// What a journal is bound to: all that the bytes of the file follow from.
enum { _GWT_JOB_EXPRESSION, _GWT_JOB_INPUTS, _GWT_JOB_OPTIONS, _GWT_JOB_PATHS, _GWT_JOB_TABLES,
       _GWT_NUM_JOB };

// An output file.
typedef struct _gwt_file {
    gwt *g;
    const char *path;
    const char *name;           // its base name, for a profile, which may outlive the caller's
    const char *input;          // the first one's whole path, for messages
    uint32_t job[_GWT_NUM_JOB]; // a CRC-32 of each part of that
    gwt_bigtiff bigtiff;
    bool fills;                 // tiles of inputs that can't be read are missing
    bool fillable;              // they could be, by an option that makes it no other job
    bool resume, overwrite;
    bool follows;               // another rank makes it
    bool complete;              // it is there already: an interrupted save of this job made it
    bool replaces;              // PATH is there, and may be replaced
    int mode;                   // its mode then
} _gwt_file;

// Encoded tiles of one image, appended in canonical order, and their journal. A file of one image
// is its stream, and then what comes behind the tiles.
typedef struct _gwt_stream {
    gwt *g;
    const _gwt_file *file;      // that it is for
    const _gwt_action *action;  // once it is over no tile is written any more
    char *part;                 // PATH.part
    char *journal;              // PATH.part.journal
    bool adopted;               // the part is an old one
    _gwt_os_file fd, journal_fd;
    uint64_t limit;             // bytes there may be: 4 GiB - 1 without BigTIFF
    int64_t num_tiles;
    int64_t per_place;          // tiles of a place, written one after another: the bands of a
                                // planar file
    int64_t figures;            // of each tile: one a band that is in it; 0: none are asked for
    size_t record;              // bytes of a tile in the journal
    _gwt_figures *known;        // [tile][band in it]; of whoever has the tile, then as what follows
    // Of whoever writes, one at a time: the worker that has set `writing`; among ranks, the thread
    // of rank 0.
    uint64_t *offsets, *counts; // of each tile in writing order
    uint32_t *crcs;
    char *records;              // of the journal: as many as are read or written at once
    uint64_t end;               // of the tiles that have a place
    uint64_t pushed;            // of what the system was asked to write to the disk
    _gwt_mutex lock;            // guards what follows; not held while writing
    bool writing;               // somebody is
    _gwt_blob *ring;            // tile k waits in ring[k % window]
    int64_t window;
    _gwt_blob *spare;           // buffers whose tiles are written; among ranks, guarded by theirs
    int num_spare;
    _Atomic int64_t head;       // tiles written and in the journal; moved by who is writing
} _gwt_stream;

// One image of a file.
typedef struct _gwt_image {
    const gwt_array *a;         // its pixels, and what the inputs say of them
    uint32_t kind;              // NewSubfileType: FILETYPE_REDUCEDIMAGE, FILETYPE_MASK; 0: neither
    int64_t width, height;
    _gwt_format format;
    int64_t across, down;       // tiles
    gwt_optional nodata;
    _gwt_stream stream;
} _gwt_image;

// A call of the system on a file failed with `error`: what it can't be.
static bool _gwt_fail_system(gwt *g, const char *path, const char *what, int64_t error)
{
    return _gwt_fail(g, GWT_E_IO, "%s: can't be %s: %s", path, what, _GWT_OS_ERROR(error));
}

static bool _gwt_pwrite(gwt *g, _gwt_os_file fd, const char *path, const void *from, size_t n,
                        uint64_t at)
{
    int64_t done = _gwt_os_write(fd, from, n, at);
    return done == (int64_t)n
        || _gwt_fail(g, GWT_E_IO, "%s: can't be written: %s", path,
                     done < 0 ? _GWT_OS_ERROR(done) : "no bytes were taken");
}

static uint64_t _gwt_get_little(const char *from, size_t bytes)
{
    return _gwt_get((const unsigned char *)from, bytes, false);
}

static uint32_t _gwt_crc(uint32_t crc, const void *data, size_t n)
{
    const Bytef *at = data;
    for (size_t some; n > 0; at += some, n -= some)
        crc = (uint32_t)crc32(crc, at, (uInt)(some = n < 1 << 30 ? n : 1 << 30));
    return crc;
}

static void _gwt_job_add(uint32_t *crc, const void *data, size_t n)
{
    *crc = _gwt_crc(*crc, data, n);
}

static void _gwt_job_number(uint32_t *crc, uint64_t x)
{
    char bytes[8];
    _gwt_put(bytes, x, 8);
    _gwt_job_add(crc, bytes, 8);
}

static void _gwt_job_numbers(uint32_t *crc, const int64_t *list, size_t n)
{
    for (size_t i = 0; i < n; i++) _gwt_job_number(crc, (uint64_t)list[i]);
}

static void _gwt_job_doubles(uint32_t *crc, const double *list, size_t n)
{
    for (size_t i = 0; i < n; i++) _gwt_job_number(crc, _gwt_bits(list[i]));
}

// Size and time of the last change of a file.
static void _gwt_job_facts(uint32_t *crc, const _gwt_os_facts *f)
{
    const int64_t facts[] = { (int64_t)f->size, (int64_t)f->modified.s, (int64_t)f->modified.ns };
    _gwt_job_numbers(crc, facts, _GWT_COUNT(facts));
}

// ---- journal

enum { _GWT_JOURNAL_HEAD = 48, _GWT_JOURNAL_RECORD = 16, _GWT_JOURNAL_RECORDS = 2048 };

static void _gwt_journal_head(const _gwt_stream *s, char *to)
{
    memset(to, 0, _GWT_JOURNAL_HEAD);
    memcpy(to, _gwt_journal_magic, sizeof _gwt_journal_magic);
    to[15] = (char)s->file->fills;
    _gwt_put(to + 16, (uint64_t)s->figures << 48 | (uint64_t)s->num_tiles, 8);
    for (int i = 0; i < _GWT_NUM_JOB; i++) _gwt_put(to + 24 + 4 * i, s->file->job[i], 4);
    _gwt_put(to + 44, _gwt_crc(0, to, 44), 4);
}

static bool _gwt_journal_begin(const _gwt_stream *s)
{
    char head[_GWT_JOURNAL_HEAD];
    _gwt_journal_head(s, head);
    return _gwt_pwrite(s->g, s->journal_fd, s->journal, head, sizeof head, 0);
}

// `more`: bytes of the record that are there already, behind these.
static void _gwt_journal_record(char *to, int64_t tile, uint64_t bytes, uint32_t crc, size_t more)
{
    char number[8];
    _gwt_put(number, (uint64_t)tile, 8);
    _gwt_put(to, bytes, 8);
    _gwt_put(to + 8, crc, 4);
    crc = _gwt_crc(_gwt_crc(0, number, 8), to, 12);
    _gwt_put(to + 12, _gwt_crc(crc, to + _GWT_JOURNAL_RECORD, more), 4);
}

static uint64_t _gwt_journal_at(const _gwt_stream *s, int64_t tile)
{
    return _GWT_JOURNAL_HEAD + (uint64_t)tile * s->record;
}

// The first output's journal says of the i-th that its job has given it its name.
static bool _gwt_journal_seal(char record[_GWT_JOURNAL_RECORD], const _gwt_stream *first, int i,
                              const _gwt_file *file)
{
    _gwt_os_facts facts;
    uint32_t crc = 0;
    if (_gwt_os_look(file->path, false, &facts)) return false;
    _gwt_job_facts(&crc, &facts);
    _gwt_job_number(&crc, facts.number);
    for (int k = 0; k < _GWT_NUM_JOB; k++) _gwt_job_number(&crc, file->job[k]);
    _gwt_journal_record(record, first->num_tiles + i, facts.size, crc, 0);
    return true;
}

static uint64_t _gwt_journal_seal_at(const _gwt_stream *first, int i)
{
    return _gwt_journal_at(first, first->num_tiles) + (uint64_t)(i - 1) * _GWT_JOURNAL_RECORD;
}

// Whether it does. Without it nothing is known of an output whose journal is gone.
static bool _gwt_journal_is_sealed(const _gwt_stream *first, int i, const _gwt_file *file)
{
    char there[_GWT_JOURNAL_RECORD], ours[_GWT_JOURNAL_RECORD];
    int64_t got = _gwt_os_read(first->journal_fd, there, sizeof there,
                               _gwt_journal_seal_at(first, i));
    if (got < 0) _gwt_fail_system(first->g, first->journal, "read", got);
    return got == sizeof there && _gwt_journal_seal(ours, first, i, file)
        && !memcmp(there, ours, sizeof there);
}

// What is known of a journal that was opened.
typedef struct _gwt_journal {
    bool gwt;                   // it begins as one, as far as it goes
    const char *differs;        // between its job and this one, in words; "": there is no whole
                                // header; NULL: nothing does
    bool others;                // its inputs are other files, as far as their paths go
    bool fills;
    int64_t length;             // records, torn ones included, where there is a whole header
} _gwt_journal;

// False: it can't be read, with an error.
static bool _gwt_journal_look(const _gwt_stream *s, int fd, _gwt_journal *j)
{
    static const struct { int at, bytes; const char *what; } fields[] = {
        { 12, 3, "another version of gwt has made it" },
        { 36, 4, "its inputs were other files" },
        { 28, 4, "its inputs have changed since, or were others" },
        { 40, 4, "its inputs have changed since: their tiles lie elsewhere" },
        { 24, 4, "it computes something else" },
        { 32, 4, "its options were others" },
        { 16, 8, "its tiles are others" }
    };
    char there[_GWT_JOURNAL_HEAD], ours[_GWT_JOURNAL_HEAD];
    _gwt_os_facts facts;
    _gwt_journal_head(s, ours);
    int64_t got = _gwt_os_read(fd, there, sizeof there, 0);
    int error = got < 0 ? (int)got : _gwt_os_ask(fd, &facts);
    if (error) return _gwt_fail_system(s->g, s->journal, "read", error);
    *j = (_gwt_journal){ .gwt = !memcmp(there, ours, (size_t)_gwt_min64(got, 12)), .differs = "" };
    if (!j->gwt || got < (int64_t)sizeof there
        || _gwt_get_little(there + 44, 4) != _gwt_crc(0, there, 44))
        return true;
    uint64_t record = _GWT_JOURNAL_RECORD + _GWT_FIGURES_BYTES * _gwt_get_little(there + 22, 2);
    j->length = (int64_t)((facts.size - _GWT_JOURNAL_HEAD) / record);
    j->differs = NULL;
    for (size_t i = 0; i < _GWT_COUNT(fields) && !j->differs; i++)
        if (memcmp(there + fields[i].at, ours + fields[i].at, (size_t)fields[i].bytes))
            j->differs = fields[i].what, j->others = fields[i].at == 36;
    j->fills = there[15];
    if (!j->differs && j->fills && !s->file->fills)
        j->differs = "it took tiles that could not be read for missing";
    return true;
}

// CRC-32 of n bytes of a file from `at`. That they can't be read is an error, not a torn tile.
static uint32_t _gwt_part_crc(const _gwt_stream *s, int fd, uint64_t at, uint64_t n)
{
    char data[16384];
    uint32_t crc = 0;
    for (uint64_t some; n > 0; at += some, n -= some) {
        some = n < sizeof data ? n : sizeof data;
        int64_t got = _gwt_os_read(fd, data, some, at);
        if (got != (int64_t)some)
            return _gwt_fail(s->g, GWT_E_IO, "%s: can't be read: %s", s->part,
                             got < 0 ? _GWT_OS_ERROR(got) : "the file has become shorter");
        crc = _gwt_crc(crc, data, (size_t)some);
    }
    return crc;
}

// Keep the first tiles only; those from s->end on go.
static bool _gwt_journal_cut(_gwt_stream *s, int64_t tile)
{
    int error = _gwt_os_cut(s->fd, s->end);
    if (!error) error = _gwt_os_cut(s->journal_fd, _gwt_journal_at(s, tile));
    if (error) return _gwt_fail_system(s->g, s->part, "cut", error);
    s->pushed = s->end;
    atomic_store(&s->head, tile);
    return true;
}

// Whether the file holds from `at` on what its journal says of a tile, which goes to bytes, crc and
// s->records. False with an error: that can't be known.
static bool _gwt_journal_tile(const _gwt_stream *s, int fd, int journal, int64_t tile, uint64_t at,
                              uint64_t *bytes, uint32_t *crc)
{
    char *record = s->records;
    _gwt_os_facts facts;
    int64_t got = _gwt_os_read(journal, record, s->record, _gwt_journal_at(s, tile));
    int error = got < 0 ? (int)got : _gwt_os_ask(fd, &facts);
    if (error) return _gwt_fail_system(s->g, s->journal, "read", error);
    if (got < (int64_t)s->record) return false;
    *bytes = _gwt_get_little(record, 8);
    *crc = (uint32_t)_gwt_get_little(record + 8, 4);
    uint64_t said = _gwt_get_little(record + 12, 4);
    _gwt_journal_record(record, tile, *bytes, *crc, s->record - _GWT_JOURNAL_RECORD);
    return _gwt_get_little(record + 12, 4) == said && *bytes <= facts.size
        && at <= facts.size - *bytes
               && _gwt_part_crc(s, fd, at, *bytes) == *crc;
}

// Take over the tiles that are there, as far as the journal and the part agree, and cut the rest
// off both.
static bool _gwt_journal_replay(_gwt_stream *s, int64_t records)
{
    int64_t tile = 0, n = _gwt_min64(records, s->num_tiles);
    uint64_t bytes;
    uint32_t crc;
    for (; tile < n && !_gwt_over(s->action); tile++) {
        if (!_gwt_journal_tile(s, s->fd, s->journal_fd, tile, s->end, &bytes, &crc)) break;
        s->offsets[tile] = bytes ? s->end : 0;
        s->counts[tile] = bytes;
        s->crcs[tile] = crc;
        if (s->known)
            _gwt_figures_get(&s->known[tile * s->figures], s->records + _GWT_JOURNAL_RECORD,
                             s->figures);
        s->end += bytes;
    }
    if (_gwt_over(s->action)) return false;
    return _gwt_journal_cut(s, tile);
}

// Whether the header is there, which is written last, and says that the directory is at `at`.
static bool _gwt_header_is_whole(const _gwt_stream *s, int fd, uint64_t at)
{
    char header[16];
    int64_t got = _gwt_os_read(fd, header, sizeof header, 0);
    if (got < 0) return _gwt_fail_system(s->g, s->file->path, "read", got);
    bool big = got == sizeof header && header[2] == 43;
    return got == sizeof header && header[0] == 'I'
        && _gwt_get_little(header + (big ? 8 : 4), big ? 8 : 4) == at;
}

static bool _gwt_journal_is_of_file(const _gwt_stream *s, int journal, int fd)
{
    _gwt_journal j;
    uint64_t at = 16, bytes;
    uint32_t crc;
    bool is = _gwt_journal_look(s, journal, &j) && !j.differs && j.length >= s->num_tiles;
    for (int64_t tile = 0; is && tile < s->num_tiles; tile++, at += bytes)
        is = _gwt_journal_tile(s, fd, journal, tile, at, &bytes, &crc);
    return is && _gwt_header_is_whole(s, fd, (at + 7) & ~(uint64_t)7);
}

// Whether PATH is what the journal beside it tells of: between the renaming of the part and the end
// of the journal there was a moment. An older PATH, whose part somebody has removed, is not. If it
// is, the journal stays open.
static bool _gwt_journal_is_of_path(_gwt_stream *s)
{
    const char *strange;
    bool is = false;
    if (!_gwt_open_left(s->g, s->journal, &s->journal_fd, &strange)) return false;
    if (s->journal_fd >= 0 && !strange) {
        _gwt_os_file fd = _gwt_os_open(s->file->path, _GWT_OS_READ);
        if (fd >= 0) is = _gwt_journal_is_of_file(s, s->journal_fd, fd);
        else _gwt_fail_system(s->g, s->file->path, "opened", fd);
        _gwt_os_close(fd);
    }
    if (is) return true;
    _gwt_os_close(s->journal_fd);
    s->journal_fd = -1;
    return false;
}

// The output has its name: its journal goes, unless another save has begun and has one there. Of one
// that puts its own there just between these two calls it goes, too: that save ends as ever, but is
// not to be resumed if it is interrupted (its part is EXISTS then, for want of a journal).
static void _gwt_journal_end(const _gwt_stream *s)
{
    if (_gwt_os_is_named(s->journal_fd, s->journal)) _gwt_os_remove(s->journal);
}

// ---- the part

static void _gwt_stream_push(_gwt_stream *s)
{
    if (s->end - s->pushed < (16u << 20)) return;
    _gwt_os_push(s->fd, s->pushed, s->end - s->pushed);
    s->pushed = s->end;
}

// The number of a tile in the file's directory, which lists band after band.
static int64_t _gwt_stream_listed(const _gwt_stream *s, int64_t tile)
{
    return tile % s->per_place * (s->num_tiles / s->per_place) + tile / s->per_place;
}

static bool _gwt_file_fail_classic(const _gwt_file *f)
{
    return _gwt_fail(
        f->g, GWT_E_UNSUPPORTED,
        "%s: the output exceeds 4 GiB, the limit of a classic TIFF: .bigtiff = GWT_BIGTIFF_AUTO "
        "allows it", f->path);
}

// What is known of an encoded tile before its turn comes; 0 bytes: it is absent.
static void _gwt_stream_note(_gwt_stream *s, int64_t tile, uint64_t bytes, uint32_t crc)
{
    s->counts[tile] = bytes;
    s->crcs[tile] = crc;
}

// Tiles of which that is known get their places, in canonical order.
static bool _gwt_stream_place(_gwt_stream *s, int64_t tile, int64_t n)
{
    for (int64_t end = tile + n; tile < end; tile++) {
        uint64_t bytes = s->counts[tile];
        if (bytes > s->limit || s->end > s->limit - bytes) return _gwt_file_fail_classic(s->file);
        s->offsets[tile] = bytes ? s->end : 0;
        s->end += bytes;
    }
    return true;
}

// Tiles that are in the file, as all before them are, go into the journal, and count.
static bool _gwt_stream_commit(_gwt_stream *s, int64_t tile, int64_t n)
{
    int64_t most = _gwt_max64(1, (int64_t)(_GWT_JOURNAL_RECORDS / s->record));
    for (int64_t end = tile + n, some; tile < end; tile += some) {
        some = _gwt_min64(end - tile, most);
        for (int64_t i = 0; i < some; i++) {
            char *to = s->records + (size_t)i * s->record;
            if (s->known)
                _gwt_figures_put(to + _GWT_JOURNAL_RECORD, &s->known[(tile + i) * s->figures],
                                 s->figures);
            _gwt_journal_record(to, tile + i, s->counts[tile + i], s->crcs[tile + i],
                                s->record - _GWT_JOURNAL_RECORD);
        }
        if (!_gwt_pwrite(s->g, s->journal_fd, s->journal, s->records, (size_t)some * s->record,
                         _gwt_journal_at(s, tile)))
            return false;
        atomic_store(&s->head, tile + some);
    }
    return true;
}

// One tile: what rank 0 and the rank that has a batch do between them.
static bool _gwt_stream_append(_gwt_stream *s, int64_t tile, const _gwt_blob *blob)
{
    _gwt_stream_note(s, tile, blob->bytes, blob->crc);
    if (!_gwt_stream_place(s, tile, 1)) return false;
    if (blob->bytes == 0) return _gwt_stream_commit(s, tile, 1);
    _gwt_lane *lane = _gwt_lane_here();
    _gwt_lane_enter(lane, _gwt_tile_event(GWT_STAGE_WRITE, s->file->name,
                                          _gwt_stream_listed(s, tile)));
    bool good = _gwt_pwrite(s->g, s->fd, s->part, blob->data, blob->bytes, s->offsets[tile])
             && _gwt_stream_commit(s, tile, 1);
    if (good) _gwt_stream_push(s);
    _gwt_lane_leave(lane, blob->bytes, blob->bytes);
    _gwt_prof_io(s->g->recorder, 0, blob->bytes);
    return good;
}

static bool _gwt_fail_strange(const _gwt_stream *s, const char *path, const char *why)
{
    return _gwt_fail(s->g, GWT_E_EXISTS, "%s %s, not what an interrupted save left: remove it, or "
                     ".overwrite without .resume removes it", path, why);
}

// A name at which something may be that is not wanted. A link goes itself.
static bool _gwt_stream_remove(const _gwt_stream *s, const char *path)
{
    int error = _gwt_os_remove(path);
    return !error || _gwt_fail_system(s->g, path, "removed", error);
}

// A part without a journal: of a save that was killed before it made one it is empty.
static bool _gwt_part_is_empty(const _gwt_stream *s)
{
    _gwt_os_facts facts;
    int error = _gwt_os_ask(s->fd, &facts);
    if (error) return _gwt_fail_system(s->g, s->part, "read", error);
    return facts.size == 0 || _gwt_fail_strange(s, s->part, "has no journal beside it");
}

// Go on with a part of this job.
static bool _gwt_part_adopt(_gwt_stream *s, const _gwt_journal *j)
{
    int error = s->file->replaces ? _gwt_os_set_mode(s->fd, 0600) : 0;
    if (s->file->replaces && !error) error = _gwt_os_set_mode(s->journal_fd, 0600);
    if (error)
        return _gwt_fail_system(s->g, s->part, "made private, as what it replaces", error);
    s->adopted = true;
    return (j->fills || !s->file->fills || _gwt_journal_begin(s))
        && _gwt_journal_replay(s, j->length);
}

// What there is to lose by a part and its journal goes only if that was asked for.
static bool _gwt_part_may_go(const _gwt_stream *s, const _gwt_journal *j)
{
    if ((j->differs && !*j->differs) || j->length == 0) return true;
    if (j->differs && s->file->resume)
        return _gwt_fail(s->g, GWT_E_EXISTS, "%s is of another job and can't be resumed: %s%s%s; "
                         ".overwrite without .resume starts afresh", s->part, j->differs,
                         j->others ? ", now " : "", j->others ? s->file->input : "");
    return _gwt_fail(s->g, GWT_E_EXISTS, "%s holds %lld of the %lld tiles of an interrupted save: "
                     ".resume goes on%s, .overwrite starts afresh", s->part, (long long)j->length,
                     (long long)s->num_tiles, j->differs ? " with that other job" : "");
}

// Part and journal as they were found, the part locked where it could be opened; `fresh`: the part
// was made just now, and a journal of gwt tells of none that is there. True: the part is adopted,
// or both may go. False with an error: neither.
static bool _gwt_part_judge(_gwt_stream *s, bool fresh, const char *strange)
{
    _gwt_journal j;
    const char *journal;
    bool afresh = s->file->overwrite && !s->file->resume;
    if (afresh && fresh) return true;
    if (!_gwt_open_left(s->g, s->journal, &s->journal_fd, &journal)) return false;
    if (afresh) return true;
    if (strange) return _gwt_fail_strange(s, s->part, strange);
    if (journal) return _gwt_fail_strange(s, s->journal, journal);
    if (s->journal_fd < 0) return _gwt_part_is_empty(s);
    if (!_gwt_journal_look(s, s->journal_fd, &j)) return false;
    if (!j.gwt) return _gwt_fail_strange(s, s->journal, "is no journal of gwt");
    if (fresh) return true;
    return !j.differs && s->file->resume ? _gwt_part_adopt(s, &j) : _gwt_part_may_go(s, &j);
}

// What has the part's name is adopted, or goes, but for a fresh part, which gets its journal.
static bool _gwt_part_take(_gwt_stream *s, bool fresh, const char *strange)
{
    bool good = _gwt_part_judge(s, fresh, strange);
    if (s->adopted) return good;
    _gwt_os_close(s->journal_fd);
    s->journal_fd = -1;
    // The journal first: without it a part is nothing to go on with.
    if (!good || !_gwt_stream_remove(s, s->journal)) return false;
    if (!fresh) return _gwt_stream_remove(s, s->part);
    s->journal_fd = _gwt_files_create(s->g, s->journal, s->file->replaces);
    return s->journal_fd >= 0 ? _gwt_journal_begin(s)
                              : _gwt_fail_system(s->g, s->journal, "created", s->journal_fd);
}

// The .part, fresh or adopted, locked for as long as it is open. What is there already goes only if
// nothing is lost by it, or if that was asked for; never what can't be opened, as its writer may
// live.
static bool _gwt_stream_create(_gwt_stream *s)
{
    int error = _GWT_OS_EXISTS;
    for (int tries = 0; tries < 3; tries++) {
        const char *strange = NULL;
        s->fd = _gwt_files_create(s->g, s->part, s->file->replaces);
        bool fresh = s->fd >= 0;
        if (!fresh) error = s->fd;
        if (error != _GWT_OS_EXISTS) break;
        if (!fresh && !_gwt_open_left(s->g, s->part, &s->fd, &strange)) return false;
        if (s->fd >= 0 && _gwt_os_lock(s->fd) == _GWT_OS_BUSY)
            return _gwt_fail(s->g, GWT_E_EXISTS, "%s: another save is writing it", s->part);
        // Finished, or removed, meanwhile.
        bool gone = s->fd >= 0 ? !_gwt_os_is_named(s->fd, s->part) : !strange;
        bool good = gone || _gwt_part_take(s, fresh, strange);
        if (fresh && !good && s->journal_fd < 0) _gwt_os_remove(s->part);
        if (!good || s->adopted || (fresh && !gone)) return good;
        _gwt_os_close(s->fd);
        s->fd = -1;
    }
    return _gwt_fail_system(s->g, s->part, "created", error);
}

// Names, job and number of tiles are set already. window: places that may wait.
static bool _gwt_stream_begin(_gwt_stream *s, int64_t window)
{
    s->window = window * s->per_place;
    size_t n = (size_t)s->num_tiles, ring = (size_t)s->window;
    s->end = 16;
    atomic_init(&s->head, s->file->complete ? s->num_tiles : 0);
    if (s->file->complete) return true;
    if (s->figures) {
        s->known = _gwt_calloc(s->g, n * (size_t)s->figures, sizeof *s->known);
        if (!s->known) return false;
    }
    // Buffers: one for each tile of the window, and that of the tile which has just been written.
    s->spare = _gwt_calloc(s->g, ring + 1, sizeof *s->spare);
    if (s->file->follows) return s->spare != NULL;
    s->offsets = _gwt_calloc(s->g, n, sizeof *s->offsets);
    s->counts = _gwt_calloc(s->g, n, sizeof *s->counts);
    s->ring = _gwt_calloc(s->g, ring, sizeof *s->ring);
    s->crcs = _gwt_calloc(s->g, n, sizeof *s->crcs);
    return s->offsets && s->counts && s->ring && s->spare && s->crcs && _gwt_stream_create(s);
}

// Whether another try may get further. What the caller has to change makes it another job, and so
// does a damaged input that is repaired; but its bad tiles may be filled from now on.
static bool _gwt_stream_keeps(const _gwt_stream *s)
{
    int code = atomic_load(&s->action->code);
    if ((code == GWT_E_FORMAT && !s->file->fillable) || code == GWT_E_NODATA) return false;
    if (s->adopted) return true;
    return atomic_load(&s->head) > 0
        && (code == GWT_OK || code == GWT_E_IO || code == GWT_E_FORMAT || code == GWT_E_MEMORY
            || code == GWT_E_EXISTS || code == GWT_E_USER || code == GWT_E_CANCELLED);
}

static void _gwt_stream_end(_gwt_stream *s)
{
    if (s->fd >= 0 && s->journal_fd >= 0 && !_gwt_stream_keeps(s)
        && _gwt_os_is_named(s->fd, s->part)) {
        _gwt_os_remove(s->journal);     // not finished, nor ever will be
        _gwt_os_remove(s->part);
    }
    _gwt_os_close(s->fd);
    _gwt_os_close(s->journal_fd);
    for (int64_t i = 0; s->ring && i < s->window; i++) GWT_FREE(s->ring[i].data);
    for (int i = 0; i < s->num_spare; i++) GWT_FREE(s->spare[i].data);
    GWT_FREE(s->ring);
    GWT_FREE(s->spare);
    GWT_FREE(s->offsets);
    GWT_FREE(s->counts);
    GWT_FREE(s->crcs);
    GWT_FREE(s->known);
    GWT_FREE(s->records);
    GWT_FREE(s->part);
    GWT_FREE(s->journal);
    _gwt_mutex_destroy(&s->lock);
}

// A buffer to encode into whose tile is written. Under the lock of whoever has the tiles.
static _gwt_blob _gwt_stream_spare(_gwt_stream *s)
{
    return s->num_spare ? s->spare[--s->num_spare] : (_gwt_blob){ 0 };
}

// Hand in tile k; the encoder's buffer goes with it and a used one comes back in its place.
static void _gwt_stream_submit(_gwt_stream *s, int64_t k, _gwt_bytes *encoded, uint32_t crc)
{
    if (k < atomic_load(&s->head)) return;      // there already when the save was resumed
    _gwt_lock_seen(&s->lock);
    s->ring[k % s->window] =
        (_gwt_blob){ encoded->data, encoded->used, encoded->capacity, crc, true };
    _gwt_blob back = _gwt_stream_spare(s);
    encoded->data = back.data;
    encoded->capacity = back.room;
    encoded->used = 0;
    bool mine = !s->writing;
    if (mine) s->writing = true;
    int64_t head = atomic_load(&s->head);
    while (mine && head < s->num_tiles && s->ring[head % s->window].there) {
        _gwt_blob blob = s->ring[head % s->window];
        s->ring[head % s->window] = (_gwt_blob){ 0 };   // before head moves: who sees that it has
        _gwt_unlock(&s->lock);                          // may hand in the tile a window further on
        bool good = !_gwt_over(s->action) && _gwt_stream_append(s, head, &blob);
        _gwt_lock_seen(&s->lock);
        s->spare[s->num_spare++] = blob;
        if (!good) break;
        head++;
    }
    if (mine) s->writing = false;
    _gwt_unlock(&s->lock);
    if (mine) _gwt_pool_notify(&s->g->pool);
}

// >>file --------------------------------------------------------------------------------------
// A file has images, whose directories come behind the tiles, and gets its name when all is there.
// A file of one image is that image's stream, with what comes behind it:
//
//   0      header, 16 bytes: space for BigTIFF's, written last
//   16     tiles, in the order of the image: rows of tiles from the top, each from the left, and
//          for planar files all bands of one place after one another
//   then   a directory for each image, chained, with its values, on boundaries of 8

// ---- directory

typedef struct _gwt_entry { uint16_t tag, type; uint64_t count; size_t at; } _gwt_entry;

// One image's entries by tag. Their values are copied here, `at` in `values`, in the machine's
// order, each on a boundary of 8.
typedef struct _gwt_directory {
    gwt *g;
    _gwt_entry entries[40];
    int n;
    _gwt_bytes values;
    uint64_t at;                // in the file
} _gwt_directory;

static size_t _gwt_type_size(uint16_t type)
{
    return type == TIFF_SHORT                                                 ? 2
         : type == TIFF_LONG                                                  ? 4
         : type == TIFF_DOUBLE || type == TIFF_LONG8 || type == TIFF_RATIONAL ? 8
                                                                              : 1;
}

// data NULL: zeros, to be filled in. NULL when there is no memory, with an error.
static void *_gwt_directory_add(_gwt_directory *d, uint16_t tag, uint16_t type, uint64_t count,
                                const void *data)
{
    size_t bytes = (size_t)count * _gwt_type_size(type), pad = -d->values.used & 7;
    int at = d->n;
    char *to = _gwt_bytes_add(&d->values, NULL, pad + bytes);
    if (!to)
        return _gwt_fail_null(d->g, GWT_E_MEMORY, "out of memory: cannot allocate a directory");
    for (; at > 0 && d->entries[at - 1].tag > tag; at--) d->entries[at] = d->entries[at - 1];
    d->entries[at] = (_gwt_entry){ tag, type, count, d->values.used - bytes };
    d->n++;
    return data ? memcpy(to + pad, data, bytes) : to + pad;
}

static void _gwt_directory_short(_gwt_directory *d, uint16_t tag, int value)
{
    _gwt_directory_add(d, tag, TIFF_SHORT, 1, &(uint16_t){ (uint16_t)value });
}

static void _gwt_directory_long(_gwt_directory *d, uint16_t tag, int64_t value)
{
    _gwt_directory_add(d, tag, TIFF_LONG, 1, &(uint32_t){ (uint32_t)value });
}

// Values in the machine's order to little-endian.
static void _gwt_put_values(char *to, const _gwt_directory *d, const _gwt_entry *e, uint16_t as)
{
    size_t size = _gwt_type_size(as);
    for (uint64_t i = 0; i < e->count; i++) {
        const char *from = d->values.data + e->at + i * _gwt_type_size(e->type);
        uint64_t v = 0;
        if (e->type == TIFF_SHORT) { uint16_t x; memcpy(&x, from, sizeof x); v = x; }
        else if (e->type == TIFF_LONG) { uint32_t x; memcpy(&x, from, sizeof x); v = x; }
        else if (_gwt_type_size(e->type) == 8) memcpy(&v, from, sizeof v);
        else v = (unsigned char)*from;
        _gwt_put(to + i * size, v, size);
    }
}

// TIFF 6.0, section 2; BigTIFF: counts and offsets of 8 bytes. `next` is where the next one lies.
// Gives the bytes of the directory with its values, each on a boundary of 8; to NULL: only that.
static uint64_t _gwt_directory_write(const _gwt_directory *d, bool big, uint64_t next, char *to)
{
    size_t word = big ? 8 : 4, start = big ? 8 : 2, size = 4 + 2 * word;
    uint64_t used = start + size * (uint64_t)d->n + word;
    for (int i = 0; i < d->n; i++) {
        const _gwt_entry *e = &d->entries[i];
        char *entry = to ? to + start + size * (size_t)i : NULL;
        // 64-bit values are LONG in a classic file.
        uint16_t type = e->type == TIFF_LONG8 && !big ? (uint16_t)TIFF_LONG : e->type;
        uint64_t bytes = e->count * _gwt_type_size(type);
        bool apart = bytes > word;
        if (apart) used = (used + 7) & ~(uint64_t)7;
        if (to) {
            _gwt_put(entry, e->tag, 2);
            _gwt_put(entry + 2, type, 2);
            _gwt_put(entry + 4, e->count, word);
            if (apart) _gwt_put(entry + 4 + word, d->at + used, word);
            _gwt_put_values(apart ? to + used : entry + 4 + word, d, e, type);
        }
        if (apart) used += bytes;
    }
    if (to) _gwt_put(to + start + size * (size_t)d->n, next, word);
    if (to) _gwt_put(to, (uint64_t)d->n, start);
    return (used + 7) & ~(uint64_t)7;
}

// Where directories lie, one after another from `at`: the end of the last.
static uint64_t _gwt_directories_place(_gwt_directory *list, int n, bool big, uint64_t at)
{
    at = (at + 7) & ~(uint64_t)7;
    for (int i = 0; i < n; i++) {
        list[i].at = at;
        at += _gwt_directory_write(&list[i], big, 0, NULL);
    }
    return at;
}

// All of them, chained, `to` being the first one's place.
static void _gwt_directories_write(const _gwt_directory *list, int n, bool big, char *to)
{
    for (int i = 0; i < n; i++)
        _gwt_directory_write(&list[i], big, i + 1 < n ? list[i + 1].at : 0,
                             to + (list[i].at - list[0].at));
}

// ---- metadata as text

typedef struct _gwt_text { gwt *g; _gwt_bytes bytes; } _gwt_text;

static void _gwt_text_add(_gwt_text *t, const char *s, size_t n)
{
    if (!_gwt_bytes_add(&t->bytes, s, n))
        _gwt_fail(t->g, GWT_E_MEMORY, "out of memory: cannot allocate the metadata");
}

static void _gwt_text_string(_gwt_text *t, const char *s) { _gwt_text_add(t, s, strlen(s)); }

// As the value of a GDAL item, which is escaped `times` 2, or of an attribute, 1.
static void _gwt_text_escaped(_gwt_text *t, const char *s, size_t n, int times)
{
    static const char *const entities[][2] = {
        { "&amp;", "&amp;amp;" }, { "&lt;", "&amp;lt;" }, { "&gt;", "&amp;gt;" },
        { "&quot;", "&amp;quot;" }
    };
    for (const char *end = s + n; s < end;) {
        static const char special[] = "&<>\"";
        int bytes = _gwt_utf8(s);
        const char *at = strchr(special, *s);
        if (at) _gwt_text_string(t, entities[at - special][times - 1]);
        else if (_gwt_xml_char(s, bytes)) _gwt_text_add(t, s, (size_t)bytes);
        else _gwt_text_string(t, "\xEF\xBF\xBD");
        s += bytes ? bytes : 1;
    }
}

static void _gwt_text_attribute(_gwt_text *t, const char *name, const char *value)
{
    if (!*value) return;
    _gwt_text_string(t, " ");
    _gwt_text_string(t, name);
    _gwt_text_string(t, "=\"");
    _gwt_text_escaped(t, value, strlen(value), 1);
    _gwt_text_string(t, "\"");
}

// An item but for its value: `sample` is its band, -1: it is of the file.
static void _gwt_text_item_begin(_gwt_text *t, const char *name, size_t n, int64_t sample,
                                 const char *role, const char *domain)
{
    char number[24] = "";
    if (sample >= 0) snprintf(number, sizeof number, "%lld", (long long)sample);
    _gwt_text_string(t, "  <Item name=\"");
    _gwt_text_escaped(t, name, n, 1);
    _gwt_text_string(t, "\"");
    _gwt_text_attribute(t, "sample", number);
    _gwt_text_attribute(t, "role", role);
    _gwt_text_attribute(t, "domain", domain);
    _gwt_text_string(t, ">");
}

static void _gwt_text_item_end(_gwt_text *t) { _gwt_text_string(t, "</Item>\n"); }

static void _gwt_text_item(_gwt_text *t, const char *name, size_t n, int64_t sample,
                           const char *role, const char *domain, const char *value)
{
    _gwt_text_item_begin(t, name, n, sample, role, domain);
    _gwt_text_escaped(t, value, strlen(value), 2);
    _gwt_text_item_end(t);
}

// One that the input has, too.
static void _gwt_text_copy(_gwt_text *t, const _gwt_item *item, int64_t sample)
{
    _gwt_text_item(t, item->name, strlen(item->name), sample, item->role, item->domain, item->text);
}

static void _gwt_text_role(_gwt_text *t, const char *name, const char *role, const char *value,
                           int64_t sample)
{
    _gwt_text_item(t, name, strlen(name), sample, role, "", value);
}

static void _gwt_text_hex(_gwt_text *t, uint32_t x)
{
    char digits[9];
    snprintf(digits, sizeof digits, "%08lx", (unsigned long)x);
    _gwt_text_string(t, digits);
}

// ---- what is copied of what the input says

// Whether an item is true still.
static bool _gwt_item_stays(const _gwt_item *item, unsigned keep)
{
    bool place = !strcmp(item->domain, "RPC") || !strcmp(item->domain, "GEOLOCATION")
              || (!*item->domain && !strcmp(item->name, "AREA_OR_POINT"));
    if (place && !(keep & _GWT_KEEP_PLACES)) return false;
    if (!strncmp(item->name, "STATISTICS_", 11) && !(keep & _GWT_KEEP_FIGURES)) return false;
    return keep & _GWT_KEEP_WORDS;
}

// The meaning of a file's first bands together.
typedef struct _gwt_colours { uint16_t photometric; int n; const _gwt_band_about *palette; }
    _gwt_colours;

static bool _gwt_palette_fits(const gwt_array *a, gwt_dtype dtype, int64_t planes)
{
    return a->bands[0].keep & _GWT_KEEP_CLASSES
        && (dtype == GWT_UINT8 || dtype == GWT_UINT16)
        && (planes == 1
            || (planes == 2 && _gwt_is_alpha(_gwt_about_extra(_gwt_about_band(a, 1)))));
}

// That of the input, where its bands still are all there and in order; else shades of gray.
static _gwt_colours _gwt_colours_of(const gwt_array *a, gwt_dtype dtype)
{
    _gwt_colours gray = { PHOTOMETRIC_MINISBLACK, 1, NULL };
    const _gwt_band_about *first = _gwt_about_band(a, 0);
    int64_t planes = _gwt_num_planes(a);
    if (!first || first->colour != 0 || first->colours > planes) return gray;
    for (int i = 1; i < first->colours; i++) {
        const _gwt_band_about *band = _gwt_about_band(a, i);
        if (!band || band->photometric != first->photometric || band->colour != i) return gray;
    }
    if (first->palette && !_gwt_palette_fits(a, dtype, planes)) return gray;
    return (_gwt_colours){ first->photometric, first->colours, first->palette ? first : NULL };
}

// GDAL's name for what a band is by TIFF's own tags.
static const char *_gwt_interpretation(uint16_t photometric, int64_t colour, uint16_t extra)
{
    static const char *const rgb[] = { "Red", "Green", "Blue" },
                      *const cmyk[] = { "Cyan", "Magenta", "Yellow", "Black" };
    if (colour < 0) return _gwt_is_alpha(extra) ? "Alpha" : "Undefined";
    if (photometric == PHOTOMETRIC_RGB) return rgb[colour];
    if (photometric == PHOTOMETRIC_SEPARATED) return cmyk[colour];
    return photometric == PHOTOMETRIC_PALETTE ? "Palette" : colour == 0 ? "Gray" : "Undefined";
}

// What a band is to GDAL where the tags of the output do not say it; else NULL.
static const char *_gwt_about_interpretation(const gwt_array *a, const _gwt_colours *c,
                                             int64_t plane)
{
    const _gwt_band_about *band = _gwt_about_band(a, plane);
    if (!band) return NULL;
    const char *is = band->interpretation,
               *said = _gwt_interpretation(c->photometric, plane < c->n ? plane : -1,
                                           _gwt_about_extra(band));
    if (!*is) {
        is = _gwt_interpretation(band->photometric, band->colour, band->extra);
        if (!strcmp(is, "Gray") || !strcmp(is, "Undefined")) return NULL;
    }
    return strcmp(is, said) && strcmp(is, "Palette") ? is : NULL;
}

// A tag of the input that goes into the output as it is; data NULL where there is none.
static _gwt_tag_value _gwt_about_tag(const gwt_array *a, size_t i)
{
    unsigned needs = _gwt_copied_tags[i].place ? _GWT_KEEP_PLACES : _GWT_KEEP_WORDS;
    return a->about && a->keep & needs ? a->about->tags[i] : (_gwt_tag_value){ NULL, 0 };
}

static bool _gwt_tag_is_given(const gwt_save_options *o, const _gwt_item *item)
{
    size_t n = strlen(item->name);
    for (int64_t i = 0; o->tags && o->tags[i] && !*item->domain; i++)
        if (!strncmp(o->tags[i], item->name, n) && o->tags[i][n] == '=') return true;
    return false;
}

static void _gwt_metadata_file(_gwt_text *t, const gwt_array *a, const gwt_save_options *o,
                               unsigned keep)
{
    for (int64_t i = 0; o->tags && o->tags[i]; i++) {
        const char *equals = strchr(o->tags[i], '=');
        _gwt_text_item(t, o->tags[i], (size_t)(equals - o->tags[i]), -1, "", "", equals + 1);
    }
    for (size_t i = 0; a->about && i < a->about->items.n; i++) {
        const _gwt_item *item = &a->about->items.list[i];
        if (_gwt_item_stays(item, a->keep & keep) && !_gwt_tag_is_given(o, item))
            _gwt_text_copy(t, item, -1);
    }
}

static void _gwt_metadata_band(_gwt_text *t, const gwt_array *a, const _gwt_colours *c,
                               int64_t plane, unsigned keep)
{
    const _gwt_band_about *band = _gwt_about_band(a, plane);
    const char *interpretation = _gwt_about_interpretation(a, c, plane);
    if (band) keep &= a->bands[plane % a->info.shape[1]].keep;
    for (size_t i = 0; band && i < band->items.n; i++)
        if (_gwt_item_stays(&band->items.list[i], keep))
            _gwt_text_copy(t, &band->items.list[i], plane);
    if (interpretation) _gwt_text_role(t, "COLORINTERP", "colorinterp", interpretation, plane);
}

// The statistics of a band of so many pixels, under GDAL's names and in its words: of no valid pixel
// there is the percentage alone, and 100 of them are all.
static void _gwt_metadata_statistics(_gwt_text *t, const _gwt_figures *f, double pixels,
                                     int64_t plane)
{
    static const char *const names[] = { "STATISTICS_MINIMUM", "STATISTICS_MAXIMUM",
                                         "STATISTICS_MEAN", "STATISTICS_STDDEV" };
    gwt_summary s = _gwt_figures_summary(f);
    const double values[] = { s.min, s.max, s.mean, s.std };
    double valid = (double)(s.count + s.infinite);
    char number[40];
    for (size_t i = 0; i < _GWT_COUNT(values) && s.count; i++)
        _gwt_text_role(t, names[i], "", _gwt_os_print(number, sizeof number, "%.14g", values[i]),
                       plane);
    _gwt_os_print(number, sizeof number, "%.4g", 100 * valid / pixels);
    _gwt_text_role(t, "STATISTICS_VALID_PERCENT", "",
                   valid < pixels && !strcmp(number, "100") ? "99.999" : number, plane);
}

// Checksums of the tiles in the order of the directory, 8 hexadecimal digits each.
static void _gwt_metadata_checksums(_gwt_text *t, const _gwt_stream *stream)
{
    uint32_t table = 0;
    int64_t places = stream->num_tiles / stream->per_place;
    _gwt_text_item_begin(t, "TILE_CRC32", strlen("TILE_CRC32"), -1, "", "GWT");
    for (int64_t i = 0; i < stream->num_tiles; i++) {
        int64_t k = i % places * stream->per_place + i / places;
        table = _gwt_table_crc(table, stream->offsets[k], stream->counts[k]);
        _gwt_text_hex(t, stream->crcs[k]);
    }
    _gwt_text_item_end(t);
    _gwt_text_item_begin(t, "TILE_TABLE_CRC32", strlen("TILE_TABLE_CRC32"), -1, "", "GWT");
    _gwt_text_hex(t, table);
    _gwt_text_item_end(t);
}

// What a band is called; of a time with a date "2016-05-17 red".
static void _gwt_metadata_name(_gwt_text *t, const char *date, const char *name, int64_t band)
{
    if (!date && !name) return;
    _gwt_text_item_begin(t, "DESCRIPTION", strlen("DESCRIPTION"), band, "description", "");
    if (date) _gwt_text_escaped(t, date, strlen(date), 2);
    if (date && name) _gwt_text_string(t, " ");
    if (name) _gwt_text_escaped(t, name, strlen(name), 2);
    _gwt_text_item_end(t);
}

// GDAL_METADATA of what the options and the array say, with statistics and checksums where there is
// a stream; empty when that is nothing.
static void _gwt_metadata_text(_gwt_text *t, const gwt_array *a, const gwt_save_options *o,
                               const _gwt_stream *stream)
{
    char number[40];
    int64_t bands = a->info.shape[1], planes = _gwt_num_planes(a);
    const char *const *names = o->band_names       ? o->band_names
                             : a->info.bands_named ? a->info.band_names
                                                   : NULL;
    const double *scales = o->scales ? o->scales : a->info.has_scales ? a->info.scales : NULL;
    const double *offsets = o->offsets ? o->offsets : a->info.has_scales ? a->info.offsets : NULL;
    bool casts = o->dtype && o->dtype != a->info.dtype, dated = a->info.shape[0] > 1;
    for (int64_t i = 0; dated && i < a->info.shape[0]; i++)
        dated = _gwt_time_date(a->info.time_names[i]) != 0;
    unsigned keep = casts || o->statistics ? _GWT_KEEP_ALL & ~_GWT_KEEP_FIGURES : _GWT_KEEP_ALL;
    _gwt_colours colours = _gwt_colours_of(a, casts ? o->dtype : a->info.dtype);
    _gwt_text_string(t, "<GDALMetadata>\n");
    size_t empty = t->bytes.used;
    _gwt_metadata_file(t, a, o, keep);
    for (int64_t i = 0; i < planes; i++) {
        bool named = names && (o->band_names || a->info.named[i % bands]);
        _gwt_metadata_name(t, dated ? a->info.time_names[i / bands] : NULL,
                           named ? names[i % bands] : NULL, i);
        if (offsets)
            _gwt_text_role(t, "OFFSET", "offset",
                           _gwt_os_double_text(number, sizeof number, offsets[i % bands]), i);
        if (scales)
            _gwt_text_role(t, "SCALE", "scale",
                           _gwt_os_double_text(number, sizeof number, scales[i % bands]), i);
        _gwt_metadata_band(t, a, &colours, i, keep);
        if (stream && stream->known)
            _gwt_metadata_statistics(t, &stream->known[i],
                                     (double)a->geo.width * (double)a->geo.height, i);
    }
    if (stream && o->checksums) _gwt_metadata_checksums(t, stream);
    if (t->bytes.used == empty) t->bytes.used = 0;
    else _gwt_text_string(t, "</GDALMetadata>\n");
}

// ---- an image in its directory

static void _gwt_image_add_geo(_gwt_directory *d, const _gwt_geo *geo)
{
    // Of pixel centres when the keys say so.
    const double *t = geo->t;
    double shift = geo->point ? 0.5 : 0;
    double x = t[2] + (t[0] + t[1]) * shift, y = t[5] + (t[3] + t[4]) * shift;
    if (geo->has_transform && t[1] == 0 && t[3] == 0 && t[0] > 0 && t[4] < 0) {
        _gwt_directory_add(d, _GWT_TAG_PIXEL_SCALE, TIFF_DOUBLE, 3, (double[]){ t[0], -t[4], 0 });
        _gwt_directory_add(d, _GWT_TAG_TIEPOINT, TIFF_DOUBLE, 6, (double[]){ 0, 0, 0, x, y, 0 });
    } else if (geo->has_transform) {
        _gwt_directory_add(d, _GWT_TAG_TRANSFORMATION, TIFF_DOUBLE, 16,
                           (double[16]){ t[0], t[1], 0, x, t[3], t[4], 0, y, [15] = 1 });
    }
    if (geo->num_keys)
        _gwt_directory_add(d, _GWT_TAG_GEO_KEYS, TIFF_SHORT, geo->num_keys, geo->keys);
    if (geo->num_doubles)
        _gwt_directory_add(d, _GWT_TAG_GEO_DOUBLES, TIFF_DOUBLE, geo->num_doubles, geo->doubles);
    if (geo->num_ascii)
        _gwt_directory_add(d, _GWT_TAG_GEO_ASCII, TIFF_ASCII, geo->num_ascii, geo->ascii);
}

// Offsets or byte counts as the directory lists them: planar files list band after band, tiles
// were written place after place.
static void _gwt_image_add_table(_gwt_directory *d, uint16_t tag, const _gwt_stream *stream,
                                 const uint64_t *written)
{
    uint64_t *list = _gwt_directory_add(d, tag, TIFF_LONG8, (uint64_t)stream->num_tiles, NULL);
    for (int64_t i = 0; list && i < stream->num_tiles; i++)
        list[_gwt_stream_listed(stream, i)] = written[i];
}

// The palette in the size that the output's type wants, which may be another than the input's.
static void _gwt_image_add_palette(_gwt_directory *d, const _gwt_format *f,
                                   const _gwt_band_about *palette)
{
    size_t n = (size_t)1 << (8 * gwt_dtype_size(f->dtype)), shades = palette->shades;
    uint16_t *to = _gwt_directory_add(d, TIFFTAG_COLORMAP, TIFF_SHORT, 3 * n, NULL);
    for (size_t i = 0; to && i < 3; i++)
        memcpy(to + i * n, palette->palette + i * shades,
               (n < shades ? n : shades) * sizeof *to);
}

static void _gwt_directory_repeat(_gwt_directory *d, uint16_t tag, size_t n, size_t value)
{
    uint16_t *to = _gwt_directory_add(d, tag, TIFF_SHORT, n, NULL);
    _GWT_SINGLY for (size_t i = 0; to && i < n; i++) to[i] = (uint16_t)value;
}

// One value for each sample.
static void _gwt_image_add_samples(_gwt_directory *d, const _gwt_image *m,
                                   const _gwt_colours *colours)
{
    size_t n = (size_t)m->format.planes;
    gwt_dtype dtype = m->format.dtype;
    int first = colours->n;
    _gwt_directory_repeat(d, TIFFTAG_BITSPERSAMPLE, n, 8 * gwt_dtype_size(dtype));
    _gwt_directory_repeat(d, TIFFTAG_SAMPLEFORMAT, n, _gwt_sample_format(dtype));
    if (m->format.planes <= first) return;
    uint16_t *extra = _gwt_directory_add(d, TIFFTAG_EXTRASAMPLES, TIFF_SHORT, n - (size_t)first,
                                         NULL);
    for (int64_t i = first; extra && i < m->format.planes; i++)
        extra[i - first] = _gwt_about_extra(_gwt_about_band(m->a, i));
}

// What is true of the full resolution only, and said there for all images of the file.
static void _gwt_image_add_words(_gwt_directory *d, const _gwt_image *m,
                                 const gwt_save_options *o)
{
    _gwt_text metadata = { .g = m->a->g };
    for (size_t i = 0; i < _GWT_COUNT(_gwt_copied_tags); i++) {
        _gwt_tag_value tag = _gwt_about_tag(m->a, i);
        if (tag.data)
            _gwt_directory_add(d, _gwt_copied_tags[i].tag, _gwt_copied_tags[i].type, tag.count,
                               tag.data);
    }
    _gwt_image_add_geo(d, &m->a->geo);
    _gwt_metadata_text(&metadata, m->a, o, &m->stream);
    if (metadata.bytes.used) {
        _gwt_text_add(&metadata, "", 1);
        _gwt_directory_add(d, _GWT_TAG_GDAL_METADATA, TIFF_ASCII, metadata.bytes.used,
                           metadata.bytes.data);
    }
    GWT_FREE(metadata.bytes.data);
}

// The directory of an image whose tiles have their places.
static void _gwt_image_describe(const _gwt_image *m, const gwt_save_options *o, _gwt_directory *d)
{
    const _gwt_format *f = &m->format;
    _gwt_colours colours = _gwt_colours_of(m->a, f->dtype);
    char nodata[40];
    if (m->kind) _gwt_directory_long(d, TIFFTAG_SUBFILETYPE, m->kind);
    _gwt_directory_long(d, TIFFTAG_IMAGEWIDTH, m->width);
    _gwt_directory_long(d, TIFFTAG_IMAGELENGTH, m->height);
    _gwt_directory_short(d, TIFFTAG_COMPRESSION, f->compression);
    _gwt_directory_short(d, TIFFTAG_PHOTOMETRIC,
                         m->kind & FILETYPE_MASK ? PHOTOMETRIC_MASK : colours.photometric);
    _gwt_directory_short(d, TIFFTAG_SAMPLESPERPIXEL, (int)f->planes);
    _gwt_directory_short(d, TIFFTAG_PLANARCONFIG,
                         f->planar ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
    if (f->predictor != 1) _gwt_directory_short(d, TIFFTAG_PREDICTOR, f->predictor);
    _gwt_directory_long(d, TIFFTAG_TILEWIDTH, f->block);
    _gwt_directory_long(d, TIFFTAG_TILELENGTH, f->block);
    _gwt_image_add_table(d, TIFFTAG_TILEOFFSETS, &m->stream, m->stream.offsets);
    _gwt_image_add_table(d, TIFFTAG_TILEBYTECOUNTS, &m->stream, m->stream.counts);
    _gwt_image_add_samples(d, m, &colours);
    if (colours.palette && !(m->kind & FILETYPE_MASK))
        _gwt_image_add_palette(d, f, colours.palette);
    if (!m->kind) _gwt_image_add_words(d, m, o);
    if (!m->nodata.set) return;
    _gwt_nodata_text(nodata, sizeof nodata, f->dtype, m->nodata);
    _gwt_directory_add(d, _GWT_TAG_GDAL_NODATA, TIFF_ASCII, strlen(nodata) + 1, nodata);
}

// ---- the file

// Directories, chained, behind what ends at `end`, and the header last. Only now it is decided
// which TIFF it is.
static bool _gwt_file_write_directories(const _gwt_file *f, _gwt_os_file fd, const char *path,
                                        uint64_t end, _gwt_directory *list, int n)
{
    bool big = f->bigtiff == GWT_BIGTIFF_YES
            || _gwt_directories_place(list, n, false, end) > UINT32_MAX;
    if (big && f->bigtiff == GWT_BIGTIFF_NO) return _gwt_file_fail_classic(f);
    size_t bytes = (size_t)(_gwt_directories_place(list, n, big, end) - list[0].at);
    char header[16] = { 'I', 'I' }, *to = _gwt_calloc(f->g, bytes, 1);
    if (!to) return false;
    _gwt_put(header + 2, big ? 43 : 42, 2);
    if (big) _gwt_put(header + 4, 8, 2);
    _gwt_put(header + (big ? 8 : 4), list[0].at, big ? 8 : 4);
    _gwt_directories_write(list, n, big, to);
    bool good = _gwt_pwrite(f->g, fd, path, to, bytes, list[0].at)
             && _gwt_pwrite(f->g, fd, path, header, sizeof header, 0);
    GWT_FREE(to);
    return good;
}

// The directories of images whose tiles are all in one file.
static bool _gwt_file_describe(const _gwt_file *f, _gwt_os_file fd, const char *path, uint64_t end,
                               const _gwt_image *images, int n, const gwt_save_options *o)
{
    _gwt_directory *list = _gwt_calloc(f->g, (size_t)n, sizeof *list);
    for (int i = 0; list && i < n; i++) {
        list[i].g = f->g;
        _gwt_image_describe(&images[i], o, &list[i]);
    }
    bool good = list && !_gwt_failed(f->g)
             && _gwt_file_write_directories(f, fd, path, end, list, n);
    for (int i = 0; list && i < n; i++) GWT_FREE(list[i].values.data);
    GWT_FREE(list);
    return good;
}

// Give the stream's part, which is complete, the name of the output. *failed: what went wrong.
static int _gwt_file_name(const _gwt_file *f, _gwt_stream *stream, const char **failed)
{
    int error = f->replaces ? _gwt_os_set_mode(stream->fd, f->mode) : 0;
    *failed = "given the mode of the file it replaces";
    if (error) return error;
    *failed = "synced";
    if ((error = _gwt_os_sync(stream->fd)) < 0) return error;
    *failed = "kept: something else has its name";
    if (!_gwt_os_is_named(stream->fd, stream->part)) return _GWT_OS_EXISTS;
    *failed = "renamed";
    return _gwt_os_rename(stream->part, f->path);
}

static bool _gwt_file_rename(const _gwt_file *f, _gwt_stream *stream)
{
    _gwt_os_facts facts;
    const char *failed;
    if (!f->overwrite && !_gwt_os_look(f->path, false, &facts))
        return _gwt_fail(f->g, GWT_E_EXISTS, "%s: has been created by another program "
                         "meanwhile; .resume with .overwrite replaces it", f->path);
    int error = _gwt_file_name(f, stream, &failed);
    if (error) return _gwt_fail_system(f->g, stream->part, failed, error);
    _gwt_os_close(stream->fd);
    stream->fd = -1;
    _gwt_os_sync_folder(f->path);
    return true;
}

// One save, its options resolved: a file, and its image.
typedef struct _gwt_save { gwt_save_options o; _gwt_file file; _gwt_image image; } _gwt_save;

static bool _gwt_file_finish(_gwt_save *s)
{
    _gwt_stream *stream = &s->image.stream;
    if (s->file.complete || s->file.follows) return true;
    if (stream->known)
        _gwt_figures_join_all(stream->known, stream->num_tiles / stream->per_place,
                              s->image.format.planes);
    return !_gwt_over(stream->action)
        && _gwt_file_describe(&s->file, stream->fd, stream->part, stream->end, &s->image, 1, &s->o)
        && _gwt_file_rename(&s->file, stream);
}

// ---- options

bool gwt_can_compress(const char *name)
{
    for (size_t i = 0; name && i < _GWT_COUNT(_gwt_codecs); i++)
        if (_gwt_codecs[i].writable && _gwt_same_name(name, _gwt_codecs[i].name))
            return TIFFIsCODECConfigured(_gwt_codecs[i].tag) != 0;
    return false;
}

const char *gwt_compression_name(size_t index)
{
    for (size_t i = 0; i < _GWT_COUNT(_gwt_codecs); i++)
        if (_gwt_codecs[i].writable && TIFFIsCODECConfigured(_gwt_codecs[i].tag) && index-- == 0)
            return _gwt_codecs[i].name;
    return NULL;
}

static bool _gwt_format_codec(gwt *g, _gwt_format *f, const char *name, int level)
{
    char there[128];
    const char *names[_GWT_COUNT(_gwt_codecs)];
    int64_t n = 0;
    size_t i = 0;
    if (!gwt_can_compress(name)) {
        while ((names[n] = gwt_compression_name((size_t)n)) != NULL) n++;
        _gwt_fail(g, GWT_E_UNSUPPORTED, "no compression \"%s\": this machine's libtiff offers %s",
                  name, _gwt_join_names(there, sizeof there, names, n));
        return false;
    }
    while (!_gwt_same_name(name, _gwt_codecs[i].name)) i++;
    f->compression = _gwt_codecs[i].tag;
    f->level = level;
    f->level_tag = _gwt_codecs[i].level_tag;
    if (level == 0 || (level >= _gwt_codecs[i].min_level && level <= _gwt_codecs[i].max_level))
        return true;
    if (_gwt_codecs[i].max_level == 0)
        _gwt_fail(g, GWT_E_ARGUMENT, "compression %s has no levels, %d was asked for", name, level);
    else
        _gwt_fail(g, GWT_E_ARGUMENT, "compression %s has levels %d to %d, not %d", name,
                  _gwt_codecs[i].min_level, _gwt_codecs[i].max_level, level);
    return false;
}

static bool _gwt_format_predictor(gwt *g, _gwt_format *f, int predictor)
{
    bool can = f->compression == COMPRESSION_LZW || f->compression == COMPRESSION_ADOBE_DEFLATE
            || f->compression == COMPRESSION_ZSTD || f->compression == COMPRESSION_LZMA;
    f->predictor = predictor ? (uint16_t)predictor : 1;
    if (predictor < 0 || predictor > 3)
        return _gwt_fail(g, GWT_E_ARGUMENT,
                         "no predictor %d: 1 is none, 2 horizontal, 3 floating point", predictor);
    if (predictor > 1 && !can)
        return _gwt_fail(g, GWT_E_ARGUMENT,
                         "a predictor needs compression lzw, deflate, zstd or lzma");
    if (predictor == 3 && _gwt_dtype_integer(f->dtype))
        return _gwt_fail(g, GWT_E_ARGUMENT, "predictor 3 is for floating point, not %s",
                  gwt_dtype_name(f->dtype));
    return true;
}

// Tiles of 256, or the smallest multiple of 16 that holds an image smaller than that.
static int64_t _gwt_default_block(const gwt_array *a)
{
    int64_t longest = _gwt_max64(a->geo.width, a->geo.height);
    return _gwt_min64(256, (longest + 15) / 16 * 16);
}

static bool _gwt_format_block(gwt *g, _gwt_format *f, const gwt_array *a, int block)
{
    if (block < 0 || block > 16384 || block % 16)
        return _gwt_fail(g, GWT_E_ARGUMENT,
                         ".tile_size = %d: must be a multiple of 16, from 16 to 16384", block);
    f->block = block ? block : _gwt_default_block(a);
    if (f->planes > _GWT_MAX_BANDS)
        return _gwt_fail(g, GWT_E_UNSUPPORTED, "a TIFF holds at most %d bands, not %lld",
                         _GWT_MAX_BANDS, (long long)f->planes);
    uint64_t samples = f->planar ? 1 : (uint64_t)f->planes;
    if (_gwt_mul4((uint64_t)f->block, (uint64_t)f->block, samples, gwt_dtype_size(f->dtype),
                  &f->tile_bytes)
        && f->tile_bytes <= INT32_MAX / 4)
        return true;
    return _gwt_fail(
        g, GWT_E_ARGUMENT,
        "tiles of %lld x %lld x %lld %s are too large: choose a smaller .tile_size, or "
        ".interleave = GWT_PLANAR",
        (long long)f->block, (long long)f->block, (long long)samples, gwt_dtype_name(f->dtype));
}

// What missing pixels are stored as: the caller's value, which must fit; the array's, when it fits.
static bool _gwt_resolve_nodata(const gwt_array *a, gwt_dtype dtype, gwt_optional given,
                                gwt_optional *nodata)
{
    *nodata = given.set ? given : a->info.nodata;
    if (!nodata->set || _gwt_dtype_holds_it(dtype, *nodata)) return true;
    *nodata = (gwt_optional){ 0 };
    if (!given.set) return true;
    return _gwt_fail(a->g, GWT_E_ARGUMENT, "nodata %g is not a value of %s", given.value,
                     gwt_dtype_name(dtype));
}

static bool _gwt_save_check_choices(gwt *g, const gwt_save_options *o)
{
    if (o->interleave < GWT_INTERLEAVE_DEFAULT || o->interleave > GWT_PLANAR)
        return _gwt_fail(g, GWT_E_ARGUMENT, "no interleave %d: there are pixel and planar",
                  (int)o->interleave);
    if (o->bigtiff < GWT_BIGTIFF_AUTO || o->bigtiff > GWT_BIGTIFF_NO)
        return _gwt_fail(g, GWT_E_ARGUMENT, "no bigtiff %d: there are auto, yes and no",
                         (int)o->bigtiff);
    return true;
}

static bool _gwt_save_check_lists(gwt *g, const gwt_array *a, const gwt_save_options *o)
{
    int64_t names = _gwt_count_strings(o->band_names), bands = a->info.shape[1];
    if (o->band_names && names != bands)
        return _gwt_fail(g, GWT_E_ARGUMENT, "%lld band names for %lld bands", (long long)names,
                  (long long)bands);
    if (!_gwt_check_texts(g, "band name", o->band_names) || !_gwt_check_texts(g, "tag", o->tags))
        return false;
    for (int64_t i = 0; o->tags && o->tags[i]; i++)
        if (!strchr(o->tags[i], '='))
            return _gwt_fail(g, GWT_E_ARGUMENT, "the tag \"%s\" is not of the form KEY=VALUE",
                             o->tags[i]);
    if (a->geo.width > INT32_MAX || a->geo.height > INT32_MAX)
        return _gwt_fail(g, GWT_E_UNSUPPORTED, "a TIFF holds at most %d x %d pixels", INT32_MAX,
                  INT32_MAX);
    return true;
}

// Tiles of a place, each encoded and written by itself: bands of a planar file.
static int64_t _gwt_format_per_place(const _gwt_format *f) { return f->planar ? f->planes : 1; }

static bool _gwt_save_resolve(_gwt_save *s)
{
    gwt *g = s->image.a->g;
    _gwt_format *f = &s->image.format;
    if (!_gwt_check_dtype(g, s->o.dtype) || !_gwt_save_check_choices(g, &s->o)
        || !_gwt_save_check_lists(g, s->image.a, &s->o))
        return false;
    f->dtype = s->o.dtype ? s->o.dtype : s->image.a->info.dtype;
    f->planes = _gwt_num_planes(s->image.a);
    f->planar = s->o.interleave == GWT_PLANAR && f->planes > 1;
    if (!s->o.compress) s->o.compress = "none";
    if (!_gwt_format_codec(g, f, s->o.compress, s->o.level)
        || !_gwt_format_predictor(g, f, s->o.predictor)
        || !_gwt_format_block(g, f, s->image.a, s->o.tile_size)
        || !_gwt_resolve_nodata(s->image.a, f->dtype, s->o.nodata, &s->image.nodata))
        return false;
    _gwt_image *m = &s->image;
    m->width = m->a->geo.width, m->height = m->a->geo.height;
    m->across = _gwt_ceil_div(m->width, f->block), m->down = _gwt_ceil_div(m->height, f->block);
    m->stream.limit = s->o.bigtiff == GWT_BIGTIFF_NO ? UINT32_MAX : INT64_MAX;
    m->stream.per_place = _gwt_format_per_place(f);
    m->stream.figures = !s->o.statistics ? 0 : f->planar ? 1 : f->planes;
    m->stream.record = _GWT_JOURNAL_RECORD + _GWT_FIGURES_BYTES * (size_t)m->stream.figures;
    size_t table;
    if (!_gwt_mul4((uint64_t)m->across, (uint64_t)m->down, (uint64_t)m->stream.per_place,
                   m->stream.record, &table))
        return _gwt_fail(g, GWT_E_UNSUPPORTED, "%lld x %lld tiles are too many: choose a "
                         "larger .tile_size", (long long)m->across, (long long)m->down);
    m->stream.num_tiles = m->across * m->down * m->stream.per_place;
    s->file.resume = s->o.resume, s->file.overwrite = s->o.overwrite;
    s->file.bigtiff = s->o.bigtiff;
    return true;
}

// ---- the job: what the bytes of the output follow from

static void _gwt_job_program(uint32_t *crc, const _gwt_program *p)
{
    for (int i = 0; i < p->num_instrs; i++) {
        const _gwt_instr *in = &p->instrs[i];
        const int64_t fields[] = { in->op, in->dtype, in->masked, in->dst, in->output, in->first,
                                   in->num_args, in->view, in->slot, in->frame };
        _gwt_job_numbers(crc, fields, _GWT_COUNT(fields));
        _gwt_job_doubles(crc, in->imm, 2);
        _gwt_job_number(crc, in->raw);
        const _gwt_lookup *t = in->lookup;
        for (size_t k = 0; t && k < t->num_pieces; k++) _gwt_job_doubles(crc, &t->pieces[k].end, 2);
    }
    for (int i = 0; i < p->num_operands; i++)
        _gwt_job_number(crc, (uint64_t)(int64_t)p->operands[i]);
    _gwt_job_doubles(crc, p->consts, (size_t)p->num_consts);
    for (int i = 0; i < p->num_frames; i++) {
        const _gwt_frame *f = &p->frames[i];
        const int64_t fields[] = { f->row, f->col, f->stride, f->top, f->left, f->bottom,
                                   f->right };
        _gwt_job_numbers(crc, fields, _GWT_COUNT(fields));
    }
}

// Of a user's kernel no more is known than what it was asked for with, and its .identity.
static void _gwt_job_step(uint32_t *crc, const _gwt_step *s)
{
    const int64_t fields[] = { (int64_t)s->kind, s->num_args, s->in_width, s->in_height,
                               s->num_planes, s->width, s->height, s->reach[0], s->reach[1],
                               s->method, s->weighted };
    const double numbers[] = { s->scale[0], s->scale[1], s->origin[0], s->origin[1],
                               s->parameter };
    _gwt_job_numbers(crc, fields, _GWT_COUNT(fields));
    _gwt_job_doubles(crc, numbers, _GWT_COUNT(numbers));
    if (s->identity) _gwt_job_add(crc, s->identity, strlen(s->identity));
}

static uint32_t _gwt_job_expression(const _gwt_plan *plan)
{
    uint32_t crc = 0;
    _gwt_job_add(&crc, GWT_VERSION, sizeof GWT_VERSION);
    for (int i = 0; i < plan->num_views; i++)
        for (int k = 0; k < plan->views[i].num_bands; k++)
            _gwt_job_number(&crc, (uint64_t)plan->views[i].bands[k]);
    for (int i = 0; i < plan->num_passes; i++) {
        const _gwt_pass *pass = &plan->passes[i];
        _gwt_job_number(&crc, (uint64_t)(int64_t)pass->input);
        if (pass->step) _gwt_job_step(&crc, pass->step);
        else _gwt_job_program(&crc, &pass->program);
    }
    return crc;
}

// Which files the inputs are. A folder may hold another one of the same name, size and time, which
// its whole path tells, or a file may have become another one, which its table of tiles tells.
static void _gwt_job_input(uint32_t job[_GWT_NUM_JOB], const _gwt_source *s)
{
    uint32_t *tables = &job[_GWT_JOB_TABLES];
    _gwt_job_facts(&job[_GWT_JOB_INPUTS], &s->store.facts);
    _gwt_job_add(&job[_GWT_JOB_PATHS], s->store.whole_path, strlen(s->store.whole_path) + 1);
    if (s->part) _gwt_job_number(tables, (uint64_t)s->part);
    _gwt_job_number(tables, (uint64_t)s->num_tiles);
    _gwt_job_add(tables, s->offsets, (size_t)s->num_tiles * sizeof *s->offsets);
    _gwt_job_add(tables, s->counts, (size_t)s->num_tiles * sizeof *s->counts);
}

// What the input says: what is no text.
static void _gwt_job_about(uint32_t *crc, const _gwt_save *s)
{
    _gwt_colours c = _gwt_colours_of(s->image.a, s->image.format.dtype);
    _gwt_job_number(crc, c.photometric);
    for (int64_t i = c.n; i < s->image.format.planes; i++)
        _gwt_job_number(crc, _gwt_about_extra(_gwt_about_band(s->image.a, i)));
    for (size_t i = 0; c.palette && i < 3 * c.palette->shades; i++)
        _gwt_job_number(crc, c.palette->palette[i]);
    for (size_t i = 0; i < _GWT_COUNT(_gwt_copied_tags); i++) {
        _gwt_tag_value tag = _gwt_about_tag(s->image.a, i);
        if (!tag.data) continue;
        _gwt_job_number(crc, _gwt_copied_tags[i].tag);
        _gwt_job_number(crc, tag.count);
        _gwt_job_add(crc, tag.data, tag.count * _gwt_copied_tags[i].size);
    }
}

static uint32_t _gwt_job_options(const _gwt_save *s)
{
    uint32_t crc = 0;
    const _gwt_format *f = &s->image.format;
    const _gwt_geo *geo = &s->image.a->geo;
    const gwt_optional *nodata = &s->image.nodata;
    const int64_t fields[] = { f->dtype, f->compression, f->predictor, f->level, f->block,
                               f->planes, f->planar, geo->width, geo->height, nodata->set,
                               s->o.sparse, s->o.bigtiff, s->o.checksums, s->o.statistics,
                               !s->o.reencode, geo->has_transform, geo->point };
    _gwt_job_numbers(&crc, fields, _GWT_COUNT(fields));
    _gwt_job_number(&crc, _gwt_bits(nodata->value));
    _gwt_job_number(&crc, (uint64_t)(int64_t)nodata->rest);
    _gwt_job_doubles(&crc, geo->t, 6);
    _gwt_job_add(&crc, geo->keys, geo->num_keys * sizeof *geo->keys);
    _gwt_job_add(&crc, geo->doubles, geo->num_doubles * sizeof *geo->doubles);
    _gwt_job_add(&crc, geo->ascii, geo->num_ascii);
    _gwt_job_about(&crc, s);
    _gwt_text metadata = { .g = s->image.a->g };
    _gwt_metadata_text(&metadata, s->image.a, &s->o, NULL);
    _gwt_job_add(&crc, metadata.bytes.data, metadata.bytes.used);
    GWT_FREE(metadata.bytes.data);
    return crc;
}

// Whether bad tiles of the inputs can be filled without another nodata value: then tiles that were
// made before are what they would be.
static bool _gwt_job_fillable(const _gwt_plan *plan)
{
    for (int i = 0; i < plan->num_passes; i++)
        for (int k = 0; k < plan->passes[i].program.num_instrs; k++) {
            const _gwt_instr *in = &plan->passes[i].program.instrs[k];
            if ((in->op == _GWT_OP_LOAD || in->op == _GWT_OP_COPY) && !in->masked
                && _gwt_dtype_integer(in->dtype))
                return false;
        }
    return true;
}

// ---- paths

// Whether a file is one of the inputs, and then an error.
static bool _gwt_file_check_input(_gwt_save *s, const _gwt_plan *plan, const char *path,
                                  const _gwt_os_facts *facts)
{
    for (int i = 0; i < plan->num_views; i++) {
        if (!_gwt_os_same_file(facts, &plan->views[i].source->store.facts)) continue;
        return _gwt_fail(s->image.a->g, GWT_E_EXISTS, "%s: the output is an input (%s)", path,
                         plan->views[i].source->path);
    }
    return true;
}

// Names of what a save makes before it has the output's, and memory to look at a journal there.
static bool _gwt_stream_name(_gwt_stream *stream, const char *path)
{
    size_t records = (size_t)_gwt_max64(_GWT_JOURNAL_RECORDS, (int64_t)stream->record);
    stream->records = _gwt_malloc(stream->g, records);
    stream->part = _gwt_malloc(stream->g, strlen(path) + sizeof ".part");
    stream->journal = _gwt_malloc(stream->g, strlen(path) + sizeof ".part.journal");
    if (!stream->records || !stream->part || !stream->journal) return false;
    sprintf(stream->part, "%s.part", path);
    sprintf(stream->journal, "%s.part.journal", path);
    return true;
}

// What the file is made of, for its journals and for messages.
static bool _gwt_file_bind(_gwt_save *s, const _gwt_plan *plan)
{
    _gwt_file *f = &s->file;
    f->job[_GWT_JOB_EXPRESSION] = _gwt_job_expression(plan);
    f->job[_GWT_JOB_OPTIONS] = _gwt_job_options(s);
    for (int k = 0; k < plan->num_views; k++) {
        const _gwt_source *input = plan->views[k].source;
        _gwt_job_input(f->job, input);
        if (input->fills) f->fills = true;
        if (s->o.resume && input->store.memory && !input->store.identified)
            return _gwt_fail(f->g, GWT_E_ARGUMENT, "%s: a save of pixels in memory can be resumed "
                             "only if they have an .identity (%s has none)", f->path,
                             input->path);
    }
    f->fillable = _gwt_job_fillable(plan);
    f->input = plan->num_views ? plan->views[0].source->store.whole_path : "none";
    return true;
}

// What has the output's name must be a file, and no input. A link is what is replaced, itself.
static bool _gwt_file_look(_gwt_save *s, const _gwt_plan *plan, bool *there, bool *link)
{
    _gwt_file *f = &s->file;
    _gwt_os_facts facts;
    int error = _gwt_os_look(f->path, false, &facts);
    *there = !error;
    *link = !error && facts.is_link;
    if (error)
        return error == _GWT_OS_ABSENT || error == _GWT_OS_NO_FOLDER
            || _gwt_fail_system(f->g, f->path, "looked at", error);
    if (*link && _gwt_os_look(f->path, true, &facts)) return true;
    if (!_gwt_file_check_input(s, plan, f->path, &facts)) return false;
    if (!facts.is_file)
        return _gwt_fail(f->g, GWT_E_IO, "%s: is not a file that can be replaced", f->path);
    f->mode = facts.mode;
    f->replaces = true;
    return true;
}

// The output must not exist (or may be replaced), and neither it nor its .part be an input.
static bool _gwt_file_check(_gwt_save *saves, int i, const _gwt_plan *plan)
{
    _gwt_save *s = &saves[i];
    _gwt_file *f = &s->file;
    _gwt_stream *stream = &s->image.stream;
    _gwt_os_facts facts;
    bool there, link;
    if (!_gwt_file_bind(s, plan) || !_gwt_stream_name(stream, f->path)) return false;
    if (!_gwt_os_look(stream->journal, false, &facts)
        && !_gwt_file_check_input(s, plan, stream->journal, &facts))
        return false;
    if (f->follows) return true;
    int error = _gwt_os_look(stream->part, false, &facts);
    bool no_part = error == _GWT_OS_ABSENT;
    if (!error && !_gwt_file_check_input(s, plan, stream->part, &facts)) return false;
    if (!_gwt_file_look(s, plan, &there, &link)) return false;
    if (!there) return true;
    if (s->o.resume && no_part && !link)
        f->complete = _gwt_journal_is_of_path(stream)
                   || (saves[0].file.complete
                       && _gwt_journal_is_sealed(&saves[0].image.stream, i, f));
    if (_gwt_over(stream->action)) return false;
    if (s->o.overwrite || f->complete) return true;
    return _gwt_fail(f->g, GWT_E_EXISTS, "%s: exists%s; .overwrite replaces it", f->path,
                     s->o.resume && no_part
                         ? ", and no journal is left that tells whether it is this job's" : "");
}

// >>mpi ---------------------------------------------------------------------------------------
// The order of an action: who computes which tiles, and where in the files they go. One process is
// the case of one rank; either way tiles get their places by _gwt_stream_place, in canonical order,
// and go into the journal by _gwt_stream_commit when they are written.
//
// In one process a worker takes the next group of tiles by an atomic addition, and encoded tiles
// wait for their turn in the ring of their writer.
//
// Built with GWT_MPI and started by mpirun the same program runs in several processes, the ranks of
// an MPI job. Every rank builds the same graph and calls the same actions; an action shares its
// tiles out. Rank 0 keeps the order:
//
//   - a rank asks for tiles before it runs out of them, and gets a batch: the next few in the order
//     of the file. Batches are a fraction of what is left for each rank, so they shrink towards
//     the end, and a slow rank takes fewer of them;
//   - when a batch is encoded the rank says how large each tile is. As soon as all batches before
//     it have said so too, rank 0 answers where it goes, and the rank writes it there, at once.
//     Until then it waits in that rank's memory, as in a single process tiles wait for their turn;
//   - pages that two batches share are sent to rank 0, which writes them: so no page is ever
//     written by two ranks, which some network file systems get wrong;
//   - when a batch has been written rank 0 puts its tiles into the journal, in order.
//
// So the file has the bytes a single process would give it. Each rank talks through one thread of
// its own, only while an action runs; it sleeps between messages. Before and after, the ranks
// agree: that all run the same action, and that all went well. The first error ends the action on
// all of them. That a rank has ended its session rank 0 hears in the next agreement, too, so that
// nobody waits for somebody who has left. For the same reason a rank that has no memory can still
// say so: agreements, a rank's last words and all that rank 0 answers need no allocation, and what
// comes in is received in a buffer that is there before the action begins.
//
// Sums and buffers: each rank leaves zeros where the others' results are, and all are joined by OR,
// which keeps every bit.
//
// At 1,000 ranks. A batch costs rank 0 three messages in and two out, some 10 us each with what it
// does for them, and its records in the journal, 16 bytes a tile: about 60 us. A tile of 256 x 256
// takes a worker some 5 ms, so 1,000 ranks of 8 workers make 1.6 million tiles a second, and rank 0
// can serve 16,000 batches a second: batches of 100 tiles keep it busy all the time, batches of
// 2,000 for 5 %. What a rank may hold grows with ranks and workers for that reason, to three such
// batches, as far as memory_limit lets it: 6,000 tiles compressed to 100 kB are 600 MB. An
// exclusive scan instead of rank 0's answers would have all ranks meet for every batch: log2(1000)
// hops of 5 us are little, but the slowest of 1,000 is waited for each time.
// Writers: 1,000 ranks x 8 workers x 200 tiles/s x 100 kB are 160 GB/s, more than file systems of
// today take; there, not here, is the end of it. The journal grows by 16 bytes a tile, 26 MB/s.

// ---- order

typedef struct _gwt_order _gwt_order;

struct _gwt_order {
    // Set before it starts, read by all.
    const _gwt_action *action;
    const _gwt_plan *plan;
    _gwt_stream **streams;      // to which encoded tiles are submitted
    int num_streams;            // 0: none are, and tiles have no order
    uint64_t joins;             // what ranks bring together at the end: bytes; of buffers twice as
                                // many, and 1 where they go to rank 0 only
    int64_t tile_h, tile_w;     // of the output
    int64_t across, down;       // tiles
    int64_t group;              // neighbours taken together
    int64_t first;              // tile to begin with: those before were there
    int64_t window;             // tiles that may be begun ahead of those written
    int workers;                // that take part
    double worker_bytes;        // memory that each needs to write
    bool shared;                // with other ranks, which have begun it too
    // Shared by the workers.
    _Atomic int64_t next;       // group to take, in one process
    atomic_llong done;          // pixels; of all ranks, those handed out
    // What one process and ranks do differently. `start` and `agree` are called once, by all ranks
    // or none, `stop` if it was started; the others by any worker, at any time between.
    bool (*start)(_gwt_order *);            // false: this rank, or another, has failed
    int64_t (*take)(_gwt_order *);          // the next group of tiles, below 0 at the end
    void (*wait)(_gwt_order *, int64_t tile);   // until it may be begun
    // Tile k of a stream, encoded; the buffer goes with it and a used one comes back in its place.
    void (*submit)(_gwt_order *, int stream, int64_t k, _gwt_bytes *, uint32_t crc);
    void (*complete)(_gwt_order *, int64_t tile, int64_t pixels);   // in all streams
    void (*stop)(_gwt_order *);
    bool (*agree)(const _gwt_order *, bool good);   // whether all is well on all ranks
};

static int64_t _gwt_order_groups(const _gwt_order *o)
{
    return _gwt_ceil_div(o->across, o->group) * o->down;
}

static int64_t _gwt_order_group_of(const _gwt_order *o, int64_t tile)
{
    return tile / o->across * _gwt_ceil_div(o->across, o->group) + tile % o->across / o->group;
}

// Tiles that all streams have written.
static int64_t _gwt_order_written(const _gwt_order *o)
{
    int64_t least = o->num_streams ? INT64_MAX : 0;
    for (int i = 0; i < o->num_streams; i++) {
        const _gwt_stream *w = o->streams[i];
        least = _gwt_min64(least, atomic_load(&w->head) / w->per_place);
    }
    return least;
}

static void _gwt_order_lane_wait(bool (*ready)(void *), void *arg)
{
    _gwt_worker *w = _gwt_self();
    _gwt_lane *lane = _gwt_lane_here();
    _gwt_lane_enter(lane, (gwt_event){ .stage = GWT_STAGE_WAIT_WRITER, .tile = -1 });
    _gwt_pool_wait(w, w->depth + 1, ready, arg);
    _gwt_lane_leave(lane, 0, 0);
}

// ---- one process

static bool _gwt_alone_start(_gwt_order *o)
{
    o->first = _gwt_order_written(o);
    atomic_store(&o->next, _gwt_order_group_of(o, o->first));
    return true;
}

static int64_t _gwt_alone_take(_gwt_order *o)
{
    int64_t k = atomic_fetch_add(&o->next, 1);
    return k < _gwt_order_groups(o) && !_gwt_over(o->action) ? k : -1;
}

typedef struct _gwt_turn { const _gwt_order *order; int64_t tile; } _gwt_turn;

// Whether a tile is not too far ahead of the writers. After a failure nobody waits.
static bool _gwt_turn_has_come(void *arg)
{
    const _gwt_turn *t = arg;
    return t->tile < _gwt_order_written(t->order) + t->order->window
        || _gwt_over(t->order->action);
}

static void _gwt_alone_wait(_gwt_order *o, int64_t tile)
{
    _gwt_turn turn = { o, tile };
    if (o->num_streams && !_gwt_turn_has_come(&turn))
        _gwt_order_lane_wait(_gwt_turn_has_come, &turn);
}

static void _gwt_alone_submit(_gwt_order *o, int stream, int64_t k, _gwt_bytes *encoded,
                              uint32_t crc)
{
    _gwt_stream_submit(o->streams[stream], k, encoded, crc);
}

static void _gwt_alone_complete(_gwt_order *o, int64_t tile, int64_t pixels)
{
    (void)tile;
    atomic_fetch_add(&o->done, pixels);
}

static void _gwt_alone_stop(_gwt_order *o) { (void)o; }
static bool _gwt_alone_agree(const _gwt_order *o, bool good) { return (void)o, good; }

static void _gwt_mpi_order(_gwt_order *o);

static void _gwt_order_make(_gwt_order *o, const _gwt_action *action, const _gwt_plan *plan)
{
    *o = (_gwt_order){ .action = action, .plan = plan, .start = _gwt_alone_start,
                       .take = _gwt_alone_take, .wait = _gwt_alone_wait,
                       .submit = _gwt_alone_submit, .complete = _gwt_alone_complete,
                       .stop = _gwt_alone_stop, .agree = _gwt_alone_agree };
    if (action->ranks) _gwt_mpi_order(o);
}

// ---- several ranks

#ifdef GWT_MPI

#define _GWT_MPI_WRITE ((size_t)1 << 20)    // bytes in one go, a multiple of most systems' blocks

enum { _GWT_TAG_AGREE = 1, _GWT_TAG_MAIL };
enum { _GWT_AGREE_START = 1, _GWT_AGREE_FINISH, _GWT_AGREE_END };

// From a rank to rank 0, which decides; from rank 0 to all.
typedef struct _gwt_verdict {
    int code, kind;
    int teller;                 // the rank whose error it is, and which prints the message; -1 from
                                // a rank: it has heard of it from another, whom the message names
    uint32_t job;               // of the action: all must be in the same one
    int64_t numbers[4];         // rank 0's
    char message[2200];
} _gwt_verdict;

typedef enum _gwt_mail_kind {
    // to rank 0
    _GWT_MAIL_NEXT,             // may I have `count` tiles at the most, for `first` workers?
    _GWT_MAIL_SIZES,            // the batch from tile `first` is encoded; sizes and checksums
    _GWT_MAIL_WRITTEN,          // the batch from tile `first` is written, but for these ends of it
    _GWT_MAIL_DONE,             // nothing more will come; failed with `code` and a message
    // from rank 0
    _GWT_MAIL_BATCH,            // groups `first` .. `first + count`; `count` 0: none are left
    _GWT_MAIL_PLACE,            // the batch from tile `first` goes to these offsets
    _GWT_MAIL_STOP,             // with `code` and a message
    _GWT_MAIL_OVER              // nothing more will come
} _gwt_mail_kind;

enum { _GWT_MAIL_SIZE = 12 };   // of a tile: 8 bytes of size, 4 of CRC-32; then its figures
enum { _GWT_MAIL_TEXT = 2200 }; // the largest payload but for those of SIZES and WRITTEN

typedef struct _gwt_mail {
    struct _gwt_mail *next;
    int64_t kind, code, first, count;
    uint64_t bytes;             // that follow
} _gwt_mail;

// One that needs no allocation.
typedef struct _gwt_short_mail { _gwt_mail head; char payload[_GWT_MAIL_TEXT]; } _gwt_short_mail;

// A batch where it is computed.
typedef struct _gwt_slot {
    struct _gwt_slot *next;
    int64_t first, tiles;       // numbers of tiles; guarded by the lock of ranks, as what follows
    int64_t group, groups;      // to be begun
    int64_t left;               // tiles not complete
    bool placed;                // offsets are known
    uint64_t offsets[_GWT_MAX_OUTPUTS];
    _gwt_blob *blobs;           // [output][tile][part]; each by the worker that has the tile
} _gwt_slot;

// A batch in rank 0's books, until it is in the journal.
typedef struct _gwt_batch {
    struct _gwt_batch *next;
    int64_t first, tiles;       // numbers of tiles
    int rank;
    bool sized, placed, written;
} _gwt_batch;

typedef struct _gwt_ranks {
    gwt *g;
    MPI_Comm comm;
    int rank, size;
    bool *gone;                 // rank 0: who has ended the session
    bool *asks;                 // rank 0: who waits for the verdict
    bool joined;                // the others know of the action
    // One action: set before its thread starts.
    _gwt_order *order;
    int64_t window;             // tiles that this rank may hold
    uint64_t align;             // of the file system's blocks
    char *inbox;                // what is received; the thread's own
    size_t inbox_bytes;
    _gwt_thread thread;
    _gwt_mutex lock;            // guards what follows
    _gwt_cond wake;
    _gwt_mail *out;             // to be sent to rank 0
    _gwt_slot *slots;           // under way, in order
    int writing;                // slots taken off the list, to be written
    int waiting;                // workers with nothing to do
    bool asked, none_left, over;
    int64_t flying;             // tiles of these
    // The thread's own.
    bool told, done;
    // Rank 0's books, the thread's own.
    _gwt_batch *batches;
    int64_t next_group;
    int num_done;
    bool stopped;
} _gwt_ranks;

// ---- MPI, each call of it checked: with a network that fails there is no way to agree any more

static void _gwt_mpi_check(_gwt_ranks *k, int code, const char *what)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int n;
    if (code == MPI_SUCCESS) return;
    MPI_Error_string(code, text, &n);
    fprintf(stderr, "gwt: rank %d: %s: %s\n", k->rank, what, text);
    MPI_Abort(MPI_COMM_WORLD, 1);
}
#define _GWT_MPI_DO(k, call) _gwt_mpi_check((k), call, #call)

static atomic_int _gwt_mpi_open;        // sessions that have not ended

// At exit. In the middle of a session the others may wait for this rank, and must not for ever.
static void _gwt_mpi_finalize(void)
{
    int done = 1;
    if (MPI_Finalized(&done) != MPI_SUCCESS || done) return;
    if (atomic_load(&_gwt_mpi_open)) MPI_Abort(MPI_COMM_WORLD, 1);
    else MPI_Finalize();
}

// MPI as the caller began it, or begun here and ended at exit.
static bool _gwt_mpi_init(gwt *g)
{
    int begun = 0, level = MPI_THREAD_SINGLE;
    if (MPI_Initialized(&begun) != MPI_SUCCESS)
        return _gwt_fail(g, GWT_E_UNSUPPORTED, "MPI_Initialized fails");
    if (!begun && MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &level) != MPI_SUCCESS)
        return _gwt_fail(g, GWT_E_UNSUPPORTED, "MPI cannot be initialised");
    if (!begun) atexit(_gwt_mpi_finalize);
    if (begun) MPI_Query_thread(&level);
    if (level >= MPI_THREAD_SERIALIZED) return true;
    return _gwt_fail(g, GWT_E_UNSUPPORTED, "MPI was begun for fewer threads than gwt needs: call "
                     "MPI_Init_thread with MPI_THREAD_SERIALIZED or more");
}

static bool _gwt_mpi_begin(gwt *g)
{
    if (!_gwt_mpi_init(g)) return false;
    _gwt_ranks *k = _gwt_keep(g, 1, sizeof *k);
    if (!k) {       // the others wait for this rank already
        fprintf(stderr, "gwt: %s\n", g->message);
        MPI_Abort(MPI_COMM_WORLD, 1);
        return false;
    }
    k->g = g;
    _GWT_MPI_DO(k, MPI_Comm_dup(MPI_COMM_WORLD, &k->comm));
    _GWT_MPI_DO(k, MPI_Comm_set_errhandler(k->comm, MPI_ERRORS_RETURN));
    _GWT_MPI_DO(k, MPI_Comm_rank(k->comm, &k->rank));
    _GWT_MPI_DO(k, MPI_Comm_size(k->comm, &k->size));
    if (k->size == 1) return MPI_Comm_free(&k->comm) == MPI_SUCCESS;
    k->gone = _gwt_keep(g, (size_t)k->size, sizeof *k->gone);
    k->asks = _gwt_keep(g, (size_t)k->size, sizeof *k->asks);
    if (!k->gone || !k->asks) _gwt_mpi_check(k, MPI_ERR_NO_MEM, "a list of ranks");
    if (!_gwt_mutex_new(g, &k->lock) || !_gwt_cond_new(g, &k->wake))
        _gwt_mpi_check(k, MPI_ERR_OTHER, "a lock can't be made");
    g->ranks = k;
    atomic_fetch_add(&_gwt_mpi_open, 1);
    return true;
}

// Waits without burning the processor that others need.
static int _gwt_mpi_receive(_gwt_ranks *k, int from, int tag, void *to, int bytes)
{
    MPI_Status status;
    int there = 0;
    for (long ns = 20000; !there; ns = ns < 1000000 ? ns + ns / 4 : ns) {
        _GWT_MPI_DO(k, MPI_Iprobe(from, tag, k->comm, &there, &status));
        if (!there) _gwt_os_sleep(ns);
    }
    _GWT_MPI_DO(k, MPI_Recv(to, bytes, MPI_BYTE, status.MPI_SOURCE, tag, k->comm, &status));
    return status.MPI_SOURCE;
}

static void _gwt_mpi_send(_gwt_ranks *k, int to, int tag, const void *from, size_t bytes)
{
    _GWT_MPI_DO(k, MPI_Send(from, (int)bytes, MPI_BYTE, to, tag, k->comm));
}

// ---- agreeing

// teller: -1 if the text already names the rank.
static void _gwt_verdict_say(_gwt_verdict *v, int code, int teller, const char *text)
{
    char said[2100];
    v->code = code;
    snprintf(said, sizeof said, "%.2099s", text);      // it may be v's own
    if (teller < 0) snprintf(v->message, sizeof v->message, "%s", said);
    else snprintf(v->message, sizeof v->message, "rank %d: %s", teller, said);
}

// What rank 0 makes of another's word, which becomes *all. What counts most is the error of the
// lowest rank that has one of its own; then that they do not agree; then what somebody has heard.
static void _gwt_verdict_join(_gwt_verdict *all, const _gwt_verdict *its, int rank, int *weight)
{
    static const char *const doing[] = { "", "begins an action", "finishes an action",
                                         "ends its session" };
    bool differs = its->kind != all->kind || its->job != all->job;
    bool own = its->code && its->teller >= 0;
    int counts = own ? rank : differs ? INT_MAX - 2 : INT_MAX - 1;
    char text[160];
    if ((!its->code && !differs) || counts >= *weight) return;
    *weight = counts;
    all->teller = its->code ? its->teller : 0;
    if (its->code) {
        _gwt_verdict_say(all, its->code, own ? rank : -1, its->message);
        return;
    }
    snprintf(text, sizeof text, "%s while rank 0 %s%s: all ranks must run the same actions",
             doing[its->kind], doing[all->kind],
             its->kind == all->kind ? " of another kind" : "");
    _gwt_verdict_say(all, GWT_E_ARGUMENT, rank, text);
}

static void _gwt_mpi_decide(_gwt_ranks *k, _gwt_verdict *all)
{
    int left = 0, weight = !all->code ? INT_MAX : all->teller < 0 ? INT_MAX - 1 : 0;
    if (all->code) _gwt_verdict_say(all, all->code, all->teller, all->message);
    for (int r = 1; r < k->size; r++) {
        k->asks[r] = !k->gone[r];
        if (k->asks[r]) left++;
        if (k->asks[r] || all->code || all->kind == _GWT_AGREE_END) continue;
        _gwt_verdict_say(all, GWT_E_ARGUMENT, r, "has ended its session before the others");
        weight = 0;
    }
    for (; left > 0; left--) {
        _gwt_verdict its;
        int sender = _gwt_mpi_receive(k, MPI_ANY_SOURCE, _GWT_TAG_AGREE, &its, sizeof its);
        _gwt_verdict_join(all, &its, sender, &weight);
        k->gone[sender] |= its.kind == _GWT_AGREE_END;
    }
    if (all->teller < 0) all->teller = 0;
    for (int r = 1; r < k->size; r++)
        if (k->asks[r]) _gwt_mpi_send(k, r, _GWT_TAG_AGREE, all, sizeof *all);
}

// What this session's error is, for others.
static int _gwt_mpi_error(_gwt_ranks *k, char *text, size_t bytes)
{
    _gwt_lock(&k->g->lock);
    snprintf(text, bytes, "%s", k->g->message);
    int code = k->g->code ? k->g->code : GWT_E_USER;
    _gwt_unlock(&k->g->lock);
    return code;
}

// Whether all ranks are here and all is well with them; numbers become those of rank 0.
static bool _gwt_mpi_agree(_gwt_ranks *k, int kind, bool good, uint32_t job, int64_t *numbers)
{
    _gwt_verdict v = { .kind = kind, .job = job };
    if (numbers) memcpy(v.numbers, numbers, sizeof v.numbers);
    if (!good) {
        v.teller = k->g->remote || !atomic_load(&k->g->code) ? -1 : k->rank;
        v.code = _gwt_mpi_error(k, v.message, sizeof v.message);
    }
    if (k->rank == 0) {
        _gwt_mpi_decide(k, &v);
    } else {
        _gwt_mpi_send(k, 0, _GWT_TAG_AGREE, &v, sizeof v);
        _gwt_mpi_receive(k, 0, _GWT_TAG_AGREE, &v, sizeof v);
    }
    if (numbers) memcpy(numbers, v.numbers, sizeof v.numbers);
    if (v.code && good) _gwt_fail(k->g, (gwt_code)v.code, "%s", v.message);
    if (v.code) k->g->remote = v.teller != k->rank;
    return !v.code;
}

// The end of an action, of which the others hear now if it never came to be shared.
static void _gwt_mpi_close(gwt *g)
{
    if (!g->ranks->joined) _gwt_mpi_agree(g->ranks, _GWT_AGREE_START, false, 0, NULL);
    g->ranks->joined = false;
}

// Rank 0's last word to each of the others, when it comes with its own; until then, an error.
static void _gwt_mpi_dismiss(_gwt_ranks *k, const _gwt_verdict *last)
{
    _gwt_verdict its, early = *last;
    int left = 0;
    if (!early.code)
        _gwt_verdict_say(&early, GWT_E_ARGUMENT, 0, "has ended its session before the others");
    for (int r = 1; r < k->size; r++) left += !k->gone[r];
    while (left > 0) {
        int from = _gwt_mpi_receive(k, MPI_ANY_SOURCE, _GWT_TAG_AGREE, &its, sizeof its);
        bool ends = its.kind == _GWT_AGREE_END;
        _gwt_mpi_send(k, from, _GWT_TAG_AGREE, ends ? last : &early, sizeof early);
        if (ends) left--;
    }
}

// Every rank's last word. What another prints need not be printed again.
static void _gwt_mpi_end(gwt *g)
{
    _gwt_ranks *k = g->ranks;
    _gwt_verdict v = { .kind = _GWT_AGREE_END, .code = atomic_load(&g->code),
                       .teller = g->remote ? -1 : 0 };
    if (!k) return;
    snprintf(v.message, sizeof v.message, "%s", g->message);
    if (k->rank == 0) {
        _gwt_mpi_dismiss(k, &v);
    } else {
        _gwt_verdict root = v;
        _gwt_mpi_send(k, 0, _GWT_TAG_AGREE, &v, sizeof v);
        _gwt_mpi_receive(k, 0, _GWT_TAG_AGREE, &root, sizeof root);
        if (root.code && root.teller == 0 && strstr(root.message, v.message)) g->remote = true;
    }
    atomic_fetch_sub(&_gwt_mpi_open, 1);
    MPI_Comm_free(&k->comm);
    _gwt_cond_destroy(&k->wake);
    _gwt_mutex_destroy(&k->lock);
    g->ranks = NULL;
}

// ---- results of all ranks

// The bytes of all ranks by OR: each has zeros where others have made them. On all, or on rank 0.
static void _gwt_mpi_join(gwt *g, void *data, size_t bytes, bool root_only)
{
    const size_t most = (size_t)64 << 20;
    _gwt_ranks *k = g->ranks;
    if (!k || _gwt_stays) return;
    for (char *at = data; bytes > 0;) {
        int n = (int)(bytes < most ? bytes : most);
        if (!root_only)
            _GWT_MPI_DO(k, MPI_Allreduce(MPI_IN_PLACE, at, n, MPI_BYTE, MPI_BOR, k->comm));
        else
            _GWT_MPI_DO(k, MPI_Reduce(k->rank ? at : MPI_IN_PLACE, k->rank ? NULL : at, n,
                                      MPI_BYTE, MPI_BOR, 0, k->comm));
        at += n;
        bytes -= (size_t)n;
    }
}

// Numbers of this rank to those of all.
static void _gwt_mpi_add(gwt *g, int64_t *counts, size_t n)
{
    const size_t most = (size_t)8 << 20;
    _gwt_ranks *k = g->ranks;
    if (!k || _gwt_stays) return;
    while (n > 0) {
        size_t some = n < most ? n : most;
        _GWT_MPI_DO(k, MPI_Allreduce(MPI_IN_PLACE, counts, (int)some, MPI_INT64_T, MPI_SUM,
                                     k->comm));
        counts += some;
        n -= some;
    }
}

// ---- mail

static _gwt_mail *_gwt_mail_new(gwt *g, _gwt_mail head)
{
    _gwt_mail *m = _gwt_malloc(g, sizeof *m + (size_t)head.bytes);
    if (!m) return NULL;
    *m = head;
    m->next = NULL;
    return m;
}

// Under the lock.
static void _gwt_mail_post(_gwt_ranks *k, _gwt_mail *m)
{
    _gwt_mail **end = &k->out;
    while (*end) end = &(*end)->next;
    *end = m;
    _gwt_cond_broadcast(&k->wake);
}

static void _gwt_mail_read(_gwt_ranks *k, const _gwt_mail *m);

// From rank 0 to a rank, itself too.
static void _gwt_root_answer(_gwt_ranks *k, int to, _gwt_mail head, const void *payload)
{
    _gwt_short_mail note = { .head = head };
    if (head.bytes) memcpy(note.payload, payload, (size_t)head.bytes);
    if (to == 0) _gwt_mail_read(k, &note.head);
    else _gwt_mpi_send(k, to, _GWT_TAG_MAIL, &note, sizeof note.head + (size_t)head.bytes);
}

// ---- rank 0's books

// The first tile of a group; of the one behind the last, the number of tiles.
static int64_t _gwt_order_tile(const _gwt_order *o, int64_t group)
{
    int64_t in_row = _gwt_ceil_div(o->across, o->group);
    int64_t tile = group / in_row * o->across + group % in_row * o->group;
    return _gwt_max64(tile, o->first);
}

static void _gwt_root_hand_out(_gwt_ranks *k, int rank, int64_t workers, int64_t most)
{
    _gwt_order *o = k->order;
    int64_t left = _gwt_order_groups(o) - k->next_group;
    int64_t n = _gwt_max64(left / (4 * k->size), _gwt_min64(workers, left / k->size));
    n = _gwt_max64(1, _gwt_min64(n, _gwt_min64(most, k->window / 3) / o->group));
    n = k->stopped ? 0 : _gwt_min64(n, left);
    int64_t first = _gwt_order_tile(o, k->next_group);
    int64_t end = _gwt_order_tile(o, k->next_group + n);
    if (n > 0 && o->num_streams > 0) {
        _gwt_batch *b = _gwt_calloc(o->action->g, 1, sizeof *b);
        if (!b) return;         // the action is over, and all will hear of it
        *b = (_gwt_batch){ .first = first, .tiles = end - first, .rank = rank };
        _gwt_batch **last = &k->batches;
        while (*last) last = &(*last)->next;
        *last = b;
    }
    _gwt_root_answer(k, rank, (_gwt_mail){ .kind = _GWT_MAIL_BATCH, .first = k->next_group,
                                           .count = n }, NULL);
    k->next_group += n;
    double pixels = (double)o->plan->width * (double)o->plan->height;
    atomic_store(&o->done, (long long)(pixels * (double)end / (double)(o->across * o->down)));
}

static _gwt_batch *_gwt_root_batch(const _gwt_ranks *k, int64_t first)
{
    _gwt_batch *b = k->batches;
    while (b && b->first != first) b = b->next;
    return b;
}

// How large the tiles of a batch are: of each output, of each tile.
static void _gwt_root_sizes(_gwt_ranks *k, _gwt_batch *b, const char *sizes)
{
    for (int i = 0; i < k->order->num_streams; i++) {
        _gwt_stream *w = k->order->streams[i];
        int64_t end = (b->first + b->tiles) * w->per_place;
        for (int64_t t = b->first * w->per_place; t < end; t++) {
            _gwt_stream_note(w, t, _gwt_get_little(sizes, 8),
                             (uint32_t)_gwt_get_little(sizes + 8, 4));
            sizes += _GWT_MAIL_SIZE;
            if (w->known) _gwt_figures_get(&w->known[t * w->figures], sizes, w->figures);
            sizes += _GWT_FIGURES_BYTES * w->figures;
        }
    }
    b->sized = true;
}

// Tiles of a batch get their places when all before them have theirs.
static void _gwt_root_place(_gwt_ranks *k)
{
    for (_gwt_batch *b = k->batches; b && b->sized; b = b->next) {
        uint64_t offsets[_GWT_MAX_OUTPUTS];
        if (b->placed) continue;
        for (int i = 0; i < k->order->num_streams; i++) {
            _gwt_stream *w = k->order->streams[i];
            offsets[i] = w->end;
            if (!_gwt_stream_place(w, b->first * w->per_place, b->tiles * w->per_place)) return;
        }
        b->placed = true;
        _gwt_root_answer(k, b->rank, (_gwt_mail){ .kind = _GWT_MAIL_PLACE, .first = b->first,
                         .bytes = (uint64_t)k->order->num_streams * sizeof *offsets }, offsets);
    }
}

// Batches at the head that are written go into the journals.
static void _gwt_root_commit(_gwt_ranks *k)
{
    for (_gwt_batch *b; (b = k->batches) && b->written && !_gwt_over(k->order->action);) {
        for (int i = 0; i < k->order->num_streams; i++) {
            _gwt_stream *w = k->order->streams[i];
            if (!_gwt_stream_commit(w, b->first * w->per_place, b->tiles * w->per_place)) return;
        }
        k->batches = b->next;
        GWT_FREE(b);
    }
}

// What lies in pages that a batch shares with its neighbours: output, offset, size, bytes.
static void _gwt_root_ends(_gwt_ranks *k, const char *from, uint64_t bytes)
{
    while (bytes >= 24) {
        uint64_t output = _gwt_get_little(from, 8), at = _gwt_get_little(from + 8, 8),
                 n = _gwt_get_little(from + 16, 8);
        if (output >= (uint64_t)k->order->num_streams || n > bytes - 24) {
            _gwt_fail(k->g, GWT_E_IO, "a message of another rank is truncated");
            return;
        }
        const _gwt_stream *w = k->order->streams[output];
        if (!_gwt_pwrite(k->g, w->fd, w->part, from + 24, (size_t)n, at)) return;
        from += 24 + n;
        bytes -= 24 + n;
    }
}

// A rank's own error ends the action on all others.
static void _gwt_root_stop(_gwt_ranks *k, int rank, int64_t code, const char *text)
{
    _gwt_verdict v;
    if (k->stopped) return;             // they know
    _gwt_verdict_say(&v, (int)code, rank, text);
    k->stopped = true;
    for (int r = 0; r < k->size; r++)
        if (r != rank)
            _gwt_root_answer(k, r, (_gwt_mail){ .kind = _GWT_MAIL_STOP, .code = code,
                                                .bytes = strlen(v.message) + 1 }, v.message);
}

static void _gwt_root_read(_gwt_ranks *k, int rank, const _gwt_mail *m)
{
    const char *payload = (const char *)(m + 1);
    _gwt_batch *b = _gwt_root_batch(k, m->first);
    switch (m->kind) {
    case _GWT_MAIL_NEXT: _gwt_root_hand_out(k, rank, m->first, m->count); break;
    case _GWT_MAIL_SIZES:
        if (!b) break;
        _gwt_root_sizes(k, b, payload);
        _gwt_root_place(k);
        break;
    case _GWT_MAIL_WRITTEN:
        _gwt_root_ends(k, payload, m->bytes);
        if (b) b->written = true;
        _gwt_root_commit(k);
        break;
    default:
        if (m->code) _gwt_root_stop(k, rank, m->code, payload);
        k->num_done++;
    }
}

// ---- a rank's side

// Under the lock.
static _gwt_slot *_gwt_slot_of(const _gwt_ranks *k, int64_t tile)
{
    _gwt_slot *s = k->slots;
    while (s && !(tile >= s->first && tile < s->first + s->tiles)) s = s->next;
    return s;
}

// Encoded tiles, in all outputs.
static int64_t _gwt_slot_blobs(const _gwt_ranks *k, int64_t tiles)
{
    int64_t n = 0;
    for (int i = 0; i < k->order->num_streams; i++)
        n += tiles * k->order->streams[i]->per_place;
    return n;
}

// Bytes that say how large so many tiles are, in all outputs, and their figures.
static uint64_t _gwt_mpi_sizes(const _gwt_ranks *k, int64_t tiles)
{
    uint64_t bytes = 0;
    for (int i = 0; i < k->order->num_streams; i++) {
        const _gwt_stream *w = k->order->streams[i];
        bytes += (uint64_t)(tiles * w->per_place)
               * (_GWT_MAIL_SIZE + _GWT_FIGURES_BYTES * (uint64_t)w->figures);
    }
    return bytes;
}

// Its buffers are kept for the tiles to come.
static void _gwt_slot_free(_gwt_ranks *k, _gwt_slot *s)
{
    const _gwt_blob *blob = s->blobs;
    _gwt_lock(&k->lock);
    for (int i = 0; i < k->order->num_streams; i++) {
        _gwt_stream *w = k->order->streams[i];
        for (int64_t n = s->tiles * w->per_place; n > 0; n--, blob++) {
            int64_t most = _gwt_min64(w->window, k->window * w->per_place);
            if (blob->data && w->num_spare < most) w->spare[w->num_spare++] = *blob;
            else GWT_FREE(blob->data);
        }
    }
    _gwt_unlock(&k->lock);
    GWT_FREE(s->blobs);
    GWT_FREE(s);
}

static _gwt_slot *_gwt_slot_new(_gwt_ranks *k, const _gwt_mail *m)
{
    int64_t first = _gwt_order_tile(k->order, m->first);
    int64_t tiles = _gwt_order_tile(k->order, m->first + m->count) - first;
    int64_t blobs = _gwt_slot_blobs(k, tiles);
    _gwt_slot *s = _gwt_calloc(k->g, 1, sizeof *s);
    if (!s) return NULL;
    *s = (_gwt_slot){ .first = first, .tiles = tiles, .left = tiles,
                      .group = m->first, .groups = m->first + m->count };
    if (blobs) s->blobs = _gwt_calloc(k->g, (size_t)blobs, sizeof *s->blobs);
    if (!blobs || s->blobs) return s;
    GWT_FREE(s);
    return NULL;
}

static void _gwt_mail_read_batch(_gwt_ranks *k, const _gwt_mail *m)
{
    _gwt_slot *s = m->count ? _gwt_slot_new(k, m) : NULL, **last = &k->slots;
    _gwt_lock(&k->lock);
    k->asked = false;
    if (m->count == 0) k->none_left = true;
    while (s && *last) last = &(*last)->next;
    if (s) *last = s;
    _gwt_unlock(&k->lock);
}

static void _gwt_mail_read_place(_gwt_ranks *k, const _gwt_mail *m)
{
    _gwt_lock(&k->lock);
    _gwt_slot *s = _gwt_slot_of(k, m->first);
    if (s) {
        memcpy(s->offsets, m + 1, (size_t)m->bytes);
        s->placed = true;
    }
    _gwt_unlock(&k->lock);
}

static void _gwt_mail_read(_gwt_ranks *k, const _gwt_mail *m)
{
    switch (m->kind) {
    case _GWT_MAIL_BATCH: _gwt_mail_read_batch(k, m); break;
    case _GWT_MAIL_PLACE: _gwt_mail_read_place(k, m); break;
    case _GWT_MAIL_STOP:
        if (!_gwt_over(k->order->action)) {
            _gwt_fail(k->g, (gwt_code)m->code, "%s", (const char *)(m + 1));
            k->g->remote = true;
        }
        k->told = true;
        break;
    default:
        _gwt_lock(&k->lock);
        k->over = true;
        _gwt_unlock(&k->lock);
    }
    _gwt_pool_notify(&k->g->pool);
}

// Groups of tiles that no worker has begun. Under the lock.
static int64_t _gwt_mpi_ahead(const _gwt_ranks *k)
{
    int64_t n = 0;
    for (const _gwt_slot *s = k->slots; s; s = s->next) n += s->groups - s->group;
    return n;
}

// Ask for more before there are fewer than two groups for each worker to go on with, if there is
// memory for what comes.
static void _gwt_mpi_ask(_gwt_ranks *k)
{
    const _gwt_order *o = k->order;
    _gwt_lock(&k->lock);
    int64_t held = k->flying;
    for (const _gwt_slot *s = k->slots; s; s = s->next) held += s->tiles;
    bool ask = !k->asked && !k->none_left && _gwt_mpi_ahead(k) < 2 * o->workers
            && (k->window - held >= o->workers * o->group || held == 0);
    if (ask) k->asked = true;
    _gwt_mail *m = !ask ? NULL : _gwt_mail_new(k->g, (_gwt_mail){
        .kind = _GWT_MAIL_NEXT, .first = o->workers,
        .count = _gwt_min64(k->window - held, k->window / 3) });
    if (m) _gwt_mail_post(k, m);
    _gwt_unlock(&k->lock);
}

static bool _gwt_mpi_receive_all(_gwt_ranks *k);

// To rank 0. It may be sending, too: what comes is received meanwhile, or both deadlock.
static void _gwt_mpi_tell(_gwt_ranks *k, const _gwt_mail *m)
{
    MPI_Request request;
    int sent = 0;
    if (k->rank == 0) {
        _gwt_root_read(k, 0, m);
        return;
    }
    _GWT_MPI_DO(k, MPI_Isend(m, (int)(sizeof *m + (size_t)m->bytes), MPI_BYTE, 0, _GWT_TAG_MAIL,
                             k->comm, &request));
    for (;;) {
        _GWT_MPI_DO(k, MPI_Test(&request, &sent, MPI_STATUS_IGNORE));
        if (sent) return;
        if (!_gwt_mpi_receive_all(k)) _gwt_os_sleep(20000);
    }
}

// The last word of a rank: what went wrong, and that nothing more will come. What it has written
// must be where rank 0 can see it.
static void _gwt_mpi_leave(_gwt_ranks *k)
{
    bool failed = _gwt_over(k->order->action);
    _gwt_lock(&k->lock);
    bool idle = failed || (k->none_left && !k->slots && !k->writing && !k->out);
    _gwt_unlock(&k->lock);
    if (!idle || k->done) return;
    for (int i = 0; i < k->order->num_streams && !failed && k->rank > 0; i++) {
        const _gwt_stream *w = k->order->streams[i];
        int error = w->fd < 0 ? 0 : _gwt_os_sync(w->fd);
        if (!error) continue;
        failed = !_gwt_fail(k->g, GWT_E_IO, "%s: can't be synced: %s", w->part,
                            _GWT_OS_ERROR(error));
    }
    // An input that has changed here, before rank 0 gives the outputs their names.
    const _gwt_plan *plan = k->order->plan;
    for (int i = 0; i < plan->num_views && !failed; i++)
        failed = !_gwt_store_check(&plan->views[i].source->store);
    _gwt_short_mail last = { .head = { .kind = _GWT_MAIL_DONE } };
    if (failed && !k->told) {
        last.head.code = _gwt_mpi_error(k, last.payload, sizeof last.payload);
        last.head.bytes = strlen(last.payload) + 1;
        k->told = true;
    }
    k->done = true;
    _gwt_mpi_tell(k, &last.head);
}

// What there is to send; false when there was nothing. After its last word a rank is silent: what a
// worker still comes with, when another has failed, nobody waits for.
static bool _gwt_mpi_send_all(_gwt_ranks *k)
{
    _gwt_lock(&k->lock);
    _gwt_mail *m = k->out;
    k->out = NULL;
    _gwt_unlock(&k->lock);
    bool any = m != NULL;
    for (_gwt_mail *next; m; m = next) {
        next = m->next;
        if (!k->done) _gwt_mpi_tell(k, m);
        GWT_FREE(m);
    }
    return any;
}

static bool _gwt_mpi_receive_all(_gwt_ranks *k)
{
    bool any = false;
    for (int there = 1; there;) {
        MPI_Status status;
        _gwt_mail *m = (_gwt_mail *)k->inbox;
        _GWT_MPI_DO(k, MPI_Iprobe(k->rank ? 0 : MPI_ANY_SOURCE, _GWT_TAG_MAIL, k->comm, &there,
                                  &status));
        if (!there) break;
        _GWT_MPI_DO(k, MPI_Recv(m, (int)k->inbox_bytes, MPI_BYTE, status.MPI_SOURCE, _GWT_TAG_MAIL,
                                k->comm, MPI_STATUS_IGNORE));
        if (k->rank == 0) _gwt_root_read(k, status.MPI_SOURCE, m);
        else _gwt_mail_read(k, m);
        any = true;
    }
    return any;
}

// The thread that talks. It looks for mail once a millisecond, and at first more often while a
// worker has nothing to do.
static _gwt_thread_result _gwt_mpi_serve(void *arg)
{
    const long least = 40000, most = 1000000;
    _gwt_ranks *k = arg;
    long ns = least;
    _gwt_acting = (_gwt_action *)k->order->action;
    while (!k->over) {
        if (!k->done) {
            _gwt_mpi_ask(k);
            _gwt_mpi_leave(k);
        } else if (k->rank == 0 && !k->stopped && _gwt_over(k->order->action)) {
            char text[2048];        // its own tiles are done, but not its books
            int code = _gwt_mpi_error(k, text, sizeof text);
            _gwt_root_stop(k, 0, code, text);
        }
        bool any = _gwt_mpi_send_all(k);
        any |= _gwt_mpi_receive_all(k);
        if (k->rank == 0 && k->num_done == k->size) {
            for (int r = k->size - 1; r >= 0; r--)
                _gwt_root_answer(k, r, (_gwt_mail){ .kind = _GWT_MAIL_OVER }, NULL);
            continue;
        }
        if (any) ns = least;
        if (any) continue;
        _gwt_lock(&k->lock);
        ns = !k->waiting ? least : ns < most ? ns + ns / 4 : most;
        if (!k->out) _gwt_cond_wait_for(&k->wake, &k->lock, k->waiting ? ns : most);
        _gwt_unlock(&k->lock);
    }
    _gwt_pool_notify(&k->g->pool);
    return _GWT_THREAD_DONE;
}

// ---- the workers' side

// Take a slot off the list that can be written. Under the lock.
static _gwt_slot *_gwt_slot_ready(_gwt_ranks *k)
{
    for (_gwt_slot **s = &k->slots; *s; s = &(*s)->next) {
        _gwt_slot *slot = *s;
        if (!slot->placed) continue;
        *s = slot->next;
        k->writing++;
        k->flying += slot->tiles;
        return slot;
    }
    return NULL;
}

// n bytes from `first` of the tiles as they follow one another.
static void _gwt_blobs_copy(const _gwt_blob *blob, uint64_t first, size_t n, char *to)
{
    for (size_t some; n > 0; blob++, first = 0) {
        while (first >= blob->bytes) first -= blob++->bytes;
        some = n < blob->bytes - first ? n : (size_t)(blob->bytes - first);
        memcpy(to, blob->data + first, some);
        to += some;
        n -= some;
    }
}

// One output of a slot, which begins at `at`: whole pages of it to the file, through a buffer that
// stays in the processor's cache; what lies at its ends to `ends`, which has space for it.
static bool _gwt_slot_write_one(_gwt_ranks *k, int i, const _gwt_blob *blobs, int64_t n,
                                uint64_t at, char *buffer, _gwt_mail *ends)
{
    const _gwt_stream *w = k->order->streams[i];
    uint64_t end = at, bounds[4];
    for (int64_t b = 0; b < n; b++) end += blobs[b].bytes;
    uint64_t from = (at + k->align - 1) / k->align * k->align, to = end / k->align * k->align;
    if (k->rank == 0) from = at, to = end;
    if (from >= to) from = at, to = at;
    bounds[0] = at, bounds[1] = from, bounds[2] = to, bounds[3] = end;
    for (int range = 0; range < 3; range++) {
        uint64_t place = bounds[range], left = bounds[range + 1] - place;
        char *copy = (char *)(ends + 1) + ends->bytes;
        if (range != 1 && left) {
            _gwt_put(copy, (uint64_t)i, 8);
            _gwt_put(copy + 8, place, 8);
            _gwt_put(copy + 16, left, 8);
            _gwt_blobs_copy(blobs, place - at, (size_t)left, copy + 24);
            ends->bytes += 24 + left;
            continue;
        }
        for (size_t some; left > 0; place += some, left -= some) {
            some = left < _GWT_MPI_WRITE ? (size_t)left : _GWT_MPI_WRITE;
            _gwt_blobs_copy(blobs, place - at, some, buffer);
            if (!_gwt_pwrite(k->g, w->fd, w->part, buffer, some, place)) return false;
        }
    }
    if (to > from) _gwt_os_push(w->fd, from, to - from);
    _gwt_prof_io(k->g->recorder, 0, end - at);
    return true;
}

// Of one output: two ends, each of less than a page, or one of less than two.
static uint64_t _gwt_mpi_most_ends(const _gwt_ranks *k) { return 2 * (24 + k->align); }

static void _gwt_slot_write(_gwt_ranks *k, _gwt_slot *s)
{
    const _gwt_order *o = k->order;
    const _gwt_blob *blobs = s->blobs;
    char *buffer = _gwt_malloc(k->g, _GWT_MPI_WRITE);
    _gwt_mail *m = _gwt_mail_new(k->g, (_gwt_mail){
        .kind = _GWT_MAIL_WRITTEN, .first = s->first,
        .bytes = (uint64_t)o->num_streams * _gwt_mpi_most_ends(k) });
    bool good = buffer && m && !_gwt_over(o->action);
    if (m) m->bytes = 0;
    for (int i = 0; i < o->num_streams && good; i++) {
        const _gwt_stream *w = o->streams[i];
        int64_t n = s->tiles * w->per_place;
        _gwt_lane *lane = _gwt_lane_here();
        _gwt_lane_enter(lane, _gwt_tile_event(GWT_STAGE_WRITE, w->file->name,
                                              _gwt_stream_listed(w, s->first * w->per_place)));
        good = _gwt_slot_write_one(k, i, blobs, n, s->offsets[i], buffer, m);
        _gwt_lane_leave(lane, 0, 0);
        blobs += n;
    }
    int64_t tiles = s->tiles;
    _gwt_lock(&k->lock);
    k->writing--;
    if (good) _gwt_mail_post(k, m);
    _gwt_unlock(&k->lock);
    if (!good) GWT_FREE(m);
    GWT_FREE(buffer);
    _gwt_slot_free(k, s);
    _gwt_lock(&k->lock);
    k->flying -= tiles;
    _gwt_unlock(&k->lock);
}

// Whether a worker has something to do, or nothing will come any more.
static bool _gwt_mpi_something(void *arg)
{
    _gwt_ranks *k = arg;
    _gwt_lock(&k->lock);
    bool any = k->over || _gwt_over(k->order->action);
    for (const _gwt_slot *s = k->slots; s && !any; s = s->next)
        any = s->placed || s->group < s->groups;
    _gwt_unlock(&k->lock);
    return any;
}

// Batches that have a place are written first.
static int64_t _gwt_mpi_take(_gwt_order *o)
{
    _gwt_ranks *k = o->action->ranks;
    for (;;) {
        int64_t group = -1;
        _gwt_lock(&k->lock);
        bool over = k->over || _gwt_over(o->action);
        _gwt_slot *ready = over ? NULL : _gwt_slot_ready(k);
        for (_gwt_slot *s = k->slots; s && !ready && !over && group < 0; s = s->next)
            if (s->group < s->groups) group = s->group++;
        bool idle = !ready && !over && group < 0;
        if (idle) k->waiting++;
        if (idle || (!k->asked && !k->none_left && _gwt_mpi_ahead(k) < 2 * o->workers))
            _gwt_cond_broadcast(&k->wake);
        _gwt_unlock(&k->lock);
        if (over || group >= 0) return group;
        if (ready) {
            _gwt_slot_write(k, ready);
            continue;
        }
        _gwt_order_lane_wait(_gwt_mpi_something, k);
        _gwt_lock(&k->lock);
        k->waiting--;
        _gwt_unlock(&k->lock);
    }
}

static void _gwt_mpi_wait(_gwt_order *o, int64_t tile) { (void)o, (void)tile; }

static void _gwt_mpi_submit(_gwt_order *o, int stream, int64_t tile, _gwt_bytes *encoded,
                            uint32_t crc)
{
    _gwt_ranks *k = o->action->ranks;
    _gwt_stream *w = o->streams[stream];
    _gwt_lock(&k->lock);
    _gwt_slot *s = _gwt_slot_of(k, tile / w->per_place);
    if (s) {
        _gwt_blob *to = s->blobs, back = _gwt_stream_spare(w);
        for (int i = 0; i < stream; i++) to += s->tiles * o->streams[i]->per_place;
        to[tile - s->first * w->per_place] =
            (_gwt_blob){ encoded->data, encoded->used, encoded->capacity, crc, true };
        encoded->data = back.data, encoded->capacity = back.room;
    }
    _gwt_unlock(&k->lock);
    encoded->used = 0;
}

// The sizes of a batch whose tiles are all encoded.
static void _gwt_slot_tell(_gwt_ranks *k, const _gwt_slot *s)
{
    const _gwt_blob *blob = s->blobs;
    _gwt_mail *m = _gwt_mail_new(k->g, (_gwt_mail){ .kind = _GWT_MAIL_SIZES, .first = s->first,
                                                    .bytes = _gwt_mpi_sizes(k, s->tiles) });
    char *size = m ? (char *)(m + 1) : NULL;
    for (int i = 0; m && i < k->order->num_streams; i++) {
        const _gwt_stream *w = k->order->streams[i];
        int64_t end = (s->first + s->tiles) * w->per_place;
        for (int64_t t = s->first * w->per_place; t < end; t++, blob++) {
            _gwt_put(size, blob->bytes, 8);
            _gwt_put(size + 8, blob->crc, 4);
            size += _GWT_MAIL_SIZE;
            if (w->known) _gwt_figures_put(size, &w->known[t * w->figures], w->figures);
            size += _GWT_FIGURES_BYTES * w->figures;
        }
    }
    _gwt_lock(&k->lock);
    if (m) _gwt_mail_post(k, m);
    _gwt_unlock(&k->lock);
}

static void _gwt_mpi_complete(_gwt_order *o, int64_t tile, int64_t pixels)
{
    _gwt_ranks *k = o->action->ranks;
    _gwt_lock(&k->lock);
    _gwt_slot *s = _gwt_slot_of(k, tile), **at = &k->slots;
    bool last = s && --s->left == 0, gone = last && o->num_streams == 0;
    while (gone && *at != s) at = &(*at)->next;
    if (gone) *at = s->next;
    _gwt_unlock(&k->lock);
    (void)pixels;       // rank 0 counts them when it hands them out
    if (gone) _gwt_slot_free(k, s);
    else if (last) _gwt_slot_tell(k, s);
}

// ---- one action

// All outputs go on from the same tile.
static bool _gwt_mpi_align(_gwt_order *o)
{
    o->first = _gwt_order_written(o);
    for (int i = 0; i < o->num_streams; i++) {
        _gwt_stream *w = o->streams[i];
        int64_t head = atomic_load(&w->head), first = o->first * w->per_place;
        if (w->file->complete && first < w->num_tiles)
            return _gwt_fail(w->g, GWT_E_UNSUPPORTED, "%s is complete and another output is not: "
                             "resume in a single process", w->file->path);
        if (w->file->follows || w->file->complete || head == first) continue;
        while (head > first) w->end -= w->counts[--head];
        if (!_gwt_journal_cut(w, head)) return false;
    }
    return true;
}

// Until the header is written the part begins with a number by which other ranks know it: a file of
// that name on a disk of their own, or in another folder, may be there as well.
static int64_t _gwt_mpi_mark(const _gwt_order *o)
{
    gwt *g = o->action->g;
    _gwt_os_time now = _gwt_os_clock(true);
    uint64_t mark = _gwt_hash(_gwt_hash((uint64_t)now.s, (uint64_t)now.ns), _gwt_os_process());
    for (int i = 0; i < o->num_streams && !_gwt_over(o->action); i++) {
        const _gwt_stream *w = o->streams[i];
        char bytes[16] = "";
        memcpy(bytes, _gwt_part_magic, sizeof _gwt_part_magic);
        _gwt_put(bytes + 8, mark, 8);
        if (w->fd < 0 || !_gwt_pwrite(g, w->fd, w->part, bytes, sizeof bytes, 0)) continue;
        int error = _gwt_os_sync(w->fd);
        if (error)
            _gwt_fail(g, GWT_E_IO, "%s: can't be synced: %s", w->part, _GWT_OS_ERROR(error));
    }
    return (int64_t)mark;
}

// Rank 0's file, on another rank.
static bool _gwt_mpi_follow(_gwt_stream *w, int64_t mark)
{
    char bytes[16];
    const char *strange;
    if (!_gwt_open_left(w->g, w->part, &w->fd, &strange)) return false;
    if (w->fd < 0 || strange)
        return _gwt_fail(w->g, GWT_E_IO, "%s, which rank 0 has made, %s here", w->part,
                         strange ? strange : "is not there");
    if (_gwt_os_read(w->fd, bytes, sizeof bytes, 0) == sizeof bytes
        && _gwt_get_little(bytes + 8, 8) == (uint64_t)mark)
        return true;
    return _gwt_fail(w->g, GWT_E_IO, "%s is another file here than on rank 0: ranks need a "
                     "folder that they share", w->part);
}

// What an action must have in common on all ranks.
static uint32_t _gwt_mpi_job(const _gwt_order *o)
{
    uint32_t job = 0;
    for (int i = 0; i < o->num_streams; i++)
        job ^= o->streams[i]->file->job[_GWT_JOB_OPTIONS] + (uint32_t)i;
    job ^= _gwt_job_expression(o->plan);
    _gwt_job_number(&job, o->joins);
    _gwt_job_number(&job, (uint64_t)o->tile_h);
    _gwt_job_number(&job, (uint64_t)o->tile_w);
    return job;
}

// Space for the largest mail: of sizes of a batch of at most a third of rank 0's window, or of what
// lies at its ends. Too little would end the job when such a mail comes.
static bool _gwt_mpi_inbox(_gwt_ranks *k, const _gwt_order *o)
{
    uint64_t bytes = _GWT_MAIL_TEXT, saves = (uint64_t)o->num_streams;
    if (k->rank == 0 && saves > 0) {
        int64_t tiles = _gwt_max64(o->group, k->window / 3);
        uint64_t sizes = _gwt_mpi_sizes(k, tiles);
        uint64_t ends = saves * _gwt_mpi_most_ends(k);
        bytes = sizes > bytes ? sizes : bytes;
        bytes = ends > bytes ? ends : bytes;
    }
    k->inbox_bytes = sizeof(_gwt_mail) + (size_t)bytes;
    if (k->inbox_bytes > INT32_MAX) k->inbox_bytes = INT32_MAX;
    k->inbox = _gwt_malloc(k->g, k->inbox_bytes);
    return k->inbox != NULL;
}

static void _gwt_mpi_start_thread(_gwt_ranks *k)
{
    k->out = NULL, k->slots = NULL, k->batches = NULL;
    k->asked = k->none_left = k->over = k->told = k->done = k->stopped = false;
    k->writing = k->waiting = k->num_done = 0;
    k->flying = 0;
    k->next_group = _gwt_order_group_of(k->order, k->order->first);
    if (!_gwt_thread_start(&k->thread, _gwt_mpi_serve, k))
        _gwt_mpi_check(k, MPI_ERR_OTHER, "a thread to talk with can't be started");
}

// All ranks begin together, with rank 0's tiles, and in its files.
static bool _gwt_mpi_start(_gwt_order *o)
{
    _gwt_ranks *k = o->action->ranks;
    int64_t numbers[4] = { o->group, 0, (int64_t)_gwt_os_page(), 0 };
    k->order = o;
    k->window = o->num_streams ? o->window : INT32_MAX;
    k->align = (uint64_t)_gwt_max64(numbers[2], 4096);
    if (!_gwt_mpi_align(o) || !_gwt_mpi_inbox(k, o)) return false;
    numbers[1] = o->first;
    if (k->rank == 0) numbers[3] = _gwt_mpi_mark(o);
    k->joined = true;
    o->shared = _gwt_mpi_agree(k, _GWT_AGREE_START, !_gwt_over(o->action), _gwt_mpi_job(o),
                               numbers);
    if (!o->shared) return false;
    o->group = numbers[0], o->first = numbers[1];
    k->align = (uint64_t)_gwt_max64(numbers[2], 4096);
    for (int i = 0; i < o->num_streams && k->rank > 0; i++) {
        _gwt_stream *w = o->streams[i];
        if (w->num_tiles == o->first * w->per_place) continue;          // there is nothing to do
        if (!_gwt_mpi_follow(w, numbers[3])) break;
    }
    _gwt_mpi_start_thread(k);
    return true;
}

static void _gwt_mpi_stop(_gwt_order *o)
{
    _gwt_ranks *k = o->action->ranks;
    if (o->shared) _gwt_thread_join(k->thread);
    for (_gwt_slot *s = k->slots, *next; s; s = next) {
        next = s->next;
        _gwt_slot_free(k, s);
    }
    for (_gwt_mail *m = k->out, *next; m; m = next) {
        next = m->next;
        GWT_FREE(m);
    }
    for (_gwt_batch *b = k->batches, *next; b; b = next) {
        next = b->next;
        GWT_FREE(b);
    }
    GWT_FREE(k->inbox);
    k->slots = NULL, k->out = NULL, k->batches = NULL, k->inbox = NULL;
}

static bool _gwt_mpi_finish(const _gwt_order *o, bool good)
{
    if (!o->shared) return good;
    return _gwt_mpi_agree(o->action->ranks, _GWT_AGREE_FINISH, good, 0, NULL);
}

static void _gwt_mpi_order(_gwt_order *o)
{
    o->start = _gwt_mpi_start, o->take = _gwt_mpi_take, o->wait = _gwt_mpi_wait;
    o->submit = _gwt_mpi_submit, o->complete = _gwt_mpi_complete, o->stop = _gwt_mpi_stop;
    o->agree = _gwt_mpi_finish;
    o->worker_bytes = (double)_GWT_MPI_WRITE;
}

// ---- texts of all ranks

// A text of each rank but the first comes to it, and is kept; NULL where there is none.
static bool _gwt_mpi_gather(gwt *g, const char *text, const char **texts)
{
    _gwt_ranks *k = g->ranks;
    bool good = true;
    if (k->rank > 0) {
        _gwt_mpi_send(k, 0, _GWT_TAG_MAIL, text, strlen(text) + 1);
        return true;
    }
    for (int from = 1; from < k->size; from++) {
        MPI_Status status;
        int bytes;
        _GWT_MPI_DO(k, MPI_Probe(from, _GWT_TAG_MAIL, k->comm, &status));
        _GWT_MPI_DO(k, MPI_Get_count(&status, MPI_BYTE, &bytes));
        char *its = _gwt_malloc(g, (size_t)bytes);
        if (!its) _gwt_mpi_check(k, MPI_ERR_NO_MEM, "receiving");
        _gwt_mpi_receive(k, from, _GWT_TAG_MAIL, its, bytes);
        if (texts) texts[from] = *its ? _gwt_keep_always(g, its) : NULL;
        good &= !*its || (texts && texts[from]);    // of "" that rank says why
        GWT_FREE(its);
    }
    return good;
}

static int64_t _gwt_mpi_least(gwt *g, int64_t x)
{
    int64_t least = x;
    _GWT_MPI_DO(g->ranks, MPI_Allreduce(&x, &least, 1, MPI_INT64_T, MPI_MIN, g->ranks->comm));
    return least;
}

int gwt_rank(const gwt *g) { return g && g->ranks ? g->ranks->rank : 0; }
int gwt_num_ranks(const gwt *g) { return g && g->ranks ? g->ranks->size : 1; }

#else

static bool _gwt_mpi_begin(gwt *g) { return (void)g, true; }
static void _gwt_mpi_end(gwt *g) { (void)g; }
static void _gwt_mpi_close(gwt *g) { (void)g; }
static void _gwt_mpi_order(_gwt_order *o) { (void)o; }
static void _gwt_mpi_join(gwt *g, void *data, size_t bytes, bool root_only)
{
    (void)g, (void)data, (void)bytes, (void)root_only;
}
static void _gwt_mpi_add(gwt *g, int64_t *counts, size_t n) { (void)g, (void)counts, (void)n; }

int gwt_rank(const gwt *g) { return (void)g, 0; }
int gwt_num_ranks(const gwt *g) { return (void)g, 1; }

#endif

// >>run ---------------------------------------------------------------------------------------
// One loop for every action. The image is cut into tiles, whose size the sink chooses: the tiles
// of the output file, the caller's blocks, or 256 x 256 for a plain buffer. Each worker takes the
// next few neighbours in canonical order (the serial part, see room mpi), computes them,
// and gives them to the sink (the parallel part). A tile larger than the array's chunks is cut into
// pieces of about that size, a loop of its own that idle workers steal from. So:
//
//   - the work in flight is a narrow front that moves down the image, which bounds memory;
//   - nothing is ever shared between two tiles of the output, and no tile waits for a chunk of
//     another: a chunk is an upper bound on a piece, never a commitment;
//   - results can't depend on the chunk size or on who did what.
//
// Neighbours are taken together when an input tile is wider than a tile here: one worker decodes
// it and uses it, instead of all waiting for one decode.

typedef struct _gwt_run _gwt_run;

struct _gwt_run {
    // Set before, read by all.
    gwt *g;
    const _gwt_action *action;
    const _gwt_plan *plan;
    const gwt_array *array;     // whose chunks it has: the first of several
    int num_outputs;
    int64_t piece_h, piece_w;   // of a piece
    bool whole;                 // pieces run on the worker that has the tile
    bool staged;                // tiles are held for one pass at a time
    bool sparse;                // pieces touch tiles here and there only
    _gwt_uses_left *uses;       // of each tile of the plan
    _gwt_cost cost;             // the most that a piece takes
    const char *what, *path;    // the action, and its first output: for who is told of it
    gwt_progress_fn *report;    // who is; NULL: nobody
    double start;
    // Whether no pixel of tile t, at r, is asked for (NULL: none is without); else where they go,
    // for each output; and what to do when they are there. By worker `id`.
    bool (*skips)(_gwt_run *run, int id, int64_t t, const _gwt_rect *r);
    bool (*open)(_gwt_run *run, int id, int64_t t, const _gwt_rect *r, _gwt_target *targets);
    bool (*close)(_gwt_run *run, int id, int64_t t, const _gwt_rect *r);
    void *sink;
    double tile_bytes, wait_bytes;  // memory of the sink: for each worker, for each tile that waits
    double packed_bytes, register_bytes;    // memory of each worker
    _gwt_share share;           // of memory
    _gwt_scratch *scratch;      // one a worker, that worker's own
    int64_t collisions[_GWT_MAX_OUTPUTS];   // of all workers, in the end
    // Shared.
    _gwt_order order;
    _gwt_mutex reporting;       // held while somebody is told; never waited for
    double reported;            // guarded by it
};

// ---- what a piece reads

static _gwt_uses_left *_gwt_run_uses(const _gwt_run *run, const _gwt_ask *a)
{
    return &run->uses[run->plan->views[a->view].first_tile + a->tile];
}

static void _gwt_run_release(_gwt_run *run, _gwt_scratch *x)
{
    while (x->num_tiles > 0) {
        _gwt_tile *t = x->tiles[--x->num_tiles];
        if (!t) continue;
        _gwt_uses_drop(_gwt_run_uses(run, &x->walk.asks[x->num_tiles]));
        _gwt_cache_release(run->g->cache, t);
    }
}

// A worker's memory for walks; NULL, and an error, when there is none.
static _gwt_walk *_gwt_run_walk(const _gwt_run *run, int id)
{
    _gwt_walk *w = &run->scratch[id].walk;
    if (w->plan || _gwt_walk_begin(w, run->plan, run->order.tile_h, run->order.tile_w)) return w;
    return NULL;
}

// Pin every tile that the piece needs for passes first..end - 1. Those that others are loading come
// last, so that workers that need the same row of strips share the decoding instead of queueing
// behind one another.
static bool _gwt_run_pin(_gwt_run *run, _gwt_scratch *x, int first, int end)
{
    _gwt_cache *cache = run->g->cache;
    bool good = _gwt_walk_tiles(&x->walk, first, end) && _gwt_scratch_tiles(x, x->walk.num_asks);
    for (size_t i = 0; good && i < x->walk.num_asks; i++) {
        const _gwt_ask *a = &x->walk.asks[i];
        _gwt_source *s = run->plan->views[a->view].source;
        bool mine = false;
        _gwt_tile *t = NULL;
        if (a->tile >= 0) {
            t = _gwt_cache_ask(cache, s, a->tile, _gwt_uses_of(_gwt_run_uses(run, a)), &mine);
            good = t != NULL;
        }
        x->tiles[x->num_tiles++] = t;
        if (mine) _gwt_cache_load(cache, t);
    }
    for (size_t i = 0; i < x->num_tiles; i++)
        if (x->tiles[i]) good &= _gwt_cache_wait(cache, x->tiles[i]);
    return good;
}

// ---- one piece, one tile, one worker

static gwt_event _gwt_piece_event(gwt_stage stage, const _gwt_rect *r)
{
    return (gwt_event){ .stage = stage, .tile = -1, .row = r->row,
                        .col = r->col, .rows = r->rows, .cols = r->cols };
}

// Bytes of a piece in all outputs.
static uint64_t _gwt_run_stored(const _gwt_run *run, const _gwt_rect *r)
{
    uint64_t sum = 0;
    for (int i = 0; i < run->num_outputs; i++) {
        const _gwt_output *o = _gwt_plan_output(run->plan, i);
        sum += (uint64_t)(r->rows * r->cols * o->num_planes) * gwt_dtype_size(o->dtype);
    }
    return sum;
}

static void _gwt_run_piece(_gwt_run *run, int id, const _gwt_rect *r, const _gwt_target *targets)
{
    _gwt_scratch *x = &run->scratch[id];
    if (_gwt_over(run->action)) return;
    if (!_gwt_run_walk(run, id) || (!x->planes && !_gwt_scratch_begin(x, run->plan))
        || !_gwt_walk_piece(&x->walk, r))
        return;
    _gwt_lane *lane = _gwt_lane_here();
    int all = run->plan->num_passes, each = run->staged ? 1 : all, begun = 0;
    for (int i = 0; i < all && !_gwt_over(run->action); i += each) {
        bool good = _gwt_run_pin(run, x, i, i + each);
        if (good && !begun++) _gwt_lane_enter(lane, _gwt_piece_event(GWT_STAGE_COMPUTE, r));
        for (int k = i; k < i + each && good && !_gwt_over(run->action); k++)
            if (!_gwt_rect_empty(&x->walk.rects[k])) good = _gwt_vm_run(run->plan, x, k, targets);
        _gwt_run_release(run, x);
    }
    if (begun) _gwt_lane_leave(lane, 0, _gwt_run_stored(run, r));
    if (x->missing)
        _gwt_fail(run->g, GWT_E_NODATA,
                  "there are missing pixels, and no nodata value of %s to store them as: "
                  ".nodata gives one; a .dtype of floating point needs none",
                  gwt_dtype_name(x->missing));
}

typedef struct _gwt_pieces {
    _gwt_run *run;
    _gwt_rect r;
    const _gwt_target *targets;
} _gwt_pieces;

// The pieces that a rectangle is cut into: how many, and which is the k-th.
static int64_t _gwt_run_num_pieces(const _gwt_run *run, const _gwt_rect *r)
{
    return _gwt_ceil_div(r->rows, run->piece_h) * _gwt_ceil_div(r->cols, run->piece_w);
}

static _gwt_rect _gwt_run_piece_of(const _gwt_run *run, const _gwt_rect *r, int64_t k)
{
    int64_t across = _gwt_ceil_div(r->cols, run->piece_w);
    int64_t row = k / across * run->piece_h, col = k % across * run->piece_w;
    return (_gwt_rect){ r->row + row, r->col + col, _gwt_min64(run->piece_h, r->rows - row),
                        _gwt_min64(run->piece_w, r->cols - col) };
}

static void _gwt_run_piece_at(size_t index, void *user)
{
    const _gwt_pieces *p = user;
    const _gwt_run *run = p->run;
    _gwt_rect r = _gwt_run_piece_of(run, &p->r, (int64_t)index);
    int64_t row = r.row - p->r.row, col = r.col - p->r.col;
    _gwt_target targets[_GWT_MAX_OUTPUTS];
    for (int i = 0; i < run->num_outputs; i++) {
        targets[i] = p->targets[i];
        targets[i].base += (size_t)row * targets[i].row_bytes
                         + (size_t)col * targets[i].step
                               * gwt_dtype_size(_gwt_plan_output(run->plan, i)->dtype);
    }
    _gwt_run_piece(p->run, _gwt_self()->id, &r, targets);
}

static void _gwt_run_pieces(_gwt_run *run, const _gwt_rect *r, const _gwt_target *targets)
{
    int64_t n = _gwt_run_num_pieces(run, r);
    _gwt_pieces p = { run, *r, targets };
    if (!run->whole) _gwt_pool_for(_gwt_self(), (size_t)n, _gwt_run_piece_at, &p);
    else for (int64_t i = 0; i < n; i++) _gwt_run_piece_at((size_t)i, &p);
}

// The bar on a terminal, which is what is done without .on_progress.
static int _gwt_progress_bar(const gwt_progress *p, void *user)
{
    static const char bar[] = "##############################",
                      rest[] = "..............................";
    int marks = (int)(p->fraction * 30);
    double rate = (double)p->pixels / 1e6 / (p->seconds > 0 ? p->seconds : 1);
    _gwt_os_locale c = _gwt_os_locale_begin();
    (void)user;
    fprintf(stderr, "\r[%.*s%.*s] %3.0f %%  %6.*f Mpx/s  %5.1f s %s", marks, bar, 30 - marks, rest,
            p->fraction * 100, rate < 0.01 ? 5 : rate < 1 ? 3 : 1, rate,
            p->last ? p->seconds : p->left, p->last ? "    \n" : "left");
    _gwt_os_locale_end(c);
    return 0;
}

// Who is told how far an action is; NULL: nobody.
static gwt_progress_fn *_gwt_run_reporter(const _gwt_run *run, bool progress)
{
    gwt_progress_fn *theirs = run->g->options.on_progress;
    bool outermost = run->action->stay.locked;
    if (gwt_rank(run->g) > 0) return NULL;
    if (theirs) return progress || outermost ? theirs : NULL;
    return progress && _gwt_os_is_terminal(stderr) ? _gwt_progress_bar : NULL;
}

// At most ten times a second, by whichever worker comes by; the last time, which is not left out,
// by the thread of the action when the workers have ended.
static void _gwt_run_report(_gwt_run *run, bool last)
{
    double now = _gwt_os_now(), total = (double)run->plan->width * (double)run->plan->height;
    if (!run->report || !_gwt_trylock(&run->reporting)) return;
    if (last || now - run->reported > 0.1) {
        gwt_progress p = { .g = run->g, .action = run->what, .path = run->path,
                           .pixels = atomic_load(&run->order.done), .seconds = now - run->start,
                           .last = last };
        const _gwt_order *o = &run->order;
        int64_t groups = _gwt_min64(atomic_load(&o->next), _gwt_order_groups(o));
        if (o->num_streams > 0 && !o->shared && !last)
            p.under_way = _gwt_min64(groups * o->group, o->across * o->down)
                        - _gwt_order_written(o);
        p.fraction = (double)p.pixels / total;
        p.left = p.fraction > 0 && !last ? p.seconds / p.fraction - p.seconds : 0;
        run->reported = now;
        if (run->report(&p, run->g->options.user) && !last) gwt_cancel(run->g);
    }
    _gwt_unlock(&run->reporting);
}

static _gwt_rect _gwt_run_rect(const _gwt_run *run, int64_t t)
{
    const _gwt_order *o = &run->order;
    int64_t row = t / o->across * o->tile_h, col = t % o->across * o->tile_w;
    return (_gwt_rect){ row, col, _gwt_min64(o->tile_h, run->plan->height - row),
                        _gwt_min64(o->tile_w, run->plan->width - col) };
}

static _gwt_rect _gwt_run_padded(const _gwt_run *run, const _gwt_rect *r)
{
    const int64_t *pad = run->plan->pad;
    int64_t top = _gwt_max64(0, r->row - pad[3]), left = _gwt_max64(0, r->col - pad[0]);
    return (_gwt_rect){ top, left,
                        _gwt_min64(r->row + r->rows + pad[1], run->plan->height) - top,
                        _gwt_min64(r->col + r->cols + pad[2], run->plan->width) - left };
}

static bool _gwt_run_tile(_gwt_run *run, int64_t t)
{
    _gwt_order *o = &run->order;
    int id = _gwt_self()->id;
    if (t < o->first) return true;
    o->wait(o, t);
    _gwt_rect inner = _gwt_run_rect(run, t), r = _gwt_run_padded(run, &inner);
    _gwt_target targets[_GWT_MAX_OUTPUTS];
    bool skips = run->skips && run->skips(run, id, t, &r);
    if (_gwt_over(run->action) || (!skips && !run->open(run, id, t, &r, targets))) return false;
    if (!skips) _gwt_run_pieces(run, &r, targets);
    if (_gwt_over(run->action) || !run->close(run, id, t, &r)) return false;
    o->complete(o, t, inner.rows * inner.cols);
    _gwt_run_report(run, false);
    return true;
}

// What each worker does: the next group of a row of tiles, until there is none.
static void _gwt_run_loop(size_t index, void *user)
{
    _gwt_run *run = user;
    _gwt_order *o = &run->order;
    int64_t groups = _gwt_ceil_div(run->order.across, o->group);
    _gwt_lane *lane = _gwt_lane_here();
    bool good = true;
    (void)index;
    _gwt_lane_enter(lane, (gwt_event){ .stage = GWT_STAGE_SCHEDULE, .tile = -1 });
    for (int64_t k; good && (k = o->take(o)) >= 0;) {
        int64_t col = k % groups * o->group, end = _gwt_min64(col + o->group, run->order.across);
        for (; good && col < end; col++)
            good = _gwt_run_tile(run, k / groups * run->order.across + col);
    }
    _gwt_lane_leave(lane, 0, 0);
    if (!good) _gwt_pool_notify(&run->g->pool);     // others may wait for a tile that won't come
}

// ---- run dry: what all pieces ask for and take, before the first is run
//
// The whole job is walked over in canonical order, on all workers, without reading anything. That
// gives each tile the number of its uses, exactly, and the memory of the most expensive piece, as
// exactly as the walk knows it. Pieces that are too large are found out soon and cut, so that all
// this takes about as long as one look at each piece.

#define _GWT_PASS_BYTES (16 << 20)

typedef struct _gwt_dry {
    _gwt_run *run;
    int64_t some;               // tiles of the output that are walked over together
    double limit;               // bytes that one worker may take
    int64_t least;              // pixels of a piece that is not cut for that
    int64_t halo;               // pixels of the largest halo around nothing, or 1
    atomic_bool cut;            // one is too large, the rest does not matter: all are to be cut
} _gwt_dry;

// A worker's buffers: planes, a step's own, and a tile as it comes from the file.
static double _gwt_run_buffers(const _gwt_run *run, const _gwt_cost *c)
{
    return c->planes + c->work + run->packed_bytes;
}

// All of a worker's memory.
static double _gwt_run_each(const _gwt_run *run, const _gwt_cost *c)
{
    return _gwt_run_buffers(run, c) + (run->staged ? c->pass_tiles : c->tiles)
         + run->register_bytes + run->tile_bytes;
}

// Whether pieces have to be cut. A coarser grid needs many cells for each of its own, and a sparse
// one many tiles: that is worth smaller pieces whatever the limit. Within a halo larger than itself
// a smaller piece needs nearly as much.
static bool _gwt_dry_exceeds(const _gwt_dry *d, const _gwt_cost *c)
{
    const _gwt_run *run = d->run;
    int64_t pixels = run->piece_h * run->piece_w;
    if (pixels > d->halo && c->largest > _GWT_PASS_BYTES) return true;
    if (pixels > 1 && run->sparse && c->tiles > _GWT_PASS_BYTES) return true;
    return pixels > d->least && _gwt_run_each(run, c) > d->limit;
}

static void _gwt_dry_some(size_t index, void *user)
{
    _gwt_dry *d = user;
    _gwt_run *run = d->run;
    int id = _gwt_self()->id;
    _gwt_walk *w = _gwt_run_walk(run, id);
    _gwt_cost *cost = &run->scratch[id].cost;
    int64_t from = (int64_t)index * d->some, tiles = run->order.across * run->order.down;
    if (!w) return;
    for (int64_t t = from; t < _gwt_min64(from + d->some, tiles); t++) {
        _gwt_rect inner = _gwt_run_rect(run, t), r = _gwt_run_padded(run, &inner);
        int64_t n = _gwt_run_num_pieces(run, &r);
        if (run->skips && run->skips(run, id, t, &r)) continue;
        for (int64_t k = 0; k < n; k++) {
            _gwt_rect piece = _gwt_run_piece_of(run, &r, k);
            if (atomic_load(&d->cut) || _gwt_over(run->action)) return;
            if (!_gwt_walk_cost(w, &piece, cost)) return;
            for (size_t i = 0; i < w->num_asks; i++)
                if (w->asks[i].tile >= 0) _gwt_uses_add(_gwt_run_uses(run, &w->asks[i]));
        }
        if (_gwt_dry_exceeds(d, cost)) atomic_store(&d->cut, true);
    }
}

static void _gwt_run_halve(_gwt_run *run)
{
    if (run->piece_h >= run->piece_w) run->piece_h = _gwt_ceil_div(run->piece_h, 2);
    else run->piece_w = _gwt_ceil_div(run->piece_w, 2);
}

// Run dry, with smaller and smaller pieces until a worker takes at most `limit` bytes or its pieces
// have `least` pixels. False, and an error, when it can't be done.
static bool _gwt_run_dry(_gwt_run *run, double limit, int64_t least)
{
    int64_t tiles = run->order.across * run->order.down;
    _gwt_dry d = { .run = run, .limit = limit, .least = least,
                   .some = _gwt_max64(16, _gwt_ceil_div(tiles, 64)), .halo = 1 };
    size_t n = (size_t)_gwt_ceil_div(tiles, d.some);
    for (int i = 0; i < run->plan->num_passes; i++) {
        const _gwt_step *s = run->plan->passes[i].step;
        if (s && s->kind != _GWT_STEP_RESAMPLE)
            d.halo = _gwt_max64(d.halo, 4 * s->reach[0] * s->reach[0]);
    }
    for (;;) {
        atomic_store(&d.cut, false);
        for (int64_t i = 0; i < run->plan->num_tiles; i++) atomic_init(&run->uses[i], 0);
        for (int i = 0; i < run->g->pool.num_workers; i++)
            run->scratch[i].cost = (_gwt_cost){ 0 };
        _gwt_pool_for(_gwt_self(), n, _gwt_dry_some, &d);
        if (_gwt_over(run->action)) return false;
        run->cost = (_gwt_cost){ 0 };
        for (int i = 0; i < run->g->pool.num_workers; i++)
            _gwt_cost_join(&run->cost, &run->scratch[i].cost);
        if (!_gwt_dry_exceeds(&d, &run->cost)) return true;
        _gwt_run_halve(run);
    }
}

// ---- memory: how to take less

// Whether no tile is used by two pieces.
static bool _gwt_run_uses_once(const _gwt_run *run)
{
    for (int i = 0; i < run->plan->num_views; i++) {
        const _gwt_view_plan *v = &run->plan->views[i];
        for (int64_t k = 0; v->first == i && k < v->source->num_tiles; k++)
            if (_gwt_uses_of(&run->uses[v->first_tile + k]) > v->sharers) return false;
    }
    return true;
}

// Neighbours that share one input tile, but never so many that workers go without.
static int64_t _gwt_run_neighbours(const _gwt_run *run)
{
    const _gwt_order *o = &run->order;
    int64_t group = 1;
    for (int i = 0; i < run->plan->num_views; i++) {
        const _gwt_source *s = run->plan->views[i].source;
        if (s->tiled) group = _gwt_max64(group, _gwt_ceil_div(s->tile_w, o->tile_w));
    }
    return _gwt_max64(1, _gwt_min64(group, o->across * o->down / (4 * o->workers)));
}

// The workers, the group and the window that `bytes` are enough for, when each worker takes `each`:
// first a shorter queue, then fewer workers. In the queue are tiles that are not yet written, of
// sinks with an order: two groups for each worker and a few more. As many as there are workers it
// has at least, and then groups are of one: with less than a group for each worker all would wait
// for the one whose tile is to be written next. Among ranks whole batches wait.
static void _gwt_run_shrink(_gwt_run *run, double bytes, double each)
{
    _gwt_order *o = &run->order;
    bool ranks = run->action->ranks != NULL;
    o->workers = (int)fmax(1, fmin(o->workers, floor(bytes / (each + run->wait_bytes))));
    int64_t n = ranks ? run->g->pool.num_workers : o->workers;
    int64_t each_group = (ranks ? 16 : 2) * n, more = ranks ? 32 : 8;
    double fits = run->wait_bytes > 0 ? (bytes - o->workers * each) / run->wait_bytes : 1e15;
    int64_t queue = (int64_t)fmax(o->workers, fmin(fits, 1e15));
    o->group = _gwt_max64(1, _gwt_min64(_gwt_run_neighbours(run), (queue - more) / each_group));
    o->window = each_group * o->group + more;
    if (ranks) o->window = _gwt_max64(o->window, n * gwt_num_ranks(run->g) * 3 / 4);
    o->window = _gwt_min64(o->window, queue);
}

// Smaller pieces, of 64 x 64; then a shorter queue; then fewer workers; then still smaller pieces.
// Of a deep stack pieces come last: what does not stay in the cache from one piece to the next
// would be decoded for each of them. For that reason its tiles are held for all passes, if there is
// memory for it, where pieces share them.
static bool _gwt_run_fit(_gwt_run *run, int num_workers)
{
    gwt *g = run->g;
    bool deep = run->plan->deep;
    if (num_workers < 0)
        return _gwt_fail(g, GWT_E_ARGUMENT, "num_workers = %d: must be 1 or more (0: all)",
                         num_workers);
    run->order.workers = num_workers > 0 ? (int)_gwt_min64(num_workers, g->pool.num_workers)
                                   : g->pool.num_workers;
    run->scratch = _gwt_calloc(g, (size_t)g->pool.num_workers, sizeof *run->scratch);
    run->uses = _gwt_calloc(g, (size_t)run->plan->num_tiles, sizeof *run->uses);
    if (!run->scratch || !run->uses) return false;
    for (int i = 0; i < run->plan->num_views; i++) {
        const _gwt_view_plan *v = &run->plan->views[i];
        run->sparse |= v->stride > 1;
        run->packed_bytes = fmax(run->packed_bytes, (double)v->source->packed_bytes);
    }
    run->register_bytes = (double)(_gwt_vm_doubles(run->plan) * sizeof(double));
    double limit = (double)g->options.memory_limit;
    double fixed = (double)run->plan->num_tiles * (double)sizeof *run->uses
                 + run->plan->lookup_bytes;
    double rest = limit - fixed, one = rest - run->wait_bytes;
    _gwt_run_shrink(run, (double)INFINITY, 0);
    double all = (rest - (double)run->order.window * run->wait_bytes) / run->order.workers;
    if (!_gwt_run_dry(run, all, deep ? INT64_MAX : 64 * 64)) return false;
    run->staged = deep && (_gwt_run_uses_once(run) || _gwt_run_each(run, &run->cost) > all);
    if (_gwt_run_each(run, &run->cost) > one && !_gwt_run_dry(run, one, 256)) return false;
    double each = _gwt_run_each(run, &run->cost);
    _gwt_run_shrink(run, rest, each);
    double bytes = fixed + run->order.workers * each + (double)run->order.window * run->wait_bytes;
    if (bytes > limit)
        return _gwt_fail(
            g, GWT_E_MEMORY,
            "this takes %.1f MB of memory with one worker, and .memory_limit is %.1f MB",
            bytes / 1e6, limit / 1e6);
    double pinned = run->order.workers * (run->staged ? run->cost.pass_tiles : run->cost.tiles);
    // The next piece may need the same tiles, of all passes.
    double wanted = (double)g->options.cache_bytes + run->order.workers * run->cost.tiles - pinned;
    run->share = (_gwt_share){ (uint64_t)bytes, (uint64_t)pinned, (uint64_t)fmin(wanted, limit) };
    return true;
}

// What a run took, whether it was run or not.
static void _gwt_run_end(_gwt_run *run)
{
    for (int i = 0; run->scratch && i < run->g->pool.num_workers; i++)
        _gwt_scratch_end(&run->scratch[i], run->plan);
    GWT_FREE(run->scratch);
    GWT_FREE(run->uses);
}

static void _gwt_run_shape(_gwt_run *run, const gwt_array *a, int64_t tile_h, int64_t tile_w)
{
    _gwt_order *o = &run->order;
    int64_t height = run->plan->height, width = run->plan->width;
    const int64_t *pad = run->plan->pad;
    _gwt_order_make(o, run->action, run->plan);
    o->tile_h = _gwt_min64(tile_h, height);
    o->tile_w = _gwt_min64(tile_w, width);
    o->across = _gwt_ceil_div(width, o->tile_w);
    o->down = _gwt_ceil_div(height, o->tile_h);
    run->num_outputs = run->plan->passes[run->plan->num_passes - 1].program.num_outputs;
    run->array = a;
    // As many pieces as chunks would fit, all about as large.
    int64_t h = _gwt_min64(o->tile_h + pad[1] + pad[3], height);
    int64_t w = _gwt_min64(o->tile_w + pad[0] + pad[2], width);
    run->piece_h = _gwt_ceil_div(h, _gwt_ceil_div(h, a->info.chunks[2]));
    run->piece_w = _gwt_ceil_div(w, _gwt_ceil_div(w, a->info.chunks[3]));
}

// With the tiles that are there already counted as done. Among ranks they are, in all that rank 0
// has handed out, which it may have begun to do.
static bool _gwt_run_start(_gwt_run *run)
{
    _gwt_order *o = &run->order;
    if (!o->start(o)) return false;
    for (int64_t t = 0; t < o->first && !o->shared; t++) {
        _gwt_rect r = _gwt_run_rect(run, t);
        atomic_fetch_add(&o->done, r.rows * r.cols);
    }
    return true;
}

static void _gwt_run_record(const gwt_array *a)
{
    _gwt_recorder *r = a->g->recorder;
    _gwt_lock(&a->g->lock);
    if (r && r->profile.chunks[0] == 0) {
        memcpy(r->profile.chunks, a->info.chunks, sizeof a->info.chunks);
        r->profile.source_compression = _gwt_codec_named(a->info.compression);
    }
    _gwt_unlock(&a->g->lock);
}

// After it is known to fit.
static bool _gwt_run_all(_gwt_run *run, bool progress)
{
    gwt *g = run->g;
    if (!_gwt_mutex_new(g, &run->reporting)) return false;
    _gwt_run_record(run->array);
    run->whole = run->order.workers < g->pool.num_workers;
    run->report = _gwt_run_reporter(run, progress);
    run->start = _gwt_os_now();
    _gwt_cache_plan(g, &run->share, true);
    if (_gwt_run_start(run) && !_gwt_over(run->action))
        _gwt_pool_for(_gwt_self(), (size_t)run->order.workers, _gwt_run_loop, run);
    for (int i = 0; i < run->plan->num_views && !_gwt_over(run->action); i++)
        _gwt_store_check(&run->plan->views[i].source->store);
    run->order.stop(&run->order);
    _gwt_cache_plan(g, &run->share, false);
    _gwt_run_report(run, true);
    for (int i = 0; i < g->pool.num_workers; i++)
        for (int k = 0; k < run->num_outputs; k++)
            run->collisions[k] += run->scratch[i].collisions[k];
    _gwt_mutex_destroy(&run->reporting);
    return !_gwt_over(run->action);
}

// Several outputs need one grid, and there is an upper bound on them.
static bool _gwt_check_many(const char *call, gwt_array *const *arrays, size_t n, const void *to)
{
    if (!_gwt_check_given(call, arrays, n)) return false;
    if (!to)
        return _gwt_fail(arrays[0]->g, GWT_E_ARGUMENT, "%s: the list of outputs is NULL", call);
    for (size_t i = 0; i < n; i++)
        if (!_gwt_check_grids(arrays[0], arrays[i])) return false;
    for (size_t i = 1; i < n; i++)
        if (arrays[i]->number != arrays[0]->number)
            return _gwt_fail(arrays[0]->g, GWT_E_GRID,
                             "a number and an image in one pass: a number has no grid");
    if (n > _GWT_MAX_OUTPUTS)
        _gwt_fail(arrays[0]->g, GWT_E_ARGUMENT, "%zu outputs in one pass: there may be %d", n,
                  _GWT_MAX_OUTPUTS);
    return n <= _GWT_MAX_OUTPUTS;
}

// >>sink --------------------------------------------------------------------------------------
// Where the pixels of a run go: each sink says where a tile is to be stored, and is told when it
// is there.

// What all sinks do alike: an action, its plan and its run. The fields of the run that say where
// pixels go are set before it begins.
typedef struct _gwt_sink {
    _gwt_action action;
    _gwt_plan plan;
    _gwt_run run;
    bool keeps_alpha;           // with the pixels
} _gwt_sink;

// False, and nothing to end, when that can't be planned.
static bool _gwt_sink_begin(_gwt_sink *s, const gwt_array *a, const _gwt_output *outputs, int n,
                            const int *padding, int64_t tile_h, int64_t tile_w)
{
    if (!_gwt_action_begin(&s->action, a->g, true)) return false;
    if (!_gwt_plan_make(&s->plan, &s->action, a, outputs, n, padding)) {
        _gwt_action_end(&s->action);
        return false;
    }
    _gwt_plan_note(&s->plan, s->keeps_alpha);
    s->run.g = a->g;
    s->run.action = &s->action;
    s->run.plan = &s->plan;
    _gwt_run_shape(&s->run, a, tile_h, tile_w);
    return true;
}

// Whether it went well here, and on all ranks.
static bool _gwt_sink_end(_gwt_sink *s, bool good)
{
    good = s->run.order.agree(&s->run.order, good);
    _gwt_run_end(&s->run);
    _gwt_plan_free(&s->plan);
    _gwt_action_end(&s->action);
    return good;
}

// ---- memory

typedef struct _gwt_buffer {
    char *data;
    size_t row_bytes, plane_bytes, size, all;
    bool fresh;                 // not the caller's: made here
} _gwt_buffer;

static bool _gwt_buffer_open(_gwt_run *run, int id, int64_t t, const _gwt_rect *r,
                             _gwt_target *targets)
{
    (void)id, (void)t;
    for (int i = 0; i < run->num_outputs; i++) {
        const _gwt_buffer *b = (const _gwt_buffer *)run->sink + i;
        char *at = b->data + (size_t)r->row * b->row_bytes + (size_t)r->col * b->size;
        targets[i] = (_gwt_target){ at, b->plane_bytes, b->row_bytes, 1 };
    }
    return true;
}

static bool _gwt_buffer_close(_gwt_run *run, int id, int64_t t, const _gwt_rect *r)
{
    (void)run, (void)id, (void)t, (void)r;
    return true;
}

// Where an array goes in a type: the caller's buffer, or one to be made; and what is stored there.
static bool _gwt_buffer_of(_gwt_buffer *b, _gwt_output *output, const gwt_array *a, void *data,
                           gwt_dtype type, gwt_optional nodata)
{
    gwt_dtype dtype = type ? type : a->info.dtype;
    size_t size = gwt_dtype_size(dtype), row = (size_t)a->geo.width * size;
    if (!_gwt_resolve_nodata(a, dtype, nodata, &nodata)) return false;
    *b = (_gwt_buffer){ data, row, row * (size_t)a->geo.height, size, 0, data == NULL };
    *output = _gwt_output_of(a->planes, (int)_gwt_num_planes(a), dtype, nodata);
    if (_gwt_mul4((uint64_t)_gwt_num_planes(a), (uint64_t)a->geo.height, (uint64_t)a->geo.width,
                  size, &b->all))
        return true;
    return _gwt_fail(a->g, GWT_E_MEMORY, "the array is larger than any memory: save it instead");
}

// The buffers that the caller has not given, within the action: all ranks hear when there is no
// memory for one. With several ranks zeros, as they are joined by OR.
static bool _gwt_buffers_make(const _gwt_action *action, _gwt_buffer *buffers, int n)
{
    for (int i = 0; i < n; i++) {
        _gwt_buffer *b = &buffers[i];
        if (b->fresh && !(b->data = _gwt_malloc(action->g, b->all))) return false;
        if (action->ranks) memset(b->data, 0, b->all);
    }
    return true;
}

static bool _gwt_compute_run(const gwt_array *a, const _gwt_output *outputs, _gwt_buffer *buffers,
                             int n, const gwt_compute_options *o)
{
    _gwt_sink s = { .run = { .open = _gwt_buffer_open, .close = _gwt_buffer_close,
                             .sink = buffers, .what = "compute" } };
    if (!_gwt_sink_begin(&s, a, outputs, n, NULL, 256, 256)) return false;
    s.run.order.joins = o->root_only;
    for (int i = 0; i < n; i++) s.run.order.joins += 2 * (uint64_t)buffers[i].all;
    bool good = _gwt_buffers_make(&s.action, buffers, n) && _gwt_run_fit(&s.run, o->num_workers)
             && _gwt_run_all(&s.run, o->progress);
    good = _gwt_sink_end(&s, good);
    for (int i = 0; i < n && good; i++)
        _gwt_mpi_join(a->g, buffers[i].data, buffers[i].all, o->root_only);
    for (int i = 0; i < n && !good; i++) {
        if (!buffers[i].fresh) continue;
        GWT_FREE(buffers[i].data);
        buffers[i].data = NULL;
    }
    return good;
}

void *gwt_compute_with(const gwt_array *a, const gwt_compute_options *options)
{
    gwt_compute_options o = options ? *options : (gwt_compute_options){ 0 };
    _gwt_output output;
    _gwt_buffer b;
    if (!a || _gwt_failed(a->g) || !_gwt_check_dtype(a->g, o.dtype)
        || !_gwt_buffer_of(&b, &output, a, o.buffer, o.dtype, o.nodata))
        return NULL;
    if (o.buffer && o.size < b.all)
        return _gwt_fail_null(a->g, GWT_E_ARGUMENT, "the buffer has %zu bytes, the array needs %zu",
                              o.size, b.all);
    return _gwt_compute_run(a, &output, &b, 1, &o) ? b.data : NULL;
}

bool gwt_compute_many_with(gwt_array *const *arrays, size_t n, void **buffers,
                           const gwt_compute_options *options)
{
    gwt_compute_options o = options ? *options : (gwt_compute_options){ 0 };
    _gwt_output outputs[_GWT_MAX_OUTPUTS];
    _gwt_buffer b[_GWT_MAX_OUTPUTS];
    if (!_gwt_check_many("gwt_compute_many", arrays, n, buffers)
        || !_gwt_check_dtype(arrays[0]->g, o.dtype))
        return false;
    for (size_t i = 0; i < n; i++) {
        gwt_optional nodata = o.nodatas && o.nodatas[i].set ? o.nodatas[i] : o.nodata;
        if (!_gwt_buffer_of(&b[i], &outputs[i], arrays[i], buffers[i], o.dtype, nodata))
            return false;
    }
    bool good = _gwt_compute_run(arrays[0], outputs, b, (int)n, &o);
    for (size_t i = 0; i < n; i++) buffers[i] = b[i].data;
    return good;
}

void gwt_free(void *p) { GWT_FREE(p); }

// ---- files

// One output of one worker.
typedef struct _gwt_save_worker {
    char *tile;
    _gwt_encoder encoder;
    _gwt_bytes constant;           // the last tile of one value, encoded
    uint64_t constant_value;
} _gwt_save_worker;

// A tile of an output that is copied from a source, which is NULL for those that are encoded.
typedef struct _gwt_copied {
    _gwt_source *source;
    int64_t tile;               // the first one in it
    uint64_t bytes;             // 0: it is absent
} _gwt_copied;

// One worker's memory to find out which those are.
typedef struct _gwt_copier {
    const _gwt_instr **held;    // by register: the load whose pixels are in it as they are, or NULL
    const _gwt_instr **stored;  // by plane of all outputs: what stores such pixels there, or NULL
    _gwt_copied *tiles;         // by plane: the tiles of the place that was looked at last
    bool skipped;               // that place has no pixels
} _gwt_copier;

typedef struct _gwt_save_sink {
    _gwt_save *saves;           // one an output
    _gwt_stream *streams[_GWT_MAX_OUTPUTS];
    int n;
    _gwt_save_worker *workers;  // n a worker
    _gwt_copier *copiers;       // one a worker; NULL: nothing can be copied
    int64_t first[_GWT_MAX_OUTPUTS + 1];    // of the planes of each, and of all
} _gwt_save_sink;

static bool _gwt_little_endian(void)
{
    uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 1;
}

// Whether what is computed is what is stored, with nothing to encode.
static bool _gwt_format_plain(const _gwt_format *f)
{
    return f->compression == COMPRESSION_NONE && !f->planar && _gwt_little_endian();
}

static bool _gwt_save_open_one(gwt *g, const _gwt_format *f, _gwt_save_worker *w,
                               const _gwt_rect *r, _gwt_target *target)
{
    size_t size = gwt_dtype_size(f->dtype), step = f->planar ? 1 : (size_t)f->planes, bytes;
    if (!_gwt_mul4(f->tile_bytes, (uint64_t)_gwt_format_per_place(f), 1, 1, &bytes))
        bytes = SIZE_MAX / 4;
    if (!w->tile && !(w->tile = _gwt_malloc(g, bytes))) return false;
    if (!_gwt_format_plain(f) && !w->encoder.tif && !_gwt_encoder_begin(g, &w->encoder, f))
        return false;
    if (r->rows < f->block || r->cols < f->block) memset(w->tile, 0, bytes);
    *target = (_gwt_target){ w->tile, f->planar ? f->tile_bytes : size,
                             (size_t)f->block * step * size, step };
    return true;
}

static bool _gwt_save_open(_gwt_run *run, int id, int64_t t, const _gwt_rect *r,
                           _gwt_target *targets)
{
    _gwt_save_sink *k = run->sink;
    (void)t;
    for (int i = 0; i < k->n; i++)
        if (!_gwt_save_open_one(run->g, &k->saves[i].image.format, &k->workers[id * k->n + i], r,
                                &targets[i]))
            return false;
    return true;
}

// Whether all samples of the image in a tile are what an absent tile is read as.
static bool _gwt_save_absent(const _gwt_save *s, const char *tile, const _gwt_rect *r)
{
    const _gwt_format *f = &s->image.format;
    size_t size = gwt_dtype_size(f->dtype), step = f->planar ? 1 : (size_t)f->planes;
    size_t row = (size_t)f->block * step * size, used = (size_t)r->cols * step * size;
    uint64_t raw = 0;
    if (s->image.nodata.set) _gwt_raw_of(f->dtype, s->image.nodata, &raw);
    if (memcmp(tile, &raw, size)) return false;
    for (int64_t y = 0; y < r->rows; y++, tile += row)      // all as the first, first as raw
        if (memcmp(tile, tile + size, used - size) || (y > 0 && memcmp(tile, tile - row, size)))
            return false;
    return true;
}

// Encode one tile; one of a single value, as seas and the surroundings of a scene are, once only.
static bool _gwt_save_encode(gwt *g, const _gwt_format *f, _gwt_save_worker *w, char *tile)
{
    _gwt_bytes *to = &w->encoder.bytes;
    size_t size = gwt_dtype_size(f->dtype), bytes = f->tile_bytes;
    uint64_t value = 0;
    bool constant = bytes > size && !memcmp(tile, tile + size, bytes - size);
    memcpy(&value, tile, size);
    if (constant && w->constant.used > 0 && w->constant_value == value) {
        to->used = 0;
        return _gwt_bytes_add(to, w->constant.data, w->constant.used)
            || _gwt_fail(g, GWT_E_MEMORY, "out of memory: cannot allocate an encoded tile");
    }
    if (!_gwt_encode(g, &w->encoder, tile, bytes)) return false;
    if (!constant) return true;
    w->constant.used = 0;
    w->constant_value = value;
    _gwt_bytes_add(&w->constant, to->data, to->used);
    return true;
}

// The figures of tile k, before it is encoded, which some codecs do in place.
static void _gwt_save_look(const _gwt_save *s, int64_t k, const char *tile, const _gwt_rect *r)
{
    const _gwt_stream *stream = &s->image.stream;
    const _gwt_format *f = &s->image.format;
    size_t step = (size_t)stream->figures, size = gwt_dtype_size(f->dtype);
    uint64_t raw = 0;
    bool masked = s->image.nodata.set && _gwt_raw_of(f->dtype, s->image.nodata, &raw);
    if (!stream->known) return;
    _gwt_figures *to = &stream->known[k * stream->figures];
    for (size_t p = 0; p < step; p++) to[p] = _GWT_NO_FIGURES;
    for (int64_t y = 0; y < r->rows; y++, tile += (size_t)f->block * step * size)
        for (size_t p = 0; p < step; p++)
            _gwt_figures_look(&to[p], f->dtype, tile + p * size, r->cols, step, masked, raw);
}

// ---- tiles copied as they are
// A tile that would only be decoded and encoded again is copied. Which are is asked of the program
// that runs over the tile, for each by itself, so that it follows from the plan and the options
// only: where a plane is stored from one load, and nothing is done to it, and the tile is one of
// that load's source, in the same layout.

// The load whose pixels an instruction leaves as they are, in its register or in the output.
static const _gwt_instr *_gwt_copier_load(const _gwt_program *p, const _gwt_instr *const *held,
                                          const _gwt_instr *in)
{
    int operand = in->num_args == 1 ? p->operands[in->first] : -1;
    const _gwt_instr *load = operand < 0 ? NULL : held[operand];
    if (in->op == _GWT_OP_LOAD || in->op == _GWT_OP_COPY) return in->num_args ? NULL : in;
    if (in->op == _GWT_OP_STORE) return load;
    bool same = load && (in->dtype == load->dtype || in->dtype == GWT_FLOAT64);
    return in->op == _GWT_OP_CAST && same ? load : NULL;
}

// Whether what was loaded is stored as it was. By way of doubles all but large integers is, and but
// NaN where the nodata value, which it becomes, is a number.
static bool _gwt_copier_keeps(const _gwt_instr *load, const _gwt_output *o)
{
    uint64_t nan;
    if (load->dtype != o->dtype || load->masked != o->has_nodata) return false;
    if (load->op == _GWT_OP_COPY) return true;      // see _gwt_plan_copies
    if (_gwt_dtype_wide(o->dtype) || (load->masked && load->raw != o->nodata_raw)) return false;
    _gwt_raw(o->dtype, (double)NAN, 0, &nan);
    return _gwt_dtype_integer(o->dtype) || o->nodata_raw == nan;
}

// What each plane of all outputs is stored from over r. A program that is the same everywhere is
// asked once.
static bool _gwt_copier_trace(_gwt_run *run, int id, const _gwt_rect *r)
{
    const _gwt_save_sink *k = run->sink;
    _gwt_copier *c = &k->copiers[id];
    _gwt_scratch *x = &run->scratch[id];
    _gwt_program p = run->plan->passes[run->plan->num_passes - 1].program;
    if (c->stored && !p.framed) return true;
    if (!c->stored) {
        c->held = _gwt_calloc(run->g, (size_t)p.num_regs + 1, sizeof *c->held);
        c->tiles = _gwt_calloc(run->g, (size_t)k->first[k->n], sizeof *c->tiles);
        c->stored = _gwt_calloc(run->g, (size_t)k->first[k->n], sizeof *c->stored);
        if (!c->held || !c->tiles || !c->stored) return false;
    }
    if (!x->planes && !_gwt_scratch_begin(x, run->plan)) return false;
    if (p.framed) p = _gwt_vm_trimmed(&p, &x->trim, r);
    for (int i = 0; i < p.num_instrs; i++) {
        const _gwt_instr *in = &p.instrs[i], *load = _gwt_copier_load(&p, c->held, in);
        if (in->op < _GWT_OP_STORE) c->held[in->dst] = load;
        else c->stored[k->first[in->output] + in->dst] =
            load && _gwt_copier_keeps(load, &p.outputs[in->output]) ? load : NULL;
    }
    return true;
}

static bool _gwt_format_fits(const _gwt_format *f, const _gwt_source *s)
{
    return s->passable && s->compression == f->compression && s->predictor == f->predictor
        && s->dtype == f->dtype && s->block_w == f->block && s->block_h == f->block
        && s->step == (f->planar ? 1 : (size_t)f->planes);
}

// Whether the samples of an absent tile are the same in both.
static bool _gwt_copier_fills_alike(const _gwt_save *s, const _gwt_source *from)
{
    uint64_t ours = 0, theirs = 0;
    if (s->image.nodata.set) _gwt_raw_of(from->dtype, s->image.nodata, &ours);
    if (from->meta.nodata.set) _gwt_raw_of(from->dtype, from->meta.nodata, &theirs);
    return ours == theirs;
}

// The tile of n planes at r that these loads are, if it is one. What lies beyond the edge of an
// image in its last tiles comes along, so these have to be the last ones there, too.
static bool _gwt_copier_find(const _gwt_plan *plan, const _gwt_save *s,
                             const _gwt_instr *const *loads, int64_t n, const _gwt_rect *r,
                             _gwt_copied *to)
{
    const _gwt_instr *first = loads[0];
    if (!first) return false;
    const _gwt_view_plan *v = &plan->views[first->view];
    const _gwt_frame *f = &plan->passes[plan->num_passes - 1].program.frames[first->frame];
    _gwt_source *from = v->source;
    _gwt_rect at = _gwt_frame_rect(f, r);
    int64_t block = s->image.format.block, band = v->bands[first->slot];
    if (!_gwt_format_fits(&s->image.format, from) || f->stride != 1 || at.rows != r->rows
        || at.cols != r->cols || at.row % block || at.col % block
        || r->rows != _gwt_min64(block, from->geo.height - at.row)
        || r->cols != _gwt_min64(block, from->geo.width - at.col))
        return false;
    for (int64_t i = 0; n > 1 && i < n; i++)
        if (!loads[i] || loads[i]->view != first->view || loads[i]->frame != first->frame
            || v->bands[loads[i]->slot] != i)
            return false;
    int64_t row = at.row / from->tile_h + (from->planar ? band * from->down : 0);
    *to = (_gwt_copied){ from, row * from->across + at.col / from->tile_w, 0 };
    return _gwt_source_passes(from, to->tile, &to->bytes)
        && (to->bytes > 0 || (s->o.sparse && _gwt_copier_fills_alike(s, from)));
}

// The tiles of a place of one output. Whether that needs no pixels: figures are of pixels, and it
// takes these to know that a tile can be left out, or is not one that can't be read.
static bool _gwt_copier_look(const _gwt_plan *plan, const _gwt_save *s,
                             const _gwt_instr *const *loads, const _gwt_rect *r,
                             _gwt_copied *tiles)
{
    const _gwt_stream *stream = &s->image.stream;
    int64_t n = stream->per_place, samples = s->image.format.planes / n;
    bool skips = stream->figures == 0;
    for (int64_t i = 0; i < n; i++) {
        _gwt_copied c = { 0 };
        if (!_gwt_copier_find(plan, s, loads + i, samples, r, &c)) c.source = NULL;
        skips &= c.source && !c.source->fills && (!s->o.sparse || c.bytes == 0);
        tiles[i] = c;
    }
    return skips;
}

static bool _gwt_save_skips(_gwt_run *run, int id, int64_t t, const _gwt_rect *r)
{
    const _gwt_save_sink *k = run->sink;
    _gwt_copier *c = &k->copiers[id];
    (void)t;
    if (!_gwt_copier_trace(run, id, r)) return false;
    c->skipped = true;
    for (int i = 0; i < k->n; i++)
        c->skipped &= _gwt_copier_look(run->plan, &k->saves[i], c->stored + k->first[i], r,
                                       c->tiles + k->first[i]);
    return c->skipped;
}

// The stored bytes of a tile. False: it is to be encoded, or, with an error, can't be read.
static bool _gwt_copied_read(const _gwt_copied *c, _gwt_bytes *to)
{
    _gwt_source *s = c->source;
    to->used = 0;
    if (!s || (s->fills && _gwt_source_has_bad(s, c->tile))) return false;
    char *data = _gwt_bytes_room(to, (size_t)c->bytes);
    if (!data)
        return _gwt_fail(s->g, GWT_E_MEMORY, "out of memory: cannot allocate an encoded tile");
    if (!_gwt_store_hold(&s->store)) return false;
    bool good = _gwt_source_fetch(s, c->tile, data, c->bytes);
    _gwt_store_let_go(&s->store);
    if (good) to->used = (size_t)c->bytes;
    return good;
}

// Where something can be copied at all.
static bool _gwt_copiers_begin(_gwt_run *run, _gwt_save_sink *k)
{
    const gwt_save_options *o = &k->saves[0].o;
    bool any = false;
    for (int i = 0; i < k->n; i++) {
        k->first[i + 1] = k->first[i] + k->saves[i].image.format.planes;
        for (int v = 0; v < run->plan->num_views; v++)
            any |= _gwt_format_fits(&k->saves[i].image.format, run->plan->views[v].source);
    }
    if (!any || o->reencode || o->level) return true;
    k->copiers = _gwt_calloc(run->g, (size_t)run->g->pool.num_workers, sizeof *k->copiers);
    run->skips = _gwt_save_skips;
    return k->copiers != NULL;
}

static void _gwt_copiers_end(const gwt *g, _gwt_save_sink *k)
{
    for (int i = 0; k->copiers && i < g->pool.num_workers; i++) {
        GWT_FREE(k->copiers[i].held);
        GWT_FREE(k->copiers[i].stored);
        GWT_FREE(k->copiers[i].tiles);
    }
    GWT_FREE(k->copiers);
}

// The tiles of one place of an output, of which there are no pixels if it was `skipped`; those that
// are copied, or NULL.
static bool _gwt_save_close_one(const _gwt_save *s, _gwt_order *o, int stream,
                                _gwt_save_worker *w, int64_t place, const _gwt_rect *r,
                                const _gwt_copied *copied, bool skipped)
{
    const _gwt_image *m = &s->image;
    const _gwt_format *f = &m->format;
    size_t bytes = f->tile_bytes;
    bool is_plain = _gwt_format_plain(f);
    for (int64_t i = 0; i < m->stream.per_place; i++) {
        int64_t k = place * m->stream.per_place + i;
        char *tile = w->tile + (size_t)i * bytes;
        _gwt_bytes plain = { .data = w->tile, .used = bytes, .capacity = bytes };
        _gwt_bytes none = { .used = 0 }, *encoded = is_plain ? &plain : &w->encoder.bytes;
        if (s->o.sparse && (skipped || _gwt_save_absent(s, tile, r))) {
            _gwt_save_look(s, k, tile, r);
            o->submit(o, stream, k, &none, 0);
            GWT_FREE(none.data);
            continue;
        }
        bool good = copied && _gwt_copied_read(&copied[i], &w->encoder.bytes);
        if (good) encoded = &w->encoder.bytes;
        else if (skipped || _gwt_over(m->stream.action)) return false;
        _gwt_lane *lane = _gwt_lane_here();
        _gwt_lane_enter(lane, _gwt_tile_event(GWT_STAGE_ENCODE, s->file.name,
                                              _gwt_stream_listed(&m->stream, k)));
        _gwt_save_look(s, k, tile, r);
        good = good || is_plain || _gwt_save_encode(m->a->g, f, w, tile);
        uint32_t crc = good ? _gwt_crc(0, encoded->data, encoded->used) : 0;
        _gwt_lane_leave(lane, bytes, encoded->used);
        if (!good) return false;
        o->submit(o, stream, k, encoded, crc);
        if (is_plain) w->tile = plain.data;
    }
    return true;
}

static bool _gwt_save_close(_gwt_run *run, int id, int64_t t, const _gwt_rect *r)
{
    _gwt_save_sink *k = run->sink;
    const _gwt_copier *c = k->copiers ? &k->copiers[id] : NULL;
    for (int i = 0; i < k->n; i++)
        if (!_gwt_save_close_one(&k->saves[i], &run->order, i, &k->workers[id * k->n + i], t, r,
                                 c ? c->tiles + k->first[i] : NULL, c && c->skipped))
            return false;
    return true;
}

// All outputs have their names: the first one's journal says so before those of the others go. All
// that a failure does is that a kill in the next moment is not seen as one of a job that was done.
static void _gwt_file_seal(const _gwt_save *saves, int n)
{
    const _gwt_stream *first = &saves[0].image.stream;
    char record[_GWT_JOURNAL_RECORD];
    for (int i = 1; i < n; i++)
        if (!_gwt_journal_seal(record, first, i, &saves[i].file)
            || _gwt_os_write(first->journal_fd, record, sizeof record,
                             _gwt_journal_seal_at(first, i)) != sizeof record)
            return;
}

static bool _gwt_save_run(_gwt_run *run, _gwt_save_sink *k)
{
    _gwt_save *saves = k->saves;
    _gwt_stream **streams = k->streams;
    const gwt_save_options *o = &saves[0].o;
    int n = k->n;
    run->tile_bytes = run->order.worker_bytes;
    for (int i = 0; i < n; i++) {
        // The tile, an encoder with its buffer, and what comes out of it; that waits, too.
        const _gwt_format *f = &saves[i].image.format;
        double tiles = (double)_gwt_format_per_place(f), bytes = (double)f->tile_bytes;
        run->tile_bytes += tiles * bytes;
        if (!_gwt_format_plain(f)) run->tile_bytes += 3 * bytes + (1 << 20);
        else if (k->copiers) run->tile_bytes += bytes;
        run->wait_bytes += tiles * bytes;
        streams[i] = &saves[i].image.stream;
    }
    run->order.tile_h = run->order.tile_w = saves[0].image.format.block;    // in small images too
    run->order.streams = streams;
    run->order.num_streams = n;
    run->order.joins = o->collisions ? (uint64_t)n * sizeof *o->collisions : 0;
    bool good = _gwt_copiers_begin(run, k) && _gwt_run_fit(run, o->num_workers);
    for (int i = 0; good && i < n; i++) good = _gwt_stream_begin(streams[i], run->order.window);
    good = good && _gwt_run_all(run, o->progress);
    for (int i = 0; good && i < n; i++) good = _gwt_file_finish(&saves[i]);
    if (good && !saves[0].file.follows) _gwt_file_seal(saves, n);
    for (int i = n - 1; good && i >= 0; i--) _gwt_journal_end(streams[i]);
    return good;
}

// Options of the i-th array resolved, and what the plan has to store.
static bool _gwt_save_prepare(_gwt_save *s, const gwt_array *a, const char *path,
                              const gwt_save_options *o, size_t i, _gwt_output *output)
{
    *s = (_gwt_save){ .o = *o, .file = { .g = a->g, .path = path }, .image = { .a = a } };
    s->image.stream = (_gwt_stream){ .g = a->g, .file = &s->file, .fd = -1, .journal_fd = -1 };
    if (o->nodatas && o->nodatas[i].set) s->o.nodata = o->nodatas[i];
    if (!path || !*path) return _gwt_fail(a->g, GWT_E_ARGUMENT, "no file name given to save to");
    if (!_gwt_save_resolve(s)) return false;
    *output = _gwt_output_of(a->planes, (int)_gwt_num_planes(a), s->image.format.dtype,
                             s->image.nodata);
    if (o->collisions) _gwt_output_count(output, s->image.nodata);
    return _gwt_mutex_new(a->g, &s->image.stream.lock);
}

// Within the action, as no profile begins or ends then. What it has of a save is kept as long as
// it is.
static bool _gwt_save_record(_gwt_save *s)
{
    gwt *g = s->file.g;
    _gwt_recorder *r = g->recorder;
    s->file.name = r ? _gwt_keep_always(g, _gwt_base_name(s->file.path)) : s->file.path;
    _gwt_lock(&g->lock);
    if (r && !*r->profile.output_compression)
        r->profile.output_compression = _gwt_codec_named(s->o.compress);
    _gwt_unlock(&g->lock);
    return s->file.name != NULL;
}

static bool _gwt_save_all(_gwt_save *saves, int n, const _gwt_output *outputs)
{
    gwt *g = saves[0].file.g;
    int64_t *collisions = saves[0].o.collisions, block = saves[0].image.format.block;
    size_t workers = (size_t)g->pool.num_workers * (size_t)n;
    _gwt_save_sink k = { .saves = saves, .n = n };
    _gwt_sink s = { .keeps_alpha = true,
                    .run = { .open = _gwt_save_open, .close = _gwt_save_close, .sink = &k,
                             .what = "save", .path = saves[0].file.path } };
    for (int i = 0; i < n; i++) s.keeps_alpha &= saves[i].image.a->info.alpha_band > 0;
    if (!_gwt_sink_begin(&s, saves[0].image.a, outputs, n, NULL, block, block)) return false;
    bool good = true;
    for (int i = 0; good && i < n; i++) {
        saves[i].image.stream.action = &s.action;
        saves[i].file.follows = s.action.ranks && gwt_rank(g) > 0;
        good = _gwt_save_record(&saves[i]) && _gwt_file_check(saves, i, &s.plan);
    }
    if (good) k.workers = _gwt_calloc(g, workers, sizeof *k.workers);
    good = _gwt_sink_end(&s, k.workers && _gwt_save_run(&s.run, &k));
    for (size_t i = 0; k.workers && i < workers; i++) {
        _gwt_encoder_end(&k.workers[i].encoder);
        GWT_FREE(k.workers[i].constant.data);
        GWT_FREE(k.workers[i].tile);
    }
    GWT_FREE(k.workers);
    _gwt_copiers_end(g, &k);
    if (!good || !collisions) return good;
    memcpy(collisions, s.run.collisions, (size_t)n * sizeof *collisions);
    _gwt_mpi_add(g, collisions, (size_t)n);
    return true;
}

bool gwt_save_with(const gwt_array *a, const char *path, const gwt_save_options *options)
{
    gwt_save_options o = options ? *options : (gwt_save_options){ 0 };
    _gwt_save s;
    _gwt_output output;
    if (o.collisions) *o.collisions = 0;
    if (!a || _gwt_failed(a->g) || !_gwt_save_prepare(&s, a, path, &o, 0, &output)) return false;
    bool good = _gwt_save_all(&s, 1, &output);
    _gwt_stream_end(&s.image.stream);
    return good;
}

bool gwt_save_many_with(gwt_array *const *arrays, const char *const *paths, size_t n,
                        const gwt_save_options *options)
{
    gwt_save_options o = options ? *options : (gwt_save_options){ 0 };
    _gwt_output outputs[_GWT_MAX_OUTPUTS];
    for (size_t i = 0; i < n && o.collisions; i++) o.collisions[i] = 0;
    if (!_gwt_check_many("gwt_save_many", arrays, n, paths)) return false;
    gwt *g = arrays[0]->g;
    if (n > 1 && (o.band_names || o.scales || o.offsets))
        return _gwt_fail(
            g, GWT_E_ARGUMENT,
            "band_names, scales and offsets are those of each array: none can be given for all");
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (paths[i] && paths[k] && !strcmp(paths[i], paths[k]))
                _gwt_fail(g, GWT_E_ARGUMENT, "%s: two outputs of one name", paths[i]);
    _gwt_save saves[_GWT_MAX_OUTPUTS];
    size_t ready = 0;
    while (ready < n && !_gwt_failed(g)
           && _gwt_save_prepare(&saves[ready], arrays[ready], paths[ready], &o, ready,
                                &outputs[ready]))
        ready++;
    bool good = ready == n && _gwt_save_all(saves, (int)n, outputs);
    for (size_t i = 0; i < ready; i++) _gwt_stream_end(&saves[i].image.stream);
    return good;
}

// ---- a user's function

typedef struct _gwt_block_worker { char *data; size_t room; } _gwt_block_worker;

typedef struct _gwt_blocks {
    const gwt_array *a;
    int64_t more;               // planes of 8 bytes a pixel that stand behind those of `a`
    gwt_block_fn *fn;
    void *user;
    gwt_optional nodata;
    char *results;
    size_t result_size;
    _gwt_block_worker *workers;
} _gwt_blocks;

static bool _gwt_blocks_open(_gwt_run *run, int id, int64_t t, const _gwt_rect *r,
                             _gwt_target *targets)
{
    _gwt_blocks *b = run->sink;
    _gwt_block_worker *w = &b->workers[id];
    size_t bytes, size = gwt_dtype_size(_gwt_plan_output(run->plan, 0)->dtype),
                  row = (size_t)r->cols * size;
    if (!_gwt_mul4((uint64_t)r->rows, (uint64_t)r->cols,
                   (uint64_t)(_gwt_num_planes(b->a) + b->more), size, &bytes))
        bytes = SIZE_MAX / 4;
    if (w->room < bytes) {
        GWT_FREE(w->data);
        w->room = 0;
        w->data = _gwt_malloc(run->g, bytes);
        if (!w->data) return false;
        w->room = bytes;
    }
    (void)t;
    *targets = (_gwt_target){ w->data, row * (size_t)r->rows, row, 1 };
    if (b->more) {
        targets[1] = targets[0];
        targets[1].base += row * (size_t)r->rows * (size_t)_gwt_num_planes(b->a);
    }
    return true;
}

static bool _gwt_blocks_close(_gwt_run *run, int id, int64_t t, const _gwt_rect *r)
{
    _gwt_blocks *b = run->sink;
    _gwt_rect inner = _gwt_run_rect(run, t);
    gwt_block block = { .g = run->g, .id = t,
                        .row = r->row, .col = r->col, .rows = r->rows, .cols = r->cols,
                        .inner_row = inner.row, .inner_col = inner.col,
                        .inner_rows = inner.rows, .inner_cols = inner.cols,
                        .times = b->a->info.shape[0], .bands = b->a->info.shape[1],
                        .dtype = _gwt_plan_output(run->plan, 0)->dtype, .nodata = b->nodata,
                        .data = b->workers[id].data,
                        .result = b->results ? b->results + (size_t)t * b->result_size : NULL };
    _gwt_lane *lane = _gwt_lane_here();
    _gwt_lane_enter(lane, _gwt_piece_event(GWT_STAGE_USER, r));
    int code = b->fn(&block, b->user);
    _gwt_lane_leave(lane, 0, 0);
    if (code == 0) return true;
    return _gwt_fail(run->g, GWT_E_USER,
                     "the function called for block %lld (rows %lld.., columns %lld..) returned %d",
                     (long long)t, (long long)r->row, (long long)r->col, code);
}

static bool _gwt_blocks_check_results(const _gwt_run *run, const gwt_map_blocks_options *o)
{
    int64_t blocks = run->order.across * run->order.down;
    size_t bytes;
    if (!o->results || (o->num_results >= blocks && o->result_size > 0
                        && _gwt_mul4((uint64_t)o->num_results, o->result_size, 1, 1, &bytes)))
        return true;
    return _gwt_fail(run->g, GWT_E_ARGUMENT, "results for %lld blocks of %zu bytes: there are %lld "
                     "blocks", (long long)o->num_results, o->result_size, (long long)blocks);
}

// `what`: the action that it is to who is told of its progress. `zones`, or NULL, comes behind the
// planes of `a`, whose .dtype has 8 bytes then.
static int64_t _gwt_blocks_run(const gwt_array *a, const _gwt_output *zones, gwt_block_fn *fn,
                               void *user, const gwt_map_blocks_options *options, const char *what)
{
    gwt_map_blocks_options o = options ? *options : (gwt_map_blocks_options){ 0 };
    if (!a || _gwt_failed(a->g) || !_gwt_check_dtype(a->g, o.dtype)
        || !_gwt_check_chunk(a->g, "block_rows", o.block_rows)
        || !_gwt_check_chunk(a->g, "block_cols", o.block_cols))
        return -1;
    gwt *g = a->g;
    if (!fn) return _gwt_fail(g, GWT_E_ARGUMENT, "no function given to call for blocks"), -1;
    for (int i = 0; i < 4; i++)
        if (o.padding[i] < 0 || o.padding[i] > _GWT_MAX_CHUNK)
            return _gwt_fail(g, GWT_E_ARGUMENT, "padding of %d: must be 0 to %d pixels",
                             o.padding[i], _GWT_MAX_CHUNK), -1;
    gwt_dtype dtype = o.dtype ? o.dtype : a->info.dtype;
    size_t workers = (size_t)g->pool.num_workers;
    _gwt_blocks b = { .a = a, .more = zones ? 1 : 0, .fn = fn, .user = user, .results = o.results,
                      .result_size = o.result_size };
    _gwt_sink s = { .run = { .open = _gwt_blocks_open, .close = _gwt_blocks_close, .sink = &b,
                             .what = what } };
    if (!_gwt_resolve_nodata(a, dtype, o.nodata, &b.nodata)) return -1;
    _gwt_output outputs[2] = { _gwt_output_of(a->planes, (int)_gwt_num_planes(a), dtype,
                                              b.nodata) };
    if (zones) outputs[1] = *zones;
    if (!_gwt_sink_begin(&s, a, outputs, zones ? 2 : 1, o.padding,
                         o.block_rows ? o.block_rows : a->info.chunks[2],
                         o.block_cols ? o.block_cols : a->info.chunks[3]))
        return -1;
    int64_t h = s.run.order.tile_h + o.padding[1] + o.padding[3],
            w = s.run.order.tile_w + o.padding[0] + o.padding[2];
    s.run.tile_bytes = (double)_gwt_min64(h, a->geo.height) * (double)_gwt_min64(w, a->geo.width)
                     * (double)(_gwt_num_planes(a) + b.more) * (double)gwt_dtype_size(dtype);
    b.workers = _gwt_calloc(g, workers, sizeof *b.workers);
    bool good = b.workers && _gwt_blocks_check_results(&s.run, &o);
    size_t joins = good && o.results ? (size_t)o.num_results * o.result_size : 0;
    if (joins) memset(o.results, 0, joins);
    s.run.order.joins = joins;
    good = good && _gwt_run_fit(&s.run, o.num_workers) && _gwt_run_all(&s.run, o.progress);
    good = _gwt_sink_end(&s, good);
    for (size_t i = 0; b.workers && i < workers; i++) GWT_FREE(b.workers[i].data);
    GWT_FREE(b.workers);
    if (!good) return -1;
    _gwt_mpi_join(g, o.results, joins, false);
    return s.run.order.across * s.run.order.down;
}

int64_t gwt_map_blocks_with(const gwt_array *a, gwt_block_fn *fn, void *user,
                            const gwt_map_blocks_options *options)
{
    return _gwt_blocks_run(a, NULL, fn, user, options, "map_blocks");
}

void gwt_block_row(const gwt_block *b, int64_t plane, int64_t row, double *to)
{
    uint64_t raw = 0;
    size_t at = (size_t)((plane * b->rows + row) * b->cols) * gwt_dtype_size(b->dtype);
    bool masked = b->nodata.set && _gwt_raw_of(b->dtype, b->nodata, &raw);
    _gwt_loads[0][b->dtype](to, (const char *)b->data + at, (size_t)b->cols, masked, raw);
}

// >>stat --------------------------------------------------------------------------------------
// Statistics, histograms and percentiles of an image, by the sink above that gives blocks to a
// function. Sums are made over blocks of a size that depends on the image only, and then joined two
// by two as in a tree: so they have the same bits however they were shared out.

// ---- sums

// Edge of the blocks: no more than 65536 of them.
static int _gwt_numbers_block(const gwt_array *a)
{
    int edge = 256;
    while (_gwt_ceil_div(a->geo.width, edge) * _gwt_ceil_div(a->geo.height, edge) > 65536)
        edge *= 2;
    return edge;
}

// What the caller asked for, the name of it, and where zones come from, if they do.
typedef struct _gwt_numbers {
    const char *what;
    gwt_statistics_options o;
    const _gwt_output *zones;
} _gwt_numbers;

static _gwt_numbers _gwt_numbers_of(const char *what, const gwt_statistics_options *o)
{
    return (_gwt_numbers){ what, o ? *o : (gwt_statistics_options){ 0 }, NULL };
}

// Some planes of an array, as bands.
static gwt_array *_gwt_array_planes(const gwt_array *a, int64_t from, int64_t n)
{
    gwt_array *r = _gwt_array_derive_as(a, _GWT_KEEP_TYPE, 1, n);
    if (r) memcpy(r->planes, a->planes + from, (size_t)n * sizeof *r->planes);
    return _gwt_array_finish(r);
}

// How many planes are gone over at once: as many as fit into some memory, which for each takes that
// much and a block in each worker.
static int64_t _gwt_numbers_group(const gwt_array *a, double bytes)
{
    double edge = _gwt_numbers_block(a),
           block = edge * edge * sizeof(double) * a->g->pool.num_workers;
    return _gwt_min64(_gwt_num_planes(a), (int64_t)fmax(128e6 / (bytes + block), 1));
}

// All planes of all blocks as doubles, NaN where missing.
static bool _gwt_numbers_run(gwt_array *a, const _gwt_numbers *s, gwt_block_fn *fn, void *user)
{
    int edge = _gwt_numbers_block(a);
    gwt_map_blocks_options o = { .block_rows = edge, .block_cols = edge, .dtype = GWT_FLOAT64,
                                 .nodata = gwt_some((double)NAN), .num_workers = s->o.num_workers,
                                 .progress = s->o.progress };
    return _gwt_blocks_run(a, s->zones, fn, user, &o, s->what) >= 0;
}

_GWT_FOR_SPEED

// How many of n words, from the first on, are the same.
static int64_t _gwt_same_words(const uint64_t *words, int64_t n)
{
    const uint64_t first = words[0];
    int64_t i = 1;
    while (i + 4 <= n && !((words[i] ^ first) | (words[i + 1] ^ first) | (words[i + 2] ^ first)
                           | (words[i + 3] ^ first)))
        i += 4;
    while (i < n && words[i] == first) i++;
    return i;
}

_GWT_FOR_SIZE

// ---- by zone: of a whole image, which is one zone, too
//
// A block leaves a branch: of each zone it has pixels of, in order, the sums of each plane. Two
// branches that are neighbours in the tree are joined as soon as both are there, so there are never
// more than the tree is deep, and those that workers are at. Which ones are joined follows from
// their places in the tree alone.

typedef struct _gwt_branch {
    struct _gwt_branch *next;
    int64_t level, index;       // of blocks index << level .. (index + 1) << level
    int64_t n;                  // zones, of which there follow the sums, by key
} _gwt_branch;

typedef struct _gwt_sums { uint64_t zone; _gwt_figures figures[]; } _gwt_sums;  // of the planes

// How often there is something in a zone: a list, in which it is found by a hash table.
typedef struct _gwt_tally { uint64_t zone, value; int64_t plane, count; } _gwt_tally;

typedef struct _gwt_tallies {
    _gwt_tally *list;
    uint32_t *places;           // 2 room of them: numbers in the list from 1; 0: none
    size_t n, room;             // room: a power of 2, or 0
} _gwt_tallies;

// Pixels of one zone in a row of a block, from `at` to the next one's.
typedef struct _gwt_stretch { int32_t at, zone; } _gwt_stretch;

typedef struct _gwt_zonal_worker {
    _gwt_tallies zones;         // of a block
    _gwt_tallies values;        // of all blocks
    _gwt_stretch *stretches;    // of a block; .zone: in the list, -1: none
} _gwt_zonal_worker;

typedef struct _gwt_zonal {
    gwt *g;
    int64_t planes, blocks;
    gwt_dtype dtype;            // of zones; none: all is one zone
    _gwt_output zones;
    uint64_t first, last;       // keys of zones that are looked at
    int64_t *sizes;             // of what each rank has, and how many have no memory for it
    _gwt_zonal_worker *workers; // each that worker's own
    _gwt_mutex lock;            // guards `branches`
    _gwt_branch *branches;      // that wait for their neighbours
} _gwt_zonal;

static size_t _gwt_sums_bytes(const _gwt_zonal *z)
{
    return sizeof(_gwt_sums) + (size_t)z->planes * sizeof(_gwt_figures);
}

static _gwt_sums *_gwt_sums_of(const _gwt_zonal *z, const _gwt_branch *b, int64_t zone)
{
    return (_gwt_sums *)((char *)(b + 1) + (size_t)zone * _gwt_sums_bytes(z));
}

static size_t _gwt_branch_bytes(const _gwt_zonal *z, int64_t n)
{
    return sizeof(_gwt_branch) + (size_t)n * _gwt_sums_bytes(z);
}

static _gwt_branch *_gwt_branch_new(const _gwt_zonal *z, int64_t level, int64_t index, int64_t n)
{
    _gwt_branch *b = _gwt_malloc(z->g, _gwt_branch_bytes(z, n));
    if (b) *b = (_gwt_branch){ .level = level, .index = index, .n = n };
    return b;
}

// The branch that two make, which are gone; b: the right one. NULL when there is no memory.
static _gwt_branch *_gwt_branch_join(const _gwt_zonal *z, _gwt_branch *a, _gwt_branch *b)
{
    _gwt_branch *to = _gwt_branch_new(z, a->level + 1, a->index / 2, a->n + b->n);
    int64_t i = 0, k = 0, n = 0;
    for (; to && (i < a->n || k < b->n); n++) {
        const _gwt_sums *x = _gwt_sums_of(z, a, i), *y = _gwt_sums_of(z, b, k);
        bool left = k == b->n || (i < a->n && x->zone <= y->zone);
        bool right = i == a->n || (k < b->n && y->zone <= x->zone);
        _gwt_sums *sums = _gwt_sums_of(z, to, n);
        memcpy(sums, left ? x : y, _gwt_sums_bytes(z));
        for (int64_t p = 0; left && right && p < z->planes; p++)
            _gwt_figures_join(&sums->figures[p], &y->figures[p]);
        i += left;
        k += right;
    }
    GWT_FREE(a);
    GWT_FREE(b);
    if (!to) return NULL;
    to->n = n;
    _gwt_branch *fits = GWT_REALLOC(to, _gwt_branch_bytes(z, n));
    return fits ? fits : to;
}

// The branch beside another one; NULL: it is not there yet, and this one waits for it.
static _gwt_branch *_gwt_branch_beside(_gwt_zonal *z, _gwt_branch *b)
{
    _gwt_lock(&z->lock);
    _gwt_branch **at = &z->branches, *found;
    while (*at && ((*at)->level != b->level || (*at)->index != (b->index ^ 1))) at = &(*at)->next;
    found = *at;
    if (found) {
        *at = found->next;
    } else {
        b->next = z->branches;
        z->branches = b;
    }
    _gwt_unlock(&z->lock);
    return found;
}

// A branch goes as far down the tree as it can.
static bool _gwt_branch_add(_gwt_zonal *z, _gwt_branch *b)
{
    while (b) {
        bool root = (int64_t)1 << b->level >= z->blocks;
        if (!root && (b->index | 1) << b->level >= z->blocks) {     // there is none beside it
            b->level++;
            b->index /= 2;
            continue;
        }
        _gwt_branch *other = _gwt_branch_beside(z, b);
        if (!other) return true;
        b = b->index & 1 ? _gwt_branch_join(z, other, b) : _gwt_branch_join(z, b, other);
    }
    return false;
}

static void _gwt_branches_free(_gwt_zonal *z)
{
    for (_gwt_branch *b = z->branches, *next; b; b = next) {
        next = b->next;
        GWT_FREE(b);
    }
    z->branches = NULL;
}

static uint64_t _gwt_tally_hash(const _gwt_tally *t)
{
    return _gwt_hash(_gwt_hash(_gwt_hash(0, t->zone), (uint64_t)t->plane), t->value);
}

// The place of one in the hash table, or where it would be.
static uint32_t *_gwt_tallies_place(const _gwt_tallies *t, const _gwt_tally *e)
{
    size_t mask = 2 * t->room - 1, at = (size_t)_gwt_tally_hash(e) & mask;
    for (; t->places[at]; at = (at + 1) & mask) {
        const _gwt_tally *there = &t->list[t->places[at] - 1];
        if (there->zone == e->zone && there->value == e->value && there->plane == e->plane) break;
    }
    return &t->places[at];
}

static bool _gwt_tallies_grow(gwt *g, _gwt_tallies *t)
{
    if (t->n > UINT32_MAX / 4 || !_gwt_list_grow(&t->list, t->n, 1, &t->room, sizeof *t->list))
        return _gwt_fail(g, GWT_E_MEMORY, "out of memory: cannot count the values of zones");
    GWT_FREE(t->places);
    t->places = _gwt_calloc(g, 2 * t->room, sizeof *t->places);
    for (size_t i = 0; t->places && i < t->n; i++)
        *_gwt_tallies_place(t, &t->list[i]) = (uint32_t)i + 1;
    return t->places != NULL;
}

// That of a value in a plane of a zone, which may be a new one; NULL when there is no memory.
static _gwt_tally *_gwt_tallies_find(gwt *g, _gwt_tallies *t, uint64_t zone, int64_t plane,
                                     uint64_t value)
{
    _gwt_tally e = { zone, value, plane, 0 };
    if (t->n == t->room && !_gwt_tallies_grow(g, t)) return NULL;
    uint32_t *place = _gwt_tallies_place(t, &e);
    if (!*place) {
        t->list[t->n] = e;
        *place = (uint32_t)++t->n;
    }
    return &t->list[*place - 1];
}

static void _gwt_tallies_free(_gwt_tallies *t)
{
    GWT_FREE(t->list);
    GWT_FREE(t->places);
    *t = (_gwt_tallies){ 0 };
}

static int _gwt_compare_tallies(const void *a, const void *b)
{
    const _gwt_tally *x = a, *y = b;
    if (x->zone != y->zone) return x->zone < y->zone ? -1 : 1;
    if (x->plane != y->plane) return x->plane < y->plane ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

// Zones are compared by keys, unsigned ones in their order; false: that pixel has none.
static uint64_t _gwt_zone_sign(gwt_dtype t) { return t == GWT_UINT64 ? 0 : (uint64_t)1 << 63; }

static bool _gwt_zone_key(const _gwt_zonal *z, uint64_t word, uint64_t *key)
{
    double v;
    *key = 0;
    if (!z->dtype) return true;
    if (z->zones.dtype == GWT_FLOAT64) {
        memcpy(&v, &word, sizeof v);
        if (isnan(v)) return false;
        word = (uint64_t)(int64_t)v;
    } else if (z->zones.has_nodata && word == z->zones.nodata_raw) {
        return false;
    }
    *key = word ^ _gwt_zone_sign(z->dtype);
    return *key >= z->first && *key <= z->last;
}

// The stretches of a block, how many there are, and its zones; below 0 when there is no memory.
static int64_t _gwt_zonal_look(const _gwt_zonal *z, _gwt_zonal_worker *w, const gwt_block *b)
{
    const uint64_t *words = (const uint64_t *)b->data + z->planes * b->rows * b->cols;
    int64_t n = 0, size = b->rows * b->cols, next;
    if (w->zones.room) memset(w->zones.places, 0, 2 * w->zones.room * sizeof *w->zones.places);
    w->zones.n = 0;
    for (int64_t i = 0; i < size; i = next, n++) {
        int64_t left = b->cols - i % b->cols;
        next = i + (z->dtype ? _gwt_same_words(words + i, left) : left);
        w->stretches[n] = (_gwt_stretch){ (int32_t)i, -1 };
        uint64_t key;
        if (!_gwt_zone_key(z, z->dtype ? words[i] : 0, &key)) continue;
        _gwt_tally *t = _gwt_tallies_find(z->g, &w->zones, key, 0, 0);
        if (!t) return -1;
        w->stretches[n].zone = (int32_t)(t - w->zones.list);
    }
    w->stretches[n].at = (int32_t)size;
    return n;
}

// Put the zones of a block into their order.
static void _gwt_zonal_sort(_gwt_zonal_worker *w, int64_t n)
{
    uint32_t *places = w->zones.places;     // not of use any more
    if (w->zones.n == 0) return;
    for (size_t i = 0; i < w->zones.n; i++) w->zones.list[i].count = (int64_t)i;
    qsort(w->zones.list, w->zones.n, sizeof *w->zones.list, _gwt_compare_tallies);
    for (size_t i = 0; i < w->zones.n; i++) places[w->zones.list[i].count] = (uint32_t)i;
    for (_gwt_stretch *s = w->stretches; s < w->stretches + n; s++)
        if (s->zone >= 0) s->zone = (int32_t)places[s->zone];
}

// A plane's pixels to the sums of their zones.
static void _gwt_zonal_add(const _gwt_zonal *z, const _gwt_zonal_worker *w, const _gwt_branch *b,
                           int64_t plane, int64_t n, const double *v,
                           void (*add)(_gwt_figures *, const double *, int64_t))
{
    for (const _gwt_stretch *s = w->stretches; s < w->stretches + n; s++)
        if (s->zone >= 0)
            add(&_gwt_sums_of(z, b, s->zone)->figures[plane], v + s->at, s[1].at - s->at);
}

// A gwt_block_fn.
static int _gwt_zonal_sum(const gwt_block *block, void *user)
{
    _gwt_zonal *z = user;
    _gwt_zonal_worker *w = &z->workers[_gwt_self()->id];
    int64_t n = _gwt_zonal_look(z, w, block), zones = (int64_t)w->zones.n;
    _gwt_branch *b = n < 0 ? NULL : _gwt_branch_new(z, 0, block->id, zones);
    if (!b) return 1;
    _gwt_zonal_sort(w, n);
    for (int64_t i = 0; i < zones; i++) _gwt_sums_of(z, b, i)->zone = w->zones.list[i].zone;
    const double *v = block->data;
    for (int64_t p = 0; p < z->planes; p++, v += block->rows * block->cols) {
        for (int64_t i = 0; i < zones; i++)
            _gwt_sums_of(z, b, i)->figures[p] = _GWT_NO_FIGURES;
        _gwt_zonal_add(z, w, b, p, n, v, _gwt_figures_add);
        for (int64_t i = 0; i < zones; i++)
            _gwt_figures_centre(&_gwt_sums_of(z, b, i)->figures[p]);
        _gwt_zonal_add(z, w, b, p, n, v, _gwt_figures_square);
    }
    return _gwt_branch_add(z, b) ? 0 : 1;
}

// Whether all ranks had memory for their next step; if not, all of them have the error.
static bool _gwt_zonal_agree(gwt *g, bool good)
{
    int64_t failed = !good;
    _gwt_mpi_add(g, &failed, 1);
    return !failed || _gwt_fail(g, GWT_E_MEMORY, "out of memory: a rank cannot hold what is known "
                                "of all zones");
}

// What all ranks have, one after another, and how much: the same on all of them. data NULL: this
// one has no memory for it. NULL, and an error, where that is so of one or comes to be.
static char *_gwt_zonal_gather(_gwt_zonal *z, const void *data, size_t bytes, size_t *all)
{
    size_t ranks = (size_t)gwt_num_ranks(z->g), rank = (size_t)gwt_rank(z->g), before = 0;
    memset(z->sizes, 0, (ranks + 1) * sizeof *z->sizes);
    z->sizes[rank] = (int64_t)bytes;
    z->sizes[ranks] = data == NULL;
    _gwt_mpi_add(z->g, z->sizes, ranks + 1);
    *all = 0;
    for (size_t i = 0; i < ranks; i++) {
        if (i == rank) before = *all;
        *all += (size_t)z->sizes[i];
    }
    char *to = z->sizes[ranks] ? NULL : _gwt_calloc(z->g, *all, 1);
    if (_gwt_zonal_agree(z->g, to != NULL)) {
        memcpy(to + before, data, bytes);
        _gwt_mpi_join(z->g, to, *all, false);
        return to;
    }
    GWT_FREE(to);
    return NULL;
}

// The branches of all ranks.
static bool _gwt_zonal_gather_branches(_gwt_zonal *z)
{
    size_t bytes = 0, all, n;
    for (const _gwt_branch *b = z->branches; b; b = b->next) bytes += _gwt_branch_bytes(z, b->n);
    char *own = _gwt_malloc(z->g, bytes), *at = own;
    for (const _gwt_branch *b = z->branches; own && b; b = b->next, at += n) {
        n = _gwt_branch_bytes(z, b->n);
        memcpy(at, b, n);
    }
    _gwt_branches_free(z);
    char *list = _gwt_zonal_gather(z, own, bytes, &all);
    bool good = list != NULL;
    for (at = list; good && at < list + all; at += n) {
        _gwt_branch head;
        memcpy(&head, at, sizeof head);
        n = _gwt_branch_bytes(z, head.n);
        _gwt_branch *b = _gwt_malloc(z->g, n);
        if (b) memcpy(b, at, n);
        good = _gwt_branch_add(z, b);
    }
    GWT_FREE(own);
    GWT_FREE(list);
    return _gwt_zonal_agree(z->g, good);
}

// False when there is no memory; it is to be ended then, too.
static bool _gwt_zonal_begin(_gwt_zonal *z, const gwt_array *a)
{
    size_t workers = (size_t)a->g->pool.num_workers, edge = (size_t)_gwt_numbers_block(a);
    z->g = a->g;
    z->blocks = _gwt_ceil_div(a->geo.width, (int64_t)edge)
              * _gwt_ceil_div(a->geo.height, (int64_t)edge);
    if (!_gwt_mutex_new(z->g, &z->lock)) return false;
    z->sizes = _gwt_calloc(z->g, (size_t)gwt_num_ranks(z->g) + 1, sizeof *z->sizes);
    z->workers = _gwt_calloc(z->g, workers, sizeof *z->workers);
    bool good = z->sizes && z->workers;
    for (size_t i = 0; good && i < workers; i++)
        good = (z->workers[i].stretches =
                    _gwt_calloc(z->g, edge * edge + 1, sizeof(_gwt_stretch))) != NULL;
    return good;
}

static bool _gwt_zonal_end(_gwt_zonal *z, bool good)
{
    for (int i = 0; z->workers && i < z->g->pool.num_workers; i++) {
        _gwt_tallies_free(&z->workers[i].zones);
        _gwt_tallies_free(&z->workers[i].values);
        GWT_FREE(z->workers[i].stretches);
    }
    _gwt_branches_free(z);
    GWT_FREE(z->workers);
    GWT_FREE(z->sizes);
    _gwt_mutex_destroy(&z->lock);
    return good;
}

// Of all the planes of an array: the branch of the whole image; NULL on failure.
static _gwt_branch *_gwt_zonal_sums(_gwt_zonal *z, gwt_array *a, const _gwt_numbers *s)
{
    if (!a) return NULL;
    z->planes = _gwt_num_planes(a);
    z->first = 0, z->last = UINT64_MAX;
    bool good = _gwt_numbers_run(a, s, _gwt_zonal_sum, z)
             && (gwt_num_ranks(z->g) == 1 || _gwt_zonal_gather_branches(z));
    _gwt_branch *root = good ? z->branches : NULL;
    if (good) z->branches = NULL;
    else _gwt_branches_free(z);
    return root;
}

bool gwt_summarize_with(const gwt_array *a, gwt_summary *to, const gwt_statistics_options *options)
{
    _gwt_numbers s = _gwt_numbers_of("summarize", options);
    if (!a || _gwt_failed(a->g)) return false;
    if (!to) return _gwt_fail(a->g, GWT_E_ARGUMENT, "no buffer given for the summaries");
    _gwt_zonal z = { 0 };
    bool good = _gwt_zonal_begin(&z, a);
    int64_t planes = _gwt_num_planes(a), group = _gwt_numbers_group(a, 0);
    for (int64_t done = 0, n; good && done < planes; done += n) {
        n = _gwt_min64(group, planes - done);
        _gwt_branch *all = _gwt_zonal_sums(&z, _gwt_array_planes(a, done, n), &s);
        good = all != NULL;
        for (int64_t p = 0; good && p < n; p++)
            to[done + p] = _gwt_figures_summary(&_gwt_sums_of(&z, all, 0)->figures[p]);
        GWT_FREE(all);
    }
    return _gwt_zonal_end(&z, good);
}

// ---- counting: every worker into a table of its own

typedef struct _gwt_counting _gwt_counting;

struct _gwt_counting {
    const _gwt_numbers *asked;
    int64_t planes;
    size_t size;                // counters of a plane
    int64_t **tables;           // one a worker: [plane][counter]
    // The counter of a value of a plane; SIZE_MAX: none.
    size_t (*counter)(const _gwt_counting *c, int64_t plane, double v);
    double lo, hi;              // histogram
    size_t bins;
    gwt_dtype dtype;            // percentiles
    int shift, digit;           // counted are `digit` bits of the keys from bit `shift` on,
    const uint64_t *prefixes;   // of keys that begin as one of these: [plane][num_prefixes], sorted
    size_t num_prefixes;
};

static int _gwt_count_block(const gwt_block *b, void *user)
{
    const _gwt_counting *c = user;
    int64_t *table = c->tables[_gwt_self()->id], size = b->rows * b->cols;
    for (int64_t p = 0; p < c->planes; p++) {
        const double *v = (const double *)b->data + p * size;
        for (int64_t i = 0; i < size; i++) {
            size_t at = _gwt_is_finite(v[i]) ? c->counter(c, p, v[i]) : SIZE_MAX;
            if (at != SIZE_MAX) table[(size_t)p * c->size + at]++;
        }
    }
    return 0;
}

// One pass over the array; the counts come into `to`, [plane][counter].
static bool _gwt_count_run(gwt_array *a, _gwt_counting *c, int64_t *to)
{
    size_t workers = (size_t)a->g->pool.num_workers, all = (size_t)c->planes * c->size;
    c->tables = _gwt_calloc(a->g, workers, sizeof *c->tables);
    bool good = c->tables != NULL;
    for (size_t w = 0; good && w < workers; w++)
        good = (c->tables[w] = _gwt_calloc(a->g, all, sizeof **c->tables)) != NULL;
    good = good && _gwt_numbers_run(a, c->asked, _gwt_count_block, c);
    if (good) memset(to, 0, all * sizeof *to);
    for (size_t w = 0; c->tables && w < workers; w++) {
        for (size_t i = 0; good && i < all; i++) to[i] += c->tables[w][i];
        GWT_FREE(c->tables[w]);
    }
    GWT_FREE(c->tables);
    if (good) _gwt_mpi_add(a->g, to, all);
    return good;
}

// The bin by division, put right where rounding took it over an edge, as numpy does.
static size_t _gwt_histogram_counter(const _gwt_counting *c, int64_t plane, double v)
{
    double width = (c->hi - c->lo) / (double)c->bins;
    (void)plane;
    if (v < c->lo || v > c->hi) return SIZE_MAX;
    size_t bin = (size_t)((v - c->lo) / (c->hi - c->lo) * (double)c->bins);
    if (bin >= c->bins) bin = c->bins - 1;
    if (bin > 0 && v < c->lo + (double)bin * width) bin--;
    else if (bin + 1 < c->bins && v >= c->lo + (double)(bin + 1) * width) bin++;
    return bin;
}

bool gwt_histogram_with(const gwt_array *a, double lo, double hi, size_t bins, int64_t *counts,
                        const gwt_statistics_options *options)
{
    _gwt_numbers s = _gwt_numbers_of("histogram", options);
    if (!a || _gwt_failed(a->g)) return false;
    if (!counts) return _gwt_fail(a->g, GWT_E_ARGUMENT, "no buffer given for the counts");
    if (!(lo < hi) || !isfinite(hi - lo) || bins == 0 || bins > (1u << 24))
        return _gwt_fail(a->g, GWT_E_ARGUMENT,
                         "no histogram of %zu bins from %g to %g: 1 to %u bins, lo below hi", bins,
                         lo, hi, 1u << 24);
    int64_t planes = _gwt_num_planes(a), done = 0;
    int64_t group = _gwt_numbers_group(a, (double)bins * sizeof *counts * a->g->pool.num_workers);
    for (int64_t n; done < planes; done += n) {
        n = _gwt_min64(group, planes - done);
        _gwt_counting c = { .asked = &s, .planes = n, .size = bins, .lo = lo, .hi = hi,
                            .bins = bins, .counter = _gwt_histogram_counter };
        gwt_array *some = _gwt_array_planes(a, done, n);
        if (!some || !_gwt_count_run(some, &c, counts + (size_t)done * bins)) return false;
    }
    return true;
}

// ---- percentiles: digit by digit, from the highest, of keys that are in the order of the values

static int _gwt_key_bits(gwt_dtype t) { return 8 * (int)gwt_dtype_size(t); }
static bool _gwt_key_whole(gwt_dtype t) { return _gwt_dtype_integer(t) && gwt_dtype_size(t) <= 4; }

static uint64_t _gwt_key_of(gwt_dtype t, double v)
{
    uint64_t bits = _gwt_bits(v), sign = (uint64_t)1 << 63;
    uint32_t low, low_sign = (uint32_t)1 << 31;
    if (_gwt_key_whole(t)) return (uint64_t)(v - _gwt_dtypes[t].lo);
    if (t != GWT_FLOAT32) return bits & sign ? ~bits : bits | sign;
    float f = (float)v;
    memcpy(&low, &f, sizeof low);
    return low & low_sign ? (uint32_t)~low : low | low_sign;
}

static double _gwt_key_value(gwt_dtype t, uint64_t key)
{
    uint64_t sign = (uint64_t)1 << 63, bits = key & sign ? key ^ sign : ~key;
    uint32_t low_sign = (uint32_t)1 << 31, low = (uint32_t)key;
    double v;
    float f;
    if (_gwt_key_whole(t)) return (double)key + _gwt_dtypes[t].lo;
    if (t == GWT_FLOAT32) {
        low = low & low_sign ? low ^ low_sign : ~low;
        memcpy(&f, &low, sizeof f);
        return f;
    }
    memcpy(&v, &bits, sizeof v);
    return v;
}

static size_t _gwt_digit_counter(const _gwt_counting *c, int64_t plane, double v)
{
    uint64_t key = _gwt_key_of(c->dtype, v) >> c->shift, mask = ((uint64_t)1 << c->digit) - 1;
    const uint64_t *list = c->prefixes + (size_t)plane * c->num_prefixes;
    size_t lo = 0, hi = c->num_prefixes;
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        if (list[middle] < key >> c->digit) lo = middle + 1;
        else hi = middle;
    }
    bool counted = lo < c->num_prefixes && list[lo] == key >> c->digit;
    return counted ? (lo << c->digit) + (size_t)(key & mask) : SIZE_MAX;
}

// What is looked for: of each plane, the value of a rank, as far as it is known.
typedef struct _gwt_quantile { uint64_t prefix; int64_t rank; } _gwt_quantile;

// The counts of one plane's digits take each rank one digit further.
static void _gwt_quantile_refine(_gwt_quantile *ranks, size_t n, const _gwt_counting *c,
                              const uint64_t *prefixes, const int64_t *counts)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = 0;
        while (at + 1 < c->num_prefixes && prefixes[at] != ranks[i].prefix) at++;
        const int64_t *digit = counts + (at << c->digit);
        uint64_t d = 0;
        while (d + 1 < (uint64_t)1 << c->digit && ranks[i].rank >= digit[d])
            ranks[i].rank -= digit[d++];
        ranks[i].prefix = ranks[i].prefix << c->digit | d;
    }
}

static int _gwt_compare_keys(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

// Ranks below and above each percentile of `count` values.
static void _gwt_quantile_begin(_gwt_quantile *ranks, const double *percentiles, size_t n,
                                int64_t count)
{
    for (size_t i = 0; i < n; i++) {
        int64_t last = _gwt_max64(count - 1, 0);
        int64_t lo = (int64_t)((double)last * (percentiles[i] / 100));
        ranks[2 * i] = (_gwt_quantile){ 0, lo };
        ranks[2 * i + 1] = (_gwt_quantile){ 0, _gwt_min64(lo + 1, last) };
    }
}

// The prefixes of each plane's ranks, in order, each once; returns how many, for every plane.
static size_t _gwt_quantile_prefixes(const _gwt_quantile *ranks, size_t n, int64_t planes,
                                  uint64_t *prefixes)
{
    size_t most = 0, all = n * (size_t)planes;
    for (size_t i = 0; i < all; i++) prefixes[i] = ranks[i].prefix;
    for (uint64_t *list = prefixes; list < prefixes + all; list += n) {
        size_t used = 0;
        qsort(list, n, sizeof *list, _gwt_compare_keys);
        for (size_t i = 0; i < n; i++)
            if (i == 0 || list[i] != list[used - 1]) list[used++] = list[i];
        for (size_t i = used; i < n; i++) list[i] = UINT64_MAX;     // that no key begins with
        most = used > most ? used : most;
    }
    for (int64_t p = 0; p < planes; p++)
        memmove(prefixes + (size_t)p * most, prefixes + (size_t)p * n, most * sizeof *prefixes);
    return most;
}

// All passes. ranks: [plane][2 n].
static bool _gwt_percentiles_run(gwt_array *a, const _gwt_numbers *s, const double *percentiles,
                                 size_t n, _gwt_quantile *ranks, uint64_t *prefixes,
                                 gwt_summary *found)
{
    _gwt_counting c = { .asked = s, .planes = _gwt_num_planes(a), .dtype = a->info.dtype,
                        .num_prefixes = 1, .prefixes = prefixes, .counter = _gwt_digit_counter };
    bool good = true;
    for (int left = _gwt_key_bits(a->info.dtype), first = left; good && left > 0; left -= c.digit) {
        c.digit = left == first ? (left < 16 ? left : 16) : left < 12 ? left : 12;
        c.shift = left - c.digit;
        c.size = c.num_prefixes << c.digit;
        int64_t *counts = _gwt_calloc(a->g, (size_t)c.planes * c.size, sizeof *counts);
        good = counts && _gwt_count_run(a, &c, counts);
        for (int64_t p = 0; good && p < c.planes; p++) {
            const int64_t *own = counts + (size_t)p * c.size;
            for (size_t i = 0; left == first && i < c.size; i++) found[p].count += own[i];
            if (left == first)
                _gwt_quantile_begin(ranks + 2 * n * (size_t)p, percentiles, n, found[p].count);
            _gwt_quantile_refine(ranks + 2 * n * (size_t)p, 2 * n, &c,
                              prefixes + (size_t)p * c.num_prefixes, own);
        }
        GWT_FREE(counts);
        c.num_prefixes = _gwt_quantile_prefixes(ranks, 2 * n, c.planes, prefixes);
    }
    return good;
}

static bool _gwt_percentiles_group(gwt_array *a, const _gwt_numbers *s, const double *percentiles,
                                   size_t n, double *values)
{
    if (!a) return false;
    size_t planes = (size_t)_gwt_num_planes(a);
    _gwt_quantile *ranks = _gwt_calloc(a->g, planes * 2 * n, sizeof *ranks);
    uint64_t *prefixes = _gwt_calloc(a->g, planes * 2 * n, sizeof *prefixes);
    gwt_summary *found = _gwt_calloc(a->g, planes, sizeof *found);
    bool good = ranks && prefixes && found
             && _gwt_percentiles_run(a, s, percentiles, n, ranks, prefixes, found);
    for (size_t i = 0; good && i < planes * n; i++) {
        double below = _gwt_key_value(a->info.dtype, ranks[2 * i].prefix),
               above = _gwt_key_value(a->info.dtype, ranks[2 * i + 1].prefix);
        double last = (double)found[i / n].count - 1, at = last * (percentiles[i % n] / 100);
        values[i] = last < 0 ? (double)NAN : _gwt_percentile_between(below, above, at);
    }
    GWT_FREE(ranks);
    GWT_FREE(prefixes);
    GWT_FREE(found);
    return good;
}

bool gwt_percentiles_with(const gwt_array *a, const double *percentiles, size_t n, double *values,
                          const gwt_statistics_options *options)
{
    _gwt_numbers s = _gwt_numbers_of("percentiles", options);
    if (!a || _gwt_failed(a->g)) return false;
    if (!percentiles || !values)
        return _gwt_fail(a->g, GWT_E_ARGUMENT, "no percentiles, or no buffer for them, given");
    for (size_t i = 0; i < n; i++)
        if (!(percentiles[i] >= 0 && percentiles[i] <= 100))
            return _gwt_fail(a->g, GWT_E_ARGUMENT, "percentile = %g: must be 0 to 100",
                             percentiles[i]);
    if (n == 0 || n > 100)
        return _gwt_fail(a->g, GWT_E_ARGUMENT, "%zu percentiles: 1 to 100 at a time", n);
    double counters = fmax(65536, (double)(2 * n) * 4096) * sizeof(int64_t);
    int64_t planes = _gwt_num_planes(a), done = 0;
    int64_t group = _gwt_numbers_group(a, counters * (a->g->pool.num_workers + 1));
    for (int64_t some; done < planes; done += some) {
        some = _gwt_min64(group, planes - done);
        if (!_gwt_percentiles_group(_gwt_array_planes(a, done, some), &s, percentiles, n,
                                    values + (size_t)done * n))
            return false;
    }
    return true;
}

// ---- zonal statistics

// A gwt_block_fn.
static int _gwt_zonal_tally(const gwt_block *block, void *user)
{
    const _gwt_zonal *z = user;
    _gwt_zonal_worker *w = &z->workers[_gwt_self()->id];
    int64_t n = _gwt_zonal_look(z, w, block);
    const double *v = block->data;
    for (int64_t p = 0; p < z->planes; p++, v += block->rows * block->cols)
        for (const _gwt_stretch *s = w->stretches; s < w->stretches + n; s++)
            for (int64_t i = s->at; i < s[1].at && s->zone >= 0; i++) {
                if (!_gwt_is_finite(v[i])) continue;
                _gwt_tally *t = _gwt_tallies_find(z->g, &w->values, w->zones.list[s->zone].zone, p,
                                                  _gwt_key_of(GWT_FLOAT64, v[i] + 0));  // -0 is 0
                if (!t) return 1;
                t->count++;
            }
    return n < 0;
}

// In order, each once; gives how many those are.
static size_t _gwt_tallies_join(_gwt_tally *list, size_t n)
{
    size_t used = 0;
    qsort(list, n, sizeof *list, _gwt_compare_tallies);
    for (size_t i = 0; i < n; i++)
        if (used && !_gwt_compare_tallies(&list[used - 1], &list[i]))
            list[used - 1].count += list[i].count;
        else list[used++] = list[i];
    return used;
}

// All that the workers of all ranks have counted, which is theirs no more; NULL on failure.
static _gwt_tally *_gwt_zonal_tallies(_gwt_zonal *z, size_t *n)
{
    size_t most = 0, all;
    for (int i = 0; i < z->g->pool.num_workers; i++) most += z->workers[i].values.n;
    _gwt_tally *list = _gwt_malloc(z->g, most * sizeof *list);
    *n = 0;
    for (int i = 0; i < z->g->pool.num_workers; i++) {
        _gwt_tallies *t = &z->workers[i].values;
        if (list && t->n) memcpy(list + *n, t->list, t->n * sizeof *list);
        *n += t->n;
        _gwt_tallies_free(t);
    }
    if (list) *n = _gwt_tallies_join(list, *n);
    if (gwt_num_ranks(z->g) == 1) return list;
    void *of_all = _gwt_zonal_gather(z, list, list ? *n * sizeof *list : 0, &all);
    GWT_FREE(list);
    if (of_all) *n = _gwt_tallies_join(of_all, all / sizeof *list);
    return of_all;
}

// Median and majority of the values of one plane of a zone, of which there are `count`.
static void _gwt_tallies_figures(const _gwt_tally *list, int64_t count, double *median,
                                 double *majority)
{
    double middle = (double)(count - 1) * 0.5, ends[2];
    int64_t ranks[2] = { (int64_t)middle, _gwt_min64((int64_t)middle + 1, count - 1) }, before = 0;
    const _gwt_tally *most = list;
    for (const _gwt_tally *t = list; before < count; before += t++->count) {
        for (int i = 0; i < 2; i++)
            if (ranks[i] >= before && ranks[i] < before + t->count)
                ends[i] = _gwt_key_value(GWT_FLOAT64, t->value);
        if (t->count > most->count) most = t;
    }
    *median = _gwt_percentile_between(ends[0], ends[1], middle);
    *majority = _gwt_key_value(GWT_FLOAT64, most->value);
}

// A result as its caller has it, with what is written into it.
typedef struct _gwt_zonal_made {
    gwt_zonal_result r;
    int64_t *ids;
    gwt_summary *summaries;
    double *medians, *majorities;
} _gwt_zonal_made;

// The zones from `from` on whose values may be counted at once: to the one given back.
static size_t _gwt_zonal_some(const gwt_zonal_result *r, size_t from, gwt_dtype dtype, double most)
{
    double values = gwt_dtype_size(dtype) <= 2 ? 65536 : (double)INFINITY, sum = 0;
    size_t i = from;
    for (; i < r->num_zones && (i == from || sum <= most); i++)
        for (size_t p = 0; p < r->num_planes; p++)
            sum += fmin((double)r->summaries[i * r->num_planes + p].count, values);
    return sum <= most || i == from + 1 ? i : i - 1;
}

// Medians and majorities of some planes, from `done` on.
static bool _gwt_zonal_values(_gwt_zonal *z, gwt_array *a, const _gwt_numbers *s, int64_t done,
                              const _gwt_zonal_made *m)
{
    const gwt_zonal_result *r = &m->r;
    // Rank 0 says how many passes there are: 64 bytes a value, in a quarter of the memory.
    int64_t most = (int64_t)(z->g->options.memory_limit / 256) / z->g->pool.num_workers;
    if (gwt_rank(z->g) > 0) most = 0;
    uint64_t sign = _gwt_zone_sign(z->dtype);
    bool good = a != NULL;
    z->planes = good ? _gwt_num_planes(a) : 0;
    _gwt_mpi_join(z->g, &most, sizeof most, false);
    for (size_t from = 0, end; good && from < r->num_zones; from = end) {
        size_t n = 0, next;
        end = _gwt_zonal_some(r, from, a->info.dtype, (double)most);
        z->first = (uint64_t)r->ids[from] ^ sign;
        z->last = (uint64_t)r->ids[end - 1] ^ sign;
        good = _gwt_numbers_run(a, s, _gwt_zonal_tally, z);
        _gwt_tally *list = good ? _gwt_zonal_tallies(z, &n) : NULL;
        good = list != NULL;
        size_t zone = from;
        for (size_t i = 0; good && i < n; i = next) {
            next = i + 1;
            while (next < n && list[next].zone == list[i].zone && list[next].plane == list[i].plane)
                next++;
            while (((uint64_t)r->ids[zone] ^ sign) != list[i].zone) zone++;
            size_t at = zone * r->num_planes + (size_t)(done + list[i].plane);
            _gwt_tallies_figures(list + i, r->summaries[at].count, &m->medians[at],
                                 &m->majorities[at]);
        }
        GWT_FREE(list);
    }
    return good;
}

static _gwt_zonal_made *_gwt_zonal_make(const _gwt_zonal *z, const _gwt_branch *b, int64_t planes)
{
    size_t n = (size_t)b->n, each = (size_t)planes * n;
    _gwt_zonal_made *m =
        _gwt_malloc(z->g, sizeof *m + n * 8 + each * (sizeof *m->summaries + 2 * 8));
    if (!m) return NULL;
    m->summaries = (gwt_summary *)(m + 1);
    m->medians = (double *)(m->summaries + each);
    m->majorities = m->medians + each;
    m->ids = (int64_t *)(m->majorities + each);
    m->r = (gwt_zonal_result){ z->dtype, n, (size_t)planes, m->ids, m->summaries, NULL, NULL };
    for (size_t i = 0; i < n; i++)
        m->ids[i] = (int64_t)(_gwt_sums_of(z, b, (int64_t)i)->zone ^ _gwt_zone_sign(z->dtype));
    for (size_t i = 0; i < each; i++) m->medians[i] = m->majorities[i] = (double)NAN;
    return m;
}

static bool _gwt_zonal_check(const gwt_array *values, const gwt_array *zones)
{
    gwt_array *both[2];
    memcpy(both, (const gwt_array *[]){ values, zones }, sizeof both);
    if (!_gwt_check_given("gwt_zonal", both, 2) || !values) return false;
    const char *file = zones->info.num_files ? zones->info.filenames[0] : "";
    const char *in = *file ? " in " : "";
    if (_gwt_num_planes(zones) != 1)
        return _gwt_fail(zones->g, GWT_E_ARGUMENT, "zones of %lld bands and %lld times%s%s: one "
                         "band is wanted", (long long)zones->info.shape[1],
                         (long long)zones->info.shape[0], in, file);
    if (!_gwt_dtype_integer(zones->info.dtype))
        return _gwt_fail(zones->g, GWT_E_ARGUMENT, "zones of %s%s%s: an integer type is wanted",
                         gwt_dtype_name(zones->info.dtype), in, file);
    if (values->number || zones->number)
        return _gwt_fail(zones->g, GWT_E_GRID, "zonal statistics of a number: it has no grid");
    return _gwt_check_grids(values, zones);
}

// Of some planes, from `done` on; the first ones make the result.
static bool _gwt_zonal_planes(_gwt_zonal *z, gwt_array *a, const _gwt_numbers *s, int64_t done,
                              int64_t planes, bool values, _gwt_zonal_made **to)
{
    _gwt_branch *b = _gwt_zonal_sums(z, a, s);
    if (!b) return false;
    if (!*to) *to = _gwt_zonal_make(z, b, planes);
    _gwt_zonal_made *m = *to;
    bool good = _gwt_zonal_agree(z->g, m != NULL);
    for (int64_t i = 0; good && i < b->n; i++)
        for (int64_t p = 0; p < z->planes; p++)
            m->summaries[i * planes + done + p] =
                _gwt_figures_summary(&_gwt_sums_of(z, b, i)->figures[p]);
    GWT_FREE(b);
    return good && (!values || _gwt_zonal_values(z, a, s, done, m));
}

gwt_zonal_result *gwt_zonal_with(const gwt_array *values, const gwt_array *zones,
                                 const gwt_zonal_options *options)
{
    gwt_zonal_options o = options ? *options : (gwt_zonal_options){ 0 };
    if (!_gwt_zonal_check(values, zones)) return NULL;
    bool wide = gwt_dtype_size(zones->info.dtype) == 8;
    _gwt_zonal z = { .dtype = zones->info.dtype };
    z.zones = wide ? _gwt_output_of(zones->planes, 1, z.dtype, zones->info.nodata)
                   : _gwt_output_of(zones->planes, 1, GWT_FLOAT64, gwt_some((double)NAN));
    _gwt_numbers s = { "zonal", { .num_workers = o.num_workers, .progress = o.progress },
                       &z.zones };
    _gwt_zonal_made *m = NULL;
    bool good = _gwt_zonal_begin(&z, values);
    int64_t planes = _gwt_num_planes(values), group = _gwt_numbers_group(values, 0);
    for (int64_t done = 0, n; good && done < planes; done += n) {
        n = _gwt_min64(group, planes - done);
        good = _gwt_zonal_planes(&z, _gwt_array_planes(values, done, n), &s, done, planes,
                                 o.median || o.majority, &m);
    }
    if (good && o.median) m->r.medians = m->medians;
    if (good && o.majority) m->r.majorities = m->majorities;
    if (_gwt_zonal_end(&z, good)) return &m->r;
    GWT_FREE(m);
    return NULL;
}

// >>session -----------------------------------------------------------------------------------
// A session from its begin to its end: its options, a caller's own loop on its workers, its scopes
// and profiles.

// ---- a caller's loop

typedef struct _gwt_users_loop { gwt *g; gwt_loop_fn *fn; void *user; } _gwt_users_loop;

static void _gwt_users_index(size_t index, void *user)
{
    const _gwt_users_loop *loop = user;
    _gwt_lane *lane = _gwt_lane_here();
    if (_gwt_cancelled(loop->g)) return;
    _gwt_lane_enter(lane, (gwt_event){ .stage = GWT_STAGE_USER, .tile = -1 });
    loop->fn(index, loop->user);
    _gwt_lane_leave(lane, 0, 0);
}

void gwt_parallel_for(gwt *g, size_t n, gwt_loop_fn *fn, void *user)
{
    _gwt_action action;
    if (!g) return;
    if (!fn) _gwt_fail(g, GWT_E_ARGUMENT, "no function given to run");
    if (!_gwt_action_begin(&action, g, false)) return;
    _gwt_users_loop loop = { g, fn, user };
    _gwt_pool_for(_gwt_self(), n, _gwt_users_index, &loop);
    _gwt_action_end(&action);
}

// ---- begin and end

// Half of what this process may have at the most: the other half is for all else, what it has
// already and other processes.
static size_t _gwt_half_of_memory(void)
{
    return (size_t)fmin(fmax(_gwt_os_memory() / 2, 1), (double)(SIZE_MAX / 4));
}

static void _gwt_check_options(gwt *g)
{
    gwt_begin_options *o = &g->options;
    if (o->num_workers < 0 || o->num_workers > _GWT_MAX_WORKERS)
        _gwt_fail(g, GWT_E_ARGUMENT, "num_workers = %d: 1 to %d, or 0 for one a core",
                  o->num_workers, _GWT_MAX_WORKERS);
    if (o->sensor && !gwt_sensor_bands(o->sensor)) _gwt_fail_sensor(g, o->sensor);
    _gwt_check_chunk(g, "chunks", o->chunks);
    if (_gwt_failed(g)) o->num_workers = 1, o->chunks = 0, o->sensor = NULL;
    if (o->num_workers == 0) o->num_workers = _gwt_os_processors();
    if (o->raise_open_files) _gwt_os_raise_open_files();
    if (o->cache_bytes == 0) o->cache_bytes = (size_t)64 << 20;
    if (o->memory_limit == 0) o->memory_limit = _gwt_half_of_memory();
    if (o->sensor) o->sensor = _gwt_keep_string(g, o->sensor);
}

// ---- scopes

// Off this thread's list: those whose session has ended before them, on another thread.
static void _gwt_scopes_clear(void)
{
    for (gwt_scope **at = &_gwt_scopes.inner, *s; (s = *at) != _gwt_scopes.around;)
        if (s->g) at = &s->outer;
        else {
            *at = s->outer;
            GWT_FREE(s);
        }
}

gwt_scope *gwt_scope_begin(gwt *g)
{
    gwt_scope *s = g ? _gwt_calloc(g, 1, sizeof *s) : NULL;
    if (!s) return NULL;
    _gwt_scopes_clear();
    *s = (gwt_scope){ .g = g, .outer = _gwt_scopes.inner, .listed = !_gwt_stays };
    _gwt_lock(&g->lock);
    s->profiles = g->profiles;
    s->next = g->scopes;
    g->scopes = s;
    _gwt_unlock(&g->lock);
    return _gwt_scopes.inner = s;
}

static void _gwt_scope_free(gwt_scope *s)
{
    if (!s) return;
    _gwt_memory_free(s->memory);
    GWT_FREE(s);
}

// Out of the reach of threads. Its arrays stay until another scope ends: who uses one is told.
static void _gwt_scope_close(gwt_scope *s)
{
    gwt *g = s->g;
    for (_gwt_source *source = s->sources; source; source = source->next) {
        _gwt_cache_drop(g->cache, source);
        _gwt_source_close(source);
    }
    _gwt_lock(&g->lock);
    gwt_scope **at = &g->scopes, *before = g->ended;
    while (*at != s) at = &(*at)->next;
    *at = s->next;
    s->ended = true;
    g->ended = s;
    _gwt_unlock(&g->lock);
    _gwt_scope_free(before);
}

void gwt_scope_end(gwt_scope *scope)
{
    if (!scope) return;
    gwt *g = scope->g;
    if (!g) {
        _gwt_scopes_clear();
        return;
    }
    gwt_scope **at = &_gwt_scopes.inner, *s = *at;
    while (s != _gwt_scopes.around && s != scope) s = s->outer;
    if (s != scope || scope == _gwt_scopes.around) {
        _gwt_fail(g, GWT_E_ARGUMENT, "a scope ends once, on the thread that began it, and not "
                  "inside of an action that was begun in it");
        return;
    }
    _gwt_stay stay;
    bool entered = _gwt_pool_enter(&g->pool, &stay);    // no other thread's action has its tiles
    for (bool last = false; !last;) {
        s = *at;
        last = s == scope;
        if (s->g != g) {        // another session's, that was begun in it
            at = &s->outer;
            continue;
        }
        *at = s->outer;
        _gwt_scope_close(s);
    }
    if (entered) _gwt_pool_leave(&stay);
}

// This thread is in no scope of a session that ends.
static void _gwt_scopes_leave(const gwt *g)
{
    for (gwt_scope **at = &_gwt_scopes.inner; *at;)
        if ((*at)->g == g) {
            (*at)->listed = false;
            *at = (*at)->outer;
        }
        else at = &(*at)->outer;
}

// Whether the compiler took liberties with arithmetic, without a macro that tells. Each of these is
// one operation when it may not, and a constant when it may.
static void _gwt_check_arithmetic(gwt *g)
{
    volatile double large = 1e30, one = 1, minus_zero = -0.0, three = 3, five = 5;
    double sum = large + one;
    if (sum - large != 0 || !signbit(minus_zero) || signbit(minus_zero + 0.0)
        || five / 3.0 != five / three)
        _gwt_fail(g, GWT_E_UNSUPPORTED, "the implementation of gwt.h was compiled with "
                  "-funsafe-math-optimizations or the like, and would compute other pixels than "
                  "elsewhere: compile it without");
    volatile double tiny = DBL_MIN, two = 2, tinier = tiny / two;
    if (tinier == 0 || tinier * two != tiny)
        _gwt_note(g, "this process flushes denormal numbers to 0, as programs do that are linked "
                  "with -ffast-math: values below 2.2e-308, in float32 below 1.2e-38, come out as "
                  "0, and its pixels may differ from those of others");
}

static void _gwt_release_all(gwt *g)
{
    if (g->cache) _gwt_cache_end(g->cache);
    for (gwt_scope *s = g->scopes, *next; s; s = next) {
        next = s->next;
        for (_gwt_source *source = s->sources; source; source = source->next)
            _gwt_source_close(source);
        if (!s->listed) {
            _gwt_scope_free(s);
            continue;
        }
        _gwt_memory_free(s->memory);
        atomic_store(&s->g, NULL);      // from here on its thread's
    }
    _gwt_scope_free(g->ended);
    for (_gwt_source *s = g->root.sources; s; s = s->next) _gwt_source_close(s);
    if (g->files) _gwt_files_end(g->files);
    _gwt_memory_free(g->root.memory);
    GWT_FREE(g->bad_tiles);
    GWT_FREE(g->notes);
    _gwt_mutex_destroy(&g->lock);
    GWT_FREE(g);
}

gwt *gwt_begin_with(const gwt_begin_options *options)
{
    gwt *g = GWT_MALLOC(sizeof *g);
    if (!g) return NULL;
    memset(g, 0, sizeof *g);
    if (!_gwt_mutex_init(&g->lock)) return GWT_FREE(g), NULL;
    g->root.g = g;
    if (options) g->options = *options;
    _gwt_check_options(g);
    _gwt_check_arithmetic(g);
    if (_gwt_files_begin(g) && _gwt_cache_begin(g)
        && _gwt_pool_start(&g->pool, g->options.num_workers)) {
        _gwt_mpi_begin(g);
        return g;
    }
    _gwt_release_all(g);
    return NULL;
}

static void _gwt_say(const gwt *g, gwt_message_kind kind, const char *text)
{
    static const char *const before[] = { "", "warning: ", "filled: " };
    if (g->options.on_message) g->options.on_message(kind, text, g->options.user);
    else if (!g->options.quiet) fprintf(stderr, "gwt: %s%s\n", before[kind], text);
}

static bool _gwt_same_fault(const _gwt_bad_tile *a, const _gwt_bad_tile *b)
{
    return a->file == b->file && a->why == b->why;
}

// One line for each fault of a file: the first tile that has it, and how many more.
static void _gwt_say_bad_tiles(const gwt *g)
{
    const _gwt_bad_tile *list = g->bad_tiles, *end = list + g->num_bad_tiles;
    for (const _gwt_bad_tile *b = list; b < end; b++) {
        const _gwt_bad_tile *first = list;
        while (!_gwt_same_fault(first, b)) first++;
        if (first < b) continue;
        int64_t more = 0, row = b->row, last_row = b->last_row;
        for (const _gwt_bad_tile *o = b + 1; o < end; o++)
            if (_gwt_same_fault(o, b)) {
                more++;
                row = _gwt_min64(row, o->row);
                last_row = _gwt_max64(last_row, o->last_row);
            }
        char text[sizeof g->message + 128];
        int used = snprintf(text, sizeof text - 128, "%s", b->text);
        if (more)
            snprintf(text + _gwt_min64(used, sizeof text - 129), 128,
                     "; %lld more such tiles are filled: all lie within rows %lld..%lld",
                     (long long)more, (long long)row, (long long)last_row);
        _gwt_say(g, GWT_MESSAGE_FILLED, text);
    }
}

int gwt_end(gwt *g)
{
    if (!g) return 1;
    bool failed = _gwt_failed(g), first = gwt_rank(g) == 0;
    gwt_profile_end(g);
    _gwt_mpi_end(g);
    _gwt_pool_stop(&g->pool, g->pool.num_workers);
    _gwt_say_bad_tiles(g);
    for (size_t i = 0; i < g->num_notes && first; i++)
        _gwt_say(g, GWT_MESSAGE_WARNING, g->notes[i]);
    if (failed && !g->remote) _gwt_say(g, GWT_MESSAGE_ERROR, g->message);
    _gwt_prof_free(g->recorders);
    _gwt_scopes_leave(g);
    _gwt_release_all(g);
    return failed;
}

int gwt_num_workers(const gwt *g) { return g ? g->pool.num_workers : 0; }

const char *gwt_bad_tile(const gwt *g, size_t index)
{
    return g && index < g->num_bad_tiles ? g->bad_tiles[index].text : NULL;
}

const char *gwt_note(const gwt *g, size_t index)
{
    return g && index < g->num_notes ? g->notes[index] : NULL;
}

// ---- profiles

#ifndef GWT_NO_PROFILE
// What is timed, as the profile calls it.
static void _gwt_kind_name(int kind, char name[32])
{
    const char *of = kind < _GWT_KIND_WINDOW ? _gwt_op_names[kind]
                   : kind < _GWT_KIND_RESAMPLE ? _gwt_stat_names[kind - _GWT_KIND_WINDOW]
                   : kind < _GWT_KIND_APPLY ? _gwt_resampling_names[kind - _GWT_KIND_RESAMPLE]
                                            : "apply";
    bool window = kind >= _GWT_KIND_WINDOW && kind < _GWT_KIND_RESAMPLE;
    snprintf(name, 32, "%s%s", window ? "moving_" : "", of);
    for (; *name; name++)
        if (*name >= 'A' && *name <= 'Z') *name = (char)(*name - 'A' + 'a');
}

static bool _gwt_profile_start(gwt *g, gwt_profile_options o)
{
    o.label = _gwt_keep_always(g, o.label ? o.label : "");
    _gwt_recorder *r = o.label ? _gwt_keep_in(&g->root, 1, sizeof *r) : NULL;
    if (!r) return false;
    r->next = g->recorders;
    g->recorders = r;
    if (!_gwt_prof_start(r, &o, g->pool.num_workers))
        return _gwt_fail(g, GWT_E_MEMORY, "out of memory: cannot record a profile");
    for (int i = 0; i < g->pool.num_workers; i++) g->pool.workers[i].lane = &r->lanes[i];
    g->recorder = r;
    return true;
}

bool gwt_profile_begin_with(gwt *g, const gwt_profile_options *options)
{
    gwt_profile_options o = options ? *options : (gwt_profile_options){ 0 };
    _gwt_action action;
    if (_gwt_failed(g)) return false;
    if (!(o.resource_dt >= 0 && o.resource_dt < 1e6))
        return _gwt_fail(g, GWT_E_ARGUMENT, "resource_dt = %g: seconds between samples, or 0 for "
                         "none", o.resource_dt);
    if (!_gwt_action_begin(&action, g, false)) return false;
    bool good = !action.stay.locked
                    ? _gwt_fail(g, GWT_E_ARGUMENT, "a profile can't begin inside an action")
              : g->recorder
                    ? _gwt_fail(g, GWT_E_ARGUMENT, "a profile is being taken already")
                    : _gwt_profile_start(g, o);
    _gwt_action_end(&action);
    return good;
}

bool gwt_watch(const gwt *g, gwt_activity *to)
{
    const _gwt_recorder *r = g ? g->recorder : NULL;
    *to = (gwt_activity){ .idle = 0 };
    if (!r) return false;
    for (int i = 0; i < r->profile.num_workers; i++) {
        int stage = atomic_load_explicit(&r->lanes[i].stage, memory_order_relaxed);
        if (&r->lanes[i] == _gwt_lane_here()) continue;
        ++*(stage < 0 ? &to->idle : &to->stages[stage]);
    }
    gwt_sample used = _gwt_os_usage();
    to->resident = used.resident;
    to->read = (double)atomic_load(&r->read);
    to->written = (double)atomic_load(&r->written);
    return true;
}

const gwt_profile *gwt_profile_end(gwt *g)
{
    _gwt_stay stay;
    if (!g || !_gwt_pool_enter(&g->pool, &stay)) return NULL;
    _gwt_recorder *r = stay.locked ? g->recorder : NULL;    // else this is inside an action
    if (r) {
        _gwt_lock(&g->cache->lock);
        for (size_t i = 0; i < g->cache->num_resident; i++)
            _gwt_cache_record(g->cache->resident[i]);
        _gwt_unlock(&g->cache->lock);
        for (int i = 0; i < g->pool.num_workers; i++) g->pool.workers[i].lane = NULL;
        _gwt_prof_stop(r);
        for (size_t i = 0; i < r->num_operations; i++)
            _gwt_kind_name(r->operations[i].kind, r->operations[i].name);
        g->recorder = NULL;
        g->profiles++;
    }
    _gwt_pool_leave(&stay);
    return r ? &r->profile : NULL;
}
#else
bool gwt_profile_begin_with(gwt *g, const gwt_profile_options *options)
{
    (void)options;
    return g && _gwt_fail(g, GWT_E_UNSUPPORTED, "this program was built without the profiler");
}

const gwt_profile *gwt_profile_end(gwt *g) { return (void)g, NULL; }

bool gwt_watch(const gwt *g, gwt_activity *to)
{
    (void)g;
    *to = (gwt_activity){ .idle = 0 };
    return false;
}
#endif

// >>show --------------------------------------------------------------------------------------
// Arrays, plans and profiles as text.

static void _gwt_print_dims(const gwt_info *i, const int64_t *of, const char *format, FILE *to)
{
    static const char *const names[] = { "time", "band", "y", "x" };
    for (int d = i->shape[0] > 1 ? 0 : 1, first = d; d < 4; d++) {
        fputs(d > first ? ", " : "", to);
        fprintf(to, format, names[d], (long long)of[d]);
    }
}

static void _gwt_print_names(const char *dim, const char *const *names, int64_t n, FILE *to)
{
    fprintf(to, "  * %-8s (%s)", dim, dim);
    for (int64_t k = 0; k < n; k++) {
        if (k == 8 && n > 12) {
            fputs(" ...", to);
            k = n - 3;
        }
        fputs(" '", to);
        _gwt_put_text(to, names[k]);
        fputc('\'', to);
    }
    fputc('\n', to);
}

// Centres of the first, second and last pixel, without rotation.
static void _gwt_print_axis(const char *dim, double origin, double step, int64_t n, FILE *to)
{
    char a[32], b[32], c[32];
    _gwt_os_double_text(a, sizeof a, origin + step * 0.5);
    _gwt_os_double_text(b, sizeof b, origin + step * 1.5);
    _gwt_os_double_text(c, sizeof c, origin + step * ((double)n - 0.5));
    if (n == 1) fprintf(to, "  * %-8s (%s) %s\n", dim, dim, a);
    else if (n == 2) fprintf(to, "  * %-8s (%s) %s %s\n", dim, dim, a, c);
    else fprintf(to, "  * %-8s (%s) %s %s ... %s\n", dim, dim, a, b, c);
}

static void _gwt_print_list(const char *name, const double *list, int64_t n, FILE *to)
{
    char number[32];
    fprintf(to, "    %-14s (", name);
    for (int64_t k = 0; k < n; k++)
        fprintf(to, "%s%s", k ? ", " : "", _gwt_os_double_text(number, sizeof number, list[k]));
    fputs(")\n", to);
}

static void _gwt_print_attributes(const gwt_info *i, FILE *to)
{
    fputs("Attributes:\n", to);
    _gwt_print_list("transform:", i->transform, 6, to);
    if (i->epsg) fprintf(to, "    %-14s EPSG:%d\n", "crs:", i->epsg);
    else fprintf(to, "    %-14s %s\n", "crs:", i->has_crs ? "user-defined" : "none");
    _gwt_print_list("res:", (double[]){ fabs(i->transform[0]), fabs(i->transform[4]) }, 2, to);
    fprintf(to, "    %-14s %d\n", "is_tiled:", i->is_tiled);
    fprintf(to, "    %-14s %s\n", "nodata:", i->nodata.set ? i->nodata_text : "none");
    if (i->has_scales) {
        _gwt_print_list("scales:", i->scales, i->shape[1], to);
        _gwt_print_list("offsets:", i->offsets, i->shape[1], to);
    }
    if (i->sensor) fprintf(to, "    %-14s %s\n", "sensor:", i->sensor);
    fprintf(to, "    %-14s", "filename:");
    for (size_t k = 0; k < i->num_files && k < 6; k++) {
        fputc(' ', to);
        _gwt_put_text(to, i->filenames[k]);
    }
    fprintf(to, "%s\n    %-14s %s\n    %-14s %s\n", i->num_files > 6 ? " ..." : "",
            "resampling:", _gwt_resampling_names[i->resampling], "AREA_OR_POINT:",
            i->area_or_point);
    for (const char *const *item = i->attrs; *item; item++) {
        char key[128];
        int n = (int)strcspn(*item, "=");
        snprintf(key, sizeof key, "%.*s:", n, *item);
        fputs("    ", to);
        _gwt_put_text(to, key);
        fprintf(to, "%*s ", n < 13 ? 13 - n : 0, "");
        _gwt_put_text(to, *item + n + 1);
        fputc('\n', to);
    }
}

void gwt_print(const gwt_array *a, FILE *to)
{
    if (!a) {
        fputs("<gwt_array: none>\n", to);
        return;
    }
    _gwt_os_locale c = _gwt_os_locale_begin();
    const gwt_info *i = &a->info;
    int64_t chunks = 1;
    for (int d = 0; d < 4; d++) chunks *= _gwt_ceil_div(i->shape[d], i->chunks[d]);
    fputs("<gwt_array (", to);
    _gwt_print_dims(i, i->shape, "%s: %lld", to);
    fprintf(to, ")>\n%s, %.1f MB, %lld chunks of (", gwt_dtype_name(i->dtype),
            (double)i->nbytes / 1e6, (long long)chunks);
    _gwt_print_dims(i, i->chunks, "%.0s%lld", to);
    fputs(")\nCoordinates:\n", to);
    if (i->shape[0] > 1) _gwt_print_names("time", i->time_names, i->shape[0], to);
    _gwt_print_names("band", i->band_names, i->shape[1], to);
    if (i->transform[1] == 0 && i->transform[3] == 0) {
        _gwt_print_axis("y", i->transform[5], i->transform[4], i->shape[2], to);
        _gwt_print_axis("x", i->transform[2], i->transform[0], i->shape[3], to);
    }
    _gwt_print_attributes(i, to);
    _gwt_os_locale_end(c);
}

// ---- plans

// Source tiles that are read at all, and their stored bytes. Gives the pixels in them for each that
// is needed.
static double _gwt_plan_count(const _gwt_run *run, gwt_plan *to)
{
    const _gwt_plan *plan = run->plan;
    _gwt_rect image = { 0, 0, plan->height, plan->width };
    _gwt_walk *w = _gwt_run_walk(run, _gwt_self()->id);
    double decoded = 0, needed = 0;
    if (!w || !_gwt_walk_piece(w, &image)) return 0;
    for (int i = 0; i < plan->num_views; i++) {
        const _gwt_view_plan *v = &plan->views[i];
        const _gwt_source *s = v->source;
        const _gwt_rect *r = &w->rects[plan->num_passes + i];
        double rows = (double)_gwt_ceil_div(r->rows, v->stride),
               cols = (double)_gwt_ceil_div(r->cols, v->stride);
        needed += rows * cols * (s->planar ? v->num_bands : 1);
        for (int64_t k = 0; v->first == i && k < s->num_tiles; k++) {
            if (!_gwt_uses_of(&run->uses[v->first_tile + k])) continue;
            to->source_tiles++;
            to->source_bytes += s->counts[k];
            decoded += (double)s->tile_w * (double)s->tile_h;
        }
    }
    return needed > 0 ? decoded / needed : 0;
}

static void _gwt_print_programs(const _gwt_plan *plan, FILE *to)
{
    fputs("passes over each piece:\n", to);
    for (int i = 0; i < plan->num_passes; i++) {
        static const char *const kinds[] = { "window", "resample", "kernel" };
        const _gwt_pass *s = &plan->passes[i];
        if (s->step) {
            fprintf(to, "  pass %d: %s of pass %d\n", i, kinds[s->step->kind], s->input);
            continue;
        }
        fprintf(to, "  pass %d: program, %d registers of %s:", i, s->program.num_regs,
                s->program.narrow ? "float32" : "float64");
        for (int k = 0; k < s->program.num_instrs && k < 40; k++)
            fprintf(to, " %s", _gwt_op_names[s->program.instrs[k].op]);
        fputs(s->program.num_instrs > 40 ? " ..\n" : "\n", to);
    }
    for (int i = 0; i < plan->num_views; i++) {
        const _gwt_source *s = plan->views[i].source;
        char shown[1024];
        if (plan->views[i].first != i || !s->at) continue;
        fprintf(to, "image:  %s, %lld x %lld pixels\n",
                _gwt_escape_all(shown, sizeof shown, s->path, 0), (long long)s->geo.width,
                (long long)s->geo.height);
    }
}

// Plan as gwt_compute does, and say what there is to say.
static bool _gwt_plan_describe(const gwt_array *a, gwt_plan *to, FILE *print)
{
    _gwt_plan plan;
    _gwt_action action;
    if (!a || !_gwt_action_begin(&action, a->g, false)) return false;
    _gwt_output output =
        _gwt_output_of(a->planes, (int)_gwt_num_planes(a), a->info.dtype, a->info.nodata);
    bool planned = _gwt_plan_make(&plan, &action, a, &output, 1, NULL), good = planned;
    if (planned) {
        _gwt_run run = { .g = a->g, .action = &action, .plan = &plan };
        _gwt_run_shape(&run, a, 256, 256);
        good = _gwt_run_fit(&run, 0);
        *to = (gwt_plan){ .tiles = run.order.across * run.order.down,
                          .num_workers = run.order.workers, .piece = { run.piece_h, run.piece_w } };
        if (good) to->amplification = _gwt_plan_count(&run, to);
        for (int64_t t = 0; t < to->tiles; t++) {
            _gwt_rect r = _gwt_run_rect(&run, t);
            to->pieces += _gwt_run_num_pieces(&run, &r);
        }
        for (int i = 0; i < plan.num_passes; i++) {
            to->programs += !plan.passes[i].step, to->steps += plan.passes[i].step != NULL;
            to->instructions += plan.passes[i].program.num_instrs;
        }
        to->bytes_pinned = run.share.pinned;
        to->bytes_passes = (uint64_t)(run.order.workers * _gwt_run_buffers(&run, &run.cost));
        to->bytes_cache = _gwt_share_spare(&run.share, a->g->options.memory_limit);
        _gwt_run_end(&run);
        if (print && good) _gwt_print_programs(&plan, print);
        _gwt_plan_free(&plan);
    }
    _gwt_action_end(&action);
    return good;
}

bool gwt_plan_of(const gwt_array *a, gwt_plan *plan)
{
    if (!a || _gwt_failed(a->g)) return false;
    if (!plan) return _gwt_fail(a->g, GWT_E_ARGUMENT, "gwt_plan_of: the plan is NULL");
    return _gwt_plan_describe(a, plan, NULL);
}

bool gwt_print_plan(const gwt_array *a, FILE *to)
{
    gwt_plan p;
    if (!a || _gwt_failed(a->g)) return false;
    if (!to) return _gwt_fail(a->g, GWT_E_ARGUMENT, "gwt_print_plan: the file is NULL");
    _gwt_os_locale c = _gwt_os_locale_begin();
    bool good = _gwt_plan_describe(a, &p, to);
    const gwt_info *i = &a->info;
    const char *why = !i->auto_chunks ? "as asked for"
                    : i->is_tiled && i->tile[0] == i->chunks[2] && i->tile[1] == i->chunks[3]
                        ? "auto: the file's tiles"
                        : "auto";
    if (good)
        fprintf(to, "chunks: %lld x %lld, %s\n", (long long)i->chunks[2], (long long)i->chunks[3],
                p.piece[0] < i->chunks[2] || p.piece[1] < i->chunks[3]
                    ? "cut smaller to fit tiles of the output and the memory" : why);
    if (good)
        fprintf(to,
                "work:   %lld tiles in %lld pieces of %lld x %lld, %d workers\n"
                "reads:  %lld tiles, %.1f MB as stored, each decoded once: %.2f pixels decoded for "
                "each needed\n"
                "memory: %.1f MB tiles in use, %.1f MB buffers, up to %.1f MB spare tiles\n",
                (long long)p.tiles, (long long)p.pieces, (long long)p.piece[0],
                (long long)p.piece[1], p.num_workers, (long long)p.source_tiles,
                (double)p.source_bytes / 1e6, p.amplification, (double)p.bytes_pinned / 1e6,
                (double)p.bytes_passes / 1e6, (double)p.bytes_cache / 1e6);
    _gwt_os_locale_end(c);
    return good;
}

// ---- profiles

enum { _GWT_NUM_STAGES = GWT_STAGE_SCHEDULE + 1 };

const char *gwt_stage_name(gwt_stage stage)
{
    static const char *const names[_GWT_NUM_STAGES] = {
        "read", "decode", "compute", "user", "encode", "write", "wait:tile", "wait:writer",
        "wait:lock", "schedule"
    };
    return (unsigned)stage < (unsigned)_GWT_NUM_STAGES ? names[stage] : "";
}

static bool _gwt_stage_waits(gwt_stage s)
{
    return s >= GWT_STAGE_WAIT_TILE && s <= GWT_STAGE_WAIT_LOCK;
}

// Durations of a stage's events in order, into `to`; how often it ended, and their sum.
static size_t _gwt_summary_stage(const gwt_profile *p, gwt_stage stage, double *to, double *total,
                                 uint64_t *bytes)
{
    size_t n = 0;
    double parts[_GWT_LANE_DEPTH] = { 0 };      // of stages that were interrupted: one a depth
    *total = 0;
    *bytes = 0;
    for (size_t i = 0; i < p->num_events; i++) {
        const gwt_event *e = &p->events[i];
        double *part = &parts[e->depth];
        if (e->stage != stage) continue;
        *part += e->end - e->start;
        if (!e->ends) continue;
        to[n++] = *part;
        *total += *part;
        *bytes += e->bytes_out;
        *part = 0;
    }
    qsort(to, n, sizeof *to, _gwt_compare_doubles);
    return n;
}

static void _gwt_summary_workers(const gwt_profile *p, FILE *to)
{
    double all = 0;
    fprintf(to, "\n%-12s %9s %9s %9s %9s\n", "worker", "work s", "plan s", "wait s", "idle s");
    for (int w = 0; w < p->num_workers; w++) {
        double work = 0, plan = 0, wait = 0;
        for (size_t i = 0; i < p->num_events; i++) {
            const gwt_event *e = &p->events[i];
            if (e->worker != w) continue;
            *(_gwt_stage_waits(e->stage)           ? &wait
              : e->stage == GWT_STAGE_SCHEDULE ? &plan
                                               : &work) += e->end - e->start;
        }
        fprintf(to, "%-12d %9.3f %9.3f %9.3f %9.3f\n", w, work, plan, wait,
                p->seconds - work - plan - wait);
        all += work;
    }
    fprintf(to, "\n%.3f s, parallel efficiency %.0f %%\n", p->seconds,
            100 * all / (p->seconds * p->num_workers));
}

// The longest first.
static void _gwt_summary_operations(const gwt_profile *p, FILE *to)
{
    double spent[GWT_MAX_OPERATIONS] = { 0 }, all = 0;
    const char *names[GWT_MAX_OPERATIONS];
    for (size_t i = 0; i < p->num_operations; i++) {
        const gwt_operation *o = &p->operations[i];
        names[o->kind] = o->name;
        spent[o->kind] += o->seconds;
        all += o->seconds;
    }
    if (all > 0) fprintf(to, "%-22s %9s %9s\n", "operation, estimated", "total s", "share");
    for (int most = 0; all > 0; most = 0) {
        for (int k = 1; k < GWT_MAX_OPERATIONS; k++) if (spent[k] > spent[most]) most = k;
        if (!(spent[most] > 0)) return;
        fprintf(to, "%-22s %9.3f %7.1f %%\n", names[most], spent[most], 100 * spent[most] / all);
        spent[most] = 0;
    }
}

static void _gwt_summary_cache(const gwt_profile *p, FILE *to)
{
    int64_t hits = 0;
    if (p->num_residences == 0) return;
    for (size_t i = 0; i < p->num_residences; i++) hits += p->residences[i].hits;
    double asked = (double)hits + (double)p->num_residences;
    fprintf(to, "cache: %zu tiles came in, asked for %.0f times: %.0f %% were there\n",
            p->num_residences, asked, 100 * (double)hits / asked);
}

void gwt_profile_summary(const gwt_profile *p, FILE *to)
{
    double *list = p ? GWT_MALLOC((p->num_events + 1) * sizeof *list) : NULL;
    double spent = p ? p->seconds * p->num_workers : 0;
    if (!list) {
        fputs(p ? "no memory for a summary\n" : "no profile\n", to);
        return;
    }
    _gwt_os_locale c = _gwt_os_locale_begin();
    fprintf(to, "%-12s %9s %9s %9s %9s %7s %9s\n", "stage", "count", "total s", "mean ms", "p95 ms",
            "share", "MB/s");
    for (int s = 0; s < _GWT_NUM_STAGES; s++) {
        double total;
        uint64_t bytes;
        size_t n = _gwt_summary_stage(p, (gwt_stage)s, list, &total, &bytes);
        if (n == 0) continue;
        fprintf(to, "%-12s %9zu %9.3f %9.3f %9.3f %5.1f %%", gwt_stage_name((gwt_stage)s), n, total,
                1e3 * total / (double)n, 1e3 * _gwt_percentile_sorted(list, n, 95),
                100 * total / spent);
        if (bytes) fprintf(to, " %9.1f", (double)bytes / 1e6 / p->seconds);
        fputc('\n', to);
    }
    GWT_FREE(list);
    _gwt_summary_operations(p, to);
    _gwt_summary_workers(p, to);
    _gwt_summary_cache(p, to);
    if (!p->complete) fputs("memory gave out: there was more than this\n", to);
    _gwt_os_locale_end(c);
}

// ---- dumps: a text file that is there whole or not at all, numbers with a point

typedef void _gwt_dump_fn(const gwt *g, const gwt_profile *p, FILE *f);

// A file of our own: one that a dump left that was killed goes, what may be somebody's stays.
static _gwt_os_file _gwt_dump_create(gwt *g, const char *part, bool is_private)
{
    _gwt_os_facts facts;
    const char *strange = _gwt_os_look(part, false, &facts) ? NULL : _gwt_os_strange(&facts);
    if (strange) {
        _gwt_fail(g, GWT_E_EXISTS, "%s %s: it is in the way, remove it", part, strange);
        return _GWT_OS_EXISTS;
    }
    _gwt_os_file file = _gwt_os_remove(part);
    if (!file) file = _gwt_os_create(part, is_private);
    if (file < 0) _gwt_fail(g, GWT_E_IO, "%s: can't be created: %s", part, _GWT_OS_ERROR(file));
    return file;
}

// All of it, and the mode of what it replaces, where that is not below 0. Closes the file.
static int _gwt_dump_to(const gwt *g, const gwt_profile *p, _gwt_os_file file, _gwt_dump_fn *fn,
                        int mode)
{
    FILE *f = _gwt_os_stream(file);
    if (!f) {
        _gwt_os_close(file);
        return _GWT_OS_FAILED;
    }
    _gwt_os_locale c = _gwt_os_locale_begin();
    fn(g, p, f);
    _gwt_os_locale_end(c);
    int error = mode >= 0 ? _gwt_os_set_mode(file, mode) : 0;
    int closed = _gwt_os_stream_close(f);
    return closed ? closed : error;
}

static bool _gwt_dump(gwt *g, const gwt_profile *p, const char *path, _gwt_dump_fn *fn)
{
    char part[4096];
    _gwt_os_facts old;
    if (_gwt_failed(g)) return false;
    if (!p || !path || !*path || strlen(path) > sizeof part - 8)
        return _gwt_fail(g, GWT_E_ARGUMENT, "no profile, or no name to save it to");
    snprintf(part, sizeof part, "%s.part", path);
    bool replaces = !_gwt_os_look(path, true, &old);
    _gwt_os_file file = _gwt_dump_create(g, part, replaces);
    if (file < 0) return false;
    int error = _gwt_dump_to(g, p, file, fn, replaces ? old.mode : -1);
    if (!error) error = _gwt_os_rename(part, path);
    if (!error) return true;
    _gwt_os_remove(part);
    return _gwt_fail(g, GWT_E_IO, "%s: can't be written: %s", path, _GWT_OS_ERROR(error));
}

// A text between quotes. CSV has it as it may be shown, with quotes doubled; JSON has escapes of
// its own, and U+FFFD for bytes that are no text.
static void _gwt_dump_text(FILE *f, const char *text, bool json)
{
    char shown[8];
    fputc('"', f);
    for (size_t n; (n = gwt_escape(text, shown)) > 0; text += n) {
        bool escaped = *shown == '\\' && *text != '\\';
        if (json && escaped && shown[1] == 'x' && (*text & 0x80)) fputs("\\ufffd", f);
        else if (json && escaped && shown[1] == 'x') fprintf(f, "\\u00%s", shown + 2);
        else if (json && !escaped && strchr("\"\\", *shown)) fprintf(f, "\\%c", *shown);
        else fputs(*shown == '"' ? "\"\"" : shown, f);
    }
    fputc('"', f);
}

static void _gwt_dump_events(const gwt *g, const gwt_profile *p, FILE *f)
{
    (void)g;
    fputs("worker,stage,ends,start_s,end_s,file,tile,row,col,rows,cols,bytes_in,bytes_out\n", f);
    for (size_t i = 0; i < p->num_events; i++) {
        const gwt_event *e = &p->events[i];
        fprintf(f, "%d,%s,%d,%.9f,%.9f,", e->worker, gwt_stage_name(e->stage), e->ends, e->start,
                e->end);
        _gwt_dump_text(f, e->file, false);
        fprintf(f, ",%lld,%lld,%lld,%lld,%lld,%llu,%llu\n", (long long)e->tile, (long long)e->row,
                (long long)e->col, (long long)e->rows, (long long)e->cols,
                (unsigned long long)e->bytes_in, (unsigned long long)e->bytes_out);
    }
}

static void _gwt_dump_resources(const gwt *g, const gwt_profile *p, FILE *f)
{
    (void)g;
    fputs("time_s,resident_bytes,cpu_percent,read_bytes_per_s,written_bytes_per_s,faults_per_s\n",
          f);
    for (size_t i = 0; i < p->num_samples; i++) {
        const gwt_sample *s = &p->samples[i];
        fprintf(f, "%.6f,%llu,%.2f,%.0f,%.0f,%.1f\n", s->time, (unsigned long long)s->resident,
                s->cpu, s->read, s->written, s->faults);
    }
}

static void _gwt_dump_cache(const gwt *g, const gwt_profile *p, FILE *f)
{
    (void)g;
    fputs("file,tile,bytes,from_s,to_s,hits\n", f);
    for (size_t i = 0; i < p->num_residences; i++) {
        const gwt_residence *r = &p->residences[i];
        _gwt_dump_text(f, r->file, false);
        fprintf(f, ",%lld,%llu,%.9f,%.9f,%lld\n", (long long)r->tile, (unsigned long long)r->bytes,
                r->from, r->to, (long long)r->hits);
    }
}

bool gwt_profile_save_csv(gwt *g, const gwt_profile *p, const char *prefix)
{
    static const struct { const char *name; _gwt_dump_fn *fn; } files[] = {
        { "events", _gwt_dump_events }, { "resources", _gwt_dump_resources },
        { "cache", _gwt_dump_cache }
    };
    char path[4096];
    bool good = true;
    for (size_t i = 0; good && i < _GWT_COUNT(files); i++) {
        char rank[24] = "";
        if (gwt_rank(g) > 0) snprintf(rank, sizeof rank, "_rank%d", gwt_rank(g));
        int n = snprintf(path, sizeof path, "%s%s_%s.csv", prefix ? prefix : "", rank,
                         files[i].name);
        good =
            _gwt_dump(g, p, prefix && *prefix && n < (int)sizeof path ? path : NULL, files[i].fn);
    }
    return good;
}

// Where events go: the process they are of, which is the rank counted from 1, and how much later
// its profile began than that of the rank which was first, in seconds.
typedef struct _gwt_trace { FILE *f; int pid; double shift; } _gwt_trace;

static void _gwt_trace_event(const gwt_event *e, const _gwt_trace *to)
{
    char key[512];
    FILE *f = to->f;
    fprintf(f, ",\n{\"ph\":\"X\",\"cat\":\"stage\",\"name\":\"%s\",\"pid\":%d,\"tid\":%d,"
               "\"ts\":%.3f,\"dur\":%.3f,\"args\":{",
            gwt_stage_name(e->stage), to->pid, e->worker, 1e6 * (e->start + to->shift),
            1e6 * (e->end - e->start));
    if (e->file) {
        snprintf(key, sizeof key, "%s tile %lld", e->file, (long long)e->tile);
        fputs("\"key\":", f);
        _gwt_dump_text(f, key, true);
        fputc(',', f);
    } else if (e->rows > 0) {
        fprintf(f, "\"key\":\"rows %lld..%lld, columns %lld..%lld\",", (long long)e->row,
                (long long)(e->row + e->rows - 1), (long long)e->col,
                (long long)(e->col + e->cols - 1));
    }
    fprintf(f, "\"in\":%llu,\"out\":%llu,\"ends\":%d,\"depth\":%d}}",
            (unsigned long long)e->bytes_in, (unsigned long long)e->bytes_out, e->ends, e->depth);
}

static void _gwt_trace_counter(const _gwt_trace *to, const char *name, double time,
                               const char *key, double value)
{
    fprintf(to->f,
            ",\n{\"ph\":\"C\",\"name\":\"%s\",\"pid\":%d,\"ts\":%.3f,\"args\":{\"%s\":%.3f}}",
            name, to->pid, 1e6 * (time + to->shift), key, value);
}

typedef struct _gwt_step_of_cache { double time, bytes; } _gwt_step_of_cache;

static int _gwt_compare_steps(const void *a, const void *b)
{
    return _gwt_compare_doubles(&((const _gwt_step_of_cache *)a)->time,
                                &((const _gwt_step_of_cache *)b)->time);
}

// The bytes of the cache at every coming and going.
static void _gwt_trace_cache(const gwt_profile *p, const _gwt_trace *to)
{
    size_t n = 2 * p->num_residences;
    _gwt_step_of_cache *steps = GWT_MALLOC((n + 1) * sizeof *steps);
    double bytes = 0;
    if (!steps) return;
    for (size_t i = 0; i < p->num_residences; i++) {
        const gwt_residence *r = &p->residences[i];
        steps[2 * i] = (_gwt_step_of_cache){ r->from, (double)r->bytes };
        steps[2 * i + 1] = (_gwt_step_of_cache){ r->to, -(double)r->bytes };
    }
    qsort(steps, n, sizeof *steps, _gwt_compare_steps);
    for (size_t i = 0; i < n; i++)
        bytes += steps[i].bytes, _gwt_trace_counter(to, "cache", steps[i].time, "MB", bytes / 1e6);
    GWT_FREE(steps);
}

// All of one process.
static void _gwt_trace_process(const gwt *g, const gwt_profile *p, const _gwt_trace *to)
{
    FILE *f = to->f;
    char rank[32] = "gwt";
    if (gwt_num_ranks(g) > 1) snprintf(rank, sizeof rank, "gwt rank %d", to->pid - 1);
    fprintf(f, "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%d,\"args\":{\"name\":\"%s\"}}",
            to->pid, rank);
    for (int i = 0; i < p->num_workers; i++)
        fprintf(f, ",\n{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%d,\"tid\":%d,"
                   "\"args\":{\"name\":\"worker %d\"}}", to->pid, i, i);
    for (size_t i = 0; i < p->num_events; i++) _gwt_trace_event(&p->events[i], to);
    for (size_t i = 0; i < p->num_samples; i++) {
        const gwt_sample *s = &p->samples[i];
        _gwt_trace_counter(to, "memory", s->time, "MB", (double)s->resident / 1e6);
        _gwt_trace_counter(to, "cpu", s->time, "percent", s->cpu);
        _gwt_trace_counter(to, "faults", s->time, "per_s", s->faults);
        fprintf(f, ",\n{\"ph\":\"C\",\"name\":\"io\",\"pid\":%d,\"ts\":%.3f,"
                   "\"args\":{\"read\":%.3f,\"written\":%.3f}}",
                to->pid, 1e6 * (s->time + to->shift), s->read / 1e6, s->written / 1e6);
    }
    for (size_t i = 0; i < p->num_operations; i++) {
        const gwt_operation *o = &p->operations[i];
        char name[sizeof o->name + 8];
        snprintf(name, sizeof name, "op:%s", o->name);
        _gwt_trace_counter(to, name, o->time, "ms", 1e3 * o->seconds);
    }
    _gwt_trace_cache(p, to);
    // How often a tile came in, and was there when it was asked for: once, at the end.
    int64_t hits = 0;
    for (size_t i = 0; i < p->num_residences; i++) hits += p->residences[i].hits;
    if (p->num_residences)
        fprintf(f, ",\n{\"ph\":\"C\",\"name\":\"tiles\",\"pid\":%d,\"ts\":%.3f,"
                   "\"args\":{\"in\":%zu,\"hits\":%lld}}",
                to->pid, 1e6 * (p->seconds + to->shift), p->num_residences, (long long)hits);
}

static void _gwt_dump_trace(const gwt *g, const gwt_profile *p, FILE *f)
{
    fprintf(f, "{\"displayTimeUnit\": \"ms\",\n\"otherData\": {\"gwt\": \"%s\", \"label\": ",
            GWT_VERSION);
    _gwt_dump_text(f, p->label ? p->label : "", true);
    fprintf(f, ", \"input\": \"%s\", \"output\": \"%s\"", p->source_compression,
            p->output_compression);
    fprintf(f, ", \"processors\": %d, \"workers\": %d, \"seconds\": %.6f, "
               "\"chunks\": [%lld, %lld, %lld, %lld],\n\"facts\": [",
            p->num_processors, p->num_workers, p->seconds, (long long)p->chunks[0],
            (long long)p->chunks[1], (long long)p->chunks[2], (long long)p->chunks[3]);
    for (size_t i = 0; p->facts && p->facts[i]; i++) {
        fputs(i ? ",\n" : "", f);
        _gwt_dump_text(f, p->facts[i], true);
    }
    fputs("]},\n\"traceEvents\": [\n", f);
    _gwt_trace_process(g, p, &(_gwt_trace){ f, 1, g ? g->trace_begins : 0 });
    for (size_t i = 0; i < g->num_traces; i++)
        if (g->traces[i]) fprintf(f, ",\n%s", g->traces[i]);
    fputs("\n]}\n", f);
}

#ifdef GWT_MPI
// What this rank did, as text, to rank 0.
static bool _gwt_trace_send(_gwt_ranks *k, const gwt_profile *p, double shift)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *f = _gwt_os_text_stream(&text, &bytes);
    _gwt_os_locale c = _gwt_os_locale_begin();
    if (f) _gwt_trace_process(k->g, p, &(_gwt_trace){ f, k->rank + 1, shift });
    _gwt_os_locale_end(c);
    bool good = f && fclose(f) == 0 && bytes < INT32_MAX;
    _gwt_mpi_gather(k->g, good ? text : "", NULL);
    free(text);
    return good || _gwt_fail(k->g, GWT_E_MEMORY, "out of memory: cannot allocate a trace");
}

static bool _gwt_trace_receive(_gwt_ranks *k)
{
    gwt *g = k->g;
    g->traces = _gwt_keep_in(&g->root, (size_t)k->size, sizeof *g->traces);
    g->num_traces = g->traces ? (size_t)k->size : 0;
    return _gwt_mpi_gather(g, "", g->traces);
}

// The others' events come to rank 0 before it writes the file.
static bool _gwt_trace_ranks(gwt *g, const gwt_profile *p, const char *path)
{
    _gwt_ranks *k = g->ranks;
    const _gwt_recorder *r = g->recorders;
    while (r && &r->profile != p) r = r->next;
    int64_t began = r ? r->wall.s * 1000000000 + r->wall.ns : INT64_MAX, first;
    bool good = !_gwt_failed(g);
    if (!p || !path) good = _gwt_fail(g, GWT_E_ARGUMENT, "no profile, or no name to save it to");
    if (!_gwt_mpi_agree(k, _GWT_AGREE_START, good, _gwt_crc(0, "trace", 5), NULL)) return false;
    first = _gwt_mpi_least(g, began);
    g->trace_begins = r ? 1e-9 * (double)(began - first) : 0;
    if (k->rank == 0) good = _gwt_trace_receive(k) && _gwt_dump(g, p, path, _gwt_dump_trace);
    else good = _gwt_trace_send(k, p, g->trace_begins);
    return _gwt_mpi_agree(k, _GWT_AGREE_FINISH, good, 0, NULL);
}
#endif

bool gwt_profile_save_trace(gwt *g, const gwt_profile *p, const char *path)
{
#ifdef GWT_MPI
    if (g && g->ranks && !_gwt_stays && !_gwt_failed(g)) return _gwt_trace_ranks(g, p, path);
#endif
    return _gwt_dump(g, p, path, _gwt_dump_trace);
}

_GWT_FOR_SPEED

#if defined(__clang__) || !defined(__GNUC__)
#pragma STDC FP_CONTRACT DEFAULT
#elif defined(__FP_FAST_FMA) || defined(__FP_FAST_FMAF)
#pragma GCC pop_options
#endif

#endif  // GWT_IMPLEMENTED
#endif  // GWT_IMPLEMENTATION

/*
MIT License

Copyright (c) 2026 the gwt authors

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT
OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
*/
