#include "kernels/sparse/sparse_lists.h"

enum { HALF_BITS = 16, BLOCK_HEAD = LB_SPARSE_BLOCK_HEAD, INPUT_HEAD = 2 };

size_t lb_sparse_lists_bytes(size_t outputs, size_t inputs, size_t nonzero)
{
    const size_t blocks = (outputs + LB_SPARSE_BLOCK - 1) / LB_SPARSE_BLOCK;
    return (blocks * (BLOCK_HEAD + INPUT_HEAD * inputs) + nonzero) * sizeof(uint16_t);
}

/* Outputs whose weight of one input is `code`, to `list`; how many there are. */
static size_t list_outputs(size_t outputs, size_t inputs, const int16_t *codes, int code,
                           uint16_t *list)
{
    size_t n = 0;
    for (size_t o = 0; o < outputs; o++)
        if (codes[o * inputs] == code) list[n++] = (uint16_t)o;
    return n;
}

uint16_t *lb_sparse_block_pack(size_t outputs, size_t inputs, const int16_t *codes, uint16_t *block)
{
    uint16_t *to = block + BLOCK_HEAD;
    for (size_t k = 0; k < inputs; k++) {
        const size_t n_plus = list_outputs(outputs, inputs, codes + k, 1, to + INPUT_HEAD);
        const size_t n_minus =
            list_outputs(outputs, inputs, codes + k, -1, to + INPUT_HEAD + n_plus);
        to[0] = (uint16_t)n_plus;
        to[1] = (uint16_t)n_minus;
        to += INPUT_HEAD + n_plus + n_minus;
    }
    const size_t elements = (size_t)(to - block) - BLOCK_HEAD;
    block[0] = (uint16_t)(elements & UINT16_MAX);
    block[1] = (uint16_t)(elements >> HALF_BITS);
    return to;
}

const uint16_t *lb_sparse_block_next(const uint16_t *block)
{
    return block + BLOCK_HEAD + (block[0] | (size_t)block[1] << HALF_BITS);
}

/* How many of n ascending outputs are below `bound`. */
static size_t count_below(const uint16_t *list, size_t n, size_t bound)
{
    size_t low = 0, high = n;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (list[middle] < bound)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void narrow(const uint16_t **list, size_t *n, size_t begin, size_t end)
{
    const size_t first = count_below(*list, *n, begin);
    *n = count_below(*list, *n, end) - first;
    *list += first;
}

void lb_sparse_input_narrow(lb_sparse_input *input, size_t begin, size_t end)
{
    narrow(&input->plus, &input->n_plus, begin, end);
    narrow(&input->minus, &input->n_minus, begin, end);
}
