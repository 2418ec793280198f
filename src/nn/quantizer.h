/* What a quantizer is. A weight quantizer and an activation quantizer are small descriptions: the
 * engine owns the loops over layers, groups and images and calls these functions; a file in
 * src/quant/weights or src/quant/acts holds the mathematics and nothing else.
 *
 * Every quantized number is `code * scale`, code a small integer (int16: DoReFa's 8-bit weights are
 * the odd integers -255..255). sign(0) = +1; rounding is to nearest, ties to even, unless a method
 * says floor(x + 1/2); it is x / scale, never x * (1 / scale). */
#ifndef LB_NN_QUANTIZER_H
#define LB_NN_QUANTIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "intnet/act_map.h"

enum { LB_FLOAT_BITS = 32, LB_MAX_QUANTIZER_OPTIONS = 8, LB_MAX_LEARNED = 2 };

/* Which weights share statistics and scale. */
typedef enum lb_granularity { LB_PER_LAYER, LB_PER_FILTER } lb_granularity;

/* A knob of a quantizer beyond bits and granularity: `--option NAME=VALUE`, sweep axis, docs. */
typedef struct lb_option {
    const char *name, *help;
    float standard, min, max;
    bool whole; /* takes whole numbers only */
} lb_option;

/* ---- weights ---- */

/* How one layer's weights are quantized. */
typedef struct lb_weight_setting {
    int bits; /* 1..8; ternary counts as 2 */
    lb_granularity granularity;
    float options[LB_MAX_QUANTIZER_OPTIONS]; /* in the order of the quantizer's table */
    bool fully_connected;                    /* a linear layer: said by the net that is built */
} lb_weight_setting;

/* One group of weights (a whole layer, or one filter), contiguous, row-major [O][I][KH][KW]. */
typedef struct lb_weight_group {
    size_t n;        /* weights in the group */
    size_t filters;  /* filters in the group: 1 per filter, O per layer */
    size_t channels; /* input channels a filter sees (I / groups) */
    size_t taps;     /* KH * KW; n = filters * channels * taps */
} lb_weight_group;

/* What a group's map needs: the scale of codes > 0 and of codes < 0 (equal but for TTQ), and
 * whatever else the quantizer wants to keep from statistics to encode and backward. */
typedef struct lb_weight_statistics {
    float scale, scale_negative;
    float keep[4];
} lb_weight_statistics;

typedef struct lb_weight_quantizer {
    const char *name;    /* "dorefa": as written on the command line and in wq_dorefa.c */
    const char *summary; /* one line for `lowbit methods` */
    const char *source;  /* authors, venue, equations implemented */
    int bits_min, bits_max;
    bool ternary;               /* codes -1, 0, +1 whatever `bits` says (bits = 2) */
    bool odd_grid;              /* codes are odd integers 2j - (2^k - 1): no zero */
    bool asymmetric;            /* scale_negative differs: two integer sums at evaluation (TTQ) */
    bool stochastic;            /* encode draws random numbers; evaluation uses the float masters */
    unsigned granularities;     /* bit set: 1 << LB_PER_LAYER | 1 << LB_PER_FILTER */
    lb_granularity granularity; /* the standard one */
    int n_learned;              /* learned scales a group: 0, 1 or 2 */
    float clip;                 /* masters are clipped to +-clip after each update; 0: never */
    bool wide_init;             /* masters start uniform in (-1, 1): a small start has no effect or
                                 * no non-zero code */
    const lb_option *options;   /* ends with a NULL name; NULL: none */

    /** Largest |code| at these bits. */
    int (*max_code)(const lb_weight_setting *setting);
    /** First values of the learned scales of a group. NULL where n_learned is 0. */
    void (*init_learned)(const lb_weight_setting *setting, lb_weight_group group, const float *w,
                         float *learned);
    /** Change masters that were trained under another quantizer, once, when a run starts from them.
     *  NULL: they stay. */
    void (*adopt)(const lb_weight_setting *setting, lb_weight_group group, float *w);
    /** Overwrite the masters before they are quantized (XNOR's centring and clipping). NULL: leave
     *  them. */
    void (*prepare)(const lb_weight_setting *setting, lb_weight_group group, float *w);
    /** Statistics of a group. Nothing to scale gives scale 0, never NaN. */
    void (*statistics)(const lb_weight_setting *setting, lb_weight_group group, const float *w,
                       const float *learned, lb_weight_statistics *s);
    /** code[i] of w[i] alone, given the statistics of its whole group. The engine may call this for
     *  some of a group's filters (`group` then describes that part), many at once. `random` is used
     *  by stochastic quantizers only (elsewhere NULL): one uniform draw a weight, in order. */
    void (*encode)(const lb_weight_setting *setting, lb_weight_group group,
                   const lb_weight_statistics *s, const float *w, lb_random *random, int16_t *code);
    /** dw[i] = dL/dw[i] and dlearned[] += dL/dlearned from dq[i] = dL/d(code * scale), for a whole
     *  group. code is encode's; dlearned is NULL where n_learned is 0. */
    void (*backward)(const lb_weight_setting *setting, lb_weight_group group,
                     const lb_weight_statistics *s, const float *w, const int16_t *code,
                     const float *dq, float *dw, float *dlearned);
} lb_weight_quantizer;

/* ---- activations ---- */

/* How one activation is quantized. */
typedef struct lb_act_setting {
    int bits; /* 1..8 */
    float options[LB_MAX_QUANTIZER_OPTIONS];
    lb_act_gradient gradient; /* of sign */
} lb_act_setting;

/* The non-linearity that stands before a quantizer. */
typedef enum lb_before {
    LB_BEFORE_HARD_TANH,
    LB_BEFORE_CLIP01,
    LB_BEFORE_RELU,
    LB_BEFORE_NOTHING
} lb_before;

typedef struct lb_act_quantizer {
    const char *name, *summary, *source;
    int bits_min, bits_max;
    int n_learned; /* learned values a layer: 0 or 1 */
    const lb_option *options;
    lb_before before;

    /** First learned value, above 0, from the mean |x| of the first batch's activations. NULL where
     *  n_learned is 0. */
    float (*init_learned)(const lb_act_setting *setting, double mean_abs);
    /** L2 factor of the learned value. NULL: none. */
    float (*learned_decay)(const lb_act_setting *setting);
    /** The range that the batch-norm before sets: gamma (NULL: 1) and beta (NULL: 0) of n channels;
     *  n = 0: there is none. NULL: no range is wanted. */
    float (*norm_range)(const float *gamma, const float *beta, size_t n);
    /** The map from the learned value, or the range of norm_range; unread where there is neither. */
    lb_act_map (*map)(const lb_act_setting *setting, const float *value);
    /** dL/dlearned summed over n elements of one sample. NULL where n_learned is 0. */
    float (*backward_learned)(const lb_act_setting *setting, const float *learned, const float *x,
                              const float *dvalue, size_t n);
} lb_act_quantizer;

#endif
