/* Checking what follows a layer's sums: steps in their order, thresholds, fixed-point products. */
#include <math.h>
#include <string.h>

#include "intnet/intnet_check.h"

/* ---- steps ---- */

static lb_status check_array(const float *a, size_t n)
{
    if (!a) return lb_fail(LB_E_FORMAT, "no values given");
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(a[i])) return lb_fail(LB_E_FORMAT, "value %zu is not finite", i);
    }
    return LB_OK;
}

static bool is_whole(float v)
{
    return v >= -255.0f && v <= 255.0f && v == truncf(v);
}

/* The codes' bounds and the rounding must go together; then lb_act_encode gives a code of the grid for
 * every float, and a NaN too. */
static lb_status check_encode(const lb_act_map *e, const lb_int_map *map)
{
    const float low = e->low, high = e->high;
    if (e->rounding != LB_ROUND_EVEN && e->rounding != LB_ROUND_HALF_UP &&
        e->rounding != LB_ROUND_SIGN && e->rounding != LB_ROUND_STEP)
        return lb_fail(LB_E_FORMAT, "rounding %d is none", (int)e->rounding);
    const bool fit = (e->rounding != LB_ROUND_SIGN || (low == -1.0f && high == 1.0f)) &&
                     (e->rounding != LB_ROUND_STEP || (low == 0.0f && high == 1.0f));
    if (!is_whole(low) || !is_whole(high) || !(low < high) || !fit) {
        return lb_fail(LB_E_FORMAT, "codes from %g to %g do not fit the rounding", (double)low,
                       (double)high);
    }
    if (!isfinite(e->multiplier) || !(e->multiplier > 0.0f) || !isfinite(e->divisor) ||
        !(e->divisor > 0.0f)) {
        return lb_fail(LB_E_FORMAT, "multiplier %g and divisor %g, wanted finite ones above 0",
                       (double)e->multiplier, (double)e->divisor);
    }
    const lb_code_grid g = lb_act_grid(e);
    if (map->coded && g.bits == map->grid.bits && g.offset == map->grid.offset &&
        g.step == map->grid.step && e->scale == map->scale)
        return LB_OK;
    return lb_fail(LB_E_FORMAT, "codes from %g to %g of scale %.9g are not those of the map",
                   (double)low, (double)high, (double)e->scale);
}

static lb_status check_step(const lb_int_layer *l, const lb_step *s)
{
    const size_t channels = l->map.shape.c;
    switch (s->kind) {
    case LB_STEP_SCALE: return check_array(s->a, channels * l->weights.terms);
    case LB_STEP_BIAS: return check_array(s->a, channels);
    case LB_STEP_AFFINE: LB_TRY(check_array(s->a, channels)); return check_array(s->b, channels);
    case LB_STEP_RELU:
        if (isfinite(s->slope)) return LB_OK;
        return lb_fail(LB_E_FORMAT, "slope %g, wanted a finite one", (double)s->slope);
    case LB_STEP_CLIP:
        if (isfinite(s->low) && isfinite(s->high) && s->low <= s->high) return LB_OK;
        return lb_fail(LB_E_FORMAT, "from %g to %g, wanted finite bounds in order", (double)s->low,
                       (double)s->high);
    case LB_STEP_ADD: return LB_OK;
    case LB_STEP_ENCODE: return check_encode(&s->encode, &l->map);
    }
    return lb_fail(LB_E_FORMAT, "number %d is no step", (int)s->kind);
}

/* SCALE stands first where weights are codes, and nowhere else; ENCODE stands last where the map is codes,
 * and nowhere else; the second input is added once. */
static lb_status check_order(const lb_int_layer *l)
{
    const bool scaled = l->op == LB_INT_CONV && l->weights.storage != LB_STORED_FLOAT;
    int adds = 0;
    for (size_t i = 0; i < l->post.n_steps; i++) {
        const lb_step_kind kind = l->post.steps[i].kind;
        adds += kind == LB_STEP_ADD;
        if ((kind == LB_STEP_SCALE) != (scaled && i == 0)) {
            return lb_fail(LB_E_FORMAT, "post: step %zu: %s", i,
                           kind == LB_STEP_SCALE
                               ? "a scale, wanted at the start of layers with coded weights only"
                               : "no scale, wanted at the start of a layer with coded weights");
        }
        if ((kind == LB_STEP_ENCODE) != (l->map.coded && i + 1 == l->post.n_steps)) {
            return lb_fail(LB_E_FORMAT, "post: step %zu: %s", i,
                           kind == LB_STEP_ENCODE
                               ? "encode, wanted at the end of layers with coded maps only"
                               : "no encode, wanted at the end of a layer with a coded map");
        }
    }
    if (l->post.n_steps == 0 && (scaled || l->map.coded || l->op == LB_INT_EXPRESSION))
        return lb_fail(LB_E_FORMAT, "post: no steps");
    if (adds == l->n_in - 1) return LB_OK;
    return lb_fail(LB_E_FORMAT, "post: %d steps of add for %d inputs", adds, l->n_in);
}

static lb_status check_steps(const lb_intnet *net, const lb_int_layer *l)
{
    if (l->post.n_steps > LB_INT_STEPS_MAX || (l->post.n_steps > 0 && !l->post.steps)) {
        return lb_fail(LB_E_FORMAT, "post: %zu steps, wanted at most %d", l->post.n_steps,
                       LB_INT_STEPS_MAX);
    }
    LB_TRY(check_order(l));
    for (size_t i = 0; i < l->post.n_steps; i++) {
        const lb_status status = check_step(l, &l->post.steps[i]);
        if (status != LB_OK) return lb_fail_in(status, "post: step %zu", i);
    }
    if (l->n_in < 2) return LB_OK;
    const lb_shape a = l->map.shape, b = net->layers[l->in[1]].map.shape;
    if (a.c == b.c && a.h == b.h && a.w == b.w) return LB_OK;
    return lb_fail(LB_E_FORMAT, "in: adds a map of %zu x %zu x %zu to one of %zu x %zu x %zu", b.c,
                   b.h, b.w, a.c, a.h, a.w);
}

/* ---- integer forms ---- */

static lb_status check_integer_form(const lb_intnet *net, size_t layer, const char *form, int bits)
{
    const lb_int_layer *l = &net->layers[layer];
    if (!lb_int_layer_is_integer(net, layer) || l->weights.terms != 1 || l->n_in != 1) {
        return lb_fail(LB_E_FORMAT, "post: %s, wanted only after one integer sum a channel", form);
    }
    if (l->map.coded && l->map.grid.bits == bits) return LB_OK;
    return lb_fail(LB_E_FORMAT, "post: %s to %d bits, but the map has %d", form, bits,
                   l->map.coded ? l->map.grid.bits : 32);
}

static lb_status check_thresholds(const lb_intnet *net, size_t layer)
{
    const lb_int_layer *l = &net->layers[layer];
    const lb_thresholds *t = &l->post.thresholds;
    LB_TRY(check_integer_form(net, layer, "thresholds", t->bits));
    const int64_t largest = lb_int_layer_largest_sum(net, layer);
    if (t->bytes != lb_threshold_bytes(largest)) {
        return lb_fail(LB_E_FORMAT, "threshold: %d bytes each, wanted %d for sums up to %lld",
                       t->bytes, lb_threshold_bytes(largest), (long long)largest);
    }
    if (!t->at || !t->falls) return lb_fail(LB_E_FORMAT, "threshold: none given");
    const size_t channels = l->map.shape.c, levels = ((size_t)1 << t->bits) - 1;
    for (size_t c = 0; c < channels; c++) {
        int64_t last = -largest;
        for (size_t j = 0; j < levels; j++) {
            const int64_t value = lb_threshold_at(t, c, j);
            if (value < last || value > largest + 1) {
                return lb_fail(LB_E_FORMAT,
                               "threshold: %lld, number %zu of channel %zu, wanted %lld to %lld",
                               (long long)value, j, c, (long long)last, (long long)largest + 1);
            }
            last = value;
        }
    }
    if (channels % 8 == 0 || t->falls[channels / 8] >> channels % 8 == 0) return LB_OK;
    return lb_fail(LB_E_FORMAT, "falls: bits set past the last channel");
}

static lb_status check_exceptions(const lb_int_layer *l)
{
    const lb_fixed_point *f = &l->post.fixed;
    const int32_t channels = (int32_t)l->map.shape.c, top = (1 << f->bits) - 1;
    if (f->n_exceptions > lb_fixed_exceptions_max(l->map.shape.c) ||
        (f->n_exceptions > 0 && !f->exceptions)) {
        return lb_fail(LB_E_FORMAT, "exceptions: %zu, wanted at most %zu", f->n_exceptions,
                       lb_fixed_exceptions_max(l->map.shape.c));
    }
    for (size_t i = 0; i < f->n_exceptions; i++) {
        const lb_fixed_exception *e = &f->exceptions[i], *before = i > 0 ? e - 1 : NULL;
        if (e->channel < 0 || e->channel >= channels || e->field < 0 || e->field > top) {
            return lb_fail(
                LB_E_FORMAT,
                "exception %zu: channel %d, field %d, wanted channels below %d and fields up to %d",
                i, e->channel, e->field, channels, top);
        }
        if (before && (before->channel > e->channel ||
                       (before->channel == e->channel && before->sum >= e->sum))) {
            return lb_fail(LB_E_FORMAT,
                           "exception %zu: does not follow the one before it, wanted ascending "
                           "channels and sums",
                           i);
        }
    }
    return LB_OK;
}

static lb_status check_fixed_point(const lb_intnet *net, size_t layer)
{
    const lb_int_layer *l = &net->layers[layer];
    const lb_fixed_point *f = &l->post.fixed;
    /* |sum| < 2^31 and |multiplier| <= 2^31, so that the 64-bit sum of product and offset cannot overflow */
    const int64_t most = (int64_t)1 << 62;
    LB_TRY(check_integer_form(net, layer, "fixed point", f->bits));
    if (f->shift < 0 || f->shift > LB_FIXED_SHIFT_MAX) {
        return lb_fail(LB_E_FORMAT, "shift: %d, wanted 0 to %d", f->shift, LB_FIXED_SHIFT_MAX);
    }
    if (!f->multiplier || !f->offset) return lb_fail(LB_E_FORMAT, "multiplier: none given");
    for (size_t c = 0; c < l->map.shape.c; c++) {
        if (f->offset[c] >= -most && f->offset[c] <= most) continue;
        return lb_fail(LB_E_FORMAT, "offset: %lld of channel %zu, wanted at most 2^62",
                       (long long)f->offset[c], c);
    }
    return check_exceptions(l);
}

lb_status lb_post_check(const lb_intnet *net, size_t layer)
{
    const lb_int_layer *l = &net->layers[layer];
    switch (l->post.kind) {
    case LB_POST_STEPS: return check_steps(net, l);
    case LB_POST_THRESHOLDS: return check_thresholds(net, layer);
    case LB_POST_FIXED_POINT: return check_fixed_point(net, layer);
    }
    return lb_fail(LB_E_FORMAT, "post: kind %d is none", (int)l->post.kind);
}
