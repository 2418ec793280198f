/* The oracle of the integer network: a plain interpreter, one loop after the other, written from
 * src/intnet/intnet.h alone. Codes and sums are ints, float sums are added in the order kernel row, kernel
 * column, input channel. No kernels, no bit tricks, none of src/intnet's loops. */
#ifndef LB_TESTS_PLAIN_INTNET_H
#define LB_TESTS_PLAIN_INTNET_H

#include "intnet/intnet.h"

/* All maps of one network for one image. */
typedef struct lb_plain_maps {
    float **value; /* [n_layers]: code * scale or the float, in the order (channel, row, column) */
    int **code;    /* [n_layers]: codes in the same order; NULL where the map is float */
    size_t n;
} lb_plain_maps;

/** Compute every layer's map of one image (channels, height, width), normalized, or (p - 128) / 128 where
 *  the network takes raw pixels. Aborts on a network that makes no sense; lb_plain_release(maps). */
void lb_plain_run(const lb_intnet *net, const float *image, lb_plain_maps *maps);
void lb_plain_release(lb_plain_maps *maps);

/** The field of a sum, worked out from the definitions of thresholds and fixed point. */
int lb_plain_field(const lb_post *post, size_t channel, int64_t sum);
/** The code of t: multiply, divide, round, clamp. */
float lb_plain_encode(const lb_act_map *map, float t);

#endif
