/* What `lowbit cost` can count: a row of cmd_cost.c a kind, each in a file of its own, cost_NAME.c. */
#ifndef LB_CLI_COST_KINDS_H
#define LB_CLI_COST_KINDS_H

#include <popt.h>
#include <stdbool.h>

/* How costs are printed: one of the options that all kinds have. */
typedef struct lb_cost_form {
    int json, csv;
} lb_cost_form;

typedef struct lb_cost_kind {
    const char *name;
    const char *summary; /* for the message about an unknown kind */
    /** Count and print; the kind's own arguments are next. Returns the exit status. */
    int (*run)(poptContext context, const lb_cost_form *form);
} lb_cost_kind;

extern const lb_cost_kind lb_cost_kind_sparse, lb_cost_kind_syq;
extern const struct poptOption lb_cost_sparse_options[];
/** The first of them that has another value than its default; NULL: none. */
const char *lb_cost_sparse_given(void);

#endif
