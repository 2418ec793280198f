/* How fast float sums over sparse ternary weights are beside dense ones, and from which share of zeros on: one layer,
 * one thread, one image, sums only. Both run in turns, so that other programs on the machine slow both.
 *
 *     sparse_speed OUT IN                       a fully connected layer
 *     sparse_speed OUT IN SIZE HEIGHT WIDTH     a convolution of SIZE x SIZE, padded by half of it
 *
 * Prints for several shares of zeros the medians of both and of the turns' ratios. A third of the inputs is zero. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/random.h"
#include "runtime/float_conv.h"
#include "runtime/sparse_conv.h"

enum { TURNS = 31 };

typedef struct bench {
    lb_int_layer layer;
    lb_int_map in;
    size_t filter_size;
    int16_t *codes;
    float *map, *dense_sums, *sparse_sums;
    lb_arena arena;
} bench;

static void read_codes(const void *user, size_t first, size_t n, int16_t *codes)
{
    const bench *b = user;
    memcpy(codes, b->codes + first * b->filter_size, n * b->filter_size * sizeof *codes);
}

static void read_floats(const void *user, size_t filter, float *weights)
{
    const bench *b = user;
    for (size_t i = 0; i < b->filter_size; i++)
        weights[i] = (float)b->codes[filter * b->filter_size + i];
}

static void make_layer(const size_t *n, bench *b)
{
    const size_t size = n[2], pad = size / 2;
    b->in.shape = (lb_shape){n[1], n[3], n[4]};
    b->layer = (lb_int_layer){.op = LB_INT_CONV, .groups = 1};
    b->layer.map.shape = (lb_shape){n[0], n[3], n[4]};
    b->layer.window =
        (lb_window){.kh = size, .kw = size, .stride = 1, .pad_top = pad, .pad_left = pad};
    b->filter_size = n[1] * size * size;
    b->layer.weights.storage = LB_STORED_TERNARY;
    b->layer.weights.terms = 1;
    b->layer.weights.count = n[0] * b->filter_size;
}

static lb_status allocate(bench *b)
{
    const lb_shape in = b->in.shape, out = b->layer.map.shape;
    const size_t sums = out.c * out.h * out.w, values = in.c * in.h * in.w;
    LB_TRY(lb_arena_alloc(&b->arena, b->layer.weights.count, sizeof *b->codes, "codes",
                          (void **)&b->codes));
    LB_TRY(lb_arena_alloc(&b->arena, values, sizeof *b->map, "map", (void **)&b->map));
    LB_TRY(lb_arena_alloc(&b->arena, sums, sizeof(float), "sums", (void **)&b->dense_sums));
    return lb_arena_alloc(&b->arena, sums, sizeof(float), "sums", (void **)&b->sparse_sums);
}

static size_t fill(bench *b, uint64_t zeros)
{
    lb_random r = lb_random_at(1, LB_RANDOM_TEST, 0, 0);
    const lb_shape in = b->in.shape;
    size_t nonzero = 0;
    for (size_t i = 0; i < in.c * in.h * in.w; i++)
        b->map[i] = lb_random_below(&r, 3) == 0 ? 0.0f : lb_random_normal(&r);
    for (size_t i = 0; i < b->layer.weights.count; i++) {
        const bool zero = lb_random_below(&r, 1000) < zeros;
        b->codes[i] = (int16_t)(zero ? 0 : 1 - 2 * (int)lb_random_below(&r, 2));
        nonzero += !zero;
    }
    return nonzero;
}

static double time_dense(const lb_float_conv *conv, const bench *b, void *scratch)
{
    const lb_shape out = b->layer.map.shape;
    const double start = lb_seconds();
    lb_float_conv_state state = lb_float_conv_begin(conv, b->map, scratch);
    for (size_t row = 0; row < out.h; row++)
        lb_float_conv_row(&state, row, 0, out.c, b->dense_sums + row * out.w * out.c);
    return lb_seconds() - start;
}

static double time_sparse(const lb_sparse_conv *conv, const bench *b, void *scratch)
{
    const lb_shape out = b->layer.map.shape;
    const double start = lb_seconds();
    lb_sparse_conv_state state = lb_sparse_conv_begin(conv, b->map, scratch);
    for (size_t row = 0; row < out.h; row++)
        lb_sparse_conv_row(&state, row, 0, out.c, b->sparse_sums + row * out.w * out.c);
    return lb_seconds() - start;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, TURNS, sizeof *values, by_value);
    return values[TURNS / 2];
}

static void print_turns(const bench *b, uint64_t zeros, const lb_float_conv *dense,
                        const lb_sparse_conv *sparse, void *scratch)
{
    double of_dense[TURNS], of_sparse[TURNS], ratio[TURNS];
    (void)time_dense(dense, b, scratch);
    (void)time_sparse(sparse, b, scratch);
    for (int i = 0; i < TURNS; i++) {
        of_dense[i] = time_dense(dense, b, scratch);
        of_sparse[i] = time_sparse(sparse, b, scratch);
        ratio[i] = of_dense[i] / of_sparse[i];
    }
    printf("%7.1f %10.4f %10.4f %8.2f %10zu %10zu\n", (double)zeros / 10.0, 1e3 * median(of_dense),
           1e3 * median(of_sparse), median(ratio), dense->bytes, sparse->bytes);
}

static lb_status compare(bench *b, uint64_t zeros)
{
    const lb_conv_source source = {read_codes, b};
    const size_t nonzero = fill(b, zeros);
    const lb_shape out = b->layer.map.shape;
    const unsigned isa = lb_cpu_isa();
    lb_arena arena = {0};
    lb_float_conv dense;
    lb_sparse_conv sparse = {0};
    void *scratch = NULL;
    lb_status status = lb_float_conv_create(&b->layer, &b->in, lb_f32_dot_select(isa)->fn,
                                            read_floats, b, &arena, &dense);
    if (status == LB_OK)
        status =
            lb_sparse_conv_create(&b->layer, b->in.shape, nonzero, isa, &source, &arena, &sparse);
    if (status == LB_OK)
        status = lb_arena_alloc(&arena, dense.scratch_bytes + sparse.scratch_bytes + 1, 1,
                                "scratch", &scratch);
    if (status == LB_OK) {
        print_turns(b, zeros, &dense, &sparse, scratch);
        if (memcmp(b->dense_sums, b->sparse_sums, out.c * out.h * out.w * sizeof(float)) != 0)
            status = lb_fail(LB_E_SHAPE, "the sums differ");
    }
    lb_arena_release(&arena);
    return status;
}

int main(int argc, char **argv)
{
    static const uint64_t zeros[] = {330, 500, 600, 700, 800, 900, 950, 980, 990}; /* of 1000 */
    size_t n[5] = {0, 0, 1, 1, 1};
    bool good = argc == 3 || argc == 6;
    for (int i = 1; i < argc && i <= 5 && good; i++) {
        const long value = strtol(argv[i], NULL, 10);
        good = value >= 1 && value <= 1 << 16;
        n[i - 1] = good ? (size_t)value : 0;
    }
    if (!good) {
        fprintf(stderr, "usage: sparse_speed OUT IN [SIZE HEIGHT WIDTH]\n");
        return 2;
    }
    bench b = {0};
    make_layer(n, &b);
    lb_status status = allocate(&b);
    printf("%7s %10s %10s %8s %10s %10s\n", "zeros %", "dense ms", "sparse ms", "ratio", "dense B",
           "sparse B");
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros && status == LB_OK; i++)
        status = compare(&b, zeros[i]);
    if (status != LB_OK) fprintf(stderr, "sparse_speed: %s\n", lb_error());
    lb_arena_release(&b.arena);
    return status == LB_OK ? 0 : 1;
}
