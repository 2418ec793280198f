/* The network that another one learns from: a trained run, evaluated on every batch that is trained on. */
#ifndef LB_TRAIN_TEACHER_H
#define LB_TRAIN_TEACHER_H

#include "train/run.h"

typedef struct lb_teacher {
    lb_run run;
    const lb_backend *backend;
    lb_executor *executor; /* NULL: there is no teacher */
    float *logits;         /* (batch, classes), of the last batch */
    float *images;         /* the batch as the teacher was trained on it; NULL: as it comes */
    lb_normalization normalization;
} lb_teacher;

/**
 * Open the run of a folder or checkpoint as the teacher of a run with these facts.
 *
 * Computes:  sha256: of the checkpoint's file.
 * Ownership: lb_teacher_release(out), also after a failure; *out is zero before.
 * Errors:    LB_E_IO, LB_E_FORMAT not a checkpoint; LB_E_ARG other classes, or a run that diverged;
 *            LB_E_SHAPE other images; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_teacher_open(const char *run, const lb_train_config *config,
                                        const lb_run_facts *facts,
                                        char sha256[LB_SHA256_TEXT_BYTES], lb_teacher *out);
void lb_teacher_release(lb_teacher *teacher);

/** Make the logits of n <= batch images, (n, c, h, w), normalized as the run in training has them. Errors: those of
 *  the back end. */
LB_MUST_CHECK lb_status lb_teacher_ask(lb_teacher *teacher, size_t n, const float *images);

#endif
