/* The table of convolution kernels, for people. */
#include "base/cpu.h"
#include "runtime/bench_layer.h"

/* Names of what a kernel needs: the most demanding set says all. */
static const char *isa_text(unsigned isa)
{
    if (isa & LB_ISA_AVX512_VNNI) return "avx512 vnni";
    if (isa & LB_ISA_AVX512_VPOPCNT) return "avx512 vpopcnt";
    if (isa & LB_ISA_AVX512) return "avx512";
    if (isa & LB_ISA_AVX2) return "avx2";
    return isa & LB_ISA_NEON ? "neon" : "scalar";
}

size_t lb_kernel_count(void)
{
    size_t n = 0;
    while (lb_conv_kernels[n] != NULL) n++;
    return n;
}

lb_status lb_kernel_info_at(size_t index, const lb_bench_layer *layer, lb_kernel_info *out)
{
    const size_t n = lb_kernel_count();
    if (index >= n) return lb_fail(LB_E_ARG, "kernel %zu: there are %zu", index, n);
    const lb_conv_kernel *kernel = lb_conv_kernels[index];
    const unsigned allowed = lb_cpu_isa();
    lb_kernel_info info = {.name = kernel->name,
                           .summary = kernel->summary,
                           .isa = isa_text(kernel->isa),
                           .usable = (kernel->isa & allowed) == kernel->isa,
                           .why = ""};
    if (layer != NULL) {
        lb_int_conv conv;
        LB_TRY(lb_bench_layer_conv(layer, &conv));
        info.supported = kernel->supports(&conv, &info.why);
        info.cost = info.supported ? kernel->cost(&conv) : 0.0;
        info.chosen = lb_conv_select(&conv, allowed) == kernel;
        if (info.supported) info.why = "";
    }
    *out = info;
    return LB_OK;
}
