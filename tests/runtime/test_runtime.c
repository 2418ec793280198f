/* The public interface of the runtime: what it tells, what it refuses, that running allocates nothing and
 * that images are normalized as in training. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/random.h"
#include "data/augment.h"
#include "runtime/packed.h"
#include "support/plain_intnet.h"
#include "support/random_intnet.h"
#include "support/runtime_check.h"
#include "support/support.h"
#include "support/tiny_intnet.h"

enum { VALUES = 2 * 6 * 6, CLASSES = 3, IMAGES = 5 };

/* The tiny network as a file. */
static const char *tiny_file(bool raw)
{
    lb_intnet net;
    const char *path = lb_test_path(lb_test_folder(), raw ? "raw.lbm" : "tiny.lbm");
    lb_test_tiny_intnet(raw, &net);
    assert_ok(lb_intnet_write(&net, path));
    lb_intnet_release(&net);
    return path;
}

/* A copy of a file that a sanitizer sees the ends of, `offset` bytes past an aligned address. */
static uint8_t *file_in_memory(const char *path, size_t offset, size_t *n, uint8_t **block)
{
    uint8_t *data = NULL;
    assert_ok(lb_file_read(path, 1 << 20, &data, n));
    *block = malloc(*n + offset);
    assert_non_null(*block);
    memcpy(*block + offset, data, *n);
    lb_free(data);
    return *block + offset;
}

static void random_pixels(size_t n, uint8_t *pixels)
{
    lb_random r = lb_random_at(5, LB_RANDOM_TEST, 0, 0);
    for (size_t i = 0; i < n; i++) pixels[i] = (uint8_t)lb_random_below(&r, 256);
}

/* Images of these pixels as the data loader gives them. */
static void normalize(const lb_packed_info *info, size_t n, const uint8_t *pixels, float *images)
{
    const lb_image_shape shape = {info->channels, info->height, info->width};
    lb_normalization normalization = {.raw_codes = info->raw_pixels};
    for (size_t c = 0; c < info->channels && !info->raw_pixels; c++) {
        normalization.mean[c] = info->mean[c];
        normalization.std[c] = info->std[c];
    }
    lb_augmenter augmenter;
    const lb_augment none = {0};
    uint8_t workspace[4096];
    assert_ok(lb_augmenter_init(&augmenter, shape, &none, &normalization, 1));
    assert_true(lb_augmenter_workspace_bytes(&augmenter) <= sizeof workspace);
    for (size_t i = 0; i < n; i++)
        lb_augmenter_run(&augmenter, 0, (uint32_t)i, pixels + i * VALUES, workspace,
                         images + i * VALUES);
}

static void check_file(bool raw)
{
    lb_packed *packed = NULL;
    lb_packed_info info;
    uint8_t pixels[IMAGES * VALUES];
    float images[IMAGES * VALUES], a[IMAGES * CLASSES], b[IMAGES * CLASSES];
    assert_ok(lb_packed_open(tiny_file(raw), NULL, &packed));
    lb_packed_get_info(packed, &info);
    assert_string_equal(info.title, "tiny, every kind of layer");
    assert_int_equal(info.channels * info.height * info.width, VALUES);
    assert_int_equal(info.classes, CLASSES);
    assert_int_equal(info.layers, LB_TINY_LAYERS);
    assert_int_equal(info.raw_pixels, raw);
    random_pixels(sizeof pixels, pixels);
    normalize(&info, IMAGES, pixels, images);
    for (int threads = 0; threads <= 3; threads++) {
        const lb_context_options options = {.threads = threads};
        lb_context *context = NULL;
        assert_ok(lb_context_create(packed, &options, &context));
        lb_context_run(context, images, IMAGES, a);
        lb_context_run_pixels(context, pixels, IMAGES, b);
        assert_memory_equal(a, b, sizeof a);
        lb_context_run_pixels(context, pixels, 1, b); /* alone, shared by the threads */
        assert_memory_equal(a, b, sizeof a / IMAGES);
        lb_context_run(context, images, 0, b); /* nothing to do */
        assert_memory_equal(a, b, sizeof a);
        lb_context_destroy(context);
    }
    lb_packed_close(packed);
}

static void test_pixels_are_normalized_as_in_training(void **state)
{
    (void)state;
    check_file(false);
    check_file(true);
}

/* Layers as the network of tests/support/tiny_intnet.c has them. */
static void test_layers_are_told(void **state)
{
    (void)state;
    lb_packed *packed = NULL;
    lb_packed_layer layer;
    assert_ok(lb_packed_open(tiny_file(false), NULL, &packed));
    lb_packed_get_layer(packed, LB_TINY_INPUT, &layer);
    assert_string_equal(layer.op, "input");
    assert_string_equal(layer.kernel, "");
    assert_string_equal(layer.post, "");
    assert_int_equal(layer.out_bits, 32);
    lb_packed_get_layer(packed, LB_TINY_STEM, &layer);
    assert_string_equal(layer.name, "stem");
    assert_string_equal(layer.op, "conv");
    assert_string_equal(layer.post, "steps");
    assert_int_equal(layer.weight_bits, 32);
    assert_int_equal(layer.act_bits, 32);
    assert_int_equal(layer.weights, 90);
    assert_int_equal(layer.macs, 90 * 36);
    assert_int_equal(layer.stored_bytes, 4 * (90 + 3 * 5)); /* weights, bias, affine */
    assert_true(strlen(layer.kernel) > 0);
    lb_packed_get_layer(packed, LB_TINY_BINARY, &layer);
    assert_string_equal(layer.post, "thresholds");
    assert_int_equal(layer.weight_bits, 1);
    assert_int_equal(layer.act_bits, 2);
    assert_int_equal(layer.out_bits, 2);
    assert_int_equal(layer.thresholds, 5 * 3);
    /* which channels fall stands in the graph */
    assert_int_equal(layer.stored_bytes, (layer.weights + 7) / 8 + 15 * 2);
    lb_packed_get_layer(packed, LB_TINY_POOL, &layer);
    assert_string_equal(layer.op, "max-pool");
    assert_int_equal(layer.weight_bits, 0);
    assert_int_equal(layer.macs, 0);
    lb_packed_get_layer(packed, LB_TINY_TERNARY, &layer);
    assert_int_equal(layer.weight_bits, 2);
    lb_packed_get_layer(packed, LB_TINY_FIXED, &layer);
    assert_string_equal(layer.post, "fixed-point");
    assert_int_equal(layer.out_bits, 8);
    lb_packed_close(packed);
}

static void test_refusals(void **state)
{
    (void)state;
    lb_packed *packed = NULL;
    lb_context *context = NULL;
    float values[VALUES];
    const char *path = tiny_file(false);
    const lb_packed_options unknown = {.isa = "mmx"};
    assert_status(lb_packed_open(path, &unknown, &packed), LB_E_UNSUPPORTED);
    assert_contains(lb_error(), "'mmx' is not known; there are scalar, avx2, avx512, neon");
    const lb_packed_options elsewhere = {.isa = lb_cpu_isa() & LB_ISA_NEON ? "avx2" : "neon"};
    assert_status(lb_packed_open(path, &elsewhere, &packed), LB_E_UNSUPPORTED);
    assert_contains(lb_error(), "is not on this machine");
    assert_status(lb_packed_open("/no/such/file.lbm", NULL, &packed), LB_E_IO);
    assert_contains(lb_error(), "/no/such/file.lbm");
    assert_null(packed);

    assert_ok(lb_packed_open(path, NULL, &packed));
    lb_context_options options = {.threads = -1};
    assert_status(lb_context_create(packed, &options, &context), LB_E_ARG);
    options.threads = 1025;
    assert_status(lb_context_create(packed, &options, &context), LB_E_ARG);
    assert_contains(lb_error(), "1025 threads");
    assert_null(context);
    assert_ok(lb_context_create(packed, NULL, &context));
    assert_status(lb_context_copy_map(context, 0, values), LB_E_ARG);
    assert_contains(lb_error(), "keeps no maps");
    lb_context_destroy(context);
    options = (lb_context_options){.keep_maps = true};
    assert_ok(lb_context_create(packed, &options, &context));
    assert_status(lb_context_copy_map(context, LB_TINY_LAYERS, values), LB_E_ARG);
    assert_contains(lb_error(), "no layer 16");
    lb_context_destroy(context);
    lb_context_destroy(NULL);
    lb_packed_close(packed);
    lb_packed_close(NULL);
}

/* A file cut anywhere or with a byte changed is refused or is another network that runs: nothing is read or
 * written outside (the sanitizers look). */
static void test_damaged_files(void **state)
{
    (void)state;
    uint8_t *data = NULL;
    size_t bytes = 0, opened = 0;
    const char *path = lb_test_path(lb_test_folder(), "damaged.lbm");
    assert_ok(lb_file_read(tiny_file(true), 1 << 20, &data, &bytes));
    lb_random r = lb_random_at(6, LB_RANDOM_TEST, 0, 0);
    for (int i = 0; i < 400; i++) {
        lb_packed *packed = NULL;
        uint8_t *byte = &data[lb_random_below(&r, bytes)];
        const uint8_t kept = *byte;
        const bool cut = i % 4 == 0;
        if (!cut) *byte = (uint8_t)lb_random_below(&r, 256);
        lb_test_write(path, data, cut ? lb_random_below(&r, bytes) : bytes);
        const lb_status status = lb_packed_open(path, NULL, &packed);
        *byte = kept;
        if (status == LB_OK) {
            lb_packed_info info;
            lb_context *context = NULL;
            lb_packed_get_info(packed, &info);
            if (info.channels * info.height * info.width == VALUES && info.classes <= CLASSES) {
                float image[VALUES] = {0}, logits[CLASSES];
                assert_ok(lb_context_create(packed, NULL, &context));
                lb_context_run(context, image, 1, logits);
                lb_context_destroy(context);
            }
            lb_packed_close(packed);
            opened++;
        } else {
            assert_true(status == LB_E_FORMAT);
            assert_contains(lb_error(), "damaged.lbm");
        }
    }
    lb_free(data);
    assert_true(opened > 0); /* a changed weight is another network */
}

static void test_running_allocates_nothing(void **state)
{
    (void)state;
    static float image[4 * 9 * 9];
    float logits[2 * 16];
    for (uint64_t seed = 0; seed < 100; seed++) {
        lb_intnet net;
        lb_packed *packed = NULL;
        lb_context *context = NULL;
        lb_random_intnet(seed, &net);
        lb_random_intnet_image(seed, &net, image, NULL);
        assert_ok(lb_packed_create(&net, NULL, &packed));
        const lb_context_options options = {.threads = seed % 2 ? 2 : 1};
        assert_ok(lb_context_create(packed, &options, &context));
        lb_alloc_fail_at(1);
        lb_context_run(context, image, 1, logits);
        assert_int_equal(lb_alloc_fail_pending(), 1); /* nobody asked */
        lb_alloc_fail_at(0);
        lb_context_destroy(context);
        lb_packed_close(packed);
        lb_intnet_release(&net);
    }
}

static lb_status open_and_run(void *user)
{
    const char *path = user;
    lb_packed *packed = NULL;
    lb_context *context = NULL;
    const lb_context_options options = {.threads = 2, .keep_maps = true};
    float image[VALUES] = {0}, logits[CLASSES], map[VALUES];
    lb_status status = lb_packed_open(path, NULL, &packed);
    if (status == LB_OK) status = lb_context_create(packed, &options, &context);
    if (status == LB_OK) {
        lb_context_run(context, image, 1, logits);
        status = lb_context_copy_map(context, 0, map);
    }
    lb_context_destroy(context);
    lb_packed_close(packed);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    lb_test_every_allocation_failure(open_and_run, (void *)(uintptr_t)tiny_file(false));
}

/* A context is one block of the size that the network tells. */
static void test_context_bytes_are_exact(void **state)
{
    (void)state;
    lb_packed *packed = NULL;
    lb_packed_info info;
    assert_ok(lb_packed_open(tiny_file(false), NULL, &packed));
    lb_packed_get_info(packed, &info);
    lb_context *context = NULL;
    char bytes[64];
    lb_alloc_fail_at(1);
    assert_status(lb_context_create(packed, NULL, &context), LB_E_NOMEM);
    (void)snprintf(bytes, sizeof bytes, "context: cannot allocate %zu bytes", info.context_bytes);
    assert_contains(lb_error(), bytes);
    lb_alloc_fail_at(2); /* there is no second block */
    assert_ok(lb_context_create(packed, NULL, &context));
    assert_int_equal(lb_alloc_fail_pending(), 1);
    lb_alloc_fail_at(0);
    lb_context_destroy(context);
    lb_packed_close(packed);
}

/* A file in memory, at even and odd addresses, is the same network, and stays as it is. */
static void test_networks_in_memory(void **state)
{
    (void)state;
    const char *path = tiny_file(true);
    uint8_t pixels[VALUES];
    float logits[2][CLASSES];
    random_pixels(sizeof pixels, pixels);
    for (size_t offset = 0; offset < 2; offset++) {
        size_t n = 0, n_kept = 0;
        uint8_t *block = NULL, *kept_block = NULL;
        const uint8_t *data = file_in_memory(path, offset, &n, &block);
        const uint8_t *kept = file_in_memory(path, 0, &n_kept, &kept_block);
        for (int way = 0; way < 2; way++) {
            lb_packed *packed = NULL;
            lb_context *context = NULL;
            lb_packed_info info;
            assert_ok(way == 0 ? lb_packed_open(path, NULL, &packed)
                               : lb_packed_open_memory(data, n, NULL, &packed));
            lb_packed_get_info(packed, &info);
            assert_int_equal(info.file_bytes, n);
            assert_ok(lb_context_create(packed, NULL, &context));
            lb_context_run_pixels(context, pixels, 1, logits[way]);
            lb_context_destroy(context);
            lb_packed_close(packed);
        }
        assert_memory_equal(logits[0], logits[1], sizeof logits[0]);
        assert_memory_equal(data, kept, n);
        free(block);
        free(kept_block);
    }
}

static void test_damaged_networks_in_memory(void **state)
{
    (void)state;
    size_t n = 0;
    uint8_t *block = NULL;
    lb_packed *packed = NULL;
    const uint8_t *data = file_in_memory(tiny_file(true), 0, &n, &block);
    for (size_t length = 0; length < n; length = length < 16 ? length + 1 : length + n / 7) {
        assert_status(lb_packed_open_memory(data, length, NULL, &packed), LB_E_FORMAT);
        assert_int_equal(strncmp(lb_error(), "memory: ", strlen("memory: ")), 0);
    }
    assert_null(packed);
    free(block);
}

/* Two filters of 2x3 on an infinity at the first position and ones at the others: +1 everywhere, or ternary, +1 at
 * the first position alone. */
static void check_infinity(lb_weight_storage storage, lb_weight_sums sums)
{
    static const uint8_t plus[2] = {0}, first[4] = {0, 0, 0x41, 0};
    static const float ones[2 * 6] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    static const float image[6] = {INFINITY, 1, 1, 1, 1, 1};
    lb_step scale = {.kind = LB_STEP_SCALE, .a = ones};
    lb_int_layer layers[2] = {{.op = LB_INT_INPUT, .name = "input", .equals = ""},
                              {.op = LB_INT_CONV, .name = "conv", .equals = "", .n_in = 1}};
    lb_intnet net = {.layers = layers, .n_layers = 2, .classes = 2, .title = ""};
    float logits[2] = {0};
    lb_packed *packed = NULL;
    lb_context *context = NULL;
    layers[0].map.shape = (lb_shape){1, 2, 3};
    layers[1].map.shape = (lb_shape){2, 1, 1};
    layers[1].window = (lb_window){.kh = 2, .kw = 3, .stride = 1};
    layers[1].groups = 1;
    layers[1].weights = (lb_int_weights){
        .storage = storage, .grid = {1, 1, -2}, .count = 2 * 6, .sums = sums, .at = plus};
    if (storage == LB_STORED_TERNARY) layers[1].weights.at = first;
    layers[1].weights.terms = lb_int_weights_terms(sums, &layers[1].window);
    layers[1].post = (lb_post){.steps = &scale, .n_steps = 1};
    net.input.std[0] = 1.0f;
    assert_ok(lb_intnet_check(&net));
    assert_ok(lb_packed_create(&net, NULL, &packed));
    assert_ok(lb_context_create(packed, NULL, &context));
    lb_context_run(context, image, 1, logits);
    assert_true(logits[0] == INFINITY && logits[1] == INFINITY);
    lb_context_destroy(context);
    lb_packed_close(packed);
}

/* Sums over a kernel's row or position see no input of another: as in training, there is no NaN. */
static void test_sums_by_position_see_their_inputs_alone(void **state)
{
    (void)state;
    check_infinity(LB_STORED_GRID, LB_SUMS_ROW);
    check_infinity(LB_STORED_GRID, LB_SUMS_PIXEL);
    check_infinity(LB_STORED_TERNARY, LB_SUMS_PIXEL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pixels_are_normalized_as_in_training),
        cmocka_unit_test(test_layers_are_told),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_networks_in_memory),
        cmocka_unit_test(test_damaged_networks_in_memory),
        cmocka_unit_test(test_running_allocates_nothing),
        cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_context_bytes_are_exact),
        cmocka_unit_test(test_sums_by_position_see_their_inputs_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
