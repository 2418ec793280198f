/* Side by side: a training graph's evaluation and packed networks, one image after the other. */
#ifndef LB_VERIFY_COMPARE_H
#define LB_VERIFY_COMPARE_H

#include <stdint.h>

#include "data/augment.h"
#include "lowbit/deploy.h"
#include "lowbit/runtime.h"
#include "nn/net.h"

/* The packed network, opened for one instruction set. */
typedef struct lb_compared_packed {
    const char *isa;
    const lb_packed *packed;
} lb_compared_packed;

typedef struct lb_comparison {
    lb_net *net; /* the training graph */
    const lb_compared_packed *packed;
    size_t n_packed;       /* at least one; all opened from the same file */
    const uint8_t *pixels; /* (images, c, h, w) */
    size_t images;
    lb_normalization normalization; /* how the training graph takes pixels */
    int threads;
    /* Told by the calling thread how many images are done; false: stop. NULL: nobody is told. */
    bool (*progress)(size_t done, size_t images, void *user);
    void *user;
} lb_comparison;

/**
 * Evaluate both on all images and compare, for every instruction set, the map of each packed layer that
 * names a training node it equals, and the logits of a context that keeps no maps.
 *
 * Exactness: maps of codes are compared as numbers, where -0 is 0: training computes codes in float, and
 *            a rounded negative value is -0 there, which as an integer is 0. Float maps and logits are
 *            compared bit by bit.
 * Errors:    LB_E_SHAPE, LB_E_FORMAT the packed network is not one of this graph: names the layer;
 *            LB_E_INTERRUPTED; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_compare(const lb_comparison *comparison, lb_verify_result *out);

#endif
