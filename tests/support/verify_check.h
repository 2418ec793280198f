/* A network frozen, written, opened and run, scalar and by the best kernels here, against evaluation in
 * training. */
#ifndef LB_TESTS_VERIFY_CHECK_H
#define LB_TESTS_VERIFY_CHECK_H

#include "nn/net.h"

/* What has been compared. Start with {0}. */
typedef struct lb_test_verified {
    size_t networks, layers, values;
} lb_test_verified;

/** Fail the test, by the network's name, unless all values of all layers are the same on images of
 *  random pixels drawn from the seed; `path` is for the packed file. */
void lb_test_verify(const char *name, lb_net *net, size_t images, uint64_t seed, const char *path,
                    lb_test_verified *sum);

#endif
