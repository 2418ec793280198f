/* JPEG through libjpeg-turbo.
 *
 * Only the wanted rows and columns go through the inverse transform and the conversion of colours, but
 * the file is read to its end, so that an image is damaged or not whatever part of it is wanted. Colours
 * are upsampled with their neighbours, so the first and last columns of a cropped row are not what they
 * would be in the whole image: a margin wider than the largest block is decoded with the part and not
 * given out.
 *
 * libjpeg reports errors by a function that must not return, so it jumps; between setjmp and the last
 * call of libjpeg only plain functions live, and what must be freed is kept in a struct outside. */
#include "data/format/jpeg_file.h"

#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs it before itself */
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "base/memory.h"

enum {
    MARGIN = 32,
    FULL_COLOUR_QUALITY = 90,
    DENOMINATORS = 8,
    /* A progressive image has some ten; each is a pass over all of the image, however few its bytes, so that a small
     * file of many thousands would keep a thread busy for hours. */
    MAX_SCANS = 500
};

/* What decoding a JPEG holds; lives outside of the function that may be jumped out of. */
typedef struct jpeg_state {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf on_error;
    char message[JMSG_LENGTH_MAX];
    const char *where;
    const uint8_t *file;
    size_t bytes;
    const lb_image_part *part; /* NULL: the head is enough */
    lb_buffer *buffer;
    lb_image_rows rows;
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

/* Called now and then: refuse an image of too many scans. */
static void jpeg_watch(j_common_ptr jpeg)
{
    jpeg_state *state = jpeg->client_data;
    if (state->jpeg.input_scan_number <= MAX_SCANS) return;
    (void)snprintf(state->message, sizeof state->message, "more than %d scans", MAX_SCANS);
    longjmp(state->on_error, 1);
}

static bool is_cmyk(const struct jpeg_decompress_struct *jpeg)
{
    return jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
}

/* Cyan, magenta, yellow and black to colours. Adobe's files, the only ones there are in practice, hold
 * inverted values: 255 is no ink. */
static void cmyk_to_rgb(bool inverted, size_t width, uint8_t *row)
{
    for (size_t x = 0; x < width; x++, row += LB_PIXEL_BYTES) {
        const uint32_t key = inverted ? row[3] : 255u - row[3];
        for (size_t c = 0; c < 3; c++) {
            const uint32_t ink = inverted ? row[c] : 255u - row[c];
            row[c] = (uint8_t)((ink * key + 127u) / 255u);
        }
    }
}

static lb_status check_part(const jpeg_state *state)
{
    const lb_image_part *p = state->part;
    if (p->x + p->width <= state->jpeg.output_width &&
        p->y + p->height <= state->jpeg.output_height) {
        return LB_OK;
    }
    return lb_fail(LB_E_FORMAT, "%s: the image is not the one it was a moment ago", state->where);
}

/* Leave out the columns beside the part; returns how many stay to the left of it. */
static size_t crop_columns(struct jpeg_decompress_struct *jpeg, const lb_image_part *p)
{
    if (p->width == jpeg->output_width) return 0;
    JDIMENSION first = p->x > MARGIN ? (JDIMENSION)(p->x - MARGIN) : 0;
    const size_t end = p->x + p->width + MARGIN;
    JDIMENSION width = (JDIMENSION)(end < jpeg->output_width ? end : jpeg->output_width) - first;
    jpeg_crop_scanline(jpeg, &first, &width);
    return p->x - first;
}

static void jpeg_rows(jpeg_state *state)
{
    struct jpeg_decompress_struct *jpeg = &state->jpeg;
    const lb_image_part *p = state->part;
    const bool cmyk = is_cmyk(jpeg);
    jpeg->out_color_space = cmyk ? JCS_CMYK : JCS_EXT_RGBX;
    jpeg->dct_method = JDCT_ISLOW; /* the one method that every libjpeg-turbo computes alike */
    jpeg->scale_num = 1;
    jpeg->scale_denom = (unsigned)p->denominator;
    (void)jpeg_start_decompress(jpeg);
    state->status = check_part(state);
    if (state->status != LB_OK) return;
    const size_t left = crop_columns(jpeg, p), stride = jpeg->output_width * LB_PIXEL_BYTES;
    state->status = lb_buffer_reserve(state->buffer, p->height * stride, "image");
    if (state->status != LB_OK) return;
    uint8_t *rows = state->buffer->data;
    if (p->y > 0) (void)jpeg_skip_scanlines(jpeg, (JDIMENSION)p->y);
    while (jpeg->output_scanline < p->y + p->height) {
        JSAMPROW row = rows + (jpeg->output_scanline - p->y) * stride;
        (void)jpeg_read_scanlines(jpeg, &row, 1);
        if (cmyk) cmyk_to_rgb(jpeg->saw_Adobe_marker != 0, jpeg->output_width, row);
    }
    const JDIMENSION below = jpeg->output_height - jpeg->output_scanline;
    if (below > 0) (void)jpeg_skip_scanlines(jpeg, below);
    (void)jpeg_finish_decompress(jpeg);
    state->rows = (lb_image_rows){rows + left * LB_PIXEL_BYTES, stride};
}

/* Everything that may jump. */
static void jpeg_run(jpeg_state *state)
{
    if (setjmp(state->on_error) != 0) {
        state->status =
            state->errors.msg_code == JERR_OUT_OF_MEMORY
                ? lb_fail(LB_E_NOMEM, "%s: no memory to decode it", state->where)
                : lb_fail(LB_E_FORMAT, "%s: damaged JPEG: %s", state->where, state->message);
        return;
    }
    jpeg_create_decompress(&state->jpeg);
    state->jpeg.client_data = state;
    state->progress.progress_monitor = jpeg_watch;
    state->jpeg.progress = &state->progress;
    jpeg_mem_src(&state->jpeg, state->file, (unsigned long)state->bytes);
    (void)jpeg_read_header(&state->jpeg, TRUE);
    if (state->part != NULL) jpeg_rows(state);
}

static void jpeg_open(jpeg_state *state)
{
    state->jpeg.err = jpeg_std_error(&state->errors);
    state->jpeg.client_data = state;
    state->errors.error_exit = jpeg_fail;
    state->errors.emit_message = jpeg_message;
    jpeg_run(state);
}

lb_status lb_jpeg_probe(const char *where, const uint8_t *file, size_t bytes, lb_image_facts *out)
{
    jpeg_state state = {.where = where, .file = file, .bytes = bytes};
    jpeg_open(&state);
    if (state.status == LB_OK) {
        const size_t channels = state.jpeg.jpeg_color_space == JCS_GRAYSCALE ? 1 : 3;
        *out = (lb_image_facts){{channels, state.jpeg.image_height, state.jpeg.image_width},
                                DENOMINATORS};
    }
    jpeg_destroy_decompress(&state.jpeg);
    return state.status;
}

lb_status lb_jpeg_decode_part(const char *where, const uint8_t *file, size_t bytes,
                              const lb_image_part *part, lb_buffer *buffer, lb_image_rows *out)
{
    jpeg_state state = {
        .where = where, .file = file, .bytes = bytes, .part = part, .buffer = buffer};
    jpeg_open(&state);
    jpeg_destroy_decompress(&state.jpeg);
    if (state.status == LB_OK) *out = state.rows;
    return state.status;
}

/* ---- encoding -------------------------------------------------------------------------------- */

typedef struct encode_state {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf on_error;
    unsigned char *file; /* libjpeg's own, from malloc */
    unsigned long bytes;
} encode_state;

_Noreturn static void encode_fail(j_common_ptr jpeg)
{
    encode_state *state = jpeg->client_data;
    longjmp(state->on_error, 1);
}

static bool encode_run(encode_state *state, size_t height, size_t width, const uint8_t *rows,
                       int quality)
{
    struct jpeg_compress_struct *jpeg = &state->jpeg;
    if (setjmp(state->on_error) != 0) return false;
    jpeg_create_compress(jpeg);
    jpeg->client_data = state;
    jpeg_mem_dest(jpeg, &state->file, &state->bytes);
    jpeg->image_height = (JDIMENSION)height;
    jpeg->image_width = (JDIMENSION)width;
    jpeg->input_components = 3;
    jpeg->in_color_space = JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, quality, TRUE);
    jpeg->dct_method = JDCT_ISLOW;
    if (quality >= FULL_COLOUR_QUALITY) {
        jpeg->comp_info[0].h_samp_factor = jpeg->comp_info[0].v_samp_factor = 1;
    }
    jpeg_start_compress(jpeg, TRUE);
    while (jpeg->next_scanline < jpeg->image_height) {
        /* libjpeg's rows are not const, but it only reads them */
        JSAMPROW row = (JSAMPROW)(uintptr_t)(rows + jpeg->next_scanline * width * 3);
        (void)jpeg_write_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_compress(jpeg);
    return true;
}

lb_status lb_jpeg_encode(size_t height, size_t width, const uint8_t *rows, int quality,
                         uint8_t **file, size_t *bytes)
{
    encode_state state = {.file = NULL};
    void *block = NULL;
    state.jpeg.err = jpeg_std_error(&state.errors);
    state.jpeg.client_data = &state;
    state.errors.error_exit = encode_fail;
    lb_status status = LB_OK;
    if (!encode_run(&state, height, width, rows, quality)) {
        status = lb_fail(LB_E_NOMEM, "no memory to encode a JPEG of %zux%zu", height, width);
    }
    if (status == LB_OK) status = lb_alloc(state.bytes, 1, "JPEG file", &block);
    if (status == LB_OK) {
        memcpy(block, state.file, state.bytes);
        *file = block;
        *bytes = state.bytes;
    }
    jpeg_destroy_compress(&state.jpeg);
    free(state.file);
    return status;
}
