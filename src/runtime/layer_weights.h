/* Weights of a CONV layer, from the packed file to what kernels take: a filter at a time, copied from the
 * file, so that it does not lie in memory beside what is made of it. */
#ifndef LB_RUNTIME_LAYER_WEIGHTS_H
#define LB_RUNTIME_LAYER_WEIGHTS_H

#include "intnet/intnet.h"
#include "kernels/conv/conv.h"

/* Reads filters of one layer; filter = term * channels + channel. */
typedef struct lb_weights_reader {
    const lb_intnet *net;
    const lb_int_weights *weights;
    size_t channels, filter_size;
    uint8_t *plane; /* bytes of a filter's plane */
    uint8_t *bits;  /* of the same */
    int16_t *codes; /* of a filter, for lb_weights_read_floats */
} lb_weights_reader;

/** A reader of a layer's weights. Ownership: lb_weights_reader_end. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_weights_reader_begin(const lb_intnet *net, size_t layer,
                                                lb_weights_reader *out);
void lb_weights_reader_end(lb_weights_reader *reader);

/** Codes of filters [first, first + n): an lb_conv_codes_fn on a reader. */
void lb_weights_read_codes(const void *reader, size_t first, size_t n, int16_t *codes);
/** One filter as floats: an lb_float_weights_fn on a reader. */
void lb_weights_read_floats(const void *reader, size_t filter, float *weights);

/** How many weights of a CONV with ternary weights are not zero. */
size_t lb_weights_count_nonzero(const lb_intnet *net, size_t layer);
/** An integer CONV layer as kernels see it. */
lb_int_conv lb_int_conv_of(const lb_intnet *net, size_t layer);

#endif
