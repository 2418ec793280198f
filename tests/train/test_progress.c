/* Progress of a run: exact through JSON, the rule for "does not converge", hostile text. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "support/support.h"
#include "train/progress.h"

static lb_progress with_rows(const double *top1, size_t n)
{
    lb_progress p = {0};
    for (size_t i = 0; i < n; i++) {
        const lb_epoch_row row = {
            .lr = 0.1 / 3.0, .train_loss = 1e-300, .val_top1 = top1[i], .val_top5 = 2.0 / 3.0};
        assert_ok(lb_progress_add(&p, &row));
    }
    return p;
}

static void progress_reads_back_exactly(void **state)
{
    (void)state;
    double top1[100];
    for (size_t i = 0; i < 100; i++) top1[i] = 100.0 / (double)(i + 3);
    lb_progress p = with_rows(top1, 100), q = {0};
    p.step = 12345678901234u;
    p.batch = 7;
    p.loss_sum = 1.0 / 3.0;
    p.correct = 5;
    p.seen = 9;
    char *text = NULL;
    assert_ok(lb_progress_write(&p, &text));
    assert_ok(lb_progress_read("here", text, &q));
    assert_true(q.step == p.step && q.epoch == 100 && q.batch == 7 && q.loss_sum == p.loss_sum);
    assert_true(q.correct == 5 && q.seen == 9 && !q.diverged && q.n_rows == 100);
    assert_memory_equal(p.rows, q.rows, 100 * sizeof *p.rows);
    lb_free(text);
    lb_progress_release(&p);
    lb_progress_release(&q);
}

static void an_epoch_that_is_done_leaves_nothing_behind(void **state)
{
    (void)state;
    lb_progress p = {.step = 9, .batch = 3, .loss_sum = 1.0, .correct = 5, .seen = 9};
    const lb_epoch_row row = {.lr = 1.0};
    assert_ok(lb_progress_add(&p, &row));
    assert_true(p.step == 9 && p.epoch == 1 && p.batch == 0 && p.n_rows == 1);
    assert_true(p.loss_sum == 0.0 && p.correct == 0 && p.seen == 0);
    lb_progress_release(&p);
}

static void the_best_epoch_is_the_first_of_the_largest(void **state)
{
    (void)state;
    const double top1[] = {50.0, 70.0, 60.0, 70.0};
    lb_progress p = with_rows(top1, 4);
    assert_int_equal(lb_progress_best(&p, 0), 1);
    lb_progress_release(&p);
}

static void not_above_one_and_a_half_times_chance_does_not_converge(void **state)
{
    (void)state;
    const double at_the_line[] = {10.0, 15.0, 12.0}, above[] = {10.0, 15.01, 10.0};
    lb_progress p = with_rows(at_the_line, 3);
    assert_string_equal(lb_progress_status(&p, 10, p.n_rows, 0), "dnc");
    assert_string_equal(lb_progress_status(&p, 100, p.n_rows, 0), "ok");
    assert_string_equal(lb_progress_status(&p, 10, p.n_rows + 1, 0), "ok"); /* not at its end */
    lb_progress_release(&p);
    p = with_rows(above, 3);
    assert_string_equal(lb_progress_status(&p, 10, p.n_rows, 0), "ok");
    p.diverged = true;
    assert_string_equal(lb_progress_status(&p, 10, p.n_rows, 0), "dnc");
    lb_progress_release(&p);
    assert_string_equal(lb_progress_status(&p, 10, p.n_rows, 0),
                        "ok"); /* nothing evaluated, nothing to say */
}

static void hostile_text_is_refused(void **state)
{
    (void)state;
#define HEAD "{\"step\": 1, \"batch\": 2, \"correct\": 3, \"seen\": 4, \"diverged\": false, "
    static const char *const texts[] = {
        "",
        "[]",
        "null",
        "{}",
        HEAD "\"epoch\": 0, \"loss_sum\": \"1\", \"epochs\": []}",
        HEAD "\"epoch\": 1, \"loss_sum\": 1, \"epochs\": []}",
        HEAD "\"epoch\": 1, \"loss_sum\": 1, \"epochs\": [[1, 2]]}",
        HEAD "\"epoch\": 1, \"loss_sum\": 1, \"epochs\": [[1, 2, 3, 4, 5, \"6\"]]}",
        HEAD "\"epoch\": -1, \"loss_sum\": 1, \"epochs\": []}",
        HEAD "\"epoch\": 99999999999999, \"loss_sum\": 1, \"epochs\": []}",
        HEAD "\"epoch\": 0, \"epoch\": 0, \"loss_sum\": 1, \"epochs\": []}",
    };
    lb_progress p = {0};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_status(lb_progress_read("a.safetensors", texts[i], &p), LB_E_FORMAT);
        assert_contains(lb_error(), "a.safetensors: ");
        assert_null(p.rows);
    }
    assert_ok(lb_progress_read(
        "here", HEAD "\"epoch\": 1, \"loss_sum\": 1, \"epochs\": [[1, 2, 3, 4, 5, 6]]}", &p));
    lb_progress_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress_reads_back_exactly),
        cmocka_unit_test(an_epoch_that_is_done_leaves_nothing_behind),
        cmocka_unit_test(the_best_epoch_is_the_first_of_the_largest),
        cmocka_unit_test(not_above_one_and_a_half_times_chance_does_not_converge),
        cmocka_unit_test(hostile_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
