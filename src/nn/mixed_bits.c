/* Bit widths of single layers and filters: reading them, writing them, and what they make of a layer. */
#include "nn/mixed_bits.h"

#include <stdio.h>
#include <string.h>

#include "base/suggest.h"

enum { SHOWN = 40, MAX_NAMES = 1024 };

/* One "LAYER=BITS" of the list. */
typedef struct entry {
    char name[LB_NAME_BYTES];
    const char *digits;
    size_t n;
} entry;

lb_weight_setting lb_conv_group_setting(const lb_conv *conv, size_t group)
{
    lb_weight_setting setting = conv->setting;
    if (conv->filter_bits) setting.bits = conv->filter_bits[group];
    return setting;
}

double lb_conv_mean_bits(const lb_conv *conv)
{
    if (!conv->filter_bits) return conv->setting.bits;
    size_t sum = 0;
    for (size_t o = 0; o < conv->out; o++) sum += conv->filter_bits[o];
    return (double)sum / (double)conv->out;
}

bool lb_conv_same_bits(const lb_conv *a, const lb_conv *b)
{
    if (a->setting.bits != b->setting.bits || !a->filter_bits != !b->filter_bits) return false;
    return !a->filter_bits ||
           (a->out == b->out && memcmp(a->filter_bits, b->filter_bits, a->out) == 0);
}

/* ---- reading --------------------------------------------------------------------------------- */

static lb_status read_entry(const char *text, size_t length, entry *out)
{
    const char *equals = memchr(text, '=', length);
    const size_t name = equals ? (size_t)(equals - text) : 0;
    if (!equals || name == 0 || name >= sizeof out->name || name + 1 == length) {
        return lb_fail(LB_E_ARG, "mixed-bits '%.*s': wanted LAYER=BITS",
                       length < SHOWN ? (int)length : SHOWN, text);
    }
    memcpy(out->name, text, name);
    out->name[name] = '\0';
    out->digits = equals + 1;
    out->n = length - name - 1;
    return LB_OK;
}

static lb_status check_digits(const entry *e, int least, int most)
{
    for (size_t i = 0; i < e->n; i++) {
        const int bits = e->digits[i] - '0';
        if (bits >= least && bits <= most) continue;
        return lb_fail(LB_E_ARG, "mixed-bits: layer '%s': digit %zu is '%c', wanted %d to %d",
                       e->name, i + 1, e->digits[i], least, most);
    }
    return LB_OK;
}

static lb_status unknown_layer(const lb_net *net, const char *name)
{
    const char *names[MAX_NAMES];
    size_t n = 0;
    for (size_t i = 0; i < net->n_nodes && n < MAX_NAMES; i++) {
        const lb_op op = net->nodes[i].op;
        if (op == LB_OP_CONV || op == LB_OP_LINEAR || op == LB_OP_QUANTIZE)
            names[n++] = net->nodes[i].name;
    }
    const char *dot = strrchr(name, '.'); /* LAYER.quantize: what the layer takes */
    for (size_t i = 0; i < n && dot != NULL && strcmp(dot, ".quantize") == 0; i++) {
        const size_t length = (size_t)(dot - name);
        if (strlen(names[i]) != length || strncmp(names[i], name, length) != 0) continue;
        return lb_fail(LB_E_ARG, "mixed-bits: the input of layer '%s' is not quantized", names[i]);
    }
    const char *near = lb_suggest(name, names, n);
    return lb_fail(LB_E_ARG, "mixed-bits: the network has no layer '%s'%s%s%s", name,
                   near ? "; did you mean '" : "; `lowbit inspect --all` lists its layers",
                   near ? near : "", near ? "'?" : "");
}

static lb_status set_filters(lb_net *net, lb_conv *conv, const entry *e)
{
    int widest = 0;
    bool same = true;
    if (e->n != 1 && e->n != conv->out) {
        return lb_fail(LB_E_ARG,
                       "mixed-bits: layer '%s': %zu widths, wanted 1 or %zu, one a filter", e->name,
                       e->n, conv->out);
    }
    for (size_t o = 0; o < e->n; o++) {
        const int bits = e->digits[o] - '0';
        if (bits > widest) widest = bits;
        same = same && e->digits[o] == e->digits[0];
    }
    conv->setting.bits = widest;
    if (same) return LB_OK;
    if (lb_weights_are_ternary(conv->quantizer, &conv->setting)) {
        return lb_fail(LB_E_ARG,
                       "mixed-bits: layer '%s' has ternary weights: all its filters have 2 bits",
                       e->name);
    }
    if (conv->setting.granularity != LB_PER_FILTER) {
        return lb_fail(LB_E_ARG,
                       "mixed-bits: layer '%s' has one scale: filters of different widths want "
                       "--granularity filter",
                       e->name);
    }
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&net->arena, conv->out, 1, "widths of filters", &block));
    conv->filter_bits = block;
    for (size_t o = 0; o < conv->out; o++) conv->filter_bits[o] = (uint8_t)(e->digits[o] - '0');
    return LB_OK;
}

static lb_status set_layer(lb_net *net, const entry *e)
{
    const int index = lb_net_find_node(net, e->name);
    lb_node *node = index >= 0 ? &net->nodes[index] : NULL;
    if (node && node->op == LB_OP_QUANTIZE) {
        lb_quantize *q = &node->as.quantize;
        LB_TRY(check_digits(e, q->quantizer->bits_min, q->setting.bits));
        if (e->n != 1)
            return lb_fail(LB_E_ARG, "mixed-bits: activations '%s': %zu widths, wanted 1", e->name,
                           e->n);
        q->setting.bits = e->digits[0] - '0';
        return LB_OK;
    }
    if (!node || (node->op != LB_OP_CONV && node->op != LB_OP_LINEAR))
        return unknown_layer(net, e->name);
    lb_conv *conv = &node->as.conv;
    if (!conv->quantizer)
        return lb_fail(LB_E_ARG, "mixed-bits: layer '%s' has float weights", e->name);
    LB_TRY(check_digits(e, conv->quantizer->bits_min, conv->setting.bits));
    return set_filters(net, conv, e);
}

/* Is a layer of this name in the list before `end`? */
static bool is_named_before(const char *list, const char *end, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = list; at < end; at += strcspn(at, ",") + 1)
        if (strncmp(at, name, length) == 0 && at[length] == '=') return true;
    return false;
}

lb_status lb_net_set_bits(lb_net *net, const char *list)
{
    for (const char *at = list; *at != '\0';) {
        const size_t length = strcspn(at, ",");
        entry e;
        LB_TRY(read_entry(at, length, &e));
        if (is_named_before(list, at, e.name))
            return lb_fail(LB_E_ARG, "mixed-bits: layer '%s' is named twice", e.name);
        LB_TRY(set_layer(net, &e));
        at += length;
        if (*at == ',') at++;
    }
    return LB_OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

static size_t widths_of(const lb_node *node)
{
    if (node->op == LB_OP_QUANTIZE) return 1;
    if (node->op != LB_OP_CONV && node->op != LB_OP_LINEAR) return 0;
    if (!node->as.conv.quantizer) return 0;
    return node->as.conv.filter_bits ? node->as.conv.out : 1;
}

static int width_at(const lb_node *node, size_t i)
{
    if (node->op == LB_OP_QUANTIZE) return node->as.quantize.setting.bits;
    return lb_conv_group_setting(&node->as.conv, i).bits;
}

lb_status lb_net_write_bits(const lb_net *net, char **out)
{
    size_t bytes = 1;
    for (size_t i = 0; i < net->n_nodes; i++) {
        const size_t n = widths_of(&net->nodes[i]);
        if (n > 0) bytes += strlen(net->nodes[i].name) + n + 2;
    }
    void *block = NULL;
    LB_TRY(lb_alloc(bytes, 1, "widths of layers", &block));
    char *text = block;
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < net->n_nodes; i++) {
        const lb_node *node = &net->nodes[i];
        const size_t n = widths_of(node);
        if (n == 0) continue;
        used +=
            (size_t)snprintf(text + used, bytes - used, "%s%s=", used > 0 ? "," : "", node->name);
        for (size_t o = 0; o < n; o++) text[used++] = (char)('0' + width_at(node, o));
        text[used] = '\0';
    }
    *out = text;
    return LB_OK;
}
