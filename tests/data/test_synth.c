/* Synthetic digits: the same everywhere, balanced, the splits apart; writing and reading them back. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/dataset.h"
#include "data/format/image_file.h"
#include "data/sha256.h"
#include "data/synth.h"
#include "support/support.h"

/* SHA-256 of the first 200 training images, 28x28x1 and 32x32x3. Part of the contract: results on these
 * data can be compared between machines and versions. A change of the drawing must change the names. */
static const char *const digest_digits =
    "943cfa0c0f4da02b7bd3790ba6acefd27026c9bb8c1d3cae7e3bf12277a18a89";
static const char *const digest_color =
    "f7b78202139b2d67fc6d9abe8fe4947bf036a7730ae6ce497ceeced39321acea";

static void check_digest(const char *spec, const char *want)
{
    lb_dataset *dataset = NULL;
    lb_sha256 h;
    char got[LB_SHA256_TEXT_BYTES];
    assert_ok(lb_dataset_open(spec, LB_SPLIT_TRAIN, &dataset));
    lb_sha256_init(&h);
    lb_sha256_update(&h, dataset->images,
                     200 * dataset->channels * dataset->height * dataset->width);
    lb_sha256_finish(&h, got);
    assert_string_equal(got, want);
    lb_dataset_close(dataset);
}

static void test_images_are_the_same_everywhere(void **state)
{
    (void)state;
    check_digest("synth-digits:200", digest_digits);
    check_digest("synth-digits:1000", digest_digits); /* the count does not change the images */
    check_digest("synth-color:200", digest_color);
}

static void test_counts_and_balance(void **state)
{
    (void)state;
    static const char *const specs[] = {"synth-digits", "synth-color"};
    for (size_t s = 0; s < 2; s++) {
        lb_dataset *train = NULL, *test = NULL;
        lb_dataset_info info;
        size_t counts[10];
        assert_ok(lb_dataset_open(specs[s], LB_SPLIT_TRAIN, &train));
        assert_ok(lb_dataset_open(specs[s], LB_SPLIT_TEST, &test));
        lb_dataset_get_info(train, &info);
        assert_int_equal(info.count, 10000);
        assert_int_equal(info.channels, s == 0 ? 1 : 3);
        assert_int_equal(info.height, s == 0 ? 28 : 32);
        lb_dataset_class_counts(train, counts);
        for (int c = 0; c < 10; c++) assert_int_equal(counts[c], 1000);
        lb_dataset_get_info(test, &info);
        assert_int_equal(info.count, 2000);
        const size_t bytes = info.channels * info.height * info.width;
        for (size_t i = 0; i < 100;
             i++) { /* no image of one split is in the other at the same place */
            assert_memory_not_equal(lb_dataset_image(train, i), lb_dataset_image(test, i), bytes);
        }
        lb_dataset_close(train);
        lb_dataset_close(test);
    }
}

/* Ink must be told from paper: within the digit's box some pixels differ clearly from the border's. */
static void test_every_image_shows_something(void **state)
{
    (void)state;
    lb_dataset *dataset = NULL;
    assert_ok(lb_dataset_open("synth-digits:2000", LB_SPLIT_TRAIN, &dataset));
    for (size_t i = 0; i < 2000; i++) {
        const uint8_t *p = lb_dataset_image(dataset, i);
        int low = 255, high = 0;
        for (int k = 0; k < 784; k++) {
            low = p[k] < low ? p[k] : low;
            high = p[k] > high ? p[k] : high;
        }
        assert_true(high - low > 50);
    }
    lb_dataset_close(dataset);
}

static void test_bad_counts_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"synth-digits:",
                                      "synth-digits:9",
                                      "synth-digits:abc",
                                      "synth-color:-20",
                                      "synth-digits:1e3",
                                      "synth-digits:10000001",
                                      "synth-color:99999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lb_dataset *dataset = NULL;
        assert_status(lb_dataset_open(bad[i], LB_SPLIT_TRAIN, &dataset), LB_E_ARG);
        assert_null(dataset);
    }
}

static void test_written_as_idx_they_come_back(void **state)
{
    (void)state;
    static const char *const specs[] = {"synth-digits:50", "synth-color:50"};
    for (size_t s = 0; s < 2; s++) {
        const char *folder = lb_test_path(lb_test_folder(), s == 0 ? "grey" : "colour");
        char spec[512];
        snprintf(spec, sizeof spec, "idx:%s", folder);
        for (int split = LB_SPLIT_TRAIN; split <= LB_SPLIT_TEST; split++) {
            lb_dataset *made = NULL, *got = NULL;
            assert_ok(lb_dataset_open(specs[s], (lb_split)split, &made));
            assert_ok(lb_dataset_write_idx(made, folder));
            assert_ok(lb_dataset_open(spec, (lb_split)split, &got));
            assert_int_equal(got->count, made->count);
            assert_int_equal(got->channels, made->channels);
            assert_int_equal(got->classes, 10);
            const size_t bytes = made->count * made->channels * made->height * made->width;
            assert_memory_equal(got->images, made->images, bytes);
            assert_memory_equal(got->labels, made->labels, made->count * sizeof *made->labels);
            lb_dataset_close(made);
            lb_dataset_close(got);
        }
    }
}

static void test_contact_sheet(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "sheet.png");
    lb_dataset *dataset = NULL;
    uint8_t *file = NULL, *pixels = NULL;
    size_t bytes = 0;
    lb_image_shape shape;
    assert_ok(lb_dataset_open("synth-color:50", LB_SPLIT_TRAIN, &dataset));
    assert_ok(lb_dataset_write_sheet(dataset, 4, path));
    assert_ok(lb_file_read(path, 1 << 20, &file, &bytes));
    assert_ok(lb_image_decode(path, file, bytes, &shape, &pixels));
    assert_int_equal(shape.channels, 3);
    assert_int_equal(shape.height, 2 + 10 * 34);
    assert_int_equal(shape.width, 2 + 4 * 34);
    /* row 7, column 1: the second seven, image 17; its green pixel (5, 9) */
    const size_t at = (shape.height + 2 + 7 * 34 + 5) * shape.width + 2 + 34 + 9;
    assert_int_equal(pixels[at], lb_dataset_image(dataset, 17)[1024 + 5 * 32 + 9]);
    assert_status(lb_dataset_write_sheet(dataset, 0, path), LB_E_ARG);
    assert_status(lb_dataset_write_sheet(dataset, 5000, path), LB_E_ARG);
    assert_status(lb_dataset_write_sheet(dataset, 2, "/nonexistent/folder/sheet.png"), LB_E_IO);
    lb_free(pixels);
    lb_free(file);
    lb_dataset_close(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_images_are_the_same_everywhere),
        cmocka_unit_test(test_counts_and_balance),
        cmocka_unit_test(test_every_image_shows_something),
        cmocka_unit_test(test_bad_counts_are_refused),
        cmocka_unit_test(test_written_as_idx_they_come_back),
        cmocka_unit_test(test_contact_sheet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
