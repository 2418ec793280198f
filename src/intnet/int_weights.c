/* Weights of the integer network, from their bits to codes and floats. */
#include <stdlib.h>
#include <string.h>

#include "intnet/intnet.h"

/* Ternary fields are sign + 2 * non-zero; field 1 is refused by lb_intnet_check. */
static const int ternary_code[4] = {0, 0, 1, -1};

static int code_of(const lb_int_weights *w, uint8_t field)
{
    if (w->storage == LB_STORED_TERNARY) return ternary_code[field];
    return w->grid.offset + w->grid.step * field;
}

size_t lb_int_weights_terms(lb_weight_sums sums, const lb_window *window)
{
    switch (sums) {
    case LB_SUMS_WHOLE: break;
    case LB_SUMS_SIGN: return 2;
    case LB_SUMS_ROW: return window->kh;
    case LB_SUMS_PIXEL: return window->kh * window->kw;
    }
    return 1;
}

/* Fields wait in the last bytes of the array that they become: an element of 2 or 4 bytes is written at or
 * before the byte of its own field, the fields behind it are still whole. */
static uint8_t *unpack_at_end(const lb_int_weights *w, void *array, size_t element_bytes)
{
    uint8_t *fields = (uint8_t *)array + (element_bytes - 1) * w->count;
    lb_stream_unpack(lb_int_weights_bits(w), w->count, w->at, fields);
    return fields;
}

void lb_int_weights_codes(const lb_int_weights *weights, int16_t *codes)
{
    const uint8_t *fields = unpack_at_end(weights, codes, sizeof *codes);
    for (size_t i = 0; i < weights->count; i++) codes[i] = (int16_t)code_of(weights, fields[i]);
}

void lb_int_weights_floats(const lb_int_weights *weights, float *values)
{
    if (weights->storage == LB_STORED_FLOAT) {
        memcpy(values, weights->at, weights->count * sizeof *values);
        return;
    }
    const uint8_t *fields = unpack_at_end(weights, values, sizeof *values);
    for (size_t i = 0; i < weights->count; i++) values[i] = (float)code_of(weights, fields[i]);
}

int lb_int_weights_bits(const lb_int_weights *weights)
{
    switch (weights->storage) {
    case LB_STORED_FLOAT: return 32;
    case LB_STORED_TERNARY: return 2;
    case LB_STORED_GRID: break;
    }
    return weights->grid.bits;
}

double lb_int_weights_mean_bits(const lb_int_weights *weights, size_t filters)
{
    if (!weights->filter_bits) return lb_int_weights_bits(weights);
    size_t sum = 0;
    for (size_t o = 0; o < filters; o++) sum += weights->filter_bits[o];
    return (double)sum / (double)filters;
}

int lb_int_weights_largest(const lb_int_weights *weights)
{
    if (weights->storage == LB_STORED_TERNARY) return 1;
    const int low = abs(lb_grid_low(weights->grid)), high = abs(lb_grid_high(weights->grid));
    return low > high ? low : high;
}

size_t lb_int_weights_stored_bytes(const lb_int_weights *weights)
{
    if (weights->storage == LB_STORED_FLOAT) return weights->count * sizeof(float);
    if (weights->encoding != LB_ENCODED_PLANES) return weights->encoded_bytes;
    return (size_t)lb_int_weights_bits(weights) * lb_stream_plane_bytes(weights->count);
}
