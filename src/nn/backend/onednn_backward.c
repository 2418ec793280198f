/* From the forward operations to those of the backward pass, in reverse.
 *
 * A map's gradient is the sum of what its readers leave, each in a buffer of its own (an edge); where a reader
 * passes its gradient on unchanged (add), the edge is the same buffer. A pass runs backward as one pass: it adds up
 * the edges, applies the masks, and leaves sums for batch-norm, whose own gradient needs all images and follows in
 * the next region, just before the convolution that reads it. */
#include "nn/backend/onednn.h"

static lb_status add_edge(lb_executor *e, int node, int buffer)
{
    lb_value *v = &e->values[node];
    if (!v->edges)
        LB_TRY(lb_executor_alloc(e, 2 * e->net->n_nodes, sizeof *v->edges, "edges", &v->edges));
    lb_assert(v->n_edges < 2 * e->net->n_nodes);
    v->edges[v->n_edges++] = buffer;
    return LB_OK;
}

static lb_status add_sum(lb_executor *e, lb_pass *pass, int x, int y, int *out)
{
    lb_step *step = NULL;
    LB_TRY(lb_pass_add_step(e, pass, LB_STEP_ADD, &step));
    step->x = x;
    step->y = y;
    *out = step->out = lb_pass_register(pass, -1);
    return LB_OK;
}

/* Add a register to a node's gradient so far. */
static lb_status contribute(lb_executor *e, lb_pass *pass, int *total, int reg)
{
    if (*total >= 0) return add_sum(e, pass, *total, reg, total);
    *total = reg;
    return LB_OK;
}

/* The buffer a register is stored in; gives it one. */
static lb_status bind(lb_executor *e, lb_pass *pass, int reg, int *buffer)
{
    lb_register *r = &pass->registers[reg];
    if (r->buffer < 0) LB_TRY(lb_buffer_add(e, LB_CELL_F32, pass->values, &r->buffer));
    *buffer = r->buffer;
    return LB_OK;
}

static lb_status start_backward_pass(lb_executor *e, int node, lb_pass **out)
{
    lb_operation *op = NULL;
    const lb_value *v = &e->values[node];
    const size_t values = lb_values_of(v->map);
    LB_TRY(lb_operation_add(e, LB_OPERATION_PASS, node, &op));
    op->backward = true;
    LB_TRY(lb_pass_create(e, v->flattened ? values : v->map.c, values, &op->pass));
    *out = op->pass;
    return LB_OK;
}

static lb_status finish_backward_pass(lb_executor *e, lb_pass *pass)
{
    if (pass->n_steps == 0) { /* gradients only changed their names */
        e->n_operations--;
        return LB_OK;
    }
    return lb_pass_finish(e, &e->operations[e->n_operations - 1]);
}

/* The gradient of a map that no pass computes, in one buffer. */
static lb_status whole_gradient(lb_executor *e, int node)
{
    lb_value *v = &e->values[node];
    lb_assert(v->n_edges > 0);
    if (v->n_edges == 1) {
        v->gradient = v->edges[0];
        return LB_OK;
    }
    lb_pass *pass = NULL;
    int total = -1;
    LB_TRY(start_backward_pass(e, node, &pass));
    for (size_t i = 0; i < v->n_edges; i++) {
        LB_TRY(contribute(e, pass, &total, lb_pass_register(pass, v->edges[i])));
    }
    LB_TRY(bind(e, pass, total, &v->gradient));
    return finish_backward_pass(e, pass);
}

/* ---- passes ---- */

static lb_status emit_mask(lb_executor *e, lb_pass *pass, int bits, float factor, int g, int *out)
{
    *out = g;
    if (bits < 0) return LB_OK;
    lb_step *step = NULL;
    LB_TRY(lb_pass_add_step(e, pass, LB_STEP_MASK, &step));
    step->x = g;
    step->buffer = bits;
    step->factor = factor;
    *out = step->out = lb_pass_register(pass, -1);
    return LB_OK;
}

static lb_status emit_approx_sign(lb_executor *e, lb_pass *pass, int x, int g, int *out)
{
    lb_step *step = NULL;
    LB_TRY(lb_pass_add_step(e, pass, LB_STEP_APPROX_SIGN, &step));
    step->x = g;
    step->y = lb_pass_register(pass, x);
    *out = step->out = lb_pass_register(pass, -1);
    return LB_OK;
}

/* Hand a node's input gradient (register g) on: inside the pass, or to a buffer. */
static lb_status pass_on(lb_executor *e, lb_pass *pass, int operation, int node, int input, int g,
                         int *totals)
{
    const int source = lb_source(e, node, input);
    const lb_value *u = &e->values[source];
    if (!u->needs_gradient) return LB_OK;
    if (u->in_pass && u->operation == operation) return contribute(e, pass, &totals[source], g);
    int buffer = -1;
    LB_TRY(bind(e, pass, g, &buffer));
    return add_edge(e, source, buffer);
}

static lb_status emit_sums(lb_executor *e, lb_pass *pass, lb_norm *norm, int g)
{
    lb_step *step = NULL;
    LB_TRY(bind(e, pass, g, &norm->g));
    LB_TRY(lb_pass_add_step(e, pass, LB_STEP_SUMS, &step));
    step->x = g;
    step->y = lb_pass_register(pass, norm->x);
    step->norm = norm;
    step->period = norm->period;
    norm->sums_region = (int)e->n_regions - 1;
    return LB_OK;
}

static lb_status emit_node_backward(lb_executor *e, lb_pass *pass, int operation, int node,
                                    int *totals)
{
    const lb_node *n = &e->net->nodes[node];
    lb_value *v = &e->values[node];
    if (!v->needs_gradient) return LB_OK;
    for (size_t i = 0; i < v->n_edges; i++) {
        LB_TRY(contribute(e, pass, &totals[node], lb_pass_register(pass, v->edges[i])));
    }
    int g = totals[node];
    lb_assert(g >= 0);
    v->gradient = pass->registers[g].buffer;
    switch (n->op) {
    case LB_OP_BATCH_NORM: return emit_sums(e, pass, v->norm, g);
    case LB_OP_CONV:
    case LB_OP_LINEAR: return bind(e, pass, g, &v->gradient);
    case LB_OP_ADD: LB_TRY(pass_on(e, pass, operation, node, 1, g, totals)); break;
    case LB_OP_RELU: LB_TRY(emit_mask(e, pass, v->bits, n->as.relu.slope, g, &g)); break;
    case LB_OP_DROPOUT:
        LB_TRY(emit_mask(e, pass, v->bits, 1.0f / (1.0f - n->as.dropout.p), g, &g));
        break;
    default:
        if (n->op == LB_OP_QUANTIZE && n->as.quantize.learned >= 0)
            LB_TRY(bind(e, pass, g, &v->learned));
        if (n->op == LB_OP_QUANTIZE && v->act.gradient == LB_GRADIENT_APPROX_SIGN)
            LB_TRY(emit_approx_sign(e, pass, e->values[lb_source(e, node, 0)].real, g, &g));
        else
            LB_TRY(emit_mask(e, pass, v->bits, 1.0f, g, &g));
        break;
    }
    return pass_on(e, pass, operation, node, 0, g, totals);
}

static lb_status plan_learned(lb_executor *e, int node)
{
    lb_operation *op = NULL;
    lb_value *v = &e->values[node];
    LB_TRY(lb_executor_alloc(e, e->options.batch, sizeof(double), "learned gradients",
                             &v->learned_partial));
    LB_TRY(lb_executor_alloc(e, (size_t)e->options.threads * 2 * lb_values_of(v->map),
                             sizeof(float), "learned gradients", &v->learned_order));
    LB_TRY(lb_operation_add(e, LB_OPERATION_LEARNED, node, &op));
    op->backward = true;
    op->in[0] = e->values[lb_source(e, node, 0)].real;
    op->in[1] = e->values[node].learned;
    return LB_OK;
}

static bool wants_split(const lb_layer *layer)
{
    return layer->split[LB_BACKWARD_DATA] || layer->split[LB_BACKWARD_WEIGHTS];
}

static bool wants_floats(const lb_layer *layer)
{
    return !layer->split[LB_BACKWARD_WEIGHTS] ||
           (layer->wants_dx && !layer->split[LB_BACKWARD_DATA]);
}

static bool quantizes_gradient(const lb_executor *e, const lb_layer *layer)
{
    return lb_node_quantizes_gradient(&e->net->nodes[layer->node], e->options.gradient_bits);
}

/* The gradient of a layer's output (register g) as two bfloat16 halves. */
static lb_status emit_split(lb_executor *e, lb_pass *pass, lb_layer *layer, int g)
{
    lb_step *step = NULL;
    LB_TRY(lb_buffer_add(e, LB_CELL_SPLIT, pass->values, &layer->split_gradient));
    LB_TRY(lb_pass_add_step(e, pass, LB_STEP_SPLIT, &step));
    step->x = g;
    step->buffer = layer->split_gradient;
    step->channels = layer->out.c;
    step->a = layer->factor;
    return LB_OK;
}

/* Batch-norm's gradient, once all images' sums are there. */
static lb_status plan_norm_backward(lb_executor *e, int node)
{
    const int in = lb_source(e, node, 0);
    lb_norm *norm = e->values[node].norm;
    if (!e->values[in].needs_gradient) return LB_OK;
    if (norm->sums_region == (int)e->n_regions - 1) lb_region_next(e);
    lb_pass *pass = NULL;
    lb_step *step = NULL;
    LB_TRY(start_backward_pass(e, node, &pass));
    LB_TRY(lb_pass_add_step(e, pass, LB_STEP_NORM_BACKWARD, &step));
    step->x = lb_pass_register(pass, norm->g);
    step->y = lb_pass_register(pass, norm->x);
    step->norm = norm;
    step->period = norm->period;
    step->out = lb_pass_register(pass, -1);
    const int g = step->out;
    int buffer = -1;
    const lb_layer *layer = norm->layer;
    const bool later = layer && quantizes_gradient(e, layer); /* its split follows that */
    if (!layer || later || wants_floats(layer)) LB_TRY(bind(e, pass, g, &buffer));
    if (layer && wants_split(layer) && !later) LB_TRY(emit_split(e, pass, norm->layer, g));
    LB_TRY(finish_backward_pass(e, pass));
    return buffer >= 0 ? add_edge(e, in, buffer) : LB_OK;
}

static lb_status plan_pass_backward(lb_executor *e, int operation, int *totals)
{
    const lb_pass *forward = e->operations[operation].pass;
    for (size_t i = 0; i < e->net->n_nodes; i++) totals[i] = -1;
    lb_pass *pass = NULL;
    LB_TRY(start_backward_pass(e, forward->nodes[0], &pass));
    for (size_t k = forward->n_nodes; k-- > 0;) {
        LB_TRY(emit_node_backward(e, pass, operation, forward->nodes[k], totals));
    }
    LB_TRY(finish_backward_pass(e, pass));
    for (size_t k = forward->n_nodes; k-- > 0;) {
        const int node = forward->nodes[k];
        const lb_value *v = &e->values[node];
        if (v->learned >= 0) LB_TRY(plan_learned(e, node));
        if (v->norm && v->needs_gradient) LB_TRY(plan_norm_backward(e, node));
    }
    return LB_OK;
}

/* ---- the others ---- */

/* Codes as floats or bfloat16, for the weights' gradient. */
static lb_status plan_expansion(lb_executor *e, const lb_layer *layer, bool bf16, int *buffer)
{
    lb_pass *pass = NULL;
    lb_step *step = NULL;
    LB_TRY(start_backward_pass(e, layer->input_node, &pass));
    LB_TRY(lb_pass_add_step(e, pass, bf16 ? LB_STEP_TO_BF16 : LB_STEP_CONVERT, &step));
    step->x = lb_pass_register(pass, layer->codes);
    step->factor = 1.0f;
    if (bf16) {
        LB_TRY(lb_buffer_add(e, LB_CELL_BF16, pass->values, buffer));
        step->buffer = *buffer;
        return finish_backward_pass(e, pass);
    }
    step->out = lb_pass_register(pass, -1);
    LB_TRY(bind(e, pass, step->out, buffer));
    return finish_backward_pass(e, pass);
}

static lb_status plan_weights(lb_executor *e, lb_layer *layer)
{
    lb_operation *op = NULL;
    LB_TRY(lb_operation_add(e, LB_OPERATION_BACKWARD_WEIGHTS, layer->node, &op));
    op->backward = true;
    op->layer = layer;
    op->chunk = layer->chunk;
    op->in[0] = layer->weights_input;
    op->in[1] = layer->weights_gradient;
    op->whole = layer->flat;
    return LB_OK;
}

/* A linear layer has many weights and few values: instead of one gradient a thread, its weights are dealt out, by
 * oneDNN, and all images done at once when everything else is. */
static lb_status plan_linear_weights(lb_executor *e)
{
    lb_region_next(e);
    for (size_t i = 0; i < e->n_layers; i++) {
        if (e->layers[i].flat) LB_TRY(plan_weights(e, &e->layers[i]));
    }
    return LB_OK;
}

/* To a buffer of its own: the gradient may be another node's too. */
static lb_status plan_quantized_gradient(lb_executor *e, int node)
{
    lb_value *v = &e->values[node];
    lb_operation *op = NULL;
    LB_TRY(lb_operation_add(e, LB_OPERATION_QUANTIZE_GRADIENT, node, &op));
    op->backward = true;
    op->in[0] = v->gradient;
    LB_TRY(lb_buffer_add(e, LB_CELL_F32, lb_values_of(v->map), &op->out));
    v->gradient = op->out;
    return LB_OK;
}

static lb_status plan_layer_backward(lb_executor *e, int node)
{
    lb_value *v = &e->values[node];
    lb_layer *layer = v->layer;
    if (!v->in_pass && v->n_edges > 0) LB_TRY(whole_gradient(e, node));
    if (quantizes_gradient(e, layer)) LB_TRY(plan_quantized_gradient(e, node));
    if (wants_split(layer) && layer->split_gradient < 0) {
        lb_pass *pass = NULL;
        LB_TRY(start_backward_pass(e, node, &pass));
        LB_TRY(emit_split(e, pass, layer, lb_pass_register(pass, v->gradient)));
        LB_TRY(finish_backward_pass(e, pass));
    }
    const lb_value *x = &e->values[layer->input_node];
    layer->weights_input = layer->floats;
    if (layer->takes_codes) {
        LB_TRY(plan_expansion(e, layer, layer->split[LB_BACKWARD_WEIGHTS], &layer->weights_input));
    }
    layer->weights_gradient =
        layer->split[LB_BACKWARD_WEIGHTS] ? layer->split_gradient : v->gradient;
    if (!layer->flat) LB_TRY(plan_weights(e, layer));
    if (!layer->wants_dx) return LB_OK;

    lb_operation *op = NULL;

    int dx = -1;
    LB_TRY(lb_buffer_add(e, LB_CELL_F32, lb_values_of(x->map), &dx));
    LB_TRY(lb_operation_add(e, LB_OPERATION_BACKWARD_DATA, node, &op));
    op->backward = true;
    op->layer = layer;
    op->chunk = layer->chunk;
    op->in[1] = layer->split[LB_BACKWARD_DATA] ? layer->split_gradient : v->gradient;
    op->out = dx;
    if (layer->flat && x->map.h * x->map.w > 1) {
        const int vector = dx;
        LB_TRY(lb_buffer_add(e, LB_CELL_F32, lb_values_of(x->map), &dx));
        LB_TRY(lb_operation_add(e, LB_OPERATION_VECTOR_BACKWARD, node, &op));
        op->backward = true;
        op->in[0] = vector;
        op->out = dx;
    }
    return add_edge(e, layer->input_node, dx);
}

static lb_status plan_moving_backward(lb_executor *e, int operation)
{
    static const lb_operation_kind kinds[] = {
        [LB_OPERATION_POOL] = LB_OPERATION_POOL_BACKWARD,
        [LB_OPERATION_CONCAT] = LB_OPERATION_CONCAT_BACKWARD,
        [LB_OPERATION_SUBSAMPLE] = LB_OPERATION_SUBSAMPLE_BACKWARD,
        [LB_OPERATION_FLATTEN] = LB_OPERATION_FLATTEN_BACKWARD,
    };
    const lb_operation forward = e->operations[operation];
    const int node = forward.node;
    LB_TRY(whole_gradient(e, node));
    for (int k = 0; k < e->net->nodes[node].n_in; k++) {
        const int in = lb_source(e, node, k);
        if (!e->values[in].needs_gradient) continue;
        int dx = -1;
        LB_TRY(lb_buffer_add(e, LB_CELL_F32, lb_values_of(e->values[in].map), &dx));
        lb_operation *op = NULL;
        LB_TRY(lb_operation_add(e, kinds[forward.kind], node, &op));
        op->backward = true;
        op->in[0] = e->values[node].gradient;
        op->in[1] = k; /* concat: which part */
        op->out = dx;
        op->aux = forward.aux;
        op->pool = forward.pool;
        LB_TRY(add_edge(e, in, dx));
    }
    return LB_OK;
}

static lb_status plan_loss(lb_executor *e)
{
    lb_operation *op = NULL;
    const int last = (int)e->net->n_nodes - 1;
    const int source = e->net->nodes[last].op == LB_OP_FLATTEN && e->values[last].operation < 0
                           ? lb_source(e, last, 0)
                           : last;
    int gradient = -1;
    LB_TRY(lb_buffer_add(e, LB_CELL_F32, e->net->classes, &gradient));
    lb_region_next(e);
    LB_TRY(lb_operation_add(e, LB_OPERATION_LOSS, last, &op));
    op->whole = true;
    op->in[0] = e->values[source].real;
    op->out = gradient;
    lb_region_next(e);
    return e->values[source].needs_gradient ? add_edge(e, source, gradient) : LB_OK;
}

/* A pass may start with nodes before the first parameter. */
static bool wants_backward(const lb_executor *e, const lb_operation *op)
{
    if (op->kind != LB_OPERATION_PASS) return e->values[op->node].needs_gradient;
    for (size_t k = 0; k < op->pass->n_nodes; k++) {
        if (e->values[op->pass->nodes[k]].needs_gradient) return true;
    }
    return false;
}

lb_status lb_backward_plan(lb_executor *e)
{
    const size_t n = e->n_operations;
    int *totals = NULL;
    LB_TRY(lb_executor_alloc(e, e->net->n_nodes, sizeof *totals, "gradients of a pass", &totals));
    LB_TRY(plan_loss(e));
    for (size_t i = n; i-- > 0;) {
        const int node = e->operations[i].node;
        if (!wants_backward(e, &e->operations[i])) continue;
        switch (e->operations[i].kind) {
        case LB_OPERATION_PASS: LB_TRY(plan_pass_backward(e, (int)i, totals)); break;
        case LB_OPERATION_FORWARD: LB_TRY(plan_layer_backward(e, node)); break;
        case LB_OPERATION_POOL:
        case LB_OPERATION_CONCAT:
        case LB_OPERATION_SUBSAMPLE:
        case LB_OPERATION_FLATTEN: LB_TRY(plan_moving_backward(e, (int)i)); break;
        default: break; /* the rest has no gradient of its own */
        }
    }
    return plan_linear_weights(e);
}
