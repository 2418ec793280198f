#include "support/plain_intnet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"

/* The taps of a window that lie inside a map: of output (oh, ow), tap (kh, kw) sees (*h, *w). */
static bool inside(const lb_window *win, lb_shape in, size_t oh, size_t ow, size_t kh, size_t kw,
                   size_t *h, size_t *w)
{
    const long row = (long)(oh * win->stride + kh) - (long)win->pad_top;
    const long column = (long)(ow * win->stride + kw) - (long)win->pad_left;
    if (row < 0 || column < 0 || row >= (long)in.h || column >= (long)in.w) return false;
    *h = (size_t)row;
    *w = (size_t)column;
    return true;
}

static size_t count_of(lb_shape s)
{
    return s.c * s.h * s.w;
}

static size_t at(lb_shape s, size_t c, size_t h, size_t w)
{
    return (c * s.h + h) * s.w + w;
}

static void *zeroed(size_t n, size_t size)
{
    void *block = calloc(n > 0 ? n : 1, size);
    lb_assert(block != NULL);
    return block;
}

/* ---- weights: bit by bit ---- */

static int stored_bit(const uint8_t *plane, size_t i)
{
    return plane[i / 8] >> (i % 8) & 1;
}

static int weight_code(const lb_int_weights *w, size_t i)
{
    const uint8_t *stream = w->at;
    const size_t plane_bytes = (w->count + 7) / 8;
    if (w->storage == LB_STORED_TERNARY) {
        const int negative = stored_bit(stream, i), nonzero = stored_bit(stream + plane_bytes, i);
        lb_assert(nonzero || !negative);
        return !nonzero ? 0 : negative ? -1 : 1;
    }
    int field = 0;
    for (int p = 0; p < w->grid.bits; p++)
        field += stored_bit(stream + (size_t)p * plane_bytes, i) << p;
    return w->grid.offset + w->grid.step * field;
}

enum { MOST_TERMS = 64 }; /* sums a channel */

/* Weights of a layer, taken out of their bits once. */
typedef struct plain_weights {
    int *code;    /* [count] */
    float *value; /* float weights */
} plain_weights;

static void read_weights(const lb_int_weights *w, plain_weights *out)
{
    *out = (plain_weights){zeroed(w->count, sizeof(int)), zeroed(w->count, sizeof(float))};
    for (size_t i = 0; i < w->count; i++) {
        if (w->storage == LB_STORED_FLOAT)
            memcpy(&out->value[i], (const float *)w->at + i, sizeof(float));
        else
            out->code[i] = weight_code(w, i);
    }
}

static void free_weights(plain_weights *w)
{
    free(w->code);
    free(w->value);
}

/* Is a position of the kernel among those that sum `term` of a channel is over? */
static bool is_summed(const lb_int_layer *l, size_t kh, size_t kw, size_t term)
{
    switch (l->weights.sums) {
    case LB_SUMS_WHOLE:
    case LB_SUMS_SIGN: break;
    case LB_SUMS_ROW: return term == kh;
    case LB_SUMS_PIXEL: return term == kh * l->window.kw + kw;
    }
    return true;
}

/* What a weight's code counts in sum `term` of its channel. */
static int counted(const lb_int_layer *l, int code, size_t term)
{
    if (l->weights.sums != LB_SUMS_SIGN) return code;
    return term == 0 ? code > 0 : code < 0;
}

/* ---- steps, one value at a time ---- */

static float round_half_even(float t)
{
    const float down = floorf(t);
    const float part = t - down;
    if (part < 0.5f) return down;
    if (part > 0.5f) return down + 1.0f;
    return fmodf(down, 2.0f) == 0.0f ? down : down + 1.0f;
}

float lb_plain_encode(const lb_act_map *map, float t)
{
    t = t * map->multiplier;
    t = t / map->divisor;
    if (map->rounding == LB_ROUND_SIGN) return t >= 0.0f ? 1.0f : -1.0f;
    if (map->rounding == LB_ROUND_STEP) return t > 0.0f ? 1.0f : 0.0f;
    if (isnan(t)) return map->low;
    if (isinf(t)) return t > 0.0f ? map->high : map->low;
    t = map->rounding == LB_ROUND_EVEN ? round_half_even(t) : floorf(t + 0.5f);
    if (t < map->low) return map->low;
    return t > map->high ? map->high : t;
}

static float run_step(const lb_step *s, size_t c, float t, float other)
{
    float u;
    switch (s->kind) {
    case LB_STEP_SCALE: break;
    case LB_STEP_BIAS: return t + s->a[c];
    case LB_STEP_AFFINE: u = t * s->a[c]; return u + s->b[c];
    case LB_STEP_RELU: return t > 0.0f ? s->slope * t : 0.0f;
    case LB_STEP_CLIP: u = t > s->low ? t : s->low; return u < s->high ? u : s->high;
    case LB_STEP_ADD: return t + other;
    case LB_STEP_ENCODE: return lb_plain_encode(&s->encode, t);
    }
    lb_assert(false);
    return 0.0f;
}

static float run_scale(const lb_step *s, size_t channels, size_t c, size_t terms, const float *sums)
{
    float t = sums[0] * s->a[c];
    for (size_t k = 1; k < terms; k++) {
        const float u = sums[k] * s->a[k * channels + c];
        t = t + u;
    }
    return t;
}

static int64_t threshold(const lb_thresholds *t, size_t channel, size_t j)
{
    const size_t i = channel * (((size_t)1 << t->bits) - 1) + j;
    if (t->bytes == 2) {
        int16_t value;
        memcpy(&value, (const unsigned char *)t->at + i * 2, 2);
        return value;
    }
    int32_t value;
    lb_assert(t->bytes == 4);
    memcpy(&value, (const unsigned char *)t->at + i * 4, 4);
    return value;
}

int lb_plain_field(const lb_post *post, size_t channel, int64_t sum)
{
    if (post->kind == LB_POST_THRESHOLDS) {
        const lb_thresholds *t = &post->thresholds;
        const int levels = (1 << t->bits) - 1;
        int field = 0;
        for (int j = 0; j < levels; j++) field += threshold(t, channel, (size_t)j) <= sum;
        return t->falls[channel / 8] >> (channel % 8) & 1 ? levels - field : field;
    }
    lb_assert(post->kind == LB_POST_FIXED_POINT);
    const lb_fixed_point *f = &post->fixed;
    for (size_t i = 0; i < f->n_exceptions; i++)
        if (f->exceptions[i].channel == (int32_t)channel && f->exceptions[i].sum == sum)
            return f->exceptions[i].field;
    const int64_t unit = (int64_t)1 << f->shift, levels = ((int64_t)1 << f->bits) - 1;
    const int64_t t = sum * f->multiplier[channel] + f->offset[channel];
    int64_t floor_of = t / unit; /* towards zero */
    if (t % unit < 0) floor_of--;
    return (int)(floor_of < 0 ? 0 : floor_of > levels ? levels : floor_of);
}

/* ---- layers ---- */

/* Where a layer's map is being written. */
typedef struct place {
    const lb_intnet *net;
    const lb_int_layer *layer;
    lb_plain_maps *maps;
    size_t index;
    plain_weights weights; /* of a CONV */
} place;

static void put_code(const place *p, size_t i, int code)
{
    const lb_int_map *map = &p->layer->map;
    const int field = (code - map->grid.offset) / map->grid.step;
    lb_assert(field >= 0 && field < 1 << map->grid.bits);
    lb_assert(map->grid.offset + map->grid.step * field == code);
    p->maps->code[p->index][i] = code;
    p->maps->value[p->index][i] = (float)code * map->scale;
}

static void put_field(const place *p, size_t i, int field)
{
    const lb_code_grid *grid = &p->layer->map.grid;
    put_code(p, i, grid->offset + grid->step * field);
}

/* A value that is a whole code where the map is coded. */
static void put_number(const place *p, size_t i, float t)
{
    if (!p->layer->map.coded) {
        p->maps->value[p->index][i] = t;
        return;
    }
    lb_assert(t == floorf(t) && fabsf(t) <= 256.0f);
    put_code(p, i, (int)t);
}

static const lb_int_map *input_map(const place *p, int k)
{
    return &p->net->layers[p->layer->in[k]].map;
}

static const float *input_values(const place *p, int k)
{
    return p->maps->value[p->layer->in[k]];
}

static const int *input_codes(const place *p, int k)
{
    return p->maps->code[p->layer->in[k]];
}

/* The steps after the first `from`, on value t of element i of the map. */
static void finish(const place *p, size_t from, size_t c, size_t i, float t)
{
    const lb_post *post = &p->layer->post;
    for (size_t s = from; s < post->n_steps; s++) {
        const bool adds = post->steps[s].kind == LB_STEP_ADD;
        if (adds) lb_assert(p->layer->n_in == 2);
        t = run_step(&post->steps[s], c, t, adds ? input_values(p, 1)[i] : 0.0f);
    }
    put_number(p, i, t);
}

static void finish_sums(const place *p, size_t c, size_t i, bool integer, const int64_t *integers,
                        const float *floats)
{
    const lb_post *post = &p->layer->post;
    const size_t terms = p->layer->weights.terms;
    if (post->kind != LB_POST_STEPS) {
        lb_assert(integer && terms == 1);
        put_field(p, i, lb_plain_field(post, c, integers[0]));
        return;
    }
    float sums[MOST_TERMS];
    for (size_t k = 0; k < terms; k++) sums[k] = integer ? (float)integers[k] : floats[k];
    if (post->n_steps > 0 && post->steps[0].kind == LB_STEP_SCALE) {
        const float t = run_scale(&post->steps[0], p->layer->map.shape.c, c, terms, sums);
        finish(p, 1, c, i, t);
    } else {
        lb_assert(p->layer->weights.storage == LB_STORED_FLOAT);
        finish(p, 0, c, i, sums[0]);
    }
}

static void run_conv_pixel(const place *p, size_t o, size_t oh, size_t ow)
{
    const lb_int_layer *l = p->layer;
    const lb_shape in = input_map(p, 0)->shape, out = l->map.shape;
    const size_t channels = in.c / l->groups, group = o / (out.c / l->groups);
    const bool integer = l->weights.storage != LB_STORED_FLOAT && input_map(p, 0)->coded;
    int64_t integers[MOST_TERMS] = {0};
    float floats[MOST_TERMS] = {0.0f};
    lb_assert(l->weights.terms <= MOST_TERMS);
    for (size_t kh = 0; kh < l->window.kh; kh++)
        for (size_t kw = 0; kw < l->window.kw; kw++) {
            size_t h, w;
            if (!inside(&l->window, in, oh, ow, kh, kw, &h, &w)) continue;
            for (size_t c = 0; c < channels; c++) {
                const size_t x = at(in, group * channels + c, h, w);
                const size_t k = ((o * l->window.kh + kh) * l->window.kw + kw) * channels + c;
                for (size_t term = 0; term < l->weights.terms; term++) {
                    if (!is_summed(l, kh, kw, term)) continue;
                    const int code = counted(l, p->weights.code[k], term);
                    if (integer) {
                        integers[term] += code * input_codes(p, 0)[x];
                        continue;
                    }
                    const bool real = l->weights.storage == LB_STORED_FLOAT;
                    const float weight = real ? p->weights.value[k] : (float)code;
                    const float product = weight * input_values(p, 0)[x];
                    floats[term] = floats[term] + product;
                }
            }
        }
    for (size_t term = 0; term < l->weights.terms; term++)
        lb_assert(integers[term] <= INT32_MAX && integers[term] >= -INT32_MAX);
    finish_sums(p, o, at(out, o, oh, ow), integer, integers, floats);
}

static float pool_value(const place *p, size_t c, size_t oh, size_t ow)
{
    const lb_int_layer *l = p->layer;
    const lb_shape in = input_map(p, 0)->shape;
    const bool average = l->op == LB_INT_AVERAGE_POOL;
    float result = average ? 0.0f : -INFINITY;
    size_t taps = 0;
    for (size_t kh = 0; kh < l->window.kh; kh++)
        for (size_t kw = 0; kw < l->window.kw; kw++) {
            size_t h, w;
            if (!inside(&l->window, in, oh, ow, kh, kw, &h, &w)) continue;
            const float x = input_values(p, 0)[at(in, c, h, w)];
            taps++;
            if (average)
                result = result + x;
            else if (x > result)
                result = x;
        }
    lb_assert(taps > 0);
    return average ? result / (float)taps : result;
}

/* The largest code, or the smallest where the channel is reversed. */
static int pool_code(const place *p, size_t c, size_t oh, size_t ow)
{
    const lb_int_layer *l = p->layer;
    const lb_shape in = input_map(p, 0)->shape;
    const bool smallest = l->reversed && l->reversed[c / 8] >> (c % 8) & 1;
    bool found = false;
    int best = 0;
    for (size_t kh = 0; kh < l->window.kh; kh++)
        for (size_t kw = 0; kw < l->window.kw; kw++) {
            size_t h, w;
            if (!inside(&l->window, in, oh, ow, kh, kw, &h, &w)) continue;
            const int x = input_codes(p, 0)[at(in, c, h, w)];
            if (!found || (smallest ? x < best : x > best)) best = x;
            found = true;
        }
    lb_assert(found);
    return best;
}

/* Element (c, h, w) of the map from element `i` of input k, unchanged. */
static void pass_on(const place *p, size_t to, int k, size_t i)
{
    if (!p->layer->map.coded) {
        p->maps->value[p->index][to] = input_values(p, k)[i];
        return;
    }
    lb_assert(input_map(p, k)->coded && input_map(p, k)->scale == p->layer->map.scale);
    put_code(p, to, input_codes(p, k)[i]);
}

static void run_element(const place *p, size_t c, size_t h, size_t w)
{
    const lb_int_layer *l = p->layer;
    const lb_shape in = input_map(p, 0)->shape;
    const size_t i = at(l->map.shape, c, h, w);
    switch (l->op) {
    case LB_INT_INPUT: break;
    case LB_INT_CONV: run_conv_pixel(p, c, h, w); return;
    case LB_INT_EXPRESSION: finish(p, 0, c, i, input_values(p, 0)[i]); return;
    case LB_INT_MAX_POOL:
        if (l->map.coded)
            put_code(p, i, pool_code(p, c, h, w));
        else
            put_number(p, i, pool_value(p, c, h, w));
        return;
    case LB_INT_AVERAGE_POOL: put_number(p, i, pool_value(p, c, h, w)); return;
    case LB_INT_CONCAT:
        if (c < in.c)
            pass_on(p, i, 0, at(in, c, h, w));
        else
            pass_on(p, i, 1, at(input_map(p, 1)->shape, c - in.c, h, w));
        return;
    case LB_INT_SUBSAMPLE:
        if (c < in.c)
            pass_on(p, i, 0, at(in, c, h * l->stride, w * l->stride));
        else
            put_number(p, i, 0.0f);
        return;
    }
    lb_assert(false);
}

static void run_input(const place *p, const float *image)
{
    for (size_t i = 0; i < count_of(p->layer->map.shape); i++) {
        lb_assert(p->layer->map.coded == p->net->input.raw);
        put_number(p, i, p->net->input.raw ? image[i] * 128.0f : image[i]);
    }
}

void lb_plain_run(const lb_intnet *net, const float *image, lb_plain_maps *maps)
{
    maps->n = net->n_layers;
    maps->value = zeroed(net->n_layers, sizeof *maps->value);
    maps->code = zeroed(net->n_layers, sizeof *maps->code);
    for (size_t i = 0; i < net->n_layers; i++) {
        const lb_int_layer *l = &net->layers[i];
        place p = {net, l, maps, i, {NULL, NULL}};
        const lb_shape s = l->map.shape;
        maps->value[i] = zeroed(count_of(s), sizeof(float));
        if (l->map.coded) maps->code[i] = zeroed(count_of(s), sizeof(int));
        if (l->op == LB_INT_INPUT) {
            run_input(&p, image);
            continue;
        }
        if (l->op == LB_INT_CONV) read_weights(&l->weights, &p.weights);
        for (size_t c = 0; c < s.c; c++)
            for (size_t h = 0; h < s.h; h++)
                for (size_t w = 0; w < s.w; w++) run_element(&p, c, h, w);
        free_weights(&p.weights);
    }
}

void lb_plain_release(lb_plain_maps *maps)
{
    for (size_t i = 0; i < maps->n; i++) {
        free(maps->value[i]);
        free(maps->code[i]);
    }
    free(maps->value);
    free(maps->code);
    *maps = (lb_plain_maps){0};
}
