/* Settings of quantizers as tests want them, and the value of a code. */
#ifndef LB_TESTS_QUANTIZER_SETTINGS_H
#define LB_TESTS_QUANTIZER_SETTINGS_H

#include "nn/quantizer.h"

/** Every option of the table at its standard value; NULL: a table of none. */
void lb_test_standard_options(const lb_option *options, float *values);
/** Setting number `at` of a table: 0: all are standard; from 1 on one is at its smallest or largest value,
 *  where that is not the standard one. false: there are not as many. */
bool lb_test_option_setting(const lb_option *options, size_t at, float *values);
/** code * scale of weight i of a group. */
float lb_test_weight_value(lb_weight_group group, const lb_weight_statistics *s,
                           const int16_t *code, size_t i);

#endif
