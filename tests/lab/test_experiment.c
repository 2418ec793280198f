/* Experiment files that are right: points in order, constraints, seeds, search and report, against cases worked by
 * hand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lowbit/experiment.h"
#include "support/support.h"

static lb_experiment *open_text(const char *text)
{
    lb_experiment *e = NULL;
    const char *path = lb_test_path(lb_test_folder(), "lab.yaml");
    lb_test_write(path, text, strlen(text));
    assert_ok(lb_experiment_open(path, &e));
    return e;
}

static lb_experiment_info info_of(const lb_experiment *e)
{
    lb_experiment_info info;
    lb_experiment_get_info(e, &info);
    return info;
}

/* "qnn/8/2" : a point's values by axis, '-' where there is none. */
static void describe(const lb_experiment *e, size_t point, char text[256])
{
    size_t at = 0;
    for (size_t a = 0; a < info_of(e).axes; a++) {
        const char *value = lb_experiment_value(e, point, a);
        at += (size_t)snprintf(text + at, 256 - at, "%s%s", a > 0 ? "/" : "",
                               value != NULL ? value : "-");
    }
}

static void assert_points(const lb_experiment *e, const char *const *wanted, size_t n)
{
    char text[256];
    for (size_t p = 0; p < info_of(e).points && p < n; p++) {
        describe(e, p, text);
        if (strcmp(text, wanted[p]) != 0)
            fail_msg("point %zu: got %s, wanted %s", p, text, wanted[p]);
    }
    assert_int_equal(info_of(e).points, n);
}

#define CHECK_POINTS(e, ...)                                         \
    do {                                                             \
        static const char *const wanted_[] = {__VA_ARGS__};          \
        assert_points(e, wanted_, sizeof wanted_ / sizeof *wanted_); \
    } while (0)

static void the_last_axis_varies_fastest(void **state)
{
    (void)state;
    lb_experiment *e = open_text("name: a\n"
                                 "axes:\n"
                                 "  - method: [qnn, dorefa]\n"
                                 "  - wbits: [8, 02]\n"
                                 "  - abits: [4]\n");
    assert_int_equal(info_of(e).axes, 3);
    assert_string_equal(lb_experiment_axis(e, 0), "method");
    assert_string_equal(lb_experiment_axis(e, 1), "wbits");
    assert_string_equal(lb_experiment_axis(e, 2), "abits");
    CHECK_POINTS(e, "qnn/8/4", "qnn/2/4", "dorefa/8/4", "dorefa/2/4");
    lb_experiment_close(e);
}

static void a_mapping_of_axes_is_a_list_of_them(void **state)
{
    (void)state;
    lb_experiment *e = open_text("name: a\naxes: {wbits: [1, 2], abits: [32, 8]}\n"
                                 "base: {method: dorefa}\n");
    CHECK_POINTS(e, "1/32", "1/8", "2/32", "2/8");
    lb_experiment_close(e);
}

static void zipped_settings_go_together(void **state)
{
    (void)state;
    lb_experiment *e = open_text(
        "name: a\n"
        "axes:\n"
        "  - [{method: bnn}, {method: dorefa, wbits: 4, abits: 2}, {method: twn, abits: 8}]\n"
        "  - lr: [0.1, 1e-3]\n");
    assert_string_equal(lb_experiment_axis(e, 3), "lr");
    CHECK_POINTS(e, "bnn/-/-/0.1", "bnn/-/-/0.001", "dorefa/4/2/0.1", "dorefa/4/2/0.001",
                 "twn/-/8/0.1", "twn/-/8/0.001");
    lb_experiment_close(e);
}

static void null_leaves_a_setting_as_in_the_base(void **state)
{
    (void)state;
    lb_settings *s = NULL;
    lb_experiment *e = open_text("name: a\nbase: {method: dorefa, abits: 8}\n"
                                 "axes: {abits: [~, 2], relu-slope: [null]}\n");
    CHECK_POINTS(e, "-/-", "2/-");
    assert_ok(lb_experiment_run_settings(e, 0, LB_NO_TRIAL, 0, &s));
    assert_string_equal(lb_settings_get(s, "abits"), "8");
    assert_null(lb_settings_get(s, "relu-slope"));
    lb_settings_destroy(s);
    lb_experiment_close(e);
}

static void constraints_keep_and_drop(void **state)
{
    (void)state;
    static const char axes[] = "name: a\n"
                               "axes: {method: [qnn, dorefa], wbits: [1, 2, 4], abits: [1, 2]}\n";
    char text[512];
    (void)snprintf(text, sizeof text,
                   "%sonly: [{method: qnn, wbits: [1, 04]}, {abits: 1, wbits: 2}]\n", axes);
    lb_experiment *e = open_text(text);
    CHECK_POINTS(e, "qnn/1/1", "qnn/1/2", "qnn/2/1", "qnn/4/1", "qnn/4/2", "dorefa/2/1");
    lb_experiment_close(e);
    (void)snprintf(text, sizeof text, "%sexcept: [{wbits: [1, 4]}, {method: dorefa, abits: 2}]\n",
                   axes);
    e = open_text(text);
    CHECK_POINTS(e, "qnn/2/1", "qnn/2/2", "dorefa/2/1");
    lb_experiment_close(e);
    (void)snprintf(text, sizeof text, "%sonly: [{wbits: 1}]\nexcept: [{abits: 1}]\n", axes);
    e = open_text(text);
    CHECK_POINTS(e, "qnn/1/2", "dorefa/1/2");
    lb_experiment_close(e);
}

static void a_condition_on_null_matches_what_is_left_alone(void **state)
{
    (void)state;
    lb_experiment *e = open_text("name: a\n"
                                 "axes: [[{method: bnn}, {method: qnn, wbits: 2}]]\n"
                                 "except: [{wbits: ~}]\n");
    CHECK_POINTS(e, "qnn/2");
    lb_experiment_close(e);
}

static void points_are_added_to_the_axes(void **state)
{
    (void)state;
    lb_experiment *e = open_text("name: a\nbase: {schedule: step}\n"
                                 "axes: {method: [qnn], wbits: [1, 2]}\n"
                                 "only: [{wbits: 2}]\n" /* not of the points below */
                                 "points:\n"
                                 "  - {method: twn, abits: [32, 8]}\n"
                                 "  - {method: dorefa, wbits: 1, milestones: [[1, 2], 3]}\n");
    assert_int_equal(info_of(e).axes, 4);
    assert_string_equal(lb_experiment_axis(e, 2), "abits");
    CHECK_POINTS(e, "qnn/2/-/-", "twn/-/32/-", "twn/-/8/-", "dorefa/1/-/1,2", "dorefa/1/-/3");
    lb_experiment_close(e);
    e = open_text("name: a\npoints: [{method: bnn}, {}]\n");
    CHECK_POINTS(e, "bnn", "-");
    lb_experiment_close(e);
}

static void aliases_are_what_they_name(void **state)
{
    (void)state;
    lb_experiment *e = open_text("name: a\nbase: {method: qnn}\n"
                                 "axes:\n  - wbits: &bits [1, 8]\n  - abits: *bits\n");
    CHECK_POINTS(e, "1/1", "1/8", "8/1", "8/8");
    lb_experiment_close(e);
}

static void settings_are_base_then_point_then_seed(void **state)
{
    (void)state;
    lb_settings *s = NULL;
    lb_experiment *e = open_text("name: a\n"
                                 "base:\n"
                                 "  recipe: redbit-mnist\n"
                                 "  epochs: 7\n"
                                 "  augment: [rotate=10, crop=4]\n"
                                 "  option: [a=1]\n" /* replaced in every point */
                                 "axes:\n"
                                 "  - recipe: [~, kutukcu-lenet5]\n"
                                 "  - [{method: ttq, abits: 1}]\n"
                                 "  - option: [step0=1]\n"
                                 "seeds: [5, 6]\n");
    assert_ok(lb_experiment_run_settings(e, 0, LB_NO_TRIAL, 1, &s));
    assert_string_equal(lb_settings_get(s, "epochs"), "7");
    assert_string_equal(lb_settings_get(s, "schedule"), "step");
    assert_string_equal(lb_settings_get(s, "augment"), "rotate=10,crop=4");
    assert_string_equal(lb_settings_get(s, "option"), "step0=1");
    assert_string_equal(lb_settings_get(s, "seed"), "6");
    assert_null(lb_settings_get(s, "out"));
    lb_settings_destroy(s);
    assert_ok(lb_experiment_run_settings(e, 1, LB_NO_TRIAL, 0, &s));
    lb_experiment_close(e); /* the settings live on without it */
    assert_string_equal(lb_settings_get(s, "recipe"), "kutukcu-lenet5");
    assert_string_equal(lb_settings_get(s, "schedule"), "exponential");
    assert_null(lb_settings_get(s, "milestones"));
    assert_string_equal(lb_settings_get(s, "seed"), "5");
    lb_settings_destroy(s);
}

static void seeds_are_lists_and_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        unsigned long long seeds[8];
    } cases[] = {
        {"", 1, {1}},
        {"seeds: [3, 1, 2]\n", 3, {3, 1, 2}},
        {"seeds: 1..5\n", 5, {1, 2, 3, 4, 5}},
        {"seeds: 4..4\n", 1, {4}},
        {"seeds: [9, 1..3, 0]\n", 5, {9, 1, 2, 3, 0}},
        {"seeds: [9007199254740991]\n", 1, {9007199254740991ull}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "name: a\npoints: [{}]\n%s", cases[i].text);
        lb_experiment *e = open_text(text);
        assert_int_equal(info_of(e).seeds, cases[i].n);
        for (size_t s = 0; s < cases[i].n; s++)
            assert_int_equal(lb_experiment_seed(e, s), cases[i].seeds[s]);
        lb_experiment_close(e);
    }
}

/* 6 trials, halving 2: 6 of 3 epochs, 3 of 6 epochs, then 1 is left. */
static void a_search_has_trials_and_rungs(void **state)
{
    (void)state;
    lb_settings *s = NULL;
    lb_experiment *e = open_text("name: a\n"
                                 "base: {epochs: 20, lr: 5, val-split: 7}\n"
                                 "axes: {method: [bnn, qnn]}\n"
                                 "seeds: [4, 8]\n"
                                 "search:\n"
                                 "  epochs: 3\n"
                                 "  base: {val-split: 500}\n"
                                 "  axes: {optimizer: [adam, sgd], lr: [0.1, 0.01, 0.001]}\n"
                                 "  halving: 2\n");
    const lb_search_info search = info_of(e).search;
    assert_int_equal(search.trials, 6);
    assert_int_equal(search.epochs, 3);
    assert_int_equal(search.halving, 2);
    assert_int_equal(search.rungs, 2);
    assert_int_equal(lb_experiment_rung_trials(e, 0), 6);
    assert_int_equal(lb_experiment_rung_trials(e, 1), 3);
    /* trial 4: sgd with 0.01 */
    assert_ok(lb_experiment_trial_settings(e, 1, 4, 1, &s));
    assert_string_equal(lb_settings_get(s, "method"), "qnn");
    assert_string_equal(lb_settings_get(s, "optimizer"), "sgd");
    assert_string_equal(lb_settings_get(s, "lr"), "0.01");
    assert_string_equal(lb_settings_get(s, "epochs"), "6");
    assert_string_equal(lb_settings_get(s, "val-split"), "500");
    assert_string_equal(lb_settings_get(s, "seed"), "4");
    lb_settings_destroy(s);
    assert_ok(lb_experiment_run_settings(e, 0, 2, 1, &s));
    assert_string_equal(lb_settings_get(s, "optimizer"), "adam");
    assert_string_equal(lb_settings_get(s, "lr"), "0.001");
    assert_string_equal(lb_settings_get(s, "epochs"), "20");
    assert_string_equal(lb_settings_get(s, "val-split"), "7");
    assert_string_equal(lb_settings_get(s, "seed"), "8");
    lb_settings_destroy(s);
    lb_experiment_close(e);
}

static void halving_goes_on_until_one_is_left(void **state)
{
    (void)state;
    static const struct {
        const char *halving, *lr;
        size_t rungs, trials[4];
    } cases[] = {
        {"", "[1, 2, 3]", 1, {3}},
        {"halving: 2, ", "[1, 2]", 1, {2}},             /* 2, (1) */
        {"halving: 2, ", "[1, 2, 3, 4, 5]", 2, {5, 2}}, /* 5, 2, (1) */
        {"halving: 3, ", "[1, 2, 3, 4, 5, 6, 7, 8, 9]", 2, {9, 3}},
        {"halving: 4, ", "[1, 2, 3]", 1, {3}}, /* fewer than 4: the best one wins */
        {"halving: 2, ", "[1, 2, 3, 4, 5, 6, 7, 8, 9]", 3, {9, 4, 2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       "name: a\npoints: [{}]\nsearch: {epochs: 1, %saxes: {lr: %s}}\n",
                       cases[i].halving, cases[i].lr);
        lb_experiment *e = open_text(text);
        assert_int_equal(info_of(e).search.rungs, cases[i].rungs);
        for (size_t r = 0; r < cases[i].rungs; r++)
            assert_int_equal(lb_experiment_rung_trials(e, r), cases[i].trials[r]);
        assert_int_equal(lb_experiment_rung_trials(e, cases[i].rungs), 1);
        lb_experiment_close(e);
    }
}

static void texts_and_what_is_left_out(void **state)
{
    (void)state;
    static const char text[] = "name: P0-table6_b.2\ntitle: \"A: title\"\n"
                               "description: |\n  two\n  lines\npoints: [{}]\n";
    lb_report_item item;
    lb_experiment *e = open_text(text);
    assert_string_equal(info_of(e).name, "P0-table6_b.2");
    assert_string_equal(info_of(e).title, "A: title");
    assert_string_equal(info_of(e).description, "two\nlines\n");
    assert_string_equal(info_of(e).text, text);
    assert_int_equal(info_of(e).search.trials, 0);
    assert_int_equal(info_of(e).search.rungs, 0);
    assert_false(lb_experiment_report_item(e, 0, &item));
    lb_experiment_close(e);
    e = open_text("name: b\npoints: [{}]\n");
    assert_string_equal(info_of(e).title, "b");
    assert_string_equal(info_of(e).description, "");
    lb_experiment_close(e);
}

static void assert_item(const lb_experiment *e, size_t index, lb_report_item wanted)
{
    lb_report_item got = {0};
    assert_true(lb_experiment_report_item(e, index, &got));
    assert_int_equal(got.kind, wanted.kind);
    assert_string_equal(got.title, wanted.title);
    const char *pairs[][2] = {
        {got.rows, wanted.rows}, {got.columns, wanted.columns}, {got.only, wanted.only}};
    for (size_t i = 0; i < 3; i++) {
        if (pairs[i][1] == NULL) assert_null(pairs[i][0]);
        if (pairs[i][1] != NULL) assert_string_equal(pairs[i][0], pairs[i][1]);
    }
}

static void a_report_has_items(void **state)
{
    (void)state;
    lb_report_item past;
    lb_experiment *e =
        open_text("name: a\npoints: [{}]\nreport:\n"
                  "  - table: {rows: method, columns: \"wbits,abits\", title: Top-1}\n"
                  "  - table: {columns: [wbits, seed]}\n"
                  "  - bits: {}\n"
                  "  - bars:\n"
                  "  - convergence: {only: {method: [qnn, dorefa], wbits: 01, seed: 2}}\n"
                  "  - costs\n"
                  "  - weights: {title: W}\n"
                  "  - freezing\n");
    assert_item(e, 0, (lb_report_item){LB_REPORT_TABLE, "Top-1", "method", "wbits,abits", NULL});
    assert_item(e, 1, (lb_report_item){LB_REPORT_TABLE, "", NULL, "wbits,seed", NULL});
    assert_item(e, 2, (lb_report_item){LB_REPORT_BITS, "", NULL, NULL, NULL});
    assert_item(e, 3, (lb_report_item){LB_REPORT_BARS, "", NULL, NULL, NULL});
    assert_item(e, 4,
                (lb_report_item){LB_REPORT_CONVERGENCE, "", NULL, NULL,
                                 "method=qnn,dorefa wbits=1 seed=2"});
    assert_item(e, 5, (lb_report_item){LB_REPORT_COSTS, "", NULL, NULL, NULL});
    assert_item(e, 6, (lb_report_item){LB_REPORT_WEIGHTS, "W", NULL, NULL, NULL});
    assert_item(e, 7, (lb_report_item){LB_REPORT_FREEZING, "", NULL, NULL, NULL});
    assert_false(lb_experiment_report_item(e, 8, &past));
    lb_experiment_close(e);
}

static lb_experiment *open_example(const char *name)
{
    char path[4096];
    const char *source = getenv("LOWBIT_SOURCE");
    if (source == NULL) {
        print_message("LOWBIT_SOURCE is not set\n");
        skip();
        return NULL;
    }
    lb_experiment *e = NULL;
    (void)snprintf(path, sizeof path, "%s/examples/experiments/%s", source, name);
    assert_ok(lb_experiment_open(path, &e));
    return e;
}

/* Opened without their data. */
static void the_examples_are_sound(void **state)
{
    (void)state;
    lb_experiment *e = open_example("digits_quick.yaml");
    CHECK_POINTS(e, "qnn/32/32", "qnn/4/4", "qnn/2/2", "qnn/1/2", "dorefa/32/32", "dorefa/4/4",
                 "dorefa/2/2", "dorefa/1/2", "xnor/1/1");
    lb_experiment_close(e);
    e = open_example("lenet5_widths.yaml"); /* 16 pairs less 4, and the float network */
    CHECK_POINTS(e, "1/1/-", "1/2/-", "1/4/-", "1/8/-", "2/1/-", "2/2/-", "2/4/-", "2/8/-", "4/2/-",
                 "4/4/-", "4/8/-", "8/8/-", "-/-/float");
    assert_int_equal(info_of(e).seeds, 3);
    lb_experiment_close(e);
    e = open_example("lenet5_search.yaml");
    CHECK_POINTS(e, "twn/32", "twn/2", "ttq/-", "bnn/-");
    assert_int_equal(info_of(e).search.trials, 6);
    assert_int_equal(info_of(e).search.rungs, 2);
    lb_experiment_close(e);
}

static lb_status open_and_ask(void *path)
{
    lb_experiment *e = NULL;
    lb_settings *s = NULL;
    lb_status status = lb_experiment_open(path, &e);
    if (status == LB_OK) status = lb_experiment_run_settings(e, 0, 1, 0, &s);
    lb_settings_destroy(s);
    s = NULL;
    if (status == LB_OK) status = lb_experiment_trial_settings(e, 1, 0, 0, &s);
    lb_settings_destroy(s);
    lb_experiment_close(e);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    static const char text[] =
        "name: a\n"
        "base: {recipe: redbit-mnist, data: &d mnist, option: [step0=1, step0=0]}\n"
        "axes:\n"
        "  - [{method: ttq, abits: 8, option: step0=1}, {method: twn, option: ~}]\n"
        "  - recipe: [~, kutukcu-lenet5]\n"
        "except: [{method: twn}]\n"
        "points: [{method: dorefa, option: ~, wbits: [1, 2], abits: 2, data: *d}]\n"
        "seeds: [1..3]\n"
        "search: {epochs: 2, base: {val-split: 9}, axes: {lr: [1, 2]}, halving: 2}\n"
        "report: [{table: {rows: [wbits, abits], only: {wbits: [1]}}}]\n";
    char *path = strdup(lb_test_path(lb_test_folder(), "lab.yaml"));
    lb_test_write(path, text, strlen(text));
    lb_test_every_allocation_failure(open_and_ask, path);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_axis_varies_fastest),
        cmocka_unit_test(a_mapping_of_axes_is_a_list_of_them),
        cmocka_unit_test(zipped_settings_go_together),
        cmocka_unit_test(null_leaves_a_setting_as_in_the_base),
        cmocka_unit_test(constraints_keep_and_drop),
        cmocka_unit_test(a_condition_on_null_matches_what_is_left_alone),
        cmocka_unit_test(points_are_added_to_the_axes),
        cmocka_unit_test(aliases_are_what_they_name),
        cmocka_unit_test(settings_are_base_then_point_then_seed),
        cmocka_unit_test(seeds_are_lists_and_ranges),
        cmocka_unit_test(a_search_has_trials_and_rungs),
        cmocka_unit_test(halving_goes_on_until_one_is_left),
        cmocka_unit_test(texts_and_what_is_left_out),
        cmocka_unit_test(a_report_has_items),
        cmocka_unit_test(the_examples_are_sound),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
