#include "support/tiny_training.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

static void listen(const lb_event *event, void *user)
{
    lb_told *t = user;
    assert_int_equal(t->n_result, 0); /* the result is the last event */
    switch (event->kind) {
    case LB_EVENT_START:
        t->n_start++;
        t->start = *event;
        if (t->stop_at_start) lb_train_stop();
        break;
    case LB_EVENT_PROGRESS: t->n_progress++; break;
    case LB_EVENT_EPOCH:
        assert_true(t->n_epoch < LB_TOLD_EPOCHS);
        t->epochs[t->n_epoch++] = *event;
        if (event->epoch == t->stop_at_epoch) lb_train_stop();
        break;
    case LB_EVENT_RESULT:
        t->n_result++;
        t->result = *event;
        (void)snprintf(t->status, sizeof t->status, "%s", event->status);
        (void)snprintf(t->split, sizeof t->split, "%s", event->split);
        break;
    case LB_EVENT_UNREADABLE: break;
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
lb_status lb_test_train(const char *out, lb_told *t, const char *const *pairs)
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

lb_status lb_test_resume(const char *out, lb_told *t)
{
    lb_settings *s = NULL;
    assert_ok(lb_settings_create(&s));
    assert_ok(lb_settings_set(s, "out", out));
    assert_ok(lb_settings_set(s, "resume", "yes"));
    const lb_status status = lb_train(s, listen, t);
    lb_settings_destroy(s);
    return status;
}

const char *const lb_run_files[LB_N_RUN_FILES] = {"config.json", "metrics.csv", "best.safetensors",
                                                  "last.safetensors"};

void lb_test_read(const char *run, const char *name, uint8_t **data, size_t *bytes)
{
    assert_ok(lb_file_read(lb_test_path(run, name), 1 << 26, data, bytes));
}

void lb_test_same_run(const char *a, const char *b)
{
    for (size_t i = 0; i < LB_N_RUN_FILES; i++) {
        uint8_t *data[2] = {NULL, NULL};
        size_t bytes[2] = {0, 0};
        lb_test_read(a, lb_run_files[i], &data[0], &bytes[0]);
        lb_test_read(b, lb_run_files[i], &data[1], &bytes[1]);
        if (bytes[0] != bytes[1] || memcmp(data[0], data[1], bytes[0]) != 0) {
            fail_msg("%s of %s and %s differ", lb_run_files[i], a, b);
        }
        lb_free(data[0]);
        lb_free(data[1]);
    }
}

/* The run all others are compared with. */
const char *lb_test_whole_run(void)
{
    static char path[4096];
    if (path[0] == '\0') {
        (void)snprintf(path, sizeof path, "%s", lb_test_path(lb_test_folder(), "whole"));
        lb_told t = {0};
        assert_ok(lb_test_train(path, &t, NULL));
    }
    return path;
}

const char *lb_test_fresh(const char *name)
{
    return lb_test_path(lb_test_folder(), name);
}
