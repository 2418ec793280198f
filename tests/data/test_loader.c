/* The batch loader: the same bytes whatever the workers, restarts anywhere, stops at any moment.
 * ctest: label tsan */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "support/support.h"

enum { COUNT = 103, BATCH = 16, BATCHES = 7, VALUES = 28 * 28 };

static const char *const spec = "synth-digits:103";

static lb_loader_options options_with(int workers)
{
    return (lb_loader_options){
        .batch = BATCH,
        .workers = workers,
        .seed = 42,
        .augment = {.rotation_degrees = 10.0f, .crop_padding = 3, .flip = true},
        .normalization = {.mean = {0.2f}, .std = {0.3f}},
        .shuffle = true,
    };
}

static lb_dataset *open_data(void)
{
    lb_dataset *dataset = NULL;
    assert_ok(lb_dataset_open(spec, LB_SPLIT_TRAIN, &dataset));
    return dataset;
}

/* One epoch from first_batch on, copied. */
typedef struct epoch_copy {
    size_t n;
    uint32_t indices[COUNT];
    uint16_t labels[COUNT];
    float images[COUNT * VALUES];
} epoch_copy;

static void read_epoch(lb_loader *loader, uint64_t epoch, size_t first_batch, epoch_copy *out)
{
    assert_ok(lb_loader_start(loader, epoch, first_batch));
    out->n = 0;
    for (;;) {
        const lb_batch *batch = NULL;
        assert_ok(lb_loader_next(loader, &batch));
        if (batch == NULL) break;
        assert_true(batch->n > 0 && batch->n <= BATCH);
        memcpy(out->indices + out->n, batch->indices, batch->n * sizeof *out->indices);
        memcpy(out->labels + out->n, batch->labels, batch->n * sizeof *out->labels);
        memcpy(out->images + out->n * VALUES, batch->images, batch->n * VALUES * sizeof(float));
        out->n += batch->n;
    }
    const lb_batch *batch = NULL;
    assert_ok(lb_loader_next(loader, &batch)); /* the end stays the end */
    assert_null(batch);
}

static void assert_same(const epoch_copy *a, const epoch_copy *b, size_t skip)
{
    assert_int_equal(a->n, b->n + skip);
    assert_memory_equal(a->indices + skip, b->indices, b->n * sizeof *b->indices);
    assert_memory_equal(a->labels + skip, b->labels, b->n * sizeof *b->labels);
    assert_memory_equal(a->images + skip * VALUES, b->images, b->n * VALUES * sizeof(float));
}

static void test_workers_do_not_change_a_byte(void **state)
{
    (void)state;
    static const int workers[] = {0, 1, 3, 8};
    static epoch_copy want[2], got;
    lb_dataset *dataset = open_data();
    for (size_t w = 0; w < sizeof workers / sizeof *workers; w++) {
        const lb_loader_options options = options_with(workers[w]);
        lb_loader *loader = NULL;
        assert_ok(lb_loader_create(dataset, &options, &loader));
        assert_int_equal(lb_loader_batches(loader), BATCHES);
        assert_int_equal(lb_loader_images(loader), COUNT);
        for (uint64_t epoch = 0; epoch < 2; epoch++) {
            read_epoch(loader, epoch, 0, w == 0 ? &want[epoch] : &got);
            if (w > 0) assert_same(&want[epoch], &got, 0);
        }
        lb_loader_destroy(loader);
    }
    assert_memory_not_equal(want[0].indices, want[1].indices, sizeof want[0].indices);
    lb_dataset_close(dataset);
}

static void test_an_epoch_has_every_image_once(void **state)
{
    (void)state;
    static epoch_copy epoch;
    lb_dataset *dataset = open_data();
    const lb_loader_options options = options_with(2);
    lb_loader *loader = NULL;
    bool seen[COUNT] = {false};
    size_t in_place = 0;
    assert_ok(lb_loader_create(dataset, &options, &loader));
    read_epoch(loader, 5, 0, &epoch);
    assert_int_equal(epoch.n, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(epoch.indices[i] < COUNT && !seen[epoch.indices[i]]);
        seen[epoch.indices[i]] = true;
        in_place += epoch.indices[i] == i;
        assert_int_equal(epoch.labels[i], lb_dataset_label(dataset, epoch.indices[i]));
    }
    assert_true(in_place < 10); /* about 1 is expected of a shuffle; 10 has a chance below 1e-6 */
    lb_loader_destroy(loader);
    lb_dataset_close(dataset);
}

static void test_resuming_at_any_batch(void **state)
{
    (void)state;
    static epoch_copy whole, rest;
    lb_dataset *dataset = open_data();
    for (int workers = 0; workers <= 2; workers++) {
        const lb_loader_options options = options_with(workers);
        lb_loader *loader = NULL;
        assert_ok(lb_loader_create(dataset, &options, &loader));
        read_epoch(loader, 3, 0, &whole);
        for (size_t k = 0; k <= BATCHES; k++) {
            const lb_batch *batch = NULL;
            assert_ok(
                lb_loader_start(loader, 9, k % 3)); /* break off in the middle of another epoch */
            assert_ok(lb_loader_next(loader, &batch));
            read_epoch(loader, 3, k, &rest);
            assert_same(&whole, &rest, k * BATCH < COUNT ? k * BATCH : COUNT);
        }
        assert_status(lb_loader_start(loader, 0, BATCHES + 1), LB_E_ARG);
        lb_loader_destroy(loader);
    }
    lb_dataset_close(dataset);
}

static void test_subsets_order_and_the_last_batch(void **state)
{
    (void)state;
    static const uint32_t chosen[5] = {7, 3, 90, 0, 11};
    lb_dataset *dataset = open_data();
    lb_loader_options options = options_with(1);
    lb_loader *loader = NULL;
    const lb_batch *batch = NULL;
    options.shuffle = false;
    options.indices = chosen;
    options.n_indices = 5;
    options.batch = 2;
    for (int drop = 0; drop < 2; drop++) {
        size_t at = 0;
        options.drop_last = drop == 1;
        assert_ok(lb_loader_create(dataset, &options, &loader));
        assert_int_equal(lb_loader_batches(loader), drop ? 2 : 3);
        assert_int_equal(lb_loader_images(loader), drop ? 4 : 5);
        for (;;) {
            assert_ok(lb_loader_next(loader, &batch));
            if (batch == NULL) break;
            for (size_t i = 0; i < batch->n; i++) assert_int_equal(batch->indices[i], chosen[at++]);
        }
        assert_int_equal(at, drop ? 4 : 5);
        lb_loader_destroy(loader);
    }
    lb_dataset_close(dataset);
}

static void test_bad_options_are_refused(void **state)
{
    (void)state;
    static const uint32_t outside[2] = {0, COUNT};
    lb_dataset *dataset = open_data();
    lb_loader *loader = NULL;
    lb_loader_options o = options_with(0);
    o.batch = 0;
    assert_status(lb_loader_create(dataset, &o, &loader), LB_E_ARG);
    o = options_with(-1);
    assert_status(lb_loader_create(dataset, &o, &loader), LB_E_ARG);
    o = options_with(LB_LOADER_MAX_WORKERS + 1);
    assert_status(lb_loader_create(dataset, &o, &loader), LB_E_ARG);
    o = options_with(1);
    o.indices = outside;
    o.n_indices = 2;
    assert_status(lb_loader_create(dataset, &o, &loader), LB_E_ARG);
    assert_contains(lb_error(), "image 103 is not one of the 103");
    o.n_indices = 0;
    assert_status(lb_loader_create(dataset, &o, &loader), LB_E_ARG);
    o = options_with(1);
    o.batch = COUNT + 1;
    o.drop_last = true;
    assert_status(lb_loader_create(dataset, &o, &loader), LB_E_ARG);
    o = options_with(1);
    o.augment.crop_padding = 28;
    assert_status(lb_loader_create(dataset, &o, &loader), LB_E_ARG);
    assert_null(loader);
    lb_dataset_close(dataset);
}

static void test_stopping_at_any_moment(void **state)
{
    (void)state;
    lb_dataset *dataset = open_data();
    for (int workers = 0; workers <= 4; workers++) {
        for (size_t taken = 0; taken <= BATCHES + 1; taken++) {
            const lb_loader_options options = options_with(workers);
            lb_loader *loader = NULL;
            const lb_batch *batch = NULL;
            assert_ok(lb_loader_create(dataset, &options, &loader));
            for (size_t i = 0; i < taken; i++) assert_ok(lb_loader_next(loader, &batch));
            if (taken % 2 == 1) assert_ok(lb_loader_start(loader, taken, 1));
            lb_loader_destroy(loader);
        }
    }
    lb_dataset_close(dataset);
}

static lb_status create_and_destroy(void *context)
{
    const lb_loader_options options = options_with(2);
    lb_loader *loader = NULL;
    const lb_status status = lb_loader_create(context, &options, &loader);
    lb_loader_destroy(loader);
    return status;
}

static void test_every_allocation_failure_is_reported(void **state)
{
    (void)state;
    lb_dataset *dataset = open_data();
    lb_test_every_allocation_failure(create_and_destroy, dataset);
    lb_dataset_close(dataset);
}

static void test_validation_split(void **state)
{
    (void)state;
    enum { N = 1000, N_VALIDATION = 137 };
    uint32_t training[N], validation[N], again[N], other[N];
    bool seen[N] = {false};
    assert_ok(lb_split_indices(N, N_VALIDATION, 7, training, validation));
    for (int i = 0; i < N; i++) {
        const uint32_t index = i < N_VALIDATION ? validation[i] : training[i - N_VALIDATION];
        assert_true(index < N && !seen[index]); /* disjoint and, with the count, complete */
        seen[index] = true;
        if (i > 0 && i != N_VALIDATION) {
            assert_true(index >
                        (i < N_VALIDATION ? validation[i - 1] : training[i - N_VALIDATION - 1]));
        }
    }
    assert_ok(lb_split_indices(N, N_VALIDATION, 7, training, again));
    assert_memory_equal(again, validation, N_VALIDATION * sizeof *again);
    assert_ok(lb_split_indices(N, N_VALIDATION, 8, training, other));
    assert_memory_not_equal(other, validation, N_VALIDATION * sizeof *other);
    assert_ok(lb_split_indices(N, 0, 7, training, validation));
    assert_int_equal(training[N - 1], N - 1);
    assert_status(lb_split_indices(N, N, 7, training, validation), LB_E_ARG);
}

int main(void)
{
#if defined(__SANITIZE_THREAD__) || defined(LB_THREAD_SANITIZER)
    omp_set_num_threads(1); /* the sanitizer does not know OpenMP's barriers */
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
    omp_set_num_threads(1);
#endif
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_workers_do_not_change_a_byte),
        cmocka_unit_test(test_an_epoch_has_every_image_once),
        cmocka_unit_test(test_resuming_at_any_batch),
        cmocka_unit_test(test_subsets_order_and_the_last_batch),
        cmocka_unit_test(test_bad_options_are_refused),
        cmocka_unit_test(test_stopping_at_any_moment),
        cmocka_unit_test(test_every_allocation_failure_is_reported),
        cmocka_unit_test(test_validation_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
