/* The two loops of a resize as the language has them: the definition of the faster ones. */
#include "data/resize_rows.h"

#include "base/cpu.h"

/* n is a constant where it is called with the usual ones, so that the compiler unrolls and vectorizes. */
static inline void blend_n(const uint8_t *const *rows, const int16_t *weights, size_t n,
                           size_t bytes, int16_t *restrict out)
{
    for (size_t x = 0; x < bytes; x++) {
        int32_t sum = 1 << (LB_RESIZE_FIRST_SHIFT - 1);
        for (size_t k = 0; k < n; k++) sum += (int32_t)weights[k] * (int16_t)rows[k][x];
        out[x] = (int16_t)(sum >> LB_RESIZE_FIRST_SHIFT);
    }
}

static void blend(const uint8_t *const *rows, const int16_t *weights, size_t n, size_t bytes,
                  int16_t *out)
{
    if (n == 2) {
        blend_n(rows, weights, 2, bytes, out);
    } else if (n == 4) {
        blend_n(rows, weights, 4, bytes, out);
    } else {
        blend_n(rows, weights, n, bytes, out);
    }
}

static inline void pick_n(const int16_t *row, const uint32_t *firsts, const int16_t *weights,
                          size_t n, size_t count, uint8_t *const planes[3])
{
    for (size_t x = 0; x < count; x++) {
        const int16_t *from = row + 4 * (size_t)firsts[x], *w = weights + x * n;
        int32_t sum[4];
        for (size_t c = 0; c < 4; c++) sum[c] = 1 << (LB_RESIZE_LAST_SHIFT - 1);
        for (size_t k = 0; k < n; k++) {
            for (size_t c = 0; c < 4; c++) sum[c] += (int32_t)w[k] * from[4 * k + c];
        }
        for (size_t c = 0; c < 3; c++) planes[c][x] = (uint8_t)(sum[c] >> LB_RESIZE_LAST_SHIFT);
    }
}

static void pick(const int16_t *row, const uint32_t *firsts, const int16_t *weights, size_t n,
                 size_t count, uint8_t *const planes[3])
{
    if (n == 2) {
        pick_n(row, firsts, weights, 2, count, planes);
    } else if (n == 4) {
        pick_n(row, firsts, weights, 4, count, planes);
    } else {
        pick_n(row, firsts, weights, n, count, planes);
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
