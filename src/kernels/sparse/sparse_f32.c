#include "kernels/sparse/sparse_f32.h"

#include <stdbool.h>
#include <string.h>

#include "kernels/sparse/sparse_lists.h"

/* An infinity or a NaN, times all weights of outputs [begin, end). */
static void add_special(const lb_sparse_input *input, float x, size_t begin, size_t end, float *y)
{
    float weights[LB_SPARSE_BLOCK] = {0};
    for (size_t i = 0; i < input->n_plus; i++) weights[input->plus[i]] = 1.0f;
    for (size_t i = 0; i < input->n_minus; i++) weights[input->minus[i]] = -1.0f;
    for (size_t o = begin; o < end; o++) y[o] = y[o] + x * weights[o];
}

/* Outputs [begin, end) of a block of n. */
static void sum_block(const uint16_t *block, size_t inputs, const float *x, size_t n, size_t begin,
                      size_t end, float *y)
{
    const uint16_t *at = block + LB_SPARSE_BLOCK_HEAD;
    const bool whole = begin == 0 && end == n;
    memset(y + begin, 0, (end - begin) * sizeof *y);
    for (size_t k = 0; k < inputs; k++) {
        const float x_k = x[k];
        lb_sparse_input input = lb_sparse_input_read(&at);
        if (x_k == 0.0f) continue;
        if (!whole) lb_sparse_input_narrow(&input, begin, end);
        if (!(x_k * 0.0f == 0.0f)) {
            add_special(&input, x_k, begin, end, y);
            continue;
        }
        for (size_t i = 0; i < input.n_plus; i++) y[input.plus[i]] += x_k;
        for (size_t i = 0; i < input.n_minus; i++) y[input.minus[i]] -= x_k;
    }
}

void lb_sparse_f32_sum(const uint16_t *lists, size_t outputs, size_t inputs, const float *x,
                       size_t begin, size_t end, float *y)
{
    const uint16_t *block = lists;
    for (size_t o = 0; o < end; o += LB_SPARSE_BLOCK) {
        const size_t left = outputs - o, n = left < LB_SPARSE_BLOCK ? left : LB_SPARSE_BLOCK;
        const size_t from = begin > o ? begin - o : 0, to = end - o < n ? end - o : n;
        if (from < to) sum_block(block, inputs, x, n, from, to, y + o);
        block = lb_sparse_block_next(block);
    }
}
