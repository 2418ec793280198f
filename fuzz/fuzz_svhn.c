/* The SVHN reader: whatever it accepts has labels 0 to 9 and readable pixels. */
#include <stdlib.h>

#include "base/memory.h"
#include "data/format/format_svhn.h"
#include "input_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lb_dataset dataset = {.kind = NULL};
    if (lb_svhn_parse("input", data, size, &dataset) == LB_OK) {
        unsigned sum = 0;
        for (size_t i = 0; i < dataset.count * 3072; i++) sum += dataset.images[i];
        for (size_t i = 0; i < dataset.count; i++) {
            if (dataset.labels[i] > 9) abort();
        }
        static volatile unsigned sink; /* keeps the reads */
        sink = sum;
        (void)sink;
    }
    lb_free(dataset.images);
    lb_free(dataset.labels);
    return 0;
}
