/* Counting bits in plain C, by the tree of adders (conv_popcount_tree.h): a 64-bit number is a register of two
 * lanes. Bytes of counts: see conv_popcount_avx2.c; they are added up in plain C too. */
#include "kernels/conv/threshold.h"

typedef uint64_t lanes;
typedef uint64_t counts; /* a byte each for every 8 bits */

static inline lanes splat(uint32_t x)
{
    return x * UINT64_C(0x100000001);
}

#include "kernels/conv/conv_popcount_tree.h"

enum {
    LANES = 2,
    BLOCKS_MAX = 31,  /* whose carries fit bytes */
    WORDS_MAX = 4096, /* of a window, one plane */
    FORMS_MAX = WORDS_MAX / GROUP * GROUP_FORMS + HEAD_FORMS
};

/* Number of bits of each byte: of pairs of bits, of fours, of eights. */
static counts count_bytes(lanes x)
{
    const uint64_t pairs = 0x5555555555555555u, fours = 0x3333333333333333u;
    x -= x >> 1 & pairs;
    x = (x & fours) + (x >> 2 & fours);
    return (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
}

/* The bytes of each lane, added up. */
static lanes add_bytes(counts x)
{
    const uint64_t even_bytes = 0x00ff00ff00ff00ffu, even_pairs = 0x0000ffff0000ffffu;
    x = (x & even_bytes) + (x >> 8 & even_bytes);
    return (x & even_pairs) + (x >> 16 & even_pairs);
}

/* At most 8 * (1 + 2 + 4 + 8) = 120 a byte. */
static counts count_last_bits(lanes ones, const tree *t)
{
    return count_bytes(ones) + 2 * count_bytes(t->twos) + 4 * count_bytes(t->fours) +
           8 * count_bytes(t->eights);
}

/* Lanes: the bits of a window that differ from two filters' weights. */
static lanes count_binary(const tree_shape *s, const uint32_t *forms, const lanes *w)
{
    tree t = {.twos = rest_twos(forms, 1, w, s->rest)};
    w += s->rest > 1 ? s->rest : 0;
    const lanes ones = form(w++, forms[HEAD_FORMS - 1]);
    forms += HEAD_FORMS;
    if (s->loose > 0) {
        add_loose_groups(&t, forms + s->blocks * BLOCK * GROUP_FORMS, 1, w, s->loose);
        w += 1 + s->loose * GROUP;
    }
    counts sixteens = 0;
    lanes all = 0;
    for (size_t i = 0; i < s->blocks; i++, forms += BLOCK * GROUP_FORMS, w += BLOCK_WEIGHTS) {
        sixteens += count_bytes(add_block(&t, forms, 1, w));
        if (i % BLOCKS_MAX < BLOCKS_MAX - 1) continue;
        all += add_bytes(sixteens);
        sixteens = 0;
    }
    all += add_bytes(sixteens);
    return 16 * all + add_bytes(count_last_bits(ones, &t));
}

static lanes count_ternary(const tree_shape *s, const uint32_t *words, const lanes *w)
{
    ternary_tree t = ternary_begin(words, 1, w, s->rest);
    words += s->rest;
    w += s->rest * TERNARY_WEIGHTS;
    if (s->loose > 0) {
        add_loose_ternary(&t, words + s->blocks * BLOCK * GROUP, 1, w, s->loose);
        w += s->loose * GROUP * TERNARY_WEIGHTS;
    }
    counts sixteens = 0;
    lanes all = 0;
    for (size_t i = 0; i < s->blocks; i++, words += BLOCK * GROUP) {
        sixteens += count_bytes(add_block_ternary(&t, words, 1, w));
        w += BLOCK * GROUP * TERNARY_WEIGHTS;
        if (i % BLOCKS_MAX < BLOCKS_MAX - 1) continue;
        all += add_bytes(sixteens);
        sixteens = 0;
    }
    all += add_bytes(sixteens);
    return 16 * all + add_bytes(count_last_bits(t.ones, &t.above));
}

/* --- windows --- */

/* A row of outputs under way. */
typedef struct row_run {
    const lb_int_conv *conv;
    const lb_conv_span *span;
    lb_popcount_plan plan;
    tree_shape shape;
    const lanes *packed;
} row_run;

static void gather_words(const row_run *r, size_t plane, size_t pixel, uint32_t *words)
{
    const size_t run = r->plan.run;
    const size_t at = plane * r->plan.plane_words + (r->span->first + pixel) * r->plan.pixel_stride;
    for (size_t ky = 0; ky < r->conv->kh; ky++)
        memcpy(words + ky * run, (const uint32_t *)r->span->rows[ky] + at, run * sizeof *words);
}

static void make_forms(const tree_shape *s, const uint32_t *words, uint32_t *forms)
{
    uint32_t sum = 0; /* of all words so far */
    for (size_t i = 0; i < s->rest; i++) sum ^= words[i];
    forms[0] = s->rest == 3 ? words[0] ^ words[1] : words[0];
    forms[1] = s->rest == 3 ? words[1] ^ words[2] : s->rest == 2 ? words[1] : 0;
    forms[2] = sum;
    words += s->rest;
    uint32_t *to = forms + HEAD_FORMS;
    for (size_t i = 0; i < s->groups; i++, words += GROUP, to += GROUP_FORMS) {
        const uint32_t differ_ab = words[0] ^ words[1], differ_cd = words[2] ^ words[3];
        const uint32_t half = sum ^ differ_ab;
        to[0] = words[1] ^ sum;
        to[1] = differ_ab;
        to[2] = half;
        to[3] = words[3] ^ half;
        to[4] = differ_cd;
        sum = half ^ differ_cd;
    }
    forms[HEAD_FORMS - 1] = sum;
}

/* 2^plane * counts of a plane at one pixel, of filters [f, end), added to `all`, where filter f is the first. */
static void count_pixel(const row_run *r, size_t plane, size_t pixel, size_t f, size_t end,
                        lanes *all)
{
    uint32_t words[WORDS_MAX], forms[FORMS_MAX];
    const bool ternary = r->conv->weights == LB_WEIGHTS_TERNARY;
    gather_words(r, plane, pixel, words);
    if (!ternary) make_forms(&r->shape, words, forms);
    for (; f < end; f += LANES, all++) {
        const lanes *w = r->packed + f / LANES * (1 + r->shape.weights) + 1;
        const lanes n =
            ternary ? count_ternary(&r->shape, words, w) : count_binary(&r->shape, forms, w);
        *all += n << plane;
    }
}

static void put_pixel(const row_run *r, size_t pixel, size_t f, size_t n, const lanes *all)
{
    int32_t sums[LB_CONV_BLOCK];
    uint32_t counts_of[LB_CONV_BLOCK], constants[LANES];
    const int32_t *start = lb_conv_start_of(r->span, pixel);
    memcpy(counts_of, all, sizeof counts_of);
    for (size_t i = 0; i < n; i++) {
        memcpy(constants, &r->packed[(f + i) / LANES * (1 + r->shape.weights)], sizeof constants);
        /* without signs: a start may take a sum out of int32 for a while and back */
        uint32_t sum = constants[i % LANES] + (uint32_t)r->conv->acts.step * counts_of[i];
        if (start) sum += (uint32_t)start[f + i];
        sums[i] = (int32_t)sum;
    }
    const lb_conv_output *out = &r->span->out;
    const size_t filters = r->conv->filters;
    if (out->sums) {
        memcpy(out->sums + pixel * filters + f, sums, n * sizeof *sums);
    } else {
        uint8_t *codes = out->codes + pixel * lb_map_pixel_bytes(out->thresholds->bits, filters);
        lb_conv_threshold(out->thresholds, filters, f, f + n, sums, codes);
    }
}

static lb_popcount_plan plan_of(const lb_int_conv *conv)
{
    return lb_popcount_plan_of(conv, 1, 1, false);
}

static void run_row(const lb_int_conv *conv, const void *packed, const lb_conv_span *span)
{
    row_run r = {.conv = conv, .span = span, .plan = plan_of(conv), .packed = packed};
    r.shape = tree_shape_of(conv, &r.plan);
    for (size_t x = 0; x < span->pixels; x++) {
        for (size_t f = span->filter_begin; f < span->filter_end; f += LB_CONV_BLOCK) {
            const size_t left = span->filter_end - f,
                         n = left < LB_CONV_BLOCK ? left : LB_CONV_BLOCK;
            lanes all[LB_CONV_BLOCK / LANES] = {0};
            for (size_t p = 0; p < (size_t)conv->acts.bits; p++)
                count_pixel(&r, p, x, f, f + n, all);
            put_pixel(&r, x, f, n, all);
        }
    }
}

static bool supports(const lb_int_conv *conv, const char **why)
{
    const lb_popcount_plan plan = plan_of(conv);
    return lb_popcount_supports(conv, &plan, WORDS_MAX, why);
}

/* Measured on 3x3 windows of 16 to 512 channels: what a word and a window cost for two filters. */
static double cost(const lb_int_conv *conv)
{
    const lb_popcount_plan plan = plan_of(conv);
    const double word = conv->weights == LB_WEIGHTS_TERNARY ? 0.67 : 0.56, planes = conv->acts.bits;
    const double blocks = (double)((conv->filters + LANES - 1) / LANES);
    const double pixel =
        blocks * (planes * (word * (double)plan.words + 8.0) + 3.0) + 20.0 * planes;
    return pixel / (double)(conv->filters * conv->kh * conv->kw * conv->in_c);
}

static size_t weight_bytes(const lb_int_conv *conv)
{
    const lb_popcount_plan plan = plan_of(conv);
    return tree_weight_bytes(conv, &plan, LANES);
}

static void pack(const lb_int_conv *conv, const int16_t *codes, void *packed)
{
    const lb_popcount_plan plan = plan_of(conv);
    tree_pack(conv, &plan, LANES, codes, packed);
}

static size_t row_bytes(const lb_int_conv *conv)
{
    const lb_popcount_plan plan = plan_of(conv);
    return lb_popcount_row_bytes(conv, &plan);
}

static void prepare_row(const lb_int_conv *conv, const void *row, void *prepared)
{
    const lb_popcount_plan plan = plan_of(conv);
    lb_popcount_prepare_row(conv, &plan, row, prepared);
}

const lb_conv_kernel lb_conv_popcount__scalar = {
    .name = "popcount scalar",
    .summary = "bit planes, counted by a tree of adders in plain C",
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
