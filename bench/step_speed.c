/* How fast training steps are, and where their time goes.
 *
 *   step_speed MODEL METHOD [W A [THREADS [BATCH [SECONDS]]]]
 *
 * MODEL any of `lowbit models`, METHOD any of `lowbit methods`. Steps run on random images, gradients are computed, no
 * optimizer. Prints images/s (median of five repeats) and, from further steps with timers on, the least time the first
 * thread spent in each operation; GFLOP/s are that thread's. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/random.h"
#include "models/model.h"
#include "nn/backend/onednn.h"

typedef struct run {
    lb_net net;
    lb_executor *executor;
    float *images;
    uint16_t *labels;
    uint64_t step;
    size_t batch;
} run;

static const lb_backend *backend;

static lb_status prepare(run *r, char **arguments, int n, int threads)
{
    lb_method_request method = {.method = arguments[1],
                                .w_bits = n > 2 ? (int)strtol(arguments[2], NULL, 10) : -1,
                                .a_bits = n > 3 ? (int)strtol(arguments[3], NULL, 10) : -1,
                                .first = -1,
                                .last = -1,
                                .order = LB_CONV_BN_ACT,
                                .granularity = -1,
                                .quantize_shortcuts = -1,
                                .quantize_last_input = -1,
                                .relu_slope = NAN};
    const lb_model *chosen = NULL;
    LB_TRY(lb_model_choose(arguments[0], &chosen));
    lb_model_request model = {.name = arguments[0],
                              .input = chosen->input.c > 0 ? chosen->input : (lb_shape){1, 28, 28},
                              .classes = chosen->classes,
                              .width_multiplier = 1.0,
                              .loss = LB_LOSS_CROSS_ENTROPY};
    LB_TRY(lb_method_resolve(&method, &model.quant));
    LB_TRY(lb_model_build(&model, &r->net));
    lb_net_initialize(&r->net, chosen->init, 1);
    const lb_executor_options options = {.batch = r->batch, .threads = threads, .seed = 1};
    LB_TRY(backend->create(&r->net, &options, &r->executor));
    const size_t values = r->batch * r->net.input.c * r->net.input.h * r->net.input.w;
    r->images = malloc(values * sizeof *r->images);
    r->labels = malloc(r->batch * sizeof *r->labels);
    if (!r->images || !r->labels) return lb_fail(LB_E_NOMEM, "images");
    lb_random random = lb_random_at(1, LB_RANDOM_TEST, 0, 0);
    for (size_t i = 0; i < values; i++) r->images[i] = lb_random_normal(&random);
    for (size_t i = 0; i < r->batch; i++)
        r->labels[i] = (uint16_t)lb_random_below(&random, (uint32_t)model.classes);
    return LB_OK;
}

static lb_status steps(run *r, size_t n)
{
    lb_step_result result;
    for (size_t i = 0; i < n; i++)
        LB_TRY(backend->train(r->executor, r->images, r->labels, r->step++, &result));
    return LB_OK;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double processor_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static lb_status measure(run *r, double seconds, double *images_per_second, double *processor_ms,
                         size_t *per_repeat)
{
    LB_TRY(steps(r, 3));
    double start = lb_seconds();
    LB_TRY(steps(r, 1));
    const size_t n = 1 + (size_t)(seconds / 5.0 / (lb_seconds() - start));
    double speed[5];
    *processor_ms = 1e30;
    for (int k = 0; k < 5; k++) {
        start = lb_seconds();
        const double busy = processor_seconds();
        LB_TRY(steps(r, n));
        speed[k] = (double)(n * r->batch) / (lb_seconds() - start);
        *processor_ms = fmin(*processor_ms, 1e3 * (processor_seconds() - busy) / (double)n);
    }
    qsort(speed, 5, sizeof *speed, by_value);
    *images_per_second = speed[2];
    *per_repeat = n;
    return LB_OK;
}

static double flops(const run *r, const lb_operation *op)
{
    if (!op->layer) return 0.0;
    const lb_conv *conv = &r->net.nodes[op->node].as.conv;
    const lb_shape out = op->layer->out;
    return 2.0 *
           (double)(out.c * out.h * out.w * (conv->in / conv->groups) * conv->window.kh *
                    conv->window.kw) *
           (double)r->batch;
}

/* The least time over some steps of every operation, of the whole regions and of the weights, in ms: on a busy
 * machine the only figure that says something. */
typedef struct times {
    double *operation, *region, before, after;
} times;

static double least(double a, double b)
{
    return a < b ? a : b;
}

static lb_status take_times(run *r, size_t n, times *t)
{
    lb_executor *e = r->executor;
    t->operation = malloc(e->n_operations * sizeof *t->operation);
    t->region = malloc(e->n_regions * sizeof *t->region);
    if (!t->operation || !t->region) return lb_fail(LB_E_NOMEM, "times");
    for (size_t i = 0; i < e->n_operations; i++) t->operation[i] = INFINITY;
    for (size_t i = 0; i < e->n_regions; i++) t->region[i] = INFINITY;
    t->before = t->after = INFINITY;
    for (size_t k = 0; k < n; k++) {
        lb_onednn_profile(e, true);
        LB_TRY(steps(r, 1));
        for (size_t i = 0; i < e->n_operations; i++) {
            t->operation[i] = least(t->operation[i], 1e3 * e->operations[i].seconds);
        }
        for (size_t i = 0; i < e->n_regions; i++)
            t->region[i] = least(t->region[i], 1e3 * e->regions[i].seconds);
        t->before = least(t->before, 1e3 * e->prepare_seconds);
        t->after = least(t->after, 1e3 * e->finish_seconds);
    }
    return LB_OK;
}

static void print_times(const run *r, const times *t, int threads)
{
    const lb_executor *e = r->executor;
    double total = t->before + t->after, in_operations = 0.0, by_kind[32] = {0};
    for (size_t i = 0; i < e->n_regions; i++) total += t->region[i];
    printf("%-22s %-24s %6s %9s %6s %8s\n", "operation", "node", "region", "ms", "%", "GFLOP/s");
    for (size_t i = 0; i < e->n_operations; i++) {
        const lb_operation *op = &e->operations[i];
        in_operations += t->operation[i];
        by_kind[op->kind] += t->operation[i];
        printf("%-22s %-24s %6d %9.3f %6.1f", lb_operation_name(op->kind),
               r->net.nodes[op->node].name, op->region, t->operation[i],
               100.0 * t->operation[i] / total);
        if (op->layer)
            printf(" %8.0f", flops(r, op) / t->operation[i] / (op->whole ? 1 : threads) * 1e-6);
        printf("\n");
    }
    for (int k = 0; k < 32; k++) {
        if (by_kind[k] > 0.0) {
            printf("all %-43s %15.3f %6.1f\n", lb_operation_name((lb_operation_kind)k), by_kind[k],
                   100.0 * by_kind[k] / total);
        }
    }
    printf(
        "weights before, after: %.3f, %.3f ms; regions beside operations %.3f ms; step %.3f ms\n",
        t->before, t->after, total - t->before - t->after - in_operations, total);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: step_speed MODEL METHOD [W A [THREADS [BATCH [SECONDS]]]]\n");
        return 2;
    }
    backend = lb_backend_find("onednn");
    const int threads = argc > 5 ? (int)strtol(argv[5], NULL, 10) : 2;
    run r = {.batch = argc > 6 ? (size_t)(int)strtol(argv[6], NULL, 10) : 128};
    double speed = 0.0, processor_ms = 0.0;
    size_t n = 0;
    const double start = lb_seconds();
    lb_status status = prepare(&r, argv + 1, argc - 1, threads);
    const double created = lb_seconds() - start;
    if (status == LB_OK)
        status = measure(&r, argc > 7 ? strtod(argv[7], NULL) : 5.0, &speed, &processor_ms, &n);
    if (status != LB_OK) {
        fprintf(stderr, "step_speed: %s\n", lb_error());
        return 1;
    }
    times t = {0};
    status = take_times(&r, 2 * n + 3, &t);
    if (status == LB_OK) print_times(&r, &t, threads);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("processor time: %.3f ms a step, the least of five repeats\n", processor_ms);
    printf("%s %s: %.1f images/s, batch %zu, %d threads; created in %.3f s; executor %.1f MB (maps "
           "%.1f), peak %.1f MB\n",
           argv[1], argv[2], speed, r.batch, threads, created,
           (double)backend->memory_bytes(r.executor) / 1e6, (double)r.executor->maps_bytes / 1e6,
           (double)usage.ru_maxrss / 1e3);
    return status == LB_OK ? 0 : 1;
}
