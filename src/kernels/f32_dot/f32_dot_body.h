/* The blocked loop of f32_dot, shared by the instruction sets, which differ in register width only.
 * The including file defines LB_LANES (floats a register), LB_PIXELS (pixels a block) and LB_FUNCTION.
 *
 * A block keeps LB_PIXELS x 16 sums in registers while k runs over the inputs: one weight row is
 * loaded a step and multiplied by each pixel's input, so the two arithmetic ports stay busy. */
#include <string.h>

#include "base/compiler.h"
#include "kernels/f32_dot/f32_dot.h"

enum { REGISTERS = LB_F32_DOT_LANES / LB_LANES };
typedef float lanes_t __attribute__((vector_size(LB_LANES * sizeof(float))));

static inline lanes_t load(const float *p)
{
    lanes_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store_block(lanes_t sum[REGISTERS], size_t lanes, float *y)
{
    if (lanes == LB_F32_DOT_LANES) {
        memcpy(y, sum, LB_F32_DOT_LANES * sizeof *y);
    } else {
        float whole[LB_F32_DOT_LANES];
        memcpy(whole, sum, sizeof whole);
        memcpy(y, whole, lanes * sizeof *y);
    }
}

/* n (a constant after inlining, at most LB_PIXELS) neighbouring pixels. */
LB_ALWAYS_INLINE void block(size_t n, const lb_f32_dot_inputs *in, const float *x, const float *w,
                            size_t lanes, float *y, size_t y_stride)
{
    lanes_t sum[LB_PIXELS][REGISTERS];
    memset(sum, 0, sizeof sum);
    for (size_t s = 0; s < in->n_segments; s++) {
        const float *run = x + in->segment_offset[s];
        for (size_t k = 0; k < in->segment_length; k++, w += LB_F32_DOT_LANES) {
            lanes_t w_k[REGISTERS];
            for (size_t r = 0; r < REGISTERS; r++) w_k[r] = load(w + r * LB_LANES);
            for (size_t p = 0; p < n; p++) {
                const float x_k = run[p * in->pixel_stride + k];
                for (size_t r = 0; r < REGISTERS; r++) sum[p][r] = sum[p][r] + w_k[r] * x_k;
            }
        }
    }
    for (size_t p = 0; p < n; p++) store_block(sum[p], lanes, y + p * y_stride);
}

void LB_FUNCTION(const lb_f32_dot_inputs *in, const float *x, const float *w, size_t lanes,
                 float *y, size_t y_stride);

void LB_FUNCTION(const lb_f32_dot_inputs *in, const float *x, const float *w, size_t lanes,
                 float *y, size_t y_stride)
{
    size_t p = 0;
    for (; p + LB_PIXELS <= in->n_pixels; p += LB_PIXELS)
        block(LB_PIXELS, in, x + p * in->pixel_stride, w, lanes, y + p * y_stride, y_stride);
    if (p + LB_PIXELS / 2 <= in->n_pixels) {
        block(LB_PIXELS / 2, in, x + p * in->pixel_stride, w, lanes, y + p * y_stride, y_stride);
        p += LB_PIXELS / 2;
    }
    for (; p < in->n_pixels; p++)
        block(1, in, x + p * in->pixel_stride, w, lanes, y + p * y_stride, y_stride);
}
