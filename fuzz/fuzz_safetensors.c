/* The safetensors reader: whatever it accepts can be read to the last byte. */
#include <stdlib.h>

#include "base/safetensors.h"
#include "input_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lb_safetensors *file = NULL;
    if (lb_safetensors_open(lb_fuzz_path(data, size), &file) != LB_OK) return 0;
    size_t n = 0;
    const lb_stored_tensor *tensors = lb_safetensors_tensors(file, &n);
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *bytes = tensors[i].data;
        for (size_t k = 0; k < tensors[i].bytes; k++) sum += bytes[k];
        if (lb_safetensors_find(file, tensors[i].name) != &tensors[i])
            abort(); /* names are unique */
    }
    static volatile unsigned sink; /* keeps the reads */
    sink = sum;
    (void)sink;
    lb_safetensors_close(file);
    return 0;
}
