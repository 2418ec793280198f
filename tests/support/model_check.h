/* What tests of models share: requests, and what stands where in a network. */
#ifndef LB_TESTS_MODEL_CHECK_H
#define LB_TESTS_MODEL_CHECK_H

#include "models/model.h"

/** What a method resolves to at these widths (-1: its own), all else as the method has it. */
lb_quant_config lb_test_quant(const char *method, int w_bits, int a_bits);
/** A request for 10 classes on images the model takes, 1x28x28 where it takes any. */
lb_model_request lb_test_model_request(const char *name, lb_quant_config quant);

/** "input conv1 conv1.norm ...": the names of all nodes in order. */
void lb_test_node_names(const lb_net *net, char *text, size_t bytes);
/** Fail the test unless the model has these nodes, named in order. */
void lb_test_nodes(const lb_model_request *request, const char *wanted);
/** Fail the test unless node `a` feeds node `b`. */
void lb_test_edge(const lb_net *net, const char *a, const char *b);
/** The layer of that name; the test fails where there is none. */
const lb_conv *lb_test_layer(const lb_net *net, const char *name);
/** Fail the test unless the layer's weights have this quantizer and width; NULL: float. */
void lb_test_layer_weights(const lb_net *net, const char *layer, const char *quantizer, int bits);
/** Fail the test unless the layer's input has this quantizer and width of its own; NULL: none. */
void lb_test_layer_acts(const lb_net *net, const char *layer, const char *quantizer, int bits);

#endif
