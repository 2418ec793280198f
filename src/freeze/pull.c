/* A segment is a run of element-wise nodes that ends in a quantizer, each read by the next one alone:
 *
 *     x -> pool -> batch-norm -> clip -> quantize        becomes
 *     x -> batch-norm -> clip -> quantize -> pool
 *
 *     x, y -> concat -> quantize                         becomes
 *     x -> quantize, y -> quantize -> concat             with the channels' own coefficients
 *
 * What moved has no map of the training graph any more; the pool's, or the concatenation's, map is now
 * the quantizer's. */
#include "freeze/pull.h"

/* The first node of the segment that ends in quantizer q. */
static int segment_head(const lb_freeze_graph *graph, int q)
{
    int head = q;
    for (;;) {
        const int in = graph->nodes[head].in[0];
        const lb_freeze_node *node = &graph->nodes[in];
        if (!lb_freeze_is_unary(node) || node->uses != 1) return head;
        head = in;
    }
}

/* Does a segment after this node fuse with what is before it? */
static bool is_fusable(const lb_freeze_node *node)
{
    if (node->uses != 1 || node->coded) return false;
    return lb_freeze_is_unary(node) || node->op == LB_OP_CONV || node->op == LB_OP_LINEAR ||
           node->op == LB_OP_ADD || node->op == LB_OP_MAX_POOL || node->op == LB_OP_CONCAT;
}

static bool can_pass(const lb_freeze_graph *graph, const lb_freeze_node *barrier)
{
    if (barrier->uses != 1 || barrier->coded) return false;
    if (barrier->op == LB_OP_MAX_POOL) return is_fusable(&graph->nodes[barrier->in[0]]);
    if (barrier->op == LB_OP_CONCAT)
        return is_fusable(&graph->nodes[barrier->in[0]]) ||
               is_fusable(&graph->nodes[barrier->in[1]]);
    return false;
}

/* The barrier takes the quantizer's place: whoever read q reads it. */
static void take_place(lb_freeze_graph *graph, int q, int barrier)
{
    for (size_t i = 0; i < graph->n; i++)
        for (int k = 0; k < graph->nodes[i].n_in; k++)
            if (graph->nodes[i].in[k] == q) graph->nodes[i].in[k] = barrier;
    lb_freeze_node *b = &graph->nodes[barrier];
    b->uses = graph->nodes[q].uses;
    b->equals = graph->nodes[q].equals;
    b->coded = true;
    b->map = graph->nodes[q].map;
    if (graph->last == q) graph->last = barrier;
}

/* The segment from `head` to q now starts at node x, whose map it sees. */
static void start_at(lb_freeze_graph *graph, int head, int q, int x)
{
    for (int node = q;; node = graph->nodes[node].in[0]) {
        lb_freeze_node *n = &graph->nodes[node];
        n->uses = 1;
        n->equals = -1;
        n->shape = graph->nodes[x].shape;
        if (node == head) {
            n->in[0] = x;
            return;
        }
    }
}

/* Flip the bit of each channel in which the segment falls. */
static lb_status reverse_channels(lb_freeze_graph *graph, int head, int q, int pool)
{
    lb_freeze_node *p = &graph->nodes[pool];
    bool any = false;
    uint8_t *reversed = NULL;
    LB_TRY(lb_arena_alloc(&graph->arena, (p->shape.c + 7) / 8, 1, "pool", (void **)&reversed));
    for (int node = q;; node = graph->nodes[node].in[0]) {
        const lb_freeze_node *n = &graph->nodes[node];
        for (size_t c = 0; n->op == LB_OP_BATCH_NORM && c < n->shape.c; c++) {
            if (!(n->a[c] < 0.0f)) continue;
            reversed[c / 8] = (uint8_t)(reversed[c / 8] ^ 1u << c % 8);
            any = true;
        }
        if (node == head) break;
    }
    p->reversed = any ? reversed : NULL;
    return LB_OK;
}

static lb_status pass_pool(lb_freeze_graph *graph, int head, int q, int pool)
{
    const int x = graph->nodes[pool].in[0];
    LB_TRY(reverse_channels(graph, head, q, pool));
    take_place(graph, q, pool);
    start_at(graph, head, q, x);
    graph->nodes[pool].in[0] = q;
    return LB_OK;
}

/* A copy of the segment for the channels from `first` on; *copy_head and *copy_q are its ends. */
static lb_status copy_segment(lb_freeze_graph *graph, int head, int q, size_t first, int *copy_head,
                              int *copy_q)
{
    int reader = -1;
    for (int node = q;; node = graph->nodes[node].in[0]) {
        lb_freeze_node copy = graph->nodes[node];
        if (copy.op == LB_OP_BATCH_NORM) {
            copy.a += first;
            copy.b += first;
        }
        LB_TRY(lb_freeze_graph_add(graph, &copy, copy_head));
        if (reader < 0)
            *copy_q = *copy_head;
        else
            graph->nodes[reader].in[0] = *copy_head;
        reader = *copy_head;
        if (node == head) return LB_OK;
    }
}

static lb_status pass_concat(lb_freeze_graph *graph, int head, int q, int concat)
{
    const int x = graph->nodes[concat].in[0], y = graph->nodes[concat].in[1];
    int y_head = 0, y_q = 0;
    take_place(graph, q, concat);
    LB_TRY(copy_segment(graph, head, q, graph->nodes[x].shape.c, &y_head, &y_q));
    start_at(graph, head, q, x);
    start_at(graph, y_head, y_q, y);
    graph->nodes[concat].in[0] = q;
    graph->nodes[concat].in[1] = y_q;
    return LB_OK;
}

lb_status lb_pull_quantizers(lb_freeze_graph *graph)
{
    for (size_t i = 0; i < graph->n; i++) { /* copies are appended and get their turn */
        const int q = (int)i;
        while (graph->nodes[i].op == LB_OP_QUANTIZE) {
            const int head = segment_head(graph, q);
            const int barrier = graph->nodes[head].in[0];
            if (!can_pass(graph, &graph->nodes[barrier])) break;
            if (graph->nodes[barrier].op == LB_OP_MAX_POOL)
                LB_TRY(pass_pool(graph, head, q, barrier));
            else
                LB_TRY(pass_concat(graph, head, q, barrier));
        }
    }
    return LB_OK;
}
