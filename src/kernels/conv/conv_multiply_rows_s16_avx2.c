/* Prepared rows of codes of 16 bits: AVX2, for the AVX-512 kernels too. */
#include "kernels/conv/conv_multiply_fields_avx2.h"
#include "kernels/conv/conv_multiply_x86.h"

#define LB_PREPARE lb_multiply_prepare_s16_avx2
#define LB_CODE int16_t
#define LB_UNSIGNED_CODE uint16_t

#include "kernels/conv/conv_multiply_rows_body.h"
