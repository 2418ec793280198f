/* What the pieces of the packed file's reader share. */
#ifndef LB_INTNET_PACKED_READ_H
#define LB_INTNET_PACKED_READ_H

#include <jansson.h>

#include "base/safetensors.h"
#include "intnet/intnet_check.h"
#include "intnet/packed_format.h"

/* Values of steps that numbers of the graph stand for, in all layers: no network comes near, and a small file asks for
 * 64 MB at most. */
enum { LB_PACKED_REPEATED_MAX = 1 << 24 };

typedef struct lb_packed_reader {
    lb_intnet *net;  /* arena, file and the layers read so far */
    size_t taken;    /* tensors that layers have found */
    size_t repeated; /* values that numbers stand for so far */
} lb_packed_reader;

/** The tensor "NAME.word" of a layer, of this type and shape. Errors: LB_E_FORMAT. */
LB_MUST_CHECK lb_status lb_packed_take(lb_packed_reader *r, const lb_int_layer *l, const char *word,
                                       lb_dtype dtype, size_t n_dims, const size_t *dims,
                                       const void **out);
/** Bits of channels, two hexadecimal digits a byte; no value: none is set. *out lies in the arena. */
LB_MUST_CHECK lb_status lb_packed_read_bits(lb_packed_reader *r, const lb_int_layer *l,
                                            const char *key, const json_t *value,
                                            const uint8_t **out);
/** The post of a layer whose map and number of sums are known. */
LB_MUST_CHECK lb_status lb_packed_read_post(lb_packed_reader *r, size_t layer,
                                            const json_t *object);

#endif
