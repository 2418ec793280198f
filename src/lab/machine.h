/* The machine this process runs on, in one line. */
#ifndef LB_LAB_MACHINE_H
#define LB_LAB_MACHINE_H

#include "base/fail.h"

/**
 * "Intel(R) Xeon(R) Gold 6248, 40 processors, avx2 avx512 avx512_vnni".
 *
 * Ownership: *out is yours, lb_free.
 * Errors:    LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_machine_describe(char **out);

#endif
