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

/* ---- fixed point ---- */

/* One channel of a product, with its own exceptions. */
typedef struct channel_product {
    lb_fixed_point product;
    size_t channel;
    int64_t largest; /* sum, and negative of the smallest */
    bool falls;
} channel_product;

static size_t field_at(const channel_product *p, int64_t sum)
{
    return lb_fixed_point_field(&p->product, p->channel, (int32_t)sum);
}

/* Channel `channel`, whose exceptions begin with number *next; *next moves on to the following channel's. */
static channel_product product_of(const lb_fixed_point *from, size_t channel, int64_t largest,
                                  size_t *next)
{
    channel_product p = {*from, channel, largest, from->multiplier[channel] < 0};
    const size_t first = *next;
    while (*next < from->n_exceptions && (size_t)from->exceptions[*next].channel == channel)
        ++*next;
    p.product.n_exceptions = *next - first;
    if (p.product.n_exceptions > 0) p.product.exceptions = from->exceptions + first;
    if (from->multiplier[channel] == 0) p.falls = field_at(&p, -largest) > field_at(&p, largest);
    return p;
}

/* Do the exceptions leave the codes in their order? Each stands between what its neighbours have. */
static bool keeps_order(const channel_product *p)
{
    const size_t n = p->product.n_exceptions;
    for (size_t i = 0; i < n; i++) {
        const lb_fixed_exception *e = &p->product.exceptions[i];
        channel_product near = *p; /* with those exceptions that can be the neighbours' */
        const size_t before = i > 0 ? 1 : 0, after = i + 1 < n ? 1 : 0, at = (size_t)e->field;
        near.product.exceptions = e - before;
        near.product.n_exceptions = before + 1 + after;
        if (e->sum < -p->largest || e->sum > p->largest) continue;
        const size_t low = e->sum > -p->largest ? field_at(&near, (int64_t)e->sum - 1) : at;
        const size_t high = e->sum < p->largest ? field_at(&near, (int64_t)e->sum + 1) : at;
        if (p->falls ? low < at || at < high : low > at || at > high) return false;
    }
    return true;
}

/* The first sum whose count of passed codes is above j; one more than the largest where there is none. */
static int64_t first_above(const channel_product *p, size_t j)
{
    int64_t low = -p->largest, end = p->largest + 1;
    while (low < end) {
        const int64_t middle = low + (end - low) / 2;
        const size_t field = field_at(p, middle);
        const size_t count = p->falls ? levels_of(p->product.bits) - field : field;
        if (count > j)
            end = middle;
        else
            low = middle + 1;
    }
    return low;
}

lb_status lb_thresholds_of_fixed_point(const lb_fixed_point *from, size_t channels,
                                       int64_t largest_sum, lb_arena *arena, lb_thresholds *out,
                                       bool *any)
{
    const size_t levels = levels_of(from->bits);
    int32_t *at = NULL;
    uint8_t *falls = NULL;
    LB_TRY(lb_arena_alloc(arena, channels * levels, sizeof *at, "thresholds", (void **)&at));
    LB_TRY(lb_arena_alloc(arena, (channels + 7) / 8, 1, "thresholds", (void **)&falls));
    *any = true;
    for (size_t c = 0, next = 0; c < channels && *any; c++) {
        const channel_product p = product_of(from, c, largest_sum, &next);
        *any = keeps_order(&p);
        if (p.falls) falls[c / 8] |= (uint8_t)(1u << c % 8);
        for (size_t j = 0; j < levels && *any; j++) {
            const int64_t first = first_above(&p, j);
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
