/* Inside of the sensitivity pass. One image at a time goes forward and, for all its classes at once, backward; a
 * gradient map is [channel][class][pixel], so that the gradients of all classes are the rows of one matrix. */
#ifndef LB_NN_BACKEND_MARGINS_H
#define LB_NN_BACKEND_MARGINS_H

#include "nn/executor.h"
#include "nn/sensitivity.h"

/* What is the same for all images. */
typedef struct lb_margins_node {
    const float *weights; /* conv, linear: code * scale */
    float *a, *b;         /* batch-norm's coefficients */
    lb_act_map map;       /* quantize */
    size_t gain;          /* index of its first gain */
    int buffer; /* the gradient map that it has, another node's where that can be changed in place; -1 */
    size_t value_at, grad_at; /* places in a thread's memory */
} lb_margins_node;

/* A thread's memory. */
typedef struct lb_margins_work {
    float *values, *grads;
    float *columns;   /* [weights of a filter][pixels] of one group */
    float *d_columns; /* the same, gradients of one class */
    float *d_weights; /* some rows (filter, class), gradients of a filter's weights each */
    double scale[LB_SENSITIVITY_CLASSES]; /* of each class: 1 / (24 margin^2); 0: left out */
} lb_margins_work;

struct lb_sensitivity {
    lb_net *net;
    size_t classes; /* K: runners-up that gradients are taken of */
    int threads;
    lb_margins_node *nodes;
    size_t n_gains, value_count, grad_count;
    lb_margins_work *work; /* [threads] */
    double *sums;          /* [n_gains] over the images so far */
    double *of_image;      /* [images of a round][n_gains] */
    uint64_t images;
    lb_arena arena;
};

enum { LB_MARGINS_ROWS = 256 };

static inline float *lb_margins_value(const lb_sensitivity *s, const lb_margins_work *w, int node)
{
    return w->values + s->nodes[node].value_at;
}

/** Gradient map of a node; NULL: none is wanted. */
static inline float *lb_margins_grad(const lb_sensitivity *s, const lb_margins_work *w, int node)
{
    return s->nodes[node].buffer < 0 ? NULL : w->grads + s->nodes[s->nodes[node].buffer].grad_at;
}

/** Values of all nodes; the input's are there. */
void lb_margins_forward(const lb_sensitivity *s, lb_margins_work *w);
/** Gains of one image (added to), and gradients of all nodes; the last node's are there, the others' 0. */
void lb_margins_backward(const lb_sensitivity *s, lb_margins_work *w, double *gains);

/** The columns of a conv or linear node's group: its inputs under each weight, pixel by pixel. */
void lb_margins_columns(const lb_net *net, const lb_node *node, size_t group, const float *x,
                        float *columns);

/** c = a b, row-major; a (m x k) or transposed, b (k x n) or transposed; rows of a, b and c are lda, ldb, ldc apart. */
void lb_margins_multiply(bool a_transposed, bool b_transposed, size_t m, size_t n, size_t k,
                         const float *a, size_t lda, const float *b, size_t ldb, float *c,
                         size_t ldc);

#endif
