/* Unsigned fields of a byte times signed weights of a byte: 32 products an instruction (vpmaddubsw), added in
 * pairs to 16 bits, which are widened before they might overflow; directly and by Winograd. */
#include <immintrin.h>

#include "base/cpu.h"
#include "kernels/conv/conv_multiply_x86.h"

#define LB_STEP_BYTES 4
#define LB_PIXELS 6
#define LB_REGISTERS 2

typedef __m256i sums_t, weights_t, inputs_t;

static inline weights_t weights_load(const uint8_t *w)
{
    return _mm256_load_si256((const __m256i *)w);
}

/* A step's codes, for all filters. */
static inline inputs_t inputs_load(const uint8_t *x)
{
    int32_t codes;
    memcpy(&codes, x, sizeof codes);
    return _mm256_set1_epi32(codes);
}

static inline sums_t sums_begin(const int32_t *from)
{
    (void)from;
    return _mm256_setzero_si256();
}

static inline sums_t sums_add(sums_t sum, inputs_t x, weights_t w)
{
    return _mm256_add_epi16(sum, _mm256_maddubs_epi16(x, w));
}

static inline void sums_end(sums_t sum, const int32_t *from, int32_t *to)
{
    const __m256i wide = _mm256_madd_epi16(sum, _mm256_set1_epi16(1));
    const __m256i before = _mm256_loadu_si256((const __m256i *)from);
    _mm256_store_si256((__m256i *)to, _mm256_add_epi32(before, wide));
}

#include "kernels/conv/conv_multiply_tile_body.h"

static const lb_multiply_method direct = {
    .code_bytes = 1,
    .step = 4,
    .lanes = LANES,
    .tile = TILE,
    .round = LANES,
    .products = 2,
    .strip = 96,
    .prepare = lb_multiply_prepare_u8_avx2,
    .add = add_registers,
    .put = lb_multiply_put_avx2,
    .speed = {.gops = 326.0, .stretch = 0.04, .output = 0.27, .pixel = 7.0, .input = 0.02},
};
LB_MULTIPLY_KERNEL(lb_conv_int8__avx2, direct, "int8 avx2",
                   "fields of a byte times weights of a byte", LB_ISA_AVX2)

static const lb_multiply_method winograd2 = {
    .code_bytes = 1,
    .step = 4,
    .lanes = LANES,
    .tile = TILE,
    .round = LANES,
    .products = 2,
    .winograd = 2,
    .strip = 24,
    .prepare = lb_multiply_prepare_u8_avx2,
    .add = add_registers,
    .put = lb_multiply_put_avx2,
    .speed = {.gops = 322.0, .stretch = 0.16, .output = 0.1, .pixel = 13.0, .input = 0.1},
};
LB_MULTIPLY_KERNEL(lb_conv_int8_winograd2__avx2, winograd2, "int8-winograd2 avx2",
                   "the same by Winograd's F(2, 3) along rows; 3 columns, stride 1", LB_ISA_AVX2)

static const lb_multiply_method winograd4 = {
    .code_bytes = 1,
    .step = 4,
    .lanes = LANES,
    .tile = TILE,
    .round = LANES,
    .products = 2,
    .winograd = 4,
    .strip = 24,
    .prepare = lb_multiply_prepare_u8_avx2,
    .add = add_registers,
    .put = lb_multiply_put_avx2,
    .speed = {.gops = 326.0, .stretch = 0.12, .output = 0.1, .pixel = 11.0, .input = 0.1},
};
LB_MULTIPLY_KERNEL(lb_conv_int8_winograd4__avx2, winograd4, "int8-winograd4 avx2",
                   "the same by Winograd's F(4, 3) along rows; 3 columns, stride 1", LB_ISA_AVX2)
