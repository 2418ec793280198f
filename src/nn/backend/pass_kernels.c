/* The pass kernels for any processor, and the choice between the tables. */
#include "nn/backend/pass_kernels.h"

#include "base/compiler.h"
#include "base/cpu.h"

#define LB_PASS_KERNELS lb_pass_kernels_any

static uint16_t inside16(const float *x, float low, float high, bool open)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < 16; i++) {
        const bool inside = open ? low < x[i] && x[i] < high : low <= x[i] && x[i] <= high;
        bits |= (unsigned)inside << i;
    }
    return (uint16_t)bits;
}

static void keep16(const float *x, uint16_t bits, float factor, float *y)
{
    for (unsigned i = 0; i < 16; i++) y[i] = bits >> i & 1 ? x[i] * factor : 0.0f;
}

#include "nn/backend/pass_kernels_body.h"

const lb_pass_kernels *lb_pass_kernels_for(unsigned isa)
{
#if defined(LB_ARCH_X86_64)
    if (isa & LB_ISA_AVX512) return &lb_pass_kernels_avx512;
    if (isa & LB_ISA_AVX2) return &lb_pass_kernels_avx2;
#endif
    (void)isa;
    return &lb_pass_kernels_any;
}
