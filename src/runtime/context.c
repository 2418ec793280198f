/* Contexts: memory and threads, and the two ways in which threads run a network.
 *
 * One image: all threads go through the layers together, each with some rows (or filters) of a layer that
 * is worth it, and meet at a barrier wherever a layer is shared. Several images: each thread takes the
 * next image through all layers, in maps of its own. All memory is one block. */
#include "runtime/context.h"

#include <string.h>

#include "runtime/team.h"

enum { THREADS_MAX = 1024 };

/* A barrier takes up to a microsecond; a part of a layer should be worth several. */
static const double part_ns = 3000.0;

struct lb_context {
    const lb_packed *packed;
    size_t threads;
    bool keep_maps;
    const size_t *offsets; /* of maps */
    size_t *own_offsets;   /* where they are this context's */
    size_t *parts;         /* [layers]: threads that share a layer of one image */
    size_t maps_bytes;
    char *memory; /* threads times maps, then scratch */
    lb_team team; /* with more than one thread */
    /* the run in progress */
    const float *images;
    const uint8_t *pixels;
    float *logits;
    size_t n;
    size_t begin, end; /* the layers to run */
    atomic_size_t next;
};

/* ---- memory ---- */

static size_t offsets_bytes(const lb_packed *packed)
{
    return lb_align_bytes(packed->net.n_layers * sizeof(size_t));
}

static size_t thread_bytes(const lb_packed *packed, size_t maps_bytes)
{
    return lb_align_bytes(maps_bytes) + lb_align_bytes(packed->scratch_bytes);
}

/* What is there but once. With more threads: their handles, and places of maps for contexts that keep
 * them. */
static size_t head_bytes(const lb_packed *packed, size_t threads)
{
    const size_t members = threads > 1 ? threads * sizeof(lb_team_member) : 0;
    return lb_align_bytes(sizeof(lb_context)) + offsets_bytes(packed) + lb_align_bytes(members);
}

size_t lb_context_bytes(const lb_packed *packed, size_t threads, size_t maps_bytes)
{
    return head_bytes(packed, threads) + threads * thread_bytes(packed, maps_bytes);
}

static char *maps_of(const lb_context *context, size_t thread)
{
    return context->memory + thread * thread_bytes(context->packed, context->maps_bytes);
}

/* ---- sharing ---- */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool shares_filters(const lb_layer_plan *plan, size_t threads)
{
    return plan->layer->map.shape.h < threads && lb_layer_splits_filters(plan);
}

static size_t filters_of(const lb_layer_plan *plan)
{
    return plan->layer->op == LB_INT_CONV ? plan->layer->weights.terms * plan->layer->map.shape.c
                                          : 0;
}

static size_t parts_of(const lb_layer_plan *plan, size_t threads)
{
    if (plan->layer->op == LB_INT_INPUT) return 1;
    const size_t worth = plan->cost_ns < part_ns ? 1 : (size_t)(plan->cost_ns / part_ns);
    const size_t pieces = shares_filters(plan, threads)
                              ? (filters_of(plan) + LB_CONV_BLOCK - 1) / LB_CONV_BLOCK
                              : plan->layer->map.shape.h;
    return least(least(threads, worth), pieces);
}

static lb_layer_task task_of(const lb_context *context, size_t layer, size_t thread, char *maps)
{
    const lb_packed *packed = context->packed;
    const lb_layer_plan *plan = &packed->layers[layer];
    return (lb_layer_task){
        .packed = packed,
        .index = layer,
        .plan = plan,
        .maps = maps,
        .offsets = context->offsets,
        .scratch = maps_of(context, thread) + lb_align_bytes(context->maps_bytes),
        .row_end = plan->layer->map.shape.h,
        .filter_end = filters_of(plan),
    };
}

/* Part `part` of `parts` of the layer. */
static void cut(lb_layer_task *task, size_t threads, size_t part, size_t parts)
{
    if (parts == 1) return;
    if (shares_filters(task->plan, threads)) {
        const size_t filters = task->filter_end;
        const size_t blocks = (filters + LB_CONV_BLOCK - 1) / LB_CONV_BLOCK;
        task->filter_begin = blocks * part / parts * LB_CONV_BLOCK;
        task->filter_end = least(blocks * (part + 1) / parts * LB_CONV_BLOCK, filters);
    } else {
        const size_t rows = task->row_end;
        task->row_begin = rows * part / parts;
        task->row_end = rows * (part + 1) / parts;
    }
}

/* ---- running ---- */

static void set_image(const lb_context *context, size_t image, lb_layer_task *task)
{
    const lb_shape s = context->packed->net.layers[0].map.shape;
    const size_t count = s.c * s.h * s.w;
    if (context->images) task->image = context->images + image * count;
    if (context->pixels) task->pixels = context->pixels + image * count;
}

static void copy_logits(const lb_context *context, size_t image, const char *maps)
{
    const size_t classes = context->packed->net.classes;
    memcpy(context->logits + image * classes,
           maps + context->offsets[context->packed->net.n_layers - 1],
           classes * sizeof *context->logits);
}

/* Image 0, together with the other threads. */
static void run_together(void *user, size_t thread)
{
    lb_context *context = user;
    const lb_packed *packed = context->packed;
    size_t before = 1;
    for (size_t i = context->begin; i < context->end; i++) {
        if (packed->layers[i].follows) continue;
        const size_t parts = context->parts[i];
        if (before > 1 || parts > 1) lb_team_meet(&context->team);
        before = parts;
        if (thread >= parts) continue;
        lb_layer_task task = task_of(context, i, thread, maps_of(context, 0));
        set_image(context, 0, &task);
        cut(&task, context->threads, thread, parts);
        lb_layer_task_run(&task);
    }
}

static void run_image(const lb_context *context, size_t image, size_t thread)
{
    char *maps = maps_of(context, thread);
    for (size_t i = context->begin; i < context->end; i++) {
        if (context->packed->layers[i].follows) continue;
        lb_layer_task task = task_of(context, i, thread, maps);
        set_image(context, image, &task);
        lb_layer_task_run(&task);
    }
    copy_logits(context, image, maps);
}

static void run_images(void *user, size_t thread)
{
    lb_context *context = user;
    for (;;) {
        const size_t image = atomic_fetch_add(&context->next, 1);
        if (image >= context->n) return;
        run_image(context, image, thread);
    }
}

static void run(lb_context *context, size_t begin, size_t end, size_t n)
{
    context->n = n;
    context->begin = begin;
    context->end = end;
    atomic_store(&context->next, 0);
    if (context->threads == 1) {
        run_images(context, 0);
    } else if (n == 1) {
        lb_team_run(&context->team, run_together, context);
        copy_logits(context, 0, maps_of(context, 0));
    } else if (n > 1) {
        lb_team_run(&context->team, run_images, context);
    }
}

void lb_context_run(lb_context *context, const float *images, size_t n, float *logits)
{
    context->images = images;
    context->pixels = NULL;
    context->logits = logits;
    run(context, 0, context->packed->net.n_layers, n);
}

void lb_context_run_pixels(lb_context *context, const uint8_t *pixels, size_t n, float *logits)
{
    context->images = NULL;
    context->pixels = pixels;
    context->logits = logits;
    run(context, 0, context->packed->net.n_layers, n);
}

void lb_context_run_layer(lb_context *context, size_t layer, size_t n, float *last)
{
    context->images = NULL;
    context->pixels = NULL;
    context->logits = last;
    run(context, layer, layer + 1, n);
}

void *lb_context_map(const lb_context *context, size_t thread, size_t layer)
{
    return maps_of(context, thread) + context->offsets[layer];
}

/* ---- creation ---- */

static lb_status allocate(const lb_packed *packed, size_t threads, bool keep, lb_context **out)
{
    size_t *offsets = NULL, maps_bytes = packed->maps_bytes;
    const size_t n = packed->net.n_layers;
    if (keep) {
        LB_TRY(lb_alloc(n, sizeof *offsets, "plan of maps", (void **)&offsets));
        const lb_status planned = lb_plan_memory(packed, true, offsets, &maps_bytes);
        if (planned != LB_OK) {
            lb_free(offsets);
            return planned;
        }
    }
    void *block = NULL;
    const lb_status status =
        lb_alloc(lb_context_bytes(packed, threads, maps_bytes), 1, "context", &block);
    if (status != LB_OK) {
        lb_free(offsets);
        return status;
    }
    lb_context *context = block;
    context->packed = packed;
    context->threads = threads;
    context->keep_maps = keep;
    context->own_offsets = offsets;
    context->offsets = keep ? offsets : packed->offsets;
    context->maps_bytes = maps_bytes;
    context->parts = (size_t *)(void *)((char *)block + lb_align_bytes(sizeof *context));
    context->memory = (char *)block + head_bytes(packed, threads);
    for (size_t i = 0; i < n; i++) context->parts[i] = parts_of(&packed->layers[i], threads);
    *out = context;
    return LB_OK;
}

static void release(lb_context *context)
{
    lb_free(context->own_offsets);
    lb_free(context);
}

lb_status lb_context_create(const lb_packed *packed, const lb_context_options *options,
                            lb_context **out)
{
    const int wanted = options ? options->threads : 0;
    if (wanted < 0 || wanted > THREADS_MAX)
        return lb_fail(LB_E_ARG, "%d threads; wanted 0 (the caller's alone) to %d", wanted,
                       THREADS_MAX);
    const size_t threads = wanted > 1 ? (size_t)wanted : 1;
    lb_context *context = NULL;
    LB_TRY(allocate(packed, threads, options && options->keep_maps, &context));
    if (threads > 1) {
        char *members = (char *)context->parts + offsets_bytes(packed);
        const lb_status status =
            lb_team_start(&context->team, (lb_team_member *)(void *)members, threads);
        if (status != LB_OK) {
            release(context);
            return status;
        }
    }
    *out = context;
    return LB_OK;
}

void lb_context_destroy(lb_context *context)
{
    if (!context) return;
    if (context->threads > 1) lb_team_stop(&context->team);
    release(context);
}

lb_status lb_context_copy_map(const lb_context *context, size_t layer, float *values)
{
    const lb_intnet *net = &context->packed->net;
    if (!context->keep_maps)
        return lb_fail(LB_E_ARG, "the context keeps no maps; create it with keep_maps");
    if (layer >= net->n_layers)
        return lb_fail(LB_E_ARG, "no layer %zu; the network has %zu", layer, net->n_layers);
    const lb_int_map *map = &net->layers[layer].map;
    const lb_shape s = map->shape;
    const char *at = maps_of(context, 0) + context->offsets[layer];
    float *row_values = NULL;
    uint8_t *fields = NULL;
    LB_TRY(lb_alloc(s.w * s.c, sizeof *row_values, "map row", (void **)&row_values));
    const lb_status status = lb_alloc(s.w * s.c, 1, "map row", (void **)&fields);
    for (size_t h = 0; h < s.h && status == LB_OK; h++) {
        const float *row = lb_map_row_values(map, at, h, s.w, fields, row_values);
        for (size_t c = 0; c < s.c; c++)
            for (size_t w = 0; w < s.w; w++) values[(c * s.h + h) * s.w + w] = row[w * s.c + c];
    }
    lb_free(row_values);
    lb_free(fields);
    return status;
}
