/* Convolution and linear layers by oneDNN (C API of version 2).
 *
 * Primitives are made for a chunk of images and one thread each, and run by all threads side by side on chunks of
 * their own; so a chunk's maps are still in the cache when the next operation comes, and results of the forward
 * and the data gradient do not depend on the number of threads. A thread adds up the weight gradients of its
 * chunks; those of the threads are added at the end of the step.
 *
 * Integer layers: u8 or s8 codes by s8 weights give the raw sums as floats, exact below 2^24. Without VNNI,
 * oneDNN's u8 x s8 kernels add pairs in 16 bits (exact where 2 max|w| max|a| <= 32767) and its s8 x s8 kernels halve
 * the weights: there, signed codes go as floats.
 *
 * Gradients on processors with matrix tiles (AMX): codes are exact in bfloat16, and a gradient g is split in two,
 * high = bfloat16(g), low = bfloat16(g - high), |g - high - low| <= 2^-17 |g|. Both halves go through one bfloat16
 * convolution as twice the output channels, its products exact and its sums single precision:
 *     data:    dx = W' high + W' low, W' the codes, twice; a filter's scale is multiplied into its g before
 *     weights: dW = dW(high) + dW(low), divided by that scale again
 * That keeps the accuracy of a float32 convolution (its sums round more than the split does) at half the rate of a
 * bfloat16 one, which is several times float32's.
 *
 * Implementations called "ref" are a thousand times slower than the
 * others and are never taken where there is a choice. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "nn/backend/onednn.h"

enum {
    CACHED_BYTES = 1 << 20, /* input and output of a chunk should stay in the second-level cache */
    WEIGHT_PASSES = 4 /* a chunk's maps should be as large as its weights this many times over */
};

static const int in_arguments[LB_DIRECTIONS] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_SRC, DNNL_ARG_SRC};
static const int weight_arguments[LB_DIRECTIONS] = {DNNL_ARG_WEIGHTS, DNNL_ARG_WEIGHTS,
                                                    DNNL_ARG_DIFF_WEIGHTS};
static const int out_arguments[LB_DIRECTIONS] = {DNNL_ARG_DST, DNNL_ARG_DIFF_DST,
                                                 DNNL_ARG_DIFF_DST};

static lb_status check(dnnl_status_t status, const lb_executor *e, const lb_layer *layer,
                       const char *what)
{
    if (status == dnnl_success) return LB_OK;
    const char *name = e->net->nodes[layer->node].name;
    if (status == dnnl_out_of_memory)
        return lb_fail(LB_E_NOMEM, "layer '%s': oneDNN's %s", name, what);
    return lb_fail(LB_E_UNSUPPORTED, "layer '%s': oneDNN's %s: status %d", name, what, (int)status);
}

/* ---- what the layer is ---- */

double lb_layer_largest_sum(const lb_node *node, const lb_act_map *act)
{
    const lb_conv *conv = &node->as.conv;
    const double a = fmax(fabs((double)act->low), fabs((double)act->high));
    const double inputs = (double)(conv->in / conv->groups * conv->window.kh * conv->window.kw);
    return inputs * conv->quantizer->max_code(&conv->setting) * a;
}

/* Is a training step's weight a code times its filter's scale? */
static bool has_codes(const lb_node *node)
{
    const lb_weight_quantizer *quantizer = node->as.conv.quantizer;
    return quantizer && lb_node_sums(node) == 1 && !quantizer->relaxes;
}

bool lb_layer_takes_codes(const lb_executor *e, const lb_node *node, const lb_value *in)
{
    const lb_conv *conv = &node->as.conv;
    if (!has_codes(node) || !in->coded || conv->groups != 1) return false;
    const int w = conv->quantizer->max_code(&conv->setting);
    if (w > INT8_MAX) return false;
    if (in->act.low < 0.0f || !e->exact_u8) return e->exact_s8;
    return e->exact_s8 || 2.0 * w * (double)in->act.high <= 32767.0;
}

static size_t image_floats(const lb_layer *layer)
{
    return lb_values_of(layer->in) + lb_values_of(layer->out);
}

/* Images a primitive works on: a power of two of groups, at most a thread's share. */
static size_t find_chunk(const lb_executor *e, const lb_layer *layer)
{
    const size_t threads = (size_t)e->options.threads,
                 share = (e->options.batch + threads - 1) / threads;
    const size_t weights = WEIGHT_PASSES * layer->weight_count * sizeof(float);
    const size_t wanted = weights > CACHED_BYTES ? weights : CACHED_BYTES;
    size_t chunk = e->group;
    while (2 * chunk <= share && chunk * image_floats(layer) * sizeof(float) < wanted) chunk *= 2;
    if (layer->flat) { /* weights are used once an image: as many images as there are */
        while (2 * chunk <= share) chunk *= 2;
    }
    return chunk;
}

/* ---- primitives ---- */

typedef struct shapes {
    int n_dims, n_weight_dims;
    dnnl_dims_t in, weights, out, bias;
    dnnl_format_tag_t tag, plain;
} shapes;

/* `copies` of the output channels: 2 for gradients in two halves. */
static shapes shapes_of(const lb_executor *e, const lb_layer *layer, size_t images, size_t copies)
{
    const lb_conv *conv = &e->net->nodes[layer->node].as.conv;
    const dnnl_dim_t n = (dnnl_dim_t)images, out = (dnnl_dim_t)(copies * conv->out),
                     groups = (dnnl_dim_t)conv->groups;
    const dnnl_dim_t c = (dnnl_dim_t)layer->in.c, h = (dnnl_dim_t)layer->in.h,
                     w = (dnnl_dim_t)layer->in.w;
    if (layer->flat) {
        return (shapes){.n_dims = 2,
                        .n_weight_dims = 2,
                        .in = {n, c * h * w},
                        .weights = {out, c * h * w},
                        .out = {n, out},
                        .bias = {out},
                        .tag = dnnl_ab,
                        .plain = dnnl_ab};
    }
    const dnnl_dim_t kh = (dnnl_dim_t)conv->window.kh, kw = (dnnl_dim_t)conv->window.kw;
    shapes s = {.n_dims = 4,
                .n_weight_dims = 4,
                .in = {n, c, h, w},
                .weights = {out, c, kh, kw},
                .out = {n, out, (dnnl_dim_t)layer->out.h, (dnnl_dim_t)layer->out.w},
                .bias = {out},
                .tag = dnnl_nhwc,
                .plain = dnnl_oihw};
    if (groups > 1) {
        s.n_weight_dims = 5;
        s.plain = dnnl_goihw;
        const dnnl_dims_t grouped = {groups, out / groups, c / groups, kh, kw};
        memcpy(s.weights, grouped, sizeof grouped);
    }
    return s;
}

static dnnl_memory_desc_t describe(int n_dims, const dnnl_dims_t dims, dnnl_data_type_t type,
                                   dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t md;
    memset(&md, 0, sizeof md);
    (void)dnnl_memory_desc_init_by_tag(&md, n_dims, dims, type, tag);
    return md;
}

typedef struct descriptors {
    dnnl_memory_desc_t in, weights, out, bias;
} descriptors;

static const char *implementation_of(const_dnnl_primitive_desc_t descriptor)
{
    const char *name = "";
    (void)dnnl_primitive_desc_query(descriptor, dnnl_query_impl_info_str, 0, &name);
    return name;
}

/* oneDNN 2.6's 1x1 kernels with strides copy blocks of 16 channels, past the end of their scratchpad where a map has
 * fewer. */
static bool is_unsafe(const lb_layer *layer, const lb_window *window,
                      const_dnnl_primitive_desc_t descriptor)
{
    return window->stride > 1 && layer->in.c % 16 != 0 &&
           strncmp(implementation_of(descriptor), "jit_1x1", 7) == 0;
}

/* The first of oneDNN's implementations that is safe. */
static dnnl_status_t first_safe(const lb_executor *e, const lb_layer *layer,
                                const dnnl_convolution_desc_t *op, dnnl_primitive_attr_t attributes,
                                dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *out)
{
    const lb_window *window = &e->net->nodes[layer->node].as.conv.window;
    dnnl_primitive_desc_iterator_t at = NULL;
    dnnl_status_t status =
        dnnl_primitive_desc_iterator_create(&at, op, attributes, e->engine, hint);
    while (status == dnnl_success) {
        dnnl_primitive_desc_t descriptor = dnnl_primitive_desc_iterator_fetch(at);
        if (!descriptor) {
            status = dnnl_out_of_memory;
        } else if (is_unsafe(layer, window, descriptor)) {
            dnnl_primitive_desc_destroy(descriptor);
            status = dnnl_primitive_desc_iterator_next(at);
        } else {
            *out = descriptor;
            break;
        }
    }
    if (at) dnnl_primitive_desc_iterator_destroy(at);
    return status;
}

static dnnl_status_t make_descriptor(const lb_executor *e, const lb_layer *layer, int direction,
                                     const descriptors *d, dnnl_primitive_attr_t attributes,
                                     dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *out)
{
    const bool bias = e->net->nodes[layer->node].as.conv.bias >= 0;
    if (layer->flat) {
        dnnl_inner_product_desc_t op;
        dnnl_status_t status; /* every direction sets it */
        if (direction == LB_FORWARD) {
            status = dnnl_inner_product_forward_desc_init(&op, dnnl_forward_training, &d->in,
                                                          &d->weights, NULL, &d->out);
        } else if (direction == LB_BACKWARD_DATA) {
            status = dnnl_inner_product_backward_data_desc_init(&op, &d->in, &d->weights, &d->out);
        } else {
            status = dnnl_inner_product_backward_weights_desc_init(&op, &d->in, &d->weights,
                                                                   bias ? &d->bias : NULL, &d->out);
        }
        if (status != dnnl_success) return status;
        return dnnl_primitive_desc_create(out, &op, attributes, e->engine, hint);
    }
    const lb_window *win = &e->net->nodes[layer->node].as.conv.window;
    const dnnl_dims_t strides = {(dnnl_dim_t)win->stride, (dnnl_dim_t)win->stride};
    const dnnl_dims_t before = {(dnnl_dim_t)win->pad_top, (dnnl_dim_t)win->pad_left};
    const dnnl_dims_t after = {(dnnl_dim_t)win->pad_bottom, (dnnl_dim_t)win->pad_right};
    dnnl_convolution_desc_t op;
    dnnl_status_t status; /* every direction sets it */
    if (direction == LB_FORWARD) {
        status = dnnl_convolution_forward_desc_init(&op, dnnl_forward_training,
                                                    dnnl_convolution_direct, &d->in, &d->weights,
                                                    NULL, &d->out, strides, before, after);
    } else if (direction == LB_BACKWARD_DATA) {
        status = dnnl_convolution_backward_data_desc_init(
            &op, dnnl_convolution_direct, &d->in, &d->weights, &d->out, strides, before, after);
    } else {
        status = dnnl_convolution_backward_weights_desc_init(&op, dnnl_convolution_direct, &d->in,
                                                             &d->weights, bias ? &d->bias : NULL,
                                                             &d->out, strides, before, after);
    }
    if (status != dnnl_success) return status;
    return first_safe(e, layer, &op, attributes, hint, out);
}

static dnnl_data_type_t input_type(const lb_executor *e, const lb_layer *layer, int direction)
{
    if (direction == LB_BACKWARD_WEIGHTS && layer->split[direction]) return dnnl_bf16;
    if (direction != LB_FORWARD || !layer->integer) return dnnl_f32;
    return e->values[layer->input_node].act.low < 0.0f ? dnnl_s8 : dnnl_u8;
}

static dnnl_data_type_t weight_type(const lb_layer *layer, int direction)
{
    if (direction == LB_BACKWARD_DATA && layer->split[direction]) return dnnl_bf16;
    return direction == LB_FORWARD && layer->integer ? dnnl_s8 : dnnl_f32;
}

static size_t copies_of(const lb_layer *layer, int direction)
{
    return direction != LB_FORWARD && layer->split[direction] ? 2 : 1;
}

static descriptors descriptors_of(const lb_executor *e, const lb_layer *layer, int direction,
                                  size_t images)
{
    const shapes s = shapes_of(e, layer, images, copies_of(layer, direction));
    const dnnl_data_type_t out = copies_of(layer, direction) == 2 ? dnnl_bf16 : dnnl_f32;
    return (descriptors){
        .in = describe(s.n_dims, s.in, input_type(e, layer, direction), s.tag),
        .weights = describe(s.n_weight_dims, s.weights, weight_type(layer, direction),
                            dnnl_format_tag_any),
        .out = describe(s.n_dims, s.out, out, s.tag),
        .bias = describe(1, s.bias, dnnl_f32, dnnl_a),
    };
}

/* A primitive descriptor, the weights laid out as oneDNN likes (NULL) or as told; backward ones want a forward one
 * of floats as a hint. */
static dnnl_status_t choose(const lb_executor *e, const lb_layer *layer, int direction,
                            size_t images, const dnnl_memory_desc_t *weights,
                            dnnl_primitive_desc_t *out)
{
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_primitive_desc_t hint = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&attributes);
    if (status == dnnl_success) {
        status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    }
    if (status == dnnl_success && direction != LB_FORWARD) {
        descriptors d = descriptors_of(e, layer, direction, images);
        d.in.data_type = d.weights.data_type = d.out.data_type = dnnl_f32;
        status = make_descriptor(e, layer, LB_FORWARD, &d, NULL, NULL, &hint);
    }
    if (status == dnnl_success) {
        descriptors d = descriptors_of(e, layer, direction, images);
        if (weights) d.weights = *weights;
        status = make_descriptor(e, layer, direction, &d, attributes, hint, out);
    }
    if (hint) dnnl_primitive_desc_destroy(hint);
    if (attributes) dnnl_primitive_attr_destroy(attributes);
    return status;
}

static bool is_slow(dnnl_primitive_desc_t descriptor)
{
    return strncmp(implementation_of(descriptor), "ref", 3) == 0;
}

static dnnl_query_t weight_query(int direction)
{
    return direction == LB_BACKWARD_WEIGHTS ? dnnl_query_diff_weights_md : dnnl_query_weights_md;
}

/* One memory object a thread and argument; what they point to is set later. */
static dnnl_status_t make_arguments(lb_executor *e, lb_layer *layer, int direction,
                                    dnnl_primitive_desc_t descriptor, lb_primitive *p)
{
    const bool bias =
        direction == LB_BACKWARD_WEIGHTS && e->net->nodes[layer->node].as.conv.bias >= 0;
    const dnnl_query_t in =
        direction == LB_BACKWARD_DATA ? dnnl_query_diff_src_md : dnnl_query_src_md;
    const dnnl_query_t out = direction == LB_FORWARD ? dnnl_query_dst_md : dnnl_query_diff_dst_md;
    const dnnl_memory_desc_t *md[5] = {
        dnnl_primitive_desc_query_md(descriptor, in, 0),
        dnnl_primitive_desc_query_md(descriptor, weight_query(direction), 0),
        dnnl_primitive_desc_query_md(descriptor, out, 0),
        bias ? dnnl_primitive_desc_query_md(descriptor, dnnl_query_diff_weights_md, 1) : NULL,
        dnnl_primitive_desc_query_md(descriptor, dnnl_query_scratchpad_md, 0),
    };
    p->scratch_bytes = dnnl_memory_desc_get_size(md[4]);
    if (p->scratch_bytes > e->scratch_bytes) e->scratch_bytes = p->scratch_bytes;
    const int arguments[5] = {in_arguments[direction], weight_arguments[direction],
                              out_arguments[direction], bias ? DNNL_ARG_DIFF_BIAS : 0,
                              p->scratch_bytes ? DNNL_ARG_SCRATCHPAD : 0};
    memcpy(p->argument, arguments, sizeof arguments);
    for (size_t i = 0; i < (size_t)e->options.threads * 5; i++) {
        if (arguments[i % 5] == 0) continue;
        const dnnl_status_t status =
            dnnl_memory_create(&p->memory[i], md[i % 5], e->engine, DNNL_MEMORY_NONE);
        if (status != dnnl_success) return status;
    }
    return dnnl_success;
}

/* Plain weights on one side, the primitive's on the other. */
static dnnl_status_t make_reorder(lb_executor *e, lb_layer *layer, int direction,
                                  dnnl_primitive_desc_t descriptor)
{
    const shapes s = shapes_of(e, layer, 1, copies_of(layer, direction));
    const dnnl_memory_desc_t plain =
        describe(s.n_weight_dims, s.weights, weight_type(layer, direction), s.plain);
    const dnnl_memory_desc_t laid_out =
        *dnnl_primitive_desc_query_md(descriptor, weight_query(direction), 0);
    const bool back = direction == LB_BACKWARD_WEIGHTS;
    layer->bytes[direction] = dnnl_memory_desc_get_size(&laid_out);
    dnnl_primitive_desc_t reorder = NULL;
    dnnl_status_t status = dnnl_reorder_primitive_desc_create(
        &reorder, back ? &laid_out : &plain, e->engine, back ? &plain : &laid_out, e->engine, NULL);
    if (status != dnnl_success) return status;
    status = dnnl_primitive_create(&layer->reorder[direction], reorder);
    dnnl_primitive_desc_destroy(reorder);
    if (status == dnnl_success) {
        status = dnnl_memory_create(&layer->plain[direction], &plain, e->engine, DNNL_MEMORY_NONE);
    }
    if (status == dnnl_success) {
        status =
            dnnl_memory_create(&layer->laid_out[direction], &laid_out, e->engine, DNNL_MEMORY_NONE);
    }
    return status;
}

static dnnl_status_t make_primitive(lb_executor *e, lb_layer *layer, int direction, size_t images,
                                    lb_primitive *p)
{
    dnnl_primitive_desc_t descriptor = NULL;
    const dnnl_memory_desc_t *weights = NULL;
    p->images = images;
    if (layer->laid_out[direction])
        (void)dnnl_memory_get_memory_desc(layer->laid_out[direction], &weights);
    /* oneDNN plans a primitive for the threads there are at its creation */
    omp_set_num_threads(direction == LB_BACKWARD_WEIGHTS && layer->flat ? e->options.threads : 1);
    dnnl_status_t status = choose(e, layer, direction, images, weights, &descriptor);
    if (status == dnnl_success) status = dnnl_primitive_create(&p->primitive, descriptor);
    omp_set_num_threads(e->options.threads);
    if (status == dnnl_success) status = make_arguments(e, layer, direction, descriptor, p);
    if (status == dnnl_success && !layer->reorder[direction]) {
        status = make_reorder(e, layer, direction, descriptor);
    }
    if (descriptor) dnnl_primitive_desc_destroy(descriptor);
    return status;
}

/* Primitives of all directions for whole chunks and, with the same layouts of weights, for what is left over. */
static dnnl_status_t make_primitives(lb_executor *e, lb_layer *layer)
{
    for (int d = 0; d < LB_DIRECTIONS; d++) {
        if (d == LB_BACKWARD_DATA && !layer->wants_dx) continue;
        const bool whole = d == LB_BACKWARD_WEIGHTS && layer->flat;
        const size_t images = whole ? e->options.batch : layer->chunk,
                     rest = e->options.batch % images;
        dnnl_status_t status = make_primitive(e, layer, d, images, &layer->run[d][0]);
        if (status == dnnl_success && rest > 0)
            status = make_primitive(e, layer, d, rest, &layer->run[d][1]);
        if (status != dnnl_success) return status;
    }
    return dnnl_success;
}

/* Would oneDNN use matrix tiles for gradients in two halves? */
static bool split_has_tiles(const lb_executor *e, lb_layer *layer, int direction)
{
    dnnl_primitive_desc_t descriptor = NULL;
    layer->split[direction] = true;
    const bool tiles =
        choose(e, layer, direction, layer->chunk, NULL, &descriptor) == dnnl_success &&
        strstr(implementation_of(descriptor), "amx") != NULL;
    if (descriptor) dnnl_primitive_desc_destroy(descriptor);
    layer->split[direction] = false;
    return tiles;
}

/* Where two bfloat16 halves have measured faster than float32. */
static void choose_split(const lb_executor *e, lb_layer *layer)
{
    const lb_node *node = &e->net->nodes[layer->node];
    const lb_conv *conv = &node->as.conv;
    if (conv->groups != 1 || conv->window.stride != 1) return;
    const bool codes = has_codes(node);
    const bool data = layer->wants_dx && codes && split_has_tiles(e, layer, LB_BACKWARD_DATA);
    const bool weights = layer->takes_codes && (layer->flat || layer->in.c % 16 == 0) &&
                         split_has_tiles(e, layer, LB_BACKWARD_WEIGHTS);
    layer->split[LB_BACKWARD_DATA] = data;
    layer->split[LB_BACKWARD_WEIGHTS] = weights;
}

/* Codes only where oneDNN has a real kernel for them. */
static bool integer_is_fast(const lb_executor *e, const lb_layer *layer)
{
    dnnl_primitive_desc_t descriptor = NULL;
    if (choose(e, layer, LB_FORWARD, layer->chunk, NULL, &descriptor) != dnnl_success) return false;
    const bool slow = is_slow(descriptor);
    dnnl_primitive_desc_destroy(descriptor);
    return !slow;
}

static lb_status allocate_weights(lb_executor *e, lb_layer *layer)
{
    const lb_node *node = &e->net->nodes[layer->node];
    void *block = NULL;
    LB_TRY(lb_executor_alloc(e, lb_quantized_weights_bytes(e->net, node), 1, "quantized weights",
                             &block));
    lb_quantized_weights_carve(e->net, node, block, &layer->weights);
    LB_TRY(lb_executor_alloc(e, layer->period, sizeof(float), "scales of a layer", &layer->scale));
    LB_TRY(lb_executor_alloc(e, layer->period, sizeof(float), "biases of a layer", &layer->shift));
    LB_TRY(lb_executor_alloc(e, layer->out.c, sizeof(float), "factors of a layer", &layer->factor));
    return lb_executor_alloc(e, (size_t)e->options.threads, sizeof(bool), "flags of a layer",
                             &layer->used);
}

lb_status lb_layer_create(lb_executor *e, lb_layer *layer)
{
    const lb_conv *conv = &e->net->nodes[layer->node].as.conv;
    layer->weight_count = e->net->params[conv->weight].count;
    layer->period = lb_pass_period(layer->out.c, lb_values_of(layer->out));
    layer->chunk = find_chunk(e, layer);
    if (layer->integer && !integer_is_fast(e, layer)) layer->integer = false;
    /* a linear layer's input is brought to c, h, w once, as codes or as floats */
    const bool moved = layer->flat && layer->in.h * layer->in.w > 1;
    layer->takes_codes = e->values[layer->input_node].coded && (layer->integer || !moved);
    choose_split(e, layer);
    layer->needs_affine = layer->integer || conv->bias >= 0;
    LB_TRY(allocate_weights(e, layer));
    for (int d = 0; d < LB_DIRECTIONS; d++) {
        for (int k = 0; k < 2; k++) {
            LB_TRY(lb_executor_alloc(e, (size_t)e->options.threads * 5, sizeof(dnnl_memory_t),
                                     "oneDNN arguments", &layer->run[d][k].memory));
        }
    }
    dnnl_status_t status = make_primitives(e, layer);
    if (status != dnnl_success && e->options.batch % layer->chunk > 0) {
        lb_layer_destroy(
            e,
            layer); /* no kernel for the rest takes those layouts: image by image, nothing is left */
        layer->chunk = 1;
        status = make_primitives(e, layer);
    }
    return check(status, e, layer, "primitive");
}

/* Handles that never change: weights, bias gradients, scratchpads. */
static void set_fixed(lb_executor *e, lb_layer *layer, int direction)
{
    for (int k = 0; k < 2; k++) {
        const lb_primitive *p = &layer->run[direction][k];
        if (!p->primitive) continue;
        for (size_t t = 0; t < (size_t)e->options.threads; t++) {
            lb_set_data(p->memory[5 * t + 1], layer->data[direction]);
            lb_set_data(p->memory[5 * t + 4], e->scratch[t]);
        }
    }
}

lb_status lb_layer_bind(lb_executor *e, lb_layer *layer)
{
    const lb_conv *conv = &e->net->nodes[layer->node].as.conv;
    const size_t threads = (size_t)e->options.threads;
    for (int d = 0; d < LB_DIRECTIONS; d++) {
        if (d == LB_BACKWARD_DATA && !layer->wants_dx) continue;
        const bool one = d != LB_BACKWARD_WEIGHTS || layer->flat;
        const bool several = e->options.batch > layer->chunk * threads; /* chunks a thread */
        const size_t copies = one ? 1 : threads * (several ? 2 : 1);
        layer->bytes[d] = (layer->bytes[d] + LB_ALIGN - 1) / LB_ALIGN * LB_ALIGN;
        LB_TRY(lb_executor_alloc(e, copies, layer->bytes[d], "weights as oneDNN wants them",
                                 &layer->data[d]));
        set_fixed(e, layer, d);
        lb_set_data(layer->laid_out[d], layer->data[d]);
    }
    if (conv->bias >= 0) {
        LB_TRY(lb_executor_alloc(e, 4 * threads * conv->out, sizeof(float), "bias gradients",
                                 &layer->bias_gradient));
    }
    return LB_OK;
}

static void destroy_memory(dnnl_memory_t *memory)
{
    if (*memory) dnnl_memory_destroy(*memory);
    *memory = NULL;
}

static void destroy_primitive(dnnl_primitive_t *primitive)
{
    if (*primitive) dnnl_primitive_destroy(*primitive);
    *primitive = NULL;
}

void lb_layer_destroy(lb_executor *e, lb_layer *layer)
{
    for (int d = 0; d < LB_DIRECTIONS; d++) {
        for (int k = 0; k < 2; k++) {
            lb_primitive *p = &layer->run[d][k];
            destroy_primitive(&p->primitive);
            for (size_t i = 0; p->memory && i < (size_t)e->options.threads * 5; i++)
                destroy_memory(&p->memory[i]);
        }
        destroy_primitive(&layer->reorder[d]);
        destroy_memory(&layer->plain[d]);
        destroy_memory(&layer->laid_out[d]);
    }
}
