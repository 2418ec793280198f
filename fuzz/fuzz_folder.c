/* The images of a folder data set: PNG and JPEG decoding, and encoding what came out. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/format/image_file.h"
#include "input_file.h"

/* What we encode must come back as it was. */
static void round_trip(lb_image_shape shape, const uint8_t *pixels)
{
    uint8_t *file = NULL, *again = NULL;
    size_t bytes = 0;
    lb_image_shape got = {0};
    if (lb_image_encode_png(shape, pixels, &file, &bytes) != LB_OK) return;
    if (lb_image_decode("encoded", file, bytes, &got, &again) != LB_OK) abort();
    if (got.channels != shape.channels || got.height != shape.height || got.width != shape.width)
        abort();
    if (memcmp(pixels, again, shape.channels * shape.height * shape.width) != 0) abort();
    lb_free(file);
    lb_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lb_image_shape shape = {0};
    uint8_t *pixels = NULL;
    if (lb_image_decode("input", data, size, &shape, &pixels) != LB_OK) return 0;
    if (shape.height * shape.width <= 4096) round_trip(shape, pixels); /* small ones, for speed */
    lb_free(pixels);
    return 0;
}
