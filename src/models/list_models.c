/* The table of models as the public header shows it. */
#include <math.h>
#include <string.h>

#include "lowbit/models.h"
#include "models/model.h"

static const lb_model *model_at(size_t index)
{
    for (size_t f = 0; lb_model_families[f] != NULL; f++) {
        for (const lb_model *m = lb_model_families[f]->models; m->name != NULL; m++) {
            if (index-- == 0) return m;
        }
    }
    return NULL;
}

/* The float network for the model's own classes. */
static lb_status build_float(const lb_model *model, lb_net *net)
{
    const lb_shape any = {1, 28, 28};
    const lb_method_request method = {.method = "float",
                                      .w_bits = -1,
                                      .a_bits = -1,
                                      .first = -1,
                                      .last = -1,
                                      .order = -1,
                                      .granularity = -1,
                                      .quantize_shortcuts = -1,
                                      .quantize_last_input = -1,
                                      .relu_slope = NAN};
    lb_model_request request = {.name = model->name,
                                .input = model->input.c > 0 ? model->input : any,
                                .classes = model->classes,
                                .width_multiplier = 1.0,
                                .describe_only = true};
    lb_net_init(net);
    LB_TRY(lb_method_resolve(&method, &request.quant));
    return lb_model_build(&request, net);
}

static lb_status fill(const lb_model *model, lb_model_info *out)
{
    lb_net net;
    lb_model_info info = {.name = model->name,
                          .summary = model->summary,
                          .source = model->source,
                          .channels = model->input.c,
                          .height = model->input.h,
                          .width = model->input.w,
                          .classes = model->classes,
                          .shortcuts = model->depth > 0,
                          .widths = model->takes_widths};
    const lb_status status = build_float(model, &net);
    for (size_t i = 0; status == LB_OK && i < net.n_params; i++) {
        if (net.params[i].role == LB_PARAM_WEIGHT) info.weights += net.params[i].count;
        if (net.params[i].role == LB_PARAM_BIAS) info.biases += net.params[i].count;
    }
    lb_net_release(&net);
    if (status == LB_OK) *out = info;
    return status;
}

size_t lb_model_count(void)
{
    size_t n = 0;
    while (model_at(n) != NULL) n++;
    return n;
}

lb_status lb_model_info_at(size_t index, lb_model_info *out)
{
    const lb_model *model = model_at(index);
    if (model == NULL) return lb_fail(LB_E_ARG, "model %zu of %zu", index, lb_model_count());
    return fill(model, out);
}

lb_status lb_model_info_find(const char *name, lb_model_info *out)
{
    const lb_model *model = NULL;
    LB_TRY(lb_model_choose(name, &model));
    return fill(model, out);
}
