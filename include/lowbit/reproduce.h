/* The papers' experiments, and our results beside the papers' figures, docs/reproduce.md. */
#ifndef LOWBIT_REPRODUCE_H
#define LOWBIT_REPRODUCE_H

#include <stdbool.h>
#include <stddef.h>

#include "lowbit/experiment.h"
#include "lowbit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- finding ---------------------------------------------------------------------------------- */

/**
 * The folder of the papers' experiments and figures: $LOWBIT_EXPERIMENTS, else share/lowbit/experiments of the
 * tree that the program is installed in, else ./experiments.
 *
 * Ownership: writes at most `bytes` into path.
 * Errors:    LB_E_IO there is none of them; LB_E_ARG the path is longer than `bytes`.
 */
lb_status lb_experiments_folder(char *path, size_t bytes);

/* Names of experiments, sorted. */
typedef struct lb_experiment_names {
    const char **names;
    size_t n;
    void *memory;
} lb_experiment_names;

/** The experiments NAME.yaml of a folder. *out is yours, lb_experiment_names_release. Errors: LB_E_IO, LB_E_NOMEM. */
lb_status lb_experiment_names_read(const char *folder, lb_experiment_names *out);
/** Free a list of names; {0} is fine. */
void lb_experiment_names_release(lb_experiment_names *names);

/**
 * Path of an experiment of a folder, or of its quick variant, NAME.quick.yaml.
 *
 * Ownership: writes at most `bytes` into path.
 * Errors:    LB_E_ARG there is none of that name (with a suggestion), it has no quick variant, or the path is
 *                     longer than `bytes`; LB_E_IO, LB_E_NOMEM.
 */
lb_status lb_experiment_path(const char *folder, const char *name, bool quick, char *path,
                             size_t bytes);

/* ---- comparing -------------------------------------------------------------------------------- */

/* What a figure measures: LB_METRIC(ID, name in the data file, is it an accuracy). */
#define LB_METRIC_LIST(LB_METRIC)                                                                \
    LB_METRIC(TOP1, "top1", true)                /* percent */                                   \
    LB_METRIC(TOP5, "top5", true)                /* percent */                                   \
    LB_METRIC(PARAMETERS, "parameters", false)   /* weights and biases */                        \
    LB_METRIC(MEGABYTES, "megabytes", false)     /* 2^20 bytes: lb_inspection's uniform_bytes */ \
    LB_METRIC(COMPRESSION, "compression", false) /* the same in float over that */

typedef enum lb_metric {
#define LB_METRIC(id, name, accuracy) LB_METRIC_##id,
    LB_METRIC_LIST(LB_METRIC)
#undef LB_METRIC
} lb_metric;

/** Name of a metric: "top1", "megabytes". */
const char *lb_metric_name(lb_metric metric);
/** Is it measured by training? The others are properties of the network. */
bool lb_metric_is_accuracy(lb_metric metric);

/* A figure of a paper. */
typedef struct lb_paper_figure {
    const char *experiment;   /* "P0-table6"                                                     */
    const char *row, *column; /* its place in the paper's table: "QNN", "W1A1"                   */
    lb_metric metric;
    double value; /* NaN: the paper gives none, dnc is set                                       */
    bool dnc;     /* the paper says: does not converge                                           */
    bool star;    /* ternary weights, the papers' starred cells                                  */
    const char *where; /* "method=qnn wbits=1 abits=1": settings that its point has; "KEY=" is a */
                       /* setting left at its default                                            */
    size_t line; /* of the data file                                                             */
} lb_paper_figure;

/* How our side stands. */
typedef enum lb_figure_state {
    LB_FIGURE_LEFT_OUT, /* the experiment has no such point: quick variants leave some out   */
    LB_FIGURE_NOT_RUN,
    LB_FIGURE_RUNNING, /* begun, no seed is at its end */
    LB_FIGURE_OK,
    LB_FIGURE_DNC,   /* at its end, no seed converges   */
    LB_FIGURE_FAILED /* every seed ended with an error  */
} lb_figure_state;

/** Name of a state: "left out", "not run", "running", "ok", "dnc", "failed". */
const char *lb_figure_state_name(lb_figure_state state);

/* A figure of the paper and ours. Numbers that are not known are NaN. */
typedef struct lb_compared_figure {
    lb_paper_figure paper;
    lb_figure_state state;
    size_t point; /* of the experiment; not where it is left out                               */
    double ours;  /* accuracies: best epoch of the best seed                                   */
    double mean;  /* accuracies: mean over the seeds of each one's best epoch                  */
    double last;  /* top-1: last epoch of the best seed                                        */
    double
        difference; /* ours - paper                                                              */
    size_t seeds;   /* that ours and mean are of                                                 */
    const char
        *split; /* accuracies: "test" or "validation"; "": not run                           */
} lb_compared_figure;

typedef struct lb_comparison {
    lb_compared_figure *figures; /* in the data file's order */
    size_t n;
    size_t points, points_done; /* done: every seed is at its end */
    void *memory;
} lb_comparison;

/**
 * Our results of an experiment beside the paper's figures.
 *
 * Computes:  a figure belongs to the point whose settings agree with its `where`. Accuracies come from the
 *            experiment's cells in the store, sizes and compressions from the network as it is built. The quick
 *            variant NAME.quick is compared with NAME's figures.
 * Ownership: *out is yours, lb_comparison_release; borrows nothing afterwards.
 * Errors:    LB_E_FORMAT the data file of figures is damaged, or a figure belongs to two points (file, line);
 *            LB_E_ARG    the store has cells of another file under the experiment's name;
 *            LB_E_IO, LB_E_NOMEM, those of lb_store_open. A store that is missing, or NULL, has no results.
 */
lb_status lb_comparison_make(const lb_experiment *experiment, const char *figures_path,
                             const char *store_path, lb_comparison *out);
/** Free a comparison; {0} is fine. */
void lb_comparison_release(lb_comparison *comparison);

#ifdef __cplusplus
}
#endif
#endif
