/* lowbit demo - the main job on the built-in data: one network in float and with few bits,
 * compared. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/train_report.h"
#include "lowbit/inspect.h"
#include "lowbit/train.h"

enum { PATH_BYTES = 1024 };

static const char *out = "runs/demo";
static const char *epochs = "3", *data = "synth-digits";
static const char *threads = "0", *backend;

static const struct poptOption options[] = {
    {"out", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &out, 0,
     "folder for the runs; those of an earlier demo are replaced", "FOLDER"},
    {"data", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &data, 0, "data set", "SPEC"},
    {"epochs", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &epochs, 0, "of each run", "N"},
    {"threads", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &threads, 0, "0: all processors",
     "N"},
    {"backend", '\0', POPT_ARG_STRING, &backend, 0, "onednn (the default) or reference", "NAME"},
    POPT_TABLEEND,
};

/* The networks compared; the first is what the others are compared with. */
static const struct {
    const char *folder, *method, *w_bits, *a_bits, *weights, *activations;
} rows[] = {
    {"float", "float", NULL, NULL, "float", "float"},
    {"dorefa-w1a32", "dorefa", "1", "32", "1 bit", "float"},
    {"twn", "twn", NULL, NULL, "ternary", "float"},
    {"dorefa-w1a2", "dorefa", "1", "2", "1 bit", "2 bits"},
    {"xnor-w1a1", "xnor", "1", "1", "1 bit", "1 bit"},
};
enum { N_ROWS = sizeof rows / sizeof *rows };

typedef struct row_result {
    double top1, seconds, stored_bytes, float_bytes;
} row_result;

/* What the events of one training go to. */
typedef struct listener {
    lb_cli_report report;
    row_result *result;
} listener;

static void listen(const lb_event *event, void *user)
{
    listener *l = user;
    if (event->kind == LB_EVENT_RESULT) {
        l->result->top1 = event->best_top1;
        l->result->seconds = event->seconds;
        return; /* the table of all runs follows */
    }
    lb_cli_report_event(event, &l->report);
}

static lb_status set_all(lb_settings *settings, size_t i, const char *folder)
{
    const char *const pairs[][2] = {
        {"data", data},
        {"model", "lenet5"},
        {"method", rows[i].method},
        {"wbits", rows[i].w_bits},
        {"abits", rows[i].a_bits},
        {"epochs", epochs},
        {"lr", "0.002"},
        {"threads", threads},
        {"backend", backend},
        {"out", folder},
        {"overwrite", "yes"},
    };
    lb_status status = LB_OK;
    for (size_t k = 0; status == LB_OK && k < sizeof pairs / sizeof *pairs; k++) {
        if (pairs[k][1] != NULL) status = lb_settings_set(settings, pairs[k][0], pairs[k][1]);
    }
    return status;
}

static lb_status train_row(size_t i, const char *folder, row_result *result)
{
    listener l = {.report.terminal = isatty(STDOUT_FILENO) == 1, .result = result};
    lb_settings *settings = NULL;
    lb_status status = lb_settings_create(&settings);
    if (status == LB_OK) status = set_all(settings, i, folder);
    if (status == LB_OK) status = lb_train(settings, listen, &l);
    lb_cli_report_end(&l.report);
    lb_settings_destroy(settings);
    return status;
}

static lb_status inspect_row(const char *folder, row_result *result)
{
    lb_inspection *inspection = NULL;
    const lb_status status = lb_inspect_run(folder, &inspection);
    if (status != LB_OK) return status;
    result->stored_bytes = inspection->stored_bytes;
    result->float_bytes = inspection->float_bytes;
    lb_inspection_destroy(inspection);
    return LB_OK;
}

static void print_table(const row_result *results)
{
    double total = 0.0;
    (void)printf("\n%-14s %-9s %-12s %9s %11s %8s %9s\n", "method", "weights", "activations",
                 "accuracy", "size", "smaller", "seconds");
    for (size_t i = 0; i < N_ROWS; i++) {
        const row_result *r = &results[i];
        (void)printf("%-14s %-9s %-12s %7.2f %% %7.1f KiB %7.1fx %9.1f\n", rows[i].method,
                     rows[i].weights, rows[i].activations, r->top1, r->stored_bytes / 1024.0,
                     r->float_bytes / r->stored_bytes, r->seconds);
        total += r->seconds;
    }
    (void)printf("\n%s epochs each on %s, best accuracy on its test images; %.0f s in all.\n",
                 epochs, data, total);
    (void)printf("The runs are in %s; `lowbit inspect %s/%s` shows one layer by layer.\n", out, out,
                 rows[N_ROWS - 1].folder);
}

static int run(poptContext context)
{
    if (poptPeekArg(context) != NULL) {
        return lb_cli_fail("demo", LB_E_ARG, "unexpected argument '%s'", poptGetArg(context));
    }
    row_result results[N_ROWS] = {{0}};
    for (size_t i = 0; i < N_ROWS; i++) {
        char folder[PATH_BYTES];
        if (snprintf(folder, sizeof folder, "%s/%s", out, rows[i].folder) >= PATH_BYTES) {
            return lb_cli_fail("demo", LB_E_ARG, "out: a path of more than %d bytes", PATH_BYTES);
        }
        (void)printf("%s, weights: %s, activations: %s\n", rows[i].method, rows[i].weights,
                     rows[i].activations);
        (void)fflush(stdout);
        lb_status status = train_row(i, folder, &results[i]);
        if (status == LB_OK) status = inspect_row(folder, &results[i]);
        if (status != LB_OK) return lb_cli_error("demo", (int)status);
    }
    print_table(results);
    return LB_OK;
}

const lb_command lb_command_demo = {
    .name = "demo",
    .summary = "train a small float network and few-bit versions of it, and compare them",
    .arguments = "",
    .description = "Trains LeNet-5 on generated digits, in float and with one-bit, ternary and "
                   "few-bit weights and activations, and "
                   "prints a table of accuracy, size and compression. It needs no files and takes "
                   "less than two minutes on two cores.",
    .examples = "lowbit demo\nlowbit demo --data mnist --epochs 10 --out runs/mnist\n",
    .options = options,
    .run = run,
};
