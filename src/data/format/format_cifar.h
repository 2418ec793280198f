/* CIFAR records in memory, for the reader and its tests. */
#ifndef LB_DATA_FORMAT_CIFAR_H
#define LB_DATA_FORMAT_CIFAR_H

#include "data/dataset.h"

/** Records in a file of `bytes` bytes; label_bytes is 1 (CIFAR-10) or 2 (CIFAR-100).
 *  Errors: LB_E_FORMAT none, or not a whole number of them. */
LB_MUST_CHECK lb_status lb_cifar_records(const char *where, size_t bytes, size_t label_bytes,
                                         size_t *count);

/** Split records into images (count, 3, 32, 32) and labels (count). */
void lb_cifar_copy(const uint8_t *records, size_t count, size_t label_bytes, uint8_t *images,
                   uint16_t *labels);

#endif
