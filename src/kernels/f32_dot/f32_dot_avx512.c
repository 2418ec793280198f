/* f32_dot in registers of 16 floats. */
#define LB_LANES 16
#define LB_PIXELS 8
#define LB_FUNCTION lb_f32_dot__avx512
#include "kernels/f32_dot/f32_dot_body.h"
