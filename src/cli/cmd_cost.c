/* lowbit cost KIND ... - what a technique costs, as its paper counts it. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cost_kinds.h"
#include "cli/network_options.h"
#include "lowbit/status.h"

static lb_cost_form form;

enum { OWN = 3 };
static struct poptOption options[OWN + LB_CLI_NETWORK_MAX + 1];

static void prepare(void)
{
    static const struct poptOption own[OWN] = {
        {"json", '\0', POPT_ARG_NONE, &form.json, 0, "print JSON, one object a line", NULL},
        {"csv", '\0', POPT_ARG_NONE, &form.csv, 0, "print comma-separated values", NULL},
        {NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)lb_cost_sparse_options, 0, NULL, NULL},
    };
    static bool done;
    if (done) return;
    done = true;
    memcpy(options, own, sizeof own);
    (void)lb_cli_network_prepare(options + OWN);
}

static const lb_cost_kind *const kinds[] = {&lb_cost_kind_sparse, &lb_cost_kind_syq};

static int run(poptContext context)
{
    enum { LIST_BYTES = 256 };
    const char *name = poptGetArg(context);
    char list[LIST_BYTES] = "";
    size_t at = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (name != NULL && strcmp(name, kinds[i]->name) == 0) {
            if (form.json && form.csv)
                return lb_cli_fail("cost", LB_E_ARG, "--json or --csv, not both");
            return kinds[i]->run(context, &form);
        }
        const int length = snprintf(list + at, sizeof list - at, "%s%s (%s)", at > 0 ? ", " : "",
                                    kinds[i]->name, kinds[i]->summary);
        if (length > 0 && (size_t)length < sizeof list - at) at += (size_t)length;
    }
    if (name == NULL) return lb_cli_fail("cost", LB_E_ARG, "which cost? there is %s", list);
    return lb_cli_fail("cost", LB_E_ARG, "unknown cost '%s'; there is %s", name, list);
}

const lb_command lb_command_cost = {
    .name = "cost",
    .summary = "show what a technique costs, as its paper counts it",
    .arguments = "sparse [FILE] | syq --model NAME ...",
    .description =
        "`sparse` is the cost model of sparse ternary networks on an FPGA whose processing "
        "elements "
        "are fed by decoders of gaps: an operation takes gamma (C_op + C_d / R) of it, gamma the "
        "share of weights that are not zero, R how often a decoded weight is used. Without FILE it "
        "shows effective throughput against reuse for some shares of zeros, beside binary weights; "
        "with a packed network its layers at their own shares, R = batch x pixels of the output. "
        "The FPGA is a KU115 unless told otherwise. `syq` counts the scaling factors of each "
        "layer's "
        "weights by granularity: one a layer (DoReFa-Net), a kernel row or position (pixel) of the "
        "layer (SYQ), a sign (TTQ), a kernel position of four filters (grouping: FGQ), a filter "
        "(Binary-Weight-Networks); and operations. It depends on the model alone.",
    .examples = "lowbit cost sparse\n"
                "lowbit cost sparse --acts float --zeros 90.1,92.8 --csv\n"
                "lowbit cost sparse net.lbm --batch 16\n"
                "lowbit cost syq --model alexnet\n"
                "lowbit cost syq --model resnet20 --shortcut b --json\n",
    .options = options,
    .prepare = prepare,
    .run = run,
};
