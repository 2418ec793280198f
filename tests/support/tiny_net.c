#include "support/tiny_net.h"

#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "freeze/freeze.h"
#include "quant/method.h"
#include "support/freeze_check.h"
#include "support/quantizer_settings.h"
#include "support/support.h"

lb_weight_choice lb_tiny_weights(const char *name, int bits)
{
    const lb_weight_quantizer *q = lb_weight_quantizer_find(name);
    assert_non_null(q);
    lb_weight_choice choice = {q, {.bits = bits, .granularity = q->granularity}};
    lb_test_standard_options(q->options, choice.setting.options);
    return choice;
}

int lb_tiny_quantize(lb_net *net, const char *name, int in, const char *quantizer, int bits)
{
    const lb_act_setting setting = {.bits = bits};
    return lb_net_quantize(net, name, in, lb_act_quantizer_find(quantizer), &setting);
}

int lb_tiny_norm(lb_net *net, const char *name, int in)
{
    return lb_net_batch_norm(net, name, in, true, 1e-5f, 0.1f);
}

void lb_tiny_finish(lb_net *net)
{
    assert_ok(lb_net_finish(net, LB_LOSS_CROSS_ENTROPY));
    lb_net_initialize(net, LB_INIT_FAN_IN, 1);
}

float *lb_tiny_values(lb_net *net, const char *param)
{
    const int i = lb_net_find_param(net, param);
    if (i < 0) fail_msg("no parameter '%s'", param);
    return net->params[i].value;
}

/* Channel c of a batch-norm computes gain * (x - mean) + beta: variance + eps is 1. */
void lb_tiny_set_norm(lb_net *net, const char *name, size_t c, float gain, float mean, float beta)
{
    static const char *const parts[] = {"gamma", "mean", "beta", "variance"};
    const float wanted[] = {gain, mean, beta, 1.0f - 1e-5f};
    for (size_t i = 0; i < 4; i++) {
        char param[96];
        (void)snprintf(param, sizeof param, "%s.%s", name, parts[i]);
        lb_tiny_values(net, param)[c] = wanted[i];
    }
    assert_true(wanted[3] + 1e-5f == 1.0f);
}

/* Freeze, compare all maps on random images, and hand the frozen network on. */
void lb_tiny_freeze(lb_net *net, lb_intnet *frozen)
{
    enum { N = 4 };
    float images[N * 64];
    lb_freeze_comparison comparison;
    lb_random r = lb_random_at(7, LB_RANDOM_TEST, 0, 0);
    assert_true(lb_shape_count(net->input) <= 64);
    for (size_t i = 0; i < N * 64; i++)
        images[i] = net->raw_input ? ((float)lb_random_below(&r, 256) - 128.0f) / 128.0f
                                   : lb_random_normal(&r);
    assert_ok(lb_freeze(net, frozen));
    lb_test_compare_frozen(net, frozen, images, N, &comparison);
    if (comparison.difference[0] != '\0') fail_msg("%s", comparison.difference);
}

/* "conv1=q2 pool1=..." : every layer and the node it equals. */
void lb_tiny_check_layers(const lb_intnet *net, const char *wanted)
{
    char got[1024] = "";
    size_t used = 0;
    for (size_t i = 0; i < net->n_layers; i++) {
        const lb_int_layer *l = &net->layers[i];
        used += (size_t)snprintf(got + used, sizeof got - used, "%s%s=%s%s", i ? " " : "", l->name,
                                 l->equals, l->map.coded ? "" : "(float)");
    }
    if (strcmp(got, wanted) != 0) fail_msg("layers\n%s\nwanted\n%s", got, wanted);
}

const lb_int_layer *lb_tiny_layer(const lb_intnet *net, const char *name)
{
    for (size_t i = 0; i < net->n_layers; i++)
        if (strcmp(net->layers[i].name, name) == 0) return &net->layers[i];
    fail_msg("no layer '%s'", name);
    return NULL;
}

bool lb_tiny_bit(const uint8_t *bits, size_t i)
{
    return bits[i / 8] >> (i % 8) & 1;
}
