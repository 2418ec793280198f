#include "cli/layer_options.h"

#include <stdbool.h>

#include "cli/cli.h"
#include "cli/cli_numbers.h"
#include "lowbit/status.h"

lb_cli_layer lb_cli_layer_given = {.stride = 1, .groups = 1};

const struct poptOption lb_cli_layer_options[] = {
    {"layer", '\0', POPT_ARG_STRING, &lb_cli_layer_given.layer, 0,
     "a convolution: filters x input channels x kernel height x width @ map height x width; "
     "padding (K - 1) / 2",
     "OxIxKHxKW@HxW"},
    {"bits", '\0', POPT_ARG_STRING, &lb_cli_layer_given.bits, 0,
     "of its weights (1 to 8, or t: ternary) and activations (1 to 8); 1: -1 and +1", "W,A"},
    {"stride", '\0', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &lb_cli_layer_given.stride, 0,
     "of the convolution", "N"},
    {"groups", '\0', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &lb_cli_layer_given.groups, 0,
     "of its channels", "N"},
    {"zeros", '\0', POPT_ARG_DOUBLE, &lb_cli_layer_given.zeros, 0,
     "percent of its ternary weights that are zero (default: a third of them)", "P"},
    POPT_TABLEEND,
};

/* "1,2", "t,8" */
static int read_bits(const char *command, const char *text, lb_bench_layer *out)
{
    if (text == NULL) {
        return lb_cli_fail(command, LB_E_ARG, "of how many bits? give --bits W,A, e.g. 1,2 or t,2");
    }
    const char *at = text;
    size_t weights = 0, acts = 0;
    const bool ternary = lb_cli_take_sign(&at, 't');
    const bool first = ternary || (lb_cli_take_number(&at, &weights) && weights > 0);
    if (!first || !lb_cli_take_sign(&at, ',') || !lb_cli_take_number(&at, &acts) || *at != '\0') {
        return lb_cli_fail(command, LB_E_ARG,
                           "--bits '%s' is not W,A: bits of weights (1 to 8, or t) and of "
                           "activations (1 to 8), e.g. 1,2",
                           text);
    }
    out->weight_bits = ternary ? LB_BENCH_TERNARY : (int)weights;
    out->act_bits = (int)acts;
    return LB_OK;
}

/* "128x128x3x3@32x32" */
static bool read_sizes(const char *at, lb_bench_layer *out)
{
    size_t *const sizes[] = {&out->out, &out->in, &out->kh, &out->kw, &out->height, &out->width};
    static const char behind[] = "xxx@x";
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (!lb_cli_take_number(&at, sizes[i])) return false;
        if (behind[i] != '\0' && !lb_cli_take_sign(&at, behind[i])) return false;
    }
    return *at == '\0';
}

int lb_cli_layer_read(const char *command, lb_bench_layer *out)
{
    const lb_cli_layer *given = &lb_cli_layer_given;
    lb_bench_layer l = {0};
    if (!read_sizes(given->layer, &l)) {
        return lb_cli_fail(command, LB_E_ARG,
                           "--layer '%s' is not OxIxKHxKW@HxW, e.g. 128x128x3x3@32x32",
                           given->layer);
    }
    if (given->stride < 1 || given->groups < 1) {
        return lb_cli_fail(command, LB_E_ARG, "stride %d, groups %d: wanted 1 or more",
                           given->stride, given->groups);
    }
    l.stride = (size_t)given->stride;
    l.groups = (size_t)given->groups;
    l.zero_percent = given->zeros;
    const int exit_status = read_bits(command, given->bits, &l);
    if (exit_status == LB_OK) *out = l;
    return exit_status;
}
