/* sparse_rows in registers of 4 floats. */
#define LB_LANES 4
#define LB_FUNCTION lb_sparse_rows__neon
#include "kernels/sparse/sparse_rows_body.h"
