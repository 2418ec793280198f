/* How the cells of a sweep stand when another sweep writes the same store. */
#include <string.h>

#include "lab/sweep_state.h"
#include "support/support.h"

static lb_experiment *open_text(const char *text)
{
    lb_experiment *e = NULL;
    const char *path = lb_test_path(lb_test_folder(), "state.yaml");
    lb_test_write(path, text, strlen(text));
    assert_ok(lb_experiment_open(path, &e));
    return e;
}

/* The run of a cell comes to its end elsewhere: here it fails, which is an end too. */
static void end_elsewhere(const lb_sweep_state *state, const lb_plan_cell *cell,
                          const char *message)
{
    lb_store *store = NULL;
    lb_settings *settings = NULL;
    int64_t run = 0;
    assert_ok(lb_store_open(state->options->store, LB_STORE_WRITE, &store));
    assert_ok(lb_sweep_plan_settings(&state->plan, cell, &settings));
    assert_ok(lb_store_record_failure(store, settings, cell->record.hash, message, &run));
    lb_settings_destroy(settings);
    lb_store_close(store);
}

static void what_another_sweep_ran_is_not_run_again(void **unused)
{
    (void)unused;
    lb_experiment *e = open_text("name: a\npoints: [{method: bnn}, {method: twn}]\n"
                                 "search: {epochs: 1, axes: {lr: [0.1, 0.01]}}\n");
    for (int retry = 0; retry < 2; retry++) {
        const lb_sweep_options options = {
            .store = lb_test_path(lb_test_folder(), retry ? "retry.sqlite" : "once.sqlite"),
            .retry_failed = retry != 0};
        lb_sweep_state state;
        assert_ok(lb_sweep_state_open(e, &options, NULL, NULL, &state));
        assert_ok(lb_sweep_state_begin(&state));
        bool ended = true;
        assert_ok(lb_sweep_state_look(&state, 0, &ended));
        assert_false(ended);
        for (size_t i = 0; i < 2; i++) {
            end_elsewhere(&state, &state.plan.cells[i], "elsewhere");
            assert_ok(lb_sweep_state_look(&state, i, &ended));
            assert_int_equal(ended, !retry);
        }
        /* all trials of the first point failed: its full run has, too; a failure to be retried is no end */
        assert_int_equal(state.event.done, retry ? 0 : 3);
        assert_int_equal(state.event.reused, retry ? 0 : 2);
        assert_int_equal(state.plan.cells[4].standing,
                         retry ? LB_STANDING_WAITS : LB_STANDING_ENDED);
        assert_int_equal(state.plan.cells[2].standing, LB_STANDING_OPEN);
        lb_cell_record *cells = NULL;
        size_t n = 0;
        assert_ok(lb_store_cells(state.store, state.experiment, &cells, &n));
        assert_int_equal(n, 6);
        assert_int_equal(cells[0].done, !retry);
        lb_records_free(cells);
        lb_sweep_state_close(&state);
    }
    lb_experiment_close(e);
}

/* The trials that halving leaves decide alone; those before may have come to their ends. */
static void a_search_that_failed_says_why(void **unused)
{
    (void)unused;
    lb_experiment *e =
        open_text("name: a\npoints: [{method: bnn}, {method: twn}]\n"
                  "search: {epochs: 1, halving: 2, axes: {lr: [1, 0.1, 0.01, 0.001]}}\n");
    const lb_sweep_options options = {.store = lb_test_path(lb_test_folder(), "halving.sqlite")};
    lb_sweep_state state;
    bool ended = false, found = false;
    lb_run_record run;
    assert_ok(lb_sweep_state_open(e, &options, NULL, NULL, &state));
    assert_ok(lb_sweep_state_begin(&state));
    for (size_t i = 0; i < 6; i++) { /* four trials, then two on the next rung */
        end_elsewhere(&state, &state.plan.cells[i], i < 4 ? "short" : "longer");
        assert_ok(lb_sweep_state_look(&state, i, &ended));
        assert_true(ended);
    }
    const lb_plan_cell *full = &state.plan.cells[12];
    assert_int_equal(full->standing, LB_STANDING_ENDED);
    assert_ok(lb_store_find(state.store, full->record.hash, &found, &run));
    assert_true(found);
    assert_string_equal(run.message,
                        "all trials of the last rung of its search failed, the first: longer");
    lb_sweep_state_close(&state);
    lb_experiment_close(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_another_sweep_ran_is_not_run_again),
        cmocka_unit_test(a_search_that_failed_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
