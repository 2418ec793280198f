/* Whole trainings through the public interface, on tiny synthetic data with the reference back
 * end. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "lowbit/train.h"
#include "support/support.h"

enum { MAX_PAIRS = 40, MAX_EPOCHS = 8 };

/* What a training told. */
typedef struct told {
    size_t n_start, n_epoch, n_result, n_progress;
    lb_event start, epochs[MAX_EPOCHS], result; /* texts in them are void by now */
    char status[8], split[16];
    size_t stop_at_epoch; /* call lb_train_stop at that epoch event; 0: never */
    bool stop_at_start;
} told;

static void listen(const lb_event *event, void *user)
{
    told *t = user;
    assert_int_equal(t->n_result, 0); /* the result is the last event */
    switch (event->kind) {
    case LB_EVENT_START:
        t->n_start++;
        t->start = *event;
        if (t->stop_at_start) lb_train_stop();
        break;
    case LB_EVENT_PROGRESS: t->n_progress++; break;
    case LB_EVENT_EPOCH:
        assert_true(t->n_epoch < MAX_EPOCHS);
        t->epochs[t->n_epoch++] = *event;
        if (event->epoch == t->stop_at_epoch) lb_train_stop();
        break;
    case LB_EVENT_RESULT:
        t->n_result++;
        t->result = *event;
        (void)snprintf(t->status, sizeof t->status, "%s", event->status);
        (void)snprintf(t->split, sizeof t->split, "%s", event->split);
        break;
    }
}

static const char *const small[] = {"data",
                                    "synth-digits:120",
                                    "model",
                                    "lenet5",
                                    "width-multiplier",
                                    "0.125",
                                    "method",
                                    "dorefa",
                                    "abits",
                                    "2",
                                    "batch",
                                    "20",
                                    "epochs",
                                    "3",
                                    "threads",
                                    "1",
                                    "backend",
                                    "reference",
                                    NULL};

/* Train with `small`, then these pairs over it, ended by NULL. */
static lb_status train(const char *out, told *t, const char *const *pairs)
{
    lb_settings *s = NULL;
    assert_ok(lb_settings_create(&s));
    assert_ok(lb_settings_set(s, "out", out));
    for (size_t i = 0; small[i] != NULL; i += 2)
        assert_ok(lb_settings_set(s, small[i], small[i + 1]));
    for (size_t i = 0; pairs != NULL && pairs[i] != NULL; i += 2)
        assert_ok(lb_settings_set(s, pairs[i], pairs[i + 1]));
    const lb_status status = lb_train(s, listen, t);
    lb_settings_destroy(s);
    return status;
}

#define PAIRS(...) ((const char *const[]){__VA_ARGS__, NULL})

static lb_status resume(const char *out, told *t)
{
    lb_settings *s = NULL;
    assert_ok(lb_settings_create(&s));
    assert_ok(lb_settings_set(s, "out", out));
    assert_ok(lb_settings_set(s, "resume", "yes"));
    const lb_status status = lb_train(s, listen, t);
    lb_settings_destroy(s);
    return status;
}

static const char *const run_files[] = {"config.json", "metrics.csv", "best.safetensors",
                                        "last.safetensors"};
enum { N_FILES = sizeof run_files / sizeof *run_files };

static void read_file(const char *run, const char *name, uint8_t **data, size_t *bytes)
{
    assert_ok(lb_file_read(lb_test_path(run, name), 1 << 26, data, bytes));
}

static void assert_same_run(const char *a, const char *b)
{
    for (size_t i = 0; i < N_FILES; i++) {
        uint8_t *data[2] = {NULL, NULL};
        size_t bytes[2] = {0, 0};
        read_file(a, run_files[i], &data[0], &bytes[0]);
        read_file(b, run_files[i], &data[1], &bytes[1]);
        if (bytes[0] != bytes[1] || memcmp(data[0], data[1], bytes[0]) != 0) {
            fail_msg("%s of %s and %s differ", run_files[i], a, b);
        }
        lb_free(data[0]);
        lb_free(data[1]);
    }
}

/* The run all others are compared with. */
static const char *whole_run(void)
{
    static char path[4096];
    if (path[0] == '\0') {
        (void)snprintf(path, sizeof path, "%s", lb_test_path(lb_test_folder(), "whole"));
        told t = {0};
        assert_ok(train(path, &t, NULL));
    }
    return path;
}

static const char *fresh(const char *name)
{
    return lb_test_path(lb_test_folder(), name);
}

/* ---- what a run is --------------------------------------------------------------------------- */

static void a_run_tells_its_epochs_and_result(void **state)
{
    (void)state;
    told t = {0};
    assert_ok(train(fresh("run"), &t, NULL));
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
    told t = {0};
    assert_ok(train(fresh("run"), &t,
                    PAIRS("method", "float", "abits", "32", "data", "synth-digits:400", "epochs",
                          "6", "width-multiplier", "0.25", "augment", "none", "lr", "0.005")));
    assert_string_equal(t.status, "ok");
    assert_true(t.epochs[5].train_loss < 0.5 * t.epochs[0].train_loss);
    assert_true(t.result.best_top1 > 50.0);
}

static void a_run_folder_holds_no_path_time_or_host(void **state)
{
    (void)state;
    char host[256] = "";
    (void)gethostname(host, sizeof host - 1);
    for (size_t i = 0; i < N_FILES; i++) {
        uint8_t *data = NULL;
        size_t bytes = 0;
        read_file(whole_run(), run_files[i], &data, &bytes);
        for (size_t k = 0; k < bytes; k++) data[k] = data[k] == '\0' ? ' ' : data[k];
        assert_null(strstr((char *)data, "/tmp"));
        assert_null(strstr((char *)data, "lowbit-test-"));
        if (strlen(host) > 3) assert_null(strstr((char *)data, host));
        assert_null(strstr((char *)data, "seconds"));
        lb_free(data);
    }
}

static void metrics_have_a_row_an_epoch(void **state)
{
    (void)state;
    uint8_t *data = NULL;
    size_t bytes = 0, lines = 0;
    read_file(whole_run(), "metrics.csv", &data, &bytes);
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
    told t = {0};
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", fresh("run"));
    assert_ok(train(path, &t, NULL));
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
    assert_status(lb_evaluate_run(fresh("missing"), NULL, &e), LB_E_IO);
}

static void a_validation_split_takes_the_place_of_the_test_images(void **state)
{
    (void)state;
    told t = {0};
    assert_ok(train(fresh("run"), &t, PAIRS("val-split", "40")));
    assert_string_equal(t.split, "validation");
    assert_int_equal(t.start.batches, 4); /* 80 of 120 images */
    assert_status(train(fresh("run"), &t, PAIRS("val-split", "120")), LB_E_ARG);
    assert_contains(lb_error(), "val-split 120");
    assert_status(train(fresh("run"), &t, PAIRS("val-split", "110")), LB_E_ARG);
    assert_contains(lb_error(), "batch 20, but there are 10 training images");
}

/* ---- determinism and resuming ---------------------------------------------------------------- */

static void the_same_settings_give_the_same_bytes(void **state)
{
    (void)state;
    char path[4096];
    told t = {0};
    (void)snprintf(path, sizeof path, "%s", fresh("again"));
    assert_ok(train(path, &t, PAIRS("workers", "2", "checkpoint-seconds", "0.001")));
    assert_same_run(path, whole_run());
    t = (told){0};
    (void)snprintf(path, sizeof path, "%s", fresh("other"));
    assert_ok(train(path, &t, PAIRS("seed", "2")));
    uint8_t *a = NULL, *b = NULL;
    size_t n_a = 0, n_b = 0;
    read_file(path, "metrics.csv", &a, &n_a);
    read_file(whole_run(), "metrics.csv", &b, &n_b);
    assert_true(n_a != n_b || memcmp(a, b, n_a) != 0); /* another seed is another run */
    lb_free(a);
    lb_free(b);
}

/* Every call is out of time after its first step. */
static void a_run_in_single_steps_is_the_same_run(void **state)
{
    (void)state;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", fresh("steps"));
    size_t calls = 0, epochs = 0;
    while (epochs < 3) {
        told t = {0};
        assert_ok(train(path, &t, PAIRS("max-seconds", "1e-9", "resume", "yes")));
        assert_int_equal(t.n_result, 1);
        epochs = t.result.epoch;
        assert_true(++calls <= 3 * 7);
    }
    assert_int_equal(calls,
                     3 * 7); /* six steps and an evaluation an epoch: each is a call of its own */
    assert_same_run(path, whole_run());
}

static void a_stopped_run_goes_on_without_its_settings_repeated(void **state)
{
    (void)state;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", fresh("stopped"));
    told t = {.stop_at_start = true};
    assert_status(train(path, &t, NULL), LB_E_INTERRUPTED);
    assert_contains(lb_error(), "stopped in epoch 1 after batch 1; --resume goes on");
    assert_int_equal(t.n_result, 0);
    t = (told){.stop_at_epoch = 2};
    assert_status(resume(path, &t), LB_E_INTERRUPTED);
    t = (told){0};
    assert_ok(resume(path, &t));
    assert_int_equal(t.n_epoch, 1);
    assert_int_equal(t.epochs[0].epoch, 3);
    assert_same_run(path, whole_run());
    t = (told){0};
    assert_ok(resume(path, &t)); /* nothing left to do: the result again */
    assert_int_equal(t.n_epoch, 0);
    assert_int_equal(t.n_result, 1);
    assert_int_equal(t.result.epoch, 3);
    assert_same_run(path, whole_run());
}

static void resuming_nothing_starts_afresh(void **state)
{
    (void)state;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", lb_test_folder()); /* there, and empty */
    told t = {0};
    assert_ok(train(path, &t, PAIRS("resume", "yes")));
    assert_same_run(path, whole_run());
    (void)snprintf(path, sizeof path, "%s", fresh("not/yet/there"));
    t = (told){0};
    assert_ok(train(path, &t, PAIRS("resume", "yes")));
    assert_same_run(path, whole_run());
    /* killed before the first checkpoint: config.json says what was meant */
    assert_int_equal(unlink(lb_test_path(path, "last.safetensors")), 0);
    t = (told){0};
    assert_ok(resume(path, &t));
    assert_same_run(path, whole_run());
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
    };
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", fresh("kept"));
    told t = {0};
    assert_ok(train(path, &t, NULL));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        t = (told){0};
        assert_status(train(path, &t, PAIRS("resume", "yes", cases[i].key, cases[i].value)),
                      LB_E_ARG);
        assert_contains(lb_error(), cases[i].message);
        assert_same_run(path, whole_run());
    }
    t = (told){0};
    assert_ok(train(path, &t, PAIRS("resume", "yes", "epochs", "4", "threads", "2")));
    assert_int_equal(t.n_epoch, 1);
    assert_int_equal(t.result.epoch, 4);
}

static void an_existing_folder_is_refused(void **state)
{
    (void)state;
    told t = {0};
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", fresh("there"));
    assert_ok(train(path, &t, NULL));
    t = (told){0};
    assert_status(train(path, &t, NULL), LB_E_ARG);
    assert_contains(lb_error(), "exists; --resume goes on with it, --overwrite replaces it");
    assert_int_equal(t.n_start, 0);
    assert_ok(train(path, &t, PAIRS("overwrite", "yes", "seed", "2", "tensorboard", "yes")));
    t = (told){0};
    assert_ok(train(path, &t, PAIRS("overwrite", "yes")));
    assert_int_equal(t.n_epoch, 3);
    assert_same_run(path, whole_run());
    assert_false(lb_path_exists(lb_test_path(path, "tensorboard/events.out.tfevents.0.lowbit")));
    assert_status(train(lb_test_path(path, "metrics.csv"), &t, PAIRS("overwrite", "yes")),
                  LB_E_ARG);
    assert_contains(lb_error(), "not a folder");
}

static void two_trainings_never_write_one_folder(void **state)
{
    (void)state;
    const char *path = lb_test_folder();
    const int other = open(path, O_RDONLY | O_DIRECTORY);
    assert_true(other >= 0 && flock(other, LOCK_EX | LOCK_NB) == 0);
    told t = {0};
    assert_status(train(path, &t, PAIRS("resume", "yes")), LB_E_ARG);
    assert_contains(lb_error(), "another training is writing this run");
    (void)close(other);
    assert_ok(train(path, &t, PAIRS("resume", "yes")));
}

static void a_damaged_checkpoint_is_refused(void **state)
{
    (void)state;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", fresh("damaged"));
    told t = {0};
    assert_ok(train(path, &t, NULL));
    uint8_t *data = NULL;
    size_t bytes = 0;
    read_file(path, "last.safetensors", &data, &bytes);
    lb_test_write(lb_test_path(path, "last.safetensors"), data, bytes / 2);
    assert_status(resume(path, &t), LB_E_FORMAT);
    assert_contains(lb_error(), "last.safetensors");
    /* a best checkpoint in the place of the last has no moments */
    lb_free(data);
    read_file(path, "best.safetensors", &data, &bytes);
    lb_test_write(lb_test_path(path, "last.safetensors"), data, bytes);
    assert_status(resume(path, &t), LB_E_FORMAT);
    assert_contains(lb_error(), "optimizer/m/");
    lb_free(data);
}

/* ---- results that are not success ------------------------------------------------------------ */

static void a_run_that_diverges_is_a_result(void **state)
{
    (void)state;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", fresh("nan"));
    told t = {0};
    assert_ok(
        train(path, &t, PAIRS("lr", "1e30", "optimizer", "sgd", "method", "float", "abits", "32")));
    assert_string_equal(t.status, "dnc");
    assert_int_equal(t.n_epoch, 0);
    assert_int_equal(t.result.best_epoch, 0);
    t = (told){0};
    assert_ok(resume(path, &t)); /* over is over */
    assert_string_equal(t.status, "dnc");
}

static void a_run_that_learns_nothing_does_not_converge(void **state)
{
    (void)state;
    told t = {0};
    assert_ok(
        train(fresh("still"), &t, PAIRS("lr", "0", "model", "mlp", "widths", "4", "epochs", "2")));
    assert_string_equal(t.status, t.result.best_top1 > 15.0 ? "ok" : "dnc");
    assert_true(t.epochs[0].lr == 0.0);
}

/* ---- starting from another run --------------------------------------------------------------- */

static void a_run_can_start_from_another(void **state)
{
    (void)state;
    told t = {0};
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", fresh("init"));
    /* with a rate of 0 it stays what it started from; batch-norm's statistics move, and are its
     * own */
    assert_ok(train(path, &t, PAIRS("init", whole_run(), "lr", "0", "epochs", "1")));
    told scratch = {0};
    assert_ok(train(fresh("scratch"), &scratch, PAIRS("lr", "0", "epochs", "1")));
    assert_true(t.epochs[0].train_loss < scratch.epochs[0].train_loss);

    /* learned scales that the other run does not have start from its weights */
    t = (told){0};
    assert_ok(train(fresh("ttq"), &t,
                    PAIRS("init", lb_test_path(whole_run(), "last.safetensors"), "method", "ttq",
                          "abits", "32", "epochs", "1")));
    t = (told){0};
    assert_status(train(fresh("wide"), &t, PAIRS("init", whole_run(), "width-multiplier", "0.25")),
                  LB_E_FORMAT);
    assert_contains(lb_error(), "is it another model?");
    assert_status(train(fresh("mlp"), &t, PAIRS("init", whole_run(), "model", "mlp")), LB_E_FORMAT);
    assert_status(train(fresh("none"), &t, PAIRS("init", "/nowhere")), LB_E_IO);
    assert_false(lb_path_exists(fresh("none"))); /* nothing was begun */
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
    (void)snprintf(path, sizeof path, "%s", fresh("memory"));
    lb_test_every_allocation_failure(train_tiny, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_tells_its_epochs_and_result),
        cmocka_unit_test(training_learns),
        cmocka_unit_test(a_run_folder_holds_no_path_time_or_host),
        cmocka_unit_test(metrics_have_a_row_an_epoch),
        cmocka_unit_test(evaluating_the_last_checkpoint_gives_the_last_epochs_figures),
        cmocka_unit_test(a_validation_split_takes_the_place_of_the_test_images),
        cmocka_unit_test(the_same_settings_give_the_same_bytes),
        cmocka_unit_test(a_run_in_single_steps_is_the_same_run),
        cmocka_unit_test(a_stopped_run_goes_on_without_its_settings_repeated),
        cmocka_unit_test(resuming_nothing_starts_afresh),
        cmocka_unit_test(a_resumed_run_keeps_what_defines_it),
        cmocka_unit_test(an_existing_folder_is_refused),
        cmocka_unit_test(two_trainings_never_write_one_folder),
        cmocka_unit_test(a_damaged_checkpoint_is_refused),
        cmocka_unit_test(a_run_that_diverges_is_a_result),
        cmocka_unit_test(a_run_that_learns_nothing_does_not_converge),
        cmocka_unit_test(a_run_can_start_from_another),
        cmocka_unit_test(lack_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
