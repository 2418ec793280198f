/* The batch loader: shuffled, augmented, normalized batches, prepared ahead by worker threads.
 *
 * What a batch holds is a pure function of (seed, epoch, number of the batch), whatever the number of
 * workers, so training can start again at any batch of any epoch. */
#ifndef LB_DATA_LOADER_H
#define LB_DATA_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "data/augment.h"
#include "lowbit/data.h"

typedef struct lb_loader_options {
    size_t batch; /* images a batch, >= 1; the last one of an epoch may be smaller */
    /* Worker threads that prepare batches ahead. 0: lb_loader_next prepares the batch itself, in a
     * parallel loop over the threads that the caller's own parallel loops use: nothing competes with
     * them for the cores. */
    int workers;
    uint64_t seed;
    lb_augment augment;
    lb_normalization normalization;
    bool shuffle;            /* a new order each epoch; else the order of `indices` */
    bool drop_last;          /* leave out a last batch that is not full */
    const uint32_t *indices; /* the images to use (n_indices, copied), or NULL: all */
    size_t n_indices;
} lb_loader_options;

/* One batch: borrowed from the loader until the next call. */
typedef struct lb_batch {
    const float *images;     /* (n, channels, height, width) */
    const uint16_t *labels;  /* (n) */
    const uint32_t *indices; /* (n) which images of the data set these are */
    size_t n;
} lb_batch;

typedef struct lb_loader lb_loader;

enum { LB_LOADER_MAX_WORKERS = 64 };

/**
 * Make a loader, at the start of epoch 0.
 *
 * Ownership: *out is yours, lb_loader_destroy; the data set is borrowed and must outlive it.
 * Errors:    LB_E_ARG    batch 0, workers outside [0, LB_LOADER_MAX_WORKERS], an index outside the data
 *                        set, no images, no whole batch with drop_last, or bad augmentation.
 *            LB_E_NOMEM  out of memory, or no thread to be had.
 * Threads:   one loader belongs to one thread.
 */
LB_MUST_CHECK lb_status lb_loader_create(const lb_dataset *dataset,
                                         const lb_loader_options *options, lb_loader **out);
/** Stop the workers and free everything, at any moment; NULL is fine. */
void lb_loader_destroy(lb_loader *loader);

/**
 * Go to batch `first_batch` of `epoch`, from wherever the loader is.
 *
 * Errors: LB_E_ARG first_batch is above lb_loader_batches (equal is the end of the epoch).
 */
LB_MUST_CHECK lb_status lb_loader_start(lb_loader *loader, uint64_t epoch, size_t first_batch);

/**
 * The next batch, *out = NULL at the end of the epoch. An image of a stream that cannot be read is replaced by the
 * next one of the epoch's order (shuffle), or left out (else): its batch is smaller.
 *
 * Errors: of streams: LB_E_FORMAT or LB_E_IO 64 images in a row cannot be read; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_loader_next(lb_loader *loader, const lb_batch **out);

/** Batches in an epoch. */
size_t lb_loader_batches(const lb_loader *loader);
/** Images in an epoch. */
size_t lb_loader_images(const lb_loader *loader);

#endif
