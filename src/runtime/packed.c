/* Opening a packed network: the file read and checked, weights laid out for this machine. */
#include "runtime/packed.h"

#include "base/cpu.h"
#include "base/safetensors.h"
#include "runtime/context.h"

static lb_status choose_isa(const char *name, unsigned *isa)
{
    unsigned allowed = 0, needed = 0;
    const unsigned here = lb_cpu_isa();
    if (name == NULL) {
        *isa = here;
        return LB_OK;
    }
    if (!lb_isa_find(name, &allowed, &needed))
        return lb_fail(LB_E_UNSUPPORTED,
                       "instruction set '%s' is not known; there are scalar, avx2, avx512, neon",
                       name);
    if ((here & needed) != needed)
        return lb_fail(LB_E_UNSUPPORTED, "instruction set '%s' is not on this machine", name);
    *isa = here & allowed;
    return LB_OK;
}

/* Values of pixels, as images are normalized in training: in double precision, rounded once. */
static lb_status plan_pixels(lb_packed *packed)
{
    const lb_int_input *input = &packed->net.input;
    const size_t channels = packed->net.layers[0].map.shape.c;
    if (input->raw) return LB_OK;
    LB_TRY(lb_arena_alloc(&packed->arena, channels, sizeof *packed->pixel_values, "pixel values",
                          (void **)&packed->pixel_values));
    packed->weight_bytes += channels * sizeof *packed->pixel_values;
    for (size_t c = 0; c < channels; c++) {
        const double mean = (double)input->mean[c], std = (double)input->std[c];
        for (int p = 0; p < 256; p++)
            packed->pixel_values[c][p] = (float)((p / 255.0 - mean) / std);
    }
    return LB_OK;
}

static void forget_file(const lb_packed *packed)
{
    if (packed->net.file) lb_safetensors_forget(packed->net.file);
}

/* The layer whose weights are to be laid out next, or n_layers: the largest first, as laying out takes
 * memory of its own, which the others' weights can have afterwards. */
static size_t next_weights(const lb_packed *packed)
{
    const size_t n = packed->net.n_layers;
    size_t next = n;
    for (size_t i = 0; i < n; i++) {
        const lb_int_layer *l = &packed->net.layers[i];
        if (l->op != LB_INT_CONV || packed->layers[i].info.kernel[0] != '\0') continue;
        if (next == n || l->weights.count > packed->net.layers[next].weights.count) next = i;
    }
    return next;
}

static lb_status lay_out_weights(lb_packed *packed)
{
    forget_file(packed); /* checking has read all of it */
    for (size_t i; (i = next_weights(packed)) < packed->net.n_layers;) {
        const lb_status status = lb_layer_plan_weights(packed, i);
        if (status != LB_OK) return lb_fail_in(status, "layer '%s'", packed->net.layers[i].name);
    }
    return LB_OK;
}

static lb_status lay_out(lb_packed *packed)
{
    const size_t n = packed->net.n_layers;
    LB_TRY(lb_arena_alloc(&packed->arena, n, sizeof *packed->layers, "layer plans",
                          (void **)&packed->layers));
    LB_TRY(lb_arena_alloc(&packed->arena, n, sizeof *packed->offsets, "plan of maps",
                          (void **)&packed->offsets));
    LB_TRY(plan_pixels(packed));
    for (size_t i = 0; i < n; i++) LB_TRY(lb_layer_plan_begin(packed, i));
    LB_TRY(lay_out_weights(packed));
    for (size_t i = 0; i < n; i++) lb_layer_plan_finish(packed, i);
    forget_file(packed);
    return lb_plan_memory(packed, false, packed->offsets, &packed->maps_bytes);
}

static lb_status begin(const lb_packed_options *options, lb_packed **out)
{
    unsigned isa = 0;
    lb_packed *packed = NULL;
    LB_TRY(choose_isa(options ? options->isa : NULL, &isa));
    LB_TRY(lb_alloc(1, sizeof *packed, "packed network", (void **)&packed));
    packed->isa = isa;
    *out = packed;
    return LB_OK;
}

/* packed->net is there. */
static lb_status finish(lb_packed *packed, lb_status status, lb_packed **out)
{
    if (packed->net.file) packed->file_bytes = lb_safetensors_bytes(packed->net.file);
    if (status == LB_OK) status = lay_out(packed);
    if (status != LB_OK) {
        lb_packed_close(packed);
        return status;
    }
    *out = packed;
    return LB_OK;
}

lb_status lb_packed_open(const char *path, const lb_packed_options *options, lb_packed **out)
{
    lb_packed *packed = NULL;
    LB_TRY(begin(options, &packed));
    return finish(packed, lb_intnet_open(path, &packed->net), out);
}

lb_status lb_packed_open_memory(const void *data, size_t bytes, const lb_packed_options *options,
                                lb_packed **out)
{
    lb_packed *packed = NULL;
    LB_TRY(begin(options, &packed));
    return finish(packed, lb_intnet_open_memory("memory", data, bytes, &packed->net), out);
}

lb_status lb_packed_create(const lb_intnet *net, const lb_packed_options *options, lb_packed **out)
{
    lb_packed *packed = NULL;
    LB_TRY(begin(options, &packed));
    packed->net = *net;
    packed->net.arena = (lb_arena){0};
    packed->net.file = NULL;
    return finish(packed, LB_OK, out);
}

void lb_packed_close(lb_packed *packed)
{
    if (!packed) return;
    lb_intnet_release(&packed->net);
    lb_arena_release(&packed->arena);
    lb_free(packed);
}

void lb_packed_get_info(const lb_packed *packed, lb_packed_info *out)
{
    const lb_intnet *net = &packed->net;
    const lb_shape image = net->layers[0].map.shape;
    *out = (lb_packed_info){
        .title = net->title,
        .channels = image.c,
        .height = image.h,
        .width = image.w,
        .classes = net->classes,
        .raw_pixels = net->input.raw,
        .mean = net->input.mean,
        .std = net->input.std,
        .class_names = net->class_names,
        .data = net->data ? net->data : "",
        .loss = net->loss ? net->loss : "cross-entropy",
        .layers = net->n_layers,
        .weight_bytes = packed->weight_bytes,
        .context_bytes = lb_context_bytes(packed, 1, packed->maps_bytes),
        .file_bytes = packed->file_bytes,
    };
}

void lb_packed_get_layer(const lb_packed *packed, size_t index, lb_packed_layer *out)
{
    *out = packed->layers[index].info;
}
