/* Help texts, all made from the table of commands. */
#ifndef LB_CLI_HELP_H
#define LB_CLI_HELP_H

#include <stdio.h>

#include "cli/cli.h"

/** `lowbit --help`: what it is and its commands. */
void lb_cli_print_overview(FILE *out);
/** `lowbit COMMAND --help`: usage, description, options, examples. */
void lb_cli_print_command(FILE *out, const lb_command *command);
/** The man page lowbit(1) as roff. */
void lb_cli_print_manual(FILE *out);
/** Report an unknown command, with the nearest one; returns the exit status. */
int lb_cli_unknown_command(const char *command, const char *name);

/* What lowbit is, in one sentence, for overview and man page. */
#define LB_CLI_SUMMARY "train, compare, pack and run convolutional networks of few bits"

/* X(variable, what it does): the environment, for overview and man page. */
#define LB_CLI_ENVIRONMENT(X)                                                                  \
    X("LOWBIT_DATA", "folder that holds the data sets, one folder each (mnist, cifar10, ...)") \
    X("LOWBIT_ISA", "cap on the instruction sets that are used: scalar, avx2, avx512 or neon") \
    X("LOWBIT_EXPERIMENTS", "folder in which `lowbit reproduce` looks for experiments first")  \
    X("OMP_NUM_THREADS", "number of threads where --threads does not say")                     \
    X("TMPDIR", "where `lowbit verify` and `lowbit report --live` put files in the making (/tmp)")

#endif
