/* Time goes forward. */
#include "base/clock.h"

#include "support/support.h"

static void test_never_goes_back(void **state)
{
    (void)state;
    const double start = lb_seconds();
    double last = start;
    while (last < start + 0.01) {
        const double now = lb_seconds();
        assert_true(now >= last);
        last = now;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_never_goes_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
