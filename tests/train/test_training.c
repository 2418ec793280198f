/* Whole trainings through the public interface: what they tell and leave behind. */
/* ctest: label tsan */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "lowbit/data.h"
#include "support/tiny_training.h"
#include "train/run.h"

static void a_run_tells_its_epochs_and_result(void **state)
{
    (void)state;
    lb_told t = {0};
    assert_ok(lb_test_train(lb_test_fresh("run"), &t, NULL));
    assert_int_equal(t.n_start, 1);
    assert_int_equal(t.n_epoch, 3);
    assert_int_equal(t.n_result, 1);
    assert_true(t.n_progress >= 3);
    double best = 0.0;
    for (size_t i = 0; i < 3; i++) {
        const lb_event *e = &t.epochs[i];
        assert_int_equal(e->epoch, i + 1);
        assert_int_equal(e->epochs, 3);
        assert_int_equal(e->batches, 6);
        assert_true(e->train_loss > 0.0 && isfinite(e->train_loss) && e->val_loss > 0.0);
        assert_true(e->train_top1 >= 0.0 && e->train_top1 <= 100.0);
        assert_true(e->val_top5 >= e->val_top1 && e->val_top5 <= 100.0);
        assert_true(e->images_per_second > 0.0 && e->seconds > 0.0);
        best = e->val_top1 > best ? e->val_top1 : best;
    }
    assert_true(t.epochs[0].lr == 0.001 && t.epochs[1].lr < 0.001); /* cosine */
    assert_true(t.result.best_top1 == best);
    assert_true(t.epochs[t.result.best_epoch - 1].val_top1 == best);
    assert_true(t.result.last_top1 == t.epochs[2].val_top1);
    assert_string_equal(t.split, "test");
}

static void training_learns(void **state)
{
    (void)state;
    lb_told t = {0};
    assert_ok(
        lb_test_train(lb_test_fresh("run"), &t,
                      PAIRS("method", "float", "abits", "32", "data", "synth-digits:400", "epochs",
                            "6", "width-multiplier", "0.25", "augment", "none", "lr", "0.005")));
    assert_string_equal(t.status, "ok");
    assert_true(t.epochs[5].train_loss < 0.5 * t.epochs[0].train_loss);
    assert_true(t.result.best_top1 > 50.0);
}

/* Weights of a float network after one step of Adam at this rate. */
static void train_one_step(const char *lr, lb_net *net)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", lb_test_fresh("one-step"));
    lb_told t = {0};
    assert_ok(lb_test_train(path, &t,
                            PAIRS("method", "float", "abits", "32", "lr", lr, "schedule",
                                  "constant", "max-seconds", "1e-9")));
    assert_ok(lb_run_build_net(path, net));
}

/* Adam's first step is lr * g / (|g| + 1e-8), whatever the gradient's size: counted from 1, no
 * weight moves by more than lr, and the one of the largest gradient by lr to float's precision. */
static void the_first_step_of_adam_is_the_rate(void **state)
{
    (void)state;
    lb_net before, after;
    train_one_step("0", &before);
    train_one_step("0.25", &after);
    const int p = lb_net_find_param(&before, "fc1.weight");
    assert_true(p >= 0);
    double largest = 0.0;
    for (size_t i = 0; i < before.params[p].count; i++) {
        const double step =
            fabs((double)after.params[p].value[i] - (double)before.params[p].value[i]);
        largest = step > largest ? step : largest;
    }
    /* a gradient of 1e-3 leaves 1e-5 of the rate; the difference of two weights 2^-24 of them */
    assert_true(fabs(largest - 0.25) < 0.25 * 1e-4);
    lb_net_release(&before);
    lb_net_release(&after);
}

static void a_run_folder_holds_no_path_time_or_host(void **state)
{
    (void)state;
    char host[256] = "";
    (void)gethostname(host, sizeof host - 1);
    for (size_t i = 0; i < LB_N_RUN_FILES; i++) {
        uint8_t *data = NULL;
        size_t bytes = 0;
        lb_test_read(lb_test_whole_run(), lb_run_files[i], &data, &bytes);
        for (size_t k = 0; k < bytes; k++) data[k] = data[k] == '\0' ? ' ' : data[k];
        assert_null(strstr((char *)data, "/tmp"));
        assert_null(strstr((char *)data, "lowbit-test-"));
        if (strlen(host) > 3) assert_null(strstr((char *)data, host));
        assert_null(strstr((char *)data, "seconds"));
        lb_free(data);
    }
}

/* The folder of the data is no part of a run: it can move, and be named anew upon resuming. */
static void a_run_keeps_the_name_of_its_data_only(void **state)
{
    (void)state;
    lb_dataset *data = NULL;
    char folder[4096], spec[4200], path[4096];
    (void)snprintf(folder, sizeof folder, "%s", lb_test_fresh("images"));
    (void)snprintf(spec, sizeof spec, "idx:%s", folder);
    (void)snprintf(path, sizeof path, "%s", lb_test_fresh("run"));
    for (int split = LB_SPLIT_TRAIN; split <= LB_SPLIT_TEST; split++) {
        assert_ok(lb_dataset_open("synth-digits:60", (lb_split)split, &data));
        assert_ok(lb_dataset_write_idx(data, folder));
        lb_dataset_close(data);
    }
    lb_told t = {0};
    assert_ok(lb_test_train(path, &t, PAIRS("data", spec, "epochs", "1")));
    for (size_t i = 0; i < LB_N_RUN_FILES; i++) {
        uint8_t *content = NULL;
        size_t bytes = 0;
        lb_test_read(path, lb_run_files[i], &content, &bytes);
        for (size_t k = 0; k < bytes; k++) content[k] = content[k] == '\0' ? ' ' : content[k];
        assert_null(strstr((char *)content, folder));
        lb_free(content);
    }
    t = (lb_told){0};
    assert_ok(lb_test_train(path, &t, PAIRS("data", spec, "epochs", "2", "resume", "yes")));
    assert_int_equal(t.n_epoch, 1);
    assert_status(lb_test_train(path, &t, PAIRS("data", "synth-digits:60", "resume", "yes")),
                  LB_E_ARG);
    assert_contains(lb_error(), "was made with data idx, not synth-digits:60");
}

static void metrics_have_a_row_an_epoch(void **state)
{
    (void)state;
    uint8_t *data = NULL;
    size_t bytes = 0, lines = 0;
    lb_test_read(lb_test_whole_run(), "metrics.csv", &data, &bytes);
    assert_ptr_equal(
        strstr((char *)data,
               "epoch,lr,train_loss,train_top1,val_loss,val_top1,val_top5,mean_val_top1,split\n1,"),
        data);
    for (size_t i = 0; i < bytes; i++) lines += data[i] == '\n';
    assert_int_equal(lines, 4);
    lb_free(data);
}

static void evaluating_the_last_checkpoint_gives_the_last_epochs_figures(void **state)
{
    (void)state;
    lb_told t = {0};
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", lb_test_fresh("run"));
    assert_ok(lb_test_train(path, &t, NULL));
    lb_evaluation e;
    assert_ok(lb_evaluate_run(lb_test_path(path, "last.safetensors"), NULL, &e));
    assert_true(e.top1 == t.epochs[2].val_top1 && e.top5 == t.epochs[2].val_top5 &&
                e.loss == t.epochs[2].val_loss);
    assert_int_equal(e.images, 24);
    assert_ok(lb_evaluate_run(path, NULL, &e)); /* the folder: its best */
    assert_true(e.top1 == t.result.best_top1);
    const lb_evaluate_options color = {.data = "synth-color:50"};
    assert_status(lb_evaluate_run(path, &color, &e), LB_E_SHAPE);
    assert_contains(lb_error(), "3x32x32");
    assert_status(lb_evaluate_run(lb_test_fresh("missing"), NULL, &e), LB_E_IO);
}

static void a_validation_split_takes_the_place_of_the_test_images(void **state)
{
    (void)state;
    lb_told t = {0};
    assert_ok(lb_test_train(lb_test_fresh("run"), &t, PAIRS("val-split", "40")));
    assert_string_equal(t.split, "validation");
    assert_int_equal(t.start.batches, 4); /* 80 of 120 images */
    assert_status(lb_test_train(lb_test_fresh("run"), &t, PAIRS("val-split", "120")), LB_E_ARG);
    assert_contains(lb_error(), "val-split 120");
    assert_status(lb_test_train(lb_test_fresh("run"), &t, PAIRS("val-split", "110")), LB_E_ARG);
    assert_contains(lb_error(), "batch 20, but there are 10 training images");
}

/* ---- results that are not success ------------------------------------------------------------ */

static void a_run_that_diverges_is_a_result(void **state)
{
    (void)state;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", lb_test_fresh("nan"));
    lb_told t = {0};
    assert_ok(lb_test_train(
        path, &t, PAIRS("lr", "1e30", "optimizer", "sgd", "method", "float", "abits", "32")));
    assert_string_equal(t.status, "dnc");
    assert_int_equal(t.n_epoch, 0);
    assert_int_equal(t.result.best_epoch, 0);
    t = (lb_told){0};
    assert_ok(lb_test_resume(path, &t)); /* over is over */
    assert_string_equal(t.status, "dnc");
}

static void a_run_that_learns_nothing_does_not_converge(void **state)
{
    (void)state;
    lb_told t = {0};
    assert_ok(lb_test_train(lb_test_fresh("still"), &t,
                            PAIRS("lr", "0", "model", "mlp", "widths", "4", "epochs", "2")));
    assert_string_equal(t.status, t.result.best_top1 > 15.0 ? "ok" : "dnc");
    assert_true(t.epochs[0].lr == 0.0);
}

/* ---- starting from another run --------------------------------------------------------------- */

/* With a rate of 0 learned values stay what they started from: another run's where quantizer and
 * width are the same, else a first batch's or the weights'. */
static void learned_values_are_kept_where_they_mean_the_same(void)
{
    static const char *const names[] = {"fc1.learned", "fc1.quantize.learned"};
    lb_told t = {0};
    char paths[3][4096];
    lb_net nets[3];
    static const char *const bits[] = {"3", "3", "2"};
    for (size_t k = 0; k < 3; k++) {
        (void)snprintf(paths[k], sizeof paths[k], "%s-%zu", lb_test_fresh("lsq"), k);
        assert_ok(lb_test_train(paths[k], &t,
                                PAIRS("method", "lsq", "wbits", bits[k], "abits", bits[k], "epochs",
                                      "1", "lr", k == 0 ? "0.01" : "0", "init",
                                      k == 0 ? lb_test_whole_run() : paths[0])));
        t = (lb_told){0};
        assert_ok(lb_run_build_net(paths[k], &nets[k]));
    }
    for (size_t i = 0; i < 2; i++) {
        float value[3];
        for (size_t k = 0; k < 3; k++)
            value[k] = nets[k].params[lb_net_find_param(&nets[k], names[i])].value[0];
        if (value[0] != value[1] || value[0] == value[2])
            fail_msg("%s: %g, kept as %g, with fewer bits %g", names[i], (double)value[0],
                     (double)value[1], (double)value[2]);
    }
    for (size_t k = 0; k < 3; k++) lb_net_release(&nets[k]);
}

/* Ternary weights from a float run have 40 % of codes that are not 0; from a ternary run they are as they
 * were. */
static void ternary_weights_adopt_float_ones(void)
{
    lb_told t = {0};
    char paths[2][4096];
    lb_net nets[2];
    for (size_t k = 0; k < 2; k++) {
        (void)snprintf(paths[k], sizeof paths[k], "%s-%zu", lb_test_fresh("ternary"), k);
        assert_ok(lb_test_train(paths[k], &t,
                                PAIRS("method", "ternary", "abits", "32", "epochs", "1", "lr", "0",
                                      "init", k == 0 ? lb_test_whole_run() : paths[0])));
        t = (lb_told){0};
        assert_ok(lb_run_build_net(paths[k], &nets[k]));
    }
    const lb_param *a = &nets[0].params[lb_net_find_param(&nets[0], "fc1.weight")];
    const lb_param *b = &nets[1].params[lb_net_find_param(&nets[1], "fc1.weight")];
    size_t above = 0;
    for (size_t i = 0; i < a->count; i++) {
        above += fabsf(a->value[i]) > 0.5f;
        assert_true(fabsf(a->value[i]) <= 1.0f);
    }
    assert_true(fabs((double)above / (double)a->count - 0.4) < 0.01);
    assert_memory_equal(a->value, b->value, a->count * sizeof *a->value);
    for (size_t k = 0; k < 2; k++) lb_net_release(&nets[k]);
}

static void a_run_can_start_from_another(void **state)
{
    (void)state;
    lb_told t = {0};
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", lb_test_fresh("init"));
    /* with a rate of 0 it stays what it started from; batch-norm's statistics move, and are its
     * own */
    assert_ok(
        lb_test_train(path, &t, PAIRS("init", lb_test_whole_run(), "lr", "0", "epochs", "1")));
    lb_told scratch = {0};
    assert_ok(lb_test_train(lb_test_fresh("scratch"), &scratch, PAIRS("lr", "0", "epochs", "1")));
    assert_true(t.epochs[0].train_loss < scratch.epochs[0].train_loss);

    /* learned scales that the other run does not have start from its weights */
    t = (lb_told){0};
    assert_ok(lb_test_train(lb_test_fresh("ttq"), &t,
                            PAIRS("init", lb_test_path(lb_test_whole_run(), "last.safetensors"),
                                  "method", "ttq", "abits", "32", "epochs", "1")));
    t = (lb_told){0};
    learned_values_are_kept_where_they_mean_the_same();
    ternary_weights_adopt_float_ones();
    t = (lb_told){0};
    assert_status(lb_test_train(lb_test_fresh("wide"), &t,
                                PAIRS("init", lb_test_whole_run(), "width-multiplier", "0.25")),
                  LB_E_FORMAT);
    assert_contains(lb_error(), "is it of another model or block order?");
    assert_status(
        lb_test_train(lb_test_fresh("mlp"), &t, PAIRS("init", lb_test_whole_run(), "model", "mlp")),
        LB_E_FORMAT);
    assert_status(lb_test_train(lb_test_fresh("none"), &t, PAIRS("init", "/nowhere")), LB_E_IO);
    assert_false(lb_path_exists(lb_test_fresh("none"))); /* nothing was begun */
}

/* ---- memory ---------------------------------------------------------------------------------- */

static lb_status train_tiny(void *context)
{
    static const char *const pairs[] = {"data",        "synth-digits:20",
                                        "model",       "mlp",
                                        "widths",      "3",
                                        "batch",       "10",
                                        "epochs",      "1",
                                        "val-split",   "5",
                                        "augment",     "none",
                                        "threads",     "1",
                                        "tensorboard", "yes",
                                        "overwrite",   "yes",
                                        "backend",     "reference",
                                        NULL};
    lb_settings *s = NULL;
    lb_status status = lb_settings_create(&s);
    if (status == LB_OK) status = lb_settings_set(s, "out", context);
    for (size_t i = 0; status == LB_OK && pairs[i] != NULL; i += 2)
        status = lb_settings_set(s, pairs[i], pairs[i + 1]);
    if (status == LB_OK) status = lb_train(s, NULL, NULL);
    lb_settings_destroy(s);
    lb_evaluation e;
    return status == LB_OK ? lb_evaluate_run(context, NULL, &e) : status;
}

static void lack_of_memory_is_an_error(void **state)
{
    (void)state;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", lb_test_fresh("memory"));
    lb_test_every_allocation_failure(train_tiny, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_tells_its_epochs_and_result),
        cmocka_unit_test(training_learns),
        cmocka_unit_test(the_first_step_of_adam_is_the_rate),
        cmocka_unit_test(a_run_folder_holds_no_path_time_or_host),
        cmocka_unit_test(a_run_keeps_the_name_of_its_data_only),
        cmocka_unit_test(metrics_have_a_row_an_epoch),
        cmocka_unit_test(evaluating_the_last_checkpoint_gives_the_last_epochs_figures),
        cmocka_unit_test(a_validation_split_takes_the_place_of_the_test_images),
        cmocka_unit_test(a_run_that_diverges_is_a_result),
        cmocka_unit_test(a_run_that_learns_nothing_does_not_converge),
        cmocka_unit_test(a_run_can_start_from_another),
        cmocka_unit_test(lack_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
