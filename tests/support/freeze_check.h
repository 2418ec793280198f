/* The frozen network's maps, by the oracle, against the training network's, by lb_evaluator. */
#ifndef LB_TESTS_FREEZE_CHECK_H
#define LB_TESTS_FREEZE_CHECK_H

#include "intnet/intnet.h"
#include "nn/net.h"

/* What was compared. */
typedef struct lb_freeze_comparison {
    size_t layers, values; /* maps and values that were compared, over all images */
    size_t not_finite;     /* images left at a map that is not finite: what follows is undefined */
    char difference[256];  /* the first one; "": none */
} lb_freeze_comparison;

/** Compare all layers' maps for n images (n, c, h, w), bit by bit but for the sign of zeros. */
void lb_test_compare_frozen(lb_net *net, const lb_intnet *frozen, const float *images, size_t n,
                            lb_freeze_comparison *out);

#endif
