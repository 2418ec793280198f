/* Starting values of a network's parameters. */
#include <math.h>

#include "base/random.h"
#include "nn/mixed_bits.h"
#include "nn/net_internal.h"

/* Uniform in [-bound, bound). */
static void fill_uniform(lb_param *p, float bound, lb_random *random)
{
    for (size_t i = 0; i < p->count; i++)
        p->value[i] = bound * (2.0f * lb_random_uniform(random) - 1.0f);
}

/* Uniform in the open interval (-1, 1): the draws are multiples of 2^-23, moved half a step
 * inwards. */
static void fill_wide(lb_param *p, lb_random *random)
{
    for (size_t i = 0; i < p->count; i++)
        p->value[i] = 2.0f * lb_random_uniform(random) - 1.0f + 0x1p-24f;
}

static void fill_normal(lb_param *p, double deviation, lb_random *random)
{
    for (size_t i = 0; i < p->count; i++) {
        p->value[i] = (float)(deviation * (double)lb_random_normal(random));
    }
}

static void fill_constant(lb_param *p, float value)
{
    for (size_t i = 0; i < p->count; i++) p->value[i] = value;
}

static void fill_weights(const lb_node *node, lb_param *p, lb_init_rule rule, lb_random *random)
{
    const lb_conv *conv = &node->as.conv;
    if (conv->quantizer && conv->quantizer->wide_init) {
        fill_wide(p, random);
    } else if (rule == LB_INIT_RESNET && node->op == LB_OP_CONV) {
        fill_normal(p, sqrt(2.0 / (double)(conv->window.kh * conv->window.kw * conv->out)), random);
    } else {
        fill_uniform(p, 1.0f / sqrtf((float)lb_node_filter_size(node)), random);
    }
}

/* Learned scales of weights, group by group; the masters stand before them in the table and are
 * filled. */
static void fill_learned(const lb_net *net, const lb_node *node, lb_param *p)
{
    if (node->op == LB_OP_QUANTIZE) {
        fill_constant(p, 0.0f);
        return;
    }
    const lb_conv *conv = &node->as.conv;
    const float *w = net->params[conv->weight].value;
    size_t n_groups = 0;
    const lb_weight_group group = lb_node_weight_group(node, &n_groups);
    for (size_t g = 0; g < n_groups; g++) {
        const lb_weight_setting setting = lb_conv_group_setting(conv, g);
        conv->quantizer->init_learned(&setting, group, w + g * group.n,
                                      p->value + g * (size_t)conv->quantizer->n_learned);
    }
}

void lb_net_initialize_learned(lb_net *net, int param)
{
    lb_param *p = &net->params[param];
    fill_learned(net, &net->nodes[p->node], p);
}

void lb_net_initialize(lb_net *net, lb_init_rule rule, uint64_t seed)
{
    for (size_t i = 0; i < net->n_params; i++) {
        lb_param *p = &net->params[i];
        const lb_node *node = &net->nodes[p->node];
        lb_random random = lb_random_at(seed, LB_RANDOM_INIT, i, 0);
        switch (p->role) {
        case LB_PARAM_WEIGHT: fill_weights(node, p, rule, &random); break;
        case LB_PARAM_BIAS:
            fill_uniform(p, 1.0f / sqrtf((float)lb_node_filter_size(node)), &random);
            break;
        case LB_PARAM_LEARNED: fill_learned(net, node, p); break;
        case LB_PARAM_GAMMA:
        case LB_PARAM_VARIANCE: fill_constant(p, 1.0f); break;
        case LB_PARAM_BETA:
        case LB_PARAM_MEAN: fill_constant(p, 0.0f); break;
        }
    }
}
