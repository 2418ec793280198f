/* One sweep of an experiment at a time, or none while it is forgotten: a lock on a file beside the store,
 * STORE-NAME.lock. The system drops it when the process ends, however it ends; the file itself may stay behind then
 * and harms nobody. */
#ifndef LB_LAB_SWEEP_LOCK_H
#define LB_LAB_SWEEP_LOCK_H

#include "base/fail.h"

typedef struct lb_sweep_lock {
    int fd;
    char *path;
} lb_sweep_lock;

/**
 * Take the lock.
 *
 * Ownership: *out is yours, lb_sweep_lock_release.
 * Errors:    LB_E_ARG another sweep holds it; LB_E_IO cannot be made; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_sweep_lock_take(const char *store, const char *name, lb_sweep_lock *out);
/** Give it back and remove its file; {.fd = -1} is fine. */
void lb_sweep_lock_release(lb_sweep_lock *lock);

#endif
