/* What an experiment tells of itself, and the settings of its runs. */
#include <stdio.h>
#include <string.h>

#include "lab/experiment_internal.h"

void lb_experiment_get_info(const lb_experiment *experiment, lb_experiment_info *out)
{
    *out = (lb_experiment_info){
        .name = experiment->name,
        .title = experiment->title,
        .description = experiment->description,
        .text = (const char *)experiment->text,
        .axes = experiment->points.n_columns,
        .points = experiment->points.n_rows,
        .seeds = experiment->n_seeds,
        .search = experiment->search,
    };
}

const char *lb_experiment_axis(const lb_experiment *experiment, size_t axis)
{
    lb_assert(axis < experiment->points.n_columns);
    return lb_setting_table[experiment->points.columns[axis].key].key;
}

const char *lb_experiment_value(const lb_experiment *experiment, size_t point, size_t axis)
{
    return lb_grid_value(&experiment->points, point, axis)->text;
}

unsigned long long lb_experiment_seed(const lb_experiment *experiment, size_t index)
{
    lb_assert(index < experiment->n_seeds);
    return experiment->seeds[index];
}

bool lb_experiment_report_item(const lb_experiment *experiment, size_t index, lb_report_item *out)
{
    if (index >= experiment->n_items) return false;
    *out = experiment->items[index];
    return true;
}

/* ---- search ---------------------------------------------------------------------------------- */

size_t lb_experiment_rung_trials(const lb_experiment *experiment, size_t rung)
{
    const size_t halving = experiment->search.halving;
    size_t n = experiment->search.trials;
    for (size_t r = 0; r < rung && n > 1; r++) n = halving > 0 && n >= halving ? n / halving : 1;
    return n;
}

unsigned long long lb_experiment_rung_epochs(const lb_search_info *search, size_t rung)
{
    unsigned long long epochs = search->epochs;
    for (size_t r = 0; r < rung; r++) epochs *= search->halving;
    return epochs;
}

/* ---- settings -------------------------------------------------------------------------------- */

static void lend_row(const lb_grid *grid, size_t row, lb_settings *out)
{
    for (size_t c = 0; c < grid->n_columns; c++)
        lb_run_value_lend(lb_grid_value(grid, row, c), out);
}

void lb_experiment_lend(const lb_experiment *experiment, size_t point, int trial, lb_settings *out)
{
    for (size_t i = 0; i < experiment->base.n; i++)
        lb_run_value_lend(&experiment->base.values[i], out);
    lend_row(&experiment->points, point, out);
    if (trial != LB_NO_TRIAL) lend_row(&experiment->trials, (size_t)trial, out);
}

static void lend_number(lb_key key, unsigned long long number, char text[LB_NUMBER_BYTES],
                        lb_settings *out)
{
    (void)snprintf(text, LB_NUMBER_BYTES, "%llu", number);
    const lb_run_value value = {.key = key, .text = text};
    lb_run_value_lend(&value, out);
}

void lb_experiment_lend_short(const lb_experiment *experiment, size_t point, int trial, size_t rung,
                              char epochs[LB_NUMBER_BYTES], lb_settings *out)
{
    lb_experiment_lend(experiment, point, trial, out);
    for (size_t i = 0; i < experiment->search_base.n; i++)
        lb_run_value_lend(&experiment->search_base.values[i], out);
    lend_number(LB_KEY_EPOCHS, lb_experiment_rung_epochs(&experiment->search, rung), epochs, out);
}

lb_status lb_experiment_run_settings(const lb_experiment *experiment, size_t point, int trial,
                                     size_t seed_index, lb_settings **out)
{
    lb_settings lent = {0};
    char seed[LB_NUMBER_BYTES];
    lb_experiment_lend(experiment, point, trial, &lent);
    lend_number(LB_KEY_SEED, lb_experiment_seed(experiment, seed_index), seed, &lent);
    return lb_settings_copy(&lent, out);
}

lb_status lb_experiment_trial_settings(const lb_experiment *experiment, size_t point, int trial,
                                       size_t rung, lb_settings **out)
{
    lb_settings lent = {0};
    char seed[LB_NUMBER_BYTES], epochs[LB_NUMBER_BYTES];
    lb_experiment_lend_short(experiment, point, trial, rung, epochs, &lent);
    lend_number(LB_KEY_SEED, lb_experiment_seed(experiment, 0), seed, &lent);
    return lb_settings_copy(&lent, out);
}
