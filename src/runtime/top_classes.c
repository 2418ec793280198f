/* The largest logits, and what they are as probabilities. */
#include <math.h>

#include "lowbit/runtime.h"

/* Does class a stand before class b? */
static bool stands_before(const float *logits, size_t a, size_t b)
{
    if (isnan(logits[b])) return !isnan(logits[a]) || a < b;
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

void lb_top_classes(const float *logits, size_t classes, size_t n, size_t *index,
                    double *probability)
{
    size_t found = 0;
    for (size_t c = 0; c < classes; c++) {
        size_t at = found < n ? found++ : n;
        while (at > 0 && stands_before(logits, c, index[at - 1])) {
            if (at < n) index[at] = index[at - 1];
            at--;
        }
        if (at < n) index[at] = c;
    }
    if (probability == NULL || n == 0) return;
    const double top = (double)logits[index[0]]; /* subtracted from all: exp never overflows */
    double sum = 0.0;
    for (size_t c = 0; c < classes; c++) sum += exp((double)logits[c] - top);
    for (size_t i = 0; i < n; i++) probability[i] = exp((double)logits[index[i]] - top) / sum;
}
