/* Checking an integer network. Whoever has passed lb_intnet_check can be run: every index is inside its
 * array, every product of sizes fits, every sum fits int32, every window of a pool covers a pixel, and
 * unused bits are zero. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "intnet/intnet_check.h"

/* ---- texts ---- */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static lb_status check_name(const char *field, const char *name)
{
    if (!name) return lb_fail(LB_E_FORMAT, "%s: none given", field);
    const size_t length = strnlen(name, LB_INT_NAME_BYTES);
    if (length == LB_INT_NAME_BYTES) {
        return lb_fail(LB_E_FORMAT, "%s: longer than %d bytes", field, LB_INT_NAME_BYTES - 1);
    }
    if (name[0] == '.') return lb_fail(LB_E_FORMAT, "%s: '%s' begins with a dot", field, name);
    for (size_t i = 0; i < length; i++) {
        if (is_plain(name[i])) continue;
        return lb_fail(LB_E_FORMAT,
                       "%s: byte 0x%02x, wanted letters, digits, '.', '_' and '-' only", field,
                       (unsigned)(unsigned char)name[i]);
    }
    return LB_OK;
}

/* Texts are shown on terminals: no control characters. */
static lb_status check_text(const char *field, const char *text)
{
    if (!text) return lb_fail(LB_E_FORMAT, "%s: none given", field);
    for (const char *c = text; *c; c++) {
        const unsigned byte = (unsigned char)*c, next = (unsigned char)c[1];
        const bool two_bytes = byte == 0xc2 && next < 0xa0; /* U+0080 to U+009F */
        if (byte >= 0x20 && byte != 0x7f && !two_bytes) continue;
        return lb_fail(LB_E_FORMAT, "%s: control character 0x%02x, wanted plain text", field,
                       two_bytes ? next : byte);
    }
    return LB_OK;
}

/* ---- maps ---- */

static lb_status check_size(lb_shape s)
{
    size_t plane = 0, count = 0;
    const bool fits = lb_size_mul(s.h, s.w, &plane) && lb_size_mul(s.c, plane, &count);
    if (fits && count > 0 && count <= LB_INT_MAP_MAX) return LB_OK;
    return lb_fail(LB_E_FORMAT, "map: %zu x %zu x %zu values, wanted 1 to %d", s.c, s.h, s.w,
                   LB_INT_MAP_MAX);
}

/* The grids of bits/bits.h; those of weights may be odd. */
static lb_status check_grid(const char *field, lb_code_grid g, bool may_be_odd)
{
    if (g.bits < 1 || g.bits > 8)
        return lb_fail(LB_E_FORMAT, "%s: %d bits, wanted 1 to 8", field, g.bits);
    const int levels = 1 << g.bits;
    const bool signs = g.bits == 1 && g.offset == 1 && g.step == -2;
    const bool from_zero = g.offset == 0 && g.step == 1;
    const bool two_sided = g.bits > 1 && g.offset == -levels / 2 && g.step == 1;
    const bool odd = may_be_odd && g.bits > 1 && g.offset == 1 - levels && g.step == 2;
    if (signs || from_zero || two_sided || odd) return LB_OK;
    return lb_fail(LB_E_FORMAT, "%s: %d bits from %d in steps of %d are no grid of codes", field,
                   g.bits, g.offset, g.step);
}

static lb_status check_map(const lb_int_map *map)
{
    if (!map->coded) return LB_OK;
    LB_TRY(check_grid("map", map->grid, false));
    if (map->scale >= FLT_MIN && map->scale <= FLT_MAX) return LB_OK;
    return lb_fail(LB_E_FORMAT, "map: scale %g, wanted a normal number above 0",
                   (double)map->scale);
}

static bool same_codes(const lb_int_map *a, const lb_int_map *b)
{
    if (a->coded != b->coded) return false;
    return !a->coded || (a->grid.bits == b->grid.bits && a->grid.offset == b->grid.offset &&
                         a->grid.step == b->grid.step && a->scale == b->scale);
}

/* ---- what a layer makes of its inputs ---- */

static lb_status check_inputs(const lb_int_layer *l, size_t index)
{
    static const int at_most[] = {
#define X(name, text, inputs) inputs,
        LB_INT_OP_LIST(X)
#undef X
    };
    if ((size_t)l->op >= sizeof at_most / sizeof *at_most)
        return lb_fail(LB_E_FORMAT, "op: number %d is none", (int)l->op);
    if ((l->op == LB_INT_INPUT) != (index == 0))
        return lb_fail(LB_E_FORMAT, "op: the first layer, and no other, is the input");
    const int most = at_most[l->op];
    const int least = l->op == LB_INT_CONV || l->op == LB_INT_EXPRESSION ? 1 : most;
    if (l->n_in < least || l->n_in > most) {
        return lb_fail(LB_E_FORMAT, "in: %d inputs, wanted %d%s", l->n_in, least,
                       least < most ? " or 2" : "");
    }
    for (int k = 0; k < l->n_in; k++) {
        if (l->in[k] >= 0 && (size_t)l->in[k] < index) continue;
        return lb_fail(LB_E_FORMAT, "in: layer %d, wanted one of the %zu before this one", l->in[k],
                       index);
    }
    return LB_OK;
}

static lb_status check_window(const lb_window *w)
{
    const size_t sizes[] = {w->kh,       w->kw,         w->stride,   w->pad_top,
                            w->pad_left, w->pad_bottom, w->pad_right};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (sizes[i] <= LB_INT_WINDOW_MAX && (i >= 3 || sizes[i] > 0)) continue;
        return lb_fail(LB_E_FORMAT, "window: %zu, wanted kernel and stride from 1, all up to %d",
                       sizes[i], LB_INT_WINDOW_MAX);
    }
    return LB_OK;
}

/* Where a window stops on a map of `in`. */
static lb_status slide(lb_shape in, const lb_window *w, size_t channels, lb_shape *out)
{
    LB_TRY(check_window(w));
    const lb_shape padded = {in.c, in.h + w->pad_top + w->pad_bottom,
                             in.w + w->pad_left + w->pad_right};
    LB_TRY(check_size(padded));
    if (padded.h < w->kh || padded.w < w->kw) {
        return lb_fail(LB_E_FORMAT, "window: kernel %zu x %zu on a padded map of %zu x %zu", w->kh,
                       w->kw, padded.h, padded.w);
    }
    *out = (lb_shape){channels, (padded.h - w->kh) / w->stride + 1,
                      (padded.w - w->kw) / w->stride + 1};
    return LB_OK;
}

static lb_status derive_conv(const lb_int_layer *l, lb_shape in, lb_int_map *out)
{
    const size_t channels = l->map.shape.c, groups = l->groups;
    if (groups == 0 || in.c % groups != 0 || channels % groups != 0) {
        return lb_fail(LB_E_FORMAT, "groups: %zu do not divide %zu channels in and %zu out", groups,
                       in.c, channels);
    }
    *out = l->map;
    return slide(in, &l->window, channels, &out->shape);
}

static lb_status derive_pool(const lb_int_layer *l, const lb_int_map *in, lb_int_map *out)
{
    const lb_window *w = &l->window;
    if (l->op == LB_INT_MAX_POOL) *out = *in;
    LB_TRY(slide(in->shape, w, in->shape.c, &out->shape));
    if (w->pad_top < w->kh && w->pad_bottom < w->kh && w->pad_left < w->kw && w->pad_right < w->kw)
        return LB_OK;
    return lb_fail(LB_E_FORMAT,
                   "window: padding as large as the kernel %zu x %zu, wanted less: a pool needs a "
                   "pixel",
                   w->kh, w->kw);
}

static lb_status derive_concat(const lb_int_map *a, const lb_int_map *b, lb_int_map *out)
{
    if (a->shape.h != b->shape.h || a->shape.w != b->shape.w) {
        return lb_fail(LB_E_FORMAT, "in: maps of %zu x %zu and %zu x %zu pixels, wanted equal ones",
                       a->shape.h, a->shape.w, b->shape.h, b->shape.w);
    }
    if (same_codes(a, b)) *out = *a;
    out->shape = (lb_shape){a->shape.c + b->shape.c, a->shape.h, a->shape.w};
    return LB_OK;
}

static lb_status derive_subsample(const lb_int_layer *l, const lb_int_map *in, lb_int_map *out)
{
    const size_t stride = l->stride, channels = l->map.shape.c;
    if (stride == 0 || stride > LB_INT_WINDOW_MAX) {
        return lb_fail(LB_E_FORMAT, "stride: %zu, wanted 1 to %d", stride, LB_INT_WINDOW_MAX);
    }
    if (channels < in->shape.c) {
        return lb_fail(LB_E_FORMAT, "channels: %zu, wanted at least the %zu of its input", channels,
                       in->shape.c);
    }
    /* the value 0 of appended channels must be a code of the map, else the map is floats */
    if (in->coded && (channels == in->shape.c || lb_grid_has_zero(in->grid))) *out = *in;
    out->shape = (lb_shape){channels, (in->shape.h + stride - 1) / stride,
                            (in->shape.w + stride - 1) / stride};
    return LB_OK;
}

lb_status lb_int_layer_derive(const lb_intnet *net, size_t layer, lb_int_map *out)
{
    const lb_int_layer *l = &net->layers[layer];
    LB_TRY(check_inputs(l, layer));
    const lb_int_map *in = l->n_in > 0 ? &net->layers[l->in[0]].map : NULL;
    lb_int_map map = {0};
    switch (l->op) {
    case LB_INT_INPUT:
        map.shape = l->map.shape;
        map.coded = net->input.raw;
        if (map.coded) {
            map.grid = (lb_code_grid){.bits = 8, .offset = -128, .step = 1};
            map.scale = 0x1p-7f;
        }
        break;
    case LB_INT_CONV: LB_TRY(derive_conv(l, in->shape, &map)); break;
    case LB_INT_EXPRESSION:
        map = l->map;
        map.shape = in->shape;
        break;
    case LB_INT_MAX_POOL:
    case LB_INT_AVERAGE_POOL: LB_TRY(derive_pool(l, in, &map)); break;
    case LB_INT_CONCAT: LB_TRY(derive_concat(in, &net->layers[l->in[1]].map, &map)); break;
    case LB_INT_SUBSAMPLE: LB_TRY(derive_subsample(l, in, &map)); break;
    }
    LB_TRY(check_size(map.shape));
    LB_TRY(check_map(&map));
    *out = map;
    return LB_OK;
}

bool lb_int_layer_weight_count(const lb_intnet *net, size_t layer, size_t *out)
{
    const lb_int_layer *l = &net->layers[layer];
    size_t count = net->layers[l->in[0]].map.shape.c / l->groups;
    if (!lb_size_mul(count, l->window.kh, &count) || !lb_size_mul(count, l->window.kw, &count) ||
        !lb_size_mul(count, l->map.shape.c, &count) ||
        count > LB_INT_WEIGHTS_MAX / (l->weights.terms > 0 ? l->weights.terms : 1))
        return false;
    *out = count;
    return true;
}

/* ---- weights ---- */

static lb_status check_float_weights(const lb_int_weights *w)
{
    const float *value = w->at;
    for (size_t i = 0; i < w->count; i++) {
        if (isfinite(value[i])) continue;
        return lb_fail(LB_E_FORMAT, "weight: number %zu is not finite", i);
    }
    return LB_OK;
}

lb_status lb_int_weights_check_grid(const lb_int_weights *w)
{
    LB_TRY(check_grid("weights", w->grid, true));
    const lb_code_grid g = w->grid;
    if (w->encoding != LB_ENCODED_MIXED || (g.bits > 1 && g.offset < 0)) return LB_OK;
    return lb_fail(LB_E_FORMAT,
                   "weights: %d bits from %d on, wanted 2 or more bits on both sides of 0 where "
                   "filters have bits of their own",
                   g.bits, g.offset);
}

/* Bits past the last of n fields are 0 in all planes of a stream. */
static lb_status check_unused_bits(const uint8_t *stream, int planes, size_t n)
{
    const size_t plane = lb_stream_plane_bytes(n);
    for (int p = 0; p < planes && n % 8 != 0; p++) {
        if (stream[(size_t)(p + 1) * plane - 1] >> n % 8 == 0) continue;
        return lb_fail(LB_E_FORMAT, "weight: plane %d has bits set past its last weight", p);
    }
    return LB_OK;
}

/* Bits of filters, and the runs of the file. */
static lb_status check_mixed(const lb_int_weights *w, size_t filters)
{
    const bool mixed = w->encoding == LB_ENCODED_MIXED;
    if (mixed != (w->filter_bits != NULL) || (mixed && w->storage != LB_STORED_GRID))
        return lb_fail(LB_E_FORMAT,
                       "bits: wanted with encoding 'mixed', and a grid of codes, only");
    const uint8_t *run = w->encoded;
    for (int bits = 1; mixed && bits <= w->grid.bits; bits++) {
        size_t n = 0;
        for (size_t o = 0; o < filters; o++) n += w->filter_bits[o] == bits;
        n *= w->count / filters;
        LB_TRY(check_unused_bits(run, bits, n));
        run += (size_t)bits * lb_stream_plane_bytes(n);
    }
    return LB_OK;
}

static lb_status check_coded_weights(const lb_int_weights *w, size_t filters)
{
    const size_t plane = lb_stream_plane_bytes(w->count);
    const uint8_t *stream = w->at;
    if (w->storage == LB_STORED_GRID) LB_TRY(lb_int_weights_check_grid(w));
    LB_TRY(check_unused_bits(stream, lb_int_weights_bits(w), w->count));
    LB_TRY(check_mixed(w, filters));
    for (size_t i = 0; w->storage == LB_STORED_TERNARY && i < plane; i++) {
        if ((stream[i] & ~stream[plane + i]) == 0) continue;
        return lb_fail(LB_E_FORMAT, "weight: a negative zero among weights %zu to %zu", i * 8,
                       i * 8 + 7);
    }
    return LB_OK;
}

static lb_status check_sums(const lb_int_weights *w, const lb_window *window)
{
    const bool ternary = w->storage == LB_STORED_TERNARY;
    const bool signs = ternary || (w->storage == LB_STORED_GRID && lb_int_weights_largest(w) == 1);
    const bool fits = w->sums == LB_SUMS_WHOLE || (w->sums == LB_SUMS_SIGN ? ternary : signs);
    if (fits && w->terms == lb_int_weights_terms(w->sums, window)) return LB_OK;
    return lb_fail(
        LB_E_FORMAT,
        "weights: %zu sums a channel, wanted 1; ternary: 1 or 2; of -1, 0, +1 also one a "
        "row or position of the kernel",
        w->terms);
}

static lb_status check_weights(const lb_intnet *net, size_t layer)
{
    const lb_int_weights *w = &net->layers[layer].weights;
    size_t count = 0;
    if (!lb_int_layer_weight_count(net, layer, &count) || w->count != count) {
        return lb_fail(LB_E_FORMAT, "weight: %zu of them, wanted %zu and at most %d", w->count,
                       count, LB_INT_WEIGHTS_MAX);
    }
    if (w->storage != LB_STORED_FLOAT && w->storage != LB_STORED_GRID &&
        w->storage != LB_STORED_TERNARY)
        return lb_fail(LB_E_FORMAT, "weights: storage %d is none", (int)w->storage);
    LB_TRY(check_sums(w, &net->layers[layer].window));
    if (!w->at) return lb_fail(LB_E_FORMAT, "weight: none given");
    LB_TRY(w->storage == LB_STORED_FLOAT ? check_float_weights(w)
                                         : check_coded_weights(w, net->layers[layer].map.shape.c));
    /* one less than int32 holds: "never" is a threshold above the largest sum */
    const int64_t largest = lb_int_layer_largest_sum(net, layer);
    if (largest < INT32_MAX) return LB_OK;
    return lb_fail(LB_E_FORMAT, "weights: sums up to %lld, wanted below 2^31 - 1",
                   (long long)largest);
}

/* ---- layers ---- */

static lb_status check_reversed(const lb_int_layer *l)
{
    if (l->op != LB_INT_MAX_POOL || !l->reversed) return LB_OK;
    if (!l->map.coded)
        return lb_fail(LB_E_FORMAT, "reversed: wanted on maps of codes only, this one is floats");
    const size_t rest = l->map.shape.c % 8;
    if (rest == 0 || l->reversed[l->map.shape.c / 8] >> rest == 0) return LB_OK;
    return lb_fail(LB_E_FORMAT, "reversed: bits set past the last channel");
}

static lb_status compare_map(const lb_int_map *stored, const lb_int_map *derived)
{
    const lb_shape s = stored->shape, d = derived->shape;
    if (s.c != d.c || s.h != d.h || s.w != d.w) {
        return lb_fail(LB_E_FORMAT, "map: %zu x %zu x %zu, wanted %zu x %zu x %zu", s.c, s.h, s.w,
                       d.c, d.h, d.w);
    }
    if (same_codes(stored, derived)) return LB_OK;
    return lb_fail(LB_E_FORMAT, "map: %s, wanted %s", stored->coded ? "codes" : "floats",
                   derived->coded ? "codes of its input's grid and scale" : "floats");
}

static lb_status check_layer(const lb_intnet *net, size_t layer)
{
    const lb_int_layer *l = &net->layers[layer];
    lb_int_map map;
    LB_TRY(check_name("equals", l->equals));
    LB_TRY(lb_int_layer_derive(net, layer, &map));
    LB_TRY(compare_map(&l->map, &map));
    LB_TRY(check_reversed(l));
    if (l->op == LB_INT_CONV) LB_TRY(check_weights(net, layer));
    if (l->op == LB_INT_CONV || l->op == LB_INT_EXPRESSION) return lb_post_check(net, layer);
    return LB_OK;
}

static lb_status check_layers(const lb_intnet *net)
{
    size_t total = 0;
    for (size_t i = 0; i < net->n_layers; i++) {
        const lb_int_layer *l = &net->layers[i];
        lb_status status = check_name("name", l->name);
        if (status == LB_OK && l->name[0] == '\0') status = lb_fail(LB_E_FORMAT, "name: empty");
        if (status != LB_OK) return lb_fail_in(status, "layer %zu", i);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(net->layers[j].name, l->name) != 0) continue;
            return lb_fail(LB_E_FORMAT, "layers %zu and %zu: both have the name '%s'", j, i,
                           l->name);
        }
        status = check_layer(net, i);
        if (status != LB_OK) return lb_fail_in(status, "layer '%s'", l->name);
        total += l->map.shape.c * l->map.shape.h * l->map.shape.w;
        if (total > INT32_MAX) {
            return lb_fail(LB_E_FORMAT, "layer '%s': the maps up to here have more than %d values",
                           l->name, INT32_MAX);
        }
    }
    return LB_OK;
}

static lb_status check_all_used(const lb_intnet *net)
{
    for (size_t i = 0; i + 1 < net->n_layers; i++) {
        bool used = false;
        for (size_t j = i + 1; j < net->n_layers && !used; j++)
            for (int k = 0; k < net->layers[j].n_in; k++)
                used = used || (size_t)net->layers[j].in[k] == i;
        if (used) continue;
        return lb_fail(LB_E_FORMAT, "layer '%s': no layer uses it", net->layers[i].name);
    }
    return LB_OK;
}

/* ---- the network ---- */

static lb_status check_input(const lb_intnet *net)
{
    const size_t channels = net->layers[0].map.shape.c;
    const size_t known = sizeof net->input.std / sizeof *net->input.std;
    if (net->input.raw) return LB_OK;
    if (channels > known) {
        return lb_fail(LB_E_FORMAT, "input: %zu channels, wanted at most %zu of normalized pixels",
                       channels, known);
    }
    for (size_t c = 0; c < channels; c++) {
        const float mean = net->input.mean[c], std = net->input.std[c];
        if (isfinite(mean) && std > 0.0f && isfinite(std)) continue;
        return lb_fail(LB_E_FORMAT,
                       "input: mean %g, std %g of channel %zu, wanted finite ones, std above 0",
                       (double)mean, (double)std, c);
    }
    return LB_OK;
}

static lb_status check_logits(const lb_intnet *net)
{
    const lb_int_map *map = &net->layers[net->n_layers - 1].map;
    if (net->classes == 0 || net->classes > LB_INT_CLASSES_MAX)
        return lb_fail(LB_E_FORMAT, "classes: %zu, wanted 1 to %d", net->classes,
                       LB_INT_CLASSES_MAX);
    if (!map->coded && map->shape.c == net->classes && map->shape.h == 1 && map->shape.w == 1)
        return LB_OK;
    return lb_fail(LB_E_FORMAT,
                   "layer '%s': the last one gives %zu x %zu x %zu %s, wanted the logits, "
                   "%zu x 1 x 1 floats",
                   net->layers[net->n_layers - 1].name, map->shape.c, map->shape.h, map->shape.w,
                   map->coded ? "codes" : "floats", net->classes);
}

lb_status lb_intnet_check(const lb_intnet *net)
{
    if (net->n_layers < 2 || net->n_layers > LB_INT_LAYERS_MAX) {
        return lb_fail(LB_E_FORMAT, "layers: %zu of them, wanted 2 to %d", net->n_layers,
                       LB_INT_LAYERS_MAX);
    }
    LB_TRY(check_layers(net));
    LB_TRY(check_all_used(net));
    LB_TRY(check_input(net));
    LB_TRY(check_logits(net));
    LB_TRY(check_text("title", net->title));
    if (net->data) LB_TRY(check_text("data", net->data));
    if (net->loss && strcmp(net->loss, "cross-entropy") != 0 &&
        strcmp(net->loss, "squared-hinge") != 0) {
        return lb_fail(LB_E_FORMAT, "loss '%.40s': wanted cross-entropy or squared-hinge",
                       net->loss);
    }
    for (size_t i = 0; net->class_names && i < net->classes; i++) {
        const lb_status status = check_text("class name", net->class_names[i]);
        if (status != LB_OK) return lb_fail_in(status, "class %zu", i);
    }
    return LB_OK;
}
