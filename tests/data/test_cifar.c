/* The CIFAR readers: record layout, sizes that do not fit, missing files, the real data. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/format/format_cifar.h"
#include "support/support.h"

enum { PIXELS = 3072 };

static const char *spec_of(const char *kind, const char *folder)
{
    static char spec[512];
    snprintf(spec, sizeof spec, "%s:%s", kind, folder);
    return spec;
}

/* A file of n records of label_bytes labels; image i is filled with a pattern of its own. */
static void write_records(const char *path, size_t n, size_t label_bytes, uint8_t first_label)
{
    static uint8_t file[4 * (2 + PIXELS)];
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (label_bytes == 2) file[at++] = 19; /* coarse: must not be taken */
        file[at++] = (uint8_t)(first_label + i);
        for (size_t k = 0; k < PIXELS; k++)
            file[at++] = (uint8_t)(k / 1024 * 80 + k % 1024 % 32 + i);
    }
    lb_test_write(path, file, at);
}

static void check_image(const lb_dataset *dataset, size_t index, size_t pattern)
{
    const uint8_t *image = lb_dataset_image(dataset, index);
    for (size_t k = 0; k < PIXELS; k++) {
        assert_int_equal(image[k], (uint8_t)(k / 1024 * 80 + k % 1024 % 32 + pattern));
    }
}

static void test_cifar10_from_the_archive_folder(void **state)
{
    (void)state;
    const char *folder = lb_test_path(lb_test_folder(), "ten");
    char sub[256], name[32];
    snprintf(sub, sizeof sub, "%s/cifar-10-batches-bin", folder);
    assert_ok(lb_make_folders(sub));
    for (int b = 1; b <= 5; b++) {
        snprintf(name, sizeof name, "data_batch_%d.bin", b);
        write_records(lb_test_path(sub, name), b == 5 ? 1 : 2, 1, (uint8_t)(2 * b - 2));
    }
    lb_dataset *dataset = NULL;
    lb_dataset_info info;
    assert_ok(lb_dataset_open(spec_of("cifar10", folder), LB_SPLIT_TRAIN, &dataset));
    lb_dataset_get_info(dataset, &info);
    assert_int_equal(info.count, 9);
    assert_int_equal(info.classes, 10);
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(lb_dataset_label(dataset, i), i);
        check_image(dataset, i, i % 2);
    }
    assert_string_equal(lb_dataset_class_name(dataset, 3), "cat");
    lb_dataset_close(dataset);

    assert_status(lb_dataset_open(spec_of("cifar10", folder), LB_SPLIT_TEST, &dataset), LB_E_IO);
    assert_contains(lb_error(), "no test_batch.bin");
    assert_contains(lb_error(), "lowbit data get cifar10");
    write_records(lb_test_path(folder, "test_batch.bin"), 1, 1, 10); /* ten classes: 0 to 9 */
    assert_status(lb_dataset_open(spec_of("cifar10", folder), LB_SPLIT_TEST, &dataset),
                  LB_E_FORMAT);
    assert_contains(lb_error(), "label 10");
}

static void test_cifar100_takes_the_fine_label(void **state)
{
    (void)state;
    const char *folder = lb_test_path(lb_test_folder(), "hundred");
    assert_ok(lb_make_folders(folder));
    write_records(lb_test_path(folder, "train.bin"), 3, 2, 97);
    lb_dataset *dataset = NULL;
    assert_ok(lb_dataset_open(spec_of("cifar100", folder), LB_SPLIT_TRAIN, &dataset));
    assert_int_equal(lb_dataset_label(dataset, 2), 99);
    assert_string_equal(lb_dataset_class_name(dataset, 99), "worm");
    check_image(dataset, 2, 2);
    lb_dataset_close(dataset);
}

static void test_sizes_that_are_no_whole_records_are_refused(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, PIXELS, PIXELS + 2, 2 * PIXELS + 1};
    size_t count = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_status(lb_cifar_records("file", sizes[i], 1, &count), LB_E_FORMAT);
    }
    assert_status(lb_cifar_records("file", PIXELS + 1, 2, &count), LB_E_FORMAT);
    assert_ok(lb_cifar_records("file", 2 * (PIXELS + 1), 1, &count));
    assert_int_equal(count, 2);
}

static void test_real_cifar10(void **state)
{
    (void)state;
    lb_dataset *dataset = NULL;
    lb_dataset_info info;
    size_t counts[10];
    assert_ok(
        lb_dataset_open(spec_of("cifar10", lb_test_data("cifar10")), LB_SPLIT_TRAIN, &dataset));
    lb_dataset_get_info(dataset, &info);
    assert_int_equal(info.count, 50000);
    lb_dataset_class_counts(dataset, counts);
    for (int c = 0; c < 10; c++) assert_int_equal(counts[c], 5000);
    double mean[LB_IMAGE_MAX_CHANNELS], std[LB_IMAGE_MAX_CHANNELS];
    static const double want_mean[3] = {0.4914, 0.4822, 0.4465},
                        want_std[3] = {0.2470, 0.2435, 0.2616};
    lb_dataset_statistics(dataset, mean, std);
    for (int c = 0; c < 3; c++) { /* published with four decimals */
        assert_true(mean[c] > want_mean[c] - 6e-5 && mean[c] < want_mean[c] + 6e-5);
        assert_true(std[c] > want_std[c] - 6e-5 && std[c] < want_std[c] + 6e-5);
    }
    lb_dataset_close(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cifar10_from_the_archive_folder),
        cmocka_unit_test(test_cifar100_takes_the_fine_label),
        cmocka_unit_test(test_sizes_that_are_no_whole_records_are_refused),
        cmocka_unit_test(test_real_cifar10),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
