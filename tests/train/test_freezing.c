/* Freezing schedules: reading, places of epochs, the early end of the first fraction. */
#include <string.h>

#include "support/support.h"
#include "train/freezing.h"

static const lb_progress none = {0};

static lb_freezing parse(const char *text)
{
    lb_freezing f = {0};
    assert_ok(lb_freezing_parse(text, &f));
    return f;
}

static void check_place(const lb_freezing *f, size_t epochs, const lb_progress *p, size_t epoch,
                        lb_freezing_place wanted)
{
    const lb_freezing_place got = lb_freezing_at(f, epochs, p, epoch);
    if (got.frozen != wanted.frozen || got.factor != wanted.factor || got.first != wanted.first ||
        got.epochs != wanted.epochs)
        fail_msg("epoch %zu: %g of stage [%zu, +%zu) x%g, wanted %g of [%zu, +%zu) x%g", epoch,
                 got.frozen, got.first, got.epochs, got.factor, wanted.frozen, wanted.first,
                 wanted.epochs, wanted.factor);
}

static void the_standard_schedule_is_the_papers(void **state)
{
    (void)state;
    const lb_freezing f = parse(lb_freezing_standard);
    assert_int_equal(f.n, 10);
    assert_int_equal(lb_freezing_length(&f), 112);
    assert_int_equal(lb_freezing_epochs(&f, 112, &none), 112);
    assert_int_equal(lb_freezing_all_from(&f, 112, &none), 82);
    check_place(&f, 112, &none, 0, (lb_freezing_place){0.9, 1.0, 0, 0, 37});
    check_place(&f, 112, &none, 36, (lb_freezing_place){0.9, 1.0, 0, 0, 37});
    check_place(&f, 112, &none, 37, (lb_freezing_place){0.95, 1.0, 0, 37, 15});
    check_place(&f, 112, &none, 47, (lb_freezing_place){0.95, 0.1, 0, 37, 15});
    check_place(&f, 112, &none, 52, (lb_freezing_place){0.975, 1.0, 0, 52, 15});
    check_place(&f, 112, &none, 81, (lb_freezing_place){0.9875, 0.1, 0, 67, 15});
    check_place(&f, 112, &none, 82, (lb_freezing_place){1.0, 1.0, 0, 82, 30});
    check_place(&f, 112, &none, 92, (lb_freezing_place){1.0, 0.1, 0, 82, 30});
    check_place(&f, 112, &none, 111, (lb_freezing_place){1.0, 0.01, 0, 82, 30});
}

/* In proportion: 37, 45 and 30 of 112 are 3.7, 4.5 and 3 of 11.2. Some pieces may vanish, the last never does. */
static void fewer_epochs_shrink_all_pieces(void **state)
{
    (void)state;
    const lb_freezing f = parse(lb_freezing_standard);
    check_place(&f, 56, &none, 17, (lb_freezing_place){0.9, 1.0, 0, 0, 18});
    check_place(&f, 56, &none, 18, (lb_freezing_place){0.95, 1.0, 0, 18, 8});
    check_place(&f, 56, &none, 41, (lb_freezing_place){1.0, 1.0, 0, 41, 15});
    assert_int_equal(lb_freezing_all_from(&f, 56, &none), 41);
    check_place(&f, 1, &none, 0, (lb_freezing_place){1.0, 0.01, 0, 0, 1});
    for (size_t epochs = 1; epochs < 300; epochs++) {
        double before = 0.0;
        size_t end = 0;
        for (size_t e = 0; e < epochs; e++) {
            const lb_freezing_place place = lb_freezing_at(&f, epochs, &none, e);
            assert_true(place.frozen >= before && place.first <= e);
            assert_true(e < place.first + place.epochs);
            if (e == end) assert_int_equal(place.first, end); /* stages follow each other */
            end = place.first + place.epochs;
            before = place.frozen;
        }
        assert_int_equal(end, epochs);
        assert_true(before == 1.0);
    }
}

/* The best epoch is the third: two more without a better one end the first fraction. */
static void the_first_fraction_ends_where_nothing_gets_better(void **state)
{
    (void)state;
    lb_freezing f = parse("0.5:10,0.75:4,1:6");
    lb_epoch_row rows[12];
    const double top1[] = {50.0, 40.0, 60.0, 60.0, 55.0, 99.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0};
    for (size_t i = 0; i < 12; i++) rows[i] = (lb_epoch_row){.mixed_top1 = top1[i]};
    lb_progress p = {.rows = rows, .n_rows = 4};
    f.patience = 2;
    check_place(&f, 20, &p, 4, (lb_freezing_place){0.5, 1.0, 0, 0, 10});
    assert_int_equal(lb_freezing_epochs(&f, 20, &p), 20);
    p.n_rows = 5;
    check_place(&f, 20, &p, 4, (lb_freezing_place){0.5, 1.0, 0, 0, 5});
    check_place(&f, 20, &p, 5, (lb_freezing_place){0.75, 1.0, 0, 5, 4});
    assert_int_equal(lb_freezing_epochs(&f, 20, &p), 15);
    assert_int_equal(lb_freezing_all_from(&f, 20, &p), 9);
    p.n_rows = 12; /* later rows change nothing of it */
    check_place(&f, 20, &p, 11, (lb_freezing_place){1.0, 1.0, 0, 9, 6});
    assert_int_equal(lb_freezing_epochs(&f, 20, &p), 15);
    f.patience = 0;
    assert_int_equal(lb_freezing_epochs(&f, 20, &p), 20);
    f.patience = 6; /* the 99 comes in time, and 6 more epochs are not there */
    assert_int_equal(lb_freezing_epochs(&f, 20, &p), 20);
}

static void all_frozen_from_the_start(void **state)
{
    (void)state;
    lb_freezing f = parse("1:4,1:2x0.5");
    f.patience = 1;
    check_place(&f, 6, &none, 5, (lb_freezing_place){1.0, 0.5, 0, 0, 6});
    assert_int_equal(lb_freezing_all_from(&f, 6, &none), 0);
}

static void bad_schedules_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "piece 1 is not FRACTION:EPOCHS"},
        {"0.9", "piece 1 is not FRACTION:EPOCHS"},
        {"0.9:37,", "piece 2 is not FRACTION:EPOCHS"},
        {"0.9:-3,1:1", "piece 1 is not"},
        {"0.9:3x,1:1", "piece 1 is not"},
        {"0.9:3 ,1:1", "piece 1 is not"},
        {"0:3,1:1", "fraction 0, wanted one above 0"},
        {"nan:3,1:1", "fraction nan, wanted one above 0"},
        {"1.5:3", "fraction 1.5, wanted one above 0"},
        {"0.9:3,0.5:3,1:1", "0.5 after 0.9; fractions never fall"},
        {"0.9:0,1:1", "0 epochs at 0.9, wanted 1 to"},
        {"0.9:99999999999999999999,1:1", "wanted 1 to 1000000"},
        {"0.9:3x-1,1:1", "learning rate x-1, wanted"},
        {"0.9:3xinf,1:1", "learning rate xinf, wanted"},
        {"0.9:3", "the last fraction is 0.9, wanted 1"},
        {"1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,"
         "1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1",
         "more than 32 pieces"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lb_freezing f = {.n = 7};
        assert_status(lb_freezing_parse(cases[i].text, &f), LB_E_ARG);
        assert_contains(lb_error(), cases[i].message);
        assert_int_equal(f.n, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standard_schedule_is_the_papers),
        cmocka_unit_test(fewer_epochs_shrink_all_pieces),
        cmocka_unit_test(the_first_fraction_ends_where_nothing_gets_better),
        cmocka_unit_test(all_frozen_from_the_start),
        cmocka_unit_test(bad_schedules_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
