/* Methods: what each resolves to, and every impossible combination with the words that refuse
 * it. */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include "quant/method.h"

static lb_method_request request_of(const char *method)
{
    return (lb_method_request){.method = method,
                               .w_bits = -1,
                               .a_bits = -1,
                               .first = -1,
                               .last = -1,
                               .order = -1,
                               .granularity = -1,
                               .quantize_shortcuts = -1,
                               .quantize_last_input = -1,
                               .relu_slope = NAN};
}

static lb_quant_config resolve(const lb_method_request *request)
{
    lb_quant_config config;
    assert_ok(lb_method_resolve(request, &config));
    return config;
}

static const char *name_of_weights(const lb_quant_config *c)
{
    return c->weights ? c->weights->name : "float";
}

static const char *name_of_acts(const lb_quant_config *c)
{
    return c->acts ? c->acts->name : "float";
}

/* ---- what methods resolve to ----------------------------------------------------------------- */

static void test_defaults(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        int w_bits, a_bits; /* asked for */
        const char *weights, *acts;
        int w, a;  /* got; 0: float */
        bool ends; /* quantized, else float */
        lb_block_order order;
        bool relu_after;
        lb_pool_kind pool;
    } cases[] = {
        {"float", -1, -1, "float", "float", 0, 0, false, LB_CONV_BN_ACT, false, LB_POOL_AVERAGE},
        {"float", 32, 32, "float", "float", 0, 0, false, LB_CONV_BN_ACT, false, LB_POOL_AVERAGE},
        {"bc", -1, -1, "bc", "float", 1, 0, true, LB_CONV_BN_ACT, false, LB_POOL_MAX},
        {"bc", 1, 3, "bc", "qnn", 1, 3, true, LB_CONV_BN_ACT, false, LB_POOL_MAX},
        {"bc-stochastic", -1, -1, "bc-stochastic", "float", 1, 0, true, LB_CONV_BN_ACT, false,
         LB_POOL_MAX},
        {"bc-scaled", -1, -1, "bc-scaled", "float", 1, 0, false, LB_CONV_BN_ACT, false,
         LB_POOL_MAX},
        {"qnn", -1, -1, "qnn", "float", 1, 0, true, LB_CONV_BN_ACT, false, LB_POOL_MAX},
        {"qnn", 4, 4, "qnn", "qnn", 4, 4, true, LB_CONV_BN_ACT, false, LB_POOL_MAX},
        {"qnn", 1, 1, "qnn", "qnn", 1, 1, true, LB_CONV_BN_ACT, false, LB_POOL_MAX},
        {"qnn", 32, 2, "float", "qnn", 0, 2, true, LB_CONV_BN_ACT, false, LB_POOL_MAX},
        {"twn", 32, 32, "float", "float", 0, 0, true, LB_CONV_BN_ACT, false, LB_POOL_MAX},
        {"bwn", 32, 32, "float", "float", 0, 0, false, LB_BN_ACT_CONV, true, LB_POOL_MAX},
        {"xnor", -1, -1, "xnor", "sign", 1, 1, false, LB_BN_ACT_CONV, true, LB_POOL_MAX},
        {"bwn", -1, -1, "xnor", "float", 1, 0, false, LB_BN_ACT_CONV, true, LB_POOL_MAX},
        {"dorefa", -1, -1, "dorefa", "float", 1, 0, false, LB_BN_ACT_CONV, false, LB_POOL_AVERAGE},
        {"dorefa", 1, 2, "dorefa", "dorefa", 1, 2, false, LB_BN_ACT_CONV, false, LB_POOL_AVERAGE},
        {"dorefa", 8, 8, "dorefa", "dorefa", 8, 8, false, LB_BN_ACT_CONV, false, LB_POOL_AVERAGE},
        {"dorefa", 32, 32, "float", "float", 0, 0, false, LB_BN_ACT_CONV, false, LB_POOL_AVERAGE},
        {"dorefa-w", 3, -1, "dorefa", "float", 3, 0, false, LB_CONV_BN_ACT, false, LB_POOL_AVERAGE},
        {"twn", -1, -1, "twn", "float", 2, 0, true, LB_CONV_BN_ACT, false, LB_POOL_MAX},
        {"twn", 2, 2, "twn", "dorefa", 2, 2, true, LB_CONV_BN_ACT, false, LB_POOL_MAX},
        {"ttq", -1, 4, "ttq", "dorefa", 2, 4, false, LB_CONV_BN_ACT, false, LB_POOL_MAX},
        {"bnn", -1, -1, "bc", "sign", 1, 1, true, LB_CONV_BN_ACT, false, LB_POOL_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lb_method_request request = request_of(cases[i].method);
        request.w_bits = cases[i].w_bits;
        request.a_bits = cases[i].a_bits;
        const lb_quant_config c = resolve(&request);
        assert_string_equal(name_of_weights(&c), cases[i].weights);
        assert_string_equal(name_of_acts(&c), cases[i].acts);
        assert_int_equal(c.weight_setting.bits, cases[i].w);
        assert_int_equal(c.act_setting.bits, cases[i].a);
        const lb_end_policy ends = cases[i].ends ? LB_END_QUANTIZED : LB_END_FLOAT;
        assert_int_equal(c.first, ends);
        assert_int_equal(c.last, ends);
        assert_int_equal(c.order, cases[i].order);
        assert_int_equal(c.relu_after_conv, cases[i].relu_after);
        assert_int_equal(c.lenet_pool, cases[i].pool);
        assert_int_equal(c.quantize_shortcuts, strcmp(cases[i].method, "float") != 0);
        assert_false(c.quantize_last_input);
        assert_float_equal(c.relu_slope, 1.0f, 0.0f);
    }
}

/* bc quantizes both ends, but not in ResNets (Kutukcu). What the user says holds everywhere. */
static void test_ends_in_resnets(void **state)
{
    (void)state;
    lb_method_request request = request_of("bc");
    lb_quant_config c = resolve(&request);
    assert_int_equal(c.resnet_first, LB_END_FLOAT);
    assert_int_equal(c.resnet_last, LB_END_FLOAT);
    request.first = LB_END_QUANTIZED;
    c = resolve(&request);
    assert_int_equal(c.resnet_first, LB_END_QUANTIZED);
    assert_int_equal(c.resnet_last, LB_END_FLOAT);
    request = request_of("qnn");
    c = resolve(&request);
    assert_int_equal(c.resnet_first, LB_END_QUANTIZED);
}

static void test_hybrids(void **state)
{
    (void)state;
    static const struct {
        const char *method, *weights, *acts;
        int w_bits, a_bits, w, a;
    } cases[] = {
        {"bnn", NULL, "dorefa", -1, 1, 1, 1},   /* Kutukcu: BNN-W + DRF-A */
        {"dorefa", NULL, "sign", -1, -1, 1, 1}, /* Kutukcu: DRF-W + BNN-A */
        {"dorefa", "ttq", NULL, -1, 2, 2, 2},   /* ternary takes its 2 bits */
        {"xnor", NULL, "dorefa", -1, 4, 1, 4},  /* XNOR-Net's own 1-bit rule no longer holds */
        {"bwn", NULL, "qnn", -1, 8, 1, 8},      {"bc", "dorefa", NULL, 5, -1, 5, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lb_method_request request = request_of(cases[i].method);
        request.weights = cases[i].weights;
        request.acts = cases[i].acts;
        request.w_bits = cases[i].w_bits;
        request.a_bits = cases[i].a_bits;
        const lb_quant_config c = resolve(&request);
        if (cases[i].weights) assert_string_equal(name_of_weights(&c), cases[i].weights);
        if (cases[i].acts) assert_string_equal(name_of_acts(&c), cases[i].acts);
        assert_int_equal(c.weight_setting.bits, cases[i].w);
        assert_int_equal(c.act_setting.bits, cases[i].a);
    }
}

/* Any weight quantizer goes with any activation quantizer at all their widths. */
static void test_every_hybrid_resolves(void **state)
{
    (void)state;
    for (size_t i = 0; lb_weight_quantizers[i]; i++) {
        for (size_t j = 0; lb_act_quantizers[j]; j++) {
            const lb_weight_quantizer *w = lb_weight_quantizers[i];
            const lb_act_quantizer *a = lb_act_quantizers[j];
            for (int wb = w->bits_min; wb <= w->bits_max; wb++) {
                for (int ab = a->bits_min; ab <= a->bits_max; ab++) {
                    lb_method_request request = request_of("dorefa");
                    request.weights = w->name;
                    request.acts = a->name;
                    request.w_bits = wb;
                    request.a_bits = ab;
                    const lb_quant_config c = resolve(&request);
                    assert_ptr_equal(c.weights, w);
                    assert_ptr_equal(c.acts, a);
                }
            }
        }
    }
}

static void test_switches(void **state)
{
    (void)state;
    static const char *const options[] = {"step0=1", "code-gradient=1"};
    lb_method_request request = request_of("xnor");
    request.acts = "dorefa";
    request.a_bits = 1;
    request.first = LB_END_8BIT;
    request.last = LB_END_QUANTIZED;
    request.order = LB_CONV_BN_ACT;
    request.granularity = LB_PER_LAYER;
    request.quantize_shortcuts = 0;
    request.quantize_last_input = 1;
    request.options = options;
    request.n_options = 2;
    const lb_quant_config c = resolve(&request);
    assert_int_equal(c.first, LB_END_8BIT);
    assert_int_equal(c.last, LB_END_QUANTIZED);
    assert_int_equal(c.order, LB_CONV_BN_ACT);
    assert_false(c.relu_after_conv); /* belongs to the other order */
    assert_int_equal(c.weight_setting.granularity, LB_PER_LAYER);
    assert_false(c.quantize_shortcuts);
    assert_true(c.quantize_last_input);
    assert_float_equal(c.weight_setting.options[0], 1.0f, 0.0f);
    assert_float_equal(c.act_setting.options[0], 1.0f, 0.0f);
}

static void test_standard_options_and_granularity(void **state)
{
    (void)state;
    lb_method_request request = request_of("bc-scaled");
    assert_float_equal(resolve(&request).weight_setting.options[0], 0.1f, 0.0f);
    request = request_of("twn");
    assert_int_equal(resolve(&request).weight_setting.granularity, LB_PER_FILTER);
    request = request_of("dorefa");
    assert_int_equal(resolve(&request).weight_setting.granularity, LB_PER_LAYER);
}

static void test_relu_slope(void **state)
{
    (void)state;
    lb_method_request request = request_of("bc");
    request.relu_slope = 0.125f;
    assert_float_equal(resolve(&request).relu_slope, 0.125f, 0.0f);
    request = request_of("xnor");
    request.relu_slope = 0.5f; /* its ReLU stands after the convolution */
    assert_float_equal(resolve(&request).relu_slope, 0.5f, 0.0f);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void refuse(const lb_method_request *request, const char *message)
{
    lb_quant_config config;
    memset(&config, 0x5a, sizeof config);
    const lb_quant_config before = config;
    assert_status(lb_method_resolve(request, &config), LB_E_ARG);
    if (strcmp(lb_error(), message) != 0)
        fail_msg("message '%s', wanted '%s'", lb_error(), message);
    assert_memory_equal(&config, &before, sizeof config); /* results are untouched on failure */
}

static void test_refused_widths(void **state)
{
    (void)state;
    static const struct {
        const char *method, *weights, *acts;
        int w_bits, a_bits;
        const char *message;
    } cases[] = {
        {"ttq", NULL, NULL, 3, -1, "method 'ttq' is ternary: its weights take 2 bits, not 3"},
        {"twn", NULL, NULL, 1, -1, "method 'twn' is ternary: its weights take 2 bits, not 1"},
        {"bc", NULL, NULL, 2, -1, "method 'bc' is binary: its weights take 1 bit, not 2"},
        {"bnn", NULL, NULL, 8, -1, "method 'bnn' is binary: its weights take 1 bit, not 8"},
        {"xnor", NULL, NULL, 2, 1, "method 'xnor' is binary: its weights take 1 bit, not 2"},
        {"float", NULL, NULL, 4, -1,
         "method 'float' quantizes nothing: its weights take 32 bits, not 4"},
        {"float", NULL, NULL, -1, 4, "method 'float' has float activations: 32 bits, not 4"},
        {"bwn", NULL, NULL, 1, 2,
         "method 'bwn' has float activations: 32 bits, not 2; name an activation quantizer for a "
         "hybrid"},
        {"dorefa-w", NULL, NULL, 1, 1,
         "method 'dorefa-w' has float activations: 32 bits, not 1; name an activation quantizer "
         "for a hybrid"},
        {"xnor", NULL, NULL, 1, 2,
         "method 'xnor' has 1-bit activations, not 2; name an activation quantizer for a hybrid"},
        {"bnn", NULL, NULL, 1, 32,
         "method 'bnn' has 1-bit activations, not 32; name an activation quantizer for a hybrid"},
        {"dorefa", NULL, NULL, 9, -1, "weights take 1 to 8 bits, or 32 for float, not 9"},
        {"dorefa", NULL, NULL, 0, -1, "weights take 1 to 8 bits, or 32 for float, not 0"},
        {"qnn", NULL, NULL, 16, -1, "weights take 1 to 8 bits, or 32 for float, not 16"},
        {"qnn", NULL, NULL, 1, 12, "activations take 1 to 8 bits, or 32 for float, not 12"},
        {"dorefa", "twn", NULL, 3, -1, "weight quantizer 'twn' is ternary: it takes 2 bits, not 3"},
        {"dorefa", "xnor", NULL, 2, -1, "weight quantizer 'xnor' takes 1 bit, not 2"},
        {"dorefa", "bc", NULL, 32, -1,
         "weights of 32 bits are float: weight quantizer 'bc' has no part in them"},
        {"dorefa", NULL, "sign", 1, 2, "activation quantizer 'sign' takes 1 bit, not 2"},
        {"bc", NULL, "sign", 1, 32,
         "activations of 32 bits are float: activation quantizer 'sign' has no part in them"},
        {"bc", NULL, "dorefa", 1, -1,
         "activation quantizer 'dorefa' takes 1 to 8 bits: say how many"},
        {"float", "dorefa", NULL, -1, -1,
         "method 'float' quantizes nothing: it has no place for weight quantizer 'dorefa'"},
        {"float", NULL, "sign", -1, -1,
         "method 'float' quantizes nothing: it has no place for activation quantizer 'sign'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lb_method_request request = request_of(cases[i].method);
        request.weights = cases[i].weights;
        request.acts = cases[i].acts;
        request.w_bits = cases[i].w_bits;
        request.a_bits = cases[i].a_bits;
        refuse(&request, cases[i].message);
    }
}

static void test_refused_names(void **state)
{
    (void)state;
    lb_method_request request = request_of("dorfa");
    refuse(&request, "unknown method 'dorfa'; did you mean 'dorefa'?");
    request = request_of("zzzzzzzz");
    refuse(&request, "unknown method 'zzzzzzzz'; `lowbit methods` lists them");
    request = request_of("dorefa");
    request.weights = "tnw";
    refuse(&request, "unknown weight quantizer 'tnw'; did you mean 'twn'?");
    request = request_of("dorefa");
    request.acts = "sing";
    refuse(&request, "unknown activation quantizer 'sing'; did you mean 'sign'?");
}

static void test_refused_policies(void **state)
{
    (void)state;
    lb_method_request request = request_of("ttq");
    request.granularity = LB_PER_FILTER;
    refuse(&request, "weight quantizer 'ttq' has one scale a layer, not one a filter");
    request = request_of("syq");
    request.granularity = LB_PER_FILTER;
    refuse(&request,
           "weight quantizer 'syq' has one scale a layer or row or pixel, not one a filter");
    request = request_of("float");
    request.granularity = LB_PER_LAYER;
    refuse(&request, "float weights have no scale: one a layer is not possible");
    request = request_of("float");
    request.first = LB_END_QUANTIZED;
    refuse(&request, "method 'float' quantizes nothing: its first layer stays float");
    request = request_of("float");
    request.last = LB_END_8BIT;
    refuse(&request, "method 'float' quantizes nothing: its last layer stays float");
    request = request_of("dorefa");
    request.quantize_last_input = 1;
    refuse(&request, "the last layer's input cannot be quantized: activations are float (32 bits)");
    request = request_of("dorefa");
    request.a_bits = 2;
    request.relu_slope = 0.1f;
    refuse(&request,
           "a slope of the ReLU needs a ReLU: activation quantizer 'dorefa' has none before it");
    request = request_of("bc");
    request.relu_slope = 0.0f;
    refuse(&request, "the slope of the ReLU is 0; wanted: more than 0");
    request.relu_slope = -INFINITY;
    refuse(&request, "the slope of the ReLU is -inf; wanted: more than 0");

    /* `fixed` stands after a ReLU, and after none where it is signed: options are read before */
    static const char *const options[] = {"signed=0", "signed=1"};
    request = request_of("twn");
    request.acts = "fixed";
    request.a_bits = 4;
    request.relu_slope = 0.5f;
    request.options = options;
    request.n_options = 1;
    assert_float_equal(resolve(&request).relu_slope, 0.5f, 0.0f);
    request.options = options + 1;
    refuse(&request,
           "a slope of the ReLU needs a ReLU: activation quantizer 'fixed' has none before it");
}

static void test_act_gradient(void **state)
{
    (void)state;
    lb_method_request request = request_of("bnn");
    assert_int_equal(resolve(&request).act_setting.gradient, LB_GRADIENT_STE);
    request.act_gradient = LB_GRADIENT_APPROX_SIGN;
    assert_int_equal(resolve(&request).act_setting.gradient, LB_GRADIENT_APPROX_SIGN);
    request = request_of("qnn");
    request.act_gradient = LB_GRADIENT_APPROX_SIGN;
    request.a_bits = 1;
    assert_int_equal(resolve(&request).act_setting.gradient, LB_GRADIENT_APPROX_SIGN);
    request.a_bits = 2;
    refuse(&request,
           "act-gradient approx-sign is one of sign activations, these are those of 'qnn'");
    request.a_bits = LB_FLOAT_BITS;
    refuse(&request, "act-gradient approx-sign is one of sign activations, these are float");
}

static void test_refused_options(void **state)
{
    (void)state;
    static const struct {
        const char *option, *message;
    } cases[] = {
        {"c=0", "option 'c' is 0; wanted: 1e-06 to 1"},
        {"c=nan", "option 'c' is nan; wanted: 1e-06 to 1"},
        {"c=", "option 'c': '' is not a number"},
        {"c=0.1x", "option 'c': '0.1x' is not a number"},
        {"c", "option 'c' is not of the form NAME=VALUE"},
        {"=1", "option '=1' is not of the form NAME=VALUE"},
        {"step0=0.5", "option 'step0' is 0.5; wanted: a whole number from 0 to 1"},
        {"stepp0=1", "unknown option 'stepp0'; did you mean 'step0'?"},
        {"scale=1", "unknown option 'scale'; `lowbit methods NAME` lists those of a method"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lb_method_request request = request_of("bc-scaled");
        request.acts = "dorefa";
        request.a_bits = 1;
        request.options = &cases[i].option;
        request.n_options = 1;
        refuse(&request, cases[i].message);
    }
    const char *const option = "c=1";
    lb_method_request request = request_of("twn");
    request.options = &option;
    request.n_options = 1;
    refuse(&request, "unknown option 'c'; the quantizers chosen have none");
    /* options of the method's quantizers, which its float weights and activations have none of */
    const char *const clip = "clip=2", *const eta = "eta=0.9";
    request = request_of("pact");
    request.options = &clip;
    request.n_options = 1;
    refuse(&request, "option 'clip' has no part in float activations: abits is 32, wanted fewer");
    request = request_of("ternary");
    request.options = &eta;
    request.n_options = 1;
    request.w_bits = LB_FLOAT_BITS;
    refuse(&request, "option 'eta' has no part in float weights: wbits is 32, wanted fewer");
}

static void test_table_is_sound(void **state)
{
    (void)state;
    for (const lb_method *m = lb_methods; m->name != NULL; m++) {
        assert_true(strlen(m->summary) > 0 && strlen(m->source) > 0 && strlen(m->papers) > 0);
        assert_ptr_equal(lb_method_find(m->name), m);
        if (m->weights) assert_non_null(lb_weight_quantizer_find(m->weights));
        if (m->acts) assert_non_null(lb_act_quantizer_find(m->acts));
        lb_method_request request = request_of(m->name);
        (void)resolve(&request);
    }
    assert_null(lb_method_find("DoReFa"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_ends_in_resnets),
        cmocka_unit_test(test_hybrids),
        cmocka_unit_test(test_every_hybrid_resolves),
        cmocka_unit_test(test_switches),
        cmocka_unit_test(test_standard_options_and_granularity),
        cmocka_unit_test(test_relu_slope),
        cmocka_unit_test(test_refused_widths),
        cmocka_unit_test(test_refused_names),
        cmocka_unit_test(test_refused_policies),
        cmocka_unit_test(test_act_gradient),
        cmocka_unit_test(test_refused_options),
        cmocka_unit_test(test_table_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
