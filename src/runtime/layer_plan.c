/* How each layer of a network is run on this machine: its kernel, its weights in the kernel's layout, its
 * scratch, what it costs. */
#include <stdio.h>
#include <string.h>

#include "intnet/int_cost.h"
#include "runtime/conv_thresholds.h"
#include "runtime/layer_weights.h"
#include "runtime/packed.h"

enum { WORD_BITS = 32 };

/* About what one value takes: of float sums a MAC, or a weight that is not zero; of a layer without sums a value
 * of its map. Only the choice whether threads share a layer depends on it. */
static const double dot_ns = 0.05, sparse_ns = 0.3, value_ns = 0.5;

/* ---- convolutions ---- */

static size_t threshold_count(const lb_int_layer *l)
{
    return l->post.kind == LB_POST_THRESHOLDS
               ? l->map.shape.c * (((size_t)1 << l->post.thresholds.bits) - 1)
               : 0;
}

/* The thresholds that the kernel applies: the layer's, or those its fixed-point product stands for; none
 * where the map has more bits than kernels give, or a product's codes are in no order. `arena` is for these alone. */
static lb_status kernel_thresholds(const lb_packed *packed, size_t index, lb_arena *arena,
                                   lb_thresholds *thresholds, bool *any)
{
    const lb_int_layer *l = &packed->net.layers[index];
    *any = l->post.kind != LB_POST_STEPS && l->map.grid.bits <= LB_PLANE_BITS_MAX;
    if (!*any) return LB_OK;
    if (l->post.kind == LB_POST_THRESHOLDS) {
        *thresholds = l->post.thresholds;
        return LB_OK;
    }
    return lb_thresholds_of_fixed_point(&l->post.fixed, l->map.shape.c,
                                        lb_int_layer_largest_sum(&packed->net, index), arena,
                                        thresholds, any);
}

static lb_status plan_integers(lb_packed *packed, size_t index, lb_arena *temporary)
{
    lb_layer_plan *plan = &packed->layers[index];
    const lb_int_conv conv = lb_int_conv_of(&packed->net, index);
    const lb_conv_kernel *kernel = lb_conv_select(&conv, packed->isa);
    lb_thresholds thresholds = {0};
    lb_weights_reader reader = {0};
    bool any = false;
    LB_TRY(kernel_thresholds(packed, index, temporary, &thresholds, &any));
    LB_TRY(lb_weights_reader_begin(&packed->net, index, &reader));
    const lb_conv_source source = {lb_weights_read_codes, &reader};
    const lb_status status = lb_conv_plan_create(
        &conv, kernel, packed->isa, any ? &thresholds : NULL, &source, &packed->arena, &plan->conv);
    lb_weights_reader_end(&reader);
    LB_TRY(status);
    packed->weight_bytes += plan->conv.bytes;
    plan->post = plan->layer->post.kind;
    plan->info.kernel = kernel->name;
    plan->cost_ns = kernel->cost(&conv) * (double)plan->info.macs;
    return LB_OK;
}

/* Name the kernel of float sums: `what` and the instruction set at the end of its function's name. */
static lb_status name_kernel(lb_packed *packed, lb_layer_plan *plan, const char *what,
                             const char *function)
{
    const char *isa = strrchr(function, '_'); /* lb_f32_dot__avx2 */
    char name[64];
    char *kept = NULL;
    (void)snprintf(name, sizeof name, "%s %s", what, isa ? isa + 1 : function);
    LB_TRY(lb_arena_strdup(&packed->arena, name, &kept));
    plan->info.kernel = kept;
    return LB_OK;
}

static lb_status plan_dense_floats(lb_packed *packed, size_t index, lb_weights_reader *reader)
{
    lb_layer_plan *plan = &packed->layers[index];
    const lb_f32_dot_variant *dot = lb_f32_dot_select(packed->isa);
    LB_TRY(lb_float_conv_create(plan->layer, plan->in[0], dot->fn, lb_weights_read_floats, reader,
                                &packed->arena, &plan->float_conv));
    packed->weight_bytes += plan->float_conv.bytes;
    plan->cost_ns = dot_ns * (double)plan->info.macs;
    return name_kernel(packed, plan, "float sums", dot->name);
}

static lb_status plan_sparse_floats(lb_packed *packed, size_t index, size_t nonzero,
                                    lb_weights_reader *reader)
{
    lb_layer_plan *plan = &packed->layers[index];
    const lb_conv_source source = {lb_weights_read_codes, reader};
    LB_TRY(lb_sparse_conv_create(plan->layer, plan->in[0]->shape, nonzero, packed->isa, &source,
                                 &packed->arena, &plan->sparse_conv));
    packed->weight_bytes += plan->sparse_conv.bytes;
    plan->cost_ns = sparse_ns * (double)nonzero * (double)(plan->info.height * plan->info.width);
    if (plan->sparse_conv.lists) return name_kernel(packed, plan, "sparse floats", "portable");
    return name_kernel(packed, plan, "sparse floats", lb_sparse_rows_select(packed->isa)->name);
}

static lb_status plan_floats(lb_packed *packed, size_t index)
{
    lb_layer_plan *plan = &packed->layers[index];
    const lb_int_layer *l = plan->layer;
    const bool ternary = LB_HAS_SPARSE_CONV && l->weights.storage == LB_STORED_TERNARY;
    const size_t nonzero = ternary ? lb_weights_count_nonzero(&packed->net, index) : 0;
    lb_weights_reader reader = {0};
    LB_TRY(lb_weights_reader_begin(&packed->net, index, &reader));
    const lb_status status = ternary && lb_sparse_conv_pays(l, nonzero)
                                 ? plan_sparse_floats(packed, index, nonzero, &reader)
                                 : plan_dense_floats(packed, index, &reader);
    lb_weights_reader_end(&reader);
    plan->post = LB_POST_STEPS;
    return status;
}

lb_status lb_layer_plan_weights(lb_packed *packed, size_t index)
{
    if (!packed->layers[index].integer) return plan_floats(packed, index);
    lb_arena temporary = {0};
    const lb_status status = plan_integers(packed, index, &temporary);
    lb_arena_release(&temporary);
    return status;
}

/* ---- other layers ---- */

/* Channels whose pool takes the smallest field: those that want the smallest value, or, where a larger
 * field is a smaller code, the others. As a map's words of one bit, or as bytes of 0 or 255. */
static lb_status plan_max_pool(lb_packed *packed, lb_layer_plan *plan)
{
    const lb_int_layer *l = plan->layer;
    const size_t channels = l->map.shape.c;
    if (!l->map.coded) return LB_OK;
    const bool planes = l->map.grid.bits <= LB_PLANE_BITS_MAX;
    const size_t bytes = planes ? (channels + WORD_BITS - 1) / WORD_BITS * 4 : channels;
    uint8_t *mask = NULL;
    LB_TRY(lb_arena_alloc(&packed->arena, bytes, 1, "reversed channels", (void **)&mask));
    for (size_t c = 0; c < channels; c++) {
        const bool reversed = l->reversed && l->reversed[c / 8] >> c % 8 & 1;
        if (reversed == (l->map.grid.step < 0)) continue;
        if (planes)
            mask[c / 8] |= (uint8_t)(1u << c % 8);
        else
            mask[c] = UINT8_MAX;
    }
    plan->pool_mask = mask;
    packed->weight_bytes += bytes;
    return LB_OK;
}

/* A pixel whose appended channels have the value 0, and all others the field 0. */
static lb_status plan_subsample(lb_packed *packed, lb_layer_plan *plan)
{
    const lb_int_map *map = &plan->layer->map;
    const size_t channels = map->shape.c, bytes = lb_map_bytes_of_pixel(map);
    uint8_t *pixel = NULL, *fields = NULL;
    LB_TRY(lb_arena_alloc(&packed->arena, bytes, 1, "pixel of zeros", (void **)&pixel));
    plan->zero_pixel = pixel;
    packed->weight_bytes += bytes;
    if (!map->coded || !lb_grid_has_zero(map->grid)) return LB_OK;
    LB_TRY(lb_alloc(channels, 1, "pixel of zeros", (void **)&fields));
    for (size_t c = plan->in[0]->shape.c; c < channels; c++)
        fields[c] = lb_grid_field(map->grid, 0);
    lb_map_row_pack(map->grid.bits, channels, 1, fields, pixel);
    lb_free(fields);
    return LB_OK;
}

/* ---- scratch ---- */

static size_t take(lb_scratch_plan *scratch, size_t bytes)
{
    const size_t at = scratch->bytes;
    scratch->bytes += lb_align_bytes(bytes);
    return at;
}

static size_t row_values(const lb_int_map *map)
{
    return map->shape.w * map->shape.c;
}

/* Does the kernel store codes itself? */
static bool kernel_stores(const lb_layer_plan *plan)
{
    return plan->layer->op == LB_INT_CONV && plan->integer && plan->conv.thresholds.bits > 0;
}

/* What writing the map of a CONV or EXPRESSION takes. */
static void plan_post_scratch(lb_layer_plan *plan)
{
    const lb_int_map *map = &plan->layer->map;
    const bool adds_codes = plan->in[1] && plan->in[1]->coded;
    const size_t fields = plan->rows_at_once * row_values(map), values = fields * sizeof(float);
    if (map->coded && plan->post == LB_POST_STEPS)
        plan->scratch.values = take(&plan->scratch, values);
    if (adds_codes) plan->scratch.other = take(&plan->scratch, values);
    const bool planes = map->coded && map->grid.bits <= LB_PLANE_BITS_MAX;
    const bool reads_codes = plan->layer->op == LB_INT_EXPRESSION && plan->in[0]->coded;
    if (reads_codes) plan->scratch.input = take(&plan->scratch, values);
    if ((planes && !kernel_stores(plan)) || adds_codes || reads_codes)
        plan->scratch.fields = take(&plan->scratch, fields);
}

static size_t kernel_scratch(const lb_layer_plan *plan)
{
    if (plan->integer) return plan->conv.scratch_bytes;
    return lb_sparse_conv_is(&plan->sparse_conv) ? plan->sparse_conv.scratch_bytes
                                                 : plan->float_conv.scratch_bytes;
}

static void plan_scratch(lb_layer_plan *plan, size_t begin)
{
    const lb_int_layer *l = plan->layer;
    lb_scratch_plan *s = &plan->scratch;
    s->bytes = begin;
    if (l->op == LB_INT_CONV) {
        s->kernel = take(s, kernel_scratch(plan));
        const size_t sums_bytes = l->weights.terms * row_values(&l->map) * sizeof(float);
        if (plan->integer && lb_conv_runs_by_parts(l))
            s->sums = take(s, l->window.kh * sums_bytes);
        else if (!plan->integer && l->weights.terms > 1)
            s->sums = take(s, sums_bytes);
    }
    if (l->op == LB_INT_CONV || l->op == LB_INT_EXPRESSION) {
        plan_post_scratch(plan);
        return;
    }
    /* the others turn rows of codes to values where their map is floats */
    size_t fields = 0;
    for (size_t k = 0; k < 2 && plan->in[k] && !l->map.coded; k++) {
        if (!plan->in[k]->coded || l->op == LB_INT_MAX_POOL) continue;
        const size_t values = row_values(plan->in[k]);
        const size_t rows = l->op == LB_INT_AVERAGE_POOL ? l->window.kh : 1;
        *(k == 0 ? &s->input : &s->other) = take(s, rows * values * sizeof(float));
        if (values > fields) fields = values;
    }
    if (fields > 0) s->fields = take(s, fields);
}

/* ---- what is told of a layer ---- */

static const char *op_text(lb_int_op op)
{
    static const char *const texts[] = {
#define X(name, text, inputs) text,
        LB_INT_OP_LIST(X)
#undef X
    };
    return texts[op];
}

static const char *post_text(const lb_int_layer *l)
{
    if (l->op != LB_INT_CONV && l->op != LB_INT_EXPRESSION) return "";
    switch (l->post.kind) {
    case LB_POST_THRESHOLDS: return "thresholds";
    case LB_POST_FIXED_POINT: return "fixed-point";
    case LB_POST_STEPS: break;
    }
    return l->post.n_steps > 0 ? "steps" : "";
}

/* Values of the steps of a layer, in memory as in the file. */
static size_t step_bytes(const lb_int_layer *l)
{
    size_t arrays = 0;
    for (size_t s = 0; s < l->post.n_steps && l->post.kind == LB_POST_STEPS; s++) {
        const lb_step *step = &l->post.steps[s];
        if (step->a) arrays += step->kind == LB_STEP_SCALE ? l->weights.terms : 1;
        if (step->b) arrays++;
    }
    return arrays * l->map.shape.c * sizeof(float);
}

static size_t fixed_point_bytes(const lb_int_layer *l)
{
    return l->post.kind == LB_POST_FIXED_POINT
               ? l->map.shape.c * (sizeof(int32_t) + sizeof(int64_t)) +
                     l->post.fixed.n_exceptions * sizeof(lb_fixed_exception)
               : 0;
}

static void describe(const lb_packed *packed, size_t index)
{
    lb_layer_plan *plan = &packed->layers[index];
    const lb_int_layer *l = plan->layer;
    const lb_int_map *in = plan->in[0];
    plan->info = (lb_packed_layer){
        .name = l->name,
        .equals = l->equals,
        .op = op_text(l->op),
        .channels = l->map.shape.c,
        .height = l->map.shape.h,
        .width = l->map.shape.w,
        .act_bits = !in         ? 0
                    : in->coded ? in->grid.bits
                                : 32,
        .out_bits = l->map.coded ? l->map.grid.bits : 32,
        .kernel = "",
        .post = post_text(l),
        .thresholds = threshold_count(l),
        .stored_bytes = lb_int_layer_cost_of(&packed->net, index).stored_bytes,
    };
    if (l->op != LB_INT_CONV) return;
    plan->info.weights = l->weights.count;
    plan->info.weight_bits = lb_int_weights_mean_bits(&l->weights, l->map.shape.c);
    plan->info.macs = l->weights.count * l->map.shape.h * l->map.shape.w;
}

/* ---- all of it ---- */

/* The CONV that layer `index` runs row by row behind, or `index`. */
static size_t leader_of(const lb_packed *packed, size_t index)
{
    const lb_int_layer *layers = packed->net.layers, *l = &layers[index];
    if (l->op != LB_INT_EXPRESSION || l->n_in != 1) return index;
    const size_t source = (size_t)l->in[0];
    if (layers[source].op != LB_INT_CONV || layers[source].map.coded) return index;
    return source + packed->layers[source].followers + 1 == index ? source : index;
}

lb_status lb_layer_plan_begin(lb_packed *packed, size_t index)
{
    lb_layer_plan *plan = &packed->layers[index];
    const lb_int_layer *l = &packed->net.layers[index];
    plan->layer = l;
    for (int k = 0; k < l->n_in; k++) plan->in[k] = &packed->net.layers[l->in[k]].map;
    plan->integer = lb_int_layer_is_integer(&packed->net, index);
    plan->post = LB_POST_STEPS;
    describe(packed, index);
    if (l->op == LB_INT_MAX_POOL) return plan_max_pool(packed, plan);
    return l->op == LB_INT_SUBSAMPLE ? plan_subsample(packed, plan) : LB_OK;
}

void lb_layer_plan_finish(lb_packed *packed, size_t index)
{
    lb_layer_plan *plan = &packed->layers[index];
    const lb_int_layer *l = plan->layer;
    packed->weight_bytes += step_bytes(l);
    if (plan->post == LB_POST_FIXED_POINT && !kernel_stores(plan))
        packed->weight_bytes += fixed_point_bytes(l);
    plan->cost_ns += value_ns * (double)(l->map.shape.h * row_values(&l->map));
    const size_t leader = leader_of(packed, index);
    plan->follows = leader != index;
    if (plan->follows) packed->layers[leader].followers++;
    plan->rows_at_once = plan->follows ? packed->layers[leader].rows_at_once : 1;
    if (plan->integer && plan->conv.sums_rows > 0 && !lb_conv_runs_by_parts(l))
        plan->rows_at_once = plan->conv.sums_rows;
    plan_scratch(plan, plan->follows ? packed->layers[leader].scratch.bytes : 0);
    if (plan->scratch.bytes > packed->scratch_bytes) packed->scratch_bytes = plan->scratch.bytes;
}
