/* Weights of a file whose filters have different bits: a run of filters for each width, to planes of the widest grid
 * and back. */
#include "intnet/intnet.h"

enum { MAX_BITS = 8 };

lb_code_grid lb_grid_narrowed(lb_code_grid grid, int bits)
{
    if (bits == grid.bits) return grid;
    if (bits == 1) return (lb_code_grid){.bits = 1, .offset = 1, .step = -2};
    const int levels = 1 << bits;
    return (lb_code_grid){
        .bits = bits, .offset = grid.step == 2 ? 1 - levels : -levels / 2, .step = grid.step};
}

static size_t filters_of_width(const lb_int_weights *w, size_t filters, int bits)
{
    size_t n = 0;
    for (size_t o = 0; o < filters; o++) n += w->filter_bits[o] == bits;
    return n;
}

size_t lb_int_weights_mixed_bytes(const lb_int_weights *w, size_t filters)
{
    const size_t size = w->count / filters;
    size_t bytes = 0;
    for (int bits = 1; bits <= MAX_BITS; bits++)
        bytes += (size_t)bits * lb_stream_plane_bytes(filters_of_width(w, filters, bits) * size);
    return bytes;
}

/* Fields of filters of one width, from their own grid to the widest, or the other way. */
static void move_run(const lb_int_weights *w, size_t filters, int bits, uint8_t *run, uint8_t *all,
                     bool widen)
{
    const lb_code_grid narrow = lb_grid_narrowed(w->grid, bits);
    const size_t size = w->count / filters;
    for (size_t o = 0; o < filters; o++) {
        if (w->filter_bits[o] != bits) continue;
        for (size_t i = o * size; i < (o + 1) * size; i++, run++) {
            if (widen)
                all[i] = lb_grid_field(w->grid, narrow.offset + narrow.step * *run);
            else
                *run = lb_grid_field(narrow, w->grid.offset + w->grid.step * all[i]);
        }
    }
}

lb_status lb_int_weights_widen(lb_int_weights *w, size_t filters, lb_arena *arena)
{
    const size_t size = w->count / filters;
    const int widest = w->grid.bits;
    const uint8_t *from = w->encoded;
    uint8_t *stream = NULL, *fields = NULL;
    LB_TRY(lb_arena_alloc(arena, (size_t)widest * lb_stream_plane_bytes(w->count), 1, "weights",
                          (void **)&stream));
    LB_TRY(lb_alloc(2 * w->count, 1, "weights", (void **)&fields));
    uint8_t *run = fields + w->count;
    for (int bits = 1; bits <= widest; bits++) {
        const size_t n = filters_of_width(w, filters, bits) * size;
        lb_stream_unpack(bits, n, from, run);
        move_run(w, filters, bits, run, fields, true);
        from += (size_t)bits * lb_stream_plane_bytes(n);
    }
    lb_stream_pack(widest, w->count, fields, stream);
    lb_free(fields);
    w->at = stream;
    return LB_OK;
}

lb_status lb_int_weights_narrow(lb_int_weights *w, size_t filters, lb_arena *arena)
{
    const size_t size = w->count / filters;
    uint8_t *stream = NULL, *fields = NULL;
    w->encoding = LB_ENCODED_MIXED;
    w->encoded_bytes = lb_int_weights_mixed_bytes(w, filters);
    LB_TRY(lb_arena_alloc(arena, w->encoded_bytes, 1, "weights", (void **)&stream));
    LB_TRY(lb_alloc(2 * w->count, 1, "weights", (void **)&fields));
    uint8_t *run = fields + w->count;
    w->encoded = stream;
    lb_stream_unpack(w->grid.bits, w->count, w->at, fields);
    for (int bits = 1; bits <= w->grid.bits; bits++) {
        const size_t n = filters_of_width(w, filters, bits) * size;
        move_run(w, filters, bits, run, fields, false);
        lb_stream_pack(bits, n, run, stream);
        stream += (size_t)bits * lb_stream_plane_bytes(n);
    }
    lb_free(fields);
    return LB_OK;
}
