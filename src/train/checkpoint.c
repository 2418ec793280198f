/* Writing and strict reading of checkpoints. */
#include "train/checkpoint.h"

#include <stdio.h>
#include <string.h>

static const char format[] = "lowbit checkpoint 1";
static const char moment_prefix[] = "optimizer/";
enum { MOMENT_NAME_BYTES = 128 };

static void moment_name(const lb_optimizer *o, size_t k, const lb_param *param,
                        char name[MOMENT_NAME_BYTES])
{
    (void)snprintf(name, MOMENT_NAME_BYTES, "%s%s/%s", moment_prefix,
                   lb_optimizer_moment_name(o, k), param->name);
}

static lb_stored_tensor tensor_of(const lb_param *param, const char *name, const float *data)
{
    lb_stored_tensor t = {.name = name,
                          .dtype = LB_F32,
                          .n_dims = param->n_dims,
                          .data = data,
                          .bytes = param->count * sizeof(float)};
    for (size_t d = 0; d < param->n_dims; d++) t.dims[d] = param->dims[d];
    return t;
}

static size_t count_moments(const lb_optimizer *o)
{
    size_t n = 0;
    for (size_t p = 0; o != NULL && p < o->net->n_params; p++) {
        if (o->net->params[p].grad != NULL) n += o->n_moments;
    }
    return n;
}

/* The table of tensors and the moments' names, in one arena. */
static lb_status list_tensors(const lb_checkpoint *c, lb_arena *arena, lb_stored_tensor **out,
                              size_t *n_out)
{
    const lb_net *net = c->net;
    const size_t n_moments = count_moments(c->optimizer);
    void *block = NULL;
    LB_TRY(lb_arena_alloc(arena, net->n_params + n_moments, sizeof **out, "checkpoint", &block));
    lb_stored_tensor *tensors = block;
    LB_TRY(lb_arena_alloc(arena, n_moments, MOMENT_NAME_BYTES, "checkpoint", &block));
    char *name = block;
    size_t n = 0;
    for (size_t p = 0; p < net->n_params; p++) {
        tensors[n++] = tensor_of(&net->params[p], net->params[p].name, net->params[p].value);
    }
    for (size_t p = 0; n_moments > 0 && p < net->n_params; p++) {
        if (net->params[p].grad == NULL) continue;
        for (size_t k = 0; k < c->optimizer->n_moments; k++, name += MOMENT_NAME_BYTES) {
            moment_name(c->optimizer, k, &net->params[p], name);
            tensors[n++] = tensor_of(&net->params[p], name, c->optimizer->moments[p].value[k]);
        }
    }
    *out = tensors;
    *n_out = n;
    return LB_OK;
}

lb_status lb_checkpoint_write(const lb_checkpoint *c, const char *path)
{
    const lb_stored_text metadata[] = {
        {.key = "format", .value = format},
        {.key = "run", .value = c->description},
        {.key = c->state_name, .value = c->state},
    };
    lb_arena arena = {0};
    lb_stored_tensor *tensors = NULL;
    size_t n = 0;
    lb_status status = list_tensors(c, &arena, &tensors, &n);
    if (status == LB_OK) {
        status =
            lb_safetensors_write(path, tensors, n, metadata, sizeof metadata / sizeof *metadata);
    }
    lb_arena_release(&arena);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

lb_status lb_checkpoint_open(const char *path, lb_safetensors **out)
{
    lb_safetensors *file = NULL;
    LB_TRY(lb_safetensors_open(path, &file));
    const char *found = lb_safetensors_metadata(file, "format");
    lb_status status = LB_OK;
    if (found == NULL || strcmp(found, format) != 0) {
        status = lb_fail(LB_E_FORMAT,
                         "%s: not a checkpoint of lowbit: its format is '%.40s', wanted '%s'", path,
                         found != NULL ? found : "not told", format);
    }
    if (status != LB_OK) {
        lb_safetensors_close(file);
        return status;
    }
    *out = file;
    return LB_OK;
}

static void dims_text(const size_t *dims, size_t n, char text[96])
{
    size_t at = 0;
    text[0] = '\0';
    for (size_t d = 0; d < n && at < 70; d++) {
        at += (size_t)snprintf(text + at, 96 - at, "%s%zu", d > 0 ? " x " : "", dims[d]);
    }
}

/* The tensor that has exactly the parameter's type and dims. */
static lb_status find_tensor(const char *path, const lb_safetensors *file, const char *name,
                             const lb_param *param, const lb_stored_tensor **out)
{
    const lb_stored_tensor *t = lb_safetensors_find(file, name);
    if (t == NULL)
        return lb_fail(LB_E_FORMAT,
                       "%s: tensor '%s' is missing; is it of another model or block order?", path,
                       name);
    if (t->dtype != LB_F32)
        return lb_fail(LB_E_FORMAT, "%s: tensor '%s' is not float32", path, name);
    bool same = t->n_dims == param->n_dims;
    for (size_t d = 0; same && d < t->n_dims; d++) same = t->dims[d] == param->dims[d];
    if (!same) {
        char got[96], wanted[96];
        dims_text(t->dims, t->n_dims, got);
        dims_text(param->dims, param->n_dims, wanted);
        return lb_fail(
            LB_E_FORMAT,
            "%s: tensor '%s' is %s, the network has %s; is it of another model or block order?",
            path, name, got, wanted);
    }
    *out = t;
    return LB_OK;
}

static bool starts_anew(lb_load_mode mode, const lb_param *param)
{
    return mode == LB_LOAD_INIT && param->role == LB_PARAM_LEARNED;
}

static bool may_be_left_over(lb_load_mode mode, const char *name)
{
    static const char learned[] = ".learned";
    const size_t length = strlen(name), tail = sizeof learned - 1;
    if (strncmp(name, moment_prefix, sizeof moment_prefix - 1) == 0) return true;
    return mode == LB_LOAD_INIT && length > tail && strcmp(name + length - tail, learned) == 0;
}

static lb_status check_net(const char *path, const lb_safetensors *file, lb_load_mode mode,
                           const lb_net *net)
{
    for (size_t p = 0; p < net->n_params; p++) {
        const lb_param *param = &net->params[p];
        if (starts_anew(mode, param)) continue;
        const lb_stored_tensor *t = NULL;
        LB_TRY(find_tensor(path, file, param->name, param, &t));
    }
    size_t n = 0;
    const lb_stored_tensor *tensors = lb_safetensors_tensors(file, &n);
    for (size_t i = 0; i < n; i++) {
        if (lb_net_find_param(net, tensors[i].name) >= 0 || may_be_left_over(mode, tensors[i].name))
            continue;
        return lb_fail(LB_E_FORMAT,
                       "%s: the network has no '%s'; is it of another model or block order?", path,
                       tensors[i].name);
    }
    return LB_OK;
}

lb_status lb_checkpoint_load_net(const char *path, const lb_safetensors *file, lb_load_mode mode,
                                 lb_net *net)
{
    LB_TRY(check_net(path, file, mode, net));
    for (size_t p = 0; p < net->n_params; p++) {
        lb_param *param = &net->params[p];
        if (starts_anew(mode, param)) {
            lb_net_initialize_learned(net, (int)p); /* the weights stand before them in the table */
            continue;
        }
        const lb_stored_tensor *t = lb_safetensors_find(file, param->name);
        memcpy(param->value, t->data, t->bytes);
    }
    return LB_OK;
}

lb_status lb_checkpoint_load_moments(const char *path, const lb_safetensors *file, lb_optimizer *o)
{
    for (size_t p = 0; p < o->net->n_params; p++) {
        const lb_param *param = &o->net->params[p];
        for (size_t k = 0; param->grad != NULL && k < o->n_moments; k++) {
            char name[MOMENT_NAME_BYTES];
            moment_name(o, k, param, name);
            const lb_stored_tensor *t = NULL;
            LB_TRY(find_tensor(path, file, name, param, &t));
            memcpy(o->moments[p].value[k], t->data, t->bytes);
        }
    }
    return LB_OK;
}
