/* Memory: one checked allocator (so that tests can make the k-th call fail) and a growing arena. */
#ifndef LB_BASE_MEMORY_H
#define LB_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fail.h"

enum { LB_ALIGN = 64 }; /* one cache line, one AVX-512 register */

/** *out = a * b; false (and *out untouched) where the product does not fit. */
bool lb_size_mul(size_t a, size_t b, size_t *out);

/**
 * Allocate `count * size` zeroed bytes aligned to LB_ALIGN; free with lb_free.
 *
 * Errors: LB_E_NOMEM too large or none left; the message names `what`. *out is untouched then.
 */
LB_MUST_CHECK lb_status lb_alloc(size_t count, size_t size, const char *what, void **out);
/** Free what lb_alloc gave; NULL is fine. */
void lb_free(void *block);
/** As lb_alloc, for much memory that is wanted for a short time: lb_free_pages gives it back to the system at
 *  once, where lb_free may keep it for later. */
LB_MUST_CHECK lb_status lb_alloc_pages(size_t count, size_t size, const char *what, void **out);
void lb_free_pages(void *block, size_t count, size_t size);
/** Copy a string into a block of its own (lb_free). */
LB_MUST_CHECK lb_status lb_strdup(const char *text, char **out);

/** Make the k-th lb_alloc from now fail (k = 1: the next); 0 switches it off. For tests. */
void lb_alloc_fail_at(size_t k);
/** How many calls remain until one fails; 0 where it has happened or is off. For tests. */
size_t lb_alloc_fail_pending(void);

/* An arena: blocks that live and die together. Initialize with {0}. */
typedef struct lb_arena {
    struct lb_arena_chunk *last;
} lb_arena;
/** As lb_alloc, but released with the arena. */
LB_MUST_CHECK lb_status lb_arena_alloc(lb_arena *arena, size_t count, size_t size, const char *what,
                                       void **out);
LB_MUST_CHECK lb_status lb_arena_strdup(lb_arena *arena, const char *text, char **out);
/** Free every block of the arena. */
void lb_arena_release(lb_arena *arena);

#endif
