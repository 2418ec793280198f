/* The IDX reader, plain and gzip: whatever it accepts has as many bytes as its dims say. */
#include <stdlib.h>

#include "base/memory.h"
#include "data/format/format_idx.h"
#include "input_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lb_idx idx = {0};
    if (lb_idx_parse("input", data, size, &idx) != LB_OK) return 0;
    size_t product = 1;
    for (size_t d = 0; d < idx.n_dims; d++) product *= idx.dims[d];
    unsigned sum = 0;
    for (size_t i = 0; i < product; i++) sum += idx.data[i];
    if (product != idx.bytes || product == 0) abort();
    lb_dataset dataset = {.kind = NULL};
    const lb_idx labels = {
        .n_dims = 1, .dims = {idx.dims[0]}, .bytes = idx.dims[0], .data = idx.data};
    if (lb_idx_to_dataset(&idx, &labels, &dataset) == LB_OK && dataset.count != idx.dims[0])
        abort();
    static volatile unsigned sink; /* keeps the reads */
    sink = sum;
    (void)sink;
    lb_free(dataset.images);
    lb_free(dataset.labels);
    lb_free(idx.data);
    return 0;
}
