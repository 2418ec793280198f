/* Which nodes become one layer.
 *
 * Layers are made on demand, from the logits back, so that what nobody reads is never there. A chain of
 * element-wise nodes is followed up to the first map that something else reads too, which stays a layer of
 * its own, or into the convolution it starts from. One shortcut sum may join a chain: of its two inputs
 * the one that leads to a convolution is followed, the other one becomes a layer of its own. A quantizer
 * ends a chain. */
#include "freeze/layers.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

#include "nn/executor.h"

typedef struct builder {
    lb_freeze_graph *graph;
    lb_intnet *out;
    size_t capacity;
    int *layer_of; /* [graph nodes]: the layer that gives its map; -1: not made yet */
} builder;

static lb_status make(builder *b, int node, int *layer);

static const lb_freeze_node *node_at(const builder *b, int node)
{
    return &b->graph->nodes[node];
}

static bool is_conv(const lb_freeze_node *node)
{
    return node->op == LB_OP_CONV || node->op == LB_OP_LINEAR;
}

static const char *source_name(const builder *b, int node)
{
    return b->graph->net->nodes[node_at(b, node)->source].name;
}

/* ---- one layer more ---- */

/* Names are unique: a quantizer that moved before a concatenation gives several layers. */
static lb_status name_layer(builder *b, const char *wanted, const char **name)
{
    char text[LB_NAME_BYTES + 24];
    size_t tries = 1;
    (void)snprintf(text, sizeof text, "%s", wanted);
    for (size_t i = 0; i < b->out->n_layers;) {
        if (strcmp(b->out->layers[i].name, text) != 0) {
            i++;
            continue;
        }
        (void)snprintf(text, sizeof text, "%s.%zu", wanted, ++tries);
        i = 0;
    }
    char *copy = NULL;
    LB_TRY(lb_arena_strdup(&b->out->arena, text, &copy));
    *name = copy;
    return LB_OK;
}

/* The map of a layer that gives node's map. */
static lb_int_map map_of(const lb_freeze_node *node)
{
    lb_int_map map = {.shape = node->shape, .coded = node->coded};
    if (!node->coded) return map;
    map.grid = lb_act_grid(&node->map);
    map.scale = node->map.scale;
    return map;
}

/* Append `layer`, which gives the map of `node` and is named after node `work`. */
static lb_status append(builder *b, int node, int work, lb_int_layer *layer)
{
    lb_assert(b->out->n_layers < b->capacity);
    char *equals = NULL;
    const int training = node_at(b, node)->equals;
    LB_TRY(name_layer(b, source_name(b, work), &layer->name));
    LB_TRY(lb_arena_strdup(&b->out->arena, training >= 0 ? b->graph->net->nodes[training].name : "",
                           &equals));
    layer->equals = equals;
    layer->map = map_of(node_at(b, node));
    b->layer_of[node] = (int)b->out->n_layers;
    b->out->layers[b->out->n_layers++] = *layer;
    return LB_OK;
}

/* ---- chains ---- */

enum { LONGEST_CHAIN = 32 }; /* below what a layer may have; no network's builder comes near */

/* A chain of nodes and where it starts. */
typedef struct chain {
    int top,
        root;  /* the node whose map it gives; the convolution, or the node whose map it reads */
    int add;   /* the shortcut sum in it, -1: none ... */
    int other; /* ... whose other input this is */
    size_t n;  /* nodes from top to before the root */
} chain;

/* Does a chain lead from this node to a convolution that can join it? */
static bool leads_to_conv(const builder *b, int node)
{
    while (node_at(b, node)->uses == 1 && lb_freeze_is_unary(node_at(b, node)))
        node = node_at(b, node)->in[0];
    return node_at(b, node)->uses == 1 && is_conv(node_at(b, node));
}

/* May node `n`, below the top of the chain, be part of it? */
static bool joins(const builder *b, const chain *c, int n)
{
    const lb_freeze_node *node = node_at(b, n);
    if (node->uses != 1 || c->n == LONGEST_CHAIN) return false;
    return lb_freeze_is_unary(node) || (node->op == LB_OP_ADD && c->add < 0);
}

/* The input of a chain's node n that the chain goes on with. */
static int follow(const builder *b, chain *c, int n)
{
    const lb_freeze_node *node = node_at(b, n);
    if (node->op != LB_OP_ADD) return node->in[0];
    const int main = leads_to_conv(b, node->in[0]) || !leads_to_conv(b, node->in[1]) ? 0 : 1;
    c->add = n;
    c->other = node->in[1 - main];
    return node->in[main];
}

static chain find_chain(const builder *b, int top)
{
    chain c = {.top = top, .add = -1, .other = -1};
    int n = top;
    do {
        n = follow(b, &c, n);
        c.n++;
    } while (joins(b, &c, n));
    c.root = n;
    return c;
}

static lb_status copy_floats(builder *b, const float *from, size_t n, const float **to)
{
    float *copy = NULL;
    LB_TRY(lb_arena_alloc(&b->out->arena, n, sizeof *copy, "coefficients", (void **)&copy));
    memcpy(copy, from, n * sizeof *copy);
    *to = copy;
    return LB_OK;
}

static lb_status make_step(builder *b, const lb_freeze_node *node, lb_step *step)
{
    const lb_node *from = &b->graph->net->nodes[node->source];
    *step = (lb_step){0};
    switch (node->op) {
    case LB_OP_BATCH_NORM:
        step->kind = LB_STEP_AFFINE;
        LB_TRY(copy_floats(b, node->a, node->shape.c, &step->a));
        return copy_floats(b, node->b, node->shape.c, &step->b);
    case LB_OP_RELU:
        step->kind = LB_STEP_RELU;
        step->slope = from->as.relu.slope;
        return LB_OK;
    case LB_OP_CLIP:
        step->kind = LB_STEP_CLIP;
        step->low = from->as.clip.low;
        step->high = from->as.clip.high;
        return LB_OK;
    case LB_OP_ADD: step->kind = LB_STEP_ADD; return LB_OK;
    default:
        lb_assert(node->op == LB_OP_QUANTIZE);
        step->kind = LB_STEP_ENCODE;
        step->encode = node->map;
        return LB_OK;
    }
}

/* The steps of a chain, the last node's last, after `first` steps that are there. */
static lb_status add_chain_steps(builder *b, const chain *c, size_t first, lb_post *post)
{
    chain again = {.add = -1};
    int n = c->top;
    for (size_t i = c->n; i-- > 0;) {
        LB_TRY(make_step(b, node_at(b, n), &post->steps[first + i]));
        n = follow(b, &again, n);
    }
    post->n_steps = first + c->n;
    return LB_OK;
}

/* ---- kinds of layers ---- */

/* Scale and bias, the first steps of a convolution. */
static lb_status add_conv_steps(builder *b, const lb_freeze_node *conv, const float *scale,
                                lb_post *post)
{
    const lb_conv *from = &b->graph->net->nodes[conv->source].as.conv;
    if (scale) post->steps[post->n_steps++] = (lb_step){.kind = LB_STEP_SCALE, .a = scale};
    if (from->bias < 0) return LB_OK;
    lb_step *bias = &post->steps[post->n_steps++];
    *bias = (lb_step){.kind = LB_STEP_BIAS};
    return copy_floats(b, b->graph->net->params[from->bias].value, from->out, &bias->a);
}

/* A convolution and the chain after it. */
static lb_status make_conv(builder *b, const chain *c)
{
    const lb_freeze_node *conv = node_at(b, c->root), *in = node_at(b, conv->in[0]);
    const lb_node *from = &b->graph->net->nodes[conv->source];
    lb_int_layer layer = {.op = LB_INT_CONV, .n_in = 1, .window = conv->window};
    const float *scale = NULL;
    lb_post *post = &layer.post;
    LB_TRY(make(b, conv->in[0], &layer.in[0]));
    if (c->add >= 0) LB_TRY(make(b, c->other, &layer.in[layer.n_in++]));
    layer.groups = conv->op == LB_OP_CONV ? from->as.conv.groups : 1;
    const bool integer = lb_node_is_integer(b->graph->net, conv->source);
    lb_assert(!integer || in->coded); /* lb_node_is_integer follows codes as graph.c does */
    LB_TRY(lb_freeze_weights(b->graph->net, conv, in->shape.c, integer ? in->map.scale : 1.0f,
                             &b->out->arena, &layer.weights, &scale));
    LB_TRY(lb_arena_alloc(&b->out->arena, c->n + 2, sizeof *post->steps, "steps",
                          (void **)&post->steps));
    LB_TRY(add_conv_steps(b, conv, scale, post));
    LB_TRY(add_chain_steps(b, c, post->n_steps, post));
    return append(b, c->top, c->root, &layer);
}

static lb_status make_expression(builder *b, const chain *c)
{
    lb_int_layer layer = {.op = LB_INT_EXPRESSION, .n_in = 1};
    lb_post *post = &layer.post;
    LB_TRY(make(b, c->root, &layer.in[0]));
    if (c->add >= 0) LB_TRY(make(b, c->other, &layer.in[layer.n_in++]));
    LB_TRY(
        lb_arena_alloc(&b->out->arena, c->n, sizeof *post->steps, "steps", (void **)&post->steps));
    LB_TRY(add_chain_steps(b, c, 0, post));
    return append(b, c->top, c->top, &layer);
}

static lb_status make_chain(builder *b, int top)
{
    chain c = {.top = top, .root = top, .add = -1};
    if (!is_conv(node_at(b, top))) c = find_chain(b, top);
    const lb_freeze_node *root = node_at(b, c.root);
    const bool fuses = is_conv(root) && (c.n == 0 || root->uses == 1);
    return fuses ? make_conv(b, &c) : make_expression(b, &c);
}

static lb_status make_map_layer(builder *b, int node, lb_int_op op)
{
    const lb_freeze_node *from = node_at(b, node);
    lb_int_layer layer = {.op = op, .n_in = from->n_in, .window = from->window};
    for (int k = 0; k < from->n_in; k++) LB_TRY(make(b, from->in[k], &layer.in[k]));
    if (op == LB_INT_SUBSAMPLE)
        layer.stride = b->graph->net->nodes[from->source].as.subsample.stride;
    if (op == LB_INT_MAX_POOL && from->reversed) {
        uint8_t *reversed = NULL;
        const size_t bytes = (from->shape.c + 7) / 8;
        LB_TRY(lb_arena_alloc(&b->out->arena, bytes, 1, "pool", (void **)&reversed));
        memcpy(reversed, from->reversed, bytes);
        layer.reversed = reversed;
    }
    return append(b, node, node, &layer);
}

/* Make the layer that gives this node's map, unless it is there. */
static lb_status make(builder *b, int node, int *layer)
{
    if (b->layer_of[node] < 0) {
        switch (node_at(b, node)->op) {
        case LB_OP_INPUT: LB_TRY(make_map_layer(b, node, LB_INT_INPUT)); break;
        case LB_OP_MAX_POOL: LB_TRY(make_map_layer(b, node, LB_INT_MAX_POOL)); break;
        case LB_OP_AVERAGE_POOL: LB_TRY(make_map_layer(b, node, LB_INT_AVERAGE_POOL)); break;
        case LB_OP_CONCAT: LB_TRY(make_map_layer(b, node, LB_INT_CONCAT)); break;
        case LB_OP_SUBSAMPLE: LB_TRY(make_map_layer(b, node, LB_INT_SUBSAMPLE)); break;
        default: LB_TRY(make_chain(b, node)); break;
        }
    }
    *layer = b->layer_of[node];
    return LB_OK;
}

/* Logits are floats: where the last map is codes, one step more gives their values. */
static lb_status make_float_logits(builder *b, int layer)
{
    lb_step *step = NULL;
    if (!b->out->layers[layer].map.coded) return LB_OK;
    LB_TRY(lb_arena_alloc(&b->out->arena, 1, sizeof *step, "steps", (void **)&step));
    *step = (lb_step){.kind = LB_STEP_CLIP, .low = -FLT_MAX, .high = FLT_MAX};
    lb_int_layer last = {.op = LB_INT_EXPRESSION, .in = {layer, 0}, .n_in = 1};
    last.post = (lb_post){.steps = step, .n_steps = 1};
    LB_TRY(append(b, b->graph->last, b->graph->last, &last));
    b->out->layers[b->out->n_layers - 1].map.coded = false;
    return LB_OK;
}

lb_status lb_freeze_layers(lb_freeze_graph *graph, lb_intnet *out)
{
    builder b = {.graph = graph, .out = out, .capacity = graph->n + 2};
    int layer = 0;
    LB_TRY(lb_arena_alloc(&out->arena, b.capacity, sizeof *out->layers, "layers",
                          (void **)&out->layers));
    LB_TRY(lb_arena_alloc(&graph->arena, graph->n, sizeof *b.layer_of, "layers",
                          (void **)&b.layer_of));
    for (size_t i = 0; i < graph->n; i++) b.layer_of[i] = -1;
    for (size_t i = 0; i < graph->n; i++) /* the image is layer 0, whoever reads it first */
        if (graph->nodes[i].op == LB_OP_INPUT) LB_TRY(make(&b, (int)i, &layer));
    LB_TRY(make(&b, graph->last, &layer));
    return make_float_logits(&b, layer);
}
