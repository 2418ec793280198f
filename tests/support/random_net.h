/* Random tiny networks: a pure function of a seed, for tests that compare two ways to compute the same. All
 * quantizers at all widths, all block orders, strides, paddings, groups, shortcuts, concatenations, pools,
 * biases, batch-norm gains of both signs, zero, tiny and huge. */
#ifndef LB_TESTS_RANDOM_NET_H
#define LB_TESTS_RANDOM_NET_H

#include "nn/net.h"

/** Build and initialize network number `seed`, finished. Aborts where one cannot be built; lb_net_release. */
void lb_random_net(uint64_t seed, lb_net *net);
/** n images (n, c, h, w) for it: normalized floats, or (p - 128) / 128 where it takes raw pixels. */
void lb_random_net_images(uint64_t seed, const lb_net *net, size_t n, float *images);

#endif
