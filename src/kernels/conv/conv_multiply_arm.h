/* The functions of NEON for the kernels that multiply codes. */
#ifndef LB_KERNELS_CONV_MULTIPLY_ARM_H
#define LB_KERNELS_CONV_MULTIPLY_ARM_H

#include "kernels/conv/conv_multiply.h"

/* Rows of signed fields of a byte, and of codes of 16 bits. */
lb_multiply_prepare_fn lb_multiply_prepare_s8_neon, lb_multiply_prepare_s16_neon;
lb_multiply_put_fn lb_multiply_put_neon;

#endif
