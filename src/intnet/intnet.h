/* The integer network: what a trained network is once its weights are codes. A static graph of layers in
 * topological order, each giving one map; no training code. Every target (runtime, generated C, ONNX,
 * Verilog) reads this and nothing else.
 *
 * Maps hold codes (fields of a grid, bits/bits.h) or floats, channels innermost. A linear layer is a
 * CONV whose window is its whole input map, so there is no flatten. The last layer gives the logits:
 * floats, 1 x 1 x classes. */
#ifndef LB_INTNET_INTNET_H
#define LB_INTNET_INTNET_H

#include "base/fail.h"
#include "base/memory.h"
#include "intnet/gaps.h"
#include "intnet/post.h"
#include "intnet/shape.h"

/* X(NAME, text, inputs at most) */
/* clang-format off */
#define LB_INT_OP_LIST(X) \
    X(INPUT, "input", 0)               /* the image: normalized floats, or codes p - 128 of raw pixels */ \
    X(CONV, "conv", 2)                 /* sums, then `post`; second input: of an ADD step */ \
    X(EXPRESSION, "expression", 2)     /* `post` on the values of the first input; no SCALE step */ \
    X(MAX_POOL, "max-pool", 1)         /* largest value over the taps inside the map (of +-1, whose
                                        * field 1 means -1, the smallest field); the smallest value in
                                        * channels of `reversed` */ \
    X(AVERAGE_POOL, "average-pool", 1) /* of the values: sum over the taps inside the map in row-major order,
                                        * divided by their number */ \
    X(CONCAT, "concat", 2)             /* channels of the first input, then of the second */ \
    X(SUBSAMPLE, "subsample", 1)       /* every stride-th pixel, channels of value 0 appended */
/* clang-format on */

typedef enum lb_int_op {
#define X(name, text, inputs) LB_INT_##name,
    LB_INT_OP_LIST(X)
#undef X
} lb_int_op;

/* What a map holds. */
typedef struct lb_int_map {
    lb_shape shape;
    bool coded;        /* else float32 */
    lb_code_grid grid; /* coded: 1..8 bits */
    float scale;       /* coded: value = code * scale */
} lb_int_map;

/* How weights are stored. */
typedef enum lb_weight_storage {
    LB_STORED_FLOAT,  /* float32 [O][kh][kw][I] */
    LB_STORED_GRID,   /* fields of `grid`, a stream of grid.bits planes */
    LB_STORED_TERNARY /* two planes, sign and non-zero */
} lb_weight_storage;

/* How the file holds weights; in memory they are always as above. */
typedef enum lb_weight_encoding {
    LB_ENCODED_PLANES,     /* as they are stored here */
    LB_ENCODED_RUN_LENGTH, /* ternary: gaps, intnet/gaps.h */
    LB_ENCODED_HUFFMAN,    /* ternary: gaps with a Huffman code */
    LB_ENCODED_MIXED       /* filters of different bits: a run of planes for each width */
} lb_weight_encoding;

/* What the sums of a channel add up. */
typedef enum lb_weight_sums {
    LB_SUMS_WHOLE, /* one: everything */
    LB_SUMS_SIGN, /* of ternary weights: activations under positive codes, and those under negative ones */
    LB_SUMS_ROW,  /* one a row of the kernel */
    LB_SUMS_PIXEL /* one a position of the kernel, row by row */
} lb_weight_sums;

/* Weights of a CONV, in the order [output channel][kernel row][kernel column][input channel of the group]. */
typedef struct lb_int_weights {
    lb_weight_storage storage;
    lb_code_grid grid; /* GRID; 1..8 bits */
    size_t count;      /* O * kh * kw * I / groups */
    lb_weight_sums sums;
    size_t terms;   /* sums a channel, lb_int_weights_terms; several only where |code| <= 1 */
    const void *at; /* floats, or the stream. Borrowed. */
    lb_weight_encoding encoding;
    const uint8_t *encoded; /* all but PLANES: what stands in the file. Borrowed. */
    size_t encoded_bytes;
    /* MIXED: [O] bits of each filter, 1 to grid.bits; the codes of fewer bits are among those of `grid`. Borrowed. */
    const uint8_t *filter_bits;
} lb_int_weights;

typedef struct lb_int_layer {
    lb_int_op op;
    const char *name;   /* the training node that does the work: unique. Borrowed, as all below */
    const char *equals; /* the training node whose map this layer's map equals; "": none */
    int in[2], n_in;    /* layer indices, smaller than this one's own */
    lb_int_map map;     /* of the output */
    lb_window window;   /* CONV, pools */
    size_t groups;      /* CONV */
    size_t stride;      /* SUBSAMPLE */
    lb_int_weights weights;  /* CONV */
    lb_post post;            /* CONV, EXPRESSION */
    const uint8_t *reversed; /* MAX_POOL on codes: bit c; NULL: no channel */
} lb_int_layer;

/* How images become the input map. */
typedef struct lb_int_input {
    bool raw;              /* codes p - 128, value (p - 128) / 128 */
    float mean[4], std[4]; /* else (p / 255 - mean[c]) / std[c] */
} lb_int_input;

typedef struct lb_intnet {
    lb_int_layer *layers; /* layer 0 is INPUT; the last gives the logits */
    size_t n_layers;
    lb_int_input input;
    size_t classes;
    const char *const *class_names; /* [classes], or NULL: "0", "1", ... */
    const char *title;              /* what it is, for people: "resnet20, dorefa W1A2" */
    const char *data; /* it was trained on, a SPEC without folder; NULL or "": unknown */
    const char *loss; /* of its training: "squared-hinge", or "cross-entropy", which NULL is too */
    lb_arena arena;   /* owns all of it, but what is borrowed from `file` */
    void *file;       /* lb_safetensors *, or NULL */
} lb_intnet;

/** Release what the network owns. {0} is fine. */
void lb_intnet_release(lb_intnet *net);

/**
 * Check that a network makes sense: indices, shapes, windows, grids, steps, sums within int32, thresholds
 * ascending; what every reader and freeze ends with, so that a runtime need not check again.
 *
 * Errors: LB_E_FORMAT names the layer, the field, what was found and what was wanted.
 */
LB_MUST_CHECK lb_status lb_intnet_check(const lb_intnet *net);

/* ---- what a layer is ---- */

/** Does the layer add integers? (CONV with coded weights on a coded input) */
bool lb_int_layer_is_integer(const lb_intnet *net, size_t layer);
/** Sums a channel of a window. */
size_t lb_int_weights_terms(lb_weight_sums sums, const lb_window *window);
/** Codes [O][kh][kw][I / groups] of a CONV with coded weights. */
void lb_int_weights_codes(const lb_int_weights *weights, int16_t *codes);
/** Codes or values as float, [O][...]. */
void lb_int_weights_floats(const lb_int_weights *weights, float *values);
/** Bits of one weight in memory: 1..8, ternary 2, float 32. */
int lb_int_weights_bits(const lb_int_weights *weights);
/** Mean bits of a stored weight; of `filters` filters. */
double lb_int_weights_mean_bits(const lb_int_weights *weights, size_t filters);
/** Largest |code| that coded weights could have. */
int lb_int_weights_largest(const lb_int_weights *weights);
/** Bytes of the weights in the file. */
size_t lb_int_weights_stored_bytes(const lb_int_weights *weights);
/** Smallest and largest sum that a filter of an integer layer could have: +-(inputs * largest codes). */
int64_t lb_int_layer_largest_sum(const lb_intnet *net, size_t layer);

/* ---- sparse ternary weights ---- */

/**
 * Encode the ternary weights of all layers that become smaller by it, for writing.
 *
 * Errors: LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_intnet_encode(lb_intnet *net, lb_weight_encoding encoding);
/** What a layer's ternary weights take as gaps. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_int_layer_measure_gaps(const lb_int_layer *layer, lb_gap_sizes *out);
/** Decode `encoded` into planes of the arena and set `at`. `taps`: kernel rows x columns.
 *  Errors: LB_E_FORMAT the stream is damaged; LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_int_weights_decode(lb_int_weights *weights, size_t filters, size_t taps,
                                              lb_arena *arena);

/* ---- weights whose filters have different bits ---- */

/** The grid of fewer bits whose codes a filter has in a layer of this one: the odd integers, or those around 0; 1 bit
 *  is +-1. */
lb_code_grid lb_grid_narrowed(lb_code_grid grid, int bits);
/** Bytes of the layer's weights in the file. */
size_t lb_int_weights_mixed_bytes(const lb_int_weights *weights, size_t filters);
/** Make `encoded` of `at` and `filter_bits`: every code must be on its filter's grid. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_int_weights_narrow(lb_int_weights *weights, size_t filters,
                                              lb_arena *arena);
/** Make `at`, planes of the widest grid, of `encoded` and `filter_bits`. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_int_weights_widen(lb_int_weights *weights, size_t filters,
                                             lb_arena *arena);

/* ---- the packed file, docs/format.md ---- */

/** Write atomically; the same network gives the same bytes. Errors: LB_E_IO, LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_intnet_write(const lb_intnet *net, const char *path);
/**
 * Open a packed file by mmap; every field is checked.
 *
 * Ownership: *out is yours, lb_intnet_release, also after a failure.
 * Errors:    LB_E_IO; LB_E_FORMAT names the file, the field, what was found and wanted; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_intnet_open(const char *path, lb_intnet *out);
/** The same for a packed file that is in memory, borrowed until lb_intnet_release; messages begin with `name`. */
LB_MUST_CHECK lb_status lb_intnet_open_memory(const char *name, const void *data, size_t bytes,
                                              lb_intnet *out);

#endif
