/* Images of any size as a network's input: what is computed, by hand. */
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/format/image_file.h"
#include "data/image_fit.h"
#include "lowbit/data.h"
#include "support/support.h"

static void fit(lb_image_shape from, const uint8_t *image, lb_image_shape to, const uint8_t *wanted)
{
    uint8_t got[256];
    const size_t n = to.channels * to.height * to.width;
    assert_true(n <= sizeof got);
    assert_ok(lb_image_fit(from, image, to, got));
    for (size_t i = 0; i < n; i++) {
        if (got[i] != wanted[i]) fail_msg("value %zu: got %u, wanted %u", i, got[i], wanted[i]);
    }
}

static void the_same_size_is_kept(void **state)
{
    (void)state;
    const uint8_t image[] = {1, 2, 3, 250, 251, 252};
    fit((lb_image_shape){1, 2, 3}, image, (lb_image_shape){1, 2, 3}, image);
    const uint8_t colour[] = {10, 20, 30};
    fit((lb_image_shape){3, 1, 1}, colour, (lb_image_shape){3, 1, 1}, colour);
}

static void grey_and_colour_become_each_other(void **state)
{
    (void)state;
    const uint8_t grey[] = {7, 200}, planes[] = {7, 200, 7, 200, 7, 200};
    fit((lb_image_shape){1, 1, 2}, grey, (lb_image_shape){3, 1, 2}, planes);
    /* red, green, blue, white: 0.299, 0.587, 0.114 and 1 of 255, rounded */
    const uint8_t colours[] = {255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255};
    const uint8_t luma[] = {76, 150, 29, 255};
    fit((lb_image_shape){3, 1, 4}, colours, (lb_image_shape){1, 1, 4}, luma);
}

/* 4 -> 2: r = 2, centres 1 and 3, weights of the pixels 0..3 are 3/4, 3/4, 1/4, 0 (left edge cut). */
static void shrinking_averages(void **state)
{
    (void)state;
    const uint8_t row[] = {0, 0, 100, 100};
    /* rows alike; columns: 100 * (1/4) / (7/4) = 14.29 and the mirror image 85.71 */
    uint8_t image[16];
    for (size_t i = 0; i < 16; i++) image[i] = row[i % 4];
    const uint8_t wanted[] = {14, 86, 14, 86};
    fit((lb_image_shape){1, 4, 4}, image, (lb_image_shape){1, 2, 2}, wanted);
}

/* 2 -> 4: centres at 1/4, 3/4, 5/4, 7/4; between the pixels' centres 1/2 and 3/2 linear. */
static void growing_is_bilinear(void **state)
{
    (void)state;
    const uint8_t image[] = {0, 100, 0, 100};
    const uint8_t wanted[] = {0, 25, 75, 100, 0, 25, 75, 100, 0, 25, 75, 100, 0, 25, 75, 100};
    fit((lb_image_shape){1, 2, 2}, image, (lb_image_shape){1, 4, 4}, wanted);
}

static void the_centre_is_kept(void **state)
{
    (void)state;
    /* 2 x 6 to 2 x 2: nothing is scaled, the two columns in the middle stay */
    const uint8_t wide[] = {1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16}, middle[] = {3, 4, 13, 14};
    fit((lb_image_shape){1, 2, 6}, wide, (lb_image_shape){1, 2, 2}, middle);
    const uint8_t tall[] = {1, 11, 2, 12, 3, 13, 4, 14, 5, 15, 6, 16}, rows[] = {3, 13, 4, 14};
    fit((lb_image_shape){1, 6, 2}, tall, (lb_image_shape){1, 2, 2}, rows);
}

static void one_colour_stays_itself(void **state)
{
    (void)state;
    static const lb_image_shape sizes[] = {
        {1, 1, 1}, {1, 7, 3}, {1, 3, 50}, {1, 64, 64}, {1, 37, 11}};
    for (size_t a = 0; a < sizeof sizes / sizeof *sizes; a++) {
        uint8_t image[64 * 64], wanted[15 * 15];
        memset(image, 201, sizeof image);
        memset(wanted, 201, sizeof wanted);
        fit(sizes[a], image, (lb_image_shape){1, 15, 15}, wanted);
        fit(sizes[a], image, (lb_image_shape){1, 2, 9}, wanted);
    }
}

static void files_are_read(void **state)
{
    (void)state;
    const uint8_t planes[] = {255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255};
    uint8_t *file = NULL, got[4] = {9, 9, 9, 9};
    size_t bytes = 0;
    assert_ok(lb_image_encode_png((lb_image_shape){3, 2, 2}, planes, &file, &bytes));
    const char *path = lb_test_path(lb_test_folder(), "image.png");
    lb_test_write(path, file, bytes);
    assert_ok(lb_image_read(path, 1, 2, 2, got));
    const uint8_t wanted[] = {76, 150, 29, 255};
    assert_memory_equal(got, wanted, sizeof wanted);

    const char *broken = lb_test_path(lb_test_folder(), "broken.png");
    lb_test_write(broken, file, bytes / 2);
    lb_free(file);
    assert_status(lb_image_read(broken, 1, 2, 2, got), LB_E_FORMAT);
    assert_contains(lb_error(), "broken.png");
    lb_test_write(broken, "hello", 5);
    assert_status(lb_image_read(broken, 1, 2, 2, got), LB_E_FORMAT);
    assert_status(lb_image_read("/nowhere.png", 1, 2, 2, got), LB_E_IO);
    assert_contains(lb_error(), "/nowhere.png");
    assert_status(lb_image_read(path, 2, 2, 2, got), LB_E_SHAPE);
    assert_memory_equal(got, wanted, sizeof wanted);
}

static lb_status shrink(void *context)
{
    uint8_t image[3 * 16] = {0}, out[4];
    (void)context;
    return lb_image_fit((lb_image_shape){3, 4, 4}, image, (lb_image_shape){1, 2, 2}, out);
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    lb_test_every_allocation_failure(shrink, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_size_is_kept),
        cmocka_unit_test(grey_and_colour_become_each_other),
        cmocka_unit_test(shrinking_averages),
        cmocka_unit_test(growing_is_bilinear),
        cmocka_unit_test(the_centre_is_kept),
        cmocka_unit_test(one_colour_stays_itself),
        cmocka_unit_test(files_are_read),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
