/* Losses of the logits, with their gradients. Equations: lb_loss_compute and lb_loss_distill in nn/executor.h. */
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

/* exp((z - top) / temperature) / sum are the probabilities of logits z. */
typedef struct softmax {
    double temperature, top, sum;
} softmax;

static softmax softmax_of(size_t classes, const float *z, double temperature)
{
    softmax s = {.temperature = temperature, .top = (double)z[0]};
    /* the largest is subtracted from all, so that exp never overflows */
    for (size_t c = 1; c < classes; c++) {
        if ((double)z[c] > s.top) s.top = (double)z[c];
    }
    for (size_t c = 0; c < classes; c++) s.sum += exp(((double)z[c] - s.top) / temperature);
    return s;
}

static double probability(const softmax *s, float z)
{
    return exp(((double)z - s->top) / s->temperature) / s->sum;
}

static double log_probability(const softmax *s, float z)
{
    return ((double)z - s->top) / s->temperature - log(s->sum);
}

/* max(0, 1 - t z), t = +1 for the label, else -1; keeps NaN. */
static double margin_of(float z, bool is_label)
{
    const double short_by = 1.0 - (is_label ? 1.0 : -1.0) * (double)z;
    return short_by < 0.0 ? 0.0 : short_by;
}

/* What the label says, for one image; `s` is of temperature 1. */
static double loss_of(lb_loss loss, const softmax *s, size_t classes, const float *z, size_t label)
{
    if (loss == LB_LOSS_CROSS_ENTROPY) return log(s->sum) + s->top - (double)z[label];
    double sum = 0.0;
    for (size_t c = 0; c < classes; c++) {
        const double margin = margin_of(z[c], c == label);
        sum += margin * margin;
    }
    return sum;
}

static double gradient_of(lb_loss loss, const softmax *s, float z, bool is_label)
{
    if (loss == LB_LOSS_CROSS_ENTROPY)
        return is_label ? probability(s, z) - 1.0 : probability(s, z);
    return -2.0 * (is_label ? 1.0 : -1.0) * margin_of(z, is_label);
}

/* Loss of one image; d, where wanted, gets the gradient divided by n. d may be z. */
static double image_loss(lb_loss loss, size_t n, size_t classes, const float *z, size_t label,
                         float *d)
{
    const softmax s = softmax_of(classes, z, 1.0);
    const double sum = loss_of(loss, &s, classes, z, label);
    for (size_t c = 0; d && c < classes; c++)
        d[c] = (float)(gradient_of(loss, &s, z[c], c == label) / (double)n);
    return sum;
}

/* The same with a teacher's logits t. d sum_c p[c] log q[c] / dz = (p - q) / T. */
static double image_loss_distilled(lb_loss loss, const lb_distillation *teacher, size_t n,
                                   size_t classes, const float *z, const float *t, size_t label,
                                   float *d)
{
    const double temperature = (double)teacher->temperature, alpha = (double)teacher->alpha;
    const softmax hard = softmax_of(classes, z, 1.0), soft = softmax_of(classes, z, temperature),
                  target = softmax_of(classes, t, temperature);
    const double own = loss_of(loss, &hard, classes, z, label);
    double divergence = 0.0;
    for (size_t c = 0; c < classes; c++) {
        const double p = probability(&target, t[c]);
        divergence += p * (log_probability(&target, t[c]) - log_probability(&soft, z[c]));
    }
    for (size_t c = 0; d && c < classes; c++) {
        const double from_label = gradient_of(loss, &hard, z[c], c == label);
        const double from_teacher = probability(&soft, z[c]) - probability(&target, t[c]);
        d[c] =
            (float)(((1.0 - alpha) * from_label + alpha * temperature * from_teacher) / (double)n);
    }
    return (1.0 - alpha) * own + alpha * temperature * temperature * divergence;
}

lb_step_result lb_loss_distill(lb_loss loss, const lb_distillation *teacher, size_t n,
                               size_t classes, const float *logits, const uint16_t *labels,
                               float *d_logits)
{
    const bool distilled = teacher != NULL && teacher->logits != NULL;
    double sum = 0.0;
    size_t correct = 0;
    for (size_t i = 0; i < n; i++) {
        const float *z = logits + i * classes;
        float *d = d_logits ? d_logits + i * classes : NULL;
        correct += is_top(classes, z, labels[i]);
        sum += distilled ? image_loss_distilled(loss, teacher, n, classes, z,
                                                teacher->logits + i * classes, labels[i], d)
                         : image_loss(loss, n, classes, z, labels[i], d);
    }
    return (lb_step_result){.loss = sum / (double)n, .correct = correct};
}

lb_step_result lb_loss_compute(lb_loss loss, size_t n, size_t classes, const float *logits,
                               const uint16_t *labels, float *d_logits)
{
    return lb_loss_distill(loss, NULL, n, classes, logits, labels, d_logits);
}
