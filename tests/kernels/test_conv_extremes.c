/* Every convolution kernel at the ends of its ranges, which random data hardly meet: columns and weights of
 * either extreme in every pattern, so that each sum of inputs or weights that a transform forms is as large
 * as it can be, all over the window; and thresholds about the ends of 16 bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/random.h"
#include "kernels/conv/conv.h"

enum { SIDE = 3, COLUMNS = 6, OUTPUTS = COLUMNS - SIDE + 1, FILTERS = 8 };

static void *block_of(size_t bytes)
{
    void *block = NULL;
    assert_int_equal(posix_memalign(&block, LB_CONV_ALIGN, bytes), 0);
    return block;
}

static bool can_run(const lb_conv_kernel *kernel, const lb_int_conv *conv)
{
    const char *why;
    return (kernel->isa & lb_cpu_isa()) == kernel->isa && kernel->supports(conv, &why);
}

/* Prepare all rows of a map without padding and run its first row of outputs. */
static void run_first_row(const lb_conv_kernel *kernel, const lb_int_conv *conv,
                          const int16_t *weights, const uint8_t *map, const int32_t *start,
                          lb_conv_output out)
{
    const size_t row = conv->in_w * lb_map_pixel_bytes(conv->acts.bits, conv->in_c);
    void *packed = block_of(kernel->weight_bytes(conv)), *rows[SIDE];
    kernel->pack(conv, weights, packed);
    for (size_t y = 0; y < conv->kh; y++) {
        rows[y] = block_of(kernel->row_bytes(conv));
        kernel->prepare_row(conv, map + y * row, rows[y]);
    }
    const lb_conv_span span = {.rows = (const void *const *)rows,
                               .pixels = conv->out_w,
                               .filter_end = conv->filters,
                               .start = start,
                               .out = out};
    kernel->run_row(conv, packed, &span);
    for (size_t y = 0; y < conv->kh; y++) free(rows[y]);
    free(packed);
}

/* The codes of a kind of convolution. */
typedef struct code_kind {
    lb_code_grid acts;
    lb_weight_class weights;
    int weight_bits, low, high; /* of weights */
} code_kind;

static const code_kind kinds[] = {
    {{1, 1, -2}, LB_WEIGHTS_BINARY, 1, -1, 1},        {{2, 0, 1}, LB_WEIGHTS_TERNARY, 2, -1, 1},
    {{2, 0, 1}, LB_WEIGHTS_INTEGER, 2, -3, 3},        {{4, 0, 1}, LB_WEIGHTS_INTEGER, 4, -8, 7},
    {{4, -8, 1}, LB_WEIGHTS_INTEGER, 4, -15, 15},     {{4, -15, 2}, LB_WEIGHTS_INTEGER, 5, -16, 15},
    {{7, 0, 1}, LB_WEIGHTS_INTEGER, 4, -15, 15},      {{8, 0, 1}, LB_WEIGHTS_BINARY, 1, -1, 1},
    {{8, -128, 1}, LB_WEIGHTS_INTEGER, 8, -128, 127}, {{8, 0, 1}, LB_WEIGHTS_INTEGER, 8, -255, 255},
};

/* Every pattern of columns (first or last field) x every pattern of weights along a row (lowest or highest),
 * the filters with one pattern each; the same in all channels and rows, so that all products add up. */
static void check_patterns(const code_kind *kind, const lb_int_conv *conv,
                           const lb_conv_kernel *kernel)
{
    const size_t taps = conv->in_c * SIDE * SIDE, pixels = (size_t)SIDE * COLUMNS;
    const size_t pixel_bytes = lb_map_pixel_bytes(conv->acts.bits, conv->in_c);
    int16_t *weights = block_of(taps * FILTERS * sizeof *weights);
    uint8_t *fields = block_of(pixels * conv->in_c), *map = block_of(pixels * pixel_bytes);
    int32_t sums[OUTPUTS * FILTERS];
    for (size_t f = 0; f < FILTERS; f++)
        for (size_t k = 0; k < taps; k++)
            weights[f * taps + k] =
                (int16_t)(f >> k / conv->in_c % SIDE & 1 ? kind->high : kind->low);
    for (size_t pattern = 0; pattern < 1u << COLUMNS; pattern++) {
        const uint8_t last = (uint8_t)((1 << conv->acts.bits) - 1);
        for (size_t i = 0; i < pixels * conv->in_c; i++)
            fields[i] = pattern >> i / conv->in_c % COLUMNS & 1 ? last : 0;
        lb_map_row_pack(conv->acts.bits, conv->in_c, pixels, fields, map);
        run_first_row(kernel, conv, weights, map, NULL, (lb_conv_output){.sums = sums});
        for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
            int64_t wanted = 0;
            for (size_t x = 0; x < SIDE; x++) {
                const int field = pattern >> (i / FILTERS + x) & 1 ? last : 0;
                const int act = conv->acts.offset + conv->acts.step * field;
                const int weight = i % FILTERS >> x & 1 ? kind->high : kind->low;
                wanted += (int64_t)act * weight * (int64_t)(SIDE * conv->in_c);
            }
            if (sums[i] != wanted)
                fail_msg("%s: %zu channels, acts %d bits from %d, weights %d to %d, columns %zx: "
                         "pixel %zu filter %zu: %d, wanted %lld",
                         kernel->name, conv->in_c, conv->acts.bits, conv->acts.offset, kind->low,
                         kind->high, pattern, i / FILTERS, i % FILTERS, sums[i], (long long)wanted);
        }
    }
    free(weights);
    free(fields);
    free(map);
}

static void test_extremes_in_every_pattern(void **state)
{
    (void)state;
    static const size_t channels[] = {4, 72, 256};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (size_t c = 0; c < sizeof channels / sizeof *channels; c++) {
            const int low = -kinds[i].low, high = kinds[i].high;
            const lb_int_conv conv = {.in_c = channels[c],
                                      .in_h = SIDE,
                                      .in_w = COLUMNS,
                                      .filters = FILTERS,
                                      .out_h = 1,
                                      .out_w = OUTPUTS,
                                      .groups = 1,
                                      .terms = 1,
                                      .kh = SIDE,
                                      .kw = SIDE,
                                      .stride = 1,
                                      .acts = kinds[i].acts,
                                      .weights = kinds[i].weights,
                                      .weight_bits = kinds[i].weight_bits,
                                      .max_weight = low > high ? low : high};
            for (size_t k = 0; lb_conv_kernels[k]; k++)
                if (can_run(lb_conv_kernels[k], &conv))
                    check_patterns(&kinds[i], &conv, lb_conv_kernels[k]);
        }
}

/* Sums and levels about the ends of 16 bits, which kernels may compare in: the sums are made by `start`. */
static void check_levels(const lb_conv_kernel *kernel, int bits, uint64_t seed)
{
    enum { CHANNELS = 96, LEVELS_MAX = 15 };
    static const int32_t values[] = {INT32_MIN, -32770, -32769, -32768, -32767, -32766, -1,
                                     0,         1,      32765,  32766,  32767,  32768,  INT32_MAX};
    const size_t n_values = sizeof values / sizeof *values;
    const lb_int_conv conv = {.in_c = 1,
                              .in_h = 1,
                              .in_w = 1,
                              .filters = CHANNELS,
                              .out_h = 1,
                              .out_w = 1,
                              .groups = 1,
                              .terms = 1,
                              .kh = 1,
                              .kw = 1,
                              .stride = 1,
                              .acts = {1, 0, 1},
                              .weights = LB_WEIGHTS_BINARY,
                              .weight_bits = 1,
                              .max_weight = 1};
    if (!can_run(kernel, &conv)) return;
    lb_random r = lb_random_at(1, LB_RANDOM_TEST, seed, (uint64_t)bits);
    /* the levels but for the infinite ones: all of 16 bits, or those and one just outside, or any */
    const size_t least = seed % 4 == 0 ? 1 : seed % 4 == 1 ? 3 : 4;
    const size_t most = seed % 4 == 0 ? 12 : seed % 4 == 2 ? 11 : 10;
    const size_t stride = lb_conv_padded_filters(&conv), levels = ((size_t)1 << bits) - 1;
    int32_t *level = block_of(levels * stride * sizeof *level);
    int32_t *start = block_of(stride * sizeof *start);
    uint8_t *flip = block_of(stride / 8), *codes = block_of(lb_map_pixel_bytes(bits, CHANNELS));
    uint8_t wanted[LEVELS_MAX * CHANNELS];
    int16_t weights[CHANNELS];
    memset(flip, 0x35, stride / 8);
    memset(flip + CHANNELS / 8, 0, stride / 8 - CHANNELS / 8);
    for (size_t f = 0; f < stride; f++) {
        size_t at = lb_random_below(&r, 3);
        start[f] = values[1 + lb_random_below(&r, n_values - 2)];
        for (size_t j = 0; j < levels; j++) {
            at += lb_random_below(&r, 2);
            const bool inside = at > 0 && at < n_values - 1;
            const size_t use = !inside ? at : at < least ? least : at > most ? most : at;
            level[j * stride + f] = f < CHANNELS && use < n_values ? values[use] : INT32_MAX;
        }
        if (f < CHANNELS) weights[f] = 1;
    }
    const lb_conv_thresholds t = {bits, stride, level, flip};
    const uint8_t zero[4] = {0};
    lb_conv_threshold(&t, CHANNELS, 0, CHANNELS, start, wanted);
    run_first_row(kernel, &conv, weights, zero, start,
                  (lb_conv_output){.thresholds = &t, .codes = codes});
    if (memcmp(codes, wanted, lb_map_pixel_bytes(bits, CHANNELS)) != 0)
        fail_msg("%s: %d bits, seed %d: other codes", kernel->name, bits, (int)seed);
    free(level);
    free(start);
    free(flip);
    free(codes);
}

static void test_levels_about_the_ends_of_16_bits(void **state)
{
    (void)state;
    for (size_t k = 0; lb_conv_kernels[k]; k++)
        for (int bits = 1; bits <= 4; bits++)
            for (uint64_t seed = 0; seed < 200; seed++)
                check_levels(lb_conv_kernels[k], bits, seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extremes_in_every_pattern),
        cmocka_unit_test(test_levels_about_the_ends_of_16_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
