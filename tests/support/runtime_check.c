#include "support/runtime_check.h"

#include <math.h>

#include "base/cpu.h"

const char *const *lb_test_isas(void)
{
    static const char *const all[] = {"scalar", "avx2", "avx512", "neon"};
    static const char *here[sizeof all / sizeof *all + 1];
    size_t n = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        unsigned allowed = 0, needed = 0;
        if (lb_isa_find(all[i], &allowed, &needed) && (lb_cpu_isa() & needed) == needed)
            here[n++] = all[i];
    }
    here[n] = NULL;
    return here;
}

bool lb_test_same_value(float a, float b)
{
    return a == b || (isnan(a) && isnan(b));
}
