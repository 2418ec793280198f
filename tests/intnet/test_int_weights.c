/* Weights of the integer network: from bits to codes and floats. */
#include <string.h>

#include "base/random.h"
#include "support/support.h"
#include "support/tiny_intnet.h"

enum { MOST = 70 };

/* Field i of n is i modulo the number of fields, so every field is met. */
static size_t make_fields(const lb_int_weights *w, uint8_t *fields)
{
    static const uint8_t ternary[3] = {0, 2, 3};
    for (size_t i = 0; i < w->count; i++)
        fields[i] =
            (uint8_t)(w->storage == LB_STORED_TERNARY ? ternary[i % 3]
                                                      : (uint8_t)(i % ((size_t)1 << w->grid.bits)));
    return w->count;
}

static int code_by_hand(const lb_int_weights *w, uint8_t field)
{
    if (w->storage == LB_STORED_GRID) return w->grid.offset + w->grid.step * field;
    return field == 0 ? 0 : field == 2 ? 1 : -1;
}

static void check(lb_int_weights w)
{
    uint8_t fields[MOST], stream[8 * MOST];
    int16_t codes[MOST + 1];
    float values[MOST + 1];
    const int bits = lb_int_weights_bits(&w);
    lb_stream_pack(bits, make_fields(&w, fields), fields, stream);
    w.at = stream;
    codes[w.count] = 12345; /* nothing is written past the end */
    values[w.count] = 12345.0f;
    lb_int_weights_codes(&w, codes);
    lb_int_weights_floats(&w, values);
    assert_int_equal(codes[w.count], 12345);
    assert_true(values[w.count] == 12345.0f);
    for (size_t i = 0; i < w.count; i++) {
        const int code = code_by_hand(&w, fields[i]);
        assert_int_equal(codes[i], code);
    }
    for (size_t i = 0; i < w.count; i++) assert_true(values[i] == (float)codes[i]);
}

static void test_every_grid_and_count(void **state)
{
    (void)state;
    for (size_t count = 1; count <= MOST; count++) {
        check((lb_int_weights){.storage = LB_STORED_TERNARY, .count = count, .terms = 1});
        check((lb_int_weights){
            .storage = LB_STORED_GRID, .grid = {1, 1, -2}, .count = count, .terms = 1});
        for (int bits = 1; bits <= 8; bits++) {
            const int levels = 1 << bits;
            const lb_code_grid grids[] = {
                {bits, 0, 1}, {bits, -levels / 2, 1}, {bits, 1 - levels, 2}};
            for (size_t g = 0; g < 3; g++)
                check((lb_int_weights){
                    .storage = LB_STORED_GRID, .grid = grids[g], .count = count, .terms = 1});
        }
    }
}

static void test_sums_a_channel(void **state)
{
    (void)state;
    const lb_window window = {.kh = 3, .kw = 5, .stride = 1};
    assert_int_equal(lb_int_weights_terms(LB_SUMS_WHOLE, &window), 1);
    assert_int_equal(lb_int_weights_terms(LB_SUMS_SIGN, &window), 2);
    assert_int_equal(lb_int_weights_terms(LB_SUMS_ROW, &window), 3);
    assert_int_equal(lb_int_weights_terms(LB_SUMS_PIXEL, &window), 15);
}

static void test_figures_by_hand(void **state)
{
    (void)state;
    static const float three[] = {1.0f, -0.0f, 2.5f};
    const lb_int_weights real = {.storage = LB_STORED_FLOAT, .count = 3, .terms = 1, .at = three};
    const lb_int_weights ternary = {.storage = LB_STORED_TERNARY, .count = 9, .terms = 2};
    const lb_int_weights odd = {
        .storage = LB_STORED_GRID, .grid = {8, -255, 2}, .count = 9, .terms = 1};
    const lb_int_weights two_sided = {
        .storage = LB_STORED_GRID, .grid = {4, -8, 1}, .count = 17, .terms = 1};
    float values[3];
    lb_int_weights_floats(&real, values);
    assert_memory_equal(values, three, sizeof three);
    assert_int_equal(lb_int_weights_bits(&real), 32);
    assert_int_equal(lb_int_weights_bits(&ternary), 2);
    assert_int_equal(lb_int_weights_bits(&odd), 8);
    assert_int_equal(lb_int_weights_largest(&ternary), 1);
    assert_int_equal(lb_int_weights_largest(&odd), 255);
    assert_int_equal(lb_int_weights_largest(&two_sided), 8);
    assert_int_equal(lb_int_weights_stored_bytes(&real), 12);
    assert_int_equal(lb_int_weights_stored_bytes(&ternary), 2 * 2);
    assert_int_equal(lb_int_weights_stored_bytes(&two_sided), 4 * 3);
}

static void test_sums_of_layers(void **state)
{
    (void)state;
    lb_intnet net;
    lb_test_tiny_intnet(true, &net);
    assert_false(lb_int_layer_is_integer(&net, LB_TINY_STEM));   /* float weights */
    assert_false(lb_int_layer_is_integer(&net, LB_TINY_LOGITS)); /* float input */
    assert_false(lb_int_layer_is_integer(&net, LB_TINY_POOL));
    assert_true(lb_int_layer_is_integer(&net, LB_TINY_BINARY));
    assert_int_equal(lb_int_layer_largest_sum(&net, LB_TINY_STEM), 0);
    assert_int_equal(lb_int_layer_largest_sum(&net, LB_TINY_BINARY), 5 * 9 * 1 * 3);
    assert_int_equal(lb_int_layer_largest_sum(&net, LB_TINY_TERNARY), 5 * 6 * 1 * 3);
    assert_int_equal(lb_int_layer_largest_sum(&net, LB_TINY_DEPTHWISE), 1 * 9 * 8 * 1);
    assert_int_equal(lb_int_layer_largest_sum(&net, LB_TINY_FIXED), 8 * 128 * 3);
    lb_intnet_release(&net);
}

/* Filters of 1 to 4 bits: in the file every filter takes its own, in memory all have the codes that they had. */
static void test_filters_of_different_bits(void **state)
{
    (void)state;
    enum { FILTERS = 7, SIZE = 11, COUNT = FILTERS * SIZE };
    static const uint8_t bits[FILTERS] = {4, 1, 3, 1, 4, 2, 3};
    static const lb_code_grid grids[] = {{4, -15, 2}, {4, -8, 1}};
    for (size_t k = 0; k < 2; k++) {
        lb_random r = lb_random_at(5, LB_RANDOM_TEST, k, 0);
        lb_arena arena = {0};
        uint8_t fields[COUNT], stream[4 * ((COUNT + 7) / 8)];
        int16_t codes[COUNT], back[COUNT];
        for (size_t i = 0; i < COUNT; i++) {
            const lb_code_grid own = lb_grid_narrowed(grids[k], bits[i / SIZE]);
            assert_true(own.bits == bits[i / SIZE]);
            const uint64_t field = lb_random_below(&r, (uint64_t)1 << own.bits);
            codes[i] = (int16_t)(own.offset + own.step * (int)field);
            fields[i] = lb_grid_field(grids[k], codes[i]);
        }
        lb_stream_pack(4, COUNT, fields, stream);
        lb_int_weights w = {.storage = LB_STORED_GRID,
                            .grid = grids[k],
                            .count = COUNT,
                            .terms = 1,
                            .at = stream,
                            .filter_bits = bits};
        assert_ok(lb_int_weights_narrow(&w, FILTERS, &arena));
        /* 22 weights of 1 bit, 11 of 2, 22 of 3, 22 of 4, each plane in whole bytes */
        assert_int_equal(lb_int_weights_stored_bytes(&w), 1 * 3 + 2 * 2 + 3 * 3 + 4 * 3);
        assert_true(lb_int_weights_mean_bits(&w, FILTERS) == 18.0 / 7.0);
        w.at = NULL;
        assert_ok(lb_int_weights_widen(&w, FILTERS, &arena));
        lb_int_weights_codes(&w, back);
        assert_memory_equal(back, codes, sizeof codes);
        lb_arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_grid_and_count),      cmocka_unit_test(test_sums_a_channel),
        cmocka_unit_test(test_figures_by_hand),           cmocka_unit_test(test_sums_of_layers),
        cmocka_unit_test(test_filters_of_different_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
