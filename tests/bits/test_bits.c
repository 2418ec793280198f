/* Grids, streams and map rows: by hand, against single bits, there and back, nothing outside. */
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "bits/bits.h"

static void test_grids_by_hand(void **state)
{
    (void)state;
    static const struct {
        lb_code_grid grid;
        int low, high;
        bool zero;
        int code;
        uint8_t field;
    } cases[] = {
        {{1, 1, -2}, -1, 1, false, -1, 1},
        {{1, 0, 1}, 0, 1, true, 1, 1},
        {{4, 0, 1}, 0, 15, true, 9, 9},
        {{8, -128, 1}, -128, 127, true, 0, 128},
        {{2, -3, 2}, -3, 3, false, 1, 2},
        {{8, 0, 1}, 0, 255, true, 255, 255},
        {{8, -255, 2}, -255, 255, false, 255, 255},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const lb_code_grid g = cases[i].grid;
        const bool good = lb_grid_low(g) == cases[i].low && lb_grid_high(g) == cases[i].high &&
                          lb_grid_has_zero(g) == cases[i].zero &&
                          lb_grid_field(g, cases[i].code) == cases[i].field;
        if (!good)
            fail_msg("grid %d,%d,%d: low %d, high %d, zero %d, field of %d is %d", g.bits, g.offset,
                     g.step, lb_grid_low(g), lb_grid_high(g), lb_grid_has_zero(g), cases[i].code,
                     lb_grid_field(g, cases[i].code));
    }
}

static void test_layouts_by_hand(void **state)
{
    (void)state;
    const uint8_t fields[9] = {3, 0, 1, 2, 0, 0, 0, 1, 2};
    const uint8_t stream[4] = {0x85, 0x00, 0x09, 0x01}; /* bit 0 of all, then bit 1 of all */
    uint8_t got[8];
    assert_int_equal(lb_stream_plane_bytes(9), 2);
    lb_stream_pack(2, 9, fields, got);
    assert_memory_equal(got, stream, sizeof stream);

    const uint8_t row[8] = {0x85, 0x00, 0, 0, 0x09, 0x01, 0, 0}; /* planes are whole words */
    assert_int_equal(lb_map_pixel_bytes(2, 9), 8);
    assert_int_equal(lb_map_pixel_bytes(4, 33), 32);
    assert_int_equal(lb_map_pixel_bytes(5, 33), 33);
    lb_map_row_pack(2, 9, 1, fields, got);
    assert_memory_equal(got, row, sizeof row);
}

static uint8_t *random_fields(int bits, size_t n, lb_random *r)
{
    uint8_t *fields = malloc(n);
    assert_non_null(fields);
    for (size_t i = 0; i < n; i++) fields[i] = (uint8_t)lb_random_below(r, (uint64_t)1 << bits);
    return fields;
}

/* Blocks of the exact size, so that a sanitizer sees the first byte too many. */
static void check_stream(int bits, size_t n)
{
    lb_random r = lb_random_at(1, LB_RANDOM_TEST, (uint64_t)bits, n);
    const size_t plane = lb_stream_plane_bytes(n);
    uint8_t *fields = random_fields(bits, n, &r), *back = malloc(n);
    uint8_t *stream = malloc((size_t)bits * plane);
    assert_true(back && stream);
    memset(stream, 0xff, (size_t)bits * plane);
    lb_stream_pack(bits, n, fields, stream);
    for (size_t p = 0; p < (size_t)bits; p++) {
        for (size_t i = 0; i < plane * 8; i++) {
            const unsigned got = (unsigned)stream[p * plane + i / 8] >> i % 8 & 1u;
            const unsigned wanted = i < n ? (unsigned)fields[i] >> p & 1u : 0;
            if (got != wanted)
                fail_msg("stream of %zu fields of %d bits: plane %zu bit %zu is %u, wanted %u", n,
                         bits, p, i, got, wanted);
        }
    }
    lb_stream_unpack(bits, n, stream, back);
    assert_memory_equal(fields, back, n);
    free(fields);
    free(back);
    free(stream);
}

static void check_map(int bits, size_t channels, size_t pixels)
{
    lb_random r = lb_random_at(2, LB_RANDOM_TEST, (uint64_t)bits, channels);
    const size_t n = channels * pixels, pixel_bytes = lb_map_pixel_bytes(bits, channels);
    uint8_t *fields = random_fields(bits, n, &r), *back = malloc(n);
    uint8_t *row = malloc(pixels * pixel_bytes);
    assert_true(back && row);
    memset(row, 0xff, pixels * pixel_bytes);
    lb_map_row_pack(bits, channels, pixels, fields, row);
    for (size_t i = 0; i < pixels && bits <= LB_PLANE_BITS_MAX; i++) {
        for (size_t j = 0; j < pixel_bytes * 8; j++) {
            const size_t plane_bits = pixel_bytes * 8 / (size_t)bits, c = j % plane_bits;
            const unsigned got = (unsigned)row[i * pixel_bytes + j / 8] >> j % 8 & 1u;
            const unsigned wanted =
                c < channels ? (unsigned)fields[i * channels + c] >> j / plane_bits & 1u : 0;
            if (got != wanted)
                fail_msg("map of %zu channels of %d bits: pixel %zu bit %zu is %u, wanted %u",
                         channels, bits, i, j, got, wanted);
        }
    }
    lb_map_row_unpack(bits, channels, pixels, row, back);
    assert_memory_equal(fields, back, n);
    free(fields);
    free(back);
    free(row);
}

static void test_every_bit_is_where_it_belongs(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 3, 7, 8, 9, 20, 31, 32, 33, 50, 64, 100, 257};
    for (int bits = 1; bits <= 8; bits++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            check_stream(bits, sizes[i]);
            check_map(bits, sizes[i], 3);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grids_by_hand),
        cmocka_unit_test(test_layouts_by_hand),
        cmocka_unit_test(test_every_bit_is_where_it_belongs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
