/* The networks for ImageNet, narrow, with batch-norms drawn at random: frozen, written, opened and run, scalar
 * and by the best kernels here, against evaluation in training. Every network as W1A2, and what they have that
 * smaller ones lack (groups, depthwise layers, padded and rounded pools, bottlenecks, inception) in other orders
 * and policies.
 * ctest: timeout 600 */
#include <stdio.h>

#include "base/random.h"
#include "support/model_check.h"
#include "support/random_norms.h"
#include "support/support.h"
#include "support/verify_check.h"

typedef struct verify_case {
    const char *model;
    double width;
    const char *method;
    int w_bits, a_bits;
    lb_end_policy ends;
    lb_shortcut_kind shortcut;
    bool pre_activation;
} verify_case;

static const verify_case cases[] = {
    {"alexnet", 1.0 / 16, "dorefa", 1, 2, LB_END_FLOAT, LB_SHORTCUT_MODEL, false},
    {"alexnet-dorefa", 1.0 / 16, "dorefa", 1, 2, LB_END_FLOAT, LB_SHORTCUT_MODEL, false},
    {"alexnet-dorefa", 1.0 / 16, "xnor", -1, -1, LB_END_FLOAT, LB_SHORTCUT_MODEL, false},
    {"alexnet-dorefa", 1.0 / 16, "qnn", 4, 4, LB_END_8BIT, LB_SHORTCUT_MODEL, false},
    {"resnet18", 1.0 / 16, "dorefa", 1, 2, LB_END_8BIT, LB_SHORTCUT_MODEL, true},
    {"resnet18", 1.0 / 16, "qnn", 1, 2, LB_END_QUANTIZED, LB_SHORTCUT_A, false},
    {"resnet18", 1.0 / 16, "xnor", -1, -1, LB_END_FLOAT, LB_SHORTCUT_MODEL, true},
    {"resnet34", 1.0 / 16, "dorefa", 1, 2, LB_END_FLOAT, LB_SHORTCUT_MODEL, false},
    {"resnet50", 1.0 / 16, "dorefa", 1, 2, LB_END_FLOAT, LB_SHORTCUT_MODEL, true},
    {"resnet50", 1.0 / 16, "qnn", 2, 2, LB_END_8BIT, LB_SHORTCUT_A, false},
    {"vgg16", 1.0 / 16, "dorefa", 1, 2, LB_END_FLOAT, LB_SHORTCUT_MODEL, false},
    {"vgg-syq", 1.0 / 16, "dorefa", 1, 2, LB_END_8BIT, LB_SHORTCUT_MODEL, false},
    {"googlenet", 1.0 / 8, "dorefa", 1, 2, LB_END_FLOAT, LB_SHORTCUT_MODEL, false},
    {"googlenet", 1.0 / 8, "xnor", -1, -1, LB_END_FLOAT, LB_SHORTCUT_MODEL, false},
    {"googlenet", 1.0 / 16, "twn", 2, 8, LB_END_QUANTIZED, LB_SHORTCUT_MODEL, false},
    {"mobilenet-v1", 1.0 / 8, "dorefa", 1, 2, LB_END_FLOAT, LB_SHORTCUT_MODEL, false},
    {"mobilenet-v1", 1.0 / 8, "qnn", 8, 8, LB_END_8BIT, LB_SHORTCUT_MODEL, false},
    {"mobilenet-v1", 1.0 / 8, "xnor", -1, -1, LB_END_QUANTIZED, LB_SHORTCUT_MODEL, false},
    {"squeezenet-imagenet", 1.0 / 16, "dorefa", 1, 2, LB_END_FLOAT, LB_SHORTCUT_MODEL, false},
};

static void check(const verify_case *c, uint64_t number, const char *path, lb_test_verified *sum)
{
    enum { IMAGES = 2 };
    const lb_quant_config quant = lb_test_quant(c->method, c->w_bits, c->a_bits);
    lb_model_request request = lb_test_model_request(c->model, quant);
    request.width_multiplier = c->width;
    request.shortcut = c->shortcut;
    request.pre_activation = c->pre_activation;
    request.quant.first = request.quant.last = c->ends;
    request.quant.resnet_first = request.quant.resnet_last = c->ends;
    char name[64];
    (void)snprintf(name, sizeof name, "%s %s W%dA%d", c->model, c->method, c->w_bits, c->a_bits);
    lb_net net;
    assert_ok(lb_model_build(&request, &net));
    lb_net_initialize(&net, lb_model_find(c->model)->init, number);
    lb_random r = lb_random_at(number, LB_RANDOM_TEST, 3, 0);
    lb_random_norms(&net, &r, 1, false);
    lb_test_verify(name, &net, IMAGES, number, path, sum);
    lb_net_release(&net);
}

static void every_network_is_the_same(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "net.lbm");
    lb_test_verified sum = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check(&cases[i], i, path, &sum);
    print_message("%zu networks, %zu layers, %zu values compared\n", sum.networks, sum.layers,
                  sum.values);
    /* more than a value a pixel of every network's first map */
    assert_true(sum.values > sum.networks * 2 * 54 * 54);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_network_is_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
