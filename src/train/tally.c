#include "train/tally.h"

#include <math.h>

#include "nn/executor.h"

enum { TOP = 5 };

/* How many classes stand before the label: those with a larger logit, or the same and a lower
 * number. A label with a NaN stands last. */
static size_t rank_of(const float *logits, size_t classes, size_t label)
{
    const float own = logits[label];
    if (isnan(own)) return classes;
    size_t rank = 0;
    for (size_t k = 0; k < classes; k++) {
        if (logits[k] > own || (k < label && logits[k] == own)) rank++;
    }
    return rank;
}

void lb_tally_add(lb_tally *t, const float *logits, const uint16_t *labels, size_t n)
{
    for (size_t i = 0; i < n; i++, logits += t->classes) {
        const size_t rank = rank_of(logits, t->classes, labels[i]);
        t->loss_sum += lb_loss_compute(t->loss, 1, t->classes, logits, &labels[i], NULL).loss;
        t->first += rank == 0;
        t->top += rank < TOP;
    }
    t->images += n;
}

lb_evaluation lb_tally_result(const lb_tally *t)
{
    const double n = (double)t->images;
    return (lb_evaluation){.top1 = 100.0 * (double)t->first / n,
                           .top5 = 100.0 * (double)t->top / n,
                           .loss = t->loss_sum / n,
                           .images = t->images};
}
