#include "support/backend_check.h"

#include "quant/method.h"
#include "support/quantizer_settings.h"
#include "support/support.h"

enum { BATCHES = 3 };

lb_weight_choice lb_backend_weights(const char *name, int bits, lb_granularity granularity)
{
    lb_weight_choice choice = {.quantizer = lb_weight_quantizer_find(name)};
    assert_non_null(choice.quantizer);
    choice.setting.bits = bits;
    choice.setting.granularity = granularity;
    lb_test_standard_options(choice.quantizer->options, choice.setting.options);
    return choice;
}

int lb_backend_quantize(lb_net *net, const char *name, int in, const char *quantizer, int bits)
{
    const lb_act_quantizer *q = lb_act_quantizer_find(quantizer);
    assert_non_null(q);
    lb_act_setting setting = {.bits = bits};
    lb_test_standard_options(q->options, setting.options);
    return lb_net_quantize(net, name, in, q, &setting);
}

void lb_backend_start(lb_net *net, size_t c, size_t h, size_t w)
{
    lb_net_init(net);
    lb_net_input(net, (lb_shape){c, h, w}, false);
}

void lb_backend_prepare(lb_net_builder *build, lb_loss loss, lb_net *net)
{
    build(net);
    assert_ok(lb_net_finish(net, loss));
    lb_net_initialize(net, LB_INIT_FAN_IN, 5);
    lb_test_odd_parameters(net);
}

/* Activation codes are where a rounding can show: float layers and weight codes have no edges. */
static size_t agreements_wanted(const lb_net *net)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        if (net->nodes[i].op == LB_OP_QUANTIZE) return BATCHES - 1;
    }
    return BATCHES;
}

/* Both back ends, the same net, the same two steps; *wanted: of all batches, how many must agree. */
static bool agrees_on(lb_net_builder *build, lb_loss loss, size_t batch, int threads, double factor,
                      uint64_t seed, size_t *wanted)
{
    lb_net fast, plain;
    lb_backend_prepare(build, loss, &fast);
    lb_backend_prepare(build, loss, &plain);
    *wanted = agreements_wanted(&plain);
    const bool agree =
        lb_test_same_step(&fast, &plain, batch, threads, (lb_step_bounds){factor, factor}, seed);
    lb_net_release(&fast);
    lb_net_release(&plain);
    return agree;
}

void lb_backends_agree_within(lb_net_builder *build, lb_loss loss, size_t batch, int threads,
                              double factor)
{
    size_t agree = 0, wanted = BATCHES;
    for (uint64_t seed = 1; seed <= BATCHES && agree < wanted; seed++)
        agree += agrees_on(build, loss, batch, threads, factor, seed, &wanted);
    if (agree < wanted)
        fail_msg("batch %zu, %d threads: %zu of %d batches agree, wanted %zu: %s", batch, threads,
                 agree, BATCHES, wanted, lb_test_step_difference());
}

void lb_backends_agree(lb_net_builder *build, lb_loss loss, size_t batch, int threads)
{
    lb_backends_agree_within(build, loss, batch, threads, 1.0);
}
