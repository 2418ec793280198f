/* Tables of reports, from records made here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/report_tables.h"
#include "support/report_records.h"
#include "support/support.h"

/* The Markdown of one accuracy table over all runs; free(). */
static char *table_of(const lb_run_record *runs, size_t n, const lb_report_item *item, bool csv)
{
    const lb_report_input input = lb_test_report_input(runs, n);
    lb_report_data data;
    assert_ok(lb_report_data_init(&input, &data));
    lb_table table;
    assert_ok(lb_accuracy_table(&data.sections[0].all, item, &data.arena, &table));
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    assert_non_null(file);
    if (csv) {
        lb_table_csv(&table, file);
    } else {
        lb_table_markdown(&table, file);
    }
    assert_int_equal(fclose(file), 0);
    lb_report_data_release(&data);
    return text;
}

static void test_the_papers_layout(void **state)
{
    (void)state;
    lb_run_record runs[] = {
        lb_test_run(1, "qnn", 1, 1, 98.90),     lb_test_run(2, "qnn", 32, 32, 99.69),
        lb_test_run(3, "qnn", 8, 8, 99.52),     lb_test_run(4, "qnn", 2, 32, 99.63),
        lb_test_run(5, "dorefa", 1, 32, 99.69), lb_test_run(6, "dorefa", 2, 2, 99.62),
        lb_test_run(7, "dorefa", 4, 4, 99.68),  lb_test_run(8, "dorefa", 1, 1, 99.06),
        lb_test_run(9, "twn", 2, 32, 99.63),    lb_test_run(10, "dorefa", 1, 2, 0.0),
        lb_test_run(11, "dorefa", 2, 1, 10.0),  lb_test_run(12, "qnn", 1, 2, 55.5)};
    runs[8].ternary = true;
    runs[9].state = LB_RUN_FAILED;
    runs[10].state = LB_RUN_DNC;
    runs[11].state = LB_RUN_RUNNING;
    char *csv = table_of(runs, 12, &(lb_report_item){.kind = LB_REPORT_TABLE}, true);
    assert_string_equal(csv, "method,W32A32,W8A8,W4A4,W2A32,W1A32,W2A2,W2A1,W1A2,W1A1\n"
                             "qnn,99.69,99.52,-,99.63,-,-,-,55.50,98.90\n"
                             "dorefa,-,-,99.68,-,99.69,99.62,DNC,failed,99.06\n"
                             "twn,-,-,-,99.63 *,-,-,-,-,-\n");
    free(csv);
    char *markdown = table_of(runs, 12, &(lb_report_item){.kind = LB_REPORT_TABLE}, false);
    assert_contains(markdown, "| **99.06** |");        /* best of its column        */
    assert_contains(markdown, "| 99.52 |");            /* alone in its column       */
    assert_contains(markdown, "55.50 (epoch 3 of 3)"); /* still going on            */
    assert_contains(markdown, "DNC: does not converge");
    free(markdown);
}

static void test_seeds_of_one_configuration(void **state)
{
    (void)state;
    lb_run_record runs[] = {lb_test_run(1, "qnn", 1, 1, 90.0), lb_test_run(2, "qnn", 1, 1, 92.0),
                            lb_test_run(3, "qnn", 1, 1, 91.5), lb_test_run(4, "qnn", 1, 1, 91.0)};
    runs[0].settings = "{\"lr\": 0.1, \"seed\": 1}";
    runs[1].settings = "{\"seed\": 2, \"lr\": 0.1}";
    runs[2].settings = "{\"seed\": 3, \"lr\": 0.1, \"threads\": 4}";
    runs[3].settings = "{\"seed\": 1, \"lr\": 0.2}"; /* another configuration */
    char *text = table_of(runs, 4, &(lb_report_item){.kind = LB_REPORT_TABLE}, false);
    /* mean of 90, 92, 91.5; sample standard deviation sqrt(13/12) = 1.0408 */
    assert_contains(text, "92.00 (91.17 ± 1.04, n=3)");
    free(text);
}

/* Runs of a cell that differ in more than the seed are no repetitions, also where they do not converge. */
static void test_seeds_that_do_not_converge(void **state)
{
    (void)state;
    lb_run_record runs[] = {lb_test_run(1, "qnn", 1, 1, 90.0), lb_test_run(2, "qnn", 1, 1, 92.0),
                            lb_test_run(3, "qnn", 1, 1, 10.0), lb_test_run(4, "qnn", 1, 1, 10.0)};
    runs[0].settings = "{\"lr\": 0.1, \"seed\": 1}";
    runs[1].settings = "{\"lr\": 0.1, \"seed\": 2}";
    runs[2].settings = "{\"lr\": 0.1, \"seed\": 3}";
    runs[3].settings = "{\"lr\": 0.2, \"seed\": 1}";
    runs[2].state = runs[3].state = LB_RUN_DNC;
    char *text = table_of(runs, 4, &(lb_report_item){.kind = LB_REPORT_TABLE}, false);
    assert_contains(text, "92.00 (91.00 ± 1.41, n=2, 1 DNC)");
    free(text);
    text = table_of(runs + 1, 2, &(lb_report_item){.kind = LB_REPORT_TABLE}, false);
    assert_contains(text, "92.00 (n=1, 1 DNC)");
    free(text);
}

/* A store may hold any texts: a table of 300 methods x 300 widths has a bound. */
static void test_a_table_too_large_is_cut(void **state)
{
    (void)state;
    enum { N = 300 };
    static lb_run_record runs[N];
    static char names[N][24];
    for (int i = 0; i < N; i++) {
        (void)snprintf(names[i], sizeof names[i], "method%d", i);
        runs[i] = lb_test_run(i, names[i], i + 1, 1, 90.0);
    }
    char *text = table_of(runs, N, &(lb_report_item){.kind = LB_REPORT_TABLE}, false);
    assert_contains(text, "100 rows and 100 columns more are left out.");
    assert_contains(text, "method199");
    assert_null(strstr(text, "method200"));
    free(text);
}

static void test_keys_of_rows_and_columns(void **state)
{
    (void)state;
    lb_run_record runs[] = {lb_test_run(1, "qnn", 1, 1, 81.0), lb_test_run(2, "qnn", 1, 1, 82.0),
                            lb_test_run(3, "qnn", 8, 8, 83.0)};
    runs[0].settings = "{\"first-layer\": \"float\", \"batch\": 100}";
    runs[1].settings = "{\"first-layer\": \"quantized\", \"batch\": 20}";
    runs[2].settings = "{\"first-layer\": \"float\", \"batch\": 100}";
    char *text = table_of(
        runs, 3, &(lb_report_item){.rows = "first-layer,method", .columns = "wbits,abits"}, true);
    assert_string_equal(text,
                        "\"first-layer,method\",W8A8,W1A1\nfirst-layer float qnn,83.00,81.00\n"
                        "first-layer quantized qnn,-,82.00\n");
    free(text);
    text = table_of(runs, 3, &(lb_report_item){.rows = "method", .columns = "batch"}, true);
    assert_string_equal(text, "method,batch 20,batch 100\nqnn,82.00,83.00\n");
    free(text);
}

static void test_a_wide_table_is_turned(void **state)
{
    (void)state;
    lb_run_record runs[16];
    for (int i = 0; i < 16; i++)
        runs[i] = lb_test_run(i + 1, "qnn", 1 + i % 8, 1 + i / 8, 50.0 + i);
    char *text = table_of(runs, 16, &(lb_report_item){.kind = LB_REPORT_TABLE}, true);
    assert_contains(text, "widths,qnn\nW8A2,65.00\n");
    free(text);
}

static void test_top5_of_many_classes(void **state)
{
    (void)state;
    lb_run_record run = lb_test_run(1, "twn", 2, 32, 55.36);
    run.data = "imagenet";
    run.best_top5 = 78.61;
    run.ternary = true;
    char *text = table_of(&run, 1, &(lb_report_item){.kind = LB_REPORT_TABLE}, true);
    assert_string_equal(text, "method,W2A32\ntwn,55.36; 78.61 *\n");
    free(text);
}

static void test_names_of_series(void **state)
{
    (void)state;
    lb_run_record runs[] = {lb_test_run(1, "dorefa", 1, 1, 81.0),
                            lb_test_run(2, "dorefa", 1, 1, 82.0)};
    runs[1].settings = "{\"weights\": \"bnn\"}"; /* in place of the method's own */
    char *text = table_of(runs, 2, &(lb_report_item){.kind = LB_REPORT_TABLE}, true);
    assert_string_equal(text, "method,W1A1\ndorefa,81.00\ndorefa w:bnn,82.00\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_papers_layout),
        cmocka_unit_test(test_seeds_of_one_configuration),
        cmocka_unit_test(test_seeds_that_do_not_converge),
        cmocka_unit_test(test_a_table_too_large_is_cut),
        cmocka_unit_test(test_keys_of_rows_and_columns),
        cmocka_unit_test(test_a_wide_table_is_turned),
        cmocka_unit_test(test_top5_of_many_classes),
        cmocka_unit_test(test_names_of_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
