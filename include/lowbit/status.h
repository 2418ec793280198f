/* Status codes and error messages: every fallible function of lowbit returns one of these. */
#ifndef LOWBIT_STATUS_H
#define LOWBIT_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, exit code of the command line, what it means to the user) */
#define LB_STATUS_LIST(X)                                      \
    X(LB_OK, 0, "ok")                                          \
    X(LB_E_ARG, 2, "bad argument or configuration")            \
    X(LB_E_SHAPE, 3, "tensor shapes do not fit together")      \
    X(LB_E_FORMAT, 4, "not a valid file of its kind")          \
    X(LB_E_IO, 5, "cannot read or write")                      \
    X(LB_E_NOMEM, 6, "out of memory")                          \
    X(LB_E_DIVERGED, 7, "training produced a non-finite loss") \
    X(LB_E_INTERRUPTED, 8, "stopped by a signal")              \
    X(LB_E_UNSUPPORTED, 9, "not supported here")               \
    X(LB_E_BUSY, 10, "in use by another process")

typedef enum lb_status {
#define X(name, code, text) name = (code),
    LB_STATUS_LIST(X)
#undef X
} lb_status;

/**
 * Text of this thread's last failure: one line; control characters, which names in files may have, are '?'.
 *
 * Ownership: borrowed; valid until the next failure in this thread. Never NULL.
 */
const char *lb_error(void);

/** What `status` means in general, for example "out of memory". Never NULL. */
const char *lb_status_text(lb_status status);

/** Version of the library, "MAJOR.MINOR.PATCH". */
const char *lb_version(void);

#ifdef __cplusplus
}
#endif
#endif
