/* JPEG files in memory through libjpeg-turbo: a part of the image, perhaps at a fraction of its size. */
#ifndef LB_DATA_FORMAT_JPEG_FILE_H
#define LB_DATA_FORMAT_JPEG_FILE_H

#include "base/buffer.h"
#include "data/format/image_file.h"

/** Shape of a JPEG image. Errors: LB_E_FORMAT. */
LB_MUST_CHECK lb_status lb_jpeg_probe(const char *where, const uint8_t *file, size_t bytes,
                                      lb_image_facts *out);

/** As lb_image_decode_part, of a JPEG file. */
LB_MUST_CHECK lb_status lb_jpeg_decode_part(const char *where, const uint8_t *file, size_t bytes,
                                            const lb_image_part *part, lb_buffer *buffer,
                                            lb_image_rows *out);

/**
 * Encode rows of red, green and blue bytes at a quality of 1 to 100, without subsampling of colours
 * from 90 on.
 *
 * Ownership: *file is yours, lb_free.
 * Errors:    LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_jpeg_encode(size_t height, size_t width, const uint8_t *rows,
                                       int quality, uint8_t **file, size_t *bytes);

#endif
