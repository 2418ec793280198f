/* A folder of images by class: DIR/train/CLASS/IMAGE and DIR/test/CLASS/IMAGE (or val for test), PNG or
 * JPEG by the name's ending. Classes are the folders in train, in alphabetical (byte) order; images are
 * read in that order too. All have one size. If all are grey there is one channel, else three. */
#include <string.h>

#include "base/file.h"
#include "data/dataset.h"
#include "data/format/folder_list.h"
#include "data/format/image_file.h"

enum { MAX_IMAGE_FILE = 1 << 28 };

/* A growing list of decoded images. */
typedef struct image_list {
    size_t n, room, n_colour;
    lb_image_shape shape; /* channels: 0, as each image has its own number */
    uint8_t **pixels;     /* planar */
    uint8_t *channels;
    uint16_t *labels;
} image_list;

/* Double a block of *room elements. */
static lb_status grow(size_t room, size_t size, void **block)
{
    void *larger = NULL;
    LB_TRY(lb_alloc(2 * room, size, "file list", &larger));
    if (room > 0 && *block != NULL) memcpy(larger, *block, room * size);
    lb_free(*block);
    *block = larger;
    return LB_OK;
}

static bool split_folder(const char *folder, lb_split split, char *path)
{
    return split == LB_SPLIT_TRAIN ? lb_folder_either(folder, "train", "train", path)
                                   : lb_folder_either(folder, "test", "val", path);
}

static const char *missing(const char *folder, lb_split split)
{
    char path[LB_PATH_BYTES];
    if (!split_folder(folder, LB_SPLIT_TRAIN, path)) return "folder train";
    return split_folder(folder, split, path) ? NULL : "folder test or val";
}

static void image_list_release(image_list *list)
{
    for (size_t i = 0; i < list->n; i++) lb_free(list->pixels[i]);
    lb_free(list->pixels);
    lb_free(list->channels);
    lb_free(list->labels);
}

static lb_status image_list_reserve(image_list *list)
{
    if (list->n < list->room) return LB_OK;
    const size_t room = list->room > 0 ? list->room : 128;
    void *blocks[3] = {list->pixels, list->channels, list->labels};
    const size_t sizes[3] = {sizeof *list->pixels, sizeof *list->channels, sizeof *list->labels};
    for (size_t b = 0; b < 3; b++) {
        const lb_status status = grow(list->room > 0 ? room : room / 2, sizes[b], &blocks[b]);
        list->pixels = blocks[0];
        list->channels = blocks[1];
        list->labels = blocks[2];
        if (status != LB_OK) return status;
    }
    list->room = list->room > 0 ? 2 * room : room;
    return LB_OK;
}

static lb_status add_image(image_list *list, const char *path, uint16_t label)
{
    uint8_t *file = NULL, *pixels = NULL;
    size_t bytes = 0;
    lb_image_shape shape;
    LB_TRY(lb_file_read(path, MAX_IMAGE_FILE, &file, &bytes));
    const lb_status status = lb_image_decode(path, file, bytes, &shape, &pixels);
    lb_free(file);
    if (status != LB_OK) return status;
    if (list->n == 0) list->shape = (lb_image_shape){0, shape.height, shape.width};
    if (shape.height != list->shape.height || shape.width != list->shape.width) {
        lb_free(pixels);
        return lb_fail(LB_E_SHAPE,
                       "%s: %zux%zu pixels, but the images before it have %zux%zu; bring all to "
                       "one size",
                       path, shape.height, shape.width, list->shape.height, list->shape.width);
    }
    const lb_status reserved = image_list_reserve(list);
    if (reserved != LB_OK) {
        lb_free(pixels);
        return reserved;
    }
    list->pixels[list->n] = pixels;
    list->channels[list->n] = (uint8_t)shape.channels;
    list->labels[list->n] = label;
    list->n++;
    list->n_colour += shape.channels == 3 ? 1 : 0;
    return LB_OK;
}

static lb_status add_class(image_list *list, const char *folder, const char *name, uint16_t label)
{
    char class_folder[LB_PATH_BYTES], path[LB_PATH_BYTES];
    lb_name_list files = {0};
    LB_TRY(lb_folder_path(folder, name, class_folder));
    lb_status status = lb_folder_list(class_folder, false, &files);
    for (size_t i = 0; i < files.n && status == LB_OK; i++) {
        status = lb_folder_path(class_folder, files.names[i], path);
        if (status == LB_OK) status = add_image(list, path, label);
    }
    lb_name_list_release(&files);
    return status;
}

/* Copy the images into the data set; a grey one among coloured ones gets three equal planes. */
static lb_status collect(const image_list *list, const char *where, lb_dataset *out)
{
    const lb_image_shape shape = {list->n_colour > 0 ? 3 : 1, list->shape.height,
                                  list->shape.width};
    LB_TRY(lb_dataset_allocate(out, where, list->n, shape));
    const size_t plane = shape.height * shape.width;
    for (size_t i = 0; i < list->n; i++) {
        for (size_t c = 0; c < shape.channels; c++) {
            const size_t from = c < list->channels[i] ? c : 0;
            memcpy(out->images + (i * shape.channels + c) * plane, list->pixels[i] + from * plane,
                   plane);
        }
        out->labels[i] = list->labels[i];
    }
    return LB_OK;
}

/* Every class folder of `folder` (names sorted, as `classes` are) must be one of the classes. */
static lb_status check_known(const char *folder, const lb_name_list *classes)
{
    lb_name_list here = {0};
    lb_status status = lb_folder_list(folder, true, &here);
    for (size_t i = 0; i < here.n && status == LB_OK; i++) {
        if (lb_name_list_find(classes, here.names[i]) < classes->n) continue;
        status = lb_fail(LB_E_FORMAT, "'%s/%s': no such class in the training split", folder,
                         here.names[i]);
    }
    lb_name_list_release(&here);
    return status;
}

static lb_status read_classes(const char *folder, const lb_name_list *classes, lb_dataset *out)
{
    if (classes->n == 0 || classes->n > UINT16_MAX) {
        return lb_fail(LB_E_FORMAT, "'%s': %zu class folders in train; wanted 1 to %d", folder,
                       classes->n, UINT16_MAX);
    }
    image_list images = {0};
    lb_status status = check_known(folder, classes);
    for (size_t c = 0; c < classes->n && status == LB_OK; c++) {
        char path[LB_PATH_BYTES];
        status = lb_folder_path(folder, classes->names[c], path);
        /* A class without test images is legal. */
        if (status == LB_OK && lb_path_is_folder(path)) {
            status = add_class(&images, folder, classes->names[c], (uint16_t)c);
        }
    }
    if (status == LB_OK) status = collect(&images, folder, out);
    if (status == LB_OK) status = lb_dataset_name_classes(out, classes->names, classes->n);
    image_list_release(&images);
    return status;
}

static lb_status read_folder(const lb_data_source *source, lb_dataset *out)
{
    char training[LB_PATH_BYTES], folder[LB_PATH_BYTES];
    if (!split_folder(source->folder, LB_SPLIT_TRAIN, training) ||
        !split_folder(source->folder, source->split, folder)) {
        return lb_fail(LB_E_IO, "no %s in '%s'", missing(source->folder, source->split),
                       source->folder);
    }
    lb_name_list classes = {0};
    lb_status status = lb_folder_list(training, true, &classes);
    if (status == LB_OK) status = read_classes(folder, &classes, out);
    lb_name_list_release(&classes);
    return status;
}

const lb_data_format lb_format_folder = {missing, read_folder};
