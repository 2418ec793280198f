/* Running a CONV layer: sums by a kernel, row by row, and what follows them. */
#include "runtime/layer_weights.h"
#include "runtime/packed.h"

/* EXPRESSION layers that follow the map, on rows of it. */
static void run_followers(const lb_layer_task *task, size_t row, size_t rows)
{
    for (size_t i = 1; i <= task->plan->followers; i++) {
        lb_layer_task follower = *task;
        follower.index += i;
        follower.plan += i;
        lb_rows_express(&follower, row, rows);
    }
}

static void finish_integers(void *user, size_t row, size_t rows, const int32_t *sums)
{
    const lb_layer_task *task = user;
    lb_rows_finish(task, row, rows, (lb_row_sums){.integers = sums});
    run_followers(task, row, rows);
}

static void run_integers(const lb_layer_task *task)
{
    lb_layer_task copy = *task; /* the callback's; it is not changed */
    const lb_conv_job job = {
        .plan = &task->plan->conv,
        .in = lb_task_input(task, 0),
        .out = lb_task_map(task),
        .scratch = task->scratch + task->plan->scratch.kernel,
        .row_begin = task->row_begin,
        .row_end = task->row_end,
        .filter_begin = task->filter_begin,
        .filter_end = task->filter_end,
        .finish = finish_integers,
        .user = &copy,
    };
    if (lb_conv_runs_by_parts(task->plan->layer))
        lb_run_parts(task, &job);
    else
        lb_conv_run(&job);
}

static void run_floats(const lb_layer_task *task)
{
    lb_float_conv_state state = lb_float_conv_begin(&task->plan->float_conv, lb_task_input(task, 0),
                                                    task->scratch + task->plan->scratch.kernel);
    for (size_t row = task->row_begin; row < task->row_end; row++) {
        float *sums = lb_row_float_sums(task, row);
        lb_float_conv_row(&state, row, task->filter_begin, task->filter_end, sums);
        lb_rows_finish(task, row, 1, (lb_row_sums){.floats = sums});
        run_followers(task, row, 1);
    }
}

void lb_run_conv(const lb_layer_task *task)
{
    if (task->plan->integer)
        run_integers(task);
    else
        run_floats(task);
}
