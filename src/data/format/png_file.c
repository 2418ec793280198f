/* PNG through libpng.
 *
 * Pixels are taken as they are stored: 16 bits become 8 by 255/65535, rounded; a gamma or a colour profile in the
 * file is not obeyed, as data sets' readers do not. A pixel of opacity a (0 to 255) on black is v a / 255, rounded.
 *
 * libpng reports errors by a function that must not return, so it jumps; what must be freed is kept in a struct
 * outside, as in jpeg_file.c. */
#include "data/format/png_file.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum { MESSAGE_BYTES = 128, SIXTEEN = 16 };

/* What decoding a PNG holds; lives outside of the function that may be jumped out of. */
typedef struct png_state {
    png_structp png;
    png_infop info;
    jmp_buf on_error;
    char message[MESSAGE_BYTES];
    bool no_memory;
    const char *where;
    const uint8_t *file; /* what is left of it */
    size_t bytes;
    const lb_image_part *part; /* NULL: the head is enough */
    lb_buffer *buffer;
    lb_image_facts facts;
    lb_image_rows rows;
    lb_status status; /* a failure of ours, with its message recorded */
} png_state;

_Noreturn static void png_fail(png_structp png, png_const_charp message)
{
    png_state *state = png_get_error_ptr(png);
    (void)snprintf(state->message, sizeof state->message, "%s", message);
    longjmp(state->on_error, 1);
}

/* Of things that do not change pixels, such as a damaged comment. */
static void png_warn(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static png_voidp png_take(png_structp png, png_alloc_size_t bytes)
{
    png_state *state = png_get_mem_ptr(png);
    void *block = NULL;
    if (lb_alloc(bytes, 1, "PNG", &block) != LB_OK) state->no_memory = true;
    return block;
}

static void png_give_back(png_structp png, png_voidp block)
{
    (void)png;
    lb_free(block);
}

static void png_read(png_structp png, png_bytep out, size_t bytes)
{
    png_state *state = png_get_io_ptr(png);
    if (bytes > state->bytes) png_error(png, "the file ends too early");
    memcpy(out, state->file, bytes);
    state->file += bytes;
    state->bytes -= bytes;
}

static void read_head(png_state *state)
{
    png_set_read_fn(state->png, state, png_read);
    png_read_info(state->png, state->info);
    const unsigned colour = png_get_color_type(state->png, state->info) & PNG_COLOR_MASK_COLOR;
    state->facts =
        (lb_image_facts){{colour != 0 ? 3 : 1, png_get_image_height(state->png, state->info),
                          png_get_image_width(state->png, state->info)},
                         1};
}

/* Rows of red, green, blue and opacity, whatever the file holds; true: not all pixels are opaque. */
static bool ask_for_rows(png_state *state)
{
    png_structp png = state->png;
    const bool transparent = (png_get_color_type(png, state->info) & PNG_COLOR_MASK_ALPHA) != 0 ||
                             png_get_valid(png, state->info, PNG_INFO_tRNS) != 0;
    png_set_expand(png);
    if (png_get_bit_depth(png, state->info) == SIXTEEN) png_set_scale_16(png);
    png_set_gray_to_rgb(png);
    png_set_add_alpha(png, UINT8_MAX, PNG_FILLER_AFTER);
    return transparent;
}

static void put_on_black(uint8_t *pixels, size_t n)
{
    for (uint8_t *p = pixels; p < pixels + n * LB_PIXEL_BYTES; p += LB_PIXEL_BYTES) {
        for (size_t c = 0; c < 3; c++) p[c] = (uint8_t)((p[c] * (uint32_t)p[3] + 127u) / 255u);
    }
}

static void read_rows(png_state *state)
{
    const lb_image_part *part = state->part;
    const size_t width = state->facts.shape.width, height = state->facts.shape.height;
    const size_t stride = width * LB_PIXEL_BYTES;
    if (part->denominator != 1 || part->x + part->width > width ||
        part->y + part->height > height) {
        state->status =
            lb_fail(LB_E_FORMAT, "%s: the image is not the one it was a moment ago", state->where);
        return;
    }
    state->status = lb_buffer_reserve(state->buffer, height * stride, "image");
    if (state->status != LB_OK) return;
    const bool transparent = ask_for_rows(state);
    const int passes = png_set_interlace_handling(state->png);
    png_read_update_info(state->png, state->info);
    for (int i = 0; i < passes; i++) {
        for (size_t y = 0; y < height; y++)
            png_read_row(state->png, state->buffer->data + y * stride, NULL);
    }
    if (transparent) put_on_black(state->buffer->data, height * width);
    state->rows =
        (lb_image_rows){state->buffer->data + part->y * stride + part->x * LB_PIXEL_BYTES, stride};
}

/* Everything that may jump. */
static void png_run(png_state *state)
{
    if (setjmp(state->on_error) != 0) {
        state->status =
            state->no_memory
                ? lb_fail(LB_E_NOMEM, "%s: no memory to decode it", state->where)
                : lb_fail(LB_E_FORMAT, "%s: damaged PNG: %s", state->where, state->message);
        return;
    }
    state->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, state, png_fail, png_warn, state,
                                          png_take, png_give_back);
    if (state->png != NULL) state->info = png_create_info_struct(state->png);
    if (state->info == NULL) {
        state->status = lb_fail(LB_E_NOMEM, "%s: no memory to decode it", state->where);
        return;
    }
    read_head(state);
    if (state->part != NULL) read_rows(state);
}

lb_status lb_png_probe(const char *where, const uint8_t *file, size_t bytes, lb_image_facts *out)
{
    png_state state = {.where = where, .file = file, .bytes = bytes};
    png_run(&state);
    png_destroy_read_struct(&state.png, &state.info, NULL);
    if (state.status == LB_OK) *out = state.facts;
    return state.status;
}

lb_status lb_png_decode_part(const char *where, const uint8_t *file, size_t bytes,
                             const lb_image_part *part, lb_buffer *buffer, lb_image_rows *out)
{
    png_state state = {
        .where = where, .file = file, .bytes = bytes, .part = part, .buffer = buffer};
    png_run(&state);
    png_destroy_read_struct(&state.png, &state.info, NULL);
    if (state.status == LB_OK) *out = state.rows;
    return state.status;
}
