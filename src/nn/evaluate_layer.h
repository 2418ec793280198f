/* One convolution or linear layer of the evaluation: weights packed for kernels/f32_dot, and its run. */
#ifndef LB_NN_EVALUATE_LAYER_H
#define LB_NN_EVALUATE_LAYER_H

#include "intnet/post.h"
#include "kernels/f32_dot/f32_dot.h"
#include "nn/executor.h"

typedef struct lb_evaluate_layer {
    const lb_net *net;
    int node;
    lb_shape in, out;
    lb_window window;
    size_t groups, k; /* k: inputs a filter sees */
    bool coded;       /* weights are codes with scales; else floats */
    bool integer;     /* inputs are codes: sums are exact */
    bool relaxed;     /* floats: codes for the weights that are held, the masters for the others */
    bool asymmetric;  /* two sums, of the positive and the negative codes */
    size_t sums;      /* a channel: of all inputs, by sign, or of the segments of each scale */
    float *packed[2]; /* [groups][blocks of 16 filters][k][16]; [1] for asymmetric layers only */
    float *
        scale_values; /* [sums a channel][O], the negative sum's below zero; NULL for float weights */
    lb_step scale, bias; /* what follows a sum; bias.a NULL: none */
    size_t exact_run;    /* integer: most inputs whose sum stays below 2^24 */
    lb_quantized_weights quantized;
    void *block;                                        /* what all of the above lies in */
    size_t *segment_offset, n_segments, segment_length; /* as in lb_f32_dot_inputs */
    size_t padded_floats; /* scratch for one padded image; 0: no padding */
} lb_evaluate_layer;

/* Scratch a thread needs for a layer. */
typedef struct lb_evaluate_scratch {
    float *padded;
    float *pieces;     /* [pixels][16], pixels = the widest row or the images of a group */
    int32_t *integers; /* [pixels][16] */
    float *terms;      /* lb_evaluate_layer_term_floats */
} lb_evaluate_scratch;

/** Allocate from `arena` what the node's layer needs; `mixed` as in lb_executor_options. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_evaluate_layer_create(lb_net *net, int node, bool mixed, lb_arena *arena,
                                                 lb_evaluate_layer *layer);
/** Quantize the masters and pack them. */
void lb_evaluate_layer_freeze(lb_net *net, lb_evaluate_layer *layer);
/** Pixels a call of the kernel may cover: the size of the scratch rows. */
size_t lb_evaluate_layer_pixels(const lb_evaluate_layer *layer, size_t images);
/** Floats of scratch for the sums of layers with several a channel; 0 elsewhere. */
size_t lb_evaluate_layer_term_floats(const lb_evaluate_layer *layer, size_t images);
/** y = layer(x) for n images, channels innermost; x holds codes where the layer is integer, else values. */
void lb_evaluate_layer_run(const lb_evaluate_layer *layer, lb_f32_dot_fn *dot,
                           const lb_evaluate_scratch *scratch, size_t n, const float *x, float *y);

#endif
