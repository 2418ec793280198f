/* f32_dot in registers of 4 floats. */
#define LB_LANES 4
#define LB_PIXELS 4
#define LB_FUNCTION lb_f32_dot__neon
#include "kernels/f32_dot/f32_dot_body.h"
