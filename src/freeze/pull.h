/* Quantizers moved before max-pools and concatenations, so that those work on codes. */
#ifndef LB_FREEZE_PULL_H
#define LB_FREEZE_PULL_H

#include "freeze/graph.h"

/** Move what can be moved; `uses` of all nodes are counted. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_pull_quantizers(lb_freeze_graph *graph);

/** Append a copy of `node`. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_freeze_graph_add(lb_freeze_graph *graph, const lb_freeze_node *node,
                                            int *index);

#endif
