/* Images in memory: png_file.c and jpeg_file.c know the formats. */
#include "data/format/image_file.h"

#include <png.h>
#include <string.h>

#include "base/memory.h"
#include "data/format/jpeg_file.h"
#include "data/format/png_file.h"
#include "lowbit/data.h"

/* Photographs of today's cameras are read; beyond this a file is more likely damaged or an attack. */
enum { MAX_SIDE = 16384, MAX_PIXELS = 1 << 27 };

static bool is_png(const uint8_t *file, size_t bytes)
{
    return bytes >= 8 && png_sig_cmp(file, 0, 8) == 0;
}

static bool is_jpeg(const uint8_t *file, size_t bytes)
{
    return bytes >= 3 && file[0] == 0xff && file[1] == 0xd8 && file[2] == 0xff;
}

static lb_status check_sides(const char *where, lb_image_shape shape, size_t most)
{
    if (shape.height > 0 && shape.width > 0 && shape.height <= most && shape.width <= most &&
        shape.height <= MAX_PIXELS / shape.width) {
        return LB_OK;
    }
    return lb_fail(LB_E_FORMAT, "%s: %zux%zu pixels; sides of 1 to %zu and %d in all are read",
                   where, shape.height, shape.width, most, (int)MAX_PIXELS);
}

lb_status lb_image_probe(const char *where, const uint8_t *file, size_t bytes, lb_image_facts *out)
{
    lb_image_facts facts;
    if (is_png(file, bytes)) {
        LB_TRY(lb_png_probe(where, file, bytes, &facts));
    } else if (is_jpeg(file, bytes)) {
        LB_TRY(lb_jpeg_probe(where, file, bytes, &facts));
    } else {
        return lb_fail(LB_E_FORMAT, "%s: neither a PNG nor a JPEG image", where);
    }
    LB_TRY(check_sides(where, facts.shape, MAX_SIDE));
    *out = facts;
    return LB_OK;
}

lb_status lb_image_decode_part(const char *where, const uint8_t *file, size_t bytes,
                               const lb_image_part *part, lb_buffer *buffer, lb_image_rows *out)
{
    return is_png(file, bytes) ? lb_png_decode_part(where, file, bytes, part, buffer, out)
                               : lb_jpeg_decode_part(where, file, bytes, part, buffer, out);
}

/* Rows to planes (channels, height * width); of a grey image each of the three is the only one. */
static lb_status to_planes(lb_image_shape shape, const lb_image_rows *rows, uint8_t **out)
{
    const size_t pixels = shape.height * shape.width;
    void *block = NULL;
    LB_TRY(lb_alloc(pixels, shape.channels, "image", &block));
    uint8_t *planes = block;
    for (size_t y = 0; y < shape.height; y++) {
        const uint8_t *pixel = rows->first + y * rows->stride;
        for (size_t i = y * shape.width; i < (y + 1) * shape.width; i++, pixel += LB_PIXEL_BYTES) {
            for (size_t c = 0; c < shape.channels; c++) planes[c * pixels + i] = pixel[c];
        }
    }
    *out = planes;
    return LB_OK;
}

lb_status lb_image_decode(const char *where, const uint8_t *file, size_t bytes,
                          lb_image_shape *shape, uint8_t **pixels)
{
    lb_image_facts facts;
    LB_TRY(lb_image_probe(where, file, bytes, &facts));
    LB_TRY(check_sides(where, facts.shape, LB_IMAGE_MAX_SIDE));
    const lb_image_part whole = {1, 0, 0, facts.shape.width, facts.shape.height};
    lb_buffer buffer = {0};
    lb_image_rows rows;
    lb_status status = lb_image_decode_part(where, file, bytes, &whole, &buffer, &rows);
    if (status == LB_OK) status = to_planes(facts.shape, &rows, pixels);
    if (status == LB_OK) *shape = facts.shape;
    lb_buffer_release(&buffer);
    return status;
}

lb_status lb_image_encode_png(lb_image_shape shape, const uint8_t *pixels, uint8_t **file,
                              size_t *bytes)
{
    const size_t n = shape.height * shape.width;
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)shape.width,
                     .height = (png_uint_32)shape.height,
                     .format = shape.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY};
    void *rows = NULL, *encoded = NULL;
    LB_TRY(lb_alloc(n, shape.channels, "image", &rows));
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < shape.channels; c++) {
            ((uint8_t *)rows)[i * shape.channels + c] = pixels[c * n + i];
        }
    }
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
    lb_status status = lb_alloc(size, 1, "PNG file", &encoded);
    if (status == LB_OK && png_image_write_to_memory(&png, encoded, &size, 0, rows, 0, NULL) == 0) {
        status = lb_fail(LB_E_ARG, "cannot encode a PNG image of %zux%zu: %s", shape.height,
                         shape.width, png.message);
    }
    lb_free(rows);
    if (status == LB_OK) {
        *file = encoded;
        *bytes = size;
    } else {
        lb_free(encoded);
    }
    return status;
}
