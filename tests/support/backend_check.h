/* Training back ends against each other on small nets: builders, and the agreement of both within the bounds of
 * support/same_step.h. */
#ifndef LB_TESTS_BACKEND_CHECK_H
#define LB_TESTS_BACKEND_CHECK_H

#include "support/same_step.h"

/* Adds a net's nodes. */
typedef void lb_net_builder(lb_net *net);

/** The test fails unless both back ends agree on all of three batches, or two where activations have codes, which a
 *  rounding can change; `factor` widens the bounds. */
void lb_backends_agree_within(lb_net_builder *build, lb_loss loss, size_t batch, int threads,
                              double factor);
void lb_backends_agree(lb_net_builder *build, lb_loss loss, size_t batch, int threads);

/* Pieces of builders: quantizers by name with their standard options; the input of a net. */
lb_weight_choice lb_backend_weights(const char *name, int bits, lb_granularity granularity);
int lb_backend_quantize(lb_net *net, const char *name, int in, const char *quantizer, int bits);
void lb_backend_start(lb_net *net, size_t c, size_t h, size_t w);

/** A net ready for a step: odd parameters everywhere, so that nothing is 1 or 0 by chance. */
void lb_backend_prepare(lb_net_builder *build, lb_loss loss, lb_net *net);

#endif
