/* Convolutions and linear layers in evaluation.
 *
 * Maps have their channels innermost, so the inputs of one kernel row are one run of memory and the
 * order of a sum is kernel row, kernel column, input channel. Zero padding is a border of 0.0 around a
 * copy of the map: adding w * 0 leaves a sum that began at +0 unchanged in every bit, so padded and
 * skipped taps agree. Sums of integers are exact in single precision below 2^24; a layer that could
 * pass that adds up exact pieces in int32. */
#include "nn/evaluate_layer.h"

#include <string.h>

static size_t blocks_of(size_t filters)
{
    return (filters + LB_F32_DOT_LANES - 1) / LB_F32_DOT_LANES;
}

/* The most inputs whose products of codes sum to less than 2^24 in magnitude. */
static size_t exact_run(const lb_conv *conv, const lb_act_map *map, bool asymmetric)
{
    const float largest_act = map->high > -map->low ? map->high : -map->low;
    const int largest_weight = asymmetric ? 1 : conv->quantizer->max_code(&conv->setting);
    const double product = (double)largest_act * largest_weight;
    const double run = product > 0.0 ? 16777215.0 / product : 16777215.0;
    return run < 1.0 ? 1 : (size_t)run;
}

/* Floats of one row of a padded map. */
static size_t padded_row(const lb_evaluate_layer *layer)
{
    return (layer->in.w + layer->window.pad_left + layer->window.pad_right) * layer->in.c;
}

/* Has a channel a sum for each scale of its filter? */
static bool sums_by_position(const lb_evaluate_layer *layer)
{
    return layer->sums > 1 && !layer->asymmetric;
}

/* Where a pixel's inputs lie: a kernel row is one run of memory; with groups, or a scale for each, a kernel
 * position is. */
static void plan_segments(lb_evaluate_layer *layer)
{
    const lb_window *w = &layer->window;
    const bool by_pixel = sums_by_position(layer) && layer->sums > w->kh;
    const bool rows = layer->groups == 1 && !by_pixel;
    const size_t runs = rows ? 1 : w->kw;
    layer->n_segments = w->kh * runs;
    layer->segment_length = rows ? w->kw * layer->in.c : layer->in.c / layer->groups;
    for (size_t r = 0; r < w->kh; r++)
        for (size_t s = 0; s < runs; s++)
            layer->segment_offset[r * runs + s] = r * padded_row(layer) + s * layer->in.c;
}

static lb_status allocate(lb_net *net, lb_arena *arena, lb_evaluate_layer *layer)
{
    const lb_node *node = &net->nodes[layer->node];
    const lb_conv *conv = &node->as.conv;
    const size_t filters = conv->out / layer->groups;
    const size_t packed = layer->groups * blocks_of(filters) * layer->k * LB_F32_DOT_LANES;
    for (int part = 0; part <= (int)layer->asymmetric; part++)
        LB_TRY(lb_arena_alloc(arena, packed, sizeof(float), "evaluation weights",
                              (void **)&layer->packed[part]));
    if (layer->coded)
        LB_TRY(lb_arena_alloc(arena, layer->sums * conv->out, sizeof(float), "evaluation scales",
                              (void **)&layer->scale_values));
    LB_TRY(lb_arena_alloc(arena, layer->window.kh * layer->window.kw, sizeof(size_t),
                          "evaluation windows", (void **)&layer->segment_offset));
    LB_TRY(lb_arena_alloc(arena, lb_quantized_weights_bytes(net, node), 1, "quantized weights",
                          &layer->block));
    lb_quantized_weights_carve(net, node, layer->block, &layer->quantized);
    plan_segments(layer);
    return LB_OK;
}

lb_status lb_evaluate_layer_create(lb_net *net, int index, bool mixed, lb_arena *arena,
                                   lb_evaluate_layer *layer)
{
    const lb_node *node = &net->nodes[index];
    const lb_conv *conv = &node->as.conv;
    lb_act_map map;
    const bool coded = lb_node_takes_codes(node, mixed);
    *layer = (lb_evaluate_layer){.net = net,
                                 .node = index,
                                 .in = net->nodes[node->in[0]].shape,
                                 .out = node->shape,
                                 .window = conv->window,
                                 .groups = node->op == LB_OP_CONV ? conv->groups : 1,
                                 .coded = coded,
                                 .integer = coded && lb_node_is_integer(net, index),
                                 .relaxed = mixed && !coded && conv->quantizer};
    if (node->op == LB_OP_LINEAR) {
        /* seen through flatten: its input's map lies in memory with channels innermost */
        int source = node->in[0];
        while (net->nodes[source].op == LB_OP_FLATTEN || net->nodes[source].op == LB_OP_DROPOUT)
            source = net->nodes[source].in[0];
        layer->in = net->nodes[source].shape;
        layer->window = (lb_window){.kh = layer->in.h, .kw = layer->in.w, .stride = 1};
    }
    layer->k = layer->in.c / layer->groups * layer->window.kh * layer->window.kw;
    layer->asymmetric = layer->coded && conv->quantizer->asymmetric;
    layer->sums = layer->coded ? lb_node_sums(node) : 1;
    if (layer->integer && lb_input_codes(net, index, &map))
        layer->exact_run = exact_run(conv, &map, layer->asymmetric);
    const lb_window *w = &layer->window;
    if (w->pad_top || w->pad_left || w->pad_bottom || w->pad_right)
        layer->padded_floats = (layer->in.h + w->pad_top + w->pad_bottom) * padded_row(layer);
    return allocate(net, arena, layer);
}

/* The weight of filter o at kernel position `tap` and input channel i, for sum `s` of an asymmetric layer. */
static float weight_of(const lb_evaluate_layer *layer, int s, size_t o, size_t tap, size_t i)
{
    const size_t taps = layer->window.kh * layer->window.kw;
    const size_t at = o * layer->k + i * taps + tap;
    if (!layer->coded) return layer->quantized.real[at];
    const int code = layer->quantized.code[at];
    if (layer->asymmetric) return s == 0 ? (float)(code > 0) : (float)(code < 0);
    return (float)code;
}

static void pack(lb_evaluate_layer *layer, int s)
{
    const size_t filters = layer->out.c / layer->groups;
    const size_t channels = layer->in.c / layer->groups;
    const size_t taps = layer->window.kh * layer->window.kw;
    float *at = layer->packed[s];
    for (size_t g = 0; g < layer->groups; g++)
        for (size_t b = 0; b < blocks_of(filters); b++)
            for (size_t tap = 0; tap < taps; tap++)
                for (size_t i = 0; i < channels; i++)
                    for (size_t lane = 0; lane < LB_F32_DOT_LANES; lane++) {
                        const size_t o = b * LB_F32_DOT_LANES + lane;
                        *at++ = o < filters ? weight_of(layer, s, g * filters + o, tap, i) : 0.0f;
                    }
}

void lb_evaluate_layer_freeze(lb_net *net, lb_evaluate_layer *layer)
{
    const lb_conv *conv = &net->nodes[layer->node].as.conv;
    lb_act_map map;
    const float input_scale =
        layer->integer && lb_input_codes(net, layer->node, &map) ? map.scale : 1.0f;
    lb_weights_quantize(net, layer->node, 0, 0, true, &layer->quantized);
    if (layer->relaxed) lb_weights_relax(net, layer->node, &layer->quantized);
    for (int part = 0; part <= (int)layer->asymmetric; part++) pack(layer, part);
    const size_t scales = layer->asymmetric ? 1 : layer->sums;
    for (size_t o = 0; layer->coded && o < scales * conv->out; o++)
        layer->scale_values[o] = layer->quantized.scale[o] * input_scale;
    for (size_t o = 0; layer->asymmetric && o < conv->out; o++)
        layer->scale_values[conv->out + o] = -(layer->quantized.scale_negative[o] * input_scale);
    layer->scale = (lb_step){.kind = LB_STEP_SCALE, .a = layer->scale_values};
    layer->bias = (lb_step){.kind = LB_STEP_BIAS,
                            .a = conv->bias >= 0 ? net->params[conv->bias].value : NULL};
}

size_t lb_evaluate_layer_pixels(const lb_evaluate_layer *layer, size_t images)
{
    return layer->out.w > images ? layer->out.w : images;
}

size_t lb_evaluate_layer_term_floats(const lb_evaluate_layer *layer, size_t images)
{
    if (layer->sums == 1) return 0;
    return lb_evaluate_layer_pixels(layer, images) * layer->sums * layer->out.c;
}

/* ---- running ---- */

/* Exact sums of up to 16 filters over a run of pixels: one call where 2^24 cannot be reached, else pieces. */
static void sum_run(const lb_evaluate_layer *layer, lb_f32_dot_fn *dot,
                    const lb_evaluate_scratch *scratch, const lb_f32_dot_inputs *in, const float *x,
                    const float *w, size_t lanes, float *y, size_t y_stride)
{
    if (!layer->integer || layer->k <= layer->exact_run) {
        dot(in, x, w, lanes, y, y_stride);
        return;
    }
    int32_t *total = scratch->integers;
    memset(total, 0, in->n_pixels * LB_F32_DOT_LANES * sizeof *total);
    for (size_t s = 0; s < in->n_segments; s++)
        for (size_t k = 0; k < in->segment_length; k += layer->exact_run) {
            const size_t left = in->segment_length - k;
            const size_t start = in->segment_offset[s] + k;
            const lb_f32_dot_inputs piece = {in->n_pixels, in->pixel_stride, 1,
                                             left < layer->exact_run ? left : layer->exact_run,
                                             &start};
            dot(&piece, x, w + (s * in->segment_length + k) * LB_F32_DOT_LANES, LB_F32_DOT_LANES,
                scratch->pieces, LB_F32_DOT_LANES);
            for (size_t i = 0; i < in->n_pixels * LB_F32_DOT_LANES; i++)
                total[i] += (int32_t)scratch->pieces[i];
        }
    for (size_t p = 0; p < in->n_pixels; p++)
        for (size_t o = 0; o < lanes; o++)
            y[p * y_stride + o] = (float)total[p * LB_F32_DOT_LANES + o];
}

/* Inputs and weights of a channel's sum: by sign all inputs and weights of its own; else its share of both. */
static lb_f32_dot_inputs inputs_of_sum(const lb_evaluate_layer *layer, const lb_f32_dot_inputs *in,
                                       size_t sum)
{
    lb_f32_dot_inputs inputs = *in;
    if (!sums_by_position(layer)) return inputs;
    inputs.n_segments = in->n_segments / layer->sums;
    inputs.segment_offset = in->segment_offset + sum * inputs.n_segments;
    return inputs;
}

static const float *weights_of_sum(const lb_evaluate_layer *layer, size_t sum)
{
    if (layer->asymmetric) return layer->packed[sum];
    return layer->packed[0] + sum * (layer->k / layer->sums) * LB_F32_DOT_LANES;
}

/* All filters over one run of pixels, then what follows a sum. */
static void run_pixels(const lb_evaluate_layer *layer, lb_f32_dot_fn *dot,
                       const lb_evaluate_scratch *scratch, const lb_f32_dot_inputs *in,
                       const float *x, float *y)
{
    const size_t filters = layer->out.c / layer->groups, channels = layer->in.c / layer->groups;
    const size_t block_floats = layer->k * LB_F32_DOT_LANES, terms = layer->sums;
    const size_t pixels = in->n_pixels, out = layer->out.c;
    float *sums = terms > 1 ? scratch->terms : y;
    for (size_t g = 0; g < layer->groups; g++)
        for (size_t b = 0; b < blocks_of(filters); b++) {
            const size_t first = g * filters + b * LB_F32_DOT_LANES;
            const size_t left = filters - b * LB_F32_DOT_LANES;
            const size_t lanes = left < LB_F32_DOT_LANES ? left : LB_F32_DOT_LANES;
            const size_t at = (g * blocks_of(filters) + b) * block_floats;
            for (size_t term = 0; term < terms; term++) {
                const lb_f32_dot_inputs inputs = inputs_of_sum(layer, in, term);
                sum_run(layer, dot, scratch, &inputs, x + g * channels,
                        weights_of_sum(layer, term) + at, lanes, sums + term * out + first,
                        terms * out);
            }
        }
    if (layer->coded) lb_step_scale_floats(&layer->scale, pixels, out, terms, sums, y);
    if (layer->bias.a) lb_step_run(&layer->bias, pixels, out, NULL, y, y);
}

/* Copy a map into the middle of a border of zeros. */
static const float *pad(const lb_evaluate_layer *layer, const float *x, float *padded)
{
    if (!layer->padded_floats) return x;
    const lb_window *w = &layer->window;
    const size_t row = padded_row(layer);
    memset(padded, 0, layer->padded_floats * sizeof *padded);
    for (size_t h = 0; h < layer->in.h; h++)
        memcpy(padded + (h + w->pad_top) * row + w->pad_left * layer->in.c,
               x + h * layer->in.w * layer->in.c, layer->in.w * layer->in.c * sizeof *padded);
    return padded;
}

void lb_evaluate_layer_run(const lb_evaluate_layer *layer, lb_f32_dot_fn *dot,
                           const lb_evaluate_scratch *scratch, size_t n, const float *x, float *y)
{
    const lb_window *w = &layer->window;
    const size_t in_floats = layer->in.c * layer->in.h * layer->in.w;
    if (layer->out.h * layer->out.w == 1 && !layer->padded_floats && layer->groups == 1 &&
        w->kh == layer->in.h && w->kw == layer->in.w && !sums_by_position(layer)) {
        const size_t zero = 0; /* the window is the map: one pixel an image, one run of inputs */
        const lb_f32_dot_inputs in = {n, in_floats, 1, in_floats, &zero};
        run_pixels(layer, dot, scratch, &in, x, y);
        return;
    }
    const size_t row = padded_row(layer);
    const lb_f32_dot_inputs in = {layer->out.w, w->stride * layer->in.c, layer->n_segments,
                                  layer->segment_length, layer->segment_offset};
    for (size_t i = 0; i < n; i++) {
        const float *image = pad(layer, x + i * in_floats, scratch->padded);
        float *out = y + i * layer->out.c * layer->out.h * layer->out.w;
        for (size_t h = 0; h < layer->out.h; h++)
            run_pixels(layer, dot, scratch, &in, image + h * w->stride * row,
                       out + h * layer->out.w * layer->out.c);
    }
}
