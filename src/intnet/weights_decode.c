/* Ternary weights of a file that are coded as gaps, to planes. */
#include "intnet/gaps.h"
#include "intnet/intnet.h"

/* Ternary fields are sign + 2 * non-zero. */
static uint8_t field_of(int8_t code)
{
    return (uint8_t)((code < 0) + 2 * (code != 0));
}

/* Gaps run along [O][I][KH][KW], planes along [O][KH][KW][I]. */
static void order_fields(const int8_t *codes, size_t filters, size_t taps, size_t channels,
                         uint8_t *fields)
{
    for (size_t o = 0; o < filters; o++, codes += taps * channels)
        for (size_t t = 0; t < taps; t++)
            for (size_t i = 0; i < channels; i++) *fields++ = field_of(codes[i * taps + t]);
}

lb_status lb_int_weights_decode(lb_int_weights *w, size_t filters, size_t taps, lb_arena *arena)
{
    const lb_gap_code code =
        w->encoding == LB_ENCODED_HUFFMAN ? LB_GAPS_HUFFMAN : LB_GAPS_RUN_LENGTH;
    uint8_t *stream = NULL;
    int8_t *codes = NULL;
    LB_TRY(
        lb_arena_alloc(arena, 2 * lb_stream_plane_bytes(w->count), 1, "weights", (void **)&stream));
    LB_TRY(lb_alloc(2 * w->count, 1, "weights", (void **)&codes));
    uint8_t *fields = (uint8_t *)codes + w->count;
    const lb_status status = lb_gaps_decode(code, w->encoded, w->encoded_bytes, w->count, codes);
    if (status == LB_OK) {
        order_fields(codes, filters, taps, w->count / filters / taps, fields);
        lb_stream_pack(2, w->count, fields, stream);
        w->at = stream;
    }
    lb_free(codes);
    return status;
}
