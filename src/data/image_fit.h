/* Bringing an image of any size to the shape that a network takes. */
#ifndef LB_DATA_IMAGE_FIT_H
#define LB_DATA_IMAGE_FIT_H

#include "base/fail.h"
#include "data/augment.h"

/**
 * Convert channels and size: see lb_image_read of lowbit/data.h.
 *
 * Shapes: image uint8 (from.channels, from.height, from.width), out uint8 of shape `to`; channels 1
 *         or 3 on both sides.
 * Errors: LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_image_fit(lb_image_shape from, const uint8_t *image, lb_image_shape to,
                                     uint8_t *out);

#endif
