/* Sections, fronts, pictures and pages of reports, from records made here. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "lab/plot.h"
#include "lab/report_page.h"
#include "lab/report_render.h"
#include "lab/store_records.h"
#include "support/report_records.h"
#include "support/support.h"

/* ---- sections -------------------------------------------------------------------------------- */

static void test_sections(void **state)
{
    (void)state;
    lb_run_record runs[] = {lb_test_run(1, "qnn", 1, 1, 81.0), lb_test_run(2, "qnn", 1, 1, 82.0),
                            lb_test_run(3, "twn", 2, 32, 83.0), lb_test_run(4, "qnn", 1, 1, 84.0)};
    runs[3].model = "mlp";
    runs[1].state = LB_RUN_RUNNING; /* its cell does not know its number yet */
    const lb_cell_record cells[] = {{.stage = LB_CELL_SEARCH, .hash = "ab", .run_id = 1},
                                    {.stage = LB_CELL_FULL, .hash = "ac"},
                                    {.stage = LB_CELL_FULL}};
    const lb_report_item items[] = {{.kind = LB_REPORT_TABLE, .title = "One", .only = "wbits=1"}};
    const lb_report_experiment experiment = {.name = "e",
                                             .title = "An experiment",
                                             .cells = cells,
                                             .n_cells = 3,
                                             .items = items,
                                             .n_items = 1};
    lb_report_input input = lb_test_report_input(runs, 4);
    input.experiments = &experiment;
    input.n_experiments = 1;
    lb_report_data data;
    assert_ok(lb_report_data_init(&input, &data));
    assert_int_equal(data.n_sections, 3);
    assert_string_equal(data.sections[0].title, "An experiment");
    assert_int_equal(data.sections[0].all.n, 1); /* without the search's run */
    assert_string_equal(data.sections[1].title, "lenet5 on mnist");
    assert_int_equal(data.sections[1].all.n, 1);
    assert_string_equal(data.sections[2].title, "mlp on mnist");
    assert_true(data.runs[0].search);
    lb_selection none, one;
    assert_ok(lb_selection_filter(&data.sections[1].all, "method=qnn,dorefa", &data.arena, &none));
    assert_int_equal(none.n, 0);
    assert_ok(
        lb_selection_filter(&data.sections[1].all, "method=qnn,twn wbits=2", &data.arena, &one));
    assert_int_equal(one.n, 1);
    lb_report_data_release(&data);
}

static void test_an_experiment_without_a_report(void **state)
{
    (void)state;
    lb_run_record runs[] = {lb_test_run(1, "qnn", 1, 1, 81.0), lb_test_run(2, "qnn", 1, 1, 82.0)};
    runs[0].model = "mlp"; /* of which nothing but a short run of the search is there */
    const lb_cell_record cells[] = {{.stage = LB_CELL_SEARCH, .hash = "ab"},
                                    {.stage = LB_CELL_FULL, .hash = "ac"}};
    const lb_report_experiment experiment = {
        .name = "e", .title = "", .cells = cells, .n_cells = 2};
    lb_report_input input = lb_test_report_input(runs, 2);
    input.experiments = &experiment;
    input.n_experiments = 1;
    lb_report_data data;
    assert_ok(lb_report_data_init(&input, &data));
    assert_int_equal(data.n_sections, 1);
    assert_string_equal(data.sections[0].title, "e: lenet5 on mnist");
    assert_int_equal(data.sections[0].all.n, 1);
    assert_int_equal(data.sections[0].all.entries[0].run->record->id, 2);
    assert_int_equal(data.sections[0].n_items, 7);
    lb_report_data_release(&data);
}

static void test_pareto_front(void **state)
{
    (void)state;
    lb_run_record runs[] = {lb_test_run(1, "a", 8, 1, 90.0), lb_test_run(2, "a", 1, 1, 80.0),
                            lb_test_run(3, "a", 4, 1, 90.0), lb_test_run(4, "a", 2, 1, 70.0),
                            lb_test_run(5, "a", 1, 1, 79.0), lb_test_run(6, "a", 16, 1, 91.0)};
    runs[5].state = LB_RUN_DNC;
    const lb_report_input input = lb_test_report_input(runs, 6);
    lb_report_data data;
    assert_ok(lb_report_data_init(&input, &data));
    const lb_run_record *front[6];
    assert_int_equal(lb_pareto_front(&data.sections[0].all, false, front), 2);
    assert_int_equal(front[0]->id, 2);
    assert_int_equal(front[1]->id, 3); /* as good as run 1, and smaller */
    lb_report_data_release(&data);
}

/* ---- pictures -------------------------------------------------------------------------------- */

static void test_quoting_for_gnuplot(void **state)
{
    (void)state;
    char text[256] = "";
    FILE *file = fmemopen(text, sizeof text, "w");
    assert_non_null(file);
    lb_plot_quote(file, "it's `rm -rf`\n@m \"$x\"\\");
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, "'it''s \"rm -rf\" @m \"$x\"\\'");
}

static void test_convergence(void **state)
{
    (void)state;
    static const char *const methods[] = {"a", "b", "c"};
    lb_run_record runs[24]; /* 3 methods at 8 widths: one curve each would be too many */
    for (int i = 0; i < 24; i++)
        runs[i] = lb_test_run(i + 1, methods[i / 8], 1 + i % 8, 1, 50.0 + i);
    runs[7].best_top1 = 40.0; /* "a" is best at 7 bits: run 7 */
    const lb_report_input input = lb_test_report_input(runs, 24);
    lb_report_data data;
    assert_ok(lb_report_data_init(&input, &data));
    lb_pictures pictures = {.items = NULL};
    assert_ok(lb_plot_convergence(&pictures, &input, &data.sections[0].all, "p"));
    assert_int_equal(pictures.n, 2);
    assert_string_equal(pictures.items[1].name, "p-convergence-average");
    /* epochs of run 7: 97, 98, 99; their means so far: 97, 97.5, 98 */
    assert_contains(pictures.items[0].script,
                    "$d0 << EOD\n1 97.000 97.000\n2 98.000 97.500\n3 99.000 98.000\nEOD\n");
    assert_contains(pictures.items[0].script, "title 'a W7A1'");
    assert_contains(pictures.items[0].script, "title 'b W8A1'");
    assert_contains(pictures.items[0].script, "$d11 using 1:2");
    assert_null(strstr(pictures.items[0].script, "$d12"));
    lb_pictures_release(&pictures);
    lb_report_data_release(&data);
}

/* Epochs of a mixture, the third without its figures, as a damaged store may have them. */
static lb_status mixed_epochs(void *user, int64_t run_id, lb_epoch_record **out, size_t *n)
{
    static const double frozen[] = {0.5, 0.5, 0.0, 0.75, 1.0, 1.0};
    (void)run_id;
    lb_records records = {.size = sizeof **out};
    for (size_t i = 0; i < 6; i++) {
        void *block = NULL;
        assert_ok(lb_records_add(&records, &block));
        *(lb_epoch_record *)block = (lb_epoch_record){.epoch = i + 1,
                                                      .lr = i < 4 ? *(const double *)user : 0.0,
                                                      .train_top1 = 80.0 + (double)i,
                                                      .val_top1 = 50.0 + 5.0 * (double)i,
                                                      .frozen = frozen[i],
                                                      .mixed_loss = 1.0,
                                                      .mixed_top1 = i == 2 ? (double)NAN : 90.0};
    }
    *out = records.items;
    *n = 6;
    return LB_OK;
}

static void test_freezing(void **state)
{
    (void)state;
    lb_run_record runs[17];
    for (int i = 0; i < 17; i++) runs[i] = lb_test_run(i + 1, "rpr", 2, 32, 50.0 + i);
    runs[3].best_top1 = 90.0;                 /* the best */
    runs[4].best_top1 = 90.0;                 /* as good  */
    runs[5].method = runs[5].weights = "qnn"; /* no mixture, whatever its epochs say */
    runs[5].best_top1 = 99.0;
    runs[6].epochs = 1;
    double lr = 0.002;
    lb_report_input input = lb_test_report_input(runs, 17);
    input.epochs = mixed_epochs;
    input.user = &lr;
    lb_report_data data;
    assert_ok(lb_report_data_init(&input, &data));
    lb_pictures pictures = {.items = NULL};
    assert_ok(lb_plot_freezing(&pictures, &input, &data.sections[0].all, "p"));
    assert_int_equal(pictures.n, LB_CURVES_MAX); /* of 15 */
    assert_string_equal(pictures.items[0].name, "p-freezing-run4");
    assert_string_equal(pictures.items[1].name, "p-freezing-run5");
    assert_string_equal(pictures.items[2].name, "p-freezing-run17");
    assert_contains(pictures.items[0].caption, "rpr W2A32, run 4");
    const char *script = pictures.items[0].script;
    assert_contains(
        script, "$accuracy << EOD\n1 80.000 90.000 50.000\n2 81.000 90.000 55.000\n"
                "4 83.000 90.000 65.000\n5 84.000 90.000 70.000\n6 85.000 90.000 75.000\nEOD\n");
    /* learning rates of 0 stand at the end of the decade */
    assert_contains(script,
                    "$schedule << EOD\n0.5 50 0.002\n3.5 75 0.002\n4.5 100 0.0007\n5.5 100 0.0007\n"
                    "6.5 100 0.0007\nEOD\n");
    assert_contains(script, "set xrange [0.5:6.5]");
    assert_contains(script, "set yrange [0.0007:0.014]");
    const char *folder = lb_test_folder();
    const lb_status drawn = lb_pictures_draw(&pictures, folder, true);
    if (drawn != LB_E_UNSUPPORTED) assert_ok(drawn);
    if (drawn == LB_OK) assert_contains(pictures.items[0].svg, "learning rate");
    lb_pictures_release(&pictures);

    lr = 0.0; /* none above 0 is no reason to fail */
    assert_ok(lb_plot_freezing(&pictures, &input, &data.sections[0].all, "p"));
    const lb_status again = lb_pictures_draw(&pictures, folder, false);
    if (again != LB_E_UNSUPPORTED) assert_ok(again);
    lb_pictures_release(&pictures);
    lb_report_data_release(&data);
}

static lb_status render_once(void *context)
{
    static char folder[1024]; /* for all calls: there are many */
    if (folder[0] == '\0') (void)snprintf(folder, sizeof folder, "%s", lb_test_folder());
    lb_rendered made = {.text = NULL};
    const lb_page_options page = {.title = "t", .source = "s", .problem = ""};
    LB_TRY(lb_report_render(context, &page, folder, &made));
    free(made.text);
    return LB_OK;
}

static lb_impq_row row_of(const char *phase, double top1, double w, double a, bool kept)
{
    return (lb_impq_row){.phase = phase,
                         .top1 = top1,
                         .weight_bits = w,
                         .act_bits = a,
                         .compression = 16.0 / w,
                         .kept = kept};
}

static void test_mixed_precision(void **state)
{
    (void)state;
    lb_impq_row rows[] = {
        row_of("start", 90.0, 4.0, 6.0, true), row_of("weights", 89.0, 3.5, 6.0, true),
        row_of("weights", 70.0, 3.25, 6.0, false), row_of("activations", 88.0, 3.5, 5.0, true),
        row_of("activations", 60.0, 3.5, 4.0, false)};
    lb_layer_bits layers[] = {{"conv1" LB_TEST_HOSTILE, 3.5, 0.0}, {"fc1", 0.0, 5.0}};
    lb_report_procedure procedures[] = {
        {.name = "kernel: a" LB_TEST_HOSTILE, .state = {.rows = rows, .n_rows = 5}, .result = 3},
        {.name = "layer: b", .state = {.rows = rows, .n_rows = 1}},
        {.name = "layer: c", .state = {.rows = rows, .n_rows = 3}, .result = 1}};
    for (size_t i = 0; i < 3; i++) procedures[i].state.start = i == 1 ? "5678" : "1234";
    procedures[0].layers = layers;
    procedures[0].n_layers = 2;
    lb_report_input input = lb_test_report_input(NULL, 0);
    input.procedures = procedures;
    input.n_procedures = 3;
    lb_report_data data;
    lb_report_plan plan;
    assert_ok(lb_report_data_init(&input, &data));
    assert_int_equal(data.n_sections, 2); /* by start */
    assert_string_equal(data.sections[0].title, "Mixed precision");
    assert_int_equal(data.sections[0].n_procedures, 2);
    assert_ptr_equal(data.sections[0].procedures[1], &procedures[2]);
    assert_int_equal(data.sections[1].n_procedures, 1);
    assert_ok(lb_report_plan_init(&data, &plan));
    /* curves of weights, activations and compression, one picture of layers; b has one point and no layers */
    assert_int_equal(plan.pictures.n, 4);
    assert_int_equal(plan.n_tables, 2 * 3 + 1);
    const lb_picture *p = plan.pictures.items;
    assert_string_equal(p[0].name, "mixed-precision-1-impq-weights");
    assert_contains(p[0].script, "$d0 << EOD\n4 90.0000\n3.5 89.0000\nEOD\n");
    assert_contains(p[0].script, "$not0 << EOD\n3.25 70.0000\nEOD\n"); /* off the curve */
    /* activations begin where the weights have come to, not at the start */
    assert_contains(p[1].script, "$d0 << EOD\n6 89.0000\n5 88.0000\nEOD\n");
    assert_contains(p[1].script, "$not0 << EOD\n4 60.0000\nEOD\n");
    assert_null(strstr(p[1].script, "$d1 using"));
    assert_contains(p[2].script, "$d1 << EOD\n4 90.0000\n4.57143 89.0000\nEOD\n");
    assert_contains(p[2].script, "title 'layer: c'");
    assert_contains(p[3].script, "$d << EOD\n0 3.5 0\n1 0 5\nEOD\n");
    const char *folder = lb_test_folder();
    const lb_status drawn = lb_pictures_draw(&plan.pictures, folder, false);
    if (drawn != LB_E_UNSUPPORTED) assert_ok(drawn);
    assert_false(lb_path_exists(lb_test_path(folder, "owned")));
    lb_report_plan_release(&plan);
    lb_report_data_release(&data);
    lb_test_every_allocation_failure(render_once, &input);
}

static void test_widths_held_fixed(void **state)
{
    (void)state;
    /* activations of 2 bits have twice the points of float ones and not more, which win; 1-bit weights have no curve */
    const lb_run_record runs[] = {
        lb_test_run(1, "q", 2, 2, 81.0),  lb_test_run(2, "q", 4, 2, 82.0),
        lb_test_run(3, "q", 2, 32, 83.0), lb_test_run(4, "q", 4, 32, 84.0),
        lb_test_run(5, "r", 2, 2, 85.0),  lb_test_run(6, "r", 4, 2, 86.0)};
    const lb_report_input input = lb_test_report_input(runs, 6);
    lb_report_data data;
    assert_ok(lb_report_data_init(&input, &data));
    lb_pictures pictures = {.items = NULL};
    assert_ok(lb_plot_bits(&pictures, &data.sections[0].all, "p"));
    assert_int_equal(pictures.n, 2);
    assert_string_equal(pictures.items[0].caption,
                        "Width of weights, activations of 32 bits (float)");
    assert_contains(pictures.items[0].script, "$d0 << EOD\n0 83.0000\n1 84.0000\nEOD\n");
    assert_string_equal(pictures.items[1].caption, "Width of activations, weights of 2 bits");
    assert_contains(pictures.items[1].script, "$d0 << EOD\n0 81.0000\n1 83.0000\nEOD\n");
    lb_pictures_release(&pictures);
    lb_report_data_release(&data);
}

/* Gnuplot draws nothing at all where an axis has no length. */
static void test_bars_that_are_all_full(void **state)
{
    (void)state;
    lb_run_record runs[6];
    for (int i = 0; i < 6; i++) runs[i] = lb_test_run(i + 1, "q", 1 + i % 3, 1 + i / 3, 100.0);
    const lb_report_input input = lb_test_report_input(runs, 6);
    lb_report_data data;
    assert_ok(lb_report_data_init(&input, &data));
    lb_pictures pictures = {.items = NULL};
    assert_ok(lb_plot_bars(&pictures, &data.sections[0].all, "p"));
    assert_int_equal(pictures.n, 2);
    assert_contains(pictures.items[0].script, "set zrange [95:100]\nset cbrange [100:100.01]\n");
    lb_pictures_release(&pictures);
    lb_report_data_release(&data);
}

static void test_svg_for_a_page(void **state)
{
    (void)state;
    static const char svg[] =
        "<?xml version=\"1.0\"?>\n<svg viewBox=\"0 0 10 20\" xmlns=\"x\">\n<title>Gnuplot</title>\n"
        "<g id=\"gnuplot_canvas\">\n<rect fill=\"#ffffff\"/>\n<defs>\n<g id='a'/>\n</defs>\n"
        "<g fill=\"none\" color=\"black\">\n</g>\n"
        "<g fill=\"none\" color=\"black\">\n\t<path stroke='rgb(  0, 114, 178)' d='M1'/>\n</g>\n"
        "<use xlink:href='#gpPt6' color='rgb(1,2,3)'/>\n</g>\n</svg>\n";
    char *out = NULL;
    assert_ok(lb_svg_inline(svg, "a \"b\" <c>", &out));
    assert_string_equal(
        out, "<svg role=img viewBox=\"0 0 10 20\" aria-label=\"a &quot;b&quot; &lt;c&gt;\"><g>"
             "<g fill=\"none\"><path stroke='var(--s0)' d='M1'/>\n</g>\n"
             "<use href='#gpPt6' color='#010203'/>\n</g>\n</svg>\n");
    free(out);
    assert_status(lb_svg_inline("<svg>", "", &out), LB_E_FORMAT);
}

/* A run of two experiments stands in both; one that two cells of an experiment want stands there once. */
static void test_shared_runs(void **state)
{
    (void)state;
    const lb_run_record runs[] = {lb_test_run(1, "qnn", 1, 1, 81.0),
                                  lb_test_run(2, "twn", 2, 32, 82.0),
                                  lb_test_run(3, "bnn", 1, 1, 83.0)};
    const lb_cell_record cells[] = {{.stage = LB_CELL_FULL, .hash = "ab"},
                                    {.stage = LB_CELL_FULL, .hash = "ac"},
                                    {.stage = LB_CELL_FULL, .hash = "ac"}};
    const lb_cell_record search[] = {{.stage = LB_CELL_SEARCH, .hash = "ac"},
                                     {.stage = LB_CELL_FULL, .hash = "ad"}};
    const lb_report_item items[] = {{.kind = LB_REPORT_TABLE}};
    const lb_report_experiment experiments[] = {
        {.name = "a", .title = "", .cells = cells, .n_cells = 3, .items = items, .n_items = 1},
        {.name = "b", .title = "", .cells = cells, .n_cells = 3},
        {.name = "c", .title = "", .cells = search, .n_cells = 2}};
    lb_report_input input = lb_test_report_input(runs, 3);
    input.experiments = experiments;
    input.n_experiments = 3;
    lb_report_data data;
    assert_ok(lb_report_data_init(&input, &data));
    assert_int_equal(data.n_sections, 3);
    static const char *const titles[] = {"a", "b: lenet5 on mnist", "c: lenet5 on mnist"};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(data.sections[i].title, titles[i]);
        assert_int_equal(data.sections[i].all.n, i < 2 ? 2 : 1);
    }
    assert_int_equal(data.sections[1].all.entries[0].run->record->id, 1);
    assert_int_equal(data.sections[1].all.entries[1].run->record->id, 2);
    /* a full run of one experiment is no short run, whatever the search of another one tried */
    assert_false(data.runs[1].search);
    assert_string_equal(data.runs[1].experiment, "b");
    lb_report_data_release(&data);
}

/* ---- pages ----------------------------------------------------------------------------------- */

static void test_a_page_quotes_what_it_is_given(void **state)
{
    (void)state;
    lb_run_record runs[] = {lb_test_run(1, "qnn" LB_TEST_HOSTILE, 2, 2, 81.0),
                            lb_test_run(2, "qnn" LB_TEST_HOSTILE, 4, 4, 82.0),
                            lb_test_run(3, "x", 1, 1, 0.0)};
    runs[2].state = LB_RUN_FAILED;
    runs[2].message = "no" LB_TEST_HOSTILE;
    runs[0].model = runs[1].model = runs[2].model = "m" LB_TEST_HOSTILE;
    const lb_report_input input = lb_test_report_input(runs, 3);
    const lb_page_options page = {
        .title = "t" LB_TEST_HOSTILE, .source = "s" LB_TEST_HOSTILE, .folder = "f'\"> x"};
    const char *folder = lb_test_folder();
    lb_rendered made = {.text = NULL};
    assert_ok(lb_report_render(&input, &page, folder, &made));
    assert_int_equal(made.summary.runs, 3);
    assert_null(strstr(made.text, "<i>"));
    assert_contains(made.text, "<h1>t&lt;i&gt;&#39;&quot;&amp;`touch owned`|x</h1>");
    assert_contains(made.text, "href=\"f%27%22%3E%20x/");
    assert_false(lb_path_exists(lb_test_path(folder, "owned")));
    assert_true(lb_path_exists(lb_test_path(folder, "runs.csv")));
    if (made.summary.problem[0] == '\0') {
        /* both sweeps of one point a curve are left out: bits alike, 2 of convergence, 2 costs, weights */
        assert_int_equal(made.summary.pictures, 6);
        assert_contains(made.text, "<svg role=img");
    } else {
        assert_contains(made.summary.problem, "gnuplot is not installed");
    }
    free(made.text);
}

static void test_allocation_failures(void **state)
{
    (void)state;
    const lb_run_record runs[] = {lb_test_run(1, "qnn", 2, 2, 81.0),
                                  lb_test_run(2, "qnn", 4, 4, 82.0)};
    lb_report_input input = lb_test_report_input(runs, 2);
    lb_test_every_allocation_failure(render_once, &input);
}

static void test_no_runs(void **state)
{
    (void)state;
    lb_report_input input = lb_test_report_input(NULL, 0);
    assert_ok(render_once(&input));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_an_experiment_without_a_report),
        cmocka_unit_test(test_shared_runs),
        cmocka_unit_test(test_pareto_front),
        cmocka_unit_test(test_quoting_for_gnuplot),
        cmocka_unit_test(test_convergence),
        cmocka_unit_test(test_freezing),
        cmocka_unit_test(test_mixed_precision),
        cmocka_unit_test(test_widths_held_fixed),
        cmocka_unit_test(test_bars_that_are_all_full),
        cmocka_unit_test(test_svg_for_a_page),
        cmocka_unit_test(test_a_page_quotes_what_it_is_given),
        cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_no_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
