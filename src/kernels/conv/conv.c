/* The table of convolution kernels and the choice among them. */
#include "kernels/conv/conv.h"

#include <string.h>

#include "base/compiler.h"

#define LB_CONV_KERNEL(symbol) extern const lb_conv_kernel symbol;
#include "kernels/conv/conv.inc"
#undef LB_CONV_KERNEL

const lb_conv_kernel *const lb_conv_kernels[] = {
#define LB_CONV_KERNEL(symbol) &symbol,
#include "kernels/conv/conv.inc"
#undef LB_CONV_KERNEL
    NULL,
};

const lb_conv_kernel *lb_conv_select(const lb_int_conv *conv, unsigned allowed_isa)
{
    const lb_conv_kernel *best = NULL;
    const char *why;
    for (const lb_conv_kernel *const *k = lb_conv_kernels; *k; k++) {
        if (((*k)->isa & allowed_isa) != (*k)->isa || !(*k)->supports(conv, &why)) continue;
        if (!best || (*k)->cost(conv) < best->cost(conv)) best = *k;
    }
    return best;
}

size_t lb_conv_padded_filters(const lb_int_conv *conv)
{
    return (conv->filters + LB_CONV_BLOCK - 1) / LB_CONV_BLOCK * LB_CONV_BLOCK;
}

size_t lb_conv_row_pixels(const lb_int_conv *conv)
{
    return (conv->out_w - 1) * conv->stride + conv->kw;
}

uint8_t lb_conv_pad_field(const lb_int_conv *conv)
{
    return lb_grid_has_zero(conv->acts) ? lb_grid_field(conv->acts, 0) : 0;
}

/* Fields of n filters from filter f on; level after level, so that filters may lie in the lanes of registers. */
static void count_levels(const lb_conv_thresholds *t, size_t f, size_t n, const int32_t *sums,
                         int32_t *fields)
{
    const int levels = (1 << t->bits) - 1;
    memset(fields, 0, n * sizeof *fields);
    for (int j = 0; j < levels; j++) {
        const int32_t *level = t->level + (size_t)j * t->stride + f;
        for (size_t i = 0; i < n; i++) fields[i] += sums[i] > level[i];
    }
    for (size_t i = 0; i < n; i++)
        if (t->flip[(f + i) / 8] >> (f + i) % 8 & 1) fields[i] ^= levels;
}

void lb_conv_threshold(const lb_conv_thresholds *t, size_t filters, size_t begin, size_t end,
                       const int32_t *sums, uint8_t *codes)
{
    const size_t plane = (filters + 31) / 32 * 4; /* bytes */
    const size_t clear_end = end == filters ? plane : (end + 7) / 8;
    int32_t fields[LB_CONV_BLOCK];
    for (int p = 0; p < t->bits; p++)
        memset(codes + (size_t)p * plane + begin / 8, 0, clear_end - begin / 8);
    for (size_t f = begin; f < end; f += LB_CONV_BLOCK) {
        const size_t n = end - f < LB_CONV_BLOCK ? end - f : LB_CONV_BLOCK;
        count_levels(t, f, n, sums + (f - begin), fields);
        for (int p = 0; p < t->bits; p++)
            for (size_t i = 0; i < n; i++)
                codes[(size_t)p * plane + (f + i) / 8] |=
                    (uint8_t)((fields[i] >> p & 1) << (f + i) % 8);
    }
}
