/* Learning rate schedules; the equations stand in the header. */
#include "train/schedule.h"

#include <math.h>

#define PI 3.14159265358979323846

/* From `start` (at = 0) to `end` (at = 1) along half a cosine. */
static double anneal(double start, double end, double at)
{
    return end + (start - end) * (1.0 + cos(PI * at)) / 2.0;
}

static double step_lr(const lb_schedule *s, size_t epoch)
{
    double lr = s->lr;
    for (size_t i = 0; i < s->n_milestones; i++) {
        if (s->milestones[i] <= epoch) lr *= s->factor;
    }
    return lr;
}

static double exponential_lr(const lb_schedule *s, size_t epoch)
{
    if (s->lr <= 0.0 || s->final_lr <= 0.0) return 0.0;
    const size_t falls = s->epochs - s->warmup - 1; /* from the first epoch to the last */
    if (falls == 0) return s->lr;
    return s->lr * pow(s->final_lr / s->lr, (double)(epoch - s->warmup) / (double)falls);
}

/* OneCycleLR counts the last step of the rise as number 0.3 T - 1 and the last of all as T - 1. */
static double one_cycle_lr(const lb_schedule *s, double t)
{
    const double start = s->lr / 25.0, end = start / 1e4;
    const double last = (double)s->epochs * (double)s->batches - 1.0;
    const double top = 0.3 * (last + 1.0) - 1.0;
    if (t <= top) return anneal(start, s->lr, top > 0.0 ? t / top : 1.0);
    return anneal(s->lr, end, last > top ? (t - top) / (last - top) : 1.0);
}

double lb_schedule_lr(const lb_schedule *s, size_t epoch, size_t batch)
{
    const double t = (double)epoch * (double)s->batches + (double)batch;
    const double warm = (double)s->warmup * (double)s->batches;
    if (t < warm) return s->lr * (t + 1.0) / warm;
    const double total = (double)s->epochs * (double)s->batches;
    switch (s->kind) {
    case LB_SCHEDULE_CONSTANT: break;
    case LB_SCHEDULE_STEP: return step_lr(s, epoch);
    case LB_SCHEDULE_EXPONENTIAL: return exponential_lr(s, epoch);
    case LB_SCHEDULE_COSINE: return anneal(s->lr, s->final_lr, (t - warm) / (total - warm));
    case LB_SCHEDULE_ONE_CYCLE: return one_cycle_lr(s, t);
    }
    return s->lr;
}

lb_status lb_schedule_check(const lb_schedule *s)
{
    if (s->warmup > 0 && s->kind == LB_SCHEDULE_ONE_CYCLE) {
        return lb_fail(LB_E_ARG,
                       "schedule 'one-cycle' has a warm-up of its own; leave warmup at 0");
    }
    if (s->warmup >= s->epochs) {
        return lb_fail(LB_E_ARG, "warmup of %zu epochs, but the run has %zu; it must be shorter",
                       s->warmup, s->epochs);
    }
    return LB_OK;
}
