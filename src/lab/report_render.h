/* From a store to the text of a page, and the files beside it. */
#ifndef LB_LAB_REPORT_RENDER_H
#define LB_LAB_REPORT_RENDER_H

#include "lab/report_page.h"
#include "lowbit/report.h"

/* A page, its files still in the scratch folder. */
typedef struct lb_rendered {
    char *text; /* free() */
    size_t bytes;
    lb_report_summary summary;
} lb_rendered;

/**
 * Make a page from records.
 *
 * Requires:  page->problem is not read: it comes from drawing.
 * Ownership: out->text is yours, free().
 * Errors:    LB_E_IO a table cannot be written into the scratch folder; LB_E_NOMEM; those of the input's
 *            callbacks. Pictures that cannot be drawn are no error.
 */
LB_MUST_CHECK lb_status lb_report_render(const lb_report_input *input, const lb_page_options *page,
                                         const char *scratch_folder, lb_rendered *out);
/** As above from a store that is open, and from procedures; NULL: none. */
LB_MUST_CHECK lb_status lb_report_render_store(lb_store *store,
                                               const lb_report_procedures *procedures,
                                               const char *filter, const lb_page_options *page,
                                               const char *scratch_folder, lb_rendered *out);

/** Make a folder of its own for files in the making, beside `near` (NULL: where temporary files go).
 *  *out is yours: lb_scratch_remove. */
LB_MUST_CHECK lb_status lb_scratch_make(const char *near, char **out);
/** Remove the folder and the files in it, and free its name; NULL is fine. */
void lb_scratch_remove(char *folder);

#endif
