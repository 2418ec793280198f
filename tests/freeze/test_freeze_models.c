/* Every valid combination of method, model, widths and end policies, frozen and run by the oracle, against
 * evaluation in training. */
#include <stdio.h>
#include <string.h>

#include "freeze/freeze.h"
#include "support/freeze_check.h"
#include "support/model_grid.h"
#include "support/support.h"

enum { IMAGES = 2, LARGEST_IMAGE = 3 * 32 * 32 };

/* Is everything before the last layer with weights to be codes and integer forms? Shortcut sums, average
 * pools before the end (LeNet-5 where its method has them), weights with several scales a filter and float maps keep
 * the expression. */
static bool wants_integers(const lb_grid_case *c)
{
    const lb_quant_config *q = &c->request.quant;
    if (q->first != LB_END_8BIT || !q->weights || !q->acts) return false;
    if (q->weights->asymmetric || q->weights->stochastic) return false;
    if (q->weight_setting.granularity >= LB_PER_ROW) return false;
    if (strcmp(c->request.name, "lenet5") == 0) return q->lenet_pool == LB_POOL_MAX;
    return strcmp(c->request.name, "vgg7") == 0 || strcmp(c->request.name, "squeezenet") == 0;
}

static void check_integers(const lb_grid_case *c, const lb_intnet *frozen)
{
    size_t last = frozen->n_layers;
    do last--;
    while (frozen->layers[last].op != LB_INT_CONV);
    for (size_t i = 0; i < last; i++) {
        const lb_int_layer *l = &frozen->layers[i];
        if (!l->map.coded) fail_msg("%s: layer '%s': a float map", c->name, l->name);
        const bool computes = l->op == LB_INT_CONV || l->op == LB_INT_EXPRESSION;
        if (computes && l->post.kind == LB_POST_STEPS)
            fail_msg("%s: layer '%s': float steps", c->name, l->name);
    }
    assert_true(lb_int_layer_is_integer(frozen, last));
}

/* How often a layer of 4 bits and more has no fixed-point form, and what it all was. */
typedef struct tally {
    size_t networks, integer_networks, maps, values, not_finite, fixed, fallbacks;
} tally;

static void count_posts(const lb_intnet *frozen, tally *t)
{
    for (size_t i = 0; i < frozen->n_layers; i++) {
        const lb_int_layer *l = &frozen->layers[i];
        if (l->op != LB_INT_CONV) continue;
        t->fixed += l->post.kind == LB_POST_FIXED_POINT;
        t->fallbacks += l->post.kind == LB_POST_THRESHOLDS && l->map.grid.bits > 3;
    }
}

static void check(const lb_grid_case *c, tally *t)
{
    static float images[IMAGES * LARGEST_IMAGE];
    lb_freeze_comparison comparison;
    lb_net net;
    lb_intnet frozen;
    lb_grid_build(c, &net);
    lb_grid_images(c, &net, IMAGES, images);
    if (lb_freeze(&net, &frozen) != LB_OK) fail_msg("%s: not frozen: %s", c->name, lb_error());
    lb_test_compare_frozen(&net, &frozen, images, IMAGES, &comparison);
    if (comparison.difference[0] != '\0') fail_msg("%s: %s", c->name, comparison.difference);
    if (wants_integers(c)) {
        check_integers(c, &frozen);
        t->integer_networks++;
    }
    t->networks++;
    t->maps += comparison.layers;
    t->values += comparison.values;
    t->not_finite += comparison.not_finite;
    count_posts(&frozen, t);
    lb_intnet_release(&frozen);
    lb_net_release(&net);
}

static void test_every_combination(void **state)
{
    (void)state;
    lb_grid_case c = {0};
    tally t = {0};
    while (lb_grid_next(&c)) check(&c, &t);
    printf("%zu networks (%zu of integers only), %zu maps, %zu values; %zu layers with fixed-point "
           "products, "
           "%zu of 4 bits and more with thresholds\n",
           t.networks, t.integer_networks, t.maps, t.values, t.fixed, t.fallbacks);
    assert_int_equal(t.not_finite, 0);
    assert_int_equal(t.integer_networks, 114);
    lb_grid_check_whole(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_combination)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
