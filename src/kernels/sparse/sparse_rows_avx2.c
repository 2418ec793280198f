/* sparse_rows in registers of 8 floats. */
#define LB_LANES 8
#define LB_FUNCTION lb_sparse_rows__avx2
#include "kernels/sparse/sparse_rows_body.h"
