/* Inside of the IMPQ procedure: its options read into values, its state, and its pieces. */
#ifndef LB_TRAIN_IMPQ_PLAN_H
#define LB_TRAIN_IMPQ_PLAN_H

#include "data/sha256.h"
#include "lowbit/impq.h"
#include "train/run.h"

enum { LB_IMPQ_STEPS_MAX = 32, LB_IMPQ_RULES_MAX = 16 };

typedef enum lb_impq_phase { LB_IMPQ_WEIGHTS, LB_IMPQ_ACTS, LB_IMPQ_PHASES } lb_impq_phase;
extern const char *const lb_impq_phase_names[LB_IMPQ_PHASES];

typedef enum lb_impq_granularity {
    LB_IMPQ_KERNEL,
    LB_IMPQ_LAYER,
    LB_IMPQ_NETWORK
} lb_impq_granularity;

/* "400@1,200@4". */
typedef struct lb_impq_schedule {
    size_t n, from[LB_IMPQ_STEPS_MAX], groups[LB_IMPQ_STEPS_MAX];
} lb_impq_schedule;

typedef enum lb_impq_figure {
    LB_IMPQ_TOP1,
    LB_IMPQ_WEIGHT_BITS,
    LB_IMPQ_ACT_BITS,
    LB_IMPQ_BIT_OPERATIONS,
    LB_IMPQ_FIGURES
} lb_impq_figure;
extern const char *const lb_impq_figure_names[LB_IMPQ_FIGURES];

/* top1 is to stay at least at a value, the others are to fall to theirs. */
typedef struct lb_impq_rule {
    lb_impq_figure figure;
    double value;
} lb_impq_rule;

typedef struct lb_impq_plan {
    const lb_impq_options *options;
    const char *out;
    lb_impq_granularity granularity;
    bool score_of_code;
    lb_impq_schedule schedule[LB_IMPQ_PHASES];
    size_t iterations[LB_IMPQ_PHASES];
    lb_impq_rule rules[LB_IMPQ_RULES_MAX];
    size_t n_rules;
    double fraction;
    size_t runners_up;
    char start[LB_SHA256_TEXT_BYTES];   /* of the checkpoint that all starts from */
    char teacher[LB_SHA256_TEXT_BYTES]; /* of the iterations' teacher; "": there is none */
    lb_arena arena;
} lb_impq_plan;

/** Read the options. Ownership: *out is yours, lb_impq_plan_release, also after a failure.
 *  Errors: LB_E_ARG, LB_E_IO no such run, LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_impq_plan_read(const lb_impq_options *options, lb_impq_plan *out);
void lb_impq_plan_release(lb_impq_plan *plan);
/** Groups that lose a bit in a phase's iteration, counted from 1. */
size_t lb_impq_schedule_at(const lb_impq_schedule *schedule, size_t iteration);
double lb_impq_figure_of(const lb_impq_row *row, lb_impq_figure figure);
/** Does the row keep all rules of top1? */
bool lb_impq_is_kept(const lb_impq_plan *plan, const lb_impq_row *row);
/** The first rule of a falling figure that the row does not meet; NULL: none. */
const lb_impq_rule *lb_impq_unmet(const lb_impq_plan *plan, const lb_impq_row *row);

/* ---- groups ---- */

/* The smallest thing with a width: a filter, or a quantized map. */
typedef struct lb_impq_cell {
    int node;
    size_t filter;
    size_t size; /* weights; 1 of a map */
    int bits, least;
    double gain, mean_abs; /* mean_abs: of its weights; of a map its largest value */
} lb_impq_cell;

/* Cells [first, first + n) share a width. */
typedef struct lb_impq_group {
    size_t first, n, size;
    double score;
} lb_impq_group;

typedef struct lb_impq_groups {
    lb_impq_cell *cells;
    lb_impq_group *groups;
    size_t n_cells, n_groups;
    lb_arena arena;
} lb_impq_groups;

/** The groups of a network in its own order. Ownership: *out is yours, lb_impq_groups_release, also after a failure.
 *  Errors: LB_E_ARG no widths, or filters that share a scale; LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_impq_groups_list(const lb_net *net, lb_impq_phase phase,
                                            lb_impq_granularity granularity, lb_impq_groups *out);
void lb_impq_groups_release(lb_impq_groups *groups);
/** Groups that can lose a bit. */
size_t lb_impq_groups_open(const lb_impq_groups *groups);
/** Scores from gains. Computes: paper: 2^-B sum of the gains; code: (mean gain a weight) (mean |w|) / 2^B, of a map
 *  gain * largest / 2^B. */
void lb_impq_groups_score(lb_impq_groups *groups, bool score_of_code);
/** The n lowest groups that can lose a bit, or all of them, lose one; ties go to the lower index. *lowered: how many.
 *  Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_impq_groups_lower(lb_impq_groups *groups, size_t n, size_t *lowered);
/** Put the cells' widths into the network. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_impq_groups_apply(const lb_impq_groups *groups, lb_net *net);
/** Can the weights' iterations take enough bits for the plan's rules? Errors: LB_E_ARG says why not; LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_impq_check_reach(const lb_impq_plan *plan, const lb_impq_row *start,
                                            const lb_impq_groups *groups, const lb_net *net);
/** Take every bit that can be taken, of the cells and of the network. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_impq_groups_exhaust(lb_impq_groups *groups, lb_net *net);

/* ---- figures, pass, state ---- */

/** Widths and costs of a network, into the row. */
LB_MUST_CHECK lb_status lb_impq_figures(const lb_net *net, lb_impq_row *row);

/** Measure the groups' gains on training images without augmentation; the images depend on the run's seed and the
 *  iteration. Errors: those of the data; LB_E_DIVERGED, LB_E_INTERRUPTED, LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_impq_measure(const lb_impq_plan *plan, lb_run *run, int threads,
                                        lb_impq_groups *groups, lb_impq_event event,
                                        lb_impq_fn *report, void *user);

/* What impq.json holds. */
typedef struct lb_impq_state {
    lb_impq_row *rows;
    char **layers;                   /* of each row: JSON, the bits of each layer: numbers */
    const char *granularity, *start; /* of the options, where it was read */
    size_t n_rows, capacity;
    lb_arena arena;
} lb_impq_state;

void lb_impq_state_release(lb_impq_state *state);
/** Read OUT/impq.json, where there is one.
 *  Errors: LB_E_ARG made with other options; LB_E_FORMAT, LB_E_IO, LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_impq_state_read(const lb_impq_plan *plan, lb_impq_state *state);
/** Read FOLDER/impq.json, whatever options it was made with. Ownership: *state is yours, lb_impq_state_release, also
 *  after a failure. Errors: LB_E_FORMAT, LB_E_IO, LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_impq_state_open(const char *folder, lb_impq_state *state);
/** The same from its text; `path` is for messages. A plan of NULL: options may be any. */
LB_MUST_CHECK lb_status lb_impq_state_parse(const lb_impq_plan *plan, const char *path,
                                            const char *text, lb_impq_state *state);
/** Add a row, and the bits of the layers of its network. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_impq_state_add(lb_impq_state *state, const lb_impq_row *row,
                                          const lb_net *net);
/** Write impq.json, then impq.csv. Errors: LB_E_IO, LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_impq_state_write(const lb_impq_plan *plan, const lb_impq_state *state);

#endif
