/* PNG and JPEG images in memory to 8-bit pixels: a whole image as planes, or a part of it as rows. */
#ifndef LB_DATA_FORMAT_IMAGE_FILE_H
#define LB_DATA_FORMAT_IMAGE_FILE_H

#include "base/buffer.h"
#include "base/fail.h"
#include "data/augment.h"

/* Bytes of a pixel of lb_image_rows of colour: red, green, blue, and one that means nothing. */
enum { LB_PIXEL_BYTES = 4 };

/* What the head of a file says. */
typedef struct lb_image_facts {
    lb_image_shape shape; /* channels: 1 grey, 3 all others */
    size_t denominators;  /* it can be decoded at 1/1, 1/2, 1/4, ... down to 1 / this */
} lb_image_facts;

/* A part of an image scaled to 1/denominator, whose sides are those of the image divided by it, rounded
 * up. */
typedef struct lb_image_part {
    size_t denominator, x, y, width, height;
} lb_image_part;

/* Decoded rows: pixel (x, y) of a part stands at first + y * stride + x * bytes of a pixel. */
typedef struct lb_image_rows {
    const uint8_t *first;
    size_t stride;
} lb_image_rows;

/**
 * Read the head of an image.
 *
 * Errors: LB_E_FORMAT neither PNG nor JPEG, damaged, or larger than is read; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_image_probe(const char *where, const uint8_t *file, size_t bytes,
                                       lb_image_facts *out);

/**
 * Decode a part of an image as rows of colour pixels (LB_PIXEL_BYTES each); grey becomes three equal
 * channels, transparency is on black; orientation, gamma and colour profile noted in the file are not obeyed.
 *
 * Exactness: the same pixels as those of the whole image at that denominator. The whole file is read, so
 *            damage outside of the part is found.
 * Requires:  the part lies in the image as lb_image_probe gave it.
 * Ownership: *out points into `buffer`.
 * Errors:    as lb_image_decode.
 */
LB_MUST_CHECK lb_status lb_image_decode_part(const char *where, const uint8_t *file, size_t bytes,
                                             const lb_image_part *part, lb_buffer *buffer,
                                             lb_image_rows *out);

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
