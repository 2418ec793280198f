/* Random batch-norms and learned activations, for tests of evaluation: gains of both signs, some zero, statistics
 * that fit what comes more or less, so that the codes behind them are not all the same. */
#ifndef LB_TESTS_RANDOM_NORMS_H
#define LB_TESTS_RANDOM_NORMS_H

#include "base/random.h"
#include "nn/net.h"

/** Draw the learned values of all activation quantizers, which otherwise wait for a first batch. */
void lb_random_learned_acts(lb_net *net, lb_random *r);
/** Draw gamma, beta and running statistics of all batch-norms of an initialized network; statistics are
 *  taken from its evaluation on `samples` random images. `huge`: some gains and shifts are tiny or huge. */
void lb_random_norms(lb_net *net, lb_random *r, size_t samples, bool huge);

#endif
