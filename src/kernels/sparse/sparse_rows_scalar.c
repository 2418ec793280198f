/* The definition of sparse_rows: plainest loops. */
#include "kernels/sparse/sparse_f32.h"

lb_sparse_rows_fn lb_sparse_rows__scalar;

void lb_sparse_rows__scalar(const lb_sparse_filter *filter, const float *const *rows, size_t pixels,
                            float *y, size_t y_stride)
{
    for (size_t p = 0; p < pixels; p++) {
        float sum = 0.0f;
        for (size_t ky = 0; ky < filter->kh; ky++)
            for (size_t i = filter->starts[ky]; i < filter->starts[ky + 1]; i++)
                sum = sum + rows[ky][filter->places[i] + p];
        y[p * y_stride] = sum;
    }
}
