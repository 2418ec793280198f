/* Prepared rows of codes of 16 bits: NEON. */
#include "kernels/conv/conv_multiply_arm.h"
#include "kernels/conv/conv_multiply_fields_neon.h"

#define LB_PREPARE lb_multiply_prepare_s16_neon
#define LB_CODE int16_t
#define LB_UNSIGNED_CODE uint16_t

#include "kernels/conv/conv_multiply_rows_body.h"
