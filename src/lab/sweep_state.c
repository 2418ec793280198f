#include "lab/sweep_state.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "lab/store_cells.h"

/* ---- counts and events ----------------------------------------------------------------------- */

void lb_sweep_state_report(lb_sweep_state *state, lb_sweep_event_kind kind)
{
    const double now = lb_seconds();
    state->reported = now;
    state->event.kind = kind;
    state->event.seconds = now - state->started;
    if (state->report != NULL) state->report(&state->event, state->user);
    state->event.cell = NULL;
    state->event.run = NULL;
}

lb_status lb_sweep_state_stopped(const lb_sweep_state *state)
{
    const size_t done = state->event.done, cells = state->event.cells;
    if (!lb_sweep_stop_wanted() || done == cells) return LB_OK;
    return lb_fail(LB_E_INTERRUPTED,
                   "stopped with %zu of %zu cells done; `lowbit sweep --resume`, or `lowbit "
                   "reproduce` again, goes on",
                   done, cells);
}

static void count_end(lb_sweep_state *state, const lb_plan_cell *cell, bool reused)
{
    state->event.done++;
    state->event.failed += cell->state == LB_RUN_FAILED;
    state->event.dnc += cell->state == LB_RUN_DNC;
    state->event.reused += reused;
}

static void mark_ended(lb_sweep_state *state, lb_plan_cell *cell, const lb_run_record *run)
{
    cell->standing = LB_STANDING_ENDED;
    cell->state = run->state;
    cell->top1 = run->best_top1;
    cell->record.done = true;
    cell->record.run_id = run->id;
    state->plan.rates.kinds[cell->kind].open_epochs -= cell->epochs;
}

/* ---- cells that become known ----------------------------------------------------------------- */

/* A cell that has ended and has this run, or NULL. */
static const lb_plan_cell *find_ended(const lb_sweep_state *state, const char *hash)
{
    for (size_t i = 0; i < state->plan.n; i++) {
        const lb_plan_cell *cell = &state->plan.cells[i];
        if (cell->standing == LB_STANDING_ENDED && strcmp(cell->record.hash, hash) == 0)
            return cell;
    }
    return NULL;
}

/* Is the run that a cell wants over already, as far as the options let it count? Where all is to be run again,
 * what this sweep ran counts. */
static lb_status look(lb_sweep_state *state, lb_plan_cell *cell)
{
    const char *hash = cell->record.hash;
    if (state->store == NULL) return LB_OK;
    if (state->options->again && (state->event.done == 0 || find_ended(state, hash) == NULL))
        return LB_OK;
    bool found = false;
    lb_run_record run;
    LB_TRY(lb_store_find(state->store, hash, &found, &run));
    if (!found || run.state == LB_RUN_RUNNING) return LB_OK;
    if (run.state == LB_RUN_FAILED && state->options->retry_failed) return LB_OK;
    mark_ended(state, cell, &run);
    count_end(state, cell, true);
    return LB_OK;
}

/* The end of a cell that cannot be run as its search came to nothing: all trials of its last rung failed. */
static lb_status give_up(lb_sweep_state *state, size_t index)
{
    const lb_sweep_plan *plan = &state->plan;
    const size_t rungs = plan->info.search.rungs, end = plan->cells[index].record.point + 1;
    const size_t last = lb_experiment_rung_trials(plan->experiment, rungs - 1);
    const lb_plan_cell *trial = &plan->cells[end * plan->n_of_point - last];
    bool found = false;
    lb_run_record run;
    LB_TRY(lb_store_find(state->store, trial->record.hash, &found, &run));
    char message[1024];
    (void)snprintf(message, sizeof message, "all trials of %s failed, the first: %s",
                   rungs > 1 ? "the last rung of its search" : "its search",
                   found ? run.message : "unknown");
    return lb_sweep_state_fail(state, index, message);
}

/* A full run may coincide with one that is there even where its search failed. */
static lb_status look_at_point(lb_sweep_state *state, size_t index, bool put)
{
    lb_plan_cell *cell = &state->plan.cells[index];
    if (cell->standing != LB_STANDING_OPEN && cell->standing != LB_STANDING_HOPELESS) return LB_OK;
    LB_TRY(look(state, cell));
    if (cell->standing == LB_STANDING_HOPELESS && !state->read_only) return give_up(state, index);
    return put ? lb_sweep_state_put(state, index) : LB_OK;
}

/* Open what the search of a point decides, as long as what is opened is over already. */
static lb_status settle(lb_sweep_state *state, size_t point, bool put)
{
    lb_sweep_plan *plan = &state->plan;
    for (;;) {
        bool changed = false;
        LB_TRY(lb_sweep_plan_decide(plan, point, &changed));
        if (!changed) return LB_OK;
        for (size_t i = 0; i < plan->n_of_point; i++)
            LB_TRY(look_at_point(state, point * plan->n_of_point + i, put));
        for (size_t seed = 0; seed < plan->info.seeds; seed++) {
            const size_t index = (size_t)(lb_sweep_plan_full(plan, point, seed) - plan->cells);
            LB_TRY(look_at_point(state, index, put));
        }
    }
}

/* ---- ends ------------------------------------------------------------------------------------ */

lb_status lb_sweep_state_put(lb_sweep_state *state, size_t cell)
{
    if (state->read_only) return LB_OK;
    return lb_store_put_cell(state->store, state->experiment, &state->plan.cells[cell].record);
}

/* Cells that want the run that is there now. */
static lb_status end_others(lb_sweep_state *state, const char *hash, const lb_run_record *run)
{
    for (size_t i = state->first; i < state->plan.n; i++) {
        lb_plan_cell *other = &state->plan.cells[i];
        if (other->standing != LB_STANDING_OPEN || strcmp(other->record.hash, hash) != 0) continue;
        mark_ended(state, other, run);
        count_end(state, other, true);
        LB_TRY(lb_sweep_state_put(state, i));
        if (other->record.stage == LB_CELL_SEARCH) LB_TRY(settle(state, other->record.point, true));
    }
    return LB_OK;
}

lb_status lb_sweep_state_end(lb_sweep_state *state, size_t index)
{
    lb_plan_cell *cell = &state->plan.cells[index];
    bool found = false;
    lb_run_record run;
    LB_TRY(lb_store_find(state->store, cell->record.hash, &found, &run));
    if (!found) return lb_fail(LB_E_FORMAT, "%s: a run is missing", state->options->store);
    mark_ended(state, cell, &run);
    LB_TRY(lb_sweep_state_put(state, index));
    LB_TRY(lb_store_find(state->store, cell->record.hash, &found, &run)); /* its texts are gone */
    if (run.state == LB_RUN_OK) lb_rates_learn(&state->plan.rates, &run);
    count_end(state, cell, false);
    char name[LB_CELL_NAME_BYTES];
    lb_sweep_plan_name(&state->plan, cell, name);
    state->event.cell = name;
    state->event.run = &run;
    lb_sweep_state_report(state, LB_SWEEP_CELL);
    LB_TRY(end_others(state, cell->record.hash, &run));
    if (cell->record.stage == LB_CELL_FULL) return LB_OK;
    return settle(state, cell->record.point, true);
}

lb_status lb_sweep_state_look(lb_sweep_state *state, size_t index, bool *ended)
{
    lb_plan_cell *cell = &state->plan.cells[index];
    LB_TRY(look(state, cell));
    *ended = cell->standing == LB_STANDING_ENDED;
    if (!*ended) return LB_OK;
    LB_TRY(lb_sweep_state_put(state, index));
    return cell->record.stage == LB_CELL_SEARCH ? settle(state, cell->record.point, true) : LB_OK;
}

lb_status lb_sweep_state_fail(lb_sweep_state *state, size_t index, const char *message)
{
    const lb_plan_cell *cell = &state->plan.cells[index];
    lb_settings *settings = NULL;
    LB_TRY(lb_sweep_plan_settings(&state->plan, cell, &settings));
    int64_t run = 0;
    const lb_status status =
        lb_store_record_failure(state->store, settings, cell->record.hash, message, &run);
    lb_settings_destroy(settings);
    LB_TRY(status);
    return lb_sweep_state_end(state, index);
}

lb_status lb_sweep_state_folder(const lb_sweep_state *state, const char *hash, char **out)
{
    return lb_path_join(state->options->folder, hash, out);
}

bool lb_sweep_state_has_open(lb_sweep_state *state)
{
    const lb_sweep_plan *plan = &state->plan;
    while (state->first < plan->n) {
        const lb_standing standing = plan->cells[state->first].standing;
        if (standing != LB_STANDING_ENDED && standing != LB_STANDING_LEFT_OUT) break;
        state->first++;
    }
    for (size_t i = state->first; i < plan->n; i++) {
        if (plan->cells[i].standing == LB_STANDING_OPEN) return true;
    }
    return false;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Take over what the store says of the cells: attempts, and choices that a run was made by. */
static lb_status take_stored(lb_sweep_state *state, const lb_cell_record *stored, size_t n)
{
    lb_sweep_plan *plan = &state->plan;
    for (size_t i = 0; i < n; i++) {
        const lb_cell_record *record = &stored[i];
        if (record->position >= plan->n) continue;
        plan->cells[record->position].record.attempts = record->attempts;
        const bool chosen = record->stage == LB_CELL_FULL && record->done && record->trial >= 0 &&
                            (size_t)record->trial < plan->info.search.trials &&
                            record->point < plan->info.points;
        if (!chosen) continue;
        bool found = false;
        lb_run_record run;
        LB_TRY(lb_store_find(state->store, record->hash, &found, &run));
        if (found && (run.state == LB_RUN_OK || run.state == LB_RUN_DNC))
            plan->choices[record->point] = record->trial;
    }
    return LB_OK;
}

static bool is_same(const lb_cell_record *a, const lb_cell_record *b)
{
    return a->done == b->done && a->run_id == b->run_id && a->trial == b->trial &&
           strcmp(a->hash, b->hash) == 0;
}

/* Cells that are done in the store stay as they are there, but those that are to be run again. */
static lb_status reopen(lb_sweep_state *state, const lb_cell_record *stored, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (stored[i].position >= state->plan.n) break;
        const lb_plan_cell *cell = &state->plan.cells[stored[i].position];
        const bool stays = !stored[i].done || cell->standing == LB_STANDING_LEFT_OUT ||
                           is_same(&cell->record, &stored[i]);
        if (stays) continue;
        LB_TRY(lb_store_reopen_cell(state->store, state->experiment, stored[i].position));
    }
    return LB_OK;
}

/* Many cells, so in one transaction. What is stored stands by position, and mostly all of it is there. */
static lb_status put_changed(lb_sweep_state *state, const lb_cell_record *stored, size_t n)
{
    LB_TRY(reopen(state, stored, n));
    LB_TRY(lb_store_begin(state->store));
    lb_status status = LB_OK;
    size_t at = 0;
    for (size_t i = 0; status == LB_OK && i < state->plan.n; i++) {
        const lb_plan_cell *cell = &state->plan.cells[i];
        while (at < n && stored[at].position < i) at++;
        const bool there =
            at < n && stored[at].position == i && is_same(&cell->record, &stored[at]);
        if (there || cell->standing == LB_STANDING_LEFT_OUT) continue;
        status = lb_put_cell(state->store, state->experiment, &cell->record);
    }
    return lb_store_end(state->store, status);
}

/* Leave all but one cell out. */
static lb_status take_one(lb_sweep_state *state)
{
    lb_sweep_plan *plan = &state->plan;
    const lb_sweep_options *o = state->options;
    if (o->cell > plan->n)
        return lb_fail(LB_E_ARG, "cell %zu: %s has %zu cells", o->cell, plan->info.name, plan->n);
    for (size_t i = 0; i < plan->n; i++)
        if (i != o->cell - 1) plan->cells[i].standing = LB_STANDING_LEFT_OUT;
    lb_plan_cell *cell = &plan->cells[o->cell - 1];
    if (plan->info.search.trials > 0) {
        if (o->trial < 0 || (size_t)o->trial >= plan->info.search.trials)
            return lb_fail(LB_E_ARG, "cell %zu needs one of the %zu trials", o->cell,
                           plan->info.search.trials);
        LB_TRY(lb_sweep_plan_open(plan, cell, o->trial));
    }
    return look(state, cell);
}

static lb_status stand(lb_sweep_state *state)
{
    lb_sweep_plan *plan = &state->plan;
    if (state->options->cell > 0) return take_one(state);
    for (size_t i = 0; i < plan->n; i++) {
        if (plan->cells[i].standing == LB_STANDING_OPEN) LB_TRY(look(state, &plan->cells[i]));
    }
    for (size_t point = 0; point < plan->info.points; point++) LB_TRY(settle(state, point, false));
    return LB_OK;
}

static lb_status load(lb_sweep_state *state)
{
    lb_sweep_plan *plan = &state->plan;
    lb_cell_record *stored = NULL;
    size_t n = 0;
    if (state->store != NULL) LB_TRY(lb_rates_learn_store(&plan->rates, state->store));
    if (state->experiment != 0)
        LB_TRY(lb_store_cells(state->store, state->experiment, &stored, &n));
    state->event.cells = state->options->cell > 0 ? 1 : plan->n;
    state->event.search = state->options->cell > 0 ? 0 : plan->n_search;
    for (size_t i = 0; i < plan->n; i++) {
        if (state->options->cell == 0 || i == state->options->cell - 1)
            plan->rates.kinds[plan->cells[i].kind].open_epochs += plan->cells[i].epochs;
    }
    lb_status status = take_stored(state, stored, n);
    if (status == LB_OK) status = stand(state);
    lb_records_free(stored);
    return status;
}

lb_status lb_sweep_state_open(const lb_experiment *experiment, const lb_sweep_options *options,
                              lb_sweep_fn *report, void *user, lb_sweep_state *out)
{
    *out = (lb_sweep_state){.options = options,
                            .lock = {.fd = -1},
                            .report = report,
                            .user = user,
                            .started = lb_seconds()};
    out->event.seconds_left = -1.0;
    LB_TRY(lb_sweep_plan_init(experiment, &out->plan));
    const lb_experiment_info *info = &out->plan.info;
    LB_TRY(lb_sweep_lock_take(options->store, info->name, &out->lock));
    LB_TRY(lb_store_open(options->store, LB_STORE_WRITE, &out->store));
    LB_TRY(lb_store_begin_experiment(out->store, info->name, info->title, info->text,
                                     &out->experiment));
    return load(out);
}

static lb_status find_experiment(lb_store *store, const lb_experiment_info *info, int64_t *id)
{
    lb_experiment_record *records = NULL;
    size_t n = 0;
    LB_TRY(lb_store_check_experiment(store, info->name, info->text));
    LB_TRY(lb_store_experiments(store, &records, &n));
    for (size_t i = 0; i < n; i++)
        if (strcmp(records[i].name, info->name) == 0) *id = records[i].id;
    lb_records_free(records);
    return LB_OK;
}

lb_status lb_sweep_state_view(const lb_experiment *experiment, const lb_sweep_options *options,
                              lb_sweep_state *out)
{
    *out = (lb_sweep_state){.options = options, .lock = {.fd = -1}, .read_only = true};
    LB_TRY(lb_sweep_plan_init(experiment, &out->plan));
    if (options->store != NULL && lb_path_exists(options->store)) {
        LB_TRY(lb_store_open(options->store, LB_STORE_READ, &out->store));
        LB_TRY(find_experiment(out->store, &out->plan.info, &out->experiment));
    }
    return load(out);
}

lb_status lb_sweep_state_begin(lb_sweep_state *state)
{
    lb_cell_record *stored = NULL;
    size_t n = 0;
    LB_TRY(lb_store_cells(state->store, state->experiment, &stored, &n));
    const lb_status status = put_changed(state, stored, n);
    lb_records_free(stored);
    return status;
}

void lb_sweep_state_close(lb_sweep_state *state)
{
    lb_store_close(state->store);
    lb_sweep_lock_release(&state->lock);
    lb_sweep_plan_release(&state->plan);
}
