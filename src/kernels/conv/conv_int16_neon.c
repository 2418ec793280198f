/* Codes of 16 bits times weights of 16 bits: four products an instruction (smlal), added to 32 bits; directly,
 * which is exact wherever sums fit 32 bits, and by Winograd: transformed codes are at most 10 * 255 in size,
 * transformed weights 7 * 255. */
#include <arm_neon.h>

#include "base/cpu.h"
#include "kernels/conv/conv_multiply_arm.h"

#define LB_STEP_BYTES 2
#define LB_PIXELS 4
#define LB_REGISTERS 2

typedef int16x8_t weights_t, inputs_t;
typedef struct sums_t {
    int32x4_t low, high; /* filters 0-3, 4-7 */
} sums_t;

static inline weights_t weights_load(const uint8_t *w)
{
    return vreinterpretq_s16_u8(vld1q_u8(w));
}

static inline inputs_t inputs_load(const uint8_t *x)
{
    int16_t code;
    memcpy(&code, x, sizeof code);
    return vdupq_n_s16(code);
}

static inline sums_t sums_begin(const int32_t *from)
{
    return (sums_t){vld1q_s32(from), vld1q_s32(from + 4)};
}

static inline sums_t sums_add(sums_t sum, inputs_t x, weights_t w)
{
    return (sums_t){vmlal_s16(sum.low, vget_low_s16(x), vget_low_s16(w)),
                    vmlal_high_s16(sum.high, x, w)};
}

static inline void sums_end(sums_t sum, const int32_t *from, int32_t *to)
{
    (void)from;
    vst1q_s32(to, sum.low);
    vst1q_s32(to + 4, sum.high);
}

#include "kernels/conv/conv_multiply_tile_body.h"

static const lb_multiply_method direct = {
    .code_bytes = 2,
    .step = 1,
    .lanes = LANES,
    .tile = TILE,
    .round = LANES,
    .has_sign = true,
    .strip = 96,
    .prepare = lb_multiply_prepare_s16_neon,
    .add = add_registers,
    .put = lb_multiply_put_neon,
    /* from the instructions that two multiply-add pipes at 2.5 GHz would need; not measured */
    .speed = {.gops = 40.0, .stretch = 0.1, .output = 1.0, .pixel = 25.0, .input = 0.2},
};
LB_MULTIPLY_KERNEL(lb_conv_int16__neon, direct, "int16 neon",
                   "codes of 16 bits times weights of 16 bits; any codes, any groups", LB_ISA_NEON)

static const lb_multiply_method winograd2 = {
    .code_bytes = 2,
    .step = 1,
    .lanes = LANES,
    .tile = TILE,
    .round = LANES,
    .has_sign = true,
    .winograd = 2,
    .strip = 24,
    .prepare = lb_multiply_prepare_s16_neon,
    .add = add_registers,
    .put = lb_multiply_put_neon,
    /* from the instructions that two multiply-add pipes at 2.5 GHz would need; not measured */
    .speed = {.gops = 40.0, .stretch = 0.1, .output = 1.4, .pixel = 40.0, .input = 0.4},
};
LB_MULTIPLY_KERNEL(lb_conv_int16_winograd2__neon, winograd2, "int16-winograd2 neon",
                   "the same by Winograd's F(2, 3) along rows; 3 columns, stride 1", LB_ISA_NEON)

static const lb_multiply_method winograd4 = {
    .code_bytes = 2,
    .step = 1,
    .lanes = LANES,
    .tile = TILE,
    .round = LANES,
    .has_sign = true,
    .winograd = 4,
    .strip = 24,
    .prepare = lb_multiply_prepare_s16_neon,
    .add = add_registers,
    .put = lb_multiply_put_neon,
    /* from the instructions that two multiply-add pipes at 2.5 GHz would need; not measured */
    .speed = {.gops = 40.0, .stretch = 0.1, .output = 1.5, .pixel = 40.0, .input = 0.4},
};
LB_MULTIPLY_KERNEL(lb_conv_int16_winograd4__neon, winograd4, "int16-winograd4 neon",
                   "the same by Winograd's F(4, 3) along rows; 3 columns, stride 1", LB_ISA_NEON)
