/* Errors are values: return `lb_fail(status, "what, got, wanted")`, pass failures up with
 * LB_TRY. */
#ifndef LB_BASE_FAIL_H
#define LB_BASE_FAIL_H

#include "base/compiler.h"
#include "lowbit/status.h"

/** Record a message for lb_error() and return `status`:  `return lb_fail(LB_E_SHAPE, ...)`. */
LB_MUST_CHECK LB_PRINTF(2, 3) lb_status lb_fail(lb_status status, const char *fmt, ...);

/** Put "context: " before the message of this thread's last failure and return `status`. */
LB_MUST_CHECK LB_PRINTF(2, 3) lb_status lb_fail_in(lb_status status, const char *fmt, ...);

/* The static analyzer does not look into fail.c and would follow paths on which a failure
 * returns LB_OK. */
#if defined(__clang_analyzer__)
#define lb_fail(status, ...) ((void)!(lb_fail)(status, __VA_ARGS__), (status))
#define lb_fail_in(status, ...) ((void)!(lb_fail_in)(status, __VA_ARGS__), (status))
#endif

/** Return early from a function returning lb_status if `expr` failed. Use before anything is
 *  acquired. */
#define LB_TRY(expr)                          \
    do {                                      \
        const lb_status lb_try_ = (expr);     \
        if (lb_try_ != LB_OK) return lb_try_; \
    } while (0)

/** A bug of ours: print the place and abort. Always on. */
#define lb_assert(condition) \
    ((condition) ? (void)0 : lb_assert_failed(#condition, __FILE__, __LINE__))
_Noreturn void lb_assert_failed(const char *condition, const char *file, int line);

#endif
