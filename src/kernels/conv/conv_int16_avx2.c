/* Codes of 16 bits times weights of 16 bits: 16 products an instruction (vpmaddwd), pairs added to 32 bits;
 * directly, which is exact wherever sums fit 32 bits, and by Winograd: transformed codes are at most 10 * 255 in
 * size, transformed weights 7 * 255. */
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
    return _mm256_loadu_si256((const __m256i *)from);
}

static inline sums_t sums_add(sums_t sum, inputs_t x, weights_t w)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(x, w));
}

static inline void sums_end(sums_t sum, const int32_t *from, int32_t *to)
{
    (void)from;
    _mm256_store_si256((__m256i *)to, sum);
}

#include "kernels/conv/conv_multiply_tile_body.h"

static const lb_multiply_method direct = {
    .code_bytes = 2,
    .step = 2,
    .lanes = LANES,
    .tile = TILE,
    .round = LANES,
    .has_sign = true,
    .strip = 96,
    .prepare = lb_multiply_prepare_s16_avx2,
    .add = add_registers,
    .put = lb_multiply_put_avx2,
    .speed = {.gops = 166.0, .output = 0.2, .pixel = 10.0, .input = 0.01},
};
LB_MULTIPLY_KERNEL(lb_conv_int16__avx2, direct, "int16 avx2",
                   "codes of 16 bits times weights of 16 bits; any codes, any groups", LB_ISA_AVX2)

static const lb_multiply_method winograd2 = {
    .code_bytes = 2,
    .step = 2,
    .lanes = LANES,
    .tile = TILE,
    .round = LANES,
    .has_sign = true,
    .winograd = 2,
    .strip = 24,
    .prepare = lb_multiply_prepare_s16_avx2,
    .add = add_registers,
    .put = lb_multiply_put_avx2,
    .speed = {.gops = 161.0, .output = 0.6, .pixel = 18.0, .input = 0.02},
};
LB_MULTIPLY_KERNEL(lb_conv_int16_winograd2__avx2, winograd2, "int16-winograd2 avx2",
                   "the same by Winograd's F(2, 3) along rows; 3 columns, stride 1", LB_ISA_AVX2)

static const lb_multiply_method winograd4 = {
    .code_bytes = 2,
    .step = 2,
    .lanes = LANES,
    .tile = TILE,
    .round = LANES,
    .has_sign = true,
    .winograd = 4,
    .strip = 24,
    .prepare = lb_multiply_prepare_s16_avx2,
    .add = add_registers,
    .put = lb_multiply_put_avx2,
    .speed = {.gops = 160.0, .output = 0.5, .pixel = 16.0, .input = 0.02},
};
LB_MULTIPLY_KERNEL(lb_conv_int16_winograd4__avx2, winograd4, "int16-winograd4 avx2",
                   "the same by Winograd's F(4, 3) along rows; 3 columns, stride 1", LB_ISA_AVX2)
