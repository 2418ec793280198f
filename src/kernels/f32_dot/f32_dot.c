/* The table of f32_dot variants. */
#include "kernels/f32_dot/f32_dot.h"

#include "base/compiler.h"
#include "base/cpu.h"

#define LB_UKERNEL(function, sets) lb_f32_dot_fn function;
#include "kernels/f32_dot/f32_dot.inc"
#undef LB_UKERNEL

const lb_f32_dot_variant lb_f32_dot_variants[] = {
#define LB_UKERNEL(function, sets) {#function, function, sets},
#include "kernels/f32_dot/f32_dot.inc"
#undef LB_UKERNEL
};
const size_t lb_n_f32_dot_variants = sizeof lb_f32_dot_variants / sizeof *lb_f32_dot_variants;

const lb_f32_dot_variant *lb_f32_dot_select(unsigned allowed)
{
    const lb_f32_dot_variant *v = lb_f32_dot_variants;
    while ((v->isa & allowed) != v->isa) v++;
    return v;
}
