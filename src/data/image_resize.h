/* Resizing rows of pixels in integer arithmetic: bilinear where the image grows, averaging where it
 * shrinks; see image_resize.c for the equations. */
#ifndef LB_DATA_IMAGE_RESIZE_H
#define LB_DATA_IMAGE_RESIZE_H

#include "base/buffer.h"
#include "data/format/image_file.h"
#include "data/resize_rows.h"

/* One side of a resize. The centre of output i, of `count`, lies at the source coordinate
 *     offset + (first + i + 1/2) * step
 * where source pixel k covers [k, k + 1); only pixels in [low, high) count. */
typedef struct lb_resize_axis {
    double offset, step;
    size_t first, count, low, high;
} lb_resize_axis;

/* Which source pixels make an output pixel, with what weights. Borrows from its buffer. */
typedef struct lb_taps {
    size_t count;           /* outputs                                                    */
    size_t each;            /* pixels an output, even: the last ones can have weight 0    */
    size_t begin, end;      /* the source pixels that are used at all                     */
    const uint32_t *firsts; /* (count) first pixel, counted from `begin`                  */
    const int16_t *weights; /* (count, each) they sum to 2^14 in each row                 */
} lb_taps;

/** Work out the taps of an axis. Errors: LB_E_NOMEM. Ownership: *out points into `buffer`. */
LB_MUST_CHECK lb_status lb_taps_make(const lb_resize_axis *axis, lb_buffer *buffer, lb_taps *out);

/* What a thread that resizes keeps. Initialize with {0}. */
typedef struct lb_resize_work {
    lb_buffer row;
    lb_resize_loops loops; /* those of this machine, once they were asked for */
} lb_resize_work;

/**
 * Resize.
 *
 * Shapes:     source: rows [rows->begin, rows->end), columns [columns->begin, columns->end) of an image of
 *             LB_PIXEL_BYTES a pixel; out uint8 (3, rows->count, columns->count).
 * Exactness:  the same bytes on every machine; within one level of the exact weighted mean where no side shrinks
 *             to less than a 64th.
 * Errors:     LB_E_NOMEM; `work` grows.
 */
LB_MUST_CHECK lb_status lb_image_resize(const lb_taps *rows, const lb_taps *columns,
                                        const lb_image_rows *source, lb_resize_work *work,
                                        uint8_t *out);

#endif
