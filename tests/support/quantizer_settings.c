#include "support/quantizer_settings.h"

void lb_test_standard_options(const lb_option *options, float *values)
{
    for (size_t i = 0; options && options[i].name; i++) values[i] = options[i].standard;
}

bool lb_test_option_setting(const lb_option *options, size_t at, float *values)
{
    lb_test_standard_options(options, values);
    size_t number = 0;
    for (size_t i = 0; options && options[i].name && number < at; i++) {
        const float ends[] = {options[i].min, options[i].max};
        for (size_t e = 0; e < 2 && number < at; e++) {
            if (ends[e] != options[i].standard && ++number == at) values[i] = ends[e];
        }
    }
    return number == at;
}

float lb_test_weight_value(lb_weight_group group, const lb_weight_statistics *s,
                           const int16_t *code, size_t i)
{
    if (s->scales) return (float)code[i] * s->scales[i % group.taps / (group.taps / group.scales)];
    return (float)code[i] * (code[i] < 0 ? s->scale_negative : s->scale);
}
