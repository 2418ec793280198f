/* Prepared rows of the kernels that multiply codes. Before including this, a file defines
 *
 *     LB_PREPARE          the function's name
 *     LB_CODE             uint8_t or int8_t: rows of fields, or int16_t: rows of codes
 *     LB_UNSIGNED_CODE    the same without sign
 *     fields_32(const uint8_t *word, size_t plane_bytes, int bits, uint8_t *to)
 *                         the fields of 32 channels from their planes */
#include <string.h>

#include "base/compiler.h"
#include "kernels/conv/conv_multiply.h"
#include "kernels/conv/conv_winograd.h"

enum { WORD = 32 }; /* channels that are expanded together */

/* What is constant in a row: its convolution, and how a field is stored: as offset + step * field, or in a
 * byte as offset + field. */
typedef struct row_codes {
    const lb_int_conv *conv;
    int offset, step;
    size_t pixel_bytes, plane_bytes;
} row_codes;

static row_codes row_codes_of(const lb_multiply_method *method, const lb_int_conv *conv)
{
    row_codes codes = {.conv = conv, .offset = conv->acts.offset, .step = conv->acts.step};
    if (sizeof(LB_CODE) == 1) codes.offset = -lb_multiply_field_shift(method, conv);
    codes.pixel_bytes = lb_map_pixel_bytes(conv->acts.bits, conv->in_c);
    codes.plane_bytes = (conv->in_c + WORD - 1) / WORD * sizeof(uint32_t);
    return codes;
}

static const bool fields_are_codes = sizeof(LB_CODE) == 1 && (LB_CODE)-1 > 0;

static inline LB_CODE code_of(const row_codes *codes, unsigned field)
{
    if (sizeof(LB_CODE) == 1) return (LB_CODE)(codes->offset + (int)field);
    return (LB_CODE)(codes->offset + codes->step * (int)field);
}

static void fill(const row_codes *codes, LB_CODE *to, const LB_CODE *end)
{
    const LB_CODE code = code_of(codes, lb_conv_pad_field(codes->conv));
    while (to < end) *to++ = code;
}

/* Channels [c, c + 32) of a pixel of a packed row; what lies past the last channel may be anything. */
LB_ALWAYS_INLINE void load_codes(const row_codes *codes, const uint8_t *pixel, size_t c,
                                 LB_CODE *to)
{
    uint8_t expanded[WORD];
    uint8_t *fields = fields_are_codes ? (uint8_t *)to : expanded;
    const size_t left = codes->conv->in_c - c;
    if (codes->conv->acts.bits <= LB_PLANE_BITS_MAX) {
        fields_32(pixel + c / 8, codes->plane_bytes, codes->conv->acts.bits, fields);
    } else {
        memset(fields, 0, WORD);
        memcpy(fields, pixel + c, left < WORD ? left : WORD);
    }
    if (fields_are_codes) return;
    for (size_t i = 0; i < WORD; i++) to[i] = code_of(codes, expanded[i]);
}

/* Every 32 channels are stored whole: what passes a pixel's last channel is overwritten by the next pixel
 * or lies in the bytes past the row. */
static void prepare_plain(const row_codes *codes, const uint8_t *row, LB_CODE *to,
                          const LB_CODE *end)
{
    const lb_int_conv *conv = codes->conv;
    const size_t columns = lb_conv_row_pixels(conv), in_c = conv->in_c;
    const size_t before = conv->pad_left < columns ? conv->pad_left : columns;
    const size_t left = row ? columns - before : 0, inside = left < conv->in_w ? left : conv->in_w;
    fill(codes, to, to + before * in_c);
    to += before * in_c;
    if (conv->acts.bits <= LB_PLANE_BITS_MAX) {
        for (size_t x = 0; x < inside; x++)
            for (size_t c = 0; c < in_c; c += WORD)
                load_codes(codes, row + x * codes->pixel_bytes, c, to + x * in_c + c);
    } else if (!fields_are_codes) {
        for (size_t i = 0; i < inside * in_c; i++) to[i] = code_of(codes, row[i]);
    } else if (inside > 0) {
        memcpy(to, row, inside * in_c);
    }
    fill(codes, to + inside * in_c, end);
}

/* ---- Winograd ---- */

/* Codes modulo 2^8 or 2^16, in which the transforms' results fit again. */
enum { VECTOR = 32 / sizeof(LB_CODE) };
typedef LB_UNSIGNED_CODE codes_t __attribute__((vector_size(32)));
typedef LB_CODE columns_t[LB_WINOGRAD_POSITIONS_MAX][WORD];

#define PUT(position, codes)                               \
    do {                                                   \
        const codes_t put_ = (codes);                      \
        memcpy(to + (position)*pitch, &put_, sizeof put_); \
    } while (0)

/* The input transform of a vector of channels, from channel c of the columns on. `bias`: the largest field, for
 * rows without sign, else 0. Products by small constants are sums, as there is no multiplication of bytes. */
LB_ALWAYS_INLINE void transform(const size_t outputs, const columns_t *columns, size_t c,
                                codes_t bias, size_t pitch, LB_CODE *to)
{
    codes_t d[LB_WINOGRAD_POSITIONS_MAX];
    for (size_t x = 0; x < outputs + LB_WINOGRAD_TAPS - 1; x++)
        memcpy(&d[x], &(*columns)[x][c], sizeof d[x]);
    if (outputs == 2) {
        PUT(0, d[0] - d[2] + bias);
        PUT(1, d[1] + d[2]);
        PUT(2, d[2] - d[1] + bias);
        PUT(3, d[1] - d[3] + bias);
        return;
    }
    const codes_t bias2 = bias + bias, bias3 = bias2 + bias, bias5 = bias3 + bias2;
    const codes_t twice0 = d[0] + d[0], twice1 = d[1] + d[1], twice2 = d[2] + d[2];
    const codes_t twice3 = d[3] + d[3], four0 = twice0 + twice0, four1 = twice1 + twice1;
    const codes_t four2 = twice2 + twice2, four3 = twice3 + twice3;
    PUT(0, four0 - four2 - d[2] + d[4] + bias5);
    PUT(1, four1 + four2 - d[3] - d[4] + bias2);
    PUT(2, four2 - four1 + d[3] - d[4] + bias5);
    PUT(3, twice3 - twice1 + d[4] - d[2] + bias3);
    PUT(4, twice1 - twice3 + d[4] - d[2] + bias3);
    PUT(5, four1 - four3 - d[3] + d[5] + bias5);
}
#undef PUT

/* Channels [c, c + 32) of column x of the padded row. */
static void load_column(const row_codes *codes, const uint8_t *row, size_t x, size_t c, LB_CODE *to)
{
    const lb_int_conv *conv = codes->conv;
    if (row && x >= conv->pad_left && x - conv->pad_left < conv->in_w) {
        load_codes(codes, row + (x - conv->pad_left) * codes->pixel_bytes, c, to);
    } else {
        fill(codes, to, to + WORD);
    }
}

LB_ALWAYS_INLINE void prepare_blocks(const size_t outputs, const row_codes *codes,
                                     const uint8_t *row, size_t pitch, LB_CODE *prepared)
{
    const lb_int_conv *conv = codes->conv;
    const size_t blocks = (conv->out_w + outputs - 1) / outputs;
    const size_t shared = LB_WINOGRAD_TAPS - 1, positions = outputs + shared;
    const bool has_sign = (LB_CODE)-1 < 0;
    const LB_UNSIGNED_CODE largest = (LB_UNSIGNED_CODE)(has_sign ? 0 : (1u << conv->acts.bits) - 1);
    const codes_t bias = largest - (codes_t){0};
    columns_t d;
    for (size_t c = 0; c < conv->in_c; c += WORD) {
        LB_CODE *to = prepared + c;
        for (size_t x = 0; x < shared; x++) load_column(codes, row, x, c, d[outputs + x]);
        for (size_t b = 0; b < blocks; b++, to += positions * pitch) {
            memcpy(d, d + outputs, shared * sizeof *d);
            for (size_t x = shared; x < positions; x++)
                load_column(codes, row, b * outputs + x, c, d[x]);
            for (size_t i = 0; i < WORD; i += VECTOR)
                transform(outputs, (const columns_t *)&d, i, bias, pitch, to + i);
        }
    }
}

void LB_PREPARE(const lb_multiply_method *method, const lb_int_conv *conv, const void *row,
                void *prepared)
{
    const row_codes codes = row_codes_of(method, conv);
    const size_t bytes = lb_multiply_row_bytes(method, conv);
    const LB_CODE *end = (LB_CODE *)prepared + bytes / sizeof(LB_CODE);
    if (!method->winograd) {
        prepare_plain(&codes, row, prepared, end);
        return;
    }
    const lb_multiply_layout l = lb_multiply_layout_of(method, conv);
    const size_t blocks = (conv->out_w + l.outputs - 1) / l.outputs;
    const size_t pitch = l.run_pitch / sizeof(LB_CODE);
    if (l.outputs == 2) {
        prepare_blocks(2, &codes, row, pitch, prepared);
    } else {
        prepare_blocks(4, &codes, row, pitch, prepared);
    }
    fill(&codes, (LB_CODE *)prepared + blocks * l.positions * pitch, end);
}
