/* Convolutions with float sums over sparse ternary weights, every variant, against the dense ones: the same bits, over
 * random shapes, strides, paddings, groups, terms and densities, zeros of both signs, infinities and NaN. */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/random.h"
#include "runtime/float_conv.h"
#include "runtime/sparse_conv.h"
#include "support/support.h"

enum { CASES = 1500, MACS_MAX = 300000, FILTERS_AT_ONCE = 64 };

typedef struct example {
    uint64_t seed;
    lb_int_layer layer;
    lb_int_map in;
    size_t filters, filter_size, nonzero;
    int16_t *codes; /* [filters][filter size] */
    float *map, *wanted;
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

static bool one_in(lb_random *r, uint64_t n)
{
    return lb_random_below(r, n) == 0;
}

/* ---- random layers ---- */

/* The window is the map; many outputs now and then, so that lists have several blocks. */
static void random_linear(lb_random *r, lb_shape in, lb_int_layer *l)
{
    const size_t most = MACS_MAX / (in.c * in.h * in.w);
    l->window = (lb_window){.kh = in.h, .kw = in.w, .stride = 1};
    l->map.shape = (lb_shape){between(r, 1, most < 5000 ? most : 5000), 1, 1};
}

static void random_window(lb_random *r, lb_shape in, lb_int_layer *l)
{
    lb_window *w = &l->window;
    w->kh = between(r, 1, 4);
    w->kw = between(r, 1, 4);
    w->stride = between(r, 1, one_in(r, 5) ? 9 : 3);
    w->pad_top = between(r, 0, w->kh);
    w->pad_left = between(r, 0, w->kw);
    l->map.shape.h = between(r, 1, (in.h + w->pad_top) / w->stride + 1);
    l->map.shape.w = between(r, 1, (in.w + w->pad_left) / w->stride + 1);
    l->map.shape.c = between(r, 1, 80);
}

static void random_layer(lb_random *r, example *e)
{
    lb_int_layer *l = &e->layer;
    lb_shape *in = &e->in.shape;
    do {
        *l = (lb_int_layer){.op = LB_INT_CONV, .groups = 1};
        *in =
            (lb_shape){between(r, 1, 40), between(r, 1, 9), between(r, 1, one_in(r, 4) ? 150 : 20)};
        if (one_in(r, 4))
            random_linear(r, *in, l);
        else
            random_window(r, *in, l);
        if (one_in(r, 5)) {
            l->groups = between(r, 2, 3);
            in->c = l->groups * between(r, 1, 9);
            l->map.shape.c = l->groups * between(r, 1, 9);
        }
        l->weights.terms = one_in(r, 4) ? 2 : 1;
        e->filters = l->weights.terms * l->map.shape.c;
        e->filter_size = l->window.kh * l->window.kw * (in->c / l->groups);
    } while (e->filters * e->filter_size * l->map.shape.h * l->map.shape.w > MACS_MAX);
    l->weights.storage = LB_STORED_TERNARY;
    l->weights.count = l->map.shape.c * e->filter_size;
}

static float random_input(lb_random *r, bool special)
{
    static const float values[] = {INFINITY, -INFINITY, NAN};
    if (special && one_in(r, 30)) return values[lb_random_below(r, 3)];
    if (one_in(r, 3)) return one_in(r, 2) ? 0.0f : -0.0f;
    return lb_random_normal(r);
}

static void read_codes(const void *user, size_t first, size_t n, int16_t *codes)
{
    const example *e = user;
    memcpy(codes, e->codes + first * e->filter_size, n * e->filter_size * sizeof *codes);
}

static void read_floats(const void *user, size_t filter, float *weights)
{
    const example *e = user;
    for (size_t i = 0; i < e->filter_size; i++)
        weights[i] = (float)e->codes[filter * e->filter_size + i];
}

static size_t map_values(lb_shape s)
{
    return s.c * s.h * s.w;
}

static void run_dense(example *e)
{
    const lb_shape out = e->layer.map.shape;
    lb_arena arena = {0};
    lb_float_conv conv;
    assert_ok(lb_float_conv_create(&e->layer, &e->in, lb_f32_dot_select(0)->fn, read_floats, e,
                                   &arena, &conv));
    char *scratch = zeroed(conv.scratch_bytes, 1);
    lb_float_conv_state state = lb_float_conv_begin(&conv, e->map, scratch);
    for (size_t row = 0; row < out.h; row++)
        lb_float_conv_row(&state, row, 0, e->filters, e->wanted + row * out.w * e->filters);
    lb_free(scratch);
    lb_arena_release(&arena);
}

static example random_example(uint64_t seed)
{
    lb_random r = lb_random_at(seed, LB_RANDOM_TEST, 21, 0);
    example e = {.seed = seed};
    random_layer(&r, &e);
    const bool special = one_in(&r, 3);
    const uint64_t density = lb_random_below(&r, 101);
    const size_t weights = e.filters * e.filter_size, values = map_values(e.in.shape);
    e.codes = zeroed(weights, sizeof *e.codes);
    for (size_t i = 0; i < weights; i++) {
        const bool zero = lb_random_below(&r, 100) >= density;
        e.codes[i] = (int16_t)(zero ? 0 : 1 - 2 * (int)lb_random_below(&r, 2));
        e.nonzero += !zero;
    }
    e.map = zeroed(values, sizeof *e.map);
    for (size_t i = 0; i < values; i++) e.map[i] = random_input(&r, special);
    e.wanted = zeroed(map_values(e.layer.map.shape) * e.layer.weights.terms, sizeof *e.wanted);
    run_dense(&e);
    return e;
}

static void release(example *e)
{
    lb_free(e->codes);
    lb_free(e->map);
    lb_free(e->wanted);
}

/* ---- running ---- */

/* Rows [begin, end), as one thread runs them; filters in parts where asked. */
static void run_rows(const lb_sparse_conv *conv, const example *e, size_t begin, size_t end,
                     size_t at_once, float *y)
{
    for (size_t f = 0; f < e->filters; f += at_once) {
        const size_t last = e->filters - f < at_once ? e->filters : f + at_once;
        char *scratch = zeroed(conv->scratch_bytes + 1, 1);
        lb_sparse_conv_state state = lb_sparse_conv_begin(conv, e->map, scratch);
        for (size_t row = begin; row < end; row++)
            lb_sparse_conv_row(&state, row, f, last, y + row * conv->out.w * e->filters);
        lb_free(scratch);
    }
}

/* The same bits; of a NaN, that it is one. */
static void compare(const example *e, const char *variant, const float *got)
{
    const lb_int_layer *l = &e->layer;
    const size_t n = map_values(l->map.shape) * l->weights.terms;
    for (size_t i = 0; i < n; i++) {
        if (isnan(got[i]) && isnan(e->wanted[i])) continue;
        if (memcmp(&got[i], &e->wanted[i], sizeof *got) == 0) continue;
        fail_msg("case %llu, %s: pixel %zu, filter %zu: %a, wanted %a (%zux%zux%zu to %zux%zux%zu, "
                 "window %zux%zu, stride %zu, padding %zu,%zu, groups %zu, terms %zu)",
                 (unsigned long long)e->seed, variant, i / e->filters, i % e->filters,
                 (double)got[i], (double)e->wanted[i], e->in.shape.c, e->in.shape.h, e->in.shape.w,
                 l->map.shape.c, l->map.shape.h, l->map.shape.w, l->window.kh, l->window.kw,
                 l->window.stride, l->window.pad_top, l->window.pad_left, l->groups,
                 l->weights.terms);
    }
}

static void check(const example *e, const lb_sparse_rows_variant *variant)
{
    const lb_conv_source source = {read_codes, e};
    const size_t rows = e->layer.map.shape.h, n = rows * e->layer.map.shape.w * e->filters;
    lb_arena arena = {0};
    lb_sparse_conv conv;
    assert_ok(lb_sparse_conv_create(&e->layer, e->in.shape, e->nonzero, variant->isa, &source,
                                    &arena, &conv));
    assert_true(lb_sparse_conv_is(&conv));
    if (!conv.lists) assert_ptr_equal(conv.sum_row, variant->fn);
    float *y = zeroed(n, sizeof *y);
    run_rows(&conv, e, 0, rows, e->filters, y);
    compare(e, variant->name, y);
    memset(y, 0x5a, n * sizeof *y);
    run_rows(&conv, e, 0, rows / 2, FILTERS_AT_ONCE, y);
    run_rows(&conv, e, rows / 2, rows, FILTERS_AT_ONCE, y);
    compare(e, variant->name, y);
    lb_free(y);
    lb_arena_release(&arena);
}

/* A window sees no more of a row for a larger stride: it takes no more memory. */
static void test_columns_that_no_window_sees_take_no_memory(void **state)
{
    (void)state;
    const size_t strides[] = {3, 30000};
    size_t scratch[2];
    int16_t codes[12] = {1};
    for (size_t i = 0; i < 2; i++) {
        example e = {.filter_size = 12, .codes = codes};
        e.layer =
            (lb_int_layer){.op = LB_INT_CONV,
                           .groups = 1,
                           .map = {.shape = {1, 1, 3}},
                           .window = {.kh = 2, .kw = 3, .stride = strides[i]},
                           .weights = {.storage = LB_STORED_TERNARY, .count = 12, .terms = 1}};
        const lb_conv_source source = {read_codes, &e};
        const lb_shape in = {2, 2, 2 * strides[i] + 3};
        lb_arena arena = {0};
        lb_sparse_conv conv;
        assert_ok(lb_sparse_conv_create(&e.layer, in, 1, lb_cpu_isa(), &source, &arena, &conv));
        scratch[i] = conv.scratch_bytes;
        lb_arena_release(&arena);
    }
    assert_int_equal(scratch[0], scratch[1]);
}

static void test_sparse_sums_are_the_dense_ones(void **state)
{
    (void)state;
    size_t special = 0, by_input = 0;
    for (uint64_t seed = 0; seed < CASES; seed++) {
        example e = random_example(seed);
        for (size_t v = 0; v < lb_n_sparse_rows_variants; v++) {
            const lb_sparse_rows_variant *variant = &lb_sparse_rows_variants[v];
            if ((variant->isa & lb_cpu_isa()) == variant->isa) check(&e, variant);
        }
        size_t nans = 0;
        for (size_t i = 0; i < map_values(e.layer.map.shape); i++) nans += isnan(e.wanted[i]) != 0;
        special += nans > 0;
        by_input += e.layer.window.kh == e.in.shape.h && e.layer.map.shape.h == 1;
        release(&e);
    }
    assert_true(special > CASES / 10);
    assert_true(by_input > CASES / 10);
}

/* Worked by hand: x = (2, -0, 3), weights (+1, 0, -1), (0, +1, 0), (-1, 0, +1). */
static void test_by_hand(void **state)
{
    (void)state;
    static int16_t codes[] = {1, 0, -1, 0, 1, 0, -1, 0, 1};
    static float map[] = {2.0f, -0.0f, 3.0f};
    example e = {.filters = 3, .filter_size = 3, .nonzero = 5, .codes = codes, .map = map};
    e.in.shape = (lb_shape){3, 1, 1};
    e.layer = (lb_int_layer){.op = LB_INT_CONV, .groups = 1, .window = {1, 1, 1, 0, 0, 0, 0}};
    e.layer.map.shape = (lb_shape){3, 1, 1};
    e.layer.weights.terms = 1;
    float wanted[] = {-1.0f, 0.0f, 1.0f};
    e.wanted = wanted;
    check(&e, lb_sparse_rows_select(0));
    map[1] = INFINITY; /* times 0 */
    wanted[0] = wanted[2] = NAN;
    wanted[1] = INFINITY;
    check(&e, lb_sparse_rows_select(0));
}

static lb_status create(void *user)
{
    const example *e = user;
    const lb_conv_source source = {read_codes, e};
    lb_arena arena = {0};
    lb_sparse_conv conv;
    const lb_status status =
        lb_sparse_conv_create(&e->layer, e->in.shape, e->nonzero, 0, &source, &arena, &conv);
    lb_arena_release(&arena);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        example e = random_example(seed);
        lb_test_every_allocation_failure(create, &e);
        release(&e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sparse_sums_are_the_dense_ones),
        cmocka_unit_test(test_columns_that_no_window_sees_take_no_memory),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
