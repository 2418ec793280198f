/* What the reader and the writer of safetensors files share. */
#ifndef LB_BASE_SAFETENSORS_COMMON_H
#define LB_BASE_SAFETENSORS_COMMON_H

#include <stdbool.h>

#include "base/safetensors.h"

enum {
    LB_SAFETENSORS_LENGTH_BYTES = 8,       /* the header length before the header             */
    LB_SAFETENSORS_HEADER_MAX = 100000000, /* as the format's own readers: 100 MB             */
    LB_SAFETENSORS_ALIGN = 64              /* of the data section in files we write           */
};

/* Key of the header that holds the string-to-string map; no tensor may have it. */
#define LB_SAFETENSORS_METADATA "__metadata__"

/** "F32" and so on, as in the header. */
const char *lb_dtype_name(lb_dtype dtype);
/** The dtype of that name; false where there is none. */
bool lb_dtype_find(const char *name, lb_dtype *out);
/** Bytes of a tensor of these dims; false where they do not fit in size_t. */
bool lb_dtype_tensor_bytes(lb_dtype dtype, const size_t *dims, size_t n_dims, size_t *out);

#endif
