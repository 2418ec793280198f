/* The one place that asks the system for memory, and the arena on top of it. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "base/memory.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Allocations left until one is made to fail; 0 is off. */
static _Atomic size_t calls_until_failure;

void lb_alloc_fail_at(size_t k)
{
    atomic_store(&calls_until_failure, k);
}

size_t lb_alloc_fail_pending(void)
{
    return atomic_load(&calls_until_failure);
}

/* Count one call; true for the one that has to fail. */
static bool failure_injected(void)
{
    size_t left = atomic_load(&calls_until_failure);
    while (left != 0) {
        if (atomic_compare_exchange_weak(&calls_until_failure, &left, left - 1)) return left == 1;
    }
    return false;
}

bool lb_size_mul(size_t a, size_t b, size_t *out)
{
    if (b != 0 && a > SIZE_MAX / b) return false;
    *out = a * b;
    return true;
}

/* Bytes of count * size; refuses what no block can hold (pointer differences are ptrdiff_t). */
static lb_status block_bytes(size_t count, size_t size, const char *what, size_t *out)
{
    size_t bytes = 0;
    if (!lb_size_mul(count, size, &bytes) || bytes > (size_t)PTRDIFF_MAX / 2) {
        return lb_fail(LB_E_NOMEM, "%s: %zu x %zu bytes are more than this machine can address",
                       what, count, size);
    }
    *out = bytes;
    return LB_OK;
}

static lb_status allocate(size_t bytes, const char *what, void **out)
{
    void *block = NULL;
    if (posix_memalign(&block, LB_ALIGN, bytes > 0 ? bytes : 1) != 0) {
        return lb_fail(LB_E_NOMEM, "%s: cannot allocate %zu bytes", what, bytes);
    }
    memset(block, 0, bytes > 0 ? bytes : 1);
    *out = block;
    return LB_OK;
}

lb_status lb_alloc(size_t count, size_t size, const char *what, void **out)
{
    size_t bytes = 0;
    LB_TRY(block_bytes(count, size, what, &bytes));
    if (failure_injected()) {
        return lb_fail(LB_E_NOMEM, "%s: cannot allocate %zu bytes (made to fail)", what, bytes);
    }
    return allocate(bytes, what, out);
}

/* An address sanitizer sees overruns of what malloc gives only. */
#if defined(LB_ADDRESS_SANITIZER)
lb_status lb_alloc_pages(size_t count, size_t size, const char *what, void **out)
{
    return lb_alloc(count, size, what, out);
}

void lb_free_pages(void *block, size_t count, size_t size)
{
    (void)count;
    (void)size;
    lb_free(block);
}
#else
lb_status lb_alloc_pages(size_t count, size_t size, const char *what, void **out)
{
    size_t bytes = 0;
    LB_TRY(block_bytes(count, size, what, &bytes));
    if (failure_injected())
        return lb_fail(LB_E_NOMEM, "%s: cannot allocate %zu bytes (made to fail)", what, bytes);
    void *block = mmap(NULL, bytes > 0 ? bytes : 1, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED)
        return lb_fail(LB_E_NOMEM, "%s: cannot allocate %zu bytes", what, bytes);
    *out = block;
    return LB_OK;
}

void lb_free_pages(void *block, size_t count, size_t size)
{
    if (block) (void)munmap(block, count * size > 0 ? count * size : 1);
}
#endif

void lb_free(void *block)
{
    free(block);
}

lb_status lb_strdup(const char *text, char **out)
{
    const size_t bytes = strlen(text) + 1;
    void *copy = NULL;
    LB_TRY(lb_alloc(bytes, 1, "text", &copy));
    memcpy(copy, text, bytes);
    *out = copy;
    return LB_OK;
}

/* A chunk is this header, padded to LB_ALIGN, then the blocks. */
struct lb_arena_chunk {
    struct lb_arena_chunk *previous;
    size_t used, bytes; /* of the space after the header */
};

enum { CHUNK_HEADER = (sizeof(struct lb_arena_chunk) + LB_ALIGN - 1) / LB_ALIGN * LB_ALIGN };

/* With an address sanitizer every block is a chunk of its own, so that it sees overruns. */
#if defined(LB_ADDRESS_SANITIZER)
enum { CHUNK_MIN = 0 };
#else
enum { CHUNK_MIN = 1 << 16 };
#endif

static lb_status new_chunk(size_t space, const char *what, struct lb_arena_chunk **out)
{
    void *block = NULL;
    LB_TRY(allocate(CHUNK_HEADER + space, what, &block));
    *out = block;
    (*out)->bytes = space;
    return LB_OK;
}

static void *block_at(struct lb_arena_chunk *chunk, size_t start, size_t bytes)
{
    chunk->used = start + (bytes > 0 ? bytes : 1); /* empty blocks have addresses of their own */
    return (char *)chunk + CHUNK_HEADER + start;
}

/* A large block has a chunk of its own, behind the last one, which stays open for small blocks. */
static lb_status add_large(lb_arena *arena, size_t bytes, const char *what, void **out)
{
    struct lb_arena_chunk *chunk = NULL;
    LB_TRY(new_chunk(bytes, what, &chunk));
    chunk->previous = arena->last->previous;
    arena->last->previous = chunk;
    *out = block_at(chunk, 0, bytes);
    return LB_OK;
}

lb_status lb_arena_alloc(lb_arena *arena, size_t count, size_t size, const char *what, void **out)
{
    size_t bytes = 0;
    LB_TRY(block_bytes(count, size, what, &bytes));
    if (failure_injected()) {
        return lb_fail(LB_E_NOMEM, "%s: cannot allocate %zu bytes (made to fail)", what, bytes);
    }
    size_t start = 0;
    if (arena->last != NULL) start = (arena->last->used + LB_ALIGN - 1) / LB_ALIGN * LB_ALIGN;
    if (arena->last == NULL || start > arena->last->bytes || bytes > arena->last->bytes - start) {
        if (arena->last != NULL && bytes > CHUNK_MIN / 4) return add_large(arena, bytes, what, out);
        struct lb_arena_chunk *chunk = NULL;
        LB_TRY(new_chunk(bytes > CHUNK_MIN ? bytes : CHUNK_MIN, what, &chunk));
        chunk->previous = arena->last;
        arena->last = chunk;
        start = 0;
    }
    *out = block_at(arena->last, start, bytes);
    return LB_OK;
}

lb_status lb_arena_strdup(lb_arena *arena, const char *text, char **out)
{
    const size_t bytes = strlen(text) + 1;
    void *copy = NULL;
    LB_TRY(lb_arena_alloc(arena, bytes, 1, "text", &copy));
    memcpy(copy, text, bytes);
    *out = copy;
    return LB_OK;
}

void lb_arena_release(lb_arena *arena)
{
    while (arena->last != NULL) {
        struct lb_arena_chunk *previous = arena->last->previous;
        lb_free(arena->last);
        arena->last = previous;
    }
}
