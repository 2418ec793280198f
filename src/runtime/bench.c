/* Timing: a packed network, or one convolution as a network of one layer, by the very code that runs
 * networks. Weights and activations are drawn at random; no kernel's speed depends on their values. */
#include "lowbit/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "runtime/bench_layer.h"
#include "runtime/context.h"

enum { RUNS_MIN = 10, RUNS_MAX = 1 << 20, BATCH_MAX = 1 << 16, SEED = 1 };
enum { CONV = 1 }; /* the layer that is timed behind an input that is not */

static const double warm_up = 0.1; /* of the time */

/* What is timed. */
typedef struct subject {
    lb_context *context;
    size_t layer; /* 0: the whole network */
    size_t batch;
    const uint8_t *pixels;
    float *logits;
} subject;

/* ---- timing ---- */

static double time_run(const subject *s)
{
    const double start = lb_seconds();
    if (s->layer > 0)
        lb_context_run_layer(s->context, s->layer, s->batch, s->logits);
    else
        lb_context_run_pixels(s->context, s->pixels, s->batch, s->logits);
    return lb_seconds() - start;
}

static int compare_times(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static lb_status time_runs(const subject *s, double seconds, lb_bench_result *out)
{
    double *times = NULL, spent = 0.0;
    size_t n = 0, cold = 0;
    LB_TRY(lb_alloc(RUNS_MAX, sizeof *times, "times", (void **)&times));
    while (spent < warm_up * seconds || cold == 0) {
        spent += time_run(s);
        cold++;
    }
    for (spent = 0.0; n < RUNS_MAX && (spent < seconds || n < RUNS_MIN); n++) {
        times[n] = time_run(s);
        spent += times[n];
    }
    qsort(times, n, sizeof *times, compare_times);
    out->runs = n;
    out->min_ms = 1e3 * times[0];
    out->max_ms = 1e3 * times[n - 1];
    out->median_ms = 1e3 * 0.5 * (times[(n - 1) / 2] + times[n / 2]);
    out->gops = 1e-6 * out->operations / out->median_ms;
    lb_free(times);
    return LB_OK;
}

/* Options with everything filled in. */
static lb_status fill(const lb_bench_options *given, lb_bench_options *out)
{
    static const lb_bench_options standard = {0};
    *out = given != NULL ? *given : standard;
    if (out->batch == 0) out->batch = 1;
    if (!(out->seconds > 0.0)) out->seconds = 1.0;
    if (out->batch <= BATCH_MAX) return LB_OK;
    return lb_fail(LB_E_ARG, "batch %zu: wanted at most %d", out->batch, BATCH_MAX);
}

/* ---- a network ---- */

/* Operations of one image, and the kernel of the layer that has most of them. */
static void sum_up(const lb_packed *packed, size_t layers, lb_bench_result *out)
{
    size_t most = 0;
    out->kernel[0] = '\0';
    for (size_t i = 0; i < layers; i++) {
        lb_packed_layer layer;
        lb_packed_get_layer(packed, i, &layer);
        out->operations += 2.0 * (double)layer.macs;
        if (layer.macs <= most) continue;
        most = layer.macs;
        (void)snprintf(out->kernel, sizeof out->kernel, "%s", layer.kernel);
    }
}

static lb_status time_network(const lb_packed *packed, const lb_bench_options *o,
                              lb_bench_result *out)
{
    const lb_context_options options = {.threads = o->threads};
    lb_packed_info info;
    lb_packed_get_info(packed, &info);
    const size_t values = info.channels * info.height * info.width;
    subject s = {.batch = o->batch};
    uint8_t *pixels = NULL;
    lb_bench_result result = {0};
    sum_up(packed, info.layers, &result);
    result.operations *= (double)o->batch;
    lb_status status = lb_alloc(o->batch, values, "images", (void **)&pixels);
    if (status == LB_OK) {
        status = lb_alloc(o->batch, info.classes * sizeof(float), "logits", (void **)&s.logits);
    }
    if (status == LB_OK) status = lb_context_create(packed, &options, &s.context);
    if (status == LB_OK) {
        lb_random random = lb_random_at(SEED, LB_RANDOM_BENCH, 0, 0);
        for (size_t i = 0; i < o->batch * values; i++)
            pixels[i] = (uint8_t)lb_random_below(&random, 256);
        s.pixels = pixels;
        status = time_runs(&s, o->seconds, &result);
    }
    lb_context_destroy(s.context);
    lb_free(s.logits);
    lb_free(pixels);
    if (status == LB_OK) *out = result;
    return status;
}

lb_status lb_bench_run_packed(const char *path, const lb_bench_options *options,
                              lb_bench_result *out)
{
    lb_bench_options filled;
    lb_packed *packed = NULL;
    LB_TRY(fill(options, &filled));
    const lb_packed_options opening = {.isa = filled.isa};
    LB_TRY(lb_packed_open(path, &opening, &packed));
    const lb_status status = time_network(packed, &filled, out);
    lb_packed_close(packed);
    return status;
}

/* ---- one convolution ---- */

/* Fields of n weights: of ternary ones about as many are not zero as the convolution has. */
static void random_fields(const lb_int_conv *c, size_t n, uint8_t *fields)
{
    lb_random random = lb_random_at(SEED, LB_RANDOM_BENCH, 1, 0);
    for (size_t i = 0; i < n; i++) {
        if (c->weights == LB_WEIGHTS_TERNARY) {
            const bool zero = lb_random_below(&random, n) >= c->nonzero;
            fields[i] = zero ? 0 : (uint8_t)(2 + lb_random_below(&random, 2)); /* +1, -1 */
        } else {
            fields[i] = (uint8_t)lb_random_below(&random, (uint64_t)1 << c->weight_bits);
        }
    }
}

static lb_status make_weights(const lb_int_conv *c, lb_arena *arena, lb_int_weights *out)
{
    static const lb_code_grid plus_minus_one = {.bits = 1, .offset = 1, .step = -2};
    const bool ternary = c->weights == LB_WEIGHTS_TERNARY;
    const size_t n = c->filters * (c->in_c / c->groups) * c->kh * c->kw;
    uint8_t *fields = NULL, *stream = NULL;
    LB_TRY(lb_arena_alloc(arena, (size_t)c->weight_bits, lb_stream_plane_bytes(n), "weights",
                          (void **)&stream));
    LB_TRY(lb_alloc(n, 1, "weights", (void **)&fields));
    random_fields(c, n, fields);
    lb_stream_pack(c->weight_bits, n, fields, stream);
    lb_free(fields);
    *out = (lb_int_weights){.storage = ternary ? LB_STORED_TERNARY : LB_STORED_GRID,
                            .grid = {.bits = c->weight_bits, .offset = -c->max_weight, .step = 1},
                            .count = n,
                            .terms = 1,
                            .at = stream};
    if (c->weight_bits == 1) out->grid = plus_minus_one;
    return LB_OK;
}

/* Thresholds evenly spread about 0, a few standard deviations of the sums to each side. */
static lb_status make_thresholds(const lb_int_conv *c, lb_arena *arena, lb_post *post)
{
    const size_t levels = ((size_t)1 << c->acts.bits) - 1;
    int32_t *at = NULL;
    uint8_t *falls = NULL;
    LB_TRY(lb_arena_alloc(arena, c->filters * levels, sizeof *at, "thresholds", (void **)&at));
    LB_TRY(lb_arena_alloc(arena, (c->filters + 7) / 8, 1, "thresholds", (void **)&falls));
    for (size_t f = 0; f < c->filters; f++)
        for (size_t j = 0; j < levels; j++)
            at[f * levels + j] = 8 * ((int32_t)j - (int32_t)(levels / 2)) + (int32_t)(f % 8);
    post->kind = LB_POST_THRESHOLDS;
    post->thresholds =
        (lb_thresholds){.bits = c->acts.bits, .bytes = (int)sizeof *at, .at = at, .falls = falls};
    return LB_OK;
}

static lb_status make_fixed_point(const lb_int_conv *c, lb_arena *arena, lb_post *post)
{
    enum { SHIFT = 24, SCALE = 1 << 16 };
    int32_t *multiplier = NULL;
    int64_t *offset = NULL;
    LB_TRY(lb_arena_alloc(arena, c->filters, sizeof *multiplier, "fixed-point products",
                          (void **)&multiplier));
    LB_TRY(lb_arena_alloc(arena, c->filters, sizeof *offset, "fixed-point products",
                          (void **)&offset));
    for (size_t f = 0; f < c->filters; f++) {
        multiplier[f] = SCALE + (int32_t)f;
        offset[f] = ((int64_t)1 << SHIFT) << (c->acts.bits - 1);
    }
    post->kind = LB_POST_FIXED_POINT;
    post->fixed = (lb_fixed_point){
        .bits = c->acts.bits, .shift = SHIFT, .multiplier = multiplier, .offset = offset};
    return LB_OK;
}

/* A network of an input that holds codes, and the convolution; not one that could be packed. */
static lb_status make_net(const lb_int_conv *c, lb_intnet *net)
{
    const lb_int_map map = {.shape = {.c = c->in_c, .h = c->in_h, .w = c->in_w},
                            .coded = true,
                            .grid = c->acts,
                            .scale = 1.0f};
    const lb_window window = {.kh = c->kh,
                              .kw = c->kw,
                              .stride = c->stride,
                              .pad_top = c->pad_top,
                              .pad_left = c->pad_left,
                              .pad_bottom = c->pad_top,
                              .pad_right = c->pad_left};
    *net = (lb_intnet){.n_layers = CONV + 1, .input = {.raw = true}, .title = ""};
    LB_TRY(lb_arena_alloc(&net->arena, net->n_layers, sizeof *net->layers, "layers",
                          (void **)&net->layers));
    lb_int_layer *conv = &net->layers[CONV];
    net->layers[0] = (lb_int_layer){.op = LB_INT_INPUT, .name = "input", .equals = "", .map = map};
    *conv = (lb_int_layer){.op = LB_INT_CONV,
                           .name = "conv",
                           .equals = "",
                           .n_in = 1,
                           .map = map,
                           .window = window,
                           .groups = c->groups};
    conv->map.shape = (lb_shape){.c = c->filters, .h = c->out_h, .w = c->out_w};
    LB_TRY(make_weights(c, &net->arena, &conv->weights));
    return c->acts.bits <= LB_PLANE_BITS_MAX ? make_thresholds(c, &net->arena, &conv->post)
                                             : make_fixed_point(c, &net->arena, &conv->post);
}

/* Random codes into the input maps of all threads. */
static lb_status fill_inputs(const lb_int_conv *c, const lb_context *context, size_t threads)
{
    const size_t values = c->in_w * c->in_c;
    const size_t row_bytes = c->in_w * lb_map_pixel_bytes(c->acts.bits, c->in_c);
    uint8_t *fields = NULL;
    LB_TRY(lb_alloc(values, 1, "codes", (void **)&fields));
    for (size_t t = 0; t < threads; t++) {
        lb_random random = lb_random_at(SEED, LB_RANDOM_BENCH, 2, t);
        for (size_t h = 0; h < c->in_h; h++) {
            for (size_t i = 0; i < values; i++)
                fields[i] = (uint8_t)lb_random_below(&random, (uint64_t)1 << c->acts.bits);
            lb_map_row_pack(c->acts.bits, c->in_c, c->in_w, fields,
                            (char *)lb_context_map(context, t, 0) + h * row_bytes);
        }
    }
    lb_free(fields);
    return LB_OK;
}

static lb_status time_conv(const lb_int_conv *c, const lb_packed *packed, const lb_bench_options *o,
                           lb_bench_result *out)
{
    const lb_context_options options = {.threads = o->threads, .keep_maps = true};
    float logits[1]; /* of no classes */
    subject s = {.layer = CONV, .batch = o->batch, .logits = logits};
    lb_bench_result result = {0};
    sum_up(packed, CONV + 1, &result);
    result.operations *= (double)o->batch;
    LB_TRY(lb_context_create(packed, &options, &s.context));
    const size_t threads = o->threads > 1 ? (size_t)o->threads : 1;
    lb_status status = fill_inputs(c, s.context, threads);
    if (status == LB_OK) status = time_runs(&s, o->seconds, &result);
    lb_context_destroy(s.context);
    if (status == LB_OK) *out = result;
    return status;
}

lb_status lb_bench_run_layer(const lb_bench_layer *layer, const lb_bench_options *options,
                             lb_bench_result *out)
{
    lb_bench_options filled;
    lb_int_conv conv;
    lb_intnet net = {0};
    lb_packed *packed = NULL;
    LB_TRY(fill(options, &filled));
    LB_TRY(lb_bench_layer_conv(layer, &conv));
    const lb_packed_options opening = {.isa = filled.isa};
    lb_status status = make_net(&conv, &net);
    if (status == LB_OK) status = lb_packed_create(&net, &opening, &packed);
    if (status == LB_OK) status = time_conv(&conv, packed, &filled, out);
    lb_packed_close(packed);
    lb_intnet_release(&net);
    return status;
}
