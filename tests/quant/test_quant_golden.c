/* Quantizers against PyTorch: values and gradients of golden/quantizers.txt, computed there in
 * double precision. */
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "intnet/act_map.h"
#include "quant/method.h"
#include "support/golden.h"
#include "support/quantizer_settings.h"

/* A value is one code (exact, as weights keep clear of the boundaries) times a scale, a mean of up
 * to 60 floats and one rounding: a few units of 6e-8. tanh's error is 5e-7 and enters 1 - tanh^2
 * doubled. */
static const double bound = 4e-6;

enum { MOST = 64 };

/* Groups of a (filters, channels, taps) array. */
typedef struct layer {
    lb_weight_group group;
    size_t n_groups;
} layer;

static layer layer_of(const lb_golden_array *w, lb_granularity granularity)
{
    assert_int_equal(w->n_dims, 3);
    assert_true(w->count <= MOST);
    const size_t filters = granularity == LB_PER_FILTER ? 1 : w->dims[0];
    return (layer){{.n = filters * w->dims[1] * w->dims[2],
                    .filters = filters,
                    .channels = w->dims[1],
                    .taps = w->dims[2]},
                   w->dims[0] / filters};
}

/* Weight quantizer `id` at one setting against the arrays PREFIX.w, .g, .q, .dw. */
static void check_weights(const lb_golden *golden, const char *id, const lb_weight_setting *setting,
                          const char *prefix)
{
    const lb_weight_quantizer *q = lb_weight_quantizer_find(id);
    const lb_golden_array *w = lb_golden_at(golden, "%s.w", prefix),
                          *g = lb_golden_at(golden, "%s.g", prefix);
    const lb_golden_array *learned = lb_golden_find(golden, "%s.learned", prefix);
    const layer l = layer_of(w, setting->granularity);
    float real[MOST], dw[MOST], dlearned[LB_MAX_LEARNED] = {0.0f};
    for (size_t i = 0; i < l.n_groups; i++) {
        const size_t first = i * l.group.n;
        lb_weight_statistics s = {0};
        int16_t code[MOST];
        q->statistics(setting, l.group, w->values + first, learned ? learned->values : NULL, &s);
        q->encode(setting, l.group, &s, w->values + first, NULL, code);
        q->backward(setting, l.group, &s, w->values + first, code, g->values + first, dw + first,
                    dlearned);
        for (size_t j = 0; j < l.group.n; j++)
            real[first + j] = lb_test_weight_value(l.group, &s, code, j);
    }
    lb_golden_compare(lb_golden_at(golden, "%s.q", prefix), real, w->count, bound);
    lb_golden_compare(lb_golden_at(golden, "%s.dw", prefix), dw, w->count, bound);
    if (learned)
        lb_golden_compare(lb_golden_at(golden, "%s.dlearned", prefix), dlearned, learned->count,
                          bound);
}

static const char *const where[] = {[LB_PER_LAYER] = "layer", [LB_PER_FILTER] = "filter"};

/* The file's bit widths; a list ends with 0. */
static const int all_widths[] = {1, 2, 3, 4, 8, 0};

/* Both granularities, all the widths. */
static void check_all(const lb_golden *golden, const char *id, const char *label, const int *widths,
                      float option)
{
    for (int g = 0; g < 2; g++) {
        for (const int *bits = widths; *bits != 0; bits++) {
            const lb_weight_setting setting = {
                .bits = *bits, .granularity = (lb_granularity)g, .options = {option}};
            char prefix[64];
            (void)snprintf(prefix, sizeof prefix, "%s.%d.%s", label, *bits, where[g]);
            check_weights(golden, id, &setting, prefix);
        }
    }
}

/* The masters that xnor's prepare makes of PREFIX.raw. */
static void check_centring(const lb_golden *golden, lb_granularity granularity)
{
    const lb_golden_array *raw = lb_golden_at(golden, "xnor.1.%s.raw", where[granularity]);
    const lb_golden_array *wanted = lb_golden_at(golden, "xnor.1.%s.w", where[granularity]);
    const lb_weight_setting setting = {.bits = 1, .granularity = granularity};
    const layer l = layer_of(raw, granularity);
    float w[MOST];
    memcpy(w, raw->values, raw->count * sizeof *w);
    for (size_t i = 0; i < l.n_groups; i++)
        lb_weight_quantizer_find("xnor")->prepare(&setting, l.group, w + i * l.group.n);
    lb_golden_compare(wanted, w, raw->count, bound);
}

static void test_weight_quantizers(void **state)
{
    (void)state;
    lb_golden golden = lb_golden_read("tests/quant/golden/quantizers.txt");
    check_all(&golden, "dorefa", "dorefa", all_widths, 0.0f);
    check_all(&golden, "qnn", "qnn", all_widths, 0.0f);
    check_all(&golden, "qnn", "qnn_fixed", (const int[]){3, 0}, 1.0f);
    check_all(&golden, "twn", "twn", (const int[]){2, 0}, 0.0f);
    check_all(&golden, "xnor", "xnor", (const int[]){1, 0}, 0.0f);
    check_centring(&golden, LB_PER_LAYER);
    check_centring(&golden, LB_PER_FILTER);
    const lb_weight_setting ttq = {.bits = 2, .granularity = LB_PER_LAYER};
    check_weights(&golden, "ttq", &ttq, "ttq.2.layer");
    static const char *const prefixes[] = {"dorefa.", "qnn.",  "qnn_fixed.",
                                           "twn.",    "xnor.", "ttq."};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        lb_golden_check_all_used(&golden, prefixes[i]);
    lb_golden_release(&golden);
}

static void check_acts(const lb_golden *golden, const char *id, int bits)
{
    const lb_act_setting setting = {.bits = bits};
    const lb_act_map map = lb_act_quantizer_find(id)->map(&setting, NULL);
    const lb_golden_array *x = lb_golden_at(golden, "act_%s.%d.x", id, bits);
    const lb_golden_array *g = lb_golden_at(golden, "act_%s.%d.g", id, bits);
    float y[MOST], dx[MOST];
    assert_true(x->count <= MOST);
    lb_act_encode(&map, x->count, x->values, y);
    for (size_t i = 0; i < x->count; i++) {
        y[i] *= map.scale;
        const bool inside = x->values[i] >= map.window_low && x->values[i] <= map.window_high;
        dx[i] = inside ? g->values[i] : 0.0f;
    }
    lb_golden_compare(lb_golden_at(golden, "act_%s.%d.y", id, bits), y, x->count, 1e-7);
    lb_golden_compare(lb_golden_at(golden, "act_%s.%d.dx", id, bits), dx, x->count, 1e-7);
}

static void test_act_quantizers(void **state)
{
    (void)state;
    lb_golden golden = lb_golden_read("tests/quant/golden/quantizers.txt");
    check_acts(&golden, "sign", 1);
    for (const int *bits = all_widths; *bits != 0; bits++) check_acts(&golden, "dorefa", *bits);
    for (const int *bits = all_widths + 1; *bits != 0; bits++) check_acts(&golden, "qnn", *bits);
    lb_golden_check_all_used(&golden, "act_");
    lb_golden_release(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weight_quantizers),
        cmocka_unit_test(test_act_quantizers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
