/* Networks whose weights are held in part or all, as a partition leaves them. */
#ifndef LB_TESTS_HELD_WEIGHTS_H
#define LB_TESTS_HELD_WEIGHTS_H

#include "nn/net.h"

/** Hold the first of every `period` weights of each layer. */
void lb_test_hold_weights(lb_net *net, size_t period);

#endif
