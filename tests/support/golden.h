/* Golden values: named float arrays in a text file, computed by another program and kept with its
 * name and version.
 *
 * A file has lines `# ...` (remarks: generator, versions, seed) and arrays: a line `NAME DIM DIM
 * ...` of a name and its dimensions (none: a single value), then the values, separated by blanks,
 * until the product of the dimensions is reached. Values are written with 9 significant digits,
 * which give a float32 back exactly. Generators stand beside the files; tests/support/golden.py
 * writes the format. */
#ifndef LB_TESTS_GOLDEN_H
#define LB_TESTS_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>

enum { LB_GOLDEN_NAME_BYTES = 96, LB_GOLDEN_MAX_DIMS = 4 };

typedef struct lb_golden_array {
    char name[LB_GOLDEN_NAME_BYTES];
    size_t n_dims, dims[LB_GOLDEN_MAX_DIMS], count;
    float *values;
    bool used; /* was it asked for? */
} lb_golden_array;

typedef struct lb_golden {
    lb_golden_array *arrays;
    size_t n;
} lb_golden;

/** Read a file, "tests/nn/golden/layers.txt", relative to the source root (the environment's
 *  LOWBIT_SOURCE, else where this was compiled). The test fails where it cannot be read. Release
 *  with lb_golden_release. */
lb_golden lb_golden_read(const char *path);
void lb_golden_release(lb_golden *golden);

/** The array of that name (printf), or NULL. Borrowed. */
const lb_golden_array *lb_golden_find(const lb_golden *golden, const char *format, ...);
/** The same; the test fails where there is none. */
const lb_golden_array *lb_golden_at(const lb_golden *golden, const char *format, ...);

/** Fail the test unless `count` values agree with the array's, each within `relative` of the
 *  array's largest magnitude. NaN never agrees. */
void lb_golden_compare(const lb_golden_array *wanted, const float *got, size_t count,
                       double relative);

/** Fail the test if an array whose name begins with `prefix` was never asked for: all of a file is
 *  compared. */
void lb_golden_check_all_used(const lb_golden *golden, const char *prefix);

#endif
