/* Which instruction sets the kernels may use: what CPU and operating system support, capped by
 * LOWBIT_ISA. */
#include "base/cpu.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

#if defined(LB_ARCH_X86_64)
#include <cpuid.h>

/* Register bits of CPUID leaf 7, subleaf 0, and of XCR0: Intel SDM volume 2A, CPUID, and volume
 * 1, 13.3. */
enum {
    XCR0_AVX = 0x06,    /* SSE and AVX registers are saved by the operating system   */
    XCR0_AVX512 = 0xe6, /* and the mask registers and both halves of the 512-bit ones */
    LEAF_FEATURES = 7
};

static unsigned long long saved_registers(void)
{
    unsigned low = 0, high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (unsigned long long)high << 32 | low;
}

static unsigned supported(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return LB_ISA_ANY;
    const unsigned need1 = bit_OSXSAVE | bit_AVX | bit_FMA | bit_POPCNT;
    if ((c & need1) != need1) return LB_ISA_ANY;
    const unsigned long long xcr0 = saved_registers();
    if ((xcr0 & XCR0_AVX) != XCR0_AVX) return LB_ISA_ANY;

    if (!__get_cpuid_count(LEAF_FEATURES, 0, &a, &b, &c, &d)) return LB_ISA_ANY;
    const unsigned avx2 = bit_AVX2 | bit_BMI2;
    if ((b & avx2) != avx2) return LB_ISA_ANY;
    unsigned isa = LB_ISA_AVX2;

    const unsigned avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512VL | bit_AVX512DQ;
    if ((b & avx512) != avx512 || (xcr0 & XCR0_AVX512) != XCR0_AVX512) return isa;
    isa |= LB_ISA_AVX512;
    if (c & bit_AVX512VPOPCNTDQ) isa |= LB_ISA_AVX512_VPOPCNT;
    if (c & bit_AVX512VNNI) isa |= LB_ISA_AVX512_VNNI;
    if (c & bit_AVX512VBMI) isa |= LB_ISA_AVX512_VBMI;
    return isa;
}

#elif defined(LB_ARCH_AARCH64)
#include <sys/auxv.h>

static unsigned supported(void)
{
    const unsigned long asimd = 1ul << 1; /* HWCAP_ASIMD, <asm/hwcap.h> */
    return getauxval(AT_HWCAP) & asimd ? LB_ISA_NEON : LB_ISA_ANY;
}

#else
static unsigned supported(void)
{
    return LB_ISA_ANY;
}
#endif

bool lb_isa_find(const char *name, unsigned *allowed, unsigned *needed)
{
    static const struct {
        const char *name;
        unsigned allowed, needed;
    } sets[] = {
        {"scalar", LB_ISA_ANY, LB_ISA_ANY},
        {"avx2", LB_ISA_AVX2, LB_ISA_AVX2},
        {"avx512",
         LB_ISA_AVX2 | LB_ISA_AVX512 | LB_ISA_AVX512_VPOPCNT | LB_ISA_AVX512_VNNI |
             LB_ISA_AVX512_VBMI,
         LB_ISA_AVX512},
        {"neon", LB_ISA_NEON, LB_ISA_NEON},
    };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if (strcmp(name, sets[i].name) != 0) continue;
        *allowed = sets[i].allowed;
        *needed = sets[i].needed;
        return true;
    }
    return false;
}

unsigned lb_cpu_isa(void)
{
    const char *cap = getenv("LOWBIT_ISA");
    unsigned allowed = 0, needed = 0;
    if (cap != NULL && lb_isa_find(cap, &allowed, &needed)) return supported() & allowed;
    return supported();
}
