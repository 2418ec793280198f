/* lowbit train - train a network; its options are the library's table of settings. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cli_signals.h"
#include "cli/settings_options.h"
#include "cli/train_report.h"

enum { OWN = 2, GROUPS = 5 };

static int json_wanted, strict_wanted;
static lb_cli_settings given[GROUPS];
static struct poptOption tables[GROUPS][LB_CLI_SETTINGS_MAX + OWN + 1], options[GROUPS + 1];

static void prepare(void)
{
    static const char *const groups[GROUPS] = {"Data", "Model", "Quantization", "Training", "Run"};
    static const struct poptOption own[OWN] = {
        {"json", '\0', POPT_ARG_NONE, &json_wanted, 0,
         "print one JSON object a line: epochs, then the result", NULL},
        {"strict", '\0', POPT_ARG_NONE, &strict_wanted, 0,
         "exit with status 7 where training does not converge", NULL},
    };
    static bool done;
    if (done) return;
    done = true;
    size_t n = 0;
    for (size_t g = 0; g < GROUPS; g++) {
        const char *const group[] = {groups[g], NULL};
        n = lb_cli_settings_prepare(&given[g], group, tables[g], LB_CLI_SETTINGS_MAX);
        options[g] = (struct poptOption){
            .argInfo = POPT_ARG_INCLUDE_TABLE, .arg = tables[g], .descrip = groups[g]};
    }
    memcpy(tables[GROUPS - 1] + n, own, sizeof own);
}

static int run(poptContext context)
{
    const char *extra = poptGetArg(context);
    if (extra != NULL) {
        return lb_cli_fail("train", LB_E_ARG,
                           "unexpected argument '%s'; settings are given as options", extra);
    }
    lb_settings *settings = NULL;
    lb_status status = lb_settings_create(&settings);
    for (size_t g = 0; g < GROUPS && status == LB_OK; g++)
        status = lb_cli_settings_collect(&given[g], settings);
    lb_cli_report report = {.json = json_wanted != 0, .terminal = isatty(STDOUT_FILENO) == 1};
    if (status == LB_OK) {
        lb_cli_on_stop(lb_train_stop);
        status = lb_train(settings, lb_cli_report_event, &report);
    }
    lb_cli_report_end(&report);
    lb_settings_destroy(settings);
    if (status != LB_OK) return lb_cli_error("train", (int)status);
    return report.diverged && strict_wanted ? LB_E_DIVERGED : LB_OK;
}

const lb_command lb_command_train = {
    .name = "train",
    .summary = "train a network with few-bit weights and activations",
    .arguments = "",
    .description = "Trains a network and leaves the run in a folder: config.json, metrics.csv, "
                   "best.safetensors (by accuracy on the "
                   "validation split, or on the test images where there is none) and "
                   "last.safetensors, from which --resume goes "
                   "on. Ctrl-C ends it after the current step. A flag goes before a recipe's "
                   "value, and that before the default. Status dnc: does not converge, the loss is "
                   "not finite or the "
                   "best accuracy at most 1.5 times chance.",
    .examples =
        "lowbit train --data mnist --method dorefa --wbits 1 --abits 2 --epochs 10 --out runs/a\n"
        "lowbit train --out runs/a --resume\n"
        "lowbit train --recipe redbit-cifar10 --method xnor --max-seconds 3600 --json\n",
    .options = options,
    .prepare = prepare,
    .run = run,
};
