/* What follows the sums of a layer: one float expression, and the integer forms that replace it.
 *
 * The expression is a list of steps on a value t a channel, evaluated in plain IEEE single precision:
 * each operation rounded, separate multiply and add, no libm. It is the truth. Where it is a monotone
 * function of one integer sum a channel and ends in a code, freeze replaces it by integer thresholds or
 * by a fixed-point product, found by evaluating it and checked against it.
 *
 * The loops over rows are here and nowhere else: training's evaluation, freeze and the runtime all call
 * them. */
#ifndef LB_INTNET_POST_H
#define LB_INTNET_POST_H

#include "intnet/act_map.h"

/* X(NAME, text, per-channel arrays): one row a step. */
/* clang-format off */
#define LB_STEP_LIST(X) \
    X(SCALE, "scale", 1)   /* t = sum[0] * a[0][c], then for each further sum k: t = t + sum[k] * a[k][c];
                            * integer sums are converted to float first. Always the first step. */ \
    X(BIAS, "bias", 1)     /* t = t + a[c] */ \
    X(AFFINE, "affine", 2) /* t = t * a[c]; t = t + b[c] (batch-norm) */ \
    X(RELU, "relu", 0)     /* t = t > 0 ? slope * t : 0 */ \
    X(CLIP, "clip", 0)     /* t = t > low ? t : low; t = t < high ? t : high */ \
    X(ADD, "add", 0)       /* t = t + value of the layer's second input (shortcut) */ \
    X(ENCODE, "encode", 0) /* the code of t; always the last step */
/* clang-format on */

typedef enum lb_step_kind {
#define X(name, text, arrays) LB_STEP_##name,
    LB_STEP_LIST(X)
#undef X
} lb_step_kind;

typedef struct lb_step {
    lb_step_kind kind;
    const float *a, *b; /* [channels] each; SCALE's a: [terms][channels]. Borrowed. */
    float low, high;    /* CLIP */
    float slope;        /* RELU */
    lb_act_map encode;  /* ENCODE */
} lb_step;

/* Codes by counting: field = number of thresholds <= sum, complemented where the channel falls. */
typedef struct lb_thresholds {
    int bits;       /* of the output; 2^bits - 1 thresholds a channel, ascending */
    int bytes;      /* of one threshold: 2 or 4, lb_threshold_bytes */
    const void *at; /* [channels][2^bits - 1] int16 or int32, saturated to the sum's range: the
                           * lowest sum means always, one above the highest means never. Borrowed. */
    const uint8_t
        *falls; /* bit c: field = 2^bits - 1 - count. ceil(channels / 8) bytes, unused bits
                           * zero. Borrowed. */
} lb_thresholds;

/* A sum whose field a fixed-point product does not give: the expression's rounding leaves the line there. */
typedef struct lb_fixed_exception {
    int32_t channel, sum, field;
} lb_fixed_exception;

/* Codes of many levels by a product: field = min(max((sum * multiplier + offset) >> shift, 0),
 * 2^bits - 1), in 64 bits, the shift rounding towards minus infinity, but for a few sums that are listed.
 * Equal to the expression for every sum the layer can have. */
typedef struct lb_fixed_point {
    int bits, shift;                      /* shift: 0..40, one for the layer */
    const int32_t *multiplier;            /* [channels]. Borrowed. */
    const int64_t *offset;                /* [channels]. Borrowed. */
    const lb_fixed_exception *exceptions; /* ascending by channel, then by sum. Borrowed. */
    size_t n_exceptions;                  /* at most lb_fixed_exceptions_max(channels) */
} lb_fixed_point;

typedef enum lb_post_kind {
    LB_POST_STEPS,      /* the expression itself */
    LB_POST_THRESHOLDS, /* integers in, fields out */
    LB_POST_FIXED_POINT
} lb_post_kind;

typedef struct lb_post {
    lb_post_kind kind;
    lb_thresholds thresholds;
    lb_fixed_point fixed;
    lb_step *steps; /* STEPS: at least one, unless a float layer has nothing to add. Borrowed. */
    size_t n_steps;
} lb_post;

/* ---- the steps, on rows of pixels x channels, channels innermost; y may equal x ---- */

/** t = sum of terms, as SCALE says; sums [pixels][terms * channels], term-major within a pixel. */
void lb_step_scale_sums(const lb_step *step, size_t pixels, size_t channels, size_t terms,
                        const int32_t *sums, float *y);
/** The same for sums that are floats (float inputs, quantized weights); x as sums above. */
void lb_step_scale_floats(const lb_step *step, size_t pixels, size_t channels, size_t terms,
                          const float *x, float *y);
/** BIAS, AFFINE, RELU, CLIP, ADD (other: pixels x channels), ENCODE (codes as whole numbers). */
void lb_step_run(const lb_step *step, size_t pixels, size_t channels, const float *other,
                 const float *x, float *y);

/* ---- the integer forms, one sum at a time: their definition ---- */

/** Bytes of one threshold where no sum is larger in magnitude: 2 where all values fit int16, else 4. */
int lb_threshold_bytes(int64_t largest_sum);
/** Threshold j of channel c. */
int32_t lb_threshold_at(const lb_thresholds *t, size_t channel, size_t j);
uint8_t lb_thresholds_field(const lb_thresholds *t, size_t channel, int32_t sum);
/** The most exceptions of a layer: each is looked for in a column of every row. */
size_t lb_fixed_exceptions_max(size_t channels);
uint8_t lb_fixed_point_field(const lb_fixed_point *f, size_t channel, int32_t sum);

/** The field of whole-number codes that ENCODE gave: y[i] of n codes. */
void lb_codes_to_fields(lb_code_grid grid, size_t n, const float *codes, uint8_t *fields);
/** value[i] = code * scale of a field. */
void lb_fields_to_values(lb_code_grid grid, float scale, size_t n, const uint8_t *fields,
                         float *values);

#endif
