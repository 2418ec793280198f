/* A convolution as options: --layer OxIxKHxKW@HxW --bits W,A --stride N --groups N
 * --zeros P. */
#ifndef LB_CLI_LAYER_OPTIONS_H
#define LB_CLI_LAYER_OPTIONS_H

#include <popt.h>

#include "lowbit/bench.h"

/* As popt leaves them. */
typedef struct lb_cli_layer {
    const char *layer, *bits;
    int stride, groups;
    double zeros; /* percent */
} lb_cli_layer;
/** What was given. */
extern lb_cli_layer lb_cli_layer_given;
/** The options. */
extern const struct poptOption lb_cli_layer_options[];

/** Read what was given, --layer among it; returns the exit status. */
int lb_cli_layer_read(const char *command, lb_bench_layer *out);

#endif
