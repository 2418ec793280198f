/* The quantizers the build found: src/quant/weights/wq_ID.c and src/quant/acts/aq_ID.c. */
#include <string.h>

#include "quant/method.h"

#define LB_WEIGHT_QUANTIZER(id) extern const lb_weight_quantizer lb_weight_quantizer_##id;
#include "weight_quantizers.inc"
#undef LB_WEIGHT_QUANTIZER

const lb_weight_quantizer *const lb_weight_quantizers[] = {
#define LB_WEIGHT_QUANTIZER(id) &lb_weight_quantizer_##id,
#include "weight_quantizers.inc"
#undef LB_WEIGHT_QUANTIZER
    NULL,
};

#define LB_ACT_QUANTIZER(id) extern const lb_act_quantizer lb_act_quantizer_##id;
#include "act_quantizers.inc"
#undef LB_ACT_QUANTIZER

const lb_act_quantizer *const lb_act_quantizers[] = {
#define LB_ACT_QUANTIZER(id) &lb_act_quantizer_##id,
#include "act_quantizers.inc"
#undef LB_ACT_QUANTIZER
    NULL,
};

const lb_weight_quantizer *lb_weight_quantizer_find(const char *name)
{
    for (size_t i = 0; lb_weight_quantizers[i] != NULL; i++) {
        if (strcmp(lb_weight_quantizers[i]->name, name) == 0) return lb_weight_quantizers[i];
    }
    return NULL;
}

lb_before lb_act_quantizer_before(const lb_act_quantizer *quantizer, const lb_act_setting *setting)
{
    const float any = 1.0f;
    const lb_act_map map = quantizer->map(setting, &any);
    const bool skips = quantizer->before == LB_BEFORE_RELU && map.low < 0.0f;
    return skips ? LB_BEFORE_NOTHING : quantizer->before;
}

const lb_act_quantizer *lb_act_quantizer_find(const char *name)
{
    for (size_t i = 0; lb_act_quantizers[i] != NULL; i++) {
        if (strcmp(lb_act_quantizers[i]->name, name) == 0) return lb_act_quantizers[i];
    }
    return NULL;
}
