/* The back end's max pool against the reference's, on maps with infinities and NaN too, by every instruction set. */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/random.h"
#include "nn/backend/pass_kernels.h"
#include "nn/backend/reference.h"

enum { CHANNELS = 21, SIDE = 7, PIXELS = SIDE * SIDE, ROUNDS = 50 };

static float any_value(lb_random *random)
{
    static const float odd[] = {NAN, -INFINITY, INFINITY, 0.0f, -0.0f};
    const uint64_t which = lb_random_below(random, 10);
    return which < 5 ? odd[which] : 2.0f * lb_random_uniform(random) - 1.0f;
}

static void check_window(const lb_pass_kernels *kernels, const lb_window *window, lb_random *random)
{
    const lb_shape in = {.c = 1, .h = SIDE, .w = SIDE};
    const size_t out = (SIDE + 2 * window->pad_top - window->kh) / window->stride + 1;
    const lb_pool_shape shape = {.c = CHANNELS,
                                 .h = SIDE,
                                 .w = SIDE,
                                 .out_h = out,
                                 .out_w = out,
                                 .kh = window->kh,
                                 .kw = window->kw,
                                 .stride = window->stride,
                                 .pad_top = window->pad_top,
                                 .pad_left = window->pad_left};
    float planes[CHANNELS][PIXELS], x[PIXELS][CHANNELS], y[PIXELS * CHANNELS];
    uint16_t index[PIXELS * CHANNELS];
    for (size_t i = 0; i < PIXELS; i++) {
        for (size_t c = 0; c < CHANNELS; c++) x[i][c] = planes[c][i] = any_value(random);
    }
    kernels->max_pool(&shape, &x[0][0], y, index);
    for (size_t c = 0; c < CHANNELS; c++) {
        float wanted[PIXELS];
        lb_reference_max_pool(window, 1, in, (lb_shape){.c = 1, .h = out, .w = out}, planes[c],
                              wanted);
        for (size_t p = 0; p < out * out; p++) {
            const size_t at = p * CHANNELS + c, oy = p / out, ox = p % out;
            assert_memory_equal(&y[at], &wanted[p], sizeof wanted[p]);
            const size_t row = oy * window->stride + index[at] / window->kw - window->pad_top,
                         column = ox * window->stride + index[at] % window->kw - window->pad_left;
            assert_int_equal(row * SIDE + column,
                             lb_reference_first_largest(window, in, oy, ox, planes[c]));
        }
    }
}

static void max_pools_are_the_reference_s(void **state)
{
    (void)state;
    static const lb_window windows[] = {
        {.kh = 2, .kw = 2, .stride = 2},
        {.kh = 3, .kw = 3, .stride = 2, .pad_top = 1, .pad_left = 1},
        {.kh = 7, .kw = 7, .stride = 1},
    };
    static const unsigned sets[] = {LB_ISA_ANY, LB_ISA_AVX2, LB_ISA_AVX512};
    lb_random random = lb_random_at(7, LB_RANDOM_SYNTH, 0, 0);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        const lb_pass_kernels *kernels = lb_pass_kernels_for(lb_cpu_isa() & sets[i]);
        for (size_t round = 0; round < ROUNDS; round++) {
            for (size_t k = 0; k < sizeof windows / sizeof *windows; k++)
                check_window(kernels, &windows[k], &random);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(max_pools_are_the_reference_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
