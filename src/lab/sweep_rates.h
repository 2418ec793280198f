/* How long runs take: seconds an epoch of each kind of run, learnt from those that ended. */
#ifndef LB_LAB_SWEEP_RATES_H
#define LB_LAB_SWEEP_RATES_H

#include "base/memory.h"
#include "lowbit/results.h"

/* Runs of the same data, model and method. */
typedef struct lb_run_kind {
    const char *data, *model, *method;
    const char *identity;   /* of the data, as runs in a store have it: without a folder */
    double seconds, epochs; /* of runs that ended       */
    double open_epochs;     /* of those that are wanted */
} lb_run_kind;

typedef struct lb_rates {
    lb_run_kind *kinds;
    size_t n, capacity;
    lb_arena texts;
} lb_rates;

void lb_rates_release(lb_rates *rates);

/** The kind of these settings, made where there is none yet. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_rates_kind(lb_rates *rates, const lb_settings *settings, size_t *kind);

/** Learn from a run, for all kinds that it is of. */
void lb_rates_learn(lb_rates *rates, const lb_run_record *run);
/** Learn from all runs of a store. Errors: LB_E_IO, LB_E_FORMAT, LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_rates_learn_store(lb_rates *rates, lb_store *store);

/** Seconds of so many epochs of a kind: by its own runs, else by those of all kinds; negative: nothing is known. */
double lb_rates_seconds(const lb_rates *rates, size_t kind, double epochs);
/** Seconds of all open epochs, one after the other; negative: unknown. */
double lb_rates_open_seconds(const lb_rates *rates);

#endif
