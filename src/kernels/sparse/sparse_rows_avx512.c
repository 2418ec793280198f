/* sparse_rows in registers of 16 floats. */
#define LB_LANES 16
#define LB_FUNCTION lb_sparse_rows__avx512
#include "kernels/sparse/sparse_rows_body.h"
