/* How models turn a layer into nodes: quantizers, batch-norm, non-linearity and pool stand where
 * the quantization configuration wants them, in one place for all families.
 *
 * Chains of layers are built from three calls a layer, in this order:
 *
 *     x = lb_block_before(b, "conv2", x);                        before the layer
 *     x = lb_block_conv(b, "conv2", LB_PLACE_MIDDLE, x, ...);    its input's quantizer, and itself
 *     x = lb_block_after(b, "conv2", x);                         after it
 *     x = a pool, where the model has one
 *
 *     order          before        after
 *     conv-bn-act    -             batch-norm, non-linearity
 *     XNOR-Net       batch-norm    ReLU
 *
 * so a pool always follows the non-linearity and precedes the next layer's quantizer, and XNOR-Net
 * has conv - ReLU - pool - bn - sign - conv. Without residual connections bn-act-conv is the same
 * chain as conv-bn-act; ResNets build their pre-activation blocks with the pieces below.
 *
 * Nodes are named after their layer: NAME, NAME.quantize (of its input), NAME.norm, NAME.act,
 * NAME.pool. */
#ifndef LB_MODELS_BLOCK_H
#define LB_MODELS_BLOCK_H

#include "models/model.h"

/* A layer's position decides its quantization policy. */
typedef enum lb_place {
    LB_PLACE_FIRST,
    LB_PLACE_MIDDLE,
    LB_PLACE_LAST,
    LB_PLACE_SHORTCUT
} lb_place;

/* What a family's builder carries along. */
typedef struct lb_builder {
    lb_net *net;
    const lb_model_request *request;
    lb_bias_rule bias;
    float eps, momentum;       /* of batch-norms */
    lb_end_policy first, last; /* the configuration's, or its ResNet ones */
} lb_builder;

/** A builder for the request, and the input node (index 0) of the net. */
lb_builder lb_block_begin(const lb_model *model, const lb_model_request *request, lb_net *net);

/** Channels of a layer after the request's width multiplier: at least 1. */
size_t lb_block_width(const lb_builder *b, size_t channels);

/** A node's output shape; 1 x 1 x 1 after a failure. */
lb_shape lb_block_shape(const lb_builder *b, int node);

/** The convolution with the quantizer of its input: returns the convolution's node. */
int lb_block_conv(const lb_builder *b, const char *name, lb_place place, int in, size_t out,
                  lb_window window);
/** The same in groups that see their own channels only; as many groups as channels: depthwise. */
int lb_block_grouped_conv(const lb_builder *b, const char *name, lb_place place, int in, size_t out,
                          lb_window window, size_t groups);
int lb_block_linear(const lb_builder *b, const char *name, lb_place place, int in, size_t out);

/** Before and after a layer of a chain, as the table above says; `affine` is that of the
 * batch-norm. */
int lb_block_before(const lb_builder *b, const char *name, int in, bool affine);
int lb_block_after(const lb_builder *b, const char *name, int in, bool affine);

/** Pieces: NAME.quantize if a layer at this place wants quantized input, else `in`. */
int lb_block_quantize(const lb_builder *b, const char *name, lb_place place, int in);
/** The layer itself, its input as it comes. */
int lb_block_bare_conv(const lb_builder *b, const char *name, lb_place place, int in, size_t out,
                       lb_window window);
/** NAME.norm. */
int lb_block_norm(const lb_builder *b, const char *name, int in, bool affine);
/** NAME.act: ReLU where activations are float or the order has it after the convolution, else the
 *  clip that the activation quantizer wants before it. */
int lb_block_act(const lb_builder *b, const char *name, int in);
/** NAME.pool: the largest value. */
int lb_block_max_pool(const lb_builder *b, const char *name, int in, lb_window window);
/** NAME.dropout, where the request has one, else `in`. */
int lb_block_dropout(const lb_builder *b, const char *name, int in);

#endif
