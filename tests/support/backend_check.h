/* Training back ends against each other: the fast one and the reference run the same two steps of a small net.
 *
 * Compared are the loss, every parameter's gradient and the running statistics. The reference adds up in double;
 * ours adds in single precision, K terms with a relative error that grows like sqrt(K) * 2^-24, through a few
 * layers: with K below 10^4 about 1e-5 of a gradient's norm. The bound is 4e-5 of the norm (a wrong mask, scale,
 * padding or missing term changes it by percents), plus 1e-6 of the largest gradient's norm for those that vanish
 * mathematically (a bias before batch-norm). A value that lies within a rounding of a quantizer's threshold, or two
 * that are equal to a max-pool, may get another code here than there and change everything behind it; so a net has
 * three different batches to agree on one. What is computed wrongly agrees on none. */
#ifndef LB_TESTS_BACKEND_CHECK_H
#define LB_TESTS_BACKEND_CHECK_H

#include "nn/executor.h"

/* Adds a net's nodes. */
typedef void lb_net_builder(lb_net *net);

/** The test fails unless both back ends agree on one of three batches; `factor` widens the bounds. */
void lb_backends_agree_within(lb_net_builder *build, lb_loss loss, size_t batch, int threads,
                              double factor);
void lb_backends_agree(lb_net_builder *build, lb_loss loss, size_t batch, int threads);

/* Pieces of builders: quantizers by name with their standard options; the input of a net. */
lb_weight_choice lb_backend_weights(const char *name, int bits, lb_granularity granularity);
int lb_backend_quantize(lb_net *net, const char *name, int in, const char *quantizer, int bits);
void lb_backend_start(lb_net *net, size_t c, size_t h, size_t w);

/** A net ready for a step: odd parameters everywhere, so that nothing is 1 or 0 by chance. */
void lb_backend_prepare(lb_net_builder *build, lb_loss loss, lb_net *net);
/** Two steps on a back end; the result is the second one's. */
void lb_backend_step(const char *backend, lb_net *net, size_t batch, int threads, uint64_t seed,
                     lb_step_result *result);
/** n normal numbers. */
void lb_backend_fill(size_t n, float *x, uint64_t seed);
/** |got - want| <= relative |want| + absolute, in norms; else lb_backend_difference says by how much not. */
bool lb_backend_near(const char *what, const char *name, size_t n, const float *got,
                     const float *want, double relative, double absolute);
extern char lb_backend_difference[256];

#endif
