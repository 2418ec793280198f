/* Random Partition Relaxation. Filters are scaled once, so that they are nearest to their levels. Then, epoch by epoch,
 * a random part of every layer's weights is frozen at the nearest levels and the others are trained, until all are
 * frozen and only biases and batch-norm are.
 *
 * A frozen weight keeps its master: it stands at the level in the forward pass, takes no update, and is relaxed at the
 * master's value when a later partition leaves it out. A filter's scale goes into the batch-norm behind it where
 * there is one: bias and running mean are divided by it and the variance by its square, so that the float network
 * stays what it is; elsewhere it is kept beside the weights, and also where the variance is not above the
 * batch-norm's epsilon: a filter that is dead would be called back to life, or its variance past what floats hold.
 * Exactly round(FF n) weights of a layer are frozen, ties to even. The optimizer starts anew when FF changes.
 * Source: Cavigelli and Benini, arXiv:2001.01091, III and IV-B. */
#include "train/relax.h"

#include <math.h>

#include "quant/best_scale.h"
#include "train/freezing.h"
#include "train/procedure.h"

static bool wanted(const lb_train_config *config)
{
    return config->relaxes;
}

/* Are the weights of parameter `p` frozen by parts? */
static const lb_conv *relaxed_layer(const lb_net *net, size_t p)
{
    const lb_param *param = &net->params[p];
    if (param->role != LB_PARAM_WEIGHT) return NULL;
    const lb_conv *conv = &net->nodes[param->node].as.conv;
    return conv->quantizer != NULL && conv->quantizer->relaxes ? conv : NULL;
}

static lb_status check(const lb_train_config *config, const lb_net *net)
{
    if (config->prune_rounds > 0)
        return lb_fail(LB_E_ARG, "prune-rounds %zu has no part in method '%s'",
                       config->prune_rounds, config->method.method);
    for (size_t p = 0; p < net->n_params; p++)
        if (relaxed_layer(net, p) != NULL) return LB_OK;
    return lb_fail(LB_E_ARG,
                   "method '%s', but model '%s' has no layer to quantize between its ends; "
                   "first-last quantized quantizes them",
                   config->method.method, config->model);
}

static size_t epochs(const lb_train_config *config, const lb_progress *progress)
{
    return lb_freezing_epochs(&config->freezing, config->epochs, progress);
}

static size_t counts_from(const lb_train_config *config, const lb_progress *progress)
{
    return lb_freezing_all_from(&config->freezing, config->epochs, progress);
}

static lb_freezing_place place_of(const lb_train_config *config, const lb_progress *progress,
                                  size_t epoch)
{
    return lb_freezing_at(&config->freezing, config->epochs, progress, epoch);
}

static lb_stage stage(const lb_train_config *config, const lb_progress *progress, size_t epoch)
{
    const lb_freezing_place place = place_of(config, progress, epoch);
    return (lb_stage){.number = place.stage,
                      .first = place.first,
                      .epochs = place.epochs,
                      .frozen = place.frozen};
}

static double lr(const lb_train_config *config, const lb_progress *progress, size_t epoch,
                 size_t batch)
{
    (void)batch;
    return config->schedule.lr * place_of(config, progress, epoch).factor;
}

/* ---- scales ---------------------------------------------------------------------------------- */

/* The batch-norm that alone reads the node's output; NULL: there is none. */
static const lb_batch_norm *norm_behind(const lb_net *net, int node)
{
    const lb_node *reader = NULL;
    for (size_t i = 0; i < net->n_nodes; i++)
        for (int k = 0; k < net->nodes[i].n_in; k++) {
            if (net->nodes[i].in[k] != node) continue;
            if (reader != NULL) return NULL;
            reader = &net->nodes[i];
        }
    return reader != NULL && reader->op == LB_OP_BATCH_NORM ? &reader->as.norm : NULL;
}

/* Divide filter o by s. */
static void take_out(lb_net *net, const lb_conv *conv, const lb_batch_norm *norm, size_t o, float s)
{
    const size_t n = net->params[conv->weight].count / conv->out;
    float *w = net->params[conv->weight].value + o * n, *scale = net->params[conv->learned].value;
    for (size_t i = 0; i < n; i++) w[i] /= s;
    scale[o] *= s;
    if (norm == NULL || !(net->params[norm->variance].value[o] > norm->eps)) return;
    if (conv->bias >= 0) net->params[conv->bias].value[o] /= scale[o];
    net->params[norm->mean].value[o] /= scale[o];
    net->params[norm->variance].value[o] /= scale[o] * scale[o];
    scale[o] = 1.0f;
}

static lb_status scale_filters(lb_net *net, size_t p)
{
    const lb_conv *conv = relaxed_layer(net, p);
    const lb_batch_norm *norm = norm_behind(net, net->params[p].node);
    const bool ternary = lb_weights_are_ternary(conv->quantizer, &conv->setting);
    const size_t n = net->params[p].count / conv->out;
    for (size_t o = 0; o < conv->out; o++) {
        float s = 1.0f;
        LB_TRY(lb_best_scale(ternary, n, net->params[p].value + o * n, &s));
        take_out(net, conv, norm, o, s);
    }
    return LB_OK;
}

static lb_status begin(lb_trainer *t, lb_stage stage)
{
    lb_optimizer_reset(&t->optimizer);
    if (stage.first > 0) return LB_OK;
    for (size_t p = 0; p < t->net.n_params; p++)
        if (relaxed_layer(&t->net, p) != NULL) LB_TRY(scale_filters(&t->net, p));
    return LB_OK;
}

/* ---- partitions ------------------------------------------------------------------------------ */

/* Weight i is taken with the share that those still wanted have of those still there. */
void lb_draw_partition(uint64_t seed, size_t epoch, size_t param, size_t n, size_t m, uint8_t *held)
{
    lb_random random = lb_random_at(seed, LB_RANDOM_FREEZE, epoch, param);
    size_t wanted = m;
    for (size_t i = 0; i < n; i++) {
        const size_t left = n - i;
        const double u = (double)(lb_random_bits(&random) >> 11) * 0x1p-53; /* in [0, 1) */
        held[i] = wanted == left || u * (double)left < (double)wanted;
        wanted -= held[i];
    }
}

static lb_status begin_epoch(lb_trainer *t, lb_stage stage)
{
    lb_net *net = &t->net;
    for (size_t p = 0; p < net->n_params; p++) {
        lb_param *param = &net->params[p];
        if (relaxed_layer(net, p) == NULL) continue;
        if (param->held == NULL)
            LB_TRY(lb_arena_alloc(&net->arena, param->count, 1, "frozen weights",
                                  (void **)&param->held));
        const size_t frozen = (size_t)rint(stage.frozen * (double)param->count);
        lb_draw_partition(t->config.seed, t->progress.epoch, p, param->count, frozen, param->held);
        param->all_held = frozen == param->count;
    }
    return LB_OK;
}

const lb_procedure lb_procedure_relax = {
    .wanted = wanted,
    .mixes = true,
    .check = check,
    .epochs = epochs,
    .stage = stage,
    .lr = lr,
    .begin = begin,
    .begin_epoch = begin_epoch,
    .counts_from = counts_from,
};
