/* What a report is made of: runs sorted into sections, each with the items that are shown of it. */
#ifndef LB_LAB_REPORT_DATA_H
#define LB_LAB_REPORT_DATA_H

#include <jansson.h>

#include "base/memory.h"
#include "lab/report_impq.h"
#include "lowbit/experiment.h"
#include "lowbit/results.h"

enum { LB_VALUE_BYTES = 128, LB_BITS_MAX = 32 };

/* An experiment as the store has it, with the items of its report section. */
typedef struct lb_report_experiment {
    const char *name, *title;
    const lb_cell_record *cells;
    size_t n_cells;
    const lb_report_item *items;
    size_t n_items;
} lb_report_experiment;

/* Where the records come from. The callbacks give what lb_store_epochs and the like give. */
typedef struct lb_report_input {
    const lb_run_record *runs;
    size_t n_runs;
    const lb_report_experiment *experiments;
    size_t n_experiments;
    const lb_report_procedure *procedures; /* of mixed precision */
    size_t n_procedures;
    void *user;
    lb_status (*epochs)(void *user, int64_t run_id, lb_epoch_record **out, size_t *n);
    lb_status (*layers)(void *user, int64_t run_id, lb_layer_record **out, size_t *n);
    lb_status (*histograms)(void *user, int64_t run_id, lb_histogram_record **out, size_t *n);
} lb_report_input;

typedef struct lb_report_run {
    const lb_run_record *record;
    json_t *settings;          /* NULL where the store has none         */
    const char *configuration; /* all that defines it, but for the seed */
    const char *experiment;    /* "" where it belongs to none           */
    bool search;               /* a short run of an experiment's search */
    size_t listed_by;          /* the last experiment that lists it, counted from 1 */
} lb_report_run;

/* A run in a selection, and which of its series it belongs to: runs of one method, data and model. */
typedef struct lb_report_entry {
    const lb_report_run *run;
    size_t series;
} lb_report_entry;

typedef struct lb_selection {
    lb_report_entry *entries;
    size_t n;
    const char **series; /* their names */
    size_t n_series;
} lb_selection;

typedef struct lb_report_section {
    const char *title, *file_prefix;
    lb_selection all;
    const lb_report_item *items;
    size_t n_items;
    const lb_report_procedure **procedures; /* that began at one network; then there are no runs */
    size_t n_procedures;
} lb_report_section;

typedef struct lb_report_data {
    const lb_report_input *input;
    lb_report_run *runs;
    size_t n_runs;
    lb_report_section *sections;
    size_t n_sections, section_room;
    lb_arena arena;
} lb_report_data;

/**
 * Sort runs into sections: one for every experiment with a report section; one for each data set and model
 * of the other experiments; one for each data set and model of the runs that belong to no experiment; and one for
 * each network that mixed-precision procedures began at. A run that several experiments share stands in a section
 * of each, once.
 *
 * Ownership: *out is yours, lb_report_data_release, also after a failure; it borrows the input.
 * Errors:    LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_report_data_init(const lb_report_input *input, lb_report_data *out);
void lb_report_data_release(lb_report_data *data);

/** The run's value of a setting's key as text; "" where it has none. Written to `text` or borrowed. */
const char *lb_report_value(const lb_report_run *run, const char *key, char text[LB_VALUE_BYTES]);

/** The runs that all parts of `only` ("method=qnn,dorefa wbits=1") hold for; NULL: all of them. */
LB_MUST_CHECK lb_status lb_selection_filter(const lb_selection *all, const char *only,
                                            lb_arena *arena, lb_selection *out);
/** The best run of a series that came to its end, of these widths (0: any); NULL: none. */
const lb_run_record *lb_selection_best(const lb_selection *selection, size_t series, int w_bits,
                                       int a_bits);
/** Widths of weights or activations that finished runs have, rising; returns how many. */
size_t lb_selection_bits(const lb_selection *selection, bool weights, int out[LB_BITS_MAX]);

#endif
