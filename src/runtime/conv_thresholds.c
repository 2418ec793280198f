#include "runtime/conv_thresholds.h"

#include <string.h>

static size_t levels_of(int bits)
{
    return ((size_t)1 << bits) - 1;
}

lb_status lb_conv_thresholds_lay_out(const lb_thresholds *from, size_t channels, lb_arena *arena,
                                     lb_conv_thresholds *out)
{
    const size_t levels = levels_of(from->bits);
    const size_t stride = (channels + LB_CONV_BLOCK - 1) / LB_CONV_BLOCK * LB_CONV_BLOCK;
    int32_t *level = NULL;
    uint8_t *flip = NULL;
    LB_TRY(lb_arena_alloc(arena, levels * stride, sizeof *level, "thresholds", (void **)&level));
    LB_TRY(lb_arena_alloc(arena, stride / 8, 1, "thresholds", (void **)&flip));
    for (size_t j = 0; j < levels; j++)
        for (size_t c = 0; c < stride; c++) {
            const int32_t threshold = c < channels ? lb_threshold_at(from, c, j) : INT32_MAX;
            /* no sum is as small as INT32_MIN, so that "above it" is "always" too */
            level[j * stride + c] =
                c >= channels || threshold == INT32_MIN ? threshold : threshold - 1;
        }
    memcpy(flip, from->falls, (channels + 7) / 8);
    if (channels % 8) flip[channels / 8] &= (uint8_t)((1u << channels % 8) - 1u);
    *out = (lb_conv_thresholds){.bits = from->bits, .stride = stride, .level = level, .flip = flip};
    return LB_OK;
}

/* The first sum of [low, high] whose count of passed codes is above j; high + 1 where there is none. */
static int64_t first_above(const lb_fixed_point *f, size_t channel, bool falls, int64_t low,
                           int64_t high, size_t j)
{
    int64_t end = high + 1;
    while (low < end) {
        const int64_t middle = low + (end - low) / 2;
        const size_t field = lb_fixed_point_field(f, channel, (int32_t)middle);
        const size_t count = falls ? levels_of(f->bits) - field : field;
        if (count > j)
            end = middle;
        else
            low = middle + 1;
    }
    return low;
}

lb_status lb_thresholds_of_fixed_point(const lb_fixed_point *from, size_t channels,
                                       int64_t largest_sum, lb_arena *arena, lb_thresholds *out)
{
    const size_t levels = levels_of(from->bits);
    int32_t *at = NULL;
    uint8_t *falls = NULL;
    LB_TRY(lb_arena_alloc(arena, channels * levels, sizeof *at, "thresholds", (void **)&at));
    LB_TRY(lb_arena_alloc(arena, (channels + 7) / 8, 1, "thresholds", (void **)&falls));
    for (size_t c = 0; c < channels; c++) {
        const bool fall = from->multiplier[c] < 0;
        if (fall) falls[c / 8] |= (uint8_t)(1u << c % 8);
        for (size_t j = 0; j < levels; j++) {
            const int64_t first = first_above(from, c, fall, -largest_sum, largest_sum, j);
            at[c * levels + j] = first > INT32_MAX ? INT32_MAX : (int32_t)first;
        }
    }
    *out = (lb_thresholds){.bits = from->bits, .bytes = sizeof *at, .at = at, .falls = falls};
    return LB_OK;
}

size_t lb_conv_thresholds_bytes(const lb_conv_thresholds *t)
{
    return levels_of(t->bits) * t->stride * sizeof *t->level + t->stride / 8;
}
