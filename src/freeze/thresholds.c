/* Thresholds by evaluation: for every channel and every level, the sum at which the expression's code
 * passes the level is found by halving the range of sums, evaluating the steps themselves on rows of
 * channels. Nothing is worked out from scales and gains, so nothing can differ from the expression.
 *
 * Halving is right because every step, in floating point too, never falls or never rises with its input,
 * and so does the code. The search has evaluated both sides of each threshold it returns: the sum itself
 * and the one below, unless they are the ends of the range. The one way out of this order is a NaN (an
 * infinity times a zero gain), which would show at the ends of the range first: such layers keep their
 * steps. */
#include "freeze/thresholds.h"

#include <math.h>
#include <string.h>

#include "intnet/intnet.h"

/* Rows to evaluate a layer's steps on. */
typedef struct rows {
    const lb_int_layer *layer;
    size_t channels;
    int32_t *sums;       /* [rows][channels] */
    float *t;            /* the same */
    uint8_t *fields;     /* the same */
    int64_t *low, *high; /* the same: where the threshold is being looked for */
    bool not_a_number;   /* one was met */
} rows;

/* Fields of `n` rows of sums. */
static void evaluate(rows *r, size_t n)
{
    const lb_post *post = &r->layer->post;
    const size_t count = n * r->channels;
    lb_step_scale_sums(&post->steps[0], n, r->channels, 1, r->sums, r->t);
    for (size_t s = 1; s < post->n_steps; s++)
        lb_step_run(&post->steps[s], n, r->channels, NULL, r->t, r->t);
    lb_codes_to_fields(r->layer->map.grid, count, r->t, r->fields);
}

/* Does a step give NaN at this sum in any channel? */
static bool gives_nan(rows *r, int32_t sum)
{
    const lb_post *post = &r->layer->post;
    for (size_t c = 0; c < r->channels; c++) r->sums[c] = sum;
    for (size_t s = 0; s < post->n_steps; s++) {
        if (s == 0)
            lb_step_scale_sums(&post->steps[0], 1, r->channels, 1, r->sums, r->t);
        else
            lb_step_run(&post->steps[s], 1, r->channels, NULL, r->t, r->t);
        for (size_t c = 0; c < r->channels; c++)
            if (isnan(r->t[c])) return true;
    }
    return false;
}

static void evaluate_at(rows *r, int32_t sum)
{
    for (size_t c = 0; c < r->channels; c++) r->sums[c] = sum;
    evaluate(r, 1);
}

/* Channels whose field is smaller at the highest sum than at the lowest one. */
static void find_falling(rows *r, lb_levels *levels)
{
    uint8_t *at_lowest = r->fields + r->channels;
    evaluate_at(r, levels->lowest);
    memcpy(at_lowest, r->fields, r->channels);
    evaluate_at(r, levels->highest);
    for (size_t c = 0; c < r->channels; c++)
        if (r->fields[c] < at_lowest[c])
            levels->falls[c / 8] = (uint8_t)(levels->falls[c / 8] | 1u << c % 8);
}

static size_t levels_passed(const lb_levels *levels, size_t c, size_t field)
{
    const size_t top = ((size_t)1 << levels->bits) - 1;
    return levels->falls[c / 8] >> c % 8 & 1 ? top - field : field;
}

/* All thresholds at once, row j the levels j: they lie in [low, high]; high = highest + 1: never. */
static void search(rows *r, lb_levels *levels)
{
    const size_t top = ((size_t)1 << levels->bits) - 1, n = top * r->channels;
    for (size_t i = 0; i < n; i++) {
        r->low[i] = levels->lowest;
        r->high[i] = (int64_t)levels->highest + 1;
    }
    for (int64_t width = (int64_t)levels->highest + 1 - levels->lowest; width > 0; width /= 2) {
        for (size_t i = 0; i < n; i++) {
            const int64_t middle = (r->low[i] + r->high[i]) >> 1;
            r->sums[i] = (int32_t)(middle <= levels->highest ? middle : levels->highest);
        }
        evaluate(r, top);
        for (size_t j = 0; j < top; j++)
            for (size_t c = 0; c < r->channels; c++) {
                const size_t i = j * r->channels + c;
                if (r->low[i] >= r->high[i]) continue;
                if (levels_passed(levels, c, r->fields[i]) > j)
                    r->high[i] = r->sums[i];
                else
                    r->low[i] = (int64_t)r->sums[i] + 1;
            }
    }
    for (size_t j = 0; j < top; j++)
        for (size_t c = 0; c < r->channels; c++)
            levels->at[c * top + j] = (int32_t)r->low[j * r->channels + c];
}

static lb_status allocate(lb_arena *arena, size_t top, rows *r, lb_levels *levels)
{
    /* two rows at least: find_falling keeps one aside */
    const size_t n = (top > 2 ? top : 2) * r->channels;
    LB_TRY(lb_arena_alloc(arena, n, sizeof *r->sums, "thresholds", (void **)&r->sums));
    LB_TRY(lb_arena_alloc(arena, n, sizeof *r->t, "thresholds", (void **)&r->t));
    LB_TRY(lb_arena_alloc(arena, n, 1, "thresholds", (void **)&r->fields));
    LB_TRY(lb_arena_alloc(arena, n, sizeof *r->low, "thresholds", (void **)&r->low));
    LB_TRY(lb_arena_alloc(arena, n, sizeof *r->high, "thresholds", (void **)&r->high));
    LB_TRY(lb_arena_alloc(arena, n, sizeof *levels->at, "thresholds", (void **)&levels->at));
    return lb_arena_alloc(arena, (r->channels + 7) / 8, 1, "thresholds", (void **)&levels->falls);
}

/* *found: the layer's code is a monotone function of the sum in every channel. */
static lb_status find_levels(const lb_intnet *net, size_t layer, lb_arena *arena, lb_levels *levels,
                             bool *found)
{
    const lb_int_layer *l = &net->layers[layer];
    const int32_t largest = (int32_t)lb_int_layer_largest_sum(net, layer);
    rows r = {.layer = l, .channels = l->map.shape.c};
    *levels = (lb_levels){
        .bits = l->map.grid.bits, .channels = r.channels, .lowest = -largest, .highest = largest};
    LB_TRY(allocate(arena, ((size_t)1 << levels->bits) - 1, &r, levels));
    *found = !gives_nan(&r, levels->lowest) && !gives_nan(&r, levels->highest);
    if (!*found) return LB_OK;
    find_falling(&r, levels);
    search(&r, levels);
    return LB_OK;
}

/* ---- the layer's thresholds ---- */

static lb_status store_thresholds(lb_arena *arena, const lb_levels *levels, lb_thresholds *out)
{
    const size_t n = levels->channels * (((size_t)1 << levels->bits) - 1);
    const size_t flag_bytes = (levels->channels + 7) / 8;
    void *at = NULL;
    uint8_t *falls = NULL;
    *out = (lb_thresholds){.bits = levels->bits, .bytes = lb_threshold_bytes(levels->highest)};
    const bool narrow = out->bytes == 2;
    LB_TRY(lb_arena_alloc(arena, n, (size_t)out->bytes, "thresholds", &at));
    LB_TRY(lb_arena_alloc(arena, flag_bytes, 1, "thresholds", (void **)&falls));
    for (size_t i = 0; narrow && i < n; i++) ((int16_t *)at)[i] = (int16_t)levels->at[i];
    if (!narrow) memcpy(at, levels->at, n * sizeof *levels->at);
    memcpy(falls, levels->falls, flag_bytes);
    out->at = at;
    out->falls = falls;
    return LB_OK;
}

enum { FIXED_POINT_FROM_BITS = 4 };

static lb_status replace_steps(lb_intnet *net, size_t layer, lb_arena *scratch)
{
    lb_post *post = &net->layers[layer].post;
    lb_levels levels;
    bool found = false, fits = false;
    LB_TRY(find_levels(net, layer, scratch, &levels, &found));
    if (!found) return LB_OK;
    lb_post made = {.kind = LB_POST_THRESHOLDS};
    if (levels.bits >= FIXED_POINT_FROM_BITS)
        LB_TRY(lb_fit_fixed_point(&levels, &net->arena, &made.fixed, &fits));
    if (fits)
        made.kind = LB_POST_FIXED_POINT;
    else
        LB_TRY(store_thresholds(&net->arena, &levels, &made.thresholds));
    *post = made;
    return LB_OK;
}

lb_status lb_freeze_post(lb_intnet *net, size_t layer)
{
    const lb_int_layer *l = &net->layers[layer];
    if (!lb_int_layer_is_integer(net, layer)) return LB_OK;
    const int64_t largest = lb_int_layer_largest_sum(net, layer);
    if (largest >= INT32_MAX) {
        return lb_fail(
            LB_E_UNSUPPORTED,
            "layer '%s': sums up to %lld, wanted less than 2^31 - 1: fewer inputs or fewer "
            "bits",
            l->name, (long long)largest);
    }
    if (!l->map.coded || l->weights.terms != 1 || l->n_in != 1) return LB_OK;
    lb_arena scratch = {0};
    const lb_status status = replace_steps(net, layer, &scratch);
    lb_arena_release(&scratch);
    return status;
}
