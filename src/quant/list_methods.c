/* The tables of methods and quantizers as the public header shows them. */
#include <string.h>

#include "base/suggest.h"
#include "lowbit/methods.h"
#include "quant/method.h"

static size_t copy_options(const lb_option *options, lb_option_info *out)
{
    size_t n = 0;
    for (; options != NULL && options[n].name != NULL && n < LB_OPTION_INFOS_MAX; n++) {
        out[n] = (lb_option_info){.name = options[n].name,
                                  .help = options[n].help,
                                  .standard = options[n].standard,
                                  .min = options[n].min,
                                  .max = options[n].max};
    }
    return n;
}

static const char *scales_text(const lb_weight_quantizer *q)
{
    if (q->granularities >> LB_PER_PIXEL & 1u) return "pixel, row, layer";
    const bool filter = (q->granularities >> LB_PER_FILTER & 1u) != 0;
    const bool layer = (q->granularities >> LB_PER_LAYER & 1u) != 0;
    if (filter && layer) return q->granularity == LB_PER_FILTER ? "filter, layer" : "layer, filter";
    return filter ? "filter" : "layer";
}

static lb_quantizer_info weight_info(const lb_weight_quantizer *q)
{
    lb_quantizer_info info = {.name = q->name,
                              .summary = q->summary,
                              .source = q->source,
                              .bits_min = q->bits_min,
                              .bits_max = q->bits_max,
                              .ternary = q->ternary,
                              .scales = scales_text(q)};
    info.n_options = copy_options(q->options, info.options);
    return info;
}

static lb_quantizer_info act_info(const lb_act_quantizer *q)
{
    lb_quantizer_info info = {.name = q->name,
                              .summary = q->summary,
                              .source = q->source,
                              .bits_min = q->bits_min,
                              .bits_max = q->bits_max,
                              .scales = "layer"};
    info.n_options = copy_options(q->options, info.options);
    return info;
}

/* A method's widths: its one width, or all its quantizer has; float too where it has several. */
static void bits_of(int fixed, int quantizer_min, int quantizer_max, int *min, int *max,
                    bool *also_float)
{
    *also_float = fixed == 0 || fixed == LB_FLOAT_BITS;
    *min = fixed ? fixed : quantizer_min;
    *max = fixed ? fixed : quantizer_max;
}

static lb_method_info info_of(const lb_method *m)
{
    static const char *const ends[] = {
        [LB_END_QUANTIZED] = "quantized", [LB_END_FLOAT] = "float", [LB_END_8BIT] = "8bit"};
    const lb_weight_quantizer *w = m->weights ? lb_weight_quantizer_find(m->weights) : NULL;
    const lb_act_quantizer *a = m->acts ? lb_act_quantizer_find(m->acts) : NULL;
    lb_method_info info = {.name = m->name,
                           .summary = m->summary,
                           .source = m->source,
                           .papers = m->papers,
                           .weights = m->weights,
                           .activations = m->acts,
                           .ends = ends[m->ends],
                           .resnet_ends = ends[m->resnet_ends],
                           .block_order =
                               m->order == LB_CONV_BN_ACT ? "conv-bn-act" : "bn-act-conv"};
    bits_of(m->w_bits, w ? w->bits_min : LB_FLOAT_BITS, w ? w->bits_max : LB_FLOAT_BITS,
            &info.w_bits_min, &info.w_bits_max, &info.w_float);
    info.w_float = true; /* the method's network with its weights left alone */
    bits_of(m->a_bits, a ? a->bits_min : LB_FLOAT_BITS, a ? a->bits_max : LB_FLOAT_BITS,
            &info.a_bits_min, &info.a_bits_max, &info.a_float);
    return info;
}

bool lb_method_info_at(size_t index, lb_method_info *out)
{
    for (size_t i = 0; i <= index; i++) {
        if (lb_methods[i].name == NULL) return false;
    }
    *out = info_of(&lb_methods[index]);
    return true;
}

bool lb_weight_quantizer_info_at(size_t index, lb_quantizer_info *out)
{
    for (size_t i = 0; i <= index; i++) {
        if (lb_weight_quantizers[i] == NULL) return false;
    }
    *out = weight_info(lb_weight_quantizers[index]);
    return true;
}

bool lb_act_quantizer_info_at(size_t index, lb_quantizer_info *out)
{
    for (size_t i = 0; i <= index; i++) {
        if (lb_act_quantizers[i] == NULL) return false;
    }
    *out = act_info(lb_act_quantizers[index]);
    return true;
}

static lb_status unknown_name(const char *name)
{
    enum { MAX_NAMES = 128 };
    const char *names[MAX_NAMES];
    size_t n = 0;
    for (size_t i = 0; lb_methods[i].name && n < MAX_NAMES; i++) names[n++] = lb_methods[i].name;
    for (size_t i = 0; lb_weight_quantizers[i] && n < MAX_NAMES; i++)
        names[n++] = lb_weight_quantizers[i]->name;
    for (size_t i = 0; lb_act_quantizers[i] && n < MAX_NAMES; i++)
        names[n++] = lb_act_quantizers[i]->name;
    const char *near = lb_suggest(name, names, n);
    if (near)
        return lb_fail(LB_E_ARG, "unknown method or quantizer '%s'; did you mean '%s'?", name,
                       near);
    return lb_fail(LB_E_ARG, "unknown method or quantizer '%s'; `lowbit methods` lists them", name);
}

lb_status lb_method_info_find(const char *name, lb_method_info *method, lb_quantizer_info *weights,
                              lb_quantizer_info *activations)
{
    const lb_method *m = lb_method_find(name);
    const lb_weight_quantizer *w = lb_weight_quantizer_find(name);
    const lb_act_quantizer *a = lb_act_quantizer_find(name);
    if (!m && !w && !a) return unknown_name(name);
    *method = m ? info_of(m) : (lb_method_info){.name = NULL};
    *weights = w ? weight_info(w) : (lb_quantizer_info){.name = NULL};
    *activations = a ? act_info(a) : (lb_quantizer_info){.name = NULL};
    return LB_OK;
}
