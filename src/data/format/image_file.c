/* PNG through libpng's simplified interface; JPEG is jpeg_file.c's. */
#include "data/format/image_file.h"

#include <png.h>
#include <string.h>

#include "base/memory.h"
#include "data/format/jpeg_file.h"
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

/* ---- PNG ------------------------------------------------------------------------------------- */

static lb_status png_open(const char *where, const uint8_t *file, size_t bytes, png_image *png)
{
    *png = (png_image){.version = PNG_IMAGE_VERSION};
    if (png_image_begin_read_from_memory(png, file, bytes) != 0) return LB_OK;
    return lb_fail(LB_E_FORMAT, "%s: damaged PNG: %s", where, png->message);
}

static lb_status png_probe(const char *where, const uint8_t *file, size_t bytes,
                           lb_image_facts *out)
{
    png_image png;
    LB_TRY(png_open(where, file, bytes, &png));
    const bool colour = (png.format & PNG_FORMAT_FLAG_COLOR) != 0;
    *out = (lb_image_facts){{colour ? 3 : 1, png.height, png.width}, 1};
    png_image_free(&png);
    return LB_OK;
}

/* From three bytes a pixel to four, from the last one on, in place. */
static void widen(uint8_t *pixels, size_t n)
{
    while (n-- > 0) {
        const uint8_t *from = pixels + 3 * n;
        const uint8_t colour[3] = {from[0], from[1], from[2]};
        memcpy(pixels + LB_PIXEL_BYTES * n, colour, sizeof colour);
    }
}

static lb_status png_decode_part(const char *where, const uint8_t *file, size_t bytes,
                                 const lb_image_part *part, lb_buffer *buffer, lb_image_rows *out)
{
    png_image png;
    LB_TRY(png_open(where, file, bytes, &png));
    const png_color black = {0, 0, 0};
    const size_t width = png.width, height = png.height;
    png.format = PNG_FORMAT_RGB;
    lb_status status = LB_OK;
    if (part->denominator != 1 || part->x + part->width > width ||
        part->y + part->height > height) {
        status = lb_fail(LB_E_FORMAT, "%s: the image is not the one it was a moment ago", where);
    }
    if (status == LB_OK) status = lb_buffer_reserve(buffer, height * width * LB_PIXEL_BYTES, where);
    if (status == LB_OK && png_image_finish_read(&png, &black, buffer->data, 0, NULL) == 0) {
        status = lb_fail(LB_E_FORMAT, "%s: damaged PNG: %s", where, png.message);
    }
    png_image_free(&png);
    if (status != LB_OK) return status;
    widen(buffer->data, height * width);
    const size_t stride = width * LB_PIXEL_BYTES;
    *out = (lb_image_rows){buffer->data + part->y * stride + part->x * LB_PIXEL_BYTES, stride};
    return LB_OK;
}

/* ---- either ---------------------------------------------------------------------------------- */

static lb_status check_sides(const char *where, lb_image_shape shape, size_t most)
{
    if (shape.height > 0 && shape.width > 0 && shape.height <= most && shape.width <= most &&
        shape.height <= MAX_PIXELS / shape.width) {
        return LB_OK;
    }
    return lb_fail(LB_E_FORMAT, "%s: %zux%zu pixels; sides of 1 to %zu are read", where,
                   shape.height, shape.width, most);
}

lb_status lb_image_probe(const char *where, const uint8_t *file, size_t bytes, lb_image_facts *out)
{
    lb_image_facts facts;
    if (is_png(file, bytes)) {
        LB_TRY(png_probe(where, file, bytes, &facts));
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
    return is_png(file, bytes) ? png_decode_part(where, file, bytes, part, buffer, out)
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
