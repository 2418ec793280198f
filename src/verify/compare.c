/* Images are shared out among threads, a group at a time; a thread has an evaluator, and for every
 * instruction set one context that keeps maps and one that runs as a program would run it. The training
 * graph is evaluated once a group, whatever the number of instruction sets. */
#include "verify/compare.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "nn/evaluate.h"

enum { GROUP = 8, FLOAT_BITS = 32 };

/* A layer that is compared with a training node. */
typedef struct pair {
    size_t layer;
    int node;
    size_t values; /* of the map, for one image */
    size_t offset; /* of the node's maps of a group, in `worker.wanted` */
    bool is_coded;
    lb_packed_layer info;
} pair;

/* What all threads read. */
typedef struct plan {
    const lb_comparison *c;
    pair *pairs;
    size_t n_pairs;
    size_t wanted_floats, largest; /* maps of a group; the largest map of one image */
    size_t image_values;
    lb_augmenter augmenter;
} plan;

typedef struct worker {
    const plan *p;
    lb_evaluator *evaluator;
    lb_context **keeping, **plain; /* [n_packed] */
    float *images, *wanted, *logits, *got;
    uint8_t *workspace;
    lb_verify_result result;
    size_t first_image, first_pair, first_element, first_isa; /* order of result.first */
    lb_status status; /* the first failure, and its message: those are kept by thread */
    char message[256];
    lb_arena arena;
} worker;

/* ---- planning ---- */

static lb_status fill_pair(const lb_comparison *c, size_t layer, pair *out)
{
    lb_packed_layer info;
    lb_packed_get_layer(c->packed[0].packed, layer, &info);
    const int node = lb_net_find_node(c->net, info.equals);
    if (node < 0) {
        return lb_fail(LB_E_FORMAT,
                       "packed layer '%s' equals '%s', which the run's network has not; was the "
                       "file packed from another run?",
                       info.name, info.equals);
    }
    const size_t values = info.channels * info.height * info.width;
    const lb_shape shape = c->net->nodes[node].shape;
    if (values != lb_shape_count(shape)) {
        return lb_fail(LB_E_SHAPE,
                       "packed layer '%s' is %zux%zux%zu, but '%s' of the run is %zux%zux%zu; was "
                       "the file packed from another run?",
                       info.name, info.channels, info.height, info.width, info.equals, shape.c,
                       shape.h, shape.w);
    }
    *out = (pair){.layer = layer,
                  .node = node,
                  .values = values,
                  .is_coded = info.out_bits < FLOAT_BITS,
                  .info = info};
    return LB_OK;
}

static lb_status check_images(const lb_comparison *c, const lb_packed_info *info)
{
    const lb_shape in = c->net->input;
    if (info->channels != in.c || info->height != in.h || info->width != in.w ||
        info->classes != c->net->classes) {
        return lb_fail(LB_E_SHAPE,
                       "the packed network takes images of %zux%zux%zu and has %zu classes, the "
                       "run's %zux%zux%zu and %zu; was the file packed from another run?",
                       info->channels, info->height, info->width, info->classes, in.c, in.h, in.w,
                       c->net->classes);
    }
    return LB_OK;
}

static lb_status plan_pairs(plan *p, size_t layers, lb_arena *arena)
{
    LB_TRY(lb_arena_alloc(arena, layers, sizeof *p->pairs, "comparison", (void **)&p->pairs));
    for (size_t i = 0; i < layers; i++) {
        lb_packed_layer info;
        lb_packed_get_layer(p->c->packed[0].packed, i, &info);
        if (info.equals[0] == '\0') continue;
        pair *next = &p->pairs[p->n_pairs];
        LB_TRY(fill_pair(p->c, i, next));
        next->offset = p->wanted_floats;
        p->wanted_floats += GROUP * next->values;
        if (next->values > p->largest) p->largest = next->values;
        p->n_pairs++;
    }
    return LB_OK;
}

static lb_status make_plan(const lb_comparison *c, lb_arena *arena, plan *p)
{
    static const lb_augment none = {0};
    lb_packed_info info;
    lb_packed_get_info(c->packed[0].packed, &info);
    LB_TRY(check_images(c, &info));
    const lb_image_shape shape = {info.channels, info.height, info.width};
    p->c = c;
    p->image_values = info.channels * info.height * info.width;
    p->largest = info.classes;
    LB_TRY(lb_augmenter_init(&p->augmenter, shape, &none, &c->normalization, 0));
    return plan_pairs(p, info.layers, arena);
}

/* ---- workers ---- */

static lb_status make_contexts(worker *w)
{
    static const lb_context_options keeps = {.threads = 1, .keep_maps = true};
    const lb_comparison *c = w->p->c;
    LB_TRY(lb_arena_alloc(&w->arena, c->n_packed, sizeof(lb_context *), "comparison",
                          (void **)&w->keeping));
    LB_TRY(lb_arena_alloc(&w->arena, c->n_packed, sizeof(lb_context *), "comparison",
                          (void **)&w->plain));
    for (size_t k = 0; k < c->n_packed; k++) {
        LB_TRY(lb_context_create(c->packed[k].packed, &keeps, &w->keeping[k]));
        LB_TRY(lb_context_create(c->packed[k].packed, NULL, &w->plain[k]));
    }
    return LB_OK;
}

static lb_status make_worker(const plan *p, worker *w)
{
    const lb_evaluator_options options = {
        .batch = GROUP, .threads = 1, .keep_maps = true, .isa = lb_cpu_isa()};
    const struct {
        size_t count, size;
        void **block;
    } blocks[] = {
        {GROUP * p->image_values, sizeof(float), (void **)&w->images},
        {p->wanted_floats, sizeof(float), (void **)&w->wanted},
        {GROUP * p->c->net->classes, sizeof(float), (void **)&w->logits},
        {p->largest, sizeof(float), (void **)&w->got},
        {lb_augmenter_workspace_bytes(&p->augmenter), 1, (void **)&w->workspace},
    };
    w->p = p;
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        LB_TRY(lb_arena_alloc(&w->arena, blocks[i].count, blocks[i].size, "comparison",
                              blocks[i].block));
    }
    LB_TRY(lb_evaluator_create(p->c->net, &options, &w->evaluator));
    lb_evaluator_freeze(w->evaluator);
    return make_contexts(w);
}

static void release_worker(worker *w)
{
    for (size_t k = 0; w->p != NULL && k < w->p->c->n_packed; k++) {
        if (w->keeping != NULL) lb_context_destroy(w->keeping[k]);
        if (w->plain != NULL) lb_context_destroy(w->plain[k]);
    }
    lb_evaluator_destroy(w->evaluator);
    lb_arena_release(&w->arena);
}

/* ---- comparing ---- */

static bool same_bits(float a, float b)
{
    uint32_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return x == y;
}

/* Is (image, pair, element, instruction set) before the first difference so far? */
static bool is_earlier(const worker *w, const size_t at[4])
{
    if (w->result.mismatches == 0) return true;
    const size_t first[4] = {w->first_image, w->first_pair, w->first_element, w->first_isa};
    for (size_t i = 0; i < 4; i++) {
        if (at[i] != first[i]) return at[i] < first[i];
    }
    return false;
}

static void keep_first(worker *w, const size_t at[4], const lb_packed_layer *layer, float wanted,
                       float got)
{
    if (!is_earlier(w, at)) return;
    lb_verify_difference *d = &w->result.first;
    const size_t pixels = layer->height * layer->width, pixel = at[2] % pixels;
    (void)snprintf(d->layer, sizeof d->layer, "%s", layer->name);
    (void)snprintf(d->isa, sizeof d->isa, "%s", w->p->c->packed[at[3]].isa);
    d->image = w->first_image = at[0];
    w->first_pair = at[1];
    w->first_element = at[2];
    w->first_isa = at[3];
    d->channel = at[2] / pixels;
    d->row = pixel / layer->width;
    d->column = pixel % layer->width;
    d->training = wanted;
    d->packed = got;
}

/* place: {image, pair, -, instruction set} */
static void compare_values(worker *w, const size_t place[4], const lb_packed_layer *layer,
                           bool is_coded, size_t n, const float *wanted)
{
    const float *got = w->got;
    w->result.compared += n;
    for (size_t i = 0; i < n; i++) {
        if (same_bits(wanted[i], got[i]) || (is_coded && wanted[i] == got[i])) continue;
        const size_t at[4] = {place[0], place[1], i, place[3]};
        keep_first(w, at, layer, wanted[i], got[i]);
        w->result.mismatches++;
    }
}

/* One image on one instruction set; k: which of the group. */
static lb_status compare_image(worker *w, size_t image, size_t k, size_t isa)
{
    const plan *p = w->p;
    const uint8_t *pixels = p->c->pixels + image * p->image_values;
    const float *logits = w->logits + k * p->c->net->classes;
    lb_context_run_pixels(w->keeping[isa], pixels, 1, w->got);
    for (size_t i = 0; i < p->n_pairs; i++) {
        const pair *one = &p->pairs[i];
        LB_TRY(lb_context_copy_map(w->keeping[isa], one->layer, w->got));
        compare_values(w, (const size_t[]){image, i, 0, isa}, &one->info, one->is_coded,
                       one->values, w->wanted + one->offset + k * one->values);
    }
    lb_packed_info info;
    lb_packed_layer last;
    lb_packed_get_info(p->c->packed[isa].packed, &info);
    lb_packed_get_layer(p->c->packed[isa].packed, info.layers - 1, &last);
    lb_context_run_pixels(w->plain[isa], pixels, 1, w->got);
    compare_values(w, (const size_t[]){image, p->n_pairs, 0, isa}, &last, false, info.classes,
                   logits);
    return LB_OK;
}

static lb_status compare_group(worker *w, size_t first, size_t n)
{
    const plan *p = w->p;
    for (size_t k = 0; k < n; k++) {
        lb_augmenter_run(&p->augmenter, 0, 0, p->c->pixels + (first + k) * p->image_values,
                         w->workspace, w->images + k * p->image_values);
    }
    lb_evaluator_run(w->evaluator, w->images, n, w->logits);
    for (size_t i = 0; i < p->n_pairs; i++) {
        const bool copied =
            lb_evaluator_copy_map(w->evaluator, p->pairs[i].node, w->wanted + p->pairs[i].offset);
        lb_assert(copied);
    }
    for (size_t isa = 0; isa < p->c->n_packed; isa++) {
        for (size_t k = 0; k < n; k++) LB_TRY(compare_image(w, first + k, k, isa));
    }
    return LB_OK;
}

/* ---- all of it ---- */

/* A group; false: stop. Progress is told by the calling thread. */
static bool run_group(worker *w, size_t group, size_t *done)
{
    const lb_comparison *c = w->p->c;
    const size_t first = group * GROUP, left = c->images - first, n = left < GROUP ? left : GROUP;
    size_t so_far;
    w->status = compare_group(w, first, n);
    if (w->status != LB_OK) {
        (void)snprintf(w->message, sizeof w->message, "%s", lb_error());
        return false;
    }
#pragma omp atomic capture
    {
        *done += n;
        so_far = *done;
    }
    return omp_get_thread_num() != 0 || c->progress == NULL ||
           c->progress(so_far, c->images, c->user);
}

/* Groups are given out in order. */
static lb_status compare_groups(const lb_comparison *c, worker *workers)
{
    const long groups = (long)((c->images + GROUP - 1) / GROUP);
    size_t done = 0;
    bool stop = c->progress != NULL && !c->progress(0, c->images, c->user);
#pragma omp parallel for schedule(dynamic, 1) num_threads(c->threads)
    for (long g = 0; g < groups; g++) {
        bool skip;
#pragma omp atomic read
        skip = stop;
        if (skip || run_group(&workers[omp_get_thread_num()], (size_t)g, &done)) continue;
#pragma omp atomic write
        stop = true;
    }
    for (int i = 0; i < c->threads; i++) {
        if (workers[i].status != LB_OK) return lb_fail(workers[i].status, "%s", workers[i].message);
    }
    return stop ? lb_fail(LB_E_INTERRUPTED, "verification stopped") : LB_OK;
}

static void merge(const plan *p, const worker *workers, size_t n, lb_verify_result *out)
{
    *out = (lb_verify_result){.images = p->c->images, .layers = p->n_pairs};
    worker merged = {.p = p};
    for (size_t i = 0; i < n; i++) {
        const worker *w = &workers[i];
        const size_t at[4] = {w->first_image, w->first_pair, w->first_element, w->first_isa};
        out->compared += w->result.compared;
        if (w->result.mismatches > 0 && is_earlier(&merged, at)) {
            merged = (worker){.p = p,
                              .first_image = at[0],
                              .first_pair = at[1],
                              .first_element = at[2],
                              .first_isa = at[3]};
            out->first = w->result.first;
        }
        merged.result.mismatches += w->result.mismatches;
        out->mismatches += w->result.mismatches;
    }
}

lb_status lb_compare(const lb_comparison *c, lb_verify_result *out)
{
    const size_t n_workers = (size_t)c->threads;
    plan p = {0};
    lb_arena arena = {0};
    worker *workers = NULL;
    lb_status status = make_plan(c, &arena, &p);
    if (status == LB_OK) {
        status =
            lb_arena_alloc(&arena, n_workers, sizeof *workers, "comparison", (void **)&workers);
    }
    /* one after the other: reading weights off the masters uses all threads itself */
    for (size_t i = 0; i < n_workers && status == LB_OK; i++) status = make_worker(&p, &workers[i]);
    if (status == LB_OK) status = compare_groups(c, workers);
    if (status == LB_OK) merge(&p, workers, n_workers, out);
    for (size_t i = 0; workers != NULL && i < n_workers; i++) release_worker(&workers[i]);
    lb_arena_release(&arena);
    return status;
}
