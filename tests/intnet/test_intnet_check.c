/* lb_intnet_check: what a file cannot even say wrong, and sizes. Files: test_packed_refusals.c. */
#include <math.h>

#include "support/support.h"
#include "support/tiny_intnet.h"

static lb_int_layer *at(lb_intnet *net, size_t layer)
{
    return &net->layers[layer];
}

static lb_step *step(lb_intnet *net, size_t layer, size_t i)
{
    return &net->layers[layer].post.steps[i];
}

/* Lists of exceptions with a fault each. */
static const lb_fixed_exception past_channels[2] = {{4, 0, 0}, {4, 1, 0}};
static const lb_fixed_exception past_fields[2] = {{0, 0, 255}, {0, 1, 256}};
static const lb_fixed_exception descending[2] = {{1, 4, 0}, {1, 4, 1}};

/* One fault a line: name, what makes it, what is said of it. */
/* clang-format off */
#define FAULTS(X) \
    X(no_layers, net->n_layers = 0, "layers: 0 of them, wanted 2 to 4096") \
    X(input_only, net->n_layers = 1, "layers: 1 of them") \
    X(many_layers, net->n_layers = 4097, "layers: 4097 of them") \
    X(op, at(net, LB_TINY_STEM)->op = (lb_int_op)7, "layer 'stem': op: number 7 is none") \
    X(two_inputs, at(net, LB_TINY_MEAN_A)->op = LB_INT_INPUT, "op: the first layer, and no other") \
    X(no_input, at(net, 0)->op = LB_INT_CONCAT, "op: the first layer, and no other, is the input") \
    X(no_name, at(net, LB_TINY_STEM)->name = NULL, "layer 1: name: none given") \
    X(no_equals, at(net, LB_TINY_STEM)->equals = NULL, "layer 'stem': equals: none given") \
    X(n_in, at(net, LB_TINY_POOL)->n_in = 0, "'body.pool': in: 0 inputs, wanted 1") \
    X(n_in_of_conv, at(net, LB_TINY_STEM)->n_in = 3, "'stem': in: 3 inputs, wanted 1 or 2") \
    X(negative_in, at(net, LB_TINY_STEM)->in[0] = -1, "in: layer -1, wanted one of the 1 before") \
    X(later_in, at(net, LB_TINY_STEM)->in[0] = 1, "in: layer 1, wanted one of the 1 before") \
    X(shape, at(net, LB_TINY_POOL)->map.shape.h = 4, "map: 5 x 4 x 3, wanted 5 x 3 x 3") \
    X(floats, at(net, LB_TINY_POOL)->map.coded = false, \
      "'body.pool': map: floats, wanted codes of its input's grid and scale") \
    X(codes, at(net, LB_TINY_MEAN_A)->map.coded = true, "'mean.a': map: codes, wanted floats") \
    X(scale, at(net, LB_TINY_POOL)->map.scale = 0.5f, "'body.pool': map: codes, wanted codes of its") \
    X(nan_scale, at(net, LB_TINY_QUANTIZE)->map.scale = NAN, "'stem.quantize': map: scale nan") \
    X(bits, at(net, LB_TINY_QUANTIZE)->map.grid.bits = 9, "map: 9 bits, wanted 1 to 8") \
    X(reversed_floats, at(net, LB_TINY_POOL)->in[0] = LB_TINY_STEM; \
      at(net, LB_TINY_POOL)->map.coded = false, "reversed: wanted on maps of codes only") \
    X(storage, at(net, LB_TINY_STEM)->weights.storage = (lb_weight_storage)3, "storage 3 is none") \
    X(terms, at(net, LB_TINY_BINARY)->weights.terms = 2, "2 sums a channel, wanted 1; ternary") \
    X(no_terms, at(net, LB_TINY_TERNARY)->weights.terms = 0, "0 sums a channel") \
    X(three_terms, at(net, LB_TINY_TERNARY)->weights.terms = 3, "3 sums a channel") \
    X(count, at(net, LB_TINY_STEM)->weights.count = 91, "weight: 91 of them, wanted 90") \
    X(no_weights, at(net, LB_TINY_STEM)->weights.at = NULL, "'stem': weight: none given") \
    X(kind, at(net, LB_TINY_STEM)->post.kind = (lb_post_kind)3, "post: kind 3 is none") \
    X(no_steps, at(net, LB_TINY_STEM)->post.steps = NULL, "post: 3 steps") \
    X(many_steps, at(net, LB_TINY_STEM)->post.n_steps = 65, "post: 65 steps, wanted at most 64") \
    X(step_kind, step(net, LB_TINY_STEM, 0)->kind = (lb_step_kind)7, "step 0: number 7 is no step") \
    X(no_values, step(net, LB_TINY_STEM, 1)->b = NULL, "post: step 1: no values given") \
    X(slope, step(net, LB_TINY_STEM, 2)->slope = INFINITY, "step 2: slope inf") \
    X(clip, step(net, LB_TINY_TERNARY, 2)->low = NAN, "step 2: from nan to 1") \
    X(rounding, step(net, LB_TINY_QUANTIZE, 0)->encode.rounding = (lb_rounding)4, "rounding 4 is none") \
    X(divisor, step(net, LB_TINY_QUANTIZE, 0)->encode.divisor = NAN, "divisor nan, wanted finite") \
    X(other_scale, step(net, LB_TINY_QUANTIZE, 0)->encode.scale = 1.0f, "of scale 1 are not those") \
    X(two_adds, step(net, LB_TINY_STEM, 2)->kind = LB_STEP_ADD, "post: 1 steps of add for 1 inputs") \
    X(bytes, at(net, LB_TINY_BINARY)->post.thresholds.bytes = 4, \
      "threshold: 4 bytes each, wanted 2 for sums up to 135") \
    X(no_thresholds, at(net, LB_TINY_BINARY)->post.thresholds.at = NULL, "threshold: none given") \
    X(no_falls, at(net, LB_TINY_BINARY)->post.thresholds.falls = NULL, "threshold: none given") \
    X(other_bits, at(net, LB_TINY_BINARY)->post.thresholds.bits = 1, "to 1 bits, but the map has 2") \
    X(floats_in, at(net, LB_TINY_BINARY)->in[0] = LB_TINY_STEM, "thresholds, wanted only after one") \
    X(fixed_bits, at(net, LB_TINY_FIXED)->post.fixed.bits = 4, "to 4 bits, but the map has 8") \
    X(shift, at(net, LB_TINY_FIXED)->post.fixed.shift = 41, "'fixed': shift: 41, wanted 0 to 40") \
    X(many_exceptions, at(net, LB_TINY_FIXED)->post.fixed.n_exceptions = 18, "exceptions: 18, wanted at most 17") \
    X(no_exceptions, at(net, LB_TINY_FIXED)->post.fixed.exceptions = NULL, "exceptions: 2, wanted") \
    X(exception_channel, at(net, LB_TINY_FIXED)->post.fixed.exceptions = past_channels, "exception 0: channel 4") \
    X(exception_field, at(net, LB_TINY_FIXED)->post.fixed.exceptions = past_fields, \
      "exception 1: channel 0, field 256") \
    X(exception_order, at(net, LB_TINY_FIXED)->post.fixed.exceptions = descending, "exception 1: does not follow") \
    X(no_multiplier, at(net, LB_TINY_FIXED)->post.fixed.multiplier = NULL, "multiplier: none given") \
    X(no_title, net->title = NULL, "title: none given") \
    X(classes, net->classes = 0, "classes: 0, wanted 1 to") \
    X(std, net->input.std[1] = -1.0f, "std -1 of channel 1, wanted finite ones, std above 0") \
    X(mean, net->input.mean[0] = NAN, "mean nan")
/* clang-format on */

#define X(name, fault, message)      \
    static void name(lb_intnet *net) \
    {                                \
        fault;                       \
    }
FAULTS(X)
#undef X

static void test_faults(void **state)
{
    (void)state;
    static const struct {
        const char *name, *message;
        void (*make)(lb_intnet *net);
    } faults[] = {
#define X(name, fault, message) {#name, message, name},
        FAULTS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        lb_intnet net;
        lb_test_tiny_intnet(false, &net);
        assert_ok(lb_intnet_check(&net));
        faults[i].make(&net);
        if (lb_intnet_check(&net) != LB_E_FORMAT) fail_msg("%s: not refused", faults[i].name);
        assert_contains(lb_error(), faults[i].message);
        lb_intnet_release(&net);
    }
}

static void test_every_layer_is_used(void **state)
{
    (void)state;
    lb_intnet net;
    lb_test_tiny_intnet(false, &net);
    net.layers[LB_TINY_MEAN_A].in[0] = LB_TINY_POOL; /* body.conv3 hangs in the air */
    assert_status(lb_intnet_check(&net), LB_E_FORMAT);
    assert_contains(lb_error(), "layer 'body.conv3': no layer uses it");
    lb_intnet_release(&net);
}

/* input, one layer of `channels` inputs with 8-bit weights: sums up to channels * 128 * 128 */
static lb_status check_wide(size_t channels)
{
    lb_int_layer layers[2] = {{.op = LB_INT_INPUT, .name = "input", .equals = ""},
                              {.op = LB_INT_CONV, .name = "fc", .equals = "", .n_in = 1}};
    static const float one = 1.0f;
    lb_step scale = {.kind = LB_STEP_SCALE, .a = &one};
    lb_intnet net = {
        .layers = layers, .n_layers = 2, .classes = 1, .title = "", .input = {.raw = true}};
    layers[0].map = (lb_int_map){{channels, 1, 1}, true, {8, -128, 1}, 0x1p-7f};
    layers[1].map.shape = (lb_shape){1, 1, 1};
    layers[1].window = (lb_window){.kh = 1, .kw = 1, .stride = 1};
    layers[1].groups = 1;
    layers[1].post = (lb_post){.steps = &scale, .n_steps = 1};
    layers[1].weights = (lb_int_weights){
        .storage = LB_STORED_GRID, .grid = {8, -128, 1}, .count = channels, .terms = 1};
    void *stream = NULL;
    assert_ok(lb_alloc(8, lb_stream_plane_bytes(channels), "test", &stream));
    layers[1].weights.at = stream;
    const lb_status status = lb_intnet_check(&net);
    lb_free(stream);
    return status;
}

static void test_sums_fit_int32(void **state)
{
    (void)state;
    assert_ok(check_wide(((size_t)1 << 17) - 1));
    assert_status(check_wide((size_t)1 << 17), LB_E_FORMAT); /* 2^17 * 2^14 = 2^31 */
    assert_contains(lb_error(),
                    "layer 'fc': weights: sums up to 2147483648, wanted below 2^31 - 1");
}

static void test_releasing(void **state)
{
    (void)state;
    lb_intnet net = {0};
    lb_intnet_release(&net);
    lb_test_tiny_intnet(true, &net);
    lb_intnet_release(&net);
    assert_null(net.layers);
    lb_intnet_release(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_every_layer_is_used),
        cmocka_unit_test(test_sums_fit_int32),
        cmocka_unit_test(test_releasing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
