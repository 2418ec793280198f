/* Gaps of sparse ternary weights: streams by hand, round trips, sizes, damage. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "intnet/gaps.h"
#include "support/support.h"

static const lb_gap_code both[] = {LB_GAPS_RUN_LENGTH, LB_GAPS_HUFFMAN};

/* n codes of which about a share of `density` is not zero. */
static int8_t *random_codes(size_t n, double density, uint64_t seed)
{
    int8_t *codes = NULL;
    assert_ok(lb_alloc(n, 1, "codes", (void **)&codes));
    lb_random r = lb_random_at(seed, LB_RANDOM_WEIGHTS, n, 0);
    for (size_t i = 0; i < n; i++) {
        const bool nonzero = (double)lb_random_uniform(&r) < density;
        const bool negative = lb_random_uniform(&r) < 0.5f;
        codes[i] = (int8_t)(nonzero ? negative ? -1 : 1 : 0);
    }
    return codes;
}

static void put_code(size_t place, bool negative, void *codes)
{
    ((int8_t *)codes)[place] = negative ? -1 : 1;
}

static lb_status decode(lb_gap_code code, const uint8_t *stream, size_t bytes, size_t n,
                        int8_t *codes)
{
    memset(codes, 0, n);
    return lb_gaps_decode(code, stream, bytes, n, put_code, codes);
}

static void check_round_trip(const int8_t *codes, size_t n, const char *what)
{
    lb_arena arena = {0};
    lb_gap_sizes sizes;
    assert_ok(lb_gaps_measure(codes, n, &sizes));
    int8_t *back = NULL;
    assert_ok(lb_alloc(n + 1, 1, "codes", (void **)&back));
    for (size_t k = 0; k < 2; k++) {
        uint8_t *stream = NULL;
        size_t bytes = 0;
        assert_ok(lb_gaps_encode(both[k], codes, n, &arena, &stream, &bytes));
        const size_t wanted = k == 0 ? sizes.run_length_bytes : sizes.huffman_bytes;
        if (bytes != wanted) fail_msg("%s: %zu bytes, measured %zu", what, bytes, wanted);
        memset(back, 7, n + 1);
        assert_ok(decode(both[k], stream, bytes, n, back));
        if (memcmp(back, codes, n) != 0) fail_msg("%s: other codes from code %zu", what, k);
        assert_int_equal(back[n], 7);
    }
    lb_free(back);
    lb_arena_release(&arena);
}

/* ---- by hand ---- */

/* 0 0 0 +1 -1 0: gaps 3 and 0. One bit: three skips and a gap 0, sign +; gap 0, sign -: 1 1 1 0 0 0 1, seven bits;
 * two bits: a skip and a gap 0, sign +, a gap 0, sign -: 11 00 0 00 1, eight. */
static void test_run_length_by_hand(void **state)
{
    (void)state;
    static const int8_t codes[] = {0, 0, 0, 1, -1, 0};
    static const uint8_t wanted[] = {2, 0, 0, 0, 1, 0x47};
    lb_arena arena = {0};
    uint8_t *stream = NULL;
    size_t bytes = 0;
    assert_ok(lb_gaps_encode(LB_GAPS_RUN_LENGTH, codes, 6, &arena, &stream, &bytes));
    assert_int_equal(bytes, sizeof wanted);
    assert_memory_equal(stream, wanted, sizeof wanted);
    lb_arena_release(&arena);
}

/* Gaps 0, 0, 2, 1. With p = 0 the gap 2 were symbol 2 and an extra bit; with p = 1 it has none, and p = 1 is taken.
 * Symbol 0 twice has one bit, code 0; 1 and 2 have two, codes 10 and 11. Lengths 1, 2 | 2, 0.
 * 0 sign +, 0 sign -, 11 sign +, 10 sign -: 0 0 0 1 1 1 0 1 | 0 1. */
static void test_huffman_by_hand(void **state)
{
    (void)state;
    static const int8_t codes[] = {1, -1, 0, 0, 1, 0, -1, 0};
    static const uint8_t wanted[] = {4, 0, 0, 0, 1, 2, 0, 0x21, 0x02, 0xb8, 0x02};
    lb_arena arena = {0};
    uint8_t *stream = NULL;
    size_t bytes = 0;
    assert_ok(lb_gaps_encode(LB_GAPS_HUFFMAN, codes, 8, &arena, &stream, &bytes));
    assert_int_equal(bytes, sizeof wanted);
    assert_memory_equal(stream, wanted, sizeof wanted);
    lb_gap_sizes sizes;
    assert_ok(lb_gaps_measure(codes, 8, &sizes));
    assert_int_equal(sizes.nonzero, 4);
    assert_float_equal(sizes.gap_entropy, 1.5, 1e-12); /* 1/2 log2 2 + 2/4 log2 4 */
    assert_float_equal(sizes.huffman_bits, 1.5, 1e-12);
    lb_arena_release(&arena);
}

/* Gaps 9 and 13. With p = 0 both are symbol 4, a code of one bit, and three extra bits, 001 and 101, lowest first; five
 * lengths, 0, 0 | 0, 0 | 1. With p = 1 symbols 6 and 7 of eight lengths would save two bits for a byte more.
 * 0 100 sign +, 0 101 sign -: 0 1 0 0 0 0 1 0 | 1 1. */
static void test_extra_bits_by_hand(void **state)
{
    (void)state;
    static const int8_t codes[9 + 1 + 13 + 1] = {[9] = 1, [23] = -1};
    static const uint8_t wanted[] = {2, 0, 0, 0, 0, 4, 0, 0, 0, 1, 0x42, 0x03};
    lb_arena arena = {0};
    uint8_t *stream = NULL;
    size_t bytes = 0;
    assert_ok(lb_gaps_encode(LB_GAPS_HUFFMAN, codes, sizeof codes, &arena, &stream, &bytes));
    assert_int_equal(bytes, sizeof wanted);
    assert_memory_equal(stream, wanted, sizeof wanted);
    lb_arena_release(&arena);
}

/* ---- round trips ---- */

static void test_round_trips(void **state)
{
    (void)state;
    static const double densities[] = {0.0, 0.0001, 0.02, 0.1, 0.5, 0.9, 1.0};
    static const size_t sizes[] = {1, 2, 7, 8, 255, 256, 257, 10000, 200000};
    for (size_t d = 0; d < sizeof densities / sizeof *densities; d++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            char what[64];
            int8_t *codes = random_codes(sizes[s], densities[d], s);
            (void)snprintf(what, sizeof what, "%zu codes, density %g", sizes[s], densities[d]);
            check_round_trip(codes, sizes[s], what);
            lb_free(codes);
        }
    }
}

/* Gaps around the borders of symbols and widths. */
static void test_long_gaps(void **state)
{
    (void)state;
    static const size_t gaps[] = {254, 255, 256, 509, 510, 511, 32766, 32767, 32768, 65534, 100000};
    enum { N = 300000 };
    int8_t *codes = NULL;
    assert_ok(lb_alloc(N, 1, "codes", (void **)&codes));
    size_t at = 0;
    for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++) {
        at += gaps[i];
        assert_true(at < N);
        codes[at++] = i % 2 ? -1 : 1;
    }
    check_round_trip(codes, N, "long gaps");
    lb_free(codes);
}

/* Counts that grow as Fibonacci's numbers make the longest codes: 255 symbols would need 254 bits. */
static void test_codes_stay_short(void **state)
{
    (void)state;
    enum { SYMBOLS = 24 };
    size_t count[SYMBOLS] = {1, 1}, n = 0;
    for (size_t s = 2; s < SYMBOLS; s++) count[s] = count[s - 1] + count[s - 2];
    for (size_t s = 0; s < SYMBOLS; s++) n += count[s] * (s + 1);
    int8_t *codes = NULL;
    assert_ok(lb_alloc(n, 1, "codes", (void **)&codes));
    size_t at = 0;
    for (size_t s = 0; s < SYMBOLS; s++) {
        for (size_t i = 0; i < count[s]; i++) {
            at += s;
            codes[at++] = 1;
        }
    }
    check_round_trip(codes, n, "Fibonacci");
    lb_free(codes);
}

static void check_near_entropy(const int8_t *codes, size_t n, const char *what)
{
    lb_gap_sizes s;
    assert_ok(lb_gaps_measure(codes, n, &s));
    if (s.huffman_bits < s.gap_entropy || s.huffman_bits > 1.02 * s.gap_entropy)
        fail_msg("%s: %.4f bits a gap, entropy %.4f", what, s.huffman_bits, s.gap_entropy);
}

static void test_huffman_is_near_the_entropy(void **state)
{
    (void)state;
    static const double densities[] = {0.001, 0.005, 0.024, 0.05, 0.1, 0.2};
    for (size_t d = 0; d < sizeof densities / sizeof *densities; d++) {
        char what[64];
        const size_t n = (size_t)(50000 / densities[d]);
        int8_t *codes = random_codes(n, densities[d], 11 + d);
        (void)snprintf(what, sizeof what, "density %g", densities[d]);
        check_near_entropy(codes, n, what);
        lb_free(codes);
    }
}

/* As pruned layers are: filters of many densities, and most of them without a weight. */
static void test_huffman_is_near_the_entropy_of_uneven_layers(void **state)
{
    (void)state;
    enum { FILTERS = 1024, FILTER = 4096 };
    int8_t *codes = NULL;
    assert_ok(lb_alloc((size_t)FILTERS * FILTER, 1, "codes", (void **)&codes));
    for (size_t f = 0; f < FILTERS; f += 4) {
        int8_t *filter = random_codes(FILTER, 0.2 / (double)(1 + f % 32), f);
        memcpy(codes + f * FILTER, filter, FILTER);
        lb_free(filter);
    }
    check_near_entropy(codes, (size_t)FILTERS * FILTER, "uneven filters");
    lb_free(codes);
}

/* ---- damage ---- */

static void test_damaged_streams_are_refused(void **state)
{
    (void)state;
    enum { N = 400 };
    int8_t *codes = random_codes(N, 0.1, 5);
    int8_t back[N];
    for (size_t k = 0; k < 2; k++) {
        lb_arena arena = {0};
        uint8_t *stream = NULL;
        size_t bytes = 0;
        assert_ok(lb_gaps_encode(both[k], codes, N, &arena, &stream, &bytes));
        for (size_t cut = 0; cut < bytes; cut++) {
            uint8_t *exact = malloc(cut > 0 ? cut : 1); /* so that a sanitizer sees reads past it */
            assert_non_null(exact);
            memcpy(exact, stream, cut);
            assert_status(decode(both[k], exact, cut, N, back), LB_E_FORMAT);
            free(exact);
        }
        uint8_t *longer = NULL;
        assert_ok(lb_arena_alloc(&arena, bytes + 1, 1, "stream", (void **)&longer));
        memcpy(longer, stream, bytes);
        assert_status(decode(both[k], longer, bytes + 1, N, back), LB_E_FORMAT);
        assert_string_equal(lb_error(), "has bytes after its last weight");
        assert_status(decode(both[k], stream, bytes, N / 2, back), LB_E_FORMAT);
        for (size_t bit = 0; bit < 8 * bytes; bit++) { /* any result, but nothing out of bounds */
            memcpy(longer, stream, bytes);
            longer[bit / 8] ^= (uint8_t)(1u << bit % 8);
            (void)!decode(both[k], longer, bytes, N, back);
        }
        lb_arena_release(&arena);
    }
    lb_free(codes);
}

static void test_refusals_say_why(void **state)
{
    (void)state;
    static const struct {
        lb_gap_code code;
        size_t bytes;
        uint8_t stream[27];
        const char *message;
    } cases[] = {
        {LB_GAPS_RUN_LENGTH, 4, {0}, "4 bytes, wanted at least 5"},
        {LB_GAPS_RUN_LENGTH, 5, {0, 0, 0, 0, 16}, "gaps of 16 bits, wanted 1 to 15"},
        {LB_GAPS_RUN_LENGTH, 5, {9, 0, 0, 0, 1}, "says 9 weights of 8 are not zero"},
        {LB_GAPS_RUN_LENGTH, 6, {0, 0, 0, 0, 1, 0}, "has bytes after its last weight"},
        {LB_GAPS_RUN_LENGTH, 6, {1, 0, 0, 0, 1, 0x10}, "has bits after its last weight"},
        {LB_GAPS_HUFFMAN, 6, {1}, "ends before its table of code lengths"},
        {LB_GAPS_HUFFMAN, 7, {1, 0, 0, 0, 9, 0, 0}, "symbols of 9 bits, wanted 0 to 8"},
        {LB_GAPS_HUFFMAN, 7, {1, 0, 0, 0, 1, 64, 0}, "65 symbols, wanted at most 64"},
        {LB_GAPS_HUFFMAN, 7, {1, 0, 0, 0, 0, 0, 0}, "ends within its table of code lengths"},
        {LB_GAPS_HUFFMAN,
         8,
         {1, 0, 0, 0, 0, 0, 0, 0x11},
         "has bits past its table of code lengths"},
        {LB_GAPS_HUFFMAN,
         9,
         {1, 0, 0, 0, 0, 2, 0, 0x11, 1},
         "has more codes of 1 bits than there are"},
        {LB_GAPS_HUFFMAN, 10, {1}, "has bits that are no code"},
        /* symbol 31 of p = 0: a gap of 2^30 and more */
        {LB_GAPS_HUFFMAN, 27, {1, 0, 0, 0, 0, 31, 0, [22] = 0x10}, "has gaps past its 8 weights"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int8_t back[8];
        const lb_status status = decode(cases[i].code, cases[i].stream, cases[i].bytes, 8, back);
        if (status != LB_E_FORMAT || strcmp(lb_error(), cases[i].message) != 0)
            fail_msg("case %zu: '%s', wanted '%s'", i, lb_error(), cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_length_by_hand),
        cmocka_unit_test(test_huffman_by_hand),
        cmocka_unit_test(test_extra_bits_by_hand),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_long_gaps),
        cmocka_unit_test(test_codes_stay_short),
        cmocka_unit_test(test_huffman_is_near_the_entropy),
        cmocka_unit_test(test_huffman_is_near_the_entropy_of_uneven_layers),
        cmocka_unit_test(test_damaged_streams_are_refused),
        cmocka_unit_test(test_refusals_say_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
