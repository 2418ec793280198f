/* The safetensors container: named tensors and a string-to-string metadata map.
 * Layout: u64 little-endian header length, a JSON header, the tensors' bytes.
 * https://huggingface.co/docs/safetensors. Used by checkpoints and packed networks. */
#ifndef LB_BASE_SAFETENSORS_H
#define LB_BASE_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

typedef enum lb_dtype { LB_F32, LB_I8, LB_U8, LB_I16, LB_I32, LB_I64, LB_U64 } lb_dtype;
enum { LB_TENSOR_MAX_DIMS = 5 };

/** Bytes of one element. */
size_t lb_dtype_bytes(lb_dtype dtype);

/* A tensor in a file: `data` borrowed from the map (reading) or from the caller (writing). */
typedef struct lb_stored_tensor {
    const char *name;
    lb_dtype dtype;
    size_t n_dims, dims[LB_TENSOR_MAX_DIMS];
    const void *data;
    size_t bytes;
} lb_stored_tensor;
typedef struct lb_stored_text {
    const char *key, *value;
} lb_stored_text;

/**
 * Write tensors and metadata atomically; the same input gives the same bytes.
 *
 * Layout: the header names the tensors in the given order. Their data begins at a multiple of 64
 *         bytes and has no gaps, as the format demands: wider elements stand before narrower
 *         ones, so that every tensor is aligned to its element; among equals the given order
 *         holds.
 * Errors: LB_E_ARG a name or key that is doubled, reserved or not UTF-8, too many dims, or bytes
 *         that are not the product of the dims; LB_E_IO; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_safetensors_write(const char *path, const lb_stored_tensor *tensors,
                                             size_t n_tensors, const lb_stored_text *metadata,
                                             size_t n_metadata);

typedef struct lb_safetensors lb_safetensors;
/**
 * Open by mmap and check every field: header length, JSON, names unique, dtype known, sizes
 * equal to the product of the dims, ranges inside the file, contiguous and not overlapping. Data
 * of tensors is aligned to their elements; where the file does not align it, it is a copy.
 *
 * Errors: LB_E_IO, LB_E_FORMAT (names the file and the field), LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_safetensors_open(const char *path, lb_safetensors **out);
/**
 * The same for a file that is in memory already.
 *
 * Ownership: the bytes are borrowed until the file is closed, and never written; `name` stands in messages, for a path.
 * Errors:    LB_E_FORMAT, LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_safetensors_open_memory(const char *name, const void *data, size_t bytes,
                                                   lb_safetensors **out);
void lb_safetensors_close(lb_safetensors *file);
/** Copy some of a tensor's data without taking memory for the file's pages, as reading it would. */
void lb_safetensors_copy(const lb_safetensors *file, const void *from, size_t bytes, void *to);
/** Give the memory of the file's pages back; they are read again when they are touched. */
void lb_safetensors_forget(const lb_safetensors *file);
/** The tensor of that name, or NULL. Borrowed from the file. */
const lb_stored_tensor *lb_safetensors_find(const lb_safetensors *file, const char *name);
/** All tensors in file order. Borrowed. */
const lb_stored_tensor *lb_safetensors_tensors(const lb_safetensors *file, size_t *n);
/** Bytes of the file. */
size_t lb_safetensors_bytes(const lb_safetensors *file);
/** Metadata value of that key, or NULL. Borrowed. */
const char *lb_safetensors_metadata(const lb_safetensors *file, const char *key);

#endif
