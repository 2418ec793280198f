/* The reader of the papers' figures: whatever it accepts can be taken apart again. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "input_file.h"
#include "lab/paper_figures.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lb_paper_figures figures = {0};
    if (lb_paper_figures_parse("input", data, size, &figures) != LB_OK) return 0;
    for (size_t i = 0; i < figures.n; i++) {
        const lb_paper_figure *figure = &figures.items[i];
        char key[64], value[192];
        size_t conditions = 0;
        for (const char *at = figure->where; lb_paper_figure_take(&at, key, value);) conditions++;
        if (conditions == 0 || figure->experiment[0] == '\0') abort();
        if (isnan(figure->value) && !figure->dnc) abort();
    }
    lb_paper_figures_release(&figures);
    return 0;
}
