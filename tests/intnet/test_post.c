/* Steps, thresholds and fixed point, worked by hand. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "intnet/post.h"
#include "support/plain_intnet.h"
#include "support/support.h"

enum { PIXELS = 3, CHANNELS = 2 };

/* Equal bits: a difference is a difference, whatever its size. */
static void same(const float *got, const float *wanted, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (memcmp(&got[i], &wanted[i], sizeof *got) == 0) continue;
        fail_msg("value %zu: got %.9g, wanted %.9g", i, (double)got[i], (double)wanted[i]);
    }
}

static void test_each_step_by_hand(void **state)
{
    (void)state;
    static const float x[] = {1.0f, -2.0f, 0.5f, 0.0f, -4.0f, 3.0f};
    static const float a[] = {2.0f, -1.0f}, b[] = {0.5f, 1.0f};
    static const float other[] = {1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 2.0f};
    static const struct {
        lb_step step;
        float wanted[PIXELS * CHANNELS];
    } cases[] = {
        {{.kind = LB_STEP_SCALE, .a = a}, {2.0f, 2.0f, 1.0f, -0.0f, -8.0f, -3.0f}},
        {{.kind = LB_STEP_BIAS, .a = a}, {3.0f, -3.0f, 2.5f, -1.0f, -2.0f, 2.0f}},
        {{.kind = LB_STEP_AFFINE, .a = a, .b = b}, {2.5f, 3.0f, 1.5f, 1.0f, -7.5f, -2.0f}},
        {{.kind = LB_STEP_RELU, .slope = 0.5f}, {0.5f, 0.0f, 0.25f, 0.0f, 0.0f, 1.5f}},
        {{.kind = LB_STEP_CLIP, .low = -1.0f, .high = 0.75f},
         {0.75f, -1.0f, 0.5f, 0.0f, -1.0f, 0.75f}},
        {{.kind = LB_STEP_ADD}, {2.0f, -1.0f, 1.5f, 1.0f, -3.0f, 5.0f}},
        {{.kind = LB_STEP_ENCODE,
          .encode = {.rounding = LB_ROUND_EVEN, .multiplier = 3.0f, .divisor = 1.0f, .high = 3.0f}},
         {3.0f, 0.0f, 2.0f, 0.0f, 0.0f, 3.0f}}, /* 0.5 * 3 = 1.5, a tie, goes to 2 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float y[PIXELS * CHANNELS];
        lb_step_run(&cases[i].step, PIXELS, CHANNELS, other, x, y);
        same(y, cases[i].wanted, PIXELS * CHANNELS);
        memcpy(y, x, sizeof y); /* in place */
        lb_step_run(&cases[i].step, PIXELS, CHANNELS, other, y, y);
        same(y, cases[i].wanted, PIXELS * CHANNELS);
    }
}

static void test_two_sums_a_channel(void **state)
{
    (void)state;
    static const float a[] = {0.5f, 2.0f, -0.25f, -1.0f}; /* [terms][channels] */
    const lb_step step = {.kind = LB_STEP_SCALE, .a = a};
    static const int32_t sums[] = {4,  3, 8, 1, /* pixel 0: first sums, second sums */
                                   -2, 0, 1, -5, 7, 7, 0, 0};
    static const float wanted[] = {0.0f, 5.0f, -1.25f, 5.0f, 3.5f, 14.0f};
    float y[PIXELS * CHANNELS], x[2 * PIXELS * CHANNELS];
    lb_step_scale_sums(&step, PIXELS, CHANNELS, 2, sums, y);
    same(y, wanted, PIXELS * CHANNELS);
    for (size_t i = 0; i < 2 * PIXELS * CHANNELS; i++) x[i] = (float)sums[i];
    lb_step_scale_floats(&step, PIXELS, CHANNELS, 2, x, y);
    same(y, wanted, PIXELS * CHANNELS);
    lb_step_scale_floats(&step, PIXELS, CHANNELS, 2, x, x); /* in place */
    same(x, wanted, PIXELS * CHANNELS);
}

/* Every product and sum is rounded by itself, whatever the number of channels and pixels. */
static void test_nothing_is_fused(void **state)
{
    (void)state;
    enum { MOST = 67 };
    float a[2 * MOST], b[MOST], x[2 * 5 * MOST], y[5 * MOST];
    int32_t sums[2 * 5 * MOST];
    lb_random r = lb_random_at(1, LB_RANDOM_TEST, 0, 0);
    for (size_t channels = 1; channels <= MOST; channels++) {
        for (size_t i = 0; i < 2 * channels; i++) a[i] = lb_random_normal(&r);
        for (size_t i = 0; i < channels; i++) b[i] = lb_random_normal(&r);
        for (size_t i = 0; i < 10 * channels; i++) {
            sums[i] = (int32_t)lb_random_below(&r, 1u << 31) - (1 << 30);
            x[i] = lb_random_normal(&r);
        }
        lb_step step = {.kind = LB_STEP_SCALE, .a = a, .b = b};
        lb_step_scale_sums(&step, 5, channels, 2, sums, y);
        for (size_t i = 0; i < 5 * channels; i++) {
            const size_t p = i / channels, c = i % channels;
            const int32_t *s = sums + 2 * p * channels + c;
            volatile float t = (float)s[0] * a[c], u = (float)s[channels] * a[channels + c];
            const float wanted = t + u;
            same(&y[i], &wanted, 1);
        }
        step.kind = LB_STEP_AFFINE;
        lb_step_run(&step, 5, channels, NULL, x, y);
        for (size_t i = 0; i < 5 * channels; i++) {
            volatile float t = x[i] * a[i % channels];
            const float wanted = t + b[i % channels];
            same(&y[i], &wanted, 1);
        }
    }
}

static void test_thresholds_count(void **state)
{
    (void)state;
    static const int16_t narrow[2][3] = {{-5, 0, 7}, {2, 2, 100}};
    static const int32_t wide[2][3] = {{-5, 0, 7}, {2, 2, 100}};
    static const uint8_t falls[1] = {2};
    static const struct {
        int32_t sum;
        uint8_t field[2];
    } cases[] = {{-100, {0, 3}}, {-6, {0, 3}}, {-5, {1, 3}}, {-1, {1, 3}}, {0, {2, 3}},
                 {2, {2, 1}},    {6, {2, 1}},  {7, {3, 1}},  {99, {3, 1}}, {100, {3, 0}}};
    const lb_thresholds forms[] = {{2, 2, narrow, falls}, {2, 4, wide, falls}};
    for (size_t f = 0; f < 2; f++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            for (size_t c = 0; c < 2; c++) {
                const lb_post post = {.kind = LB_POST_THRESHOLDS, .thresholds = forms[f]};
                assert_int_equal(lb_thresholds_field(&forms[f], c, cases[i].sum),
                                 cases[i].field[c]);
                assert_int_equal(lb_plain_field(&post, c, cases[i].sum), cases[i].field[c]);
            }
    assert_int_equal(lb_threshold_at(&forms[0], 1, 2), 100);
    assert_int_equal(lb_threshold_at(&forms[1], 0, 0), -5);
    assert_int_equal(lb_threshold_bytes(32766), 2); /* never: 32767 */
    assert_int_equal(lb_threshold_bytes(32767), 4);
}

static void test_fixed_point_rounds_down(void **state)
{
    (void)state;
    static const int32_t multiplier[] = {3, -3, INT32_MAX, INT32_MIN};
    static const int64_t offset[] = {0, 8, (int64_t)1 << 62, -((int64_t)1 << 62)};
    const lb_fixed_point f = {.bits = 4, .shift = 2, .multiplier = multiplier, .offset = offset};
    static const struct {
        size_t channel;
        int32_t sum;
        uint8_t field;
    } cases[] = {
        {0, 0, 0},           {0, 1, 0},         {0, 2, 1},
        {0, 20, 15},         {0, 21, 15}, /* 15.75 */
        {0, -1, 0},                       /* -0.75 is -1 rounded down, clamped to 0 */
        {1, 1, 1},           {1, 2, 0},         {1, 3, 0},
        {1, -17, 14},        {1, -18, 15},      {2, INT32_MAX, 15},
        {2, -INT32_MAX, 15}, {3, INT32_MAX, 0}, {3, -INT32_MAX, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint8_t got = lb_fixed_point_field(&f, cases[i].channel, cases[i].sum);
        if (got != cases[i].field) {
            fail_msg("case %zu: channel %zu, sum %d: got %d, wanted %d", i, cases[i].channel,
                     cases[i].sum, got, cases[i].field);
        }
    }
}

static void test_fields_and_values(void **state)
{
    (void)state;
    static const lb_code_grid grids[] = {{1, 1, -2}, {1, 0, 1},    {3, 0, 1},  {8, 0, 1},
                                         {2, -2, 1}, {8, -128, 1}, {2, -3, 2}, {8, -255, 2}};
    for (size_t g = 0; g < sizeof grids / sizeof *grids; g++) {
        const size_t n = (size_t)1 << grids[g].bits;
        float codes[256], values[256];
        uint8_t fields[256];
        for (size_t i = 0; i < n; i++) codes[i] = (float)(grids[g].offset + grids[g].step * (int)i);
        lb_codes_to_fields(grids[g], n, codes, fields);
        lb_fields_to_values(grids[g], 0.1f, n, fields, values);
        for (size_t i = 0; i < n; i++) {
            const float wanted = codes[i] * 0.1f;
            assert_int_equal(fields[i], i);
            same(&values[i], &wanted, 1);
        }
    }
}

static void test_grids_of_maps(void **state)
{
    (void)state;
    static const struct {
        lb_rounding rounding;
        float low, high;
        lb_code_grid wanted;
    } cases[] = {
        {LB_ROUND_SIGN, -1.0f, 1.0f, {1, 1, -2}},       {LB_ROUND_STEP, 0.0f, 1.0f, {1, 0, 1}},
        {LB_ROUND_EVEN, 0.0f, 1.0f, {1, 0, 1}},         {LB_ROUND_EVEN, 0.0f, 3.0f, {2, 0, 1}},
        {LB_ROUND_EVEN, 0.0f, 4.0f, {3, 0, 1}},         {LB_ROUND_EVEN, 0.0f, 255.0f, {8, 0, 1}},
        {LB_ROUND_EVEN, -2.0f, 1.0f, {2, -2, 1}},       {LB_ROUND_EVEN, -1.0f, 1.0f, {2, -2, 1}},
        {LB_ROUND_HALF_UP, -8.0f, 7.0f, {4, -8, 1}},    {LB_ROUND_EVEN, -1.0f, 2.0f, {3, -4, 1}},
        {LB_ROUND_EVEN, -128.0f, 127.0f, {8, -128, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const lb_act_map map = {
            .rounding = cases[i].rounding, .low = cases[i].low, .high = cases[i].high};
        const lb_code_grid got = lb_act_grid(&map), wanted = cases[i].wanted;
        if (got.bits != wanted.bits || got.offset != wanted.offset || got.step != wanted.step)
            fail_msg("case %zu: got %d bits from %d in steps of %d", i, got.bits, got.offset,
                     got.step);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_step_by_hand),       cmocka_unit_test(test_two_sums_a_channel),
        cmocka_unit_test(test_nothing_is_fused),        cmocka_unit_test(test_thresholds_count),
        cmocka_unit_test(test_fixed_point_rounds_down), cmocka_unit_test(test_fields_and_values),
        cmocka_unit_test(test_grids_of_maps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
