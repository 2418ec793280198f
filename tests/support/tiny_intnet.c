#include "support/tiny_intnet.h"

#include <string.h>

#include "base/random.h"
#include "support/support.h"

/* ---- building ---- */

static void *array(lb_intnet *net, size_t count, size_t size)
{
    void *block = NULL;
    assert_ok(lb_arena_alloc(&net->arena, count, size, "test", &block));
    return block;
}

static lb_random stream(size_t layer, size_t what)
{
    return lb_random_at(7, LB_RANDOM_TEST, layer, what);
}

/* Floats with all their digits, the first one -0. */
static const float *floats(lb_intnet *net, size_t layer, size_t what, size_t n)
{
    lb_random r = stream(layer, what);
    float *a = array(net, n, sizeof *a);
    for (size_t i = 0; i < n; i++) a[i] = lb_random_normal(&r);
    a[0] = -0.0f;
    return a;
}

static const float *constant(lb_intnet *net, size_t n, float value)
{
    float *a = array(net, n, sizeof *a);
    for (size_t i = 0; i < n; i++) a[i] = value;
    return a;
}

static lb_int_layer *layer(lb_intnet *net, size_t index, lb_int_op op, const char *name, int in)
{
    lb_int_layer *l = &net->layers[index];
    *l = (lb_int_layer){.op = op, .name = name, .equals = name, .in = {in, 0}, .groups = 1};
    l->n_in = op == LB_INT_INPUT ? 0 : 1;
    return l;
}

static void coded(lb_int_layer *l, int bits, int offset, int step, float scale)
{
    l->map.coded = true;
    l->map.grid = (lb_code_grid){bits, offset, step};
    l->map.scale = scale;
}

static void shape(lb_int_layer *l, size_t c, size_t h, size_t w)
{
    l->map.shape = (lb_shape){c, h, w};
}

static void window(lb_int_layer *l, size_t k, size_t stride, size_t pad)
{
    l->window = (lb_window){k, k, stride, pad, pad, pad, pad};
}

/* Random weights of a grid; bits 0: ternary. */
static void weights(lb_intnet *net, size_t index, lb_code_grid grid, size_t count)
{
    lb_random r = stream(index, 0);
    lb_int_weights *w = &net->layers[index].weights;
    const bool ternary = grid.bits == 0;
    uint8_t *fields = array(net, count, 1);
    for (size_t i = 0; i < count; i++) {
        static const uint8_t ternary_field[3] = {0, 2, 3};
        fields[i] = ternary ? ternary_field[lb_random_below(&r, 3)]
                            : (uint8_t)lb_random_below(&r, (uint64_t)1 << grid.bits);
    }
    *w = (lb_int_weights){.storage = ternary ? LB_STORED_TERNARY : LB_STORED_GRID,
                          .grid = grid,
                          .count = count,
                          .sums = ternary ? LB_SUMS_SIGN : LB_SUMS_WHOLE,
                          .terms = ternary ? 2 : 1};
    const int bits = lb_int_weights_bits(w);
    uint8_t *stream_bytes = array(net, (size_t)bits * lb_stream_plane_bytes(count), 1);
    lb_stream_pack(bits, count, fields, stream_bytes);
    w->at = stream_bytes;
}

static lb_step *steps(lb_intnet *net, size_t index, size_t n)
{
    lb_post *post = &net->layers[index].post;
    post->steps = array(net, n, sizeof *post->steps);
    post->n_steps = n;
    return post->steps;
}

static lb_act_map two_bits(void)
{
    return (lb_act_map){.rounding = LB_ROUND_EVEN,
                        .multiplier = 3.0f,
                        .divisor = 1.1f,
                        .low = 0.0f,
                        .high = 3.0f,
                        .scale = 1.0f / 3.0f};
}

static void build_start(lb_intnet *net, bool raw)
{
    lb_int_layer *l = layer(net, LB_TINY_INPUT, LB_INT_INPUT, "input", 0);
    shape(l, 2, 6, 6);
    if (raw) coded(l, 8, -128, 1, 0x1p-7f);

    l = layer(net, LB_TINY_STEM, LB_INT_CONV, "stem", LB_TINY_INPUT);
    shape(l, 5, 6, 6);
    window(l, 3, 1, 1);
    l->weights = (lb_int_weights){.storage = LB_STORED_FLOAT, .count = 90, .terms = 1};
    l->weights.at = floats(net, LB_TINY_STEM, 1, 90);
    lb_step *s = steps(net, LB_TINY_STEM, 3);
    s[0] = (lb_step){.kind = LB_STEP_BIAS, .a = floats(net, LB_TINY_STEM, 2, 5)};
    s[1] = (lb_step){.kind = LB_STEP_AFFINE,
                     .a = floats(net, LB_TINY_STEM, 3, 5),
                     .b = floats(net, LB_TINY_STEM, 4, 5)};
    s[2] = (lb_step){.kind = LB_STEP_RELU, .slope = 1.1f};

    l = layer(net, LB_TINY_QUANTIZE, LB_INT_EXPRESSION, "stem.quantize", LB_TINY_STEM);
    shape(l, 5, 6, 6);
    coded(l, 2, 0, 1, 1.0f / 3.0f);
    steps(net, LB_TINY_QUANTIZE, 1)[0] = (lb_step){.kind = LB_STEP_ENCODE, .encode = two_bits()};
}

/* Sums are within +-135. */
static void build_binary(lb_intnet *net)
{
    lb_int_layer *l = layer(net, LB_TINY_BINARY, LB_INT_CONV, "body.conv1", LB_TINY_QUANTIZE);
    l->equals = "body.quantize2";
    shape(l, 5, 6, 6);
    window(l, 3, 1, 1);
    coded(l, 2, 0, 1, 1.0f / 3.0f);
    weights(net, LB_TINY_BINARY, (lb_code_grid){1, 1, -2}, 225);
    static const int16_t at[5][3] = {
        {-135, 0, 136}, {-7, -7, 12}, {1, 2, 3}, {136, 136, 136}, {-135, -135, -135}};
    static const uint8_t falls[1] = {0x12};
    l->post.kind = LB_POST_THRESHOLDS;
    l->post.thresholds = (lb_thresholds){.bits = 2, .bytes = 2, .at = at, .falls = falls};

    l = layer(net, LB_TINY_POOL, LB_INT_MAX_POOL, "body.pool", LB_TINY_BINARY);
    shape(l, 5, 3, 3);
    window(l, 2, 2, 0);
    coded(l, 2, 0, 1, 1.0f / 3.0f);
    static const uint8_t reversed[1] = {0x09};
    l->reversed = reversed;
}

static void build_body(lb_intnet *net)
{
    lb_int_layer *l = layer(net, LB_TINY_TERNARY, LB_INT_CONV, "body.conv2", LB_TINY_POOL);
    l->equals = "";
    shape(l, 5, 3, 3);
    l->window = (lb_window){3, 2, 1, 1, 0, 1, 1};
    coded(l, 1, 1, -2, 1.0f);
    weights(net, LB_TINY_TERNARY, (lb_code_grid){0, 0, 0}, 150);
    lb_step *s = steps(net, LB_TINY_TERNARY, 4);
    s[0] = (lb_step){.kind = LB_STEP_SCALE, .a = floats(net, LB_TINY_TERNARY, 1, 10)};
    s[1] = (lb_step){.kind = LB_STEP_AFFINE,
                     .a = constant(net, 5, -0.7f),
                     .b = floats(net, LB_TINY_TERNARY, 2, 5)};
    s[2] = (lb_step){.kind = LB_STEP_CLIP, .low = -1.0f, .high = 1.0f};
    s[3] = (lb_step){.kind = LB_STEP_ENCODE,
                     .encode = {.rounding = LB_ROUND_SIGN,
                                .multiplier = 1.0f,
                                .divisor = 1.0f,
                                .low = -1.0f,
                                .high = 1.0f,
                                .scale = 1.0f}};

    l = layer(net, LB_TINY_DEPTHWISE, LB_INT_CONV, "body.conv3", LB_TINY_TERNARY);
    l->equals = "elsewhere.add";
    l->in[l->n_in++] = LB_TINY_POOL;
    l->groups = 5;
    shape(l, 5, 3, 3);
    window(l, 3, 1, 1);
    weights(net, LB_TINY_DEPTHWISE, (lb_code_grid){4, -8, 1}, 45);
    s = steps(net, LB_TINY_DEPTHWISE, 2);
    s[0] = (lb_step){.kind = LB_STEP_SCALE, .a = constant(net, 5, 0.1f)};
    s[1] = (lb_step){.kind = LB_STEP_ADD};
}

static void build_fixed(lb_intnet *net)
{
    lb_int_layer *l = layer(net, LB_TINY_SUBSAMPLE, LB_INT_SUBSAMPLE, "shortcut", LB_TINY_POOL);
    shape(l, 8, 2, 2);
    l->stride = 2;
    coded(l, 2, 0, 1, 1.0f / 3.0f);

    l = layer(net, LB_TINY_FIXED, LB_INT_CONV, "fixed", LB_TINY_SUBSAMPLE);
    shape(l, 4, 2, 2);
    window(l, 1, 1, 0);
    coded(l, 8, 0, 1, 0x1p-8f);
    weights(net, LB_TINY_FIXED, (lb_code_grid){8, -128, 1}, 32);
    static const int32_t multiplier[4] = {1, -70000, INT32_MAX, INT32_MIN};
    static const int64_t offset[4] = {0, -1, (int64_t)1 << 62, -((int64_t)1 << 62)};
    l->post.kind = LB_POST_FIXED_POINT;
    static const lb_fixed_exception exceptions[2] = {{1, -3, 200}, {1, 4, 0}};
    l->post.fixed = (lb_fixed_point){.bits = 8,
                                     .shift = 20,
                                     .multiplier = multiplier,
                                     .offset = offset,
                                     .exceptions = exceptions,
                                     .n_exceptions = 2};

    l = layer(net, LB_TINY_TWICE, LB_INT_CONCAT, "twice", LB_TINY_SUBSAMPLE);
    l->in[l->n_in++] = LB_TINY_SUBSAMPLE;
    shape(l, 16, 2, 2);
    coded(l, 2, 0, 1, 1.0f / 3.0f);
}

static void build_mean(lb_intnet *net, size_t index, const char *name, int in, size_t c, size_t k)
{
    lb_int_layer *l = layer(net, index, LB_INT_AVERAGE_POOL, name, in);
    shape(l, c, 1, 1);
    window(l, k, 1, 0);
}

static void build_end(lb_intnet *net)
{
    build_mean(net, LB_TINY_MEAN_A, "mean.a", LB_TINY_DEPTHWISE, 5, 3);
    build_mean(net, LB_TINY_MEAN_B, "mean.b", LB_TINY_FIXED, 4, 2);
    build_mean(net, LB_TINY_MEAN_C, "mean.c", LB_TINY_TWICE, 16, 2);
    lb_int_layer *l = layer(net, LB_TINY_JOIN_AB, LB_INT_CONCAT, "join.ab", LB_TINY_MEAN_A);
    l->in[l->n_in++] = LB_TINY_MEAN_B;
    shape(l, 9, 1, 1);
    l = layer(net, LB_TINY_JOIN, LB_INT_CONCAT, "join", LB_TINY_JOIN_AB);
    l->in[l->n_in++] = LB_TINY_MEAN_C;
    shape(l, 25, 1, 1);
    l = layer(net, LB_TINY_LOGITS, LB_INT_CONV, "logits", LB_TINY_JOIN);
    shape(l, 3, 1, 1);
    window(l, 1, 1, 0);
    weights(net, LB_TINY_LOGITS, (lb_code_grid){2, -3, 2}, 75);
    lb_step *s = steps(net, LB_TINY_LOGITS, 2);
    s[0] = (lb_step){.kind = LB_STEP_SCALE, .a = floats(net, LB_TINY_LOGITS, 1, 3)};
    s[1] = (lb_step){.kind = LB_STEP_BIAS, .a = floats(net, LB_TINY_LOGITS, 2, 3)};
}

void lb_test_tiny_intnet(bool raw, lb_intnet *net)
{
    static const char *const names[] = {"cat", "d\xc3\xb6g", "a \"quoted\" one"};
    *net = (lb_intnet){.n_layers = LB_TINY_LAYERS,
                       .classes = 3,
                       .class_names = raw ? NULL : names,
                       .title = "tiny, every kind of layer",
                       .input = {.raw = raw}};
    net->layers = array(net, LB_TINY_LAYERS, sizeof *net->layers);
    for (size_t c = 0; c < 2 && !raw; c++) {
        net->input.mean[c] = 0.1f + (float)c;
        net->input.std[c] = 1.0f / (3.0f + (float)c);
    }
    build_start(net, raw);
    build_binary(net);
    build_body(net);
    build_fixed(net);
    build_end(net);
}

/* ---- comparing ---- */

/* Filters of all widths that the layer's grid has, their codes moved onto their own grids. */
static void mix_filters(lb_intnet *net, size_t index)
{
    lb_int_weights *w = &net->layers[index].weights;
    const size_t filters = net->layers[index].map.shape.c, size = w->count / filters;
    const size_t bytes = (size_t)w->grid.bits * lb_stream_plane_bytes(w->count);
    uint8_t *bits = array(net, filters, 1), *fields = array(net, w->count, 1);
    uint8_t *stream = array(net, bytes, 1);
    lb_stream_unpack(w->grid.bits, w->count, w->at, fields);
    for (size_t o = 0; o < filters; o++) {
        bits[o] = (uint8_t)(w->grid.bits - (int)o % w->grid.bits);
        const lb_code_grid own = lb_grid_narrowed(w->grid, bits[o]);
        for (size_t i = o * size; i < (o + 1) * size; i++) {
            const int code = own.offset + own.step * (fields[i] & ((1 << bits[o]) - 1));
            fields[i] = lb_grid_field(w->grid, code);
        }
    }
    lb_stream_pack(w->grid.bits, w->count, fields, stream);
    w->at = stream;
    w->filter_bits = bits;
    assert_ok(lb_int_weights_narrow(w, filters, &net->arena));
}

void lb_test_tiny_encode(lb_intnet *net, lb_weight_encoding encoding)
{
    if (encoding == LB_ENCODED_MIXED) {
        mix_filters(net, LB_TINY_DEPTHWISE);
        mix_filters(net, LB_TINY_LOGITS);
        return;
    }
    lb_int_weights *w = &net->layers[LB_TINY_TERNARY].weights;
    const size_t plane = lb_stream_plane_bytes(w->count);
    uint8_t *stream = array(net, 2 * plane, 1);
    memcpy(stream, w->at, 2 * plane);
    for (size_t i = 0; i < 2 * plane; i++)
        if (i % plane % 6 != 2) stream[i] = 0;
    w->at = stream;
    assert_ok(lb_intnet_encode(net, encoding));
    assert_int_equal(w->encoding, encoding);
}

static void same_bytes(const char *what, const char *name, const void *a, const void *b, size_t n)
{
    if (memcmp(a, b, n) != 0) fail_msg("layer '%s': %s differ", name, what);
}

static void same_step(const lb_int_layer *l, const lb_step *a, const lb_step *b)
{
    const size_t channels = l->map.shape.c;
    const size_t rows = a->kind == LB_STEP_SCALE ? l->weights.terms : 1;
    assert_int_equal(a->kind, b->kind);
    assert_true(!a->a == !b->a && !a->b == !b->b);
    if (a->a) same_bytes("values", l->name, a->a, b->a, rows * channels * sizeof(float));
    if (a->b) same_bytes("values", l->name, a->b, b->b, channels * sizeof(float));
    same_bytes("bounds", l->name, &a->low, &b->low, sizeof a->low);
    same_bytes("bounds", l->name, &a->high, &b->high, sizeof a->high);
    same_bytes("slopes", l->name, &a->slope, &b->slope, sizeof a->slope);
    assert_int_equal(a->encode.rounding, b->encode.rounding);
    const float x[] = {a->encode.multiplier, a->encode.divisor, a->encode.low, a->encode.high,
                       a->encode.scale};
    const float y[] = {b->encode.multiplier, b->encode.divisor, b->encode.low, b->encode.high,
                       b->encode.scale};
    same_bytes("encode steps", l->name, x, y, sizeof x);
}

static void same_post(const lb_int_layer *x, const lb_int_layer *y)
{
    const lb_post *a = &x->post, *b = &y->post;
    const size_t channels = x->map.shape.c;
    assert_int_equal(a->kind, b->kind);
    if (a->kind == LB_POST_THRESHOLDS) {
        const lb_thresholds *s = &a->thresholds, *t = &b->thresholds;
        assert_int_equal(s->bits, t->bits);
        assert_int_equal(s->bytes, t->bytes);
        same_bytes("thresholds", x->name, s->at, t->at,
                   channels * (((size_t)1 << s->bits) - 1) * (size_t)s->bytes);
        same_bytes("falling channels", x->name, s->falls, t->falls, (channels + 7) / 8);
    } else if (a->kind == LB_POST_FIXED_POINT) {
        assert_int_equal(a->fixed.bits, b->fixed.bits);
        assert_int_equal(a->fixed.shift, b->fixed.shift);
        same_bytes("multipliers", x->name, a->fixed.multiplier, b->fixed.multiplier, channels * 4);
        same_bytes("offsets", x->name, a->fixed.offset, b->fixed.offset, channels * 8);
        assert_int_equal(a->fixed.n_exceptions, b->fixed.n_exceptions);
        same_bytes("exceptions", x->name, a->fixed.exceptions, b->fixed.exceptions,
                   a->fixed.n_exceptions * sizeof *a->fixed.exceptions);
    } else {
        assert_int_equal(a->n_steps, b->n_steps);
        for (size_t i = 0; i < a->n_steps; i++) same_step(x, &a->steps[i], &b->steps[i]);
    }
}

static void same_weights(const lb_int_layer *x, const lb_int_layer *y)
{
    const lb_int_weights *a = &x->weights, *b = &y->weights;
    assert_int_equal(a->storage, b->storage);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->sums, b->sums);
    assert_int_equal(a->terms, b->terms);
    if (a->storage == LB_STORED_GRID) assert_memory_equal(&a->grid, &b->grid, sizeof a->grid);
    if (a->encoding == LB_ENCODED_PLANES)
        same_bytes("weights", x->name, a->at, b->at, lb_int_weights_stored_bytes(a));
    assert_int_equal(a->encoding, b->encoding);
    assert_int_equal(a->encoded_bytes, b->encoded_bytes);
    if (a->encoding != LB_ENCODED_PLANES)
        same_bytes("encoded weights", x->name, a->encoded, b->encoded, a->encoded_bytes);
    if (a->encoding != LB_ENCODED_MIXED) return;
    same_bytes("bits", x->name, a->filter_bits, b->filter_bits, x->map.shape.c);
    same_bytes("weights", x->name, a->at, b->at,
               (size_t)a->grid.bits * lb_stream_plane_bytes(a->count));
}

static void same_layer(const lb_int_layer *a, const lb_int_layer *b)
{
    assert_int_equal(a->op, b->op);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->equals, b->equals);
    assert_int_equal(a->n_in, b->n_in);
    for (int k = 0; k < a->n_in; k++) assert_int_equal(a->in[k], b->in[k]);
    assert_memory_equal(&a->map.shape, &b->map.shape, sizeof a->map.shape);
    assert_int_equal(a->map.coded, b->map.coded);
    if (a->map.coded) {
        assert_memory_equal(&a->map.grid, &b->map.grid, sizeof a->map.grid);
        assert_memory_equal(&a->map.scale, &b->map.scale, sizeof a->map.scale);
    }
    if (a->op == LB_INT_CONV || a->op == LB_INT_MAX_POOL || a->op == LB_INT_AVERAGE_POOL)
        assert_memory_equal(&a->window, &b->window, sizeof a->window);
    if (a->op == LB_INT_SUBSAMPLE) assert_int_equal(a->stride, b->stride);
    if (a->op == LB_INT_CONV) assert_int_equal(a->groups, b->groups);
    if (a->op == LB_INT_CONV) same_weights(a, b);
    if (a->op == LB_INT_CONV || a->op == LB_INT_EXPRESSION) same_post(a, b);
    assert_true(!a->reversed == !b->reversed);
    if (a->reversed)
        same_bytes("reversed channels", a->name, a->reversed, b->reversed,
                   (a->map.shape.c + 7) / 8);
}

void lb_test_same_intnet(const lb_intnet *a, const lb_intnet *b)
{
    assert_int_equal(a->n_layers, b->n_layers);
    for (size_t i = 0; i < a->n_layers; i++) same_layer(&a->layers[i], &b->layers[i]);
    assert_int_equal(a->input.raw, b->input.raw);
    for (size_t c = 0; c < a->layers[0].map.shape.c && !a->input.raw; c++) {
        assert_memory_equal(&a->input.mean[c], &b->input.mean[c], sizeof(float));
        assert_memory_equal(&a->input.std[c], &b->input.std[c], sizeof(float));
    }
    assert_int_equal(a->classes, b->classes);
    assert_string_equal(a->title, b->title);
    assert_true(!a->class_names == !b->class_names);
    for (size_t i = 0; a->class_names && i < a->classes; i++)
        assert_string_equal(a->class_names[i], b->class_names[i]);
}
