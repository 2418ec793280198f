/* Fields of a byte times weights of a byte: eight products an instruction (smlal), added to 16 bits, which are
 * widened before they might overflow; directly and by Winograd. As there is no product of an unsigned and a
 * signed byte, rows hold signed fields. */
#include <arm_neon.h>

#include "base/cpu.h"
#include "kernels/conv/conv_multiply_arm.h"

#define LB_STEP_BYTES 1
#define LB_PIXELS 4
#define LB_REGISTERS 2

typedef int8x16_t weights_t, inputs_t;
typedef struct sums_t {
    int16x8_t low, high; /* filters 0-7, 8-15 */
} sums_t;

static inline weights_t weights_load(const uint8_t *w)
{
    return vreinterpretq_s8_u8(vld1q_u8(w));
}

static inline inputs_t inputs_load(const uint8_t *x)
{
    return vreinterpretq_s8_u8(vdupq_n_u8(*x));
}

static inline sums_t sums_begin(const int32_t *from)
{
    (void)from;
    return (sums_t){vdupq_n_s16(0), vdupq_n_s16(0)};
}

static inline sums_t sums_add(sums_t sum, inputs_t x, weights_t w)
{
    return (sums_t){vmlal_s8(sum.low, vget_low_s8(x), vget_low_s8(w)),
                    vmlal_high_s8(sum.high, x, w)};
}

static inline void widen_8(int16x8_t sum, const int32_t *from, int32_t *to)
{
    vst1q_s32(to, vaddw_s16(vld1q_s32(from), vget_low_s16(sum)));
    vst1q_s32(to + 4, vaddw_high_s16(vld1q_s32(from + 4), sum));
}

static inline void sums_end(sums_t sum, const int32_t *from, int32_t *to)
{
    widen_8(sum.low, from, to);
    widen_8(sum.high, from + 8, to + 8);
}

#include "kernels/conv/conv_multiply_tile_body.h"

static const lb_multiply_method direct = {
    .code_bytes = 1,
    .step = 1,
    .lanes = LANES,
    .tile = TILE,
    .round = LANES,
    .has_sign = true,
    .products = 1,
    .strip = 96,
    .prepare = lb_multiply_prepare_s8_neon,
    .add = add_registers,
    .put = lb_multiply_put_neon,
    /* from the instructions that two multiply-add pipes at 2.5 GHz would need; not measured */
    .speed = {.gops = 80.0, .stretch = 0.6, .output = 1.0, .pixel = 25.0, .input = 0.2},
};
LB_MULTIPLY_KERNEL(lb_conv_int8__neon, direct, "int8 neon",
                   "fields of a byte times weights of a byte", LB_ISA_NEON)

static const lb_multiply_method winograd4 = {
    .code_bytes = 1,
    .step = 1,
    .lanes = LANES,
    .tile = TILE,
    .round = LANES,
    .has_sign = true,
    .products = 1,
    .winograd = 4,
    .strip = 24,
    .prepare = lb_multiply_prepare_s8_neon,
    .add = add_registers,
    .put = lb_multiply_put_neon,
    /* from the instructions that two multiply-add pipes at 2.5 GHz would need; not measured */
    .speed = {.gops = 80.0, .stretch = 0.4, .output = 0.5, .pixel = 40.0, .input = 0.4},
};
LB_MULTIPLY_KERNEL(lb_conv_int8_winograd4__neon, winograd4, "int8-winograd4 neon",
                   "the same by Winograd's F(4, 3) along rows; 3 columns, stride 1", LB_ISA_NEON)
