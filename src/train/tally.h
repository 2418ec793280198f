/* Counting an evaluation: top-1, top-5 and the mean loss of logits, whoever computed them. */
#ifndef LB_TRAIN_TALLY_H
#define LB_TRAIN_TALLY_H

#include "lowbit/train.h"
#include "nn/net.h"

/* Initialize with {.loss = ..., .classes = ...}. */
typedef struct lb_tally {
    lb_loss loss;
    size_t classes;
    double loss_sum;           /* image by image, so that it does not depend on the batches */
    size_t first, top, images; /* right ones among the first and the first five; all */
} lb_tally;

/** Count n images. Shapes: logits (n, classes), labels (n), each below classes. */
void lb_tally_add(lb_tally *tally, const float *logits, const uint16_t *labels, size_t n);
/** The figures of what was counted: at least one image. `seconds` is for the caller to fill. */
lb_evaluation lb_tally_result(const lb_tally *tally);

#endif
