/* Resizing rows of pixels.
 *
 * Output i is the mean of the source pixels k, weighted by the triangle max(0, 1 - |k + 1/2 - u| / r) with
 * u the centre of i and r = max(1, step). A weight is rounded to a multiple of 2^-14, half up; the largest one of
 * an output (the first such) takes what is missing to a sum of 1. Of more than 128 pixels that could be more than
 * it has: there the sums of the first k weights are rounded, which makes none negative. Rows first, kept at 2^-7 of
 * a level and rounded half up, then columns, rounded half up once more. Weights come of +, -, *, / and comparisons
 * in double precision, so that they are the same everywhere. */
#include "data/image_resize.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"

enum { ONE = 1 << LB_RESIZE_WEIGHT_BITS, MOST_ROUNDED_ALONE = 128 };

typedef struct span {
    double centre, radius;
    size_t first, n;
} span;

static double weight_of(const span *s, size_t k)
{
    return 1.0 - fabs((double)k + 0.5 - s->centre) / s->radius;
}

static span span_of(const lb_resize_axis *a, size_t i)
{
    span s = {.radius = a->step > 1.0 ? a->step : 1.0};
    s.centre = a->offset + ((double)(a->first + i) + 0.5) * a->step;
    const double first = floor(s.centre - s.radius), end = ceil(s.centre + s.radius);
    const size_t stop = end < (double)a->high ? (size_t)end : a->high;
    s.first = first > (double)a->low ? (size_t)first : a->low;
    while (s.first + 1 < stop && weight_of(&s, s.first) <= 0.0) s.first++;
    while (s.first + s.n < stop && weight_of(&s, s.first + s.n) > 0.0) s.n++;
    if (s.n == 0) s.n = 1; /* a centre at the very edge */
    return s;
}

/* The same of very many: what rounding takes from one pixel goes to its neighbour. */
static void round_sums(const span *s, double sum, int16_t *weights)
{
    double so_far = 0.0;
    int32_t done = 0;
    for (size_t k = 0; k < s->n; k++) {
        so_far += weight_of(s, s->first + k);
        const int32_t next = k + 1 < s->n ? (int32_t)floor(so_far / sum * ONE + 0.5) : ONE;
        weights[k] = (int16_t)(next - done);
        done = next;
    }
}

/* Weights of the n pixels, as whole numbers that sum to ONE. */
static void round_weights(const span *s, int16_t *weights)
{
    double sum = 0.0;
    for (size_t k = 0; k < s->n; k++) sum += weight_of(s, s->first + k);
    if (s->n > MOST_ROUNDED_ALONE) {
        round_sums(s, sum, weights);
        return;
    }
    int32_t left = ONE;
    size_t largest = 0;
    for (size_t k = 0; k < s->n; k++) {
        const double share = s->n > 1 ? weight_of(s, s->first + k) / sum : 1.0;
        weights[k] = (int16_t)floor(share * ONE + 0.5);
        left -= weights[k];
        if (weights[k] > weights[largest]) largest = k;
    }
    weights[largest] = (int16_t)(weights[largest] + left);
}

lb_status lb_taps_make(const lb_resize_axis *axis, lb_buffer *buffer, lb_taps *out)
{
    lb_taps taps = {.count = axis->count, .each = 2, .begin = axis->high};
    for (size_t i = 0; i < axis->count; i++) {
        const span s = span_of(axis, i);
        if (s.n > taps.each) taps.each = s.n + s.n % 2;
        if (s.first < taps.begin) taps.begin = s.first;
        if (s.first + s.n > taps.end) taps.end = s.first + s.n;
    }
    const size_t firsts_bytes = axis->count * sizeof(uint32_t);
    const size_t weights_bytes = axis->count * taps.each * sizeof(int16_t);
    LB_TRY(lb_buffer_reserve(buffer, firsts_bytes + weights_bytes, "weights of a resize"));
    uint32_t *firsts = (void *)buffer->data;
    int16_t *weights = (void *)(buffer->data + firsts_bytes);
    memset(weights, 0, weights_bytes);
    for (size_t i = 0; i < axis->count; i++) {
        const span s = span_of(axis, i);
        firsts[i] = (uint32_t)(s.first - taps.begin);
        round_weights(&s, weights + i * taps.each);
    }
    taps.firsts = firsts;
    taps.weights = weights;
    *out = taps;
    return LB_OK;
}

lb_status lb_image_resize(const lb_taps *rows, const lb_taps *columns, const lb_image_rows *source,
                          lb_resize_work *work, uint8_t *out)
{
    if (work->loops.blend == NULL) work->loops = lb_resize_loops_for(lb_cpu_isa());
    const size_t values = (columns->end - columns->begin) * LB_PIXEL_BYTES;
    /* columns->each more pixels than there are: those past the end have no weight */
    const size_t row_bytes = (values + columns->each * LB_PIXEL_BYTES) * sizeof(int16_t);
    LB_TRY(
        lb_buffer_reserve(&work->row, row_bytes + rows->each * sizeof(uint8_t *), "resized row"));
    const uint8_t **taken = (void *)work->row.data;
    int16_t *row = (void *)(work->row.data + rows->each * sizeof(uint8_t *));
    memset(row + values, 0, columns->each * LB_PIXEL_BYTES * sizeof *row);
    const size_t last = rows->end - rows->begin - 1, plane = rows->count * columns->count;
    for (size_t y = 0; y < rows->count; y++) {
        for (size_t k = 0; k < rows->each; k++) {
            const size_t at = rows->firsts[y] + k < last ? rows->firsts[y] + k : last;
            taken[k] = source->first + at * source->stride;
        }
        work->loops.blend(taken, rows->weights + y * rows->each, rows->each, values, row);
        uint8_t *const at = out + y * columns->count;
        uint8_t *const planes[3] = {at, at + plane, at + 2 * plane};
        work->loops.pick(row, columns->firsts, columns->weights, columns->each, columns->count,
                         planes);
    }
    return LB_OK;
}
