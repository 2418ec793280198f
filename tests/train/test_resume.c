/* The same settings give the same bytes, however often a run is stopped and resumed; what resuming
 * and overwriting refuse. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "support/tiny_training.h"

static void the_same_settings_give_the_same_bytes(void **state)
{
    (void)state;
    char path[4096];
    lb_told t = {0};
    (void)snprintf(path, sizeof path, "%s", lb_test_fresh("again"));
    assert_ok(lb_test_train(path, &t, PAIRS("workers", "2", "checkpoint-seconds", "0.001")));
    lb_test_same_run(path, lb_test_whole_run());
    t = (lb_told){0};
    (void)snprintf(path, sizeof path, "%s", lb_test_fresh("other"));
    assert_ok(lb_test_train(path, &t, PAIRS("seed", "2")));
    uint8_t *a = NULL, *b = NULL;
    size_t n_a = 0, n_b = 0;
    lb_test_read(path, "metrics.csv", &a, &n_a);
    lb_test_read(lb_test_whole_run(), "metrics.csv", &b, &n_b);
    assert_true(n_a != n_b || memcmp(a, b, n_a) != 0); /* another seed is another run */
    lb_free(a);
    lb_free(b);
}

/* Every call is out of time after its first step. */
static void a_run_in_single_steps_is_the_same_run(void **state)
{
    (void)state;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", lb_test_fresh("steps"));
    size_t calls = 0, epochs = 0;
    while (epochs < 3) {
        lb_told t = {0};
        assert_ok(lb_test_train(path, &t, PAIRS("max-seconds", "1e-9", "resume", "yes")));
        assert_int_equal(t.n_result, 1);
        epochs = t.result.epoch;
        assert_true(++calls <= 3 * 7);
    }
    assert_int_equal(calls,
                     3 * 7); /* six steps and an evaluation an epoch: each is a call of its own */
    lb_test_same_run(path, lb_test_whole_run());
}

static void a_stopped_run_goes_on_without_its_settings_repeated(void **state)
{
    (void)state;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", lb_test_fresh("stopped"));
    lb_told t = {.stop_at_start = true};
    assert_status(lb_test_train(path, &t, NULL), LB_E_INTERRUPTED);
    assert_contains(lb_error(), "stopped in epoch 1 after batch 1; --resume goes on");
    assert_int_equal(t.n_result, 0);
    t = (lb_told){.stop_at_epoch = 2};
    assert_status(lb_test_resume(path, &t), LB_E_INTERRUPTED);
    t = (lb_told){0};
    assert_ok(lb_test_resume(path, &t));
    assert_int_equal(t.n_epoch, 1);
    assert_int_equal(t.epochs[0].epoch, 3);
    lb_test_same_run(path, lb_test_whole_run());
    t = (lb_told){0};
    assert_ok(lb_test_resume(path, &t)); /* nothing left to do: the result again */
    assert_int_equal(t.n_epoch, 0);
    assert_int_equal(t.n_result, 1);
    assert_int_equal(t.result.epoch, 3);
    lb_test_same_run(path, lb_test_whole_run());
}

static void resuming_nothing_starts_afresh(void **state)
{
    (void)state;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", lb_test_folder()); /* there, and empty */
    lb_told t = {0};
    assert_ok(lb_test_train(path, &t, PAIRS("resume", "yes")));
    lb_test_same_run(path, lb_test_whole_run());
    (void)snprintf(path, sizeof path, "%s", lb_test_fresh("not/yet/there"));
    t = (lb_told){0};
    assert_ok(lb_test_train(path, &t, PAIRS("resume", "yes")));
    lb_test_same_run(path, lb_test_whole_run());
    /* killed before the first checkpoint: config.json says what was meant */
    assert_int_equal(unlink(lb_test_path(path, "last.safetensors")), 0);
    t = (lb_told){0};
    assert_ok(lb_test_resume(path, &t));
    lb_test_same_run(path, lb_test_whole_run());
}

static void a_resumed_run_keeps_what_defines_it(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *message;
    } cases[] = {
        {"lr", "0.5", "was made with lr 0.001, not 0.5"},
        {"data", "synth-digits:60", "was made with data synth-digits:120, not synth-digits:60"},
        {"wbits", "3", "was made with wbits left open, not 3"},
        {"seed", "3", "was made with seed 1, not 3"},
        {"epochs", "2", "has begun 3 epochs; epochs 2: wanted 3 or more"},
    };
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", lb_test_fresh("kept"));
    lb_told t = {0};
    assert_ok(lb_test_train(path, &t, NULL));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        t = (lb_told){0};
        assert_status(lb_test_train(path, &t, PAIRS("resume", "yes", cases[i].key, cases[i].value)),
                      LB_E_ARG);
        assert_contains(lb_error(), cases[i].message);
        lb_test_same_run(path, lb_test_whole_run());
    }
    t = (lb_told){0};
    assert_ok(lb_test_train(path, &t, PAIRS("resume", "yes", "epochs", "4", "threads", "2")));
    assert_int_equal(t.n_epoch, 1);
    assert_int_equal(t.result.epoch, 4);
}

/* Where its weights came from is not recorded, only their hash: no call begins with others. */
static void a_run_from_another_begins_with_its_weights_only(void **state)
{
    (void)state;
    static const char *const files[] = {"last.safetensors", "best.safetensors", "metrics.csv"};
    char whole[4096], path[4096], other[4096];
    const char *const init = lb_test_whole_run();
    lb_told t = {0};
    (void)snprintf(other, sizeof other, "%s", lb_test_fresh("other-init"));
    assert_ok(lb_test_train(other, &t, PAIRS("seed", "2", "epochs", "1")));
    t = (lb_told){0};
    (void)snprintf(whole, sizeof whole, "%s", lb_test_fresh("from"));
    assert_ok(lb_test_train(whole, &t, PAIRS("init", init, "epochs", "1")));
    t = (lb_told){0};
    (void)snprintf(path, sizeof path, "%s", lb_test_fresh("from-again"));
    assert_ok(lb_test_train(path, &t, PAIRS("init", init, "epochs", "1")));
    assert_status(lb_test_train(path, &t, PAIRS("resume", "yes", "init", other)), LB_E_ARG);
    assert_contains(lb_error(), "was made with another init, not with init");
    assert_status(lb_test_train(path, &t, PAIRS("resume", "yes", "init", "/nowhere")), LB_E_IO);
    assert_status(lb_test_train(other, &t, PAIRS("resume", "yes", "seed", "2", "init", init)),
                  LB_E_ARG);
    assert_contains(lb_error(), "was made with no init, not with init");
    lb_test_same_run(path, whole);
    /* killed before the first checkpoint */
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        assert_int_equal(unlink(lb_test_path(path, files[i])), 0);
    assert_status(lb_test_resume(path, &t), LB_E_ARG);
    assert_contains(lb_error(), "name it again: --init");
    assert_status(lb_test_train(path, &t, PAIRS("resume", "yes", "init", other)), LB_E_ARG);
    t = (lb_told){0};
    assert_ok(lb_test_train(path, &t, PAIRS("resume", "yes", "epochs", "1", "init", init)));
    lb_test_same_run(path, whole);
}

static void an_existing_folder_is_refused(void **state)
{
    (void)state;
    lb_told t = {0};
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", lb_test_fresh("there"));
    assert_ok(lb_test_train(path, &t, NULL));
    t = (lb_told){0};
    assert_status(lb_test_train(path, &t, NULL), LB_E_ARG);
    assert_contains(lb_error(), "exists; --resume goes on with it, --overwrite replaces it");
    assert_int_equal(t.n_start, 0);
    assert_ok(
        lb_test_train(path, &t, PAIRS("overwrite", "yes", "seed", "2", "tensorboard", "yes")));
    t = (lb_told){0};
    assert_ok(lb_test_train(path, &t, PAIRS("overwrite", "yes")));
    assert_int_equal(t.n_epoch, 3);
    lb_test_same_run(path, lb_test_whole_run());
    assert_false(lb_path_exists(lb_test_path(path, "tensorboard/events.out.tfevents.0.lowbit")));
    assert_status(lb_test_train(lb_test_path(path, "metrics.csv"), &t, PAIRS("overwrite", "yes")),
                  LB_E_ARG);
    assert_contains(lb_error(), "not a folder");
}

static void two_trainings_never_write_one_folder(void **state)
{
    (void)state;
    const char *path = lb_test_folder();
    const int other = open(path, O_RDONLY | O_DIRECTORY);
    assert_true(other >= 0 && flock(other, LOCK_EX | LOCK_NB) == 0);
    lb_told t = {0};
    assert_status(lb_test_train(path, &t, PAIRS("resume", "yes")), LB_E_BUSY);
    assert_contains(lb_error(), "another training is writing this run");
    (void)close(other);
    assert_ok(lb_test_train(path, &t, PAIRS("resume", "yes")));
}

static void a_damaged_checkpoint_is_refused(void **state)
{
    (void)state;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", lb_test_fresh("damaged"));
    lb_told t = {0};
    assert_ok(lb_test_train(path, &t, NULL));
    uint8_t *data = NULL;
    size_t bytes = 0;
    lb_test_read(path, "last.safetensors", &data, &bytes);
    lb_test_write(lb_test_path(path, "last.safetensors"), data, bytes / 2);
    assert_status(lb_test_resume(path, &t), LB_E_FORMAT);
    assert_contains(lb_error(), "last.safetensors");
    /* a best checkpoint in the place of the last has no moments */
    lb_free(data);
    lb_test_read(path, "best.safetensors", &data, &bytes);
    lb_test_write(lb_test_path(path, "last.safetensors"), data, bytes);
    assert_status(lb_test_resume(path, &t), LB_E_FORMAT);
    assert_contains(lb_error(), "optimizer/m/");
    lb_free(data);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_settings_give_the_same_bytes),
        cmocka_unit_test(a_run_in_single_steps_is_the_same_run),
        cmocka_unit_test(a_stopped_run_goes_on_without_its_settings_repeated),
        cmocka_unit_test(resuming_nothing_starts_afresh),
        cmocka_unit_test(a_resumed_run_keeps_what_defines_it),
        cmocka_unit_test(a_run_from_another_begins_with_its_weights_only),
        cmocka_unit_test(an_existing_folder_is_refused),
        cmocka_unit_test(two_trainings_never_write_one_folder),
        cmocka_unit_test(a_damaged_checkpoint_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
