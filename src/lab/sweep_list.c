/* What there is to do: the cells of an experiment and how each stands, without doing anything. */
#include "lab/sweep_state.h"

static void fill(const lb_sweep_state *state, const lb_plan_cell *cell, lb_sweep_cell *out)
{
    out->record = cell->record;
    out->known = cell->standing == LB_STANDING_ENDED;
    out->state = cell->state;
    out->seconds =
        out->known ? 0.0 : lb_rates_seconds(&state->plan.rates, cell->kind, cell->epochs);
}

lb_status lb_sweep_list(const lb_experiment *experiment, const lb_sweep_options *options,
                        void (*visit)(const lb_sweep_cell *cell, void *user), void *user)
{
    const lb_sweep_options all = {
        .store = options->store, .retry_failed = options->retry_failed, .again = options->again};
    lb_sweep_state state;
    const lb_status status = lb_sweep_state_view(experiment, &all, &state);
    for (size_t i = 0; status == LB_OK && i < state.plan.n; i++) {
        char name[LB_CELL_NAME_BYTES];
        lb_sweep_cell cell = {.name = name};
        lb_sweep_plan_name(&state.plan, &state.plan.cells[i], name);
        fill(&state, &state.plan.cells[i], &cell);
        visit(&cell, user);
    }
    lb_sweep_state_close(&state);
    return status;
}
