/* Sums of a stretch of weights, shared by code widths and register widths. Before including this, a file
 * defines
 *
 *     LB_STEP_BYTES               of a step's codes
 *     LB_PIXELS, LB_REGISTERS     blocks of pixels and registers of filters whose sums stay in registers together
 *     weights_t, weights_load(p); inputs_t, inputs_load(p)
 *     sums_t                      a register of sums while steps are added, and what is done to it:
 *     sums_begin(const int32_t *from)            take up the sums of one block ...
 *     sums_add(sums_t, inputs_t, weights_t)      ... add one step ...
 *     sums_end(sums_t, const int32_t *from, int32_t *to)   ... and put them down
 *
 * and gets add_registers, the lb_multiply_method.add. */
#include "base/compiler.h"
#include "kernels/conv/conv_multiply.h"

enum { LANES = sizeof(weights_t) / LB_STEP_BYTES, TILE = LANES * LB_REGISTERS };

/* Add a stretch to the sums of `pixels` blocks, from `first` of the strip on; pixels and registers are
 * constants once inlined. */
LB_ALWAYS_INLINE void add_tile(const size_t pixels, const size_t registers,
                               const lb_multiply_stretch *s, size_t first, int32_t *sums)
{
    sums_t sum[LB_PIXELS][LB_REGISTERS];
    const uint8_t *w = s->weights;
    int32_t *to = sums + first * TILE;
    const int32_t *from = s->start ? s->start : to;
    const size_t pitch = s->start ? 0 : TILE;
#pragma GCC unroll 16
    for (size_t p = 0; p < pixels; p++)
#pragma GCC unroll 16
        for (size_t r = 0; r < registers; r++) sum[p][r] = sums_begin(from + p * pitch + r * LANES);
    for (size_t run = s->run; run < s->run + s->n_runs; run++) {
        const bool long_runs = s->runs_per_row == 1;
        const void *const *rows = s->rows + (long_runs ? run : run / s->runs_per_row);
        const size_t offset = s->offset + (long_runs ? 0 : run % s->runs_per_row * s->run_pitch);
        const uint8_t *x[LB_PIXELS];
#pragma GCC unroll 16
        for (size_t p = 0; p < pixels; p++)
            x[p] = (const uint8_t *)rows[s->strip->row[first + p]] + s->strip->offset[first + p] +
                   offset;
        for (size_t k = 0; k < s->n_steps * LB_STEP_BYTES; k += LB_STEP_BYTES) {
            weights_t w_k[LB_REGISTERS];
#pragma GCC unroll 16
            for (size_t r = 0; r < registers; r++) w_k[r] = weights_load(w + r * sizeof(weights_t));
            w += registers * sizeof(weights_t);
#pragma GCC unroll 16
            for (size_t p = 0; p < pixels; p++) {
                const inputs_t x_k = inputs_load(x[p] + k);
#pragma GCC unroll 16
                for (size_t r = 0; r < registers; r++) sum[p][r] = sums_add(sum[p][r], x_k, w_k[r]);
            }
        }
    }
#pragma GCC unroll 16
    for (size_t p = 0; p < pixels; p++)
#pragma GCC unroll 16
        for (size_t r = 0; r < registers; r++)
            sums_end(sum[p][r], from + p * pitch + r * LANES, to + p * TILE + r * LANES);
}

LB_ALWAYS_INLINE void add_stretch(const size_t registers, const lb_multiply_stretch *s,
                                  int32_t *sums)
{
    const size_t n = s->strip->n;
    size_t p = 0;
    for (; p + LB_PIXELS <= n; p += LB_PIXELS) add_tile(LB_PIXELS, registers, s, p, sums);
    if (LB_PIXELS > 4 && p + 4 <= n) {
        add_tile(LB_PIXELS > 4 ? 4 : 1, registers, s, p, sums);
        p += 4;
    }
    if (p + 2 <= n) {
        add_tile(2, registers, s, p, sums);
        p += 2;
    }
    if (p < n) add_tile(1, registers, s, p, sums);
}

#define LB_ADD_STRETCH(registers)                                                    \
    static void add_stretch_##registers(const lb_multiply_stretch *s, int32_t *sums) \
    {                                                                                \
        add_stretch(registers, s, sums);                                             \
    }
LB_ADD_STRETCH(1)
LB_ADD_STRETCH(2)
#if LB_REGISTERS == 4
LB_ADD_STRETCH(3)
LB_ADD_STRETCH(4)
static lb_multiply_add_fn *const add_registers[] = {NULL, add_stretch_1, add_stretch_2,
                                                    add_stretch_3, add_stretch_4};
#else
static lb_multiply_add_fn *const add_registers[] = {NULL, add_stretch_1, add_stretch_2};
#endif
