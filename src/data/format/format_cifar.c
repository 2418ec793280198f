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

static lb_status copy_all(const lb_file_map *maps, const char *const *names, size_t n_files,
                          size_t label_bytes, lb_dataset *out)
{
    size_t counts[MAX_FILES] = {0}, total = 0;
    for (size_t i = 0; i < n_files; i++) {
        LB_TRY(lb_cifar_records(names[i], maps[i].bytes, label_bytes, &counts[i]));
        total += counts[i];
    }
    LB_TRY(lb_dataset_allocate(out, names[0], total, (lb_image_shape){3, 32, 32}));
    size_t done = 0;
    for (size_t i = 0; i < n_files; i++) {
        lb_cifar_copy(maps[i].data, counts[i], label_bytes, out->images + done * PIXELS,
                      out->labels + done);
        done += counts[i];
    }
    return LB_OK;
}

static lb_status read_layout(const cifar_layout *layout, const lb_data_source *source,
                             lb_dataset *out)
{
    const char *const *names = files_of(layout, source->split);
    lb_file_map maps[MAX_FILES];
    size_t n = 0;
    lb_status status = LB_OK;
    while (status == LB_OK && names[n] != NULL) {
        char path[PATH_BYTES];
        if (!find_file(layout, source->folder, names[n], path)) {
            status = lb_fail(LB_E_IO, "no %s in '%s'", names[n], source->folder);
        } else {
            status = lb_file_map_open(path, &maps[n]);
        }
        if (status == LB_OK) n++;
    }
    if (status == LB_OK) status = copy_all(maps, names, n, layout->label_bytes, out);
    while (n > 0) lb_file_map_close(&maps[--n]);
    return status;
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
