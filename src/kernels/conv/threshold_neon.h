/* Eight channels' sums of one pixel, in two registers, to their place: a byte of each plane, or stored sums. */
#ifndef LB_KERNELS_CONV_THRESHOLD_NEON_H
#define LB_KERNELS_CONV_THRESHOLD_NEON_H

#include <arm_neon.h>

#include "base/compiler.h"
#include "kernels/conv/threshold.h"

/* Bit c: is the sum of channel c above level j? */
LB_ALWAYS_INLINE unsigned lb_conv_above_neon(const lb_conv_sink *sink, int j, size_t f,
                                             int32x4_t low, int32x4_t high)
{
    static const uint8_t bit_of_lane[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    const int32_t *level = sink->level + (size_t)j * sink->stride + f;
    const uint32x4_t above_low = vcgtq_s32(low, vld1q_s32(level));
    const uint32x4_t above_high = vcgtq_s32(high, vld1q_s32(level + 4));
    const uint16x8_t above = vcombine_u16(vmovn_u32(above_low), vmovn_u32(above_high));
    return vaddv_u8(vand_u8(vmovn_u16(above), vld1_u8(bit_of_lane)));
}

/* Put the final sums of filters [f, f + 8), f a multiple of 8 below the span's last filter, of pixel
 * span->first + pixel. Lanes past the last filter may hold anything.
 *
 * Levels ascend, so that the masks of "above level j" do too (each holds the next one), and bit p of the
 * count is the parity of the masks j = 2^p - 1, 2 * 2^p - 1, ...: no count is formed. */
LB_ALWAYS_INLINE void lb_conv_put_neon(const lb_conv_sink *sink, size_t pixel, size_t f,
                                       int32x4_t low, int32x4_t high)
{
    if (sink->sums) {
        int32_t *to = sink->sums + pixel * sink->filters + f;
        if (sink->filters - f >= 8) {
            vst1q_s32(to, low);
            vst1q_s32(to + 4, high);
        } else {
            int32_t all[8];
            vst1q_s32(all, low);
            vst1q_s32(all + 4, high);
            memcpy(to, all, (sink->filters - f) * sizeof *to);
        }
        return;
    }
    uint8_t *to = sink->codes + pixel * sink->pixel_bytes + f / 8;
    const unsigned flip = sink->flip[f / 8];
    unsigned plane[LB_PLANE_BITS_MAX] = {flip, flip, flip, flip};
    for (int j = 0; j < (1 << sink->bits) - 1; j++) {
        const unsigned above = lb_conv_above_neon(sink, j, f, low, high);
        for (int p = 0; (j + 1) % (1 << p) == 0; p++) plane[p] ^= above;
    }
    for (int p = 0; p < sink->bits; p++) to[(size_t)p * sink->plane_bytes] = (uint8_t)plane[p];
}

#endif
