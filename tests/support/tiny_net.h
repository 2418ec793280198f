/* Networks of a few values, built and set by hand, for tests of freeze. Names are the builder's. */
#ifndef LB_TESTS_TINY_NET_H
#define LB_TESTS_TINY_NET_H

#include "intnet/intnet.h"
#include "nn/net.h"

/** A weight quantizer at these bits, granularity and options its own. */
lb_weight_choice lb_tiny_weights(const char *name, int bits);
/** A quantize node with this quantizer, options 0. */
int lb_tiny_quantize(lb_net *net, const char *name, int in, const char *quantizer, int bits);
/** A batch-norm node with affine part, eps 1e-5. */
int lb_tiny_norm(lb_net *net, const char *name, int in);
/** Finish and initialize. */
void lb_tiny_finish(lb_net *net);

/** The values of the parameter of that name, or fail the test. */
float *lb_tiny_values(lb_net *net, const char *param);
/** Let channel c of a batch-norm compute gain * (x - mean) + beta: variance + eps is 1. */
void lb_tiny_set_norm(lb_net *net, const char *name, size_t c, float gain, float mean, float beta);

/** Freeze, and fail the test unless all maps on four random images equal evaluation's; images of at most 64
 *  values. */
void lb_tiny_freeze(lb_net *net, lb_intnet *frozen);
/** Fail the test unless these are the layers: "conv1=q2 fc=fc(float)" names every layer and the node whose
 *  map it gives. */
void lb_tiny_check_layers(const lb_intnet *net, const char *wanted);
/** The layer of that name, or fail the test. */
const lb_int_layer *lb_tiny_layer(const lb_intnet *net, const char *name);
/** Bit i of a bit set. */
bool lb_tiny_bit(const uint8_t *bits, size_t i);

#endif
