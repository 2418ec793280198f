/* Every variant of f32_dot against plain loops: same bits, nothing touched outside the arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/random.h"
#include "kernels/f32_dot/f32_dot.h"

static const size_t pixel_counts[] = {1, 3, 4, 5, 7, 8, 9, 12, 17, 31};
static const size_t lengths[] = {1, 2, 5, 16, 33};
static const size_t lane_counts[] = {1, 7, 15, 16};
enum { N_PIXEL_COUNTS = 10, N_LENGTHS = 5, N_LANE_COUNTS = 4, SEGMENTS = 3 };

/* Exact-size blocks, so that a sanitizer sees the first byte too many. */
static float *block_of(size_t n, lb_random *r)
{
    float *p = malloc(n * sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) p[i] = lb_random_normal(r);
    return p;
}

/* One sum, straight from the contract. */
static float naive(const lb_f32_dot_inputs *in, const float *x, const float *w, size_t p, size_t o)
{
    float sum = 0.0f;
    for (size_t s = 0; s < in->n_segments; s++)
        for (size_t k = 0; k < in->segment_length; k++) {
            const float product = x[p * in->pixel_stride + in->segment_offset[s] + k] *
                                  w[(s * in->segment_length + k) * LB_F32_DOT_LANES + o];
            sum = sum + product;
        }
    return sum;
}

static void check_case(const lb_f32_dot_variant *v, size_t pixels, size_t length, size_t lanes)
{
    lb_random r = lb_random_at(1, LB_RANDOM_TEST, pixels * 100 + length, lanes);
    const size_t offsets[SEGMENTS] = {0, length + 2, 3 * length + 1};
    const size_t stride = 2, y_stride = lanes + 1;
    const lb_f32_dot_inputs in = {pixels, stride, SEGMENTS, length, offsets};
    const size_t x_floats = (pixels - 1) * stride + offsets[SEGMENTS - 1] + length;
    const size_t y_floats = (pixels - 1) * y_stride + lanes;
    float *x = block_of(x_floats, &r), *w = block_of(SEGMENTS * length * LB_F32_DOT_LANES, &r);
    float *y = block_of(y_floats, &r), *before = malloc(y_floats * sizeof *before);
    assert_non_null(before);
    memcpy(before, y, y_floats * sizeof *y);
    v->fn(&in, x, w, lanes, y, y_stride);
    for (size_t i = 0; i < y_floats; i++) {
        const size_t p = i / y_stride, o = i % y_stride;
        const float want = o < lanes ? naive(&in, x, w, p, o) : before[i];
        if (memcmp(&y[i], &want, sizeof want) != 0)
            fail_msg("%s: %zu pixels, %zu inputs, %zu lanes: pixel %zu lane %zu is %a, wanted %a",
                     v->name, pixels, SEGMENTS * length, lanes, p, o, (double)y[i], (double)want);
    }
    free(x);
    free(w);
    free(y);
    free(before);
}

static void test_every_variant_gives_the_same_bits(void **state)
{
    (void)state;
    size_t skipped = 0;
    for (size_t i = 0; i < lb_n_f32_dot_variants; i++) {
        const lb_f32_dot_variant *v = &lb_f32_dot_variants[i];
        if ((v->isa & lb_cpu_isa()) != v->isa) {
            print_message("SKIP %s: this machine has no such instructions\n", v->name);
            skipped++;
            continue;
        }
        for (size_t p = 0; p < N_PIXEL_COUNTS; p++)
            for (size_t k = 0; k < N_LENGTHS; k++)
                for (size_t o = 0; o < N_LANE_COUNTS; o++)
                    check_case(v, pixel_counts[p], lengths[k], lane_counts[o]);
    }
    assert_true(skipped < lb_n_f32_dot_variants);
}

static void test_the_last_variant_needs_nothing(void **state)
{
    (void)state;
    assert_string_equal(lb_f32_dot_select(LB_ISA_ANY)->name, "lb_f32_dot__scalar");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_variant_gives_the_same_bits),
        cmocka_unit_test(test_the_last_variant_needs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
