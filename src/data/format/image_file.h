/* PNG and JPEG images in memory to planar 8-bit pixels. */
#ifndef LB_DATA_FORMAT_IMAGE_FILE_H
#define LB_DATA_FORMAT_IMAGE_FILE_H

#include "base/fail.h"
#include "data/augment.h"

/**
 * Decode an image: grey ones to 1 channel, all others to 3 (red, green, blue), transparency on black.
 *
 * Shapes:    *pixels uint8 (channels, height, width).
 * Ownership: *pixels is yours, lb_free.
 * Errors:    LB_E_FORMAT neither PNG nor JPEG, damaged, truncated, or sides above LB_IMAGE_MAX_SIDE.
 *            LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_image_decode(const char *where, const uint8_t *file, size_t bytes,
                                        lb_image_shape *shape, uint8_t **pixels);

/**
 * Encode planar pixels (channels 1 or 3) as PNG.
 *
 * Ownership: *file is yours, lb_free.
 * Errors:    LB_E_NOMEM; LB_E_ARG as libpng says.
 */
LB_MUST_CHECK lb_status lb_image_encode_png(lb_image_shape shape, const uint8_t *pixels,
                                            uint8_t **file, size_t *bytes);

#endif
