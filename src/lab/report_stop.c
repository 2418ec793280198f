#include "lab/report_stop.h"

#include <signal.h>

#include "lowbit/report.h"

static volatile sig_atomic_t stop_wanted;

void lb_report_stop(void)
{
    stop_wanted = 1;
}

bool lb_report_stop_wanted(void)
{
    return stop_wanted != 0;
}

void lb_report_stop_forget(void)
{
    stop_wanted = 0;
}
