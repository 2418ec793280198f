/* CIFAR records of both layouts. */
#include <stdlib.h>

#include "base/memory.h"
#include "data/format/format_cifar.h"
#include "input_file.h"

static void run(const uint8_t *data, size_t size, size_t label_bytes)
{
    size_t count = 0;
    if (lb_cifar_records("input", size, label_bytes, &count) != LB_OK) return;
    lb_dataset dataset = {.kind = NULL};
    if (lb_dataset_allocate(&dataset, "input", count, (lb_image_shape){3, 32, 32}) == LB_OK) {
        lb_cifar_copy(data, count, label_bytes, dataset.images, dataset.labels);
        if (dataset.labels[count - 1] != data[size - 3072 - 1]) abort();
        if (dataset.images[count * 3072 - 1] != data[size - 1]) abort();
    }
    lb_free(dataset.images);
    lb_free(dataset.labels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    run(data, size, 1);
    run(data, size, 2);
    return 0;
}
