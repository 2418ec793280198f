/* Evaluation: the numbers a deployed network computes. Integer layers add codes exactly; float layers
 * take the fixed-order sums of kernels/f32_dot; everything after a sum is plain single precision, node
 * by node, each operation rounded. Images are independent, so results depend neither on the batch nor
 * on threads nor on the instruction set. No oneDNN here. */
#ifndef LB_NN_EVALUATE_H
#define LB_NN_EVALUATE_H

#include "nn/net.h"

typedef struct lb_evaluator lb_evaluator;

typedef struct lb_evaluator_options {
    size_t batch; /* most images a run */
    int threads;
    bool mixed;     /* as in lb_executor_options */
    bool keep_maps; /* every node's map can be copied after a run (tests, verification) */
    unsigned isa;   /* allowed instruction sets, lb_cpu_isa() */
} lb_evaluator_options;

/**
 * Plan the evaluation of a finished network and allocate all it needs.
 *
 * Ownership: *out is yours, lb_evaluator_destroy; the network is borrowed for as long.
 * Errors:    LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_evaluator_create(lb_net *net, const lb_evaluator_options *options,
                                            lb_evaluator **out);
void lb_evaluator_destroy(lb_evaluator *e);
/** Read codes, scales and batch-norm coefficients off the parameters; call after they changed. */
void lb_evaluator_freeze(lb_evaluator *e);
/**
 * Logits of n <= batch images.
 *
 * Shapes:  images (n, c, h, w) float32, logits (n, classes).
 */
void lb_evaluator_run(lb_evaluator *e, const float *images, size_t n, float *logits);
/** Copy a node's values of the last run's images to out (n, c, h, w); quantized maps as code * scale.
 *  false without keep_maps. */
bool lb_evaluator_copy_map(const lb_evaluator *e, int node, float *out);
size_t lb_evaluator_memory_bytes(const lb_evaluator *e);

#endif
