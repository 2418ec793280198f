/* Passes: runs of element-wise steps over a map, tile by tile. A tile's registers stay in the first-level cache;
 * a register that lies in a buffer is read or written there directly, without a copy. */
#include <string.h>

#include "nn/backend/onednn.h"

enum { TILE = 2048, SHORTEST_PERIOD = 256, MOST_STEPS = 192, LANES = 16 };

static size_t greatest_divisor(size_t a, size_t b)
{
    while (b > 0) {
        const size_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static size_t round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

size_t lb_pass_period(size_t channels, size_t values)
{
    const size_t whole = round_up(values, LANES);
    const size_t base = channels / greatest_divisor(channels, LANES) * LANES;
    /* short inner loops cost more than a few repeated coefficients */
    const size_t period = base < SHORTEST_PERIOD ? round_up(SHORTEST_PERIOD, base) : base;
    return period < whole ? period : whole;
}

lb_status lb_pass_create(lb_executor *e, size_t channels, size_t values, lb_pass **out)
{
    lb_pass *pass = NULL;
    LB_TRY(lb_executor_alloc(e, 1, sizeof *pass, "a pass", &pass));
    LB_TRY(lb_executor_alloc(e, e->net->n_nodes, sizeof *pass->nodes, "nodes of a pass",
                             &pass->nodes));
    LB_TRY(lb_executor_alloc(e, MOST_STEPS, sizeof *pass->steps, "steps of a pass", &pass->steps));
    pass->values = values;
    pass->period = lb_pass_period(channels, values);
    pass->tile = pass->period >= TILE ? pass->period : TILE / pass->period * pass->period;
    *out = pass;
    return LB_OK;
}

lb_status lb_pass_add_node(lb_executor *e, lb_pass *pass, int node)
{
    (void)e;
    pass->nodes[pass->n_nodes++] = node;
    return LB_OK;
}

lb_status lb_pass_add_step(lb_executor *e, lb_pass *pass, lb_step_kind kind, lb_step **out)
{
    (void)e;
    if (pass->n_steps == MOST_STEPS) {
        return lb_fail(LB_E_UNSUPPORTED, "a run of element-wise nodes takes more than %d steps",
                       MOST_STEPS);
    }
    *out = &pass->steps[pass->n_steps++];
    **out = (lb_step){.kind = kind,
                      .x = -1,
                      .y = -1,
                      .z = -1,
                      .out = -1,
                      .buffer = -1,
                      .bits = -1,
                      .period = pass->period};
    return LB_OK;
}

int lb_pass_register(lb_pass *pass, int buffer)
{
    if (pass->n_registers >= LB_MAX_REGISTERS) {
        pass->n_registers = LB_MAX_REGISTERS + 1;
        return 0;
    }
    pass->registers[pass->n_registers] =
        (lb_register){.buffer = buffer, .tile = -1, .last_step = -1};
    return pass->n_registers++;
}

static void find_last_steps(lb_pass *pass)
{
    for (int r = 0; r < pass->n_registers; r++) pass->registers[r].last_step = -1;
    for (size_t i = 0; i < pass->n_steps; i++) {
        const lb_step *s = &pass->steps[i];
        const int used[] = {s->x, s->y, s->z, s->out};
        for (int k = 0; k < 4; k++) {
            if (used[k] >= 0) pass->registers[used[k]].last_step = (int)i;
        }
    }
}

lb_status lb_pass_finish(lb_executor *e, const lb_operation *op)
{
    lb_pass *pass = op->pass;
    if (pass->n_registers > LB_MAX_REGISTERS) {
        return lb_fail(LB_E_UNSUPPORTED,
                       "node '%s': a run of element-wise nodes needs more than %d tiles",
                       e->net->nodes[op->node].name, LB_MAX_REGISTERS);
    }
    find_last_steps(pass);
    lb_pass_fuse(e, pass);
    find_last_steps(pass);
    int owner[LB_MAX_REGISTERS]; /* of each tile: the register in it */
    for (size_t i = 0; i < pass->n_steps; i++) {
        const int out = pass->steps[i].out;
        if (out < 0 || pass->registers[out].buffer >= 0 || pass->registers[out].tile >= 0) continue;
        int tile = 0;
        while (tile < pass->n_tiles && pass->registers[owner[tile]].last_step >= (int)i) tile++;
        if (tile == pass->n_tiles) pass->n_tiles++;
        owner[tile] = out;
        pass->registers[out].tile = tile;
    }
    const size_t floats = (size_t)pass->n_tiles * pass->tile;
    if (floats > e->tile_floats) e->tile_floats = floats;
    return LB_OK;
}

/* Where a run is: one image's tile. */
typedef struct place {
    const lb_pass *pass;
    const lb_range *range;
    float *tiles;
    float *sums; /* sum and products, by coefficient position */
    size_t image, first, n;
} place;

static size_t cell_offset(lb_cell cell, size_t values)
{
    return cell == LB_CELL_BIT ? values / 8 : values * lb_cell_bytes(cell, 1);
}

static void *buffer_place(const lb_executor *e, const place *p, int buffer)
{
    if (buffer < 0) return NULL;
    uint8_t *at = lb_buffer_at(e, buffer, p->range, p->image);
    return at + cell_offset(e->buffers[buffer].cell, p->first);
}

static void *register_place(const lb_executor *e, const place *p, int reg)
{
    if (reg < 0) return NULL;
    const lb_register *r = &p->pass->registers[reg];
    return r->buffer >= 0 ? buffer_place(e, p, r->buffer)
                          : p->tiles + (size_t)r->tile * p->pass->tile;
}

static lb_cell register_cell(const lb_executor *e, const lb_pass *pass, int reg)
{
    const int buffer = pass->registers[reg].buffer;
    return buffer >= 0 ? e->buffers[buffer].cell : LB_CELL_F32;
}

static void run_step(const lb_executor *e, const place *p, const lb_step *s)
{
    const lb_pass_kernels *k = e->kernels;
    const size_t n = p->n;
    const void *x = register_place(e, p, s->x), *y = register_place(e, p, s->y);
    float *out = register_place(e, p, s->out);
    switch (s->kind) {
    case LB_STEP_AFFINE:
        k->affine(n, s->period, register_cell(e, p->pass, s->x), x, s->a, s->b, out);
        break;
    case LB_STEP_CONVERT: k->convert(n, register_cell(e, p->pass, s->x), x, s->factor, out); break;
    case LB_STEP_TO_BF16:
        k->to_bf16(n, register_cell(e, p->pass, s->x), x, buffer_place(e, p, s->buffer));
        break;
    case LB_STEP_SPLIT: k->split(n, s->channels, x, s->a, buffer_place(e, p, s->buffer)); break;
    case LB_STEP_ADD: k->add(n, x, y, out); break;
    case LB_STEP_RELU: k->relu(n, s->factor, x, out); break;
    case LB_STEP_CLIP: k->clip(n, s->low, s->high, x, out); break;
    case LB_STEP_WINDOW:
        k->window(n, s->map ? s->map->window_low : s->low, s->map ? s->map->window_high : s->high,
                  s->open, x, buffer_place(e, p, s->buffer));
        break;
    case LB_STEP_MASK: k->mask(n, buffer_place(e, p, s->buffer), s->factor, x, out); break;
    case LB_STEP_APPROX_SIGN: k->approx_sign(n, x, y, out); break;
    case LB_STEP_QUANTIZE: {
        const lb_cell cell = s->buffer >= 0 ? e->buffers[s->buffer].cell : LB_CELL_F32;
        k->quantize(n, s->map, x, cell, buffer_place(e, p, s->buffer), out);
        break;
    }
    case LB_STEP_ACTIVATE:
        k->activate(n, &s->activation, register_cell(e, p->pass, s->x), x, y, out,
                    buffer_place(e, p, s->bits), buffer_place(e, p, s->buffer));
        break;
    case LB_STEP_MASK_SUMS:
        k->mask_sums(n, s->period, x, y, buffer_place(e, p, s->bits), s->factor, out,
                     register_cell(e, p->pass, s->z), register_place(e, p, s->z), s->norm->mean,
                     p->sums, p->sums + s->period);
        break;
    case LB_STEP_NORM_SPLIT:
        k->norm_split(n, s->period, s->channels, register_cell(e, p->pass, s->y), x, y,
                      s->norm->mean, s->norm->dx_g, s->norm->dx_x, s->norm->dx_1, s->a,
                      buffer_place(e, p, s->buffer), out);
        break;
    case LB_STEP_SUMS:
        k->sums(n, s->period, register_cell(e, p->pass, s->y), x, y, s->norm->mean, p->sums,
                p->sums + s->period);
        break;
    case LB_STEP_NORM_BACKWARD:
        k->norm_backward(n, s->period, register_cell(e, p->pass, s->y), x, y, s->norm->mean,
                         s->norm->dx_g, s->norm->dx_x, s->norm->dx_1, out);
        break;
    }
}

/* Sums stay in single precision for some tens of additions a position, then go to their group's in double. */
static void fold(const lb_executor *e, const lb_norm *norm, size_t group, float *sums)
{
    (void)e;
    double *to = norm->partial + group * 2 * norm->channels;
    lb_norm_fold(norm, norm->period, sums, to);
    lb_norm_fold(norm, norm->period, sums + norm->period, to + norm->channels);
    memset(sums, 0, 2 * norm->period * sizeof *sums);
}

void lb_pass_run(lb_executor *e, const lb_operation *op, const lb_range *r)
{
    const lb_pass *pass = op->pass;
    const lb_norm *norm = NULL;
    for (size_t i = 0; i < pass->n_steps; i++) {
        const lb_step_kind kind = pass->steps[i].kind;
        if (kind == LB_STEP_SUMS || kind == LB_STEP_MASK_SUMS) norm = pass->steps[i].norm;
    }
    place p = {.pass = pass, .range = r, .tiles = e->tiles[r->thread]};
    p.sums = p.tiles + e->tile_floats;
    if (norm) memset(p.sums, 0, 2 * norm->period * sizeof *p.sums);
    for (size_t i = r->first; i < r->first + r->count; i++) {
        p.image = i;
        if (norm && i % e->group == 0) {
            memset(norm->partial + i / e->group * 2 * norm->channels, 0,
                   2 * norm->channels * sizeof(double));
        }
        for (p.first = 0; p.first < pass->values; p.first += pass->tile) {
            const size_t left = pass->values - p.first;
            p.n = left < pass->tile ? left : pass->tile;
            for (size_t k = 0; k < pass->n_steps; k++) run_step(e, &p, &pass->steps[k]);
        }
        const bool last = (i + 1) % e->group == 0 || i + 1 == r->first + r->count;
        if (norm && (last || norm->pixels >= 16)) fold(e, norm, i / e->group, p.sums);
    }
}
