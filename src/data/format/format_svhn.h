/* SVHN's cropped digits in memory, for the reader and its tests. */
#ifndef LB_DATA_FORMAT_SVHN_H
#define LB_DATA_FORMAT_SVHN_H

#include "data/dataset.h"

/**
 * Take one .mat file (train_32x32.mat or test_32x32.mat) apart.
 *
 * Errors: LB_E_FORMAT not a MATLAB 5 file, truncated, damaged, or its X and y are not as wanted;
 *         LB_E_NOMEM. What is set in *out then is the caller's to free.
 */
LB_MUST_CHECK lb_status lb_svhn_parse(const char *where, const uint8_t *file, size_t bytes,
                                      lb_dataset *out);

#endif
