/* Ternary weights as gaps, for files. */
#include "intnet/gaps.h"
#include "intnet/intnet.h"

/* Codes in the order [O][I][KH][KW] of a layer's weights, which stand in the order [O][KH][KW][I]. */
static lb_status ordered_codes(const lb_int_layer *l, int8_t **out)
{
    const size_t filters = l->map.shape.c, taps = l->window.kh * l->window.kw;
    const size_t channels = l->weights.count / filters / taps;
    const lb_int_weights weights = l->weights;
    int16_t *stored = NULL;
    int8_t *codes = NULL;
    LB_TRY(lb_alloc(weights.count, sizeof *stored, "weights", (void **)&stored));
    const lb_status status = lb_alloc(weights.count, 1, "weights", (void **)&codes);
    if (status == LB_OK) {
        lb_int_weights_codes(&weights, stored);
        for (size_t o = 0; o < filters; o++)
            for (size_t t = 0; t < taps; t++)
                for (size_t i = 0; i < channels; i++)
                    codes[(o * channels + i) * taps + t] =
                        (int8_t)stored[(o * taps + t) * channels + i];
        *out = codes;
    }
    lb_free(stored);
    return status;
}

lb_status lb_int_layer_measure_gaps(const lb_int_layer *layer, lb_gap_sizes *out)
{
    int8_t *codes = NULL;
    LB_TRY(ordered_codes(layer, &codes));
    const lb_status status = lb_gaps_measure(codes, layer->weights.count, out);
    lb_free(codes);
    return status;
}

static lb_status encode(lb_int_layer *l, lb_weight_encoding encoding, lb_arena *arena)
{
    lb_int_weights *w = &l->weights;
    const lb_gap_code code = encoding == LB_ENCODED_HUFFMAN ? LB_GAPS_HUFFMAN : LB_GAPS_RUN_LENGTH;
    int8_t *codes = NULL;
    uint8_t *stream = NULL;
    size_t bytes = 0;
    LB_TRY(ordered_codes(l, &codes));
    const lb_status status = lb_gaps_encode(code, codes, w->count, arena, &stream, &bytes);
    lb_free(codes);
    if (status != LB_OK) return status;
    const bool too_few = w->count / LB_GAP_WEIGHTS_A_BYTE > bytes;
    if (too_few || bytes >= lb_int_weights_stored_bytes(w)) return LB_OK;
    w->encoding = encoding;
    w->encoded = stream;
    w->encoded_bytes = bytes;
    return LB_OK;
}

lb_status lb_intnet_encode(lb_intnet *net, lb_weight_encoding encoding)
{
    for (size_t i = 0; i < net->n_layers && encoding != LB_ENCODED_PLANES; i++) {
        lb_int_layer *l = &net->layers[i];
        if (l->op == LB_INT_CONV && l->weights.storage == LB_STORED_TERNARY)
            LB_TRY(encode(l, encoding, &net->arena));
    }
    return LB_OK;
}
