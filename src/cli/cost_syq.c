/* lowbit cost syq - scaling factors and operations by granularity of the weights' scales. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cli_json.h"
#include "cli/cost_kinds.h"
#include "cli/network_options.h"
#include "lowbit/costs.h"

static const char *const names[LB_SCALINGS] = {"layer", "row",      "pixel",
                                               "sign",  "grouping", "filter"};

static void print_costs_json(const lb_scaling_cost *cost)
{
    (void)printf("\"cost\":{");
    for (int s = 0; s < LB_SCALINGS; s++)
        (void)printf("%s\"%s\":{\"scalars\":%zu,\"operations\":%zu}", s > 0 ? "," : "", names[s],
                     cost[s].scalars, cost[s].operations);
    (void)printf("}");
}

static void print_json(const lb_scaling_costs *costs)
{
    for (size_t i = 0; i < costs->n_layers; i++) {
        const lb_scaling_layer *l = &costs->layers[i];
        (void)printf("{\"layer\":");
        lb_cli_json_string(stdout, l->name);
        (void)printf(",\"filters\":%zu,\"channels\":%zu,\"kernel\":[%zu,%zu],\"outputs\":%zu,",
                     l->filters, l->channels, l->kernel_height, l->kernel_width, l->outputs);
        print_costs_json(l->cost);
        (void)printf(",\"multiplications\":{");
        for (int s = 0; s <= LB_SCALING_PIXEL; s++)
            (void)printf("%s\"%s\":%zu", s > 0 ? "," : "", names[s], l->multiplications[s]);
        (void)printf("},\"additions\":%zu}\n", l->additions);
    }
    (void)printf("{");
    print_costs_json(costs->total);
    (void)printf("}\n");
}

static void print_costs(const lb_scaling_cost *cost)
{
    for (int s = 0; s < LB_SCALINGS; s++) (void)printf(" %8zu", cost[s].scalars);
    (void)printf(" %13zu %13zu", cost[LB_SCALING_LAYER].operations,
                 cost[LB_SCALING_SIGN].operations);
}

static void print_text(const lb_scaling_costs *costs)
{
    int width = (int)strlen("layer");
    for (size_t i = 0; i < costs->n_layers; i++) {
        const int length = (int)strlen(costs->layers[i].name);
        if (length > width) width = length;
    }
    (void)printf("%-*s %-19s", width, "layer", "weights");
    for (int s = 0; s < LB_SCALINGS; s++) (void)printf(" %8s", names[s]);
    (void)printf(" %13s %13s %21s\n", "operations", "by sign", "multiplies an output");
    for (size_t i = 0; i < costs->n_layers; i++) {
        const lb_scaling_layer *l = &costs->layers[i];
        char weights[64], products[64];
        (void)snprintf(weights, sizeof weights, "%zux%zux%zux%zu", l->filters, l->channels,
                       l->kernel_height, l->kernel_width);
        const size_t scalars =
            l->multiplications[LB_SCALING_PIXEL] - l->multiplications[LB_SCALING_LAYER];
        (void)snprintf(products, sizeof products, "%zu + %zu", l->multiplications[LB_SCALING_LAYER],
                       scalars);
        (void)printf("%-*s %-19s", width, l->name, weights);
        print_costs(l->cost);
        (void)printf(" %21s\n", products);
    }
    (void)printf("%-*s %-19s", width, "all", "");
    print_costs(costs->total);
    (void)printf(
        "\n\nscaling factors by the weights that share one; operations of an image, by sign with a "
        "branch a weight;\nmultiplies by codes + by the scaling factors of pixel\n");
}

static void print_csv(const lb_scaling_costs *costs)
{
    (void)printf("layer");
    for (int s = 0; s < LB_SCALINGS; s++)
        (void)printf(",%s_scalars,%s_operations", names[s], names[s]);
    (void)printf("\n");
    for (size_t i = 0; i < costs->n_layers; i++) {
        (void)printf("%s", costs->layers[i].name);
        for (int s = 0; s < LB_SCALINGS; s++)
            (void)printf(",%zu,%zu", costs->layers[i].cost[s].scalars,
                         costs->layers[i].cost[s].operations);
        (void)printf("\n");
    }
}

static int run(poptContext context, const lb_cost_form *form)
{
    const char *extra = poptGetArg(context);
    if (extra != NULL) return lb_cli_fail("cost", LB_E_ARG, "unexpected argument '%s'", extra);
    if (lb_cost_sparse_given() != NULL)
        return lb_cli_fail("cost", LB_E_ARG, "--%s is of sparse, not of syq",
                           lb_cost_sparse_given());
    if (!lb_cli_network_given("model"))
        return lb_cli_fail("cost", LB_E_ARG, "which network? give --model NAME");
    lb_cli_network n;
    lb_scaling_costs *costs = NULL;
    const int exit_status = lb_cli_network_read("cost", &n);
    if (exit_status != LB_OK) return exit_status;
    const lb_status status =
        lb_cost_scaling(n.settings, n.channels, n.height, n.width, n.classes, &costs);
    lb_settings_destroy(n.settings);
    if (status != LB_OK) return lb_cli_error("cost", (int)status);
    (form->json ? print_json : form->csv ? print_csv : print_text)(costs);
    lb_scaling_costs_destroy(costs);
    return LB_OK;
}

const lb_cost_kind lb_cost_kind_syq = {
    .name = "syq",
    .summary = "scaling factors of weights by granularity",
    .run = run,
};
