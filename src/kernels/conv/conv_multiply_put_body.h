/* Outputs of the kernels that multiply codes, for each instruction set. Before including this, a file defines
 *
 *     LB_PUT                      the function's name
 *     LB_GROUP                    filters whose sums are put to their place together
 *     group_put(sink, pixel, filter, const void *sums)     as lb_conv_put_avx2
 *     pair_levels, pair_open(...), pair_put(...)           two groups, as threshold_narrow_avx2.h
 *
 * Sums are added up modulo 2^32. */
#include "kernels/conv/conv_multiply.h"
#include "kernels/conv/conv_winograd.h"

#include "base/compiler.h"

typedef uint32_t group_t __attribute__((vector_size(LB_GROUP * sizeof(uint32_t))));
typedef int32_t signed_t __attribute__((vector_size(LB_GROUP * sizeof(int32_t))));

/* ---- Winograd's output transforms, in place ---- */

/* sum / 2^times, with its sign. */
#define HALVE(sum, times) ((group_t)((signed_t)(sum) >> (times)))

#define LOAD(to, position) memcpy(&(to), sums + (position)*pitch, sizeof(to))
#define STORE(output, value)                                   \
    do {                                                       \
        const group_t store_ = (value);                        \
        memcpy(sums + (output)*pitch, &store_, sizeof store_); \
    } while (0)

/* The outputs of a block, scaled, in place of its positions' sums. */
LB_ALWAYS_INLINE void transform_block(const size_t outputs, uint32_t scale, int32_t *sums,
                                      size_t pitch)
{
    const uint32_t third = 0xaaaaaaabu * scale; /* times the inverse of 3 modulo 2^32 */
    group_t m0, m1, m2, m3;
    LOAD(m0, 0);
    LOAD(m1, 1);
    LOAD(m2, 2);
    LOAD(m3, 3);
    const group_t a = m1 + m2, b = m1 - m2;
    if (outputs == 2) {
        STORE(0, (m0 + HALVE(a, 1)) * scale);
        STORE(1, (HALVE(b, 1) - m3) * scale);
        return;
    }
    group_t m4, m5;
    LOAD(m4, 4);
    LOAD(m5, 5);
    const group_t c = m3 + m4, d = m3 - m4;
    STORE(0, HALVE((6 * m0 + 4 * a + c) * third, 3));
    STORE(1, HALVE((2 * b + d) * third, 2));
    STORE(2, HALVE((a + c) * third, 1));
    STORE(3, HALVE((b + 2 * d) * third, 1) + m5 * scale);
}
#undef LOAD
#undef STORE

LB_ALWAYS_INLINE void transform_strip(const lb_multiply_outputs *out, const size_t outputs)
{
    for (size_t i = 0; i < out->strip->n; i++)
        for (size_t f = 0; f < out->filters; f += LB_GROUP)
            transform_block(outputs, out->scale, out->sums + i * out->tile + f,
                            out->position_pitch);
}

/* ---- to their place ---- */

/* What is the same for all outputs of a group of filters. */
typedef struct put_group {
    size_t f; /* the first one */
    uint32_t scale;
    group_t constant;
} put_group;

/* The final sums of a group at a column of the span. */
LB_ALWAYS_INLINE void finish(const put_group *group, const lb_conv_span *span, size_t column,
                             const int32_t *sums, group_t *y)
{
    const int32_t *start = lb_conv_start_of(span, column);
    group_t sum;
    memcpy(&sum, sums, sizeof sum);
    sum = sum * group->scale + group->constant;
    if (start) {
        group_t more;
        memcpy(&more, start + group->f, sizeof more);
        sum += more;
    }
    *y = sum;
}

/* All pixels of a strip, of one or two groups of filters from f of the tile on (a constant once inlined); two
 * with `levels`, their thresholds of 16 bits. */
LB_ALWAYS_INLINE void put_pixels(const lb_multiply_outputs *out, const lb_conv_sink *sink,
                                 const bool two, const pair_levels *levels, size_t f)
{
    const lb_multiply_strip *strip = out->strip;
    const size_t n = strip->n, pitch = out->position_pitch, tile = out->tile;
    const uint32_t scale = out->outputs > 1 ? 1 : out->scale;
    put_group first = {.f = out->f + f, .scale = scale};
    put_group second = {.f = out->f + f + LB_GROUP, .scale = scale};
    memcpy(&first.constant, out->constants + f, sizeof first.constant);
    if (two) memcpy(&second.constant, out->constants + f + LB_GROUP, sizeof second.constant);
    for (size_t i = 0; i < n; i++) {
        const int32_t *sums = out->sums + i * tile + f + strip->first[i] * pitch;
        size_t column = strip->column[i], pixel = strip->pixel[i];
        for (size_t o = strip->first[i]; o < strip->end[i]; o++, sums += pitch) {
            group_t y, z;
            finish(&first, out->span, column, sums, &y);
            if (two) {
                finish(&second, out->span, column, sums + LB_GROUP, &z);
                pair_put(sink, levels, pixel, first.f, &y, &z);
            } else {
                group_put(sink, pixel, first.f, &y);
            }
            column++;
            pixel++;
        }
    }
}

/* Two groups of filters, with a loop for each number of planes. The sink is copied: stores of bytes might change
 * it for all that the compiler knows, where it is in memory. */
static void put_pair(const lb_multiply_outputs *out, const pair_levels *levels, size_t f)
{
    lb_conv_sink sink = *out->sink;
    sink.sums = NULL;
    switch (sink.bits) {
    case 1:
        sink.bits = 1;
        put_pixels(out, &sink, true, levels, f);
        break;
    case 2:
        sink.bits = 2;
        put_pixels(out, &sink, true, levels, f);
        break;
    case 3:
        sink.bits = 3;
        put_pixels(out, &sink, true, levels, f);
        break;
    default:
        sink.bits = 4;
        put_pixels(out, &sink, true, levels, f);
        break;
    }
}

static void put_single(const lb_multiply_outputs *out, size_t f)
{
    const lb_conv_sink sink = *out->sink;
    put_pixels(out, &sink, false, NULL, f);
}

void LB_PUT(const lb_multiply_outputs *out)
{
    const size_t end = out->span->filter_end;
    if (out->outputs == 2) transform_strip(out, 2);
    if (out->outputs == 4) transform_strip(out, 4);
    pair_levels levels;
    for (size_t f = 0; f < out->filters && out->f + f < end; f += LB_GROUP) {
        const bool two = out->filters - f >= (size_t)(2 * LB_GROUP);
        if (!out->sink->sums && two && pair_open(out->sink, out->f + f, &levels)) {
            put_pair(out, &levels, f);
            f += LB_GROUP;
        } else {
            put_single(out, f);
        }
    }
}
