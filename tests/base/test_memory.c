/* The allocator and the arena. ctest: label tsan */
#include "base/memory.h"

#include <pthread.h>
#include <string.h>

#include "support/support.h"

static void test_size_mul(void **state)
{
    (void)state;
    static const struct {
        size_t a, b, product;
        bool fits;
    } cases[] = {
        {0, 0, 0, true},
        {0, SIZE_MAX, 0, true},
        {SIZE_MAX, 0, 0, true},
        {SIZE_MAX, 1, SIZE_MAX, true},
        {SIZE_MAX, 2, 0, false},
        {(size_t)1 << 32, (size_t)1 << 32, 0, false},
        {(size_t)1 << 31, (size_t)1 << 32, (size_t)1 << 63, true},
        {SIZE_MAX / 3, 3, SIZE_MAX, true},
        {SIZE_MAX / 3 + 1, 3, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t product = 42;
        assert_int_equal(lb_size_mul(cases[i].a, cases[i].b, &product), cases[i].fits);
        assert_int_equal(product, cases[i].fits ? cases[i].product : 42);
    }
}

static void assert_aligned_and_zero(const void *block, size_t bytes)
{
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % LB_ALIGN, 0);
    for (size_t i = 0; i < bytes; i++) assert_int_equal(((const uint8_t *)block)[i], 0);
}

static void test_blocks_are_aligned_and_zeroed(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 300; bytes++) {
        void *block = NULL;
        assert_ok(lb_alloc(bytes, 1, "block", &block));
        assert_aligned_and_zero(block, bytes);
        if (bytes > 0) memset(block, 0xff, bytes); /* so that a block used again would show it */
        lb_free(block);
    }
}

static void test_too_large_is_refused_with_its_name(void **state)
{
    (void)state;
    int untouched = 0;
    void *block = &untouched;
    assert_status(lb_alloc(SIZE_MAX, 2, "a giant", &block), LB_E_NOMEM);
    assert_contains(lb_error(), "a giant");
    assert_status(lb_alloc(SIZE_MAX, 1, "a giant", &block), LB_E_NOMEM);
    lb_arena arena = {0};
    assert_status(lb_arena_alloc(&arena, SIZE_MAX / 2, 1, "an arena giant", &block), LB_E_NOMEM);
    assert_contains(lb_error(), "an arena giant");
    assert_ptr_equal(block, &untouched);
    lb_arena_release(&arena);
}

static void test_strdup(void **state)
{
    (void)state;
    char *copy = NULL;
    assert_ok(lb_strdup("text", &copy));
    assert_string_equal(copy, "text");
    lb_free(copy);
    lb_free(NULL);
}

static void test_the_kth_call_fails_and_only_it(void **state)
{
    (void)state;
    for (size_t k = 1; k < 6; k++) {
        lb_alloc_fail_at(k);
        for (size_t call = 1; call < 10; call++) {
            void *block = NULL;
            const lb_status status = lb_alloc(1, 1, "block", &block);
            assert_int_equal(status, call == k ? LB_E_NOMEM : LB_OK);
            lb_free(block);
        }
    }
    lb_alloc_fail_at(1);
    lb_alloc_fail_at(0);
    void *block = NULL;
    assert_ok(lb_alloc(1, 1, "block", &block));
    lb_free(block);
}

static void test_arena_blocks_do_not_overlap(void **state)
{
    (void)state;
    enum { N = 200 };
    lb_arena arena = {0};
    uint8_t *blocks[N];
    size_t bytes[N];
    for (size_t i = 0; i < N; i++) {
        bytes[i] = i < 140 ? i : i * 97 % 5000; /* every remainder of the alignment, */
        if (i % 50 == 49) bytes[i] += 200000;   /* and some larger than a chunk */
        void *block = NULL;
        assert_ok(lb_arena_alloc(&arena, bytes[i], 1, "block", &block));
        assert_aligned_and_zero(block, bytes[i]);
        blocks[i] = block;
        if (bytes[i] > 0) memset(block, (int)(i + 1), bytes[i]);
        assert_true(i == 0 || blocks[i] != blocks[i - 1]); /* the empty one too */
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < bytes[i]; k++) assert_int_equal(blocks[i][k], (uint8_t)(i + 1));
    }
    char *text = NULL;
    assert_ok(lb_arena_strdup(&arena, "in the arena", &text));
    assert_string_equal(text, "in the arena");
    lb_arena_release(&arena);
    assert_null(arena.last);
    lb_arena_release(&arena); /* again, on an empty one */
}

static lb_status use_arena(void *context)
{
    (void)context;
    lb_arena arena = {0};
    lb_status status = LB_OK;
    for (size_t i = 0; status == LB_OK && i < 20; i++) {
        void *block = NULL;
        status = lb_arena_alloc(&arena, 10000, 1, "block", &block);
    }
    lb_arena_release(&arena);
    return status;
}

static void test_arena_survives_every_failure(void **state)
{
    (void)state;
    lb_test_every_allocation_failure(use_arena, NULL);
}

static void *allocate_often(void *failures)
{
    for (size_t i = 0; i < 1000; i++) {
        void *block = NULL;
        if (lb_alloc(1, 8, "block", &block) != LB_OK) (*(size_t *)failures)++;
        lb_free(block);
    }
    return NULL;
}

static void test_one_failure_among_threads(void **state)
{
    (void)state;
    enum { N = 4 };
    pthread_t threads[N];
    size_t failures[N] = {0}, total = 0;
    lb_alloc_fail_at(1500);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, allocate_often, &failures[i]), 0);
    }
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        total += failures[i];
    }
    assert_int_equal(total, 1);
    assert_int_equal(lb_alloc_fail_pending(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size_mul),
        cmocka_unit_test(test_blocks_are_aligned_and_zeroed),
        cmocka_unit_test(test_too_large_is_refused_with_its_name),
        cmocka_unit_test(test_strdup),
        cmocka_unit_test(test_the_kth_call_fails_and_only_it),
        cmocka_unit_test(test_arena_blocks_do_not_overlap),
        cmocka_unit_test(test_arena_survives_every_failure),
        cmocka_unit_test(test_one_failure_among_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
