/* The training graph made plain for freeze: the same maps from fewer nodes. */
#ifndef LB_FREEZE_GRAPH_H
#define LB_FREEZE_GRAPH_H

#include "nn/net.h"

/* A node: an operation of the training graph, perhaps at another place. */
typedef struct lb_freeze_node {
    lb_op op;        /* never FLATTEN or DROPOUT */
    int source;      /* the training node it comes from */
    int equals;      /* the training node whose map this node's map equals; -1: there is none */
    int in[2], n_in; /* indices of nodes, in no order */
    int uses;        /* inputs that read this map */
    lb_shape shape;
    lb_window window;   /* CONV, LINEAR (its whole input map) and pools */
    bool coded;         /* the map holds codes ... */
    lb_act_map map;     /* ... of this map. QUANTIZE: what it does */
    const float *a, *b; /* BATCH_NORM: y = x * a + b, [channels] */
    uint8_t *reversed;  /* MAX_POOL: bit c: the smallest value of channel c; NULL: no channel */
} lb_freeze_node;

typedef struct lb_freeze_graph {
    lb_net *net;
    lb_freeze_node *nodes;
    size_t n, capacity;
    int last;       /* the logits */
    lb_arena arena; /* owns all of it */
} lb_freeze_graph;

/**
 * Make the plain graph of a network.
 *
 * Computes:  flatten and dropout disappear (a linear layer's window is the map before the flatten); nodes
 *            of equal input and effect become one; quantizers, with the element-wise nodes before them,
 *            move before max-pools and concatenations that nothing else reads.
 * Ownership: *out is yours, lb_freeze_graph_release, also after a failure; it borrows `net`.
 * Errors:    LB_E_UNSUPPORTED names the layer and the reason; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_freeze_graph_build(lb_net *net, lb_freeze_graph *out);
void lb_freeze_graph_release(lb_freeze_graph *graph);

/** BATCH_NORM, RELU or CLIP: one value in, one value out, rising or falling. */
bool lb_freeze_is_unary(const lb_freeze_node *node);

#endif
