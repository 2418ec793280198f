#include "train/thread_count.h"

#include <omp.h>

lb_status lb_thread_count(int asked, int *out)
{
    if (asked < 0 || asked > LB_THREADS_MAX)
        return lb_fail(LB_E_ARG, "%d threads; wanted 0 (all processors) to %d", asked,
                       LB_THREADS_MAX);
    const int all = omp_get_max_threads();
    if (asked > 0) {
        *out = asked;
    } else {
        *out = all < LB_THREADS_MAX ? all : LB_THREADS_MAX;
    }
    return LB_OK;
}
