/* Learning rate schedules against PyTorch's, and their edges. */
#include <math.h>

#include "support/golden.h"
#include "support/support.h"
#include "train/schedule.h"

enum { EPOCHS = 10, BATCHES = 7, STEPS = EPOCHS * BATCHES };

static const lb_schedule standard = {.lr = 0.1,
                                     .factor = 0.2,
                                     .epochs = EPOCHS,
                                     .batches = BATCHES,
                                     .milestones = {3, 6, 9},
                                     .n_milestones = 3};

/* The golden file has 9 digits, and is compared in float32. */
static const double digits = 1e-7;

static void compare_steps(const char *name, const lb_schedule *schedule)
{
    lb_golden golden = lb_golden_read("tests/train/golden/schedules.txt");
    const lb_golden_array *wanted = lb_golden_at(&golden, "%s", name);
    float got[STEPS];
    for (size_t t = 0; t < STEPS; t++)
        got[t] = (float)lb_schedule_lr(schedule, t / BATCHES, t % BATCHES);
    lb_golden_compare(wanted, got, wanted->count, digits);
    lb_golden_release(&golden);
}

static void compare_epochs(const char *name, const lb_schedule *schedule)
{
    lb_golden golden = lb_golden_read("tests/train/golden/schedules.txt");
    float got[EPOCHS];
    for (size_t e = 0; e < EPOCHS; e++) {
        got[e] = (float)lb_schedule_lr(schedule, e, 0);
        /* the same through the epoch */
        assert_float_equal((float)lb_schedule_lr(schedule, e, BATCHES - 1), got[e], 0.0f);
    }
    lb_golden_compare(lb_golden_at(&golden, "%s", name), got, EPOCHS, digits);
    lb_golden_release(&golden);
}

static void schedules_agree_with_pytorch(void **state)
{
    (void)state;
    lb_schedule s = standard;
    s.kind = LB_SCHEDULE_CONSTANT;
    compare_steps("constant", &s);
    s.kind = LB_SCHEDULE_COSINE;
    s.final_lr = 0.001;
    compare_steps("cosine", &s);
    s.kind = LB_SCHEDULE_ONE_CYCLE;
    compare_steps("one-cycle", &s);
    s.kind = LB_SCHEDULE_STEP;
    compare_epochs("step", &s);
    s.kind = LB_SCHEDULE_EXPONENTIAL;
    s.final_lr = 0.01;
    compare_epochs("exponential", &s);
    s.kind = LB_SCHEDULE_COSINE;
    s.final_lr = 0.0;
    s.warmup = 2;
    compare_steps("warm-up", &s);
}

static void a_rate_of_zero_stays_zero(void **state)
{
    (void)state;
    for (int kind = LB_SCHEDULE_CONSTANT; kind <= LB_SCHEDULE_ONE_CYCLE; kind++) {
        lb_schedule s = standard;
        s.kind = (lb_schedule_kind)kind;
        s.lr = 0.0;
        for (size_t t = 0; t < STEPS; t++) {
            assert_true(lb_schedule_lr(&s, t / BATCHES, t % BATCHES) == 0.0);
        }
    }
}

static void shortest_runs_have_finite_rates(void **state)
{
    (void)state;
    for (int kind = LB_SCHEDULE_CONSTANT; kind <= LB_SCHEDULE_ONE_CYCLE; kind++) {
        const lb_schedule s = {.kind = (lb_schedule_kind)kind,
                               .lr = 0.1,
                               .final_lr = 0.01,
                               .factor = 0.1,
                               .epochs = 1,
                               .batches = 1,
                               .milestones = {1},
                               .n_milestones = 1};
        const double lr = lb_schedule_lr(&s, 0, 0);
        assert_true(isfinite(lr) && lr > 0.0 && lr <= 0.1);
    }
}

static void impossible_warm_ups_are_refused(void **state)
{
    (void)state;
    lb_schedule s = standard;
    s.warmup = EPOCHS;
    assert_status(lb_schedule_check(&s), LB_E_ARG);
    assert_contains(lb_error(), "warmup of 10 epochs");
    s.warmup = 1;
    assert_ok(lb_schedule_check(&s));
    s.kind = LB_SCHEDULE_ONE_CYCLE;
    assert_status(lb_schedule_check(&s), LB_E_ARG);
    assert_contains(lb_error(), "one-cycle");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedules_agree_with_pytorch),
        cmocka_unit_test(a_rate_of_zero_stays_zero),
        cmocka_unit_test(shortest_runs_have_finite_rates),
        cmocka_unit_test(impossible_warm_ups_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
