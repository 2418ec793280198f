/* Every valid combination of method, model, widths and end policies, with batch-norms drawn at random:
 * frozen, written, opened and run, scalar and by the best kernels here, against evaluation in training.
 * ctest: timeout 600 */
#include "base/compiler.h"
#include "support/model_grid.h"
#include "support/support.h"
#include "support/verify_check.h"

/* Under the address sanitizer all is many times slower, and reads outside of arrays show with one image
 * as with sixteen; two, so that a group has more than one. */
#if defined(LB_ADDRESS_SANITIZER)
enum { IMAGES = 2 };
#else
enum { IMAGES = 16 };
#endif

static void every_combination_is_the_same(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "net.lbm");
    lb_grid_case c = {0};
    lb_test_verified sum = {0};
    while (lb_grid_next(&c)) {
        lb_net net;
        lb_grid_build(&c, &net);
        lb_test_verify(c.name, &net, IMAGES, c.next, path, &sum);
        lb_net_release(&net);
    }
    print_message("%zu networks, %zu layers, %zu values compared\n", sum.networks, sum.layers,
                  sum.values);
    lb_grid_check_whole(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_combination_is_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
