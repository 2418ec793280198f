/* A block that grows and is used again. */
#include "base/buffer.h"

#include "base/memory.h"

lb_status lb_buffer_reserve(lb_buffer *buffer, size_t bytes, const char *what)
{
    if (bytes <= buffer->room) return LB_OK;
    lb_buffer_release(buffer);
    const size_t room = bytes + bytes / 4; /* a little larger is not a reason to grow again */
    void *block = NULL;
    LB_TRY(lb_alloc(room, 1, what, &block));
    *buffer = (lb_buffer){block, room};
    return LB_OK;
}

void lb_buffer_release(lb_buffer *buffer)
{
    lb_free(buffer->data);
    *buffer = (lb_buffer){0};
}
