/* Weights: codes read off the masters, in the integer network's order, as streams of bits. */
#include <math.h>
#include <string.h>

#include "freeze/layers.h"
#include "nn/executor.h"
#include "nn/mixed_bits.h"

/* What freezing one layer's weights works with. */
typedef struct job {
    lb_net *net;
    const lb_node *layer;
    size_t filters, taps, channels; /* a filter is taps * channels weights */
    lb_quantized_weights quantized;
    void *block;
} job;

static lb_status check_finite(const job *j, const char *what, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (isfinite(x[i])) continue;
        return lb_fail(LB_E_UNSUPPORTED,
                       "layer '%s': %s %zu is %g, wanted a finite number: the training diverged",
                       j->layer->name, what, i, (double)x[i]);
    }
    return LB_OK;
}

static bool is_coded(const lb_conv *conv)
{
    return conv->quantizer && !conv->quantizer->stochastic;
}

/* The fewest bits that hold a quantizer's codes. */
static lb_code_grid grid_of(const lb_conv *conv)
{
    const int bits = conv->setting.bits;
    if (bits == 1) return (lb_code_grid){.bits = 1, .offset = 1, .step = -2};
    if (conv->quantizer->odd_grid)
        return (lb_code_grid){.bits = bits, .offset = 1 - (1 << bits), .step = 2};
    return (lb_code_grid){.bits = bits, .offset = -(1 << (bits - 1)), .step = 1};
}

static bool on_grid(lb_code_grid grid, int code)
{
    const int steps = (code - grid.offset) / grid.step;
    return steps >= 0 && steps < 1 << grid.bits && grid.offset + steps * grid.step == code;
}

/* Where the weight of filter o, kernel position t and channel i stands among the masters. */
static size_t master_at(const job *j, size_t o, size_t t, size_t i)
{
    return (o * j->channels + i) * j->taps + t;
}

static uint8_t ternary_field(int code)
{
    return code == 0 ? 0 : code > 0 ? 2 : 3;
}

/* The field of each code, in the integer network's order. */
static lb_status order_fields(const job *j, lb_int_weights *w, uint8_t *fields)
{
    const bool ternary = w->storage == LB_STORED_TERNARY;
    for (size_t o = 0; o < j->filters; o++) {
        const int bits = lb_conv_group_setting(&j->layer->as.conv, o).bits;
        const lb_code_grid grid = ternary ? w->grid : lb_grid_narrowed(w->grid, bits);
        for (size_t t = 0; t < j->taps; t++)
            for (size_t i = 0; i < j->channels; i++) {
                const int code = j->quantized.code[master_at(j, o, t, i)];
                const bool fits = ternary ? code >= -1 && code <= 1 : on_grid(grid, code);
                if (!fits) {
                    return lb_fail(LB_E_UNSUPPORTED,
                                   "layer '%s': quantizer '%s' gives code %d, wanted one of its %d "
                                   "bits",
                                   j->layer->name, j->layer->as.conv.quantizer->name, code, bits);
                }
                *fields++ = ternary ? ternary_field(code) : lb_grid_field(w->grid, code);
            }
    }
    return LB_OK;
}

static lb_status pack_codes(const job *j, lb_arena *arena, lb_int_weights *w)
{
    uint8_t *fields = NULL, *stream = NULL;
    const int bits = w->storage == LB_STORED_TERNARY ? 2 : w->grid.bits;
    LB_TRY(lb_arena_alloc(arena, (size_t)bits * lb_stream_plane_bytes(w->count), 1, "weights",
                          (void **)&stream));
    LB_TRY(lb_alloc(w->count, 1, "weights", (void **)&fields));
    const lb_status status = order_fields(j, w, fields);
    if (status == LB_OK) lb_stream_pack(bits, w->count, fields, stream);
    lb_free(fields);
    w->at = stream;
    return status;
}

static lb_status pack_filter_bits(const job *j, lb_arena *arena, lb_int_weights *w)
{
    uint8_t *bits = NULL;
    LB_TRY(lb_arena_alloc(arena, j->filters, 1, "bits of filters", (void **)&bits));
    memcpy(bits, j->layer->as.conv.filter_bits, j->filters);
    w->filter_bits = bits;
    return lb_int_weights_narrow(w, j->filters, arena);
}

static lb_status pack_floats(const job *j, lb_arena *arena, lb_int_weights *w)
{
    float *values = NULL;
    LB_TRY(lb_arena_alloc(arena, w->count, sizeof *values, "weights", (void **)&values));
    w->at = values;
    for (size_t o = 0; o < j->filters; o++)
        for (size_t t = 0; t < j->taps; t++)
            for (size_t i = 0; i < j->channels; i++)
                *values++ = j->quantized.real[master_at(j, o, t, i)];
    return LB_OK;
}

/* SCALE's factors: the product of both scales, rounded; of a sum under negative codes the negative one. */
static lb_status make_scale(const job *j, float act_scale, lb_arena *arena, const lb_int_weights *w,
                            const float **scale)
{
    float *a = NULL;
    const bool by_sign = w->sums == LB_SUMS_SIGN;
    LB_TRY(lb_arena_alloc(arena, w->terms * j->filters, sizeof *a, "scales", (void **)&a));
    for (size_t o = 0; o < (by_sign ? 1 : w->terms) * j->filters; o++)
        a[o] = j->quantized.scale[o] * act_scale;
    for (size_t o = 0; by_sign && o < j->filters; o++)
        a[j->filters + o] = -(j->quantized.scale_negative[o] * act_scale);
    *scale = a;
    return check_finite(j, "scale", a, w->terms * j->filters);
}

static lb_weight_sums sums_of(const lb_node *layer)
{
    const lb_conv *conv = &layer->as.conv;
    if (lb_node_sums(layer) == 1) return LB_SUMS_WHOLE;
    if (conv->quantizer->asymmetric) return LB_SUMS_SIGN;
    return conv->setting.granularity == LB_PER_ROW ? LB_SUMS_ROW : LB_SUMS_PIXEL;
}

static lb_status freeze(const job *j, float act_scale, lb_arena *arena, lb_int_weights *w,
                        const float **scale)
{
    const lb_conv *conv = &j->layer->as.conv;
    *w = (lb_int_weights){.count = j->filters * j->taps * j->channels, .terms = 1};
    *scale = NULL;
    if (!is_coded(conv)) return pack_floats(j, arena, w); /* storage FLOAT is 0 */
    const bool ternary = lb_weights_are_ternary(conv->quantizer, &conv->setting);
    w->storage = ternary ? LB_STORED_TERNARY : LB_STORED_GRID;
    if (w->storage == LB_STORED_GRID) w->grid = grid_of(conv);
    w->sums = sums_of(j->layer);
    w->terms = lb_node_sums(j->layer);
    LB_TRY(make_scale(j, act_scale, arena, w, scale));
    LB_TRY(pack_codes(j, arena, w));
    return conv->filter_bits ? pack_filter_bits(j, arena, w) : LB_OK;
}

lb_status lb_freeze_weights(lb_net *net, const lb_freeze_node *node, size_t channels,
                            float act_scale, lb_arena *arena, lb_int_weights *weights,
                            const float **scale)
{
    job j = {.net = net, .layer = &net->nodes[node->source]};
    const lb_conv *conv = &j.layer->as.conv;
    const lb_param *master = &net->params[conv->weight];
    j.filters = conv->out;
    j.taps = node->window.kh * node->window.kw;
    j.channels = j.layer->op == LB_OP_CONV ? channels / conv->groups : channels;
    lb_assert(j.filters * j.taps * j.channels == master->count);
    LB_TRY(check_finite(&j, "weight", master->value, master->count));
    if (conv->bias >= 0) LB_TRY(check_finite(&j, "bias", net->params[conv->bias].value, conv->out));
    LB_TRY(lb_alloc(1, lb_quantized_weights_bytes(net, j.layer), "quantized weights", &j.block));
    lb_quantized_weights_carve(net, j.layer, j.block, &j.quantized);
    lb_weights_quantize(net, node->source, 0, 0, true, &j.quantized);
    const lb_status status = freeze(&j, act_scale, arena, weights, scale);
    lb_free(j.block);
    return status;
}
