/* Random integer networks on the runtime against the oracle: every map, on every instruction set, with one
 * to three threads, one image and several. `test_runtime_networks [COUNT [FIRST]]` checks COUNT networks
 * from number FIRST on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/packed.h"
#include "support/plain_intnet.h"
#include "support/random_intnet.h"
#include "support/runtime_check.h"
#include "support/support.h"

enum { IMAGES = 3, LARGEST_IMAGE = 4 * 9 * 9, CLASSES_MAX = 8 };

static uint64_t count = 1000, first;

/* One network with images and what the oracle makes of them. */
typedef struct example {
    uint64_t seed;
    lb_intnet net;
    size_t image_values;
    float images[IMAGES * LARGEST_IMAGE];
    uint8_t pixels[IMAGES * LARGEST_IMAGE];
    lb_plain_maps maps[IMAGES];
} example;

static void make(uint64_t seed, example *e)
{
    e->seed = seed;
    lb_random_intnet(seed, &e->net);
    const lb_shape s = e->net.layers[0].map.shape;
    e->image_values = s.c * s.h * s.w;
    assert_true(e->image_values <= LARGEST_IMAGE && e->net.classes <= CLASSES_MAX);
    for (size_t i = 0; i < IMAGES; i++) {
        float *image = e->images + i * e->image_values;
        lb_random_intnet_image(seed * IMAGES + i, &e->net, image, e->pixels + i * e->image_values);
        lb_plain_run(&e->net, image, &e->maps[i]);
    }
}

static void release(example *e)
{
    for (size_t i = 0; i < IMAGES; i++) lb_plain_release(&e->maps[i]);
    lb_intnet_release(&e->net);
}

static void compare(const example *e, const char *isa, int threads, size_t image, size_t layer,
                    const float *got, const float *want, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (lb_test_same_value(got[i], want[i])) continue;
        fail_msg("network %llu, %s, %d threads: image %zu, layer %zu (op %d), value %zu: %a, "
                 "wanted %a",
                 (unsigned long long)e->seed, isa, threads, image, layer,
                 (int)e->net.layers[layer].op, i, (double)got[i], (double)want[i]);
    }
}

/* Every map of one image. */
static void check_maps(const example *e, const lb_packed *packed, const char *isa, int threads)
{
    const lb_context_options options = {.threads = threads, .keep_maps = true};
    lb_context *context = NULL;
    float logits[CLASSES_MAX];
    assert_ok(lb_context_create(packed, &options, &context));
    lb_context_run(context, e->images, 1, logits);
    for (size_t i = 0; i < e->net.n_layers; i++) {
        const lb_shape s = e->net.layers[i].map.shape;
        float *values = NULL;
        assert_ok(lb_alloc(s.c * s.h * s.w, sizeof *values, "test", (void **)&values));
        assert_ok(lb_context_copy_map(context, i, values));
        compare(e, isa, threads, 0, i, values, e->maps[0].value[i], s.c * s.h * s.w);
        lb_free(values);
    }
    lb_context_destroy(context);
}

/* Logits of all images, and of the first one, in maps that share memory. */
static void check_logits(const example *e, const lb_packed *packed, const char *isa, int threads)
{
    const lb_context_options options = {.threads = threads};
    const size_t last = e->net.n_layers - 1, classes = e->net.classes;
    lb_context *context = NULL;
    float logits[IMAGES * CLASSES_MAX];
    assert_ok(lb_context_create(packed, &options, &context));
    for (int way = 0; way < 3; way++) {
        const size_t n = way == 1 ? 1 : IMAGES;
        memset(logits, 0xff, sizeof logits);
        if (way < 2)
            lb_context_run(context, e->images, n, logits);
        else if (e->net.input.raw)
            lb_context_run_pixels(context, e->pixels, n, logits);
        else
            continue;
        for (size_t i = 0; i < n; i++)
            compare(e, isa, threads, i, last, logits + i * classes, e->maps[i].value[last],
                    classes);
    }
    lb_context_destroy(context);
}

/* Kernels for sparse weights are chosen by the weights: do the networks have such? */
typedef struct sparse_layers {
    size_t integer, by_input, by_rows;
} sparse_layers;

static void count_sparse(const lb_packed *packed, sparse_layers *n)
{
    for (size_t i = 0; i < packed->net.n_layers; i++) {
        const lb_layer_plan *plan = &packed->layers[i];
        n->integer += strcmp(plan->info.kernel, "sparse portable") == 0;
        n->by_input += strcmp(plan->info.kernel, "sparse floats portable") == 0;
        n->by_rows += !plan->integer && plan->sparse_conv.starts != NULL;
    }
}

static void test_random_networks(void **state)
{
    (void)state;
    static example e;
    sparse_layers sparse = {0};
    size_t runs = 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        make(seed, &e);
        for (const char *const *isa = lb_test_isas(); *isa; isa++) {
            const lb_packed_options options = {.isa = *isa};
            lb_packed *packed = NULL;
            assert_ok(lb_packed_create(&e.net, &options, &packed));
            count_sparse(packed, &sparse);
            const int threads = 1 + (int)((seed + runs) % 3);
            check_maps(&e, packed, *isa, threads);
            check_logits(&e, packed, *isa, 1 + threads % 3);
            lb_packed_close(packed);
            runs++;
        }
        release(&e);
    }
    print_message(
        "%llu networks, %zu runs; sparse layers: %zu of integers, %zu of floats by input, "
        "%zu by rows\n",
        (unsigned long long)count, runs, sparse.integer, sparse.by_input, sparse.by_rows);
    if (count < 1000) return;
    assert_true(sparse.integer > 0 && sparse.by_input > 0 && sparse.by_rows > 0);
}

/* Layers split among threads as if they were large: rows, filters, and what follows sums. */
static void test_shared_layers(void **state)
{
    (void)state;
    enum { NETWORKS = 300 };
    static example e;
    for (uint64_t seed = first; seed < first + NETWORKS; seed++) {
        make(seed, &e);
        lb_packed *packed = NULL;
        assert_ok(lb_packed_create(&e.net, NULL, &packed));
        for (size_t i = 0; i < e.net.n_layers; i++)
            packed->layers[i].cost_ns = 1e9; /* everything is worth sharing */
        check_maps(&e, packed, "best", 2 + (int)(seed % 4));
        check_logits(&e, packed, "best", 2 + (int)(seed % 4));
        lb_packed_close(packed);
        release(&e);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) count = strtoull(argv[1], NULL, 10);
    if (argc > 2) first = strtoull(argv[2], NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_networks),
        cmocka_unit_test(test_shared_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
