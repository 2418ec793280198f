/* Programs that are started, listened to and waited for. */
#ifndef LB_LAB_PROCESS_H
#define LB_LAB_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

#include "base/fail.h"

/* A program that runs. */
typedef struct lb_process {
    pid_t id;
    int output, errors; /* what it prints, to be read without waiting; -1: at its end */
} lb_process;

/**
 * Start a program, found as a shell would, with nothing to read. It gets SIGTERM when the calling thread ends,
 * however it ends.
 *
 * Requires: argv ends with NULL.
 * Errors:   LB_E_IO cannot be started; a program that does not exist ends with status 127 instead.
 */
LB_MUST_CHECK lb_status lb_process_start(const char *const *argv, lb_process *out);

/** Close what is open and wait for its end; the status is that of waitpid. */
int lb_process_end(lb_process *process);

enum { LB_PROGRAM_MISSING = 127 };

/**
 * Run a program to its end.
 *
 * Ownership: *output, what it printed, is yours: lb_free.
 * Errors:    LB_E_UNSUPPORTED there is no such program; LB_E_IO it fails: its last line on standard error;
 *            LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_process_output(const char *const *argv, char **output);

#endif
