/* One training step by the fast back end against the reference.
 *
 * Compared are the loss, every parameter's gradient and the running statistics. The reference adds up in double;
 * ours adds in single precision, K terms with a relative error that grows like sqrt(K) * 2^-24, through a few
 * layers: with K below 10^4 about 1e-5 of a gradient's norm. The bound is 4e-5 of the norm (a wrong mask, scale,
 * padding or missing term changes it by percents), plus 1e-6 of the largest gradient's norm for those that vanish
 * mathematically (a bias before batch-norm). A value that lies within a rounding of a quantizer's threshold, or two
 * that are equal to a max-pool, may get another code here than there and change everything behind it; so a net with
 * quantizers has three different batches to agree on two. */
#ifndef LB_TESTS_SAME_STEP_H
#define LB_TESTS_SAME_STEP_H

#include "nn/executor.h"

/** Give an initialized net's biases and batch-norms odd values, so that nothing is 1 or 0 by
 *  chance. */
void lb_test_odd_parameters(lb_net *net);
/** Two training steps on random images drawn from the seed; *result is the second's. */
void lb_test_steps(const char *backend, lb_net *net, size_t batch, int threads, uint64_t seed,
                   lb_step_result *result);
/* How many times the bounds are wider: for loss and running statistics; for gradients, INFINITY: any. */
typedef struct lb_step_bounds {
    double forward, gradient;
} lb_step_bounds;

/** The same two steps of two equal nets, one by each back end: do they agree? */
bool lb_test_same_step(lb_net *fast, lb_net *plain, size_t batch, int threads,
                       lb_step_bounds bounds, uint64_t seed);
/** n normal random numbers. */
void lb_test_normals(size_t n, float *x, uint64_t seed);
/** Is the norm of got - want at most relative * norm of want + absolute? `what` and `name` are for the
 *  message. */
bool lb_test_near(const char *what, const char *name, size_t n, const float *got, const float *want,
                  double relative, double absolute);
/** What the last of these two that was false found. */
const char *lb_test_step_difference(void);

#endif
