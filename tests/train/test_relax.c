/* Random Partition Relaxation: partitions, a whole run, resuming it step by step, refusals. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/tiny_training.h"
#include "train/checkpoint.h"
#include "train/relax.h"
#include "train/run.h"

enum { N = 1000 };

#define TERNARY "method", "rpr", "abits", "32", "levels", "ternary"
#define SHORT "freezing", "0.5:2,0.75:1x0.5,1:1,1:1x0.1", "epochs", "5"

static size_t sum(const uint8_t *held, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += held[i];
    return count;
}

/* ---- partitions ------------------------------------------------------------------------------ */

static void a_partition_has_its_size_and_is_a_pure_function(void **state)
{
    (void)state;
    static uint8_t a[N], b[N];
    for (size_t m = 0; m <= N; m += 125) {
        lb_draw_partition(7, 3, 2, N, m, a);
        assert_int_equal(sum(a, N), m);
        lb_draw_partition(7, 3, 2, N, m, b);
        assert_memory_equal(a, b, N);
    }
    lb_draw_partition(7, 3, 2, N, 500, a);
    const uint64_t others[][3] = {{8, 3, 2}, {7, 4, 2}, {7, 3, 1}};
    for (size_t i = 0; i < 3; i++) {
        lb_draw_partition(others[i][0], others[i][1], others[i][2], N, 500, b);
        size_t both = 0;
        for (size_t k = 0; k < N; k++) both += a[k] && b[k];
        assert_in_range(both, 200, 300); /* 250 +- 8 if they are independent: 6 of these */
    }
}

/* Each weight is held in about nine of ten epochs, 9000 +- 30 of 10000. */
static void all_weights_are_held_as_often(void **state)
{
    (void)state;
    enum { FEW = 20, EPOCHS = 10000 };
    size_t count[FEW] = {0};
    for (size_t e = 0; e < EPOCHS; e++) {
        uint8_t held[FEW];
        lb_draw_partition(1, e, 0, FEW, 18, held);
        for (size_t i = 0; i < FEW; i++) count[i] += held[i];
    }
    for (size_t i = 0; i < FEW; i++) assert_in_range(count[i], 8820, 9180);
}

/* ---- runs ------------------------------------------------------------------------------------ */

static void train(const char *name, const char *const *pairs, char path[4096], lb_told *told)
{
    *told = (lb_told){0};
    (void)snprintf(path, 4096, "%s", lb_test_fresh(name));
    assert_ok(lb_test_train(path, told, pairs));
}

/* Weights of the middle layer's masters. */
static void read_masters(const char *run, lb_run *out, const lb_param **weight)
{
    assert_ok(lb_run_open(lb_test_path(run, "last.safetensors"), out));
    *weight = &out->net.params[lb_net_find_param(&out->net, "conv2.weight")];
}

static void a_run_follows_its_schedule(void **state)
{
    (void)state;
    char path[4096];
    lb_told told;
    train("schedule", PAIRS(TERNARY, SHORT, "lr", "0.01"), path, &told);
    static const double frozen[] = {0.5, 0.5, 0.75, 1.0, 1.0};
    static const double lr[] = {0.01, 0.01, 0.005, 0.01, 0.001};
    assert_int_equal(told.n_epoch, 5);
    for (size_t e = 0; e < 5; e++) {
        assert_true(told.epochs[e].frozen == frozen[e]);
        assert_true(fabs(told.epochs[e].lr - lr[e]) < 1e-12);
        assert_int_equal(told.epochs[e].epochs, 5);
        const bool same = told.epochs[e].mixed_loss == told.epochs[e].val_loss;
        assert_true(same == (frozen[e] == 1.0)); /* then there is nothing but levels */
    }
    assert_true(told.result.best_epoch >= 4); /* what counts has all weights quantized */
    uint8_t *csv = NULL;
    size_t bytes = 0;
    lb_test_read(path, "metrics.csv", &csv, &bytes);
    assert_contains((const char *)csv, "mean_val_top1,split,frozen,mixed_loss,mixed_top1\n");
    assert_contains((const char *)csv, ",test,0.75,");
    lb_free(csv);
}

/* Without a better epoch for one epoch, 0.5 ends. A learning rate of 0 changes running statistics alone. */
static void a_run_that_gets_no_better_freezes_more(void **state)
{
    (void)state;
    char path[4096];
    lb_told told;
    train(
        "plateau",
        PAIRS(TERNARY, "freezing", "0.5:6,1:1", "freezing-patience", "1", "lr", "0", "epochs", "7"),
        path, &told);
    assert_true(told.n_epoch < 7);
    assert_true(told.epochs[told.n_epoch - 1].frozen == 1.0);
    assert_true(told.epochs[told.n_epoch - 2].frozen == 0.5);
    assert_int_equal(told.result.epoch, told.n_epoch);
    assert_string_equal(told.status, told.result.best_top1 > 15.0 ? "ok" : "dnc");
}

/* With all weights frozen from the start the masters are those that were scaled, and nothing but biases and
 * batch-norm learns; the float network's weights are the masters times their scale. */
static void frozen_weights_never_change(void **state)
{
    (void)state;
    char base[4096], before[4096], after[4096];
    lb_told told;
    train("float", PAIRS("method", "float", "abits", "32", "epochs", "1"), base, &told);
    train("before", PAIRS(TERNARY, "init", base, "freezing", "1:1", "epochs", "1", "lr", "0"),
          before, &told);
    train("after", PAIRS(TERNARY, "init", base, "freezing", "1:1", "epochs", "2", "lr", "0.01"),
          after, &told);
    lb_run runs[3];
    const lb_param *w[3];
    read_masters(base, &runs[0], &w[0]);
    read_masters(before, &runs[1], &w[1]);
    read_masters(after, &runs[2], &w[2]);
    assert_memory_equal(w[1]->value, w[2]->value, w[1]->count * sizeof(float));
    const lb_param *beta[2];
    for (size_t i = 0; i < 2; i++)
        beta[i] = &runs[i + 1].net.params[lb_net_find_param(&runs[i + 1].net, "fc2.norm.beta")];
    assert_memory_not_equal(beta[0]->value, beta[1]->value, beta[0]->count * sizeof(float));
    const size_t filters = w[0]->dims[0], n = w[0]->count / filters;
    for (size_t o = 0; o < filters; o++) { /* one positive factor a filter */
        const float ratio = w[1]->value[o * n] / w[0]->value[o * n];
        assert_true(ratio > 0.0f && ratio != 1.0f);
        for (size_t i = o * n; i < (o + 1) * n; i++)
            assert_float_equal(w[1]->value[i], ratio * w[0]->value[i],
                               1e-5f * fabsf(w[1]->value[i]));
    }
    for (size_t i = 0; i < 3; i++) lb_run_release(&runs[i]);
}

/* The relaxed network of the start is the float one: with next to nothing frozen and lr 0 its loss is that of the
 * float network, whose running statistics an epoch moves as here. */
static void scaling_leaves_the_network_as_it_is(void **state)
{
    (void)state;
    char base[4096], path[4096], same[4096];
    lb_told told, again;
    train("base", PAIRS("method", "float", "abits", "32", "epochs", "2"), base, &told);
    train("same", PAIRS("method", "float", "abits", "32", "epochs", "1", "lr", "0", "init", base),
          same, &again);
    for (int ternary = 0; ternary < 2; ternary++) {
        train("relaxed",
              PAIRS("method", "rpr", "abits", "32", "levels", ternary ? "ternary" : "binary",
                    "freezing", "0.000001:1,1:1", "epochs", "2", "lr", "0", "init", base),
              path, &told);
        /* gamma / sqrt(variance + eps): eps against a variance that scaling changes */
        assert_true(fabs(told.epochs[0].mixed_loss - again.epochs[0].val_loss) < 1e-4);
        assert_true(fabs(told.epochs[0].val_loss - again.epochs[0].val_loss) > 1e-3);
    }
}

/* All of a run but the weights and statistics of one filter of conv2, which are next to nothing. */
static void write_dead_filter(const char *from, const char *path)
{
    enum { FILTER = 1 };
    lb_run run;
    assert_ok(lb_run_open(from, &run));
    uint8_t *config = NULL;
    size_t bytes = 0;
    lb_test_read(from, "config.json", &config, &bytes);
    const lb_param *weight = &run.net.params[lb_net_find_param(&run.net, "conv2.weight")];
    const size_t n = weight->count / weight->dims[0];
    for (size_t i = FILTER * n; i < (FILTER + 1) * n; i++) weight->value[i] *= 1e-25f;
    run.net.params[lb_net_find_param(&run.net, "conv2.norm.mean")].value[FILTER] *= 1e-25f;
    run.net.params[lb_net_find_param(&run.net, "conv2.norm.variance")].value[FILTER] = 0.0f;
    const lb_checkpoint checkpoint = {
        .net = &run.net, .description = (char *)config, .state_name = "best", .state = "{}"};
    assert_ok(lb_checkpoint_write(&checkpoint, path));
    lb_free(config);
    lb_run_release(&run);
}

/* A filter that died in the float network is dead in the relaxed one too, and no loss is NaN. */
static void a_dead_filter_stays_dead(void **state)
{
    (void)state;
    char base[4096], dead[4096], path[4096];
    lb_told told, again;
    train("alive", PAIRS("method", "float", "abits", "32", "epochs", "2"), base, &told);
    (void)snprintf(dead, sizeof dead, "%s.safetensors", lb_test_fresh("dead"));
    write_dead_filter(base, dead);
    train("same", PAIRS("method", "float", "abits", "32", "epochs", "1", "lr", "0", "init", dead),
          path, &again);
    for (int ternary = 0; ternary < 2; ternary++) {
        train("relaxed",
              PAIRS("method", "rpr", "abits", "32", "levels", ternary ? "ternary" : "binary",
                    "freezing", "0.000001:1,1:1", "epochs", "2", "lr", "0", "init", dead),
              path, &told);
        assert_int_equal(told.n_epoch, 2);
        assert_true(fabs(told.epochs[0].mixed_loss - again.epochs[0].val_loss) < 1e-4);
    }
}

/* Every call ends after one step: partitions, moments and the place are known again each time. */
static void a_run_in_single_steps_is_the_same_run(void **state)
{
    (void)state;
    char whole[4096], steps[4096];
    lb_told told;
    train("whole-rpr",
          PAIRS(TERNARY, "freezing", "0.5:2,1:1", "epochs", "3", "freezing-patience", "1"), whole,
          &told);
    const size_t epochs = told.result.epoch;
    (void)snprintf(steps, sizeof steps, "%s", lb_test_fresh("steps"));
    size_t calls = 0;
    for (size_t done = 0; done < epochs; calls++) {
        told = (lb_told){0};
        assert_ok(
            lb_test_train(steps, &told,
                          PAIRS(TERNARY, "freezing", "0.5:2,1:1", "epochs", "3",
                                "freezing-patience", "1", "max-seconds", "1e-9", "resume", "yes")));
        done = told.result.epoch;
        assert_true(calls <= 3 * 7);
    }
    assert_true(calls > 6);
    lb_test_same_run(steps, whole);
}

/* Left open, the run is as long as its schedule; resuming keeps it. */
static void epochs_come_from_the_schedule(void **state)
{
    (void)state;
    char path[4096];
    lb_told told = {0};
    (void)snprintf(path, sizeof path, "%s", lb_test_fresh("open"));
    lb_settings *s = NULL;
    assert_ok(lb_settings_create(&s));
    const char *const pairs[] = {
        "data",    "synth-digits:40", "model", "lenet5",   "width-multiplier", "0.125",   "method",
        "rpr",     "batch",           "20",    "freezing", "0.5:1,1:2",        "threads", "1",
        "backend", "reference",       "out",   path};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i += 2)
        assert_ok(lb_settings_set(s, pairs[i], pairs[i + 1]));
    assert_ok(lb_train(s, NULL, NULL));
    lb_settings_destroy(s);
    uint8_t *config = NULL;
    size_t bytes = 0;
    lb_test_read(path, "config.json", &config, &bytes);
    assert_contains((const char *)config, "\"epochs\": 3,");
    lb_free(config);
    assert_ok(lb_test_resume(path, &told));
    assert_int_equal(told.result.epoch, 3);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *more, *more_value, *message;
    } cases[] = {
        {"freezing", "0.9:3", "lr", "0.1", "the last fraction is 0.9, wanted 1"},
        {"levels", "ternary", "wbits", "1", "levels ternary are weights of 2 bits, not of wbits 1"},
        {"prune-rounds", "1", "lr", "0.1", "prune-rounds 1 has no part in method 'rpr'"},
        {"wbits", "3", "lr", "0.1", "weight quantizer 'rpr' takes 1 to 2 bits, not 3"},
        {"schedule", "step", "lr", "0.1", "schedule has no part in method 'rpr': freezing sets"},
        {"milestones", "1", "lr", "0.1", "milestones has no part in method 'rpr'"},
        {"warmup", "1", "lr", "0.1", "warmup has no part in method 'rpr'"},
    };
    lb_told told = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_status(lb_test_train(lb_test_fresh("refused"), &told,
                                    PAIRS("method", "rpr", "abits", "32", cases[i].key,
                                          cases[i].value, cases[i].more, cases[i].more_value)),
                      LB_E_ARG);
        assert_contains(lb_error(), cases[i].message);
    }
    assert_status(lb_test_train(lb_test_fresh("levels"), &told, PAIRS("levels", "binary")),
                  LB_E_ARG);
    assert_contains(lb_error(), "levels have no part in method 'dorefa'");
    assert_status(lb_test_train(lb_test_fresh("freezing"), &told, PAIRS("freezing", "0.5:1,1:1")),
                  LB_E_ARG);
    assert_contains(lb_error(), "freezing has no part in method 'dorefa': its weights are not");
    char path[4096];
    train("kept", PAIRS(TERNARY, SHORT), path, &told);
    assert_status(
        lb_test_train(path, &told,
                      PAIRS("method", "rpr", "abits", "32", "epochs", "9", "resume", "yes")),
        LB_E_ARG);
    assert_contains(lb_error(), "was made with epochs 5, not 9");
    assert_status(lb_test_train(lb_test_fresh("other"), &told,
                                PAIRS(TERNARY, "init", path, "model", "mlp", "widths", "8,8")),
                  LB_E_FORMAT);
    assert_contains(lb_error(), "is it of another model or block order?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_partition_has_its_size_and_is_a_pure_function),
        cmocka_unit_test(all_weights_are_held_as_often),
        cmocka_unit_test(a_run_follows_its_schedule),
        cmocka_unit_test(a_run_that_gets_no_better_freezes_more),
        cmocka_unit_test(frozen_weights_never_change),
        cmocka_unit_test(scaling_leaves_the_network_as_it_is),
        cmocka_unit_test(a_dead_filter_stays_dead),
        cmocka_unit_test(a_run_in_single_steps_is_the_same_run),
        cmocka_unit_test(epochs_come_from_the_schedule),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
