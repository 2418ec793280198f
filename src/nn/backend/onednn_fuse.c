/* Runs of steps that one loop does at once (pass_fused_body.h), found in a finished list of steps:
 *   affine [add] [window] relu|clip [quantize]   -> activate
 *   [add] [mask] sums                            -> mask sums
 *   norm-backward split                          -> norm split
 * A value between two of them must be nobody else's. */
#include <math.h>

#include "nn/backend/onednn.h"

typedef struct matcher {
    const lb_executor *e;
    const lb_pass *pass;
    size_t at; /* the next step */
} matcher;

static const lb_step *peek(const matcher *m, lb_step_kind kind)
{
    if (m->at >= m->pass->n_steps || m->pass->steps[m->at].kind != kind) return NULL;
    return &m->pass->steps[m->at];
}

/* Is register r a tile read by no step after `last`? */
static bool is_private(const matcher *m, int r, size_t last)
{
    return m->pass->registers[r].buffer < 0 && m->pass->registers[r].last_step <= (int)last;
}

static lb_cell cell_of(const matcher *m, int r)
{
    const int buffer = m->pass->registers[r].buffer;
    return buffer >= 0 ? m->e->buffers[buffer].cell : LB_CELL_F32;
}

static bool can_quantize(const matcher *m, const lb_step *q)
{
    return q && q->out < 0 && q->buffer >= 0 && m->e->buffers[q->buffer].cell == LB_CELL_U8 &&
           q->map->rounding == LB_ROUND_EVEN && q->map->divisor == 1.0f;
}

/* Steps from `first` on as one; how many they were, 0: no match. */
static size_t match_activation(const lb_executor *e, const lb_pass *pass, size_t first,
                               lb_step *out)
{
    matcher m = {.e = e, .pass = pass, .at = first};
    const lb_step *affine = peek(&m, LB_STEP_AFFINE);
    const lb_cell cell = affine ? cell_of(&m, affine->x) : LB_CELL_BIT;
    if (cell != LB_CELL_F32 && cell != LB_CELL_I16) return 0;
    int value = affine->out;
    *out = (lb_step){.kind = LB_STEP_ACTIVATE,
                     .x = affine->x,
                     .y = -1,
                     .out = -1,
                     .buffer = -1,
                     .bits = -1,
                     .period = affine->period};
    out->activation =
        (lb_activation){.period = affine->period, .a = affine->a, .b = affine->b, .slope = 1.0f};
    m.at++;
    const lb_step *add = peek(&m, LB_STEP_ADD);
    if (add && (add->x == value) != (add->y == value) && is_private(&m, value, m.at)) {
        out->y = add->x == value ? add->y : add->x;
        value = add->out;
        m.at++;
    }
    const lb_step *window = peek(&m, LB_STEP_WINDOW);
    if (window && window->x == value) {
        out->bits = window->buffer;
        out->activation.open = window->open;
        m.at++;
    }
    const lb_step *clip = peek(&m, LB_STEP_CLIP), *relu = peek(&m, LB_STEP_RELU);
    const lb_step *last = clip ? clip : relu;
    if (!last || last->x != value || !is_private(&m, value, m.at)) return 0;
    out->activation.low = clip ? clip->low : 0.0f;
    out->activation.high = clip ? clip->high : INFINITY;
    if (relu) out->activation.slope = relu->factor;
    value = last->out;
    const size_t end = m.at++;
    out->out = value;
    const lb_step *q = peek(&m, LB_STEP_QUANTIZE);
    if (!can_quantize(&m, q) || q->x != value) return end + 1 - first;
    out->buffer = q->buffer;
    out->activation.multiplier = q->map->multiplier;
    out->activation.code_low = q->map->low;
    out->activation.code_high = q->map->high;
    if (is_private(&m, value, m.at)) out->out = -1;
    return m.at + 1 - first;
}

static size_t match_sums(const lb_executor *e, const lb_pass *pass, size_t first, lb_step *out)
{
    matcher m = {.e = e, .pass = pass, .at = first};
    int value = -1;
    *out = (lb_step){.kind = LB_STEP_MASK_SUMS,
                     .x = -1,
                     .y = -1,
                     .out = -1,
                     .buffer = -1,
                     .bits = -1,
                     .factor = 1.0f};
    const lb_step *add = peek(&m, LB_STEP_ADD);
    if (add) {
        out->x = add->x;
        out->y = add->y;
        value = add->out;
        m.at++;
    }
    const lb_step *mask = peek(&m, LB_STEP_MASK);
    if (mask) {
        if (add && (mask->x != value || !is_private(&m, value, m.at))) return 0;
        if (!add) out->x = mask->x;
        out->bits = mask->buffer;
        out->factor = mask->factor;
        value = mask->out;
        m.at++;
    }
    const lb_step *sums = peek(&m, LB_STEP_SUMS);
    if (value < 0 || !sums || sums->x != value) return 0;
    out->out = value;
    out->z = sums->y;
    out->norm = sums->norm;
    out->period = sums->period;
    return m.at + 1 - first;
}

static size_t match_split(const lb_executor *e, const lb_pass *pass, size_t first, lb_step *out)
{
    matcher m = {.e = e, .pass = pass, .at = first};
    const lb_step *norm = peek(&m, LB_STEP_NORM_BACKWARD);
    m.at++;
    const lb_step *split = peek(&m, LB_STEP_SPLIT);
    if (!norm || !split || split->x != norm->out || split->channels % 16 != 0) return 0;
    *out = *norm;
    out->kind = LB_STEP_NORM_SPLIT;
    out->buffer = split->buffer;
    out->channels = split->channels;
    out->a = split->a;
    if (is_private(&m, norm->out, m.at)) out->out = -1;
    return 2;
}

void lb_pass_fuse(const lb_executor *e, lb_pass *pass)
{
    static size_t (*const matches[])(const lb_executor *, const lb_pass *, size_t,
                                     lb_step *) = {match_activation, match_sums, match_split};
    size_t kept = 0;
    for (size_t i = 0; i < pass->n_steps;) {
        size_t taken = 0;
        lb_step fused;
        for (size_t k = 0; k < sizeof matches / sizeof *matches && taken == 0; k++) {
            taken = matches[k](e, pass, i, &fused);
        }
        pass->steps[kept++] = taken > 0 ? fused : pass->steps[i];
        i += taken > 0 ? taken : 1;
    }
    pass->n_steps = kept;
}
