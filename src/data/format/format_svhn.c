/* SVHN, cropped digits (Netzer et al. 2011, http://ufldl.stanford.edu/housenumbers): a MATLAB 5 file with
 *   X  uint8 (32, 32, 3, count), first dim fastest:  X[y + 32 x + 1024 c + 3072 i]
 *   y  (count, 1): the digit, with 10 for zero.
 *
 * The part of the format that is needed ("MAT-File Format", The MathWorks, level 5), little-endian: a
 * header of 128 bytes, then elements of an 8-byte tag (type, bytes) and content. An element is a matrix, or
 * a zlib stream that holds one. A matrix is a row of such elements itself, each filled up to 8 bytes: flags,
 * dims, name, values. Content of up to 4 bytes stands in the tag. Values are stored in the smallest type
 * that holds them, so y is unsigned bytes even where its class is double.
 *
 * A reader of our own, because matio allocates what a header claims before looking at the file's size. */
#include "data/format/format_svhn.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "data/format/byte_reader.h"

enum {
    SIDE = 32,
    CHANNELS = 3,
    IMAGE_BYTES = CHANNELS * SIDE * SIDE,
    HEADER_BYTES = 128,
    PATH_BYTES = 4096,
    MAX_DIMS = 4,
    FLAG_COMPLEX = 0x08
};

/* Element types. */
enum {
    MI_INT8 = 1,
    MI_UINT8 = 2,
    MI_INT32 = 5,
    MI_UINT32 = 6,
    MI_DOUBLE = 9,
    MI_MATRIX = 14,
    MI_COMPRESSED = 15
};

/* A tag, and the content where it stands in the tag itself. */
typedef struct element {
    uint32_t type;
    size_t bytes;
    bool is_small;
    uint8_t small[4];
} element;

/* What precedes a matrix's values. */
typedef struct matrix {
    size_t n_dims, dims[MAX_DIMS];
    char name[8]; /* longer ones are of no interest and come out empty */
    bool is_complex;
    element values;
} matrix;

/* What has been found so far. */
typedef struct svhn {
    lb_dataset *dataset;
    bool has_images;
    size_t n_labels;
    uint8_t *labels; /* 0 to 9; lb_free */
} svhn;

static uint32_t little_endian_32(const uint8_t *b)
{
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static lb_status read_tag(lb_byte_reader *r, element *out)
{
    uint8_t tag[8];
    LB_TRY(lb_byte_reader_take(r, tag, sizeof tag, "a tag"));
    const uint32_t first = little_endian_32(tag);
    *out = (element){.type = first & 0xffff, .bytes = first >> 16, .is_small = first >> 16 != 0};
    memcpy(out->small, tag + 4, 4);
    if (!out->is_small) out->bytes = little_endian_32(tag + 4);
    if (out->is_small && out->bytes > 4) {
        return lb_fail(LB_E_FORMAT, "%s: damaged: %zu bytes in a tag", r->where, out->bytes);
    }
    return LB_OK;
}

/* Content of an element of at most `room` bytes, and the filling up to 8 bytes behind it. */
static lb_status read_content(lb_byte_reader *r, const element *e, size_t room, uint8_t *out)
{
    uint8_t filling[8];
    if (e->bytes > room)
        return lb_fail(LB_E_FORMAT, "%s: damaged: a field of %zu bytes", r->where, e->bytes);
    if (e->is_small) {
        memcpy(out, e->small, sizeof e->small); /* every caller has room for the whole tag */
        return LB_OK;
    }
    LB_TRY(lb_byte_reader_take(r, out, e->bytes, "a field"));
    return lb_byte_reader_take(r, filling, (8 - e->bytes % 8) % 8, "filling");
}

static lb_status read_matrix_head(lb_byte_reader *r, matrix *m)
{
    uint8_t content[64];
    element e;
    *m = (matrix){0};
    LB_TRY(read_tag(r, &e));
    if (e.type != MI_UINT32 || e.bytes != 8) {
        return lb_fail(LB_E_FORMAT, "%s: damaged: no array flags", r->where);
    }
    LB_TRY(read_content(r, &e, sizeof content, content));
    m->is_complex = (content[1] & FLAG_COMPLEX) != 0;
    LB_TRY(read_tag(r, &e));
    if (e.type != MI_INT32 || e.bytes % 4 != 0)
        return lb_fail(LB_E_FORMAT, "%s: damaged: no dims", r->where);
    LB_TRY(read_content(r, &e, sizeof content, content));
    m->n_dims = e.bytes / 4;
    for (size_t d = 0; d < m->n_dims && d < MAX_DIMS; d++)
        m->dims[d] = little_endian_32(content + 4 * d);
    LB_TRY(read_tag(r, &e));
    if (e.type != MI_INT8) return lb_fail(LB_E_FORMAT, "%s: damaged: no name", r->where);
    LB_TRY(read_content(r, &e, sizeof content, content));
    if (e.bytes < sizeof m->name) memcpy(m->name, content, e.bytes);
    return LB_OK;
}

/* From one image column by column to one row by row. */
static void transpose(const uint8_t *columns, uint8_t *image)
{
    for (size_t c = 0; c < CHANNELS; c++) {
        for (size_t y = 0; y < SIDE; y++) {
            for (size_t x = 0; x < SIDE; x++) {
                image[(c * SIDE + y) * SIDE + x] = columns[(c * SIDE + x) * SIDE + y];
            }
        }
    }
}

static lb_status read_images(lb_byte_reader *r, const matrix *m, svhn *s)
{
    const size_t count = m->dims[3];
    const bool fits = m->n_dims == 4 && m->dims[0] == SIDE && m->dims[1] == SIDE &&
                      m->dims[2] == CHANNELS && !m->is_complex && m->values.type == MI_UINT8;
    /* count is below 2^32, so the product fits */
    if (!fits || m->values.bytes != count * IMAGE_BYTES || s->has_images) {
        return lb_fail(LB_E_FORMAT, "%s: variable X is not one array of 32x32x3xN unsigned bytes",
                       r->where);
    }
    LB_TRY(lb_byte_reader_check_claim(r, m->values.bytes));
    LB_TRY(
        lb_dataset_allocate(s->dataset, r->where, count, (lb_image_shape){CHANNELS, SIDE, SIDE}));
    s->has_images = true;
    for (size_t i = 0; i < count; i++) {
        uint8_t columns[IMAGE_BYTES];
        LB_TRY(lb_byte_reader_take(r, columns, sizeof columns, "an image"));
        transpose(columns, s->dataset->images + i * IMAGE_BYTES);
    }
    return LB_OK;
}

/* One label: 1 to 10, where 10 means 0; false where it is none. */
static bool decode_label(const uint8_t *value, uint32_t type, uint8_t *out)
{
    double number = (double)value[0];
    if (type == MI_DOUBLE)
        memcpy(&number, value, sizeof number); /* little-endian, as this machine */
    for (int digit = 1; digit <= 10; digit++) {
        if (number != (double)digit) continue;
        *out = (uint8_t)(digit % 10);
        return true;
    }
    return false;
}

static lb_status read_labels(lb_byte_reader *r, const matrix *m, svhn *s)
{
    const size_t count = m->dims[0], size = m->values.type == MI_DOUBLE ? 8 : 1;
    const bool fits = m->n_dims == 2 && m->dims[1] == 1 && count > 0 && !m->is_complex &&
                      (m->values.type == MI_DOUBLE || m->values.type == MI_UINT8);
    if (!fits || m->values.bytes != count * size || s->labels != NULL) {
        return lb_fail(LB_E_FORMAT, "%s: variable y is not one array of Nx1 labels", r->where);
    }
    void *block = NULL;
    LB_TRY(lb_byte_reader_check_claim(r, m->values.bytes));
    LB_TRY(lb_alloc(count, 1, "labels", &block));
    s->labels = block;
    s->n_labels = count;
    for (size_t i = 0; i < count; i++) {
        uint8_t value[8];
        if (m->values.is_small) {
            memcpy(value, m->values.small + i * size, size);
        } else {
            LB_TRY(lb_byte_reader_take(r, value, size, "a label"));
        }
        if (!decode_label(value, m->values.type, &s->labels[i])) {
            return lb_fail(LB_E_FORMAT, "%s: label %zu is not one of 1 to 10", r->where, i);
        }
    }
    return LB_OK;
}

/* A matrix, without its tag. */
static lb_status read_matrix(lb_byte_reader *r, svhn *s)
{
    matrix m;
    LB_TRY(read_matrix_head(r, &m));
    const bool is_images = strcmp(m.name, "X") == 0, is_labels = strcmp(m.name, "y") == 0;
    if (is_images || is_labels) LB_TRY(read_tag(r, &m.values));
    if (is_images) LB_TRY(read_images(r, &m, s));
    if (is_labels) LB_TRY(read_labels(r, &m, s));
    return lb_byte_reader_drain(r);
}

static lb_status read_compressed(lb_byte_reader *r, svhn *s)
{
    element e;
    LB_TRY(read_tag(r, &e));
    return e.type == MI_MATRIX ? read_matrix(r, s) : lb_byte_reader_drain(r);
}

static lb_status read_elements(const char *where, const uint8_t *file, size_t bytes, svhn *s)
{
    for (size_t at = HEADER_BYTES; at < bytes;) {
        if (bytes - at < 8)
            return lb_fail(LB_E_FORMAT, "%s: truncated in the middle of a tag", where);
        const uint32_t type = little_endian_32(file + at), length = little_endian_32(file + at + 4);
        at += 8;
        if (length > bytes - at) {
            return lb_fail(LB_E_FORMAT,
                           "%s: truncated: a variable takes %lu bytes, only %zu are left", where,
                           (unsigned long)length, bytes - at);
        }
        if (type == MI_COMPRESSED || type == MI_MATRIX) {
            lb_byte_reader r;
            const bool packed = type == MI_COMPRESSED;
            LB_TRY(lb_byte_reader_open(&r, where, file + at, length, packed ? LB_ZLIB : LB_PLAIN));
            const lb_status status = packed ? read_compressed(&r, s) : read_matrix(&r, s);
            lb_byte_reader_close(&r);
            LB_TRY(status);
        }
        at += length;
    }
    return LB_OK;
}

static lb_status join(const char *where, const svhn *s)
{
    if (!s->has_images || s->labels == NULL) {
        return lb_fail(LB_E_FORMAT, "%s: no variable %s in it", where, s->has_images ? "y" : "X");
    }
    if (s->dataset->count != s->n_labels) {
        return lb_fail(LB_E_FORMAT, "%s: %zu images, but %zu labels", where, s->dataset->count,
                       s->n_labels);
    }
    for (size_t i = 0; i < s->n_labels; i++) s->dataset->labels[i] = s->labels[i];
    return LB_OK;
}

lb_status lb_svhn_parse(const char *where, const uint8_t *file, size_t bytes, lb_dataset *out)
{
    if (bytes < HEADER_BYTES || file[124] != 0 || file[125] != 1 ||
        memcmp(file + 126, "IM", 2) != 0) {
        return lb_fail(LB_E_FORMAT, "%s: not a little-endian MATLAB 5 file", where);
    }
    svhn s = {.dataset = out};
    lb_status status = read_elements(where, file, bytes, &s);
    if (status == LB_OK) status = join(where, &s);
    lb_free(s.labels);
    return status;
}

static const char *const file_names[2] = {"train_32x32.mat", "test_32x32.mat"};

static bool path_of(const char *folder, lb_split split, char *path)
{
    const int n = snprintf(path, PATH_BYTES, "%s/%s", folder, file_names[split]);
    return n > 0 && n < PATH_BYTES;
}

static const char *missing(const char *folder, lb_split split)
{
    char path[PATH_BYTES];
    return path_of(folder, split, path) && lb_path_exists(path) ? NULL : file_names[split];
}

static lb_status read_svhn(const lb_data_source *source, lb_dataset *out)
{
    char path[PATH_BYTES];
    if (!path_of(source->folder, source->split, path)) {
        return lb_fail(LB_E_IO, "'%s': path too long", source->folder);
    }
    lb_file_map map;
    LB_TRY(lb_file_map_open(path, &map));
    const lb_status status = lb_svhn_parse(path, map.data, map.bytes, out);
    lb_file_map_close(&map);
    return status;
}

const lb_data_format lb_format_svhn = {missing, read_svhn};
