/* IDX, the format of MNIST (http://yann.lecun.com/exdb/mnist), plain or compressed with gzip.
 *
 * A file is 0 0 TYPE N_DIMS, then N_DIMS big-endian 32-bit sizes, then the elements, last dim fastest.
 * Read here: TYPE 8 (unsigned byte); labels with one dim; images with three (count, height, width) or,
 * as lowbit writes colour images, four (count, channels, height, width). */
#include "data/format/format_idx.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "data/format/byte_reader.h"

enum { TYPE_UNSIGNED_BYTE = 8, PATH_BYTES = LB_IDX_PATH_BYTES };

static size_t big_endian_32(const uint8_t *b)
{
    return (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | (size_t)b[3];
}

static lb_status read_dims(lb_byte_reader *r, lb_idx *idx)
{
    uint8_t head[4], sizes[4 * LB_IDX_MAX_DIMS];
    LB_TRY(lb_byte_reader_take(r, head, sizeof head, "the header"));
    if (head[0] != 0 || head[1] != 0) {
        return lb_fail(LB_E_FORMAT, "%s: not an IDX file: starts with %02x %02x, wanted 00 00",
                       r->where, (unsigned)head[0], (unsigned)head[1]);
    }
    if (head[2] != TYPE_UNSIGNED_BYTE) {
        return lb_fail(LB_E_FORMAT, "%s: element type %u; wanted 8, unsigned bytes", r->where,
                       (unsigned)head[2]);
    }
    if (head[3] < 1 || head[3] > LB_IDX_MAX_DIMS) {
        return lb_fail(LB_E_FORMAT, "%s: %u dimensions; wanted 1 to %d", r->where,
                       (unsigned)head[3], LB_IDX_MAX_DIMS);
    }
    idx->n_dims = head[3];
    LB_TRY(lb_byte_reader_take(r, sizes, 4 * idx->n_dims, "the header"));
    idx->bytes = 1;
    for (size_t d = 0; d < idx->n_dims; d++) {
        idx->dims[d] = big_endian_32(sizes + 4 * d);
        if (idx->dims[d] == 0) return lb_fail(LB_E_FORMAT, "%s: dimension %zu is 0", r->where, d);
        if (!lb_size_mul(idx->bytes, idx->dims[d], &idx->bytes) || idx->bytes > LB_DATA_MAX_BYTES) {
            return lb_fail(LB_E_FORMAT, "%s: the header claims more than %zu bytes of elements",
                           r->where, (size_t)LB_DATA_MAX_BYTES);
        }
    }
    return LB_OK;
}

static lb_status read_array(lb_byte_reader *r, lb_idx *idx)
{
    LB_TRY(read_dims(r, idx));
    LB_TRY(lb_byte_reader_check_claim(r, idx->bytes));
    void *data = NULL;
    LB_TRY(lb_alloc(idx->bytes, 1, r->where, &data));
    idx->data = data;
    LB_TRY(lb_byte_reader_take(r, idx->data, idx->bytes, "the array"));
    return lb_byte_reader_expect_end(r);
}

lb_status lb_idx_parse(const char *where, const uint8_t *file, size_t bytes, lb_idx *out)
{
    const bool gzip = bytes >= 2 && file[0] == 0x1f && file[1] == 0x8b;
    lb_byte_reader reader;
    LB_TRY(lb_byte_reader_open(&reader, where, file, bytes, gzip ? LB_GZIP : LB_PLAIN));
    lb_idx idx = {0};
    const lb_status status = read_array(&reader, &idx);
    lb_byte_reader_close(&reader);
    if (status == LB_OK) {
        *out = idx;
    } else {
        lb_free(idx.data);
    }
    return status;
}

size_t lb_idx_header(const size_t *dims, size_t n_dims, uint8_t *out)
{
    out[0] = out[1] = 0;
    out[2] = TYPE_UNSIGNED_BYTE;
    out[3] = (uint8_t)n_dims;
    for (size_t d = 0; d < n_dims; d++) {
        for (size_t b = 0; b < 4; b++) out[4 + 4 * d + b] = (uint8_t)(dims[d] >> (24 - 8 * b));
    }
    return 4 + 4 * n_dims;
}

lb_status lb_idx_to_dataset(const lb_idx *images, const lb_idx *labels, lb_dataset *out)
{
    if (images->n_dims < 3) {
        return lb_fail(LB_E_FORMAT,
                       "images with %zu dimensions; wanted 3 (count, height, width) or 4",
                       images->n_dims);
    }
    if (labels->n_dims != 1) {
        return lb_fail(LB_E_FORMAT, "labels with %zu dimensions; wanted 1", labels->n_dims);
    }
    if (images->dims[0] != labels->dims[0]) {
        return lb_fail(LB_E_FORMAT, "%zu images, but %zu labels", images->dims[0], labels->dims[0]);
    }
    const size_t *sides = images->dims + images->n_dims - 2;
    const size_t channels = images->n_dims == 4 ? images->dims[1] : 1;
    const lb_image_shape shape = {channels, sides[0], sides[1]};
    LB_TRY(lb_dataset_allocate(out, "images", images->dims[0], shape));
    memcpy(out->images, images->data, images->bytes);
    for (size_t i = 0; i < out->count; i++) out->labels[i] = labels->data[i];
    return LB_OK;
}

/* File names, dot variants included (some copies on the web have them); NULL-terminated. */
static const char *const image_names[2][5] = {
    {"train-images-idx3-ubyte", "train-images.idx3-ubyte", "train-images-idx4-ubyte", NULL},
    {"t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte", "t10k-images-idx4-ubyte", NULL}};
static const char *const label_names[2][3] = {
    {"train-labels-idx1-ubyte", "train-labels.idx1-ubyte", NULL},
    {"t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte", NULL}};

/* Write the path of the first of the names before `end` (or all), plain or .gz, that exists; false: none. */
static bool find_before(const char *folder, const char *const *names, const char *end, char *path)
{
    for (; *names != NULL && (end == NULL || strcmp(*names, end) != 0); names++) {
        static const char *const endings[] = {"", ".gz"};
        for (size_t e = 0; e < 2; e++) {
            const int n = snprintf(path, PATH_BYTES, "%s/%s%s", folder, *names, endings[e]);
            if (n > 0 && n < PATH_BYTES && lb_path_exists(path)) return true;
        }
    }
    return false;
}

static bool find_file(const char *folder, const char *const *names, char *path)
{
    return find_before(folder, names, NULL, path);
}

bool lb_idx_hides(const char *folder, lb_split split, const char *name,
                  char path[LB_IDX_PATH_BYTES])
{
    return find_before(folder, image_names[split], name, path);
}

static const char *missing(const char *folder, lb_split split)
{
    char path[PATH_BYTES];
    if (!find_file(folder, image_names[split], path)) return image_names[split][0];
    if (!find_file(folder, label_names[split], path)) return label_names[split][0];
    return NULL;
}

static lb_status read_file(const char *folder, const char *const *names, lb_idx *out)
{
    char path[PATH_BYTES];
    if (!find_file(folder, names, path))
        return lb_fail(LB_E_IO, "no %s[.gz] in '%s'", names[0], folder);
    lb_file_map map;
    LB_TRY(lb_file_map_open(path, &map));
    const lb_status status = lb_idx_parse(path, map.data, map.bytes, out);
    lb_file_map_close(&map);
    return status;
}

static size_t largest(const lb_idx *labels)
{
    size_t top = 0;
    for (size_t i = 0; i < labels->bytes; i++) top = labels->data[i] > top ? labels->data[i] : top;
    return top;
}

/* The number of classes is the training labels' to say, also for the test split. */
static lb_status count_classes(const lb_data_source *source, const lb_idx *labels, lb_dataset *out)
{
    size_t top = largest(labels);
    if (source->split == LB_SPLIT_TEST && missing(source->folder, LB_SPLIT_TRAIN) == NULL) {
        lb_idx training = {0};
        LB_TRY(read_file(source->folder, label_names[LB_SPLIT_TRAIN], &training));
        top = largest(&training);
        lb_free(training.data);
    }
    out->classes = top + 1;
    return LB_OK;
}

static lb_status read_idx(const lb_data_source *source, lb_dataset *out)
{
    lb_idx images = {0}, labels = {0};
    lb_status status = read_file(source->folder, image_names[source->split], &images);
    if (status == LB_OK) status = read_file(source->folder, label_names[source->split], &labels);
    if (status == LB_OK) status = lb_idx_to_dataset(&images, &labels, out);
    if (status == LB_OK) status = count_classes(source, &labels, out);
    if (status != LB_OK) status = lb_fail_in(status, "'%s'", source->folder);
    lb_free(images.data);
    lb_free(labels.data);
    return status;
}

const lb_data_format lb_format_idx = {missing, read_idx};
