/* lowbit kernels - the convolution kernels of this build, and which one a layer gets. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/cli_json.h"
#include "cli/layer_options.h"
#include "lowbit/status.h"

static int json_wanted;

static const struct poptOption options[] = {
    {NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)lb_cli_layer_options, 0, NULL, NULL},
    {"json", '\0', POPT_ARG_NONE, &json_wanted, 0, "print one JSON object a kernel", NULL},
    POPT_TABLEEND,
};

static void print_json(const lb_kernel_info *k, bool for_layer)
{
    (void)printf("{\"name\": ");
    lb_cli_json_string(stdout, k->name);
    (void)printf(", \"summary\": ");
    lb_cli_json_string(stdout, k->summary);
    (void)printf(", \"isa\": \"%s\", \"usable\": %s", k->isa, k->usable ? "true" : "false");
    if (for_layer) {
        (void)printf(", \"supported\": %s, \"chosen\": %s, \"ns_per_mac\": %.6g, \"why\": ",
                     k->supported ? "true" : "false", k->chosen ? "true" : "false", k->cost);
        lb_cli_json_string(stdout, k->why);
    }
    (void)printf("}\n");
}

/* Why this row and no other. */
static void print_verdict(const lb_kernel_info *k)
{
    if (!k->usable) {
        (void)printf("no: needs %s", k->isa);
    } else if (!k->supported) {
        (void)printf("no: %s", k->why);
    } else if (k->chosen) {
        (void)printf("chosen: %.4f ns a MAC expected", k->cost);
    } else {
        (void)printf("slower: %.4f ns a MAC expected", k->cost);
    }
}

static void print_text(const lb_kernel_info *k, bool for_layer)
{
    (void)printf("%-24s %-14s ", k->name, k->isa);
    if (for_layer) {
        print_verdict(k);
        (void)printf("\n");
    } else {
        (void)printf("%-6s %s\n", k->usable ? "yes" : "no", k->summary);
    }
}

static int run(poptContext context)
{
    lb_bench_layer layer;
    const bool for_layer = lb_cli_layer_given.layer != NULL;
    if (poptPeekArg(context) != NULL) {
        return lb_cli_fail("kernels", LB_E_ARG,
                           "unexpected argument '%s'; a layer is an option: "
                           "--layer OxIxKHxKW@HxW",
                           poptGetArg(context));
    }
    if (!for_layer && lb_cli_layer_given.bits != NULL) {
        return lb_cli_fail("kernels", LB_E_ARG, "--bits belongs to a --layer OxIxKHxKW@HxW");
    }
    if (for_layer) {
        const int exit_status = lb_cli_layer_read("kernels", &layer);
        if (exit_status != LB_OK) return exit_status;
    }
    const size_t n = lb_kernel_count();
    for (size_t i = 0; i < n; i++) {
        lb_kernel_info kernel;
        const lb_status status = lb_kernel_info_at(i, for_layer ? &layer : NULL, &kernel);
        if (status != LB_OK) return lb_cli_error("kernels", (int)status);
        if (i == 0 && !json_wanted) {
            (void)printf("%-24s %-14s %s\n", "kernel", "needs",
                         for_layer ? "for this layer" : "here   what it does");
        }
        (json_wanted ? print_json : print_text)(&kernel, for_layer);
    }
    return LB_OK;
}

const lb_command lb_command_kernels = {
    .name = "kernels",
    .summary = "list the convolution kernels, and which one a layer gets",
    .arguments = "",
    .description =
        "Lists the integer convolution kernels of this build, the instruction sets they need and "
        "whether they can be used here. With --layer and --bits it says which one that layer gets "
        "and why each other one does not: needs what is not here, cannot compute the layer, or is "
        "expected to be slower. The choice is made once, when a network is opened. LOWBIT_ISA caps "
        "the instruction sets.",
    .examples = "lowbit kernels\n"
                "lowbit kernels --layer 128x128x3x3@32x32 --bits 1,2\n"
                "LOWBIT_ISA=avx2 lowbit kernels --layer 512x512x3x3@8x8 --bits t,8 --json\n",
    .options = options,
    .run = run,
};
