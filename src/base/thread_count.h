/* How many threads an option `threads` means. */
#ifndef LB_BASE_THREAD_COUNT_H
#define LB_BASE_THREAD_COUNT_H

#include "base/fail.h"

enum { LB_THREADS_MAX = 1024 }; /* OpenMP's own memory grows with them, until it ends the process */

/** What OpenMP would take (OMP_NUM_THREADS, else all processors), no more than OMP_THREAD_LIMIT and LB_THREADS_MAX. */
int lb_threads_available(void);

/**
 * *out: as many as asked for; of 0 lb_threads_available().
 *
 * Errors:    LB_E_ARG below 0 or above LB_THREADS_MAX.
 */
LB_MUST_CHECK lb_status lb_thread_count(int asked, int *out);

#endif
