/* Losses of the logits, with their gradients. Equations: lb_loss_compute in nn/executor.h. */
#include <math.h>

#include "nn/executor.h"

/* Is `label` the first largest of z? Comparisons with NaN are false, so a NaN anywhere gives
 * false. */
static bool is_top(size_t classes, const float *z, size_t label)
{
    for (size_t c = 0; c < classes; c++) {
        const bool below = c < label ? z[c] < z[label] : z[c] <= z[label];
        if (!below) return false;
    }
    return true;
}

/* Loss of one image; d, where wanted, gets the gradient divided by n. d may be z. */
static double cross_entropy(size_t n, size_t classes, const float *z, size_t label, float *d)
{
    double top = (double)z[0]; /* subtracted from all, so that exp never overflows */
    for (size_t c = 1; c < classes; c++) {
        if ((double)z[c] > top) top = (double)z[c];
    }
    double sum = 0.0;
    for (size_t c = 0; c < classes; c++) sum += exp((double)z[c] - top);
    const double loss = log(sum) + top - (double)z[label];
    if (!d) return loss;
    for (size_t c = 0; c < classes; c++) {
        const double p = exp((double)z[c] - top) / sum;
        d[c] = (float)((c == label ? p - 1.0 : p) / (double)n);
    }
    return loss;
}

static double squared_hinge(size_t n, size_t classes, const float *z, size_t label, float *d)
{
    double loss = 0.0;
    for (size_t c = 0; c < classes; c++) {
        const double t = c == label ? 1.0 : -1.0, short_by = 1.0 - t * (double)z[c];
        const double margin = short_by < 0.0 ? 0.0 : short_by; /* keeps NaN */
        loss += margin * margin;
        if (d) d[c] = (float)(-2.0 * t * margin / (double)n);
    }
    return loss;
}

lb_step_result lb_loss_compute(lb_loss loss, size_t n, size_t classes, const float *logits,
                               const uint16_t *labels, float *d_logits)
{
    double sum = 0.0;
    size_t correct = 0;
    for (size_t i = 0; i < n; i++) {
        const float *z = logits + i * classes;
        float *d = d_logits ? d_logits + i * classes : NULL;
        correct += is_top(classes, z, labels[i]);
        sum += loss == LB_LOSS_CROSS_ENTROPY ? cross_entropy(n, classes, z, labels[i], d)
                                             : squared_hinge(n, classes, z, labels[i], d);
    }
    return (lb_step_result){.loss = sum / (double)n, .correct = correct};
}
