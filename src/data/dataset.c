/* Opening a data set and asking for what is in it. */
#include "data/dataset.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"

lb_status lb_dataset_allocate(lb_dataset *dataset, const char *where, size_t count,
                              lb_image_shape shape)
{
    if (count == 0) return lb_fail(LB_E_FORMAT, "%s: no images in it", where);
    if (shape.channels == 0 || shape.channels > LB_IMAGE_MAX_CHANNELS || shape.height == 0 ||
        shape.width == 0 || shape.height > LB_IMAGE_MAX_SIDE || shape.width > LB_IMAGE_MAX_SIDE) {
        return lb_fail(
            LB_E_FORMAT, "%s: images of %zux%zux%zu; at most %d channels and sides of %d", where,
            shape.channels, shape.height, shape.width, LB_IMAGE_MAX_CHANNELS, LB_IMAGE_MAX_SIDE);
    }
    const size_t image_bytes = shape.channels * shape.height * shape.width; /* at most 2^26 */
    if (count > LB_DATA_MAX_COUNT || count > LB_DATA_MAX_BYTES / image_bytes) {
        return lb_fail(LB_E_FORMAT, "%s: %zu images of %zu bytes are more than one split may have",
                       where, count, image_bytes);
    }
    void *images = NULL, *labels = NULL;
    LB_TRY(lb_alloc(count, image_bytes, "images", &images));
    dataset->images = images;
    LB_TRY(lb_alloc(count, sizeof *dataset->labels, "labels", &labels));
    dataset->labels = labels;
    dataset->count = count;
    dataset->channels = shape.channels;
    dataset->height = shape.height;
    dataset->width = shape.width;
    return LB_OK;
}

lb_status lb_dataset_allocate_labels(lb_dataset *dataset, const char *where, size_t count)
{
    if (count == 0) return lb_fail(LB_E_FORMAT, "%s: no images in it", where);
    if (count > LB_DATA_MAX_COUNT) {
        return lb_fail(LB_E_FORMAT, "%s: %zu images are more than one split may have", where,
                       count);
    }
    void *labels = NULL;
    LB_TRY(lb_alloc(count, sizeof *dataset->labels, "labels", &labels));
    dataset->labels = labels;
    dataset->count = count;
    return LB_OK;
}

lb_status lb_dataset_name_classes(lb_dataset *dataset, char *const *names, size_t n)
{
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&dataset->arena, n, sizeof(char *), "class names", &block));
    dataset->class_names = block;
    for (size_t i = 0; i < n; i++) {
        char *name = NULL;
        LB_TRY(lb_arena_strdup(&dataset->arena, names[i], &name));
        dataset->class_names[i] = name;
    }
    dataset->classes = n;
    return LB_OK;
}

lb_image_shape lb_dataset_shape(const lb_dataset *dataset)
{
    return (lb_image_shape){dataset->channels, dataset->height, dataset->width};
}

/* Names for the classes: the table row's, the reader's, or numbers. */
static lb_status name_classes(lb_dataset *dataset)
{
    if (dataset->class_names != NULL) return LB_OK;
    void *names = NULL;
    LB_TRY(
        lb_arena_alloc(&dataset->arena, dataset->classes, sizeof(char *), "class names", &names));
    dataset->class_names = names;
    const char *const *known = dataset->kind->class_names;
    for (size_t c = 0; c < dataset->classes; c++) {
        char number[24];
        char *name = NULL;
        snprintf(number, sizeof number, "%zu", c);
        if (known == NULL) LB_TRY(lb_arena_strdup(&dataset->arena, number, &name));
        dataset->class_names[c] = known != NULL ? known[c] : name;
    }
    return LB_OK;
}

/* What the readers promise and the table demands. */
static lb_status check(lb_dataset *dataset)
{
    if (dataset->stream != NULL) {
        const size_t size = lb_stream_view(dataset->stream)->size;
        dataset->channels = 3;
        dataset->height = dataset->width = size;
    }
    const lb_data_kind *kind = dataset->kind;
    const lb_image_shape want = kind->shape, got = lb_dataset_shape(dataset);
    if (want.channels != 0 &&
        (got.channels != want.channels || got.height != want.height || got.width != want.width)) {
        return lb_fail(
            LB_E_FORMAT,
            "images of %zux%zux%zu, but '%s' has %zux%zux%zu; for other data use idx:DIR",
            got.channels, got.height, got.width, kind->entry.name, want.channels, want.height,
            want.width);
    }
    if (kind->classes != 0) dataset->classes = kind->classes;
    for (size_t i = 0; i < dataset->count; i++) {
        if (dataset->labels[i] >= dataset->classes) {
            return lb_fail(LB_E_FORMAT, "image %zu has label %u, but there are only %zu classes", i,
                           (unsigned)dataset->labels[i], dataset->classes);
        }
    }
    return name_classes(dataset);
}

/* Check that the files are there at all, so that the message can say how to get them. */
static lb_status check_present(const lb_data_spec *spec, lb_split split)
{
    const lb_data_kind *kind = spec->kind;
    const char *name = kind->entry.name;
    if (kind->entry.synthetic) return LB_OK;
    if (spec->folder == NULL) {
        return lb_fail(LB_E_ARG,
                       "data set '%s': no folder: give %s:DIR, or set LOWBIT_DATA to the folder "
                       "that holds the data sets",
                       name, name);
    }
    const char *missing = kind->format->missing(spec->folder, split);
    if (missing == NULL) return LB_OK;
    if (kind->files != NULL) {
        return lb_fail(LB_E_IO,
                       "data set '%s': no %s in '%s'; `lowbit data get %s` fetches it, or give "
                       "%s:DIR",
                       name, missing, spec->folder, name, name);
    }
    return lb_fail(LB_E_IO, "data set '%s': no %s in '%s'; give %s:DIR", name, missing,
                   spec->folder, name);
}

static lb_status read_split(const lb_data_spec *spec, lb_split split, lb_dataset *dataset)
{
    const lb_data_kind *kind = spec->kind;
    LB_TRY(check_present(spec, split));
    dataset->kind = kind;
    dataset->split = split;
    const lb_data_source source = {kind, spec->folder, spec->training_count, split};
    lb_status status = kind->format->read(&source, dataset);
    if (status == LB_OK) status = check(dataset);
    if (status != LB_OK) return lb_fail_in(status, "data set '%s'", kind->entry.name);
    return LB_OK;
}

lb_status lb_dataset_open(const char *text, lb_split split, lb_dataset **out)
{
    lb_data_spec spec;
    LB_TRY(lb_data_spec_parse(text, &spec));
    void *block = NULL;
    lb_status status = lb_alloc(1, sizeof(lb_dataset), "data set", &block);
    lb_dataset *dataset = block;
    if (status == LB_OK) status = read_split(&spec, split, dataset);
    lb_data_spec_release(&spec);
    if (status == LB_OK) {
        *out = dataset;
    } else {
        lb_dataset_close(dataset);
    }
    return status;
}

void lb_dataset_close(lb_dataset *dataset)
{
    if (dataset == NULL) return;
    lb_stream_destroy(dataset->stream);
    lb_free(dataset->images);
    lb_free(dataset->labels);
    lb_arena_release(&dataset->arena);
    lb_free(dataset);
}

void lb_dataset_get_info(const lb_dataset *dataset, lb_dataset_info *out)
{
    *out = (lb_dataset_info){dataset->kind->entry.name, dataset->split,         dataset->count,
                             dataset->channels,         dataset->height,        dataset->width,
                             dataset->classes,          dataset->stream != NULL};
}

const char *lb_dataset_class_name(const lb_dataset *dataset, size_t index)
{
    lb_assert(index < dataset->classes);
    return dataset->class_names[index];
}

const uint8_t *lb_dataset_image(const lb_dataset *dataset, size_t index)
{
    lb_assert(index < dataset->count && dataset->images != NULL);
    return dataset->images + index * (dataset->channels * dataset->height * dataset->width);
}

uint16_t lb_dataset_label(const lb_dataset *dataset, size_t index)
{
    lb_assert(index < dataset->count);
    return dataset->labels[index];
}

void lb_dataset_class_counts(const lb_dataset *dataset, size_t *counts)
{
    memset(counts, 0, dataset->classes * sizeof *counts);
    for (size_t i = 0; i < dataset->count; i++) counts[dataset->labels[i]]++;
}

lb_augment lb_dataset_standard_augment(const lb_dataset *dataset)
{
    return dataset->kind->augment;
}

lb_status lb_split_indices(size_t count, size_t n_validation, uint64_t seed, uint32_t *training,
                           uint32_t *validation)
{
    if (n_validation >= count) {
        return lb_fail(LB_E_ARG,
                       "a validation split of %zu images leaves none of the %zu for training",
                       n_validation, count);
    }
    lb_assert(count <= LB_DATA_MAX_COUNT);
    /* Selection sampling (Knuth 3.4.2, algorithm S): every subset is equally likely, both lists come
     * out in ascending order, and no memory is needed. */
    lb_random random = lb_random_at(seed, LB_RANDOM_SPLIT, 0, 0);
    size_t v = 0, t = 0;
    for (size_t i = 0; i < count; i++) {
        if (lb_random_below(&random, count - i) < n_validation - v) {
            validation[v++] = (uint32_t)i;
        } else {
            training[t++] = (uint32_t)i;
        }
    }
    return LB_OK;
}
