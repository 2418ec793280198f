/* What commands that run a sweep share. */
#ifndef LB_CLI_SWEEP_RUN_H
#define LB_CLI_SWEEP_RUN_H

enum { LB_CLI_CELLS_FAILED = 1, LB_CLI_PROGRAM_BYTES = 4096 };

/** The file of this very command, which workers run. Prints what is wrong and returns the exit status. */
int lb_cli_sweep_program(const char *command, char program[LB_CLI_PROGRAM_BYTES]);

#endif
