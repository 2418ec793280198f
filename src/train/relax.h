/* Random partitions of the weights. */
#ifndef LB_TRAIN_RELAX_H
#define LB_TRAIN_RELAX_H

#include <stddef.h>
#include <stdint.h>

/** Mark m of n weights, m <= n, all choices equally likely: held[i] is 1 for them, else 0. A pure function of seed,
 *  epoch and parameter. */
void lb_draw_partition(uint64_t seed, size_t epoch, size_t param, size_t n, size_t m,
                       uint8_t *held);

#endif
