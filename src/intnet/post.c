/* The one evaluator of what follows the sums of a layer.
 *
 * Loops over rows are element-wise: no sum is reordered and no multiply-add fused, so a value depends
 * neither on the row's length nor on the width of registers. An element is read before its place, or one
 * before it, is written, so rows may be overwritten in place. */
#include "intnet/post.h"

#include "base/compiler.h"

/* ---- SCALE: the first sum, then the further ones of the pixel ---- */

LB_VECTORIZED static void scale_sums(const float *a, size_t pixels, size_t channels, size_t terms,
                                     const int32_t *sums, float *y)
{
    for (size_t p = 0; p < pixels; p++, sums += terms * channels, y += channels) {
        LB_INDEPENDENT
        for (size_t c = 0; c < channels; c++) y[c] = (float)sums[c] * a[c];
        for (size_t k = channels; k < terms * channels; k += channels) {
            LB_INDEPENDENT
            for (size_t c = 0; c < channels; c++) y[c] = y[c] + (float)sums[k + c] * a[k + c];
        }
    }
}

LB_VECTORIZED static void scale_floats(const float *a, size_t pixels, size_t channels, size_t terms,
                                       const float *x, float *y)
{
    for (size_t p = 0; p < pixels; p++, x += terms * channels, y += channels) {
        LB_INDEPENDENT
        for (size_t c = 0; c < channels; c++) y[c] = x[c] * a[c];
        for (size_t k = channels; k < terms * channels; k += channels) {
            LB_INDEPENDENT
            for (size_t c = 0; c < channels; c++) y[c] = y[c] + x[k + c] * a[k + c];
        }
    }
}

void lb_step_scale_sums(const lb_step *step, size_t pixels, size_t channels, size_t terms,
                        const int32_t *sums, float *y)
{
    scale_sums(step->a, pixels, channels, terms, sums, y);
}

void lb_step_scale_floats(const lb_step *step, size_t pixels, size_t channels, size_t terms,
                          const float *x, float *y)
{
    scale_floats(step->a, pixels, channels, terms, x, y);
}

/* ---- the other steps ---- */

LB_VECTORIZED static void bias(const float *a, size_t pixels, size_t channels, const float *x,
                               float *y)
{
    for (size_t p = 0; p < pixels; p++, x += channels, y += channels) {
        LB_INDEPENDENT
        for (size_t c = 0; c < channels; c++) y[c] = x[c] + a[c];
    }
}

LB_VECTORIZED static void affine(const float *a, const float *b, size_t pixels, size_t channels,
                                 const float *x, float *y)
{
    for (size_t p = 0; p < pixels; p++, x += channels, y += channels) {
        LB_INDEPENDENT
        for (size_t c = 0; c < channels; c++) y[c] = x[c] * a[c] + b[c];
    }
}

LB_VECTORIZED static void relu(float slope, size_t n, const float *x, float *y)
{
    LB_INDEPENDENT
    for (size_t i = 0; i < n; i++) y[i] = x[i] > 0.0f ? slope * x[i] : 0.0f;
}

LB_VECTORIZED static void clip(float low, float high, size_t n, const float *x, float *y)
{
    LB_INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        const float raised = x[i] > low ? x[i] : low;
        y[i] = raised < high ? raised : high;
    }
}

LB_VECTORIZED static void add(size_t n, const float *other, const float *x, float *y)
{
    LB_INDEPENDENT
    for (size_t i = 0; i < n; i++) y[i] = x[i] + other[i];
}

void lb_step_run(const lb_step *step, size_t pixels, size_t channels, const float *other,
                 const float *x, float *y)
{
    const size_t n = pixels * channels;
    switch (step->kind) {
    case LB_STEP_SCALE: lb_step_scale_floats(step, pixels, channels, 1, x, y); break;
    case LB_STEP_BIAS: bias(step->a, pixels, channels, x, y); break;
    case LB_STEP_AFFINE: affine(step->a, step->b, pixels, channels, x, y); break;
    case LB_STEP_RELU: relu(step->slope, n, x, y); break;
    case LB_STEP_CLIP: clip(step->low, step->high, n, x, y); break;
    case LB_STEP_ADD: add(n, other, x, y); break;
    case LB_STEP_ENCODE: lb_act_encode(&step->encode, n, x, y); break;
    }
}

/* ---- the integer forms ---- */

int lb_threshold_bytes(int64_t largest_sum)
{
    return largest_sum < INT16_MAX ? 2 : 4; /* one above the largest sum means never */
}

int32_t lb_threshold_at(const lb_thresholds *t, size_t channel, size_t j)
{
    const size_t i = channel * (((size_t)1 << t->bits) - 1) + j;
    if (t->bytes == 2) return ((const int16_t *)t->at)[i];
    return ((const int32_t *)t->at)[i];
}

uint8_t lb_thresholds_field(const lb_thresholds *t, size_t channel, int32_t sum)
{
    const size_t top = ((size_t)1 << t->bits) - 1;
    size_t count = 0;
    for (size_t j = 0; j < top; j++) count += lb_threshold_at(t, channel, j) <= sum;
    const bool falls = t->falls[channel / 8] >> channel % 8 & 1;
    return (uint8_t)(falls ? top - count : count);
}

size_t lb_fixed_exceptions_max(size_t channels)
{
    return 16 + channels / 4;
}

uint8_t lb_fixed_point_field(const lb_fixed_point *f, size_t channel, int32_t sum)
{
    for (size_t i = 0; i < f->n_exceptions; i++) {
        const lb_fixed_exception *e = &f->exceptions[i];
        if ((size_t)e->channel == channel && e->sum == sum) return (uint8_t)e->field;
    }
    const int64_t top = ((int64_t)1 << f->bits) - 1;
    const int64_t t = (int64_t)sum * f->multiplier[channel] + f->offset[channel];
    /* floor, written so that it does not hang on what >> does to negative numbers */
    const int64_t down = t >= 0 ? t >> f->shift : -1 - ((-1 - t) >> f->shift);
    if (down < 0) return 0;
    return (uint8_t)(down > top ? top : down);
}

LB_VECTORIZED void lb_codes_to_fields(lb_code_grid grid, size_t n, const float *codes,
                                      uint8_t *fields)
{
    /* codes are on the grid, steps 1, 2 or -2: the difference and the half of it are exact */
    const float offset = (float)grid.offset, part = 1.0f / (float)grid.step;
    for (size_t i = 0; i < n; i++) fields[i] = (uint8_t)(int32_t)((codes[i] - offset) * part);
}

LB_VECTORIZED void lb_fields_to_values(lb_code_grid grid, float scale, size_t n,
                                       const uint8_t *fields, float *values)
{
    const int32_t offset = grid.offset, step = grid.step;
    for (size_t i = 0; i < n; i++) values[i] = (float)(offset + step * (int32_t)fields[i]) * scale;
}
