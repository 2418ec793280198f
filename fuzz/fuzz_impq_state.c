/* The reader of impq.json: whatever it accepts has rows that can be gone on from. */
#include <stdlib.h>
#include <string.h>

#include "input_file.h"
#include "train/impq_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const lb_impq_options options = {.groups = "9@1"};
    const lb_impq_plan plan = {.options = &options, .start = "5", .fraction = 0.5, .runners_up = 9};
    lb_impq_state state = {0};
    char *text = malloc(size + 1);
    if (!text) abort();
    memcpy(text, data, size);
    text[size] = '\0';
    if (lb_impq_state_parse(&plan, "input", text, &state) == LB_OK)
        for (size_t i = 0; i < state.n_rows; i++)
            if (state.rows[i].iteration != i || !state.rows[i].phase || !state.layers[i]) abort();
    lb_impq_state_release(&state);
    state = (lb_impq_state){0}; /* as a report reads it: of any options */
    if (lb_impq_state_parse(NULL, "input", text, &state) == LB_OK &&
        (!state.granularity || !state.start))
        abort();
    lb_impq_state_release(&state);
    free(text);
    return 0;
}
