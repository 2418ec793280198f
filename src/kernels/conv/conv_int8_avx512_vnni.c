/* Unsigned fields of a byte times signed weights of a byte: 64 products an instruction (vpdpbusd), sums of four
 * added to 32 bits; directly and by Winograd. */
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
    return _mm512_dpbusd_epi32(sum, x, w);
}

#include "kernels/conv/conv_multiply_tile_body.h"

static const lb_multiply_method direct = {
    .code_bytes = 1,
    .step = 4,
    .lanes = LANES,
    .tile = TILE,
    .round = LANES,
    .strip = 48,
    .prepare = lb_multiply_prepare_u8_avx2,
    .add = add_registers,
    .put = lb_multiply_put_avx512,
    .speed = {.gops = 780.0, .output = 0.03, .pixel = 14.0, .input = 0.05},
};
LB_MULTIPLY_KERNEL(lb_conv_int8__avx512, direct, "int8 avx512",
                   "fields of a byte times weights of a byte", LB_ISA_AVX512 | LB_ISA_AVX512_VNNI)

static const lb_multiply_method winograd4 = {
    .code_bytes = 1,
    .step = 4,
    .lanes = LANES,
    .tile = TILE,
    .round = LANES,
    .winograd = 4,
    .strip = 12,
    .prepare = lb_multiply_prepare_u8_avx2,
    .add = add_registers,
    .put = lb_multiply_put_avx512,
    .speed = {.gops = 650.0, .output = 0.02, .pixel = 18.0, .input = 0.02},
};
LB_MULTIPLY_KERNEL(lb_conv_int8_winograd4__avx512, winograd4, "int8-winograd4 avx512",
                   "the same by Winograd's F(4, 3) along rows; 3 columns, stride 1",
                   LB_ISA_AVX512 | LB_ISA_AVX512_VNNI)
