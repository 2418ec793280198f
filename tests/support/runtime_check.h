/* What tests of the runtime share: instruction sets of this machine, and runs in memory. */
#ifndef LB_TESTS_RUNTIME_CHECK_H
#define LB_TESTS_RUNTIME_CHECK_H

#include "lowbit/runtime.h"

/** Names of the instruction sets that this machine has, "scalar" first; ended by NULL. */
const char *const *lb_test_isas(void);

/** Are two values of maps the same? Zeros of either sign are, and any two that are not numbers. */
bool lb_test_same_value(float a, float b);

#endif
