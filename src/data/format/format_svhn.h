/* SVHN's cropped digits, for the reader and its tests. */
#ifndef LB_DATA_FORMAT_SVHN_H
#define LB_DATA_FORMAT_SVHN_H

#include "data/dataset.h"

/**
 * Read one .mat file (train_32x32.mat or test_32x32.mat).
 *
 * Errors: LB_E_IO cannot open; LB_E_FORMAT not a MATLAB file, or its X and y are not as wanted;
 *         LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_svhn_read(const char *path, lb_dataset *out);

#endif
