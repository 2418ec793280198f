/* Instruction sets: what the caps of LOWBIT_ISA leave, and agreement with the compiler's own
 * detection. */
#include "base/cpu.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "support/support.h"

static unsigned isa_with(const char *cap)
{
    assert_int_equal(cap ? setenv("LOWBIT_ISA", cap, 1) : unsetenv("LOWBIT_ISA"), 0);
    return lb_cpu_isa();
}

static void test_caps(void **state)
{
    (void)state;
    const unsigned all = isa_with(NULL);
    assert_int_equal(isa_with("scalar"), LB_ISA_ANY);
    assert_int_equal(isa_with("avx2"), all & LB_ISA_AVX2);
    assert_int_equal(isa_with("avx512"), all & ~(unsigned)LB_ISA_NEON);
    assert_int_equal(isa_with("neon"), all & LB_ISA_NEON);
    assert_int_equal(isa_with("something else"), all);
}

static void test_agrees_with_the_compiler(void **state)
{
    (void)state;
#if defined(LB_ARCH_X86_64)
    const unsigned all = isa_with(NULL);
    const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                     __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
    const int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    assert_int_equal((all & LB_ISA_AVX2) != 0, avx2);
    assert_int_equal((all & LB_ISA_AVX512) != 0, avx2 && avx512);
    assert_int_equal((all & LB_ISA_AVX512_VNNI) != 0,
                     avx512 && __builtin_cpu_supports("avx512vnni") != 0);
    assert_int_equal((all & LB_ISA_AVX512_VBMI) != 0,
                     avx512 && __builtin_cpu_supports("avx512vbmi") != 0);
    assert_int_equal((all & LB_ISA_AVX512_VPOPCNT) != 0,
                     avx512 && __builtin_cpu_supports("avx512vpopcntdq") != 0);
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_agrees_with_the_compiler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
