/* Quantization pruning: what is held stays 0, stages, resuming, refusals. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "support/tiny_training.h"
#include "train/run.h"

#define TERNARY "method", "ternary", "abits", "32"

static double share_of_zeros(const char *run)
{
    lb_run opened;
    assert_ok(lb_run_open(run, &opened));
    size_t zeros = 0, all = 0;
    for (size_t n = 0; n < opened.net.n_nodes; n++) {
        const lb_node *node = &opened.net.nodes[n];
        if (node->op != LB_OP_CONV && node->op != LB_OP_LINEAR) continue;
        const size_t count = opened.net.params[node->as.conv.weight].count;
        void *block = NULL;
        lb_quantized_weights q;
        assert_ok(lb_alloc(lb_quantized_weights_bytes(&opened.net, node), 1, "weights", &block));
        lb_quantized_weights_carve(&opened.net, node, block, &q);
        lb_weights_quantize(&opened.net, (int)n, 0, 0, true, &q);
        for (size_t i = 0; i < count; i++) zeros += q.code[i] == 0;
        all += count;
        lb_free(block);
    }
    lb_run_release(&opened);
    return (double)zeros / (double)all;
}

static void train(const char *name, const char *const *pairs, char path[4096], lb_told *told)
{
    *told = (lb_told){0};
    (void)snprintf(path, 4096, "%s", lb_test_fresh(name));
    assert_ok(lb_test_train(path, told, pairs));
}

/* Two rounds of one epoch each: three epochs, the learning rate starts anew in each, and a weight that was 0 at a
 * round's start is 0 at its end. */
static void rounds_hold_what_is_zero(void **state)
{
    (void)state;
    char plain[4096], pruned[4096];
    lb_told told;
    train("plain", PAIRS(TERNARY, "epochs", "1"), plain, &told);
    const double before = share_of_zeros(plain);
    assert_true(before > 0.2 && before < 0.8);
    train("pruned", PAIRS(TERNARY, "epochs", "1", "prune-rounds", "2"), pruned, &told);
    assert_int_equal(told.n_epoch, 3);
    assert_int_equal(told.result.epoch, 3);
    assert_int_equal(told.result.best_epoch, 3); /* what counts are epochs of the last stage */
    for (size_t e = 0; e < 3; e++) assert_true(told.epochs[e].lr == told.epochs[0].lr);
    assert_true(share_of_zeros(pruned) >= before);
}

static void sigma_says_what_is_held(void **state)
{
    (void)state;
    char path[4096];
    lb_told told;
    double shares[3];
    static const char *const sigmas[] = {"0.3", "0.5", "0.95"};
    for (size_t i = 0; i < 3; i++) {
        train("sigma",
              PAIRS(TERNARY, "option", "eta=0.5", "epochs", "1", "prune-rounds", "1", "prune-sigma",
                    sigmas[i]),
              path, &told);
        shares[i] = share_of_zeros(path);
    }
    assert_true(shares[0] <= shares[1] && shares[1] < shares[2]);
    assert_true(shares[2] > 0.9); /* weights start uniform in (-1, 1) */
}

/* Every call ends after one step: held weights are known again each time. */
static void a_pruned_run_in_single_steps_is_the_same_run(void **state)
{
    (void)state;
    char whole[4096], steps[4096];
    lb_told told;
    train("whole", PAIRS(TERNARY, "epochs", "1", "prune-rounds", "1"), whole, &told);
    (void)snprintf(steps, sizeof steps, "%s", lb_test_fresh("steps"));
    size_t epochs = 0, calls = 0;
    while (epochs < 2) {
        told = (lb_told){0};
        assert_ok(lb_test_train(steps, &told,
                                PAIRS(TERNARY, "epochs", "1", "prune-rounds", "1", "max-seconds",
                                      "1e-9", "resume", "yes")));
        epochs = told.result.epoch;
        assert_true(++calls <= 2 * 7);
    }
    lb_test_same_run(steps, whole);
}

/* L2 on the quantized weights pulls those that are not 0 to 0, and leaves the others. */
static void quantized_decay_makes_more_zeros(void **state)
{
    (void)state;
    char path[4096];
    lb_told told;
    train("light", PAIRS(TERNARY, "lr", "0.01"), path, &told);
    const double light = share_of_zeros(path);
    train("heavy", PAIRS(TERNARY, "lr", "0.01", "quantized-decay", "10"), path, &told);
    assert_true(share_of_zeros(path) > light + 0.05);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    lb_told told = {0};
    assert_status(lb_test_train(lb_test_fresh("binary"), &told, PAIRS("prune-rounds", "1")),
                  LB_E_ARG);
    assert_string_equal(lb_error(), "prune-rounds 1, but no layer has ternary weights; `lowbit "
                                    "methods` lists the ternary methods");
    assert_status(
        lb_test_train(lb_test_fresh("sigma"), &told, PAIRS(TERNARY, "prune-sigma", "0.5")),
        LB_E_ARG);
    assert_string_equal(lb_error(), "prune-sigma has no part without prune-rounds");
    assert_status(lb_test_train(lb_test_fresh("float"), &told,
                                PAIRS("method", "float", "abits", "32", "quantized-decay", "0.1")),
                  LB_E_ARG);
    assert_string_equal(lb_error(), "quantized-decay 0.1 has no part in float weights");
    char path[4096];
    train("epochs", PAIRS(TERNARY, "epochs", "1", "prune-rounds", "1"), path, &told);
    assert_status(
        lb_test_train(path, &told,
                      PAIRS(TERNARY, "epochs", "2", "prune-rounds", "1", "resume", "yes")),
        LB_E_ARG);
    assert_contains(lb_error(),
                    "was made with epochs 1, not 2; a resumed run in stages keeps them");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_hold_what_is_zero),
        cmocka_unit_test(sigma_says_what_is_held),
        cmocka_unit_test(a_pruned_run_in_single_steps_is_the_same_run),
        cmocka_unit_test(quantized_decay_makes_more_zeros),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
