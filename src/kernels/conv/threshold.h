/* Where the sums of one span go, for the kernels of every instruction set: threshold_avx2.h,
 * threshold_avx512.h and threshold_neon.h put whole registers of sums there. A kernel calls
 * lb_conv_sink_open once per span, then hands over each register once. */
#ifndef LB_KERNELS_CONV_THRESHOLD_H
#define LB_KERNELS_CONV_THRESHOLD_H

#include <string.h>

#include "kernels/conv/conv.h"

typedef struct lb_conv_sink {
    size_t filters;
    int32_t *sums; /* NULL: codes */
    uint8_t *codes;
    size_t plane_bytes, pixel_bytes; /* of the map of codes */
    int bits;
    size_t stride; /* integers of one level */
    const int32_t *level;
    const uint8_t *flip;
} lb_conv_sink;

/* What the sums of a span's pixel start from, filter 0 first; NULL: 0. */
static inline const int32_t *lb_conv_start_of(const lb_conv_span *span, size_t pixel)
{
    return span->starts ? span->starts[pixel] : span->start;
}

/* The sink of a span, of which nothing is written yet. */
static inline lb_conv_sink lb_conv_sink_of(const lb_int_conv *conv, const lb_conv_span *span)
{
    lb_conv_sink sink = {.filters = conv->filters, .sums = span->out.sums};
    if (sink.sums) return sink;
    const lb_conv_thresholds *t = span->out.thresholds;
    sink.codes = span->out.codes;
    sink.bits = t->bits;
    sink.plane_bytes = (conv->filters + 31) / 32 * 4;
    sink.pixel_bytes = (size_t)t->bits * sink.plane_bytes;
    sink.stride = t->stride;
    sink.level = t->level;
    sink.flip = t->flip;
    return sink;
}

/* Set the bytes of codes past the last filter's own to 0, as no register may reach them. */
static inline void lb_conv_sink_clear_tails(const lb_conv_sink *sink, const lb_int_conv *conv,
                                            const lb_conv_span *span)
{
    if (sink->sums || span->filter_end != conv->filters || conv->filters % 32 == 0) return;
    const uint32_t none = 0; /* the last word of every plane: all its filters are the span's */
    for (size_t row = 0; row <= span->more_rows; row++) {
        uint8_t *end = sink->codes + row * conv->out_w * sink->pixel_bytes;
        for (size_t i = 0; i < span->pixels * (size_t)sink->bits; i++) {
            end += sink->plane_bytes;
            memcpy(end - sizeof none, &none, sizeof none);
        }
    }
}

/* The sink of a span for kernels that store codes by registers. */
static inline lb_conv_sink lb_conv_sink_open(const lb_int_conv *conv, const lb_conv_span *span)
{
    const lb_conv_sink sink = lb_conv_sink_of(conv, span);
    lb_conv_sink_clear_tails(&sink, conv, span);
    return sink;
}

#endif
