#include "support/random_intnet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

enum { LAYERS_MAX = 40, CLASSES = 5 };

/* A network being built. */
typedef struct maker {
    lb_intnet *net;
    lb_random r;
    bool used[LAYERS_MAX];
} maker;

static void must(lb_status status)
{
    if (status == LB_OK) return;
    (void)fprintf(stderr, "random network: %s\n", lb_error());
    abort();
}

static void *array(maker *m, size_t count, size_t size)
{
    void *block = NULL;
    must(lb_arena_alloc(&m->net->arena, count, size, "random network", &block));
    return block;
}

static size_t between(maker *m, size_t low, size_t high)
{
    return low + lb_random_below(&m->r, high - low + 1);
}

static bool one_in(maker *m, uint64_t n)
{
    return lb_random_below(&m->r, n) == 0;
}

static float *floats(maker *m, size_t n, float mean, float spread)
{
    float *a = array(m, n, sizeof *a);
    for (size_t i = 0; i < n; i++) a[i] = mean + spread * lb_random_normal(&m->r);
    return a;
}

/* ---- layers ---- */

static lb_int_layer *add_layer(maker *m, lb_int_op op, int in)
{
    const size_t index = m->net->n_layers++;
    lb_int_layer *l = &m->net->layers[index];
    char *name = array(m, 16, 1);
    (void)snprintf(name, 16, "layer%zu", index);
    *l = (lb_int_layer){.op = op, .name = name, .equals = "", .groups = 1};
    if (op == LB_INT_INPUT) return l;
    l->in[0] = in;
    l->n_in = 1;
    m->used[in] = true;
    return l;
}

static const lb_int_map *map_of(const maker *m, int layer)
{
    return &m->net->layers[layer].map;
}

static int last(const maker *m)
{
    return (int)m->net->n_layers - 1;
}

/* Mostly the last layer, so that networks are deep. */
static int any_layer(maker *m)
{
    return one_in(m, 3) ? (int)lb_random_below(&m->r, m->net->n_layers) : last(m);
}

/* One window along a side of `size`: at most 7 outputs come of it. */
static size_t side(size_t size, size_t k, size_t stride, size_t before, size_t after)
{
    return (size + before + after - k) / stride + 1;
}

static void random_window(maker *m, lb_shape in, bool pool, lb_int_layer *l)
{
    lb_window *w = &l->window;
    *w = (lb_window){.kh = between(m, 1, 4), .kw = between(m, 1, 4), .stride = between(m, 1, 3)};
    if (one_in(m, 3)) w->kh = w->kw = 3, w->stride = 1;
    if (one_in(m, 8)) w->kh = in.h, w->kw = in.w; /* a linear layer */
    /* of a pool, less than the kernel; some windows of a convolution see nothing but padding */
    const size_t past = one_in(m, 8) ? 2 : 0;
    const size_t most_h = pool ? w->kh - 1 : w->kh + past, most_w = pool ? w->kw - 1 : w->kw + past;
    w->pad_top = between(m, 0, most_h);
    w->pad_bottom = between(m, 0, most_h);
    w->pad_left = between(m, 0, most_w);
    w->pad_right = between(m, 0, most_w);
    if (in.h + w->pad_top + w->pad_bottom < w->kh) w->kh = 1, w->pad_top = w->pad_bottom = 0;
    if (in.w + w->pad_left + w->pad_right < w->kw) w->kw = 1, w->pad_left = w->pad_right = 0;
    l->map.shape.h = side(in.h, w->kh, w->stride, w->pad_top, w->pad_bottom);
    l->map.shape.w = side(in.w, w->kw, w->stride, w->pad_left, w->pad_right);
}

/* ---- weights ---- */

static lb_code_grid weight_grid(maker *m)
{
    const int bits = one_in(m, 2) ? 1 : (int)between(m, 2, 8);
    if (one_in(m, 5)) return (lb_code_grid){bits, 0, 1};
    if (bits == 1) return (lb_code_grid){1, 1, -2};
    return one_in(m, 2) ? (lb_code_grid){bits, -(1 << (bits - 1)), 1}
                        : (lb_code_grid){bits, -((1 << bits) - 1), 2};
}

static void random_weights(maker *m, lb_int_layer *l, size_t count)
{
    lb_int_weights *w = &l->weights;
    *w = (lb_int_weights){.storage = LB_STORED_GRID, .count = count, .terms = 1};
    if (one_in(m, 6)) {
        w->storage = LB_STORED_FLOAT;
        w->at = floats(m, count, 0.0f, 0.3f);
        return;
    }
    const bool ternary = one_in(m, 4);
    if (ternary) {
        w->storage = LB_STORED_TERNARY;
        if (one_in(m, 2)) w->sums = LB_SUMS_SIGN;
    } else {
        w->grid = weight_grid(m);
    }
    if (w->sums == LB_SUMS_WHOLE && lb_int_weights_largest(w) == 1 &&
        l->window.kh * l->window.kw <= 16 && one_in(m, 2))
        w->sums = one_in(m, 2) ? LB_SUMS_ROW : LB_SUMS_PIXEL;
    w->terms = lb_int_weights_terms(w->sums, &l->window);
    const int bits = lb_int_weights_bits(w);
    uint8_t *fields = array(m, count, 1);
    const uint64_t sparse = one_in(m, 2) ? 3 : between(m, 3, 40); /* two of so many are not zero */
    for (size_t i = 0; i < count; i++) {
        static const uint8_t ternary_field[3] = {2, 3, 0};
        const uint64_t drawn = lb_random_below(&m->r, sparse);
        fields[i] = ternary ? ternary_field[drawn < 2 ? drawn : 2]
                            : (uint8_t)lb_random_below(&m->r, (uint64_t)1 << bits);
    }
    uint8_t *stream = array(m, (size_t)bits * lb_stream_plane_bytes(count), 1);
    lb_stream_pack(bits, count, fields, stream);
    w->at = stream;
}

/* ---- what follows sums ---- */

static lb_act_map random_encode(maker *m)
{
    lb_act_map e = {.rounding = (lb_rounding)lb_random_below(&m->r, 4),
                    .multiplier = 0.5f + lb_random_uniform(&m->r),
                    .divisor = 0.5f + lb_random_uniform(&m->r),
                    .scale = 0.05f + lb_random_uniform(&m->r)};
    const int bits = (int)between(m, 1, one_in(m, 3) ? 8 : 4);
    if (e.rounding == LB_ROUND_SIGN) {
        e.low = -1.0f;
        e.high = 1.0f;
    } else if (e.rounding == LB_ROUND_STEP) {
        e.high = 1.0f;
    } else if (bits > 1 && one_in(m, 4)) {
        e.low = (float)-(1 << (bits - 1));
        e.high = (float)((1 << (bits - 1)) - 1);
    } else {
        e.high = (float)((1 << bits) - 1);
    }
    if (e.rounding != LB_ROUND_SIGN && one_in(m, 4)) /* fewer codes than the grid has */
        e.high = e.low + 1.0f + (float)lb_random_below(&m->r, (uint64_t)(e.high - e.low));
    if (e.high > 0.0f) e.multiplier *= e.high;
    return e;
}

/* A row for each sum; sometimes with one value for all channels. */
static const float *scales(maker *m, size_t channels, size_t terms, float spread)
{
    float *a = floats(m, channels * terms, 0.0f, spread);
    if (one_in(m, 2)) return a;
    for (size_t i = 0; i < channels * terms; i++) a[i] = a[i / channels * channels];
    return a;
}

/* The steps after a scale, and the codes where there are to be codes. */
static void random_steps(maker *m, lb_int_layer *l, float spread)
{
    lb_post *post = &l->post;
    const size_t c = l->map.shape.c;
    lb_step *s = array(m, 8, sizeof *s);
    size_t n = 0;
    if (l->op == LB_INT_CONV && l->weights.storage != LB_STORED_FLOAT)
        s[n++] =
            (lb_step){.kind = LB_STEP_SCALE, .a = scales(m, c, l->weights.terms, 1.0f / spread)};
    if (one_in(m, 3)) s[n++] = (lb_step){.kind = LB_STEP_BIAS, .a = floats(m, c, 0.0f, 0.3f)};
    if (one_in(m, 2))
        s[n++] = (lb_step){
            .kind = LB_STEP_AFFINE, .a = floats(m, c, 0.0f, 1.0f), .b = floats(m, c, 0.1f, 0.3f)};
    if (l->n_in > 1) s[n++] = (lb_step){.kind = LB_STEP_ADD};
    if (one_in(m, 2))
        s[n++] =
            (lb_step){.kind = LB_STEP_RELU, .slope = one_in(m, 2) ? 1.0f : lb_random_normal(&m->r)};
    if (n == 0 && l->op == LB_INT_CONV && one_in(m, 2)) { /* float sums, as they are */
        l->map.coded = false;
        *post = (lb_post){.kind = LB_POST_STEPS};
        return;
    }
    if (n == 0 || one_in(m, 3))
        s[n++] = (lb_step){.kind = LB_STEP_CLIP, .low = -1.5f, .high = 2.0f};
    if (one_in(m, 3)) {
        l->map.coded = false;
    } else {
        const lb_act_map encode = random_encode(m);
        s[n++] = (lb_step){.kind = LB_STEP_ENCODE, .encode = encode};
        l->map.coded = true;
        l->map.grid = lb_act_grid(&encode);
        l->map.scale = encode.scale;
    }
    post->kind = LB_POST_STEPS;
    post->steps = s;
    post->n_steps = n;
}

static void random_grid_map(maker *m, lb_int_map *map)
{
    const int bits = (int)between(m, 1, one_in(m, 3) ? 8 : 4);
    map->coded = true;
    map->scale = 0.05f + lb_random_uniform(&m->r);
    map->grid = (lb_code_grid){bits, 0, 1};
    if (bits == 1 && one_in(m, 2)) map->grid = (lb_code_grid){1, 1, -2};
    if (bits > 1 && one_in(m, 3)) map->grid.offset = -(1 << (bits - 1));
}

static int order(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Thresholds within the sums that are likely, a few of them at the ends of what is possible. */
static void random_thresholds(maker *m, size_t index, float spread)
{
    lb_int_layer *l = &m->net->layers[index];
    const int64_t largest = lb_int_layer_largest_sum(m->net, index);
    const int bytes = lb_threshold_bytes(largest);
    const size_t levels = ((size_t)1 << l->map.grid.bits) - 1, c = l->map.shape.c;
    int32_t *sorted = array(m, levels, sizeof *sorted);
    void *at = array(m, c * levels, (size_t)bytes);
    uint8_t *falls = array(m, (c + 7) / 8, 1);
    for (size_t i = 0; i < c; i++) {
        for (size_t j = 0; j < levels; j++) {
            double level = (double)(spread * lb_random_normal(&m->r));
            if (one_in(m, 20)) level = one_in(m, 2) ? -1e30 : 1e30;
            level = fmin(fmax(level, (double)-largest), (double)largest + 1.0);
            sorted[j] = (int32_t)level;
        }
        qsort(sorted, levels, sizeof *sorted, order);
        for (size_t j = 0; j < levels; j++) {
            if (bytes == 2)
                ((int16_t *)at)[i * levels + j] = (int16_t)sorted[j];
            else
                ((int32_t *)at)[i * levels + j] = sorted[j];
        }
        if (one_in(m, 2)) falls[i / 8] |= (uint8_t)(1u << i % 8);
    }
    l->post.kind = LB_POST_THRESHOLDS;
    l->post.thresholds = (lb_thresholds){l->map.grid.bits, bytes, at, falls};
}

/* Exceptions where sums are likely: what the next sum has, or any field, which keeps no order. */
static void random_exceptions(maker *m, lb_int_layer *l, float spread)
{
    lb_fixed_point *f = &l->post.fixed;
    const size_t most = lb_fixed_exceptions_max(l->map.shape.c);
    const bool ordered = one_in(m, 2);
    lb_fixed_exception *list = array(m, most, sizeof *list);
    size_t n = 0;
    for (size_t c = 0; c < l->map.shape.c && n < most; c++) {
        int32_t sum = (int32_t)(spread * lb_random_normal(&m->r));
        for (; n < most && !one_in(m, 3); sum += 2 + (int32_t)lb_random_below(&m->r, 3)) {
            const uint8_t field = ordered ? lb_fixed_point_field(f, c, sum + 1)
                                          : (uint8_t)lb_random_below(&m->r, (uint64_t)1 << f->bits);
            list[n++] = (lb_fixed_exception){(int32_t)c, sum, field};
        }
    }
    f->exceptions = list;
    f->n_exceptions = n;
}

static void random_fixed_point(maker *m, lb_int_layer *l, float spread)
{
    const size_t c = l->map.shape.c;
    int32_t *multiplier = array(m, c, sizeof *multiplier);
    int64_t *offset = array(m, c, sizeof *offset);
    const int bits = l->map.grid.bits, shift = (int)between(m, 0, 40);
    const double unit = ldexp(1.0, shift), top = ldexp(1.0, bits);
    for (size_t i = 0; i < c; i++) {
        const double gain = unit * top / (double)spread * (double)lb_random_normal(&m->r);
        multiplier[i] = (int32_t)fmin(fmax(gain, -2e9), 2e9);
        offset[i] = (int64_t)(unit * top * (double)lb_random_normal(&m->r));
    }
    l->post.kind = LB_POST_FIXED_POINT;
    l->post.fixed =
        (lb_fixed_point){.bits = bits, .shift = shift, .multiplier = multiplier, .offset = offset};
    if (one_in(m, 2)) random_exceptions(m, l, spread);
}

/* ---- operations ---- */

static bool same_shape(lb_shape a, lb_shape b)
{
    return a.c == b.c && a.h == b.h && a.w == b.w;
}

/* A layer with a map of this shape, or -1. */
static int find_shape(const maker *m, lb_shape s, int before)
{
    for (int i = before - 1; i >= 0; i--)
        if (same_shape(map_of(m, i)->shape, s)) return i;
    return -1;
}

static void maybe_add(maker *m, lb_int_layer *l, int index)
{
    const int other = one_in(m, 2) ? find_shape(m, l->map.shape, index) : -1;
    if (other < 0) return;
    l->in[1] = other;
    l->n_in = 2;
    m->used[other] = true;
}

static void add_conv(maker *m, int in, size_t channels, bool linear)
{
    const lb_int_map from = *map_of(m, in);
    lb_int_layer *l = add_layer(m, LB_INT_CONV, in);
    const size_t index = (size_t)last(m);
    if (!linear && one_in(m, 6)) {
        l->groups = one_in(m, 2) || from.shape.c % 2 ? from.shape.c : 2;
        channels = l->groups * between(m, 1, 3);
    }
    l->map.shape.c = channels;
    if (linear) {
        l->window = (lb_window){.kh = from.shape.h, .kw = from.shape.w, .stride = 1};
        l->map.shape.h = l->map.shape.w = 1;
    } else {
        random_window(m, from.shape, false, l);
    }
    const size_t inputs = from.shape.c / l->groups * l->window.kh * l->window.kw;
    random_weights(m, l, channels * inputs);
    const bool integer = lb_int_layer_is_integer(m->net, index);
    float spread = sqrtf((float)inputs);
    if (l->weights.storage != LB_STORED_FLOAT) spread *= (float)lb_int_weights_largest(&l->weights);
    if (integer) spread *= (float)lb_grid_high(from.grid);
    if (integer && l->weights.terms == 1 && !linear && !one_in(m, 3)) {
        random_grid_map(m, &l->map);
        if (one_in(m, 3))
            random_fixed_point(m, l, spread);
        else
            random_thresholds(m, index, spread);
        return;
    }
    if (!linear) maybe_add(m, l, (int)index);
    random_steps(m, l, spread);
}

static void add_expression(maker *m, int in)
{
    lb_int_layer *l = add_layer(m, LB_INT_EXPRESSION, in);
    l->map.shape = map_of(m, in)->shape;
    maybe_add(m, l, last(m));
    random_steps(m, l, 1.0f);
}

static void add_pool(maker *m, int in, lb_int_op op)
{
    lb_int_layer *l = add_layer(m, op, in);
    const lb_shape from = map_of(m, in)->shape;
    if (op == LB_INT_MAX_POOL) l->map = *map_of(m, in);
    l->map.shape.c = from.c;
    random_window(m, from, true, l);
    if (op != LB_INT_MAX_POOL || !l->map.coded || one_in(m, 2)) return;
    uint8_t *reversed = array(m, (from.c + 7) / 8, 1);
    for (size_t c = 0; c < from.c; c++)
        if (one_in(m, 2)) reversed[c / 8] |= (uint8_t)(1u << c % 8);
    l->reversed = reversed;
}

/* The map that the operation has, which the library derives. */
static void add_join(maker *m, lb_int_op op, int in, int other)
{
    lb_int_layer *l = add_layer(m, op, in);
    const lb_int_map *a = map_of(m, in);
    l->map = *a;
    if (op == LB_INT_SUBSAMPLE) {
        l->stride = between(m, 1, 3);
        l->map.shape.c += one_in(m, 3) ? 0 : between(m, 1, 40);
        l->map.shape.h = (a->shape.h + l->stride - 1) / l->stride;
        l->map.shape.w = (a->shape.w + l->stride - 1) / l->stride;
        if (a->coded && l->map.shape.c > a->shape.c && !lb_grid_has_zero(a->grid))
            l->map = (lb_int_map){.shape = l->map.shape};
        return;
    }
    const lb_int_map *b = map_of(m, other);
    l->in[1] = other;
    l->n_in = 2;
    m->used[other] = true;
    l->map.shape.c += b->shape.c;
    const bool same = a->coded && b->coded && a->grid.bits == b->grid.bits &&
                      a->grid.offset == b->grid.offset && a->grid.step == b->grid.step &&
                      a->scale == b->scale;
    if (!same) l->map = (lb_int_map){.shape = l->map.shape};
}

static void add_any(maker *m)
{
    const int in = any_layer(m);
    const lb_shape s = map_of(m, in)->shape;
    switch (lb_random_below(&m->r, 9)) {
    case 0: add_expression(m, in); return;
    case 1: add_pool(m, in, LB_INT_MAX_POOL); return;
    case 2: add_pool(m, in, LB_INT_AVERAGE_POOL); return;
    case 3: {
        if (s.c > 90) break;
        int other = (int)lb_random_below(&m->r, m->net->n_layers);
        const lb_shape o = map_of(m, other)->shape;
        if (o.h != s.h || o.w != s.w) other = in; /* with itself: codes stay codes */
        add_join(m, LB_INT_CONCAT, in, other);
        return;
    }
    case 4:
        if (s.c > 90) break;
        add_join(m, LB_INT_SUBSAMPLE, in, -1);
        return;
    default: break;
    }
    add_conv(m, in, between(m, 1, one_in(m, 4) ? 140 : 40), false);
}

/* Bring every map that nobody uses to 1 x 1 and join them, then the logits. */
static void finish(maker *m)
{
    int joined = -1;
    for (int i = 0; i < last(m) + 1 && m->net->n_layers < LAYERS_MAX - 2; i++) {
        if (m->used[i] || i == joined) continue;
        const lb_shape s = map_of(m, i)->shape;
        add_layer(m, LB_INT_AVERAGE_POOL, i);
        lb_int_layer *l = &m->net->layers[last(m)];
        l->map.shape = (lb_shape){s.c, 1, 1};
        l->window = (lb_window){.kh = s.h, .kw = s.w, .stride = 1};
        if (joined >= 0) add_join(m, LB_INT_CONCAT, joined, last(m));
        joined = last(m);
    }
    add_conv(m, last(m), CLASSES, true);
    lb_int_layer *l = &m->net->layers[last(m)];
    while (l->map.coded) random_steps(m, l, 10.0f);
}

void lb_random_intnet(uint64_t seed, lb_intnet *net)
{
    maker m = {.net = net, .r = lb_random_at(seed, LB_RANDOM_TEST, 11, 0)};
    *net = (lb_intnet){.classes = CLASSES, .title = "random", .data = "", .loss = "cross-entropy"};
    net->layers = array(&m, LAYERS_MAX, sizeof *net->layers);
    lb_int_layer *input = add_layer(&m, LB_INT_INPUT, 0);
    input->map.shape = (lb_shape){between(&m, 1, 4), between(&m, 2, 9), between(&m, 2, 9)};
    net->input.raw = one_in(&m, 2);
    for (size_t c = 0; c < 4; c++) {
        net->input.mean[c] = 0.1f * (float)c + 0.25f;
        net->input.std[c] = 0.3f + 0.1f * (float)c;
    }
    if (net->input.raw) {
        input->map.coded = true;
        input->map.grid = (lb_code_grid){8, -128, 1};
        input->map.scale = 0x1p-7f;
    }
    const size_t layers = between(&m, 2, 8);
    for (size_t i = 0; i < layers; i++) add_any(&m);
    finish(&m);
    must(lb_intnet_check(net));
}

void lb_random_intnet_image(uint64_t seed, const lb_intnet *net, float *image, uint8_t *pixels)
{
    lb_random r = lb_random_at(seed, LB_RANDOM_TEST, 12, 0);
    const lb_shape s = net->layers[0].map.shape;
    for (size_t i = 0; i < s.c * s.h * s.w; i++) {
        const int p = (int)lb_random_below(&r, 256);
        if (pixels) pixels[i] = (uint8_t)p;
        image[i] = net->input.raw ? (float)(p - 128) / 128.0f : lb_random_normal(&r);
    }
}
