/* How fast kernels and packed networks are here, and which kernel is chosen for a layer. */
#ifndef LOWBIT_BENCH_H
#define LOWBIT_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#include "lowbit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    LB_BENCH_TERNARY = -1, /* weight_bits: -1, 0, +1 */
    LB_KERNEL_NAME_BYTES = 64
};

/* One convolution with few-bit weights and activations. Weights: 1 bit +-1; ternary; else
 * -2^(k-1) .. 2^(k-1) - 1. Activations, and the codes that come out: 1 bit +-1; else 0 .. 2^k - 1. */
typedef struct lb_bench_layer {
    size_t out, in, kh, kw; /* filters and their size */
    size_t height, width;   /* of the input map */
    size_t stride;          /* 0: 1 */
    size_t groups;          /* 0: 1 */
    int weight_bits;        /* 1 .. 8, or LB_BENCH_TERNARY */
    int act_bits;           /* 1 .. 8 */
    double zero_percent;    /* of ternary weights, 0 to 99; 0: a third of them */
} lb_bench_layer;

typedef struct lb_bench_options {
    const char *isa; /* "scalar", "avx2", ...; NULL: the best here */
    int threads;     /* 0 or 1: one */
    size_t batch;    /* images a run; 0: 1 */
    double seconds;  /* at least so long, and at least ten runs; 0: 1 */
} lb_bench_options;

typedef struct lb_bench_result {
    double median_ms, min_ms, max_ms;  /* of a run of the batch */
    size_t runs;                       /* timed; a tenth as many before them are not */
    double operations;                 /* of a run: two a multiply-accumulate, padding included */
    double gops;                       /* operations / median, in 10^9 a second */
    char kernel[LB_KERNEL_NAME_BYTES]; /* "popcount avx2"; of a network that of most operations */
} lb_bench_result;

/**
 * Time one convolution: from packed codes in to packed codes out, everything that a run does included
 * (tables, thresholds).
 *
 * Ownership: options may be NULL.
 * Errors:    LB_E_ARG sizes, bits, threads or batch out of range; LB_E_UNSUPPORTED an instruction set
 *            that is not here, or sums past int32; LB_E_NOMEM.
 */
lb_status lb_bench_run_layer(const lb_bench_layer *layer, const lb_bench_options *options,
                             lb_bench_result *out);

/**
 * Time a packed network: from 8-bit pixels to logits.
 *
 * Ownership: options may be NULL.
 * Errors:    those of lb_packed_open; LB_E_ARG threads or batch out of range; LB_E_NOMEM.
 */
lb_status lb_bench_run_packed(const char *path, const lb_bench_options *options,
                              lb_bench_result *out);

/* A kernel of this build. Texts are borrowed and live as long as the program. */
typedef struct lb_kernel_info {
    const char *name;    /* "popcount avx2" */
    const char *summary; /* what it does, in one line */
    const char *isa;     /* what it needs: "scalar", "avx2", "avx512 vnni", ... */
    bool usable;         /* this machine has it, and LOWBIT_ISA allows it */
    bool supported;      /* it can compute the layer */
    bool chosen;         /* it is the one for the layer */
    double cost;         /* expected nanoseconds a multiply-accumulate; 0: not supported */
    const char *why;     /* why it is not supported; "" where it is */
} lb_kernel_info;

/** How many kernels this build has. */
size_t lb_kernel_count(void);

/**
 * The kernel at `index`, and what it is for a layer; layer NULL: nothing is chosen.
 *
 * Errors: LB_E_ARG past the last kernel, or a layer with sizes or bits out of range.
 */
lb_status lb_kernel_info_at(size_t index, const lb_bench_layer *layer, lb_kernel_info *out);

#ifdef __cplusplus
}
#endif
#endif
