/* The papers' experiments: every file opens and has the points of the paper's table, every figure of a paper
 * belongs to one point, and networks have the sizes that the papers print. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lowbit/reproduce.h"
#include "lowbit/results.h"
#include "support/support.h"

/* Counted in the papers. Points of tables 6 to 12: 23 cells and the baseline of the caption, TWN's W32A32 being
 * QNN's network. */
static const struct {
    const char *name;
    size_t points, figures, quick_points;
} papers[] = {
    {"P0-figure3-lenet5", 48, 0, 48},   {"P0-figure3-resnet20", 48, 0, 48},
    {"P0-figure4-lenet5", 162, 0, 162}, {"P0-figure4-resnet20", 162, 0, 50},
    {"P0-table6", 23, 24, 23},          {"P0-table7", 23, 24, 10},
    {"P0-table8", 23, 24, 10},          {"P0-table9", 23, 24, 10},
    {"P0-table10", 23, 48, 4},          {"P0-table11", 23, 48, 4},
    {"P0-table12", 23, 48, 4},          {"P0-table13", 32, 32, 32},
    {"P0-table14", 29, 29, 29},         {"P1-table4.1", 6, 12, 6},
    {"P1-table4.2", 4, 8, 4},           {"P1-table4.3", 2, 4, 2},
    {"P1-table4.4", 4, 4, 4},           {"P1-table4.5", 5, 15, 5},
    {"P1-table4.6", 4, 8, 4},           {"P1-table4.7", 4, 8, 4},
    {"P1-table4.8", 2, 2, 2},           {"P1-table4.9", 2, 2, 2},
    {"P1-table4.10", 10, 10, 10},       {"P1-table4.11", 9, 9, 9},
    {"P1-table4.12", 6, 6, 6},          {"P1-table4.13", 9, 27, 9},
    {"P1-table4.14", 8, 16, 8},
};

enum { PAPERS = sizeof papers / sizeof *papers, MAX_POINTS = 256 };

static const char *folder(void)
{
    static char path[4096];
    (void)snprintf(path, sizeof path, "%s/experiments", getenv("LOWBIT_SOURCE"));
    return path;
}

static lb_experiment *open_experiment(const char *name, bool quick)
{
    char path[4096];
    lb_experiment *experiment = NULL;
    assert_ok(lb_experiment_path(folder(), name, quick, path, sizeof path));
    assert_ok(lb_experiment_open(path, &experiment));
    return experiment;
}

static void compare(const lb_experiment *experiment, lb_comparison *out)
{
    assert_ok(lb_comparison_make(experiment, lb_test_path(folder(), "papers.csv"), NULL, out));
}

static void test_the_folder_has_these_experiments(void **state)
{
    (void)state;
    lb_experiment_names names = {0};
    assert_ok(lb_experiment_names_read(folder(), &names));
    assert_int_equal(names.n, 2 * PAPERS);
    for (size_t p = 0; p < PAPERS; p++) {
        assert_string_equal(names.names[2 * p], papers[p].name);
        assert_contains(names.names[2 * p + 1], papers[p].name);
        assert_contains(names.names[2 * p + 1], ".quick");
    }
    lb_experiment_names_release(&names);
}

/* Every figure has its point; every point has a figure where the table has any. */
static void test_points_and_figures_belong_together(void **state)
{
    (void)state;
    size_t figures = 0;
    for (size_t p = 0; p < PAPERS; p++) {
        lb_experiment *experiment = open_experiment(papers[p].name, false);
        lb_experiment_info info;
        lb_comparison comparison = {0};
        bool has_figure[MAX_POINTS] = {false};
        lb_experiment_get_info(experiment, &info);
        assert_string_equal(info.name, papers[p].name);
        assert_int_equal(info.points, papers[p].points);
        compare(experiment, &comparison);
        assert_int_equal(comparison.n, papers[p].figures);
        for (size_t i = 0; i < comparison.n; i++) {
            const lb_compared_figure *figure = &comparison.figures[i];
            if (figure->state == LB_FIGURE_LEFT_OUT)
                fail_msg("papers.csv:%zu: '%s' has no point in %s", figure->paper.line,
                         figure->paper.where, info.name);
            has_figure[figure->point] = true;
            if (lb_metric_is_accuracy(figure->paper.metric))
                assert_int_equal(figure->state, LB_FIGURE_NOT_RUN);
        }
        for (size_t i = 0; i < info.points && comparison.n > 0; i++)
            if (!has_figure[i]) fail_msg("point %zu of %s has no figure", i + 1, info.name);
        figures += comparison.n;
        lb_comparison_release(&comparison);
        lb_experiment_close(experiment);
    }
    assert_int_equal(figures, 432); /* all that the data file has */
}

static void test_quick_variants_are_parts_of_the_whole(void **state)
{
    (void)state;
    for (size_t p = 0; p < PAPERS; p++) {
        lb_experiment *experiment = open_experiment(papers[p].name, true);
        lb_experiment_info info;
        lb_comparison comparison = {0};
        bool has_figure[MAX_POINTS] = {false};
        lb_experiment_get_info(experiment, &info);
        assert_int_equal(info.points, papers[p].quick_points);
        assert_true(info.search.trials * info.search.epochs <= 18);
        compare(experiment, &comparison);
        assert_int_equal(comparison.n, papers[p].figures);
        for (size_t i = 0; i < comparison.n; i++)
            if (comparison.figures[i].state != LB_FIGURE_LEFT_OUT)
                has_figure[comparison.figures[i].point] = true;
        for (size_t i = 0; i < info.points && comparison.n > 0; i++)
            if (!has_figure[i]) fail_msg("point %zu of %s has no figure", i + 1, info.name);
        lb_comparison_release(&comparison);
        lb_experiment_close(experiment);
    }
}

/* The thesis rounds its sizes to two or three digits, not always to the nearest: 0.110 for 0.1110. */
static void test_sizes_are_those_of_the_thesis(void **state)
{
    (void)state;
    size_t sizes = 0;
    for (size_t p = 0; p < PAPERS; p++) {
        lb_experiment *experiment = open_experiment(papers[p].name, false);
        lb_comparison comparison = {0};
        compare(experiment, &comparison);
        for (size_t i = 0; i < comparison.n; i++) {
            const lb_compared_figure *figure = &comparison.figures[i];
            if (lb_metric_is_accuracy(figure->paper.metric)) continue;
            const double tolerance = figure->paper.metric == LB_METRIC_MEGABYTES ? 0.02 : 0.0;
            if (!(fabs(figure->difference) <= tolerance * figure->paper.value))
                fail_msg("%s, %s %s: %.9g, wanted %.9g", papers[p].name, figure->paper.row,
                         figure->paper.column, figure->ours, figure->paper.value);
            sizes++;
        }
        lb_comparison_release(&comparison);
        lb_experiment_close(experiment);
    }
    assert_int_equal(sizes, 56);
}

static void hash_points(const char *name, bool quick, char (*out)[LB_RUN_HASH_BYTES], size_t *n)
{
    lb_experiment *experiment = open_experiment(name, quick);
    lb_experiment_info info;
    lb_experiment_get_info(experiment, &info);
    *n = info.points;
    for (size_t p = 0; p < info.points; p++) {
        lb_settings *settings = NULL;
        const int trial = info.search.trials > 0 ? 0 : LB_NO_TRIAL;
        assert_ok(lb_experiment_run_settings(experiment, p, trial, 0, &settings));
        assert_ok(lb_run_hash(settings, out[p]));
        lb_settings_destroy(settings);
    }
    lb_experiment_close(experiment);
}

/* Tables that print the same cell run it once. */
static void test_tables_share_runs(void **state)
{
    (void)state;
    static const struct {
        const char *one, *other;
        size_t shared, quick_shared;
    } cases[] = {
        {"P0-table6", "P0-table13", 8, 8},     {"P0-table7", "P0-table14", 8, 2},
        {"P1-table4.3", "P1-table4.4", 2, 2},  {"P1-table4.2", "P1-table4.5", 4, 4},
        {"P1-table4.6", "P1-table4.13", 3, 3}, {"P1-table4.10", "P1-table4.13", 2, 2},
        {"P1-table4.6", "P1-table4.10", 1, 1}, {"P1-table4.7", "P1-table4.10", 1, 1},
        {"P1-table4.6", "P1-table4.11", 1, 0}, {"P1-table4.7", "P1-table4.11", 1, 0},
        {"P1-table4.2", "P1-table4.11", 1, 0}, {"P1-table4.3", "P1-table4.11", 2, 0},
    };
    static char one[MAX_POINTS][LB_RUN_HASH_BYTES], other[MAX_POINTS][LB_RUN_HASH_BYTES];
    for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) {
        const bool quick = i % 2 == 1;
        size_t n_one = 0, n_other = 0, shared = 0;
        hash_points(cases[i / 2].one, quick, one, &n_one);
        hash_points(cases[i / 2].other, quick, other, &n_other);
        for (size_t a = 0; a < n_one; a++)
            for (size_t b = 0; b < n_other; b++) shared += strcmp(one[a], other[b]) == 0;
        const size_t wanted = quick ? cases[i / 2].quick_shared : cases[i / 2].shared;
        if (shared != wanted)
            fail_msg("%s and %s%s share %zu runs, wanted %zu", cases[i / 2].one, cases[i / 2].other,
                     quick ? ", quick," : "", shared, wanted);
    }
}

static void test_names_are_found(void **state)
{
    (void)state;
    char path[4096];
    assert_status(lb_experiment_path(folder(), "P0-tabel6", false, path, sizeof path), LB_E_ARG);
    assert_contains(lb_error(), "unknown experiment 'P0-tabel6'; did you mean 'P0-table6'?");
    assert_status(
        lb_experiment_path(folder(), "../experiments/P0-table6", false, path, sizeof path),
        LB_E_ARG);
    assert_status(lb_experiment_path(folder(), "P0-table6", false, path, 8), LB_E_ARG);
    const char *own = lb_test_folder();
    lb_test_write(lb_test_path(own, "a.yaml"), "", 0);
    assert_status(lb_experiment_path(own, "a", true, path, sizeof path), LB_E_ARG);
    assert_contains(lb_error(), "experiment 'a' has no quick variant");
    assert_int_equal(setenv("LOWBIT_EXPERIMENTS", own, 1), 0);
    assert_ok(lb_experiments_folder(path, sizeof path));
    assert_string_equal(path, own);
    assert_int_equal(setenv("LOWBIT_EXPERIMENTS", lb_test_path(own, "none"), 1), 0);
    assert_status(lb_experiments_folder(path, sizeof path), LB_E_IO);
    assert_contains(lb_error(), "LOWBIT_EXPERIMENTS");
}

static void test_a_figure_of_two_points_is_refused(void **state)
{
    (void)state;
    static const char text[] = "experiment,row,column,metric,value,mark,where\n"
                               "P1-table4.6,BC,top-1,top1,82.68,,model=resnet20\n";
    const char *path = lb_test_path(lb_test_folder(), "two.csv");
    lb_test_write(path, text, sizeof text - 1);
    lb_experiment *experiment = open_experiment("P1-table4.6", false);
    lb_comparison comparison = {0};
    assert_status(lb_comparison_make(experiment, path, NULL, &comparison), LB_E_FORMAT);
    assert_contains(lb_error(), ":2: 'model=resnet20' fits points 1 and 2 of P1-table4.6");
    lb_experiment_close(experiment);
}

static lb_status compare_once(void *context)
{
    lb_comparison comparison = {0};
    const lb_status status =
        lb_comparison_make(context, lb_test_path(folder(), "papers.csv"), NULL, &comparison);
    lb_comparison_release(&comparison);
    return status;
}

static void test_every_allocation_failure(void **state)
{
    (void)state;
    lb_experiment *experiment = open_experiment("P1-table4.8", false);
    lb_test_every_allocation_failure(compare_once, experiment);
    lb_experiment_close(experiment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_folder_has_these_experiments),
        cmocka_unit_test(test_points_and_figures_belong_together),
        cmocka_unit_test(test_quick_variants_are_parts_of_the_whole),
        cmocka_unit_test(test_sizes_are_those_of_the_thesis),
        cmocka_unit_test(test_tables_share_runs),
        cmocka_unit_test(test_names_are_found),
        cmocka_unit_test(test_a_figure_of_two_points_is_refused),
        cmocka_unit_test(test_every_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
