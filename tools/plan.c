// plan.c - gwt plan: what gwt calc would do, before it does it.

#include "cli.h"
#include "inputs.h"

#include <limits.h>
#include <stdlib.h>

typedef struct plan_args {
    input_options inputs;
    const char *sensor;
    int workers;
    size_t memory;
} plan_args;

#define HEADING(text) { .name = text, .kind = CLI_HEADING }
#define TO(field) offsetof(plan_args, field)

static const cli_option options[] = {
#include "input_options.h"

    HEADING("run"),
    CLI_WORKERS(TO(workers)),
    CLI_MEMORY(TO(memory)),
    { 0, "chunks", CLI_INT, TO(inputs.chunks), "N", "edge of the pieces worked on, pixels", 1,
      1048576, NULL },
    CLI_END
};

static const cli_command command = {
    .name = "gwt plan",
    .synopsis = "EXPR FILE... [options]",
    .summary = "Print what gwt calc would do: programs, pieces, tiles to decode, memory.",
    .details =
        "Nothing is read but the directories of the files. EXPR is as in gwt calc.\n"
        "\n"
        "  gwt plan 'norm_diff(red, nir)' scene.tif --sensor l8 --chunks 512\n",
    .options = options, .min_arguments = 2, .max_arguments = 1 << 20,
    .wanted = "an expression and at least one file"
};

static int run(const plan_args *args, file_list *files, const char *expression)
{
    size_t count;
    gwt *g = cli_begin(args->workers, args->sensor, args->memory);
    if (!g) return CLI_FAILED;
    gwt_array **arrays = inputs_open(g, files, &args->inputs, &count);
    if (arrays) {
        gwt_array *result = gwt_calc(arrays, count, expression);
        if (gwt_status(g) == GWT_OK) gwt_print_plan(result, stdout);
    }
    free(arrays);
    return cli_end(g);
}

int cmd_plan(int argc, char **argv)
{
    plan_args args = { .inputs.mosaic = NO_MOSAIC };
    int status = cli_parse(&command, &args, argc, argv, &argc);
    if (status == CLI_GO_ON) status = inputs_check(&command, &args.inputs);
    if (status != CLI_GO_ON) return status;

    file_list files;
    if (!file_list_find(&files, argv + 1, (size_t)argc - 1)) return CLI_FAILED;
    status = run(&args, &files, argv[0]);
    file_list_free(&files);
    return status;
}
