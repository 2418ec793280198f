/* Sparse ternary weights of layers with one output a row: of each filter the list of its inputs whose weights are
 * not zero, so that a sum takes a load of a place, a load and an addition a weight. Plain C.
 *
 *     prepared row   int16: codes [kw * in_c], the same negated, EIGHT zeros
 *     weights        block after block of LB_CONV_BLOCK filters, all elements uint16:
 *                    number of elements of the block, low half, high half;
 *                    for each filter and kernel row: number of places divided by EIGHT, rounded up;
 *                    their places in the prepared row, filled up with that of a zero;
 *                    zeros up to the most that filling up could take */
#include "kernels/conv/threshold.h"

enum { EIGHT = 8, HEAD = 2, HALF_BITS = 16, PLACES_MAX = UINT16_MAX };

/* Inputs of a filter in a row. */
static size_t row_inputs(const lb_int_conv *conv)
{
    return conv->kw * conv->in_c;
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
    else if (conv->out_w != 1)
        *why = "it has more than one output in a row";
    else if (2 * row_inputs(conv) + EIGHT > PLACES_MAX)
        *why = "a row of its window has more than 32,763 inputs";
    else if ((uint64_t)(conv->kh * row_inputs(conv)) * act > INT32_MAX)
        *why = "its sums may not fit 32 bits";
    return **why == '\0';
}

/* Measured: nanoseconds a weight that is not zero, and a list, whose end the processor does not foresee. */
static double cost(const lb_int_conv *conv)
{
    const double addition = 0.35, list = 5.0;
    const double lists = (double)(conv->filters * conv->kh), inputs = (double)row_inputs(conv);
    return (addition * (double)conv->nonzero + list * lists) / (lists * inputs);
}

/* Elements of a block, as `weight_bytes` counts them: filling a list up takes less than EIGHT. */
static size_t elements_of(const lb_int_conv *conv, size_t filters, size_t nonzero)
{
    return HEAD + filters * conv->kh * (1 + EIGHT) + nonzero;
}

static size_t weight_bytes(const lb_int_conv *conv)
{
    const size_t blocks = (conv->filters + LB_CONV_BLOCK - 1) / LB_CONV_BLOCK;
    return (elements_of(conv, conv->filters, conv->nonzero) + (blocks - 1) * HEAD) *
           sizeof(uint16_t);
}

/* The places of n codes that are not zero, filled up; how many. */
static size_t pack_list(size_t n, const int16_t *codes, uint16_t *places)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (codes[i] != 0) places[count++] = (uint16_t)(codes[i] > 0 ? i : n + i);
    while (count % EIGHT != 0) places[count++] = (uint16_t)(2 * n);
    return count;
}

static uint16_t *pack_block(const lb_int_conv *conv, size_t filters, const int16_t *codes,
                            uint16_t *block)
{
    const size_t n = row_inputs(conv), lists = filters * conv->kh;
    size_t nonzero = 0;
    for (size_t i = 0; i < lists * n; i++) nonzero += codes[i] != 0;
    const size_t elements = elements_of(conv, filters, nonzero);
    memset(block, 0, elements * sizeof *block);
    block[0] = (uint16_t)(elements & UINT16_MAX);
    block[1] = (uint16_t)(elements >> HALF_BITS);
    uint16_t *to = block + HEAD + lists;
    for (size_t i = 0; i < lists; i++) {
        const size_t count = pack_list(n, codes + i * n, to);
        block[HEAD + i] = (uint16_t)(count / EIGHT);
        to += count;
    }
    return block + elements;
}

static void pack(const lb_int_conv *conv, const int16_t *codes, void *packed)
{
    uint16_t *to = packed;
    for (size_t f = 0; f < conv->filters; f += LB_CONV_BLOCK) {
        const size_t left = conv->filters - f, n = left < LB_CONV_BLOCK ? left : LB_CONV_BLOCK;
        to = pack_block(conv, n, codes + f * conv->kh * row_inputs(conv), to);
    }
}

static size_t row_bytes(const lb_int_conv *conv)
{
    return (2 * row_inputs(conv) + EIGHT) * sizeof(int16_t);
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
    const size_t before = conv->pad_left < conv->kw ? conv->pad_left : conv->kw;
    const size_t left = row ? conv->kw - before : 0, inside = left < conv->in_w ? left : conv->in_w;
    const int offset = conv->acts.offset, step = conv->acts.step;
    const size_t n = inside * conv->in_c, all = row_inputs(conv);
    int16_t *codes = prepared, *to = codes + before * conv->in_c;
    fill(conv, codes, before);
    if (n > 0) {
        uint8_t *fields = (uint8_t *)to + n;
        lb_map_row_unpack(conv->acts.bits, conv->in_c, inside, row, fields);
        for (size_t i = 0; i < n; i++) to[i] = (int16_t)(offset + step * fields[i]);
    }
    fill(conv, to + n, conv->kw - before - inside);
    for (size_t i = 0; i < all; i++) codes[all + i] = (int16_t)-codes[i];
    memset(codes + 2 * all, 0, EIGHT * sizeof *codes);
}

/* What four places name, loaded as one word: in which order does not matter to their sum. */
static int32_t add_four(const int16_t *x, const uint16_t *places)
{
    uint64_t four;
    memcpy(&four, places, sizeof four);
    return x[four & UINT16_MAX] + x[four >> 16 & UINT16_MAX] + x[four >> 32 & UINT16_MAX] +
           x[four >> 48];
}

/* The sum of a list of `eights` times EIGHT places. */
static int32_t add_list(const int16_t *x, const uint16_t *places, size_t eights)
{
    int32_t a = 0, b = 0;
    for (size_t i = 0; i < eights; i++, places += EIGHT) {
        a += add_four(x, places);
        b += add_four(x, places + EIGHT / 2);
    }
    return a + b;
}

/* All filters of a block, of which there are n. */
static void sum_block(const lb_int_conv *conv, const uint16_t *block, const lb_conv_span *span,
                      const int32_t *start, size_t n, int32_t *sum)
{
    const uint16_t *eights = block + HEAD, *places = eights + n * conv->kh;
    for (size_t f = 0; f < n; f++) {
        uint32_t total = start ? (uint32_t)start[f] : 0; /* which may leave int32 for a while */
        for (size_t ky = 0; ky < conv->kh; ky++, eights++) {
            total += (uint32_t)add_list(span->rows[ky], places, *eights);
            places += (size_t)*eights * EIGHT;
        }
        memcpy(&sum[f], &total, sizeof total);
    }
}

static void run_row(const lb_int_conv *conv, const void *packed, const lb_conv_span *span)
{
    const uint16_t *block = packed;
    const int32_t *start = lb_conv_start_of(span, 0);
    int32_t sum[LB_CONV_BLOCK];
    for (size_t f = 0; f < span->filter_end; f += LB_CONV_BLOCK) {
        const size_t left = span->filter_end - f, n = left < LB_CONV_BLOCK ? left : LB_CONV_BLOCK;
        const uint16_t *next = block + (block[0] | (size_t)block[1] << HALF_BITS);
        if (f >= span->filter_begin) {
            sum_block(conv, block, span, start ? start + f : NULL, n, sum);
            const lb_conv_thresholds *t = span->out.thresholds;
            if (span->out.sums)
                memcpy(span->out.sums + f, sum, n * sizeof *sum);
            else
                lb_conv_threshold(t, conv->filters, f, f + n, sum, span->out.codes);
        }
        block = next;
    }
}

const lb_conv_kernel lb_conv_sparse__portable = {
    .name = "sparse portable",
    .summary = "ternary weights, of which most are zero; one output a row",
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
