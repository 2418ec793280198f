#include "base/thread_count.h"

#include <omp.h>

int lb_threads_available(void)
{
    int n = omp_get_max_threads();
    if (n > omp_get_thread_limit()) n = omp_get_thread_limit();
    return n < LB_THREADS_MAX ? n : LB_THREADS_MAX;
}

lb_status lb_thread_count(int asked, int *out)
{
    if (asked < 0 || asked > LB_THREADS_MAX)
        return lb_fail(LB_E_ARG, "%d threads; wanted 0 (all processors) to %d", asked,
                       LB_THREADS_MAX);
    *out = asked > 0 ? asked : lb_threads_available();
    return LB_OK;
}
