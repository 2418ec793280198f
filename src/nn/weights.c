/* Quantized weights of one layer: runs a weight quantizer over its groups.
 *
 * Work is split by groups (statistics, backward) and by filters (codes), each a task of its own, so
 * results do not depend on how many threads there are. */
#include <string.h>

#include "nn/executor.h"
#include "nn/mixed_bits.h"

/* Fewer weights than this are done sooner by one thread than handed to several. */
enum { PARALLEL_FROM = 16384 };

/* Cut `bytes` off a block, LB_ALIGN-aligned; the sizes are counted also where there is no block. */
static void *cut(void *block, size_t *used, size_t bytes)
{
    void *piece = block ? (unsigned char *)block + *used : NULL;
    *used += (bytes + LB_ALIGN - 1) / LB_ALIGN * LB_ALIGN;
    return piece;
}

static size_t lay_out(const lb_node *node, void *block, lb_quantized_weights *out)
{
    const size_t filters = node->as.conv.out, n = filters * lb_node_filter_size(node);
    size_t used = 0, n_groups = 0;
    const size_t scales = lb_node_weight_group(node, &n_groups).scales;
    *out = (lb_quantized_weights){.real = cut(block, &used, n * sizeof *out->real)};
    if (!node->as.conv.quantizer) return used;
    out->code = cut(block, &used, n * sizeof *out->code);
    out->scale = cut(block, &used, scales * filters * sizeof *out->scale);
    out->scale_negative = cut(block, &used, filters * sizeof *out->scale_negative);
    out->statistics = cut(block, &used, n_groups * sizeof *out->statistics);
    return used;
}

size_t lb_quantized_weights_bytes(const lb_net *net, const lb_node *node)
{
    (void)net;
    lb_quantized_weights unused;
    return lay_out(node, NULL, &unused);
}

void lb_quantized_weights_carve(const lb_net *net, const lb_node *node, void *block,
                                lb_quantized_weights *out)
{
    (void)net;
    lay_out(node, block, out);
}

/* Prepared weights' statistics, group by group. */
static void compute_statistics(const lb_net *net, const lb_conv *conv, lb_weight_group group,
                               size_t n_groups, float *w, lb_weight_statistics *statistics)
{
    const lb_weight_quantizer *q = conv->quantizer;
    const float *learned = conv->learned >= 0 ? net->params[conv->learned].value : NULL;
#pragma omp parallel for schedule(static) if (n_groups > 1 && n_groups * group.n >= PARALLEL_FROM)
    for (size_t g = 0; g < n_groups; g++) {
        float *w_g = w + g * group.n;
        const lb_weight_setting setting = lb_conv_group_setting(conv, g);
        statistics[g] = (lb_weight_statistics){0};
        if (q->prepare) q->prepare(&setting, group, w_g);
        q->statistics(&setting, group, w_g, learned ? learned + g * (size_t)q->n_learned : NULL,
                      &statistics[g]);
    }
}

/* Real values of one filter that has several scales. */
static void scale_by_position(lb_weight_group filter, const lb_weight_statistics *s, size_t o,
                              size_t filters, const int16_t *code, lb_quantized_weights *out)
{
    const size_t run = filter.taps / filter.scales;
    for (size_t k = 0; k < filter.scales; k++) out->scale[k * filters + o] = s->scales[k];
    float *real = out->real + o * filter.n;
    for (size_t i = 0; i < filter.n; i++)
        real[i] = (float)code[i] * s->scales[i % filter.taps / run];
}

/* Codes, scales and real values of one filter; real may be where w is. */
static void encode_filter(const lb_conv *conv, lb_weight_group filter,
                          const lb_weight_statistics *s, size_t o, const float *w, lb_random stream,
                          lb_quantized_weights *out)
{
    const lb_weight_quantizer *q = conv->quantizer;
    const lb_weight_setting setting = lb_conv_group_setting(conv, o);
    const size_t first = o * filter.n;
    int16_t *code = out->code + first;
    float *real = out->real + first;
    stream.counter += first; /* one draw a weight */
    q->encode(&setting, filter, s, w + first, q->stochastic ? &stream : NULL, code);
    out->scale[o] = s->scale;
    out->scale_negative[o] = s->scale_negative;
    if (s->scales) {
        scale_by_position(filter, s, o, conv->out, code, out);
        return;
    }
    for (size_t i = 0; i < filter.n; i++) {
        real[i] = (float)code[i] * (code[i] < 0 ? s->scale_negative : s->scale);
    }
}

void lb_weights_quantize(lb_net *net, int node, uint64_t seed, uint64_t step, bool evaluation,
                         lb_quantized_weights *out)
{
    const lb_node *layer = &net->nodes[node];
    const lb_conv *conv = &layer->as.conv;
    lb_param *weight = &net->params[conv->weight];
    const bool float_weights = !conv->quantizer || (evaluation && conv->quantizer->stochastic);
    if (evaluation || float_weights)
        memcpy(out->real, weight->value, weight->count * sizeof(float));
    if (float_weights) {
        if (!conv->quantizer) return;
        memset(out->code, 0, weight->count * sizeof *out->code);
        memset(out->scale, 0, conv->out * sizeof *out->scale);
        memset(out->scale_negative, 0, conv->out * sizeof *out->scale_negative);
        return;
    }
    /* evaluation works on the copy, which the real values then replace */
    float *w = evaluation ? out->real : weight->value;
    size_t n_groups = 0;
    const lb_weight_group group = lb_node_weight_group(layer, &n_groups);
    compute_statistics(net, conv, group, n_groups, w, out->statistics);

    lb_weight_group filter = group;
    filter.filters = 1;
    filter.n = group.n / group.filters;
    const lb_random stream = lb_random_at(seed, LB_RANDOM_WEIGHTS, step, (uint64_t)node);
    const size_t filters = conv->out;
#pragma omp parallel for schedule(static) if (filters > 1 && weight->count >= PARALLEL_FROM)
    for (size_t o = 0; o < filters; o++) {
        encode_filter(conv, filter, &out->statistics[o / group.filters], o, w, stream, out);
    }
    if (!evaluation) lb_weights_relax(net, node, out);
}

void lb_weights_relax(const lb_net *net, int node, lb_quantized_weights *q)
{
    const lb_conv *conv = &net->nodes[node].as.conv;
    const lb_param *weight = &net->params[conv->weight];
    const uint8_t *held = weight->held;
    if (!conv->quantizer || !conv->quantizer->relaxes || held == NULL) return;
    const size_t n = weight->count / conv->out, filters = conv->out;
#pragma omp parallel for schedule(static) if (filters > 1 && weight->count >= PARALLEL_FROM)
    for (size_t o = 0; o < filters; o++) {
        const float scale = q->scale[o];
        const float *value = weight->value;
        float *real = q->real;
        for (size_t i = o * n; i < (o + 1) * n; i++) { /* no branch: held is random */
            const float relaxed = value[i] * scale;
            const float frozen = real[i];
            real[i] = held[i] ? frozen : relaxed;
        }
    }
}

void lb_weights_backward(lb_net *net, int node, const lb_quantized_weights *q, float *d_real)
{
    const lb_node *layer = &net->nodes[node];
    const lb_conv *conv = &layer->as.conv;
    const lb_weight_quantizer *quantizer = conv->quantizer;
    const lb_param *weight = &net->params[conv->weight];
    if (!quantizer) {
        if (d_real != weight->grad) memcpy(weight->grad, d_real, weight->count * sizeof(float));
        return;
    }
    for (size_t i = 0; net->quantized_decay != 0.0f && i < weight->count; i++)
        d_real[i] += net->quantized_decay * q->real[i];
    float *d_learned = NULL;
    if (conv->learned >= 0) {
        d_learned = net->params[conv->learned].grad;
        memset(d_learned, 0, net->params[conv->learned].count * sizeof(float));
    }
    size_t n_groups = 0;
    const lb_weight_group group = lb_node_weight_group(layer, &n_groups);
#pragma omp parallel for schedule(static) if (n_groups > 1 && weight->count >= PARALLEL_FROM)
    for (size_t g = 0; g < n_groups; g++) {
        const size_t first = g * group.n;
        const lb_weight_setting setting = lb_conv_group_setting(conv, g);
        quantizer->backward(&setting, group, &q->statistics[g], weight->value + first,
                            q->code + first, d_real + first, weight->grad + first,
                            d_learned ? d_learned + g * (size_t)quantizer->n_learned : NULL);
    }
}
