/* XNNPACK's channels-last convolution in float32 and in int8 (qs8). */
#include <math.h>
#include <pthreadpool.h>
#include <stdlib.h>
#include <xnnpack.h>

#include "peer.h"

typedef struct state {
    xnn_operator_t operator;
    pthreadpool_t pool;
    void *in, *weights, *out;
} state;

static void run(void *opaque)
{
    state *s = opaque;
    if (xnn_run_operator(s->operator, s->pool) != xnn_status_success) give_up("XNNPACK: run");
}

static void destroy(void *opaque)
{
    state *s = opaque;
    if (s->operator) (void)xnn_delete_operator(s->operator);
    pthreadpool_destroy(s->pool);
    free(s->in);
    free(s->weights);
    free(s->out);
    free(s);
}

static void *create(const layer *l, int threads, int number, bool int8, bool *exists)
{
    *exists = number == 0;
    if (!*exists) return NULL;
    if (xnn_initialize(NULL) != xnn_status_success) give_up("XNNPACK: this processor is not supported");
    state *s = calloc(1, sizeof *s);
    if (!s) give_up("out of memory");
    const size_t element = int8 ? 1 : sizeof(float), pixels = l->size * l->size;
    const uint32_t k = (uint32_t)l->kernel, pad = (k - 1) / 2;
    s->pool = pthreadpool_create((size_t)threads);
    s->in = filled(l->in * pixels * element + XNN_EXTRA_BYTES);
    s->weights = filled(l->in * l->out * k * k * element);
    s->out = filled(l->out * pixels * element);
    enum xnn_status status;
    if (int8) {
        status = xnn_create_convolution2d_nhwc_qs8(pad, pad, pad, pad, k, k, 1, 1, 1, 1, 1, l->in, l->out, l->in,
                                                   l->out, 0, 1.0f, 1.0f, s->weights, NULL, 0, 1024.0f, INT8_MIN,
                                                   INT8_MAX, 0, &s->operator);
        if (status == xnn_status_success)
            status = xnn_setup_convolution2d_nhwc_qs8(s->operator, 1, l->size, l->size, s->in, s->out, s->pool);
    } else {
        status = xnn_create_convolution2d_nhwc_f32(pad, pad, pad, pad, k, k, 1, 1, 1, 1, 1, l->in, l->out, l->in,
                                                   l->out, s->weights, NULL, -INFINITY, INFINITY, 0, &s->operator);
        if (status == xnn_status_success)
            status = xnn_setup_convolution2d_nhwc_f32(s->operator, 1, l->size, l->size, s->in, s->out, s->pool);
    }
    if (status != xnn_status_success) {
        destroy(s);
        return NULL;
    }
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

const peer xnnpack_float = {"XNNPACK float32", create_float, run, destroy};
const peer xnnpack_int8 = {"XNNPACK int8", create_int8, run, destroy};
