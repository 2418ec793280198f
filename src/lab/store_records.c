/* An array of records stands behind a head that holds the arena of their texts. */
#include "lab/store_records.h"

#include <string.h>

#include "lowbit/results.h"

enum { HEAD_BYTES = LB_ALIGN };

static lb_arena *arena_of(void *items)
{
    return (lb_arena *)(void *)((char *)items - HEAD_BYTES);
}

static lb_status grow(lb_records *r)
{
    const size_t capacity = r->capacity > 0 ? 2 * r->capacity : 16;
    size_t bytes = 0;
    void *block = NULL;
    if (!lb_size_mul(capacity, r->size, &bytes)) return lb_fail(LB_E_NOMEM, "too many records");
    LB_TRY(lb_alloc(bytes + HEAD_BYTES, 1, "records", &block));
    void *items = (char *)block + HEAD_BYTES;
    if (r->items != NULL) {
        memcpy(block, arena_of(r->items), HEAD_BYTES + r->n * r->size); /* the arena moves along */
        lb_free(arena_of(r->items));
    }
    r->items = items;
    r->capacity = capacity;
    return LB_OK;
}

lb_status lb_records_add(lb_records *r, void **out)
{
    if (r->n == r->capacity) LB_TRY(grow(r));
    *out = (char *)r->items + r->n++ * r->size;
    return LB_OK;
}

lb_status lb_records_text(const lb_records *r, const char *text, const char **out)
{
    char *copy = NULL;
    LB_TRY(lb_arena_strdup(arena_of(r->items), text, &copy));
    *out = copy;
    return LB_OK;
}

void lb_records_free(void *records)
{
    if (records == NULL) return;
    lb_arena_release(arena_of(records));
    lb_free(arena_of(records));
}
