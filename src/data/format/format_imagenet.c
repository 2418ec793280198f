/* ImageNet's folders: DIR/train/CLASS/IMAGE and DIR/val/CLASS/IMAGE, or DIR/val/IMAGE with a file of labels.
 * Classes are the folders in train, in byte order; a class's name is in a file beside them. Or a folder
 * that `lowbit data cache` has written. Nothing is opened here but lists. */
#include <string.h>

#include "base/file.h"
#include "data/dataset.h"
#include "data/format/synset_files.h"
#include "data/image_cache.h"
#include "data/image_index.h"

static bool split_folder(const char *folder, lb_split split, char *path)
{
    return split == LB_SPLIT_TRAIN ? lb_folder_either(folder, "train", "train", path)
                                   : lb_folder_either(folder, "val", "test", path);
}

static const char *missing(const char *folder, lb_split split)
{
    char path[LB_PATH_BYTES];
    if (lb_is_image_cache(folder)) return NULL;
    if (!split_folder(folder, LB_SPLIT_TRAIN, path)) return "folder train";
    return split_folder(folder, split, path) ? NULL : "folder val";
}

/* Every class folder here must be one of the training split's. */
static lb_status check_known(const char *folder, const lb_name_list *here,
                             const lb_name_list *classes)
{
    for (size_t i = 0; i < here->n; i++) {
        if (lb_name_list_find(classes, here->names[i]) < classes->n) continue;
        return lb_fail(LB_E_FORMAT, "'%s/%s': no such class in the training split", folder,
                       here->names[i]);
    }
    return LB_OK;
}

static lb_status add_class(const char *folder, const char *name, uint16_t label,
                           lb_image_index *index)
{
    char path[LB_PATH_BYTES];
    lb_name_list images = {0};
    LB_TRY(lb_folder_path(folder, name, path));
    lb_status status = lb_folder_list(path, false, &images);
    if (status == LB_OK) status = lb_image_index_add(index, name, &images, label);
    lb_name_list_release(&images);
    return status;
}

static lb_status add_classes(const char *folder, const lb_name_list *here,
                             const lb_name_list *classes, lb_image_index *index)
{
    LB_TRY(check_known(folder, here, classes));
    for (size_t i = 0; i < here->n; i++) {
        const size_t label = lb_name_list_find(classes, here->names[i]);
        LB_TRY(add_class(folder, here->names[i], (uint16_t)label, index));
    }
    return LB_OK;
}

/* A folder without class folders. `root`: where the file of labels lies. */
static lb_status add_flat(const char *root, const char *folder, const lb_name_list *classes,
                          lb_image_index *index)
{
    lb_name_list images = {0};
    void *labels = NULL;
    lb_status status = lb_folder_list(folder, false, &images);
    if (status == LB_OK && images.n == 0) {
        status = lb_fail(LB_E_FORMAT, "'%s': no class folders and no images in it", folder);
    }
    if (status == LB_OK) status = lb_alloc(images.n, sizeof(uint16_t), "labels", &labels);
    if (status == LB_OK) status = lb_flat_labels(root, &images, classes, labels);
    for (size_t i = 0; i < images.n && status == LB_OK; i++) {
        status = lb_image_index_add_one(index, images.names[i], ((const uint16_t *)labels)[i]);
    }
    lb_free(labels);
    lb_name_list_release(&images);
    return status;
}

static lb_status fill_index(const lb_data_source *source, const char *folder,
                            const lb_name_list *classes, lb_image_index *index)
{
    lb_name_list here = {0};
    lb_status status = lb_folder_list(folder, true, &here);
    if (status == LB_OK) {
        status = here.n > 0 || source->split == LB_SPLIT_TRAIN
                     ? add_classes(folder, &here, classes, index)
                     : add_flat(source->folder, folder, classes, index);
    }
    lb_name_list_release(&here);
    return status;
}

static lb_status name_classes(const lb_data_source *source, const lb_name_list *classes,
                              lb_dataset *out)
{
    lb_name_list names = {0};
    lb_status status = lb_synset_names(source->folder, classes, &names);
    if (status == LB_OK) status = lb_dataset_name_classes(out, names.names, names.n);
    lb_name_list_release(&names);
    return status;
}

static lb_status read_index(const lb_data_source *source, const char *folder,
                            const lb_name_list *classes, lb_dataset *out)
{
    if (classes->n == 0 || classes->n > UINT16_MAX) {
        return lb_fail(LB_E_FORMAT, "'%s': %zu class folders in train; wanted 1 to %d",
                       source->folder, classes->n, UINT16_MAX);
    }
    lb_image_index *index = NULL;
    LB_TRY(lb_image_index_create(folder, &index));
    lb_status status = fill_index(source, folder, classes, index);
    const size_t count = lb_image_index_count(index);
    if (status == LB_OK) status = lb_dataset_allocate_labels(out, folder, count);
    if (status == LB_OK) status = name_classes(source, classes, out);
    if (status != LB_OK) {
        lb_image_index_destroy(index);
        return status;
    }
    memcpy(out->labels, lb_image_index_labels(index), count * sizeof *out->labels);
    return lb_stream_create(lb_image_index_store(index), count, source->kind->square, &out->stream);
}

static lb_status read_imagenet(const lb_data_source *source, lb_dataset *out)
{
    char training[LB_PATH_BYTES], folder[LB_PATH_BYTES];
    if (lb_is_image_cache(source->folder)) return lb_image_cache_open(source, out);
    if (!split_folder(source->folder, LB_SPLIT_TRAIN, training) ||
        !split_folder(source->folder, source->split, folder)) {
        return lb_fail(LB_E_IO, "no %s in '%s'", missing(source->folder, source->split),
                       source->folder);
    }
    lb_name_list classes = {0};
    lb_status status = lb_folder_list(training, true, &classes);
    if (status == LB_OK) status = read_index(source, folder, &classes, out);
    lb_name_list_release(&classes);
    return status;
}

const lb_data_format lb_format_imagenet = {missing, read_imagenet};
