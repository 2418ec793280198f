/* PNG through libpng's simplified interface, JPEG through libjpeg.
 *
 * Both give interleaved rows; here they become planes. libjpeg reports errors by a function that must not
 * return, so it jumps; between setjmp and the last call of libjpeg only one plain function lives, and what
 * must be freed is kept in a struct outside of it. */
#include "data/format/image_file.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs it before itself */
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "base/memory.h"
#include "lowbit/data.h"

static lb_status check_shape(const char *where, lb_image_shape shape)
{
    if (shape.height > 0 && shape.width > 0 && shape.height <= LB_IMAGE_MAX_SIDE &&
        shape.width <= LB_IMAGE_MAX_SIDE) {
        return LB_OK;
    }
    return lb_fail(LB_E_FORMAT, "%s: %zux%zu pixels; sides of 1 to %d are read", where,
                   shape.height, shape.width, LB_IMAGE_MAX_SIDE);
}

/* Interleaved (height * width, channels) to planar (channels, height * width). */
static lb_status to_planes(lb_image_shape shape, const uint8_t *interleaved, uint8_t **out)
{
    const size_t pixels = shape.height * shape.width;
    void *block = NULL;
    LB_TRY(lb_alloc(pixels, shape.channels, "image", &block));
    uint8_t *planes = block;
    for (size_t i = 0; i < pixels; i++) {
        for (size_t c = 0; c < shape.channels; c++) planes[c * pixels + i] = *interleaved++;
    }
    *out = planes;
    return LB_OK;
}

static lb_status finish_png(const char *where, png_image *png, lb_image_shape *shape,
                            uint8_t **pixels)
{
    const bool colour = (png->format & PNG_FORMAT_FLAG_COLOR) != 0;
    *shape = (lb_image_shape){colour ? 3 : 1, png->height, png->width};
    LB_TRY(check_shape(where, *shape));
    png->format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    void *rows = NULL;
    LB_TRY(lb_alloc(PNG_IMAGE_SIZE(*png), 1, "image", &rows));
    const png_color black = {0, 0, 0};
    lb_status status = LB_OK;
    if (png_image_finish_read(png, &black, rows, 0, NULL) == 0) {
        status = lb_fail(LB_E_FORMAT, "%s: damaged PNG: %s", where, png->message);
    } else {
        status = to_planes(*shape, rows, pixels);
    }
    lb_free(rows);
    return status;
}

static lb_status decode_png(const char *where, const uint8_t *file, size_t bytes,
                            lb_image_shape *shape, uint8_t **pixels)
{
    png_image png = {.version = PNG_IMAGE_VERSION};
    if (png_image_begin_read_from_memory(&png, file, bytes) == 0) {
        return lb_fail(LB_E_FORMAT, "%s: damaged PNG: %s", where, png.message);
    }
    const lb_status status = finish_png(where, &png, shape, pixels);
    png_image_free(&png);
    return status;
}

/* What decoding a JPEG holds; lives outside of the function that may be jumped out of. */
typedef struct jpeg_state {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf on_error;
    char message[JMSG_LENGTH_MAX];
    lb_image_shape shape;
    uint8_t *rows;    /* interleaved */
    lb_status status; /* a failure of ours, with its message recorded */
} jpeg_state;

_Noreturn static void jpeg_fail(j_common_ptr jpeg)
{
    jpeg_state *state = jpeg->client_data;
    jpeg->err->format_message(jpeg, state->message);
    longjmp(state->on_error, 1);
}

/* Warnings that mean that pixels are missing are errors here; others are not worth a word. */
static void jpeg_message(j_common_ptr jpeg, int level)
{
    const int code = jpeg->err->msg_code;
    if (level < 0 &&
        (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE)) {
        jpeg_fail(jpeg);
    }
}

static void jpeg_rows(jpeg_state *state, const char *where)
{
    struct jpeg_decompress_struct *jpeg = &state->jpeg;
    const bool grey = jpeg->jpeg_color_space == JCS_GRAYSCALE;
    if (jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK) {
        state->status = lb_fail(LB_E_FORMAT, "%s: a CMYK image; convert it to RGB", where);
        return;
    }
    state->shape = (lb_image_shape){grey ? 1 : 3, jpeg->image_height, jpeg->image_width};
    state->status = check_shape(where, state->shape);
    if (state->status != LB_OK) return;
    jpeg->out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
    jpeg->dct_method = JDCT_ISLOW; /* the one method that every libjpeg computes alike */
    (void)jpeg_start_decompress(jpeg);
    const size_t stride = state->shape.channels * state->shape.width;
    void *rows = NULL;
    state->status = lb_alloc(state->shape.height, stride, "image", &rows);
    state->rows = rows;
    if (state->status != LB_OK) return;
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = state->rows + jpeg->output_scanline * stride;
        (void)jpeg_read_scanlines(jpeg, &row, 1);
    }
    (void)jpeg_finish_decompress(jpeg);
}

/* Everything that may jump. */
static void jpeg_run(jpeg_state *state, const char *where, const uint8_t *file, size_t bytes)
{
    if (setjmp(state->on_error) != 0) {
        state->status = lb_fail(LB_E_FORMAT, "%s: damaged JPEG: %s", where, state->message);
        return;
    }
    jpeg_create_decompress(&state->jpeg);
    state->jpeg.client_data = state;
    jpeg_mem_src(&state->jpeg, file, (unsigned long)bytes);
    (void)jpeg_read_header(&state->jpeg, TRUE);
    jpeg_rows(state, where);
}

static lb_status decode_jpeg(const char *where, const uint8_t *file, size_t bytes,
                             lb_image_shape *shape, uint8_t **pixels)
{
    jpeg_state state = {.status = LB_OK};
    state.jpeg.err = jpeg_std_error(&state.errors);
    state.jpeg.client_data = &state;
    state.errors.error_exit = jpeg_fail;
    state.errors.emit_message = jpeg_message;
    jpeg_run(&state, where, file, bytes);
    jpeg_destroy_decompress(&state.jpeg);
    if (state.status == LB_OK) state.status = to_planes(state.shape, state.rows, pixels);
    if (state.status == LB_OK) *shape = state.shape;
    lb_free(state.rows);
    return state.status;
}

lb_status lb_image_decode(const char *where, const uint8_t *file, size_t bytes,
                          lb_image_shape *shape, uint8_t **pixels)
{
    if (bytes >= 8 && png_sig_cmp(file, 0, 8) == 0)
        return decode_png(where, file, bytes, shape, pixels);
    if (bytes >= 3 && file[0] == 0xff && file[1] == 0xd8 && file[2] == 0xff) {
        return decode_jpeg(where, file, bytes, shape, pixels);
    }
    return lb_fail(LB_E_FORMAT, "%s: neither a PNG nor a JPEG image", where);
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
