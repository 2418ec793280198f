/* Runs as rows: written whole, read one or many at a time. */
#ifndef LB_LAB_STORE_RUNS_H
#define LB_LAB_STORE_RUNS_H

#include "lab/run_hash.h"
#include "lowbit/results.h"

/* All that a store keeps of a run. */
typedef struct lb_run_contents {
    lb_run_record record;
    const lb_settings *settings; /* resolved; becomes the rows of the table of settings */
    const lb_epoch_record *epochs;
    size_t n_epochs;
    const lb_layer_record *layers;
    const lb_histogram_record *histograms; /* one a layer; NULL: none */
    size_t n_layers;
} lb_run_contents;

/** A record with what the settings say; texts are borrowed from `run`, all others are empty. */
lb_run_record lb_run_record_of(const lb_resolved_run *run, const char *hash);

/** Is the run at its end, be it by an error? A larger number is nearer to a result. */
int lb_run_completeness(lb_run_state state);

/** Insert a run, or replace the one of that hash, which keeps its id. Inside a transaction. */
LB_MUST_CHECK lb_status lb_store_put_run(lb_store *store, const lb_run_contents *run,
                                         int64_t *run_id);

#endif
