/* The fast training back end: what its files share.
 *
 * A step is a list of operations. Each works on a range of images, so that a thread takes a chunk of images
 * through operation after operation while the chunk's maps are in its second-level cache. Only batch-norm needs
 * all images at once: there the list is cut into regions, with a barrier between. Maps are kept channels
 * innermost ([N][H][W][C]) throughout: oneDNN's convolutions are as fast so as in blocked layouts (and its int8
 * and bfloat16 ones faster), and channels are never padded. A linear layer's input is brought to the order c, h, w:
 * it is smaller than the layer's weights.
 *
 *   onednn_forward.c    graph -> operations of the forward pass
 *   onednn_backward.c   the same in reverse
 *   onednn_memory.c     buffers: who lives when, offsets
 *   onednn_pass.c       runs of element-wise nodes, tile by tile
 *   onednn_fuse.c       several steps of a pass as one
 *   onednn_norm.c       batch-norm: statistics, coefficients, gradient sums
 *   onednn_conv.c       convolution and linear layers: oneDNN's primitives
 *   onednn_weights.c    their weights on the way in and gradients on the way out; running them
 *   onednn_maps.c       pools, concat, subsample, flatten, images in, learned quantizers
 *   onednn.c            creation, the step, the table entry
 */
#ifndef LB_NN_BACKEND_ONEDNN_H
#define LB_NN_BACKEND_ONEDNN_H

#include <dnnl.h>

#include "nn/backend/pass_kernels.h"
#include "nn/evaluate.h"
#include "nn/executor.h"

enum {
    LB_MAX_REGISTERS = 96, /* tile-sized values of one pass */
    LB_LARGEST_STATISTIC =
        32 /* groups of images with sums of their own, whatever the number of threads */
};

/* A piece of memory for one map, or one chunk of it. */
typedef struct lb_buffer {
    lb_cell cell;
    size_t image_bytes;
    int first, last; /* operations that write it first and use it last; -1: nobody */
    bool local;      /* lives within one region: every thread has room for a chunk of its own */
    size_t offset;
} lb_buffer;

/* Images an operation is asked to do. */
typedef struct lb_range {
    size_t first, count;
    size_t chunk_first; /* where the thread's local buffers start */
    int thread;
} lb_range;

/* ---- batch-norm ---- */

typedef struct lb_norm {
    int node;
    struct lb_layer *layer; /* the convolution whose raw sums it takes, NULL: another map */
    int x, g;               /* buffers: input, gradient of the output */
    int statistics_region, sums_region;
    size_t channels, pixels; /* values of one image: channels * pixels */
    bool flattened;          /* its channels are c * h * w of a map that lies as h, w, c */
    lb_shape map;
    size_t period;
    float *a, *b;                     /* forward: y = x * a + b */
    float *mean, *dx_g, *dx_x, *dx_1; /* backward */
    float *shift;                     /* [group][period]: what is subtracted before squaring */
    double *partial;                  /* [group][2][channels] */
    double *moments;                  /* [channels]: mean and 1 / deviation of x as it lies */
} lb_norm;

/* ---- convolution and linear layers ---- */

/* A oneDNN primitive for `images` images, run by one thread; one set of arguments a thread. */
typedef struct lb_primitive {
    dnnl_primitive_t primitive;
    size_t images, scratch_bytes;
    dnnl_memory_t *memory; /* [threads][5]: in, weights, out, bias, scratch */
    int argument[5];       /* what each is; 0: none */
} lb_primitive;

enum { LB_FORWARD, LB_BACKWARD_DATA, LB_BACKWARD_WEIGHTS, LB_DIRECTIONS };

typedef struct lb_layer {
    int node;
    bool integer;      /* the forward pass adds codes: u8 or s8 by s8 */
    bool needs_affine; /* raw sums are not the output yet: a scale or a bias is missing */
    bool flat;         /* a linear layer: its input is a vector in the order c, h, w */
    bool takes_codes;  /* the weights' gradient is taken from codes */
    bool wants_dx;
    bool split[LB_DIRECTIONS]; /* gradients go in as two bfloat16 halves */
    float *factor;      /* [out] the output's gradient is multiplied by it before it is split */
    int split_gradient; /* buffer */
    int weights_input, weights_gradient; /* buffers the weights' gradient is made from */
    lb_shape in, out;
    size_t period;
    float *scale, *shift;          /* [period]: output = raw * scale + shift */
    float input_scale;             /* of the input's codes, 1 for floats */
    int input_node, codes, floats; /* buffers of the input, -1: not wanted */
    size_t chunk;
    lb_quantized_weights weights;
    size_t weight_count;
    lb_primitive run[LB_DIRECTIONS][2]; /* for a whole chunk and for the last, smaller one */
    dnnl_primitive_t reorder[LB_DIRECTIONS];
    dnnl_memory_t plain[LB_DIRECTIONS], laid_out[LB_DIRECTIONS]; /* the reorders' two sides */
    size_t bytes[LB_DIRECTIONS]; /* of the weights in the primitives' layouts */
    void *data[LB_DIRECTIONS];   /* there; for backward weights: one a thread */
    float *addend;               /* [threads]: a chunk's weight gradient before it is added */
    float *bias_gradient;        /* [threads][2][out] */
    bool learns;                 /* in this step: has it weights or biases that are not held? */
    bool *used;                  /* [threads] has this thread a weight gradient yet? */
    void *staging; /* plain weights on their way to a primitive's layout, shared by all layers */
} lb_layer;

/* ---- passes ---- */

typedef enum lb_step_kind {
    LB_STEP_AFFINE,
    LB_STEP_CONVERT,
    LB_STEP_ADD,
    LB_STEP_RELU,
    LB_STEP_CLIP,
    LB_STEP_WINDOW,
    LB_STEP_MASK,
    LB_STEP_APPROX_SIGN,
    LB_STEP_QUANTIZE,
    LB_STEP_SUMS,
    LB_STEP_NORM_BACKWARD,
    LB_STEP_TO_BF16,
    LB_STEP_SPLIT,
    LB_STEP_ACTIVATE,
    LB_STEP_MASK_SUMS,
    LB_STEP_NORM_SPLIT /* runs of the others */
} lb_step_kind;

/* One loop over a tile. Registers are tiles of floats, or places in a buffer. */
typedef struct lb_step {
    lb_step_kind kind;
    int x, y, z, out; /* registers, -1: none; z: batch-norm's input in mask sums */
    int buffer;       /* of bits (window, mask), codes (quantize), bfloat16; -1: none */
    int bits;         /* buffer of bits where `buffer` has other work */
    float low, high, factor;
    bool open;
    lb_activation activation;
    size_t period, channels;
    const float *a, *b;    /* affine; split: factors */
    const lb_act_map *map; /* quantize; a quantizer's window, instead of low and high */
    lb_norm *norm;         /* sums, norm backward */
} lb_step;

typedef struct lb_register {
    int buffer; /* -1: a tile */
    int tile, last_step;
} lb_register;

typedef struct lb_pass {
    int *nodes; /* forward: element-wise nodes, a convolution standing for its scale and bias */
    size_t n_nodes;
    size_t values; /* of one image */
    size_t period, tile;
    lb_step *steps;
    size_t n_steps;
    lb_register registers[LB_MAX_REGISTERS];
    int n_registers, n_tiles;
} lb_pass;

/* ---- operations ---- */

/* clang-format off */
#define LB_OPERATION_LIST(X)                    \
    X(IMPORT, "images")                         \
    X(FORWARD, "forward")                       \
    X(STATISTICS, "statistics")                 \
    X(PASS, "pass")                             \
    X(POOL, "pool")                             \
    X(CONCAT, "concat")                         \
    X(SUBSAMPLE, "subsample")                   \
    X(FLATTEN, "flatten")                       \
    X(VECTOR, "to c, h, w")                     \
    X(VECTOR_BACKWARD, "from c, h, w")          \
    X(DROPOUT_BITS, "dropout bits")             \
    X(LOSS, "loss")                             \
    X(BACKWARD_DATA, "backward data")           \
    X(BACKWARD_WEIGHTS, "backward weights")     \
    X(POOL_BACKWARD, "pool backward")           \
    X(CONCAT_BACKWARD, "concat backward")       \
    X(SUBSAMPLE_BACKWARD, "subsample backward") \
    X(FLATTEN_BACKWARD, "flatten backward")     \
    X(LEARNED, "learned scale")                 \
    X(QUANTIZE_GRADIENT, "quantize gradient")
/* clang-format on */

typedef enum lb_operation_kind {
#define X(name, text) LB_OPERATION_##name,
    LB_OPERATION_LIST(X)
#undef X
} lb_operation_kind;

typedef struct lb_operation {
    lb_operation_kind kind;
    int node, region;
    size_t chunk;        /* images it wants at least to be given at a time */
    int in[2], out, aux; /* buffers, -1: none */
    bool backward;
    bool whole; /* not dealt out: done once for all images, by oneDNN's threads */
    lb_layer *layer;
    lb_norm *norm;
    lb_pass *pass;
    lb_pool_shape pool;
    double seconds; /* by the first thread, while profiling */
} lb_operation;

/* Operations between two barriers. */
typedef struct lb_region {
    int first, end;
    bool whole; /* its operations are done one by one, for all images */
    size_t chunk;
    double seconds;
} lb_region;

/* A node's map. */
typedef struct lb_value {
    lb_shape map; /* as it lies in memory: a flattened map keeps its input's */
    bool flattened;
    int real, codes; /* buffers of the values as floats and as codes, -1: not there */
    int operation;   /* that computes it */
    bool in_pass;
    bool needs_gradient;
    float low, high; /* range of the values */
    lb_act_map act;  /* of quantize nodes and their aliases */
    bool coded;
    int *edges; /* buffers of gradients from its consumers */
    size_t n_edges;
    int gradient; /* buffer of the whole gradient */
    lb_layer *layer;
    lb_norm *norm;
    int raw;                 /* a convolution's sums before scale and bias */
    int bits;                /* of the straight-through window or dropout, -1: all pass */
    int learned;             /* buffer of a learned quantizer's output gradient */
    float *learned_order;    /* [threads][2][values]: a sample and its gradient as c, h, w */
    double *learned_partial; /* [batch] */
} lb_value;

struct lb_executor {
    lb_net *net;
    lb_executor_options options;
    lb_evaluator *evaluator;
    const lb_pass_kernels *kernels;
    bool exact_s8, exact_u8; /* int8 convolutions: exact for all codes; for small u8 codes */
    lb_arena arena;
    size_t bytes;

    size_t group, n_groups; /* images with statistics of their own */
    lb_value *values;
    lb_buffer *buffers;
    size_t n_buffers, buffer_capacity;
    lb_operation *operations;
    size_t n_operations, operation_capacity;
    lb_region *regions;
    size_t n_regions;
    lb_layer *layers;
    size_t n_layers;
    lb_norm *norms;
    size_t n_norms;

    uint8_t *maps;     /* buffers that outlive a region */
    uint8_t **local;   /* [threads] local buffers */
    float **tiles;     /* [threads] registers and sums of passes */
    uint8_t **scratch; /* [threads] oneDNN's scratchpads */
    size_t local_bytes, tile_floats, scratch_bytes, largest_period, maps_bytes;

    dnnl_engine_t engine;
    dnnl_stream_t *streams; /* [threads] */

    /* of the step under way */
    const float *images;
    const uint16_t *labels;
    uint64_t step;
    lb_step_result result;
    bool failed;    /* a oneDNN call did */
    bool evaluated; /* the last call was evaluate: copy_map shows its maps */
    bool starting;  /* learned activations are given their first values: the batch is seen twice */
    bool profile;
    double prepare_seconds, finish_seconds; /* weights, before and after the regions */
};

/* ---- onednn_memory.c ---- */

/** A new buffer for `values` values an image; its index. */
LB_MUST_CHECK lb_status lb_buffer_add(lb_executor *e, lb_cell cell, size_t values, int *out);
/** Find out who uses which buffer when, lay them out, allocate. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_memory_plan(lb_executor *e);
size_t lb_cell_bytes(lb_cell cell, size_t values);
/** Is the buffer's content still there after the step? */
bool lb_buffer_survives(const lb_executor *e, int buffer);

/** Where an image of a buffer is. */
static inline void *lb_buffer_at(const lb_executor *e, int buffer, const lb_range *r, size_t image)
{
    const lb_buffer *b = &e->buffers[buffer];
    if (!b->local) return e->maps + b->offset + image * b->image_bytes;
    return e->local[r->thread] + b->offset + (image - r->chunk_first) * b->image_bytes;
}

/* ---- onednn_forward.c, onednn_backward.c ---- */

LB_MUST_CHECK lb_status lb_forward_plan(lb_executor *e);
LB_MUST_CHECK lb_status lb_backward_plan(lb_executor *e);
/** The node whose map a node's input really is (flatten may only rename). */
int lb_source(const lb_executor *e, int node, int input);
/** A new operation of the current (last) region. */
LB_MUST_CHECK lb_status lb_operation_add(lb_executor *e, lb_operation_kind kind, int node,
                                         lb_operation **out);
/** Start another region: a barrier. */
void lb_region_next(lb_executor *e);
static inline size_t lb_values_of(lb_shape s)
{
    return s.c * s.h * s.w;
}

/* ---- onednn_pass.c ---- */

/** Values after which per-channel coefficients of such a map repeat. */
size_t lb_pass_period(size_t channels, size_t values);
LB_MUST_CHECK lb_status lb_pass_create(lb_executor *e, size_t channels, size_t values,
                                       lb_pass **out);
LB_MUST_CHECK lb_status lb_pass_add_node(lb_executor *e, lb_pass *pass, int node);
/** A step of these registers is appended; its other fields are the caller's. */
LB_MUST_CHECK lb_status lb_pass_add_step(lb_executor *e, lb_pass *pass, lb_step_kind kind,
                                         lb_step **out);
/** A register in a buffer, or (-1) a tile. -1: too many, which lb_pass_finish reports. */
int lb_pass_register(lb_pass *pass, int buffer);
/** Give tiles to registers that need one. */
LB_MUST_CHECK lb_status lb_pass_finish(lb_executor *e, const lb_operation *op);
/** Put runs of steps together that have a loop of their own; needs the registers' last_step. */
void lb_pass_fuse(const lb_executor *e, lb_pass *pass);
void lb_pass_run(lb_executor *e, const lb_operation *op, const lb_range *r);

/* ---- onednn_norm.c ---- */

LB_MUST_CHECK lb_status lb_norm_create(lb_executor *e, lb_norm *norm);
/** Sums over a range of images: the input's, for mean and variance. */
void lb_norm_statistics_run(lb_executor *e, const lb_operation *op, const lb_range *r);
/** Between regions: all images' sums are there. */
void lb_norm_finish_statistics(lb_executor *e, lb_norm *norm);
void lb_norm_finish_sums(lb_executor *e, lb_norm *norm);
/** Add a tile's sums, by coefficient position, to a group's, by channel. */
void lb_norm_fold(const lb_norm *norm, size_t period, const float *sums, double *to);

/* ---- onednn_conv.c, onednn_weights.c ---- */

/** Point an argument of a primitive, if it has it, at data. */
static inline void lb_set_data(dnnl_memory_t memory, void *data)
{
    if (memory) (void)dnnl_memory_set_data_handle(memory, data);
}
LB_MUST_CHECK lb_status lb_layer_create(lb_executor *e, lb_layer *layer);
/** After the memory plan: allocate weights and arguments. */
LB_MUST_CHECK lb_status lb_layer_bind(lb_executor *e, lb_layer *layer);
void lb_layer_destroy(lb_executor *e, lb_layer *layer);
/** Quantize this step's weights and lay them out. */
void lb_layers_prepare(lb_executor *e);
/** What they take from their inputs' scales, anew: an input's map has changed. */
void lb_layers_prepare_scales(lb_executor *e);
/** Weight gradients of all threads -> gradients of the masters. */
void lb_layers_finish(lb_executor *e);
void lb_layer_run(lb_executor *e, const lb_operation *op, const lb_range *r);
/** Can the layer's forward pass add codes of this input? */
bool lb_layer_takes_codes(const lb_executor *e, const lb_node *node, const lb_value *in);
/** Largest |sum| of an integer layer. */
double lb_layer_largest_sum(const lb_node *node, const lb_act_map *act);

/* ---- onednn_maps.c ---- */

void lb_maps_run(lb_executor *e, const lb_operation *op, const lb_range *r);

/* ---- onednn.c ---- */

/** Zeroed memory of the executor's arena, counted. */
LB_MUST_CHECK lb_status lb_executor_alloc(lb_executor *e, size_t count, size_t size,
                                          const char *what, void *out);
const char *lb_operation_name(lb_operation_kind kind);
/** Time operations from now on, or stop; resets the times. */
void lb_onednn_profile(lb_executor *e, bool on);

#endif
