/* A report: its tables and pictures in order, and the page that shows them. */
#ifndef LB_LAB_REPORT_PAGE_H
#define LB_LAB_REPORT_PAGE_H

#include "lab/plot.h"
#include "lab/report_data.h"
#include "lab/report_tables.h"

/* What one item of a section came to: ranges of the plan's tables and pictures. */
typedef struct lb_report_block {
    size_t section;
    const char *title;
    size_t first_table, n_tables, first_picture, n_pictures;
} lb_report_block;

typedef struct lb_report_plan {
    lb_report_block *blocks;
    size_t n_blocks;
    lb_table *tables;
    size_t n_tables;
    lb_pictures pictures;
    lb_arena arena;
} lb_report_plan;

/**
 * Make the tables, and the scripts of the pictures, of all sections; the table of all runs is the last one.
 *
 * Ownership: *out is yours, lb_report_plan_release, also after a failure; it borrows `data`.
 * Errors:    LB_E_NOMEM, and those of the input's callbacks.
 */
LB_MUST_CHECK lb_status lb_report_plan_init(const lb_report_data *data, lb_report_plan *out);
void lb_report_plan_release(lb_report_plan *plan);

typedef struct lb_page_options {
    const char *title, *source; /* source: what the runs were read from                      */
    const char *folder;         /* of the files beside the page, as links; NULL: there are none */
    const char *problem;        /* why there are no pictures; "": there are                  */
    int refresh_seconds;        /* 0: the page stays as it is                                */
} lb_page_options;

/** Write the page; failures are the stream's. */
void lb_report_page(const lb_report_data *data, const lb_report_plan *plan,
                    const lb_page_options *options, FILE *file);

#endif
