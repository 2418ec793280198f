/* What tests share: real data, temporary folders, allocation failures. Includes cmocka and all
 * it wants. */
#ifndef LB_TESTS_SUPPORT_H
#define LB_TESTS_SUPPORT_H

/* cmocka.h needs these before it, in this order */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fail.h"

/** The folder of a real data set, "$LOWBIT_DATA/NAME". Without it the test is skipped; where the
 *  environment has CI=true it fails instead. Borrowed; valid until the next call. */
const char *lb_test_data(const char *name);

/** A fresh folder, removed with all it holds when the program exits. Borrowed; valid until then. */
const char *lb_test_folder(void);
/** "FOLDER/NAME". Borrowed; 16 of them are valid at a time. */
const char *lb_test_path(const char *folder, const char *name);

/** Write a file of these bytes, or fail the test. */
void lb_test_write(const char *path, const void *data, size_t bytes);

/** The line that `program measure argument` prints, in a process whose memory no other test has used. */
void lb_test_measure(const char *program, const char *argument, char line[128]);

/** Fail the test, with the message, unless `expression` is LB_OK. */
#define assert_ok(expression) lb_test_status((expression), LB_OK, #expression, __FILE__, __LINE__)
/** Fail the test unless `expression` is this status. */
#define assert_status(expression, wanted) \
    lb_test_status((expression), (wanted), #expression, __FILE__, __LINE__)
void lb_test_status(lb_status got, lb_status wanted, const char *expression, const char *file,
                    int line);

/** Fail the test unless the text holds the piece. */
#define assert_contains(text, piece) lb_test_contains((text), (piece), __FILE__, __LINE__)
void lb_test_contains(const char *text, const char *piece, const char *file, int line);

/** Call `body` with the 1st, 2nd, ... allocation failing, until it gets through without meeting
 *  the failure. Each failing call must return LB_E_NOMEM; what it left behind is for the address
 *  sanitizer to find. */
void lb_test_every_allocation_failure(lb_status (*body)(void *context), void *context);

#endif
