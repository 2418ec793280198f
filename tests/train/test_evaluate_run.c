/* Counting of an evaluation: ties, NaN, the mean loss over batches of different sizes; with a back
 * end whose logits the test prescribes. */
#include <math.h>
#include <string.h>

#include "data/dataset.h"
#include "support/support.h"
#include "train/run.h"

enum { CLASSES = 10, BATCH = 8 };

/* What the back end answers. */
typedef enum answer { ALL_EQUAL, RIGHT, RUNNER_UP, TIE, ALL_NAN } answer;

static struct {
    answer mode;
    const lb_dataset *data;
    size_t next; /* image in the data's order */
    int frozen;
} fake;

static lb_status fake_freeze(lb_executor *e)
{
    (void)e;
    fake.frozen++;
    fake.next = 0;
    return LB_OK;
}

static lb_status fake_evaluate(lb_executor *e, const float *images, size_t n, float *logits)
{
    (void)e;
    (void)images;
    for (size_t i = 0; i < n; i++) {
        const size_t label = lb_dataset_label(fake.data, fake.next++);
        float *row = logits + i * CLASSES;
        for (size_t k = 0; k < CLASSES; k++) row[k] = fake.mode == ALL_NAN ? NAN : 0.0f;
        if (fake.mode == RIGHT || fake.mode == TIE) row[label] = 1.0f;
        if (fake.mode == RUNNER_UP || fake.mode == TIE) row[(label + 1) % CLASSES] = 1.0f;
    }
    return LB_OK;
}

static const lb_backend fake_backend = {
    .name = "fake", .freeze_weights = fake_freeze, .evaluate = fake_evaluate};

static bool stop_at_once(void)
{
    return true;
}

static lb_status evaluate(answer mode, bool (*stopped)(void), lb_evaluation *out,
                          double *below_five, double *zero)
{
    lb_dataset *data = NULL;
    assert_ok(
        lb_dataset_open("synth-digits:100", LB_SPLIT_TEST, &data)); /* 20 images: 8, 8 and 4 */
    const lb_loader_options options = {.batch = BATCH, .normalization = {.std = {1.0f}}};
    lb_loader *loader = NULL;
    assert_ok(lb_loader_create(data, &options, &loader));
    float logits[BATCH * CLASSES];
    fake.mode = mode;
    fake.data = data;
    const lb_evaluation_task e = {.backend = &fake_backend,
                                  .loader = loader,
                                  .classes = CLASSES,
                                  .logits = logits,
                                  .loss = LB_LOSS_CROSS_ENTROPY,
                                  .stopped = stopped};
    const lb_status status = lb_evaluate(&e, out);
    lb_dataset_info info;
    lb_dataset_get_info(data, &info);
    *below_five = *zero = 0.0;
    for (size_t i = 0; i < info.count; i++) {
        *below_five += lb_dataset_label(data, i) < 5 ? 100.0 / (double)info.count : 0.0;
        *zero += lb_dataset_label(data, i) == 0 ? 100.0 / (double)info.count : 0.0;
    }
    lb_loader_destroy(loader);
    lb_dataset_close(data);
    return status;
}

static void the_first_of_equal_logits_is_predicted(void **state)
{
    (void)state;
    lb_evaluation e;
    double below_five = 0.0, zero = 0.0;
    assert_ok(evaluate(ALL_EQUAL, NULL, &e, &below_five, &zero));
    assert_true(zero > 0.0 && zero < 100.0);
    assert_true(fabs(e.top1 - zero) < 1e-9 && fabs(e.top5 - below_five) < 1e-9);
    assert_true(fabs(e.loss - log(10.0)) < 1e-6); /* float32 logits */
    assert_int_equal(e.images, 20);
    assert_int_equal(fake.frozen, 1);
    /* the label's equal is the class after it, but for label 9, where it is class 0 */
    assert_ok(evaluate(TIE, NULL, &e, &below_five, &zero));
    assert_true(fabs(e.top1 - 90.0) < 1e-9); /* 2 of 20 images are nines */
}

static void right_answers_and_runners_up_are_told_apart(void **state)
{
    (void)state;
    lb_evaluation e;
    double below_five = 0.0, zero = 0.0;
    assert_ok(evaluate(RIGHT, NULL, &e, &below_five, &zero));
    assert_true(e.top1 == 100.0 && e.top5 == 100.0);
    assert_ok(evaluate(RUNNER_UP, NULL, &e, &below_five, &zero));
    assert_true(e.top1 == 0.0 && e.top5 < 100.0 && e.top5 > 0.0);
}

static void nan_is_never_right(void **state)
{
    (void)state;
    lb_evaluation e;
    double below_five = 0.0, zero = 0.0;
    assert_ok(evaluate(ALL_NAN, NULL, &e, &below_five, &zero));
    assert_true(e.top1 == 0.0 && e.top5 == 0.0 && isnan(e.loss));
}

static void an_evaluation_can_be_stopped(void **state)
{
    (void)state;
    lb_evaluation e;
    double below_five = 0.0, zero = 0.0;
    assert_status(evaluate(RIGHT, stop_at_once, &e, &below_five, &zero), LB_E_INTERRUPTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_of_equal_logits_is_predicted),
        cmocka_unit_test(right_answers_and_runners_up_are_told_apart),
        cmocka_unit_test(nan_is_never_right),
        cmocka_unit_test(an_evaluation_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
