/* Resizing and cropping: against the definition in double precision, all loops against each other, and a decoded
 * part against the same part of the whole image. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/format/folder_list.h"
#include "data/image_view.h"
#include "support/image_tree.h"

enum { SIDE = 61 };

static uint8_t picture[SIDE * SIDE * LB_PIXEL_BYTES];

static void fill_picture(void)
{
    lb_random random = lb_random_at(3, LB_RANDOM_TEST, 0, 0);
    for (size_t i = 0; i < sizeof picture; i++) picture[i] = (uint8_t)lb_random_below(&random, 256);
}

/* The mean weighted by the triangle, as image_resize.c says it, for one output. */
static double weighted(const lb_resize_axis *rows, const lb_resize_axis *columns, size_t y,
                       size_t x, size_t c)
{
    double sum = 0.0, weights = 0.0;
    const double v = rows->offset + ((double)(rows->first + y) + 0.5) * rows->step;
    const double u = columns->offset + ((double)(columns->first + x) + 0.5) * columns->step;
    for (size_t i = rows->low; i < rows->high; i++) {
        for (size_t j = columns->low; j < columns->high; j++) {
            const double a = 1.0 - fabs((double)i + 0.5 - v) / fmax(1.0, rows->step);
            const double b = 1.0 - fabs((double)j + 0.5 - u) / fmax(1.0, columns->step);
            if (a <= 0.0 || b <= 0.0) continue;
            sum += a * b * (double)picture[(i * SIDE + j) * LB_PIXEL_BYTES + c];
            weights += a * b;
        }
    }
    return sum / weights;
}

static void resize(const lb_resize_axis *rows, const lb_resize_axis *columns, unsigned isa,
                   uint8_t *out)
{
    lb_buffer row_buffer = {0}, column_buffer = {0};
    lb_resize_work work = {.loops = lb_resize_loops_for(isa)};
    lb_taps row_taps, column_taps;
    assert_ok(lb_taps_make(rows, &row_buffer, &row_taps));
    assert_ok(lb_taps_make(columns, &column_buffer, &column_taps));
    for (size_t x = 0; x < column_taps.count; x++) { /* white stays white */
        int32_t sum = 0;
        for (size_t k = 0; k < column_taps.each; k++)
            sum += column_taps.weights[x * column_taps.each + k];
        assert_int_equal(sum, 1 << LB_RESIZE_WEIGHT_BITS);
    }
    /* exactly the pixels that are used, so that the address sanitizer sees others touched */
    const size_t height = row_taps.end - row_taps.begin,
                 width = column_taps.end - column_taps.begin;
    void *part = NULL;
    assert_ok(lb_alloc(height * width, LB_PIXEL_BYTES, "part", &part));
    for (size_t y = 0; y < height; y++) {
        memcpy((uint8_t *)part + y * width * LB_PIXEL_BYTES,
               picture + ((row_taps.begin + y) * SIDE + column_taps.begin) * LB_PIXEL_BYTES,
               width * LB_PIXEL_BYTES);
    }
    const lb_image_rows source = {part, width * LB_PIXEL_BYTES};
    assert_ok(lb_image_resize(&row_taps, &column_taps, &source, &work, out));
    lb_free(part);
    lb_buffer_release(&work.row);
    lb_buffer_release(&row_buffer);
    lb_buffer_release(&column_buffer);
}

static void test_resize_is_the_weighted_mean(void **state)
{
    (void)state;
    static const struct {
        size_t from, to, first, count;
    } cases[] = {{61, 61, 0, 61}, {61, 40, 0, 40},  {61, 40, 7, 19}, {61, 7, 0, 7},
                 {61, 1, 0, 1},   {61, 100, 3, 90}, {5, 33, 0, 33},  {1, 9, 0, 9}};
    const size_t n = sizeof cases / sizeof *cases;
    static uint8_t out[3 * 128 * 128], plain[3 * 128 * 128];
    fill_picture();
    for (size_t k = 0; k < n * n; k++) {
        lb_resize_axis axes[2];
        for (size_t s = 0; s < 2; s++) {
            const size_t i = s == 0 ? k / n : k % n;
            axes[s] = (lb_resize_axis){.step = (double)cases[i].from / (double)cases[i].to,
                                       .first = cases[i].first,
                                       .count = cases[i].count,
                                       .high = cases[i].from};
        }
        const size_t height = axes[0].count, width = axes[1].count;
        resize(&axes[0], &axes[1], LB_ISA_ANY, plain);
        resize(&axes[0], &axes[1], lb_cpu_isa(), out);
        assert_memory_equal(out, plain, 3 * height * width);
        for (size_t i = 0; i < 3 * height * width; i++) {
            const size_t y = i / width % height, x = i % width;
            const double exact = weighted(&axes[0], &axes[1], y, x, i / (height * width));
            assert_true(fabs((double)out[i] - exact) <= 1.0);
        }
    }
}

/* However much it shrinks: a negative weight could leave the range of a byte. */
static void test_no_weight_is_negative(void **state)
{
    (void)state;
    static const size_t sides[] = {61, 129, 1000, 4097, 13001, 16384};
    lb_buffer buffer = {0};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        for (size_t resized = 1; resized <= 64; resized++) {
            const lb_resize_axis axis = {
                .step = (double)sides[i] / (double)resized, .count = resized, .high = sides[i]};
            lb_taps taps;
            assert_ok(lb_taps_make(&axis, &buffer, &taps));
            for (size_t x = 0; x < resized; x++) {
                int32_t sum = 0;
                for (size_t k = 0; k < taps.each; k++) {
                    assert_true(taps.weights[x * taps.each + k] >= 0);
                    sum += taps.weights[x * taps.each + k];
                }
                assert_int_equal(sum, 1 << LB_RESIZE_WEIGHT_BITS);
            }
        }
    }
    lb_buffer_release(&buffer);
}

/* What is not resized is not changed, whatever part of it is taken. */
static void test_identity_is_exact(void **state)
{
    (void)state;
    static uint8_t out[3 * SIDE * SIDE];
    const lb_resize_axis rows = {.step = 1.0, .first = 5, .count = 20, .high = SIDE};
    const lb_resize_axis columns = {.step = 1.0, .first = 11, .count = 31, .high = SIDE};
    fill_picture();
    resize(&rows, &columns, lb_cpu_isa(), out);
    for (size_t i = 0; i < 3 * 20 * 31; i++) {
        const size_t c = i / (20 * 31), y = i / 31 % 20 + 5, x = i % 31 + 11;
        assert_int_equal(out[i], picture[(y * SIDE + x) * LB_PIXEL_BYTES + c]);
    }
}

static void check_parts(const char *path)
{
    uint8_t *file = NULL;
    size_t bytes = 0;
    lb_image_facts facts;
    lb_buffer whole_buffer = {0}, buffer = {0};
    lb_random random = lb_random_at(9, LB_RANDOM_TEST, 0, 0);
    assert_ok(lb_file_read(path, 1 << 26, &file, &bytes));
    assert_ok(lb_image_probe(path, file, bytes, &facts));
    for (size_t d = 1; d <= facts.denominators; d *= 2) {
        const size_t height = (facts.shape.height + d - 1) / d,
                     width = (facts.shape.width + d - 1) / d;
        const lb_image_part whole = {d, 0, 0, width, height};
        lb_image_rows all, rows;
        assert_ok(lb_image_decode_part(path, file, bytes, &whole, &whole_buffer, &all));
        for (int k = 0; k < 12; k++) {
            lb_image_part p = {.denominator = d};
            p.x = lb_random_below(&random, width);
            p.y = lb_random_below(&random, height);
            p.width = 1 + lb_random_below(&random, width - p.x);
            p.height = 1 + lb_random_below(&random, height - p.y);
            assert_ok(lb_image_decode_part(path, file, bytes, &p, &buffer, &rows));
            for (size_t i = 0; i < p.height * p.width; i++) {
                const size_t y = i / p.width, x = i % p.width;
                assert_memory_equal(rows.first + y * rows.stride + x * LB_PIXEL_BYTES,
                                    all.first + (p.y + y) * all.stride + (p.x + x) * LB_PIXEL_BYTES,
                                    3);
            }
        }
    }
    lb_buffer_release(&buffer);
    lb_buffer_release(&whole_buffer);
    lb_free(file);
}

static void test_a_part_is_that_of_the_whole(void **state)
{
    (void)state;
    static const char *const others[] = {"cmyk.jpg",  "grey.jpg",  "progressive.jpg", "rgb.jpg",
                                         "grey1.png", "rgb16.png", "rgba8.png"};
    const char *path = lb_test_path(lb_test_folder(), "part.jpg");
    lb_test_write_jpeg(path, 131, 203, 1);
    check_parts(path);
    const char *source = getenv("LOWBIT_SOURCE");
    for (size_t i = 0; source != NULL && i < sizeof others / sizeof *others; i++) {
        char name[512];
        (void)snprintf(name, sizeof name, "%s/fuzz/corpus/folder/%s", source, others[i]);
        check_parts(name);
    }
}

static void test_a_part_of_real_images(void **state)
{
    (void)state;
    char folder[512], path[LB_PATH_BYTES];
    (void)snprintf(folder, sizeof folder, "%s", lb_test_data("imagenet_sample"));
    lb_name_list names = {0};
    assert_ok(lb_folder_list(folder, false, &names));
    for (size_t i = 0; i < names.n; i += 3) {
        assert_ok(lb_folder_path(folder, names.names[i], path));
        check_parts(path);
    }
    lb_name_list_release(&names);
}

/* Sizes as torchvision has them, the smallest sufficient denominator, boxes inside the image. */
static void test_plans(void **state)
{
    (void)state;
    const lb_image_view view = {.edge = 256, .size = 224},
                        square = {.edge = 256, .square = true, .size = 227};
    const lb_image_facts f = {{3, 375, 500}, 8}, large = {{3, 1536, 2049}, 8};
    lb_crop_draw draw = {.crop = LB_CROP_CENTRE};
    lb_view_plan p;
    assert_ok(lb_view_plan_make(&view, &f, draw, &p)); /* 256 x 341 */
    assert_true(p.denominator == 1 && p.rows.first == 16 && p.columns.first == 58);
    assert_true(p.columns.step == 500.0 / 341.0 && p.rows.step == 375.0 / 256.0);
    assert_ok(lb_view_plan_make(&square, &f, draw, &p));
    assert_true(p.rows.first == 14 && p.columns.first == 14 && p.columns.step == 500.0 / 256.0);
    assert_ok(lb_view_plan_make(&view, &large, draw, &p)); /* 6 times as large: 1/4 is enough */
    assert_true(p.denominator == 4 && p.rows.step == 1.5 && p.columns.high == 513);
    size_t largest = 0;
    for (uint32_t i = 0; i < 500; i++) {
        draw = (lb_crop_draw){LB_CROP_RESIZED, lb_random_at(1, LB_RANDOM_CROP, 0, i)};
        assert_ok(lb_view_plan_make(&view, &f, draw, &p));
        const size_t d = p.denominator, h = p.rows.high - p.rows.low,
                     w = p.columns.high - p.columns.low;
        assert_true(p.rows.high * d <= 375 + d && p.columns.high * d <= 500 + d);
        const double share = (double)(h * w * d * d) / (375.0 * 500.0);
        assert_true(share > 0.07 && share < 1.1);
        if (h * w * d * d > largest) largest = h * w * d * d;
    }
    assert_true(largest > 375 * 500 * 8 / 10);
    const lb_image_facts strip = {{3, 2, 200}, 8};
    assert_status(lb_view_plan_make(&view, &strip, (lb_crop_draw){.crop = LB_CROP_CENTRE}, &p),
                  LB_E_FORMAT);
    assert_int_equal(lb_view_edge(224), 256);
    assert_int_equal(lb_view_edge(227), 256);
    assert_int_equal(lb_view_edge(299), 342);
    assert_int_equal(lb_view_edge(32), 37);
    for (size_t size = 1; size <= 4096; size++) assert_true(lb_view_edge(size) >= size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resize_is_the_weighted_mean),
        cmocka_unit_test(test_no_weight_is_negative),
        cmocka_unit_test(test_identity_is_exact),
        cmocka_unit_test(test_a_part_is_that_of_the_whole),
        cmocka_unit_test(test_a_part_of_real_images),
        cmocka_unit_test(test_plans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
