/* Maps of a network in memory, row after row: sizes, and rows as values. */
#ifndef LB_RUNTIME_MAP_ROWS_H
#define LB_RUNTIME_MAP_ROWS_H

#include "intnet/intnet.h"

/** Bytes of a pixel, a row and a whole map. */
size_t lb_map_bytes_of_pixel(const lb_int_map *map);
size_t lb_map_bytes_of_row(const lb_int_map *map);
size_t lb_map_bytes_of(const lb_int_map *map);

/**
 * The values of the first pixels of a row.
 *
 * Computes:  the floats themselves, where they lie, or codes * scale in `values`.
 * Shapes:    fields and values: (pixels, channels), used for coded maps only.
 * Ownership: borrowed from the map or `values`.
 */
const float *lb_map_row_values(const lb_int_map *map, const void *at, size_t row, size_t pixels,
                               uint8_t *fields, float *values);

/** Bytes rounded up to LB_ALIGN, at which every piece of memory in the runtime begins. */
size_t lb_align_bytes(size_t bytes);

#endif
