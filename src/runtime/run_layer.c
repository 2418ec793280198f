#include "runtime/packed.h"

bool lb_layer_splits_filters(const lb_layer_plan *plan)
{
    const lb_int_layer *l = plan->layer;
    if (l->op != LB_INT_CONV || plan->followers > 0) return false;
    if (plan->integer && plan->conv.thresholds.bits > 0) return true;
    /* what follows sums in memory works on whole pixels, or on a part of the only one */
    return l->weights.terms == 1 && l->groups == 1 && l->map.shape.h * l->map.shape.w == 1;
}

void *lb_task_map(const lb_layer_task *task)
{
    return task->maps + task->offsets[task->index];
}

const void *lb_task_input(const lb_layer_task *task, size_t k)
{
    return task->maps + task->offsets[task->plan->layer->in[k]];
}

void lb_layer_task_run(const lb_layer_task *task)
{
    switch (task->plan->layer->op) {
    case LB_INT_INPUT: lb_run_input(task); break;
    case LB_INT_CONV: lb_run_conv(task); break;
    case LB_INT_EXPRESSION:
        for (size_t row = task->row_begin; row < task->row_end; row++)
            lb_rows_express(task, row, 1);
        break;
    case LB_INT_MAX_POOL: lb_run_max_pool(task); break;
    case LB_INT_AVERAGE_POOL: lb_run_average_pool(task); break;
    case LB_INT_CONCAT: lb_run_concat(task); break;
    case LB_INT_SUBSAMPLE: lb_run_subsample(task); break;
    }
}
