/* Event files for TensorBoard: one scalar a figure and epoch. */
#ifndef LB_TRAIN_TENSORBOARD_H
#define LB_TRAIN_TENSORBOARD_H

#include <stdint.h>

#include "train/progress.h"

typedef struct lb_tensorboard lb_tensorboard;

/**
 * Start an event file anew in the folder (which is made), with the epochs there are so far.
 *
 * Ownership: *out is yours, lb_tensorboard_close.
 * Errors:    LB_E_IO, LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_tensorboard_open(const char *folder, const char *split,
                                            const lb_progress *progress, lb_tensorboard **out);

/** Append the newest epoch. Errors: LB_E_IO. */
LB_MUST_CHECK lb_status lb_tensorboard_add(lb_tensorboard *tensorboard,
                                           const lb_progress *progress);

/** Close the file; NULL is fine. */
void lb_tensorboard_close(lb_tensorboard *tensorboard);

/** CRC-32C (Castagnoli) of n bytes. */
uint32_t lb_crc32c(const void *data, size_t n);

#endif
