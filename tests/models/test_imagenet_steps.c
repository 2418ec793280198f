/* Training steps of the networks for ImageNet, narrow, on random images: the fast back end against the reference;
 * support/same_step.h tells the bounds. Here they are wider:
 *
 *     forward   2e-4: up to 53 layers on each other, and batch-norms over three values after fully connected layers
 *     gradient  0.1: among a million values of a map some lie within a rounding of 0, or of another in their
 *               max-pool's window, and send their gradient elsewhere; what lies before amplifies that
 *
 * A max-pool after quantized convolutions has windows full of equal sums, of which the reference, adding real values,
 * makes unequal ones: there, gradients go to other pixels, and only the forward pass is compared. */
/* ctest: timeout 300 */
#include <math.h>
#include <string.h>

#include "support/model_check.h"
#include "support/same_step.h"
#include "support/support.h"

static const lb_step_bounds whole = {10.0, 2500.0}, forward_only = {10.0, (double)INFINITY};

static void prepare(const char *model, const char *method, double width, lb_net *net)
{
    const int a_bits = strcmp(method, "dorefa") == 0 ? 2 : -1;
    lb_model_request request = lb_test_model_request(model, lb_test_quant(method, -1, a_bits));
    request.width_multiplier = width;
    request.bias = LB_SWITCH_OFF; /* before a batch-norm its gradient is rounding alone */
    assert_ok(lb_model_build(&request, net));
    lb_net_initialize(net, lb_model_find(model)->init, 5);
    lb_test_odd_parameters(net);
}

static void agree(const char *model, const char *method, lb_step_bounds bounds)
{
    enum { BATCH = 3 };
    bool same = false;
    for (uint64_t seed = 1; seed <= 3 && !same; seed++) {
        lb_net fast, plain;
        prepare(model, method, 1.0 / 16, &fast);
        prepare(model, method, 1.0 / 16, &plain);
        same = lb_test_same_step(&fast, &plain, BATCH, 2, bounds, seed);
        lb_net_release(&fast);
        lb_net_release(&plain);
    }
    if (!same) fail_msg("%s, %s: %s", model, method, lb_test_step_difference());
}

static const struct {
    const char *model;
    bool pools_sums; /* has max-pools after quantized convolutions */
} networks[] = {
    {"alexnet", true},       {"alexnet-dorefa", true},
    {"resnet18", false},     {"resnet34", false},
    {"resnet50", false},     {"vgg16", true},
    {"vgg-syq", true},       {"googlenet", true},
    {"mobilenet-v1", false}, {"squeezenet-imagenet", true},
};

enum { NETWORKS = sizeof networks / sizeof *networks };

static void test_float(void **state)
{
    (void)state;
    for (size_t i = 0; i < NETWORKS; i++) agree(networks[i].model, "float", whole);
}

/* One bit weights, two bit activations. */
static void test_quantized(void **state)
{
    (void)state;
    for (size_t i = 0; i < NETWORKS; i++)
        agree(networks[i].model, "dorefa", networks[i].pools_sums ? forward_only : whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_float),
        cmocka_unit_test(test_quantized),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
