/* Monotonic time. */
#ifndef LB_BASE_CLOCK_H
#define LB_BASE_CLOCK_H

/** Seconds since some fixed instant; never goes back. */
double lb_seconds(void);

#endif
