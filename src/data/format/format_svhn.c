/* SVHN, cropped digits (Netzer et al. 2011, http://ufldl.stanford.edu/housenumbers): a MATLAB file with
 *   X  uint8 (32, 32, 3, count), first dim fastest:  X[y + 32 x + 1024 c + 3072 i]
 *   y  (count, 1), uint8 or double: the digit, with 10 for zero. */
#include "data/format/format_svhn.h"

#include <matio.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"

enum { SIDE = 32, CHANNELS = 3, PATH_BYTES = 4096 };

static const char *const file_names[2] = {"train_32x32.mat", "test_32x32.mat"};

/* The label of image i, 0 to 9; -1 where it is none. */
static int label_at(const matvar_t *y, size_t i)
{
    double value = -1.0;
    if (y->class_type == MAT_C_UINT8) value = (double)((const uint8_t *)y->data)[i];
    if (y->class_type == MAT_C_DOUBLE) value = ((const double *)y->data)[i];
    for (int digit = 1; digit <= 10; digit++) {
        if (value == (double)digit) return digit % 10;
    }
    return -1;
}

static bool is_whole(const matvar_t *v, size_t elements, size_t element_bytes)
{
    return v->data != NULL && v->isComplex == 0 && v->data_size == (int)element_bytes &&
           v->nbytes == elements * element_bytes;
}

static lb_status check_images(const char *path, const matvar_t *x)
{
    if (x == NULL || x->class_type != MAT_C_UINT8 || x->rank != 4 || x->dims[0] != SIDE ||
        x->dims[1] != SIDE || x->dims[2] != CHANNELS) {
        return lb_fail(LB_E_FORMAT, "%s: no variable X of 32x32x3xN unsigned bytes", path);
    }
    if (x->dims[3] > LB_DATA_MAX_COUNT || !is_whole(x, x->dims[3] * SIDE * SIDE * CHANNELS, 1)) {
        return lb_fail(LB_E_FORMAT, "%s: variable X is truncated or damaged", path);
    }
    return LB_OK;
}

static lb_status check_labels(const char *path, const matvar_t *y, size_t count)
{
    if (y == NULL || y->rank != 2 || y->dims[0] != count || y->dims[1] != 1 ||
        (y->class_type != MAT_C_UINT8 && y->class_type != MAT_C_DOUBLE)) {
        return lb_fail(LB_E_FORMAT, "%s: no variable y of %zux1 labels, one for each image", path, count);
    }
    if (!is_whole(y, count, y->class_type == MAT_C_UINT8 ? 1 : sizeof(double))) {
        return lb_fail(LB_E_FORMAT, "%s: variable y is truncated or damaged", path);
    }
    return LB_OK;
}

static lb_status copy(const char *path, const matvar_t *x, const matvar_t *y, lb_dataset *out)
{
    LB_TRY(check_images(path, x));
    const size_t count = x->dims[3];
    LB_TRY(check_labels(path, y, count));
    LB_TRY(lb_dataset_allocate(out, path, count, (lb_image_shape){CHANNELS, SIDE, SIDE}));
    const uint8_t *from = x->data;
    for (size_t plane = 0; plane < count * CHANNELS; plane++) {
        uint8_t *to = out->images + plane * SIDE * SIDE;
        for (size_t column = 0; column < SIDE; column++) {
            for (size_t row = 0; row < SIDE; row++) to[row * SIDE + column] = *from++;
        }
    }
    for (size_t i = 0; i < count; i++) {
        const int label = label_at(y, i);
        if (label < 0) return lb_fail(LB_E_FORMAT, "%s: label %zu is not one of 1 to 10", path, i);
        out->labels[i] = (uint16_t)label;
    }
    return LB_OK;
}

lb_status lb_svhn_read(const char *path, lb_dataset *out)
{
    mat_t *file = Mat_Open(path, MAT_ACC_RDONLY);
    if (file == NULL) return lb_fail(LB_E_FORMAT, "%s: cannot be opened as a MATLAB file", path);
    matvar_t *x = Mat_VarRead(file, "X"), *y = Mat_VarRead(file, "y");
    const lb_status status = copy(path, x, y, out);
    Mat_VarFree(x);
    Mat_VarFree(y);
    Mat_Close(file);
    return status;
}

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
    return lb_svhn_read(path, out);
}

const lb_data_format lb_format_svhn = {missing, read_svhn};
