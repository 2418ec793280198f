/* A trained run as a packed file: what is in it, and what pack says of it. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "freeze/freeze.h"
#include "lowbit/deploy.h"
#include "support/support.h"
#include "support/tiny_training.h"

/* The tiny run: LeNet-5 at 1/8 width (3, 6, 63, 31, 10 outputs), DoReFa W1A2, float ends. */
static void test_what_pack_says(void **state)
{
    (void)state;
    const char *path = lb_test_fresh("net.lbm");
    lb_pack_result r;
    lb_intnet net;
    assert_ok(lb_pack_run(lb_test_whole_run(), LB_PACK_PLANES, path, &r));
    assert_ok(lb_intnet_open(path, &net));
    assert_string_equal(net.title, "lenet5, dorefa W1A2");
    assert_int_equal(net.classes, 10);
    assert_null(net.class_names); /* synthetic digits have none */
    assert_false(net.input.raw);
    assert_true(net.input.std[0] > 0.0f && net.input.std[0] < 1.0f);

    const double float_weights = 3 * 25 + 10 * 31,
                 binary_weights = 6 * 3 * 25 + 63 * 6 * 16 + 31 * 63;
    const size_t norms = 2 * 3 + 4 * (6 + 63 + 31); /* the first one has no affine part */
    assert_int_equal(r.layers_with_weights, 5);
    assert_int_equal(r.integer_layers, 3);
    assert_true(r.code_bytes == 4.0 * float_weights + binary_weights / 8.0);
    assert_int_equal(r.float_bytes, 4 * (float_weights + binary_weights + (double)norms));
    assert_int_equal(r.thresholds, 63 * 3); /* fc1's; pools of averages and float ends have none */
    lb_file_map map;
    assert_ok(lb_file_map_open(path, &map));
    assert_int_equal(r.file_bytes, map.bytes);
    assert_true(r.compression == (double)r.float_bytes / (double)r.file_bytes);
    lb_file_map_close(&map);
    lb_intnet_release(&net);
}

static void test_the_same_run_gives_the_same_bytes(void **state)
{
    (void)state;
    const char *paths[2];
    lb_file_map maps[2];
    for (size_t i = 0; i < 2; i++) {
        lb_pack_result r;
        paths[i] = lb_test_fresh("net.lbm");
        assert_ok(lb_pack_run(lb_test_whole_run(), LB_PACK_PLANES, paths[i], &r));
        assert_ok(lb_file_map_open(paths[i], &maps[i]));
    }
    assert_int_equal(maps[0].bytes, maps[1].bytes);
    assert_memory_equal(maps[0].data, maps[1].data, maps[0].bytes);
    for (size_t i = 0; i < 2; i++) lb_file_map_close(&maps[i]);
}

/* Classes are called what the data set calls them; of a data set unknown here they have no names. */
static void test_class_names(void **state)
{
    (void)state;
    lb_run run;
    lb_intnet net;
    assert_ok(lb_run_open(lb_test_whole_run(), &run));
    assert_ok(lb_settings_set(run.settings, "data", "fashion-mnist"));
    assert_ok(lb_freeze_run(&run, &net));
    assert_string_equal(net.class_names[0], "T-shirt/top");
    lb_intnet_release(&net);
    assert_ok(lb_settings_set(run.settings, "data", "data-of-another-day"));
    assert_ok(lb_freeze_run(&run, &net));
    assert_null(net.class_names);
    lb_intnet_release(&net);
    lb_run_release(&run);
}

static void test_failures_write_nothing(void **state)
{
    (void)state;
    const char *path = lb_test_fresh("net.lbm");
    lb_pack_result r;
    assert_status(lb_pack_run(lb_test_path(lb_test_folder(), "no-run"), LB_PACK_PLANES, path, &r),
                  LB_E_IO);
    assert_false(lb_path_exists(path));
    assert_status(lb_pack_run(lb_test_whole_run(), LB_PACK_PLANES,
                              lb_test_path("/no-such-folder", "net.lbm"), &r),
                  LB_E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_pack_says),
        cmocka_unit_test(test_the_same_run_gives_the_same_bytes),
        cmocka_unit_test(test_class_names),
        cmocka_unit_test(test_failures_write_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
