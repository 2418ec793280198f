/* Packed networks: the reader, and the runtime on whatever the reader lets through. */
#include <string.h>

#include "base/memory.h"
#include "input_file.h"
#include "intnet/int_cost.h"
#include "lowbit/runtime.h"

/* Networks above these are sound but slow; there is nothing to find in waiting for them. */
enum { WEIGHTS_MAX = 1 << 16, MACS_MAX = 1 << 20, BYTES_MAX = 1 << 24 };

/* The definitions of the integer forms, at the ends of the sums. */
static void evaluate_ends(const lb_intnet *net, size_t layer)
{
    const lb_int_layer *l = &net->layers[layer];
    const int32_t end = (int32_t)lb_int_layer_largest_sum(net, layer);
    const int32_t sums[] = {-end, -1, 0, 1, end};
    for (size_t c = 0; c < l->map.shape.c; c++)
        for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
            if (l->post.kind == LB_POST_THRESHOLDS)
                (void)lb_thresholds_field(&l->post.thresholds, c, sums[i]);
            if (l->post.kind == LB_POST_FIXED_POINT)
                (void)lb_fixed_point_field(&l->post.fixed, c, sums[i]);
        }
}

static void unpack_weights(const lb_int_weights *w)
{
    void *values = NULL;
    if (w->count > WEIGHTS_MAX) return;
    if (lb_alloc(w->count, sizeof(float), "weights", &values) != LB_OK) return;
    lb_int_weights_floats(w, values);
    if (w->storage != LB_STORED_FLOAT) lb_int_weights_codes(w, values);
    lb_free(values);
}

/* false: too large to be run. */
static bool read_all(const char *path)
{
    lb_intnet net;
    bool small = false;
    if (lb_intnet_open(path, &net) == LB_OK) {
        const lb_int_cost cost = lb_intnet_cost_of(&net);
        small = cost.macs <= MACS_MAX && cost.weights <= WEIGHTS_MAX;
        for (size_t i = 0; i < net.n_layers; i++) {
            evaluate_ends(&net, i);
            const lb_int_layer *l = &net.layers[i];
            if (l->op != LB_INT_CONV) continue;
            unpack_weights(&l->weights);
            small = small && l->weights.terms * l->weights.count <=
                                 MACS_MAX / (l->map.shape.h * l->map.shape.w);
        }
    }
    lb_intnet_release(&net);
    return small;
}

static void run(const lb_packed *packed)
{
    lb_packed_info info;
    lb_context *context = NULL;
    uint8_t *pixels = NULL;
    float *logits = NULL;
    lb_packed_get_info(packed, &info);
    if (info.context_bytes > BYTES_MAX || info.weight_bytes > BYTES_MAX) return;
    const size_t values = info.channels * info.height * info.width;
    if (lb_context_create(packed, NULL, &context) == LB_OK &&
        lb_alloc(values, 1, "pixels", (void **)&pixels) == LB_OK &&
        lb_alloc(info.classes, sizeof *logits, "logits", (void **)&logits) == LB_OK) {
        for (size_t i = 0; i < values; i++) pixels[i] = (uint8_t)(i * 37);
        lb_context_run_pixels(context, pixels, 1, logits);
    }
    lb_free(logits);
    lb_free(pixels);
    lb_context_destroy(context);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const sets[] = {NULL, "scalar"};
    const char *path = lb_fuzz_path(data, size);
    if (!read_all(path)) return 0;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        const lb_packed_options options = {.isa = sets[i]};
        lb_packed *packed = NULL;
        if (lb_packed_open(path, &options, &packed) == LB_OK) run(packed);
        lb_packed_close(packed);
    }
    return 0;
}
