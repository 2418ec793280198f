/* Batch-norm in evaluation: one multiplication and one addition a value. */
#include <math.h>

#include "nn/executor.h"

void lb_batch_norm_coefficients(const lb_net *net, int node, float *a, float *b)
{
    const lb_batch_norm *norm = &net->nodes[node].as.norm;
    const float *mean = net->params[norm->mean].value,
                *variance = net->params[norm->variance].value;
    for (size_t c = 0; c < net->nodes[node].shape.c; c++) {
        const float gamma = norm->gamma >= 0 ? net->params[norm->gamma].value[c] : 1.0f;
        const float beta = norm->beta >= 0 ? net->params[norm->beta].value[c] : 0.0f;
        a[c] = gamma / sqrtf(variance[c] + norm->eps);
        const float shift = mean[c] * a[c];
        b[c] = beta - shift;
    }
}
