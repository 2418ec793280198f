/* Augmentation worked by hand: crops, reflections, flips, quarter turns; texts; draws. */
#include <math.h>
#include <string.h>

#include "data/augment.h"
#include "support/support.h"

static const lb_image_shape three_by_four = {1, 3, 4};
static const uint8_t image34[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static void test_crops_by_hand(void **state)
{
    (void)state;
    static const struct {
        lb_pad_mode mode;
        int dy, dx;
        bool flip;
        uint8_t want[12];
    } cases[] = {
        {LB_PAD_ZERO, 0, 0, false, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
        {LB_PAD_ZERO, 0, 0, true, {4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9}},
        {LB_PAD_ZERO, 1, 1, false, {6, 7, 8, 0, 10, 11, 12, 0, 0, 0, 0, 0}},
        {LB_PAD_ZERO, -1, -2, false, {0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 5, 6}},
        {LB_PAD_ZERO, -1, -2, true, {0, 0, 0, 0, 2, 1, 0, 0, 6, 5, 0, 0}},
        /* padded row: 3 2 | 1 2 3 4 | 3 2;  padded rows: 2nd 1st-mirrored ... */
        {LB_PAD_REFLECT, 0, -2, false, {3, 2, 1, 2, 7, 6, 5, 6, 11, 10, 9, 10}},
        {LB_PAD_REFLECT, 0, 2, false, {3, 4, 3, 2, 7, 8, 7, 6, 11, 12, 11, 10}},
        {LB_PAD_REFLECT, -2, 0, false, {9, 10, 11, 12, 5, 6, 7, 8, 1, 2, 3, 4}},
        {LB_PAD_REFLECT, 2, 0, false, {9, 10, 11, 12, 5, 6, 7, 8, 1, 2, 3, 4}},
        {LB_PAD_REFLECT, 1, 3, true, {5, 6, 7, 8, 9, 10, 11, 12, 5, 6, 7, 8}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t out[12];
        lb_image_crop(three_by_four, cases[i].mode, cases[i].dy, cases[i].dx, cases[i].flip,
                      image34, out);
        assert_memory_equal(out, cases[i].want, sizeof out);
    }
}

/* Padding, then cropping, literally: the definition that lb_image_crop shortens. */
static uint8_t padded_at(lb_image_shape s, lb_pad_mode mode, const uint8_t *image, size_t c, int y,
                         int x)
{
    const int h = (int)s.height, w = (int)s.width;
    if (mode == LB_PAD_ZERO && (y < 0 || y >= h || x < 0 || x >= w)) return 0;
    if (y < 0) y = -y;
    if (y >= h) y = 2 * (h - 1) - y;
    if (x < 0) x = -x;
    if (x >= w) x = 2 * (w - 1) - x;
    return image[(c * s.height + (size_t)y) * s.width + (size_t)x];
}

static void test_all_crops_of_an_odd_image(void **state)
{
    (void)state;
    const lb_image_shape s = {2, 5, 7};
    uint8_t image[70], out[70];
    for (int i = 0; i < 70; i++) image[i] = (uint8_t)(i + 1);
    for (int mode = 0; mode < 2; mode++) {
        for (int at = 0; at < 2 * 9 * 9; at++) {
            const int dy = at % 9 - 4, dx = at / 9 % 9 - 4;
            const bool flip = at >= 81;
            lb_image_crop(s, (lb_pad_mode)mode, dy, dx, flip, image, out);
            for (int k = 0; k < 70; k++) {
                const int x = flip ? 6 - k % 7 : k % 7, y = k / 7 % 5;
                const uint8_t want =
                    padded_at(s, (lb_pad_mode)mode, image, (size_t)k / 35, y + dy, x + dx);
                assert_int_equal(out[k], want);
            }
        }
    }
}

static void test_quarter_turns_are_exact(void **state)
{
    (void)state;
    const lb_image_shape s = {2, 4, 4};
    uint8_t image[32], out[32], workspace[36];
    for (int i = 0; i < 32; i++) image[i] = (uint8_t)(i * 7 + 1);
    lb_image_rotate(s, 0.0f, image, workspace, out);
    assert_memory_equal(out, image, sizeof out);
    lb_image_rotate(s, 180.0f, image, workspace, out);
    for (int k = 0; k < 32; k++) assert_int_equal(out[k], image[k / 16 * 16 + 15 - k % 16]);
    lb_image_rotate(s, 90.0f, image, workspace,
                    out); /* counter-clockwise: the right edge comes to the top */
    for (int k = 0; k < 32; k++) {
        const int y = k % 16 / 4, x = k % 4;
        assert_int_equal(out[k], image[k / 16 * 16 + x * 4 + 3 - y]);
    }
}

/* The same in double precision. Weights are cut to 2^-11: at most 255 / 2048 = 0.125 of a level for each axis.
 * cos and sin are off by up to 2^-17, so coordinates by up to 2 * 14 * 2^-17 pixel, worth 0.055 for each axis.
 * Rounding adds 0.5: below 0.86 in all. */
static void test_rotation_agrees_with_double_precision(void **state)
{
    (void)state;
    const lb_image_shape s = {1, 28, 20};
    uint8_t image[560], out[560], workspace[30 * 22];
    for (int i = 0; i < 560; i++) image[i] = (uint8_t)(i * i * 31 + i);
    for (double angle = -180.0; angle <= 180.0; angle += 7.3) {
        lb_image_rotate(s, (float)angle, image, workspace, out);
        const double t = (double)(float)angle * acos(-1.0) / 180.0;
        for (int k = 0; k < 560; k++) {
            const double dx = k % 20 - 9.5, dy = k / 20 - 13.5;
            const double u = 9.5 + cos(t) * dx - sin(t) * dy, v = 13.5 + sin(t) * dx + cos(t) * dy;
            const int x = (int)floor(u), y = (int)floor(v);
            double sum = 0.0;
            for (int n = 0; n < 4; n++) {
                const int xn = x + n % 2, yn = y + n / 2;
                const double weight = (n % 2 ? u - x : 1 - u + x) * (n / 2 ? v - y : 1 - v + y);
                if (xn >= 0 && xn < 20 && yn >= 0 && yn < 28) sum += weight * image[yn * 20 + xn];
            }
            assert_true(fabs(sum - out[k]) < 0.86);
        }
    }
}

static void test_texts(void **state)
{
    (void)state;
    const lb_augment standard = {.rotation_degrees = 10.0f, .crop_padding = 4};
    lb_augment a;
    char text[LB_AUGMENT_TEXT_BYTES];
    assert_ok(lb_augment_parse("standard", &standard, &a));
    assert_memory_equal(&a.rotation_degrees, &standard.rotation_degrees, sizeof(float));
    lb_augment_format(&a, text);
    assert_string_equal(text, "rotate=10,crop=4");
    static const char *const good[] = {"none", "rotate=7.5", "crop=4,reflect,flip",
                                       "rotate=10,crop=2", "flip"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_ok(lb_augment_parse(good[i], &standard, &a));
        lb_augment_format(&a, text);
        assert_string_equal(text, good[i]);
    }
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "not known"},
        {"flop", "did you mean 'flip'"},
        {"crop=4,", "not known"},
        {"crop=-1", "whole pixels"},
        {"crop=1.5", "whole pixels"},
        {"crop=", "whole pixels"},
        {"rotate=nan", "DEGREES"},
        {"rotate=181", "0 to 180"},
        {"rotate=1x", "DEGREES"},
        {"reflect", "add crop"},
        {"flip,none", "not known"},
        {"crop=99999", "whole pixels"},
        {"rotate=10000000000000000000000000000000000", "not known"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_status(lb_augment_parse(bad[i].text, &standard, &a), LB_E_ARG);
        assert_contains(lb_error(), bad[i].why);
    }
}

static void test_settings_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    lb_augmenter augmenter;
    const lb_normalization n = {.mean = {0.5f}, .std = {0.25f}}, flat = {.mean = {0.5f}};
    const lb_augment wide = {.crop_padding = 3}, turned = {.rotation_degrees = NAN}, none = {0};
    assert_status(lb_augmenter_init(&augmenter, three_by_four, &wide, &n, 1), LB_E_ARG);
    assert_contains(lb_error(), "0 to 2");
    assert_status(lb_augmenter_init(&augmenter, three_by_four, &turned, &n, 1), LB_E_ARG);
    assert_status(lb_augmenter_init(&augmenter, three_by_four, &none, &flat, 1), LB_E_ARG);
    assert_contains(lb_error(), "std 0");
}

static void test_normalization(void **state)
{
    (void)state;
    const lb_image_shape s = {2, 1, 2};
    const lb_normalization n = {.mean = {0.5f, 0.0f}, .std = {0.25f, 2.0f}},
                           raw = {.raw_codes = true};
    const lb_augment none = {0};
    const uint8_t image[4] = {0, 255, 51, 128};
    lb_augmenter augmenter;
    uint8_t workspace[64];
    float out[4];
    assert_ok(lb_augmenter_init(&augmenter, s, &none, &n, 1));
    assert_true(lb_augmenter_workspace_bytes(&augmenter) <= sizeof workspace);
    lb_augmenter_run(&augmenter, 0, 0, image, workspace, out);
    const float want[4] = {-2.0f, 2.0f, 0.1f, (float)(128.0 / 255.0 / 2.0)};
    assert_memory_equal(out, want, sizeof out);
    assert_ok(lb_augmenter_init(&augmenter, s, &none, &raw, 1));
    lb_augmenter_run(&augmenter, 0, 0, image, workspace, out);
    const float codes[4] = {-1.0f, 127.0f / 128.0f, -77.0f / 128.0f, 0.0f};
    assert_memory_equal(out, codes, sizeof out);
}

/* Zero padding is pixel 0, before normalization. */
static void test_the_whole_chain(void **state)
{
    (void)state;
    const lb_augment a = {.rotation_degrees = 30.0f, .crop_padding = 2, .flip = true};
    const lb_normalization n = {.mean = {0.25f}, .std = {0.5f}};
    lb_augmenter augmenter;
    uint8_t workspace[64], rotated[12], cropped[12];
    float out[12];
    assert_ok(lb_augmenter_init(&augmenter, three_by_four, &a, &n, 77));
    assert_true(lb_augmenter_workspace_bytes(&augmenter) <= sizeof workspace);
    for (uint32_t index = 0; index < 200; index++) {
        const lb_augment_draw d = lb_augment_draw_of(&a, 77, 3, index);
        lb_image_rotate(three_by_four, d.angle_degrees, image34, workspace, rotated);
        lb_image_crop(three_by_four, LB_PAD_ZERO, d.dy, d.dx, d.flip, rotated, cropped);
        lb_augmenter_run(&augmenter, 3, index, image34, workspace, out);
        for (int k = 0; k < 12; k++) {
            assert_true(out[k] == (float)((cropped[k] / 255.0 - 0.25) / 0.5));
        }
    }
}

/* Over 20,000 draws every place comes up, about equally often; limits are 6 standard deviations. */
static void test_draws_are_uniform_and_reproducible(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    const lb_augment a = {.rotation_degrees = 10.0f, .crop_padding = 1, .flip = true};
    int places[9] = {0}, flips = 0;
    double angle_sum = 0.0, angle_most = 0.0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        const lb_augment_draw d = lb_augment_draw_of(&a, 5, i / 1000, i % 1000);
        const lb_augment_draw again = lb_augment_draw_of(&a, 5, i / 1000, i % 1000);
        assert_true(d.dy == again.dy && d.dx == again.dx && d.flip == again.flip &&
                    d.angle_degrees == again.angle_degrees);
        places[(d.dy + 1) * 3 + d.dx + 1]++;
        flips += d.flip;
        angle_sum += (double)d.angle_degrees;
        angle_most = fmax(angle_most, fabs((double)d.angle_degrees));
    }
    for (int p = 0; p < 9; p++)
        assert_true(fabs(places[p] - DRAWS / 9.0) < 6 * sqrt(DRAWS * 8.0 / 81.0));
    assert_true(fabs(flips - DRAWS / 2.0) < 6 * sqrt(DRAWS / 4.0));
    assert_true(fabs(angle_sum / DRAWS) < 6 * 10.0 / sqrt(3.0 * DRAWS));
    assert_true(angle_most <= 10.0 && angle_most > 9.9);
    /* other seeds and epochs give other draws */
    int same_seed = 0, same_epoch = 0;
    for (uint32_t i = 0; i < 100; i++) {
        const float angle = lb_augment_draw_of(&a, 5, 0, i).angle_degrees;
        same_seed += angle == lb_augment_draw_of(&a, 6, 0, i).angle_degrees;
        same_epoch += angle == lb_augment_draw_of(&a, 5, 1, i).angle_degrees;
    }
    assert_true(same_seed <= 1 && same_epoch <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crops_by_hand),
        cmocka_unit_test(test_all_crops_of_an_odd_image),
        cmocka_unit_test(test_quarter_turns_are_exact),
        cmocka_unit_test(test_rotation_agrees_with_double_precision),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_settings_that_do_not_fit_are_refused),
        cmocka_unit_test(test_normalization),
        cmocka_unit_test(test_the_whole_chain),
        cmocka_unit_test(test_draws_are_uniform_and_reproducible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
