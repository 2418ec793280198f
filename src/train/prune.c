/* Quantization pruning of ternary networks: the epochs are trained, then weights that became 0 are held at 0 and the
 * others trained for as many epochs again, once or several times.
 *
 * Held is a weight whose code is 0, or with `prune-sigma` S one of |w| <= S: S above the quantizer's threshold
 * prunes weights that are not 0 too, below it fewer than are 0. Held weights are set to -0.0, which no update ever
 * gives (x - x is +0.0): so a checkpoint tells them from others. The optimizer starts anew with every stage.
 * Source: Faraone, "Simplification of Deep Neural Networks for Efficient Inference", thesis, Sydney, 2020, 3.1.2. */
#include <math.h>
#include <string.h>

#include "train/procedure.h"

static bool wanted(const lb_train_config *config)
{
    return config->prune_rounds > 0;
}

/* The ternary quantizer of the weights of parameter `p`, or NULL. */
static const lb_conv *ternary_layer(const lb_net *net, size_t p)
{
    const lb_param *param = &net->params[p];
    if (param->role != LB_PARAM_WEIGHT) return NULL;
    const lb_conv *conv = &net->nodes[param->node].as.conv;
    const bool ternary =
        conv->quantizer != NULL && lb_weights_are_ternary(conv->quantizer, &conv->setting);
    return ternary ? conv : NULL;
}

static lb_status check(const lb_train_config *config, const lb_net *net)
{
    for (size_t p = 0; p < net->n_params; p++)
        if (ternary_layer(net, p) != NULL) return LB_OK;
    return lb_fail(LB_E_ARG,
                   "prune-rounds %zu, but no layer has ternary weights; `lowbit methods` lists the "
                   "ternary methods",
                   config->prune_rounds);
}

static size_t epochs(const lb_train_config *config, const lb_progress *progress)
{
    (void)progress;
    return config->epochs * (config->prune_rounds + 1);
}

static lb_stage stage(const lb_train_config *config, const lb_progress *progress, size_t epoch)
{
    (void)progress;
    const size_t number = epoch / config->epochs;
    return (lb_stage){.number = number, .first = number * config->epochs, .epochs = config->epochs};
}

static double lr(const lb_train_config *config, const lb_progress *progress, size_t epoch,
                 size_t batch)
{
    return lb_lr_of_stage(config, stage(config, progress, epoch), epoch, batch);
}

static size_t counts_from(const lb_train_config *config, const lb_progress *progress)
{
    (void)progress;
    return config->epochs * config->prune_rounds;
}

static bool is_held(float w)
{
    return w == 0.0f && signbit(w);
}

/* Hold the weights that are marked. */
static lb_status hold(lb_net *net, size_t p)
{
    lb_param *param = &net->params[p];
    if (param->held == NULL)
        LB_TRY(lb_arena_alloc(&net->arena, param->count, 1, "held weights", (void **)&param->held));
    for (size_t i = 0; i < param->count; i++) param->held[i] = is_held(param->value[i]);
    return LB_OK;
}

static lb_status go_on(lb_trainer *t, lb_stage stage)
{
    for (size_t p = 0; stage.number > 0 && p < t->net.n_params; p++)
        if (ternary_layer(&t->net, p) != NULL) LB_TRY(hold(&t->net, p));
    return LB_OK;
}

/* Mark what is to be held, group by group. */
static lb_status mark(const lb_train_config *config, lb_net *net, size_t p)
{
    const lb_conv *conv = ternary_layer(net, p);
    const lb_param *param = &net->params[p];
    const float *learned = conv->learned >= 0 ? net->params[conv->learned].value : NULL;
    size_t n_groups = 0;
    const lb_weight_group group = lb_node_weight_group(&net->nodes[param->node], &n_groups);
    int16_t *codes = NULL;
    LB_TRY(lb_alloc(group.n, sizeof *codes, "codes", (void **)&codes));
    for (size_t g = 0; g < n_groups; g++) {
        float *w = param->value + g * group.n;
        lb_weight_statistics s = {0};
        conv->quantizer->statistics(
            &conv->setting, group, w,
            learned ? learned + g * (size_t)conv->quantizer->n_learned : NULL, &s);
        conv->quantizer->encode(&conv->setting, group, &s, w, NULL, codes);
        for (size_t i = 0; i < group.n; i++) {
            const bool small =
                config->prune_sigma >= 0.0f ? fabsf(w[i]) <= config->prune_sigma : codes[i] == 0;
            if (small) w[i] = -0.0f;
        }
    }
    lb_free(codes);
    return LB_OK;
}

static lb_status begin(lb_trainer *t, lb_stage stage)
{
    if (stage.number == 0) return LB_OK;
    for (size_t p = 0; p < t->net.n_params; p++)
        if (ternary_layer(&t->net, p) != NULL) LB_TRY(mark(&t->config, &t->net, p));
    lb_optimizer_reset(&t->optimizer);
    return go_on(t, stage);
}

const lb_procedure lb_procedure_prune = {
    .wanted = wanted,
    .check = check,
    .epochs = epochs,
    .stage = stage,
    .lr = lr,
    .begin = begin,
    .go_on = go_on,
    .counts_from = counts_from,
};
