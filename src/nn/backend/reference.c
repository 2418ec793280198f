/* The reference back end's executor: storage, and the walks over the nodes. */
#include "nn/backend/reference.h"

#include <math.h>
#include <string.h>

static bool is_layer(const lb_node *node)
{
    return node->op == LB_OP_CONV || node->op == LB_OP_LINEAR;
}

/* Arena memory that is counted. */
static lb_status allocate(lb_executor *e, size_t count, size_t size, void **out)
{
    LB_TRY(lb_arena_alloc(&e->arena, count, size, "maps of the reference back end", out));
    e->bytes += count * size;
    return LB_OK;
}

static lb_status allocate_floats(lb_executor *e, size_t count, float **out)
{
    void *block = NULL;
    LB_TRY(allocate(e, count, sizeof **out, &block));
    *out = block;
    return LB_OK;
}

static lb_status allocate_doubles(lb_executor *e, size_t count, double **out)
{
    void *block = NULL;
    LB_TRY(allocate(e, count, sizeof **out, &block));
    *out = block;
    return LB_OK;
}

static lb_status allocate_weights(lb_executor *e, const lb_node *node, lb_quantized_weights *out)
{
    void *block = NULL;
    LB_TRY(allocate(e, lb_quantized_weights_bytes(e->net, node), 1, &block));
    lb_quantized_weights_carve(e->net, node, block, out);
    return LB_OK;
}

static lb_status allocate_node(lb_executor *e, int index)
{
    const lb_node *node = &e->net->nodes[index];
    lb_reference_node *r = &e->nodes[index];
    const size_t floats = e->options.batch * lb_shape_count(node->shape);
    const bool train = !e->options.inference;
    LB_TRY(allocate_floats(e, floats, &r->value));
    if (train) LB_TRY(allocate_floats(e, floats, &r->grad));
    if (is_layer(node)) {
        LB_TRY(allocate_weights(e, node, &r->frozen));
        if (train) LB_TRY(allocate_weights(e, node, &r->weights));
        if (train)
            LB_TRY(allocate_floats(e, node->as.conv.out * lb_node_filter_size(node), &r->d_real));
    }
    if (node->op == LB_OP_BATCH_NORM) {
        LB_TRY(allocate_floats(e, node->shape.c, &r->a));
        LB_TRY(allocate_floats(e, node->shape.c, &r->b));
        if (train) LB_TRY(allocate_doubles(e, node->shape.c, &r->mean));
        if (train) LB_TRY(allocate_doubles(e, node->shape.c, &r->variance));
    }
    return LB_OK;
}

static lb_status allocate_all(lb_executor *e)
{
    const lb_net *net = e->net;
    void *nodes = NULL;
    LB_TRY(allocate(e, net->n_nodes, sizeof *e->nodes, &nodes));
    e->nodes = nodes;
    size_t largest = 0;
    for (size_t i = 0; i < net->n_nodes; i++) {
        LB_TRY(allocate_node(e, (int)i));
        const size_t count = lb_shape_count(net->nodes[i].shape);
        if (count > largest) largest = count;
    }
    return allocate_floats(e, e->options.batch * largest, &e->codes);
}

static void destroy(lb_executor *e)
{
    if (!e) return;
    lb_arena_release(&e->arena);
    lb_free(e);
}

static lb_status create(lb_net *net, const lb_executor_options *options, lb_executor **out)
{
    void *block = NULL;
    LB_TRY(lb_alloc(1, sizeof(lb_executor), "executor", &block));
    lb_executor *e = block;
    *e = (lb_executor){.net = net, .options = *options, .bytes = sizeof *e};
    const lb_status status = allocate_all(e);
    if (status != LB_OK) {
        destroy(e);
        return status;
    }
    *out = e;
    return LB_OK;
}

/* A learned activation's first value comes from the batch that it sees first. */
static void start_learned(lb_executor *e, int index)
{
    const lb_node *node = &e->net->nodes[index];
    if (!lb_quantize_waits(e->net, node)) return;
    const lb_quantize *q = &node->as.quantize;
    const float *x = e->nodes[node->in[0]].value;
    const size_t n = e->images * lb_shape_count(node->shape);
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += fabs((double)x[i]);
    e->net->params[q->learned].value[0] = q->quantizer->init_learned(&q->setting, sum / (double)n);
}

static lb_status train(lb_executor *e, const float *images, const uint16_t *labels, uint64_t step,
                       lb_step_result *out)
{
    lb_net *net = e->net;
    const size_t last = net->n_nodes - 1;
    lb_assert(!e->options.inference);
    e->images = e->options.batch;
    e->step = step;
    memcpy(e->nodes[0].value, images, e->images * lb_shape_count(net->input) * sizeof(float));
    for (size_t i = 1; i < net->n_nodes; i++) {
        if (is_layer(&net->nodes[i])) {
            lb_weights_quantize(net, (int)i, e->options.seed, step, false, &e->nodes[i].weights);
        }
        start_learned(e, (int)i);
        lb_reference_forward(e, (int)i);
    }
    for (size_t i = 0; i < net->n_nodes; i++) {
        memset(e->nodes[i].grad, 0,
               e->images * lb_shape_count(net->nodes[i].shape) * sizeof(float));
    }
    *out = lb_loss_distill(net->loss, &net->distillation, e->images, net->classes,
                           e->nodes[last].value, labels, e->nodes[last].grad);
    for (size_t i = last; i > 0; i--) lb_reference_backward(e, (int)i);
    return LB_OK;
}

static lb_status freeze_weights(lb_executor *e)
{
    lb_net *net = e->net;
    for (size_t i = 0; i < net->n_nodes; i++) {
        lb_reference_node *r = &e->nodes[i];
        if (is_layer(&net->nodes[i])) {
            lb_weights_quantize(net, (int)i, 0, 0, true, &r->frozen);
            if (e->options.mixed) lb_weights_relax(net, (int)i, &r->frozen);
        }
        if (net->nodes[i].op == LB_OP_BATCH_NORM)
            lb_batch_norm_coefficients(net, (int)i, r->a, r->b);
    }
    return LB_OK;
}

static lb_status evaluate(lb_executor *e, const float *images, size_t n, float *logits)
{
    const lb_net *net = e->net;
    lb_assert(n <= e->options.batch);
    e->images = n;
    memcpy(e->nodes[0].value, images, n * lb_shape_count(net->input) * sizeof(float));
    for (size_t i = 1; i < net->n_nodes; i++) lb_reference_evaluate(e, (int)i);
    memcpy(logits, e->nodes[net->n_nodes - 1].value, n * net->classes * sizeof(float));
    return LB_OK;
}

static bool copy_map(lb_executor *e, int node, bool gradient, float *out)
{
    const lb_reference_node *r = &e->nodes[node];
    if (gradient && !r->grad) return false;
    memcpy(out, gradient ? r->grad : r->value,
           e->images * lb_shape_count(e->net->nodes[node].shape) * sizeof(float));
    return true;
}

static size_t memory_bytes(const lb_executor *e)
{
    return e->bytes;
}

const lb_backend lb_backend_reference = {
    .name = "reference",
    .summary = "plain loops, one node after the other: the definition, slow",
    .create = create,
    .destroy = destroy,
    .train = train,
    .evaluate = evaluate,
    .freeze_weights = freeze_weights,
    .copy_map = copy_map,
    .memory_bytes = memory_bytes,
};
