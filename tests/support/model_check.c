#include "support/model_check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/support.h"

lb_quant_config lb_test_quant(const char *name, int w_bits, int a_bits)
{
    const lb_method_request request = {.method = name,
                                       .w_bits = w_bits,
                                       .a_bits = a_bits,
                                       .first = -1,
                                       .last = -1,
                                       .order = -1,
                                       .granularity = -1,
                                       .quantize_shortcuts = -1,
                                       .quantize_last_input = -1,
                                       .relu_slope = NAN};
    lb_quant_config config;
    assert_ok(lb_method_resolve(&request, &config));
    return config;
}

lb_model_request lb_test_model_request(const char *name, lb_quant_config quant)
{
    const lb_model *model = lb_model_find(name);
    assert_non_null(model);
    const lb_shape any = {1, 28, 28};
    return (lb_model_request){.name = name,
                              .input = model->input.c > 0 ? model->input : any,
                              .classes = 10,
                              .width_multiplier = 1.0,
                              .quant = quant};
}

/* "input conv1 conv1.norm ...": the names of all nodes in order. */
void lb_test_node_names(const lb_net *net, char *text, size_t bytes)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < net->n_nodes && used < bytes; i++) {
        used +=
            (size_t)snprintf(text + used, bytes - used, "%s%s", i ? " " : "", net->nodes[i].name);
    }
}

void lb_test_nodes(const lb_model_request *request, const char *wanted)
{
    char got[8192];
    lb_net net;
    assert_ok(lb_model_build(request, &net));
    lb_test_node_names(&net, got, sizeof got);
    if (strcmp(got, wanted) != 0) fail_msg("nodes\n%s\nwanted\n%s", got, wanted);
    lb_net_release(&net);
}

/* Is b fed by a? */
void lb_test_edge(const lb_net *net, const char *a, const char *b)
{
    const int from = lb_net_find_node(net, a), to = lb_net_find_node(net, b);
    if (from < 0 || to < 0) fail_msg("no node '%s' or '%s'", a, b);
    for (int k = 0; k < net->nodes[to].n_in; k++) {
        if (net->nodes[to].in[k] == from) return;
    }
    fail_msg("'%s' does not feed '%s'", a, b);
}

const lb_conv *lb_test_layer(const lb_net *net, const char *name)
{
    const int node = lb_net_find_node(net, name);
    if (node < 0) fail_msg("no layer '%s'", name);
    return &net->nodes[node].as.conv;
}

void lb_test_layer_weights(const lb_net *net, const char *layer, const char *quantizer, int bits)
{
    const lb_conv *conv = lb_test_layer(net, layer);
    if (quantizer == NULL) {
        if (conv->quantizer)
            fail_msg("'%s' has quantizer '%s', wanted float", layer, conv->quantizer->name);
        return;
    }
    if (!conv->quantizer) fail_msg("'%s' is float, wanted '%s'", layer, quantizer);
    assert_string_equal(conv->quantizer->name, quantizer);
    assert_int_equal(conv->setting.bits, bits);
}

void lb_test_layer_acts(const lb_net *net, const char *layer, const char *quantizer, int bits)
{
    char name[LB_NAME_BYTES + 16];
    (void)snprintf(name, sizeof name, "%s.quantize", layer);
    const int node = lb_net_find_node(net, name);
    if (quantizer == NULL) {
        if (node >= 0) fail_msg("'%s' is there, wanted float", name);
        return;
    }
    if (node < 0) fail_msg("'%s' is not there", name);
    assert_string_equal(net->nodes[node].as.quantize.quantizer->name, quantizer);
    assert_int_equal(net->nodes[node].as.quantize.setting.bits, bits);
}
