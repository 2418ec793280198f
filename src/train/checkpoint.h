/* Checkpoints: a network's parameters, the optimizer's moments and the run's place, in one
 * safetensors file.
 *
 * Tensors: every parameter under its name; moments as "optimizer/NAME/PARAMETER". Metadata:
 * "format"; "run", the description (train/description.h); "progress" (train/progress.h) in
 * last.safetensors, or "best" in best.safetensors, which holds no moments. Random numbers are
 * functions of seed and step, so there is no other state. */
#ifndef LB_TRAIN_CHECKPOINT_H
#define LB_TRAIN_CHECKPOINT_H

#include "base/safetensors.h"
#include "train/optimizer.h"
#include "train/progress.h"

/* What goes into a checkpoint. */
typedef struct lb_checkpoint {
    const lb_net *net;
    const lb_optimizer *optimizer; /* NULL: no moments                                  */
    const char *description;
    const char *state_name; /* "progress" or "best"                              */
    const char *state;      /* JSON                                              */
} lb_checkpoint;

/**
 * Write a checkpoint atomically.
 *
 * Errors: LB_E_IO the old file is intact; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_checkpoint_write(const lb_checkpoint *checkpoint, const char *path);

typedef enum lb_load_mode {
    LB_LOAD_EXACT, /* the same parameters                                                     */
    LB_LOAD_INIT   /* learned values are not read: they start anew                            */
} lb_load_mode;

/**
 * Open a file and check that it is a checkpoint of lowbit.
 *
 * Ownership: *out is yours, lb_safetensors_close.
 * Errors:    LB_E_IO, LB_E_FORMAT, LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_checkpoint_open(const char *path, lb_safetensors **out);

/**
 * Read the parameters of a network that is built. Nothing is read where anything does not fit.
 *
 * Errors: LB_E_FORMAT a tensor is missing, left over or of another type or shape; the message
 *         names the first.
 */
LB_MUST_CHECK lb_status lb_checkpoint_load_net(const char *path, const lb_safetensors *file,
                                               lb_load_mode mode, lb_net *net);

/** Read the moments. Errors: as lb_checkpoint_load_net. */
LB_MUST_CHECK lb_status lb_checkpoint_load_moments(const char *path, const lb_safetensors *file,
                                                   lb_optimizer *optimizer);

#endif
