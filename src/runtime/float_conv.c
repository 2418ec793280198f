#include "runtime/float_conv.h"

#include <string.h>

#include "runtime/map_rows.h"

static bool pads_columns(const lb_float_conv *conv)
{
    const lb_window *w = &conv->window;
    return w->pad_left > 0 || conv->columns > conv->in.shape.w;
}

static bool pads_rows(const lb_float_conv *conv)
{
    const lb_window *w = &conv->window;
    return w->pad_top > 0 || (conv->out.h - 1) * w->stride + w->kh > conv->in.shape.h;
}

/* ---- creation ---- */

/* Put one filter, or the part of it that its sum is of, into its lane of its block. */
static void pack_filter(lb_float_conv *conv, size_t filter, const float *weights)
{
    const size_t channel = filter % conv->out.c, in_group = conv->out.c / conv->groups;
    const size_t group = filter / conv->out.c * conv->groups + channel / in_group;
    const size_t block = group * conv->blocks + channel % in_group / LB_F32_DOT_LANES;
    const size_t part = conv->parts > 1 ? filter / conv->out.c : 0;
    float *to = conv->weights + block * conv->filter_size * LB_F32_DOT_LANES +
                channel % in_group % LB_F32_DOT_LANES;
    weights += part * conv->filter_size;
    for (size_t k = 0; k < conv->filter_size; k++) to[k * LB_F32_DOT_LANES] = weights[k];
}

static void plan_scratch(lb_float_conv *conv)
{
    const lb_window *w = &conv->window;
    conv->columns = (conv->out.w - 1) * w->stride + w->kw;
    conv->uses_ring = conv->in.coded || pads_columns(conv) || pads_rows(conv);
    conv->runs_per_row = conv->groups == 1 && conv->parts <= w->kh ? 1 : w->kw;
    conv->scratch_bytes = lb_align_bytes(w->kh * conv->runs_per_row * sizeof(size_t));
    if (conv->uses_ring)
        conv->scratch_bytes +=
            lb_align_bytes(w->kh * conv->columns * conv->in.shape.c * sizeof(float));
    if (conv->in.coded) conv->scratch_bytes += lb_align_bytes(conv->in.shape.w * conv->in.shape.c);
}

lb_status lb_float_conv_create(const lb_int_layer *layer, const lb_int_map *in, lb_f32_dot_fn *dot,
                               lb_float_weights_fn *read, const void *user, lb_arena *arena,
                               lb_float_conv *out)
{
    lb_float_conv conv = {.dot = dot,
                          .in = *in,
                          .out = layer->map.shape,
                          .window = layer->window,
                          .groups = layer->groups,
                          .terms = layer->weights.terms,
                          .parts = layer->weights.sums > LB_SUMS_SIGN ? layer->weights.terms : 1};
    const size_t in_group = conv.out.c / conv.groups, whole = layer->weights.count / conv.out.c;
    conv.filter_size = whole / conv.parts;
    conv.blocks = (in_group + LB_F32_DOT_LANES - 1) / LB_F32_DOT_LANES;
    plan_scratch(&conv);
    const size_t count = conv.terms * conv.groups * conv.blocks * LB_F32_DOT_LANES;
    conv.bytes = count * conv.filter_size * sizeof(float);
    LB_TRY(lb_arena_alloc(arena, count, conv.filter_size * sizeof(float), "packed weights",
                          (void **)&conv.weights));
    float *weights = NULL;
    LB_TRY(lb_alloc(whole, sizeof *weights, "weights of a filter", (void **)&weights));
    for (size_t f = 0; f < conv.terms * conv.out.c; f++) {
        read(user, f, weights);
        pack_filter(&conv, f, weights);
    }
    lb_free(weights);
    *out = conv;
    return LB_OK;
}

/* ---- running ---- */

lb_float_conv_state lb_float_conv_begin(const lb_float_conv *conv, const void *in, void *scratch)
{
    const lb_window *w = &conv->window;
    lb_float_conv_state state = {.conv = conv, .in = in, .offsets = scratch};
    char *at = (char *)scratch + lb_align_bytes(w->kh * conv->runs_per_row * sizeof(size_t));
    if (conv->uses_ring) {
        state.ring = (float *)(void *)at;
        at += lb_align_bytes(w->kh * conv->columns * conv->in.shape.c * sizeof(float));
    }
    if (conv->in.coded) state.fields = (uint8_t *)at;
    return state;
}

/* Row y of the padded map to slot y % kh of the ring. */
static void prepare_row(const lb_float_conv_state *state, size_t y)
{
    const lb_float_conv *conv = state->conv;
    const lb_window *w = &conv->window;
    const size_t channels = conv->in.shape.c, row_floats = conv->columns * channels;
    float *to = state->ring + y % w->kh * row_floats;
    if (y < w->pad_top || y - w->pad_top >= conv->in.shape.h) {
        memset(to, 0, row_floats * sizeof *to);
        return;
    }
    const size_t left = w->pad_left < conv->columns ? w->pad_left : conv->columns;
    const size_t room = conv->columns - left;
    const size_t pixels = room < conv->in.shape.w ? room : conv->in.shape.w;
    memset(to, 0, left * channels * sizeof *to);
    float *inside = to + left * channels;
    const float *values =
        lb_map_row_values(&conv->in, state->in, y - w->pad_top, pixels, state->fields, inside);
    if (values != inside) memcpy(inside, values, pixels * channels * sizeof *inside);
    memset(to + (left + pixels) * channels, 0, (room - pixels) * channels * sizeof *to);
}

/* Bring the ring up to date for a row of outputs and say where its inputs lie. */
static const float *slide(lb_float_conv_state *state, size_t row)
{
    const lb_float_conv *conv = state->conv;
    const lb_window *w = &conv->window;
    const size_t channels = conv->in.shape.c, first = row * w->stride;
    const size_t row_floats = (conv->uses_ring ? conv->columns : conv->in.shape.w) * channels;
    if (conv->uses_ring) {
        size_t y = state->prepared > first ? state->prepared : first;
        for (; y < first + w->kh; y++) prepare_row(state, y);
        state->prepared = y;
    }
    for (size_t ky = 0; ky < w->kh; ky++)
        for (size_t run = 0; run < conv->runs_per_row; run++) {
            const size_t y = conv->uses_ring ? (first + ky) % w->kh : first + ky;
            state->offsets[ky * conv->runs_per_row + run] = y * row_floats + run * channels;
        }
    return conv->uses_ring ? state->ring : state->in;
}

void lb_float_conv_row(lb_float_conv_state *state, size_t row, size_t filter_begin,
                       size_t filter_end, float *y)
{
    const lb_float_conv *conv = state->conv;
    const lb_window *w = &conv->window;
    const float *x = slide(state, row);
    const size_t channels = conv->in.shape.c / conv->groups, in_group = conv->out.c / conv->groups;
    const size_t stride = conv->terms * conv->out.c;
    lb_f32_dot_inputs inputs = {
        .n_pixels = conv->out.w,
        .pixel_stride = w->stride * conv->in.shape.c,
        .n_segments = w->kh * conv->runs_per_row / conv->parts,
        .segment_length = conv->runs_per_row == 1 ? w->kw * channels : channels,
    };
    const size_t end = conv->groups == 1 && filter_end < in_group ? filter_end : in_group;
    for (size_t group = 0; group < conv->terms * conv->groups; group++) {
        const size_t part = conv->parts > 1 ? group / conv->groups : 0;
        inputs.segment_offset = state->offsets + part * inputs.n_segments;
        for (size_t f = conv->groups == 1 ? filter_begin : 0; f < end; f += LB_F32_DOT_LANES) {
            const size_t lanes = end - f < LB_F32_DOT_LANES ? end - f : LB_F32_DOT_LANES;
            const size_t block = group * conv->blocks + f / LB_F32_DOT_LANES;
            conv->dot(&inputs, x + group % conv->groups * channels,
                      conv->weights + block * conv->filter_size * LB_F32_DOT_LANES, lanes,
                      y + group * in_group + f, stride);
        }
    }
}
