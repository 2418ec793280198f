/* Writing data sets: as IDX files, and as a contact sheet. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "data/dataset.h"
#include "data/format/format_idx.h"
#include "data/format/image_file.h"

enum { PATH_BYTES = LB_IDX_PATH_BYTES, SHEET_GAP = 2, SHEET_MAX_SIDE = 16384 };

static lb_status write_array(const char *folder, const char *name, const size_t *dims,
                             size_t n_dims, const uint8_t *data)
{
    char path[PATH_BYTES];
    uint8_t header[4 + 4 * LB_IDX_MAX_DIMS];
    size_t bytes = 1;
    for (size_t d = 0; d < n_dims; d++) bytes *= dims[d];
    const int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (n <= 0 || n >= PATH_BYTES) return lb_fail(LB_E_IO, "'%s': path too long", folder);
    const lb_file_part parts[2] = {{header, lb_idx_header(dims, n_dims, header)}, {data, bytes}};
    return lb_file_write_atomic(path, parts, 2);
}

static lb_status write_labels(const lb_dataset *dataset, const char *folder, const char *name)
{
    void *block = NULL;
    LB_TRY(lb_alloc(dataset->count, 1, "labels", &block));
    uint8_t *labels = block;
    for (size_t i = 0; i < dataset->count; i++) labels[i] = (uint8_t)dataset->labels[i];
    const lb_status status = write_array(folder, name, &dataset->count, 1, labels);
    lb_free(labels);
    return status;
}

lb_status lb_dataset_write_idx(const lb_dataset *dataset, const char *folder)
{
    static const char *const images[2][2] = {{"train-images-idx3-ubyte", "train-images-idx4-ubyte"},
                                             {"t10k-images-idx3-ubyte", "t10k-images-idx4-ubyte"}};
    static const char *const labels[2] = {"train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"};
    if (dataset->stream != NULL) {
        return lb_fail(LB_E_ARG, "%s is not held in memory; IDX files are for small images",
                       dataset->kind->entry.name);
    }
    if (dataset->classes > 256) {
        return lb_fail(LB_E_ARG, "%zu classes; IDX files of bytes hold 256", dataset->classes);
    }
    const bool grey = dataset->channels == 1;
    const size_t dims[4] = {dataset->count, grey ? dataset->height : dataset->channels,
                            grey ? dataset->width : dataset->height, dataset->width};
    const char *name = images[dataset->split][grey ? 0 : 1];
    char other[PATH_BYTES];
    if (lb_idx_hides(folder, dataset->split, name, other)) {
        return lb_fail(LB_E_ARG,
                       "%s is there and would be read in place of %s; remove it, or choose another "
                       "folder",
                       other, name);
    }
    LB_TRY(lb_make_folders(folder));
    LB_TRY(write_array(folder, name, dims, grey ? 3 : 4, dataset->images));
    return write_labels(dataset, folder, labels[dataset->split]);
}

/* Put an image at the given row and column of the sheet; a missing colour channel repeats the last. */
static void place_image(const lb_dataset *d, const uint8_t *image, size_t row, size_t column,
                        lb_image_shape sheet, uint8_t *pixels)
{
    const size_t top = SHEET_GAP + row * (d->height + SHEET_GAP);
    const size_t left = SHEET_GAP + column * (d->width + SHEET_GAP);
    for (size_t c = 0; c < sheet.channels; c++) {
        const uint8_t *plane =
            image + (c < d->channels ? c : d->channels - 1) * d->height * d->width;
        for (size_t y = 0; y < d->height; y++) {
            memcpy(pixels + (c * sheet.height + top + y) * sheet.width + left, plane + y * d->width,
                   d->width);
        }
    }
}

/* An image that cannot be read leaves its place to the next one of its class. */
static lb_status fill_sheet(const lb_dataset *d, size_t columns, lb_image_shape sheet,
                            uint8_t *pixels)
{
    void *counts = NULL, *image = NULL;
    LB_TRY(lb_alloc(d->classes, sizeof(size_t), "contact sheet", &counts));
    lb_status status = lb_alloc(d->height * d->width, d->channels, "image", &image);
    size_t *placed = counts;
    memset(pixels, 96, sheet.channels * sheet.height * sheet.width);
    for (size_t i = 0; i < d->count && status != LB_E_NOMEM; i++) {
        const uint16_t label = d->labels[i];
        if (placed[label] == columns) continue;
        status = lb_dataset_read(d, i, image);
        if (status == LB_OK) place_image(d, image, label, placed[label]++, sheet, pixels);
    }
    lb_free(image);
    lb_free(counts);
    return status == LB_E_NOMEM ? status : LB_OK;
}

lb_status lb_dataset_write_sheet(const lb_dataset *dataset, size_t columns, const char *path)
{
    if (columns == 0 || columns > SHEET_MAX_SIDE) {
        return lb_fail(LB_E_ARG, "contact sheet: %zu images a row; wanted 1 to %d", columns,
                       SHEET_MAX_SIDE);
    }
    const lb_image_shape sheet = {dataset->channels == 1 ? 1 : 3,
                                  SHEET_GAP + dataset->classes * (dataset->height + SHEET_GAP),
                                  SHEET_GAP + columns * (dataset->width + SHEET_GAP)};
    if (sheet.height > SHEET_MAX_SIDE || sheet.width > SHEET_MAX_SIDE) {
        return lb_fail(LB_E_ARG, "a contact sheet of %zux%zu pixels; at most %d a side",
                       sheet.height, sheet.width, SHEET_MAX_SIDE);
    }
    void *pixels = NULL;
    uint8_t *file = NULL;
    size_t bytes = 0;
    LB_TRY(lb_alloc(sheet.height * sheet.width, sheet.channels, "contact sheet", &pixels));
    lb_status status = fill_sheet(dataset, columns, sheet, pixels);
    if (status == LB_OK) status = lb_image_encode_png(sheet, pixels, &file, &bytes);
    lb_free(pixels);
    if (status == LB_OK) {
        const lb_file_part part = {file, bytes};
        status = lb_file_write_atomic(path, &part, 1);
    }
    lb_free(file);
    return status;
}
