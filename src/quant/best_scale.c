/* With |w| sorted, the weights at level +-1 are those above s/2, and
 *   sum of (w - s q)^2 = sum of w^2 - 2 s A + s^2 K,  A their sum of |w|, K how many they are:
 * a search for s/2 and two sums that are known give the error of any s. */
#include "quant/best_scale.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "quant/reduce.h"

enum { GRID = 1000, GOLDEN_STEPS = 48 }; /* 0.618^48 = 1e-10 of a cell: below a float's last bit */

/* |w| in rising order, and the sums from each on. */
typedef struct filter {
    size_t n;
    float *size;
    double *sum_from; /* [n + 1] */
} filter;

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static size_t count_up_to(const filter *f, double limit)
{
    size_t low = 0, high = f->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if ((double)f->size[middle] <= limit)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The error, but for the sum of w^2. */
static double error_at(const filter *f, double s)
{
    const size_t zeros = count_up_to(f, 0.5 * s);
    return s * s * (double)(f->n - zeros) - 2.0 * s * f->sum_from[zeros];
}

static double golden_section(const filter *f, double low, double high)
{
    const double ratio = 0.5 * (sqrt(5.0) - 1.0);
    double a = high - ratio * (high - low), b = low + ratio * (high - low);
    for (int i = 0; i < GOLDEN_STEPS; i++) {
        if (error_at(f, a) <= error_at(f, b)) {
            high = b;
            b = a;
            a = high - ratio * (high - low);
        } else {
            low = a;
            a = b;
            b = low + ratio * (high - low);
        }
    }
    return 0.5 * (low + high);
}

static double best_of(const filter *f)
{
    const double cell = (double)f->size[f->n - 1] / GRID;
    double best = cell;
    for (int k = 2; k <= GRID; k++)
        if (error_at(f, k * cell) < error_at(f, best)) best = k * cell;
    const double found =
        golden_section(f, best - cell > 0.0 ? best - cell : 0.1 * cell, best + cell);
    return error_at(f, found) < error_at(f, best) ? found : best;
}

static lb_status sort(size_t n, const float *w, filter *out)
{
    void *block = NULL;
    LB_TRY(lb_alloc(n + 1, sizeof *out->sum_from, "weights in order", &block));
    out->sum_from = block;
    LB_TRY(lb_alloc(n, sizeof *out->size, "weights in order", &block));
    out->size = block;
    out->n = n;
    for (size_t i = 0; i < n; i++) out->size[i] = fabsf(w[i]);
    qsort(out->size, n, sizeof *out->size, compare);
    out->sum_from[n] = 0.0;
    for (size_t i = n; i-- > 0;) out->sum_from[i] = out->sum_from[i + 1] + (double)out->size[i];
    return LB_OK;
}

/* Weights are divided by it. */
static float at_least_normal(double s)
{
    return s >= (double)FLT_MIN ? (float)s : FLT_MIN;
}

lb_status lb_best_scale(bool ternary, size_t n, const float *w, float *out)
{
    const double sum = lb_sum_abs(w, n);
    if (!(sum > 0.0) || !isfinite(sum)) {
        *out = 1.0f;
        return LB_OK;
    }
    if (!ternary) {
        *out = at_least_normal(sum / (double)n);
        return LB_OK;
    }
    filter f = {0};
    const lb_status status = sort(n, w, &f);
    if (status == LB_OK) *out = at_least_normal(best_of(&f));
    lb_free(f.sum_from);
    lb_free(f.size);
    return status;
}
