// gwt.c - the command `gwt`: which subcommands there are.
//
//     make build/release/gwt

#include "cli.h"
#include "help.h"

#include <string.h>

static const cli_subcommand subcommands[] = {
    { "info", cmd_info, "what a file says about itself", false },
    { "stats", cmd_stats, "minimum, maximum, mean, deviation, checksum of each band", false },
    { "zonal", cmd_zonal, "statistics of the pixels of each zone, as a table", false },
    { "calc", cmd_calc, "an expression over files, into a file", false },
    { "convert", cmd_convert, "a file into another: type, tiles, compression, a part of it",
      false },
    { "why", cmd_why, "what a pixel of calc's output is made of", true },
    { "plan", cmd_plan, "what calc would do, and what that takes", true },
    { "tune", cmd_tune, "the best chunk size and number of workers", true },
    { "quicklook", cmd_quicklook, "a small picture", true },
    { "overviews", cmd_overviews, "smaller copies of a file beside it, for viewers", true },
    { "verify", cmd_verify, "whether every tile of a file is good", true },
    { "sensors", cmd_sensors, "the sensors there are, and their bands", true },
    { "codecs", cmd_codecs, "the compressions that can be read and written", true },
    { "visualize", cmd_visualize, "a page of recorded profiles: where the time went", true },
    { NULL, NULL, NULL, false }
};

static void print_overview(void)
{
    fputs("usage: gwt COMMAND [options]\n\nSatellite and aerial rasters, in parallel.\n\n", stdout);
    for (const cli_subcommand *s = subcommands; s->name; s++)
        printf("  gwt %-11s %s\n", s->name, s->summary);
    fputs("\n  gwt COMMAND --help   the options of a command\n"
          "  gwt help tasks       what users of GDAL and rasterio type, and the same by gwt\n"
          "  gwt --version        the version\n\n"
          "A FILE may be a pattern in quotes, 'scenes/*.tif', and stands for all that match it.\n\n"
          "Exit status: 0 done, 1 the work failed, 2 the command line is wrong,\n"
          "128 + N stopped by signal N (130 by Ctrl-C).\n", stdout);
}

static const cli_subcommand *find_subcommand(const char *name)
{
    for (const cli_subcommand *s = subcommands; s->name; s++)
        if (strcmp(s->name, name) == 0) return s;
    return NULL;
}

static int unknown(const char *name)
{
    return cli_usage_error(NULL, "unknown %s '%s'; see gwt --help",
                           name[0] == '-' ? "option" : "command", name);
}

// `gwt help calc` is `gwt calc --help`.
static int help(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "tasks") == 0) return print_tasks();
    if (argc > 1 && strcmp(argv[1], "--man") == 0) return print_man(subcommands, argc > 2 ? argv[2] : NULL);
    if (argc > 1 && strcmp(argv[1], "--completion") == 0)
        return print_completion(subcommands, argc > 2 ? argv[2] : "");
    if (argc > 1) {
        const cli_subcommand *s = find_subcommand(argv[1]);
        char *asked[] = { argv[1], "--help", NULL };
        return s ? s->run(2, asked) : unknown(argv[1]);
    }
    print_overview();
    return CLI_OK;
}

static int run(int argc, char **argv, int ranks)
{
    if (argc < 1) return cli_usage_error(NULL, "no command; see gwt --help");
    const char *name = argv[0];
    const cli_subcommand *s = find_subcommand(name);
    if (s && s->alone && ranks > 1)
        return cli_usage_error(NULL, "gwt %s runs in one process, without mpirun", name);
    if (s) return s->run(argc, argv);
    if (strcmp(name, "help") == 0) return help(argc, argv);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) return help(1, argv);
    if (strcmp(name, "--version") != 0) return unknown(name);
    #ifdef GWT_MPI
    print_version(true);
#else
    print_version(false);
#endif
    return CLI_OK;
}

// How many ranks there are. Of those of an MPI job the first one alone speaks of what all of them
// see: results, help, a command line that is wrong.
static int hush_other_ranks(void)
{
    int ranks = 1;
#ifdef GWT_MPI
    gwt *g = gwt_begin(.num_workers = 1, .quiet = true);
    if (g && gwt_rank(g) > 0) cli_hush();
    if (g) ranks = gwt_num_ranks(g);
    gwt_end(g);
#endif
    return ranks;
}

int main(int argc, char **argv)
{
    int ranks = hush_other_ranks();
    cli_keep_line(argc, argv);
    int status = run(argc - 1, argv + 1, ranks);
    // What was printed may still be in the buffer, and the disk behind stdout full.
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == CLI_OK)
        status = cli_error("stdout can't be written");
    return cli_interrupted() ? cli_interrupted() : status;
}
