/* The reader of the papers' figures: what it takes, and that whatever is wrong is named with its line. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lab/paper_figures.h"
#include "support/support.h"

#define HEADER "experiment,row,column,metric,value,mark,where\n"

static lb_status parse(const char *text, lb_paper_figures *out)
{
    return lb_paper_figures_parse("figures.csv", (const uint8_t *)text, strlen(text), out);
}

static void test_figures_are_read(void **state)
{
    (void)state;
    lb_paper_figures figures = {0};
    assert_ok(parse("# a comment\n\n" HEADER
                    "P0-table6,TWN,W2A32,top1,99.63,*,method=twn wbits=2\r\n"
                    "P0-table9,TTQ,W2A32,top1,,DNC,method=ttq\n"
                    "P1-table4.7,BC,top-1,top1,10.00,DNC,  method=bc   relu-slope=  lr=1e-3 \n"
                    "P1-table4.5,VGG-7 (BC),MB,megabytes,1.55,,augment=crop=2,flip",
                    &figures));
    assert_int_equal(figures.n, 4);
    const lb_paper_figure *f = figures.items;
    assert_string_equal(f[0].experiment, "P0-table6");
    assert_string_equal(f[0].row, "TWN");
    assert_string_equal(f[0].column, "W2A32");
    assert_int_equal(f[0].metric, LB_METRIC_TOP1);
    assert_float_equal(f[0].value, 99.63, 0.0);
    assert_true(f[0].star && !f[0].dnc);
    assert_string_equal(f[0].where, "method=twn wbits=2");
    assert_int_equal(f[0].line, 4);
    assert_true(isnan(f[1].value) && f[1].dnc && !f[1].star);
    assert_float_equal(f[2].value, 10.0, 0.0);
    assert_true(f[2].dnc);
    assert_string_equal(f[2].where, "method=bc relu-slope= lr=0.001"); /* as settings are spelled */
    assert_int_equal(f[3].metric, LB_METRIC_MEGABYTES);
    assert_string_equal(f[3].where, "augment=crop=2,flip");
    lb_paper_figures_release(&figures);
}

static void test_conditions_are_taken_apart(void **state)
{
    (void)state;
    char key[64], value[192];
    const char *at = "option=c=0.1 relu-slope= wbits=2";
    assert_true(lb_paper_figure_take(&at, key, value));
    assert_string_equal(key, "option");
    assert_string_equal(value, "c=0.1");
    assert_true(lb_paper_figure_take(&at, key, value));
    assert_string_equal(key, "relu-slope");
    assert_string_equal(value, "");
    assert_true(lb_paper_figure_take(&at, key, value));
    assert_string_equal(value, "2");
    assert_false(lb_paper_figure_take(&at, key, value));
}

static void test_faults_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "figures.csv: empty"},
        {"a,b\n", "figures.csv:1: wanted the header"},
        {HEADER "P0,a,b,top1\n", "figures.csv:2: 4 fields, wanted 7"},
        {HEADER ",a,b,top1,9,,method=qnn\n", "figures.csv:2: experiment is empty"},
        {HEADER "P0,a,,top1,9,,method=qnn\n", "figures.csv:2: column is empty"},
        {HEADER "P0,a,b,top2,9,,method=qnn\n",
         "figures.csv:2: unknown metric 'top2'; there are: top1, top5, parameters"},
        {HEADER "P0,a,b,top1,9,+,method=qnn\n",
         "figures.csv:2: mark '+'; wanted nothing, * or DNC"},
        {HEADER "P0,a,b,top1,,,method=qnn\n", "figures.csv:2: value is empty"},
        {HEADER "P0,a,b,top1,100.1,,method=qnn\n", "figures.csv:2: value '100.1'"},
        {HEADER "P0,a,b,top1,nan,,method=qnn\n", "figures.csv:2: value 'nan'"},
        {HEADER "P0,a,b,top1,9 9,,method=qnn\n", "figures.csv:2: value '9 9'"},
        {HEADER "P0,a,b,top1,1.2.3,,method=qnn\n", "figures.csv:2: value '1.2.3'"},
        {HEADER "P0,a,b,top1,.,,method=qnn\n", "figures.csv:2: value '.'"},
        {HEADER "P0,a,b,top1,9,,\n", "figures.csv:2: where is empty"},
        {HEADER "P0,a,b,top1,9,,   \n", "figures.csv:2: where is empty"},
        {HEADER "P0,a,b,top1,9,,method\n", "figures.csv:2: where 'method'; wanted KEY=VALUE"},
        {HEADER "P0,a,b,top1,9,,methd=qnn\n",
         "figures.csv:2: where: unknown setting 'methd'; did you mean 'method'?"},
        {HEADER "\n#\nP0,a,b,top1,9,,wbits=x\n", "figures.csv:4: where: wbits 'x'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lb_paper_figures figures = {0};
        assert_status(parse(cases[i].text, &figures), LB_E_FORMAT);
        assert_contains(lb_error(), cases[i].message);
        assert_null(figures.items);
    }
    lb_paper_figures figures = {0};
    assert_status(lb_paper_figures_parse("f.csv", (const uint8_t *)"a\0b", 3, &figures),
                  LB_E_FORMAT);
    assert_contains(lb_error(), "f.csv: has a zero byte");
    assert_status(lb_paper_figures_read(lb_test_path(lb_test_folder(), "none.csv"), &figures),
                  LB_E_IO);
}

static void test_long_conditions_are_refused(void **state)
{
    (void)state;
    char text[4096];
    lb_paper_figures figures = {0};
    (void)snprintf(text, sizeof text, "%sP0,a,b,top1,9,,data=%0300d\n", HEADER, 1);
    assert_status(parse(text, &figures), LB_E_FORMAT);
    assert_contains(lb_error(), "wanted KEY=VALUE");
    size_t at = (size_t)snprintf(text, sizeof text, "%sP0,a,b,top1,9,,", HEADER);
    for (int i = 0; i < 20; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "data=%0100d ", i);
    assert_status(parse(text, &figures), LB_E_FORMAT);
    assert_contains(lb_error(), "where is longer than 1023 bytes");
}

static lb_status parse_one(void *context)
{
    (void)context;
    lb_paper_figures figures = {0};
    const lb_status status = parse(HEADER "P0,a,b,top1,9,,method=qnn lr=1e-3\n", &figures);
    lb_paper_figures_release(&figures);
    return status;
}

static void test_every_allocation_failure(void **state)
{
    (void)state;
    lb_test_every_allocation_failure(parse_one, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures_are_read),
        cmocka_unit_test(test_conditions_are_taken_apart),
        cmocka_unit_test(test_faults_are_named),
        cmocka_unit_test(test_long_conditions_are_refused),
        cmocka_unit_test(test_every_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
