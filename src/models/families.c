/* The model families the build found (src/models/model_ID.c), and the front door to their
 * builders. */
#include <string.h>

#include "base/suggest.h"
#include "models/model.h"

#define LB_MODEL(id) extern const lb_model_family lb_model_family_##id;
#include "models.inc"
#undef LB_MODEL

const lb_model_family *const lb_model_families[] = {
#define LB_MODEL(id) &lb_model_family_##id,
#include "models.inc"
#undef LB_MODEL
    NULL,
};

const lb_model *lb_model_find(const char *name)
{
    for (size_t f = 0; lb_model_families[f] != NULL; f++) {
        for (const lb_model *m = lb_model_families[f]->models; m->name != NULL; m++) {
            if (strcmp(m->name, name) == 0) return m;
        }
    }
    return NULL;
}

static lb_status unknown_model(const char *name)
{
    enum { MAX_NAMES = 256 };
    const char *names[MAX_NAMES];
    size_t n = 0;
    for (size_t f = 0; lb_model_families[f] != NULL; f++) {
        for (const lb_model *m = lb_model_families[f]->models; m->name != NULL && n < MAX_NAMES;
             m++) {
            names[n++] = m->name;
        }
    }
    const char *near = lb_suggest(name, names, n);
    if (near != NULL)
        return lb_fail(LB_E_ARG, "unknown model '%s'; did you mean '%s'?", name, near);
    return lb_fail(LB_E_ARG, "unknown model '%s'; `lowbit models` lists them", name);
}

lb_status lb_model_choose(const char *name, const lb_model **out)
{
    const lb_model *model = lb_model_find(name);
    if (model == NULL) return unknown_model(name);
    *out = model;
    return LB_OK;
}

static lb_status check_request(const lb_model *model, const lb_model_request *request)
{
    const lb_shape got = request->input, wanted = model->input;
    if (request->classes == 0)
        return lb_fail(LB_E_ARG, "model '%s': 0 classes; wanted at least 1", model->name);
    if (request->n_widths > 0 && !model->takes_widths) {
        return lb_fail(LB_E_ARG, "model '%s' has fixed widths; widths are for model 'mlp'",
                       model->name);
    }
    const bool chosen =
        request->shortcut != LB_SHORTCUT_MODEL || request->shortcut_norm != LB_SWITCH_MODEL;
    if (chosen && model->depth == 0) {
        return lb_fail(LB_E_ARG, "model '%s' is no ResNet: it has no shortcuts to choose",
                       model->name);
    }
    const bool same_channels = wanted.c == 0 || got.c == wanted.c;
    const bool same_size = wanted.h == 0 || (got.h == wanted.h && got.w == wanted.w);
    if (same_channels && same_size && got.c > 0 && got.h > 0 && got.w > 0) return LB_OK;
    return lb_fail(
        LB_E_SHAPE,
        "model '%s' takes images of %zux%zux%zu (channels x height x width), not %zux%zux%zu; "
        "`lowbit models` tells what others take",
        model->name, wanted.c, wanted.h, wanted.w, got.c, got.h, got.w);
}

lb_status lb_model_build(const lb_model_request *request, lb_net *net)
{
    lb_net_init(net);
    net->describe_only = request->describe_only;
    const lb_model *model = NULL;
    LB_TRY(lb_model_choose(request->name, &model));
    LB_TRY(check_request(model, request));
    model->build(model, request, net);
    return lb_net_finish(net, request->loss);
}
