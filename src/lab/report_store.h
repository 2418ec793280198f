/* What a report reads of a store. */
#ifndef LB_LAB_REPORT_STORE_H
#define LB_LAB_REPORT_STORE_H

#include "lab/report_data.h"

typedef struct lb_report_records {
    lb_report_input input;
    lb_store *store; /* borrowed */
    lb_run_list runs;
    lb_experiment_record *experiments;
    lb_report_experiment *shown; /* (n_shown) */
    size_t n_shown;
    lb_arena arena;
} lb_report_records;

/**
 * Read runs and experiments of a store, and the report sections of the experiments' texts.
 *
 * Ownership: *out is yours, lb_report_records_release, also after a failure; it borrows the store, which
 *            epochs, layers and histograms are read from later.
 * Errors:    those of lb_store_list. An experiment whose text cannot be read any more has no report section.
 */
LB_MUST_CHECK lb_status lb_report_records_init(lb_store *store, const char *filter,
                                               const char *scratch_folder, lb_report_records *out);
void lb_report_records_release(lb_report_records *records);

/**
 * One store with all that the sources have: the source itself where it is one store, else a temporary one
 * in `scratch_folder`; and the mixed-precision procedures among them, whose results are in the store.
 *
 * Ownership: *out is yours, lb_store_close; *procedures too, lb_report_procedures_release, also after a failure.
 * Errors:    LB_E_ARG, LB_E_IO, LB_E_FORMAT, LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_report_open_sources(const char *const *sources, size_t n,
                                               const char *scratch_folder, lb_store **out,
                                               lb_report_procedures *procedures);

#endif
