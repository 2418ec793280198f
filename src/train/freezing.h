/* Freezing schedules: which share of the weights is frozen in which epoch, and the learning rate there. */
#ifndef LB_TRAIN_FREEZING_H
#define LB_TRAIN_FREEZING_H

#include <stddef.h>

#include "base/fail.h"
#include "train/progress.h"

enum { LB_MAX_FREEZING = 32 };

/* Some epochs of the schedule. */
typedef struct lb_freezing_piece {
    double frozen; /* share of a layer's weights, in (0, 1] */
    size_t epochs;
    double factor; /* of the learning rate */
} lb_freezing_piece;

typedef struct lb_freezing {
    lb_freezing_piece pieces[LB_MAX_FREEZING];
    size_t n;
    size_t patience; /* the first piece ends after so many epochs without a better one; 0: never */
} lb_freezing;

/* Where an epoch stands. A stage is pieces in sequence with one share. */
typedef struct lb_freezing_place {
    double frozen, factor;
    size_t stage;         /* from 0 */
    size_t first, epochs; /* of the stage */
} lb_freezing_place;

/** The schedule of the paper: 37 epochs at 0.9, 15 each at 0.95, 0.975 and 0.9875, 30 at 1. */
extern const char lb_freezing_standard[];

/**
 * Read "0.9:37,0.95:10,0.95:5x0.1,1:30": FRACTION:EPOCHS, or FRACTION:EPOCHSxFACTOR.
 *
 * Errors: LB_E_ARG not of that form, a fraction outside (0, 1] or below the one before, a last one that is not 1, no
 *         epochs, a factor below 0, too many pieces.
 */
LB_MUST_CHECK lb_status lb_freezing_parse(const char *text, lb_freezing *out);

/** Epochs of all pieces. */
size_t lb_freezing_length(const lb_freezing *freezing);

/**
 * Where `epoch` of a run of `epochs` stands, given the rows of the epochs before.
 *
 * Computes: pieces shrunk or stretched in proportion: with T epochs in the pieces, b of them before piece i, it begins
 *           at floor(epochs b / T). So some may have no epoch, the last one always has. The first piece ends early once
 *           the best mixed_top1 is `patience` epochs old; what follows moves forward.
 */
lb_freezing_place lb_freezing_at(const lb_freezing *freezing, size_t epochs,
                                 const lb_progress *progress, size_t epoch);

/** Epochs of the run, and the first one in which all weights are frozen, as the rows so far tell. */
size_t lb_freezing_epochs(const lb_freezing *freezing, size_t epochs, const lb_progress *progress);
size_t lb_freezing_all_from(const lb_freezing *freezing, size_t epochs,
                            const lb_progress *progress);

#endif
