/* Running packed networks: all that a program embedding a deployed network needs (liblowbit-rt). */
#ifndef LOWBIT_RUNTIME_H
#define LOWBIT_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lowbit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A packed network, its weights laid out for this machine's instruction set. Read-only after opening: any
 * number of contexts and threads may share it. */
typedef struct lb_packed lb_packed;
/* Memory to run a packed network in, with threads of its own. One call at a time may use it. */
typedef struct lb_context lb_context;

typedef struct lb_packed_options {
    const char *isa; /* "scalar", "avx2", "avx512", "neon"; NULL: the best here */
} lb_packed_options;

typedef struct lb_context_options {
    int threads;    /* 0 or 1: the caller's alone */
    bool keep_maps; /* every layer's map can be read after a run of one image (verification) */
} lb_context_options;

typedef struct lb_packed_info {
    const char *title; /* "resnet20, dorefa W1A2". Borrowed from the packed network, as all */
    size_t channels, height, width; /* of an image */
    size_t classes;
    bool raw_pixels;                /* images are (p - 128) / 128, exactly */
    const float *mean, *std;        /* else (p / 255 - mean[c]) / std[c]; channels of them */
    const char *const *class_names; /* [classes]; NULL: "0", "1", ... */
    const char *data;               /* the data set it was trained on: "mnist"; "" unknown */
    const char *loss; /* "cross-entropy" or "squared-hinge": what evaluation reports */
    size_t layers;
    size_t weight_bytes;  /* laid out for this machine, thresholds and scales included */
    size_t context_bytes; /* of a context with one thread */
    size_t file_bytes;
} lb_packed_info;

/**
 * Open a packed network and lay its weights out for this machine.
 *
 * Requires:  the file is not written to until lb_packed_close, as it stays mapped; another may take its name.
 * Ownership: *out is yours, lb_packed_close; options may be NULL.
 * Errors:    LB_E_IO; LB_E_FORMAT not a packed network, damaged, or of a newer version: names the field;
 *            LB_E_UNSUPPORTED an instruction set this machine has not; LB_E_NOMEM.
 */
lb_status lb_packed_open(const char *path, const lb_packed_options *options, lb_packed **out);
/**
 * Open a packed network that is in memory: linked into the program, or sent to it.
 *
 * Requires:  the bytes stay where and as they are until lb_packed_close: scales and thresholds are used there. They
 *            may lie at any address; at a multiple of 8 none of them is copied.
 * Ownership: borrows the bytes and never writes them; else as lb_packed_open.
 * Errors:    as lb_packed_open, LB_E_IO left out; messages begin with "memory".
 */
lb_status lb_packed_open_memory(const void *data, size_t bytes, const lb_packed_options *options,
                                lb_packed **out);
/** Close; no context may be left. NULL is fine. */
void lb_packed_close(lb_packed *packed);
/** What the network takes, gives and needs. */
void lb_packed_get_info(const lb_packed *packed, lb_packed_info *out);

/**
 * Make a context: all memory that running will need, and its threads.
 *
 * Ownership: *out is yours, lb_context_destroy; borrows the network; options may be NULL.
 * Errors:    LB_E_ARG threads below 0 or above 1024; LB_E_NOMEM; LB_E_IO threads cannot be started.
 */
lb_status lb_context_create(const lb_packed *packed, const lb_context_options *options,
                            lb_context **out);
/** End a context. NULL is fine. */
void lb_context_destroy(lb_context *context);

/**
 * Logits of n images.
 *
 * Computes:  what evaluation in training computes, bit for bit, on every instruction set and with any
 *            number of threads. One image is shared by the threads; of several each thread takes some.
 * Shapes:    images (n, channels, height, width) float32, normalized as the info says; logits (n, classes).
 * Aliasing:  nothing may overlap.
 * Threads:   one call at a time a context.
 */
void lb_context_run(lb_context *context, const float *images, size_t n, float *logits);
/** The same from pixels (n, channels, height, width), normalized here as in training. */
void lb_context_run_pixels(lb_context *context, const uint8_t *pixels, size_t n, float *logits);

/**
 * The classes of the n largest logits, the largest first; of equal ones the lower class. A NaN stands last.
 *
 * Computes:  probability[i] = exp(logit) / sum over all classes of exp(logit) (softmax).
 * Shapes:    logits (classes), index (n), probability (n) or NULL; n <= classes.
 */
void lb_top_classes(const float *logits, size_t classes, size_t n, size_t *index,
                    double *probability);

/**
 * Values of a layer's map after a run of one image in a context that keeps maps.
 *
 * Shapes:  values (channels, height, width): code * scale, or the floats.
 * Errors:  LB_E_ARG the context keeps no maps, or there is no such layer; LB_E_NOMEM.
 */
lb_status lb_context_copy_map(const lb_context *context, size_t layer, float *values);

/* One layer of a packed network, and how this machine runs it. */
typedef struct lb_packed_layer {
    const char *name;               /* of the training graph. Borrowed from the packed network */
    const char *equals;             /* the training node whose map it gives; "" none */
    const char *op;                 /* "conv", "max-pool", ... */
    size_t channels, height, width; /* of its map */
    double weight_bits;  /* as stored: 32 float, 0 no weights; the mean where filters differ */
    int act_bits;        /* of its first input; 32: float; 0: the layer is the input */
    int out_bits;        /* of its map */
    size_t weights;      /* number of them */
    size_t macs;         /* for one image */
    const char *kernel;  /* "popcount avx2"; "" where there is no convolution */
    const char *post;    /* "thresholds", "fixed-point", "steps"; "" none */
    size_t thresholds;   /* number of them */
    size_t stored_bytes; /* of the layer in the file */
} lb_packed_layer;

/** Layer `index` below info.layers. */
void lb_packed_get_layer(const lb_packed *packed, size_t index, lb_packed_layer *out);

#ifdef __cplusplus
}
#endif
#endif
