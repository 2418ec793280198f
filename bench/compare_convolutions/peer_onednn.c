/* oneDNN's forward convolution in float32 and in int8 (u8 maps, s8 weights, u8 out by one scale), in its own
 * layout and channels-last, direct and by Winograd. Threads are OpenMP's. */
#include <omp.h>
#include <stdlib.h>

#include <dnnl.h>

#include "peer.h"

enum { ARGUMENTS = 3 };

typedef struct state {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t arguments[ARGUMENTS];
    void *blocks[ARGUMENTS];
    int threads;
} state;

typedef struct candidate {
    dnnl_format_tag_t maps;
    dnnl_alg_kind_t algorithm;
} candidate;

static const candidate candidates[] = {
    {dnnl_format_tag_any, dnnl_convolution_direct},
    {dnnl_nhwc, dnnl_convolution_direct},
    {dnnl_format_tag_any, dnnl_convolution_winograd},
};

static void check(dnnl_status_t status, const char *what)
{
    if (status != dnnl_success) give_up(what);
}

static void run(void *opaque)
{
    state *s = opaque;
    omp_set_num_threads(s->threads);
    check(dnnl_primitive_execute(s->primitive, s->stream, ARGUMENTS, s->arguments), "oneDNN: run");
    check(dnnl_stream_wait(s->stream), "oneDNN: wait");
}

static void destroy(void *opaque)
{
    state *s = opaque;
    for (int i = 0; i < ARGUMENTS; i++) {
        if (s->arguments[i].memory) (void)dnnl_memory_destroy(s->arguments[i].memory);
        free(s->blocks[i]);
    }
    if (s->primitive) (void)dnnl_primitive_destroy(s->primitive);
    if (s->stream) (void)dnnl_stream_destroy(s->stream);
    if (s->engine) (void)dnnl_engine_destroy(s->engine);
    free(s);
}

static void bind(state *s, int at, int argument, const_dnnl_primitive_desc_t described, dnnl_query_t query)
{
    const dnnl_memory_desc_t *memory = dnnl_primitive_desc_query_md(described, query, 0);
    s->blocks[at] = filled(dnnl_memory_desc_get_size(memory));
    s->arguments[at].arg = argument;
    check(dnnl_memory_create(&s->arguments[at].memory, memory, s->engine, s->blocks[at]), "oneDNN: memory");
}

static dnnl_status_t describe(const layer *l, const candidate *c, bool int8, dnnl_engine_t engine,
                              dnnl_primitive_desc_t *out)
{
    const dnnl_dim_t in = (dnnl_dim_t)l->in, filters = (dnnl_dim_t)l->out, side = (dnnl_dim_t)l->size,
                     kernel = (dnnl_dim_t)l->kernel, pad = (kernel - 1) / 2;
    const dnnl_dims_t x = {1, in, side, side}, w = {filters, in, kernel, kernel}, y = {1, filters, side, side},
                      strides = {1, 1}, padding = {pad, pad};
    const float scale = 0x1p-10f;
    dnnl_memory_desc_t src, weights, dst;
    dnnl_convolution_desc_t convolution;
    dnnl_primitive_attr_t attributes;
    check(dnnl_memory_desc_init_by_tag(&src, 4, x, int8 ? dnnl_u8 : dnnl_f32, c->maps), "oneDNN: map");
    check(dnnl_memory_desc_init_by_tag(&weights, 4, w, int8 ? dnnl_s8 : dnnl_f32, dnnl_format_tag_any),
          "oneDNN: weights");
    check(dnnl_memory_desc_init_by_tag(&dst, 4, y, int8 ? dnnl_u8 : dnnl_f32, c->maps), "oneDNN: map");
    dnnl_status_t status = dnnl_convolution_forward_desc_init(&convolution, dnnl_forward_inference, c->algorithm,
                                                              &src, &weights, NULL, &dst, strides, padding, padding);
    if (status != dnnl_success) return status;
    check(dnnl_primitive_attr_create(&attributes), "oneDNN: attributes");
    if (int8) check(dnnl_primitive_attr_set_output_scales(attributes, 1, 0, &scale), "oneDNN: scale");
    status = dnnl_primitive_desc_create(out, &convolution, attributes, engine, NULL);
    (void)dnnl_primitive_attr_destroy(attributes);
    return status;
}

static void *create(const layer *l, int threads, int number, bool int8, bool *exists)
{
    *exists = (size_t)number < sizeof candidates / sizeof *candidates;
    if (!*exists) return NULL;
    omp_set_num_threads(threads);
    state *s = calloc(1, sizeof *s);
    if (!s) give_up("out of memory");
    s->threads = threads;
    check(dnnl_engine_create(&s->engine, dnnl_cpu, 0), "oneDNN: engine");
    check(dnnl_stream_create(&s->stream, s->engine, dnnl_stream_default_flags), "oneDNN: stream");
    dnnl_primitive_desc_t described;
    if (describe(l, &candidates[number], int8, s->engine, &described) != dnnl_success) {
        destroy(s);
        return NULL;
    }
    bind(s, 0, DNNL_ARG_SRC, described, dnnl_query_src_md);
    bind(s, 1, DNNL_ARG_WEIGHTS, described, dnnl_query_weights_md);
    bind(s, 2, DNNL_ARG_DST, described, dnnl_query_dst_md);
    check(dnnl_primitive_create(&s->primitive, described), "oneDNN: primitive");
    (void)dnnl_primitive_desc_destroy(described);
    return s;
}

static void *create_float(const layer *l, int threads, int number, bool *exists)
{
    return create(l, threads, number, false, exists);
}

static void *create_int8(const layer *l, int threads, int number, bool *exists)
{
    return create(l, threads, number, true, exists);
}

const peer onednn_float = {"oneDNN float32", create_float, run, destroy};
const peer onednn_int8 = {"oneDNN int8", create_int8, run, destroy};
