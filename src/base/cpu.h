/* Instruction sets of this machine; the environment variable LOWBIT_ISA caps them. */
#ifndef LB_BASE_CPU_H
#define LB_BASE_CPU_H

#include <stdbool.h>

enum {
    LB_ISA_ANY = 0,
    LB_ISA_AVX2 = 1 << 0,           /* with FMA, BMI2, POPCNT */
    LB_ISA_AVX512 = 1 << 1,         /* F, BW, VL, DQ, all of AVX2 */
    LB_ISA_AVX512_VPOPCNT = 1 << 2, /* VPOPCNTDQ */
    LB_ISA_AVX512_VNNI = 1 << 3,
    LB_ISA_AVX512_VBMI = 1 << 4,
    LB_ISA_NEON = 1 << 5
};

/** Bit set of what this CPU and its operating system support, capped by LOWBIT_ISA (scalar,
 *  avx2, avx512, neon; any other value caps nothing). */
unsigned lb_cpu_isa(void);
/** The instruction sets that a name stands for (scalar, avx2, avx512, neon), here or not, and the one
 *  among them that a machine must have; false where there is no such name. */
bool lb_isa_find(const char *name, unsigned *allowed, unsigned *needed);

#endif
