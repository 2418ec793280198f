/* Batch-norm over a batch that is worked on in chunks.
 *
 * Each group of images (a fixed split, whatever the number of threads) has sums of its own. Values are shifted by
 * the group's first pixel before squaring, so that a mean far from zero does not cancel the variance; groups are
 * joined in order, in double precision (Chan, Golub, LeVeque 1979):
 *     M2 = sum over groups of M2_g + n_g * (mean_g - mean)^2.
 * x may be a convolution's raw sums: then x_true = x * scale + shift, and the normalization's coefficients take x
 * as it lies. With r = 1 / sqrt(var_true + eps), s the scale:
 *     y = x * (gamma r s) + (beta - mean gamma r s)
 *     dL/dx_true = gamma r (g - mean(g) - xhat mean(g xhat)),  xhat = (x - mean) s r */
#include <math.h>
#include <string.h>

#include "nn/backend/onednn.h"

/* Which channel a coefficient position belongs to: a flattened map lies as h, w, c but counts as c, h, w. */
static size_t channel_of(const lb_norm *norm, size_t position)
{
    if (!norm->flattened) return position % norm->channels;
    const size_t pixel = position / norm->map.c, c = position % norm->map.c;
    return c * norm->map.h * norm->map.w + pixel;
}

/* Positions past the last value of an image are never used. */
static size_t positions(const lb_norm *norm)
{
    const size_t values = norm->channels * norm->pixels;
    return norm->period < values ? norm->period : values;
}

lb_status lb_norm_create(lb_executor *e, lb_norm *norm)
{
    const size_t values = lb_values_of(norm->map);
    norm->channels = norm->flattened ? values : norm->map.c;
    norm->pixels = values / norm->channels;
    norm->period = lb_pass_period(norm->channels, values);
    float **coefficients[] = {&norm->a,    &norm->b,    &norm->mean,
                              &norm->dx_g, &norm->dx_x, &norm->dx_1};
    for (size_t i = 0; i < sizeof coefficients / sizeof *coefficients; i++) {
        LB_TRY(lb_executor_alloc(e, norm->period, sizeof(float), "batch-norm coefficients",
                                 coefficients[i]));
    }
    LB_TRY(lb_executor_alloc(e, e->n_groups * norm->channels, sizeof(float), "batch-norm shifts",
                             &norm->shift));
    LB_TRY(lb_executor_alloc(e, e->n_groups * 2 * norm->channels, sizeof(double), "batch-norm sums",
                             &norm->partial));
    LB_TRY(lb_executor_alloc(e, 2 * norm->channels, sizeof(double), "batch-norm moments",
                             &norm->moments));
    if (norm->period > e->largest_period) e->largest_period = norm->period;
    return LB_OK;
}

void lb_norm_fold(const lb_norm *norm, size_t period, const float *sums, double *to)
{
    (void)period;
    const size_t n = positions(norm);
    if (norm->flattened) {
        for (size_t i = 0; i < n; i++) to[channel_of(norm, i)] += (double)sums[i];
        return;
    }
    for (size_t start = 0; start < n; start += norm->channels) {
        for (size_t c = 0; c < norm->channels; c++) to[c] += (double)sums[start + c];
    }
}

/* The first pixel of a group's first image, repeated to a period. */
static void take_shift(lb_executor *e, const lb_operation *op, const lb_range *r, size_t image,
                       float *shift)
{
    const lb_norm *norm = op->norm;
    const float *x = lb_buffer_at(e, op->in[0], r, image);
    float *channel_shift = norm->shift + image / e->group * norm->channels;
    const size_t n = positions(norm);
    for (size_t i = 0; i < n; i++) {
        const size_t c = channel_of(norm, i);
        if (norm->flattened || i < norm->channels) channel_shift[c] = x[i];
    }
    for (size_t i = 0; i < norm->period; i++)
        shift[i] = i < n ? channel_shift[channel_of(norm, i)] : 0.0f;
}

void lb_norm_statistics_run(lb_executor *e, const lb_operation *op, const lb_range *r)
{
    enum { PIECE = 2048 };
    const lb_norm *norm = op->norm;
    const size_t values = norm->channels * norm->pixels, period = norm->period;
    const size_t piece = period >= PIECE ? period : PIECE / period * period;
    float *shift = e->tiles[r->thread] + e->tile_floats, *sum = shift + period,
          *squares = sum + period;
    for (size_t i = r->first; i < r->first + r->count; i++) {
        double *partial = norm->partial + i / e->group * 2 * norm->channels;
        if (i % e->group == 0) {
            take_shift(e, op, r, i, shift);
            memset(sum, 0, 2 * period * sizeof *sum);
            memset(partial, 0, 2 * norm->channels * sizeof *partial);
        }
        const float *x = lb_buffer_at(e, op->in[0], r, i);
        int16_t *copy = op->out >= 0 ? lb_buffer_at(e, op->out, r, i) : NULL;
        for (size_t at = 0; at < values; at += piece) {
            const size_t n = values - at < piece ? values - at : piece;
            if (copy)
                e->kernels->statistics_i16(n, period, x + at, shift, sum, squares, copy + at);
            else
                e->kernels->statistics(n, period, x + at, shift, sum, squares);
        }
        if (norm->pixels < 16 && (i + 1) % e->group != 0 && i + 1 < r->first + r->count) continue;
        lb_norm_fold(norm, period, sum, partial);
        lb_norm_fold(norm, period, squares, partial + norm->channels);
        memset(sum, 0, 2 * period * sizeof *sum);
    }
}

static size_t images_in(const lb_executor *e, size_t group)
{
    const size_t first = group * e->group, left = e->options.batch - first;
    return left < e->group ? left : e->group;
}

/* Mean and sum of squared deviations of one channel of x as it lies. */
static void join_groups(const lb_executor *e, const lb_norm *norm, size_t c, double *mean,
                        double *deviations)
{
    double sum = 0.0;
    for (size_t g = 0; g < e->n_groups; g++) {
        const double n = (double)(images_in(e, g) * norm->pixels);
        sum += norm->partial[g * 2 * norm->channels + c] +
               n * (double)norm->shift[g * norm->channels + c];
    }
    *mean = sum / (double)(e->options.batch * norm->pixels);
    *deviations = 0.0;
    for (size_t g = 0; g < e->n_groups; g++) {
        const double n = (double)(images_in(e, g) * norm->pixels);
        const double *p = norm->partial + g * 2 * norm->channels + c;
        const double offset = p[0] / n,
                     from_mean = (double)norm->shift[g * norm->channels + c] + offset - *mean;
        const double within = p[norm->channels] - p[0] * offset;
        *deviations +=
            (within > 0.0 || within != within ? within : 0.0) + n * from_mean * from_mean;
    }
}

static void follow(float *running, double batch, float momentum)
{
    *running = (float)((1.0 - (double)momentum) * (double)*running + (double)momentum * batch);
}

/* Scale and shift of x as it lies to its true value. */
static void true_units(const lb_norm *norm, size_t c, double *scale, double *shift)
{
    *scale = norm->layer ? (double)norm->layer->scale[c] : 1.0;
    *shift = norm->layer ? (double)norm->layer->shift[c] : 0.0;
}

static float *value_of(const lb_executor *e, int param)
{
    return param >= 0 ? e->net->params[param].value : NULL;
}

static float *gradient_of(const lb_executor *e, int param)
{
    return param >= 0 ? e->net->params[param].grad : NULL;
}

void lb_norm_finish_statistics(lb_executor *e, lb_norm *norm)
{
    const lb_batch_norm *bn = &e->net->nodes[norm->node].as.norm;
    const double count = (double)(e->options.batch * norm->pixels);
    const double unbiased = count > 1.0 ? count / (count - 1.0) : 1.0;
    const float *gamma = value_of(e, bn->gamma), *beta = value_of(e, bn->beta);
    const size_t n = positions(norm);
    float *running_mean = value_of(e, bn->mean), *running_variance = value_of(e, bn->variance);
    for (size_t c = 0; c < norm->channels; c++) {
        double mean = 0.0, deviations = 0.0, scale = 0.0, shift = 0.0;
        join_groups(e, norm, c, &mean, &deviations);
        true_units(norm, c, &scale, &shift);
        const double variance = deviations / count * scale * scale;
        if (!e->starting) {
            follow(&running_mean[c], mean * scale + shift, bn->momentum);
            follow(&running_variance[c], variance * unbiased, bn->momentum);
        }
        norm->moments[2 * c] = mean;
        norm->moments[2 * c + 1] = 1.0 / sqrt(variance + (double)bn->eps);
    }
    for (size_t i = 0; i < n; i++) {
        const size_t c = channel_of(norm, i);
        double scale = 0.0, shift = 0.0;
        true_units(norm, c, &scale, &shift);
        const double mean = norm->moments[2 * c];
        const double slope = (gamma ? (double)gamma[c] : 1.0) * norm->moments[2 * c + 1] * scale;
        norm->a[i] = (float)slope;
        norm->b[i] = (float)((beta ? (double)beta[c] : 0.0) - mean * slope);
        norm->mean[i] = (float)mean;
    }
}

void lb_norm_finish_sums(lb_executor *e, lb_norm *norm)
{
    const lb_batch_norm *bn = &e->net->nodes[norm->node].as.norm;
    const double count = (double)(e->options.batch * norm->pixels);
    const float *gamma = value_of(e, bn->gamma);
    float *d_gamma = gradient_of(e, bn->gamma), *d_beta = gradient_of(e, bn->beta);
    double *total = norm->partial; /* the first group's place takes the sum of all */
    for (size_t g = 1; g < e->n_groups; g++) {
        for (size_t i = 0; i < 2 * norm->channels; i++)
            total[i] += norm->partial[g * 2 * norm->channels + i];
    }
    for (size_t c = 0; c < norm->channels; c++) {
        double scale = 0.0, shift = 0.0;
        true_units(norm, c, &scale, &shift);
        /* sums were taken with the mean rounded to float */
        const double mean = norm->moments[2 * c], rounding = (double)(float)mean - mean;
        total[norm->channels + c] =
            (total[norm->channels + c] + rounding * total[c]) * scale * norm->moments[2 * c + 1];
        if (d_gamma) d_gamma[c] = (float)total[norm->channels + c];
        if (d_beta) d_beta[c] = (float)total[c];
    }
    const size_t n = positions(norm);
    for (size_t i = 0; i < n; i++) {
        const size_t c = channel_of(norm, i);
        double scale = 0.0, shift = 0.0;
        true_units(norm, c, &scale, &shift);
        const double r = norm->moments[2 * c + 1];
        const double slope = (gamma ? (double)gamma[c] : 1.0) * r;
        norm->dx_g[i] = (float)slope;
        norm->dx_x[i] = (float)(-slope * total[norm->channels + c] / count * r * scale);
        norm->dx_1[i] = (float)(-slope * total[c] / count);
    }
}
