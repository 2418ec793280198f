/* Outputs of the kernels that multiply codes: NEON. */
#include "kernels/conv/conv_multiply_arm.h"
#include "kernels/conv/threshold_neon.h"

#define LB_PUT lb_multiply_put_neon
#define LB_GROUP 8

static inline void group_put(const lb_conv_sink *sink, size_t pixel, size_t f, const void *sums)
{
    const int32_t *all = sums;
    lb_conv_put_neon(sink, pixel, f, vld1q_s32(all), vld1q_s32(all + 4));
}

/* Two groups together have no faster way here. */
typedef struct pair_levels {
    int none;
} pair_levels;

static bool pair_open(const lb_conv_sink *sink, size_t f, pair_levels *levels)
{
    (void)sink;
    (void)f;
    levels->none = 0;
    return false;
}

static inline void pair_put(const lb_conv_sink *sink, const pair_levels *levels, size_t pixel,
                            size_t f, const void *first, const void *second)
{
    (void)levels;
    group_put(sink, pixel, f, first);
    group_put(sink, pixel, f + LB_GROUP, second);
}

#include "kernels/conv/conv_multiply_put_body.h"
