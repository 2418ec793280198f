/* How images of any size become images of one size: resized, then cropped. */
#ifndef LB_DATA_IMAGE_VIEW_H
#define LB_DATA_IMAGE_VIEW_H

#include <stdbool.h>

#include "base/random.h"
#include "data/augment.h"
#include "data/image_resize.h"

/* What images are brought to. */
typedef struct lb_image_view {
    size_t edge; /* the short edge is resized to this, the other in proportion, rounded down; */
    bool square; /* or both edges are                                                         */
    size_t size; /* side of the square that is cropped, at most `edge`; 0: all of it          */
} lb_image_view;

/* Where the crop of one image lies. */
typedef struct lb_crop_draw {
    lb_crop crop;
    lb_random random; /* the image's own stream, for all but LB_CROP_CENTRE */
} lb_crop_draw;

/* How to make the view of one image. */
typedef struct lb_view_plan {
    size_t denominator;
    lb_resize_axis rows, columns;
} lb_view_plan;

/** The short edge for crops of `size`: 256 for 193 to 256, else 8/7 of the size, rounded. */
size_t lb_view_edge(size_t size);

/**
 * Work out the view of an image.
 *
 * Errors: LB_E_FORMAT the longer edge would pass 16,384 pixels.
 */
LB_MUST_CHECK lb_status lb_view_plan_make(const lb_image_view *view, const lb_image_facts *facts,
                                          lb_crop_draw draw, lb_view_plan *out);

/** The work space of one thread that makes views. Initialize with {0}. */
typedef struct lb_view_work {
    lb_buffer where, file, pixels, row_taps, column_taps;
    lb_resize_work resize;
} lb_view_work;
void lb_view_work_release(lb_view_work *work);

/* Decoded pixels to choose from: an image file, or rows of red, green and blue bytes. */
typedef struct lb_view_source {
    const char *where; /* for messages */
    const uint8_t *data;
    size_t bytes;
    size_t raw_height, raw_width; /* 0: an image file */
} lb_view_source;

/**
 * Make the view of one image. out: uint8 (3, size, size).
 *
 * Errors: LB_E_FORMAT damaged, or as lb_view_plan_make; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_view_make(const lb_image_view *view, const lb_view_source *source,
                                     lb_crop_draw draw, lb_view_work *work, uint8_t *out);

/**
 * The same for a view of the whole image (size 0).
 *
 * Shapes:    *out uint8 (3, *height, *width).
 * Ownership: *out is yours, lb_free.
 */
LB_MUST_CHECK lb_status lb_view_make_whole(const lb_image_view *view, const lb_view_source *source,
                                           lb_view_work *work, size_t *height, size_t *width,
                                           uint8_t **out);

#endif
