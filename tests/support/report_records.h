/* Runs that nobody trained, as reports take them. */
#ifndef LB_TESTS_REPORT_RECORDS_H
#define LB_TESTS_REPORT_RECORDS_H

#include "lab/report_data.h"

/* A name that HTML, a shell, gnuplot and Markdown must not take for theirs. */
#define LB_TEST_HOSTILE "<i>'\"&`touch owned`|x"

/** A run on "mnist" with lenet5 that came to its end. */
lb_run_record lb_test_run(int64_t id, const char *method, int w, int a, double top1);
/** These runs, each with three epochs, one layer and its histogram; borrows the runs. */
lb_report_input lb_test_report_input(const lb_run_record *runs, size_t n);

#endif
