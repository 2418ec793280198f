/* Inspecting runs and settings: the network is rebuilt and its costs are counted. */
#include "lowbit/inspect.h"
#include "models/cost.h"
#include "models/scaling_cost.h"
#include "train/config.h"
#include "train/run.h"

lb_status lb_inspect_run(const char *run, lb_inspection **out)
{
    lb_run opened;
    lb_status status = lb_run_open(run, &opened);
    if (status == LB_OK) status = lb_cost_of_net(&opened.net, out);
    lb_run_release(&opened);
    return status;
}

static lb_status build(const lb_train_config *config, lb_shape shape, size_t classes, lb_net *net)
{
    static const lb_shape any = {1, 28, 28};
    const lb_model *model = NULL;
    LB_TRY(lb_model_choose(config->model, &model));
    const lb_shape standard = model->input.c > 0 ? model->input : any;
    return lb_train_config_build(config, shape.c > 0 ? shape : standard,
                                 classes > 0 ? classes : model->classes, net);
}

/* The network of settings, for counting alone. Release net and config in any case. */
static lb_status describe(const lb_settings *settings, lb_shape shape, size_t classes,
                          lb_train_config *config, lb_net *net)
{
    *config = (lb_train_config){0};
    lb_net_init(net);
    LB_TRY(lb_train_config_read(settings, config));
    config->describe_only = true;
    return build(config, shape, classes, net);
}

lb_status lb_inspect_settings(const lb_settings *settings, size_t channels, size_t height,
                              size_t width, size_t classes, lb_inspection **out)
{
    lb_train_config config;
    lb_net net;
    const lb_shape shape = {channels, height, width};
    lb_status status = describe(settings, shape, classes, &config, &net);
    if (status == LB_OK) status = lb_cost_of_net(&net, out);
    lb_net_release(&net);
    lb_train_config_release(&config);
    return status;
}

lb_status lb_cost_scaling(const lb_settings *settings, size_t channels, size_t height, size_t width,
                          size_t classes, lb_scaling_costs **out)
{
    lb_train_config config;
    lb_net net;
    const lb_shape shape = {channels, height, width};
    lb_status status = describe(settings, shape, classes, &config, &net);
    if (status == LB_OK) status = lb_scaling_costs_of_net(&net, out);
    lb_net_release(&net);
    lb_train_config_release(&config);
    return status;
}
