/* What a network consists of and costs: layers, parameters, operations, bits, bytes. */
#ifndef LOWBIT_INSPECT_H
#define LOWBIT_INSPECT_H

#include <stdbool.h>
#include <stddef.h>

#include "lowbit/runtime.h"
#include "lowbit/status.h"
#include "lowbit/train.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { LB_LAYER_NAME_BYTES = 64 };

/* One node of the network. Weights, bits and compressions are 0 where a node has no weights. */
typedef struct lb_layer_info {
    char name[LB_LAYER_NAME_BYTES];
    const char *op;                 /* "conv", "linear", "batch-norm", "quantize", ...           */
    size_t channels, height, width; /* of its output for one image                               */
    size_t weights;                 /* of convolutions and linear layers                         */
    size_t parameters;              /* trained: weights, biases, gains, learned scales           */
    size_t macs;                    /* multiply-accumulates for one image, padding included      */
    double weight_bits;             /* as stored: 32 for float and stochastic ones; ternary 2;   */
                                    /* where filters differ their mean                           */
    int act_bits;                   /* of a layer's input, a quantizer's output; 32: float       */
    const char *weight_quantizer;   /* "float" where there is none                               */
    size_t scales;                  /* float32 scales stored with the weight codes               */
    double stored_bytes;            /* weights at weight_bits; biases, batch-norm with its       */
                                    /* running statistics, and scales as float32                 */
    double float_bytes;             /* the same without quantization                             */
    double compression_codebook;    /* n b / (n log2 k + k b): the k values of a layer stored    */
    double compression_one_scale;   /* n b / (n log2 k + b): one value stored                    */
    double bit_operations;          /* N (B_w B_a + B_w + B_a + log2 M): lb_inspect_packed       */
} lb_layer_info;

typedef struct lb_inspection {
    lb_layer_info *layers; /* in the order of computation, the input first */
    size_t n_layers;
    size_t weights, biases, batch_norm, learned; /* trained parameters by kind               */
    size_t parameters;                           /* weights + biases: the papers' count      */
    size_t macs;
    double stored_bytes, float_bytes; /* sums over the layers                                */
    double compression;               /* float_bytes / stored_bytes                          */
    double compression_codebook;      /* over all weights                                    */
    double compression_one_scale;     /* over all weights                                    */
    double uniform_bytes;             /* all parameters at the smallest weight_bits, nothing */
                                      /* else: the sizes of Kutukcu's tables                 */
    double bit_operations;            /* C_C: one image, float counted as 32 bits            */
    double weight_bits, act_bits;     /* B_w,eff and B_a,eff: as in lb_packed_inspection     */
} lb_inspection;

/**
 * What a trained run's network consists of.
 *
 * Computes:  compressions with b = 32 and k = 2^weight_bits, the clusters rounded up to a power of
 *            two (ternary: 4); over the whole network sum(n b) / sum(n log2 k + k b), float layers
 *            n b on both sides.
 * Units:     bytes may have fractions: codes are counted in bits.
 * Ownership: *out is yours, lb_inspection_destroy.
 * Errors:    LB_E_IO, LB_E_FORMAT no run, or a damaged one; LB_E_NOMEM.
 * Source:    Kutukcu 2.1.2.1, Eq. 2-17 (Han et al., Deep Compression); the one-value kind is what
 *            its tables 5.1, 5.3, 5.5 print for binary filters. Bit operations and effective bits:
 *            lb_inspect_packed.
 */
lb_status lb_inspect_run(const char *run, lb_inspection **out);

/**
 * The same for settings ("model", "method", "wbits", ...), nothing trained; images of
 * channels x height x width (0: as the model takes them, 1x28x28 where it takes any), told apart
 * into `classes` (0: as many as the model was published for).
 *
 * Ownership: as lb_inspect_run; borrows the settings.
 * Errors:    LB_E_ARG, LB_E_SHAPE the settings make no network; LB_E_NOMEM.
 */
lb_status lb_inspect_settings(const lb_settings *settings, size_t channels, size_t height,
                              size_t width, size_t classes, lb_inspection **out);

/** Free an inspection; NULL is fine. */
void lb_inspection_destroy(lb_inspection *inspection);

/* ---- packed networks ------------------------------------------------------------------------- */

/* A packed network. Layers are as the runtime runs them here. */
typedef struct lb_packed_inspection {
    lb_packed_info info;
    lb_packed_layer *layers;      /* [info.layers], in the order of computation, the input first */
    double *layer_bit_operations; /* [info.layers] */
    size_t weights, macs, thresholds; /* sums over the layers                                  */
    double bit_operations;            /* C_C: one image, float counted as 32 bits              */
    double weight_bits, act_bits;     /* B_w,eff and B_a,eff: means over weights, and over the */
                                      /* values of the maps that enter layers with weights     */
    size_t memory_bytes;              /* to run with one thread: weights as laid out here, and */
                                      /* a context                                             */
    lb_packed *packed;                /* what the texts above are borrowed from                */
} lb_packed_inspection;

/**
 * What a packed network consists of and costs.
 *
 * Computes:  bit operations of a layer with N multiply-accumulates of M inputs a filter:
 *            N (B_w B_a + B_w + B_a + log2 M).
 * Ownership: *out is yours, lb_packed_inspection_destroy.
 * Errors:    those of lb_packed_open.
 * Source:    Equations 6 and 7 of IMPQ (iterative mixed-precision quantization).
 */
lb_status lb_inspect_packed(const char *path, lb_packed_inspection **out);

/** Free an inspection; NULL is fine. */
void lb_packed_inspection_destroy(lb_packed_inspection *inspection);

#ifdef __cplusplus
}
#endif
#endif
