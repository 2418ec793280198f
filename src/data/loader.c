/* The batch loader.
 *
 * Batches live in a ring of slots. Batch b uses slot b % n_slots; it may be filled once the consumer has
 * given back batch b - n_slots. Workers take batch numbers in order under the lock, fill without it, and
 * mark the slot ready; the consumer waits for the slot of the batch that it wants. Without workers there
 * is one slot, filled by the caller.
 *
 * Images of a stream are decoded here. One that cannot be read is replaced by the next one of the epoch's
 * order where the loader shuffles, so that training has whole batches, and left out where it does not,
 * so that evaluation counts no image twice. */
#include "data/loader.h"

#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "data/dataset.h"

enum {
    MIN_SLOTS = 3, /* one in the consumer's hands, one ready, one being filled */
    SPARE_SLOTS = 2,
    MAX_REPLACED =
        64, /* images in a row that cannot be read: then the data set is not there any more */
    MESSAGE_BYTES = 1024
};

typedef struct slot {
    lb_batch batch; /* points into the three blocks below */
    float *images;
    uint16_t *labels;
    uint32_t *indices;
    bool *is_missing; /* of streams: the image could not be read */
    bool ready;       /* filled, and not yet given back by the consumer */
    lb_status status; /* a failure of a thread that filled it, and its message */
    char message[MESSAGE_BYTES];
} slot;

/* What a thread needs to fill. */
typedef struct filler {
    uint8_t *workspace;
    uint8_t *pixels; /* of streams: one image */
    lb_view_work work;
} filler;

struct lb_loader {
    const lb_dataset *dataset;
    lb_augmenter augmenter;
    size_t batch_size, n_batches, n_images, image_values;
    bool shuffle;
    uint64_t seed, epoch;
    lb_arena arena;
    uint32_t *indices; /* (n_images) the chosen images */
    uint32_t *order;   /* (n_images) in this epoch's order */
    slot *slots;
    size_t n_slots;
    filler *fillers; /* one for each thread that fills */
    size_t n_fillers;

    size_t wanted;  /* number of the batch that lb_loader_next gives out next; the consumer's own */
    bool has_batch; /* the consumer holds batch wanted - 1 */

    /* Shared with the workers, under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t work, done; /* a worker may have something to do; a worker has done something */
    size_t next_to_fill;       /* batch that the next free worker takes */
    size_t given_back;         /* batches before this one are no longer needed */
    size_t n_busy;             /* workers that fill a slot now */
    bool stop;

    pthread_t threads[LB_LOADER_MAX_WORKERS];
    size_t n_threads, n_started;
    bool has_lock;
};

typedef struct worker {
    lb_loader *loader;
    filler *filler;
} worker;

static bool is_unreadable(lb_status status)
{
    return status == LB_E_FORMAT || status == LB_E_IO;
}

static lb_crop_draw crop_of(const lb_loader *l, uint32_t index)
{
    return (lb_crop_draw){l->augmenter.augment.crop,
                          lb_random_at(l->seed, LB_RANDOM_CROP, l->epoch, index)};
}

/* Read the image at a place of the order, or the one that replaces it. */
static lb_status read_stream(const lb_loader *l, slot *s, size_t at, size_t place, filler *f,
                             uint32_t *index)
{
    lb_status status = LB_OK;
    for (size_t tried = 0; tried < MAX_REPLACED && tried < l->n_images; tried++) {
        *index = l->order[(place + tried) % l->n_images];
        status =
            lb_stream_read(l->dataset->stream, *index, crop_of(l, *index), &f->work, f->pixels);
        s->is_missing[at] = is_unreadable(status);
        if (!is_unreadable(status)) return status;
        if (!l->shuffle) return LB_OK;
    }
    return lb_fail_in(status, "no image can be read any more");
}

static lb_status fill_image(const lb_loader *l, slot *s, size_t at, size_t place, filler *f)
{
    uint32_t index = l->order[place];
    const uint8_t *pixels = f->pixels;
    if (l->dataset->stream != NULL) {
        LB_TRY(read_stream(l, s, at, place, f, &index));
    } else {
        pixels = lb_dataset_image(l->dataset, index);
    }
    s->indices[at] = index;
    s->labels[at] = lb_dataset_label(l->dataset, index);
    if (l->dataset->stream != NULL && s->is_missing[at]) return LB_OK;
    lb_augmenter_run(&l->augmenter, l->epoch, index, pixels, f->workspace,
                     s->images + at * l->image_values);
    return LB_OK;
}

/* Keep a failure with the slot: messages belong to the thread that failed. */
static void keep_failure(slot *s, lb_status status)
{
#pragma omp critical(lb_loader_failure)
    {
        s->status = status;
        (void)snprintf(s->message, sizeof s->message, "%s", lb_error());
    }
}

/* Close the gaps that missing images left. */
static void close_gaps(const lb_loader *l, slot *s)
{
    if (l->dataset->stream == NULL) return;
    size_t kept = 0;
    for (size_t i = 0; i < s->batch.n; i++) {
        if (s->is_missing[i]) continue;
        if (kept < i) {
            s->indices[kept] = s->indices[i];
            s->labels[kept] = s->labels[i];
            memcpy(s->images + kept * l->image_values, s->images + i * l->image_values,
                   l->image_values * sizeof(float));
        }
        kept++;
    }
    s->batch.n = kept;
}

static size_t batch_images(const lb_loader *l, size_t batch)
{
    const size_t left = l->n_images - batch * l->batch_size;
    return left < l->batch_size ? left : l->batch_size;
}

static void fill_slot(const lb_loader *l, slot *s, size_t batch, filler *f)
{
    const size_t first = batch * l->batch_size;
    s->batch.n = batch_images(l, batch);
    s->status = LB_OK;
    for (size_t i = 0; i < s->batch.n && s->status == LB_OK; i++) {
        const lb_status status = fill_image(l, s, i, first + i, f);
        if (status != LB_OK) keep_failure(s, status);
    }
    close_gaps(l, s);
}

/* The caller's own way to fill: a loop over the threads of OpenMP. Decoding takes as long as an image is large,
 * so a stream's images are dealt out one by one. */
static void fill_slot_parallel(const lb_loader *l, slot *s, size_t batch)
{
    const size_t first = batch * l->batch_size, n = batch_images(l, batch);
    const size_t each = l->dataset->stream != NULL ? 1 : (n + l->n_fillers - 1) / l->n_fillers;
    s->batch.n = n;
    s->status = LB_OK;
#pragma omp parallel for schedule(dynamic, (int)each) num_threads((int)l->n_fillers)
    for (size_t i = 0; i < n; i++) {
        const lb_status status = fill_image(l, s, i, first + i, &l->fillers[omp_get_thread_num()]);
        if (status != LB_OK) keep_failure(s, status);
    }
    close_gaps(l, s);
}

static bool may_fill(const lb_loader *l)
{
    return l->next_to_fill < l->n_batches && l->next_to_fill < l->given_back + l->n_slots;
}

static void *run_worker(void *argument)
{
    const worker *self = argument;
    lb_loader *l = self->loader;
    pthread_mutex_lock(&l->lock);
    while (!l->stop) {
        if (!may_fill(l)) {
            pthread_cond_wait(&l->work, &l->lock);
            continue;
        }
        const size_t batch = l->next_to_fill++;
        slot *s = &l->slots[batch % l->n_slots];
        l->n_busy++;
        pthread_mutex_unlock(&l->lock);
        fill_slot(l, s, batch, self->filler);
        pthread_mutex_lock(&l->lock);
        s->ready = true;
        l->n_busy--;
        pthread_cond_signal(&l->done); /* only the consumer waits for it */
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static lb_status check_options(const lb_dataset *dataset, const lb_loader_options *o)
{
    if (o->batch == 0) return lb_fail(LB_E_ARG, "batch size 0; wanted 1 or more");
    if (o->workers < 0 || o->workers > LB_LOADER_MAX_WORKERS) {
        return lb_fail(LB_E_ARG, "%d loader threads; wanted 0 to %d", o->workers,
                       LB_LOADER_MAX_WORKERS);
    }
    if (dataset->stream == NULL && o->augment.crop != LB_CROP_CENTRE) {
        return lb_fail(LB_E_ARG,
                       "augmentation '%s' is for imagenet and imagenet-square, whose images have "
                       "many sizes; here it is crop=PADDING",
                       o->augment.crop == LB_CROP_RANDOM ? "random-crop" : "resized-crop");
    }
    const size_t n = o->indices != NULL ? o->n_indices : dataset->count;
    if (n == 0) return lb_fail(LB_E_ARG, "no images to load");
    if (o->drop_last && n < o->batch) {
        return lb_fail(LB_E_ARG, "%zu images do not fill one batch of %zu", n, o->batch);
    }
    for (size_t i = 0; o->indices != NULL && i < n; i++) {
        if (o->indices[i] >= dataset->count) {
            return lb_fail(LB_E_ARG, "image %lu is not one of the %zu of the data set",
                           (unsigned long)o->indices[i], dataset->count);
        }
    }
    return LB_OK;
}

static lb_status make_slot(lb_loader *l, slot *s, size_t batch)
{
    void *images = NULL, *labels = NULL, *indices = NULL, *missing = NULL;
    size_t values = 0;
    if (!lb_size_mul(batch, l->image_values, &values)) {
        return lb_fail(LB_E_NOMEM, "a batch of %zu images", batch);
    }
    LB_TRY(lb_arena_alloc(&l->arena, values, sizeof(float), "batch of images", &images));
    LB_TRY(lb_arena_alloc(&l->arena, batch, sizeof(uint16_t), "batch of labels", &labels));
    LB_TRY(lb_arena_alloc(&l->arena, batch, sizeof(uint32_t), "batch of indices", &indices));
    LB_TRY(lb_arena_alloc(&l->arena, batch, sizeof(bool), "batch of images", &missing));
    s->is_missing = missing;
    s->images = images;
    s->labels = labels;
    s->indices = indices;
    s->batch = (lb_batch){.images = images, .labels = labels, .indices = indices};
    return LB_OK;
}

static lb_status make_indices(lb_loader *l, const lb_loader_options *o)
{
    void *indices = NULL, *order = NULL;
    LB_TRY(lb_arena_alloc(&l->arena, l->n_images, sizeof(uint32_t), "indices", &indices));
    LB_TRY(lb_arena_alloc(&l->arena, l->n_images, sizeof(uint32_t), "order", &order));
    l->indices = indices;
    l->order = order;
    for (size_t i = 0; i < l->n_images; i++) {
        l->indices[i] = o->indices != NULL ? o->indices[i] : (uint32_t)i;
    }
    return LB_OK;
}

static lb_status make_filler(lb_loader *l, filler *f)
{
    void *workspace = NULL, *pixels = NULL;
    LB_TRY(lb_arena_alloc(&l->arena, 1, lb_augmenter_workspace_bytes(&l->augmenter), "work space",
                          &workspace));
    f->workspace = workspace;
    if (l->dataset->stream == NULL) return LB_OK;
    LB_TRY(lb_arena_alloc(&l->arena, 1, l->image_values, "image", &pixels));
    f->pixels = pixels;
    return LB_OK;
}

static lb_status make_buffers(lb_loader *l, const lb_loader_options *o)
{
    void *slots = NULL, *fillers = NULL;
    LB_TRY(make_indices(l, o));
    LB_TRY(lb_arena_alloc(&l->arena, l->n_slots, sizeof(slot), "batches", &slots));
    l->slots = slots;
    const size_t batch = l->batch_size < l->n_images ? l->batch_size : l->n_images;
    for (size_t i = 0; i < l->n_slots; i++) LB_TRY(make_slot(l, &l->slots[i], batch));
    LB_TRY(lb_arena_alloc(&l->arena, l->n_fillers, sizeof(filler), "work space", &fillers));
    l->fillers = fillers;
    for (size_t i = 0; i < l->n_fillers; i++) LB_TRY(make_filler(l, &l->fillers[i]));
    return LB_OK;
}

static lb_status start_threads(lb_loader *l)
{
    void *block = NULL;
    if (pthread_mutex_init(&l->lock, NULL) != 0 || pthread_cond_init(&l->work, NULL) != 0 ||
        pthread_cond_init(&l->done, NULL) != 0) {
        return lb_fail(LB_E_NOMEM, "cannot make a lock for the loader");
    }
    l->has_lock = true;
    LB_TRY(lb_arena_alloc(&l->arena, l->n_threads, sizeof(worker), "loader threads", &block));
    worker *workers = block;
    for (; l->n_started < l->n_threads; l->n_started++) {
        worker *w = &workers[l->n_started];
        *w = (worker){l, &l->fillers[l->n_started]};
        if (pthread_create(&l->threads[l->n_started], NULL, run_worker, w) != 0) {
            return lb_fail(LB_E_NOMEM, "cannot start loader thread %zu of %zu; use fewer",
                           l->n_started + 1, l->n_threads);
        }
    }
    return LB_OK;
}

static lb_status set_up(lb_loader *l, const lb_dataset *dataset, const lb_loader_options *o)
{
    l->dataset = dataset;
    l->batch_size = o->batch;
    l->n_images = o->indices != NULL ? o->n_indices : dataset->count;
    l->n_batches = l->n_images / o->batch + (!o->drop_last && l->n_images % o->batch != 0 ? 1 : 0);
    l->image_values = dataset->channels * dataset->height * dataset->width;
    l->shuffle = o->shuffle;
    l->seed = o->seed;
    l->n_threads = (size_t)o->workers;
    l->n_fillers = o->workers > 0 ? l->n_threads : (size_t)omp_get_max_threads();
    l->n_slots = o->workers == 0 ? 1 : l->n_threads + SPARE_SLOTS;
    if (o->workers > 0 && l->n_slots < MIN_SLOTS) l->n_slots = MIN_SLOTS;
    l->next_to_fill = l->n_batches; /* the workers sleep till lb_loader_start */
    LB_TRY(lb_augmenter_init(&l->augmenter, lb_dataset_shape(dataset), &o->augment,
                             &o->normalization, o->seed));
    LB_TRY(make_buffers(l, o));
    LB_TRY(start_threads(l));
    return lb_loader_start(l, 0, 0);
}

lb_status lb_loader_create(const lb_dataset *dataset, const lb_loader_options *options,
                           lb_loader **out)
{
    LB_TRY(check_options(dataset, options));
    void *block = NULL;
    LB_TRY(lb_alloc(1, sizeof(lb_loader), "loader", &block));
    lb_loader *loader = block;
    const lb_status status = set_up(loader, dataset, options);
    if (status == LB_OK) {
        *out = loader;
    } else {
        lb_loader_destroy(loader);
    }
    return status;
}

void lb_loader_destroy(lb_loader *l)
{
    if (l == NULL) return;
    if (l->has_lock) {
        pthread_mutex_lock(&l->lock);
        l->stop = true;
        pthread_cond_broadcast(&l->work);
        pthread_mutex_unlock(&l->lock);
        for (size_t i = 0; i < l->n_started; i++) pthread_join(l->threads[i], NULL);
        pthread_cond_destroy(&l->done);
        pthread_cond_destroy(&l->work);
        pthread_mutex_destroy(&l->lock);
    }
    for (size_t i = 0; l->fillers != NULL && i < l->n_fillers; i++) {
        lb_view_work_release(&l->fillers[i].work);
    }
    lb_arena_release(&l->arena);
    lb_free(l);
}

/* This epoch's order: Fisher-Yates (Knuth 3.4.2, algorithm P) from the same start each time, so that
 * the order of an epoch does not depend on the epochs before it. */
static void make_order(lb_loader *l)
{
    memcpy(l->order, l->indices, l->n_images * sizeof *l->order);
    if (!l->shuffle) return;
    lb_random random = lb_random_at(l->seed, LB_RANDOM_SHUFFLE, l->epoch, 0);
    for (size_t i = l->n_images - 1; i > 0; i--) {
        const size_t j = (size_t)lb_random_below(&random, i + 1);
        const uint32_t kept = l->order[i];
        l->order[i] = l->order[j];
        l->order[j] = kept;
    }
}

lb_status lb_loader_start(lb_loader *l, uint64_t epoch, size_t first_batch)
{
    if (first_batch > l->n_batches) {
        return lb_fail(LB_E_ARG, "batch %zu of an epoch of %zu", first_batch, l->n_batches);
    }
    pthread_mutex_lock(&l->lock);
    l->next_to_fill = l->n_batches; /* no new work; let what is under way finish */
    while (l->n_busy > 0) pthread_cond_wait(&l->done, &l->lock);
    for (size_t i = 0; i < l->n_slots; i++) l->slots[i].ready = false;
    l->epoch = epoch;
    l->wanted = first_batch;
    l->has_batch = false;
    make_order(l);
    l->given_back = first_batch;
    l->next_to_fill = first_batch;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    return LB_OK;
}

static lb_status next_batch(lb_loader *l, const lb_batch **out)
{
    slot *s = &l->slots[l->wanted % l->n_slots];
    const bool at_end = l->wanted == l->n_batches;
    if (l->n_threads == 0) {
        if (!at_end) fill_slot_parallel(l, s, l->wanted);
    } else {
        pthread_mutex_lock(&l->lock);
        if (l->has_batch) {
            l->slots[(l->wanted - 1) % l->n_slots].ready = false;
            l->given_back = l->wanted;
            pthread_cond_signal(&l->work);
        }
        while (!at_end && !s->ready) pthread_cond_wait(&l->done, &l->lock);
        pthread_mutex_unlock(&l->lock);
    }
    l->has_batch = !at_end;
    l->wanted += at_end ? 0 : 1;
    if (!at_end && s->status != LB_OK) return lb_fail(s->status, "%s", s->message);
    *out = at_end ? NULL : &s->batch;
    return LB_OK;
}

lb_status lb_loader_next(lb_loader *l, const lb_batch **out)
{
    const lb_batch *batch = NULL;
    do { /* past batches of which no image could be read */
        LB_TRY(next_batch(l, &batch));
    } while (batch != NULL && batch->n == 0);
    *out = batch;
    return LB_OK;
}

size_t lb_loader_batches(const lb_loader *l)
{
    return l->n_batches;
}

size_t lb_loader_images(const lb_loader *l)
{
    return l->n_images < l->n_batches * l->batch_size ? l->n_images : l->n_batches * l->batch_size;
}
