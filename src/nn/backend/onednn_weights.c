/* Convolution and linear layers of the fast back end at work: a step's weights quantized and laid out as oneDNN
 * wants them, primitives run on chunks, weight gradients gathered and handed back. See onednn_conv.c. */
#include <string.h>

#include "nn/backend/onednn.h"

/* ---- weights ---- */

static const lb_conv *conv_of(const lb_executor *e, const lb_layer *layer)
{
    return &e->net->nodes[layer->node].as.conv;
}

static const lb_param *weight_of(const lb_executor *e, const lb_layer *layer)
{
    return &e->net->params[conv_of(e, layer)->weight];
}

static void stage_codes(const lb_layer *layer)
{
    const int16_t *from = layer->weights.code;
    int8_t *to = layer->staging;
    const size_t n = layer->weight_count;
#pragma omp parallel for schedule(static) if (n > 65536)
    for (size_t i = 0; i < n; i++) to[i] = (int8_t)from[i];
}

/* A whole number of at most 8 bits and a sign is exact in bfloat16, the upper half of a float. */
static uint16_t code_as_bf16(int16_t code)
{
    const float x = (float)code;
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)(bits >> 16);
}

/* Codes as bfloat16, twice; a filter of scale 0 is zero whatever its codes. */
static void stage_two_copies(const lb_layer *layer)
{
    const int16_t *from = layer->weights.code;
    uint16_t *to = layer->staging;
    const size_t filters = layer->out.c, n = layer->weight_count / filters;
#pragma omp parallel for schedule(static) if (layer->weight_count > 65536)
    for (size_t o = 0; o < filters; o++) {
        uint16_t *copy = to + o * n;
        for (size_t i = 0; i < n; i++) copy[i] = code_as_bf16(from[o * n + i]);
        if (layer->weights.scale[o] == 0.0f) memset(copy, 0, n * sizeof *copy);
        memcpy(copy + layer->weight_count, copy, n * sizeof *copy);
    }
}

static void reorder(lb_executor *e, const lb_layer *layer, int direction, void *plain)
{
    const bool back = direction == LB_BACKWARD_WEIGHTS;
    lb_set_data(layer->plain[direction], plain);
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_FROM, back ? layer->laid_out[direction] : layer->plain[direction]},
        {DNNL_ARG_TO, back ? layer->plain[direction] : layer->laid_out[direction]},
    };
    if (dnnl_primitive_execute(layer->reorder[direction], e->streams[0], 2, arguments) !=
        dnnl_success) {
        e->failed = true;
    }
}

static void prepare_scales(const lb_executor *e, lb_layer *layer)
{
    const lb_conv *conv = conv_of(e, layer);
    const float *bias = conv->bias >= 0 ? e->net->params[conv->bias].value : NULL;
    if (layer->takes_codes) layer->input_scale = e->values[layer->input_node].act.scale;
    for (size_t i = 0; i < layer->period; i++) {
        const size_t o = i % layer->out.c;
        layer->scale[i] = layer->integer ? layer->weights.scale[o] * layer->input_scale : 1.0f;
        layer->shift[i] = bias ? bias[o] : 0.0f;
    }
    for (size_t o = 0; o < layer->out.c; o++) {
        const bool scaled = layer->split[LB_BACKWARD_DATA] && layer->weights.scale[o] != 0.0f;
        layer->factor[o] = scaled ? layer->weights.scale[o] : 1.0f;
    }
}

void lb_layers_prepare_scales(lb_executor *e)
{
    for (size_t i = 0; i < e->n_layers; i++) prepare_scales(e, &e->layers[i]);
}

void lb_layers_prepare(lb_executor *e)
{
    for (size_t i = 0; i < e->n_layers; i++) {
        lb_layer *layer = &e->layers[i];
        lb_weights_quantize(e->net, layer->node, e->options.seed, e->step, false, &layer->weights);
        memset(layer->used, 0, (size_t)e->options.threads * sizeof *layer->used);
        layer->learns = !weight_of(e, layer)->all_held || conv_of(e, layer)->bias >= 0;
        prepare_scales(e, layer);
        if (layer->integer) {
            stage_codes(layer);
            reorder(e, layer, LB_FORWARD, layer->staging);
        }
        if (layer->split[LB_BACKWARD_DATA]) {
            stage_two_copies(layer);
            reorder(e, layer, LB_BACKWARD_DATA, layer->staging);
        }
        const bool wants_real_data = layer->wants_dx && !layer->split[LB_BACKWARD_DATA];
        if (layer->integer && !wants_real_data) continue;
        float *real = layer->weights.real;
        if (!layer->integer) reorder(e, layer, LB_FORWARD, real);
        if (wants_real_data) reorder(e, layer, LB_BACKWARD_DATA, real);
    }
}

/* Add the threads' gradients, in order; the sum is the first used one's. */
static void add_threads(const lb_executor *e, const lb_layer *layer)
{
    const size_t n = layer->bytes[LB_BACKWARD_WEIGHTS] / sizeof(float),
                 threads = (size_t)e->options.threads;
    float *sum = layer->data[LB_BACKWARD_WEIGHTS];
    lb_assert(layer->used[0]); /* chunks are dealt from the first thread on */
    for (size_t t = 1; t < threads; t++) {
        if (!layer->used[t]) continue;
        const float *part = sum + t * n;
#pragma omp parallel for schedule(static) if (n > 65536)
        for (size_t i = 0; i < n; i++) sum[i] += part[i];
    }
}

static void finish_bias(const lb_executor *e, const lb_layer *layer)
{
    const lb_conv *conv = conv_of(e, layer);
    if (conv->bias < 0) return;
    const bool halves = layer->split[LB_BACKWARD_WEIGHTS];
    float *gradient = e->net->params[conv->bias].grad;
    for (size_t o = 0; o < conv->out; o++) {
        float sum = 0.0f;
        for (size_t t = 0; t < (size_t)e->options.threads; t++) {
            const float *part = layer->bias_gradient + 4 * t * conv->out;
            if (layer->used[t]) sum += halves ? part[o] + part[conv->out + o] : part[o];
        }
        gradient[o] = halves ? sum / layer->factor[o] : sum;
    }
}

static void accumulate(size_t n, const float *restrict from, float *restrict to)
{
    for (size_t i = 0; i < n; i++) to[i] += from[i];
}

/* Plain gradient of the codes -> gradient of the real weights. */
static void finish_plain(const lb_layer *layer, float *from, float *to)
{
    const size_t filters = layer->out.c, n = layer->weight_count / filters;
    const bool halves = layer->split[LB_BACKWARD_WEIGHTS];
#pragma omp parallel for schedule(static) if (layer->weight_count > 16384)
    for (size_t o = 0; o < filters; o++) {
        const float scale = halves ? layer->input_scale / layer->factor[o] : layer->input_scale;
        float *high = from + o * n;
        if (halves) accumulate(n, high + layer->weight_count, high);
        for (size_t i = 0; i < n; i++) to[o * n + i] = high[i] * scale;
    }
}

void lb_layers_finish(lb_executor *e)
{
    for (size_t i = 0; i < e->n_layers; i++) {
        lb_layer *layer = &e->layers[i];
        const lb_param *weight = weight_of(e, layer);
        float *plain = layer->staging, *real = plain + 2 * layer->weight_count;
        float *to = conv_of(e, layer)->quantizer ? real : weight->grad;
        if (weight->all_held) {
            memset(to, 0, layer->weight_count * sizeof *to);
        } else {
            add_threads(e, layer);
            reorder(e, layer, LB_BACKWARD_WEIGHTS, plain);
            finish_plain(layer, plain, to);
        }
        lb_weights_backward(e->net, layer->node, &layer->weights, to);
        finish_bias(e, layer);
    }
}

/* ---- running ---- */

static void execute(lb_executor *e, const lb_primitive *p, size_t thread)
{
    dnnl_exec_arg_t arguments[5];
    int n = 0;
    for (int k = 0; k < 5; k++) {
        if (p->argument[k] == 0) continue;
        arguments[n].arg = p->argument[k];
        arguments[n++].memory = p->memory[5 * thread + (size_t)k];
    }
    if (dnnl_primitive_execute(p->primitive, e->streams[thread], n, arguments) != dnnl_success) {
#pragma omp atomic write
        e->failed = true;
    }
}

/* A chunk's weight gradient: the thread's first goes to its place, later ones beside it and are added. */
static void run_weights(lb_executor *e, lb_layer *layer, const lb_primitive *p, size_t thread)
{
    const size_t n = layer->bytes[LB_BACKWARD_WEIGHTS] / sizeof(float), out = 2 * layer->out.c;
    const size_t threads = (size_t)e->options.threads;
    float *sum = (float *)layer->data[LB_BACKWARD_WEIGHTS] + thread * n;
    float *addend = (float *)layer->data[LB_BACKWARD_WEIGHTS] + (threads + thread) * n;
    float *bias = layer->bias_gradient ? layer->bias_gradient + 2 * thread * out : NULL;
    const bool first = !layer->used[thread];
    lb_set_data(p->memory[5 * thread + 1], first ? sum : addend);
    lb_set_data(p->memory[5 * thread + 3], bias && !first ? bias + out : bias);
    execute(e, p, thread);
    layer->used[thread] = true;
    if (first) return;
    accumulate(n, addend, sum);
    if (bias) accumulate(out, bias + out, bias);
}

void lb_layer_run(lb_executor *e, const lb_operation *op, const lb_range *r)
{
    lb_layer *layer = op->layer;
    const size_t thread = (size_t)r->thread, end = r->first + r->count;
    const int direction = op->kind == LB_OPERATION_FORWARD         ? LB_FORWARD
                          : op->kind == LB_OPERATION_BACKWARD_DATA ? LB_BACKWARD_DATA
                                                                   : LB_BACKWARD_WEIGHTS;
    if (direction == LB_BACKWARD_WEIGHTS && !layer->learns) return;
    const int in = direction == LB_BACKWARD_DATA ? op->out : op->in[0];
    const int out = direction == LB_FORWARD ? op->out : op->in[1];
    const size_t images = layer->run[direction][0].images;
    for (size_t i = r->first; i < end; i += images) {
        const lb_primitive *p = &layer->run[direction][end - i >= images ? 0 : 1];
        lb_set_data(p->memory[5 * thread], lb_buffer_at(e, in, r, i));
        lb_set_data(p->memory[5 * thread + 2], lb_buffer_at(e, out, r, i));
        if (direction == LB_BACKWARD_WEIGHTS)
            run_weights(e, layer, p, thread);
        else
            execute(e, p, thread);
    }
}
