/* Running pools: the largest code or value over a window, and the mean of values. */
#include <math.h>
#include <string.h>

#include "runtime/packed.h"

/* The taps of a window that lie inside the map, for one output pixel: rows [top, bottom), columns
 * [left, right) of the input map. */
typedef struct tap_range {
    size_t top, bottom, left, right;
} tap_range;

static size_t clipped(size_t at, size_t pad, size_t size)
{
    const size_t inside = at < pad ? 0 : at - pad;
    return inside < size ? inside : size;
}

static tap_range taps_of(const lb_window *w, lb_shape in, size_t row, size_t column)
{
    const size_t y = row * w->stride, x = column * w->stride;
    return (tap_range){clipped(y, w->pad_top, in.h), clipped(y + w->kh, w->pad_top, in.h),
                       clipped(x, w->pad_left, in.w), clipped(x + w->kw, w->pad_left, in.w)};
}

/* ---- codes in planes ---- */

/* best = the larger field of best and x, bit by bit of a word's 32 channels: x is larger where the highest
 * plane in which they differ is set in x. Channels of `smallest` are complemented on their way in. */
static inline void larger_words(size_t bits, size_t words, const uint32_t *smallest,
                                const uint32_t *x, uint32_t *best)
{
    for (size_t w = 0; w < words; w++) {
        uint32_t larger = 0, decided = 0;
        for (size_t p = bits; p-- > 0;) {
            const uint32_t x_p = x[p * words + w] ^ smallest[w];
            const uint32_t differs = x_p ^ best[p * words + w];
            larger |= differs & x_p & ~decided;
            decided |= differs;
        }
        for (size_t p = 0; p < bits; p++) {
            const uint32_t x_p = x[p * words + w] ^ smallest[w];
            best[p * words + w] ^= (x_p ^ best[p * words + w]) & larger;
        }
    }
}

static inline void complement(size_t bits, size_t words, const uint32_t *smallest,
                              const uint32_t *x, uint32_t *y)
{
    for (size_t p = 0; p < bits; p++)
        for (size_t w = 0; w < words; w++) y[p * words + w] = x[p * words + w] ^ smallest[w];
}

/* One pixel; `bits` is a constant where this is inlined. Unused bits stay zero, as the mask has none. */
static inline void pool_words(size_t bits, size_t words, const uint32_t *smallest,
                              const lb_int_map *in, const uint32_t *x, tap_range taps, uint32_t *y)
{
    const size_t pixel = bits * words;
    for (size_t h = taps.top; h < taps.bottom; h++)
        for (size_t w = taps.left; w < taps.right; w++) {
            const uint32_t *at = x + (h * in->shape.w + w) * pixel;
            if (h == taps.top && w == taps.left)
                complement(bits, words, smallest, at, y);
            else
                larger_words(bits, words, smallest, at, y);
        }
    complement(bits, words, smallest, y, y);
}

static void pool_planes_row(const lb_layer_plan *plan, const uint32_t *x, size_t row, uint32_t *y)
{
    const lb_int_layer *l = plan->layer;
    const lb_int_map *in = plan->in[0];
    const size_t bits = (size_t)in->grid.bits, words = (in->shape.c + 31) / 32;
    const uint32_t *smallest = plan->pool_mask;
    for (size_t column = 0; column < l->map.shape.w; column++, y += bits * words) {
        const tap_range taps = taps_of(&l->window, in->shape, row, column);
        switch (bits) {
        case 1: pool_words(1, words, smallest, in, x, taps, y); break;
        case 2: pool_words(2, words, smallest, in, x, taps, y); break;
        default: pool_words(bits, words, smallest, in, x, taps, y); break;
        }
    }
}

/* ---- codes in bytes ---- */

static void pool_bytes_row(const lb_layer_plan *plan, const uint8_t *x, size_t row, uint8_t *y)
{
    const lb_int_layer *l = plan->layer;
    const lb_shape in = plan->in[0]->shape;
    const uint8_t *smallest = plan->pool_mask; /* 0 or 255 a channel */
    for (size_t column = 0; column < l->map.shape.w; column++, y += in.c) {
        const tap_range taps = taps_of(&l->window, in, row, column);
        memset(y, 0, in.c);
        for (size_t h = taps.top; h < taps.bottom; h++)
            for (size_t w = taps.left; w < taps.right; w++) {
                const uint8_t *at = x + (h * in.w + w) * in.c;
                for (size_t c = 0; c < in.c; c++) {
                    const uint8_t x_c = at[c] ^ smallest[c];
                    y[c] = x_c > y[c] ? x_c : y[c];
                }
            }
        for (size_t c = 0; c < in.c; c++) y[c] ^= smallest[c];
    }
}

/* ---- floats ---- */

static void pool_floats_row(const lb_layer_plan *plan, const float *x, size_t row, float *y)
{
    const lb_int_layer *l = plan->layer;
    const lb_shape in = plan->in[0]->shape;
    for (size_t column = 0; column < l->map.shape.w; column++, y += in.c) {
        const tap_range taps = taps_of(&l->window, in, row, column);
        for (size_t c = 0; c < in.c; c++) y[c] = -INFINITY;
        for (size_t h = taps.top; h < taps.bottom; h++)
            for (size_t w = taps.left; w < taps.right; w++) {
                const float *at = x + (h * in.w + w) * in.c;
                for (size_t c = 0; c < in.c; c++) y[c] = at[c] > y[c] ? at[c] : y[c];
            }
    }
}

void lb_run_max_pool(const lb_layer_task *task)
{
    const lb_layer_plan *plan = task->plan;
    const lb_int_map *map = &plan->layer->map;
    const void *x = lb_task_input(task, 0);
    for (size_t row = task->row_begin; row < task->row_end; row++) {
        void *y = (char *)lb_task_map(task) + row * lb_map_bytes_of_row(map);
        if (!map->coded)
            pool_floats_row(plan, x, row, y);
        else if (map->grid.bits > LB_PLANE_BITS_MAX)
            pool_bytes_row(plan, x, row, y);
        else
            pool_planes_row(plan, x, row, y);
    }
}

/* ---- means ---- */

/* x: rows of values, the first of them row `top` of the map. */
static void average_row(const lb_layer_plan *plan, const float *x, size_t top, size_t row, float *y)
{
    const lb_int_layer *l = plan->layer;
    const lb_shape in = plan->in[0]->shape;
    for (size_t column = 0; column < l->map.shape.w; column++, y += in.c) {
        const tap_range taps = taps_of(&l->window, in, row, column);
        for (size_t c = 0; c < in.c; c++) y[c] = 0.0f;
        for (size_t h = taps.top; h < taps.bottom; h++)
            for (size_t w = taps.left; w < taps.right; w++) {
                const float *at = x + ((h - top) * in.w + w) * in.c;
                for (size_t c = 0; c < in.c; c++) y[c] = y[c] + at[c];
            }
        const size_t n = (taps.bottom - taps.top) * (taps.right - taps.left);
        for (size_t c = 0; c < in.c; c++) y[c] = y[c] / (float)n;
    }
}

void lb_run_average_pool(const lb_layer_task *task)
{
    const lb_layer_plan *plan = task->plan;
    const lb_int_map *in = plan->in[0];
    const size_t row_values = in->shape.w * in->shape.c;
    float *values = (float *)(void *)(task->scratch + plan->scratch.input);
    uint8_t *fields = (uint8_t *)task->scratch + plan->scratch.fields;
    for (size_t row = task->row_begin; row < task->row_end; row++) {
        float *y = (float *)lb_task_map(task) + row * plan->layer->map.shape.w * in->shape.c;
        if (!in->coded) {
            average_row(plan, lb_task_input(task, 0), 0, row, y);
            continue;
        }
        const tap_range taps = taps_of(&plan->layer->window, in->shape, row, 0);
        for (size_t h = taps.top; h < taps.bottom; h++)
            (void)lb_map_row_values(in, lb_task_input(task, 0), h, in->shape.w, fields,
                                    values + (h - taps.top) * row_values);
        average_row(plan, values, taps.top, row, y);
    }
}
