/* IDX arrays in memory, for the reader, the writer and their tests. */
#ifndef LB_DATA_FORMAT_IDX_H
#define LB_DATA_FORMAT_IDX_H

#include "data/dataset.h"

enum { LB_IDX_MAX_DIMS = 4, LB_IDX_PATH_BYTES = 4096 };

/* An array of unsigned bytes. */
typedef struct lb_idx {
    size_t n_dims, dims[LB_IDX_MAX_DIMS];
    size_t bytes; /* product of the dims */
    uint8_t *data;
} lb_idx;

/**
 * Take an IDX file, plain or gzip, apart. All of it must be used up.
 *
 * Ownership: out->data is yours, lb_free.
 * Errors:    LB_E_FORMAT wrong magic, element type other than unsigned byte, dims that are 0 or that the
 *            file cannot hold, truncated, damaged compression or checksum, bytes left over; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_idx_parse(const char *where, const uint8_t *file, size_t bytes,
                                     lb_idx *out);

/** Header of an IDX file of unsigned bytes: writes 4 + 4 * n_dims bytes, returns how many. */
size_t lb_idx_header(const size_t *dims, size_t n_dims, uint8_t *out);

/** Is there a file that is read in place of the images `name` of a split? `path`: that file. */
bool lb_idx_hides(const char *folder, lb_split split, const char *name,
                  char path[LB_IDX_PATH_BYTES]);

/** Put images and labels together: dims, equal counts. Takes images->data's pixels by copy.
 *  Errors: LB_E_FORMAT they do not belong together; LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_idx_to_dataset(const lb_idx *images, const lb_idx *labels,
                                          lb_dataset *out);

#endif
