/* Scaling factors and operations of a network, layer by layer. */
#ifndef LB_MODELS_SCALING_COST_H
#define LB_MODELS_SCALING_COST_H

#include "lowbit/costs.h"
#include "nn/net.h"

/** lb_cost_scaling of a network. Ownership: lb_scaling_costs_destroy. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_scaling_costs_of_net(const lb_net *net, lb_scaling_costs **out);

#endif
