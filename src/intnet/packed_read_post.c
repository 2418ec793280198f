/* Reading what follows a layer's sums from a packed file: docs/format.md, "Post". */
#include "intnet/json_fields.h"
#include "intnet/packed_read.h"

/* ---- steps ---- */

/* By lb_step_kind: what stands after a step's name. */
static const size_t arguments[LB_PACKED_STEPS] = {
    [LB_STEP_SCALE] = 1, [LB_STEP_BIAS] = 1, [LB_STEP_AFFINE] = 2, [LB_STEP_RELU] = 1,
    [LB_STEP_CLIP] = 2,  [LB_STEP_ADD] = 0,  [LB_STEP_ENCODE] = 5,
};

/* Arrays of steps: where the post tensor's next rows lie, NULL while they are only counted. */
typedef struct rows {
    const float *tensor;
    size_t used, channels;
} rows;

/* A row of values for each of n numbers, which are still to be read. */
static lb_status take_rows(lb_packed_reader *r, size_t n, size_t channels, float **out)
{
    if (n * channels > LB_PACKED_REPEATED_MAX - r->repeated) {
        return lb_fail(LB_E_FORMAT,
                       "value: numbers stand for more than %d values in all, wanted a tensor",
                       LB_PACKED_REPEATED_MAX);
    }
    r->repeated += n * channels;
    return lb_arena_alloc(&r->net->arena, n * channels, sizeof **out, "values of a step",
                          (void **)out);
}

/* Values a channel, n rows: null are the tensor's next rows, a list has a number for each row, a number
 * stands for all. */
static lb_status read_values(lb_packed_reader *r, const json_t *value, size_t n, rows *at,
                             const float **out)
{
    if (json_is_null(value)) {
        if (at->tensor) *out = at->tensor + at->used * at->channels;
        at->used += n;
        return LB_OK;
    }
    const bool list = json_is_array(value);
    if (list && json_array_size(value) != n) {
        return lb_fail(LB_E_FORMAT, "value: %zu numbers, wanted %zu", json_array_size(value), n);
    }
    float *values = NULL;
    if (at->tensor) LB_TRY(take_rows(r, n, at->channels, &values));
    *out = values;
    for (size_t row = 0; row < n; row++) {
        float number = 0.0f;
        LB_TRY(lb_json_float("value", list ? json_array_get(value, row) : value, &number));
        for (size_t c = 0; values && c < at->channels; c++) *values++ = number;
    }
    return LB_OK;
}

static lb_status read_encode(const json_t *step, const lb_int_map *map, lb_act_map *out)
{
    int rounding = 0;
    float number[4];
    LB_TRY(lb_json_word("rounding", json_array_get(step, 1), lb_packed_roundings,
                        LB_PACKED_ROUNDINGS, &rounding));
    for (size_t i = 0; i < 4; i++)
        LB_TRY(lb_json_float("encode", json_array_get(step, i + 2), &number[i]));
    *out = (lb_act_map){.rounding = (lb_rounding)rounding,
                        .multiplier = number[0],
                        .divisor = number[1],
                        .low = number[2],
                        .high = number[3],
                        .scale = map->scale};
    return LB_OK;
}

static lb_status read_step(lb_packed_reader *r, const lb_int_layer *l, const json_t *step, rows *at,
                           lb_step *out)
{
    char text[LB_JSON_SHOWN];
    int kind = 0;
    LB_TRY(lb_json_word("name", json_array_get(step, 0), lb_packed_steps, LB_PACKED_STEPS, &kind));
    if (json_array_size(step) != arguments[kind] + 1) {
        return lb_fail(LB_E_FORMAT, "got %s, wanted %zu values after the name",
                       lb_json_show(step, text), arguments[kind]);
    }
    *out = (lb_step){.kind = (lb_step_kind)kind};
    const json_t *first = json_array_get(step, 1), *second = json_array_get(step, 2);
    switch (out->kind) {
    case LB_STEP_SCALE:
        return read_values(r, first, l->op == LB_INT_CONV ? l->weights.terms : 1, at, &out->a);
    case LB_STEP_BIAS: return read_values(r, first, 1, at, &out->a);
    case LB_STEP_AFFINE:
        LB_TRY(read_values(r, first, 1, at, &out->a));
        return read_values(r, second, 1, at, &out->b);
    case LB_STEP_RELU: return lb_json_float("slope", first, &out->slope);
    case LB_STEP_CLIP:
        LB_TRY(lb_json_float("low", first, &out->low));
        return lb_json_float("high", second, &out->high);
    case LB_STEP_ADD: return LB_OK;
    case LB_STEP_ENCODE: return read_encode(step, &l->map, &out->encode);
    }
    return LB_OK;
}

static lb_status read_each_step(lb_packed_reader *r, lb_int_layer *l, const json_t *list, rows *at)
{
    for (size_t i = 0; i < l->post.n_steps; i++) {
        const lb_status status = read_step(r, l, json_array_get(list, i), at, &l->post.steps[i]);
        if (status != LB_OK) return lb_fail_in(status, "post: step %zu", i);
    }
    return LB_OK;
}

/* Once to count the rows of the tensor, which tells its shape, and once more with it. */
static lb_status read_steps(lb_packed_reader *r, lb_int_layer *l, const json_t *list)
{
    static const float no_rows = 0.0f;
    const size_t n = json_array_size(list);
    if (n > LB_INT_STEPS_MAX)
        return lb_fail(LB_E_FORMAT, "post: %zu steps, wanted at most %d", n, LB_INT_STEPS_MAX);
    rows at = {.channels = l->map.shape.c};
    l->post = (lb_post){.kind = LB_POST_STEPS, .n_steps = n};
    LB_TRY(lb_arena_alloc(&r->net->arena, n, sizeof(lb_step), "steps", (void **)&l->post.steps));
    LB_TRY(read_each_step(r, l, list, &at));
    const size_t dims[] = {at.used, at.channels};
    const void *tensor = &no_rows;
    if (at.used > 0) LB_TRY(lb_packed_take(r, l, "post", LB_F32, 2, dims, &tensor));
    at = (rows){.tensor = tensor, .channels = at.channels};
    return read_each_step(r, l, list, &at);
}

/* ---- integer forms ---- */

static lb_status read_thresholds(lb_packed_reader *r, size_t layer, const json_t *falls)
{
    lb_int_layer *l = &r->net->layers[layer];
    if (!l->map.coded) return lb_fail(LB_E_FORMAT, "post: thresholds, but the map has no 'codes'");
    lb_thresholds *t = &l->post.thresholds;
    const int64_t largest = lb_int_layer_largest_sum(r->net, layer);
    *t = (lb_thresholds){.bits = l->map.grid.bits, .bytes = lb_threshold_bytes(largest)};
    const size_t dims[] = {l->map.shape.c, ((size_t)1 << t->bits) - 1};
    l->post.kind = LB_POST_THRESHOLDS;
    LB_TRY(lb_packed_take(r, l, "threshold", t->bytes == 2 ? LB_I16 : LB_I32, 2, dims, &t->at));
    return lb_packed_read_bits(r, l, "falls", falls, &t->falls);
}

static lb_status read_fixed_point(lb_packed_reader *r, lb_int_layer *l, const json_t *list)
{
    int64_t shift = 0, n_exceptions = 0;
    const void *multiplier = NULL, *offset = NULL, *exceptions = NULL;
    const size_t most = lb_fixed_exceptions_max(l->map.shape.c);
    LB_TRY(lb_json_whole("post: shift", json_array_get(list, 1), 0, LB_FIXED_SHIFT_MAX, &shift));
    if (json_array_size(list) > 2)
        LB_TRY(lb_json_whole("post: exceptions", json_array_get(list, 2), 1, (int64_t)most,
                             &n_exceptions));
    if (json_array_size(list) > 3)
        return lb_fail(LB_E_FORMAT, "post: more after the exceptions of the fixed point");
    LB_TRY(lb_packed_take(r, l, "multiplier", LB_I32, 1, &l->map.shape.c, &multiplier));
    LB_TRY(lb_packed_take(r, l, "offset", LB_I64, 1, &l->map.shape.c, &offset));
    const size_t dims[] = {(size_t)n_exceptions, 3};
    if (n_exceptions > 0) LB_TRY(lb_packed_take(r, l, "exception", LB_I32, 2, dims, &exceptions));
    l->post.kind = LB_POST_FIXED_POINT;
    l->post.fixed = (lb_fixed_point){.bits = l->map.grid.bits,
                                     .shift = (int)shift,
                                     .multiplier = multiplier,
                                     .offset = offset,
                                     .exceptions = exceptions,
                                     .n_exceptions = (size_t)n_exceptions};
    return LB_OK;
}

lb_status lb_packed_read_post(lb_packed_reader *r, size_t layer, const json_t *object)
{
    static const char *const forms[] = {"thresholds", "fixed-point"};
    char text[LB_JSON_SHOWN];
    lb_int_layer *l = &r->net->layers[layer];
    const json_t *post = json_object_get(object, "post"), *falls = json_object_get(object, "falls");
    int form = 0;
    if (json_is_string(post)) {
        LB_TRY(lb_json_word("post", post, forms, 1, &form));
        return read_thresholds(r, layer, falls);
    }
    if (falls) return lb_fail(LB_E_FORMAT, "falls: wanted with thresholds only");
    if (json_is_string(json_array_get(post, 0))) {
        LB_TRY(lb_json_word("post", json_array_get(post, 0), forms + 1, 1, &form));
        return read_fixed_point(r, l, post);
    }
    if (post && !json_is_array(post)) {
        return lb_fail(LB_E_FORMAT, "post: got %s, wanted a list of steps, or 'thresholds'",
                       lb_json_show(post, text));
    }
    return read_steps(r, l, post);
}
