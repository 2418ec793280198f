/* Random tiny networks, frozen and run by the oracle, against evaluation in training: every map, bit by
 * bit. `test_freeze_random [COUNT [FIRST]]` checks COUNT networks from number FIRST on. */
#include <stdio.h>
#include <stdlib.h>

#include "freeze/freeze.h"
#include "quant/method.h"
#include "support/freeze_check.h"
#include "support/random_net.h"
#include "support/support.h"

enum { IMAGES = 3, LARGEST_IMAGE = 4 * 9 * 9, MOST_QUANTIZERS = 32, MOST_BITS = 8 };

static uint64_t count = 10000, first;

/* What the networks were like. */
typedef struct tally {
    size_t networks, maps, values, not_finite;
    size_t posts[3], expressions, fallbacks; /* fallbacks: thresholds of 4 bits and more */
    size_t moved;                            /* maps without a training node */
    size_t weights[MOST_QUANTIZERS][MOST_BITS + 1][LB_GRANULARITIES]; /* layers */
    size_t acts[MOST_QUANTIZERS][MOST_BITS + 1];                      /* maps */
} tally;

static void count_quantizers(const lb_net *net, tally *t)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        const lb_node *node = &net->nodes[i];
        const lb_conv *conv = &node->as.conv;
        const lb_quantize *q = &node->as.quantize;
        size_t k = 0;
        if ((node->op == LB_OP_CONV || node->op == LB_OP_LINEAR) && conv->quantizer) {
            while (lb_weight_quantizers[k] != conv->quantizer) k++;
            assert_true(k < MOST_QUANTIZERS);
            t->weights[k][conv->setting.bits][conv->setting.granularity]++;
        } else if (node->op == LB_OP_QUANTIZE) {
            while (lb_act_quantizers[k] != q->quantizer) k++;
            assert_true(k < MOST_QUANTIZERS);
            t->acts[k][q->setting.bits]++;
        }
    }
}

/* Was there every quantizer at every width and granularity? */
static void check_all_occurred(const tally *t)
{
    for (size_t k = 0; lb_weight_quantizers[k]; k++) {
        const lb_weight_quantizer *q = lb_weight_quantizers[k];
        for (int bits = q->bits_min; bits <= q->bits_max; bits++) {
            for (int g = 0; g < LB_GRANULARITIES; g++)
                if (q->granularities >> g & 1u && t->weights[k][bits][g] == 0)
                    fail_msg("no weights of %s, %d bits, granularity %d", q->name, bits, g);
        }
    }
    for (size_t k = 0; lb_act_quantizers[k]; k++) {
        const lb_act_quantizer *q = lb_act_quantizers[k];
        for (int bits = q->bits_min; bits <= q->bits_max; bits++)
            if (t->acts[k][bits] == 0) fail_msg("no activations of %s, %d bits", q->name, bits);
    }
}

static void count_layers(const lb_intnet *frozen, tally *t)
{
    for (size_t i = 0; i < frozen->n_layers; i++) {
        const lb_int_layer *l = &frozen->layers[i];
        t->moved += l->equals[0] == '\0';
        t->expressions += l->op == LB_INT_EXPRESSION;
        if (l->op != LB_INT_CONV) continue;
        t->posts[l->post.kind]++;
        t->fallbacks += l->post.kind == LB_POST_THRESHOLDS && l->map.grid.bits > 3;
    }
}

static void check(uint64_t seed, tally *t)
{
    float images[IMAGES * LARGEST_IMAGE];
    lb_freeze_comparison comparison;
    lb_net net;
    lb_intnet frozen;
    lb_random_net(seed, &net);
    lb_random_net_images(seed, &net, IMAGES, images);
    if (lb_freeze(&net, &frozen) != LB_OK)
        fail_msg("network %llu: not frozen: %s", (unsigned long long)seed, lb_error());
    lb_test_compare_frozen(&net, &frozen, images, IMAGES, &comparison);
    if (comparison.difference[0] != '\0')
        fail_msg("network %llu: %s", (unsigned long long)seed, comparison.difference);
    t->networks++;
    t->maps += comparison.layers;
    t->values += comparison.values;
    t->not_finite += comparison.not_finite;
    count_layers(&frozen, t);
    count_quantizers(&net, t);
    lb_intnet_release(&frozen);
    lb_net_release(&net);
}

static void test_random_networks(void **state)
{
    (void)state;
    tally t = {0};
    for (uint64_t seed = first; seed < first + count; seed++) check(seed, &t);
    printf("%zu networks, %zu maps, %zu values; %zu images left at a map that is not finite\n"
           "convolutions: %zu with steps, %zu with thresholds (%zu of 4 bits and more), %zu "
           "fixed-point; "
           "%zu expressions, %zu maps of moved quantizers\n",
           t.networks, t.maps, t.values, t.not_finite, t.posts[LB_POST_STEPS],
           t.posts[LB_POST_THRESHOLDS], t.fallbacks, t.posts[LB_POST_FIXED_POINT], t.expressions,
           t.moved);
    assert_true(t.not_finite * 50 <= t.networks * IMAGES); /* else little was compared */
    if (count < 1000) return;
    assert_true(t.posts[LB_POST_FIXED_POINT] > 0 && t.fallbacks > 0 && t.moved > 0);
    /* each is drawn in 1 of some 800 layers or more often */
    if (count >= 10000) check_all_occurred(&t);
}

int main(int argc, char **argv)
{
    if (argc > 1) count = strtoull(argv[1], NULL, 10);
    if (argc > 2) first = strtoull(argv[2], NULL, 10);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
