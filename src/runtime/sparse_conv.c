#include "runtime/sparse_conv.h"

#include <string.h>

#include "kernels/sparse/sparse_lists.h"
#include "runtime/map_rows.h"

/* Measured: the most of a layer's weights that may be other than zero. Of one pixel, where dense weights come from the
 * cache and where they are too many for it; of rows whose registers are full. */
static const double pays_of_pixel = 0.2, pays_of_large = 0.35, pays_of_rows = 0.3;
enum { LARGE = 2 * 1024 * 1024 }; /* weights: 8 MB of floats */

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* Does every sum see the whole map, in the order in which it lies in memory? */
static bool sees_all(const lb_int_layer *l, lb_shape in)
{
    const lb_window *w = &l->window;
    return l->groups == 1 && l->map.shape.h * l->map.shape.w == 1 && w->kh == in.h &&
           w->kw == in.w && w->pad_top == 0 && w->pad_left == 0;
}

bool lb_sparse_conv_pays(const lb_int_layer *layer, size_t nonzero)
{
    const size_t w = layer->map.shape.w;
    const double density = (double)nonzero / (double)layer->weights.count;
    if (nonzero == 0 || nonzero > UINT32_MAX || layer->weights.sums > LB_SUMS_SIGN) return false;
    if (layer->map.shape.h * w == 1)
        return density <= (layer->weights.count >= LARGE ? pays_of_large : pays_of_pixel);
    return density <= pays_of_rows * (double)w / (double)round_up(w, LB_SPARSE_PIXELS);
}

/* ---- creation ---- */

static lb_status list_by_input(lb_sparse_conv *conv, const lb_conv_source *source, lb_arena *arena)
{
    const size_t inputs = conv->in.c * conv->in.h * conv->in.w;
    const size_t most = conv->filters < LB_SPARSE_BLOCK ? conv->filters : LB_SPARSE_BLOCK;
    int16_t *codes = NULL;
    LB_TRY(lb_arena_alloc(arena, conv->bytes, 1, "packed weights", (void **)&conv->lists));
    LB_TRY(lb_alloc_pages(most, inputs * sizeof *codes, "weight codes", (void **)&codes));
    uint16_t *to = conv->lists;
    for (size_t f = 0; f < conv->filters; f += most) {
        const size_t n = conv->filters - f < most ? conv->filters - f : most;
        source->read(source->user, f, n, codes);
        to = lb_sparse_block_pack(n, inputs, codes, to);
    }
    lb_free_pages(codes, most, inputs * sizeof *codes);
    return LB_OK;
}

/* Where in a row of the ring the outputs of a row find their inputs of a channel at column kx of the window. */
static size_t place_of(const lb_sparse_conv *conv, bool negated, size_t channel, size_t kx)
{
    const size_t stride = conv->window.stride, sign = negated ? conv->in.c : 0;
    return ((sign + channel) * conv->phases + kx % stride) * conv->run + kx / stride;
}

static size_t first_channel(const lb_sparse_conv *conv, size_t filter)
{
    const size_t channel = filter % conv->out.c, of_group = conv->out.c / conv->groups;
    return channel / of_group * (conv->in.c / conv->groups);
}

static lb_status list_by_filter(lb_sparse_conv *conv, const lb_conv_source *source, lb_arena *arena,
                                size_t nonzero)
{
    const lb_window *w = &conv->window;
    const size_t channels = conv->in.c / conv->groups;
    int16_t *codes = NULL;
    LB_TRY(lb_arena_alloc(arena, conv->filters * w->kh + 1, sizeof *conv->starts, "packed weights",
                          (void **)&conv->starts));
    LB_TRY(lb_arena_alloc(arena, nonzero, sizeof *conv->places, "packed weights",
                          (void **)&conv->places));
    LB_TRY(
        lb_alloc(w->kh * w->kw * channels, sizeof *codes, "weights of a filter", (void **)&codes));
    uint32_t n = 0, *starts = conv->starts;
    for (size_t f = 0; f < conv->filters; f++) {
        const size_t first = first_channel(conv, f);
        const int16_t *code = codes;
        source->read(source->user, f, 1, codes);
        for (size_t ky = 0; ky < w->kh; ky++) {
            *starts++ = n;
            for (size_t k = 0; k < w->kw * channels; k++, code++) {
                if (*code == 0) continue;
                conv->places[n++] =
                    (uint32_t)place_of(conv, *code < 0, first + k % channels, k / channels);
            }
        }
    }
    *starts = n;
    lb_free(codes);
    return LB_OK;
}

/* Ring, flags and pointers. */
static void plan_rows(lb_sparse_conv *conv)
{
    const lb_window *w = &conv->window;
    conv->columns = (conv->out.w - 1) * w->stride + w->kw;
    conv->run = round_up(conv->out.w, LB_SPARSE_PIXELS) + (w->kw - 1) / w->stride;
    conv->phases = w->stride < w->kw ? w->stride : w->kw; /* others no window sees */
    conv->row_floats = 2 * conv->in.c * conv->phases * conv->run;
    conv->scratch_bytes = lb_align_bytes(w->kh * conv->row_floats * sizeof(float)) +
                          lb_align_bytes(w->kh * sizeof(bool)) +
                          lb_align_bytes(w->kh * sizeof(float *));
}

lb_status lb_sparse_conv_create(const lb_int_layer *layer, lb_shape in, size_t nonzero,
                                unsigned isa, const lb_conv_source *source, lb_arena *arena,
                                lb_sparse_conv *out)
{
    lb_sparse_conv conv = {.in = in,
                           .out = layer->map.shape,
                           .window = layer->window,
                           .groups = layer->groups,
                           .filters = layer->weights.terms * layer->map.shape.c};
    if (sees_all(layer, in)) {
        conv.bytes = lb_sparse_lists_bytes(conv.filters, in.c * in.h * in.w, nonzero);
        LB_TRY(list_by_input(&conv, source, arena));
    } else {
        plan_rows(&conv);
        conv.sum_row = lb_sparse_rows_select(isa)->fn;
        conv.bytes = (conv.filters * conv.window.kh + 1) * sizeof *conv.starts +
                     nonzero * sizeof *conv.places;
        LB_TRY(list_by_filter(&conv, source, arena, nonzero));
    }
    *out = conv;
    return LB_OK;
}

/* ---- running ---- */

lb_sparse_conv_state lb_sparse_conv_begin(const lb_sparse_conv *conv, const float *in,
                                          void *scratch)
{
    const size_t kh = conv->window.kh;
    lb_sparse_conv_state state = {.conv = conv, .in = in};
    if (conv->lists) return state;
    char *at = scratch;
    state.ring = (float *)(void *)at;
    at += lb_align_bytes(kh * conv->row_floats * sizeof *state.ring);
    state.special = (bool *)(void *)at;
    at += lb_align_bytes(kh * sizeof *state.special);
    state.rows = (const float **)(void *)at;
    return state;
}

/* The columns of phase `phase` of a channel whose first pixel is at `in`, and the same negated. */
static void prepare_run(const lb_sparse_conv *conv, const float *in, size_t phase, float *plus,
                        float *minus)
{
    const size_t stride = conv->window.stride, left = conv->window.pad_left;
    memset(plus, 0, conv->run * sizeof *plus);
    for (size_t i = 0, x = phase; x < conv->columns; i++, x += stride)
        if (x >= left && x - left < conv->in.w) plus[i] = in[(x - left) * conv->in.c];
    for (size_t i = 0; i < conv->run; i++) minus[i] = -plus[i];
}

static bool has_special(const float *values, size_t n)
{
    float sum = 0.0f; /* 0, or NaN where there is a product of zero and an infinity or a NaN */
    for (size_t i = 0; i < n; i++) sum += values[i] * 0.0f;
    return !(sum == 0.0f);
}

/* Row y of the padded map to slot y % kh of the ring. */
static void prepare_row(const lb_sparse_conv_state *state, size_t y)
{
    const lb_sparse_conv *conv = state->conv;
    const lb_window *w = &conv->window;
    const size_t slot = y % w->kh, half = conv->row_floats / 2;
    float *to = state->ring + slot * conv->row_floats;
    state->special[slot] = false;
    if (y < w->pad_top || y - w->pad_top >= conv->in.h) {
        memset(to, 0, conv->row_floats * sizeof *to);
        return;
    }
    const float *in = state->in + (y - w->pad_top) * conv->in.w * conv->in.c;
    for (size_t c = 0; c < conv->in.c; c++)
        for (size_t phase = 0; phase < conv->phases; phase++, to += conv->run)
            prepare_run(conv, in + c, phase, to, to + half);
    state->special[slot] = has_special(in, conv->in.w * conv->in.c);
}

/* Bring the ring up to date for a row of outputs; does one of its rows have an infinity or a NaN? */
static bool slide(lb_sparse_conv_state *state, size_t row)
{
    const lb_sparse_conv *conv = state->conv;
    const size_t kh = conv->window.kh, first = row * conv->window.stride;
    size_t y = state->prepared > first ? state->prepared : first;
    bool special = false;
    for (; y < first + kh; y++) prepare_row(state, y);
    state->prepared = y;
    for (size_t ky = 0; ky < kh; ky++) {
        const size_t slot = (first + ky) % kh;
        state->rows[ky] = state->ring + slot * conv->row_floats;
        special = special || state->special[slot];
    }
    return special;
}

/* One sum with all its weights, as the dense kernel adds it. */
static float sum_with_zeros(const lb_sparse_conv_state *state, size_t filter, size_t pixel)
{
    const lb_sparse_conv *conv = state->conv;
    const lb_window *w = &conv->window;
    const size_t first = first_channel(conv, filter), channels = conv->in.c / conv->groups;
    const uint32_t *starts = conv->starts + filter * w->kh;
    float sum = 0.0f;
    for (size_t ky = 0; ky < w->kh; ky++) {
        size_t next = starts[ky];
        for (size_t k = 0; k < w->kw * channels; k++) {
            const size_t plus = place_of(conv, false, first + k % channels, k / channels);
            const size_t minus = plus + conv->row_floats / 2;
            const bool any = next < starts[ky + 1];
            const bool is_plus = any && conv->places[next] == plus;
            const bool is_minus = any && conv->places[next] == minus;
            next += is_plus || is_minus;
            sum = sum + state->rows[ky][plus + pixel] * ((float)is_plus - (float)is_minus);
        }
    }
    return sum;
}

void lb_sparse_conv_row(lb_sparse_conv_state *state, size_t row, size_t filter_begin,
                        size_t filter_end, float *y)
{
    const lb_sparse_conv *conv = state->conv;
    const size_t kh = conv->window.kh;
    if (conv->lists) {
        lb_sparse_f32_sum(conv->lists, conv->filters, conv->in.c * conv->in.h * conv->in.w,
                          state->in, filter_begin, filter_end, y);
        return;
    }
    const bool special = slide(state, row);
    for (size_t f = filter_begin; f < filter_end; f++) {
        const lb_sparse_filter filter = {kh, conv->starts + f * kh, conv->places};
        if (!special) {
            conv->sum_row(&filter, state->rows, conv->out.w, y + f, conv->filters);
            continue;
        }
        for (size_t p = 0; p < conv->out.w; p++)
            y[p * conv->filters + f] = sum_with_zeros(state, f, p);
    }
}
