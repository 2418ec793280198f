/* The cells of experiments in order, and what a search decides from how its cells ended. */
#include <string.h>

#include "lab/sweep_plan.h"
#include "support/support.h"

static lb_experiment *open_text(const char *text)
{
    lb_experiment *e = NULL;
    const char *path = lb_test_path(lb_test_folder(), "plan.yaml");
    lb_test_write(path, text, strlen(text));
    assert_ok(lb_experiment_open(path, &e));
    return e;
}

static void assert_names(const lb_sweep_plan *plan, const char *const *wanted, size_t n)
{
    assert_int_equal(plan->n, n);
    for (size_t i = 0; i < n; i++) {
        char name[LB_CELL_NAME_BYTES];
        lb_sweep_plan_name(plan, &plan->cells[i], name);
        assert_string_equal(name, wanted[i]);
        assert_int_equal(plan->cells[i].record.position, i);
    }
}

static void seeds_come_one_after_the_other(void **state)
{
    (void)state;
    lb_experiment *e = open_text("name: a\nbase: {method: dorefa}\n"
                                 "axes: {wbits: [1, 2], abits: [~, 2]}\nseeds: [5, 3]\n");
    lb_sweep_plan plan;
    assert_ok(lb_sweep_plan_init(e, &plan));
    static const char *const wanted[] = {
        "wbits=1 seed=5", "wbits=1 abits=2 seed=5", "wbits=2 seed=5", "wbits=2 abits=2 seed=5",
        "wbits=1 seed=3", "wbits=1 abits=2 seed=3", "wbits=2 seed=3", "wbits=2 abits=2 seed=3"};
    assert_names(&plan, wanted, 8);
    assert_int_equal(plan.n_search, 0);
    for (size_t i = 0; i < plan.n; i++) {
        assert_int_equal(plan.cells[i].standing, LB_STANDING_OPEN);
        assert_int_equal(strlen(plan.cells[i].record.hash), LB_RUN_HASH_BYTES - 1);
        assert_int_equal(plan.cells[i].record.trial, LB_NO_TRIAL);
        bool changed = true;
        assert_ok(lb_sweep_plan_decide(&plan, plan.cells[i].record.point, &changed));
        assert_false(changed);
    }
    assert_string_not_equal(plan.cells[0].record.hash, plan.cells[4].record.hash);
    lb_sweep_plan_release(&plan);
    lb_experiment_close(e);
}

/* A store knows a data set by its name, a file may give its folder too. */
static void rates_are_learnt_whatever_the_folder(void **state)
{
    (void)state;
    lb_experiment *e = open_text("name: a\nbase: {epochs: 8}\npoints:\n"
                                 "  - {data: mnist, method: bnn}\n"
                                 "  - {data: \"mnist:/some/folder\", method: [bnn, twn]}\n");
    lb_sweep_plan plan;
    assert_ok(lb_sweep_plan_init(e, &plan));
    const lb_run_record run = {
        .data = "mnist", .model = "lenet5", .method = "bnn", .epochs = 2, .seconds = 6.0};
    const lb_run_record other = {
        .data = "cifar10", .model = "lenet5", .method = "twn", .epochs = 2, .seconds = 60.0};
    lb_rates_learn(&plan.rates, &run);
    lb_rates_learn(&plan.rates, &other);
    for (size_t i = 0; i < 2; i++) {
        const double seconds = lb_rates_seconds(&plan.rates, plan.cells[i].kind, 8.0);
        assert_true(seconds > 23.9 && seconds < 24.1);
        assert_int_equal(plan.rates.kinds[plan.cells[i].kind].epochs, 2);
    }
    assert_int_equal(plan.rates.kinds[plan.cells[2].kind].epochs, 0);
    lb_sweep_plan_release(&plan);
    lb_experiment_close(e);
}

static const char searched[] =
    "name: a\naxes: {method: [bnn, dorefa]}\nseeds: [1, 2]\nbase: {epochs: 9}\n"
    "search: {epochs: 1, axes: {lr: [0.1, 0.01, 0.001]}}\n";

static void end(lb_plan_cell *cell, lb_run_state how, double top1)
{
    assert_int_equal(cell->standing, LB_STANDING_OPEN);
    cell->standing = LB_STANDING_ENDED;
    cell->state = how;
    cell->top1 = top1;
}

static void full_runs_wait_for_the_search(void **state)
{
    (void)state;
    lb_experiment *e = open_text(searched);
    lb_sweep_plan plan;
    assert_ok(lb_sweep_plan_init(e, &plan));
    static const char *const wanted[] = {"method=bnn trial=1",    "method=bnn trial=2",
                                         "method=bnn trial=3",    "method=dorefa trial=1",
                                         "method=dorefa trial=2", "method=dorefa trial=3",
                                         "method=bnn seed=1",     "method=dorefa seed=1",
                                         "method=bnn seed=2",     "method=dorefa seed=2"};
    assert_names(&plan, wanted, 10);
    for (size_t i = 6; i < 10; i++) {
        assert_int_equal(plan.cells[i].standing, LB_STANDING_WAITS);
        assert_string_equal(plan.cells[i].record.hash, "");
        assert_true(plan.cells[i].epochs > 8.5 && plan.cells[i].epochs < 9.5);
    }
    end(&plan.cells[0], LB_RUN_OK, 50.0);
    end(&plan.cells[1], LB_RUN_OK, 70.0);
    bool changed = true;
    assert_ok(lb_sweep_plan_decide(&plan, 0, &changed));
    assert_false(changed);
    end(&plan.cells[2], LB_RUN_OK, 60.0);
    assert_ok(lb_sweep_plan_decide(&plan, 0, &changed));
    assert_true(changed);
    for (size_t i = 6; i < 10; i++) {
        const bool first = plan.cells[i].record.point == 0;
        assert_int_equal(plan.cells[i].standing, first ? LB_STANDING_OPEN : LB_STANDING_WAITS);
        assert_int_equal(plan.cells[i].record.trial, first ? 1 : LB_NO_TRIAL);
    }
    lb_settings *settings = NULL;
    assert_ok(lb_sweep_plan_settings(&plan, &plan.cells[8], &settings));
    assert_string_equal(lb_settings_get(settings, "lr"), "0.01");
    assert_string_equal(lb_settings_get(settings, "epochs"), "9");
    assert_string_equal(lb_settings_get(settings, "seed"), "2");
    lb_settings_destroy(settings);
    assert_ok(lb_sweep_plan_decide(&plan, 0, &changed));
    assert_false(changed);
    lb_sweep_plan_release(&plan);
    lb_experiment_close(e);
}

/* How three trials ended, and which one is to win. */
static void the_best_trial_wins(void **state)
{
    (void)state;
    static const struct {
        lb_run_state how[3];
        double top1[3];
        int winner;
    } cases[] = {
        {{LB_RUN_OK, LB_RUN_OK, LB_RUN_OK}, {10, 30, 20}, 1},
        {{LB_RUN_OK, LB_RUN_OK, LB_RUN_OK}, {20, 30, 30}, 1}, /* the earlier one of two */
        {{LB_RUN_OK, LB_RUN_OK, LB_RUN_OK}, {30, 30, 30}, 0},
        {{LB_RUN_DNC, LB_RUN_OK, LB_RUN_FAILED}, {99, 12, 0}, 1},
        {{LB_RUN_FAILED, LB_RUN_DNC, LB_RUN_DNC}, {0, 10, 15}, 2},
        {{LB_RUN_DNC, LB_RUN_DNC, LB_RUN_FAILED}, {10, 10, 99}, 0},
        {{LB_RUN_FAILED, LB_RUN_FAILED, LB_RUN_DNC}, {0, 0, 10}, 2},
        {{LB_RUN_FAILED, LB_RUN_FAILED, LB_RUN_FAILED}, {0, 0, 0}, LB_CHOICE_NONE},
    };
    lb_experiment *e = open_text(searched);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        lb_sweep_plan plan;
        assert_ok(lb_sweep_plan_init(e, &plan));
        for (size_t i = 0; i < 3; i++) end(&plan.cells[3 + i], cases[k].how[i], cases[k].top1[i]);
        bool changed = false;
        assert_ok(lb_sweep_plan_decide(&plan, 1, &changed));
        assert_true(changed);
        if (plan.choices[1] != cases[k].winner)
            fail_msg("case %zu: trial %d wins, wanted %d", k, plan.choices[1], cases[k].winner);
        const bool none = cases[k].winner == LB_CHOICE_NONE;
        const lb_plan_cell *full = lb_sweep_plan_full(&plan, 1, 1);
        assert_int_equal(full->standing, none ? LB_STANDING_HOPELESS : LB_STANDING_OPEN);
        assert_int_equal(full->record.trial, none ? 0 : cases[k].winner);
        lb_sweep_plan_release(&plan);
    }
    lb_experiment_close(e);
}

static void a_choice_that_was_taken_stands(void **state)
{
    (void)state;
    lb_experiment *e = open_text(searched);
    lb_sweep_plan plan;
    assert_ok(lb_sweep_plan_init(e, &plan));
    plan.choices[0] = 2;
    bool changed = false;
    assert_ok(lb_sweep_plan_decide(&plan, 0, &changed));
    assert_true(changed);
    assert_int_equal(lb_sweep_plan_full(&plan, 0, 1)->record.trial, 2);
    lb_sweep_plan_release(&plan);
    lb_experiment_close(e);
}

/* Nine trials of 1 epoch, the best 3 of them of 3 epochs; the best of these wins. */
static void halving_goes_rung_by_rung(void **state)
{
    (void)state;
    lb_experiment *e =
        open_text("name: a\npoints: [{method: bnn}]\n"
                  "search: {epochs: 1, halving: 3, axes: {lr: [9, 8, 7, 6, 5, 4, 3, 2, 1]}}\n");
    lb_sweep_plan plan;
    assert_ok(lb_sweep_plan_init(e, &plan));
    assert_int_equal(plan.n, 9 + 3 + 1);
    char name[LB_CELL_NAME_BYTES];
    lb_sweep_plan_name(&plan, &plan.cells[10], name);
    assert_string_equal(name, "method=bnn trial=? rung=2");
    static const double first[9] = {5, 50, 5, 70, 5, 5, 50, 5, 5};
    for (size_t i = 0; i < 9; i++) end(&plan.cells[i], LB_RUN_OK, first[i]);
    bool changed = false;
    assert_ok(lb_sweep_plan_decide(&plan, 0, &changed));
    assert_true(changed);
    static const int trials[3] = {3, 1, 6};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(plan.cells[9 + i].record.trial, trials[i]);
        lb_settings *settings = NULL;
        assert_ok(lb_sweep_plan_settings(&plan, &plan.cells[9 + i], &settings));
        assert_string_equal(lb_settings_get(settings, "epochs"), "3");
        lb_settings_destroy(settings);
    }
    assert_int_equal(plan.cells[12].standing, LB_STANDING_WAITS);
    end(&plan.cells[9], LB_RUN_DNC, 10);
    end(&plan.cells[10], LB_RUN_OK, 80);
    end(&plan.cells[11], LB_RUN_OK, 81);
    assert_ok(lb_sweep_plan_decide(&plan, 0, &changed));
    assert_int_equal(plan.cells[12].record.trial, 6);
    lb_sweep_plan_name(&plan, &plan.cells[11], name);
    assert_string_equal(name, "method=bnn trial=7 rung=2");
    lb_sweep_plan_release(&plan);
    lb_experiment_close(e);
}

static lb_status lay_out(void *context)
{
    lb_sweep_plan plan;
    const lb_status status = lb_sweep_plan_init(context, &plan);
    lb_sweep_plan_release(&plan);
    return status;
}

static void memory_that_is_missing_is_said(void **state)
{
    (void)state;
    lb_experiment *e = open_text(searched);
    lb_test_every_allocation_failure(lay_out, e);
    lb_experiment_close(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_learnt_whatever_the_folder),
        cmocka_unit_test(seeds_come_one_after_the_other),
        cmocka_unit_test(full_runs_wait_for_the_search),
        cmocka_unit_test(the_best_trial_wins),
        cmocka_unit_test(a_choice_that_was_taken_stands),
        cmocka_unit_test(halving_goes_rung_by_rung),
        cmocka_unit_test(memory_that_is_missing_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
