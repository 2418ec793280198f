/* The blocked loop of sparse_rows, shared by the instruction sets, which differ in register width only. The including
 * file defines LB_LANES (floats a register) and LB_FUNCTION. Neighbouring pixels lie in the lanes; several registers of
 * them share each place. */
#include <string.h>

#include "base/compiler.h"
#include "kernels/sparse/sparse_f32.h"

enum { REGISTERS = 4 };
typedef float lanes_t __attribute__((vector_size(LB_LANES * sizeof(float))));

/* n (a constant after inlining, at most REGISTERS) registers of pixels, of which `pixels` are wanted. */
LB_ALWAYS_INLINE void block(size_t n, const lb_sparse_filter *filter, const float *const *rows,
                            size_t first, size_t pixels, float *y, size_t y_stride)
{
    lanes_t sum[REGISTERS];
    memset(sum, 0, n * sizeof *sum);
    for (size_t ky = 0; ky < filter->kh; ky++) {
        const float *row = rows[ky] + first;
        for (size_t i = filter->starts[ky]; i < filter->starts[ky + 1]; i++) {
            const float *x = row + filter->places[i];
            for (size_t r = 0; r < n; r++) {
                lanes_t x_r;
                memcpy(&x_r, x + r * LB_LANES, sizeof x_r);
                sum[r] = sum[r] + x_r;
            }
        }
    }
    float values[REGISTERS * LB_LANES];
    memcpy(values, sum, n * sizeof *sum);
    for (size_t p = 0; p < pixels; p++) y[p * y_stride] = values[p];
}

lb_sparse_rows_fn LB_FUNCTION;

void LB_FUNCTION(const lb_sparse_filter *filter, const float *const *rows, size_t pixels, float *y,
                 size_t y_stride)
{
    size_t p = 0;
    for (; p + REGISTERS * LB_LANES <= pixels; p += REGISTERS * LB_LANES)
        block(REGISTERS, filter, rows, p, REGISTERS * LB_LANES, y + p * y_stride, y_stride);
    for (; p + 2 * LB_LANES <= pixels; p += 2 * LB_LANES)
        block(2, filter, rows, p, 2 * LB_LANES, y + p * y_stride, y_stride);
    for (; p < pixels; p += LB_LANES)
        block(1, filter, rows, p, pixels - p < LB_LANES ? pixels - p : LB_LANES, y + p * y_stride,
              y_stride);
}
