/* The IDX reader: good files, every way to be truncated, lies in the header, real MNIST. */
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/dataset.h"
#include "data/format/format_idx.h"
#include "support/support.h"

enum { N = 3, SIDE = 4, IMAGE_FILE = 16 + N * SIDE * SIDE, LABEL_FILE = 8 + N };

static size_t make_images(uint8_t *out)
{
    static const uint8_t header[16] = {0, 0, 8, 3, 0, 0, 0, N, 0, 0, 0, SIDE, 0, 0, 0, SIDE};
    memcpy(out, header, sizeof header);
    for (int i = 0; i < N * SIDE * SIDE; i++) out[16 + i] = (uint8_t)(5 * i);
    return IMAGE_FILE;
}

static size_t make_labels(uint8_t *out)
{
    static const uint8_t file[LABEL_FILE] = {0, 0, 8, 1, 0, 0, 0, N, 4, 0, 2};
    memcpy(out, file, sizeof file);
    return LABEL_FILE;
}

static size_t compress_gzip(const uint8_t *in, size_t bytes, uint8_t *out, size_t room)
{
    z_stream z = {.next_in = (z_const Bytef *)(uintptr_t)in, .avail_in = (uInt)bytes};
    z.next_out = out;
    z.avail_out = (uInt)room;
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&z), Z_OK);
    return room - z.avail_out;
}

/* Parse an exact-size heap copy, so that the address sanitizer sees any byte read too far. */
static lb_status parse(const uint8_t *file, size_t bytes, lb_idx *out)
{
    void *copy = NULL;
    assert_ok(lb_alloc(bytes, 1, "copy", &copy));
    if (bytes > 0) memcpy(copy, file, bytes);
    const lb_status status = lb_idx_parse("file", copy, bytes, out);
    lb_free(copy);
    return status;
}

static void expect_refused(const uint8_t *file, size_t bytes, const char *why)
{
    lb_idx idx = {0};
    assert_status(parse(file, bytes, &idx), LB_E_FORMAT);
    assert_null(idx.data);
    assert_contains(lb_error(), why);
}

static void test_plain_and_gzip_give_the_same(void **state)
{
    (void)state;
    uint8_t file[IMAGE_FILE], packed[256];
    const size_t bytes = make_images(file),
                 packed_bytes = compress_gzip(file, bytes, packed, sizeof packed);
    const struct {
        const uint8_t *data;
        size_t bytes;
    } cases[] = {{file, bytes}, {packed, packed_bytes}};
    for (size_t i = 0; i < 2; i++) {
        lb_idx idx = {0};
        assert_ok(parse(cases[i].data, cases[i].bytes, &idx));
        assert_int_equal(idx.n_dims, 3);
        assert_int_equal(idx.dims[0], N);
        assert_int_equal(idx.dims[1], SIDE);
        assert_int_equal(idx.dims[2], SIDE);
        assert_int_equal(idx.bytes, N * SIDE * SIDE);
        assert_memory_equal(idx.data, file + 16, idx.bytes);
        lb_free(idx.data);
    }
}

static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    uint8_t file[IMAGE_FILE], packed[256];
    const size_t bytes = make_images(file),
                 packed_bytes = compress_gzip(file, bytes, packed, sizeof packed);
    for (size_t n = 0; n < bytes; n++) expect_refused(file, n, "truncated");
    for (size_t n = 2; n < packed_bytes; n++) expect_refused(packed, n, "truncated");
}

static void test_every_damaged_gzip_byte_is_noticed(void **state)
{
    (void)state;
    uint8_t file[IMAGE_FILE], packed[256];
    const size_t bytes = make_images(file),
                 packed_bytes = compress_gzip(file, bytes, packed, sizeof packed);
    /* Past the 10-byte gzip header (time, flags and system may be anything) all is under the checksum. */
    for (size_t n = 10; n < packed_bytes; n++) {
        packed[n] ^= 0x10;
        lb_idx idx = {0};
        assert_status(parse(packed, packed_bytes, &idx), LB_E_FORMAT);
        packed[n] ^= 0x10;
    }
}

static void test_lies_in_the_header_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        const char *why;
    } cases[] = {
        {0, 1, "not an IDX file"}, {1, 0x8b, "not an IDX file"}, {2, 9, "element type 9"},
        {3, 0, "0 dimensions"},    {3, 5, "5 dimensions"},       {7, 0, "dimension 0 is 0"},
        {7, N + 1, "truncated"},   {7, N - 1, "left over"},      {4, 0xff, "truncated"},
        {8, 0x80, "truncated"},    {15, SIDE + 1, "truncated"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t file[IMAGE_FILE];
        make_images(file);
        file[cases[i].at] = cases[i].value;
        expect_refused(file, sizeof file, cases[i].why);
    }
    static const uint8_t huge[16] = {0,    0,    8,    3,    0xff, 0xff, 0xff, 0xff,
                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    expect_refused(huge, sizeof huge, "claims more");
}

/* A gzip file of a few hundred bytes that promises gigabytes must fail without allocating them. */
static void test_a_promise_beyond_the_file_is_refused_before_allocation(void **state)
{
    (void)state;
    static const uint8_t file[16] = {0, 0, 8, 3, 0x00, 0xff, 0xff, 0xff, 0, 0, 0, 32, 0, 0, 0, 32};
    uint8_t packed[256];
    expect_refused(packed, compress_gzip(file, sizeof file, packed, sizeof packed), "promises");
}

static void test_bytes_after_the_gzip_data_are_refused(void **state)
{
    (void)state;
    uint8_t file[IMAGE_FILE + 1] = {0}, packed[256];
    make_images(file);
    expect_refused(packed, compress_gzip(file, sizeof file, packed, sizeof packed), "left over");
    const size_t bytes = compress_gzip(file, IMAGE_FILE, packed, sizeof packed);
    packed[bytes] = 0;
    expect_refused(packed, bytes + 1, "left over");
}

static void write_split(const char *folder, const char *prefix, const uint8_t *labels,
                        size_t label_bytes)
{
    uint8_t images[IMAGE_FILE];
    char name[64];
    make_images(images);
    snprintf(name, sizeof name, "%s-images-idx3-ubyte", prefix);
    lb_test_write(lb_test_path(folder, name), images, sizeof images);
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", prefix);
    lb_test_write(lb_test_path(folder, name), labels, label_bytes);
}

static const char *spec_of(const char *kind, const char *folder)
{
    static char spec[512];
    snprintf(spec, sizeof spec, "%s:%s", kind, folder);
    return spec;
}

static void test_a_folder_of_idx_files(void **state)
{
    (void)state;
    const char *folder = lb_test_path(lb_test_folder(), "good");
    uint8_t labels[LABEL_FILE];
    assert_ok(lb_make_folders(folder));
    make_labels(labels);
    write_split(folder, "train", labels, sizeof labels);
    labels[8] = 1; /* fewer classes than in the training split: that one counts */
    write_split(folder, "t10k", labels, sizeof labels);
    for (int split = LB_SPLIT_TRAIN; split <= LB_SPLIT_TEST; split++) {
        lb_dataset *dataset = NULL;
        lb_dataset_info info;
        assert_ok(lb_dataset_open(spec_of("idx", folder), (lb_split)split, &dataset));
        lb_dataset_get_info(dataset, &info);
        assert_string_equal(info.name, "idx");
        assert_int_equal(info.count, N);
        assert_int_equal(info.channels, 1);
        assert_int_equal(info.classes, 5);
        assert_int_equal(lb_dataset_label(dataset, 0), split == LB_SPLIT_TRAIN ? 4 : 1);
        assert_int_equal(lb_dataset_image(dataset, 1)[3], 5 * (SIDE * SIDE + 3));
        assert_string_equal(lb_dataset_class_name(dataset, 4), "4");
        lb_dataset_close(dataset);
    }
    lb_dataset *dataset = NULL;
    assert_status(lb_dataset_open(spec_of("mnist", folder), LB_SPLIT_TRAIN, &dataset), LB_E_FORMAT);
    assert_contains(lb_error(), "1x4x4, but 'mnist' has 1x28x28");
}

static void test_labels_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    const char *folder = lb_test_path(lb_test_folder(), "bad");
    lb_dataset *dataset = NULL;
    uint8_t labels[LABEL_FILE];
    assert_ok(lb_make_folders(folder));
    make_labels(labels);
    labels[7] = 2; /* two labels for three images */
    write_split(folder, "train", labels, sizeof labels - 1);
    assert_status(lb_dataset_open(spec_of("idx", folder), LB_SPLIT_TRAIN, &dataset), LB_E_FORMAT);
    assert_contains(lb_error(), "3 images, but 2 labels");
    make_labels(labels);
    write_split(folder, "train", labels, sizeof labels);
    labels[8] = 7; /* a class that the training split does not have */
    write_split(folder, "t10k", labels, sizeof labels);
    assert_status(lb_dataset_open(spec_of("idx", folder), LB_SPLIT_TEST, &dataset), LB_E_FORMAT);
    assert_contains(lb_error(), "label 7");
    assert_null(dataset);
}

static lb_status open_good(void *context)
{
    lb_dataset *dataset = NULL;
    const lb_status status = lb_dataset_open(context, LB_SPLIT_TRAIN, &dataset);
    lb_dataset_close(dataset);
    return status;
}

static void test_every_allocation_failure_is_reported(void **state)
{
    (void)state;
    const char *folder = lb_test_path(lb_test_folder(), "memory");
    uint8_t labels[LABEL_FILE];
    assert_ok(lb_make_folders(folder));
    make_labels(labels);
    write_split(folder, "train", labels, sizeof labels);
    lb_test_every_allocation_failure(open_good, (void *)(uintptr_t)spec_of("idx", folder));
}

static void test_real_mnist(void **state)
{
    (void)state;
    static const size_t want[10] = {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949};
    lb_dataset *dataset = NULL;
    lb_dataset_info info;
    size_t counts[10];
    double mean[LB_IMAGE_MAX_CHANNELS], std[LB_IMAGE_MAX_CHANNELS];
    assert_ok(lb_dataset_open(spec_of("mnist", lb_test_data("mnist")), LB_SPLIT_TRAIN, &dataset));
    lb_dataset_get_info(dataset, &info);
    assert_int_equal(info.count, 60000);
    lb_dataset_class_counts(dataset, counts);
    for (int c = 0; c < 10; c++) assert_int_equal(counts[c], want[c]);
    assert_int_equal(lb_dataset_label(dataset, 0), 5);
    lb_dataset_statistics(dataset, mean, std);
    assert_true(mean[0] > 0.13065 && mean[0] < 0.13075); /* published, rounded: 0.1307 and 0.3081 */
    assert_true(std[0] > 0.30805 && std[0] < 0.30815);
    lb_dataset_close(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_and_gzip_give_the_same),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_every_damaged_gzip_byte_is_noticed),
        cmocka_unit_test(test_lies_in_the_header_are_refused),
        cmocka_unit_test(test_a_promise_beyond_the_file_is_refused_before_allocation),
        cmocka_unit_test(test_bytes_after_the_gzip_data_are_refused),
        cmocka_unit_test(test_a_folder_of_idx_files),
        cmocka_unit_test(test_labels_that_do_not_fit_are_refused),
        cmocka_unit_test(test_every_allocation_failure_is_reported),
        cmocka_unit_test(test_real_mnist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
