// report.c - gwt visualize: profiles as a page, or as text on the terminal.

#include "report.h"

#include "../cli/cli.h"
#include "../cli/inputs.h"

#include <stdlib.h>

typedef struct visualize_args {
    const char *output;
    bool text, overwrite, quiet;
} visualize_args;

#define TO(field) offsetof(visualize_args, field)

static const cli_option options[] = {
    { 'o', "output", CLI_TEXT, TO(output), "OUT", "the page to write; - is stdout", 0, 0, NULL },
    { 0, "text", CLI_FLAG, TO(text), NULL, "print the tables and the advice", 0, 0, NULL },
    CLI_OVERWRITE(TO(overwrite)),
    CLI_QUIET(TO(quiet), "no line about what was written"),
    CLI_END
};

#undef TO

static const cli_command command = {
    .name = "gwt visualize", .synopsis = "TRACE.json... [-o OUT.html] [--text] [options]",
    .summary = "Make a page of recorded profiles: what each worker did when, CPU, memory, cache\n"
               "and I/O over the same time, tables, and what the numbers advise.",
    .details = "The page is one file that opens in any browser, offline. Several profiles are\n"
               "drawn on one time scale and compared in a table.\n",
    .options = options, .min_arguments = 1, .max_arguments = REPORT_MAX,
    .wanted = "one to 16 profiles"
};

static int read_command_line(visualize_args *args, int argc, char **argv, int *count)
{
    int status = cli_parse(&command, args, argc, argv, count);
    if (status != CLI_GO_ON) return status;
    if (!args->output && !args->text)
        return cli_usage_error(&command, "no output: -o OUT says where the page goes, or --text");
    if (args->output && cli_is_stdout(args->output) && args->text)
        return cli_usage_error(&command, "-o - with --text: both the page and the text to stdout");
    return CLI_GO_ON;
}

static void print_text(const trace *traces, const digest *digests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i) putchar('\n');
        digest_print(stdout, &traces[i], &digests[i]);
    }
    if (count > 1) digest_print_comparison(stdout, traces, digests, count);
}

static bool write_page(const visualize_args *args, const trace *traces, const digest *digests,
                       size_t count)
{
    cli_output out;
    if (!cli_output_open(&out, args->output, traces[0].path, args->overwrite)) return false;
    report_page(out.stream, traces, digests, count);
    if (!cli_output_close(&out, true)) return false;
    if (args->quiet || args->text || cli_is_stdout(args->output)) return true;
    cli_text(stdout, args->output);
    putchar('\n');
    return true;
}

static bool show(const visualize_args *args, const file_list *files)
{
    trace traces[REPORT_MAX] = { { .path = NULL } };
    digest digests[REPORT_MAX] = { { .wall = 0 } };
    size_t n = files->count;
    bool good = !args->output || cli_may_create(args->output, files->paths, n, args->overwrite);
    for (size_t i = 0; i < n && good; i++)
        good = trace_read(&traces[i], files->paths[i]) && digest_make(&digests[i], &traces[i]);
    if (good && args->output) good = write_page(args, traces, digests, n);
    if (good && args->text) print_text(traces, digests, n);
    for (size_t i = 0; i < n; i++) {
        digest_free(&digests[i]);
        trace_free(&traces[i]);
    }
    return good;
}

int cmd_visualize(int argc, char **argv)
{
    visualize_args args = { .output = NULL };
    int count, status = read_command_line(&args, argc, argv, &count);
    if (status != CLI_GO_ON) return status;

    file_list files;
    if (!file_list_find(&files, argv, (size_t)count)) return CLI_FAILED;
    if (files.count > REPORT_MAX)
        status = cli_error("%zu profiles, where there is place for %d", files.count, REPORT_MAX);
    else status = show(&args, &files) ? CLI_OK : CLI_FAILED;
    file_list_free(&files);
    return status;
}
