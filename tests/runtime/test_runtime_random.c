/* Random training networks, frozen and run by the runtime, against evaluation in training: every map that
 * equals a node's, bit by bit. `test_runtime_random [COUNT [FIRST]]` checks COUNT networks from number
 * FIRST on. ctest: timeout 900 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cpu.h"
#include "freeze/freeze.h"
#include "nn/evaluate.h"
#include "runtime/packed.h"
#include "support/random_net.h"
#include "support/runtime_check.h"
#include "support/support.h"

enum { LARGEST_IMAGE = 4 * 9 * 9, CLASSES_MAX = 64 };

static uint64_t count = 10000, first;

typedef struct tally {
    size_t networks, maps, values, not_finite;
} tally;

/* One network, evaluated. */
typedef struct example {
    uint64_t seed;
    lb_net net;
    lb_intnet frozen;
    lb_evaluator *evaluator;
    float image[LARGEST_IMAGE];
} example;

static void make(uint64_t seed, example *e)
{
    float logits[CLASSES_MAX];
    const lb_evaluator_options options = {
        .batch = 1, .threads = 1, .keep_maps = true, .isa = lb_cpu_isa()};
    e->seed = seed;
    lb_random_net(seed, &e->net);
    lb_random_net_images(seed, &e->net, 1, e->image);
    assert_true(e->net.classes <= CLASSES_MAX);
    if (lb_freeze(&e->net, &e->frozen) != LB_OK)
        fail_msg("network %llu: not frozen: %s", (unsigned long long)seed, lb_error());
    assert_ok(lb_evaluator_create(&e->net, &options, &e->evaluator));
    lb_evaluator_freeze(e->evaluator);
    lb_evaluator_run(e->evaluator, e->image, 1, logits);
}

static void release(example *e)
{
    lb_evaluator_destroy(e->evaluator);
    lb_intnet_release(&e->frozen);
    lb_net_release(&e->net);
}

/* false: the map is not finite, and what follows is undefined. */
static bool check_map(const example *e, const lb_context *context, const char *isa, size_t layer,
                      tally *t)
{
    const lb_int_layer *l = &e->frozen.layers[layer];
    if (l->equals[0] == '\0') return true;
    const size_t n = l->map.shape.c * l->map.shape.h * l->map.shape.w;
    float *want = NULL, *got = NULL;
    bool finite = true;
    assert_ok(lb_alloc(n, sizeof *want, "test", (void **)&want));
    assert_ok(lb_alloc(n, sizeof *got, "test", (void **)&got));
    assert_true(lb_evaluator_copy_map(e->evaluator, lb_net_find_node(&e->net, l->equals), want));
    assert_ok(lb_context_copy_map(context, layer, got));
    for (size_t i = 0; i < n && finite; i++) {
        finite = isfinite(want[i]);
        if (finite && got[i] != want[i])
            fail_msg("network %llu, %s: layer %zu '%s', value %zu: %a, wanted %a",
                     (unsigned long long)e->seed, isa, layer, l->name, i, (double)got[i],
                     (double)want[i]);
    }
    t->maps += finite;
    t->values += finite ? n : 0;
    t->not_finite += !finite;
    lb_free(want);
    lb_free(got);
    return finite;
}

static void check(example *e, const char *isa, int threads, tally *t)
{
    const lb_packed_options opening = {.isa = isa};
    const lb_context_options options = {.threads = threads, .keep_maps = true};
    float logits[CLASSES_MAX];
    lb_packed *packed = NULL;
    lb_context *context = NULL;
    assert_ok(lb_packed_create(&e->frozen, &opening, &packed));
    assert_ok(lb_context_create(packed, &options, &context));
    lb_context_run(context, e->image, 1, logits);
    for (size_t i = 0; i < e->frozen.n_layers; i++)
        if (!check_map(e, context, isa, i, t)) break;
    lb_context_destroy(context);
    lb_packed_close(packed);
}

static void test_random_networks(void **state)
{
    (void)state;
    tally t = {0};
    static example e;
    for (uint64_t seed = first; seed < first + count; seed++) {
        make(seed, &e);
        size_t n = 0;
        for (const char *const *isa = lb_test_isas(); *isa; isa++)
            check(&e, *isa, seed % 16 == n++ ? 2 : 1, &t);
        t.networks++;
        release(&e);
    }
    print_message("%zu networks: %zu maps, %zu values equal; %zu times not finite\n", t.networks,
                  t.maps, t.values, t.not_finite);
    assert_true(t.maps > 3 * t.networks);
}

int main(int argc, char **argv)
{
    if (argc > 1) count = strtoull(argv[1], NULL, 10);
    if (argc > 2) first = strtoull(argv[2], NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
