/* From a trained run to a packed network, and the proof that both are the same. */
#ifndef LOWBIT_DEPLOY_H
#define LOWBIT_DEPLOY_H

#include <stdbool.h>
#include <stddef.h>

#include "lowbit/status.h"
#include "lowbit/train.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum lb_path_kind {
    LB_PATH_OTHER, /* neither, damaged, or not there */
    LB_PATH_RUN,   /* a folder, or a checkpoint file */
    LB_PATH_PACKED /* a packed network */
} lb_path_kind;

/** What lies there, told by what a file says of itself, not by its name. */
lb_path_kind lb_path_kind_of(const char *path);

/* How ternary weights stand in the file; other weights always as planes of bits. Encoded ones are decoded when the
 * file is opened: they take less room in the file, the same in memory. */
typedef enum lb_pack_encoding {
    LB_PACK_PLANES,     /* 2 bits a weight */
    LB_PACK_RUN_LENGTH, /* gaps between weights that are not zero, of one width a layer */
    LB_PACK_HUFFMAN     /* the same with a Huffman code a layer */
} lb_pack_encoding;

/* Ternary weights of a network, and what they take in each encoding. */
typedef struct lb_sparse_sizes {
    size_t weights, zeros;
    size_t planes_bytes, run_length_bytes, huffman_bytes;
    double gap_entropy;  /* bits a gap, layers by their weights that are not zero */
    double huffman_bits; /* bits a gap in the Huffman encoding, tables and signs left out */
} lb_sparse_sizes;

typedef struct lb_pack_result {
    size_t file_bytes;  /* of the packed file */
    double code_bytes;  /* sum over the weights of their bits / 8; of gaps what they take */
    size_t float_bytes; /* all parameters of the network as float32 */
    double compression; /* float_bytes / file_bytes */
    size_t thresholds;  /* number of integer thresholds */
    size_t integer_layers, layers_with_weights;
    lb_sparse_sizes sparse; /* weights 0: no ternary ones */
} lb_pack_result;

/**
 * Freeze a trained run to an integer network and write it.
 *
 * Computes: weight codes read off the masters; integer thresholds found by evaluating the training
 *           expression; see docs/deploy.md. Ternary layers that an encoding makes no smaller keep their planes.
 * Errors:   LB_E_IO, LB_E_FORMAT no run, or a damaged one; LB_E_UNSUPPORTED a layer that has no integer
 *           form: names the layer and the reason; LB_E_NOMEM. Nothing is written after an error.
 */
lb_status lb_pack_run(const char *run, lb_pack_encoding encoding, const char *path,
                      lb_pack_result *out);

typedef struct lb_verify_options {
    const char *data;   /* data set; NULL: the one the run was trained on */
    const char *packed; /* a packed file to check; NULL: the run is frozen afresh */
    const char *isa;    /* "scalar,avx2"; NULL: the best here */
    size_t images;      /* most of them; 0: all test images, of a stream the first 1,000 */
    int threads;        /* 0: all processors */
    /* Told now and then, by the calling thread, how many images are done; false: stop. May be NULL. */
    bool (*progress)(size_t done, size_t images, void *user);
    /* Told of each image that cannot be read; NULL: nobody is. */
    void (*report)(void *user, const char *message);
    void *user;
} lb_verify_options;

/* The first value that differs. */
typedef struct lb_verify_difference {
    char layer[64], isa[16];
    size_t image, channel, row, column;
    float training, packed;
} lb_verify_difference;

typedef struct lb_verify_result {
    size_t images, layers;
    size_t unreadable;           /* images left out; the others are numbered without them */
    size_t compared, mismatches; /* values, over all instruction sets */
    lb_verify_difference first;  /* where mismatches > 0 */
} lb_verify_result;

/**
 * Evaluate training graph and packed network side by side, and compare every map, bit by bit.
 *
 * Errors: those of lb_pack_run and of data sets; LB_E_ARG, LB_E_UNSUPPORTED an instruction set that is
 *         unknown or not here; LB_E_SHAPE, LB_E_FORMAT a file packed from another run;
 *         LB_E_INTERRUPTED. Differences are a result, not an error.
 */
lb_status lb_verify_run(const char *run, const lb_verify_options *options, lb_verify_result *out);

/**
 * Top-1, top-5 and loss of a packed network on a data set's test images: to the digit what
 * lb_evaluate_run gives for the run it comes from.
 *
 * Errors: those of lb_packed_open and of data sets; LB_E_SHAPE images do not fit the network;
 *         LB_E_ARG it has another number of classes, or names no data set where none is given.
 */
lb_status lb_evaluate_packed(const char *path, const lb_evaluate_options *options,
                             lb_evaluation *out);

#ifdef __cplusplus
}
#endif
#endif
