/* How far a run has come: its place, the sums of the epoch going on, one row for every epoch done.
 * All of it is kept in last.safetensors; metrics.csv is a view of the rows. */
#ifndef LB_TRAIN_PROGRESS_H
#define LB_TRAIN_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

/* X(field, column of metrics.csv): figures of one epoch, all finite; accuracies in percent. */
#define LB_EPOCH_ROW_LIST(X)    \
    X(lr, "lr")                 \
    X(train_loss, "train_loss") \
    X(train_top1, "train_top1") \
    X(val_loss, "val_loss")     \
    X(val_top1, "val_top1")     \
    X(val_top5, "val_top5")

/* The same, of runs that train a mixture of frozen and relaxed weights; 0 in others. val_* are of the quantized
 * network, mixed_* of the one that was trained. */
#define LB_MIXED_ROW_LIST(X)    \
    X(frozen, "frozen")         \
    X(mixed_loss, "mixed_loss") \
    X(mixed_top1, "mixed_top1")

typedef struct lb_epoch_row {
#define X(field, column) double field;
    LB_EPOCH_ROW_LIST(X)
    LB_MIXED_ROW_LIST(X)
#undef X
} lb_epoch_row;

/** Is it a row of a mixture, which has a share of frozen weights above 0? */
static inline bool lb_epoch_row_is_mixed(const lb_epoch_row *row)
{
    return row->frozen > 0.0;
}

typedef struct lb_progress {
    uint64_t step;       /* steps of the whole run */
    size_t epoch, batch; /* the next step; batch may be the epoch's end, before evaluation */
    double loss_sum;     /* of the epoch's steps */
    uint64_t correct, seen;
    bool diverged;      /* a loss was NaN or infinite: the run is over */
    lb_epoch_row *rows; /* lb_progress_add */
    size_t n_rows, capacity;
} lb_progress;

/** Free the rows. */
void lb_progress_release(lb_progress *progress);

/** Append a row and go to the start of the next epoch. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_progress_add(lb_progress *progress, const lb_epoch_row *row);

/** Index of the first row with the largest val_top1 from row `from` on, or of all where there is none from there on;
 *  n_rows is not 0. */
size_t lb_progress_best(const lb_progress *progress, size_t from);

/** "ok"; or "dnc": diverged, or all `epochs` are done and the best top-1 is at most 1.5 times chance. A run
 *  stopped before its end is not judged by its accuracy. */
const char *lb_progress_status(const lb_progress *progress, size_t classes, size_t epochs,
                               size_t from);

/**
 * As one line of JSON that reads back exactly.
 *
 * Ownership: *out is yours, lb_free.
 * Errors:    LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_progress_write(const lb_progress *progress, char **out);

/** Read that line. Errors: LB_E_FORMAT, the message starts with `where`; LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_progress_read(const char *where, const char *text, lb_progress *out);

/**
 * Write metrics.csv: epoch, the row's figures, the mean of val_top1 over the epochs so far, the
 * split; then those of a mixture, where the run trains one.
 *
 * Errors: LB_E_IO, LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_progress_write_csv(const lb_progress *progress, const char *split,
                                              const char *path);

#endif
