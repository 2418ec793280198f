/* The table of sparse_rows variants. */
#include "base/compiler.h"
#include "base/cpu.h"
#include "kernels/sparse/sparse_f32.h"

#define LB_UKERNEL(function, sets) lb_sparse_rows_fn function;
#include "kernels/sparse/sparse_rows.inc"
#undef LB_UKERNEL

const lb_sparse_rows_variant lb_sparse_rows_variants[] = {
#define LB_UKERNEL(function, sets) {#function, function, sets},
#include "kernels/sparse/sparse_rows.inc"
#undef LB_UKERNEL
};
const size_t lb_n_sparse_rows_variants =
    sizeof lb_sparse_rows_variants / sizeof *lb_sparse_rows_variants;

const lb_sparse_rows_variant *lb_sparse_rows_select(unsigned allowed)
{
    const lb_sparse_rows_variant *v = lb_sparse_rows_variants;
    while ((v->isa & allowed) != v->isa) v++;
    return v;
}
