#include "support/held_weights.h"

#include "support/support.h"

void lb_test_hold_weights(lb_net *net, size_t period)
{
    for (size_t p = 0; p < net->n_params; p++) {
        lb_param *param = &net->params[p];
        if (param->role != LB_PARAM_WEIGHT) continue;
        assert_ok(lb_arena_alloc(&net->arena, param->count, 1, "held", (void **)&param->held));
        for (size_t i = 0; i < param->count; i += period) param->held[i] = 1;
        param->all_held = period == 1;
    }
}
