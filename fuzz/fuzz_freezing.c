/* Freezing schedules: whatever is accepted puts every epoch into a stage, and ends with all weights frozen. */
#include <stdlib.h>
#include <string.h>

#include "input_file.h"
#include "train/freezing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[4096];
    if (size >= sizeof text) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    lb_freezing f;
    const lb_progress none = {0};
    if (lb_freezing_parse(text, &f) != LB_OK) return 0;
    const size_t lengths[] = {1, 7, lb_freezing_length(&f)};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const size_t epochs = lengths[i], from = lb_freezing_all_from(&f, epochs, &none);
        for (size_t e = 0; e < epochs; e += 1 + epochs / 100) {
            const lb_freezing_place p = lb_freezing_at(&f, epochs, &none, e);
            if (p.first > e || e >= p.first + p.epochs) abort();
            if ((p.frozen >= 1.0) != (e >= from)) abort();
        }
    }
    return 0;
}
