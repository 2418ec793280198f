#include "support/verify_check.h"

#include <string.h>

#include "base/random.h"
#include "freeze/freeze.h"
#include "support/support.h"
#include "verify/compare.h"

enum { N_ISA = 2 };

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

static void write_frozen(const char *name, lb_net *net, const lb_normalization *n, const char *path)
{
    lb_intnet frozen;
    if (lb_freeze(net, &frozen) != LB_OK) fail_msg("%s: not frozen: %s", name, lb_error());
    memcpy(frozen.input.mean, n->mean, sizeof n->mean);
    memcpy(frozen.input.std, n->std, sizeof n->std);
    assert_ok(lb_intnet_write(&frozen, path));
    lb_intnet_release(&frozen);
}

static uint8_t *draw_pixels(const lb_net *net, size_t images, uint64_t seed)
{
    const size_t n = images * lb_shape_count(net->input);
    void *pixels = NULL;
    assert_ok(lb_alloc(n, 1, "pixels", &pixels));
    lb_random r = lb_random_at(seed, LB_RANDOM_TEST, 5, 0);
    for (size_t i = 0; i < n; i++) ((uint8_t *)pixels)[i] = (uint8_t)lb_random_below(&r, 256);
    return pixels;
}

static void check_result(const char *name, const lb_verify_result *r)
{
    if (r->mismatches == 0) return;
    fail_msg("%s: %zu of %zu values differ, the first in image %zu, layer %s (%s), channel "
             "%zu, row %zu, column %zu: training %a, packed %a",
             name, r->mismatches, r->compared, r->first.image, r->first.layer, r->first.isa,
             r->first.channel, r->first.row, r->first.column, (double)r->first.training,
             (double)r->first.packed);
}

void lb_test_verify(const char *name, lb_net *net, size_t images, uint64_t seed, const char *path,
                    lb_test_verified *sum)
{
    static const char *const isas[N_ISA] = {"scalar", NULL};
    lb_packed *packed[N_ISA] = {NULL, NULL};
    lb_compared_packed compared[N_ISA];
    lb_verify_result r;
    const lb_normalization normalization = normalization_of(net);
    write_frozen(name, net, &normalization, path);
    uint8_t *pixels = draw_pixels(net, images, seed);
    for (size_t i = 0; i < N_ISA; i++) {
        const lb_packed_options options = {.isa = isas[i]};
        assert_ok(lb_packed_open(path, &options, &packed[i]));
        compared[i] = (lb_compared_packed){isas[i] ? isas[i] : "best", packed[i]};
    }
    const lb_comparison comparison = {.net = net,
                                      .packed = compared,
                                      .n_packed = N_ISA,
                                      .pixels = pixels,
                                      .images = images,
                                      .normalization = normalization,
                                      .threads = 1};
    if (lb_compare(&comparison, &r) != LB_OK) fail_msg("%s: %s", name, lb_error());
    check_result(name, &r);
    assert_true(r.compared > 0);
    sum->networks++;
    sum->layers += r.layers;
    sum->values += r.compared;
    for (size_t i = 0; i < N_ISA; i++) lb_packed_close(packed[i]);
    lb_free(pixels);
}
