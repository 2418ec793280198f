/* Verification of a run: nothing differs, what is counted, and a seeded difference is named where an
 * oracle sees it: a plain interpreter of integer networks on the file with and without the change. */
#include "verify/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/safetensors.h"
#include "data/dataset.h"
#include "lowbit/inspect.h"
#include "support/plain_intnet.h"
#include "support/random_net.h"
#include "support/support.h"
#include "support/tiny_training.h"
#include "support/verify_check.h"
#include "train/run.h"

enum { IMAGES = 10, RANDOM_NETS = 60, RANDOM_IMAGES = 3 };

/* "scalar,avx2" of what this machine has, and how many. */
static const char *all_isas(size_t *n)
{
    const unsigned isa = lb_cpu_isa();
    *n = 2;
    if (isa & LB_ISA_AVX512) {
        *n = 3;
        return "scalar,avx2,avx512";
    }
    if (isa & LB_ISA_AVX2) return "scalar,avx2";
    if (isa & LB_ISA_NEON) return "scalar,neon";
    *n = 1;
    return "scalar";
}

static const char *packed_run(void)
{
    static char path[4096];
    if (path[0] == '\0') {
        lb_pack_result result;
        (void)snprintf(path, sizeof path, "%s", lb_test_path(lb_test_folder(), "whole.lbm"));
        assert_ok(lb_pack_run(lb_test_whole_run(), LB_PACK_PLANES, path, &result));
    }
    return path;
}

/* ---- no difference --------------------------------------------------------------------------- */

static void a_run_and_its_packed_network_are_the_same(void **state)
{
    (void)state;
    size_t n_isa = 0;
    const lb_verify_options options = {.images = IMAGES, .isa = all_isas(&n_isa), .threads = 2};
    lb_verify_result r;
    assert_ok(lb_verify_run(lb_test_whole_run(), &options, &r));
    assert_int_equal(r.mismatches, 0);
    assert_int_equal(r.images, IMAGES);

    /* every layer that names a training node, and the logits once more */
    lb_intnet net;
    size_t values = 0, layers = 0;
    assert_ok(lb_intnet_open(packed_run(), &net));
    for (size_t i = 0; i < net.n_layers; i++) {
        if (net.layers[i].equals[0] == '\0') continue;
        const lb_shape s = net.layers[i].map.shape;
        values += s.c * s.h * s.w;
        layers++;
    }
    assert_true(layers >= 5); /* LeNet-5 has five layers with weights */
    assert_int_equal(r.layers, layers);
    assert_int_equal(r.compared, n_isa * IMAGES * (values + net.classes));
    lb_intnet_release(&net);
}

static void all_images_are_the_standard(void **state)
{
    (void)state;
    lb_verify_result r;
    assert_ok(lb_verify_run(lb_test_whole_run(), NULL, &r));
    assert_int_equal(r.images, 24); /* a fifth of the 120 training images */
    assert_int_equal(r.mismatches, 0);
    const lb_verify_options packed = {.packed = packed_run(), .images = 1000};
    assert_ok(lb_verify_run(lb_test_whole_run(), &packed, &r));
    assert_int_equal(r.images, 24);
    assert_int_equal(r.mismatches, 0);
}

/* ---- a seeded difference --------------------------------------------------------------------- */

/* Where `part` lies in `whole`; the test fails where it lies nowhere. */
static size_t find_bytes(const uint8_t *whole, size_t bytes, const void *part, size_t part_bytes)
{
    for (size_t at = 0; at + part_bytes <= bytes; at++) {
        if (memcmp(whole + at, part, part_bytes) == 0) return at;
    }
    fail_msg("the tensor's bytes are not in the file");
    return 0;
}

/* Change some bytes of a tensor in a copy of the packed file. */
static void change(const char *tensor, const char *copy, void (*edit)(uint8_t *tensor_bytes))
{
    uint8_t *data = NULL;
    size_t bytes = 0;
    lb_safetensors *file = NULL;
    assert_ok(lb_file_read(packed_run(), 1 << 26, &data, &bytes));
    assert_ok(lb_safetensors_open(packed_run(), &file));
    const lb_stored_tensor *t = lb_safetensors_find(file, tensor);
    assert_non_null(t);
    edit(data + find_bytes(data, bytes, t->data, t->bytes));
    lb_safetensors_close(file);
    lb_test_write(copy, data, bytes);
    lb_free(data);
}

/* The first value of any layer that names a training node by which the two files differ. */
static bool first_difference(const lb_intnet *a, const lb_intnet *b, const float *image,
                             lb_verify_difference *out)
{
    lb_plain_maps x, y;
    bool found = false;
    lb_plain_run(a, image, &x);
    lb_plain_run(b, image, &y);
    for (size_t i = 0; i < a->n_layers && !found; i++) {
        const lb_shape s = a->layers[i].map.shape;
        if (a->layers[i].equals[0] == '\0') continue;
        for (size_t k = 0; k < s.c * s.h * s.w && !found; k++) {
            if (x.value[i][k] == y.value[i][k]) continue;
            found = true;
            (void)snprintf(out->layer, sizeof out->layer, "%s", a->layers[i].name);
            out->channel = k / (s.h * s.w);
            out->row = k / s.w % s.h;
            out->column = k % s.w;
            out->training = x.value[i][k];
            out->packed = y.value[i][k];
        }
    }
    lb_plain_release(&x);
    lb_plain_release(&y);
    return found;
}

/* The same over all images, each normalized as training does. */
static void oracle(const char *copy, size_t *images, lb_verify_difference *out)
{
    lb_intnet a, b;
    lb_run run;
    lb_dataset *data = NULL;
    assert_ok(lb_intnet_open(packed_run(), &a));
    assert_ok(lb_intnet_open(copy, &b));
    assert_ok(lb_run_open(lb_test_whole_run(), &run));
    assert_ok(lb_dataset_open("synth-digits:120", LB_SPLIT_TEST, &data));
    const lb_augment none = {0};
    lb_augmenter augmenter;
    assert_ok(lb_augmenter_init(&augmenter, run.facts.shape, &none, &run.facts.normalization, 0));
    uint8_t workspace[4096];
    assert_true(lb_augmenter_workspace_bytes(&augmenter) <= sizeof workspace);
    bool found = false;
    for (size_t i = 0; i < data->count && !found; i++) {
        float image[28 * 28];
        lb_augmenter_run(&augmenter, 0, 0, lb_dataset_image(data, i), workspace, image);
        found = first_difference(&a, &b, image, out);
        out->image = i;
    }
    assert_true(found); /* else the change is of no use for the test */
    *images = data->count;
    lb_dataset_close(data);
    lb_run_release(&run);
    lb_intnet_release(&a);
    lb_intnet_release(&b);
}

/* Returns what was named. */
static lb_verify_difference check_named(const char *copy)
{
    lb_verify_difference wanted = {.image = 0};
    size_t images = 0;
    oracle(copy, &images, &wanted);
    for (int threads = 1; threads <= 3; threads++) {
        const lb_verify_options options = {.packed = copy, .isa = "scalar", .threads = threads};
        lb_verify_result r;
        assert_ok(lb_verify_run(lb_test_whole_run(), &options, &r));
        const lb_verify_difference *got = &r.first;
        assert_true(r.mismatches > 0);
        assert_int_equal(r.images, images);
        assert_string_equal(got->layer, wanted.layer);
        assert_string_equal(got->isa, "scalar");
        assert_int_equal(got->image, wanted.image);
        assert_int_equal(got->channel, wanted.channel);
        assert_int_equal(got->row, wanted.row);
        assert_int_equal(got->column, wanted.column);
        assert_true(got->training == wanted.training && got->packed == wanted.packed);
    }
    return wanted;
}

static unsigned bit_to_flip;

static void flip_a_bit(uint8_t *bytes)
{
    bytes[bit_to_flip / 8] ^= (uint8_t)(1u << bit_to_flip % 8);
}

static void a_flipped_weight_is_named(void **state)
{
    (void)state;
    size_t off_diagonal = 0, other_channels = 0;
    for (unsigned i = 0; i < 6; i++) {
        const char *copy = lb_test_fresh("weight.lbm");
        bit_to_flip = 75 * i + 11 * i; /* 75 weights a filter: another filter, another tap */
        change("conv2.weight", copy, flip_a_bit);
        const lb_verify_difference d = check_named(copy);
        assert_string_equal(d.layer, "conv2");
        off_diagonal += d.row != d.column;
        other_channels += d.channel > 0;
    }
    assert_true(off_diagonal > 0 && other_channels > 0);
}

/* The second threshold becomes the first: ascending still. */
static void lower_a_threshold(uint8_t *bytes)
{
    memcpy(bytes + 2, bytes, 2);
}

static void a_changed_threshold_is_named(void **state)
{
    (void)state;
    const char *copy = lb_test_fresh("threshold.lbm");
    change("fc1.threshold", copy, lower_a_threshold);
    assert_string_equal(check_named(copy).layer, "fc1");
}

/* ---- refusals -------------------------------------------------------------------------------- */

static bool stop(size_t done, size_t images, void *user)
{
    (void)done;
    (void)images;
    (void)user;
    return false;
}

static void what_cannot_be_compared_is_said(void **state)
{
    (void)state;
    const char *run = lb_test_whole_run();
    lb_verify_result r = {.images = 77};
    const lb_verify_options unknown = {.isa = "scalar,mmx"}, empty = {.isa = "scalar,"};
    assert_int_not_equal(lb_verify_run(run, &unknown, &r), LB_OK);
    assert_contains(lb_error(), "mmx");
    assert_status(lb_verify_run(run, &empty, &r), LB_E_ARG);
    const lb_verify_options colour = {.data = "synth-color:100"};
    assert_status(lb_verify_run(run, &colour, &r), LB_E_SHAPE);
    const lb_verify_options stopped = {.progress = stop};
    assert_status(lb_verify_run(run, &stopped, &r), LB_E_INTERRUPTED);
    const lb_verify_options missing = {.packed = "/nowhere.lbm"};
    assert_status(lb_verify_run(run, &missing, &r), LB_E_IO);
    assert_status(lb_verify_run("/nowhere", NULL, &r), LB_E_IO);
    assert_int_equal(r.images, 77); /* untouched */
}

static void another_runs_file_is_refused(void **state)
{
    (void)state;
    lb_told told = {0};
    lb_pack_result result;
    lb_verify_result r;
    const char *wider = lb_test_fresh("wider"), *path = lb_test_fresh("wider.lbm");
    assert_ok(lb_test_train(wider, &told, PAIRS("width-multiplier", "0.25", "epochs", "1")));
    assert_ok(lb_pack_run(wider, LB_PACK_PLANES, path, &result));
    const lb_verify_options options = {.packed = path};
    assert_status(lb_verify_run(lb_test_whole_run(), &options, &r), LB_E_SHAPE);
    assert_contains(lb_error(), "packed from another run");

    const char *mlp = lb_test_fresh("mlp");
    told = (lb_told){0};
    assert_ok(lb_test_train(
        mlp, &told, PAIRS("model", "mlp", "widths", "8", "width-multiplier", "1", "epochs", "1")));
    const lb_verify_options convolutions = {.packed = packed_run()};
    assert_status(lb_verify_run(mlp, &convolutions, &r), LB_E_FORMAT);
    assert_contains(lb_error(), "packed from another run");
}

/* One figure for a network, trained or packed: operations and bits of DoReFa W1A2 with float ends. */
static void a_run_costs_what_its_packed_network_costs(void **state)
{
    (void)state;
    lb_inspection *run = NULL;
    lb_packed_inspection *packed = NULL;
    assert_ok(lb_inspect_run(lb_test_whole_run(), &run));
    assert_ok(lb_inspect_packed(packed_run(), &packed));
    assert_int_equal(run->weights, packed->weights);
    assert_int_equal(run->macs, packed->macs);
    assert_true(packed->bit_operations > 0.0 && packed->weight_bits > 1.0);
    assert_true(fabs(run->bit_operations / packed->bit_operations - 1.0) < 1e-12);
    assert_true(fabs(run->weight_bits / packed->weight_bits - 1.0) < 1e-12);
    assert_true(fabs(run->act_bits / packed->act_bits - 1.0) < 1e-12);
    lb_inspection_destroy(run);
    lb_packed_inspection_destroy(packed);
}

static lb_status verify_one(void *context)
{
    const lb_verify_options options = {.isa = "scalar", .images = 1, .threads = 1};
    lb_verify_result r;
    return lb_verify_run(context, &options, &r);
}

static lb_status inspect(void *context)
{
    lb_packed_inspection *p = NULL;
    const lb_status status = lb_inspect_packed(context, &p);
    lb_packed_inspection_destroy(p);
    return status;
}

static lb_status evaluate(void *context)
{
    const lb_evaluate_options options = {.threads = 2};
    lb_evaluation e;
    return lb_evaluate_packed(context, &options, &e);
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    char run[4096], path[4096];
    (void)snprintf(run, sizeof run, "%s", lb_test_whole_run());
    (void)snprintf(path, sizeof path, "%s", packed_run());
    lb_test_every_allocation_failure(verify_one, run);
    lb_test_every_allocation_failure(inspect, path);
    lb_test_every_allocation_failure(evaluate, path);
}

/* ---- random networks ------------------------------------------------------------------------- */

static void random_networks_are_the_same(void **state)
{
    (void)state;
    lb_test_verified sum = {0};
    for (uint64_t seed = 1; seed <= RANDOM_NETS; seed++) {
        char name[32];
        lb_net net;
        (void)snprintf(name, sizeof name, "network %llu", (unsigned long long)seed);
        lb_random_net(seed, &net);
        lb_test_verify(name, &net, RANDOM_IMAGES, seed, lb_test_fresh("random.lbm"), &sum);
        lb_net_release(&net);
    }
    print_message("%d networks, %zu values compared\n", RANDOM_NETS, sum.values);
    assert_true(sum.values > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_and_its_packed_network_are_the_same),
        cmocka_unit_test(all_images_are_the_standard),
        cmocka_unit_test(a_flipped_weight_is_named),
        cmocka_unit_test(a_changed_threshold_is_named),
        cmocka_unit_test(what_cannot_be_compared_is_said),
        cmocka_unit_test(another_runs_file_is_refused),
        cmocka_unit_test(a_run_costs_what_its_packed_network_costs),
        cmocka_unit_test(no_memory_is_an_error),
        cmocka_unit_test(random_networks_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
