/* Reading safetensors files: mapped, every field of the header checked before anything is
 * believed. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/safetensors_common.h"

struct lb_safetensors {
    lb_file_map map;
    bool borrowed;  /* the map is the caller's memory, no file's */
    lb_arena arena; /* names, texts, and copies of misaligned data */
    lb_stored_tensor *tensors;
    size_t n_tensors;
    lb_stored_text *texts;
    size_t n_texts;
};

/* What one pass over the header needs to know. */
typedef struct reader {
    const char *path;
    lb_safetensors *file;
    const uint8_t *data; /* the data section */
    size_t data_bytes;
} reader;

/* ---- the header as JSON ------------------------------------------------------------------------ */

static lb_status header_length(const char *path, const lb_file_map *map, size_t *out)
{
    if (map->bytes < LB_SAFETENSORS_LENGTH_BYTES) {
        return lb_fail(LB_E_FORMAT, "%s: %zu bytes are too few for a safetensors file", path,
                       map->bytes);
    }
    uint64_t length = 0;
    for (size_t i = 0; i < LB_SAFETENSORS_LENGTH_BYTES; i++)
        length |= (uint64_t)map->data[i] << (8 * i);
    if (length > LB_SAFETENSORS_HEADER_MAX) {
        return lb_fail(LB_E_FORMAT,
                       "%s: header length %" PRIu64 " is more than %d; is this a safetensors file?",
                       path, length, LB_SAFETENSORS_HEADER_MAX);
    }
    if (length > map->bytes - LB_SAFETENSORS_LENGTH_BYTES) {
        return lb_fail(LB_E_FORMAT,
                       "%s: header length %" PRIu64 ", but only %zu bytes follow; truncated?", path,
                       length, map->bytes - LB_SAFETENSORS_LENGTH_BYTES);
    }
    *out = (size_t)length;
    return LB_OK;
}

static lb_status parse_header(const char *path, const uint8_t *text, size_t bytes, json_t **out)
{
    json_error_t error;
    json_t *header = json_loadb((const char *)text, bytes, JSON_REJECT_DUPLICATES, &error);
    if (header == NULL) {
        const bool memory = json_error_code(&error) == json_error_out_of_memory;
        return lb_fail(memory ? LB_E_NOMEM : LB_E_FORMAT,
                       "%s: header is not valid JSON: byte %d: %s", path, error.position,
                       error.text);
    }
    if (!json_is_object(header)) {
        json_decref(header);
        return lb_fail(LB_E_FORMAT, "%s: header is not a JSON object", path);
    }
    *out = header;
    return LB_OK;
}

/* ---- one tensor -------------------------------------------------------------------------------- */

/* A whole number >= 0 that fits in size_t. */
static bool size_of_json(const json_t *value, size_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
    const uint64_t number = (uint64_t)json_integer_value(value);
    if (number > SIZE_MAX) return false;
    *out = (size_t)number;
    return true;
}

static lb_status read_shape(const reader *r, const char *name, const json_t *shape,
                            lb_stored_tensor *t)
{
    if (!json_is_array(shape))
        return lb_fail(LB_E_FORMAT, "%s: tensor '%s': no 'shape' list", r->path, name);
    t->n_dims = json_array_size(shape);
    if (t->n_dims > LB_TENSOR_MAX_DIMS) {
        return lb_fail(LB_E_FORMAT, "%s: tensor '%s': %zu dimensions, at most %d are read", r->path,
                       name, t->n_dims, LB_TENSOR_MAX_DIMS);
    }
    for (size_t i = 0; i < t->n_dims; i++) {
        if (size_of_json(json_array_get(shape, i), &t->dims[i])) continue;
        return lb_fail(LB_E_FORMAT, "%s: tensor '%s': dimension %zu is not a whole number >= 0",
                       r->path, name, i);
    }
    if (!lb_dtype_tensor_bytes(t->dtype, t->dims, t->n_dims, &t->bytes)) {
        return lb_fail(LB_E_FORMAT, "%s: tensor '%s': its dimensions are too large", r->path, name);
    }
    return LB_OK;
}

static lb_status read_range(const reader *r, const char *name, const json_t *range,
                            lb_stored_tensor *t)
{
    size_t begin = 0, end = 0;
    if (!json_is_array(range) || json_array_size(range) != 2 ||
        !size_of_json(json_array_get(range, 0), &begin) ||
        !size_of_json(json_array_get(range, 1), &end)) {
        return lb_fail(LB_E_FORMAT,
                       "%s: tensor '%s': 'data_offsets' is not a pair of whole numbers >= 0",
                       r->path, name);
    }
    if (begin > end || end > r->data_bytes) {
        return lb_fail(LB_E_FORMAT,
                       "%s: tensor '%s': data_offsets [%zu, %zu] lie outside the %zu bytes of "
                       "data; truncated?",
                       r->path, name, begin, end, r->data_bytes);
    }
    if (end - begin != t->bytes) {
        return lb_fail(LB_E_FORMAT, "%s: tensor '%s': %zu bytes of data, but its shape makes %zu",
                       r->path, name, end - begin, t->bytes);
    }
    t->data = r->data + begin;
    return LB_OK;
}

static lb_status read_tensor(const reader *r, const char *name, const json_t *entry,
                             lb_stored_tensor *t)
{
    if (!json_is_object(entry)) {
        return lb_fail(LB_E_FORMAT, "%s: tensor '%s': its entry is not a JSON object", r->path,
                       name);
    }
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    if (dtype == NULL) return lb_fail(LB_E_FORMAT, "%s: tensor '%s': no 'dtype'", r->path, name);
    if (!lb_dtype_find(dtype, &t->dtype)) {
        return lb_fail(LB_E_FORMAT, "%s: tensor '%s': dtype '%s' is not one that is read", r->path,
                       name, dtype);
    }
    LB_TRY(read_shape(r, name, json_object_get(entry, "shape"), t));
    LB_TRY(read_range(r, name, json_object_get(entry, "data_offsets"), t));
    if (json_object_size(entry) != 3) {
        return lb_fail(LB_E_FORMAT, "%s: tensor '%s': keys other than dtype, shape, data_offsets",
                       r->path, name);
    }
    char *copy = NULL;
    LB_TRY(lb_arena_strdup(&r->file->arena, name, &copy));
    t->name = copy;
    return LB_OK;
}

/* ---- the whole --------------------------------------------------------------------------------- */

static lb_status read_metadata(const reader *r, json_t *map)
{
    if (!json_is_object(map)) {
        return lb_fail(LB_E_FORMAT, "%s: '" LB_SAFETENSORS_METADATA "' is not a JSON object",
                       r->path);
    }
    lb_safetensors *file = r->file;
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&file->arena, json_object_size(map), sizeof(lb_stored_text), "metadata",
                          &block));
    file->texts = block;
    for (void *i = json_object_iter(map); i != NULL; i = json_object_iter_next(map, i)) {
        const char *value = json_string_value(json_object_iter_value(i));
        if (value == NULL) {
            return lb_fail(LB_E_FORMAT, "%s: metadata '%s' is not a string", r->path,
                           json_object_iter_key(i));
        }
        char *key_copy = NULL, *value_copy = NULL;
        LB_TRY(lb_arena_strdup(&file->arena, json_object_iter_key(i), &key_copy));
        LB_TRY(lb_arena_strdup(&file->arena, value, &value_copy));
        file->texts[file->n_texts++] = (lb_stored_text){key_copy, value_copy};
    }
    return LB_OK;
}

/* By where the data stands; an empty tensor stands before the one that begins at the same byte. */
static int compare_by_data(const void *a, const void *b)
{
    const lb_stored_tensor *x = *(const lb_stored_tensor *const *)a;
    const lb_stored_tensor *y = *(const lb_stored_tensor *const *)b;
    const uintptr_t begin_x = (uintptr_t)x->data, begin_y = (uintptr_t)y->data;
    if (begin_x != begin_y) return begin_x < begin_y ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* Data without gaps or overlaps, from the first byte to the last, as the format demands. */
static lb_status check_coverage(const reader *r)
{
    lb_safetensors *file = r->file;
    void *block = NULL;
    LB_TRY(lb_alloc(file->n_tensors, sizeof(lb_stored_tensor *), "tensor order", &block));
    const lb_stored_tensor **sorted = block;
    for (size_t i = 0; i < file->n_tensors; i++) sorted[i] = &file->tensors[i];
    if (file->n_tensors > 1) qsort(sorted, file->n_tensors, sizeof *sorted, compare_by_data);

    lb_status status = LB_OK;
    const uint8_t *end = r->data;
    for (size_t i = 0; status == LB_OK && i < file->n_tensors; i++) {
        const uint8_t *begin = sorted[i]->data;
        if (begin != end) {
            status =
                lb_fail(LB_E_FORMAT, "%s: tensor '%s': its data begins at byte %zu, %s byte %zu",
                        r->path, sorted[i]->name, (size_t)(begin - r->data),
                        begin < end ? "but the one before it ends at" : "leaving a gap after",
                        (size_t)(end - r->data));
        }
        end = begin + sorted[i]->bytes;
    }
    lb_free(sorted);
    if (status == LB_OK && end != r->data + r->data_bytes) {
        status = lb_fail(LB_E_FORMAT, "%s: %zu bytes after the last tensor belong to none", r->path,
                         (size_t)(r->data + r->data_bytes - end));
    }
    return status;
}

/* Other writers may put floats at odd addresses: those tensors become copies. */
static lb_status align_data(lb_safetensors *file)
{
    for (size_t i = 0; i < file->n_tensors; i++) {
        lb_stored_tensor *t = &file->tensors[i];
        if ((uintptr_t)t->data % lb_dtype_bytes(t->dtype) == 0) continue;
        void *copy = NULL;
        LB_TRY(lb_arena_alloc(&file->arena, t->bytes, 1, t->name, &copy));
        memcpy(copy, t->data, t->bytes);
        t->data = copy;
    }
    return LB_OK;
}

static lb_status read_header(const reader *r, json_t *header)
{
    lb_safetensors *file = r->file;
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&file->arena, json_object_size(header), sizeof(lb_stored_tensor),
                          "tensors", &block));
    file->tensors = block;
    for (void *i = json_object_iter(header); i != NULL; i = json_object_iter_next(header, i)) {
        const char *key = json_object_iter_key(i);
        json_t *value = json_object_iter_value(i);
        if (strcmp(key, LB_SAFETENSORS_METADATA) == 0) {
            LB_TRY(read_metadata(r, value));
            continue;
        }
        LB_TRY(read_tensor(r, key, value, &file->tensors[file->n_tensors]));
        file->n_tensors++;
    }
    LB_TRY(check_coverage(r));
    return align_data(file);
}

static lb_status read_map(const char *path, lb_safetensors *file)
{
    size_t length = 0;
    LB_TRY(header_length(path, &file->map, &length));
    const uint8_t *text = file->map.data + LB_SAFETENSORS_LENGTH_BYTES;
    json_t *header = NULL;
    LB_TRY(parse_header(path, text, length, &header));
    const reader r = {.path = path,
                      .file = file,
                      .data = text + length,
                      .data_bytes = file->map.bytes - LB_SAFETENSORS_LENGTH_BYTES - length};
    const lb_status status = read_header(&r, header);
    json_decref(header);
    return status;
}

/* To the caller, or an end of it. */
static lb_status hand_over(lb_safetensors *file, lb_status status, lb_safetensors **out)
{
    if (status == LB_OK)
        *out = file;
    else
        lb_safetensors_close(file);
    return status;
}

lb_status lb_safetensors_open(const char *path, lb_safetensors **out)
{
    lb_safetensors *file = NULL;
    LB_TRY(lb_alloc(1, sizeof *file, "safetensors file", (void **)&file));
    lb_status status = lb_file_map_open(path, &file->map);
    if (status == LB_OK) status = read_map(path, file);
    return hand_over(file, status, out);
}

lb_status lb_safetensors_open_memory(const char *name, const void *data, size_t bytes,
                                     lb_safetensors **out)
{
    lb_safetensors *file = NULL;
    LB_TRY(lb_alloc(1, sizeof *file, "safetensors file", (void **)&file));
    file->borrowed = true;
    file->map = (lb_file_map){.data = data, .bytes = bytes, .fd = -1};
    return hand_over(file, read_map(name, file), out);
}

void lb_safetensors_close(lb_safetensors *file)
{
    if (file == NULL) return;
    lb_arena_release(&file->arena);
    if (!file->borrowed) lb_file_map_close(&file->map);
    lb_free(file);
}

void lb_safetensors_copy(const lb_safetensors *file, const void *from, size_t bytes, void *to)
{
    lb_file_map_copy(&file->map, from, bytes, to);
}

void lb_safetensors_forget(const lb_safetensors *file)
{
    if (!file->borrowed) lb_file_map_forget(&file->map);
}

size_t lb_safetensors_bytes(const lb_safetensors *file)
{
    return file->map.bytes;
}

const lb_stored_tensor *lb_safetensors_find(const lb_safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->n_tensors; i++) {
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    }
    return NULL;
}

const lb_stored_tensor *lb_safetensors_tensors(const lb_safetensors *file, size_t *n)
{
    *n = file->n_tensors;
    return file->tensors;
}

const char *lb_safetensors_metadata(const lb_safetensors *file, const char *key)
{
    for (size_t i = 0; i < file->n_texts; i++) {
        if (strcmp(file->texts[i].key, key) == 0) return file->texts[i].value;
    }
    return NULL;
}
