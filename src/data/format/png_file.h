/* PNG files in memory through libpng. */
#ifndef LB_DATA_FORMAT_PNG_FILE_H
#define LB_DATA_FORMAT_PNG_FILE_H

#include "data/format/image_file.h"

/** Shape of a PNG image; one with a palette is in colour. Errors: LB_E_FORMAT, LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_png_probe(const char *where, const uint8_t *file, size_t bytes,
                                     lb_image_facts *out);

/** As lb_image_decode_part, of a PNG file. */
LB_MUST_CHECK lb_status lb_png_decode_part(const char *where, const uint8_t *file, size_t bytes,
                                           const lb_image_part *part, lb_buffer *buffer,
                                           lb_image_rows *out);

#endif
