/* Inside of lb_experiment: values of settings with the place they were written at, grids of them, and the parts
 * of the file. */
#ifndef LB_LAB_EXPERIMENT_INTERNAL_H
#define LB_LAB_EXPERIMENT_INTERNAL_H

#include <stdint.h>

#include "lab/yaml_document.h"
#include "lowbit/experiment.h"
#include "train/settings.h"

enum {
    LB_EXPERIMENT_MAX_BYTES = 1 << 20,
    LB_EXPERIMENT_MAX_RUNS = 1000000, /* also combinations of axes before constraints */
    LB_EXPERIMENT_MAX_VALUES = 4096,  /* different ones of a setting                  */
    LB_EXPERIMENT_MAX_CONSTRAINTS = 100,
    LB_NUMBER_BYTES = 32
};

/* ---- values ---------------------------------------------------------------------------------- */

/* A setting's value as the file gives it. */
typedef struct lb_run_value {
    lb_key key;
    const char *text;             /* canonical; NULL: the setting is left as it is              */
    const char *const *of_recipe; /* RECIPE: what it sets, LB_N_KEYS texts or NULLs         */
    const lb_yaml_node *node;
} lb_run_value;

typedef struct lb_run_values {
    lb_run_value *values;
    size_t n;
} lb_run_values;

/* Where a setting may stand. */
typedef enum lb_setting_use {
    LB_USE_BASE, /* of every run: all that `lowbit train` takes, but seed and how a run is carried out */
    LB_USE_VARIED /* on an axis: also without what changes no result                                  */
} lb_setting_use;

/** The setting that a key names. Errors: LB_E_FORMAT unknown or not for this use. */
LB_MUST_CHECK lb_status lb_run_key(const lb_yaml_document *document, const lb_yaml_item *item,
                                   lb_setting_use use, lb_key *out);

/** Take a node for a setting's value: a scalar, or a list that is joined by commas. Null is no text.
 *  Errors: LB_E_FORMAT not of the setting's kind, LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_run_value_read(const lb_yaml_document *document, lb_arena *arena,
                                          lb_key key, const lb_yaml_node *node, lb_run_value *out);

/** Read a mapping of settings to one value each. Errors: as the two above. */
LB_MUST_CHECK lb_status lb_run_values_read(const lb_yaml_document *document, lb_arena *arena,
                                           const lb_yaml_node *map, lb_run_values *out);

/** Put a value into settings that borrow their texts: they are neither destroyed nor set otherwise, but may be
 *  copied. A value without text changes nothing. */
void lb_run_value_lend(const lb_run_value *value, lb_settings *to);

/* ---- grids ----------------------------------------------------------------------------------- */

/* A setting that differs between the rows of a grid, and all values it takes. */
typedef struct lb_grid_column {
    lb_key key;
    lb_run_value *values; /* values[0] has no text */
    size_t n, capacity;
} lb_grid_column;

/* Columns that change together, value by value: an axis. */
typedef struct lb_grid_axis {
    size_t columns[LB_N_KEYS], n_columns;
    uint32_t *ids; /* (n, n_columns): index of the column's value */
    size_t n;
    const lb_yaml_node *node;
    struct lb_grid_axis *next;
} lb_grid_axis;

/* All combinations of some axes, the last axis fastest. */
typedef struct lb_grid_block {
    const lb_yaml_node *node;
    lb_grid_axis *axes;
    bool constrained;
    size_t first_row;
    struct lb_grid_block *next;
} lb_grid_block;

/* A condition on rows: every column's value is one of those allowed. */
typedef struct lb_grid_condition {
    struct lb_grid_part {
        size_t column;
        bool *allowed; /* by index of the value */
    } * parts;
    size_t n_parts;
} lb_grid_condition;

typedef struct lb_grid_conditions {
    lb_grid_condition *items;
    size_t n;
} lb_grid_conditions;

typedef struct lb_grid {
    lb_grid_column columns[LB_N_KEYS];
    size_t n_columns;
    lb_grid_block *blocks, *last; /* in order */
    lb_grid_conditions only, except;
    uint32_t *rows; /* (n_rows, n_columns); lb_free */
    size_t n_rows;
} lb_grid;

/** Add the combinations of `axes`: a list of axes, or a mapping of settings to values. Errors: LB_E_FORMAT. */
LB_MUST_CHECK lb_status lb_grid_add_axes(const lb_yaml_document *document, lb_arena *arena,
                                         const lb_yaml_node *node, bool constrained, lb_grid *grid);

/** Read a list of conditions on the columns that are there. Errors: LB_E_FORMAT. */
LB_MUST_CHECK lb_status lb_grid_read_conditions(const lb_yaml_document *document, lb_arena *arena,
                                                const lb_yaml_node *node, const lb_grid *grid,
                                                lb_grid_conditions *out);

/** Write the rows out. Two rows that come to the same settings over `base` are refused.
 *  Errors: LB_E_ARG too many combinations (nothing is written out), none left, or the same twice. */
LB_MUST_CHECK lb_status lb_grid_expand(const lb_yaml_document *document, const lb_run_values *base,
                                       lb_grid *grid);

const lb_run_value *lb_grid_value(const lb_grid *grid, size_t row, size_t column);
/** The block that a row comes from. */
const lb_grid_block *lb_grid_block_of(const lb_grid *grid, size_t row);
/** "method=twn wbits=2", or "the base"; cut where it does not fit. */
void lb_grid_describe(const lb_grid *grid, size_t row, char *text, size_t bytes);

/* ---- the experiment -------------------------------------------------------------------------- */

struct lb_experiment {
    lb_arena arena;
    uint8_t *text;
    lb_yaml_document document;
    const char *name, *title, *description;
    lb_run_values base;
    lb_grid points;
    unsigned long long *seeds;
    size_t n_seeds;
    lb_run_values search_base;
    lb_grid trials; /* no columns: there is no search */
    lb_search_info search;
    lb_report_item *items;
    size_t n_items;
};

/** Read "seeds". NULL: the seed 1. Errors: LB_E_FORMAT, LB_E_ARG too many. */
LB_MUST_CHECK lb_status lb_experiment_read_seeds(lb_experiment *experiment,
                                                 const lb_yaml_node *node);
/** Read "search". Errors: LB_E_FORMAT, LB_E_ARG. */
LB_MUST_CHECK lb_status lb_experiment_read_search(lb_experiment *experiment,
                                                  const lb_yaml_node *node);
/** Read "report". Errors: LB_E_FORMAT. */
LB_MUST_CHECK lb_status lb_experiment_read_report(lb_experiment *experiment,
                                                  const lb_yaml_node *node);
/** Whether each point's settings fit together, with each trial's. Errors: LB_E_ARG with line and point. */
LB_MUST_CHECK lb_status lb_experiment_check(const lb_experiment *experiment);

/** Settings that borrow from the experiment: base, a point's values and a trial's (LB_NO_TRIAL: none). */
void lb_experiment_lend(const lb_experiment *experiment, size_t point, int trial, lb_settings *out);

/** The same for a short run, with the search's base over them and the epochs of a rung, whose text is borrowed too. */
void lb_experiment_lend_short(const lb_experiment *experiment, size_t point, int trial, size_t rung,
                              char epochs[LB_NUMBER_BYTES], lb_settings *out);

/** Epochs of a rung. */
unsigned long long lb_experiment_rung_epochs(const lb_search_info *search, size_t rung);

#endif
