/* Sparse ternary weights by input: for each input the outputs that it is added to and those that it is taken
 * from, so that a layer of one pixel reads nothing of the weights that are zero.
 *
 *     block     of up to LB_SPARSE_BLOCK outputs, block after block; all elements are uint16
 *               number of elements that follow in the block, low half, high half
 *               for each input: number of +1, number of -1, outputs of the +1, outputs of the -1
 *
 * Outputs are counted from the block's first one, ascending in each list. An input's outputs are all different and
 * inputs stand in sequence: every sum is added up in the order of its inputs. */
#ifndef LB_KERNELS_SPARSE_LISTS_H
#define LB_KERNELS_SPARSE_LISTS_H

#include <stddef.h>
#include <stdint.h>

enum { LB_SPARSE_BLOCK = 2048, LB_SPARSE_BLOCK_HEAD = 2 };

/** Bytes of the lists of `outputs` x `inputs` weights, of which `nonzero` are not zero. */
size_t lb_sparse_lists_bytes(size_t outputs, size_t inputs, size_t nonzero);
/** Make a block of ternary codes [outputs][inputs], of at most LB_SPARSE_BLOCK outputs; returns where it ends. */
uint16_t *lb_sparse_block_pack(size_t outputs, size_t inputs, const int16_t *codes,
                               uint16_t *block);
/** The block after this one. */
const uint16_t *lb_sparse_block_next(const uint16_t *block);

/* Outputs of one input: those of [begin, end). */
typedef struct lb_sparse_input {
    const uint16_t *plus, *minus;
    size_t n_plus, n_minus;
} lb_sparse_input;

/** Keep of an input's outputs those in [begin, end). */
void lb_sparse_input_narrow(lb_sparse_input *input, size_t begin, size_t end);

/** The lists of the input at *at, which moves on to the next. */
static inline lb_sparse_input lb_sparse_input_read(const uint16_t **at)
{
    const uint16_t *lists = *at + 2;
    const lb_sparse_input input = {lists, lists + (*at)[0], (*at)[0], (*at)[1]};
    *at = input.minus + input.n_minus;
    return input;
}

#endif
