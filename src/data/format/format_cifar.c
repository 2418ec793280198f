/* CIFAR-10 and CIFAR-100, binary version (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html).
 *
 * A file is nothing but records: label bytes, then 3 x 32 x 32 pixels, red plane first. CIFAR-10 has one
 * label byte, CIFAR-100 two, coarse then fine; the fine one is taken. The files lie in the folder itself
 * or in the subfolder that the published archive makes. */
#include "data/format/format_cifar.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"

enum { MAX_FILES = 5, PATH_BYTES = 4096, PIXELS = 3 * 32 * 32 };

/* What differs between the two. */
typedef struct cifar_layout {
    const char *subfolder;
    const char *training[MAX_FILES + 1];
    const char *test[2];
    size_t label_bytes;
} cifar_layout;

static const cifar_layout cifar10 = {"cifar-10-batches-bin",
                                     {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                      "data_batch_4.bin", "data_batch_5.bin", NULL},
                                     {"test_batch.bin", NULL},
                                     1};
static const cifar_layout cifar100 = {
    "cifar-100-binary", {"train.bin", NULL}, {"test.bin", NULL}, 2};

static const char *const *files_of(const cifar_layout *layout, lb_split split)
{
    return split == LB_SPLIT_TRAIN ? layout->training : layout->test;
}

/* Write the path of a file of the data set; false where it is in neither place. */
static bool find_file(const cifar_layout *layout, const char *folder, const char *name, char *path)
{
    int n = snprintf(path, PATH_BYTES, "%s/%s", folder, name);
    if (n > 0 && n < PATH_BYTES && lb_path_exists(path)) return true;
    n = snprintf(path, PATH_BYTES, "%s/%s/%s", folder, layout->subfolder, name);
    return n > 0 && n < PATH_BYTES && lb_path_exists(path);
}

static const char *missing(const cifar_layout *layout, const char *folder, lb_split split)
{
    char path[PATH_BYTES];
    for (const char *const *name = files_of(layout, split); *name != NULL; name++) {
        if (!find_file(layout, folder, *name, path)) return *name;
    }
    return NULL;
}

lb_status lb_cifar_records(const char *where, size_t bytes, size_t label_bytes, size_t *count)
{
    const size_t record = label_bytes + PIXELS;
    if (bytes == 0 || bytes % record != 0) {
        return lb_fail(
            LB_E_FORMAT,
            "%s: %zu bytes are no whole number of %zu-byte records; truncated or another format",
            where, bytes, record);
    }
    *count = bytes / record;
    return LB_OK;
}

void lb_cifar_copy(const uint8_t *records, size_t count, size_t label_bytes, uint8_t *images,
                   uint16_t *labels)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *record = records + i * (label_bytes + PIXELS);
        labels[i] = record[label_bytes - 1]; /* the fine label stands last */
        memcpy(images + i * PIXELS, record + label_bytes, PIXELS);
    }
}

/* Map one file of the data set and count its records. */
static lb_status open_file(const cifar_layout *layout, const char *folder, const char *name,
                           lb_file_map *map, size_t *count)
{
    char path[PATH_BYTES];
    if (!find_file(layout, folder, name, path)) {
        return lb_fail(LB_E_IO, "no %s in '%s'", name, folder);
    }
    LB_TRY(lb_file_map_open(path, map));
    const lb_status status = lb_cifar_records(path, map->bytes, layout->label_bytes, count);
    if (status != LB_OK) lb_file_map_close(map);
    return status;
}

/* Copy one file's records behind the `done` images that are there. */
static lb_status copy_file(const cifar_layout *layout, const lb_data_source *source,
                           const char *name, lb_dataset *out, size_t *done)
{
    lb_file_map map;
    size_t count = 0;
    LB_TRY(open_file(layout, source->folder, name, &map, &count));
    lb_status status = LB_OK;
    if (count > out->count - *done) {
        status = lb_fail(LB_E_IO, "%s grew while it was read", name);
    } else {
        lb_cifar_copy(map.data, count, layout->label_bytes, out->images + *done * PIXELS,
                      out->labels + *done);
        *done += count;
    }
    lb_file_map_close(&map);
    return status;
}

/* Files are counted first and then copied one by one, so that only one is in memory besides the
 * data set itself. */
static lb_status read_layout(const cifar_layout *layout, const lb_data_source *source,
                             lb_dataset *out)
{
    const char *const *names = files_of(layout, source->split);
    size_t total = 0, done = 0;
    for (size_t i = 0; names[i] != NULL; i++) {
        lb_file_map map;
        size_t count = 0;
        LB_TRY(open_file(layout, source->folder, names[i], &map, &count));
        lb_file_map_close(&map);
        total += count;
    }
    LB_TRY(lb_dataset_allocate(out, names[0], total, (lb_image_shape){3, 32, 32}));
    for (size_t i = 0; names[i] != NULL; i++) {
        LB_TRY(copy_file(layout, source, names[i], out, &done));
    }
    if (done != total)
        return lb_fail(LB_E_IO, "'%s': a file shrank while it was read", source->folder);
    return LB_OK;
}

static const char *missing_cifar10(const char *folder, lb_split split)
{
    return missing(&cifar10, folder, split);
}

static const char *missing_cifar100(const char *folder, lb_split split)
{
    return missing(&cifar100, folder, split);
}

static lb_status read_cifar10(const lb_data_source *source, lb_dataset *out)
{
    return read_layout(&cifar10, source, out);
}

static lb_status read_cifar100(const lb_data_source *source, lb_dataset *out)
{
    return read_layout(&cifar100, source, out);
}

const lb_data_format lb_format_cifar10 = {missing_cifar10, read_cifar10};
const lb_data_format lb_format_cifar100 = {missing_cifar100, read_cifar100};
