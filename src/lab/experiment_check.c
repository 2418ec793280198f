/* Whether the settings of every run fit together, and if not, what in the file is to blame. */
#include <stdio.h>
#include <string.h>

#include "lab/experiment_internal.h"
#include "train/config.h"

enum { MESSAGE_BYTES = 1024, MAX_SOURCES = 4 * LB_N_KEYS };

/* The run that is looked at. */
typedef struct candidate {
    const lb_experiment *experiment;
    size_t point;
    int trial;
    bool is_short;
} candidate;

static lb_status check(lb_settings *lent)
{
    /* the folder's name needs no check, and making it would take longer than all the rest */
    const lb_run_value out = {.key = LB_KEY_OUT, .text = "-"};
    lb_train_config config;
    lb_run_value_lend(&out, lent);
    const lb_status status = lb_train_config_read(lent, &config);
    lb_train_config_release(&config);
    return status;
}

static bool fails_alike(lb_settings *lent, const char *message)
{
    return check(lent) != LB_OK && strcmp(lb_error(), message) == 0;
}

/* ---- blame ----------------------------------------------------------------------------------- */

static void add_values(const lb_run_values *values, const lb_run_value **out, size_t *n)
{
    for (size_t i = 0; i < values->n; i++) out[(*n)++] = &values->values[i];
}

static void add_row(const lb_grid *grid, size_t row, const lb_run_value **out, size_t *n)
{
    for (size_t c = 0; c < grid->n_columns; c++) {
        const lb_run_value *value = lb_grid_value(grid, row, c);
        if (value->text != NULL) out[(*n)++] = value;
    }
}

/* All values of the file that the run has. */
static size_t collect_sources(const candidate *run, const lb_run_value **out)
{
    const lb_experiment *e = run->experiment;
    size_t n = 0;
    add_values(&e->base, out, &n);
    add_row(&e->points, run->point, out, &n);
    if (run->is_short) add_values(&e->search_base, out, &n);
    if (run->trial != LB_NO_TRIAL) add_row(&e->trials, (size_t)run->trial, out, &n);
    return n;
}

static void lend_base(const lb_experiment *e, lb_settings *out)
{
    for (size_t i = 0; i < e->base.n; i++) lb_run_value_lend(&e->base.values[i], out);
}

/* The node that fails in the same way without the rest of the point; NULL: it takes several values. */
static const lb_yaml_node *find_culprit(const candidate *run, const char *message)
{
    const lb_experiment *e = run->experiment;
    const lb_run_value *sources[MAX_SOURCES];
    const size_t n = collect_sources(run, sources);
    for (size_t i = 0; i < n; i++) {
        lb_settings alone = {0};
        lb_run_value_lend(sources[i], &alone);
        if (fails_alike(&alone, message)) return sources[i]->node;
    }
    lb_settings base = {0};
    lend_base(e, &base);
    if (fails_alike(&base, message)) return lb_yaml_find(e->document.root, "base");
    for (size_t i = 0; i < n; i++) {
        lb_settings with_base = {0};
        lend_base(e, &with_base);
        lb_run_value_lend(sources[i], &with_base);
        if (fails_alike(&with_base, message)) return sources[i]->node;
    }
    return NULL;
}

static lb_status blame(const candidate *run, lb_status status)
{
    const lb_experiment *e = run->experiment;
    char message[MESSAGE_BYTES], point[256], trial[256] = "";
    if (status == LB_E_NOMEM) return status;
    (void)snprintf(message, sizeof message, "%s", lb_error());
    const lb_yaml_node *culprit = find_culprit(run, message);
    if (culprit != NULL) return lb_yaml_at(&e->document, culprit, lb_fail(status, "%s", message));
    lb_grid_describe(&e->points, run->point, point, sizeof point);
    if (run->trial != LB_NO_TRIAL)
        lb_grid_describe(&e->trials, (size_t)run->trial, trial, sizeof trial);
    return lb_yaml_at(&e->document, lb_grid_block_of(&e->points, run->point)->node,
                      lb_fail(status, "%s%s%s%s: %s", point, trial[0] != '\0' ? " with " : "",
                              trial, run->is_short ? " in a short run" : "", message));
}

/* ---- all runs -------------------------------------------------------------------------------- */

static lb_status check_run(const candidate *run)
{
    lb_settings lent = {0};
    char epochs[LB_NUMBER_BYTES];
    if (run->is_short) {
        /* the first rung: the later ones differ in having more epochs */
        lb_experiment_lend_short(run->experiment, run->point, run->trial, 0, epochs, &lent);
    } else {
        lb_experiment_lend(run->experiment, run->point, run->trial, &lent);
    }
    const lb_status status = check(&lent);
    return status == LB_OK ? LB_OK : blame(run, status);
}

lb_status lb_experiment_check(const lb_experiment *experiment)
{
    const bool searched = experiment->search.trials > 0;
    for (size_t p = 0; p < experiment->points.n_rows; p++) {
        candidate run = {.experiment = experiment, .point = p, .trial = LB_NO_TRIAL};
        if (!searched) LB_TRY(check_run(&run));
        for (size_t t = 0; t < experiment->search.trials; t++) {
            run = (candidate){.experiment = experiment, .point = p, .trial = (int)t};
            LB_TRY(check_run(&run));
            run.is_short = true;
            LB_TRY(check_run(&run));
        }
    }
    return LB_OK;
}
