/* Conformance: every registered weight quantizer at every width and granularity, on ordinary and on
 * degenerate weights. */
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "quant/method.h"
#include "support/quantizer_settings.h"

enum { FILTERS = 3, CHANNELS = 5, ROWS = 3, TAPS = 9, N = FILTERS * CHANNELS * TAPS, INPUTS = 8 };
enum { MOST_LEARNED = TAPS };

/* One quantizer at one setting, applied to one group. */
typedef struct bench {
    const lb_weight_quantizer *q;
    lb_weight_setting setting;
    lb_weight_group group;
    float learned[MOST_LEARNED];
    lb_weight_statistics s;
    float w[N];
    int16_t code[N];
} bench;

typedef void visit(bench *b, const char *what);

static float real_of(const bench *b, size_t i)
{
    return lb_test_weight_value(b->group, &b->s, b->code, i);
}

static void encode(bench *b, const float *w)
{
    lb_random random = lb_random_at(1, LB_RANDOM_TEST, 0, 0);
    b->s = (lb_weight_statistics){0};
    b->q->statistics(&b->setting, b->group, w, b->q->n_learned ? b->learned : NULL, &b->s);
    b->q->encode(&b->setting, b->group, &b->s, w, b->q->stochastic ? &random : NULL, b->code);
}

static void quantize(bench *b)
{
    if (b->q->init_learned) b->q->init_learned(&b->setting, b->group, b->w, b->learned);
    if (b->q->prepare) b->q->prepare(&b->setting, b->group, b->w);
    encode(b, b->w);
}

/* All settings of the options, in convolutions and in fully connected layers. */
static void for_each_option(lb_weight_setting setting, const lb_weight_quantizer *q,
                            void (*fill)(float *w, size_t n), visit *f)
{
    static const char *const names[LB_GRANULARITIES] = {"layer", "filter", "row", "pixel"};
    static const size_t scales[LB_GRANULARITIES] = {1, 1, ROWS, TAPS};
    const size_t filters = setting.granularity == LB_PER_FILTER ? 1 : FILTERS;
    for (size_t at = 0; lb_test_option_setting(q->options, at, setting.options); at++) {
        for (int linear = 0; linear < 2; linear++) {
            static bench b;
            setting.fully_connected = linear == 1;
            b = (bench){.q = q,
                        .setting = setting,
                        .group = {filters * CHANNELS * TAPS, filters, CHANNELS, TAPS,
                                  scales[setting.granularity]}};
            fill(b.w, b.group.n);
            char what[128];
            (void)snprintf(what, sizeof what, "%s, %d bits, per %s, option setting %zu%s", q->name,
                           setting.bits, names[setting.granularity], at,
                           linear ? ", fully connected" : "");
            f(&b, what);
        }
    }
}

/* Call `f` for each quantizer, width, granularity and setting of the options with a fresh bench
 * whose weights `fill` made. */
static void for_each(void (*fill)(float *w, size_t n), visit *f)
{
    for (size_t m = 0; lb_weight_quantizers[m]; m++) {
        const lb_weight_quantizer *q = lb_weight_quantizers[m];
        for (int bits = q->bits_min; bits <= q->bits_max; bits++) {
            for (int g = 0; g < LB_GRANULARITIES; g++) {
                const lb_weight_setting setting = {.bits = bits, .granularity = (lb_granularity)g};
                if (q->granularities >> g & 1u) for_each_option(setting, q, fill, f);
            }
        }
    }
}

/* Uniform in (-1.5, 1.5): some weights lie outside the windows. */
static void fill_uniform(float *w, size_t n)
{
    lb_random random = lb_random_at(7, LB_RANDOM_TEST, n, 0);
    for (size_t i = 0; i < n; i++) w[i] = 3.0f * lb_random_uniform(&random) - 1.5f;
}

static void fill_zero(float *w, size_t n)
{
    memset(w, 0, n * sizeof *w);
}

static void fill_equal(float *w, size_t n)
{
    for (size_t i = 0; i < n; i++) w[i] = 0.25f;
}

static void fill_nan(float *w, size_t n)
{
    fill_uniform(w, n);
    w[n / 2] = NAN;
}

static void fill_tiny(float *w, size_t n)
{
    fill_uniform(w, n);
    for (size_t i = 0; i < n; i++) w[i] *= 1e-30f;
}

static void fill_huge(float *w, size_t n)
{
    fill_uniform(w, n);
    for (size_t i = 0; i < n; i++) w[i] *= 1e30f;
}

/* ---- codes ----------------------------------------------------------------------------------- */

static void check_codes(bench *b, const char *what)
{
    quantize(b);
    const int largest = b->q->max_code(&b->setting);
    for (size_t i = 0; i < b->group.n; i++) {
        const int code = b->code[i];
        if (code < -largest || code > largest)
            fail_msg("%s: code %d of w=%g, wanted |code| <= %d", what, code, (double)b->w[i],
                     largest);
        if (b->q->odd_grid && code % 2 == 0)
            fail_msg("%s: code %d of w=%g is even", what, code, (double)b->w[i]);
        if (b->q->ternary && (code < -1 || code > 1)) fail_msg("%s: ternary code %d", what, code);
    }
}

static void test_codes_are_on_the_grid(void **state)
{
    (void)state;
    for_each(fill_uniform, check_codes);
    for_each(fill_zero, check_codes);
    for_each(fill_equal, check_codes);
    for_each(fill_nan, check_codes);
    for_each(fill_tiny, check_codes);
    for_each(fill_huge, check_codes);
}

static void check_largest_code_occurs(bench *b, const char *what)
{
    b->w[0] = -1.5f;
    b->learned[0] = b->learned[1] = 0x1p-8f; /* a learned step has no size of its own */
    if (strcmp(b->q->name, "uniform") == 0) b->setting.options[0] = 1.0f; /* 4 rms is farther */
    encode(b, b->w);
    const int largest = b->q->max_code(&b->setting);
    bool found = false;
    for (size_t i = 0; i < b->group.n; i++) found = found || b->code[i] == -largest;
    if (!found) fail_msg("%s: code -%d never occurs, so max_code is too large", what, largest);
}

static void test_max_code_is_reached(void **state)
{
    (void)state;
    for_each(fill_uniform, check_largest_code_occurs);
}

/* ---- scales ---------------------------------------------------------------------------------- */

static bool learns(const bench *b)
{
    return b->q->n_learned > 0;
}

/* Does the scale come from the weights? Then nothing to scale makes it 0. */
static bool scale_follows_weights(const bench *b)
{
    const char *const constant[] = {"bc", "bc-stochastic", "bc-scaled", "ternary"};
    for (size_t i = 0; i < sizeof constant / sizeof *constant; i++) {
        if (strcmp(b->q->name, constant[i]) == 0) return false;
    }
    const bool fixed = b->setting.bits == 1 || b->setting.options[0] != 0.0f; /* of qnn */
    return !learns(b) && !(strcmp(b->q->name, "qnn") == 0 && fixed);
}

static void check_nothing_to_scale(bench *b, const char *what)
{
    quantize(b);
    if (scale_follows_weights(b) && (b->s.scale != 0.0f || b->s.scale_negative != 0.0f))
        fail_msg("%s: scale %g of zero weights, wanted 0", what, (double)b->s.scale);
    for (size_t i = 0; i < b->group.n; i++) {
        const bool ternary = lb_weights_are_ternary(b->q, &b->setting);
        if (ternary && b->code[i] != 0) fail_msg("%s: code %d of 0", what, b->code[i]);
        const bool sign = b->q->max_code(&b->setting) == 1 && !ternary && !b->q->stochastic;
        if (sign && b->code[i] != 1) fail_msg("%s: sign of 0 is %d, wanted +1", what, b->code[i]);
        if (isnan(real_of(b, i))) fail_msg("%s: a NaN comes of zero weights", what);
    }
    float dq[N], dw[N], dlearned[MOST_LEARNED] = {0};
    for (size_t i = 0; i < N; i++) dq[i] = 1.0f;
    b->q->backward(&b->setting, b->group, &b->s, b->w, b->code, dq, dw, dlearned);
    for (size_t i = 0; i < b->group.n; i++) {
        if (!isfinite(dw[i])) fail_msg("%s: gradient %g at zero weights", what, (double)dw[i]);
    }
}

static void test_zero_weights_give_no_nan(void **state)
{
    (void)state;
    for_each(fill_zero, check_nothing_to_scale);
}

static void check_finite(bench *b, const char *what)
{
    quantize(b);
    if (!isfinite(b->s.scale) || b->s.scale < 0.0f || !isfinite(b->s.scale_negative))
        fail_msg("%s: scale %g", what, (double)b->s.scale);
    for (size_t i = 0; i < b->group.n; i++) {
        if (!isfinite(real_of(b, i))) fail_msg("%s: weight %g", what, (double)real_of(b, i));
    }
}

static void test_scales_are_finite(void **state)
{
    (void)state;
    for_each(fill_uniform, check_finite);
    for_each(fill_equal, check_finite);
    for_each(fill_tiny, check_finite);
    for_each(fill_huge, check_finite);
}

/* A group of one weight: the smallest there is. */
static void check_one_weight(bench *b, const char *what)
{
    b->group = (lb_weight_group){1, 1, 1, 1, 1};
    for (int negative = 0; negative < 2; negative++) {
        b->w[0] = negative ? -0.5f : 0.5f;
        quantize(b);
        if (!isfinite(real_of(b, 0)))
            fail_msg("%s: one weight gives %g", what, (double)real_of(b, 0));
        if (b->q->stochastic) continue;
        /* half a step; the threshold itself */
        const bool to_zero = strcmp(b->q->name, "lsq") == 0 || strcmp(b->q->name, "ternary") == 0 ||
                             strcmp(b->q->name, "rpr") == 0;
        if (!(to_zero && real_of(b, 0) == 0.0f) && (real_of(b, 0) < 0.0f) != (negative == 1))
            fail_msg("%s: %g becomes %g", what, (double)b->w[0], (double)real_of(b, 0));
    }
}

static void test_one_weight_keeps_its_sign(void **state)
{
    (void)state;
    for_each(fill_zero, check_one_weight);
}

/* ---- maps ------------------------------------------------------------------------------------ */

/* Larger weights never get smaller codes. */
static void check_monotone(bench *b, const char *what)
{
    quantize(b);
    if (b->q->stochastic) return;
    for (size_t i = 0; i < b->group.n; i++) {
        for (size_t j = 0; j < b->group.n; j++) {
            if (b->w[i] < b->w[j] && b->code[i] > b->code[j])
                fail_msg("%s: codes %d, %d of %g, %g", what, b->code[i], b->code[j],
                         (double)b->w[i], (double)b->w[j]);
        }
    }
}

static void test_codes_rise_with_weights(void **state)
{
    (void)state;
    for_each(fill_uniform, check_monotone);
}

/* sign(W) and the ternary maps reproduce what they made; qnn does with a fixed range. The others
 * rescale. */
static bool is_idempotent(const bench *b)
{
    if (b->q->stochastic) return false;
    return b->q->max_code(&b->setting) == 1;
}

static void check_idempotent(bench *b, const char *what)
{
    const bool fixed = strcmp(b->q->name, "qnn") == 0;
    if (fixed) b->setting.options[0] = 1.0f;
    quantize(b);
    if (!fixed && !is_idempotent(b)) return;
    float real[N];
    int16_t code[N];
    for (size_t i = 0; i < b->group.n; i++) real[i] = real_of(b, i);
    memcpy(code, b->code, sizeof code);
    encode(b, real);
    for (size_t i = 0; i < b->group.n; i++) {
        if (b->code[i] != code[i])
            fail_msg("%s: %g has code %d, its value %g has %d", what, (double)b->w[i], code[i],
                     (double)real[i], b->code[i]);
    }
}

static void test_encoding_is_idempotent_where_claimed(void **state)
{
    (void)state;
    for_each(fill_uniform, check_idempotent);
}

/* -w has the codes -code(w), but for ties and for two's complement's extra code. */
static void check_odd_symmetry(bench *b, const char *what)
{
    const bool twos_complement = strcmp(b->q->name, "qnn") == 0 || strcmp(b->q->name, "lsq") == 0;
    if (b->q->stochastic || twos_complement) return;
    quantize(b);
    int16_t code[N];
    memcpy(code, b->code, sizeof code);
    float negated[N];
    for (size_t i = 0; i < b->group.n; i++) negated[i] = -b->w[i];
    encode(b, negated);
    for (size_t i = 0; i < b->group.n; i++) {
        if (b->code[i] != -code[i])
            fail_msg("%s: codes %d and %d of -w and w=%g", what, b->code[i], code[i],
                     (double)b->w[i]);
    }
}

static void test_maps_are_odd(void **state)
{
    (void)state;
    for_each(fill_uniform, check_odd_symmetry);
}

/* ---- backward -------------------------------------------------------------------------------- */

static void check_backward(bench *b, const char *what)
{
    quantize(b);
    float dq[N] = {0}, dw[N], dlearned[MOST_LEARNED] = {3.0f, 5.0f};
    for (size_t i = 0; i < N; i++) dw[i] = NAN;
    b->q->backward(&b->setting, b->group, &b->s, b->w, b->code, dq, dw, dlearned);
    for (size_t i = 0; i < b->group.n; i++) {
        if (dw[i] != 0.0f) fail_msg("%s: gradient %g where none comes in", what, (double)dw[i]);
    }
    if (dlearned[0] != 3.0f || dlearned[1] != 5.0f)
        fail_msg("%s: dlearned is overwritten, wanted: added to", what);
}

static void test_backward_writes_all_and_adds_to_learned(void **state)
{
    (void)state;
    for_each(fill_uniform, check_backward);
}

/* ---- descriptions ---------------------------------------------------------------------------- */

static void test_descriptions_are_complete(void **state)
{
    (void)state;
    assert_non_null(lb_weight_quantizers[0]);
    for (size_t m = 0; lb_weight_quantizers[m]; m++) {
        const lb_weight_quantizer *q = lb_weight_quantizers[m];
        assert_true(strlen(q->name) > 0 && strlen(q->summary) > 0 && strlen(q->source) > 0);
        assert_ptr_equal(lb_weight_quantizer_find(q->name), q);
        assert_true(q->bits_min >= 1 && q->bits_max <= 8 && q->bits_min <= q->bits_max);
        assert_true(q->granularities >> q->granularity & 1u);
        assert_true(q->n_learned <= LB_MAX_LEARNED && (q->n_learned == 0) == !q->init_learned);
        if (q->ternary) assert_true(q->bits_max == 2);
        const unsigned by_position = 1u << LB_PER_ROW | 1u << LB_PER_PIXEL;
        if (q->granularities & by_position) /* scales are the learned ones, equal for both signs */
            assert_true(q->n_learned == 1 && !q->asymmetric && !q->stochastic);
        for (size_t i = 0; q->options && q->options[i].name; i++) {
            assert_true(i < LB_MAX_QUANTIZER_OPTIONS);
            assert_true(q->options[i].min <= q->options[i].standard);
            assert_true(q->options[i].standard <= q->options[i].max);
        }
    }
    assert_null(lb_weight_quantizer_find("dorefa "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes_are_on_the_grid),
        cmocka_unit_test(test_max_code_is_reached),
        cmocka_unit_test(test_zero_weights_give_no_nan),
        cmocka_unit_test(test_scales_are_finite),
        cmocka_unit_test(test_one_weight_keeps_its_sign),
        cmocka_unit_test(test_codes_rise_with_weights),
        cmocka_unit_test(test_encoding_is_idempotent_where_claimed),
        cmocka_unit_test(test_maps_are_odd),
        cmocka_unit_test(test_backward_writes_all_and_adds_to_learned),
        cmocka_unit_test(test_descriptions_are_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
