/* Timing and the table of kernels: what a layer's description means, what is refused, and that results
 * are consistent; an inspection against the network it is of. */
#include "lowbit/bench.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "intnet/int_cost.h"
#include "lowbit/inspect.h"
#include "runtime/bench_layer.h"
#include "support/support.h"
#include "support/tiny_intnet.h"

static const lb_bench_layer small = {.out = 70,
                                     .in = 33,
                                     .kh = 3,
                                     .kw = 3,
                                     .height = 7,
                                     .width = 9,
                                     .weight_bits = 1,
                                     .act_bits = 2};

/* ---- the layer ------------------------------------------------------------------------------- */

static void a_layer_means_a_convolution(void **state)
{
    (void)state;
    lb_int_conv c;
    assert_ok(lb_bench_layer_conv(&small, &c));
    assert_true(c.filters == 70 && c.in_c == 33 && c.in_h == 7 && c.in_w == 9);
    assert_true(c.pad_top == 1 && c.pad_left == 1 && c.out_h == 7 && c.out_w == 9);
    assert_true(c.stride == 1 && c.groups == 1 && c.terms == 1);
    assert_true(c.weights == LB_WEIGHTS_BINARY && c.weight_bits == 1 && c.max_weight == 1);
    assert_true(c.acts.bits == 2 && c.acts.offset == 0 && c.acts.step == 1);

    lb_bench_layer l = small;
    l.kh = 5;
    l.kw = 1;
    l.stride = 2;
    l.weight_bits = LB_BENCH_TERNARY;
    l.act_bits = 1;
    assert_ok(lb_bench_layer_conv(&l, &c));
    assert_true(c.pad_top == 2 && c.pad_left == 0 && c.out_h == 4 && c.out_w == 5);
    assert_true(c.weights == LB_WEIGHTS_TERNARY && c.weight_bits == 2 && c.max_weight == 1);
    assert_true(c.acts.bits == 1 && c.acts.offset == 1 && c.acts.step == -2); /* +-1 */

    l = small;
    l.weight_bits = l.act_bits = 8;
    l.in = 32;
    l.out = 64;
    l.groups = 4;
    assert_ok(lb_bench_layer_conv(&l, &c));
    assert_true(c.weights == LB_WEIGHTS_INTEGER && c.max_weight == 128 && c.groups == 4);
}

static void what_is_no_layer_is_refused(void **state)
{
    (void)state;
    lb_bench_layer l[10];
    for (size_t i = 0; i < 10; i++) l[i] = small;
    l[0].out = 0;
    l[1].in = 0;
    l[2].kh = 64;
    l[3].kw = 0;
    l[4].height = 5000;
    l[5].weight_bits = 9;
    l[6].weight_bits = 0;
    l[7].act_bits = 0;
    l[8].groups = 2; /* of 33 channels */
    l[9].height = 0;
    lb_bench_result r = {.runs = 77};
    for (size_t i = 0; i < 10; i++) assert_status(lb_bench_run_layer(&l[i], NULL, &r), LB_E_ARG);
    lb_bench_layer even = small; /* padded by one on each side: 3 x 3 */
    even.kh = even.kw = 4;
    even.height = even.width = 1;
    assert_status(lb_bench_run_layer(&even, NULL, &r), LB_E_ARG);
    lb_bench_layer huge = small;
    huge.in = 65536;
    huge.out = 1;
    huge.weight_bits = huge.act_bits = 8;
    assert_status(lb_bench_run_layer(&huge, NULL, &r), LB_E_UNSUPPORTED);
    const lb_bench_options unknown = {.isa = "mmx"}, many = {.batch = 1 << 20};
    assert_status(lb_bench_run_layer(&small, &unknown, &r), LB_E_UNSUPPORTED);
    assert_status(lb_bench_run_layer(&small, &many, &r), LB_E_ARG);
    assert_int_equal(r.runs, 77);
}

/* ---- timing ---------------------------------------------------------------------------------- */

static void check_result(const lb_bench_result *r, double operations)
{
    assert_true(r->runs >= 10);
    assert_true(0.0 < r->min_ms && r->min_ms <= r->median_ms && r->median_ms <= r->max_ms);
    assert_true(r->operations == operations);
    /* two roundings of doubles */
    assert_true(fabs(r->gops * r->median_ms * 1e6 - operations) <= 1e-12 * operations);
    assert_true(r->kernel[0] != '\0');
}

static void layers_of_all_bits_are_timed(void **state)
{
    (void)state;
    for (int w = LB_BENCH_TERNARY; w <= 8; w++) {
        for (int a = 1; a <= 8 && w != 0; a++) {
            lb_bench_layer l = small;
            l.weight_bits = w;
            l.act_bits = a;
            const lb_bench_options options = {
                .threads = a % 3, .batch = 1 + (size_t)(a % 2), .seconds = 1e-5};
            lb_bench_result r;
            assert_ok(lb_bench_run_layer(&l, &options, &r));
            check_result(&r, 2.0 * 70 * 33 * 9 * 7 * 9 * (double)options.batch);
        }
    }
}

static void a_network_is_timed_and_inspected(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "net.lbm");
    lb_intnet net;
    lb_test_tiny_intnet(true, &net);
    assert_ok(lb_intnet_write(&net, path));
    const lb_int_cost cost = lb_intnet_cost_of(&net);

    const lb_bench_options options = {.batch = 3, .threads = 2, .seconds = 1e-4};
    lb_bench_result r;
    assert_ok(lb_bench_run_packed(path, &options, &r));
    check_result(&r, 2.0 * 3.0 * (double)cost.macs);

    lb_packed_inspection *p = NULL;
    assert_ok(lb_inspect_packed(path, &p));
    assert_int_equal(p->info.layers, net.n_layers);
    assert_int_equal(p->weights, cost.weights);
    assert_int_equal(p->macs, cost.macs);
    assert_int_equal(p->thresholds, cost.thresholds);
    assert_true(p->bit_operations == cost.bit_operations && p->weight_bits == cost.weight_bits &&
                p->act_bits == cost.act_bits);
    size_t weights = 0, macs = 0, thresholds = 0, bytes = 0;
    for (size_t i = 0; i < p->info.layers; i++) {
        assert_string_equal(p->layers[i].name, net.layers[i].name);
        weights += p->layers[i].weights;
        macs += p->layers[i].macs;
        thresholds += p->layers[i].thresholds;
        bytes += p->layers[i].stored_bytes;
    }
    assert_int_equal(weights, cost.weights);
    assert_int_equal(macs, cost.macs);
    assert_int_equal(thresholds, cost.thresholds);
    assert_true(bytes < p->info.file_bytes);
    assert_int_equal(p->memory_bytes, p->info.weight_bytes + p->info.context_bytes);
    lb_packed_inspection_destroy(p);
    lb_packed_inspection_destroy(NULL);
    lb_intnet_release(&net);
    assert_status(lb_inspect_packed("/nowhere.lbm", &p), LB_E_IO);
    assert_status(lb_bench_run_packed("/nowhere.lbm", NULL, &r), LB_E_IO);
}

/* ---- kernels --------------------------------------------------------------------------------- */

static void kernels_are_listed(void **state)
{
    (void)state;
    const size_t n = lb_kernel_count();
    const unsigned allowed = lb_cpu_isa();
    lb_int_conv conv;
    assert_ok(lb_bench_layer_conv(&small, &conv));
    size_t chosen = 0, usable = 0;
    for (size_t i = 0; i < n; i++) {
        lb_kernel_info k, bare;
        assert_ok(lb_kernel_info_at(i, NULL, &bare));
        assert_ok(lb_kernel_info_at(i, &small, &k));
        assert_string_equal(k.name, lb_conv_kernels[i]->name);
        assert_true(k.summary[0] != '\0' && k.isa[0] != '\0');
        assert_int_equal(k.usable, (lb_conv_kernels[i]->isa & allowed) == lb_conv_kernels[i]->isa);
        assert_int_equal(k.supported, k.why[0] == '\0');
        assert_int_equal(k.chosen, lb_conv_select(&conv, allowed) == lb_conv_kernels[i]);
        assert_true(!bare.chosen && !bare.supported && bare.usable == k.usable);
        chosen += k.chosen;
        usable += k.usable;
    }
    assert_int_equal(chosen, 1);
    assert_true(usable > 0);
    lb_kernel_info k;
    assert_status(lb_kernel_info_at(n, NULL, &k), LB_E_ARG);
    lb_bench_layer wrong = small;
    wrong.act_bits = 9;
    assert_status(lb_kernel_info_at(0, &wrong, &k), LB_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_layer_means_a_convolution),
        cmocka_unit_test(what_is_no_layer_is_refused),
        cmocka_unit_test(layers_of_all_bits_are_timed),
        cmocka_unit_test(a_network_is_timed_and_inspected),
        cmocka_unit_test(kernels_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
