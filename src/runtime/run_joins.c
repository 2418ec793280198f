/* Running the layers that move maps: concat, subsample, and the image's way in. */
#include <string.h>

#include "base/compiler.h"
#include "runtime/packed.h"

enum { WORD_BITS = 32 };

static size_t words_of(size_t channels)
{
    return (channels + WORD_BITS - 1) / WORD_BITS;
}

/* ---- concat ---- */

/* Planes of a pixel: the words of the first map, then those of the second moved up by the bits that the
 * first leaves in its last word. Unused bits are zero in all of them. */
static void join_plane(size_t first, size_t second, const uint32_t *a, const uint32_t *b,
                       uint32_t *y)
{
    const size_t a_words = words_of(first), words = words_of(first + second);
    const size_t begin = first / WORD_BITS, shift = first % WORD_BITS;
    memcpy(y, a, a_words * sizeof *y);
    memset(y + a_words, 0, (words - a_words) * sizeof *y);
    for (size_t w = 0; w < words_of(second); w++) {
        y[begin + w] |= b[w] << shift;
        if (shift > 0 && begin + w + 1 < words) y[begin + w + 1] |= b[w] >> (WORD_BITS - shift);
    }
}

static void concat_planes(const lb_layer_plan *plan, size_t row, const uint32_t *a,
                          const uint32_t *b, uint32_t *y)
{
    const lb_shape out = plan->layer->map.shape;
    const size_t first = plan->in[0]->shape.c, second = plan->in[1]->shape.c;
    const size_t bits = (size_t)plan->layer->map.grid.bits;
    const size_t begin = row * out.w * bits, end = begin + out.w * bits;
    for (size_t i = begin; i < end; i++)
        join_plane(first, second, a + i * words_of(first), b + i * words_of(second),
                   y + i * words_of(out.c));
}

static void concat_bytes(size_t pixels, size_t first, size_t second, const char *a, const char *b,
                         char *y)
{
    for (size_t i = 0; i < pixels; i++, y += first + second) {
        memcpy(y, a + i * first, first);
        memcpy(y + first, b + i * second, second);
    }
}

static void concat_row(const lb_layer_task *task, size_t row)
{
    const lb_layer_plan *plan = task->plan;
    const lb_int_map *map = &plan->layer->map;
    char *y = lb_task_map(task);
    if (map->coded && map->grid.bits <= LB_PLANE_BITS_MAX) {
        concat_planes(plan, row, lb_task_input(task, 0), lb_task_input(task, 1),
                      (uint32_t *)(void *)y);
        return;
    }
    const char *from[2];
    for (size_t k = 0; k < 2; k++) {
        const lb_int_map *in = plan->in[k];
        from[k] = (const char *)lb_task_input(task, k) + row * lb_map_bytes_of_row(in);
        if (map->coded) continue; /* floats may come of codes: values then */
        char *values = task->scratch + (k == 0 ? plan->scratch.input : plan->scratch.other);
        from[k] = (const char *)lb_map_row_values(in, lb_task_input(task, k), row, in->shape.w,
                                                  (uint8_t *)task->scratch + plan->scratch.fields,
                                                  (float *)(void *)values);
    }
    const size_t unit = map->coded ? 1 : sizeof(float);
    concat_bytes(map->shape.w, plan->in[0]->shape.c * unit, plan->in[1]->shape.c * unit, from[0],
                 from[1], y + row * lb_map_bytes_of_row(map));
}

void lb_run_concat(const lb_layer_task *task)
{
    for (size_t row = task->row_begin; row < task->row_end; row++) concat_row(task, row);
}

/* ---- subsample ---- */

/* A pixel of planes; `zero` has the fields of value 0 in the appended channels, 0 elsewhere. */
static void subsample_planes(size_t bits, size_t in_words, size_t out_words, const uint32_t *x,
                             const uint32_t *zero, uint32_t *y)
{
    memcpy(y, zero, bits * out_words * sizeof *y);
    for (size_t p = 0; p < bits; p++)
        for (size_t w = 0; w < in_words; w++) y[p * out_words + w] |= x[p * in_words + w];
}

static void subsample_row(const lb_layer_task *task, size_t row)
{
    const lb_layer_plan *plan = task->plan;
    const lb_int_layer *l = plan->layer;
    const lb_int_map *in = plan->in[0];
    const size_t pixel = lb_map_bytes_of_pixel(&l->map);
    const bool planes = l->map.coded && l->map.grid.bits <= LB_PLANE_BITS_MAX;
    const char *x =
        (const char *)lb_task_input(task, 0) + row * l->stride * lb_map_bytes_of_row(in);
    size_t in_pixel = lb_map_bytes_of_pixel(in);
    if (in->coded && !l->map.coded) {
        x = (const char *)lb_map_row_values(in, lb_task_input(task, 0), row * l->stride,
                                            in->shape.w,
                                            (uint8_t *)task->scratch + plan->scratch.fields,
                                            (float *)(void *)(task->scratch + plan->scratch.input));
        in_pixel = in->shape.c * sizeof(float);
    }
    char *y = (char *)lb_task_map(task) + row * lb_map_bytes_of_row(&l->map);
    for (size_t i = 0; i < l->map.shape.w; i++, y += pixel, x += l->stride * in_pixel) {
        if (planes) {
            subsample_planes((size_t)l->map.grid.bits, words_of(in->shape.c),
                             words_of(l->map.shape.c), (const uint32_t *)(const void *)x,
                             (const uint32_t *)(const void *)plan->zero_pixel,
                             (uint32_t *)(void *)y);
        } else {
            memcpy(y, x, in_pixel);
            memcpy(y + in_pixel, plan->zero_pixel + in_pixel, pixel - in_pixel);
        }
    }
}

void lb_run_subsample(const lb_layer_task *task)
{
    for (size_t row = task->row_begin; row < task->row_end; row++) subsample_row(task, row);
}

/* ---- the image, channels outermost, to a map ---- */

static void input_pixels(const lb_layer_task *task, lb_shape s, void *map)
{
    const size_t begin = task->row_begin * s.w, end = task->row_end * s.w, plane = s.h * s.w;
    for (size_t c = 0; c < s.c; c++) {
        const uint8_t *from = task->pixels + c * plane;
        if (task->packed->net.input.raw) {
            uint8_t *fields = (uint8_t *)map + c; /* the field of code p - 128 is p */
            for (size_t i = begin; i < end; i++) fields[i * s.c] = from[i];
        } else {
            const float *value = task->packed->pixel_values[c];
            float *values = (float *)map + c;
            for (size_t i = begin; i < end; i++) values[i * s.c] = value[from[i]];
        }
    }
}

/* The field of a pixel's value (p - 128) / 128; what is no such value gives some field. */
static uint8_t field_of(float value)
{
    const float field = value * 128.0f + 128.0f;
    return (uint8_t)(field > 0.0f ? field < 255.0f ? field : 255.0f : 0.0f);
}

static void input_values(const lb_layer_task *task, lb_shape s, void *map)
{
    const size_t begin = task->row_begin * s.w, end = task->row_end * s.w, plane = s.h * s.w;
    for (size_t c = 0; c < s.c; c++) {
        const float *from = task->image + c * plane;
        if (task->packed->net.input.raw) {
            uint8_t *fields = (uint8_t *)map + c;
            for (size_t i = begin; i < end; i++) fields[i * s.c] = field_of(from[i]);
        } else {
            float *values = (float *)map + c;
            for (size_t i = begin; i < end; i++) values[i * s.c] = from[i];
        }
    }
}

void lb_run_input(const lb_layer_task *task)
{
    const lb_shape s = task->plan->layer->map.shape;
    if (task->pixels)
        input_pixels(task, s, lb_task_map(task));
    else
        input_values(task, s, lb_task_map(task));
}
