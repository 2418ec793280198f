/* The result store: runs, their settings, epochs and costs, in one SQLite file, docs/results.md. Many
 * processes may write it at once. */
#ifndef LOWBIT_RESULTS_H
#define LOWBIT_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lowbit/status.h"
#include "lowbit/train.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lb_store lb_store;

/* Version of the tables that are written; those of earlier versions can be read. */
enum { LB_RUN_HASH_BYTES = 65, LB_STORE_VERSION = 2 };

typedef enum lb_store_mode {
    LB_STORE_READ,   /* the file must be there; nothing is written */
    LB_STORE_CHANGE, /* the file must be there; it is written      */
    LB_STORE_WRITE   /* made where it is missing                   */
} lb_store_mode;

/**
 * Open a store. For writing, one of an earlier version becomes one of LB_STORE_VERSION first, in one transaction;
 * for reading it stays what it is.
 *
 * Ownership: *out is yours, lb_store_close.
 * Errors:    LB_E_IO     missing, or cannot be read or written (full disk, read-only folder).
 *            LB_E_FORMAT no store of lowbit, a damaged one, or one of a newer version.
 *            LB_E_NOMEM.
 * Threads:   a store belongs to one thread; other threads and processes open their own.
 */
lb_status lb_store_open(const char *path, lb_store_mode mode, lb_store **out);
/** Close a store; NULL is fine. */
void lb_store_close(lb_store *store);

/* ---- runs ------------------------------------------------------------------------------------ */

/* How a run stands. */
typedef enum lb_run_state {
    LB_RUN_RUNNING, /* epochs are there, the end is not  */
    LB_RUN_OK,      /* trained to its end                */
    LB_RUN_DNC,     /* to its end, does not converge     */
    LB_RUN_FAILED   /* it ended with an error: `message` */
} lb_run_state;

/** Name of a state: "running", "ok", "dnc", "failed". */
const char *lb_run_state_name(lb_run_state state);

/* One run. Accuracies are percentages; costs are 0 where the run has no checkpoint yet. */
typedef struct lb_run_record {
    int64_t id;                   /* in this store                                             */
    char hash[LB_RUN_HASH_BYTES]; /* of what defines the run: lb_run_hash                       */
    lb_run_state state;
    const char *message;  /* FAILED: one line; else ""                                         */
    const char *settings; /* JSON object of all settings in force                              */
    const char *data, *model, *method, *weights, *activations; /* of the settings, for queries  */
    int w_bits, a_bits; /* 32: float                                                         */
    bool ternary;       /* weights: the papers' starred cells                                */
    uint64_t seed;
    const char *folder; /* where its files lie, as known to the store's writer; "": unknown    */
    const char *split;  /* "validation" or "test": what the accuracies below were measured on */
    size_t epochs;      /* trained so far                                                     */
    size_t epochs_wanted;
    double best_top1, last_top1, best_top5;
    size_t best_epoch;
    double seconds; /* of training and evaluation, all calls together */
    size_t parameters, macs;
    double stored_bytes, float_bytes, bit_operations;
    double effective_w_bits, effective_a_bits; /* B_w,eff, B_a,eff: P3 (IMPQ) equation 6         */
    const char *machine, *version;  /* CPU, cores, instruction sets; lowbit's version            */
    const char *started, *finished; /* ISO 8601, UTC; "": not yet                               */
} lb_run_record;

typedef struct lb_epoch_record {
    size_t epoch; /* from 1 */
    double lr, train_loss, train_top1, val_loss, val_top1, val_top5;
    /* of a run that trains a mixture of frozen and relaxed weights (rpr): the share of frozen ones, and figures of the
     * mixture, where val_* are of the quantized network; NaN in all other runs */
    double frozen, mixed_loss, mixed_top1;
} lb_epoch_record;

/* A layer with weights. */
typedef struct lb_layer_record {
    const char *name;
    int w_bits, a_bits;
    size_t weights, macs;
    double stored_bytes, sparsity; /* sparsity: share of codes that are 0 */
} lb_layer_record;

enum { LB_HISTOGRAM_BINS = 64 };

/* Distribution of one layer's weights over equal bins of [low, high]. */
typedef struct lb_histogram_record {
    const char *layer;
    double low, high;
    double masters[LB_HISTOGRAM_BINS];   /* shares of the float weights */
    double quantized[LB_HISTOGRAM_BINS]; /* of code * scale            */
} lb_histogram_record;

/**
 * What identifies a run: SHA-256 over every setting that defines its outcome, defaults and recipe resolved,
 * epochs included; neither threads, back end, folders nor names of files. The weights it starts from
 * ("init") and its teacher ("teacher") count by their content.
 *
 * Errors: LB_E_ARG settings that do not fit together; LB_E_IO, LB_E_FORMAT of "init" or "teacher"; LB_E_NOMEM.
 */
lb_status lb_run_hash(const lb_settings *settings, char out[LB_RUN_HASH_BYTES]);

/**
 * Put a run's folder into the store, or bring what is there of it up to date: one transaction. A run that came
 * to its end is complete afterwards: settings, epochs, layers, histograms, costs, machine, version. A complete run
 * of the store stays where the folder holds the half of it.
 *
 * Computes:  the state is OK or DNC where the folder's run is at its end, else RUNNING. `hash` is lb_run_hash of its
 *            settings: it says that the caller has trained the run on this machine; NULL: read off the folder, the
 *            machine is not known.
 * Units:     seconds: of all calls so far together; 0: not known, what the store has stays.
 * Errors:    LB_E_IO, LB_E_FORMAT no run, a damaged one, or one of another hash; the store is as before.
 *            LB_E_NOMEM.
 */
lb_status lb_store_import(lb_store *store, const char *folder, const char *hash, double seconds,
                          int64_t *run_id);

/** Note that a run ended with an error. A run of that hash that is OK or DNC stays. */
lb_status lb_store_record_failure(lb_store *store, const lb_settings *settings, const char *hash,
                                  const char *message, int64_t *run_id);

/** The run of that hash; *found false: none. The texts are valid until the next call on this store. */
lb_status lb_store_find(lb_store *store, const char *hash, bool *found, lb_run_record *out);

/* Many records and the texts they borrow. */
typedef struct lb_run_list {
    lb_run_record *runs;
    size_t n;
    void *memory;
} lb_run_list;

/**
 * Runs, oldest first, that all conditions hold for.
 *
 * Computes:  filter is "" or NULL (all), or KEY=VALUE[,VALUE...] parts with spaces between: keys are settings
 *            ("method", "wbits", "seed") and "state", "experiment", "hash" (a prefix), "id".
 * Ownership: *out is yours, lb_run_list_release.
 * Errors:    LB_E_ARG unknown key, with a suggestion; LB_E_IO, LB_E_FORMAT, LB_E_NOMEM.
 */
lb_status lb_store_list(lb_store *store, const char *filter, lb_run_list *out);
/** Free a list; {0} is fine. */
void lb_run_list_release(lb_run_list *list);

/** Epochs of a run in order. *out is the caller's, lb_records_free. */
lb_status lb_store_epochs(lb_store *store, int64_t run_id, lb_epoch_record **out, size_t *n);
/** Layers with weights, in order. *out is the caller's, lb_records_free. */
lb_status lb_store_layers(lb_store *store, int64_t run_id, lb_layer_record **out, size_t *n);
/** Weight histograms, in order. *out is the caller's, lb_records_free. */
lb_status lb_store_histograms(lb_store *store, int64_t run_id, lb_histogram_record **out,
                              size_t *n);
/** Free an array of records and its texts; NULL is fine. */
void lb_records_free(void *records);

/* ---- experiments ----------------------------------------------------------------------------- */

/* Stages of a cell. */
typedef enum lb_cell_stage { LB_CELL_SEARCH, LB_CELL_FULL } lb_cell_stage;

/* A cell: one run that an experiment wants. */
typedef struct lb_cell_record {
    size_t position; /* in the experiment's order: unique                                      */
    lb_cell_stage stage;
    size_t point, rung, seed_index; /* rung: SEARCH                                            */
    int trial;                      /* SEARCH: that is tried; FULL: that won, or LB_NO_TRIAL   */
    char hash[LB_RUN_HASH_BYTES];   /* of its run; "": not known before the search is over     */
    bool done;                      /* its run is OK, DNC or FAILED                            */
    int64_t run_id;                 /* 0: none yet                                             */
    size_t attempts;                /* times that a worker was started for it                  */
} lb_cell_record;

/** The experiment of that name; made where it is missing, refused (LB_E_ARG) where `text` is another than the
 *  one that the store has cells of. */
lb_status lb_store_begin_experiment(lb_store *store, const char *name, const char *title,
                                    const char *text, int64_t *experiment_id);
/** Insert or replace the cell of that position; a cell that is done stays as it is. */
lb_status lb_store_put_cell(lb_store *store, int64_t experiment_id, const lb_cell_record *cell);
/** Make a cell that is done one that is not, so that it is run again. */
lb_status lb_store_reopen_cell(lb_store *store, int64_t experiment_id, size_t position);
/** All cells of an experiment by position. *out is the caller's, lb_records_free. */
lb_status lb_store_cells(lb_store *store, int64_t experiment_id, lb_cell_record **out, size_t *n);

typedef struct lb_experiment_record {
    int64_t id;
    const char *name, *title, *text;
    size_t cells, done;
} lb_experiment_record;
/** All experiments of a store. *out is the caller's, lb_records_free. */
lb_status lb_store_experiments(lb_store *store, lb_experiment_record **out, size_t *n);
/** Delete the experiment of that name and its cells, so that a changed file may be swept under it; its runs stay, and
 *  the sweep takes up those that the changed file still wants. LB_E_ARG: there is none, or a sweep of it goes on. */
lb_status lb_store_forget_experiment(lb_store *store, const char *name, size_t *cells);

/* ---- moving ---------------------------------------------------------------------------------- */

typedef struct lb_merge_counts {
    size_t added, updated, same; /* runs */
} lb_merge_counts;

/** Take over everything of another store: of two runs with one hash the complete one, else the longer one;
 *  cells that are done there. One transaction. Errors: those of lb_store_open for `other`. */
lb_status lb_store_merge(lb_store *store, const char *other, lb_merge_counts *out);

typedef enum lb_export_format {
    LB_EXPORT_CSV,
    LB_EXPORT_JSON,
    LB_EXPORT_MARKDOWN
} lb_export_format;

/** Write runs (filter as lb_store_list) to a file, atomically, or with path NULL to standard output. */
lb_status lb_store_export(lb_store *store, const char *filter, lb_export_format format,
                          const char *path);

/** Run one SQL query that only reads, and hand its rows over as texts (NULL: NULL). The first call of `row` has
 *  the columns' names. Errors: LB_E_ARG not a single reading statement, or SQLite's message. */
lb_status lb_store_query(lb_store *store, const char *sql,
                         void (*row)(const char *const *values, size_t n, void *user), void *user);

#ifdef __cplusplus
}
#endif
#endif
