/* What the files of the graph builder share: net.c (storage, checks), net_layers.c (one function a
 * layer) and codes.c. */
#ifndef LB_NN_NET_INTERNAL_H
#define LB_NN_NET_INTERNAL_H

#include "nn/net.h"

/** Remember a net's first failure; later ones are dropped. Returns 0, the index builders return
 *  then. */
LB_PRINTF(3, 4) int lb_net_fail(lb_net *net, lb_status status, const char *fmt, ...);

/** A new node fed by `a` (and `b`, -1: none), its op, name and inputs set and the rest zero; NULL
 *  after a failure. Borrowed until the next node is added. */
lb_node *lb_net_new_node(lb_net *net, lb_op op, const char *name, int a, int b);

/** A new parameter "NODE.suffix" of the net's last node, values zero; -1 after a failure. */
int lb_net_new_param(lb_net *net, lb_param_role role, const char *suffix, size_t n_dims,
                     const size_t *dims);

/** No integer layer's sum of codes can leave int32. Errors: LB_E_UNSUPPORTED. */
LB_MUST_CHECK lb_status lb_net_check_sums(const lb_net *net);

#endif
