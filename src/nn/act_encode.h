/* The activation quantizers' map over an array: values in, codes out. */
#ifndef LB_NN_ACT_ENCODE_H
#define LB_NN_ACT_ENCODE_H

#include <stddef.h>

#include "nn/quantizer.h"

/** code[i] of x[i], as whole numbers in float; see lb_act_map for the order of operations. code may equal x. */
void lb_act_encode(const lb_act_map *map, size_t n, const float *x, float *code);

#endif
