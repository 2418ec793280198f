/* Weight quantizers on a few weights, each number worked out by hand, forward and backward. */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include "quant/method.h"
#include "support/quantizer_settings.h"

enum { MOST = 16 };

/* A quantizer applied to one group, with its results. */
typedef struct result {
    lb_weight_statistics s;
    int16_t code[MOST];
    float real[MOST], dw[MOST], dlearned[MOST];
    float w[MOST]; /* after prepare */
} result;

static result apply(const char *name, const lb_weight_setting *setting, lb_weight_group group,
                    const float *w, const float *learned, const float *dq)
{
    const lb_weight_quantizer *q = lb_weight_quantizer_find(name);
    result r = {0};
    memcpy(r.w, w, group.n * sizeof *w);
    if (q->prepare) q->prepare(setting, group, r.w);
    q->statistics(setting, group, r.w, learned, &r.s);
    q->encode(setting, group, &r.s, r.w, NULL, r.code);
    for (size_t i = 0; i < group.n; i++) r.real[i] = lb_test_weight_value(group, &r.s, r.code, i);
    if (dq) q->backward(setting, group, &r.s, r.w, r.code, dq, r.dw, r.dlearned);
    return r;
}

/* n weights of one filter with one input channel. */
static lb_weight_group flat_group(size_t n)
{
    return (lb_weight_group){.n = n, .filters = 1, .channels = 1, .taps = n, .scales = 1};
}

static void check_codes(const int16_t *got, const int *wanted, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (got[i] != wanted[i]) fail_msg("code %zu is %d, wanted %d", i, got[i], wanted[i]);
    }
}

/* Exact unless the value needs rounding: then within a few units of the last place, 4e-7 of it. */
static void check_floats(const float *got, const double *wanted, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!(fabs((double)got[i] - wanted[i]) <= 4e-7 * fabs(wanted[i])))
            fail_msg("value %zu is %.9g, wanted %.9g", i, (double)got[i], wanted[i]);
    }
}

#define CHECK_CODES(r, ...) \
    check_codes((r).code, (const int[]){__VA_ARGS__}, sizeof((int[]){__VA_ARGS__}) / sizeof(int))
#define CHECK_FLOATS(got, ...)                         \
    check_floats((got), (const double[]){__VA_ARGS__}, \
                 sizeof((double[]){__VA_ARGS__}) / sizeof(double))

/* sign(0) = sign(-0) = +1; the window is closed: |w| = 1 passes. */
static void test_bc(void **state)
{
    (void)state;
    const float w[] = {0.3f, -0.2f, 0.0f, -0.0f, 1.0f, -1.0f, 1.001f, -1.5f};
    const float dq[] = {1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f, 7.0f, 8.0f};
    const lb_weight_setting setting = {.bits = 1};
    const result r = apply("bc", &setting, flat_group(8), w, NULL, dq);
    CHECK_CODES(r, 1, -1, 1, 1, 1, -1, 1, -1);
    CHECK_FLOATS(r.real, 1, -1, 1, 1, 1, -1, 1, -1);
    CHECK_FLOATS(r.dw, 1, 2, 3, 4, 5, 6, 0, 0);
}

static void test_bc_scaled(void **state)
{
    (void)state;
    const float w[] = {0.3f, -0.2f, 2.0f}, dq[] = {8.0f, 16.0f, 24.0f};
    const lb_weight_setting setting = {.bits = 1, .options = {0.125f}};
    const result r = apply("bc-scaled", &setting, flat_group(3), w, NULL, dq);
    CHECK_CODES(r, 1, -1, 1);
    CHECK_FLOATS(r.real, 0.125, -0.125, 0.125);
    CHECK_FLOATS(r.dw, 1, 2, 0);
}

/* p = (w + 1) / 2: certain at and beyond +-1; at w = 0.5, 3 of 4 draws give +1. */
static void test_bc_stochastic(void **state)
{
    (void)state;
    enum { DRAWS = 40000 };
    const lb_weight_quantizer *q = lb_weight_quantizer_find("bc-stochastic");
    const lb_weight_setting setting = {.bits = 1};
    const float w[] = {1.0f, -1.0f, 2.0f, -2.0f, 0.5f};
    lb_random random = lb_random_at(3, LB_RANDOM_TEST, 0, 0);
    lb_weight_statistics s = {0};
    int16_t code[5];
    int up = 0;
    q->statistics(&setting, flat_group(5), w, NULL, &s);
    for (int i = 0; i < DRAWS; i++) {
        q->encode(&setting, flat_group(5), &s, w, &random, code);
        check_codes(code, (const int[]){1, -1, 1, -1}, 4);
        up += code[4] > 0;
    }
    /* binomial: standard deviation sqrt(0.75 * 0.25 / 40000) = 0.0022; five of them */
    assert_true(fabs((double)up / DRAWS - 0.75) < 0.011);
    assert_true(q->stochastic);
}

/* A gradient passes where |w| <= 1, the bounds included; without draws the more probable sign is taken, +1 at 0.5. */
static void test_bc_stochastic_without_draws(void **state)
{
    (void)state;
    const float w[] = {1.0f, -1.0f, 1.001f, 0.5f}, dq[] = {1, 2, 3, 4};
    const lb_weight_setting setting = {.bits = 1};
    const result r = apply("bc-stochastic", &setting, flat_group(4), w, NULL, dq);
    CHECK_CODES(r, 1, -1, 1, 1);
    CHECK_FLOATS(r.dw, 1, 2, 0, 4);
}

/* A draw a weight, so that filters can be encoded in any order. */
static void test_bc_stochastic_draws_once_a_weight(void **state)
{
    (void)state;
    const lb_weight_quantizer *q = lb_weight_quantizer_find("bc-stochastic");
    const lb_weight_setting setting = {.bits = 1};
    const float w[MOST] = {0.0f};
    lb_random random = lb_random_at(3, LB_RANDOM_TEST, 0, 0);
    const uint64_t before = random.counter;
    lb_weight_statistics s = {.scale = 1.0f, .scale_negative = 1.0f};
    int16_t code[MOST];
    q->encode(&setting, flat_group(MOST), &s, w, &random, code);
    assert_int_equal(random.counter - before, MOST);
}

static void test_qnn_one_bit_is_sign(void **state)
{
    (void)state;
    const float w[] = {0.3f, -3.0f, 0.0f}, dq[] = {1.0f, 2.0f, 3.0f};
    const lb_weight_setting setting = {.bits = 1};
    const result r = apply("qnn", &setting, flat_group(3), w, NULL, dq);
    CHECK_CODES(r, 1, -1, 1);
    CHECK_FLOATS(r.real, 1, -1, 1);
    CHECK_FLOATS(r.dw, 1, 2, 3);
}

/* Three bits, m = 2: x = w / 2 * 4 = 2 w, rounded ties to even, in -4..3; scale 2/4 = 0.5.
 * 0.25 -> 0.5 -> 0;  0.75 -> 1.5 -> 2;  1.25 -> 2.5 -> 2;  2 -> 4 -> 3 (clipped);  -2 -> -4. */
static void test_qnn_three_bits(void **state)
{
    (void)state;
    const float w[] = {0.25f, 0.75f, 1.25f, 2.0f, -2.0f, -0.25f}, dq[] = {1, 2, 3, 4, 5, 6};
    const lb_weight_setting setting = {.bits = 3};
    const result r = apply("qnn", &setting, flat_group(6), w, NULL, dq);
    CHECK_CODES(r, 0, 2, 2, 3, -4, 0);
    CHECK_FLOATS(r.real, 0, 1, 1, 1.5, -2, 0);
    CHECK_FLOATS(r.dw, 1, 2, 3, 4, 5, 6);
}

/* RedBit Eq. 1 with range [-1, 1 - 2^-1]: two bits, x = 2 w in -2..1, scale 1/2; gradient where |w|
 * <= 1. */
static void test_qnn_fixed_range(void **state)
{
    (void)state;
    const float w[] = {0.2f, 0.3f, 1.0f, 7.0f, -0.8f, -7.0f}, dq[] = {1, 2, 3, 4, 5, 6};
    const lb_weight_setting setting = {.bits = 2, .options = {1.0f}};
    const result r = apply("qnn", &setting, flat_group(6), w, NULL, dq);
    CHECK_CODES(r, 0, 1, 1, 1, -2, -2);
    CHECK_FLOATS(r.real, 0, 0.5, 0.5, 0.5, -1, -1);
    CHECK_FLOATS(r.dw, 1, 2, 3, 0, 5, 0);
}

/* RedBit Eq. 3: alpha = mean |w| = (0.5 + 0.25 + 0.75 + 0.5) / 4 = 0.5.
 * Backward, g = (1, 2, 3, 4): mean of g sign(w) = (1 - 2 + 3 - 4) / 4 = -0.5;
 * dw = 0.5 g + sign(w) (-0.5) = (0, 1.5, 1, 2.5). One input channel: nothing is centred. */
static void test_xnor(void **state)
{
    (void)state;
    const float w[] = {0.5f, -0.25f, 0.75f, -0.5f}, dq[] = {1, 2, 3, 4};
    const lb_weight_setting setting = {.bits = 1, .granularity = LB_PER_FILTER};
    const result r = apply("xnor", &setting, flat_group(4), w, NULL, dq);
    CHECK_CODES(r, 1, -1, 1, -1);
    CHECK_FLOATS(r.real, 0.5, -0.5, 0.5, -0.5);
    CHECK_FLOATS(r.dw, 0, 1.5, 1, 2.5);
}

/* Masters beyond 1, as they are before the next clipping: the direct part stops there, alpha's does not.
 * alpha = (2 + 0.5) / 2 = 1.25, g = (1, 3): mean of g sign(w) = (1 - 3) / 2 = -1; dw = -1, 3.75 + 1. */
static void test_xnor_window(void **state)
{
    (void)state;
    const lb_weight_quantizer *q = lb_weight_quantizer_find("xnor");
    const lb_weight_setting setting = {.bits = 1, .granularity = LB_PER_FILTER};
    const float w[] = {2.0f, -0.5f}, dq[] = {1.0f, 3.0f};
    lb_weight_statistics s = {0};
    int16_t code[2];
    float dw[2];
    q->statistics(&setting, flat_group(2), w, NULL, &s);
    q->encode(&setting, flat_group(2), &s, w, NULL, code);
    q->backward(&setting, flat_group(2), &s, w, code, dq, dw, NULL);
    CHECK_FLOATS(dw, -1, 4.75);
}

/* Two channels of two taps: the means over channels are (0.5, -0.5), so the weights become
 * (1.5, -0.5 | -1.5, 0.5), clipped to (1, -0.5 | -1, 0.5). */
static void test_xnor_centres_and_clips_the_masters(void **state)
{
    (void)state;
    const float w[] = {2.0f, -1.0f, -1.0f, 0.0f};
    const lb_weight_setting setting = {.bits = 1, .granularity = LB_PER_FILTER};
    const lb_weight_group group = {.n = 4, .filters = 1, .channels = 2, .taps = 2};
    const result r = apply("xnor", &setting, group, w, NULL, NULL);
    CHECK_FLOATS(r.w, 1, -0.5, -1, 0.5);
    CHECK_FLOATS(&r.s.scale, 0.75);
}

/* Fully connected: over all inputs, mean (1 + 2 + 3) / 3 = 2, so -1, 0, 1. Two filters a group. */
static void test_xnor_centres_each_filter(void **state)
{
    (void)state;
    const float w[] = {1.0f, 2.0f, 3.0f, -0.5f, 0.25f, 0.25f};
    const lb_weight_setting setting = {.bits = 1};
    const lb_weight_group group = {.n = 6, .filters = 2, .channels = 3, .taps = 1};
    const result r = apply("xnor", &setting, group, w, NULL, NULL);
    CHECK_FLOATS(r.w, -1, 0, 1, -0.5, 0.25, 0.25);
    CHECK_FLOATS(&r.s.scale, 0.5); /* (1 + 0 + 1 + 1/2 + 1/4 + 1/4) / 6 */
}

/* 19 taps: more than one block of the loop over kernel positions. */
static void test_xnor_centres_large_kernels(void **state)
{
    (void)state;
    enum { TAPS = 19, CHANNELS = 2 };
    const lb_weight_quantizer *q = lb_weight_quantizer_find("xnor");
    const lb_weight_setting setting = {.bits = 1, .granularity = LB_PER_FILTER};
    const lb_weight_group group = {
        .n = TAPS * CHANNELS, .filters = 1, .channels = CHANNELS, .taps = TAPS};
    float w[TAPS * CHANNELS];
    for (int t = 0; t < TAPS; t++) {
        w[t] = (float)t / 32.0f;        /* centred: (t/32 + t/16) / 2 = 3t/64, so -t/64 */
        w[TAPS + t] = (float)t / 16.0f; /* and +t/64 */
    }
    q->prepare(&setting, group, w);
    for (int t = 0; t < TAPS; t++) {
        assert_float_equal(w[t], -(float)t / 64.0f, 0.0f);
        assert_float_equal(w[TAPS + t], (float)t / 64.0f, 0.0f);
    }
}

/* The authors' code multiplies by n (1 - 1/I) = 4 (1 - 1/2) = 2: twice test_xnor's way of
 * reckoning. Masters 0.5, -0.25 | -0.5, 0.25 are centred already; alpha = 0.375, mean of g sign(w)
 * = (1 - 2 - 3 + 4) / 4 = 0. */
static void test_xnor_code_gradient(void **state)
{
    (void)state;
    const float w[] = {0.5f, -0.25f, -0.5f, 0.25f}, dq[] = {1, 2, 3, 4};
    const lb_weight_setting setting = {.bits = 1, .granularity = LB_PER_FILTER, .options = {1.0f}};
    const lb_weight_group group = {.n = 4, .filters = 1, .channels = 2, .taps = 2};
    const result r = apply("xnor", &setting, group, w, NULL, dq);
    CHECK_FLOATS(r.dw, 0.75, 1.5, 2.25, 3.0);
}

/* Kutukcu Eq. 3-6: E = (0.5 + 0.25 + 0.75 + 0.5) / 4 = 0.5; straight-through, also beyond 1. */
static void test_dorefa_one_bit(void **state)
{
    (void)state;
    const float w[] = {0.5f, -0.25f, 0.75f, -0.5f}, dq[] = {1, 2, 3, 4};
    const lb_weight_setting setting = {.bits = 1};
    const result r = apply("dorefa", &setting, flat_group(4), w, NULL, dq);
    CHECK_CODES(r, 1, -1, 1, -1);
    CHECK_FLOATS(r.real, 0.5, -0.5, 0.5, -0.5);
    CHECK_FLOATS(r.dw, 1, 2, 3, 4);
}

/* Kutukcu Eq. 3-8, two bits: x = tanh(w) / (2 max) + 1/2, j = round(3 x), code = 2 j - 3, scale
 * 1/3. Weights are atanh of 0.8, 0.4, 0, -0.2, -0.8, max tanh = 0.8:
 * x = 1, 0.75, 0.5, 0.375, 0;  3 x = 3, 2.25, 1.5, 1.125, 0;  j = 3, 2, 2 (even), 1, 0.
 * dw = g (1 - tanh^2) / 0.8 = (0.36, 0.84, 1, 0.96, 0.36) / 0.8. */
static void test_dorefa_two_bits(void **state)
{
    (void)state;
    const float w[] = {1.09861229f, 0.423648930f, 0.0f, -0.202732554f, -1.09861229f};
    const float dq[] = {1, 1, 1, 1, 1};
    const lb_weight_setting setting = {.bits = 2};
    const result r = apply("dorefa", &setting, flat_group(5), w, NULL, dq);
    CHECK_CODES(r, 3, 1, 1, -1, -3);
    CHECK_FLOATS(r.real, 1, 1.0 / 3, 1.0 / 3, -1.0 / 3, -1);
    const double wanted[] = {0.45, 1.05, 1.25, 1.2, 0.45};
    for (size_t i = 0; i < 5;
         i++) /* tanh's error 5e-7, doubled by squaring, against 1 - tanh^2 >= 0.36 */
        assert_true(fabs((double)r.dw[i] - wanted[i]) <= 4e-6 * wanted[i]);
}

/* Eight bits: codes up to 255 in steps of 2, scale 1/255. Weights atanh(0.5), atanh(0.25), max 0.5:
 * x = 1, 0.75; 255 x = 255, 191.25; j = 255, 191; codes 255, 127. */
static void test_dorefa_eight_bits(void **state)
{
    (void)state;
    const float w[] = {0.549306144f, 0.255412812f, -0.549306144f};
    const lb_weight_setting setting = {.bits = 8};
    const result r = apply("dorefa", &setting, flat_group(3), w, NULL, NULL);
    CHECK_CODES(r, 255, 127, -255);
    CHECK_FLOATS(r.real, 1, 127.0 / 255, -1);
}

/* RedBit Eq. 4, Kutukcu Eq. 3-13: mean |w| = (1 + 0.5 + 0.25 + 0.25) / 4 = 0.5, D = 0.35; beyond it
 * 1 and 0.5: alpha = 0.75. */
static void test_twn(void **state)
{
    (void)state;
    const float w[] = {1.0f, -0.5f, 0.25f, -0.25f}, dq[] = {1, 2, 3, 4};
    const lb_weight_setting setting = {.bits = 2, .granularity = LB_PER_FILTER};
    const result r = apply("twn", &setting, flat_group(4), w, NULL, dq);
    CHECK_CODES(r, 1, -1, 0, 0);
    CHECK_FLOATS(r.real, 0.75, -0.75, 0, 0);
    CHECK_FLOATS(r.dw, 1, 2, 3, 4);
}

/* The threshold itself is no +1: with one weight 0.7 of ten ... the mean is 1, D = 0.7f, and 0.7f
 * is not above it. */
static void test_twn_threshold_does_not_count(void **state)
{
    (void)state;
    const float w[] = {0.7f, 1.3f, -0.7f, -1.3f};
    const lb_weight_setting setting = {.bits = 2};
    const result r = apply("twn", &setting, flat_group(4), w, NULL, NULL);
    CHECK_CODES(r, 0, 1, 0, -1);
    CHECK_FLOATS(&r.s.scale, 1.3);
}

/* D = 0.05 * 2 = 0.1, not counted. wp = 0.5, wn = 0.25; g = (1, 2, 4, 8, 16):
 * dwp = g over +1: 1 + 4 = 5; dwn = -(g over -1) = -(2 + 16) = -18; dw = g times 0.5, 0.25 or 1. */
static void test_ttq(void **state)
{
    (void)state;
    const float w[] = {2.0f, -1.0f, 0.11f, 0.1f, -0.11f}, dq[] = {1, 2, 4, 8, 16};
    const float learned[] = {0.5f, 0.25f};
    const lb_weight_setting setting = {.bits = 2};
    const result r = apply("ttq", &setting, flat_group(5), w, learned, dq);
    CHECK_CODES(r, 1, -1, 1, 0, -1);
    CHECK_FLOATS(r.real, 0.5, -0.25, 0.5, 0, -0.25);
    CHECK_FLOATS(r.dw, 0.5, 0.5, 2, 8, 4);
    CHECK_FLOATS(r.dlearned, 5, -18);
}

static void test_ttq_scales_start_at_one(void **state)
{
    (void)state;
    const lb_weight_quantizer *q = lb_weight_quantizer_find("ttq");
    const lb_weight_setting setting = {.bits = 2};
    const float w[] = {1.0f};
    float learned[2] = {0.0f, 0.0f};
    q->init_learned(&setting, flat_group(1), w, learned);
    CHECK_FLOATS(learned, 1, 1);
}

/* Two filters of 2 x 2, a scale a row: D = 0.05 * 2 = 0.1 counts, 0 and 0.05 are below. alpha = 0.5, 0.25;
 * g = (1, 2, 4, ... 128): dalpha = 1 - 2 and 4 - 8 - 64 + 128; dw = alpha g. */
static void test_syq_ternary_rows(void **state)
{
    (void)state;
    const float w[] = {2.0f, -1.0f, 0.1f, -0.1f, 0.05f, 0.0f, -0.2f, 1.0f};
    const float dq[] = {1, 2, 4, 8, 16, 32, 64, 128}, learned[] = {0.5f, 0.25f};
    const lb_weight_setting setting = {.bits = 2, .granularity = LB_PER_ROW};
    const lb_weight_group group = {.n = 8, .filters = 2, .channels = 1, .taps = 4, .scales = 2};
    const result r = apply("syq", &setting, group, w, learned, dq);
    CHECK_CODES(r, 1, -1, 1, -1, 0, 0, -1, 1);
    CHECK_FLOATS(r.real, 0.5, -0.5, 0.25, -0.25, 0, 0, -0.25, 0.25);
    CHECK_FLOATS(r.dw, 0.5, 1, 1, 2, 8, 16, 16, 32);
    CHECK_FLOATS(r.dlearned, -1, 60);
}

/* The same weights, binary, a scale a position; 0 becomes +1. */
static void test_syq_binary_pixels(void **state)
{
    (void)state;
    const float w[] = {2.0f, -1.0f, 0.1f, -0.1f, 0.05f, 0.0f, -0.2f, 1.0f};
    const float dq[] = {1, 2, 4, 8, 16, 32, 64, 128}, learned[] = {0.5f, 0.25f, 1.0f, 2.0f};
    const lb_weight_setting setting = {.bits = 1, .granularity = LB_PER_PIXEL};
    const lb_weight_group group = {.n = 8, .filters = 2, .channels = 1, .taps = 4, .scales = 4};
    const result r = apply("syq", &setting, group, w, learned, dq);
    CHECK_CODES(r, 1, -1, 1, -1, 1, 1, -1, 1);
    CHECK_FLOATS(r.real, 0.5, -0.25, 1, -2, 0.5, 0.25, -1, 2);
    CHECK_FLOATS(r.dw, 0.5, 0.5, 4, 16, 8, 8, 64, 256);
    CHECK_FLOATS(r.dlearned, 17, 30, -60, 120);
}

/* mean |w| of their weights, whatever the width. */
static void test_syq_scales_start_at_the_mean(void **state)
{
    (void)state;
    const lb_weight_quantizer *q = lb_weight_quantizer_find("syq");
    const float w[] = {2.0f, -1.0f, 0.1f, -0.1f, 0.05f, 0.0f, -0.2f, 1.0f};
    const lb_weight_setting setting = {.bits = 1, .granularity = LB_PER_PIXEL};
    lb_weight_group group = {.n = 8, .filters = 2, .channels = 1, .taps = 4, .scales = 1};
    float learned[4];
    q->init_learned(&setting, group, w, learned);
    CHECK_FLOATS(learned, 0.55625);
    group.scales = 2;
    q->init_learned(&setting, group, w, learned);
    CHECK_FLOATS(learned, 0.7625, 0.35);
    group.scales = 4;
    q->init_learned(&setting, group, w, learned);
    CHECK_FLOATS(learned, 1.025, 0.5, 0.15, 0.55);
}

/* rms 0.5, so d = 2: x = w/2. Two bits: j = floor(2x) in -2..1, code 2j + 1, scale 1/2. A weight on a level's
 * edge belongs to the level above; |w| = d is inside the clip. */
static void test_uniform(void **state)
{
    (void)state;
    const float w[] = {0.1f, -0.1f, 0.99f, -0.7f, 0.0f, 0.5f, -0.5f, 0.0994987f};
    const float dq[] = {1, 2, 3, 4, 5, 6, 7, 8};
    lb_weight_setting setting = {.bits = 2};
    result r = apply("uniform", &setting, flat_group(8), w, NULL, dq);
    assert_float_equal(r.s.scale, 0.5f, 1e-6f);
    CHECK_CODES(r, 1, -1, 1, -1, 1, 1, -1, 1);
    CHECK_FLOATS(r.dw, 1, 2, 3, 4, 5, 6, 7, 8);
    setting.bits = 1;
    r = apply("uniform", &setting, flat_group(8), w, NULL, dq);
    assert_float_equal(r.s.scale, 1.0f, 1e-6f);
    CHECK_CODES(r, 1, -1, 1, -1, 1, 1, -1, 1);
    /* max |w| = 1: three bits, j = floor(4w) */
    const float v[] = {1.0f, -1.0f, 0.25f, 0.249f, -0.25f, -0.251f, 0.74f, -0.74f};
    setting = (lb_weight_setting){.bits = 3, .options = {1.0f}};
    r = apply("uniform", &setting, flat_group(8), v, NULL, dq);
    assert_float_equal(r.s.scale, 0.125f, 0.0f);
    CHECK_CODES(r, 7, -7, 3, 1, -1, -3, 5, -5);
    CHECK_FLOATS(r.dw, 1, 2, 3, 4, 5, 6, 7, 8);
    /* seventeen weights, one of them beyond 4 rms: d = 4 sqrt(100 / 17) = 9.7 */
    float u[17] = {10.0f};
    float ones[17], dw[17];
    int16_t code[17];
    lb_weight_statistics s = {0};
    for (size_t i = 0; i < 17; i++) ones[i] = 1.0f;
    const lb_weight_quantizer *q = lb_weight_quantizer_find("uniform");
    setting = (lb_weight_setting){.bits = 4};
    q->statistics(&setting, flat_group(17), u, NULL, &s);
    q->encode(&setting, flat_group(17), &s, u, NULL, code);
    q->backward(&setting, flat_group(17), &s, u, code, ones, dw, NULL);
    assert_true(code[0] == 15 && code[1] == 1 && dw[0] == 0.0f && dw[1] == 1.0f);
}

/* Thresholds count as 0; fully connected layers have their own where one is given. */
static void test_ternary(void **state)
{
    (void)state;
    const float w[] = {0.5f, 0.5001f, -0.5f, -0.75f, 0.0f, 1.0f}, dq[] = {1, 2, 3, 4, 5, 6};
    lb_weight_setting setting = {.bits = 2, .options = {0.5f, -1.0f, 0.4f}};
    result r = apply("ternary", &setting, flat_group(6), w, NULL, dq);
    CHECK_CODES(r, 0, 1, 0, -1, 0, 1);
    CHECK_FLOATS(r.real, 0, 1, 0, -1, 0, 1);
    CHECK_FLOATS(r.dw, 1, 2, 3, 4, 5, 6);
    setting.fully_connected = true;
    r = apply("ternary", &setting, flat_group(6), w, NULL, dq);
    CHECK_CODES(r, 0, 1, 0, -1, 0, 1);
    setting.options[1] = 0.875f;
    r = apply("ternary", &setting, flat_group(6), w, NULL, dq);
    CHECK_CODES(r, 0, 0, 0, 0, 0, 1);
    setting.fully_connected = false;
    r = apply("ternary", &setting, flat_group(6), w, NULL, dq);
    CHECK_CODES(r, 0, 1, 0, -1, 0, 1);
}

/* From other weights: 40 % of ten codes are not 0, signs and order stay, nothing is beyond 1. The fifth
 * largest, 0.06, becomes the threshold 0.8; 0.09 becomes 0.09 / 0.06 * 0.8 = 1.2, clipped. */
static void test_ternary_adopts_weights(void **state)
{
    (void)state;
    const float w[] = {0.01f, -0.02f, 0.03f, -0.04f, 0.05f, -0.06f, 0.07f, -0.072f, 0.09f, -0.1f};
    const lb_weight_quantizer *q = lb_weight_quantizer_find("ternary");
    lb_weight_setting setting = {.bits = 2, .options = {0.8f, -1.0f, 0.4f}};
    float adopted[10];
    memcpy(adopted, w, sizeof w);
    q->adopt(&setting, flat_group(10), adopted);
    const result r = apply("ternary", &setting, flat_group(10), adopted, NULL, NULL);
    CHECK_CODES(r, 0, 0, 0, 0, 0, 0, 1, -1, 1, -1);
    const double wanted[] = {0.4 / 3, -0.8 / 3, 0.4,   -1.6 / 3, 2.0 / 3,
                             -0.8,    2.8 / 3,  -0.96, 1,        -1};
    for (size_t i = 0; i < 10; i++) {
        if (fabs((double)adopted[i] - wanted[i]) > 1e-6)
            fail_msg("%g becomes %g, wanted %g", (double)w[i], (double)adopted[i], wanted[i]);
    }
    setting.options[2] = 0.0f;
    memcpy(adopted, w, sizeof w);
    q->adopt(&setting, flat_group(10), adopted);
    assert_memory_equal(adopted, w, sizeof w);
    const float zeros[10] = {0.0f};
    setting.options[2] = 0.4f;
    memcpy(adopted, zeros, sizeof zeros);
    q->adopt(&setting, flat_group(10), adopted);
    assert_memory_equal(adopted, zeros, sizeof zeros);
}

/* Three bits, s = 0.5, Qn = 4, Qp = 3, n = 6: gradient scale 1 / sqrt(18). r = round(x) - x inside;
 * exactly Qp counts as clipped; ties go to the even code. */
static void test_lsq(void **state)
{
    (void)state;
    const float w[] = {0.15f, 0.4f, 1.5f, -9.0f, -0.75f, -2.0f}, step = 0.5f;
    const float dq[] = {1.0f, 2.0f, 4.0f, 8.0f, 16.0f, 32.0f};
    const lb_weight_setting setting = {.bits = 3};
    const result r = apply("lsq", &setting, flat_group(6), w, &step, dq);
    CHECK_CODES(r, 0, 1, 3, -4, -2, -4);
    CHECK_FLOATS(r.real, 0, 0.5, 1.5, -2, -1, -2);
    CHECK_FLOATS(r.dw, 1, 2, 0, 0, 16, 0);
    /* -0.3, 2 * 0.2, 4 * 3, 8 * -4, 16 * (-2 + 1.5), 32 * -4 */
    assert_float_equal(r.dlearned[0], (float)(-155.9 / sqrt(18.0)), 1e-5f);
}

/* Start: 2 mean|w| / sqrt(Qp); of zeros 1. */
static void test_lsq_start(void **state)
{
    (void)state;
    const float w[] = {0.5f, -1.0f, 0.0f, 2.5f}, zeros[4] = {0.0f};
    const lb_weight_quantizer *q = lb_weight_quantizer_find("lsq");
    const lb_weight_setting setting = {.bits = 3};
    float learned = 0.0f;
    q->init_learned(&setting, flat_group(4), w, &learned);
    assert_float_equal(learned, (float)(2.0 / sqrt(3.0)), 1e-7f);
    q->init_learned(&setting, flat_group(4), zeros, &learned);
    assert_float_equal(learned, 1.0f, 0.0f);
}

/* Half a level goes to 0 (ties to even), as a zero does; binary has no zero. The scale takes no gradient. */
static void test_rpr(void **state)
{
    (void)state;
    const float w[] = {0.5f, 0.75f, -0.5f, -0.625f, 0.0f, 3.0f}, s[] = {0.25f};
    const float dq[] = {1.0f, 2.0f, -3.0f, 4.0f, 5.0f, 6.0f};
    lb_weight_setting setting = {.bits = 2, .granularity = LB_PER_FILTER};
    result r = apply("rpr", &setting, flat_group(6), w, s, dq);
    CHECK_CODES(r, 0, 1, 0, -1, 0, 1);
    CHECK_FLOATS(r.real, 0.0, 0.25, 0.0, -0.25, 0.0, 0.25);
    CHECK_FLOATS(r.dw, 0.25, 0.5, -0.75, 1.0, 1.25, 1.5);
    assert_true(r.dlearned[0] == 0.0f);
    setting.bits = 1;
    r = apply("rpr", &setting, flat_group(6), w, s, dq);
    CHECK_CODES(r, 1, 1, -1, -1, 1, 1);
    CHECK_FLOATS(r.dw, 0.25, 0.5, -0.75, 1.0, 1.25, 1.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bc),
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_ternary),
        cmocka_unit_test(test_ternary_adopts_weights),
        cmocka_unit_test(test_lsq),
        cmocka_unit_test(test_lsq_start),
        cmocka_unit_test(test_bc_scaled),
        cmocka_unit_test(test_rpr),
        cmocka_unit_test(test_bc_stochastic),
        cmocka_unit_test(test_bc_stochastic_without_draws),
        cmocka_unit_test(test_bc_stochastic_draws_once_a_weight),
        cmocka_unit_test(test_qnn_one_bit_is_sign),
        cmocka_unit_test(test_qnn_three_bits),
        cmocka_unit_test(test_qnn_fixed_range),
        cmocka_unit_test(test_xnor),
        cmocka_unit_test(test_xnor_window),
        cmocka_unit_test(test_xnor_centres_and_clips_the_masters),
        cmocka_unit_test(test_xnor_centres_each_filter),
        cmocka_unit_test(test_xnor_centres_large_kernels),
        cmocka_unit_test(test_xnor_code_gradient),
        cmocka_unit_test(test_dorefa_one_bit),
        cmocka_unit_test(test_dorefa_two_bits),
        cmocka_unit_test(test_dorefa_eight_bits),
        cmocka_unit_test(test_twn),
        cmocka_unit_test(test_twn_threshold_does_not_count),
        cmocka_unit_test(test_ttq),
        cmocka_unit_test(test_ttq_scales_start_at_one),
        cmocka_unit_test(test_syq_ternary_rows),
        cmocka_unit_test(test_syq_binary_pixels),
        cmocka_unit_test(test_syq_scales_start_at_the_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
