/* Activation quantizers: every registered one at every width, then edges and values worked out by
 * hand. */
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "intnet/act_map.h"
#include "quant/method.h"
#include "support/quantizer_settings.h"

static lb_act_map map_of(const char *name, int bits, float option)
{
    const lb_act_setting setting = {.bits = bits, .options = {option}};
    return lb_act_quantizer_find(name)->map(&setting, NULL);
}

static float code_of(const lb_act_map *map, float x)
{
    float code;
    lb_act_encode(map, 1, &x, &code);
    return code;
}

typedef void visit(const lb_act_map *map, const lb_act_setting *setting, const char *what);

static void for_each(visit *f)
{
    for (size_t m = 0; lb_act_quantizers[m]; m++) {
        const lb_act_quantizer *q = lb_act_quantizers[m];
        for (int bits = q->bits_min; bits <= q->bits_max; bits++) {
            lb_act_setting setting = {.bits = bits};
            for (size_t at = 0; lb_test_option_setting(q->options, at, setting.options); at++) {
                const float value = 0.3f; /* learned, or a batch-norm's range */
                const bool wants = q->n_learned > 0 || q->norm_range;
                const lb_act_map map = q->map(&setting, wants ? &value : NULL);
                char what[64];
                (void)snprintf(what, sizeof what, "%s, %d bits, option setting %zu", q->name, bits,
                               at);
                f(&map, &setting, what);
            }
        }
    }
}

/* Codes are whole, inside [low, high], as many as the bits allow, and a NaN gives low. */
static void check_codes(const lb_act_map *map, const lb_act_setting *setting, const char *what)
{
    const float step = map->rounding == LB_ROUND_SIGN ? 2.0f : 1.0f;
    if ((map->high - map->low) / step + 1.0f != (float)(1 << setting->bits))
        fail_msg("%s: codes %g to %g", what, (double)map->low, (double)map->high);
    for (int i = -400; i <= 400; i++) {
        const float x = (float)i / 128.0f, code = code_of(map, x);
        if (code != rintf(code) || code < map->low || code > map->high)
            fail_msg("%s: code %g of %g", what, (double)code, (double)x);
    }
    assert_float_equal(code_of(map, NAN), map->low, 0.0f);
    assert_float_equal(code_of(map, INFINITY), map->high, 0.0f);
    assert_float_equal(code_of(map, -INFINITY), map->low, 0.0f);
}

static void test_codes(void **state)
{
    (void)state;
    for_each(check_codes);
}

/* Quantizing a quantized value changes nothing, and codes rise with x. */
static void check_map(const lb_act_map *map, const lb_act_setting *setting, const char *what)
{
    (void)setting;
    float before = map->low;
    for (int i = -400; i <= 400; i++) {
        const float x = (float)i / 128.0f, code = code_of(map, x);
        if (code < before) fail_msg("%s: code falls at %g", what, (double)x);
        if (code_of(map, code * map->scale) != code)
            fail_msg("%s: code %g of value %g is %g", what, (double)code,
                     (double)(code * map->scale), (double)code_of(map, code * map->scale));
        before = code;
    }
}

static void test_maps_are_monotone_and_idempotent(void **state)
{
    (void)state;
    for_each(check_map);
}

/* Inside the range the value is within half a step of x. */
static void check_distance(const lb_act_map *map, const lb_act_setting *setting, const char *what)
{
    if (setting->bits == 1) return;
    const float half = 0.5f * map->scale;
    for (int i = -128; i <= 128; i++) {
        const float x = (float)i / 128.0f;
        if (x < map->low * map->scale || x > map->high * map->scale) continue;
        const float distance = fabsf(code_of(map, x) * map->scale - x);
        /* values near 1 are rounded to 6e-8 */
        if (distance > half + 1e-7f)
            fail_msg("%s: %g is %g away", what, (double)x, (double)distance);
    }
}

static void test_values_are_within_half_a_step(void **state)
{
    (void)state;
    for_each(check_distance);
}

/* RedBit eq. 2: sign(0) = +1. */
static void test_sign(void **state)
{
    (void)state;
    const lb_act_map map = map_of("sign", 1, 0.0f);
    assert_float_equal(code_of(&map, 0.0f), 1.0f, 0.0f);
    assert_float_equal(code_of(&map, -0.0f), 1.0f, 0.0f);
    assert_float_equal(code_of(&map, -1e-38f), -1.0f, 0.0f);
    assert_float_equal(map.scale, 1.0f, 0.0f);
    assert_float_equal(map.window_low, -1.0f, 0.0f);
    assert_float_equal(map.window_high, 1.0f, 0.0f);
    assert_false(map.open);
    assert_true(map_of("sign", 1, 1.0f).open);
}

/* RedBit Eq. 1, three bits: clip(round(4x)/4, -1, 3/4); ties to even. */
static void test_qnn_three_bits(void **state)
{
    (void)state;
    static const struct {
        float x, value;
    } cases[] = {
        {0.125f, 0.0f},  /* 0.5 -> 0      */
        {0.375f, 0.5f},  /* 1.5 -> 2      */
        {0.3f, 0.25f},   /* 1.2 -> 1      */
        {0.9f, 0.75f},   /* 3.6 -> 4 -> 3 */
        {5.0f, 0.75f},   /* clipped       */
        {-0.9f, -1.0f},  /* -3.6 -> -4    */
        {-7.0f, -1.0f},  /* clipped       */
        {-0.125f, 0.0f}, /* -0.5 -> -0    */
    };
    const lb_act_map map = map_of("qnn", 3, 0.0f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_float_equal(code_of(&map, cases[i].x) * map.scale, cases[i].value, 0.0f);
    }
    assert_float_equal(map.window_low, -1.0f, 0.0f);
    assert_float_equal(map.window_high, 1.0f, 0.0f);
}

static void test_qnn_one_bit_is_sign(void **state)
{
    (void)state;
    const lb_act_map qnn = map_of("qnn", 1, 0.0f), sign = map_of("sign", 1, 0.0f);
    assert_int_equal(qnn.rounding, sign.rounding);
    for (int i = -20; i <= 20; i++) {
        assert_float_equal(code_of(&qnn, (float)i / 8.0f), code_of(&sign, (float)i / 8.0f), 0.0f);
    }
    assert_float_equal(qnn.scale, sign.scale, 0.0f);
}

/* Kutukcu Eq. 3-7, two bits: round(3 x) / 3 for x in [0, 1]; boundaries at 1/6, 1/2, 5/6. 3 * 0.5 =
 * 1.5 -> 2. */
static void test_dorefa_two_bits(void **state)
{
    (void)state;
    const lb_act_map map = map_of("dorefa", 2, 0.0f);
    assert_float_equal(code_of(&map, -0.4f), 0.0f, 0.0f);
    assert_float_equal(code_of(&map, 0.16f), 0.0f, 0.0f);
    assert_float_equal(code_of(&map, 0.17f), 1.0f, 0.0f);
    assert_float_equal(code_of(&map, 0.49f), 1.0f, 0.0f);
    assert_float_equal(code_of(&map, 0.5f), 2.0f, 0.0f);
    assert_float_equal(code_of(&map, 0.84f), 3.0f, 0.0f);
    assert_float_equal(code_of(&map, 9.0f), 3.0f, 0.0f);
    assert_float_equal(map.scale, 1.0f / 3.0f, 0.0f);
    assert_float_equal(map.window_low, 0.0f, 0.0f);
    assert_float_equal(map.window_high, 1.0f, 0.0f);
    assert_false(map.open);
}

/* One bit: {0, 1}, the step at 1/2 (a tie rounds to 0, the even one), or with step0 at 0. */
static void test_dorefa_one_bit(void **state)
{
    (void)state;
    const lb_act_map half = map_of("dorefa", 1, 0.0f), zero = map_of("dorefa", 1, 1.0f);
    assert_float_equal(code_of(&half, 0.5f), 0.0f, 0.0f);
    assert_float_equal(code_of(&half, 0.50001f), 1.0f, 0.0f);
    assert_float_equal(code_of(&half, 1e-6f), 0.0f, 0.0f);
    assert_float_equal(code_of(&zero, 0.0f), 0.0f, 0.0f);
    assert_float_equal(code_of(&zero, 1e-6f), 1.0f, 0.0f);
    assert_float_equal(half.scale, 1.0f, 0.0f);
    assert_int_equal(map_of("dorefa", 2, 1.0f).rounding, LB_ROUND_EVEN); /* step0 is for one bit */
}

/* Three bits: f = 3: x = j/8, from 0 to 7/8; f = 1: halves from 0 to 3.5; signed from -2 to 1.5. Ties go up,
 * also below 0. */
static void test_fixed(void **state)
{
    (void)state;
    static const struct {
        float f, is_signed, x, value;
    } cases[] = {
        {-1.0f, 0.0f, 0.0624f, 0.0f}, {-1.0f, 0.0f, 0.0625f, 0.125f}, {-1.0f, 0.0f, 0.1875f, 0.25f},
        {-1.0f, 0.0f, 0.93f, 0.875f}, {-1.0f, 0.0f, -0.4f, 0.0f},     {3.0f, 0.0f, 0.1875f, 0.25f},
        {1.0f, 0.0f, 0.25f, 0.5f},    {1.0f, 0.0f, 2.2f, 2.0f},       {1.0f, 0.0f, 9.0f, 3.5f},
        {1.0f, 1.0f, -0.25f, 0.0f},   {1.0f, 1.0f, -0.26f, -0.5f},    {1.0f, 1.0f, -0.75f, -0.5f},
        {1.0f, 1.0f, -9.0f, -2.0f},   {1.0f, 1.0f, 9.0f, 1.5f},       {0.0f, 0.0f, 2.5f, 3.0f},
    };
    const lb_act_quantizer *q = lb_act_quantizer_find("fixed");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const lb_act_setting setting = {.bits = 3, .options = {cases[i].f, cases[i].is_signed}};
        const lb_act_map map = q->map(&setting, NULL);
        const float value = code_of(&map, cases[i].x) * map.scale;
        if (value != cases[i].value)
            fail_msg("f %g: %g becomes %g", (double)cases[i].f, (double)cases[i].x, (double)value);
        assert_float_equal(map.window_low, map.low * map.scale, 0.0f);
        assert_float_equal(map.window_high, map.high * map.scale, 0.0f);
        assert_int_equal(lb_act_quantizer_before(q, &setting),
                         cases[i].is_signed != 0.0f ? LB_BEFORE_NOTHING : LB_BEFORE_RELU);
    }
}

/* SYQ's code is DoReFa-Net's map. */
static void test_fixed_levels(void **state)
{
    (void)state;
    for (int bits = 2; bits <= 8; bits++) {
        const lb_act_setting setting = {.bits = bits, .options = {1.0f, 1.0f, 1.0f}};
        const lb_act_map map = lb_act_quantizer_find("fixed")->map(&setting, NULL);
        const lb_act_map wanted = map_of("dorefa", bits, 0.0f);
        for (int i = -50; i <= 300; i++)
            assert_float_equal(code_of(&map, (float)i / 255.0f),
                               code_of(&wanted, (float)i / 255.0f), 0.0f);
        assert_true(map.scale == wanted.scale && map.window_low == 0.0f && map.window_high == 1.0f);
    }
}

/* Two bits over [0, 2): steps of 1/2, the top level is 2 (1 - 1/4). The range is the largest of
 * beta + 6 |gamma|; 4 without a batch-norm or where no channel reaches above 0. */
static void test_bnclip(void **state)
{
    (void)state;
    const lb_act_quantizer *q = lb_act_quantizer_find("bnclip");
    const float gamma[] = {0.5f, -1.0f, 0.25f}, beta[] = {1.0f, -5.0f, 2.75f}, range = 2.0f;
    assert_float_equal(q->norm_range(gamma, beta, 3), 4.25f, 0.0f);
    assert_float_equal(q->norm_range(gamma, beta, 2), 4.0f, 0.0f);
    assert_float_equal(q->norm_range(gamma, NULL, 3), 6.0f, 0.0f);
    assert_float_equal(q->norm_range(NULL, NULL, 3), 6.0f, 0.0f);
    assert_float_equal(q->norm_range(NULL, NULL, 0), 4.0f, 0.0f);
    const float none[] = {0.0f, 0.0f}, below[] = {-1.0f, -2.0f};
    assert_float_equal(q->norm_range(none, below, 2), 4.0f, 0.0f);
    const lb_act_setting setting = {.bits = 2};
    const lb_act_map map = q->map(&setting, &range);
    static const float cases[][2] = {{-1.0f, 0.0f}, {0.25f, 0.0f}, {0.26f, 0.5f}, {0.75f, 1.0f},
                                     {1.4f, 1.5f},  {1.9f, 1.5f},  {7.0f, 1.5f}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_float_equal(code_of(&map, cases[i][0]) * map.scale, cases[i][1], 0.0f);
    assert_true(map.window_low == 0.0f && map.window_high == 2.0f && !map.open);
}

static void test_what_stands_before(void **state)
{
    (void)state;
    assert_int_equal(lb_act_quantizer_find("sign")->before, LB_BEFORE_HARD_TANH);
    assert_int_equal(lb_act_quantizer_find("qnn")->before, LB_BEFORE_HARD_TANH);
    assert_int_equal(lb_act_quantizer_find("dorefa")->before, LB_BEFORE_CLIP01);
    assert_int_equal(lb_act_quantizer_find("lsq")->before, LB_BEFORE_RELU);
}

static void test_descriptions_are_complete(void **state)
{
    (void)state;
    assert_non_null(lb_act_quantizers[0]);
    for (size_t m = 0; lb_act_quantizers[m]; m++) {
        const lb_act_quantizer *q = lb_act_quantizers[m];
        assert_true(strlen(q->name) > 0 && strlen(q->summary) > 0 && strlen(q->source) > 0);
        assert_ptr_equal(lb_act_quantizer_find(q->name), q);
        assert_true(q->bits_min >= 1 && q->bits_max <= 8 && q->bits_min <= q->bits_max);
        assert_true((q->n_learned == 0) == !q->init_learned);
        assert_true((q->n_learned == 0) == !q->backward_learned);
    }
    assert_null(lb_act_quantizer_find("relu"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_maps_are_monotone_and_idempotent),
        cmocka_unit_test(test_values_are_within_half_a_step),
        cmocka_unit_test(test_sign),
        cmocka_unit_test(test_qnn_three_bits),
        cmocka_unit_test(test_qnn_one_bit_is_sign),
        cmocka_unit_test(test_dorefa_two_bits),
        cmocka_unit_test(test_dorefa_one_bit),
        cmocka_unit_test(test_fixed),
        cmocka_unit_test(test_fixed_levels),
        cmocka_unit_test(test_bnclip),
        cmocka_unit_test(test_what_stands_before),
        cmocka_unit_test(test_descriptions_are_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
