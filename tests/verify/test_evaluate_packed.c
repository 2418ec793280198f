/* The figures of a run and of the network packed from it are the same numbers, whatever the loss, the
 * threads and the instruction set. */
#include <string.h>

#include "lowbit/deploy.h"
#include "support/support.h"
#include "support/tiny_training.h"

static void check_same(const char *run, const char *path)
{
    lb_evaluation trained, packed;
    lb_pack_result result;
    assert_ok(lb_pack_run(run, LB_PACK_PLANES, path, &result));
    assert_ok(lb_evaluate_run(run, NULL, &trained));
    for (int threads = 1; threads <= 3; threads++) {
        const lb_evaluate_options options = {.threads = threads,
                                             .isa = threads == 1 ? "scalar" : NULL};
        assert_ok(lb_evaluate_packed(path, &options, &packed));
        assert_true(packed.top1 == trained.top1 && packed.top5 == trained.top5);
        if (packed.loss != trained.loss) {
            fail_msg("loss %a, wanted %a", packed.loss, trained.loss);
        }
        assert_int_equal(packed.images, trained.images);
        assert_true(packed.seconds > 0.0 && trained.seconds > 0.0);
    }
}

static void cross_entropy_is_the_same(void **state)
{
    (void)state;
    check_same(lb_test_whole_run(), lb_test_fresh("a.lbm"));
}

static void squared_hinge_is_the_same(void **state)
{
    (void)state;
    lb_told told = {0};
    const char *run = lb_test_fresh("hinge");
    assert_ok(lb_test_train(run, &told, PAIRS("loss", "squared-hinge", "epochs", "1")));
    check_same(run, lb_test_fresh("hinge.lbm"));
}

static void what_does_not_fit_is_said(void **state)
{
    (void)state;
    lb_evaluation e = {.images = 77};
    lb_pack_result result;
    const char *path = lb_test_fresh("b.lbm");
    assert_ok(lb_pack_run(lb_test_whole_run(), LB_PACK_PLANES, path, &result));
    const lb_evaluate_options colour = {.data = "synth-color:100"}, unknown = {.data = "mnits"};
    assert_status(lb_evaluate_packed(path, &colour, &e), LB_E_SHAPE);
    assert_contains(lb_error(), "3x32x32");
    assert_status(lb_evaluate_packed(path, &unknown, &e), LB_E_ARG);
    assert_status(lb_evaluate_packed("/nowhere.lbm", NULL, &e), LB_E_IO);
    assert_int_equal(e.images, 77);
}

static void kinds_are_told_by_what_a_file_says(void **state)
{
    (void)state;
    lb_pack_result result;
    const char *run = lb_test_whole_run(), *path = lb_test_fresh("looks-like-a-run.safetensors");
    assert_ok(lb_pack_run(run, LB_PACK_PLANES, path, &result));
    assert_int_equal(lb_path_kind_of(path), LB_PATH_PACKED);
    assert_int_equal(lb_path_kind_of(run), LB_PATH_RUN);
    assert_int_equal(lb_path_kind_of(lb_test_path(run, "last.safetensors")), LB_PATH_RUN);
    assert_int_equal(lb_path_kind_of(lb_test_path(run, "config.json")), LB_PATH_OTHER);
    assert_int_equal(lb_path_kind_of("/nowhere.lbm"), LB_PATH_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cross_entropy_is_the_same),
        cmocka_unit_test(squared_hinge_is_the_same),
        cmocka_unit_test(what_does_not_fit_is_said),
        cmocka_unit_test(kinds_are_told_by_what_a_file_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
