/* Every valid combination of method, model, widths and end policies, with batch-norms drawn at random:
 * frozen, written, opened and run, scalar and by the best kernels here, against evaluation in training.
 * ctest: timeout 600 */
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "base/random.h"
#include "freeze/freeze.h"
#include "support/model_grid.h"
#include "support/support.h"
#include "verify/compare.h"

/* Under the address sanitizer all is many times slower, and reads outside of arrays show with one image
 * as with sixteen; two, so that a group has more than one. */
#if defined(LB_ADDRESS_SANITIZER)
enum { IMAGES = 2 };
#else
enum { IMAGES = 16 };
#endif
enum { LARGEST_IMAGE = 3 * 32 * 32, N_ISA = 2 };

/* What it all was. */
typedef struct totals {
    size_t networks, layers, values;
} totals;

static void draw_pixels(const lb_grid_case *c, size_t n, uint8_t *pixels)
{
    lb_random r = lb_random_at(c->next, LB_RANDOM_TEST, 5, 0);
    for (size_t i = 0; i < n; i++) pixels[i] = (uint8_t)lb_random_below(&r, 256);
}

/* Pixels spread over about two standard deviations to each side, as normalized images are. */
static lb_normalization normalization_of(const lb_net *net)
{
    lb_normalization n = {.raw_codes = net->raw_input};
    for (size_t c = 0; c < 4; c++) {
        n.mean[c] = 0.45f + 0.02f * (float)c;
        n.std[c] = 0.25f - 0.01f * (float)c;
    }
    return n;
}

static void write_frozen(const lb_grid_case *c, lb_net *net, const lb_normalization *n,
                         const char *path)
{
    lb_intnet frozen;
    if (lb_freeze(net, &frozen) != LB_OK) fail_msg("%s: not frozen: %s", c->name, lb_error());
    memcpy(frozen.input.mean, n->mean, sizeof n->mean);
    memcpy(frozen.input.std, n->std, sizeof n->std);
    assert_ok(lb_intnet_write(&frozen, path));
    lb_intnet_release(&frozen);
}

static void check(const lb_grid_case *c, const char *path, totals *sum)
{
    static uint8_t pixels[IMAGES * LARGEST_IMAGE];
    static const char *const isas[N_ISA] = {"scalar", NULL};
    lb_packed *packed[N_ISA] = {NULL, NULL};
    lb_compared_packed compared[N_ISA];
    lb_net net;
    lb_verify_result r;
    lb_grid_build(c, &net);
    const lb_normalization normalization = normalization_of(&net);
    write_frozen(c, &net, &normalization, path);
    draw_pixels(c, IMAGES * lb_shape_count(net.input), pixels);
    for (size_t i = 0; i < N_ISA; i++) {
        const lb_packed_options options = {.isa = isas[i]};
        assert_ok(lb_packed_open(path, &options, &packed[i]));
        compared[i] = (lb_compared_packed){isas[i] ? isas[i] : "best", packed[i]};
    }
    const lb_comparison comparison = {.net = &net,
                                      .packed = compared,
                                      .n_packed = N_ISA,
                                      .pixels = pixels,
                                      .images = IMAGES,
                                      .normalization = normalization,
                                      .threads = 1};
    if (lb_compare(&comparison, &r) != LB_OK) fail_msg("%s: %s", c->name, lb_error());
    if (r.mismatches > 0) {
        fail_msg("%s: %zu of %zu values differ, the first in image %zu, layer %s (%s), channel "
                 "%zu, row %zu, column %zu: training %a, packed %a",
                 c->name, r.mismatches, r.compared, r.first.image, r.first.layer, r.first.isa,
                 r.first.channel, r.first.row, r.first.column, (double)r.first.training,
                 (double)r.first.packed);
    }
    sum->networks++;
    sum->layers += r.layers;
    sum->values += r.compared;
    for (size_t i = 0; i < N_ISA; i++) lb_packed_close(packed[i]);
    lb_net_release(&net);
}

static void every_combination_is_the_same(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "net.lbm");
    lb_grid_case c = {0};
    totals sum = {0};
    while (lb_grid_next(&c)) check(&c, path, &sum);
    print_message("%zu networks, %zu layers, %zu values compared\n", sum.networks, sum.layers,
                  sum.values);
    assert_true(sum.networks > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_combination_is_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
