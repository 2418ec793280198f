/* The functions of x86 instruction sets for the kernels that multiply codes. */
#ifndef LB_KERNELS_CONV_MULTIPLY_X86_H
#define LB_KERNELS_CONV_MULTIPLY_X86_H

#include "kernels/conv/conv_multiply.h"

/* Rows of fields of a byte, and of codes of 16 bits; for AVX-512 too. */
lb_multiply_prepare_fn lb_multiply_prepare_u8_avx2, lb_multiply_prepare_s16_avx2;
lb_multiply_put_fn lb_multiply_put_avx2, lb_multiply_put_avx512;

#endif
