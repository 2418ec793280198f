#include "lab/sweep_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/experiment_internal.h"

static size_t cells_of_search(const lb_sweep_plan *plan)
{
    size_t n = 0;
    for (size_t r = 0; r < plan->info.search.rungs; r++)
        n += lb_experiment_rung_trials(plan->experiment, r);
    return n;
}

/* ---- one cell -------------------------------------------------------------------------------- */

static lb_status settings_of(const lb_sweep_plan *plan, const lb_cell_record *record, int trial,
                             lb_settings **out)
{
    if (record->stage == LB_CELL_SEARCH) {
        return lb_experiment_trial_settings(plan->experiment, record->point, trial, record->rung,
                                            out);
    }
    return lb_experiment_run_settings(plan->experiment, record->point, trial, record->seed_index,
                                      out);
}

lb_status lb_sweep_plan_settings(const lb_sweep_plan *plan, const lb_plan_cell *cell,
                                 lb_settings **out)
{
    return settings_of(plan, &cell->record, cell->record.trial, out);
}

lb_status lb_sweep_plan_open(const lb_sweep_plan *plan, lb_plan_cell *cell, int trial)
{
    lb_settings *settings = NULL;
    LB_TRY(settings_of(plan, &cell->record, trial, &settings));
    char hash[LB_RUN_HASH_BYTES];
    const lb_status status = lb_run_hash(settings, hash);
    lb_settings_destroy(settings);
    LB_TRY(status);
    memcpy(cell->record.hash, hash, sizeof hash);
    cell->record.trial = trial;
    cell->standing = LB_STANDING_OPEN;
    return LB_OK;
}

lb_plan_cell *lb_sweep_plan_full(const lb_sweep_plan *plan, size_t point, size_t seed_index)
{
    return &plan->cells[plan->n_search + seed_index * plan->info.points + point];
}

void lb_sweep_plan_name(const lb_sweep_plan *plan, const lb_plan_cell *cell,
                        char name[LB_CELL_NAME_BYTES])
{
    const lb_cell_record *record = &cell->record;
    size_t at = 0;
    for (size_t axis = 0; axis < plan->info.axes && at < LB_CELL_NAME_BYTES; axis++) {
        const char *value = lb_experiment_value(plan->experiment, record->point, axis);
        if (value == NULL) continue;
        at += (size_t)snprintf(name + at, LB_CELL_NAME_BYTES - at, "%s=%s ",
                               lb_experiment_axis(plan->experiment, axis), value);
    }
    if (at >= LB_CELL_NAME_BYTES) return; /* it was cut */
    const size_t room = LB_CELL_NAME_BYTES - at;
    if (record->stage == LB_CELL_FULL) {
        (void)snprintf(name + at, room, "seed=%llu",
                       lb_experiment_seed(plan->experiment, record->seed_index));
        return;
    }
    char trial[16] = "?", rung[32] = "";
    if (record->trial >= 0) (void)snprintf(trial, sizeof trial, "%d", record->trial + 1);
    if (plan->info.search.rungs > 1)
        (void)snprintf(rung, sizeof rung, " rung=%zu", record->rung + 1);
    (void)snprintf(name + at, room, "trial=%s%s", trial, rung);
}

/* ---- layout ---------------------------------------------------------------------------------- */

/* Kind and epochs do not wait for the search: which trial wins hardly changes how long a run takes. */
static lb_status lay_out(lb_sweep_plan *plan, lb_cell_record record, int trial)
{
    lb_plan_cell *cell = &plan->cells[record.position];
    *cell = (lb_plan_cell){.record = record, .standing = LB_STANDING_WAITS};
    const bool searched = record.stage == LB_CELL_FULL && plan->info.search.trials > 0;
    const bool waits = searched || record.rung > 0;
    cell->record.trial = LB_NO_TRIAL;
    lb_settings *settings = NULL;
    LB_TRY(settings_of(plan, &record, searched ? 0 : trial, &settings));
    lb_status status = lb_rates_kind(&plan->rates, settings, &cell->kind);
    cell->epochs = strtod(lb_settings_get(settings, "epochs"), NULL);
    lb_settings_destroy(settings);
    if (status == LB_OK && !waits) status = lb_sweep_plan_open(plan, cell, trial);
    return status;
}

static lb_status lay_out_search(lb_sweep_plan *plan, size_t point)
{
    const lb_search_info *search = &plan->info.search;
    size_t position = point * plan->n_of_point;
    for (size_t rung = 0; rung < search->rungs; rung++) {
        const size_t size = lb_experiment_rung_trials(plan->experiment, rung);
        for (size_t i = 0; i < size; i++) {
            const lb_cell_record record = {
                .position = position++, .stage = LB_CELL_SEARCH, .point = point, .rung = rung};
            LB_TRY(lay_out(plan, record, (int)i));
        }
    }
    return LB_OK;
}

static lb_status lay_out_all(lb_sweep_plan *plan)
{
    const lb_experiment_info *info = &plan->info;
    for (size_t point = 0; point < info->points; point++) LB_TRY(lay_out_search(plan, point));
    for (size_t seed = 0; seed < info->seeds; seed++) {
        for (size_t point = 0; point < info->points; point++) {
            const lb_cell_record record = {.position = plan->n_search + seed * info->points + point,
                                           .stage = LB_CELL_FULL,
                                           .point = point,
                                           .seed_index = seed};
            LB_TRY(lay_out(plan, record, LB_NO_TRIAL));
        }
    }
    return LB_OK;
}

lb_status lb_sweep_plan_init(const lb_experiment *experiment, lb_sweep_plan *out)
{
    *out = (lb_sweep_plan){.experiment = experiment};
    lb_experiment_get_info(experiment, &out->info);
    const lb_experiment_info *info = &out->info;
    out->n_of_point = cells_of_search(out);
    size_t n_full = 0;
    if (!lb_size_mul(info->points, out->n_of_point, &out->n_search) ||
        !lb_size_mul(info->points, info->seeds, &n_full)) {
        return lb_fail(LB_E_ARG, "%s: more cells than can be counted", info->name);
    }
    out->n = out->n_search + n_full;
    void *cells = NULL, *choices = NULL;
    LB_TRY(lb_alloc(out->n, sizeof *out->cells, "cells", &cells));
    out->cells = cells;
    LB_TRY(lb_alloc(info->points, sizeof *out->choices, "choices", &choices));
    out->choices = choices;
    for (size_t i = 0; i < info->points; i++) out->choices[i] = LB_CHOICE_OPEN;
    return lay_out_all(out);
}

void lb_sweep_plan_release(lb_sweep_plan *plan)
{
    lb_free(plan->cells);
    lb_free(plan->choices);
    lb_rates_release(&plan->rates);
    *plan = (lb_sweep_plan){0};
}

/* ---- the search ------------------------------------------------------------------------------ */

/* Does a rank before b? Both ended. */
static bool is_better(const lb_plan_cell *a, const lb_plan_cell *b)
{
    static const int places[] = {[LB_RUN_OK] = 0, [LB_RUN_DNC] = 1, [LB_RUN_FAILED] = 2};
    const int place_a = places[a->state], place_b = places[b->state];
    if (place_a != place_b) return place_a < place_b;
    if (a->top1 > b->top1 || a->top1 < b->top1) return a->top1 > b->top1;
    return a->record.trial < b->record.trial;
}

/* How many of n cells are better than the one at `index`: no two are equal. */
static size_t rank_of(const lb_plan_cell *cells, size_t n, size_t index)
{
    size_t better = 0;
    for (size_t i = 0; i < n; i++) better += i != index && is_better(&cells[i], &cells[index]);
    return better;
}

static const lb_plan_cell *best_of(const lb_plan_cell *cells, size_t n)
{
    const lb_plan_cell *best = cells;
    for (size_t i = 1; i < n; i++) best = is_better(&cells[i], best) ? &cells[i] : best;
    return best;
}

static bool all_ended(const lb_plan_cell *cells, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (cells[i].standing != LB_STANDING_ENDED) return false;
    }
    return true;
}

/* The best of a rung that is over go to the next one, the best first. */
static lb_status open_rung(const lb_sweep_plan *plan, const lb_plan_cell *before, size_t n_before,
                           lb_plan_cell *cells, size_t n, bool *changed)
{
    for (size_t i = 0; i < n_before; i++) {
        const size_t rank = rank_of(before, n_before, i);
        if (rank >= n || cells[rank].standing != LB_STANDING_WAITS) continue;
        LB_TRY(lb_sweep_plan_open(plan, &cells[rank], before[i].record.trial));
        *changed = true;
    }
    return LB_OK;
}

/* A point whose trials all failed gets no run, but the settings of the first to fail with. */
static lb_status open_full(const lb_sweep_plan *plan, size_t point, bool *changed)
{
    const int choice = plan->choices[point];
    for (size_t seed = 0; seed < plan->info.seeds; seed++) {
        lb_plan_cell *cell = lb_sweep_plan_full(plan, point, seed);
        if (cell->standing != LB_STANDING_WAITS) continue;
        LB_TRY(lb_sweep_plan_open(plan, cell, choice == LB_CHOICE_NONE ? 0 : choice));
        if (choice == LB_CHOICE_NONE) cell->standing = LB_STANDING_HOPELESS;
        *changed = true;
    }
    return LB_OK;
}

lb_status lb_sweep_plan_decide(lb_sweep_plan *plan, size_t point, bool *changed)
{
    *changed = false;
    const lb_search_info *search = &plan->info.search;
    if (search->trials == 0) return LB_OK;
    if (plan->choices[point] == LB_CHOICE_OPEN) {
        lb_plan_cell *cells = &plan->cells[point * plan->n_of_point];
        for (size_t rung = 0; rung < search->rungs; rung++) {
            const size_t n = lb_experiment_rung_trials(plan->experiment, rung);
            if (!all_ended(cells, n)) return LB_OK;
            const lb_plan_cell *best = best_of(cells, n);
            if (rung + 1 == search->rungs) {
                const bool failed = best->state == LB_RUN_FAILED;
                plan->choices[point] = failed ? LB_CHOICE_NONE : best->record.trial;
                break;
            }
            LB_TRY(open_rung(plan, cells, n, cells + n,
                             lb_experiment_rung_trials(plan->experiment, rung + 1), changed));
            if (*changed) return LB_OK;
            cells += n;
        }
    }
    return open_full(plan, point, changed);
}
