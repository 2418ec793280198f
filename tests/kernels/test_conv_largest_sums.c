/* Convolution kernels on the largest sums that a window of 81,009 inputs can have: sums in narrow registers that
 * are widened too late overflow here and nowhere else. */
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "kernels/conv/conv.h"

enum { CHANNELS = 9001, SIDE = 3, TAPS = SIDE * SIDE, FILTERS = 20 };

static void *block_of(size_t bytes)
{
    void *block = NULL;
    assert_int_equal(posix_memalign(&block, LB_CONV_ALIGN, bytes), 0);
    memset(block, 0, bytes);
    return block;
}

/* Weights of one size, filters of odd numbers negative. */
static int16_t weight_of(const lb_int_conv *conv, size_t filter)
{
    return (int16_t)(filter % 2 ? -conv->max_weight : conv->max_weight);
}

static void check_kernel(const lb_int_conv *c, const lb_conv_kernel *kernel, const int16_t *weights,
                         const uint8_t *row)
{
    void *packed = block_of(kernel->weight_bytes(c));
    void *prepared = block_of(kernel->row_bytes(c));
    const void *rows[SIDE] = {prepared, prepared, prepared};
    int32_t *sums = block_of(c->out_w * FILTERS * sizeof *sums);
    kernel->pack(c, weights, packed);
    kernel->prepare_row(c, row, prepared);
    const lb_conv_span span = {
        .rows = rows, .pixels = c->out_w, .filter_end = FILTERS, .out = {.sums = sums}};
    kernel->run_row(c, packed, &span);
    const int64_t largest = (int64_t)CHANNELS * TAPS * lb_grid_high(c->acts);
    for (size_t i = 0; i < c->out_w * FILTERS; i++) {
        const int64_t wanted = largest * weight_of(c, i % FILTERS);
        if (sums[i] != wanted)
            fail_msg("%s, acts of %d bits, weights up to %d: sum of filter %zu is %d, wanted %lld",
                     kernel->name, c->acts.bits, c->max_weight, i % FILTERS, sums[i],
                     (long long)wanted);
    }
    free(packed);
    free(prepared);
    free(sums);
}

static size_t check_kernels(const lb_int_conv *c)
{
    const size_t columns = c->in_w, n = CHANNELS * columns;
    int16_t *weights = block_of((size_t)FILTERS * TAPS * CHANNELS * sizeof *weights);
    uint8_t *fields = block_of(n),
            *row = block_of(columns * lb_map_pixel_bytes(c->acts.bits, CHANNELS));
    size_t checked = 0;
    for (size_t i = 0; i < (size_t)FILTERS * TAPS * CHANNELS; i++)
        weights[i] = weight_of(c, i / (TAPS * CHANNELS));
    memset(fields, (1 << c->acts.bits) - 1, n);
    lb_map_row_pack(c->acts.bits, CHANNELS, columns, fields, row);
    for (size_t k = 0; lb_conv_kernels[k]; k++) {
        const lb_conv_kernel *kernel = lb_conv_kernels[k];
        const char *why;
        if ((kernel->isa & lb_cpu_isa()) != kernel->isa || !kernel->supports(c, &why)) continue;
        check_kernel(c, kernel, weights, row);
        checked++;
    }
    free(weights);
    free(fields);
    free(row);
    return checked;
}

static void test_largest_sums_are_exact(void **state)
{
    (void)state;
    static const struct {
        lb_weight_class weights;
        int bits, max;
    } kinds[] = {{LB_WEIGHTS_BINARY, 1, 1},
                 {LB_WEIGHTS_TERNARY, 2, 1},
                 {LB_WEIGHTS_INTEGER, 2, 3},
                 {LB_WEIGHTS_INTEGER, 4, 15}};
    for (int bits = 1; bits <= 8; bits++)
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            for (size_t out_w = 1; out_w <= 3; out_w += 2) {
                const lb_int_conv conv = {.in_c = CHANNELS,
                                          .in_h = SIDE,
                                          .in_w = SIDE - 1 + out_w,
                                          .filters = FILTERS,
                                          .out_h = 1,
                                          .out_w = out_w,
                                          .groups = 1,
                                          .terms = 1,
                                          .kh = SIDE,
                                          .kw = SIDE,
                                          .stride = 1,
                                          .acts = {bits, 0, 1},
                                          .weights = kinds[i].weights,
                                          .weight_bits = kinds[i].bits,
                                          .max_weight = kinds[i].max};
                assert_true(check_kernels(&conv) >= 1);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_largest_sums_are_exact)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
