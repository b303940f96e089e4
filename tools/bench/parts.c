// parts.c - for bench: what is measured besides the jobs against the floor.

#define _DEFAULT_SOURCE
#if defined(__APPLE__)
#define _DARWIN_C_SOURCE
#endif

#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ---- one worker and two -------------------------------------------------------------------------

bool measure_workers(const settings *s)
{
    char out[PATH];
    static sample taken[4][MAX_TURNS];  // floor with 1 and 2, gwt with 1 and 2
    sample medians[4];
    job j = norm_diff_job(s, s->size, s->size, "deflate");
    join(out, "%s/out.tif", s->dir);
    run_gwt(s, &j, out, 2, 0);
    double start = now();
    int n = 0;
    for (; go_on(s, n, start); n++)
        for (int i = 0; i < 4; i++)
            taken[i][n] = i < 2 ? run_floor(s, &j, out, i + 1, true)
                                : run_gwt(s, &j, out, i - 1, 0);
    unlink(out);
    for (int i = 0; i < 4; i++) medians[i] = median_sample(taken[i], n);
    double of_floor = median_ratio(taken[0], taken[1], n);
    double of_gwt = median_ratio(taken[2], taken[3], n);

    printf("\nfrom 1 worker to 2, deflate, with fsync; medians of %d turns\n\n"
           "          | 1: wall s  CPU s    MB | 2: wall s  CPU s    MB | times as fast\n", n);
    for (int i = 0; i < 4; i += 2)
        printf("%-9s | %9.2f %6.2f %5.0f | %9.2f %6.2f %5.0f | %6.3f\n", i ? "gwt" : "floor",
               medians[i].wall, medians[i].cpu, medians[i].megabytes, medians[i + 1].wall,
               medians[i + 1].cpu, medians[i + 1].megabytes, i ? of_gwt : of_floor);
    bar_at_least(1.85, of_gwt, "times as fast with 2 workers");
    bars_print();
    if (!s->json) return true;
    static const char *const names[4] = { "floor_1", "floor_2", "gwt_1", "gwt_2" };
    fprintf(s->json, ",\n \"workers_1_2\": {\"turns\": %d", n);
    for (int i = 0; i < 4; i++) {
        fprintf(s->json, ", ");
        json_sample(s->json, names[i], &medians[i]);
    }
    fprintf(s->json, ", \"floor_speedup\": %.4f, \"gwt_speedup\": %.4f}", of_floor, of_gwt);
    return true;
}

// ---- empty tasks --------------------------------------------------------------------------------

static double task_nanoseconds(const settings *s, int workers)
{
    char program[PATH], said[64], number[16];
    sample used;
    join(program, "%s/tasks", s->programs);
    snprintf(number, sizeof number, "%d", workers);
    const char *argv[] = { program, "1000000", number, NULL };
    if (run_program(argv, said, sizeof said, &used) != 0) die("%s failed", program);
    return strtod(said, NULL);
}

bool measure_tasks(const settings *s)
{
    double taken[2][MAX_TURNS];
    int n = 0;
    for (; n < s->pairs * LONGER; n++)
        for (int i = 0; i < 2; i++) taken[i][n] = task_nanoseconds(s, i + 1);
    double one = median(taken[0], n), two = median(taken[1], n);
    printf("\nan empty task, a million in a loop; medians of %d turns: %.1f ns with 1 worker, "
           "%.1f ns with 2\n", n, one, two);
    bar_at_most(1000, one > two ? one : two, "an empty task, ns");
    bars_print();
    if (s->json)
        fprintf(s->json, ",\n \"tasks\": {\"turns\": %d, \"ns_1\": %.3f, \"ns_2\": %.3f}", n, one,
                two);
    return true;
}

// ---- a job in chunks ----------------------------------------------------------------------------

enum { CHUNK_SIZES = 7, WORKER_COUNTS = 4, PAGE_WIDTH = 2041, PAGE_HEIGHT = 1860 };

static const int chunk_edges[CHUNK_SIZES] = { 32, 64, 128, 256, 512, 1024, 2048 };
static const int worker_counts[WORKER_COUNTS] = { 1, 2, 4, 8 };

typedef struct chunk_sweep {
    int turns;
    sample gwt[WORKER_COUNTS][CHUNK_SIZES], floor[WORKER_COUNTS];  // medians; the floor is synced
    double best[WORKER_COUNTS];         // the least median wall time
} chunk_sweep;

// All chunks and the floor with one number of workers take turns.
static void sweep_chunks(const settings *s, const job *j, const char *out, chunk_sweep *c, int k)
{
    static sample gwts[CHUNK_SIZES][MAX_TURNS], floors[MAX_TURNS];
    int n = 0, workers = worker_counts[k];
    double start = now();
    for (; go_on(s, n, start); n++) {
        floors[n] = run_floor(s, j, out, workers, true);
        for (int i = 0; i < CHUNK_SIZES; i++)
            gwts[i][n] = run_gwt(s, j, out, workers, chunk_edges[i]);
    }
    c->turns = n;
    c->floor[k] = median_sample(floors, n);
    for (int i = 0; i < CHUNK_SIZES; i++) {
        c->gwt[k][i] = median_sample(gwts[i], n);
        if (i == 0 || c->gwt[k][i].wall < c->best[k]) c->best[k] = c->gwt[k][i].wall;
    }
}

static void print_chunks(const chunk_sweep *c)
{
    printf("\nnorm_diff of %d x %d, LZW, in chunks, by 1, 2, 4, 8 workers; medians\n\n"
           "          | wall s                  | of the best             | MB\n"
           "chunks    |     1     2     4     8 |     1     2     4     8 |   1   2   4   8\n",
           PAGE_WIDTH, PAGE_HEIGHT);
    for (int i = 0; i <= CHUNK_SIZES; i++) {
        bool floor = i == CHUNK_SIZES;
        const sample *row[WORKER_COUNTS];
        for (int k = 0; k < WORKER_COUNTS; k++) row[k] = floor ? &c->floor[k] : &c->gwt[k][i];
        if (floor) printf("floor     |");
        else printf("%-9d |", chunk_edges[i]);
        for (int k = 0; k < WORKER_COUNTS; k++) printf(" %5.3f", row[k]->wall);
        printf(" |");
        for (int k = 0; k < WORKER_COUNTS; k++) printf(" %5.3f", row[k]->wall / c->best[k]);
        printf(" |");
        for (int k = 0; k < WORKER_COUNTS; k++) printf(" %3.0f", row[k]->megabytes);
        printf("\n");
    }
}

// Only as many workers as there are cores: others wait for one another.
static void bar_chunks(const chunk_sweep *c)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    for (int k = 0; k < WORKER_COUNTS; k++)
        for (int i = 0; i < CHUNK_SIZES; i++)
            if (chunk_edges[i] == 64 && worker_counts[k] <= cores)
                bar_at_most(1.25, c->gwt[k][i].wall / c->best[k],
                            "page scene in chunks of 64 / of the best, %d workers",
                            worker_counts[k]);
    bars_print();
}

bool measure_chunks(const settings *s)
{
    char out[PATH];
    chunk_sweep c = { .turns = 0 };
    job j = norm_diff_job(s, PAGE_WIDTH, PAGE_HEIGHT, "lzw");
    join(out, "%s/out.tif", s->dir);
    for (int i = 0; i < s->warmup; i++) run_gwt(s, &j, out, s->workers, 0);
    for (int k = 0; k < WORKER_COUNTS; k++) sweep_chunks(s, &j, out, &c, k);
    unlink(out);
    print_chunks(&c);
    bar_chunks(&c);
    if (!s->json) return true;
    fprintf(s->json, ",\n \"chunks\": [");
    for (int k = 0; k < WORKER_COUNTS; k++)
        for (int i = 0; i < CHUNK_SIZES; i++) {
            fprintf(s->json, "%s\n  {\"workers\": %d, \"chunks\": %d, \"turns\": %d, ",
                    k + i ? "," : "", worker_counts[k], chunk_edges[i], c.turns);
            json_sample(s->json, "gwt", &c.gwt[k][i]);
            fprintf(s->json, ", \"of_best\": %.4f}", c.gwt[k][i].wall / c.best[k]);
        }
    fprintf(s->json, "]");
    return true;
}

// ---- into memory --------------------------------------------------------------------------------

// The job as a program that calls gwt.h: into memory (out "-"), with a profile, without a profiler.
static sample run_ndi(const settings *s, const char *name, const job *j, const char *out,
                      int chunks, bool profile)
{
    char program[PATH], threads[16], edge[16];
    join(program, "%s/%s", s->programs, name);
    snprintf(threads, sizeof threads, "%d", s->workers);
    snprintf(edge, sizeof edge, "%d", chunks);
    const char *argv[] = { program, j->inputs[0], j->compress, out, edge, threads,
                           profile ? "profile" : NULL, NULL };
    unlink(out);
    return run(argv);
}

static void print_row(const char *name, const sample *m)
{
    printf("%-9s | %6.3f %6.3f %5.0f\n", name, m->wall, m->cpu, m->megabytes);
}

static sample run_decode(const settings *s, const job *j)
{
    char program[PATH], threads[16];
    join(program, "%s/floor", s->programs);
    snprintf(threads, sizeof threads, "%d", s->workers);
    const char *argv[] = { program, "decode", threads, j->inputs[0], NULL };
    return run(argv);
}

bool measure_compute(const settings *s)
{
    static sample decodes[MAX_TURNS], gwts[MAX_TURNS];
    job j = norm_diff_job(s, PAGE_WIDTH, PAGE_HEIGHT, "lzw");
    for (int i = 0; i < s->warmup; i++) run_decode(s, &j), run_ndi(s, "ndi", &j, "-", 0, false);
    double start = now();
    int n = 0;
    for (; go_on(s, n, start); n++) {
        decodes[n] = run_decode(s, &j);
        gwts[n] = run_ndi(s, "ndi", &j, "-", 0, false);
    }
    sample decode = median_sample(decodes, n), gwt = median_sample(gwts, n);
    double ratio = median_ratio(gwts, decodes, n);
    printf("\nnorm_diff of %d x %d, LZW, into memory, and its tiles decoded; %d workers; medians\n"
           "of %d turns\n\n          | wall s  CPU s    MB\n", PAGE_WIDTH, PAGE_HEIGHT, s->workers,
           n);
    print_row("decode", &decode);
    print_row("gwt", &gwt);
    bar_at_most(1.3, ratio, "page scene into memory / its tiles decoded");
    bars_print();
    if (!s->json) return true;
    fprintf(s->json, ",\n \"compute\": {\"turns\": %d, ", n);
    json_sample(s->json, "decode", &decode);
    fprintf(s->json, ", ");
    json_sample(s->json, "gwt", &gwt);
    fprintf(s->json, ", \"ratio\": %.4f}", ratio);
    return true;
}

// ---- the profiler -------------------------------------------------------------------------------

enum { WITH, OFF, WITHOUT, WAYS };     // a profile; none; no profiler in the program

// Every turn in another order: who comes first finds another machine than who comes last.
static int run_ways(const settings *s, const job *j, const char *out,
                    sample taken[WAYS][MAX_TURNS])
{
    int n = 0;
    for (; n < s->pairs * LONGER; n++)
        for (int i = 0; i < WAYS; i++) {
            int way = (i + n) % WAYS;
            taken[way][n] = run_ndi(s, way == WITHOUT ? "ndi-noprofile" : "ndi", j, out, 256,
                                    way == WITH);
        }
    unlink(out);
    return n;
}

bool measure_profile(const settings *s)
{
    static sample taken[WAYS][MAX_TURNS];
    static const char *const names[WAYS] = { "profile", "off", "without" };
    char out[PATH];
    job j = norm_diff_job(s, s->size, s->size, "deflate");
    join(out, "%s/out.tif", s->dir);
    run_ndi(s, "ndi", &j, out, 256, false);
    int n = run_ways(s, &j, out, taken);
    double on = median_ratio(taken[WITH], taken[OFF], n);
    range off = range_of_ratio(taken[OFF], taken[WITHOUT], n);
    printf("\nnorm_diff of %d x %d, deflate, chunks of 256, %d workers: with a profile, with none, "
           "without\nthe profiler; medians of %d turns\n\n          | wall s  CPU s    MB\n",
           s->size, s->size, s->workers, n);
    for (int i = 0; i < WAYS; i++) {
        sample m = median_sample(taken[i], n);
        print_row(names[i], &m);
    }
    printf("profile / off %.4f; off / without %.4f, of which 95 %% sure is %.4f to %.4f\n", on,
           off.middle, off.low, off.high);
    bar_at_most(1.01, on, "with a profile / with none");
    bar_at_most(1, off.low, "no profile / no profiler, low end of 95 %%");
    bars_print();
    if (!s->json) return true;
    fprintf(s->json, ",\n \"profile\": {\"turns\": %d, \"on_off\": %.5f, \"off_without\": %.5f, "
            "\"low\": %.5f, \"high\": %.5f}", n, on, off.middle, off.low, off.high);
    return true;
}

// ---- zones --------------------------------------------------------------------------------------

// 100 x 100 of them, of about the same size: rows and columns of zones, rounded to integers by the
// type of the file, and then both.
static void make_zones(const settings *s, const char *zones, const char *values)
{
    char program[PATH], rows[PATH], cols[PATH], row[128], col[128];
    join(program, "%s/gwt", s->programs);
    join(rows, "%s/zone-rows.tif", s->dir);
    join(cols, "%s/zone-cols.tif", s->dir);
    snprintf(row, sizeof row, "(row() + 0.5) * 100 / %d - 0.5", s->size);
    snprintf(col, sizeof col, "(col() + 0.5) * 100 / %d - 0.5", s->size);
    const char *const made[3][3] = { { row, values, rows }, { col, values, cols },
                                     { "a * 100 + b", rows, zones } };
    for (int i = 0; i < 3; i++) {
        const char *argv[] = { program, "calc", made[i][0], made[i][1], i == 2 ? cols : "-q",
                               "--dtype", "uint16", "--dst-nodata", "65535", "--compress",
                               "deflate", "--tile-size", "256", "--overwrite", "-q", "-o",
                               made[i][2], NULL };
        run(argv);
    }
    unlink(rows);
    unlink(cols);
}

static sample run_zonal(const settings *s, const char *values, const char *zones)
{
    char program[PATH], threads[16];
    join(program, "%s/gwt", s->programs);
    snprintf(threads, sizeof threads, "%d", s->workers);
    const char *argv[] = { program, "stats", values, "-q", "-j", threads, NULL, NULL, NULL };
    if (zones) {
        argv[1] = "zonal";
        argv[6] = "--zones";
        argv[7] = zones;
    }
    return run(argv);
}

bool measure_zonal(const settings *s)
{
    char zones[PATH];
    static sample stats[MAX_TURNS], zonal[MAX_TURNS];
    job j = norm_diff_job(s, s->size, s->size, "deflate");
    join(zones, "%s/zones-%d.tif", s->dir, s->size);
    make_zones(s, zones, j.inputs[0]);
    for (int i = 0; i < s->warmup; i++) run_zonal(s, j.inputs[0], i % 2 ? NULL : zones);
    double start = now();
    int n = 0;
    for (; go_on(s, n, start); n++) {
        stats[n] = run_zonal(s, j.inputs[0], NULL);
        zonal[n] = run_zonal(s, j.inputs[0], zones);
    }
    unlink(zones);
    sample all = median_sample(stats, n), each = median_sample(zonal, n);
    double ratio = median_ratio(zonal, stats, n), cpu = median_cpu_ratio(zonal, stats, n);
    printf("\nstatistics of %d x %d x 3 uint16, deflate, of all pixels and of 10,000 zones; %d "
           "workers;\nmedians of %d turns\n\n          | wall s  CPU s    MB\n", s->size, s->size,
           s->workers, n);
    print_row("stats", &all);
    print_row("zonal", &each);
    printf("zonal / stats %.3f, CPU %.3f\n", ratio, cpu);
    bar_at_most(1.3, ratio, "statistics of 10,000 zones / of all pixels");
    bars_print();
    if (!s->json) return true;
    fprintf(s->json, ",\n \"zonal\": {\"turns\": %d, ", n);
    json_sample(s->json, "stats", &all);
    fprintf(s->json, ", ");
    json_sample(s->json, "zonal", &each);
    fprintf(s->json, ", \"ratio\": %.4f, \"ratio_cpu\": %.4f}", ratio, cpu);
    return true;
}

// ---- copying ------------------------------------------------------------------------------------

// The file as it is, and on the disk.
static sample run_cp(const char *from, const char *out)
{
    const char *argv[] = { "/bin/sh", "-c", "cp \"$1\" \"$2\" && sync \"$2\"", "sh", from, out,
                           NULL };
    unlink(out);
    return run(argv);
}

static sample run_convert(const settings *s, const char *from, const char *out, bool anew)
{
    char program[PATH], threads[16];
    join(program, "%s/gwt", s->programs);
    snprintf(threads, sizeof threads, "%d", s->workers);
    const char *argv[] = { program, "convert", from, "-o", out, "-q", "-j", threads,
                           anew ? "--reencode" : NULL, NULL };
    unlink(out);
    return run(argv);
}

bool measure_copied(const settings *s)
{
    char out[PATH];
    static sample cp[MAX_TURNS], copied[MAX_TURNS];
    job j = norm_diff_job(s, s->size, s->size, "deflate");
    join(out, "%s/out.tif", s->dir);
    sample anew = run_convert(s, j.inputs[0], out, true);
    for (int i = 0; i < s->warmup; i++) run_convert(s, j.inputs[0], out, false);
    double start = now();
    int n = 0;
    for (; go_on(s, n, start); n++) {
        cp[n] = run_cp(j.inputs[0], out);
        copied[n] = run_convert(s, j.inputs[0], out, false);
    }
    unlink(out);
    sample plain = median_sample(cp, n), tiles = median_sample(copied, n);
    double ratio = median_ratio(copied, cp, n);
    printf("\n%d x %d x 3 uint16, deflate, to the same tiles: copied, encoded anew, and the file "
           "by cp\nand sync; %d workers; medians of %d turns\n\n          | wall s  CPU s    MB\n",
           s->size, s->size, s->workers, n);
    print_row("cp, sync", &plain);
    print_row("copied", &tiles);
    print_row("anew", &anew);
    bar_at_most(1.3, ratio, "a file whose tiles are copied / cp and sync");
    bars_print();
    if (!s->json) return true;
    fprintf(s->json, ",\n \"copied\": {\"turns\": %d, ", n);
    json_sample(s->json, "cp", &plain);
    fprintf(s->json, ", ");
    json_sample(s->json, "copied", &tiles);
    fprintf(s->json, ", ");
    json_sample(s->json, "anew", &anew);
    fprintf(s->json, ", \"ratio\": %.4f}", ratio);
    return true;
}

// ---- classes ------------------------------------------------------------------------------------

// n ranges of one width from 0 to `top` as an expression; they make the same four classes of
// pixels, however many there are.
static void write_classes(const char *path, int n, double top)
{
    FILE *file = fopen(path, "w");
    if (!file) die("%s: can't be written", path);
    fputs("reclass(b1, \"", file);
    for (int i = 0; i < n; i++)
        fprintf(file, "%s%.17g:%.17g=%d", i ? ", " : "", i * top / n, (i + 1) * top / n,
                (int)(i * 4LL / n));
    fputs("\")\n", file);
    if (fclose(file) != 0) die("%s: can't be written", path);
}

// The scene's last band by itself, as it is and as float32.
static void make_bands(const settings *s, const char *scene, char bands[2][PATH])
{
    static const char *const types[2] = { "uint16", "float32" };
    char program[PATH];
    join(program, "%s/gwt", s->programs);
    for (int i = 0; i < 2; i++) {
        join(bands[i], "%s/%s-%d.tif", s->dir, types[i], s->size);
        const char *argv[] = { program, "calc", i ? "b3 * 1" : "b3", scene, "-o", bands[i], "-q",
                               "--dtype", types[i], "--compress", "deflate", "--tile-size", "256",
                               "--overwrite", NULL };
        run(argv);
    }
}

bool measure_reclass(const settings *s)
{
    enum { FEW = 4, MANY = 65536 };
    static const char *const names[2] = { "uint16", "float32" };
    char bands[2][PATH], few[PATH], many[PATH], classes[2][PATH], out[PATH];
    job j = norm_diff_job(s, s->size, s->size, "deflate");
    make_bands(s, j.inputs[0], bands);
    join(few, "%s/few.txt", s->dir);
    join(many, "%s/many.txt", s->dir);
    join(classes[0], "@%s", few);
    join(classes[1], "@%s", many);
    join(out, "%s/out.tif", s->dir);
    write_classes(few, FEW, MANY);
    write_classes(many, MANY, MANY);
    printf("\nclasses of %d x %d, deflate, by %d workers\n\n          | %d: wall s  CPU s    MB | "
           "%d: wall s  CPU s    MB | ratio    CPU | turns\n", s->size, s->size, s->workers, FEW,
           MANY);
    if (s->json) fprintf(s->json, ",\n \"reclass\": {");
    for (int k = 0; k < 2; k++) {
        static sample taken[2][MAX_TURNS];
        job of = { .compress = "deflate", .count = 1 };
        join(of.inputs[0], "%s", bands[k]);
        double start = now();
        int n = 0;
        for (; go_on(s, n, start); n++)
            for (int i = 0; i < 2; i++) {
                of.expression = classes[i];
                taken[i][n] = run_gwt(s, &of, out, s->workers, 0);
            }
        sample a = median_sample(taken[0], n), b = median_sample(taken[1], n);
        double ratio = median_ratio(taken[1], taken[0], n),
               cpu = median_cpu_ratio(taken[1], taken[0], n);
        printf("%-9s | %9.2f %6.2f %5.0f | %13.2f %6.2f %5.0f | %5.3f  %5.3f | %5d\n", names[k],
               a.wall, a.cpu, a.megabytes, b.wall, b.cpu, b.megabytes, ratio, cpu, n);
        bar_at_most(1.2, ratio, "%d classes of %s / %d", MANY, names[k], FEW);
        if (s->json)
            fprintf(s->json, "%s\"%s\": {\"turns\": %d, \"ratio\": %.4f, \"ratio_cpu\": %.4f}",
                    k ? ", " : "", names[k], n, ratio, cpu);
        unlink(bands[k]);
    }
    unlink(few);
    unlink(many);
    unlink(out);
    if (s->json) fprintf(s->json, "}");
    bars_print();
    return true;
}

// ---- ranks --------------------------------------------------------------------------------------

bool measure_ranks(const settings *s)
{
    static sample one[MAX_TURNS], two[MAX_TURNS];
    char out[PATH];
    job j = norm_diff_job(s, s->size, s->size, "deflate");
    join(out, "%s/out.tif", s->dir);
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 0);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 0);
    for (int i = 0; i < s->warmup; i++) run_ranks(s, &j, out, 2, 1);
    int n = 0;
    for (; n < s->pairs * LONGER; n++) {
        one[n] = run_ranks(s, &j, out, 1, 2);
        two[n] = run_ranks(s, &j, out, 2, 1);
    }
    unlink(out);
    sample by_one = median_sample(one, n), by_two = median_sample(two, n);
    range ratio = range_of_ratio(two, one, n);
    printf("\nnorm_diff of %d x %d, deflate, by one rank of two workers and by two ranks of one; "
           "medians\nof %d turns, with what mpirun takes\n\n          | wall s  CPU s    MB\n",
           s->size, s->size, n);
    print_row("1 x 2", &by_one);
    print_row("2 x 1", &by_two);
    printf("2 x 1 / 1 x 2 %.3f, of which 95 %% sure is %.3f to %.3f\n", ratio.middle, ratio.low,
           ratio.high);
    bar_at_most(1.10, ratio.middle, "two ranks / two workers");
    bars_print();
    if (!s->json) return true;
    fprintf(s->json, ",\n \"ranks\": {\"turns\": %d, ", n);
    json_sample(s->json, "one", &by_one);
    fprintf(s->json, ", ");
    json_sample(s->json, "two", &by_two);
    fprintf(s->json, ", \"ratio\": %.4f, \"low\": %.4f, \"high\": %.4f}", ratio.middle, ratio.low,
            ratio.high);
    return true;
}

// ---- memory -------------------------------------------------------------------------------------

bool measure_memory(const settings *s)
{
    char out[PATH];
    sample used[2];
    const int edges[2] = { s->size, 4 * s->size };
    join(out, "%s/out.tif", s->dir);
    for (int i = 0; i < 2; i++) {
        job j = norm_diff_job(s, edges[i], edges[i], "deflate");
        j.options[4] = "--memory";
        j.options[5] = "256M";
        used[i] = run_gwt(s, &j, out, s->workers, 0);
        if (i == 1) unlink(j.inputs[0]);
    }
    unlink(out);
    printf("\npeak memory of norm_diff, deflate, limit 256 MB, %d workers\n\n"
           "pixels            | wall s  CPU s    MB\n", s->workers);
    for (int i = 0; i < 2; i++)
        printf("%6d x %-6d   | %6.2f %6.2f %5.0f\n", edges[i], edges[i], used[i].wall, used[i].cpu,
               used[i].megabytes);
    for (int i = 0; i < 2; i++)
        bar_at_most(288, used[i].megabytes, "peak MB of %d x %d, limit 256", edges[i], edges[i]);
    bars_print();
    if (!s->json) return true;
    fprintf(s->json, ",\n \"memory\": [");
    for (int i = 0; i < 2; i++) {
        fprintf(s->json, "%s\n  {\"size\": %d, ", i ? "," : "", edges[i]);
        json_sample(s->json, "gwt", &used[i]);
        fprintf(s->json, "}");
    }
    fprintf(s->json, "]");
    return true;
}
