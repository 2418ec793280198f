/* The two loops of a resize as the language has them: the definition of the faster ones. */
#include "data/resize_rows.h"

#include "base/cpu.h"

static void blend(const uint8_t *const *rows, const int16_t *weights, size_t n, size_t bytes,
                  int16_t *out)
{
    for (size_t x = 0; x < bytes; x++) {
        int32_t sum = 1 << (LB_RESIZE_FIRST_SHIFT - 1);
        for (size_t k = 0; k < n; k++) sum += weights[k] * rows[k][x];
        out[x] = (int16_t)(sum >> LB_RESIZE_FIRST_SHIFT);
    }
}

static void pick(const int16_t *row, const uint32_t *firsts, const int16_t *weights, size_t n,
                 size_t count, uint8_t *const planes[3])
{
    for (size_t x = 0; x < count; x++) {
        const int16_t *from = row + 4 * (size_t)firsts[x], *w = weights + x * n;
        for (size_t c = 0; c < 3; c++) {
            int32_t sum = 1 << (LB_RESIZE_LAST_SHIFT - 1);
            for (size_t k = 0; k < n; k++) sum += w[k] * from[4 * k + c];
            planes[c][x] = (uint8_t)(sum >> LB_RESIZE_LAST_SHIFT);
        }
    }
}

lb_resize_loops lb_resize_loops_for(unsigned isa)
{
#if defined(__x86_64__)
    if (isa & LB_ISA_AVX2) return (lb_resize_loops){lb_resize_blend__avx2, lb_resize_pick__avx2};
#endif
    (void)isa;
    return (lb_resize_loops){blend, pick};
}
