/* Random tiny networks, frozen and run by the oracle, against evaluation in training: every map, bit by
 * bit. `test_freeze_random [COUNT [FIRST]]` checks COUNT networks from number FIRST on. */
#include <stdio.h>
#include <stdlib.h>

#include "freeze/freeze.h"
#include "support/freeze_check.h"
#include "support/random_net.h"
#include "support/support.h"

enum { IMAGES = 3, LARGEST_IMAGE = 4 * 9 * 9 };

static uint64_t count = 10000, first;

/* What the networks were like. */
typedef struct tally {
    size_t networks, maps, values, not_finite;
    size_t posts[3], expressions, fallbacks; /* fallbacks: thresholds of 4 bits and more */
    size_t moved;                            /* maps without a training node */
} tally;

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
}

int main(int argc, char **argv)
{
    if (argc > 1) count = strtoull(argv[1], NULL, 10);
    if (argc > 2) first = strtoull(argv[2], NULL, 10);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
