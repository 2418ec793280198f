#include "runtime/layer_weights.h"

#include <stdlib.h>
#include <string.h>

#include "base/safetensors.h"

enum { BYTE_BITS = 8 };

lb_status lb_weights_reader_begin(const lb_intnet *net, size_t layer, lb_weights_reader *out)
{
    const lb_int_layer *l = &net->layers[layer];
    lb_weights_reader reader = {.net = net,
                                .weights = &l->weights,
                                .channels = l->map.shape.c,
                                .filter_size = l->weights.count / l->map.shape.c,
                                .parts = lb_conv_runs_by_parts(l) ? l->weights.terms : 1};
    const size_t bits = reader.filter_size + BYTE_BITS; /* a filter may begin within a byte */
    void *plane = NULL, *of_plane = NULL, *codes = NULL;
    lb_status status = lb_alloc(lb_stream_plane_bytes(bits), 1, "weight bits", &plane);
    if (status == LB_OK) status = lb_alloc(bits, 1, "weight bits", &of_plane);
    if (status == LB_OK)
        status = lb_alloc(reader.filter_size, sizeof *reader.codes, "weight codes", &codes);
    reader.plane = plane;
    reader.bits = of_plane;
    reader.codes = codes;
    if (status == LB_OK)
        *out = reader;
    else
        lb_weights_reader_end(&reader);
    return status;
}

void lb_weights_reader_end(lb_weights_reader *reader)
{
    lb_free(reader->plane);
    lb_free(reader->bits);
    lb_free(reader->codes);
    *reader = (lb_weights_reader){0};
}

static void copy(const lb_weights_reader *reader, const void *from, size_t bytes, void *to)
{
    if (reader->net->file)
        lb_safetensors_copy(reader->net->file, from, bytes, to);
    else
        memcpy(to, from, bytes);
}

/* The fields of a filter of channel `channel`: plane after plane, of which a part is read. */
static void read_fields(const lb_weights_reader *reader, size_t channel, int16_t *fields)
{
    const lb_int_weights *w = reader->weights;
    const size_t n = reader->filter_size, first = channel * n, skip = first % BYTE_BITS;
    const uint8_t *plane = (const uint8_t *)w->at + first / BYTE_BITS;
    memset(fields, 0, n * sizeof *fields);
    for (int p = 0; p < lb_int_weights_bits(w); p++, plane += lb_stream_plane_bytes(w->count)) {
        copy(reader, plane, lb_stream_plane_bytes(skip + n), reader->plane);
        lb_stream_unpack(1, skip + n, reader->plane, reader->bits);
        for (size_t i = 0; i < n; i++)
            fields[i] = (int16_t)(fields[i] | reader->bits[skip + i] << p);
    }
}

/* Fields to the codes that sum `term` of the layer adds: 0 outside of its kernel row or position. */
static void fields_to_codes(const lb_int_weights *w, size_t term, size_t n, int16_t *codes)
{
    static const int16_t ternary[4] = {0, 0, 1, -1}; /* sign + 2 * non-zero */
    const bool by_sign = w->sums == LB_SUMS_SIGN;
    const size_t share = by_sign ? n : n / w->terms, begin = by_sign ? 0 : term * share;
    for (size_t i = 0; i < n; i++) {
        const int code = w->storage == LB_STORED_TERNARY ? ternary[codes[i]]
                                                         : w->grid.offset + w->grid.step * codes[i];
        const int of_sign = term == 0 ? code > 0 : code < 0;
        codes[i] = (int16_t)(i - begin >= share ? 0 : by_sign ? of_sign : code);
    }
}

bool lb_conv_runs_by_parts(const lb_int_layer *l)
{
    if (l->weights.terms == 1 || l->op != LB_INT_CONV) return false;
    return l->weights.sums == LB_SUMS_PIXEL ||
           (l->weights.sums == LB_SUMS_ROW && l->window.stride == 1);
}

static void read_codes(const lb_weights_reader *reader, size_t filter, int16_t *codes)
{
    read_fields(reader, filter % reader->channels, codes);
    fields_to_codes(reader->weights, filter / reader->channels, reader->filter_size, codes);
}

void lb_weights_read_codes(const void *user, size_t first, size_t n, int16_t *codes)
{
    const lb_weights_reader *reader = user;
    const size_t size = reader->filter_size / reader->parts;
    for (size_t f = first; f < first + n; f++, codes += size) {
        read_codes(reader, f, reader->codes);
        const size_t part = f / reader->channels % reader->parts;
        memcpy(codes, reader->codes + part * size, size * sizeof *codes);
    }
}

void lb_weights_read_floats(const void *user, size_t filter, float *weights)
{
    const lb_weights_reader *reader = user;
    const size_t size = reader->filter_size;
    if (reader->weights->storage == LB_STORED_FLOAT) {
        copy(reader, (const float *)reader->weights->at + filter * size, size * sizeof *weights,
             weights);
        return;
    }
    read_codes(reader, filter, reader->codes);
    for (size_t i = 0; i < size; i++) weights[i] = (float)reader->codes[i];
}

/* ---- what kernels are told ---- */

static lb_weight_class class_of(const lb_int_layer *l)
{
    const lb_int_weights *w = &l->weights;
    if (w->storage == LB_STORED_TERNARY) return LB_WEIGHTS_TERNARY;
    if (lb_int_weights_largest(w) > 1) return LB_WEIGHTS_INTEGER;
    /* one bit on -1, +1 has no zero, but where a sum leaves weights out; on {0, 1} or -1, 0 it is a
     * ternary grid of two codes */
    const bool left_out = w->terms > 1 && !lb_conv_runs_by_parts(l);
    return left_out || lb_grid_has_zero(w->grid) ? LB_WEIGHTS_TERNARY : LB_WEIGHTS_BINARY;
}

lb_int_conv lb_int_conv_of(const lb_intnet *net, size_t layer)
{
    const lb_int_layer *l = &net->layers[layer];
    const lb_int_map *in = &net->layers[l->in[0]].map;
    const lb_weight_class class = class_of(l);
    lb_int_conv conv = {
        .in_c = in->shape.c,
        .in_h = in->shape.h,
        .in_w = in->shape.w,
        .filters = l->weights.terms * l->map.shape.c,
        .out_h = l->map.shape.h,
        .out_w = l->map.shape.w,
        .groups = l->groups,
        .terms = l->weights.terms,
        .kh = l->window.kh,
        .kw = l->window.kw,
        .stride = l->window.stride,
        .pad_top = l->window.pad_top,
        .pad_left = l->window.pad_left,
        .acts = in->grid,
        .weights = class,
        .weight_bits = class == LB_WEIGHTS_TERNARY ? 2 : lb_int_weights_bits(&l->weights),
        .max_weight = lb_int_weights_largest(&l->weights),
    };
    if (!lb_conv_runs_by_parts(l)) return conv;
    conv.kh = conv.stride = 1;
    conv.pad_top = 0;
    conv.out_h = conv.in_h;
    if (l->weights.sums == LB_SUMS_ROW) return conv;
    conv.kw = 1;
    conv.pad_left = 0;
    conv.out_w = conv.in_w;
    return conv;
}
