/* The fast training back end: creation, one training step, the table entry. See onednn.h for the design. */
#include "nn/backend/onednn.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"

lb_status lb_executor_alloc(lb_executor *e, size_t count, size_t size, const char *what, void *out)
{
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&e->arena, count, size, what, &block));
    e->bytes += count * size;
    memcpy(out, &block, sizeof block);
    return LB_OK;
}

const char *lb_operation_name(lb_operation_kind kind)
{
    static const char *const names[] = {
#define X(name, text) [LB_OPERATION_##name] = text,
        LB_OPERATION_LIST(X)
#undef X
    };
    return names[kind];
}

lb_status lb_operation_add(lb_executor *e, lb_operation_kind kind, int node, lb_operation **out)
{
    if (e->n_operations == e->operation_capacity) {
        const size_t wanted = e->operation_capacity ? 2 * e->operation_capacity : 256;
        lb_operation *larger = NULL;
        LB_TRY(lb_executor_alloc(e, wanted, sizeof *larger, "operations", &larger));
        if (e->n_operations > 0) memcpy(larger, e->operations, e->n_operations * sizeof *larger);
        e->operations = larger;
        e->operation_capacity = wanted;
    }
    *out = &e->operations[e->n_operations++];
    **out = (lb_operation){.kind = kind,
                           .node = node,
                           .region = (int)e->n_regions - 1,
                           .in = {-1, -1},
                           .out = -1,
                           .aux = -1};
    return LB_OK;
}

void lb_region_next(lb_executor *e)
{
    e->n_regions++; /* there is room: two a node, and a few */
}

/* Regions know their operations once all of them stand. */
static void close_regions(lb_executor *e)
{
    for (size_t r = 0, i = 0; r < e->n_regions; r++) {
        e->regions[r].first = (int)i;
        while (i < e->n_operations && e->operations[i].region == (int)r) i++;
        e->regions[r].end = (int)i;
        e->regions[r].whole =
            (int)i > e->regions[r].first && e->operations[e->regions[r].first].whole;
    }
}

/* ---- creation ---- */

static lb_status allocate_tables(lb_executor *e)
{
    const size_t n = e->net->n_nodes, threads = (size_t)e->options.threads;
    LB_TRY(lb_executor_alloc(e, n, sizeof *e->values, "values", &e->values));
    LB_TRY(lb_executor_alloc(e, n, sizeof *e->layers, "layers", &e->layers));
    LB_TRY(lb_executor_alloc(e, n, sizeof *e->norms, "batch-norms", &e->norms));
    LB_TRY(lb_executor_alloc(e, 2 * n + 8, sizeof *e->regions, "regions", &e->regions));
    LB_TRY(lb_executor_alloc(e, threads, sizeof *e->local, "threads", &e->local));
    LB_TRY(lb_executor_alloc(e, threads, sizeof *e->tiles, "threads", &e->tiles));
    LB_TRY(lb_executor_alloc(e, threads, sizeof *e->scratch, "threads", &e->scratch));
    return lb_executor_alloc(e, threads, sizeof *e->streams, "threads", &e->streams);
}

/* What oneDNN may use follows LOWBIT_ISA; it can be said only before oneDNN's first kernel is made. */
static void find_instruction_sets(lb_executor *e)
{
    const unsigned isa = lb_cpu_isa();
#if defined(LB_ARCH_X86_64)
    if (!(isa & LB_ISA_AVX2))
        (void)dnnl_set_max_cpu_isa(dnnl_cpu_isa_sse41);
    else if (!(isa & LB_ISA_AVX512))
        (void)dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
    enum { VNNI_BIT = dnnl_cpu_isa_avx512_core_vnni & ~dnnl_cpu_isa_avx512_core };
    const unsigned effective = (unsigned)dnnl_get_effective_cpu_isa();
    e->exact_s8 = (effective & VNNI_BIT) != 0 || effective == (unsigned)dnnl_cpu_isa_avx2_vnni;
#endif
    e->exact_u8 = (isa & LB_ISA_AVX2) != 0; /* below that its int8 kernels are not checked here */
    e->kernels = lb_pass_kernels_for(isa);
}

static lb_status start_onednn(lb_executor *e)
{
    find_instruction_sets(e);
    dnnl_status_t status = dnnl_engine_create(&e->engine, dnnl_cpu, 0);
    for (int t = 0; t < e->options.threads && status == dnnl_success; t++) {
        status = dnnl_stream_create(&e->streams[t], e->engine, dnnl_stream_default_flags);
    }
    if (status != dnnl_success)
        return lb_fail(LB_E_UNSUPPORTED, "oneDNN's CPU engine: status %d", (int)status);
    return LB_OK;
}

/* Plain weights on their way to a primitive's layout and back: room for the largest layer in two halves and once
 * more. */
static lb_status allocate_staging(lb_executor *e)
{
    size_t largest = 0;
    for (size_t i = 0; i < e->n_layers; i++) {
        if (e->layers[i].weight_count > largest) largest = e->layers[i].weight_count;
    }
    float *staging = NULL;
    LB_TRY(lb_executor_alloc(e, 3 * largest, sizeof *staging, "weights on their way", &staging));
    for (size_t i = 0; i < e->n_layers; i++) e->layers[i].staging = staging;
    return LB_OK;
}

static lb_status plan_training(lb_executor *e)
{
    const size_t batch = e->options.batch;
    e->group = (batch + LB_LARGEST_STATISTIC - 1) / LB_LARGEST_STATISTIC;
    e->n_groups = (batch + e->group - 1) / e->group;
    e->n_regions = 1;
    LB_TRY(start_onednn(e));
    LB_TRY(lb_forward_plan(e));
    LB_TRY(lb_backward_plan(e));
    close_regions(e);
    LB_TRY(lb_memory_plan(e));
    for (size_t i = 0; i < e->n_layers; i++) LB_TRY(lb_layer_bind(e, &e->layers[i]));
    return allocate_staging(e);
}

static void destroy(lb_executor *e)
{
    if (!e) return;
    lb_evaluator_destroy(e->evaluator);
    for (size_t i = 0; i < e->n_layers; i++) lb_layer_destroy(e, &e->layers[i]);
    for (int t = 0; e->streams && t < e->options.threads; t++) {
        if (e->streams[t]) dnnl_stream_destroy(e->streams[t]);
    }
    if (e->engine) dnnl_engine_destroy(e->engine);
    lb_arena_release(&e->arena);
    lb_free(e);
}

/* What OpenMP is told while a back end is planned or runs, and what it was told before. oneDNN plans a primitive for
 * a number of threads and waits for all of them, so that fewer would wait for ever: OpenMP must not choose. */
typedef struct openmp {
    int threads, dynamic;
} openmp;

static openmp openmp_take(int threads)
{
    const openmp before = {omp_get_max_threads(), omp_get_dynamic()};
    omp_set_dynamic(0);
    omp_set_num_threads(threads);
    return before;
}

static void openmp_give_back(openmp before)
{
    omp_set_num_threads(before.threads);
    omp_set_dynamic(before.dynamic);
}

static lb_status check_threads(int wanted)
{
    int given = 1;
#pragma omp parallel num_threads(wanted)
#pragma omp single
    given = omp_get_num_threads();
    if (given == wanted) return LB_OK;
    return lb_fail(LB_E_ARG,
                   "threads %d: OpenMP gives %d of them (OMP_THREAD_LIMIT or OMP_MAX_ACTIVE_LEVELS "
                   "is set); use --threads %d",
                   wanted, given, given);
}

static lb_status fill(lb_executor *e)
{
    const lb_evaluator_options evaluation = {.batch = e->options.batch,
                                             .threads = e->options.threads,
                                             .mixed = e->options.mixed,
                                             .isa = lb_cpu_isa()};
    LB_TRY(lb_evaluator_create(e->net, &evaluation, &e->evaluator));
    LB_TRY(allocate_tables(e));
    if (e->options.inference) return LB_OK;
    const openmp before = openmp_take(e->options.threads);
    lb_status status = check_threads(e->options.threads);
    if (status == LB_OK) status = plan_training(e);
    openmp_give_back(before);
    return status;
}

static lb_status create(lb_net *net, const lb_executor_options *options, lb_executor **out)
{
    void *block = NULL;
    LB_TRY(lb_alloc(1, sizeof(lb_executor), "an executor", &block));
    lb_executor *e = block;
    e->net = net;
    e->options = *options;
    const lb_status status = fill(e);
    if (status != LB_OK) {
        destroy(e);
        return status;
    }
    *out = e;
    return LB_OK;
}

/* ---- a step ---- */

static void run_loss(lb_executor *e, const lb_operation *op)
{
    const lb_range all = {.count = e->options.batch};
    e->result = lb_loss_distill(e->net->loss, &e->net->distillation, e->options.batch,
                                e->net->classes, lb_buffer_at(e, op->in[0], &all, 0), e->labels,
                                lb_buffer_at(e, op->out, &all, 0));
}

static void run_operation(lb_executor *e, const lb_operation *op, const lb_range *r)
{
    switch (op->kind) {
    case LB_OPERATION_FORWARD:
    case LB_OPERATION_BACKWARD_DATA:
    case LB_OPERATION_BACKWARD_WEIGHTS: lb_layer_run(e, op, r); break;
    case LB_OPERATION_STATISTICS: lb_norm_statistics_run(e, op, r); break;
    case LB_OPERATION_PASS: lb_pass_run(e, op, r); break;
    case LB_OPERATION_LOSS: run_loss(e, op); break;
    default: lb_maps_run(e, op, r); break;
    }
}

/* One thread's share of a region: chunk by chunk through all its operations. Every other region goes backwards, to
 * find the last chunks of the one before still in the cache. */
static void run_share(lb_executor *e, size_t index, int thread, int threads)
{
    const lb_region *region = &e->regions[index];
    const size_t batch = e->options.batch, chunks = (batch + region->chunk - 1) / region->chunk;
    const size_t t = (size_t)thread, n = (size_t)threads;
    const size_t from = (chunks * t + n - 1) / n,
                 to = (chunks * (t + 1) + n - 1) / n; /* the first one has some */
    const bool timed = e->profile && thread == 0;
    for (size_t k = from; k < to; k++) {
        const size_t c = index % 2 == 0 ? k : to - 1 - (k - from);
        const size_t first = c * region->chunk, left = batch - first;
        const lb_range range = {.first = first,
                                .count = left < region->chunk ? left : region->chunk,
                                .chunk_first = first,
                                .thread = thread};
        for (int i = region->first; i < region->end; i++) {
            const double start = timed ? lb_seconds() : 0.0;
            run_operation(e, &e->operations[i], &range);
            if (timed) e->operations[i].seconds += lb_seconds() - start;
        }
    }
}

/* One by one, for all images: by this thread or oneDNN's. */
static void run_whole(lb_executor *e, const lb_region *region)
{
    const lb_range all = {.count = e->options.batch};
    for (int i = region->first; i < region->end; i++) {
        const double start = e->profile ? lb_seconds() : 0.0;
        run_operation(e, &e->operations[i], &all);
        if (e->profile) e->operations[i].seconds += lb_seconds() - start;
    }
}

static void run_region(lb_executor *e, size_t index)
{
    lb_region *region = &e->regions[index];
    const double start = e->profile ? lb_seconds() : 0.0;
    if (region->whole) {
        run_whole(e, region);
    } else if (region->end > region->first) {
        const int threads = e->options.threads;
#pragma omp parallel num_threads(threads)
        for (int t = omp_get_thread_num(); t < threads; t += omp_get_num_threads())
            run_share(e, index, t, threads); /* a thread's memory is planned for its share */
    }
    for (size_t i = 0; i < e->n_norms; i++) {
        if (e->norms[i].statistics_region == (int)index) lb_norm_finish_statistics(e, &e->norms[i]);
        if (e->norms[i].sums_region == (int)index) lb_norm_finish_sums(e, &e->norms[i]);
    }
    if (e->profile) region->seconds += lb_seconds() - start;
}

/* Activation maps that follow parameters change from step to step. */
static void prepare_activations(lb_executor *e)
{
    for (size_t i = 0; i < e->net->n_nodes; i++) {
        const lb_node *n = &e->net->nodes[i];
        if (n->op == LB_OP_QUANTIZE && lb_quantize_moves(n))
            e->values[i].act = lb_quantize_map(e->net, n);
    }
}

/* Mean |x| over the batch of a map that is kept as floats. */
static double mean_abs(const lb_executor *e, const lb_value *v)
{
    const lb_range all = {.count = e->options.batch};
    const size_t values = lb_values_of(v->map);
    double sum = 0.0;
    for (size_t n = 0; n < e->options.batch; n++) {
        const float *x = lb_buffer_at(e, v->real, &all, n);
        for (size_t i = 0; i < values; i++) sum += fabs((double)x[i]);
    }
    return sum / (double)(e->options.batch * values);
}

/* The first node, in topological order, that waits for its first batch; -1: none. */
static int first_waiting(const lb_executor *e)
{
    for (size_t i = 0; i < e->net->n_nodes; i++) {
        if (lb_quantize_waits(e->net, &e->net->nodes[i])) return (int)i;
    }
    return -1;
}

/* Give learned activations their first values. A quantizer's input depends on those before it, so the forward
 * regions run one by one; where a region computes the input of a node that waits, the node is started and the
 * region done again, with what hangs on the new value. Nothing but the learned values is changed. */
static void start_learned(lb_executor *e)
{
    int node = first_waiting(e);
    e->starting = true;
    for (size_t r = 0; r < e->n_regions && node >= 0; r++) {
        run_region(e, r);
        while (node >= 0) {
            const lb_value *x = &e->values[lb_source(e, node, 0)];
            if (e->operations[x->operation].region > (int)r) break;
            const lb_quantize *q = &e->net->nodes[node].as.quantize;
            e->net->params[q->learned].value[0] =
                q->quantizer->init_learned(&q->setting, mean_abs(e, x));
            prepare_activations(e);
            lb_layers_prepare_scales(e);
            run_region(e, r);
            node = first_waiting(e);
        }
    }
    e->starting = false;
}

static void finish_learned(lb_executor *e)
{
    for (size_t i = 0; i < e->net->n_nodes; i++) {
        if (!e->values[i].learned_partial) continue;
        double sum = 0.0;
        for (size_t k = 0; k < e->options.batch; k++) sum += e->values[i].learned_partial[k];
        e->net->params[e->net->nodes[i].as.quantize.learned].grad[0] = (float)sum;
    }
}

static void run_step(lb_executor *e)
{
    double start = lb_seconds();
    prepare_activations(e);
    lb_layers_prepare(e);
    if (first_waiting(e) >= 0) start_learned(e);
    e->prepare_seconds += lb_seconds() - start;
    for (size_t r = 0; r < e->n_regions; r++) run_region(e, r);
    start = lb_seconds();
    lb_layers_finish(e);
    finish_learned(e);
    e->finish_seconds += lb_seconds() - start;
}

static lb_status train(lb_executor *e, const float *images, const uint16_t *labels, uint64_t step,
                       lb_step_result *out)
{
    if (e->options.inference)
        return lb_fail(LB_E_ARG, "an executor made for inference cannot train");
    const openmp before = openmp_take(e->options.threads);
    e->images = images;
    e->labels = labels;
    e->step = step;
    e->failed = e->evaluated = false;
    run_step(e);
    openmp_give_back(before);
    if (e->failed)
        return lb_fail(LB_E_UNSUPPORTED, "oneDNN failed to run a convolution or linear layer");
    *out = e->result;
    return LB_OK;
}

void lb_onednn_profile(lb_executor *e, bool on)
{
    e->profile = on;
    e->prepare_seconds = e->finish_seconds = 0.0;
    for (size_t i = 0; i < e->n_operations; i++) e->operations[i].seconds = 0.0;
    for (size_t i = 0; i < e->n_regions; i++) e->regions[i].seconds = 0.0;
}

/* ---- looking at maps ---- */

/* A buffer's map in the order n, c, h, w, values times scale plus shift by channel. */
static void copy_out(const lb_executor *e, int buffer, lb_shape s, const float *scale,
                     const float *shift, float factor, float *out)
{
    const lb_range all = {.count = e->options.batch};
    const size_t pixels = s.h * s.w, values = s.c * pixels;
    for (size_t n = 0; n < e->options.batch; n++) {
        const void *image = lb_buffer_at(e, buffer, &all, n);
        for (size_t i = 0; i < values; i++) {
            const size_t c = i % s.c;
            float x = 0.0f;
            switch (e->buffers[buffer].cell) {
            case LB_CELL_I16: x = (float)((const int16_t *)image)[i]; break;
            case LB_CELL_U8: x = (float)((const uint8_t *)image)[i]; break;
            case LB_CELL_S8: x = (float)((const int8_t *)image)[i]; break;
            default: x = ((const float *)image)[i]; break;
            }
            out[n * values + c * pixels + i / s.c] = scale ? x * scale[c] + shift[c] : x * factor;
        }
    }
}

static bool copy_map(lb_executor *e, int node, bool gradient, float *out)
{
    if (e->evaluated) return !gradient && lb_evaluator_copy_map(e->evaluator, node, out);
    if (e->options.inference) return false;
    const lb_value *v = &e->values[node];
    if (gradient) {
        const int g = v->gradient >= 0 ? v->gradient : v->n_edges == 1 ? v->edges[0] : -1;
        if (g < 0 || !lb_buffer_survives(e, g)) return false;
        copy_out(e, g, v->map, NULL, NULL, 1.0f, out);
        return true;
    }
    if (v->real >= 0 && lb_buffer_survives(e, v->real)) {
        copy_out(e, v->real, v->map, NULL, NULL, 1.0f, out);
        return true;
    }
    if (v->codes >= 0 && lb_buffer_survives(e, v->codes)) {
        copy_out(e, v->codes, v->map, NULL, NULL, v->act.scale, out);
        return true;
    }
    for (size_t i = 0; i < e->n_norms && v->layer; i++) {
        const lb_norm *norm = &e->norms[i];
        if (norm->layer != v->layer || !lb_buffer_survives(e, norm->x)) continue;
        copy_out(e, norm->x, v->map, v->layer->scale, v->layer->shift, 1.0f, out);
        return true;
    }
    return false;
}

/* ---- evaluation: the same code for every back end ---- */

static lb_status evaluate(lb_executor *e, const float *images, size_t n, float *logits)
{
    e->evaluated = true;
    lb_evaluator_run(e->evaluator, images, n, logits);
    return LB_OK;
}

static lb_status freeze_weights(lb_executor *e)
{
    lb_evaluator_freeze(e->evaluator);
    return LB_OK;
}

static size_t memory_bytes(const lb_executor *e)
{
    return e->bytes + lb_evaluator_memory_bytes(e->evaluator);
}

const lb_backend lb_backend_onednn = {
    .name = "onednn",
    .summary = "oneDNN convolutions between fused passes; the default",
    .create = create,
    .destroy = destroy,
    .train = train,
    .evaluate = evaluate,
    .freeze_weights = freeze_weights,
    .copy_map = copy_map,
    .memory_bytes = memory_bytes,
};
