/* Stores full of runs that nobody trained, for tests of what reads them. */
#ifndef LB_TESTS_SYNTHETIC_STORE_H
#define LB_TESTS_SYNTHETIC_STORE_H

#include "lab/store_runs.h"
#include "support/support.h"

/* What is varied of a synthetic run. */
typedef struct lb_synthetic_run {
    const char *method;
    int w_bits, a_bits;
    unsigned seed;
    size_t epochs, layers; /* at most 64 each */
    lb_run_state state;
} lb_synthetic_run;

/** Put one run, in a transaction of its own; accuracies rise with bits and epochs, plus noise of the seed. Runs of
 *  rpr have figures of a mixture. */
void lb_test_put_run(lb_store *store, const lb_synthetic_run *run, int64_t *id,
                     char hash[LB_RUN_HASH_BYTES]);
/** Put this many runs: methods x widths x seeds, every one different. */
void lb_test_fill_store(lb_store *store, size_t runs, size_t epochs, size_t layers);

#endif
