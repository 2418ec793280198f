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
    size_t parts;   /* of a filter that codes are read for one at a time; else 1 */
    uint8_t *plane; /* bytes of a filter's plane */
    uint8_t *bits;  /* of the same */
    int16_t *codes; /* of a filter */
} lb_weights_reader;

/** A reader of a layer's weights. Ownership: lb_weights_reader_end. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_weights_reader_begin(const lb_intnet *net, size_t layer,
                                                lb_weights_reader *out);
void lb_weights_reader_end(lb_weights_reader *reader);

/**
 * Are the sums of a layer's kernel rows or positions filters of a kernel of one row or position? They are run as
 * such over every row of the input, and what they give outside the map is left out when a window's are put
 * together (run_parts.c): a multiplication for each weight, where filters with zeros elsewhere would have one for
 * each weight and sum. Rows are not where a stride passes rows by.
 */
bool lb_conv_runs_by_parts(const lb_int_layer *layer);

/** Codes of filters [first, first + n): an lb_conv_codes_fn on a reader. */
void lb_weights_read_codes(const void *reader, size_t first, size_t n, int16_t *codes);
/** One filter as floats: an lb_float_weights_fn on a reader. */
void lb_weights_read_floats(const void *reader, size_t filter, float *weights);

/** An integer CONV layer as kernels see it; by parts: each sum a filter of a part of the kernel. */
lb_int_conv lb_int_conv_of(const lb_intnet *net, size_t layer);

#endif
