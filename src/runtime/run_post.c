/* What follows the sums of a row: the steps of the expression, by the loops of intnet/post.h, or its
 * integer forms where the kernel has not applied them itself; and rows of EXPRESSION layers. */
#include <string.h>

#include "base/compiler.h"
#include "runtime/packed.h"

/* Rows of a map being written: some channels of one pixel, or all of all. */
typedef struct row_part {
    const lb_layer_task *task;
    size_t row, pixels;
    size_t first, channels; /* all channels unless pixels = 1 */
    char *out;              /* the first row's bytes in the map */
} row_part;

static row_part part_of(const lb_layer_task *task, size_t row, size_t rows)
{
    const lb_int_map *map = &task->plan->layer->map;
    row_part part = {.task = task,
                     .row = row,
                     .pixels = rows * map->shape.w,
                     .channels = map->shape.c,
                     .out = (char *)lb_task_map(task) + row * lb_map_bytes_of_row(map)};
    const lb_int_layer *l = task->plan->layer;
    if (l->op == LB_INT_CONV && l->weights.terms == 1) {
        part.first = task->filter_begin;
        part.channels = task->filter_end - task->filter_begin;
    }
    return part;
}

static void *scratch_at(const lb_layer_task *task, size_t offset)
{
    return task->scratch + offset;
}

/* ---- fields to the map ---- */

/* Some channels of one pixel, the first a multiple of 32. */
static void pack_part(const row_part *part, const uint8_t *fields)
{
    enum { WORD_BITS = 32 };
    const lb_int_map *map = &part->task->plan->layer->map;
    const size_t plane = (map->shape.c + WORD_BITS - 1) / WORD_BITS;
    const size_t words = (part->channels + WORD_BITS - 1) / WORD_BITS;
    uint32_t *out = (uint32_t *)(void *)part->out + part->first / WORD_BITS;
    for (int p = 0; p < map->grid.bits; p++)
        for (size_t w = 0; w < words; w++) {
            const size_t left = part->channels - w * WORD_BITS;
            uint32_t word = 0;
            for (size_t i = 0; i < WORD_BITS && i < left; i++)
                word |= (uint32_t)(fields[w * WORD_BITS + i] >> p & 1) << i;
            out[(size_t)p * plane + w] = word;
        }
}

/* Where the part's fields go: into the map itself where it has a byte a channel. */
static uint8_t *fields_of(const row_part *part)
{
    const lb_layer_plan *plan = part->task->plan;
    if (plan->layer->map.grid.bits > LB_PLANE_BITS_MAX) return (uint8_t *)part->out + part->first;
    return scratch_at(part->task, plan->scratch.fields);
}

static void store_fields(const row_part *part, const uint8_t *fields)
{
    const lb_int_map *map = &part->task->plan->layer->map;
    if (map->grid.bits > LB_PLANE_BITS_MAX) return;
    if (part->channels == map->shape.c)
        lb_map_row_pack(map->grid.bits, part->channels, part->pixels, fields, part->out);
    else
        pack_part(part, fields);
}

/* ---- the expression ---- */

static lb_step step_of(const row_part *part, size_t s)
{
    lb_step step = part->task->plan->layer->post.steps[s];
    if (step.a) step.a += part->first;
    if (step.b) step.b += part->first;
    return step;
}

/* The second input's values of the part. */
static const float *other_of(const row_part *part)
{
    const lb_layer_task *task = part->task;
    const lb_layer_plan *plan = task->plan;
    const float *row = lb_map_row_values(plan->in[1], lb_task_input(task, 1), part->row,
                                         part->pixels, scratch_at(task, plan->scratch.fields),
                                         scratch_at(task, plan->scratch.other));
    return row + part->first;
}

/* The steps from `first` on, on values x; y may be x. */
static void run_steps(const row_part *part, size_t first, const float *x, float *y)
{
    const lb_int_layer *l = part->task->plan->layer;
    const float *other = l->n_in > 1 ? other_of(part) : NULL;
    for (size_t s = first; s < l->post.n_steps; s++, x = y) {
        const lb_step step = step_of(part, s);
        lb_step_run(&step, part->pixels, part->channels, other, x, y);
    }
    if (x != y) memcpy(y, x, part->pixels * part->channels * sizeof *y); /* no steps */
    if (!l->map.coded) return;
    uint8_t *fields = fields_of(part);
    lb_codes_to_fields(l->map.grid, part->pixels * part->channels, y, fields);
    store_fields(part, fields);
}

/* Where values are worked on: in the map, where they can stay there. */
static float *values_of(const row_part *part)
{
    const lb_layer_plan *plan = part->task->plan;
    float *row =
        plan->layer->map.coded ? scratch_at(part->task, plan->scratch.values) : (void *)part->out;
    return row + part->first;
}

/* ---- the integer forms ---- */

/* min(max((sum * multiplier + offset) >> shift, 0), top). The shift is made one without signs, by adding
 * 2^63 before and taking its part off behind, as few machines have the other one in registers of lanes. */
LB_VECTORIZED static void fixed_point_row(const lb_fixed_point *f, size_t first, size_t pixels,
                                          size_t channels, size_t stride, const int32_t *sums,
                                          uint8_t *fields)
{
    const int64_t top = ((int64_t)1 << f->bits) - 1;
    const uint64_t raise = (uint64_t)1 << 63;
    const int32_t *multiplier = f->multiplier + first;
    const int64_t *offset = f->offset + first;
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++) {
            const int64_t t = (int64_t)sums[p * stride + c] * multiplier[c] + offset[c];
            const uint64_t down = (((uint64_t)t + raise) >> f->shift) - (raise >> f->shift);
            int64_t field = (int64_t)down;
            field = field < 0 ? 0 : field;
            fields[p * channels + c] = (uint8_t)(field > top ? top : field);
        }
}

/* The sums that the product does not serve, in their columns. */
static void except_row(const lb_fixed_point *f, const row_part *part, size_t stride,
                       const int32_t *sums, uint8_t *fields)
{
    for (size_t i = 0; i < f->n_exceptions; i++) {
        const lb_fixed_exception *e = &f->exceptions[i];
        const size_t c = (size_t)e->channel - part->first; /* wraps below the first */
        if (c >= part->channels) continue;
        for (size_t p = 0; p < part->pixels; p++)
            if (sums[p * stride + c] == e->sum) fields[p * part->channels + c] = (uint8_t)e->field;
    }
}

/* Thresholds of more bits than kernels apply: by halving. */
static void threshold_row(const lb_thresholds *t, size_t first, size_t pixels, size_t channels,
                          size_t stride, const int32_t *sums, uint8_t *fields)
{
    const unsigned top = (1u << t->bits) - 1u;
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++) {
            const int32_t sum = sums[p * stride + c];
            unsigned count = 0;
            for (unsigned step = (top + 1) / 2; step > 0; step /= 2)
                if (lb_threshold_at(t, first + c, count + step - 1) <= sum) count += step;
            const bool falls = t->falls[(first + c) / 8] >> (first + c) % 8 & 1;
            fields[p * channels + c] = (uint8_t)(falls ? top - count : count);
        }
}

/* ---- rows ---- */

void lb_rows_finish(const lb_layer_task *task, size_t row, size_t rows, lb_row_sums sums)
{
    const lb_layer_plan *plan = task->plan;
    const lb_int_layer *l = plan->layer;
    const row_part part = part_of(task, row, rows);
    const size_t filters = l->weights.terms * l->map.shape.c;
    if (plan->post == LB_POST_FIXED_POINT || plan->post == LB_POST_THRESHOLDS) {
        uint8_t *fields = fields_of(&part);
        const int32_t *from = sums.integers + part.first;
        if (plan->post == LB_POST_FIXED_POINT) {
            fixed_point_row(&l->post.fixed, part.first, part.pixels, part.channels, filters, from,
                            fields);
            except_row(&l->post.fixed, &part, filters, from, fields);
        } else {
            threshold_row(&l->post.thresholds, part.first, part.pixels, part.channels, filters,
                          from, fields);
        }
        store_fields(&part, fields);
        return;
    }
    float *y = values_of(&part);
    if (l->post.n_steps == 0 || l->post.steps[0].kind != LB_STEP_SCALE) {
        run_steps(&part, 0, sums.floats + part.first, y);
        return;
    }
    const lb_step scale = step_of(&part, 0);
    if (sums.integers)
        lb_step_scale_sums(&scale, part.pixels, part.channels, l->weights.terms,
                           sums.integers + part.first, y);
    else
        lb_step_scale_floats(&scale, part.pixels, part.channels, l->weights.terms,
                             sums.floats + part.first, y);
    run_steps(&part, 1, y, y);
}

float *lb_row_float_sums(const lb_layer_task *task, size_t row)
{
    const lb_layer_plan *plan = task->plan;
    const lb_int_map *map = &plan->layer->map;
    if (plan->layer->weights.terms > 1) return scratch_at(task, plan->scratch.sums);
    if (map->coded) return scratch_at(task, plan->scratch.values);
    return (float *)lb_task_map(task) + row * map->shape.w * map->shape.c;
}

void lb_rows_express(const lb_layer_task *task, size_t row, size_t rows)
{
    const lb_layer_plan *plan = task->plan;
    const row_part part = part_of(task, row, rows);
    const float *x = lb_map_row_values(plan->in[0], lb_task_input(task, 0), row, part.pixels,
                                       scratch_at(task, plan->scratch.fields),
                                       scratch_at(task, plan->scratch.input));
    run_steps(&part, 0, x, values_of(&part));
}
