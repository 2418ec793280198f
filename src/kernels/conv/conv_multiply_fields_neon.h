/* Bit planes to bytes with NEON. */
#ifndef LB_KERNELS_CONV_MULTIPLY_FIELDS_NEON_H
#define LB_KERNELS_CONV_MULTIPLY_FIELDS_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The fields of 32 channels, of which plane p has its bits at word[p * plane_bytes]. */
static inline void fields_32(const uint8_t *word, size_t plane_bytes, int bits, uint8_t *to)
{
    static const uint8_t byte_of_lane[16] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1};
    static const uint8_t bit_of_lane[16] = {1, 2, 4, 8, 16, 32, 64, 128,
                                            1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t low_lanes = vld1q_u8(byte_of_lane), bit = vld1q_u8(bit_of_lane);
    const uint8x16_t high_lanes = vaddq_u8(low_lanes, vdupq_n_u8(2));
    uint8x16_t low = vdupq_n_u8(0), high = vdupq_n_u8(0);
    for (int p = 0; p < bits; p++) {
        uint32_t plane;
        memcpy(&plane, word + (size_t)p * plane_bytes, sizeof plane);
        const uint8x16_t bytes = vreinterpretq_u8_u32(vdupq_n_u32(plane));
        const uint8x16_t value = vdupq_n_u8((uint8_t)(1u << p));
        low = vorrq_u8(low, vandq_u8(vtstq_u8(vqtbl1q_u8(bytes, low_lanes), bit), value));
        high = vorrq_u8(high, vandq_u8(vtstq_u8(vqtbl1q_u8(bytes, high_lanes), bit), value));
    }
    vst1q_u8(to, low);
    vst1q_u8(to + 16, high);
}

#endif
