/* Reports: one HTML page with the tables and pictures of many runs, docs/report.md. */
#ifndef LOWBIT_REPORT_H
#define LOWBIT_REPORT_H

#include <stddef.h>

#include "lowbit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lb_report_options {
    const char *const
        *sources; /* result stores, folders of runs and of lowbit impq, in any mixture */
    size_t n_sources;
    const char *title;  /* NULL: "Results"                                                      */
    const char *filter; /* runs that are shown, as lb_store_list; NULL: all                     */
    const char *out;    /* the page                                                             */
    const char *folder; /* of pictures and tables as files; NULL: `out` with "_files" for .html */
} lb_report_options;

enum { LB_REPORT_PROBLEM_BYTES = 256 };

typedef struct lb_report_summary {
    size_t runs, tables, pictures, bytes;  /* bytes: of the page                          */
    char problem[LB_REPORT_PROBLEM_BYTES]; /* why there are no pictures; "": there are */
} lb_report_summary;

/**
 * Write a page with everything in it, and beside it each picture as SVG and PNG and each table as Markdown
 * and CSV.
 *
 * Without gnuplot, which draws the pictures, the page has the tables alone and says why.
 *
 * Ownership: borrows everything.
 * Errors:    LB_E_ARG    no sources, an unknown key in the filter, or no run that meets it.
 *            LB_E_FORMAT a source is neither a store nor a run, or damaged.
 *            LB_E_IO     a source cannot be read, or the page not written; an older page is intact.
 *            LB_E_INTERRUPTED lb_report_stop was called: nothing is left behind, as above. LB_E_NOMEM.
 */
lb_status lb_report_write(const lb_report_options *options, lb_report_summary *out);

typedef struct lb_serve_options {
    const char *store;
    const char *title;  /* as above                                                  */
    const char *filter; /* as above                                                  */
    unsigned port;      /* of 127.0.0.1; 0: any free one                             */
    double seconds;     /* the page is made anew no more often than this; 0: 5       */
    void (*ready)(const char *url, void *user); /* called once it can be opened; may be NULL */
    void *user;
} lb_serve_options;

/**
 * Serve a page of a store that is being written on http://127.0.0.1:PORT/, to this machine alone, until
 * lb_report_stop: the page is made anew where the store has changed, and loads itself again.
 *
 * Ownership: borrows everything.
 * Errors:    LB_E_IO the store cannot be read, or the port is taken; LB_E_FORMAT no store; LB_E_ARG,
 *            LB_E_NOMEM. A store that cannot be read later on leaves the last page.
 * Threads:   one at a time in a process.
 */
lb_status lb_report_serve(const lb_serve_options *options);
/** End lb_report_serve or lb_report_write. May be called from a signal handler or another thread; remembered for the
 *  next one. */
void lb_report_stop(void);

#ifdef __cplusplus
}
#endif
#endif
