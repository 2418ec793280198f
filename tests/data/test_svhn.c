/* The SVHN reader on MATLAB files made here byte by byte: plain, compressed, truncated, lying. */
#include <string.h>
#include <zlib.h>

#include "base/memory.h"
#include "data/format/format_svhn.h"
#include "support/support.h"

enum { COUNT = 3, IMAGE = 3072, ROOM = 1 << 15 };

/* A file being written. */
typedef struct bytes {
    size_t n;
    uint8_t data[ROOM];
} bytes;

static void put(bytes *b, const void *data, size_t n)
{
    assert_true(b->n + n <= ROOM);
    memcpy(b->data + b->n, data, n);
    b->n += n;
}

static void put_32(bytes *b, uint32_t v)
{
    const uint8_t four[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    put(b, four, 4);
}

static void put_filled(bytes *b, const void *data, size_t n)
{
    static const uint8_t zeros[8];
    put(b, data, n);
    put(b, zeros, (8 - n % 8) % 8);
}

static void put_header(bytes *b)
{
    uint8_t header[128];
    memset(header, ' ', sizeof header);
    memcpy(header, "MATLAB 5.0 MAT-file", 19);
    memcpy(header + 124, "\0\1IM", 4);
    b->n = 0;
    put(b, header, sizeof header);
}

/* A matrix element; type 2 unsigned bytes, 9 doubles. */
static void put_matrix(bytes *b, const char *name, const uint32_t *dims, size_t n_dims,
                       uint32_t type, const void *values, size_t value_bytes)
{
    static bytes m;
    m.n = 0;
    put_32(&m, 6);
    put_32(&m, 8);
    put_32(&m, type == 9 ? 6 : 9);
    put_32(&m, 0);
    put_32(&m, 5);
    put_32(&m, (uint32_t)(4 * n_dims));
    for (size_t d = 0; d < n_dims; d++) put_32(&m, dims[d]);
    if (n_dims % 2 != 0) put_32(&m, 0);
    put_32(&m, 1 | (uint32_t)strlen(name) << 16); /* a short name stands in the tag */
    uint8_t four[4] = {0};
    memcpy(four, name, strlen(name));
    put(&m, four, 4);
    put_32(&m, type);
    put_32(&m, (uint32_t)value_bytes);
    put_filled(&m, values, value_bytes);
    put_32(b, 14);
    put_32(b, (uint32_t)m.n);
    put(b, m.data, m.n);
}

/* Pack the matrix elements behind the header into one compressed element each. */
static void compress_elements(const bytes *plain, bytes *out)
{
    put_header(out);
    for (size_t at = 128; at < plain->n;) {
        uint32_t length = 0;
        memcpy(&length, plain->data + at + 4, 4);
        static uint8_t packed[ROOM];
        uLongf packed_bytes = sizeof packed;
        assert_int_equal(compress(packed, &packed_bytes, plain->data + at, length + 8), Z_OK);
        put_32(out, 15);
        put_32(out, (uint32_t)packed_bytes);
        put(out, packed, packed_bytes);
        at += length + 8;
    }
}

/* Pixel of image i at (c, y, x). */
static uint8_t pixel(size_t i, size_t c, size_t y, size_t x)
{
    return (uint8_t)(i * 50 + c * 70 + y * 3 + x);
}

static const uint8_t good_labels[COUNT] = {10, 1, 9};

static void make_file(bytes *b, const uint8_t *labels, bool doubles)
{
    static uint8_t x[COUNT * IMAGE];
    for (size_t k = 0; k < sizeof x; k++) {
        x[k] = pixel(k / IMAGE, k / 1024 % 3, k % 32, k / 32 % 32); /* y runs fastest */
    }
    static const uint32_t x_dims[4] = {32, 32, 3, COUNT}, y_dims[2] = {COUNT, 1};
    double as_doubles[COUNT];
    for (int i = 0; i < COUNT; i++) as_doubles[i] = labels[i];
    put_header(b);
    put_matrix(b, "X", x_dims, 4, 2, x, sizeof x);
    if (doubles) {
        put_matrix(b, "y", y_dims, 2, 9, as_doubles, sizeof as_doubles);
    } else {
        put_matrix(b, "y", y_dims, 2, 2, labels, COUNT);
    }
}

static lb_status parse(const uint8_t *file, size_t n, lb_dataset *out)
{
    void *copy = NULL; /* of the exact size, for the address sanitizer */
    *out = (lb_dataset){.kind = NULL};
    assert_ok(lb_alloc(n, 1, "copy", &copy));
    if (n > 0) memcpy(copy, file, n);
    const lb_status status = lb_svhn_parse("file", copy, n, out);
    lb_free(copy);
    return status;
}

static void release(lb_dataset *dataset)
{
    lb_free(dataset->images);
    lb_free(dataset->labels);
}

static void expect_refused(const uint8_t *file, size_t n)
{
    lb_dataset dataset;
    assert_status(parse(file, n, &dataset), LB_E_FORMAT);
    release(&dataset);
}

static void check_good(const bytes *file)
{
    static const uint16_t want[COUNT] = {0, 1, 9};
    lb_dataset dataset;
    assert_ok(parse(file->data, file->n, &dataset));
    assert_int_equal(dataset.count, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(dataset.labels[i], want[i]);
        for (size_t k = 0; k < IMAGE; k++) {
            const uint8_t wanted = pixel(i, k / 1024, k / 32 % 32, k % 32);
            assert_int_equal(dataset.images[i * IMAGE + k], wanted);
        }
    }
    release(&dataset);
}

static void test_all_ways_to_store_it(void **state)
{
    (void)state;
    static bytes plain, packed;
    for (int doubles = 0; doubles < 2; doubles++) {
        make_file(&plain, good_labels, doubles == 1);
        compress_elements(&plain, &packed);
        check_good(&plain);
        check_good(&packed);
    }
}

static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    static bytes plain, packed;
    make_file(&plain, good_labels, false);
    compress_elements(&plain, &packed);
    for (size_t n = 0; n < plain.n; n++) expect_refused(plain.data, n);
    for (size_t n = 0; n < packed.n; n++) expect_refused(packed.data, n);
}

/* Some bits mean nothing (those that fill deflate's last byte, codes that are never used): a change there must
 * do no harm. All others are under a checksum. */
static void test_no_damaged_compressed_byte_does_harm(void **state)
{
    (void)state;
    static bytes plain, packed;
    make_file(&plain, good_labels, false);
    compress_elements(&plain, &packed);
    size_t n_harmless = 0;
    for (size_t n = 124; n < packed.n; n++) {
        lb_dataset dataset;
        packed.data[n] ^= 0x20;
        const lb_status status = parse(packed.data, packed.n, &dataset);
        release(&dataset);
        if (status == LB_OK) {
            check_good(&packed);
            n_harmless++;
        } else {
            assert_int_equal(status, LB_E_FORMAT);
        }
        packed.data[n] ^= 0x20;
    }
    assert_true(n_harmless < 10); /* 3 with zlib 1.2.13 */
}

static void test_wrong_variables_are_refused(void **state)
{
    (void)state;
    static const uint8_t eleven[COUNT] = {10, 11, 1}, zero[COUNT] = {10, 0, 1};
    static bytes file;
    make_file(&file, eleven, false);
    expect_refused(file.data, file.n);
    assert_contains(lb_error(), "label 1");
    make_file(&file, zero, true);
    expect_refused(file.data, file.n);

    static const uint8_t x[2 * IMAGE];
    static const uint32_t one[4] = {32, 32, 3, 1}, two[4] = {32, 32, 3, 2},
                          wide[4] = {16, 64, 3, 1}, labels[2] = {2, 1};
    put_header(&file); /* labels for two images, one image */
    put_matrix(&file, "X", one, 4, 2, x, IMAGE);
    put_matrix(&file, "y", labels, 2, 2, good_labels, 2);
    expect_refused(file.data, file.n);
    assert_contains(lb_error(), "1 images, but 2 labels");
    put_header(&file); /* dims that promise more than the values */
    put_matrix(&file, "X", two, 4, 2, x, IMAGE);
    expect_refused(file.data, file.n);
    put_header(&file); /* another shape */
    put_matrix(&file, "X", wide, 4, 2, x, IMAGE);
    expect_refused(file.data, file.n);
    put_header(&file); /* X twice */
    put_matrix(&file, "X", one, 4, 2, x, IMAGE);
    put_matrix(&file, "X", one, 4, 2, x, IMAGE);
    expect_refused(file.data, file.n);
    put_header(&file); /* nothing in it */
    expect_refused(file.data, file.n);
    assert_contains(lb_error(), "no variable X");
}

/* Values of 4 GiB announced in a file of a few hundred bytes. */
static void test_a_promise_beyond_the_file_is_refused_before_allocation(void **state)
{
    (void)state;
    static bytes file, packed;
    static const uint32_t dims[4] = {32, 32, 3, 1000000};
    put_header(&file);
    put_matrix(&file, "X", dims, 4, 2, good_labels, COUNT);
    const uint32_t claim = 3072u * 1000000u;
    memcpy(file.data + file.n - 12, &claim, 4);
    compress_elements(&file, &packed);
    expect_refused(packed.data, packed.n);
    assert_contains(lb_error(), "promises 3072000000 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_ways_to_store_it),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_no_damaged_compressed_byte_does_harm),
        cmocka_unit_test(test_wrong_variables_are_refused),
        cmocka_unit_test(test_a_promise_beyond_the_file_is_refused_before_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
