/* The packed file: what is written reads back the same; what it costs; allocation failures. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/random.h"
#include "intnet/int_cost.h"
#include "support/support.h"
#include "support/tiny_intnet.h"

/* One folder for all. */
static const char *path_of(const char *name)
{
    static const char *folder = NULL;
    if (!folder) folder = lb_test_folder();
    return lb_test_path(folder, name);
}

static const char *written(const lb_intnet *net, const char *name)
{
    const char *path = path_of(name);
    assert_ok(lb_intnet_write(net, path));
    return path;
}

static void test_everything_reads_back(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        lb_intnet net, read;
        lb_test_tiny_intnet(k == 1, &net);
        if (k == 2) lb_test_tiny_encode(&net, LB_ENCODED_MIXED);
        const char *path = written(&net, "net.lbm");
        assert_ok(lb_intnet_open(path, &read));
        lb_test_same_intnet(&net, &read);
        lb_intnet_release(&read);
        lb_intnet_release(&net);
    }
}

static void test_same_network_same_bytes(void **state)
{
    (void)state;
    lb_intnet net, read;
    uint8_t *a = NULL, *b = NULL;
    size_t n_a = 0, n_b = 0;
    lb_test_tiny_intnet(false, &net);
    const char *path = written(&net, "a.lbm");
    assert_ok(lb_file_read(path, 1 << 20, &a, &n_a));
    assert_ok(lb_intnet_open(path, &read));
    assert_ok(lb_file_read(written(&read, "b.lbm"), 1 << 20, &b, &n_b));
    assert_int_equal(n_a, n_b);
    assert_memory_equal(a, b, n_a);
    lb_free(a);
    lb_free(b);
    lb_intnet_release(&read);
    lb_intnet_release(&net);
}

/* A chain of relu steps, each with a slope of its own: floats that stand in the graph. */
static void with_slopes(const float *slopes, size_t n, lb_intnet *net)
{
    lb_step *steps = NULL;
    lb_test_tiny_intnet(true, net);
    assert_ok(lb_arena_alloc(&net->arena, n, sizeof *steps, "test", (void **)&steps));
    for (size_t i = 0; i < n; i++) steps[i] = (lb_step){.kind = LB_STEP_RELU, .slope = slopes[i]};
    net->layers[LB_TINY_STEM].post.steps = steps;
    net->layers[LB_TINY_STEM].post.n_steps = n;
}

static void test_floats_in_the_graph_keep_their_bits(void **state)
{
    (void)state;
    enum { SLOPES = 64, FILES = 40 };
    static const float special[] = {0.0f,
                                    -0.0f,
                                    1.0f,
                                    -1.0f,
                                    1e6f,
                                    999999.0f,
                                    -1e6f,
                                    16777216.0f,
                                    0x1p-149f,
                                    -0x1p-149f,
                                    0x1p-126f,
                                    0x1.fffffep-127f,
                                    0x1.8p-149f,
                                    0x1.fffffep127f,
                                    -0x1.fffffep127f,
                                    0.1f};
    lb_random r = lb_random_at(5, LB_RANDOM_TEST, 0, 0);
    for (int file = 0; file < FILES; file++) {
        float slopes[SLOPES];
        for (size_t i = 0; i < SLOPES; i++) {
            do {
                const uint32_t bits = (uint32_t)lb_random_bits(&r);
                memcpy(&slopes[i], &bits, sizeof bits);
            } while (!isfinite(slopes[i]));
        }
        if (file == 0) memcpy(slopes, special, sizeof special);
        lb_intnet net, read;
        with_slopes(slopes, SLOPES, &net);
        assert_ok(lb_intnet_open(written(&net, "floats.lbm"), &read));
        for (size_t i = 0; i < SLOPES; i++) {
            const float got = read.layers[LB_TINY_STEM].post.steps[i].slope;
            if (memcmp(&got, &slopes[i], sizeof got) != 0)
                fail_msg("%a became %a", (double)slopes[i], (double)got);
        }
        lb_intnet_release(&read);
        lb_intnet_release(&net);
    }
}

/* What the file may cost besides the tensors' data: the header, at most 250 bytes a layer here. */
static void test_size(void **state)
{
    (void)state;
    lb_intnet net;
    uint8_t *bytes = NULL;
    size_t n = 0, data = 0;
    lb_test_tiny_intnet(false, &net);
    assert_ok(lb_file_read(written(&net, "size.lbm"), 1 << 20, &bytes, &n));
    for (size_t i = 0; i < net.n_layers; i++) data += lb_int_layer_cost_of(&net, i).stored_bytes;
    uint64_t header = 0;
    for (size_t i = 0; i < 8; i++) header |= (uint64_t)bytes[i] << 8 * i;
    assert_int_equal(n, 8 + header + data);
    assert_true(header < 250 * net.n_layers);
    lb_free(bytes);
    lb_intnet_release(&net);
}

/* A chain of layers that have as many tensors as a layer can have, and nothing beside them. */
static void with_exceptions(size_t n, lb_intnet *net)
{
    static const float scale[2] = {1.0f, 0.5f};
    static const int32_t multiplier[1] = {1};
    static const int64_t offset[1] = {0};
    static const uint8_t planes[8] = {1, 0, 1, 0, 1, 0, 0, 1};
    static const lb_fixed_exception exception = {0, 5, 6};
    *net = (lb_intnet){.n_layers = n + 2, .classes = 2, .title = "", .input = {.raw = true}};
    assert_ok(
        lb_arena_alloc(&net->arena, n + 2, sizeof *net->layers, "test", (void **)&net->layers));
    lb_step *step = NULL;
    assert_ok(lb_arena_alloc(&net->arena, 1, sizeof *step, "test", (void **)&step));
    *step = (lb_step){.kind = LB_STEP_SCALE, .a = scale};
    for (size_t i = 0; i < n + 2; i++) {
        lb_int_layer *l = &net->layers[i];
        char *name = NULL;
        assert_ok(lb_arena_alloc(&net->arena, 16, 1, "test", (void **)&name));
        (void)snprintf(name, 16, "layer%zu", i);
        *l = (lb_int_layer){.op = i == 0 ? LB_INT_INPUT : LB_INT_CONV,
                            .name = name,
                            .equals = "",
                            .in = {(int)i - 1, 0},
                            .n_in = i > 0,
                            .groups = 1,
                            .window = {1, 1, 1, 0, 0, 0, 0},
                            .map = {{1, 1, 1}, i <= n, {8, i == 0 ? -128 : 0, 1}, 0x1p-7f}};
        l->weights = (lb_int_weights){
            .storage = LB_STORED_GRID, .grid = {8, -128, 1}, .count = 1, .terms = 1, .at = planes};
        l->post = (lb_post){.kind = LB_POST_FIXED_POINT,
                            .fixed = {8, 0, multiplier, offset, &exception, 1}};
    }
    lb_int_layer *logits = &net->layers[n + 1];
    logits->map = (lb_int_map){.shape = {2, 1, 1}};
    logits->weights.count = 2;
    logits->post = (lb_post){.kind = LB_POST_STEPS, .steps = step, .n_steps = 1};
}

static void test_layers_with_the_most_tensors(void **state)
{
    (void)state;
    enum { MANY = 100 };
    lb_intnet net, read;
    with_exceptions(MANY, &net);
    assert_ok(lb_intnet_open(written(&net, "tensors.lbm"), &read));
    lb_test_same_intnet(&net, &read);
    lb_intnet_release(&read);
    lb_intnet_release(&net);
}

static lb_status write_body(void *context)
{
    return lb_intnet_write(context, path_of("failing.lbm"));
}

static lb_status open_body(void *context)
{
    lb_intnet net;
    const lb_status status = lb_intnet_open(context, &net);
    lb_intnet_release(&net);
    return status;
}

static void test_every_allocation_failure(void **state)
{
    (void)state;
    lb_intnet net;
    lb_test_tiny_intnet(false, &net);
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", written(&net, "whole.lbm"));
    lb_test_every_allocation_failure(write_body, &net);
    lb_test_every_allocation_failure(open_body, path);
    lb_intnet_release(&net);
}

/* The tiny network's file, open for changes in place: writing thousands of files takes a disk's time. */
static int open_damaged(const char **path, size_t *bytes)
{
    lb_intnet net;
    lb_test_tiny_intnet(false, &net);
    *path = written(&net, "damaged.lbm");
    lb_intnet_release(&net);
    const int fd = open(*path, O_RDWR);
    assert_true(fd >= 0);
    const off_t end = lseek(fd, 0, SEEK_END);
    assert_true(end > 0);
    *bytes = (size_t)end;
    return fd;
}

static lb_status reopen(const char *path)
{
    lb_intnet net;
    const lb_status status = lb_intnet_open(path, &net);
    lb_intnet_release(&net);
    return status;
}

static void test_truncated_at_every_byte(void **state)
{
    (void)state;
    const char *path = NULL;
    size_t n = 0;
    const int fd = open_damaged(&path, &n);
    assert_ok(reopen(path));
    for (size_t length = n; length-- > 0;) {
        assert_int_equal(ftruncate(fd, (off_t)length), 0);
        assert_status(reopen(path), LB_E_FORMAT);
    }
    assert_int_equal(close(fd), 0);
}

static void flip(int fd, size_t bit)
{
    uint8_t byte = 0;
    assert_int_equal(pread(fd, &byte, 1, (off_t)(bit / 8)), 1);
    byte ^= (uint8_t)(1u << bit % 8);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)(bit / 8)), 1);
}

/* A flipped bit gives another sound network or a refusal, and nothing else. Those in the header are nearly
 * all refused; those in weights cannot be. */
static void test_flipped_bits(void **state)
{
    (void)state;
    const char *path = NULL;
    size_t n = 0, refused = 0;
    const int fd = open_damaged(&path, &n);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        flip(fd, bit);
        const lb_status status = reopen(path);
        if (status != LB_OK && status != LB_E_FORMAT)
            fail_msg("bit %zu: status %d: %s", bit, (int)status, lb_error());
        refused += status != LB_OK;
        flip(fd, bit);
    }
    assert_true(refused > 8 * n / 2);
    assert_int_equal(close(fd), 0);
}

static void test_nothing_written_of_a_broken_network(void **state)
{
    (void)state;
    lb_intnet net;
    lb_test_tiny_intnet(false, &net);
    const char *path = path_of("none.lbm");
    net.layers[LB_TINY_BINARY].groups = 2;
    assert_status(lb_intnet_write(&net, path), LB_E_FORMAT);
    assert_false(lb_path_exists(path));
    net.layers[LB_TINY_BINARY].groups = 1;
    net.title = "not \xff UTF-8";
    assert_status(lb_intnet_write(&net, path), LB_E_FORMAT);
    assert_contains(lb_error(), "UTF-8");
    assert_false(lb_path_exists(path));
    lb_intnet_release(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_reads_back),
        cmocka_unit_test(test_same_network_same_bytes),
        cmocka_unit_test(test_floats_in_the_graph_keep_their_bits),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_layers_with_the_most_tensors),
        cmocka_unit_test(test_every_allocation_failure),
        cmocka_unit_test(test_truncated_at_every_byte),
        cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_nothing_written_of_a_broken_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
