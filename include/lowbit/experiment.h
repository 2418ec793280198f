/* Experiments: many runs described by one file, docs/experiments.md.
 *
 * A file has a base configuration, axes, constraints and, where wanted, a search stage and a report.
 * A point is one combination of the values of all axes but the seed that the constraints leave. The
 * search tries some settings (its trials) on every point in short runs and keeps the best; then every
 * point is trained in full, once for every seed. */
#ifndef LOWBIT_EXPERIMENT_H
#define LOWBIT_EXPERIMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "lowbit/status.h"
#include "lowbit/train.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lb_experiment lb_experiment;

/* How the settings that are searched for are chosen, once for every point. */
typedef struct lb_search_info {
    size_t trials;  /* combinations of the search's own axes; 0: there is no search               */
    size_t epochs;  /* of a short run; with halving: of the first rung                            */
    size_t halving; /* successive halving: the best 1/halving of a rung's trials (rounded down,   */
                    /* at least one) go on to a rung of `halving` times the epochs, until one is  */
                    /* left, which won; 0: one rung, all trials                                   */
    size_t rungs;   /* 1, or what halving makes of it; 0: there is no search                      */
} lb_search_info;

typedef struct lb_experiment_info {
    const char *name;        /* "P0-table6": letters, digits, '-', '_' and '.'                    */
    const char *title;       /* one line for people                                               */
    const char *description; /* "" where there is none                                            */
    const char *text;        /* the whole file                                                    */
    size_t axes;             /* settings in which points may differ; the seed is none of them     */
    size_t points;
    size_t seeds; /* at least 1 */
    lb_search_info search;
} lb_experiment_info;

/**
 * Read an experiment file and check every setting of every point, so that no run of it is refused
 * later for what stands in the file.
 *
 * Ownership: *out is yours, lb_experiment_close.
 * Errors:    LB_E_FORMAT not YAML, an unknown key (with a suggestion), a value that is not of its
 *                        kind: the message has file, line and key.
 *            LB_E_ARG    settings that do not fit together (line, point), no point at all, or more
 *                        than 10^6 runs.
 *            LB_E_IO, LB_E_NOMEM.
 */
lb_status lb_experiment_open(const char *path, lb_experiment **out);
/** Free an experiment; NULL is fine. */
void lb_experiment_close(lb_experiment *experiment);

/** What it is and how large. Texts are borrowed from the experiment. */
void lb_experiment_get_info(const lb_experiment *experiment, lb_experiment_info *out);

/** Key of an axis ("method"): a setting's. Borrowed. Requires: axis < axes. */
const char *lb_experiment_axis(const lb_experiment *experiment, size_t axis);
/** Value of a point on an axis ("dorefa"); NULL: the setting is as in the base configuration, which
 *  may leave it to recipe or default. Borrowed. */
const char *lb_experiment_value(const lb_experiment *experiment, size_t point, size_t axis);
/** The seed of that index. Requires: index < seeds. */
unsigned long long lb_experiment_seed(const lb_experiment *experiment, size_t index);

/**
 * How many trials a rung runs: all of them in the first one.
 *
 * Computes:  n(0) = trials, n(r + 1) = max(1, floor(n(r) / halving)); there is a rung r > 0 where n(r) > 1.
 *            After the last rung one is left, n(rungs) = 1.
 * Requires:  there is a search.
 */
size_t lb_experiment_rung_trials(const lb_experiment *experiment, size_t rung);

enum { LB_NO_TRIAL = -1 };

/**
 * Settings of one full run.
 *
 * Computes:  base, then the point's values, then those of `trial` (LB_NO_TRIAL where there is no search),
 *            then the seed; a later value of a key replaces an earlier one. "out", "resume", "threads" and
 *            the like are left alone.
 * Requires:  point < points, trial < search.trials, seed_index < seeds.
 * Ownership: *out is yours, lb_settings_destroy.
 * Errors:    LB_E_NOMEM.
 */
lb_status lb_experiment_run_settings(const lb_experiment *experiment, size_t point, int trial,
                                     size_t seed_index, lb_settings **out);

/**
 * Settings of one short run of the search: as above with the first seed, the search's own base over it and
 * the epochs of `rung` (from 0).
 *
 * Requires:  0 <= trial < search.trials, rung < search.rungs.
 * Ownership: *out is yours, lb_settings_destroy.
 * Errors:    LB_E_NOMEM.
 */
lb_status lb_experiment_trial_settings(const lb_experiment *experiment, size_t point, int trial,
                                       size_t rung, lb_settings **out);

/* One thing that an experiment's `report` section asks for. */
typedef enum lb_report_item_kind {
    LB_REPORT_TABLE, /* rows x columns of accuracies, as the papers print them                    */
    LB_REPORT_BITS,  /* accuracy against bits, a curve a method                                   */
    LB_REPORT_BARS,  /* accuracy over weight x activation bits: 3-D bars and a heat map           */
    LB_REPORT_CONVERGENCE, /* accuracy and its running average over epochs                        */
    LB_REPORT_COSTS,       /* accuracy against size and against bit operations                    */
    LB_REPORT_WEIGHTS,     /* histograms of weights                                               */
    LB_REPORT_FREEZING /* of runs that freeze weights part by part (rpr): accuracy and schedule */
} lb_report_item_kind;

typedef struct lb_report_item {
    lb_report_item_kind kind;
    const char *title;          /* "": none given */
    const char *rows, *columns; /* TABLE: keys whose values name rows and columns, "wbits,abits"  */
                                /* or "method"; NULL: "method" for rows, widths for columns       */
    const char *only; /* "method=qnn,dorefa": values of keys it is limited to; NULL: none */
} lb_report_item;

/** The items of the report section, in order; false past the last one. Texts are borrowed. */
bool lb_experiment_report_item(const lb_experiment *experiment, size_t index, lb_report_item *out);

#ifdef __cplusplus
}
#endif
#endif
