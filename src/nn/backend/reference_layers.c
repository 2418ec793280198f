/* Layers without parameters, which compute the same in training and in evaluation. */
#include <math.h>

#include "nn/backend/reference.h"

void lb_reference_relu(float slope, size_t n, const float *x, float *y)
{
    for (size_t i = 0; i < n; i++) y[i] = x[i] > 0.0f ? slope * x[i] : 0.0f;
}

void lb_reference_clip(float low, float high, size_t n, const float *x, float *y)
{
    for (size_t i = 0; i < n; i++) {
        const float raised = x[i] > low ? x[i] : low;
        y[i] = raised < high ? raised : high;
    }
}

static float round_by(lb_rounding rounding, float t)
{
    switch (rounding) {
    case LB_ROUND_EVEN: return rintf(t);
    case LB_ROUND_HALF_UP: return floorf(t + 0.5f);
    case LB_ROUND_SIGN: return t >= 0.0f ? 1.0f : -1.0f;
    case LB_ROUND_STEP: return t > 0.0f ? 1.0f : 0.0f;
    }
    return t;
}

void lb_reference_quantize(const lb_act_map *map, size_t n, const float *x, float *y)
{
    for (size_t i = 0; i < n; i++) {
        float t = x[i] * map->multiplier;
        t = t / map->divisor;
        t = round_by(map->rounding, t);
        t = t > map->low ? t : map->low; /* a NaN is not above anything */
        t = t < map->high ? t : map->high;
        y[i] = (t + 0.0f) * map->scale; /* a code is an integer and has no -0 */
    }
}

size_t lb_reference_taps_inside(const lb_window *window, lb_shape in, size_t oh, size_t ow)
{
    size_t taps = 0, h = 0, w = 0;
    for (size_t kh = 0; kh < window->kh; kh++) {
        for (size_t kw = 0; kw < window->kw; kw++) {
            taps += lb_reference_tap(oh, window->stride, kh, window->pad_top, in.h, &h) &&
                    lb_reference_tap(ow, window->stride, kw, window->pad_left, in.w, &w);
        }
    }
    return taps;
}

size_t lb_reference_first_largest(const lb_window *window, lb_shape in, size_t oh, size_t ow,
                                  const float *plane)
{
    size_t place = 0, h = 0, w = 0;
    float largest = -INFINITY;
    bool found = false;
    for (size_t kh = 0; kh < window->kh; kh++) {
        if (!lb_reference_tap(oh, window->stride, kh, window->pad_top, in.h, &h)) continue;
        for (size_t kw = 0; kw < window->kw; kw++) {
            if (!lb_reference_tap(ow, window->stride, kw, window->pad_left, in.w, &w)) continue;
            const float value = plane[h * in.w + w];
            if (!found || value > largest)
                place = h * in.w + w; /* nothing is above -inf or NaN: the first then */
            if (value > largest) largest = value;
            found = true;
        }
    }
    return place;
}

void lb_reference_max_pool(const lb_window *window, size_t n, lb_shape in, lb_shape out,
                           const float *x, float *y)
{
    for (size_t plane = 0; plane < n * out.c; plane++) {
        const float *x_plane = x + plane * in.h * in.w;
        for (size_t oh = 0; oh < out.h; oh++) {
            for (size_t ow = 0; ow < out.w; ow++) {
                const float value =
                    x_plane[lb_reference_first_largest(window, in, oh, ow, x_plane)];
                y[(plane * out.h + oh) * out.w + ow] =
                    value > -INFINITY ? value : -INFINITY; /* NaN counts as that */
            }
        }
    }
}

void lb_reference_average_pool(const lb_window *window, size_t n, lb_shape in, lb_shape out,
                               const float *x, float *y)
{
    size_t h = 0, w = 0;
    for (size_t plane = 0; plane < n * out.c; plane++) {
        for (size_t oh = 0; oh < out.h; oh++) {
            for (size_t ow = 0; ow < out.w; ow++) {
                float sum = 0.0f;
                for (size_t kh = 0; kh < window->kh; kh++) {
                    if (!lb_reference_tap(oh, window->stride, kh, window->pad_top, in.h, &h))
                        continue;
                    for (size_t kw = 0; kw < window->kw; kw++) {
                        if (!lb_reference_tap(ow, window->stride, kw, window->pad_left, in.w, &w))
                            continue;
                        sum = sum + x[(plane * in.h + h) * in.w + w];
                    }
                }
                const size_t taps = lb_reference_taps_inside(window, in, oh, ow);
                y[(plane * out.h + oh) * out.w + ow] = sum / (float)taps;
            }
        }
    }
}

void lb_reference_concat(size_t n, lb_shape a, lb_shape b, const float *x0, const float *x1,
                         float *y)
{
    const size_t n0 = lb_shape_count(a), n1 = lb_shape_count(b);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n0; j++) y[i * (n0 + n1) + j] = x0[i * n0 + j];
        for (size_t j = 0; j < n1; j++) y[i * (n0 + n1) + n0 + j] = x1[i * n1 + j];
    }
}

void lb_reference_subsample(size_t stride, size_t n, lb_shape in, lb_shape out, const float *x,
                            float *y)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < out.c; c++) {
            for (size_t h = 0; h < out.h; h++) {
                for (size_t w = 0; w < out.w; w++) {
                    const bool appended = c >= in.c;
                    y[lb_reference_index(out, i, c, h, w)] =
                        appended ? 0.0f : x[lb_reference_index(in, i, c, h * stride, w * stride)];
                }
            }
        }
    }
}
