/* The definition of f32_dot: plainest loops. */
#include "kernels/f32_dot/f32_dot.h"

void lb_f32_dot__scalar(const lb_f32_dot_inputs *in, const float *x, const float *w, size_t lanes,
                        float *y, size_t y_stride);

void lb_f32_dot__scalar(const lb_f32_dot_inputs *in, const float *x, const float *w, size_t lanes,
                        float *y, size_t y_stride)
{
    for (size_t p = 0; p < in->n_pixels; p++) {
        float sum[LB_F32_DOT_LANES] = {0};
        const float *w_k = w;
        for (size_t s = 0; s < in->n_segments; s++) {
            const float *run = x + p * in->pixel_stride + in->segment_offset[s];
            for (size_t k = 0; k < in->segment_length; k++, w_k += LB_F32_DOT_LANES)
                for (size_t o = 0; o < LB_F32_DOT_LANES; o++) sum[o] = sum[o] + run[k] * w_k[o];
        }
        for (size_t o = 0; o < lanes; o++) y[p * y_stride + o] = sum[o];
    }
}
