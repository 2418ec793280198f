/* Ternary weights of a file that are coded as gaps, to planes. */
#include "intnet/gaps.h"
#include "intnet/intnet.h"

/* Planes, and what places in them follow from. */
typedef struct planes {
    uint8_t *sign, *nonzero;
    size_t taps, channels;
} planes;

/* Gaps run along [O][I][KH][KW], planes along [O][KH][KW][I]. */
static void put(size_t place, bool negative, void *user)
{
    const planes *p = user;
    const size_t filter = p->taps * p->channels, in_filter = place % filter;
    const size_t at = place - in_filter + in_filter % p->taps * p->channels + in_filter / p->taps;
    const unsigned bit = 1u << at % 8;
    p->nonzero[at / 8] |= (uint8_t)bit;
    if (negative) p->sign[at / 8] |= (uint8_t)bit;
}

lb_status lb_int_weights_decode(lb_int_weights *w, size_t filters, size_t taps, lb_arena *arena)
{
    const lb_gap_code code =
        w->encoding == LB_ENCODED_HUFFMAN ? LB_GAPS_HUFFMAN : LB_GAPS_RUN_LENGTH;
    const size_t plane = lb_stream_plane_bytes(w->count);
    uint8_t *stream = NULL;
    LB_TRY(lb_arena_alloc(arena, 2 * plane, 1, "weights", (void **)&stream));
    planes p = {stream, stream + plane, taps, w->count / filters / taps};
    LB_TRY(lb_gaps_decode(code, w->encoded, w->encoded_bytes, w->count, put, &p));
    w->at = stream;
    return LB_OK;
}
