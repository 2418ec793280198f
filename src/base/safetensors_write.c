/* Writing safetensors files: a JSON header made with jansson, then the data. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/safetensors_common.h"

static lb_status no_memory(const char *path)
{
    return lb_fail(LB_E_NOMEM, "%s: cannot allocate the header", path);
}

static lb_status check_tensor(const char *path, const lb_stored_tensor *t)
{
    if (strcmp(t->name, LB_SAFETENSORS_METADATA) == 0) {
        return lb_fail(LB_E_ARG, "%s: '%s' is reserved and cannot name a tensor", path, t->name);
    }
    if (t->n_dims > LB_TENSOR_MAX_DIMS) {
        return lb_fail(LB_E_ARG, "%s: tensor '%s' has %zu dimensions, at most %d are stored", path,
                       t->name, t->n_dims, LB_TENSOR_MAX_DIMS);
    }
    size_t bytes = 0;
    const bool fits = lb_dtype_tensor_bytes(t->dtype, t->dims, t->n_dims, &bytes);
    if (!fits || bytes != t->bytes) {
        return lb_fail(LB_E_ARG, "%s: tensor '%s' has %zu bytes, but its dimensions make %zu", path,
                       t->name, t->bytes, bytes);
    }
    return LB_OK;
}

/* offsets[i]: where the data of tensor i begins. Wider elements first, so that all are aligned. */
static void lay_out(const lb_stored_tensor *tensors, size_t n, size_t *offsets, size_t *order)
{
    size_t end = 0, placed = 0;
    for (size_t width = 8; width >= 1; width /= 2) {
        for (size_t i = 0; i < n; i++) {
            if (lb_dtype_bytes(tensors[i].dtype) != width) continue;
            offsets[i] = end;
            end += tensors[i].bytes;
            order[placed++] = i;
        }
    }
    lb_assert(placed == n);
}

/* Add `value` (owned) under a key that must be new. */
static lb_status add_entry(const char *path, json_t *object, const char *key, json_t *value)
{
    if (json_object_get(object, key) != NULL) {
        json_decref(value);
        return lb_fail(LB_E_ARG, "%s: '%s' is stored twice", path, key);
    }
    if (value == NULL) return no_memory(path);
    /* sets fail for memory and for keys that are not UTF-8; a string made of the key tells which */
    if (json_object_set_new(object, key, value) == 0) return LB_OK;
    json_t *text = json_string(key);
    json_decref(text);
    if (text == NULL) return lb_fail(LB_E_ARG, "%s: a name is not UTF-8: '%s'", path, key);
    return no_memory(path);
}

static lb_status add_metadata(const char *path, json_t *header, const lb_stored_text *metadata,
                              size_t n)
{
    json_t *map = json_object();
    if (map == NULL) return no_memory(path);
    lb_status status = LB_OK;
    for (size_t i = 0; status == LB_OK && i < n; i++) {
        json_t *value = json_string(metadata[i].value);
        if (value == NULL) {
            status = lb_fail(LB_E_ARG, "%s: the value of metadata '%s' is not UTF-8", path,
                             metadata[i].key);
        } else {
            status = add_entry(path, map, metadata[i].key, value);
        }
    }
    if (status != LB_OK) {
        json_decref(map);
        return status;
    }
    return add_entry(path, header, LB_SAFETENSORS_METADATA, map);
}

static lb_status add_tensor(const char *path, json_t *header, const lb_stored_tensor *t,
                            size_t offset)
{
    json_t *shape = json_array();
    for (size_t i = 0; shape != NULL && i < t->n_dims; i++) {
        if (json_array_append_new(shape, json_integer((json_int_t)t->dims[i])) == 0) continue;
        json_decref(shape);
        shape = NULL;
    }
    if (shape == NULL) return no_memory(path);
    json_t *entry =
        json_pack("{s:s, s:o, s:[I, I]}", "dtype", lb_dtype_name(t->dtype), "shape", shape,
                  "data_offsets", (json_int_t)offset, (json_int_t)offset + (json_int_t)t->bytes);
    return add_entry(path, header, t->name, entry);
}

/* The header as text, padded with spaces so that the data begins aligned. Free with lb_free. */
static lb_status header_text(const char *path, const json_t *header, char **text, size_t *bytes)
{
    const size_t flags = JSON_COMPACT;
    const size_t length = json_dumpb(header, NULL, 0, flags);
    if (length == 0) return no_memory(path);
    const size_t align = LB_SAFETENSORS_ALIGN, before = LB_SAFETENSORS_LENGTH_BYTES;
    const size_t padded = (before + length + align - 1) / align * align - before;
    if (padded > LB_SAFETENSORS_HEADER_MAX) {
        return lb_fail(LB_E_ARG, "%s: a header of %zu bytes, at most %d are allowed", path, padded,
                       LB_SAFETENSORS_HEADER_MAX);
    }
    void *block = NULL;
    LB_TRY(lb_alloc(padded, 1, "header", &block));
    if (json_dumpb(header, block, padded, flags) != length) {
        lb_free(block);
        return no_memory(path);
    }
    memset((char *)block + length, ' ', padded - length);
    *text = block;
    *bytes = padded;
    return LB_OK;
}

static lb_status build_header(const char *path, json_t *header, const lb_stored_tensor *tensors,
                              const size_t *offsets, size_t n_tensors,
                              const lb_stored_text *metadata, size_t n_metadata)
{
    if (n_metadata > 0) LB_TRY(add_metadata(path, header, metadata, n_metadata));
    for (size_t i = 0; i < n_tensors; i++)
        LB_TRY(add_tensor(path, header, &tensors[i], offsets[i]));
    return LB_OK;
}

/* Header length, header, data in the order of their offsets. */
static lb_status write_parts(const char *path, const char *header, size_t header_bytes,
                             const lb_stored_tensor *tensors, const size_t *order, size_t n)
{
    uint8_t length[LB_SAFETENSORS_LENGTH_BYTES];
    for (size_t i = 0; i < sizeof length; i++)
        length[i] = (uint8_t)((uint64_t)header_bytes >> (8 * i));
    void *block = NULL;
    LB_TRY(lb_alloc(n + 2, sizeof(lb_file_part), "parts of a file", &block));
    lb_file_part *parts = block;
    parts[0] = (lb_file_part){length, sizeof length};
    parts[1] = (lb_file_part){header, header_bytes};
    for (size_t i = 0; i < n; i++) {
        parts[i + 2] = (lb_file_part){tensors[order[i]].data, tensors[order[i]].bytes};
    }
    const lb_status status = lb_file_write_atomic(path, parts, n + 2);
    lb_free(parts);
    return status;
}

lb_status lb_safetensors_write(const char *path, const lb_stored_tensor *tensors, size_t n_tensors,
                               const lb_stored_text *metadata, size_t n_metadata)
{
    for (size_t i = 0; i < n_tensors; i++) LB_TRY(check_tensor(path, &tensors[i]));
    void *block = NULL;
    LB_TRY(lb_alloc(n_tensors, 2 * sizeof(size_t), "tensor offsets", &block));
    size_t *offsets = block, *order = offsets + n_tensors;
    lay_out(tensors, n_tensors, offsets, order);

    char *text = NULL;
    size_t bytes = 0;
    json_t *header = json_object();
    lb_status status = header == NULL ? no_memory(path) : LB_OK;
    if (status == LB_OK) {
        status = build_header(path, header, tensors, offsets, n_tensors, metadata, n_metadata);
    }
    if (status == LB_OK) status = header_text(path, header, &text, &bytes);
    if (status == LB_OK) status = write_parts(path, text, bytes, tensors, order, n_tensors);
    json_decref(header);
    lb_free(text);
    lb_free(offsets);
    return status;
}
