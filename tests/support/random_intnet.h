/* Random small integer networks, made directly: forms that freeze would not choose are in them too. A pure
 * function of a seed; without cmocka. */
#ifndef LB_TESTS_RANDOM_INTNET_H
#define LB_TESTS_RANDOM_INTNET_H

#include "intnet/intnet.h"

/** Build network number `seed`: every operation, storage, grid, step and integer form, shortcuts, windows
 *  with any stride and padding. Aborts where it does not pass lb_intnet_check; lb_intnet_release. */
void lb_random_intnet(uint64_t seed, lb_intnet *net);
/** An image (c, h, w) for it: normalized floats, or (p - 128) / 128; and the pixels of the latter where
 *  `pixels` is not NULL. */
void lb_random_intnet_image(uint64_t seed, const lb_intnet *net, float *image, uint8_t *pixels);

#endif
