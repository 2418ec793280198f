/* A folder of images by class, and the image decoder. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/dataset.h"
#include "data/format/image_file.h"
#include "support/support.h"

enum { SIDE = 8, PIXELS = SIDE * SIDE };

static const char *spec_of(const char *folder)
{
    static char spec[512];
    snprintf(spec, sizeof spec, "folder:%s", folder);
    return spec;
}

static void write_png(const char *path, size_t channels, size_t height, size_t width, uint8_t value)
{
    static uint8_t pixels[3 * 2 * PIXELS];
    uint8_t *file = NULL;
    size_t bytes = 0;
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(value + i);
    assert_ok(
        lb_image_encode_png((lb_image_shape){channels, height, width}, pixels, &file, &bytes));
    lb_test_write(path, file, bytes);
    lb_free(file);
}

/* A JPEG image of one colour: whatever the compression, it must come back within 2. */
static size_t make_jpeg(int channels, uint8_t value, unsigned char **out)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned long bytes = 0;
    uint8_t row[SIDE * 4];
    memset(row, value, sizeof row);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, out, &bytes);
    jpeg.image_width = jpeg.image_height = SIDE;
    jpeg.input_components = channels;
    jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < SIDE; y++) {
        JSAMPROW line = row;
        (void)jpeg_write_scanlines(&jpeg, &line, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return bytes;
}

/* A PNG image of equal pixels, with a gamma as a camera or an old Macintosh notes it; 0: without. */
static size_t make_png(int bits, int colour_type, double gamma, const uint8_t *pixel, size_t bytes,
                       uint8_t out[1024])
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    FILE *file = fmemopen(out, 1024, "wb");
    uint8_t row[8 * SIDE];
    for (size_t x = 0; x < SIDE; x++) memcpy(row + x * bytes, pixel, bytes);
    png_init_io(png, file);
    png_set_IHDR(png, info, SIDE, SIDE, bits, colour_type, PNG_INTERLACE_ADAM7,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (gamma > 0.0) png_set_gAMA(png, info, gamma);
    png_write_info(png, info);
    for (int pass = 0, passes = png_set_interlace_handling(png); pass < passes; pass++) {
        for (int y = 0; y < SIDE; y++) png_write_row(png, row);
    }
    png_write_end(png, info);
    const long n = ftell(file);
    fclose(file);
    png_destroy_write_struct(&png, &info);
    return (size_t)n;
}

/* A progressive JPEG of 64 x 64 grey blocks in `scans` scans, of 12 bytes each but the first. */
static size_t make_scans(size_t scans, uint8_t *out)
{
    static const uint8_t head[] = {
        0xff, 0xd8, 0xff, 0xdb, 0, 67, 0, /* the quantization table follows */
    };
    static const uint8_t frame[] = {0xff, 0xc2, 0, 11, 8, 2, 0, 2, 0, 1, 1, 0x11, 0};
    /* one code, 0: DC's category 0; AC's run of 2^14 blocks and what 14 bits say */
    static const uint8_t tables[] = {
        0xff, 0xc4, 0, 20, 0x00, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0xff, 0xc4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xe0};
    static const uint8_t dc[] = {0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0},
                         ac[] = {0xff, 0xda, 0, 8, 1, 1, 0, 1, 63, 0, 0, 1};
    uint8_t *at = out;
    memcpy(at, head, sizeof head);
    at += sizeof head;
    memset(at, 1, 64);
    at += 64;
    memcpy(at, frame, sizeof frame);
    at += sizeof frame;
    memcpy(at, tables, sizeof tables);
    at += sizeof tables;
    memcpy(at, dc, sizeof dc);
    at += sizeof dc;
    memset(at, 0, 64 * 64 / 8); /* a bit a block */
    at += 64 * 64 / 8;
    for (size_t i = 1; i < scans; i++, at += sizeof ac) memcpy(at, ac, sizeof ac);
    *at++ = 0xff;
    *at++ = 0xd9;
    return (size_t)(at - out);
}

static const char *make_class(const char *root, const char *split, const char *class_name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s/%s", root, split, class_name);
    assert_ok(lb_make_folders(path));
    return path;
}

static void test_classes_and_images_come_in_order(void **state)
{
    (void)state;
    const char *root = lb_test_path(lb_test_folder(), "good");
    write_png(lb_test_path(make_class(root, "train", "zebra"), "a.png"), 1, SIDE, SIDE, 3);
    write_png(lb_test_path(make_class(root, "train", "ant"), "2.PNG"), 1, SIDE, SIDE, 2);
    write_png(lb_test_path(make_class(root, "train", "ant"), "1.png"), 1, SIDE, SIDE, 1);
    lb_test_write(lb_test_path(make_class(root, "train", "ant"), "notes.txt"), "x", 1);
    lb_test_write(lb_test_path(make_class(root, "train", "ant"), ".hidden.png"), "x", 1);
    unsigned char *jpeg = NULL;
    const size_t bytes = make_jpeg(3, 100, &jpeg);
    lb_test_write(lb_test_path(make_class(root, "val", "zebra"), "a.jpeg"), jpeg, bytes);
    write_png(lb_test_path(make_class(root, "val", "zebra"), "b.png"), 1, SIDE, SIDE, 9);
    free(jpeg);

    lb_dataset *dataset = NULL;
    lb_dataset_info info;
    assert_ok(lb_dataset_open(spec_of(root), LB_SPLIT_TRAIN, &dataset));
    lb_dataset_get_info(dataset, &info);
    assert_int_equal(info.count, 3);
    assert_int_equal(info.channels, 1); /* all grey */
    assert_int_equal(info.classes, 2);
    assert_string_equal(lb_dataset_class_name(dataset, 0), "ant");
    assert_string_equal(lb_dataset_class_name(dataset, 1), "zebra");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(lb_dataset_label(dataset, i), i == 2);
        assert_int_equal(lb_dataset_image(dataset, i)[5], i + 1 + 5);
    }
    lb_dataset_close(dataset);

    assert_ok(lb_dataset_open(spec_of(root), LB_SPLIT_TEST, &dataset)); /* val stands in for test */
    lb_dataset_get_info(dataset, &info);
    assert_int_equal(info.channels, 3); /* one has colour */
    assert_int_equal(info.classes, 2);
    assert_int_equal(lb_dataset_label(dataset, 0), 1);
    const uint8_t *image = lb_dataset_image(dataset, 0);
    for (size_t i = 0; i < 3 * PIXELS; i++) assert_in_range(image[i], 98, 102);
    for (size_t i = 0; i < 3 * PIXELS; i++) { /* grey in three planes */
        assert_int_equal(lb_dataset_image(dataset, 1)[i], 9 + i % PIXELS);
    }
    lb_dataset_close(dataset);
}

static void test_an_image_of_another_size_is_named(void **state)
{
    (void)state;
    const char *root = lb_test_path(lb_test_folder(), "sizes");
    lb_dataset *dataset = NULL;
    write_png(lb_test_path(make_class(root, "train", "a"), "1.png"), 1, SIDE, SIDE, 0);
    write_png(lb_test_path(make_class(root, "train", "a"), "2.png"), 1, SIDE, SIDE + 1, 0);
    assert_ok(lb_make_folders(make_class(root, "test", "a")));
    assert_status(lb_dataset_open(spec_of(root), LB_SPLIT_TRAIN, &dataset), LB_E_SHAPE);
    assert_contains(lb_error(), "2.png");
    assert_contains(lb_error(), "8x9 pixels");
    assert_status(lb_dataset_open(spec_of(root), LB_SPLIT_TEST, &dataset), LB_E_FORMAT);
    assert_contains(lb_error(), "no images");
    (void)make_class(root, "test", "unheard-of");
    assert_status(lb_dataset_open(spec_of(root), LB_SPLIT_TEST, &dataset), LB_E_FORMAT);
    assert_contains(lb_error(), "no such class");
}

static void test_folders_that_are_not_there(void **state)
{
    (void)state;
    const char *root = lb_test_path(lb_test_folder(), "empty");
    lb_dataset *dataset = NULL;
    assert_status(lb_dataset_open(spec_of(root), LB_SPLIT_TRAIN, &dataset), LB_E_IO);
    assert_contains(lb_error(), "no folder train");
    char train[512];
    snprintf(train, sizeof train, "%s/train", root);
    assert_ok(lb_make_folders(train));
    assert_status(lb_dataset_open(spec_of(root), LB_SPLIT_TRAIN, &dataset), LB_E_FORMAT);
    assert_contains(lb_error(), "0 class folders");
    assert_status(lb_dataset_open(spec_of(root), LB_SPLIT_TEST, &dataset), LB_E_IO);
}

/* Decode an exact-size heap copy. */
static lb_status decode(const uint8_t *file, size_t bytes, lb_image_shape *shape, uint8_t **pixels)
{
    void *copy = NULL;
    assert_ok(lb_alloc(bytes, 1, "copy", &copy));
    if (bytes > 0) memcpy(copy, file, bytes);
    const lb_status status = lb_image_decode("file", copy, bytes, shape, pixels);
    lb_free(copy);
    return status;
}

static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    uint8_t pixels[3 * PIXELS], *png = NULL, *out = NULL;
    unsigned char *jpeg = NULL;
    size_t png_bytes = 0;
    lb_image_shape shape;
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 37);
    assert_ok(lb_image_encode_png((lb_image_shape){3, SIDE, SIDE}, pixels, &png, &png_bytes));
    /* The last 12 bytes, the empty end chunk, may be missing: all pixels are there, checksum and all. */
    for (size_t n = 0; n + 12 < png_bytes; n++) {
        assert_status(decode(png, n, &shape, &out), LB_E_FORMAT);
    }
    const size_t jpeg_bytes = make_jpeg(1, 77, &jpeg);
    for (size_t n = 0; n + 2 < jpeg_bytes; n++)
        assert_status(decode(jpeg, n, &shape, &out), LB_E_FORMAT);
    assert_ok(decode(jpeg, jpeg_bytes, &shape, &out));
    assert_int_equal(shape.channels, 1);
    lb_free(out);
    lb_free(png);
    free(jpeg);
}

static void test_cmyk_becomes_colours(void **state)
{
    (void)state;
    lb_image_shape shape;
    uint8_t *out = NULL;
    unsigned char *jpeg = NULL;
    const size_t bytes = make_jpeg(4, 200, &jpeg); /* Adobe's: 255 is no ink */
    assert_ok(decode(jpeg, bytes, &shape, &out));
    assert_int_equal(shape.channels, 3);
    for (size_t i = 0; i < 3 * SIDE * SIDE; i++)
        assert_in_range(out[i], 155, 159); /* 200 * 200 / 255 */
    lb_free(out);
    free(jpeg);
}

static void test_png_values_are_taken_as_stored(void **state)
{
    (void)state;
    static const struct {
        int bits, colour_type;
        double gamma;
        uint8_t pixel[8], bytes, want;
    } cases[] = {
        {8, PNG_COLOR_TYPE_GRAY, 0.0, {128}, 1, 128},
        {8, PNG_COLOR_TYPE_GRAY, 1.0, {128}, 1, 128},
        {8, PNG_COLOR_TYPE_RGB, 0.55, {128, 128, 128}, 3, 128},
        {16, PNG_COLOR_TYPE_GRAY, 0.0, {128, 0}, 2, 128},        /* 32768 * 255 / 65535 = 127.5 */
        {16, PNG_COLOR_TYPE_GRAY, 0.0, {100, 220}, 2, 100},      /* 100.5 */
        {16, PNG_COLOR_TYPE_RGB, 0.0, {9, 9, 9, 9, 9, 9}, 6, 9}, /* 9 * 257 */
        {8, PNG_COLOR_TYPE_GRAY_ALPHA, 0.0, {200, 128}, 2, 100},
        {8, PNG_COLOR_TYPE_RGB_ALPHA, 0.0, {200, 200, 200, 128}, 4, 100},
        {16, PNG_COLOR_TYPE_GRAY_ALPHA, 0.0, {200, 200, 255, 255}, 4, 200},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t file[1024], *out = NULL;
        lb_image_shape shape;
        const size_t bytes = make_png(cases[i].bits, cases[i].colour_type, cases[i].gamma,
                                      cases[i].pixel, cases[i].bytes, file);
        assert_ok(decode(file, bytes, &shape, &out));
        assert_int_equal(shape.channels, cases[i].colour_type & PNG_COLOR_MASK_COLOR ? 3 : 1);
        for (size_t k = 0; k < shape.channels * PIXELS; k++)
            assert_int_equal(out[k], cases[i].want);
        lb_free(out);
    }
}

static void test_too_many_scans_are_refused(void **state)
{
    (void)state;
    static uint8_t file[1 << 14];
    lb_image_shape shape;
    uint8_t *out = NULL;
    assert_ok(decode(file, make_scans(100, file), &shape, &out));
    assert_true(shape.channels == 1 && shape.height == 512 && shape.width == 512);
    assert_int_equal(out[0], 128);
    lb_free(out);
    assert_status(decode(file, make_scans(1000, file), &shape, &out), LB_E_FORMAT);
    assert_contains(lb_error(), "more than 500 scans");
}

static void test_other_files_are_refused(void **state)
{
    (void)state;
    lb_image_shape shape;
    uint8_t *out = NULL;
    assert_status(decode((const uint8_t *)"GIF89a..", 8, &shape, &out), LB_E_FORMAT);
    assert_contains(lb_error(), "neither a PNG nor a JPEG");
    /* A PNG header that claims 2^31 - 1 pixels a side, with its right checksum. */
    static const uint8_t huge[] = {0x89, 'P',  'N', 'G', 13,  10,   26,   10,   0,    0,    0,
                                   13,   'I',  'H', 'D', 'R', 0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff,
                                   0xff, 0xff, 8,   0,   0,   0,    0,    0x44, 0x35, 0x92, 0x1f};
    assert_status(decode(huge, sizeof huge, &shape, &out), LB_E_FORMAT);
    /* one of 16384 x 16384: sides that are read, but not both of them */
    static const uint8_t large[] = {
        0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0,    0,    0,    0x0d, 0x49, 0x48,
        0x44, 0x52, 0,    0,    0x40, 0,    0,    0,    0x40, 0,    8,    0,    0,    0,
        0,    0x8c, 0xa3, 0x4f, 0x58, 0,    0,    0,    1,    0x49, 0x44, 0x41, 0x54};
    assert_status(decode(large, sizeof large, &shape, &out), LB_E_FORMAT);
    assert_contains(lb_error(), "16384x16384 pixels; sides of 1 to 16384 and 134217728 in all");
}

static lb_status open_folder(void *context)
{
    lb_dataset *dataset = NULL;
    const lb_status status = lb_dataset_open(context, LB_SPLIT_TRAIN, &dataset);
    lb_dataset_close(dataset);
    return status;
}

static void test_every_allocation_failure_is_reported(void **state)
{
    (void)state;
    const char *root = lb_test_path(lb_test_folder(), "memory");
    write_png(lb_test_path(make_class(root, "train", "a"), "1.png"), 1, SIDE, SIDE, 0);
    write_png(lb_test_path(make_class(root, "train", "b"), "1.png"), 3, SIDE, SIDE, 0);
    lb_test_every_allocation_failure(open_folder, (void *)(uintptr_t)spec_of(root));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes_and_images_come_in_order),
        cmocka_unit_test(test_an_image_of_another_size_is_named),
        cmocka_unit_test(test_folders_that_are_not_there),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_cmyk_becomes_colours),
        cmocka_unit_test(test_png_values_are_taken_as_stored),
        cmocka_unit_test(test_too_many_scans_are_refused),
        cmocka_unit_test(test_other_files_are_refused),
        cmocka_unit_test(test_every_allocation_failure_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
