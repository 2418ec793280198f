/* Groups of weights and activations that share a width: listing, scoring, lowering. */
#include <math.h>
#include <stdlib.h>

#include "nn/executor.h"
#include "nn/mixed_bits.h"
#include "train/impq_plan.h"

static bool is_layer(const lb_node *node)
{
    return (node->op == LB_OP_CONV || node->op == LB_OP_LINEAR) && node->as.conv.quantizer &&
           !node->as.conv.quantizer->stochastic;
}

/* Widths that a node has in a phase. */
static size_t cells_of(const lb_node *node, lb_impq_phase phase)
{
    if (phase == LB_IMPQ_ACTS) return node->op == LB_OP_QUANTIZE;
    return is_layer(node) ? node->as.conv.out : 0;
}

static void fill_cell(const lb_net *net, int index, size_t filter, lb_impq_cell *out)
{
    const lb_node *node = &net->nodes[index];
    *out = (lb_impq_cell){.node = index, .filter = filter, .size = 1};
    if (node->op == LB_OP_QUANTIZE) {
        out->bits = node->as.quantize.setting.bits;
        out->least = node->as.quantize.quantizer->bits_min;
        out->mean_abs = (double)lb_quantize_map(net, node).window_high;
        return;
    }
    const lb_conv *conv = &node->as.conv;
    const float *w = net->params[conv->weight].value + filter * lb_node_filter_size(node);
    out->size = lb_node_filter_size(node);
    out->bits = lb_conv_group_setting(conv, filter).bits;
    out->least = conv->quantizer->ternary ? out->bits : conv->quantizer->bits_min;
    for (size_t i = 0; i < out->size; i++) out->mean_abs += fabs((double)w[i]) / (double)out->size;
}

static lb_status check_scales(const lb_net *net, lb_impq_granularity granularity)
{
    for (size_t i = 0; granularity == LB_IMPQ_KERNEL && i < net->n_nodes; i++) {
        const lb_node *node = &net->nodes[i];
        if (!is_layer(node) || node->as.conv.setting.granularity == LB_PER_FILTER) continue;
        return lb_fail(LB_E_ARG,
                       "granularity kernel, but the filters of layer '%s' share a scale: take "
                       "granularity layer, or train with --granularity filter and no 8bit ends",
                       node->name);
    }
    return LB_OK;
}

static bool can_lose(const lb_impq_groups *g, size_t group)
{
    const lb_impq_group *x = &g->groups[group];
    for (size_t c = x->first; c < x->first + x->n; c++)
        if (g->cells[c].bits > g->cells[c].least) return true;
    return false;
}

size_t lb_impq_groups_open(const lb_impq_groups *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_groups; i++) n += can_lose(g, i);
    return n;
}

/* Does cell c begin a group? */
static bool begins(const lb_impq_groups *g, lb_impq_phase phase, lb_impq_granularity granularity,
                   size_t c)
{
    if (c == 0 || phase == LB_IMPQ_ACTS || granularity == LB_IMPQ_KERNEL) return true;
    return granularity == LB_IMPQ_LAYER && g->cells[c].node != g->cells[c - 1].node;
}

lb_status lb_impq_groups_list(const lb_net *net, lb_impq_phase phase,
                              lb_impq_granularity granularity, lb_impq_groups *out)
{
    size_t n = 0;
    *out = (lb_impq_groups){0};
    for (size_t i = 0; i < net->n_nodes; i++) n += cells_of(&net->nodes[i], phase);
    LB_TRY(lb_arena_alloc(&out->arena, n, sizeof *out->cells, "groups", (void **)&out->cells));
    LB_TRY(lb_arena_alloc(&out->arena, n, sizeof *out->groups, "groups", (void **)&out->groups));
    for (size_t i = 0; i < net->n_nodes; i++) {
        const size_t filters = cells_of(&net->nodes[i], phase);
        for (size_t o = 0; o < filters; o++) fill_cell(net, (int)i, o, &out->cells[out->n_cells++]);
    }
    for (size_t c = 0; c < out->n_cells; c++) {
        if (begins(out, phase, granularity, c)) out->groups[out->n_groups++].first = c;
        out->groups[out->n_groups - 1].n++;
        out->groups[out->n_groups - 1].size += out->cells[c].size;
    }
    if (lb_impq_groups_open(out) > 0)
        return phase == LB_IMPQ_WEIGHTS ? check_scales(net, granularity) : LB_OK;
    return lb_fail(LB_E_ARG, "its %s have no bit to lose; wanted a run of a method with widths",
                   lb_impq_phase_names[phase]);
}

void lb_impq_groups_release(lb_impq_groups *groups)
{
    lb_arena_release(&groups->arena);
}

void lb_impq_groups_score(lb_impq_groups *g, bool score_of_code)
{
    for (size_t i = 0; i < g->n_groups; i++) {
        lb_impq_group *group = &g->groups[i];
        double gain = 0.0, sum_abs = 0.0;
        int bits = 0;
        for (size_t c = group->first; c < group->first + group->n; c++) {
            const lb_impq_cell *cell = &g->cells[c];
            gain += cell->gain;
            sum_abs += cell->mean_abs * (double)cell->size;
            if (cell->bits > bits) bits = cell->bits;
        }
        const double size = (double)group->size;
        group->score = ldexp(gain, -bits);
        if (score_of_code) group->score *= sum_abs / (size * size);
    }
}

/* ---- lowering -------------------------------------------------------------------------------- */

typedef struct ranked {
    double score;
    size_t index;
} ranked;

static int by_score(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

lb_status lb_impq_groups_lower(lb_impq_groups *g, size_t n, size_t *lowered)
{
    ranked *list = NULL;
    size_t open = 0;
    LB_TRY(lb_alloc(g->n_groups, sizeof *list, "ranks", (void **)&list));
    for (size_t i = 0; i < g->n_groups; i++)
        if (can_lose(g, i)) list[open++] = (ranked){g->groups[i].score, i};
    qsort(list, open, sizeof *list, by_score);
    *lowered = open < n ? open : n;
    for (size_t k = 0; k < *lowered; k++) {
        const lb_impq_group *group = &g->groups[list[k].index];
        for (size_t c = group->first; c < group->first + group->n; c++)
            g->cells[c].bits -= g->cells[c].bits > g->cells[c].least;
    }
    lb_free(list);
    return LB_OK;
}

lb_status lb_impq_groups_apply(const lb_impq_groups *g, lb_net *net)
{
    for (size_t c = 0; c < g->n_cells; c++) {
        const lb_impq_cell *cell = &g->cells[c];
        lb_node *node = &net->nodes[cell->node];
        if (node->op == LB_OP_QUANTIZE) {
            node->as.quantize.setting.bits = cell->bits;
            continue;
        }
        lb_conv *conv = &node->as.conv;
        if (!conv->filter_bits)
            LB_TRY(lb_arena_alloc(&net->arena, conv->out, 1, "widths of filters",
                                  (void **)&conv->filter_bits));
        conv->filter_bits[cell->filter] = (uint8_t)cell->bits;
    }
    return LB_OK;
}

/* ---- what can be reached --------------------------------------------------------------------- */

static int by_falling_size(const void *a, const void *b)
{
    const size_t *x = a, *y = b;
    return (*x < *y) - (*x > *y);
}

/* The most bits that the iterations can take: each time the largest groups lose one. */
static double most_bits(const lb_impq_plan *plan, lb_impq_phase phase, size_t *sizes, size_t n)
{
    double bits = 0.0;
    qsort(sizes, n, sizeof *sizes, by_falling_size);
    for (size_t k = 1; k <= plan->iterations[phase]; k++) {
        const size_t groups = lb_impq_schedule_at(&plan->schedule[phase], k);
        for (size_t i = 0; i < groups && i < n; i++) bits += (double)sizes[i];
    }
    return bits;
}

lb_status lb_impq_check_reach(const lb_impq_plan *plan, const lb_impq_row *start,
                              const lb_impq_groups *g, const lb_net *net)
{
    double weights = 0.0;
    size_t *sizes = NULL;
    for (size_t p = 0; p < net->n_params; p++)
        if (net->params[p].role == LB_PARAM_WEIGHT) weights += (double)net->params[p].count;
    LB_TRY(lb_alloc(g->n_groups, sizeof *sizes, "sizes", (void **)&sizes));
    for (size_t i = 0; i < g->n_groups; i++) sizes[i] = g->groups[i].size;
    const double taken = most_bits(plan, LB_IMPQ_WEIGHTS, sizes, g->n_groups);
    const double lowest = start->weight_bits - taken / weights;
    lb_free(sizes);
    for (size_t r = 0; r < plan->n_rules; r++) {
        const lb_impq_rule *rule = &plan->rules[r];
        if (rule->figure != LB_IMPQ_WEIGHT_BITS || rule->value >= lowest - 1e-9) continue;
        return lb_fail(LB_E_ARG,
                       "weight_bits <= %g cannot be met: %zu iterations of these groups reach %.3f "
                       "at best",
                       rule->value, plan->iterations[LB_IMPQ_WEIGHTS], lowest);
    }
    return LB_OK;
}

lb_status lb_impq_groups_exhaust(lb_impq_groups *g, lb_net *net)
{
    for (size_t c = 0; c < g->n_cells; c++) g->cells[c].bits = g->cells[c].least;
    return lb_impq_groups_apply(g, net);
}
