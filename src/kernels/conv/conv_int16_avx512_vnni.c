/* Codes of 16 bits times weights of 16 bits: 32 products an instruction (vpdpwssd), pairs added to 32 bits;
 * directly, which is exact wherever sums fit 32 bits, and by Winograd: transformed codes are at most 10 * 255 in
 * size, transformed weights 7 * 255. */
#include <immintrin.h>

#include "base/cpu.h"
#include "kernels/conv/conv_multiply_x86.h"

#define LB_STEP_BYTES 4
#define LB_PIXELS 6
#define LB_REGISTERS 4

typedef __m512i sums_t, weights_t, inputs_t;

static inline weights_t weights_load(const uint8_t *w)
{
    return _mm512_load_si512(w);
}

/* A step's codes, for all filters. */
static inline inputs_t inputs_load(const uint8_t *x)
{
    int32_t codes;
    memcpy(&codes, x, sizeof codes);
    return _mm512_set1_epi32(codes);
}

static inline sums_t sums_begin(const int32_t *from)
{
    return _mm512_loadu_si512(from);
}

static inline void sums_end(sums_t sum, const int32_t *from, int32_t *to)
{
    (void)from;
    _mm512_store_si512(to, sum);
}

static inline sums_t sums_add(sums_t sum, inputs_t x, weights_t w)
{
    return _mm512_dpwssd_epi32(sum, x, w);
}

#include "kernels/conv/conv_multiply_tile_body.h"

static const lb_multiply_method direct = {
    .code_bytes = 2,
    .step = 2,
    .lanes = LANES,
    .tile = TILE,
    .round = LANES,
    .has_sign = true,
    .strip = 48,
    .prepare = lb_multiply_prepare_s16_avx2,
    .add = add_registers,
    .put = lb_multiply_put_avx512,
    .speed = {.gops = 390.0, .output = 0.01, .pixel = 15.0, .input = 0.05},
};
LB_MULTIPLY_KERNEL(lb_conv_int16__avx512, direct, "int16 avx512",
                   "codes of 16 bits times weights of 16 bits; any codes, any groups",
                   LB_ISA_AVX512 | LB_ISA_AVX512_VNNI)

static const lb_multiply_method winograd2 = {
    .code_bytes = 2,
    .step = 2,
    .lanes = LANES,
    .tile = TILE,
    .round = LANES,
    .has_sign = true,
    .winograd = 2,
    .strip = 18,
    .prepare = lb_multiply_prepare_s16_avx2,
    .add = add_registers,
    .put = lb_multiply_put_avx512,
    .speed = {.gops = 350.0, .output = 0.12, .pixel = 28.0, .input = 0.02},
};
LB_MULTIPLY_KERNEL(lb_conv_int16_winograd2__avx512, winograd2, "int16-winograd2 avx512",
                   "the same by Winograd's F(2, 3) along rows; 3 columns, stride 1",
                   LB_ISA_AVX512 | LB_ISA_AVX512_VNNI)

static const lb_multiply_method winograd4 = {
    .code_bytes = 2,
    .step = 2,
    .lanes = LANES,
    .tile = TILE,
    .round = LANES,
    .has_sign = true,
    .winograd = 4,
    .strip = 12,
    .prepare = lb_multiply_prepare_s16_avx2,
    .add = add_registers,
    .put = lb_multiply_put_avx512,
    .speed = {.gops = 345.0, .output = 0.15, .pixel = 23.0, .input = 0.02},
};
LB_MULTIPLY_KERNEL(lb_conv_int16_winograd4__avx512, winograd4, "int16-winograd4 avx512",
                   "the same by Winograd's F(4, 3) along rows; 3 columns, stride 1",
                   LB_ISA_AVX512 | LB_ISA_AVX512_VNNI)
