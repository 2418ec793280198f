/* The definition of a convolution kernel: plainest loops over codes, for every shape and every code.
 *
 *     prepared row   int16 codes [row pixels][in_c]
 *     weights        int16 codes [blocks of 64 filters][kh][kw][in_c / groups][64], the filters innermost, so
 *                    that a compiler may put them into the lanes of registers */
#include "kernels/conv/threshold.h"

static bool supports(const lb_int_conv *conv, const char **why)
{
    const int low = lb_grid_low(conv->acts), high = lb_grid_high(conv->acts);
    const uint64_t act = (uint64_t)(-low > high ? -low : high);
    const uint64_t taps = (uint64_t)(conv->in_c / conv->groups * conv->kh * conv->kw);
    const bool fits = taps * (uint64_t)conv->max_weight * act <= INT32_MAX;
    *why = fits ? "" : "its sums may not fit 32 bits";
    return fits;
}

/* Measured: what a multiply-add costs in 128-bit registers, and a tap of a channel for the filters that share
 * it. */
static double cost(const lb_int_conv *conv)
{
    const size_t run = conv->filters / conv->terms / conv->groups;
    return 0.19 + 3.3 / (double)(run < LB_CONV_BLOCK ? run : LB_CONV_BLOCK);
}

/* Weights of a filter. */
static size_t filter_size(const lb_int_conv *conv)
{
    return conv->kh * conv->kw * (conv->in_c / conv->groups);
}

static size_t weight_bytes(const lb_int_conv *conv)
{
    return filter_size(conv) * lb_conv_padded_filters(conv) * sizeof(int16_t);
}

static void pack(const lb_int_conv *conv, const int16_t *codes, void *packed)
{
    const size_t size = filter_size(conv);
    memset(packed, 0, weight_bytes(conv));
    for (size_t f = 0; f < conv->filters; f++) {
        int16_t *to =
            (int16_t *)packed + f / LB_CONV_BLOCK * LB_CONV_BLOCK * size + f % LB_CONV_BLOCK;
        for (size_t k = 0; k < size; k++) to[k * LB_CONV_BLOCK] = codes[f * size + k];
    }
}

static size_t row_bytes(const lb_int_conv *conv)
{
    return lb_conv_row_pixels(conv) * conv->in_c * sizeof(int16_t);
}

/* The field of channel c in a pixel of a packed row. */
static unsigned field_at(const lb_int_conv *conv, const uint8_t *pixel, size_t c)
{
    if (conv->acts.bits > LB_PLANE_BITS_MAX) return pixel[c];
    const size_t plane = (conv->in_c + 31) / 32 * 4;
    unsigned field = 0;
    for (size_t p = 0; p < (size_t)conv->acts.bits; p++)
        field |= ((unsigned)pixel[p * plane + c / 8] >> c % 8 & 1u) << p;
    return field;
}

static void prepare_row(const lb_int_conv *conv, const void *row, void *prepared)
{
    const size_t columns = lb_conv_row_pixels(conv);
    const size_t pixel_bytes = lb_map_pixel_bytes(conv->acts.bits, conv->in_c);
    const unsigned pad = lb_conv_pad_field(conv);
    int16_t *to = prepared;
    for (size_t i = 0; i < columns; i++) {
        const bool inside = row && i >= conv->pad_left && i - conv->pad_left < conv->in_w;
        const uint8_t *pixel =
            inside ? (const uint8_t *)row + (i - conv->pad_left) * pixel_bytes : NULL;
        for (size_t c = 0; c < conv->in_c; c++) {
            const int field = (int)(inside ? field_at(conv, pixel, c) : pad);
            *to++ = (int16_t)(conv->acts.offset + conv->acts.step * field);
        }
    }
}

/* sum += products of one tap, n filters whose inputs are those of one group. */
static void add_tap(size_t channels, const int16_t *x, const int16_t *w, size_t n, uint32_t *sum)
{
    for (size_t c = 0; c < channels; c++, w += LB_CONV_BLOCK) {
        const int32_t x_c = x[c];
        for (size_t f = 0; f < n; f++) sum[f] += (uint32_t)(x_c * w[f]);
    }
}

/* Sums of filters [begin, end) of one block at a pixel of the span; without signs, as a start may take a sum
 * out of int32 for a while and back. */
static void sum_pixel(const lb_int_conv *conv, const int16_t *weights, const lb_conv_span *span,
                      size_t pixel, size_t begin, size_t end, uint32_t *sum)
{
    const size_t per_group = conv->in_c / conv->groups;
    const size_t channels = conv->filters / conv->terms, run = channels / conv->groups;
    const int32_t *start = lb_conv_start_of(span, pixel);
    const int16_t *w = weights + begin * filter_size(conv);
    for (size_t f = begin; f < end; f++) sum[f - begin] = start ? (uint32_t)start[f] : 0;
    for (size_t ky = 0; ky < conv->kh; ky++) {
        const int16_t *row = span->rows[ky];
        for (size_t kx = 0; kx < conv->kw; kx++, w += per_group * LB_CONV_BLOCK) {
            const int16_t *x = row + ((span->first + pixel) * conv->stride + kx) * conv->in_c;
            for (size_t f = begin, next; f < end; f = next) {
                const size_t group = f % channels / run;
                next = f / run * run + run < end ? f / run * run + run : end;
                add_tap(per_group, x + group * per_group, w + (f - begin), next - f,
                        sum + (f - begin));
            }
        }
    }
}

static void run_row(const lb_int_conv *conv, const void *packed, const lb_conv_span *span)
{
    uint32_t sum[LB_CONV_BLOCK];
    int32_t final[LB_CONV_BLOCK];
    for (size_t i = 0; i < span->pixels; i++) {
        for (size_t f = span->filter_begin; f < span->filter_end; f += LB_CONV_BLOCK) {
            const size_t left = span->filter_end - f,
                         n = left < LB_CONV_BLOCK ? left : LB_CONV_BLOCK;
            sum_pixel(conv, packed, span, i, f, f + n, sum);
            memcpy(final, sum, n * sizeof *final);
            if (span->out.sums) {
                memcpy(span->out.sums + i * conv->filters + f, final, n * sizeof *final);
                continue;
            }
            const lb_conv_thresholds *t = span->out.thresholds;
            uint8_t *codes = span->out.codes + i * lb_map_pixel_bytes(t->bits, conv->filters);
            lb_conv_threshold(t, conv->filters, f, f + n, final, codes);
        }
    }
}

const lb_conv_kernel lb_conv_direct__scalar = {
    .name = "direct scalar",
    .summary = "16-bit codes, plain loops; any shape, any codes",
    .isa = 0,
    .supports = supports,
    .cost = cost,
    .weight_bytes = weight_bytes,
    .pack = pack,
    .row_bytes = row_bytes,
    .prepare_row = prepare_row,
    .run_row = run_row,
    .by_blocks = true,
    .start_by_pixel = true,
};
