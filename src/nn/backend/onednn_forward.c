/* From the graph to the operations of the forward pass.
 *
 * Element-wise nodes (batch-norm's application, add, relu, clip, quantize, dropout, and a convolution's scale and
 * bias) join the pass that computes the latest of their inputs. A map is stored only where somebody outside the
 * pass reads it: as floats for other operations, as codes for convolutions on codes. A convolution whose only
 * reader is batch-norm leaves its raw sums, and the scale goes into batch-norm's coefficients; integer sums that
 * fit are kept as int16. */
#include <math.h>
#include <string.h>

#include "nn/backend/onednn.h"

/* The node whose map `node` really reads: flatten only renames. */
static int source_of(const lb_executor *e, int node)
{
    while (e->net->nodes[node].op == LB_OP_FLATTEN && e->values[node].operation < 0) {
        node = e->net->nodes[node].in[0];
    }
    return node;
}

int lb_source(const lb_executor *e, int node, int input)
{
    return source_of(e, e->net->nodes[node].in[input]);
}

static bool feeds(const lb_net *net, size_t consumer, int node)
{
    for (int k = 0; k < net->nodes[consumer].n_in; k++) {
        if (net->nodes[consumer].in[k] == node) return true;
    }
    return false;
}

/* Do all readers of a node, and theirs in turn, work on a vector that lies in the order h, w, c? */
static bool readers_take_any_order(const lb_net *net, int node)
{
    if ((size_t)node + 1 == net->n_nodes) return false;
    for (size_t i = (size_t)node + 1; i < net->n_nodes; i++) {
        if (!feeds(net, i, node)) continue;
        switch (net->nodes[i].op) {
        case LB_OP_LINEAR: break;
        case LB_OP_BATCH_NORM:
        case LB_OP_RELU:
        case LB_OP_CLIP:
        case LB_OP_QUANTIZE:
        case LB_OP_DROPOUT:
        case LB_OP_FLATTEN:
            if (!readers_take_any_order(net, (int)i)) return false;
            break;
        default: return false;
        }
    }
    return true;
}

/* May flatten stay a name for its input's map? */
static bool flatten_renames(const lb_net *net, int node)
{
    const lb_shape in = net->nodes[net->nodes[node].in[0]].shape;
    return in.h * in.w == 1 || readers_take_any_order(net, node);
}

static bool only_batch_norm_reads(const lb_net *net, int node)
{
    size_t readers = 0;
    bool norm = false;
    for (size_t i = (size_t)node + 1; i < net->n_nodes; i++) {
        if (!feeds(net, i, node)) continue;
        readers++;
        norm = net->nodes[i].op == LB_OP_BATCH_NORM;
    }
    return readers == 1 && norm;
}

static lb_status need_real(lb_executor *e, int node)
{
    lb_value *v = &e->values[node];
    return v->real >= 0 ? LB_OK : lb_buffer_add(e, LB_CELL_F32, lb_values_of(v->map), &v->real);
}

static lb_status need_codes(lb_executor *e, int node)
{
    lb_value *v = &e->values[node];
    if (v->codes >= 0) return LB_OK;
    return lb_buffer_add(e, v->act.low < 0.0f ? LB_CELL_S8 : LB_CELL_U8, lb_values_of(v->map),
                         &v->codes);
}

/* ---- element-wise nodes ---- */

static lb_status start_pass(lb_executor *e, int node)
{
    lb_operation *op = NULL;
    lb_value *v = &e->values[node];
    LB_TRY(lb_operation_add(e, LB_OPERATION_PASS, node, &op));
    const size_t values = lb_values_of(v->map);
    LB_TRY(lb_pass_create(e, v->flattened ? values : v->map.c, values, &op->pass));
    v->operation = (int)e->n_operations - 1;
    v->in_pass = true;
    return lb_pass_add_node(e, op->pass, node);
}

/* The pass a node can join: the one that computes the latest of its inputs; -1: none. */
static int pass_to_join(const lb_executor *e, int node)
{
    int latest = -1;
    for (int k = 0; k < e->net->nodes[node].n_in; k++) {
        const lb_value *in = &e->values[lb_source(e, node, k)];
        if (in->operation > latest) latest = in->operation;
    }
    if (latest < 0 || e->operations[latest].kind != LB_OPERATION_PASS) return -1;
    return e->operations[latest].pass->values == lb_values_of(e->values[node].map) ? latest : -1;
}

static lb_status join_pass(lb_executor *e, int node)
{
    const int pass = pass_to_join(e, node);
    for (int k = 0; k < e->net->nodes[node].n_in; k++) {
        const int in = lb_source(e, node, k);
        if (pass < 0 || e->values[in].operation != pass) LB_TRY(need_real(e, in));
    }
    if (pass < 0) return start_pass(e, node);
    e->values[node].operation = pass;
    e->values[node].in_pass = true;
    return lb_pass_add_node(e, e->operations[pass].pass, node);
}

static lb_status need_bits(lb_executor *e, int node)
{
    lb_value *v = &e->values[node];
    return lb_buffer_add(e, LB_CELL_BIT, lb_values_of(v->map), &v->bits);
}

static lb_status plan_quantize(lb_executor *e, int node)
{
    const lb_quantize *q = &e->net->nodes[node].as.quantize;
    lb_value *v = &e->values[node];
    const lb_value *in = &e->values[lb_source(e, node, 0)];
    v->act = lb_quantize_map(e->net, &e->net->nodes[node]);
    v->coded = (v->act.low >= 0.0f && v->act.high <= 255.0f) ||
               (v->act.low >= -128.0f && v->act.high <= 127.0f);
    v->low = v->act.low * v->act.scale;
    v->high = v->act.high * v->act.scale;
    const bool moves = lb_quantize_moves(&e->net->nodes[node]);
    const bool always_inside =
        !moves && !v->act.open && in->low >= v->act.window_low && in->high <= v->act.window_high;
    const bool smooth = v->act.gradient == LB_GRADIENT_APPROX_SIGN;
    if (!always_inside && !smooth) LB_TRY(need_bits(e, node));
    if (moves) {
        v->low = -INFINITY;
        v->high = INFINITY;
    }
    if (q->learned >= 0 || smooth) LB_TRY(need_real(e, lb_source(e, node, 0)));
    return join_pass(e, node);
}

static lb_status plan_dropout(lb_executor *e, int node)
{
    lb_operation *op = NULL;
    LB_TRY(need_bits(e, node));
    LB_TRY(need_real(e, lb_source(e, node, 0)));
    LB_TRY(lb_operation_add(e, LB_OPERATION_DROPOUT_BITS, node, &op));
    op->out = e->values[node].bits;
    return start_pass(e, node);
}

static lb_status plan_batch_norm(lb_executor *e, int node)
{
    const int in = lb_source(e, node, 0);
    lb_value *v = &e->values[node], *x = &e->values[in];
    lb_norm *norm = &e->norms[e->n_norms++];
    *norm = (lb_norm){.node = node,
                      .x = -1,
                      .g = -1,
                      .sums_region = -1,
                      .map = v->map,
                      .flattened = v->flattened};
    v->norm = norm;
    lb_operation *op = NULL;
    if (x->layer && x->raw >= 0 && only_batch_norm_reads(e->net, in)) {
        norm->layer = x->layer;
        norm->x = x->raw;
    } else {
        LB_TRY(need_real(e, in));
        norm->x = x->real;
    }
    LB_TRY(lb_operation_add(e, LB_OPERATION_STATISTICS, node, &op));
    op->norm = norm;
    op->in[0] = norm->x;
    norm->statistics_region = op->region;
    if (norm->layer && norm->layer->integer &&
        lb_layer_largest_sum(&e->net->nodes[in], &e->values[norm->layer->input_node].act) <=
            INT16_MAX) {
        LB_TRY(lb_buffer_add(e, LB_CELL_I16, lb_values_of(v->map), &norm->x));
        op->out = norm->x;
    }
    LB_TRY(lb_norm_create(e, norm));
    if (norm->statistics_region == (int)e->n_regions - 1) lb_region_next(e);
    return start_pass(e, node);
}

/* ---- the others ---- */

/* A linear layer's input from h, w, c to c, h, w; *buffer changes. */
static lb_status plan_vector(lb_executor *e, const lb_layer *layer, int node, int *buffer)
{
    lb_operation *op = NULL;
    const int from = *buffer;
    LB_TRY(lb_buffer_add(e, e->buffers[from].cell, lb_values_of(layer->in), buffer));
    LB_TRY(lb_operation_add(e, LB_OPERATION_VECTOR, node, &op));
    op->in[0] = from;
    op->out = *buffer;
    return LB_OK;
}

static lb_status plan_layer(lb_executor *e, int node)
{
    const lb_node *n = &e->net->nodes[node];
    const int in = lb_source(e, node, 0);
    lb_value *v = &e->values[node], *x = &e->values[in];
    lb_layer *layer = &e->layers[e->n_layers++];
    *layer = (lb_layer){.node = node,
                        .input_node = in,
                        .flat = n->op == LB_OP_LINEAR,
                        .in = x->map,
                        .out = v->map,
                        .wants_dx = x->needs_gradient,
                        .input_scale = 1.0f,
                        .split_gradient = -1};
    const bool vector = layer->flat && x->map.h * x->map.w > 1;
    v->layer = layer;
    layer->integer = lb_layer_takes_codes(e, n, x);
    LB_TRY(lb_layer_create(e, layer));
    layer->codes = layer->floats = -1;
    if (layer->takes_codes) {
        LB_TRY(need_codes(e, in));
        layer->codes = x->codes;
    }
    if (!layer->integer) {
        LB_TRY(need_real(e, in));
        layer->floats = x->real;
    }
    if (vector)
        LB_TRY(plan_vector(e, layer, node, layer->integer ? &layer->codes : &layer->floats));

    lb_operation *op = NULL;
    LB_TRY(lb_buffer_add(e, LB_CELL_F32, lb_values_of(v->map), &v->raw));
    LB_TRY(lb_operation_add(e, LB_OPERATION_FORWARD, node, &op));
    op->layer = layer;
    op->chunk = layer->chunk;
    op->in[0] = layer->integer ? layer->codes : layer->floats;
    op->out = v->raw;
    v->operation = (int)e->n_operations - 1;
    if (only_batch_norm_reads(e->net, node)) return LB_OK;
    if (layer->needs_affine) return start_pass(e, node);
    v->real = v->raw;
    return LB_OK;
}

static lb_pool_shape pool_shape(lb_shape in, const lb_node *n)
{
    const lb_window *w = &n->as.pool;
    return (lb_pool_shape){.c = in.c,
                           .h = in.h,
                           .w = in.w,
                           .out_h = n->shape.h,
                           .out_w = n->shape.w,
                           .kh = w->kh,
                           .kw = w->kw,
                           .stride = w->stride,
                           .pad_top = w->pad_top,
                           .pad_left = w->pad_left};
}

/* Pools, concat, subsample and a flatten that really moves values: floats in, floats out. */
static lb_status plan_moving(lb_executor *e, int node, lb_operation_kind kind)
{
    const lb_node *n = &e->net->nodes[node];
    lb_value *v = &e->values[node];
    int in[2] = {-1, -1};
    for (int k = 0; k < n->n_in; k++) {
        in[k] = lb_source(e, node, k);
        LB_TRY(need_real(e, in[k]));
    }
    LB_TRY(need_real(e, node));
    lb_operation *op = NULL;
    LB_TRY(lb_operation_add(e, kind, node, &op));
    for (int k = 0; k < n->n_in; k++) op->in[k] = e->values[in[k]].real;
    op->out = v->real;
    v->operation = (int)e->n_operations - 1;
    if (kind == LB_OPERATION_POOL) op->pool = pool_shape(e->values[in[0]].map, n);
    if (n->op == LB_OP_MAX_POOL) {
        if (n->as.pool.kh * n->as.pool.kw > INT16_MAX) {
            return lb_fail(LB_E_UNSUPPORTED, "node '%s': pool of %zu x %zu, wanted at most %d taps",
                           n->name, n->as.pool.kh, n->as.pool.kw, INT16_MAX);
        }
        LB_TRY(lb_buffer_add(e, LB_CELL_I16, lb_values_of(v->map), &v->bits));
        op->aux = v->bits;
    }
    return LB_OK;
}

/* Range of a node's values, to know where a straight-through window never closes. */
static void find_range(lb_executor *e, int node)
{
    const lb_node *n = &e->net->nodes[node];
    lb_value *v = &e->values[node];
    v->low = -INFINITY;
    v->high = INFINITY;
    if (n->op == LB_OP_RELU) v->low = 0.0f;
    if (n->op == LB_OP_CLIP) {
        v->low = n->as.clip.low;
        v->high = n->as.clip.high;
    }
    if (n->op == LB_OP_MAX_POOL || n->op == LB_OP_AVERAGE_POOL || n->op == LB_OP_FLATTEN) {
        v->low = e->values[n->in[0]].low;
        v->high = e->values[n->in[0]].high;
    }
}

static void start_value(lb_executor *e, int node)
{
    const lb_node *n = &e->net->nodes[node];
    lb_value *v = &e->values[node];
    v->map = n->shape;
    v->real = v->codes = v->operation = v->gradient = v->raw = v->bits = v->learned = -1;
    const bool element_wise = n->op == LB_OP_BATCH_NORM || n->op == LB_OP_RELU ||
                              n->op == LB_OP_CLIP || n->op == LB_OP_QUANTIZE ||
                              n->op == LB_OP_DROPOUT;
    if (element_wise || (n->op == LB_OP_FLATTEN && flatten_renames(e->net, node))) {
        v->map = e->values[n->in[0]].map;
        v->flattened =
            e->values[n->in[0]].flattened || (n->op == LB_OP_FLATTEN && v->map.h * v->map.w > 1);
    }
    find_range(e, node);
    v->needs_gradient = n->op == LB_OP_CONV || n->op == LB_OP_LINEAR ||
                        (n->op == LB_OP_BATCH_NORM && n->as.norm.gamma >= 0) ||
                        (n->op == LB_OP_QUANTIZE && n->as.quantize.learned >= 0);
    for (int k = 0; k < n->n_in; k++)
        v->needs_gradient = v->needs_gradient || e->values[n->in[k]].needs_gradient;
}

static lb_status plan_node(lb_executor *e, int node)
{
    const lb_node *n = &e->net->nodes[node];
    start_value(e, node);
    switch (n->op) {
    case LB_OP_INPUT: return plan_moving(e, node, LB_OPERATION_IMPORT);
    case LB_OP_CONV:
    case LB_OP_LINEAR: return plan_layer(e, node);
    case LB_OP_BATCH_NORM: return plan_batch_norm(e, node);
    case LB_OP_RELU:
    case LB_OP_CLIP: LB_TRY(need_bits(e, node)); return join_pass(e, node);
    case LB_OP_ADD: return join_pass(e, node);
    case LB_OP_QUANTIZE: return plan_quantize(e, node);
    case LB_OP_DROPOUT: return plan_dropout(e, node);
    case LB_OP_MAX_POOL:
    case LB_OP_AVERAGE_POOL: return plan_moving(e, node, LB_OPERATION_POOL);
    case LB_OP_CONCAT: return plan_moving(e, node, LB_OPERATION_CONCAT);
    case LB_OP_SUBSAMPLE: return plan_moving(e, node, LB_OPERATION_SUBSAMPLE);
    case LB_OP_FLATTEN:
        return flatten_renames(e->net, node) ? LB_OK : plan_moving(e, node, LB_OPERATION_FLATTEN);
    }
    return LB_OK;
}

/* ---- steps of a pass ---- */

static bool read_in_pass(const lb_executor *e, const lb_pass *pass, int node)
{
    for (size_t k = 0; k < pass->n_nodes; k++) {
        const lb_node *n = &e->net->nodes[pass->nodes[k]];
        if (pass->nodes[k] == node || n->op == LB_OP_CONV || n->op == LB_OP_LINEAR ||
            n->op == LB_OP_BATCH_NORM) {
            continue; /* these read their input's buffer */
        }
        for (int i = 0; i < n->n_in; i++) {
            if (lb_source(e, pass->nodes[k], i) == node) return true;
        }
    }
    return false;
}

static lb_status emit_affine(lb_executor *e, lb_pass *pass, int x, int out, size_t period,
                             const float *a, const float *b)
{
    lb_step *step = NULL;
    LB_TRY(lb_pass_add_step(e, pass, LB_STEP_AFFINE, &step));
    step->x = lb_pass_register(pass, x);
    step->out = out;
    step->period = period;
    step->a = a;
    step->b = b;
    return LB_OK;
}

static lb_status emit_window(lb_executor *e, lb_pass *pass, int x, const lb_value *v,
                             const lb_node *n)
{
    if (v->bits < 0) return LB_OK;
    lb_step *step = NULL;
    LB_TRY(lb_pass_add_step(e, pass, LB_STEP_WINDOW, &step));
    step->x = x;
    step->buffer = v->bits;
    if (n->op == LB_OP_RELU) {
        step->low = 0.0f;
        step->high = INFINITY;
        step->open = true;
    } else if (n->op == LB_OP_CLIP) {
        step->low = n->as.clip.low;
        step->high = n->as.clip.high;
    } else {
        step->map = &v->act;
        step->open = v->act.open;
    }
    return LB_OK;
}

static lb_status emit_node(lb_executor *e, lb_pass *pass, int node, int *registers)
{
    static const lb_step_kind kinds[] = {[LB_OP_RELU] = LB_STEP_RELU,
                                         [LB_OP_CLIP] = LB_STEP_CLIP,
                                         [LB_OP_ADD] = LB_STEP_ADD,
                                         [LB_OP_QUANTIZE] = LB_STEP_QUANTIZE,
                                         [LB_OP_DROPOUT] = LB_STEP_MASK};
    const lb_node *n = &e->net->nodes[node];
    const lb_value *v = &e->values[node];
    const bool wanted = v->real >= 0 || read_in_pass(e, pass, node);
    if (n->op == LB_OP_BATCH_NORM || v->layer) {
        registers[node] = lb_pass_register(pass, v->real);
        if (v->layer) {
            return emit_affine(e, pass, v->raw, registers[node], v->layer->period, v->layer->scale,
                               v->layer->shift);
        }
        return emit_affine(e, pass, v->norm->x, registers[node], v->norm->period, v->norm->a,
                           v->norm->b);
    }
    int in[2] = {-1, -1};
    for (int k = 0; k < n->n_in; k++) {
        const int source = lb_source(e, node, k);
        if (registers[source] < 0)
            registers[source] = lb_pass_register(pass, e->values[source].real);
        in[k] = registers[source];
    }
    if (n->op != LB_OP_DROPOUT) LB_TRY(emit_window(e, pass, in[0], v, n));
    lb_step *step = NULL;
    LB_TRY(lb_pass_add_step(e, pass, kinds[n->op], &step));
    step->x = in[0];
    step->y = in[1];
    step->out = registers[node] = wanted ? lb_pass_register(pass, v->real) : -1;
    if (n->op == LB_OP_RELU) step->factor = n->as.relu.slope;
    if (n->op == LB_OP_CLIP) {
        step->low = n->as.clip.low;
        step->high = n->as.clip.high;
    }
    if (n->op == LB_OP_DROPOUT) {
        step->buffer = v->bits;
        step->factor = 1.0f / (1.0f - n->as.dropout.p);
    }
    if (n->op == LB_OP_QUANTIZE) {
        step->buffer = v->codes;
        step->map = &v->act;
    }
    return LB_OK;
}

/* Every buffer a pass must fill is known only when all operations stand. */
static lb_status emit_pass(lb_executor *e, lb_operation *op, int *registers)
{
    for (size_t i = 0; i < e->net->n_nodes; i++) registers[i] = -1;
    for (size_t k = 0; k < op->pass->n_nodes; k++)
        LB_TRY(emit_node(e, op->pass, op->pass->nodes[k], registers));
    return lb_pass_finish(e, op);
}

lb_status lb_forward_plan(lb_executor *e)
{
    const size_t n = e->net->n_nodes;
    for (size_t i = 0; i < n; i++) LB_TRY(plan_node(e, (int)i));
    const int last = source_of(e, (int)n - 1);
    LB_TRY(need_real(e, last));
    int *registers = NULL;
    LB_TRY(lb_executor_alloc(e, n, sizeof *registers, "registers of a pass", &registers));
    for (size_t i = 0; i < e->n_operations; i++) {
        if (e->operations[i].kind == LB_OPERATION_PASS)
            LB_TRY(emit_pass(e, &e->operations[i], registers));
    }
    return LB_OK;
}
