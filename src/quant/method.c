/* What a method and the user's switches resolve to, and the refusal of what does not fit together. */
#include "quant/method.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

enum { ANY_BITS = 0, MAX_NAMES = 64, MAX_BITS = 8 };

/* ---- names ----------------------------------------------------------------------------------- */

static lb_status unknown(const char *kind, const char *name, const char *const *names, size_t n,
                         const char *list)
{
    const char *near = lb_suggest(name, names, n);
    if (near != NULL)
        return lb_fail(LB_E_ARG, "unknown %s '%s'; did you mean '%s'?", kind, name, near);
    return lb_fail(LB_E_ARG, "unknown %s '%s'; %s", kind, name, list);
}

static lb_status find_method(const char *name, const lb_method **method)
{
    *method = lb_method_find(name);
    if (*method != NULL) return LB_OK;
    const char *names[MAX_NAMES];
    size_t n = 0;
    for (; lb_methods[n].name != NULL && n < MAX_NAMES; n++) names[n] = lb_methods[n].name;
    return unknown("method", name, names, n, "`lowbit methods` lists them");
}

static lb_status find_weights(const char *name, const lb_weight_quantizer **quantizer)
{
    *quantizer = lb_weight_quantizer_find(name);
    if (*quantizer != NULL) return LB_OK;
    const char *names[MAX_NAMES];
    size_t n = 0;
    for (; lb_weight_quantizers[n] != NULL && n < MAX_NAMES; n++)
        names[n] = lb_weight_quantizers[n]->name;
    return unknown("weight quantizer", name, names, n, "`lowbit methods` lists them");
}

static lb_status find_acts(const char *name, const lb_act_quantizer **quantizer)
{
    *quantizer = lb_act_quantizer_find(name);
    if (*quantizer != NULL) return LB_OK;
    const char *names[MAX_NAMES];
    size_t n = 0;
    for (; lb_act_quantizers[n] != NULL && n < MAX_NAMES; n++)
        names[n] = lb_act_quantizers[n]->name;
    return unknown("activation quantizer", name, names, n, "`lowbit methods` lists them");
}

/* ---- bit widths ------------------------------------------------------------------------------ */

static const char *plural(int bits)
{
    return bits == 1 ? "bit" : "bits";
}

static lb_status check_width(const char *what, int bits)
{
    if ((bits >= 1 && bits <= MAX_BITS) || bits == LB_FLOAT_BITS) return LB_OK;
    return lb_fail(LB_E_ARG, "%s take 1 to %d bits, or %d for float, not %d", what, MAX_BITS,
                   LB_FLOAT_BITS, bits);
}

/* A quantizer's own range of widths. */
static lb_status check_range(const char *kind, const char *name, bool ternary, int min, int max,
                             int bits)
{
    if (bits >= min && bits <= max) return LB_OK;
    if (ternary && min == max)
        return lb_fail(LB_E_ARG, "%s '%s' is ternary: it takes 2 bits, not %d", kind, name, bits);
    if (min == max)
        return lb_fail(LB_E_ARG, "%s '%s' takes %d %s, not %d", kind, name, min, plural(min), bits);
    return lb_fail(LB_E_ARG, "%s '%s' takes %d to %d bits, not %d", kind, name, min, max, bits);
}

/* Float weights make the method's network unquantized: a column of the papers' tables. */
static lb_status check_method_weights(const lb_method *method, int bits)
{
    if (method->w_bits == ANY_BITS || bits == method->w_bits) return LB_OK;
    if (bits == LB_FLOAT_BITS) return LB_OK;
    if (method->weights == NULL) {
        return lb_fail(LB_E_ARG, "method '%s' quantizes nothing: its weights take 32 bits, not %d",
                       method->name, bits);
    }
    const bool ternary = lb_weight_quantizer_find(method->weights)->ternary;
    return lb_fail(LB_E_ARG, "method '%s' is %s: its weights take %d %s, not %d", method->name,
                   ternary ? "ternary" : "binary", method->w_bits, plural(method->w_bits), bits);
}

static lb_status check_method_acts(const lb_method *method, int bits)
{
    if (method->a_bits == ANY_BITS || bits == method->a_bits) return LB_OK;
    if (method->a_bits == LB_FLOAT_BITS) {
        return lb_fail(LB_E_ARG, "method '%s' has float activations: 32 bits, not %d%s",
                       method->name, bits,
                       method->weights ? "; name an activation quantizer for a hybrid" : "");
    }
    return lb_fail(
        LB_E_ARG,
        "method '%s' has %d-bit activations, not %d; name an activation quantizer for a hybrid",
        method->name, method->a_bits, bits);
}

static lb_status resolve_weights(const lb_method *method, const lb_method_request *request,
                                 lb_quant_config *config)
{
    const char *name = request->weights ? request->weights : method->weights;
    const lb_weight_quantizer *quantizer = NULL;
    int bits = request->w_bits;
    if (request->weights != NULL && method->weights == NULL) {
        return lb_fail(LB_E_ARG,
                       "method '%s' quantizes nothing: it has no place for weight quantizer '%s'",
                       method->name, request->weights);
    }
    if (name != NULL) LB_TRY(find_weights(name, &quantizer));
    if (bits < 0) bits = quantizer ? quantizer->bits_min : LB_FLOAT_BITS;
    LB_TRY(check_width("weights", bits));
    if (request->weights == NULL) LB_TRY(check_method_weights(method, bits));
    if (bits == LB_FLOAT_BITS) {
        if (request->weights == NULL) return LB_OK;
        return lb_fail(LB_E_ARG,
                       "weights of 32 bits are float: weight quantizer '%s' has no part in them",
                       name);
    }
    LB_TRY(check_range("weight quantizer", quantizer->name, quantizer->ternary, quantizer->bits_min,
                       quantizer->bits_max, bits));
    config->weights = quantizer;
    config->weight_setting.bits = bits;
    config->weight_setting.granularity = quantizer->granularity;
    return LB_OK;
}

static lb_status resolve_acts(const lb_method *method, const lb_method_request *request,
                              lb_quant_config *config)
{
    const char *name = request->acts ? request->acts : method->acts;
    const lb_act_quantizer *quantizer = NULL;
    int bits = request->a_bits;
    if (request->acts != NULL && method->weights == NULL) {
        return lb_fail(
            LB_E_ARG,
            "method '%s' quantizes nothing: it has no place for activation quantizer '%s'",
            method->name, request->acts);
    }
    if (name != NULL) LB_TRY(find_acts(name, &quantizer));
    if (bits < 0 && request->acts == NULL)
        bits = method->a_bits != ANY_BITS ? method->a_bits : LB_FLOAT_BITS;
    if (bits < 0) {
        if (quantizer->bits_min != quantizer->bits_max) {
            return lb_fail(LB_E_ARG, "activation quantizer '%s' takes %d to %d bits: say how many",
                           quantizer->name, quantizer->bits_min, quantizer->bits_max);
        }
        bits = quantizer->bits_min;
    }
    LB_TRY(check_width("activations", bits));
    if (request->acts == NULL) LB_TRY(check_method_acts(method, bits));
    if (bits == LB_FLOAT_BITS) {
        if (request->acts == NULL) return LB_OK;
        return lb_fail(
            LB_E_ARG,
            "activations of 32 bits are float: activation quantizer '%s' has no part in them",
            name);
    }
    LB_TRY(check_range("activation quantizer", quantizer->name, false, quantizer->bits_min,
                       quantizer->bits_max, bits));
    config->acts = quantizer;
    config->act_setting.bits = bits;
    return LB_OK;
}

/* ---- policies -------------------------------------------------------------------------------- */

static lb_status resolve_granularity(const lb_method_request *request, lb_quant_config *config)
{
    static const char *const names[LB_GRANULARITIES] = {"layer", "filter", "row", "pixel"};
    if (request->granularity < 0) return LB_OK;
    const lb_granularity wanted = (lb_granularity)request->granularity;
    if (config->weights == NULL) {
        return lb_fail(LB_E_ARG, "float weights have no scale: one a %s is not possible",
                       names[wanted]);
    }
    if ((config->weights->granularities >> wanted & 1u) == 0) {
        char has[64] = "";
        for (size_t g = 0, length = 0; g < LB_GRANULARITIES; g++) {
            if ((config->weights->granularities >> g & 1u) == 0) continue;
            length += (size_t)snprintf(has + length, sizeof has - length, "%s%s",
                                       length > 0 ? " or " : "", names[g]);
        }
        return lb_fail(LB_E_ARG, "weight quantizer '%s' has one scale a %s, not one a %s",
                       config->weights->name, has, names[wanted]);
    }
    config->weight_setting.granularity = wanted;
    return LB_OK;
}

static lb_status resolve_end(const lb_method *method, const char *which, int wanted,
                             lb_end_policy *policy, lb_end_policy *resnet_policy)
{
    *policy = method->ends;
    *resnet_policy = method->resnet_ends;
    if (wanted < 0) return LB_OK;
    if (method->weights == NULL && wanted != LB_END_FLOAT) {
        return lb_fail(LB_E_ARG, "method '%s' quantizes nothing: its %s layer stays float",
                       method->name, which);
    }
    *policy = (lb_end_policy)wanted;
    *resnet_policy = *policy;
    return LB_OK;
}

static lb_status resolve_order(const lb_method *method, const lb_method_request *request,
                               lb_quant_config *config)
{
    config->order = request->order < 0 ? method->order : (lb_block_order)request->order;
    /* the ReLU after the convolution belongs to XNOR-Net's order; the other order has its own place
     * for it */
    config->relu_after_conv = method->relu_after_conv && config->order == LB_BN_ACT_CONV;
    config->relu_slope = 1.0f;
    if (isnan(request->relu_slope)) return LB_OK;
    if (!(request->relu_slope > 0.0f) || isinf(request->relu_slope)) {
        return lb_fail(LB_E_ARG, "the slope of the ReLU is %g; wanted: more than 0",
                       (double)request->relu_slope);
    }
    if (config->acts != NULL &&
        lb_act_quantizer_before(config->acts, &config->act_setting) != LB_BEFORE_RELU &&
        !config->relu_after_conv) {
        return lb_fail(
            LB_E_ARG,
            "a slope of the ReLU needs a ReLU: activation quantizer '%s' has none before it",
            config->acts->name);
    }
    config->relu_slope = request->relu_slope;
    return LB_OK;
}

static lb_status resolve_gradient(const lb_method_request *request, lb_quant_config *config)
{
    config->act_setting.gradient = request->act_gradient;
    if (request->act_gradient == LB_GRADIENT_STE) return LB_OK;
    const float any = 1.0f;
    if (config->acts != NULL &&
        config->acts->map(&config->act_setting, &any).gradient == request->act_gradient)
        return LB_OK;
    return lb_fail(LB_E_ARG,
                   "act-gradient approx-sign is one of sign activations, these are %s%s%s",
                   config->acts ? "those of '" : "float", config->acts ? config->acts->name : "",
                   config->acts ? "'" : "");
}

static lb_status resolve_last_input(const lb_method_request *request, lb_quant_config *config)
{
    config->quantize_last_input = request->quantize_last_input == 1;
    if (config->quantize_last_input && config->acts == NULL) {
        return lb_fail(
            LB_E_ARG,
            "the last layer's input cannot be quantized: activations are float (32 bits)");
    }
    return LB_OK;
}

/* ---- options --------------------------------------------------------------------------------- */

static const lb_option *weight_options(const lb_quant_config *config)
{
    return config->weights ? config->weights->options : NULL;
}

static const lb_option *act_options(const lb_quant_config *config)
{
    return config->acts ? config->acts->options : NULL;
}

static void standard_options(const lb_option *options, float *values)
{
    for (size_t i = 0; options != NULL && options[i].name != NULL; i++)
        values[i] = options[i].standard;
}

/* An option of a quantizer that the method has, but not at 32 bits. */
static lb_status unused_option(const lb_method *method, const lb_quant_config *config,
                               const char *name)
{
    const lb_weight_quantizer *weights = NULL;
    const lb_act_quantizer *acts = NULL;
    if (config->weights == NULL && method->weights != NULL)
        LB_TRY(find_weights(method->weights, &weights));
    if (config->acts == NULL && method->acts != NULL) LB_TRY(find_acts(method->acts, &acts));
    const struct {
        const lb_option *options;
        const char *what, *key;
    } unused[] = {{weights != NULL ? weights->options : NULL, "weights", "wbits"},
                  {acts != NULL ? acts->options : NULL, "activations", "abits"}};
    for (size_t u = 0; u < 2; u++) {
        for (const lb_option *o = unused[u].options; o != NULL && o->name != NULL; o++) {
            if (strcmp(o->name, name) != 0) continue;
            return lb_fail(LB_E_ARG, "option '%s' has no part in float %s: %s is 32, wanted fewer",
                           name, unused[u].what, unused[u].key);
        }
    }
    return LB_OK;
}

static lb_status unknown_option(const lb_quant_config *config, const char *name)
{
    const char *names[2 * LB_MAX_QUANTIZER_OPTIONS];
    size_t n = 0;
    const lb_option *tables[] = {weight_options(config), act_options(config)};
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; tables[t] != NULL && tables[t][i].name != NULL; i++)
            names[n++] = tables[t][i].name;
    }
    if (n == 0)
        return lb_fail(LB_E_ARG, "unknown option '%s'; the quantizers chosen have none", name);
    return unknown("option", name, names, n, "`lowbit methods NAME` lists those of a method");
}

/* Set the option in one table; *found tells whether it is there. */
static lb_status set_option(const lb_option *options, const char *name, float value, float *values,
                            bool *found)
{
    for (size_t i = 0; options != NULL && options[i].name != NULL; i++) {
        if (strcmp(options[i].name, name) != 0) continue;
        if (!(value >= options[i].min && value <= options[i].max)) {
            return lb_fail(LB_E_ARG, "option '%s' is %g; wanted: %g to %g", name, (double)value,
                           (double)options[i].min, (double)options[i].max);
        }
        if (options[i].whole && value != truncf(value)) {
            return lb_fail(LB_E_ARG, "option '%s' is %g; wanted: a whole number from %g to %g",
                           name, (double)value, (double)options[i].min, (double)options[i].max);
        }
        values[i] = value;
        *found = true;
    }
    return LB_OK;
}

static lb_status resolve_option(const lb_method *method, const char *text, lb_quant_config *config)
{
    char name[64];
    const char *equals = strchr(text, '=');
    const size_t length = equals ? (size_t)(equals - text) : 0;
    if (length == 0 || length >= sizeof name) {
        return lb_fail(LB_E_ARG, "option '%s' is not of the form NAME=VALUE", text);
    }
    memcpy(name, text, length);
    name[length] = '\0';
    char *end;
    const float value = strtof(equals + 1, &end);
    if (end == equals + 1 || *end != '\0') {
        return lb_fail(LB_E_ARG, "option '%s': '%s' is not a number", name, equals + 1);
    }
    bool found = false;
    LB_TRY(set_option(weight_options(config), name, value, config->weight_setting.options, &found));
    LB_TRY(set_option(act_options(config), name, value, config->act_setting.options, &found));
    if (found) return LB_OK;
    LB_TRY(unused_option(method, config, name));
    return unknown_option(config, name);
}

lb_status lb_method_resolve(const lb_method_request *request, lb_quant_config *out)
{
    const lb_method *method;
    lb_quant_config config = {0};
    LB_TRY(find_method(request->method, &method));
    LB_TRY(resolve_weights(method, request, &config));
    LB_TRY(resolve_acts(method, request, &config));
    LB_TRY(resolve_granularity(request, &config));
    LB_TRY(resolve_end(method, "first", request->first, &config.first, &config.resnet_first));
    LB_TRY(resolve_end(method, "last", request->last, &config.last, &config.resnet_last));
    LB_TRY(resolve_last_input(request, &config));
    config.quantize_shortcuts = request->quantize_shortcuts != 0 && method->weights != NULL;
    config.quantize_before_branch = method->quantize_before_branch;
    config.lenet_pool = method->lenet_pool;
    standard_options(weight_options(&config), config.weight_setting.options);
    standard_options(act_options(&config), config.act_setting.options);
    for (size_t i = 0; i < request->n_options; i++)
        LB_TRY(resolve_option(method, request->options[i], &config));
    LB_TRY(resolve_gradient(request, &config));
    LB_TRY(resolve_order(method, request, &config)); /* options decide what stands before */
    *out = config;
    return LB_OK;
}
