/* The quantization methods lowbit knows, their quantizers and the knobs of these. */
#ifndef LOWBIT_METHODS_H
#define LOWBIT_METHODS_H

#include <stdbool.h>
#include <stddef.h>

#include "lowbit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A knob of a quantizer, set as NAME=VALUE. */
typedef struct lb_option_info {
    const char *name, *help;
    float standard, min, max;
} lb_option_info;

enum { LB_OPTION_INFOS_MAX = 8 };

/* A weight or an activation quantizer. Any weight quantizer goes with any activation quantizer. */
typedef struct lb_quantizer_info {
    const char *name;
    const char *summary; /* one line */
    const char *source;  /* authors, venue, equations */
    int bits_min, bits_max;
    bool ternary;       /* weights: codes -1, 0, +1 */
    const char *scales; /* weights: "layer", "filter" or "layer, filter", the standard one first */
    lb_option_info options[LB_OPTION_INFOS_MAX];
    size_t n_options;
} lb_quantizer_info;

/* A published method: quantizers, and where they stand. */
typedef struct lb_method_info {
    const char *name;
    const char *summary;
    const char *source;
    const char *papers;      /* where in the papers that lowbit reproduces */
    const char *weights;     /* its weight quantizer; NULL: float weights */
    const char *activations; /* its activation quantizer below 32 bits; NULL: float activations */
    int w_bits_min, w_bits_max; /* 32, 32: float only */
    int a_bits_min, a_bits_max; /* where float (32) is possible too, a_float says so */
    bool w_float, a_float;
    const char *ends;        /* first and last layer: "quantized" or "float" */
    const char *resnet_ends; /* the same in ResNets */
    const char *block_order; /* "conv-bn-act" or "bn-act-conv" */
} lb_method_info;

/**
 * The method at `index` of the list.
 *
 * Ownership: texts are borrowed and live as long as the program.
 * Errors:    false past the last one; *out is untouched then.
 */
bool lb_method_info_at(size_t index, lb_method_info *out);

/** The weight quantizer at `index`, as lb_method_info_at. */
bool lb_weight_quantizer_info_at(size_t index, lb_quantizer_info *out);

/** The activation quantizer at `index`, as lb_method_info_at. */
bool lb_act_quantizer_info_at(size_t index, lb_quantizer_info *out);

/**
 * All that has that name: a method, a weight quantizer, an activation quantizer.
 *
 * Computes:  three descriptions; one without a thing of that name gets a NULL name.
 * Ownership: texts are borrowed and live as long as the program.
 * Errors:    LB_E_ARG nothing has that name, with a suggestion.
 */
lb_status lb_method_info_find(const char *name, lb_method_info *method, lb_quantizer_info *weights,
                              lb_quantizer_info *activations);

#ifdef __cplusplus
}
#endif
#endif
