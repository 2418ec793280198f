/* The wish to stop making a report, or serving it: lb_report_stop. */
#ifndef LB_LAB_REPORT_STOP_H
#define LB_LAB_REPORT_STOP_H

#include <stdbool.h>

bool lb_report_stop_wanted(void);
/** Forget it: it has been met. */
void lb_report_stop_forget(void);

#endif
