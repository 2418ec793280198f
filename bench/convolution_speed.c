/* How fast every convolution kernel is on one layer, one thread, one image: packed codes in, packed codes out,
 * preparing of rows, borders and thresholds included; and what this machine could do at most.
 *
 *     convolution_speed OxIxKHxKW@HxW[/STRIDE] W,A [PART OF A KERNEL'S NAME]
 *     convolution_speed limits
 *
 * W is 1 (+-1), t (-1, 0, 1), t95 (the same, 95 % zeros; any number) or 2 to 8 (odd codes for 2, else two's
 * complement), A is 1 (+-1) to 8 (0 .. 2^A - 1). The padding is half the kernel. A multiply-add is two operations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/random.h"
#include "runtime/conv_run.h"

#include "convolution_limits.h"

enum { RUNS_MAX = 20000, RUNS_MIN = 5, OUT_BITS_MAX = 4 };
static const double seconds_a_kernel = 0.5;

/* A layer and its data. */
typedef struct layer {
    lb_int_conv conv;
    size_t zeros; /* percent of ternary weights; 0: a third */
    int16_t *weights;
    uint8_t *map;
    lb_thresholds thresholds;
    lb_arena arena;
} layer;

/* ---- the command line ---- */

/* Reads the numbers of `text`, divided as in `form`, whose '#' stand for numbers. */
static bool read_numbers(const char *text, const char *form, size_t *numbers)
{
    for (; *form; form++) {
        if (*form != '#') {
            if (*text++ != *form) return false;
            continue;
        }
        char *end;
        const long n = strtol(text, &end, 10);
        if (end == text || n < 1 || n > 1 << 20) return false;
        *numbers++ = (size_t)n;
        text = end;
    }
    return *text == '\0';
}

/* The bits "W,A". */
static bool read_bits(const char *text, lb_int_conv *c, size_t *zeros)
{
    size_t n[2] = {0, 0};
    c->weights = text[0] == 't'   ? LB_WEIGHTS_TERNARY
                 : text[0] == '1' ? LB_WEIGHTS_BINARY
                                  : LB_WEIGHTS_INTEGER;
    c->weight_bits = text[0] == 't' ? 2 : text[0] - '0';
    c->max_weight = c->weights != LB_WEIGHTS_INTEGER ? 1
                    : c->weight_bits == 2            ? 3
                                                     : 1 << (c->weight_bits - 1);
    if (c->weight_bits < 1 || c->weight_bits > 8) return false;
    if (text[0] == 't' && read_numbers(text + 1, "#,#", n)) {
        *zeros = n[0];
    } else if (!read_numbers(text + 1, ",#", n + 1)) {
        return false;
    }
    if (n[1] > 8 || *zeros > 99) return false;
    c->acts = n[1] == 1 ? (lb_code_grid){1, 1, -2} : (lb_code_grid){(int)n[1], 0, 1};
    return true;
}

static bool read_layer(const char *shape, const char *bits, lb_int_conv *c, size_t *zeros)
{
    size_t n[7] = {0};
    n[6] = 1;
    if (!read_numbers(shape, "#x#x#x#@#x#", n) && !read_numbers(shape, "#x#x#x#@#x#/#", n))
        return false;
    *c = (lb_int_conv){.filters = n[0],
                       .in_c = n[1],
                       .kh = n[2],
                       .kw = n[3],
                       .in_h = n[4],
                       .in_w = n[5],
                       .groups = 1,
                       .terms = 1,
                       .stride = n[6],
                       .pad_top = n[2] / 2,
                       .pad_left = n[3] / 2};
    if (n[2] == n[4] && n[3] == n[5]) c->pad_top = c->pad_left = 0; /* a linear layer */
    if (c->in_h + 2 * c->pad_top < c->kh || c->in_w + 2 * c->pad_left < c->kw) return false;
    c->out_h = (c->in_h + 2 * c->pad_top - c->kh) / c->stride + 1;
    c->out_w = (c->in_w + 2 * c->pad_left - c->kw) / c->stride + 1;
    return read_bits(bits, c, zeros);
}

/* ---- data ---- */

static int16_t random_code(const lb_int_conv *c, size_t zeros, lb_random *r)
{
    const int n = 1 << c->weight_bits, field = (int)lb_random_below(r, (uint64_t)n);
    if (c->weights == LB_WEIGHTS_TERNARY && zeros == 0) return (int16_t)(field % 3 - 1);
    if (c->weights == LB_WEIGHTS_TERNARY)
        return (int16_t)(lb_random_below(r, 100) < zeros ? 0 : field % 2 * 2 - 1);
    return (int16_t)(c->max_weight < n / 2 + 1 && n > 2 ? field - n / 2 : 2 * field - (n - 1));
}

/* Thresholds about 0 for the first channel, further off for each next one. */
static lb_status make_thresholds(layer *l)
{
    const lb_int_conv *c = &l->conv;
    lb_thresholds *t = &l->thresholds;
    t->bits = c->acts.bits < OUT_BITS_MAX ? c->acts.bits : OUT_BITS_MAX;
    t->bytes = sizeof(int32_t);
    const int levels = (1 << t->bits) - 1;
    const int step =
        1 + (int)(c->in_c * c->kh * c->kw) * c->max_weight * lb_grid_high(c->acts) / 40 / levels;
    int32_t *at = NULL;
    uint8_t *falls = NULL;
    LB_TRY(lb_arena_alloc(&l->arena, c->filters, (size_t)levels * sizeof *at, "thresholds",
                          (void **)&at));
    LB_TRY(lb_arena_alloc(&l->arena, (c->filters + 7) / 8, 1, "thresholds", (void **)&falls));
    for (size_t f = 0; f < c->filters; f++) {
        for (int j = 0; j < levels; j++)
            at[f * (size_t)levels + (size_t)j] = step * (j - levels / 2) + (int)(f % 16);
        if (f % 5 == 4) falls[f / 8] |= (uint8_t)(1u << f % 8);
    }
    t->at = at;
    t->falls = falls;
    return LB_OK;
}

static lb_status make_data(layer *l)
{
    lb_int_conv *c = &l->conv;
    const size_t pixels = c->in_h * c->in_w, n = pixels * c->in_c;
    const size_t n_weights = c->filters * c->kh * c->kw * c->in_c;
    lb_random r = lb_random_at(1, LB_RANDOM_TEST, 0, 0);
    uint8_t *fields = NULL;
    LB_TRY(
        lb_arena_alloc(&l->arena, n_weights, sizeof *l->weights, "weights", (void **)&l->weights));
    LB_TRY(lb_arena_alloc(&l->arena, n, 1, "fields", (void **)&fields));
    LB_TRY(lb_arena_alloc(&l->arena, pixels, lb_map_pixel_bytes(c->acts.bits, c->in_c), "map",
                          (void **)&l->map));
    for (size_t i = 0; i < n_weights; i++) {
        l->weights[i] = random_code(c, l->zeros, &r);
        c->nonzero += c->weights == LB_WEIGHTS_TERNARY && l->weights[i] != 0;
    }
    for (size_t i = 0; i < n; i++)
        fields[i] = (uint8_t)lb_random_below(&r, (uint64_t)1 << c->acts.bits);
    lb_map_row_pack(c->acts.bits, c->in_c, pixels, fields, l->map);
    return make_thresholds(l);
}

/* ---- timing ---- */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Runs until the time is over; the median and the least seconds of a run. */
static void time_job(const lb_conv_job *job, double *median, double *least)
{
    static double seconds[RUNS_MAX];
    size_t n = 0;
    lb_conv_run(job);
    const double end = lb_seconds() + seconds_a_kernel;
    while (n < RUNS_MIN || (n < RUNS_MAX && lb_seconds() < end)) {
        const double start = lb_seconds();
        lb_conv_run(job);
        seconds[n++] = lb_seconds() - start;
    }
    qsort(seconds, n, sizeof *seconds, by_value);
    *median = seconds[n / 2];
    *least = seconds[0];
}

static uint64_t fingerprint(const uint8_t *bytes, size_t n)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < n; i++) hash = (hash ^ bytes[i]) * 1099511628211u;
    return hash;
}

/* Ends the line: the share of what the kernel's road could do, by measure_limit: a table is looked up once a
 * plane of the weights, bits are counted once for each pair of planes. */
static void print_fraction(const lb_int_conv *c, const char *kernel, double gops)
{
    const limit *road = limit_of(kernel, c->acts.bits);
    if (!road) {
        printf("\n");
        return;
    }
    double passes = 1.0;
    if (strncmp(kernel, "int8", 4) != 0) passes = c->weight_bits;
    if (strncmp(kernel, "popcount", 8) == 0) passes *= c->acts.bits;
    printf(" %8.0f%%\n", 100.0 * gops * passes / measure_limit(road));
}

/* One kernel. *print: of its output, to compare kernels by. */
static lb_status time_kernel(const layer *l, const lb_conv_kernel *kernel, uint64_t *print)
{
    const lb_int_conv *c = &l->conv;
    const size_t size = c->kh * c->kw * c->in_c;
    const lb_conv_array array = {l->weights, size};
    const lb_conv_source source = {lb_conv_read_array, &array};
    const size_t out_bytes =
        c->out_h * c->out_w * lb_map_pixel_bytes(l->thresholds.bits, c->filters);
    lb_arena arena = {0};
    lb_conv_plan plan;
    lb_conv_job job = {.plan = &plan, .in = l->map, .row_end = c->out_h, .filter_end = c->filters};
    lb_status status =
        lb_conv_plan_create(c, kernel, lb_cpu_isa(), &l->thresholds, &source, &arena, &plan);
    if (status == LB_OK) status = lb_arena_alloc(&arena, out_bytes, 1, "output", &job.out);
    if (status == LB_OK)
        status = lb_arena_alloc(&arena, plan.scratch_bytes, 1, "scratch", &job.scratch);
    if (status == LB_OK) {
        double median, least;
        time_job(&job, &median, &least);
        const double macs = (double)(size * c->filters * c->out_h * c->out_w);
        *print = fingerprint(job.out, out_bytes);
        printf("%-22s %9.4f %9.4f %8.1f %8.1f %9.5f %9.5f", kernel->name, 1e3 * median, 1e3 * least,
               2e-9 * macs / median, 2e-9 * macs / least, 1e9 * median / macs, kernel->cost(c));
        print_fraction(c, kernel->name, 2e-9 * macs / median);
    }
    lb_arena_release(&arena);
    return status;
}

static lb_status time_kernels(const layer *l, const char *name)
{
    uint64_t first = 0, print = 0;
    printf("%-22s %9s %9s %8s %8s %9s %9s %9s\n", "kernel", "median ms", "least ms", "Gop/s",
           "at best", "ns/MAC", "its guess", "of limit");
    for (size_t k = 0; lb_conv_kernels[k]; k++) {
        const lb_conv_kernel *kernel = lb_conv_kernels[k];
        const char *why;
        if (name && !strstr(kernel->name, name)) continue;
        if ((kernel->isa & lb_cpu_isa()) != kernel->isa) continue;
        if (!kernel->supports(&l->conv, &why)) {
            printf("%-22s %s\n", kernel->name, why);
            continue;
        }
        LB_TRY(time_kernel(l, kernel, &print));
        if (first == 0) first = print;
        if (print != first) return lb_fail(LB_E_SHAPE, "%s gives other codes", kernel->name);
    }
    return LB_OK;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "limits") == 0) {
        print_limits();
        return 0;
    }
    layer l = {0};
    if (argc < 3 || argc > 4 || !read_layer(argv[1], argv[2], &l.conv, &l.zeros)) {
        fprintf(stderr, "usage: convolution_speed OxIxKHxKW@HxW[/STRIDE] W,A [KERNEL]\n"
                        "       convolution_speed limits\n");
        return 2;
    }
    lb_status status = make_data(&l);
    if (status == LB_OK) status = time_kernels(&l, argc > 3 ? argv[3] : NULL);
    if (status != LB_OK) fprintf(stderr, "convolution_speed: %s\n", lb_error());
    lb_arena_release(&l.arena);
    return status == LB_OK ? 0 : 1;
}
