/* A network as data: a static graph of nodes in topological order and a table of parameters.
 * The graph says what is computed; executors (nn/executor.h) decide how. */
#ifndef LB_NN_NET_H
#define LB_NN_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/memory.h"
#include "intnet/shape.h"
#include "nn/quantizer.h"

/* X(name, text): one row an operation. */
/* clang-format off */
#define LB_OP_LIST(X) \
    X(INPUT, "input")               /* the batch's images */ \
    X(CONV, "conv")                 /* y[o] = b[o] + sum of w[o,i,kh,kw] x[i,..], zero padding */ \
    X(LINEAR, "linear")             /* y[o] = b[o] + sum over c,h,w (row-major) of w[o,.] x */ \
    X(BATCH_NORM, "batch-norm")     /* y = (x - mean) / sqrt(var + eps) * gamma + beta */ \
    X(RELU, "relu")                 /* slope * max(x, 0); gradient slope where x > 0, else 0 */ \
    X(CLIP, "clip")                 /* min(max(x, low), high); gradient 1 in [low, high] */ \
    X(QUANTIZE, "quantize")         /* an activation quantizer */ \
    X(MAX_POOL, "max-pool")         /* largest value inside the map; the first largest one in \
                                     * row-major order takes the gradient */ \
    X(AVERAGE_POOL, "average-pool") /* mean over the taps inside the map */ \
    X(ADD, "add")                   /* x + y (shortcut) */ \
    X(CONCAT, "concat")             /* channels of x, then of y */ \
    X(SUBSAMPLE, "subsample")       /* every stride-th pixel, zero channels appended at the end \
                                     * (ResNet option A) */ \
    X(FLATTEN, "flatten")           /* (c, h, w) -> (c*h*w, 1, 1), row-major */ \
    X(DROPOUT, "dropout")           /* training: x * mask / (1 - p); evaluation: x */
/* clang-format on */

typedef enum lb_op {
#define X(name, text) LB_OP_##name,
    LB_OP_LIST(X)
#undef X
} lb_op;

/* Convolution and linear layers. A linear layer is a convolution whose window is its whole input
 * map: a filter of either has (in / groups) * kh * kw weights, so that code for one serves the
 * other. */
typedef struct lb_conv {
    size_t out, in, groups; /* in: channels of the input map; a filter sees in / groups of them */
    lb_window window;
    int weight, bias;                     /* parameter indices; bias -1: none */
    const lb_weight_quantizer *quantizer; /* NULL: float weights */
    lb_weight_setting setting;
    int learned; /* parameter index of the learned scales, [groups * scales][n_learned]; -1: none */
    /* [out] bits of each filter, at most setting.bits; NULL: all have these. Each filter is then a
     * group of its own, and its codes are among those of setting.bits. */
    uint8_t *filter_bits;
} lb_conv;

/* Per channel: the batch's mean and biased variance in training, the running ones in evaluation. */
typedef struct lb_batch_norm {
    float eps, momentum; /* running = (1 - momentum) * running + momentum * batch, with the
                                      * batch's unbiased variance */
    int gamma, beta, mean, variance; /* parameter indices; gamma and beta -1: no affine part */
} lb_batch_norm;

typedef struct lb_quantize {
    const lb_act_quantizer *quantizer;
    lb_act_setting setting;
    int learned; /* parameter index, -1: none */
} lb_quantize;

enum { LB_NAME_BYTES = 64 };

typedef struct lb_node {
    lb_op op;
    char name[LB_NAME_BYTES]; /* unique: "stage2.block1.conv1" */
    int in[2], n_in;          /* node indices, smaller than this node's own */
    lb_shape shape;           /* of the output */
    union {
        lb_conv conv; /* CONV, LINEAR */
        lb_batch_norm norm;
        lb_quantize quantize;
        lb_window pool; /* MAX_POOL, AVERAGE_POOL */
        struct {
            float slope;
        } relu;
        struct {
            float low, high;
        } clip;
        struct {
            size_t stride;
        } subsample;
        struct {
            float p;
        } dropout;
    } as;
} lb_node;

typedef enum lb_param_role {
    LB_PARAM_WEIGHT, /* decays; may be quantized */
    LB_PARAM_BIAS,
    LB_PARAM_GAMMA,
    LB_PARAM_BETA,
    LB_PARAM_LEARNED, /* learned scales: clamped to >= 1e-6 after each step, no decay */
    LB_PARAM_MEAN,    /* running statistics: no gradient */
    LB_PARAM_VARIANCE
} lb_param_role;

typedef struct lb_param {
    char name[LB_NAME_BYTES + 16]; /* node name + ".weight", ".bias", ".gamma", ... */
    lb_param_role role;
    int node; /* whose it is */
    size_t n_dims, dims[4], count;
    float *value;  /* NULL for weights of a net that is described only */
    float *grad;   /* NULL for running statistics */
    uint8_t *held; /* [count] 1: no step changes this weight; NULL: steps change all */
    bool all_held; /* so are all of them, and their gradient is 0 instead of what it would be */
} lb_param;

typedef enum lb_loss { LB_LOSS_CROSS_ENTROPY, LB_LOSS_SQUARED_HINGE } lb_loss;

/* What a teacher adds to the loss of a training step; lb_loss_distill. */
typedef struct lb_distillation {
    const float *logits; /* the teacher's, of the step's batch; NULL: there is no teacher */
    float temperature, alpha;
} lb_distillation;

typedef struct lb_net {
    lb_node *nodes;
    size_t n_nodes, node_capacity;
    lb_param *params;
    size_t n_params, param_capacity;
    lb_shape input;
    /* 8-bit first layer: images are (p - 128) / 128, exact: codes p - 128 at scale 1/128; else they
     * are normalized floats. Executors are given the real values of both. */
    bool raw_input;
    /* Weights and gradients get no memory: the net can be looked at, not initialized nor run. */
    bool describe_only;
    size_t classes; /* the last node's channels */
    /* L2 on quantized weights: this times code * scale is added to their gradient. 0: none */
    float quantized_decay;
    lb_loss loss;
    lb_distillation distillation;
    lb_arena arena; /* owns nodes, params and their values */
    /* The first failure while building: later calls do nothing, lb_net_finish reports it. */
    lb_status failed;
    char message[256];
} lb_net;

/* ---- building: each returns the new node's index, or 0 after a failure (net->failed) ---- */

void lb_net_init(lb_net *net);
void lb_net_release(lb_net *net);

/* Weights of a layer: NULL quantizer = float. */
typedef struct lb_weight_choice {
    const lb_weight_quantizer *quantizer;
    lb_weight_setting setting;
} lb_weight_choice;

int lb_net_input(lb_net *net, lb_shape shape, bool raw);
int lb_net_conv(lb_net *net, const char *name, int in, size_t out, lb_window window, size_t groups,
                bool bias, const lb_weight_choice *weights);
int lb_net_linear(lb_net *net, const char *name, int in, size_t out, bool bias,
                  const lb_weight_choice *weights);
int lb_net_batch_norm(lb_net *net, const char *name, int in, bool affine, float eps,
                      float momentum);
int lb_net_relu(lb_net *net, const char *name, int in, float slope);
int lb_net_clip(lb_net *net, const char *name, int in, float low, float high);
int lb_net_quantize(lb_net *net, const char *name, int in, const lb_act_quantizer *quantizer,
                    const lb_act_setting *setting);
int lb_net_max_pool(lb_net *net, const char *name, int in, lb_window window);
int lb_net_average_pool(lb_net *net, const char *name, int in, lb_window window);
int lb_net_global_pool(lb_net *net, const char *name, int in);
int lb_net_add(lb_net *net, const char *name, int a, int b);
int lb_net_concat(lb_net *net, const char *name, int a, int b);
int lb_net_subsample(lb_net *net, const char *name, int in, size_t stride, size_t channels);
int lb_net_flatten(lb_net *net, const char *name, int in);
int lb_net_dropout(lb_net *net, const char *name, int in, float p);

/** A square window: kernel k, stride, the same padding on all sides. */
lb_window lb_window_square(size_t k, size_t stride, size_t pad);
/** As above with the output size rounded up (ceil mode) for a map of `size` pixels a side. */
lb_window lb_window_ceil(size_t k, size_t stride, size_t size);
/** As above with as many output pixels as strides begin in the map (TensorFlow's SAME): the padding
 *  is split, its odd pixel below and right. */
lb_window lb_window_same(size_t k, size_t stride, size_t size);

/** Check the graph and allocate gradients; the last node is the logits (c = classes, 1 x 1).
 *  Errors: whatever failed while building; LB_E_SHAPE the last node is no logits, or a node is used
 *  by no other; LB_E_UNSUPPORTED an integer layer whose sums could pass 2^31; LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_net_finish(lb_net *net, lb_loss loss);

/** How masters start. Conv weights of ResNets: normal, std sqrt(2 / (KH*KW*O)); else uniform
 *  +-1/sqrt(fan_in); quantizers with wide_init: uniform in (-1, 1). gamma 1, beta 0, bias uniform
 *  +-1/sqrt(fan_in); learned scales of weights by their quantizer, learned values of activations 0:
 *  they wait for a first batch. Running mean 0, variance 1. A parameter's numbers depend on the seed
 *  and its index alone. */
typedef enum lb_init_rule { LB_INIT_FAN_IN, LB_INIT_RESNET } lb_init_rule;
void lb_net_initialize(lb_net *net, lb_init_rule rule, uint64_t seed);
/** Start the learned scales of parameter `param` anew, from the weights as they are. */
void lb_net_initialize_learned(lb_net *net, int param);

/** How a conv or linear node's weights fall into groups that share statistics and scales: group g
 *  is weights [g * n, (g + 1) * n). Float layers are one group. Linear layers have taps 1 and
 *  channels c*h*w. */
lb_weight_group lb_node_weight_group(const lb_node *node, size_t *n_groups);
/** Sums a channel that a layer of coded weights has: one for each scale of its filters; two of
 *  asymmetric ones, of their positive and their negative codes. */
size_t lb_node_sums(const lb_node *node);
/** Weights of one filter of a conv or linear node: (in / groups) * kh * kw. */
size_t lb_node_filter_size(const lb_node *node);
/** c * h * w. */
size_t lb_shape_count(lb_shape shape);

/** Index of the node / parameter of that name, or -1. */
int lb_net_find_node(const lb_net *net, const char *name);
int lb_net_find_param(const lb_net *net, const char *name);

#endif
