#include "support/model_grid.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "support/random_norms.h"
#include "support/support.h"

static const struct {
    const char *name, *text;
    bool resnet;
    lb_shortcut_kind shortcut;
    bool pre_activation;
} models[] = {
    {"lenet5", "lenet5", false, LB_SHORTCUT_MODEL, false},
    {"vgg7", "vgg7", false, LB_SHORTCUT_MODEL, false},
    {"resnet20", "resnet20 a post", true, LB_SHORTCUT_A, false},
    {"resnet20", "resnet20 b post", true, LB_SHORTCUT_B, false},
    {"resnet20", "resnet20 a pre", true, LB_SHORTCUT_A, true},
    {"resnet20", "resnet20 b pre", true, LB_SHORTCUT_B, true},
    {"squeezenet", "squeezenet", false, LB_SHORTCUT_MODEL, false},
    {"squeezenet-bypass", "squeezenet-bypass", false, LB_SHORTCUT_MODEL, false},
};

static const struct {
    int w, a;
    bool ternary; /* for methods with ternary weights */
} widths[] = {
    {1, 1, false},  {1, 2, false}, {2, 2, false}, {4, 4, false}, {8, 8, false}, {1, 8, false},
    {1, 32, false}, {2, 1, true},  {2, 2, true},  {2, 8, true},  {2, 32, true}, {32, 32, false},
};

/* Of methods with scales by kernel position. */
static const struct {
    int w, a;
    lb_granularity granularity;
} positions[] = {
    {1, 2, LB_PER_PIXEL}, {1, 4, LB_PER_PIXEL}, {1, 8, LB_PER_PIXEL}, {1, 32, LB_PER_PIXEL},
    {2, 2, LB_PER_PIXEL}, {2, 4, LB_PER_PIXEL}, {2, 8, LB_PER_PIXEL}, {2, 32, LB_PER_PIXEL},
    {1, 2, LB_PER_ROW},   {1, 4, LB_PER_ROW},   {1, 8, LB_PER_ROW},   {1, 32, LB_PER_ROW},
    {2, 2, LB_PER_ROW},   {2, 4, LB_PER_ROW},   {2, 8, LB_PER_ROW},   {2, 32, LB_PER_ROW},
    {1, 2, LB_PER_LAYER}, {1, 4, LB_PER_LAYER}, {1, 8, LB_PER_LAYER}, {1, 32, LB_PER_LAYER},
    {2, 2, LB_PER_LAYER}, {2, 4, LB_PER_LAYER}, {2, 8, LB_PER_LAYER}, {2, 32, LB_PER_LAYER},
};

static const struct {
    lb_end_policy policy;
    const char *text;
} ends[] = {{LB_END_8BIT, "8bit"}, {LB_END_FLOAT, "float"}, {LB_END_QUANTIZED, "quantized"}};

enum {
    N_MODELS = sizeof models / sizeof *models,
    N_WIDTHS = sizeof widths / sizeof *widths,
    N_POSITIONS = sizeof positions / sizeof *positions, /* more than N_WIDTHS */
    N_ENDS = sizeof ends / sizeof *ends
};

static const lb_weight_quantizer *weights_of(const lb_method *method)
{
    return method->weights ? lb_weight_quantizer_find(method->weights) : NULL;
}

static bool has_positions(const lb_method *method)
{
    const lb_weight_quantizer *q = weights_of(method);
    return q && q->granularities >> LB_PER_PIXEL & 1u;
}

/* Methods that share their weight quantizer with an earlier one differ in activations and policies: one of
 * the end policies a network is enough there. So it is with the many widths of scales by kernel position, and
 * one network of each family. */
static bool is_left_out(size_t method, size_t width, size_t model, size_t end)
{
    const bool chosen = end == (width + model) % N_ENDS;
    if (has_positions(&lb_methods[method])) {
        const char *name = models[model].name;
        const bool other = strcmp(name, "vgg7") == 0 || strcmp(name, "squeezenet-bypass") == 0;
        return !chosen || other || models[model].pre_activation;
    }
    if (width >= N_WIDTHS) return true;
    for (size_t m = 0; m < method; m++) {
        if (lb_methods[m].weights && lb_methods[method].weights &&
            strcmp(lb_methods[m].weights, lb_methods[method].weights) == 0)
            return !chosen;
    }
    return false;
}

/* Widths and granularity of a combination; false: not for this method. */
static bool choose_widths(const lb_method *method, size_t width, lb_method_request *request)
{
    if (has_positions(method)) {
        request->w_bits = positions[width].w;
        request->a_bits = positions[width].a;
        request->granularity = (int)positions[width].granularity;
        return true;
    }
    const lb_weight_quantizer *q = weights_of(method);
    request->w_bits = widths[width].w;
    request->a_bits = widths[width].a;
    return (q && q->ternary && widths[width].w > 1) == widths[width].ternary;
}

/* Combination number `at`; false: not a valid one. */
static bool choose(lb_grid_case *c, const lb_method *method, size_t width, size_t model, size_t end)
{
    static const char *const names[LB_GRANULARITIES] = {" layer", " filter", " row", " pixel"};
    lb_method_request request = {
        .method = method->name,
        .first = (int)ends[end].policy,
        .last = (int)ends[end].policy,
        .order = !models[model].resnet          ? -1
                 : models[model].pre_activation ? LB_BN_ACT_CONV
                                                : LB_CONV_BN_ACT,
        .granularity = -1,
        .quantize_shortcuts = (int)(c->next % 3 != 0),
        .relu_slope = NAN,
    };
    if (!choose_widths(method, width, &request)) return false;
    request.quantize_last_input = request.a_bits < LB_FLOAT_BITS && c->next % 2 == 1;
    c->request = (lb_model_request){.name = models[model].name,
                                    .classes = 10,
                                    .shortcut = models[model].shortcut,
                                    .pre_activation = models[model].pre_activation,
                                    .bias = c->next % 5 == 0 ? LB_SWITCH_ON : LB_SWITCH_MODEL,
                                    .dropout = c->next % 7 == 0 ? 0.3f : 0.0f,
                                    .width_multiplier = 0.125};
    if (lb_method_resolve(&request, &c->request.quant) != LB_OK) return false;
    c->request.input = lb_model_find(models[model].name)->input;
    (void)snprintf(c->name, sizeof c->name, "%s, %s%s W%dA%d, ends %s", models[model].text,
                   method->name, request.granularity < 0 ? "" : names[request.granularity],
                   request.w_bits, request.a_bits, ends[end].text);
    return true;
}

bool lb_grid_next(lb_grid_case *c)
{
    for (;;) {
        const size_t at = c->next++;
        const size_t end = at % N_ENDS, model = at / N_ENDS % N_MODELS;
        const size_t width = at / (N_ENDS * N_MODELS) % N_POSITIONS;
        const size_t method = at / (N_ENDS * N_MODELS * N_POSITIONS);
        if (!lb_methods[method].name) return false;
        if (is_left_out(method, width, model, end)) continue;
        if (!choose(c, &lb_methods[method], width, model, end)) continue;
        assert_true(method < LB_GRID_MOST_METHODS);
        c->of_method[method]++;
        c->number++;
        return true;
    }
}

void lb_grid_check_whole(const lb_grid_case *c)
{
    assert_int_equal(c->number, LB_GRID_NETWORKS);
    for (size_t m = 0; lb_methods[m].name; m++)
        if (c->of_method[m] == 0) fail_msg("no network of method '%s'", lb_methods[m].name);
}

void lb_grid_build(const lb_grid_case *c, lb_net *net)
{
    lb_random r = lb_random_at(c->next, LB_RANDOM_TEST, 3, 0);
    const lb_status status = lb_model_build(&c->request, net);
    if (status != LB_OK) fprintf(stderr, "%s: %s\n", c->name, lb_error());
    lb_assert(status == LB_OK);
    lb_net_initialize(net, lb_model_find(c->request.name)->init, c->next);
    lb_random_learned_acts(net, &r);
    lb_random_norms(net, &r, 1, false);
}

void lb_grid_images(const lb_grid_case *c, const lb_net *net, size_t n, float *images)
{
    lb_random r = lb_random_at(c->next, LB_RANDOM_TEST, 4, 0);
    for (size_t i = 0; i < n * lb_shape_count(net->input); i++)
        images[i] = net->raw_input ? ((float)lb_random_below(&r, 256) - 128.0f) / 128.0f
                                   : lb_random_normal(&r);
}
