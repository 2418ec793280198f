/* The papers' figures as they stand in experiments/papers.csv. */
#ifndef LB_LAB_PAPER_FIGURES_H
#define LB_LAB_PAPER_FIGURES_H

#include <stdint.h>

#include "base/memory.h"
#include "lowbit/reproduce.h"

typedef struct lb_paper_figures {
    lb_paper_figure *items;
    size_t n;
    lb_arena arena;
} lb_paper_figures;

/**
 * Read figures from the bytes of a data file; `path` is what messages call it.
 *
 * Ownership: *out is yours, lb_paper_figures_release.
 * Errors:    LB_E_FORMAT with line: not the header, too few fields, an empty one, an unknown metric, mark or
 *            setting, a value that is no number or out of range; LB_E_NOMEM. *out is untouched then.
 */
LB_MUST_CHECK lb_status lb_paper_figures_parse(const char *path, const uint8_t *data, size_t bytes,
                                               lb_paper_figures *out);
/** The same from a file. Errors: those of lb_file_read too. */
LB_MUST_CHECK lb_status lb_paper_figures_read(const char *path, lb_paper_figures *out);
void lb_paper_figures_release(lb_paper_figures *figures);

/** One KEY=VALUE of a figure's `where`, in the spelling of lb_settings_get; false past the last one. *at starts
 *  at `where` and moves on; key and value are NUL-terminated copies. */
bool lb_paper_figure_take(const char **at, char key[64], char value[192]);

#endif
