/* Sparse ternary weights: each input is added to and taken from the sums that have a weight for it, and nothing is
 * done for weights that are zero nor for inputs that are. Plain C: what it takes is a load, an addition and a
 * store a weight that is not zero, of any codes.
 *
 *     prepared row   int16 codes [row pixels][in_c]
 *     weights        lists by input, kernels/sparse/sparse_lists.h */
#include "kernels/conv/threshold.h"
#include "kernels/sparse/sparse_lists.h"

/* Inputs of a filter. */
static size_t inputs_of(const lb_int_conv *conv)
{
    return conv->kh * conv->kw * conv->in_c;
}

static bool supports(const lb_int_conv *conv, const char **why)
{
    const int low = lb_grid_low(conv->acts), high = lb_grid_high(conv->acts);
    const uint64_t act = (uint64_t)(-low > high ? -low : high);
    *why = "";
    if (conv->weights != LB_WEIGHTS_TERNARY)
        *why = "its weights are not ternary";
    else if (conv->nonzero == 0)
        *why = "it is not known how many of its weights are zero";
    else if (conv->groups != 1)
        *why = "its filters see groups of channels";
    else if ((uint64_t)inputs_of(conv) * act > INT32_MAX)
        *why = "its sums may not fit 32 bits";
    return **why == '\0';
}

/* Measured: nanoseconds a weight that is not zero, and an input of a block of filters, whose lists' ends the
 * processor does not foresee. */
static double cost(const lb_int_conv *conv)
{
    const double addition = 0.45, input = 12.0;
    const size_t inputs = inputs_of(conv);
    const size_t blocks = (conv->filters + LB_SPARSE_BLOCK - 1) / LB_SPARSE_BLOCK;
    const double of_pixel =
        addition * (double)conv->nonzero + input * (double)inputs * (double)blocks;
    return of_pixel / ((double)inputs * (double)conv->filters);
}

static size_t weight_bytes(const lb_int_conv *conv)
{
    return lb_sparse_lists_bytes(conv->filters, inputs_of(conv), conv->nonzero);
}

static void pack(const lb_int_conv *conv, const int16_t *codes, void *packed)
{
    lb_sparse_lists_pack(conv->filters, inputs_of(conv), codes, packed);
}

static size_t row_bytes(const lb_int_conv *conv)
{
    return lb_conv_row_pixels(conv) * conv->in_c * sizeof(int16_t);
}

static void fill(const lb_int_conv *conv, int16_t *to, size_t pixels)
{
    const int code = conv->acts.offset + conv->acts.step * lb_conv_pad_field(conv);
    for (size_t i = 0; i < pixels * conv->in_c; i++) to[i] = (int16_t)code;
}

/* Fields wait at the end of the codes' place: a code is written at or before the byte of its own field, those
 * behind it are still whole. */
static void prepare_row(const lb_int_conv *conv, const void *row, void *prepared)
{
    const size_t columns = lb_conv_row_pixels(conv);
    const size_t before = conv->pad_left < columns ? conv->pad_left : columns;
    const size_t left = row ? columns - before : 0, inside = left < conv->in_w ? left : conv->in_w;
    const int offset = conv->acts.offset, step = conv->acts.step;
    const size_t n = inside * conv->in_c;
    int16_t *to = prepared;
    fill(conv, to, before);
    to += before * conv->in_c;
    if (n > 0) {
        uint8_t *fields = (uint8_t *)to + n;
        lb_map_row_unpack(conv->acts.bits, conv->in_c, inside, row, fields);
        for (size_t i = 0; i < n; i++) to[i] = (int16_t)(offset + step * fields[i]);
    }
    fill(conv, to + n, columns - before - inside);
}

/* Outputs [begin, end) of a block. */
typedef struct outputs {
    size_t begin, end;
    bool narrowed; /* not all of the block's */
} outputs;

/* sum[o] += x[k] * weight, for n inputs whose lists start at `at`; where the next ones do. Without signs, as a
 * start may take a sum out of int32 for a while and back. */
static const uint16_t *add_inputs(const uint16_t *at, size_t n, const int16_t *x, outputs which,
                                  uint32_t *sum)
{
    for (size_t k = 0; k < n; k++) {
        lb_sparse_input input = lb_sparse_input_read(&at);
        const uint32_t x_k = (uint32_t)x[k];
        if (x_k == 0) continue;
        if (which.narrowed) lb_sparse_input_narrow(&input, which.begin, which.end);
        for (size_t i = 0; i < input.n_plus; i++) sum[input.plus[i]] += x_k;
        for (size_t i = 0; i < input.n_minus; i++) sum[input.minus[i]] -= x_k;
    }
    return at;
}

/* Filters [first + which.begin, first + which.end) of the block whose first filter that is, at one pixel. */
static void run_block(const lb_int_conv *conv, const uint16_t *block, const lb_conv_span *span,
                      size_t pixel, size_t first, outputs which)
{
    uint32_t sum[LB_SPARSE_BLOCK];
    const int32_t *start = lb_conv_start_of(span, pixel);
    const size_t n = which.end - which.begin, filter = first + which.begin;
    if (start)
        memcpy(sum + which.begin, start + filter, n * sizeof *sum);
    else
        memset(sum + which.begin, 0, n * sizeof *sum);
    const uint16_t *at = block + 2;
    const size_t column = (span->first + pixel) * conv->stride * conv->in_c;
    for (size_t ky = 0; ky < conv->kh; ky++)
        at = add_inputs(at, conv->kw * conv->in_c, (const int16_t *)span->rows[ky] + column, which,
                        sum);
    int32_t final[LB_SPARSE_BLOCK];
    memcpy(final, sum + which.begin, n * sizeof *final);
    if (span->out.sums) {
        memcpy(span->out.sums + pixel * conv->filters + filter, final, n * sizeof *final);
        return;
    }
    const lb_conv_thresholds *t = span->out.thresholds;
    uint8_t *codes = span->out.codes + pixel * lb_map_pixel_bytes(t->bits, conv->filters);
    lb_conv_threshold(t, conv->filters, filter, filter + n, final, codes);
}

static void run_row(const lb_int_conv *conv, const void *packed, const lb_conv_span *span)
{
    const uint16_t *block = packed;
    for (size_t first = 0; first < span->filter_end; first += LB_SPARSE_BLOCK) {
        const size_t left = conv->filters - first;
        const size_t size = left < LB_SPARSE_BLOCK ? left : LB_SPARSE_BLOCK;
        const size_t end = span->filter_end - first;
        outputs which = {span->filter_begin > first ? span->filter_begin - first : 0,
                         end < size ? end : size, false};
        which.narrowed = which.begin > 0 || which.end < size;
        for (size_t i = 0; i < span->pixels && which.begin < which.end; i++)
            run_block(conv, block, span, i, first, which);
        block = lb_sparse_lists_next(block);
    }
}

const lb_conv_kernel lb_conv_sparse__portable = {
    .name = "sparse portable",
    .summary = "lists of the ternary weights that are not zero; many zeros, one pixel",
    .isa = 0,
    .supports = supports,
    .cost = cost,
    .weight_bytes = weight_bytes,
    .pack = pack,
    .row_bytes = row_bytes,
    .prepare_row = prepare_row,
    .run_row = run_row,
    .by_blocks = true,
    .block_filters = LB_SPARSE_BLOCK,
    .start_by_pixel = true,
};
