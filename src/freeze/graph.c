/* The training graph made plain.
 *
 * Moving a quantizer before a max-pool is exact: batch-norm, ReLU, clip and quantizer are, in floating
 * point too, functions of one value that never fall or never rise. So is their composition f, and then
 * f(max(x...)) = max(f(x)...), or min(f(x)...) where f falls: an odd number of negative batch-norm gains.
 * A zero gain makes f constant. */
#include "freeze/graph.h"

#include <math.h>
#include <string.h>

#include "freeze/pull.h"
#include "nn/executor.h"

bool lb_freeze_is_unary(const lb_freeze_node *node)
{
    return node->op == LB_OP_BATCH_NORM || node->op == LB_OP_RELU || node->op == LB_OP_CLIP;
}

void lb_freeze_graph_release(lb_freeze_graph *graph)
{
    lb_arena_release(&graph->arena);
    *graph = (lb_freeze_graph){0};
}

lb_status lb_freeze_graph_add(lb_freeze_graph *graph, const lb_freeze_node *node, int *index)
{
    if (graph->n == graph->capacity) {
        const size_t wanted = graph->capacity > 0 ? 2 * graph->capacity : 64;
        void *larger = NULL;
        LB_TRY(lb_arena_alloc(&graph->arena, wanted, sizeof *graph->nodes, "nodes", &larger));
        if (graph->n > 0) memcpy(larger, graph->nodes, graph->n * sizeof *graph->nodes);
        graph->nodes = larger;
        graph->capacity = wanted;
    }
    *index = (int)graph->n;
    graph->nodes[graph->n++] = *node;
    return LB_OK;
}

/* ---- what nodes do ---- */

static lb_status read_batch_norm(lb_freeze_graph *graph, lb_freeze_node *node)
{
    const lb_node *from = &graph->net->nodes[node->source];
    float *coefficients = NULL;
    const size_t channels = from->shape.c;
    LB_TRY(lb_arena_alloc(&graph->arena, 2 * channels, sizeof *coefficients, "batch-norm",
                          (void **)&coefficients));
    lb_batch_norm_coefficients(graph->net, node->source, coefficients, coefficients + channels);
    for (size_t c = 0; c < channels; c++) {
        if (isfinite(coefficients[c]) && isfinite(coefficients[channels + c])) continue;
        return lb_fail(LB_E_UNSUPPORTED,
                       "layer '%s': channel %zu computes x * %g + %g, wanted finite numbers: the "
                       "training diverged",
                       from->name, c, (double)coefficients[c], (double)coefficients[channels + c]);
    }
    node->a = coefficients;
    node->b = coefficients + channels;
    return LB_OK;
}

static bool is_whole(float x)
{
    return x == truncf(x);
}

/* A quantizer's map must have a grid of at most 8 bits, and rise. */
static lb_status read_quantizer(const lb_freeze_graph *graph, lb_freeze_node *node)
{
    const lb_node *from = &graph->net->nodes[node->source];
    const lb_quantize *q = &from->as.quantize;
    const lb_act_map map = lb_quantize_map(graph->net, from);
    const bool rises = map.multiplier > 0.0f && isfinite(map.multiplier) && map.divisor > 0.0f &&
                       isfinite(map.divisor) && map.scale > 0.0f && isfinite(map.scale);
    const bool grid = is_whole(map.low) && is_whole(map.high) && map.low < map.high &&
                      map.low >= -255.0f && map.high <= 255.0f && map.high - map.low <= 255.0f;
    if (!rises || !grid) {
        return lb_fail(LB_E_UNSUPPORTED,
                       "layer '%s': quantizer '%s' gives codes %g to %g of x * %g / %g with scale "
                       "%g; wanted at most 256 whole codes and finite factors above 0",
                       from->name, q->quantizer->name, (double)map.low, (double)map.high,
                       (double)map.multiplier, (double)map.divisor, (double)map.scale);
    }
    node->coded = true;
    node->map = map;
    return LB_OK;
}

/* Nodes that hand on their input's codes, as lb_input_codes sees them. */
static void pass_codes(const lb_freeze_graph *graph, lb_freeze_node *node)
{
    const lb_freeze_node *x = &graph->nodes[node->in[0]];
    switch (node->op) {
    case LB_OP_MAX_POOL: node->coded = x->coded; break;
    case LB_OP_CONCAT: {
        const lb_freeze_node *y = &graph->nodes[node->in[1]];
        node->coded = x->coded && y->coded && lb_act_same_codes(&x->map, &y->map);
        break;
    }
    case LB_OP_SUBSAMPLE:
        node->coded = x->coded && (node->shape.c == x->shape.c || lb_act_has_zero(&x->map));
        break;
    default: return;
    }
    if (node->coded) node->map = x->map;
}

static lb_status read_node(lb_freeze_graph *graph, lb_freeze_node *node)
{
    const lb_node *from = &graph->net->nodes[node->source];
    switch (node->op) {
    case LB_OP_INPUT:
        node->coded = graph->net->raw_input;
        node->map = lb_act_raw_pixels();
        return LB_OK;
    case LB_OP_CONV: node->window = from->as.conv.window; return LB_OK;
    case LB_OP_LINEAR: {
        const lb_shape seen = graph->nodes[node->in[0]].shape;
        node->window = (lb_window){.kh = seen.h, .kw = seen.w, .stride = 1};
        return LB_OK;
    }
    case LB_OP_BATCH_NORM: return read_batch_norm(graph, node);
    case LB_OP_QUANTIZE: return read_quantizer(graph, node);
    case LB_OP_MAX_POOL:
    case LB_OP_AVERAGE_POOL: node->window = from->as.pool; break;
    default: break;
    }
    pass_codes(graph, node);
    return LB_OK;
}

/* ---- equal nodes ---- */

static bool same_map(const lb_act_map *a, const lb_act_map *b)
{
    return lb_act_same_codes(a, b) && a->multiplier == b->multiplier && a->divisor == b->divisor;
}

static bool same_window(const lb_window *a, const lb_window *b)
{
    return a->kh == b->kh && a->kw == b->kw && a->stride == b->stride && a->pad_top == b->pad_top &&
           a->pad_left == b->pad_left && a->pad_bottom == b->pad_bottom &&
           a->pad_right == b->pad_right;
}

/* Do both nodes, of the same operation and inputs, give the same map? */
static bool same_effect(const lb_freeze_graph *graph, const lb_freeze_node *x,
                        const lb_freeze_node *y)
{
    const lb_node *p = &graph->net->nodes[x->source], *q = &graph->net->nodes[y->source];
    const size_t channel_bytes = x->shape.c * sizeof(float);
    switch (x->op) {
    case LB_OP_BATCH_NORM:
        return memcmp(x->a, y->a, channel_bytes) == 0 && memcmp(x->b, y->b, channel_bytes) == 0;
    case LB_OP_RELU: return p->as.relu.slope == q->as.relu.slope;
    case LB_OP_CLIP: return p->as.clip.low == q->as.clip.low && p->as.clip.high == q->as.clip.high;
    case LB_OP_QUANTIZE: return same_map(&x->map, &y->map);
    case LB_OP_MAX_POOL:
    case LB_OP_AVERAGE_POOL: return same_window(&x->window, &y->window);
    case LB_OP_ADD: return true;
    default: return false;
    }
}

/* The node that already gives this one's map, or -1. */
static int find_equal(const lb_freeze_graph *graph, const lb_freeze_node *node)
{
    for (size_t i = 0; i < graph->n; i++) {
        const lb_freeze_node *other = &graph->nodes[i];
        bool same = other->op == node->op && other->n_in == node->n_in;
        for (int k = 0; same && k < node->n_in; k++) same = other->in[k] == node->in[k];
        if (same && same_effect(graph, other, node)) return (int)i;
    }
    return -1;
}

/* ---- building ---- */

/* What became of a training node. */
typedef struct place {
    int node;       /* its node in the plain graph */
    bool flattened; /* its values are that map's in the order channel, row, column */
} place;

/* A map flattened to more than one channel a pixel has no layout of its own: linear layers see through it. */
static lb_status check_flattened(const lb_node *from, const lb_node *in)
{
    if (from->op == LB_OP_LINEAR || from->op == LB_OP_FLATTEN || from->op == LB_OP_DROPOUT)
        return LB_OK;
    return lb_fail(
        LB_E_UNSUPPORTED,
        "layer '%s': its input '%s' is a flattened map of more than one pixel, which only "
        "linear layers may take",
        from->name, in->name);
}

static lb_status add_node(lb_freeze_graph *graph, place *places, int index)
{
    const lb_node *from = &graph->net->nodes[index];
    lb_freeze_node node = {
        .op = from->op, .source = index, .equals = index, .n_in = from->n_in, .shape = from->shape};
    for (int k = 0; k < from->n_in; k++) {
        const place *in = &places[from->in[k]];
        if (in->flattened) LB_TRY(check_flattened(from, &graph->net->nodes[from->in[k]]));
        node.in[k] = in->node;
    }
    if (from->op == LB_OP_FLATTEN || from->op == LB_OP_DROPOUT) {
        places[index] = places[from->in[0]];
        const lb_shape seen = graph->net->nodes[from->in[0]].shape;
        if (from->op == LB_OP_FLATTEN && seen.h * seen.w > 1) places[index].flattened = true;
        return LB_OK;
    }
    LB_TRY(read_node(graph, &node));
    places[index] = (place){find_equal(graph, &node), false};
    return places[index].node >= 0 ? LB_OK : lb_freeze_graph_add(graph, &node, &places[index].node);
}

static void count_uses(lb_freeze_graph *graph)
{
    for (size_t i = 0; i < graph->n; i++)
        for (int k = 0; k < graph->nodes[i].n_in; k++) graph->nodes[graph->nodes[i].in[k]].uses++;
}

static lb_status add_nodes(lb_freeze_graph *graph, place *places)
{
    const size_t n = graph->net->n_nodes;
    for (size_t i = 0; i < n; i++) LB_TRY(add_node(graph, places, (int)i));
    if (places[n - 1].flattened) {
        return lb_fail(LB_E_UNSUPPORTED,
                       "layer '%s': logits that are a flattened map of more than one pixel, wanted "
                       "one pixel",
                       graph->net->nodes[n - 1].name);
    }
    graph->last = places[n - 1].node;
    return LB_OK;
}

lb_status lb_freeze_graph_build(lb_net *net, lb_freeze_graph *out)
{
    *out = (lb_freeze_graph){.net = net};
    place *places = NULL;
    LB_TRY(lb_arena_alloc(&out->arena, net->n_nodes, sizeof *places, "nodes", (void **)&places));
    LB_TRY(add_nodes(out, places));
    count_uses(out);
    return lb_pull_quantizers(out);
}
