/* A block that grows and is used again, so that a loop allocates only while its items get larger. */
#ifndef LB_BASE_BUFFER_H
#define LB_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

/* Initialize with {0}. */
typedef struct lb_buffer {
    uint8_t *data;
    size_t room;
} lb_buffer;

/** Have room for `bytes`; what stood in the block is lost when it grows. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_buffer_reserve(lb_buffer *buffer, size_t bytes, const char *what);
void lb_buffer_release(lb_buffer *buffer);

#endif
