/* Prepared rows of signed fields of a byte: NEON. */
#include "kernels/conv/conv_multiply_arm.h"
#include "kernels/conv/conv_multiply_fields_neon.h"

#define LB_PREPARE lb_multiply_prepare_s8_neon
#define LB_CODE int8_t
#define LB_UNSIGNED_CODE uint8_t

#include "kernels/conv/conv_multiply_rows_body.h"
