/* The driver of one convolution, with every kernel that this machine has, against plain loops: borders of
 * grids with and without a zero, thresholds, split rows and filters, weights packed by blocks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/random.h"
#include "runtime/conv_run.h"
#include "runtime/conv_thresholds.h"
#include "support/support.h"

enum { CASES = 400 };

/* One convolution with its data and what plain loops give. */
typedef struct example {
    lb_int_conv conv;
    int16_t *weights; /* [filters][kh][kw][in_c / groups] */
    int *codes;       /* [in_h][in_w][in_c] */
    uint8_t *map;
    int32_t *sums; /* [out_h][out_w][filters] */
    lb_thresholds thresholds;
    int32_t *levels;
    uint8_t *falls;
    uint8_t *wanted; /* the packed output map */
} example;

static void *zeroed(size_t n, size_t size)
{
    void *block = NULL;
    assert_ok(lb_alloc(n, size, "test", &block));
    return block;
}

static size_t between(lb_random *r, size_t low, size_t high)
{
    return low + lb_random_below(r, high - low + 1);
}

/* ---- a random convolution ---- */

static lb_int_conv random_conv(lb_random *r)
{
    static const lb_code_grid grids[] = {{1, 1, -2}, {1, 0, 1},  {2, 0, 1},    {2, -3, 2},
                                         {3, 0, 1},  {4, -8, 1}, {8, -128, 1}, {8, 0, 1}};
    lb_int_conv c = {.groups = 1, .terms = 1, .kh = between(r, 1, 4), .kw = between(r, 1, 4)};
    c.in_c = between(r, 1, 70);
    c.in_h = between(r, 1, 7);
    c.in_w = between(r, 1, 7);
    c.filters = between(r, 1, 200);
    c.stride = between(r, 1, 3);
    c.pad_top = between(r, 0, c.kh);
    c.pad_left = between(r, 0, c.kw);
    const size_t pad_bottom = between(r, 0, 2), pad_right = between(r, 0, 2);
    if (c.in_h + c.pad_top < c.kh) c.pad_top = c.kh - c.in_h;
    if (c.in_w + c.pad_left < c.kw) c.pad_left = c.kw - c.in_w;
    c.out_h = (c.in_h + c.pad_top + pad_bottom - c.kh) / c.stride + 1;
    c.out_w = (c.in_w + c.pad_left + pad_right - c.kw) / c.stride + 1;
    if (lb_random_below(r, 6) == 0) {
        c.groups = between(r, 2, 3);
        c.in_c = c.groups * between(r, 1, 20);
        c.filters = c.groups * between(r, 1, 40);
    } else if (lb_random_below(r, 8) == 0) {
        c.terms = 2;
        c.filters *= 2;
    }
    if (lb_random_below(r, 20) == 0) { /* blocks of any size */
        c.in_c = between(r, 1, 10);
        c.groups = c.terms = 1;
        c.filters = between(r, 1000, 3500);
    }
    c.acts = grids[lb_random_below(r, sizeof grids / sizeof *grids)];
    c.weights = (lb_weight_class)lb_random_below(r, 3);
    c.weight_bits = c.weights == LB_WEIGHTS_BINARY ? 1 : 2;
    c.max_weight = 1;
    if (c.weights == LB_WEIGHTS_INTEGER) {
        c.weight_bits = (int)between(r, 2, 8);
        const bool odd = lb_random_below(r, 2);
        c.max_weight = odd ? (1 << c.weight_bits) - 1 : 1 << (c.weight_bits - 1);
    }
    return c;
}

/* Of the grids -1, +1; -1, 0, 1; odd ones, whose largest code is odd; two's complement. */
static int random_weight(lb_random *r, const lb_int_conv *c)
{
    if (c->weights == LB_WEIGHTS_TERNARY) return (int)lb_random_below(r, 3) - 1;
    const int field = (int)lb_random_below(r, (uint64_t)1 << c->weight_bits);
    return c->max_weight % 2 ? 2 * field - c->max_weight : field - c->max_weight;
}

/* Weights that are not zero, where kernels want to know. */
static size_t nonzero_of(const lb_int_conv *c, const int16_t *weights)
{
    const size_t n = c->filters * c->kh * c->kw * (c->in_c / c->groups);
    size_t nonzero = 0;
    for (size_t i = 0; i < n && c->weights == LB_WEIGHTS_TERNARY; i++) nonzero += weights[i] != 0;
    return nonzero;
}

static void sum_plainly(example *e)
{
    const lb_int_conv *c = &e->conv;
    const size_t channels = c->in_c / c->groups, size = c->kh * c->kw * channels;
    const size_t of_term = c->filters / c->terms;
    for (size_t i = 0; i < c->out_h * c->out_w * c->filters; i++) {
        const size_t f = i % c->filters, x = i / c->filters % c->out_w;
        const size_t y = i / c->filters / c->out_w;
        const size_t first = f % of_term / (of_term / c->groups) * channels;
        int32_t sum = 0;
        for (size_t k = 0; k < size; k++) {
            const long h = (long)(y * c->stride + k / channels / c->kw) - (long)c->pad_top;
            const long w = (long)(x * c->stride + k / channels % c->kw) - (long)c->pad_left;
            if (h < 0 || w < 0 || h >= (long)c->in_h || w >= (long)c->in_w) continue;
            const size_t pixel = (size_t)h * c->in_w + (size_t)w;
            sum += e->weights[f * size + k] * e->codes[pixel * c->in_c + first + k % channels];
        }
        e->sums[i] = sum;
    }
}

/* Thresholds around the sums that occur, and the map they give. */
static void threshold_plainly(example *e, lb_random *r)
{
    const lb_int_conv *c = &e->conv;
    const int bits = (int)between(r, 1, 4);
    const size_t top = ((size_t)1 << bits) - 1, pixels = c->out_h * c->out_w;
    e->levels = zeroed(c->filters * top, sizeof *e->levels);
    e->falls = zeroed((c->filters + 7) / 8, 1);
    for (size_t f = 0; f < c->filters; f++) {
        int32_t level = e->sums[f] - (int32_t)between(r, 0, 30);
        for (size_t j = 0; j < top; j++, level += (int32_t)between(r, 0, 20 / top + 1))
            e->levels[f * top + j] = level;
        if (lb_random_below(r, 2)) e->falls[f / 8] |= (uint8_t)(1u << f % 8);
    }
    e->thresholds = (lb_thresholds){bits, 4, e->levels, e->falls};
    uint8_t *fields = zeroed(pixels * c->filters, 1);
    for (size_t i = 0; i < pixels * c->filters; i++) {
        size_t count = 0;
        for (size_t j = 0; j < top; j++) count += e->levels[i % c->filters * top + j] <= e->sums[i];
        const bool falls = e->falls[i % c->filters / 8] >> i % c->filters % 8 & 1;
        fields[i] = (uint8_t)(falls ? top - count : count);
    }
    e->wanted = zeroed(pixels, lb_map_pixel_bytes(bits, c->filters));
    lb_map_row_pack(bits, c->filters, pixels, fields, e->wanted);
    lb_free(fields);
}

static example random_example(uint64_t seed)
{
    lb_random r = lb_random_at(seed, LB_RANDOM_TEST, 0, 0);
    example e = {.conv = random_conv(&r)};
    const lb_int_conv *c = &e.conv;
    const size_t weights = c->filters * c->kh * c->kw * (c->in_c / c->groups);
    const size_t values = c->in_h * c->in_w * c->in_c;
    e.weights = zeroed(weights, sizeof *e.weights);
    for (size_t i = 0; i < weights; i++) e.weights[i] = (int16_t)random_weight(&r, c);
    e.conv.nonzero = nonzero_of(c, e.weights);
    uint8_t *fields = zeroed(values, 1);
    e.codes = zeroed(values, sizeof *e.codes);
    for (size_t i = 0; i < values; i++) {
        fields[i] = (uint8_t)lb_random_below(&r, (uint64_t)1 << c->acts.bits);
        e.codes[i] = c->acts.offset + c->acts.step * fields[i];
    }
    e.map = zeroed(c->in_h * c->in_w, lb_map_pixel_bytes(c->acts.bits, c->in_c));
    lb_map_row_pack(c->acts.bits, c->in_c, c->in_h * c->in_w, fields, e.map);
    lb_free(fields);
    e.sums = zeroed(c->out_h * c->out_w * c->filters, sizeof *e.sums);
    sum_plainly(&e);
    if (c->terms == 1) threshold_plainly(&e, &r);
    return e;
}

static void release(example *e)
{
    void *blocks[] = {e->weights, e->codes, e->map, e->sums, e->levels, e->falls, e->wanted};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) lb_free(blocks[i]);
}

/* ---- running it ---- */

/* Where finished rows of sums are gathered. */
typedef struct sink {
    const lb_int_conv *conv;
    size_t begin, end; /* filters */
    int32_t *sums;
} sink;

static void keep_rows(void *user, size_t row, size_t rows, const int32_t *sums)
{
    const sink *s = user;
    const size_t filters = s->conv->filters;
    for (size_t x = 0; x < rows * s->conv->out_w; x++)
        memcpy(s->sums + (row * s->conv->out_w + x) * filters + s->begin,
               sums + x * filters + s->begin, (s->end - s->begin) * sizeof *sums);
}

/* All rows and filters in one job, or in four, each with a scratch of exact size. */
static void run_jobs(const lb_conv_plan *plan, const example *e, bool split, int32_t *sums,
                     uint8_t *codes)
{
    const lb_int_conv *c = &plan->conv;
    const size_t row = split ? c->out_h / 2 : c->out_h;
    const size_t filter = split && c->filters > LB_CONV_BLOCK ? LB_CONV_BLOCK : c->filters;
    for (int part = 0; part < 4; part++) {
        sink s = {c, part & 1 ? filter : 0, part & 1 ? c->filters : filter, sums};
        lb_conv_job job = {
            .plan = plan, .in = e->map, .out = codes, .finish = keep_rows, .user = &s};
        job.row_begin = part & 2 ? row : 0;
        job.row_end = part & 2 ? c->out_h : row;
        job.filter_begin = s.begin;
        job.filter_end = s.end;
        if (job.row_begin == job.row_end || job.filter_begin == job.filter_end) continue;
        job.scratch = zeroed(plan->scratch_bytes, 1);
        lb_conv_run(&job);
        lb_free(job.scratch);
    }
}

static void compare(const example *e, const lb_conv_kernel *kernel, uint64_t seed, bool thresholds,
                    bool split)
{
    const lb_int_conv *c = &e->conv;
    const lb_conv_array array = {e->weights, c->kh * c->kw * (c->in_c / c->groups)};
    const lb_conv_source source = {lb_conv_read_array, &array};
    const size_t n = c->out_h * c->out_w;
    lb_arena arena = {0};
    lb_conv_plan plan;
    assert_ok(lb_conv_plan_create(c, kernel, 0, thresholds ? &e->thresholds : NULL, &source, &arena,
                                  &plan));
    const size_t map_bytes = thresholds ? lb_map_pixel_bytes(e->thresholds.bits, c->filters) : 1;
    int32_t *sums = zeroed(n * c->filters, sizeof *sums);
    uint8_t *codes = zeroed(n, map_bytes);
    run_jobs(&plan, e, split, sums, codes);
    const bool same = thresholds ? memcmp(codes, e->wanted, n * map_bytes) == 0
                                 : memcmp(sums, e->sums, n * c->filters * sizeof *sums) == 0;
    if (!same)
        fail_msg("seed %llu, %s: other %s (%zu x %zu x %zu, %zu filters of %zu x %zu, acts %d bits "
                 "from %d, groups %zu, terms %zu, split %d)",
                 (unsigned long long)seed, kernel->name, thresholds ? "codes" : "sums", c->in_c,
                 c->in_h, c->in_w, c->filters, c->kh, c->kw, c->acts.bits, c->acts.offset,
                 c->groups, c->terms, split);
    lb_free(sums);
    lb_free(codes);
    lb_arena_release(&arena);
}

static void test_every_kernel_through_the_driver(void **state)
{
    (void)state;
    size_t runs = 0;
    const unsigned isa = lb_cpu_isa();
    for (uint64_t seed = 0; seed < CASES; seed++) {
        example e = random_example(seed);
        for (const lb_conv_kernel *const *k = lb_conv_kernels; *k; k++) {
            const char *why;
            if (((*k)->isa & isa) != (*k)->isa || !(*k)->supports(&e.conv, &why)) continue;
            compare(&e, *k, seed, false, seed % 2 == 1);
            if (e.conv.terms == 1) compare(&e, *k, seed, true, seed % 2 == 0);
            runs++;
        }
        release(&e);
    }
    assert_true(runs >= CASES); /* the scalar kernel takes every one */
}

/* What a kernel says of its layout: blocks packed alone are those of the whole. */
static void test_blocks_are_packed_as_the_whole(void **state)
{
    (void)state;
    lb_random r = lb_random_at(7, LB_RANDOM_TEST, 0, 0);
    size_t checked = 0;
    for (int i = 0; i < CASES; i++) {
        lb_int_conv c = random_conv(&r);
        if (c.groups > 1 || c.terms > 1) continue;
        c.filters += 2 * LB_CONV_BLOCK;
        const size_t size = c.kh * c.kw * c.in_c;
        int16_t *codes = zeroed(c.filters * size, sizeof *codes);
        for (size_t k = 0; k < c.filters * size; k++) codes[k] = (int16_t)random_weight(&r, &c);
        c.nonzero = nonzero_of(&c, codes);
        for (const lb_conv_kernel *const *k = lb_conv_kernels; *k; k++) {
            const char *why;
            if (!(*k)->by_blocks || !(*k)->supports(&c, &why)) continue;
            if (((*k)->isa & lb_cpu_isa()) != (*k)->isa) continue;
            uint8_t *whole = zeroed((*k)->weight_bytes(&c), 1);
            (*k)->pack(&c, codes, whole);
            const size_t block_filters = (*k)->block_filters ? (*k)->block_filters : LB_CONV_BLOCK;
            size_t at = 0;
            lb_int_conv part = c;
            for (size_t f = 0; f < c.filters; f += part.filters) {
                part.filters = c.filters - f < 2 * block_filters ? c.filters - f : block_filters;
                part.nonzero = nonzero_of(&part, codes + f * size);
                const size_t bytes = (*k)->weight_bytes(&part);
                uint8_t *block = zeroed(bytes, 1);
                (*k)->pack(&part, codes + f * size, block);
                assert_true(at + bytes <= (*k)->weight_bytes(&c));
                if (memcmp(block, whole + at, bytes) != 0)
                    fail_msg("%s: filters from %zu on are packed otherwise alone", (*k)->name, f);
                lb_free(block);
                at += bytes;
                checked++;
            }
            assert_int_equal(at, (*k)->weight_bytes(&c));
            lb_free(whole);
        }
        lb_free(codes);
    }
    if (checked == 0) skip(); /* no kernel here says so */
}

/* Thresholds that stand for a fixed-point product give its fields for every sum. */
static void test_thresholds_of_fixed_point(void **state)
{
    (void)state;
    enum { CHANNELS = 40, LARGEST = 3000 };
    lb_random r = lb_random_at(8, LB_RANDOM_TEST, 0, 0);
    int32_t multiplier[CHANNELS];
    int64_t offset[CHANNELS];
    for (int bits = 1; bits <= 4; bits++) {
        for (size_t c = 0; c < CHANNELS; c++) {
            multiplier[c] = (int32_t)lb_random_below(&r, 20001) - 10000;
            offset[c] = (int64_t)lb_random_below(&r, 1 << 24) - (1 << 23);
        }
        multiplier[0] = 0;
        const lb_fixed_point f = {
            .bits = bits, .shift = 20, .multiplier = multiplier, .offset = offset};
        lb_arena arena = {0};
        lb_thresholds t;
        bool any = false;
        assert_ok(lb_thresholds_of_fixed_point(&f, CHANNELS, LARGEST, &arena, &t, &any));
        assert_true(any);
        for (size_t c = 0; c < CHANNELS; c++)
            for (int32_t sum = -LARGEST; sum <= LARGEST; sum++)
                assert_int_equal(lb_thresholds_field(&t, c, sum), lb_fixed_point_field(&f, c, sum));
        lb_arena_release(&arena);
    }
}

/* With exceptions too, where they keep the codes' order; where not, there are no thresholds. Channel 1 falls in its
 * exceptions alone. */
static void test_thresholds_of_exceptions(void **state)
{
    (void)state;
    enum { CHANNELS = 3, LARGEST = 300 };
    static const int32_t multiplier[CHANNELS] = {1, 0, -1};
    static const int64_t offset[CHANNELS] = {0, 32, 0};
    static const struct {
        lb_fixed_exception list[3];
        size_t n;
        bool any;
    } cases[] = {
        {{{0, 63, 4}, {0, 64, 4}, {2, -65, 4}}, 3, true},
        {{{0, 63, 4}, {0, 64, 3}, {2, -65, 4}}, 3, false}, /* 4 before 3 */
        {{{1, -LARGEST, 3}, {1, 1 - LARGEST, 3}, {1, LARGEST, 1}}, 3, true},
        {{{1, -LARGEST, 3}, {1, 0, 3}, {1, LARGEST, 1}}, 3, false},
        {{{1, -LARGEST, 1}, {1, LARGEST, 3}, {2, 500, 7}}, 3, true}, /* no sum is 500 */
        {{{2, -64, 3}, {2, -63, 4}}, 2, false},
        {{{2, -LARGEST, 0}, {2, LARGEST, 7}}, 2, false}, /* rises from end to end, falls between */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const lb_fixed_point f = {.bits = 4,
                                  .shift = 4,
                                  .multiplier = multiplier,
                                  .offset = offset,
                                  .exceptions = cases[i].list,
                                  .n_exceptions = cases[i].n};
        lb_arena arena = {0};
        lb_thresholds t;
        bool any = !cases[i].any;
        assert_ok(lb_thresholds_of_fixed_point(&f, CHANNELS, LARGEST, &arena, &t, &any));
        if (any != cases[i].any) fail_msg("case %zu: thresholds: %d", i, any);
        for (size_t c = 0; any && c < CHANNELS; c++)
            for (int32_t sum = -LARGEST; sum <= LARGEST; sum++)
                if (lb_thresholds_field(&t, c, sum) != lb_fixed_point_field(&f, c, sum))
                    fail_msg("case %zu: channel %zu, sum %d", i, c, sum);
        lb_arena_release(&arena);
    }
}

static lb_status create(void *user)
{
    const example *e = user;
    const lb_int_conv *c = &e->conv;
    const lb_conv_array array = {e->weights, c->kh * c->kw * (c->in_c / c->groups)};
    const lb_conv_source source = {lb_conv_read_array, &array};
    lb_arena arena = {0};
    lb_conv_plan plan;
    const lb_status status =
        lb_conv_plan_create(c, NULL, lb_cpu_isa(), &e->thresholds, &source, &arena, &plan);
    lb_arena_release(&arena);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    uint64_t seed = 0;
    example e = random_example(seed);
    while (e.conv.terms > 1 || e.conv.pad_top == 0 || lb_grid_has_zero(e.conv.acts)) {
        release(&e);
        e = random_example(++seed);
    }
    lb_test_every_allocation_failure(create, &e);
    release(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kernel_through_the_driver),
        cmocka_unit_test(test_blocks_are_packed_as_the_whole),
        cmocka_unit_test(test_thresholds_of_fixed_point),
        cmocka_unit_test(test_thresholds_of_exceptions),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
